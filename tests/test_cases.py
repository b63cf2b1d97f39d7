"""The examples of the conformance kit, one by one: which programs they are, what is compared, how they shrink."""

import math
import textwrap
from dataclasses import FrozenInstanceError, replace

import pytest

from autograd_tiny import Value, ops
from autograd_tiny.primitive import Domain, Kink, forget, primitive
from autograd_tiny.testing import cases
from autograd_tiny.testing.cases import (
    DEEP_CHAIN,
    NUMBER_OPERANDS,
    STRUCTURE,
    Case,
    Observation,
    Trial,
    close,
    observe,
    trial,
)
from autograd_tiny.testing.engines import ClassEngine, NotOfferedError, OwnEngine
from autograd_tiny.testing.rounding import EPS
from autograd_tiny.testing.strategies import Instruction, RandomExpression

OWN = OwnEngine()
PROGRAMS = """
# a + a
a = Value(1.5)
b = a + a
b.backward()
# x * x
a = Value(3.0)
b = a * a
b.backward()
# a node used twice (diamond)
a = Value(1.5)
b = a + a
c = b + b
c.backward()
# a long and a short way to a node
a = Value(1.5)
b = Value(-0.5)
c = a * b
d = c * b
e = d * b
f = c + e
f.backward()
# a long and a short way to a node
a = Value(1.5)
b = Value(-0.5)
c = a * b
d = c * b
e = d * b
f = e + c
f.backward()
# a node used again after deep uses
a = Value(1.5)
b = Value(-0.25)
c = a + b
d = c * c
e = d * c
f = e * d
g = f * c
g.backward()
# different nodes with equal numbers
a = Value(2.0)
b = Value(2.0)
c = a * b
c.backward()
# different nodes with equal numbers
a = Value(2.0)
b = Value(2.0)
c = a + b
d = a * b
e = c * d
e.backward()
# a leaf as the root
a = Value(1.5)
a.backward()
# two graphs at a time
a = Value(1.5)
b = Value(2.0)
c = Value(3.0)
d = Value(4.0)
e = a * b
f = c * d
e.backward()
# two graphs at a time
a = Value(1.5)
b = Value(2.0)
c = Value(3.0)
d = Value(4.0)
e = a * b
f = c * d
e.backward()
f.backward()
# leaves add a second backward
a = Value(1.5)
b = Value(2.0)
c = a * b
c.backward()
c.backward()
# a second backward gives the same again
a = Value(1.5)
b = Value(2.0)
c = a * b
d = c * c
d.backward()
d.backward()
# two losses that share a node
a = Value(1.5)
b = Value(2.0)
c = a * b
d = c + a
e = c * c
d.backward()
e.backward()
# a leaf changed after the forward pass
a = Value(1.5)
b = Value(2.0)
c = a * b
a.data = 10.0
c.backward()
"""


def unary(op, number=2.0):
    return Case((number,), (Instruction(op, (0,)),), (1,))


def declared(value, slopes, **facts):
    """Return an operation of one operand that is in the registry until the end of the test."""

    def own(m, x):
        """An operation of the tests."""
        return value(x)

    return primitive(slopes=slopes, **facts)(own)


@pytest.fixture
def own_op():
    made = []

    def make(*arguments, **facts):
        made.append(declared(*arguments, **facts))
        return made[-1]

    yield make
    for op in made:
        forget(op)


# ---------------------------------------------------------------- the collections


def test_the_graphs_are_these_programs():
    written = [f"# {name}\n{case.source(OWN)}" for name, programs in STRUCTURE.items() for case in programs]
    assert "\n".join(written) == PROGRAMS.strip()


def test_the_deep_chain_adds_one_leaf_again_and_again():
    assert cases.DEEP == len(DEEP_CHAIN.instructions) == 5000
    assert DEEP_CHAIN.leaves == (0.5,)
    assert DEEP_CHAIN.script == (5000,)
    assert all(step == Instruction(ops.add, (k, 0)) for k, step in enumerate(DEEP_CHAIN.instructions))


