"""The simulated mistakes give the numbers worked out by hand, and trials made by hand get the right diagnosis."""

from dataclasses import FrozenInstanceError, replace

import pytest

from autograd_tiny import ops
from autograd_tiny.testing.cases import Case, Observation, observe, trial
from autograd_tiny.testing.diagnoses import BUGS, IN_OPERATIONS, Bug, Tape, TapeNode, diagnose
from autograd_tiny.testing.engines import OwnEngine
from autograd_tiny.testing.strategies import Instruction


def case(leaves, *lines, script=()):
    steps = tuple([Instruction(op, tuple(operands)) for op, *operands in lines])
    return Case(leaves, steps, script or (len(leaves) + len(lines) - 1,))


# c = a * b = 6, d = c - a = 4, e = c * d = 24: c gets 4 + 6 from its two uses, a gets 3 * 10 - 6, b gets 2 * 10
LINES = ((ops.mul, 0, 1), (ops.sub, 2, 0), (ops.mul, 2, 3))
GRAPH = case((2.0, 3.0), *LINES)
TWICE = case((2.0, 3.0), *LINES, script=(4, 4))
CHANGED = case((2.0, 3.0), *LINES, script=((0, 10.0), 4))
EQUAL = case((2.0, 2.0), *LINES)
SQUARED = case((5.0, 2.0), (ops.sub, 0, 1), (ops.mul, 2, 2))  # (a - b)**2
LONG_AND_SHORT = case((2.0, 3.0), (ops.mul, 0, 1), (ops.mul, 2, 1), (ops.mul, 3, 1), (ops.add, 4, 2))  # a b**3 + a b


def gradients(change, program):
    return [observe(tape, program).grads for tape in change(Tape(), program)]


BY_NAME = {bug.name: bug.change for bug in BUGS}
ASSIGNS = BY_NAME["= where += is needed"]
SET = BY_NAME["parents kept in a set"]
REVISITS = BY_NAME["naive depth-first backward, no topological order"]
INCOMPLETE = BY_NAME["a node hands on before its gradient is complete, no topological order"]
WRONG_END = BY_NAME["the topological order is walked from the wrong end"]
EQUAL_IS_SAME = BY_NAME["nodes with equal numbers are taken for one node"]
NOT_RESET = BY_NAME["interior gradients are not reset"]
RESETS_LEAVES = BY_NAME["backward() resets the leaves"]
NO_SEED = BY_NAME["the root's gradient is not set to 1"]
STALE = BY_NAME["stale closure: the backward rule reads the data of now"]
LATE = BY_NAME["late-binding closure: every contribution goes to the last operand"]


# ---------------------------------------------------------------- the tape and the bent tapes


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        (GRAPH, Observation((24.0,), (24.0, 20.0))),
        (TWICE, Observation((24.0, 24.0), (48.0, 40.0))),
        (CHANGED, Observation((24.0,), (24.0, 20.0))),
        (EQUAL, Observation((8.0,), (8.0, 12.0))),
        (SQUARED, Observation((9.0,), (6.0, -6.0))),
        (LONG_AND_SHORT, Observation((60.0,), (30.0, 56.0))),
    ],
)
def test_the_unbent_tape_is_right(program, expected):
    assert observe(Tape(), program) == expected


def test_a_tape_node_knows_how_it_was_made():
    tape = Tape()
    x = tape.leaf(3.0)
    y = tape.apply(ops.mul, (x, 2.0))
    assert (x.data, x.op, x.parents, x.slopes, x.grad) == (3.0, None, (), (), 0.0)
    assert (y.data, y.op, y.parents[0], y.parents[1].data, y.slopes, y.grad) == (6.0, ops.mul, x, 2.0, (2.0, 3.0), 0.0)
    tape.set_data(x, 5.0)
    assert x.evaluated() == (5.0, ())
    assert y.evaluated() == (10.0, (2.0, 5.0))
    assert tape.name == "tape"


@pytest.mark.parametrize(
    ("change", "program", "expected"),
    [
        (ASSIGNS, GRAPH, [(18.0, 12.0)]),
        (REVISITS, GRAPH, [(36.0, 28.0)] * 2),
        (REVISITS, LONG_AND_SHORT, [(60.0, 76.0), (57.0, 74.0)]),
        (INCOMPLETE, GRAPH, [(6.0, 8.0), (24.0, 20.0)] * 2),
        (INCOMPLETE, LONG_AND_SHORT, [(30.0, 56.0), *[(3.0, 38.0)] * 3]),
        (WRONG_END, GRAPH, [(0.0, 0.0)]),
        (WRONG_END, case((2.0, 3.0), (ops.mul, 0, 0), (ops.mul, 2, 1)), [(0.0, 4.0)]),
        (EQUAL_IS_SAME, GRAPH, [(24.0, 20.0)]),
        (EQUAL_IS_SAME, EQUAL, [(4.0, 4.0)]),
        (NOT_RESET, GRAPH, [(24.0, 20.0)] * 2),
        (NOT_RESET, TWICE, [(90.0, 72.0), (114.0, 92.0)]),
        (RESETS_LEAVES, TWICE, [(24.0, 20.0)]),
        (NO_SEED, GRAPH, [(0.0, 0.0)]),
        (STALE, GRAPH, [(24.0, 20.0)]),
        (STALE, CHANGED, [(24.0, 100.0)]),
        (LATE, GRAPH, [(-24.0, 0.0)]),
        (LATE, case((3.0,), (ops.neg, 0)), [(-1.0,)]),
        (LATE, case((1.0, 2.0, 3.0), (ops.where, 0, 1, 2)), [(0.0, 0.0, 0.0)]),
        (LATE, case((0.0, 2.0, 3.0), (ops.where, 0, 1, 2)), [(0.0, 0.0, 3.0)]),
        (SET, case((3.0,), (ops.mul, 0, 0)), [(3.0,)] * 2),
        (SET, SQUARED, [(3.0, -3.0), (-3.0, 3.0)] * 2),
        (SET, GRAPH, [(24, 20), (26, 20), (0, -4), (10, 4), (14, 30), (16, 30), (2, -6), (8, 6)]),
    ],
)
def test_a_bent_tape_gives_the_numbers_of_the_mistake(change, program, expected):
    assert gradients(change, program) == expected


