"""Each module by itself: shapes, values by hand, inputs of every kind, errors naming the module, scopes, summaries."""

import copy
import math
import random

import numpy as np
import pytest

from autograd_tiny import Value, backward, no_grad, ops
from autograd_tiny.errors import NotARealNumberError, ParameterError, ShapeError
from autograd_tiny.nn import (
    ELU,
    GELU,
    GRU,
    LSTM,
    MLP,
    RNN,
    AvgPool2d,
    BatchNorm1d,
    Conv1d,
    Conv2d,
    Dropout,
    Embedding,
    Flatten,
    GRUCell,
    Layer,
    LayerNorm,
    LeakyReLU,
    Linear,
    LogSoftmax,
    LSTMCell,
    MaxPool2d,
    Mish,
    Module,
    MultiheadAttention,
    Neuron,
    ReLU,
    Residual,
    RMSNorm,
    RNNCell,
    Sequential,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
    added,
    init,
)
from autograd_tiny.nn.shapes import is_list, listed_numbers, mapped, numbers_in, shape_of, shape_text
from autograd_tiny.value import Constant, topological_order


def data(results):
    return mapped(results, float)


def filled(module, **tensors):
    """Give a module the numbers of its parameters by name, 0 where none are given."""
    for name, tensor in module.named_tensors():
        init.zeros_(tensor)
        if name in tensors:
            for parameter, number in zip(numbers_in(tensor), numbers_in(tensors[name]), strict=True):
                parameter.data = number
    return module


def operations(results):
    return [node.op.name for node in topological_order(numbers_in(results)) if node.op is not None]


# ---------------------------------------------------------------- every module alike

# name -> (how it is made, the shape of an input)
MADE = {
    "Neuron": (lambda: Neuron(3), (3,)),
    "Layer": (lambda: Layer(3, 2), (3,)),
    "MLP": (lambda: MLP(3, [2, 2]), (3,)),
    "Linear": (lambda: Linear(3, 2), (3,)),
    "Linear on vectors": (lambda: Linear(3, 2), (2, 3)),
    "Conv1d": (lambda: Conv1d(2, 1, 2), (2, 3)),
    "Conv2d": (lambda: Conv2d(1, 2, 2), (1, 3, 3)),
    "MaxPool2d": (lambda: MaxPool2d(2), (1, 2, 2)),
    "AvgPool2d": (lambda: AvgPool2d(2), (1, 2, 2)),
    "LayerNorm": (lambda: LayerNorm(3), (3,)),
    "RMSNorm": (lambda: RMSNorm(3), (2, 3)),
    "BatchNorm1d": (lambda: BatchNorm1d(3), (2, 3)),
    "BatchNorm1d in use": (lambda: BatchNorm1d(3).eval(), (3,)),
    "Dropout": (lambda: Dropout(0.5, rng=0), (2, 3)),
    "MultiheadAttention": (lambda: MultiheadAttention(4, 2), (2, 4)),
    "RNNCell": (lambda: RNNCell(3, 2), (3,)),
    "GRUCell": (lambda: GRUCell(3, 2), (3,)),
    "RNN": (lambda: first(RNN(3, 2)), (2, 3)),
    "GRU": (lambda: first(GRU(3, 2)), (2, 3)),
    "LSTM": (lambda: first(LSTM(3, 2)), (2, 3)),
    "Flatten": (Flatten, (2, 2)),
    "Residual": (lambda: Residual(Linear(2, 2)), (2,)),
    "Sequential": (lambda: Sequential(Linear(2, 2), ReLU()), (2,)),
} | {
    kind.__name__: (kind, (2, 2))
    for kind in (ReLU, LeakyReLU, ELU, GELU, SiLU, Mish, Softplus, Sigmoid, Tanh, Softmax, LogSoftmax)
}


class first(Module):  # noqa: N801 - reads as a function
    """The outputs of a recurrent network without its states."""

    def __init__(self, network):
        self.network = network

    def forward(self, x):
        return self.network(x)[0]


def drawn(rng, *shape):
    return [drawn(rng, *shape[1:]) for _ in range(shape[0])] if shape else rng.gauss(0.0, 1.0)


def tupled(x):
    return tuple(map(tupled, x)) if isinstance(x, list) else x


@pytest.mark.parametrize("name", MADE)
def test_inputs_of_every_kind_give_the_same(name):
    make, shape = MADE[name]
    x = drawn(random.Random(1), *shape)
    expected = data(make()(x))
    array = np.array(x)
    for given in (tupled(x), array, list(array), mapped(x, Value), np.array(mapped(x, Value), dtype=object)):
        assert data(make()(given)) == expected
    assert all(map(math.isfinite, numbers_in(expected)))


@pytest.mark.parametrize("name", MADE)
def test_whole_numbers_count_as_numbers(name):
    make, shape = MADE[name]
    x = mapped(drawn(random.Random(1), *shape), lambda number: float(round(number)))
    assert data(make()(mapped(x, int))) == data(make()(x))


@pytest.mark.parametrize("name", [name for name in MADE if name not in ("Flatten", "Dropout")])
def test_what_is_no_number_is_refused(name):
    make, shape = MADE[name]
    for wrong in ("2", None, 1j):
        x = mapped(drawn(random.Random(1), *shape), lambda number, wrong=wrong: wrong)
        with pytest.raises(NotARealNumberError):
            make()(x)


@pytest.mark.parametrize("name", MADE)
def test_every_result_is_in_the_scope_of_its_module(name):
    make, shape = MADE[name]
    results = numbers_in(make()(mapped(drawn(random.Random(1), *shape), Value)))
    top = type(make()).__name__
    scopes = {node.scope for node in topological_order(results) if node.op is not None}
    assert all(scope.split("/")[0] == top for scope in scopes)
    assert bool(scopes) == (name != "Flatten")


@pytest.mark.parametrize("name", MADE)
def test_a_copy_has_parameters_of_its_own(name):
    make, shape = MADE[name]
    x, model = drawn(random.Random(1), *shape), make()
    twin = copy.deepcopy(model)
    expected = data(model(x))
    for parameter in model.parameters():
        parameter.data += 1.0
    assert data(twin(x)) == expected
    assert len(twin.parameters()) == len(model.parameters())


@pytest.mark.parametrize("name", MADE)
def test_parameters_are_those_with_names(name):
    model = MADE[name][0]()
    named = model.named_parameters()
    assert all(a is b for a, (_, b) in zip(model.parameters(), named, strict=True))
    assert len({name for name, _ in named}) == len(named)
    assert [p for _, tensor in model.named_tensors() for p in numbers_in(tensor)] == model.parameters()


@pytest.mark.parametrize("name", MADE)
def test_nothing_is_recorded_without_gradients(name):
    make, shape = MADE[name]
    x = drawn(random.Random(1), *shape)
    with no_grad():
        results = numbers_in(make()(mapped(x, Value)))
    assert {result.parents for result in results} == {()}
    assert [result.data for result in results] == numbers_in(data(make()(x)))


def test_modules_are_seeded_and_leave_the_global_generator_alone():
    def numbers(rng):
        made = (
            Linear(3, 2, rng=rng),
            Embedding(3, 2, rng=rng),
            Conv1d(1, 1, 3, rng=rng),
            Conv2d(1, 1, 3, rng=rng),
            MultiheadAttention(2, 1, rng=rng),
            RNNCell(2, 2, rng=rng),
            LSTM(2, 2, 2, rng=rng),
            MLP(2, [2, 1], rng=rng),
        )
        return [[p.data for p in module.parameters()] for module in made]

    state = random.getstate()
    assert numbers(7) == numbers(7)
    assert all(a != b for a, b in zip(numbers(7), numbers(8), strict=True))
    assert numbers(None) == numbers(0)
    shared = numbers(random.Random(3))
    assert len({number for module in shared for number in module}) == sum(map(len, shared))
    assert random.getstate() == state


