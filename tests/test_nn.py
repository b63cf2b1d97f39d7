import copy
import gc
import math
import random
import subprocess
import sys
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_tiny import Value, forget, hessian, no_grad, ops, primitive, registry, value
from autograd_tiny.errors import NotARealNumberError, ParameterError, ShapeError
from autograd_tiny.nn import MLP, Layer, Module, Neuron, cross_entropy, hinge_loss, mse_loss
from autograd_tiny.recording import mode

numbers = st.floats(-3.0, 3.0)


def vectors(size):
    return st.lists(numbers, min_size=size, max_size=size)


def nodes(root):
    return value.topological_order([root])


def slopes_by_differences(f, xs, h=1e-6):
    """Return df/dx for each x by central differences."""
    slopes = []
    for i in range(len(xs)):
        above, below = list(xs), list(xs)
        above[i] += h
        below[i] -= h
        slopes.append((float(f(above)) - float(f(below))) / (2 * h))
    return slopes


def gradients(f, xs):
    leaves = [Value(x) for x in xs]
    f(leaves).backward()
    return [leaf.grad for leaf in leaves]


# ---------------------------------------------------------------- Module


class Holder(Module):
    def __init__(self, **attributes):
        for name, thing in attributes.items():
            setattr(self, name, thing)

    def forward(self, x):
        return x


def test_named_parameters_are_found_in_insertion_order():
    a, b, c, d, e = (Value(i) for i in range(5))
    model = Holder(z=a, layers=[Holder(w=b), (c, [d])], table={"left": Holder(w=e)}, size=3, text="a", nothing=None)
    assert [(name, p.data) for name, p in model.named_parameters()] == [
        ("z", 0.0),
        ("layers.0.w", 1.0),
        ("layers.1.0", 2.0),
        ("layers.1.1.0", 3.0),
        ("table.left.w", 4.0),
    ]
    assert model.parameters() == [a, b, c, d, e]


def test_mlp_parameter_names():
    names = [name for name, _ in MLP(2, [2, 1], rng=0).named_parameters()]
    assert names == [
        "layers.0.neurons.0.weights.0",
        "layers.0.neurons.0.weights.1",
        "layers.0.neurons.0.bias",
        "layers.0.neurons.1.weights.0",
        "layers.0.neurons.1.weights.1",
        "layers.0.neurons.1.bias",
        "layers.1.neurons.0.weights.0",
        "layers.1.neurons.0.weights.1",
        "layers.1.neurons.0.bias",
    ]


def test_parameters_in_arrays_of_objects_count():
    table = np.array([[Value(1.0), Value(2.0)], [Value(3.0), Value(4.0)]], dtype=object)
    model = Holder(table=table, parts=np.array([Holder(w=Value(5.0))], dtype=object), numbers=np.array([6.0]))
    assert [name for name, _ in model.named_parameters()] == [
        *("table.0.0", "table.0.1", "table.1.0", "table.1.1"),
        "parts.0.w",
    ]
    assert model.state_dict() == {"table": [[1.0, 2.0], [3.0, 4.0]], "parts.0.w": 5.0}
    model.load_state_dict({"table": [[0.0, 0.0], [0.0, 7.0]], "parts.0.w": 8.0})
    assert (table[1, 1].data, [name for name, _ in model.named_modules()]) == (7.0, ["", "parts[0]"])


def test_parameters_beside_plain_numbers_count_and_those_in_sets_do_not():
    model = Holder(mixed=[Value(1.0), 2.0], hidden={Value(3.0)})
    assert model.state_dict() == {"mixed.0": 1.0}


def test_shared_parameters_count_once_even_when_their_numbers_are_equal():
    shared, equal = Value(1.0), Value(1.0)
    part = Holder(w=shared)
    assert [name for name, _ in Holder(a=part, b=part, c=shared, d=equal).named_parameters()] == ["a.w", "d"]


def test_modules_may_refer_to_each_other():
    child, parent = Holder(w=Value(1.0)), Holder()
    parent.child, child.parent = child, parent
    assert [name for name, _ in parent.named_parameters()] == ["child.w"]


def test_results_and_constants_are_no_parameters():
    w = Value(2.0)
    assert Holder(w=w, latest=w * 3, constant=value.lift(1.0)).parameters() == [w]


def test_zero_grad_forgets_as_if_there_had_been_no_backward():
    model = MLP(2, [2, 1], rng=0)
    model([1.0, 2.0]).backward()
    assert any(p.grad != 0.0 for p in model.parameters())
    model.zero_grad()
    assert all(p.grad is value.NO_GRAD_YET for p in model.parameters())


