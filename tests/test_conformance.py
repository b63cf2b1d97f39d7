"""The conformance kit: right engines pass, every classic mistake is found, shown and named."""

import math
import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from student_engines.buggy import MISTAKES, Assigns, NeverResets, ParentsInSet, RevisitsParents, WrongTanh
from student_engines.sound import Value as Sound

from autograd_tiny import Value, errors, ops
from autograd_tiny.primitive import forget, primitive
from autograd_tiny.testing import cases
from autograd_tiny.testing.cases import NUMBER_OPERANDS, STRUCTURE, Case, Observation, Trial, close, observe, trial
from autograd_tiny.testing.diagnoses import BUGS, Tape, diagnose
from autograd_tiny.testing.engines import (
    ClassEngine,
    Engine,
    HipsEngine,
    MicrogradEngine,
    NotOfferedError,
    OwnEngine,
    TorchEngine,
    student_engine,
)
from autograd_tiny.testing.report_card import Check, ConformanceReport, conformance
from autograd_tiny.testing.rounding import EPS
from autograd_tiny.testing.strategies import Instruction, RandomExpression

EXAMPLES = 12  # random expressions a law: enough for the mistakes here


def names(report, outcome, group=None):
    """Return the names of the checks with an outcome."""
    return [each.name for each in report.checks if each.outcome == outcome and group in (None, each.group)]


def example(report, name):
    return next(check.example for check in report.checks if check.name == name and check.example)


# ---------------------------------------------------------------- right engines


def test_our_own_engine_passes_and_differs_nowhere():
    report = conformance(OwnEngine(), examples=EXAMPLES)
    assert report.ok
    assert {check.outcome for check in report.checks} == {"passed"}
    assert {"add", "where", "dot", "softmax", "gelu"} <= set(names(report, "passed", "operations"))
    assert names(report, "passed", "hard points") == names(report, "passed", "operations")
    assert names(report, "passed", "structure") == list(STRUCTURE)
    assert names(report, "passed", "numbers as operands") == list(NUMBER_OPERANDS)
    assert len(names(report, "passed", "random expressions")) == 6
    assert report.diagnoses == ()


def test_a_class_is_an_engine():
    report = conformance(Value, examples=EXAMPLES)
    assert report.ok
    assert report.engine == "Value"
    assert {"tanh", "abs", "pow", "power", "remainder"} <= set(names(report, "passed", "operations"))
    assert "gelu" in names(report, "not offered", "operations")  # a function, not a method


@pytest.mark.slow
def test_a_sound_student_engine_passes_everything_it_offers():
    report = conformance(student_engine(file_of(Sound)))
    assert report.ok
    assert report.engine == "sound.py"
    assert names(report, "passed", "operations") == (
        "add sub mul div neg power exp cos tanh relu leaky_relu softmax".split()
    )
    assert names(report, "not offered", "numbers as operands") == ["2 ** x"]
    assert names(report, "passed", "structure") == list(STRUCTURE)
    hard = {check.name: check.detail for check in report.checks if check.outcome == "differs"}
    assert hard["exp"] == "raises OverflowError at 1e+200, 800"
    assert hard["relu"] == "0 instead of nan at nan"
    assert hard["a chain of 5,000 additions"].startswith("RecursionError")


def file_of(cls):
    return sys.modules[cls.__module__].__file__


def test_a_beginners_engine_takes_no_plain_numbers():
    report = conformance(student_engine(Path(file_of(Sound)).with_name("student.py")), examples=EXAMPLES)
    assert names(report, "not offered", "numbers as operands") == list(NUMBER_OPERANDS)
    assert names(report, "passed", "operations") == ["add", "mul", "tanh"]


def test_whole_exponents_are_passed_as_whole_numbers():
    class WholeExponents(Sound):
        def __pow__(self, n):
            assert isinstance(n, int), "only whole exponents"
            return super().__pow__(n)

    assert "power" in names(conformance(WholeExponents, examples=1), "passed", "operations")


def test_an_operation_of_ones_own_is_checked_too():
    @primitive(slopes=lambda m, y, x: (3 * x * x,))
    def cube(m, x):
        """The cube of x, x * x * x."""
        return x * x * x

    class Crooked(OwnEngine):
        def apply(self, op, operands):
            return super().apply(ops.neg if op is cube else op, operands)

    try:
        assert "cube" in names(conformance(OwnEngine(), examples=1), "passed", "operations")
        assert names(conformance(Crooked(), examples=1), "failed") == ["cube"]
    finally:
        forget(cube)


