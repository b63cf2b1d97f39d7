"""The derivation as LaTeX: to the letter on small graphs, number by number on random ones, and through pdflatex."""

from __future__ import annotations

import math
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import event, given
from test_inert import HOSTILE

from autograd_tiny import Value, dot, erf, explain, forget, gelu_tanh, leaky_relu, log, primitive, registry, sum, tanh
from autograd_tiny.errors import GraphError
from autograd_tiny.explanation import Explanation, slope_formulas
from autograd_tiny.explanation.latex import (
    MOST_OPERATIONS,
    WIDTH,
    _packed,
    _row,
    _width,
    derivation,
    document,
)
from autograd_tiny.explanation.symbols import Symbol, _Symbols, symbol
from autograd_tiny.expression import parse
from autograd_tiny.graph import Graph, latex_name, write_operation
from autograd_tiny.ops import add, log1p, mul, power
from autograd_tiny.primitive import latex_number
from autograd_tiny.testing.strategies import RandomExpression, expressions


def rows(latex: str) -> list[str]:
    """Return the rows of a derivation, headings aside, each with its continuation lines."""
    lines = re.split(r" \\\\(?:\[[^]]*\])?\n", latex.partition("\n")[2].rpartition("\n")[0])
    whole: list[str] = []
    for line in lines:
        if line.startswith(r"&\textbf"):
            continue
        if line.startswith("&"):
            whole[-1] += f" {line.lstrip('&')}"
        else:
            whole.append(line.replace("\n ", ""))
    return whole


def labelled(root: Value, label: str = "L") -> Explanation:
    root.label = label
    return explain(root)


# ---------------------------------------------------------------- to the letter


def test_a_derivation_as_one_writes_it_by_hand() -> None:
    a, b = Value(2.0, "a"), Value(-3.0, "b")
    assert rows(labelled((a * b + 10) ** 2 + a).to_latex()) == [
        r"a &= 2, \quad b = -3",
        r"v_{1} &= a \cdot b = 2 \cdot (-3) = -6",
        r"v_{2} &= v_{1} + 10 = -6 + 10 = 4",
        r"v_{3} &= {v_{2}}^{2} = {4}^{2} = 16",
        r"L &= v_{3} + a = 16 + 2 = 18",
        r"\frac{\partial L}{\partial L} &= 1",
        r"\frac{\partial L}{\partial v_{3}} &= 1",
        r"\frac{\partial L}{\partial v_{2}} &= \frac{\partial L}{\partial v_{3}} \, "
        r"\frac{\partial v_{3}}{\partial v_{2}} = \frac{\partial L}{\partial v_{3}} \cdot 2 \cdot v_{2} "
        r"= 1 \cdot 8 = 8",
        r"\frac{\partial L}{\partial v_{1}} &= \frac{\partial L}{\partial v_{2}} \, "
        r"\frac{\partial v_{2}}{\partial v_{1}} = \frac{\partial L}{\partial v_{2}} \cdot 1 = 8 \cdot 1 = 8",
        r"\frac{\partial L}{\partial b} &= \frac{\partial L}{\partial v_{1}} \, \frac{\partial v_{1}}{\partial b} "
        r"= \frac{\partial L}{\partial v_{1}} \cdot a = 8 \cdot 2 = 16",
        r"\frac{\partial L}{\partial a} &= 1 + \frac{\partial L}{\partial v_{1}} \, \frac{\partial v_{1}}{\partial a} "
        r"= 1 + \frac{\partial L}{\partial v_{1}} \cdot b = 1 + 8 \cdot (-3) = -23",
    ]


def test_a_node_that_is_an_operand_twice_has_one_slope_there() -> None:
    x = Value(3.0, "x")
    square = x * x
    assert rows(labelled(square).to_latex())[-1] == r"\frac{\partial L}{\partial x} &= x + x = 3 + 3 = 6"
    x = Value(3.0, "x")
    assert rows(labelled(-(x * x)).to_latex())[-1] == (
        r"\frac{\partial L}{\partial x} &= \frac{\partial L}{\partial v_{1}} \, \frac{\partial v_{1}}{\partial x} "
        r"= \frac{\partial L}{\partial v_{1}} \cdot \left(x + x\right) = -1 \cdot (3 + 3) = -6"
    )


