"""Callbacks for fit: early stopping, and a log of gradients and updates."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import ParameterError, listed
from ..nn import Module
from ..optim.settings import anything, checked, count, each, loading
from ..primitive import real, whole
from ..ranges import at_least_zero
from .history import History


class EarlyStopping:
    """End the training when a curve has not improved for ``patience`` epochs, and go back to the best parameters.

    Prechelt 1998, "Early stopping - but when?", compares such rules.

    Args:
        model: the Module that is trained.
        patience: how many epochs without improvement are endured, at least 1.
        monitor: the curve, a name of ``history.curves()``; None for ``val_loss``, or ``loss`` without
            validation data.
        min_delta: what counts as an improvement must be larger than this, at least 0.
        maximize: whether the curve is to rise, as ``val_accuracy`` is.
        restore_best: whether the model gets the parameters of the best epoch when the training ends, also by
            Ctrl-C, but not by an error.

    Attributes:
        best: the best number so far.
        best_epoch: its epoch, counted from 1; 0 before there is one.

    Raises:
        ParameterError: for something that is no Module or a number out of range; when called, for a curve that does
            not exist.

    >>> from autograd_tiny.nn import Linear
    >>> stop = EarlyStopping(Linear(1, 1), patience=2)
    >>> [stop(History(loss=losses)) for losses in ([3.0], [3.0, 2.0], [3.0, 2.0, 2.5], [3.0, 2.0, 2.5, 2.1])]
    [False, False, False, True]
    >>> stop.best, stop.best_epoch
    (2.0, 2)
    """

    def __init__(
        self,
        model: Module,
        patience: int = 10,
        monitor: str | None = None,
        min_delta: float = 0.0,
        maximize: bool = False,
        restore_best: bool = True,
    ) -> None:
        self.model, self.monitor = _module("EarlyStopping", model), monitor
        self.patience, self.min_delta = whole(patience, "patience"), at_least_zero(min_delta, "min_delta")
        self.maximize, self.restore_best = maximize, restore_best
        self._forget()

    def _forget(self) -> None:
        self.best, self.best_epoch = -math.inf if self.maximize else math.inf, 0
        self.best_state: dict[str, Any] | None = None

    def __call__(self, history: History) -> bool:
        """Look at the latest epoch; return whether to stop."""
        if not history.epochs:
            raise ParameterError("EarlyStopping looks at the latest epoch, and the history has none")
        if history.epochs <= self.best_epoch:  # another training has begun
            self._forget()
        curves = history.curves()
        name = self.monitor or ("val_loss" if "val_loss" in curves else "loss")
        if name not in curves:
            raise ParameterError(f"monitor is one of the curves {listed(list(curves))}, got {name!r}")
        latest = curves[name][-1]
        gain = latest - self.best if self.maximize else self.best - latest
        if gain > self.min_delta:
            self.best, self.best_epoch = latest, history.epochs
            self.best_state = self.model.state_dict() if self.restore_best else None
        return history.epochs - self.best_epoch >= self.patience

    def on_end(self) -> None:
        """Go back to the parameters of the best epoch."""
        if self.best_state is not None:
            self.model.load_state_dict(self.best_state)

    def state_dict(self) -> dict[str, Any]:
        """Return what a checkpoint keeps."""
        return {"best": self.best, "best_epoch": self.best_epoch, "best_state": self.best_state}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a checkpoint.

        Raises:
            StateError: when it is damaged, or the best parameters are another model's; nothing was changed.
        """
        with loading("EarlyStopping"):
            loaded = checked(state, {"best": real, "best_epoch": count, "best_state": anything}, "the state")
        if loaded["best_state"] is not None:
            now = self.model.state_dict()
            self.model.load_state_dict(loaded["best_state"])  # refuses what on_end could not load
            self.model.load_state_dict(now)
        vars(self).update(loaded)


class UpdateLog:
    """Notes, after every step, how large each layer's gradients and updates are; for ``plot_gradients``.

    The update-to-data ratio of a layer is the standard deviation of the changes of its parameters by that of the
    parameters themselves. About one in a thousand is usual; far more is nervous, far less is slow.

    Args:
        model: the Module that is trained; layers are those of ``model.named_layers()``.

    Attributes:
        gradients: layer -> its gradients at the latest step.
        ratios: layer -> the ratio at every step; nan where all parameters are equal.

    Raises:
        ParameterError: for something that is no Module.

    >>> from autograd_tiny.nn import Linear, mse_loss
    >>> from autograd_tiny.optim import SGD
    >>> from autograd_tiny.train import fit
    >>> model = Linear(2, 1, rng=0)
    >>> log = UpdateLog(model)
    >>> optimizer = SGD(model.parameters(), lr=0.1)
    >>> _ = fit(model, [[0.0, 1.0]], [[1.0]], loss=mse_loss, optimizer=optimizer, epochs=3, callbacks=[log])
    >>> {name: len(ratios) for name, ratios in log.ratios.items()}
    {'Linear': 3}
    """

    def __init__(self, model: Module) -> None:
        self.layers = dict(_module("UpdateLog", model).named_layers())
        self.gradients: dict[str, list[float]] = {name: [] for name in self.layers}
        self.ratios: dict[str, list[float]] = {name: [] for name in self.layers}
        self.on_start()

    def on_start(self) -> None:
        """Note where the parameters are before the first step."""
        self._before = self._data()

    def on_step(self) -> None:
        """Note one step."""
        now = self._data()
        for name, parameters in self.layers.items():
            updates = [new - old for new, old in zip(now[name], self._before[name], strict=True)]
            spread = _spread(now[name])
            self.gradients[name] = [float(p.grad) for p in parameters]
            self.ratios[name].append(_spread(updates) / spread if spread else math.nan)
        self._before = now

    def __call__(self, history: History) -> None:
        """Nothing is to be done after an epoch."""

    def state_dict(self) -> dict[str, Any]:
        """Return what a checkpoint keeps: all ratios, and the latest gradients."""
        return {
            "ratios": {name: list(ratios) for name, ratios in self.ratios.items()},
            "gradients": {name: list(gradients) for name, gradients in self.gradients.items()},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a checkpoint.

        Raises:
            StateError: when it is damaged, or of another model; nothing was changed.
        """
        with loading("UpdateLog"):
            logs = checked(state, {"ratios": anything, "gradients": anything}, "the state")
            layers = dict.fromkeys(self.layers, each(real))
            loaded = {log: checked(numbers, layers, log) for log, numbers in logs.items()}
        vars(self).update(loaded)

    def _data(self) -> dict[str, list[float]]:
        return {name: [p.data for p in parameters] for name, parameters in self.layers.items()}


def _module(owner: str, model: Any) -> Module:
    if not isinstance(model, Module):
        raise ParameterError(f"the model of {owner} is the Module that is trained, got {model!r:.60}")
    return model


def _spread(numbers: Sequence[float]) -> float:
    """Return the standard deviation times sqrt(n), which a ratio of two of them is rid of."""
    return math.dist(numbers, [sum(numbers) / len(numbers)] * len(numbers))
