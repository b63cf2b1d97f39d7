"""Traces: JSON that reads back exactly, and the first difference between two computations."""

from __future__ import annotations

import json
import math
from dataclasses import FrozenInstanceError, fields, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_inert import HOSTILE

from autograd_tiny import Value, clip, compare, explain, sum, tanh
from autograd_tiny.errors import ParameterError
from autograd_tiny.explanation import Difference, Explanation, Trace, TracedOperation, TracedStep
from autograd_tiny.testing.strategies import RandomExpression, expressions, hostile_floats


def loss(a: float = 2.0, b: float = -3.0, offset: float = 10.0) -> Explanation:
    x, y = Value(a, "a"), Value(b, "b")
    return explain((x * y + offset) ** 2 + x)


LOSS = """{
"format": "autograd_tiny trace",
"version": 1,
"root": "v4",
"constants": ["10"],
"values": {
  "a": 2.0,
  "b": -3.0,
  "v1": -6.0,
  "10": 10.0,
  "v2": 4.0,
  "v3": 16.0,
  "v4": 18.0
},
"operations": [
  {"node": "v1", "op": "mul", "parents": ["a", "b"]},
  {"node": "v2", "op": "add", "parents": ["v1", "10"]},
  {"node": "v3", "op": "power", "params": {"n": 2.0}, "parents": ["v2"]},
  {"node": "v4", "op": "add", "parents": ["v3", "a"]}
],
"steps": [
  {"step": 1, "node": "v4", "parent": "v3", "operand": 1, "formula": "1", UP, "contribution": 1.0, "running_sum": 1.0},
  {"step": 1, "node": "v4", "parent": "a", "operand": 2, "formula": "1", UP, "contribution": 1.0, "running_sum": 1.0},
  {"step": 2, "node": "v3", "parent": "v2", "operand": 1, "formula": "2 * v2", "upstream": 1.0, "slope": 8.0, EIGHT},
  {"step": 3, "node": "v2", "parent": "v1", "operand": 1, "formula": "1", "upstream": 8.0, "slope": 1.0, EIGHT},
  {"step": 3, "node": "v2", "parent": "10", "operand": 2, "formula": "1", "upstream": 8.0, "slope": 1.0, EIGHT},
  {"step": 4, "node": "v1", "parent": "a", "operand": 1, "formula": "b", "upstream": 8.0, "slope": -3.0, A},
  {"step": 4, "node": "v1", "parent": "b", "operand": 2, "formula": "a", "upstream": 8.0, "slope": 2.0, B}
],
"gradients": {
  "v4": 1.0,
  "v3": 1.0,
  "v2": 8.0,
  "v1": 8.0,
  "b": 16.0,
  "a": -23.0
}
}
"""
for short, long in {
    "UP": '"upstream": 1.0, "slope": 1.0',
    "EIGHT": '"contribution": 8.0, "running_sum": 8.0',
    " A}": ' "contribution": -24.0, "running_sum": -23.0}',
    " B}": ' "contribution": 16.0, "running_sum": 16.0}',
}.items():
    LOSS = LOSS.replace(short, long)

# ---------------------------------------------------------------- writing and reading


def test_json_to_the_letter() -> None:
    assert loss().to_json() == LOSS


def test_what_is_left_out_stays_out() -> None:
    assert Trace(values={"x": 1.0}).to_json() == (
        '{\n"format": "autograd_tiny trace",\n"version": 1,\n"values": {\n  "x": 1.0\n}\n}\n'
    )
    step = '{"steps": [{"node": "y", "parent": "x", "slope": 2}]}'
    assert Trace.from_json(step).steps == (TracedStep("y", "x", slope=2.0),)
    assert '  {"node": "y", "parent": "x", "slope": 2.0}\n' in Trace.from_json(step).to_json()


def test_numbers_that_json_lacks_are_text() -> None:
    trace = Trace(values={"a": math.inf, "b": -math.inf, "c": math.nan, "d": -0.0})
    text = trace.to_json()
    assert json.loads(text, parse_constant=pytest.fail)["values"] == {"a": "inf", "b": "-inf", "c": "nan", "d": 0.0}
    back = Trace.from_json(text).values
    assert list(map(repr, back.values())) == ["inf", "-inf", "nan", "-0.0"]


