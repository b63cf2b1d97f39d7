"""Local-minima and why-gradients: what a start decides, and what searching without gradients costs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any

from .. import data, nn, ops, optim
from ..recording import no_grad
from ..value import Value
from .comparison import LINES, name_beside, write_plainly
from .stage import Options, Stage
from .training import trained

if TYPE_CHECKING:
    from matplotlib.figure import Figure

loss = nn.binary_cross_entropy_with_logits


# ---------------------------------------------------------------- local minima

X, Y = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [0, 1, 1, 0]
SEEDS = 30
FAILED = 0.2  # a loss above: at least one corner is not learned


@dataclass(frozen=True)
class Attempt:
    """A network and an optimiser for exclusive or.

    Attributes:
        width: hidden neurons.
        optimizer: makes the optimiser.
    """

    width: int
    optimizer: Callable[[list[Value]], optim.Optimizer]


ATTEMPTS = {
    "2 hidden,\ndescent": Attempt(2, lambda params: optim.SGD(params, lr=1.0)),
    "2 hidden,\nmomentum": Attempt(2, lambda params: optim.SGD(params, lr=0.5, momentum=0.9)),
    "2 hidden,\nAdam": Attempt(2, lambda params: optim.Adam(params, lr=0.1)),
    "4 hidden,\ndescent": Attempt(4, lambda params: optim.SGD(params, lr=1.0)),
    "8 hidden,\ndescent": Attempt(8, lambda params: optim.SGD(params, lr=1.0)),
}


def local_minima(stage: Stage, options: Options) -> dict[str, float]:
    """Train one small network for exclusive or from thirty starts, and see how many get stuck."""
    epochs = options.epochs or 300
    found = {name: final_losses(attempt, epochs, options.seed) for name, attempt in ATTEMPTS.items()}
    figures = {name.replace("\n", " "): sum(x > FAILED for x in ends) / SEEDS for name, ends in found.items()}
    stage.say(
        f"Exclusive or: a net 2 -> 2 -> 1 with tanh can learn it, but not from every start. {SEEDS} seeds each, "
        f"{epochs} steps; failed means a loss above {FAILED:g}:"
    )
    rows = [
        (name, f"{share:6.0%}", round(min(ends), 4), round(max(ends), 4))
        for (name, share), ends in zip(figures.items(), found.values(), strict=True)
    ]
    stage.table(("network", "failed", "best loss", "worst loss"), rows)
    stage.say(
        f"Those that fail end in few places, most at a loss of {math.log(2) / 2:.2f}: two corners are right, and two "
        "are answered with a coin. From there no small step leads to the goal, so the optimiser matters less than the "
        "width: with more neurons than necessary, some start in the right direction. Where you can only have the small "
        "net, try several seeds."
    )
    stage.figure("local-minima.png", lambda figure: draw_ends(figure, found), 8.4, 5.0)
    return figures


def final_losses(attempt: Attempt, epochs: int, seed: int) -> list[float]:
    """Return the losses at which the trainings from all starts end."""
    ends = []
    for start in range(SEEDS):
        model = nn.MLP(2, [attempt.width, 1], rng=SEEDS * seed + start)
        history = trained(model, X, Y, loss=loss, optimizer=attempt.optimizer(model.parameters()), epochs=epochs)
        ends.append(history.loss[-1])
    return ends


def draw_ends(figure: Figure, found: Mapping[str, Sequence[float]]) -> None:
    """Draw one dot for each start, side by side where they would cover each other."""
    axes = figure.subplots()
    for place, ends in enumerate(found.values()):
        color, _ = LINES[place]
        spread = [place + 0.6 * (i / (SEEDS - 1) - 0.5) for i in range(SEEDS)]
        axes.scatter(spread, ends, color=color, s=22, edgecolor="black", linewidth=0.4)
    axes.axhline(FAILED, color="grey", linestyle=":", linewidth=1.2)
    axes.set_xticks(range(len(found)), found)
    axes.set_yscale("log")
    write_plainly(axes.yaxis)
    axes.set_ylabel("loss at the end")
    axes.set_title(f"{SEEDS} starts each: above the dotted line they are stuck")
    axes.grid(alpha=0.3, axis="y")


# ---------------------------------------------------------------- searches

BUDGET = 3000
GRADIENT_COST = 3  # in loss evaluations: the loss, and a backward pass that is charged as two more
SIGMA = 0.1  # of the changes that the score-function estimator tries
PAIRS = 10
POPULATION, PARENTS, MUTATION = 30, 6, 0.3
Search = Iterator[tuple[int, float]]
"""Gives (loss evaluations so far, best loss so far), and never ends."""


class Problem:
    """A small network on two moons, as a function of its weights that counts what it is asked.

    Args:
        seed: decides the first weights.

    Attributes:
        spent: loss evaluations so far, a gradient counting as ``GRADIENT_COST``.
        best: the lowest loss so far.
    """

    def __init__(self, seed: int) -> None:
        self.model = nn.MLP(2, [6, 1], rng=seed)
        self.params = self.model.parameters()
        self.X, self.y = data.make_moons(20, noise=0.1, random_state=0)
        self.spent, self.best = 0, math.inf

    def loss(self, weights: Sequence[float]) -> float:
        """Return the loss with these weights."""
        with no_grad():
            return float(self._loss(weights, 1))

    def gradient(self) -> None:
        """Put the gradient at the present weights into the parameters."""
        self._loss([p.data for p in self.params], GRADIENT_COST).backward()

    def _loss(self, weights: Sequence[float], cost: int) -> Any:
        for parameter, weight in zip(self.params, weights, strict=True):
            parameter.data = weight
        result = loss([self.model(x) for x in self.X], self.y)
        self.spent, self.best = self.spent + cost, min(self.best, float(result))
        return result


def backpropagation(problem: Problem, rng: Random, lr: float) -> Search:
    """Adam on the gradients of ``backward()``."""
    optimizer = optim.Adam(problem.params, lr=lr)
    while True:
        optimizer.zero_grad()
        problem.gradient()
        optimizer.step()
        yield problem.spent, problem.best


def score_function(problem: Problem, rng: Random, lr: float) -> Search:
    """Adam on gradients that are guessed from losses alone: the mean of (loss - baseline) * noise / sigma.

    The estimator of REINFORCE (Williams 1992, "Simple statistical gradient-following algorithms for connectionist
    reinforcement learning") for Gaussian noise on the weights; as evolution strategies in Salimans et al. 2017,
    arXiv:1703.03864. Each noise is tried with both signs, and the baseline is the mean loss.
    """
    optimizer = optim.Adam(problem.params, lr=lr)
    while True:
        weights = [p.data for p in problem.params]
        tried = []
        for _ in range(PAIRS):
            noise = [rng.gauss(0.0, 1.0) for _ in weights]
            tried += [noise, [-z for z in noise]]
        losses = [problem.loss([w + SIGMA * z for w, z in zip(weights, noise, strict=True)]) for noise in tried]
        baseline = math.fsum(losses) / len(losses)
        pulls = [(found - baseline) / (SIGMA * len(tried)) for found in losses]
        for parameter, weight, changes in zip(problem.params, weights, zip(*tried, strict=True), strict=True):
            parameter.data = weight
            parameter.grad = ops.dot(pulls, changes)
        optimizer.step()
        yield problem.spent, problem.best


def genetic(problem: Problem, rng: Random, lr: float) -> Search:
    """A population of weights: the best are kept, crossed and mutated.

    Holland 1975, "Adaptation in natural and artificial systems".
    """
    start = [p.data for p in problem.params]
    population = [[w + rng.gauss(0.0, MUTATION) for w in start] for _ in range(POPULATION)]
    ranked = sorted((problem.loss(weights), weights) for weights in population)
    while True:
        yield problem.spent, problem.best
        parents = ranked[:PARENTS]
        children = []
        for _ in range(POPULATION - PARENTS):
            (_, mother), (_, father) = rng.sample(parents, 2)
            child = [rng.choice(genes) + rng.gauss(0.0, MUTATION) for genes in zip(mother, father, strict=True)]
            children.append((problem.loss(child), child))
        ranked = sorted(parents + children)


SEARCHES: dict[str, Callable[[Problem, Random, float], Search]] = {
    "backpropagation": backpropagation,
    "score function": score_function,
    "genetic algorithm": genetic,
}


def why_gradients(stage: Stage, options: Options) -> dict[str, float]:
    """Train one network by backpropagation, by a score-function estimator and by a genetic algorithm: equal budgets."""
    lr = 0.1 if options.lr is None else options.lr
    curves: dict[str, list[tuple[int, float]]] = {}
    for name, search in SEARCHES.items():
        problem = Problem(options.seed)
        curve = curves[name] = []
        for point in search(problem, Random(options.seed), lr):
            curve.append(point)
            if problem.spent >= BUDGET:
                break
    stage.say(
        f"A net 2 -> 6 -> 1 ({len(problem.params)} weights) on 20 points of two moons. Each search may ask for the "
        f"loss {BUDGET:,} times; a loss with backward() is charged as {GRADIENT_COST}, more than it takes."
    )
    figures = {name: best_at(curve, BUDGET) for name, curve in curves.items()}
    marks = (300, 1000, BUDGET)
    rows = [(name, *(round(best_at(curve, mark), 4) for mark in marks)) for name, curve in curves.items()]
    stage.table(("search", *(f"best loss of {mark:,}" for mark in marks)), rows)
    stage.say(
        "A loss is one number: it says how good the weights are, not in which direction to go.\n"
        "The others must guess the direction, so they need more trials the more weights there are.\n"
        "backward() gives the slope for every weight at once, at the price of a few losses however many there are."
    )
    stage.figure("why-gradients.png", lambda figure: draw_searches(figure, curves), 8.4, 4.8)
    return figures


def best_at(curve: Sequence[tuple[int, float]], budget: int) -> float:
    """Return the best loss that was found by then; nan before the first.

    >>> best_at([(10, 0.5), (20, 0.25)], 15)
    0.5
    """
    return min((best for spent, best in curve if spent <= budget), default=math.nan)


def draw_searches(figure: Figure, curves: Mapping[str, Sequence[tuple[int, float]]]) -> None:
    """Draw the best loss so far against what it has cost."""
    axes = figure.subplots()
    for (name, curve), (color, style) in zip(curves.items(), LINES, strict=False):
        axes.plot(*zip(*curve, strict=True), color=color, linestyle=style, linewidth=2, label=name)
    axes.set_yscale("log")
    write_plainly(axes.yaxis)
    axes.set_title("Gradients find more for the same number of loss evaluations")
    axes.set_xlabel("loss evaluations")
    axes.set_ylabel("best loss so far")
    axes.grid(alpha=0.3)
    name_beside(figure, axes)
