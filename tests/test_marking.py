"""Marking: right answers in any sensible writing, answers that follow from earlier ones, mistakes by their names."""

from __future__ import annotations

import json
import math
import re
from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_tiny import Value, cos, dot, forget, log, mark, maximum, primitive, sin, tanh, where, worksheet
from autograd_tiny.errors import ParameterError
from autograd_tiny.explanation import Worksheet, variants
from autograd_tiny.explanation.worksheets.marking import close, sheet_of
from autograd_tiny.explanation.worksheets.mistakes import LAST_RESORT, RULES, name_of
from autograd_tiny.testing import RandomExpression, expressions


def product() -> Worksheet:
    """V1 = a * b = -6 and v2 = v1 ** 2 = 36: upstream -12, contributions 36 and -24."""
    a, b = Value(2.0, "a"), Value(-3.0, "b")
    return worksheet((a * b) ** 2)


def random_sheet(f: RandomExpression, hide: Any = 1.0) -> Worksheet:
    leaves = [Value(x, name) for x, name in zip(f.point, f.variables, strict=True)]
    return worksheet(f(*leaves), hide)


def id_of(sheet: Worksheet, question: str) -> str:
    return next(blank.id for blank in sheet.blanks if blank.question == question)


def answer(root: Value, question: str, given: Any) -> Any:
    """Return the mark of one wrong answer on a sheet otherwise left blank."""
    sheet = worksheet(root)
    id = id_of(sheet, question)
    return mark(sheet, {id: given})[id]


# ---------------------------------------------------------------- right


@given(expressions(), st.sampled_from([0.4, 1.0]))
def test_the_keys_answers_are_all_right(f: RandomExpression, part: float) -> None:
    sheet = random_sheet(f, part)
    marks = mark(sheet, {blank.id: blank.answer for blank in sheet.blanks})
    assert marks.score == 1.0
    assert {m.verdict for m in marks.marks} == {"right"}


@given(expressions())
def test_answers_rounded_as_asked_are_right(f: RandomExpression) -> None:
    sheet = random_sheet(f)
    assert mark(sheet, {blank.id: f"{blank.answer:.3g}" for blank in sheet.blanks}).score == 1.0


@given(expressions())
def test_nothing_filled_in_earns_nothing(f: RandomExpression) -> None:
    sheet = random_sheet(f)
    marks = mark(sheet, dict.fromkeys((blank.id for blank in sheet.blanks), ""))
    assert marks.points == 0
    assert {m.verdict for m in marks.marks} == {"left out"}
    assert str(mark(sheet, {})) == str(marks)


@pytest.mark.parametrize(
    "given", ["-12", " -12.0 ", "\N{MINUS SIGN}12", "2 * (-6)", "-24/2", "-1.2e1", -12, -12.0, "-sqrt(144)"]
)
def test_writings_of_a_number(given: Any) -> None:
    sheet = product()
    assert mark(sheet, {id_of(sheet, "slope d v2 / d v1"): given}).points == 1


@pytest.mark.parametrize(
    "given",
    ["0,5", "b", "2a", "minus 12", "1/0", "nan", "9**9**9**9", "x" * 300, "__import__('os')", True, math.inf, 10**400],
)
def test_what_is_no_number(given: Any) -> None:
    m = mark(product(), {"B1": given})["B1"]
    assert (m.verdict, m.number) == ("not a number", None)


@pytest.mark.parametrize(
    ("given", "exact", "digits", "verdict"),
    [
        (0.667, 2 / 3, 3, True),
        (0.666, 2 / 3, 3, True),  # cut off
        (0.664, 2 / 3, 3, False),
        (0.67, 2 / 3, 2, True),
        (1003.0, 1000.0, 3, False),  # whole numbers have no rounding to hide behind
        (1230.0, 1234.0, 3, True),
        (1240.0, 1234.0, 3, False),
        (1200.0, 1234.0, 3, False),
        (101.0, 100.0, 3, False),
        (0.0, 1e-17, 3, True),
        (1.26, 1.25, 3, True),  # a whole unit of the last digit, and not a digit more
        (1.265, 1.25, 3, False),
        (1234.5, 1234.0, 3, True),
        (1e-4, 0.0, 3, False),
        (0.0012, 0.00123, 3, False),
        (1e-9, 0.0, 3, True),  # what is left of rounding
        (2e-9, 0.0, 3, False),
        (-4e-10, 4e-10, 3, False),  # a small number, and not what is left of rounding
        (4e-10, 4.001e-10, 3, True),
        (math.inf, 1.0, 3, False),
        (1.0, math.nan, 3, False),
    ],
)
def test_close(given: float, exact: float, digits: int, verdict: bool) -> None:
    assert close(given, exact, digits) is verdict


