"""Pictures of training, drawn with matplotlib: the loss curve and where a model decides what."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from .errors import MissingPackageError, ParameterError, ShapeError, printable
from .recording import no_grad

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .train import History

# Okabe and Ito 2008, "Color universal design": distinct under the common colour-vision deficiencies.
COLORS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#000000")
MARKERS = "os^DvPX*"  # a second sign for the class, where colours do not reach


def plot_history(history: History, ax: Axes | None = None) -> Axes:
    """Draw the loss over the epochs, and the metrics against a second axis on the right.

    Args:
        history: what ``fit`` returned.
        ax: the Axes to draw on; a new figure if not given.

    Returns:
        The Axes of the loss.

    Raises:
        MissingPackageError: when matplotlib is not installed.
        ShapeError: when no epoch was finished.

    >>> from autograd_tiny.train import History
    >>> plot_history(History(loss=[0.7, 0.3, 0.1])).get_xlabel()  # doctest: +SKIP
    'epoch'
    """
    if not history.epochs:
        raise ShapeError("plot_history needs at least one finished epoch, got none")
    ax = _axes(ax)
    from matplotlib.ticker import MaxNLocator

    epochs = range(1, history.epochs + 1)
    lines = ax.plot(epochs, history.loss, color=COLORS[0], linewidth=2, label="loss")
    ax.set_xlabel("epoch")
    ax.set_ylabel("loss")
    ax.grid(alpha=0.3)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    if history.metrics:
        right = ax.twinx()
        names = list(map(_plain, history.metrics))
        right.set_ylabel(", ".join(names))
        for name, curve, color in zip(names, history.metrics.values(), COLORS[1:], strict=False):
            lines += right.plot(epochs, curve, color=color, linewidth=2, linestyle="--", label=name)
        ax.legend(handles=lines, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=len(lines), frameon=False)
    return ax


def plot_decision_boundary(
    model: Callable[[Any], Any],
    X: Iterable[Sequence[float]],
    y: Iterable[Any],
    ax: Axes | None = None,
    resolution: int = 60,
) -> Axes:
    """Colour the plane by what a model with two inputs decides there, and draw the examples on top.

    Args:
        model: called with [x1, x2]; gives one score, above 0 for the positive class, or one logit per class.
        X: the examples, two numbers each.
        y: one label per example: for a score 1, and 0 or -1; for logits the index of the class.
        ax: the Axes to draw on; a new figure if not given.
        resolution: how many places along each side the model is asked at, at least 2.

    Returns:
        The Axes.

    Raises:
        MissingPackageError: when matplotlib is not installed.
        ShapeError: when the examples are not pairs, or X and y differ in length or are empty.
        ParameterError: for a resolution below 2, or a label without a class.

    >>> points, labels = [[0.0, 0.0], [1.0, 1.0]], [0, 1]
    >>> plot_decision_boundary(lambda x: x[0] + x[1] - 1, points, labels).get_xlabel()  # doctest: +SKIP
    'x1'
    """
    points, labels = [[float(x) for x in row] for row in X], list(y)
    if len(points) != len(labels) or not points:
        raise ShapeError(f"one label per example is needed, got {len(points)} examples and {len(labels)} labels")
    for point in points:
        if len(point) != 2:
            raise ShapeError(f"a decision boundary is drawn over two inputs, got an example of {len(point)} numbers")
    if resolution < 2:
        raise ParameterError(f"resolution is a whole number of at least 2, got {resolution!r}")
    across, up = (_ticks([point[i] for point in points], resolution) for i in (0, 1))
    with no_grad():
        logits = [[_logits(model([x1, x2])) for x1 in across] for x2 in up]
    classes = len(logits[0][0])
    members = [_class_of(label, classes) for label in labels]
    ax = _axes(ax)
    for k in range(classes):
        lead = [[row[k] - max(row[:k] + row[k + 1 :]) for row in rows] for rows in logits]
        highest = max(map(max, lead))
        if highest > 0:
            ax.contourf(across, up, lead, levels=[0.0, highest], colors=[COLORS[k % len(COLORS)]], alpha=0.25)
            ax.contour(across, up, lead, levels=[0.0], colors="black", linewidths=0.8)
        mine = [(point, label) for point, label, member in zip(points, labels, members, strict=True) if member == k]
        if mine:
            ax.scatter(
                [point[0] for point, _ in mine],
                [point[1] for point, _ in mine],
                color=COLORS[k % len(COLORS)],
                marker=MARKERS[k % len(MARKERS)],
                edgecolor="black",
                linewidth=0.5,
                zorder=3,  # above the regions of every class
                label=str(mine[0][1]),
            )
    ax.set_xlabel("x1")
    ax.set_ylabel("x2")
    ax.legend(title="class", loc="best")
    return ax


def _axes(ax: Axes | None) -> Any:
    if ax is not None:
        return ax
    try:
        from matplotlib import pyplot
    except ImportError:
        raise MissingPackageError("matplotlib", "plotting", extra="plot") from None
    return pyplot.subplots()[1]


def _plain(name: str) -> str:
    """Return text that matplotlib shows as it is: no formula between dollars, no label hidden by its underscore."""
    text = printable(name).replace("$", r"\$")
    return f" {text}" if text.startswith("_") else text


def _ticks(numbers: list[float], count: int) -> list[float]:
    low, high = min(numbers), max(numbers)
    margin = 0.1 * (high - low) or 1.0
    low, high = low - margin, high + margin
    return [low + (high - low) * i / (count - 1) for i in range(count)]


def _logits(output: Any) -> list[float]:
    """Return one number per class; a single score s counts as [-s, s]."""
    logits = [float(logit) for logit in output] if isinstance(output, (list, tuple)) else [float(output)]
    return logits if len(logits) > 1 else [-logits[0], logits[0]]


def _class_of(label: Any, classes: int) -> int:
    if classes == 2 and label == -1:
        return 0
    if label not in range(classes):
        raise ParameterError(f"the model tells {classes} classes apart, and no class has the label {label!r}")
    return int(label)
