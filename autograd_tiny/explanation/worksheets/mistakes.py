"""Recognisable mistakes: for a number of a worksheet, the wrong numbers that a known slip leads to, each with a name.

A mistake is a rule: a generator that takes a Case and yields pairs of a wrong number and what it tells. The name
of the function is the name of the mistake.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from ...graph import Node, number_text
from ...primitive import IEEEFloat, Primitive, ieee_floats
from .sheet import Place

if TYPE_CHECKING:
    from ..steps import Explanation

Found: TypeAlias = "Iterator[tuple[float, str]]"


class Contributor(NamedTuple):
    """One node that hands a contribution to the node asked about."""

    node: Node
    place: Place


class Case:
    """One number of the computation among the numbers that somebody worked with.

    Args:
        explanation: the step records.
        numbers: the numbers worked with, by their place.
        place: the number in question.
    """

    def __init__(self, explanation: Explanation, numbers: Mapping[Place, float], place: Place) -> None:
        self.graph = explanation.graph
        self.numbers = numbers
        self.place = place
        self.node = self.graph.nodes[place.node]
        self.parents = self.graph.parents(self.node)

    @property
    def op(self) -> Primitive:
        """The operation of the node; only asked of results."""
        if self.node.op is None:
            raise LookupError(f"{self.node.name} is a leaf")
        return self.node.op

    @property
    def exponent(self) -> float | None:
        """The exponent, where the node is a power with a fixed one."""
        return self.op.params["n"] if self.op.name == "power" else None

    @property
    def operands(self) -> list[float]:
        """The values of the node's parents."""
        return [self.numbers[Place("value", parent.index)] for parent in self.parents]

    @property
    def parent(self) -> Node:
        """The parent that a slope or contribution belongs to."""
        return self.parents[self.place.operand]

    @property
    def upstream(self) -> float:
        """The gradient of the node."""
        return self.numbers[Place("gradient", self.node.index)]

    @property
    def value(self) -> float:
        """The value of the node."""
        return self.numbers[Place("value", self.node.index)]

    @property
    def parent_value(self) -> float:
        """The value of the parent."""
        return self.numbers[Place("value", self.parent.index)]

    def slope(self, operand: int) -> float:
        """The slope of the node for one of its operands."""
        return self.numbers[Place("slope", self.node.index, operand)]

    def slopes(self, operand: int) -> list[float]:
        """The slope for an operand, as it is given and as it follows from the values."""
        return [self.slope(operand), slopes_of(self.op, self.value, self.operands)[operand]]

    @property
    def others(self) -> list[int]:
        """The node's operands other than the one asked about."""
        return [k for k, parent in enumerate(self.parents) if parent.index != self.parent.index]

    @property
    def contributors(self) -> list[Contributor]:
        """The contributions to the node, in the order in which they arrive."""
        return [
            Contributor(user, Place("contribution", user.index, k))
            for user in reversed(self.graph.nodes)
            for k, parent in enumerate(user.parents)
            if parent == self.node.index
        ]

    @property
    def received(self) -> list[tuple[str, float]]:
        """The contributions to the node: the name of the contributor and the number."""
        return [(contributor.node.name, self.numbers[contributor.place]) for contributor in self.contributors]

    # ------------------------------------------------------------ what is right here

    @property
    def sources(self) -> list[Place]:
        """The numbers that this one is computed from."""
        kind, index, operand = self.place
        values = [Place("value", parent.index) for parent in self.parents]
        if kind == "value":
            return values
        if kind == "slope":
            return [*values, Place("value", index)]
        if kind == "contribution":
            return [Place("gradient", index), Place("slope", index, operand)]
        return [contributor.place for contributor in self.contributors]

    def expected(self) -> list[float]:
        """Return what follows from the sources; two numbers where a slope can be had from operands or from result."""
        if self.place.kind == "value":
            return [value_of(self.op, self.operands)]
        if self.place.kind == "slope":
            own = slopes_of(self.op, self.value, self.operands)
            again = slopes_of(self.op, value_of(self.op, self.operands), self.operands)
            return [own[self.place.operand], again[self.place.operand]]
        if self.place.kind == "contribution":
            return [self.upstream * self.slope(self.place.operand)]
        return [sum(self.numbers[place] for place in self.sources)]


def value_of(op: Primitive, operands: Sequence[float]) -> float:
    """Return the value of an operation at numbers that nobody has checked, nan where its rule fails."""
    try:
        return float(op.value(ieee_floats, *op.grouped(tuple(map(IEEEFloat, operands)))))
    except (ArithmeticError, ValueError, TypeError):
        return math.nan


