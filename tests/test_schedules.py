import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_tiny import Value
from autograd_tiny.errors import NotARealNumberError, ParameterError, StateError
from autograd_tiny.optim import (
    SGD,
    Adagrad,
    Adam,
    CosineAnnealingLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    LRScheduler,
    MultiStepLR,
    OneCycleLR,
    ReduceLROnPlateau,
    SequentialLR,
    StepLR,
)


def sgd(*rates, **settings):
    """Return an optimiser with one parameter for each learning rate."""
    return SGD([{"params": [Value(0.0)], "lr": rate} for rate in rates or (1.0,)], lr=1.0, **settings)


def warm_up_then_cosine(optimizer):
    parts = [LinearLR(optimizer, 0.1, total_iters=4), CosineAnnealingLR(optimizer, T_max=8)]
    return SequentialLR(optimizer, parts, milestones=[4])


PLANNED = {
    "step": lambda optimizer: StepLR(optimizer, step_size=3, gamma=0.5),
    "milestones": lambda optimizer: MultiStepLR(optimizer, (2, 7)),
    "exponential": lambda optimizer: ExponentialLR(optimizer, gamma=0.9),
    "linear": lambda optimizer: LinearLR(optimizer, total_iters=6),
    "cosine": lambda optimizer: CosineAnnealingLR(optimizer, T_max=6, eta_min=0.01),
    "lambda": lambda optimizer: LambdaLR(optimizer, lambda n: 1 / (1 + n)),
    "one cycle": lambda optimizer: OneCycleLR(optimizer, 0.8, epochs=4, steps_per_epoch=5),
    "sequence": warm_up_then_cosine,
}
every_plan = pytest.mark.parametrize("make", PLANNED.values(), ids=PLANNED)


def course(schedule, steps):
    """Return the learning rates of the first group from now on."""
    rates = [schedule.optimizer.param_groups[0]["lr"]]
    for _ in range(steps):
        schedule.step()
        rates.append(schedule.optimizer.param_groups[0]["lr"])
    return rates


# ---------------------------------------------------------------- courses, by hand


def test_steps():
    assert course(StepLR(sgd(), step_size=2, gamma=0.5), 5) == [1.0, 1.0, 0.5, 0.5, 0.25, 0.25]


def test_milestones_in_any_order():
    assert course(MultiStepLR(sgd(), iter([3, 1, 3]), gamma=0.5), 4) == [1.0, 0.5, 0.5, 0.125, 0.125]


def test_the_gamma_of_milestones_is_a_tenth():
    assert course(MultiStepLR(sgd(), [1]), 2) == [1.0, 0.1, 0.1]


def test_a_factor_of_ones_own():
    assert course(LambdaLR(sgd(), lambda n: 1 / (1 + n)), 3) == [1.0, 1 / 2, 1 / 3, 1 / 4]


def test_a_line_down_to_zero():
    assert course(LinearLR(sgd(), 1.0, 0.0, total_iters=2), 3) == [1.0, 0.5, 0.0, 0.0]


def test_a_warm_up():
    assert course(LinearLR(sgd(), 0.5, total_iters=4), 6) == [0.5, 0.625, 0.75, 0.875, 1.0, 1.0, 1.0]


def test_the_defaults_of_the_warm_up():
    assert course(LinearLR(sgd()), 6) == pytest.approx([5 / 15, 7 / 15, 9 / 15, 11 / 15, 13 / 15, 1.0, 1.0])


def test_half_a_cosine_and_back():
    down = [1.0, 0.5 + math.sqrt(0.5) / 2, 0.5, 0.5 - math.sqrt(0.5) / 2, 0.0]
    assert course(CosineAnnealingLR(sgd(), T_max=4), 8) == pytest.approx(down + down[-2::-1], abs=1e-15)
    assert course(CosineAnnealingLR(sgd(), T_max=1, eta_min=0.2), 2) == pytest.approx([1.0, 0.2, 1.0])


