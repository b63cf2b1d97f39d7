"""The report card to the letter, and which examples each part of it runs."""

import math
import sys
import unittest
from dataclasses import FrozenInstanceError, replace
from datetime import timedelta

import pytest
from hypothesis import Phase, assume, settings

from autograd_tiny import Value, errors, ops
from autograd_tiny.primitive import forget, primitive, registry
from autograd_tiny.testing import cases, report_card
from autograd_tiny.testing.cases import Case, Observation, trial
from autograd_tiny.testing.diagnoses import BUGS, Bug, Tape
from autograd_tiny.testing.engines import NotOfferedError, OwnEngine
from autograd_tiny.testing.report_card import Check, ConformanceReport, _differences, _Run, conformance
from autograd_tiny.testing.strategies import Instruction

# ---------------------------------------------------------------- the text


def test_a_card_with_everything_on_it_is_written_so():
    words = "A long-winded explanation, " * 7 + "of which every single line but the first is a self-evident one."
    report = ConformanceReport(
        "some engine",
        (
            Check("operations", "add", "passed"),
            Check("operations", "mul", "failed", example="a = Value(1.0)\na.backward()"),
            Check("operations", "sub", "passed"),
            Check("operations", "gelu", "not offered"),
            Check("operations", "sin", "not offered", "too long to explain, " * 5 + "and not even well-thought-out"),
            Check("hard points", "add", "differs", "inf instead of nan at 0"),
            Check("hard points", "dot", "failed", "with a detail", "b = 2"),
            Check("hard points", "elu", "not offered"),
            Check("hard points", "erf", "not offered"),
        ),
        (Bug("first", words, BUGS[0].change), Bug("second", "Short.", BUGS[1].change, ("add", "mul"))),
    )
    assert str(report) == "\n".join(
        [
            "some engine: 2 of 4 checks passed; likely cause: first and second (in add, mul)",
            "",
            "operations",
            "  failed       mul",
            "  not offered  sin: too long to explain, too long to explain, too long to explain, too long to",
            "               explain, too long to explain, and not even well-thought-out",
            "  passed       add, sub",
            "  not offered  gelu",
            "hard points",
            "  failed       dot",
            "  differs      add: inf instead of nan at 0",
            "  failed       dot: with a detail",
            "  not offered  elu, erf",
            "",
            "failed: mul",
            "    a = Value(1.0)",
            "    a.backward()",
            "",
            "failed: dot",
            "    b = 2",
            "",
            "likely cause: first",
            "    A long-winded explanation, A long-winded explanation, A long-winded explanation, A long-winded",
            "    explanation, A long-winded explanation, A long-winded explanation, A long-winded explanation, of",
            "    which every single line but the first is a self-evident one.",
            "",
            "likely cause: second (in add, mul)",
            "    Short.",
        ]
    )
    assert repr(report) == str(report)
    assert [check.name for check in report.failed] == ["mul", "dot"]
    assert not report.ok
    assert not report


@pytest.mark.parametrize("spare", [0, 1])
def test_a_row_has_at_most_100_columns(spare):
    row = "  differs      n: " + "x" * (77 + 1 - spare)
    report = ConformanceReport("e", (Check("g", "n", "differs", f"{row[18:]} more"),), ())
    assert len(f"{row} more") == 101 - spare
    assert str(report).splitlines()[2:] == ["g", *([f"{row} more"] if spare else [row, "               more"])]


@pytest.mark.parametrize("length", [96, 97])
def test_the_words_of_a_diagnosis_have_at_most_100_columns(length):
    words = "x" * (length - 5) + " more"
    report = ConformanceReport("e", (Check("g", "n", "failed"),), (Bug("first", words, BUGS[0].change),))
    shown = [f"    {words}"] if length == 96 else [f"    {words[:-5]}", "    more"]
    assert str(report).splitlines()[-len(shown) :] == shown
    assert str(report).splitlines()[-len(shown) - 1] == "likely cause: first"


@pytest.mark.parametrize("width", [15, 16])
def test_words_with_hyphens_stay_whole(width):
    text = "x" * (100 - 4 - width) + " well-thought-out"
    report = ConformanceReport("e", (Check("g", "n", "failed"),), (Bug("first", text, BUGS[0].change),))
    assert str(report).endswith("x\n    well-thought-out")
    text = "x" * (100 - 18 - width) + " well-thought-out"
    report = ConformanceReport("e", (Check("g", "n", "differs", text),), ())
    assert str(report).endswith("x\n               well-thought-out")


