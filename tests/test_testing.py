"""Gradient checking: right gradients pass, wrong ones fail, nothing doubtful passes silently."""

import dataclasses
import inspect
import itertools
import math
import random
import re
from dataclasses import replace as replaced
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from autograd_tiny import (
    Value,
    asin,
    atan2,
    clip,
    dot,
    elu,
    exp,
    floor,
    gelu_tanh,
    grad,
    hessian,
    log,
    maximum,
    no_grad,
    primitive,
    relu,
    sin,
    sqrt,
    tanh,
    value,
    where,
)
from autograd_tiny import sum as total
from autograd_tiny.errors import GradientMismatchError, GraphError, NotARealNumberError, ParameterError
from autograd_tiny.primitive import forget, registry
from autograd_tiny.testing import check_gradients, numeric_gradient, numeric_hessian
from autograd_tiny.testing.blame import _adds_up
from autograd_tiny.testing.problem import Problem
from autograd_tiny.testing.report import GradientReport, GradientRow

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


@pytest.mark.slow
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
        (log, -1.0, "no difference quotient here is a number"),
        (lambda x: 1 / x, 0.0, "no difference quotient here is a number"),
        (lambda x: exp(exp(x)), 7.0, "no difference quotient here is a number"),
        (lambda x: x * math.inf, 1.0, "no difference quotient here is a number"),
        (sin, math.inf, "no difference quotient here is a number"),
        (lambda x: x, math.nan, "no difference quotient here is a number"),
        (lambda x: sqrt(x * x), 0.0, "analytic is nan"),
        (lambda x: where(x > -1, x * x, sqrt(x - 3)), 2.0, "analytic is nan"),
    ],
)
def test_what_is_not_finite_is_never_ok(f, x, reason):
    report = check_gradients(f, x)
    assert not report.ok
    assert report.rows[0].reason == reason
    assert not check_gradients(f, x, tolerance=1e9).ok


# The cases that checkers with one step and one tolerance get wrong; (function, point, verdict of the only row).
HARD = {
    "relu beside its kink": (relu, 1e-7, "ok"),
    "relu on the other side": (relu, -1e-12, "ok"),
    "a fast sine": (lambda x: sin(1e6 * x), 0.7, "ok"),
    "sqrt next to the end of its domain": (sqrt, 1e-12, "ok"),
    "log of a tiny number": (log, 1e-300, "ok"),
    "asin next to 1": (asin, 1 - 1e-10, "ok"),
    "a pole beside x": (lambda x: 1 / x, 1e-8, "ok"),
    "exp of a large number": (exp, 700.0, "ok"),
    "a tiny slope": (lambda x: 1e-6 * x, 0.3, "ok"),
    "a steep step": (lambda x: tanh(1e8 * x), 1e-9, "ok"),
    "the end of a domain, where the tangent is vertical": (sqrt, 0.0, "ok"),
    "a smooth function from one side": (lambda x: sqrt(x) ** 4, 0.0, "wrong"),  # inf times 0 is nan
    "ripples on a slope": (lambda x: x + 1e-6 * sin(1e6 * x), 0.0, "ok"),
    "a flat function on a large pedestal": (lambda x: 1e10 + 0 * x, 0.3, "ok"),
    "relu at 0": (relu, 0.0, "subgradient"),
    "abs at 0": (abs, 0.0, "subgradient"),
    "a jump of the curvature beside x": (elu, 4.5e-9, "ok"),
    "cancellation inside an operation": (gelu_tanh, -5.52344067941727, "ok"),
    "a tie of max": (lambda x: maximum(x, 2 - x), 1.0, "subgradient"),
    "a kink closer than rounding": (lambda x: relu(x - 1), 1 + 1e-15, "subgradient"),
    "clip at its bound": (lambda x: clip(x, 0.0, 1.0), 1.0, "subgradient"),
    "zero instead of 1e-6": (lambda x: 1e-6 * float(x) + 0 * x, 0.3, "wrong"),
    "zero instead of 1e-6, beside 1": (lambda x: 1 + 1e-6 * float(x) + 0 * x, 0.3, "wrong"),
    "one part in a million missing": (lambda x: x + 1e-6 * float(x), 0.3, "wrong"),
    "ripples missing": (lambda x: x + 1e-6 * math.sin(1e6 * float(x)), 0.0, "wrong"),
    "more than the slopes on both sides": (lambda x: relu(x) + 2 * x - 2 * float(x), 0.0, "wrong"),
    "kinks that cancel": (lambda x: relu(x) - relu(-x), 0.0, "wrong"),
    "a slope lost in cancellation": (lambda x: (1e-6 * x + 1e10) - 1e10, 0.3, "inconclusive"),
    "a jump": (floor, 2.0, "inconclusive"),
    "hundreds of millions of jumps": (lambda x: x % 1e-9, 0.7, "inconclusive"),
}


