"""explain(root).cost(): operations counted by the rules themselves, and what follows from the counts."""

from __future__ import annotations

import gc
import math
import sys
from collections.abc import Callable
from dataclasses import FrozenInstanceError
from functools import reduce
from typing import Any

import pytest
from hypothesis import given

from autograd_tiny import (
    Value,
    detect_anomaly,
    dot,
    exp,
    explain,
    forget,
    log,
    no_grad,
    ops,
    primitive,
    registry,
    relu,
    sin,
    tanh,
)
from autograd_tiny.explanation.cost import Cost, Operations
from autograd_tiny.nn import MLP
from autograd_tiny.testing import RandomExpression, expressions
from autograd_tiny.value import topological_order


def cost(root: Value) -> Cost:
    return explain(root).cost()


def counted(operations: Operations) -> tuple[int, int, int, int]:
    return operations.additions, operations.multiplications, operations.functions, operations.comparisons


a, b, c = Value(2.0, "a"), Value(3.0, "b"), Value(0.5, "c")

BY_HAND = [
    # root, operations of the value, of the slopes (additions, multiplications, functions, comparisons)
    (a * b + c, (1, 1, 0, 0), (0, 0, 0, 0)),
    (a - b, (1, 0, 0, 0), (0, 0, 0, 0)),
    (a / b, (0, 1, 0, 0), (1, 2, 0, 0)),  # 1 / b and -z / b
    (a**3, (0, 0, 1, 0), (0, 1, 1, 0)),  # 3 * a ** 2
    (exp(a), (0, 0, 1, 0), (0, 0, 0, 0)),  # the slope is the result itself
    (sin(a), (0, 0, 1, 0), (0, 0, 1, 0)),
    (tanh(a), (0, 0, 1, 0), (2, 1, 0, 0)),  # (1 - y) * (1 + y)
    (relu(a), (0, 0, 0, 1), (0, 0, 0, 1)),
    (dot([a, b, c], [c, b, a]), (2, 3, 0, 0), (0, 0, 0, 0)),
    (ops.sum([a, b, c]), (2, 0, 0, 0), (0, 0, 0, 0)),
    (ops.mean([a, b, c]), (2, 1, 0, 0), (0, 0, 0, 0)),  # the slope 1 / 3 is a constant
    (ops.prod([a, b, c]), (0, 3, 0, 0), (0, 7, 0, 0)),  # two products from each side, then one each
]


@pytest.mark.parametrize(("root", "value", "slopes"), BY_HAND, ids=lambda x: repr(x) if isinstance(x, tuple) else "")
def test_operations_are_those_that_one_counts_by_hand(
    root: Value, value: tuple[int, ...], slopes: tuple[int, ...]
) -> None:
    found = cost(root)
    assert counted(found.value) == value
    assert counted(found.slopes) == slopes
    operands = len(root.parents) + sum(len(parent.parents) for parent in root.parents)
    assert counted(found.backward) == (operands, operands, 0, 0)


def test_forward_mode_sweeps_once_for_each_leaf() -> None:
    found = cost(a * b + c)
    assert found.leaves == 3
    assert counted(found.sweep) == (2, 4, 0, 0)
    assert found.forward == found.value + found.slopes + found.sweep * 3
    assert found.reverse.total == 2 + 8
    assert found.ratio == 5.0
    assert found.forward_ratio == (2 + 3 * 6) / 2


def test_constants_are_no_leaves_to_sweep_for() -> None:
    assert cost(2 * a + 1).leaves == 1
    assert cost(a * a).leaves == 1


@given(expressions())
def test_the_ratio_is_at_most_that_of_the_dearest_operation(f: RandomExpression) -> None:
    root = f(*[Value(x) for x in f.point])
    found = cost(root)
    assert found.ratio <= found.dearest + 1e-12
    alone = [
        cost(node.op.apply(*[Value(p.data) for p in node.parents])) for node in topological_order([root]) if node.op
    ]
    assert found.dearest == max((each.dearest for each in alone), default=1.0)


