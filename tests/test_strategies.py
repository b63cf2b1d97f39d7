"""Random expressions: inside their domains by construction, minimal when shrunk, and Python that says the same."""

import importlib
import inspect
import json
import math
import os
import subprocess
import sys
from itertools import islice

import hypothesis
import pytest
from hypothesis import HealthCheck, find, given, settings
from hypothesis import strategies as st
from number_systems import bits

from autograd_tiny import Domain, Kink, Value, forget, ops, primitive, registry
from autograd_tiny.errors import MissingPackageError, OperandError, ParameterError
from autograd_tiny.testing import strategies
from autograd_tiny.testing.strategies import (
    FAINT,
    HOSTILE,
    KINK_MARGIN,
    LARGE,
    LARGEST_RESULT,
    MARGIN,
    STEEP,
    Instruction,
    RandomExpression,
    _as_operator,
    _build,
    _Builder,
    _can_be_aimed,
    _chosen,
    _comfortable,
    _fewest,
    _is_kink,
    _shifts,
    _with_parameters,
    expressions,
    hostile_floats,
)
from autograd_tiny.value import gradients

PRODUCT = RandomExpression((Instruction(ops.mul, (0, 1)), Instruction(ops.add, (2, 0.5))), (2.0, 3.0))


def gradient_of(f, point):
    """Return value and gradient of a function of Values, as bits."""
    leaves = [Value(x) for x in point]
    root = f(*leaves)
    return bits(root.data), [bits(g) for g in gradients([root], leaves)]


def numbers_at(expression):
    """Yield (operation, operands as numbers, result) for each instruction at the point."""
    numbers = expression.run(expression.point)
    for instruction, result in zip(expression.instructions, numbers[len(expression.point) :], strict=True):
        yield instruction.op, [numbers[x] if isinstance(x, int) else x for x in instruction.operands], result


def uses(expression):
    """Return how often each number is an operand."""
    counts = [0] * (len(expression.point) + len(expression.instructions))
    for instruction in expression.instructions:
        for x in instruction.operands:
            if isinstance(x, int):
                counts[x] += 1
    return counts


# ---------------------------------------------------------------- what is drawn


every_kind = pytest.mark.parametrize("sharing", [True, False])


@every_kind
@pytest.mark.parametrize("kinks", ["away", "at"])
@given(data=st.data())
def test_operands_are_inside_the_declared_domains_and_results_are_moderate(sharing, kinks, data):
    expression = data.draw(expressions(list(registry), sharing=sharing, kinks=kinks))
    assert expression.instructions
    for op, operands, result in numbers_at(expression):
        assert all(op.domain_of(i).contains(x) for i, x in enumerate(operands)), (op, operands)
        assert abs(result) <= 1024.0
        assert all(math.isfinite(slope) for slope in op.evaluate(*operands)[1])


@every_kind
@given(data=st.data())
def test_away_from_every_kink(sharing, data):
    kinked = [op for op in registry.values() if op.kinks]
    expression = data.draw(expressions(kinked, sharing=sharing))
    for op, operands, _ in numbers_at(expression):
        assert all(abs(gap) > KINK_MARGIN for gap in op.gaps(*operands)), (op, operands)


@every_kind
@given(data=st.data())
def test_at_a_kink_some_operation_is_exactly_on_one(sharing, data):
    expression = data.draw(expressions(sharing=sharing, kinks="at"))
    assert any(0.0 in op.gaps(*operands) for op, operands, _ in numbers_at(expression))


@pytest.mark.parametrize("name", [name for name, op in registry.items() if op.kinks])
def test_which_kinks_can_be_hit(name):
    """Jumps are left alone: at a jump no choice of a slope is right."""
    jumps = {"remainder", "floordiv", "sign", "floor", "ceil", "round", "where", "atan2"}
    jumps |= {"greater", "greater_equal", "equal", "not_equal"}
    if name in jumps:
        with pytest.raises(ParameterError, match="kink"):
            expressions([name], kinks="at")
    else:
        op = registry[name]
        expressions([name], kinks="at")
        hit = _build([0.7], [(ops.exp, (0,), 0), (op, (0,) * (op.arity or 2), 0)], True, (op,))
        op, operands, _ = list(numbers_at(hit))[-1]
        assert 0.0 in op.gaps(*operands)


def test_without_a_kinked_operation_one_is_put_on_top():
    shortest = find(expressions(["mul", "relu"], kinks="at"), lambda f: f.instructions[0].op is ops.mul)
    assert shortest.instructions[-1].op is ops.relu
    assert shortest.run(shortest.point)[shortest.instructions[-1].operands[0]] == 0.0


@given(expressions(size=(1, 30)))
def test_the_root_depends_on_every_number(expression):
    *earlier, root = uses(expression)
    assert all(earlier)
    assert not root


@given(expressions(size=(1, 30), sharing=False))
def test_without_sharing_the_graph_is_a_tree(expression):
    assert uses(expression) == [1] * (len(expression.point) + len(expression.instructions) - 1) + [0]


@pytest.mark.slow
def test_with_sharing_there_are_squares_and_diamonds():
    square = find(expressions(), lambda f: f.instructions[0].op is ops.mul and f.instructions[0].operands == (0, 0))
    assert square.source == "def f(x1):\n    v1 = x1 * x1\n    return v1\n"
    diamond = find(expressions(["add"]), lambda f: uses(f)[:2] == [2, 2])
    assert [instruction.operands for instruction in diamond.instructions] == [(0, 0), (1, 1)]


def test_constants_stand_on_either_side():
    """Reflected operators are among the expressions."""
    reflected = find(expressions(["sub"]), lambda f: isinstance(f.instructions[0].operands[0], float))
    assert reflected.source == "def f(x1):\n    v1 = 2.0 - x1\n    return v1\n"


@pytest.mark.parametrize("op", registry.values(), ids=lambda op: op.name)
@pytest.mark.parametrize("x", [0.0, -1.75, 2.0, 1e5])
def test_every_operation_can_be_placed_on_any_number(op, x):
    count = op.arity or 2
    expression = _build([x], [(op, (0,) * count, 0)], True, ())
    assert expression.instructions[-1].op.name == op.name
    assert len(expression.instructions) <= 1 + 3 * count  # at most three that prepare an operand


