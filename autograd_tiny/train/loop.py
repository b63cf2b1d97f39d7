"""fit: the training loop, and errors that say where a loss went wrong."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any

from ..errors import ParameterError, ShapeError
from ..nn.shapes import listed_numbers, mapped
from ..optim import ReduceLROnPlateau
from ..optim.settings import one_of
from ..primitive import whole
from ..seeds import generator
from ..value import Value, lift
from .checkpoint import Run
from .history import History
from .learner import Learner, Loss, Metric, Stepping, set_mode
from .progress import progress_of


def fit(
    model: Callable[[Any], Any],
    X: Iterable[Any],
    y: Iterable[Any],
    *,
    loss: Loss,
    optimizer: Stepping,
    epochs: int,
    batch_size: int | None = None,
    steps_per_epoch: int | None = None,
    batched: bool = False,
    rng: Random | int | None = None,
    metrics: Mapping[str, Metric] | None = None,
    validation_data: tuple[Iterable[Any], Iterable[Any]] | None = None,
    scheduler: Any = None,
    schedule_every: str = "epoch",
    max_grad_norm: float | None = None,
    callbacks: Iterable[Callable[[History], Any]] = (),
    checkpoint: Any = None,
    resume: bool = False,
    progress: bool | None = None,
    jit: bool | str = False,
) -> History:
    """Train a model: in each step compute the loss of a batch, ``backward()``, move the parameters.

    A Module is set to training for the steps and to evaluation for the validation data, and is left as it came.
    Ctrl-C ends the training and returns the History so far; the model keeps what it has learned.

    Args:
        model: called with one example at a time; a ``Module`` or any function of Values.
        X: the examples, each a number or a (nested) list of numbers; they become Values once, at the start.
        y: one target per example, handed to ``loss`` as it is.
        loss: (list of outputs, list of targets) -> Value, for example ``nn.hinge_loss``.
        optimizer: holds the parameters, for example ``SGD(model.parameters(), lr=0.1)``.
        epochs: how often to go through all examples, at least 1; with ``resume`` those of the checkpoint included.
        batch_size: examples per step, at least 1; None takes all at once.
        steps_per_epoch: end an epoch after at most so many steps, on fresh random batches, before all examples.
        batched: call the model once with the list of a batch's examples, as BatchNorm1d needs it.
        rng: a ``random.Random``, an int seed, or None for seed 0: the order of the examples, which is
            shuffled every epoch unless one batch holds them all.
        metrics: name -> (outputs as floats, targets) -> number, for example ``{"accuracy": accuracy}``; no name is
            ``"loss"`` or begins with ``"val_"``.
        validation_data: (X, y) to measure loss and metrics on after every epoch.
        scheduler: a learning-rate schedule of ``optim``; ReduceLROnPlateau, every epoch, sees the validation loss,
            or the loss without such data.
        schedule_every: ``"epoch"`` or ``"step"``: when the schedule moves on.
        max_grad_norm: clip the gradients of each step to this norm; see ``optim.clip_grad_norm_``.
        callbacks: called with the History after every epoch; returning True ends the training. Their methods
            ``on_start()``, ``on_step()`` and ``on_end()``, where they have them, are called before the first step,
            after every step and at the end.
        checkpoint: a file to write the state of the training to after every epoch, atomically.
        resume: go on from that file if it exists; the result is the same to the last bit as without the pause.
        progress: True shows a progress bar on standard error, False none, None only on a terminal; in a notebook
            the curves are drawn instead.
        jit: True traces the loss of one example and trains in compiled code, thousands of times faster; the numbers
            agree to rounding. With SGD, Adam and AdamW the whole loop is native; other optimisers, and
            ``max_grad_norm``, get compiled gradients. ``"fast"`` lets sums be reordered besides. Inputs and targets
            are numbers, the loss of a batch is the mean or the sum of those of its examples, and what the model and
            the loss take from elsewhere stays as it was at the start; see :func:`~autograd_tiny.jit`.

    Returns:
        The History of losses and metrics.

    Raises:
        ShapeError: when X and y differ in length or are empty.
        ParameterError: for a number out of range, an optimiser that holds none of the model's parameters, or
            settings that do not go together.
        AnomalyError: when a loss or gradient is not finite; names the epoch and the first node that went
            wrong. The parameters stay as they were before that step.
        GraphError: when the loss does not depend on any parameter.
        StateError: when the checkpoint to resume from is damaged, or of another training.
        TracingError: with ``jit``, when the model or the loss uses the number of a traced value, or draws at random.

    >>> from autograd_tiny.nn import MLP, mse_loss
    >>> from autograd_tiny.optim import SGD
    >>> model = MLP(1, [1], rng=0)
    >>> optimizer = SGD(model.parameters(), lr=0.5)
    >>> history = fit(model, [[0.0], [1.0]], [1.0, 3.0], loss=mse_loss, optimizer=optimizer, epochs=100)
    >>> history.epochs, round(model([2.0]).data, 3)
    (100, 5.0)
    """
    _check_settings(model, loss, optimizer, metrics, scheduler, schedule_every)
    if resume and checkpoint is None:
        raise ParameterError('resume goes on from a checkpoint, and none is named; use checkpoint="run.json"')
    if checkpoint is not None:
        checkpoint = _writable(checkpoint)
    data = _paired("fit", X, y)
    held_out = _paired("validation_data", *_pair(validation_data)) if validation_data is not None else []
    epochs = whole(epochs, "epochs")
    batches = _Batches(len(data), batch_size, steps_per_epoch, generator(rng, "rng"))
    history, callbacks = History(), _functions(callbacks)
    settings = {
        "the number of examples": len(data),
        "the number of validation examples": len(held_out),
        "batch_size": batches.size,
        "the number of steps per epoch": batches.steps,
        "metrics": sorted(metrics or {}),
    }
    run = Run(model, optimizer, [scheduler, *callbacks], batches.rng, history, settings, epochs)
    learner = _learner(jit, batches.size, model, loss, optimizer, metrics or {}, max_grad_norm, batched, data, held_out)
    if held_out:
        learner.test()  # what is wrong with it shows before anything has moved
    if resume and checkpoint.exists():
        run.load(checkpoint)
    stepwise = scheduler is not None and schedule_every == "step"
    watched = any(hasattr(callback, "on_step") for callback in callbacks)
    alone = not (held_out or callbacks or scheduler) and checkpoint is None and batches.size == len(data)
    try:
        with progress_of(progress, epochs, batches.steps, history.epochs) as shown, set_mode(model, training=True):
            _call(callbacks, "on_start")
            learner.take()
            for losses in learner.epochs(epochs) if alone else ():
                history.extend(losses, learner.lr)
                for epoch, loss_of_epoch in enumerate(losses, history.epochs + 1 - len(losses)):
                    shown.step(epoch, loss_of_epoch)
                shown.epoch(history)
            while history.epochs < epochs and not run.stopped:
                total, outputs, targets = 0.0, [], []
                for positions, batch_loss, batch_outputs in learner.steps(
                    batches.order(), batches.size, history.epochs + 1, stepwise or watched
                ):
                    total += batch_loss * len(positions)
                    outputs += batch_outputs
                    targets += [data[i][1] for i in positions]
                    lr = learner.lr
                    if stepwise:
                        scheduler.step()
                    if watched:
                        learner.hand_back()
                        _call(callbacks, "on_step")
                        learner.take()
                    shown.step(history.epochs + 1, batch_loss)
                tested = learner.test() if held_out else None
                history.add(total / len(targets), learner.measured(outputs, targets), tested, lr)
                if scheduler is not None and schedule_every == "epoch":
                    _advance(scheduler, history)
                if callbacks or checkpoint is not None:
                    learner.hand_back()
                answers = [callback(history) for callback in callbacks]
                run.stopped = any(answer is True for answer in answers)
                if checkpoint is not None:
                    run.save(checkpoint)
                if callbacks:
                    learner.take()
                shown.epoch(history)
    except KeyboardInterrupt:
        history.interrupted = True
    finally:
        learner.hand_back()
    _call(callbacks, "on_end")
    return history


def _learner(jit: Any, batch_size: int, *settings: Any) -> Learner:
    if jit is False:
        return Learner(*settings)
    if jit is not True and jit != "fast":
        raise ParameterError(f'jit is False, True or "fast", got {jit!r:.60}')
    from .compiled import CompiledLearner

    return CompiledLearner(*settings, batch_size=batch_size, fast=jit == "fast")


class _Batches:
    """The size of the batches, and the order of the examples in each epoch."""

    def __init__(self, examples: int, batch_size: int | None, steps: int | None, rng: Random) -> None:
        self.examples, self.rng = examples, rng
        self.size = examples if batch_size is None else min(whole(batch_size, "batch_size"), examples)
        self.steps = math.ceil(examples / self.size)
        if steps is not None:
            self.steps = min(whole(steps, "steps_per_epoch"), self.steps)

    def order(self) -> Sequence[int]:
        """Return the positions of an epoch's examples, batch after batch."""
        if self.size == self.examples:
            return range(self.examples)
        return self.rng.sample(range(self.examples), min(self.steps * self.size, self.examples))


