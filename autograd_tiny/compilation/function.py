"""jit: a function of Values for one example becomes a compiled function of batches."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import update_wrapper
from typing import Any, NamedTuple

from ..errors import GraphError, NotARealNumberError, ParameterError
from ..functional import are_variables, flatten, rebuild
from ..nn import Module
from ..primitive import whole
from ..recording import mode, tracing_error
from ..value import NO_GRAD_YET, Value, lift
from .executors import EXECUTORS, FEW_EXAMPLES, Executor, executor_for
from .program import Program
from .structure import Examples, Parameters, fingerprint
from .tracing import inputs, trace

REDUCTIONS = ("mean", "sum", "none")
MOST_PROGRAMS = 128  # that one function keeps


def jit(
    f: Callable[..., Any], *, reduce: str = "mean", executor: str = "auto", fast: bool = False, threads: int = 1
) -> Compiled:
    """Return a compiled form of ``f``, which is traced once and then runs on batches at native speed.

    ``f(model, *inputs)`` computes one number, or nested ones, for one example from the parameters of a model and
    the inputs of the example. The compiled form takes all examples at once, stacked along the first axis of each input.
    ``jit(value_and_grad(f))`` returns the gradients too, ``jit(grad(f))`` the gradients alone, in the structure of the
    model; and :meth:`Compiled.backward` adds them to ``.grad``, as ``backward()`` does, for any optimiser.

    Tracing runs ``f`` on the first example and records its operations, so ``f`` must do the same for every example:
    ``if``, ``float()`` and the like on its numbers raise TracingError; use ``where``. What ``f`` takes from elsewhere
    than its arguments is frozen as it was at the trace. It is traced again when shapes, keyword arguments,
    or plain numbers and flags in the model change.

    Args:
        f: the function, or ``value_and_grad`` or ``grad`` of it.
        reduce: what becomes of the results of all examples: ``"mean"``, ``"sum"``, or ``"none"`` for a list of them.
        executor: ``"auto"`` takes the fastest that is installed; ``"python"``, ``"numpy"`` or ``"llvm"`` force
            one; ``"straight"`` and ``"tape"`` are the two kinds of machine code.
        fast: let machine code contract products with sums and reorder sums: the last bits may differ.
        threads: how many threads share the examples, in machine code.

    Raises:
        ParameterError: for a setting out of range, or gradients with respect to something else than the first argument.
        MissingPackageError: when the package of a forced executor is not installed.

    >>> from autograd_tiny import value_and_grad
    >>> f = jit(value_and_grad(lambda w, x: (w * x - 1) ** 2), executor="python")
    >>> f(2.0, [1.0, 3.0])
    (13.0, 16.0)
    """
    return Compiled(f, reduce, executor, fast, threads)


class _Entry(NamedTuple):
    program: Program
    result: Any
    kept: Any
    executors: dict[Any, Executor]


class Compiled:
    """A compiled function; see :func:`jit`."""

    def __init__(self, f: Callable[..., Any], reduce: str, executor: str, fast: bool, threads: int) -> None:
        if not callable(f):
            raise ParameterError(f"jit compiles a function, got {f!r:.60}; write jit(lambda model, x: ...)")
        if isinstance(f, Compiled):
            raise ParameterError("the function is compiled already; jit compiles the one that it was made from")
        if reduce not in REDUCTIONS:
            raise ParameterError(f"reduce is one of {', '.join(REDUCTIONS)}, got {reduce!r:.60}")
        if executor not in EXECUTORS:
            raise ParameterError(f"executor is one of {', '.join(EXECUTORS)}, got {executor!r:.60}")
        f, self._part = _undifferentiated(f)
        if self._part != "value" and reduce == "none":
            raise ParameterError('a gradient is that of the mean or the sum over the examples, got reduce="none"')
        self._f, self._reduce, self._executor = f, reduce, executor
        self._fast, self._threads = bool(fast), whole(threads, "threads")
        self._entries: OrderedDict[Any, _Entry] = OrderedDict()
        self._latest: tuple[Any, Parameters] | None = None  # what a training loop calls with again and again
        update_wrapper(self, f, updated=())

    def __call__(self, model: Any, *inputs: Any, **settings: Any) -> Any:
        """Return the results for all examples, the gradients, or both; see :func:`jit`.

        Args:
            model: a Module, or nested containers of numbers and Values.
            inputs: arrays or nested lists, one example after the other.
            settings: handed to ``f`` as they are; each new value is a new trace.

        Raises:
            TracingError: where ``f`` uses a traced value as a number.
            ShapeError: when examples differ in shape, or inputs in length.
        """
        parameters, entry, results, totals = self._run(model, inputs, settings, self._part != "value")
        if self._part == "value":
            return self._reduced(entry, results)
        gradients = parameters.like([float(total) for total in totals])
        return (self._reduced(entry, results), gradients) if self._part == "value_and_grad" else gradients

    def backward(self, model: Any, *inputs: Any, **settings: Any) -> float:
        """Add the gradients to ``.grad`` of the model's parameters, as ``backward()`` does, and return the value.

        Arguments and errors as for a call.

        >>> w = Value(2.0)
        >>> jit(lambda w, x: w * x, executor="python").backward(w, [1.0, 3.0]), w.grad
        (4.0, 2.0)
        """
        if self._reduce == "none":
            raise ParameterError('a gradient is that of the mean or the sum over the examples, got reduce="none"')
        parameters, entry, results, totals = self._run(model, inputs, settings, True)
        for leaf, total in zip(parameters.leaves, totals, strict=True):
            leaf.grad = float(total) if leaf.grad is NO_GRAD_YET else leaf.grad + float(total)
        value: float = self._reduced(entry, results)
        return value

    def program(self, model: Any, *inputs: Any, **settings: Any) -> Program:
        """Return the program that a call with these arguments runs, traced now if need be.

        >>> print(jit(lambda w, x: w * x + 1).program(2.0, [3.0]).summary())
        1 parameter, 1 input, 1 constant, 1 output
        2 instructions, depth 2: 1 mul, 1 add
        80 bytes an example for numbers and gradients
        """
        return self._entry(model, Examples(inputs), settings)[1].program

    def _run(self, model: Any, inputs: Sequence[Any], settings: dict[str, Any], gradients: bool) -> Any:
        examples = Examples(inputs)
        parameters, entry = self._entry(model, examples, settings)
        if gradients and (len(entry.program.outputs) != 1 or not _is_number(entry.result)):
            raise GraphError(
                f"a gradient needs a function with one number as its result, got {entry.result!r:.60}; return the loss"
            )
        few = len(examples) < FEW_EXAMPLES * self._threads
        key = gradients, few
        executor = entry.executors.get(key)
        if executor is None:
            executor = entry.executors[key] = executor_for(
                entry.program, gradients, len(examples), self._executor, self._fast, 1 if few else self._threads
            )
        seed = 1.0 / len(examples) if self._reduce == "mean" else 1.0
        results, totals = executor.run(parameters.numbers(), examples.rows, [seed] * len(entry.program.outputs))
        return parameters, entry, results, totals

    def _entry(self, model: Any, examples: Examples, settings: dict[str, Any]) -> tuple[Parameters, _Entry]:
        if not isinstance(model, Module):
            _check_ordinary([part for part in flatten(model, check=False) if isinstance(part, Value)])
            model = Parameters(model).model  # plain numbers are parameters, not settings
        of_model, kept = fingerprint(model)
        this = id(model), of_model, tuple(map(id, kept))
        latest = self._latest
        if latest is None or latest[0] != this:
            latest = self._latest = this, Parameters(model)
        parameters = latest[1]
        _check_ordinary([*parameters.leaves, *examples.values])
        of_settings, also = fingerprint(settings, parameters.places)
        key = of_model, of_settings, examples.shapes
        entry = self._entries.get(key)
        if entry is None:
            entry = self._traced(parameters, examples, settings, [*kept, *also])
            self._entries[key] = entry
            if len(self._entries) > MOST_PROGRAMS:
                self._entries.popitem(last=False)
        return parameters, entry

    def _traced(self, parameters: Parameters, examples: Examples, settings: dict[str, Any], kept: list[Any]) -> _Entry:
        given = inputs(examples.first())
        result = trace(lambda *arguments: self._f(parameters.model, *arguments, **settings), given, parameters.leaves)
        try:
            roots = [root if isinstance(root, Value) else lift(root) for root in flatten(result)]
        except NotARealNumberError:
            raise GraphError(
                f"a compiled function returns Values, or lists, tuples and dicts of them, got {result!r:.60}; "
                "did it forget to return its result?"
            ) from None
        program = Program.of(roots, parameters.leaves, flatten(given))
        return _Entry(program, rebuild(result, [0.0] * len(roots)), kept, {})

    def _reduced(self, entry: _Entry, results: Any) -> Any:
        columns = results.tolist() if hasattr(results, "tolist") else results
        if self._reduce == "none":
            return [rebuild(entry.result, row) for row in columns]
        sums = [_sum(column) for column in zip(*columns, strict=True)]
        if self._reduce == "mean":
            sums = [total / len(columns) for total in sums]
        return rebuild(entry.result, sums)


def _sum(numbers: Sequence[float]) -> float:
    total = 0.0
    for number in numbers:  # from left to right, as recorded sums are; the built-in sum rounds in another way
        total += number
    return total


def _check_ordinary(leaves: Sequence[Value]) -> None:
    """Raise an error where a compiled function is called inside a function being traced or differentiated."""
    if mode.get().traced is not None:
        raise tracing_error("a call of a compiled function", "call the function itself there, which is compiled along")
    if are_variables(leaves):
        raise GraphError(
            "a compiled function gives plain numbers, which have no derivative; "
            "write jit(value_and_grad(f)) instead of value_and_grad(jit(f))"
        )


def _is_number(result: Any) -> bool:
    return not isinstance(result, (list, tuple, dict))


def _undifferentiated(f: Any) -> tuple[Callable[..., Any], str]:
    """Return (the function, what of it is wanted) for a function, ``value_and_grad`` of one, or ``grad`` of one."""
    derivative = getattr(f, "derivative_of", None)
    if derivative is None:
        return f, "value"
    function, argnums, part = derivative
    if argnums not in (0, (0,), [0]):
        raise ParameterError(
            f"compiled gradients are those of the parameters, the first argument (argnums=0), got argnums={argnums}; "
            "put what is to be differentiated there"
        )
    if hasattr(function, "derivative_of"):
        raise ParameterError("second derivatives are not compiled; compile value_and_grad of the function itself")
    return function, part
