"""Slopes as Values: what ``create_graph=True`` needs to make gradients that can be differentiated again.

The slope rules run on Values instead of floats, so that a gradient is a graph like any other.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from .errors import StaleValueError
from .primitive import Primitive, registry
from .recording import describe

if TYPE_CHECKING:
    from .value import Value


class _Nothing:
    """The empty sum: nothing + x is x, without recording an addition."""

    def __add__(self, other: Any) -> Any:
        return other


class _One:
    """A slope of exactly 1: one * x is x, without recording a product."""

    def __mul__(self, other: Any) -> Any:
        return other


NOTHING, ONE = _Nothing(), _One()


class _Values:
    """The number namespace on which rules give Values."""

    @staticmethod
    def where(condition: bool, a: Any, b: Any) -> Any:
        return a if condition else b

    @staticmethod
    def pow(x: Any, y: Any) -> Any:
        recorded = any(hasattr(number, "_record_operation") for number in (x, y))
        return x**y if recorded else registry["pow"](x, y)  # Python's ** of plain numbers may raise or turn complex

    def __getattr__(self, name: str) -> Primitive:
        if name in registry:
            return registry[name]
        raise AttributeError(f"slope rules may use registered operations; {name!r} is none")


VALUES = _Values()


def slopes_as_values(node: Value) -> Iterable[Any]:
    """Return the slopes of a node as Values of its parents, so that they can be differentiated again.

    Raises:
        StaleValueError: when a parent's data has changed since the forward pass.
    """
    if node.op is None:
        return ()
    if node.op.constant_slopes:
        return [ONE if slope == 1.0 else slope for slope in node.op.constant_slopes]
    result, slopes = node.op.evaluate(*[parent.data for parent in node.parents])
    for now, then in zip((result, *slopes), (node.data, *node.slopes), strict=True):
        if now != then and (now == now or then == then):
            raise StaleValueError(
                f"{describe(node)} was computed from other numbers than its operands hold now ({then} then, {now} "
                "now), so it cannot be differentiated twice; run the forward pass again"
            )
    return [
        ONE if type(slope) is float and slope == 1.0 else slope
        for slope in node.op.slopes(VALUES, node, *node.op.grouped(node.parents))
    ]
