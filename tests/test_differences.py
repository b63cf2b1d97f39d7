"""The numbers behind the verdicts: steps, extrapolation, error estimates and rounding bounds."""

import dataclasses
import math
import sys
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_tiny import Value, dot, exp, forget, primitive, relu, sin
from autograd_tiny.testing import differences, numeric, numeric_gradient, numeric_hessian
from autograd_tiny.testing.differences import (
    GOLDEN,
    LEVELS,
    Estimate,
    NumericSlope,
    extrapolated,
    scale_of,
    second_slope,
    slopes_along,
    uncontradicted,
)
from autograd_tiny.testing.problem import Problem
from autograd_tiny.testing.report import GradientRow
from autograd_tiny.testing.rounding import EPS, Bound, depth, path_sums, rounding_error
from autograd_tiny.testing.verdicts import by_differences, judge


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
        assert found.size == 0.0


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


# ---------------------------------------------------------------- details that planted mistakes once survived


def no_noise(k, offset):
    return 0.0


@pytest.fixture
def told_noise(monkeypatch):
    """Leave only the noise that the caller tells, so that edges can be met exactly."""
    monkeypatch.setattr(differences, "_noise", lambda k, offset, f, rounding: rounding(k, offset))


def rung(below=(0.0, 0.0), above=(0.0, 0.0), central=(0.0, 0.0), step=1.0, size=1.0, growth=(0.0, 0.0)):
    sides = dict(zip(("below", "above"), growth, strict=True))
    return differences._Rung(step, size, Estimate(*central), Estimate(*below), Estimate(*above), sides)


LADDER = [2.0**power for power in (-4, -9, -14, -19, -24, -29, -34, -39, -44, 3)]


def test_the_ladder_of_steps_scales_with_x_and_goes_on_near_zero():
    assert list(differences._steps(0.0)) == list(differences._steps(1.5)) == LADDER
    assert list(differences._steps(-5.0)) == [4 * step for step in LADDER]
    assert list(differences._steps(2.0**-8)) == LADDER
    for x in (2.0**-9, -1.5 * 2.0**-9):
        near = [2.0**-9 * 2.0**power for power in (-2, -7, -12, -17, -22, -27, -32, -37)]
        assert list(differences._steps(x)) == [*LADDER, *near]
    assert pytest.approx(1 + 1 / GOLDEN) == GOLDEN
    assert range(6) == LEVELS


def test_scales_are_powers_of_two():
    assert [scale_of(x) for x in (0.0, -1.0, 1.5, 2.0, -3.0, 4.0, 1000.0)] == [1.0, 1.0, 1.0, 2.0, 2.0, 4.0, 512.0]


def test_the_steps_of_second_slopes():
    steps = []
    second_slope(lambda h: steps.append(h) or Estimate(1.0, 0.0))
    assert steps == [2.0**power / GOLDEN**level for power in (0, -3, -6, -9) for level in range(6)]


def test_samples_stop_where_a_step_is_lost():
    def samples(x, step, levels=range(6)):
        return differences._samples(lambda t: [t], x, step, levels)

    assert samples(1.0, 0.5, [0]) == [(0.5, 0.5, [1.5], [0.5])]
    assert [up for up, *_ in samples(0.0, 1.0)] == [1 / GOLDEN**level for level in range(6)]
    assert len(samples(1.0, 2.0**-50)) == 5
    assert samples(1.0, 2.0**-53) == samples(-1.0, 2.0**-53) == [], "lost on one side"
    assert samples(0.0, 1e308, [0]) == [], "too far for a difference"


def test_a_smooth_function_is_settled_by_one_rung_and_a_glance():
    points = []
    slopes_along(lambda t: points.append(t) or [3 * t, t], 0.5, no_noise)
    assert len(points) == 1 + 12 + 2


def test_when_a_rung_has_settled():
    limit, doubt = 1e-9 * 3.0, 1e-4 * 3.0
    assert rung(central=(1.0, limit), below=(1.0, doubt / 2), above=(1.0, doubt / 2), size=2.0).settled is True
    assert not rung(central=(1.0, math.nextafter(limit, 1.0)), below=(1.0, 0.0), above=(1.0, 0.0), size=2.0).settled
    assert not rung(central=(1.0, 0.0), below=(1.0, 0.0), above=(1.0, math.nextafter(doubt, 1.0)), size=2.0).settled
    assert not rung(central=(1.0, 0.0), below=(0.0, 0.0), above=(2.0, 0.0), size=2.0).settled, "a kink"
    assert rung(central=(0.5, 2e-10), size=0.1).settled is True
    assert not rung(central=(0.5, 1e-9), size=0.1).settled, "small functions have small errors"


