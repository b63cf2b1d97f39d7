import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_tiny import Value
from autograd_tiny.errors import NotARealNumberError, ParameterError
from autograd_tiny.nn import MLP
from autograd_tiny.optim import SGD
from autograd_tiny.value import NO_GRAD_YET

numbers = st.floats(-10.0, 10.0)
shares = st.floats(0.0, 0.99)


def after_steps(gradients, start=1.0, **settings):
    """Return the parameter after each step along the given gradients."""
    p = Value(start)
    optimizer = SGD([p], **settings)
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
    assert type(optimizer.velocities[0]) is float
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
    ],
)
def test_what_cannot_be_trained_is_refused(params, message):
    with pytest.raises(ParameterError, match=message):
        SGD(params, lr=0.1)


@pytest.mark.parametrize("name", ["lr", "momentum", "weight_decay"])
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
