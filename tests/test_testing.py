"""Gradient checking: right gradients pass, wrong ones fail, nothing doubtful passes silently."""

import math
import random

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from autograd_tiny import Value, dot, exp, floor, grad, log, maximum, no_grad, primitive, relu, sin, sqrt, tanh, where
from autograd_tiny.errors import GradientMismatchError, NotARealNumberError, ParameterError
from autograd_tiny.primitive import forget, registry
from autograd_tiny.testing import check_gradients, numeric_gradient

SMOOTH = sorted(name for name, op in registry.items() if not op.kinks and not op.per_operand)
KINKED = sorted(name for name, op in registry.items() if op.kinks and not op.per_operand)


def operands(op, data):
    """Draw operands well inside the op's domain: at the ends of it slopes grow without bound."""
    count = op.arity or 4

    def strategy(domain):
        low, high = max(domain.low, -3.0), min(domain.high, 3.0)
        margin = 0.05 * (high - low)
        inside = st.floats(low + margin, high - margin)
        return inside.filter(lambda x: all(abs(x - point) > margin for point in domain.excluding))

    return [data.draw(strategy(op.domain_of(i))) for i in range(count)]


def applied(op):
    """Return op as a function of its operands; parameters without a default get 3."""
    params = {name: 3.0 for name, number in op.params.items() if number is None}
    if op.pairs:
        return lambda *xs: op(xs[: len(xs) // 2], xs[len(xs) // 2 :], **params)
    return lambda *xs: op(*xs, **params)


@pytest.mark.parametrize("name", SMOOTH)
@given(data=st.data())
def test_right_gradients_pass(name, data):
    op = registry[name]
    report = check_gradients(applied(op), *operands(op, data), order=2)
    assert report.ok, str(report)
    assert len(report.rows) == (op.arity or 4) + (op.arity or 4) ** 2


@pytest.mark.parametrize("name", KINKED)
@given(data=st.data())
def test_right_gradients_pass_beside_a_kink(name, data):
    op = registry[name]
    xs = operands(op, data)
    assume(all(abs(kink.gap(*xs)) > 1e-3 for kink in op.kinks))
    report = check_gradients(applied(op), *xs, order=2)
    assert report.ok, str(report)


@given(st.floats(-2, 2), st.floats(-2, 2), st.floats(0.1, 3))
def test_right_gradients_of_compositions_pass(x, y, z):
    def f(x, y, z):
        return tanh(x * y - 1) / z + exp(sin(x) * z) * log(z) - (y - 2 * x) ** 3

    report = check_gradients(f, x, y, z, order=2)
    assert report.ok, str(report)


@given(x=st.floats(-3, 3).filter(lambda x: abs(x) > 1e-2), error=st.sampled_from([1e-6, -1e-6, 1e-3, 0.5, -2.0]))
def test_a_wrong_slope_fails(x, error):
    @primitive(slopes=lambda m, y, x: (2 * x * (1 + error),))
    def almost_square(m, x):
        """x * x, with a slope that is off by a constant factor."""
        return x * x

    try:
        report = check_gradients(almost_square, x)
    finally:
        forget(almost_square)
    assert not report
    assert report.rows[0].gap == pytest.approx(abs(2 * x * error), rel=1e-3)


def test_a_right_slope_with_a_wrong_second_derivative_fails_in_second_order_only():
    @primitive(slopes=lambda m, y, x: (m.where(x == x, float(3 * x * x), 0.0),))
    def cube(m, x):
        """x cubed, with a slope that is a mere number."""
        return x * x * x

    try:
        assert check_gradients(cube, 2.0).ok
        report = check_gradients(cube, 2.0, order=2)
    finally:
        forget(cube)
    assert [(row.order, row.ok) for row in report.rows] == [(1, True), (2, False)]


def test_a_lost_graph_is_found():
    report = check_gradients(lambda x: x * math.sin(x), 1.0)
    assert not report.ok
    assert report.rows[0].numeric == pytest.approx(math.sin(1) + math.cos(1))


@given(st.floats(1e-6, 1e6), st.sampled_from([1.0, 1e-9, 1e9]))
def test_scales_of_argument_and_result(x, size):
    assert check_gradients(lambda x: size * sqrt(x), x).ok
    assert not check_gradients(lambda x: size * sqrt(x) * (x / float(x)), x).ok


@pytest.mark.parametrize("frequency", [1.0, 1e2, 1e4])
def test_fast_functions(frequency):
    assert check_gradients(lambda x: sin(frequency * x), 0.7).ok


def test_names_follow_parameters_and_containers():
    def loss(p, scale, *rest):
        return scale * dot(p["w"], p["w"]) + p["b"][0] * rest[0] * rest[1]

    report = check_gradients(loss, {"w": [1.0, 2.0], "b": (0.5,)}, 3.0, 4.0, 5.0)
    assert report.ok, str(report)
    names = ["p['w'][0]", "p['w'][1]", "p['b'][0]", "scale", "rest[0]", "rest[1]"]
    assert [row.name for row in report.rows] == names
    assert [row.analytic for row in report.rows] == [6.0, 12.0, 20.0, 5.0, 2.5, 2.0]


def test_names_without_parameter_names():
    report = check_gradients(max, 1.0, 2.0)
    assert [row.name for row in report.rows] == ["args[0]", "args[1]"]


def test_second_derivatives_are_named_by_pairs():
    report = check_gradients(lambda x, y: x * x * y, 3.0, 2.0, order=2)
    assert report.ok
    assert [(row.name, row.order, row.analytic) for row in report.rows] == [
        ("x", 1, 12.0),
        ("y", 1, 9.0),
        ("x, x", 2, 4.0),
        ("x, y", 2, 6.0),
        ("y, x", 2, 6.0),
        ("y, y", 2, 0.0),
    ]


@pytest.mark.parametrize(
    ("f", "x", "reason"),
    [
        (log, -1.0, "analytic is nan and numeric is nan"),
        (lambda x: 1 / x, 0.0, "analytic is -inf"),
        (sqrt, 0.0, "analytic is inf and numeric is nan"),
        (lambda x: x * math.inf, 1.0, "analytic is inf and numeric is nan"),
        (sin, math.inf, "analytic is nan and numeric is nan"),
        (lambda x: x, math.nan, "numeric is nan"),
    ],
)
def test_what_is_not_finite_is_never_ok(f, x, reason):
    report = check_gradients(f, x)
    assert not report.ok
    assert report.rows[0].reason == reason
    assert not check_gradients(f, x, tolerance=1e9).ok


def test_kinks_have_no_derivative_to_agree_with():
    assert check_gradients(abs, 0.0).ok  # the mean of the slopes on both sides is also the convention
    assert check_gradients(maximum, 1.0, 1.0).ok
    report = check_gradients(relu, 0.0)
    assert (report.ok, report.rows[0].analytic, report.rows[0].numeric) == (False, 0.0, 0.5)
    assert check_gradients(relu, 1e-8).ok
    assert check_gradients(relu, -1e-8).ok


def test_jumps_and_noise_are_reported_as_such():
    jump = check_gradients(floor, 2.0)
    assert jump.rows[0].reason == "gap above tolerance; f is noisy or not smooth here"
    rng = random.Random(0)
    noise = check_gradients(lambda x: x + rng.uniform(-0.1, 0.1), 1.0)
    assert noise.rows[0].reason == "gap above tolerance; f is noisy or not smooth here"


def test_functions_that_differentiate_inside():
    """A check must not switch recording off."""
    report = check_gradients(lambda x: x * grad(lambda z: z**3)(x), 2.0, order=2)
    assert report.ok, str(report)
    assert report.rows[0].analytic == 36.0


def test_recording_switched_off_by_f_is_found():
    def f(x):
        with no_grad():
            y = x * x
        return y + x

    assert not check_gradients(f, 3.0).ok


def test_values_as_arguments_stay_as_they_are():
    x = Value(2.0, "x")
    report = check_gradients(lambda x: x**3, x, order=2)
    assert report.ok
    assert [type(row.analytic) for row in report.rows] == [float, float]
    assert x.grad == 0.0


def test_tolerance_is_relative_above_one():
    def off(x):
        return where(x > 0, 1e6 * float(x), 0) + 0 * x  # loses the graph of the first part

    assert not check_gradients(off, 2.0, tolerance=0.9).ok
    assert check_gradients(off, 2.0, tolerance=1.0).ok
    assert not check_gradients(lambda x: x, 0.3, tolerance=0.0).ok or check_gradients(lambda x: x, 0.3).rows[0].gap == 0


def test_report_reads_as_a_table():
    good = check_gradients(lambda x: 2 * x, 0.5)
    assert str(good).splitlines() == [
        "gradients agree: 1 derivative, largest gap 0.0e+00",
        "argument  analytic  numeric      gap  tolerance",
        "x                2        2  0.0e+00    8.7e-08  ok",
    ]
    assert good
    assert repr(good) == "<GradientReport: gradients agree: 1 derivative, largest gap 0.0e+00>"
    good.assert_ok()
    bad = check_gradients(lambda x, y: 2 * x + 3 * float(y), 0.5, 1.0)
    first, heading, *rows = str(bad).splitlines()
    assert first == "gradients differ: 1 of 2 derivatives; y is 0 analytically and 3 numerically"
    assert {line.index(end) + len(end) for line, end in zip([heading, *rows], ["analytic", " 2 ", " 0 "], strict=True)}
    assert [row.rpartition("  ")[2] for row in rows] == ["ok", "gap above tolerance"]
    with pytest.raises(GradientMismatchError) as caught:
        bad.assert_ok()
    assert str(caught.value) == str(bad)


@pytest.mark.parametrize(
    ("f", "says"),
    [
        (lambda x: None, "the result of f needs one real number, got None"),
        (lambda x: "text", "the result of f needs one real number, got 'text'"),
        (lambda x: [x, x], "f needs one number as its result, got ["),
        (lambda x: 1j * float(x), "the result of f needs one real number, got 0.5"),
    ],
)
@pytest.mark.parametrize("check", [check_gradients, numeric_gradient])
def test_results_that_are_not_one_number(check, f, says):
    with pytest.raises(NotARealNumberError) as caught:
        check(f, 0.5)
    assert says in str(caught.value)


def test_arguments_out_of_range():
    with pytest.raises(ParameterError, match="order is 1 or 2, got 3"):
        check_gradients(sin, 1.0, order=3)
    with pytest.raises(ParameterError, match="tolerance is at least 0, got nan"):
        check_gradients(sin, 1.0, tolerance=math.nan)
    with pytest.raises(ParameterError, match="nothing to vary"):
        check_gradients(lambda: 1.0)
    with pytest.raises(ParameterError, match="nothing to vary"):
        numeric_gradient(lambda xs: 1.0, [])
    with pytest.raises(NotARealNumberError, match="got 'a'"):
        check_gradients(sin, "a")


def test_numeric_gradient_has_the_structure_of_the_arguments():
    def f(p, xs):
        return p["a"] * xs[0] + p["b"][0] * xs[1]

    gradient = numeric_gradient(f, {"a": 2.0, "b": (3.0,)}, [4.0, 5.0])
    assert isinstance(gradient, tuple)
    assert gradient[0]["a"] == pytest.approx(4.0)
    assert gradient[0]["b"] == (pytest.approx(5.0),)
    assert gradient[1] == [pytest.approx(2.0), pytest.approx(3.0)]
    assert numeric_gradient(math.sin, 1.0) == pytest.approx(math.cos(1.0), abs=1e-9)
