"""fit(jit=True): the numbers of fit(jit=False), errors before anything has moved, Ctrl-C and other interruptions."""

import math
import os
import signal
import threading
from types import SimpleNamespace

import pytest

from autograd_tiny import Value, log, nn, optim, relu, sqrt, train, where
from autograd_tiny import sum as total_of
from autograd_tiny.compilation import executors
from autograd_tiny.data import load_iris, make_moons
from autograd_tiny.errors import (
    AnomalyError,
    GraphError,
    NotARealNumberError,
    ParameterError,
    StateError,
    TracingError,
)
from autograd_tiny.train import progress, steps

np = pytest.importorskip("numpy")
native = pytest.mark.skipif(not executors.find_spec("llvmlite"), reason="needs llvmlite")

pytestmark = pytest.mark.filterwarnings("ignore:llvmlite is not installed")  # which the tests pretend

EXECUTORS = [pytest.param("llvm", marks=native), "numpy", "python"]


@pytest.fixture(params=EXECUTORS)
def executor(request, monkeypatch):
    """Each of the executors as the one that is chosen by itself."""
    use(request.param, monkeypatch)
    return request.param


def use(executor, monkeypatch):
    found = executors.find_spec
    monkeypatch.setattr(executors, "has_llvm", lambda: executor == "llvm")
    hidden = {"numpy"} if executor == "python" else set()
    monkeypatch.setattr(executors, "find_spec", lambda name: None if name in hidden else found(name))


MOONS, SIDES = make_moons(24, noise=0.1, random_state=0)
MARKS = [2 * side - 1 for side in SIDES]


def moons_net():
    return nn.MLP(2, [4, 1], "tanh", rng=1)


def numbers(model):
    return [parameter.data for parameter in model.parameters()]


def fitted(jit, model, X, y, make, loss, **settings):
    """Return (history, parameters, optimizer) of a training from the start."""
    net = model()
    settings = {name: setting(net) if name == "callbacks" else setting for name, setting in settings.items()}
    optimizer = make(net.parameters())
    if "scheduler" in settings:
        settings["scheduler"] = settings["scheduler"](optimizer)
    return train.fit(net, X, y, loss=loss, optimizer=optimizer, jit=jit, **settings), numbers(net), optimizer


def assert_same(
    model=moons_net,
    X=MOONS,
    y=MARKS,
    make=lambda parameters: optim.SGD(parameters, lr=0.1),
    loss=nn.hinge_loss,
    jit=True,
    tolerance=1e-12,
    **settings,
):
    """Train both ways, compare everything, and return the compiled training's (history, optimizer)."""
    settings = {"epochs": 5, **settings}
    eager, theirs, other = fitted(False, model, X, y, make, loss, **settings)
    compiled, ours, optimizer = fitted(jit, model, X, y, make, loss, **settings)
    assert compiled.lr == eager.lr
    for name, curve in eager.curves().items():
        assert compiled.curves()[name] == pytest.approx(curve, rel=1e-9, abs=1e-12), name
    assert compiled.curves().keys() == eager.curves().keys()
    np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance / 10)
    gradients = [[p.grad for p in kind.params] for kind in (optimizer, other)]
    np.testing.assert_allclose(*gradients, rtol=tolerance * 100, atol=tolerance)
    assert optimizer.steps == other.steps > 0
    for one, another in zip(optimizer.state, other.state, strict=True):
        assert one.keys() == another.keys()
        for name in one:
            np.testing.assert_allclose(one[name], another[name], rtol=tolerance * 100, atol=tolerance)
    return compiled, optimizer


# ---------------------------------------------------------------- optimisers

SGDS = {
    "plain": {},
    "momentum": {"momentum": 0.9},
    "nesterov": {"momentum": 0.9, "nesterov": True},
    "weight decay": {"weight_decay": 0.01},
    "l1 decay": {"l1_decay": 0.01},
    "everything": {"momentum": 0.5, "nesterov": True, "weight_decay": 0.01, "l1_decay": 0.02},
}
ADAMS = {
    "plain": {},
    "betas": {"betas": (0.5, 0.7), "eps": 1e-4},
    "amsgrad": {"amsgrad": True},
    "decay": {"weight_decay": 0.1, "l1_decay": 0.01},
    "everything": {"betas": (0.6, 0.9), "amsgrad": True, "weight_decay": 0.1, "l1_decay": 0.01},
}


@pytest.mark.parametrize("name", SGDS)
def test_sgd(name, executor):
    assert_same(make=lambda p: optim.SGD(p, lr=0.1, **SGDS[name]), batch_size=7, epochs=4)


@pytest.mark.parametrize("name", ADAMS)
@pytest.mark.parametrize("kind", [optim.Adam, optim.AdamW])
def test_adam(kind, name, executor):
    assert_same(make=lambda p: kind(p, lr=0.02, **ADAMS[name]), batch_size=7, epochs=4)


