"""Tracing: what a traced Value refuses, what it records instead, and that nn computes the same numbers traced."""

import copy
import math
import random
import re

import numpy as np
import pytest

from autograd_tiny import Value, detect_anomaly, enable_grad, grad, nn, no_grad, ops, record_lines, scope, where
from autograd_tiny.compilation.tracing import Traced, inputs, trace
from autograd_tiny.errors import NotARealNumberError, OperandError, ParameterError, TracingError
from autograd_tiny.recording import mode
from autograd_tiny.value import Constant, lift, record_pairs, topological_order

HERE = re.escape(__file__)


def flat(tree):
    """The Values of nested lists and tuples."""
    return [leaf for branch in tree for leaf in flat(branch)] if isinstance(tree, (list, tuple)) else [tree]


def numbers(tree):
    """The numbers, also of traced Values, which do not tell them to the function being traced."""
    return [leaf._data if isinstance(leaf, Value) else leaf for leaf in flat(tree)]


def gradients(result, leaves):
    """Gradients by the slopes recorded, of traced nodes too."""
    adjoint = {id(root): 1.0 for root in flat(result)}
    for node in reversed(topological_order(flat(result))):
        upstream = adjoint.get(id(node), 0.0)
        for parent, slope in zip(node.parents, Value.slopes.fget(node), strict=True):
            adjoint[id(parent)] = adjoint.get(id(parent), 0.0) + slope * upstream
    return [adjoint.get(id(leaf), 0.0) for leaf in leaves]


def same_numbers(found, expected):
    assert len(found) == len(expected)
    for x, y in zip(found, expected, strict=True):
        assert x == y or (math.isnan(x) and math.isnan(y))


# ---------------------------------------------------------------- what a trace is


def test_what_depends_on_a_traced_value_is_traced_and_the_rest_is_not():
    w, bystander = Value(2.0, "w"), Value(5.0)
    seen = {}

    def f(x):
        seen.update(w=type(w), product=type(w * x), other=type(bystander * 2), number=(bystander * 2).data)
        return w * x

    y = trace(f, inputs([3.0]), [w])
    assert seen == {"w": Traced, "product": Traced, "other": Value, "number": 10.0}
    assert type(w) is Value
    assert (y._data, y.op.name, y.parents[0]) == (6.0, "mul", w)


def test_inputs_are_nested_as_the_numbers_are():
    found = inputs([[1, 2.5], [np.float32(0.5)]])
    assert [len(row) for row in found] == [2, 1]
    assert numbers(found) == [1.0, 2.5, 0.5]
    assert all(type(leaf) is Traced and leaf.op is None for leaf in flat(found))
    assert numbers(inputs(np.arange(6).reshape(2, 3))) == [0, 1, 2, 3, 4, 5]
    assert type(inputs(3)) is Traced
    with pytest.raises(NotARealNumberError, match="a Value needs one real number, got 'a'"):
        inputs([1.0, "a"])


def test_parameters_are_ordinary_again_after_an_error():
    w = [Value(1.0), Value(2.0)]
    before = mode.get()
    for f in (lambda: 1 / 0, lambda: w[0].data, lambda: nn.Linear(0, 1)):
        with pytest.raises((ZeroDivisionError, TracingError, ParameterError)):
            trace(f, [], w)
        assert [type(leaf) for leaf in w] == [Value, Value]
        assert mode.get() is before
    assert w[0].data == 1.0


def test_parameters_given_twice_and_traces_inside_each_other():
    w = Value(1.0)
    kinds = []

    def inner():
        kinds.append(type(w))
        return w * 2

    def outer():
        y = trace(inner, [], [w, w])
        kinds.append(type(w))
        return y

    trace(outer, [], [w, w])
    assert kinds == [Traced, Traced]
    assert type(w) is Value


def test_a_class_with_attributes_of_its_own_is_refused():
    class Named(Value):
        pass

    class Slim(Value):
        __slots__ = ()

    plain, slim, named = Value(1.0), Slim(2.0), Named(3.0)
    with pytest.raises(ParameterError, match="Named adds attributes to Value, so it cannot be traced; give the class"):
        trace(lambda: None, [], [plain, slim, named])
    assert [type(leaf) for leaf in (plain, slim, named)] == [Value, Slim, Named]
    assert type(trace(lambda: slim + 1, [], [slim])) is Traced
    assert type(slim) is Slim


