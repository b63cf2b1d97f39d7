import json
import os
from random import Random

import pytest

from autograd_tiny import Value
from autograd_tiny.errors import ParameterError, StateError
from autograd_tiny.nn import BatchNorm1d, Dropout, Linear, Sequential, Tanh, mse_loss
from autograd_tiny.optim import SGD, Adagrad, Adam, AdamW, ExponentialLR, LambdaLR, ReduceLROnPlateau, RMSprop
from autograd_tiny.train import EarlyStopping, History, UpdateLog, fit

EPOCHS = 4
X = [[0.1 * i, 0.2 - 0.3 * i] for i in range(5)]
Y = [[0.5 * i - 1.0] for i in range(5)]
OPTIMIZERS = {
    "SGD": lambda p: SGD(p, lr=0.1),
    "momentum": lambda p: SGD(p, lr=0.1, momentum=0.9, nesterov=True),
    "Adagrad": lambda p: Adagrad(p, lr=0.1),
    "RMSprop": lambda p: RMSprop(p, lr=0.01, momentum=0.5, centered=True),
    "Adam": lambda p: Adam(p, lr=0.05, amsgrad=True),
    "AdamW": lambda p: AdamW([{"params": p[:3]}, {"params": p[3:], "lr": 0.1}], lr=0.05),
}
SCHEDULES = {
    "none": (None, "epoch"),
    "exponential": (lambda optimizer: ExponentialLR(optimizer, 0.5), "step"),
    "lambda": (lambda optimizer: LambdaLR(optimizer, lambda n: 1 / (n + 1)), "epoch"),
    "plateau": (lambda optimizer: ReduceLROnPlateau(optimizer, patience=0, threshold=9.0), "epoch"),
}


class Training:
    """A training with everything that a checkpoint has to keep: made anew, it is as in a new process."""

    def __init__(self, optimizer="SGD", schedule="none", weight=None, patience=50, size=3, batched=False):
        layers = [Linear(2, size, rng=0), Tanh(), Dropout(0.3, rng=7), Linear(size, 1, rng=1), Dropout(0.1, rng=8)]
        if batched:
            layers.insert(1, BatchNorm1d(size))
        self.model, self.batched = Sequential(*layers), batched
        self.outside = Value(1.0)  # a parameter that is trained and not of the model
        parameters = [*self.model.parameters(), self.outside]
        self.optimizer = OPTIMIZERS[optimizer](parameters)
        make, self.every = SCHEDULES[schedule]
        self.scheduler = make(self.optimizer) if make else None
        self.stop, self.log, self.rng = EarlyStopping(self.model, patience), UpdateLog(self.model), Random(3)

    def loss(self, outputs, targets):
        return mse_loss([[self.outside * y for y in output] for output in outputs], targets)

    def run(self, epochs=EPOCHS, checkpoint=None, resume=False, callbacks=(), **settings):
        self.history = fit(
            self.model,
            X,
            Y,
            loss=self.loss,
            optimizer=self.optimizer,
            epochs=epochs,
            batch_size=2,
            batched=self.batched,
            rng=self.rng,
            metrics={"first": lambda outputs, targets: outputs[0][0]},
            validation_data=([[0.3, 0.3]], [[1.0]]),
            scheduler=self.scheduler,
            schedule_every=self.every,
            max_grad_norm=1.0,
            callbacks=[self.stop, self.log, *callbacks],
            checkpoint=checkpoint,
            resume=resume,
            **settings,
        )
        return self

    def everything(self):
        """Return all that may not differ, the random numbers to come included."""
        generators = [self.rng, self.model[-1].rng, self.model[-3].rng]
        return json.dumps(
            [
                self.model.state_dict(),
                self.outside.data,
                self.optimizer.state_dict(),
                self.scheduler and self.scheduler.state_dict(),
                self.stop.state_dict(),
                self.log.state_dict(),
                self.history.state_dict(),
                [generator.getstate() for generator in generators],
            ]
        )