def test_negative_factors_stand_in_brackets_after_an_operator() -> None:
    a, b = Value(-2.0, "a"), Value(-4.0, "b")
    found = rows(labelled(-(a * b) - a).to_latex())
    assert found[1:4] == [
        r"v_{1} &= a \cdot b = -2 \cdot (-4) = 8",
        "v_{2} &= -v_{1} = -8",
        "L &= v_{2} - a = -8 - (-2) = -6",
    ]
    assert found[-1].endswith(r"= -1 + \frac{\partial L}{\partial v_{1}} \cdot b = -1 + (-1) \cdot (-4) = 3")
    assert r"\frac{\partial L}{\partial v_{1}} &=" in found[-3]
    assert found[-3].endswith(r"\cdot \left(-1\right) = 1 \cdot (-1) = -1")
    root = rows(labelled((-a) ** 2).to_latex())
    assert "L &= {v_{1}}^{2} = {2}^{2} = 4" in root
    assert "L &= {a}^{2} = {(-2)}^{2} = 4" in rows(labelled(a**2).to_latex())


def test_equal_means_exact_and_rounded_numbers_say_so() -> None:
    x = Value(1 / 3, "x")
    found = rows(labelled(x * 3e-7).to_latex())
    assert found[0] == r"x &\approx 0.33333"
    assert found[1] == r"L &= x \cdot (3 \times 10^{-7}) \approx 0.33333 \cdot (3 \times 10^{-7}) \approx 10^{-7}"
    assert found[-1] == r"\frac{\partial L}{\partial x} &= 3 \times 10^{-7}"
    assert rows(labelled(Value(0.1, "x") + 0.2).to_latex())[1] == "L &= x + 0.2 = 0.1 + 0.2 = 0.3"
    assert rows(explain(Value(0.10000000001, "x")).to_latex())[0] == r"x &\approx 0.1"


def test_a_formula_is_equal_and_its_rounded_number_nearly() -> None:
    x = Value(1.0, "x")
    assert rows(labelled(tanh(x)).to_latex())[-1] == (
        r"\frac{\partial L}{\partial x} &= \left(1 - L\right) \cdot \left(1 + L\right) \approx 0.41997"
    )


def test_a_fixed_number_of_an_operation_that_is_rounded_makes_its_formulas_approximate() -> None:
    assert rows(labelled(Value(8.0, "x") ** (1 / 3)).to_latex())[1:] == [
        r"L &\approx {x}^{0.333333} \approx {8}^{0.333333} \approx 2",
        r"\frac{\partial L}{\partial L} &= 1",
        r"\frac{\partial L}{\partial x} &\approx 0.333333 \cdot {x}^{-0.666667} \approx 0.083333",
    ]
    x = Value(1.0, "x")
    found = rows(labelled(leaky_relu(x, 0.1234567) * 2 + leaky_relu(x, 0.5)).to_latex())
    assert found[1].startswith(r"v_{1} &\approx \operatorname{LeakyReLU}_{0.123457}\left(x\right) \approx ")
    assert found[1].endswith(r" \approx 1"), "what follows from a rounded number is not said to be exact"
    assert found[-1].partition(r" \approx ")[0] == (
        r"\frac{\partial L}{\partial x} &= \frac{\partial L}{\partial v_{3}} \, \frac{\partial v_{3}}{\partial x}"
        r" + \frac{\partial L}{\partial v_{1}} \, \frac{\partial v_{1}}{\partial x}"
    )
    assert found[-1].endswith(r"& \text{otherwise}\end{cases}\right) = 1 \cdot 1 + 2 \cdot 1 = 3")
    assert r"\approx" not in labelled(leaky_relu(Value(1.0, "x"), 0.123456)).to_latex(), "six digits are shown"


