import gc

import numpy as np
import pytest

from autograd_tiny import Value, log, sqrt
from autograd_tiny import sum as total_of
from autograd_tiny.data import load_iris, make_moons
from autograd_tiny.errors import (
    AnomalyError,
    GraphError,
    NotARealNumberError,
    ParameterError,
    ShapeError,
    StateError,
)
from autograd_tiny.nn import MLP, BatchNorm1d, Dropout, Linear, Module, Sequential, cross_entropy, hinge_loss, mse_loss
from autograd_tiny.optim import SGD, ExponentialLR, LambdaLR, ReduceLROnPlateau, StepLR
from autograd_tiny.train import History, accuracy, fit


def line(start=0.0):
    """Return a model w * x of one number, and its parameter."""
    w = Value(start, "w")
    return (lambda x: w * x), w


def fit_line(epochs=3, X=(1.0, 2.0), y=(2.0, 4.0), lr=0.1, loss=mse_loss, **settings):
    model, w = line()
    return fit(model, X, y, loss=loss, optimizer=SGD([w], lr=lr), epochs=epochs, **settings), w


# ---------------------------------------------------------------- what is learned


def test_steps_are_those_of_the_loop_written_by_hand():
    history, w = fit_line(epochs=3)
    by_hand, losses = 0.0, []
    for _ in range(3):
        errors = [by_hand * 1.0 - 2.0, by_hand * 2.0 - 4.0]
        losses.append(sum(e * e for e in errors) / 2)
        by_hand -= 0.1 * (2 * errors[0] * 1.0 + 2 * errors[1] * 2.0) / 2
    assert history.loss == pytest.approx(losses)
    assert w.data == pytest.approx(by_hand)


@pytest.mark.slow
def test_moons_are_learned_completely():
    X, y = make_moons(100, noise=0.1, random_state=0)
    model = MLP(2, [16, 16, 1], "relu", rng=0)

    def loss(outputs, targets):
        return hinge_loss(outputs, targets) + 1e-4 * total_of([p * p for p in model.parameters()])

    history = fit(
        model,
        X,
        [2 * label - 1 for label in y],
        loss=loss,
        optimizer=SGD(model.parameters(), lr=0.2, momentum=0.9),
        epochs=100,
        metrics={"accuracy": accuracy},
        callbacks=[lambda history: history.metrics["accuracy"][-1] == 1.0],
    )
    assert history.metrics["accuracy"][-1] == 1.0
    assert accuracy([model(x) for x in X], y) >= 0.99


@pytest.mark.slow
def test_iris_is_learned_to_95_percent():
    iris = load_iris()
    model = MLP(4, [8, 3], "tanh", rng=0)
    optimizer = SGD(model.parameters(), lr=0.1, momentum=0.9)
    history = fit(model, iris.data, iris.target, loss=cross_entropy, optimizer=optimizer, epochs=60)
    assert history.loss[-1] < history.loss[0] / 5
    assert accuracy([model(x) for x in iris.data], iris.target) >= 0.95


# ---------------------------------------------------------------- data in


def test_examples_become_values_once():
    seen = []

    def model(x):
        seen.append(x)
        return x[0] * w + x[1]

    w = Value(0.0)
    fit(model, np.array([[1.0, 2.0], [3.0, 4.0]]), [1, 2], loss=mse_loss, optimizer=SGD([w], lr=0.1), epochs=2)
    assert [[v.data for v in x] for x in seen] == [[1.0, 2.0], [3.0, 4.0]] * 2
    assert all(a is b for a, b in zip(seen[0] + seen[1], seen[2] + seen[3], strict=True))


def test_no_graph_outlives_its_step():
    def results():
        gc.collect()
        return sum(type(thing) is Value and thing.op is not None for thing in gc.get_objects())

    before, alive = results(), []
    fit_line(callbacks=[lambda history: alive.append(results())])
    assert alive == [before] * 3


def test_iterators_will_do():
    history, _ = fit_line(X=iter([1.0, 2.0]), y=iter([2.0, 4.0]))
    assert history.epochs == 3


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [([1.0], [1.0, 2.0], "1 examples and 2 targets"), ([], [], "0 examples and 0 targets")],
)
def test_examples_and_targets_must_pair_up(X, y, message):
    with pytest.raises(ShapeError, match=message):
        fit_line(X=X, y=y)


def test_text_is_no_example():
    with pytest.raises(NotARealNumberError):
        fit_line(X=["1.0", "2.0"])


# ---------------------------------------------------------------- batches