# ---------------------------------------------------------------- resumed


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_run_resumed_after_any_epoch_is_the_uninterrupted_one(tmp_path, optimizer, schedule):
    whole = Training(optimizer, schedule).run().everything()
    for epoch in range(1, EPOCHS):
        path = tmp_path / f"{epoch}.json"
        Training(optimizer, schedule).run(epochs=epoch, checkpoint=path)
        resumed = Training(optimizer, schedule).run(checkpoint=path, resume=True)
        assert resumed.everything() == whole


def test_a_run_may_be_resumed_after_every_epoch_and_on_fresh_random_batches(tmp_path):
    path = tmp_path / "run.json"
    for epochs in range(1, EPOCHS + 1):
        part = Training("Adam").run(epochs, path, resume=True, steps_per_epoch=2)
    assert part.everything() == Training("Adam").run(steps_per_epoch=2).everything()


@pytest.mark.parametrize("hook", ["__call__", "on_step"])
@pytest.mark.parametrize("calls", [1, 2, 3, 5])
def test_a_run_resumed_after_ctrl_c_in_the_middle_is_the_uninterrupted_one(tmp_path, hook, calls):
    class Impatient:
        left = calls

        def count(self, *history):
            self.left -= 1
            if not self.left:
                raise KeyboardInterrupt

        on_step = count if hook == "on_step" else lambda self: None

        def __call__(self, history):
            if hook == "__call__":
                self.count()

    class Patient(Impatient):
        left = 10**9

    Patient.__name__ = "Impatient"
    path = tmp_path / "run.json"
    interrupted = Training("Adam").run(checkpoint=path, callbacks=[Impatient()])
    assert interrupted.history.interrupted is (calls < 5 or hook == "on_step")
    resumed = Training("Adam").run(checkpoint=path, resume=True, callbacks=[Patient()])
    whole = Training("Adam").run(callbacks=[Patient()])
    assert resumed.everything() == whole.everything()
    assert resumed.history.interrupted is False


def test_the_same_objects_can_go_on_after_ctrl_c(tmp_path):
    training, calls = Training("momentum", "exponential"), []

    def loss(outputs, targets):
        calls.append(1)
        if len(calls) == 7:
            raise KeyboardInterrupt
        return mse_loss([[training.outside * y for y in output] for output in outputs], targets)

    training.loss = loss
    path = tmp_path / "run.json"
    assert training.run(checkpoint=path).history.epochs == 1
    assert (
        training.run(checkpoint=path, resume=True).everything()
        == Training("momentum", "exponential").run().everything()
    )


def test_parameters_of_the_model_are_kept_once(tmp_path):
    path = tmp_path / "run.json"
    training = Training().run(checkpoint=path)
    document = json.loads(path.read_bytes())
    assert document["model"].keys() == training.model.state_dict().keys()
    assert document["parameters outside the model"] == [training.outside.data]


def test_running_statistics_are_kept(tmp_path):
    def loss(outputs, targets):
        return mse_loss(outputs, targets)

    def run(epochs, **settings):
        model = Sequential(Linear(2, 2, rng=0), BatchNorm1d(2), Linear(2, 1, rng=1))
        optimizer = SGD(model.parameters(), lr=0.1)
        fit(model, X[:4], Y[:4], loss=loss, optimizer=optimizer, epochs=epochs, batch_size=2, batched=True, **settings)
        return model.state_dict()

    run(2, checkpoint=tmp_path / "run.json")
    assert run(4, checkpoint=tmp_path / "run.json", resume=True) == run(4)


def test_a_run_that_was_stopped_stays_so_and_the_best_parameters_come_back(tmp_path):
    path = tmp_path / "run.json"
    stopped = Training("SGD", patience=1).run(epochs=50, checkpoint=path)
    assert stopped.history.epochs < 50
    resumed = Training("SGD", patience=1).run(epochs=50, checkpoint=path, resume=True)
    assert resumed.everything() == stopped.everything()
    assert resumed.model.state_dict() == stopped.stop.best_state


def test_a_finished_run_has_nothing_left_to_do(tmp_path):
    path = tmp_path / "run.json"
    Training().run(checkpoint=path)
    content = path.read_bytes()
    assert Training().run(checkpoint=path, resume=True).history.epochs == EPOCHS
    assert path.read_bytes() == content


