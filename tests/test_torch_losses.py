"""Losses, their gradients and the constants of initialisers against PyTorch in double precision."""

import random

import pytest

from autograd_tiny import Value
from autograd_tiny.nn import init, losses

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.slow  # PyTorch alone takes seconds to import
F = torch.nn.functional

REDUCTIONS = ["mean", "sum", "none"]
WEIGHT = [0.5, 2.0, 3.0, 0.0]


def normal(rng, *shape):
    """Return Gaussian numbers as nested lists."""
    return [normal(rng, *shape[1:]) for _ in range(shape[0])] if shape else rng.gauss(0.0, 2.0)


def mapped(f, tensor):
    return [mapped(f, item) for item in tensor] if isinstance(tensor, list) else f(tensor)


def flat(tensor):
    return [number for item in tensor for number in flat(item)] if isinstance(tensor, list) else [tensor]


def double(tensor):
    return torch.tensor(tensor, dtype=torch.float64)


def agree(ours, theirs, *inputs):
    """Compare the values of two losses, and the gradients of their results, each weighted with another number."""
    leaves = [mapped(Value, tensor) for tensor in inputs]
    tensors = [double(tensor).requires_grad_() for tensor in inputs]
    results, wanted = flat(ours(*leaves)), theirs(*tensors).flatten()
    assert [result.data for result in results] == pytest.approx(wanted.tolist(), rel=1e-12, abs=1e-12)
    factors = [1.0 + 0.5 * i for i in range(len(results))]
    sum(factor * result for factor, result in zip(factors, results, strict=True)).backward()
    (wanted * double(factors)).sum().backward()
    for leaf, tensor in zip(leaves, tensors, strict=True):
        gradients = [value.grad for value in flat(leaf)]
        assert gradients == pytest.approx(tensor.grad.flatten().tolist(), rel=1e-12, abs=1e-12)


every_reduction = pytest.mark.parametrize("reduction", REDUCTIONS)
every_shape = pytest.mark.parametrize("shape", [(), (1,), (5,), (4, 3), (2, 3, 2)], ids=str)


@every_reduction
@every_shape
@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("mse_loss", {}),
        ("l1_loss", {}),
        ("huber_loss", {}),
        ("huber_loss", {"delta": 0.3}),
        ("smooth_l1_loss", {}),
        ("smooth_l1_loss", {"beta": 2.5}),
        ("smooth_l1_loss", {"beta": 0.0}),
    ],
)
def test_losses_of_numbers(name, settings, shape, reduction):
    rng = random.Random(str((name, settings, shape)))
    agree(
        lambda x, t: getattr(losses, name)(x, t, reduction, **settings),
        lambda x, t: getattr(F, name)(x, t, reduction=reduction, **settings),
        normal(rng, *shape),
        normal(rng, *shape),
    )


@every_reduction
@every_shape
@pytest.mark.parametrize("hard", [True, False])
def test_binary_cross_entropy(hard, shape, reduction):
    rng = random.Random(str(shape))
    p = mapped(lambda x: rng.uniform(0.01, 0.99), normal(rng, *shape))
    t = mapped(lambda x: float(x > 0) if hard else rng.random(), normal(rng, *shape))
    agree(
        lambda x: losses.binary_cross_entropy(x, t, reduction),
        lambda x: F.binary_cross_entropy(x, double(t), reduction=reduction),
        p,
    )
    if not hard:
        agree(
            lambda x, y: losses.binary_cross_entropy(x, y, reduction),
            lambda x, y: F.binary_cross_entropy(x, y, reduction=reduction),
            p,
            t,
        )


def test_binary_cross_entropy_clamps_its_logarithms_as_pytorch_does():
    p, t = [0.0, 1.0, 1e-60, 1e-40, 0.0, 1.0], [1.0, 0.0, 1.0, 1.0, 0.0, 1.0]
    expected = F.binary_cross_entropy(double(p), double(t), reduction="none").tolist()
    assert losses.binary_cross_entropy(p, t, "none") == pytest.approx(expected, rel=1e-14)


