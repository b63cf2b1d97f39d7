"""The methods of check_gradients: differences, and four ways to numbers that are right but for rounding."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, TypeAlias

from ..errors import ParameterError
from ..functional import Tree, flatten, grad, hessian, hvp
from ..value import Value, gradients, topological_order
from . import exact
from .differences import NumericSlope
from .problem import Problem
from .report import GradientRow
from .rounding import Bound
from .verdicts import by_differences, judge

Derivatives: TypeAlias = Callable[..., Any]
"""Takes f and its arguments, gives derivatives in their structure."""


def _by_exact(
    problem: Problem, order: int, tolerance: float | None, *, first: Derivatives, second: Derivatives | None = None
) -> list[GradientRow]:
    """Return a row per derivative beside an exact one: the tolerance is a bound on the rounding of the engine's."""
    if order == 2 and second is None:
        raise ParameterError("this method gives no second derivatives; use differences, forward or mpmath")
    names, numbers = problem.names(), problem.numbers
    leaves, root = problem.record()
    slopes = gradients([root], leaves, create_graph=True)

    def row(name: str, order: int, analytic: float, other: Any, recorded: Value) -> GradientRow:
        other = float(other)
        error = Bound(recorded, leaves).here
        numeric = NumericSlope(other, error, other, other, abs(root.data))
        return judge(name, order, analytic, numeric, error, tolerance)

    others = _spread(first, problem)
    rows = [row(names[i], 1, number, others[i], slopes[i]) for i, number in enumerate(grad(problem)(numbers))]
    if order == 2 and second is not None:
        others = _spread(second, problem)
        for i, analytic in enumerate(hessian(problem)(numbers)):
            curved = gradients([slopes[i]], leaves, create_graph=True)
            for j, number in enumerate(analytic):
                rows.append(row(f"{names[i]}, {names[j]}", 2, number, others[i * len(names) + j], curved[j]))
    if _at_kink(root):
        reason = "the point is on a kink; method='differences' looks at both sides of it"
        return [replace(row, verdict="inconclusive", reason=reason) for row in rows]
    return rows


def _by_fractions(problem: Problem, order: int, tolerance: float | None) -> list[GradientRow]:
    """Return a row per derivative; the slope rules must give the exact fraction that the values give."""
    rows = _by_exact(problem, order, tolerance, first=exact.fraction_gradient)
    by_values = _spread(exact.fraction_gradient, problem)
    by_rules = _spread(exact.reverse_fractions, problem)
    return [
        row if right == found else replace(row, verdict="wrong", reason=f"the slope rules give {found}, not {right}")
        for row, right, found in zip(rows, by_values, by_rules, strict=True)
    ]


def _spread(derivatives: Derivatives, problem: Problem) -> list[Any]:
    return flatten(derivatives(problem.f, *problem.args), check=False)


def _forward_hessian(f: Callable[..., Any], *args: Tree) -> list[Any]:
    """Return the rows of the Hessian by forward mode over reverse mode."""
    problem = Problem(f, args)
    units = [[float(i == j) for j in range(len(problem.numbers))] for i in range(len(problem.numbers))]
    return [hvp(problem, (problem.numbers,), (unit,)) for unit in units]


def _at_kink(root: Value) -> bool:
    nodes = topological_order([root])
    return any(0.0 in node.op.gaps(*[parent.data for parent in node.parents]) for node in nodes if node.op is not None)


METHODS: Mapping[str, Callable[[Problem, int, float | None], list[GradientRow]]] = {
    "differences": by_differences,
    "complex": partial(_by_exact, first=exact.complex_step_gradient),
    "forward": partial(_by_exact, first=exact.forward_gradient, second=_forward_hessian),
    "fractions": _by_fractions,
    "mpmath": partial(_by_exact, first=exact.mpmath_gradient, second=exact.mpmath_hessian),
}
