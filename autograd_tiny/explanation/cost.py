"""Cost: the operations of a value and of its gradient, counted by running the rules on numbers that count."""

from __future__ import annotations

import gc
import math
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable
from contextvars import Context
from dataclasses import astuple, dataclass
from functools import reduce
from typing import TYPE_CHECKING, Any, NamedTuple

from ..graph import Node
from ..primitive import ELEMENTARY, IEEEFloat, Namespace, Primitive, ieee_floats
from ..value import Value

if TYPE_CHECKING:
    from .steps import Explanation


@dataclass(frozen=True, slots=True)
class Operations:
    """How many elementary operations of each kind; adds up, and repeats by ``*``.

    Attributes:
        additions: sums, differences and changes of sign.
        multiplications: products and quotients.
        functions: calls of exp, log, sin, pow and their like.
        comparisons: comparisons and absolute values; choosing by one is free.

    >>> (Operations(1, 2) + Operations(functions=1)) * 3
    Operations(additions=3, multiplications=6, functions=3, comparisons=0)
    """

    additions: int = 0
    multiplications: int = 0
    functions: int = 0
    comparisons: int = 0

    @property
    def total(self) -> int:
        """All of them, each counted as one, be it an addition or a call of exp."""
        return sum(astuple(self))

    def __add__(self, other: Operations) -> Operations:
        return Operations(*[x + y for x, y in zip(astuple(self), astuple(other), strict=True)])

    def __mul__(self, times: int) -> Operations:
        return Operations(*[times * x for x in astuple(self)])


@dataclass(frozen=True, slots=True)
class Cost:
    """What a gradient costs beside the value it belongs to.

    A node hands upstream * slope to each parent, which adds it: one multiplication and one addition per operand, and
    whatever its slopes take. So the gradient costs at most as many times the value as the dearest operation does for
    itself, however many leaves there are: the cheap gradient principle (Baur & Strassen 1983; Griewank & Walther 2008,
    "Evaluating Derivatives", section 4.6). Forward mode carries a derivative from one leaf to the root, and has to
    start again for the next leaf.

    Attributes:
        value: the operations of the value, by the value rules.
        slopes: those of all slopes, by the slope rules.
        backward: those of one backward sweep over the slopes.
        sweep: those of one forward sweep over the slopes, with the derivatives for one leaf.
        leaves: for how many leaves a derivative is wanted; constants do not count.
        dearest: the largest ratio that one of the operations has on its own; infinite if one computes nothing, such as
            the sum of a single number, so that its gradient is all that it costs.
        nodes: how many nodes the graph has.
        numbers: how many numbers it holds after ``backward()``: data, gradient, and a slope per operand.
        memory: the bytes of the objects that its nodes hold then, as ``sys.getsizeof`` tells of nodes like these.

    >>> from autograd_tiny import explain
    >>> a, b = Value(2.0, "a"), Value(-3.0, "b")
    >>> cost = explain(a * b + a).cost()
    >>> cost.value, cost.backward.total, cost.ratio
    (Operations(additions=1, multiplications=1, functions=0, comparisons=0), 8, 5.0)
    """

    value: Operations
    slopes: Operations
    backward: Operations
    sweep: Operations
    leaves: int
    dearest: float
    nodes: int
    numbers: int
    memory: int

    @classmethod
    def of(cls, explanation: Explanation) -> Cost:
        """Count the operations of an explained graph."""
        graph = explanation.graph
        alike: dict[tuple[Primitive, int], list[Node]] = defaultdict(list)
        for node in graph.nodes:
            if node.op is not None:
                alike[node.op, len(node.parents)].append(node)
        value = slopes = backward = sweep = Operations()
        dearest, number = 1.0, sys.getsizeof(0.5)
        memory = len(graph.nodes) * number  # the gradients
        memory += sum(node.is_leaf for node in graph.nodes) * (sys.getsizeof(Value(0.5)) + number)
        for (op, _), nodes in alike.items():  # the rules do the same whatever the numbers are
            kind = _OneOperation.of(op, [parent.data for parent in graph.parents(nodes[0])])
            value, slopes = value + kind.value * len(nodes), slopes + kind.slopes * len(nodes)
            backward, sweep = backward + kind.backward * len(nodes), sweep + kind.sweep * len(nodes)
            memory += kind.memory * len(nodes)
            dearest = max(dearest, kind.ratio)
        numbers = sum(2 + len(node.parents) for node in graph.nodes)
        return cls(value, slopes, backward, sweep, len(graph.leaves), dearest, len(graph.nodes), numbers, memory)

    @property
    def reverse(self) -> Operations:
        """Value and gradient by reverse mode: the value, its slopes, one backward sweep."""
        return self.value + self.slopes + self.backward

    @property
    def forward(self) -> Operations:
        """Value and gradient by forward mode: the value, its slopes, one sweep for every leaf."""
        return self.value + self.slopes + self.sweep * self.leaves

    @property
    def ratio(self) -> float:
        """How many times the value alone the value and its gradient cost, by reverse mode."""
        return _ratio(self.reverse, self.value)

    @property
    def forward_ratio(self) -> float:
        """The same by forward mode."""
        return _ratio(self.forward, self.value)

    @property
    def why(self) -> str:
        """Why reverse mode, in one sentence."""
        if not self.value.total:
            return "There is nothing to compute, so no gradient either."
        if self.leaves <= 1:
            return (
                f"With {'one leaf' if self.leaves else 'no leaf'} forward mode is as good; "
                "reverse mode wins when there are many leaves and one root, as in training."
            )
        return (
            f"Reverse mode gets all {self.leaves:,} derivatives from one backward sweep, for {self.ratio:.1f} times "
            f"the work of the value alone; forward mode needs a sweep for each leaf, {self.forward_ratio:,.1f} times."
        )

    def __str__(self) -> str:
        sweeps = f"{self.leaves:,} sweep{'s' if self.leaves != 1 else ''}"
        rows = {
            "value": self.value,
            "slopes": self.slopes,
            "one backward sweep": self.backward,
            "together: reverse mode": self.reverse,
            f"instead, forward mode ({sweeps})": self.forward,
        }
        headings = ["additions", "multiplications", "functions", "comparisons", "total"]
        width = max(map(len, rows))
        lines = [" " * width + "".join(f"  {heading}" for heading in headings)]
        for name, count in rows.items():
            cells = zip((*astuple(count), count.total), headings, strict=True)
            lines.append(f"{name:{width}}" + "".join(f"  {number:>{len(heading)},}" for number, heading in cells))
        nodes = f"{self.nodes:,} node{'s' if self.nodes != 1 else ''}"
        lines.append(f"memory: {self.numbers:,} numbers in {nodes}, about {self.memory:,} bytes in Python")
        bound = f"never more than {self.dearest:.1f} times with these operations"
        if math.isinf(self.dearest):
            bound = "there is no bound, as one of these operations computes nothing"
        lines.append(f"cheap gradient: value and gradient cost {self.ratio:.1f} times the value, and {bound}")
        return "\n".join([*lines, self.why])

    __repr__ = __str__