def test_scopes_and_labels_and_lines_are_as_in_eager_recording():
    model = nn.MLP(2, [3, 1], rng=0)
    eager = topological_order([model([1.0, -2.0])])
    traced = topological_order([trace(model, [inputs([1.0, -2.0])], model.parameters())])
    assert [(node.scope, node.label) for node in traced] == [(node.scope, node.label) for node in eager]
    with scope("outside"):
        assert trace(lambda x: x * 2, inputs([1.0])).scope == "outside"
    with record_lines():
        assert re.match(f"{HERE}:\\d+", trace(lambda x: x * 2, inputs([1.0])).line)


def test_a_trace_keeps_watching_for_nan():
    with detect_anomaly(), pytest.raises(Exception, match=r"log\(x\) with x = -1.0"):
        trace(ops.log, inputs([-1.0]))


# ---------------------------------------------------------------- what is recorded

one = 1
RECORDED = {
    "plain Value on the left": lambda x, y: Value(3.0) * x - Value(1.0) / y,
    "number on the left": lambda x, y: 2 - x + 3 * y / 4 + 1 / x,
    "power": lambda x, y: x**2 + x**-1.5 + y**0 + 2.0**y + x**y,
    "whole": lambda x, y: abs(-x) + round(y) + x % y + x // y + 7 % x + 7 // y + divmod(x, y)[1] + divmod(9, y)[0],
    "methods": lambda x, y: x.tanh() + y.exp().log() + x.pow(y) + (+x).relu() + (-y).abs(),
    "functions": lambda x, y: ops.sin(x) + ops.clip(y, low=-1.0, high=1.0) + ops.leaky_relu(-x, alpha=0.5),
    "lists": lambda x, y: ops.sum([x, 1, y]) + ops.dot([x, 2.0], [y, y]) + ops.max(x, y) + ops.softmax([x, y, 1.0])[1],
    "pairs": lambda x, y: record_pairs(ops.dot, [x, lift(2.0)], [y, Value(3.0)]),
    "built-in sum": lambda x, y: sum([x, y]),
    "NumPy": lambda x, y: np.float64(2.0) * x + np.array([x, y]) @ np.array([y, 1.0]),
    "comparisons": lambda x, y: where(x > y, x, y) + (x < 1) * 2 + (x >= y) + (y <= 2.5) + (x == y) + (x != 2),
    "reflected": lambda x, y: where(one > x, x, y) + (one >= y) + (one < y) + (one <= x) + (one == x) + (one != y),
    "Value on the left": lambda x, y: (Value(2.0) > x) + (Value(2.5) == y) + (Value(2.0) != x) + (Value(2.0) <= y),
    "constant on the left": lambda x, y: (lift(2.0) > x) + (lift(2.5) == y) + (lift(2.0) != x) + (lift(2.0) <= y),
    "NumPy on the left": lambda x, y: (np.float64(2.0) > x) * 1.0 + (np.float64(2.5) == y) * 2.0,
    "joined": lambda x, y: where((x > 0) & (y < 9), x, y) * where((x > y) | (y > x), 2.0, 3.0),
    "joined with plain": lambda x, y: ((x > 0) & True) + ((x > 0) | False) + (False & (x > 0)) + (True | (x < 0)),
}


@pytest.mark.parametrize("name", RECORDED)
@pytest.mark.parametrize("point", [(1.5, 2.5), (2.5, 2.5), (3.25, 0.5)])
def test_a_traced_function_computes_what_the_eager_one_does(name, point):
    f = RECORDED[name]
    x, y = map(Value, point)
    eager = f(x, y)
    traced_x, traced_y = inputs(list(point))
    traced = trace(f, [traced_x, traced_y])
    assert type(traced) is Traced
    assert traced._data == (eager.data if isinstance(eager, Value) else float(eager))
    if isinstance(eager, Value):
        assert gradients(traced, [traced_x, traced_y]) == gradients(eager, [x, y])


def test_comparisons_name_their_operation():
    def f(x):
        return [x > 1, x >= 1, x < 1, x <= 1, x == 1, x != 1, one < x, (x > 1) & (x > 2), (x > 1) | (x > 2)]

    found = trace(f, inputs([1.0]))
    names = "greater greater_equal greater greater_equal equal not_equal greater minimum maximum"
    assert [node.op.name for node in found] == names.split()
    assert [type(parent) for parent in found[2].parents] == [Constant, Traced]  # 1 > x


