"""Gradients and Hessians by difference quotients of values: no automatic differentiation takes part."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import combinations_with_replacement
from typing import Any

from ..functional import Tree
from ..recording import enable_grad
from .differences import Estimate, NumericSlope, scale_of, second_slope, slopes_along
from .problem import Problem
from .rounding import Bound


def numeric_gradient(f: Callable[..., Any], *args: Tree) -> Any:
    """Return the gradient of ``f`` by difference quotients of its values, without any automatic differentiation.

    The structure is that of the argument; a tuple of such structures for several arguments. At a kink it is the mean
    of the slopes on both sides. Arguments and errors as for :func:`check_gradients`.

    >>> round(numeric_gradient(lambda x: x**3, 2.0), 9)
    12.0
    >>> gradient = numeric_gradient(lambda p: p["a"] * p["b"][0], {"a": 2.0, "b": [3.0]})
    >>> round(gradient["a"], 9), round(gradient["b"][0], 9)
    (3.0, 2.0)
    """
    problem = Problem(f, args)
    return problem.shaped([slope.value for slope in numeric_slopes(problem, _bound_of(problem))])


def numeric_hessian(f: Callable[..., Any], *args: Tree) -> Any:
    """Return the second derivatives of ``f`` by second difference quotients of its values alone.

    About eight digits are right where ``f`` is smooth, fewer where its values are large beside its curvature; at a
    kink the numbers mean nothing. The structure is that of the argument, with each number replaced by such a
    structure, as :func:`autograd_tiny.hessian` gives it; a tuple of tuples for several arguments. Arguments and errors
    as for :func:`check_gradients`.

    >>> [[round(number, 6) for number in row] for row in numeric_hessian(lambda v: v[0] ** 2 * v[1], [3.0, 2.0])]
    [[4.0, 6.0], [6.0, 0.0]]
    """
    problem = Problem(f, args)
    bound, numbers = _bound_of(problem), problem.numbers

    def value(moves: dict[int, float]) -> float:
        return problem.value([x + moves.get(i, 0.0) for i, x in enumerate(numbers)])

    middle, rows = value({}), [[0.0] * len(numbers) for _ in numbers]
    for i, j in combinations_with_replacement(range(len(numbers)), 2):
        rows[i][j] = rows[j][i] = second_slope(_second_quotient(value, middle, numbers, i, j, bound)).value
    return problem.shaped([problem.shaped(row) for row in rows])


def _bound_of(problem: Problem) -> Bound:
    with enable_grad():  # the caller may have switched recording off
        leaves, root = problem.record()
        return Bound(root, leaves)


def _second_quotient(
    value: Callable[[dict[int, float]], float], middle: float, numbers: list[float], i: int, j: int, bound: Bound
) -> Callable[[float], Estimate]:
    def quotient(step: float) -> Estimate:
        h, k = step * scale_of(numbers[i]), step * scale_of(numbers[j])
        if i == j:
            difference, area = value({i: h}) - 2 * middle + value({i: -h}), h * h
        else:
            corners = [a * b * value({i: a * h, j: b * k}) for a in (1, -1) for b in (1, -1)]
            difference, area = math.fsum(corners), 4 * h * k
        return Estimate(difference / area, 4 * (bound.at(i, h) + bound.at(j, k)) / area)

    return quotient


def numeric_slopes(problem: Problem, bound: Bound) -> list[NumericSlope]:
    """Return the slope with respect to each number of the arguments; ``bound`` is for the value's rounding error."""
    return [
        slopes_of(lambda point: [problem.value(point)], problem.numbers, i, [bound])[0]
        for i in range(len(problem.numbers))
    ]


def slopes_of(
    function: Callable[[list[float]], Sequence[float]], numbers: list[float], i: int, bounds: Sequence[Bound]
) -> list[NumericSlope]:
    """Return the slope of each result of ``function`` with respect to number ``i``; there is a bound per result."""

    def line(x: float) -> Sequence[float]:
        return function([*numbers[:i], x, *numbers[i + 1 :]])

    def rounding(k: int, offset: float) -> float:
        return bounds[k].at(i, offset)

    return slopes_along(line, numbers[i], rounding)
