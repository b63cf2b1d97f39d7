"""Every module against PyTorch of the same name in float64: values, gradients of inputs and of each parameter."""

import random

import pytest

from autograd_tiny import Value, backward, nn, ops
from autograd_tiny.nn.shapes import mapped, numbers_in, shape_of

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.slow  # PyTorch alone takes seconds to import


def drawn(rng, *shape):
    """Return nested lists of Gaussian numbers."""
    return [drawn(rng, *shape[1:]) for _ in range(shape[0])] if shape else rng.gauss(0.0, 1.0)


def tensor(numbers, grad=False):
    return torch.tensor(numbers, dtype=torch.float64, requires_grad=grad)


def double(make, *args, **settings):
    return make(*args, dtype=torch.float64, **settings)


def agree(ours, theirs):
    theirs = theirs.detach()
    assert shape_of(ours) == tuple(theirs.shape)
    assert numbers_in(mapped(ours, float)) == pytest.approx(theirs.flatten().tolist(), rel=1e-10, abs=1e-12)


def grads(values):
    return mapped(values, lambda value: value.grad)


def compare(ours, theirs, inputs, tensors=None, renamed=None, seed=5):
    """Compare the results of two models on inputs, and every derivative of a random combination of the results.

    Args:
        ours, theirs: models with equal parameters, or functions that call them.
        inputs: nested lists of numbers, one for each argument.
        tensors: the arguments of PyTorch; the inputs as they are if not given.
        renamed: our parameters' name -> theirs; the same names if not given.
    """
    xs = [mapped(x, Value) for x in inputs]
    ts = [tensor(x, grad=True) for x in inputs] if tensors is None else tensors
    for parameter in ours.parameters():
        parameter.grad = 0.0
    for parameter in theirs.parameters():
        parameter.grad = None
    y, t = ours(*xs), theirs(*ts)
    agree(y, t)
    seeds = [random.Random(seed).gauss(0.0, 1.0) for _ in range(t.numel())]
    backward(numbers_in(y), seeds)
    t.backward(tensor(seeds).reshape(t.shape))
    if tensors is None:
        for x, tx in zip(xs, ts, strict=True):
            agree(grads(x), tx.grad)
    theirs_by_name = dict(theirs.named_parameters())
    ours_by_name = dict(ours.named_tensors())
    renamed = {name: name for name in ours_by_name} if renamed is None else renamed
    assert set(renamed) == set(ours_by_name)
    assert set(renamed.values()) == set(theirs_by_name)
    for name, other in renamed.items():
        agree(grads(ours_by_name[name]), theirs_by_name[other].grad)
    return y


def twins(ours, theirs):
    """Give our model the parameters of theirs, whose names are the same."""
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


# ---------------------------------------------------------------- linear and embedding


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(4,), (5, 4), (2, 3, 4)])
def test_linear(shape, bias):
    ours, theirs = twins(nn.Linear(4, 3, bias), double(torch.nn.Linear, 4, 3, bias))
    compare(ours, theirs, [drawn(random.Random(1), *shape)])


@pytest.mark.parametrize("index", [2, [0, 3, 3], [[1], [1], [2]]])
def test_embedding(index):
    ours, theirs = twins(nn.Embedding(5, 3), double(torch.nn.Embedding, 5, 3))
    weight = ours.weight
    y, t = ours(index), theirs(torch.tensor(index))
    agree(y, t)
    backward([v * v for v in numbers_in(y)])
    (t * t).sum().backward()
    used = [[v.grad for v in row] for row in weight]
    agree(used, theirs.weight.grad)


# ---------------------------------------------------------------- activations