def test_numbers_computed_from_rounded_ones_are_right() -> None:
    """0.333 * 3 is 0.999: right, as the student's own 0.333 was."""
    x = Value(3.0, "x")
    sheet = worksheet((1 / x) * 9 - 3)
    third = id_of(sheet, "v1 = 1 / x")
    product = id_of(sheet, "v2 = v1 * 9")
    difference = id_of(sheet, "v3 = v2 - 3")
    marks = mark(sheet, {third: 0.333, product: 2.997, difference: -0.003})
    assert [marks[id].verdict for id in (third, product, difference)] == ["right"] * 3


def test_numbers_computed_from_those_on_the_sheet_are_right() -> None:
    """The sheet shows 0.33333 and -0.3333; their sum is 3e-05, though the gradient is 3.3333e-05."""
    x = Value(1.0, "x")
    sheet = worksheet(x / 3 - x * 0.3333, hide="gradients")
    id = id_of(sheet, "gradient d v3 / d x")
    found = mark(sheet, {id: "0.33333 - 0.3333"})[id]
    assert (found.verdict, found.remark) == ("right", "")
    assert mark(sheet, {id: 3.3333e-5})[id].verdict == "right"


def test_a_number_left_out_counts_as_it_is_and_not_as_rounded() -> None:
    sheet = worksheet(Value(1.0, "x") / 3 - 0.33333, hide="values")
    assert mark(sheet, {"B2": 0})["B2"].verdict == "wrong"
    assert mark(sheet, {"B1": 0.33333, "B2": 0})["B2"].verdict == "right"


# ---------------------------------------------------------------- follow-through


def test_what_follows_from_a_wrong_number_counts() -> None:
    sheet = product()
    ids = {blank.question: blank.id for blank in sheet.blanks}
    marks = mark(sheet, {
        ids["v1 = a * b"]: 6,
        ids["v2 = v1 ** 2"]: 36,
        ids["slope d v2 / d v1"]: 12,
        ids["contribution of v2 to v1"]: 12,
        ids["gradient d v2 / d v1"]: 12,
        ids["contribution of v1 to b"]: 24,
        ids["gradient d v2 / d b"]: 24,
    })  # fmt: skip
    said = {question: (marks[id].verdict, marks[id].remark) for question, id in ids.items() if marks[id].given}
    assert said == {
        "v1 = a * b": ("wrong", "the sign is wrong"),
        "v2 = v1 ** 2": ("right", ""),
        "slope d v2 / d v1": ("follows", "right from your v1 = 6"),
        "contribution of v2 to v1": ("follows", "right from your slope d v2 / d v1 = 12"),
        "gradient d v2 / d v1": ("follows", "right from your contribution of v2 to v1 = 12"),
        "contribution of v1 to b": ("follows", "right from your upstream of 12"),
        "gradient d v2 / d b": ("follows", "right from your contribution of v1 to b = 24"),
    }
    assert marks.points == 6
    assert "6 of 11 right (55 %), 5 of them from own earlier numbers" in str(marks)


def test_a_slope_may_follow_from_the_result_or_from_the_operand() -> None:
    sheet = worksheet(tanh(Value(0.5, "x")))
    slope = id_of(sheet, "slope d v1 / d x")
    assert mark(sheet, {"B1": 0.9, slope: 1 - 0.9**2})[slope].verdict == "follows"
    assert mark(sheet, {"B1": 0.9, slope: 1 - math.tanh(0.5) ** 2})[slope].verdict == "right"


def test_a_slope_follows_from_the_operand_when_the_result_is_wrong_too() -> None:
    sheet = worksheet(tanh(Value(0.5, "x") * 3))
    slope = id_of(sheet, "slope d v2 / d v1")
    marks = mark(sheet, {"B1": 0.9, "B2": 0.2, slope: 1 - math.tanh(0.9) ** 2})
    assert (marks["B2"].verdict, marks[slope].verdict) == ("wrong", "follows")


