"""What is seen while a model trains: a bar with a sparkline in a terminal, a curve that grows in a notebook."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from io import BytesIO
from typing import Any, Protocol

from .history import History

LEVELS = "▁▂▃▄▅▆▇█"
SPARKS = 20  # characters of the sparkline
SECONDS_BETWEEN_PLOTS = 0.5


class Progress(Protocol):
    """What ``fit`` tells about."""

    def step(self, epoch: int, loss: float) -> None:
        """A step was made."""

    def epoch(self, history: History) -> None:
        """An epoch was finished."""


class Silence:
    """Shows nothing."""

    def step(self, epoch: int, loss: float) -> None:
        """Ignore a step."""

    def epoch(self, history: History) -> None:
        """Ignore an epoch."""


@contextmanager
def progress_of(shown: bool | None, epochs: int, steps: int, done: int) -> Iterator[Progress]:
    """Give what shows the progress of a training; the bar or plot is finished when the block ends.

    Args:
        shown: True for a bar on standard error, or a plot in a notebook; False for nothing; None for a bar only on
            a terminal, and a plot in a notebook.
        epochs: how many epochs there are to be.
        steps: how many steps an epoch has.
        done: how many epochs were finished before.
    """
    if shown is False:
        yield Silence()
    elif in_notebook():
        with closing(_Plot()) as plot:
            yield plot
    else:
        from rich.console import Console

        console = Console(stderr=True)
        if shown or console.is_terminal:
            with _bars(console) as bars:
                yield _Bar(bars, epochs, steps, done)
        else:
            yield Silence()


def _bars(console: Any) -> Any:
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    text = TextColumn("{task.description}", markup=False)
    bar = BarColumn(bar_width=20)
    return Progress(text, bar, TextColumn("ETA"), TimeRemainingColumn(), TimeElapsedColumn(), console=console)


class _Bar:
    """One line: the epoch, the latest numbers, the losses of the last epochs as a sparkline, the time."""

    def __init__(self, bars: Any, epochs: int, steps: int, done: int) -> None:
        self.bars, self.epochs = bars, epochs
        self.curves: dict[str, list[float]] = {"loss": []}
        self.task = bars.add_task("", total=epochs * steps, completed=done * steps)

    def step(self, epoch: int, loss: float) -> None:
        self.bars.update(self.task, advance=1, description=self._text(epoch, loss))

    def epoch(self, history: History) -> None:
        self.curves = history.curves()
        self.bars.update(self.task, description=self._text(history.epochs, history.loss[-1]))

    def _text(self, epoch: int, loss: float) -> str:
        numbers = {name: curve[-1] for name, curve in self.curves.items() if curve} | {"loss": loss}
        facts = [f"{name} {number:<8.4g}" for name, number in numbers.items()]
        return "  ".join([f"epoch {epoch}/{self.epochs}", *facts, sparkline(self.curves["loss"])])


class _Plot:
    """The curves so far as a picture that takes the place of the one before."""

    def __init__(self) -> None:
        self.history, self.handle, self.drawn_at = History(), None, -math.inf

    def step(self, epoch: int, loss: float) -> None:
        pass

    def epoch(self, history: History) -> None:
        self.history = history
        if time.monotonic() - self.drawn_at >= SECONDS_BETWEEN_PLOTS:
            self._draw()

    def close(self) -> None:
        if self.history.epochs:
            self._draw()

    def _draw(self) -> None:
        from IPython.display import display

        picture = _picture(self.history)
        if self.handle is None:
            self.handle = display(picture, display_id=True)
        else:
            self.handle.update(picture)
        self.drawn_at = time.monotonic()


def _picture(history: History) -> Any:
    """Return the curves as a picture that every notebook shows; the History itself without matplotlib."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return history
    from IPython.display import Image

    figure, png = Figure(figsize=(6, 3.5), dpi=100, layout="constrained"), BytesIO()
    history.plot(figure.subplots())
    figure.savefig(png, format="png")
    return Image(png.getvalue(), format="png")


def sparkline(numbers: Sequence[float], width: int = SPARKS) -> str:
    """Return the last numbers as a row of bars, the lowest for the smallest of them; those not finite are left out.

    >>> sparkline([8.0, 4.0, 2.0, 1.0]), sparkline([1.0, 1.0])
    ('█▄▂▁', '▁▁')
    """
    shown = [x for x in numbers[-width:] if math.isfinite(x)]
    low = min(shown, default=0.0)
    spread = (max(shown, default=0.0) - low) or 1.0
    return "".join(LEVELS[round((x - low) / spread * (len(LEVELS) - 1))] for x in shown)


def in_notebook() -> bool:
    """Whether the code runs in a notebook, that is in an IPython kernel.

    >>> in_notebook()
    False
    """
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return getattr(shell, "kernel", None) is not None
