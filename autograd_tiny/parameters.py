"""Parameters: what is given to be trained, as a list of Values, with names for messages and gradients as floats."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from numbers import Real
from typing import Any

from .errors import ParameterError
from .value import Value


def items_of(params: Any, subject: str = "params") -> list[Any]:
    """Return the items of an iterable, at least one.

    Args:
        params: such as ``model.parameters()``.
        subject: the subject of the error message.

    Raises:
        ParameterError: for a single Value, a module, anything else that is no iterable, or an empty one.
    """
    if isinstance(params, Value) or not isinstance(params, Iterable):
        remedy = "model.parameters()" if hasattr(params, "parameters") else "a list: [p]"
        raise ParameterError(f"{subject} is an iterable of Values, got one {type(params).__name__}; pass {remedy}")
    items = list(params)
    if not items:
        raise ParameterError(f"{subject} is empty; does the model keep its Values as attributes?")
    return items


def values_of(params: Any, subject: str = "params") -> list[Value]:
    """Return the Values of an iterable, each once.

    Args:
        params, subject: as for :func:`items_of`.

    Raises:
        ParameterError: for no Values, or something else among them.
    """
    values = items_of(params, subject)
    for value in values:
        if not isinstance(value, Value):
            raise ParameterError(
                f"{subject} holds Values, got {value!r:.60} ({type(value).__name__}); wrap it: Value(x)"
            )
    return list(dict.fromkeys(values))


def leaves_of(params: Any) -> list[Value]:
    """Return the Values of an iterable, each once, all of them leaves.

    Raises:
        ParameterError: for no Values, something else among them, or the result of an operation.
    """
    leaves = values_of(params)
    for leaf in leaves:
        if leaf.op is not None:
            raise ParameterError(
                f"only leaves can be trained, got {leaf!r}, the result of {leaf.op.name}; pass the Values it came from"
            )
    return leaves


def name_of(params: Sequence[Value], i: int) -> str:
    """Return the label of a parameter, or its position where it has none."""
    return params[i].label or f"params[{i}]"


def gradients_of(params: Sequence[Value]) -> list[float]:
    """Return the gradients as floats, 0.0 where there was no ``backward()`` yet.

    Raises:
        ParameterError: names the first parameter whose gradient is not a number.
    """
    try:
        return [float(parameter.grad) for parameter in params]
    except (TypeError, ValueError):
        i = next(i for i, parameter in enumerate(params) if not isinstance(parameter.grad, (Real, Value)))
        raise ParameterError(
            f"the .grad of {name_of(params, i)} is a number, got {params[i].grad!r:.60}; "
            "forget a gradient with zero_grad() or p.grad = 0.0"
        ) from None
