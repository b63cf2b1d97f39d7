"""Random expressions: inside their domains by construction, minimal when shrunk, and Python that says the same."""

import inspect
import json
import math
import sys

import pytest
from hypothesis import HealthCheck, find, given, settings
from hypothesis import strategies as st
from number_systems import bits

from autograd_tiny import Domain, Kink, Value, forget, ops, primitive, registry
from autograd_tiny.errors import MissingPackageError, OperandError, ParameterError
from autograd_tiny.testing.strategies import (
    HOSTILE,
    KINK_MARGIN,
    LARGE,
    MARGIN,
    Instruction,
    RandomExpression,
    _build,
    _chosen,
    _comfortable,
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
    flat = {"sign", "floor", "ceil", "round", "floordiv"}
    offered = {op.name for op in _chosen(None)}
    assert offered == set(registry) - flat
    assert [op.name for op in _chosen(None)][:5] == ["add", "mul", "sub", "neg", "div"]  # what shrinking goes to


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

        @settings(suppress_health_check=[HealthCheck.filter_too_much])
        @given(expressions(["nowhere"]))
        def never(expression):
            pytest.fail("nothing should have been drawn")

        with pytest.raises(Exception, match="Unable to satisfy"):
            never()
    finally:
        forget(nowhere)


def test_your_own_numbers():
    found = find(expressions(["add"], numbers=st.just(1e6), leaves=(2, 2)), lambda f: len(f.point) == 2)
    assert found.point == (1e6, 1e6)
    with pytest.raises(ParameterError, match="finite"):
        find(expressions(numbers=st.just(math.inf)), lambda f: True)


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