def batches_of(epochs=3, n=5, **settings):
    seen = []

    def loss(outputs, targets):
        seen.append(list(targets))
        return mse_loss(outputs, targets)

    numbers = [float(i) for i in range(n)]
    fit_line(epochs, numbers, numbers, loss=loss, lr=0.01, **settings)
    return seen


def test_full_batch_keeps_the_order():
    assert batches_of() == [[0.0, 1.0, 2.0, 3.0, 4.0]] * 3
    assert batches_of(batch_size=99) == batches_of()


def test_batches_are_shuffled_and_cover_every_example_once():
    seen = batches_of(batch_size=2)
    assert [len(batch) for batch in seen] == [2, 2, 1] * 3
    epochs = [[number for batch in seen[i : i + 3] for number in batch] for i in (0, 3, 6)]
    assert all(sorted(epoch) == [0.0, 1.0, 2.0, 3.0, 4.0] for epoch in epochs)
    assert epochs[0] != epochs[1] != epochs[2]
    assert seen == batches_of(batch_size=2, rng=0)
    assert seen != batches_of(batch_size=2, rng=1)


def test_epoch_loss_is_the_mean_over_examples():
    full, _ = fit_line(1, [1.0, 2.0, 3.0], [1.0, 2.0, 9.0], lr=0.0)
    split, _ = fit_line(1, [1.0, 2.0, 3.0], [1.0, 2.0, 9.0], lr=0.0, batch_size=2)
    assert split.loss == pytest.approx(full.loss)


def test_metrics_see_outputs_and_targets_in_one_order():
    model, w = line(3.0)
    calls = []

    def error(outputs, targets):
        calls.append(len(outputs))
        assert all(type(output) is float for output in outputs)
        return max(abs(output - 3.0 * target) for output, target in zip(outputs, targets, strict=True))

    numbers = [float(i) for i in range(7)]
    optimizer = SGD([w], lr=0.0)
    metrics = {"error": error}
    history = fit(model, numbers, numbers, loss=mse_loss, optimizer=optimizer, epochs=2, batch_size=3, metrics=metrics)
    assert history.metrics == {"error": [0.0, 0.0]}
    assert calls == [7, 7]


# ---------------------------------------------------------------- History, callbacks, Ctrl-C


def test_history_counts_and_prints():
    assert repr(History()) == "History(epochs=0)"
    history = History([0.5], {"accuracy": [0.25]}, [0.75], {"accuracy": [0.125]}, interrupted=True)
    assert repr(history) == (
        "History(epochs=1, loss 0.5 -> 0.5, accuracy 0.25 -> 0.25, val_loss 0.75 -> 0.75, "
        "val_accuracy 0.125 -> 0.125, interrupted)"
    )
    history, _ = fit_line(epochs=4)
    assert (history.epochs, len(history.loss), history.metrics, history.interrupted) == (4, 4, {}, False)


def test_callbacks_run_each_epoch_and_true_ends_the_training():
    lengths, others = [], []

    def stop(history):
        lengths.append(history.epochs)
        return history.epochs == 2

    history, _ = fit_line(epochs=5, callbacks=[stop, lambda history: others.append(history.epochs) or 1])
    assert (lengths, others, history.epochs) == ([1, 2], [1, 2], 2)


def test_ctrl_c_returns_the_history_so_far_and_keeps_what_was_learned():
    model, w = line()
    calls = []

    def impatient(x):
        calls.append(x)
        if len(calls) == 6:  # in the middle of the third epoch's forward pass
            raise KeyboardInterrupt
        return model(x)

    history = fit(impatient, [1.0, 2.0], [2.0, 4.0], loss=mse_loss, optimizer=SGD([w], lr=0.1), epochs=9, progress=True)
    finished, w_after_two = fit_line(epochs=2)
    assert history.interrupted
    assert history.loss == finished.loss
    assert w.data == w_after_two.data


# ---------------------------------------------------------------- what goes wrong


def test_a_loss_that_is_not_finite_names_epoch_and_node():
    w = Value(0.25, "w")
    optimizer = SGD([w], lr=1.0)  # the slope of log(w) is 4: w becomes -3.75 in the first epoch

    def loss(outputs, targets):
        return log(outputs[0]) * 2 + 1

    with pytest.raises(
        AnomalyError, match=r"epoch 2: the loss is nan; forward: log\(x\) with .*log needs x > 0"
    ) as caught:
        fit(lambda x: w * x, [1.0], [0.0], loss=loss, optimizer=optimizer, epochs=5)
    assert "test_train.py" in str(caught.value)
    assert w.data == pytest.approx(0.25 - 8.0)