@pytest.mark.parametrize(
    "make",
    [
        lambda rng: Linear(1, 1, rng=rng),
        lambda rng: Embedding(1, 1, rng=rng),
        lambda rng: Conv2d(1, 1, 1, rng=rng),
        lambda rng: MultiheadAttention(1, 1, rng=rng),
        lambda rng: GRUCell(1, 1, rng=rng),
        lambda rng: Dropout(rng=rng),
    ],
)
def test_other_kinds_of_rng_are_refused(make):
    for rng in ("seed", 1.5, np.random.default_rng(0)):
        with pytest.raises(ParameterError, match=r"rng is a random\.Random or an int seed"):
            make(rng)


@pytest.mark.parametrize(
    ("module", "bound"),
    [
        (Linear(16, 50, rng=0), 1 / 4),
        (Conv1d(4, 20, 4, rng=0), 1 / 4),
        (Conv2d(1, 20, (2, 8), rng=0), 1 / 4),
        (GRUCell(3, 16, rng=0), 1 / 4),
    ],
    ids=lambda thing: type(thing).__name__,
)
def test_parameters_start_uniform_within_the_bound(module, bound):
    for _, tensor in module.named_tensors():
        numbers = [p.data for p in numbers_in(tensor)]
        assert max(map(abs, numbers)) <= bound
        assert min(numbers) < -0.5 * bound < 0.5 * bound < max(numbers)


SIZES = [
    ("in_features", lambda n: Linear(n, 1)),
    ("out_features", lambda n: Linear(1, n)),
    ("num_embeddings", lambda n: Embedding(n, 1)),
    ("embedding_dim", lambda n: Embedding(1, n)),
    ("in_channels", lambda n: Conv1d(n, 1, 1)),
    ("out_channels", lambda n: Conv1d(1, n, 1)),
    ("kernel_size", lambda n: Conv1d(1, 1, n)),
    ("stride", lambda n: Conv1d(1, 1, 1, stride=n)),
    ("in_channels", lambda n: Conv2d(n, 1, 1)),
    ("out_channels", lambda n: Conv2d(1, n, 1)),
    ("kernel_size", lambda n: Conv2d(1, 1, n)),
    ("kernel_size", lambda n: Conv2d(1, 1, (1, n))),
    ("stride", lambda n: Conv2d(1, 1, 1, stride=n)),
    ("stride", lambda n: Conv2d(1, 1, 1, stride=[n, 1])),
    ("kernel_size", lambda n: MaxPool2d(n)),
    ("stride", lambda n: AvgPool2d(1, stride=(n, 1))),
    ("normalized_shape", lambda n: LayerNorm(n)),
    ("normalized_shape", lambda n: RMSNorm(n)),
    ("num_features", lambda n: BatchNorm1d(n)),
    ("embed_dim", lambda n: MultiheadAttention(n, 1)),
    ("num_heads", lambda n: MultiheadAttention(4, n)),
    ("input_size", lambda n: LSTMCell(n, 1)),
    ("hidden_size", lambda n: LSTMCell(1, n)),
    ("input_size", lambda n: GRU(n, 1)),
    ("hidden_size", lambda n: GRU(1, n)),
    ("num_layers", lambda n: GRU(1, 1, n)),
]


@pytest.mark.parametrize(("name", "make"), SIZES)
def test_sizes_are_whole_numbers_of_at_least_1(name, make):
    for size in (0, -1, 1.0, "1"):
        with pytest.raises(ParameterError, match=f"{name} is a whole number of at least 1, got {size!r}"):
            make(size)
    make(1), make(np.int64(1))


@pytest.mark.parametrize(
    ("make", "weights", "biases"),
    [
        (lambda **bias: Neuron(2, **bias), 2, 1),
        (lambda **bias: Layer(2, 3, **bias), 6, 3),
        (lambda **bias: MLP(2, [3, 1], **bias), 9, 4),
        (lambda **bias: Linear(2, 3, **bias), 6, 3),
        (lambda **bias: Conv1d(2, 3, 4, **bias), 24, 3),
        (lambda **bias: Conv2d(2, 3, (4, 5), **bias), 120, 3),
        (lambda **bias: MultiheadAttention(2, 1, **bias), 16, 8),
        (lambda **bias: RNNCell(2, 3, **bias), 15, 6),
        (lambda **bias: LSTMCell(2, 3, **bias), 60, 24),
        (lambda **bias: GRUCell(2, 3, **bias), 45, 18),
        (lambda **bias: RNN(2, 3, 2, **bias), 15 + 18, 12),
    ],
)
def test_there_are_biases_unless_told_otherwise(make, weights, biases):
    assert [len(make(**bias).parameters()) for bias in ({}, {"bias": True}, {"bias": False})] == [
        weights + biases,
        weights + biases,
        weights,
    ]


@pytest.mark.parametrize("make", [lambda n: Conv1d(1, 1, 1, padding=n), lambda n: Conv2d(1, 1, 1, padding=(0, n))])
def test_padding_is_a_whole_number_of_at_least_0(make):
    make(0), make(3)
    with pytest.raises(ParameterError, match="padding is a whole number of at least 0, got -1"):
        make(-1)


@pytest.mark.parametrize("pair", [(1,), (1, 1, 1), []])
def test_pairs_have_two_numbers(pair):
    for make in (lambda: Conv2d(1, 1, pair), lambda: MaxPool2d(pair)):
        with pytest.raises(ParameterError, match=r"kernel_size is one whole number or two, \(down, across\), got"):
            make()


# ---------------------------------------------------------------- Linear and Embedding


def test_linear_by_hand():
    layer = filled(Linear(2, 3), weight=[[1.0, 2.0], [0.0, -1.0], [0.5, 0.0]], bias=[10.0, 0.0, -1.0])
    assert data(layer([3.0, 4.0])) == [21.0, -4.0, 0.5]
    assert data(layer([[3.0, 4.0], [0.0, 1.0]])) == [[21.0, -4.0, 0.5], [12.0, -1.0, -1.0]]
    assert data(layer([[[0.0, 0.0]], [[1.0, 1.0]]])) == [[[10.0, 0.0, -1.0]], [[13.0, -1.0, -0.5]]]
    assert operations(layer([3.0, 4.0])) == ["dot", "add"] * 3
    assert operations(Linear(2, 3, bias=False)([3.0, 4.0])) == ["dot"] * 3
    assert [layer.extra_repr() for layer in (Linear(2, 3), Linear(2, 3, bias=False))] == [
        "in_features=2, out_features=3",
        "in_features=2, out_features=3, bias=False",
    ]


def test_linear_lifts_plain_numbers_once():
    nodes = topological_order(Linear(3, 4)([1.0, 2.0, 3.0]))
    assert sum(isinstance(node, Constant) for node in nodes) == 3


@pytest.mark.parametrize("make", [lambda: Linear(3, 1), lambda: LayerNorm(3), lambda: RMSNorm(3)])
def test_vectors_of_other_lengths_are_refused(make):
    module = make()
    name = type(module).__name__
    for x in ([1.0, 2.0], [], np.zeros(2), [[1.0] * 3, [1.0] * 2], [[[1.0, 2.0]]]):
        length = 0 if len(numbers_in(x)) == 0 else 2
        with pytest.raises(ShapeError, match=f"{name} needs 3 numbers for one example, got {length}"):
            module(x)
    for x in (1.0, Value(2.0), np.float64(1.0), np.array(1.0)):
        with pytest.raises(ShapeError, match=f"{name} needs a list of 3 numbers, got"):
            module(x)
    for x in (None, "abc", {1.0, 2.0, 3.0}, {"a": 1.0}, iter([1.0, 2.0, 3.0])):
        with pytest.raises(ShapeError, match=f"{name} needs a list of 3 numbers, got .*; make a list of it"):
            module(x)
    with pytest.raises(ShapeError, match=f"{name} needs a list of 3 numbers, got 2.0; wrap it"):
        module([[1.0] * 3, 2.0])
    with pytest.raises(ShapeError, match="got a list of lists; call it once per example"):
        module([1.0, [1.0], 2.0])


