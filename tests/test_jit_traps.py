"""What surprises people about compiled functions; every test says what the trap is.

A compiled function is its trace: the operations of one run, on the first example, with everything frozen that did not
come in as a parameter or an input.
"""

import math
import random
import sys
import threading

import numpy as np
import pytest
from executing import jit
from number_systems import bits

from autograd_tiny import Value, detect_anomaly, grad, nn, no_grad, ops, value_and_grad
from autograd_tiny.errors import AutogradTinyError, GraphError, ParameterError, TracingError
from autograd_tiny.functional import flatten

FACTOR = 2.0


def compiled(f, **settings):
    return jit(f, executor="python", **settings)


class Scaled(nn.Module):
    """w * x times numbers of every kind that a module may hold."""

    def __init__(self):
        self.w = Value(2.0)
        self.factor, self._hidden, self.flag = 1.0, 1.0, False
        self.numbers, self.named, self.array = [1.0], {"a": 1.0}, np.array([1.0])

    def forward(self, x):
        y = self.w * x * self.factor * self._hidden * self.numbers[0] * self.named["a"] * self.array[0]
        return -y if self.flag else y


# ---------------------------------------------------------------- frozen


def test_a_captured_number_is_frozen():
    """A plain number that the function takes from outside is part of the trace; changing it later changes nothing."""
    numbers = {"factor": 3.0}
    f = compiled(lambda w, x: w * x * numbers["factor"])
    assert f(2.0, [1.0]) == 6.0
    numbers["factor"] = 100.0
    assert f(2.0, [1.0]) == 6.0
    assert compiled(lambda w, x: w * x * numbers["factor"])(2.0, [1.0]) == 200.0, "a new jit is a new trace"


def test_a_captured_value_is_frozen_and_gets_no_gradient():
    """A Value that is no argument is a constant, whatever becomes of its number, and its .grad stays."""
    captured = Value(3.0)
    f = compiled(value_and_grad(lambda w, x: w * x * captured))
    assert f(2.0, [1.0]) == (6.0, 3.0)
    captured.data = 100.0
    assert f(2.0, [1.0]) == (6.0, 3.0)
    assert captured.grad == 0.0


def test_globals_and_classes_are_not_watched(monkeypatch):
    """State of Python outside the arguments is read once, while tracing: globals, attributes of classes, defaults."""

    class Halved(Scaled):
        share = 0.5

        def forward(self, x):
            return self.w * x * self.share * FACTOR

    f, model = compiled(lambda m, x: m(x)), Halved()
    assert f(model, [1.0]) == 2.0
    monkeypatch.setattr(Halved, "share", 100.0)
    monkeypatch.setitem(globals(), "FACTOR", 100.0)
    assert f(model, [1.0]) == 2.0


def test_side_effects_happen_once():
    """Printing, counting and appending happen while tracing, and never again."""
    calls = []
    f = compiled(lambda w, x: (calls.append("called"), w * x)[1])
    for _ in range(5):
        f(2.0, [1.0, 2.0, 3.0])
    assert calls == ["called"]


def test_random_numbers_are_drawn_while_tracing():
    """A random number drawn in the function is the same for all examples and all calls; hand it in as an input."""
    rng = random.Random(0)
    f = compiled(lambda w, x: w * x + rng.random(), reduce="none")
    noise = random.Random(0).random()
    assert f(2.0, [1.0, 2.0]) == f(2.0, [1.0, 2.0]) == [2.0 + noise, 4.0 + noise]


@pytest.mark.parametrize("layer", [lambda: nn.Dropout(0.5, rng=0), lambda: nn.BatchNorm1d(2)])
def test_layers_that_draw_or_look_at_the_batch_refuse_to_be_traced(layer):
    """Dropout's mask and the batch's mean would be those of the first example for ever."""
    model = nn.Sequential(nn.Linear(2, 2, rng=0), layer())
    f = compiled(lambda m, x: ops.sum(m(x)))
    with pytest.raises(TracingError, match=r"call model\.eval\(\) first"):
        f(model, [[1.0, 2.0], [3.0, 4.0]])
    model.eval()
    expected = sum(ops.sum(model(x)).data for x in ([1.0, 2.0], [3.0, 4.0])) / 2
    assert f(model, [[1.0, 2.0], [3.0, 4.0]]) == pytest.approx(expected)


