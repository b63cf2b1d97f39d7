"""jit: batches on every executor against loops over recorded Values; structures, settings, errors."""

import math
import random
import re

import numpy as np
import pytest
from executing import EXECUTORS, jit

from autograd_tiny import Value, compilation, dot, functional, grad, nn, ops, optim, value_and_grad, where
from autograd_tiny.compilation import Compiled, Program
from autograd_tiny.errors import GraphError, NotARealNumberError, OperandError, ParameterError, ShapeError, TracingError

HERE = re.escape(__file__)
SOME = ("python", "numpy", "tape")
every_executor = pytest.mark.parametrize("executor", EXECUTORS)
some_executors = pytest.mark.parametrize("executor", SOME)


def numbers_in(tree):
    """The numbers of nested containers, in order."""
    if isinstance(tree, dict):
        tree = list(tree.values())
    return [x for branch in tree for x in numbers_in(branch)] if isinstance(tree, (list, tuple)) else [tree]


def loop(f, model, *arrays, mean=True):
    """Return (value, gradients of model.parameters()) by recording example after example."""
    count = len(arrays[0])
    losses = [f(model, *[array[i] for array in arrays]) for i in range(count)]
    total = losses[0]
    for loss in losses[1:]:
        total = total + loss
    total = total / count if mean else total
    parameters = list(model.parameters())
    before = [p.grad for p in parameters]
    for p in parameters:
        p.grad = 0.0
    total.backward()
    gradients = [p.grad for p in parameters]
    for p, old in zip(parameters, before, strict=True):
        p.grad = old
    return total.data, gradients


def vectors(seed, *shape):
    rng = np.random.default_rng(seed)
    return rng.uniform(-1.0, 1.0, shape).tolist()


# ---------------------------------------------------------------- models


class Reader(nn.Module):
    """Attention over embedded tokens, and the scores of the next one."""

    def __init__(self):
        self.embedding = nn.Embedding(5, 4, rng=0)
        self.norm = nn.RMSNorm(4)
        self.attention = nn.MultiheadAttention(4, num_heads=2, causal=True, rng=1)
        self.head = nn.Linear(4, 5, rng=2)

    def forward(self, tokens):
        xs = [self.norm(self.embedding(token)) for token in tokens]
        return self.head(self.attention(xs)[-1])


class Seer(nn.Module):
    """A convolution of one channel, pooling, and a score."""

    def __init__(self):
        self.convolution = nn.Conv2d(1, 2, kernel_size=2, rng=0)
        self.pool = nn.MaxPool2d(2)
        self.head = nn.Linear(2, 1, rng=1)

    def forward(self, image):
        maps = self.pool(self.convolution([image]))
        return self.head([ops.sum(number for row in rows for number in row) for rows in maps])[0]


MODELS = {
    "MLP": (
        lambda: nn.MLP(3, [4, 1], rng=1),
        lambda m, x, y: (m(x) - y) ** 2,
        lambda: (vectors(0, 7, 3), vectors(1, 7)),
    ),
    "Linear": (
        lambda: nn.Linear(3, 2, rng=1),
        lambda m, x, y: nn.huber_loss(m(x), y),
        lambda: (vectors(2, 7, 3), vectors(3, 7, 2)),
    ),
    "RNN": (
        lambda: nn.RNN(2, 3, rng=1),
        lambda m, xs, y: (ops.sum(m(xs)[0][-1]) - y).tanh(),
        lambda: (vectors(4, 6, 5, 2), vectors(5, 6)),
    ),
    "attention": (
        Reader,
        lambda m, tokens, token: nn.cross_entropy(m(tokens), token),
        lambda: ([[0, 1, 2], [4, 4, 3], [1, 0, 0], [2, 3, 4], [3, 1, 1]], [1, 4, 0, 2, 3]),
    ),
    "convolution": (
        Seer,
        lambda m, image, y: nn.hinge_loss(m(image), y),
        lambda: (vectors(6, 5, 5, 5), [1, -1, -1, 1, 1]),
    ),
}