def test_embedding_by_hand():
    table = filled(Embedding(3, 2), weight=[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    assert data(table(1)) == [3.0, 4.0]
    assert data(table([2, 0])) == [[5.0, 6.0], [1.0, 2.0]]
    assert data(table([[2], [0]])) == [[[5.0, 6.0]], [[1.0, 2.0]]]
    for index in (np.int64(1), Value(1.0), 1.0, np.array(1)):
        assert data(table(index)) == [3.0, 4.0]
    assert data(table(np.array([[1, 1]]))) == [[[3.0, 4.0], [3.0, 4.0]]]
    assert table(1)[0] is table.weight[1][0]


def test_changing_a_looked_up_row_leaves_the_table():
    table = Embedding(2, 2)
    row = table(0)
    row[0] = None
    assert isinstance(table.weight[0][0], Value)


def test_embedding_starts_standard_normal():
    numbers = [p.data for p in Embedding(50, 40, rng=0).parameters()]
    assert abs(sum(numbers) / 2000) < 0.1
    assert 0.9 < sum(x * x for x in numbers) / 2000 < 1.1


@pytest.mark.parametrize("index", [-1, 3, 0.5, "0", None, Value(0.5), math.nan, math.inf, 1j])
def test_an_index_without_a_row_is_refused(index):
    with pytest.raises(ParameterError, match="Embedding needs an index, a whole number from 0 to 2, got"):
        Embedding(3, 2)([0, index])


# ---------------------------------------------------------------- activations


@pytest.mark.parametrize(
    ("module", "xs", "expected"),
    [
        (ReLU(), [-2.0, 0.0, 3.0], [0.0, 0.0, 3.0]),
        (LeakyReLU(), [-2.0, 0.0, 3.0], [-0.02, 0.0, 3.0]),
        (LeakyReLU(0.5), [-2.0, 3.0], [-1.0, 3.0]),
        (ELU(), [-1.0, 2.0], [math.exp(-1.0) - 1.0, 2.0]),
        (ELU(2.0), [-1.0, 2.0], [2.0 * (math.exp(-1.0) - 1.0), 2.0]),
        (GELU(), [1.5], [1.5 * 0.5 * (1.0 + math.erf(1.5 / math.sqrt(2.0)))]),
        (
            GELU("tanh"),
            [1.5],
            [0.75 * (1.0 + math.tanh(math.sqrt(2.0 / math.pi) * (1.5 + 0.044715 * 1.5**3)))],
        ),
        (SiLU(), [1.5], [1.5 / (1.0 + math.exp(-1.5))]),
        (Mish(), [1.5], [1.5 * math.tanh(math.log(1.0 + math.exp(1.5)))]),
        (Softplus(), [1.5, 1e4], [math.log(1.0 + math.exp(1.5)), 1e4]),
        (Sigmoid(), [1.5], [1.0 / (1.0 + math.exp(-1.5))]),
        (Tanh(), [1.5], [math.tanh(1.5)]),
        (Softmax(), [0.0, math.log(3.0)], [0.25, 0.75]),
        (LogSoftmax(), [0.0, math.log(3.0)], [math.log(0.25), math.log(0.75)]),
    ],
    ids=repr,
)
def test_activations_by_hand(module, xs, expected):
    assert data(module(xs)) == pytest.approx(expected, rel=1e-14)
    assert data(module([[xs], [xs]])) == [[data(module(xs))]] * 2
    if not isinstance(module, (Softmax, LogSoftmax)):
        assert data(module(xs[0])) == data(module(xs))[0]


def test_softmax_needs_as_many_exponentials_as_numbers():
    assert operations(Softmax()([Value(0.1), Value(0.2), Value(0.3)])).count("exp") == 3
    assert operations(LogSoftmax()([Value(0.1), Value(0.2), Value(0.3)])).count("logsumexp") == 1


@pytest.mark.parametrize("module", [Softmax(), LogSoftmax()])
@pytest.mark.parametrize(
    "xs", [[0.5], [1.0, 1.0, 1.0], [-3.0, 0.0, 800.0], [1000.0, -1000.0], [1e308, -1e308], [0.0, -math.inf]]
)
def test_softmax_agrees_with_the_operation(module, xs):
    op = ops.softmax if isinstance(module, Softmax) else ops.log_softmax
    leaves, others = [Value(x) for x in xs], [Value(x) for x in xs]
    ours, theirs = module(leaves), op(others)
    assert data(ours) == pytest.approx(data(theirs), rel=1e-14)
    seeds = [1.0, -2.0, 0.5][: len(xs)]
    backward(ours, seeds)
    backward(theirs, seeds)
    assert [x.grad for x in leaves] == pytest.approx([x.grad for x in others], rel=1e-12, abs=1e-15, nan_ok=True)


@pytest.mark.parametrize("module", [Softmax(), LogSoftmax()])
def test_softmax_needs_vectors(module):
    for x in (1.0, Value(1.0), [], [[1.0], []], None):
        with pytest.raises(ShapeError, match=f"{type(module).__name__} needs a vector: a list of one or more numbers"):
            module(x)
    assert [len(row) for row in module([[1.0], [1.0, 2.0]])] == [1, 2]


def test_gelu_has_two_forms():
    with pytest.raises(ParameterError, match="approximate is 'none' or 'tanh', got 'erf'"):
        GELU("erf")


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_settings_of_activations_are_finite(number):
    with pytest.raises(ParameterError, match=f"negative_slope is a finite number, got {number}"):
        LeakyReLU(number)
    with pytest.raises(ParameterError, match=f"alpha is a finite number, got {number}"):
        ELU(number)


def test_activations_show_their_settings():
    assert [repr(m) for m in (ReLU(), LeakyReLU(), ELU(0.5), GELU(), GELU("tanh"))] == [
        "ReLU(): 0 parameters",
        "LeakyReLU(negative_slope=0.01): 0 parameters",
        "ELU(alpha=0.5): 0 parameters",
        "GELU(): 0 parameters",
        "GELU(approximate='tanh'): 0 parameters",
    ]


# ---------------------------------------------------------------- convolutions and pooling


def test_conv1d_by_hand():
    conv = filled(Conv1d(1, 1, 2), weight=[[[1.0, 10.0]]], bias=[0.5])
    assert data(conv([[1.0, 2.0, 3.0]])) == [[21.5, 32.5]]
    conv = filled(
        Conv1d(2, 2, 3, stride=2, padding=1, bias=False), weight=[[[1, 2, 3], [0, 0, 1]], [[0, 1, 0], [0, 0, 0]]]
    )
    assert data(conv([[1.0, 2.0, 3.0], [10.0, 20.0, 30.0]])) == [[28.0, 8.0], [1.0, 3.0]]


def test_conv2d_by_hand():
    conv = filled(Conv2d(1, 1, 2), weight=[[[[1.0, 10.0], [100.0, 1000.0]]]], bias=[0.5])
    assert data(conv([[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]])) == [[[5421.5, 6532.5]]]
    edges = filled(Conv2d(1, 1, 3, padding=1, bias=False), weight=[[[[1.0] * 3] * 3]])
    assert data(edges([[[1.0, 2.0], [3.0, 4.0]]])) == [[[10.0, 10.0], [10.0, 10.0]]]
    assert operations(conv([[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]])) == ["dot", "add"] * 2
    assert operations(edges([[[1.0]]])) == ["dot"]


def test_zeros_stand_around_the_picture_on_the_sides_that_are_padded():
    counting = [[[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]]]]
    conv = filled(Conv2d(1, 1, 3, padding=1), weight=counting)
    assert data(conv([[[1.0, 2.0], [3.0, 4.0]]])) == [[[77.0, 67.0], [47.0, 37.0]]]
    down = filled(Conv2d(1, 1, (2, 1), padding=(1, 0)), weight=[[[[1.0], [10.0]]]])
    assert data(down([[[1.0], [2.0]]])) == [[[10.0], [21.0], [2.0]]]
    across = filled(Conv2d(1, 1, (1, 2), padding=(0, 1)), weight=[[[[1.0, 10.0]]]])
    assert data(across([[[1.0, 2.0]]])) == [[[10.0, 21.0, 2.0]]]


@pytest.mark.parametrize("seed", range(20))
def test_shapes_of_convolutions_and_pooling(seed):
    rng = random.Random(seed)
    height, width = rng.randint(1, 7), rng.randint(1, 7)
    padding = (rng.randint(0, 2), rng.randint(0, 2))
    kernel = (rng.randint(1, height + 2 * padding[0]), rng.randint(1, width + 2 * padding[1]))
    stride = (rng.randint(1, 3), rng.randint(1, 3))
    x = drawn(rng, 2, height, width)
    down = (height + 2 * padding[0] - kernel[0]) // stride[0] + 1
    across = (width + 2 * padding[1] - kernel[1]) // stride[1] + 1
    assert shape_of(Conv2d(2, 3, kernel, stride, padding)(x)) == (3, down, across)
    assert shape_of(Conv1d(2, 3, kernel[1], stride[1], padding[1])([row[0] for row in x])) == (3, across)
    window = (min(kernel[0], height), min(kernel[1], width))
    pooled = MaxPool2d(window, stride)(x)
    assert shape_of(pooled) == (2, (height - window[0]) // stride[0] + 1, (width - window[1]) // stride[1] + 1)
    assert shape_of(AvgPool2d(window)(x)) == (2, height // window[0], width // window[1])


def test_pooling_by_hand():
    x = [[[1.0, 2.0, 5.0], [3.0, 4.0, 0.0]]]
    assert data(MaxPool2d(2, 1)(x)) == [[[4.0, 5.0]]]
    assert data(AvgPool2d(2, 1)(x)) == [[[2.5, 2.75]]]
    assert data(MaxPool2d((1, 3))(x)) == [[[5.0], [4.0]]]
    tied = [[[Value(7.0), Value(7.0)]]]
    MaxPool2d((1, 2))(tied)[0][0][0].backward()
    assert [v.grad for v in tied[0][0]] == [0.5, 0.5]


@pytest.mark.parametrize(
    ("module", "x", "message"),
    [
        (Conv1d(2, 1, 2), [[1.0, 2.0]], r"Conv1d needs 2 x length numbers \(channels x length\), got 1 x 2"),
        (Conv1d(1, 1, 2), [1.0, 2.0], r"Conv1d needs 1 x length numbers .*, got 2; for one channel wrap it: \[x\]"),
        (Conv1d(2, 1, 2), [[1.0, 2.0], [1.0]], "got a ragged list"),
        (Conv1d(1, 1, 2), [[]], "got 1 x 0"),
        (Conv1d(1, 1, 2), 1.0, "got one number"),
        (Conv1d(1, 1, 3), [[1.0, 2.0]], "Conv1d moves a window of 1 x 3 over its input, which is only 1 x 2"),
        (Conv2d(1, 1, 2), [[1.0, 2.0]], r"Conv2d needs 1 x height x width numbers .*, got 1 x 2; for one channel wrap"),
        (Conv2d(3, 1, 2), [[[1.0, 2.0]]], r"Conv2d needs 3 x height x width numbers .*, got 1 x 1 x 2$"),
        (Conv2d(1, 1, 2), [[[[1.0]]]], "got 1 x 1 x 1 x 1"),
        (
            Conv2d(1, 1, (4, 1), padding=1),
            [[[1.0]]],
            "window of 4 x 1 over its input, which is only 3 x 3 with its padding",
        ),
        (
            Conv2d(1, 1, (1, 4), padding=1),
            [[[1.0]]],
            "window of 1 x 4 over its input, which is only 3 x 3 with its padding",
        ),
        (
            MaxPool2d(2),
            [[1.0, 2.0], [3.0, 4.0]],
            r"MaxPool2d needs channels x height x width numbers .*, got 2 x 2; for one",
        ),
        (AvgPool2d(2), [[[1.0, 2.0]]], "AvgPool2d moves a window of 2 x 2 over its input, which is only 1 x 2"),
        (AvgPool2d(2), [], "AvgPool2d needs .*, got 0"),
    ],
)
def test_pictures_that_do_not_fit_are_refused(module, x, message):
    with pytest.raises(ShapeError, match=message):
        module(x)


def test_convolutions_show_their_settings():
    assert [repr(m).partition(":")[0] for m in (Conv1d(1, 2, 3), Conv1d(1, 2, 3, 2, 1, False), Conv2d(1, 2, 3))] == [
        "Conv1d(1, 2, kernel_size=3)",
        "Conv1d(1, 2, kernel_size=3, stride=2, padding=1, bias=False)",
        "Conv2d(1, 2, kernel_size=3)",
    ]
    assert "(1, 2, kernel_size=(3, 2), stride=(1, 2), padding=(0, 1))" in repr(Conv2d(1, 2, (3, 2), (1, 2), (0, 1)))
    assert [m.extra_repr() for m in (MaxPool2d(2), AvgPool2d((2, 1)), MaxPool2d(2, 1), MaxPool2d(2, (2, 2)))] == [
        "kernel_size=2",
        "kernel_size=(2, 1)",
        "kernel_size=2, stride=1",
        "kernel_size=2",
    ]


# ---------------------------------------------------------------- normalisation and dropout


def test_layer_norm_and_rms_norm_by_hand():
    layer = filled(LayerNorm(2, eps=3.0), weight=[2.0, 10.0], bias=[0.5, -1.0])
    assert data(layer([1.0, 3.0])) == pytest.approx([2.0 * -0.5 + 0.5, 10.0 * 0.5 - 1.0])
    assert data(filled(RMSNorm(2, eps=1.5), weight=[1.0, 10.0])([1.0, 2.0])) == pytest.approx([0.5, 10.0])
    assert data(LayerNorm(3)([5.0, 5.0, 5.0])) == [0.0, 0.0, 0.0]
    assert data(RMSNorm(2)([0.0, 0.0])) == [0.0, 0.0]
    assert LayerNorm(3, elementwise_affine=False).parameters() == RMSNorm(3, 1e-5, False).parameters() == []
    assert [len(m.parameters()) for m in (LayerNorm(3), RMSNorm(3))] == [6, 3]
    assert [m.extra_repr() for m in (LayerNorm(3), RMSNorm(3, 1.0, False))] == ["3", "3, elementwise_affine=False"]


def test_normalisations_start_without_effect_of_their_weights():
    x = [1.0, 2.0, 6.0]
    assert data(LayerNorm(3)(x)) == data(LayerNorm(3, elementwise_affine=False)(x))
    assert data(RMSNorm(3)(x)) == data(RMSNorm(3, elementwise_affine=False)(x))
    assert data(LayerNorm(3, eps=1e-300)(x)) == pytest.approx([(number - 3.0) / (14.0 / 3.0) ** 0.5 for number in x])
    norm = BatchNorm1d(2)
    assert LayerNorm(1).eps == RMSNorm(1).eps == norm.eps == 1e-5
    assert (norm.momentum, Dropout().p) == (0.1, 0.5)
    assert [norm.state_dict()[name] for name in ("weight", "bias", "running_mean", "running_var")] == [
        *([1.0, 1.0], [0.0, 0.0]),
        *([0.0, 0.0], [1.0, 1.0]),
    ]


@pytest.mark.parametrize(
    "make", [lambda eps: LayerNorm(1, eps), lambda eps: RMSNorm(1, eps), lambda eps: BatchNorm1d(1, eps)]
)
def test_eps_is_above_zero(make):
    for eps in (0.0, -1e-5, math.inf, math.nan):
        with pytest.raises(ParameterError, match=f"eps is a finite number above 0, got {eps}"):
            make(eps)


def test_batch_norm_by_hand():
    norm = filled(BatchNorm1d(2, eps=3.0, momentum=0.5), weight=[2.0, 1.0], bias=[0.5, 0.0])
    y = data(norm([[1.0, 0.0], [3.0, 0.0]]))
    assert y == [pytest.approx([-0.5, 0.0]), pytest.approx([1.5, 0.0])]
    assert (norm.running_mean, norm.running_var) == ([1.0, 0.0], [1.5, 0.5])
    norm.eval()
    norm.running_var = [6.0, 1.0]
    assert data(norm([4.0, 8.0])) == pytest.approx([2.0 * 3.0 / 3.0 + 0.5, 4.0])
    assert data(norm([[4.0, 8.0]]))[0] == data(norm([4.0, 8.0]))
    assert (norm.running_mean, norm.running_var) == ([1.0, 0.0], [6.0, 1.0])
    assert norm.extra_repr() == "2"


def test_running_statistics_follow_the_batches():
    """The batch has the mean 3, the variance 6, and 9 as the unbiased one."""
    norm = filled(BatchNorm1d(1, eps=3.0, momentum=0.25), weight=[6.0], bias=[1.0])
    assert data(norm([[0.0], [3.0], [6.0]])) == [[pytest.approx(-5.0)], [pytest.approx(1.0)], [pytest.approx(7.0)]]
    assert (norm.running_mean, norm.running_var) == ([0.75], [0.75 + 2.25])
    norm([[0.0], [3.0], [6.0]])
    assert (norm.running_mean, norm.running_var) == ([0.75 * 0.75 + 0.75], [0.75 * 3.0 + 2.25])


@pytest.mark.parametrize("x", [[1.0, 2.0], [[1.0, 2.0]], [], 1.0, None])
def test_batch_norm_in_training_needs_a_batch(x):
    norm = BatchNorm1d(2)
    with pytest.raises(
        ShapeError, match=r"BatchNorm1d needs a batch of two or more vectors in training; .*model\.eval\(\)"
    ):
        norm(x)
    assert norm.running_mean == [0.0, 0.0]


def test_batch_norm_tells_of_the_last_batch():
    with pytest.raises(
        ShapeError,
        match=r"training; the last batch of an epoch holds the rest: choose batch_size so that no batch of one",
    ):
        BatchNorm1d(2)([[1.0, 2.0]])
    for x in ([1.0, 2.0], [1.0]):
        with pytest.raises(ShapeError, match=r"training; use fit\(\.\.\., batched=True\) and batches above 1, or"):
            BatchNorm1d(2)(x)


def test_batch_norm_refuses_other_lengths_and_keeps_its_statistics():
    norm = BatchNorm1d(2)
    for x in ([[1.0, 2.0], [1.0]], [[1.0] * 3] * 2):
        with pytest.raises(ShapeError, match="BatchNorm1d needs 2 numbers for one example"):
            norm(x)
    assert norm.running_mean == [0.0, 0.0]
    with pytest.raises(ShapeError, match="BatchNorm1d needs 2 numbers for one example"):
        norm.eval()([1.0])


@pytest.mark.parametrize("make", [lambda p: Dropout(p), lambda p: BatchNorm1d(1, momentum=p)])
def test_shares_are_from_0_to_1(make):
    for p in (-0.1, 1.1, math.nan):
        with pytest.raises(ParameterError, match=f"is a number from 0 to 1, got {p}"):
            make(p)


def test_dropout():
    with pytest.raises(ParameterError, match=r"p is a probability below 1, got 1\.0"):
        Dropout(1.0)
    x = [1.0] * 4000
    y = data(Dropout(0.25, rng=0)(x))
    assert set(y) == {0.0, 1.0 / 0.75}
    assert 0.22 < y.count(0.0) / 4000 < 0.28
    assert data(Dropout(0.25, rng=random.Random(0))(x)) == y
    assert data(Dropout(0.25, rng=1)(x)) != y
    drop = Dropout(0.5, rng=0)
    assert data(drop(x)) != data(drop(x))
    assert [shape_of(drop([[1.0, 2.0]])), shape_of(drop(1.0))] == [(1, 2), ()]
    assert Dropout(0.0)(x) is x
    assert drop.eval()(x) is x
    assert drop.train()(x) is not x
    assert drop.extra_repr() == "p=0.5"


# ---------------------------------------------------------------- recurrent networks


def test_rnn_cell_by_hand():
    cell = filled(
        RNNCell(1, 2),
        weight_ih=[[1.0], [2.0]],
        weight_hh=[[0.0, 1.0], [0.5, 0.0]],
        bias_ih=[0.1, 0.2],
        bias_hh=[0.3, 0.0],
    )
    expected = [math.tanh(2.0 + 20.0 + 0.4), math.tanh(4.0 + 5.0 + 0.2)]
    assert data(cell([2.0], [10.0, 20.0])) == pytest.approx(expected, rel=1e-15)
    assert data(cell([0.1])) == pytest.approx([math.tanh(0.1 + 0.4), math.tanh(0.2 + 0.2)], rel=1e-15)
    relu = filled(RNNCell(1, 1, bias=False, nonlinearity="relu"), weight_ih=[[1.0]], weight_hh=[[2.0]])
    assert data(relu([-3.0], [1.0])) == [0.0]
    assert data(relu([3.0], [1.0])) == [5.0]


def sigmoid(x):
    return 1.0 / (1.0 + math.exp(-x))


def test_lstm_cell_by_hand():
    cell = filled(LSTMCell(1, 1), weight_ih=[[1.0], [2.0], [3.0], [4.0]], weight_hh=[[0.1], [0.2], [0.3], [0.4]])
    for b, number in zip(cell.bias_ih, [0.5, 0.6, 0.7, 0.8], strict=True):
        b.data = number
    i, f, g, o = 0.5 + 0.2 + 0.5, 1.0 + 0.4 + 0.6, 1.5 + 0.6 + 0.7, 2.0 + 0.8 + 0.8
    c = sigmoid(f) * 3.0 + sigmoid(i) * math.tanh(g)
    h, state = cell([0.5], ([2.0], [3.0]))
    assert data(state) == pytest.approx([c], rel=1e-14)
    assert data(h) == pytest.approx([sigmoid(o) * math.tanh(c)], rel=1e-14)


def test_an_lstm_starts_from_zeros_and_gives_h():
    cell = LSTMCell(1, 2, rng=1)
    assert data(cell([1.0])) == data(cell([1.0], ([0.0, 0.0], [0.0, 0.0])))
    outputs, [(h, c)] = LSTM(1, 2, rng=1)([[1.0], [2.0]])
    assert data(outputs[-1]) == data(h) != data(c)


def test_gru_cell_by_hand():
    cell = filled(GRUCell(1, 1), weight_ih=[[1.0], [2.0], [3.0]], weight_hh=[[0.1], [0.2], [0.3]])
    for biases, numbers in ((cell.bias_ih, [0.5, 0.6, 0.7]), (cell.bias_hh, [0.0, 0.0, 0.8])):
        for b, number in zip(biases, numbers, strict=True):
            b.data = number
    r, z = sigmoid(0.5 + 0.2 + 0.5), sigmoid(1.0 + 0.4 + 0.6)
    n = math.tanh(1.5 + 0.7 + r * (0.6 + 0.8))
    assert data(cell([0.5], [2.0])) == pytest.approx([(1.0 - z) * n + z * 2.0], rel=1e-14)


@pytest.mark.parametrize("kind", [RNN, GRU, LSTM])
def test_a_network_is_its_cells_step_by_step(kind):
    network = kind(2, 3, num_layers=2, rng=1)
    x = drawn(random.Random(2), 4, 2)
    outputs, states = network(x)
    below, above = network.cells[0].start(), network.cells[1].start()
    for step, output in zip(x, outputs, strict=True):
        below = network.cells[0](step, below)
        above = network.cells[1](network.cells[0].output(below), above)
        assert data(network.cells[1].output(above)) == data(output)
    assert data(states) == [data(below), data(above)]
    rest, _ = network(x[2:], network(x[:2])[1])
    assert data(rest) == data(outputs[2:])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: RNNCell(2, 3)([1.0]), "RNNCell needs 2 numbers for one example, got 1"),
        (lambda: GRUCell(2, 3)([1.0, 2.0], [1.0]), "GRUCell needs 3 numbers for one example, got 1"),
        (lambda: LSTMCell(2, 3)([1.0, 2.0], [0.0] * 3), r"LSTMCell needs the state \(h, c\), two vectors, got"),
        (lambda: LSTMCell(2, 2)([1.0, 2.0], [0.0] * 2), r"LSTMCell needs the state \(h, c\), two vectors, got"),
        (lambda: LSTMCell(2, 3)([1.0, 2.0], ([0.0] * 3,)), r"LSTMCell needs the state \(h, c\)"),
        (lambda: LSTMCell(2, 3)([1.0, 2.0], 0.0), r"LSTMCell needs the state \(h, c\)"),
        (lambda: LSTMCell(2, 3)([1.0, 2.0], ([0.0] * 3, [0.0])), "LSTMCell needs 3 numbers for one example, got 1"),
        (
            lambda: GRU(2, 3)([1.0, 2.0]),
            "GRU needs a sequence: a list of vectors of 2 numbers, got 2; a sequence of one",
        ),
        (lambda: GRU(2, 3)([]), "GRU needs a sequence: a list of vectors of 2 numbers, got 0"),
        (lambda: GRU(2, 3)(1.0), r"GRU needs a sequence: a list of vectors of 2 numbers, got 1\.0"),
        (lambda: GRU(1, 3)([[1.0], [1.0, 2.0]]), "GRU needs 1 number for one example, got 2"),
        (lambda: RNN(1, 1, 2)([[1.0]], [[0.0]]), r"RNN needs one state for each of its 2 layers, got \[\[0\.0\]\]"),
        (lambda: RNN(1, 1, 2)([[1.0]], 0.0), r"RNN needs one state for each of its 2 layers, got 0\.0"),
        (lambda: RNN(1, 2)([[1.0]], [[0.0]]), r"RNN/cells\[0\] needs 2 numbers for one example, got 1"),
    ],
)
def test_sequences_and_states_that_do_not_fit_are_refused(call, message):
    with pytest.raises(ShapeError, match=message):
        call()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: LSTM(2, 3, dropout=0.5),
            "LSTM got an unexpected keyword argument 'dropout'; its settings are input_size",
        ),
        (
            lambda: GRU(2, 3, nonlinearity="relu"),
            "GRU got an .* 'nonlinearity'; its settings are .*bias, rng, num_layers$",
        ),
        (
            lambda: RNN(2, 3, hidden=0.5),
            "RNN got an .* 'hidden'; its settings are .*bias, nonlinearity, rng, num_layers$",
        ),
    ],
)
def test_networks_refuse_settings_that_their_cells_lack(make, message):
    with pytest.raises(ParameterError, match=message):
        make()