def test_only_six_nodes_have_their_sets_of_parents_tried_in_both_orders():
    chain = [(ops.mul, k, 0) for k in range(7)]
    assert len(gradients(SET, case((1.0,), *chain[:6]))) == 64
    assert len(gradients(SET, case((1.0,), *chain))) == 64


@pytest.mark.parametrize(
    ("title", "in_mul", "in_sub"),
    [
        ("= where += is needed", (30.0, 20.0), (12.0, 12.0)),
        ("upstream gradient forgotten", (-3.0, 2.0), (14.0, 10.0)),
        ("slopes swapped: each operand gets the derivative of the other", (16.0, 30.0), (0.0, -4.0)),
        ("wrong sign for the second operand", (0.0, 4.0), (36.0, 20.0)),
        ("wrong sign of the slope", (36.0, 20.0), (0.0, -4.0)),
        ("slope forgotten", (1.0, 2.0), (36.0, 20.0)),
        ("wrong reflected operator: 2 - x computed as x - 2", (24.0, 20.0), (24.0, 20.0)),
    ],
)
def test_a_wrong_rule_gives_the_numbers_of_the_mistake(title, in_mul, in_sub):
    bend = {name: bend for name, _, bend in IN_OPERATIONS}[title]
    assert observe(bend(Tape(), frozenset(["mul"])), GRAPH).grads == in_mul
    assert observe(bend(Tape(), frozenset(["sub"])), GRAPH).grads == in_sub
    assert observe(bend(Tape(), frozenset(["exp"])), GRAPH).grads == (24.0, 20.0)
    assert observe(bend(Tape(), frozenset()), case((1.5,), script=(0,))).grads == (1.0,)


def test_rules_that_assign_may_be_found_one_after_the_other():
    bend = IN_OPERATIONS[0][2]
    tape = bend(bend(Tape(), frozenset(["mul"])), frozenset(["sub"]))
    assert observe(tape, GRAPH).grads == (18.0, 12.0)


def test_a_wrong_reflected_operator_exchanges_a_number_and_a_node():
    bend = IN_OPERATIONS[-1][2]
    tape = bend(Tape(), frozenset(["sub", "add", "mul"]))
    x = TapeNode(5.0)
    assert tape.arrange(ops.sub, (2.0, x)) == (x, 2.0)
    assert tape.arrange(ops.sub, (x, 2.0)) == (x, 2.0)
    assert tape.arrange(ops.add, (2.0, x)) == (2.0, x)
    assert tape.arrange(ops.mul, (2.0, x)) == (2.0, x)
    assert tape.arrange(ops.div, (2.0, x)) == (2.0, x)
    assert observe(tape, case((5.0,), (ops.sub, 2.0, 0))) == Observation((3.0,), (1.0,))


def test_a_bug_is_written_with_the_operations_it_is_about():
    assert str(Bug("a mistake", "words", ASSIGNS)) == "a mistake"
    assert str(Bug("a mistake", "words", ASSIGNS, ("add", "mul"))) == "a mistake (in add, mul)"


def test_tapes_and_bugs_do_not_change():
    for each, name in ((Tape(), "receive"), (BUGS[0], "change")):
        with pytest.raises(FrozenInstanceError):
            setattr(each, name, None)
    assert not hasattr(BUGS[0], "__dict__")


# ---------------------------------------------------------------- diagnoses of trials made by hand


def right(program):
    return trial(OwnEngine(), program)


def wrong(program, *grads):
    each = trial(OwnEngine(), program)
    each = replace(each, got=replace(each.got, grads=grads))
    assert not each.ok
    return each


def told(*trials):
    return [str(bug) for bug in diagnose(iter(trials))]


X_TIMES_X = case((3.0,), (ops.mul, 0, 0))
ONE_NEG = case((3.0,), (ops.neg, 0))
TWO_NEG = case((3.0,), (ops.neg, 0), (ops.add, 1, 1))
THREE_NEG = case((3.0,), (ops.neg, 0), (ops.add, 1, 1), (ops.add, 2, 2))
NEG_SIGN = ["wrong sign of the slope (in neg)"]


