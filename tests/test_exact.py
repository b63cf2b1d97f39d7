"""Gradients by complex step, forward mode, fractions and mpmath: right to the last digits, and from values only."""

import cmath
import math
import sys
from fractions import Fraction

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from number_systems import mp, same
from test_op_contract import applications, every_op, fixed

import autograd_tiny as ag
from autograd_tiny import Graph, Value, dot, forget, grad, hessian, mean, no_grad, ops, primitive, prod, relu
from autograd_tiny.errors import GraphError, MissingPackageError, NotARealNumberError, ParameterError
from autograd_tiny.primitive import ELEMENTARY, floats, registry
from autograd_tiny.testing.exact import (
    HIGHEST_DEGREE,
    _Precise,
    central_difference,
    complex_step_gradient,
    forward_gradient,
    fraction_gradient,
    mpmath_gradient,
    mpmath_hessian,
    reverse_fractions,
    second_difference,
)
from autograd_tiny.testing.number_systems import (
    MOST_BITS,
    Complex,
    Degree,
    ExactFraction,
    complex_numbers,
    degree_of,
    degrees,
    fractions,
    mpmath_context,
    mpmath_numbers,
    replay,
    reverse,
)

VALUE_METHODS = [complex_step_gradient, fraction_gradient, mpmath_gradient]
ALL_METHODS = [*VALUE_METHODS, forward_gradient, reverse_fractions]
every_method = pytest.mark.parametrize("method", ALL_METHODS, ids=lambda method: method.__name__)


def near(found, exact, rel=1e-13, absolute=1e-300):
    return math.isclose(found, exact, rel_tol=rel, abs_tol=absolute)


# ---------------------------------------------------------------- complex numbers

POINTS = {
    "acos": [(0.3,), (-0.999999,), (1e-9,)],
    "asin": [(0.3,), (-0.999999,), (1e-9,)],
    "atan": [(0.3,), (-1.0000001,), (1e-9,), (1e12,), (1e200,)],
    "atan2": [(0.5, 2.0), (2.0, -0.5), (-0.5, -2.0), (-2.0, 0.5), (1e-9, 1.0), (1e200, 1e200)],
    "cos": [(0.3,), (-100.0,), (1.5707963,)],
    "cosh": [(0.3,), (-30.0,), (1e-9,)],
    "exp": [(0.3,), (-30.0,), (700.0,)],
    "expm1": [(0.3,), (-30.0,), (1e-12,)],
    "hypot": [(3.0, 4.0), (-1e200, 1e200), (1e-9, 1.0), (1e-50, -1e-50), (0.0, -2.0)],
    "log": [(0.3,), (1.0000001,), (1e-50,), (1e300,)],
    "log1p": [(0.3,), (-0.999999,), (1e-12,), (1e300,)],
    "pow": [(2.0, 3.0), (0.5, -2.5), (1e-50, 0.5), (1.0000001, 1e6)],
    "sin": [(0.3,), (-100.0,), (3.1415926,)],
    "sinh": [(0.3,), (-30.0,), (1e-9,)],
    "sqrt": [(0.3,), (1e-50,), (1e300,)],
    "tan": [(0.3,), (-100.0,), (1.5707963,)],
    "tanh": [(0.3,), (-20.0,), (1e-9,)],
}
COMPLEX = {"pow": lambda x, y: mp.exp(y * mp.log(x)), "hypot": lambda x, y: mp.sqrt(x * x + y * y)}
COMPLEX["atan2"] = lambda y, x: -1j * mp.log((x + 1j * y) / mp.sqrt(x * x + y * y))


def test_every_elementary_function_is_checked_or_refused():
    simple = {"abs", "where", "sum", "dot", "fmod", "floor", "ceil", "round"}
    assert set(POINTS) | simple | {"erf", "erfc"} == set(ELEMENTARY)


@pytest.mark.parametrize("imag", [1e-100, 1e-200, -1e-200])
@pytest.mark.parametrize("name", POINTS)
def test_both_parts_of_complex_functions_have_all_digits(name, imag):
    """The real part is f(x) and the imaginary part f'(x) times b, at 60 digits, with b in each operand by turns."""
    for operands in POINTS[name]:
        for i, x in enumerate(operands):
            b = imag * max(1.0, abs(x))
            numbers = [Complex(number, b if k == i else 0.0) for k, number in enumerate(operands)]
            found = getattr(complex_numbers, name)(*numbers)
            exact = [mp.mpf(number) for number in operands]
            step = mp.mpf(10) ** -18 * (abs(x) if x and not 1e-20 < abs(x) < 1e20 else 1)
            up, down = (getattr(floats_at_60_digits, name)(*exact[:i], x + h, *exact[i + 1 :]) for h in (step, -step))
            condition = 1 + abs(exact[1] * mp.log(exact[0])) if name == "pow" else 1
            assert near(found.real, getattr(floats_at_60_digits, name)(*exact), 4e-16 * condition)
            assert near(found.imag, b * (up - down) / (2 * step), 4e-15 * condition), (operands, i)