@pytest.mark.parametrize("case", HARD)
def test_hard_cases(case):
    f, x, verdict = HARD[case]
    report = check_gradients(f, x)
    assert [row.verdict for row in report.rows] == [verdict], str(report)
    assert report.ok == (verdict in ("ok", "subgradient"))
    assert bool(report.blame) == (verdict == "wrong")


def test_the_reason_of_doubt_is_told():
    def reason(f, x):
        return check_gradients(f, x).rows[0].reason

    assert reason(floor, 2.0) == "the function jumps here: it has no derivative"
    for f, x in ((lambda x: x % 1e-9, 0.7), (HARD["a slope lost in cancellation"][0], 0.3)):
        told = re.fullmatch(
            r"different steps give slopes from (\S+) to (\S+): cancellation, or a kink or jump nearby", reason(f, x)
        )
        assert float(told[1]) < float(told[2])


def test_any_slope_between_both_sides_is_accepted_at_a_kink_and_none_beyond():
    for slope, verdict in ((-1.0, "subgradient"), (0.3, "subgradient"), (1.0, "subgradient"), (1.01, "wrong")):

        @primitive(slopes=lambda m, y, x, slope=slope: (m.where(x == 0, slope, m.sign(x)),))
        def bent(m, x):
            """|x| with a slope at 0 to be chosen."""
            return m.abs(x)

        report = check_gradients(bent, 0.0)
        forget(bent)
        (row,) = report.rows
        assert (row.verdict, row.below, row.above) == (verdict, pytest.approx(-1.0), pytest.approx(1.0))
        assert row.gap == pytest.approx(max(0.0, slope - 1.0), abs=1e-14)


def test_second_derivatives_at_a_kink_do_not_exist():
    report = check_gradients(lambda x, y: relu(x) * y * y, 0.0, 3.0, order=2)
    assert report.ok
    reasons = {row.name: row.reason for row in report.rows if row.order == 2}
    assert reasons == dict.fromkeys(["x, x", "x, y", "y, x"], "no second derivative at a kink") | {"y, y": ""}


def test_a_random_function_is_in_doubt():
    rng = random.Random(0)
    report = check_gradients(lambda x: x + rng.uniform(-0.1, 0.1), 1.0)
    assert report.rows[0].verdict == "inconclusive"
    assert "different values at the same point" in report.rows[0].reason


# ---------------------------------------------------------------- the guilty operation


def wrong_square(slope):
    @primitive(slopes=slope)
    def wrong_square(m, x):
        """x * x, with another slope."""
        return x * x

    forget(wrong_square)
    return wrong_square


def test_the_guilty_operation_is_named_with_its_operands_and_line():
    square = wrong_square(lambda m, y, x: (2 * x + 1,))
    report = check_gradients(lambda x, y: tanh(x) * sin(square(x - y) * 0.1), 2.0, 0.5)
    line = inspect.currentframe().f_lineno - 1
    assert [row.verdict for row in report.rows] == ["wrong", "wrong"]
    assert report.blame == (
        f"guilty: wrong_square(x) with x = 1.5 ({__file__}:{line}): "
        "its slope in operand 1 is 4 by its rule and 3 by differences"
    )
    assert report.blame in str(report)


def test_a_wrong_second_derivative_is_blamed_on_its_slope_rule():
    square = wrong_square(lambda m, y, x: (2 * float(x),))
    report = check_gradients(lambda x: tanh(square(x)), 0.5, order=2)
    assert [row.verdict for row in report.rows] == ["ok", "wrong"]
    assert "its slope in operand 1, differentiated in operand 1, is 0 by its rule and 2 by differences" in report.blame