def test_numbers_of_operations_may_be_infinite_and_names_in_any_script() -> None:
    text = explain(clip(Value(2.0, "größe 中"), -math.inf, 3.0)).to_json()
    assert '  {"node": "v1", "op": "clip", "params": {"low": "-inf", "high": 3.0}, "parents": ["größe 中"]}\n' in text
    assert Trace.from_json(text).operations[0].params == {"low": -math.inf, "high": 3.0}


def test_nodes_of_one_name_are_told_apart() -> None:
    x, two = Value(1.0, "x"), Value(7.0, "2 (2)")
    names = list(Trace.of(explain(x * 2 + 2 * two + 2)).values)
    assert names == ["x", "2", "v1", "2 (3)", "2 (2)", "v2", "v3", "2 (4)", "v4"]


@given(expressions(size=(1, 12)))
def test_json_reads_back_exactly(expression: RandomExpression) -> None:
    explanation = explain(expression(*map(Value, expression.point)))
    text = explanation.to_json()
    trace = Trace.from_json(text)
    assert trace == Trace.of(explanation)
    assert trace.to_json() == text
    assert list(trace.values.values()) == [node.data for node in explanation.graph.nodes]
    records = [(s.upstream, c.slope, c.contribution, c.running_sum) for s in explanation.steps for c in s.contributions]
    assert [(s.upstream, s.slope, s.contribution, s.running_sum) for s in trace.steps] == records


@given(st.lists(hostile_floats(), min_size=1))
def test_every_float_reads_back(numbers: list[float]) -> None:
    trace = Trace(values={f"x{k}": x for k, x in enumerate(numbers)})
    back = Trace.from_json(trace.to_json())
    assert list(map(repr, back.values.values())) == list(map(repr, numbers))


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_labels_are_inert(text: str) -> None:
    explanation = explain(Value(2.0, text) * Value(3.0, "other"))
    written = explanation.to_json()
    assert all(line.isprintable() for line in written.splitlines())
    written.encode("utf-8")
    assert Trace.from_json(written) == Trace.of(explanation)
    assert compare(explanation, written) is None
    difference = compare(written, written.replace("6.0", "7.0"))
    assert str(difference).isprintable()
    read = Trace.from_json(json.dumps({"values": {text: 1}}))
    assert all(name.isprintable() for name in read.values)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "a trace is JSON text as to_json() writes it: Expecting value"),
        ("{", "a trace is JSON text"),
        ("[" * 100_000, "a trace is JSON text"),
        ("[]", "a trace is an object {...}, got []"),
        ('{"value": {}}', "a trace has no part value; it may have format, version, root, constants, values"),
        ('{"version": 2}', "in the form 'autograd_tiny trace', version 1, got autograd_tiny trace, version 2"),
        ('{"format": "x"}', "got x, version 1"),
        ('{"root": 1}', "root needs text in quotes, got 1"),
        ('{"root": ""}', "root needs text in quotes"),
        ('{"constants": {}}', "constants is a list [...], got {}"),
        ('{"values": []}', "values gives numbers by name, {...}, got []"),
        ('{"values": {"a": "1"}}', 'values: a is a number, "nan", "inf" or "-inf", got 1'),
        ('{"values": {"a": true}}', "values: a is a number"),
        ('{"values": {"a": null}}', "got null"),
        ('{"values": {"a": [1]}}', "values: a is a number"),
        ('{"values": {"a": 1, "a": 2}}', "a stands twice in one object of the trace"),
        ('{"values": {"a": 1%s}}' % ("0" * 400), "values: a holds a float, at most 1.8e308"),
        ('{"operations": [1]}', "operation 1 is an object {...}, got 1"),
        ('{"operations": [{"op": "add"}]}', "operation 1: node needs text in quotes, got null"),
        ('{"operations": [{"node": "v", "op": "add", "parents": [1]}]}', "operation 1: parents needs text"),
        ('{"operations": [{"node": "v", "op": "add", "parents": ["v"]}]}', "v takes v, which is computed later"),
        (
            '{"operations": [{"node": "v", "op": "neg", "parents": ["a"]}, {"node": "v", "op": "neg"}]}',
            "two operations compute v",
        ),
        ('{"steps": [{"node": "v"}]}', "step record 1: parent needs text in quotes, got null"),
        ('{"steps": [{"node": "v", "parent": "a", "step": 0}]}', "step record 1: step counts from 1, got 0"),
        ('{"steps": [{"node": "v", "parent": "a", "operand": 1.5}]}', "step record 1: operand counts from 1, got 1.5"),
        ('{"steps": [{"node": "v", "parent": "a", "slope": "x"}]}', "step record 1: slope is a number"),
        ('{"steps": [{"node": "v", "parent": "a", "formula": 3}]}', "step record 1: formula needs text"),
        ('{"steps": [{"node": "v", "parent": "a", "sum": 3}]}', "step record 1 has no part sum"),
        ('{"gradients": {"\\u001b[31m": "\\n"}}', "gradients: \\x1b[31m is a number"),
    ],
)  # fmt: skip
def test_bad_input_is_refused_in_one_line(text: str, message: str) -> None:
    with pytest.raises(ParameterError) as caught:
        Trace.from_json(text)
    assert message in str(caught.value)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(("name", "shown"), [("n" * 60, "n" * 60), ("n" * 61, "n" * 57 + "...")])