def test_an_adapter_of_ones_own_needs_five_methods():
    class Doubled(Engine):
        name = "doubled"

        def leaf(self, number):
            return Value(number)

        def data(self, node):
            return node.data

        def grad(self, leaf):
            return 2 * leaf.grad

        def backward(self, root):
            root.backward()

        def apply(self, op, operands):
            if op.name not in ("add", "mul"):
                raise NotOfferedError("only two")
            return op.apply(*operands)

    report = conformance(Doubled(), examples=EXAMPLES)
    assert not report
    assert "a leaf changed after the forward pass" in names(report, "not offered")
    assert example(report, "a + a") == "a = Value(1.5)\nb = a + a\nb.backward()\na.grad  # 4, expected 2"


# ---------------------------------------------------------------- other packages


def test_micrograd_keeps_interior_gradients_and_reads_data_late():
    pytest.importorskip("micrograd")
    report = conformance(MicrogradEngine(), examples=EXAMPLES)
    assert names(report, "failed") == [
        "a second backward gives the same again",
        "two losses that share a node",
        "a leaf changed after the forward pass",
    ]
    assert [bug.name for bug in report.diagnoses] == [
        "interior gradients are not reset",
        "stale closure: the backward rule reads the data of now",
    ]
    assert {"add", "sub", "mul", "div", "neg", "power", "relu"} <= set(names(report, "passed", "operations"))
    assert "pow" in names(report, "not offered", "operations")  # it asserts that the exponent is a number


@pytest.mark.slow
def test_pytorch_passes():
    pytest.importorskip("torch")
    report = conformance(TorchEngine(), examples=EXAMPLES)
    assert report.ok, report
    assert names(report, "not offered") == [
        "identity",
        "floordiv",
        "gelu_tanh",
        "greater",  # torch's comparisons give booleans
        "greater_equal",
        "equal",
        "not_equal",
        "a leaf changed after the forward pass",
    ]
    assert "torch.stack" in TorchEngine().call_text(ops.softmax.bind(index=1), ["a", "b"])


@pytest.mark.slow
def test_hips_autograd_passes():
    pytest.importorskip("autograd")
    report = conformance(HipsEngine(), examples=EXAMPLES)
    assert not {check.group for check in report.failed} - {"random expressions"}, report  # prod divides by its operands
    assert {"add", "asin", "hypot", "where", "dot", "max"} <= set(names(report, "passed", "operations"))
    assert {"identity", "relu", "softmax"} <= set(names(report, "not offered", "operations"))


def test_functions_are_written_as_people_write_them():
    pytest.importorskip("torch")
    engine = TorchEngine()
    assert engine.call_text(ops.add, ["a", "b"]) == "a + b"
    assert engine.call_text(ops.gelu, ["a"]) == "F.gelu(a)"
    assert engine.call_text(ops.clip.bind(low=0.0, high=2.0), ["a"]) == "torch.clip(a, 0.0, 2.0)"
    assert engine.call_text(ops.where, ["a", "b", "c"]) == "torch.where(a != 0, b, c)"
    assert engine.call_text(ops.dot, ["a", "b", "c", "d"]) == "torch.dot(torch.stack([a, b]), torch.stack([c, d]))"
    assert engine.call_text(ops.softmax.bind(index=1), ["a", "b"]) == "torch.softmax(torch.stack([a, b]), 0)[1]"


@pytest.mark.parametrize(
    ("adapter", "package"), [(TorchEngine, "torch"), (HipsEngine, "autograd"), (MicrogradEngine, "micrograd")]
)
def test_a_missing_package_is_named_with_the_line_that_installs_it(adapter, package, monkeypatch):
    for module in list(sys.modules):
        if module.partition(".")[0] == package:
            monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(errors.MissingPackageError, match=f"pip install {package}$"):
        adapter()


def test_without_hypothesis_everything_else_is_checked(monkeypatch):
    monkeypatch.setitem(sys.modules, "hypothesis", None)
    report = conformance(Sound)
    assert report.ok
    assert names(report, "not offered", "random expressions") == [
        "expressions with shared parts",
        "f - f has gradient 0",
        "gradient of 2 f + 3 g",
        "product rule, f g",
        "chain rule, g(f)",
        "Euler's theorem, f homogeneous",
    ]
    assert "pip install hypothesis" in str(report)


