"""Losses: how far the outputs of a model are from the targets, as one number to minimise."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypeAlias

from .. import ops
from ..errors import ParameterError, ShapeError
from ..primitive import real
from ..ranges import above_zero, at_least_zero, fraction
from ..recording import is_traced
from ..value import Number
from .indices import Index, entry, known_index, one_hot
from .shapes import is_list

Numbers: TypeAlias = "Number | Sequence[Any]"
"""A number or Value, or a list of Numbers."""

Examples: TypeAlias = "list[tuple[list[Any], Index]]"
"""The numbers of all classes and the index of the right class, a traced Value under jit, for each example."""

LOWEST_LOG = -100.0  # of a probability of 0, as in PyTorch: one hopeless example must not make the whole loss inf
REDUCTIONS = ("mean", "sum", "none")


# ---------------------------------------------------------------- numbers against numbers


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
    return _reduced(losses, reduction, target)


def l1_loss(input: Numbers, target: Numbers, reduction: str = "mean") -> Any:
    """Absolute error, abs(input - target), averaged over all numbers; slope 0 where they are equal.

    Outliers pull less than with :func:`mse_loss`: the best constant answer is the median, not the mean.

    Args:
        input, target, reduction: as for :func:`mse_loss`.

    Returns:
        As :func:`mse_loss`.

    Raises:
        ShapeError, ParameterError: as :func:`mse_loss`.

    >>> l1_loss([1.0, 4.0], [1.0, 2.0])
    1.0
    """
    losses = [ops.abs(x - t) for x, t in _pairs("l1_loss", input, target)]
    return _reduced(losses, reduction, target)


def huber_loss(input: Numbers, target: Numbers, reduction: str = "mean", delta: float = 1.0) -> Any:
    """Squared error near the target, absolute error far from it, averaged over all numbers.

    With d = input - target: d^2 / 2 where abs(d) <= delta, delta (abs(d) - delta / 2) elsewhere, so that no
    slope exceeds delta (Huber 1964, "Robust estimation of a location parameter", Annals of Mathematical Statistics 35).

    Args:
        input, target, reduction: as for :func:`mse_loss`.
        delta: where the parabola becomes a line, finite and above 0.

    Returns:
        As :func:`mse_loss`.

    Raises:
        ShapeError, ParameterError: as :func:`mse_loss`; ParameterError also for a delta out of range.

    >>> huber_loss([1.0, 4.0], [0.0, 0.0], reduction="none")
    [0.5, 3.5]
    """
    delta = above_zero(delta, "huber_loss's delta")
    losses = [_huber(x - t, delta) for x, t in _pairs("huber_loss", input, target)]
    return _reduced(losses, reduction, target)


def smooth_l1_loss(input: Numbers, target: Numbers, reduction: str = "mean", beta: float = 1.0) -> Any:
    """Absolute error with the kink rounded off, averaged over all numbers.

    With d = input - target: d^2 / (2 beta) where abs(d) <= beta, abs(d) - beta / 2 elsewhere. That is
    :func:`huber_loss` divided by beta: slopes far from the target are 1 whatever beta is (Girshick 2015, "Fast
    R-CNN", arXiv:1504.08083, with beta = 1).

    Args:
        input, target, reduction: as for :func:`mse_loss`.
        beta: where the parabola becomes a line, finite and at least 0; 0 gives :func:`l1_loss`.

    Returns:
        As :func:`mse_loss`.

    Raises:
        ShapeError, ParameterError: as :func:`mse_loss`; ParameterError also for a beta out of range.

    >>> smooth_l1_loss([1.0, 4.0], [0.0, 0.0], reduction="none", beta=2.0)
    [0.25, 3.0]
    """
    beta = at_least_zero(beta, "smooth_l1_loss's beta")
    pairs = _pairs("smooth_l1_loss", input, target)
    losses = [_huber(x - t, beta) / beta if beta else ops.abs(x - t) for x, t in pairs]
    return _reduced(losses, reduction, target)


def _huber(difference: Any, delta: float) -> Any:
    # The clipped part pays its square, the rest pays delta each: no inf times 0 where the difference is infinite.
    near = ops.clip(difference, low=-delta, high=delta)
    return 0.5 * ops.power(near, n=2) + delta * ops.abs(difference - near)


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
        if not is_traced(y) and y not in (1, -1):
            raise ParameterError(f"hinge_loss needs targets -1 or 1, got {y:g}; turn labels 0 and 1 into 2 * y - 1")
        losses.append(ops.relu(1 - y * score))
    return _reduced(losses, reduction, target)


# ---------------------------------------------------------------- two classes, and probabilities


def binary_cross_entropy(input: Numbers, target: Numbers, reduction: str = "mean") -> Any:
    """Negative log-probability of the right one of two classes, averaged over all numbers.

    With p = input and t = target: -(t log p + (1 - t) log(1 - p)), each logarithm at least -100. The slope is 0
    where a logarithm is held at -100: prefer :func:`binary_cross_entropy_with_logits`, which never gets stuck.

    Args:
        input: probabilities that the class is 1, from 0 to 1: a number, or a list of numbers or of lists.
        target: 0 or 1, or a probability between, in the same structure.
        reduction: as for :func:`mse_loss`.

    Returns:
        As :func:`mse_loss`.

    Raises:
        ShapeError: when input and target differ in structure, or are empty.
        ParameterError: for a number outside 0 to 1, or an unknown reduction.

    >>> round(binary_cross_entropy([0.5, 0.0], [1, 0], reduction="sum"), 6)
    0.693147
    >>> binary_cross_entropy(0.0, 1)
    100.0
    """
    losses = []
    for p, t in _pairs("binary_cross_entropy", input, target):
        _check_probability("binary_cross_entropy", "input", p, "apply sigmoid, or hand logits to its with_logits form")
        _check_probability("binary_cross_entropy", "target", t, "classes are 0 and 1")
        logs = [ops.log(ops.clip(q, low=math.exp(LOWEST_LOG), high=1.0)) for q in (p, 1 - p)]
        losses.append(ops.dot(logs, [-t, t - 1]))
    return _reduced(losses, reduction, target)


def binary_cross_entropy_with_logits(
    input: Numbers,
    target: Numbers,
    reduction: str = "mean",
    *,
    pos_weight: float | Sequence[float] | None = None,
) -> Any:
    """Negative log-probability of the right one of two classes, from scores, averaged over all numbers.

    The probability of class 1 is sigmoid(x), x = input. With t = target and w = pos_weight:
    w t softplus(-x) + (1 - t) softplus(x), which is :func:`binary_cross_entropy` of sigmoid(x) without overflow
    and without rounding to a probability of 0 or 1.

    Args:
        input: raw scores (logits): a number, or a list of numbers or of lists.
        target: 0 or 1, or a probability between, in the same structure.
        reduction: as for :func:`mse_loss`; the mean divides by how many numbers there are, whatever their weights.
        pos_weight: how much more an example of class 1 counts, finite and at least 0: one number, or a list with
            one for each place in the innermost lists of ``input``. (negatives / positives) balances rare positives.

    Returns:
        As :func:`mse_loss`.

    Raises:
        ShapeError: when input and target differ in structure or are empty, or for another number of weights.
        ParameterError: for a target outside 0 to 1, a weight out of range, or an unknown reduction.

    >>> round(binary_cross_entropy_with_logits([0.0, 0.0], [1, 0]), 6)
    0.693147
    >>> binary_cross_entropy_with_logits(-1000.0, 1, pos_weight=3.0)
    3000.0
    """
    name = "binary_cross_entropy_with_logits"
    pairs = _pairs(name, input, target)
    losses = []
    for (x, t), w in zip(pairs, _positive_weights(name, pos_weight, input, len(pairs)), strict=True):
        _check_probability(name, "target", t, "classes are 0 and 1")
        losses.append(ops.dot([ops.softplus(-x), ops.softplus(x)], [w * t, 1 - t]))
    return _reduced(losses, reduction, target)


def kl_div(input: Numbers, target: Numbers, reduction: str = "mean") -> Any:
    """Divergence of a distribution from the target's, target * (log(target) - input), 0 where the target is 0.

    Summed over the classes of one example it is the Kullback-Leibler divergence KL(target || exp(input)) in nats:
    the information lost when exp(input) stands for target (Kullback & Leibler 1951, "On information and
    sufficiency", Annals of Mathematical Statistics 22).

    Args:
        input: logarithms of probabilities, as from ``log_softmax``: a number, or a list of numbers or of lists.
        target: probabilities, no logarithms, in the same structure.
        reduction: ``"batchmean"`` is the divergence averaged over examples: the sum divided by the length of the
            outermost list. ``"sum"`` is that of a single example. ``"mean"``, the default as in PyTorch, divides by
            how many numbers there are, so it is too small by the number of classes. ``"none"``: the flat list.

    Returns:
        As :func:`mse_loss`.

    Raises:
        ShapeError: when input and target differ in structure, or are empty.
        ParameterError: for a target outside 0 to 1, or an unknown reduction.

    >>> from math import log
    >>> even, sure = [log(0.5), log(0.5)], [1.0, 0.0]
    >>> round(kl_div([even], [sure], reduction="batchmean"), 6), round(kl_div([even], [sure]), 6)
    (0.693147, 0.346574)
    """
    losses = []
    for x, t in _pairs("kl_div", input, target):
        _check_probability("kl_div", "target", t, "it holds probabilities, not their logarithms")
        losses.append(ops.where(t, t * (ops.log(ops.where(t, t, 1.0)) - x), 0.0))  # log(1), not log(0), where unused
    return _reduced(losses, reduction, target, (*REDUCTIONS, "batchmean"))


# ---------------------------------------------------------------- one of several classes


def cross_entropy(
    logits: Sequence[Any],
    index: Any,
    reduction: str = "mean",
    *,
    weight: Sequence[float] | None = None,
    label_smoothing: float = 0.0,
) -> Any:
    """Negative log-probability of the right class, logsumexp(logits) - logits[index], averaged over examples.

    The probabilities are softmax(logits): hand over the raw outputs of a model, without a softmax.

    With class weights w and smoothing s, K classes, right class y and l_c the negative log-probability of class c,
    one example has the loss (1 - s) w_y l_y + s / K (w_1 l_1 + ... + w_K l_K), and the mean over examples divides
    their sum by the sum of their w_y (smoothing: Szegedy et al. 2016, "Rethinking the Inception architecture",
    arXiv:1512.00567, section 7; with weights as in PyTorch).

    Args:
        logits: one number per class; or a list of such lists, one per example.
        index: the right class, 0 <= index < number of classes; or a list of them, one per example. A Value counts
            as its number; under ``jit``, where that is not known yet, what is no class makes the loss nan.
        reduction: ``"mean"``, ``"sum"`` or ``"none"`` over the examples.
        weight: how much each class counts, finite and at least 0; None for 1 each. Large ones help rare classes.
        label_smoothing: the share of the target, 0 to 1, that is spread evenly over all classes.

    Returns:
        A Value; a list of them for ``"none"`` of several examples; floats when nothing given is a Value.

    Raises:
        ShapeError: when the numbers of examples differ or there is none, for examples of different numbers of
            classes, or for another number of weights.
        ParameterError: for an index that is no class, a number out of range, or an unknown reduction.

    >>> round(cross_entropy([0.0, 0.0], 1), 6)
    0.693147
    >>> round(cross_entropy([[0.0, 0.0], [5.0, 5.0]], [1, 0], reduction="sum"), 6)
    1.386294
    """
    smoothing = fraction(label_smoothing, "label_smoothing")
    examples = _examples("cross_entropy", "logits", logits, index)
    weights = _class_weights("cross_entropy", weight, examples)
    losses = [_cross_entropy_of_one(scores, i, weights, smoothing) for scores, i in examples]
    return _class_reduced("cross_entropy", losses, reduction, index, examples, weights)


def _cross_entropy_of_one(scores: list[Any], index: Index, weights: list[float] | None, smoothing: float) -> Any:
    total = ops.logsumexp(scores)
    if not smoothing:
        loss = total - entry(scores, index)
        return loss if weights is None else entry(weights, index) * loss
    shares = [w * smoothing / len(scores) for w in weights or [1.0] * len(scores)]
    right = (1.0 - smoothing) * (entry(weights, index) if weights else 1.0)
    parts = [share + right * hit for share, hit in zip(shares, one_hot(index, len(scores)), strict=True)]
    return ops.dot([total, *scores], [ops.sum(parts), *[-part for part in parts]])


def nll_loss(
    log_probabilities: Sequence[Any],
    index: Any,
    reduction: str = "mean",
    *,
    weight: Sequence[float] | None = None,
) -> Any:
    """Negative log-probability of the right class, -log_probabilities[index], averaged over examples.

    :func:`cross_entropy` is this of ``log_softmax``. With class weights the mean is the weighted one, divided by
    the sum of the weights of the right classes.

    Args:
        log_probabilities: one logarithm of a probability per class, as from ``log_softmax``; or a list of such
            lists, one per example.
        index, reduction, weight: as for :func:`cross_entropy`.

    Returns:
        As :func:`cross_entropy`.

    Raises:
        ShapeError, ParameterError: as :func:`cross_entropy`.

    >>> nll_loss([[-0.5, -1.0], [-2.0, -0.25]], [0, 1], weight=[1.0, 3.0])
    0.3125
    """
    examples = _examples("nll_loss", "log-probabilities", log_probabilities, index)
    weights = _class_weights("nll_loss", weight, examples)
    picked = [(entry(scores, i), i) for scores, i in examples]
    losses = [-score if weights is None else -entry(weights, i) * score for score, i in picked]
    return _class_reduced("nll_loss", losses, reduction, index, examples, weights)


def _examples(loss: str, what: str, scores: Any, index: Any) -> Examples:
    if not is_list(scores):
        raise ShapeError(f"{loss} needs a list of {what}, one per class, got {scores!r}")
    pairs = zip(*_alike(loss, scores, index), strict=True) if is_list(index) else [(scores, index)]
    examples = [_example(loss, what, *pair) for pair in pairs]
    sizes = sorted({len(scores) for scores, _ in examples})
    if len(sizes) > 1:
        raise ShapeError(f"{loss} needs equally many {what} for all examples, got lists of {sizes[0]} and {sizes[-1]}")
    return examples


def _example(loss: str, what: str, scores: Any, index: Any) -> tuple[list[Any], Index]:
    if not is_list(scores) or any(map(is_list, scores)):
        raise ShapeError(
            f"{loss} needs a list of {what} for each index, got {scores!r:.200} for index {index!r}; "
            "several examples are a list of lists and a list of indices"
        )
    numbers = [_number(loss, score) for score in scores]
    if is_traced(index):
        return numbers, index
    i = None if isinstance(index, float) else known_index(index, len(numbers))
    if i is None:
        raise ParameterError(f"{loss} needs a class index, a whole number from 0 to {len(numbers) - 1}, got {index!r}")
    return numbers, i


def _class_weights(loss: str, weight: Sequence[float] | None, examples: Examples) -> list[float] | None:
    if weight is None:
        return None
    if not is_list(weight):
        raise ShapeError(f"{loss} needs a list of weights, one per class, got weight={weight!r}")
    weights = [at_least_zero(w, f"{loss}'s weight") for w in weight]
    classes = len(examples[0][0])
    if len(weights) != classes:
        raise ShapeError(f"{loss} needs one weight per class, got {len(weights)} weights for {classes} classes")
    return weights


def _class_reduced(
    loss: str, losses: list[Any], reduction: str, index: Any, examples: Examples, weights: list[float] | None
) -> Any:
    """Reduce the losses of examples, where the mean counts each with the weight of its right class."""
    if weights is None or reduction != "mean":
        return _reduced(losses, reduction, index)
    total = ops.sum([entry(weights, i) for _, i in examples])
    if not is_traced(total) and total == 0.0:
        raise ParameterError(f"{loss} has no mean: the classes of all examples have weight 0; use reduction='sum'")
    return ops.sum(losses) / total


# ---------------------------------------------------------------- what all share


def _alike(loss: str, input: Any, target: Any) -> tuple[list[Any], list[Any]]:
    inputs, targets = list(input), list(target)
    if len(inputs) != len(targets):
        raise ShapeError(f"{loss} needs one target per input, got {len(inputs)} inputs and {len(targets)} targets")
    if not inputs:
        raise ShapeError(f"{loss} needs at least one input, got an empty list")
    return inputs, targets


def _pairs(loss: str, input: Any, target: Any) -> list[tuple[Any, Any]]:
    """Return (number, target) pairs from two structures that must agree."""
    if is_list(input) != is_list(target):
        shapes = ["a list" if is_list(side) else "a number" for side in (input, target)]
        raise ShapeError(
            f"{loss} needs input and target of one structure, got {shapes[0]} as input and {shapes[1]} as target"
        )
    if not is_list(input):
        return [(_number(loss, input), _number(loss, target))]
    return [pair for both in zip(*_alike(loss, input, target), strict=True) for pair in _pairs(loss, both[0], both[1])]


def _number(loss: str, number: Any) -> Any:
    return number if hasattr(number, "_record_operation") else real(number, loss)


def _check_probability(loss: str, name: str, number: Any, remedy: str) -> None:
    if not is_traced(number) and not 0.0 <= number <= 1.0:
        raise ParameterError(f"{loss} needs {name} from 0 to 1, got {float(number)!r}; {remedy}")


def _positive_weights(loss: str, weight: Any, input: Any, count: int) -> list[float]:
    """Return one weight per number of ``input``; a list of weights is laid along its innermost lists."""
    if weight is None:
        return [1.0] * count
    if not is_list(weight):
        return [at_least_zero(weight, f"{loss}'s pos_weight")] * count
    weights = [at_least_zero(w, f"{loss}'s pos_weight") for w in weight]
    rows = _innermost(input)
    for row in rows:
        if len(row) != len(weights):
            raise ShapeError(f"{loss} needs one pos_weight per output, got {len(weights)} for {len(row)} outputs")
    return weights * len(rows)


def _innermost(input: Any) -> list[list[Any]]:
    items = list(input) if is_list(input) else [input]
    return [row for item in items for row in _innermost(item)] if any(map(is_list, items)) else [items]


def _reduced(losses: list[Any], reduction: str, target: Any, known: Sequence[str] = REDUCTIONS) -> Any:
    if reduction not in known:
        raise ParameterError(f"reduction is {', '.join(map(repr, known[:-1]))} or {known[-1]!r}, got {reduction!r}")
    if not is_list(target):
        return losses[0]
    if reduction == "none":
        return losses
    if reduction == "mean":
        return ops.mean(losses)
    return ops.sum(losses) / len(target) if reduction == "batchmean" else ops.sum(losses)