@pytest.mark.parametrize("kind", [optim.Adagrad, optim.RMSprop])
def test_the_others_move_in_python_on_compiled_gradients(kind, executor):
    assert_same(make=lambda p: kind(p, lr=0.02), batch_size=7)


class SignSteps:
    """An optimiser of the reader's own, with no more than fit asks for."""

    def __init__(self, params):
        self.params, self.steps, self.state = list(params), 0, []

    def step(self):
        self.steps += 1
        for parameter in self.params:
            parameter.data -= math.copysign(0.01, parameter.grad)

    def zero_grad(self):
        for parameter in self.params:
            parameter.grad = 0.0


def test_an_optimiser_of_ones_own(executor):
    assert_same(make=SignSteps, batch_size=7)


def groups(kind, **more):
    return lambda p: kind([{"params": p[:5], "lr": 0.02, **more}, {"params": p[5:]}], lr=0.1)


@pytest.mark.parametrize("kind", [optim.SGD, optim.Adam, optim.AdamW])
def test_groups_have_settings_of_their_own(kind, executor):
    assert_same(make=groups(kind), batch_size=7)


def test_groups_that_differ_in_what_is_switched_on(executor):
    assert_same(make=groups(optim.SGD, momentum=0.9), batch_size=7)


def test_gradients_are_clipped(executor):
    assert_same(max_grad_norm=0.05, batch_size=7)


def test_fast_agrees_to_rounding(executor):
    assert_same(jit="fast", tolerance=1e-9, batch_size=5, epochs=20, make=lambda p: optim.SGD(p, lr=0.1, momentum=0.9))


@native
def test_what_moves_where():
    from autograd_tiny.train.compiled import CompiledLearner

    def work(make, max_grad_norm=None):
        net = moons_net()
        settings = net, nn.hinge_loss, make(net.parameters()), {}, max_grad_norm, False
        return type(CompiledLearner(*settings, list(zip(MOONS, MARKS, strict=True)), [], batch_size=4, fast=False).work)

    assert work(lambda p: optim.SGD(p, lr=0.1)) is steps.NativeSteps
    assert work(lambda p: optim.Adagrad(p, lr=0.1)) is steps.PythonSteps
    assert work(lambda p: optim.SGD(p, lr=0.1), max_grad_norm=1.0) is steps.PythonSteps


# ---------------------------------------------------------------- the classic networks


@pytest.mark.parametrize("name", ["xor", "single-layer", "tanh-xor", "two-layer on iris", "house-prices"])
def test_50_updates_of_the_classic_networks(name, executor):
    from test_classic_networks import case

    model, X, y, loss, _, lr, _ = case(name, seed=1)
    start = model.state_dict()

    def fresh():
        model.load_state_dict(start)
        return model

    assert_same(fresh, X, y, lambda p: optim.SGD(p, lr=lr), loss, epochs=50)


# ---------------------------------------------------------------- the loop


def test_batches_in_the_same_order(executor):
    assert_same(batch_size=5, rng=7, epochs=3)
    assert_same(batch_size=1, rng=7, epochs=2)
    assert_same(batch_size=5, steps_per_epoch=2, rng=7, epochs=6)


def test_metrics_and_validation(executor):
    history, _ = assert_same(
        metrics={"accuracy": train.accuracy},
        validation_data=(MOONS[:9], MARKS[:9]),
        batch_size=7,
    )
    assert set(history.curves()) == {"loss", "accuracy", "val_loss", "val_accuracy"}
    assert_same(metrics={"accuracy": train.accuracy})
    assert_same(validation_data=(MOONS[:1], MARKS[:1]))


def test_metrics_see_outputs_and_targets_in_the_order_of_the_batches(executor):
    def order(outputs, targets):
        return sum(i * (output + target) for i, (output, target) in enumerate(zip(outputs, targets, strict=True)))

    assert_same(metrics={"order": order}, validation_data=(MOONS[:9], MARKS[:9]), batch_size=7)


class TwoFaced(nn.Module):
    """In training another function than in evaluation."""

    def __init__(self):
        self.line = nn.Linear(2, 1, rng=0)

    def forward(self, x):
        (out,) = self.line(x)
        return out if self.training else [out * 3.0, out]


def first(outputs, targets):
    flat = [output[0] if isinstance(output, list) else output for output in outputs]
    return nn.mse_loss(flat, targets)


def test_metrics_are_of_training_and_those_of_validation_of_evaluation(executor):
    metrics = {
        "last": lambda outputs, targets: outputs[-1][1] * 100.0 if isinstance(outputs[-1], list) else outputs[-1]
    }
    assert_same(TwoFaced, loss=first, metrics=metrics, validation_data=(MOONS[:4], MARKS[:4]), batch_size=8)


