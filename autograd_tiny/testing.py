"""Gradient checking: analytic derivatives beside central differences, with tolerances that follow from the function.

The slope of f at x is estimated by D(h) = (f(x + h) - f(x - h)) / 2h. Its error has two parts: truncation, which
falls with h^2, and rounding, which grows with eps |f| / h; their sum is smallest near h = eps^(1/3) times the scale
on which f varies (Nocedal & Wright, *Numerical Optimization*, 2nd ed., section 8.1; Press et al., *Numerical
Recipes*, 3rd ed., section 5.7). Both parts are estimated from the numbers themselves: the truncation from D(2h) - D(h),
which is three times that of D(h) to leading order, the rounding from |f|.

Second derivatives are central differences of the analytic gradient: with h near eps^(1/3) they keep ten digits, where
second differences of f with h near eps^(1/4) keep eight, and n arguments take 2n gradients instead of 2n^2 values
(Dennis & Schnabel, *Numerical Methods for Unconstrained Optimization*, 1983, p. 103). The gradient itself is checked
by values alone.
"""

from __future__ import annotations

import inspect
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from .errors import GradientMismatchError, NotARealNumberError, ParameterError
from .functional import Tree, flatten, grad, hessian, rebuild
from .primitive import Primitive, real
from .value import Value

EPS = sys.float_info.epsilon
SMALLEST = sys.float_info.min  # below it numbers have fewer digits
STEP = 2.0**-17  # eps^(1/3) to the nearest power of two, which keeps x + h exact for more x
# After the usual step come finer ones, for functions that vary fast or have a kink nearby, and a coarser one for noise.
LADDER = (1.0, 2.0**-7, 2.0**-14, 2.0**7)
SETTLED = 1e-6  # relative error at which no further step is tried
SAFETY = 10.0  # the errors are estimated, not bounded
INNER = 300.0  # numbers inside f may be larger than its result, and round at their own size
LOOSEST = 1e-3  # no estimate of the error, however large, excuses a larger relative gap


@dataclass(frozen=True, slots=True)
class GradientRow:
    """One derivative, computed in both ways.

    Attributes:
        name: the argument: ``x``, ``p['w'][2]``; two of them for a second derivative.
        order: 1 or 2.
        analytic: the derivative by reverse mode.
        numeric: the derivative by central differences.
        gap: |analytic - numeric|.
        tolerance: the largest gap that counts as agreement.
        reason: why the row is not ok, else ``""``.
    """

    name: str
    order: int
    analytic: float
    numeric: float
    gap: float
    tolerance: float
    reason: str

    @property
    def ok(self) -> bool:
        """Whether both are finite and agree."""
        return not self.reason


@dataclass(frozen=True, slots=True, repr=False)
class GradientReport:
    """The outcome of a gradient check: true if every derivative agrees, and a table when printed.

    Attributes:
        rows: one per derivative, first order before second.
    """

    rows: tuple[GradientRow, ...]

    @property
    def ok(self) -> bool:
        """Whether every row is ok."""
        return all(row.ok for row in self.rows)

    def __bool__(self) -> bool:
        return self.ok

    @property
    def summary(self) -> str:
        """The outcome in one line."""
        total = f"{len(self.rows)} derivative{'s' if len(self.rows) > 1 else ''}"
        wrong = [row for row in self.rows if not row.ok]
        if not wrong:
            return f"gradients agree: {total}, largest gap {max(row.gap for row in self.rows):.1e}"
        first = wrong[0]
        return (
            f"gradients differ: {len(wrong)} of {total}; {first.name} is {first.analytic:.10g} analytically and "
            f"{first.numeric:.10g} numerically"
        )

    def assert_ok(self) -> None:
        """Do nothing if every row is ok.

        Raises:
            GradientMismatchError: with the whole table, if one is not.
        """
        if not self.ok:
            raise GradientMismatchError(str(self))

    def __str__(self) -> str:
        lines = [("argument", "analytic", "numeric", "gap", "tolerance", "")]
        for row in self.rows:
            numbers = f"{row.analytic:.10g}", f"{row.numeric:.10g}", f"{row.gap:.1e}", f"{row.tolerance:.1e}"
            lines.append((row.name, *numbers, row.reason or "ok"))
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        form = "{:<%d}  {:>%d}  {:>%d}  {:>%d}  {:>%d}  {:<%d}" % tuple(widths)  # noqa: UP031 - braces are for the cells
        return "\n".join([self.summary, *(form.format(*line).rstrip() for line in lines)])

    def __repr__(self) -> str:
        return f"<GradientReport: {self.summary}>"