@pytest.mark.parametrize("name", MODELS)
@some_executors
def test_models_as_in_a_loop_over_the_examples(name, executor):
    model, f, data = MODELS[name][0](), MODELS[name][1], MODELS[name][2]()
    value, gradients = jit(value_and_grad(f), executor=executor)(model, *data)
    expected, slopes = loop(f, model, *data)
    assert value == pytest.approx(expected, rel=1e-12)
    assert numbers_in(gradients) == pytest.approx(slopes, rel=1e-12, abs=1e-12)
    assert list(gradients) == list(model.state_dict())
    assert jit(f, executor=executor)(model, *data) == pytest.approx(expected, rel=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["MLP", "Linear"])
def test_models_in_straight_line_code(name):
    test_models_as_in_a_loop_over_the_examples(name, "straight")


@pytest.mark.slow
def test_what_is_chosen_automatically_agrees():
    for name in ("MLP", "attention"):
        test_models_as_in_a_loop_over_the_examples(name, "auto")


@every_executor
def test_batches_of_every_size(executor):
    model, f, _ = MODELS["MLP"][0](), MODELS["MLP"][1], None
    compiled = jit(value_and_grad(f), executor=executor)
    xs, ys = vectors(7, 20, 3), vectors(8, 20)
    for size in range(1, 21):
        value, gradients = compiled(model, xs[:size], ys[:size])
        expected, slopes = loop(f, model, xs[:size], ys[:size])
        assert value == pytest.approx(expected, rel=1e-12), size
        assert numbers_in(gradients) == pytest.approx(slopes, rel=1e-11, abs=1e-13), size


# ---------------------------------------------------------------- results


@every_executor
def test_mean_sum_and_none(executor):
    w, xs = Value(2.0), [1.0, 2.0, 4.0]

    def f(w, x):
        return w * x

    assert jit(f, executor=executor)(w, xs) == pytest.approx(14.0 / 3)
    assert jit(f, executor=executor, reduce="sum")(w, xs) == 14.0
    assert jit(f, executor=executor, reduce="none")(w, xs) == [2.0, 4.0, 8.0]
    assert jit(grad(f), executor=executor, reduce="sum")(w, xs) == 7.0
    assert jit(value_and_grad(f), executor=executor)(w, xs) == pytest.approx((14 / 3, 7 / 3))


@some_executors
def test_sums_go_from_the_first_example_to_the_last(executor):
    xs = [1e16, 1.0, -1e16, 1.0]
    assert jit(lambda w, x: w * x, executor=executor, reduce="sum")(1.0, xs) == 1.0


@some_executors
def test_nested_results(executor):
    def f(w, x):
        return {"product": w * x, "both": (w + x, [w - x, 7.0]), "x": x}

    one = jit(f, executor=executor, reduce="none")(2.0, [3.0, 5.0])
    assert one == [
        {"product": 6.0, "both": (5.0, [-1.0, 7.0]), "x": 3.0},
        {"product": 10.0, "both": (7.0, [-3.0, 7.0]), "x": 5.0},
    ]
    assert jit(f, executor=executor)(2.0, [3.0, 5.0]) == {"product": 8.0, "both": (6.0, [-2.0, 7.0]), "x": 4.0}


@some_executors
def test_results_are_plain_floats(executor):
    for xs in ([1.0, 2.0], np.array([1.0, 2.0]), np.array([1, 2]), [np.float32(1), np.int64(2)]):
        value, gradient = jit(value_and_grad(lambda w, x: w * x), executor=executor)(2.0, xs)
        assert (value, gradient) == (3.0, 1.5)
        assert type(value) is type(gradient) is float
        each = jit(lambda w, x: w * x, executor=executor, reduce="none")(2.0, xs)
        assert [type(x) for x in each] == [float, float]


@some_executors
def test_arrays_do_not_warn_where_python_would_raise(executor):
    """Warnings are errors in these tests."""
    xs = np.array([0.0, 1000.0, -1.0])
    found = jit(lambda w, x: [1 / (w * x), ops.exp(w * x), ops.log(w * x)], executor=executor, reduce="none")(1.0, xs)
    assert found[:2] == [[math.inf, 1.0, -math.inf], [0.001, math.inf, math.log(1000.0)]]
    assert math.isnan(found[2][2])


