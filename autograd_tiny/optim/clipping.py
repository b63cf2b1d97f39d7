"""Clipping: gradients made smaller before a step, so that one wild batch does not throw the parameters far off."""

from __future__ import annotations

import math
from collections.abc import Iterable

from ..errors import AnomalyError
from ..parameters import gradients_of, name_of, values_of
from ..ranges import at_least_zero, number
from ..value import NO_GRAD_YET, Value

_AS_IN_PYTORCH = 1e-6  # in the denominator; the norm after clipping is a little less than max_norm

_max_norm = number(lambda x: x >= 0.0, "a number of at least 0, or inf to measure only")
_norm_type = number(lambda x: x >= 1.0, "a number of at least 1, or inf for the largest gradient")


def clip_grad_norm_(params: Iterable[Value], max_norm: float, norm_type: float = 2.0) -> float:
    """Scale all gradients by one factor so that their norm is at most ``max_norm``; smaller ones stay as they are.

    The norm is that of all gradients as one vector, (|g1|^n + |g2|^n + ...)^(1/n) with n = norm_type; the factor
    is max_norm / (norm + 1e-6). The direction of the step does not change (Pascanu, Mikolov and Bengio 2013, "On the
    difficulty of training recurrent neural networks"). Call it between ``backward()`` and ``step()``.

    Args:
        params: Values, for example ``model.parameters()``; each counts once.
        max_norm: at least 0; inf leaves all gradients as they are.
        norm_type: n, at least 1; 2 for the length of the vector, inf for its largest entry.

    Returns:
        The norm before clipping.

    Raises:
        AnomalyError: when the norm is not finite; names the first such gradient, and all stay as they are.
        ParameterError: for no Values, a gradient that is no number, or a setting out of range.

    >>> a, b = Value(0.0), Value(0.0)
    >>> a.grad, b.grad = 3.0, 4.0
    >>> clip_grad_norm_([a, b], max_norm=1.0)
    5.0
    >>> round(a.grad, 6), round(b.grad, 6)
    (0.6, 0.8)
    """
    parameters = values_of(params)
    max_norm, norm_type = _max_norm(max_norm, "max_norm"), _norm_type(norm_type, "norm_type")
    norm = _norm(parameters, norm_type)
    factor = max_norm / (norm + _AS_IN_PYTORCH)
    if factor < 1.0:
        for parameter in parameters:
            if parameter.grad is not NO_GRAD_YET:
                parameter.grad = parameter.grad * factor
    return norm


def _norm(parameters: list[Value], norm_type: float) -> float:
    sizes = [abs(gradient) for gradient in gradients_of(parameters)]
    for i, size in enumerate(sizes):
        if not math.isfinite(size):
            raise AnomalyError(
                f"the gradient of {name_of(parameters, i)} is {float(parameters[i].grad)}, so the norm cannot be "
                "clipped; compute the loss and backward() under detect_anomaly() to see where it comes from"
            )
    largest = max(sizes)
    if largest == 0.0:
        return 0.0
    # relative to the largest no power overflows, and with norm_type inf what is left is the largest
    norm: float = largest * math.fsum([(size / largest) ** norm_type for size in sizes]) ** (1.0 / norm_type)
    if norm == math.inf:
        i = sizes.index(largest)
        raise AnomalyError(
            f"the norm of the gradients is more than 1.8e308, that of {name_of(parameters, i)} alone is {largest}; "
            "scale the loss down"
        )
    return norm


def clip_grad_value_(params: Iterable[Value], clip_value: float) -> None:
    """Bring every gradient outside of -clip_value to clip_value to the nearer end of that range.

    Each gradient is clipped on its own, so the direction of the step can change. A gradient that is nan stays nan.

    Args:
        params: Values, for example ``model.parameters()``.
        clip_value: a finite number of at least 0.

    Raises:
        ParameterError: for no Values, a gradient that is no number, or a ``clip_value`` out of range.

    >>> p = Value(0.0)
    >>> p.grad = -3.0
    >>> clip_grad_value_([p], clip_value=0.5)
    >>> p.grad
    -0.5
    """
    parameters = values_of(params)
    clip_value = at_least_zero(clip_value, "clip_value")
    for parameter, gradient in zip(parameters, gradients_of(parameters), strict=True):
        if abs(gradient) > clip_value:
            parameter.grad = math.copysign(clip_value, gradient)
