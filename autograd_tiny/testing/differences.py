"""Numeric slopes: difference quotients over a ladder of steps, extrapolated to step 0, each with an error estimate.

A difference quotient has a truncation error that falls with its step and a rounding error that grows as the step
shrinks, so no single step is right for every function. Here a rung of the ladder is six steps with the golden ratio
between them: the most irrational of ratios, so that no period in f can look like smoothness at several steps. Neville's
scheme extrapolates them to step 0, and Ridders' rule tells how far to believe the outcome: by how much two orders of it
differ (Ridders 1982, "Accurate computation of F'(x) and F'(x) F''(x)"; Press et al., *Numerical Recipes*, 3rd ed.,
section 5.7). The same samples give the slope on either side, which tells a kink from a smooth place. Rungs follow until
one has settled.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from .rounding import EPS

GOLDEN = (1 + 5**0.5) / 2
LEVELS = range(6)
RUNGS = (-4, -9, -14, -19, -24, -29, -34, -39, -44, 3)
"""Largest steps of the rungs, as powers of 2 times max(1, |x|); the last is for functions with much noise."""
NEAR_ZERO = (-2, -7, -12, -17, -22, -27, -32, -37)
"""Further rungs, as powers of 2 times |x|, for an x near 0: a kink or the end of a domain may be as near."""
SECOND_RUNGS = (0, -3, -6, -9)
"""The same for second derivatives from values: rounding errors grow with 1 / h^2, so steps stay large."""
SETTLED = 1e-9
"""Relative error at which no further rung is tried."""
GLANCE = 2.0**-18
"""Step, times max(1, |x|), at which a settled slope is looked at once more, ..."""
SURPRISE = 1e-4
"""... and the relative gap that means that it has not settled."""
KINK = 1e-6
"""Smallest relative jump of the slope that is called a kink."""
GROWTH = 1.05
"""Quotients that grow by this factor from step to step, however small the steps, have no finite limit."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number and how wrong it may be; an error of inf where nothing is known."""

    value: float
    error: float


NOTHING_KNOWN = Estimate(math.nan, math.inf)


@dataclass(frozen=True, slots=True)
class NumericSlope:
    """The slope of a function at a point, from values alone.

    Attributes:
        value: the slope; at a kink the mean of both sides, at the end of a domain that of the side inside.
        error: an estimate of its error, rounding included.
        below, above: the slopes on either side; equal to ``value`` where the function is smooth.
        size: the largest |f| found within 1/16 of max(1, |x|), over max(1, |x|): a slope of ordinary size.
        kink: whether the slopes on both sides differ.
        spread: the smallest and the largest slope that steps of different sizes gave.
    """

    value: float
    error: float
    below: float
    above: float
    size: float
    kink: bool = False
    spread: tuple[float, float] = (math.nan, math.nan)


UNKNOWN = NumericSlope(math.nan, math.inf, math.nan, math.nan, 0.0)


@dataclass(frozen=True, slots=True)
class _Rung:
    """What one rung says about one function."""

    step: float
    size: float  # the largest |f|, over the scale of x
    central: Estimate
    below: Estimate
    above: Estimate
    growth: dict[str, float]  # by side, the smallest factor between successive quotients

    @property
    def settled(self) -> bool:
        scale = abs(self.central.value) + self.size
        doubt = self.below.error + self.above.error
        # At a cusp central quotients are 0 at every step: the sides must have settled somewhat, too.
        return (
            self.central.error <= SETTLED * scale and doubt <= SURPRISE * scale and not _differ(self.below, self.above)
        )


def slopes_along(
    function: Callable[[float], Sequence[float]], x: float, rounding: Callable[[int, float], float]
) -> list[NumericSlope]:
    """Return the slope at ``x`` of each result of ``function``, a function of one number with a list as its result.

    Args:
        function: called at x and, for each rung, at up to 12 points around it.
        x: the point.
        rounding: ``(k, offset)`` to a bound on the rounding error of result k at x + offset.

    >>> (slope,) = slopes_along(lambda x: [x**3], 2.0, lambda k, offset: 1e-15)
    >>> abs(slope.value - 12.0) < slope.error < 1e-11
    True
    >>> (slope,) = slopes_along(lambda x: [abs(x)], 0.0, lambda k, offset: 0.0)
    >>> slope.kink, slope.below, slope.above
    (True, -1.0, 1.0)
    """
    middle = function(x)
    scale = scale_of(x)
    rungs: list[list[_Rung]] = [[] for _ in middle]
    for step in _steps(x):
        samples = _samples(function, x, step, LEVELS)
        for k, (value, found) in enumerate(zip(middle, rungs, strict=True)):
            mine = [(up, down, above[k], below[k]) for up, down, above, below in samples]
            found.append(_rung(step, scale, value, mine, k, rounding))
        if all(found[-1].settled for found in rungs) and not _surprise(function, x, rungs, rounding):
            break
    return [_chosen(found) if math.isfinite(value) else UNKNOWN for value, found in zip(middle, rungs, strict=True)]


