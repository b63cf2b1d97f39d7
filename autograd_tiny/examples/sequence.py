"""Sequence: three recurrent networks learn a wave, and go on with it by themselves."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from random import Random
from typing import TYPE_CHECKING, Any

from .. import nn, optim
from ..plot import COLORS
from ..recording import no_grad
from ..value import Value
from .comparison import LINES
from .stage import Options, Stage
from .training import trained

if TYPE_CHECKING:
    from matplotlib.figure import Figure

KINDS = {"RNN": nn.RNN, "GRU": nn.GRU, "LSTM": nn.LSTM}
HIDDEN = 8
SEQUENCES, LENGTH = 8, 20
HEARD, CONTINUED = 24, 36
LR = 0.04


class Forecaster(nn.Module):
    """A recurrent layer and a linear neuron: after each number of a sequence, a guess of the next.

    Args:
        kind: RNN, GRU or LSTM.
        rng: where the weights are drawn from.

    >>> [type(guess).__name__ for guess in Forecaster(nn.GRU, Random(0))([0.0, 0.5])]
    ['Value', 'Value']
    """

    def __init__(self, kind: type[nn.RNN], rng: Random) -> None:
        self.memory = kind(1, HIDDEN, rng=rng)
        self.read_out = nn.Neuron(HIDDEN, None, rng=rng)

    def forward(self, numbers: Sequence[Any], states: Any = None) -> list[Value]:
        """Return the guesses."""
        guesses, _ = self.go_on(numbers, states)
        return guesses

    def go_on(self, numbers: Sequence[Any], states: Any) -> tuple[list[Value], Any]:
        """Return the guesses and what is remembered at the end, given what is remembered so far (None at the start)."""
        outputs, states = self.memory([[number] for number in numbers], states)
        return [self.read_out(output) for output in outputs], states


def sequence(stage: Stage, options: Options) -> dict[str, float]:
    """Let an RNN, a GRU and an LSTM hear a wave and continue it, each fed with its own guesses."""
    rng = Random(options.seed)
    starts = [rng.uniform(0.0, 12.0) for _ in range(SEQUENCES)]
    waves = [[wave(start + i) for i in range(LENGTH + 1)] for start in starts]
    lr, epochs = LR if options.lr is None else options.lr, options.epochs or 60
    truth = [wave(i) for i in range(HEARD + CONTINUED)]
    continued, rows, figures = {}, [], {}
    for name, kind in KINDS.items():
        model = Forecaster(kind, Random(options.seed))
        optimizer = optim.Adam(model.parameters(), lr=lr)
        history = trained(
            model,
            [numbers[:-1] for numbers in waves],
            [numbers[1:] for numbers in waves],
            loss=nn.mse_loss,
            optimizer=optimizer,
            epochs=epochs,
            batch_size=2,
            rng=options.seed,
            scheduler=optim.CosineAnnealingLR(optimizer, T_max=epochs),
            max_grad_norm=1.0,
        )
        continued[name] = continuation(model, truth[:HEARD], CONTINUED)
        figures[f"{name}: training loss"] = history.loss[-1]
        figures[f"{name}: error"] = nn.mse_loss(continued[name], truth[HEARD:])
        rows.append(
            (name, len(optimizer.params), *(round(figures[f"{name}: {x}"], 4) for x in ("training loss", "error")))
        )
    figures["error of a silent model"] = nn.mse_loss([0.0] * CONTINUED, truth[HEARD:])
    stage.say(
        f"Two sine waves in one. Three recurrent nets with {HIDDEN} hidden numbers learn to guess the next value, from "
        f"{SEQUENCES} pieces of {LENGTH}. Then each hears {HEARD} values and goes on alone for {CONTINUED}, fed with "
        "its own guesses, so that errors add up."
    )
    stage.table(("memory", "parameters", "loss in training", "error of the continuation"), rows)
    stage.say(
        f"Mean squared errors; always answering 0 has {figures['error of a silent model']:.2f}. The wave repeats after "
        "12 values, which a plain RNN can remember. The gates of GRU and LSTM pay when it is hundreds: there the "
        "gradients of an RNN vanish (autograd-tiny train vanishing)."
    )
    stage.figure("sequence.png", lambda figure: draw_continuations(figure, truth, continued), 9.0, 6.4)
    return figures


def wave(t: float) -> float:
    """Return the wave at a time: a sine of period 12, and a smaller one of period 4.

    >>> abs(wave(5.0) - wave(17.0)) < 1e-12
    True
    """
    return 0.6 * math.sin(2.0 * math.pi * t / 12.0) + 0.4 * math.sin(2.0 * math.pi * t / 4.0)


def continuation(model: Forecaster, heard: Sequence[float], count: int) -> list[float]:
    """Return what the model says after what it has heard, each guess being its next input."""
    said: list[float] = []
    with no_grad():
        guesses, states = model.go_on(heard, None)
        while len(said) < count:
            said.append(guesses[-1].data)
            guesses, states = model.go_on(said[-1:], states)
    return said


def draw_continuations(figure: Figure, truth: Sequence[float], continued: Mapping[str, Sequence[float]]) -> None:
    """Draw, for each net, the wave it heard, its continuation and the truth."""
    panels = figure.subplots(len(continued), 1, sharex=True, sharey=True)
    for axes, (name, said), (color, _) in zip(panels, continued.items(), LINES, strict=False):
        axes.plot(range(len(truth)), truth, color="grey", linewidth=1.2, label="the truth")
        axes.plot(
            range(HEARD, len(truth)),
            said,
            color=color,
            linewidth=2,
            linestyle="--",
            marker="o",
            markersize=3,
            label=name,
        )
        axes.axvspan(0, HEARD - 1, color=COLORS[4], alpha=0.2, label="heard")
        axes.grid(alpha=0.3)
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    panels[-1].set_xlabel("time")
    figure.suptitle("Each net hears two periods of a wave and goes on alone")
