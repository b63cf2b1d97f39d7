"""Value: operators with every kind of number, comparisons, copies, refusals, size."""

import copy
import math
import operator
import pickle
import re
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from number_systems import same

import autograd_tiny
from autograd_tiny import Value, ops
from autograd_tiny.errors import GraphError, NotARealNumberError
from autograd_tiny.value import Constant, topological_order

ROOT = Path(__file__).parents[1]
INFIX = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
    "**": operator.pow,
}
OTHERS = [
    2,
    2.0,
    True,
    Fraction(5, 2),
    np.float64(2.5),
    np.float32(2.5),
    np.float16(2.5),
    np.int64(2),
    np.int8(2),
    np.uint8(2),
    np.bool_(True),
    math.inf,
]


# ---------------------------------------------------------------- operators


@pytest.mark.parametrize("other", OTHERS, ids=lambda other: f"{type(other).__module__}.{type(other).__name__}")
@pytest.mark.parametrize("sign", INFIX)
def test_operators_with_every_kind_of_number(sign, other):
    """On either side, the result is a Value with the number that floats give, and gradients flow."""
    infix, number = INFIX[sign], float(other)
    for left, right in ((Value(3.0), other), (other, Value(3.0)), (Value(3.0), Value(other))):
        result = infix(left, right)
        assert type(result) is Value
        assert type(result.data) is float
        plain = infix(3.0, number) if isinstance(left, Value) else infix(number, 3.0)
        assert same(result.data, plain)
        result.backward()
        for operand in (left, right):
            if isinstance(operand, Value):
                assert type(operand.grad) is float
    assert len(infix(Value(3.0), other).parents) == (1 if sign == "**" else 2)


@pytest.mark.parametrize("other", OTHERS[:-1], ids=lambda other: f"{type(other).__module__}.{type(other).__name__}")
def test_divmod(other):
    quotient, remainder = divmod(Value(7.0), other)
    assert (quotient.data, remainder.data) == divmod(7.0, float(other))
    quotient, remainder = divmod(other, Value(7.0))
    assert (quotient.data, remainder.data) == divmod(float(other), 7.0)
    quotient, remainder = divmod(Value(other), Value(7.0))
    assert (quotient.data, remainder.data) == divmod(float(other), 7.0)


@given(x=st.floats(), y=st.floats())
def test_operators_are_those_of_floats(x, y):
    a, b = Value(x), Value(y)
    assert same((a + b).data, x + y)
    assert same((a - b).data, x - y)
    assert same((a * b).data, x * y)
    assert same((-a).data, -x)
    assert same(abs(a).data, abs(x))
    if y != 0:
        assert same((a / b).data, x / y)
        assert same((a % b).data, x % y)
    with np.errstate(all="ignore"):
        power = float(np.power(x, y))
    for result in (a**b, a**y, x**b):
        assert same(result.data, power) or math.isclose(result.data, power, rel_tol=1e-15)


