"""explain(): step records, their sums, their formulas and the table."""

from __future__ import annotations

import dataclasses
import io
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from autograd_tiny import Value, dot, explain, forget, log, primitive, registry, relu, sigmoid, softmax, tanh
from autograd_tiny.errors import GraphError
from autograd_tiny.explanation import slope_formulas
from autograd_tiny.explanation.cost import Cost
from autograd_tiny.explanation.symbols import ATOM, LONGEST, Symbol, _Symbols, symbol
from autograd_tiny.explanation.table import graph_tree
from autograd_tiny.primitive import Namespace

NUMBERS = st.floats(-3.0, 3.0, allow_subnormal=False)


@st.composite
def graphs(draw: st.DrawFn) -> tuple[Value, list[Value]]:
    """A random graph in which nodes are used again, and its leaves."""
    leaves = [Value(draw(NUMBERS), f"leaf{i}") for i in range(draw(st.integers(1, 4)))]
    nodes = list(leaves)
    for _ in range(draw(st.integers(1, 12))):
        a, b = draw(st.sampled_from(nodes)), draw(st.sampled_from(nodes))
        kind = draw(st.sampled_from(["add", "sub", "mul", "tanh", "sigmoid", "relu", "dot", "square", "plus"]))
        nodes.append(
            {
                "add": lambda a=a, b=b: a + b,
                "sub": lambda a=a, b=b: a - b,
                "mul": lambda a=a, b=b: a * b,
                "tanh": lambda a=a: tanh(a),
                "sigmoid": lambda a=a: sigmoid(a),
                "relu": lambda a=a: relu(a),
                "dot": lambda a=a, b=b: dot([a, b], [b, a]),
                "square": lambda a=a: a**2,
                "plus": lambda a=a: 2.5 + a,
            }[kind]()
        )
    return nodes[-1], leaves


@given(graphs())
def test_contributions_of_every_node_sum_to_its_gradient_to_the_last_bit(graph: tuple[Value, list[Value]]) -> None:
    root, _ = graph
    explanation = explain(root)
    totals: dict[int, float] = {explanation.graph.root.index: 1.0}
    for step in explanation.steps:
        assert step.upstream == totals[step.node.index]
        for c in step.contributions:
            assert c.contribution == c.slope * step.upstream
            totals[c.parent.index] = totals.get(c.parent.index, 0.0) + c.contribution
            assert c.running_sum == totals[c.parent.index]
    root.backward()
    from autograd_tiny.value import topological_order

    for value, node in zip(topological_order([root]), explanation.graph.nodes, strict=True):
        assert value.grad == totals.get(node.index, 0.0) == explanation.gradients[node.index]


@given(graphs())
def test_every_use_of_a_node_is_counted(graph: tuple[Value, list[Value]]) -> None:
    explanation = explain(graph[0])
    seen: dict[int, int] = {}
    for step in explanation.steps:
        for c in step.contributions:
            seen[c.parent.index] = seen.get(c.parent.index, 0) + 1
            assert c.use == seen[c.parent.index]
    for step in explanation.steps:
        for c in step.contributions:
            assert c.uses == seen[c.parent.index]


def test_explaining_changes_nothing_and_needs_no_backward() -> None:
    a = Value(2.0)
    b = a * a
    explain(b)
    assert a.grad == b.grad == 0.0
    b.backward()
    before = a.grad
    explain(b)
    assert a.grad == before


def test_slopes_are_those_of_the_forward_pass() -> None:
    a, b = Value(2.0, "a"), Value(3.0, "b")
    c = a * b
    b.data = 100.0
    assert explain(c).steps[0].contributions[0].slope == 3.0


