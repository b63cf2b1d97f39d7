"""Gradient checking: analytic derivatives beside central differences, with a tolerance that is derived.

A central difference D(h) = (f(x + h) - f(x - h)) / 2h is off by h^2 f'''/6 (truncation) and by about
eps |f| / h (rounding). The step h = eps^(1/3) * scale balances the two, where the scale is the distance over
which f changes (Press et al., Numerical Recipes, 3rd ed., section 5.7). As no one knows that distance, several
are tried; D(h) and D(h/2) together show the truncation of each, and the one with the smallest error counts.
"""

from __future__ import annotations

import inspect
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from .errors import GradientMismatchError, GraphError, ParameterError
from .functional import flatten, grad, hessian, rebuild, value_and_grad
from .primitive import real
from .recording import no_grad
from .value import Value

EPSILON = sys.float_info.epsilon
SCALES = (1.0, 1e-2, 1e-4, 1e-6)  # of max(1, |x|): from smooth to as fast as sin(1e6 x)
SAFETY = 8.0  # rounding and truncation are estimated, not bounded
COARSE = 0.01  # a difference less sure than this share of the derivative is a weak witness ...
TOO_COARSE = 1e-6  # ... and none at all when it is unsure on the scale of f itself, max(1, |f|) / max(1, |x|)


@dataclass(frozen=True, slots=True)
class GradientRow:
    """One derivative, by the chain rule and by finite differences.

    Attributes:
        name: what is differentiated: ``w[0]``, or ``x, y`` for a second derivative.
        order: 1 or 2.
        analytic, numeric: the two numbers.
        tolerance: how far apart they may be.
        ok: whether they agree.
        note: why not, or that the point is a kink.
    """

    name: str
    order: int
    analytic: float
    numeric: float
    tolerance: float
    ok: bool
    note: str = ""

    @property
    def gap(self) -> float:
        """|analytic - numeric|."""
        return abs(self.analytic - self.numeric)


@dataclass(frozen=True, slots=True)
class GradientReport:
    """The outcome of a check: true when everything agrees, and a table when printed.

    Attributes:
        rows: one per derivative.
    """

    rows: tuple[GradientRow, ...]

    @property
    def ok(self) -> bool:
        """Whether every derivative agrees."""
        return all(row.ok for row in self.rows)

    def __bool__(self) -> bool:
        return self.ok

    def assert_ok(self) -> None:
        """Raise a GradientMismatchError with the table unless every derivative agrees."""
        if not self.ok:
            raise GradientMismatchError(str(self))

    def __str__(self) -> str:
        wrong = sum(not row.ok for row in self.rows)
        count = f"{len(self.rows)} derivative{'s' if len(self.rows) != 1 else ''}"
        agree = f"agree{'s' if len(self.rows) == 1 else ''}"
        outcome = f"{wrong} of {count} not confirmed by" if wrong else f"{count} {agree} with"
        heading = ("derivative", "analytic", "numeric", "gap", "tolerance", "")
        table = [heading, *((_derivative(row), *_numbers(row), _verdict(row)) for row in self.rows)]
        widths = [max(len(line[i]) for line in table) for i in range(len(heading))]
        lines = [
            "  ".join(
                [line[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(line[1:5], widths[1:5], strict=True)), line[5]]
            )
            for line in table
        ]
        return "\n".join([f"gradient check: {outcome} finite differences", *(line.rstrip() for line in lines)])

    __repr__ = __str__


