"""The demonstration: one gradient explained, checked and drawn, then two networks trained on data."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from . import examples
from .drawing import draw
from .explanation import explain
from .expression import parse
from .testing import check_gradients

if TYPE_CHECKING:
    from rich.console import Console

FORMULA = "x * tanh(w*x + b)"
POINT = {"x": 2.0, "w": -0.5, "b": 0.3}


GOALS = {"iris": 0.96, "moons": 1.0}
"""The accuracy that the examples have to reach, on flowers they have not seen and on the points they learned."""


def run(folder: Path | None, console: Console) -> bool:
    """Go through the whole demonstration.

    Args:
        folder: where the pictures go; a fresh ``autograd-tiny-demo`` if not given.
        console: where the story is told.

    Returns:
        Whether the gradients were right and the networks reached their goals.
    """
    stage = examples.Stage(folder or _fresh_folder(), console)
    stage.open()
    expression = parse(FORMULA)
    root = expression.evaluate(POINT)

    stage.title("1. A gradient, step by step")
    at = ", ".join(f"{name} = {number:g}" for name, number in POINT.items())
    stage.say(f"{FORMULA} at {at} is {root.data:.6g}. How fast does it change with each variable?")
    stage.say("Backpropagation goes from the result to the leaves: upstream gradient times local slope.")
    explanation = explain(root)
    explanation.print(console)
    stage.say("The same as a page that plays it, forward and backward; open it in a browser.")
    stage.picture("backprop.html", explanation.to_html)

    stage.title("2. Checked against finite differences, first and second order")
    report = check_gradients(expression, *[POINT[name] for name in expression.variables], order=2)
    stage.say("Move each variable a little, both ways, and watch the result: the slopes must be the same.")
    stage.show(str(report))

    stage.title("3. The graph")
    stage.say("The same computation as a tree, the result on top, and as two pictures.")
    root.backward()
    drawing = draw(root)
    stage.show(drawing.text())
    stage.picture("graph.svg", drawing.save_as)
    stage.picture("graph.png", drawing.save_as)

    reached = []
    for number, (name, goal) in enumerate(GOALS.items(), start=4):
        stage.title(f"{number}. A network learns {name}")
        figures = examples.run(name, stage)
        reached.append(figures.get("test accuracy", figures["accuracy"]) >= goal)
        stage.say(f"The goal was {goal:.0%}: {'reached' if reached[-1] else 'MISSED'}.")

    stage.title("Done")
    stage.show(f"The pictures are in {stage.folder}")
    return report.ok and all(reached)


def _fresh_folder() -> Path:
    names = (Path(f"autograd-tiny-demo{f'-{i}' if i > 1 else ''}") for i in count(1))
    return next(folder for folder in names if not folder.exists())