def test_a_card_without_a_diagnosis_says_where_to_start():
    bad = ConformanceReport("e", (Check("g", "n", "failed", example="x = 1"), Check("g", "m", "passed")), ())
    text = "\n".join(
        [
            "e: 1 of 2 checks passed",
            "",
            "g",
            "  failed       n",
            "  passed       m",
            "",
            "failed: n",
            "    x = 1",
            "",
            "None of the classic mistakes gives these numbers; start with the first failed check.",
        ]
    )
    assert str(bad) == text
    with pytest.raises(errors.GradientMismatchError) as caught:
        bad.assert_ok()
    assert str(caught.value) == text


def test_a_card_with_nothing_wrong_is_short():
    good = ConformanceReport("e", (Check("g", "n", "passed"), Check("g", "m", "differs", "a bit")), ())
    assert str(good) == "e: 1 of 1 checks passed\n\ng\n  differs      m: a bit\n  passed       n"
    assert good.ok
    assert good
    assert good.failed == ()
    good.assert_ok()


# ---------------------------------------------------------------- which examples are run


class Without(OwnEngine):
    """Our engine without some operations, and with some that have the opposite sign."""

    def __init__(self, missing=(), negated=()):
        self.missing, self.negated = missing, negated

    def apply(self, op, operands):
        if op.name in self.missing:
            raise NotOfferedError(f"no {op.name}")
        result = super().apply(op, operands)
        return -result if op.name in self.negated else result


class Seven(OwnEngine):
    """Every number is 7."""

    def data(self, node):
        return 7.0


@pytest.fixture
def few(monkeypatch):
    chosen = {name: registry[name] for name in ("log", "power", "maximum")}
    monkeypatch.setattr(report_card, "registry", chosen)
    return [bound for op in chosen.values() for bound in cases.settings_of(op)]


@pytest.mark.parametrize(
    ("missing", "negated", "carrier"),
    [((), (), ops.mul), (("mul",), (), ops.neg), ((), ("mul",), ops.neg), (("mul", "neg"), (), None)],
)
def test_each_setting_runs_at_its_points_and_once_below_another_operation(few, missing, negated, carrier):
    run = _Run(Without(missing, negated))
    run.operations()
    expected = []
    for bound in few:
        points = cases.ordinary_points(bound)
        assert len(points) == 3
        expected += [cases.plain(bound, point) for point in points]
        expected += [cases.carried(bound, points[0], carrier)] if carrier else []
    assert [each.case for each in run.trials] == expected
    assert run.sound == few
    assert run.checks == [Check("operations", name, "passed") for name in ("log", "power", "maximum")]


def test_one_wrong_setting_fails_the_operation_and_leaves_the_others_sound(few):
    class Wrong(OwnEngine):
        def apply(self, op, operands):
            if op.name == "maximum":
                raise NotOfferedError("no maximum")
            return super().apply(ops.neg if op.params == {"n": 2.0} else op, operands)

    run = _Run(Wrong())
    run.operations()
    assert run.sound == [op for op in few if op.name != "maximum" and op.params != {"n": 2.0}]
    assert [(check.name, check.outcome) for check in run.checks] == [
        ("log", "passed"),
        ("power", "failed"),
        ("maximum", "not offered"),
    ]
    assert run.checks[1].example == (
        "a = Value(0.75)\nb = a ** 2\nb.backward()\nb.data  # -0.75, expected 0.5625\na.grad  # -1, expected 1.5"
    )
    assert [check.example for check in run.checks[::2]] == ["", ""]


def test_the_parts_of_the_card_in_order(few, monkeypatch):
    monkeypatch.setattr(cases, "DEEP_CHAIN", cases.STRUCTURE["a + a"][0])
    report = conformance(OwnEngine(), examples=2)
    assert [(check.group, check.name) for check in report.checks] == [
        *[("operations", name) for name in ("log", "power", "maximum")],
        *[("numbers as operands", name) for name in cases.NUMBER_OPERANDS],
        *[("structure", name) for name in cases.STRUCTURE],
        ("random expressions", "expressions with shared parts"),
        ("random expressions", "f - f has gradient 0"),
        ("random expressions", "gradient of 2 f + 3 g"),
        ("random expressions", "product rule, f g"),
        ("random expressions", "chain rule, g(f)"),
        ("random expressions", "Euler's theorem, f homogeneous"),
        *[("hard points", name) for name in ("log", "power", "maximum")],
    ]
    assert {check.outcome for check in report.checks} == {"passed"}
    assert (report.engine, report.diagnoses, report.ok) == ("autograd_tiny", (), True)


