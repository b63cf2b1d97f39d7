"""The expression parser: Python's grammar by Python's own parser, every operation, errors with positions, limits."""

from __future__ import annotations

import ast
import inspect
import math
import operator
import sys
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd_tiny import Value, detect_anomaly, grad, ops, primitive, registry
from autograd_tiny.errors import ExpressionError, NotARealNumberError
from autograd_tiny.expression import MAX_DEPTH, MAX_LENGTH, MAX_NUMBER_LENGTH, MAX_OPERATIONS, parse
from autograd_tiny.graph import Graph
from autograd_tiny.primitive import forget

thorough = settings(max_examples=max(150, settings().max_examples))


def structure(root: Value) -> list[tuple[Any, ...]]:
    """Return everything that tells two recorded graphs apart; repr makes nan equal to itself."""
    return [
        (node.name, node.op.name if node.op else None, node.parents, repr(node.data)) for node in Graph.of(root).nodes
    ]


# ---------------------------------------------------------------- the grammar is Python's

INFIX = {
    ast.Add: (operator.add, ops.add),
    ast.Sub: (operator.sub, ops.sub),
    ast.Mult: (operator.mul, ops.mul),
    ast.Div: (operator.truediv, ops.div),
    ast.FloorDiv: (operator.floordiv, ops.floordiv),
    ast.Mod: (operator.mod, ops.remainder),
    ast.Pow: (operator.pow, ops.pow),
}
COMPARE = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}


def reference(node: Any, values: dict[str, Value]) -> Any:
    """Evaluate the tree of Python's own parser."""
    match node:
        case ast.Constant():
            return float(node.value)  # type: ignore[arg-type]  # formulas hold no other constants
        case ast.Name():
            return values[node.id]
        case ast.UnaryOp(op=ast.UAdd()):
            return reference(node.operand, values)
        case ast.UnaryOp(op=ast.USub()):
            return -reference(node.operand, values)
        case ast.BinOp():
            x, y = reference(node.left, values), reference(node.right, values)
            on_values, on_floats = INFIX[type(node.op)]
            return on_values(x, y) if isinstance(x, Value) or isinstance(y, Value) else on_floats(x, y)
        case ast.Compare():
            x, y = reference(node.left, values), reference(node.comparators[0], values)
            return float(COMPARE[type(node.ops[0])](x, y))
        case ast.Call():
            return registry[ast.unparse(node.func)](*[reference(argument, values) for argument in node.args])
    raise AssertionError(ast.dump(node))


def formulas() -> st.SearchStrategy[str]:
    """Texts with few parentheses, so that precedence decides their meaning."""
    atoms = st.sampled_from("x y 2 3 .5 2. 1e-1 0".split())

    def larger(smaller: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        signed = st.builds("{}{}".format, st.sampled_from(["", "", "-", "+", "--", "- +"]), smaller)
        operators = st.sampled_from("+ - * / // % ** **".split())
        chain = st.builds(
            lambda first, rest: first + "".join(f" {sign} {operand}" for sign, operand in rest),
            signed,
            st.lists(st.tuples(operators, signed), max_size=5),
        )
        return st.one_of(
            chain,
            st.builds("({})".format, chain),
            st.builds("tanh({})".format, chain),
            st.builds("hypot({}, {})".format, chain, chain),
            st.builds("({} {} {})".format, chain, st.sampled_from("< <= > >= == !=".split()), chain),
        )

    return st.recursive(atoms, larger, max_leaves=12)


@thorough
@given(formulas(), st.floats(-3, 3), st.sampled_from([-2.0, -0.5, 0.0, 1.0, 2.5]))
def test_means_what_python_means(text: str, x: float, y: float) -> None:
    values = {"x": Value(x, "x"), "y": Value(y, "y")}
    expected = reference(ast.parse(text, mode="eval").body, values)
    expected = expected if isinstance(expected, Value) else Value(expected)
    actual = parse(text).evaluate(values)
    assert structure(actual) == structure(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("-x**2", -9.0),
        ("(-x)**2", 9.0),
        ("2**-x", 0.125),
        ("2**3**2", 512.0),
        ("(2**3)**2", 64.0),
        ("-2**-2", -0.25),
        ("2**-x*4", 0.5),
        ("-x*-y", 6.0),
        ("1 - 2 - 3", -4.0),
        ("24 / 4 / 2", 3.0),
        ("2 + 3 * 4", 14.0),
        ("7 // 2 * 2", 6.0),
        ("-7 // 2", -4.0),
        ("-7 % 3", 2.0),
        ("7 % -3", -2.0),
        ("1 + x > y * 2", 0.0),
        ("1 + x >= y * 2", 1.0),
        ("2 * (x == 3) - (y != 2)", 2.0),
        ("--x", 3.0),
        ("-+-x", 3.0),
        ("+x", 3.0),
        ("2 * pi", 2 * math.pi),
        ("e", math.e),
        ("1_000", 1000.0),
        ("1/0", math.inf),
        ("where(x > 0, x, y)", 3.0),
        ("where(x < 0, x, y)", 2.0),
    ],
)
def test_precedence(text: str, expected: float) -> None:
    assert parse(text).evaluate({"x": 3.0, "y": 2.0}).data == expected


