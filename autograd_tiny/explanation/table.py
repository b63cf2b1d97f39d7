"""The step records as a terminal table."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from ..graph import number_text

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from .steps import Explanation

PLAIN_WIDTH = 120
LONGEST_FORMULA = 48


def steps_table(explanation: Explanation) -> Table:
    """Return one row per contribution, grouped by node in backward order."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    graph = explanation.graph
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading, justify in (
        ("step", "right"),
        ("node", "left"),
        ("data", "right"),
        ("upstream", "right"),
        ("to", "left"),
        ("slope", "left"),
        ("= number", "right"),
        ("upstream * slope", "right"),
        ("gradient so far", "right"),
    ):
        table.add_column(heading, justify=justify, overflow="fold")  # type: ignore[arg-type]  # literals, through a tuple
    for step in explanation.steps:
        name = step.node.name
        lead = [str(step.number), f"{name} = {graph.formula(step.node)}", number_text(step.node.data)]
        lead.append(number_text(step.upstream))
        for c in step.contributions:
            parent = c.parent.name if c.uses == 1 else f"{c.parent.name} (use {c.use} of {c.uses})"
            numbers = [number_text(x) for x in (c.slope, c.contribution, c.running_sum)]
            if c.parent.constant:
                numbers[-1] = "constant"
            formula = c.formula if len(c.formula) <= LONGEST_FORMULA else f"d {name} / d {c.parent.name}"
            cells = [*lead, parent, formula, *numbers]
            table.add_row(*map(Text, cells), end_section=c is step.contributions[-1])
            lead = ["", "", "", ""]
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
    console.print(steps_table(explanation))
    console.print(Text(summary(explanation)))


def plain_text(explanation: Explanation) -> str:
    """Return the same as text without colours, of a fixed width."""
    from rich.console import Console

    console = Console(file=io.StringIO(), width=PLAIN_WIDTH, color_system=None, legacy_windows=False)
    with console.capture() as capture:
        print_explanation(explanation, console)
    return "\n".join(line.rstrip() for line in capture.get().splitlines()).strip("\n")