def test_repr_counts_parameters_and_joins_equal_siblings():
    assert repr(Holder(w=Value(1.0))) == "Holder(): 1 parameter"
    assert repr(Holder(parts=[Neuron(1, rng=0), Neuron(1, rng=0), Neuron(2, "relu", bias=False)])) == (
        "Holder(): 6 parameters\n"
        "  parts[0] to parts[1], each: Neuron(1, activation='tanh'): 2 parameters\n"
        "  parts[2]: Neuron(2, activation='relu', bias=False): 2 parameters"
    )
    assert repr(Holder(head=Layer(2, 1, None, bias=False))) == (
        "Holder(): 2 parameters\n"
        "  head: Layer(2, 1, activation=None, bias=False): 2 parameters\n"
        "    neurons[0]: Neuron(2, activation=None, bias=False): 2 parameters"
    )


def test_forward_is_required():
    class Empty(Module):
        pass

    with pytest.raises(NotImplementedError, match="Empty has no forward"):
        Empty()(1.0)


def test_arguments_reach_forward():
    class Scaled(Module):
        def forward(self, x, *, by=2.0):
            return x * by

    assert (Scaled()(3.0), Scaled()(3.0, by=5.0)) == (6.0, 15.0)


# ---------------------------------------------------------------- scopes


def test_every_node_of_a_model_knows_its_part():
    model = MLP(2, [4, 1], rng=0)
    made = {node.scope for node in nodes(model([1.0, 2.0])) if node.op is not None}
    assert made == {f"MLP/layers[0]/neurons[{i}]" for i in range(4)} | {"MLP/layers[1]/neurons[0]"}


def test_modules_in_containers_and_late_ones_get_scopes():
    class Model(Module):
        def __init__(self):
            self.parts = []
            self.table = {"left": [Neuron(1, rng=0)]}
            self.parts.append(Neuron(1, rng=0))  # appended after the list was assigned

        def forward(self, x):
            return self.parts[0](x), self.table["left"][0](x)

    model = Model()
    assert [y.scope for y in model([1.0])] == ["Model/parts[0]", "Model/table[left][0]"]
    model.parts = [Neuron(1, rng=0)]  # replaced after the first call
    assert model([1.0])[0].scope == "Model/parts[0]"


def test_scope_ends_with_the_call_and_with_an_error():
    model = MLP(2, [1], rng=0)
    model([1.0, 2.0])
    with pytest.raises(ShapeError):
        model([1.0])
    assert mode.get() is None or mode.get().scope == ""
    assert (Value(1.0) * 2).scope == ""


def test_recursive_and_concurrent_calls_keep_their_own_scope():
    class Nested(Module):
        def forward(self, x, depth):
            return self(x, depth - 1) if depth else x * 2

    nested = Nested()
    assert nested(Value(1.0), 2).scope == "Nested/Nested/Nested"

    model, found = MLP(2, [8, 1], rng=0), []

    def work():
        found.extend([model([1.0, 2.0]).scope for _ in range(50)])

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == ["MLP/layers[1]/neurons[0]"] * 200


# ---------------------------------------------------------------- Neuron


def test_a_neuron_is_one_dot_one_sum_one_activation():
    neuron = Neuron(5, "tanh", rng=0)
    made = [node.op.name for node in nodes(neuron([1.0] * 5)) if node.op is not None]
    assert made == ["dot", "add", "tanh"]
    assert [node.op.name for node in nodes(Neuron(5, None, rng=0, bias=False)([1.0] * 5)) if node.op] == ["dot"]
    assert [p.label for p in neuron.parameters()] == ["w0", "w1", "w2", "w3", "w4", "b"]


@given(vectors(3), vectors(3), numbers)
def test_neuron_computes_the_formula(x, w, b):
    neuron = Neuron(3, "sigmoid", rng=0)
    for parameter, number in zip(neuron.parameters(), [*w, b], strict=True):
        parameter.data = number
    expected = 1 / (1 + math.exp(-(x[0] * w[0] + x[1] * w[1] + x[2] * w[2] + b)))
    assert neuron(x).data == pytest.approx(expected, rel=1e-12)