class TestTable:
    def expression(self) -> Value:
        a, b = Value(2.0, "a"), Value(-3.0, "b")
        loss = (a * b + 10) ** 2 + a
        loss.label = "loss"
        return loss

    def test_rows_say_upstream_slope_contribution_and_sum(self) -> None:
        lines = [line.split() for line in str(explain(self.expression())).splitlines() if line.strip()]
        assert "4 v1 = a * b = -6 upstream 8".split() in lines
        assert "to a (2 of 2) b -3 -24 -23".split() in lines
        assert "to b a 2 16 16".split() in lines
        assert "to 10 1 1 8 constant".split() in lines
        assert ["loss", "=", "18"] in lines
        assert "d loss / d a = -23".split() in lines

    def test_repr_in_a_notebook_is_the_table(self) -> None:
        explanation = explain(self.expression())
        assert repr(explanation) == str(explanation) == explanation._repr_mimebundle_()["text/plain"]

    def test_prints_to_a_given_console(self) -> None:
        file = io.StringIO()
        explain(self.expression()).print(Console(file=file, width=160))
        assert "gradient" in file.getvalue()

    def test_labels_are_inert(self) -> None:
        x = Value(1.0, "[bold red]x[/]")
        assert "[bold red]x[/]" in str(explain(x * x))

    def test_a_leaf_alone_has_no_steps(self) -> None:
        explanation = explain(Value(3.0, "x"))
        assert explanation.steps == ()
        assert "d x / d x = 1" in str(explanation)

    def test_long_formulas_are_abbreviated(self) -> None:
        from autograd_tiny import gelu_tanh

        assert "d v1 / d x" in str(explain(gelu_tanh(Value(1.0, "x"))))


def test_only_a_value_can_be_explained() -> None:
    with pytest.raises(GraphError, match="taken from a Value, got 3"):
        explain(3.0)  # type: ignore[arg-type]


def test_negative_constants_and_odd_labels_stand_in_brackets() -> None:
    x = Value(2.0, "x")
    assert explain((-2) ** x).graph.formula(explain((-2) ** x).graph.root) == "(-2) ** x"
    y = Value(3.0, "a+b") * x
    explanation = explain(y)
    assert explanation.graph.formula(explanation.graph.root) == "(a+b) * x"
    assert explanation.steps[0].contributions[1].formula == "a+b"
    assert explain(Value(3.0, "a+b") ** 2).steps[0].contributions[0].formula == "2 * (a+b)"


class TestSlopeFormulas:
    @pytest.mark.parametrize(
        ("expression", "formulas"),
        [
            ("mul", ["y", "x"]),
            ("div", ["1 / y", "-z / y"]),
            ("sub", ["1", "-1"]),
            ("tanh", ["(1 - z) * (1 + z)"]),
            ("relu", ["1 if x > 0 else 0"]),
            ("log", ["1 / x"]),
            ("log1p", ["1 / (1 + x)"]),
            ("sin", ["cos(x)"]),
            ("exp", ["z"]),
            ("hypot", ["0 if z == 0 else x / z", "0 if z == 0 else y / z"]),
            (
                "pow",
                ["0 if y == 0 and abs(x) < 1e-300 else y * x ** (y - 1)", "0 if x == 0 and y >= 0 else z * log(x)"],
            ),
        ],
    )
    def test_text(self, expression: str, formulas: list[str]) -> None:
        op = registry[expression]
        assert slope_formulas(op, ["x", "y"][: op.arity], "z") == formulas

    @pytest.mark.parametrize(
        ("n", "formula"), [(2, "2 * x"), (3, "3 * x ** 2"), (1, "1"), (0, "0"), (-1, "-1 * x ** -2")]
    )
    def test_powers_read_as_one_writes_them(self, n: float, formula: str) -> None:
        assert slope_formulas(registry["power"].bind(n=n), ["x"]) == [formula]

    def test_latex(self) -> None:
        assert slope_formulas(registry["div"], ["x", "y"], "z", latex=True) == [r"\frac{1}{y}", r"\frac{-z}{y}"]
        assert r"\begin{cases}" in slope_formulas(registry["relu"], ["x"], latex=True)[0]

    @pytest.mark.parametrize("name", sorted(registry))
    def test_every_operation_has_a_formula_that_computes_its_slopes(self, name: str) -> None:
        """The formulas are read back by a calculator made for this test and must give the numbers."""
        op = registry[name]
        op = (
            op.bind(**{key: 1.0 if number is None else number for key, number in op.params.items()})
            if op.params
            else op
        )
        names = ["p", "q", "r"] if op.arity is None else ["p", "q", "r"][: op.arity]
        if op.pairs:
            names = ["p", "q", "r", "s"]
        numbers = dict(zip(names, (0.3, 0.7, 0.45, 0.6), strict=False))
        value, slopes = op.evaluate(*numbers.values())
        table = {**numbers, "y": value}
        scope = dict(registry) | table
        for formula, slope in zip(slope_formulas(op, names), slopes, strict=True):
            assert math.isclose(_calculate(formula, scope), slope, rel_tol=1e-4, abs_tol=1e-6), formula

    def test_a_rule_that_only_numbers_can_follow_still_explains(self) -> None:
        @primitive(slopes=lambda m, y, x: (float(x) * 0 + 2.0,))
        def doubled(m: Namespace, x: float) -> float:
            """Twice x, 2 x."""
            return 2 * x

        try:
            step = explain(doubled(Value(3.0, "x"))).steps[0]
            assert (step.contributions[0].formula, step.contributions[0].slope) == ("d v1 / d x", 2.0)
        finally:
            forget(doubled)