# ---------------------------------------------------------------- seen


@pytest.mark.parametrize(
    "change",
    [
        lambda m: setattr(m, "factor", 3.0),
        lambda m: setattr(m, "factor", -0.0),
        lambda m: setattr(m, "_hidden", 3.0),
        lambda m: setattr(m, "flag", True),
        lambda m: setattr(m, "factor", True),
        lambda m: m.numbers.__setitem__(0, 3.0),
        lambda m: m.numbers.insert(0, 3.0),
        lambda m: m.named.update(a=3.0),
        lambda m: m.array.__setitem__(0, 3.0),
        lambda m: setattr(m, "array", np.array([5.0])),
    ],
)
def test_numbers_and_flags_in_the_model_are_seen(change):
    """Not a trap: what a module holds beside parameters is compared at every call, and a change is a new trace."""
    model, f = Scaled(), compiled(lambda m, x: m(x), reduce="none")
    (before,) = f(model, [1.0])
    change(model)
    (after,) = f(model, [1.0])
    assert bits(after) == bits(model(1.0).data)
    assert f(Scaled(), [1.0]) == [before], "the first trace is still there for the first state"


def test_train_and_eval_are_seen():
    """Not a trap: the mode of a model is a flag in it."""

    class Mode(Scaled):
        def forward(self, x):
            return self.w * x if self.training else self.w * x * 100

    model, f = Mode(), compiled(lambda m, x: m(x))
    assert (f(model, [1.0]), f(model.eval(), [1.0]), f(model.train(), [1.0])) == (2.0, 200.0, 2.0)


def test_keyword_arguments_are_seen():
    """Not a trap: settings are part of the trace, each of their values has one of its own; they get no gradient."""
    f = compiled(lambda w, x, n=1, name="a": w * x * n + len(name))
    assert [f(2.0, [1.0]), f(2.0, [1.0], n=5), f(2.0, [1.0], name="abc"), f(2.0, [1.0])] == [3.0, 11.0, 5.0, 3.0]
    assert [f(2.0, [1.0], n=n) for n in (1, True, 1.0, 2, 0.0, -0.0)] == [3.0, 3.0, 3.0, 5.0, 1.0, 1.0]


@pytest.mark.parametrize("wrap", [lambda x: x, lambda x: [x], lambda x: {"a": [x]}])
def test_a_value_among_keyword_arguments_is_a_number_of_the_call(wrap):
    """A Value given by keyword gets no gradient, but its number is that of each call."""
    f, scale = compiled(lambda w, x, scale: w * x * flatten(scale)[0]), Value(3.0)
    assert f(2.0, [1.0], scale=wrap(scale)) == 6.0
    assert f(2.0, [1.0], scale=wrap(Value(5.0))) == 10.0
    scale.data = 7.0
    assert f(2.0, [1.0], scale=wrap(scale)) == 14.0


def test_arrays_among_keyword_arguments_are_seen_when_changed_in_place():
    """Not a trap: an array counts by its numbers."""
    f, factors = compiled(lambda w, x, factors: w * x * factors[0]), np.array([3.0])
    assert f(2.0, [1.0], factors=factors) == 6.0
    factors[0] = 5.0
    assert f(2.0, [1.0], factors=factors) == 10.0


def test_shapes_are_seen():
    """Not a trap: loops over an input run as often as it is long; every length is a trace."""
    f = compiled(lambda w, xs: ops.sum([w * x for x in xs]))
    assert [f(2.0, [[1.0] * n]) for n in (1, 3, 2, 3)] == [2.0, 6.0, 4.0, 6.0]


# ---------------------------------------------------------------- structure