def test_the_first_of_two_guilty_operations_is_named():
    double, square = wrong_square(lambda m, y, x: (4 * x,)), wrong_square(lambda m, y, x: (3 * x,))
    report = check_gradients(lambda x: square(double(x)), 1.5)
    assert "is 6 by its rule and 3 by differences" in report.blame


def test_a_part_that_the_graph_has_lost_is_told_from_a_wrong_slope():
    for lost in (lambda x: x * x.data, lambda x: x + x.detach(), lambda x: x + math.sin(x)):
        assert "Was .data, float(), math or detach() used?" in check_gradients(lost, 1.0).blame


def test_wrong_accumulation_is_told_from_a_wrong_slope(monkeypatch):
    """An engine that overwrites where it should add."""

    def overwriting(order, roots, seeds, create_graph, inputs=()):
        for node in (*inputs, *order):
            node.grad = 0.0
        for root in roots:
            root.grad = 1.0
        for node in reversed(order):
            for parent, slope in zip(node.parents, node.slopes, strict=True):
                parent.grad = slope * node.grad

    monkeypatch.setattr(value, "_sweep", overwriting)
    report = check_gradients(lambda x: x * 3 + x * x, 2.0)
    assert report.rows[0].verdict == "wrong"
    assert "accumulation or order is wrong in backward()" in report.blame
    assert check_gradients(lambda x: x * 3, 2.0).ok


def test_a_hook_that_changes_gradients_is_suspected():
    def f(x):
        y = x * x
        y.register_hook(lambda gradient: 2 * gradient)
        return 3 * y

    assert check_gradients(f, 1.0).blame.endswith("or a hook changes gradients")


def test_slopes_at_kinks_that_do_not_add_up_are_explained():
    report = check_gradients(lambda x: relu(x) - relu(-x), 0.0)
    assert "slopes chosen at kinks need not add up to a slope of f" in report.blame
    assert "relu(x) with x = 0.0" in report.blame
    assert "x = 0, slope 0" in report.blame


def test_at_a_kink_the_guilty_slope_is_told_beside_those_of_both_sides():
    @primitive(slopes=lambda m, y, x: (m.where(x == 0, 2.0, m.sign(x)),))
    def bent(m, x):
        """|x| with a slope of 2 at 0."""
        return m.abs(x)

    forget(bent)
    assert check_gradients(bent, 0.0).blame.endswith(
        "its slope in operand 1 is 2 by its rule and -1 to 1 by differences"
    )


def test_nothing_is_blamed_when_nothing_is_wrong():
    assert check_gradients(lambda x: x * x, 2.0).blame == ""
    assert check_gradients(floor, 2.0).blame == ""


def test_a_wrong_expression_comes_with_its_reproducer():
    class Drawn:
        reproducer = "f = ...\ncheck_gradients(f, 1.0).assert_ok()"

        def __init__(self, f):
            self.f = f

        def __call__(self, x):
            return self.f(x)

    assert str(check_gradients(Drawn(lambda x: x * x.data), 1.0)).endswith(Drawn.reproducer)
    assert check_gradients(Drawn(lambda x: x * x), 1.0).reproducer == ""


# ---------------------------------------------------------------- other methods


@pytest.mark.parametrize("method", ["complex", "forward", "fractions", "mpmath"])
def test_exact_methods_see_what_differences_cannot(method):
    report = check_gradients(lambda x, p: (1e-6 * x + 1e10) - 1e10 + p["a"] * x, 0.25, {"a": 1e-7}, method=method)
    assert report.ok, str(report)
    assert [(row.name, row.gap) for row in report.rows] == [("x", 0.0), ("p['a']", 0.0)]
    assert report.rows[0].tolerance < 1e-19


@pytest.mark.parametrize("method", ["differences", "complex", "fractions", "mpmath"])
def test_a_wrong_slope_is_wrong_by_every_method_that_uses_values(method):
    square = wrong_square(lambda m, y, x: (2 * x * (1 + 1e-9),) if method != "differences" else (2 * x * (1 + 1e-6),))
    report = check_gradients(lambda x: 3 * square(x) + x, 0.75, method=method)
    assert [row.verdict for row in report.rows] == ["wrong"], str(report)
    assert "wrong_square" in report.blame