def _call(callbacks: Iterable[Any], hook: str) -> None:
    for callback in callbacks:
        if hasattr(callback, hook):
            getattr(callback, hook)()


def _advance(scheduler: Any, history: History) -> None:
    if isinstance(scheduler, ReduceLROnPlateau):
        scheduler.step((history.val_loss or history.loss)[-1])
    else:
        scheduler.step()


# ---------------------------------------------------------------- what fit was given


def _writable(checkpoint: Any) -> Path:
    """Return where the checkpoint goes, if a file can be written there."""
    if not isinstance(checkpoint, (str, os.PathLike)) or not os.fspath(checkpoint):
        raise ParameterError(f'checkpoint is the name of a file, got {checkpoint!r:.60}; use checkpoint="run.json"')
    path = Path(checkpoint)
    if path.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK):
        raise ParameterError(f"the checkpoint {path} cannot be written: it is a folder, or is in none that allows it")
    return path


def _paired(name: str, X: Iterable[Any], y: Iterable[Any]) -> list[tuple[Any, Any]]:
    for side, what in ((X, "examples"), (y, "targets")):
        if not isinstance(side, Iterable) or isinstance(side, (str, bytes, Value)):
            raise ShapeError(f"{name} needs a list of {what}, got {side!r:.60}")
    examples, targets = [mapped(listed_numbers(x), lift) for x in X], list(y)
    if len(examples) != len(targets) or not examples:
        raise ShapeError(
            f"{name} needs one target per example, got {len(examples)} examples and {len(targets)} targets"
        )
    return list(zip(examples, targets, strict=True))