def check_gradients(
    f: Callable[..., Any], *args: Tree, order: int = 1, tolerance: float | None = None
) -> GradientReport:
    """Compare the gradient of ``f`` with central differences of its values.

    ``f`` is called with fresh Values, as :func:`autograd_tiny.grad` calls it; the numeric side reads only their
    results. At a kink no derivative exists, and the central difference is the mean of the slopes on both sides: abs
    at 0 passes, relu at 0 does not. Check beside it.

    Args:
        f: function of numbers or nested lists, tuples and dicts of them, with one number as its result.
        args: the point.
        order: 1 for the gradient, 2 for the second derivatives too.
        tolerance: the gap allowed, as a fraction of max(1, |analytic|, |numeric|); by default ten times the
            estimated error of the differences, at most 1e-3 of the same.

    Raises:
        NotARealNumberError: when an argument or the result of ``f`` is not a number.
        ParameterError: when there is no argument to vary, or order or tolerance is out of range.

    >>> report = check_gradients(lambda x, y: x * x * y, 3.0, 2.0)
    >>> report.ok, [(row.name, row.analytic) for row in report.rows]
    (True, [('x', 12.0), ('y', 9.0)])
    >>> print(check_gradients(lambda x: 3 * x, 0.5, order=2))
    gradients agree: 2 derivatives, largest gap 0.0e+00
    argument  analytic  numeric      gap  tolerance
    x                3        3  0.0e+00    1.3e-07  ok
    x, x             0        0  0.0e+00    2.6e-07  ok
    """
    if order not in (1, 2):
        raise ParameterError(f"order is 1 or 2, got {order!r}")
    if tolerance is not None and not real(tolerance, "tolerance") >= 0.0:
        raise ParameterError(f"tolerance is at least 0, got {tolerance!r}")
    numbers, values, function = _on_numbers(f, args)
    names = [name for argument, tree in _named(f, args) for name in _paths(argument, tree)]
    gradient = grad(function)
    rows = [
        _row(name, 1, analytic, _differences(values, numbers, i)[0], tolerance)
        for i, (name, analytic) in enumerate(zip(names, gradient(numbers), strict=True))
    ]
    if order == 2:
        for i, second in enumerate(hessian(function)(numbers)):
            differences = _differences(gradient, numbers, i)
            rows += [
                _row(f"{names[i]}, {name}", 2, analytic, difference, tolerance)
                for name, analytic, difference in zip(names, second, differences, strict=True)
            ]
    return GradientReport(tuple(rows))


def _row(name: str, order: int, analytic: float, difference: _Difference, tolerance: float | None) -> GradientRow:
    numeric, error = difference
    gap = abs(analytic - numeric)
    scale = max(1.0, abs(analytic), abs(numeric))
    allowed = min(SAFETY * error, LOOSEST * scale) if tolerance is None else tolerance * scale
    reason = ""
    if not (math.isfinite(analytic) and math.isfinite(numeric)):
        sides = (("analytic", analytic), ("numeric", numeric))
        reason = " and ".join(f"{side} is {number}" for side, number in sides if not math.isfinite(number))
    elif gap > allowed:
        reason = "gap above tolerance"
        if tolerance is None and SAFETY * error > allowed:
            reason += "; f is noisy or not smooth here"
    return GradientRow(name, order, analytic, numeric, gap, allowed, reason)