def test_results_that_do_not_depend_on_anything():
    assert jit(lambda w, x: 3.0, executor="python")(1.0, [1.0, 2.0]) == 3.0
    assert jit(value_and_grad(lambda w, x: x * 2), executor="python")(1.0, [1.0, 2.0]) == (3.0, 0.0)


# ---------------------------------------------------------------- parameters and inputs


@some_executors
def test_nested_containers_of_parameters(executor):
    model = {"layers": [(1.0, Value(2.0)), [3.0]], "module": nn.Linear(1, 1, rng=0), "nothing": None}

    def f(p, x):
        return p["layers"][0][0] * x + p["layers"][0][1] * x**2 + p["layers"][1][0] + p["module"]([x])[0]

    _, gradients = jit(value_and_grad(f), executor=executor)(model, [1.0, 3.0])
    assert gradients["layers"] == [(2.0, 5.0), [1.0]]
    assert gradients["nothing"] is None
    assert numbers_in(gradients["module"]) == pytest.approx([2.0, 1.0])
    assert type(model["layers"][0][0]) is float, "what was given stays as it was"


def test_inputs_of_any_depth_and_kind():
    f = jit(lambda w, x, y: w * (x[0][1] + x[1][0]) + y, executor="python", reduce="none")
    x = [[[1, 2.0], [3, 4.0]], [[5.0, 6.0], [7, True]]]
    expected = [2 * 5.0 + 10, 2 * 13.0 + 20]
    assert f(2.0, x, [10, 20]) == expected
    assert f(2.0, np.array(x), np.array([10, 20])) == expected
    assert f(2.0, np.asfortranarray(x), (10, Value(20.0))) == expected
    assert f(2.0, [np.array(example) for example in x], [10, 20]) == expected


def test_the_numbers_of_the_model_are_read_at_every_call():
    w = Value(2.0)
    f = jit(lambda w, x: w * x, executor="tape")
    assert f(w, [3.0]) == 6.0
    w.data = 10.0
    assert f(w, [3.0]) == 30.0
    assert f(Value(5.0), [3.0]) == 15.0
    assert len(f._entries) == 1


@every_executor
def test_backward_adds_to_the_gradients(executor):
    model, f, data = MODELS["MLP"][0](), MODELS["MLP"][1], MODELS["MLP"][2]()
    expected, slopes = loop(f, model, *data)
    compiled = jit(f, executor=executor)
    assert compiled.backward(model, *data) == pytest.approx(expected, rel=1e-12)
    assert [p.grad for p in model.parameters()] == pytest.approx(slopes, rel=1e-12, abs=1e-13)
    compiled.backward(model, *data)
    assert [p.grad for p in model.parameters()] == pytest.approx([2 * s for s in slopes], rel=1e-12, abs=1e-13)
    assert {type(p.grad) for p in model.parameters()} == {float}


def test_any_optimizer_trains_with_backward():
    def trained(step):
        model = nn.MLP(3, [4, 1], rng=1)
        optimizer = optim.Adam(model.parameters(), lr=0.05)
        for _ in range(20):
            optimizer.zero_grad()
            step(model)
            optimizer.step()
        return [p.data for p in model.parameters()]

    f, data = MODELS["MLP"][1], MODELS["MLP"][2]()
    compiled = jit(f, executor="tape")

    def plain(model):
        (total_of([f(model, x, y) for x, y in zip(*data, strict=True)]) / len(data[0])).backward()

    assert trained(lambda model: compiled.backward(model, *data)) == pytest.approx(trained(plain), rel=1e-9)


def total_of(values):
    total = values[0]
    for value in values[1:]:
        total = total + value
    return total