def test_the_ratio_of_sums_products_and_smooth_functions_is_at_most_five() -> None:
    root = exp(a * b) * sin(a) + (a - c) * b
    assert cost(root).dearest == 5.0
    assert cost(root).ratio <= 5.0


def test_the_ratio_does_not_grow_with_the_number_of_leaves_but_that_of_forward_mode_does() -> None:
    costs = [cost(MLP(2, [n, n, 1])([0.5, -1.0])) for n in (2, 8, 16)]
    assert max(each.ratio for each in costs) < 5
    assert [each.leaves for each in costs] == [15, 105, 337]
    assert costs[0].forward_ratio < costs[1].forward_ratio < costs[2].forward_ratio
    assert "all 337 derivatives from one backward sweep" in costs[2].why


@pytest.mark.parametrize("name", sorted(registry))
def test_every_operation_can_be_counted(name: str) -> None:
    op = registry[name]
    if op.__module__ != ops.__name__:
        pytest.skip("an operation of another test")
    op = op.bind(**{key: 0.0 if key == "index" else 2.0 for key, number in op.params.items() if number is None})
    found = cost(op.apply(*[Value(0.5 + i / 8) for i in range(op.arity or 4)]))
    assert found.value.total >= (0 if name == "identity" else 1)
    assert found.ratio < 20


@pytest.mark.parametrize("numbers", [(1.0, 0.0), (0.0, 0.0), (1e300, 1e-300)])
def test_numbers_at_which_python_raises_are_counted_the_same(numbers: tuple[float, float]) -> None:
    x, y = map(Value, numbers)
    assert cost(ops.div(x, y)).value == cost(a / b).value
    assert cost(log(y * 0)).value.functions == 1


def test_a_rule_that_branches_on_its_operand_is_counted_where_it_is() -> None:
    @primitive(slopes=lambda m, y, x: (2 * x if x > 0 else 0.0,))
    def half_square(m: object, x: float) -> float:
        """The square of x above 0, else 0."""
        return x * x if x > 0 else 0.0

    try:
        assert counted(cost(half_square(Value(3.0))).value) == (0, 1, 0, 1)
    finally:
        forget(half_square)


def measured(root: Value) -> int:
    """Return the bytes of a live graph: every node, tuple and float counted once; operations are not part of it."""
    shared = {id(x) for x in (None, 0.0, 1.0)}
    seen: dict[int, object] = {}
    for node in topological_order([root]):
        constant = {id(slope) for slope in node.op.constant_slopes} if node.op else set()
        parts = [part for part in gc.get_referents(node) if isinstance(part, (float, tuple))]
        parts += [part for group in parts if isinstance(group, tuple) for part in group]
        seen[id(node)] = node
        seen |= {id(part): part for part in parts if id(part) not in constant | shared and part != ()}
    return sum(map(sys.getsizeof, seen.values()))


def test_memory_is_near_what_the_live_graph_holds() -> None:
    for root in (a * b + exp(c) * a, dot([a, b, c], [c, a, b]) * 0.25, MLP(2, [4, 1])([0.5, 0.25])):
        root.backward()
        assert cost(root).memory == pytest.approx(measured(root), rel=0.2)


def test_numbers_are_data_gradient_and_slopes() -> None:
    found = cost(a * b + a)
    assert (found.nodes, found.numbers) == (4, 4 * 2 + 4)


def test_counting_works_in_every_recording_mode() -> None:
    explanation = explain(log(Value(-1.0)))
    expected = explanation.cost()
    with no_grad(), detect_anomaly():
        assert explanation.cost() == expected


def test_the_table_says_it_all() -> None:
    lines = str(cost(a * b + a)).splitlines()
    assert lines[0].split() == ["additions", "multiplications", "functions", "comparisons", "total"]
    assert lines[4].split()[-5:] == ["5", "5", "0", "0", "10"]
    assert lines[5].startswith("instead, forward mode (2 sweeps)")
    assert lines[6].startswith("memory: 12 numbers in 4 nodes, about ")
    assert "never more than 5.0 times with these operations" in lines[7]
    assert lines[8].startswith("Reverse mode gets all 2 derivatives from one backward sweep")