def test_the_default_leaves_out_operations_that_are_flat_everywhere():
    flat = {"sign", "floor", "ceil", "round", "floordiv", "greater", "greater_equal", "equal", "not_equal"}
    offered = {op.name for op in _chosen(None)}
    assert offered == set(registry) - flat
    assert [op.name for op in _chosen(None)][:5] == ["add", "mul", "sub", "neg", "div"]  # what shrinking goes to


@pytest.mark.slow
def test_operations_of_your_own_take_part_at_once():
    @primitive(slopes=lambda m, y, x, *, scale: (2 * scale * x,), domain=Domain(500.0, 600.0))
    def distant(m, x, *, scale=0.5):
        """scale x^2 for 500 < x < 600."""
        return scale * x * x

    try:
        found = find(expressions(), lambda f: f.instructions[-1].op.name == "distant")
        assert [op.name for op, _, _ in numbers_at(found)] == ["add", "distant"]
        assert "registry['distant'](v1, scale=0.5)" in found.source
        assert gradient_of(executed(found), found.point) == gradient_of(found, found.point)
        assert RandomExpression.from_json(found.to_json()) == found
        bound = find(expressions([distant.bind(scale=7.0)]), lambda f: True)
        assert bound.instructions[-1].op.params == {"scale": 7.0}
    finally:
        forget(distant)


def test_a_wrong_slope_does_not_keep_an_operation_out():
    @primitive(slopes=lambda m, y, x: (math.nan,))
    def broken(m, x):
        """2 x, with a slope that is not a number."""
        return x + x

    try:
        assert find(expressions(["broken"], size=(2, 2)), lambda f: True).instructions[-1].op is broken
    finally:
        forget(broken)