def test_a_cycle():
    optimizer = sgd(momentum=0.5)
    schedule = OneCycleLR(
        optimizer, 1.0, total_steps=10, pct_start=0.3, anneal_strategy="linear", div_factor=5.0, final_div_factor=2.0
    )
    rates, momenta = [], []
    for _ in range(10):
        rates.append(optimizer.lr)
        momenta.append(optimizer.param_groups[0]["momentum"])
        schedule.step()
    assert rates == pytest.approx([0.2, 0.6, 1.0] + [1.0 - 0.9 * n / 7 for n in range(1, 8)])
    assert momenta == pytest.approx([0.95, 0.9, 0.85] + [0.85 + 0.1 * n / 7 for n in range(1, 8)])
    assert optimizer.lr == pytest.approx(0.1)  # not beyond the end of the line
    with pytest.raises(ParameterError, match="the cycle of 10 steps is over"):
        schedule.step()
    assert (optimizer.lr, schedule.last_epoch) == (pytest.approx(0.1), 10)


def test_a_cycle_along_cosines():
    schedule = OneCycleLR(sgd(), 1.0, total_steps=9, pct_start=5 / 9, div_factor=5.0, final_div_factor=1.0)
    slope = [0.6 - 0.4 * math.cos(math.pi * n / 4) for n in range(5)]
    assert course(schedule, 8) == pytest.approx(slope + slope[-2::-1])


def test_a_cycle_of_three_phases():
    """Two steps up, two down again, and five to the lowest rate; the momentum stays up in the last phase."""
    optimizer = sgd(momentum=0.5)
    schedule = OneCycleLR(
        optimizer,
        1.0,
        total_steps=10,
        anneal_strategy="linear",
        div_factor=5.0,
        final_div_factor=2.0,
        three_phase=True,
    )
    momenta = [optimizer.param_groups[0]["momentum"]]
    rates = [optimizer.lr]
    for _ in range(9):
        schedule.step()
        rates.append(optimizer.lr)
        momenta.append(optimizer.param_groups[0]["momentum"])
    assert rates == pytest.approx([0.2, 0.6, 1.0, 0.6, 0.2, 0.18, 0.16, 0.14, 0.12, 0.1])
    assert momenta == pytest.approx([0.95, 0.9, 0.85, 0.9] + [0.95] * 6)


def test_a_cycle_may_leave_the_momentum_alone():
    optimizer = sgd(momentum=0.5)
    course(OneCycleLR(optimizer, 0.5, total_steps=4, cycle_momentum=False), 3)
    assert optimizer.param_groups[0]["momentum"] == 0.5


@pytest.mark.parametrize(("total_steps", "pct_start", "first"), [(10, 0.1, 0.5), (1, 0.3, 0.5 / 25 / 1e4)])
def test_a_cycle_with_a_phase_of_no_length(total_steps, pct_start, first):
    optimizer = sgd()
    OneCycleLR(optimizer, 0.5, total_steps=total_steps, pct_start=pct_start)
    assert optimizer.lr == pytest.approx(first)


def test_a_cycle_moves_the_first_beta_only():
    optimizer = Adam([Value(0.0)], betas=(0.5, 0.99))
    schedule = OneCycleLR(optimizer, 0.1, total_steps=10, base_momentum=0.6, max_momentum=0.8)
    seen = set()
    for _ in range(10):
        seen.add(round(optimizer.param_groups[0]["betas"][0], 6))
        assert optimizer.param_groups[0]["betas"][1] == 0.99
        schedule.step()
    assert (min(seen), max(seen)) == (0.6, 0.8)