def test_numbers_stand_on_either_side_of_each_operator():
    assert {text: case.source(OWN) for text, case in NUMBER_OPERANDS.items()} == {
        text: f"a = Value(1.75)\nb = {text.replace('x', 'a').replace('2', '2.0')}\nb.backward()"
        for text in ("x + 2", "2 + x", "x - 2", "2 - x", "x * 2", "2 * x", "x / 2", "2 / x", "2 ** x")
    }


def test_hard_points_are_zeros_ties_infinities_nan_and_large_numbers():
    assert repr(cases.hard_points(ops.exp)) == (
        "[(0.0,), (-0.0,), (1e-300,), (1e+200,), (-1e+200,), (800.0,), (inf,), (-inf,), (nan,)]"
    )
    assert repr(cases.hard_points(ops.pow)) == (
        "[(0.0, 0.0), (1.0, 1.0), (1.0, 0.0), (-1.0, 0.0), (0.0, inf), (inf, inf), (inf, -inf), (1e+200, 1e+200), "
        "(-8.0, 0.5), (nan, 1.0), (1.0, nan)]"
    )
    three = "[(0.0, 0.0, 0.0), (1.0, 1.0, 1.0), (1000.0, 1000.0, 0.0), (inf, 1.0, 1.0), (nan, 1.0, 1.0)]"
    assert repr(cases.hard_points(ops.where)) == repr(cases.hard_points(ops.max)) == three
    assert repr(cases.hard_points(ops.dot)) == "[(1e+200, 1.0, 1e+200, 1.0), (0.0, 1.0, inf, 1.0)]"


def test_an_operation_of_five_operands_has_no_hard_points():
    @primitive(slopes=(1.0,) * 5)
    def five(m, a, b, c, d, e):
        """The sum of five numbers."""
        return a + b + c + d + e

    try:
        assert cases.hard_points(five) == []
    finally:
        forget(five)


# ---------------------------------------------------------------- one operation


def test_parameters_are_set_in_a_few_ways():
    assert cases.settings_of(ops.power) == [ops.power.bind(n=n) for n in (3.0, 2.0, -1.0, 0.5)]
    assert cases.settings_of(ops.softmax) == [ops.softmax.bind(index=0), ops.softmax.bind(index=2)]
    assert cases.settings_of(ops.leaky_relu) == [ops.leaky_relu.bind(alpha=0.01)]
    assert cases.settings_of(ops.add) == [ops.add]


def test_a_parameter_without_a_usual_number_is_two():
    @primitive(slopes=lambda m, y, x, *, factor, shift: (factor,))
    def line(m, x, *, factor, shift=0.5):
        """A line, factor * x + shift."""
        return factor * x + shift

    try:
        assert cases.settings_of(line) == [line.bind(factor=2.0, shift=0.5)]
    finally:
        forget(line)


def test_ordinary_points_are_taken_from_one_list():
    numbers = [0.75, -1.25, 0.5, 2.5, -0.625, 1.75, 0.25, -3.25]
    assert cases.ordinary_points(ops.identity, limit=99) == [(x,) for x in numbers]
    assert cases.ordinary_points(ops.identity) == [(0.75,), (-1.25,), (0.5,)]
    assert cases.ordinary_points(ops.add, limit=99) == list(zip(numbers, numbers[1:] + numbers[:1], strict=True))
    assert cases.ordinary_points(ops.sum, limit=2) == [(0.75, -1.25, 0.5), (-1.25, 0.5, 2.5)]
    assert cases.ordinary_points(ops.where, limit=1) == [(0.75, -1.25, 0.5)]
    assert cases.ordinary_points(ops.dot, limit=1) == [(0.75, -1.25, 0.5, 2.5)]


def test_ordinary_points_are_in_the_domain():
    assert cases.ordinary_points(ops.acos, limit=99) == [(0.75,), (0.5,), (-0.625,), (0.25,)]
    assert cases.ordinary_points(ops.div, limit=99)[:2] == [(0.75, -1.25), (-1.25, 0.5)]


