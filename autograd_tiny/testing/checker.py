"""check_gradients: the engine's derivatives against numbers from elsewhere, with a verdict for each.

A gap between two numbers means something only beside their errors. Differences come with an estimate of theirs
(``differences.py``), and the recorded graph bounds that of the gradient (``rounding.py``): the tolerance is what both
allow, and where it would hide the gradient itself the verdict is "inconclusive".

Second derivatives are differences of the gradient, which the first order has checked against values alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ..errors import ParameterError
from ..functional import Tree
from ..primitive import real
from ..recording import enable_grad
from .blame import blame
from .methods import METHODS
from .problem import Problem
from .report import GradientReport


def check_gradients(
    f: Callable[..., Any],
    *args: Tree,
    order: int = 1,
    tolerance: float | None = None,
    method: str = "differences",
) -> GradientReport:
    """Compare the derivatives of ``f`` with the same from elsewhere, and name the guilty operation if they differ.

    ``f`` is called with fresh Values, as :func:`autograd_tiny.grad` calls it. Each derivative gets a verdict: ok;
    subgradient, at a kink, where any slope between those of both sides is as right as another; wrong; inconclusive,
    where the numbers cannot tell. The methods:

    ============= ==================================================================================
    differences   difference quotients of the values of ``f``, extrapolated; for every function
    complex       Im f(x + ih) / h, exact to rounding, for graphs of analytic operations
    forward       forward mode against reverse mode: the same slopes, added up the other way
    fractions     exact rational numbers, for polynomials: derivatives from values must be equal exactly
    mpmath        50 digits, whatever the cancellation
    ============= ==================================================================================

    All but differences read the operations off the recorded graph: a part of ``f`` that is missing there, because
    ``.data`` or ``math`` was used, is found by differences only.

    Args:
        f: function of numbers or nested lists, tuples and dicts of them, with one number as its result.
        args: the point.
        order: 1 for the gradient, 2 for the second derivatives too, n of them for each of n numbers (with differences,
            forward and mpmath).
        tolerance: the gap allowed, as a fraction of max(1, |derivative|); by default what the estimated errors of
            both numbers allow.
        method: where the other numbers come from.

    Raises:
        NotARealNumberError: when an argument or the result of ``f`` is not a number.
        ParameterError: when there is no argument to vary, a setting is out of range, the method has no second
            derivatives, or ``f`` is no function.
        GraphError: when the method does not reach an operation of ``f``: one that is not analytic, not polynomial.
        MissingPackageError: for mpmath, when it is not installed.

    >>> from autograd_tiny import relu
    >>> report = check_gradients(lambda x, y: x * x * y, 3.0, 2.0)
    >>> report.ok, [(row.name, row.analytic) for row in report.rows]
    (True, [('x', 12.0), ('y', 9.0)])
    >>> print(check_gradients(lambda x, y: relu(x) * y, 0.0, 2.0))  # doctest: +ELLIPSIS
    gradients agree: 2 derivatives, 1 of them at a kink, largest gap 0.0e+00
    argument  analytic  numeric      gap  tolerance  verdict
    x                0   0 to 2  0.0e+00    ...e-14  subgradient: any slope from 0 to 2
    y                0        0  0.0e+00   ...  ok
    """
    if order not in (1, 2):
        raise ParameterError(f"order is 1 or 2, got {order!r}")
    if method not in list(METHODS):  # a dict refuses what has no hash with an error of its own
        raise ParameterError(f"method is one of {', '.join(METHODS)}, got {method!r}")
    if tolerance is not None and not real(tolerance, "tolerance") >= 0.0:
        raise ParameterError(f"tolerance is at least 0, got {tolerance!r}")
    problem = Problem(f, args)
    with enable_grad():  # the caller may have switched recording off
        rows = METHODS[method](problem, order, tolerance)
        first, second = problem.value(problem.numbers), problem.value(problem.numbers)
        if first != second and (first == first or second == second):
            reason = f"f gives different values at the same point, {first:.6g} and {second:.6g}: is it random?"
            rows = [replace(row, verdict="inconclusive", reason=reason) for row in rows]
        wrong = [row.order for row in rows if row.verdict == "wrong"]
        guilty = blame(problem, min(wrong), method) if wrong else ""
    return GradientReport(tuple(rows), guilty, getattr(f, "reproducer", "") if wrong else "")