def test_fractions_must_be_equal_exactly():
    """The wrong slope rounds to the right float, and is wrong all the same."""
    square = wrong_square(lambda m, y, x: (2 * x + x * 2**-60,))
    report = check_gradients(square, 1.0, method="fractions")
    assert report.rows[0].gap == 0.0
    assert report.rows[0].verdict == "wrong"
    assert report.rows[0].reason == f"the slope rules give {Fraction(2) + Fraction(1, 2**60)}, not 2"
    assert report.blame == (
        "every recorded slope is right as far as differences can tell, and they add up to the gradient: the slope\n"
        "rule of an operation is off by less than that"
    )


@pytest.mark.parametrize("method", ["forward", "mpmath"])
def test_second_derivatives_by_exact_methods(method):
    report = check_gradients(lambda x, y: tanh(x * y) * exp(-x), 0.3, 2.0, order=2, method=method)
    assert report.ok, str(report)
    assert [row.order for row in report.rows] == [1, 1, 2, 2, 2, 2]
    assert max(row.gap for row in report.rows) < 1e-14
    square = wrong_square(lambda m, y, x: (m.where(x == x, float(2 * x), 0.0),))
    if method == "mpmath":
        report = check_gradients(square, 0.3, order=2, method=method)
        assert [row.verdict for row in report.rows] == ["ok", "wrong"]


@pytest.mark.parametrize("method", ["complex", "forward", "fractions", "mpmath"])
def test_exact_methods_have_one_side_only_and_say_so_at_kinks(method):
    f = (lambda x: x + maximum(x, x)) if method != "fractions" else (lambda x: x * x + 0 * x.data)
    report = check_gradients(f, 0.0, method=method)
    if method == "fractions":
        assert report.ok  # a polynomial has no kinks
    else:
        assert [row.reason for row in report.rows] == [
            "the point is on a kink; method='differences' looks at both sides of it"
        ]


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


def test_recording_switched_off_by_the_caller_changes_nothing():
    square = wrong_square(lambda m, y, x: (2 * x + 1,))
    for f, x in ((lambda x: x + square(x), 1.5), (lambda x: (x + 1e12) - 1e12, 0.3), (gelu_tanh, -5.5)):
        expected = check_gradients(f, x, order=2)
        with no_grad():
            assert str(check_gradients(f, x, order=2)) == str(expected)
            assert numeric_gradient(f, x) == expected.rows[0].numeric
            curvature = numeric_hessian(f, x)
        assert curvature == numeric_hessian(f, x)
    assert "guilty: wrong_square" in check_gradients(lambda x: x + square(x), 1.5).blame


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


def test_a_tolerance_finer_than_the_differences_is_no_reason_to_call_a_slope_wrong():
    report = check_gradients(lambda x: sin(1e6 * x), 0.7, tolerance=0.0)
    assert report.rows[0].verdict == "inconclusive"
    assert "good to" in report.rows[0].reason


def test_report_reads_as_a_table():
    good = check_gradients(lambda x: 2 * x, 0.5)
    first, heading, row = str(good).splitlines()
    assert first.startswith("gradients agree: 1 derivative, largest gap ")
    assert heading.split() == ["argument", "analytic", "numeric", "gap", "tolerance", "verdict"]
    assert row.split()[:3] + row.split()[-1:] == ["x", "2", "2", "ok"]
    assert good
    assert repr(good) == f"<GradientReport: {first}>"
    good.assert_ok()
    bad = check_gradients(lambda x, y: 2 * x + 3 * float(y), 0.5, 1.0)
    first, heading, *rows = str(bad).splitlines()[:4]
    assert first == "gradients differ: 1 of 2 derivatives; y is 0 analytically and 3 numerically"
    ends = {line.index(end) + len(end) for line, end in zip([heading, *rows], ["analytic", " 2 ", " 0 "], strict=True)}
    assert max(ends) - min(ends) <= 1, "numbers stand below each other"
    assert [row.rpartition("  ")[2] for row in rows] == ["ok", "wrong: gap above tolerance"]
    with pytest.raises(GradientMismatchError) as caught:
        bad.assert_ok()
    assert str(caught.value) == str(bad)
    doubt = check_gradients(lambda x: (1e-6 * x + 1e10) - 1e10, 0.3)
    assert doubt.summary.startswith("gradients in doubt: 1 of 1 derivative; x: ")
    assert "2 derivatives, 1 of them at a kink" in check_gradients(lambda x, y: relu(x) + y, 0.0, 1.0).summary
    with pytest.raises(GradientMismatchError):
        doubt.assert_ok()


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
    with pytest.raises(ParameterError, match="differences, complex, forward, fractions, mpmath, got 'c'"):
        check_gradients(sin, 1.0, method="c")
    for method in ("complex", "fractions"):
        with pytest.raises(ParameterError, match="gives no second derivatives"):
            check_gradients(lambda x: x * x, 1.0, order=2, method=method)
    with pytest.raises(ParameterError, match="nothing to vary"):
        check_gradients(lambda: 1.0)
    with pytest.raises(ParameterError, match="nothing to vary"):
        numeric_gradient(lambda xs: 1.0, [])
    with pytest.raises(NotARealNumberError, match="got 'a'"):
        check_gradients(sin, "a")
    with pytest.raises(ParameterError, match=r"method is one of .*, got \['complex'\]"):
        check_gradients(sin, 1.0, method=["complex"])
    for check in (check_gradients, numeric_gradient, numeric_hessian):
        with pytest.raises(ParameterError, match=r"f is a function .*, got Value\(data=2.0, .*\); write lambda x"):
            check(Value(2.0), 1.0)
    with pytest.raises(GraphError, match="sin is no polynomial"):
        check_gradients(sin, 1.0, method="fractions")