def test_each_operand_has_its_own_domain():
    @primitive(slopes=(1.0, 1.0), domain=(Domain(0.0), Domain(high=0.0)))
    def both(m, x, y):
        """The sum of a positive and a negative number."""
        return x + y

    try:
        assert cases.ordinary_points(both, limit=99) == [(0.75, -1.25), (2.5, -0.625), (0.25, -3.25)]
    finally:
        forget(both)


@pytest.mark.parametrize(("gap", "count"), [(1e-3, 0), (-1e-3, 0), (1.001e-3, 3), (-1.001e-3, 3), (0.0, 0)])
def test_ordinary_points_keep_a_thousandth_away_from_kinks(gap, count, own_op):
    op = own_op(lambda x: x, (1.0,), kinks=(Kink("somewhere", lambda x: gap, "1"),))
    assert len(cases.ordinary_points(op)) == count


def test_where_the_value_or_a_slope_is_not_finite_is_no_ordinary_point(own_op):
    op = own_op(lambda x: 1 / (x - 0.75) - 1, lambda m, y, x: (1 / (x + 1.25),))
    assert cases.ordinary_points(op) == [(0.5,), (2.5,), (-0.625,)]


def test_an_operation_by_itself_and_one_that_another_uses():
    assert cases.plain(ops.div, (3.0, 4.0)) == Case((3.0, 4.0), (Instruction(ops.div, (0, 1)),), (2,))
    first = Instruction(ops.div, (0, 1))
    assert cases.carried(ops.div, (7.0, 4.0), ops.mul) == Case(
        (7.0, 4.0, 3.0), (first, Instruction(ops.mul, (3, 2))), (4,)
    )
    assert cases.carried(ops.div, (7.0, 4.0), ops.neg) == Case((7.0, 4.0), (first, Instruction(ops.neg, (2,))), (3,))


# ---------------------------------------------------------------- programs


def test_records_do_not_change():
    case = unary(ops.neg)
    here = trial(OWN, case)
    for record, field in ((case, "leaves"), (here.got, "values"), (here, "case")):
        assert not hasattr(record, "__dict__")
        with pytest.raises(FrozenInstanceError):
            setattr(record, field, ())


def test_roots_are_the_calls_of_backward():
    assert Case((1.0, 2.0), (Instruction(ops.add, (0, 1)),), (2, (0, 5.0), 0, 2)).roots == [2, 0, 2]


def test_paths_go_to_leaves_not_to_numbers():
    steps = (Instruction(ops.add, (0, 1)), Instruction(ops.mul, (2, 2.0)), Instruction(ops.mul, (3, 2)))
    assert Case((1.0, 2.0), steps, (4,)).paths() == 4
    assert Case((1.0, 2.0), steps[:2], (3,)).paths() == 2
    assert Case((1.0,), (), (0,)).paths() == 1


def test_an_assignment_stays_with_its_leaf():
    case = Case((1.0, 2.0, 3.0), (Instruction(ops.mul, (1, 2)), Instruction(ops.add, (0, 3))), ((1, 5.0), (0, 6.0), 4))
    assert case.replaced(4, 3) == Case((2.0, 3.0), (Instruction(ops.mul, (0, 1)),), ((0, 5.0), 2))
    assert case.replaced(4, 2) == Case((3.0,), (), (0,))


def test_what_is_simpler_comes_in_order():
    steps = (Instruction(ops.sub, (1, 2.5)), Instruction(ops.mul, (2, 0)))
    case = Case((2.57, 1.0), steps, (3,))
    assert list(case.simpler(0)) == [
        Case((1.0,), (Instruction(ops.sub, (0, 2.5)),), (1,)),
        Case((2.57,), (), (0,)),
        Case((2.57, 1.0), (Instruction(ops.mul, (1, 0)),), (2,)),
        Case((2.57,), (Instruction(ops.sub, (0, 2.5)), Instruction(ops.mul, (1, 0))), (2,)),
        *[replace(case, leaves=(x, 1.0)) for x in (1.0, 2.0, 3.0, 2.6)],
    ]


