"""A film of a decision boundary while the model learns, as a GIF or a web page."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

from .errors import MissingPackageError, ParameterError, ShapeError
from .files import write_atomically
from .plot import classified, plot_decision_boundary
from .primitive import whole

FRAMES_PER_SECOND = 8
PAUSE = 8  # frames for which the last picture stays


class Learner(Protocol):
    """A model whose state can be kept and brought back: a Module."""

    def __call__(self, x: Any) -> Any:
        """Return the output for one example."""

    def state_dict(self) -> dict[str, Any]:
        """Return all numbers."""

    def load_state_dict(self, state: dict[str, Any]) -> Any:
        """Set all numbers."""


class BoundaryFilm:
    """A callback for ``fit`` that keeps the model's state after every epoch, and plays the states as a film.

    Args:
        model: a Module with two inputs, as for ``plot_decision_boundary``.
        X, y: the examples drawn on top.
        frames: how many epochs to show, evenly spread, at least 2.
        resolution: how many places along each side the model is asked at.

    Raises:
        ParameterError, ShapeError: for less than 2 frames, something that is no Module, and what
            ``plot_decision_boundary`` refuses.

    >>> from autograd_tiny.nn import MLP
    >>> film = BoundaryFilm(MLP(2, [1], rng=0), [[0.0, 0.0], [1.0, 1.0]], [0, 1])
    >>> film.save("film.txt")
    Traceback (most recent call last):
    autograd_tiny.errors.ParameterError: a film is a .gif or .html file, got film.txt
    """

    def __init__(
        self, model: Learner, X: Iterable[Sequence[float]], y: Iterable[Any], frames: int = 40, resolution: int = 40
    ) -> None:
        if not hasattr(model, "state_dict"):
            raise ParameterError(f"model is the Module that is trained, got {type(model).__name__}")
        self.model, (self.X, self.y, _) = model, classified(model, X, y)
        self.frames, self.resolution = whole(frames, "frames", least=2), whole(resolution, "resolution", least=2)
        self.states: list[tuple[str, dict[str, Any]]] = [("before training", model.state_dict())]

    def __call__(self, history: Any) -> None:
        """Keep the state after an epoch."""
        self.states.append((f"epoch {history.epochs}, loss {history.loss[-1]:.3g}", self.model.state_dict()))

    def state_dict(self) -> dict[str, Any]:
        """Return what a checkpoint keeps: the states so far."""
        return {"states": [list(state) for state in self.states]}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a checkpoint."""
        self.states = [(str(title), dict(numbers)) for title, numbers in state["states"]]

    def save(self, path: Any) -> None:
        """Write the film, whole or not at all; the model is left as it is.

        Args:
            path: a ``.gif`` file, or an ``.html`` page with buttons that needs nothing else.

        Raises:
            ParameterError: for another ending.
            ShapeError: when no epoch was finished.
            MissingPackageError: when matplotlib is not installed.
        """
        path = Path(path)
        if path.suffix not in (".gif", ".html"):
            raise ParameterError(f"a film is a .gif or .html file, got {path}")
        if len(self.states) < 2:
            raise ShapeError("a film needs at least one finished epoch, got none; use fit(..., callbacks=[film])")
        try:
            from matplotlib.animation import FuncAnimation, HTMLWriter, PillowWriter
            from matplotlib.backends.backend_agg import FigureCanvasAgg
            from matplotlib.figure import Figure
        except ImportError:
            raise MissingPackageError("matplotlib", "plotting", extra="plot") from None
        figure = Figure(figsize=(4.8, 4.0), dpi=100, layout="constrained")
        FigureCanvasAgg(figure)  # the writer draws on it
        shown = self._chosen()
        before = self.model.state_dict()
        try:
            animation = FuncAnimation(figure, self._draw_on(figure, shown), frames=len(shown) + PAUSE, init_func=_blank)
            writer = (
                PillowWriter(fps=FRAMES_PER_SECOND)
                if path.suffix == ".gif"
                else HTMLWriter(fps=FRAMES_PER_SECOND, embed_frames=True)
            )
            with TemporaryDirectory() as folder:
                film = Path(folder) / f"film{path.suffix}"
                animation.save(film, writer=writer)
                write_atomically(path, film.read_bytes())
        finally:
            self.model.load_state_dict(before)

    def _chosen(self) -> list[tuple[str, dict[str, Any]]]:
        last = len(self.states) - 1
        count = min(self.frames, len(self.states))
        return [self.states[round(i * last / (count - 1))] for i in range(count)]

    def _draw_on(self, figure: Any, shown: list[tuple[str, dict[str, Any]]]) -> Callable[[int], Sequence[Any]]:
        def draw(number: int) -> Sequence[Any]:
            if number < len(shown):
                title, state = shown[number]
                self.model.load_state_dict(state)
                figure.clear()
                axes = plot_decision_boundary(self.model, self.X, self.y, figure.subplots(), self.resolution)
                axes.set_title(title)
            return ()

        return draw


def _blank() -> Sequence[Any]:
    """Start from nothing: the first frame draws itself."""
    return ()
