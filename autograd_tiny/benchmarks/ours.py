"""The works compiled by this package's own ``jit`` and ``replay``: the only file of the benchmarks that uses them."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from .. import nn
from ..compilation import Program, jit, replay
from ..compilation.native import CACHE_VARIABLE
from ..errors import MissingPackageError
from ..examples.gpt import next_token_loss
from ..ops import dot
from ..optim import SGD, Adam
from ..train.compiled import CompiledLearner
from ..train.steps import MOST_AT_ONCE, NativeSteps
from ..value import Value
from .problems import (
    DIGITS_BATCH,
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
    Step,
    digit_batches,
    gpt_model,
    moons,
    next_letters,
)
from .with_modules import network
from .with_values import moons_loss

LARGE = 100_000  # instructions
STEPS_AT_ONCE = MOST_AT_ONCE
"""How many steps on the moons one native call takes, as in ``fit``: timings are of multiples."""


def moons_step(executor: str = "auto") -> Step:
    """Return the training step on the moons, SGD and the Python call included.

    Args:
        executor: as for ``jit``; ``"numpy"`` does without llvmlite.
    """
    points, labels, layers = moons()
    model = network(MOONS_SIZES, layers)
    optimizer = SGD(model.parameters(), lr=MOONS_LR)
    if executor != "auto":
        compiled = jit(lambda model, point, label: _moons_loss(model, model(point), label), executor=executor)

        def step() -> float:
            optimizer.zero_grad()
            loss = compiled.backward(model, points, labels)
            optimizer.step()
            return loss

        return step
    learner = _learner(model, partial(_moons_loss, model), optimizer, points, labels)
    losses = _one_by_one(learner)
    return lambda: next(losses)


def _moons_loss(model: Any, scores: Any, labels: Any) -> Value:
    parameters = model.parameters()
    loss: Value = nn.hinge_loss(scores, labels) + MOONS_PENALTY * dot(parameters, parameters)
    return loss


def _learner(
    model: Any, loss: Any, optimizer: Any, inputs: Any, targets: Any, batch: int | None = None, fast: bool = False
) -> CompiledLearner:
    """Return what ``fit(..., jit=True)`` trains with, or with ``jit="fast"``."""
    data = list(zip(inputs, targets, strict=True))
    size = batch or len(data)
    learner = CompiledLearner(model, loss, optimizer, {}, None, False, data, [], batch_size=size, fast=fast)
    if not isinstance(learner.work, NativeSteps):
        raise MissingPackageError("llvmlite", "native code", extra="jit")
    return learner


def _one_by_one(learner: CompiledLearner) -> Iterator[float]:
    while True:
        for losses in learner.epochs(STEPS_AT_ONCE):
            yield from losses


def _moons_program() -> tuple[Program, list[Value], list[list[float]]]:
    points, labels, layers = moons()
    model = network(MOONS_SIZES, layers)
    compiled = jit(lambda model, point, label: _moons_loss(model, model(point), label))
    program = compiled.program(model, points, labels)
    return program, model.parameters(), [[*point, label] for point, label in zip(points, labels, strict=True)]


def moons_value_step() -> Step:
    """Return the step that computes the loss of all moons and no gradient; no parameter changes."""
    return _prepared(gradients=False)


def moons_gradient_step() -> Step:
    """Return the step that computes the loss of all moons and its gradients; no parameter changes."""
    return _prepared(gradients=True)


def _prepared(gradients: bool) -> Step:
    import numpy as np

    from ..compilation.native_program import Compiled

    program, parameters, rows = _moons_program()
    compiled = Compiled(program, gradients, len(rows))
    data = np.array(rows, float)
    order: Any = np.arange(len(rows), dtype=np.int32)
    compiled.run([parameter.data for parameter in parameters], data, order, [1 / len(rows)])

    def step() -> float:
        compiled.run_again()
        return float(compiled.examples.results[: len(rows)].mean())

    return step


def gpt_step() -> Step:
    """Return the training step of the example GPT on one name, Adam included; sums may be reordered, as peers do."""
    model, tokens = gpt_model(), next_letters().tokens
    optimizer = Adam(model.parameters(), lr=GPT_LR, betas=GPT_BETAS, eps=GPT_EPS)
    learner = _learner(model, next_token_loss, optimizer, [tokens[:-1]], [tokens[1:]], fast=True)

    def step() -> float:
        ((_, loss, _),) = learner.steps([0], 1, 1, one_by_one=True)
        return loss

    return step


def digits_epoch() -> Step:
    """Return the epoch on the digits in batches, Adam included."""
    batches, layers = digit_batches()
    model = network(DIGITS_SIZES, layers)
    optimizer = Adam(model.parameters(), lr=DIGITS_LR, betas=DIGITS_BETAS, eps=DIGITS_EPS)
    images = [image for some, _ in batches for image in some]
    digits = [digit for _, some in batches for digit in some]
    learner = _learner(model, nn.cross_entropy, optimizer, images, digits, DIGITS_BATCH)
    order = range(len(images))

    def epoch() -> float:
        steps = learner.steps(order, DIGITS_BATCH, 1, one_by_one=False)
        return sum(loss * len(positions) for positions, loss, _ in steps) / len(order)

    return epoch


def replay_step() -> Step:
    """Return the step that replays the recorded elementwise loss of all moons, forward and backward."""
    loss, parameters = moons_loss(Value)
    again = replay(loss(), executor="llvm")

    def step() -> float:
        for parameter in parameters:
            parameter.grad = 0.0
        return again()

    return step


def compile_moons_step(cached: bool) -> Step:
    """Return the step that makes the moons program ready and runs it once: the loss of the first step.

    Args:
        cached: whether it is taken from the disk cache, or compiled and the cache left alone.
    """
    from ..compilation.executors import executor_for

    program, parameters, rows = _moons_program()
    numbers = [parameter.data for parameter in parameters]

    def step() -> float:
        results, _ = executor_for(program, True, len(rows), "llvm").run(numbers, rows, [1 / len(rows)])
        return float(results.mean())

    if cached:
        return step

    def anew() -> float:
        with _empty_cache():
            return step()

    return anew


@contextmanager
def _empty_cache() -> Iterator[None]:
    before = os.environ.get(CACHE_VARIABLE)
    with tempfile.TemporaryDirectory() as folder:
        os.environ[CACHE_VARIABLE] = folder
        try:
            yield
        finally:
            os.environ.pop(CACHE_VARIABLE)
            if before is not None:
                os.environ[CACHE_VARIABLE] = before


def compile_large_step() -> Step:
    """Return the step that makes a program of 100,000 instructions ready and runs it once."""
    x, rate = Value(0.5, "x"), Value(0.999, "rate")
    y = x
    for _ in range(LARGE // 2):
        y = (y * rate).tanh()

    def step() -> float:
        x.grad = rate.grad = 0.0
        return replay(y, executor="llvm")()

    return step