def test_of_ones_own_wrong_numbers_those_are_named_that_matter_and_each_once() -> None:
    v = Value(3.0, "x") * 2
    marks = mark(worksheet(v * v), {"B1": 7, "B2": 49, "B3": 7})
    assert [marks[id].remark for id in ("B2", "B3")] == ["right from your v1 = 7"] * 2
    p, q = Value(3.0, "p"), Value(5.0, "q")
    marks = mark(worksheet((p + q) * (p * q)), {"B1": 9, "B2": 16, "B3": 144, "B4": 16})
    assert marks["B3"].remark == "right from your v1 = 9 and v2 = 16"
    assert marks["B4"].remark == "right from your v2 = 16"


def test_where_no_wrong_number_matters_alone_all_are_named() -> None:
    sheet = worksheet((Value(2.0, "a") * Value(3.0, "b")) * 4)
    ids = {blank.question: blank.id for blank in sheet.blanks}
    given = {ids["gradient d v2 / d v1"]: 0, ids["slope d v1 / d a"]: 0, ids["contribution of v1 to a"]: 0}
    found = mark(sheet, given)[ids["contribution of v1 to a"]]
    assert (found.verdict, found.remark) == ("follows", "right from your upstream of 0 and slope d v1 / d a = 0")


@given(expressions(), st.data())
def test_one_wrong_number_costs_one_point(f: RandomExpression, data: st.DataObject) -> None:
    """Whoever goes on correctly from a wrong number loses one point, whatever the number is."""
    sheet = random_sheet(f)
    k = data.draw(st.integers(0, len(sheet.blanks) - 1))
    answers = {blank.id: blank.answer for blank in sheet.blanks}
    for index, blank in enumerate(sheet.blanks):
        if index == k:
            answers[blank.id] = 2.0 * blank.answer + 1.0
        elif index > k:
            answers[blank.id] = expected_from(sheet, answers, blank)
    marks = mark(sheet, {id: x for id, x in answers.items() if math.isfinite(x)})
    lucky = close(answers[sheet.blanks[k].id], sheet.blanks[k].answer, 3)
    assert [m.blank.id for m in marks.marks if m.verdict == "wrong"] == [sheet.blanks[k].id] * (not lucky)


def expected_from(sheet: Worksheet, answers: dict[str, float], blank: Any) -> float:
    """Return what follows from the answers given so far, computed here in a way of its own."""
    graph = sheet.explanation.graph
    own = {b.place: answers[b.id] for b in sheet.blanks}

    def number(kind: str, index: int, operand: int = 0) -> float:
        node = graph.nodes[index]
        given = node.data if kind == "value" else 1.0
        if kind in ("slope", "contribution"):
            step = next(s for s in sheet.explanation.steps if s.node.index == index)
            given = getattr(step.contributions[operand], kind)
        return own.get((kind, index, operand), given)

    kind, index, operand = blank.place
    node = graph.nodes[index]
    if kind == "gradient":
        return math.fsum(
            number("contribution", user.index, k)
            for user in graph.nodes
            for k, parent in enumerate(user.parents)
            if parent == index
        )
    if kind == "contribution":
        return number("gradient", index) * number("slope", index, operand)
    assert node.op is not None
    value, slopes = node.op.evaluate(*[number("value", parent) for parent in node.parents])
    return value if kind == "value" else slopes[operand]


# ---------------------------------------------------------------- mistakes

A, B, X = (lambda: Value(2.0, "a")), (lambda: Value(-3.5, "b")), (lambda: Value(5.0, "x"))


def thrice() -> Value:
    """X is used three times: contributions 1, 7 and 10 (the square's), gradient 18."""
    x = X()
    return x * 7 + x**2 + x