def test_only_engines_and_whole_numbers_of_examples_are_taken(few):
    with pytest.raises(errors.ParameterError, match=r"^an engine is a class such as Value or an Engine, got 3;"):
        conformance(3)
    for examples in (0, 1.5):
        with pytest.raises(errors.ParameterError, match=r"^examples is a whole number of at least 1, got "):
            conformance(OwnEngine(), examples=examples)
    assert conformance(Value, examples=1).engine == "Value"


def test_a_hundred_examples_of_each_law_are_usual(monkeypatch, few):
    asked = []
    monkeypatch.setattr(_Run, "random_expressions", lambda run, examples: asked.append(examples))
    conformance(OwnEngine())
    assert asked == [100]


def test_what_failed_is_diagnosed(few):
    class Reflects(OwnEngine):
        def apply(self, op, operands):
            return super().apply(op, operands[::-1] if op is ops.sub and operands[0] == 2.0 else operands)

    report = conformance(Reflects(), examples=1)
    assert [check.name for check in report.failed] == ["2 - x"]
    assert list(map(str, report.diagnoses)) == ["wrong reflected operator: 2 - x computed as x - 2 (in sub)"]
    assert conformance(Without(negated=["maximum"]), examples=1).diagnoses == ()


class Later(OwnEngine):
    """A wrong sign; from some run of backward on it is something else."""

    def __init__(self, calm, later=lambda: 7.0):
        self.calm, self.later, self.leaves, self.runs = calm, later, 0, 0

    def leaf(self, number):
        self.leaves += 1
        return super().leaf(number)

    def backward(self, root):
        self.runs += 1
        super().backward(root)

    def grad(self, leaf):
        return -super().grad(leaf) if self.runs <= self.calm else self.later()


def raises(error):
    def later():
        raise error

    return later


NEG = Case((3.0,), (Instruction(ops.neg, (0,)),), (1,))
SIGN, UNSTABLE = ["wrong sign of the slope (in neg)"], ["results depend on memory addresses"]


def told(engine, *programs):
    run = _Run(engine)
    run.trials = [trial(engine, case) for case in programs]
    return [str(bug) for bug in run.diagnoses()]


@pytest.mark.parametrize(("calm", "diagnoses"), [(1, UNSTABLE), (8, UNSTABLE), (9, SIGN)])
def test_an_example_that_failed_is_run_eight_times_again(calm, diagnoses):
    engine = Later(calm)
    assert told(engine, NEG) == diagnoses
    assert engine.runs == min(calm + 1, 9)


def test_before_each_run_more_leaves_take_the_places_in_memory():
    engine = Later(9)
    told(engine, NEG)
    assert engine.leaves == 9 + sum(range(8))


@pytest.mark.parametrize("error", [ValueError("no"), NotOfferedError("no"), SystemExit()])
def test_an_example_that_gave_numbers_and_then_none_does_not_repeat(error):
    assert told(Later(1, raises(error)), NEG) == UNSTABLE


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit()])
def test_a_leaf_that_can_no_longer_be_made_does_not_repeat(error):
    class Few(Later):
        def leaf(self, number):
            if self.leaves == 2:
                raise error
            return super().leaf(number)

    assert told(Few(9), NEG) == UNSTABLE


def test_the_words_for_numbers_that_vary_say_what_to_look_for():
    run = _Run(Later(1))
    run.trials = [trial(run.engine, NEG)]
    (bug,) = run.diagnoses()
    assert "kept in a set, whose order varies; use a list" in " ".join(str(ConformanceReport("e", (), (bug,))).split())
    assert list(bug.change(Tape(), NEG)) == []


def test_errors_and_right_examples_are_not_run_again():
    engine = Later(0, raises(ValueError("no")))
    assert told(engine, NEG) == []
    assert engine.runs == 1
    engine = Later(0, lambda: -1.0)
    assert told(engine, NEG) == []
    assert engine.runs == 1


# ---------------------------------------------------------------- hard points and depth


def limits(engine, *sound):
    run = _Run(engine)
    run.sound = list(sound)
    run.limits()
    assert run.trials == []  # choices are not diagnosed
    return run.checks


def test_hard_points_where_nothing_differs_pass():
    assert limits(OwnEngine(), ops.relu, ops.power.bind(n=3.0)) == [
        Check("hard points", "relu", "passed"),
        Check("hard points", "power", "passed"),
    ]


