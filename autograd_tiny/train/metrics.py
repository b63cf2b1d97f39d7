"""Metrics: numbers to watch that are not the loss."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..errors import ParameterError, ShapeError
from ..nn.shapes import is_list
from ..primitive import real
from ..value import Value


def accuracy(outputs: Sequence[Any], targets: Sequence[Any], threshold: float = 0.0) -> float:
    """Share of right answers, between 0 and 1.

    Args:
        outputs: one score per example (or a list of just it), above the threshold for the positive class; or one
            list of logits per example, the largest for the predicted class.
        targets: for scores 1 (positive), and 0 or -1 (negative); for logits the index of the class.
        threshold: 0.0 for scores and logits; 0.5 for probabilities, as a model gives that ends in a sigmoid. For
            ``fit``: ``metrics={"accuracy": functools.partial(accuracy, threshold=0.5)}``.

    Raises:
        ShapeError: when the lengths differ or are 0.
        ParameterError: for a target that is no class.

    >>> accuracy([2.5, -0.1, 0.3], [1, -1, -1]) == 2 / 3
    True
    >>> accuracy([[0.1, 2.0], [3.0, -1.0]], [1, 0])
    1.0
    >>> accuracy([0.9, 0.2], [1, 0], threshold=0.5)
    1.0
    """
    answers = _answers("accuracy", outputs, targets, threshold)
    return sum(predicted == target for predicted, target in answers) / len(answers)


def precision(outputs: Sequence[Any], targets: Sequence[Any], threshold: float = 0.0) -> float:
    """Share of those called positive that are: true positives / (true + false positives); 0 if none is called so.

    Args, errors: as for :func:`accuracy`, with two classes.

    >>> precision([2.5, -0.1, 0.3], [1, 1, 0])
    0.5
    """
    answers = _answers("precision", outputs, targets, threshold, classes=2)
    called = [target for predicted, target in answers if predicted]
    return sum(called) / len(called) if called else 0.0


def recall(outputs: Sequence[Any], targets: Sequence[Any], threshold: float = 0.0) -> float:
    """Share of the positive examples that are called so: true positives / all positives; 0 if there is none.

    Args, errors: as for :func:`accuracy`, with two classes.

    >>> recall([2.5, -0.1, 0.3], [1, 1, 0])
    0.5
    """
    answers = _answers("recall", outputs, targets, threshold, classes=2)
    called = [predicted for predicted, target in answers if target]
    return sum(called) / len(called) if called else 0.0


def f1_score(outputs: Sequence[Any], targets: Sequence[Any], threshold: float = 0.0) -> float:
    """Harmonic mean of precision and recall, 2 p r / (p + r); 0 where both are.

    Args, errors: as for :func:`accuracy`, with two classes.

    >>> f1_score([2.5, -0.1, 0.3], [1, 1, 0])
    0.5
    """
    p, r = precision(outputs, targets, threshold), recall(outputs, targets, threshold)
    return 2 * p * r / (p + r) if p + r else 0.0


def _answers(
    metric: str, outputs: Sequence[Any], targets: Sequence[Any], threshold: float, classes: int | None = None
) -> list[tuple[int, int]]:
    """Return (predicted class, right class) pairs."""
    if len(outputs) != len(targets) or not len(outputs):
        raise ShapeError(f"{metric} needs one target per output, got {len(outputs)} outputs, {len(targets)} targets")
    return [_answer(metric, *pair, threshold, classes) for pair in zip(outputs, targets, strict=True)]


def _answer(metric: str, output: Any, target: Any, threshold: float, classes: int | None) -> tuple[int, int]:
    logits = [_number(metric, logit) for logit in (output if is_list(output) else [output])]
    if len(logits) == 1:
        if target not in (-1, 0, 1):
            raise ParameterError(
                f"the target of a single score is 1, and 0 or -1, got {target!r}; for more classes the model needs "
                "one output per class"
            )
        return int(logits[0] > threshold), int(target > 0)
    if classes not in (None, len(logits)):
        raise ParameterError(f"{metric} is of {classes} classes, got {len(logits)} logits; use accuracy")
    if target not in range(len(logits)):
        raise ParameterError(f"the target of {len(logits)} logits is 0 to {len(logits) - 1}, got {target!r}")
    return logits.index(max(logits)), int(target)


def _number(metric: str, output: Any) -> float:
    return output.data if isinstance(output, Value) else real(output, f"an output for {metric}")