def test_the_glance_is_at_one_fine_step():
    def points(x):
        seen = []
        differences._surprise(lambda t: seen.append(t) or [0.0], x, [[rung()]], no_noise)
        return seen

    assert points(0.0) == [2.0**-18, -(2.0**-18)]
    assert points(3.0) == [3.0 + 2.0**-17, 3.0 - 2.0**-17]
    assert points(2.0**-15) == [2.0**-15 + 2.0**-19, 2.0**-15 - 2.0**-19]
    assert points(-(2.0**-15)) == [2.0**-19 - 2.0**-15, -(2.0**-19) - 2.0**-15]


@pytest.mark.usefixtures("told_noise")
def test_a_surprise_is_a_gap_beyond_its_noise():
    def surprise(found, slope, size=4.0, noise=0.0):
        rungs = [rung(central=(9.0, 0.0), size=size), rung(central=(slope, 0.0), size=77.0)]
        return differences._surprise(lambda t: [found * t], 0.0, [rungs], lambda k, offset: noise * offset)

    edge = 1e-4 * 4.0
    assert surprise(edge, 0.0) is False
    assert surprise(math.nextafter(edge, 1.0), 0.0) is True
    assert surprise(4.5e-4, 0.0, noise=1e-4) is False
    assert surprise(5.5e-4, 0.0, noise=1e-4) is True
    assert surprise(-2.0, -2.0) is False
    assert surprise(-1.9991, -2.0) is True
    assert surprise(-1.9995, -2.0) is False


@pytest.mark.usefixtures("told_noise")
def test_what_a_rung_makes_of_its_samples(monkeypatch):
    seen = []
    limits = iter([Estimate(5.0, 0.5), Estimate(1.0, 0.25), Estimate(2.0, 0.125)] * 2)
    monkeypatch.setattr(
        differences, "extrapolated", lambda quotients, power: seen.append((quotients, power)) or next(limits)
    )
    samples = [(0.5, 0.25, 3.0, -1.0), (0.25, 0.125, math.inf, 0.5)]
    found = differences._rung(0.5, 4.0, 1.0, samples, 3, lambda k, offset: k + offset)
    central, below, above = seen
    assert central == ([Estimate(4 / 0.75, 6.75 / 0.75), Estimate(math.inf, 6.375 / 0.375)], 2)
    assert below == ([Estimate(8.0, 6.25 / 0.25), Estimate(4.0, 6.125 / 0.125)], 1)
    assert above == ([Estimate(4.0, 6.5 / 0.5), Estimate(math.inf, 6.25 / 0.25)], 1)
    assert (found.step, found.size) == (0.5, 0.75), "the largest finite |f| over the scale"
    assert found.central == Estimate(5.0, 3.5 - 0.375), "the sides contradict"
    assert (found.below, found.above) == (Estimate(1.0, 0.25), Estimate(2.0, 0.125))
    assert found.growth == {"below": 0.5, "above": 0.0}
    assert differences._rung(0.5, 1.0, 0.0, [(1.0, 1.0, 0.25, -0.5)], 0, no_noise).size == 0.5


def test_agreeing_sides_leave_the_central_error(monkeypatch):
    limits = iter([Estimate(1.5, 0.5), Estimate(1.0, 0.25), Estimate(2.0, 0.125)])
    monkeypatch.setattr(differences, "extrapolated", lambda quotients, power: next(limits))
    assert differences._rung(0.5, 1.0, 0.0, [], 0, no_noise).central == Estimate(1.5, 0.5)


def test_noise_has_three_parts():
    assert differences._noise(0, 0.0, 0.0, no_noise) == sys.float_info.min
    assert differences._noise(0, 0.0, -3.0, no_noise) == 3 * EPS
    assert differences._noise(2, 0.5, 0.0, lambda k, offset: 10.0 * k + offset) == 20.5


def test_rounding_is_carried_through_the_extrapolation():
    pair = [Estimate(3.0, 0.5), Estimate(3.0, 0.25)]
    for power, weight in ((1, GOLDEN), (2, GOLDEN**2)):
        limit = extrapolated(pair, power)
        assert limit.value == 3.0
        assert limit.error == pytest.approx((weight / 4 + 1 / 2) / (weight - 1))


