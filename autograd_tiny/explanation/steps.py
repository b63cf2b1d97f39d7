"""Step records: what backward() does at each node, as data. Every way of showing it draws from these."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import AutogradTinyError, GraphError
from ..graph import Graph, Node, Recordable
from ..value import Value
from .symbols import slope_formulas

if TYPE_CHECKING:
    import os
    from pathlib import Path

    from rich.console import Console
    from rich.table import Table

    from .cost import Cost
    from .player import Player


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one node hands to one of its parents.

    Attributes:
        parent: the receiving node.
        formula: the local slope as text, for example ``b``.
        slope: its number, d node / d parent.
        contribution: upstream * slope.
        running_sum: the parent's gradient so far, this contribution included.
        use: which of the parent's uses this is, counted from 1.
        uses: how often the parent is used in all.
    """

    parent: Node
    formula: str
    slope: float
    contribution: float
    running_sum: float
    use: int
    uses: int


@dataclass(frozen=True, slots=True)
class Step:
    """One node's turn in the backward pass.

    Attributes:
        number: position in the backward order, counted from 1.
        node: the node whose turn it is.
        upstream: d root / d node, complete now.
        contributions: one per parent, in operand order.
    """

    number: int
    node: Node
    upstream: float
    contributions: tuple[Contribution, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """The backward pass from one root, step by step; shows itself as a table.

    Attributes:
        graph: the snapshot that is explained.
        steps: one per operation, in backward order.
        gradients: d root / d node for every node, by its index in ``graph.nodes``.
    """

    graph: Graph
    steps: tuple[Step, ...]
    gradients: tuple[float, ...]

    def table(self) -> Table:
        """Return the steps as a rich table."""
        from .table import steps_table

        return steps_table(self)

    def print(self, console: Console | None = None) -> None:
        """Print the table, in colour where the terminal has it."""
        from .table import print_explanation

        print_explanation(self, console)

    def player(self) -> Player:
        """Return the steps as a page that plays them, forward and backward, and answers "what if".

        Raises:
            GraphError: when the graph is too large to be watched node by node.
            MissingPackageError: when there is no Graphviz engine.
        """
        from .player import Player

        return Player(self)

    def to_html(self, path: str | os.PathLike[str]) -> Path:
        """Write the player as one self-contained HTML file and return its path; raises what :meth:`player` does."""
        return self.player().to_html(path)

    def to_latex(self) -> str:
        """Return the whole derivation as LaTeX, symbols and numbers.

        Raises:
            GraphError: for a graph of more than 500 operations.
        """
        from .latex import derivation

        return derivation(self)

    def to_markdown(self) -> str:
        """Return the whole derivation as Markdown, for notes.

        Raises:
            GraphError: for a graph of more than 500 operations.
        """
        from .markdown import notes

        return notes(self)

    def to_json(self) -> str:
        """Return the steps as JSON that stays the same from run to run, for :func:`compare`."""
        from .trace import to_json

        return to_json(self)

    def cost(self) -> Cost:
        """Return what the gradient costs, forward and backward, and what forward mode would."""
        from .cost import Cost

        return Cost.of(self)

    def __str__(self) -> str:
        from .table import plain_text

        return plain_text(self)

    __repr__ = __str__

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        try:
            forms = self.player()._repr_mimebundle_()
        except AutogradTinyError:  # too large to be played, or no Graphviz engine: the table is left
            forms = {}
        return {**forms, "text/plain": str(self)}


def explain(root: Value | Recordable) -> Explanation:
    """Explain the gradient of ``root`` with respect to everything it depends on.

    Nothing is changed: no ``.grad`` is read or written, and ``backward()`` need not have run. The order, and
    so every running sum to the last bit, is that of ``backward()``.

    Args:
        root: the node to differentiate, usually a loss; or a Program with one result.

    Raises:
        GraphError: when ``root`` is not a Value, or a Program with several results.

    >>> a, b = Value(2.0, "a"), Value(-3.0, "b")
    >>> for step in explain(a * b + a).steps:
    ...     for c in step.contributions:
    ...         print(step.node.name, "->", c.parent.name, c.formula, c.contribution, c.running_sum)
    v2 -> v1 1 1.0 1.0
    v2 -> a 1 1.0 1.0
    v1 -> a b -3.0 -2.0
    v1 -> b a 2.0 2.0
    """
    graph = Graph.of(root)
    if len(graph.roots) > 1:
        raise GraphError(
            f"explain takes one result, got a program with {len(graph.roots)}; explain one of program.record()"
        )
    gradients = [0.0] * len(graph.nodes)
    gradients[graph.root.index] = 1.0
    uses, used = graph.uses(), [0] * len(graph.nodes)
    steps: list[Step] = []
    for node in reversed(graph.nodes):
        if node.op is None:
            continue
        upstream = gradients[node.index]
        parents = graph.parents(node)
        formulas = slope_formulas(node.op, [parent.name for parent in parents], node.name)
        contributions = []
        for parent, slope, formula in zip(parents, node.slopes, formulas, strict=True):
            gradients[parent.index] += slope * upstream
            used[parent.index] += 1
            contributions.append(
                Contribution(
                    parent=parent,
                    formula=formula,
                    slope=slope,
                    contribution=slope * upstream,
                    running_sum=gradients[parent.index],
                    use=used[parent.index],
                    uses=uses[parent.index],
                )
            )
        steps.append(Step(len(steps) + 1, node, upstream, tuple(contributions)))
    return Explanation(graph, tuple(steps), tuple(gradients))
