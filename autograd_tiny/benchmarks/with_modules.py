"""The works on this package's own networks, eagerly: the graph is recorded anew at every step."""

from __future__ import annotations

from .. import nn
from ..examples.gpt import next_token_loss
from ..ops import dot
from ..optim import Adam
from ..value import Value
from .problems import (
    DIGITS_BETAS,
    DIGITS_EPS,
    DIGITS_LR,
    DIGITS_SIZES,
    GPT_BETAS,
    GPT_EPS,
    GPT_LR,
    MOONS_LR,
    MOONS_PENALTY,
    MOONS_SIZES,
    Matrix,
    Step,
    digit_batches,
    gpt_model,
    moons,
    next_letters,
)


def moons_step() -> Step:
    """Return the step on the moons with ``nn.MLP``, where a neuron is one ``dot`` node."""
    points, labels, layers = moons()
    model = network(MOONS_SIZES, layers)

    def step() -> float:
        scores = [model([Value(x) for x in point]) for point in points]
        parameters = model.parameters()
        loss = nn.hinge_loss(scores, labels) + MOONS_PENALTY * dot(parameters, parameters)
        model.zero_grad()
        loss.backward()
        for parameter in parameters:
            parameter.data -= MOONS_LR * parameter.grad
        return float(loss.data)

    return step


def gpt_step() -> Step:
    """Return the step of the example GPT on one name."""
    model, tokens = gpt_model(), next_letters().tokens
    optimizer = Adam(model.parameters(), lr=GPT_LR, betas=GPT_BETAS, eps=GPT_EPS)

    def step() -> float:
        optimizer.zero_grad()
        loss = next_token_loss([model(tokens[:-1])], [tokens[1:]])
        loss.backward()
        optimizer.step()
        return float(loss)

    return step


def digits_epoch() -> Step:
    """Return the epoch on the digits with ``nn.MLP``, the gradients of a batch added up image by image."""
    batches, layers = digit_batches()
    model = network(DIGITS_SIZES, layers)
    optimizer = Adam(model.parameters(), lr=DIGITS_LR, betas=DIGITS_BETAS, eps=DIGITS_EPS)
    examples = sum(len(targets) for _, targets in batches)

    def epoch() -> float:
        total = 0.0
        for images, targets in batches:
            optimizer.zero_grad()
            for image, target in zip(images, targets, strict=True):
                loss = nn.cross_entropy([model(image)], [target])
                loss.backward(1.0 / len(targets))
                total += float(loss)
            optimizer.step()
        return total / examples

    return epoch


def network(sizes: tuple[int, ...], layers: list[Matrix]) -> nn.MLP:
    """Return a network of relu neurons, the last ones linear, with given weights.

    >>> network((1, 1), [[[2.0, 0.5]]])([3.0]).data
    6.5
    """
    model = nn.MLP(sizes[0], list(sizes[1:]), activation="relu")
    numbers = [number for layer in layers for row in layer for number in row]
    for parameter, number in zip(model.parameters(), numbers, strict=True):
        parameter.data = number
    return model
