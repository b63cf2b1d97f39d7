"""Executors: what runs a Program on a batch. All follow from the rules of ops.py; they differ in speed and in needs.

========== ======================= ==========================================================================
executor   needs                   how
========== ======================= ==========================================================================
python     nothing                 generated straight-line Python, example by example; to the bit as recorded
numpy      NumPy                   arrays over the batch
llvm       llvmlite and NumPy      machine code: straight-line for small programs, a tape for large ones
========== ======================= ==========================================================================
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib.util import find_spec
from threading import Lock
from typing import Any, Protocol

from ..errors import MissingPackageError, ParameterError
from ..primitive import whole
from ..recording import calling_line
from .program import Program

EXECUTORS = ("auto", "python", "numpy", "llvm", "straight", "tape")
FEW_EXAMPLES = 4  # fewer are faster one after the other than side by side in lanes or arrays
LONGEST_FORCED = 20_000  # operations and operands of straight-line code: LLVM's time grows faster than the code
MOST_SLOTS = 1 << 29  # that the tape's 32-bit integers can name, times the lanes


class Executor(Protocol):
    """Runs a Program on batches."""

    def run(self, shared: Any, rows: Any, seeds: Sequence[float]) -> tuple[Any, Any]:
        """Return (outputs of each example, gradients summed over the examples).

        Args:
            shared: the numbers of the parameters.
            rows: the inputs, a row for each example.
            seeds: the upstream gradient of each output.
        """


def chosen(executor: str) -> str:
    """Return the executor to use: for ``"auto"`` the fastest one that is installed.

    Raises:
        ParameterError: for an unknown name.
        MissingPackageError: when a package that the executor needs is not installed.

    >>> chosen("python")
    'python'
    """
    if executor not in EXECUTORS:
        raise ParameterError(f"executor is one of {', '.join(EXECUTORS)}, got {executor!r:.60}")
    if executor == "auto":
        if has_llvm():
            return "llvm"
        _say_what_is_slower()
        return "numpy" if find_spec("numpy") else "python"
    if executor != "python" and not find_spec("numpy"):
        raise MissingPackageError("numpy", f'the executor "{executor}"', extra="jit")
    if executor in ("llvm", "straight", "tape") and not has_llvm():
        raise MissingPackageError("llvmlite", f'the executor "{executor}"', extra="jit")
    return executor


@cache
def has_llvm() -> bool:
    """Return whether machine code can be made here."""
    if not (find_spec("llvmlite") and find_spec("numpy")):
        return False
    from .native import is_available

    return is_available()


@cache
def _say_what_is_slower() -> None:
    instead = "NumPy" if find_spec("numpy") else "plain Python"
    file, _, line = calling_line().rpartition(":")
    warnings.warn_explicit(
        f'llvmlite is not installed, so jit runs on {instead}, which is slower: pip install "autograd_tiny[jit]"',
        UserWarning,
        file or __name__,
        int(line or 0),
    )


def executor_for(
    program: Program, gradients: bool, examples: int, executor: str = "auto", fast: bool = False, threads: int = 1
) -> Executor:
    """Return an executor for a program.

    Args:
        program: the program.
        gradients: whether gradients are wanted.
        examples: about how many there are in a batch: machine code for one takes no lanes.
        executor: one of :data:`EXECUTORS`.
        fast: let machine code contract products and sums and reorder sums.
        threads: how many threads share the examples, in machine code.

    Raises:
        ParameterError, MissingPackageError: as :func:`chosen`, or for a program that is too large.
    """
    name = chosen(executor)
    if name == "numpy" and executor == "auto" and examples < FEW_EXAMPLES:
        name = "python"
    if name == "python":
        from .python_code import PythonExecutor

        return PythonExecutor(program, gradients)
    if name == "numpy":
        from .arrays import ArrayExecutor

        return ArrayExecutor(program, gradients)
    return NativeExecutor(program, gradients, examples, name, fast, threads)


class NativeExecutor:
    """Runs a Program in machine code."""

    def __init__(self, program: Program, gradients: bool, examples: int, kind: str, fast: bool, threads: int) -> None:
        from .native_program import Compiled, size_of

        if program.slots > MOST_SLOTS:
            raise ParameterError(
                f"machine code takes programs of at most {MOST_SLOTS:,} numbers, this one has {program.slots:,}; "
                'use executor="numpy"'
            )
        if kind == "straight" and size_of(program) > LONGEST_FORCED:
            raise ParameterError(
                f"straight-line code of {len(program.instructions):,} instructions would take minutes to compile; "
                'use executor="tape"'
            )
        straight = {"straight": True, "tape": False}.get(kind)
        self.program, self.gradients = program, gradients
        self._parts = [
            Compiled(program, gradients, examples // threads, straight, fast) for _ in range(whole(threads, "threads"))
        ]
        self._lock = Lock()  # the parts have one memory each
        self._pool = ThreadPoolExecutor(threads - 1) if threads > 1 else None

    def run(self, shared: Any, rows: Any, seeds: Sequence[float]) -> tuple[Any, Any]:
        """Return (outputs of each example, gradients summed over the examples)."""
        import numpy as np

        with self._lock:
            return self._run(np, shared, rows, seeds)

    def _run(self, np: Any, shared: Any, rows: Any, seeds: Sequence[float]) -> tuple[Any, Any]:
        rows = np.ascontiguousarray(rows, float).reshape(len(rows), self.program.inputs)
        order: Any = np.arange(len(rows), dtype=np.int32)
        shares = np.array_split(order, len(self._parts))
        runs = [
            (lambda part=part, share=share: part.run(shared, rows, share, seeds))
            for part, share in zip(self._parts, shares, strict=True)
        ]
        waiting = [self._pool.submit(run) for run in runs[1:]] if self._pool else []
        done = [runs[0](), *[future.result() for future in waiting]]
        return np.concatenate([results for results, _ in done]), sum(totals for _, totals in done)