ACTIVATIONS = [
    (nn.ReLU(), torch.nn.ReLU()),
    (nn.LeakyReLU(), torch.nn.LeakyReLU()),
    (nn.LeakyReLU(0.3), torch.nn.LeakyReLU(0.3)),
    (nn.ELU(), torch.nn.ELU()),
    (nn.ELU(2.5), torch.nn.ELU(2.5)),
    (nn.GELU(), torch.nn.GELU()),
    (nn.GELU("tanh"), torch.nn.GELU(approximate="tanh")),
    (nn.SiLU(), torch.nn.SiLU()),
    (nn.Mish(), torch.nn.Mish()),
    (nn.Softplus(), torch.nn.Softplus(threshold=1e9)),
    (nn.Sigmoid(), torch.nn.Sigmoid()),
    (nn.Tanh(), torch.nn.Tanh()),
    (nn.Softmax(), torch.nn.Softmax(-1)),
    (nn.LogSoftmax(), torch.nn.LogSoftmax(-1)),
]


@pytest.mark.parametrize(("ours", "theirs"), ACTIVATIONS, ids=[repr(pair[1]) for pair in ACTIVATIONS])
@pytest.mark.parametrize("shape", [(7,), (3, 4), (2, 1, 3)])
def test_activations(ours, theirs, shape):
    rng = random.Random(2)
    compare(ours, theirs, [mapped(drawn(rng, *shape), lambda x: 3.0 * x)])
    compare(ours, theirs, [mapped(drawn(rng, *shape), lambda x: 15.0 * x)])


@pytest.mark.parametrize(("ours", "theirs"), ACTIVATIONS[:-2], ids=[repr(pair[1]) for pair in ACTIVATIONS[:-2]])
def test_activations_of_one_number(ours, theirs):
    for x in (-1.3, 0.0, 0.7):
        if x or not isinstance(ours, (nn.LeakyReLU, nn.ELU)):  # at the kink PyTorch takes the slope above 0
            compare(ours, theirs, [x])


# ---------------------------------------------------------------- convolutions and pooling


@pytest.mark.parametrize(
    ("channels", "settings", "length"),
    [
        ((1, 1), {"kernel_size": 1}, 1),
        ((2, 3), {"kernel_size": 3}, 7),
        ((2, 3), {"kernel_size": 3, "stride": 2, "padding": 1}, 8),
        ((3, 1), {"kernel_size": 4, "stride": 3, "padding": 4, "bias": False}, 5),
    ],
)
def test_conv1d(channels, settings, length):
    ours, theirs = twins(nn.Conv1d(*channels, **settings), double(torch.nn.Conv1d, *channels, **settings))
    compare(ours, theirs, [drawn(random.Random(3), channels[0], length)])


@pytest.mark.parametrize(
    ("channels", "settings", "size"),
    [
        ((1, 1), {"kernel_size": 1}, (1, 1)),
        ((1, 2), {"kernel_size": 3}, (5, 4)),
        ((2, 3), {"kernel_size": (2, 3)}, (4, 5)),
        ((2, 1), {"kernel_size": (3, 1), "stride": (1, 2)}, (4, 5)),
        ((1, 2), {"kernel_size": (1, 3), "stride": (2, 1), "padding": (0, 2)}, (4, 3)),
        ((2, 2), {"kernel_size": 2, "stride": 2, "padding": 1, "bias": False}, (3, 6)),
        ((1, 1), {"kernel_size": (4, 5), "padding": (2, 1), "stride": 3}, (5, 6)),
    ],
)
def test_conv2d(channels, settings, size):
    ours, theirs = twins(nn.Conv2d(*channels, **settings), double(torch.nn.Conv2d, *channels, **settings))
    compare(ours, theirs, [drawn(random.Random(4), channels[0], *size)])


@pytest.mark.parametrize("name", ["MaxPool2d", "AvgPool2d"])
@pytest.mark.parametrize(
    ("args", "size"), [((2,), (4, 6)), ((2,), (5, 5)), (((1, 3),), (3, 7)), ((3, 1), (4, 5)), ((2, (3, 1)), (6, 4))]
)
def test_pooling(name, args, size):
    compare(getattr(nn, name)(*args), getattr(torch.nn, name)(*args), [drawn(random.Random(5), 2, *size)])


