"""Optimisers, schedules and clipping against PyTorch in float64."""

import math
from random import Random

import pytest

from autograd_tiny import Value, optim

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.slow  # PyTorch alone takes seconds to import
schedulers = torch.optim.lr_scheduler

COUNT = 5


def pair(kind, groups=None, **settings):
    """Return our optimiser and PyTorch's on the same five random parameters, in groups if wanted."""
    rng = Random(1)
    numbers = [rng.gauss(0.0, 1.0) for _ in range(COUNT)]
    ours = [Value(x) for x in numbers]
    theirs = [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in numbers]
    arguments = [ours, theirs]
    if groups:
        arguments = [[{"params": side[part], **own} for part, own in groups] for side in arguments]
    own, other = getattr(optim, kind)(arguments[0], **settings), getattr(torch.optim, kind)(arguments[1], **settings)
    return own, other, ours, theirs


def step(own, other, ours, theirs, rng):
    """Take one step of both along the same random gradients."""
    for a, b in zip(ours, theirs, strict=True):
        a.grad = rng.gauss(0.0, 2.0)
        b.grad = torch.tensor(a.grad, dtype=torch.float64)
    own.step()
    other.step()


def assert_same_course(own, other, ours, theirs):
    rng = Random(2)
    for _ in range(12):
        step(own, other, ours, theirs, rng)
        assert [p.data for p in ours] == pytest.approx([p.item() for p in theirs], rel=1e-12, abs=1e-15)


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("SGD", {"lr": 0.1}),
        ("SGD", {"lr": 0.1, "momentum": 0.9}),
        ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True}),
        ("SGD", {"lr": 0.1, "momentum": 0.5, "weight_decay": 0.3}),
        ("SGD", {"lr": 0.1, "weight_decay": 0.3}),
        ("Adagrad", {}),
        ("Adagrad", {"lr": 0.5, "lr_decay": 0.1, "weight_decay": 0.2, "initial_accumulator_value": 0.7, "eps": 1e-3}),
        ("RMSprop", {}),
        ("RMSprop", {"lr": 0.1, "alpha": 0.9, "eps": 1e-3, "weight_decay": 0.2}),
        ("RMSprop", {"momentum": 0.9}),
        ("RMSprop", {"centered": True}),
        ("RMSprop", {"centered": True, "momentum": 0.9, "weight_decay": 0.2}),
        ("Adam", {}),
        ("Adam", {"lr": 0.1, "betas": (0.5, 0.7), "eps": 1e-3}),
        ("Adam", {"lr": 0.1, "weight_decay": 0.2}),
        ("Adam", {"lr": 0.1, "betas": (0.5, 0.7), "amsgrad": True, "weight_decay": 0.2}),
        ("AdamW", {}),
        ("AdamW", {"lr": 0.1, "weight_decay": 0.2}),
        ("AdamW", {"lr": 0.1, "betas": (0.5, 0.7), "amsgrad": True}),
    ],
)
def test_optimisers(kind, settings):
    assert_same_course(*pair(kind, **settings))


@pytest.mark.parametrize(
    ("kind", "first", "second"),
    [
        ("SGD", {"lr": 0.1, "momentum": 0.9}, {"weight_decay": 0.5}),
        ("Adagrad", {"lr_decay": 0.1}, {"weight_decay": 0.5, "lr": 0.3}),
        ("RMSprop", {"alpha": 0.5}, {"centered": True, "lr": 0.3}),
        ("Adam", {"betas": (0.5, 0.5)}, {"amsgrad": True, "eps": 0.1}),
        ("AdamW", {"weight_decay": 0.0}, {"lr": 0.3}),
    ],
)
def test_groups(kind, first, second):
    groups = [(slice(0, 2), first), (slice(2, COUNT), second)]
    assert_same_course(*pair(kind, groups, lr=0.05))


def test_the_defaults_are_the_same():
    for kind in ("Adagrad", "RMSprop", "Adam", "AdamW"):
        own, other, *_ = pair(kind)
        settings = {name: other.defaults[name] for name in own.rules if name != "l1_decay"}
        assert {name: own.param_groups[0][name] for name in settings} == settings