def test_the_same_value_twice_is_one_parameter():
    """Tied parameters: the gradient of both places together appears at each, and is added to .grad once."""
    w = Value(2.0)
    f = compiled(value_and_grad(lambda p, x: p[0] * x + p[1]))
    assert f([w, w], [3.0]) == (8.0, [4.0, 4.0])
    compiled(lambda p, x: p[0] * x + p[1]).backward([w, w], [3.0])
    assert w.grad == 4.0


def test_tied_and_untied_parameters_are_two_traces():
    """A model whose places share a Value now and not later is not the same model."""
    w, f = Value(2.0), compiled(value_and_grad(lambda p, x: p[0] * x + p[1]))
    assert f([w, w], [3.0]) == (8.0, [4.0, 4.0])
    assert f([w, Value(2.0)], [3.0]) == (8.0, [3.0, 1.0])
    assert f([w, w], [3.0]) == (8.0, [4.0, 4.0])


def test_tied_weights_of_modules():
    """Two modules that hold the same Values: the state has both names, the gradients are the same at both."""

    class Tied(nn.Module):
        def __init__(self):
            self.first = nn.Linear(2, 2, rng=0)
            self.second = nn.Linear(2, 2, rng=1)
            self.second.weight = self.first.weight

        def forward(self, x):
            return ops.sum(self.second(self.first(x)))

    model = Tied()
    _, gradients = compiled(value_and_grad(lambda m, x: m(x)))(model, [[1.0, 2.0]])
    model([1.0, 2.0]).backward()
    shared = [leaf.grad for row in model.first.weight for leaf in row]
    found = [
        number for name, tensor in gradients.items() if name.endswith("weight") for row in tensor for number in row
    ]
    assert found == pytest.approx(shared * (len(found) // 4), rel=1e-14)


def test_an_example_that_is_a_parameter_too_is_not_tied_to_it():
    """A parameter handed in as an example as well is a number there: no gradient flows through the input."""
    w = Value(3.0)
    assert compiled(value_and_grad(lambda w, x: w * x))(w, [w]) == (9.0, 3.0)


def test_layers_added_to_the_model_in_place_are_seen():
    """Not a trap: a list in the model that grows, shrinks or changes its order is a new trace."""
    model, f = nn.Sequential(nn.Linear(1, 1, rng=0)), compiled(lambda m, x: m(x)[0])
    for change in (
        lambda m: m.layers.append(nn.Linear(1, 1, rng=1)),
        lambda m: m.layers.reverse(),
        lambda m: m.layers.pop(),
    ):
        f(model, [[2.0]])
        change(model)
        assert f(model, [[2.0]]) == model([2.0])[0].data


def test_parameters_replaced_by_new_values():
    """Not a trap: parameters count by their place, so new Values in the same places need no new trace."""
    model, f = Scaled(), compiled(value_and_grad(lambda m, x: m(x)))
    assert f(model, [3.0]) == (6.0, {"w": 3.0})
    model.w = Value(10.0)
    assert f(model, [3.0]) == (30.0, {"w": 3.0})
    assert len(f._entries) == 1


def test_a_frozen_parameter_made_a_constant_is_a_new_trace():
    """A Value replaced by a plain number is frozen from then on, and each such number is a trace."""
    model, f = Scaled(), compiled(lambda m, x: m(x) + m.factor)
    model.factor = Value(1.0)
    assert f(model, [3.0]) == 7.0
    model.factor = 2.0
    assert f(model, [3.0]) == 14.0


def test_another_function_of_the_same_name_is_not_the_same():
    """Activations and other functions in a model count by identity."""
    model, f = nn.MLP(1, [2, 1], activation="tanh", rng=0), compiled(lambda m, x: m(x))
    other = nn.MLP(1, [2, 1], activation="relu", rng=0)
    assert f(model, [[0.7]]) == pytest.approx(model([0.7]).data)
    assert f(other, [[0.7]]) == pytest.approx(other([0.7]).data)


# ---------------------------------------------------------------- after an error, and around a trace


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, TracingError])
def test_an_error_in_the_function_leaves_the_parameters_ordinary(error):
    """While tracing, parameters refuse to be numbers; after an error they are ordinary Values again."""
    model = nn.MLP(2, [2, 1], rng=0)

    def f(m, x):
        m(x)
        raise error("in the function")

    g = compiled(f)
    with pytest.raises(error):
        g(model, [[1.0, 2.0]])
    assert {type(p) for p in model.parameters()} == {Value}
    assert model([1.0, 2.0]).data == model([1.0, 2.0]).data
    assert g._entries == {}, "nothing half done is kept"


