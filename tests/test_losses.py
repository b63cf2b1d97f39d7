import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_tiny import Value, ops, value
from autograd_tiny.errors import NotARealNumberError, ParameterError, ShapeError
from autograd_tiny.nn.losses import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    cross_entropy,
    hinge_loss,
    huber_loss,
    kl_div,
    l1_loss,
    mse_loss,
    nll_loss,
    smooth_l1_loss,
)

LOSSES_OF_NUMBERS = [mse_loss, l1_loss, huber_loss, smooth_l1_loss, hinge_loss]
LOSSES_OF_PAIRS = [*LOSSES_OF_NUMBERS, binary_cross_entropy, binary_cross_entropy_with_logits, kl_div]
LOSSES_OF_CLASSES = [cross_entropy, nll_loss]
ONE = 1.0 / math.e  # its logarithm is -1


def gradient(f, *xs):
    """Return df/dx for each x."""
    leaves = [Value(x) for x in xs]
    f(*leaves).backward()
    return [leaf.grad for leaf in leaves]


def operations(root):
    return [node.op.name for node in value.topological_order([root]) if node.op]


# ---------------------------------------------------------------- values by hand


def test_l1_loss():
    assert l1_loss([1.0, 4.0, 0.0], [1.0, 2.0, 1.0]) == 1.0
    assert l1_loss([[1.0, 4.0], [0.0, 0.0]], np.array([[1.0, 2.0], [1.0, -3.0]]), reduction="none") == [0, 2, 1, 3]
    assert gradient(lambda x: l1_loss(x, 2.0), 2.0) == [0.0]
    assert gradient(lambda x, t: l1_loss([x, t], [t, x], "sum"), 3.0, 1.0) == [2.0, -2.0]


def test_huber_loss():
    assert huber_loss([0.5, -2.0, 2.0, 10.0], [0.0] * 4, "none", delta=2.0) == [0.125, 2.0, 2.0, 18.0]
    assert [gradient(lambda x: huber_loss(x, 0.0, delta=2.0), x)[0] for x in (0.5, -1.5, -2.0, 2.0, 9.0)] == [
        0.5,
        -1.5,
        -2.0,
        2.0,
        2.0,
    ]
    assert huber_loss(math.inf, 0.0) == math.inf
    assert gradient(lambda x: huber_loss(x, 0.0, delta=3.0), -math.inf) == [-3.0]


@given(x=st.floats(-1e3, 1e3), t=st.floats(-1e3, 1e3), width=st.floats(0.01, 100.0))
def test_huber_is_smooth_l1_times_its_width(x, t, width):
    smooth = smooth_l1_loss(x, t, beta=width)
    assert huber_loss(x, t, delta=width) == pytest.approx(width * smooth, rel=1e-12, abs=1e-300)
    assert smooth <= abs(x - t)


def test_the_parabola_ends_at_one_unless_told_otherwise():
    assert huber_loss(3.0, 0.0) == smooth_l1_loss(3.0, 0.0) == 2.5


def test_smooth_l1_loss_without_a_parabola_is_l1_loss():
    assert smooth_l1_loss([0.25, -3.0], [0.5, 1.0], "none", beta=0.0) == [0.25, 4.0]
    assert smooth_l1_loss([0.25, -3.0], [0.0, 0.0], "none", beta=0.5) == [0.0625, 2.75]


def test_binary_cross_entropy():
    assert binary_cross_entropy([ONE, 1 - ONE], [1, 0], "none") == pytest.approx([1.0, 1.0], rel=1e-15)
    assert binary_cross_entropy(ONE, 0.25) == pytest.approx(0.25 - 0.75 * math.log1p(-ONE), rel=1e-15)
    assert binary_cross_entropy([0.0, 1.0], [0, 1], "none") == [0.0, 0.0]
    assert binary_cross_entropy([0.0, 1.0, 1e-50], [1, 0, 1], "none") == [100.0, 100.0, 100.0]
    assert gradient(lambda p, t: binary_cross_entropy([p], [t]), 0.25, 1.0) == pytest.approx([-4.0, -math.log(1 / 3)])
    assert gradient(lambda p, t: binary_cross_entropy([p], [t]), 0.0, 1.0) == [0.0, 100.0]


