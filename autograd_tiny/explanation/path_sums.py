"""Paths: a gradient as the sum, over all paths from a node to the root, of the product of the slopes along each."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from heapq import nlargest
from itertools import pairwise
from typing import Any

from ..errors import GraphError, printable
from ..graph import Graph, Node, latex_name, number_text
from ..primitive import latex_number, whole
from ..value import Value, topological_order

MOST_STEPS = 8  # of one path, as text; the middle of a longer one is left out
MOST_DIGITS = 15  # of the number of paths, as text


@dataclass(frozen=True, slots=True)
class Path:
    """One path through the graph.

    Attributes:
        nodes: from the leaf to the root.
        slopes: d node / d parent along each step, one fewer than the nodes.
        operands: which operand of the next node each node is, counted from 1; tells the two paths of x * x apart.
        product: the slopes multiplied.
    """

    nodes: tuple[Node, ...]
    slopes: tuple[float, ...]
    operands: tuple[int, ...]
    product: float

    def __str__(self) -> str:
        way = [self.nodes[0].name]
        for node, operand, ambiguous in zip(self.nodes[1:], self.operands, self._ambiguous, strict=True):
            way.append(f"{node.name} (as operand {operand})" if ambiguous else node.name)
        factors = [number_text(slope) for slope in self.slopes]
        factors[1:] = [f"({factor})" if factor.startswith("-") else factor for factor in factors[1:]]
        product = number_text(self.product)
        if len(factors) < 2:
            return f"{' -> '.join(way)}: {product}"
        return f"{' -> '.join(_shortened(way))}: {' × '.join(_shortened(factors))} = {product}"

    @property
    def _ambiguous(self) -> list[bool]:
        """For each step, whether the next node has the node as an operand more than once."""
        return [child.parents.count(parent.index) > 1 for parent, child in pairwise(self.nodes)]

    def _latex(self) -> tuple[str, str]:
        """Return the product in symbols and in numbers."""
        symbols = []
        steps = zip(pairwise(self.nodes), self.operands, self._ambiguous, strict=True)
        for (parent, child), operand, ambiguous in steps:
            place = f"_{{({operand})}}" if ambiguous else ""
            above, below = latex_name(child.name), f"{{{latex_name(parent.name)}}}{place}"
            symbols.append(rf"\frac{{\partial {above}}}{{\partial {below}}}")
        numbers = [latex_number(slope) for slope in self.slopes]
        numbers[1:] = [_in_brackets(number) for number in numbers[1:]]
        return r" \, ".join(symbols) or "1", r" \cdot ".join(numbers) or "1"


@dataclass(frozen=True, slots=True)
class Paths:
    """All paths from a node to the root: how many, what they add up to, and the largest ones.

    Attributes:
        graph: the snapshot they run through.
        name: the node they start from.
        count: how many there are, exactly.
        gradient: the sum of all products, d root / d node, equal to what ``backward()`` gives to the last bit.
        paths: the paths, that of the largest product (without its sign) first; not all of them when there are many.
    """

    graph: Graph
    name: str
    count: int
    gradient: float
    paths: tuple[Path, ...]

    def __iter__(self) -> Iterator[Path]:
        return iter(self.paths)

    def __str__(self) -> str:
        root = self.graph.root.name
        derivative = f"d {root} / d {self.name}"
        if not self.count:
            return f"no path leads from {self.name} to {root}, so {derivative} = 0"
        verb = "path leads" if self.count == 1 else "paths lead"
        heading = f"{_count_text(self.count)} {verb} from {self.name} to {root}"
        if len(self.paths) < self.count:
            heading += "; the largest:" if len(self.paths) == 1 else f"; the {len(self.paths)} largest:"
            end = f"all of them add up to {derivative}"
        else:
            heading += ":"
            end = f"so {derivative}" if self.count == 1 else f"the sum of the products is {derivative}"
        return "\n".join([heading, *[f"  {path}" for path in self.paths], f"{end} = {number_text(self.gradient)}"])

    __repr__ = __str__

    def to_latex(self) -> str:
        r"""Return the sum over the paths as LaTeX (of the package amsmath), in symbols and in numbers.

        Where an operation takes a node twice, the index in brackets tells as which operand.

        >>> a, b = Value(3.0, "a"), Value(-2.0, "b")
        >>> print(paths(a * b + a, a).to_latex())
        \begin{aligned}
        \frac{\partial v_{2}}{\partial a}
        &= \frac{\partial v_{1}}{\partial {a}} \, \frac{\partial v_{2}}{\partial {v_{1}}} \\
        &\quad + \frac{\partial v_{2}}{\partial {a}} \\
        &= -2 \cdot 1 + 1 \\
        &= -1
        \end{aligned}
        """
        symbols, numbers = zip(*[path._latex() for path in self.paths], strict=True) if self.paths else ((), ())
        more = [r"\cdots"] if len(self.paths) < self.count else []
        root, node = latex_name(self.graph.root.name), latex_name(self.name)
        lines = [rf"\frac{{\partial {root}}}{{\partial {node}}}"]
        if self.paths:
            lines.append("&= " + (" \\\\\n&\\quad + ").join([*symbols, *more]) + r" \\")
            lines.append("&= " + " + ".join([*numbers[:1], *map(_in_brackets, numbers[1:]), *more]) + r" \\")
        return "\n".join([r"\begin{aligned}", *lines, f"&= {latex_number(self.gradient)}", r"\end{aligned}"])


def paths(root: Value, leaf: Value | str, k: int = 10) -> Paths:
    """Return all paths from a node to the root, with the product of the slopes along each.

    The chain rule says that the gradient is the sum of these products. The paths can be as many as there are atoms in
    the universe; they are counted, and added up, node by node without listing them.

    Args:
        root: the node to differentiate, usually a loss.
        leaf: the node to start from, a leaf or any other, or the name that it has in pictures. From a Value that the
            root does not depend on no path leads, and the gradient is 0.
        k: how many paths to list, the largest products first. (By size, where all slopes are finite: after an
            infinite slope a product cannot be ranked by its last factors.)

    Raises:
        GraphError: when ``root`` or ``leaf`` is not a Value, or the graph has no node of that name.
        ParameterError: when ``k`` is not a whole number of at least 1.

    >>> a, b = Value(2.0, "a"), Value(-3.0, "b")
    >>> loss = (a * b + 10) ** 2 + a
    >>> loss.label = "loss"
    >>> print(paths(loss, a))
    2 paths lead from a to loss:
      a -> v1 -> v2 -> v3 -> loss: -3 × 1 × 8 × 1 = -24
      a -> loss: 1
    the sum of the products is d loss / d a = -23
    """
    k = whole(k, "k")
    graph = Graph.of(root)
    start = _start(graph, root, leaf)
    if start is None:
        name = printable(getattr(leaf, "label", "")) or "x"
        return Paths(graph, name, 0, 0.0, ())
    # From the root backwards, as backward() goes: a node's paths are those of its children, one step longer.
    children = _children(graph, start)
    counts: dict[int, int] = {graph.root.index: 1}
    gradients: dict[int, float] = {graph.root.index: 1.0}
    largest: dict[int, list[_Chain]] = {graph.root.index: [(1.0, None)]}
    for index in reversed(list(children)):
        if index != graph.root.index:
            steps = children[index]
            counts[index] = sum(counts[child] for child, _ in steps)
            gradients[index] = 0.0
            for child, place in steps:
                gradients[index] += graph.nodes[child].slopes[place] * gradients[child]
            longer = (
                (graph.nodes[child].slopes[place] * chain[0], (child, place, chain))
                for child, place in steps
                for chain in largest[child]
            )
            largest[index] = nlargest(k, longer, key=_size)
    found = tuple([_path(graph, start, chain) for chain in largest[start]])
    return Paths(graph, graph.nodes[start].name, counts[start], gradients[start], found)


_Chain = tuple[float, Any]
"""The product of a path to the root, and its first step: (child, place among its operands, the chain from there)."""


def _start(graph: Graph, root: Value, leaf: Value | str) -> int | None:
    """Return the index of the node to start from; None for one that the root does not depend on."""
    if isinstance(leaf, str):
        return graph.named(leaf).index
    if not isinstance(leaf, Value):
        raise GraphError(f"a path starts from a Value or a name, got {leaf!r} ({type(leaf).__name__})")
    return next((i for i, node in enumerate(topological_order([root])) if node is leaf), None)


def _children(graph: Graph, start: int) -> dict[int, list[tuple[int, int]]]:
    """Return for every node that depends on the start its uses, (child, place), in the order of backward()."""
    children: dict[int, list[tuple[int, int]]] = {i: [] for i in sorted(graph.descendants(graph.nodes[start]))}
    for index in reversed(list(children)):
        for place, parent in enumerate(graph.nodes[index].parents):
            if index != start and parent in children:
                children[parent].append((index, place))
    return children


def _size(chain: _Chain) -> float:
    product = chain[0]
    return math.inf if product != product else abs(product)


def _path(graph: Graph, start: int, chain: _Chain) -> Path:
    product, step = chain
    nodes, slopes, operands = [graph.nodes[start]], [], []
    while step is not None:
        child, place, (_, step) = step
        nodes.append(graph.nodes[child])
        slopes.append(graph.nodes[child].slopes[place])
        operands.append(place + 1)
    return Path(tuple(nodes), tuple(slopes), tuple(operands), product)


def _shortened(parts: list[str]) -> list[str]:
    if len(parts) <= MOST_STEPS:
        return parts
    half = MOST_STEPS // 2
    return [*parts[:half], f"({len(parts) - 2 * half} more)", *parts[-half:]]


def _count_text(count: int) -> str:
    """Return a number of paths: exact up to a quadrillion, then its size (Python would not even print 2**20000).

    >>> _count_text(1234), _count_text(2**200)
    ('1,234', 'about 1.6e+60')
    """
    return f"{count:,}" if count < 10**MOST_DIGITS else f"about {Decimal(count):.1e}"


def _in_brackets(number: str) -> str:
    return rf"\left({number}\right)" if number.startswith("-") else number
