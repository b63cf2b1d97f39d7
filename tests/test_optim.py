import json
import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_tiny import Value
from autograd_tiny.errors import NotARealNumberError, ParameterError, StateError
from autograd_tiny.nn import MLP
from autograd_tiny.optim import SGD, Adagrad, Adam, AdamW, Optimizer, RMSprop
from autograd_tiny.value import NO_GRAD_YET

numbers = st.floats(-10.0, 10.0)
shares = st.floats(0.0, 0.99)


# Every kind with settings that make it remember all it can.
KINDS = [
    (SGD, {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1, "l1_decay": 0.01}),
    (Adagrad, {"lr_decay": 0.1, "weight_decay": 0.1, "initial_accumulator_value": 0.2}),
    (RMSprop, {"momentum": 0.9, "centered": True, "l1_decay": 0.01}),
    (Adam, {"betas": (0.8, 0.99), "amsgrad": True, "weight_decay": 0.1}),
    (AdamW, {"amsgrad": True, "l1_decay": 0.01}),
]
every_kind = pytest.mark.parametrize(("kind", "settings"), KINDS, ids=[kind.__name__ for kind, _ in KINDS])


def after_steps(gradients, start=1.0, kind=SGD, **settings):
    """Return the parameter after each step along the given gradients."""
    p = Value(start)
    optimizer = kind([p], **settings)
    course = []
    for g in gradients:
        p.grad = g
        optimizer.step()
        course.append(p.data)
    return course


def test_plain_descent():
    assert after_steps([2.0, 2.0, -1.0], lr=0.1) == pytest.approx([0.8, 0.6, 0.7])


def test_momentum_follows_pytorch():
    # By hand, v = 0.9 v + g and p = p - 0.1 v:  v = 2, 3.8, 5.42, 2.878
    course = after_steps([2.0, 2.0, 2.0, -2.0], lr=0.1, momentum=0.9)
    assert course == pytest.approx([0.8, 0.42, -0.122, -0.4098], abs=1e-12)


def test_nesterov_follows_pytorch():
    # By hand, v = 2, 3, 3.5 and the direction g + 0.5 v = 3, 3.5, 3.75
    course = after_steps([2.0, 2.0, 2.0], lr=0.1, momentum=0.5, nesterov=True)
    assert course == pytest.approx([0.7, 0.35, -0.025], abs=1e-12)


def test_weight_decay_follows_pytorch():
    # By hand, g + 0.5 p = 2.5, 2.375; v = 2.5, 4.625 with momentum 0.9
    course = after_steps([2.0, 2.0], lr=0.1, momentum=0.9, weight_decay=0.5)
    assert course == pytest.approx([0.75, 0.2875], abs=1e-12)


def test_a_changed_learning_rate_acts_at_once_on_the_whole_velocity():
    p = Value(1.0)
    optimizer = SGD([p], lr=0.1, momentum=0.5)
    p.grad = 2.0
    optimizer.step()  # v = 2, p = 0.8
    optimizer.lr = 1.0
    optimizer.step()  # v = 3, p = 0.8 - 3; with the rate inside the velocity it would be 0.8 - 2.1
    assert p.data == pytest.approx(-2.2)


@given(st.lists(numbers, max_size=8), numbers, st.floats(0.0, 1.0), shares, shares)
def test_course_is_the_recurrence(gradients, start, lr, momentum, decay):
    p, v, expected = start, 0.0, []
    for g in gradients:
        v = momentum * v + (g + decay * p)
        p -= lr * v
        expected.append(p)
    assert after_steps(gradients, start, lr=lr, momentum=momentum, weight_decay=decay) == expected


def test_each_parameter_has_its_own_velocity():
    p, q = Value(0.0), Value(0.0)
    optimizer = SGD([p, q], lr=1.0, momentum=0.5)
    for gradients in ((1.0, 10.0), (0.0, 0.0)):
        p.grad, q.grad = gradients
        optimizer.step()
    assert (p.data, q.data) == (-1.5, -15.0)


def test_a_step_descends_through_a_graph():
    p = Value(3.0)
    optimizer = SGD([p], lr=0.1)
    for _ in range(100):
        optimizer.zero_grad()
        ((p - 1.0) ** 2).backward()
        optimizer.step()
    assert p.data == pytest.approx(1.0, abs=1e-8)


def test_zero_grad_forgets_as_if_there_had_been_no_backward():
    p = Value(3.0)
    (p * p).backward()
    SGD([p], lr=0.1).zero_grad()
    assert p.grad is NO_GRAD_YET