def test_where_no_hard_point_is_run_none_is_said_to_pass():
    assert limits(Without(["relu"]), ops.relu, ops.neg) == [Check("hard points", "neg", "passed")]

    @primitive(slopes=(1.0,) * 5)
    def five(m, a, b, c, d, e):
        """The sum of five numbers."""
        return a + b + c + d + e

    try:
        assert limits(OwnEngine(), five) == []
    finally:
        forget(five)


def test_hard_points_tell_what_differs_and_where():
    class Choices(OwnEngine):
        def apply(self, op, operands):
            if op.name == "exp" and operands[0].data >= 800.0:
                raise OverflowError("too: large")
            return super().apply(ops.abs if op.name == "relu" else op, operands)

    assert limits(Choices(), ops.relu, ops.exp) == [
        Check(
            "hard points",
            "relu",
            "differs",
            "1e+200 instead of 0 at -1e+200; inf instead of 0 at -inf; slope nan instead of 0 at nan",
        ),
        Check("hard points", "exp", "differs", "raises OverflowError at 1e+200, 800, inf"),
    ]


def test_a_deep_graph_is_tried_where_additions_are_sound(monkeypatch):
    monkeypatch.setattr(cases, "DEEP_CHAIN", cases.STRUCTURE["a + a"][0])
    assert limits(OwnEngine(), ops.neg)[1:] == []
    assert limits(OwnEngine(), ops.add)[1:] == [Check("depth", "a chain of 5,000 additions", "passed")]
    assert limits(Seven(), ops.add)[1:] == [Check("depth", "a chain of 5,000 additions", "passed")]
    assert limits(Without(["add"]), ops.add)[1:] == []

    class Shallow(OwnEngine):
        def backward(self, root):
            raise RecursionError("too deep")

    assert limits(Shallow(), ops.add)[1:] == [
        Check("depth", "a chain of 5,000 additions", "differs", "RecursionError: too deep")
    ]


def test_differences_are_put_together_by_what_differs():
    one = trial(OwnEngine(), Case((2.0,), (Instruction(ops.sqrt, (0,)),), (1,)))
    two = trial(OwnEngine(), Case((3.0, 0.5), (Instruction(ops.mul, (0, 1)),), (2,)))
    trials = [
        replace(one, got=Observation((1.5,), (0.0,))),
        one,
        replace(one, got=Observation(one.got.values, (1 / 3,))),
        replace(two, got=Observation((1.5,), (3.0, math.inf))),
        replace(two, got=Observation(error="ValueError: no: never")),
        replace(one, got=Observation(error="ValueError: another")),
        replace(two, got=Observation((1 / 7,), (0.5, 3.0))),
    ]
    assert _differences(trials) == (
        "1.5 instead of 1.414 at 2; slope 0.333333 instead of 0.353553 at 2; "
        "slope (3, inf) instead of (0.5, 3) at (3, 0.5); raises ValueError at (3, 0.5), 2; "
        "0.1429 instead of 1.5 at (3, 0.5)"
    )
    assert _differences([one, two]) == ""


# ---------------------------------------------------------------- random expressions


def search(program, *, engine=None, count=1, keep=0, examples=10, sound=(ops.mul,)):
    """Return the trials that the search keeps, and every case that it made."""
    made = []

    def recorded(*fs):
        made.append(program(*fs))
        return made[-1]

    run = _Run(engine or OwnEngine())
    run.sound = list(sound)
    try:
        return run._search(recorded, count, keep, examples), made
    except unittest.SkipTest as skipped:
        pytest.fail(f"hypothesis drew nothing: {skipped}")


def test_as_many_examples_are_drawn_as_asked_for_and_some_that_passed_are_kept(monkeypatch):
    trials, made = search(cases.itself, examples=25)
    assert len(made) == 25
    assert [each.case for each in trials] == made[:10]
    assert all(each.ok for each in trials)
    monkeypatch.setattr(report_card, "KEPT", 3)
    assert len(search(cases.linear_combination, count=2)[0]) == 3


def test_without_sound_operations_nothing_is_drawn():
    assert search(cases.itself, sound=()) == ([], [])


def test_operations_are_drawn_with_the_settings_that_are_sound():
    _, made = search(cases.itself, sound=[ops.power.bind(n=3.0)], examples=20)
    drawn = {step.op for case in made for step in case.instructions if step.op.name == "power"}
    assert drawn == {ops.power.bind(n=3.0)}
    _, made = search(cases.itself, sound=[ops.softmax.bind(index=0), ops.softmax.bind(index=2)], examples=20)
    drawn = {step.op.params["index"] for case in made for step in case.instructions if step.op.name == "softmax"}
    assert {0, 1} <= drawn