def test_an_operation_without_a_number_in_its_domain_is_reported():
    @primitive(slopes=(1.0,), kinks=(Kink("everywhere", lambda x: 0.0, "1"),))
    def nowhere(m, x):
        """X, said to have kinks only."""
        return x

    try:

        @settings(suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
        @given(expressions(["nowhere"], size=(1, 1), numbers=st.sampled_from((-1.0, 0.0, 1.0))))
        def never(expression):
            pytest.fail("nothing should have been drawn")

        with pytest.raises(Exception, match="Unable to satisfy"):
            never()
    finally:
        forget(nowhere)


@pytest.mark.slow
def test_your_own_numbers():
    found = find(expressions(["add"], numbers=st.just(1e6), leaves=(2, 2)), lambda f: len(f.point) == 2)
    assert found.point == (1e6, 1e6)
    with pytest.raises(ParameterError, match="finite"):
        find(expressions(numbers=st.just(math.inf)), lambda f: True)


@pytest.mark.slow
def test_two_hundred_instructions_stay_well_scaled():
    sizes = []

    @settings(max_examples=30, suppress_health_check=list(HealthCheck))
    @given(expressions(size=(200, 200), leaves=(2, 4)))
    def check(expression):
        sizes.append(len(expression.instructions))
        for _, operands, result in numbers_at(expression):
            assert max(map(abs, (result, *operands))) <= 1024.0
        leaves = [Value(x) for x in expression.point]
        assert all(abs(g) <= 1e6 for g in gradients([expression(*leaves)], leaves))

    check()
    assert max(sizes) > 150


def test_nothing_is_built_on_a_result_that_does_not_depend_on_the_leaves():
    found = _build([-1.0], [(ops.relu, (0,), 0), (ops.tanh, (0,), 0)], True, ())
    assert [instruction.op for instruction in found.instructions] == [ops.tanh]


def test_deleting_an_instruction_leaves_a_valid_expression():
    """What shrinking does: every sublist of the draws builds an expression."""
    drawn = [(ops.log, (0,), 0), (ops.exp, (0,), 0), (ops.asin, (0,), 0), (ops.div, (0, 3), 0), (ops.relu, (1,), 0)]
    for k in range(len(drawn)):
        shorter = _build([0.25, -1.5], drawn[:k] + drawn[k + 1 :], True, ())
        assert shorter.instructions[-1].op is drawn[-1 if k < 4 else -2][0]
        for op, operands, _ in numbers_at(shorter):
            assert all(op.domain_of(i).contains(x) for i, x in enumerate(operands))


def test_shrinking_finds_the_simplest_expression():
    large = find(expressions(["tanh", "add", "mul"]), lambda f: f(*f.point) > 1.0)
    assert len(large.instructions) == 1
    assert large.instructions[0].op is ops.add


# ---------------------------------------------------------------- settings that do not fit


@pytest.mark.parametrize(
    ("settings_given", "message"),
    [
        ({"ops": ["sqr"]}, "no operation is called 'sqr'; did you mean sqrt"),
        ({"ops": ["\x1b[31m"]}, r"'\\x1b\[31m'; registry lists"),
        ({"ops": []}, "at least one"),
        ({"ops": "sin"}, r"ops is a list .*, got 'sin'; put it in brackets"),
        ({"ops": ops.sin}, r"ops is a list .*, got <primitive sin>; put it in brackets"),
        ({"ops": [math.sin]}, "operations or their names"),
        ({"kinks": "on"}, '"away" or "at"'),
        ({"ops": ["add"], "kinks": "at"}, "an operation with a kink, got add"),
        ({"leaves": (0, 2)}, "smallest leaves is a whole number of at least 1"),
        ({"size": (3, 2)}, "largest size is a whole number of at least 3"),
        ({"size": 3}, "size is the pair"),
    ],
)
def test_settings_that_do_not_fit(settings_given, message):
    with pytest.raises(ParameterError, match=message):
        expressions(**settings_given)


@pytest.mark.parametrize("strategy", [expressions, hostile_floats])
def test_hypothesis_is_needed_only_to_draw(strategy, monkeypatch):
    monkeypatch.setitem(sys.modules, "hypothesis", None)
    with pytest.raises(MissingPackageError, match="pip install hypothesis"):
        strategy()


# ---------------------------------------------------------------- as Python


def executed(expression):
    """Return the function that the printed source defines."""
    names = {}
    exec(expression.source, names)  # noqa: S102 - the source is what the test is about
    return names["f"]


@every_kind
@given(data=st.data())
def test_the_source_gives_the_same_bits(sharing, data):
    expression = data.draw(expressions(list(registry), sharing=sharing))
    assert gradient_of(executed(expression), expression.point) == gradient_of(expression, expression.point)


@pytest.mark.parametrize(
    "instruction",
    [
        Instruction(ops.pow, (0, 1)),
        Instruction(ops.pow, (0, 3.0)),
        Instruction(ops.pow, (2.0, 0)),
        Instruction(ops.power.bind(n=-0.5), (0,)),
        Instruction(ops.sub, (-2.0, 0)),
        Instruction(ops.sub, (0, -2.0)),
        Instruction(ops.remainder, (-2.0, 0)),
        Instruction(ops.floordiv, (0, 0.3)),
        Instruction(ops.neg, (0,)),
        Instruction(ops.identity, (0,)),
        Instruction(ops.abs, (0,)),
        Instruction(ops.dot, (0, 1, 1, 0.1)),
        Instruction(ops.softmax.bind(index=1), (0, 1)),
        Instruction(ops.clip.bind(low=0.1, high=1 / 3), (0,)),
        Instruction(ops.sum, (0,)),
    ],
    ids=lambda instruction: repr(instruction.op),
)
def test_the_source_records_the_same_operation(instruction):
    expression = RandomExpression((instruction,), (0.7, 1.9))
    written, recorded = executed(expression)(Value(0.7), Value(1.9)), expression(Value(0.7), Value(1.9))
    assert written.op is recorded.op
    assert [p.data for p in written.parents] == [p.data for p in recorded.parents]


def test_the_source_of_calls_and_operators():
    expression = RandomExpression(
        (
            Instruction(ops.power.bind(n=0.1), (0,)),
            Instruction(ops.dot, (0, 1, 2, -3.0)),
            Instruction(ops.softmax.bind(index=0), (3, 0)),
            Instruction(ops.mul, (-2.0, 4)),
        ),
        (0.5, 0.25),
    )
    assert expression.source == (
        "from autograd_tiny.ops import dot, softmax\n\n\n"
        "def f(x1, x2):\n"
        "    v1 = x1 ** 0.1\n"
        "    v2 = dot([x1, x2], [v1, -3.0])\n"
        "    v3 = softmax([v2, x1], index=0)\n"
        "    v4 = (-2.0) * v3\n"
        "    return v4\n"
    )
    assert repr(expression) == f"{expression.source}\n\npoint = (0.5, 0.25)"
    assert expression.reproducer.endswith("\n\ncheck_gradients(f, 0.5, 0.25).assert_ok()\n")


@pytest.mark.slow
@given(expressions(size=(1, 5)))
def test_the_reproducer_runs(expression):
    exec(expression.reproducer, {})  # noqa: S102 - the script is what the test is about


def test_a_failing_test_prints_what_one_can_paste():
    @settings(print_blob=False)
    @given(expressions(["sin", "add"]))
    def fails(f):
        assert not any(instruction.op is ops.sin for instruction in f.instructions)

    with pytest.raises(AssertionError) as failure:
        fails()
    printed = "\n".join(failure.value.__notes__)
    assert "\nfrom autograd_tiny.ops import sin\n\n\ndef f(x1):\n    v1 = sin(x1)\n    return v1\n" in printed
    assert "\npoint = (0.0,)\n" in printed


# ---------------------------------------------------------------- as a function


def test_floats_give_a_float_and_values_a_value():
    assert PRODUCT(2.0, 3.0) == 6.5
    assert isinstance(PRODUCT(2.0, 3.0), float)
    assert PRODUCT(Value(2.0), 3.0).data == 6.5
    assert PRODUCT.run([1.0, 4.0]) == [1.0, 4.0, 4.0, 4.5]


def test_an_engine_of_another_kind_runs_the_same_instructions():
    trace = PRODUCT.run(["a", "b"], lambda op, operands: f"{op.name}{operands}")
    assert trace == ["a", "b", "mul('a', 'b')", "add(\"mul('a', 'b')\", 0.5)"]


def test_arguments_are_called_x1_x2():
    assert PRODUCT.variables == ("x1", "x2")
    assert list(inspect.signature(PRODUCT).parameters) == ["x1", "x2"]
    assert list(inspect.signature(RandomExpression).parameters) == ["instructions", "point"]
    with pytest.raises(OperandError, match="takes x1, x2, got 3"):
        PRODUCT(1.0, 2.0, 3.0)


def test_equal_expressions_are_equal():
    assert RandomExpression(PRODUCT.instructions, (2.0, 3.0)) == PRODUCT
    assert len({PRODUCT, RandomExpression(PRODUCT.instructions, (2.0, 3.0))}) == 1
    assert RandomExpression(PRODUCT.instructions, (2.0, 4.0)) != PRODUCT


@pytest.mark.parametrize(
    ("instructions", "point", "message"),
    [
        ((), (), "at least one leaf"),
        ((), (math.nan,), "finite, got nan"),
        ((Instruction("mul", (0, 0)),), (1.0,), "instruction 1 needs an operation such as ops.mul, got 'mul'"),
        ((Instruction(ops.add, (0,)),), (1.0,), "instruction 1: add.* takes 2 operand"),
        ((Instruction(ops.dot, (0, 0, 0)),), (1.0,), "instruction 1: dot needs two lists of one length, got 2 and 1"),
        ((Instruction(ops.max, ()),), (1.0,), "instruction 1: max needs at least 1"),
        ((Instruction(ops.power, (0,)),), (1.0,), "needs its parameter n"),
        ((Instruction(ops.power.bind(n=math.inf), (0,)),), (1.0,), "a parameter is finite"),
        ((Instruction(ops.softmax.bind(index=2), (0, 0)),), (1.0,), "no result index=2"),
        ((Instruction(ops.neg, (1,)),), (1.0,), "takes number 1; only 0 to 0"),
        ((Instruction(ops.neg, (-1,)),), (1.0,), "takes number -1"),
        ((Instruction(ops.add, (0, math.inf)),), (1.0,), "a constant is finite"),
        ((Instruction(ops.add, (1.0, 2.0)),), (1.0,), "constants only"),
    ],
)
def test_expressions_that_make_no_sense(instructions, point, message):
    with pytest.raises(ParameterError, match=message):
        RandomExpression(instructions, point)


# ---------------------------------------------------------------- saved and reloaded


@given(expressions(size=(1, 30)))
def test_saved_and_reloaded_it_is_the_same_to_the_last_bit(expression):
    again = RandomExpression.from_json(expression.to_json())
    assert again == expression
    assert gradient_of(again, again.point) == gradient_of(expression, expression.point)


def saved(**changes):
    content = {"point": [1.0], "instructions": [{"op": "mul", "operands": ["x1", 2.0]}]}
    return json.dumps(content | changes)


def step(**changes):
    return saved(instructions=[{"op": "mul", "operands": ["x1", 2.0]} | changes])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "JSON text as to_json writes it"),
        (None, "JSON text"),
        ("[" * 100_000, "JSON text"),
        ("[]", "the expression needs 'point', a list"),
        (saved(point=[], instructions=[]), "at least one leaf"),
        (saved(point=["1"]), "names and numbers, got '1'"),
        (saved(point=[True]), "names and numbers, got True"),
        (saved(point=[math.nan]), "finite, got nan"),
        (saved(point=[10**400]), "finite, got inf"),
        (saved(instructions=None), "needs 'instructions', a list"),
        (saved(instructions=[3]), "instruction 1 needs 'op', a str, got 3"),
        (step(op="nul"), "no operation is called 'nul'; did you mean mul"),
        (step(op="\u202e"), r"\\u202e"),
        (step(operands=["x1"]), "takes 2 operand"),
        (step(operands=["x1", "x2"]), "takes 'x2', which is no earlier number"),
        (step(operands=["x1", "v1"]), "takes 'v1', which is no earlier number"),
        (step(operands=["x1", None]), "names and numbers, got None"),
        (step(operands=["x1", math.inf]), "finite, got inf"),
        (step(operands=["x1", [1]]), "names and numbers"),
        (step(op="power", operands=["x1"]), "instruction 1 needs 'params', a dict"),
        (step(op="power", operands=["x1"], params={}), "needs its parameter n"),
        (step(op="power", operands=["x1"], params={"n": "2"}), "one real number, got '2'"),
        (step(op="power", operands=["x1"], params={"m": 2}), "no parameter 'm'"),
    ],
)
def test_saved_text_that_cannot_be_read(text, message):
    with pytest.raises(ParameterError, match=message):
        RandomExpression.from_json(text)