def test_state_stays_numbers_when_gradients_are_values():
    p = Value(3.0)
    optimizer = SGD([p], lr=0.1, momentum=0.9)
    (p * p * p).backward(create_graph=True)
    assert isinstance(p.grad, Value)
    optimizer.step()
    assert type(optimizer.state[0]["momentum_buffer"][0]) is float
    assert p.data == pytest.approx(0.3)


def test_any_iterable_of_parameters_each_once():
    p, q = Value(1.0), Value(1.0)
    assert all(a is b for a, b in zip(SGD(iter([p, q, p]), lr=0.1).params, [p, q], strict=True))
    assert len(SGD((v for v in MLP(2, [1]).parameters()), lr=0.1).params) == 3


def test_printed_form():
    assert repr(SGD([Value(1.0)], lr=0.1)) == "SGD(1 parameters, lr=0.1, momentum=0)"
    assert repr(SGD([Value(1.0)], lr=0.1, momentum=0.9, nesterov=True, weight_decay=1e-4)) == (
        "SGD(1 parameters, lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.0001)"
    )


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ([], "params is empty"),
        (Value(1.0), r"got one Value; pass a list: \[p\]"),
        (MLP(2, [1]), r"got one MLP; pass model\.parameters\(\)"),
        (MLP(2, [1]).named_parameters(), r"params holds Values, got .* \(tuple\)"),
        ([1.0], r"params holds Values, got 1\.0 \(float\); wrap it"),
        ([[Value(1.0)]], r"params holds Values, got .* \(list\)"),
        ([Value(1.0) * 2], "only leaves can be trained, got .* the result of mul"),
        (None, "got one NoneType"),
        ([{"lr": 0.1}], r'a parameter group is a dict with "params", got {.lr.: 0\.1}'),
        ([{"params": [Value(1.0)]}, Value(1.0)], r'a parameter group is a dict with "params", got Value'),
        ([{"params": []}], "params is empty"),
        ([{"params": Value(1.0)}], "got one Value"),
        ([{"params": [Value(1.0)], "momentom": 0.9}], "SGD has no momentom; did you mean momentum"),
        ([{"params": [Value(1.0)], "lr": -1.0}], "lr is a finite number of at least 0, got -1.0"),
    ],
)
def test_what_cannot_be_trained_is_refused(params, message):
    with pytest.raises(ParameterError, match=message):
        SGD(params, lr=0.1)


@pytest.mark.parametrize("name", ["lr", "momentum", "weight_decay", "l1_decay"])
@pytest.mark.parametrize("number", [-0.1, float("nan"), float("inf")])
def test_numbers_out_of_range_are_refused(name, number):
    with pytest.raises(ParameterError, match=f"{name} is a finite number of at least 0, got {number}"):
        SGD([Value(1.0)], **({"lr": 0.1} | {name: number}))


def test_a_bad_learning_rate_is_refused_later_too():
    optimizer = SGD([Value(1.0)], lr=0.1)
    with pytest.raises(ParameterError, match="lr is a finite number"):
        optimizer.lr = -1.0
    with pytest.raises(NotARealNumberError, match="lr needs one real number"):
        optimizer.lr = "0.1"
    assert optimizer.lr == 0.1


def test_nesterov_needs_momentum():
    with pytest.raises(ParameterError, match="needs momentum > 0"):
        SGD([Value(1.0)], lr=0.1, nesterov=True)


@pytest.mark.parametrize(
    ("kind", "settings", "message"),
    [
        (SGD, {"lr": 0.1, "nesterov": 1}, "nesterov is True or False, got 1"),
        (Adagrad, {"eps": 0.0}, "eps is a finite number above 0, got 0.0"),
        (Adagrad, {"lr_decay": -1.0}, "lr_decay is a finite number of at least 0"),
        (Adagrad, {"initial_accumulator_value": -1.0}, "initial_accumulator_value is a finite number of at least 0"),
        (RMSprop, {"alpha": 1.0}, "alpha is a number of at least 0 and less than 1, got 1.0"),
        (RMSprop, {"eps": math.inf}, "eps is a finite number above 0, got inf"),
        (RMSprop, {"momentum": -0.1}, "momentum is a finite number of at least 0"),
        (RMSprop, {"centered": None}, "centered is True or False, got None"),
        (Adam, {"betas": (0.9, 1.0)}, "betas is a number of at least 0 and less than 1, got 1.0"),
        (Adam, {"betas": (0.9,)}, "betas is a list of 2, got one of 1"),
        (Adam, {"betas": 0.9}, "betas is a list, got 0.9"),
        (AdamW, {"eps": -1.0}, "eps is a finite number above 0, got -1.0"),
        (AdamW, {"amsgrad": "no"}, "amsgrad is True or False, got 'no'"),
    ],
)
def test_settings_out_of_range_are_refused(kind, settings, message):
    with pytest.raises(ParameterError, match=message):
        kind([Value(1.0)], **settings)


