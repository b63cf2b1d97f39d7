"""Where an example tells its story: text and tables on a console, pictures in a folder."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import MissingPackageError

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from rich.console import Console


@dataclass(frozen=True)
class Options:
    """What the reader may choose; None leaves it to the example.

    Attributes:
        epochs: how often to go through the data.
        lr: the learning rate.
        seed: decides the first weights and every other random number.
        data: a file of the reader's own.
        animate: whether to draw the training as an animation too.
        checkpoint: a file to keep the state of the training in.
        resume: go on from that file.
        jit: whether to train in compiled code, to the same numbers up to rounding.
    """

    epochs: int | None = None
    lr: float | None = None
    seed: int = 0
    data: Path | None = None
    animate: bool = False
    checkpoint: Path | None = None
    resume: bool = False
    jit: bool | None = None

    @property
    def resuming(self) -> bool:
        """Whether there is a checkpoint to go on from."""
        return self.resume and self.checkpoint is not None and self.checkpoint.exists()

    def rate_text(self, lr: float) -> str:
        """Return the learning rate in words; in a checkpoint it may be another than the example's."""
        return "the lr of the checkpoint" if self.resuming else f"lr {lr:g}"


class Stage:
    """A console and a folder.

    Args:
        folder: where the pictures go.
        console: where the story is told.
    """

    def __init__(self, folder: Path, console: Console) -> None:
        self.folder, self.console = folder, console

    def open(self) -> None:
        """Make the folder and see that it can be written to, before long work starts that would have nowhere to go.

        Raises:
            OSError: when it cannot.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder = self.folder.resolve()
        if not os.access(self.folder, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(self.folder))

    def title(self, text: str) -> None:
        """Begin a part of the story."""
        self.console.rule(text)

    def say(self, text: str) -> None:
        """Print text, wrapped."""
        self.console.print(text, markup=False, highlight=False)

    def show(self, text: str) -> None:
        """Print what must not be wrapped: a table, a tree, a path to copy."""
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def table(self, headings: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """Print a table, numbers to the right."""
        from rich import box
        from rich.table import Table
        from rich.text import Text

        rows = [list(row) for row in rows]
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for i, heading in enumerate(headings):
            words = any(isinstance(row[i], str) for row in rows)
            table.add_column(heading, justify="left" if words else "right")
        for row in rows:
            table.add_row(*[Text(cell if isinstance(cell, str) else f"{cell:.6g}") for cell in row])
        self.console.print(table)

    def figure(self, name: str, draw_on: Callable[[Figure], Any], width: float = 6.4, height: float = 4.8) -> None:
        """Draw a picture with matplotlib and save it.

        Args:
            name: of the file, such as ``"loss.png"``.
            draw_on: called with an empty figure.
            width, height: in inches.
        """

        def save(path: Path) -> None:
            try:
                from matplotlib.figure import Figure
            except ImportError:
                raise MissingPackageError("matplotlib", "plotting", extra="plot") from None
            figure = Figure(figsize=(width, height), layout="constrained")  # pyplot may want a screen
            draw_on(figure)
            figure.savefig(path, dpi=150)

        self.picture(name, save)

    def picture(self, name: str, save: Callable[[Path], Any]) -> None:
        """Save a picture; without the package it needs, say so and go on."""
        path = self.folder / name
        try:
            save(path)
        except MissingPackageError as error:
            self.show(f"No {path.name}: {error}")
        else:
            self.show(f"wrote {path}")
