"""LaTeX to PDF through the pdflatex of this machine."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from ...errors import GraphError, MissingProgramError

SECONDS = 60


def pdf(document: str) -> bytes:
    """Return a LaTeX document as PDF; pdflatex runs in a folder of its own and may start no other program.

    Raises:
        MissingProgramError: when there is no pdflatex.
        GraphError: with the first complaint of pdflatex.
    """
    program = shutil.which("pdflatex")
    if program is None:
        raise MissingProgramError(
            "pdflatex", "writing PDF", "install TeX Live or MiKTeX, or write the .tex file and set it elsewhere"
        )
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "sheet.tex").write_text(document, encoding="utf-8")
        command = [program, "-no-shell-escape", "-interaction=nonstopmode", "-halt-on-error", "sheet.tex"]
        try:
            done = subprocess.run(command, cwd=folder, capture_output=True, check=False, timeout=SECONDS)
        except subprocess.TimeoutExpired:
            raise GraphError(f"pdflatex did not finish in {SECONDS} s; write the .tex file and look into it") from None
        if done.returncode:
            output = done.stdout.decode(errors="replace").splitlines()
            complaint = next((line for line in output if line.startswith("!")), "it gives no reason")
            raise GraphError(f"pdflatex could not set the document: {complaint}; write the .tex file and look into it")
        return Path(folder, "sheet.pdf").read_bytes()
