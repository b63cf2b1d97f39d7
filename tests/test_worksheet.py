"""Worksheets: every form asks everything and gives nothing away, keys answer everything, variants are sound."""

from __future__ import annotations

import json
import math
import re
import shutil
from dataclasses import FrozenInstanceError
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_tiny import Value, dot, forget, log, no_grad, primitive, sin, tanh, worksheet
from autograd_tiny.errors import ExpressionError, GraphError, MissingProgramError, ParameterError
from autograd_tiny.explanation import Worksheet, variants
from autograd_tiny.explanation.worksheets import forms as worksheet_forms
from autograd_tiny.explanation.worksheets import picture as worksheet_picture
from autograd_tiny.explanation.worksheets.pdf import pdf
from autograd_tiny.explanation.worksheets.sheet import GRIDS, numbers_of
from autograd_tiny.expression import parse
from autograd_tiny.graph import number_text
from autograd_tiny.testing import RandomExpression, expressions

needs_pdflatex = pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no pdflatex on this machine")


def loss() -> Value:
    """A graph in which a is used twice and no number of a blank is given anywhere else."""
    a, b = Value(2.0, "a"), Value(-3.5, "b")
    return tanh(a * b / 9) * 7.25 + a**3


def sheet_of(f: RandomExpression, **settings: Any) -> Worksheet:
    leaves = [Value(x, name) for x, name in zip(f.point, f.variables, strict=True)]
    return worksheet(f(*leaves), **settings)


FORMS = {
    "text": Worksheet.text,
    "markdown": Worksheet.to_markdown,
    "latex": Worksheet.to_latex,
    "html": Worksheet.to_html,
}
every_form = pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)


# ---------------------------------------------------------------- what is asked


def test_everything_is_asked_in_the_order_of_computation() -> None:
    a, b = Value(2.0, "a"), Value(3.0, "b")
    sheet = worksheet(a * b + a)
    assert [(blank.id, blank.question, blank.answer) for blank in sheet.blanks] == [
        ("B1", "v1 = a * b", 6.0),
        ("B2", "v2 = v1 + a", 8.0),
        ("B3", "slope d v2 / d v1", 1.0),
        ("B4", "contribution of v2 to v1", 1.0),
        ("B5", "slope d v2 / d a", 1.0),
        ("B6", "contribution of v2 to a", 1.0),
        ("B7", "gradient d v2 / d v1", 1.0),
        ("B8", "slope d v1 / d a", 3.0),
        ("B9", "contribution of v1 to a", 3.0),
        ("B10", "slope d v1 / d b", 2.0),
        ("B11", "contribution of v1 to b", 2.0),
        ("B12", "gradient d v2 / d a", 4.0),
        ("B13", "gradient d v2 / d b", 2.0),
    ]


def test_an_operand_used_twice_by_one_node_is_asked_twice() -> None:
    x = Value(3.0, "x")
    assert [blank.question for blank in worksheet(x * x, "slopes").blanks] == [
        "slope d v1 / d x (operand 1)",
        "slope d v1 / d x (operand 2)",
    ]


def test_nothing_is_asked_about_constants() -> None:
    assert [blank.question for blank in worksheet(Value(3.0, "x") * 5, ["slopes", "gradients"]).blanks] == [
        "slope d v1 / d x",
        "gradient d v1 / d x",
    ]


@pytest.mark.parametrize("kind", ["values", "slopes", "contributions", "gradients"])
def test_hide_chooses_the_kinds(kind: str) -> None:
    assert {f"{blank.kind}s" for blank in worksheet(loss(), kind).blanks} == {kind}


def test_a_part_is_chosen_by_the_seed() -> None:
    everything = len(worksheet(loss()).blanks)
    half = [worksheet(loss(), 0.5, seed) for seed in range(6)]
    assert {len(sheet.blanks) for sheet in half} == {round(everything / 2)}
    assert len({sheet.code for sheet in half}) > 1
    assert worksheet(loss(), 0.5, 3).to_json() == half[3].to_json()
    assert len(worksheet(loss(), 1e-9).blanks) == 1
    assert worksheet(loss(), 1.0).blanks == worksheet(loss()).blanks


@given(expressions())
def test_answers_are_those_of_backward(f: RandomExpression) -> None:
    leaves = [Value(x, name) for x, name in zip(f.point, f.variables, strict=True)]
    root = f(*leaves)
    sheet = worksheet(root, "gradients")
    root.backward()
    answers = {blank.question.rpartition(" ")[2]: blank.answer for blank in sheet.blanks}
    assert {name: leaf.grad + 0.0 for name, leaf in zip(f.variables, leaves, strict=True)}.items() <= answers.items()


def test_a_sheet_is_made_under_no_grad_too() -> None:
    root, expected = loss(), worksheet(loss())
    with no_grad():
        assert worksheet(root).blanks == expected.blanks
        assert len(variants("a * b", 2)) == 2