def test_numbers_that_are_none() -> None:
    found = rows(labelled(log(Value(0.0, "x")) * Value(float("nan"), "y")).to_latex())
    assert found[0] == r"x &= 0, \quad y = \text{nan}"
    assert found[1] == r"v_{1} &= \ln\left(x\right) = \ln\left(0\right) = -\infty"
    assert found[2] == r"L &= v_{1} \cdot y = -\infty \cdot \text{nan} = \text{nan}"


def test_a_leaf_alone() -> None:
    assert rows(explain(Value(3.0, "x")).to_latex()) == ["x &= 3", r"\frac{\partial x}{\partial x} &= 1"]


def test_constants_get_no_row_and_no_gradient() -> None:
    found = rows(labelled(Value(2.0, "x") * 5 + 1).to_latex())
    assert [row.partition(" &")[0] for row in found] == [
        "x", "v_{1}", "L", r"\frac{\partial L}{\partial L}", r"\frac{\partial L}{\partial v_{1}}",
        r"\frac{\partial L}{\partial x}",
    ]  # fmt: skip


def test_long_lists_and_sums_leave_their_middle_out() -> None:
    xs = [Value(float(i)) for i in range(20)]
    total = rows(labelled(sum(xs)).to_latex())
    row = next(row for row in total if row.startswith("L &"))
    assert row == (
        r"L &= \textstyle\sum\left(x_{1}, x_{2}, x_{3}, x_{4}, x_{5}, x_{6}, \ldots, x_{20}\right)"
        r" = \textstyle\sum\left(0, 1, 2, 3, 4, 5, \ldots, 19\right) = 190"
    )
    weights = [Value(1.0, f"w{i}") for i in range(20)]
    row = next(row for row in rows(labelled(dot(xs, weights)).to_latex()) if row.startswith("L &"))
    assert r"\left[x_{1}, x_{2}, x_{3}, x_{4}, x_{5}, x_{6}, \ldots, x_{20}\right] \cdot \left[w_{0}, " in row
    y = Value(2.0, "y")
    used = [y * float(k) for k in range(1, 12)]
    last = rows(labelled(sum(used)).to_latex())[-1]
    assert last.count(r"\cdots") == 3
    assert last.endswith("= 66")


def test_a_list_of_eight_is_written_whole_and_so_are_the_operands_of_a_formula() -> None:
    def row(count: int) -> str:
        return next(row for row in rows(labelled(sum([Value(1.0, "x")] * count)).to_latex()) if row.startswith("L &"))

    assert "ldots" not in row(8)
    assert r"x, x, x, x, x, x, \ldots, x" in row(9)

    names = "abcdefghi"

    @primitive(latex=" + ".join([f"{{{k}}}" for k in range(9)]), slopes=(1.0,) * 9)
    def nine(m: Any, a: Any, b: Any, c: Any, d: Any, e: Any, f: Any, g: Any, h: Any, i: Any) -> Any:
        """The sum of nine numbers, a + ... + i."""
        return a + b + c + d + e + f + g + h + i

    try:
        latex = labelled(nine(*[Value(float(k), name) for k, name in enumerate(names)])).to_latex()
        assert "L &= a + b + c + d + e + f + g + h + i = 0 + 1 + 2 + 3 + 4 + 5 + 6 + 7 + 8 = 36" in latex
    finally:
        forget(nine)


def test_names_that_look_alike_in_latex_stay_apart() -> None:
    found = rows(labelled(Value(2.0, "x_1") * Value(3.0, "x1") * 2 * 2).to_latex())
    assert found[0] == "x_{1} &= 2, \\quad x_{1}' = 3"
    assert found[1].startswith(r"v_{1} &= x_{1} \cdot (x_{1}') = 2 \cdot 3")
    assert found[3].startswith(r"L &= v_{2} \cdot 2 ")


def test_a_wide_sum_goes_on_in_the_next_line() -> None:
    x = Value(0.3, "wide_name")
    root = explain(sum([tanh(x * float(k)) for k in range(2, 9)]))
    lines = re.split(r" \\\\(?:\[[^]]*\])?\n", root.to_latex())
    assert any(line.startswith(r"&\quad + ") for line in lines)
    assert max(_width(line.partition("&")[2]) for line in lines) <= WIDTH + 8


