"""Graph: an immutable snapshot of everything a root depends on; all readers (draw, explain) work on it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Protocol

from . import ops
from .errors import GraphError, listed, printable
from .primitive import Primitive, latex_number
from .value import NO_GRAD_YET, Constant, Value, topological_order


class Recordable(Protocol):
    """What can be recorded as a graph: a Program."""

    def record(self) -> list[Value]:
        """Return the results, recorded now."""


def recorded(root: Value | Recordable) -> list[Value]:
    """Return a Value as it is, in a list, and the results of a Program recorded on the numbers of its example.

    Raises:
        GraphError: for anything else.

    >>> [root.data for root in recorded(Value(2.0))]
    [2.0]
    """
    if isinstance(root, Value):
        return [root]
    if hasattr(root, "record"):
        return root.record()
    formula = "; a formula in text is computed by expression.parse(text).evaluate(numbers)"
    remedy = formula if isinstance(root, str) else "; was it computed from a Value?"
    raise GraphError(f"a graph is taken from a Value, got {root!r} ({type(root).__name__}){remedy}")


@dataclass(frozen=True, slots=True)
class Node:
    """One node of a Graph.

    Attributes:
        index: position in topological order, counted from 0.
        name: the label, made unique; else ``x1`` for a leaf, ``v1`` for a result, the number for a constant.
        op: the operation, None for a leaf.
        parents: indices of the operands, in operand order.
        data: the number.
        slopes: d node / d operand for each operand, from the forward pass.
        grad: the gradient, None before any ``backward()``.
        label, scope, line: as recorded, ``""`` where nothing was.
        constant: whether the leaf is a plain number that was never a Value of its own.
    """

    index: int
    name: str
    op: Primitive | None
    parents: tuple[int, ...]
    data: float
    slopes: tuple[float, ...]
    grad: float | None
    label: str
    scope: str
    line: str
    constant: bool

    @property
    def is_leaf(self) -> bool:
        """Whether the node has no parents."""
        return self.op is None


@dataclass(frozen=True, slots=True)
class Graph:
    """All nodes below some roots, every node after its parents.

    Attributes:
        nodes: the nodes in topological order.
        roots: indices of the roots.

    >>> from autograd_tiny import Value
    >>> a = Value(2.0, "a")
    >>> graph = Graph.of(a * a + 1)
    >>> [(node.name, graph.formula(node)) for node in graph.nodes]
    [('a', 'a'), ('v1', 'a * a'), ('1', '1'), ('v2', 'v1 + 1')]
    """

    nodes: tuple[Node, ...]
    roots: tuple[int, ...]

    @classmethod
    def of(cls, *roots: Value | Recordable) -> Graph:
        """Take the snapshot.

        Args:
            roots: one or more Values; a Program stands for its results.

        Raises:
            GraphError: when there is no root, or one is not a Value.
        """
        values = [value for root in roots for value in recorded(root)]
        if not values:
            raise GraphError("a graph needs at least one root, got none; pass the Value that was computed last")
        order = topological_order(values)
        index = {node: i for i, node in enumerate(order)}
        scopes = _scopes(order)
        nodes = tuple(
            Node(
                index=i,
                name=name,
                op=node.op,
                parents=tuple([index[parent] for parent in node.parents]),
                data=node.data,
                slopes=tuple(map(float, node.slopes)),
                grad=None if node.grad is NO_GRAD_YET else float(node.grad),
                label=node.label,
                scope=scopes[node],
                line=node.line,
                constant=isinstance(node, Constant),
            )
            for i, (node, name) in enumerate(zip(order, _names(order), strict=True))
        )
        return cls(nodes, tuple([index[value] for value in values]))

    @property
    def root(self) -> Node:
        """The first root."""
        return self.nodes[self.roots[0]]

    @property
    def leaves(self) -> list[Node]:
        """The leaves that a derivative can be wanted for: all but constants."""
        return [node for node in self.nodes if node.is_leaf and not node.constant]

    def named(self, name: str) -> Node:
        """Return the node of a name, or the first with that label.

        Raises:
            GraphError: when there is none; the message lists names that there are.

        >>> from autograd_tiny import Value
        >>> graph = Graph.of(Value(2.0, "width") * Value(3.0, "height"))
        >>> graph.named("v1").data
        6.0
        >>> graph.named("weight")
        Traceback (most recent call last):
        autograd_tiny.errors.GraphError: the graph has no node 'weight'; it has height, width, v1
        """
        for node in self.nodes:
            if node.name == name or (name and node.label == name):
                return node
        known = [node.name for node in self.nodes if not node.constant]
        names = list(dict.fromkeys([*get_close_matches(name, known), *known]))
        raise GraphError(f"the graph has no node {name!r}; it has {listed(names)}")

    def parents(self, node: Node) -> tuple[Node, ...]:
        """Return the operands of a node, in order; the same one twice for ``x * x``."""
        return tuple([self.nodes[i] for i in node.parents])

    def ancestors(self, node: Node) -> set[int]:
        """Return the indices of a node and of everything that it was computed from.

        >>> from autograd_tiny import Value
        >>> graph = Graph.of(Value(2.0, "a") * 3 + Value(1.0, "b"))
        >>> [graph.nodes[i].name for i in sorted(graph.ancestors(graph.named("v1")))]
        ['a', '3', 'v1']
        """
        found = {node.index}
        for each in reversed(self.nodes[: node.index + 1]):
            if each.index in found:
                found.update(each.parents)
        return found

    def descendants(self, node: Node) -> set[int]:
        """Return the indices of a node and of everything that was computed from it.

        >>> from autograd_tiny import Value
        >>> graph = Graph.of(Value(2.0, "a") * 3 + Value(1.0, "b"))
        >>> [graph.nodes[i].name for i in sorted(graph.descendants(graph.named("a")))]
        ['a', 'v1', 'v2']
        """
        found = {node.index}
        for each in self.nodes[node.index + 1 :]:
            if not found.isdisjoint(each.parents):
                found.add(each.index)
        return found

    def uses(self) -> list[int]:
        """Return, for each node, how often it is an operand."""
        count = Counter(parent for node in self.nodes for parent in node.parents)
        return [count[i] for i in range(len(self.nodes))]

    def formula(self, node: Node, *, latex: bool = False) -> str:
        """Return how the node was made, in terms of its parents' names."""
        written = latex_name if latex else str
        if node.op is None:
            return written(node.name)
        terms = [(written(parent.name), is_atom(parent.name)) for parent in self.parents(node)]
        return write_operation(node.op, terms, latex=latex)

    def unfolded(self) -> Graph:
        """Return the graph with every ``dot`` drawn out as its products and their sum.

        >>> from autograd_tiny import Value, dot
        >>> y = dot([Value(1.0), Value(2.0)], [Value(3.0), Value(4.0)])
        >>> [node.op.name for node in Graph.of(y).unfolded().nodes if node.op]
        ['mul', 'mul', 'sum']
        """
        nodes: list[Node] = []
        moved: dict[int, int] = {}
        taken = {node.name for node in self.nodes}
        for node in self.nodes:
            parents = tuple(moved[i] for i in node.parents)
            if node.op is not None and node.op.name == "dot":
                half = len(parents) // 2
                pairs = zip(parents[:half], parents[half:], node.slopes[half:], node.slopes[:half], strict=True)
                products = []
                for k, (left, right, x, w) in enumerate(pairs, start=1):
                    product = replace(
                        node,
                        index=len(nodes),
                        name=_free(f"{node.name}.{k}", taken),
                        op=ops.mul,
                        parents=(left, right),
                        data=x * w,
                        slopes=(w, x),
                        label="",
                    )
                    products.append(len(nodes))
                    nodes.append(product)
                node = replace(node, op=ops.sum, slopes=(1.0,) * half)
                parents = tuple(products)
            moved[node.index] = len(nodes)
            nodes.append(replace(node, index=len(nodes), parents=parents))
        return Graph(tuple(nodes), tuple(moved[i] for i in self.roots))