# ---------------------------------------------------------------- hostile floats


@pytest.mark.parametrize("x", [*HOSTILE, -math.inf, 5e-324, -5e-324, 1e200, -1e-200, sys.float_info.max, 2.5])
def test_hostile_floats_are_drawn(x):
    assert any(bits(x) == bits(y) for y in HOSTILE)
    assert bits(find(hostile_floats(), lambda y: bits(y) == bits(x))) == bits(x)


def test_ordinary_floats_are_among_the_hostile_ones():
    assert find(hostile_floats(), lambda x: 3.0 < x < 4.0) == 3.5


# ---------------------------------------------------------------- details that planted mistakes once survived


@pytest.mark.parametrize(("length", "shown"), [(58, "'" + "q" * 58 + "'"), (59, "'" + "q" * 56 + "...")])
def test_sixty_characters_of_a_thing_are_shown(length, shown):
    with pytest.raises(ParameterError) as failure:
        expressions(["q" * length])
    assert f"no operation is called {shown};" in str(failure.value)


def test_errors_are_told_by_their_message():
    with pytest.raises(ParameterError, match=r"JSON text as to_json writes it: Expecting value: line 1 column 1"):
        RandomExpression.from_json("?")


def test_instructions_take_no_more_memory_than_they_have_to():
    assert not hasattr(PRODUCT.instructions[0], "__dict__")


def test_a_new_expression_has_a_signature_of_its_own():
    assert str(inspect.signature(RandomExpression((), (1.0, 2.0, 3.0)))) == "(x1, x2, x3)"


def test_an_operation_without_parameters_is_saved_without_them():
    assert json.loads(PRODUCT.to_json())["instructions"] == [
        {"op": "mul", "operands": ["x1", "x2"]},
        {"op": "add", "operands": ["v1", 0.5]},
    ]


def test_negation_is_written_as_a_sign_and_kept_together():
    steps = (Instruction(ops.neg, (0,)), Instruction(ops.mul, (1, -2.0)), Instruction(ops.tanh, (2,)))
    text = RandomExpression(steps, (1.5,)).source
    assert "    v1 = -x1\n    v2 = v1 * (-2.0)\n    v3 = tanh(v2)\n" in text


@pytest.mark.parametrize(
    ("domain", "low", "high", "margin"),
    [
        (Domain(), -LARGE, LARGE, MARGIN),
        (Domain(0.0), MARGIN, LARGE, MARGIN),
        (Domain(high=0.0), -LARGE, -MARGIN, MARGIN),
        (Domain(-1.0, 1.0), -1.0 + MARGIN, 1.0 - MARGIN, MARGIN),
        (Domain(0.0, MARGIN), MARGIN / 8, MARGIN * 7 / 8, MARGIN / 8),
        (Domain(1000.0), 1000.0 + MARGIN, 1001.0 + MARGIN, MARGIN),
        (Domain(high=-1000.0), -1001.0 - MARGIN, -1000.0 - MARGIN, MARGIN),
    ],
)
def test_the_comfortable_part_of_a_domain(domain, low, high, margin):
    assert _comfortable(domain) == pytest.approx((low, high, margin))


# ---------------------------------------------------------------- the builder, step by step


@pytest.fixture
def own():
    """Declare operations that are forgotten after the test."""
    declared = []

    def declare(rule, **settings):
        declared.append(primitive(**settings)(rule))
        return declared[-1]

    yield declare
    for op in declared:
        forget(op)


@pytest.fixture
def bent(own):
    """An operation with any two slopes that meet at 0, at any height."""

    def bent(m, x, *, left=1.0, right=1.0, height=0.0):
        """X times a slope that depends on its sign, plus a height."""
        return m.where(x < 0, left * x, right * x) + height

    def slopes(m, y, x, *, left, right, height):
        return (m.where(x < 0, left, right),)

    return own(bent, slopes=slopes, kinks=(Kink("x = 0", lambda x: x, "right"),))


@pytest.fixture
def nowhere(own):
    """An operation that is never away from its kinks."""

    def nowhere(m, x):
        """X, said to have kinks only."""
        return x

    return own(nowhere, slopes=(1.0,), kinks=(Kink("everywhere", lambda x: 0.0, "1"),))


def steps(thing):
    """Return the instructions of a builder or an expression as (name, operands) or (name, operands, parameters)."""
    return [
        (op.name, operands, *([op.params] if op.params else []))
        for op, operands in [(instruction.op, instruction.operands) for instruction in thing.instructions]
    ]


def built(point, *drawn, sharing=True, kinked=()):
    """Return the steps and the point of the expression that (operation, *choices) build."""
    expression = _build(list(point), [(op, tuple(choices), 0) for op, *choices in drawn], sharing, kinked)
    return steps(expression), expression.point


