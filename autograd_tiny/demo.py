"""The demonstration: one gradient explained, checked and drawn, then two networks trained on data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from statistics import fmean, pstdev
from typing import TYPE_CHECKING, Any

from . import data, nn, optim, train
from .drawing import draw
from .errors import MissingPackageError
from .explanation import explain
from .expression import parse
from .testing import check_gradients

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from rich.console import Console

FORMULA = "x * tanh(w*x + b)"
POINT = {"x": 2.0, "w": -0.5, "b": 0.3}


@dataclass(frozen=True)
class Task:
    """A data set, and a network with settings that learns it.

    Attributes:
        story: what is to be learned, for the reader.
        examples: gives (inputs, targets).
        loss: (outputs, targets) -> the number to minimise.
        sizes: how many inputs, then how many neurons in each layer.
        epochs, lr: enough to learn it.
        goal: the training accuracy that a run has to reach.
    """

    story: str
    examples: Callable[[], tuple[list[list[float]], list[int]]]
    loss: train.Loss
    sizes: tuple[int, ...]
    epochs: int
    lr: float
    goal: float


def _moons() -> tuple[list[list[float]], list[int]]:
    points, labels = data.make_moons(100, noise=0.1, random_state=0)
    return points, [2 * label - 1 for label in labels]


def _iris() -> tuple[list[list[float]], list[int]]:
    iris = data.load_iris()
    scales = [(fmean(column), pstdev(column)) for column in zip(*iris.data, strict=True)]
    rows = [[(x - mean) / spread for x, (mean, spread) in zip(row, scales, strict=True)] for row in iris.data]
    return rows, iris.target


TASKS = {
    "iris": Task(
        "150 iris flowers: tell three species apart by four lengths (Fisher 1936).",
        _iris, nn.cross_entropy, (4, 8, 3), epochs=60, lr=0.5, goal=0.95,
    ),
    "moons": Task(
        "100 points on two interleaving half moons: find the curve between them.",
        _moons, nn.hinge_loss, (2, 16, 16, 1), epochs=150, lr=0.2, goal=1.0,
    ),
}  # fmt: skip


def run(folder: Path | None, console: Console) -> bool:
    """Go through the whole demonstration.

    Args:
        folder: where the pictures go; a fresh ``autograd-tiny-demo`` if not given.
        console: where the story is told.

    Returns:
        Whether the gradients were right and the networks reached their goals.
    """
    folder = _made(folder or _fresh_folder())
    expression = parse(FORMULA)
    root = expression.evaluate(POINT)

    console.rule("1. A gradient, step by step")
    at = ", ".join(f"{name} = {number:g}" for name, number in POINT.items())
    _say(console, f"{FORMULA} at {at} is {root.data:.6g}. How fast does it change with each variable?")
    _say(console, "Backpropagation goes from the result to the leaves: upstream gradient times local slope.")
    explanation = explain(root)
    explanation.print(console)
    _say(console, "The same as a page that plays it, forward and backward; open it in a browser.")
    _picture(folder / "backprop.html", explanation.to_html, console)

    console.rule("2. Checked against finite differences, first and second order")
    report = check_gradients(expression, *[POINT[name] for name in expression.variables], order=2)
    _say(console, "Move each variable a little, both ways, and watch the result: the slopes must be the same.")
    _show(console, str(report))

    console.rule("3. The graph")
    _say(console, "The same computation as a tree, the result on top, and as two pictures.")
    root.backward()
    drawing = draw(root)
    _show(console, drawing.text())
    _picture(folder / "graph.svg", drawing.save_as, console)
    _picture(folder / "graph.png", drawing.save_as, console)

    reached = []
    for number, (name, task) in enumerate(TASKS.items(), start=4):
        console.rule(f"{number}. A network learns {name}")
        accuracy = learn(name, folder, console)
        reached.append(accuracy >= task.goal)
        _say(console, f"The goal was {task.goal:.0%}: {'reached' if reached[-1] else 'MISSED'}.")

    console.rule("Done")
    _show(console, f"The pictures are in {folder}")
    return report.ok and all(reached)


def learn(
    name: str, folder: Path, console: Console, *, epochs: int | None = None, lr: float | None = None, seed: int = 0
) -> float:
    """Train on one of the ``TASKS``, draw the outcome into a folder and return the training accuracy.

    Args:
        name: ``"moons"`` or ``"iris"``.
        folder: where the pictures go.
        console: where losses and accuracy are told.
        epochs, lr: other settings than the task's.
        seed: decides the first weights.

    Raises:
        KeyboardInterrupt: on Ctrl-C.
    """
    task, folder = TASKS[name], _made(folder)
    X, y = task.examples()
    model = nn.MLP(task.sizes[0], task.sizes[1:], rng=seed)
    lr = task.lr if lr is None else lr
    optimizer = optim.SGD(model.parameters(), lr=lr, momentum=0.9)
    _say(console, task.story)
    _say(console, f"Layers {' -> '.join(map(str, task.sizes))}: {len(optimizer.params)} parameters, lr {lr:g}.")
    history = train.fit(
        model,
        X,
        y,
        loss=task.loss,
        optimizer=optimizer,
        epochs=task.epochs if epochs is None else epochs,
        metrics={"accuracy": train.accuracy},
    )
    if history.interrupted:
        raise KeyboardInterrupt
    outputs = [model(x) for x in X]
    accuracy = train.accuracy(outputs, y)
    loss = float(task.loss(outputs, y))
    _say(console, f"After {history.epochs} epochs: loss {history.loss[0]:.4g} -> {loss:.4g}, accuracy {accuracy:.1%}.")
    _plot(folder / f"{name}-loss.png", _history_on(history), console)
    if task.sizes[0] == 2:
        _plot(folder / f"{name}-boundary.png", _boundary_on(model, X, y), console)
    return accuracy


# ---------------------------------------------------------------- pictures and words


def _history_on(history: train.History) -> Callable[[Axes], Any]:
    from .plot import plot_history

    return lambda ax: plot_history(history, ax)


def _boundary_on(model: nn.MLP, X: list[list[float]], y: Sequence[int]) -> Callable[[Axes], Any]:
    from .plot import plot_decision_boundary

    return lambda ax: plot_decision_boundary(model, X, y, ax)


def _plot(path: Path, draw_on: Callable[[Axes], Any], console: Console) -> None:
    def save(path: Path) -> None:
        try:
            from matplotlib.figure import Figure
        except ImportError:
            raise MissingPackageError("matplotlib", "plotting", extra="plot") from None
        figure = Figure(layout="constrained")  # pyplot would keep it, and may want a screen
        draw_on(figure.subplots())
        figure.savefig(path, dpi=150)

    _picture(path, save, console)


def _picture(path: Path, save: Callable[[Path], Any], console: Console) -> None:
    """Save a picture; without the package it needs, say so and go on."""
    try:
        save(path)
    except MissingPackageError as error:
        _show(console, f"No {path.name}: {error}")
    else:
        _show(console, f"wrote {path}")


def _say(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False)


def _show(console: Console, text: str) -> None:
    """Print what must not be wrapped: a table, a tree, a path to copy."""
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder.resolve()


def _fresh_folder() -> Path:
    names = (Path(f"autograd-tiny-demo{f'-{i}' if i > 1 else ''}") for i in count(1))
    return next(folder for folder in names if not folder.exists())