# ---------------------------------------------------------------- normalisation


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("eps", [1e-5, 0.3])
@pytest.mark.parametrize("name", ["LayerNorm", "RMSNorm"])
def test_layer_norm_and_rms_norm(name, eps, affine):
    ours = getattr(nn, name)(4, eps, affine)
    theirs = double(getattr(torch.nn, name), 4, eps=eps, elementwise_affine=affine)
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.copy_(tensor(drawn(random.Random(6), 4)))
    twins(ours, theirs)
    for shape in ((4,), (3, 4), (2, 2, 4)):
        compare(ours, theirs, [drawn(random.Random(7), *shape)])


@pytest.mark.parametrize(("eps", "momentum"), [(1e-5, 0.1), (0.2, 0.7), (1e-5, 0.0), (1e-5, 1.0)])
def test_batch_norm_over_several_batches_and_in_evaluation(eps, momentum):
    ours, theirs = nn.BatchNorm1d(3, eps, momentum), double(torch.nn.BatchNorm1d, 3, eps=eps, momentum=momentum)
    rng = random.Random(8)
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.copy_(tensor(drawn(rng, 3)))
    ours.load_state_dict(theirs.state_dict(), strict=False)  # theirs also counts the batches
    for size in (2, 5, 3):
        compare(ours, theirs, [mapped(drawn(rng, size, 3), lambda x: 2.0 + 3.0 * x)])
        assert ours.running_mean == pytest.approx(theirs.running_mean.tolist(), rel=1e-12)
        assert ours.running_var == pytest.approx(theirs.running_var.tolist(), rel=1e-12)
    ours.eval(), theirs.eval()
    before = ours.state_dict()
    compare(ours, theirs, [drawn(rng, 4, 3)])
    compare(ours, theirs, [drawn(rng, 1, 3)])
    assert ours.state_dict() == before


def test_the_buffers_of_a_batch_norm_load_too():
    theirs = double(torch.nn.BatchNorm1d, 2)
    theirs(tensor(drawn(random.Random(9), 6, 2)))
    ours = nn.BatchNorm1d(2)
    assert ours.load_state_dict(theirs.state_dict(), strict=False) == ([], ["num_batches_tracked"])
    compare(ours.eval(), theirs.eval(), [drawn(random.Random(9), 3, 2)])


# ---------------------------------------------------------------- recurrent networks


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(
    ("name", "settings"), [("RNNCell", {}), ("RNNCell", {"nonlinearity": "relu"}), ("GRUCell", {})]
)
def test_cells(name, settings, bias):
    ours = getattr(nn, name)(3, 2, bias, **settings)
    theirs = double(getattr(torch.nn, name), 3, 2, bias, **settings)
    twins(ours, theirs)
    compare(ours, theirs, [drawn(random.Random(10), 3), drawn(random.Random(11), 2)])
    compare(ours, theirs, [drawn(random.Random(10), 3)])


@pytest.mark.parametrize("part", [0, 1], ids=["h", "c"])
@pytest.mark.parametrize("bias", [True, False])
def test_lstm_cell(bias, part):
    ours, theirs = twins(nn.LSTMCell(3, 2, bias), double(torch.nn.LSTMCell, 3, 2, bias))
    rng = random.Random(12)
    inputs = [drawn(rng, 3), drawn(rng, 2), drawn(rng, 2)]
    compare(
        Part(ours, lambda x, h, c: ours(x, (h, c))[part]), Part(theirs, lambda x, h, c: theirs(x, (h, c))[part]), inputs
    )


class Part:
    """A model whose call is another function: one part of its results."""

    def __init__(self, model, call):
        self.model, self.call = model, call

    def __call__(self, *inputs):
        return self.call(*inputs)

    def __getattr__(self, name):
        return getattr(self.model, name)