def test_what_stays_at_the_end_is_not_replaced():
    steps = (Instruction(ops.neg, (0,)), Instruction(ops.mul, (1, 1)))
    case = Case((1.0,), steps, (2,))
    assert list(case.simpler(0)) == [
        Case((1.0,), (steps[0],), (1,)),
        Case((1.0,), (Instruction(ops.mul, (0, 0)),), (1,)),
    ]
    assert list(case.simpler(1)) == [Case((1.0,), (Instruction(ops.mul, (0, 0)),), (1,))]
    assert list(case.simpler(2)) == []


def test_a_leaf_takes_the_place_of_a_later_one():
    case = Case((1.0, 1.0, 1.0), (Instruction(ops.where, (0, 1, 2)),), (3,))
    assert [each.instructions[0].operands for each in case.simpler(1)] == [(0, 1, 0), (0, 1, 1), (0, 0, 1)]


@pytest.mark.parametrize(
    ("number", "simpler"),
    [
        (1.0, []),
        (2.0, [1.0]),
        (-3.0, [1.0, 2.0]),
        (0.4, [1.0, 2.0, 0.0]),
        (7.25, [1.0, 2.0, 7.0, 7.2]),
    ],
)
def test_numbers_get_simpler(number, simpler):
    case = Case((5.0, number), (), (1,))
    found = [each.leaves for each in case.simpler(2) if each.leaves[0] == 5.0]
    assert found == [(5.0, x) for x in simpler]


def test_a_program_is_written_with_further_lines_below():
    case = Case((2.0, 3.0), (Instruction(ops.mul, (0, 4.5)), Instruction(ops.sub, (2, 1))), (3, (1, 7.0)))
    text = "a = Value(2.0)\nb = Value(3.0)\nc = a * 4.5\nd = c - b\nd.backward()\nb.data = 7.0"
    assert case.source(OWN) == text
    assert case.source(OWN, ["# one", "# two"]) == text + "\n# one\n# two"


def test_names_are_letters_then_numbered():
    last = Case((1.0,) * 25, (Instruction(ops.add, (0, 24)), Instruction(ops.mul, (25, 25))), (26,))
    assert last.source(OWN).splitlines()[-4:] == ["y = Value(1.0)", "z = a + y", "v26 = z * z", "v26.backward()"]


# ---------------------------------------------------------------- laws


def test_laws_are_these_programs():
    f = RandomExpression((Instruction(ops.mul, (0, 0)), Instruction(ops.add, (1, 0.5))), (3.0,))
    g = RandomExpression((Instruction(ops.sub, (1, 0)), Instruction(ops.div, (2, 1))), (7.0, 8.0))
    assert cases.itself(g).source(OWN) == textwrap.dedent("""\
        a = Value(7.0)
        b = Value(8.0)
        c = b - a
        d = c / b
        d.backward()""")
    assert cases.difference_with_itself(f).source(OWN) == textwrap.dedent("""\
        a = Value(3.0)
        b = Value(0.5)
        c = a * a
        d = c + b
        e = d - d
        e.backward()""")
    assert cases.linear_combination(f, g).source(OWN) == textwrap.dedent("""\
        a = Value(2.0)
        b = Value(3.0)
        c = Value(3.0)
        d = Value(0.5)
        e = Value(7.0)
        f = Value(8.0)
        g = c * c
        h = g + d
        i = f - e
        j = i / f
        k = a * h
        l = b * j
        m = k + l
        m.backward()""")

    assert cases.product(f, g).source(OWN) == textwrap.dedent("""\
        a = Value(3.0)
        b = Value(0.5)
        c = Value(7.0)
        d = Value(8.0)
        e = a * a
        f = e + b
        g = d - c
        h = g / d
        i = f * h
        i.backward()""")
    assert cases.composition(f, g).source(OWN) == textwrap.dedent("""\
        a = Value(3.0)
        b = Value(0.5)
        c = Value(-2.5)
        d = Value(8.0)
        e = a * a
        f = e + b
        g = f + c
        h = d - g
        i = h / d
        i.backward()""")