def test_of_equal_errors_the_lower_order_and_the_finer_step_win(monkeypatch):
    monkeypatch.setattr(differences, "GOLDEN", 2.0)
    three = [Estimate(-3.5, 0.0), Estimate(0.0, 0.0), Estimate(1.0, 0.0)]
    assert extrapolated(three, 1) == Estimate(2.0, 2.0), "the next order gives 1.5 with the same error"
    assert uncontradicted([Estimate(3.0, 1.0), Estimate(3.5, 1.0)]) == Estimate(3.5, 1.0)


def test_unknown_estimates_contradict_nothing():
    unknown = Estimate(math.nan, math.inf)
    assert uncontradicted([unknown, Estimate(3.0, 0.0), Estimate(7.0, 3.0), unknown]) == Estimate(3.0, 1.0)
    assert uncontradicted([Estimate(-3.0, 0.0), Estimate(7.0, 3.0)]) == Estimate(7.0, 3.0)
    assert uncontradicted([unknown]).error == math.inf


@pytest.mark.parametrize(
    ("quotients", "growth"),
    [
        ([1.0, 2.0, 3.0], 1.5),
        ([-1.0, -2.0, 3.0], -1.5),
        ([0.0, 1.0, 2.0], 0.0),
        ([1.0, 2.0, math.inf], 0.0),
        ([math.inf, 2.0, 6.0], 0.0),
        ([math.nan, 2.0, 6.0], 0.0),
        ([5.0], 0.0),
        ([], 0.0),
    ],
)
def test_growth_is_the_smallest_factor(quotients, growth):
    assert differences._growth([Estimate(number, 0.0) for number in quotients]) == growth


def test_sides_differ_when_the_jump_is_much_more_than_the_errors(monkeypatch):
    def differ(below, above, error=0.0):
        return differences._differ(Estimate(below, error), Estimate(above, error))

    assert not differ(1.0, 6.0, 0.25)
    assert differ(1.0, 6.0, 0.24)
    assert differ(1.0, 1.0 + 1.01e-6)
    assert not differ(1.0, 1.0 + 0.99e-6)
    assert differ(0.1, 0.1 + 1.01e-7)
    assert differ(100.0, 100.0 + 1.01e-4)
    assert not differ(-100.0, -100.0 + 0.99e-4)
    monkeypatch.setattr(differences, "KINK", 0.5)
    assert not differ(1.0, 2.0)
    assert not differ(-2.0, -1.0)


def test_a_kink_has_the_mean_slope_and_both_errors():
    found = differences._chosen([rung(below=(1.0, 0.03125), above=(4.0, 0.0625), central=(2.0, 0.5), size=3.0)])
    assert found == NumericSlope(2.5, 0.09375, 1.0, 4.0, 3.0, kink=True)


def test_the_spread_is_that_of_the_steps_that_tell_something():
    steps = {4.0: (3.0, 0.5), 2.0: (2.0, 0.25), 1.0: (9.0, math.inf)}  # the finest has stepped out of the domain
    rungs = [rung(step=step, below=told, above=told, central=told) for step, told in steps.items()]
    assert differences._chosen(rungs).spread == (2.0, 3.0)


def test_quotients_must_grow_over_the_finer_half_of_the_rungs():
    def steep(*growths, below=None):
        below = below or [2.0] * len(growths)
        rungs = [
            rung(below=(slope, 0.5), above=(3.0, 0.5), growth=(growth, 0.0))
            for slope, growth in zip(below, growths, strict=True)
        ]
        return differences._steep(rungs, 7.0)

    assert steep(0.0, 0.0, 1.06, 1.06) == NumericSlope(math.inf, 0.0, math.inf, 3.0, 7.0, kink=True)
    assert steep(2.0, 2.0, 1.05, 1.06) is None
    assert steep(2.0, 2.0, 0.0, 2.0) is None
    assert steep(2.0, 2.0, 2.0, 0.0) is None
    assert steep(2.0) is None
    assert steep(2.0, 2.0, 2.0, 0.0, 2.0) is None
    assert steep(0.0, 0.0, 0.0, 2.0, 2.0) is not None
    assert steep(0.0, 0.0, 0.0, 2.0, 2.0, 2.0, below=[1, 1, 1, 1, 1, -1]).below == -math.inf, "the sign is the last one"


