"""One measurement in a process of its own: prints a JSON object per round for ``python -m tests.benchmarks``.

Engines take turns, so that whatever slows the machine down for a while slows all of them, and they change
places from round to round. The garbage collector runs between the runs and is at its defaults during them.
"""

from __future__ import annotations

import gc
import json
import random
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from time import perf_counter
from typing import Any

from micrograd.engine import Value as MicrogradValue  # type: ignore  # optional and without type hints

from autograd_tiny import Value, optim
from autograd_tiny.benchmarks import baseline, with_modules, with_values
from autograd_tiny.benchmarks.problems import Step

STEPS = 5
NODES_WEIGHED = 100_000
CHAINS = (100_000, 1_000_000)
PARAMETERS = 1_000_000

Round = dict[str, float]

ENGINES: dict[str, Callable[[float], Any]] = {
    "autograd_tiny": Value,
    "micrograd": MicrogradValue,
    "baseline": baseline.Value,
}


def training(rounds: int) -> Iterator[Round]:
    """Seconds per training step.

    A run is several steps in a row: graphs with reference cycles are not freed when a step ends but later, by the
    collector, in the middle of another step. Timing single steps would leave that part of their cost out.
    """
    steps = {name: with_values.moons_step(value_class) for name, value_class in ENGINES.items()}
    steps["autograd_tiny.nn"] = with_modules.moons_step()
    yield from _in_turns(steps, rounds)


def gpt_training(rounds: int) -> Iterator[Round]:
    """Seconds per step of the example GPT on a name of eight letters, Adam included."""
    steps = {"autograd_tiny.nn": with_modules.gpt_step(), "baseline": with_values.gpt_step(baseline.Value)}
    yield from _in_turns(steps, rounds)


def million(rounds: int) -> Iterator[Round]:
    """Seconds per parameter of a step of each optimiser, over a million of them whose gradients are given."""
    rng = random.Random(0)
    parameters = [Value(rng.gauss(0.0, 1.0)) for _ in range(PARAMETERS)]
    for parameter in parameters:
        parameter.grad = rng.gauss(0.0, 1.0)
    optimizers = {
        "SGD": optim.SGD(parameters, lr=1e-3),
        "SGD, momentum": optim.SGD(parameters, lr=1e-3, momentum=0.9),
        "Adagrad": optim.Adagrad(parameters, lr=1e-3),
        "RMSprop": optim.RMSprop(parameters, lr=1e-3),
        "Adam": optim.Adam(parameters, lr=1e-3),
        "AdamW": optim.AdamW(parameters, lr=1e-3),
    }
    for _ in range(rounds):
        seconds = {}
        for name, optimizer in optimizers.items():
            gc.collect()
            start = perf_counter()
            optimizer.step()
            seconds[name] = (perf_counter() - start) / PARAMETERS
        yield seconds


def _in_turns(steps: dict[str, Step], rounds: int) -> Iterator[Round]:
    for number in range(rounds + 1):
        seconds, losses = {}, {}
        for name in _rotated(list(steps), number):
            gc.collect()
            start = perf_counter()
            for _ in range(STEPS):
                losses[name] = steps[name]()
            seconds[name] = (perf_counter() - start) / STEPS
        if max(losses.values()) - min(losses.values()) > 1e-6:
            raise SystemExit(f"the engines disagree about the loss: {losses}")
        if number > 0:  # the first round warms up
            yield seconds


def memory(rounds: int) -> Iterator[Round]:
    """Bytes per recorded node of a chain of products and sums."""
    for _ in range(rounds):
        yield {name: _bytes_per_node(value_class) for name, value_class in ENGINES.items()}


def _bytes_per_node(value_class: Callable[[float], Any]) -> float:
    slope, shift = value_class(0.999), value_class(0.001)
    y = value_class(1.0)
    gc.collect()
    tracemalloc.start()
    for _ in range(NODES_WEIGHED // 2):
        y = y * slope + shift
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return size / NODES_WEIGHED


def chains(rounds: int) -> Iterator[Round]:
    """Seconds to record, differentiate and drop a chain in which every node has the one before as a parent."""
    for _ in range(rounds):
        seconds = {}
        for length in CHAINS:
            gc.collect()
            slope, y = Value(1.0), Value(1.0)
            start = perf_counter()
            for _ in range(length):
                y = y * slope
            recorded = perf_counter()
            y.backward()
            differentiated = perf_counter()
            del y
            dropped = perf_counter()
            seconds[f"record {length}"] = recorded - start
            seconds[f"backward {length}"] = differentiated - recorded
            seconds[f"drop {length}"] = dropped - differentiated
        yield seconds


def imports(rounds: int) -> Iterator[Round]:
    """Seconds that a fresh interpreter needs to import the package."""
    script = "from time import perf_counter as now; start = now(); import autograd_tiny; print(now() - start)"
    for number in range(rounds + 1):
        seconds = float(subprocess.check_output([sys.executable, "-c", script]))
        if number > 0:  # the first one may have to compile
            yield {"autograd_tiny": seconds}


MEASUREMENTS: dict[str, Callable[[int], Iterator[Round]]] = {
    "training": training,
    "gpt": gpt_training,
    "million": million,
    "memory": memory,
    "chains": chains,
    "imports": imports,
}


def _rotated(names: list[str], number: int) -> list[str]:
    start = number % len(names)
    return names[start:] + names[:start]


if __name__ == "__main__":
    _, name, rounds = sys.argv
    for measured in MEASUREMENTS[name](int(rounds)):
        print(json.dumps(measured), flush=True)