def _calculate(formula: str, scope: dict[str, Any]) -> float:
    # The text comes from this repository's own rules; Python's grammar is the calculator.
    return float(eval(compile(formula, "formula", "eval"), {"__builtins__": {}}, scope))  # noqa: S307 - see above


def test_softmax_explains_each_result() -> None:
    results = softmax([Value(1.0, "a"), Value(2.0, "b")])
    formulas = [c.formula for c in explain(results[0]).steps[0].contributions]
    assert formulas == ["v1 * (1 - exp(a - logsumexp(a, b)))", "v1 * -exp(b - logsumexp(a, b))"]
    assert math.isclose(explain(log(results[0])).gradients[0], results[1].data)


# ---------------------------------------------------------------- details that planted mistakes once survived


def test_records_are_frozen_and_small() -> None:
    a = Value(2.0, "a")
    explanation = explain(a * a)
    step = explanation.steps[0]
    for record, name in ((explanation, "steps"), (step, "number"), (step.contributions[0], "slope")):
        assert not hasattr(record, "__dict__")
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(record, name, None)


def test_table_can_be_had_as_it_is() -> None:
    a = Value(2.0, "a")
    table = explain(a * a + 1).table()
    assert [str(column.header) for column in table.columns] == ["step", "node", "slope", "number", "adds", "gradient"]
    assert table.row_count == 6


X, Y = Symbol("x", "x"), Symbol("y", "y")
m = _Symbols()


@pytest.mark.parametrize(
    ("formula", "text", "latex"),
    [
        (lambda: symbol(2.0) + 3, "5", "5"),
        (lambda: symbol(5.0) - 3, "2", "2"),
        (lambda: symbol(2.0) * 3, "6", "6"),
        (lambda: -symbol(2.0), "-2", "-2"),
        (lambda: X + 0, "x", "x"),
        (lambda: 0 + X, "x", "x"),
        (lambda: X + 1, "x + 1", "x + 1"),
        (lambda: 1 + X, "1 + x", "1 + x"),
        (lambda: X - 0, "x", "x"),
        (lambda: X - 1, "x - 1", "x - 1"),
        (lambda: 0 - X, "-x", "-x"),
        (lambda: X * 1, "x", "x"),
        (lambda: 1 * X, "x", "x"),
        (lambda: X * 2, "x * 2", r"x \cdot 2"),
        (lambda: 0 * X, "0 * x", r"0 \cdot x"),
        (lambda: X / 1, "x", "x"),
        (lambda: X / 2, "x / 2", r"\frac{x}{2}"),
        (lambda: X - (Y - 1), "x - (y - 1)", r"x - \left(y - 1\right)"),
        (lambda: X / -(X * Y), "x / (-x * y)", r"\frac{x}{-x \cdot y}"),
        (lambda: X / -Y, "x / -y", r"\frac{x}{-y}"),
        (lambda: m.pow(-2.0, X), "(-2) ** x", r"{\left(-2\right)}^{x}"),
        (lambda: m.pow(0.0, X), "0 ** x", "{0}^{x}"),
        (lambda: m.pow(0.5, X), "0.5 ** x", "{0.5}^{x}"),
        (lambda: (X < 0) | (Y != 0), "x < 0 or y != 0", r"x < 0 \vee y \ne 0"),
        (lambda: (X <= 0) & (Y == 0), "x <= 0 and y == 0", r"x \le 0 \wedge y = 0"),
        (lambda: m.leaky_relu(X, alpha=0.5), "leaky_relu(x, alpha=0.5)", None),
        (lambda: m.cos(X), "cos(x)", r"\cos\left(x\right)"),
    ],
)
def test_formulas_are_as_short_as_they_may_be(formula: Callable[[], Symbol], text: str, latex: str | None) -> None:
    written = formula()
    assert written.text == text
    if latex is not None:
        assert written.latex == latex