def slopes_of(op: Primitive, result: float, operands: Sequence[float]) -> list[float]:
    """Return the slopes of an operation for a result that need not be the right one, nan where its rule fails."""
    try:
        careful = op.grouped(tuple(map(IEEEFloat, operands)))
        return [float(slope) for slope in op.slopes(ieee_floats, IEEEFloat(result), *careful)]
    except (ArithmeticError, ValueError, TypeError):
        return [math.nan] * len(operands)


# ---------------------------------------------------------------- the rules

Rule = Callable[[Case], Found]
RULES: dict[str, list[Rule]] = {"value": [], "slope": [], "contribution": [], "gradient": []}
"""By kind of number, the most telling first."""
LAST_RESORT: list[Rule] = []
"""Rules for every kind, asked when no other fits."""


def _rule(*kinds: str) -> Callable[[Rule], Rule]:
    def keep(rule: Rule) -> Rule:
        for kind in kinds:
            RULES[kind].append(rule)
        return rule

    return keep


@_rule("value", "slope", "contribution", "gradient")
def wrong_sign(case: Case) -> Found:
    for number in case.expected():
        yield -number, "the sign is wrong"


# -------- values


@_rule("value")
def operands_in_the_wrong_order(case: Case) -> Found:
    if len(case.parents) == 2:
        yield value_of(case.op, case.operands[::-1]), "the operands are in the wrong order"


@_rule("value")
def another_operation(case: Case) -> Found:
    instead = "instead of carrying out"
    formula = case.graph.formula(case.node)
    if len(case.parents) == 2:
        a, b = map(IEEEFloat, case.operands)
        yield a + b, f"the operands were added {instead} {formula}"
        yield a * b, f"the operands were multiplied {instead} {formula}"
        yield a - b, f"the operands were subtracted {instead} {formula}"
        yield a / b, f"the operands were divided {instead} {formula}"
    elif case.exponent is not None:
        yield case.operands[0] * case.exponent, f"the number was multiplied by the exponent {instead} {formula}"


@_rule("value")
def operation_not_applied(case: Case) -> Found:
    if len(case.parents) == 1:
        name = case.parents[0].name
        yield case.operands[0], f"this is {name} itself: the operation {case.op.name} is missing"


@_rule("value")
def degrees_instead_of_radians(case: Case) -> Found:
    if case.op.name in ("sin", "cos", "tan"):
        yield value_of(case.op, [math.radians(case.operands[0])]), "the angle was taken in degrees; use radians"


@_rule("value")
def logarithm_to_base_10(case: Case) -> Found:
    if case.op.name == "log":
        yield case.expected()[0] / math.log(10.0), "this is the logarithm to base 10; log is the natural logarithm"


# -------- slopes


@_rule("slope")
def slope_of_the_wrong_operand(case: Case) -> Found:
    for k in case.others:
        for slope in case.slopes(k):
            yield slope, f"this is the slope for {case.parents[k].name}, not for {case.parent.name}"


@_rule("slope")
def power_rule_half_done(case: Case) -> Found:
    n = case.exponent
    if n is not None:
        x = case.operands[0]
        power = value_of(case.op.bind(n=n - 1.0), [x])
        yield power, f"the exponent came down by one, but the factor {number_text(n)} is missing"
        yield n * case.value, "the exponent must come down by one"
        yield n, f"this is the exponent alone: the factor {number_text(power)} is missing"


@_rule("slope")
def slope_times_upstream(case: Case) -> Found:
    for slope in case.expected():
        yield slope * case.upstream, "this is the contribution: the upstream does not belong to the slope"


@_rule("slope")
def slope_upside_down(case: Case) -> Found:
    yield (
        1.0 / IEEEFloat(case.expected()[0]),
        f"this is d {case.parent.name} / d {case.node.name}: the slope is upside down",
    )


@_rule("slope")
def slope_at_the_wrong_number(case: Case) -> Found:
    if len(case.parents) == 1:
        (x,), y = case.operands, case.value
        yield slopes_of(case.op, x, [x])[0], f"{case.parent.name} was used where the slope needs {case.node.name}"
        yield (
            slopes_of(case.op, value_of(case.op, [y]), [y])[0],
            f"{case.node.name} was used where the slope needs {case.parent.name}",
        )


@_rule("slope")
def slope_of_an_angle_in_degrees(case: Case) -> Found:
    if case.op.name in ("sin", "cos", "tan"):
        x = math.radians(case.operands[0])
        yield slopes_of(case.op, value_of(case.op, [x]), [x])[0], "the angle was taken in degrees; use radians"


# -------- contributions


@_rule("contribution")
def forgot_the_upstream(case: Case) -> Found:
    yield (
        case.slope(case.place.operand),
        f"this is the slope alone: the factor upstream, {number_text(case.upstream)}, is missing",
    )


@_rule("contribution")
def forgot_the_slope(case: Case) -> Found:
    slope = number_text(case.slope(case.place.operand))
    yield case.upstream, f"this is the upstream alone: the factor slope, {slope}, is missing"