floats_at_60_digits = mpmath_numbers(mp)


@pytest.mark.parametrize("name", POINTS)
@given(data=st.data())
def test_complex_functions_are_those_of_analysis(name, data):
    """Not the slope rule times b in disguise: right for imaginary parts of ordinary size, too."""
    small = st.floats(0.1, 0.9)
    numbers = [complex(data.draw(small), data.draw(st.floats(-0.09, 0.09))) for _ in POINTS[name][0]]
    found = getattr(complex_numbers, name)(*[Complex(z.real, z.imag) for z in numbers])
    function = COMPLEX[name] if name in COMPLEX else getattr(mp, name)
    exact = complex(function(*map(mp.mpc, numbers)))
    assert cmath.isclose(complex(found.real, found.imag), exact, rel_tol=1e-13, abs_tol=1e-15)


small_complex = st.builds(complex, st.floats(0.1, 9.0) | st.floats(-9.0, -0.1), st.floats(-0.1, 0.1))


@given(z=small_complex, w=small_complex, x=st.floats(0.1, 9.0))
def test_complex_arithmetic(z, w, x):
    a, b = Complex(z.real, z.imag), Complex(w.real, w.imag)
    for found, exact in [
        (a + b, z + w), (a + x, z + x), (x + a, x + z), (a - b, z - w), (a - x, z - x), (x - a, x - z), (-a, -z),
        (a * b, z * w), (a * x, z * x), (x * a, x * z), (a / b, z / w), (a / x, z / x), (x / a, x / z),
    ]:  # fmt: skip
        assert cmath.isclose(complex(found.real, found.imag), exact, rel_tol=1e-13, abs_tol=1e-14)


@given(x=st.floats(-1e9, 1e9), y=st.floats(-1e9, 1e9), h=st.sampled_from([-1e-100, 0.0, 1e-100]))
def test_complex_numbers_are_compared_as_if_the_step_had_been_made(x, y, h):
    z = Complex(x, h)
    if x != y:
        assert (z < y, z <= y, z > y, z >= y, z == y, z != y) == (x < y, x < y, x > y, x > y, False, True)
    assert (z < x, z <= x, z > x, z >= x, z == x, z != x) == (h < 0, h <= 0, h > 0, h >= 0, h == 0, h != 0)
    assert (x < z, x <= z, x > z, x >= z, x == z, x != z) == (h > 0, h >= 0, h < 0, h <= 0, h == 0, h != 0)
    assert z == Complex(x, h)
    nan = Complex(math.nan, h)
    assert (nan == nan, nan != nan, nan < x, nan > x, nan <= x, nan >= x) == (False, True, False, False, False, False)


def test_quotients_of_huge_and_tiny_complex_numbers_stay_finite():
    assert near((Complex(1e200, 1e100) / Complex(2e200, 0.0)).imag, 5e-101)
    assert near((Complex(1.0, 0.0) / Complex(1e200, 1e190)).imag, -1e-210)


def test_a_number_that_does_not_depend_on_the_input_is_as_on_floats():
    """inf and the ends of domains among the constants leave the derivative alone."""
    z, inf = Complex(2.0, 1e-100), Complex(math.inf)
    assert (z * inf).imag == math.inf
    assert (inf * inf).imag == 0.0
    assert (inf / 2.0).imag == (Complex(1.0) / 0.0).imag == 0.0
    assert (z + complex_numbers.sqrt(0.0)).imag == 1e-100
    assert (z / inf).imag == 0.0
    assert complex_step_gradient(lambda x: x + ops.sqrt(Value(0.0)), 3.0) == 1.0


@pytest.mark.parametrize(
    ("f", "x"),
    [
        (ops.sqrt, 0.0),
        (ops.sqrt, -1.0),
        (ops.log, 0.0),
        (ops.log, -1.0),
        (ops.log1p, -1.0),
        (ops.asin, 1.0),
        (ops.acos, -1.0),
        (lambda x: ops.hypot(x, x), 0.0),
        (lambda x: ops.atan2(x, x), 0.0),
        (lambda x: x**0.5, 0.0),
        (lambda x: x**-1, 0.0),
        (lambda x: x**0.5, -1.0),
        (lambda x: 2 / x, 0.0),
        (lambda x: (-2) ** x, 3.0),
    ],
)
def test_where_a_function_is_not_analytic_the_slope_is_nan(f, x):
    assert math.isnan(complex_step_gradient(f, x))
    leaf = Value(x)
    root = Graph.of(f(leaf))
    number = replay(root, {node.index: Complex(x, 1e-100) for node in root.nodes if not node.constant}, complex_numbers)
    assert same(number[-1].real, f(leaf).data)