def test_long_texts_are_shortened_in_messages(name: str, shown: str) -> None:
    with pytest.raises(ParameterError) as caught:
        Trace.from_json(json.dumps({name: 1}))
    assert str(caught.value).startswith(f"a trace has no part {shown}; it may have format, ")


# ---------------------------------------------------------------- comparing


def changed(text: str, old: str, new: str) -> str:
    assert old in text
    return text.replace(old, new, 1)


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ('"v1": -6.0', '"v1": 6.0', "value of v1 = mul(a, b) is -6 here and 6 there; the sign differs"),
        ('"v3": 16.0', '"v3": 8.0', "value of v3 = power(v2, n=2) is 16 here and 8 there"),
        ('"upstream": 8.0, "slope": -3.0', '"upstream": 4.0, "slope": -3.0',
         "step 4, v1 -> a: upstream is 8 here and 4 there"),
        ('"upstream": 8.0, "slope": -3.0', '"upstream": -24.0, "slope": -3.0',
         "step 4, v1 -> a: upstream is 8 here and -24 there"),
        ('"slope": -3.0', '"slope": 2.0', "step 4, v1 -> a: slope is -3 here and 2 there"),
        ("-24.0", "24.0", "step 4, v1 -> a: contribution is -24 here and 24 there; the sign differs"),
        ("-24.0", "-3.0", "step 4, v1 -> a: contribution is -24 here and -3 there; "
         "that is the slope alone, without the upstream gradient"),
        ("-24.0", "8.0", "step 4, v1 -> a: contribution is -24 here and 8 there; "
         "that is the upstream gradient alone, without the slope"),
        ('"running_sum": -23.0', '"running_sum": -24.0', "step 4, v1 -> a: running sum is -23 here and -24 there; "
         "that is the contribution alone, without what was there before"),
        ('"a": -23.0', '"a": -24.0', "gradient of a is -23 here and -24 there; "
         "that is one of 2 contributions alone, and they add up"),
        ('"a": -23.0', '"a": -23.00001', "gradient of a is -23 here and -23.00001 there"),
        ('"a": -23.0', '"a": "nan"', "gradient of a is -23 here and nan there"),
        ('"op": "mul"', '"op": "sub"', "not the same graph: v1 = mul(a, b) here and v1 = sub(a, b) there"),
        ('"n": 2.0', '"n": 3.0', "not the same graph: v3 = power(v2, n=2) here and v3 = power(v2, n=3) there"),
        ('["a", "b"]', '["b", "a"]', "not the same graph: v1 = mul(a, b) here and v1 = mul(b, a) there"),
    ],
)  # fmt: skip
def test_the_first_difference_in_words(old: str, new: str, sentence: str) -> None:
    assert str(compare(LOSS, changed(LOSS, old, new))) == sentence