@given(st.integers(1, 6).flatmap(lambda n: st.tuples(vectors(n), vectors(n))))
def test_the_dot_of_a_neuron_is_ops_dot(xw):
    x, w = xw
    neuron = Neuron(len(x), None, rng=0, bias=False)
    for parameter, number in zip(neuron.weights, w, strict=True):
        parameter.data = number
    inputs = [Value(number) for number in x]
    ours, theirs = neuron(inputs), ops.dot(inputs, neuron.weights)
    assert ours.op is theirs.op
    assert (ours.data, ours.slopes) == (theirs.data, theirs.slopes)
    assert all(mine is other for mine, other in zip(ours.parents, theirs.parents, strict=True))


@given(vectors(2))
def test_gradients_of_a_model_agree_with_differences(x):
    model = MLP(2, [3, 1], "tanh", rng=1)
    model(x).backward()
    parameters = model.parameters()

    def output(numbers):
        before = [p.data for p in parameters]
        for p, number in zip(parameters, numbers, strict=True):
            p.data = number
        result = model(x).data
        for p, number in zip(parameters, before, strict=True):
            p.data = number
        return result

    assert [p.grad for p in parameters] == pytest.approx(
        slopes_by_differences(output, [p.data for p in parameters]), abs=1e-7
    )


def test_second_derivatives_go_through_a_model():
    model = MLP(2, [3, 1], "tanh", rng=1)
    rows = hessian(model)([0.3, -0.7])
    assert rows[0][1] == pytest.approx(rows[1][0], rel=1e-12)
    h = 1e-5
    slope = [gradients(model, [0.3 + sign * h, -0.7])[0] for sign in (1, -1)]
    assert rows[0][0] == pytest.approx((slope[0] - slope[1]) / (2 * h), rel=1e-6)


def test_initial_numbers_are_uniform_seeded_and_private():
    state = random.getstate()
    numbers = [p.data for p in Neuron(400, rng=3).parameters()]
    assert max(map(abs, numbers)) <= 1 / 20
    assert max(numbers) > 0.049
    assert min(numbers) < -0.049
    assert numbers == [p.data for p in Neuron(400, rng=random.Random(3)).parameters()]
    assert numbers != [p.data for p in Neuron(400, rng=4).parameters()]
    assert [p.data for p in Neuron(4).parameters()] == [p.data for p in Neuron(4, rng=0).parameters()]
    assert random.getstate() == state


@pytest.mark.parametrize("model", [Layer(2, 4), MLP(2, [4, 4, 2])], ids=["layer", "mlp"])
def test_no_two_neurons_of_a_model_start_equal(model):
    numbers = [p.data for p in model.parameters()]
    assert len(set(numbers)) == len(numbers)


@pytest.mark.parametrize("rng", ["seed", 1.5, np.random.default_rng(0)])
def test_unknown_kinds_of_rng_are_refused(rng):
    with pytest.raises(ParameterError, match=r"rng is a random\.Random or an int seed"):
        MLP(2, [1], rng=rng)


def test_activation_by_name_operation_function_and_none():
    x = [0.5, -1.0]
    total = Neuron(2, None, rng=0)(x).data
    assert Neuron(2, "relu", rng=0)(x).data == max(0.0, total)
    assert Neuron(2, ops.tanh, rng=0)(x).data == math.tanh(total)
    assert Neuron(2, lambda v: v * v + 1, rng=0)(x).data == total * total + 1
    assert Neuron(2, ops.leaky_relu.bind(alpha=0.5), rng=0)(x).data == (total if total > 0 else 0.5 * total)


@pytest.mark.parametrize(
    "name", [name for name, op in registry.items() if op.arity == 1 and None not in op.params.values()]
)
def test_every_operation_with_one_operand_can_be_an_activation(name):
    neuron = Neuron(1, name, rng=0)
    neuron.weights[0].data, neuron.bias.data = 0.25, 0.25
    y = neuron([1.0])
    assert y.op.name == name
    assert y.data == pytest.approx(registry[name](0.5), nan_ok=True)


def test_an_operation_of_ones_own_can_be_an_activation():
    @primitive(slopes=lambda m, y, x: (0,))
    def step_up(m, x):
        """Heaviside's step, 1 above 0 and 0 elsewhere, as integers."""
        return m.where(x > 0, 1, 0)

    try:
        outputs = [Neuron(1, activation, rng=0)([100.0]) for activation in ("step_up", step_up)]
    finally:
        forget(step_up)
    assert [(y.op.name, type(y.data)) for y in outputs] == [("step_up", float)] * 2


