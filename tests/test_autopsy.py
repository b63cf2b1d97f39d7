"""autopsy(): where inf or nan arose, and the slice of the graph around it."""

from __future__ import annotations

import math
import random
import re
from dataclasses import FrozenInstanceError
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_tiny import (
    Value,
    autopsy,
    detect_anomaly,
    dot,
    exp,
    explain,
    forget,
    log,
    ops,
    primitive,
    record_lines,
    sqrt,
    where,
)
from autograd_tiny.errors import AnomalyError, GraphError
from autograd_tiny.graph import Node
from autograd_tiny.testing import RandomExpression, expressions

inf, nan = math.inf, math.nan


def names(nodes: tuple[Node, ...]) -> list[str]:
    return [node.name for node in nodes]


def test_log_of_a_negative_number() -> None:
    a, b = Value(-2.0, "a"), Value(3.0, "b")
    found = autopsy((log(a * b + 1) * b + b) * 2)
    assert found.node is not None
    assert found.node.name == "v3"
    assert found.reason == "log needs v2 > 0, got v2 = -5"
    assert names(found.operands) == ["v2"]
    assert names(found.history) == ["a", "b", "v1", "1", "v2", "v3"]
    assert names(found.spread) == ["v4", "v5", "v6"]
    assert "v1 = a * b = -6" in str(found)


@pytest.mark.parametrize(
    ("root", "message"),
    [
        (Value(1.0, "a") / Value(0.0, "b"), "div needs b != 0, got b = 0"),
        (exp(Value(1000.0, "a")), "exp needs a < 700, got a = 1000"),
        (Value(1e200, "a") * Value(1e200, "b"), "larger than the largest float"),
        (Value(-8.0, "a") ** 0.5, "power needs a > 0, got a = -8"),
        (Value(nan, "a") * 2, "a was given as nan"),
        (Value(inf, "a"), "a was given as inf"),
    ],
)
def test_values(root: Value, message: str) -> None:
    assert message in str(autopsy(root))


@pytest.mark.parametrize(
    ("root", "message"),
    [
        (sqrt(Value(0.0, "a")) * Value(0.0, "b"), r"a gets upstream 0 × slope inf = nan[\s\S]*0 × inf is nan"),
        (sqrt(Value(0.0, "a")), r"a gets upstream 1 × slope inf = inf[\s\S]*the slope 0.5 / v1 is inf there"),
        (1 / exp(Value(1000.0, "a")), r"the slope v1 is inf, because v1 is inf \(exp needs a < 700, got a = 1000\)"),
    ],
    ids=["zero times inf", "infinite slope", "infinite value"],
)
def test_gradients(root: Value, message: str) -> None:
    found = autopsy(root)
    text = str(found)
    assert text.startswith("the backward pass goes wrong at ")
    assert re.search(message, text)


def test_a_product_that_overflows_on_the_way_back() -> None:
    a, b, c, d = (Value(x, name) for x, name in zip((1e-200, 1e-200, 1e200, 1e200), "abcd", strict=True))
    root = (a * b) * c * d  # 0 * c * d = 0, as 1e-400 is too small
    found = autopsy(root)
    assert found.node is not None
    assert found.contribution is not None
    assert found.contribution.contribution == inf
    assert "1e+200 × 1e+200 is larger than the largest float" in str(found)


def test_contributions_that_are_finite_and_whose_sum_is_not() -> None:
    a = Value(0.0, "a")
    found = autopsy(a * 1.5e308 + a * 1.5e308)
    assert found.contribution is not None
    assert math.isfinite(found.contribution.contribution)
    assert "× slope 1.5e+308 = 1.5e+308, which makes it inf" in str(found)
    assert found.reason.startswith("the sum of the contributions is larger")


def test_the_way_of_the_gradient_is_told() -> None:
    a, b = Value(0.0, "a"), Value(3.0, "b")
    found = autopsy(sqrt(a * 2) * b + 1)
    assert names(found.history) == ["a", "2", "v1", "v2", "v3", "v4"]
    assert names(found.spread) == ["a"]
    assert "v3 = v2 * b = 0, upstream 1" in str(found)
    assert str(found).endswith("it spread to the gradients of a")


def test_an_infinite_gradient_of_a_constant_is_no_fault() -> None:
    a = Value(1e300, "a")
    root = (a * 1e-300) * 1e200
    assert not math.isfinite(explain(root).gradients[1])
    assert autopsy(root).ok


def test_the_branch_not_taken_is_found_as_the_culprit() -> None:
    x = Value(0.0, "x")
    found = autopsy(where(x > 0, sqrt(x), 0.0))
    assert found.node is not None
    assert found.node.op is not None
    assert found.node.op.name == "sqrt"
    assert "upstream 0 × slope inf = nan" in str(found)