def test_the_facts_of_a_difference() -> None:
    assert compare(LOSS, changed(LOSS, "-24.0", "24.0")) == Difference(
        "contribution",
        "v1",
        "a",
        -24.0,
        24.0,
        "step 4, v1 -> a: contribution is -24 here and 24 there; the sign differs",
    )
    graph = compare(LOSS, changed(LOSS, '"op": "mul"', '"op": "sub"'))
    assert graph == Difference("graph", "v1", None, None, None, str(graph))


def test_a_right_number_is_not_taken_for_a_known_mistake() -> None:
    for old, new, sentence in [
        ('"slope": 8.0, "contribution": 8.0', '"slope": 8.0, "contribution": 9.0',
         "step 2, v3 -> v2: contribution is 9 here and 8 there"),
        ('"slope": 1.0, "contribution": 8.0', '"slope": 1.0, "contribution": 9.0',
         "step 3, v2 -> v1: contribution is 9 here and 8 there"),
        ('"running_sum": 16.0', '"running_sum": 17.0', "step 4, v1 -> b: running sum is 17 here and 16 there"),
        ('"b": 16.0', '"b": 17.0', "gradient of b is 17 here and 16 there"),
    ]:  # fmt: skip
        assert str(compare(changed(LOSS, old, new), LOSS)) == sentence


def test_a_known_mistake_is_named_where_other_numbers_are_not_told() -> None:
    def hand(**numbers: float) -> Trace:
        return Trace(steps=(TracedStep("v", "a", **numbers),), gradients={"a": 1.0})  # type: ignore[arg-type]

    assert str(compare(hand(contribution=6.0, slope=2.0), hand(contribution=2.0))) == (
        "v -> a: contribution is 6 here and 2 there; that is the slope alone, without the upstream gradient"
    )
    assert str(compare(hand(contribution=6.0, upstream=3.0), hand(contribution=3.0))) == (
        "v -> a: contribution is 6 here and 3 there; that is the upstream gradient alone, without the slope"
    )
    for number in (None, 7.0):
        first = TracedStep("w", "a", running_sum=number)
        here, there = (replace(trace, steps=(first, *trace.steps)) for trace in
                       (hand(contribution=6.0, running_sum=13.0), hand(running_sum=6.0)))  # fmt: skip
        assert str(compare(here, there)) == (
            "v -> a: running sum is 13 here and 6 there; that is the contribution alone, without what was there before"
        )
    here = Trace(steps=(TracedStep("v", "a", contribution=2.0), TracedStep("w", "a")), gradients={"a": 5.0})
    assert str(compare(here, Trace(gradients={"a": 3.0}))) == "gradient of a is 5 here and 3 there"


@pytest.mark.parametrize(
    ("here", "there", "shown"),
    [
        (1.2345678901, 1.2344567890, "1.2346 here and 1.2345 there"),
        (1.0000123456, 1.0000198765, "1.00001235 here and 1.00001988 there"),
        (1.00000000012345, 1.00000000019876, "1.000000000123 here and 1.000000000199 there"),
        (0.1, 0.10000000000000002, "0.10000000000000001 here and 0.10000000000000002 there"),
    ],
)
def test_as_many_digits_are_shown_as_tell_two_numbers_apart(here: float, there: float, shown: str) -> None:
    one, other = Trace(values={"x": here}), Trace(values={"x": there})
    assert str(compare(one, other, tolerance=0.0)) == f"value of x is {shown}"


def test_the_first_operation_that_differs_is_named_before_a_later_leaf() -> None:
    a, b = Value(2.0, "a"), Value(3.0, "b")
    here, there = explain(a * b + Value(1.0, "c")), explain((a - b) + Value(1.0, "d"))
    assert str(compare(here, there)) == "not the same graph: v1 = mul(a, b) here and v1 = sub(a, b) there"
    here, there = explain(Value(1.0, "c") + a * b), explain(Value(1.0, "d") + (a - b))
    assert str(compare(here, there)) == "not the same graph: c here and d there"
    here, there = explain((a * b) * 2 + a), explain((a - b) + a)
    assert str(compare(here, there)) == "not the same graph: v1 = mul(a, b) here and v1 = sub(a, b) there"


def test_numbers_of_other_leaves() -> None:
    assert str(compare(loss(), loss(a=3.0))) == "value of a is 2 here and 3 there"
    assert str(compare(loss(), loss(offset=11.0))) == "value of 10 is 10 here and 11 there"