def test_nothing_wrong_has_no_cause():
    assert told() == []
    assert told(right(GRAPH), right(ONE_NEG)) == []


def test_an_error_is_no_classic():
    raised = replace(right(GRAPH), got=Observation(error="ValueError: no"))
    assert told(raised) == []


def test_the_bug_that_explains_more_is_named_alone():
    """x * x = 9 with gradient 3 may be a lost use or a set of parents; the number of uses tells."""
    assert told(wrong(X_TIMES_X, 3.0)) == ["= where += is needed"]
    assert told(wrong(X_TIMES_X, 3.0), wrong(SQUARED, -3.0, 3.0)) == ["parents kept in a set"]


def test_the_first_bug_is_named_when_several_explain_as_much():
    """Gradients that are all 0 come from the wrong end or from no seed."""
    assert told(wrong(GRAPH, 0.0, 0.0)) == ["the topological order is walked from the wrong end"]
    assert told(wrong(GRAPH, 0.0, 0.0), right(EQUAL)) == []


def test_a_second_bug_explains_what_the_first_leaves():
    assert told(wrong(X_TIMES_X, 3.0), wrong(CHANGED, 18.0, 60.0)) == [
        "= where += is needed",
        "stale closure: the backward rule reads the data of now",
    ]


def test_a_second_bug_must_not_undo_what_the_first_explained():
    """Alone, gradients of 0 would be the wrong end; but then the graph before would have had them, too."""
    assert told(wrong(GRAPH, 18.0, 12.0), wrong(EQUAL, 0.0, 0.0)) == ["= where += is needed"]


def test_a_rule_is_guilty_of_what_it_does_alone_or_before_one_more_operation():
    assert told(wrong(ONE_NEG, 1.0)) == NEG_SIGN
    assert told(wrong(TWO_NEG, 2.0)) == NEG_SIGN
    assert told(wrong(THREE_NEG, 4.0)) == []
    assert told(wrong(THREE_NEG, 4.0), wrong(ONE_NEG, 1.0)) == NEG_SIGN
    assert told(wrong(case((1.5,), script=(0,)), 2.0)) == []


def test_a_rule_that_explains_nothing_it_does_alone_is_not_guilty():
    assert told(wrong(THREE_NEG, 4.0), wrong(ONE_NEG, 7.0)) == []


def test_a_rule_that_was_right_once_is_not_guilty_and_another_one_stays_so():
    programs = [case((0.5,), (op, 0)) for op in (ops.sinh, ops.sin)]
    both = [wrong(each, -right(each).expected.grads[0]) for each in programs]
    assert told(*both) == ["wrong sign of the slope (in sinh, sin)"]
    assert told(*both, right(case((0.25,), (ops.sinh, 0)))) == ["wrong sign of the slope (in sin)"]
    longer = case((0.5,), (ops.exp, 0), (ops.sinh, 1), (ops.exp, 2))
    assert told(*both, right(longer)) == ["wrong sign of the slope (in sin)"]


def test_a_mistake_hidden_behind_another_one_is_named_later():
    """The sign of neg shows in an example only that loses one use, too."""
    sinh = [case((x,), (ops.sinh, 0)) for x in (0.5, 0.25)]
    signs = [wrong(each, -right(each).expected.grads[0]) for each in sinh]
    assert told(*signs, wrong(X_TIMES_X, 3.0), wrong(TWO_NEG, 1.0)) == [
        "wrong sign of the slope (in sinh)",
        "= where += is needed",
        *NEG_SIGN,
    ]


def test_an_assignment_in_one_rule_is_named_with_it_and_in_all_of_them_without():
    sums = wrong(case((3.0,), (ops.add, 0, 0)), 1.0)
    assert told(sums, right(X_TIMES_X)) == ["= where += is needed (in add)"]
    assert told(sums, wrong(X_TIMES_X, 3.0)) == ["= where += is needed"]


def test_every_mistake_in_a_rule_is_recognised():
    minus = case((3.0,), (ops.sub, 2.0, 0))
    number = replace(right(minus), got=Observation((1.0,), (1.0,)))
    assert told(number) == ["wrong reflected operator: 2 - x computed as x - 2 (in sub)"]
    quotient = case((3.0, 2.0), (ops.div, 0, 1))  # slopes 1/2 and -3/4
    assert told(wrong(quotient, -0.75, 0.5)) == [
        "slopes swapped: each operand gets the derivative of the other (in div)",
    ]
    assert told(wrong(quotient, 0.5, 0.75)) == ["wrong sign for the second operand (in div)"]
    assert told(wrong(quotient, -0.5, 0.75)) == ["wrong sign of the slope (in div)"]
    assert told(wrong(quotient, 1.0, 1.0)) == ["slope forgotten (in div)"]
    carried = case((3.0, 2.0, 8.0), (ops.div, 0, 1), (ops.mul, 2, 3))
    assert told(wrong(carried, 0.5, -0.75, 1.5)) == ["upstream gradient forgotten (in div)"]