def test_a_cycle_after_a_warm_up_starts_at_its_own_beginning():
    optimizer = sgd(momentum=0.5)
    parts = [LinearLR(optimizer, 0.5, total_iters=2), OneCycleLR(optimizer, 0.5, total_steps=20)]
    schedule = SequentialLR(optimizer, parts, milestones=[2])
    assert course(schedule, 2) == [0.5, 0.75, pytest.approx(0.02)]
    assert optimizer.param_groups[0]["momentum"] == 0.95
    assert course(schedule, 5)[-1] == 0.5
    assert optimizer.param_groups[0]["momentum"] == 0.85
    assert parts[1].last_epoch == 5


def test_sequences_may_hold_sequences():
    optimizer = sgd()
    inner = warm_up_then_cosine(optimizer)
    outer = SequentialLR(optimizer, [StepLR(optimizer, 1, 0.5), inner], milestones=[3])
    assert course(outer, 4) == pytest.approx([1.0, 0.5, 0.25, 0.1, 0.325])


def test_a_plateau():
    optimizer = sgd(1.0, 0.25)
    schedule = ReduceLROnPlateau(optimizer, factor=0.5, patience=1, min_lr=[0.0, 0.2], cooldown=1)
    rates = []
    for loss in (5.0, 4.0, 4.0, 3.9999, 4.0, 4.0, 4.0, 1.0):
        schedule.step(loss)
        rates.append(tuple(schedule.get_last_lr()))
    assert rates == [(1.0, 0.25)] * 3 + [(0.5, 0.2)] * 3 + [(0.25, 0.2)] * 2
    assert (schedule.best, schedule.last_epoch) == (1.0, 8)


def test_the_defaults_of_the_plateau():
    """The first loss is the best, ten may be no better, the eleventh reduces the rate to a tenth."""
    optimizer = sgd()
    schedule = ReduceLROnPlateau(optimizer)
    rates = []
    for _ in range(24):
        schedule.step(1.0)
        rates.append(optimizer.lr)
    assert rates == pytest.approx([1.0] * 11 + [0.1] * 11 + [0.01] * 2)


@pytest.mark.parametrize(
    ("mode", "threshold_mode", "bound", "beyond"),
    [("min", "rel", 1.5, 1.49), ("min", "abs", 1.75, 1.74), ("max", "rel", 2.5, 2.51), ("max", "abs", 2.25, 2.26)],
)
def test_what_is_better_on_a_plateau(mode, threshold_mode, bound, beyond):
    """After 2 with the threshold 1/4, better is what lies beyond 2 * (1 -+ 1/4) or 2 -+ 1/4."""
    schedule = ReduceLROnPlateau(sgd(), mode, threshold=0.25, threshold_mode=threshold_mode)
    seen = []
    for number in (2.0, bound, beyond):
        schedule.step(number)
        seen.append((schedule.best, schedule.num_bad_epochs))
    assert seen == [(2.0, 0), (2.0, 1), (beyond, 0)]


@pytest.mark.parametrize(("eps", "rate"), [(0.5, 1.0), (0.49, 0.5)])
def test_a_reduction_of_at_most_eps_is_left_out(eps, rate):
    schedule = ReduceLROnPlateau(sgd(), factor=0.5, patience=0, eps=eps)
    schedule.step(1.0)
    schedule.step(1.0)
    assert schedule.optimizer.lr == rate


def test_a_plateau_takes_a_loss_and_keeps_a_rate_set_by_hand():
    optimizer = sgd()
    schedule = ReduceLROnPlateau(optimizer, patience=0, factor=0.5)
    schedule.step(Value(1.0))
    optimizer.lr = 0.75
    schedule.step(1.0)
    assert optimizer.lr == 0.375


# ---------------------------------------------------------------- what all schedules do


@every_plan
def test_the_plan_is_what_happens(make):
    plan = make(sgd(0.5, 0.25))
    schedule = make(sgd(0.5, 0.25))
    for n in range(18):
        assert schedule.get_last_lr() == plan.lrs(n) == [group["lr"] for group in schedule.optimizer.param_groups]
        schedule.step()
    assert plan.last_epoch == 0


