"""The works compiled by this package's own ``jit`` and ``replay``: the only file of the benchmarks that uses them."""

from __future__ import annotations

from .problems import Step

NOT_YET = "jit is not there yet"


def moons_step(executor: str = "auto") -> Step:
    """Return the training step on the moons, SGD and the Python call included.

    Args:
        executor: as for ``jit``; ``"numpy"`` does without llvmlite.
    """
    raise NotImplementedError(NOT_YET)


def moons_value_step() -> Step:
    """Return the step that computes the loss of all moons and no gradient; no parameter changes."""
    raise NotImplementedError(NOT_YET)


def moons_gradient_step() -> Step:
    """Return the step that computes the loss of all moons and its gradients; no parameter changes."""
    raise NotImplementedError(NOT_YET)


def gpt_step() -> Step:
    """Return the training step of the example GPT on one name, Adam included."""
    raise NotImplementedError(NOT_YET)


def digits_epoch() -> Step:
    """Return the epoch on the digits in batches, Adam included."""
    raise NotImplementedError(NOT_YET)


def replay_step() -> Step:
    """Return the step that replays the recorded elementwise loss of all moons, forward and backward."""
    raise NotImplementedError(NOT_YET)


def compile_moons_step(cached: bool) -> Step:
    """Return the step that makes the moons program ready and runs it once: the loss of the first step.

    Args:
        cached: whether it is taken from the disk cache, or compiled and the cache left alone.
    """
    raise NotImplementedError(NOT_YET)


def compile_large_step() -> Step:
    """Return the step that makes a program of 100,000 instructions ready and runs it once."""
    raise NotImplementedError(NOT_YET)