def test_a_module_can_be_an_activation():
    class Scaled(Module):
        def __init__(self):
            self.scale = Value(2.0)

        def forward(self, v):
            return v * self.scale

    layer = Layer(1, 2, Scaled(), rng=0)
    assert sum(p.data == 2.0 for p in layer.parameters()) == 1
    assert layer([1.0])[0].op.name == "mul"
    assert "activation='Scaled'" in repr(layer)


@pytest.mark.parametrize(
    ("activation", "message"),
    [
        ("rellu", r"did you mean relu\?"),
        ("Tanh", r"did you mean tanh\?"),
        ("ReLU", r"did you mean relu\?"),
        ("LeakyReLU", r"did you mean leaky_relu\?"),
        ("softpluss", r"did you mean softplus\? \(None for linear\)"),
        ("qqq", r"others are relu, tanh and sigmoid \(None for linear\)"),
        ("hypot", "no operation with one operand"),
        (ops.add, r"takes one operand, got add\(x, y\)"),
        ("power", r"power\(x, n\) needs its parameter n"),
        (3, "activation is an operation's name"),
    ],
)
def test_unknown_activations_are_refused(activation, message):
    with pytest.raises(ParameterError, match=message):
        Neuron(2, activation)


@pytest.mark.parametrize(
    ("activation", "message"),
    [
        (math.tanh, r'got 0\.\d+ \(float\) from tanh, which no gradient passes; use autograd_tiny\.tanh or "tanh"'),
        (lambda v: max(0.0, v.data), r"got \d\.\d+ \(float\) from <lambda>, .*; compute with Values throughout"),
        (lambda v: None, r"an activation gives a Value, got None \(NoneType\)"),
    ],
)
def test_an_activation_that_cuts_the_graph_is_refused(activation, message):
    for model in (Neuron(1, activation, rng=0), Layer(1, 2, activation), MLP(1, [2, 1], activation)):
        with pytest.raises(ParameterError, match=message):
            model([1.0])


def test_a_copy_of_a_model_has_a_copy_of_its_activation():
    class Scaled(Module):
        def __init__(self):
            self.scale = Value(2.0)

        def forward(self, v):
            return v * self.scale

    neuron = Neuron(1, Scaled(), rng=0)
    twin = copy.deepcopy(neuron)
    twin.activation.scale.data = 0.0
    assert twin([1.0]).data == 0.0 != neuron([1.0]).data


@pytest.mark.parametrize("nouts", [{3, 1}, {3: 1}, "31", iter([3, 1]), [], 3])
def test_sizes_of_layers_are_a_list(nouts):
    with pytest.raises(ParameterError, match=r"nouts is a list of one or more layer sizes, got .*; use \[16, 1\]"):
        MLP(2, nouts)


@pytest.mark.parametrize("nouts", [(3, 1), np.array([3, 1]), range(3, 0, -2)])
def test_sizes_of_layers_in_other_sequences(nouts):
    assert [len(layer.neurons) for layer in MLP(2, nouts).layers] == [3, 1]


@pytest.mark.parametrize("size", [0, -1, 2.0, "2", None])
def test_sizes_are_whole_numbers(size):
    for make in (lambda: Neuron(size), lambda: Layer(size, 2), lambda: Layer(2, size), lambda: MLP(size, [1])):
        with pytest.raises(ParameterError, match="whole number of at least 1"):
            make()
    with pytest.raises(ParameterError, match="whole number of at least 1"):
        MLP(2, [3, size])


@pytest.mark.parametrize("nouts", [[], (), 3, None])
def test_mlp_needs_a_list_of_sizes(nouts):
    with pytest.raises(ParameterError, match="list of one or more layer sizes"):
        MLP(2, nouts)


# ---------------------------------------------------------------- Layer and MLP


def test_what_comes_out():
    x = [1.0, 2.0]
    assert isinstance(Neuron(2, rng=0)(x), Value)
    assert [type(y) for y in Layer(2, 1, rng=0)(x)] == [Value]
    assert [type(y) for y in Layer(2, 3, rng=0)(x)] == [Value] * 3
    assert isinstance(MLP(2, [3, 1], rng=0)(x), Value)
    assert [type(y) for y in MLP(2, [3, 2], rng=0)(x)] == [Value] * 2


def test_the_last_layer_is_linear():
    made = [node.op.name for node in nodes(MLP(1, [1, 1, 1], "relu", rng=0)([1.0])) if node.op is not None]
    assert made == ["dot", "add", "relu", "dot", "add", "relu", "dot", "add"]