def test_a_momentum_switched_on_later():
    own, other, ours, theirs = pair("SGD", lr=0.1)
    assert_same_course(own, other, ours, theirs)
    own.param_groups[0]["momentum"] = other.param_groups[0]["momentum"] = 0.9
    assert_same_course(own, other, ours, theirs)


# ---------------------------------------------------------------- schedules

GROUPS = [(slice(0, 2), {"lr": 0.1}), (slice(2, COUNT), {"lr": 0.7})]


def lrs(optimizer):
    return pytest.approx([group["lr"] for group in optimizer.param_groups], rel=1e-12, abs=1e-15)


def momenta(optimizer):
    found = [group["betas"][0] if "betas" in group else group["momentum"] for group in optimizer.param_groups]
    return pytest.approx(found, rel=1e-12)


def assert_same_schedule(make, kind="SGD", steps=30, arguments=lambda step: (), **settings):
    """Make a schedule of each library's names and optimiser, and compare learning rates and parameters."""
    own, other, ours, theirs = pair(kind, GROUPS, lr=0.1, **settings)
    own_schedule, other_schedule = make(optim, own), make(schedulers, other)
    rng = Random(3)
    for n in range(steps):
        assert lrs(own) == [group["lr"] for group in other.param_groups], n
        assert own_schedule.get_last_lr() == pytest.approx(list(other_schedule.get_last_lr()), rel=1e-12, abs=1e-15)
        if settings or kind == "Adam":
            assert momenta(own) == [g["betas"][0] if "betas" in g else g["momentum"] for g in other.param_groups], n
        step(own, other, ours, theirs, rng)
        own_schedule.step(*arguments(n))
        other_schedule.step(*arguments(n))
    assert [p.data for p in ours] == pytest.approx([p.item() for p in theirs], rel=1e-11)
    assert own_schedule.last_epoch == steps


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("StepLR", {"step_size": 4}),
        ("StepLR", {"step_size": 1, "gamma": 0.9}),
        ("StepLR", {"step_size": 7, "gamma": 1.5}),
        ("MultiStepLR", {"milestones": [3, 10, 4], "gamma": 0.5}),
        ("MultiStepLR", {"milestones": [0, 5, 5]}),
        ("ExponentialLR", {"gamma": 0.8}),
        ("CosineAnnealingLR", {"T_max": 7}),
        ("CosineAnnealingLR", {"T_max": 10, "eta_min": 0.03}),
        ("CosineAnnealingLR", {"T_max": 40}),
        ("LinearLR", {}),
        ("LinearLR", {"start_factor": 0.9, "end_factor": 0.1, "total_iters": 12}),
        ("LambdaLR", {"lr_lambda": lambda n: 1.0 / (1.0 + n)}),
        ("LambdaLR", {"lr_lambda": [lambda n: 0.9**n, lambda n: n // 5]}),
    ],
)
def test_schedules(name, settings):
    assert_same_schedule(lambda library, optimizer: getattr(library, name)(optimizer, **settings))


@pytest.mark.parametrize("anneal_strategy", ["cos", "linear"])
@pytest.mark.parametrize("three_phase", [False, True])
@pytest.mark.parametrize(
    ("kind", "settings"),
    [("SGD", {"momentum": 0.3}), ("RMSprop", {"momentum": 0.3}), ("Adam", {}), ("Adam", {"betas": (0.5, 0.9)})],
)
def test_one_cycle(kind, settings, anneal_strategy, three_phase):
    def make(library, optimizer):
        return library.OneCycleLR(
            optimizer, [0.2, 0.9], total_steps=31, anneal_strategy=anneal_strategy, three_phase=three_phase
        )

    assert_same_schedule(make, kind, **settings)


@pytest.mark.parametrize(
    "settings",
    [
        {"epochs": 8, "steps_per_epoch": 4, "pct_start": 0.25, "div_factor": 10.0, "final_div_factor": 100.0},
        {"total_steps": 31, "base_momentum": 0.5, "max_momentum": [0.6, 0.7]},
        {"total_steps": 31, "cycle_momentum": False},
        {"total_steps": 31, "pct_start": 0.0},
        {"total_steps": 31, "pct_start": 1.0},
        {"total_steps": 31, "pct_start": 0.5, "three_phase": True},
        {"total_steps": 31, "pct_start": 0.01, "three_phase": True},
    ],
)
def test_one_cycle_settings(settings):
    assert_same_schedule(lambda library, optimizer: library.OneCycleLR(optimizer, 0.5, **settings), momentum=0.3)


@pytest.mark.parametrize("milestones", [[6], [1], [40]])
@pytest.mark.parametrize(
    "following",
    [
        lambda library, optimizer: library.CosineAnnealingLR(optimizer, T_max=9, eta_min=0.01),
        lambda library, optimizer: library.StepLR(optimizer, step_size=3),
        lambda library, optimizer: library.LinearLR(optimizer, 1.0, 0.5, total_iters=4),
        lambda library, optimizer: library.LambdaLR(optimizer, lambda n: 1.0 / (1.0 + n)),
    ],
)
def test_a_warm_up_and_what_follows(milestones, following):
    def make(library, optimizer):
        parts = [library.LinearLR(optimizer, 0.25, total_iters=6), following(library, optimizer)]
        return library.SequentialLR(optimizer, parts, milestones=milestones)

    assert_same_schedule(make)


def test_three_schedules_in_a_row():
    def make(library, optimizer):
        parts = [
            library.LinearLR(optimizer, 0.25, total_iters=3),
            library.ExponentialLR(optimizer, gamma=0.9),
            library.MultiStepLR(optimizer, milestones=[2, 9]),
        ]
        return library.SequentialLR(optimizer, parts, milestones=[3, 11])

    assert_same_schedule(make)


@pytest.mark.parametrize(
    "settings",
    [
        {"patience": 2},
        {"patience": 0, "factor": 0.5, "min_lr": [0.05, 0.2]},
        {"patience": 1, "mode": "max", "cooldown": 3},
        {"patience": 1, "threshold": 0.1, "threshold_mode": "abs", "factor": 0.7},
        {"patience": 1, "threshold": 0.1, "threshold_mode": "abs", "mode": "max", "factor": 0.7, "eps": 0.02},
        {"patience": 1, "threshold": 0.2, "threshold_mode": "rel", "factor": 0.7, "min_lr": 0.04},
    ],
)
@pytest.mark.parametrize("first", [1.0, math.nan, math.inf])
def test_plateaus(settings, first):
    rng = Random(4)
    metrics = [first] + [rng.uniform(0.5, 1.0) * 0.97**n for n in range(29)]
    assert_same_schedule(
        lambda library, optimizer: library.ReduceLROnPlateau(optimizer, **settings), arguments=lambda n: (metrics[n],)
    )


# ---------------------------------------------------------------- clipping


@pytest.mark.parametrize("norm_type", [1.0, 2.0, 3.5, math.inf])
@pytest.mark.parametrize("max_norm", [0.0, 0.5, 2.0, 100.0, math.inf])
def test_clipping_the_norm(norm_type, max_norm):
    _, _, ours, theirs = pair("SGD", lr=0.1)
    for a, b in zip(ours, theirs, strict=True):
        a.grad = a.data
        b.grad = b.detach().clone()
    norm = optim.clip_grad_norm_(ours, max_norm, norm_type)
    assert norm == pytest.approx(torch.nn.utils.clip_grad_norm_(theirs, max_norm, norm_type).item(), rel=1e-12)
    assert [p.grad for p in ours] == pytest.approx([p.grad.item() for p in theirs], rel=1e-12)


def test_clipping_the_values():
    _, _, ours, theirs = pair("SGD", lr=0.1)
    for a, b in zip(ours, theirs, strict=True):
        a.grad = a.data
        b.grad = b.detach().clone()
    optim.clip_grad_value_(ours, 0.6)
    torch.nn.utils.clip_grad_value_(theirs, 0.6)
    assert [p.grad for p in ours] == [p.grad.item() for p in theirs]