def test_constants_are_matched_by_value_where_that_is_possible() -> None:
    x = Value(1.0, "x")
    assert compare(explain(x * 2 + x * 3), explain(x * 2 + x * 3)) is None
    assert str(compare(explain(x * 2 + x * 3), explain(x * 2 + x * 4))) == "value of 3 is 3 here and 4 there"


def test_another_order_of_operations_is_no_difference() -> None:
    x = Value(1.0, "x")
    trace = Trace.of(explain(x * 2 + x * 3))
    times_2, times_3, total = trace.operations
    names = ("x", "3", "v2", "2", "v1", "v3")
    other = Trace(
        constants=("3", "2"),
        values={name: trace.values[name] for name in names},
        operations=(times_3, times_2, total),
        gradients=trace.gradients,
    )
    assert compare(trace, other) is None
    assert compare(other, trace) is None


def test_nodes_that_only_one_graph_has() -> None:
    x = Value(1.0, "x")
    y = tanh(x)
    assert str(compare(explain(y), explain(-y))) == "not the same graph: v2 = neg(v1) is there only"
    assert str(compare(explain(-y), explain(y))) == "not the same graph: v2 = neg(v1) is here only"
    assert (
        str(compare(explain(Value(1.0, "x") * 2), explain(Value(1.0, "z") * 2)))
        == "not the same graph: x here and z there"
    )


def test_interior_nodes_may_have_other_names() -> None:
    def build(name: str) -> Explanation:
        a, b = Value(2.0, "a"), Value(-3.0, "b")
        product = a * b
        product.label = name
        return explain(product * product + a)

    assert compare(build("p"), build("q")) is None
    text = build("q").to_json()
    other = changed(text, '"q": -6.0', '"q": 6.0')
    assert str(compare(build("p"), other)) == "value of p = mul(a, b) is -6 here and 6 there; the sign differs"
    other = changed(text, '"node": "q", "parent": "a", "operand": 1, "formula": "b", "upstream": -12.0',
                    '"node": "q", "parent": "a", "operand": 1, "formula": "b", "upstream": -6.0')  # fmt: skip
    assert str(compare(build("p"), other)) == "step 3, p (q there) -> a: upstream is -12 here and -6 there"
    twice = changed(
        text, '"operand": 2, "formula": "q", "upstream": 1.0', '"operand": 2, "formula": "q", "upstream": 2.0'
    )
    assert "v1 -> p (q there) (operand 2): upstream is 1 here and 2 there" in str(compare(build("p"), twice))


@pytest.mark.parametrize("operand", [1, 2])
def test_each_use_of_a_node_in_an_operation_is_compared(operand: int) -> None:
    x = Value(3.0, "x")
    text = explain(x * x).to_json()
    other = changed(text, f'"operand": {operand}, "formula": "x", "upstream": 1.0, "slope": 3.0',
                    f'"operand": {operand}, "formula": "x", "upstream": 1.0, "slope": 2.0')  # fmt: skip
    assert str(compare(text, other)) == f"step 1, v1 -> x (operand {operand}): slope is 3 here and 2 there"


def test_another_order_of_adding_up_is_no_difference() -> None:
    trace = Trace.of(loss())
    first, to_a, to_b = trace.steps[1], *trace.steps[-2:]
    steps = (
        trace.steps[0],
        *trace.steps[2:5],
        replace(to_a, running_sum=-24.0),
        to_b,
        replace(first, running_sum=-23.0),
    )
    assert compare(trace, replace(trace, steps=steps)) is None
    wrong = replace(trace, steps=(*steps[:-1], replace(first, slope=5.0)))
    assert "v4 -> a: slope is 1 here and 5 there" in str(compare(trace, wrong))


def test_steps_that_only_one_has() -> None:
    trace = Trace.of(loss())
    short = replace(trace, steps=trace.steps[:-1])
    assert str(compare(trace, short)) == "the step v1 -> b is here only"
    assert str(compare(short, trace)) == "the step v1 -> b is there only"
    assert compare(trace, replace(trace, steps=())) is None


# ---------------------------------------------------------------- by hand