def test_states_are_taken_as_arrays():
    cell = LSTMCell(1, 2)
    assert data(cell([1.0], np.ones((2, 2)))) == data(cell([1.0], ([1.0, 1.0], [1.0, 1.0])))
    network = GRU(1, 2, num_layers=2)
    assert data(network([[1.0]], np.ones((2, 2)))[0]) == data(network([[1.0]], [[1.0, 1.0]] * 2)[0])


def test_nonlinearities():
    with pytest.raises(ParameterError, match="nonlinearity is an operation with one operand, got None; use 'tanh'"):
        RNNCell(1, 1, nonlinearity=None)
    with pytest.raises(
        ParameterError, match=r"activation 'rellu' is no operation with one operand; did you mean relu\?"
    ):
        RNN(1, 1, nonlinearity="rellu")
    assert repr(RNN(2, 3, 2, bias=False, nonlinearity="relu")).partition(":")[0] == (
        "RNN(2, 3, bias=False, nonlinearity='relu', num_layers=2)"
    )
    assert [m.extra_repr() for m in (RNNCell(2, 3), LSTM(2, 3), GRUCell(2, 3, False))] == [
        "2, 3",
        "2, 3",
        "2, 3, bias=False",
    ]


# ---------------------------------------------------------------- attention


def test_attention_by_hand():
    identity = {"weight": [[1.0, 0.0], [0.0, 1.0]]}
    attention = MultiheadAttention(2, 1, bias=False)
    for linear in (attention.query, attention.key, attention.value, attention.out):
        filled(linear, **identity)
    x = [[1.0, 0.0], [0.0, 2.0]]
    y, weights = attention(x, need_weights=True)
    a, b = math.exp(1.0 / math.sqrt(2.0)), math.exp(4.0 / math.sqrt(2.0))
    expected = [[a / (a + 1.0), 1.0 / (a + 1.0)], [1.0 / (1.0 + b), b / (1.0 + b)]]
    assert data(weights) == [[pytest.approx(row, rel=1e-14) for row in expected]]
    assert data(y) == [pytest.approx([row[0], 2.0 * row[1]], rel=1e-14) for row in expected]


