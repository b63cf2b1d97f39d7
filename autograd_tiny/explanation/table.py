"""The step records as a terminal table."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from ..graph import number_text

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from .steps import Explanation

PLAIN_WIDTH = 100
LONGEST_FORMULA = 120
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


def summary(explanation: Explanation) -> str:
    """Return the outcome in one line per leaf."""
    graph = explanation.graph
    root = graph.root.name
    lines = [f"{root} = {number_text(graph.root.data)}"]
    lines += [
        f"d {root} / d {node.name} = {number_text(explanation.gradients[node.index])}"
        for node in graph.nodes
        if node.op is None and not node.constant
    ]
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