def second_slope(quotient: Callable[[float], Estimate]) -> Estimate:
    """Return the limit of a second difference quotient, whose error is even in the step.

    Args:
        quotient: the quotient for a step, with its rounding error.

    >>> second_slope(lambda h: Estimate((math.cosh(h) - 2.0 + math.cosh(-h)) / h**2, 4e-16 / h**2)).error < 1e-9
    True
    """
    rungs = [[quotient(2.0**power / GOLDEN**level) for level in LEVELS] for power in SECOND_RUNGS]
    return min([extrapolated(rung, 2) for rung in rungs], key=lambda estimate: estimate.error)


def scale_of(x: float) -> float:
    """Return max(1, |x|) rounded down to a power of two, which keeps x + h exact for more x."""
    return 2.0 ** (math.frexp(max(1.0, abs(x)))[1] - 1)


def _steps(x: float) -> Iterable[float]:
    scale = scale_of(x)
    yield from (scale * 2.0**power for power in RUNGS)
    if 0.0 < abs(x) < 2.0**-8:
        near = 2.0 ** math.frexp(x)[1] / 2
        yield from (near * 2.0**power for power in NEAR_ZERO)


_Sample = tuple[float, float, Sequence[float], Sequence[float]]
"""How far above and below x, and the values there."""


def _samples(
    function: Callable[[float], Sequence[float]], x: float, step: float, levels: Iterable[int]
) -> list[_Sample]:
    samples = []
    for level in levels:
        high, low = x + step / GOLDEN**level, x - step / GOLDEN**level
        if high == x or low == x or math.isinf(high - low):
            break
        samples.append((high - x, x - low, function(high), function(low)))  # as far as x + h is, after rounding
    return samples


def _surprise(
    function: Callable[[float], Sequence[float]],
    x: float,
    rungs: list[list[_Rung]],
    rounding: Callable[[int, float], float],
) -> bool:
    """Return whether one much finer step shows another slope than the settled rung: f has details smaller than that."""
    step = min(GLANCE * scale_of(x), abs(x) / 16 or math.inf)
    for up, down, high, low in _samples(function, x, step, [0]):
        for k, found in enumerate(rungs):
            slope, size = found[-1].central.value, found[0].size
            doubt = (_noise(k, up, high[k], rounding) + _noise(k, down, low[k], rounding)) / (up + down)
            if abs((high[k] - low[k]) / (up + down) - slope) - doubt > SURPRISE * (abs(slope) + size):
                return True
    return False


def _rung(
    step: float,
    scale: float,
    middle: float,
    samples: list[tuple[float, float, float, float]],
    k: int,
    rounding: Callable[[int, float], float],
) -> _Rung:
    central, above, below = [], [], []
    noise_here = _noise(k, 0.0, middle, rounding)
    size = 0.0
    for up, down, high, low in samples:
        noise_up, noise_down = _noise(k, up, high, rounding), _noise(k, down, low, rounding)
        central.append(Estimate((high - low) / (up + down), (noise_up + noise_down) / (up + down)))
        above.append(Estimate((high - middle) / up, (noise_up + noise_here) / up))
        below.append(Estimate((middle - low) / down, (noise_down + noise_here) / down))
        size = max([size, *[abs(f) for f in (high, low) if math.isfinite(f)]])
    both, left, right = extrapolated(central, 2), extrapolated(below, 1), extrapolated(above, 1)
    # Where the curvature jumps the error of central quotients is even no more, and they mislead; the sides do not.
    gap = abs(both.value - (left.value + right.value) / 2) - (left.error + right.error)
    both = Estimate(both.value, max(both.error, gap))
    return _Rung(step, size / scale, both, left, right, {"below": _growth(below), "above": _growth(above)})


def _noise(k: int, offset: float, f: float, rounding: Callable[[int, float], float]) -> float:
    """Return how wrong the value ``f`` of result ``k`` may be; numbers below the smallest normal one lose digits."""
    return rounding(k, offset) + EPS * abs(f) + sys.float_info.min