def _scopes(order: list[Value]) -> dict[Value, str]:
    """Return each node's scope; a leaf without one belongs where all its users are."""
    scopes = {node: node.scope for node in order}
    users: dict[Value, set[str]] = {}
    for node in order:
        for parent in node.parents:
            if parent.op is None and not parent.scope:
                users.setdefault(parent, set()).add(node.scope)
    for leaf, around in users.items():
        if len(around) == 1:
            scopes[leaf] = around.pop()
    return scopes


def _names(order: list[Value]) -> list[str]:
    labels = [printable(node.label) for node in order]
    taken = set(labels)
    used: set[str] = set()
    counts: Counter[str] = Counter()
    names = []
    for node, label in zip(order, labels, strict=True):
        if label:
            name = label if label not in used else _free(label, taken)
            used.add(name)
        elif isinstance(node, Constant):
            name = f"{node.data:.12g}"
        else:
            kind = "x" if node.op is None else "v"
            counts[kind] += 1
            name = _free(f"{kind}{counts[kind]}", taken)
        names.append(name)
    return names


def is_atom(name: str) -> bool:
    """Return whether a name or number stands between operators without brackets; -2 and a label such as a+b do not."""
    return name.replace(".", "").replace("_", "").isalnum()


def write_operation(op: Primitive, terms: Iterable[tuple[str, bool]], *, latex: bool = False) -> str:
    """Return an operation on operands that are written already, in brackets where an operator needs them.

    Args:
        op: the operation.
        terms: each operand, and whether it stands between operators without brackets.
        latex: write LaTeX instead of text.

    >>> write_operation(ops.mul, [("a", True), ("-2", False)])
    'a * (-2)'
    """
    return op.write(
        [term if atom or not _between_operators(op, i, latex) else f"({term})" for i, (term, atom) in enumerate(terms)],
        latex=latex,
    )


