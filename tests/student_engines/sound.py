"""A student's engine without mistakes: closures, both kinds of operands, a topological order."""

import math


class Value:
    def __init__(self, data, parents=()):
        self.data = float(data)
        self.grad = 0.0
        self.parents = parents
        self.hand_on = lambda: None

    # What the buggy engines replace: how a result is wired up, how a parent receives, and backward in three parts.

    def result(self, data, parents, slopes):
        out = type(self)(data, parents)

        def hand_on():
            for parent, slope in zip(parents, slopes, strict=True):
                parent.receive(slope * out.grad)

        out.hand_on = hand_on
        return out

    def receive(self, amount):
        self.grad += amount

    def order(self):
        done, order = set(), []

        def visit(node):
            if id(node) not in done:
                done.add(id(node))
                for parent in node.parents:
                    visit(parent)
                order.append(node)

        visit(self)
        return order[::-1]

    def prepare(self):
        for node in Value.order(self):
            if node.parents:
                node.grad = 0.0
        self.grad += 1.0

    def backward(self):
        self.prepare()
        for node in self.order():
            node.hand_on()

    # Operations.

    def wrap(self, other):
        return other if isinstance(other, Value) else type(self)(other)

    def __add__(self, other):
        other = self.wrap(other)
        return self.result(self.data + other.data, (self, other), (1.0, 1.0))

    def __sub__(self, other):
        other = self.wrap(other)
        return self.result(self.data - other.data, (self, other), (1.0, -1.0))

    def __mul__(self, other):
        other = self.wrap(other)
        return self.result(self.data * other.data, (self, other), (other.data, self.data))

    def __truediv__(self, other):
        other = self.wrap(other)
        slopes = (1 / other.data, -self.data / other.data**2)
        return self.result(self.data / other.data, (self, other), slopes)

    def __pow__(self, n):
        return self.result(self.data**n, (self,), (n * self.data ** (n - 1),))

    def __neg__(self):
        return self.result(-self.data, (self,), (-1.0,))

    def __radd__(self, other):
        return self + other

    def __rmul__(self, other):
        return self * other

    def __rsub__(self, other):
        return self.wrap(other) - self

    def __rtruediv__(self, other):
        return self.wrap(other) / self

    def tanh(self):
        t = math.tanh(self.data)
        return self.result(t, (self,), (1 - t * t,))

    def exp(self):
        e = math.exp(self.data)
        return self.result(e, (self,), (e,))

    def cos(self):
        return self.result(math.cos(self.data), (self,), (-math.sin(self.data),))

    def relu(self):
        return self.result(max(0.0, self.data), (self,), (float(self.data > 0),))

    def leaky_relu(self, alpha=0.01):
        slope = 1.0 if self.data > 0 else alpha
        return self.result(slope * self.data, (self,), (slope,))


def softmax(values):
    shifted = [value.exp() for value in values]
    total = shifted[0]
    for value in shifted[1:]:
        total = total + value
    return [value / total for value in shifted]