def test_a_very_long_name_is_shortened() -> None:
    found = rows(labelled(Value(2.0, "n" * 500) * 2).to_latex())
    assert found[0] == rf"\text{{{'n' * 27}...}} &= 2"
    found = rows(labelled(Value(2.0, "n" * 30) * 2).to_latex())
    assert found[0] == rf"\text{{{'n' * 30}}} &= 2"


def test_a_slope_too_long_to_read_is_left_out() -> None:
    x = Value(0.5, "x")
    assert rows(labelled(gelu_tanh(x)).to_latex())[-1] == r"\frac{\partial L}{\partial x} &\approx 0.86737"
    x = Value(0.5, "x")
    assert rows(labelled(gelu_tanh(x) + x).to_latex())[-1].endswith(
        r"= 1 + \frac{\partial L}{\partial v_{1}} \, \frac{\partial v_{1}}{\partial x} "
        r"\approx 1 + 1 \cdot 0.86737 \approx 1.8674"
    )


@pytest.mark.parametrize("over", [0, 1])
def test_a_sum_of_slopes_too_long_to_read_is_left_out_as_well(over: int) -> None:
    a, b, c = Value(7.0, "a"), Value(2.0, "b" * 20), Value(3.0, "c" * (19 + over))
    left = r"\frac{\partial L}{\partial a} &"
    formula = "" if over else rf"= \text{{{b.label}}} + \text{{{c.label}}} "
    assert rf"{left}{formula}= 2 + 3 = 5" in rows(labelled(dot([a, a], [b, c])).to_latex())
    assert rf"{left}= 2 + 3 + 1 = 6" in rows(labelled(dot([a, a, a], [b, c, 1])).to_latex())


def test_large_graphs_are_refused() -> None:
    x = Value(1.0, "x")
    for _ in range(MOST_OPERATIONS):
        x = x + 1
    assert derivation(explain(x))
    for render in (derivation, document):
        with pytest.raises(GraphError, match="at most 500 operations and this graph has 501; explain a smaller part"):
            render(explain(x + 1))


# ---------------------------------------------------------------- pieces


def test_numbers_in_latex() -> None:
    numbers = {-0.0: "-0", 1e5: "100000", 1e6: "10^{6}", -1e-9: "-10^{-9}", 1.25e-7: r"1.25 \times 10^{-7}"}
    assert {x: latex_number(x) for x in numbers} == numbers
    assert latex_number(1 / 3, 3) == "0.333"
    assert registry["clip"].bind(low=-float("inf"), high=1e-9).write(["x"], latex=True) == (
        r"\operatorname{clip}\left(x, -\infty, 10^{-9}\right)"
    )


@pytest.mark.parametrize(
    ("op", "operands", "latex"),
    [
        ("add", ["-2", "-3"], "(-2) + (-3)"),
        ("neg", ["-2"], "-(-2)"),
        ("div", ["-2", "-3"], r"\frac{-2}{-3}"),
        ("pow", ["-2", "-3"], "{(-2)}^{-3}"),
        ("hypot", ["-2", "-3"], r"\sqrt{(-2)^2 + (-3)^2}"),
        ("log1p", ["-2"], r"\ln\left(1 + (-2)\right)"),
        ("mod", ["-2", "-3"], r"(-2) \bmod (-3)"),
        ("exp", ["-2"], "e^{-2}"),
        ("sum", ["-2", "-3"], r"\textstyle\sum\left(-2, -3\right)"),
    ],
)
def test_brackets_stand_where_the_template_has_an_operator(op: str, operands: list[str], latex: str) -> None:
    assert write_operation(registry[op], [(operand, False) for operand in operands], latex=True) == latex
    assert write_operation(registry[op], [("a", True)] * len(operands), latex=True) == registry[op].write(
        ["a"] * len(operands), latex=True
    )