def test_binary_cross_entropy_with_logits():
    x = math.log(ONE / (1 - ONE))  # sigmoid(x) = ONE
    assert binary_cross_entropy_with_logits([x, -x], [1, 0], "none") == pytest.approx([1.0, 1.0], rel=1e-15)
    assert binary_cross_entropy_with_logits([x, -x], [1, 0], "none", pos_weight=3) == pytest.approx([3.0, 1.0])
    assert binary_cross_entropy_with_logits(x, 1, pos_weight=[3.0]) == pytest.approx(3.0)
    assert binary_cross_entropy_with_logits(x, 0.5, pos_weight=3.0) == pytest.approx(1.5 - 0.5 * math.log1p(-ONE))
    table = binary_cross_entropy_with_logits([[x, -x], [-x, x]], [[1, 0], [0, 1]], "none", pos_weight=[5.0, 2.0])
    assert table == pytest.approx([5.0, 1.0, 1.0, 2.0])
    deep = binary_cross_entropy_with_logits([[[x], [x]]], [[[1], [1]]], "sum", pos_weight=np.array([2.0]))
    assert deep == pytest.approx(4.0)


def test_logits_of_any_size_give_finite_losses_and_gradients():
    assert binary_cross_entropy_with_logits([1e4, -1e4], [1, 0], "none") == [0.0, 0.0]
    assert binary_cross_entropy_with_logits([-1e4, 1e4], [1, 0], "none") == [1e4, 1e4]
    assert binary_cross_entropy_with_logits(60.0, 1) == pytest.approx(math.exp(-60.0))  # not lost next to 60
    assert gradient(lambda x: binary_cross_entropy_with_logits(x, 1), -1e4) == [-1.0]


def test_kl_div():
    target, logs = [0.5, 0.5, 0.0], [math.log(0.25), math.log(0.5), math.log(0.25)]
    assert kl_div(logs, target, "none") == pytest.approx([0.5 * math.log(2.0), 0.0, 0.0], abs=1e-16)
    assert kl_div(logs, target, "sum") == pytest.approx(0.5 * math.log(2.0))
    assert kl_div([logs, logs], [target, target], "batchmean") == pytest.approx(0.5 * math.log(2.0))
    assert kl_div(np.array([logs, logs]), np.array([target, target]), "batchmean") == pytest.approx(0.5 * math.log(2.0))
    assert kl_div([logs, logs], [target, target]) == pytest.approx(0.5 * math.log(2.0) / 3)
    assert kl_div(logs[0], 0.5, "batchmean") == pytest.approx(0.5 * math.log(2.0))


def test_kl_div_of_an_impossible_class_is_zero():
    assert kl_div([-math.inf, 0.0], [0.0, 1.0], "sum") == 0.0
    assert gradient(lambda x: kl_div(x, 0.0), -math.inf) == [0.0]
    assert gradient(lambda x, t: kl_div(x, t), -1.0, 0.0) == [0.0, 0.0]
    assert gradient(lambda x: kl_div(x, 0.25), -1.0) == [-0.25]


def test_nll_loss():
    logs = [[-0.5, -1.0, -4.0], [-2.0, -0.25, -3.0]]
    assert nll_loss(logs, [2, 1]) == 2.125
    assert nll_loss(logs[0], 1) == 1.0
    assert nll_loss(logs, np.array([2, 1]), "none", weight=[1.0, 2.0, 3.0]) == [12.0, 0.5]
    assert nll_loss(logs, [2, 1], weight=[1.0, 2.0, 3.0]) == 12.5 / 5.0
    assert nll_loss(logs, [2, 1], "sum", weight=[1.0, 2.0, 3.0]) == 12.5


@given(
    z=st.lists(st.floats(-20.0, 20.0), min_size=2, max_size=5),
    weight=st.lists(st.floats(0.1, 9.0), min_size=5, max_size=5),
)
def test_cross_entropy_is_nll_loss_of_log_softmax(z, weight):
    weights = weight[: len(z)]
    rows, index = [z, z[::-1]], [0, 1]
    logs = [ops.log_softmax(row) for row in rows]
    assert cross_entropy(rows, index, weight=weights) == pytest.approx(nll_loss(logs, index, weight=weights), abs=1e-13)


def test_a_weight_of_two_counts_an_example_twice():
    z, y = [[1.0, 0.0], [0.5, 2.0]], [0, 1]
    assert cross_entropy(z, y, weight=[1.0, 2.0]) == pytest.approx(cross_entropy([*z, z[1]], [*y, 1]), rel=1e-15)
    x, t = [1.0, -0.5], [0, 1]
    twice = binary_cross_entropy_with_logits([*x, x[1]], [*t, 1], "sum")
    assert binary_cross_entropy_with_logits(x, t, "sum", pos_weight=2.0) == pytest.approx(twice, rel=1e-15)


def test_the_mean_of_one_example_does_not_depend_on_its_weight():
    assert cross_entropy([1.0, 0.0], 0, weight=[7.0, 1.0]) == pytest.approx(cross_entropy([1.0, 0.0], 0), rel=1e-15)
    assert nll_loss([-1.0, -2.0], 1, weight=[7.0, 4.0]) == 2.0
    assert nll_loss([-1.0, -2.0], 1, "sum", weight=[7.0, 4.0]) == 8.0