def test_gradients_are_those_of_functional_value_and_grad():
    def f(p, x):
        return ops.logsumexp(*[w * x for w in p]) + where(x > 0, p[0], p[1] ** 2)

    compiled = jit(value_and_grad(f), executor="tape", reduce="sum")
    for x in (0.5, -0.5):
        value, gradients = functional.value_and_grad(f)([1.0, 2.0, 3.0], x)
        found, slopes = compiled([1.0, 2.0, 3.0], [x])
        assert (found, slopes) == (pytest.approx(value, rel=1e-15), pytest.approx(gradients, rel=1e-15))


@pytest.mark.parametrize("executor", ["straight", "tape"])
def test_threads_and_fast(executor):
    model, f = MODELS["MLP"][0](), MODELS["MLP"][1]
    data = vectors(9, 37, 3), vectors(10, 37)
    value, gradients = jit(value_and_grad(f), executor=executor)(model, *data)
    for settings in ({"threads": 2}, {"fast": True}, {"threads": 3, "fast": True}):
        found, slopes = jit(value_and_grad(f), executor=executor, **settings)(model, *data)
        assert found == pytest.approx(value, rel=1e-9 if "fast" in settings else 1e-13)
        rounding = 1e-9 if "fast" in settings else 1e-12
        assert numbers_in(slopes) == pytest.approx(numbers_in(gradients), rel=rounding, abs=1e-13)


def test_the_program_of_a_call():
    f = jit(lambda w, x: w * x + 1, executor="python")
    program = f.program(2.0, [3.0])
    assert isinstance(program, Program)
    assert f.program(5.0, [7.0, 8.0]) is program
    assert program.run([5.0, 7.0]) == [36.0]


def test_labels_of_parameters_and_names_of_modules_are_in_the_program():
    model = nn.MLP(2, [2, 1], rng=0)
    program = jit(lambda m, x: m(x)).program(model, [[1.0, 2.0]])
    assert any("MLP/layers[1]" in scope for scope in program.scopes.values())
    assert "# MLP/layers[0]/neurons[0]" in program.source


def test_a_compiled_function_is_named_as_the_function():
    def score(w, x):
        """A score."""
        return w * x

    assert (jit(score).__name__, jit(score).__doc__) == ("score", "A score.")
    assert jit(value_and_grad(score)).__wrapped__ is score
    assert isinstance(jit(score), Compiled)


# ---------------------------------------------------------------- errors