# ---------------------------------------------------------------- the optimisers, by hand


def test_l1_decay_pulls_all_parameters_alike_and_leaves_zero_alone():
    p, q, r = Value(2.0), Value(-30.0), Value(0.0)
    SGD([p, q, r], lr=0.1, l1_decay=0.5).step()
    assert (p.data, q.data, r.data) == (1.95, -29.95, 0.0)


@given(numbers, st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_decay_is_a_penalty_in_the_loss(start, l2, l1):
    p, q = Value(start), Value(start)
    (p * 3 + (p * p) * (l2 / 2) + abs(p) * l1).backward()
    (q * 3).backward()
    SGD([p], lr=0.1).step()
    SGD([q], lr=0.1, weight_decay=l2, l1_decay=l1).step()
    assert q.data == pytest.approx(p.data, abs=1e-14)


def test_adagrad_by_hand():
    # sums of squares 9, 25, 169 and their roots 3, 5, 13
    course = after_steps([3.0, 4.0, 12.0], kind=Adagrad, lr=0.1, eps=1e-300)
    assert course == pytest.approx([1 - 0.1, 1 - 0.1 - 0.08, 1 - 0.1 - 0.08 - 0.1 * 12 / 13], abs=1e-12)


def test_adagrad_starts_from_its_initial_sum_and_lowers_its_rate():
    course = after_steps([3.0, 0.0, 12.0], 0.0, Adagrad, lr=1.0, lr_decay=0.5, initial_accumulator_value=16.0)
    assert course == pytest.approx([-3 / 5, -3 / 5, -3 / 5 - 12 / 13 / 2], abs=1e-9)


def test_rmsprop_by_hand():
    # with alpha 0.5 the mean squares are 8, 12 and 6, the velocities with momentum 0.5 follow from them
    pushes = [4 / math.sqrt(8), 4 / math.sqrt(12), 0.0]
    velocities = [pushes[0], pushes[0] / 2 + pushes[1], pushes[0] / 4 + pushes[1] / 2]
    course = after_steps([4.0, 4.0, 0.0], 0.0, RMSprop, lr=1.0, alpha=0.5, eps=1e-300, momentum=0.5)
    assert course == pytest.approx([-velocities[0], -sum(velocities[:2]), -sum(velocities)], abs=1e-12)


def test_rmsprop_counts_a_variance_below_zero_as_zero():
    """Equal gradients have the variance 0, which rounding brings below it here."""
    p = Value(0.0)
    optimizer = RMSprop([p], alpha=0.5, centered=True, lr=1e-9)
    for _ in range(80):
        p.grad = 0.7
        optimizer.step()
    state = optimizer.state[0]
    assert state["square_avg"][0] - state["grad_avg"][0] ** 2 < 0.0
    before = p.data
    optimizer.step()
    assert p.data == pytest.approx(before - 1e-9 * 0.7 / 1e-8)


def test_adam_takes_a_first_step_of_lr_in_every_direction():
    p, q = Value(0.0), Value(0.0)
    p.grad, q.grad = 1e-3, -1e6
    Adam([p, q], lr=0.1).step()
    assert (p.data, q.data) == pytest.approx((-0.1, 0.1), rel=1e-4)


def test_adam_without_a_memory_takes_steps_of_lr():
    """A gradient 100 times smaller than the one before is divided by its own size."""
    course = after_steps([100.0, 1.0, -1e-3], 0.0, Adam, lr=0.25, betas=(0.0, 0.0), eps=1e-300)
    assert course == pytest.approx([-0.25, -0.5, -0.25], abs=1e-12)


@pytest.mark.parametrize(("kind", "settings"), [(Adagrad, {}), (RMSprop, {"alpha": 0.0}), (Adam, {}), (AdamW, {})])
def test_eps_is_added_to_the_root(kind, settings):
    """The root of the first gradient's square is 3, and the direction 3 / (3 + eps)."""
    assert after_steps([3.0], 0.0, kind, lr=1.0, eps=1.0, **settings) == [pytest.approx(-0.75, rel=1e-12)]


@pytest.mark.parametrize("kind", [SGD, RMSprop])
def test_a_momentum_switched_on_later_starts_from_the_velocity_zero(kind):
    p = Value(0.0)
    optimizer = kind([p], lr=0.1)
    p.grad = 1.0
    optimizer.step()
    assert optimizer.state[0]["momentum_buffer"] == [0.0]
    optimizer.param_groups[0]["momentum"] = 0.5
    p.grad = 0.0
    before = p.data
    optimizer.step()
    assert p.data == before


def test_without_decay_an_infinite_parameter_stays_infinite():
    assert after_steps([1.0], math.inf, lr=0.1) == [math.inf]


def test_amsgrad_never_lets_the_divisor_shrink():
    course = after_steps([100.0, 0.0, 0.0], kind=Adam, betas=(0.0, 0.0), amsgrad=True)
    optimizer = Adam([Value(0.0)], betas=(0.5, 0.5), amsgrad=True)
    for gradient in (100.0, 1.0, 1.0):
        optimizer.params[0].grad = gradient
        optimizer.step()
    assert course[1:] == [course[0]] * 2
    assert optimizer.state[0]["exp_avg_sq"][0] < optimizer.state[0]["max_exp_avg_sq"][0] == 5000.0


def test_decoupled_decay_does_not_depend_on_the_gradients():
    p, q = Value(2.0), Value(-2.0)
    p.grad = q.grad = 1e9
    AdamW([p, q], lr=0.1, weight_decay=0.5, l1_decay=0.25).step()
    assert (p.data, q.data) == pytest.approx((2 - 0.1 - 0.025 - 0.1, -2 + 0.1 + 0.025 - 0.1), abs=1e-9)


@every_kind
def test_a_loss_falls(kind, settings):
    p = Value(3.0)
    optimizer = kind([p], **(settings | {"lr": 0.3, "weight_decay": 0.0, "l1_decay": 0.0}))
    for _ in range(300):
        optimizer.zero_grad()
        ((p - 1.0) ** 2).backward()
        optimizer.step()
    assert abs(p.data - 1.0) < 1.0


@every_kind
@pytest.mark.parametrize("gradient", [math.inf, -math.inf, math.nan, 1e200, 1e-300, 0.0])
def test_no_gradient_stops_a_step(kind, settings, gradient):
    p, q = Value(1.0), Value(1.0)
    optimizer = kind([p, q], **settings)
    for _ in range(3):
        p.grad, q.grad = gradient, 1.0
        optimizer.step()
    assert math.isfinite(q.data)
    assert math.isnan(p.data) or not math.isnan(gradient)


def test_an_optimiser_of_ones_own():
    class Drift(Optimizer):
        def directions(self, group, state, gradients, step):
            return [float(step)] * len(gradients)

    p = Value(0.0)
    optimizer = Drift([p], lr=1.0)
    optimizer.step()
    optimizer.step()
    assert p.data == -3.0
    assert repr(optimizer) == "Drift(1 parameters, lr=1)"
    with pytest.raises(NotImplementedError, match="Optimizer has no directions"):
        Optimizer([p], lr=1.0).step()


def test_an_error_halfway_leaves_everything_as_it_was():
    class Fussy(SGD):
        def directions(self, group, state, gradients, step):
            if gradients == [7.0]:
                raise KeyboardInterrupt
            return super().directions(group, state, gradients, step)

    p, q = Value(1.0), Value(1.0)
    optimizer = Fussy([{"params": [p]}, {"params": [q]}], lr=0.1, momentum=0.9)
    p.grad, q.grad = 1.0, 7.0
    with pytest.raises(KeyboardInterrupt):
        optimizer.step()
    assert (p.data, q.data, optimizer.steps, optimizer.state[0]["momentum_buffer"]) == (1.0, 1.0, 0, [0.0])


# ---------------------------------------------------------------- groups and settings


def test_groups_have_their_own_settings():
    p, q = Value(1.0), Value(1.0)
    optimizer = SGD([{"params": [p]}, {"params": (q, q), "lr": 0.5, "momentum": 0.9}], lr=0.1)
    assert [group["lr"] for group in optimizer.param_groups] == [0.1, 0.5]
    assert all(a is b for a, b in zip(optimizer.params, [p, q], strict=True))
    for _ in range(2):
        p.grad = q.grad = 1.0
        optimizer.step()
    assert (p.data, q.data) == pytest.approx((0.8, 1 - 0.5 - 0.95))
    assert repr(optimizer) == "SGD(2 parameters, lr=0.1, momentum=0 | lr=0.5, momentum=0.9)"


def test_a_parameter_has_its_place_in_one_group():
    p = Value(1.0, label="w")
    with pytest.raises(ParameterError, match=r"label='w'.* of group 1 is in an earlier group too"):
        SGD([{"params": [p]}, {"params": [Value(1.0), p]}], lr=0.1)


def test_one_learning_rate_for_all_groups():
    optimizer = SGD([{"params": [Value(1.0)]}, {"params": [Value(1.0)], "lr": 0.5}], lr=0.1)
    with pytest.raises(ParameterError, match=r"different learning rates, 0\.1, 0\.5; use optimizer\.param_groups"):
        _ = optimizer.lr
    optimizer.lr = 1
    assert optimizer.lr == 1.0
    assert [group["lr"] for group in optimizer.param_groups] == [1.0, 1.0]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"lr": math.nan}, "lr is a finite number of at least 0, got nan"),
        ({"weight_decay": -1.0}, "weight_decay is a finite number"),
        ({"learning_rate": 0.1}, "SGD has no learning_rate"),
        ({"nesterov": True}, "nesterov .* needs momentum > 0"),
        ({"params": ()}, 'the "params" of the groups are fixed'),
    ],
)
def test_a_bad_setting_written_into_a_group_is_noticed_before_anything_moves(changes, message):
    p, q = Value(1.0), Value(1.0)
    optimizer = SGD([{"params": [p]}, {"params": [q]}], lr=0.1)
    p.grad = q.grad = 1.0
    optimizer.param_groups[1].update(changes)
    with pytest.raises(ParameterError, match=message):
        optimizer.step()
    assert (p.data, q.data, optimizer.steps) == (1.0, 1.0, 0)