SCHEDULES = {
    "LambdaLR": lambda optimizer: optim.LambdaLR(optimizer, lambda step: 1 / (1 + step)),
    "OneCycleLR": lambda optimizer: optim.OneCycleLR(optimizer, max_lr=0.3, total_steps=20),
    "StepLR": lambda optimizer: optim.StepLR(optimizer, 2),
}


@pytest.mark.parametrize("every", ["epoch", "step"])
@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules(name, every, executor):
    history, _ = assert_same(scheduler=SCHEDULES[name], schedule_every=every, batch_size=8)
    assert len(set(history.lr)) > 2


def test_reduce_on_plateau(executor):
    history, _ = assert_same(
        make=lambda p: optim.SGD(p, lr=4.0),
        scheduler=lambda optimizer: optim.ReduceLROnPlateau(optimizer, patience=0),
        validation_data=(MOONS[:5], MARKS[:5]),
        epochs=12,
    )
    assert len(set(history.lr)) > 1


def test_what_a_schedule_switches_on_is_switched_on(executor):
    class Switch:
        def __init__(self, optimizer):
            self.optimizer, self.count = optimizer, 0

        def step(self):
            self.count += 1
            if self.count == 2:
                self.optimizer.param_groups[0]["momentum"] = 0.9
            if self.count == 4:
                self.optimizer.param_groups[0]["l1_decay"] = 0.1

    for every in ("epoch", "step"):
        assert_same(scheduler=Switch, schedule_every=every, batch_size=8)


# ---------------------------------------------------------------- callbacks


def halving(net):
    def callback(history):
        for parameter in net.parameters():
            parameter.data /= 2

    return [callback]


class Halving:
    """Halves parameters after every step."""

    def __init__(self, net):
        self.net = net

    def on_step(self):
        for parameter in self.net.parameters():
            parameter.data /= 2

    def __call__(self, history):
        pass


def test_a_callback_may_change_the_parameters_after_every_step(executor):
    assert_same(callbacks=lambda net: [Halving(net)], batch_size=8)


def test_a_callback_may_change_frozen_parameters(executor):
    assert_same(make=lambda p: optim.SGD(p[:4], lr=0.1), callbacks=halving, batch_size=8)


def test_early_stopping(executor):
    history, _ = assert_same(
        make=lambda p: optim.SGD(p, lr=3.0),
        callbacks=lambda net: [train.EarlyStopping(net, patience=2)],
        validation_data=(MOONS[:5], MARKS[:5]),
        epochs=30,
    )
    assert history.epochs < 30


def test_update_log(executor):
    logs = []

    def callbacks(net):
        logs.append(train.UpdateLog(net))
        return logs[-1:]

    assert_same(callbacks=callbacks, batch_size=8)
    for name, ratios in logs[0].ratios.items():
        assert logs[1].ratios[name] == pytest.approx(ratios, rel=1e-9)
        assert logs[1].gradients[name] == pytest.approx(logs[0].gradients[name], rel=1e-9)


def test_a_callback_may_change_the_parameters(executor):
    assert_same(callbacks=halving, batch_size=8)


def test_a_callback_may_change_the_learning_rate_and_the_switches(executor):
    for name, setting in (("lr", 0.7), ("momentum", 0.9), ("weight_decay", 0.1)):

        class Change:
            def __init__(self, net):
                self.steps = 0

            def on_start(self, name=name, setting=setting):
                self.optimizer = Change.optimizer

            def on_step(self, name=name, setting=setting):
                self.steps += 1
                if self.steps == 3:
                    self.optimizer.param_groups[0][name] = setting

            def __call__(self, history):
                pass

        def make(parameters, change=Change):
            change.optimizer = optim.SGD(parameters, lr=0.1)
            return change.optimizer

        assert_same(make=make, callbacks=lambda net, change=Change: [change(net)], batch_size=8)


class Scaled(nn.Module):
    """A line, with a plain number that belongs to what is traced."""

    def __init__(self):
        self.line, self.factor = nn.Linear(2, 1, rng=0), 1.0

    def forward(self, x):
        return self.line(x)[0] * self.factor


def test_a_callback_may_change_the_model(executor):
    def callbacks(net):
        def change(history):
            net.factor = 1.0 + history.epochs

        return [change]

    assert_same(Scaled, callbacks=callbacks, loss=nn.mse_loss)


def test_callbacks_see_the_state_of_their_epoch(executor):
    seen = []

    def callbacks(net):
        rows = []
        seen.append(rows)
        return [lambda history: rows.append(numbers(net))]

    assert_same(callbacks=callbacks, batch_size=8)
    np.testing.assert_allclose(seen[1], seen[0], rtol=1e-12)


# ---------------------------------------------------------------- data and models


def test_sums_instead_of_means(executor):
    def summed(outputs, targets):
        return total_of([(o - t) ** 2 for o, t in zip(outputs, targets, strict=True)])

    assert_same(loss=summed, batch_size=5, make=lambda p: optim.SGD(p, lr=0.01), validation_data=(MOONS[:4], MARKS[:4]))


