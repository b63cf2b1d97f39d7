"""History: how a training went, epoch by epoch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..errors import ParameterError
from ..optim.settings import checked, each, loading
from ..primitive import real

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_curve = each(real)


@dataclass
class History:
    """How a training went, one entry per finished epoch.

    Attributes:
        loss: the mean loss over the epoch's examples, each taken just before the step that used it.
        metrics: name -> list of numbers, computed from the same outputs.
        val_loss: the loss of the validation data after the epoch; empty without such data.
        val_metrics: name -> list of numbers for them.
        lr: the learning rate of the epoch's last step; that of the first group where the optimiser has several.
        interrupted: whether Ctrl-C ended the training.

    >>> History(loss=[0.7, 0.1], metrics={"accuracy": [0.5, 1.0]})
    History(epochs=2, loss 0.7 -> 0.1, accuracy 0.5 -> 1)
    """

    loss: list[float] = field(default_factory=list)
    metrics: dict[str, list[float]] = field(default_factory=dict)
    val_loss: list[float] = field(default_factory=list)
    val_metrics: dict[str, list[float]] = field(default_factory=dict)
    lr: list[float] = field(default_factory=list)
    interrupted: bool = False

    @property
    def epochs(self) -> int:
        """How many epochs were finished."""
        return len(self.loss)

    def add(
        self,
        loss: float,
        metrics: Mapping[str, float],
        validation: tuple[float, Mapping[str, float]] | None = None,
        lr: float | None = None,
    ) -> None:
        """Add an epoch.

        Args:
            loss, metrics: of the examples trained on.
            validation: (loss, metrics) of the validation data, where there are such.
            lr: the learning rate, where the optimiser has one.

        >>> history = History()
        >>> history.add(0.7, {"accuracy": 0.5}, lr=0.1)
        >>> history.metrics, history.lr
        ({'accuracy': [0.5]}, [0.1])
        """
        entries = [(self.loss, loss)]
        entries += [(self.metrics.setdefault(name, []), number) for name, number in metrics.items()]
        if validation is not None:
            entries.append((self.val_loss, validation[0]))
            entries += [(self.val_metrics.setdefault(name, []), number) for name, number in validation[1].items()]
        if lr is not None:
            entries.append((self.lr, lr))
        any(map(list.append, *zip(*entries, strict=True)))  # from C: Ctrl-C cannot leave some curves longer than others

    def extend(self, losses: list[float], lr: float | None = None) -> None:
        """Add several epochs that have a loss and a learning rate, and nothing else.

        >>> history = History()
        >>> history.extend([0.7, 0.1], lr=0.5)
        >>> history
        History(epochs=2, loss 0.7 -> 0.1)
        """
        rates = [] if lr is None else [lr] * len(losses)
        any(map(list.extend, [self.loss, self.lr], [losses, rates]))  # from C, as above

    def curves(self) -> dict[str, list[float]]:
        """Return name -> list of numbers for the losses and metrics, those of the validation data as ``val_...``.

        >>> History(loss=[0.7], val_loss=[0.8]).curves()
        {'loss': [0.7], 'val_loss': [0.8]}
        """
        validation = {"val_loss": self.val_loss} if self.val_loss else {}
        validation |= {f"val_{name}": curve for name, curve in self.val_metrics.items()}
        return {"loss": self.loss, **self.metrics, **validation}

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the curves; see :func:`autograd_tiny.plot.plot_history`."""
        from ..plot import plot_history

        return plot_history(self, ax)

    def state_dict(self) -> dict[str, Any]:
        """Return the curves as lists and dicts of numbers, copied."""
        return {
            "loss": list(self.loss),
            "metrics": {name: list(curve) for name, curve in self.metrics.items()},
            "val_loss": list(self.val_loss),
            "val_metrics": {name: list(curve) for name, curve in self.val_metrics.items()},
            "lr": list(self.lr),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take the curves that :meth:`state_dict` returned.

        Raises:
            StateError: for something else; nothing was changed.
        """
        rules = {"loss": _curve, "metrics": _curves, "val_loss": _curve, "val_metrics": _curves, "lr": _curve}
        with loading("history"):
            loaded = History(**checked(state, rules, "the state"))
            for name, curve in {**loaded.curves(), "lr": loaded.lr}.items():
                if len(curve) != loaded.epochs and (curve or name != "lr"):
                    raise ParameterError(f"{name} has {len(curve)} entries in {loaded.epochs} epochs")
        vars(self).update(vars(loaded))

    def __repr__(self) -> str:
        curves = [f", {name} {curve[0]:.4g} -> {curve[-1]:.4g}" for name, curve in self.curves().items() if curve]
        return f"History(epochs={self.epochs}{''.join(curves)}{', interrupted' if self.interrupted else ''})"


def _curves(given: Any, name: str) -> dict[str, list[float]]:
    if not isinstance(given, Mapping):
        raise ParameterError(f"{name} maps names to lists, got {given!r:.60}")
    return {str(key): _curve(curve, str(key)) for key, curve in given.items()}
