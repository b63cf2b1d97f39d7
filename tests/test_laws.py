"""The laws hold on this engine for drawn expressions, and each is violated when the engine is broken on purpose."""

import dataclasses
import math
import sys
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from autograd_tiny import Value, forget, ops, primitive, value
from autograd_tiny.errors import GradientMismatchError, MissingPackageError, ParameterError
from autograd_tiny.testing import laws
from autograd_tiny.testing.laws import LAWS, brought_to, hash_seed, homogeneous, ready_properties
from autograd_tiny.testing.strategies import Instruction, RandomExpression, expressions

globals().update(ready_properties(expressions()))  # test_linearity, test_product_rule, ...: what a user writes


@pytest.mark.slow
@pytest.mark.parametrize("name", LAWS)
def test_laws_hold_for_large_graphs(name):
    test = ready_properties(expressions(size=(20, 60)))[f"test_{name}"]
    settings(max_examples=10, suppress_health_check=list(HealthCheck))(test)()


def expression(*instructions, point):
    return RandomExpression(tuple([Instruction(op, operands) for op, operands in instructions]), point)


SQUARE = expression((ops.mul, (0, 0)), point=(3.0,))
WAVE = expression((ops.mul, (0, 1)), (ops.sin, (2,)), (ops.add, (3, 0)), point=(0.75, 2.0))


# ---------------------------------------------------------------- broken on purpose


def sweep_with(step):
    """Return a backward sweep that hands gradients on by ``step``; right when gradients are recorded."""
    right = value._sweep

    def sweep(order, roots, seeds, create_graph, inputs=()):
        if create_graph:
            return right(order, roots, seeds, create_graph, inputs)
        for node in (*inputs, *order):
            node.grad = 0.0
        for root, seed in zip(roots, seeds, strict=True):
            root.grad += seed
        for node in reversed(order):
            for parent, slope in zip(node.parents, node.slopes, strict=True):
                step(parent, slope, node.grad)
        return None

    return sweep


def add(parent, slope, upstream):
    parent.grad += slope * upstream


def overwrite(parent, slope, upstream):
    parent.grad = slope * upstream


def forget_upstream(parent, slope, upstream):
    parent.grad += slope


def test_the_sweep_of_these_tests_is_right_when_its_step_is(monkeypatch):
    monkeypatch.setattr(value, "_sweep", sweep_with(add))
    for law in LAWS.values():
        law(WAVE, SQUARE)


@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("linearity", overwrite),
        ("linearity", forget_upstream),
        ("product_rule", overwrite),
        ("chain_rule", forget_upstream),
        ("difference", overwrite),
        ("euler", overwrite),
        ("reverse_is_forward", overwrite),
        ("reverse_is_forward", forget_upstream),
    ],
)
def test_a_wrong_backward_violates(name, step, monkeypatch):
    monkeypatch.setattr(value, "_sweep", sweep_with(step))
    with pytest.raises(GradientMismatchError, match=r"violated( for x1)?: "):
        LAWS[name](WAVE, SQUARE)


def test_two_evaluations_of_a_difference_are_compared_too(monkeypatch):
    """A sweep that is wrong only where a node has several users leaves the gradient of y - y alone."""

    def careless(parent, slope, upstream):
        parent.grad = slope * upstream if parent.op is None else parent.grad + slope * upstream

    monkeypatch.setattr(value, "_sweep", sweep_with(careless))
    with pytest.raises(GradientMismatchError, match=r"grad\(f - f\) = 0\n"):
        LAWS["difference"](expression((ops.mul, (0, 1)), point=(3.0, 2.0)), SQUARE)


def test_the_difference_of_one_node_has_no_room_for_rounding(monkeypatch):
    def one_ulp_off(parent, slope, upstream):
        parent.grad += slope * upstream * (1.0 + 2.0**-52 if slope < 0.0 else 1.0)

    monkeypatch.setattr(value, "_sweep", sweep_with(one_ulp_off))
    with pytest.raises(GradientMismatchError, match=r"grad\(f - f\) = 0 exactly\n.*rounding explains 0.0e\+00"):
        LAWS["difference"](SQUARE, WAVE)