def test_a_computation_by_hand_may_tell_a_part() -> None:
    assert compare(loss(), '{"values": {"v1": -6, "v4": 18}, "gradients": {"a": -23}}') is None
    assert compare('{"gradients": {"b": 16}}', loss()) is None
    hand = '{"values": {"v2": 4}, "gradients": {"a": -24, "b": -16}}'
    assert str(compare(loss(), hand)) == "gradient of b is 16 here and -16 there; the sign differs"
    assert str(compare(hand, loss())) == "gradient of b is -16 here and 16 there; the sign differs"
    only_a = compare('{"gradients": {"a": -24}}', loss())
    assert str(only_a).endswith("is -24 here and -23 there; that is one of 2 contributions alone, and they add up")
    step = '{"steps": [{"node": "v1", "parent": "a", "contribution": -3}]}'
    assert "step 4, v1 -> a: contribution is -24 here and -3 there; that is the slope alone" in str(
        compare(loss(), step)
    )
    running = '{"steps": [{"node": "v1", "parent": "a", "running_sum": -24}]}'
    assert "that is the contribution alone" in str(compare(loss(), running))


def test_steps_by_hand_are_compared_where_both_have_them() -> None:
    one = '{"steps": [{"node": "v1", "parent": "a", "contribution": -24}]}'
    assert compare(one, loss()) is None
    assert compare(loss(), one) is None
    two = '{"steps": [{"node": "v1", "parent": "a", "contribution": 24}, {"node": "v1", "parent": "b", "slope": 2}]}'
    sentence = "v1 -> a: contribution is {} here and {} there; the sign differs"
    assert str(compare(one, two)) == sentence.format(-24, 24)
    assert str(compare(two, one)) == sentence.format(24, -24)
    same = changed(two, "24", "-24")
    assert compare(one, same) is None
    assert compare(same, one) is None


def test_operations_without_values_are_a_graph_as_well() -> None:
    def trace(op: str, gradient: float) -> Trace:
        return Trace(operations=(TracedOperation("y", op, {}, ("a", "b")),), gradients={"a": gradient})

    assert compare(trace("mul", 2.0), trace("mul", 2.0)) is None
    assert str(compare(trace("mul", 2.0), trace("mul", 3.0))) == "gradient of a is 2 here and 3 there"
    assert str(compare(trace("mul", 2.0), trace("add", 1.0))) == (
        "not the same graph: y = mul(a, b) here and y = add(a, b) there"
    )


def test_rounded_numbers_agree_within_the_tolerance() -> None:
    x = Value(0.5, "x")
    hand = '{"values": {"v1": 0.462}, "gradients": {"x": 0.786}}'
    assert compare(explain(tanh(x)), hand, tolerance=1e-3) is None
    assert str(compare(explain(tanh(x)), hand)) == "value of v1 = tanh(x) is 0.46212 here and 0.462 there"
    big, near = '{"values": {"x": 1e6}}', '{"values": {"x": 1000500}}'
    assert compare(big, near, tolerance=1e-3) is None
    assert compare(big, near, tolerance=1e-4) is not None
    assert compare('{"values": {"x": 0}}', '{"values": {"x": 1e-3}}', tolerance=1e-3) is None
    assert compare('{"values": {"x": 0}}', '{"values": {"x": 1.5e-3}}', tolerance=1e-3) is not None
    assert compare('{"values": {"x": "inf"}}', '{"values": {"x": 1e308}}', tolerance=1.0) is not None
    assert (
        compare('{"values": {"x": "inf", "y": "nan"}}', '{"values": {"x": "inf", "y": "nan"}}', tolerance=0.0) is None
    )


def test_names_that_are_not_in_the_graph() -> None:
    assert str(compare(loss(), '{"values": {"c": 1}}')) == "c is there only; the nodes here are a, b, v1, v2, v3, v4"
    assert str(compare('{"gradients": {"c": 1}}', loss())) == "c is here only; the nodes there are a, b, v1, v2, v3, v4"
    for count, more in ((11, "v1"), (12, "...")):
        names = [f"x{k}" for k in range(count)]
        found = compare(explain(sum([Value(1.0, name) for name in names])), '{"values": {"c": 1}}')
        assert str(found) == f"c is there only; the nodes here are {', '.join([*names, more])}"
    assert str(compare(loss(), '{"steps": [{"node": "v4", "parent": "b"}]}')) == "the step v4 -> b is there only"