def test_a_penalty_beside_the_mean(executor):
    models = []

    def model():
        models.append(moons_net())
        return models[-1]

    def loss(outputs, targets):
        return nn.hinge_loss(outputs, targets) + 0.01 * total_of([p * p for p in models[-1].parameters()])

    assert_same(model, loss=loss, batch_size=5, validation_data=(MOONS[:4], MARKS[:4]))


def test_vectors_of_outputs(executor):
    targets = [[x + 1.0, y * x] for x, y in MOONS]
    assert_same(lambda: nn.MLP(2, [3, 2], rng=0), y=targets, loss=nn.mse_loss, batch_size=5)


def test_classes(executor):
    iris = load_iris()
    assert_same(
        lambda: nn.MLP(4, [5, 3], "relu", rng=0),
        iris.data[::6],
        iris.target[::6],
        loss=nn.cross_entropy,
        make=lambda p: optim.Adam(p, lr=0.02),
        metrics={"accuracy": train.accuracy},
        batch_size=6,
        epochs=3,
    )


class Reader(nn.Module):
    """Reads a sequence of tokens of any length."""

    def __init__(self):
        self.embedding = nn.Embedding(5, 3, rng=0)
        self.head = nn.Linear(3, 1, rng=0)

    def forward(self, tokens):
        rows = self.embedding(tokens)
        return self.head([total_of(column) for column in zip(*rows, strict=True)])[0]


SEQUENCES = [[0], [1, 2], [3, 4, 0], [2], [1, 1], [4, 3, 2], [0, 4]]
LENGTHS = [float(len(sequence)) for sequence in SEQUENCES]


@pytest.mark.parametrize("batch_size", [1, 3, None])
@pytest.mark.parametrize("make", [lambda p: optim.Adam(p, lr=0.05), lambda p: optim.RMSprop(p, lr=0.05)])
def test_sequences_of_several_lengths(batch_size, make, executor):
    assert_same(
        Reader,
        SEQUENCES,
        LENGTHS,
        make,
        nn.mse_loss,
        batch_size=batch_size,
        metrics={"largest": lambda outputs, targets: max(outputs) + 10.0 * targets[0]},
        validation_data=(SEQUENCES[:3], LENGTHS[:3]),
    )


def test_plain_functions_and_parameters_outside_the_model(executor):
    found = []
    for jit in (False, True):
        w, scale = Value(0.5), Value(2.0)
        optimizer = optim.SGD([w, scale], lr=0.05)
        history = train.fit(
            lambda x, w=w: x * w,
            [1.0, 2.0, 3.0],
            [2.0, 1.0, 0.0],
            loss=lambda outputs, targets, scale=scale: nn.mse_loss([o * scale for o in outputs], targets),
            optimizer=optimizer,
            epochs=20,
            jit=jit,
        )
        found.append([w.data, scale.data, *history.loss])
    assert found[1] == pytest.approx(found[0], rel=1e-12)
    assert found[0][1] != 2.0


def test_frozen_parameters_stay(executor):
    def make(parameters):
        return optim.Adam(parameters[:4], lr=0.1)

    assert_same(make=make, batch_size=8)
    _, moved, _ = fitted(True, moons_net, MOONS, MARKS, make, nn.hinge_loss, epochs=2)
    assert moved[4:] == numbers(moons_net())[4:]
    assert moved[0] != numbers(moons_net())[0]


def test_tied_parameters(executor):
    class Tied(nn.Module):
        def __init__(self):
            self.first, self.second = nn.Linear(2, 2, rng=0), nn.Linear(2, 2, rng=0)
            self.second.weight = self.first.weight

        def forward(self, x):
            return total_of(self.second([relu(number) for number in self.first(x)]))

    assert_same(Tied, batch_size=8)


def test_where_chooses_for_each_example(executor):
    def model(x):
        return where(x > 0.0, x * w, -x)

    found = []
    for jit in (False, True):
        w = Value(0.5)
        settings = {"loss": nn.mse_loss, "optimizer": optim.SGD([w], lr=0.1), "epochs": 5, "jit": jit}
        found.append((train.fit(model, [-1.0, 1.0, 2.0], [1.0, 2.0, 3.0], **settings).loss, w.data))
    assert found[1] == (pytest.approx(found[0][0]), pytest.approx(found[0][1]))


def test_what_is_left_of_native_training_is_an_ordinary_one(executor):
    """Compiled epochs, then eager ones, then compiled ones are as good as eager ones throughout."""
    ends = []
    for ways in ((False, False, False), (True, False, True)):
        net = moons_net()
        optimizer = optim.Adam(net.parameters(), lr=0.05, amsgrad=True)
        for jit in ways:
            train.fit(net, MOONS, MARKS, loss=nn.hinge_loss, optimizer=optimizer, epochs=3, batch_size=8, jit=jit)
        ends.append(numbers(net))
    np.testing.assert_allclose(ends[1], ends[0], rtol=1e-12)


