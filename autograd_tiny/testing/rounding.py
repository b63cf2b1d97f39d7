"""How large rounding errors can be: a first-order bound, read off the recorded graph.

Every operation rounds its result, and the root feels an error of a node as strongly as its adjoint says. The sum over
all nodes of |adjoint| * eps * size is therefore a bound to first order (Linnainmaa 1976, "Taylor expansion of the
accumulated rounding error"; Iri 1984, "Simultaneous computation of functions, partial derivatives and estimates of
rounding errors"): reverse mode itself tells how far its input can be trusted.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence

from ..higher_order import VALUES
from ..primitive import Primitive
from ..value import Value, topological_order

EPS = sys.float_info.epsilon
"""Twice the error of one correctly rounded operation; what a good math library stays within."""


def rounding_error(root: Value) -> float:
    """Return a first-order bound on the rounding error of ``root.data``.

    >>> x = Value(1.0)
    >>> rounding_error((x + 1e10) - 1e10) > 1e-6
    True
    >>> rounding_error(x) == 0.0
    True
    """
    bound = 0.0
    for node, adjoint in reversed(adjoints(root).items()):
        if node.op is not None:
            bound += abs(adjoint) * _own_error(node, node.op)
    return bound


def _own_error(node: Value, op: Primitive) -> float:
    """Return a bound on the error that an operation adds by itself.

    An operation made of others, such as 1 + tanh(x) inside gelu, may cancel inside: its value rule, run on Values, is a
    graph like any other. For an elementary one it is eps times |result| + sum of |slope * operand|.
    """
    operands = tuple([Value(parent.data) for parent in node.parents])
    try:
        inside = op.value(VALUES, *op.grouped(operands))
        if isinstance(inside, Value) and inside.op is not None and inside.op.name != op.name:
            return rounding_error(inside)
    except Exception:  # a user's rule may do what only numbers can
        pass
    terms: list[float] = [slope * parent.data for parent, slope in zip(node.parents, node.slopes, strict=True)]
    return EPS * (abs(node.data) + sum(map(abs, terms)))


def path_sums(root: Value, variables: Sequence[Value]) -> list[float]:
    """Return, for each variable, the sum over all paths to the root of |product of the slopes|.

    A gradient is the same sum with signs, so its rounding error is of the order of eps times this.

    >>> x = Value(3.0)
    >>> path_sums(x * x - 6 * x, [x])
    [12.0]
    """
    total = adjoints(root, variables, abs)
    return [total[variable] for variable in variables]


def adjoints(
    root: Value, variables: Sequence[Value] = (), weight: Callable[[float], float] = float
) -> dict[Value, float]:
    """Return for each node the sum over all paths to the root of the product of the recorded slopes.

    It is d root / d node, added up here once more: a check of ``backward()`` must not lean on it.

    Args:
        root: where the paths end.
        variables: nodes that count as independent, as in :func:`autograd_tiny.value.gradients`.
        weight: what to make of each slope before it is multiplied; ``abs`` leaves the signs out.

    >>> x = Value(3.0)
    >>> adjoints(x * x - 6 * x, [x])[x]
    0.0
    """
    order = topological_order([root], stop=variables)
    total = dict.fromkeys([*variables, *order], 0.0)
    total[root] += 1.0
    for node in reversed(order):
        for parent, slope in zip(node.parents, node.slopes, strict=True):
            total[parent] += weight(slope) * total[node]
    return total


def depth(root: Value) -> int:
    """Return how many operations the longest path to the root has.

    >>> x = Value(3.0)
    >>> depth((x * x).tanh())
    2
    """
    longest: dict[Value, int] = {}
    for node in topological_order([root]):
        longest[node] = 1 + max([longest[parent] for parent in node.parents], default=-1)
    return longest[root]


class Bound:
    """How large rounding errors of one recorded number can be.

    Attributes:
        here: a bound at the point; 0 where an infinite slope leaves none.
    """

    def __init__(self, root: Value, leaves: Sequence[Value]) -> None:
        here = rounding_error(root)
        self.here = here if math.isfinite(here) else 0.0
        self._depth = depth(root)
        self._sums = [total if math.isfinite(total) else 0.0 for total in path_sums(root, leaves)]

    def of_slope(self, i: int) -> float:
        """Return a bound on the rounding error of the derivative with respect to leaf ``i``."""
        return self._depth * EPS * self._sums[i]

    def at(self, i: int, offset: float) -> float:
        """Return a bound on the rounding error of the number when leaf ``i`` is moved."""
        return self.here + self.of_slope(i) * abs(offset)