def test_label_smoothing_mixes_in_the_even_distribution():
    z = [2.0, -1.0, 0.5]
    each = [cross_entropy(z, i) for i in range(3)]
    assert cross_entropy(z, 1, label_smoothing=0.3) == pytest.approx(0.7 * each[1] + 0.1 * sum(each), rel=1e-14)
    assert cross_entropy(z, 1, label_smoothing=1.0) == pytest.approx(sum(each) / 3, rel=1e-14)
    weighted = cross_entropy(z, 1, "sum", weight=[1.0, 2.0, 4.0], label_smoothing=0.3)
    expected = 0.7 * 2.0 * each[1] + 0.1 * (each[0] + 2.0 * each[1] + 4.0 * each[2])
    assert weighted == pytest.approx(expected, rel=1e-14)
    assert cross_entropy(z, 1, weight=[1.0, 2.0, 4.0], label_smoothing=0.3) == pytest.approx(expected / 2.0, rel=1e-14)


def test_a_masked_class_is_no_trouble_without_smoothing():
    assert cross_entropy([0.0, 0.0, -math.inf], 0) == pytest.approx(math.log(2.0))
    assert cross_entropy([0.0, 0.0, -math.inf], 0, label_smoothing=0.1) == math.inf


# ---------------------------------------------------------------- few nodes


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        (lambda x, y: l1_loss(x, 2.0), ["sub", "abs"]),
        (lambda x, y: huber_loss(x, 2.0), ["sub", "clip", "power", "mul", "sub", "abs", "mul", "add"]),
        (lambda x, y: binary_cross_entropy(x, 1), ["clip", "log", "sub", "clip", "log", "dot"]),
        (lambda x, y: binary_cross_entropy_with_logits(x, 1), ["neg", "softplus", "softplus", "dot"]),
        (lambda x, y: kl_div(x, 0.5), ["sub", "mul", "where"]),
        (lambda x, y: nll_loss([x, y], 1), ["neg"]),
        (lambda x, y: cross_entropy([x, y], 1), ["logsumexp", "sub"]),
        (lambda x, y: cross_entropy([x, y], 1, "sum", weight=[1, 2]), ["logsumexp", "sub", "mul"]),
        (lambda x, y: cross_entropy([x, y], 1, "sum", label_smoothing=0.1), ["logsumexp", "dot"]),
    ],
)
def test_losses_record_these_nodes(loss, expected):
    assert operations(loss(Value(0.5), Value(0.25))) == expected


@pytest.mark.parametrize("loss", LOSSES_OF_PAIRS)
def test_plain_numbers_give_a_float(loss):
    assert type(loss([0.25, 0.5], [1, 1])) is float
    assert all(type(number) is float for number in loss([0.25, 0.5], [1, 1], reduction="none"))


# ---------------------------------------------------------------- what does not fit


@pytest.mark.parametrize("loss", LOSSES_OF_PAIRS)
def test_losses_of_pairs_refuse_what_does_not_fit(loss):
    name = loss.__name__
    with pytest.raises(ShapeError, match=f"{name} needs one target per input, got 1 inputs and 2 targets"):
        loss([0.5], [1, 1])
    with pytest.raises(ShapeError, match=f"{name} needs one target per input, got 2 inputs and 1 targets"):
        loss([[0.5, 0.5]], [[1]])
    with pytest.raises(ShapeError, match=f"{name} needs input and target of one structure, got a list as input"):
        loss([0.5], 1)
    with pytest.raises(ShapeError, match=f"{name} needs at least one input"):
        loss([], [])
    with pytest.raises(ParameterError, match=r"reduction is 'mean', 'sum'.* or '(none|batchmean)', got 'avg'"):
        loss([0.5], [1], reduction="avg")
    with pytest.raises(NotARealNumberError, match=f"{name} needs one real number, got '0.5'"):
        loss(["0.5"], [1])
    with pytest.raises(NotARealNumberError, match=f"{name} needs one real number, got None"):
        loss(0.5, None)