@_rule("contribution")
def used_the_slope_of_another_operand(case: Case) -> Found:
    for k in case.others:
        name = case.parents[k].name
        for slope in case.slopes(k):
            yield case.upstream * slope, f"the slope for {name} was used instead of that for {case.parent.name}"


@_rule("contribution")
def added_upstream_and_slope(case: Case) -> Found:
    yield case.upstream + case.slope(case.place.operand), "upstream and slope were added; multiply them"


@_rule("contribution")
def divided_by_the_slope(case: Case) -> Found:
    yield case.upstream / IEEEFloat(case.slope(case.place.operand)), "the upstream was divided by the slope; multiply"


@_rule("contribution")
def gave_the_whole_gradient(case: Case) -> Found:
    yield (
        case.numbers[Place("gradient", case.parent.index)],
        f"this is the whole gradient of {case.parent.name}; the question is what {case.node.name} adds to it",
    )


# -------- gradients


@_rule("gradient")
def forgot_one_contribution(case: Case) -> Found:
    (total,), received = case.expected(), case.received
    if len(received) > 1:
        for name, number in received:
            yield total - number, f"the contribution of {name}, {number_text(number)}, is missing"


@_rule("gradient")
def kept_only_one_contribution(case: Case) -> Found:
    received = case.received
    if len(received) > 2:
        for name, number in received:
            yield number, f"this is the contribution of {name} alone: add up all {len(received)} (+=, not =)"


@_rule("gradient")
def multiplied_the_contributions(case: Case) -> Found:
    factors = [number for _, number in case.received]
    if sum(abs(factor) != 1.0 for factor in factors) > 1:  # else a missing contribution is likelier
        yield math.prod(factors), "the contributions were multiplied; add them"


@_rule("gradient")
def one_contribution_with_the_wrong_sign(case: Case) -> Found:
    (total,), received = case.expected(), case.received
    if len(received) > 1:
        for name, number in received:
            yield total - 2.0 * number, f"the contribution of {name} has the wrong sign in the sum"


@_rule("gradient")
def counted_a_contribution_twice(case: Case) -> Found:
    (total,), received = case.expected(), case.received
    if len(received) > 1:
        for name, number in received:
            yield total + number, f"the contribution of {name} was added twice"


@_rule("gradient")
def took_the_mean_of_the_contributions(case: Case) -> Found:
    (total,) = case.expected()
    yield total / len(case.contributors), "this is their mean; add them up"


@_rule("gradient")
def added_slopes_without_upstream(case: Case) -> Found:
    slopes = [case.numbers[c.place._replace(kind="slope")] for c in case.contributors]
    alone = "these are the slopes added up" if len(slopes) > 1 else "this is the slope alone"
    yield sum(slopes), f"{alone}: the factor upstream is missing"


@_rule("gradient")
def added_upstreams_without_slope(case: Case) -> Found:
    upstreams = [case.numbers[Place("gradient", c.node.index)] for c in case.contributors]
    alone = "these are the upstreams added up" if len(upstreams) > 1 else "this is the upstream alone"
    yield sum(upstreams), f"{alone}: the factor slope is missing"


# -------- what fits only when nothing else does


def _last(rule: Rule) -> Rule:
    LAST_RESORT.append(rule)
    return rule


@_last
def value_instead_of_derivative(case: Case) -> Found:
    if case.place.kind == "value":
        return
    names = [case.node] if case.place.kind == "gradient" else [case.parent, case.node]
    for node in names:
        yield case.numbers[Place("value", node.index)], f"this is the value of {node.name}, not a derivative"


@_last
def multiplied_by_a_value(case: Case) -> Found:
    if case.place.kind == "contribution":
        for name, value in ((case.parent.name, case.parent_value), (case.node.name, case.value)):
            yield case.upstream * value, f"the upstream was multiplied by the value of {name} instead of by the slope"


@_last
def gradient_instead_of_value(case: Case) -> Found:
    if case.place.kind == "value":
        yield case.upstream, f"this is the gradient of {case.node.name}; asked is its value"


@_last
def treated_as_constant(case: Case) -> Found:
    if case.place.kind != "value":
        name = case.node.name if case.place.kind == "gradient" else case.parent.name
        yield 0.0, f"0 is right for a constant, and {name} is none"


@_last
def slope_of_a_sum(case: Case) -> Found:
    if case.place.kind == "slope":
        yield 1.0, f"1 is the slope of a sum, and this is {case.graph.formula(case.node)}"


@_last
def decimal_point_slipped(case: Case) -> Found:
    for factor in (10.0, 0.1, 100.0, 0.01):
        yield factor * case.expected()[0], "the decimal point is in the wrong place"


def name_of(rule: Rule) -> str:
    """Return a rule's name as words."""
    return rule.__name__.replace("_", " ")