# ---------------------------------------------------------------- classic mistakes


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.__name__)
def test_every_classic_mistake_gets_its_diagnosis(mistake):
    report = conformance(mistake, examples=EXAMPLES)
    assert not report.ok
    assert list(map(str, report.diagnoses)) == MISTAKES[mistake]


def test_a_set_of_parents_is_named_whether_or_not_its_order_varies_here():
    (bug,) = conformance(ParentsInSet, examples=EXAMPLES).diagnoses
    assert "kept in a set" in f"{bug.name} {bug.words}"


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_every_simulated_mistake_is_recognised_and_worded(bug):
    tapes = bug.change(Tape(), STRUCTURE["a node used again after deep uses"][0])
    for tape in list(tapes)[:2]:
        trials = [trial(tape, case) for programs in STRUCTURE.values() for case in programs]
        failed = [each for each in trials if not each.ok]
        assert failed
        assert bug.name in [found.name for found in diagnose(trials)][:1]
    assert len(bug.words) > 80


BY_NAME = {bug.name: bug for bug in BUGS}
FLOWS = [mistake for mistake, found in MISTAKES.items() if len(found) == 1 and found[0] in BY_NAME]


@pytest.mark.parametrize("mistake", FLOWS, ids=lambda mistake: mistake.__name__)
def test_a_simulated_mistake_gives_the_numbers_of_the_engine_that_has_it(mistake):
    """On every graph, right ones and wrong ones: one form of the bug is exactly that engine."""
    (name,) = MISTAKES[mistake]
    for programs in STRUCTURE.values():
        for case in programs:
            each = trial(ClassEngine(mistake), case)
            outcomes = [observe(tape, case) for tape in BY_NAME[name].change(Tape(), case)]
            assert any(each.agrees(outcome, each.got) for outcome in outcomes), case.source(OwnEngine())


def test_an_operation_that_is_wrong_at_some_points_only_is_not_the_one_diagnosed():
    class Signs(Sound):
        def exp(self):
            return self.result(math.exp(self.data), (self,), (-math.exp(self.data),))

        def cos(self):
            return self.result(math.cos(self.data), (self,), (-math.sin(abs(self.data)),))

    report = conformance(Signs, examples=1)
    assert names(report, "failed", "operations") == ["exp", "cos"]
    assert list(map(str, report.diagnoses)) == ["wrong sign of the slope (in exp)"]


def test_a_correct_tape_is_a_correct_engine():
    report = conformance(Tape(), examples=EXAMPLES)
    assert {check.outcome for check in report.checks} == {"passed"}


def test_two_mistakes_are_both_named():
    class Both(Assigns):
        __sub__ = next(cls for cls in MISTAKES if cls.__name__ == "WrongSecondSign").__sub__

    assert list(map(str, conformance(Both, examples=EXAMPLES).diagnoses)) == [
        "= where += is needed",
        "wrong sign for the second operand (in sub)",
    ]


def test_a_diagnosis_that_contradicts_a_passed_check_is_none():
    """Gradients that are too large only at one of many cases are no forgotten reset."""
    trials = [trial(Tape(), case) for programs in STRUCTURE.values() for case in programs]
    case = STRUCTURE["a second backward gives the same again"][0]
    odd = trial(NeverResetsEngine, case)
    assert not odd.ok
    two_losses = STRUCTURE["two losses that share a node"][0]
    others = [each for each in trials if each.case not in (case, two_losses)]
    assert [bug.name for bug in diagnose([*others, odd])] == ["interior gradients are not reset"]
    assert diagnose([*others, odd, trial(Tape(), two_losses)]) == []


NeverResetsEngine = ClassEngine(NeverResets)


def test_a_mistake_that_is_no_classic_gets_no_diagnosis():
    report = conformance(WrongTanh, examples=EXAMPLES)
    assert names(report, "failed") == ["tanh"]
    assert "None of the classic mistakes gives these numbers" in str(report)
    assert "likely cause" not in str(report)


# ---------------------------------------------------------------- examples and the card