def extrapolated(quotients: Sequence[Estimate], power: int) -> Estimate:
    """Return the limit at step 0 by Neville's scheme; its error is Ridders' estimate plus the rounding carried along.

    Args:
        quotients: at steps that shrink by the golden ratio; their errors are those of rounding.
        power: of the step in the truncation error: 2 for central quotients, 1 for those of one side.

    >>> steps = [0.1 / GOLDEN**level for level in LEVELS]
    >>> limit = extrapolated([Estimate(math.sin(h) / h, 1e-16 / h) for h in steps], 2)
    >>> abs(limit.value - 1.0) < limit.error < 1e-12
    True
    """
    row: list[Estimate] = []
    by_row: list[Estimate] = []
    for quotient in quotients:
        above, row = row, [quotient]
        best = NOTHING_KNOWN
        for order, coarser in enumerate(above, start=1):
            finer, weight = row[-1], GOLDEN ** (power * order)
            value = finer.value + (finer.value - coarser.value) / (weight - 1)
            rounding = (weight * finer.error + coarser.error) / (weight - 1)
            row.append(Estimate(value, rounding))
            error = max(abs(value - finer.value), abs(value - coarser.value)) + rounding
            if error < best.error:
                best = Estimate(value, error)
        by_row.append(best)
    return uncontradicted(by_row)


def uncontradicted(estimates: Iterable[Estimate]) -> Estimate:
    """Return the best of several estimates, given from coarse to fine.

    Two orders may agree by accident, across a jump for example, and steps too coarse to see what f does give small
    slopes with small errors: where finer steps contradict an estimate, its error is at least the gap.
    """
    best, finer = NOTHING_KNOWN, list[Estimate]()
    for estimate in reversed([estimate for estimate in estimates if estimate.error < math.inf]):
        gap = max([abs(estimate.value - other.value) - other.error for other in finer], default=0.0)
        finer.append(estimate)
        if max(estimate.error, gap) < best.error:
            best = Estimate(estimate.value, max(estimate.error, gap))
    return best


def _growth(quotients: list[Estimate]) -> float:
    """Return the smallest factor by which the quotients grow from step to step; 0 where one is no number."""
    values = [quotient.value for quotient in quotients]
    factors = [b / a if a != 0.0 and math.isfinite(a) else 0.0 for a, b in pairwise(values)]
    return min([factor if math.isfinite(factor) else 0.0 for factor in factors], default=0.0)


def _differ(below: Estimate, above: Estimate) -> bool:
    """Return whether the slopes on both sides differ by much more than their errors."""
    jump = abs(above.value - below.value)
    return jump > 10 * (above.error + below.error) and jump > KINK * max(abs(above.value), abs(below.value))


def _chosen(rungs: list[_Rung]) -> NumericSlope:
    """Return what all rungs together say."""
    size = rungs[0].size
    rungs = sorted(rungs, key=lambda rung: -rung.step)
    # A kink beside x looks like one at x until the steps are smaller than the distance; then they contradict.
    below, above, central = (
        uncontradicted([getattr(rung, side) for rung in rungs]) for side in ("below", "above", "central")
    )
    if _differ(below, above):
        middle = (below.value + above.value) / 2
        return NumericSlope(middle, below.error + above.error, below.value, above.value, size, kink=True)
    steep = _steep(rungs, size)
    if steep is not None and not any(rung.settled for rung in rungs):
        return steep
    # At the end of a domain only the side that is inside has a slope.
    slope = central if central.error < math.inf else min(below, above, key=lambda side: side.error)
    seen = [rung.central.value for rung in rungs if rung.central.error < math.inf] or [slope.value]
    return NumericSlope(slope.value, slope.error, slope.value, slope.value, size, spread=(min(seen), max(seen)))


def _steep(rungs: list[_Rung], size: float) -> NumericSlope | None:
    """Return the slopes where the quotients of a side grow without end: f jumps, or has a vertical tangent."""
    finer = rungs[(len(rungs) + 1) // 2 :]
    sides = []
    for side in ("below", "above"):
        estimates = [getattr(rung, side) for rung in finer]
        if finer and all(rung.growth[side] > GROWTH for rung in finer):
            sides.append(math.copysign(math.inf, getattr(finer[-1], side).value))
        else:
            sides.append(min(estimates, key=lambda estimate: estimate.error, default=NOTHING_KNOWN).value)
    if not any(map(math.isinf, sides)):
        return None
    below, above = (side if not math.isnan(side) else other for side, other in (sides, sides[::-1]))
    mean = below + above  # as one of them is infinite
    return NumericSlope(mean, 0.0, below, above, size, kink=below != above)
