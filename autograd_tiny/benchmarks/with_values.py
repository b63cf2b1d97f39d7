"""The works elementwise, on any engine's ``Value``: every product and every sum is a node of its own.

This is what one writes on an engine that has nothing but + - * / ** exp log and relu on Values.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from ..errors import MissingPackageError
from .problems import (
    GPT_BETAS,
    GPT_EPS,
    GPT_HEADS,
    GPT_LR,
    GPT_NORM_EPS,
    MOONS_LR,
    MOONS_PENALTY,
    MOONS_POINTS,
    Step,
    moons,
    next_letters,
)


def moons_loss(value_class: Callable[[float], Any]) -> tuple[Callable[[], Any], list[Any]]:
    """Return the function that records the loss of all moons, and the parameters it depends on.

    >>> from autograd_tiny import Value
    >>> loss, parameters = moons_loss(Value)
    >>> round(loss().data, 3), len(parameters)
    (0.903, 337)
    """
    points, labels, rows = moons()
    layers = [[[value_class(number) for number in row] for row in layer] for layer in rows]
    parameters = [parameter for layer in layers for row in layer for parameter in row]

    def network(inputs: list[Any]) -> Any:
        for layer in layers:
            outputs = []
            for *weights, bias in layer:
                activation = bias
                for weight, x in zip(weights, inputs, strict=True):
                    activation = activation + weight * x
                outputs.append(activation.relu() if layer is not layers[-1] else activation)
            inputs = outputs
        return inputs[0]

    def loss() -> Any:
        scores = [network([value_class(x) for x in point]) for point in points]
        hinge = sum((1 + -label * score).relu() for label, score in zip(labels, scores, strict=True))
        return hinge * (1 / MOONS_POINTS) + MOONS_PENALTY * sum(p * p for p in parameters)

    return loss, parameters


def moons_step(value_class: Callable[[float], Any]) -> Step:
    """Return the step on the moons."""
    gradients_step, parameters = _moons_gradients(value_class)

    def step() -> float:
        loss = gradients_step()
        for parameter in parameters:
            parameter.data -= MOONS_LR * parameter.grad
        return loss

    return step


def micrograd_moons_step() -> Step:
    """Return the step on the moons with micrograd's ``Value``."""
    try:
        from micrograd.engine import Value
    except ImportError:
        raise MissingPackageError("micrograd", "micrograd", extra="bench") from None
    return moons_step(Value)


def replay_step(value_class: Callable[[float], Any]) -> Step:
    """Return the step that records the loss of all moons and finds its gradients, and changes no parameter."""
    return _moons_gradients(value_class)[0]


def _moons_gradients(value_class: Callable[[float], Any]) -> tuple[Step, list[Any]]:
    loss_of_all, parameters = moons_loss(value_class)

    def step() -> float:
        loss = loss_of_all()
        for parameter in parameters:
            parameter.grad = 0.0
        loss.backward()
        return float(loss.data)

    return step, parameters


def gpt_step(value_class: Any) -> Step:
    """Return the step of the example GPT on one name."""
    sys.setrecursionlimit(100_000)  # the baseline's backward() recurses, and its sums are chains
    tokens, rows_of = next_letters()
    matrices = [[[value_class(number) for number in row] for row in rows] for rows in rows_of.values()]
    token_rows, position_rows, query, key, value, out, up, down, head = matrices
    parameters = [number for rows in matrices for row in rows for number in row]
    firsts, seconds = [0.0] * len(parameters), [0.0] * len(parameters)
    steps = 0

    def times(rows: list[list[Any]], x: list[Any]) -> list[Any]:
        return [sum(w * number for w, number in zip(row, x, strict=True)) for row in rows]

    def norm(x: list[Any]) -> list[Any]:
        scale = (sum(number * number for number in x) / len(x) + GPT_NORM_EPS) ** -0.5
        return [number * scale for number in x]

    def softmax(x: list[Any]) -> list[Any]:
        top = max(number.data for number in x)
        powers = [(number - top).exp() for number in x]
        total = sum(powers)
        return [power / total for power in powers]

    def loss_of_name() -> Any:
        keys: list[list[Any]] = []
        values: list[list[Any]] = []
        losses = []
        size = len(out) // GPT_HEADS
        for position, (token, target) in enumerate(pairwise(tokens)):
            x = [a + b for a, b in zip(token_rows[token], position_rows[position], strict=True)]
            x = norm(x)
            before, x = x, norm(x)
            q = times(query, x)
            keys.append(times(key, x))
            values.append(times(value, x))
            mixed: list[Any] = []
            for start in range(0, len(q), size):
                part = slice(start, start + size)
                scores = [sum(a * b for a, b in zip(q[part], k[part], strict=True)) / size**0.5 for k in keys]
                weights = softmax(scores)
                columns = zip(*[v[part] for v in values], strict=True)
                mixed += [sum(w * x for w, x in zip(weights, column, strict=True)) for column in columns]
            x = [a + b for a, b in zip(times(out, mixed), before, strict=True)]
            before = x
            x = times(down, [number.relu() for number in times(up, norm(x))])
            x = [a + b for a, b in zip(x, before, strict=True)]
            losses.append(-softmax(times(head, x))[target].log())
        return sum(losses) / len(losses)

    def step() -> float:
        nonlocal steps
        loss = loss_of_name()
        for parameter in parameters:
            parameter.grad = 0.0
        loss.backward()
        steps += 1
        b1, b2 = GPT_BETAS
        for i, parameter in enumerate(parameters):
            firsts[i] = b1 * firsts[i] + (1 - b1) * parameter.grad
            seconds[i] = b2 * seconds[i] + (1 - b2) * parameter.grad**2
            mean, square = firsts[i] / (1 - b1**steps), seconds[i] / (1 - b2**steps)
            parameter.data -= GPT_LR * mean / (square**0.5 + GPT_EPS)
        return float(loss.data)

    return step
