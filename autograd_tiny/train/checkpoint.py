"""Checkpoints: everything a training needs to go on as if it had never stopped, in one JSON file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from ..errors import AutogradTinyError, ParameterError, StateError
from ..files import write_atomically
from ..nn import Module
from ..nn.files import read_json
from ..value import Value
from .history import History

FORMAT = "autograd_tiny training"
VERSION = 1


@dataclass
class Run:
    """A training in progress.

    Attributes:
        model: its parameters and buffers are kept when it is a Module.
        optimizer: its ``state_dict()`` is kept where it has one, and its parameters that are not the model's.
        others: schedule and callbacks; the ``state_dict()`` of those that have one is kept.
        rng: the generator that decides the order of the examples; those of Dropout modules are found in the model.
        history: the losses so far.
        settings: what must be the same for the run to go on as it would have: the number of examples and so on.
        epochs: how many there are to be, those of a checkpoint included.
        stopped: whether a callback has ended it.
    """

    model: Any
    optimizer: Any
    others: Sequence[Any]
    rng: Random
    history: History
    settings: Mapping[str, Any]
    epochs: int
    stopped: bool = False

    def save(self, path: Any) -> None:
        """Write a checkpoint in the place of the one before, atomically."""
        document = {"format": FORMAT, "version": VERSION, "settings": self._settings(), **self._state()}
        write_atomically(path, json.dumps(document).encode())

    def load(self, path: Any) -> None:
        """Set everything from a checkpoint; after an error all is as before.

        Raises:
            StateError: when the file is damaged, or holds another training.
            ParameterError: when it has more epochs done than there are to be.
        """
        document = read_json(Path(path).read_bytes(), path)
        if not isinstance(document, dict) or document.get("format") != FORMAT or document.get("version") != VERSION:
            raise StateError(f'{path} is no checkpoint: it has no "format": "{FORMAT}", "version": {VERSION}')
        saved = document.get("settings")
        if not isinstance(saved, dict):
            raise StateError(f'{path} is damaged: it has no "settings"')
        for name, setting in self._settings().items():
            if saved.get(name) != setting:
                raise StateError(f"{path} is of another training: {name} was {saved.get(name)} and is {setting}")
        before = self._state()
        try:
            self._set(document)
        except AutogradTinyError as error:
            self._set(before)
            raise StateError(f"{path} does not fit this training: {error}") from None
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            self._set(before)
            raise StateError(f"{path} is damaged: {type(error).__name__}: {error}") from None
        done = self.history.epochs
        if done > self.epochs:
            self._set(before)
            raise ParameterError(
                f"epochs counts those of the checkpoint, too: {path} has {done} done, got {self.epochs}"
            )

    def _settings(self) -> dict[str, Any]:
        parts = [type(part).__name__ for part in (self.model, self.optimizer, *self.others)]
        return {"model, optimizer, scheduler and callbacks": parts, **self.settings}

    def _state(self) -> dict[str, Any]:
        return {
            "model": _state_of(self.model),
            "parameters outside the model": [parameter.data for parameter in self._outside()],
            "optimizer": _state_of(self.optimizer),
            "others": [_state_of(other) for other in self.others],
            "generators": [generator.getstate() for generator in self._generators()],
            "history": self.history.state_dict(),
            "stopped": self.stopped,
        }

    def _set(self, state: Mapping[str, Any]) -> None:
        states = (state["model"], state["optimizer"], *state["others"])
        for part, saved in zip((self.model, self.optimizer, *self.others), states, strict=True):
            if hasattr(part, "state_dict"):
                part.load_state_dict(saved)
        for parameter, number in zip(self._outside(), state["parameters outside the model"], strict=True):
            parameter.data = number
        for generator, (version, numbers, gauss) in zip(self._generators(), state["generators"], strict=True):
            generator.setstate((version, tuple(numbers), gauss))
        self.history.load_state_dict(state["history"])
        self.stopped = bool(state["stopped"])

    def _outside(self) -> list[Value]:
        inside = set(self.model.parameters()) if isinstance(self.model, Module) else set()
        return [parameter for parameter in self.optimizer.params if parameter not in inside]

    def _generators(self) -> list[Random]:
        modules = self.model.modules() if isinstance(self.model, Module) else []
        held = [getattr(module, "rng", None) for module in modules]
        return [self.rng, *[rng for rng in held if isinstance(rng, Random)]]


def _state_of(part: Any) -> Any:
    return part.state_dict() if hasattr(part, "state_dict") else None