def test_attention_sums_to_one_and_does_not_look_ahead():
    attention = MultiheadAttention(4, 2, causal=True, rng=1)
    x = drawn(random.Random(3), 5, 4)
    y, weights = attention(x, need_weights=True)
    assert [[len(row) for row in head] for head in weights] == [[1, 2, 3, 4, 5]] * 2
    assert [sum(row) for head in data(weights) for row in head] == pytest.approx([1.0] * 10)
    changed = [*x[:3], [9.0] * 4, [-9.0] * 4]
    assert data(attention(changed))[:3] == data(y)[:3]
    assert data(attention(changed))[3:] != data(y)[3:]


def test_attention_of_other_lengths():
    attention = MultiheadAttention(4, 2, rng=1)
    x, memory = drawn(random.Random(3), 2, 4), drawn(random.Random(4), 5, 4)
    assert shape_of(attention(x, memory)) == (2, 4)
    _, weights = attention(x, memory, need_weights=True)
    assert shape_of(weights) == (2, 2, 5)
    assert data(attention(x, memory)) == data(attention(x, memory, memory)) == data(attention(query=x, key=memory))
    assert data(attention(x)) == data(attention(x, x, x))


def test_attention_lifts_the_numbers_of_one_sequence_once():
    nodes = topological_order(numbers_in(MultiheadAttention(2, 1)([[1.0, 2.0]])))
    assert sum(isinstance(node, Constant) for node in nodes) == 2 + 1 + 1  # x, the scale, the largest score


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: m([1.0, 2.0]), "MultiheadAttention needs a sequence: a list of vectors of 2 numbers, got 2"),
        (lambda m: m([[1.0]]), "MultiheadAttention needs 2 numbers for one example, got 1"),
        (lambda m: m([[1.0, 2.0]], [[1.0]]), "MultiheadAttention needs 2 numbers for one example, got 1"),
        (
            lambda m: m([[1.0, 2.0]], [[1.0, 2.0]], [[1.0, 2.0]] * 3),
            "needs a value for each key, got 1 queries, 1 keys and 3 values",
        ),
    ],
)
def test_attention_refuses_what_does_not_fit(call, message):
    with pytest.raises(ShapeError, match=message):
        call(MultiheadAttention(2, 1))


