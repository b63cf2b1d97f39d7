"""Walking through the backward pass in a terminal, one step at a time, forward and back."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from ..graph import number_text
from .table import graph_tree, steps_table, summary

if TYPE_CHECKING:
    from rich.console import Console

    from .steps import Explanation

PROMPT = "Enter: next   b: back   q: quit > "


def walk(explanation: Explanation, console: Console, read: Callable[[str], str] | None = None) -> None:
    """Show one page at a time: where the pass starts, a page for every step, the outcome.

    Enter goes on, b goes back, q or the end of the input ends.

    Args:
        explanation: what to walk through.
        console: where it is shown.
        read: asks for the next line; ``input`` if not given.
    """
    read = read or input
    page, last = 0, len(explanation.steps) + 1
    while page <= last:
        show_page(explanation, page, console)
        try:
            answer = read(PROMPT).strip().lower()
        except EOFError:
            console.print()
            return
        if not sys.stdin.isatty():
            console.print()  # nobody has pressed Enter after the prompt
        if answer in ("q", "quit"):
            return
        if answer in ("b", "back"):
            page = max(page - 1, 0)
        elif not answer:
            page += 1


def show_page(explanation: Explanation, page: int, console: Console) -> None:
    """Show page 0, where the pass starts; page n, its step n; or the page after the last step, the outcome."""
    from rich.text import Text

    root = explanation.graph.root
    done = explanation.steps[:page]
    gradients = {root.index: "1"}
    for step in done:
        for c in step.contributions:
            gradients[c.parent.index] = number_text(c.running_sum) + (" so far" if c.use < c.uses else "")
    current = None
    if page == 0:
        title, text = "start", f"The backward pass starts at the root: d {root.name} / d {root.name} = 1."
    elif page <= len(explanation.steps):
        step, current = done[-1], done[-1].node
        title = f"step {page} of {len(explanation.steps)}"
        text = (
            f"{current.name} has all of its gradient now: d {root.name} / d {current.name} = "
            f"{number_text(step.upstream)}.\nIt hands upstream * slope to each parent."
        )
    else:
        title, text = "done", summary(explanation)
    console.rule(Text(title), align="left")
    console.print(Text(text))
    if current is not None:
        console.print(steps_table(replace(explanation, steps=done[-1:])))
    console.print(graph_tree(explanation, gradients, current))
