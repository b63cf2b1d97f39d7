"""Vanishing: how gradients shrink or grow on their way through a deep network, layer by layer, and what cures it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from random import Random
from typing import TYPE_CHECKING, Any

from .. import data, nn, optim, train
from ..plot import plot_gradients
from ..value import Value
from .comparison import draw_curves, name_beside
from .stage import Options, Stage
from .training import trained

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DEPTH, WIDTH = 12, 8
LR = 0.002
Init = Callable[..., Any]
Wrap = Callable[[nn.Module, nn.Module], nn.Module]
"""(linear layer, activation) -> hidden layer."""


@dataclass(frozen=True)
class Variant:
    """A way to build and train the deep network.

    Attributes:
        init: fills a matrix of weights.
        activation: the class of the activations.
        wrap: joins a linear layer and an activation to a hidden layer.
        max_grad_norm: what gradients are clipped to in training.
    """

    init: Init
    activation: type[nn.Module]
    wrap: Wrap = nn.Sequential
    max_grad_norm: float | None = None


def with_detour(linear: nn.Module, activation: nn.Module) -> nn.Module:
    """Return a hidden layer with a residual connection around it."""
    return nn.Residual(nn.Sequential(linear, activation))


def normalised(linear: nn.Module, activation: nn.Module) -> nn.Module:
    """Return a hidden layer that normalises the sums before they are bent."""
    return nn.Sequential(linear, nn.LayerNorm(WIDTH), activation)


SMALL, LARGE = partial(nn.init.normal_, std=0.15), partial(nn.init.normal_, std=1.0)
VARIANTS = {
    "sigmoid, small weights": Variant(SMALL, nn.Sigmoid),
    "tanh, small weights": Variant(SMALL, nn.Tanh),
    "ReLU, large weights": Variant(LARGE, nn.ReLU),
    "tanh, Xavier": Variant(partial(nn.init.xavier_normal_, gain=5 / 3), nn.Tanh),
    "ReLU, Kaiming": Variant(partial(nn.init.kaiming_normal_, nonlinearity="relu"), nn.ReLU),
    "tanh, small weights, residual": Variant(SMALL, nn.Tanh, with_detour),
    "tanh, small weights, LayerNorm": Variant(SMALL, nn.Tanh, normalised),
    "ReLU, large weights, clipped": Variant(LARGE, nn.ReLU, max_grad_norm=4.0),
}


def vanishing(stage: Stage, options: Options) -> dict[str, float]:
    """Follow the gradient back through twelve layers: where it vanishes, where it explodes, and what keeps it alive."""
    X, y = data.make_moons(24, noise=0.1, random_state=0)
    lr, epochs = LR if options.lr is None else options.lr, options.epochs or 60
    stage.say(
        f"{DEPTH} hidden layers of {WIDTH} neurons. Backpropagation multiplies by the weights and slopes of one layer "
        f"after the other: {DEPTH} factors of 1/4 make {0.25**DEPTH:.0e}, {DEPTH} factors of 2 make {2**DEPTH}."
    )
    arriving, curves, logs, figures = {}, {}, {}, {}
    for name, variant in VARIANTS.items():
        model = deep_network(variant, options.seed)
        arriving[name] = arriving_gradients(model, X, y)
        figures[f"{name}: first / last"] = arriving[name][0] / arriving[name][-1]
        logs[name] = train.UpdateLog(model)
        curves[name] = trained(
            model,
            X,
            y,
            loss=score_loss,
            optimizer=optim.SGD(model.parameters(), lr=lr, momentum=0.9),
            epochs=epochs,
            max_grad_norm=variant.max_grad_norm,
            callbacks=[logs[name]],
        ).loss
        figures[f"{name}: loss"] = curves[name][-1]
    rows = [
        (name, f"{norms[0]:8.1e}", f"{norms[-1]:8.1e}", f"{norms[0] / norms[-1]:8.1e}", f"{curves[name][-1]:6.3f}")
        for name, norms in arriving.items()
    ]
    stage.table(("network", "first layer", "last layer", "first / last", "loss at the end"), rows)
    stage.say(
        f"The norm of the loss's gradient at the outputs of the first and the last hidden layer before training, and "
        f"the loss after {epochs} steps (lr {lr:g}, momentum 0.9; a coin has 0.693). What arrives as nothing moves "
        "nothing; what arrives too large throws the weights away in one step, which clipping prevents. Weights of the "
        "right size (Xavier, Kaiming), a detour around each layer (residual) or normalised sums (LayerNorm) let the "
        "first layers learn like the last ones."
    )
    stage.figure("vanishing.png", lambda figure: draw_gradients_and_losses(figure, arriving, curves), 12.0, 5.2)
    shown = {name: logs[name] for name in ("sigmoid, small weights", "tanh, Xavier")}
    stage.figure("vanishing-updates.png", lambda figure: draw_updates(figure, shown), 11.0, 9.0)
    return figures


def deep_network(variant: Variant, seed: int) -> nn.Sequential:
    """Return a network 2 -> 8 -> ... -> 8 -> 1 with twelve hidden layers; a list of one number comes out."""
    rng = Random(seed)
    sizes = [2] + [WIDTH] * DEPTH + [1]
    linears = [nn.Linear(nin, nout, rng=rng) for nin, nout in pairwise(sizes)]
    for linear in linears:
        variant.init(linear.weight, rng=rng)
        nn.init.zeros_(linear.bias)
    first, *hidden, last = linears
    layers = [variant.wrap(linear, variant.activation()) for linear in hidden]
    return nn.Sequential(first, variant.activation(), *layers, last)


def arriving_gradients(model: nn.Sequential, X: Sequence[Any], y: Sequence[int]) -> list[float]:
    """Return the norm of the loss's gradient at the outputs of each hidden layer, the first layer's first."""
    *hidden, last = model
    kept: list[list[Value]] = [[] for _ in hidden]
    outputs = []
    for x in X:
        for layer, outputs_of_layer in zip(hidden, kept, strict=True):
            x = layer(x)
            outputs_of_layer += x
        outputs.append(last(x))
    score_loss(outputs, y).backward()
    return [math.hypot(*(value.grad for value in values)) for values in kept[1:]]  # behind each activation


def score_loss(outputs: Sequence[Any], targets: Sequence[int]) -> Any:
    """Return the cross-entropy of two classes, for outputs that are lists of one score."""
    return nn.binary_cross_entropy_with_logits([score for (score,) in outputs], targets)


def draw_gradients_and_losses(
    figure: Figure, arriving: Mapping[str, Sequence[float]], curves: Mapping[str, Sequence[float]]
) -> None:
    """Draw the gradients at the layers' outputs on the left, and the losses on the right."""
    left, right = figure.subplots(1, 2)
    before = {name: norms for name, norms in arriving.items() if VARIANTS[name].max_grad_norm is None}
    draw_curves(left, before, f"Back from layer {DEPTH} to layer 1", "hidden layer", "gradient at its outputs, norm")
    draw_curves(right, curves, "Where nothing arrives, nothing is learned", scale="linear")
    right.set_ylim(0.0, 1.2)
    name_beside(figure, right)


def draw_updates(figure: Figure, logs: Mapping[str, train.UpdateLog]) -> None:
    """Draw, one training below the other, how the gradients are spread and how large the updates were."""
    for axes, (name, log) in zip(figure.subplots(len(logs), 2), logs.items(), strict=True):
        for panel in plot_gradients(log, axes):
            panel.set_title(name)