def test_a_gradient_that_is_not_finite_stops_before_the_step():
    w = Value(0.0, "w")
    with pytest.raises(AnomalyError, match=r"epoch 1: a gradient is not finite; backward: through sqrt\(w\)"):
        fit(
            lambda x: sqrt(w) * x,
            [1.0],
            [0.0],
            loss=lambda outputs, targets: outputs[0] + 1,
            optimizer=SGD([w], lr=0.1),
            epochs=5,
        )
    assert w.data == 0.0


def test_a_loss_that_is_finite_the_second_time_is_said_to_be_random():
    factors = [1.0, float("nan")]
    w = Value(1.0)
    with pytest.raises(AnomalyError, match="epoch 2: the loss is nan; computed again it is finite"):
        fit(
            lambda x: w * x,
            [1.0],
            [0.0],
            loss=lambda outputs, targets: outputs[0] * (factors.pop(0) if factors else 1.0),
            optimizer=SGD([w], lr=0.0),
            epochs=5,
        )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"epochs": 0}, "epochs is a whole number of at least 1, got 0"),
        ({"epochs": 2.0}, r"epochs is a whole number of at least 1, got 2\.0"),
        ({"batch_size": 0}, "batch_size is a whole number of at least 1, got 0"),
        ({"rng": "seed"}, r"rng is a random\.Random or an int seed"),
        ({"loss": lambda outputs, targets: 1.0}, r"loss returns one Value computed from the outputs, got 1\.0"),
        ({"loss": lambda outputs, targets: outputs}, "loss returns one Value computed from the outputs"),
        ({"loss": "mse"}, "loss is a function of outputs and targets, got str 'mse'; use loss="),
        ({"steps_per_epoch": 0}, "steps_per_epoch is a whole number of at least 1, got 0"),
        ({"max_grad_norm": 0.0}, r"max_grad_norm is a finite number above 0, got 0\.0"),
        ({"max_grad_norm": float("nan")}, "max_grad_norm is a finite number above 0, got nan"),
        ({"schedule_every": "batch"}, "schedule_every is 'epoch' or 'step', got 'batch'"),
        ({"scheduler": 0.1}, r"scheduler is a schedule of optim, got float 0\.1"),
        ({"metrics": [accuracy]}, "metrics maps names to functions"),
        ({"metrics": {"loss": accuracy}}, "a metric has a name of its own, .*got 'loss'"),
        ({"metrics": {"val_x": accuracy}}, "a metric has a name of its own, .*got 'val_x'"),
        ({"metrics": {1: accuracy}}, "a metric has a name of its own, .*got 1"),
        ({"callbacks": [3]}, r"callbacks is a list of functions of the History, got \[3\]"),
        ({"callbacks": print}, "callbacks is a list of functions of the History, got <built-in"),
        ({"validation_data": [1.0, 2.0, 3.0]}, r"validation_data is a pair \(X, y\), got \[1\.0"),
        ({"resume": True}, "resume goes on from a checkpoint, and none is named"),
    ],
)
def test_bad_settings_are_refused(settings, message):
    with pytest.raises(ParameterError, match=message):
        fit_line(**settings)


@pytest.mark.parametrize("optimizer", [SGD, None, 0.1])
def test_an_optimizer_is_an_object(optimizer):
    with pytest.raises(ParameterError, match="optimizer is an object"):
        fit(line()[0], [1.0], [1.0], loss=mse_loss, optimizer=optimizer, epochs=1)


def test_the_optimizer_of_another_model_is_refused():
    old, new = MLP(1, [1]), MLP(1, [1])
    with pytest.raises(ParameterError, match="holds none of the model's parameters"):
        fit(new, [[1.0]], [1.0], loss=mse_loss, optimizer=SGD(old.parameters(), lr=0.1), epochs=1)


def test_a_plateau_is_of_epochs():
    optimizer = SGD([Value(0.0)], lr=0.1)
    with pytest.raises(ParameterError, match="ReduceLROnPlateau looks at the loss of an epoch"):
        fit_line(scheduler=ReduceLROnPlateau(optimizer), schedule_every="step")


def test_a_batched_model_returns_one_output_per_example():
    w = Value(1.0)
    for model in (lambda x: x[0] * w, lambda x: [x[0] * w]):
        with pytest.raises(ShapeError, match="batched=True the model returns a list with one output for each of 2"):
            fit(model, [1.0, 2.0], [1.0, 2.0], loss=mse_loss, optimizer=SGD([w], lr=0.1), epochs=1, batched=True)


