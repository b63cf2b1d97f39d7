"""One training step of the example GPT on one name: as modules of this package, and elementwise on a bare ``Value``.

The elementwise one is what one writes on an engine that has nothing but + - * / ** exp log and relu on Values: every
product and every sum of a matrix is a node of its own. Same weights, same loss.
"""

from __future__ import annotations

import sys
from itertools import pairwise
from typing import Any

from autograd_tiny.examples.gpt import GPT, Vocabulary, next_token_loss, read_names
from autograd_tiny.optim import Adam

from .moons import Step

NAME = "isabella"
RATE, BETAS, EPS = 0.01, (0.85, 0.99), 1e-8


def _model() -> tuple[GPT, list[int]]:
    vocabulary = Vocabulary(read_names(None))
    return GPT(len(vocabulary), rng=1), vocabulary.encode(NAME)


def module_step() -> Step:
    """Return the step of the example."""
    model, tokens = _model()
    optimizer = Adam(model.parameters(), lr=RATE, betas=BETAS, eps=EPS)

    def step() -> float:
        optimizer.zero_grad()
        loss = next_token_loss([model(tokens[:-1])], [tokens[1:]])
        loss.backward()
        optimizer.step()
        return float(loss)

    return step


def elementwise_step(value_class: Any) -> Step:
    """Return the same step with a node for every sum and product."""
    sys.setrecursionlimit(100_000)  # the baseline's backward() recurses, and its sums are chains
    model, tokens = _model()
    heads = model.blocks[0].attention.num_heads

    def matrix(rows: list[list[Any]]) -> list[list[Any]]:
        return [[value_class(number.data) for number in row] for row in rows]

    token_rows, position_rows = matrix(model.token_embedding.weight), matrix(model.position_embedding.weight)
    block = model.blocks[0]
    query, key, value, out, up, down, head = (
        matrix(layer.weight)
        for layer in (
            block.attention.query,
            block.attention.key,
            block.attention.value,
            block.attention.out,
            block.up,
            block.down,
            model.head,
        )
    )
    matrices = (token_rows, position_rows, query, key, value, out, up, down, head)
    parameters = [number for rows in matrices for row in rows for number in row]
    firsts, seconds = [0.0] * len(parameters), [0.0] * len(parameters)
    steps = 0

    def times(rows: list[list[Any]], x: list[Any]) -> list[Any]:
        return [sum(w * number for w, number in zip(row, x, strict=True)) for row in rows]

    def norm(x: list[Any]) -> list[Any]:
        scale = (sum(number * number for number in x) / len(x) + 1e-5) ** -0.5
        return [number * scale for number in x]

    def softmax(x: list[Any]) -> list[Any]:
        top = max(number.data for number in x)
        powers = [(number - top).exp() for number in x]
        total = sum(powers)
        return [power / total for power in powers]

    def step() -> float:
        nonlocal steps
        keys: list[list[Any]] = []
        values: list[list[Any]] = []
        losses = []
        size = len(out) // heads
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
        loss = sum(losses) / len(losses)
        for parameter in parameters:
            parameter.grad = 0.0
        loss.backward()
        steps += 1
        b1, b2 = BETAS
        for i, parameter in enumerate(parameters):
            firsts[i] = b1 * firsts[i] + (1 - b1) * parameter.grad
            seconds[i] = b2 * seconds[i] + (1 - b2) * parameter.grad**2
            mean, square = firsts[i] / (1 - b1**steps), seconds[i] / (1 - b2**steps)
            parameter.data -= RATE * mean / (square**0.5 + EPS)
        return float(loss.data)

    return step
