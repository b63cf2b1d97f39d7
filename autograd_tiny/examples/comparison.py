"""What the examples share that compare variants of one training: trainings that end on Ctrl-C, and curves side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .. import train
from ..plot import COLORS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

_SEEN_WELL = [color for color in COLORS if color != "#F0E442"]  # a thin yellow line on white is not
STYLES = list(zip(2 * _SEEN_WELL, 5 * ("-", "--", "-."), strict=False))
"""(color, linestyle) of the curves of one picture, in their order."""


def trained(model: Any, X: Sequence[Any], y: Sequence[Any], **settings: Any) -> train.History:
    """Train as ``train.fit`` does, and let Ctrl-C end the whole example.

    Args:
        model, X, y, settings: as for ``train.fit``.

    Raises:
        KeyboardInterrupt: when Ctrl-C has ended the training.
    """
    history = train.fit(model, X, y, **settings)
    if history.interrupted:
        raise KeyboardInterrupt
    return history


def draw_curves(
    axes: Axes,
    curves: Mapping[str, Sequence[float]],
    title: str,
    across: str = "epoch",
    up: str = "loss",
    scale: str = "log",
) -> None:
    """Draw numbers over epochs, steps or layers, counted from 1.

    Args:
        axes: where.
        curves: name -> numbers, at most as many as there are ``STYLES``.
        title: what is to be seen.
        across, up: the names of the axes.
        scale: of the numbers, ``"log"`` or ``"linear"``.
    """
    for (name, curve), (color, style) in zip(curves.items(), STYLES, strict=False):
        axes.plot(range(1, len(curve) + 1), curve, color=color, linestyle=style, linewidth=1.8, label=name)
    axes.set_title(title)
    axes.set_xlabel(across)
    axes.set_ylabel(up)
    axes.set_yscale(scale)
    if scale == "log":
        write_plainly(axes.yaxis)
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small")


def write_plainly(axis: Axis) -> None:
    """Write the numbers of a logarithmic axis as 0.2 or 1e-05, not as powers of 10."""
    from matplotlib.ticker import LogFormatter

    axis.set_major_formatter(LogFormatter())
    axis.set_minor_formatter(LogFormatter(minor_thresholds=(1.5, 0.6)))