def test_the_numbers_are_those_that_the_leaves_have_now() -> None:
    x = Value(2.0, "x")
    y = x * x
    x.data = 5.0
    assert [blank.answer for blank in worksheet(y, "values").blanks] == [25.0]


def test_what_nobody_chooses_is_three_digits_and_seed_0() -> None:
    sheet = worksheet(loss(), 0.5)
    assert sheet.digits == variants("a * b", 1)[0].digits == Worksheet(sheet.explanation, sheet.blanks).digits == 3
    assert sheet.code == worksheet(loss(), 0.5, 0).code != worksheet(loss(), 0.5, 1).code
    first, same, other = ([v.code for v in variants("a * b", 3, *seed)] for seed in ((), (0,), (1,)))
    assert first == same != other


def test_the_largest_and_longest_that_is_taken() -> None:
    xs = [Value(1.0) for _ in range(100)]
    assert len(worksheet(dot(xs, xs), "values").blanks) == 1
    title = "x" * 200
    assert [worksheet(loss(), title=title, digits=digits).title for digits in (2, 5)] == [title] * 2


def test_a_sheet_keeps_its_code_for_ever() -> None:
    """Answers that were saved with it must find it again."""
    assert worksheet(Value(2.0, "a") * Value(3.0, "b")).code == "2299c0"


def test_sheets_and_blanks_are_frozen() -> None:
    sheet = worksheet(loss())
    with pytest.raises(FrozenInstanceError):
        sheet.title = "another"  # type: ignore[misc]  # the mistake
    with pytest.raises(FrozenInstanceError):
        sheet.blanks[0].answer = 1.0  # type: ignore[misc]  # the mistake
    assert not hasattr(sheet.blanks[0], "__dict__")


class TestRefuses:
    @pytest.mark.parametrize("hide", ["value", "", [], ["values", "x"], 0, -0.5, 1.5, True, math.nan, None, [3]])
    def test_what_to_hide(self, hide: Any) -> None:
        with pytest.raises(ParameterError, match="hide"):
            worksheet(loss(), hide)

    @pytest.mark.parametrize(("hide", "named"), [(["values", "foo"], "'foo'"), ("foo", "'foo'"), ([], "none")])
    def test_what_to_hide_by_name(self, hide: Any, named: str) -> None:
        with pytest.raises(ParameterError, match=f"got {named}$"):
            worksheet(loss(), hide)

    @pytest.mark.parametrize(
        ("kind", "shown"), [("x" * 58, f"'{'x' * 58}'"), (f"{'x' * 49}{'y' * 10}", f"'{'x' * 49}...yyyy'")]
    )
    def test_what_is_long_is_cut(self, kind: str, shown: str) -> None:
        with pytest.raises(ParameterError, match=f"got {re.escape(shown)}$"):
            worksheet(loss(), kind)

    def test_a_leaf(self) -> None:
        with pytest.raises(GraphError, match="x is a leaf"):
            worksheet(Value(1.0, "x"))

    def test_what_is_no_value(self) -> None:
        with pytest.raises(GraphError, match="taken from a Value"):
            worksheet(3.0)  # type: ignore[arg-type]

    @pytest.mark.parametrize("formula", ["a * b", parse("a * b")])
    def test_formulas(self, formula: Any) -> None:
        with pytest.raises(GraphError, match=r"got the formula 'a \* b'; variants\(formula, 1\) .* parse\(formula\)"):
            worksheet(formula)

    def test_numbers_that_are_not_finite(self) -> None:
        with pytest.raises(GraphError, match=r"v1 = log\(x\) is nan"):
            worksheet(log(Value(-1.0, "x")))

    def test_graphs_that_nobody_can_do_by_hand(self) -> None:
        xs = [Value(1.0) for _ in range(101)]
        with pytest.raises(GraphError, match="202 operands"):
            worksheet(dot(xs, xs))

    @pytest.mark.parametrize("title", ["", " ", "x" * 201, None])
    def test_titles(self, title: Any) -> None:
        with pytest.raises(ParameterError, match="title is a text"):
            worksheet(loss(), title=title)

    @pytest.mark.parametrize("digits", [1, 6, 2.5])
    def test_digits(self, digits: Any) -> None:
        with pytest.raises(ParameterError, match="digits"):
            worksheet(loss(), digits=digits)

    def test_seeds(self) -> None:
        with pytest.raises(ParameterError, match="seed"):
            worksheet(loss(), 0.5, "x")  # type: ignore[arg-type]


# ---------------------------------------------------------------- forms


GIVEN = {"1", "2", "-3.5", "7.25", "9", "3"}  # the leaves and constants of loss(), and the first upstream


def numbers_in(page: str) -> set[str]:
    """Return every number of a form, its LaTeX and HTML aside."""
    page = re.sub(
        r"<style>.*?</style>|<script>.*?</script>|<[^>]*>|\\begin\{picture\}.*?\\end\{picture\}",
        " ",
        page,
        flags=re.DOTALL,
    )
    return set(re.findall(r"(?<![\w.])-?\d+(?:\.\d+)?(?:e-?\d+)?(?![\w.])", page.replace("\\", "")))


