"""Curves side by side, for the examples that compare variants of a training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ..plot import COLORS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

_SEEN_WELL = [color for color in COLORS if color != "#F0E442"]  # a thin yellow line on white is not
LINES = [*zip(_SEEN_WELL, 3 * ("-", "--", "-."), strict=False), *((color, ":") for color in _SEEN_WELL)]
"""(color, linestyle) of the curves of one picture, in their order."""


def draw_comparison(figure: Figure, curves: Mapping[str, Sequence[float]], title: str, **names: str) -> None:
    """Draw curves on the one Axes of a figure, and their names beside it; arguments as for :func:`draw_curves`."""
    axes = figure.subplots()
    draw_curves(axes, curves, title, **names)
    name_beside(figure, axes)


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
        curves: name -> numbers, at most as many as there are ``LINES``.
        title: what is to be seen.
        across, up: the names of the axes.
        scale: of the numbers, ``"log"`` or ``"linear"``.
    """
    for (name, curve), (color, style) in zip(curves.items(), LINES, strict=False):
        axes.plot(range(1, len(curve) + 1), curve, color=color, linestyle=style, linewidth=1.8, label=name)
    axes.set_title(title)
    axes.set_xlabel(across)
    axes.set_ylabel(up)
    axes.set_yscale(scale)
    if scale == "log":
        write_plainly(axes.yaxis)
    axes.grid(alpha=0.3)


def name_beside(figure: Figure, axes: Axes) -> None:
    """Write the names of the curves of one Axes to the right of the figure, where they hide none."""
    figure.legend(*axes.get_legend_handles_labels(), loc="outside right upper", fontsize="small")


def write_plainly(axis: Axis) -> None:
    """Write the numbers of a logarithmic axis as 0.2 or 1e-05, not as powers of 10."""
    low, high = axis.get_view_interval()
    axis.set_major_formatter("{x:g}")
    few = high < 100 * low
    axis.set_minor_formatter(lambda x, _: f"{x:g}" if few and f"{x:e}"[0] in "25" else "")