@every_reduction
@every_shape
@pytest.mark.parametrize("weighted", ["not", "all", "each"])
def test_binary_cross_entropy_with_logits(weighted, shape, reduction):
    rng = random.Random(str(shape))
    x = mapped(lambda x: 10.0 * x, normal(rng, *shape))
    t = mapped(lambda _: rng.choice([0.0, 1.0, 0.3]), x)
    weight = {"not": None, "all": 2.5, "each": [0.5 + i for i in range(shape[-1])] if shape else 0.5}[weighted]
    tensor = None if weight is None else double(weight)
    agree(
        lambda x, t: losses.binary_cross_entropy_with_logits(x, t, reduction, pos_weight=weight),
        lambda x, t: F.binary_cross_entropy_with_logits(x, t, reduction=reduction, pos_weight=tensor),
        x,
        t,
    )


@pytest.mark.filterwarnings("ignore:reduction. 'mean' divides")  # PyTorch's own doubts about its default
@pytest.mark.parametrize("reduction", [*REDUCTIONS, "batchmean"])
@pytest.mark.parametrize("shape", [(3,), (4, 3), (2, 3, 2)], ids=str)
def test_kl_div(shape, reduction):
    rng = random.Random(str(shape))
    x = double(normal(rng, *shape)).log_softmax(-1).tolist()
    t = double(normal(rng, *shape)).softmax(-1).tolist()
    agree(
        lambda x, t: losses.kl_div(x, t, reduction),
        lambda x, t: F.kl_div(x, t, reduction=reduction),
        x,
        t,
    )
    hard = mapped(lambda p: float(p > 0.5), t)  # with zeros
    agree(
        lambda x: losses.kl_div(x, hard, reduction),
        lambda x: F.kl_div(x, double(hard), reduction=reduction),
        x,
    )


def rows_and_index(batch):
    rng = random.Random(str(batch))
    rows = normal(rng, *([batch] if batch else []), len(WEIGHT))
    return rows, ([rng.randrange(3) for _ in range(batch)] if batch else 2)  # class 3 has the weight 0


@every_reduction
@pytest.mark.parametrize("batch", [None, 1, 6])
@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["even", "weighted"])
@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
def test_cross_entropy(smoothing, weight, batch, reduction):
    rows, index = rows_and_index(batch)
    settings = {"reduction": reduction, "label_smoothing": smoothing}
    agree(
        lambda z: losses.cross_entropy(z, index, weight=weight, **settings),
        lambda z: F.cross_entropy(z, torch.tensor(index), weight=weight and double(weight), **settings),
        rows,
    )


@every_reduction
@pytest.mark.parametrize("batch", [None, 1, 6])
@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["even", "weighted"])
def test_nll_loss(weight, batch, reduction):
    rows, index = rows_and_index(batch)
    agree(
        lambda z: losses.nll_loss(z, index, reduction, weight=weight),
        lambda z: F.nll_loss(z, torch.tensor(index), weight=weight and double(weight), reduction=reduction),
        rows,
    )


@every_reduction
@every_shape
def test_hinge_loss(shape, reduction):
    rng = random.Random(str(shape))
    y = mapped(lambda x: 1.0 if x > 0 else -1.0, normal(rng, *shape))

    def theirs(x):
        hinges = torch.relu(1.0 - double(y) * x)
        return hinges if reduction == "none" else getattr(hinges, reduction)()

    agree(lambda x: losses.hinge_loss(x, y, reduction), theirs, normal(rng, *shape))


# ---------------------------------------------------------------- initialisers


@pytest.mark.parametrize("name", init.GAINS)
def test_gains(name):
    assert init.calculate_gain(name) == torch.nn.init.calculate_gain(name)
    if name == "leaky_relu":
        assert init.calculate_gain(name, 0.3) == torch.nn.init.calculate_gain(name, 0.3)


@pytest.mark.parametrize("shape", [(3, 5), (4, 2, 3), (2, 3, 4, 5), (1, 1, 2, 2, 2)], ids=str)
def test_fans(shape):
    tensor = torch.zeros(shape)
    assert init._fans("test", tensor.tolist()) == torch.nn.init._calculate_fan_in_and_fan_out(tensor)