def test_a_homogeneous_function_of_degree_two():
    g = RandomExpression((Instruction(ops.sub, (1, 0)), Instruction(ops.div, (2, 1))), (7.0, 8.0))
    case = cases.homogeneous(g)
    assert case.source(OWN) == textwrap.dedent("""\
        a = Value(1.0)
        b = Value(2.0)
        c = Value(2.23606797749979)
        d = Value(6.0)
        e = Value(6.0)
        f = a * a
        g = b * b
        h = f + g
        i = h ** 0.5
        j = i / c
        k = a / j
        l = b / j
        m = k + d
        n = l + e
        o = n - m
        p = o / n
        q = j * j
        r = q * p
        r.backward()""")
    here = trial(OWN, case)
    assert here.expected.values[0] == g(7.0, 8.0)
    assert here.expected.grads[0] + 2 * here.expected.grads[1] == pytest.approx(2 * g(7.0, 8.0), rel=1e-14)


def test_an_expression_may_be_a_leaf():
    f = RandomExpression((), (3.0,))
    assert cases.itself(f) == Case((3.0,), (), (0,))
    assert cases.difference_with_itself(f) == Case((3.0,), (Instruction(ops.sub, (0, 0)),), (1,))


# ---------------------------------------------------------------- outcomes


def test_numbers_are_close_to_a_billionth_of_the_larger():
    assert close(1e9, 1e9 - 1.0, 0.0) is True  # the difference is exactly what is allowed
    assert close(1e9 - 1.0, 1e9, 0.0) is True
    assert close(-1e9, -1e9 + 1.0, 0.0) is True
    assert close(1e9, 1e9 - 1.5, 0.0) is False
    assert close(1e9, 1e9 - 1.5, 0.5) is True
    assert close(0.0, 1.0, 0.5) is False
    assert close(2.0, 2.0, 0.0) is True


@pytest.mark.parametrize("number", [math.inf, -math.inf, math.nan])
def test_what_is_not_finite_is_close_to_itself_only(number):
    assert close(number, number, 0.0) is True
    assert close(number, float(str(number)), 0.0) is True
    for other in {math.inf, -math.inf, 1.0} - {number}:
        assert close(number, other, 1.0) is False
        assert close(other, number, 1.0) is False


def test_an_observation_has_the_values_of_the_roots_and_the_gradients_of_the_leaves():
    case = Case((3.0, 4.0), (Instruction(ops.mul, (0, 1)), Instruction(ops.add, (2, 5.0))), (2, 3))
    assert observe(OWN, case) == Observation((12.0, 17.0), (8.0, 6.0))
    assert observe(OWN, replace(case, script=((0, 9.0), 0))) == Observation((3.0,), (1.0, 0.0))


def test_the_script_is_followed_in_order():
    class Notes(OwnEngine):
        def __init__(self):
            self.done = []

        def backward(self, root):
            self.done.append(("backward", root.data))

        def set_data(self, leaf, number):
            self.done.append(("set", leaf.data, number))

    engine = Notes()
    observe(engine, Case((3.0, 4.0), (Instruction(ops.mul, (0, 1)),), (2, (1, 9.0), 0)))
    assert engine.done == [("backward", 12.0), ("set", 4.0, 9.0), ("backward", 3.0)]


class Refuses(OwnEngine):
    """Raises what it is given when tanh or backward comes."""

    name = "refuses"

    def __init__(self, error, in_backward=False):
        self.error, self.in_backward = error, in_backward

    def apply(self, op, operands):
        if op is ops.tanh and not self.in_backward:
            raise self.error
        return super().apply(op, operands)

    def backward(self, root):
        if self.in_backward:
            raise self.error
        super().backward(root)


@pytest.mark.parametrize("in_backward", [False, True])
def test_errors_of_an_engine_are_outcomes(in_backward):
    case = unary(ops.tanh)
    for error, text in (
        (ValueError("no\x1b"), "ValueError: no\\x1b"),
        (SystemExit(3), "SystemExit: 3"),
        (RecursionError(), "RecursionError: "),
    ):
        assert observe(Refuses(error, in_backward), case) == Observation((), (), text)
    for error in (NotOfferedError("none"), KeyboardInterrupt()):
        with pytest.raises(type(error)):
            observe(Refuses(error, in_backward), case)