PLANTED = [
    (lambda: A() * B(), "v1 = a * b", 7.0, "wrong sign"),
    (lambda: A() - B(), "v1 = a - b", -5.5, "wrong sign"),
    (lambda: A() / B(), "v1 = a / b", -1.75, "operands in the wrong order"),
    (lambda: A() * B(), "v1 = a * b", -1.5, "another operation"),
    (lambda: A() + B(), "v1 = a + b", -7.0, "another operation"),
    (lambda: X() ** 3, "v1 = x ** 3", 15.0, "another operation"),
    (lambda: tanh(X()), "v1 = tanh(x)", 5.0, "operation not applied"),
    (lambda: sin(X()), "v1 = sin(x)", 0.0872, "degrees instead of radians"),
    (lambda: log(X()), "v1 = log(x)", 0.699, "logarithm to base 10"),
    (lambda: A() * B(), "slope d v1 / d a", 2.0, "slope of the wrong operand"),
    (lambda: A() * B(), "slope d v1 / d a", 3.5, "wrong sign"),
    (lambda: X() ** 3, "slope d v1 / d x", 25.0, "power rule half done"),
    (lambda: X() ** 3, "slope d v1 / d x", 375.0, "power rule half done"),
    (lambda: X() ** 3, "slope d v1 / d x", 3, "power rule half done"),
    (lambda: (A() * B()) * 9, "slope d v1 / d a", -31.5, "slope times upstream"),
    (lambda: X() * 8, "slope d v1 / d x", 0.125, "slope upside down"),
    (lambda: tanh(Value(0.5, "x")), "slope d v1 / d x", 0.75, "slope at the wrong number"),
    (lambda: cos(X()), "slope d v1 / d x", -0.0872, "slope of an angle in degrees"),
    (lambda: sin(X()), "slope d v1 / d x", 0.574, "slope at the wrong number"),
    (lambda: X() * 8, "slope d v1 / d x", 1, "slope of a sum"),
    (lambda: X() * 8, "slope d v1 / d x", 0, "treated as constant"),
    (lambda: X() * 8, "slope d v1 / d x", 40, "value instead of derivative"),
    (lambda: X() * 8, "slope d v1 / d x", 80, "decimal point slipped"),
    (lambda: (A() * B()) * 9, "contribution of v1 to a", -3.5, "forgot the upstream"),
    (lambda: (A() * B()) * 9, "contribution of v1 to a", 9, "forgot the slope"),
    (lambda: (A() * B()) * 9, "contribution of v1 to a", 31.5, "wrong sign"),
    (lambda: (A() * B()) * 9, "contribution of v1 to a", 18, "used the slope of another operand"),
    (lambda: (A() * B()) * 9, "contribution of v1 to a", 5.5, "added upstream and slope"),
    (lambda: (A() * B()) * 9, "contribution of v1 to a", -2.571, "divided by the slope"),
    (thrice, "contribution of v1 to x", 18, "gave the whole gradient"),
    (lambda: (A() * B()) * 9, "contribution of v1 to a", -63, "multiplied by a value"),
    (thrice, "gradient d v4 / d x", 17, "forgot one contribution"),
    (thrice, "gradient d v4 / d x", 11, "forgot one contribution"),
    (thrice, "gradient d v4 / d x", 10, "kept only one contribution"),
    (thrice, "gradient d v4 / d x", 70, "multiplied the contributions"),
    (thrice, "gradient d v4 / d x", 4, "one contribution with the wrong sign"),
    (thrice, "gradient d v4 / d x", 25, "counted a contribution twice"),
    (thrice, "gradient d v4 / d x", 6, "took the mean of the contributions"),
    (thrice, "gradient d v4 / d x", -18, "wrong sign"),
    (thrice, "gradient d v4 / d x", 5, "value instead of derivative"),
    (thrice, "gradient d v4 / d x", 0, "treated as constant"),
    (lambda: (A() * B()) * 9, "gradient d v2 / d a", -3.5, "added slopes without upstream"),
    (lambda: (A() * B()) * 9, "gradient d v2 / d a", 9, "added upstreams without slope"),
    (lambda: (X() + 8) * 3, "v1 = x + 8", 3, "gradient instead of value"),
    (lambda: tanh(Value(0.5, "x")), "v1 = tanh(x)", 0.46, "rounded too much"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "question", "given", "name"), PLANTED)
def test_a_planted_mistake_is_named(make: Any, question: str, given: float, name: str) -> None:
    m = answer(make(), question, given)
    assert m.verdict == "wrong"
    assert name in m.mistakes
    assert m.remark


def test_every_mistake_is_planted() -> None:
    known = {name_of(rule) for rules in (*RULES.values(), LAST_RESORT) for rule in rules}
    assert known | {"rounded too much"} == {name for *_, name in PLANTED}


@pytest.mark.parametrize(
    ("make", "question", "given", "names"),
    [
        (lambda: A() * B(), "v1 = a * b", 2, ()),  # the operation has two operands: none of them is left over
        (lambda: A() * B(), "v1 = a * b", 0, ()),
        (lambda: where(Value(6.0, "x"), A(), B()), "v1 = where(x, a, b)", 6, ()),  # of three there are many orders
        (lambda: X() * 8, "v1 = x * 8", 17.372, ()),  # a logarithm only where there is one
        (lambda: (A() * B()) * 9, "slope d v1 / d a", 9, ()),
        (lambda: (A() * B()) * 9, "gradient d v2 / d a", 1, ()),
        (lambda: (A() * B()) * 9, "gradient d v2 / d a", -63, ()),  # of one contribution there is no double
        (lambda: (A() * B()) * 9, "gradient d v2 / d a", 31.5, ("wrong sign",)),
        (lambda: sin(X()), "slope d v1 / d x", 5, ("value instead of derivative",)),
    ],
)
def test_no_other_mistake_is_named(make: Any, question: str, given: float, names: tuple[str, ...]) -> None:
    assert answer(make(), question, given).mistakes == names