def test_a_call_has_no_operator():
    assert _as_operator(ops.sin, (0,), ["x1"]) == ""


def test_shifts_go_outwards_from_the_nearest_end_and_then_off_the_grid():
    shifts = list(_shifts(10.0, -8.0, 8.0))
    assert shifts[:7] == [0.0, -2.0, -2.0, -1.5, -2.5, -1.0, -3.0]
    assert shifts[63:69] == [13.5, -17.5, -1.875, -1.875, -1.375, -2.375]
    assert len(shifts) == 129


def test_shifts_into_a_narrow_interval_are_finer():
    assert list(islice(_shifts(0.0, 1.0, 2.2), 7)) == [0.0, 1.0, 1.0, 1.25, 0.75, 1.5, 0.5]


def test_every_leaf_depends_on_itself_once_and_the_last_is_the_root():
    builder = _Builder((4.0, 5.0), sharing=True)
    assert builder.spreads == [1.0, 1.0]
    assert builder.root == 1
    assert builder.finished() == RandomExpression((), (5.0,))


@pytest.mark.parametrize(
    ("sharing", "choices", "operands"),
    [
        (True, (0, 0), [2, 2]),
        (True, (1, 0, 2), [1, 2, 0]),
        (True, (12, 1, 13, 14), [2.0, 1, 0.5, 3.0]),
        (True, (12, 13, 14), [2, 0.5, 3.0]),
        (False, (0, 0), [2, 1]),
        (False, (0, 0, 0, 5), [2, 1, 0, 3.0]),
    ],
)
def test_what_choices_mean(sharing, choices, operands):
    assert repr(_Builder((1.0, 2.0, 3.0), sharing).operands(choices)) == repr(operands)  # 2 and 2.0 are not the same


def test_the_only_number_is_shared():
    assert _Builder((1.0,), sharing=True).operands((0, 7)) == [0, 0]


def test_fresh_numbers_depend_on_the_leaves_if_any_does():
    builder = _Builder((1.0, 2.0, 3.0), sharing=True)
    builder.spreads = [1.0, FAINT / 2, FAINT]
    assert [builder._fresh(0), builder._fresh(0)] == [2, 0]
    assert [builder._fresh(4), builder.free] == [1, [1]]
    builder.sharing = False
    assert [builder._fresh(4), builder.free] == [1, []]


def test_the_spread_of_a_result_sums_over_its_paths(own):
    builder = _Builder((2.0,), sharing=True)
    assert builder.spread(7.0) == 0.0
    assert builder.emit(ops.mul, 0, 0) == 1
    assert builder.emit(ops.mul, 1, -3.0) == 2
    assert builder.spreads == [1.0, 4.0, 12.0]
    assert builder.numbers == [2.0, 4.0, -12.0]

    def broken(m, x):
        """2 x, with a slope that is not a number."""
        return x + x

    builder.emit(own(broken, slopes=lambda m, y, x: (math.nan,)), 1)
    assert builder.spreads[3] == 1.0


def test_shifting_by_nothing_takes_no_instruction():
    builder = _Builder((2.0,), sharing=True)
    assert builder.shifted(0, 0.0) == 0
    assert builder.shifted(3.0, 0.5) == 3.5
    assert builder.instructions == []
    assert builder.shifted(0, 0.5) == 1
    assert steps(builder) == [("add", (0, 0.5))]


ANY = Domain()


def settled(x, domain=ANY, spread=1.0, accept=lambda x: True):
    """Return what settling a leaf gives, and the steps it takes."""
    builder = _Builder((x,), sharing=True)
    builder.spreads[0] = spread
    return builder.settled(0, domain, accept), steps(builder)


@pytest.mark.parametrize(
    ("x", "domain", "spread"),
    [
        (LARGE, Domain(), 1.0),
        (-LARGE, Domain(), 1.0),
        (MARGIN, Domain(0.0), 1.0),
        (MARGIN / 16, Domain(), 1.0),
        (0.0, Domain(), 1.0),
        (2.0, Domain(), STEEP),
        (3.0 + MARGIN, Domain(excluding=(3.0,)), 1.0),
        (-3.0, Domain(excluding=(3.0,)), 1.0),
        (1000.5, Domain(1000.0), STEEP),
    ],
)
def test_comfortable_operands_stay_as_they_are(x, domain, spread):
    assert settled(x, domain, spread) == (0, [])


@pytest.mark.parametrize(
    ("x", "domain", "spread", "instructions"),
    [
        (MARGIN / 16.5, Domain(), 1.0, [("add", (0, 0.5))]),
        (3.0, Domain(excluding=(3.0,)), 1.0, [("add", (0, 0.5))]),
        (12.0, Domain(), 1.0, [("mul", (0, 0.25))]),
        (-40.0, Domain(), 1.0, [("mul", (0, 0.0625))]),
        (1.0, Domain(), 16.5, [("mul", (0, 0.25))]),
        (1.0, Domain(), 100.0, [("mul", (0, 0.0625))]),
        (40.0, Domain(10.0), 1.0, [("mul", (0, 0.0625)), ("add", (1, 7.75))]),
    ],
)
def test_operands_are_scaled_and_then_shifted(x, domain, spread, instructions):
    assert settled(x, domain, spread) == (len(instructions), instructions)


def test_the_largest_comfortable_operand_is_shifted_without_scaling():
    assert settled(LARGE, accept=lambda x: x < LARGE) == (1, [("add", (0, -0.5))])


def test_an_operand_that_nothing_accepts_is_given_up():
    assert settled(2.0, accept=lambda x: False) == (None, [])


def test_every_operand_is_settled_in_its_own_domain():
    """0.0625 is a comfortable exponent, and too close to 0 as a base or a divisor."""
    builder = _Builder((0.0625,), sharing=True)
    assert builder.place(ops.pow, [0, 0]) is True
    assert steps(builder) == [("add", (0, 0.5)), ("pow", (1, 0))]
    builder = _Builder((0.0625,), sharing=True)
    assert builder.place(ops.div, [0, 0]) is True
    assert steps(builder) == [("add", (0, 0.5)), ("div", (0, 1))]


