"""The derivatives of every module, by its inputs and by each parameter, against difference quotients."""

import random

import pytest

from autograd_tiny import nn, ops
from autograd_tiny.nn.shapes import mapped, numbers_in
from autograd_tiny.testing import check_gradients


def drawn(rng, *shape):
    """Return nested lists of Gaussian numbers."""
    return [drawn(rng, *shape[1:]) for _ in range(shape[0])] if shape else rng.gauss(0.0, 1.0)


def put(holder, name, held):
    """Put something in the place that a dotted name of a model tells."""
    *way, last = name.split(".")
    for part in way:
        holder = holder[int(part)] if part.isdigit() else getattr(holder, part)
    if last.isdigit():
        holder[int(last)] = held
    else:
        setattr(holder, last, held)


def weighted(results):
    """Return one number that depends on every result."""
    flat = numbers_in(results)
    rng = random.Random(2)
    return ops.dot(flat, [rng.gauss(0.0, 1.0) for _ in flat])


class Block(nn.Module):
    """What a transformer is made of."""

    def __init__(self):
        self.attend = nn.Residual(nn.Sequential(nn.LayerNorm(2), nn.MultiheadAttention(2, 2, causal=True)))
        self.feed = nn.Residual(nn.Sequential(nn.RMSNorm(2), nn.Linear(2, 3), nn.GELU(), nn.Linear(3, 2)))

    def forward(self, x):
        return self.feed(self.attend(x))


class Recall(nn.Module):
    """A network whose last states count too."""

    def __init__(self, network):
        self.network = network

    def forward(self, x):
        outputs, states = self.network(x)
        return outputs, numbers_in(states)


MODELS = {
    "Neuron": (lambda: nn.Neuron(3, "tanh"), (3,)),
    "Layer": (lambda: nn.Layer(2, 3, "sigmoid"), (2,)),
    "MLP": (lambda: nn.MLP(2, [3, 2], ["tanh", "softplus"]), (2,)),
    "MLP without biases": (lambda: nn.MLP(2, [3, 1], "gelu", bias=False, init="kaiming_normal_"), (2,)),
    "Linear": (lambda: nn.Linear(3, 2), (3,)),
    "Linear on a sequence": (lambda: nn.Linear(3, 2, bias=False), (2, 3)),
    "Conv1d": (lambda: nn.Conv1d(2, 2, 3, stride=2, padding=1), (2, 5)),
    "Conv2d": (lambda: nn.Conv2d(1, 2, (2, 3), stride=(2, 1), padding=(0, 1)), (1, 4, 3)),
    "MaxPool2d": (lambda: nn.MaxPool2d(2), (2, 4, 4)),
    "AvgPool2d": (lambda: nn.AvgPool2d((1, 2), 1), (1, 2, 3)),
    "LayerNorm": (lambda: nn.LayerNorm(3), (2, 3)),
    "RMSNorm": (lambda: nn.RMSNorm(3), (2, 3)),
    "BatchNorm1d": (lambda: nn.BatchNorm1d(2), (4, 2)),
    "BatchNorm1d in use": (lambda: nn.BatchNorm1d(2).eval(), (2, 2)),
    "MultiheadAttention": (lambda: nn.MultiheadAttention(4, 2), (3, 4)),
    "causal MultiheadAttention": (lambda: nn.MultiheadAttention(2, 1, bias=False, causal=True), (3, 2)),
    "RNN": (lambda: Recall(nn.RNN(2, 2, num_layers=2)), (3, 2)),
    "LSTM": (lambda: Recall(nn.LSTM(2, 2, num_layers=2)), (2, 2)),
    "GRU": (lambda: Recall(nn.GRU(2, 2, num_layers=2, bias=False)), (3, 2)),
    "Residual": (lambda: nn.Residual(nn.Linear(2, 2)), (2,)),
    "a small network of convolutions": (
        lambda: nn.Sequential(
            nn.Conv2d(1, 2, 2), nn.Tanh(), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(2, 2), nn.Softmax()
        ),
        (1, 3, 3),
    ),
    "a small transformer": (Block, (3, 2)),
}


def as_function(make):
    """Return a model as a function of its parameters and its input, one number, and the parameters it started with."""
    model = make()
    names = [name for name, _ in model.named_tensors()]
    start = [mapped(tensor, float) for _, tensor in model.named_tensors()]

    def call(tensors, x):
        for name, tensor in zip(names, tensors, strict=True):
            put(model, name, tensor)
        return weighted(model(x))

    return call, start


@pytest.mark.parametrize("name", MODELS)
def test_by_parameters_and_inputs(name):
    make, shape = MODELS[name]
    call, start = as_function(make)
    rng = random.Random(1)
    moved = [mapped(tensor, lambda number: number + 0.1 * rng.gauss(0.0, 1.0)) for tensor in start]
    report = check_gradients(call, moved, drawn(rng, *shape))
    assert report.ok, str(report)
    assert {row.verdict for row in report.rows} == {"ok"}
    assert len(report.rows) == len(numbers_in(drawn(rng, *shape))) + sum(len(numbers_in(tensor)) for tensor in start)


@pytest.mark.parametrize(
    "activation",
    [
        *(nn.ReLU(), nn.LeakyReLU(0.2), nn.ELU(1.5), nn.GELU(), nn.GELU("tanh"), nn.SiLU(), nn.Mish(), nn.Softplus()),
        *(nn.Sigmoid(), nn.Tanh(), nn.Softmax(), nn.LogSoftmax(), nn.Flatten()),
    ],
    ids=repr,
)
def test_activations_by_their_inputs(activation):
    report = check_gradients(lambda x: weighted(activation(x)), [[0.3, -1.2, 2.0], [-0.4, 0.5, 0.1]])
    assert {row.verdict for row in report.rows} == {"ok"}, str(report)


def test_dropout_by_its_inputs():
    report = check_gradients(lambda x: weighted(nn.Dropout(0.4, rng=3)(x)), [0.3, -1.2, 2.0, 0.8])
    assert report.ok, str(report)
    assert {row.analytic == 0.0 for row in report.rows} == {True, False}


def test_an_embedding_by_its_rows():
    table = nn.Embedding(3, 2)

    def call(weight):
        table.weight = weight
        return weighted(table([2, 0, 2]))

    report = check_gradients(call, drawn(random.Random(1), 3, 2))
    assert report.ok, str(report)
    assert [row.analytic == 0.0 for row in report.rows] == [False, False, True, True, False, False]


@pytest.mark.parametrize("name", ["MLP", "Conv1d", "LayerNorm", "GRU", "a small transformer"])
def test_second_derivatives_by_the_inputs(name):
    make, shape = MODELS[name]
    model = make()
    report = check_gradients(lambda x: weighted(model(x)), drawn(random.Random(3), *shape), order=2)
    assert report.ok, str(report)