@pytest.mark.parametrize("model", [Neuron(2, rng=0), Layer(2, 2, rng=0), MLP(2, [3, 2], rng=0)], ids=["n", "l", "m"])
def test_inputs_of_every_kind_agree(model):
    def outputs(x):
        y = model(x)
        return [float(number) for number in (y if isinstance(y, list) else [y])]

    expected = outputs([1.0, 2.0])
    given = [[1, 2], (1.0, 2.0), np.array([1.0, 2.0]), np.array([1, 2]), [Value(1.0), 2.0], [np.float64(1), np.int8(2)]]
    assert all(outputs(x) == expected for x in given)


def test_plain_inputs_become_nodes_once():
    made = [node for node in nodes(MLP(2, [8, 8, 1], rng=0)([1.0, 2.0])) if isinstance(node, value.Constant)]
    assert len(made) == 2


@pytest.mark.parametrize("make", [lambda: Neuron(3, rng=0), lambda: Layer(3, 2, rng=0), lambda: MLP(3, [2], rng=0)])
def test_wrong_shapes_are_refused(make):
    model = make()
    name = type(model).__name__
    for x in ([1.0, 2.0], [1.0] * 4, [], np.ones(2), tuple([Value(1.0)] * 2)):
        with pytest.raises(ShapeError, match=f"{name} needs 3 numbers for one example, got {len(x)}"):
            model(x)
    for x in ([[1.0, 2.0, 3.0]] * 3, np.ones((3, 3))):
        with pytest.raises(ShapeError, match="once per example"):
            model(x)
    for x in (1.0, Value(1.0), None, "abc"):
        with pytest.raises(ShapeError, match=f"{name} needs a list of 3 numbers"):
            model(x)
    with pytest.raises(NotARealNumberError):
        model([1.0, "2", 3.0])


def test_a_shape_error_names_the_part():
    class Model(Module):
        def __init__(self):
            self.head = Layer(3, 1, rng=0)

        def forward(self, x):
            return self.head(x)

    with pytest.raises(ShapeError, match="Model/head needs 3 numbers"):
        Model()([1.0])


def test_no_grad_records_nothing():
    with no_grad():
        assert MLP(2, [2, 1], rng=0)([1.0, 2.0]).parents == ()


def test_a_copy_is_independent():
    model = MLP(2, [2, 1], rng=0)
    model([1.0, 2.0]).backward()
    twin = copy.deepcopy(model)
    assert [p.data for p in twin.parameters()] == [p.data for p in model.parameters()]
    twin.parameters()[0].data += 1.0
    assert twin([1.0, 2.0]).data != model([1.0, 2.0]).data