def test_nothing_wrong_says_so() -> None:
    a = Value(2.0, "a")
    found = autopsy(a * a)
    assert found.ok
    assert str(found) == "nothing wrong: v1 = 4 and all gradients are finite"
    assert found.operands == found.history == found.spread == ()


def test_an_inf_of_which_nothing_comes_is_no_fault() -> None:
    a = Value(2.0, "a")
    assert autopsy(where(1.0, a, inf)).ok


def test_the_fault_is_the_one_that_reached_the_root() -> None:
    a, b = Value(2.0, "a"), Value(-1.0, "b")
    harmless = where(1.0, a, inf)
    found = autopsy(harmless + log(b))
    assert found.node is not None
    assert found.node.op is not None
    assert found.node.op.name == "log"


def test_the_source_line_is_told_when_it_was_recorded() -> None:
    with record_lines():
        root = log(Value(-1.0, "a")) + 1
    assert re.search(r"made in .*test_autopsy\.py:\d+", str(autopsy(root)))
    assert "with record_lines():" in str(autopsy(log(Value(-1.0))))
    assert "with record_lines():" not in str(autopsy(Value(nan)))


@given(expressions(), st.data())
def test_a_planted_nan_is_found_where_it_was_planted(f: RandomExpression, data: st.DataObject) -> None:
    leaves = [Value(x) for x in f.point]
    nodes = [node for node in f.run(leaves) if isinstance(node, Value)]
    victim = data.draw(st.sampled_from(nodes))
    bad = log(victim - victim.data - 1.0)  # log(-1)
    root = bad * nodes[-1] + nodes[-1]
    found = autopsy(root)
    assert found.node is not None
    assert found.node.op is not None
    assert found.node.op.name == "log"
    assert found.contribution is None
    assert math.isnan(found.node.data)
    assert all(math.isfinite(operand.data) for operand in found.operands)
    assert {node.index for node in found.spread} == {n.index for n in found.explanation.graph.nodes[-2:]}


@given(expressions(), st.data())
def test_a_planted_infinite_slope_is_found_where_it_was_planted(f: RandomExpression, data: st.DataObject) -> None:
    leaves = [Value(x) for x in f.point]
    nodes = [node for node in f.run(leaves) if isinstance(node, Value)]
    victim = data.draw(st.sampled_from(nodes))
    root = sqrt(victim - victim.data) + nodes[-1]
    found = autopsy(root)
    assert found.node is not None
    assert found.node.op is not None
    assert found.node.op.name == "sqrt"
    assert found.contribution is not None
    assert math.isinf(found.contribution.slope)
    assert not found.ok


@pytest.mark.parametrize("seed", range(10))
def test_it_blames_the_node_that_detect_anomaly_stops_at(seed: int) -> None:
    def program() -> Value:
        chance = random.Random(seed)
        node = Value(chance.uniform(1, 2), "a")
        for _ in range(30):
            node = chance.choice([lambda x: x * 5, lambda x: exp(x), lambda x: x * x, lambda x: log(-x)])(node)
        return node

    found = autopsy(program())
    assert found.node is not None
    assert found.node.op is not None
    with pytest.raises(AnomalyError) as stopped, detect_anomaly():
        program()
    written = found.node.op.write(["x"] if len(found.operands) == 1 else ["x1", "x2"])
    assert str(stopped.value).endswith(f" = {found.node.data}")
    assert f"forward: {found.node.op.name}" in str(stopped.value) or written.split()[1] in str(stopped.value)


def test_it_draws_the_slice_in_red() -> None:
    a, b = Value(-2.0, "a"), Value(3.0, "b")
    root = log(a) + b
    found = autopsy(root)
    source = found.draw(direction="TB").dot()
    statements = [line for line in source.splitlines() if "c00000" in line]
    assert [re.match(r"\s*(n\d+)", line)[1] for line in statements] == ["n0", "n1", "n3", "n1"]  # type: ignore[index]
    assert 'fillcolor="#c00000"' in statements[-1]
    assert "rankdir=TB" in source
    assert "c00000" not in autopsy(b * b).draw().dot()


def test_a_long_history_is_told_in_a_few_lines() -> None:
    x = Value(1.0, "x")
    for _ in range(1000):
        x = x + 1
    assert len(str(autopsy(log(-x))).splitlines()) < 20
    assert "... 993 more" in str(autopsy(log(-x)))


def test_labels_are_inert() -> None:
    assert "\x1b" not in str(autopsy(log(Value(-1.0, "a\x1b[2J"))))


def test_only_values_have_one() -> None:
    with pytest.raises(GraphError):
        autopsy(3.0)  # type: ignore[arg-type]  # the mistake


# ---------------------------------------------------------------- to the letter

NO_LINE = "  its source line was not recorded; compute it under  with record_lines():  to see it"


def told(root: Value) -> list[str]:
    return str(autopsy(root)).splitlines()