def test_a_steep_side_alone_stands_for_both():
    unknown = (math.nan, math.inf)
    found = differences._steep([rung(below=(-2.0, 0.0), above=unknown, growth=(2.0, 0.0))] * 2, 1.0)
    assert found == NumericSlope(-math.inf, 0.0, -math.inf, -math.inf, 1.0, kink=False)
    found = differences._steep([rung(below=unknown, above=(2.0, 0.0), growth=(0.0, 2.0))] * 2, 1.0)
    assert found == NumericSlope(math.inf, 0.0, math.inf, math.inf, 1.0, kink=False)
    assert math.isnan(slope_of(lambda t: abs(t) ** 0.5, 0.0).value), "a cusp has no mean"


def test_second_quotients_to_the_last_bit():
    moved = []

    def value(moves):
        moved.append(moves)
        return (4.0 + moves.get(0, 0.0)) ** 2 * (16.0 + moves.get(1, 0.0))

    bound = SimpleNamespace(at=lambda i, offset: 10.0 * i + offset)
    mixed = numeric._second_quotient(value, value({}), [4.0, 16.0], 0, 1, bound)(0.5)
    assert mixed == Estimate(8.0, 4 * (2.0 + 18.0) / (4 * 2 * 8))
    assert sorted(moves[0] for moves in moved[1:]) == [-2.0, -2.0, 2.0, 2.0]
    assert sorted(moves[1] for moves in moved[1:]) == [-8.0, -8.0, 8.0, 8.0]
    assert numeric._second_quotient(value, value({}), [4.0, 16.0], 0, 0, bound)(0.5) == Estimate(32.0, 4 * 4.0 / 4)
    other = numeric._second_quotient(value, value({}), [4.0, 16.0], 1, 1, bound)(0.5)
    assert other == Estimate(0.0, 4 * 36.0 / 64)


def test_errors_arrive_over_every_path():
    x, y = Value(2.0), Value(-3.0)
    z = x * y
    assert rounding_error(z + z * 3) == EPS * (4 * (6 + 6 + 6) + (18 + 18 + 18) + (24 + 6 + 18))


def test_an_operation_made_of_others_may_cancel_inside():
    @primitive(slopes=lambda m, y, x: (1.0,))
    def cancelling(m, x):
        """x, with its digits lost."""
        return (x + 1e10) - 1e10

    @primitive(slopes=lambda m, y, x: (1.0,))
    def unchanged(m, x):
        """x itself."""
        return x

    for op in (cancelling, unchanged):
        forget(op)
    x = Value(1.0)
    assert rounding_error(cancelling(x)) == rounding_error((x + 1e10) - 1e10) > 1e-6
    assert rounding_error(unchanged(Value(2.0))) == EPS * (2 + 2)


def test_path_sums_multiply_along_a_path_and_end_at_a_variable():
    x = Value(3.0)
    y = x * 2
    assert path_sums(y * -5, [x]) == [10.0]
    assert path_sums(y * -5, [x, y]) == [0.0, 5.0]


def test_an_infinite_slope_bounds_nothing():
    zero = Value(0.0, "z")
    assert Bound(zero.sqrt(), [zero]).of_slope(0) == 0.0


def row_of(analytic, value, error=0.0, sides=None, tolerance=None):
    below, above = sides or (value, value)
    numeric = NumericSlope(value, error, below, above, 0.0, sides is not None, spread=(0.5, 2.0))
    return judge("x", 1, analytic, numeric, 0.0, tolerance)


def test_the_reasons_of_verdicts():
    jump = "the function jumps here: it has no derivative"
    no_number = "no difference quotient here is a number"
    unknown = "different steps give slopes from 0.5 to 2: cancellation, or a kink or jump nearby"
    for row, verdict, reason in (
        (row_of(1.0, 1.0), "ok", ""),
        (row_of(1.5, 1.0), "wrong", "gap above tolerance"),
        (row_of(1.5, 0.5, sides=(0.0, 1.0)), "wrong", "not between the slopes on both sides"),
        (row_of(0.25, 0.5, sides=(1.0, 0.0)), "subgradient", "any slope from 0 to 1"),
        (row_of(math.nan, 1.0), "wrong", "analytic is nan"),
        (row_of(1.0, 1.0, math.inf), "inconclusive", no_number),
        (row_of(1.0, math.nan, 0.0), "inconclusive", no_number),
        (row_of(1.0, 0.0, sides=(-math.inf, math.inf)), "inconclusive", jump),
        (row_of(1.0, -math.inf, sides=(-math.inf, 2.0)), "inconclusive", jump),
        (row_of(1.0, 1.0, 0.011), "inconclusive", unknown),
        (row_of(1.0, 1.0, 0.01), "inconclusive", "the numeric side is good to 1.0e-01 only"),
        (row_of(1.5, 1.0, 0.01, tolerance=0.1), "wrong", "gap above tolerance"),
    ):
        assert (row.verdict, row.reason) == (verdict, reason)