def check_gradients(
    f: Callable[..., Any], *args: Any, order: int = 1, tolerance: float | None = None
) -> GradientReport:
    """Compare the derivatives of ``f`` with central differences.

    First derivatives are compared with differences of ``f``, computed without recording; second derivatives
    with differences of the gradient. At a kink every slope between the one-sided ones is accepted, and noted.

    Args:
        f: function of numbers or nested lists, tuples and dicts, with one number as its result.
        args: the point.
        order: 2 checks the Hessian, too.
        tolerance: the largest gap allowed; if not given it follows from the estimated error of each difference.

    Raises:
        GraphError: when there is nothing to differentiate, or the result of ``f`` is not one number.
        ParameterError: when ``order`` is not 1 or 2, or ``tolerance`` is negative.

    >>> print(check_gradients(lambda x, y: x * y, 2.0, 3.0))  # doctest: +ELLIPSIS
    gradient check: 2 derivatives agree with finite differences
    derivative  analytic  numeric  gap ... tolerance
    d f / d x          3        3 ...  ok
    d f / d y          2        2 ...  ok
    """
    if order not in (1, 2):
        raise ParameterError(f"order is 1 or 2, got {order!r}")
    if tolerance is not None and real(tolerance, "tolerance") < 0:
        raise ParameterError(f"tolerance is at least 0, got {tolerance!r}")
    point = _point(args)
    names = list(_names(f, args))
    every = range(len(args))
    analytic = flatten(value_and_grad(f, every)(*rebuild(args, point))[1])
    rows = [
        _row(name, 1, number, _differences(_values_of(f, args), point, i), tolerance)
        for i, (name, number) in enumerate(zip(names, analytic, strict=True))
    ]
    if order == 2:
        rows += _second_order(f, args, point, names, tolerance)
    return GradientReport(tuple(rows))


def numeric_gradient(f: Callable[..., Any], *args: Any) -> Any:
    """Return the gradient of ``f`` by central differences alone, in the structure of the argument.

    Args:
        f: as for :func:`check_gradients`.
        args: the point; for several arguments the result is a tuple.

    >>> gradient = numeric_gradient(lambda v: v[0] * v[1], [2.0, 3.0])
    >>> [round(g, 6) for g in gradient]
    [3.0, 2.0]
    """
    point = _point(args)
    found = [_differences(_values_of(f, args), point, i).number for i in range(len(point))]
    gradient = rebuild(args, found)
    return gradient[0] if len(args) == 1 else gradient


# ---------------------------------------------------------------- finite differences


@dataclass(frozen=True, slots=True)
class _Difference:
    """A numeric derivative, its estimated error, and the scale on which ``f`` changes.

    At a kink ``sides`` are the slopes to the left and to the right, at a jump they are infinite.
    """

    number: float
    error: float
    natural: float
    sides: tuple[float, float] | None = None


def _differences(f: Callable[[list[float]], float], point: list[float], i: int) -> _Difference:
    """Differentiate ``f`` in coordinate ``i`` at the scale with the smallest estimated error."""
    x, centre = point[i], f(point)
    largest = max(1.0, abs(x))
    scales = {largest * scale for scale in SCALES} | {abs(x) * scale for scale in SCALES if x}
    found = [_difference(lambda t: f([*point[:i], t, *point[i + 1 :]]), x, scale, centre) for scale in sorted(scales)]
    finite = [d for d in found if math.isfinite(d.number) and math.isfinite(d.error)]
    return min(finite, key=lambda d: d.error, default=found[-1])


def _difference(f: Callable[[float], float], x: float, scale: float, centre: float) -> _Difference:
    step = EPSILON ** (1 / 3) * scale
    (wide_left, wide_right, _), (left, right, noise) = (_sides(f, x, h, centre) for h in (step, step / 2))
    wide, narrow = (wide_left + wide_right) / 2, (left + right) / 2
    rounding, natural = SAFETY * noise, max(1.0, abs(centre)) / max(1.0, abs(x))
    # Halving the step doubles the slope across a jump; the sides of a kink keep their distance.
    if abs(narrow) > 1.5 * abs(wide) and abs(narrow - wide) > 100 * noise:
        return _Difference(narrow, abs(narrow), natural, (-math.inf, math.inf))
    if abs(right - left) > 0.75 * abs(wide_right - wide_left) and abs(right - left) > 100 * noise:
        return _Difference(narrow, rounding + abs(right - wide_right) + abs(left - wide_left), natural, (left, right))
    return _Difference(narrow, rounding + abs(wide - narrow), natural)