def test_causal_attention_needs_a_key_for_each_query():
    with pytest.raises(
        ShapeError, match="a value for each key and, being causal, for each query, got 1 queries, 2 keys and 2"
    ):
        MultiheadAttention(2, 1, causal=True)([[1.0, 2.0]], [[1.0, 2.0]] * 2)


def test_heads_divide_the_vectors():
    with pytest.raises(ParameterError, match="cut into num_heads equal parts, got 5 and 2; use embed_dim=6"):
        MultiheadAttention(5, 2)
    assert [m.extra_repr() for m in (MultiheadAttention(4, 2), MultiheadAttention(4, 1, causal=True))] == [
        "4, num_heads=2",
        "4, num_heads=1, causal=True",
    ]


# ---------------------------------------------------------------- containers


def test_sequential():
    model = Sequential(Linear(2, 3, rng=0), ReLU(), sum)
    assert model([1.0, 2.0]).data == sum(data(ReLU()(model[0]([1.0, 2.0]))))
    assert (len(model), model[1], list(model)) == (3, model.layers[1], model.layers)
    assert [name for name, _ in model.named_tensors()] == ["layers.0.weight", "layers.0.bias"]


@pytest.mark.parametrize(
    ("modules", "message"),
    [
        ((), "Sequential needs at least one module"),
        ((Flatten(), ReLU), r"module 1 of Sequential is a module or function, got the class; use ReLU\(\.\.\.\)"),
        (([Linear(1, 1)],), "module 0 of Sequential is a module or function, got .*; separate modules by commas"),
        (("relu",), "module 0 of Sequential is a module or function, got 'relu'"),
    ],
)
def test_sequential_needs_modules(modules, message):
    with pytest.raises(ParameterError, match=message):
        Sequential(*modules)