def test_numeric_gradient_has_the_structure_of_the_arguments():
    def f(p, xs):
        return p["a"] * xs[0] + p["b"][0] * xs[1]

    gradient = numeric_gradient(f, {"a": 2.0, "b": (3.0,)}, [4.0, 5.0])
    assert isinstance(gradient, tuple)
    assert gradient[0]["a"] == pytest.approx(4.0)
    assert gradient[0]["b"] == (pytest.approx(5.0),)
    assert gradient[1] == [pytest.approx(2.0), pytest.approx(3.0)]
    assert numeric_gradient(math.sin, 1.0) == pytest.approx(math.cos(1.0), abs=1e-9)


def test_numeric_hessian_uses_values_only():
    assert numeric_hessian(lambda x: math.sin(x), 1.0) == pytest.approx(-math.sin(1.0), abs=1e-7)
    expected = hessian(lambda v: tanh(v[0] * v[1]) + v[1] ** 3)([0.7, -1.3])
    for row, right in zip(numeric_hessian(lambda v: tanh(v[0] * v[1]) + v[1] ** 3, [0.7, -1.3]), expected, strict=True):
        assert row == pytest.approx(right, abs=1e-7)


def test_numeric_hessian_has_the_structure_of_the_arguments():
    table = numeric_hessian(lambda p, y: p["a"] ** 2 * y, {"a": 2.0}, 3.0)
    (by_a, by_y) = table
    assert by_a == {"a": ({"a": pytest.approx(6.0)}, pytest.approx(4.0))}
    assert by_y == ({"a": pytest.approx(4.0)}, pytest.approx(0.0, abs=1e-6))


@given(x=st.floats(-3, 3), y=st.floats(-3, 3))
def test_numeric_hessian_is_right_at_many_points(x, y):
    def f(x, y):
        return sin(x) * exp(y) + x * y * y

    exact = ((-sin(x) * exp(y), math.cos(x) * exp(y) + 2 * y), (math.cos(x) * exp(y) + 2 * y, sin(x) * exp(y) + 2 * x))
    for row, right in zip(numeric_hessian(f, x, y), exact, strict=True):
        assert row == pytest.approx(right, abs=1e-6, rel=1e-7)


# ---------------------------------------------------------------- details that planted mistakes once survived


def test_a_kink_elsewhere_is_no_excuse():
    blame = check_gradients(lambda x, unused: relu(x) * x.data, 3.0, 2.0).blame
    assert blame.startswith("every recorded slope is right and they add up to the gradient: a part of f")


@pytest.mark.parametrize("second", [math.nan, 1.0 + 1e-15])
def test_values_that_differ_at_all_put_every_row_in_doubt(second):
    factor = itertools.cycle([1.0, second])
    report = check_gradients(lambda x, y: x * y * next(factor), 1.0, 2.0, method="forward")
    assert {row.verdict for row in report.rows} == {"inconclusive"}
    assert all(row.reason.endswith(": is it random?") for row in report.rows)