@given(st.one_of(st.floats(0, allow_infinity=False, allow_nan=False), st.integers(0, 10**39)))
def test_number_literals(number: float) -> None:
    assert parse(repr(number)).evaluate({}).data == float(number)


@given(st.lists(st.sampled_from(["x", "**", "2", "+", "tanh", "(", "y", ")", "- ", "1e-3"]), max_size=12))
def test_white_space_between_tokens_changes_nothing(tokens: list[str]) -> None:
    def outcome(text: str) -> Any:
        if refusal(text):
            return "refused"
        return structure(parse(text).evaluate({"x": 2.0, "y": 3.0}))

    separated = [" ".join(tokens), "\n\t".join(tokens), "  " + "   ".join(tokens) + " "]
    assert outcome(separated[0]) == outcome(separated[1]) == outcome(separated[2])


# ---------------------------------------------------------------- what is recorded


@pytest.mark.parametrize("text", ["x**3", "x ** -2", "x**(1/2)", "pow(x, 3)", "power(x, n=3)", "power(x, 3)"])
def test_a_number_as_the_exponent_is_no_parent(text: str) -> None:
    x = Value(2.0, "x")
    root = parse(text).evaluate({"x": x})
    assert root.op is not None
    assert root.op.name == "power"
    assert root.parents == (x,)


@pytest.mark.parametrize("text", ["x**y", "pow(x, y)", "2**x", "pow(2, x)"])
def test_a_variable_as_the_exponent_is_recorded(text: str) -> None:
    root = parse(text).evaluate({"x": Value(2.0), "y": Value(3.0)})
    assert root.op is ops.pow
    assert len(root.parents) == 2


def test_numbers_combine_outside_of_the_graph() -> None:
    assert structure(parse("x + 2 * 3").evaluate({"x": Value(1.0, "x")})) == structure(Value(1.0, "x") + 6.0)


@pytest.mark.parametrize("text", ["2 * 3", "6", "sum([1, 2, 3])", "7 > 6"])
def test_numbers_alone_give_a_value(text: str) -> None:
    root = parse(text).evaluate({})
    assert isinstance(root, Value)
    assert root.data in (6.0, 1.0)
    assert root.parents == ()


def test_values_are_taken_as_they_are_and_numbers_become_labelled_leaves() -> None:
    x = Value(3.0)
    root = parse("x * weight").evaluate({"x": x, "weight": 2, "unused": 1})
    assert root.parents[0] is x
    assert (root.parents[1].label, root.parents[1].data) == ("weight", 2.0)
    root.backward()
    assert x.grad == 2.0


def test_gradient_flows_through_every_use() -> None:
    assert grad(parse("x**2 * y + x"), argnums=(0, 1))(3.0, 2.0) == (13.0, 9.0)
    assert grad(grad(parse("x**3")))(2.0) == 12.0


def test_call_takes_one_number_per_variable_in_order_of_appearance() -> None:
    expression = parse("b - a * b")
    assert expression.variables == ("b", "a")
    assert expression.text == "b - a * b"
    assert str(inspect.signature(expression)) == "(b, a, /)"
    assert repr(expression) == "Expression('b - a * b')"
    assert expression(2.0, 10.0) == -18.0
    assert type(expression(2, 10)) is float
    assert isinstance(expression(Value(2.0), 10.0), Value)
    with pytest.raises(ExpressionError, match=r"2 variables \(b, a\), got 1"):
        expression(1.0)
    with pytest.raises(ExpressionError, match=r"0 variables \(none\), got 1"):
        parse("2")(1.0)