@pytest.mark.slow
def test_the_smallest_random_example_is_small():
    text = example(conformance(RevisitsParents, examples=40), "expressions with shared parts")
    assert len(re.findall(r"= RevisitsParents\(", text)) == 1
    assert len(re.findall(r"= (?!RevisitsParents)", text)) <= 3
    assert "expected" in text


def test_a_law_stays_what_it_is_when_it_is_made_simpler():
    text = example(conformance(Assigns, examples=EXAMPLES), "f - f has gradient 0")
    assert text.splitlines()[1:-2] == ["b = a - a"]
    text = example(conformance(Assigns, examples=EXAMPLES), "gradient of 2 f + 3 g")
    assert re.search(r"(.) = a \* .\n(.) = . \* .\n. = \1 \+ \2\n", text), text


def test_shrinking_keeps_what_is_wrong():
    """Of a long program only the product with a tanh at its end is needed."""

    class NegatesTanh(OwnEngine):
        def apply(self, op, operands):
            return -super().apply(op, operands) if op is ops.tanh else super().apply(op, operands)

    steps = [Instruction(ops.mul, (0, 1)), Instruction(ops.tanh, (2,)), Instruction(ops.add, (3, 0.5))]
    long = Case((2.0, 3.0), (*steps, Instruction(ops.log, (4,)), Instruction(ops.exp, (5,))), (6,))
    found = cases.simplest(NegatesTanh(), trial(NegatesTanh(), long))
    assert found.case == Case((1.0,), (Instruction(ops.tanh, (0,)),), (1,))
    kept = cases.simplest(NegatesTanh(), trial(NegatesTanh(), long), keep=3).case
    assert [step.op.name for step in kept.instructions] == ["tanh", "add", "log", "exp"]
    right = trial(OwnEngine(), long)
    assert cases.simplest(OwnEngine(), right) is right


def test_shrinking_stays_with_one_kind_of_failure():
    """Wrong numbers do not turn into an error, nor into a point where nothing is finite."""

    class Odd(OwnEngine):
        def apply(self, op, operands):
            if op is ops.add and operands[0] is operands[1]:
                raise ValueError("one operand twice")
            return super().apply(op, operands)

        def data(self, node):
            return 7.0

    for last in (Instruction(ops.neg, (2,)), Instruction(ops.div, (0, 2))):
        first = Instruction(ops.add if last.op is ops.neg else ops.sub, (0, 1))
        found = cases.simplest(Odd(), trial(Odd(), Case((0.5, 0.25), (first, last), (3,))), keep=2)
        assert found.got.error == ""
        assert math.isfinite(found.expected.values[0])
        assert found.case.instructions[0].operands == (0, 1)


def test_a_replaced_node_takes_what_only_it_needs_with_it():
    case = Case((1.0, 2.0), (Instruction(ops.mul, (0, 1)), Instruction(ops.add, (2, 0))), (3,))
    assert case.replaced(3, 0) == Case((1.0,), (), (0,))
    assert case.replaced(2, 1) == Case((1.0, 2.0), (Instruction(ops.add, (1, 0)),), (2,))


def test_a_wrong_value_is_shown():
    class Wrong(Sound):
        def __rsub__(self, other):
            return self - other

    assert example(conformance(Wrong, examples=1), "2 - x") == (
        "a = Wrong(1.75)\nb = 2.0 - a\nb.backward()\nb.data  # -0.25, expected 0.25\na.grad  # 1, expected -1"
    )


def test_an_error_of_the_engine_is_a_failure_and_shown_inert():
    class Raises(Sound):
        def tanh(self):
            raise KeyError("\x1b[31mred")

        def cos(self):
            raise SystemExit("bye")

        def exp(self):
            return self.missing

    report = conformance(Raises, examples=1)
    assert names(report, "failed") == ["exp", "cos", "tanh"]
    assert example(report, "tanh").endswith("# raises KeyError: '\\x1b[31mred'")
    assert example(report, "cos").endswith("# raises SystemExit: bye")
    assert "has no attribute 'missing'" in example(report, "exp")
    assert "\x1b" not in str(report)


def test_hard_points_are_choices_not_failures():
    class OneAtZero(Sound):
        def relu(self):
            return self.result(max(0.0, self.data), (self,), (float(self.data >= 0),))

    report = conformance(OneAtZero, examples=1)
    assert report.ok
    assert next(check for check in report.checks if check.group == "hard points" and check.name == "relu").detail == (
        "slope 1 instead of 0 at 0, -0; 0 instead of nan at nan"
    )


