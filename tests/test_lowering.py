"""Lowering: the rules of every operation as elementary instructions, walked here by a small interpreter."""

import math
import operator

import pytest
from executing import OneOfEach, points_of_operations, recorded
from number_systems import bits

from autograd_tiny import Value, ops, primitive, where
from autograd_tiny.compilation import Program
from autograd_tiny.compilation.lowering import Code, Term, straighten
from autograd_tiny.errors import RegistrationError
from autograd_tiny.primitive import IEEEFloat, forget, ieee_floats

INFIX = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "div": operator.truediv,
    "neg": operator.neg,
    "lt": operator.lt,
    "le": operator.le,
    "gt": operator.gt,
    "ge": operator.ge,
    "eq": operator.eq,
    "ne": operator.ne,
    "and": lambda x, y: bool(x) and bool(y),
    "or": lambda x, y: bool(x) or bool(y),
    "where": lambda condition, x, y: x if condition else y,
}


def walk(code, parameters, inputs, seeds):
    """Return (outputs, gradients by slot) of straight-line code, one instruction after the other."""
    given = {"parameter": parameters, "input": inputs, "seed": seeds}
    numbers = []
    for name, operands in code.steps:
        if name in given:
            numbers.append(IEEEFloat(given[name][operands[0]]))
        elif name == "constant":
            numbers.append(IEEEFloat(operands[0]))
        else:
            operation = INFIX.get(name) or getattr(ieee_floats, name)
            numbers.append(IEEEFloat(operation(*[numbers[i] for i in operands])))
    return [numbers[i] for i in code.outputs], {slot: numbers[i] for slot, i in code.gradients.items()}


@pytest.mark.parametrize(("op", "count"), points_of_operations(), ids=lambda thing: repr(thing))
def test_every_operation_lowered_is_the_operation_to_the_bit(op, count):
    one = OneOfEach([(op, count)])
    code = straighten(one.program)
    for point in points_of_operations()[op, count]:
        (value,), gradients = walk(code, [-0.0] * count, [1.0, *point], [1.0])
        expected, slopes = recorded(op, point)
        assert bits(value) == bits(expected), point
        found = [0.0 + gradients.get(slot, 0.0) for slot in range(count)]
        assert list(map(bits, found)) == list(map(bits, slopes)), point


def names_of(root, parameters, inputs=(), gradients=True):
    return [step.name for step in straighten(Program.of([root], parameters, inputs), gradients).steps]


def test_constants_are_computed_and_factors_of_one_left_out():
    x = Value(3.0)
    assert names_of(x * 2.0 * 1.0, [x]) == ["parameter", "constant", "constant", "mul", "seed", "mul"]


def test_nothing_is_written_twice():
    x = Value(3.0)
    names = names_of(ops.tanh(x) + ops.tanh(x), [x], gradients=False)
    assert names.count("tanh") == 1


def test_zeros_of_both_signs_are_two_constants():
    x = Value(1.0)
    program = Program.of([x * 0.0, x * -0.0], [x])
    outputs, _ = walk(straighten(program), [1.0], [], [1.0, 1.0])
    assert list(map(bits, outputs)) == [bits(0.0), bits(-0.0)]


def test_a_condition_that_is_recorded_as_one_or_zero_needs_no_second_comparison():
    x = Value(3.0)
    code = straighten(Program.of([where(ops.greater(x, 1.0), x, -x)], [x]))
    condition, _, _ = code.steps[code.outputs[0]].operands
    assert code.steps[condition].name == "gt"
    assert [walk(code, [number], [], [1.0]) for number in (3.0, -3.0)] == [([3.0], {0: 1.0}), ([3.0], {0: -1.0})]


def test_a_condition_that_is_any_number_is_compared_with_zero():
    x, condition = Value(3.0), Value(0.5)
    code = straighten(Program.of([where(condition, x, -x)], [x], [condition]))
    results = [walk(code, [3.0], [c], [1.0])[0] for c in (0.5, 0.0, -0.0, math.nan)]
    assert results == [[3.0], [-3.0], [-3.0], [3.0]]


def test_seeds_add_up_over_the_outputs():
    a, b = Value(2.0), Value(5.0)
    code = straighten(Program.of([a * b, a, a], [a, b]))
    assert walk(code, [2.0, 5.0], [], [1.0, 10.0, 100.0]) == ([10.0, 2.0, 2.0], {0: 115.0, 1: 2.0})


def test_leaves_that_nothing_depends_on_have_no_gradient():
    a, b, x = Value(2.0), Value(5.0), Value(7.0)
    code = straighten(Program.of([a * x + 0 * b], [a, b], [x], wanted=1))
    assert set(code.gradients) == {0}
    assert "input" in [step.name for step in code.steps]
    assert straighten(Program.of([x * 2], [a], [x])).gradients == {}


def test_positions_of_values_and_gradients_are_known_for_debugging():
    a = Value(2.0)
    program = Program.of([ops.exp(a) * a], [a])
    code = straighten(program)
    assert [code.steps[i].name for i in code.values] == ["exp", "mul"]
    assert [slot for _, slot in code.marks] == [1, 2, 2, 1], "forward, then backward"
    assert code.forward == 3
    assert code.adjoints[code.gradients[0]] == 0


def test_a_rule_that_branches_is_refused_with_the_remedy():
    @primitive(slopes=lambda m, y, x: (2.0,))
    def doubled_if_positive(m, x):
        """2 x, written with a branch."""
        return 2.0 * x if x > 0 else x

    try:
        x = Value(3.0)
        program = Program.of([doubled_if_positive(x)], [x])
        with pytest.raises(RegistrationError, match=r"may not branch .* use m\.where"):
            straighten(program)
    finally:
        forget(doubled_if_positive)


def test_terms_write_instructions():
    code = Code()
    x = code.leaf("input", 0)
    for term in (x + 1, 1 + x, x - 1, 1 - x, x * 2, 2 * x, x / 2, 2 / x, -x, x**2, 2**x, x < 1, x >= 1, x == 1, x != 1):
        assert isinstance(term, Term)
    names = [step.name for step in code.steps if step.name not in ("input", "constant")]
    assert names == "add add sub sub mul mul div div neg pow pow lt ge eq ne".split()
    assert code.constant_of(code.term(2.0) + code.term(3.0)) == 5.0
    assert code.constant_of(x) is None
    assert code.constant_of(code.write("div", 1.0, 0.0)) == math.inf, "as IEEE 754 has it"