@pytest.mark.parametrize(("x", "n", "slope"), [(-2.0, 3, 12.0), (-2.0, -2, 0.25), (-3.0, 2, -6.0), (0.0, 1, 1.0),
                                              (0.0, 2, 0.0), (0.0, 3, 0.0), (0.0, 0, 0.0), (5.0, 0, 0.0)])  # fmt: skip
def test_complex_powers_of_zero_and_of_negative_bases(x, n, slope):
    assert near(complex_step_gradient(lambda x: x**n, x), slope, absolute=1e-90)


def test_pieces_are_chosen_by_the_real_part():
    def choices(x):
        return [abs(x), relu(x), ops.floor(x), ops.ceil(x), ops.round(x), ops.sign(x), x % 3, x // 3, 7 % x, -7 % x]

    for x, expected in ((2.5, [1, 1, 0, 0, 0, 0, 1, 0, -2, 3]), (-2.5, [-1, 0, 0, 0, 0, 0, 1, 0, 3, -2])):
        found = [complex_step_gradient(lambda v, i=i: choices(v)[i], x) for i in range(len(expected))]
        assert found == expected
    assert complex_step_gradient(lambda x: ops.mod(x, 3.0), -7.0) == 1.0


@pytest.mark.parametrize(
    ("f", "x", "slope"),
    [
        (abs, 0.0, 0.0),
        (relu, 0.0, 0.5),
        (lambda x: ops.maximum(x, 2.0), 2.0, 0.5),
        (lambda x: ops.max([x, 2.0, 2.0]), 2.0, 0.5),
        (lambda x: ops.clip(x, 0.0, 1.0), 1.0, 0.5),
        (lambda x: x % 2, 4.0, 1.0),
        (lambda x: abs(x) * relu(x), 0.0, 0.0),
        (ops.sigmoid, 0.0, 0.25),
        (ops.softplus, 0.0, 0.5),
        (lambda x: ops.logsumexp([x, 1.0]), 1.0, 0.5),
        (ops.mish, 0.0, 0.6),
        (ops.silu, 0.0, 0.5),
    ],
)
def test_at_a_kink_complex_steps_and_mpmath_give_the_mean_of_both_sides(f, x, slope):
    """And kinks inside a smooth operation, as in sigmoid at 0, do not show."""
    assert near(complex_step_gradient(f, x), slope)
    if slope != 1.0:  # % jumps there
        assert near(mpmath_gradient(f, x), slope, 1e-13, 1e-25)


# ---------------------------------------------------------------- every operation, by every method


def operation(op, params):
    """Return the operation as a function of one list of numbers."""
    return lambda xs: fixed(op, params).apply(*xs)


def uses_erf(op, params, operands):
    try:
        complex_step_gradient(operation(op, params), list(operands))
    except GraphError:
        return True
    return False


@every_op
@given(data=st.data())
def test_every_operation_by_complex_step_forward_mode_and_mpmath(op, data):
    (operands,), params = data.draw(applications(op))
    assume(all(x == 0.0 or abs(x) > 1e-200 for x in operands))  # 1e-300 has no room for a smaller step
    f, point = operation(op, params), list(operands)
    slopes = grad(f)(point)
    exact = mpmath_gradient(f, point, digits=25)
    assert forward_gradient(f, point) == slopes
    for slope, number in zip(slopes, exact, strict=True):
        assert near(slope, number, 1e-10, 1e-14)
    if not uses_erf(op, params, operands):
        for found, number in zip(complex_step_gradient(f, point), exact, strict=True):
            assert near(found, number, 1e-11, 1e-14)


def test_operations_without_a_complex_form_are_named():
    refused = [name for name, op in registry.items() if op.arity == 1 and not op.params and uses_erf(op, {}, (0.5,))]
    assert refused == ["gelu", "erf", "erfc"]
    with pytest.raises(GraphError) as caught:
        complex_step_gradient(lambda speed: 2 * ops.gelu(speed), 1.0)
    assert str(caught.value) == (
        "complex step cannot follow v1 = gelu(speed): erfc has no elementary complex form; use method='mpmath'"
    )


HARD = [
    (lambda x: ops.sin(1e6 * x), 0.7),
    (lambda x: (x * 1e-6 + 1e10) - 1e10, 0.7),
    (ops.tanh, 20.0),
    (ops.sqrt, 1e-12),
    (ops.sqrt, 1e-300),
    (lambda x: ops.sqrt(x * x), 1e-140),
    (lambda x: 1e-6 * x, 3.0),
    (ops.exp, -400.0),
    (lambda x: (x / 1e200) ** 7, 1e190),
    (lambda x: ops.log(1 + ops.exp(-x)), 30.0),
]


@pytest.mark.parametrize(("f", "x"), HARD)
def test_hard_slopes_keep_their_digits(f, x):
    exact = mpmath_gradient(f, x)
    assert near(complex_step_gradient(f, x), exact, 1e-9 if x == 0.7 else 1e-13, absolute=0.0)


def test_hard_slopes_in_closed_form():
    context = mpmath_context(50)
    for f, x, exact in [
        (HARD[0][0], 0.7, lambda x: 1000000 * context.cos(1000000 * x)),
        (ops.tanh, 20.0, lambda x: context.sech(x) ** 2),
        (ops.sqrt, 1e-300, lambda x: 1 / (2 * context.sqrt(x))),
        (ops.exp, 1e-300, context.exp),
        (lambda x: x * x, 1e300, lambda x: 2 * x),
        (lambda x: ops.sin(x), 1e10, context.cos),
    ]:
        found = mpmath_gradient(f, x)
        assert abs(found / exact(context.mpf(x)) - 1) < context.mpf(10) ** -39
    found = mpmath_gradient(HARD[1][0], 0.7)
    assert abs(found - context.mpf(1e-6)) < context.mpf(10) ** -49


@pytest.mark.parametrize("digits", [1, 15, 80])
def test_digits_are_those_asked_for(digits):
    found = mpmath_gradient(ops.exp, 1.0, digits=digits)
    context = mpmath_context(digits + 5)
    assert abs(found / context.e - 1) < context.mpf(10) ** -digits
    assert found.context.dps == digits
    with pytest.raises(ParameterError, match="digits is a whole number of at least 1, got 0"):
        mpmath_gradient(ops.exp, 1.0, digits=0)


def test_mpmath_itself_keeps_its_precision():
    import mpmath

    before = mpmath.mp.dps
    mpmath_gradient(ops.exp, 1.0, digits=before + 30)
    assert mpmath.mp.dps == before


def test_mpmath_off_the_real_line_and_at_poles():
    assert math.isnan(mpmath_gradient(ops.sqrt, 0.0))
    assert math.isnan(mpmath_gradient(lambda x: x**0.5, -1.0))
    assert math.isnan(mpmath_gradient(ops.asin, 1.0))
    assert math.isnan(mpmath_gradient(ops.exp, math.nan))
    assert mpmath_gradient(relu, 0.0) == 0.5
    with pytest.raises(GraphError) as caught:
        mpmath_gradient(lambda x: 1 / x, 0.0)
    assert str(caught.value) == "mpmath cannot follow v1 = 1 / x: it divides by zero; move the point"


@given(xs=st.lists(st.floats(0.2, 2.0), min_size=3, max_size=3))
def test_hessian_by_mpmath(xs):
    def f(v):
        return ops.exp(v[0] * v[1]) / v[2] + ops.sin(v[0] - v[2]) * v[1] ** 3

    exact = mpmath_hessian(f, xs, digits=30)
    for row, precise_row in zip(hessian(f)(xs), exact, strict=True):
        assert all(near(found, number, 1e-11, 1e-12) for found, number in zip(row, precise_row, strict=True))
    assert all(exact[i][j] == exact[j][i] for i in range(3) for j in range(3))
    (a, b, _), root = xs, mpmath_context(30)
    second = mpmath_hessian(lambda v: ops.exp(v[0] * v[1]), xs, digits=30)
    x, y = root.mpf(a), root.mpf(b)
    assert abs(second[0][1] / ((1 + x * y) * root.exp(x * y)) - 1) < root.mpf(10) ** -28
    assert abs(second[0][0] / (y * y * root.exp(x * y)) - 1) < root.mpf(10) ** -28


# ---------------------------------------------------------------- fractions


STEPS = {
    "add": lambda a, b, c, d, n: a + b,
    "sub": lambda a, b, c, d, n: d - a * b,
    "mul": lambda a, b, c, d, n: a * c,
    "neg": lambda a, b, c, d, n: -a + b,
    "power": lambda a, b, c, d, n: a**n,
    "div": lambda a, b, c, d, n: a / (d or 1.0),
    "sum": lambda a, b, c, d, n: ops.sum([a, b, c, d]),
    "dot": lambda a, b, c, d, n: dot([a, b], [c, d]),
    "prod": lambda a, b, c, d, n: prod([a, d, b]),
    "mean": lambda a, b, c, d, n: mean([a, b, c, d]),
    "identity": lambda a, b, c, d, n: ops.identity(a) * b,
}


@st.composite
def polynomials(draw):
    """Draw a polynomial as a function of a list: a few instructions, each on any earlier results."""
    numbers = st.floats(-4.0, 4.0, allow_subnormal=False)
    steps = draw(
        st.lists(st.tuples(st.sampled_from(sorted(STEPS)), st.integers(0, 3), numbers), min_size=1, max_size=6)
    )

    def f(xs):
        nodes = list(xs)
        for kind, n, number in steps:
            nodes.append(STEPS[kind](nodes[-1], nodes[n % len(nodes)], nodes[(n * 2 + 1) % len(nodes)], number, n))
        return nodes[-1]

    return f


@settings(max_examples=60)
@given(f=polynomials(), xs=st.lists(st.floats(-3.0, 3.0, allow_subnormal=False), min_size=3, max_size=3))
def test_values_and_slopes_of_polynomials_agree_exactly(f, xs):
    assume(all(degree <= 30 for degree in _degrees(f, xs)))
    from_values, from_slopes = fraction_gradient(f, xs), reverse_fractions(f, xs)
    assert from_values == from_slopes
    assert {type(number) for number in (*from_values, *from_slopes)} == {Fraction}
    for found, exact in zip(grad(f)(xs), from_values, strict=True):
        assert near(found, exact, 1e-9, 1e-6 * max(1.0, *map(abs, map(float, from_values))))


def _degrees(f, xs):
    leaves = [Value(x) for x in xs]
    graph = Graph.of(f(leaves) + 0, *leaves)
    return [degree_of(replay(graph, {i: Degree(1)}, degrees)[graph.root.index]) for i in graph.roots[1:]]


def test_fractions_of_polynomials_known_by_heart():
    def f(x, y):
        return (x**5 - 3 * x * y**2) / 4 + prod([x, y, x]) - mean([x, y, 2.0, 7.5])

    x, y = Fraction(0.1), Fraction(-3.3)
    expected = ((5 * x**4 - 3 * y**2) / 4 + 2 * x * y - Fraction(1, 4), -6 * x * y / 4 + x**2 - Fraction(1, 4))
    assert fraction_gradient(f, 0.1, -3.3) == reverse_fractions(f, 0.1, -3.3) == expected
    assert fraction_gradient(lambda x: x**HIGHEST_DEGREE, 2.0) == HIGHEST_DEGREE * 2 ** (HIGHEST_DEGREE - 1)
    assert fraction_gradient(lambda x: x**1 + x**0 + ops.pow(x, 2), 2.0) == 5
    for gradient in (fraction_gradient, reverse_fractions):
        assert gradient(lambda xs: mean(xs), [1.0, 2.0, 4.0]) == [Fraction(1, 3)] * 3


def test_what_does_not_depend_on_the_input_may_be_anything_exact():
    weight = Value(-3.0)
    for method in (fraction_gradient, reverse_fractions):
        assert method(lambda x: x * abs(weight) / weight + relu(weight), 2.0) == -1
        assert method(lambda x: x * weight**-2, 2.0) == Fraction(1, 9)
        assert method(lambda x: ops.where(weight > 0, x, x**3) + ops.where(1.0, x, 0.0), 2.0) == 13


REFUSED = [
    (lambda x: ops.sin(x) + 1, "a polynomial cannot follow v1 = sin(x): sin is no polynomial; use method='mpmath'"),
    (
        lambda x: 1 + 2 / x,
        "a polynomial cannot follow v1 = 2 / x: it divides by what depends on the input, so it is no polynomial; "
        "use method='mpmath'",
    ),
    (
        relu,
        "a polynomial cannot follow v1 = relu(x): it compares what depends on the input, so it is no polynomial; "
        "use method='mpmath'",
    ),
    (
        lambda x: ops.where(x, 1.0, x),
        "a polynomial cannot follow v1 = where(x, 1, x): it compares what depends on the input, so it is no "
        "polynomial; use method='mpmath'",
    ),
    (
        lambda x: x**-1,
        "a polynomial cannot follow v1 = x ** -1: a power is a polynomial for a whole exponent >= 0, got -1; "
        "use method='mpmath'",
    ),
    (
        lambda x: x**1.5,
        "a polynomial cannot follow v1 = x ** 1.5: a power is a polynomial for a whole exponent >= 0, got 1.5; "
        "use method='mpmath'",
    ),
    (
        lambda x: 2**x,
        "a polynomial cannot follow v1 = 2 ** x: a power is a polynomial for a whole exponent >= 0, got what depends "
        "on the input; use method='mpmath'",
    ),
    (
        lambda x: x ** (HIGHEST_DEGREE + 1),
        "exact arithmetic takes polynomials up to degree 200, got degree 201 in x; use method='mpmath'",
    ),
    (
        lambda x: x * ops.exp(Value(1.0, "w")),
        "exact arithmetic cannot follow v1 = exp(w): exp of a fraction need not be a fraction; use method='mpmath'",
    ),
    (
        lambda x: x / Value(0.0, "w"),
        "exact arithmetic cannot follow v1 = x / w: it divides by zero; move the point",
    ),
    (
        lambda x: x * Value(2.0, "w") ** 0.5,
        "exact arithmetic cannot follow v1 = w ** 0.5: a fraction ** 0.5 need not be a fraction; use method='mpmath'",
    ),
    (
        lambda x: x * Value(0.5, "w") ** -1e300,
        "exact arithmetic cannot follow v1 = w ** -1e+300: a fraction ** -1e+300 has too many digits; "
        "use method='mpmath'",
    ),
    (
        lambda x: x * Value(2.0, "w") ** math.inf,
        "exact arithmetic cannot follow v1 = w ** inf: a fraction is finite, got inf; move the point",
    ),
    (
        lambda x: x**math.inf,
        "a polynomial cannot follow v1 = x ** inf: a power is a polynomial for a whole exponent >= 0, got inf; "
        "use method='mpmath'",
    ),
]


@pytest.mark.parametrize("method", [fraction_gradient, reverse_fractions])
@pytest.mark.parametrize(("f", "message"), REFUSED)
def test_what_is_no_polynomial_is_refused_with_the_reason(method, f, message):
    with pytest.raises(GraphError) as caught:
        method(lambda x: f(x), 2.0)
    assert str(caught.value) == message


@pytest.mark.parametrize("method", [fraction_gradient, reverse_fractions])
@pytest.mark.parametrize("x", [math.inf, math.nan])
def test_fractions_are_finite(method, x):
    with pytest.raises(GraphError, match=r"a fraction is finite, got (inf|nan); move the point"):
        method(lambda x: x * x, x)


@pytest.mark.parametrize("base", [-1.0, 0.0, 1.0])
def test_powers_that_have_few_digits_may_have_any_exponent(base):
    assert fraction_gradient(lambda x: x * Value(base) ** 1e300, 2.0) == abs(base)


@pytest.mark.parametrize(
    ("base", "exponent"), [(2.0, MOST_BITS), (3.0, MOST_BITS), (0.5, -MOST_BITS), (0.25, MOST_BITS / 2)]
)
def test_the_digits_of_a_power_are_limited(base, exponent):
    assert fractions.pow(ExactFraction(base), exponent) == Fraction(base) ** int(exponent)
    with pytest.raises(GraphError, match="too many digits"):
        fractions.pow(ExactFraction(base), exponent + math.copysign(1, exponent))


def test_an_input_of_high_degree_is_found_before_anything_is_computed():
    def squared(x):
        for _ in range(60):
            x = x * x
        return x

    with pytest.raises(GraphError, match=f"got degree {2**60} in x"):
        reverse_fractions(lambda x: squared(x), 0.999)


def test_degrees_are_those_of_polynomials():
    x = Degree(2)
    assert [degree_of(d) for d in (x + 1, 1 - x, x * x, 3 * x, x / 2, -x, x + x * x)] == [2, 2, 4, 2, 2, 2, 4]
    assert degree_of(degrees.pow(x, 3.0)) == 6
    assert degree_of(degrees.where(True, 1.0, x)) == degree_of(degrees.where(True, x, 1.0)) == 2
    for comparison in (lambda: x < 1, lambda: x >= x, lambda: x > x, lambda: x == x, lambda: x != 1):
        with pytest.raises(GraphError, match="it compares"):
            comparison()


@given(a=st.fractions(), x=st.floats(-1e9, 1e9))
def test_exact_fractions_take_floats_for_what_they_are(a, x):
    exact = ExactFraction(a)
    for found, expected in [
        (exact + x, a + Fraction(x)), (x + exact, a + Fraction(x)), (exact - x, a - Fraction(x)),
        (x - exact, Fraction(x) - a), (exact * x, a * Fraction(x)), (x * exact, a * Fraction(x)),
        (-exact, -a), (abs(exact), abs(a)), *([(exact / x, a / Fraction(x))] if x else []),
        *([(x / exact, Fraction(x) / a)] if a else []),
    ]:  # fmt: skip
        assert (found, type(found)) == (expected, ExactFraction)


# ---------------------------------------------------------------- graphs


def test_replay_with_the_same_numbers_gives_the_graph_itself():
    x, y = Value(0.5), Value(2.0)
    graph = Graph.of(ops.tanh(x * y) + dot([x, y], [y, 3.0]) ** 2 / x)
    context = mpmath_numbers(mpmath_context(17))
    for m in (complex_numbers, context):
        for node, number in zip(graph.nodes, replay(graph, {}, m), strict=True):
            assert near(node.data, float(getattr(number, "real", number)), 1e-15)


def test_replay_takes_other_numbers_for_leaves():
    x, y = Value(0.5), Value(2.0)
    graph = Graph.of(x * y + 0.1)
    assert replay(graph, {0: Fraction(1, 3)}, fractions) == [
        Fraction(1, 3),
        2,
        Fraction(2, 3),
        Fraction(0.1),
        Fraction(2, 3) + Fraction(0.1),
    ]


def test_reverse_gives_the_gradient_of_every_node():
    x, y = Value(0.5), Value(2.0)
    root = (x * y + x) ** 2 * x
    root.backward()
    graph = Graph.of(root)
    assert [float(number) for number in reverse(graph, {}, fractions)] == [node.grad for node in graph.nodes]


def test_slope_rules_divide_exactly_by_way_of_m():
    """Ties of max share the slope by m.div, as 1 / 3 among floats would be rounded."""
    graph = Graph.of(ops.max([Value(2.0), Value(2.0), Value(2.0)]))
    assert reverse(graph, {}, fractions)[:3] == [Fraction(1, 3)] * 3


@pytest.mark.slow
def test_depth_is_no_limit():
    def deep(x):
        y = x
        for _ in range(20_000):
            y = y + x
        return y

    for method in ALL_METHODS:
        assert method(deep, 1.0) == 20_001


# ---------------------------------------------------------------- what the methods have in common


@every_method
def test_results_have_the_structure_of_the_arguments(method):
    kind = {fraction_gradient: Fraction, reverse_fractions: Fraction}.get(method, float)

    def f(p, y):
        return p["w"][0] * p["w"][1] + 3 * y - p["b"][0]

    assert method(f, {"w": [2.0, 5.0], "b": (1.0,)}, 7) == ({"w": [5.0, 2.0], "b": (-1.0,)}, 3.0)
    assert method(lambda v: v[0] * 2, [1.0, 4.0]) == [2.0, 0.0]
    assert method(lambda x: x, 1.0) == 1.0
    assert method(lambda x, y: 3.0, 1.0, 2.0) == (0.0, 0.0)
    assert method is mpmath_gradient or type(method(lambda x: x, 1.0)) is kind
    assert method(lambda x: x * x, Value(3.0)) == 6.0
    with no_grad():
        assert method(lambda x: x * x, 3.0) == 6.0


def test_hessians_have_the_structure_of_the_arguments_twice():
    assert mpmath_hessian(lambda p, y: p["a"] * y * y, {"a": 2.0}, 3.0) == (
        {"a": ({"a": 0.0}, 6.0)},
        ({"a": 6.0}, 4.0),
    )
    assert mpmath_hessian(lambda x: x * x * x, 2.0) == 12


@every_method
def test_what_cannot_be_differentiated_is_refused(method):
    with pytest.raises(NotARealNumberError, match="f needs one number as its result"):
        method(lambda x: [x, x], 1.0)
    with pytest.raises(NotARealNumberError, match="did a function forget to return"):
        method(lambda x: None, 1.0)
    with pytest.raises(ParameterError, match="nothing to vary"):
        method(lambda: 1.0)
    with pytest.raises(NotARealNumberError):
        method(lambda x: x, "3")


@pytest.mark.parametrize("method", [complex_step_gradient, fraction_gradient, mpmath_gradient, reverse_fractions])
def test_f_is_called_once(method):
    calls = []

    def f(x, y):
        calls.append((x, y))
        return x * y

    method(f, 2.0, 3.0)
    assert len(calls) == 1


@pytest.mark.parametrize("method", [complex_step_gradient, fraction_gradient, mpmath_gradient, reverse_fractions])
def test_labels_are_inert_in_messages(method):
    label = Value(0.0, "\x1b[31m")
    with pytest.raises(GraphError) as caught:
        method(lambda x: (x + ops.erf(label)) / label, 1.0)
    assert r"\x1b" in str(caught.value)
    assert "\x1b" not in str(caught.value)


@pytest.fixture
def wrong_square():
    @primitive(slopes=lambda m, y, x: (2.0000001 * x,))
    def wrong_square(m, x):
        """x * x, with a slope that is slightly wrong."""
        return x * x

    yield wrong_square
    forget(wrong_square)


@pytest.mark.parametrize("method", VALUE_METHODS)
def test_a_wrong_slope_rule_shows_because_values_alone_are_used(method, wrong_square):
    right = method(lambda x: wrong_square(3 * x), 2.0)
    assert near(right, 36.0, 1e-15)
    for misled in (forward_gradient, reverse_fractions, lambda f, x: grad(f)(x)):
        assert near(misled(lambda x: wrong_square(3 * x), 2.0), 36.0000018, 1e-15)
    assert fraction_gradient(wrong_square, 2.0) != reverse_fractions(wrong_square, 2.0)


def test_a_rule_that_divides_by_zero_is_named():
    @primitive(slopes=lambda m, y, x: (1.0,))
    def strange(m, x):
        """x / 0."""
        return x / 0

    try:
        with pytest.raises(GraphError, match=r"exact arithmetic cannot follow v1 = strange\(x\): it divides by zero"):
            fraction_gradient(lambda x: strange(x), 1.0)
        assert complex_step_gradient(lambda x: strange(x), 1.0) == math.inf
    finally:
        forget(strange)


def test_a_slope_rule_that_cannot_be_followed_is_named():
    @primitive(slopes=lambda m, y, x: (2 * y / x,))
    def divided(m, x):
        """x * x, with a slope rule that divides by x."""
        return x * x

    try:
        with pytest.raises(GraphError, match=r"exact arithmetic cannot follow v1 = divided\(x\): it divides by zero"):
            reverse_fractions(lambda x: divided(x), 0.0)
    finally:
        forget(divided)
    with pytest.raises(GraphError, match=r"exact arithmetic cannot follow v1 = x \*\* n: log of a fraction"):
        reverse_fractions(lambda x: x ** Value(3.0, "n"), 2.0)


def test_choosing_and_adding_are_shared_with_floats():
    for m in (complex_numbers, fractions, degrees, mpmath_numbers(mpmath_context(20))):
        assert (m.where, m.sum) == (floats.where, floats.sum) or m is degrees
        assert set(ELEMENTARY) <= set(vars(m))


@pytest.mark.parametrize("method", [mpmath_gradient, mpmath_hessian])
def test_a_missing_mpmath_gives_the_line_that_installs_it(method, monkeypatch):
    monkeypatch.setitem(sys.modules, "mpmath", None)
    with pytest.raises(MissingPackageError, match=r"needs the package mpmath: run  pip install mpmath"):
        method(ag.exp, 1.0)
    assert complex_step_gradient(ag.exp, 0.0) == 1.0


# ---------------------------------------------------------------- details that planted mistakes once survived


@pytest.mark.parametrize("name", ["asin", "acos"])
@pytest.mark.parametrize("x", [-1.5, -1.0, 1.0, 1.5])
def test_inverse_sines_have_no_slope_at_the_ends_of_their_domain(name, x):
    result = getattr(complex_numbers, name)(Complex(x, 1e-20))
    assert same(result.real, getattr(ops, name)(x))
    assert math.isnan(result.imag)


@pytest.mark.parametrize("zero", [0.0, -0.0])
def test_the_absolute_value_of_zero_is_plus_zero(zero):
    result = complex_numbers.abs(Complex(zero))
    assert math.copysign(1.0, result.real) == 1.0


def test_powers_with_a_complex_exponent_and_of_infinity():
    power, right = complex_numbers.pow(Complex(2.0, 0.5), Complex(3.0, 1.0)), (2 + 0.5j) ** (3 + 1j)
    assert (power.real, power.imag) == pytest.approx((right.real, right.imag), rel=1e-14)
    assert complex_numbers.pow(Complex(math.inf, 1.0), Complex(2.0)).real == math.inf


def test_a_constant_divided_by_a_constant_has_degree_0():
    assert (3.0 / Degree(0)).degree == 0
    with pytest.raises(GraphError, match="it divides by what depends on the input"):
        3.0 / Degree(1)


def test_pure_second_differences_take_one_step_to_each_side():
    assert second_difference(lambda x: x**4, [1.0], 0, 0, 0.5, 0.5) == 12.5
    assert second_difference(lambda x, y: x * x * y * y, [1.0, 3.0], 1, 1, 0.5, 0.25) == 2.0
    assert central_difference(lambda x: x**3, [2.0], 0, 0.5) == 12.25


def test_steps_suit_the_point():
    precise = _Precise(lambda x, y, z: x * y * z, (0.0, -0.25, 8.0), 20)
    assert [step * 10**15 for step in precise.steps] == [1, 0.25, 1]
    assert [step * 10**15 for step in _Precise(lambda x: x, (0.5,), 21).steps] == [0.5]


@pytest.mark.parametrize(("x", "digits"), [(0.0, 62), (1.0, 62), (30.0, 64), (0.25, 62), (1e-4, 70)])
def test_working_digits_keep_the_step_beside_the_point_and_its_square(x, digits):
    assert _Precise(lambda x: 2 * x, (x,), 20).mp.dps == digits


def test_numbers_of_these_systems_are_shown_as_they_are_made():
    assert repr(Complex(1.0, -0.5)) == "Complex(1.0, -0.5)"
    assert repr(Degree(2)) == "Degree(2)"


def test_degrees_take_constants_as_floats():
    x = Degree(2)
    assert degrees.number(x) is x
    assert (degrees.number(3), type(degrees.number(3))) == (3.0, float)


@pytest.mark.parametrize("method", [mpmath_gradient, mpmath_hessian])
def test_mpmath_gives_50_digits_unless_told(method):
    found = method(lambda x: x * x / 3, 1.0)
    assert found == method(lambda x: x * x / 3, 1.0, digits=50)
    assert found != method(lambda x: x * x / 3, 1.0, digits=51)