def test_the_model_is_left_in_its_mode_and_of_its_class(executor):
    net = nn.Sequential(nn.Linear(2, 1, rng=0)).eval()
    train.fit(
        net,
        MOONS,
        [[m] for m in MARKS],
        loss=nn.mse_loss,
        optimizer=optim.SGD(net.parameters(), 0.1),
        epochs=2,
        jit=True,
    )
    assert not any(module.training for module in net.modules())
    assert {type(parameter) for parameter in net.parameters()} == {Value}


# ---------------------------------------------------------------- checkpoints


@pytest.mark.parametrize("make", [lambda p: optim.Adam(p, lr=0.05), lambda p: optim.SGD(p, lr=0.1, momentum=0.9)])
def test_a_resumed_run_is_the_uninterrupted_one(make, tmp_path, executor):
    def run(epochs, file, jit=True, resume=False):
        net = moons_net()
        optimizer = make(net.parameters())
        settings = {"loss": nn.hinge_loss, "optimizer": optimizer, "batch_size": 7, "jit": jit}
        schedule = optim.LambdaLR(optimizer, lambda epoch: 1 / (1 + epoch))
        settings |= {"checkpoint": tmp_path / file, "resume": resume, "scheduler": schedule}
        return train.fit(net, MOONS, MARKS, epochs=epochs, **settings).loss, numbers(net), optimizer.steps

    whole = run(6, "whole.json")
    for first, second in ((True, True), (True, False), (False, True)):
        name = f"{first}{second}.json"
        run(2, name, first)
        loss, parameters, count = run(6, name, second, resume=True)
        assert count == whole[2]
        assert loss == pytest.approx(whole[0], rel=1e-9)
        assert parameters == pytest.approx(whole[1], rel=1e-12)


def test_a_checkpoint_is_written_after_every_epoch(tmp_path, monkeypatch, executor):
    from autograd_tiny.train.checkpoint import Run

    save, seen = Run.save, []

    def saved(self, path):
        save(self, path)
        seen.append((self.history.epochs, numbers(self.model)))

    monkeypatch.setattr(Run, "save", saved)
    assert_same(checkpoint=tmp_path / "run.json", epochs=3)
    assert [epochs for epochs, _ in seen] == [1, 2, 3] * 2
    np.testing.assert_allclose([row for _, row in seen[3:]], [row for _, row in seen[:3]], rtol=1e-12)


def test_a_checkpoint_is_not_taken_when_the_model_cannot_be_traced(tmp_path):
    net = Branching()
    settings = {"loss": nn.mse_loss, "epochs": 2, "checkpoint": tmp_path / "run.json"}
    train.fit(net, MOONS, MARKS, optimizer=optim.SGD(net.parameters(), lr=0.1), **settings)
    other = Branching()
    before = numbers(other)
    with pytest.raises(TracingError):
        train.fit(
            other, MOONS, MARKS, optimizer=optim.SGD(other.parameters(), lr=0.1), resume=True, jit=True, **settings
        )
    assert numbers(other) == before
    net = moons_net()
    with pytest.raises(StateError):
        train.fit(net, MOONS, MARKS, optimizer=optim.SGD(net.parameters(), lr=0.1), resume=True, jit=True, **settings)
    assert numbers(net) == numbers(moons_net())


# ---------------------------------------------------------------- what is seen of it