@pytest.mark.parametrize("x", [0.0, 1.0, 3.0])
@pytest.mark.parametrize("y", [0.0, 1.0, 3.0])
def test_and_and_or_are_those_of_truth(x, y):
    both, either = trace(lambda x, y: ((x > 0) & (y > 2), (x > 0) | (y > 2)), inputs([x, y]))
    assert (both._data, either._data) == (float(x > 0 and y > 2), float(x > 0 or y > 2))


def test_only_conditions_are_joined():
    for f in (lambda x: x & x, lambda x: (x > 0) & x, lambda x: (x > 0) | 1.0, lambda x: x | True):
        with pytest.raises(TypeError, match="unsupported operand"):
            trace(f, inputs([1.0]))


def test_comparing_with_what_is_no_number():
    assert trace(lambda x: (x == None, x != "a", x in ("a", x)), inputs([1.0])) == (False, True, True)  # noqa: E711 - the comparison is the test
    with pytest.raises(NotARealNumberError, match="got 'a'"):
        trace(lambda x: x > "a", inputs([1.0]))


def test_traced_values_in_sets_and_dicts():
    def f(x, y):
        names = {x: "x", y: "y"}
        return names[x], names[y], len({x, y, x}), x in [x, y], [x, y].index(x)

    assert trace(f, inputs([1.0, 1.0])) == ("x", "y", 2, True, 0)


# ---------------------------------------------------------------- what is refused


def with_if(x):
    return x if x > 0 else -x


def with_while(x):
    while x < 10:
        x = x * 2
    return x


def with_count(x):
    return [x for _ in range(x)]