def test_one_leaf_and_none() -> None:
    assert cost(a * a).why.startswith("With one leaf forward mode is as good")
    assert cost(a).why == "There is nothing to compute, so no gradient either."
    assert "in 1 node," in str(cost(a))


def test_costs_and_counts_are_frozen_and_small() -> None:
    for record, name in ((cost(a * b), "memory"), (Operations(1), "additions")):
        assert not hasattr(record, "__dict__")
        with pytest.raises(FrozenInstanceError):
            setattr(record, name, 0)


def test_memory_is_nodes_leaves_gradients_and_the_numbers_that_only_one_node_holds() -> None:
    number = sys.getsizeof(0.5)
    node = sys.getsizeof(a) + 2 * number  # with data and gradient
    assert cost(a).memory == node
    assert cost(a * b).memory == 3 * node  # its slopes are the data of the other operand
    assert cost(a + b).memory == 3 * node  # these belong to the operation
    assert cost(exp(a)).memory == 2 * node  # this is the result
    assert cost(sin(a)).memory == 2 * node + number
    assert cost(a / b).memory == 3 * node + 2 * number
    assert cost(sin(a / b)).memory == 4 * node + 3 * number
    # From three operands on they are in a tuple, and the slopes in another.
    assert cost(dot([a, b], [b, c])).memory == 4 * node + 2 * sys.getsizeof((0.5,) * 4)
    assert cost(ops.prod([a, b, c])).memory == 4 * node + 2 * sys.getsizeof((0.5,) * 3) + 3 * number


def test_a_sweep_of_forward_mode_adds_only_where_there_are_two_operands() -> None:
    assert counted(cost(exp(a)).sweep) == (0, 1, 0, 0)
    assert counted(cost(dot([a, b], [b, c])).sweep) == (3, 4, 0, 0)


def test_a_leaf_costs_as_much_with_its_gradient_as_without() -> None:
    found = cost(a)
    assert (found.ratio, found.forward_ratio, found.dearest) == (1.0, 1.0, 1.0)
    assert "cheap gradient: value and gradient cost 1.0 times the value, and never more than 1.0 times" in str(found)
    assert "\ninstead, forward mode (1 sweep)  " in str(found)


def test_constants_alone_have_no_leaf_to_sweep_for() -> None:
    constant = (a * 2).parents[1]
    found = cost(constant * 3)
    assert found.leaves == 0
    assert found.why.startswith("With no leaf forward mode is as good; ")
    assert "\ninstead, forward mode (0 sweeps)  " in str(found)


@pytest.mark.parametrize("nothing", [ops.identity, lambda x: ops.sum([x]), lambda x: ops.max([x])])
def test_there_is_no_bound_where_an_operation_computes_nothing(nothing: Callable[[Value], Value]) -> None:
    found = cost(nothing(exp(a)))
    assert found.ratio >= 5.0 > cost(exp(a)).dearest
    assert found.dearest == math.inf
    line = f"cost {found.ratio:.1f} times the value, and there is no bound, as one of these operations computes nothing"
    assert line in str(found)


def test_the_numbers_that_count_have_the_values_that_rules_branch_on() -> None:
    @primitive(slopes=lambda m, y, x, w: (1.0, 1.0))
    def branching(m: Any, x: float, w: float) -> float:
        """An addition for each sum, product or set of numbers that is what it should be."""
        right = m.sum([x, w]) == 7.0, m.dot([x], [w]) == 10.0, m.sum([]) == 0.0, len({x: 1, w: 2}) == 2
        return reduce(lambda total, yes: total + x if yes else total * x, right, x)

    try:
        found = cost(branching(Value(5.0), Value(2.0))).value
    finally:
        forget(branching)
    assert counted(found) == (1 + 4, 1, 0, 2)
