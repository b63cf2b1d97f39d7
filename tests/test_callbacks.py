import json
import math
from itertools import pairwise
from statistics import pstdev

import pytest

from autograd_tiny import Value
from autograd_tiny.errors import ParameterError, StateError
from autograd_tiny.nn import MLP, Linear, mse_loss
from autograd_tiny.optim import SGD
from autograd_tiny.train import EarlyStopping, History, UpdateLog, fit


def watch(stop, losses, **curves):
    """Return the epoch at which an EarlyStopping stops, or None; each epoch sets the model's bias to its number."""
    history = History()
    for epoch, loss in enumerate(losses, start=1):
        stop.model.bias[0].data = float(epoch)
        history.add(loss, {name: curve[epoch - 1] for name, curve in curves.items()})
        if stop(history):
            return epoch
    return None


# ---------------------------------------------------------------- EarlyStopping


def test_it_stops_after_so_many_epochs_without_a_better_one():
    stop = EarlyStopping(Linear(1, 1), patience=3)
    assert watch(stop, [5.0, 4.0, 4.5, 4.0, 3.0, 3.5, 3.0, 3.25, 0.0]) == 8
    assert (stop.best, stop.best_epoch) == (3.0, 5)
    stop.on_end()
    assert stop.model.bias[0].data == 5.0


def test_it_goes_on_while_there_is_progress():
    assert watch(EarlyStopping(Linear(1, 1), patience=1), [3.0, 2.0, 1.0]) is None
    assert watch(EarlyStopping(Linear(1, 1), patience=1), [3.0, 2.0, 2.0]) == 3


def test_ten_epochs_without_a_better_one_are_endured_unless_told_otherwise():
    assert watch(EarlyStopping(Linear(1, 1)), [1.0] * 20) == 11


def test_another_training_begins_from_nothing():
    stop = EarlyStopping(Linear(1, 1), patience=2)
    assert watch(stop, [1.0, 2.0, 3.0]) == 3
    assert watch(stop, [5.0, 4.0, 3.5]) is None
    assert (stop.best, stop.best_epoch) == (3.5, 3)


def test_a_small_improvement_can_be_none():
    assert watch(EarlyStopping(Linear(1, 1), patience=2, min_delta=0.5), [3.0, 2.5, 2.5, 0.0]) == 3
    assert watch(EarlyStopping(Linear(1, 1), patience=2, min_delta=0.5), [3.0, 2.25, 2.0, 1.5]) is None


def test_a_curve_that_is_to_rise():
    stop = EarlyStopping(Linear(1, 1), patience=2, monitor="accuracy", maximize=True)
    assert watch(stop, [1.0] * 4, accuracy=[0.5, 0.75, 0.75, 0.25]) == 4
    assert (stop.best, stop.best_epoch) == (0.75, 2)


def test_a_loss_that_is_nan_is_no_improvement():
    stop = EarlyStopping(Linear(1, 1), patience=2)
    assert watch(stop, [math.nan, math.nan]) == 2
    assert (stop.best_epoch, stop.best_state) == (0, None)
    stop.on_end()


def test_the_last_parameters_stay_when_asked():
    stop = EarlyStopping(Linear(1, 1), patience=1, restore_best=False)
    assert watch(stop, [1.0, 2.0]) == 2
    stop.on_end()
    assert stop.model.bias[0].data == 2.0


def trained(model, epochs=30, lr=0.05, **settings):
    optimizer = SGD(model.parameters(), lr=lr)
    return fit(model, [[0.0], [1.0]], [[1.0], [3.0]], loss=mse_loss, optimizer=optimizer, epochs=epochs, **settings)


def test_fit_stops_on_the_validation_loss_and_the_best_comes_back():
    def run(**settings):
        model = Linear(1, 1, rng=0)
        return model, trained(model, validation_data=([[2.0]], [[2.0]]), **settings)  # off the line: gets worse

    model = Linear(1, 1, rng=0)
    stop = EarlyStopping(model, patience=4)
    history = trained(model, validation_data=([[2.0]], [[2.0]]), callbacks=[stop])
    best = min(range(history.epochs), key=history.val_loss.__getitem__) + 1
    assert history.epochs == best + 4 < 30
    assert (stop.best, stop.best_epoch) == (min(history.val_loss), best)
    until_best, _ = run(epochs=best)
    assert model.state_dict() == until_best.state_dict()


def test_without_validation_data_it_watches_the_loss():
    model = Linear(1, 1, rng=0)
    history = trained(model, lr=0.0, callbacks=[EarlyStopping(model, patience=2)])
    assert history.epochs == 3


def test_a_curve_that_does_not_exist_is_refused():
    stop = EarlyStopping(Linear(1, 1), monitor="val_accuracy")
    with pytest.raises(ParameterError, match="monitor is one of the curves loss, accuracy, got 'val_accuracy'"):
        watch(stop, [1.0], accuracy=[0.5])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"patience": 0}, "patience is a whole number of at least 1, got 0"),
        ({"min_delta": -1.0}, r"min_delta is a finite number of at least 0, got -1\.0"),
        ({"min_delta": math.inf}, "min_delta is a finite number of at least 0, got inf"),
        ({"model": lambda x: x}, "the model of EarlyStopping is the Module that is trained, got <function"),
    ],
)
def test_bad_settings_of_early_stopping_are_refused(settings, message):
    with pytest.raises(ParameterError, match=message):
        EarlyStopping(**({"model": Linear(1, 1)} | settings))