def _between_operators(op: Primitive, i: int, latex: bool) -> bool:
    """Return whether the template of an operation puts an operator, or an exponent, next to operand ``i``."""
    if not latex:
        return "(" not in op.text
    operator, slot = r"(?:[-+*/]|\\(?:cdot|times|bmod))", rf"\{{{i if op.arity is not None else 0}\}}"
    return bool(re.search(rf"{operator}\s*{slot}|{slot}\s*{operator}|{slot}\}}*\^", op.latex))


def _free(name: str, taken: set[str]) -> str:
    """Return the name, with a number added if it is taken, and take it."""
    candidate, k = name, 1
    while candidate in taken:
        k += 1
        candidate = f"{name}_{k}"
    taken.add(candidate)
    return candidate


def latex_name(name: str) -> str:
    r"""Return a node's name as LaTeX for formulas, safe with LaTeX, MathJax and KaTeX.

    Letters and Greek words are symbols, what ends a name in numbers or after _ is an index, and the rest upright text.

    >>> [latex_name(name) for name in ("x1", "alpha_2", "w0_2", "-0.5", "loss", "50%")]
    ['x_{1}', '\\alpha_{2}', 'w_{0,2}', '-0.5', '\\text{loss}', '\\text{50}\\%']
    """
    if _NUMBER.fullmatch(name):
        return latex_number(float(name), 12)
    if found := _INDEXED.fullmatch(name):
        base, digits, word, primes = found.groups()
        index = digits.replace("_", ",") if digits else _latex_word(word) if word else ""
        return _latex_word(base) + (f"_{{{index}}}" if index else "") + primes
    return "".join([_LATEX.get(part) or rf"\text{{{part}}}" for part in _SPECIAL.split(name) if part])


_GREEK = (
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau upsilon phi chi psi "
    "omega Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi Omega"
).split()
_GREEK_LETTERS = dict(zip("αβγδεζηθικλμνξπρστυφχψωΓΔΘΛΞΠΣΦΨΩ", _GREEK, strict=True))
_NUMBER = re.compile(r"-?((0|[1-9][0-9]{0,16})(\.[0-9]{1,16})?(e[+-][0-9]{2,3})?|inf|nan)")
_INDEXED = re.compile(rf"([A-Za-z]+|[{''.join(_GREEK_LETTERS)}])(?:_?([0-9]+(?:[._][0-9]+)*)|_([A-Za-z]+))?('*)")
# In \text{} MathJax would show \% as it stands; as signs of mathematics all three show what is meant.
_LATEX = {c: rf"\{c}" for c in "{}$%#&_"}
_LATEX |= {"\\": r"\backslash ", "^": r"{\wedge}", "~": r"{\sim}", "<": "{<}", ">": "{>}", "|": r"\vert "}
_SPECIAL = re.compile(rf"([{re.escape(''.join(_LATEX))}])")


def _latex_word(word: str) -> str:
    greek = _GREEK_LETTERS.get(word, word)
    if greek in _GREEK:
        return rf"\{greek}"
    return word if len(word) == 1 else rf"\text{{{word}}}"


def number_text(number: float) -> str:
    """Return a number with at most five significant digits, for tables and pictures.

    >>> number_text(-24.0), number_text(0.8553410), number_text(1e-9)
    ('-24', '0.85534', '1e-09')
    """
    return f"{number:.5g}"
