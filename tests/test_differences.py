"""The numbers behind the verdicts: steps, extrapolation, error estimates and rounding bounds."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_tiny import Value, dot, exp, sin
from autograd_tiny.testing import numeric_hessian
from autograd_tiny.testing.differences import (
    GOLDEN,
    Estimate,
    NumericSlope,
    extrapolated,
    second_slope,
    slopes_along,
    uncontradicted,
)
from autograd_tiny.testing.rounding import EPS, Bound, depth, path_sums, rounding_error
from autograd_tiny.testing.verdicts import judge


def slope_of(f, x, noise=0.0):
    return slopes_along(lambda t: [f(t)], x, lambda k, offset: noise)[0]


SMOOTH = {
    "sin": (math.sin, math.cos, 0.7),
    "exp": (math.exp, math.exp, 3.0),
    "cube of a large number": (lambda x: x**3, lambda x: 3 * x * x, 1e5),
    "fast": (lambda x: math.sin(1e3 * x), lambda x: 1e3 * math.cos(1e3 * x), 0.3),
    "log of a small number": (lambda x: math.log(x) if x > 0 else math.nan, lambda x: 1 / x, 1e-6),
    "steep": (lambda x: math.tanh(1e6 * x), lambda x: 1e6 / math.cosh(1e6 * x) ** 2, 1e-7),
}


@pytest.mark.parametrize("name", SMOOTH)
def test_the_error_is_within_its_estimate_and_small(name):
    f, derivative, x = SMOOTH[name]
    found = slope_of(f, x, noise=1e-13)
    assert not found.kink
    assert abs(found.value - derivative(x)) <= 4 * found.error
    assert found.error <= 1e-5 * abs(derivative(x))


@given(st.floats(-3, 3), st.floats(0.1, 30))
def test_estimates_hold_at_many_points(x, frequency):
    found = slope_of(lambda t: math.sin(frequency * t) + t * t, x)
    exact = frequency * math.cos(frequency * x) + 2 * x
    assert abs(found.value - exact) <= 4 * found.error + 1e-13 * frequency
    assert found.error <= 1e-6 * (1 + abs(exact))


def test_noise_that_is_told_widens_the_error():
    quiet, noisy = slope_of(math.sin, 0.7), slope_of(math.sin, 0.7, noise=1e-6)
    assert quiet.error < 1e-12 < 1e-6 < noisy.error < 1e-3
    assert abs(noisy.value - math.cos(0.7)) <= noisy.error


def test_details_smaller_than_the_first_steps_are_seen():
    assert slope_of(lambda t: 1 + t if abs(t) < 1e-5 else 1.0, 0.0).value == pytest.approx(1.0, abs=1e-6)
    assert slope_of(lambda t: 1e-3 + t if abs(t - 1e-8) < 1e-9 else 1e-3, 1e-8).value == pytest.approx(1.0, abs=1e-6)


def test_an_accidental_agreement_is_contradicted_by_finer_steps():
    """Quotients that agree at coarse steps and not at fine ones leave a large error."""
    agreeing = [Estimate(3.0, 0.0)] * 3 + [Estimate(2.0, 0.0), Estimate(1.0, 0.0), Estimate(7.0, 0.0)]
    limit = extrapolated(agreeing, 2)
    assert limit.error >= 0.5
    assert extrapolated([Estimate(3.0, 0.0)] * 3 + [Estimate(7.0, 0.0)] * 3, 2) == Estimate(7.0, 0.0)
    assert uncontradicted([Estimate(3.0, 0.0), Estimate(7.0, 3.0)]) == Estimate(3.0, 1.0)
    steady = extrapolated([Estimate(3.0, 0.0)] * 6, 2)
    assert (steady.value, steady.error) == (3.0, 0.0)


def test_extrapolation_uses_the_power_of_the_error():
    steps = [0.1 / GOLDEN**level for level in range(6)]
    even = extrapolated([Estimate(5.0 + h * h - 3 * h**4, 0.0) for h in steps], 2)
    assert even.value == pytest.approx(5.0, abs=1e-13)
    odd = extrapolated([Estimate(5.0 + h - 3 * h**2, 0.0) for h in steps], 1)
    assert odd.value == pytest.approx(5.0, abs=1e-13)
    assert extrapolated([Estimate(5.0 + h, 0.0) for h in steps], 2).error > 1e-5


@pytest.mark.parametrize(
    ("f", "x", "below", "above"),
    [
        (abs, 0.0, -1.0, 1.0),
        (lambda t: max(t - 2.0, 0.0), 2.0, 0.0, 1.0),
        (lambda t: abs(t) + 5 * t, 0.0, 4.0, 6.0),
        (lambda t: max(t, t * t), 0.0, 0.0, 1.0),
        (math.floor, 3.0, math.inf, 0.0),
        (lambda t: math.copysign(abs(t) ** 0.5, t), 0.0, math.inf, math.inf),
        (lambda t: abs(t) ** 0.5, 0.0, -math.inf, math.inf),
    ],
)
def test_slopes_on_both_sides(f, x, below, above):
    found = slope_of(f, x)
    assert (found.below, found.above) == (pytest.approx(below, abs=1e-9), pytest.approx(above, abs=1e-9))
    assert found.kink == (below != above)


def test_a_kink_beside_the_point_is_not_one_at_it():
    for distance in (1e-2, 1e-5, 1e-8, -1e-8, -1e-5):
        found = slope_of(lambda t, distance=distance: abs(t - 1 + distance), 1.0)
        assert not found.kink
        assert found.value == pytest.approx(math.copysign(1.0, distance), abs=1e-4)


def test_a_slope_that_grows_over_a_few_steps_only_is_no_jump():
    found = slope_of(lambda t: math.hypot(0.125, t), 0.001, noise=1e-16)
    assert not found.kink
    assert found.value == pytest.approx(0.001 / math.hypot(0.125, 0.001))


def test_at_the_end_of_a_domain_the_side_inside_counts():
    found = slope_of(lambda t: t * t if t >= 1.0 else math.nan, 1.0)
    assert found.value == pytest.approx(2.0, abs=1e-8)
    assert not found.kink


def test_where_f_is_not_finite_nothing_is_known():
    for f in (lambda t: math.nan, lambda t: 1 / t if t else math.inf):
        found = slope_of(f, 0.0)
        assert math.isnan(found.value)
        assert found.error == math.inf


def test_second_slopes():
    found = second_slope(lambda h: Estimate((math.exp(h) - 2.0 + math.exp(-h)) / h**2, 4e-16 / h**2))
    assert abs(found.value - 1.0) <= found.error < 1e-9
    assert numeric_hessian(lambda x: 1e6 + x * x, 1.0) == pytest.approx(2.0, abs=1e-6)
    assert numeric_hessian(lambda x, y: 1e6 + exp(x) * sin(y), 0.3, 0.2)[0][1] == pytest.approx(
        math.exp(0.3) * math.cos(0.2), abs=1e-5
    )


# ---------------------------------------------------------------- rounding


def test_rounding_errors_by_hand():
    x, y = Value(2.0), Value(-3.0)
    assert rounding_error(x) == 0.0
    assert rounding_error(x * y) == EPS * (6 + 6 + 6)
    assert rounding_error(10 * (x + y)) == pytest.approx(EPS * (10 * (1 + 2 + 3) + 10 + 10 + 10))
    assert rounding_error(x / y) == pytest.approx(EPS * 3 * (2 / 3))


@given(st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=30))
def test_the_bound_holds_for_sums_of_products(xs):
    exact = math.fsum(x * x for x in xs)
    root = dot([Value(x) for x in xs], xs)
    assert abs(root.data - exact) <= len(xs) * rounding_error(root)
    total = Value(0.0)
    for x in xs:
        total = total + x
    assert abs(total.data - math.fsum(xs)) <= rounding_error(total)


def test_path_sums_count_every_path_without_its_sign():
    x, y = Value(3.0), Value(-2.0)
    root = x * x - 6 * x + x * y
    assert path_sums(root, [x, y, Value(1.0)]) == [6 + 6 + 2, 3, 0]
    assert depth(root) == 3
    assert depth(x) == 0


def test_a_bound_grows_beside_the_point_with_depth_and_paths():
    x = Value(3.0)
    bound = Bound(x * x, [x])
    assert bound.of_slope(0) == 1 * EPS * 6
    assert bound.at(0, 0.0) == bound.here == EPS * 27
    assert bound.at(0, -0.5) == bound.here + 0.5 * bound.of_slope(0)
    assert Bound(Value(0.0, "z").sqrt(), []).here == 0.0, "an infinite slope leaves no bound"


# ---------------------------------------------------------------- verdicts


def verdict(analytic, value, error=0.0, rounding=0.0, tolerance=None, size=0.0, sides=None):
    below, above = sides or (value, value)
    numeric = NumericSlope(value, error, below, above, size, kink=sides is not None)
    return judge("x", 1, analytic, numeric, rounding, tolerance).verdict


def test_verdicts_weigh_the_gap_against_both_errors():
    assert verdict(1.0, 1.0) == "ok"
    assert verdict(1.0 + 1e-9, 1.0) == "wrong"
    assert verdict(1.0 + 1e-9, 1.0, error=1e-9) == "ok"
    assert verdict(1.0 + 1e-9, 1.0, rounding=1e-8) == "ok"
    assert verdict(1.0 + 1e-7, 1.0, error=1e-9) == "wrong"


def test_what_hides_the_derivative_is_inconclusive():
    assert verdict(1.0, 1.0, error=1e-4) == "ok"
    assert verdict(1.0, 1.0, error=1e-3) == "inconclusive", "a tolerance above a thousandth of the derivative"
    assert verdict(2.0, 1.0, error=1e-3) == "wrong", "unless the gap is far beyond it"
    assert verdict(2.0, 1.0, error=0.1) == "inconclusive", "and the numeric slope is one"
    assert verdict(0.0, 0.0, error=1e-11) == "inconclusive"
    assert verdict(0.0, 0.0, error=1e-11, size=1.0) == "ok", "rounding of an f of ordinary size"
    assert verdict(0.0, 0.0, error=1e-11, rounding=1e-13) == "ok", "rounding of large terms"
    assert verdict(0.0, 1e-6, error=1e-9) == "wrong"
    assert verdict(1.0, math.nan, error=math.inf) == "inconclusive"


def test_verdicts_at_kinks():
    assert verdict(0.3, 0.5, sides=(0.0, 1.0)) == "subgradient"
    assert verdict(1.1, 0.5, sides=(0.0, 1.0)) == "wrong"
    assert verdict(-0.1, 0.5, sides=(1.0, 0.0)) == "wrong"
    assert verdict(math.nan, 0.5, sides=(0.0, 1.0)) == "wrong"
    assert verdict(0.0, math.inf, sides=(0.0, math.inf)) == "inconclusive"


def test_a_tolerance_of_the_user_counts_as_a_fraction_above_one():
    assert verdict(100.0, 101.0, tolerance=0.01) == "ok"
    assert verdict(0.1, 0.105, tolerance=0.01) == "ok"
    assert verdict(0.1, 0.115, tolerance=0.01) == "wrong"
    assert verdict(1.0, 1.5, error=0.1, tolerance=0.6) == "inconclusive", "an unknown slope agrees with nothing"
    assert verdict(1.0, 1.001, error=1e-3, tolerance=1e-6) == "inconclusive", "finer than the numbers"