def test_a_step_leaves_no_garbage_for_the_collector():
    model = MLP(2, [4, 1], rng=0)
    model([1.0, 2.0]).backward()
    gc.collect()
    gc.disable()
    try:
        for _ in range(10):
            model.zero_grad()
            model([1.0, 2.0]).backward()
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_models_and_optimisers_load_neither_pictures_nor_third_parties():
    program = (
        "import sys, autograd_tiny.nn, autograd_tiny.optim\n"
        "print([n for n in sys.modules if n.split('.')[0] in ('rich', 'numpy', 'matplotlib', 'graphviz')"
        " or n.startswith(('autograd_tiny.graph', 'autograd_tiny.draw', 'autograd_tiny.expl', 'autograd_tiny.jit'))])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# ---------------------------------------------------------------- losses


def test_mse_loss():
    assert mse_loss([1.0, 4.0, 0.0], [1.0, 2.0, 1.0]) == pytest.approx(5 / 3)
    assert mse_loss([1.0, 4.0, 0.0], [1.0, 2.0, 1.0], reduction="sum") == 5.0
    assert mse_loss([1.0, 4.0, 0.0], [1.0, 2.0, 1.0], reduction="none") == [0.0, 4.0, 1.0]
    assert mse_loss(3.0, 1.0) == 4.0
    assert mse_loss([[1.0, 2.0], [3.0, 4.0]], np.array([[1.0, 2.0], [3.0, 0.0]])) == 4.0
    assert mse_loss([1e200], [0.0]) == math.inf


def test_cross_entropy():
    logits, index = [1.0, 2.0, 0.5], 1
    expected = math.log(sum(math.exp(z) for z in logits)) - 2.0
    assert cross_entropy(logits, index) == pytest.approx(expected, rel=1e-14)
    both = [expected, math.log(3.0)]
    assert cross_entropy([logits, [7.0, 7.0, 7.0]], [1, 0]) == pytest.approx(sum(both) / 2)
    assert cross_entropy([logits, [7.0, 7.0, 7.0]], np.array([1, 0]), reduction="sum") == pytest.approx(sum(both))
    assert cross_entropy([logits, [7.0, 7.0, 7.0]], [1, 0], reduction="none") == pytest.approx(both)
    assert cross_entropy([1000.0, 0.0], 1) == 1000.0


def test_hinge_loss():
    assert hinge_loss([2.0, -0.5, 0.25], [1, 1, -1]) == pytest.approx((0 + 1.5 + 1.25) / 3)
    assert hinge_loss([2.0, -0.5], [1, 1], reduction="none") == [0.0, 1.5]
    assert hinge_loss([2.0, -0.5], np.array([-1.0, 1.0]), reduction="sum") == 4.5
    assert hinge_loss(0.25, -1) == 1.25


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@given(xs=vectors(4), ts=vectors(4))
def test_gradient_of_mse_loss(reduction, xs, ts):
    def loss(x):
        return mse_loss(x, ts, reduction=reduction)

    assert gradients(loss, xs) == pytest.approx(slopes_by_differences(loss, xs), abs=1e-6)
    assert gradients(lambda t: mse_loss(xs, t, reduction), ts) == pytest.approx(
        [-g for g in gradients(loss, xs)], abs=1e-12
    )


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@given(xs=vectors(6), index=st.tuples(st.integers(0, 2), st.integers(0, 2)))
def test_gradient_of_cross_entropy(reduction, xs, index):
    def loss(x):
        return cross_entropy([x[:3], x[3:]], index, reduction=reduction)

    assert gradients(loss, xs) == pytest.approx(slopes_by_differences(loss, xs), abs=1e-6)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@given(xs=vectors(4), ys=st.lists(st.sampled_from([-1, 1]), min_size=4, max_size=4))
def test_gradient_of_hinge_loss(reduction, xs, ys):
    xs = [x + 1e-3 if abs(abs(x) - 1) < 1e-4 else x for x in xs]  # away from the kink

    def loss(x):
        return hinge_loss(x, ys, reduction=reduction)

    assert gradients(loss, xs) == pytest.approx(slopes_by_differences(loss, xs), abs=1e-6)


def test_hinge_loss_is_flat_at_its_kink():
    assert gradients(lambda x: hinge_loss(x, [1]), [1.0]) == [0.0]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: mse_loss([1.0], [1.0, 2.0]), ShapeError, "1 inputs and 2 targets"),
        (lambda: mse_loss([[1.0, 2.0]], [1.0]), ShapeError, "a list as input and a number as target"),
        (lambda: mse_loss([1.0, 2.0], [[1.0], [2.0]]), ShapeError, "a number as input and a list as target"),
        (lambda: mse_loss([], []), ShapeError, "at least one input"),
        (lambda: mse_loss([1.0], [1.0], reduction="avg"), ParameterError, "reduction is 'mean', 'sum' or 'none'"),
        (lambda: hinge_loss([1.0, 1.0], [1, 0]), ParameterError, "targets -1 or 1, got 0; .* 2 \\* y - 1"),
        (lambda: hinge_loss([1.0, 1.0], [1]), ShapeError, "2 inputs and 1 targets"),
        (lambda: hinge_loss([[1.0]], [1]), ShapeError, "one structure"),
        (lambda: cross_entropy([1.0, 2.0], 2), ParameterError, "from 0 to 1, got 2"),
        (lambda: cross_entropy([1.0, 2.0], -1), ParameterError, "from 0 to 1, got -1"),
        (lambda: cross_entropy([1.0, 2.0], 0.0), ParameterError, "whole number"),
        (lambda: cross_entropy([[1.0, 2.0]], [0, 1]), ShapeError, "1 inputs and 2 targets"),
        (lambda: cross_entropy([[1.0, 2.0]], 0), ShapeError, "list of lists and a list of indices"),
        (lambda: cross_entropy([1.0, 2.0], [0, 1]), ShapeError, "list of logits for each index"),
        (lambda: cross_entropy(1.0, 0), ShapeError, "needs a list of logits"),
        (lambda: cross_entropy([], []), ShapeError, "at least one input"),
    ],
)
def test_losses_refuse_what_does_not_fit(call, error, message):
    with pytest.raises(error, match=message):
        call()