def test_operands_after_the_second_have_domains_of_their_own(own):
    def far(m, x, y, z):
        """X + y + z for y > 100 and z > 200."""
        return x + y + z

    far = own(far, slopes=(1.0, 1.0, 1.0), domain=(Domain(), Domain(100.0), Domain(200.0)))
    assert _Builder((5.0,), True).place(far, [0, 101.0, 201.0]) is True
    builder = _Builder((5.0,), sharing=True)
    assert builder.place(far, [0, 1.0, 1.0]) is True
    assert builder.instructions[-1].operands == (0, 100.25, 200.25)


def test_an_operation_that_cannot_be_placed_is_said_to_be_so(own, nowhere):
    assert _Builder((2.0,), sharing=True).place(nowhere, [0]) is False

    def holes(m, x, y):
        """X + y for y in an interval full of holes."""
        return x + y

    full = Domain(0.0, 1.0, excluding=(0.2, 0.4, 0.6, 0.8))
    assert _Builder((0.5,), sharing=True).place(own(holes, slopes=(1.0, 1.0), domain=(Domain(), full)), [0, 0]) is False


def test_an_operation_that_cannot_be_placed_takes_no_number(nowhere):
    assert built((0.5, 0.75), (nowhere, 0), (ops.sin, 0)) == ([("sin", (0,))], (0.75,))


def test_operands_stay_beyond_the_margin_of_kinks():
    builder = _Builder((KINK_MARGIN,), sharing=True)
    builder.place(ops.relu, [0])
    assert steps(builder) == [("add", (0, 0.5)), ("relu", (1,))]
    just_beyond = math.nextafter(KINK_MARGIN, 1.0)
    assert built((just_beyond,), (ops.relu, 0)) == ([("relu", (0,))], (just_beyond,))
    assert built((0.0,), (ops.relu, 0)) == ([("add", (0, 0.5)), ("relu", (1,))], (0.0,))


def test_results_are_at_most_the_largest_unless_the_domain_leaves_no_choice(own):
    tenth = ops.power.bind(n=10.0)
    assert LARGEST_RESULT == 2.0**10
    assert built((2.0,), (tenth, 0)) == ([("power", (0,), {"n": 10.0})], (2.0,))
    assert built((2.5,), (tenth, 0))[0] == [("add", (0, -0.5)), ("power", (1,), {"n": 10.0})]

    def distant(m, x):
        """x^2 for x > 500."""
        return x * x

    distant = own(distant, slopes=lambda m, y, x: (2 * x,), domain=Domain(500.0))
    assert built((501.0,), (distant, 0)) == ([("distant", (0,))], (501.0,))


def test_moving_to_a_goal_is_exact():
    builder = _Builder((2.0, 0.8), sharing=True)
    assert builder.moved(5.0, 0.3) == 0.3
    assert builder.moved(0, 0.5) == 2
    assert builder.moved(1, 0.3) == 4
    assert steps(builder) == [("add", (0, -1.5)), ("add", (1, -0.8)), ("add", (3, 0.3))]
    assert 0.8 + (0.3 - 0.8) != 0.3
    assert builder.numbers[2:] == [0.5, 0.0, 0.3]


def test_aiming_says_whether_it_was_possible():
    builder = _Builder((2.0,), sharing=True)
    assert builder.aim(ops.sin, [0]) is False
    assert builder.aim(ops.hypot, [0, 3.0]) is True
    assert steps(builder) == [("add", (0, -2.0)), ("hypot", (1, 0.0))]


def test_only_what_the_root_depends_on_is_needed():
    builder = _Builder((2.0, 3.0), sharing=True)
    builder.place(ops.sin, [1])
    unused = builder.emit(ops.add, builder.emit(ops.add, 2, 0.5), 0.5)
    assert unused == 4
    assert builder.needed() == {1, 2}
    assert steps(builder.finished()) == [("sin", (0,))]


# ---------------------------------------------------------------- kinks


@pytest.mark.parametrize(
    ("settings", "kink"),
    [
        ({}, True),
        ({"left": 2.0**14}, True),
        ({"left": 2.0**14 + 1.0}, False),
        ({"right": -(2.0**14)}, True),
        ({"right": 2.0**14 + 1.0}, False),
        ({"height": LARGEST_RESULT}, True),
        ({"height": -LARGEST_RESULT - 1.0}, False),
    ],
)
def test_a_kink_is_continuous_and_of_moderate_height(bent, settings, kink):
    assert _is_kink(bent.bind(**settings), (0.0,)) is kink
    assert _is_kink(bent.bind(**settings), (0.5,)) is False


def test_a_jump_beside_a_kink_makes_it_a_jump(own):
    def gate(m, x, y):
        """Y for positive x."""
        return m.where(x > 0, y, 0.0)

    kinks = (Kink("x = 0", lambda x, y: x, "0"),)
    gate = own(gate, slopes=lambda m, r, x, y: (0.0, m.where(x > 0, 1.0, 0.0)), kinks=kinks)
    assert _is_kink(gate, (0.0, 0.0)) is False


def test_a_kink_is_looked_at_from_both_sides_and_with_the_others_apart(own):
    seen = []

    def noted(m, x, y, z):
        """X + y + z, with a note of the operands."""
        seen.append((float(x), float(y), float(z)))
        return x + y + z

    noted = own(noted, slopes=(1.0, 1.0, 1.0), kinks=(Kink("x = 0", lambda x, y, z: x, "1"),))
    assert _is_kink(noted, (0.0, 1.0, 1.0)) is True
    small = 2.0**-20
    apart = (1.0 + MARGIN, 1.0 + 2 * MARGIN)
    sides = (-small, 0.0, small)
    assert set(seen) == {(x, 1.0, 1.0) for x in sides} | {(x, *apart) for x in sides}


def test_the_last_kinked_operation_drawn_is_put_on_its_kink():
    leaky = ("leaky_relu", {"alpha": 0.01})
    on_it = [("add", (0, -0.5)), (leaky[0], (1,), leaky[1]), ("sin", (2,))]
    assert built((0.5,), (ops.leaky_relu, 0), (ops.sin, 0), kinked=(ops.leaky_relu,)) == (on_it, (0.5,))
    twice = [(leaky[0], (0,), leaky[1]), ("add", (1, -0.5)), (leaky[0], (2,), leaky[1]), ("sin", (3,))]
    drawn = [(ops.leaky_relu, 0), (ops.leaky_relu, 0), (ops.sin, 0)]
    assert built((0.5,), *drawn, kinked=(ops.leaky_relu,)) == (twice, (0.5,))


