"""Pictures of training, drawn with matplotlib: curves, gradients, and where a model decides what."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import cycle
from typing import TYPE_CHECKING, Any

from .errors import AnomalyError, MissingPackageError, ParameterError, ShapeError, printable
from .nn import Module
from .nn.shapes import is_list
from .primitive import real, whole
from .recording import no_grad
from .value import NO_GRAD_YET

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .train import History, UpdateLog

# Okabe and Ito 2008, "Color universal design": distinct under the common colour-vision deficiencies.
COLORS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#000000")
MARKERS = "os^DvPX*"  # a second sign for the class, where colours do not reach
STYLES = ("-", "--", "-.", ":")  # and for the layer
USUAL_RATIO = 1e-3  # of updates to data
BINS = 50


def plot_history(history: History, ax: Axes | None = None) -> Axes:
    """Draw the loss over the epochs, and the metrics against a second axis on the right; validation curves are dashed.

    Args:
        history: what ``fit`` returned.
        ax: the Axes to draw on; a new figure if not given.

    Returns:
        The Axes of the loss.

    Raises:
        MissingPackageError: when matplotlib is not installed.
        ParameterError: for something that is no History.
        ShapeError: when no epoch was finished.

    >>> from autograd_tiny.train import History
    >>> plot_history(History(loss=[0.7, 0.3, 0.1])).get_xlabel()  # doctest: +SKIP
    'epoch'
    """
    if not hasattr(history, "epochs"):
        raise ParameterError(f"plot_history draws what fit returned, a History, got {history!r:.60}")
    if not history.epochs:
        raise ShapeError("plot_history needs at least one finished epoch, got none")
    ax = _axes(ax)
    from matplotlib.ticker import MaxNLocator

    lines = _curves(ax, "loss", history.loss, history.val_loss, COLORS[0])
    ax.set_xlabel("epoch")
    ax.set_ylabel("loss")
    ax.grid(alpha=0.3)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    if history.metrics:
        right = ax.twinx()
        right.set_ylabel(", ".join(map(_plain, history.metrics)))
        for (name, curve), color in zip(history.metrics.items(), cycle(COLORS[1:]), strict=False):
            lines += _curves(right, name, curve, history.val_metrics.get(name, []), color)
    if history.val_loss:
        lines += ax.plot([], [], color="black", linestyle="--", linewidth=2, label="validation")
    if len(lines) > 1:
        columns = min(len(lines), 4)
        ax.legend(handles=lines, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=columns, frameon=False)
    return ax


def _curves(ax: Any, name: str, training: Sequence[float], validation: Sequence[float], color: str) -> list[Any]:
    """Draw a curve, dashed in its colour that of the validation data, and return the first line."""
    lines: list[Any] = []
    for curve, style in ((training, "-"), (validation, "--")):
        if curve:
            epochs = range(1, len(curve) + 1)
            lines += ax.plot(epochs, curve, color=color, linestyle=style, linewidth=2, label=_plain(name))
    return lines[:1]


def plot_gradients(model_or_log: Module | UpdateLog, ax: Any = None) -> Any:
    """Draw how the gradients of each layer are spread; for a log of updates also how large the updates were.

    The left picture has one outline per layer: which share of its gradients lies where. Layers that learn in step
    have outlines of like width; one that is a spike at 0 hardly learns. The right picture of a log has, for each
    layer, the update-to-data ratio of every step against a guide line at 0.001, about which it usually lies.

    Args:
        model_or_log: a Module after ``backward()``; or the ``train.UpdateLog`` that ``fit`` called.
        ax: the Axes to draw on, for a log a pair of them; a new figure if not given.

    Returns:
        The Axes; for a log the pair of them.

    Raises:
        MissingPackageError: when matplotlib is not installed.
        ParameterError: for a model without gradients, an empty log, or something else.
        AnomalyError: when a gradient is not finite.

    >>> from autograd_tiny.nn import MLP
    >>> plot_gradients(MLP(2, [3, 1]))
    Traceback (most recent call last):
    autograd_tiny.errors.ParameterError: the model has no gradients yet; call loss.backward() first
    """
    if isinstance(model_or_log, Module):
        layers = dict(model_or_log.named_layers())
        if all(parameter.grad is NO_GRAD_YET for parameters in layers.values() for parameter in parameters):
            raise ParameterError("the model has no gradients yet; call loss.backward() first")
        ax = _outlines(_axes(ax), {name: [float(p.grad) for p in layer] for name, layer in layers.items()})
        ax.legend()
        return ax
    if not hasattr(model_or_log, "gradients") or not hasattr(model_or_log, "ratios"):
        raise ParameterError(f"plot_gradients takes a Module or a train.UpdateLog, got {model_or_log!r:.60}")
    if not any(model_or_log.ratios.values()):
        raise ParameterError("the log has no step yet; hand it to fit(..., callbacks=[log])")
    left, right = _two_axes(ax)
    _outlines(left, model_or_log.gradients)
    for (name, ratios), look in zip(model_or_log.ratios.items(), _looks(), strict=False):
        right.plot(range(1, len(ratios) + 1), ratios, label=_plain(name), linewidth=1.5, **look)
    right.axhline(USUAL_RATIO, color="grey", linewidth=2.5, zorder=1, label="0.001, a usual ratio")
    right.set_yscale("log")
    right.set_xlabel("step")
    right.set_ylabel("update-to-data ratio")
    right.grid(alpha=0.3)
    right.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
    return left, right


def _outlines(ax: Any, gradients: Mapping[str, Sequence[float]]) -> Any:
    """Draw one histogram outline per layer, all over the same bins."""
    for name, numbers in gradients.items():
        for number in numbers:
            if not math.isfinite(number):
                raise AnomalyError(
                    f"a gradient of {name} is {number}; compute the loss and backward() under detect_anomaly() to see "
                    "where it comes from"
                )
    low = min(map(min, gradients.values()))
    high = max(map(max, gradients.values()))
    high = high if high > low else low + 1.0
    edges = [low + (high - low) * i / BINS for i in range(BINS)] + [high]  # no rounding may shut the largest out
    for (name, numbers), look in zip(gradients.items(), _looks(), strict=False):
        shares = [1.0 / len(numbers)] * len(numbers)
        ax.hist(numbers, edges, weights=shares, histtype="step", linewidth=1.5, label=_plain(name), **look)
    ax.set_xlabel("gradient")
    ax.set_ylabel("share of the layer")
    ax.locator_params(axis="x", nbins=5)
    ax.grid(alpha=0.3)
    return ax


def _looks() -> Iterable[dict[str, str]]:
    """Return a colour and a line style for each layer, without end; eight layers differ in colour, more in style."""
    return cycle([{"color": color, "linestyle": style} for style in STYLES for color in COLORS])


def plot_decision_boundary(
    model: Callable[[Any], Any],
    X: Iterable[Sequence[float]],
    y: Iterable[Any],
    ax: Axes | None = None,
    resolution: int = 60,
    threshold: float = 0.0,
) -> Axes:
    """Colour the plane by what a model with two inputs decides there, and draw the examples on top.

    Args:
        model: called with [x1, x2]; gives one score, above the threshold for the positive class, or one logit per
            class. An estimator's is its ``model_``.
        X: the examples, two numbers each.
        y: one label per example: for a score 1, and 0 or -1; for logits the index of the class.
        ax: the Axes to draw on; a new figure if not given.
        resolution: how many places along each side the model is asked at, at least 2.
        threshold: 0.0 for scores, 0.5 for probabilities, as a model gives that ends in a sigmoid.

    Returns:
        The Axes.

    Raises:
        MissingPackageError: when matplotlib is not installed.
        ShapeError: when the examples are not pairs, or X and y differ in length or are empty.
        ParameterError: for something that is no model, a number that is not finite, a resolution below 2, or a label
            without a class.

    >>> points, labels = [[0.0, 0.0], [1.0, 1.0]], [0, 1]
    >>> plot_decision_boundary(lambda x: x[0] + x[1] - 1, points, labels).get_xlabel()  # doctest: +SKIP
    'x1'
    """
    points, labels, members = classified(model, X, y)
    across, up = (_ticks([point[i] for point in points], whole(resolution, "resolution", least=2)) for i in (0, 1))
    with no_grad():
        logits = [[_logits(model([x1, x2]), threshold) for x1 in across] for x2 in up]
    classes = len(logits[0][0])
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


def classified(
    model: Any, X: Iterable[Sequence[float]], y: Iterable[Any]
) -> tuple[list[list[float]], list[Any], list[int]]:
    """Return examples of two numbers, their labels, and for each the class among those that the model tells apart.

    Raises:
        ShapeError, ParameterError: as :func:`plot_decision_boundary`.

    >>> classified(lambda x: x[0], [[0.0, 1.0], [1.0, 0.0]], [-1, 1])
    ([[0.0, 1.0], [1.0, 0.0]], [-1, 1], [0, 1])
    """
    if not callable(model):
        remedy = "use its model_" if hasattr(model, "predict") else "use model=nn.MLP(2, [8, 1])"
        raise ParameterError(f"model is a module or function of two inputs, got {type(model).__name__}; {remedy}")
    points, labels = [[real(x, "an example") for x in row] for row in X], list(y)
    if len(points) != len(labels) or not points:
        raise ShapeError(f"one label per example is needed, got {len(points)} examples and {len(labels)} labels")
    for point in points:
        if len(point) != 2:
            raise ShapeError(f"a decision boundary is drawn over two inputs, got an example of {len(point)} numbers")
        if not all(map(math.isfinite, point)):
            raise ParameterError(f"an example has two finite numbers, got {point}")
    with no_grad():
        classes = len(_logits(model(points[0])))
    return points, labels, [_class_of(label, classes) for label in labels]


def _axes(ax: Axes | None) -> Any:
    return _pyplot().subplots()[1] if ax is None else ax


def _two_axes(ax: Any) -> tuple[Any, Any]:
    if ax is None:
        ax = _pyplot().subplots(1, 2, figsize=(11, 4), layout="constrained")[1]
    try:
        left, right = ax
    except (TypeError, ValueError):
        raise ParameterError(f"ax is a pair of Axes for a log, got {ax!r:.60}; use pyplot.subplots(1, 2)[1]") from None
    return left, right


def _pyplot() -> Any:
    try:
        from matplotlib import pyplot
    except ImportError:
        raise MissingPackageError("matplotlib", "plotting", extra="plot") from None
    return pyplot


def _plain(name: str) -> str:
    """Return text that matplotlib shows as it is: no formula between dollars, no label hidden by its underscore."""
    text = printable(name).replace("$", r"\$")
    return f" {text}" if text.startswith("_") else text


def _ticks(numbers: list[float], count: int) -> list[float]:
    low, high = min(numbers), max(numbers)
    margin = 0.1 * (high - low) or 1.0
    low, high = low - margin, high + margin
    return [low + (high - low) * i / (count - 1) for i in range(count)]


def _logits(output: Any, threshold: float = 0.0) -> list[float]:
    """Return one number per class; a single score s counts as [t - s, s - t], t being the threshold."""
    logits = [float(logit) for logit in (output if is_list(output) else [output])]
    return logits if len(logits) > 1 else [threshold - logits[0], logits[0] - threshold]


def _class_of(label: Any, classes: int) -> int:
    if classes == 2 and label == -1:
        return 0
    if label not in range(classes):
        raise ParameterError(f"the model tells {classes} classes apart, and no class has the label {label!r}")
    return int(label)