def test_fewer_epochs_than_were_done_are_refused_and_nothing_changed(tmp_path):
    path = tmp_path / "run.json"
    Training().run(checkpoint=path)
    content, training = path.read_bytes(), Training()
    before = training.model.state_dict()
    with pytest.raises(ParameterError, match=r"epochs counts those of the .* too: .*run\.json has 4 done, got 3"):
        training.run(epochs=3, checkpoint=path, resume=True)
    assert (training.model.state_dict(), path.read_bytes()) == (before, content)


@pytest.mark.parametrize("exists", [False, True])
def test_a_checkpoint_that_cannot_be_written_is_refused_before_the_training(tmp_path, monkeypatch, exists):
    path = tmp_path / "run.json"
    if exists:
        path.write_bytes(b"old")
    asked = []
    monkeypatch.setattr("os.access", lambda place, mode: asked.append((place, mode)))
    with pytest.raises(ParameterError, match=r"the checkpoint .*run\.json cannot be written"):
        Training().run(checkpoint=path)
    assert asked == [(path if exists else tmp_path, os.W_OK)]


def test_without_a_file_a_run_starts_and_without_resume_it_starts_anew(tmp_path):
    path = tmp_path / "run.json"
    first = Training().run(checkpoint=path, resume=True)
    again = Training().run(checkpoint=path)
    assert first.everything() == again.everything()


def test_a_plain_function_and_a_plain_optimizer_can_be_resumed(tmp_path):
    class Signs:
        def __init__(self, params):
            self.params = params

        def zero_grad(self):
            for p in self.params:
                p.grad = 0.0

        def step(self):
            for p in self.params:
                p.data -= 0.25 if p.grad > 0 else -0.25

    def run(epochs, **settings):
        w = Value(0.0)
        data = [1.0, 2.0, 3.0], [5.0, 6.0, 9.0]
        fit(lambda x: w * x, *data, loss=mse_loss, optimizer=Signs([w]), epochs=epochs, batch_size=2, **settings)
        return w.data

    path = tmp_path / "run.json"
    run(2, checkpoint=path)
    assert run(5, checkpoint=path, resume=True) == run(5)


def test_losses_that_are_not_finite_can_be_kept(tmp_path):
    def run(epochs, **settings):
        w = Value(0.0)
        held_out = {"validation_data": ([1e200], [0.0])}
        optimizer = SGD([w], lr=0.1)
        return fit(
            lambda x: w * x, [1.0], [1.0], loss=mse_loss, optimizer=optimizer, epochs=epochs, **held_out, **settings
        )

    path = tmp_path / "run.json"
    run(2, checkpoint=path)
    history = run(3, checkpoint=path, resume=True)
    assert history.val_loss == [float("inf")] * 3
    assert history == run(3)


# ---------------------------------------------------------------- refused


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "run.json"
    Training("Adam", "exponential").run(epochs=2, checkpoint=path)
    return path


def refused(path, message, **settings):
    training = Training(**({"optimizer": "Adam", "schedule": "exponential"} | settings))
    training.history = History()
    before, content = training.everything(), path.read_bytes()
    with pytest.raises(StateError, match=message):
        training.run(checkpoint=path, resume=True)
    assert training.everything() == before
    assert path.read_bytes() == content


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.999])
def test_a_truncated_checkpoint_is_refused(saved, share):
    content = saved.read_bytes()
    saved.write_bytes(content[: int(share * len(content))])
    refused(saved, "run.json is damaged")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xff\xfe", "run.json is damaged: byte 0 is not UTF-8"),
        (b"[]", 'run.json is no checkpoint: it has no "format"'),
        (b'{"format": "autograd_tiny state", "version": 1, "state": {}}', "run.json is no checkpoint"),
        (b'{"format": "autograd_tiny training", "version": 2}', "run.json is no checkpoint: .*version"),
        (b'{"format": "autograd_tiny training", "version": 1}', 'run.json is damaged: it has no "settings"'),
        (b'{"a": 1, "a": 2}', "the name 'a' stands twice"),
        (b"[" * 100_000, "damaged"),
    ],
)
def test_another_file_is_refused(saved, content, message):
    saved.write_bytes(content)
    refused(saved, message)