def test_the_card_begins_with_the_summary():
    report = conformance(Assigns, examples=EXAMPLES)
    lines = str(report).splitlines()
    failed, passed = names(report, "failed"), names(report, "passed")
    hard = names(report, "passed", "hard points")
    assert lines[0] == report.summary
    assert lines[0].startswith(f"Assigns: {len(passed)} of {len(passed) + len(failed)} checks passed; likely cause: = ")
    assert len(hard) > 3
    assert "  failed       a + a" in lines
    assert [line for line in lines if line.startswith("failed: ")] == [f"failed: {name}" for name in failed]
    assert lines[lines.index("likely cause: = where += is needed") + 1].startswith("    A node that is used twice")
    assert repr(report) == str(report)
    assert all(len(line) <= 100 for line in lines[1:])


def test_assert_ok_raises_with_the_card():
    good = ConformanceReport("e", (Check("g", "n", "passed"), Check("g", "m", "differs", "a bit")), ())
    good.assert_ok()
    assert good.summary == "e: 1 of 1 checks passed"
    assert "  differs      m: a bit" in str(good)
    bad = ConformanceReport("e", (Check("g", "n", "failed", example="x = 1"), Check("g", "m", "passed")), ())
    with pytest.raises(errors.GradientMismatchError, match=r"^e: 1 of 2 checks passed\n"):
        bad.assert_ok()


def test_what_the_engine_prints_is_dropped(capsys):
    class Loud(Sound):
        def backward(self):
            print("at", self.data)
            print("careful", file=sys.stderr)
            super().backward()

    assert conformance(Loud, examples=1).ok
    assert capsys.readouterr() == ("", "")


def test_only_engines_are_examined():
    with pytest.raises(errors.ParameterError, match="an engine is a class such as Value or an Engine, got 3"):
        conformance(3)


def test_the_number_of_examples_is_checked():
    with pytest.raises(errors.ParameterError, match="examples is a whole number of at least 1, got 0"):
        conformance(Sound, examples=0)


def test_expressions_with_very_many_paths_are_left_out(monkeypatch):
    monkeypatch.setattr("autograd_tiny.testing.report_card.MOST_PATHS", 0)
    assert len(names(conformance(Sound, examples=3), "not offered", "random expressions")) == 6


def test_an_engine_without_operations_fails_nothing():
    class Bare:
        def __init__(self, data):
            self.data, self.grad = data, 0.0

        def backward(self):
            self.grad += 1.0

    report = conformance(Bare)
    assert report.ok
    assert names(report, "passed") == ["a leaf as the root"]


# ---------------------------------------------------------------- comparing


def test_numbers_agree_up_to_rounding():
    assert close(1e9, 1e9 + 0.5, 0.0)
    assert not close(1e9, 1e9 + 2.0, 0.0)
    assert close(0.0, 1e-13, 1e-12)
    assert close(math.inf, math.inf, 0.0)
    assert close(math.nan, math.nan, 0.0)
    assert not close(math.nan, 1.0, 1.0)
    assert not close(math.inf, -math.inf, 1.0)
    assert not close(math.inf, 1.0, 1.0)


def test_gradients_that_cancel_may_be_off_by_rounding_of_the_paths():
    """(x + x) - 2 x: the paths add up to 4."""
    case = Case((1.0, 1e6), (Instruction(ops.mul, (0, 1)), Instruction(ops.sub, (2, 2))), (3,))
    here = trial(OwnEngine(), case)
    assert here.expected.grads == (0.0, 0.0)
    assert here.tolerance.grads == pytest.approx((4096 * EPS * 2e6, 4096 * EPS * 2), rel=1e-12)
    assert replace(here, got=Observation((0.0,), (1e-6, 1e-12))).ok
    assert not replace(here, got=Observation((0.0,), (3e-6, 0.0))).ok
    assert not replace(here, got=Observation((1e-3,), (0.0, 0.0))).ok
    assert not replace(here, got=Observation(error="ValueError: no")).ok