def test_gradients_of_operators():
    def slopes(f, *at):
        leaves = [Value(x) for x in at]
        f(*leaves).backward()
        return [leaf.grad for leaf in leaves]

    assert slopes(lambda a, b: a + b, 3.0, 4.0) == [1.0, 1.0]
    assert slopes(lambda a, b: a - b, 3.0, 4.0) == [1.0, -1.0]
    assert slopes(lambda a, b: a * b, 3.0, 4.0) == [4.0, 3.0]
    assert slopes(lambda a, b: a / b, 3.0, 4.0) == [0.25, -3 / 16]
    assert slopes(lambda a, b: a // b, 7.0, 2.0) == [0.0, 0.0]
    assert slopes(lambda a, b: a % b, 7.0, 2.0) == [1.0, -3.0]
    assert slopes(lambda a: 5 - a, 3.0) == [-1.0]
    assert slopes(lambda a: 6 / a, 2.0) == [-1.5]
    assert slopes(lambda a: 7 % a, 2.0) == [-3.0]
    assert slopes(lambda a: 7 // a, 2.0) == [0.0]
    assert slopes(lambda a: -a, 2.0) == [-1.0]
    assert slopes(lambda a: +a, 2.0) == [1.0]
    assert slopes(abs, -2.0) == [-1.0]
    assert slopes(round, -2.0) == [0.0]
    assert slopes(lambda a: a**3, 2.0) == [12.0]
    assert slopes(lambda a: a.pow(3), 2.0) == [12.0]
    assert slopes(lambda a: 2**a, 3.0) == [8 * math.log(2)]
    assert slopes(lambda a, b: a.pow(b), 2.0, 3.0) == [12.0, 8 * math.log(2)]


def test_numpy_scalar_on_the_left():
    for left in (np.float64(2), np.float32(2), np.int64(2)):
        assert type(left * Value(3.0)) is Value
        assert type(left ** Value(3.0)) is Value
        assert (left ** Value(3.0)).data == 8.0


def test_operands_keep_their_order():
    a, b = Value(1.0), Value(2.0)
    assert (a - b).parents == (a, b)
    assert (5 - b).parents[1] is b
    assert (b - 5).parents[0] is b
    square = a * a
    assert square.parents[0] is a
    assert square.parents[1] is a
    assert [derivative(1.0) for derivative in (a * b).local_derivatives] == [2.0, 1.0]
    assert a.local_derivatives == ()


def test_methods_are_the_operations():
    for name in ("relu", "tanh", "sigmoid", "exp", "log", "sqrt", "sin", "cos", "abs"):
        x = Value(0.7)
        node = getattr(x, name)()
        assert node.op is autograd_tiny.registry[name]
        assert (node.data, node.slopes) == autograd_tiny.registry[name].evaluate(0.7)
        assert node.parents == (x,)
        assert getattr(Value, name).__doc__ == node.op.doc.partition("\n")[0]
        assert getattr(Value, name).__name__ == name


def test_sums_of_iterables():
    leaves = [Value(float(i)) for i in range(5)]
    for total in (
        sum(leaves),
        sum(x for x in leaves),
        sum(leaves, Value(0.0)),
        ops.sum(leaves),
        ops.sum(x for x in leaves),
    ):
        assert total.data == 10.0
    sum(leaves).backward()
    assert [leaf.grad for leaf in leaves] == [1.0] * 5
    assert math.prod(leaves[1:]).data == 24.0


def test_functions_on_plain_numbers_give_floats():
    assert type(ops.exp(1)) is float
    assert type(ops.exp(np.float64(1))) is float
    assert type(ops.max([1, 2])) is float
    assert type(autograd_tiny.pow(2, 3)) is float
    assert type(autograd_tiny.pow(2, Value(3))) is Value
    assert type(ops.dot([1, 2], [Value(3.0), 4])) is Value
    assert type(ops.where(Value(1.0) > 0, 1, 2)) is float


# ---------------------------------------------------------------- comparisons and plain numbers


@pytest.mark.parametrize("compare", [operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge])
@pytest.mark.parametrize("other", OTHERS, ids=lambda other: f"{type(other).__module__}.{type(other).__name__}")
def test_comparisons_are_plain_bools(compare, other):
    for x in (1.0, 2.0, 2.5, 3.0):
        assert compare(Value(x), other) is bool(compare(x, other))
        assert compare(other, Value(x)) is bool(compare(other, x))
        assert compare(Value(x), Value(other)) is bool(compare(x, float(other)))


def test_comparisons_with_nan_and_huge_integers():
    missing = Value(math.nan)
    assert (missing == missing) is False
    assert (missing != missing) is True
    assert not missing < missing
    assert Value(1e300) < 10**400
    assert Value(-1e300) > -(10**400)
    assert Value(1.0) != 10**400


def test_equality_with_other_things_is_false():
    for other in (None, "1.0", [1.0], object()):
        assert (Value(1.0) == other) is False
        assert (Value(1.0) != other) is True
        with pytest.raises(TypeError):
            Value(1.0) < other  # noqa: B015 - the comparison is the test


def test_hash_is_identity():
    a, b = Value(1.0), Value(1.0)
    assert a == b
    assert len({a, b, a}) == 2
    assert {a: "first", b: "second"}[a] == "first"
    assert hash(a) == hash(a)
    a.data = 5.0
    assert {a, b} == {b, a}


def test_plain_numbers_out():
    x = Value(2.5)
    assert float(x) == x.item() == x.data == 2.5
    assert type(float(x)) is float
    assert bool(Value(0.0)) is False
    assert bool(Value(-0.0)) is False
    assert bool(Value(1e-300)) is True
    assert bool(Value(math.nan)) is True
    assert math.floor(x) == 2
    assert f"{float(x):.1f}" == "2.5"


def test_round_gives_the_nearest_integer_as_a_value():
    assert [round(Value(x)).data for x in (0.5, 1.5, -2.5, 2.4)] == [0.0, 2.0, -2.0, 2.0]
    assert type(round(Value(2.5))) is Value


# ---------------------------------------------------------------- construction and refusals


@pytest.mark.parametrize(
    "number", [3, 3.0, True, Fraction(1, 3), np.float64(1.5), np.float32(0.1), np.int16(-4), np.bool_(False)]
)
def test_data_is_always_a_python_float(number):
    x = Value(number)
    assert type(x.data) is float
    assert x.data == float(number)
    x.data = number
    assert type(x.data) is float
    assert type((x + number).data) is float


REFUSED = [
    ("3", "got '3' (str); convert it first: float(text)"),
    (None, "got None (NoneType); did a function forget to return its result?"),
    (1 + 2j, "got (1+2j) (complex); use its .real and .imag parts as two numbers"),
    ([1.0], "got [1.0] (list); use one Value per element: [Value(x) for x in items]"),
    ((1.0, 2.0), "got (1.0, 2.0) (tuple); use one Value per element: [Value(x) for x in items]"),
    (np.array([1.0, 2.0]), "got array([1., 2.]) (ndarray); use one Value per element: [Value(x) for x in items]"),
    (np.array(1.0), "got array(1.) (ndarray)"),
    ({"a": 1}, "got {'a': 1} (dict); pass a float, an int or a Value"),
    (np.complex128(1j), "(complex128); use its .real and .imag parts as two numbers"),
    (10**400, "holds a float, at most 1.8e308, and this int is larger; scale it down first"),
    (-(10**5000), "this int is larger; scale it down first"),
    (Fraction(10**400), "this Fraction is larger; scale it down first"),
]


@pytest.mark.parametrize(
    ("thing", "message"), REFUSED, ids=[type(thing).__name__ + str(i) for i, (thing, _) in enumerate(REFUSED)]
)
def test_refusals_say_what_to_do(thing, message):
    x = Value(1.0)
    ways = [
        lambda: Value(thing),
        lambda: setattr(x, "data", thing),
        lambda: x + thing,
        lambda: thing * x,
        lambda: x**thing,
        lambda: ops.exp(thing),
        lambda: ops.hypot(x, thing),
        lambda: x.backward(thing),
    ]
    if isinstance(thing, (list, tuple)):
        del ways[3]  # [1.0] * x asks x for an index; the list answers for itself
    for way in ways:
        with pytest.raises(NotARealNumberError, match=re.escape(message)):
            way()
    assert x.data == 1.0
    assert x.grad == 0.0


def test_a_value_is_not_wrapped_twice():
    with pytest.raises(NotARealNumberError) as caught:
        Value(Value(1.0))
    assert "it is a Value already: take its .data, or .detach() for a fresh leaf" in str(caught.value)


def test_long_things_are_cut_short_in_messages():
    with pytest.raises(NotARealNumberError) as caught:
        Value("x" * 1000)
    assert len(str(caught.value)) < 150


def test_inf_and_nan_are_numbers():
    assert Value(math.inf).data == math.inf
    assert math.isnan(Value(math.nan).data)
    x = Value(1.0)
    x.data = -math.inf
    assert x.data == -math.inf


def test_no_new_attributes():
    x = Value(1.0)
    assert not hasattr(x, "__dict__")
    assert not hasattr(x + 1, "__dict__")
    assert not hasattr((x + 1).parents[1], "__dict__")
    with pytest.raises(AttributeError):
        x.gard = 0.0
    with pytest.raises(AttributeError):
        x.local_derivatives = ()


def test_no_matrix_product_and_no_index():
    with pytest.raises(TypeError):
        Value(1.0) @ Value(2.0)
    with pytest.raises(TypeError):
        [1, 2][Value(1.0)]
    with pytest.raises(TypeError):
        iter(Value(1.0))


# ---------------------------------------------------------------- labels, repr, copies


def test_repr():
    assert repr(Value(2)) == "Value(data=2.0, grad=0.0)"
    assert repr(Value(2.0, "a")) == "Value(data=2.0, grad=0.0, label='a')"
    x = Value(3.0)
    (x * x).backward()
    assert repr(x) == "Value(data=3.0, grad=6.0)"
    (x * x).backward(create_graph=True)
    assert repr(x) == "Value(data=3.0, grad=12.0)"


def test_repr_is_short_at_any_depth():
    x = Value(1.0)
    for _ in range(100_000):
        x = x * 1.0
    assert len(repr(x)) < 60


def test_label():
    x = Value(1.0, label="x")
    assert x.label == "x"
    x.label = "renamed"
    assert x.label == "renamed"
    y = x * 2
    assert (y.label, y.scope, y.line) == ("", "", "")
    y.label = "y"
    assert y.label == "y"
    assert Value(1.0, 7).label == "7"


def test_copy_is_shallow():
    x = Value(2.0, "x")
    y = x * x
    y.backward()
    twin = copy.copy(y)
    assert twin is not y
    assert twin.parents == (x, x)
    assert twin.parents[0] is x
    assert (twin.data, twin.op, twin.slopes, twin.grad) == (y.data, y.op, y.slopes, y.grad)
    twin.data = 9.0
    twin.label = "twin"
    assert y.data == 4.0
    assert y.label == ""
    assert copy.copy(x).label == "x"


def test_deepcopy_keeps_structure_and_cuts_ties():
    x = Value(2.0, "x")
    y = x * x + 1
    y.backward()
    twin, twin_x, other = copy.deepcopy([y, x, Value(5.0)])
    assert twin_x in twin.parents[0].parents
    assert twin.parents[0].parents[0] is twin.parents[0].parents[1] is twin_x
    assert isinstance(twin.parents[1], Constant)
    assert (twin_x.label, twin_x.grad, other.data) == ("x", 4.0, 5.0)
    twin_x.data, twin_x.grad = 7.0, 0.0
    twin.backward()
    assert (x.data, x.grad, twin_x.grad) == (2.0, 4.0, 4.0)


@pytest.mark.parametrize("depth", [10_000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_deepcopy_of_a_deep_graph(depth):
    x = y = Value(1.0)
    for _ in range(depth):
        y = y * 1.0
    twin = copy.deepcopy(y)
    assert len(topological_order([twin])) == 2 * depth + 1
    twin.backward()
    assert x.grad == 0.0


def test_pickle_is_refused_with_the_way_out():
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(GraphError, match=r"cannot be pickled.*save the numbers instead.*p\.data for p in"):
            pickle.dumps(Value(1.0), protocol)


def test_grad_is_zero_before_any_backward():
    x = Value(1.0)
    assert x.grad == 0.0
    assert type(x.grad) is float
    assert (x + 1).grad == 0.0


def test_constants_in_the_graph():
    x = Value(1.0)
    node = x + 2
    assert isinstance(node.parents[1], Value)
    assert repr(node.parents[1]) == "Constant(data=2.0, grad=0.0)"
    node.backward()
    assert node.parents[1].grad == 1.0


# ---------------------------------------------------------------- promises


def promised_lines():
    """Return the number of lines that the README promises for value.py."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    found = re.search(r"`value\.py`[^.`]*?([\d,]+)\s+lines", readme)
    return int(found[1].replace(",", "")) if found else 600


def test_value_module_keeps_its_size_promise():
    source = (ROOT / "autograd_tiny" / "value.py").read_text(encoding="utf-8")
    assert len(source.splitlines()) < promised_lines()


@pytest.mark.slow
def test_a_deep_graph_is_freed_without_recursion():
    """In a process of its own: a stack overflow in C would take the test run with it."""
    script = (
        "from autograd_tiny import Value\n"
        "x = Value(1.0)\n"
        "for _ in range(300_000): x = x + 1\n"
        "y = x * x\n"
        "del x, y\n"
        "print('freed')\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "freed\n"


# ---------------------------------------------------------------- details that planted mistakes once survived


@pytest.mark.parametrize(("length", "shown"), [(38, "'" + "x" * 38 + "'"), (39, "'" + "x" * 36 + "...")])
def test_forty_characters_of_a_thing_are_shown(length, shown):
    with pytest.raises(NotARealNumberError) as caught:
        Value("x" * length)
    assert f"got {shown} (str)" in str(caught.value)


def test_deepcopy_shares_what_was_copied_before():
    x = Value(2.0, "x")
    twin, twin_y = copy.deepcopy([x, x * x])
    assert twin_y.parents == (twin, twin)
    assert all(parent is twin for parent in twin_y.parents)


def test_numpy_scalars_are_compared_with_all_their_digits():
    assert Value(0.1) != np.float32(0.1), "NumPy alone would round 0.1 to 32 bits first"
    assert Value(0.5) == np.float32(0.5)
