"""What examples share: trainings that end on Ctrl-C, what a model answers, and how a training is summed up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import nn, optim, train
from ..plot import plot_history
from ..recording import no_grad
from ..train.learner import Loss
from .stage import Options, Stage


def trained(model: Any, X: Sequence[Any], y: Sequence[Any], **settings: Any) -> train.History:
    """Train as ``train.fit`` does, and let Ctrl-C end the whole example.

    Args:
        model, X, y, settings: as for ``train.fit``.

    Raises:
        KeyboardInterrupt: when Ctrl-C has ended the training.
    """
    history = train.fit(model, X, y, **settings)
    if history.interrupted:
        raise KeyboardInterrupt
    return history


def full_batch(
    model: nn.Module, X: Sequence[Any], y: Sequence[Any], loss: Loss, options: Options, lr: float, epochs: int
) -> train.History:
    """Train by plain gradient descent, each step on all examples.

    Raises:
        KeyboardInterrupt: when Ctrl-C has ended it.
    """
    optimizer = optim.SGD(model.parameters(), lr=lr if options.lr is None else options.lr)
    return trained(model, X, y, loss=loss, optimizer=optimizer, epochs=options.epochs or epochs, jit=bool(options.jit))


def outputs_of(model: nn.Module, X: Sequence[Any]) -> list[Any]:
    """Return what a model answers, as floats."""
    with no_grad():
        answers = [model(x) for x in X]
    return [[float(out) for out in answer] if isinstance(answer, list) else float(answer) for answer in answers]


def conclude(stage: Stage, name: str, history: train.History, figures: dict[str, float]) -> None:
    """Tell how a training ended and draw its curves.

    Args:
        stage: where.
        name: the beginning of the picture's name.
        history: the training.
        figures: ``loss``, and shares such as ``accuracy``.

    Raises:
        KeyboardInterrupt: when Ctrl-C has ended it.
    """
    if history.interrupted:
        raise KeyboardInterrupt
    told = [f"loss {history.loss[0]:.4g} -> {figures['loss']:.4g}"]
    told += [f"{key} {number:.1%}" for key, number in figures.items() if key != "loss"]
    stage.say(f"After {history.epochs} epochs: {', '.join(told)}.")
    stage.figure(f"{name}-loss.png", lambda figure: plot_history(history, figure.subplots()))
