"""Gradients without the reverse sweep: by complex step, forward mode, exact fractions and mpmath.

Only forward_gradient and reverse_fractions use the slope rules. The others replay the value rules of the recorded graph
on other numbers, so that a wrong slope rule shows. The graph is the one recorded at the point: a Python ``if`` in ``f``
takes the same branch throughout, and what ``f`` computes outside of the graph, by ``math.sin(x)`` or ``x.data``, counts
as a constant; only :func:`numeric.numeric_gradient`, which calls ``f`` again, sees that.

Results have the structure of the argument, a tuple of such structures for several arguments.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Any

from ..errors import GraphError
from ..functional import Tree, jvp
from ..graph import Graph
from ..primitive import N, whole
from ..recording import enable_grad
from .number_systems import (
    Complex,
    Degree,
    NumberSystem,
    complex_numbers,
    degree_of,
    degrees,
    fractions,
    mpmath_context,
    mpmath_numbers,
    replay,
    reverse,
)
from .problem import Problem

STEP = -332  # of 2, about 1e-100: as far from 1, where its square would count, as from the smallest float
HIGHEST_DEGREE = 200


def complex_step_gradient(f: Callable[..., Any], *args: Tree) -> Any:
    """Return the gradient of ``f`` by the complex step, f'(x) = Im f(x + ih) / h, exact to rounding.

    Nothing cancels, so h can be as small as 1e-100, where the error h^2 f'''/6 vanishes
    (Squire & Trapp 1998, "Using complex variables to estimate derivatives of real functions", SIAM Review 40;
    Martins, Sturdza & Alonso 2003, "The complex-step derivative approximation", ACM TOMS 29). The step is made to
    both sides: at a kink the result is the mean of the two slopes. nan where an operation is not analytic: sqrt at 0,
    asin at 1.

    Args:
        f: function of numbers or nested lists, tuples and dicts of them, with one number as its result.
        args: the point.

    Raises:
        GraphError: when the graph has erf or erfc, also inside gelu, which have no elementary complex form.
        NotARealNumberError: when an argument or the result of ``f`` is not a number.
        ParameterError: when there is no argument to vary.

    >>> complex_step_gradient(lambda x, y: x * x * y, 3.0, 2.0)
    (12.0, 9.0)
    """
    recorded = _Recorded(f, args)

    def slope(i: int) -> float:
        x = recorded.problem.numbers[i]
        size = math.frexp(x)[1]
        # Larger beside a large x, so that slopes may be small there; beside a tiny x 1e-100 would not be a small step.
        step = math.ldexp(1.0, max(-1074, min(STEP + max(size, 0), size - 30)))
        right, left = (recorded.value(complex_numbers, {i: Complex(x, h)}).imag / h for h in (step, -step))
        return float(right / 2 + left / 2)

    return recorded.gradient(slope)


def forward_gradient(f: Callable[..., Any], *args: Tree) -> Any:
    """Return the gradient of ``f`` by forward mode, one Jacobian-vector product per number.

    It uses the slope rules, as reverse mode does, but adds the paths up in the other order. Arguments and errors
    as for :func:`complex_step_gradient`, without the GraphError.

    >>> forward_gradient(lambda p: p["a"] * p["b"][0], {"a": 2.0, "b": [3.0]})
    {'a': 3.0, 'b': [2.0]}
    """
    problem = Problem(f, args)
    indices = range(len(problem.numbers))

    def slope(i: int) -> Any:
        return jvp(lambda *leaves: problem(list(leaves)), problem.numbers, [float(j == i) for j in indices])[1]

    return problem.shaped([slope(i) for i in indices])


def fraction_gradient(f: Callable[..., Any], *args: Tree) -> Any:
    """Return the exact gradient of a polynomial as Fractions, from its values alone.

    Along one input the graph is a polynomial p(t) of some degree n, so n + 1 values determine it; Newton's forward
    differences give p'(0) as the sum of (-1)^(k-1) D^k p(0) / k for k = 1 to n (Abramowitz & Stegun 25.3.4).

    Args:
        f: function as for :func:`complex_step_gradient`, made of sums, differences, products, division by what does
            not depend on the inputs, whole powers, sum, dot, prod and mean.
        args: the point; each number counts as the float nearest to it, so 0.1 and Fraction(1, 10) are not quite 1/10.

    Raises:
        GraphError: with the node, when the graph is not such a polynomial, or its degree in one input is over 200.
        NotARealNumberError, ParameterError: as for :func:`complex_step_gradient`.

    >>> fraction_gradient(lambda x: (x - 0.5) ** 3 / 3, 1.0)
    Fraction(1, 4)
    """
    recorded, bounds = _polynomial(f, args)

    def slope(i: int) -> Fraction:
        x = fractions.number(recorded.problem.numbers[i])
        differences = [recorded.value(fractions, {i: x + k}) for k in range(bounds[i] + 1)]
        total = Fraction(0)
        for k in range(1, bounds[i] + 1):
            differences = [after - before for before, after in pairwise(differences)]
            total += Fraction(differences[0]) * (-1) ** (k - 1) / k
        return total

    return recorded.gradient(slope)


def reverse_fractions(f: Callable[..., Any], *args: Tree) -> Any:
    """Return the gradient of a polynomial as Fractions, by the slope rules and the chain rule.

    With right slope rules it equals :func:`fraction_gradient` exactly. Arguments and errors as there.

    >>> reverse_fractions(lambda x: (x - 0.5) ** 3 / 3, 1.0)
    Fraction(1, 4)
    """
    recorded, _ = _polynomial(f, args)
    adjoints = reverse(recorded.graph, {}, fractions)
    return recorded.gradient(lambda i: Fraction(adjoints[recorded.leaves[i]]))


def mpmath_gradient(f: Callable[..., Any], *args: Tree, digits: int = 50) -> Any:
    """Return the gradient of ``f`` with about ``digits`` digits, by central differences of its values in mpmath.

    With about 2 digits + 20 digits to compute in, a step of 10^-(digits/2 + 5) leaves an error of 10^-(digits + 10)
    times the third derivative. At a kink it is the mean of the slopes on both sides, and nan where f is not real on
    one of them.

    Args:
        f, args: as for :func:`complex_step_gradient`.
        digits: how many digits to aim at.

    Raises:
        MissingPackageError: when mpmath is not installed.
        GraphError: when the graph divides by zero at the point.
        NotARealNumberError, ParameterError: as for :func:`complex_step_gradient`.

    >>> print(mpmath_gradient(lambda x: x.exp(), 1.0, digits=30))
    2.71828182845904523536028747135
    """
    precise = _Precise(f, args, digits)
    slopes = [central_difference(precise.value, precise.point, i, precise.steps[i]) for i in precise.indices]
    return precise.rounded(slopes)


def mpmath_hessian(f: Callable[..., Any], *args: Tree, digits: int = 50) -> Any:
    """Return all second derivatives of ``f`` with about ``digits`` digits; arguments and errors as there.

    The structure is that of the gradient, with a gradient in the place of each number.

    >>> mpmath_hessian(lambda v: v[0] ** 2 * v[1], [3.0, 2.0], digits=20)
    [[mpf('4.0'), mpf('6.0')], [mpf('6.0'), mpf('0.0')]]
    """
    precise = _Precise(f, args, digits)
    value, point, steps = precise.value, precise.point, precise.steps
    rows = [[second_difference(value, point, i, j, steps[i], steps[j]) for j in range(i + 1)] for i in precise.indices]
    matrix = [[rows[max(i, j)][min(i, j)] for j in precise.indices] for i in precise.indices]
    return precise.recorded.problem.shaped([precise.rounded(row) for row in matrix])


def central_difference(f: Callable[..., N], numbers: Sequence[N], i: int, step: N) -> N:
    """Return (f(x + h) - f(x - h)) / 2h with h added to number ``i``; the error is h^2 f'''/6.

    >>> central_difference(lambda x, y: x * x * y, [3.0, 2.0], 0, 0.5)
    12.0
    """
    return (f(*_moved(numbers, {i: step})) - f(*_moved(numbers, {i: -step}))) / (2 * step)


def second_difference(f: Callable[..., N], numbers: Sequence[N], i: int, j: int, step: N, other: N) -> N:
    """Return d^2 f / d number i d number j by central differences, with a step for each of the two.

    >>> second_difference(lambda x, y: x * x * y, [3.0, 2.0], 0, 1, 0.5, 0.5)
    6.0
    """
    if i == j:
        return (f(*_moved(numbers, {i: step})) - 2 * f(*numbers) + f(*_moved(numbers, {i: -step}))) / step**2
    return central_difference(lambda *xs: central_difference(f, xs, j, other), numbers, i, step)


def _moved(numbers: Sequence[N], moves: Mapping[int, N]) -> list[N]:
    return [x + moves[k] if k in moves else x for k, x in enumerate(numbers)]


# ---------------------------------------------------------------- one call of f, recorded


class _Recorded:
    """The graph of ``f`` at a point, ready to be replayed with other numbers."""

    def __init__(self, f: Callable[..., Any], args: tuple[Tree, ...]) -> None:
        self.problem = Problem(f, args)
        with enable_grad():
            leaves, root = self.problem.record()
        self.graph = Graph.of(root, *leaves)  # with those that f has not used
        self.leaves = self.graph.roots[1:]

    def value(self, m: NumberSystem, numbers: Mapping[int, N]) -> N:
        """Return the result with other numbers for some of the arguments."""
        return replay(self.graph, {self.leaves[i]: x for i, x in numbers.items()}, m)[self.graph.root.index]

    def gradient(self, slope: Callable[[int], Any]) -> Any:
        """Return the slopes with respect to all numbers in the structure of the arguments."""
        return self.problem.shaped([slope(i) for i in range(len(self.leaves))])


def _polynomial(f: Callable[..., Any], args: tuple[Tree, ...]) -> tuple[_Recorded, list[int]]:
    """Return the recorded graph and a bound on its degree in each input, after checking that it is a polynomial."""
    recorded = _Recorded(f, args)
    bounds = [degree_of(recorded.value(degrees, {i: Degree(1)})) for i in range(len(recorded.leaves))]
    for leaf, bound in zip(recorded.leaves, bounds, strict=True):
        if bound > HIGHEST_DEGREE:
            raise GraphError(
                f"exact arithmetic takes polynomials up to degree {HIGHEST_DEGREE}, got degree {bound} in "
                f"{recorded.graph.nodes[leaf].name}; use method='mpmath'"
            )
    return recorded, bounds


class _Precise:
    """A recorded graph on mpmath numbers, with a context and steps that suit the point."""

    def __init__(self, f: Callable[..., Any], args: tuple[Tree, ...], digits: int) -> None:
        self.digits = whole(digits, "digits")
        self.recorded = _Recorded(f, args)
        self.indices = range(len(self.recorded.leaves))
        sizes = [abs(x) for x in self.recorded.problem.numbers if x != 0.0 and math.isfinite(x)]
        small, large = (math.ceil(math.log10(size)) for size in (min([1.0, *sizes]), max([1.0, *sizes])))
        exponent = self.digits // 2 + 5  # of the largest step; beside a tiny x it is not small
        # Enough digits for x + h to keep all of h, and for h^2 to leave what is asked for.
        self.mp = mpmath_context(self.digits + 12 + 2 * (exponent - small) + large)
        self.m = mpmath_numbers(self.mp)
        self.point = [self.mp.mpf(x) for x in self.recorded.problem.numbers]
        self.steps = [min(1, abs(x) or 1) / self.mp.mpf(10) ** exponent for x in self.point]
        self.value(*self.point)  # differences would step over a pole and not see it

    def value(self, *numbers: N) -> N:
        return self.recorded.value(self.m, dict(enumerate(numbers)))

    def rounded(self, slopes: list[Any]) -> Any:
        self.mp.dps = self.digits
        return self.recorded.problem.shaped([+slope for slope in slopes])