# ---------------------------------------------------------------- validation data


def test_validation_is_measured_after_each_epoch_and_teaches_nothing():
    alone, w = fit_line()
    history, v = fit_line(
        validation_data=([3.0, 5.0], [6.0, 9.0]), metrics={"first": lambda outputs, targets: outputs[0] - targets[0]}
    )
    by_hand, losses, firsts = 0.0, [], []
    for _ in range(3):
        by_hand -= 0.1 * (2 * (by_hand - 2.0) + 2 * (by_hand * 2.0 - 4.0) * 2.0) / 2
        losses.append(((3.0 * by_hand - 6.0) ** 2 + (5.0 * by_hand - 9.0) ** 2) / 2)
        firsts.append(3.0 * by_hand - 6.0)
    assert (history.loss, v.data) == (alone.loss, w.data)
    assert history.val_loss == pytest.approx(losses)
    assert history.val_metrics == {"first": pytest.approx(firsts)}
    assert list(history.curves()) == ["loss", "first", "val_loss", "val_first"]
    assert alone.curves() == {"loss": alone.loss}


def test_validation_examples_and_targets_must_pair_up():
    with pytest.raises(ShapeError, match="validation_data needs one target per example, got 1 examples and 0 targets"):
        fit_line(validation_data=([1.0], []))


def test_validation_records_no_graph():
    seen = []

    def loss(outputs, targets):
        seen.append(outputs[0].parents != ())
        return mse_loss(outputs, targets)

    fit_line(epochs=2, loss=loss, validation_data=([1.0], [2.0]))
    assert seen == [False, *[True, False] * 2]  # the first time before anything moves


def test_dropout_drops_in_training_only_and_each_part_keeps_its_mode():
    modes = []

    class Watched(Dropout):
        def forward(self, x):
            modes.append(self.training)
            return super().forward(x)

    model = Sequential(Linear(1, 2, rng=0), Watched(0.5), Linear(2, 1, rng=1), Dropout(0.5).eval())
    model[1].eval()
    before = [module.training for module in model.modules()]
    history = fit(
        model,
        [[1.0]],
        [[1.0]],
        loss=mse_loss,
        optimizer=SGD(model.parameters(), lr=0.0),
        epochs=2,
        validation_data=([[1.0], [1.0]], [[1.0], [1.0]]),
    )
    assert modes == [False, False, *[True, False, False] * 2]
    assert [module.training for module in model.modules()] == before
    assert before != [True] * len(before)
    assert history.val_loss == [mse_loss(model.eval()([1.0]), [1.0]).data] * 2


def test_the_mode_comes_back_after_an_error():
    model = Sequential(Linear(1, 1)).eval()
    with pytest.raises(ZeroDivisionError):
        fit(
            model,
            [[1.0]],
            [[1.0]],
            loss=lambda outputs, targets: 1 / 0,
            optimizer=SGD(model.parameters(), lr=0.1),
            epochs=1,
        )
    assert not any(module.training for module in model.modules())


def test_batched_calls_the_model_once_a_batch_as_batch_norm_needs_it():
    def trained(**settings):
        model = Sequential(Linear(1, 2, rng=0), BatchNorm1d(2), Linear(2, 1, rng=1))
        history = fit(
            model,
            [[1.0], [2.0], [3.0], [5.0]],
            [[1.0], [2.0], [3.0], [5.0]],
            loss=mse_loss,
            optimizer=SGD(model.parameters(), lr=0.1),
            epochs=20,
            batch_size=2,
            validation_data=([[4.0]], [[4.0]]),
            **settings,
        )
        return model, history

    model, history = trained(batched=True)
    assert history.loss[-1] < history.loss[0] / 2
    assert model[1].running_mean != [0.0, 0.0]
    assert len(history.val_loss) == 20
    with pytest.raises(ShapeError, match=r"batched=True"):
        trained()


def test_batched_and_not_give_the_same_numbers():
    def trained(batched):
        layer = Linear(2, 1, rng=0)
        optimizer = SGD(layer.parameters(), lr=0.1)
        data = [[1.0, 2.0], [2.0, -1.0], [0.5, 0.0]], [[1.0], [2.0], [3.0]]
        history = fit(layer, *data, loss=mse_loss, optimizer=optimizer, epochs=5, batch_size=2, batched=batched)
        return history.loss, layer.state_dict()

    assert trained(True) == trained(False)