def test_every_kind_of_step_is_written():
    case = Case((2.0,), (Instruction(ops.mul, (0, 3.0)),), ((0, 5.0), 1))
    assert case.source(OwnEngine()) == "a = Value(2.0)\nb = a * 3.0\na.data = 5.0\nb.backward()"
    assert observe(OwnEngine(), case) == Observation((6.0,), (3.0,))


def test_many_nodes_have_names():
    case = Case((1.0,) * 27, (Instruction(ops.add, (0, 26)),), (27,))
    assert case.source(OwnEngine()).splitlines()[-2:] == ["v27 = a + v26", "v27.backward()"]


def test_laws_are_written_as_programs():
    f = RandomExpression((Instruction(ops.mul, (0, 0)), Instruction(ops.add, (1, 0.5))), (3.0,))
    source = cases.itself(f).source(OwnEngine())
    assert source == "a = Value(3.0)\nb = Value(0.5)\nc = a * a\nd = c + b\nd.backward()"
    assert observe(OwnEngine(), cases.difference_with_itself(f)) == Observation((0.0,), (0.0, 0.0))
    g = RandomExpression((Instruction(ops.neg, (0,)),), (7.0,))
    combination = observe(OwnEngine(), cases.linear_combination(f, g))
    assert combination == Observation((2 * 9.5 - 3 * 7,), (9.5, -7.0, 12.0, 2.0, -3.0))


def test_points_of_an_operation_are_ordinary():
    for op in (ops.log, ops.asin, ops.relu, ops.maximum, ops.dot, ops.remainder):
        points = cases.ordinary_points(op)
        assert len(points) == 3
        for point in points:
            assert all(op.domain_of(k).contains(x) for k, x in enumerate(point))
    assert all(x > 0 for (x,) in cases.ordinary_points(ops.log))
    assert (2.5, -0.625) not in cases.ordinary_points(ops.remainder, limit=8)  # a jump: 2.5 / -0.625 is whole


def test_a_trial_says_which_numbers_are_wrong():
    case = STRUCTURE["x * x"][0]
    right = trial(OwnEngine(), case)
    assert right.ok
    wrong = Trial(case, right.expected, right.tolerance, Observation((9.0,), (3.0,)))
    assert wrong.source(OwnEngine()) == "a = Value(3.0)\nb = a * a\nb.backward()\na.grad  # 3, expected 6"


# ---------------------------------------------------------------- files


def write(folder, text, name="engine.py"):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


ENGINE = """
class {name}:
    def __init__(self, value):
        self.value, self.gradient = value, None

    def backward(self):
        self.gradient = (self.gradient or 0.0) + 1.0
"""


def test_the_only_class_with_backward_is_the_engine(tmp_path):
    engine = student_engine(write(tmp_path, ENGINE.format(name="Scalar") + "\nclass Other: ...\n"))
    leaf = engine.leaf(2.0)
    assert (engine.data(leaf), engine.grad(leaf)) == (2.0, 0.0)
    engine.backward(leaf)
    assert engine.grad(leaf) == 1.0
    engine.set_data(leaf, 3.0)
    assert engine.data(leaf) == 3.0
    assert engine.leaf_text(2.0) == "Scalar(2.0)"
    assert conformance(engine).ok


def test_a_class_value_comes_first(tmp_path):
    text = ENGINE.format(name="Value") + ENGINE.format(name="Scalar")
    assert student_engine(write(tmp_path, text)).leaf_text(1.0) == "Value(1.0)"
    write(tmp_path, ENGINE.format(name="Value"), "neighbour_of_engine.py")
    path = write(tmp_path, "from neighbour_of_engine import Value\n")
    assert student_engine(path).leaf_text(1.0) == "Value(1.0)"
    del sys.modules["neighbour_of_engine"]


def test_a_dataclass_is_an_engine(tmp_path):
    text = (
        "from __future__ import annotations\nfrom dataclasses import dataclass\n@dataclass\nclass Value:\n"
        "    data: float\n    grad: float = 0.0\n    def backward(self):\n        self.grad += 1.0\n"
    )
    assert student_engine(write(tmp_path, text)).leaf(2.0).data == 2.0


