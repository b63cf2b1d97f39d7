"""Penalties: a price on large parameters, to add to a loss against overfitting."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .. import ops
from ..parameters import values_of
from ..value import Value


def l1_penalty(params: Iterable[Value]) -> Any:
    """Sum of absolute values, abs(p1) + ... + abs(pn): drives parameters that matter little to exactly 0.

    Add it to a loss: ``loss + strength * l1_penalty(model.parameters())``. Its slope is -1, 0 or 1 times the
    strength, however small the parameter (Tibshirani 1996, "Regression shrinkage and selection via the lasso").
    With the loss a sum of negative log-likelihoods, minimising is MAP estimation with a Laplace prior of scale
    1 / strength.

    Args:
        params: Values, such as ``model.parameters()``; each counts once.

    Returns:
        A Value.

    Raises:
        ParameterError: for no parameters, or something that is not a Value.

    >>> l1_penalty([Value(3.0), Value(-4.0)]).data
    7.0
    """
    return ops.sum([ops.abs(p) for p in values_of(params, "l1_penalty's params")])


def l2_penalty(params: Iterable[Value]) -> Any:
    """Sum of squares, p1^2 + ... + pn^2, as one dot product: keeps parameters small.

    Add it to a loss: ``loss + strength * l2_penalty(model.parameters())``. Its slope is 2 strength p, so for plain
    SGD it is the same as ``weight_decay=2 * strength``; for optimisers that scale their steps, such as Adam, it is
    not the same as decoupled decay (Loshchilov & Hutter 2019, "Decoupled weight decay regularization",
    arXiv:1711.05101). With the loss a sum of negative log-likelihoods, minimising is MAP estimation with a Gaussian
    prior of variance 1 / (2 strength).

    Args:
        params: Values, such as ``model.parameters()``; each counts once.

    Returns:
        A Value.

    Raises:
        ParameterError: for no parameters, or something that is not a Value.

    >>> l2_penalty([Value(3.0), Value(-4.0)]).data
    25.0
    """
    values = values_of(params, "l2_penalty's params")
    return ops.dot(values, values)