DAMAGES = [
    *[(key, lambda value: None) for key in ("model", "optimizer", "others", "generators", "history")],
    ("parameters outside the model", lambda value: []),
    ("parameters outside the model", lambda value: ["text"]),
    ("model", lambda value: {**value, "layers.0.bias": [0.0]}),
    ("optimizer", lambda value: {**value, "steps": -1}),
    ("others", lambda value: value[:2]),
    ("others", lambda value: [None, *value[1:]]),
    ("others", lambda value: [value[0], {**value[1], "best_state": {}}, value[2]]),
    ("others", lambda value: [*value[:2], {"ratios": {}}]),
    ("generators", lambda value: value[:1]),
    ("generators", lambda value: [*value[:2], [3, [1, 2, 3], None]]),
    ("generators", lambda value: [*value[:2], [3, [-1] * 624 + [5], None]]),
    ("generators", lambda value: [*value[:2], [9, value[2][1], None]]),
    ("history", lambda value: {**value, "loss": value["loss"][:1]}),
    ("history", lambda value: {**value, "loss": ["a", "b"]}),
    ("history", lambda value: {"loss": []}),
]


@pytest.mark.parametrize(("key", "damage"), DAMAGES, ids=[f"{i}-{key}" for i, (key, _) in enumerate(DAMAGES)])
def test_a_checkpoint_with_wrong_contents_is_refused_and_nothing_changed(saved, key, damage):
    document = json.loads(saved.read_bytes())
    saved.write_text(json.dumps(document | {key: damage(document[key])}))
    refused(saved, "run.json (is damaged|does not fit this training)")


@pytest.mark.parametrize("key", ["model", "optimizer", "others", "generators", "history", "stopped"])
def test_a_checkpoint_with_a_part_missing_is_refused_and_nothing_changed(saved, key):
    document = json.loads(saved.read_bytes())
    del document[key]
    saved.write_text(json.dumps(document))
    refused(saved, f"run.json is damaged: KeyError: '{key}'")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"optimizer": "SGD"}, r"is of another training: model, optimizer, .* was \['Sequential', 'Adam'.*'SGD'"),
        ({"schedule": "none"}, "is of another training: .*'ExponentialLR'.* and is .*'NoneType'"),
        ({"size": 4}, r"does not fit this training: layers\.0\.weight has the shape 4 x 2, got 3 x 2"),
    ],
)
def test_the_checkpoint_of_another_training_is_refused(saved, settings, message):
    refused(saved, message, **settings)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"X": X[:4], "y": Y[:4]}, "the number of examples was 5 and is 4"),
        ({"batch_size": 3}, "batch_size was 2 and is 3"),
        ({"batch_size": 2, "steps_per_epoch": 1}, "the number of steps per epoch was 3 and is 1"),
        ({"batch_size": 2, "metrics": {"other": len}}, r"metrics was \[\] and is \['other'\]"),
        ({"batch_size": 2, "validation_data": (X, Y)}, "the number of validation examples was 0 and is 5"),
        ({"batch_size": 2, "callbacks": [print]}, r"and callbacks was \['Linear', 'SGD', 'NoneType'\] and is"),
    ],
)
def test_other_settings_are_refused(tmp_path, settings, message):
    path = tmp_path / "run.json"

    def run(**settings):
        layer = Linear(2, 1, rng=0)
        optimizer = SGD(layer.parameters(), lr=0.1)
        fit(layer, loss=mse_loss, optimizer=optimizer, epochs=2, checkpoint=path, **({"X": X, "y": Y} | settings))

    run(batch_size=2)
    with pytest.raises(StateError, match=message):
        run(resume=True, **settings)


def test_a_checkpoint_takes_the_place_of_the_one_before_atomically(tmp_path, monkeypatch):
    path = tmp_path / "run.json"
    Training().run(epochs=1, checkpoint=path)
    content = path.read_bytes()

    def full(*_):
        raise OSError("no space left")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(OSError, match="no space left"):
        Training().run(epochs=2, checkpoint=path, resume=True)
    assert path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [path]