def test_a_missing_value_is_an_error_at_the_variable() -> None:
    with pytest.raises(ExpressionError, match="the variable 'rate' has no value") as caught:
        parse("x + rate * rate").evaluate({"x": 1.0})
    assert caught.value.position == 4


def test_values_must_be_numbers() -> None:
    with pytest.raises(NotARealNumberError):
        parse("x").evaluate({"x": "3"})  # type: ignore[dict-item]  # the mistake under test


def test_parsing_ignores_the_mode_in_force() -> None:
    with detect_anomaly():
        expression = parse("log(x - 1)")  # -inf at the numbers of the rehearsal
        assert expression(2.0) == 0.0


# ---------------------------------------------------------------- operations


@pytest.mark.parametrize("name", sorted(registry))
def test_every_operation_can_be_called(name: str) -> None:
    op = registry[name]
    a, b, c, d = 0.3, 0.7, 0.2, 0.9
    if op.pairs:
        calls = {f"{name}([a, b], [c, d])": op([a, b], [c, d])}
    elif op.arity is None:
        params = {key: 1.0 for key, number in op.params.items() if number is None}
        settings = "".join(f", {key}={number}" for key, number in params.items())
        expected = op([a, b, c, d], **params)
        calls = {f"{name}([a, b, c, d]{settings})": expected, f"{name}(a, b, c, d{settings})": expected}
    else:
        operands = "abcd"[: op.arity]
        numbers = [a, b, c, d][: op.arity]
        params = {key: 2.0 if number is None else number + 0.5 for key, number in op.params.items()}
        settings = "".join(f", {key}={number}" for key, number in params.items())
        calls = {f"{name}({', '.join(operands)}{settings})": op(*numbers, **params)}
    for text, expected in calls.items():
        assert parse(text).evaluate({"a": a, "b": b, "c": c, "d": d}).data == expected


def test_an_operation_of_the_user_works_at_once() -> None:
    with pytest.raises(ExpressionError, match="unknown operation 'thrice'"):
        parse("thrice(x)")

    @primitive(slopes=(3.0,))
    def thrice(m: Any, x: Any) -> Any:
        """Three times x, 3 x."""
        return 3 * x

    try:
        assert parse("thrice(x) + 1")(2.0) == 7.0
    finally:
        forget(thrice)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("leaky_relu(-x, alpha=0.1)", -0.2),
        ("leaky_relu(-x, 0.1)", -0.2),
        ("leaky_relu(-x, alpha=-1/2)", 1.0),
        ("clip(x, high=1)", 1.0),
        ("clip(x, 3, 4)", 3.0),
        ("log_softmax([x, x], index=1)", -math.log(2.0)),
        ("softmax(x, x, index=0)", 0.5),
        ("max([x, 1, 5,])", 5.0),
        ("max([x])", 2.0),
        ("max(x)", 2.0),
        ("sum([])", 0.0),
        ("dot([], [])", 0.0),
        ("dot([x, 1], [3, x])", 8.0),
        ("sum([x, max([1, x])], )", 4.0),
    ],
)
def test_lists_and_parameters(text: str, expected: float) -> None:
    values = {"x": 2.0} if "x" in parse(text).variables else {}
    assert parse(text).evaluate(values).data == pytest.approx(expected, rel=1e-15)


# ---------------------------------------------------------------- errors