def test_a_backward_that_starts_from_zero_violates_two_backwards(monkeypatch):
    right = Value.backward

    def from_zero(root):
        for node in value.topological_order([root]):
            node.grad = 0.0
        right(root)

    monkeypatch.setattr(Value, "backward", from_zero)
    with pytest.raises(GradientMismatchError, match="second backward"):
        LAWS["two_backwards"](WAVE, SQUARE)


@pytest.fixture
def own():
    """Register operations for one test."""
    registered = []

    def register(rule, slopes):
        rule.__doc__ = "An operation that is wrong on purpose."
        registered.append(primitive(slopes=slopes)(rule))
        return registered[-1]

    yield register
    for op in {op.name: op for op in registered}.values():
        forget(op)


def test_a_slope_that_is_no_derivative_violates_hessian_symmetry(own):
    def product(m, x, y):
        return x * y

    wrong = expression((own(product, lambda m, z, x, y: (y * y, x)), (0, 1)), point=(3.0, 2.0))
    with pytest.raises(GradientMismatchError, match=r"d2f/dx2 dx1 = the reverse"):
        LAWS["hessian_symmetry"](wrong, SQUARE)


@pytest.mark.parametrize("error", [1.0, 1e-9])
def test_a_wrong_slope_violates_euler(error, own):
    """Also one that is wrong in the tenth digit: the tolerance is rounding, no guess."""

    def square(m, x):
        return x * x

    laws.euler(own(square, lambda m, y, x: (2 * x,)), [3.0], degree=2)
    with pytest.raises(GradientMismatchError, match=r"degree f = x . grad f"):
        laws.euler(own(square, lambda m, y, x: (2 * x * (1 + error),)), [3.0], degree=2)


def test_a_wrong_value_of_the_product_violates_the_product_rule(monkeypatch):
    """The rule reads values: 2 f in place of f is noticed."""
    right = laws._measure

    def doubled(f, point):
        found = right(f, point)
        return laws._Measured(2 * found.value, found.value_error, found.gradient, found.errors)

    monkeypatch.setattr(laws, "_measure", doubled)
    with pytest.raises(GradientMismatchError, match=r"grad\(f g\)"):
        LAWS["product_rule"](WAVE, SQUARE)


def stateful(own):
    calls = []

    def drifting(m, x):
        calls.append(x)
        return x + 2.0**-20 * len(calls)

    return expression((own(drifting, (1.0,)), (0,)), (ops.mul, (1, 1)), point=(3.0,))


@pytest.mark.parametrize("name", ["independence", "reload"])
def test_an_operation_that_remembers_violates(name, own):
    with pytest.raises(GradientMismatchError, match="violated: value and gradient"):
        LAWS[name](stateful(own), SQUARE)


def test_an_operation_that_the_other_graph_changes_violates_independence(own):
    """Only the graph in between is touched: the first comparison passes, the second one does not."""
    with pytest.raises(GradientMismatchError, match="inside another graph"):
        LAWS["independence"](SQUARE, stateful(own))


def test_a_slope_of_nan_is_a_violation(own):
    def same(m, x):
        return x + 0.0

    wrong = expression((own(same, lambda m, y, x: (math.nan,)), (0,)), point=(3.0,))
    with pytest.raises(GradientMismatchError, match="the gap is nan"):
        LAWS["reverse_is_forward"](wrong, SQUARE)


@pytest.mark.slow
def test_hypothesis_finds_the_smallest_violation(own):
    def twisted(m, x, y):
        return x * y

    own(twisted, lambda m, z, x, y: (y * y, x))
    tests = ready_properties(expressions(["add", "mul", "twisted", "tanh"], size=(1, 6)))
    with pytest.raises(GradientMismatchError) as failure:
        tests["test_hessian_symmetry"]()
    printed = "\n".join(failure.value.__notes__)
    assert "\ndef f(x1, x2):\n    v1 = registry['twisted'](x2, x1)\n    return v1\n" in printed