REFUSED = {
    "if": (with_if, r"bool\(\) of the traced x1 > 0"),
    "while": (with_while, r"bool\(\) of the traced 10 > x2"),
    "if x": (lambda x: 1 if x else 2, r"bool\(\) of the traced value"),
    "not": (lambda x: not x, r"bool\(\) of the traced value"),
    "and": (lambda x: x > 0 and x < 1, r"bool\(\) of the traced x1 > 0"),
    "chain": (lambda x: 0 < x < 1, r"bool\(\) of the traced x1 > 0 .*join conditions by & and \|"),
    "max": (lambda x: max(x, 0.0), r"bool\(\) of the traced .*maximum, minimum"),
    "sorted": (lambda x: sorted([x, x * 2]), r"bool\(\) of the traced .*where"),
    "in": (lambda x: x in [1.0, 2.0], r"bool\(\) of the traced x1 == 1"),
    "in Values": (lambda x: x in [Value(1.0)], r"bool\(\) of the traced x1 == x2"),
    "float": (lambda x: float(x), r"float\(\) of the traced value .*functions of autograd_tiny"),
    "math": (lambda x: math.exp(x), r"float\(\) of the traced value .*takes the place of math.exp"),
    "math.floor": (lambda x: math.floor(x * 2), r"float\(\) of the traced x1 \* 2"),
    "percent": (lambda x: "%.2f" % x, r"float\(\) of the traced value"),  # noqa: UP031 - the old way is the test
    "int": (lambda x: int(x), r"int\(\) of the traced value .*where"),
    "index": (lambda x: [1.0, 2.0][x], r"an index or a count made of the traced value .*nn.Embedding.*where"),
    "range": (with_count, r"an index or a count made of the traced value"),
    "format": (lambda x: f"{x:.2f}", r"text with the number of the traced value"),
    "data": (lambda x: x.data, r"\.data of the traced value .*where"),
    "item": (lambda x: x.item(), r"\.item\(\) of the traced value .*where"),
    "detach": (lambda x: x.detach(), r"\.detach\(\) of the traced value .*an argument of its own"),
    "backward": (lambda x: x.backward(), r"\.backward\(\) of the traced value .*jit\(value_and_grad\(f\)\)"),
    "grad": (lambda x: x.grad, r"\.grad of the traced value .*jit\(value_and_grad\(f\)\)"),
    "slopes": (lambda x: (x * 2).slopes, r"\.slopes of the traced x1 \* 2"),
    "derivatives": (lambda x: (x * 2).local_derivatives, r"\.local_derivatives of the traced x1 \* 2"),
    "set data": (lambda x: setattr(x, "data", 1.0), r"a new \.data of the traced value .*before or after the call"),
    "set grad": (lambda x: setattr(x, "grad", 1.0), r"a new \.grad of the traced value .*before or after the call"),
    "hook": (lambda x: x.register_hook(print), r"a hook of the traced value .*jit=False"),
    "nested grad": (lambda x: grad(lambda z: z * z)(x), r"\.grad of the traced"),
    "many operands": (lambda x: bool(ops.sum([x] * 9)), r"bool\(\) of the traced result of sum"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_would_take_the_number_out_is_refused(name):
    f, message = REFUSED[name]
    with pytest.raises(TracingError, match=message) as caught:
        trace(f, [inputs(0.5)])
    line = f.__code__.co_firstlineno
    (said,) = re.findall(f" at {HERE}:(\\d+): tracing runs the function once, on one example, and", str(caught.value))
    assert line <= int(said) <= line + 2


def test_labels_name_what_was_asked():
    w = Value(2.0, "w")
    with pytest.raises(TracingError, match=r"bool\(\) of the traced w > x2 at"):
        trace(lambda x: bool(w > x), [inputs(0.5)], [w])
    with pytest.raises(TracingError, match=r"float\(\) of the traced w at"):
        trace(lambda: float(w), [], [w])


def test_a_traced_value_prints_without_its_number():
    w = Value(2.0, "w")
    assert trace(lambda x: f"{w} {x * 2!r} {x}", [inputs(0.5)], [w]) == "Traced(w) Traced(mul) Traced()"
    with pytest.raises(OperandError, match="round of a Value gives a whole number"):
        trace(lambda x: round(x, 2), [inputs(0.5)])


@pytest.mark.parametrize("copied", [copy.copy, lambda x: copy.deepcopy([x])])
def test_a_copy_would_be_a_constant(copied):
    with pytest.raises(TracingError, match=r"a copy of the traced value at .*copy the model before the call"):
        trace(copied, [inputs(0.5)])


def test_a_traced_value_that_escapes_still_refuses():
    kept = []
    trace(lambda x: kept.append(x * 2), [inputs(0.5)])
    with pytest.raises(TracingError, match=r"\.data of the traced x1 \* 2 at .*return the Value from the function"):
        kept[0].data  # noqa: B018 - the access is the test


def test_no_grad_inside_would_freeze_a_number():
    def f(x):
        with no_grad():
            constant = Value(2.0) * 3  # depends on nothing traced
        assert constant.data == 6.0
        with no_grad():
            return x * 2

    with pytest.raises(TracingError, match=rf"no_grad\(\) around an operation on a traced value at {HERE}:\d+"):
        trace(f, [inputs(0.5)])
    with no_grad():
        assert trace(lambda x: x * 2, [inputs(0.5)]).op is ops.mul
        assert Value(2.0).tanh().op is None
    with pytest.raises(TracingError, match="no_grad"), no_grad():
        trace(no_grad()(lambda x: x * 2), [inputs(0.5)])
    assert trace(enable_grad()(lambda x: x * 2), [inputs(0.5)]).op is ops.mul


# ---------------------------------------------------------------- every module

SEQUENCE = [[0.5, -1.0], [1.5, 0.25], [-0.75, 2.0]]
PICTURE = [[[0.5, -1.0, 2.0, 0.1], [1.5, 0.25, -0.5, 1.0], [3.0, 0.0, 0.75, -2.0]]]
VECTOR = [0.5, -1.25]
MODULES = {
    **{f"MLP {name}": (nn.MLP(2, [3, 1], name, rng=0), VECTOR) for name in ("tanh", "relu", "gelu", None)},
    "MLP of two outputs": (nn.MLP(2, [3, 2], lambda x: x.sin(), rng=0), VECTOR),
    "MLP of own module": (nn.MLP(2, [3, 2], nn.SiLU(), rng=0), VECTOR),
    "Neuron": (nn.Neuron(2, rng=0), VECTOR),
    "Layer": (nn.Layer(2, 3, rng=0), VECTOR),
    "Linear": (nn.Linear(2, 3, rng=0), SEQUENCE),
    "Linear without bias": (nn.Linear(2, 3, bias=False, rng=0), VECTOR),
    "Sequential": (nn.Sequential(nn.Linear(2, 2, rng=0), nn.ReLU(), nn.Residual(nn.Linear(2, 2, rng=1))), VECTOR),
    "Flatten": (nn.Flatten(), SEQUENCE),
    "LayerNorm": (nn.LayerNorm(2), SEQUENCE),
    "RMSNorm": (nn.RMSNorm(2), VECTOR),
    "BatchNorm1d": (nn.BatchNorm1d(2).eval(), VECTOR),
    "Dropout": (nn.Dropout(0.5).eval(), VECTOR),
    "Dropout of nothing": (nn.Dropout(0.0), VECTOR),
    "RNN": (nn.RNN(2, 3, num_layers=2, rng=0), SEQUENCE),
    "RNN relu": (nn.RNN(2, 3, nonlinearity="relu", rng=0), SEQUENCE),
    "LSTM": (nn.LSTM(2, 3, num_layers=2, rng=0), SEQUENCE),
    "GRU": (nn.GRU(2, 3, rng=0), SEQUENCE),
    "RNNCell": (nn.RNNCell(2, 3, rng=0), VECTOR),
    "LSTMCell": (nn.LSTMCell(2, 3, rng=0), VECTOR),
    "GRUCell": (nn.GRUCell(2, 3, bias=False, rng=0), VECTOR),
    "attention": (nn.MultiheadAttention(2, 2, rng=0), SEQUENCE),
    "causal attention": (nn.MultiheadAttention(2, 1, causal=True, rng=0), SEQUENCE),
    "Conv1d": (nn.Conv1d(2, 2, 2, padding=1, rng=0), [[1.0, 2.0, 0.5], [0.1, -1.0, 3.0]]),
    "Conv2d": (nn.Conv2d(1, 2, 2, stride=2, padding=1, rng=0), PICTURE),
    "MaxPool2d": (nn.MaxPool2d(2), PICTURE),
    "AvgPool2d": (nn.AvgPool2d(2), PICTURE),
    "Softmax": (nn.Softmax(), SEQUENCE),
    "LogSoftmax": (nn.LogSoftmax(), VECTOR),
    "LeakyReLU": (nn.LeakyReLU(0.1), VECTOR),
    "ELU": (nn.ELU(0.5), VECTOR),
    "GELU": (nn.GELU("tanh"), VECTOR),
    **{kind.__name__: (kind(), VECTOR) for kind in (nn.Mish, nn.ReLU, nn.Sigmoid, nn.SiLU, nn.Softplus, nn.Tanh)},
}


def compare(f, parameters, *examples):
    """Check the numbers and gradients of a traced call against those of an eager one, bit by bit."""
    eager_inputs, traced_inputs = (
        [as_values(example) for example in examples],
        [inputs(example) for example in examples],
    )
    eager = f(*eager_inputs)
    traced = trace(f, traced_inputs, parameters)
    assert all(isinstance(leaf, Value) and type(leaf) is not Traced for leaf in parameters)
    same_numbers(numbers(traced), numbers(eager))
    leaves = [*parameters, *flat(eager_inputs)], [*parameters, *flat(traced_inputs)]
    same_numbers(gradients(traced, leaves[1]), gradients(eager, leaves[0]))
    return traced


def as_values(tree):
    return [as_values(branch) for branch in tree] if isinstance(tree, list) else Value(tree)


@pytest.mark.parametrize("name", MODULES)
def test_every_module_traces(name):
    module, example = MODULES[name]
    result = compare(module, module.parameters(), example)
    traced = [node for node in topological_order(flat(result)) if node.op is not None]
    assert all(type(node) is Traced for node in traced)


@pytest.mark.parametrize("name", MODULES)
def test_no_number_of_the_example_is_frozen(name):
    module, example = MODULES[name]
    other = nn.shapes.mapped(example, lambda x: 3.0 - 2.0 * x)
    graphs = [topological_order(flat(trace(module, [inputs(x)], module.parameters()))) for x in (example, other)]
    first, second = ([(n.op, n._data if type(n) is Constant else None) for n in graph] for graph in graphs)
    assert first == second


def test_every_module_is_among_them():
    kinds = {type(part) for module, _ in MODULES.values() for part in module.modules()}
    tested = {kind.__name__ for kind in kinds} | {"Embedding", "Module"}  # Embedding below
    assert {name for name in nn.__all__ if isinstance(getattr(nn, name), type)} <= tested


def test_attention_weights_and_cross_attention_trace():
    attention = nn.MultiheadAttention(2, 2, rng=0)
    compare(
        lambda q, k, v: attention(q, k, v, need_weights=True), attention.parameters(), SEQUENCE[:1], SEQUENCE, SEQUENCE
    )


@pytest.mark.parametrize("extreme", [[1000.0, -1000.0], [-1e308, 1e308], [math.inf, 1.0], [-math.inf, -math.inf]])
def test_softmax_shifts_by_a_number_of_each_example(extreme):
    compare(nn.Softmax(), [], extreme)


def test_penalties_trace():
    model = nn.MLP(2, [3, 1], rng=0)
    compare(lambda: nn.l1_penalty(model.parameters()) + nn.l2_penalty(model.parameters()), model.parameters())


def test_dropout_and_batch_statistics_are_refused_in_training():
    model = nn.Sequential(nn.Linear(2, 2, rng=0), nn.Dropout(0.5))
    with pytest.raises(
        TracingError, match=rf"drops at {HERE}:\d+: .*model.eval\(\) first, or train without jit: jit=Fal"
    ):
        trace(model, [inputs(VECTOR)], model.parameters())
    with pytest.raises(TracingError, match=r"the mean over a batch in BatchNorm1d at .*model.eval\(\)"):
        trace(nn.BatchNorm1d(2), [inputs([VECTOR, VECTOR])])
    assert len(model(VECTOR)) == 2


# ---------------------------------------------------------------- every loss

ROWS, TARGETS = [[0.5, -1.0], [2.0, 0.25]], [[0.25, 1.0], [-1.0, 0.75]]
PROBABILITIES, SHARES = [[0.5, 0.9], [0.25, 1.0]], [[0.0, 1.0], [0.75, 0.25]]
SIGNS = [[1.0, -1.0], [-1.0, 1.0]]
LOSSES = {
    "mse_loss": (nn.mse_loss, ROWS, TARGETS),
    "l1_loss": (nn.l1_loss, ROWS, TARGETS),
    "huber_loss": (nn.huber_loss, ROWS, TARGETS),
    "smooth_l1_loss": (nn.smooth_l1_loss, ROWS, TARGETS),
    "smooth_l1_loss, beta 0": (lambda *a, **k: nn.smooth_l1_loss(*a, **k, beta=0.0), ROWS, TARGETS),
    "binary_cross_entropy": (nn.binary_cross_entropy, PROBABILITIES, SHARES),
    "binary_cross_entropy_with_logits": (nn.binary_cross_entropy_with_logits, ROWS, SHARES),
    "weighted": (lambda *a, **k: nn.binary_cross_entropy_with_logits(*a, **k, pos_weight=[2.0, 3.0]), ROWS, SHARES),
    "hinge_loss": (nn.hinge_loss, ROWS, SIGNS),
    "kl_div": (nn.kl_div, ROWS, SHARES),
}
OF_CLASSES = {
    "cross_entropy": nn.cross_entropy,
    "nll_loss": nn.nll_loss,
    "smoothed": lambda *a, **k: nn.cross_entropy(*a, **k, label_smoothing=0.1),
    "weighted": lambda *a, **k: nn.cross_entropy(*a, **k, weight=[1.0, 0.3, 2.5]),
    "smoothed, weighted": lambda *a, **k: nn.cross_entropy(*a, **k, weight=[1.0, 0.3, 2.5], label_smoothing=0.2),
    "weighted nll_loss": lambda *a, **k: nn.nll_loss(*a, **k, weight=[1.0, 0.3, 2.5]),
}
LOGITS = [[0.5, -1.0, 3.0], [2.0, 0.25, -0.75]]
reductions = pytest.mark.parametrize("reduction", ["mean", "sum", "none"])


@reductions
@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_traces(name, reduction):
    loss, rows, targets = LOSSES[name]
    compare(lambda x, t: loss(x, t, reduction=reduction), [], rows, targets)
    if name != "weighted":
        compare(lambda x, t: loss(x, t, reduction=reduction), [], rows[0][0], targets[0][0])
    if name == "kl_div":
        compare(lambda x, t: loss(x, t, reduction="batchmean"), [], rows, targets)


def test_every_loss_is_among_them():
    tested = [*LOSSES, *OF_CLASSES]
    assert all(name in tested for name in nn.__all__ if name.endswith(("_loss", "entropy", "logits", "_div")))


@reductions
@pytest.mark.parametrize("name", OF_CLASSES)
def test_a_traced_class_gives_what_a_whole_number_does(name, reduction):
    loss = OF_CLASSES[name]
    for index in ([2, 0], [1, 1]):
        rows = as_values(LOGITS)
        eager = loss(rows, index, reduction=reduction)
        traced_rows, traced_index = inputs(LOGITS), inputs(index)
        traced = trace(lambda x, i: loss(x, i, reduction=reduction), [traced_rows, traced_index])
        assert numbers(traced) == pytest.approx(numbers(eager), rel=1e-15)
        found = gradients(traced, flat(traced_rows))
        assert found == pytest.approx(gradients(eager, flat(rows)), rel=1e-15, abs=1e-17)
        assert gradients(traced, traced_index) == [0.0, 0.0]


@pytest.mark.parametrize("name", OF_CLASSES)
@pytest.mark.parametrize("index", [-1, 3, 0.5, math.nan, math.inf])
def test_what_is_no_class_gives_nan_not_a_wrong_number(name, index):
    assert math.isnan(trace(OF_CLASSES[name], [inputs(LOGITS[0]), inputs(index)])._data)
    with pytest.raises(ParameterError, match="needs a class index"):
        OF_CLASSES[name](LOGITS[0], Value(index))


def test_a_masked_class_stays_out():
    logits = [-math.inf, 1.0, 2.0]
    assert trace(nn.cross_entropy, [inputs(logits), inputs(1)])._data == nn.cross_entropy(logits, 1)


def test_a_value_counts_as_its_number_where_that_is_known():
    scores = as_values(LOGITS[0])
    assert nn.cross_entropy(scores, Value(2)).data == nn.cross_entropy(scores, 2).data
    assert nn.nll_loss(scores, Value(2.0)).parents == (scores[2],)


def test_ranges_of_known_numbers_are_checked_under_a_trace_as_well():
    for f in (
        lambda x: nn.hinge_loss(x, 2),
        lambda x: nn.binary_cross_entropy(x, 2.0),
        lambda x: nn.kl_div(x, Value(-1.0)),
    ):
        with pytest.raises(ParameterError, match="needs target"):
            trace(f, [inputs(0.5)])


# ---------------------------------------------------------------- lookups


def test_a_traced_index_looks_up_the_row_that_an_int_does():
    table = nn.Embedding(4, 3, rng=0)
    for i in range(4):
        traced = trace(table, [inputs(i)], table.parameters())
        assert numbers(traced) == [w.data for w in table(i)]
        column_sums = gradients(traced, table.parameters())
        assert column_sums == [float(k // 3 == i) for k in range(12)]
    nested = trace(table, [inputs([[1, 2], [3, 0]])], table.parameters())
    assert numbers(nested) == [w.data for w in flat(table([[1, 2], [3, 0]]))]


@pytest.mark.parametrize("index", [-1, 4, 1.5, math.nan, -math.inf])
def test_an_index_without_a_row_gives_nan(index):
    table = nn.Embedding(4, 3, rng=0)
    assert all(map(math.isnan, numbers(trace(table, [inputs(index)], table.parameters()))))
    with pytest.raises(ParameterError, match="Embedding needs an index, a whole number from 0 to 3"):
        trace(lambda x: table(index), [inputs(0)], table.parameters())


def test_a_known_index_records_no_operation_under_a_trace():
    table = nn.Embedding(4, 3, rng=0)
    assert trace(lambda: table(2), [], table.parameters()) == table.weight[2]
    assert table(Value(2.0)) == table.weight[2]


def test_a_language_model_of_one_step_traces():
    rng = random.Random(0)
    table, head = nn.Embedding(5, 4, rng=rng), nn.Linear(4, 5, rng=rng)
    parameters = [*table.parameters(), *head.parameters()]

    def loss(token, following):
        return nn.cross_entropy(head(table(token)), following)

    eager = loss(3, 1)
    traced = trace(loss, inputs([3, 1]), parameters)
    assert traced._data == eager.data
    assert gradients(traced, parameters) == gradients(eager, parameters)