def test_values_kept_from_inside_the_function_refuse_to_be_numbers():
    """A Value stored while tracing is that of the first example and says nothing of others, so it tells no number."""
    kept = []
    compiled(lambda w, x: (kept.append(w * x), kept[0])[1])(2.0, [3.0])
    with pytest.raises(TracingError, match=r"\.data"):
        kept[0].data  # noqa: B018 - the look-up is the test


def test_gradients_from_before_stay():
    """Calls do not touch .grad; backward() adds to it."""
    w = Value(2.0)
    w.grad = 10.0
    f = compiled(value_and_grad(lambda w, x: w * x))
    f(w, [3.0])
    assert w.grad == 10.0
    compiled(lambda w, x: w * x).backward(w, [3.0])
    assert w.grad == 13.0


@pytest.mark.parametrize("reduce", ["none", "mean"])
def test_a_compiled_function_inside_another_one_is_refused(reduce):
    """It would run on the numbers of the first example, which would be frozen in the outer one."""
    inner = compiled(lambda w, x: w * x)
    outer = compiled(lambda w, x: inner(w, [x]), reduce=reduce)
    with pytest.raises(TracingError, match=r"compiled"):
        outer(2.0, [3.0, 5.0])
    with pytest.raises(TracingError, match=r"compiled"):
        compiled(lambda w, x: w * inner(2.0, [7.0]) * x)(2.0, [3.0])


def test_compiling_twice_is_refused_or_the_same():
    """jit(jit(f)) cannot mean batches of batches."""
    try:
        twice = compiled(compiled(lambda w, x: w * x))
    except ParameterError as error:
        assert "compiled" in str(error)  # noqa: PT017 - either is right
    else:
        assert twice(2.0, [3.0, 5.0]) == 8.0


def test_gradients_are_taken_inside_of_jit_not_around_it():
    """value_and_grad(jit(f)) would see plain numbers come out, and answer 0; write jit(value_and_grad(f))."""
    f = compiled(lambda w, x: w * x)
    for derivative in (value_and_grad(f), grad(f)):
        with pytest.raises(GraphError, match=r"jit\(value_and_grad\(f\)\)"):
            derivative(2.0, [3.0])


def test_gradients_inside_the_function_are_refused():
    """A derivative inside the function would be of the first example's numbers."""
    with pytest.raises(AutogradTinyError, match=r"value_and_grad"):
        compiled(lambda w, x: grad(lambda v: v * v * x)(w))(2.0, [3.0])


def test_no_grad_inside_the_function_is_refused_and_around_the_call_harmless():
    """Inside, it would freeze what it computes; around the call there is nothing to record."""

    def f(w, x):
        with no_grad():
            return w * x

    with pytest.raises(TracingError, match=r"no_grad\(\) around an operation on a traced value"):
        compiled(f)(2.0, [3.0])
    with no_grad():
        assert compiled(value_and_grad(lambda w, x: w * x))(2.0, [3.0]) == (6.0, 3.0)


def test_anomalies_are_looked_for_on_the_first_example_only():
    """detect_anomaly() sees what is recorded: the trace. Compiled code gives inf and nan as IEEE 754 has them."""
    f = compiled(lambda w, x: ops.log(w * x), reduce="none")
    with detect_anomaly():
        found = f(1.0, [1.0, -1.0])
    assert found[0] == 0.0
    assert math.isnan(found[1])


def test_hooks_are_not_called():
    """Hooks belong to an ordinary backward()."""
    w = Value(2.0)
    w.register_hook(lambda gradient: 100.0)
    compiled(lambda w, x: w * x).backward(w, [3.0])
    assert w.grad == 3.0