ERRORS = [
    ("", 0, "the expression is empty"),
    ("  \n", 0, "the expression is empty"),
    ("x +", 3, "expected a number, a name or (, but the expression ends"),
    ("x * / y", 4, "expected a number, a name or (, got '/'"),
    ("x y", 2, "expected an operator or the end, got 'y'; to multiply, put * before 'y'"),
    ("2x", 1, "to multiply, put * before 'x'"),
    ("2 (x)", 2, "to multiply, put * before '('"),
    ("x^2", 1, "got '^'; a power is written **"),
    ("x = 2", 2, "compare with =="),
    ("x \u2212 2", 2, "write -"),
    ("x if y else z", 2, "write where(condition, x, y)"),
    ("(x + 1", 6, "expected an operator or ), but the expression ends"),
    ("x + 1)", 5, "no ( is open here"),
    ("x]", 1, "no [ is open here"),
    ("(x]", 2, "expected an operator or ), got ']'"),
    ("()", 1, "expected a number, a name or (, got ')'"),
    ("x, y", 1, "commas stand between the operands of a call"),
    ("[x]", 0, "a list is an operand of an operation"),
    ("x.real", 1, "expected an operator or the end, got '.'"),
    ("x < y < z", 6, "comparisons do not chain"),
    ("x == (y) != z", 9, "comparisons do not chain"),
    ("'x'", 0, "expected a number, a name or ("),
    ("__import__('os')", 0, "unknown operation '__import__'"),
    ("x + sinn(x)", 4, "unknown operation 'sinn'; did you mean sin?"),
    ("ln(x)", 0, "did you mean log?"),
    ("x(3)", 0, "to multiply, write x * (...)"),
    ("frobnicate(x)", 0, "the command  autograd-tiny ops  lists them"),
    ("2 * sin x", 4, "sin is an operation; call it as sin(x)"),
    ("x\u00b2", 0, "is not a name"),
    ("lambda * x", 0, "'lambda' is a word of Python and no name; choose another name such as lambda_"),
    ("if x", 0, "'if' is a word of Python and no name; write where(condition, x, y)"),
    ("1 + sin(x, y)", 4, "sin(x) takes 1 operand(s), got 2"),
    ("sin([x])", 4, "sin(x) takes numbers, not a list"),
    ("sin()", 0, "sin(x) takes 1 operand(s), got 0"),
    ("hypot(x y)", 8, "expected an operator, a comma or ), got 'y'"),
    ("hypot(x, y", 10, "expected an operator, a comma or ), but the expression ends"),
    ("hypot(, y)", 6, "expected a number, a name or (, got ','"),
    ("sum([x, y)", 9, "expected an operator, a comma or ], got ')'"),
    ("max([x], y)", 0, "max takes one list or plain operands, not both"),
    ("max([[x]])", 5, "a list is an operand of an operation"),
    ("mean([])", 0, "mean needs at least 1 number"),
    ("dot(x, y)", 0, "dot(xs, ws) takes two lists"),
    ("dot([x], [y, z])", 0, "dot needs two lists of one length, got 1 and 2 numbers"),
    ("1 + softmax([x, y])", 4, "softmax gives a list; choose one result of it, softmax([x, y], index=0)"),
    ("softmax([x, y], index=2)", 0, "softmax of 2 operands has no result index=2"),
    ("power(x)", 0, "power(x, n) needs its parameter n"),
    ("power(x, m=3)", 9, "power has no parameter 'm' (it has: n)"),
    ("power(x, n=3, n=4)", 14, "n is given twice"),
    ("power(n=3, x)", 11, "operands come first"),
    ("power(x, n=)", 11, "expected a number, a name or (, got ')'"),
    ("leaky_relu(x, alpha=y)", 20, "alpha of leaky_relu(x, alpha=0.01) must be a number without variables"),
    ("leaky_relu(x, alpha=(y > 0))", 20, "must be a number without variables"),
    ("leaky_relu(x, y)", 14, "argument 2 of leaky_relu(x, alpha=0.01) must be a number"),
    ("clip(x, 0, y)", 11, "argument 3 of clip(x, low=-1, high=1) must be a number"),
    ("clip(x, 0, 1, 2)", 0, "takes 3 arguments, got 4"),
    ("1e999", 0, "1e999 is too large for a float"),
]