def test_a_setting_of_another_number_type_leaves_the_parameters_floats():
    p = Value(1.0)
    optimizer = SGD([p], lr=0.5)
    optimizer.param_groups[0]["lr"] = Fraction(1, 4)
    p.grad = 1.0
    optimizer.step()
    assert (type(p.data), p.data) == (float, 0.75)
    assert (type(optimizer.lr), optimizer.lr) == (float, 0.25)


@pytest.mark.parametrize("gradient", [None, "1.0x", [1.0]])
def test_a_gradient_that_is_no_number_is_named_before_anything_moves(gradient):
    p, q = Value(1.0), Value(1.0, label="bias")
    optimizer = SGD([p, q], lr=0.1, momentum=0.9)
    p.grad, q.grad = 1.0, gradient
    with pytest.raises(ParameterError, match=r"the \.grad of bias is a number, got .*zero_grad\(\)"):
        optimizer.step()
    q.grad, p.grad = 1.0, gradient
    with pytest.raises(ParameterError, match=r"the \.grad of params\[0\] is a number"):
        optimizer.step()
    assert (p.data, q.data, optimizer.steps, optimizer.state[0]["momentum_buffer"]) == (1.0, 1.0, 0, [0.0, 0.0])


def test_printed_forms_of_the_others():
    assert repr(Adam([Value(1.0)])) == "Adam(1 parameters, lr=0.001, betas=(0.9, 0.999), eps=1e-08)"
    assert repr(AdamW([Value(1.0)], lr=0.0)) == (
        "AdamW(1 parameters, lr=0, weight_decay=0.01, betas=(0.9, 0.999), eps=1e-08)"
    )
    assert repr(Adagrad([Value(1.0)])) == "Adagrad(1 parameters, lr=0.01, eps=1e-10)"
    assert repr(RMSprop([Value(1.0)])) == "RMSprop(1 parameters, lr=0.01, alpha=0.99, eps=1e-08, momentum=0)"
    assert AdamW([Value(1.0)]).lr == 0.001


