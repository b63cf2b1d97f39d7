"""Autopsy: where inf or nan arose, in a value or in a gradient, what it was made of, and how it spread."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import printable
from ..graph import Graph, Node, number_text
from ..primitive import Primitive
from ..value import Value
from .steps import Contribution, Explanation, Step, explain

if TYPE_CHECKING:
    from ..drawing import Drawing

RED, LIGHT_RED = "#c00000", "#f6c8c8"
MOST_SHOWN = 8  # operands, or nodes of a history, that are told about
HOW_TO_SEE_LINES = "its source line was not recorded; compute it under  with record_lines():  to see it"


@dataclass(frozen=True, slots=True)
class Autopsy:
    """Where the first inf or nan came from.

    Attributes:
        root: what was looked into.
        explanation: its graph and its backward pass.
        node: the first node that made one of finite numbers, in its value or in what it hands to a parent; None
            where nothing is wrong.
        contribution: what it hands on, if that is where it happened; None if its own value is inf or nan.
        step: the node's turn in the backward pass, along with the contribution.
        reason: why, in words: the rule of the domain that is broken, or what the arithmetic did.
        history: what led there: everything that the node was computed from, and for a contribution the nodes
            between it and the root, through which the upstream gradient came.
        spread: the nodes after it that are infected: by their value, or, with a contribution, by their gradient.
    """

    root: Value
    explanation: Explanation
    node: Node | None = None
    contribution: Contribution | None = None
    step: Step | None = None
    reason: str = ""
    history: tuple[Node, ...] = ()
    spread: tuple[Node, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether the root and every gradient are finite."""
        return self.node is None

    @property
    def operands(self) -> tuple[Node, ...]:
        """The operands of the guilty node."""
        return self.explanation.graph.parents(self.node) if self.node is not None else ()

    def draw(self, direction: str = "LR") -> Drawing:
        """Draw the graph, the guilty node in full red, what led there in red frames, what it infected in light red.

        Args:
            direction: ``"LR"`` from left to right or ``"TB"`` from top to bottom.

        >>> from autograd_tiny import log
        >>> "#c00000" in autopsy(log(Value(-2.0))).draw().dot()
        True
        """
        from ..drawing import draw

        drawing = draw(self.root, direction=direction)
        looks = [(node, {"color": RED, "penwidth": "2"}) for node in self.history]
        looks += [(node, {"color": RED, "fillcolor": LIGHT_RED, "fontcolor": "black"}) for node in self.spread]
        if self.node is not None:
            looks.append((self.node, {"color": RED, "fillcolor": RED, "fontcolor": "white"}))
        for node, look in looks:  # a second statement about a node changes it
            drawing.node(f"n{drawing.shown.place[node.index]}", **look)
        return drawing

    def __str__(self) -> str:
        graph, node = self.explanation.graph, self.node
        if node is None:
            return f"nothing wrong: {graph.root.name} = {number_text(graph.root.data)} and all gradients are finite"
        lines = [self._what_happened(node), f"  why: {self.reason}"]
        if node.op is not None:
            shown = [
                each.name if each.constant else f"{each.name} = {number_text(each.data)}"
                for each in dict.fromkeys(self.operands)
            ]
            lines.append(f"  operands: {', '.join(_first(shown))}")
            lines.append(f"  made in {printable(node.line)}" if node.line else f"  {HOW_TO_SEE_LINES}")
        made = [each for each in self.history if each.op is not None and each is not node]
        if made:
            lines.append("  what led there:")
            lines += _last([f"    {self._formula(each)}" for each in made])
        if self.spread:
            infected = "gradients" if self.contribution else "values"
            lines.append(
                f"  from there it spread to the {infected} of {', '.join(_first([each.name for each in self.spread]))}"
            )
        return "\n".join(lines)

    __repr__ = __str__

    def _formula(self, node: Node) -> str:
        upstream = ""
        if self.node is not None and node.index > self.node.index:
            upstream = f", upstream {number_text(self.explanation.gradients[node.index])}"
        return f"{node.name} = {self.explanation.graph.formula(node)} = {number_text(node.data)}{upstream}"

    def _what_happened(self, node: Node) -> str:
        graph = self.explanation.graph
        made = f"{node.name} = {graph.formula(node)}"
        if self.contribution is not None and self.step is not None:
            c = self.contribution
            product = f"upstream {number_text(self.step.upstream)} × slope {number_text(c.slope)}"
            total = f" = {number_text(c.contribution)}"
            if math.isfinite(c.contribution):
                total += f", which makes it {number_text(c.running_sum)}"
            return (
                f"the backward pass goes wrong at {made} = {number_text(node.data)}: "
                f"the gradient of {c.parent.name} gets {product}{total}"
            )
        if node.op is None:
            return f"{node.name} was given as {number_text(node.data)}"
        return f"the first {number_text(node.data).lstrip('-')} is {made} = {number_text(node.data)}"


