"""The works in C: plain loops, compiled for this machine and called from Python through ctypes."""

from __future__ import annotations

import ctypes
import subprocess
from collections.abc import Iterable
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ..errors import MissingProgramError
from .machine import c_compiler
from .problems import (
    GPT_BETAS,
    GPT_EPS,
    GPT_LR,
    GPT_NORM_EPS,
    MOONS_LR,
    MOONS_PENALTY,
    Step,
    moons,
    next_letters,
)

FLAGS = ("-O3", "-march=native", "-ffast-math", "-fPIC")


def moons_step() -> Step:
    """Return the step on the moons.

    Raises:
        MissingProgramError: without a C compiler.
    """
    points, labels, layers = moons()
    trained = _compiled("moons").moons_step
    trained.restype = ctypes.c_double
    network = _doubles(row for layer in layers for row in layer)
    fixed = _doubles(points), _doubles([labels]), ctypes.c_double(MOONS_LR), ctypes.c_double(MOONS_PENALTY)

    def step() -> float:
        loss: float = trained(network, *fixed)
        return loss

    return step


def gpt_step() -> Step:
    """Return the step of the example GPT on one name.

    Raises:
        MissingProgramError: without a C compiler.
    """
    tokens, matrices = next_letters()
    trained = _compiled("gpt").gpt_step
    trained.restype = ctypes.c_double
    model = _doubles(row for rows in matrices.values() for row in rows)
    moments = [(ctypes.c_double * len(model))() for _ in range(2)]
    name = (ctypes.c_int * len(tokens))(*tokens)
    settings = [ctypes.c_double(number) for number in (GPT_NORM_EPS, GPT_LR, *GPT_BETAS, GPT_EPS)]
    numbers = count(1)

    def step() -> float:
        loss: float = trained(model, *moments, next(numbers), len(name) - 1, name, *settings)
        return loss

    return step


def _doubles(rows: Iterable[Iterable[float]]) -> Any:
    numbers = [number for row in rows for number in row]
    return (ctypes.c_double * len(numbers))(*numbers)


def _compiled(name: str) -> ctypes.CDLL:
    """Return the library of a source file beside this one, compiled in a folder that is gone when it is loaded."""
    compiler = c_compiler()
    if compiler is None:
        raise MissingProgramError("gcc", "C", "install a C compiler, or do without this peer")
    source = Path(__file__).with_name(f"{name}.c")
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        compiled, library = Path(folder, f"{name}.o"), Path(folder, f"{name}.so")
        subprocess.run([compiler, *FLAGS, "-c", source, "-o", compiled], check=True)
        # linked without -ffast-math, which would make the whole process flush the smallest numbers to 0
        subprocess.run([compiler, "-shared", compiled, "-o", library, "-lm"], check=True)
        return ctypes.CDLL(str(library))