def _sides(f: Callable[[float], float], x: float, step: float, centre: float) -> tuple[float, float, float]:
    """Return the slopes to the left and to the right, and the rounding error they may have."""
    below, above = x - step, x + step
    f_below, f_above = f(below), f(above)
    left, right = (centre - f_below) / (x - below), (f_above - centre) / (above - x)  # the steps as they came out
    # Numbers inside of f, such as the 1 in 1 + tanh(x), round at their own size.
    size = max(1.0, abs(f_below), abs(f_above), abs(centre), abs(x * left), abs(x * right))
    return left, right, EPSILON * size / step


def _values_of(f: Callable[..., Any], args: Sequence[Any]) -> Callable[[list[float]], float]:
    def evaluate(point: list[float]) -> float:
        with no_grad():
            return float(f(*rebuild(args, [Value(x) for x in point])))

    return evaluate


def _second_order(
    f: Callable[..., Any], args: Sequence[Any], point: list[float], names: list[str], tolerance: float | None
) -> Iterator[GradientRow]:
    gradient = grad(_on_list(f, args))
    matrix = hessian(_on_list(f, args))(point)
    for i, row in enumerate(matrix):
        for j, number in enumerate(row):
            difference = _differences(lambda at, i=i: gradient(at)[i], point, j)  # type: ignore[misc]  # default binds i
            yield _row(f"{names[i]}, {names[j]}", 2, number, difference, tolerance)


def _on_list(f: Callable[..., Any], args: Sequence[Any]) -> Callable[[list[Any]], Any]:
    return lambda numbers: f(*rebuild(args, numbers))


# ---------------------------------------------------------------- names and rows


def _point(args: Sequence[Any]) -> list[float]:
    point = [float(leaf) for leaf in flatten(list(args))]
    if not point:
        raise GraphError("there is nothing to check: give f at least one number")
    return point


def _names(f: Callable[..., Any], args: Sequence[Any]) -> Iterator[str]:
    """Yield a name for every number: the parameter of ``f``, and the way into its containers."""
    try:
        parameters = list(inspect.signature(f).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    positional = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    for i, argument in enumerate(args):
        yield from _paths(positional[i] if i < len(positional) else f"args[{i}]", argument)


def _paths(name: str, tree: Any) -> Iterator[str]:
    if isinstance(tree, dict):
        for key, branch in tree.items():
            yield from _paths(f"{name}[{key!r}]", branch)
    elif isinstance(tree, (list, tuple)):
        for i, branch in enumerate(tree):
            yield from _paths(f"{name}[{i}]", branch)
    else:
        yield name


def _row(name: str, order: int, analytic: float, difference: _Difference, tolerance: float | None) -> GradientRow:
    numeric = difference.number
    # The analytic number itself is the outcome of rounded operations.
    allowed = difference.error + SAFETY * EPSILON * abs(analytic) if tolerance is None else tolerance
    ok, note = abs(analytic - numeric) <= allowed, ""
    if not math.isfinite(analytic) or not math.isfinite(numeric):
        ok, note = False, "not finite"
    elif difference.sides == (-math.inf, math.inf):
        ok, note = True, "a jump: no derivative here"
    elif difference.sides is not None:
        low, high = sorted(difference.sides)
        ok = low - allowed <= analytic <= high + allowed
        note = f"a kink: any slope from {low:.5g} to {high:.5g} will do"
    elif ok and tolerance is None and allowed > COARSE * max(abs(analytic), abs(numeric)) > 0:
        ok = allowed <= TOO_COARSE * difference.natural
        note = "as far as differences can tell" if ok else "differences are too inaccurate here"
    return GradientRow(name, order, analytic, numeric, allowed, ok, note)


def _derivative(row: GradientRow) -> str:
    return f"d f / d {row.name}" if row.order == 1 else f"d2 f / d {row.name.replace(', ', ' d ')}"


def _numbers(row: GradientRow) -> tuple[str, ...]:
    return f"{row.analytic:.8g}", f"{row.numeric:.8g}", f"{row.gap:.1e}", f"{row.tolerance:.1e}"


def _verdict(row: GradientRow) -> str:
    return ("ok" if row.ok else "WRONG") + (f": {row.note}" if row.note else "")