@pytest.mark.parametrize(
    "settings", [{}, {"batch_size": 5}, {"batch_size": 5, "metrics": {"accuracy": train.accuracy}}]
)
def test_the_bar_moves_to_its_end(settings, capsys, monkeypatch, executor):
    bars, seen = [], []

    class Watched(progress._Bar):
        def __init__(self, *args):
            super().__init__(*args)
            bars.append(self.bars.tasks[0])

        def step(self, epoch, loss):
            super().step(epoch, loss)
            seen.append((epoch, loss))

    monkeypatch.setattr(progress, "_Bar", Watched)
    history, _, _ = fitted(
        True,
        moons_net,
        MOONS,
        MARKS,
        lambda p: optim.SGD(p, lr=0.1),
        nn.hinge_loss,
        epochs=4,
        progress=True,
        **settings,
    )
    (bar,) = bars
    assert bar.completed == bar.total == len(seen)
    assert [epoch for epoch, _ in seen] == sorted(list(range(1, 5)) * (len(seen) // 4))
    assert seen[0][0] == 1
    assert "epoch 4/4" in capsys.readouterr().err
    if not settings:
        assert [loss for _, loss in seen] == history.loss


# ---------------------------------------------------------------- Ctrl-C


def test_ctrl_c_from_a_callback_keeps_what_the_callback_did(executor):
    net = moons_net()

    def callback(history):
        if history.epochs == 3:
            net.parameters()[0].data = 123.0
            raise KeyboardInterrupt

    settings = {"loss": nn.hinge_loss, "optimizer": optim.SGD(net.parameters(), lr=0.1), "jit": True}
    history = train.fit(net, MOONS, MARKS, epochs=10, callbacks=[callback], **settings)
    assert (history.interrupted, history.epochs, numbers(net)[0]) == (True, 3, 123.0)
    _, expected, _ = fitted(True, moons_net, MOONS, MARKS, lambda p: optim.SGD(p, lr=0.1), nn.hinge_loss, epochs=3)
    assert numbers(net)[1:] == expected[1:]


@native
@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="needs a signal to a thread")
def test_ctrl_c_while_native_code_runs(monkeypatch):
    from autograd_tiny.compilation.training import NativeTraining

    net = moons_net()
    optimizer = optim.Adam(net.parameters(), lr=0.001)
    timer = threading.Timer(0.3, os.kill, [os.getpid(), signal.SIGINT])
    run = NativeTraining.run

    def run_and_start(*given):
        if timer.ident is None:
            timer.start()
        return run(*given)

    monkeypatch.setattr(NativeTraining, "run", run_and_start)
    settings = {"loss": nn.mse_loss, "optimizer": optimizer, "jit": True}
    history = train.fit(net, MOONS, MARKS, epochs=10**9, **settings)
    timer.join()
    assert history.interrupted
    assert history.epochs == len(history.lr) == optimizer.steps > 100
    make = lambda p: optim.Adam(p, lr=0.001)  # noqa: E731 - the same again
    again, expected, _ = fitted(True, moons_net, MOONS, MARKS, make, nn.mse_loss, epochs=history.epochs)
    assert numbers(net) == expected
    assert again.loss == history.loss


@native
@pytest.mark.parametrize("steps_of_last", [0, 2])
@pytest.mark.parametrize("batch_size", [None, 5])
def test_an_interrupt_in_the_middle_of_native_steps(batch_size, steps_of_last, monkeypatch):
    from autograd_tiny.compilation.training import NativeTraining

    run, calls = NativeTraining.run, []

    def interrupted(self, shape, order, size, count):
        calls.append(count)
        if len(calls) < 3:
            return run(self, shape, order, size, count)
        if steps_of_last:
            run(self, shape, order[: 2 * size] if batch_size else order, size, 2)
        raise KeyboardInterrupt

    monkeypatch.setattr(NativeTraining, "run", interrupted)
    monkeypatch.setattr(steps, "MOST_AT_ONCE", 4)
    net = moons_net()
    optimizer = optim.SGD(net.parameters(), lr=0.1)
    settings = {"loss": nn.hinge_loss, "optimizer": optimizer, "batch_size": batch_size, "jit": True}
    history = train.fit(net, MOONS, MARKS, epochs=50, **settings)
    taken = sum(calls[:2]) + steps_of_last
    assert (history.interrupted, optimizer.steps) == (True, taken)
    assert history.epochs == (taken if batch_size is None else taken // 5)
    monkeypatch.setattr(NativeTraining, "run", run)
    if batch_size is None:
        again, expected, _ = fitted(
            True, moons_net, MOONS, MARKS, lambda p: optim.SGD(p, lr=0.1), nn.hinge_loss, epochs=taken
        )
        assert (history.loss, numbers(net)) == (again.loss, expected)


# ---------------------------------------------------------------- losses and gradients that are not finite


@pytest.mark.parametrize("batch_size", [None, 1])
def test_a_loss_that_is_not_finite(batch_size, executor):
    found = []
    for jit in (False, True):
        w = Value(1.0, "w")
        optimizer = optim.SGD([w], lr=0.4)
        with pytest.raises(AnomalyError) as caught:
            train.fit(
                lambda x, w=w: log(w) * x,
                [1.0, 1.0],
                [-50.0, -50.0],
                loss=nn.mse_loss,
                optimizer=optimizer,
                epochs=10,
                batch_size=batch_size,
                jit=jit,
            )
        found.append((str(caught.value), w.data, optimizer.steps, optimizer.params[0].data))
    assert found[1] == found[0]
    assert "the loss is nan; " in found[0][0]
    assert "log" in found[0][0]


def test_a_gradient_that_is_not_finite(executor):
    found = []
    for jit in (False, True):
        w = Value(3.0, "w")
        optimizer = optim.SGD([w], lr=1.0, momentum=0.5)
        with pytest.raises(AnomalyError, match=r"epoch 4: a gradient is not finite; .*sqrt") as caught:
            train.fit(
                lambda x, w=w: sqrt(relu(w) * x) + w,
                [0.25],
                [0.0],
                loss=lambda outputs, targets: outputs[0] - sqrt_of(outputs[0]),
                optimizer=optimizer,
                epochs=10,
                jit=jit,
            )
        found.append((str(caught.value), w.data, optimizer.steps))
    assert found[1] == found[0]


def sqrt_of(output):
    return output * 0.0


def test_epochs_before_the_failure_are_in_the_model(executor):
    net = moons_net()
    optimizer = optim.SGD(net.parameters(), lr=1e10)
    with pytest.raises(AnomalyError, match="epoch 2: the loss is"):
        train.fit(net, MOONS, [1e150] * 24, loss=nn.mse_loss, optimizer=optimizer, epochs=9, jit=True)
    assert all(math.isfinite(number) for number in numbers(net))
    assert optimizer.steps == 1


# ---------------------------------------------------------------- errors, before anything has moved


class Branching(nn.Module):
    def __init__(self):
        self.line = nn.Linear(2, 1, rng=0)

    def forward(self, x):
        out = self.line(x)[0]
        return out if out > 0 else -out


class WithDropout(nn.Module):
    def __init__(self):
        self.line, self.drop = nn.Linear(2, 1, rng=0), nn.Dropout(0.5)

    def forward(self, x):
        return self.drop(self.line(x))[0]


def spread_of(outputs, targets):
    return total_of([o * o for o in outputs]) * total_of([o - t for o, t in zip(outputs, targets, strict=True)])


def weighted(outputs, targets):
    weights = [1.0 if target > 0 else 3.0 for target in targets]
    errors = [w * (o - t) ** 2 for w, o, t in zip(weights, outputs, targets, strict=True)]
    return total_of(errors) / sum(weights)


def refused(error, match, model=moons_net, X=MOONS, y=MARKS, loss=nn.mse_loss, **settings):
    net = model()
    before = numbers(net)
    optimizer = optim.Adam(net.parameters(), lr=0.1)
    settings = {"epochs": 2, "jit": True, **settings}
    with pytest.raises(error, match=match):
        train.fit(net, X, y, loss=loss, optimizer=optimizer, **settings)
    assert numbers(net) == before
    assert optimizer.steps == 0
    assert {type(parameter) for parameter in net.parameters()} == {Value}


def test_a_model_that_branches(executor):
    refused(TracingError, r"bool\(\) of the traced .* at .*test_compiled_training\.py:\d+: .*where\(", Branching)


def test_dropout_draws_at_random(executor):
    refused(TracingError, "the draw of what WithDropout.drop drops .*jit=False", WithDropout)


def test_batched_models(executor):
    refused(ParameterError, "batched=True hands the model many examples.*use jit=False", batched=True)


def test_losses_that_mix_or_weigh_examples(executor):
    refused(ParameterError, "has to be the mean or the sum of those of its examples; .*Use jit=False", loss=spread_of)
    refused(TracingError, r"bool\(\)", loss=weighted)


def weighted_by_where(outputs, targets):
    weights = [where(target > 0, 1.0, 3.0) for target in targets]
    errors = [w * (o - t) ** 2 for w, o, t in zip(weights, outputs, targets, strict=True)]
    return total_of(errors) / total_of(weights)


@pytest.mark.parametrize("rare", [0, 2, 5, 23])
def test_a_weighted_mean_is_no_mean_however_rare_a_class_is(rare, executor):
    marks = [1.0] * 24
    marks[rare] = -1.0
    refused(ParameterError, "has to be the mean or the sum", y=marks, loss=weighted_by_where)


def test_a_mean_over_all_positions_is_none_over_sequences_of_several_lengths(executor):
    def loss(outputs, targets):
        flat = [number for output in outputs for number in output]
        return nn.mse_loss(flat, [number for target in targets for number in target])

    X = [[1.0], [2.0, 3.0], [4.0]]
    w = Value(1.0)
    settings = {"loss": loss, "optimizer": optim.SGD([w], lr=0.01), "epochs": 2, "jit": True}
    with pytest.raises(ParameterError, match="has to be the mean or the sum"):
        train.fit(lambda x: [w * number for number in x], X, X, **settings)
    with pytest.raises(ParameterError, match="has to be the mean or the sum"):
        train.fit(lambda x: [w * number for number in x], X, X, batch_size=1, validation_data=(X, X), **settings)
    assert w.data == 1.0
    train.fit(lambda x: [w * number for number in x], X, [[2 * n for n in x] for x in X], batch_size=1, **settings)
    assert w.data > 1.0


def test_losses_of_0_tell_mean_and_sum_apart_nevertheless(executor):
    def summed(outputs, targets):
        return total_of([relu(1.0 - o * t) for o, t in zip(outputs, targets, strict=True)])

    for loss in (summed, nn.hinge_loss):
        found = []
        for jit in (False, True):
            w = Value(5.0)
            optimizer = optim.SGD([w], lr=0.1, weight_decay=1.0)
            X, y = [1.0, -1.0, 2.0], [1, -1, 1]
            history = train.fit(lambda x, w=w: w * x, X, y, loss=loss, optimizer=optimizer, epochs=40, jit=jit)
            found.append((history.loss, w.data))
        assert found[1] == (pytest.approx(found[0][0]), pytest.approx(found[0][1]))
        assert found[0][0][0] == 0.0 < max(found[0][0])
    w = Value(5.0)
    settings = {"optimizer": optim.SGD([w], lr=0.1), "epochs": 1, "jit": True}
    with pytest.raises(ParameterError, match="the loss of every example that was tried is 0"):
        train.fit(
            lambda x: w * x, [1.0, 2.0], [0.0, 0.0], loss=lambda os, ts: total_of([0.0 * o for o in os]), **settings
        )


def test_a_model_that_draws_or_remembers(executor):
    calls = []

    def model(x):
        calls.append(x)
        return w * x * len(calls)

    w = Value(1.0)
    settings = {"loss": nn.mse_loss, "optimizer": optim.SGD([w], lr=0.1), "epochs": 1, "jit": True}
    with pytest.raises(ParameterError, match=r"the loss of example \d is .* as written and .* compiled.*use jit=False"):
        train.fit(model, [1.0, 2.0], [0.0, 0.0], **settings)
    assert w.data == 1.0


class Forgetful(nn.Module):
    """Remembers earlier calls, but only in evaluation."""

    def __init__(self):
        self.line, self.calls = nn.Linear(2, 1, rng=0), SimpleNamespace(count=0)

    def forward(self, x):
        self.calls.count += not self.training
        return self.line(x)[0] + self.calls.count


def test_evaluation_is_compared_too(executor):
    settings = {"validation_data": (MOONS[:3], MARKS[:3])}
    refused(ParameterError, r"the loss of example 0 is .* as written and .* compiled", Forgetful, **settings)


def test_targets_that_are_not_numbers(executor):
    refused(NotARealNumberError, "'left'.*with jit=True inputs and targets are numbers in lists", y=["left"] * 24)


def test_labels_out_of_range_are_refused_as_without_jit(executor):
    refused(ParameterError, "1 or -1|-1 or 1", y=SIDES, loss=nn.hinge_loss)
    refused(ParameterError, "index", lambda: nn.MLP(2, [3], rng=0), y=[7] + [0] * 23, loss=nn.cross_entropy)


def test_inputs_that_are_learned_are_refused(executor):
    x = Value(1.0)
    w = Value(2.0)
    settings = {"loss": nn.mse_loss, "epochs": 1, "jit": True}
    with pytest.raises(ParameterError, match="one of them is a parameter, so it would not be learned"):
        train.fit(lambda x: w * x, [x], [1.0], optimizer=optim.SGD([w, x], lr=0.1), **settings)
    with pytest.raises(ParameterError, match="one of them is the result of mul"):
        train.fit(lambda x: w * x, [x * 2], [1.0], optimizer=optim.SGD([w], lr=0.1), **settings)
    train.fit(lambda x: w * x, [x], [1.0], optimizer=optim.SGD([w], lr=0.1), **settings)


def test_a_loss_without_any_parameter(executor):
    refused(
        GraphError, "the loss does not depend on any parameter", loss=lambda outputs, targets: targets[0] * Value(1.0)
    )


@pytest.mark.parametrize("jit", ["maybe", 1, None, "auto"])
def test_jit_is_false_true_or_fast(jit):
    refused(ParameterError, 'jit is False, True or "fast", got', jit=jit)


def test_what_is_wrong_with_the_validation_data_shows_first(executor):
    refused(NotARealNumberError, "'left'", validation_data=(MOONS[:1], ["left"]))
    refused(ParameterError, "1 or -1|-1 or 1", loss=nn.hinge_loss, validation_data=(MOONS[:2], [0, 1]))
    metrics = {"word": lambda outputs, targets: "good"}
    refused(NotARealNumberError, "the metric 'word'", metrics=metrics, validation_data=(MOONS[:2], [0, 1]))


# ---------------------------------------------------------------- estimators


def test_estimators(executor):
    pytest.importorskip("sklearn")
    iris = load_iris()
    for jit in (True, "fast"):
        settings = {"hidden": (4,), "epochs": 5, "early_stopping": True}
        eager = train.Classifier(**settings).fit(iris.data, iris.target)
        compiled = train.Classifier(jit=jit, **settings).fit(iris.data, iris.target)
        assert compiled.history_.loss == pytest.approx(eager.history_.loss, rel=1e-9)
        assert compiled.history_.metrics == eager.history_.metrics
        np.testing.assert_allclose(compiled.predict_proba(iris.data), eager.predict_proba(iris.data), rtol=1e-9)
    eager = train.Regressor(hidden=(4,), epochs=5).fit(MOONS, MARKS)
    compiled = train.Regressor(hidden=(4,), epochs=5, jit=True).fit(MOONS, MARKS)
    assert compiled.predict(MOONS) == pytest.approx(eager.predict(MOONS), rel=1e-9)
    with pytest.raises(ParameterError, match="jit is False, True or \"fast\", got 'yes'"):
        train.Regressor(jit="yes").fit(MOONS, MARKS)
