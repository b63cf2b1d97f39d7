"""Compiling: a function of Values, recorded once, runs at native speed on batches, with gradients.

The way of the data: :mod:`tracing` records the function on one example; :mod:`program` flattens the graph;
:mod:`lowering` turns operations into elementary instructions by running their rules; an executor runs them:
:mod:`python_code`, :mod:`arrays`, or machine code (:mod:`native_program`): :mod:`straight_line` for small programs, the
:mod:`tape`, :mod:`schedule`, :mod:`encoding` and :mod:`kernel` for large ones.
"""

from .executors import Executor, executor_for
from .function import Compiled, jit
from .program import Instruction, Program
from .replaying import Replay, replay

__all__ = ["Compiled", "Executor", "Instruction", "Program", "Replay", "executor_for", "jit", "replay"]