def test_residual():
    double = Residual(lambda x: mapped(x, lambda number: 2.0 * number))
    assert data(double(3.0)) == 9.0
    assert data(double([[1.0, 2.0], [3.0, 4.0]])) == [[3.0, 6.0], [9.0, 12.0]]
    x = [Value(1.0), Value(2.0)]
    backward(Residual(Tanh())(x))
    assert [v.grad for v in x] == pytest.approx([2.0 - math.tanh(v.data) ** 2 for v in x])
    with pytest.raises(ShapeError, match=r"Residual adds .* both need one shape, got 3 for 2"):
        Residual(Linear(2, 3))([1.0, 2.0])
    with pytest.raises(ShapeError, match="got one number for 1"):
        Residual(lambda x: x[0])([1.0])
    with pytest.raises(
        ParameterError, match=r"the module of Residual is a module or function, got the class; use Tanh\("
    ):
        Residual(Tanh)


def test_a_residual_makes_values_of_plain_numbers():
    assert [type(y) for y in Residual(lambda x: x)([1.0, 2.0])] == [Value, Value]


def test_sums_need_one_shape():
    assert data(added([[1.0], [2.0]], np.array([[10.0], [20.0]]))) == [[11.0], [22.0]]
    assert data(added(1.0, 2.0)) == 3.0
    for x, y, shapes in (
        ([1.0], 2.0, "1 and one number"),
        (2.0, [1.0], "one number and 1"),
        ([1.0, 2.0], [1.0], "2 and 1"),
        ([[1.0], [1.0, 2.0]], [[1.0], [1.0, 2.0]], "a ragged list and a ragged list"),
    ):
        with pytest.raises(ShapeError, match=f"added needs two of one shape, got {shapes}$"):
            added(x, y)


def test_flatten():
    assert Flatten()([[[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0], [7.0, 8.0]]]) == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]
    assert Flatten()(3.0) == [3.0]
    assert Flatten()([]) == []


# ---------------------------------------------------------------- perceptron: bias, init, activations


def test_mlp_without_biases():
    model = MLP(2, [3, 1], bias=False)
    assert [len(tensor) for _, tensor in model.named_tensors()] == [2, 2, 2, 3]
    assert repr(model).startswith("MLP(2, [3, 1], activation='tanh', bias=False): 9 parameters")
    assert data(model([0.0, 0.0])) == 0.0


def test_mlp_with_an_activation_for_each_layer():
    model = MLP(1, [2, 2, 1], ["relu", None, ops.sigmoid])
    assert [layer.activation for layer in model.layers] == ["relu", None, ops.sigmoid]
    assert 0.0 < model([1.0]).data < 1.0
    assert repr(model).startswith("MLP(1, [2, 2, 1], activation=['relu', None, 'sigmoid']): ")
    with pytest.raises(ParameterError, match="one for each of the 2 layers, got 1; None stands for linear"):
        MLP(1, [2, 1], ["relu"])
    with pytest.raises(ParameterError, match="activation 'rellu' is no operation"):
        MLP(1, [2, 1], ("tanh", "rellu"))
    with pytest.raises(ParameterError, match="activation 'rellu' is no operation"):
        MLP(1, [1], "rellu")


def weights_of(model):
    return [p.data for name, p in model.named_parameters() if "weights" in name]


def biases_of(model):
    return [p.data for name, p in model.named_parameters() if name.endswith("bias")]


def test_the_usual_start_of_weights_and_biases():
    model = MLP(4, [30, 1], rng=0)
    assert 0.4 < max(map(abs, weights_of(model.layers[0]))) <= 0.5
    assert all(biases_of(model))


@pytest.mark.parametrize(
    "name", ["xavier_uniform_", "xavier_normal_", "kaiming_uniform_", "kaiming_normal_", "normal_"]
)
def test_weights_start_as_an_initialiser_says(name):
    rng = random.Random(5)
    layer = Layer(3, 4, init=name, rng=rng)
    again = random.Random(5)
    Layer(3, 4, rng=again)  # draws the usual numbers first
    weight = [[Value(0.0) for _ in range(3)] for _ in range(4)]
    getattr(init, name)(weight, rng=again)
    assert weights_of(layer) == [w.data for row in weight for w in row]
    assert biases_of(layer) == [0.0] * 4
    assert weights_of(Layer(3, 4, init=getattr(init, name), rng=random.Random(5))) == weights_of(layer)


def test_initialisers_without_random_numbers_and_of_ones_own():
    assert set(weights_of(MLP(2, [2, 1], init="zeros_"))) == {0.0}
    assert set(weights_of(Neuron(2, init=lambda weight: init.constant_(weight, 0.25)))) == {0.25}
    shapes = []
    MLP(2, [3, 1], init=lambda weight, rng: shapes.append((shape_of(weight), type(rng))))
    assert shapes == [((3, 2), random.Random), ((1, 3), random.Random)]
    model = MLP(2, [20, 1], init="xavier_uniform_", rng=0)
    assert len(set(weights_of(model))) == 60


@pytest.mark.parametrize("name", ["kaiming", "calculate_gain", "constant_", "", "__doc__", 3, ["zeros_"]])
def test_unknown_initialisers_are_refused(name):
    with pytest.raises(ParameterError, match=r"init is a function or one of .*kaiming_normal_, .*, got"):
        MLP(2, [1], init=name)
    with pytest.raises(ParameterError, match=r"did you mean xavier_normal_\?"):
        Neuron(2, init="xavier_normal")


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (init.constant_, "missing a required argument: 'val'"),
        (lambda: None, "too many positional arguments"),
        (max, "no signature found for .*max"),
    ],
)
def test_initialisers_that_need_more_or_less_are_refused(function, reason):
    name = function.__name__
    with pytest.raises(
        ParameterError,
        match=rf"called with the matrix .* {name} needs more, or less \({reason}.*\): use init=lambda weights: {name}",
    ):
        Layer(2, 2, init=function)


# ---------------------------------------------------------------- modules inside, their mode, their layers


@pytest.fixture
def model():
    return Sequential(Linear(2, 3, rng=0), BatchNorm1d(3), Residual(Sequential(Dropout(), Tanh())), MLP(3, [2, 1]))


def test_named_modules(model):
    names = [name for name, _ in model.named_modules()]
    assert names == [
        *("", "layers[0]", "layers[1]", "layers[2]", "layers[2].module", "layers[2].module.layers[0]"),
        *("layers[2].module.layers[1]", "layers[3]", "layers[3].layers[0]", "layers[3].layers[0].neurons[0]"),
        *("layers[3].layers[0].neurons[1]", "layers[3].layers[1]", "layers[3].layers[1].neurons[0]"),
    ]
    assert [name for name, _ in model.named_modules(into_layers=False)] == [n for n in names if "neurons" not in n]
    assert model.modules() == [module for _, module in model.named_modules()]
    assert model.modules()[0] is model


def test_a_module_held_twice_counts_once():
    shared = Linear(2, 2)
    model = Sequential(shared, ReLU(), shared)
    assert [name for name, _ in model.named_modules()] == ["", "layers[0]", "layers[1]"]
    assert len(model.parameters()) == 6
    assert {y.scope for y in model([1.0, 2.0])} == {"Sequential/layers[0]"}


def test_modules_that_refer_to_each_other_are_visited_once():
    one, other = Sequential(Tanh()), Sequential(Tanh())
    one.friend, other.friend = other, one
    assert [name for name, _ in one.named_modules()] == ["", "layers[0]", "friend", "friend.layers[0]"]
    assert one.train(False).friend.layers[0].training is False
    assert one.state_dict() == {}
    pair = Sequential(one, other)
    assert pair.parameters() == []


def test_train_and_eval_reach_every_module(model):
    assert all(module.training for module in model.modules())
    assert model.eval() is model
    assert {module.training for module in model.modules()} == {False}
    assert model.train() is model
    assert {module.training for module in model.modules()} == {True}
    model[2].eval()
    assert [model.training, model[2].training, model[2].module[0].training] == [True, False, False]
    assert Tanh().training is True


