"""The whole derivation as Markdown, for notes: the numbers forward, the steps backward, the gradients, the formulas."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from ..graph import number_text
from .latex import derivation

if TYPE_CHECKING:
    from .steps import Explanation

LONGEST_FORMULA = 80


def notes(explanation: Explanation) -> str:
    r"""Return the explanation as Markdown with tables and one display of LaTeX between ``$$``.

    Labels come out as text: no Markdown, HTML or LaTeX in them has an effect.

    Raises:
        GraphError: for a graph of more than 500 operations.

    >>> from autograd_tiny import Value, explain
    >>> print(notes(explain(Value(3.0, "x") ** 2)).partition("## Derivation")[0])
    # The gradient of `v1`
    <BLANKLINE>
    `v1 = x ** 2` has the value 9.
    <BLANKLINE>
    ## Forward: the numbers
    <BLANKLINE>
    | node | computed as | value |
    |---|---|---:|
    | `x` | given | 3 |
    | `v1` | `x ** 2` | 9 |
    <BLANKLINE>
    ## Backward: the chain rule
    <BLANKLINE>
    Each step hands *upstream · slope* to each parent, where the contributions add up.
    <BLANKLINE>
    | step | from | upstream | to | slope | number | contribution | gradient so far |
    |---:|---|---:|---|---|---:|---:|---:|
    | 1 | `v1` | 1 | `x` | `2 * x` | 6 | 6 | 6 |
    <BLANKLINE>
    ## Gradients
    <BLANKLINE>
    | with respect to | gradient of `v1` |
    |---|---:|
    | `x` | 6 |
    <BLANKLINE>
    <BLANKLINE>
    """
    formulas = derivation(explanation)
    graph, root = explanation.graph, explanation.graph.root
    forward = [
        (_inert(node.name), _formula(graph.formula(node)) if node.op else "given", number_text(node.data))
        for node in graph.nodes
        if not node.constant
    ]
    backward = []
    for step in explanation.steps:
        facts = (str(step.number), _inert(step.node.name), number_text(step.upstream))
        for c in step.contributions:
            so_far = "constant" if c.parent.constant else number_text(c.running_sum)
            numbers = (number_text(c.slope), number_text(c.contribution), so_far)
            backward.append((*facts, _inert(c.parent.name), _formula(c.formula), *numbers))
            facts = ("", "", "")
    gradients = [(_inert(leaf.name), number_text(explanation.gradients[leaf.index])) for leaf in graph.leaves]
    start = f"{root.name} = {graph.formula(root)}" if root.op else root.name
    sections = [
        f"# The gradient of {_inert(root.name)}",
        f"{_formula(start)} has the value {number_text(root.data)}.",
        "## Forward: the numbers",
        _table(("node", "computed as", "value"), "llr", forward),
    ]
    if backward:
        headings = ("step", "from", "upstream", "to", "slope", "number", "contribution", "gradient so far")
        sections += [
            "## Backward: the chain rule",
            "Each step hands *upstream · slope* to each parent, where the contributions add up.",
            _table(headings, "rlrllrrr", backward),
        ]
    sections += [
        "## Gradients",
        _table(("with respect to", f"gradient of {_inert(root.name)}"), "lr", gradients),
        "## Derivation",
        # Before a letter, "<" would begin an HTML tag.
        "$$\n" + re.sub(r"<(?=\S)", "< ", formulas) + "\n$$",
    ]
    return "\n\n".join(sections) + "\n"


def _table(headings: Sequence[str], alignment: str, rows: Iterable[Sequence[str]]) -> str:
    rule = [{"l": "---", "r": "---:"}[side] for side in alignment]
    return "\n".join([_line(headings), f"|{'|'.join(rule)}|", *map(_line, rows)])


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _formula(text: str) -> str:
    return _inert(text if len(text) <= LONGEST_FORMULA else f"{text[: LONGEST_FORMULA - 3]}...")


def _inert(text: str) -> str:
    """Return text as code, in which nothing has a meaning; a bar, which would end a cell, stands outside of it."""
    return "&#124;".join([_code(part) if part else "" for part in text.split("|")])


def _code(text: str) -> str:
    fence = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    # One space on each side of code is not shown, unless there is nothing else.
    space = " " if text.strip(" ") and (text[0] in "` " or text[-1] in "` ") else ""
    return f"{fence}{space}{text}{space}{fence}"