# ---------------------------------------------------------------- learning rates, clipping


def fit_with(schedule, epochs=4, **settings):
    model, w = line()
    optimizer = SGD([w], lr=0.5)
    seen = []
    scheduler = schedule(optimizer)
    settings = {"callbacks": [Steps(lambda: seen.append(optimizer.lr))]} | settings
    numbers = [1.0, 2.0, 3.0, 4.0]
    X = [0.01 * x for x in numbers]
    return fit(model, X, X, loss=mse_loss, optimizer=optimizer, epochs=epochs, scheduler=scheduler, **settings), seen


class Steps:
    """A callback that runs a function after each step."""

    def __init__(self, function):
        self.on_step = function

    def __call__(self, history):
        return None


def test_a_schedule_moves_on_after_every_epoch():
    history, seen = fit_with(lambda optimizer: ExponentialLR(optimizer, 0.5), batch_size=2)
    assert history.lr == [0.5, 0.25, 0.125, 0.0625]
    assert seen == [lr for lr in history.lr for _ in range(2)]


def test_a_schedule_moves_on_after_every_step_and_the_history_has_the_rate_of_the_last():
    history, seen = fit_with(
        lambda optimizer: ExponentialLR(optimizer, 0.5), epochs=2, batch_size=2, schedule_every="step"
    )
    assert seen == [0.25, 0.125, 0.0625, 0.03125]  # a callback sees the rate of the next step
    assert history.lr == [0.25, 0.0625]


def test_a_plateau_sees_the_validation_loss_or_the_loss():
    seen = []

    class Watched(ReduceLROnPlateau):
        def step(self, metrics):
            seen.append(metrics)
            super().step(metrics)

    history, _ = fit_with(Watched)
    assert seen == history.loss
    seen.clear()
    history, _ = fit_with(Watched, validation_data=([1.0], [2.0]))
    assert seen == history.val_loss


def test_gradients_are_clipped_before_the_step():
    _, w = fit_line(epochs=1, lr=1.0, max_grad_norm=0.25)
    assert w.data == pytest.approx(0.25, rel=1e-5)
    _, w = fit_line(epochs=1, lr=1.0, max_grad_norm=1e9)
    assert w.data == 10.0


def test_any_object_that_steps_is_an_optimizer():
    class Signs:
        def __init__(self, params):
            self.params = params

        def zero_grad(self):
            for p in self.params:
                p.grad = 0.0

        def step(self):
            for p in self.params:
                p.data -= 0.5 if p.grad > 0 else -0.5

    model, w = line()
    history = fit(model, [1.0], [2.0], loss=mse_loss, optimizer=Signs([w]), epochs=3)
    assert (w.data, history.lr, history.loss) == (1.5, [], [4.0, 2.25, 1.0])


# ---------------------------------------------------------------- short epochs, hooks


