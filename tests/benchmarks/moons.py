"""One training step of a small network on two moons, written once and run on any engine's ``Value``.

The set-up is that of micrograd's demo notebook: a 2-16-16-1 network with relu, 100 points in one batch,
hinge loss, an L2 penalty of 1e-4 and plain gradient descent.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from autograd_tiny import Value, dot, nn
from autograd_tiny.data import make_moons

SIZES = (2, 16, 16, 1)
POINTS = 100
PENALTY = 1e-4
RATE = 0.5

Step = Callable[[], float]
"""Trains once and returns the loss."""


def two_moons() -> tuple[list[list[float]], list[int]]:
    """Return the points and their labels, -1 or 1."""
    points, labels = make_moons(POINTS, noise=0.1, random_state=1)
    return points, [2 * label - 1 for label in labels]


def initial_weights() -> list[list[list[float]]]:
    """Return, for each layer, a row per neuron: the weights, then the bias."""
    rng = random.Random(1337)
    return [
        [[rng.uniform(-1, 1) for _ in range(inputs)] + [0.0] for _ in range(outputs)]
        for inputs, outputs in pairwise(SIZES)
    ]


def elementwise_step(value_class: Callable[[float], Any]) -> Step:
    """Return the step in which every sum and product of the network is a node of its own."""
    points, labels = two_moons()
    layers = [[[value_class(number) for number in row] for row in layer] for layer in initial_weights()]
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

    def step() -> float:
        scores = [network([value_class(x) for x in point]) for point in points]
        hinge = sum((1 + -label * score).relu() for label, score in zip(labels, scores, strict=True))
        loss = hinge * (1 / POINTS) + PENALTY * sum(p * p for p in parameters)
        for parameter in parameters:
            parameter.grad = 0.0
        loss.backward()
        for parameter in parameters:
            parameter.data -= RATE * parameter.grad
        return float(loss.data)

    return step


def module_step() -> Step:
    """Return the step with this package's own network, where a neuron is one ``dot`` node."""
    points, labels = two_moons()
    model = nn.MLP(SIZES[0], list(SIZES[1:]), activation="relu", rng=random.Random(0))
    numbers = [number for layer in initial_weights() for row in layer for number in row]
    for parameter, number in zip(model.parameters(), numbers, strict=True):
        parameter.data = number

    def step() -> float:
        scores = [model([Value(x) for x in point]) for point in points]
        parameters = model.parameters()
        loss = nn.hinge_loss(scores, labels) + PENALTY * dot(parameters, parameters)
        model.zero_grad()
        loss.backward()
        for parameter in parameters:
            parameter.data -= RATE * parameter.grad
        return float(loss.data)

    return step