def test_named_layers(model):
    layers = model.named_layers()
    assert [(name, len(parameters)) for name, parameters in layers] == [
        ("layers[0]", 9),
        ("layers[1]", 6),
        ("layers[3].layers[0]", 8),
        ("layers[3].layers[1]", 3),
    ]
    assert [p for _, parameters in layers for p in parameters] == model.parameters()
    assert [(name, len(parameters)) for name, parameters in Linear(2, 1).named_layers()] == [("Linear", 3)]
    assert [name for name, _ in GRU(1, 1, 2).named_layers()] == ["cells[0]", "cells[1]"]
    assert Tanh().named_layers() == []


def test_a_parameter_used_in_two_places_counts_once():
    class Model(Module):
        def __init__(self):
            w = Value(2.0)
            self.pair, self.again, self.other = [w, w], w, Value(2.0)

    model = Model()
    assert [name for name, _ in model.named_parameters()] == ["pair.0", "other"]
    assert len(model.parameters()) == 2
    assert [(name, len(parameters)) for name, parameters in model.named_layers()] == [("Model", 2)]


def test_lists_of_unequal_lengths_are_tensors_of_their_own():
    class Model(Module):
        def __init__(self):
            self.parts = [Value(1.0), [Value(2.0), Value(3.0)]]

    assert Model().state_dict() == {"parts.0": 1.0, "parts.1": [2.0, 3.0]}


def test_iterators_in_attributes_are_left_alone():
    class Model(Module):
        def __init__(self):
            self.sources = [iter([Value(1.0)])]
            self.weight = Value(1.0)

    model = Model()
    assert [name for name, _ in model.named_parameters()] == ["weight"]
    assert len(list(model.sources[0])) == 1


# ---------------------------------------------------------------- scopes


def test_scopes_name_the_way_to_each_module():
    block = Residual(Sequential(LayerNorm(4), MultiheadAttention(4, 2)))
    nodes = topological_order(numbers_in(block(drawn(random.Random(1), 2, 4))))
    assert {node.scope for node in nodes if node.op is not None} == {
        "Residual",
        "Residual/module/layers[0]",
        "Residual/module/layers[1]",
        *(f"Residual/module/layers[1]/{part}" for part in ("query", "key", "value", "out")),
    }


def test_errors_name_the_part_that_was_called():
    model = Sequential(Linear(2, 3), Tanh(), Linear(2, 1))
    with pytest.raises(ShapeError, match=r"Sequential/layers\[2\] needs 2 numbers for one example, got 3"):
        model([1.0, 2.0])


# ---------------------------------------------------------------- printed forms


def test_equal_parts_are_shown_as_one_line():
    assert repr(Layer(1, 3)).splitlines()[1:] == [
        "  neurons[0] to neurons[2], each: Neuron(1, activation='tanh'): 2 parameters"
    ]


def test_the_summary_without_an_example(model):
    assert model.summary().splitlines() == [
        "name                         module                                  parameters",
        "───────────────────────────────────────────────────────────────────────────────",
        "                             Sequential()                                    26",
        "layers[0]                    Linear(in_features=2, out_features=3)            9",
        "layers[1]                    BatchNorm1d(3)                                   6",
        "layers[2]                    Residual()                                       0",
        "layers[2].module             Sequential()                                     0",
        "layers[2].module.layers[0]   Dropout(p=0.5)                                   0",
        "layers[2].module.layers[1]   Tanh()                                           0",
        "layers[3]                    MLP(3, [2, 1], activation='tanh')               11",
        "layers[3].layers[0]          Layer(3, 2, activation='tanh')                   8",
        "layers[3].layers[1]          Layer(2, 1, activation=None)                     3",
    ]


class Tagger(Module):
    """A model with a part that is not called."""

    def __init__(self):
        self.table, self.network, self.norm = Embedding(5, 2), LSTM(2, 3), BatchNorm1d(3)
        self.spare = Linear(1, 1)

    def forward(self, indices):
        outputs, _ = self.network(self.table(indices))
        return self.norm(outputs)


def test_the_summary_with_an_example_shows_what_each_part_returns():
    rows = [line.split("   ") for line in Tagger().summary([0, 1, 4, 2]).splitlines()]
    cells = [[cell.strip() for cell in row if cell.strip()] for row in rows]
    assert cells[0] == ["name", "module", "returns", "parameters"]
    assert cells[2:] == [
        ["Tagger()", "4 x 3", "102"],
        ["table", "Embedding(5, 2)", "4 x 2", "10"],
        ["network", "LSTM(2, 3)", "4 x 3, 1 x 2 x 3", "84"],
        ["network.cells[0]", "LSTMCell(2, 3)", "3, 3", "84"],
        ["norm", "BatchNorm1d(3)", "4 x 3", "6"],
        ["spare", "Linear(in_features=1, out_features=1)", "not called", "2"],
    ]


def test_a_summary_leaves_the_model_as_it_is():
    model = Tagger()
    model.spare.eval()
    before, attributes = model.state_dict(), set(vars(model))
    model.summary([0, 1])
    with pytest.raises(ParameterError, match="Tagger/table needs an index"):
        model.summary([7])
    assert model.state_dict() == before
    assert [module.training for module in model.modules()] == [True, True, True, True, True, False]
    assert all("forward" not in vars(module) for module in model.modules())
    assert set(vars(model)) - {"training", "_named"} == attributes - {"_named"}
    assert model([0, 1])[0][0].op is not None


def test_long_settings_are_not_cut_off_in_a_summary():
    class Long(Module):
        def extra_repr(self):
            return "x" * 300

    assert f"Long({'x' * 300})" in Long().summary()


# ---------------------------------------------------------------- shapes


@pytest.mark.parametrize(
    ("thing", "expected"),
    [
        ([], True),
        ((1.0,), True),
        (np.zeros(1), True),
        (range(3), True),
        (np.zeros(()), False),
        (np.float64(1.0), False),
        (1.0, False),
        (1, False),
        (Value(1.0), False),
        ("ab", False),
        (b"ab", False),
        ({"a": 1.0}, False),
        ({1.0}, False),
        (iter([1.0]), False),
        (None, False),
    ],
)
def test_what_counts_as_a_list(thing, expected):
    assert is_list(thing) is expected


@pytest.mark.parametrize(
    ("tensor", "shape", "text"),
    [
        (1.0, (), "one number"),
        ([], (0,), "0"),
        (np.zeros(0), (0,), "0"),
        ([Value(1.0), 2.0, 3], (3,), "3"),
        ([[1.0, 2.0], (3.0, 4.0), np.zeros(2)], (3, 2), "3 x 2"),
        ([[], []], (2, 0), "2 x 0"),
        ([[1.0], [1.0, 2.0]], None, "a ragged list"),
        ([1.0, [1.0]], None, "a ragged list"),
        ([[[1.0]], [[1.0, 2.0]]], None, "a ragged list"),
    ],
)
def test_shapes_of_lists(tensor, shape, text):
    assert shape_of(tensor) == shape
    assert shape_text(shape_of(tensor)) == text


def test_arrays_and_tuples_become_lists_of_floats():
    listed = listed_numbers((np.array([1.0, 2.0]), (3.0, np.array(4.0))))
    assert listed == [[1.0, 2.0], [3.0, 4.0]]
    assert {type(number) for row in listed for number in row} == {float}


def test_tensors_whose_items_are_tensors_are_taken():
    class Tensor:
        def __init__(self, numbers):
            self.numbers = numbers

        def tolist(self):
            return self.numbers

        def __len__(self):
            return len(self.numbers)

        def __getitem__(self, i):
            return Tensor(self.numbers[i])

    layer = Linear(2, 1, rng=0)
    assert data(layer(Tensor([[1.0, 2.0], [3.0, 4.0]]))) == data(layer([[1.0, 2.0], [3.0, 4.0]]))
    assert data(layer(Tensor([1.0, 2.0]))) == data(layer([1.0, 2.0]))


def test_the_summary_is_plain_text_also_on_a_terminal(monkeypatch):
    expected = Linear(2, 1).summary()
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    assert Linear(2, 1).summary() == expected


def test_the_summary_is_text_in_a_notebook_too(monkeypatch):
    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)
    assert "parameters" in Linear(2, 1).summary()
