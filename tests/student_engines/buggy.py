"""The sound engine with one classic mistake each; ``MISTAKES`` says what the diagnosis has to be."""

import math
import random
from collections import deque

from student_engines.sound import Value


class Assigns(Value):
    def receive(self, amount):
        self.grad = amount


class AssignsInAdd(Value):
    def __add__(self, other):
        other = self.wrap(other)
        out = type(self)(self.data + other.data, (self, other))

        def hand_on():
            self.grad = out.grad
            other.grad = out.grad

        out.hand_on = hand_on
        return out


class AssignsInMul(Value):
    def __mul__(self, other):
        other = self.wrap(other)
        x, y = self.data, other.data
        out = type(self)(x * y, (self, other))

        def hand_on():
            self.grad = y * out.grad
            other.grad = x * out.grad

        out.hand_on = hand_on
        return out


class RevisitsParents(Value):
    def backward(self):
        self.prepare()
        self.push()

    def push(self):
        self.hand_on()
        for parent in self.parents:
            parent.push()


class PushesAccumulatedGradients(Value):
    """The recursion takes the upstream as an argument, and hands on what has accumulated instead."""

    def __init__(self, data, parents=()):
        super().__init__(data, parents)
        self.slopes = ()

    def result(self, data, parents, slopes):
        out = type(self)(data, parents)
        out.slopes = slopes
        return out

    def backward(self, upstream=1.0):
        if upstream == 1.0 and self.parents:
            for node in self.order()[1:]:
                node.grad = node.grad if not node.parents else 0.0
            self.grad = 0.0
        self.push(upstream)

    def push(self, upstream):
        self.grad += upstream
        for parent, slope in zip(self.parents, self.slopes, strict=True):
            parent.push(slope * self.grad)


class PreOrder(Value):
    def order(self):
        order = []

        def visit(node):
            if not any(node is known for known in order):
                order.append(node)
                for parent in node.parents:
                    visit(parent)

        visit(self)
        return order


class LastParentFirst(Value):
    def order(self):
        order, stack = [], [self]
        while stack:
            node = stack.pop()
            if not any(node is known for known in order):
                order.append(node)
                stack.extend(node.parents)
        return order


class BreadthFirst(Value):
    def order(self):
        order, queue = [], deque([self])
        while queue:
            node = queue.popleft()
            if not any(node is known for known in order):
                order.append(node)
                queue.extend(node.parents)
        return order


class ForgetsReversed(Value):
    def order(self):
        return super().order()[::-1]


class NeverResets(Value):
    def prepare(self):
        self.grad = 1.0


class NeverResetsAndAddsSeeds(Value):
    def prepare(self):
        self.grad += 1.0


class ResetsEverything(Value):
    def prepare(self):
        for node in self.order():
            node.grad = 0.0
        self.grad = 1.0


class ForgetsSeed(Value):
    def prepare(self):
        pass


class ParentsInSet(Value):
    """Its order varies with the addresses of the nodes."""

    def result(self, data, parents, slopes):
        out = type(self)(data, self.each_once(parents))

        def hand_on():
            for parent, slope in zip(out.parents, slopes, strict=False):
                parent.receive(slope * out.grad)

        out.hand_on = hand_on
        return out

    def each_once(self, parents):
        return set(parents)


class ParentsInOrderedSet(ParentsInSet):
    """Here the order is always the same, so that the numbers are, too."""

    def each_once(self, parents):
        return sorted(set(parents), key=lambda node: node.data)


class ParentsInVaryingOrder(ParentsInSet):
    """As with a set, and the same on every machine."""

    draws = random.Random(1)

    def each_once(self, parents):
        once = list(dict.fromkeys(parents))
        self.draws.shuffle(once)
        return once


class LateBinding(Value):
    def result(self, data, parents, slopes):
        out = type(self)(data, parents)
        rules = []
        for parent, slope in zip(parents, slopes, strict=True):
            rules.append(lambda: parent.receive(slope * out.grad))  # noqa: B023 - the mistake itself
        out.hand_on = lambda: [rule() for rule in rules]
        return out


class StaleClosure(Value):
    def __mul__(self, other):
        other = self.wrap(other)
        out = type(self)(self.data * other.data, (self, other))

        def hand_on():
            self.receive(other.data * out.grad)
            other.receive(self.data * out.grad)

        out.hand_on = hand_on
        return out