def test_away_from_kinks_none_is_aimed_at():
    drawn = [(ops.leaky_relu, 0), (ops.leaky_relu, 0), (ops.leaky_relu, 0)]
    instructions, _ = built((0.5,), *drawn)
    assert [name for name, *_ in instructions] == ["leaky_relu"] * 3


@pytest.mark.parametrize(
    ("op", "sharing", "instructions"),
    [
        (ops.relu, True, [("add", (0, -0.75)), ("relu", (1,))]),
        (ops.maximum, True, [("maximum", (0, 0))]),
        (ops.maximum, False, [("add", (0, 1.25)), ("maximum", (1, 2.0))]),
        (ops.clip, True, [("add", (0, -1.75)), ("clip", (1,), {"low": -1.0, "high": 1.0})]),
    ],
)
def test_a_kink_on_top_of_nothing_else(op, sharing, instructions):
    assert built((0.5, 0.75), sharing=sharing, kinked=(op,)) == (instructions, (0.75,))


def test_nothing_is_built_when_the_kink_on_top_cannot_be_hit(bent):
    jump = bent.bind(height=2000.0)
    assert built((0.5, 0.75), (ops.sin, 0), kinked=(jump,)) == ([], (0.5, 0.75))


def test_results_are_taken_first_and_leaves_last():
    drawn = [(ops.sin, 0), (ops.cos, 1), (ops.mul, 0, 1)]
    expected = ([("sin", (1,)), ("cos", (0,)), ("mul", (3, 2))], (0.5, 0.75))
    assert built((0.5, 0.75), *drawn) == built((0.5, 0.75), *drawn, sharing=False) == expected


@pytest.mark.parametrize(("op", "fewest"), [(ops.relu, 1), (ops.where, 3), (ops.max, 2), (ops.sum, 2)])
def test_the_fewest_operands_with_a_kink(op, fewest):
    assert _fewest(op) == fewest


@pytest.mark.parametrize(
    ("op", "count", "knob", "params"),
    [
        (ops.sin, 1, 4, {}),
        (ops.leaky_relu, 1, 0, {"alpha": 0.01}),
        (ops.leaky_relu, 1, 1, {"alpha": 0.005}),
        (ops.elu, 1, 5, {"alpha": 1.5}),
        *[(ops.power, 1, knob, {"n": n}) for knob, n in enumerate((2.0, 3.0, 0.5, -1.0, 1.5, -0.5, 2.0))],
        (ops.softmax, 3, 5, {"index": 2.0}),
        (ops.leaky_relu.bind(alpha=0.25), 1, 1, {"alpha": 0.25}),
    ],
)
def test_parameters_stay_near_their_defaults(op, count, knob, params):
    assert _with_parameters(op, count, knob).params == params


def test_parameters_of_your_own(own):
    def own_scaled(m, x, *, index=2.0, shift=0.0):
        """Index x + shift."""
        return index * x + shift

    op = own(own_scaled, slopes=lambda m, y, x, *, index, shift: (index,))
    assert _with_parameters(op, 3, 2).params == {"index": 3.0, "shift": 0.5}

    def own_each(m, *xs, index=None, scale=2.0):
        """Scale times one operand."""
        return scale * xs[int(index)]

    def slopes(m, y, *xs, index, scale):
        return tuple(scale if i == index else 0.0 for i in range(len(xs)))

    op = own(own_each, slopes=slopes, per_operand=True, at_least=1)
    assert _with_parameters(op, 3, 4).params == {"index": 1.0, "scale": 1.0}


def test_whether_a_kink_can_be_hit_is_tried_with_default_parameters_and_small_numbers(own):
    assert _can_be_aimed(ops.relu) is True
    assert _can_be_aimed(ops.sign) is False
    assert _can_be_aimed(ops.sin) is False

    def corner(m, x, y, *, scale=1.0):
        """|x| for y near 2."""
        return abs(x)

    op = own(
        corner,
        slopes=lambda m, r, x, y, *, scale: (m.where(x < 0, -1.0, 1.0), 0.0),
        domain=(Domain(), Domain(0.5, 2.5)),
        kinks=(Kink("x = 0 for scale 1", lambda x, y, *, scale: x if scale == 1.0 else 1.0, "1"),),
    )
    assert _can_be_aimed(op) is True


def test_the_first_sixty_characters_of_a_name_are_compared(monkeypatch):
    monkeypatch.setattr(strategies, "registry", {"q" * 26: ops.sin})  # 52 of 86 characters in common: just enough
    with pytest.raises(ParameterError, match=r"did you mean q{26}\?"):
        expressions(["q" * 26 + "z" * 1000])


def test_ordinary_hostile_floats_are_below_a_hundred():
    assert "floats(min_value=-100.0, max_value=100.0)" in repr(hostile_floats())


def test_the_limits_within_which_expressions_are_built():
    assert (LARGE, STEEP, FAINT, LARGEST_RESULT) == (8.0, 16.0, 2.0**-40, 1024.0)
    assert (MARGIN, KINK_MARGIN) == (1 / 8, 1 / 64)


# ---------------------------------------------------------------- what hypothesis is asked for


class Asked:
    """The strategies of hypothesis, with a note of the settings of each."""

    def __init__(self):
        self.notes = []

    def __getattr__(self, name):
        def strategy(*arguments, **settings):
            kept = [x for x in arguments if isinstance(x, int | float)]
            self.notes.append((name, *kept, *settings.values()))
            return getattr(st, name)(*arguments, **settings)

        return strategy

    def of(self, name):
        """Return the settings of the strategies of that name, in order."""
        return [note[1:] for note in self.notes if note[0] == name]


@pytest.mark.parametrize(
    ("settings_given", "lengths", "leaves"),
    [
        ({}, [(1, 12), (3, 12), (6, 12)], (1, 4)),
        ({"size": (5, 40), "leaves": (2, 3)}, [(5, 40), (10, 40), (20, 40)], (2, 3)),
        ({"size": (5, 8)}, [(5, 8)], (1, 4)),
        ({"size": (3, 8)}, [(3, 8), (4, 8)], (1, 4)),
    ],
)
def test_how_many_instructions_and_leaves_are_drawn(monkeypatch, settings_given, lengths, leaves):
    asked = Asked()
    monkeypatch.setattr(strategies, "_hypothesis", lambda: asked)
    expressions(["add"], **settings_given)
    assert asked.of("lists") == [*lengths, leaves]
    assert asked.of("floats") == [(-2.0, 2.0, False)]


