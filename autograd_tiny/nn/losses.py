"""Losses: how far the outputs of a model are from the targets, as one number to minimise."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

from .. import ops
from ..errors import ParameterError, ShapeError
from ..value import Number

Numbers: TypeAlias = "Number | Sequence[Any]"
"""A number or Value, or a list of Numbers."""


def mse_loss(input: Numbers, target: Numbers, reduction: str = "mean") -> Any:
    """Squared error, (input - target)^2, averaged over all numbers.

    Args:
        input: the outputs: a number, or a list of numbers or of lists.
        target: the wanted numbers, in the same structure.
        reduction: ``"mean"``, ``"sum"``, or ``"none"`` for the flat list of squares.

    Returns:
        A Value; a list of them for ``"none"``; floats when nothing given is a Value.

    Raises:
        ShapeError: when input and target differ in structure, or are empty.
        ParameterError: for an unknown reduction.

    >>> mse_loss([1.0, 4.0], [1.0, 2.0])
    2.0
    """
    losses = [ops.power(x - t, n=2) for x, t in _pairs("mse_loss", input, target)]
    return _reduced(losses, reduction, _is_list(input))


def cross_entropy(logits: Sequence[Any], index: Any, reduction: str = "mean") -> Any:
    """Negative log-probability of the right class, logsumexp(logits) - logits[index], averaged over examples.

    The probabilities are softmax(logits): hand over the raw outputs of a model, without a softmax.

    Args:
        logits: one number per class; or a list of such lists, one per example.
        index: the right class, 0 <= index < number of classes; or a list of them, one per example.
        reduction: ``"mean"``, ``"sum"`` or ``"none"`` over the examples.

    Returns:
        A Value; a list of them for ``"none"`` of several examples; floats when nothing given is a Value.

    Raises:
        ShapeError: when the numbers of examples differ, or there is none.
        ParameterError: for an index that is no class, or an unknown reduction.

    >>> round(cross_entropy([0.0, 0.0], 1), 6)
    0.693147
    >>> round(cross_entropy([[0.0, 0.0], [5.0, 5.0]], [1, 0], reduction="sum"), 6)
    1.386294
    """
    if not _is_list(logits):
        raise ShapeError(f"cross_entropy needs a list of logits, one per class, got {logits!r}")
    batch = _is_list(index)
    examples = list(zip(*_alike("cross_entropy", logits, index), strict=True)) if batch else [(logits, index)]
    return _reduced([_cross_entropy_of_one(*example) for example in examples], reduction, batch)


def _cross_entropy_of_one(logits: Any, index: Any) -> Any:
    if not _is_list(logits) or any(map(_is_list, logits)):
        raise ShapeError(
            f"cross_entropy needs a list of logits for each index, got {logits!r} for index {index!r}; "
            "several examples are a list of lists and a list of indices"
        )
    logits = list(logits)
    try:
        i = operator.index(index)
    except TypeError:
        i = -1
    if not 0 <= i < len(logits):
        raise ParameterError(
            f"cross_entropy needs a class index, a whole number from 0 to {len(logits) - 1}, got {index!r}"
        )
    return ops.logsumexp(logits) - logits[i]


def hinge_loss(input: Numbers, target: Numbers, reduction: str = "mean") -> Any:
    """Hinge of each score, max(0, 1 - target * input): zero once a score is right by 1 or more.

    Args:
        input: the scores: a number, or a list of them.
        target: -1 or 1 for each score.
        reduction: ``"mean"``, ``"sum"`` or ``"none"`` over the scores.

    Returns:
        A Value; a list of them for ``"none"``; floats when nothing given is a Value.

    Raises:
        ShapeError: when input and target differ in structure, or are empty.
        ParameterError: for another target, or an unknown reduction.

    >>> hinge_loss([2.0, -0.5], [1, 1])
    0.75
    """
    losses = []
    for score, y in _pairs("hinge_loss", input, target):
        if y != 1 and y != -1:
            raise ParameterError(f"hinge_loss needs targets -1 or 1, got {y!r}; turn labels 0 and 1 into 2 * y - 1")
        losses.append(ops.relu(1 - y * score))
    return _reduced(losses, reduction, _is_list(input))


def _is_list(thing: Any) -> bool:
    return isinstance(thing, Iterable) and not isinstance(thing, (str, bytes))


def _alike(loss: str, input: Any, target: Any) -> tuple[list[Any], list[Any]]:
    inputs, targets = list(input), list(target)
    if len(inputs) != len(targets):
        raise ShapeError(f"{loss} needs one target per input, got {len(inputs)} inputs and {len(targets)} targets")
    if not inputs:
        raise ShapeError(f"{loss} needs at least one input, got an empty list")
    return inputs, targets


def _pairs(loss: str, input: Any, target: Any) -> list[tuple[Any, Any]]:
    """Return (number, target) pairs from two structures that must agree."""
    if _is_list(input) != _is_list(target):
        shapes = ["a list" if _is_list(side) else "a number" for side in (input, target)]
        raise ShapeError(
            f"{loss} needs input and target of one structure, got {shapes[0]} as input and {shapes[1]} as target"
        )
    if not _is_list(input):
        return [(input, target)]
    return [pair for both in zip(*_alike(loss, input, target), strict=True) for pair in _pairs(loss, both[0], both[1])]


def _reduced(losses: list[Any], reduction: str, batch: bool) -> Any:
    if reduction not in ("mean", "sum", "none"):
        raise ParameterError(f"reduction is 'mean', 'sum' or 'none', got {reduction!r}")
    if not batch:
        return losses[0]
    if reduction == "none":
        return losses
    return ops.mean(losses) if reduction == "mean" else ops.sum(losses)