def times(w, x):
    return w * x


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: jit(3), ParameterError, r"jit compiles a function, got 3; write jit\(lambda model, x"),
        (lambda: jit(times, reduce="max"), ParameterError, "reduce is one of mean, sum, none, got 'max'"),
        (
            lambda: compilation.jit(times, executor="gpu"),
            ParameterError,
            "executor is one of auto, python, .*, got 'gpu'",
        ),
        (lambda: jit(times, threads=0), ParameterError, "threads is a whole number of at least 1, got 0"),
        (lambda: jit(times, threads=1.5), ParameterError, "threads is a whole number of at least 1, got 1.5"),
        (lambda: jit(grad(times), reduce="none"), ParameterError, 'mean or the sum .* got reduce="none"'),
        (lambda: jit(times, reduce="none").backward(1.0, [1.0]), ParameterError, 'got reduce="none"'),
        (lambda: jit(value_and_grad(times, argnums=1)), ParameterError, r"first argument \(argnums=0\), got argnums=1"),
        (lambda: jit(grad(times, argnums=(0, 1))), ParameterError, r"got argnums=\(0, 1\)"),
        (lambda: jit(times)(1.0), ShapeError, "needs inputs beside the model, .* got none"),
        (lambda: jit(times)(1.0, []), ShapeError, r"input 1 holds one example after the other, at least one, got \[\]"),
        (lambda: jit(times)(1.0, 3.0), ShapeError, "input 1 holds one example after the other, at least one, got 3.0"),
        (lambda: jit(times)(1.0, "abc"), ShapeError, "input 1 holds one example after the other, .* got 'abc'"),
        (lambda: jit(times)(1.0, np.array(1.0)), ShapeError, r"got an array of shape \(\)"),
        (lambda: jit(times)(1.0, np.zeros((0, 2))), ShapeError, r"got an array of shape \(0, 2\)"),
        (lambda: jit(times)(1.0, [1.0, "a"]), NotARealNumberError, "input 1 needs one real number, got 'a'"),
        (lambda: jit(times)(1.0, [1.0, None]), NotARealNumberError, "input 1 needs one real number, got None"),
        (lambda: jit(times)(1.0, np.array([1j])), NotARealNumberError, "input 1 holds real numbers, .* complex128"),
        (lambda: jit(times)(1.0, np.array(["a"])), NotARealNumberError, "input 1 holds real numbers, .* <U1"),
        (lambda: jit(times)("w", [1.0]), NotARealNumberError, "needs one real number, got 'w'"),
        (lambda: jit(times)(Value(1.0) * 2, [1.0]), GraphError, "are leaves, got the result of mul"),
        (
            lambda: jit(dot)([1.0], [[1.0], [1.0, 2.0]]),
            ShapeError,
            r"in input 1 the first has the shape .*1.* and example 1 .*2",
        ),
        (lambda: jit(dot)([1.0], [[1.0], 2.0]), ShapeError, "in input 1 the first has the shape"),
        (lambda: jit(dot)([1.0], [[[1.0], 2.0]]), ShapeError, "input 1"),
        (lambda: jit(lambda w, x, y: w)(1.0, [1.0], [1.0, 2.0]), ShapeError, "same number of examples, got 1, 2"),
        (
            lambda: jit(grad(lambda w, x: [w, x]))(1.0, [1.0]),
            GraphError,
            "one number as its result, got .*return the loss",
        ),
        (lambda: jit(lambda w, x: [w]).backward(1.0, [1.0]), GraphError, "one number as its result"),
        (lambda: jit(lambda w, x: None)(1.0, [1.0]), GraphError, "got None; did it forget to return its result"),
    ],
)
def test_what_does_not_fit_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_branching_names_the_line_and_where():
    def f(w, x):
        return w if x > 0 else -w

    with pytest.raises(
        TracingError, match=rf"bool\(\) of the traced x1 > 0 at {HERE}:\d+: .* where\(condition, a, b\)"
    ):
        jit(f)(1.0, [1.0])


def test_every_shape_is_a_program_of_its_own():
    f = jit(lambda w, xs: dot(w, xs), executor="python")
    assert f([1.0, 2.0], [[3.0, 4.0]]) == 11.0
    with pytest.raises(OperandError, match="two lists of one length"):
        f([1.0, 2.0], [[3.0, 4.0, 5.0]])
    assert f([1.0, 2.0, 3.0], [[3.0, 4.0, 5.0]]) == 26.0
    assert len(f._entries) == 2


def test_programs_are_forgotten_when_there_are_very_many(monkeypatch):
    from autograd_tiny.compilation import function

    monkeypatch.setattr(function, "MOST_PROGRAMS", 3)
    f = jit(lambda w, x, power: w * x**power, executor="python")
    for power in (1, 2, 3, 4, 5, 1):
        assert f(2.0, [3.0], power=power) == 2 * 3.0**power
    assert len(f._entries) == 3


def test_random_programs_in_batches():
    rng = random.Random(3)
    for _ in range(20):
        kinds = [rng.choice([ops.tanh, ops.exp, ops.sin, ops.relu, ops.sigmoid, ops.softplus]) for _ in range(4)]

        def f(p, x, kinds=kinds):
            y = x
            for weight, kind in zip(p, kinds, strict=True):
                y = kind(weight * y + p[0]) + x
            return y

        p, xs = [Value(rng.uniform(-1, 1)) for _ in range(4)], [rng.uniform(-1, 1) for _ in range(6)]
        expected = [functional.value_and_grad(f)(p, x) for x in xs]
        for executor in SOME:
            value, gradients = jit(value_and_grad(f), executor=executor, reduce="sum")(p, xs)
            assert value == pytest.approx(math.fsum(float(v) for v, _ in expected), rel=1e-12)
            sums = [math.fsum(float(each[k]) for _, each in expected) for k in range(4)]
            assert gradients == pytest.approx(sums, rel=1e-11)
