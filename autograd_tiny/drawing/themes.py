"""Themes, colour ramps and the log scale behind them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..errors import ParameterError
from ..graph import number_text


@dataclass(frozen=True, slots=True)
class Theme:
    """The colours of a picture.

    Attributes:
        background, text, line: of the page, of what is written, of edges and borders.
        faint_text, faint_line: of what is not highlighted.
        leaf, result, root, constant, box: fills of nodes, and of boxes that stand for several.
        cluster: border of a module's frame.
        accent: of what is highlighted.
        positive, negative: weights by sign.
        bad: nan and inf.
        ramp: from the smallest gradient to the largest.
    """

    background: str
    text: str
    line: str
    faint_text: str
    faint_line: str
    leaf: str
    result: str
    root: str
    constant: str
    box: str
    cluster: str
    accent: str
    positive: str
    negative: str
    bad: str
    ramp: tuple[str, ...]


# Hues that everybody tells apart (Okabe & Ito 2008, "Color Universal Design"), lightened or darkened for backgrounds.
# The ramp goes from blue to yellow while it gets lighter steadily, so that it reads in grey and without red and green.
BLUE_TO_YELLOW = ("#16315f", "#42527a", "#7b7c82", "#b9a970", "#f4df52")
THEMES = {
    "light": Theme(
        background="#ffffff", text="#1a1a1a", line="#555555", faint_text="#a8a8a8", faint_line="#dddddd",
        leaf="#d6ebf8", result="#ffffff", root="#fdecc8", constant="#eeeeee", box="#e4efe9", cluster="#9aa4ad",
        accent="#d55e00", positive="#0072b2", negative="#d55e00", bad="#f2a0c8", ramp=BLUE_TO_YELLOW,
    ),
    "dark": Theme(
        background="#15181d", text="#eceff2", line="#9aa3ad", faint_text="#666d75", faint_line="#353b43",
        leaf="#173f5a", result="#262b32", root="#5b4312", constant="#33383f", box="#1f4237", cluster="#59636e",
        accent="#ffb347", positive="#56b4e9", negative="#f0883e", bad="#a1316b", ramp=BLUE_TO_YELLOW,
    ),
    "print": Theme(
        background="#ffffff", text="#000000", line="#000000", faint_text="#999999", faint_line="#bbbbbb",
        leaf="#ffffff", result="#ffffff", root="#ffffff", constant="#ffffff", box="#ffffff", cluster="#777777",
        accent="#000000", positive="#000000", negative="#000000", bad="#ffffff", ramp=("#ffffff", "#555555"),
    ),
}  # fmt: skip


def one_of(what: str, given: object, allowed: Iterable[str]) -> None:
    """Refuse anything but one of the allowed words.

    Raises:
        ParameterError: naming them.
    """
    words = list(allowed)
    if given not in words:
        listed = ", ".join(map(repr, words[:-1]))
        raise ParameterError(f"{what} is {listed} or {words[-1]!r}, got {given!r}")


def blend(stops: Sequence[str], position: float) -> str:
    """Return the colour at a position from 0 to 1 of a ramp.

    >>> blend(["#000000", "#ffffff"], 0.5)
    '#808080'
    """
    k = min(int(position * (len(stops) - 1)), len(stops) - 2)
    share = position * (len(stops) - 1) - k
    pairs = zip(_channels(stops[k]), _channels(stops[k + 1]), strict=True)
    return "#" + "".join(f"{round(low + (high - low) * share):02x}" for low, high in pairs)


def ink(fill: str) -> str:
    """Return black or white, whichever reads better on a fill.

    That is the one with the greater contrast ratio of WCAG 2.2, https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio.

    >>> ink("#16315f"), ink("#f4df52")
    ('#ffffff', '#000000')
    """
    light = _luminance(fill) + 0.05
    return "#000000" if light / 0.05 > 1.05 / light else "#ffffff"


def _channels(colour: str) -> tuple[int, ...]:
    return tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5))


def _luminance(colour: str) -> float:
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (n / 255 for n in _channels(colour))]
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


class LogScale:
    """Magnitudes on a log scale that covers what there is, at most ``decades`` of it below the largest.

    Args:
        numbers: the magnitudes; zeros and what is not finite have no place on it.
        decades: smaller numbers are put at the low end.

    >>> scale = LogScale([0.0, 0.01, 1.0, 100.0])
    >>> scale.position(1.0), scale.ticks(3)
    (0.5, [(0.0, '0.01'), (0.5, '1'), (1.0, '100')])
    """

    def __init__(self, numbers: Iterable[float], decades: float = 6) -> None:
        placed = [math.log10(number) for number in numbers if 0 < number < math.inf]
        self.empty = not placed
        self.high = max(placed, default=0.0)
        self.low = max(min(placed, default=0.0), self.high - decades)

    def position(self, number: float) -> float:
        """Return the place of a number above 0, from 0 to 1; what is not finite is at the high end."""
        if self.high == self.low or not number < math.inf:
            return 1.0
        return min(max((math.log10(number) - self.low) / (self.high - self.low), 0.0), 1.0)

    def ticks(self, count: int) -> list[tuple[float, str]]:
        """Return (position, number) pairs evenly placed from the low to the high end, the numbers of two digits."""
        places = [k / (count - 1) for k in range(count)] if self.high > self.low else [1.0]
        numbers = [10 ** (self.low + place * (self.high - self.low)) for place in places]
        return [(place, number_text(float(f"{number:.2g}"))) for place, number in zip(places, numbers, strict=True)]
