"""fit: the training loop, its History, a progress bar, and errors that say where a loss went wrong."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any, Protocol

from .errors import AnomalyError, ParameterError, ShapeError
from .primitive import whole
from .recording import detect_anomaly
from .seeds import generator
from .value import Value, lift


class Optimizer(Protocol):
    """What ``fit`` needs of an optimiser."""

    params: list[Value]

    def step(self) -> None:
        """Move the parameters along their gradients."""

    def zero_grad(self) -> None:
        """Forget the gradients."""


@dataclass
class History:
    """How a training went, one entry per finished epoch.

    Attributes:
        loss: the mean loss over the epoch's examples, each taken just before the step that used it.
        metrics: name -> list of numbers, computed from the same outputs.
        interrupted: whether Ctrl-C ended the training.

    >>> History(loss=[0.7, 0.1], metrics={"accuracy": [0.5, 1.0]})
    History(epochs=2, loss 0.7 -> 0.1, accuracy 0.5 -> 1)
    """

    loss: list[float] = field(default_factory=list)
    metrics: dict[str, list[float]] = field(default_factory=dict)
    interrupted: bool = False

    @property
    def epochs(self) -> int:
        """How many epochs were finished."""
        return len(self.loss)

    def __repr__(self) -> str:
        curves = [
            f", {name} {curve[0]:.4g} -> {curve[-1]:.4g}"
            for name, curve in {"loss": self.loss, **self.metrics}.items()
            if curve
        ]
        return f"History(epochs={self.epochs}{''.join(curves)}{', interrupted' if self.interrupted else ''})"


Loss = Callable[[list[Any], list[Any]], Value]
"""(outputs of a batch, its targets) -> the number to minimise."""
Metric = Callable[[list[Any], list[Any]], float]
"""(outputs of an epoch as floats, its targets) -> a number to watch."""


def fit(
    model: Callable[[Any], Any],
    X: Iterable[Any],
    y: Iterable[Any],
    *,
    loss: Loss,
    optimizer: Optimizer,
    epochs: int,
    batch_size: int | None = None,
    rng: Random | int | None = None,
    metrics: Mapping[str, Metric] | None = None,
    callbacks: Iterable[Callable[[History], Any]] = (),
    progress: bool | None = None,
) -> History:
    """Train a model: in each step compute the loss of a batch, ``backward()``, move the parameters.

    Ctrl-C ends the training and returns the History so far; the model keeps what it has learned.

    Args:
        model: called with one example at a time; a ``Module`` or any function of Values.
        X: the examples, each a number or a (nested) list of numbers; they become Values once, at the start.
        y: one target per example, handed to ``loss`` as it is.
        loss: (list of outputs, list of targets) -> Value, for example ``nn.hinge_loss``.
        optimizer: holds the parameters, for example ``SGD(model.parameters(), lr=0.1)``.
        epochs: how often to go through all examples, at least 1.
        batch_size: examples per step, at least 1; None takes all at once.
        rng: a ``random.Random``, an int seed, or None for seed 0: the order of the examples, which is
            shuffled every epoch unless one batch holds them all.
        metrics: name -> (outputs as floats, targets) -> number, for example ``{"accuracy": accuracy}``.
        callbacks: called with the History after every epoch; returning True ends the training.
        progress: True shows a progress bar on standard error, False none, None only on a terminal.

    Returns:
        The History of losses and metrics.

    Raises:
        ShapeError: when X and y differ in length or are empty.
        ParameterError: for a number out of range, or an optimiser that holds none of the model's parameters.
        AnomalyError: when a loss or gradient is not finite; names the epoch and the first node that went
            wrong. The parameters stay as they were before that step.

    >>> from autograd_tiny.nn import MLP, mse_loss
    >>> from autograd_tiny.optim import SGD
    >>> model = MLP(1, [1], rng=0)
    >>> optimizer = SGD(model.parameters(), lr=0.5)
    >>> history = fit(model, [[0.0], [1.0]], [1.0, 3.0], loss=mse_loss, optimizer=optimizer, epochs=100)
    >>> history.epochs, round(model([2.0]).data, 3)
    (100, 5.0)
    """
    if not callable(model) or not callable(loss):
        raise ParameterError(f"model and loss are functions, got {model!r:.60} and {loss!r:.60}; use loss=nn.mse_loss")
    if metrics is not None and not (isinstance(metrics, Mapping) and all(map(callable, metrics.values()))):
        raise ParameterError(f'metrics maps names to functions, got {metrics!r:.60}; use {{"accuracy": accuracy}}')
    examples, targets = [_lifted(x) for x in X], list(y)
    if len(examples) != len(targets) or not examples:
        raise ShapeError(f"fit needs one target per example, got {len(examples)} examples and {len(targets)} targets")
    epochs = whole(epochs, "epochs")
    size = len(examples) if batch_size is None else min(whole(batch_size, "batch_size"), len(examples))
    _check_optimizer(optimizer, model)
    rng, metrics, callbacks = generator(rng, "rng"), dict(metrics or {}), list(callbacks)
    history = History(metrics={name: [] for name in metrics})
    order = list(range(len(examples)))
    try:
        with _progress_bar(progress, epochs * math.ceil(len(order) / size)) as advance:
            for epoch in range(1, epochs + 1):
                if size < len(order):
                    rng.shuffle(order)
                total, outputs = 0.0, []
                for start in range(0, len(order), size):
                    batch = order[start : start + size]
                    batch_loss, batch_outputs = _step(
                        model, [examples[i] for i in batch], [targets[i] for i in batch], loss, optimizer, epoch
                    )
                    total += batch_loss * len(batch)
                    outputs += batch_outputs
                    advance(_status(epoch, epochs, batch_loss, history.metrics))
                ordered = [targets[i] for i in order]
                measured = {name: float(metric(outputs, ordered)) for name, metric in metrics.items()}
                history.loss.append(total / len(order))
                for name, number in measured.items():
                    history.metrics[name].append(number)
                advance(_status(epoch, epochs, history.loss[-1], history.metrics), steps=0)
                answers = [callback(history) for callback in callbacks]
                if any(answer is True for answer in answers):
                    break
    except KeyboardInterrupt:
        history.interrupted = True
    return history


def _step(
    model: Callable[[Any], Any], examples: list[Any], targets: list[Any], loss: Loss, optimizer: Optimizer, epoch: int
) -> tuple[float, list[Any]]:
    """Train on one batch; return its loss and its outputs as floats, so that no graph outlives the step."""

    def forward() -> tuple[Value, list[Any]]:
        outputs = [model(x) for x in examples]
        result = loss(outputs, targets)
        if not isinstance(result, Value):
            raise ParameterError(f"loss returns one Value computed from the outputs, got {result!r:.60}")
        return result, outputs

    optimizer.zero_grad()
    result, outputs = forward()
    if not math.isfinite(result):
        raise AnomalyError(f"epoch {epoch}: the loss is {float(result)}; {_first_anomaly(forward, optimizer)}")
    result.backward()
    if not all(math.isfinite(parameter.grad) for parameter in optimizer.params):
        raise AnomalyError(f"epoch {epoch}: a gradient is not finite; {_first_anomaly(forward, optimizer)}")
    optimizer.step()
    return float(result), [_floats(output) for output in outputs]


def _first_anomaly(forward: Callable[[], tuple[Value, list[Any]]], optimizer: Optimizer) -> str:
    """Compute the batch again with every node watched, and return in words which one went wrong first."""
    optimizer.zero_grad()
    try:
        with detect_anomaly():
            forward()[0].backward()
    except AnomalyError as error:
        return f"{error}; try a smaller learning rate, or inputs scaled to about -1 to 1"
    return "computed again it is finite: does the model or the loss draw random numbers?"


def accuracy(outputs: Sequence[Any], targets: Sequence[Any]) -> float:
    """Share of right answers, between 0 and 1.

    Args:
        outputs: one score per example (or a list of just it), above 0 for the positive class; or one list of
            logits per example, the largest for the predicted class.
        targets: for scores 1 (positive), and 0 or -1 (negative); for logits the index of the class.

    Raises:
        ShapeError: when the lengths differ or are 0.
        ParameterError: for a target of a score that is not -1, 0 or 1.

    >>> accuracy([2.5, -0.1, 0.3], [1, -1, -1]) == 2 / 3
    True
    >>> accuracy([[0.1, 2.0], [3.0, -1.0]], [1, 0])
    1.0
    """
    if len(outputs) != len(targets) or not len(outputs):
        raise ShapeError(f"accuracy needs one target per output, got {len(outputs)} outputs, {len(targets)} targets")
    return sum(map(_is_right, outputs, targets)) / len(outputs)


def _is_right(output: Any, target: Any) -> bool:
    logits = [float(logit) for logit in output] if isinstance(output, Iterable) else [float(output)]
    if len(logits) > 1:
        return bool(logits.index(max(logits)) == target)
    if target not in (-1, 0, 1):
        raise ParameterError(
            f"the target of a single score is 1, and 0 or -1, got {target!r}; for more classes the model needs "
            "one output per class"
        )
    return bool((logits[0] > 0) == (target > 0))


def _lifted(x: Any) -> Any:
    return [_lifted(item) for item in x] if isinstance(x, Iterable) and not isinstance(x, str) else lift(x)


def _floats(output: Any) -> Any:
    return [_floats(item) for item in output] if isinstance(output, (list, tuple)) else float(output)


def _check_optimizer(optimizer: Any, model: Any) -> None:
    if isinstance(optimizer, type) or not all(hasattr(optimizer, name) for name in ("params", "step", "zero_grad")):
        raise ParameterError(f"optimizer is an object, got {optimizer!r}; use SGD(model.parameters(), lr=0.1)")
    if hasattr(model, "parameters") and set(model.parameters()).isdisjoint(optimizer.params):
        raise ParameterError(
            "the optimizer holds none of the model's parameters, so nothing would be learned; "
            "make it again after the model: SGD(model.parameters(), lr=0.1)"
        )


def _status(epoch: int, epochs: int, loss: float, metrics: dict[str, list[float]]) -> str:
    numbers = {"loss": loss} | {name: curve[-1] for name, curve in metrics.items() if curve}
    return "  ".join([f"epoch {epoch}/{epochs}"] + [f"{name} {number:<8.4g}" for name, number in numbers.items()])


@contextmanager
def _progress_bar(shown: bool | None, steps: int) -> Iterator[Callable[..., None]]:
    """Give a function ``advance(text, steps=1)``; it draws nothing when no bar is wanted."""
    if shown is not False:
        from rich.console import Console

        console = Console(stderr=True)
        shown = shown or console.is_terminal
    if not shown:
        yield lambda text, steps=1: None
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("ETA"),
        TimeRemainingColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("", total=steps)

        def advance(text: str, steps: int = 1) -> None:
            bar.update(task, advance=steps, description=text)

        yield advance
