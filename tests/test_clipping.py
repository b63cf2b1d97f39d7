import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_tiny import Value
from autograd_tiny.errors import AnomalyError, NotARealNumberError, ParameterError
from autograd_tiny.nn import MLP
from autograd_tiny.optim import clip_grad_norm_, clip_grad_value_
from autograd_tiny.value import NO_GRAD_YET

gradient_lists = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=6)


def parameters(*gradients):
    """Return leaves with the given gradients."""
    leaves = [Value(0.0) for _ in gradients]
    for leaf, gradient in zip(leaves, gradients, strict=True):
        leaf.grad = gradient
    return leaves


def grads(leaves):
    return [leaf.grad for leaf in leaves]


@pytest.mark.parametrize(
    ("norm_type", "norm"), [(1.0, 19.0), (2.0, 13.0), (3, (27 + 64 + 1728) ** (1 / 3)), (math.inf, 12.0)]
)
def test_the_norm_is_returned(norm_type, norm):
    leaves = parameters(3.0, -4.0, 12.0)
    assert clip_grad_norm_(leaves, math.inf, norm_type) == pytest.approx(norm, rel=1e-15)
    assert grads(leaves) == [3.0, -4.0, 12.0]


@given(gradient_lists, st.floats(0.0, 10.0), st.sampled_from([1.0, 2.0, 5.0, math.inf]))
def test_clipped_gradients_have_the_norm_and_the_old_direction(gradients, max_norm, norm_type):
    leaves = parameters(*gradients)
    norm = clip_grad_norm_(iter(leaves), max_norm, norm_type)
    after = clip_grad_norm_(leaves, math.inf, norm_type)
    if norm + 1e-6 <= max_norm:
        assert grads(leaves) == gradients
    else:
        assert after == pytest.approx(max_norm * norm / (norm + 1e-6), rel=1e-12)
        assert grads(leaves) == pytest.approx([g * max_norm / (norm + 1e-6) for g in gradients], rel=1e-12)


def test_gradients_below_the_bound_are_not_scaled_up():
    leaves = parameters(3.0, -4.0)
    assert clip_grad_norm_(leaves, 6.0) == 5.0
    assert grads(leaves) == [3.0, -4.0]


@pytest.mark.parametrize("scale", [1e-320, 1e-200, 1e200])
def test_no_square_overflows_or_vanishes(scale):
    leaves = parameters(3.0 * scale, 4.0 * scale)
    assert clip_grad_norm_(leaves, 1.0) == pytest.approx(5.0 * scale, rel=1e-3)


def test_a_parameter_counts_once_and_one_without_gradient_keeps_none():
    p, q = Value(0.0), Value(0.0)
    p.grad = 8.0
    assert clip_grad_norm_([p, q, p], 1.0) == 8.0
    assert p.grad == pytest.approx(1.0, abs=1e-6)
    assert q.grad is NO_GRAD_YET
    clip_grad_value_([p, q], 0.0)
    assert p.grad == 0.0
    assert q.grad is NO_GRAD_YET


def test_gradients_of_zero_have_the_norm_zero():
    leaves = parameters(0.0, -0.0)
    assert clip_grad_norm_(leaves, 0.0) == 0.0
    assert grads(leaves) == [0.0, 0.0]


@pytest.mark.parametrize(
    ("gradients", "message"),
    [
        ((1.0, math.nan, math.inf), r"the gradient of params\[1\] is nan, .* detect_anomaly"),
        ((1.0, -math.inf, math.nan), r"the gradient of params\[1\] is -inf"),
        ((1.7e308, 1.7e308, 0.0), r"the norm of the gradients is more than 1\.8e308, that of params\[0\] alone"),
    ],
)
def test_a_norm_that_is_not_finite_is_refused_and_nothing_clipped(gradients, message):
    leaves = parameters(*gradients)
    with pytest.raises(AnomalyError, match=message):
        clip_grad_norm_(leaves, 1.0)
    assert grads(leaves) == pytest.approx(list(gradients), nan_ok=True)


def test_the_label_names_the_parameter():
    p = Value(0.0, label="w3")
    p.grad = math.inf
    with pytest.raises(AnomalyError, match="the gradient of w3 is inf"):
        clip_grad_norm_([p], 1.0)


@given(gradient_lists, st.floats(0.0, 1e3))
def test_every_gradient_is_brought_into_the_range(gradients, bound):
    leaves = parameters(*gradients)
    assert clip_grad_value_(leaves, bound) is None
    assert grads(leaves) == [min(max(g, -bound), bound) for g in gradients]


def test_values_that_are_not_finite():
    leaves = parameters(math.inf, -math.inf, math.nan)
    clip_grad_value_(leaves, 2.0)
    assert grads(leaves) == pytest.approx([2.0, -2.0, math.nan], nan_ok=True)


def test_gradients_that_are_values():
    p = Value(3.0)
    (p * p).backward(create_graph=True)
    assert clip_grad_norm_([p], 1.0) == 6.0
    assert float(p.grad) == pytest.approx(1.0, abs=1e-6)
    clip_grad_value_([p], 0.5)
    assert p.grad == 0.5


@pytest.mark.parametrize("clip", [clip_grad_norm_, clip_grad_value_])
@pytest.mark.parametrize(
    ("params", "message"),
    [
        ([], "params is empty"),
        (MLP(1, [1], rng=0), r"got one MLP; pass model\.parameters\(\)"),
        ([1.0], r"params holds Values, got 1\.0"),
        (parameters(None), r"the \.grad of params\[0\] is a number, got None"),
    ],
)
def test_what_cannot_be_clipped_is_refused(clip, params, message):
    with pytest.raises(ParameterError, match=message):
        clip(params, 1.0)


@pytest.mark.parametrize(
    ("clip", "settings", "message"),
    [
        (clip_grad_norm_, {"max_norm": -1.0}, "max_norm is a number of at least 0, or inf to measure only, got -1.0"),
        (clip_grad_norm_, {"max_norm": math.nan}, "max_norm is a number of at least 0"),
        (clip_grad_norm_, {"max_norm": 1.0, "norm_type": 0.5}, "norm_type is a number of at least 1, or inf"),
        (clip_grad_value_, {"clip_value": -1.0}, "clip_value is a finite number of at least 0, got -1.0"),
        (clip_grad_value_, {"clip_value": math.inf}, "clip_value is a finite number"),
    ],
)
def test_settings_out_of_range_are_refused(clip, settings, message):
    leaves = parameters(5.0)
    with pytest.raises(ParameterError, match=message):
        clip(leaves, **settings)
    assert grads(leaves) == [5.0]


def test_a_bound_is_a_number():
    with pytest.raises(NotARealNumberError, match="max_norm needs one real number, got '1'"):
        clip_grad_norm_(parameters(5.0), "1")