def numeric_gradient(f: Callable[..., Any], *args: Tree) -> Any:
    """Return the gradient of ``f`` by central differences of its values, without any automatic differentiation.

    The structure is that of the argument; a tuple of such structures for several arguments. Arguments and errors
    as for :func:`check_gradients`.

    >>> round(numeric_gradient(lambda x: x**3, 2.0), 6)
    12.0
    >>> gradient = numeric_gradient(lambda p: p["a"] * p["b"][0], {"a": 2.0, "b": [3.0]})
    >>> round(gradient["a"], 6), round(gradient["b"][0], 6)
    (3.0, 2.0)
    """
    numbers, values, _ = _on_numbers(f, args)
    slopes = [_differences(values, numbers, i)[0][0] for i in range(len(numbers))]
    gradients = rebuild(args, slopes)
    return gradients[0] if len(args) == 1 else gradients


# ---------------------------------------------------------------- central differences

_Difference = tuple[float, float]
"""A difference quotient and an estimate of its error."""


def _differences(function: Callable[[list[float]], Sequence[float]], numbers: list[float], i: int) -> list[_Difference]:
    """Return the central difference of each result of ``function`` with respect to number ``i``."""
    best: list[_Difference] = []
    for factor in LADDER:
        step = factor * STEP * max(1.0, abs(numbers[i]))
        near, far = _quotients(function, numbers, i, step), _quotients(function, numbers, i, 2 * step)
        found, settled = [], True
        for (slope, size), (coarse, _) in zip(near, far, strict=True):
            error = abs(coarse - slope) + EPS * (INNER * size + abs(slope)) + SMALLEST
            found.append((slope, error if math.isfinite(error) else math.inf))
            # relative to the slope or, as that may be 0, to |f| over the scale on which f varies
            settled = settled and error <= SETTLED * (abs(slope) + factor * STEP * size)
        best = [min(pair, key=lambda one: one[1]) for pair in zip(best or found, found, strict=True)]
        if settled:
            break
    return best


def _quotients(
    function: Callable[[list[float]], Sequence[float]], numbers: list[float], i: int, step: float
) -> list[tuple[float, float]]:
    """Return, for each result, (f(x + h) - f(x - h)) / 2h and (|f(x + h)| + |f(x - h)|) / 2h."""
    above, below = list(numbers), list(numbers)
    above[i] += step
    below[i] -= step
    width = above[i] - below[i]  # not 2 * step: x + h and x - h have been rounded, and this is what they differ by
    return [
        ((up - down) / width, (abs(up) + abs(down)) / width)
        for up, down in zip(function(above), function(below), strict=True)
    ]


# ---------------------------------------------------------------- arguments and their names


def _on_numbers(
    f: Callable[..., Any], args: tuple[Tree, ...]
) -> tuple[list[float], Callable[[list[float]], list[float]], Callable[[list[Any]], Any]]:
    """Return the numbers in the arguments, the value of ``f`` at a list of them, and ``f`` on a list of Values."""
    numbers = [float(leaf) for leaf in flatten(args)]
    if not numbers:
        raise ParameterError("there is nothing to vary: f was given no numbers; pass the point after f")

    def function(leaves: list[Any]) -> Any:
        result = f(*rebuild(args, leaves))
        if isinstance(result, (list, tuple, dict)):
            raise NotARealNumberError(f"f needs one number as its result, got {result!r}; return their sum")
        return result if isinstance(result, Value) else real(result, "the result of f")

    def values(point: list[float]) -> list[float]:
        return [float(function([Value(x) for x in point]))]

    return numbers, values, function


def _named(f: Callable[..., Any], args: tuple[Tree, ...]) -> list[tuple[str, Tree]]:
    """Return the arguments with the parameter names of ``f``; ``args`` where it does not tell them."""
    if isinstance(f, Primitive) and f.arity == len(args):
        return list(zip(f.operands, args, strict=True))
    try:
        return list(inspect.signature(f).bind(*args).arguments.items())
    except (TypeError, ValueError):
        return [("args", args)]


def _paths(name: str, tree: Tree) -> Iterator[str]:
    """Yield the name of each number in a tree, in the order of ``flatten``: ``p['w'][2]``."""
    if isinstance(tree, dict):
        for key, branch in tree.items():
            yield from _paths(f"{name}[{key!r}]", branch)
    elif isinstance(tree, (list, tuple)):
        for i, branch in enumerate(tree):
            yield from _paths(f"{name}[{i}]", branch)
    else:
        yield name