def test_nothing_in_common_is_a_mistake() -> None:
    for here, there in (('{"values": {"a": 1}}', '{"values": {"b": 1}}'), (loss(), "{}"), ("{}", "{}")):
        with pytest.raises(ParameterError, match="no number in common; give values or gradients by name"):
            compare(here, there)


def test_sources(tmp_path: Path) -> None:
    path = tmp_path / "trace.json"
    path.write_text(LOSS, encoding="utf-8")
    names = tmp_path / "names.json"
    names.write_text('{"values": {"größe": 1}}', encoding="utf-8")
    assert compare(names, Trace(values={"größe": 1.0})) is None
    forms: list[Any] = [loss(), Trace.of(loss()), LOSS, f"\n {LOSS}", path, str(path)]
    assert [compare(form, LOSS) for form in forms] == [None] * len(forms)
    for form in (None, 3, b"{}", Value(1.0)):
        with pytest.raises(ParameterError, match=r"compare takes explain\(root\), a Trace, JSON text or the path"):
            compare(form, LOSS)  # type: ignore[arg-type]  # the mistake under test
    with pytest.raises(FileNotFoundError):
        compare(tmp_path / "none.json", LOSS)
    for content in (b"\xff\xfe", b"[]"):
        path.write_bytes(content)
        with pytest.raises(ParameterError, match=r"trace\.json: "):
            compare(path, LOSS)
    for tolerance in (-1.0, math.inf, math.nan):
        with pytest.raises(ParameterError, match="tolerance is 0 or more, and finite"):
            compare(LOSS, LOSS, tolerance)


def test_records_are_frozen_and_small() -> None:
    for record in (
        Trace(),
        TracedStep("a", "b"),
        TracedOperation("a", "neg", {}, ("b",)),
        compare('{"values":{"a":1}}', '{"values":{"a":2}}'),
    ):
        assert not hasattr(record, "__dict__")
        with pytest.raises(FrozenInstanceError):
            setattr(record, fields(record)[0].name, None)


# ---------------------------------------------------------------- random computations


@given(expressions(size=(1, 12)))
def test_a_computation_differs_from_itself_nowhere(expression: RandomExpression) -> None:
    explanation = explain(expression(*map(Value, expression.point)))
    again = explain(expression(*map(Value, expression.point)))
    assert compare(explanation, again, tolerance=0.0) is None
    assert compare(explanation, explanation.to_json(), tolerance=0.0) is None


@given(expressions(size=(1, 12)), st.data())
def test_a_planted_change_is_found_and_is_the_one_reported(expression: RandomExpression, data: st.DataObject) -> None:
    trace = Trace.of(explain(expression(*map(Value, expression.point))))
    quantity = data.draw(st.sampled_from(["value", "upstream", "slope", "contribution", "running_sum", "gradient"]))
    shift = data.draw(st.sampled_from([-1.0, 1.0, 1e-3]))
    if quantity == "value":
        node, parent = data.draw(st.sampled_from(list(trace.values))), None
        wrong = replace(trace, values=trace.values | {node: trace.values[node] + shift})
    elif quantity == "gradient":
        node, parent = data.draw(st.sampled_from(list(trace.gradients))), None
        wrong = replace(trace, gradients=trace.gradients | {node: trace.gradients[node] + shift})
    else:
        k = data.draw(st.integers(0, len(trace.steps) - 1))
        step = trace.steps[k]
        node, parent = step.node, step.parent
        moved = replace(step, **{quantity: getattr(step, quantity) + shift})
        wrong = replace(trace, steps=(*trace.steps[:k], moved, *trace.steps[k + 1 :]))
    found = compare(trace, wrong)
    assert found is not None
    assert (found.quantity, found.node, found.parent) == (quantity, node, parent)
    assert math.isclose((found.there or 0.0) - (found.here or 0.0), shift, rel_tol=1e-6)
    backwards = compare(wrong, trace)
    assert backwards is not None
    assert (backwards.here, backwards.there) == (found.there, found.here)