@every_plan
def test_a_rate_set_by_hand_lasts_until_the_next_step(make):
    schedule, undisturbed = make(sgd()), make(sgd())
    schedule.optimizer.lr = 123.0
    schedule.step()
    undisturbed.step()
    assert schedule.optimizer.lr == undisturbed.optimizer.lr


def test_schedules_made_one_after_the_other_share_the_base_rate():
    optimizer = sgd(0.5)
    LinearLR(optimizer, 0.1)
    assert optimizer.lr == pytest.approx(0.05)
    assert ExponentialLR(optimizer, 0.9).base_lrs == [0.5]
    assert optimizer.lr == 0.5


@every_plan
def test_a_state_written_as_json_continues_to_the_bit(make):
    original = make(sgd(0.5, 0.25, momentum=0.5))
    course(original, 5)
    states = json.loads(json.dumps([original.optimizer.state_dict(), original.state_dict()]))
    assert states[1] == original.state_dict()
    resumed = make(sgd(0.1, 0.2, momentum=0.5))
    resumed.optimizer.load_state_dict(states[0])
    resumed.load_state_dict(states[1])
    assert resumed.state_dict() == original.state_dict()
    assert resumed.optimizer.state_dict() == original.optimizer.state_dict()
    assert course(resumed, 8) == course(original, 8)


@every_plan
def test_the_order_of_making_and_loading_does_not_matter(make):
    original = make(sgd(0.5))
    course(original, 5)
    optimizer = sgd(0.1)
    optimizer.load_state_dict(original.optimizer.state_dict())
    resumed = make(optimizer)
    resumed.load_state_dict(original.state_dict())
    assert course(resumed, 3) == course(original, 3)


@given(st.lists(st.floats(0.1, 9.0), min_size=2, max_size=30), st.integers(1, 29))
def test_a_plateau_continues_from_its_state(losses, cut):
    original, resumed = (ReduceLROnPlateau(sgd(), patience=1, cooldown=1, factor=0.5) for _ in range(2))
    for loss in losses[:cut]:
        original.step(loss)
    resumed.optimizer.load_state_dict(json.loads(json.dumps(original.optimizer.state_dict())))
    resumed.load_state_dict(json.loads(json.dumps(original.state_dict())))
    for loss in losses[cut:]:
        original.step(loss)
        resumed.step(loss)
    assert resumed.optimizer.lr == original.optimizer.lr
    assert resumed.state_dict() == original.state_dict()


def test_a_state_is_a_copy():
    schedule = MultiStepLR(sgd(), [3, 5])
    schedule.state_dict()["settings"]["milestones"].append(0)
    assert schedule.settings["milestones"] == [3, 5]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "ExponentialLR"}, "no state of the StepLR at hand: it is of 'ExponentialLR'; nothing was changed"),
        ({"settings": {"step_size": 3, "gamma": 0.9}}, r"its settings are .*0\.9\}, here they are .*0\.5\}"),
        ({"last_epoch": -1}, "last_epoch is a whole number of at least 0, got -1"),
        ({"last_epoch": "5"}, "last_epoch is a whole number"),
        ({"best": 1.0}, "the state has no best"),
    ],
)
def test_a_damaged_state_is_refused_and_changes_nothing(changes, message):
    schedule = StepLR(sgd(), step_size=3, gamma=0.5)
    course(schedule, 4)
    with pytest.raises(StateError, match=message):
        schedule.load_state_dict(schedule.state_dict() | changes)
    with pytest.raises(StateError, match="the state lacks last_epoch"):
        schedule.load_state_dict({name: x for name, x in schedule.state_dict().items() if name != "last_epoch"})
    assert (schedule.last_epoch, schedule.optimizer.lr) == (4, 0.5)