@pytest.mark.parametrize(("base", "formula"), [("-2", "y * (-2) ** (y - 1)"), ("2", "y * 2 ** (y - 1)")])
def test_constants_as_operands(base: str, formula: str) -> None:
    assert slope_formulas(registry["pow"], [base, "y"], "z")[0].endswith(f" else {formula}")


def test_a_rule_that_only_numbers_can_follow_in_latex() -> None:
    @primitive(slopes=lambda m, y, x: (float(x),))
    def odd(m: Namespace, x: float) -> float:
        """x itself."""
        return x

    try:
        assert slope_formulas(odd, ["x"], "y", latex=True) == [r"\partial y / \partial x"]
    finally:
        forget(odd)


def test_a_table_to_the_letter() -> None:
    a, b = Value(2.0, "a"), Value(-3.0, "b")
    assert str(explain(a * b + a + 1)).splitlines() == [
        " step  node              slope       number  adds  gradient",
        " ──────────────────────────────────────────────────────────",
        "    1  v3 = v2 + 1 = -3  upstream 1",
        "         to v2           1                1     1         1",
        "         to 1            1                1     1  constant",
        "",
        "    2  v2 = v1 + a = -4  upstream 1",
        "         to v1           1                1     1         1",
        "         to a (1 of 2)   1                1     1         1",
        "",
        "    3  v1 = a * b = -6   upstream 1",
        "         to a (2 of 2)   b               -3    -3        -2",
        "         to b            a                2     2         2",
        "",
        "v3 = -3",
        "d v3 / d a = -2",
        "d v3 / d b = 2",
    ]
    assert str(explain(Value(3.0, "x"))).splitlines() == [
        "x is a leaf: no operation, so nothing to explain",
        "x = 3",
        "d x / d x = 1",
    ]