def test_your_own_numbers_replace_ours(monkeypatch):
    asked = Asked()
    monkeypatch.setattr(strategies, "_hypothesis", lambda: asked)
    expressions(["add"], numbers=st.just(0.5))
    assert asked.of("floats") == []


@pytest.mark.parametrize(
    ("op", "lists", "integers"),
    [
        (ops.where, [], [(0, 14)]),
        (ops.sum, [(1, 4)], [(0, 14)]),
        (ops.dot, [(1, 3)], [(0, 14)]),
        (ops.power, [], [(0, 14), (0, 11)]),
        (ops.power.bind(n=2.0), [], [(0, 14)]),
        (ops.softmax, [(1, 4)], [(0, 14), (0, 11)]),
    ],
)
def test_what_is_drawn_for_an_instruction(op, lists, integers):
    asked = Asked()
    drawn = strategies._instructions(asked, op)
    assert (asked.of("lists"), asked.of("integers")) == (lists, integers)
    found, choices, knob = find(drawn, lambda _: True)
    assert (found, knob) == (op, 0)
    assert len(choices) == (op.arity or (2 if op.pairs else 1))


def test_an_operation_gets_as_many_operands_as_it_needs(own):
    def many(m, *xs):
        """The sum of five numbers or more."""
        return m.sum(xs)

    asked = Asked()
    strategies._instructions(asked, own(many, slopes=lambda m, y, *xs: tuple([1.0] * len(xs)), at_least=5))

    def many_pairs(m, xs, ws):
        """The weighted sum of two numbers or more."""
        return m.dot(xs, ws)

    strategies._instructions(asked, own(many_pairs, slopes=lambda m, y, xs, ws: (*ws, *xs), pairs=True, at_least=2))
    assert asked.of("lists") == [(5, 5), (2, 3)]


@pytest.fixture
def drawn_from(monkeypatch):
    """What expressions() builds from one point and one instruction instead of what hypothesis draws."""
    asked = Asked()
    asked.composite = lambda function: lambda: function
    monkeypatch.setattr(strategies, "_hypothesis", lambda: asked)
    monkeypatch.setattr(hypothesis, "reject", lambda: pytest.fail("rejected"))

    def build(op, *choices, **settings_given):
        draws = iter([[0.5], [(op, choices, 0)]])
        return steps(expressions([op], **settings_given)(lambda _: next(draws)))

    return build


def test_sharing_and_staying_away_from_kinks_are_the_default(drawn_from):
    assert drawn_from(ops.mul, 0, 0) == [("mul", (0, 0))]
    assert drawn_from(ops.mul, 0, 0, sharing=False) == [("mul", (0, 2.0))]
    assert drawn_from(ops.relu, 0) == [("relu", (0,))]
    assert drawn_from(ops.relu, 0, kinks="at") == [("add", (0, -0.5)), ("relu", (1,))]


def test_an_expression_without_instructions_is_not_handed_out(nowhere, drawn_from):
    with pytest.raises(pytest.fail.Exception, match="rejected"):
        drawn_from(nowhere, 0)


def test_operations_of_your_own_are_written_by_their_name(own):
    def doubled(m, x, *, times=2.0):
        """X times a number."""
        return times * x

    doubled = own(doubled, slopes=lambda m, y, x, *, times: (times,))
    expression = RandomExpression((Instruction(doubled, (0,)), Instruction(ops.sin, (1,))), (0.5,))
    assert expression.source == (
        "from autograd_tiny.ops import sin\n"
        "from autograd_tiny import registry\n"
        f"import {__name__}  # registers an operation\n\n\n"
        "def f(x1):\n"
        "    v1 = registry['doubled'](x1, times=2.0)\n"
        "    v2 = sin(v1)\n"
        "    return v2\n"
    )
    both = RandomExpression((Instruction(doubled, (0,)), Instruction(ops.mul, (1, 1))), (0.5,))
    assert both.source.startswith(
        f"from autograd_tiny import registry\nimport {__name__}  # registers an operation\n\n\n"
    )
    assert both.source.count("import") == 2

    def halved(m, x):
        """Half of x."""
        return x / 2

    halved = own(halved, slopes=(0.5,))
    halved.__module__ = "halves"
    two = RandomExpression((Instruction(doubled, (0,)), Instruction(halved, (1,)), Instruction(doubled, (2,))), (0.5,))
    imports = f"import {__name__}  # registers an operation\nimport halves  # registers an operation\n\n\ndef f"
    assert f"import registry\n{imports}" in two.source
    doubled.__module__ = "__main__"
    assert "registry\n# first run what registers the operations\n\n\ndef f(x1):\n" in both.source


@pytest.mark.slow
def test_a_reproducer_with_an_operation_of_your_own_runs_in_another_process(tmp_path, monkeypatch):
    (tmp_path / "my_operations.py").write_text(
        "from autograd_tiny import primitive\n\n"
        "@primitive(slopes=lambda m, y, x: (3 * x,))\n"
        "def wrong_square(m, x):\n    'x * x, with a slope that is wrong.'\n    return x * x\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    op = importlib.import_module("my_operations").wrong_square
    try:
        expression = RandomExpression((Instruction(op, (0,)),), (0.5,))
        script = expression.reproducer
    finally:
        forget(op)
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment)
    assert done.returncode == 1
    assert "guilty: wrong_square(x1) with x1 = 0.5" in done.stderr


def test_the_hostile_floats():
    assert " ".join(map(repr, HOSTILE)) == (
        "0.0 -0.0 1.0 -1.0 0.5 -0.5 1.5 -1.5 2.5 -2.5 2.225073858507201e-308 -2.225073858507201e-308 "
        "2.225073858507202e-308 -2.225073858507202e-308 0.9999999999999999 -0.9999999999999999 "
        "1.0000000000000002 -1.0000000000000002 0.49999999999999994 -0.49999999999999994 0.5000000000000001 "
        "-0.5000000000000001 1.4999999999999998 -1.4999999999999998 1.5000000000000002 -1.5000000000000002 "
        "2.4999999999999996 -2.4999999999999996 2.5000000000000004 -2.5000000000000004 5e-324 -5e-324 "
        "2.2250738585072014e-308 -2.2250738585072014e-308 1e-200 -1e-200 2.220446049250313e-16 "
        "-2.220446049250313e-16 1e+200 -1e+200 1.7976931348623157e+308 -1.7976931348623157e+308 inf -inf "
        "2251799813685248.5 -2251799813685248.5 9007199254740992.0 -9007199254740992.0 nan"
    )