def layered(name, sizes, bias=True, **settings):
    """Return our network, PyTorch's, and the names of the parameters in both."""
    ours = getattr(nn, name)(*sizes, bias=bias, **settings)
    theirs = double(getattr(torch.nn, name), *sizes, bias=bias, **settings)
    kinds = ["weight_ih", "weight_hh"] + ["bias_ih", "bias_hh"] * bias
    renamed = {f"cells.{k}.{kind}": f"{kind}_l{k}" for k in range(sizes[2]) for kind in kinds}
    state = theirs.state_dict()
    ours.load_state_dict({our: state[other] for our, other in renamed.items()})
    return ours, theirs, renamed


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize(
    ("name", "settings"), [("RNN", {}), ("RNN", {"nonlinearity": "relu"}), ("GRU", {}), ("LSTM", {})]
)
def test_networks_on_a_sequence(name, settings, layers, bias):
    ours, theirs, renamed = layered(name, (3, 2, layers), bias, **settings)
    x = [drawn(random.Random(13), 4, 3)]
    compare(Part(ours, lambda x: ours(x)[0]), Part(theirs, lambda x: theirs(x)[0]), x, renamed=renamed)
    if name != "LSTM":
        compare(Part(ours, lambda x: ours(x)[1]), Part(theirs, lambda x: theirs(x)[1]), x, renamed=renamed)


@pytest.mark.parametrize("name", ["RNN", "GRU"])
def test_networks_with_given_states(name):
    ours, theirs, renamed = layered(name, (3, 2, 2))
    inputs = [drawn(random.Random(14), 4, 3), drawn(random.Random(15), 2, 2)]
    for part in (0, 1):
        compare(
            Part(ours, lambda x, h, part=part: ours(x, h)[part]),
            Part(theirs, lambda x, h, part=part: theirs(x, h)[part]),
            inputs,
            renamed=renamed,
        )


def test_lstm_with_given_states():
    ours, theirs, renamed = layered("LSTM", (3, 2, 2))
    rng = random.Random(16)
    inputs = [drawn(rng, 4, 3), drawn(rng, 2, 2), drawn(rng, 2, 2)]

    def all_ours(x, h, c):
        outputs, states = ours(x, list(zip(h, c, strict=True)))
        return outputs + [h for h, _ in states] + [c for _, c in states]

    def all_theirs(x, h, c):
        outputs, (h, c) = theirs(x, (h, c))
        return torch.cat([outputs, h, c])

    compare(Part(ours, all_ours), Part(theirs, all_theirs), inputs, renamed=renamed)


# ---------------------------------------------------------------- attention


class TorchAttention(torch.nn.Module):
    """PyTorch's scaled dot-product attention between linear maps with our names."""

    def __init__(self, size, heads, bias, causal):
        super().__init__()
        self.query, self.key, self.value, self.out = (double(torch.nn.Linear, size, size, bias) for _ in range(4))
        self.heads, self.causal = heads, causal

    def cut(self, x):
        return x.reshape(len(x), self.heads, -1).transpose(0, 1)

    def forward(self, query, key=None, value=None):
        key = query if key is None else key
        value = key if value is None else value
        q, k, v = self.cut(self.query(query)), self.cut(self.key(key)), self.cut(self.value(value))
        y = torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=self.causal)
        return self.out(y.transpose(0, 1).reshape(len(query), -1))


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("heads", [1, 2, 4])
@pytest.mark.parametrize("causal", [False, True])
def test_self_attention(causal, heads, bias):
    ours, theirs = twins(nn.MultiheadAttention(4, heads, bias, causal), TorchAttention(4, heads, bias, causal))
    compare(ours, theirs, [drawn(random.Random(17), 5, 4)])


def test_cross_attention():
    ours, theirs = twins(nn.MultiheadAttention(4, 2), TorchAttention(4, 2, True, False))
    rng = random.Random(18)
    compare(ours, theirs, [drawn(rng, 2, 4), drawn(rng, 5, 4)])
    compare(ours, theirs, [drawn(rng, 3, 4), drawn(rng, 5, 4), drawn(rng, 5, 4)])


def test_causal_attention_between_sequences_of_one_length():
    ours, theirs = twins(nn.MultiheadAttention(4, 2, causal=True), TorchAttention(4, 2, True, True))
    rng = random.Random(19)
    compare(ours, theirs, [drawn(rng, 3, 4), drawn(rng, 3, 4), drawn(rng, 3, 4)])