def test_early_stopping_goes_on_from_its_state():
    stop, other = EarlyStopping(Linear(1, 1, rng=0)), EarlyStopping(Linear(1, 1, rng=1))
    for state in (stop.state_dict(), watch(stop, [2.0, 1.0, 3.0]) or stop.state_dict()):
        other.load_state_dict(json.loads(json.dumps(state)))
        assert other.state_dict() == state
    assert other.best_state["bias"] == [2.0]
    assert other.model.state_dict() == Linear(1, 1, rng=1).state_dict()  # on_end brings the best one back, nothing else


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"best": "low"}, "no state of the EarlyStopping at hand: best needs one real number"),
        ({"best_epoch": -1}, "best_epoch is a whole number of at least 0, got -1"),
        ({"best_state": {"weight": [[1.0]]}}, "bias"),
        ({"best_state": 3}, "a state maps names to numbers, got 3"),
        ({"more": 3}, "has no more"),
    ],
)
def test_a_damaged_state_of_early_stopping_changes_nothing(change, message):
    stop = EarlyStopping(Linear(1, 1, rng=0))
    watch(stop, [1.0])
    before, model = stop.state_dict(), stop.model.state_dict()
    with pytest.raises(StateError, match=message):
        stop.load_state_dict({"best": 9.0, "best_epoch": 9, "best_state": None} | change)
    assert (stop.state_dict(), stop.model.state_dict()) == (before, model)


# ---------------------------------------------------------------- UpdateLog


def test_a_log_has_gradients_and_ratios_of_every_layer():
    model = MLP(2, [3, 1], rng=0)
    states = [{name: [p.data for p in layer] for name, layer in model.named_layers()}]

    class Watcher:
        def on_step(self):
            states.append({name: [p.data for p in layer] for name, layer in model.named_layers()})

        def __call__(self, history):
            return None

    log = UpdateLog(model)
    optimizer = SGD(model.parameters(), lr=0.1)
    X, y = [[0.0, 1.0], [1.0, 1.0], [1.0, 0.0]], [1.0, 2.0, 3.0]
    fit(model, X, y, loss=mse_loss, optimizer=optimizer, epochs=2, batch_size=2, callbacks=[log, Watcher()])
    for name in ("layers[0]", "layers[1]"):
        by_hand = [
            pstdev([b - a for a, b in zip(old[name], new[name], strict=True)]) / pstdev(new[name])
            for old, new in pairwise(states)
        ]
        assert log.ratios[name] == pytest.approx(by_hand)
        assert log.gradients[name] == [p.grad for p in dict(model.named_layers())[name]]
    assert len(log.ratios["layers[0]"]) == 4


def test_a_ratio_without_spread_is_nan():
    model = Linear(1, 1, bias=False, rng=0)
    log = UpdateLog(model)
    trained(model, epochs=2, callbacks=[log])
    assert all(map(math.isnan, log.ratios["Linear"]))


def test_a_log_starts_where_the_training_does():
    model = Linear(2, 1, rng=0)
    log = UpdateLog(model)
    model.weight[0][0].data = 99.0
    optimizer = SGD(model.parameters(), lr=0.0)
    fit(model, [[1.0, 2.0]], [[1.0]], loss=mse_loss, optimizer=optimizer, epochs=1, callbacks=[log])
    assert log.ratios == {"Linear": [0.0]}


def test_a_log_starts_by_itself_in_a_loop_of_ones_own():
    model = Linear(2, 1, bias=False)
    for parameter, number in zip(model.parameters(), (1.0, 3.0), strict=True):
        parameter.data = number
    log = UpdateLog(model)
    model.weight[0][1].data = 5.0  # the spread of the changes 0 and 2 by that of 1 and 5
    log.on_step()
    assert log.ratios == {"Linear": [0.5]}


def test_a_log_is_of_a_module():
    with pytest.raises(ParameterError, match="the model of UpdateLog is the Module that is trained"):
        UpdateLog(Value(1.0))


def test_a_log_goes_on_from_its_state():
    model = Linear(1, 1, rng=0)
    log, other = UpdateLog(model), UpdateLog(model)
    trained(model, epochs=3, callbacks=[log])
    other.load_state_dict(json.loads(json.dumps(log.state_dict())))
    assert other.state_dict() == log.state_dict()
    other.ratios["Linear"].append(1.0)
    assert len(log.ratios["Linear"]) == 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ratios": {"layers[0]": []}}, r"ratios has no layers\[0\]"),
        ({"gradients": {}}, "gradients lacks Linear"),
        ({"ratios": {"Linear": ["text"]}}, "Linear needs one real number"),
    ],
)
def test_a_damaged_state_of_a_log_changes_nothing(change, message):
    log = UpdateLog(Linear(1, 1))
    with pytest.raises(StateError, match=message):
        log.load_state_dict({"ratios": {"Linear": [1.0]}, "gradients": {"Linear": [1.0, 2.0]}} | change)
    assert log.state_dict() == {"ratios": {"Linear": []}, "gradients": {"Linear": []}}


def test_another_training_does_not_go_back_to_the_best_of_the_one_before():
    model = Linear(1, 1, rng=0)
    stop = EarlyStopping(model, patience=2)
    for losses in ([1.0], [1.0, 0.1]):
        stop(History(loss=losses))
    model.weight[0][0].data = 7.0
    for losses in ([5.0], [5.0, 4.0], [5.0, 4.0, 4.5]):
        assert not stop(History(loss=losses))
    assert (stop.best, stop.best_epoch) == (4.0, 2)
    stop.on_end()
    assert model.weight[0][0].data == 7.0


def test_a_history_without_epochs_is_refused():
    with pytest.raises(ParameterError, match="looks at the latest epoch, and the history has none"):
        EarlyStopping(Linear(1, 1))(History())
