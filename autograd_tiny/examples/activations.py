"""Activations: their curves and slopes, and one small network trained with each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .. import data, nn, ops, optim
from ..plot import COLORS
from ..value import Value
from .comparison import draw_comparison
from .stage import Options, Stage
from .training import trained

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ACTIVATIONS: dict[str, Callable[[Any], Any]] = {
    "sigmoid": ops.sigmoid,
    "tanh": ops.tanh,
    "ReLU": ops.relu,
    "leaky ReLU": ops.leaky_relu.bind(alpha=0.1),
    "ELU": ops.elu,
    "GELU": ops.gelu,
    "SiLU": ops.silu,
    "softplus": ops.softplus,
}
TICKS = [i / 20 for i in range(-80, 81)]
LOGITS = (-1.0, 0.0, 1.0, 2.0)
LR = 0.1


def activations(stage: Stage, options: Options) -> dict[str, float]:
    """Draw eight activations with their slopes, softmax as bars, and the losses of one network with each of them."""
    stage.say("An activation bends what a neuron has summed up; without one, layers of neurons are one linear layer.")
    slopes = {name: slopes_of(f, TICKS) for name, f in ACTIVATIONS.items()}
    X, y = data.make_moons(60, noise=0.1, random_state=0)
    lr = LR if options.lr is None else options.lr
    curves, figures = {}, {}
    for name, f in ACTIVATIONS.items():
        model = nn.MLP(2, [8, 8, 1], f, rng=options.seed)
        optimizer = optim.SGD(model.parameters(), lr=lr, momentum=0.9)
        loss = nn.binary_cross_entropy_with_logits
        curves[name] = trained(model, X, y, loss=loss, optimizer=optimizer, epochs=options.epochs or 120).loss
        figures[f"loss with {name}"] = curves[name][-1]
        figures[f"steepest slope of {name}"] = max(slopes[name])
    rows = [
        (name, *(round(x, 4) for x in (slopes[name][0], max(slopes[name]), slopes[name][-1], curves[name][-1])))
        for name in ACTIVATIONS
    ]
    stage.table(("activation", "slope at -4", "steepest", "slope at 4", "loss at the end"), rows)
    stage.say(
        "Slopes by backward(). The loss is that of a net 2 -> 8 -> 8 -> 1 on 60 points of two moons, momentum 0.9, lr "
        f"{lr:g}. Sigmoid is never steeper than 1/4 and starts slowest. Sigmoid and tanh are flat on both sides, and "
        "nothing is learned where the slope is 0: that hurts when sums get large; the others keep a slope near 1."
    )
    stage.figure("activations.png", lambda figure: draw_activations(figure, slopes), 9.6, 8.4)
    title = "One net, eight activations: sigmoid starts slowest"
    stage.figure("activations-loss.png", lambda figure: draw_comparison(figure, curves, title), 8.0)
    return figures


def slopes_of(f: Callable[[Any], Any], numbers: Sequence[float]) -> list[float]:
    """Return the slope of a function at each number, by ``backward()``.

    >>> slopes_of(ops.sigmoid, [0.0])
    [0.25]
    """
    values = [Value(number) for number in numbers]
    for value in values:
        f(value).backward()
    return [value.grad for value in values]


def draw_activations(figure: Figure, slopes: Mapping[str, Sequence[float]]) -> None:
    """Draw each activation with its slope, and softmax as bars."""
    *panels, last = figure.subplots(3, 3).flat
    for axes, (name, f) in zip(panels, ACTIVATIONS.items(), strict=True):
        axes.plot(TICKS, [f(x) for x in TICKS], color=COLORS[0], linewidth=2, label="activation")
        axes.plot(TICKS, slopes[name], color=COLORS[5], linewidth=2, linestyle="--", label="slope")
        axes.set_title(name)
        axes.set_ylim(-1.3, 4.0)
        axes.grid(alpha=0.3)
    panels[0].legend()
    draw_softmax(last)
    figure.suptitle("Activations and their slopes")


def draw_softmax(axes: Axes) -> None:
    """Draw what softmax makes of four numbers."""
    places = range(len(LOGITS))
    bars = axes.bar(places, ops.softmax(LOGITS), color=COLORS[2])
    axes.bar_label(bars, fmt="%.2f")
    axes.set_xticks(places, [f"{logit:g}".replace("-", "−") for logit in LOGITS])
    axes.set_ylim(0.0, 0.8)
    axes.set_title("softmax of four numbers: sum 1")