def test_after_a_failure_no_more_are_run():
    ran = []

    class Counted(Seven):
        def backward(self, root):
            ran.append(root)
            super().backward(root)

    smallest = Case((1.0,), (), (0,))
    trials, made = search(lambda f: smallest, engine=Counted())
    assert len(made) == 10
    assert len(ran) == 1
    assert [each.case for each in trials] == [smallest]
    assert trials[0].got == Observation((7.0,), (1.0,))


def test_cases_with_too_many_paths_are_not_run(monkeypatch):
    diamond = cases.STRUCTURE["a node used twice (diamond)"][0]
    monkeypatch.setattr(report_card, "MOST_PATHS", 4)
    assert [each.case for each in search(lambda f: diamond, examples=2)[0]] == [diamond] * 2
    monkeypatch.setattr(report_card, "MOST_PATHS", 3)
    assert search(lambda f: diamond, examples=2)[0] == []


def test_the_operations_of_a_law_stay_and_nothing_else():
    run = _Run(Seven())
    run.sound = [ops.mul]
    run.random_expressions(3)
    combination = "a = Value(1.0)\nb = a * a\nc = a * a\nd = b + c\nd.backward()\nd.data  # 7, expected 2"
    assert run.checks == [
        Check(
            "random expressions",
            "expressions with shared parts",
            "failed",
            example="a = Value(1.0)\na.backward()\na.data  # 7, expected 1",
        ),
        Check(
            "random expressions",
            "f - f has gradient 0",
            "failed",
            example="a = Value(1.0)\nb = a - a\nb.backward()\nb.data  # 7, expected 0",
        ),
        Check("random expressions", "gradient of 2 f + 3 g", "failed", example=combination),
        Check(
            "random expressions",
            "product rule, f g",
            "failed",
            example="a = Value(1.0)\nb = a * a\nb.backward()\nb.data  # 7, expected 1",
        ),
        *[
            Check("random expressions", name, "failed", example="a = Value(1.0)\na.backward()\na.data  # 7, expected 1")
            for name in ("chain rule, g(f)", "Euler's theorem, f homogeneous")
        ],
    ]
    assert [each.ok for each in run.trials] == [False] * 6


def test_laws_are_not_offered_without_hypothesis(monkeypatch):
    monkeypatch.setitem(sys.modules, "hypothesis", None)
    run = _Run(OwnEngine())
    run.sound = [ops.mul]
    run.random_expressions(1)
    laws = ["expressions with shared parts", "f - f has gradient 0", "gradient of 2 f + 3 g"]
    laws += ["product rule, f g", "chain rule, g(f)", "Euler's theorem, f homogeneous"]
    assert [(each.group, each.name, each.outcome) for each in run.checks] == [
        ("random expressions", name, "not offered") for name in laws
    ]
    assert all(each.detail.endswith("pip install hypothesis") for each in run.checks)


@pytest.fixture
def hostile_profile():
    """Settings under which nothing is drawn, everything is too slow, and nothing is the same again."""
    settings.register_profile(
        "hostile",
        derandomize=False,
        deadline=timedelta(microseconds=1),
        max_examples=3,
        phases=[Phase.reuse],
        suppress_health_check=[],
    )
    settings.register_profile("usual", parent=settings.default)
    settings.load_profile("hostile")
    yield
    settings.load_profile("usual")


@pytest.mark.usefixtures("hostile_profile")
def test_the_settings_of_the_user_change_nothing():
    _, made = search(cases.itself, examples=12)
    assert len(made) == 12
    assert search(cases.itself, examples=12)[1] == made


@pytest.mark.usefixtures("hostile_profile")
def test_examples_that_cannot_be_used_are_passed_over():
    """As when most of what is drawn lies outside an operation's domain."""
    unusable = iter(range(60))

    def program(f):
        assume(next(unusable, None) is None)
        return cases.itself(f)

    _, made = search(program, examples=12)
    assert len(made) == 12


def test_checks_and_cards_do_not_change():
    check = Check("g", "n", "passed")
    for each, name in ((check, "outcome"), (ConformanceReport("e", (check,), ()), "checks")):
        with pytest.raises(FrozenInstanceError):
            setattr(each, name, "failed")
        assert not hasattr(each, "__dict__")
