"""Tracing: a function of Values runs once, on one example, and its operations are recorded for all others.

The numbers it computes meanwhile are those of the one example. Whatever asks for one of them, ``if x > 0`` or
``float(x)``, would take the answer of this example for all examples; a traced value refuses, and says what to do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from threading import RLock
from typing import Any, NoReturn

from .. import ops
from ..errors import NotARealNumberError, ParameterError, TracingError, printable
from ..nn.shapes import mapped
from ..primitive import Primitive, real
from ..recording import MOST_OPERANDS, mode, tracing_error
from ..value import Constant, Value, record_operation

CHOOSE = "choose by where(condition, a, b), for each example by itself, or by maximum, minimum, clip and relu"
JOIN = "; join conditions by & and |, in brackets: (0 < x) & (x < 1)"
COMPUTE = "compute with the Value itself, by operators and the functions of autograd_tiny"
RETURN = "return the Value from the function and use its number after the call"

_one_at_a_time = RLock()  # threads may trace with the same parameters, whose class changes meanwhile


def trace(f: Callable[..., Any], arguments: Sequence[Any], parameters: Iterable[Value] = ()) -> Any:
    """Return what ``f(*arguments)`` returns, every node that depends on a traced value being traced itself.

    Args:
        f: a function of one example.
        arguments: what it is called with; the numbers of the example from :func:`inputs`.
        parameters: the leaves that are traced during the call, such as ``model.parameters()``. They are
            ordinary Values again afterwards, also after an error.

    Raises:
        TracingError: where ``f`` uses a traced value as a number: names the line and the remedy.
        ParameterError: for a parameter whose class adds attributes to Value.

    >>> w = Value(2.0, "w")
    >>> y = trace(lambda x: w * x + 1, inputs([3.0]), [w])
    >>> y, y.op.name, type(w).__name__
    (Traced(add), 'add', 'Value')
    >>> trace(lambda x: x if x > 0 else -x, inputs([3.0]))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    autograd_tiny.errors.TracingError: bool() of the traced x1 > 0 at ...: tracing runs the function once, ...
    """
    leaves = list(parameters)
    with _one_at_a_time:
        classes = [type(leaf) for leaf in leaves]
        token = mode.set(mode.get().changed(recording=True, traced=Traced))
        try:
            for leaf in leaves:
                _become(leaf, Traced)
            return f(*arguments)
        finally:
            for leaf, ordinary in zip(leaves, classes, strict=True):
                leaf.__class__ = ordinary
            mode.reset(token)


def inputs(numbers: Any) -> Any:
    """Return traced leaves, in nested lists as the numbers are.

    Args:
        numbers: a number, or nested lists, tuples or an array of numbers.

    Raises:
        NotARealNumberError: for something else among them.

    >>> inputs([[1, 2.0], [3.0]])
    [[Traced(), Traced()], [Traced()]]
    """
    return mapped(numbers, _leaf)


def _leaf(number: Any) -> Value:
    leaf = Value(number)
    leaf.__class__ = Traced
    return leaf


def _become(leaf: Value, kind: type[Value]) -> None:
    try:
        leaf.__class__ = kind
    except TypeError:
        raise ParameterError(
            f"{type(leaf).__name__} adds attributes to Value, so it cannot be traced; "
            "give the class an empty __slots__ = (), or keep the attributes in the module"
        ) from None


class Traced(Value):
    """A Value of the function being traced, a leaf or a result: its number is not known to the function.

    Comparisons are recorded like any operation and give 1 or 0, so that ``where(x > 0, a, b)`` means the same
    with and without tracing; the outcomes of two may be joined by ``&`` and ``|``.

    Raises:
        TracingError: from whatever would take the number out: ``bool float int format``, ``.data``, ``.grad``,
            ``item``, ``detach``, ``backward``, copies.
    """

    __slots__ = ()

    # ------------------------------------------------------------ comparisons, recorded

    def __gt__(self, other: Any) -> Any:
        return _condition(ops.greater, self, other)

    def __ge__(self, other: Any) -> Any:
        return _condition(ops.greater_equal, self, other)

    def __lt__(self, other: Any) -> Any:
        return _condition(ops.greater, other, self)

    def __le__(self, other: Any) -> Any:
        return _condition(ops.greater_equal, other, self)

    def __eq__(self, other: object) -> Any:
        return _condition(ops.equal, self, other) if _is_number(other) else NotImplemented

    def __ne__(self, other: object) -> Any:
        return _condition(ops.not_equal, self, other) if _is_number(other) else NotImplemented

    __hash__ = Value.__hash__

    @property
    def _compared(self) -> Any:
        return self

    # ------------------------------------------------------------ what would take the number out

    def __bool__(self) -> bool:
        raise self._refused("bool()", CHOOSE + JOIN)

    def __float__(self) -> float:
        raise self._refused("float()", f"{COMPUTE}, whose exp, for example, takes the place of math.exp")

    def __int__(self) -> int:
        raise self._refused("int()", f"{COMPUTE}, such as floor and round, or {CHOOSE}")

    def __index__(self) -> int:
        raise self._refused(
            "an index or a count made", f"a row is looked up by nn.Embedding, which takes a traced index; else {CHOOSE}"
        )

    def __format__(self, spec: str) -> str:
        if spec:
            raise self._refused("text with the number", f"f'{{x}}' without a format shows its name; or {RETURN}")
        return repr(self)

    def __repr__(self) -> str:
        return f"Traced({printable(self.label) or (self.op.name if self.op else '')})"

    def item(self) -> float:
        raise self._refused(".item()", f"{COMPUTE}, {CHOOSE}, or {RETURN}")

    @property
    def data(self) -> float:
        raise self._refused(".data", f"{COMPUTE}, {CHOOSE}, or {RETURN}")

    @data.setter
    def data(self, number: Any) -> NoReturn:
        raise self._refused("a new .data", "set the parameters before or after the call, not inside it")

    @property
    def grad(self) -> Any:
        raise self._refused(".grad", "jit(value_and_grad(f)) returns the gradients")

    @grad.setter
    def grad(self, gradient: Any) -> NoReturn:
        raise self._refused("a new .grad", "set gradients before or after the call, not inside it")

    @property
    def slopes(self) -> Any:
        raise self._refused(".slopes", "jit(value_and_grad(f)) returns the gradients")

    @property
    def local_derivatives(self) -> Any:
        raise self._refused(".local_derivatives", "jit(value_and_grad(f)) returns the gradients")

    def detach(self) -> Value:
        raise self._refused(".detach()", "hand the number over as an argument of its own")

    def register_hook(self, hook: Callable[[Any], Any]) -> NoReturn:
        raise self._refused("a hook", "hooks run in an ordinary backward() only: use jit=False")

    def backward(self, seed: Any = 1.0, create_graph: bool = False) -> None:
        raise self._refused(".backward()", "jit(value_and_grad(f)) returns the gradients")

    def __copy__(self) -> Value:
        raise self._refused("a copy", "copy the model before the call, not inside it")

    def __deepcopy__(self, memo: dict[int, Any]) -> Value:
        raise self._refused("a copy", "copy the model before the call, not inside it")

    def _refused(self, what: str, remedy: str) -> TracingError:
        return tracing_error(f"{what} of the traced {_written(self)}", remedy)


class Condition(Traced):
    """The outcome of a comparison with a traced value, 1 or 0."""

    __slots__ = ()

    def __and__(self, other: Any) -> Any:
        return _joined(ops.minimum, self, other)

    def __or__(self, other: Any) -> Any:
        return _joined(ops.maximum, self, other)

    __rand__, __ror__ = __and__, __or__


def _condition(op: Primitive, x: Any, y: Any) -> Value:
    node = record_operation(op, (x, y))
    node.__class__ = Condition
    return node


def _joined(op: Primitive, condition: Condition, other: Any) -> Any:
    if isinstance(other, Condition) or type(other).__name__ in ("bool", "bool_"):  # of Python or NumPy
        return _condition(op, condition, other)
    return NotImplemented


def _is_number(thing: object) -> bool:
    try:
        return isinstance(thing, Value) or real(thing) is not None
    except NotARealNumberError:
        return False


def _written(node: Value) -> str:
    """Return a node as its formula without numbers, which are those of one example."""
    if node.op is None:
        return printable(node.label) or "value"
    if len(node.parents) > MOST_OPERANDS:
        return f"result of {node.op.name}"
    names = [f"{p._data:g}" if type(p) is Constant else printable(p.label) for p in node.parents]
    return node.op.write(name or f"x{i + 1}" for i, name in enumerate(names))
