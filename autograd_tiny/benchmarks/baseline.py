"""The yardstick: a scalar autodiff engine with nothing in it that the method does not need.

Every node keeps its number, the nodes it was made from and one slope per such node, computed at once.
``backward`` is two recursive lines and a loop. There is no metadata, no IEEE 754 answer where Python
raises, no protection when something fails half-way, and graphs may only be as deep as Python recurses.
"""

from __future__ import annotations

import math
from typing import TypeAlias

Operand: TypeAlias = "Value | float"


class Value:
    __slots__ = ("data", "grad", "parents", "slopes")

    def __init__(self, data: float, parents: tuple[Value, ...] = (), slopes: tuple[float, ...] = ()) -> None:
        self.data = data
        self.grad = 0.0
        self.parents = parents
        self.slopes = slopes

    def __add__(self, other: Operand) -> Value:
        other = other if isinstance(other, Value) else Value(other)
        return Value(self.data + other.data, (self, other), (1.0, 1.0))

    def __mul__(self, other: Operand) -> Value:
        other = other if isinstance(other, Value) else Value(other)
        return Value(self.data * other.data, (self, other), (other.data, self.data))

    def __pow__(self, n: float) -> Value:
        return Value(self.data**n, (self,), (n * self.data ** (n - 1),))

    def relu(self) -> Value:
        return Value(max(0.0, self.data), (self,), (float(self.data > 0.0),))

    def exp(self) -> Value:
        y = math.exp(self.data)
        return Value(y, (self,), (y,))

    def log(self) -> Value:
        return Value(math.log(self.data), (self,), (1.0 / self.data,))

    def __neg__(self) -> Value:
        return self * -1.0

    def __sub__(self, other: Operand) -> Value:
        return self + (-other)

    def __truediv__(self, other: Operand) -> Value:
        return self * other**-1.0

    def __radd__(self, other: Operand) -> Value:
        return self + other

    def __rsub__(self, other: Operand) -> Value:
        return other + (-self)

    def __rmul__(self, other: Operand) -> Value:
        return self * other

    def __rtruediv__(self, other: Operand) -> Value:
        return other * self**-1.0

    def backward(self) -> None:
        order: list[Value] = []
        seen = set()

        def visit(node: Value) -> None:
            if node not in seen:
                seen.add(node)
                for parent in node.parents:
                    visit(parent)
                order.append(node)

        visit(self)
        self.grad = 1.0
        for node in reversed(order):
            for parent, slope in zip(node.parents, node.slopes):  # noqa: B905 - checking the lengths costs time
                parent.grad += slope * node.grad