def test_a_step_beyond_the_cycle_is_no_state():
    schedule = OneCycleLR(sgd(), 0.5, total_steps=10)
    with pytest.raises(StateError, match="the cycle of 10 steps is over"):
        schedule.load_state_dict(schedule.state_dict() | {"last_epoch": 11})
    assert schedule.last_epoch == 0


def test_a_damaged_plateau():
    schedule = ReduceLROnPlateau(sgd())
    with pytest.raises(StateError, match="best needs one real number, got None"):
        schedule.load_state_dict(schedule.state_dict() | {"num_bad_epochs": 3, "best": None})
    assert schedule.num_bad_epochs == 0


def test_printed_form():
    schedule = StepLR(sgd(), step_size=3)
    schedule.step()
    assert repr(schedule) == "StepLR(step_size=3, gamma=0.1, last_epoch=1)"
    assert repr(LambdaLR(sgd(), lambda n: 1.0)) == "LambdaLR(last_epoch=0)"


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize("optimizer", [None, 0.1, SGD, [Value(1.0)]])
@pytest.mark.parametrize(
    "make", [*PLANNED.values(), ReduceLROnPlateau], ids=lambda make: getattr(make, "__name__", "make")
)
def test_a_schedule_needs_an_optimizer(make, optimizer):
    with pytest.raises(ParameterError, match="a schedule sets the rates of an optimizer, got"):
        make(optimizer)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda o: StepLR(o, step_size=0), "step_size is a whole number of at least 1, got 0"),
        (lambda o: StepLR(o, step_size=1, gamma=-1.0), "gamma is a finite number of at least 0, got -1.0"),
        (lambda o: MultiStepLR(o, 3), "milestones is a list, got 3"),
        (lambda o: MultiStepLR(o, [1.5]), "milestones is a whole number of at least 0, got 1.5"),
        (lambda o: ExponentialLR(o, math.nan), "gamma is a finite number"),
        (lambda o: LinearLR(o, 0.0), "start_factor is a number above 0 and at most 1, got 0.0"),
        (lambda o: LinearLR(o, 1.5), "start_factor is a number above 0 and at most 1"),
        (lambda o: LinearLR(o, end_factor=1.5), "end_factor is a number from 0 to 1, got 1.5"),
        (lambda o: LinearLR(o, total_iters=0), "total_iters is a whole number of at least 1"),
        (lambda o: CosineAnnealingLR(o, T_max=0), "T_max is a whole number of at least 1"),
        (lambda o: CosineAnnealingLR(o, T_max=1, eta_min=-1), "eta_min is a finite number of at least 0"),
        (lambda o: LambdaLR(o, 0.5), "lr_lambda is a function of the number of steps, got 0.5"),
        (
            lambda o: LambdaLR(o, [math.sqrt] * 3),
            "lr_lambda is one for all groups or a list of one per group, 2, got 3",
        ),
        (lambda o: LambdaLR(o, lambda n: -1), "a learning rate of LambdaLR after 0 steps is a finite number of at le"),
        (lambda o: OneCycleLR(o, 0.1), "OneCycleLR needs total_steps, or both epochs and steps_per_epoch"),
        (lambda o: OneCycleLR(o, 0.1, epochs=3), "OneCycleLR needs total_steps"),
        (lambda o: OneCycleLR(o, 0.1, epochs=-3, steps_per_epoch=-1), "epochs is a whole number of at least 1"),
        (lambda o: OneCycleLR(o, 0.1, 0), "total_steps is a whole number of at least 1"),
        (lambda o: OneCycleLR(o, [0.1], 10), "max_lr is one for all groups or a list of one per group, 2, got 1"),
        (lambda o: OneCycleLR(o, -0.1, 10), "max_lr is a finite number of at least 0"),
        (lambda o: OneCycleLR(o, 0.1, 10, pct_start=1.1), "pct_start is a number from 0 to 1"),
        (lambda o: OneCycleLR(o, 0.1, 10, anneal_strategy="exp"), "anneal_strategy is 'cos' or 'linear', got 'exp'"),
        (lambda o: OneCycleLR(o, 0.1, 10, max_momentum=1.0), "max_momentum is a number of at least 0 and less than 1"),
        (lambda o: OneCycleLR(o, 0.1, 10, div_factor=0.0), "div_factor is a finite number above 0"),
        (lambda o: OneCycleLR(Adagrad([Value(1.0)]), 0.1, 10), "Adagrad has no momentum to cycle; use cycle_momentum"),
        (lambda o: SequentialLR(o, [], []), "schedulers holds at least one schedule, got none"),
        (lambda o: SequentialLR(o, [StepLR(o, 1)], [1]), "milestones is a list of 0, got one of 1"),
        (lambda o: SequentialLR(o, [StepLR(o, 1)] * 2, [0]), "milestones is a whole number of at least 1, got 0"),
        (lambda o: SequentialLR(o, [StepLR(o, 1)] * 3, [2, 2]), r"milestones increase, got \[2, 2\]"),
        (lambda o: SequentialLR(o, [StepLR(sgd(), 1)], []), "schedulers belong to one optimizer, got StepLR"),
        (lambda o: SequentialLR(o, [ReduceLROnPlateau(o)], []), "schedulers holds schedules that step without a nu"),
        (
            lambda o: SequentialLR(o, ["StepLR"], []),
            "schedulers holds schedules that step without a number, got 'StepLR'",
        ),
        (lambda o: ReduceLROnPlateau(o, "least"), "mode is 'min' or 'max', got 'least'"),
        (lambda o: ReduceLROnPlateau(o, factor=1.0), "factor is a number of at least 0 and less than 1"),
        (lambda o: ReduceLROnPlateau(o, patience=-1), "patience is a whole number of at least 0"),
        (lambda o: ReduceLROnPlateau(o, threshold=-1.0), "threshold is a finite number of at least 0"),
        (lambda o: ReduceLROnPlateau(o, threshold_mode="x"), "threshold_mode is 'rel' or 'abs'"),
        (lambda o: ReduceLROnPlateau(o, cooldown=0.5), "cooldown is a whole number"),
        (lambda o: ReduceLROnPlateau(o, min_lr=[0.1] * 3), "min_lr is one for all groups or a list of one per group"),
        (lambda o: ReduceLROnPlateau(o, eps=-1.0), "eps is a finite number of at least 0"),
    ],
)
def test_settings_out_of_range_are_refused(make, message):
    optimizer = sgd(1.0, 2.0)
    with pytest.raises(ParameterError, match=message):
        make(optimizer)
    assert [group["lr"] for group in optimizer.param_groups] == [1.0, 2.0]


def test_a_rate_that_grows_without_bound_is_noticed():
    optimizer = sgd()
    schedule = ExponentialLR(optimizer, gamma=1e200)
    schedule.step()
    with pytest.raises(ParameterError, match=r"a learning rate of ExponentialLR after 2 steps .* got inf"):
        schedule.step()
    assert (optimizer.lr, schedule.last_epoch) == (1e200, 1)


def test_factors_are_numbers():
    with pytest.raises(NotARealNumberError, match=r"the result of lr_lambda needs one real number, got None .* return"):
        LambdaLR(sgd(), lambda n: None)

    class Own(LRScheduler):
        def factor(self, step):
            return "0.5"

    with pytest.raises(NotARealNumberError, match=r"a factor of Own needs one real number, got '0\.5'"):
        Own(sgd())


def test_a_plateau_watches_numbers():
    schedule = ReduceLROnPlateau(sgd())
    with pytest.raises(NotARealNumberError, match=r"metrics needs one real number, got '0\.5'"):
        schedule.step("0.5")
    assert schedule.last_epoch == 0


def test_a_schedule_without_a_factor():
    with pytest.raises(NotImplementedError, match="LRScheduler has no factor"):
        LRScheduler(sgd())
