import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_tiny import Value
from autograd_tiny.errors import ParameterError
from autograd_tiny.nn import MLP
from autograd_tiny.nn.penalties import l1_penalty, l2_penalty
from autograd_tiny.optim import SGD

parameters = st.lists(st.floats(-9.0, 9.0), min_size=1, max_size=6)


@given(parameters)
def test_penalties_have_these_values_and_slopes(numbers):
    values = [Value(x) for x in numbers]
    l1, l2 = l1_penalty(values), l2_penalty(iter(values))
    assert l1.data == pytest.approx(sum(map(abs, numbers)))
    assert l2.data == pytest.approx(sum(x * x for x in numbers))
    l1.backward()
    assert [v.grad for v in values] == [(x > 0) - (x < 0) for x in numbers]
    (10.0 * l2).backward()
    assert [v.grad for v in values] == pytest.approx([20.0 * x + (x > 0) - (x < 0) for x in numbers])


def test_the_l2_penalty_is_one_node():
    values = [Value(1.0), Value(2.0)]
    assert l2_penalty(values).parents == (*values, *values)


def test_a_parameter_given_twice_counts_once():
    shared, equal = Value(3.0), Value(3.0)
    assert l1_penalty([shared, equal, shared]).data == 6.0
    assert l2_penalty([shared, equal, shared]).data == 18.0


def test_weight_decay_of_sgd_is_twice_the_strength():
    penalised, decayed = (MLP(2, [3, 1], rng=0) for _ in range(2))
    for model, strength, decay in ((penalised, 0.05, 0.0), (decayed, 0.0, 0.1)):
        optimizer = SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=decay)
        for _ in range(3):
            optimizer.zero_grad()
            (model([0.5, -1.0]) ** 2 + strength * l2_penalty(model.parameters())).backward()
            optimizer.step()
    assert [p.data for p in penalised.parameters()] == pytest.approx([p.data for p in decayed.parameters()], rel=1e-12)


@pytest.mark.parametrize("penalty", [l1_penalty, l2_penalty])
@pytest.mark.parametrize(
    ("params", "message"),
    [
        ([], "is empty; does the model keep its Values as attributes"),
        (Value(1.0), r"is an iterable of Values, got one Value; pass a list: \[p\]"),
        (MLP(1, [1]), r"is an iterable of Values, got one MLP; pass model.parameters\(\)"),
        ([Value(1.0), 2.0], r"holds Values, got 2.0 \(float\); wrap it: Value\(x\)"),
        ([[Value(1.0)]], r"holds Values, got .* \(list\)"),
    ],
)
def test_penalties_refuse_what_is_no_parameter(penalty, params, message):
    with pytest.raises(ParameterError, match=f"{penalty.__name__}'s params {message}"):
        penalty(params)