def test_steps_per_epoch_ends_an_epoch_early_on_fresh_batches():
    seen = batches_of(epochs=4, n=9, batch_size=2, steps_per_epoch=2)
    assert [len(batch) for batch in seen] == [2] * 8
    epochs = [seen[i] + seen[i + 1] for i in range(0, 8, 2)]
    assert all(len(set(epoch)) == 4 for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 4
    assert batches_of(n=5, batch_size=2, steps_per_epoch=99) == batches_of(n=5, batch_size=2)


def test_hooks_are_called_at_the_start_after_each_step_and_at_the_end():
    calls = []

    class Watcher:
        def on_start(self):
            calls.append("start")

        def on_step(self):
            calls.append("step")

        def on_end(self):
            calls.append("end")

        def __call__(self, history):
            calls.append(history.epochs)

    fit_line(epochs=2, batch_size=1, callbacks=[Watcher()])
    assert calls == ["start", "step", "step", 1, "step", "step", 2, "end"]


def test_an_iterator_of_callbacks_will_do():
    calls = []
    fit_line(epochs=2, callbacks=iter([lambda history: calls.append(history.epochs)]))
    assert calls == [1, 2]


def test_the_end_comes_after_ctrl_c_too():
    class Impatient:
        ended = False

        def on_step(self):
            raise KeyboardInterrupt

        def on_end(self):
            self.ended = True

        def __call__(self, history):
            raise AssertionError

    impatient = Impatient()
    history, _ = fit_line(callbacks=[impatient])
    assert (history.epochs, history.interrupted, impatient.ended) == (0, True, True)


def test_a_module_of_modules_is_an_example_of_nested_lists():
    class Total(Module):
        def __init__(self):
            self.w = Value(1.0)

        def forward(self, x):
            return self.w * total_of([number for row in x for number in row])

    model = Total()
    X = [np.array([[1, 2], [3, 4]]), ((0.5, 0.5), (1.0, 1.0))]
    history = fit(model, X, [10.0, 3.0], loss=mse_loss, optimizer=SGD(model.parameters(), lr=0.1), epochs=1)
    assert history.loss == [0.0]


def test_a_rate_that_a_schedule_sets_to_zero_stops_everything():
    history, _ = fit_with(lambda optimizer: LambdaLR(optimizer, lambda step: 0.0))
    assert len(set(history.loss)) == 1


def test_history_hands_itself_to_the_plot(monkeypatch):
    monkeypatch.setattr("autograd_tiny.plot.plot_history", lambda history, ax: (history, ax))
    history = History([1.0])
    assert history.plot("axes") == (history, "axes")


def test_history_takes_epochs_whole():
    history = History()
    history.add(1.0, {"a": 2.0}, (3.0, {"a": 4.0}), 0.5)
    history.add(1.5, {"a": 2.5}, (3.5, {"a": 4.5}), 0.25)
    assert history == History([1.0, 1.5], {"a": [2.0, 2.5]}, [3.0, 3.5], {"a": [4.0, 4.5]}, [0.5, 0.25])
    copy = History()
    copy.load_state_dict(history.state_dict())
    assert copy == history
    copy.loss.append(0.0)
    assert history.epochs == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"loss": [1.0]}, "a has 2 entries in 1 epochs"),
        ({"lr": [1.0]}, "lr has 1 entries in 2 epochs"),
        ({"loss": "text"}, "loss is a list, got 'text'"),
        ({"loss": [1.0, "text"]}, "loss needs one real number"),
        ({"metrics": [1.0]}, r"metrics maps names to lists, got \[1\.0\]"),
        ({"extra": []}, "has no extra"),
    ],
)
def test_a_damaged_history_is_refused(change, message):
    state = History([1.0, 1.5], {"a": [2.0, 2.5]}).state_dict()
    history = History([9.0])
    with pytest.raises(StateError, match=message):
        history.load_state_dict(state | change)
    assert history == History([9.0])


# ---------------------------------------------------------------- mistakes that would go unnoticed


def test_a_loss_cut_off_from_the_parameters():
    with pytest.raises(GraphError, match="the loss does not depend on any parameter, so nothing would be learned"):
        fit_line(loss=lambda outputs, targets: mse_loss([Value(float(out)) for out in outputs], targets))


def test_a_schedule_of_another_optimizer():
    other = SGD([Value(0.0)], lr=1.0)
    with pytest.raises(ParameterError, match="the scheduler is of another optimizer"):
        fit_line(scheduler=StepLR(other, 1))


def test_bad_validation_data_shows_before_anything_moves():
    model, w = line()
    optimizer = SGD([w], lr=0.1)
    with pytest.raises(ShapeError):
        fit(model, [1.0], [2.0], loss=mse_loss, optimizer=optimizer, epochs=1, validation_data=([1.0], [[2.0]]))
    assert (w.data, optimizer.steps) == (0.0, 0)


@pytest.mark.parametrize("checkpoint", [5, "", ".", "no/such/folder/run.json"])
def test_a_checkpoint_that_cannot_be_written_shows_before_anything_moves(checkpoint, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model, w = line()
    with pytest.raises(ParameterError, match="checkpoint"):
        fit(model, [1.0], [2.0], loss=mse_loss, optimizer=SGD([w], lr=0.1), epochs=1, checkpoint=checkpoint)
    assert w.data == 0.0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"X": 5}, ShapeError, "fit needs a list of examples, got 5"),
        ({"y": None}, ShapeError, "fit needs a list of targets, got None"),
        ({"scheduler": StepLR}, ParameterError, "got the class StepLR; use StepLR"),
        ({"metrics": {"odd": lambda outputs, targets: None}}, NotARealNumberError, "the metric 'odd' needs one real"),
    ],
)
def test_what_is_no_list_no_object_no_number(settings, error, message):
    with pytest.raises(error, match=message):
        fit_line(**settings)


def test_a_class_is_no_model():
    w = Value(0.0)
    with pytest.raises(ParameterError, match=r"model is a module or function, got the class MLP; use model="):
        fit(MLP, [1.0], [2.0], loss=mse_loss, optimizer=SGD([w], lr=0.1), epochs=1)
