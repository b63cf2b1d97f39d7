"""Whose fault it is: every recorded operation is checked alone, and the sum over paths is done again."""

from __future__ import annotations

import math

from ..functional import grad
from ..primitive import Primitive
from ..recording import describe, record_lines
from ..value import Value, topological_order
from .problem import Problem
from .report import between
from .rounding import Bound, adjoints
from .verdicts import by_differences


def blame(problem: Problem, order: int, method: str = "differences") -> str:
    """Return who is guilty of wrong derivatives: an operation, a cut in the graph, a kink, or ``backward()``.

    Args:
        problem: the function whose derivatives are wrong.
        order: 1 when the gradient is wrong, 2 when only second derivatives are.
        method: the method of check_gradients that found it; the others stay inside the graph and see finer.

    >>> print(blame(Problem(lambda x: x * x.data, (3.0,)), 1))
    every recorded slope is right and they add up to the gradient: a part of f does not reach its result through
    the graph. Was .data, float(), math or detach() used?
    """
    with record_lines():
        leaves, root = problem.record()
    kinks: list[str] = []
    seen = set()
    for node in topological_order([root]):
        op, operands = node.op, [parent.data for parent in node.parents]
        case = (op, *operands)
        if op is None or case in seen:
            continue
        seen.add(case)
        fault = _fault_of(op, operands, order)
        if fault is not None:
            return f"guilty: {describe(node)}: {fault}"
        kinks += [f"{describe(node)}: {kink}" for kink in _kinks_at(op, operands)]
    if not _adds_up(problem, leaves, root):
        return (
            "every recorded slope is right, but the gradient is not the sum over all paths of their products:\n"
            "accumulation or order is wrong in backward(), or a hook changes gradients"
        )
    if kinks:
        return (
            "every recorded slope is right, and slopes chosen at kinks need not add up to a slope of f:\n"
            + "\n".join(kinks)
        )
    if method != "differences":
        return (
            "every recorded slope is right as far as differences can tell, and they add up to the gradient: the slope\n"
            "rule of an operation is off by less than that"
        )
    return (
        "every recorded slope is right and they add up to the gradient: a part of f does not reach its result through\n"
        "the graph. Was .data, float(), math or detach() used?"
    )


def _fault_of(op: Primitive, operands: list[float], order: int) -> str | None:
    """Return what is wrong with the derivatives of one operation alone at the operands it had, if anything is."""
    alone = Problem(lambda xs: op.apply(*xs), (operands,))
    count = len(operands)
    for k, row in enumerate(by_differences(alone, order, None)):
        if row.verdict == "wrong":
            i, j = divmod(k - count, count)
            what = (
                f"operand {k + 1} is" if row.order == 1 else f"operand {i + 1}, differentiated in operand {j + 1}, is"
            )
            return f"its slope in {what} {row.analytic:.10g} by its rule and {between(row, '.10g')} by differences"
    return None


def _kinks_at(op: Primitive, operands: list[float]) -> list[str]:
    gaps = op.gaps(*operands)
    return [f"{kink.where}, slope {kink.slope}" for kink, gap in zip(op.kinks, gaps, strict=True) if gap == 0.0]


def _adds_up(problem: Problem, leaves: list[Value], root: Value) -> bool:
    """Return whether the engine's gradient is the sum over all paths of the product of the recorded slopes."""
    total, bound = adjoints(root, leaves), Bound(root, leaves)
    return all(
        math.isclose(given, total[leaf], rel_tol=1e-12, abs_tol=bound.of_slope(i))
        for i, (given, leaf) in enumerate(zip(grad(problem)(problem.numbers), leaves, strict=True))
    )
