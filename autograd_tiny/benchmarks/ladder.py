"""The picture of the bench: the times of all engines as bars on a logarithmic scale, a panel for each work."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..plot import COLORS
from .figures import time_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

OURS, OTHERS = COLORS[0], COLORS[1]


def draw_ladder(figure: Figure, times: Mapping[str, Mapping[str, float]]) -> None:
    """Draw the median times, the slowest on top.

    Args:
        figure: an empty one.
        times: for each title of a panel the seconds of each engine; those whose name begins with "ours" stand out.
    """
    from matplotlib.ticker import EngFormatter, NullFormatter

    sizes = [len(bars) for bars in times.values()]
    grid: Any = figure.subplots(len(times), 1, squeeze=False, height_ratios=[size + 1 for size in sizes])
    panels = grid[:, 0]
    for axes, (title, bars) in zip(panels, times.items(), strict=True):
        names = sorted(bars, key=bars.__getitem__)
        colors = [OURS if name.startswith("ours") else OTHERS for name in names]
        drawn = axes.barh(names, [bars[name] for name in names], color=colors)
        axes.bar_label(drawn, [time_figure(name, [bars[name]]).cells()[1] for name in names], padding=3)
        axes.set_xscale("log")
        low, high = math.log10(min(bars.values()) / 2), math.log10(max(bars.values()) * 3)  # room for the labels
        axes.set_xlim(10 ** math.floor(low), 10 ** math.ceil(high))
        axes.xaxis.set_major_formatter(EngFormatter("s"))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_title(title, loc="left")
        axes.grid(axis="x", alpha=0.3)
        axes.set_axisbelow(True)
    panels[-1].set_xlabel("time, on a logarithmic scale")