# ---------------------------------------------------------------- state


def grouped(kind, settings, lr=0.05):
    """Return an optimiser of four parameters in two groups."""
    values = [Value(x) for x in (1.0, -2.0, 0.5, 3.0)]
    return kind([{"params": values[:1]}, {"params": values[1:], "lr": lr}], **settings)


def advance(optimizer, gradients):
    for row in gradients:
        for parameter, gradient in zip(optimizer.params, row, strict=True):
            parameter.grad = gradient
        optimizer.step()
    return [parameter.data for parameter in optimizer.params]


ROWS = [[0.3, -1.0, 2.0, 0.1], [-0.7, 0.2, 1.0, 0.0], [1e-3, 5.0, -4.0, 0.6]]


@every_kind
def test_a_state_written_as_json_continues_to_the_bit(kind, settings):
    original = grouped(kind, settings)
    middle = advance(original, ROWS)
    state = original.state_dict()
    assert json.loads(json.dumps(state)) == state
    resumed = grouped(kind, {"lr": 7.0}, lr=8.0)
    for parameter, number in zip(resumed.params, middle, strict=True):
        parameter.data = number
    resumed.load_state_dict(json.loads(json.dumps(state)))
    assert resumed.state_dict() == state
    assert advance(resumed, ROWS) == advance(original, ROWS)
    assert resumed.steps == 6