def test_a_trial_knows_what_rounding_may_do():
    def allowed(*errors):
        return pytest.approx([4096.0 * error for error in errors], rel=1e-12, abs=0.0)

    here = trial(OWN, unary(ops.neg, 3.0))
    assert here.expected == here.got == Observation((-3.0,), (-1.0,))
    assert here.tolerance.values == allowed(EPS * (3.0 + 3.0))
    assert here.tolerance.grads == allowed(EPS)
    square = trial(OWN, replace(STRUCTURE["x * x"][0], script=(1, 1)))
    assert square.expected == Observation((9.0, 9.0), (12.0,))
    assert square.tolerance.values == allowed(EPS * 27.0, EPS * 27.0)
    assert square.tolerance.grads == allowed(EPS * 72.0)
    two = trial(OWN, STRUCTURE["two graphs at a time"][0])
    assert two.tolerance.grads == allowed(EPS * 8.0, EPS * 6.0, EPS**2, EPS**2)
    leaf = trial(OWN, STRUCTURE["a leaf as the root"][0])
    assert leaf.tolerance.values == (0.0,)
    assert leaf.tolerance.grads == allowed(EPS)


def test_where_the_bound_is_not_finite_nothing_is_allowed():
    assert trial(OWN, unary(ops.sqrt, 0.0)).tolerance == Observation((0.0,), (0.0,))
    assert trial(OWN, unary(ops.neg, math.inf)).tolerance.values == (0.0,)


def test_a_trial_runs_the_engine_that_is_checked():
    class Half(OwnEngine):
        def grad(self, leaf):
            return super().grad(leaf) / 2

    wrong = trial(Half(), STRUCTURE["x * x"][0])
    assert (wrong.expected, wrong.got) == (Observation((9.0,), (6.0,)), Observation((9.0,), (3.0,)))
    assert wrong.ok is False
    assert trial(OWN, STRUCTURE["x * x"][0]).ok is True


def test_outcomes_agree_within_what_is_allowed_errors_never():
    case = unary(ops.neg)
    right, allowed = Observation((1.0,), (2.0,)), Observation((0.25,), (0.5,))
    here = Trial(case, right, allowed, right)
    assert here.agrees(right, right) is True
    assert here.agrees(right, Observation((1.25,), (2.5,))) is True
    assert here.agrees(right, Observation((1.5,), (2.0,))) is False
    assert here.agrees(right, Observation((1.0,), (3.0,))) is False
    failed = Observation(error="ValueError: no")
    assert here.agrees(right, failed) is False
    assert here.agrees(failed, right) is False
    assert here.agrees(failed, failed) is False


def test_a_trial_shows_the_wrong_numbers_only():
    case = Case((3.0, 4.0), (Instruction(ops.mul, (0, 1)), Instruction(ops.add, (2, 0))), (2, 3))
    right = trial(OWN, case)
    assert right.source(OWN) == case.source(OWN)
    got = Observation((12.0, 16.0), (9.0, 1 / 3))
    assert replace(right, got=got).source(OWN) == (
        case.source(OWN) + "\nd.data  # 16, expected 15\nb.grad  # 0.333333333333, expected 6"
    )
    got = Observation((0.0, 15.0), (1e-20, 6.0))
    assert replace(right, got=got).source(OWN) == (
        case.source(OWN) + "\nc.data  # 0, expected 12\na.grad  # 1e-20, expected 9"
    )
    allowed = Observation((0.0, 1.0), (100.0, 0.0))
    assert replace(right, got=Observation((12.0, 16.0), (9.0, 6.0)), tolerance=allowed).source(OWN) == case.source(OWN)
    failed = replace(right, got=Observation(error="ValueError: no"))
    assert failed.source(OWN) == case.source(OWN) + "\n# raises ValueError: no"


def test_a_trial_is_written_in_the_words_of_the_engine():
    class Scalar(Value):
        pass

    engine = ClassEngine(Scalar)
    wrong = replace(trial(OWN, unary(ops.tanh, 0.0)), got=Observation((0.0,), (2.0,)))
    assert wrong.source(engine) == "a = Scalar(0.0)\nb = a.tanh()\nb.backward()\na.grad  # 2, expected 1"
    assert replace(wrong, got=Observation(error="E")).source(engine).startswith("a = Scalar(0.0)\nb = a.tanh()\n")


