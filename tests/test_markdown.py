"""The explanation as Markdown: to the letter, and read back by a Markdown parser with every kind of label."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from test_inert import HOSTILE

from autograd_tiny import Value, explain, forget, primitive
from autograd_tiny.errors import GraphError, printable
from autograd_tiny.explanation.latex import MOST_OPERATIONS
from autograd_tiny.graph import number_text
from autograd_tiny.testing.strategies import RandomExpression, expressions


def tables(markdown: str) -> list[list[list[str]]]:
    """Return the cells of all tables, headings first; for text without bars of its own."""
    found: list[list[list[str]]] = [[]]
    for line in markdown.splitlines():
        if line.startswith("|"):
            if not line.startswith("|-"):
                found[-1].append([cell.strip(" `") for cell in line.strip("|").split("|")])
        elif found[-1]:
            found.append([])
    return [table for table in found if table]


def test_notes_to_the_letter() -> None:
    a, b = Value(2.0, "a"), Value(-3.0, "b")
    loss = a * b + 10
    loss = loss * a
    loss.label = "L"
    explanation = explain(loss)
    assert explanation.to_markdown().splitlines() == [
        "# The gradient of `L`",
        "",
        "`L = v2 * a` has the value 8.",
        "",
        "## Forward: the numbers",
        "",
        "| node | computed as | value |",
        "|---|---|---:|",
        "| `a` | given | 2 |",
        "| `b` | given | -3 |",
        "| `v1` | `a * b` | -6 |",
        "| `v2` | `v1 + 10` | 4 |",
        "| `L` | `v2 * a` | 8 |",
        "",
        "## Backward: the chain rule",
        "",
        "Each step hands *upstream · slope* to each parent, where the contributions add up.",
        "",
        "| step | from | upstream | to | slope | number | contribution | gradient so far |",
        "|---:|---|---:|---|---|---:|---:|---:|",
        "| 1 | `L` | 1 | `v2` | `a` | 2 | 2 | 2 |",
        "|  |  |  | `a` | `v2` | 4 | 4 | 4 |",
        "| 2 | `v2` | 2 | `v1` | `1` | 1 | 2 | 2 |",
        "|  |  |  | `10` | `1` | 1 | 2 | constant |",
        "| 3 | `v1` | 2 | `a` | `b` | -3 | -6 | -2 |",
        "|  |  |  | `b` | `a` | 2 | 4 | 4 |",
        "",
        "## Gradients",
        "",
        "| with respect to | gradient of `L` |",
        "|---|---:|",
        "| `a` | -2 |",
        "| `b` | 4 |",
        "",
        "## Derivation",
        "",
        "$$",
        *explanation.to_latex().splitlines(),
        "$$",
    ]


def test_a_leaf_alone_has_no_steps() -> None:
    markdown = explain(Value(3.0, "x")).to_markdown()
    assert "`x` has the value 3." in markdown
    assert "Backward: " not in markdown
    assert tables(markdown)[-1][1:] == [["x", "1"]]


def test_a_long_formula_is_shortened() -> None:
    markdown = explain(Value(2.0, "n" * 200) * 2).to_markdown()
    assert f"| `{'n' * 77}...` |" in markdown
    assert f"| `{'n' * 76} * 2` |" in explain(Value(2.0, "n" * 76) * 2).to_markdown()
    assert f"| `{'n' * 77}...` |" in explain(Value(2.0, "n" * 77) * 2).to_markdown()


def test_what_an_operation_has_as_latex_begins_no_tag() -> None:
    @primitive(slopes=(1.0,), latex="0<b {0}")
    def odd(m: object, x: float) -> float:
        """x itself."""
        return x

    try:
        assert "v_{1} &= 0< b x = 0< b 2 = 2" in explain(odd(Value(2.0, "x"))).to_markdown()
    finally:
        forget(odd)


def test_large_graphs_are_refused() -> None:
    x = Value(1.0)
    for _ in range(MOST_OPERATIONS + 1):
        x = x + 1
    with pytest.raises(GraphError, match="at most 500 operations"):
        explain(x).to_markdown()


@given(expressions(size=(1, 10)))
def test_every_number_of_the_records_is_in_the_tables(expression: RandomExpression) -> None:
    explanation = explain(expression(*map(Value, expression.point)))
    forward, backward, gradients = tables(explanation.to_markdown())
    nodes = [node for node in explanation.graph.nodes if not node.constant]
    assert [row[2] for row in forward[1:]] == [number_text(node.data) for node in nodes]
    records = [(step, c) for step in explanation.steps for c in step.contributions]
    assert [row[5:7] for row in backward[1:]] == [
        [number_text(c.slope), number_text(c.contribution)] for _, c in records
    ]
    assert [row[7] for row in backward[1:]] == [
        "constant" if c.parent.constant else number_text(c.running_sum) for _, c in records
    ]
    assert [row[2] for row in backward[1:] if row[0]] == [number_text(step.upstream) for step in explanation.steps]
    assert [row[1] for row in gradients[1:]] == [
        number_text(explanation.gradients[node.index]) for node in nodes if node.op is None
    ]


@pytest.mark.parametrize("text", [*HOSTILE.values(), "`", "a`", "``a` b", " ", "\\", "a|", "\\|b", "||"], ids=repr)
def test_labels_are_inert(text: str) -> None:
    """A parser finds tables, code and text in the notes, nothing that a label made, and the label as it is."""
    markdown_it = pytest.importorskip("markdown_it")
    root = Value(2.0, text) * Value(3.0, "other")
    root.label = f"{text}!"
    markdown = explain(root).to_markdown()
    notes = markdown.partition("## Derivation")[0]
    tokens: list[Any] = markdown_it.MarkdownIt("commonmark", {"html": True}).enable("table").parse(notes)
    assert {token.type.partition("_")[0] for token in tokens} <= set(
        "heading inline paragraph table thead tr th tbody td".split()
    )
    rows = [token.type for token in tokens].count("tr_open")
    cells = [token.type for token in tokens].count("td_open")
    assert (rows, cells) == (4 + 3 + 3, 3 * 3 + 2 * 8 + 2 * 2)
    inline = [child for token in tokens for child in token.children or ()]
    assert {child.type for child in inline} <= {"text", "text_special", "code_inline", "em_open", "em_close"}
    shown = ["".join(child.content for child in token.children) for token in tokens if token.type == "inline"]
    assert f"The gradient of {printable(text)}!" in shown
    assert shown.count(printable(text)) >= 3
    latex = markdown.partition("$$\n")[2]
    assert latex.endswith("\n$$\n")
    assert not any(line.startswith(("+", "-", "#", ">")) for line in latex.splitlines())
    assert "<" not in latex.replace("{<}", "").replace("< ", "")