def test_a_state_is_a_copy():
    optimizer = grouped(SGD, {"lr": 0.1, "momentum": 0.9})
    state = optimizer.state_dict()
    before = json.dumps(state)
    advance(optimizer, ROWS)
    assert json.dumps(state) == before
    optimizer.load_state_dict(state)
    advance(optimizer, ROWS)
    assert json.dumps(state) == before
    assert state["param_groups"][1]["params"] == [1, 2, 3]
    fresh = optimizer.state_dict()
    fresh["state"][1]["momentum_buffer"][0] = 99.0
    assert optimizer.state[1]["momentum_buffer"][0] != 99.0


def changed(**changes):
    return lambda state: state.update(changes)


def without(*path):
    def remove(state):
        for key in path[:-1]:
            state = state[key]
        del state[path[-1]]

    return remove


def put(thing, *path):
    def replace(state):
        for key in path[:-1]:
            state = state[key]
        state[path[-1]] = thing

    return replace


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (changed(kind="Adam"), "no state of the SGD at hand: it is of 'Adam'; nothing was changed"),
        (changed(steps=-1), "steps is a whole number of at least 0, got -1"),
        (changed(steps=1.5), "steps is a whole number of at least 0, got 1.5"),
        (changed(version=1), "the state has no version"),
        (without("state"), "the state lacks state"),
        (without("param_groups", 1), "param_groups is a list of 2, got one of 1"),
        (changed(param_groups=7), "param_groups is a list, got 7"),
        (put(5, "param_groups", 0), "param_groups holds dicts with .params., got 5"),
        (without("param_groups", 0, "params"), "param_groups holds dicts with .params."),
        (put([1, 2], "param_groups", 1, "params"), "group 1 has other parameters, here it has 3"),
        (put([3, 2, 1], "param_groups", 1, "params"), "group 1 has other parameters"),
        (without("param_groups", 0, "momentum"), "SGD lacks momentum"),
        (put(1, "param_groups", 0, "momentun"), "SGD has no momentun; did you mean momentum"),
        (put(-1.0, "param_groups", 1, "lr"), "lr is a finite number of at least 0, got -1.0"),
        (put(True, "param_groups", 1, "nesterov"), "needs momentum > 0"),
        (without("state", 1), "state is a list of 2, got one of 1"),
        (without("state", 1, "momentum_buffer"), "state lacks momentum_buffer"),
        (put([0.0], "state", 1, "momentum_buffer"), "momentum_buffer is a list of 3, got one of 1"),
        (put("0", "state", 1, "momentum_buffer", 2), "momentum_buffer needs one real number, got '0'"),
        (put(None, "state", 1), "state is a dict, got None"),
    ],
)
def test_a_damaged_state_is_refused_and_changes_nothing(damage, message):
    optimizer = grouped(SGD, {"lr": 0.1})
    state, own = grouped(SGD, {"lr": 0.2}).state_dict(), optimizer.state_dict()
    damage(state)
    with pytest.raises(StateError, match=message):
        optimizer.load_state_dict(state)
    assert optimizer.state_dict() == own


def test_something_that_is_no_state_is_refused():
    with pytest.raises(StateError, match=r"the state is a dict, got 'file\.json'"):
        SGD([Value(1.0)], lr=0.1).load_state_dict("file.json")


def test_a_sum_of_squares_below_zero_is_refused():
    optimizer = Adam([Value(1.0)])
    state = optimizer.state_dict()
    state["state"][0]["exp_avg_sq"] = [-1.0]
    with pytest.raises(StateError, match="exp_avg_sq is a number of at least 0"):
        optimizer.load_state_dict(state)
    state["state"][0]["exp_avg_sq"] = [math.nan]
    optimizer.load_state_dict(state)
    assert math.isnan(optimizer.state[0]["exp_avg_sq"][0])