def test_what_gives_the_same_numbers_again_repeats():
    class Counts(OwnEngine):
        runs = 0

        def backward(self, root):
            self.runs += 1
            super().backward(root)

        def grad(self, leaf):
            if self.runs > 5:
                raise ValueError("enough")
            return float(self.runs > 3)

    case = unary(ops.neg)
    assert cases.repeats(OWN, trial(OWN, case)) is True
    engine = Counts()
    assert cases.repeats(engine, trial(engine, case)) is False, "other numbers in the fourth run"
    assert cases.repeats(engine, trial(engine, case)) is False, "an error in the sixth"

    class Empty(OwnEngine):
        def leaf(self, number):
            raise NotOfferedError("no leaf")

    assert cases.repeats(Empty(), trial(OWN, case)) is False


# ---------------------------------------------------------------- shrinking


class NegatesTanh(OwnEngine):
    def apply(self, op, operands):
        return -super().apply(op, operands) if op is ops.tanh else super().apply(op, operands)


LONG = Case(
    (2.0, 3.0),
    (Instruction(ops.mul, (0, 1)), Instruction(ops.tanh, (2,)), Instruction(ops.add, (3, 0.5))),
    (4,),
)


def test_a_failing_program_shrinks_to_what_is_wrong():
    engine = NegatesTanh()
    assert cases.simplest(engine, trial(engine, LONG)).case == unary(ops.tanh, 1.0)
    kept = cases.simplest(engine, trial(engine, LONG), keep=1).case
    assert kept == Case((1.0,), (Instruction(ops.tanh, (0,)), Instruction(ops.add, (1, 0.5))), (2,))
    right = trial(OWN, LONG)
    assert cases.simplest(OWN, right) is right


def test_programs_that_the_engine_does_not_offer_are_passed_over():
    class Picky(NegatesTanh):
        def apply(self, op, operands):
            if op is ops.tanh and self.data(operands[0]) != 6.0:
                raise NotOfferedError("tanh of 6 only")
            return super().apply(op, operands)

    engine = Picky()
    assert cases.simplest(engine, trial(engine, LONG)).case == Case((2.0, 3.0), LONG.instructions[:2], (3,))
    least = trial(engine, unary(ops.tanh, 6.0))
    assert cases.simplest(engine, least, keep=1) is least


def test_an_error_stays_an_error_and_wrong_numbers_stay_wrong_numbers():
    class Raises(NegatesTanh):
        def apply(self, op, operands):
            if op is ops.mul and self.data(operands[0]) == self.data(operands[1]):
                raise ValueError("equal")
            return super().apply(op, operands)

    engine = Raises()
    case = Case(
        (5.0, 5.0, 4.0), (Instruction(ops.mul, (0, 1)), Instruction(ops.tanh, (2,)), Instruction(ops.add, (3, 4))), (5,)
    )
    assert trial(engine, case).got.error == "ValueError: equal"
    found = cases.simplest(engine, trial(engine, case))
    assert found.got.error == "ValueError: equal"
    assert found.case == Case((1.0,), (Instruction(ops.mul, (0, 0)),), (1,))
    wrong = Case((2.0, 3.0), (Instruction(ops.mul, (0, 1)), Instruction(ops.tanh, (2,))), (3,))
    found = cases.simplest(engine, trial(engine, wrong), keep=2)
    assert found.got.error == ""
    assert found.case.leaves == (1.0, 2.0)


def test_shrinking_stays_where_everything_is_finite():
    class Sevens(OwnEngine):
        def data(self, node):
            return 7.0

    case = Case((1.75, 2.75), (Instruction(ops.sub, (0, 1)), Instruction(ops.div, (0, 2))), (3,))
    found = cases.simplest(Sevens(), trial(Sevens(), case), keep=2)
    assert found.case.leaves == (1.0, 2.0)
    assert found.expected.values == (-1.0,)