@pytest.mark.parametrize("causal", [False, True])
def test_attention_and_its_weights_as_the_module_of_pytorch_has_them(causal):
    theirs = double(torch.nn.MultiheadAttention, 4, 2)
    state = theirs.state_dict()
    weights, biases = state["in_proj_weight"].chunk(3), state["in_proj_bias"].chunk(3)
    ours = nn.MultiheadAttention(4, 2, causal=causal)
    names = ("query", "key", "value")
    ours.load_state_dict(
        {f"{name}.weight": weight for name, weight in zip(names, weights, strict=True)}
        | {f"{name}.bias": b for name, b in zip(names, biases, strict=True)}
        | {"out.weight": state["out_proj.weight"], "out.bias": drawn(random.Random(20), 4)}
    )
    with torch.no_grad():
        theirs.out_proj.bias.copy_(tensor(drawn(random.Random(20), 4)))
    x = drawn(random.Random(21), 3, 4)
    mask = torch.triu(torch.ones(3, 3, dtype=torch.bool), diagonal=1) if causal else None
    y, w = ours(x, need_weights=True)
    t, tw = theirs(tensor(x), tensor(x), tensor(x), attn_mask=mask, average_attn_weights=False)
    agree(y, t)
    agree([[row + [0.0] * (3 - len(row)) for row in head] for head in w], tw)


# ---------------------------------------------------------------- perceptron and containers


@pytest.mark.parametrize("activation", ["tanh", "relu", "sigmoid", "gelu", "silu"])
@pytest.mark.parametrize("bias", [True, False])
def test_mlp(activation, bias):
    act = {"tanh": "Tanh", "relu": "ReLU", "sigmoid": "Sigmoid", "gelu": "GELU", "silu": "SiLU"}[activation]
    theirs = torch.nn.Sequential(
        double(torch.nn.Linear, 3, 4, bias),
        getattr(torch.nn, act)(),
        double(torch.nn.Linear, 4, 3, bias),
        getattr(torch.nn, act)(),
        double(torch.nn.Linear, 3, 2, bias),
    )
    compare_mlp(nn.MLP(3, [4, 3, 2], activation, bias), theirs)


def test_mlp_with_an_activation_for_each_layer():
    linears = [double(torch.nn.Linear, 3, 4), double(torch.nn.Linear, 4, 2)]
    theirs = torch.nn.Sequential(linears[0], torch.nn.ReLU(), linears[1], torch.nn.Sigmoid())
    compare_mlp(nn.MLP(3, [4, 2], ["relu", ops.sigmoid]), theirs)


def compare_mlp(ours, theirs):
    linears = [module for module in theirs if isinstance(module, torch.nn.Linear)]
    for layer, linear in zip(ours.layers, linears, strict=True):
        weights, biases = linear.weight.tolist(), [] if linear.bias is None else linear.bias.tolist()
        for i, neuron in enumerate(layer.neurons):
            neuron.load_state_dict({"weights": weights[i]} | ({"bias": biases[i]} if biases else {}))
    x = drawn(random.Random(22), 3)
    xs, t = mapped(x, Value), tensor(x, grad=True)
    outputs, results = ours(xs), theirs(t)
    agree(outputs, results)
    backward(outputs, [1.0, -2.0])
    results.backward(tensor([1.0, -2.0]))
    agree(grads(xs), t.grad)
    for layer, linear in zip(ours.layers, linears, strict=True):
        agree([grads(neuron.weights) for neuron in layer.neurons], linear.weight.grad)
        if linear.bias is not None:
            agree([neuron.bias.grad for neuron in layer.neurons], linear.bias.grad)


