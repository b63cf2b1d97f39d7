"""The step records for a terminal: a table of all steps, and the graph as a tree."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import TYPE_CHECKING

from ..graph import Node, number_text

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.tree import Tree

    from .steps import Explanation

PLAIN_WIDTH = 100
LONGEST_FORMULA = 120
NO_GRADIENT = "\N{EN DASH}"
MOST_LINES = 40  # of a tree
MOST_ROWS = 1_000  # of all steps, and of one; nobody reads on, and 5,000 take seconds


def steps_table(explanation: Explanation) -> Table:
    """Return a group of rows per node, in backward order: the node with its upstream gradient, then its parents.

    ``adds`` is upstream * slope, and ``gradient`` what the parent has received so far.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for heading in ("step", "node", "slope", "number", "adds", "gradient"):
        text = heading in ("node", "slope")
        table.add_column(heading, justify="left" if text else "right", no_wrap=not text, overflow="fold")
    for step in explanation.steps:
        if table.row_count >= MOST_ROWS:
            left = len(explanation.steps) - step.number + 1
            table.add_row("...", Text(f"and {left} more steps; see explain(root).steps"))
            break
        node = step.node
        formula = f"{node.name} = {explanation.graph.formula(node)} = {number_text(node.data)}"
        table.add_row(str(step.number), Text(formula, "bold"), Text(f"upstream {number_text(step.upstream)}", "bold"))
        shown = step.contributions[:MOST_ROWS]
        for c in shown:
            slope = c.formula if len(c.formula) <= LONGEST_FORMULA else f"d {node.name} / d {c.parent.name}"
            use = f" ({c.use} of {c.uses})" if c.uses > 1 else ""
            so_far = "constant" if c.parent.constant else number_text(c.running_sum)
            numbers = (number_text(c.slope), number_text(c.contribution), so_far)
            last = c is step.contributions[-1]
            table.add_row("", Text(f"  to {c.parent.name}{use}"), Text(slope), *numbers, end_section=last)
        if len(step.contributions) > len(shown):
            table.add_row("", f"  and {len(step.contributions) - len(shown)} more operands", end_section=True)
    return table


def graph_tree(
    explanation: Explanation, gradients: Mapping[int, str] | None = None, current: Node | None = None
) -> Tree:
    """Return the graph as a tree, the root on top: each node with its number and its gradient, or a dash for none yet.

    A node that is used again is not repeated with all its parents; of a large graph only the part near the root shows.

    Args:
        explanation: the explained graph.
        gradients: what to show as gradients, by index; all of them if not given.
        current: the node to mark.
    """
    from rich.text import Text
    from rich.tree import Tree

    graph = explanation.graph
    if gradients is None:
        gradients = dict(enumerate(map(number_text, explanation.gradients)))

    def line(node: Node) -> Text:
        if node.constant:
            return Text(node.name)
        formula = graph.formula(node)
        made = f"{node.name} = {formula}" if node.op is not None and len(formula) <= LONGEST_FORMULA else node.name
        text = Text(f"{made}   data {number_text(node.data)}   grad {gradients.get(node.index, NO_GRADIENT)}")
        if node is current:
            text.append("   <- this step")
            text.stylize("bold reverse")
        return text

    tree = Tree(line(graph.root))
    waiting = [(graph.root, tree)]
    opened = {graph.root.index}
    lines = 1
    for node, branch in waiting:  # grows while it is walked: the nearest to the root come first
        for parent in graph.parents(node):
            if lines >= MOST_LINES:
                branch.add(Text("..."))
                break
            lines += 1
            text = line(parent)
            again = parent.index in opened and parent.op is not None
            twig = branch.add(text.append("   (shown already)") if again else text)
            if parent.index not in opened:
                opened.add(parent.index)
                waiting.append((parent, twig))
    return tree


def summary(explanation: Explanation) -> str:
    """Return the outcome in one line per leaf."""
    graph = explanation.graph
    root = graph.root.name
    lines = [f"{root} = {number_text(graph.root.data)}"]
    lines += [f"d {root} / d {leaf.name} = {number_text(explanation.gradients[leaf.index])}" for leaf in graph.leaves]
    return "\n".join(lines)


def print_explanation(explanation: Explanation, console: Console | None = None) -> None:
    """Print the table and the outcome."""
    from rich.console import Console
    from rich.text import Text

    console = console or Console()
    if explanation.steps:
        console.print(steps_table(explanation))
    else:
        console.print(Text(f"{explanation.graph.root.name} is a leaf: no operation, so nothing to explain"))
    console.print(Text(summary(explanation)))


def plain_text(explanation: Explanation) -> str:
    """Return the same as text without colours, of a fixed width."""
    from rich.console import Console

    console = Console(file=io.StringIO(), width=PLAIN_WIDTH, color_system=None, force_jupyter=False)
    with console.capture() as capture:
        print_explanation(explanation, console)
    return "\n".join(line.rstrip() for line in capture.get().splitlines()).strip("\n")
