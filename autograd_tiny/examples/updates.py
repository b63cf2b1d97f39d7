"""One-update and million: a single step of gradient descent term by term, and steps of a million parameters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from time import perf_counter
from typing import Any

from .. import nn, ops, optim
from ..value import Value
from .classic import half_squared_error
from .stage import Options, Stage

X, Y = [1.0, 0.0, 1.0], 1.0
LR = 0.1
UPDATES = 5
PARAMETERS = 1_000_000
OPTIMIZERS: dict[str, tuple[Callable[..., optim.Optimizer], dict[str, float]]] = {
    "SGD": (optim.SGD, {"lr": 0.1}),
    "SGD with momentum": (optim.SGD, {"lr": 0.1, "momentum": 0.9}),
    "Adam": (optim.Adam, {"lr": 0.001}),
}
"""Name -> (class, settings) of those whose updates ``million`` measures."""


@dataclass(frozen=True)
class Variation:
    """One change to the plain update.

    Attributes:
        penalty: a price on the weights, added to the loss.
        l1_decay, weight_decay: settings of SGD that pull the weights towards 0.
        schedule: makes the schedule of the learning rate for an optimiser.
    """

    penalty: Callable[[list[Value]], Any] | None = None
    l1_decay: float = 0.0
    weight_decay: float = 0.0
    schedule: Callable[[optim.Optimizer], optim.LRScheduler] | None = None


VARIATIONS = {
    "plain": Variation(),
    "L1 penalty": Variation(penalty=lambda w: 0.1 * nn.l1_penalty(w)),
    "L1 decay": Variation(l1_decay=0.1),
    "L2 penalty": Variation(penalty=lambda w: 0.1 * nn.l2_penalty(w)),
    "L2 decay": Variation(weight_decay=0.2),
    "step decay": Variation(schedule=lambda optimizer: optim.StepLR(optimizer, step_size=2, gamma=0.5)),
    "exponential": Variation(schedule=lambda optimizer: optim.ExponentialLR(optimizer, gamma=0.8)),
    "cosine": Variation(schedule=lambda optimizer: optim.CosineAnnealingLR(optimizer, T_max=UPDATES)),
    "warm-up": Variation(schedule=lambda optimizer: optim.LinearLR(optimizer, start_factor=0.2, total_iters=4)),
}


# ---------------------------------------------------------------- one update


def one_update(stage: Stage, options: Options) -> dict[str, float]:
    """Print one update of three weights term by term, and what penalties and schedules change about five of them."""
    lr, updates = LR if options.lr is None else options.lr, options.epochs or UPDATES
    weights = first_weights(options.seed)
    before = [w.data for w in weights]
    out = ops.dot(X, before)
    error = Y - out
    update(weights, Variation(), lr, 1)
    stage.say("A linear neuron, out = w . x, learns one example: x = (1, 0, 1), y = 1.")
    stage.say("The textbook's update, w += lr * x (y - w . x), is gradient descent on half of (y - w . x)^2.")
    stage.show(f"    out   = {' + '.join(f'{w:.4f} * {x:g}' for w, x in zip(before, X, strict=True))} = {out:.4f}")
    stage.show(f"    error = {Y:g} - {out:.4f} = {error:.4f}")
    rows = [
        (w.label, old, f"{lr:g} * {error:.4f} * {x:g}", w.data - old, w.data)
        for w, old, x in zip(weights, before, X, strict=True)
    ]
    stage.table(("weight", "before", "lr * error * x", "change", "after"), rows)
    stage.say(f"w1 stays: its input is 0. Now {updates} updates from the same start, each time with one change:")
    table, figures = [], {}
    for name, variation in VARIATIONS.items():
        weights = first_weights(options.seed)
        rates = update(weights, variation, lr, updates)
        figures[name] = Y - ops.dot(X, [w.data for w in weights])
        numbers = (round(float(number), 4) for number in (*weights, figures[name]))
        table.append((name, " ".join(f"{rate:.2f}" for rate in rates), *numbers))
    stage.table(("change", "lr of each update", "w0", "w1", "w2", "error"), table)
    stage.say(
        "L1 adds 0.1 (abs(w0) + abs(w1) + abs(w2)) to the loss, and L2 adds 0.1 (w0^2 + w1^2 + w2^2). They draw every "
        "weight towards 0, w1 too: L1 by the same amount each, L2 in proportion to the weight. As decay in the "
        "optimiser (l1_decay=0.1, weight_decay=0.2) they do the same without nodes in the graph. The schedules change "
        "how far a step goes, not its direction."
    )
    return figures


def first_weights(seed: int) -> list[Value]:
    """Return three weights, uniform between 0 and 1."""
    return nn.init.uniform_([Value(0.0, f"w{i}") for i in range(len(X))], rng=seed)


def update(weights: list[Value], variation: Variation, lr: float, times: int) -> list[float]:
    """Move the weights so many times by gradient descent, and return the learning rate of each time."""
    optimizer = optim.SGD(weights, lr=lr, weight_decay=variation.weight_decay, l1_decay=variation.l1_decay)
    schedule = variation.schedule(optimizer) if variation.schedule else None
    rates = []
    for _ in range(times):
        loss = half_squared_error([ops.dot(X, weights)], [Y])
        if variation.penalty:
            loss = loss + variation.penalty(weights)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        rates.append(optimizer.lr)
        if schedule:
            schedule.step()
    return rates


# ---------------------------------------------------------------- a million parameters


def million(stage: Stage, options: Options) -> dict[str, float]:
    """Measure what an update of a million parameters with given gradients costs, for three optimisers."""
    from rich.progress import track

    updates = options.epochs or UPDATES
    stage.say(f"{PARAMETERS:,} parameters, each a Value with a random number for its gradient; {updates} updates each.")
    params = parameters_with_gradients(PARAMETERS, options.seed)
    lr = {} if options.lr is None else {"lr": options.lr}
    hidden = not stage.console.is_terminal
    figures = {}
    for name, (kind, settings) in OPTIMIZERS.items():
        optimizer = kind(params, **settings | lr)
        started = perf_counter()
        for _ in track(range(updates), name, console=stage.console, transient=True, disable=hidden):
            optimizer.step()
        figures[name] = (perf_counter() - started) / updates
    rows = [(name, seconds, 1e9 * seconds / PARAMETERS) for name, seconds in figures.items()]
    stage.table(("optimiser", "seconds per update", "nanoseconds per parameter"), rows)
    stage.say("The update is the cheap part of training: it is a few multiplications for each parameter.")
    return figures


def parameters_with_gradients(count: int, seed: int) -> list[Value]:
    """Return so many Values between 0 and 1, each with a standard normal number in the place of its gradient.

    >>> [p.grad != 0.0 for p in parameters_with_gradients(3, seed=0)]
    [True, True, True]
    """
    rng = Random(seed)
    params = [Value(rng.random()) for _ in range(count)]
    for p in params:
        p.grad = rng.gauss(0.0, 1.0)
    return params
