"""Vanishing: how gradients shrink or grow on their way through a deep network, layer by layer, and what cures it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Any

from .. import data, nn, optim, train
from ..errors import AnomalyError
from ..value import Value
from .comparison import draw_curves, trained
from .stage import Options, Stage

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DEPTH, WIDTH = 12, 8
LR = 0.05
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


SMALL, LARGE = partial(nn.init.normal_, std=0.1), partial(nn.init.normal_, std=1.5)
VARIANTS = {
    "sigmoid, small weights": Variant(SMALL, nn.Sigmoid),
    "tanh, small weights": Variant(SMALL, nn.Tanh),
    "tanh, large weights": Variant(LARGE, nn.Tanh),
    "  the same, clipped": Variant(LARGE, nn.Tanh, max_grad_norm=1.0),
    "tanh, Xavier": Variant(partial(nn.init.xavier_normal_, gain=5 / 3), nn.Tanh),
    "ReLU, Kaiming": Variant(partial(nn.init.kaiming_normal_, nonlinearity="relu"), nn.ReLU),
    "tanh, small weights, residual": Variant(SMALL, nn.Tanh, with_detour),
    "tanh, small weights, LayerNorm": Variant(SMALL, nn.Tanh, normalised),
}


def deep_network(variant: Variant, seed: int) -> nn.Sequential:
    """Return a network 2 -> 8 -> ... -> 8 -> 1 with twelve hidden layers; a list of one number comes out."""
    rng = Random(seed)
    sizes = [2] + [WIDTH] * DEPTH
    linears = [nn.Linear(nin, nout, rng=rng) for nin, nout in zip(sizes, sizes[1:] + [1], strict=True)]
    for linear in linears:
        variant.init(linear.weight, rng=rng)
        nn.init.zeros_(linear.bias)
    first, *hidden, last = linears
    layers = [variant.wrap(linear, variant.activation()) for linear in hidden]
    return nn.Sequential(first, variant.activation(), *layers, last)


def arriving_gradients(model: nn.Sequential, X: Sequence[Any], y: Sequence[int]) -> list[float]:
    """Return how strongly the loss pulls at what each hidden layer puts out: the norm of its gradient, first to last."""
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