# ---------------------------------------------------------------- what a violation says


def test_the_message_has_the_law_both_sides_the_point_and_a_script_that_fails_again(monkeypatch):
    monkeypatch.setattr(value, "_sweep", sweep_with(overwrite))
    with pytest.raises(GradientMismatchError) as failure:
        LAWS["reverse_is_forward"](SQUARE, WAVE)
    message, _, script = str(failure.value).partition("\n\nfrom ")
    assert message == (
        "violated for x1: reverse mode = forward mode\n"
        "left 3.0, right 6.0; the gap is 3.0e+00, rounding explains 5.9e-14\n"
        "point = (3.0,)\n\ndef f(x1):\n    v1 = x1 * x1\n    return v1\n"
    )
    with pytest.raises(GradientMismatchError):
        exec(f"from {script}", {})  # noqa: S102 - that the script runs is what the test is about
    monkeypatch.undo()
    exec(f"from {script}", {})  # noqa: S102 - on the right engine nothing is violated


def test_plain_functions_will_do(monkeypatch):
    laws.chain_rule(lambda x, y: x / y, ops.exp, [1.0, 3.0])
    monkeypatch.setattr(value, "_sweep", sweep_with(forget_upstream))
    with pytest.raises(GradientMismatchError, match=r"outer'\(f\) grad f\n.*\npoint = \(1.0, 3.0\)$"):
        laws.chain_rule(lambda x, y: x / y, ops.exp, [1.0, 3.0])


@pytest.mark.parametrize(("f", "x"), [(ops.log, -1.0), (lambda x: 1 / x, 0.0)])
def test_outside_the_domain_the_point_is_to_blame(f, x):
    with pytest.raises(GradientMismatchError, match=r"the gap is nan, .*; is the point inside every domain\?\npoint"):
        laws.reverse_is_forward(f, [x])


def test_functions_that_lose_digits_are_given_room():
    """Cancellation makes both sides inexact; the bound knows, a fixed tolerance would not."""
    laws.reverse_is_forward(lambda x: ops.sin(x * 1e8 - 1e8), [1.1])
    laws.product_rule(lambda x: ops.exp((x + 1e7) - 1e7), lambda x: ops.log((x + 1e7) - 1e7), [0.3])
    laws.linearity(lambda x: (x - 1 / 3) ** 7, lambda x: ops.tan(x * 4.7), [1 / 3 + 1e-9])


# ---------------------------------------------------------------- helpers


def test_homogeneous():
    f = homogeneous(lambda x, y: ops.sin(x) + y, (3.0, 4.0), degree=3.0)
    assert f(3.0, 4.0) == pytest.approx(math.sin(3.0) + 4.0)
    assert f(1.5, 2.0) == pytest.approx(f(3.0, 4.0) / 8)
    laws.euler(f, (3.0, 4.0), 3.0)
    with pytest.raises(GradientMismatchError, match=r"rounding explains \S+\npoint"):
        laws.euler(f, (3.0, 4.0), 2.0)
    with pytest.raises(ParameterError, match="other than the origin"):
        homogeneous(f, (0.0, 0.0), 1.0)


def test_brought_to_another_point_with_fewer_or_more_arguments():
    assert brought_to(WAVE, (5.0,))(5.0) == WAVE(0.75, 2.0)
    assert brought_to(WAVE, (5.0,))(6.0) == WAVE(1.75, 3.0)
    assert brought_to(SQUARE, (5.0, 7.0))(6.0, 1e9) == SQUARE(4.0)


def test_without_hypothesis_the_laws_work_and_the_ready_tests_say_what_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "hypothesis", None)
    LAWS["linearity"](WAVE, SQUARE)
    with pytest.raises(MissingPackageError, match="pip install hypothesis"):
        ready_properties(None)