def test_contributions_of_1_do_not_look_multiplied() -> None:
    x = X()
    assert answer(x * 7 + x, "gradient d v2 / d x", 7).mistakes == ("forgot one contribution",)
    assert answer(x * 2 + x * 3, "gradient d v3 / d x", 6).mistakes == ("multiplied the contributions",)


@pytest.mark.parametrize(
    ("question", "given", "remark"),
    [
        ("contribution of v1 to a", -3.5, "this is the slope alone: the factor upstream, 9, is missing"),
        ("contribution of v1 to a", 9, "this is the upstream alone: the factor slope, -3.5, is missing"),
        ("slope d v1 / d a", 2, "this is the slope for b, not for a"),
    ],
)
def test_the_missing_factor_is_named_with_its_number(question: str, given: float, remark: str) -> None:
    assert answer(A() * B() * 9, question, given).remark == remark


def twice() -> Value:
    """X is used twice: slopes 3 and 4, upstream 6 each, gradient 42."""
    x = X()
    return (x * 3 + x * 4) * 6


@pytest.mark.parametrize(
    ("make", "question", "given", "remark"),
    [
        (thrice, "gradient d v4 / d x", 11, "the contribution of v1, 7, is missing"),
        (twice, "gradient d v4 / d x", 24, "the contribution of v1, 18, is missing"),
        (thrice, "gradient d v4 / d x", 10, "this is the contribution of v2 alone: add up all 3 (+=, not =)"),
        (twice, "gradient d v4 / d x", 6, "the contribution of v1 has the wrong sign in the sum"),
        (twice, "gradient d v4 / d x", 60, "the contribution of v1 was added twice"),
        (twice, "gradient d v4 / d x", 21, "this is their mean; add them up"),
        (twice, "gradient d v4 / d x", 432, "the contributions were multiplied; add them"),
        (twice, "gradient d v4 / d x", 7, "these are the slopes added up: the factor upstream is missing"),
        (twice, "gradient d v4 / d x", 12, "these are the upstreams added up: the factor slope is missing"),
        (lambda: A() * B() * 9, "gradient d v2 / d a", -3.5, "this is the slope alone: the factor upstream is missing"),
        (lambda: A() * B() * 9, "gradient d v2 / d a", 9, "this is the upstream alone: the factor slope is missing"),
        (lambda: A() * B() * 9, "gradient d v2 / d a", 0, "0 is right for a constant, and a is none"),
        (lambda: A() * B() * 9, "slope d v1 / d a", 0, "0 is right for a constant, and a is none"),
        (lambda: A() * B() * 9, "gradient d v2 / d v1", -7, "this is the value of v1, not a derivative"),
        (lambda: A() * B() * 9, "slope d v2 / d v1", -63, "this is the value of v2, not a derivative"),
        (lambda: A() / B(), "v1 = a / b", 5.5, "the operands were subtracted instead of carrying out a / b"),
        (lambda: A() + B(), "v1 = a + b", -0.571, "the operands were divided instead of carrying out a + b"),
        (lambda: sin(X()), "slope d v1 / d x", 0.574, "v1 was used where the slope needs x"),
        (lambda: tanh(Value(0.5, "x")), "slope d v1 / d x", 0.75, "x was used where the slope needs v1"),
        (lambda: X() * 8, "v1 = x * 8", 4000, "the decimal point is in the wrong place"),
        (lambda: X() * 8, "v1 = x * 8", 0.4, "the decimal point is in the wrong place"),
        (lambda: X() * 7, "slope d v1 / d x", 0.7, "the decimal point is in the wrong place"),
        (lambda: tanh(X()), "slope d v1 / d x", "2e-4", "rounded too much: give 3 significant digits"),
    ],
)
def test_a_remark_says_what_is_missing(make: Any, question: str, given: Any, remark: str) -> None:
    assert answer(make(), question, given).remark == remark