def _pair(validation_data: Any) -> tuple[Any, Any]:
    if not isinstance(validation_data, (tuple, list)) or len(validation_data) != 2:
        raise ParameterError(f"validation_data is a pair (X, y), got {validation_data!r:.60}")
    return validation_data[0], validation_data[1]


def _functions(callbacks: Any) -> list[Callable[[History], Any]]:
    functions: list[Any] = list(callbacks) if isinstance(callbacks, Iterable) else [callbacks]
    if not isinstance(callbacks, Iterable) or not all(map(callable, functions)):
        raise ParameterError(f"callbacks is a list of functions of the History, got {callbacks!r:.60}")
    return functions


def _check_settings(model: Any, loss: Any, optimizer: Any, metrics: Any, scheduler: Any, schedule_every: Any) -> None:
    if isinstance(model, type) or not callable(model):
        raise ParameterError(f"model is a module or function, got {_kind(model)}; use model=nn.MLP(2, [8, 1])")
    if not callable(loss):
        raise ParameterError(f"loss is a function of outputs and targets, got {_kind(loss)}; use loss=nn.mse_loss")
    if metrics is not None and not (isinstance(metrics, Mapping) and all(map(callable, metrics.values()))):
        raise ParameterError(f'metrics maps names to functions, got {metrics!r:.60}; use {{"accuracy": accuracy}}')
    for name in metrics or {}:
        if not isinstance(name, str) or name == "loss" or name.startswith("val_"):
            raise ParameterError(f'a metric has a name of its own, a text but not "loss" or "val_...", got {name!r}')
    one_of("epoch", "step")(schedule_every, "schedule_every")
    if schedule_every == "step" and isinstance(scheduler, ReduceLROnPlateau):
        raise ParameterError('ReduceLROnPlateau looks at the loss of an epoch; use schedule_every="epoch"')
    if scheduler is not None and (isinstance(scheduler, type) or not hasattr(scheduler, "step")):
        raise ParameterError(f"scheduler is a schedule of optim, got {_kind(scheduler)}; use StepLR(optimizer, 10)")
    if getattr(scheduler, "optimizer", optimizer) is not optimizer:
        raise ParameterError("the scheduler is of another optimizer, whose learning rate it would change")
    if isinstance(optimizer, type) or not all(hasattr(optimizer, name) for name in ("params", "step", "zero_grad")):
        raise ParameterError(f"optimizer is an object, got {optimizer!r}; use SGD(model.parameters(), lr=0.1)")
    if hasattr(model, "parameters") and set(model.parameters()).isdisjoint(optimizer.params):
        raise ParameterError(
            "the optimizer holds none of the model's parameters, so nothing would be learned; "
            "make it again after the model: SGD(model.parameters(), lr=0.1)"
        )


def _kind(thing: Any) -> str:
    return f"the class {thing.__name__}" if isinstance(thing, type) else f"{type(thing).__name__} {thing!r:.40}"