def test_a_value_to_the_letter() -> None:
    a, b = Value(-2.0, "a"), Value(3.0, "b")
    assert told(log(a * b * 2) * b) == [
        "the first nan is v3 = log(v2) = nan",
        "  why: log needs v2 > 0, got v2 = -12",
        "  operands: v2 = -12",
        NO_LINE,
        "  what led there:",
        "    v1 = a * b = -6",
        "    v2 = v1 * 2 = -12",
        "  from there it spread to the values of v4",
    ]
    assert told(a / 0) == [
        "the first inf is v1 = a / 0 = -inf",
        "  why: div needs operand 2 != 0, got operand 2 = 0",
        "  operands: a = -2, 0",
        NO_LINE,
    ]
    assert told(Value(inf, "a") * 2) == [
        "a was given as inf",
        "  why: it is a leaf, so no operation made it; look at where its number comes from",
        "  from there it spread to the values of v1",
    ]


def test_a_gradient_to_the_letter() -> None:
    a, b = Value(0.0, "a"), Value(0.0, "b")
    assert told(sqrt(a * 2) * b) == [
        "the backward pass goes wrong at v2 = sqrt(v1) = 0: the gradient of v1 gets upstream 0 × slope inf = nan",
        "  why: the slope 0.5 / v2 is inf there (sqrt needs v1 > 0, got v1 = 0), and 0 × inf is nan",
        "  operands: v1 = 0",
        NO_LINE,
        "  what led there:",
        "    v1 = a * 2 = 0",
        "    v3 = v2 * b = 0, upstream 1",
        "  from there it spread to the gradients of a",
    ]
    assert told(sqrt(a)) == [
        "the backward pass goes wrong at v1 = sqrt(a) = 0: the gradient of a gets upstream 1 × slope inf = inf",
        "  why: the slope 0.5 / v1 is inf there (sqrt needs a > 0, got a = 0)",
        "  operands: a = 0",
        NO_LINE,
    ]


def test_an_infinite_slope_of_an_infinite_operand_is_blamed_on_the_operand() -> None:
    root = Value(inf, "a") ** Value(0.0, "b")
    assert autopsy(root).reason == "the slope 0 if a == 0 and b >= 0 else v1 * log(a) is inf, because a is inf"


def test_zero_times_nan_is_not_called_zero_times_inf() -> None:
    @primitive(slopes=lambda m, y, x: (m.sqrt(x),))
    def rootless(m: Any, x: float) -> float:
        """x itself, with a slope that is nan below 0."""
        return x

    try:
        found = autopsy(rootless(Value(-1.0, "a")) * Value(0.0, "b"))
    finally:
        forget(rootless)
    assert found.reason == "the slope sqrt(a) is nan there"


def test_an_operation_without_an_answer_for_good_operands_says_no_more_than_that() -> None:
    big = Value(1e200, "a")
    assert autopsy(dot([big, big], [big, -big])).reason == "dot has no answer for these operands"


def test_what_has_nothing_wrong_has_no_reason() -> None:
    assert autopsy(Value(1.0)).reason == ""


def test_it_spreads_only_to_what_depends_on_it() -> None:
    a, b = Value(inf, "a"), Value(inf, "b")
    assert names(autopsy(a - b).spread) == ["v1"]
    a, b, c = Value(0.0, "a"), Value(0.0, "b"), Value(0.0, "c")
    found = autopsy(sqrt(a) + sqrt(b + 3 * c))
    assert found.contribution is not None
    assert found.contribution.parent.name == "v3"
    assert names(found.spread) == ["b", "c", "v2"]


def test_of_more_than_eight_nodes_some_are_left_out_and_counted() -> None:
    def lists(count: int) -> tuple[str, list[str], str]:
        """Return what is told of so many operands, nodes on the way there, and infected nodes."""
        operands = told(ops.sum([Value(1e308, f"x{i}") for i in range(count)]))[2]
        before = after = Value(-1.0, "a")
        for _ in range(count):
            before = before * 1
        after = log(after)
        for _ in range(count):
            after = after * 1
        return operands, told(log(before))[5:], told(after)[-1]

    first = ", ".join([f"x{i} = 1e+308" for i in range(8)])
    infected = f"  from there it spread to the values of {', '.join([f'v{i}' for i in range(2, 10)])}"
    way = ["    v1 = a * 1 = -1", *[f"    v{i} = v{i - 1} * 1 = -1" for i in range(2, 13)]]
    assert lists(8) == (f"  operands: {first}", way[:8], infected)
    assert lists(9) == (f"  operands: {first}, ... 1 more", ["    ... 1 more", *way[1:9]], f"{infected}, ... 1 more")
    assert lists(12) == (f"  operands: {first}, ... 4 more", ["    ... 4 more", *way[4:]], f"{infected}, ... 4 more")


def test_findings_are_frozen_and_small() -> None:
    found = autopsy(Value(1.0))
    assert not hasattr(found, "__dict__")
    with pytest.raises(FrozenInstanceError):
        found.reason = "none"  # type: ignore[misc]  # the mistake
