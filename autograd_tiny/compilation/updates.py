"""The steps of SGD, Adam and AdamW as rules on numbers, compiled into loops over all parameters.

The formulas are those of :mod:`autograd_tiny.optim`, operation for operation, so that the numbers are the same to the
last bit. What a setting switches on or off is decided when the loop is compiled; the settings themselves are read at
every step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import sqrt
from typing import Any, NamedTuple

from ..optim import SGD, Adam, AdamW, Optimizer
from ..primitive import M, N


class Rule(NamedTuple):
    """How one parameter moves.

    Attributes:
        name: the optimiser and what is switched on.
        quantities: the names of the numbers it remembers for each parameter.
        settings: (group, number of the step) -> the numbers that the rule is given.
        apply: rule ``(m, parameter, gradient, quantities, settings) -> (parameter, quantities)``.
    """

    name: str
    quantities: tuple[str, ...]
    settings: Callable[[Mapping[str, Any], int], list[float]]
    apply: Callable[[M, N, N, list[N], list[N]], tuple[N, list[N]]]


def rule_of(optimizer: Any) -> Rule | None:
    """Return the rule of an optimiser; None when it has no compiled form, or its groups differ in what is switched on.

    >>> from autograd_tiny import Value
    >>> rule_of(SGD([Value(1.0)], lr=0.1, momentum=0.9)).name
    'SGD momentum'
    """
    make = {SGD: _sgd, Adam: _adam, AdamW: _adam}.get(type(optimizer))
    if make is None or type(optimizer).step is not Optimizer.step:
        return None
    rules = [make(group, type(optimizer) is AdamW) for group in optimizer.param_groups]
    return rules[0] if len({rule.name for rule in rules}) == 1 else None


def _switched_on(group: Mapping[str, Any], *names: str) -> list[str]:
    return [name for name in names if group[name]]


def _decayed(m: M, number: N, p: N, on: list[str], weight_decay: N, l1_decay: N) -> N:
    if "weight_decay" in on:
        number = number + weight_decay * p
    if "l1_decay" in on:
        number = number + l1_decay * (m.where(p > 0.0, 1.0, 0.0) - m.where(p < 0.0, 1.0, 0.0))
    return number


def _sgd(group: Mapping[str, Any], _: bool) -> Rule:
    on = _switched_on(group, "momentum", "nesterov", "weight_decay", "l1_decay")

    def apply(m: M, p: N, g: N, quantities: list[N], settings: list[N]) -> tuple[N, list[N]]:
        lr, momentum, weight_decay, l1_decay = settings
        g = _decayed(m, g, p, on, weight_decay, l1_decay)
        if "momentum" not in on:
            return p - lr * g, quantities
        velocity = momentum * quantities[0] + g
        direction = momentum * velocity + g if "nesterov" in on else velocity
        return p - lr * direction, [velocity]

    def settings(group: Mapping[str, Any], step: int) -> list[float]:
        return [group[name] for name in ("lr", "momentum", "weight_decay", "l1_decay")]

    return Rule(" ".join(["SGD", *on]), ("momentum_buffer",), settings, apply)


def _adam(group: Mapping[str, Any], decoupled: bool) -> Rule:
    on = _switched_on(group, "weight_decay", "l1_decay", "amsgrad")

    def apply(m: M, p: N, g: N, quantities: list[N], settings: list[N]) -> tuple[N, list[N]]:
        lr, beta1, rest1, beta2, rest2, eps, correction, root, weight_decay, l1_decay = settings
        if decoupled:
            p = _decayed(m, p, p, on, weight_decay, l1_decay)
        else:
            g = _decayed(m, g, p, on, weight_decay, l1_decay)
        mean = beta1 * quantities[0] + rest1 * g
        square = beta2 * quantities[1] + rest2 * (g * g)
        largest = quantities[2]
        if "amsgrad" in on:
            largest = m.where(largest > square, largest, square)
        spread = largest if "amsgrad" in on else square
        direction = mean / correction / (m.sqrt(spread) / root + eps)
        return p - lr * direction, [mean, square, largest]

    def settings(group: Mapping[str, Any], step: int) -> list[float]:
        (beta1, beta2), lr = group["betas"], group["lr"]
        decay = [group["weight_decay"], group["l1_decay"]]
        if decoupled:
            decay = [-lr * rate for rate in decay]
        averages = [beta1, 1.0 - beta1, beta2, 1.0 - beta2]
        return [lr, *averages, group["eps"], 1.0 - beta1**step, sqrt(1.0 - beta2**step), *decay]

    name = " ".join(["AdamW" if decoupled else "Adam", *on])
    return Rule(name, ("exp_avg", "exp_avg_sq", "max_exp_avg_sq"), settings, apply)