def test_the_spread_is_that_of_all_steps():
    found = slope_of(lambda t: math.fmod(t, 1e-9), 0.7, noise=1e-16)
    low, high = found.spread
    assert low <= found.value <= high
    assert high - low > 0.1
    steady = slope_of(math.sin, 0.3, noise=1e-16).spread
    assert steady[0] <= math.cos(0.3) + 1e-9
    assert steady[1] - steady[0] < 1e-9


def test_infinite_slopes_agree_or_are_wrong():
    row = row_of(math.inf, math.inf)
    assert (row.verdict, row.gap) == ("ok", 0.0)
    assert row_of(math.inf, -math.inf).verdict == "wrong"
    assert row_of(math.inf, 1.0, tolerance=0.1).verdict == "wrong"
    assert row_of(1.0, math.inf, tolerance=0.1).verdict == "wrong"


def test_verdicts_at_the_edges_of_what_is_known():
    assert verdict(2.0, 1.0, error=0.01) == "wrong"
    assert verdict(2.0, 1.0, error=0.0101) == "inconclusive"
    assert verdict(0.0, 0.0, error=1e-12) == "ok"
    assert verdict(0.0, 0.0, error=1.5e-12) == "inconclusive"
    assert verdict(0.0, 0.0, error=1e-10, size=1.0) == "ok"
    assert verdict(0.0, 0.0, error=1.1e-10, size=1.0) == "inconclusive"
    assert verdict(0.0, 0.0, rounding=1.1e-11) == "ok"


def test_the_gap_at_a_kink_is_the_distance_from_both_slopes():
    assert row_of(1.5, 0.5, sides=(1.0, 0.0)).gap == 0.5
    assert row_of(-0.25, 0.5, sides=(0.0, 1.0)).gap == 0.25
    assert row_of(0.75, 0.5, sides=(0.0, 1.0)).gap == 0.0
    assert row_of(1.5, 1.25).gap == row_of(1.0, 1.25).gap == 0.25


def test_there_is_no_second_derivative_at_a_kink():
    rows = by_differences(Problem(lambda x, y: relu(x) * y * y, (0.0, 3.0)), 2, None)
    assert [(row.name, row.order, row.verdict) for row in rows] == [
        ("x", 1, "subgradient"),
        ("y", 1, "ok"),
        ("x, x", 2, "subgradient"),
        ("x, y", 2, "subgradient"),
        ("y, x", 2, "subgradient"),
        ("y, y", 2, "ok"),
    ]
    assert repr(rows[2]) == repr(
        GradientRow(
            "x, x", 2, 0.0, math.nan, math.nan, math.nan, 0.0, math.inf, "subgradient", "no second derivative at a kink"
        )
    )
    assert len(by_differences(Problem(lambda x, y: x * y, (0.5, 3.0)), 1, None)) == 2


def test_second_derivatives_are_judged_with_the_bound_of_the_gradient():
    """A slope rule with a large constant inside loses digits, and that is no mistake."""
    rows = by_differences(Problem(lambda x: x * ((x + 1e6) - 1e6), (0.3,)), 2, None)
    assert [row.verdict for row in rows] == ["ok", "ok"]
    assert rows[1].tolerance > 1e-11


def test_numeric_gradients_move_one_number_at_a_time():
    found = numeric_gradient(lambda x, y, z: x * y * z, 2.0, 3.0, 5.0)
    assert found == (pytest.approx(15.0), pytest.approx(10.0), pytest.approx(6.0))


@pytest.mark.parametrize(
    "record", [Estimate(1.0, 0.0), row_of(1.0, 1.0), NumericSlope(1.0, 0.0, 1.0, 1.0, 1.0), rung()]
)
def test_records_are_frozen_and_small(record):
    name = dataclasses.fields(record)[0].name
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(record, name, None)
    assert not hasattr(record, "__dict__")
