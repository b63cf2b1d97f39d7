"""Verdicts: a derivative beside the same by differences, each with its error."""

from __future__ import annotations

import math

from ..functional import grad, hessian
from ..value import gradients
from .differences import NumericSlope
from .numeric import numeric_slopes, slopes_of
from .problem import Problem
from .report import GradientRow, Verdict
from .rounding import EPS, Bound

SAFETY = 10.0
"""Errors of differences are estimated, not bounded."""
RESOLVED = 1e-3
"""A tolerance above this fraction of the derivative shows nothing about it."""
KNOWN = 0.01
"""A numeric slope with an error above this fraction of itself is no slope: steps of other sizes may see another one."""
NEGLIGIBLE = 1e-9
"""An error below this fraction of a slope of ordinary size hides nothing, ..."""
ZERO = 1e-11
"""... nor does one below this fraction of the terms that add up to the derivative, or of 1."""


def by_differences(problem: Problem, order: int, tolerance: float | None) -> list[GradientRow]:
    """Return a row per derivative, the numeric side by differences."""
    names, numbers = problem.names(), problem.numbers
    gradient = grad(problem)
    leaves, root = problem.record()
    bound = Bound(root, leaves)
    rows = [
        judge(names[i], 1, number, slope, bound.of_slope(i), tolerance)
        for i, (number, slope) in enumerate(zip(gradient(numbers), numeric_slopes(problem, bound), strict=True))
    ]
    if order == 2:
        kinked = [row.verdict == "subgradient" for row in rows]
        bounds = [Bound(component, leaves) for component in gradients([root], leaves, create_graph=True)]
        for i, second in enumerate(hessian(problem)(numbers)):
            slopes = slopes_of(gradient, numbers, i, bounds)
            for j, (number, slope) in enumerate(zip(second, slopes, strict=True)):
                name = f"{names[i]}, {names[j]}"
                if kinked[i] or kinked[j]:
                    rows.append(_no_second_derivative(name, number))
                else:
                    rows.append(judge(name, 2, number, slope, bounds[j].of_slope(i), tolerance))
    return rows


def judge(
    name: str, order: int, analytic: float, numeric: NumericSlope, rounding: float, tolerance: float | None
) -> GradientRow:
    """Return the row of a derivative beside its numeric slope.

    Args:
        name, order: as in the row.
        analytic: the derivative to be judged.
        numeric: the slope by differences.
        rounding: a bound on the rounding error of ``analytic``.
        tolerance: the user's, or None.
    """
    low, high = sorted((numeric.below, numeric.above))
    scale = max([abs(x) for x in (analytic, low, high) if math.isfinite(x)], default=0.0)
    believable = SAFETY * numeric.error + rounding
    allowed = believable if tolerance is None else tolerance * max(1.0, scale)
    gap = 0.0 if analytic == numeric.value else max(low - analytic, analytic - high, 0.0)
    hidden = max(NEGLIGIBLE * numeric.size, ZERO * max(1.0, rounding / EPS))
    resolved = numeric.kink or believable <= max(RESOLVED * scale, hidden)
    known = numeric.kink or numeric.error <= max(KNOWN * abs(numeric.value), hidden)

    def verdict() -> tuple[Verdict, str]:
        if math.isnan(numeric.value) or math.isinf(numeric.error):
            return "inconclusive", "no difference quotient here is a number"
        if numeric.kink and math.isinf(high - low):
            return "inconclusive", "the function jumps here: it has no derivative"
        if not known:
            least, most = numeric.spread
            seen = f"different steps give slopes from {least:.6g} to {most:.6g}"
            return "inconclusive", f"{seen}: cancellation, or a kink or jump nearby"
        if math.isnan(analytic):
            return "wrong", "analytic is nan"
        if gap > max(allowed, believable):
            return "wrong", "not between the slopes on both sides" if numeric.kink else "gap above tolerance"
        if gap > allowed or not (resolved or tolerance is not None or math.isinf(analytic)):
            return "inconclusive", f"the numeric side is good to {believable:.1e} only"
        return ("subgradient", f"any slope from {low:.6g} to {high:.6g}") if numeric.kink else ("ok", "")

    return GradientRow(name, order, analytic, numeric.value, numeric.below, numeric.above, gap, allowed, *verdict())


def _no_second_derivative(name: str, analytic: float) -> GradientRow:
    return GradientRow(
        name, 2, analytic, math.nan, math.nan, math.nan, 0.0, math.inf, "subgradient", "no second derivative at a kink"
    )