def test_of_the_mistakes_that_explain_an_answer_two_are_named() -> None:
    m = answer(Value(0.0, "a") - Value(3.0, "b"), "v1 = a - b", 3)  # a + b is 3, too
    assert m.mistakes == ("wrong sign", "operands in the wrong order")
    assert m.remark == "the sign is wrong; or the operands are in the wrong order"


def test_a_marked_sheet_in_words() -> None:
    sheet = product()
    answers = {"B1": 6, "B2": 36, "B3": 24, "B4": "twelve", "B5": 123.4, "B7": -370.2, "B8": "1" * 30}
    assert (
        str(mark(sheet, answers))
        == f"""\
2 of 11 right (18 %), 1 of them from own earlier numbers; sheet {sheet.code}

B1   v1 = a * b               = 6                         wrong: -6 is right; the sign is wrong
B2   v2 = v1 ** 2             = 36                        right
B3   slope d v2 / d v1        = 24                        wrong: -12 is right
B4   contribution of v2 to v1 = twelve                    not a number: -12 is right; \
write a number such as -0.5, 1/3 or 2e-3
B5   gradient d v2 / d v1     = 123.4                     wrong: -12 is right
B6   slope d v1 / d a         =                           left out: -3 is right
B7   contribution of v1 to a  = -370.2                    right from your upstream of 123.4
B8   slope d v1 / d b         = 111111111111111111111...  wrong: 2 is right
B9   contribution of v1 to b  =                           left out: -24 is right
B10  gradient d v2 / d a      =                           left out: 36 is right
B11  gradient d v2 / d b      =                           left out: -24 is right"""
    )
    whole = f"-6.{'0' * 21}"  # 24 characters
    assert str(mark(sheet, {"B1": whole})).splitlines()[2] == f"B1   v1 = a * b               = {whole}  right"


def test_a_hundred_percent_is_everything() -> None:
    x = Value(1.0, "x")
    for _ in range(55):
        x = x * 2
    sheet = worksheet(x)
    answers = {blank.id: blank.answer for blank in sheet.blanks}
    assert len(answers) > 200
    assert " (100 %); " in str(mark(sheet, answers))
    assert " (99 %); " in str(mark(sheet, answers | {"B1": 7}))


def test_marks_are_frozen_and_small() -> None:
    marks = mark(product(), {})
    for record, name in ((marks, "name"), (marks.marks[0], "given")):
        assert not hasattr(record, "__dict__")
        with pytest.raises(FrozenInstanceError):
            setattr(record, name, "")


def test_an_answer_of_two_hundred_characters_is_read_and_a_longer_one_is_not() -> None:
    for written, verdict in ((f"-6{'+0' * 99}", "right"), (f"-6.{'+0' * 99}", "not a number")):
        assert mark(product(), {"B1": written})["B1"].verdict == verdict


def test_mistakes_are_looked_for_with_the_students_own_numbers() -> None:
    """With upstream 4, a slope of 5 forgotten gives 4, which with the right numbers would be no known mistake."""
    sheet = worksheet((X() * 5) ** 2)
    upstream, contribution = id_of(sheet, "gradient d v2 / d v1"), id_of(sheet, "contribution of v1 to x")
    m = mark(sheet, {upstream: 4.0, contribution: 4.0})[contribution]
    assert (m.verdict, m.mistakes[0]) == ("wrong", "forgot the slope")


@pytest.mark.parametrize(
    ("make", "own", "question", "given", "name"),
    [
        (lambda: log(X() * 2), {"v1 = x * 2": 20}, "v2 = log(v1)", 1.301, "logarithm to base 10"),
        (
            lambda: (X() * 2) ** 2 * 3,
            {"v1 = x * 2": 20, "gradient d v3 / d v2": 7},
            "slope d v2 / d v1",
            280,
            "slope times upstream",
        ),
        (lambda: (X() * 2) * A(), {"v1 = x * 2": 20}, "slope d v2 / d v1", 20, "slope of the wrong operand"),
        (
            lambda: (X() * 2) * A() * 3,
            {"v1 = x * 2": 20, "gradient d v3 / d v2": 5},
            "contribution of v2 to v1",
            100,
            "used the slope of another operand",
        ),
        (lambda: tanh(Value(0.5, "x")), {"v1 = tanh(x)": 0.9}, "slope d v1 / d x", 1 / 0.19, "slope upside down"),
    ],
)
def test_a_mistake_made_with_ones_own_wrong_numbers_is_named(
    make: Any, own: dict[str, float], question: str, given: float, name: str
) -> None:
    sheet = worksheet(make())
    ids = {blank.question: blank.id for blank in sheet.blanks}
    found = mark(sheet, {ids[asked]: number for asked, number in own.items()} | {ids[question]: given})[ids[question]]
    assert (found.verdict, found.mistakes[0]) == ("wrong", name)