class EqualIsSame(Value):
    def __eq__(self, other):
        return self.data == other.data

    def __hash__(self):
        return hash(self.data)

    def order(self):
        visited, order = [], []

        def visit(node):
            if node not in visited:
                visited.append(node)
                for parent in node.parents:
                    visit(parent)
                order.append(node)

        visit(self)
        return order[::-1]


class ForgetsUpstream(Value):
    def tanh(self):
        t = math.tanh(self.data)
        out = type(self)(t, (self,))
        out.hand_on = lambda: self.receive(1 - t * t)
        return out


class ForgetsUpstreamEverywhere(Value):
    def result(self, data, parents, slopes):
        out = type(self)(data, parents)
        out.hand_on = lambda: [parent.receive(slope) for parent, slope in zip(parents, slopes, strict=True)]
        return out


class SwapsSlopes(Value):
    def __mul__(self, other):
        other = self.wrap(other)
        return self.result(self.data * other.data, (self, other), (self.data, other.data))

    def __truediv__(self, other):
        other = self.wrap(other)
        slopes = (-self.data / other.data**2, 1 / other.data)
        return self.result(self.data / other.data, (self, other), slopes)


class WrongSecondSign(Value):
    def __sub__(self, other):
        other = self.wrap(other)
        return self.result(self.data - other.data, (self, other), (1.0, 1.0))


class WrongSign(Value):
    def cos(self):
        return self.result(math.cos(self.data), (self,), (math.sin(self.data),))


class ForgetsSlope(Value):
    def exp(self):
        return self.result(math.exp(self.data), (self,), (1.0,))


class WrongReflected(Value):
    def __rsub__(self, other):
        return self - other

    def __rtruediv__(self, other):
        return self / other


class AssignsAndIsStaleAndNeverResets(Value):
    """Three at a time."""

    def receive(self, amount):
        self.grad = amount

    prepare = NeverResets.prepare
    __mul__ = StaleClosure.__mul__


class WrongTanh(Value):
    """No classic: simply wrong."""

    def tanh(self):
        t = math.tanh(self.data)
        return self.result(t, (self,), (1 + t * t,))


REVISITS = "naive depth-first backward, no topological order"
INCOMPLETE = "a node hands on before its gradient is complete, no topological order"
NOT_RESET = "interior gradients are not reset"
STALE = "stale closure: the backward rule reads the data of now"

MISTAKES = {
    Assigns: ["= where += is needed"],
    AssignsInAdd: ["= where += is needed (in add)"],
    AssignsInMul: ["= where += is needed (in mul)"],
    RevisitsParents: [REVISITS],
    PushesAccumulatedGradients: [REVISITS],
    PreOrder: [INCOMPLETE],
    LastParentFirst: [INCOMPLETE],
    BreadthFirst: [INCOMPLETE],
    ForgetsReversed: ["the topological order is walked from the wrong end"],
    NeverResets: [NOT_RESET],
    NeverResetsAndAddsSeeds: [NOT_RESET],
    ResetsEverything: ["backward() resets the leaves"],
    ForgetsSeed: ["the root's gradient is not set to 1"],
    ParentsInOrderedSet: ["parents kept in a set"],
    ParentsInVaryingOrder: ["results depend on memory addresses"],
    LateBinding: ["late-binding closure: every contribution goes to the last operand"],
    StaleClosure: [STALE],
    EqualIsSame: ["nodes with equal numbers are taken for one node"],
    ForgetsUpstream: ["upstream gradient forgotten (in tanh)"],
    ForgetsUpstreamEverywhere: [
        "upstream gradient forgotten (in add, sub, mul, div, neg, power, exp, cos, tanh, relu, leaky_relu)"
    ],
    SwapsSlopes: ["slopes swapped: each operand gets the derivative of the other (in mul, div)"],
    WrongSecondSign: ["wrong sign for the second operand (in sub)"],
    WrongSign: ["wrong sign of the slope (in cos)"],
    ForgetsSlope: ["slope forgotten (in exp)"],
    WrongReflected: ["wrong reflected operator: 2 - x computed as x - 2 (in sub, div)"],
    AssignsAndIsStaleAndNeverResets: ["= where += is needed", STALE],
    WrongTanh: [],
}