def test_functions_of_the_file_are_operations(tmp_path):
    text = ENGINE.format(name="Value") + (
        "from math import sin\n"
        "def tanh(x): return ('tanh', x)\n"
        "def leaky_relu(x, alpha=0.01): return ('leaky', x, alpha)\n"
        "def softmax(xs): return [('softmax', x) for x in xs]\n"
        "def dot(xs, ws): return ('dot', xs, ws)\n"
        "def elu(x): return ('elu', x)\n"
    )
    engine = student_engine(write(tmp_path, text))
    a, b = engine.leaf(1.0), engine.leaf(2.0)
    assert engine.apply(ops.tanh, [a]) == ("tanh", a)
    assert engine.apply(ops.leaky_relu.bind(), [a]) == ("leaky", a, 0.01)
    assert engine.apply(ops.leaky_relu.bind(alpha=0.5), [a]) == ("leaky", a, 0.5)
    assert engine.apply(ops.softmax.bind(index=1), [a, b]) == ("softmax", b)
    assert engine.apply(ops.dot, [a, b]) == ("dot", [a], [b])
    assert engine.call_text(ops.tanh, ["a"]) == "tanh(a)"
    for op in (ops.sin, ops.cos, ops.add, ops.elu.bind(alpha=2.0)):  # math's, missing, no operator, no such setting
        with pytest.raises(NotOfferedError):
            engine.apply(op, [a, b][: op.arity])


def test_methods_are_written_with_their_settings():
    engine = ClassEngine(Sound)
    assert engine.call_text(ops.leaky_relu.bind(), ["a"]) == "a.leaky_relu()"
    assert engine.call_text(ops.leaky_relu.bind(alpha=0.5), ["a"]) == "a.leaky_relu(0.5)"
    assert engine.call_text(ops.power.bind(n=2.0), ["a"]) == "a ** 2"


def test_a_leaf_that_cannot_change_is_not_offered():
    class Frozen(Sound):
        @property
        def data(self):
            return self._data

        def __init__(self, data, parents=()):
            self._data = float(data)
            self.grad, self.parents, self.hand_on = 0.0, parents, lambda: None

    report = conformance(Frozen, examples=1)
    assert report.ok
    assert "a leaf changed after the forward pass" in names(report, "not offered")


def test_a_gradient_may_be_a_node_or_missing():
    leaf = Sound(1.0)
    leaf.grad = Sound(4.0)
    assert ClassEngine(Sound).grad(leaf) == 4.0
    leaf.grad = None
    assert ClassEngine(Sound).grad(leaf) == 0.0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1\ndef f(:\n", r"engine.py, line 2: SyntaxError: .*; fix it first"),
        ("x = 1\n\nprint(1 / 0)\n", r"engine.py, line 3: ZeroDivisionError: division by zero; a file that is checked"),
        ("def f():\n    raise KeyError('\x1b[31m')\nf()\n", r"line 2: KeyError: '\\x1b\[31m'"),
        ("import sys\nsys.exit('bye')\n", r"engine.py, line 2: SystemExit: bye"),
        ("x = '\0'\n", r"engine.py, .*: (SyntaxError|ValueError)"),
        ("", r"has none; call the one to check Value"),
        ("class Value: ...\n", r"has none; call the one to check Value"),
        (ENGINE.format(name="A") + ENGINE.format(name="B"), r"has A, B; call the one to check Value"),
    ],
)
def test_a_file_that_is_no_engine_is_refused_with_the_place(text, message, tmp_path, capsys):
    path = write(tmp_path, text)
    before = [*sys.path], sys.dont_write_bytecode, set(sys.modules)
    with pytest.raises(errors.ParameterError, match=message) as raised:
        student_engine(path)
    assert "\x1b" not in str(raised.value)
    assert "\n" not in str(raised.value)
    assert ([*sys.path], sys.dont_write_bytecode, set(sys.modules)) == before
    assert capsys.readouterr() == ("", "")


def test_no_file_is_refused(tmp_path):
    with pytest.raises(errors.ParameterError, match=r"there is none at .*no.py; check the path"):
        student_engine(tmp_path / "no.py")


def test_loading_prints_nothing_and_leaves_no_trace(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    path = write(tmp_path, ENGINE.format(name="Value") + "print('hello')\nif __name__ == '__main__': 1 / 0\n")
    before = [*sys.path], sys.dont_write_bytecode, set(sys.modules)
    student_engine(path)
    assert capsys.readouterr() == ("", "")
    assert ([*sys.path], sys.dont_write_bytecode, set(sys.modules)) == before
    assert list(tmp_path.iterdir()) == [path]
