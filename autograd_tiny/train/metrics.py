"""Metrics: numbers to watch that are not the loss."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..errors import ParameterError, ShapeError
from ..nn.shapes import is_list


def accuracy(outputs: Sequence[Any], targets: Sequence[Any]) -> float:
    """Share of right answers, between 0 and 1.

    Args:
        outputs: one score per example (or a list of just it), above 0 for the positive class; or one list of
            logits per example, the largest for the predicted class.
        targets: for scores 1 (positive), and 0 or -1 (negative); for logits the index of the class.

    Raises:
        ShapeError: when the lengths differ or are 0.
        ParameterError: for a target that is no class.

    >>> accuracy([2.5, -0.1, 0.3], [1, -1, -1]) == 2 / 3
    True
    >>> accuracy([[0.1, 2.0], [3.0, -1.0]], [1, 0])
    1.0
    """
    answers = _answers("accuracy", outputs, targets)
    return sum(predicted == target for predicted, target in answers) / len(answers)


def precision(outputs: Sequence[Any], targets: Sequence[Any]) -> float:
    """Share of the examples called positive that are: true positives / (true + false positives); 0 if none is called.

    Args, errors: as for :func:`accuracy`, with two classes.

    >>> precision([2.5, -0.1, 0.3], [1, 1, 0])
    0.5
    """
    called = [target for predicted, target in _answers("precision", outputs, targets, classes=2) if predicted]
    return sum(called) / len(called) if called else 0.0


def recall(outputs: Sequence[Any], targets: Sequence[Any]) -> float:
    """Share of the positive examples that are called so: true positives / all positives; 0 if there is none.

    Args, errors: as for :func:`accuracy`, with two classes.

    >>> recall([2.5, -0.1, 0.3], [1, 1, 0])
    0.5
    """
    called = [predicted for predicted, target in _answers("recall", outputs, targets, classes=2) if target]
    return sum(called) / len(called) if called else 0.0


def f1_score(outputs: Sequence[Any], targets: Sequence[Any]) -> float:
    """Harmonic mean of precision and recall, 2 p r / (p + r); 0 where both are.

    Args, errors: as for :func:`accuracy`, with two classes.

    >>> f1_score([2.5, -0.1, 0.3], [1, 1, 0])
    0.5
    """
    p, r = precision(outputs, targets), recall(outputs, targets)
    return 2 * p * r / (p + r) if p + r else 0.0


def _answers(
    metric: str, outputs: Sequence[Any], targets: Sequence[Any], classes: int | None = None
) -> list[tuple[int, int]]:
    """Return (predicted class, right class) pairs."""
    if len(outputs) != len(targets) or not len(outputs):
        raise ShapeError(f"{metric} needs one target per output, got {len(outputs)} outputs, {len(targets)} targets")
    return [_answer(metric, *pair, classes) for pair in zip(outputs, targets, strict=True)]


def _answer(metric: str, output: Any, target: Any, classes: int | None) -> tuple[int, int]:
    logits = [float(logit) for logit in output] if is_list(output) else [float(output)]
    if len(logits) == 1:
        if target not in (-1, 0, 1):
            raise ParameterError(
                f"the target of a single score is 1, and 0 or -1, got {target!r}; for more classes the model needs "
                "one output per class"
            )
        return int(logits[0] > 0), int(target > 0)
    if classes not in (None, len(logits)):
        raise ParameterError(f"{metric} is of {classes} classes, got {len(logits)} logits; use accuracy")
    if target not in range(len(logits)):
        raise ParameterError(f"the target of {len(logits)} logits is 0 to {len(logits) - 1}, got {target!r}")
    return logits.index(max(logits)), int(target)