def _ratio(all_of_it: Operations, value: Operations, of_nothing: float = 1.0) -> float:
    return all_of_it.total / value.total if value.total else of_nothing


# ---------------------------------------------------------------- one operation


class _OneOperation(NamedTuple):
    """What a node costs: its value, its slopes, its part of a sweep in each mode, its bytes without the gradient."""

    value: Operations
    slopes: Operations
    backward: Operations
    sweep: Operations
    memory: int

    @classmethod
    def of(cls, op: Primitive, numbers: list[float]) -> _OneOperation:
        value, slopes = _Tally(), _Tally()
        result = op.value(value, *op.grouped(tuple([_Counted(x, value) for x in numbers])))
        op.slopes(slopes, _Counted(result, slopes), *op.grouped(tuple([_Counted(x, slopes) for x in numbers])))
        count = len(numbers)
        return cls(
            value.operations,
            slopes.operations,
            backward=Operations(additions=count, multiplications=count),
            sweep=Operations(additions=count - 1, multiplications=count),
            memory=_bytes(op, numbers),
        )

    @property
    def ratio(self) -> float:
        return _ratio(self.value + self.slopes + self.backward, self.value, of_nothing=math.inf)


def _bytes(op: Primitive, numbers: list[float]) -> int:
    """Return the size of a node and what it alone holds: what operands, or the operation, hold as well is shared."""
    leaves = [Value(x) for x in numbers]
    # In an empty context: whatever mode is on, recording is plain there.
    node = Context().run(op.apply, *leaves)
    shared = set(map(id, [*op.constant_slopes, *leaves, *gc.get_referents(*leaves)]))
    held = {id(part): part for part in gc.get_referents(node) if isinstance(part, (float, tuple))}
    held |= {id(part): part for group in [*held.values()] if isinstance(group, tuple) for part in group}
    own = [part for key, part in held.items() if key not in shared]
    return sys.getsizeof(node) + sum(map(sys.getsizeof, own))


# ---------------------------------------------------------------- numbers that count


class _Counted(IEEEFloat):
    """A float that reports every operation on it."""

    __slots__ = ("tally",)
    tally: _Tally

    def __new__(cls, number: float, tally: _Tally) -> _Counted:
        self = super().__new__(cls, number)
        self.tally = tally
        return self


def _plain(number: float) -> float:
    """Return a number that no longer counts, so that what the function does inside is not counted as well."""
    return IEEEFloat(number)


def _counting(name: str, kind: str) -> Callable[..., Any]:
    method = getattr(IEEEFloat, name)

    def count(self: _Counted, *other: float) -> Any:
        return self.tally.note(method(IEEEFloat(self), *map(_plain, other)), kind)

    return count


for _kind, _names in {
    "additions": "add radd sub rsub neg",
    "multiplications": "mul rmul truediv rtruediv",
    "functions": "pow rpow",
    "comparisons": "lt le gt ge eq ne abs",
}.items():
    for _name in _names.split():
        setattr(_Counted, f"__{_name}__", _counting(f"__{_name}__", _kind))


class _Tally(Namespace):
    """The namespace ``m`` that keeps count."""

    def __init__(self) -> None:
        self.counts = dict.fromkeys(("additions", "multiplications", "functions", "comparisons"), 0)
        calls = {name: self._call(name) for name in ELEMENTARY if name not in ("abs", "where", "sum", "dot")}
        super().__init__(where=ieee_floats.where, **calls)

    @property
    def operations(self) -> Operations:
        return Operations(**self.counts)

    def note(self, result: Any, kind: str) -> Any:
        self.counts[kind] += 1
        return _Counted(result, self) if isinstance(result, float) else result

    def _call(self, name: str) -> Callable[..., Any]:
        function = getattr(ieee_floats, name)
        return lambda *xs: self.note(function(*map(_plain, xs)), "functions")

    @staticmethod
    def abs(x: Any) -> Any:
        return abs(x)

    @staticmethod
    def sum(xs: Iterable[Any]) -> Any:
        terms = list(xs)
        return reduce(lambda x, y: x + y, terms) if terms else 0.0

    def dot(self, xs: Iterable[Any], ws: Iterable[Any]) -> Any:
        return self.sum([x * w for x, w in zip(xs, ws, strict=True)])