def test_an_operation_may_fail_at_a_wrong_number() -> None:
    def slope(m: Any, y: Any, x: Any) -> Any:
        if x < 0:
            raise ValueError("negative")
        return (3.0,)

    @primitive(slopes=slope)
    def picky(m: Any, x: Any) -> Any:
        """Three times x."""
        if x < 0:
            raise ValueError("negative")
        return x * 3

    try:
        sheet = worksheet(picky(X() * 2))
        marks = mark(sheet, {"B1": -10, "B2": -31, "B3": 4})
    finally:
        forget(picky)
    assert [m.verdict for m in marks.marks[:3]] == ["wrong"] * 3


def test_a_wrong_number_without_explanation_is_just_wrong() -> None:
    m = answer(A() * B(), "slope d v1 / d a", 123.4)
    assert (m.verdict, m.remark, m.mistakes) == ("wrong", "", ())


@pytest.mark.parametrize(
    "root", [lambda: maximum(A(), B()), lambda: dot([A(), B()], [B(), A()]), lambda: Value(4.0) ** -1]
)
@given(st.data())
def test_any_answer_to_any_op_is_marked(root: Any, data: st.DataObject) -> None:
    sheet = worksheet(root())
    answers = {blank.id: data.draw(st.floats(-1e300, 1e300) | st.text(max_size=5)) for blank in sheet.blanks}
    assert 0.0 <= mark(sheet, answers).score <= 1.0


@given(expressions(), st.data())
def test_any_answer_on_any_sheet_is_marked(f: RandomExpression, data: st.DataObject) -> None:
    sheet = random_sheet(f)
    answers = {blank.id: data.draw(st.floats(allow_nan=True)) for blank in sheet.blanks}
    assert len(str(mark(sheet, answers)).splitlines()) == len(sheet.blanks) + 2


# ---------------------------------------------------------------- reading answers


def test_answers_as_json_lines_and_files(tmp_path: Path) -> None:
    sheet = product()
    saved = json.dumps({"sheet": sheet.code, "name": "Ada", "answers": {"B1": "-6"}})
    path = tmp_path / "answers.json"
    path.write_text(saved, encoding="utf-8")
    lines = f"sheet = {sheet.code}\nname: Ada\nB1 = -6\nB2 =\n"
    for answers in (saved, path, str(path), lines, {"sheet": sheet.code, "name": "Ada", "answers": {"B1": -6}}):
        marks = mark(sheet, answers)
        assert (marks.name, marks.points, marks["B1"].verdict) == ("Ada", 1, "right")
        assert sheet_of(answers) == sheet.code
        assert str(marks).startswith(f"Ada: 1 of {len(sheet.blanks)} right")


@pytest.mark.parametrize("form", [Worksheet.text, Worksheet.to_markdown], ids=["text", "markdown"])
def test_a_filled_in_form_is_read(form: Any) -> None:
    sheet = product()
    page = form(sheet)
    assert mark(sheet, page).points == 0
    assert mark(sheet, page).marks[0].verdict == "left out"
    filled = form(sheet.key()).replace("key to sheet", "sheet").replace("**", "")
    assert mark(sheet, filled.replace("(sheet", "(sheet") + "\nName: Ada\n").score == 1.0
    assert mark(sheet, filled + "\nName: Ada\n").name == "Ada"


@pytest.mark.parametrize("form", [Worksheet.text, Worksheet.to_markdown], ids=["text", "markdown"])
def test_a_form_tells_its_sheet_and_a_name_only_when_it_is_filled_in(form: Any) -> None:
    page = form(product())
    assert sheet_of(page) == product().code
    assert mark(product(), page).name == ""
    assert mark(product(), re.sub("(?m)^Name: ", "Name: Ada ", page)).name == "Ada"


@pytest.mark.parametrize("form", [Worksheet.text, Worksheet.to_markdown], ids=["text", "markdown"])
def test_a_leaf_of_a_form_is_no_answer_whatever_its_name(form: Any) -> None:
    sheet = worksheet(Value(2.0, "b1") * Value(3.0, "name") + Value(4.0, "sheet"))
    marks = mark(sheet, form(sheet))
    assert marks.name == ""
    assert {m.verdict for m in marks.marks} == {"left out"}