def autopsy(root: Value) -> Autopsy:
    """Find the first inf or nan below ``root``: in the values first, else in the gradients of its backward pass.

    An inf of which nothing comes is no fault: 1 / inf is a plain 0. So the search starts from what is wrong, the root
    or a gradient, and goes back to where the trouble began. Nothing is changed, and ``backward()`` need not have run.

    Args:
        root: the node that is inf or nan, or has such gradients.

    Raises:
        GraphError: when ``root`` is not a Value.

    >>> from autograd_tiny import log, sqrt
    >>> a = Value(-2.0, "a")
    >>> print(autopsy(log(a) * 3))
    the first nan is v1 = log(a) = nan
      why: log needs a > 0, got a = -2
      operands: a = -2
      its source line was not recorded; compute it under  with record_lines():  to see it
      from there it spread to the values of v2
    >>> b = Value(0.0, "b")
    >>> print(autopsy(sqrt(b) * b))
    the backward pass goes wrong at v1 = sqrt(b) = 0: the gradient of b gets upstream 0 × slope inf = nan
      why: the slope 0.5 / v1 is inf there (sqrt needs b > 0, got b = 0), and 0 × inf is nan
      operands: b = 0
      its source line was not recorded; compute it under  with record_lines():  to see it
      what led there:
        v2 = v1 * b = 0, upstream 1
    """
    explanation = explain(root)
    if not math.isfinite(explanation.graph.root.data):
        return _of_value(root, explanation)
    for step in explanation.steps:
        for contribution in step.contributions:
            if not contribution.parent.constant and not math.isfinite(contribution.running_sum):
                return _of_gradient(root, explanation, step, contribution)
    return Autopsy(root, explanation)


# ---------------------------------------------------------------- a value


def _of_value(root: Value, explanation: Explanation) -> Autopsy:
    graph = explanation.graph
    infected = {graph.root.index}
    for node in reversed(graph.nodes):  # from the root back along nodes that are inf or nan themselves
        if node.index in infected:
            infected.update(i for i in node.parents if not math.isfinite(graph.nodes[i].data))
    guilty = graph.nodes[min(infected)]
    return Autopsy(
        root,
        explanation,
        node=guilty,
        reason=_why_value(graph, guilty),
        history=_select(graph, graph.ancestors(guilty)),
        spread=_select(graph, infected & graph.descendants(guilty) - {guilty.index}),
    )


def _why_value(graph: Graph, node: Node) -> str:
    if node.op is None:
        return "it is a leaf, so no operation made it; look at where its number comes from"
    broken = _broken_rule(node.op, graph.parents(node))
    if broken:
        return broken
    if math.isinf(node.data):
        return "the result is larger than the largest float, about 1.8e308"
    return f"{node.op.name} has no answer for these operands"


def _broken_rule(op: Primitive, operands: Iterable[Node]) -> str | None:
    """Return the rule of the domain that finite operands break."""
    operands = list(operands)
    broken = op.broken_domain(*[operand.data for operand in operands])
    if broken is None:
        return None
    i, domain = broken
    operand = operands[i]
    name = f"operand {i + 1}" if operand.constant else operand.name
    return f"{op.name} needs {domain.named(name)}, got {name} = {number_text(operand.data)}"


# ---------------------------------------------------------------- a gradient


def _of_gradient(root: Value, explanation: Explanation, step: Step, contribution: Contribution) -> Autopsy:
    graph, node = explanation.graph, step.node
    behind = graph.ancestors(contribution.parent) - {contribution.parent.index}
    spread = [i for i in behind if not graph.nodes[i].constant and not math.isfinite(explanation.gradients[i])]
    return Autopsy(
        root,
        explanation,
        node=node,
        contribution=contribution,
        step=step,
        reason=_why_gradient(graph, step, contribution),
        history=_select(graph, graph.ancestors(node) | graph.descendants(node)),
        spread=_select(graph, spread),
    )


def _why_gradient(graph: Graph, step: Step, c: Contribution) -> str:
    slope, upstream = number_text(c.slope), number_text(step.upstream)
    if math.isfinite(c.contribution):
        return "the sum of the contributions is larger than the largest float, about 1.8e308"
    if math.isfinite(c.slope):
        return f"{upstream} × {slope} is larger than the largest float, about 1.8e308"
    infinite = [parent for parent in graph.parents(step.node) if not math.isfinite(parent.data)]
    culprit = step.node if not math.isfinite(step.node.data) else infinite[0] if infinite else None
    because = f", because {culprit.name} is {number_text(culprit.data)}" if culprit is not None else " there"
    product = ", and 0 × inf is nan" if math.isinf(c.slope) and step.upstream == 0.0 else ""
    broken = step.node.op and _broken_rule(step.node.op, graph.parents(step.node))
    rule = f" ({broken})" if broken else ""
    return f"the slope {c.formula} is {slope}{because}{rule}{product}"


# ---------------------------------------------------------------- parts of the graph, and of the text


def _select(graph: Graph, indices: Iterable[int]) -> tuple[Node, ...]:
    return tuple([graph.nodes[i] for i in sorted(indices)])


def _first(texts: list[str]) -> list[str]:
    return texts if len(texts) <= MOST_SHOWN else [*texts[:MOST_SHOWN], f"... {len(texts) - MOST_SHOWN} more"]


def _last(texts: list[str]) -> list[str]:
    return texts if len(texts) <= MOST_SHOWN else [f"    ... {len(texts) - MOST_SHOWN} more", *texts[-MOST_SHOWN:]]
