"""Optimizers and schedules: nine ways down a valley and through one training, and seven plans for the learning rate."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any

from .. import data, nn, ops, optim
from ..plot import COLORS
from ..value import Value
from .comparison import draw_comparison, draw_curves, name_beside
from .stage import Options, Stage
from .training import outputs_of, trained

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Way:
    """A way down.

    Attributes:
        optimizer: makes the optimiser for parameters and a learning rate.
        batch: examples per step, None for all.
        valley_lr, moons_lr: learning rates that suit it.
    """

    optimizer: Callable[[list[Value], float], optim.Optimizer]
    batch: int | None
    valley_lr: float
    moons_lr: float


def _momentum(params: list[Value], lr: float) -> optim.Optimizer:
    return optim.SGD(params, lr, momentum=0.9)


def _nesterov(params: list[Value], lr: float) -> optim.Optimizer:
    return optim.SGD(params, lr, momentum=0.9, nesterov=True)


WAYS = {
    "gradient descent": Way(optim.SGD, None, 1.2, 2.0),
    "stochastic": Way(optim.SGD, 1, 0.3, 0.2),
    "mini-batch": Way(optim.SGD, 10, 1.0, 1.0),
    "momentum": Way(_momentum, 10, 0.2, 0.2),
    "Nesterov": Way(_nesterov, 10, 0.3, 0.2),
    "Adagrad": Way(optim.Adagrad, 10, 1.0, 1.0),
    "RMSprop": Way(optim.RMSprop, 10, 0.1, 0.1),
    "Adam": Way(optim.Adam, 10, 0.2, 0.1),
    "AdamW": Way(optim.AdamW, 10, 0.2, 0.1),
}
VALLEY_STEPS = 60
FLATNESS = 0.1  # the deviation of input 1, that of input 2 being 1: across the valley is 100 times as curved as along
START, GOAL = (-2.5, 2.5), (2.5, 0.0)
SCHEDULED_LR = 0.8


# ---------------------------------------------------------------- optimisers


def optimizers(stage: Stage, options: Options) -> dict[str, float]:
    """Draw the paths of nine optimisers through one valley, and their losses on moons for the same budget."""
    examples = valley(options.seed)
    paths = {name: descend(way, *examples, seed=options.seed) for name, way in WAYS.items()}
    X, y = data.make_moons(60, noise=0.1, random_state=0)
    curves, epochs = {}, options.epochs or 40
    for name, way in WAYS.items():
        model = nn.MLP(2, [8, 1], rng=options.seed)
        curves[name] = trained(
            model,
            X,
            y,
            loss=nn.binary_cross_entropy_with_logits,
            optimizer=way.optimizer(model.parameters(), way.moons_lr),
            epochs=epochs,
            batch_size=way.batch,
            rng=options.seed,
        ).loss
    misses = {name: math.dist(path[-1], GOAL) for name, path in paths.items()}
    rows = [
        (name, len(X) if way.batch is None else way.batch, round(misses[name], 2), round(curves[name][-1], 4))
        for name, way in WAYS.items()
    ]
    stage.say(
        f"A loss with a long narrow valley: {VALLEY_STEPS} steps of each optimiser. And a net 2 -> 8 -> 1 on two "
        f"moons: each optimiser sees each of the 60 points {epochs} times, in one step per epoch for gradient descent, "
        "60 for stochastic descent and 6 for the others. Each has a learning rate that suits it."
    )
    stage.table(("optimiser", "batch", "distance from the bottom", "loss on moons"), rows)
    stage.say(
        "Gradient descent crosses the valley to and fro and creeps along it. Steps on a few examples tremble, but cost "
        "a fraction, so there can be more of them. Momentum gathers speed along the valley; Adagrad, RMSprop and Adam "
        "give every weight a step size of its own."
    )
    stage.figure("optimizers-paths.png", lambda figure: draw_paths(figure, paths, examples), 9.6, 9.0)
    title = "For the same passes through the data, momentum and Adam come further"
    stage.figure("optimizers-loss.png", lambda figure: draw_comparison(figure, curves, title), 8.0, 5.4)
    return {f"moons with {name}": curve[-1] for name, curve in curves.items()} | {
        f"valley with {name}": miss for name, miss in misses.items()
    }


def valley(seed: int) -> tuple[list[list[float]], list[float]]:
    """Return examples for a linear neuron with two weights, whose loss over them is a long narrow valley."""
    rng = Random(seed)
    X, y = [], []
    for _ in range(30):
        x, noise = [rng.gauss(0.0, FLATNESS), rng.gauss(0.0, 1.0)], rng.gauss(0.0, 0.3)
        X += [x, x]
        y += [ops.dot(GOAL, x) + noise, ops.dot(GOAL, x) - noise]  # in pairs, so that the bottom is at the goal
    return X, y


def valley_loss(weights: Sequence[float], X: Sequence[Sequence[float]], y: Sequence[float]) -> float:
    """Return half the mean squared error of the neuron with these weights."""
    return float(half_mse([ops.dot(weights, x) for x in X], y))


def half_mse(outputs: Sequence[Any], targets: Sequence[float]) -> Any:
    """Return half the mean squared error."""
    return 0.5 * nn.mse_loss(outputs, targets)


def descend(way: Way, X: list[list[float]], y: list[float], seed: int) -> list[tuple[float, float]]:
    """Return the places that an optimiser visits in the valley."""
    rng, model, path = Random(seed), nn.Neuron(2, None, bias=False), [START]
    for weight, number in zip(model.weights, START, strict=True):
        weight.data = number
    optimizer = way.optimizer(model.weights, way.valley_lr)
    for _ in range(VALLEY_STEPS):
        chosen = range(len(X)) if way.batch is None else rng.sample(range(len(X)), way.batch)
        optimizer.zero_grad()
        half_mse([model(X[i]) for i in chosen], [y[i] for i in chosen]).backward()
        optimizer.step()
        w1, w2 = model.weights
        path.append((w1.data, w2.data))
    return path


def draw_paths(
    figure: Figure,
    paths: Mapping[str, Sequence[tuple[float, float]]],
    examples: tuple[list[list[float]], list[float]],
) -> None:
    """Draw the path of each optimiser over the contour lines of the valley."""
    across, up = [-4.0 + i / 2 for i in range(17)], [-3.0 + i / 15 for i in range(91)]
    heights = [[valley_loss((w1, w2), *examples) for w1 in across] for w2 in up]
    levels = [0.05 * 2**k for k in range(9)]
    for axes, (name, path) in zip(figure.subplots(3, 3, sharex=True, sharey=True).flat, paths.items(), strict=True):
        axes.contour(across, up, heights, levels=levels, colors="grey", linewidths=0.6)
        axes.plot(*zip(*path, strict=True), color=COLORS[0], marker="o", markersize=3, linewidth=1)
        axes.plot(*GOAL, color=COLORS[5], marker="*", markersize=13)
        axes.set_title(name)
        axes.set(xlim=(across[0], across[-1]), ylim=(up[0], up[-1]))
    figure.supxlabel("weight 1")
    figure.supylabel("weight 2")
    figure.suptitle(f"{VALLEY_STEPS} steps down one valley; the star is the bottom")


# ---------------------------------------------------------------- schedules


SCHEDULES: dict[str, Callable[[optim.Optimizer, int], Any]] = {
    "constant": lambda optimizer, epochs: None,
    "step": lambda optimizer, epochs: optim.StepLR(optimizer, step_size=max(1, epochs // 3), gamma=0.2),
    "exponential": lambda optimizer, epochs: optim.ExponentialLR(optimizer, gamma=0.02 ** (1 / epochs)),
    "cosine": lambda optimizer, epochs: optim.CosineAnnealingLR(optimizer, T_max=epochs),
    "warm-up": lambda optimizer, epochs: optim.LinearLR(optimizer, start_factor=0.05, total_iters=max(1, epochs // 4)),
    "reduce on plateau": lambda optimizer, epochs: optim.ReduceLROnPlateau(optimizer, factor=0.3, patience=3),
    "one cycle": lambda optimizer, epochs: optim.OneCycleLR(optimizer, optimizer.lr, total_steps=epochs + 1),
}
"""Name -> what makes the schedule, moved on once an epoch, for an optimiser and a number of epochs."""


def schedules(stage: Stage, options: Options) -> dict[str, float]:
    """Draw seven plans for the learning rate, and the losses of one network with each."""
    X, y = data.make_moons(100, noise=0.2, random_state=0)
    lr, epochs = SCHEDULED_LR if options.lr is None else options.lr, options.epochs or 40
    rates, curves, figures = {}, {}, {}
    for name, make in SCHEDULES.items():
        model = nn.MLP(2, [8, 1], rng=options.seed)
        optimizer = _momentum(model.parameters(), lr)
        scheduler = make(optimizer, epochs)
        history = trained(
            model,
            X,
            y,
            loss=nn.binary_cross_entropy_with_logits,
            optimizer=optimizer,
            epochs=epochs,
            batch_size=10,
            rng=options.seed,
            scheduler=scheduler,
        )
        rates[name], curves[name] = history.lr, history.loss
        figures[name] = nn.binary_cross_entropy_with_logits(outputs_of(model, X), y)
    stage.say(
        f"A net 2 -> 8 -> 1 on two noisy moons, {epochs} epochs in batches of 10, momentum 0.9, lr up to {lr:g}. Such "
        "a rate is fast at first, and too large for the end: the batches push the weights about."
    )
    stage.table(
        ("schedule", "first lr", "last lr", "loss of all points at the end"),
        [(name, round(rates[name][0], 4), round(rates[name][-1], 4), round(figures[name], 4)) for name in SCHEDULES],
    )
    stage.say(
        "A rate that stays large pushes the weights about to the end. Those that fall early and smoothly end lowest: "
        "exponential, cosine, one cycle; after a sudden drop the way that is left may be too short."
    )
    stage.figure("schedules.png", lambda figure: draw_schedules(figure, rates, curves), 10.4, 4.8)
    return figures


def draw_schedules(figure: Figure, rates: Mapping[str, Sequence[float]], curves: Mapping[str, Sequence[float]]) -> None:
    """Draw the learning rates on the left and the losses on the right."""
    left, right = figure.subplots(1, 2)
    draw_curves(left, rates, "Seven plans for the learning rate", up="learning rate", scale="linear")
    draw_curves(right, curves, "Small rates at the end let the loss settle")
    name_beside(figure, right)