def test_in_a_form_a_filled_in_slot_comes_before_a_line_and_a_line_before_an_empty_slot() -> None:
    page = product().text().replace("________ [B1]", "-6 [B1]")
    marks = mark(product(), f"B1: a title\n{page}\nB2 = 36\n")
    assert [marks[id].verdict for id in ("B1", "B2", "B3")] == ["right", "right", "left out"]


def test_markdown_that_an_editor_has_escaped_is_read() -> None:
    page = product().to_markdown().replace(r"\_\_\_\_\_\_\_\_ \[B1", r"**\-6\.0** \[B1")
    assert mark(product(), page)["B1"].number == -6.0


def test_answers_may_leave_out_sheet_and_name(tmp_path: Path) -> None:
    for answers in ('{"answers": {"B1": "-6"}}', "B1 = -6"):
        assert sheet_of(answers) == ""
        marks = mark(product(), answers)
        assert (marks.name, marks.points) == ("", 1)


def test_the_mark_that_some_editors_put_before_a_text_is_no_part_of_it(tmp_path: Path) -> None:
    path = tmp_path / "answers.txt"
    for answers in ("B1 = -6\nname = Zoë\n", '{"name": "Zoë", "answers": {"B1": -6}}'):
        path.write_text(answers, encoding="utf-8-sig")
        marks = mark(product(), path)
        assert (marks.name, marks.points) == ("Zoë", 1)


def test_without_mistakes_the_heading_says_so() -> None:
    sheet = worksheet(A() * B(), hide="values")
    assert str(mark(sheet, {"B1": -7})).splitlines()[0] == f"1 of 1 right (100 %); sheet {sheet.code}"


def test_answers_to_another_sheet_are_refused() -> None:
    first, second = variants("a * b", 2)
    with pytest.raises(ParameterError, match=f"belong to sheet {first.code}, and this is sheet {second.code}"):
        mark(second, {"sheet": first.code, "answers": {}})


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ({"B99": 1}, "no blank B99; its blanks are B1 to B11"),
        ({"B1": [1]}, "an answer is a number or text"),
        ({1: 1}, "an answer is a number or text"),
        ({"answers": 3}, "answers as JSON look like"),
        ({"sheet": 3, "answers": {}}, "answers as JSON look like"),
        ("{", "no JSON"),
        ("[1]\n", "found no answers"),
        ("hello\n", "found no answers"),
        (3, "answers are a dict"),
        ("a\0b", "no file with answers"),
    ],
)
def test_other_answers_are_refused(answers: Any, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        mark(product(), answers)


def test_a_sheet_given_as_answers_is_refused() -> None:
    with pytest.raises(ParameterError, match="this is a saved sheet and not answers to it"):
        mark(product(), product().to_json())


@pytest.mark.parametrize(
    ("written", "remark"),
    [
        ("1,5", "write a decimal point, 1.5"),
        ("\N{MINUS SIGN},25", "write a decimal point, \N{MINUS SIGN}.25"),
        ("1,5,2", "write a number such as -0.5, 1/3 or 2e-3"),
        ("(1,5)", "write a number such as -0.5, 1/3 or 2e-3"),
    ],
)
def test_a_decimal_comma_is_no_number_and_is_pointed_out(written: str, remark: str) -> None:
    marked = mark(product(), {"B1": written})["B1"]
    assert (marked.verdict, marked.remark) == ("not a number", remark)


def test_what_is_no_worksheet_is_refused() -> None:
    with pytest.raises(ParameterError, match="takes a Worksheet"):
        mark("sheet.json", {})  # type: ignore[arg-type]


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "answers").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ParameterError, match="no file with answers"):
        mark(product(), tmp_path / "answers")
    with pytest.raises(FileNotFoundError):
        mark(product(), "nowhere.json")


def test_text_of_the_student_is_inert_and_short() -> None:
    hostile = {"sheet": "", "name": "\x1b[31mEve\n", "answers": {"B1": "\x1b]0;owned\x07" * 20}}
    shown = str(mark(product(), hostile))
    assert shown.replace("\n", "").isprintable()
    assert len(shown.splitlines()) == 13
    assert max(map(len, shown.splitlines())) < 150


def test_a_blank_that_does_not_exist_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        mark(product(), {})["B99"]