@pytest.mark.parametrize(("text", "position", "message"), ERRORS, ids=[repr(text) for text, *_ in ERRORS])
def test_errors_say_where_and_what(text: str, position: int, message: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse(text)
    assert message in str(caught.value)
    assert caught.value.position == position
    assert str(caught.value).endswith(f"(at character {position + 1})")
    assert "\n" not in str(caught.value)


def test_only_text_is_parsed() -> None:
    with pytest.raises(ExpressionError, match="an expression is text, got 3"):
        parse(3)  # type: ignore[arg-type]  # the mistake under test


def test_long_words_are_cut_in_messages() -> None:
    with pytest.raises(ExpressionError, match=r"^unknown operation 'a{35}\.\.\.'; ") as caught:
        parse("a" * 9000 + "(x)")
    assert len(str(caught.value)) < 200


def refusal(text: str) -> ExpressionError | None:
    try:
        parse(text)
    except ExpressionError as error:
        return error
    return None


# ---------------------------------------------------------------- limits


@pytest.mark.parametrize(
    ("fits", "too_much", "message"),
    [
        ("x" + " " * (MAX_LENGTH - 1), "x" + " " * MAX_LENGTH, "at most 10,000 characters, got 10,001"),
        ("(" * MAX_DEPTH + "x" + ")" * MAX_DEPTH, "(" * 101 + "x" + ")" * 101, "nested more than 100 deep"),
        ("sin(" * MAX_DEPTH + "x" + ")" * MAX_DEPTH, "sin(" * 101 + "x" + ")" * 101, "nested more than 100 deep"),
        ("-" * MAX_OPERATIONS + "x", "-" * (MAX_OPERATIONS + 1) + "x", "at most 5,000 operations"),
        ("1" * MAX_NUMBER_LENGTH, "1" * (MAX_NUMBER_LENGTH + 1), "at most 40 characters"),
    ],
    ids=["length", "parentheses", "calls", "operations", "number"],
)
def test_limits(fits: str, too_much: str, message: str) -> None:
    parse(fits)
    with pytest.raises(ExpressionError, match=message):
        parse(too_much)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1+" * 4999 + "1", 5000.0),
        ("x" + "+x" * 4999, 5000.0),
        ("-" * 5000 + "x", 1.0),
        ("x" + "**x" * 3000, 1.0),
        ("2**-" * 2400 + "x", 0.641),
        ("sum([" + "x," * 4900 + "])", 4900.0),
    ],
    ids=["sum of numbers", "sum of variables", "minus signs", "powers", "powers and signs", "list"],
)
def test_long_chains(text: str, expected: float) -> None:
    expression = parse(text)
    root = expression.evaluate(dict.fromkeys(expression.variables, 1.0))
    root.backward()
    assert root.data == pytest.approx(expected, abs=1e-3)


def test_no_recursion_error_when_the_stack_is_nearly_full() -> None:
    def deeper(frames: int) -> None:
        if frames:
            deeper(frames - 1)
        else:
            with pytest.raises(ExpressionError, match="too deep for the call stack"):
                parse("sin(" * MAX_DEPTH + "x" + ")" * MAX_DEPTH)

    used = 0
    frame = sys._getframe()
    while frame.f_back is not None:
        frame, used = frame.f_back, used + 1
    deeper(sys.getrecursionlimit() - used - 200)


@pytest.mark.parametrize(
    "text",
    [
        "(" * 100_000,
        "-" * 100_000,
        "a" * 100_000,
        "1" * 10_000,
        " " * 10_000,
        "a" * 10_000,
        "a" * 9_990 + "(x)",
        "1e" * 5_000,
        "1_" * 5_000,
        "sum([" * 2_000,
        "power(x,n=" * 1_000,
        "softmax([" + "1," * 4_900 + "])",
        "max(" + "x," * 4_900 + ")",
        "prod([" + "x," * 4_900 + "])",
        "max(max(" + "1," * 4_900 + "))",
    ],
    ids=lambda text: f"{text[:8]}...",
)
def test_hostile_texts_are_quick(text: str) -> None:
    start = time.process_time()
    refused = refusal(text)
    assert time.process_time() - start < 1.0
    assert refused is None or len(str(refused)) < 300


NOISE = (
    "x y alpha sin max dot softmax power index n = == < ** * / // % + - ( ) [ ] , . 1 2.5 .5 1e-3 1e999 0 pi e "
    "leaky_relu where if ^ ! # $ \\ ' \" \n \t \u2212 \u00b2 \ud800 \U0001f600"
).split(" ")


@thorough
@given(st.one_of(st.lists(st.sampled_from(NOISE), max_size=30).map("".join), st.text(max_size=60)))
def test_nothing_but_expression_errors(text: str) -> None:
    refused = refusal(text)
    if refused is None:
        expression = parse(text)
        assert isinstance(expression.evaluate(dict.fromkeys(expression.variables, 0.5)), Value)
    else:
        assert 0 <= refused.position <= len(text)
        assert str(refused).isprintable()
