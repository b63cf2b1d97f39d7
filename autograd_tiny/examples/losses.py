"""Losses: their curves and slopes, and a line fitted with three of them to data with outliers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Any

from .. import nn, optim
from .activations import slopes_of
from .comparison import LINES
from .stage import Options, Stage
from .training import trained

if TYPE_CHECKING:
    from matplotlib.figure import Figure

REGRESSION: dict[str, Callable[..., Any]] = {"MSE": nn.mse_loss, "MAE": nn.l1_loss, "Huber": nn.huber_loss}
"""Losses of an output when the target is a number."""
CLASSIFICATION: dict[str, Callable[..., Any]] = {
    "BCE with logits": partial(nn.binary_cross_entropy_with_logits, target=1),
    "hinge": partial(nn.hinge_loss, target=1),
    "cross-entropy of 3": lambda score: nn.cross_entropy([score, 0.0, 0.0], 0),
}
"""Losses of the score of the right class; where there are others, they score 0."""
TICKS = [i / 20 for i in range(-60, 61)]
SLOPE, OFFSET = 2.0, 1.0
OUTLIERS = 4
LR = 0.1


def losses(stage: Stage, options: Options) -> dict[str, float]:
    """Draw six losses with their slopes, and see what outliers do to a line fitted with MSE, MAE and Huber."""
    stage.say(
        "A loss says how bad an output is, its slope how hard the output is pulled. MSE pulls in proportion to the "
        "error, MAE always with 1, Huber like MSE near the target and like MAE far away. Hinge stops at a score of 1; "
        "the cross-entropy, of two classes (BCE) or more, never quite stops."
    )
    stage.figure("losses.png", draw_losses, 9.6, 6.8)
    X, y = points_with_outliers(options.seed)
    lr, lines, rows, figures = LR if options.lr is None else options.lr, {}, [], {}
    for name, loss in REGRESSION.items():
        model = nn.MLP(1, [1], rng=options.seed)
        optimizer = optim.SGD(model.parameters(), lr=lr)
        epochs = options.epochs or 400
        schedule = optim.CosineAnnealingLR(optimizer, T_max=epochs)  # MAE pulls with 1 up to the end and would swing
        trained(model, X, y, loss=loss, optimizer=optimizer, epochs=epochs, scheduler=schedule)
        slope, offset = (parameter.data for parameter in model.parameters())
        lines[name] = (slope, offset)
        rows.append((name, round(slope, 3), round(offset, 3)))
        figures[f"slope with {name}"] = slope
    stage.say(
        f"Now a line through {len(X)} points near y = {SLOPE:g} x + {OFFSET:g}, of which {OUTLIERS} are gross errors:"
    )
    stage.table(("loss", "slope", "offset"), [("the truth", SLOPE, OFFSET), *rows])
    stage.say("The squares of the outliers dominate MSE, and they bend its line; MAE and Huber feel them far less.")
    stage.figure("losses-outliers.png", lambda figure: draw_lines(figure, X, y, lines))
    return figures


def points_with_outliers(seed: int) -> tuple[list[list[float]], list[float]]:
    """Return 40 points near a line, the last ones far off it.

    >>> X, y = points_with_outliers(0)
    >>> [abs(target - SLOPE * x - OFFSET) > 3 for (x,), target in zip(X, y)].count(True) == OUTLIERS
    True
    """
    rng = Random(seed)
    X = [[i / 20] for i in range(40)]
    y = [SLOPE * x + OFFSET + rng.gauss(0.0, 0.2) for (x,) in X]
    return X, [*y[:-OUTLIERS], *[target - 6.0 for target in y[-OUTLIERS:]]]


def draw_losses(figure: Figure) -> None:
    """Draw losses above and their slopes below: of numbers on the left, of classes on the right."""
    panels = figure.subplots(2, 2, sharex="col")
    columns: list[tuple[str, str, dict[str, Callable[..., Any]]]] = [
        ("a number to predict", "output - target", {name: partial(f, target=0.0) for name, f in REGRESSION.items()}),
        ("a class to predict", "score of the right class", CLASSIFICATION),
    ]
    for (above, below), (title, across, functions) in zip(panels.T, columns, strict=True):
        for (name, f), (color, style) in zip(functions.items(), LINES, strict=False):
            line = {"color": color, "linestyle": style, "linewidth": 2, "label": name}
            above.plot(TICKS, [f(x) for x in TICKS], **line)
            below.plot(TICKS, slopes_of(f, TICKS), **line)
        above.set_title(title)
        below.set_xlabel(across)
        for axes, up in ((above, "loss"), (below, "slope")):
            axes.set_ylabel(up)
            axes.grid(alpha=0.3)
        above.legend()
    figure.suptitle("The loss, and below it how hard it pulls at the output")


def draw_lines(
    figure: Figure,
    X: Sequence[Sequence[float]],
    y: Sequence[float],
    lines: Mapping[str, tuple[float, float]],
) -> None:
    """Draw the points, the outliers among them, and the fitted lines."""
    axes = figure.subplots()
    xs = [x for (x,) in X]
    axes.scatter(xs[:-OUTLIERS], y[:-OUTLIERS], color="grey", s=18, label="points")
    axes.scatter(xs[-OUTLIERS:], y[-OUTLIERS:], color="black", marker="X", s=45, label="outliers")
    ends = (xs[0], xs[-1])
    for (name, (slope, offset)), (color, style) in zip(lines.items(), LINES, strict=False):
        axes.plot(ends, [slope * x + offset for x in ends], color=color, linestyle=style, linewidth=2, label=name)
    axes.set_title("Outliers bend the line of MSE the most")
    axes.set_xlabel("x")
    axes.set_ylabel("y")
    axes.grid(alpha=0.3)
    axes.legend()
