"""One work in a process of its own, where its engines take turns: prints a JSON object a line for the bench.

The first object tells who cannot take part and why, the others the seconds of each engine in one round. Whatever slows
the machine down for a while slows all engines, and they change places from round to round. The garbage collector runs
between the runs and is at its defaults during them.
"""

from __future__ import annotations

import gc
import json
import math
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from subprocess import CalledProcessError
from time import perf_counter
from typing import Any

from ..errors import AutogradTinyError, MissingPackageError, MissingProgramError
from .problems import Step
from .works import WORKS, Work

COMPARED = 3  # steps
AGREEMENT = 1e-6  # relative


class BenchmarkError(AutogradTinyError, RuntimeError):
    """A benchmark means nothing: engines disagree about what they compute, or its process ended early."""


def ready(work: Work) -> tuple[dict[str, Step], dict[str, str]]:
    """Return the steps of the engines that can take part, and for each other one the reason why not."""
    steps, missing = {}, {}
    for engine in work.engines:
        try:
            steps[engine.name] = engine.make()
        except (MissingPackageError, MissingProgramError, CalledProcessError) as error:
            missing[engine.name] = str(error)
    return steps, missing


def warmed_up(steps: Mapping[str, Step], at_once: Mapping[str, int] | None = None) -> dict[str, float]:
    """Take the first steps, compare their losses and return the seconds of a step of each engine.

    Args:
        steps: of each engine.
        at_once: of engines that take several steps in one call: how many.

    Raises:
        BenchmarkError: when an engine's losses are not those of the first one.

    >>> list(warmed_up({"a": lambda: 1.0, "b": lambda: 1.0}))
    ['a', 'b']
    >>> warmed_up({"a": lambda: 1.0, "b": lambda: 1.1})
    Traceback (most recent call last):
    autograd_tiny.benchmarks.worker.BenchmarkError: b has the losses 1.1, 1.1, 1.1, but a has 1, 1, 1
    """
    seconds, losses = {}, {}
    for name, step in steps.items():
        first = [step() for _ in range(COMPARED - 1)]
        count = (at_once or {}).get(name, 1)
        start = perf_counter()
        rest = [step() for _ in range(count)]
        seconds[name] = (perf_counter() - start) / count
        losses[name] = [*first, rest[0]]
    expected_of, expected = next(iter(losses.items()))
    for name, found in losses.items():
        if not all(math.isclose(a, b, rel_tol=AGREEMENT) for a, b in zip(found, expected, strict=True)):
            ours, theirs = (", ".join(f"{loss:.9g}" for loss in row) for row in (found, expected))
            raise BenchmarkError(f"{name} has the losses {ours}, but {expected_of} has {theirs}")
    return seconds


def rounds_of(work: Work, steps: Mapping[str, Step], rounds: int, seconds: float) -> Iterator[dict[str, float]]:
    """Yield the seconds of a step of each engine, once a round.

    Args:
        work: what they do.
        steps: of each engine.
        rounds: how many.
        seconds: how long an engine runs in a round, at least; where its steps are short it takes many.
    """
    at_once = {engine.name: engine.at_once for engine in work.engines}
    counts = {
        name: at_once.get(name, 1) * math.ceil(max(work.fewest, seconds / once) / at_once.get(name, 1))
        for name, once in warmed_up(steps, at_once).items()
    }
    names = list(steps)
    gc.collect()
    gc.freeze()  # or the collector would walk the modules of the largest library during the steps of the smallest
    for number in range(rounds):
        start_at = number % len(names)
        measured = {}
        for name in names[start_at:] + names[:start_at]:
            step, count = steps[name], counts[name]
            gc.collect()
            start = perf_counter()
            for _ in range(count):
                step()
            measured[name] = (perf_counter() - start) / count / work.parts
        yield measured


def main(name: str, rounds: int, seconds: float) -> None:
    """Measure one work and print the objects."""
    work = WORKS[name]
    steps, missing = ready(work)
    _tell({"missing": missing})
    if steps:
        try:
            for measured in rounds_of(work, steps, rounds, seconds):
                _tell({"seconds": measured})
        except BenchmarkError as error:
            _tell({"error": f"{name}: {error}"})


def _tell(found: dict[str, Any]) -> None:
    print(json.dumps(found), flush=True)


if __name__ == "__main__":
    _, given_name, given_rounds, given_seconds = sys.argv
    with suppress(KeyboardInterrupt):  # the bench hears of it, too
        main(given_name, int(given_rounds), float(given_seconds))