@pytest.mark.parametrize(
    ("most", "expected"),
    [
        (
            4,
            [
                "1 v3 = v2 + x = 4 upstream 1",
                "to v2 1 1 1 1",
                "to x (1 of 4) 1 1 1 1",
                "2 v2 = v1 + x = 3 upstream 1",
                "to v1 1 1 1 1",
                "to x (2 of 4) 1 1 1 2",
                "... and 1 more steps; see explain(root).steps",
            ],
        ),
        (
            3,
            [
                "1 v3 = v2 + x = 4 upstream 1",
                "to v2 1 1 1 1",
                "to x (1 of 4) 1 1 1 1",
                "... and 2 more steps; see explain(root).steps",
            ],
        ),
        (
            1,
            [
                "1 v3 = v2 + x = 4 upstream 1",
                "to v2 1 1 1 1",
                "and 1 more operands",
                "... and 2 more steps; see explain(root).steps",
            ],
        ),
    ],
)
def test_a_long_table_says_what_it_leaves_out(most: int, expected: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("autograd_tiny.explanation.table.MOST_ROWS", most)
    x = Value(1.0, "x")
    lines = [" ".join(line.split()) for line in str(explain(x + x + x + x)).splitlines()]
    assert [line for line in lines if line][2:-2] == expected


def test_formulas_have_a_longest_length() -> None:
    assert Symbol("x" * LONGEST, "x").strength == ATOM
    with pytest.raises(OverflowError, match=f"a formula of {LONGEST + 1} characters"):
        Symbol("x" * (LONGEST + 1), "x")


def test_a_negated_number_is_a_number() -> None:
    assert (-symbol(2.0)).number == -2.0
    assert (-symbol(2.0) * 3).text == "-6"


@pytest.mark.parametrize(
    ("formula", "text", "latex"),
    [
        (lambda: X * -Y, "x * -y", r"x \cdot \left(-y\right)"),
        (lambda: X - (-Y), "x - -y", r"x - \left(-y\right)"),
        (lambda: X + (-2.0), "x + -2", r"x + \left(-2\right)"),
        (lambda: -X * Y, "-x * y", r"-x \cdot y"),
        (lambda: -(X + Y), "-(x + y)", r"-\left(x + y\right)"),
        (lambda: (X + 1) * Y, "(x + 1) * y", r"\left(x + 1\right) \cdot y"),
        (lambda: (X + 1) / Y, "(x + 1) / y", r"\frac{x + 1}{y}"),
        (lambda: X / (Y * 2), "x / (y * 2)", r"\frac{x}{y \cdot 2}"),
        (lambda: X * Y / 2, "x * y / 2", r"\frac{x \cdot y}{2}"),
        (lambda: 1e-7 * X, "1e-07 * x", r"10^{-7} \cdot x"),
        (lambda: X * 1e-7, "x * (1e-07)", r"x \cdot \left(10^{-7}\right)"),
        (lambda: symbol(math.nan) * X, "nan", r"\text{nan}"),
        (lambda: X > Y, "x > y", "x > y"),
        (lambda: X >= Y, "x >= y", r"x \ge y"),
        (lambda: (X > Y) + 1, "(x > y) + 1", r"\left(x > y\right) + 1"),
        (lambda: (X > 0) & ((Y > 0) | (X > 1)), "x > 0 and (y > 0 or x > 1)", None),
        (lambda: m.where(X > 0, math.nan, Y), "y", "y"),
        (lambda: m.where(X > 0, m.where(Y > 0, 1, 2), 3), "(1 if y > 0 else 2) if x > 0 else 3", None),
        (lambda: m.where(X > 0, 1, m.where(Y > 0, 2, 3)), "1 if x > 0 else 2 if y > 0 else 3", None),
        (lambda: m.pow(X, 1), "x", "x"),
        (lambda: m.pow(X, 0), "1", "1"),
        (lambda: m.pow(X + 1, Y - 1), "(x + 1) ** (y - 1)", r"{\left(x + 1\right)}^{y - 1}"),
        (lambda: m.pow(m.pow(X, 2), 3), "(x ** 2) ** 3", r"{\left({x}^{2}\right)}^{3}"),
        (lambda: m.pow(X, -Y), "x ** -y", "{x}^{-y}"),
        (lambda: m.div(1, X), "1 / x", r"\frac{1}{x}"),
        (lambda: m.sub(X, Y + 1), "x - (y + 1)", "x - (y + 1)"),
        (lambda: m.sub(-2, Y), "(-2) - y", "(-2) - y"),
        (lambda: m.dot([X], [Y]), "dot([x], [y])", r"\left[x\right] \cdot \left[y\right]"),
        (lambda: m.sigmoid(-X), "sigmoid(-x)", r"\sigma\left(-x\right)"),
        (lambda: symbol(0.1234567891), "0.123457", "0.123457"),
        (lambda: 2 * m.sub(X, 1), "2 * (x - 1)", r"2 \cdot \left(x - 1\right)"),
        (lambda: 2 * m.neg(X), "2 * (-x)", r"2 \cdot \left(-x\right)"),
        (lambda: m.pow(m.power(X, n=2), 3), "(x ** 2) ** 3", r"{\left({x}^{2}\right)}^{3}"),
        (lambda: 2 * m.mod(X, Y), "2 * (mod(x, y))", r"2 \cdot \left(x \bmod y\right)"),
        (lambda: 2 * m.expm1(X), "2 * (expm1(x))", r"2 \cdot \left(e^{x} - 1\right)"),
        (lambda: 2 * m.dot([X], [Y]), "2 * (dot([x], [y]))", None),
        (lambda: 2 * m.log1p(X), "2 * log1p(x)", r"2 \cdot \ln\left(1 + x\right)"),
        (lambda: X / m.hypot(X, Y), "x / hypot(x, y)", r"\frac{x}{\sqrt{x^2 + y^2}}"),
        (lambda: m.abs(X) * 2, "abs(x) * 2", r"\left|x\right| \cdot 2"),
        (lambda: m.floor(X) * 2, "floor(x) * 2", r"\left\lfloor x\right\rfloor \cdot 2"),
    ],
)
def test_formulas_have_the_brackets_they_need(formula: Callable[[], Symbol], text: str, latex: str | None) -> None:
    written = formula()
    assert written.text == text
    if latex is not None:
        assert written.latex == latex


@pytest.mark.parametrize(("text", "formula"), [("[{0}] + 1", "2 * ([x] + 1)"), ("[{0} + 1]", "2 * [x + 1]")])
def test_the_text_of_an_operation_of_ones_own_is_bracketed_where_it_must_be(text: str, formula: str) -> None:
    @primitive(slopes=lambda m, y, x: (2 * m.next_one(x),), text=text, latex=r"\left[{0}\right]")
    def next_one(m: Namespace, x: float) -> float:
        """One more, x + 1."""
        return x + 1

    try:
        assert slope_formulas(next_one, ["x"]) == [formula]
    finally:
        forget(next_one)


def test_a_result_with_an_odd_name_stands_in_brackets() -> None:
    assert slope_formulas(registry["tanh"], ["x"], "a+b") == ["(1 - (a+b)) * (1 + (a+b))"]
    assert slope_formulas(registry["exp"], ["x"], "a_b") == ["a_b"]


def test_slopes_too_long_to_be_written_out_are_cut() -> None:
    [formula] = slope_formulas(registry["tanh"], ["x"], "y" * LONGEST)
    assert formula == f"d {'y' * (LONGEST - 2)}"


def test_a_formula_that_may_just_be_written_out() -> None:
    assert slope_formulas(registry["exp"], ["x"], "y" * LONGEST) == ["y" * LONGEST]


# ---------------------------------------------------------------- the graph as a tree


def drawn(tree: Any, styled: bool = False) -> list[str]:
    file = io.StringIO()
    Console(file=file, width=260, force_terminal=styled, color_system="standard" if styled else None).print(tree)
    return file.getvalue().splitlines()


def test_a_tree_to_the_letter() -> None:
    a, b = Value(2.0, "a"), Value(-3.0, "b")
    c = a * b
    explanation = explain(c * c + relu(c + a) + 1)
    assert drawn(graph_tree(explanation)) == [
        "v6 = v5 + 1   data 37   grad 1",
        "├── v5 = v2 + v4   data 36   grad 1",
        "│   ├── v2 = v1 * v1   data 36   grad 1",
        "│   │   ├── v1 = a * b   data -6   grad -12",
        "│   │   │   ├── a   data 2   grad 36",
        "│   │   │   └── b   data -3   grad -24",
        "│   │   └── v1 = a * b   data -6   grad -12   (shown already)",
        "│   └── v4 = relu(v3)   data 0   grad 1",
        "│       └── v3 = v1 + a   data -4   grad 0",
        "│           ├── v1 = a * b   data -6   grad -12   (shown already)",
        "│           └── a   data 2   grad 36",
        "└── 1",
    ]


def test_a_tree_of_gradients_so_far_with_the_current_step() -> None:
    a = Value(2.0, "a")
    explanation = explain(a * a)
    a_node, root = explanation.graph.nodes
    tree = graph_tree(explanation, {root.index: "1 so far"}, root)
    assert drawn(tree) == [
        "v1 = a * a   data 4   grad 1 so far   <- this step",
        "├── a   data 2   grad –",
        "└── a   data 2   grad –",
    ]
    assert drawn(tree, styled=True)[0] == "\x1b[1;7mv1 = a * a   data 4   grad 1 so far   <- this step\x1b[0m"
    assert drawn(graph_tree(explanation, {}, a_node))[1] == "├── a   data 2   grad –   <- this step"
    assert drawn(graph_tree(explanation, {}))[0] == "v1 = a * a   data 4   grad –"


def test_a_large_tree_shows_what_is_near_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    x = Value(1.0, "x")
    explanation = explain((x + 1) * (x + 2))
    assert len(drawn(graph_tree(explanation))) == 7
    monkeypatch.setattr("autograd_tiny.explanation.table.MOST_LINES", 4)
    assert drawn(graph_tree(explanation)) == [
        "v3 = v1 * v2   data 6   grad 1",
        "├── v1 = x + 1   data 2   grad 3",
        "│   ├── x   data 1   grad 5",
        "│   └── ...",
        "└── v2 = x + 2   data 3   grad 2",
        "    └── ...",
    ]


def test_trees_and_tables_end_at_sizes_that_can_be_read() -> None:
    y = x = Value(0.5, "x")
    for _ in range(60):
        y = relu(y)
    lines = drawn(graph_tree(explain(y)))
    assert lines[39].endswith("└── v21 = relu(v20)   data 0.5   grad 1")
    assert lines[40].endswith("└── ...")
    assert len(lines) == 41
    table = explain(dot([x] * 501, [x] * 501)).table()
    assert table.row_count == 1_002
    assert list(table.columns[1].cells)[-1] == "  and 2 more operands"
    assert [row.end_section for row in table.rows].count(True) == 1
    assert table.rows[-1].end_section


@pytest.mark.parametrize("longer", [False, True])
def test_formulas_of_up_to_120_characters_are_shown_in_full(longer: bool) -> None:
    x, y = Value(0.5, "x" * (116 + longer)), Value(0.25, "y")
    explanation = explain(x + y)
    assert len(explanation.graph.formula(explanation.graph.root)) == 120 + longer
    root = drawn(graph_tree(explanation))[0]
    assert root.startswith("v1   data 0.75" if longer else f"v1 = {x.label} + y   data 0.75")
    z = Value(2.0, "z" * (120 + longer))
    slope = list(explain(y * z).table().columns[2].cells)[1]
    assert str(slope) == ("d v1 / d y" if longer else z.label)


def test_only_words_are_folded_in_a_table() -> None:
    a = Value(2.0, "a")
    columns = explain(a * a).table().columns
    assert [column.no_wrap for column in columns] == [True, False, False, True, True, True]
    assert [column.justify for column in columns] == ["right", "left", "left", "right", "right", "right"]
    assert {column.overflow for column in columns} == {"fold"}


def test_as_text_a_table_is_the_same_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    explanation = explain(Value(2.0, "a") * Value(3.0, "b" * 200))
    expected = str(explanation)
    assert max(map(len, expected.splitlines())) == 100
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    assert str(explanation) == expected
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(io.BytesIO(), encoding="ascii"))
    assert str(explanation) == expected
    shown: list[str] = []
    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)
    monkeypatch.setattr("rich.jupyter.display", lambda segments, text: shown.append(text))
    assert str(explanation) == expected
    assert shown == [], "a notebook shows the text that it is given, and nothing more"


def test_an_explanation_takes_every_form(tmp_path: Path) -> None:
    a, b = Value(2.0, "a"), Value(-3.0, "b")
    explanation = explain(a * b)
    page = explanation.to_html(tmp_path / "page.html")
    assert page == tmp_path / "page.html"
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert explanation.player().explanation is explanation
    assert r"\cdot" in explanation.to_latex()
    assert explanation.to_markdown().count("|") > 10
    assert json.loads(explanation.to_json())
    assert explanation.cost() == Cost.of(explanation)