def test_a_function_of_ones_own_has_no_reproducer():
    report = check_gradients(lambda x: x * x.data, 3.0)
    assert (report.having("wrong"), report.reproducer) == (report.rows, "")
    assert str(report).endswith(report.blame)


def test_reports_and_rows_are_frozen():
    report = check_gradients(lambda x: x * x, 3.0)
    for record, name in ((report, "rows"), (report.rows[0], "gap")):
        assert not hasattr(record, "__dict__")
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(record, name, None)


def test_a_report_to_the_letter():
    right = GradientRow("x", 1, 2.0, 2.0, 2.0, 2.0, 0.0, 1e-9, "ok")
    other = replaced(right, name="y", gap=1e-12)
    kink = replaced(right, name="k\n", below=1.0, above=3.0, verdict="subgradient", reason="any slope")
    wrong = replaced(right, name="w", analytic=1 / 3, numeric=0.5, below=0.5, above=0.5, gap=1 / 6, verdict="wrong")
    doubt = replaced(right, name="d", below=math.nan, above=math.nan, verdict="inconclusive", reason="noise")
    assert GradientReport((right,)).summary == "gradients agree: 1 derivative, largest gap 0.0e+00"
    assert GradientReport((right, other)).summary == "gradients agree: 2 derivatives, largest gap 1.0e-12"
    assert GradientReport((kink, other)).summary == (
        "gradients agree: 2 derivatives, 1 of them at a kink, largest gap 1.0e-12"
    )
    assert GradientReport((right, doubt)).summary == "gradients in doubt: 1 of 2 derivatives; d: noise"
    report = GradientReport((right, kink, doubt, wrong), "guilty: it", "f = 1")
    assert str(report).splitlines() == [
        "gradients differ: 1 of 4 derivatives; w is 0.3333333333 analytically and 0.5 numerically",
        "argument      analytic  numeric      gap  tolerance  verdict",
        "x                    2        2  0.0e+00    1.0e-09  ok",
        "k\\n                  2   1 to 3  0.0e+00    1.0e-09  subgradient: any slope",
        "d                    2        2  0.0e+00    1.0e-09  inconclusive: noise",
        "w         0.3333333333      0.5  1.7e-01    1.0e-09  wrong",
        "guilty: it",
        "f = 1",
    ]
    assert repr(report) == f"<GradientReport: {report.summary}>"
    assert not report
    assert (GradientReport((right,)).blame, GradientReport((right,)).reproducer) == ("", "")
    assert [bool(GradientReport((row,))) for row in (right, kink, doubt, wrong)] == [True, True, False, False]


@pytest.mark.parametrize("method", ["forward", "mpmath"])
def test_agreement_at_a_kink_is_no_proof(method):
    report = check_gradients(lambda x, y: relu(x) * 2.0 + y, 0.0, 1.0, method=method)
    assert [row.verdict for row in report.rows] == ["inconclusive", "inconclusive"]
    assert {row.reason for row in report.rows} == {
        "the point is on a kink; method='differences' looks at both sides of it"
    }


def test_rows_of_an_operation_are_named_by_its_operands():
    assert [row.name for row in check_gradients(atan2, 3.0, 4.0).rows] == list(atan2.operands) == ["y", "x"]
    assert check_gradients(total, [3.0, 4.0]).rows[1].name.endswith("[1]")


def test_numeric_hessian_of_large_arguments():
    (xx, xy), (yx, yy) = numeric_hessian(lambda x, y: x * y * y, 1000.0, 3000.0)
    assert xx == pytest.approx(0.0, abs=1e-5)
    assert (xy, yx, yy) == pytest.approx((6000.0, 6000.0, 2000.0), rel=1e-11)


@pytest.mark.parametrize(
    ("f", "off", "right"),
    [
        (lambda x: 3 * x, 0.0, True),
        (lambda x: 3 * x, 3e-10, False),
        (lambda x: 1e8 * x - 1e8 * x, 1e-9, True),
        (lambda x: 1e8 * x - 1e8 * x, 1e-6, False),
    ],
)
def test_a_gradient_adds_up_to_within_rounding(f, off, right, monkeypatch):
    monkeypatch.setattr("autograd_tiny.testing.blame.grad", lambda f: lambda numbers: [grad(f)(numbers)[0] + off])
    problem = Problem(f, (0.5,))
    assert _adds_up(problem, *problem.record()) is right
