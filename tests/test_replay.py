"""replay: recorded graphs computed again on changed leaves, against recording them anew."""

import random

import pytest
from executing import EXECUTORS, needs
from hypothesis import given
from number_systems import bits

from autograd_tiny import Value, dot, nn, ops
from autograd_tiny.benchmarks.with_values import moons_loss
from autograd_tiny.compilation import Replay, replay
from autograd_tiny.errors import GraphError, MissingPackageError, ParameterError
from autograd_tiny.testing import expressions


@pytest.mark.slow
@pytest.mark.parametrize("executor", ["auto", "tape", "numpy"])
def test_the_loss_of_all_moons(executor):
    """65,818 nodes, every product and every sum a node of its own."""
    needs(executor)
    loss, parameters = moons_loss(Value)
    root = loss()
    again = replay(root, executor=executor)
    assert len(again.program.instructions) > 40_000
    rng = random.Random(0)
    for _ in range(2):
        for p in parameters:
            p.grad = 0.0
        value = again()
        gradients = [p.grad for p in parameters]
        assert again.forward() == value
        for p in parameters:
            p.grad = 0.0
        fresh = loss()
        fresh.backward()
        assert value == pytest.approx(fresh.data, rel=1e-13)
        assert gradients == pytest.approx([p.grad for p in parameters], rel=1e-11, abs=1e-15)
        if executor == "tape":
            assert list(map(bits, [value, *gradients])) == list(map(bits, [fresh.data, *[p.grad for p in parameters]]))
        for p in parameters:
            p.data += rng.uniform(-0.1, 0.1)


@pytest.mark.parametrize("executor", EXECUTORS)
def test_changed_leaves(executor):
    needs(executor)
    a, b = Value(2.0), Value(3.0)
    again = replay(dot([a, b], [b, a]) * ops.maximum(a, 4.0) + b, executor=executor)
    for x, y in ((2.0, 3.0), (5.0, -1.0), (4.0, 0.5)):
        a.data, b.data = x, y
        value = again()
        u, v = Value(x), Value(y)
        root = dot([u, v], [v, u]) * ops.maximum(u, 4.0) + v
        root.backward()
        assert (value, a.grad, b.grad) == (root.data, u.grad, v.grad)
        assert again.forward() == root.data
        a.grad = b.grad = 0.0


@given(expressions(size=(1, 25)))
def test_random_graphs_to_the_bit(f):
    needs("tape")
    leaves = [Value(x) for x in f.point]
    again = replay(f(*leaves), executor="tape")
    for factor in (1.0, 1.01):
        fresh = [Value(x * factor) for x in f.point]
        for leaf, new in zip(leaves, fresh, strict=True):
            leaf.data, leaf.grad = new.data, 0.0
        root = f(*fresh)
        root.backward()
        assert bits(again()) == bits(root.data)
        assert [bits(leaf.grad) for leaf in leaves] == [bits(new.grad) for new in fresh]


@pytest.mark.parametrize("executor", ["python", "numpy", "tape"])
def test_gradients_add_up_as_in_backward(executor):
    needs(executor)
    a, b = Value(2.0), Value(3.0)
    b.grad = 100.0
    again = replay(a * b, executor=executor)
    assert [again(), again(), again()] == [6.0, 6.0, 6.0]
    assert (a.grad, b.grad) == (9.0, 106.0)
    assert type(a.grad) is float
    assert again.forward() == 6.0
    assert (a.grad, b.grad) == (9.0, 106.0), "forward leaves the gradients alone"


@pytest.mark.slow
@pytest.mark.parametrize("executor", ["tape", "python"])
def test_a_deep_chain_needs_no_recursion(executor):
    needs(executor)
    length = 200_000 if executor == "tape" else 20_000
    x = Value(0.5)
    y = x
    for _ in range(length // 2):
        y = -(y + 1.0)
    again = replay(y, executor=executor)
    assert len(again.program.instructions) == length
    assert again() == y.data
    assert x.grad == 1.0
    x.data = 1.5
    assert again.forward() == y.data + 1.0


def test_the_graph_itself_stays_as_it_was():
    a = Value(2.0)
    product = a * 3.0
    root = product + 1.0
    again = replay(root, executor="python")
    a.data = 10.0
    assert again() == 31.0
    assert (root.data, product.data, product.grad) == (7.0, 6.0, 0.0)


def test_plain_numbers_are_constants_and_values_are_leaves():
    a, b = Value(2.0, "a"), Value(3.0, "b")
    again = replay(a * b * 5.0 + 1, executor="python")
    assert again.leaves == [a, b]
    assert again.program.constants == (5.0, 1.0)
    assert again.program.labels == {0: "a", 1: "b"}
    assert isinstance(again, Replay)


def test_a_leaf_alone():
    a = Value(2.0)
    again = replay(a, executor="python")
    a.data = 7.0
    assert (again(), a.grad) == (7.0, 1.0)


def test_modules_train_by_replay():
    needs("tape")
    model, twin = nn.MLP(2, [3, 1], rng=0), nn.MLP(2, [3, 1], rng=0)
    xs, ys = [[0.5, 1.0], [-1.0, 0.3], [0.1, -0.2]], [1.0, -1.0, 0.5]

    def loss(net):
        return nn.mse_loss([net(x) for x in xs], ys)

    again = replay(loss(model), executor="tape")
    for _ in range(10):
        model.zero_grad()
        twin.zero_grad()
        value, fresh = again(), loss(twin)
        fresh.backward()
        assert value == fresh.data
        for p, q in zip(model.parameters(), twin.parameters(), strict=True):
            assert p.grad == q.grad
            p.data -= 0.1 * p.grad
            q.data -= 0.1 * q.grad


@pytest.mark.slow
def test_fast_agrees_to_rounding():
    needs("tape")
    w = [Value(0.1 * k) for k in range(100)]
    root = ops.tanh(dot(w, w) * 0.01)
    root.backward()
    gradients = [leaf.grad for leaf in w]
    for leaf in w:
        leaf.grad = 0.0
    assert replay(root, executor="tape", fast=True)() == pytest.approx(root.data, rel=1e-12)
    assert [leaf.grad for leaf in w] == pytest.approx(gradients, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("thing", [3.0, None, "x", [Value(1.0)]])
def test_other_things_than_values_are_refused(thing):
    with pytest.raises(GraphError, match="replay takes the Value that was computed last, got"):
        replay(thing)


def test_graphs_in_which_nothing_can_change_are_refused():
    with pytest.raises(GraphError, match="needs a graph with a leaf that can change"):
        replay(ops.exp(Value(2.0) * 0 + 1).parents[0].parents[1])


def test_executors_that_do_not_exist_are_refused_at_once(monkeypatch):
    with pytest.raises(ParameterError, match="executor is one of"):
        replay(Value(2.0) * 2, executor="gpu")
    from autograd_tiny.compilation import executors

    monkeypatch.setattr(executors, "has_llvm", lambda: False)
    with pytest.raises(MissingPackageError, match="llvmlite"):
        replay(Value(2.0) * 2, executor="tape")
