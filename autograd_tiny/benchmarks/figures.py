"""One line of the results of a benchmark: samples, their median and middle half, and whether a target is met."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median, quantiles
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.table import Table

UNITS = {"s": 1.0, "ms": 1e-3, "µs": 1e-6, "ns": 1e-9}


@dataclass(frozen=True)
class Figure:
    """One line of the results.

    Attributes:
        name: what was measured.
        samples: one number per round.
        unit: unit of the samples.
        at_least, at_most: the target, None where there is none.

    >>> Figure("slow / fast", [9.0, 11.0, 10.0], "x", at_least=8.0).cells()
    ('slow / fast', '10 x', '9.5 to 10.5', 'at least 8', 'yes')
    """

    name: str
    samples: list[float]
    unit: str
    at_least: float | None = None
    at_most: float | None = None

    @property
    def value(self) -> float:
        """The median."""
        return median(self.samples)

    @property
    def met(self) -> bool | None:
        """Whether the target is met, None without a target."""
        if self.at_least is None and self.at_most is None:
            return None
        low = -float("inf") if self.at_least is None else self.at_least
        high = float("inf") if self.at_most is None else self.at_most
        return low <= self.value <= high

    def cells(self) -> tuple[str, str, str, str, str]:
        """Return the line as text: name, median, middle half, target, met."""
        spread = ""
        if len(self.samples) > 2:
            low, _, high = quantiles(self.samples, n=4, method="inclusive")
            spread = f"{_digits(low)} to {_digits(high)}"
        target = ""
        if self.at_least is not None:
            target = f"at least {self.at_least:g}"
        if self.at_most is not None:
            target = f"at most {self.at_most:g}"
        met = {None: "", True: "yes", False: "NO"}[self.met]
        return self.name, f"{_digits(self.value)} {self.unit}", spread, target, met

    def record(self) -> dict[str, Any]:
        """Return the line as data."""
        return {**vars(self), "value": self.value, "met": self.met}


def time_figure(name: str, seconds: list[float], at_most: float | None = None) -> Figure:
    """Return the line of a time, in the unit that suits its median.

    Args:
        name: what was measured.
        seconds: one number per round.
        at_most: the target in seconds, None where there is none.

    >>> time_figure("step", [2e-5], at_most=1e-4).cells()
    ('step', '20 µs', '', 'at most 100', 'yes')
    """
    unit = next((unit for unit, size in UNITS.items() if median(seconds) >= size), "ns")
    size = UNITS[unit]
    return Figure(name, [s / size for s in seconds], unit, at_most=None if at_most is None else at_most / size)


def results_table(parts: Iterable[Iterable[Figure]]) -> Table:
    """Return the lines as a table, a rule between the parts."""
    from rich.table import Table

    table = Table("measurement", "median", "middle half", "target", "met")
    for part in parts:
        for figure in part:
            table.add_row(*figure.cells())
        table.add_section()
    return table


def _digits(number: float) -> str:
    return f"{number:.3g}" if number < 1000 else f"{number:.0f}"