def test_slopes_in_latex_have_brackets_and_powers_of_ten() -> None:
    assert slope_formulas(registry["sub"], ["x", "y"], latex=True) == ["1", "-1"]
    assert slope_formulas(power.bind(n=-1.0), ["x"], latex=True) == [r"-1 \cdot {x}^{-2}"]
    assert slope_formulas(mul, ["1e-09", "x"], latex=True) == ["x", "10^{-9}"]
    assert slope_formulas(mul, ["alpha", "a+b"], latex=True) == [r"\text{a+b}", r"\alpha"]
    assert slope_formulas(tanh, ["x"], "a+b") == ["(1 - (a+b)) * (1 + (a+b))"]
    assert slope_formulas(log1p, ["x"], latex=True) == [r"\frac{1}{1 + x}"]


def test_symbols_put_signs_and_powers_of_ten_in_brackets() -> None:
    x = Symbol("x", "x")
    assert (x * -2.0).latex == r"x \cdot \left(-2\right)"
    assert (x + -x).latex == r"x + \left(-x\right)"
    assert _Symbols.pow(1e-7, x).latex == r"{\left(10^{-7}\right)}^{x}"


def made_of(x: Symbol, number: float) -> list[Symbol]:
    """Return a formula of each kind with a number in it."""
    m, each = _Symbols(), symbol(number)
    return [
        each, -each, -(x * number), x + number, number - x, x * number, x / number, number / x, x > number, x == number,
        (x > number) & (x < 1), (x > 1) | (x < number), m.where(x > number, 2, x), m.where(x > 0, number, x),
        m.where(x > 0, x, number), m.pow(x, number), m.pow(number, x), m.exp(x * number), m.hypot(x, number),
        m.leaky_relu(x, alpha=number), m.mean([x, x + number]),
    ]  # fmt: skip


def test_a_formula_knows_whether_a_number_in_it_has_more_digits() -> None:
    x = Symbol("x", "x")
    assert all(formula.rounded for formula in made_of(x, 1 / 3))
    for number in (0.5, 0.1 + 0.2, math.inf, math.nan):
        assert not any(formula.rounded for formula in made_of(x, number))


def test_a_slope_with_a_rounded_number_is_not_called_equal() -> None:
    x = Value(1.0, "x")
    left = r"\frac{\partial L}{\partial x} &"
    assert rows(labelled(erf(x)).to_latex())[-1] == rf"{left}\approx 1.12838 \cdot e^{{-x \cdot x}} \approx 0.41511"
    assert rows(labelled(leaky_relu(x, alpha=1 / 3)).to_latex())[-1].startswith(rf"{left}\approx \begin{{cases}}")
    assert rows(labelled(leaky_relu(x, alpha=0.25)).to_latex())[-1].startswith(rf"{left}= \begin{{cases}}")
    assert r"\, \frac{\partial v_{1}}{\partial x} \approx \frac" in rows(labelled(-erf(x)).to_latex())[-1]


def test_width_counts_what_one_sees() -> None:
    widths = {
        "abc": 3,
        r"\frac{a}{bcd}": 3,
        r"a \cdot b": 3,
        "x_{12}": 3,
        r"\text{loss}": 4,
        r"\frac{\frac{a}{bb}}{c}": 2,
    }
    assert {latex: _width(latex) for latex in widths} == widths
    assert _width("{" * 50) == 50, "unbalanced braces of a template do no harm"