@pytest.mark.parametrize("loss", LOSSES_OF_CLASSES)
def test_losses_of_classes_refuse_what_does_not_fit(loss):
    name, what = loss.__name__, "logits" if loss is cross_entropy else "log-probabilities"
    with pytest.raises(ShapeError, match=f"{name} needs a list of {what}, one per class, got 1.0"):
        loss(1.0, 0)
    with pytest.raises(ShapeError, match=f"{name} needs a list of {what} for each index, got .* for index 1"):
        loss([[1.0, 2.0]], 1)
    with pytest.raises(ShapeError, match=f"{name} needs one target per input, got 1 inputs and 2 targets"):
        loss([[1.0, 2.0]], [0, 1])
    with pytest.raises(ShapeError, match=f"{name} needs at least one input"):
        loss([], [])
    for index in (2, -1, 1.0, None, "1"):
        with pytest.raises(ParameterError, match=f"{name} needs a class index, a whole number from 0 to 1, got"):
            loss([1.0, 2.0], index)
    with pytest.raises(NotARealNumberError, match=f"{name} needs one real number, got '2'"):
        loss([1.0, "2"], 0)
    with pytest.raises(ShapeError, match=f"{name} needs equally many {what} for all examples, got lists of 1 and 2"):
        loss([[1.0, 2.0], [1.0]], [0, 0])
    with pytest.raises(ParameterError, match="reduction is 'mean', 'sum' or 'none', got 'batchmean'"):
        loss([1.0, 2.0], 0, "batchmean")
    with pytest.raises(ShapeError, match=f"{name} needs one weight per class, got 3 weights for 2 classes"):
        loss([1.0, 2.0], 0, weight=[1.0, 1.0, 1.0])
    with pytest.raises(ShapeError, match=f"{name} needs a list of weights, one per class, got weight=2.0"):
        loss([1.0, 2.0], 0, weight=2.0)
    for weight in (-1.0, math.inf, math.nan):
        with pytest.raises(ParameterError, match=f"{name}'s weight is a finite number of at least 0, got {weight}"):
            loss([1.0, 2.0], 0, weight=[1.0, weight])
    with pytest.raises(ParameterError, match=f"{name} has no mean: the classes of all examples have weight 0"):
        loss([[1.0, 2.0]], [0], weight=[0.0, 1.0])


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: huber_loss(1.0, 0.0, delta=0.0), ParameterError, "huber_loss's delta is a finite number above 0"),
        (lambda: huber_loss(1.0, 0.0, delta=math.inf), ParameterError, "huber_loss's delta .* got inf"),
        (lambda: huber_loss(1.0, 0.0, delta="1"), NotARealNumberError, "huber_loss's delta needs one real number"),
        (lambda: smooth_l1_loss(1.0, 0.0, beta=-1.0), ParameterError, "smooth_l1_loss's beta .* of at least 0, got -1"),
        (lambda: binary_cross_entropy(1.5, 1), ParameterError, "input from 0 to 1, got 1.5; apply sigmoid"),
        (lambda: binary_cross_entropy(Value(-0.5), 1), ParameterError, "input from 0 to 1, got -0.5"),
        (lambda: binary_cross_entropy(math.nan, 1), ParameterError, "input from 0 to 1, got nan"),
        (lambda: binary_cross_entropy(0.5, -1), ParameterError, "target from 0 to 1, got -1.0; classes are 0 and 1"),
        (lambda: binary_cross_entropy_with_logits(0.5, 2), ParameterError, "with_logits needs target from 0 to 1, got"),
        (lambda: kl_div(-1.0, -0.7), ParameterError, "kl_div needs target from 0 to 1, got -0.7; it holds prob"),
        (lambda: cross_entropy([1.0, 2.0], 0, label_smoothing=1.5), ParameterError, "label_smoothing .* got 1.5"),
        (lambda: cross_entropy([1.0, 2.0], 0, label_smoothing=-0.1), ParameterError, "label_smoothing is a number"),
        (
            lambda: binary_cross_entropy_with_logits([0.0, 0.0], [1, 1], pos_weight=[1.0]),
            ShapeError,
            "one pos_weight per output, got 1 for 2 outputs",
        ),
        (
            lambda: binary_cross_entropy_with_logits([[0.0, 0.0], [0.0]], [[1, 1], [1]], pos_weight=[1.0, 2.0]),
            ShapeError,
            "one pos_weight per output, got 2 for 1 outputs",
        ),
        (
            lambda: binary_cross_entropy_with_logits(0.0, 1, pos_weight=-1.0),
            ParameterError,
            "pos_weight is a finite number of at least 0, got -1",
        ),
        (
            lambda: binary_cross_entropy_with_logits([0.0], [1], pos_weight=[math.inf]),
            ParameterError,
            "pos_weight is a finite number of at least 0, got inf",
        ),
        (lambda: hinge_loss([1.0, 1.0], [1, 0]), ParameterError, "targets -1 or 1, got 0; "),
    ],
)
def test_losses_refuse_numbers_out_of_range(call, error, message):
    with pytest.raises(error, match=message):
        call()