@every_form
def test_a_sheet_names_every_blank_once_and_gives_no_answer_away(form: Any) -> None:
    sheet = worksheet(loss())
    page = form(sheet)
    for blank in sheet.blanks:
        assert len(re.findall(rf"(?<![\w]){blank.id}(?!\w)", re.sub(r'(data-blank|aria-label)="[^"]*"', "", page))) in (
            1,
            2,
        )
    hidden = {number_text(blank.answer) for blank in sheet.blanks} - GIVEN
    assert len(hidden) > 10
    assert not hidden & numbers_in(page)
    assert hidden <= numbers_in(form(sheet.key()))


@every_form
@given(expressions(size=(1, 6)), st.sampled_from([0.4, 1.0]))
def test_forms_depend_on_the_hidden_numbers_in_keys_only(form: Any, f: RandomExpression, part: float) -> None:
    """A form that stays the same whatever the hidden numbers are gives none away."""
    sheet = sheet_of(f, hide=part)
    before, key = form(sheet), form(sheet.key())
    asked = {blank.place for blank in sheet.blanks}
    other = {place: x + 1.5 * (place in asked) for place, x in numbers_of(sheet.explanation).items()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(worksheet_forms, "numbers_of", lambda explanation: other)
        assert form(sheet) == before
        assert form(sheet.key()) != key
    assert all(blank.id in before and blank.id in key for blank in sheet.blanks)


@every_form
def test_a_number_that_is_not_asked_is_shown(form: Any) -> None:
    shown = numbers_in(form(worksheet(loss(), "gradients")))
    assert {number_text(blank.answer) for blank in worksheet(loss(), ["values", "slopes"]).blanks} <= shown


@every_form
def test_instructions_and_code_are_on_the_sheet(form: Any) -> None:
    sheet = worksheet(loss(), title="Lesson 3", digits=4)
    page = form(sheet)
    assert "Lesson 3" in page
    assert sheet.code in page
    assert "Round to 4 significant digits" in page.replace("\\", "")
    assert "Round" not in form(sheet.key())
    assert "ey to sheet" in form(sheet.key())


def test_the_text_form() -> None:
    a, b = Value(2.0, "a"), Value(-3.0, "b")
    sheet = worksheet(a * b, ["slopes", "gradients"])
    assert sheet.text().splitlines()[-9:] == [
        "  Step 1, v1 = a * b: upstream d v1 / d v1 = 1",
        "      to a: slope d v1 / d a = ________ [B1],   contribution = -3",
        "      to b: slope d v1 / d b = ________ [B2],   contribution = 2",
        "",
        "GRADIENTS OF THE LEAVES",
        "Add up the contributions to each leaf.",
        "",
        "  gradient d v1 / d a = ________ [B3]",
        "  gradient d v1 / d b = ________ [B4]",
    ]
    assert "      to a: slope d v1 / d a = b = -3 [B1],   contribution = -3\n" in sheet.key().text()
    assert str(sheet) == repr(sheet) == sheet.text()


def quiz(**settings: Any) -> Worksheet:
    """A sheet with what forms treat in a way of its own: a constant, a leaf used twice, Greek, signs with a meaning."""
    a, b = Value(2.0, "a_1"), Value(-3.0, "β")
    return worksheet(a * b + a * 5, ["values", "slopes"], title="Quiz & 50%", digits=4, **settings)


ADVICE = (
    "Go from the root to the leaves. Each parent gets a contribution, upstream times slope. "
    "The upstream of a node is the sum of all contributions to it."
)


def test_all_of_a_key_as_text() -> None:
    assert (
        quiz().key().text()
        == f"""\
Quiz & 50% (key to sheet {quiz().code})

FORWARD PASS
Compute each node from its parents.

  a_1 = 2
  β = -3
  v1 = a_1 * β = -6 [B1]
  v2 = a_1 * 5 = 10 [B2]
  v3 = v1 + v2 = 4 [B3]

BACKWARD PASS
{ADVICE}

  Step 1, v3 = v1 + v2: upstream d v3 / d v3 = 1
      to v1: slope d v3 / d v1 = 1 [B4],   contribution = 1
      to v2: slope d v3 / d v2 = 1 [B5],   contribution = 1

  Step 2, v2 = a_1 * 5: upstream d v3 / d v2 = 1
      to a_1 (use 1 of 2): slope d v2 / d a_1 = 5 [B6],   contribution = 5

  Step 3, v1 = a_1 * β: upstream d v3 / d v1 = 1
      to a_1 (use 2 of 2): slope d v1 / d a_1 = β = -3 [B7],   contribution = -3
      to β: slope d v1 / d β = a_1 = 2 [B8],   contribution = 2

GRADIENTS OF THE LEAVES
Add up the contributions to each leaf.

  gradient d v3 / d a_1 = 2
  gradient d v3 / d β = 2
"""
    )


def test_a_sheet_as_text_begins_with_name_and_instructions() -> None:
    assert quiz().text().splitlines()[:7] == [
        f"Quiz & 50% (sheet {quiz().code})",
        "",
        "Name: ______________________",
        "",
        "Fill in the blanks B1 to B8. Round to 4 significant digits, or write a fraction such as 1/3.",
        "",
        "FORWARD PASS",
    ]
    assert "\nFill in the blanks B1. Round to 3 " in worksheet(sin(Value(2.0)), "values").text()


def test_all_of_a_sheet_as_markdown() -> None:
    blank, advice = r"\_\_\_\_\_\_\_\_", ADVICE.replace(".", r"\.")
    assert (
        quiz().to_markdown()
        == rf"""# Quiz &amp; 50% \(sheet {quiz().code}\)

Name: \_\_\_\_\_\_\_\_\_\_\_\_

Fill in the blanks B1 to B8. Round to 4 significant digits, or write a fraction such as 1/3.

## Forward pass

Compute each node from its parents\.

- a\_1 = 2
- β = \-3
- v1 = a\_1 \* β = {blank} \[B1\]
- v2 = a\_1 \* 5 = {blank} \[B2\]
- v3 = v1 \+ v2 = {blank} \[B3\]

## Backward pass

{advice}

- Step 1, v3 = v1 \+ v2\: upstream d v3 / d v3 = 1
    - to v1\: slope d v3 / d v1 = {blank} \[B4\], contribution = 1
    - to v2\: slope d v3 / d v2 = {blank} \[B5\], contribution = 1
- Step 2, v2 = a\_1 \* 5\: upstream d v3 / d v2 = 1
    - to a\_1 \(use 1 of 2\)\: slope d v2 / d a\_1 = {blank} \[B6\], contribution = 5
- Step 3, v1 = a\_1 \* β\: upstream d v3 / d v1 = 1
    - to a\_1 \(use 2 of 2\)\: slope d v1 / d a\_1 = {blank} \[B7\], contribution = \-3
    - to β\: slope d v1 / d β = {blank} \[B8\], contribution = 2

## Gradients of the leaves

Add up the contributions to each leaf\.

- gradient d v3 / d a\_1 = 2
- gradient d v3 / d β = 2
"""
    )
    assert "= **\\-6** \\[B1\\]\n" in quiz().key().to_markdown()


def test_all_of_a_sheet_as_latex(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worksheet_picture, "find_engine", lambda: None)
    written = quiz().to_latex().removeprefix(worksheet_forms.PREAMBLE)
    for long, short in (  # shorter lines
        (r"\\frac{\\partial (\S+)}{\\partial (\S+)}", r"d \1 / d \2"),
        (r"\\mbox{(.*?)\\,\\underline{\\hspace{2cm}}\\,{\\scriptsize (B\d)}}", r"\1 \2"),
        (r"\$\\displaystyle ", "$"),
        (r"\\hspace\*{8mm}", "    "),
    ):
        written = re.sub(long, short, written)
    adds = r"\quad $\text{contribution}"
    assert (
        written
        == rf"""{{\Large\bfseries Quiz \& 50\%}}\\{{\small sheet {quiz().code}}}

Name: \underline{{\hspace{{7cm}}}}

Fill in the blanks B1 to B8. Round to 4 significant digits, or write a fraction such as 1/3.



\medskip{{\large\bfseries Forward pass}}\\*
Compute each node from its parents.

\nopagebreak
$a_{{1}} = 2$

$\beta = -3$

$v_{{1}} = a_{{1}} \cdot \beta = $ B1

$v_{{2}} = a_{{1}} \cdot 5 = $ B2

$v_{{3}} = v_{{1}} + v_{{2}} = $ B3

\medskip{{\large\bfseries Backward pass}}\\*
{ADVICE}

\nopagebreak
$\text{{Step 1, }} v_{{3}} = v_{{1}} + v_{{2}}:$\quad $\text{{upstream }}d v_{{3}} / d v_{{3}} = 1$

    $\text{{to }}v_{{1}}\text{{:}}$\quad $\text{{slope }}d v_{{3}} / d v_{{1}} = $ B4\quad $\text{{contribution}} = 1$

    $\text{{to }}v_{{2}}\text{{:}}$\quad $\text{{slope }}d v_{{3}} / d v_{{2}} = $ B5\quad $\text{{contribution}} = 1$

$\text{{Step 2, }} v_{{2}} = a_{{1}} \cdot 5:$\quad $\text{{upstream }}d v_{{3}} / d v_{{2}} = 1$

    $\text{{to }}a_{{1}}\text{{ (use 1 of 2):}}$\quad $\text{{slope }}d v_{{2}} / d a_{{1}} = $ B6{adds} = 5$

$\text{{Step 3, }} v_{{1}} = a_{{1}} \cdot \beta:$\quad $\text{{upstream }}d v_{{3}} / d v_{{1}} = 1$

    $\text{{to }}a_{{1}}\text{{ (use 2 of 2):}}$\quad $\text{{slope }}d v_{{1}} / d a_{{1}} = $ B7{adds} = -3$

    $\text{{to }}\beta\text{{:}}$\quad $\text{{slope }}d v_{{1}} / d \beta = $ B8\quad $\text{{contribution}} = 2$

\medskip{{\large\bfseries Gradients of the leaves}}\\*
Add up the contributions to each leaf.

\nopagebreak
$\text{{gradient }}d v_{{3}} / d a_{{1}} = 2$

$\text{{gradient }}d v_{{3}} / d \beta = 2$
\end{{document}}
"""
    )
    key = quiz().key().to_latex()
    assert r"\beta = $\,\underline{\makebox[2cm]{$-6$}}\,{\scriptsize B1}" in key
    assert r"{\partial a_{1}} = \beta = $\,\underline{\makebox[2cm]{$-3$}}" in key
    assert r"{\partial a_{1}} = $\,\underline{\makebox[2cm]{$5$}}" in key


def test_a_key_shows_a_slope_as_a_formula_of_up_to_forty_characters() -> None:
    for length, shown in ((40, True), (41, False)):
        name = "x" * length
        key = worksheet(Value(2.0, name) * Value(3.0, "b"), "slopes").key()
        assert (f"slope d v1 / d b = {name} = 2 [B2]" in key.text()) is shown
        assert ("slope d v1 / d b = 2 [B2]" in key.text()) is not shown
        assert (r"{\partial b} = $" in key.to_latex()) is not shown


@pytest.mark.parametrize(
    ("letter", "written"),
    [
        ("é", "é"),
        ("À", "À"),
        ("ÿ", "ÿ"),
        ("×", "[U+00D7]"),
        ("Ā", "[U+0100]"),
        ("\x7f", "\x7f"),
        ("\x80", "[U+0080]"),
        ("λ", r"\ensuremath{\lambda}"),
        ("Λ", r"\ensuremath{\Lambda}"),
        ("ω", r"\ensuremath{\omega}"),
        ("Α", "[U+0391]"),  # a capital alpha looks like A, and LaTeX has no command for it
        ("ς", "[U+03C2]"),
        ("ɑ", "[U+0251]"),
        ("𝛂", "[U+1D6C2]"),
        ("ᴦ", "[U+1D26]"),
        ("\U0010ffff", "[U+10FFFF]"),
    ],
)
def test_letters_in_latex(letter: str, written: str) -> None:
    assert worksheet_forms.typeset(f"a{letter}b") == f"a{written}b"


class Page(HTMLParser):
    """The tags, attributes and fields of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs


def test_the_page_has_a_field_for_every_blank_and_fetches_nothing() -> None:
    sheet = worksheet(loss())
    found = Page(sheet.to_html())
    assert [value for name, value in found.attributes if name == "data-blank"] == [blank.id for blank in sheet.blanks]
    labels = [value or "" for name, value in found.attributes if name == "aria-label"]
    assert len(set(labels)) == len(labels)
    sources = [value or "" for name, value in found.attributes if name in ("src", "href")]
    assert all(source.startswith("data:") for source in sources)
    assert "input" not in Page(sheet.key().to_html()).tags
    assert "script" not in Page(sheet.key().to_html()).tags


HOSTILE = [
    "</script><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    r"}\input{/etc/passwd}$x^2$ \write18{id} % # & _ ^ ~",
    "[x](javascript:alert(1)) `code` **b** | a",
    "\x1b[31mred\nB1 = 3",
    "αβ é 猫 \U0001f600 ×",
    "[red]x[/red]",
]
hostile = pytest.mark.parametrize("text", HOSTILE)


@hostile
def test_labels_and_titles_are_inert(text: str) -> None:
    x = Value(2.0, text)
    sheet = worksheet(sin(x) * x, title=text)
    for page in (sheet, sheet.key()):
        plain = Page(worksheet(sin(Value(2.0, "x")) * 2, title="t").to_html())
        found = Page(page.to_html())
        assert set(found.tags) <= set(plain.tags) | {"span"}
        assert not any(name.startswith("on") for name, _ in found.attributes)
        assert page.to_html().count("</script>") == (0 if page.solved else 1)
        for form in (page.text(), page.to_markdown(), page.to_latex()):
            assert form.replace("\n", "").isprintable()
        assert "\\input" not in page.to_latex()
        assert "\\write" not in page.to_latex()
        assert page.to_latex().isascii() or "é" in page.to_latex()
        assert not re.search(r"(?<!\\)[*`\[]", page.to_markdown().replace("**", ""))
        assert "<" not in page.to_markdown()


@needs_pdflatex
@pytest.mark.slow
@hostile
def test_hostile_labels_compile(text: str, tmp_path: Path) -> None:
    x = Value(2.0, text)
    assert worksheet(sin(x) * x, title=text).to_pdf(tmp_path / "sheet.pdf").read_bytes().startswith(b"%PDF")


@needs_pdflatex
@pytest.mark.slow
def test_sheets_and_keys_compile(tmp_path: Path) -> None:
    for k, text in enumerate(["(a*b + 10)**2 + a", "where(x > 0, softmax([x, y, 1], index=0), hypot(x, y)) / gelu(y)"]):
        (sheet,) = variants(text, 1)
        for name, form in (("sheet", sheet), ("key", sheet.key())):
            path = tmp_path / f"{name}{k}.pdf"
            assert form.save_as(path) == path
            assert path.read_bytes().startswith(b"%PDF")


def test_without_pdflatex_the_remedy_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingProgramError, match=r"pdflatex, which is not on the PATH: install TeX Live"):
        worksheet(loss()).to_pdf(tmp_path / "sheet.pdf")
    assert not (tmp_path / "sheet.pdf").exists()


@needs_pdflatex
def test_pdflatex_may_not_read_on_after_a_mistake() -> None:
    with pytest.raises(GraphError, match="Undefined control sequence"):
        pdf("\\documentclass{article}\\begin{document}\\bogus\\end{document}")


def test_without_an_engine_there_is_no_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    sheet = worksheet(loss())
    assert "<img" in sheet.to_html()
    assert r"\begin{picture}" in sheet.to_latex()
    monkeypatch.setattr(worksheet_picture, "find_engine", lambda: None)
    assert "<img" not in sheet.to_html()
    assert r"\begin{picture}" not in sheet.to_latex()


def test_the_picture_shows_formulas_and_given_numbers_only() -> None:
    drawn = worksheet_picture.svg(worksheet(loss()))
    assert drawn is not None
    texts = {unescape(found).replace("\xa0", " ") for found in re.findall(r"<text[^>]*>([^<]*)</text>", drawn)}
    assert {"a = 2", "b = -3.5", "v1 = a * b", "7.25"} <= texts
    assert len(texts) == 10


def test_a_curve_of_the_latex_picture_goes_through_the_middle_of_the_edge(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = ["graph 1 3 2", "node n0 0.5 0.5 1 0.5", "node n1 2.5 0.5 1 0.5"]
    lines += [f"edge n0 n1 7 1 0.5 1 {y} 1 {y} 1.5 {y} 2 {y} 2 {y} 2 0.5 solid black" for y in (1.5, 0.5)]
    monkeypatch.setattr(worksheet_picture, "find_engine", lambda: lambda *_: "\n".join([*lines, "stop"]).encode())
    x = Value(3.0, "x")
    written = worksheet_picture.latex_picture(worksheet(x * x))
    curves = re.findall(r"\\qbezier(\S+)", written)
    assert curves == ["(1.000,0.500)(1.500,2.500)(2.000,0.500)", "(1.000,0.500)(1.500,0.500)(2.000,0.500)"]


def test_numbers_as_latex() -> None:
    x, y = Value(-2.5e-7, "x"), Value(1e20, "y")
    written = worksheet(x * y, "values").to_latex()
    assert r"x = -2.5 \times 10^{-7}$" in written
    assert "y = 10^{20}$" in written


@pytest.mark.parametrize(
    ("suffix", "start"),
    [(".html", "<!DOCTYPE"), (".tex", "\\documentclass"), (".md", "# "), (".txt", "Back"), (".json", "{")],
)
def test_save_as_takes_the_form_from_the_suffix(suffix: str, start: str, tmp_path: Path) -> None:
    path = tmp_path / f"sheet{suffix}"
    assert worksheet(loss()).save_as(path) == path
    assert path.read_text(encoding="utf-8").startswith(start)


def test_save_as_pdf_writes_what_pdflatex_gives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pdflatex = "autograd_tiny.explanation.worksheets.pdf.pdf"
    monkeypatch.setattr(pdflatex, lambda document: b"%PDF" + document[:9].encode())
    path = tmp_path / "sheet.PDF"
    assert worksheet(loss()).save_as(path) == path
    assert path.read_bytes() == b"%PDF\\document"


def test_save_as_refuses_other_suffixes(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match=r"the suffix is one of \.pdf, \.html"):
        worksheet(loss()).save_as(tmp_path / "sheet.docx")


def test_to_html_writes_the_page(tmp_path: Path) -> None:
    sheet = worksheet(loss())
    assert sheet.to_html(tmp_path / "s.html").read_text(encoding="utf-8") == sheet.to_html()


# ---------------------------------------------------------------- JSON


@given(expressions(), st.sampled_from([0.3, 1.0]))
def test_json_gives_the_same_sheet_back(f: RandomExpression, part: float) -> None:
    sheet = sheet_of(f, hide=part, title="Lesson", digits=4)
    again = Worksheet.from_json(sheet.to_json())
    assert again.blanks == sheet.blanks
    assert (again.text(), again.key().text(), again.code) == (sheet.text(), sheet.key().text(), sheet.code)


def test_json_has_a_line_for_each_thing() -> None:
    lines = quiz().to_json().splitlines()
    assert lines[1:4] == [
        ' "format": "autograd_tiny worksheet 1",',
        f' "sheet": "{quiz().code}",',
        ' "title": "Quiz & 50%",',
    ]


@pytest.mark.parametrize("pairs", [1, 2])
def test_a_dot_comes_back_from_json(pairs: int) -> None:
    sheet = worksheet(dot([Value(2.0)] * pairs, [Value(3.0)] * pairs))
    assert Worksheet.from_json(sheet.to_json()).blanks == sheet.blanks


def test_names_of_results_stay_on_the_sheet() -> None:
    a, b = Value(2.0, "a"), Value(3.0, "b")
    product = a * b
    product.label = "area"
    sheet = worksheet(-product, hide="values")
    for each in (sheet, Worksheet.from_json(sheet.to_json())):
        assert [blank.question for blank in each.blanks] == ["area = a * b", "v1 = -area"]


def changed(**changes: Any) -> str:
    content = json.loads(worksheet(Value(2.0, "x") ** 3).to_json())
    return json.dumps(content | changes)


LEAF = {"label": "x", "number": 2.0, "constant": False}
BAD = {
    "no JSON": ("{", "it is not JSON"),
    "deep": ("[" * 100_000, "it is not JSON"),
    "a list": ("[]", "does not say"),
    "another format": (changed(format="x"), "does not say"),
    "no nodes": (changed(nodes=[]), "nodes are missing"),
    "a node without label": (changed(nodes=[{"number": 1.0}]), "its node 1 has no label"),
    "a leaf without number": (changed(nodes=[{"label": ""}]), "its node 1 has no number"),
    "a number as text": (changed(nodes=[LEAF | {"number": "2"}]), "its node 1 has no number"),
    "an unknown op": (
        changed(nodes=[LEAF, {"label": "", "op": "os.system", "params": {}, "parents": [0]}]),
        "'os.system'",
    ),
    "a later parent": (
        changed(nodes=[LEAF, {"label": "", "op": "sin", "params": {}, "parents": [1]}]),
        "earlier nodes",
    ),
    "too many parents": (
        changed(nodes=[LEAF, {"label": "", "op": "sin", "params": {}, "parents": [0, 0]}]),
        "does not fit",
    ),
    "half a pair": (changed(nodes=[LEAF, {"label": "", "op": "dot", "params": {}, "parents": [0]}]), "does not fit"),
    "no operand": (changed(nodes=[LEAF, {"label": "", "op": "max", "params": {}, "parents": []}]), "does not fit"),
    "a sum of nothing": (
        changed(nodes=[{"label": "", "op": "sum", "params": {}, "parents": []}]),
        "its node 1 has 0 parents, which does not fit sum(xs)",
    ),
    "a dot of nothing": (changed(nodes=[{"label": "", "op": "dot", "params": {}, "parents": []}]), "does not fit"),
    "no exponent": (changed(nodes=[LEAF, {"label": "", "op": "power", "params": {}, "parents": [0]}]), "parameters of"),
    "no such result": (
        changed(nodes=[LEAF, {"label": "", "op": "softmax", "params": {"index": 3}, "parents": [0]}]),
        "no result index=3",
    ),
    "a node apart": (
        changed(nodes=[LEAF, LEAF, {"label": "", "op": "sin", "params": {}, "parents": [0]}]),
        "all others",
    ),
    "no blanks": (changed(blanks=[]), "blanks are missing"),
    "a blank for what is given": (changed(blanks=[["value", 0, 0]]), "does not have"),
    "a blank nowhere": (changed(blanks=[["value", 9, 0]]), "does not have"),
    "a blank of lists": (changed(blanks=[[["value"], 1, 0]]), "does not have"),
    "no digits": (changed(digits="3"), "digits"),
    "no title": (changed(title=3), "title"),
}


@pytest.mark.parametrize(("text", "message"), BAD.values(), ids=BAD)
def test_other_json_is_refused_with_the_reason(text: str, message: str) -> None:
    with pytest.raises(ParameterError, match=re.escape(message)):
        Worksheet.from_json(text)


def test_a_number_too_large_for_a_float_is_refused() -> None:
    with pytest.raises(GraphError, match="finite"):
        Worksheet.from_json(
            changed(nodes=[LEAF | {"number": 10**400}, {"label": "", "op": "sin", "params": {}, "parents": [0]}])
        )


def test_an_operation_of_the_user_is_found_by_its_name() -> None:
    @primitive(slopes=(2.0,))
    def doubled(m: Any, x: Any) -> Any:
        """Twice x."""
        return x + x

    try:
        text = worksheet(doubled(Value(3.0, "x"))).to_json()
        assert Worksheet.from_json(text).blanks[0].answer == 6.0
    finally:
        forget(doubled)
    with pytest.raises(ParameterError, match="'doubled', which is not registered here"):
        Worksheet.from_json(text)


# ---------------------------------------------------------------- variants

FORMULAS = [
    "(a*b + c)**2",
    "log(1 + exp(-y*(w*x + b)))",
    "relu(w*x + b) + w",
    "sqrt(x) / y",
    "acos(x)",
    "softmax([a, b], index=1)",
]


@pytest.mark.parametrize("text", FORMULAS)
def test_variants_differ_are_sound_and_short(text: str) -> None:
    sheets = variants(text, 12, seed=4)
    assert len({sheet.code for sheet in sheets}) == 12
    assert len({tuple(b.place for b in sheet.blanks) for sheet in sheets}) == 1
    points = set()
    for sheet in sheets:
        graph = sheet.explanation.graph
        points.add(tuple(node.data for node in graph.nodes if node.is_leaf))
        for node in graph.nodes:
            assert node.constant or not node.is_leaf or (10 * node.data).is_integer()
            if node.op is not None:
                numbers = [parent.data for parent in graph.parents(node)]
                assert all(node.op.domain_of(i).contains(x) for i, x in enumerate(numbers))
                assert all(abs(gap) >= 1 / 64 for gap in node.op.gaps(*numbers))
        for blank in sheet.blanks:
            assert blank.answer == 0.0 or 1e-3 <= abs(blank.answer) <= 1e3
    assert len(points) == 12


def test_variants_have_small_numbers_mostly_multiples_of_one_half() -> None:
    first, second = GRIDS
    assert first == [k / 2 for k in (*range(-12, 0), *range(1, 13))]
    assert sorted(second) == sorted({k / 2 for k in range(-40, 41) if k} | {k / 10 for k in range(-39, 40) if k})


def test_as_long_as_they_suffice_the_numbers_are_multiples_of_one_half_up_to_6() -> None:
    assert {sheet.explanation.graph.leaves[0].data for sheet in variants("-x", 24)} == set(GRIDS[0])


def test_a_variant_has_a_gradient_and_rather_no_zeros() -> None:
    assert all(sheet.explanation.graph.nodes[0].data > 0.0 for sheet in variants("relu(x)", 20))
    assert all(sheet.explanation.graph.nodes[0].data > 0.0 for sheet in variants("relu(x) + 3*x", 5))
    assert any(sheet.explanation.graph.nodes[0].data < 0.0 for sheet in variants("relu(x) + 3*x", 80, hide="values"))


def test_equal_seeds_give_equal_variants() -> None:
    first, same, other = ([sheet.to_json() for sheet in variants("a*b + c", 5, seed)] for seed in (1, 1, 2))
    assert first == same != other


def test_variants_of_a_part_ask_for_the_same() -> None:
    asked = {tuple(blank.place for blank in sheet.blanks) for sheet in variants("(a*b + c)**2", 5, hide=0.4)}
    assert len(asked) == 1


def test_variants_name_formula_and_number() -> None:
    sheets = variants(parse(" a * b "), 2, title="Quiz")
    assert [sheet.title for sheet in sheets] == ["Quiz: a * b, variant 1", "Quiz: a * b, variant 2"]
    assert len(variants(f"a * b * ({'1 * ' * 200}2)", 1)[0].title) < 120


def test_the_title_of_a_variant_has_the_formula_up_to_eighty_characters() -> None:
    assert [sheet.title for sheet in variants("a * b", 1)] == ["Backpropagation by hand: a * b"]
    for length, shown in ((80, f"-{'y' * 79}"), (81, f"-{'y' * 76}...")):
        assert variants(f"-{'y' * (length - 1)}", 1, title="Q")[0].title == f"Q: {shown}"


def test_variants_take_the_digits() -> None:
    assert variants("a * b", 1, digits=4)[0].digits == 4


def test_variants_avoid_numbers_that_hide_mistakes() -> None:
    for sheet in variants("(a*b + c)**2", 10):
        sizes = [abs(node.data) for node in sheet.explanation.graph.nodes if node.is_leaf]
        assert len(set(sizes)) == 3
        assert 1.0 not in sizes
        assert all(blank.answer for blank in sheet.blanks)


def test_variants_stay_off_kinks_even_where_numbers_are_scarce() -> None:
    """Of the 24 multiples of 1/2 one is the kink, so the last variant has another number."""
    points = {sheet.explanation.graph.nodes[0].data for sheet in variants("abs(x - 2) + 3*x", 24)}
    assert len(points) == 24
    assert 2.0 not in points


def test_variants_that_do_not_exist_are_refused() -> None:
    with pytest.raises(
        ParameterError, match=r"found 0 of 2 variants of 'log\(-x\*\*2\)': at [1-9]\d* more points .* domain"
    ):
        variants("log(-x**2)", 2)
    with pytest.raises(ParameterError, match=r"found 2000 of 9999 variants of 'a \* b': no more points are tried"):
        variants("a * b", 9999)
    with pytest.raises(ParameterError, match="has none"):
        variants("2 + 3", 2)
    with pytest.raises(ParameterError, match="n is a whole number"):
        variants("x**2", 0)
    with pytest.raises(ExpressionError):
        variants("x +", 1)
