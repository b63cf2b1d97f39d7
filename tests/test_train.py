import gc

import numpy as np
import pytest

from autograd_tiny import Value, log, sqrt
from autograd_tiny import sum as total_of
from autograd_tiny.data import load_iris, make_moons
from autograd_tiny.errors import AnomalyError, NotARealNumberError, ParameterError, ShapeError
from autograd_tiny.nn import MLP, cross_entropy, hinge_loss, mse_loss
from autograd_tiny.optim import SGD
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
    assert repr(History([0.5], {"accuracy": [0.25]}, True)) == (
        "History(epochs=1, loss 0.5 -> 0.5, accuracy 0.25 -> 0.25, interrupted)"
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


# ---------------------------------------------------------------- progress


def test_progress_bar_shows_epoch_loss_metrics_and_remaining_time(capsys):
    fit_line(epochs=3, batch_size=1, progress=True, metrics={"[red]": lambda outputs, targets: 0.125})
    out, err = capsys.readouterr()
    assert out == ""
    for text in ("epoch 3/3", "loss", "[red] 0.125", "ETA 0:00:00"):
        assert text in err


def test_progress_is_silent_when_refused_or_not_on_a_terminal(capsys, monkeypatch):
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    fit_line(progress=False)
    fit_line(progress=None)
    assert capsys.readouterr() == ("", "")


def test_progress_shows_by_itself_on_a_terminal(capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")  # how rich is told that its output is a terminal
    monkeypatch.setenv("TERM", "xterm")
    fit_line(progress=None)
    assert "epoch" in capsys.readouterr().err


# ---------------------------------------------------------------- accuracy


def test_accuracy_of_scores():
    scores = [Value(2.0), -1.0, 0.5, [-3.0]]
    assert accuracy(scores, [1, -1, -1, -1]) == 0.75
    assert accuracy(scores, [1, 0, 0, 1]) == 0.5
    assert accuracy(np.array([2.0, -1.0]), np.array([1, 1])) == 0.5


def test_accuracy_of_logits():
    assert accuracy([[0.1, 2.0, 1.0], [Value(3.0), 0.0, 1.0], (0.0, 1.0, 2.0)], [1, 0, 0]) == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("outputs", "targets", "error", "message"),
    [
        ([1.0], [1, 0], ShapeError, "1 outputs, 2 targets"),
        ([], [], ShapeError, "0 outputs, 0 targets"),
        ([1.0], [2], ParameterError, "the target of a single score is 1, and 0 or -1, got 2"),
    ],
)
def test_accuracy_refuses_what_does_not_fit(outputs, targets, error, message):
    with pytest.raises(error, match=message):
        accuracy(outputs, targets)