def test_a_convolutional_network():
    ours = nn.Sequential(
        nn.Conv2d(1, 2, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(8, 3), nn.LogSoftmax()
    )
    theirs = torch.nn.Sequential(
        double(torch.nn.Conv2d, 1, 2, 3, padding=1),
        torch.nn.ReLU(),
        torch.nn.MaxPool2d(2),
        torch.nn.Flatten(0),
        double(torch.nn.Linear, 8, 3),
        torch.nn.LogSoftmax(-1),
    )
    renamed = {f"layers.{i}.{kind}": f"{i}.{kind}" for i in (0, 4) for kind in ("weight", "bias")}
    state = theirs.state_dict()
    ours.load_state_dict({our: state[other] for our, other in renamed.items()})
    compare(ours, theirs, [drawn(random.Random(23), 1, 4, 4)], renamed=renamed)


def test_a_transformer_block():
    class Block(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.norm, self.attention = double(torch.nn.LayerNorm, 4), TorchAttention(4, 2, True, True)
            self.second, self.up, self.down = (
                double(torch.nn.RMSNorm, 4, eps=1e-5),
                double(torch.nn.Linear, 4, 6),
                double(torch.nn.Linear, 6, 4),
            )

        def forward(self, x):
            x = x + self.attention(self.norm(x))
            return x + self.down(torch.nn.functional.silu(self.up(self.second(x))))

    class OurBlock(nn.Module):
        def __init__(self):
            self.norm, self.attention = nn.LayerNorm(4), nn.MultiheadAttention(4, 2, causal=True)
            self.second, self.up, self.down = nn.RMSNorm(4), nn.Linear(4, 6), nn.Linear(6, 4)
            self.first = nn.Residual(nn.Sequential(self.norm, self.attention))
            self.last = nn.Residual(nn.Sequential(self.second, self.up, nn.SiLU(), self.down))

        def forward(self, x):
            return self.last(self.first(x))

    compare(*twins(OurBlock(), Block()), [drawn(random.Random(24), 3, 4)])


# ---------------------------------------------------------------- states and tensors as they are


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("Linear", (3, 2)),
        ("Conv1d", (2, 3, 2)),
        ("Conv2d", (2, 1, (2, 3))),
        ("Embedding", (4, 3)),
        ("LayerNorm", (3,)),
        ("RMSNorm", (3,)),
        ("RNNCell", (3, 2)),
        ("GRUCell", (3, 2)),
        ("LSTMCell", (3, 2)),
    ],
)
def test_the_states_of_pytorch_load_as_they_are(tmp_path, name, args):
    theirs = getattr(torch.nn, name)(*args)  # float32, as they come
    ours = getattr(nn, name)(*args)
    assert ours.load_state_dict(theirs.state_dict()) == ([], [])
    assert ours.state_dict() == {name: tensor.tolist() for name, tensor in theirs.state_dict().items()}
    safetensors = pytest.importorskip("safetensors.torch")
    safetensors.save_file(theirs.state_dict(), tmp_path / "theirs.safetensors")
    other = getattr(nn, name)(*args)
    other.load(tmp_path / "theirs.safetensors")
    assert other.state_dict() == ours.state_dict()


@pytest.mark.parametrize(
    ("module", "shape"),
    [
        (nn.Neuron(3), (3,)),
        (nn.MLP(3, [2]), (3,)),
        (nn.Linear(3, 2), (3,)),
        (nn.Linear(3, 2), (2, 3)),
        (nn.Conv2d(1, 1, 2), (1, 2, 3)),
        (nn.MaxPool2d(2), (1, 2, 3)),
        (nn.BatchNorm1d(3), (2, 3)),
        (nn.MultiheadAttention(2, 1), (3, 2)),
        (nn.GRUCell(3, 2), (3,)),
        (nn.Residual(nn.Linear(2, 2)), (2,)),
        (nn.Tanh(), (2, 3)),
        (nn.Softmax(), (2, 3)),
    ],
    ids=lambda thing: type(thing).__name__,
)
def test_tensors_are_taken_as_inputs(module, shape):
    x = drawn(random.Random(25), *shape)
    for given in (tensor(x), list(tensor(x))) if len(shape) > 1 else (tensor(x),):
        assert mapped(module(given), float) == mapped(module(x), float)