# ---------------------------------------------------------------- what comes out


@pytest.mark.parametrize("executor", ["python", "numpy", "tape"])
def test_what_a_call_returned_is_the_callers(executor):
    """Results and gradients may be changed in place; the next call knows nothing of it."""
    model = {"w": [1.0, 2.0], "b": Value(3.0)}
    f = jit(value_and_grad(lambda p, x: p["w"][0] * x + p["w"][1] * x * x + p["b"]), executor=executor)
    values = jit(lambda p, x: [p["w"][0] * x, [p["b"] * x]], executor=executor, reduce="none")
    value, gradients = f(model, [1.0, 3.0])
    each = values(model, [1.0, 3.0])
    gradients["w"][0] = gradients["b"] = -1.0
    gradients["w"].append(5.0)
    each[0][0] = each[0][1][0] = -1.0
    each.pop()
    assert f(model, [1.0, 3.0]) == (value, {"w": [2.0, 5.0], "b": 1.0})
    assert values(model, [1.0, 3.0]) == [[1.0, [3.0]], [3.0, [9.0]]]
    assert model["w"] == [1.0, 2.0]


@pytest.mark.parametrize("executor", ["python", "numpy", "straight", "tape"])
def test_two_threads_may_call_one_compiled_function(executor):
    """Machine code works in memory of its own; two calls at once must not meet there."""
    model, rng = nn.MLP(3, [4, 1], rng=0), np.random.default_rng(0)
    f = jit(value_and_grad(lambda m, x, y: (m(x) - y) ** 2), executor=executor)
    size, rounds = (20, 3) if executor == "python" else (300, 40)
    batches = [(rng.normal(size=(size, 3)), rng.normal(size=size)) for _ in range(4)]
    expected = [f(model, *batch) for batch in batches]
    wrong = []

    def work(batch, right):
        wrong.extend(found for _ in range(rounds) if (found := f(model, *batch)) != right)

    threads = [threading.Thread(target=work, args=pair) for pair in zip(batches, expected, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_two_threads_may_call_one_compiled_function_on_models_of_their_own():
    """What is remembered of the latest model must not answer for the model of another thread."""
    models = [{"w": Value(float(k)), "numbers": [1.0] * 20} for k in range(4)]
    f = compiled(value_and_grad(lambda p, x: p["w"] * x * p["numbers"][0], argnums=0), reduce="sum")
    f(models[0], [1.0])
    wrong = []

    def work(k):
        wrong.extend(found for _ in range(100) if (found := f(models[k], [1.0])[0]) != float(k))

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert wrong == []


def test_two_threads_may_trace_functions_of_one_model():
    """Parameters change their class while one is tracing; each trace has to wait for the other."""
    model = nn.MLP(2, [2, 1], rng=0)
    inside, errors, results = threading.Event(), [], {}

    def slow(m, x):
        inside.set()
        overtaken.wait(0.2)
        return m(x)

    def quick(m, x):
        overtaken.set()
        left.wait(0.05)
        return m(x)

    overtaken, left = threading.Event(), threading.Event()

    def call(name, f):
        try:
            results[name] = compiled(f)(model, [[1.0, 2.0]])
        except AutogradTinyError as error:
            errors.append(error)
        left.set()

    first = threading.Thread(target=call, args=("slow", slow))
    second = threading.Thread(target=call, args=("quick", quick))
    first.start()
    inside.wait(5)
    second.start()
    first.join()
    second.join()
    assert errors == []
    assert results["slow"] == results["quick"] == pytest.approx(model([1.0, 2.0]).data)
    assert {type(p) for p in model.parameters()} == {Value}


# ---------------------------------------------------------------- objects that change inside


class Settings:
    def __init__(self, factor):
        self.factor = factor


def test_an_object_among_keyword_arguments_counts_by_what_is_in_it():
    """An object handed over by keyword and changed afterwards is another argument."""
    f, given = compiled(lambda w, x, given: w * x * given.factor), Settings(2)
    assert f(1.0, [1.0], given=given) == 2.0
    given.factor = 7
    assert f(1.0, [1.0], given=given) == 7.0


def test_a_set_counts_by_its_members():
    f, switches = compiled(lambda w, x, switches: w * x * (10 if "ten" in switches else 1)), {"ten"}
    assert f(1.0, [1.0], switches=switches) == 10.0
    switches.clear()
    assert f(1.0, [1.0], switches=switches) == 1.0


def test_an_object_that_a_module_holds_is_looked_into():
    class Model(nn.Module):
        def __init__(self):
            self.w, self.settings, self.others = Value(2.0), Settings(3.0), [Settings(1.0)]

        def forward(self, x):
            return self.w * x * self.settings.factor * self.others[0].factor

    model = Model()
    f = compiled(lambda model, x: model(x))
    assert f(model, [1.0]) == 6.0
    model.settings.factor = 5.0
    assert f(model, [1.0]) == 10.0
    model.others[0].factor = 2.0
    assert f(model, [1.0]) == 20.0


def test_an_object_that_holds_itself():
    loop = Settings(2.0)
    loop.me = loop
    assert compiled(lambda w, x, loop: w * x * loop.factor)(1.0, [1.0], loop=loop) == 2.0


def test_arrays_of_objects_count_by_their_members():
    f, table = compiled(lambda w, x, table: w * x * table[0]), np.array([2.0, "a"], object)
    assert f(1.0, [1.0], table=table) == 2.0
    table[0] = 4.0
    assert f(1.0, [1.0], table=table) == 4.0


# ---------------------------------------------------------------- derivatives of derivatives, other numbers


def test_a_derivative_of_a_compiled_function_is_refused_for_values_too():
    with pytest.raises(GraphError, match=r"write jit\(value_and_grad\(f\)\)"):
        value_and_grad(compiled(lambda w, x: w * x))(Value(1.0), [1.0])


def test_second_derivatives_are_refused_when_asked_for():
    with pytest.raises(ParameterError, match="second derivatives are not compiled"):
        compiled(grad(grad(lambda w, x: w * w * x)))


def test_a_rule_that_asks_for_its_number_is_named():
    from autograd_tiny import forget, primitive
    from autograd_tiny.errors import RegistrationError

    @primitive(slopes=lambda m, y, x: (math.cos(x),))
    def mathsin(m, x):
        """The sine by math, as no rule should."""
        return math.sin(x)

    try:
        with pytest.raises(RegistrationError, match=r"use the functions of m"):
            compiled(lambda w, x: mathsin(w * x))(1.0, [1.0])
    finally:
        forget(mathsin)


def test_tensors_are_taken_as_arrays():
    torch = pytest.importorskip("torch")
    assert compiled(lambda w, x: w * x[1])(2.0, torch.tensor([[1.0, 2.0], [3.0, 4.0]])) == 6.0


def test_a_ragged_example_is_said_to_be_one():
    from autograd_tiny.errors import ShapeError

    with pytest.raises(ShapeError, match="the lists of example 1 in input 1 differ in length"):
        compiled(lambda w, x: w * x[0][0])(2.0, [[[1.0], [2.0]], [[1.0], [2.0, 3.0]]])


def test_a_program_needs_all_its_numbers():
    from autograd_tiny.errors import ShapeError

    program = compiled(lambda w, x: w * x).program(2.0, [3.0])
    for numbers in ([1.0], [1.0, 2.0, 3.0]):
        with pytest.raises(ShapeError, match="needs 1 parameter and 1 input"):
            program.run(numbers)
        with pytest.raises(ShapeError, match="needs 1 parameter and 1 input"):
            program.record(numbers)


def test_machine_code_is_freed_with_the_function_that_made_it():
    pytest.importorskip("llvmlite")
    import gc
    import weakref

    f = jit(lambda w, x: w * x * 3.125, executor="straight")
    f(1.0, [1.0] * 8)
    ((_, executor),) = next(iter(f._entries.values())).executors.items()
    code = weakref.ref(executor)
    del executor, f
    gc.collect()
    assert code() is None
