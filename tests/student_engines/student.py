"""My autograd, week 3."""

import math


class Value:
    """One number, and how it was made."""

    def __init__(self, data, children=()):
        self.data = data
        self.grad = 0
        self.children = children
        self.backward_step = lambda: None

    def __add__(self, other):
        out = Value(self.data + other.data, (self, other))

        def step():
            self.grad = out.grad
            other.grad = out.grad

        out.backward_step = step
        return out

    def __mul__(self, other):
        out = Value(self.data * other.data, (self, other))

        def step():
            self.grad = other.data * out.grad
            other.grad = self.data * out.grad

        out.backward_step = step
        return out

    def tanh(self):
        t = math.tanh(self.data)
        out = Value(t, (self,))

        def step():
            self.grad = (1 - t**2) * out.grad

        out.backward_step = step
        return out

    def backward(self):
        order = []
        visited = set()

        def build(node):
            if node not in visited:
                visited.add(node)
                for child in node.children:
                    build(child)
                order.append(node)

        build(self)
        self.grad = 1
        for node in reversed(order):
            print("at", node.data)
            node.backward_step()


a = Value(2.0)
b = Value(-3.0)
c = (a * b).tanh()
c.backward()
print("it works:", a.grad, b.grad)