@pytest.mark.parametrize("over", [0, 1])
def test_leaves_share_a_row_as_long_as_they_fit(over: int) -> None:
    first, second = (f"{c * (WIDTH // 2 - 6)}" for c in "ab")  # with "= 2" and the space after it half a row
    third = "c" * (WIDTH // 2 - 6 + over)
    given = [(first, "= 2"), (second, "= 2"), (second, "= 2"), (third, "= 2"), ("d", "= 2")]
    halves = [rf"{second} &= 2, \quad {third} = 2", "d &= 2"]
    apart = [f"{second} &= 2", rf"{third} &= 2, \quad d = 2"]
    assert _packed(given) == [rf"{first} &= 2, \quad {second} = 2", *(apart if over else halves)]


@pytest.mark.parametrize("over", [0, 1])
def test_a_part_that_does_not_fit_begins_a_line_and_a_wide_sum_goes_on_in_the_next(over: int) -> None:
    one, two = "a" * (WIDTH // 2 - 1), "b" * (WIDTH // 2 - 1 + over)
    broken = f"L &= {one} \\\\\n&= {two}"
    assert _row("L", [("=", [one]), ("=", [two])]) == (broken if over else f"L &= {one} = {two}")
    assert _row("L", [("=", [one]), ("=", [two]), ("=", [one])]).count("\n") == 2 - (not over)
    broken = f"L &= {one} \\\\\n&\\quad + {two}"
    assert _row("L", [("=", [one, two])]) == (broken if over else f"L &= {one} + {two}")
    assert _row("L", [("=", [one]), ("=", [one, two])]).count("\n") == 1 + over, "a new line has room for all of it"
    rest = "c" * (WIDTH - 2 - len(two) - 2)
    assert _row("L", [("=", [one, "a", two, rest])]).count("\n") == 1
    assert _row("L", [("=", [one, "a", two, f"{rest}c"])]).count("\n") == 2


def test_a_part_written_like_the_one_before_is_left_out() -> None:
    assert _row("L", [("=", ["x"])]) == "L &= x"
    assert _row("L", [("=", ["a", "b"]), (r"\approx", ["a", "b"]), ("=", ["3"])]) == "L &= a + b = 3"


@pytest.mark.parametrize("over", [0, 1])
def test_the_source_of_a_part_goes_on_in_the_next_line_where_it_is_long(over: int) -> None:
    wide = r"\left" * 10  # of which nothing shows
    part = "b" * (99 - len(f"L &= {wide}= ") + over)
    between = "\n  " if over else " "
    assert _row("L", [("=", [wide]), ("=", [part])]) == f"L &= {wide}{between}= {part}"


# ---------------------------------------------------------------- random expressions


def value_of(numbers: str) -> float:
    """Read a sum of products in LaTeX with the package's own calculator."""
    text = re.sub(r"10\^\{(-?\d+)\}", r"10**(\1)", numbers.replace(r"\times", "*").replace(r"\cdot", "*"))
    return parse(text).evaluate({}).data


@given(expressions(size=(1, 10)))
def test_numbers_are_those_of_the_records(expression: RandomExpression) -> None:
    explanation = explain(expression(*map(Value, expression.point)))
    graph = explanation.graph
    found = {left: right for left, _, right in (row.partition(" &") for row in rows(explanation.to_latex()))}
    root, compared = latex_name(graph.root.name), 0
    for node in graph.nodes:
        if node.constant:
            continue
        name = latex_name(node.name)
        if node.op is not None:
            assert re.split(r"(?:=|\\approx) ", found[name])[-1] == latex_number(node.data, 5)
        gradient = explanation.gradients[node.index]
        parts = re.split(r" ?(?:=|\\approx) ", found[rf"\frac{{\partial {root}}}{{\partial {name}}}"])[1:]
        assert parts[-1] == latex_number(gradient, 5)
        shares = [c.contribution for step in explanation.steps for c in step.contributions if c.parent is node]
        if len(parts) > 1 and set(re.findall("[A-Za-z]+", parts[-2])) <= {"cdot", "times"}:
            assert abs(value_of(parts[-2]) - gradient) <= 2e-4 * max(map(abs, shares)) * len(shares)
            compared += 1
    event(f"sums read back: {compared}")


@given(expressions(size=(1, 10)))
def test_lines_are_not_too_wide(expression: RandomExpression) -> None:
    latex = explain(expression(*map(Value, expression.point))).to_latex()
    for line in re.split(r" \\\\(?:\[[^]]*\])?\n", latex):
        parts = re.split(r"(?<!&)(?=(?:=|\\approx) )| (?=\+ \\frac)", line.partition("&")[2])
        assert _width(line.partition("&")[2]) <= max([WIDTH + 8, *[_width(part) + 8 for part in parts]])


# ---------------------------------------------------------------- through LaTeX


def every_operation() -> list[Explanation]:
    found = []
    for op in list(registry.values()):
        bound = op.bind(**{k: 1.0 if v is None else v for k, v in op.params.items()}) if op.params else op
        for numbers in ([-0.3, 0.7, 1e-9, 123456789.0], [float("nan"), -2.0, float("inf"), 0.0] * 3):
            count = (len(numbers) if op.pairs else len(numbers) - 1) if op.arity is None else op.arity
            y = bound.apply(*map(Value, numbers[:count]))
            found.append(explain(y * y + y))
    return found


def hostile() -> list[Explanation]:
    texts = [*HOSTILE.values(), "λ_2", "naïve größe", "中文 😀", "e\u0301", "#" * 5000]
    return [labelled(Value(2.0, text) * Value(3.0, "b") + Value(2.0, text) ** 2, f"{text}!") for text in texts]


def test_a_document_declares_the_letters_that_pdflatex_lacks() -> None:
    latex = document(labelled(Value(2.0, "größe 中") * 2))
    assert re.findall(r"\\DeclareUnicodeCharacter\{(\w+)\}\{(.*)\}", latex) == [("4E2D", "[U+4E2D]")]
    assert "Declare" not in document(labelled(Value(2.0, "größe") * 2))


def test_a_document_that_needs_no_letters_declares_none() -> None:
    assert document(explain(Value(1.0, "x"))).splitlines()[:6] == [
        r"\documentclass{article}",
        r"\usepackage[margin=2cm]{geometry}",
        r"\usepackage{amsmath}",
        r"\allowdisplaybreaks",
        r"\setlength{\parindent}{0pt}",
        r"\begin{document}",
    ]
    latex = document(labelled(Value(2.0, "中文") * 2))
    assert (
        r"""\setlength{\parindent}{0pt}
\ifdefined\DeclareUnicodeCharacter
  \DeclareUnicodeCharacter{4E2D}{[U+4E2D]}
  \DeclareUnicodeCharacter{6587}{[U+6587]}
\fi
\begin{document}"""
        in latex
    )


def test_labels_are_inert_in_a_document() -> None:
    for explanation in hostile():
        latex = document(explanation)
        commands = set(re.findall(r"\\[A-Za-z]+", latex.partition(r"\begin{document}")[2]))
        assert commands <= set(
            r"\begin \end \section \subsection \frac \partial \text \cdot \left \right \quad \approx \backslash \wedge "
            r"\sim \vert \lambda".split()
        )
        assert "$" not in re.sub(r"\\\$", "", latex.partition(r"\begin{align*}")[2])


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_pdflatex_compiles_everything(tmp_path: Path) -> None:
    head, body = set(), []
    for explanation in [*every_operation(), *hostile()]:
        preamble, _, rest = document(explanation).partition(r"\begin{document}")
        head |= set(re.findall(r"\\DeclareUnicodeCharacter\{.*", preamble))
        body += [rest.partition(r"\end{document}")[0], rf"\[{derivation(explanation)}\]"]
    packages = document(explain(Value(1.0, "x"))).partition(r"\begin{document}")[0]
    latex = "\n".join([packages, *sorted(head), r"\begin{document}", *body, r"\end{document}"])
    assert "U+4E2D" in latex
    (tmp_path / "all.tex").write_text(latex, encoding="utf-8")
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "all.tex"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        encoding="latin-1",
        check=False,
    )
    errors = [line for line in done.stdout.splitlines() if line.startswith("!")]
    assert (done.returncode, errors) == (0, [])
    assert (tmp_path / "all.pdf").stat().st_size > 10_000


def test_an_operation_that_only_numbers_can_follow() -> None:
    @primitive(slopes=lambda m, y, x: (float(x) * 0 + 2.0,))
    def doubled(m: object, x: float) -> float:
        """Twice x, 2 x."""
        return 2 * x

    try:
        assert (
            rows(labelled(doubled(Value(3.0, "x"))).to_latex())[-1]
            == r"\frac{\partial L}{\partial x} &= \partial L / \partial x = 2"
        )
    finally:
        forget(doubled)


def test_graph_formulas_use_the_same_writing() -> None:
    graph = Graph.of(add(Value(1.0, "a_1"), -2.0))
    assert graph.formula(graph.root, latex=True) == "a_{1} + (-2)"