# ---------------------------------------------------------------- new processes


@pytest.mark.slow
def test_hash_seeds_change_no_bit():
    hash_seed(WAVE)


OWN = """
from autograd_tiny import primitive
@primitive(slopes=(1.0,))
def seeded(m, x):
    "x + a number that depends on how text is hashed."
    return x + {number}
"""


@pytest.mark.slow
def test_an_operation_that_depends_on_the_hash_seed_violates(own):
    def seeded(m, x):
        return x + 0.25

    wrong = expression((own(seeded, (1.0,)), (0,)), point=(3.0,))
    hash_seed(wrong, seeds=[0], setup=OWN.format(number="0.25"))
    with pytest.raises(GradientMismatchError, match="PYTHONHASHSEED=1 = those here\nleft"):
        hash_seed(wrong, seeds=[1], setup=OWN.format(number="hash('x') % 1000"))
    with pytest.raises(ParameterError, match=r"fails in a new process: KeyError: 'seeded'; register"):
        hash_seed(wrong, seeds=[0])


# ---------------------------------------------------------------- details that planted mistakes once survived


def test_euler_gives_room_for_the_rounding_of_the_value():
    laws.euler(lambda x: (x + 1e10) - 1e10, (0.3,), 1.0)
    with pytest.raises(GradientMismatchError):
        laws.euler(lambda x: x, (0.3,), 2.0)


def test_euler_is_checked_away_from_the_origin(monkeypatch):
    seen = []
    monkeypatch.setattr(laws, "euler", lambda f, point, degree: seen.append((f(*point), point, degree)))
    laws._euler_of(WAVE, SQUARE)
    assert seen == [(WAVE(*WAVE.point), (1.0, 2.0), 2.0)]


@pytest.mark.slow
def test_the_seed_reaches_the_new_process():
    hash_seed(SQUARE, seeds=[7], setup="import os\nassert os.environ['PYTHONHASHSEED'] == '7'")
    with pytest.raises(ParameterError, match="fails in a new process"):
        hash_seed(SQUARE, seeds=[7], setup="import os\nassert os.environ['PYTHONHASHSEED'] == '8'")


def test_the_factors_of_linearity_differ_in_size_and_sign(monkeypatch):
    seen = []
    monkeypatch.setattr(laws, "_require", lambda law, left, terms, *rest: seen.append((left, terms)))
    laws.linearity(lambda x: x * x, lambda x: 2 * x, (3.0,))
    laws.linearity(lambda x: x * x, lambda x: 2 * x, (3.0,), a=1.0, b=4.0)
    assert seen == [(12.0, [15.0, -3.0]), (14.0, [6.0, 8.0])]


def test_each_hash_seed_gets_a_process(monkeypatch):
    seeds = []

    def run(command, env, **settings):
        seeds.append(env["PYTHONHASHSEED"])
        return SimpleNamespace(returncode=0, stdout=f"{(9.0).hex()} {(6.0).hex()}", stderr="")

    monkeypatch.setattr(laws.subprocess, "run", run)
    hash_seed(SQUARE)
    assert seeds == ["0", "1", "2", "3"]


def test_ready_tests_draw_for_their_law(monkeypatch):
    calls = []
    monkeypatch.setattr(laws, "LAWS", {"mine": lambda f, g: calls.append((f, g))})
    tests = ready_properties(st.just(SQUARE))
    assert [(name, test.__name__) for name, test in tests.items()] == [("test_mine", "test_mine")]
    tests["test_mine"]()
    assert calls[0] == (SQUARE, SQUARE)


def test_measurements_are_frozen_and_small():
    measured = laws._measure(lambda x: x * x, (3.0,))
    assert (measured.value, measured.gradient) == (9.0, [6.0])
    assert not hasattr(measured, "__dict__")
    with pytest.raises(dataclasses.FrozenInstanceError):
        measured.value = 0.0
