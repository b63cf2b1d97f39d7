"""Measure the package beside micrograd and a minimal baseline: ``python -m tests.benchmarks``.

"ours" is the same elementwise code on every engine's Value, "ours, nn" this package's own network with one ``dot`` node
a neuron. Every measurement has a process of its own. A ratio is the median of the ratios of runs that belong together;
the range beside a median is that of the middle half of the runs.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from autograd_tiny.benchmarks.figures import Figure, results_table
from autograd_tiny.benchmarks.machine import machine

Round = dict[str, float]

ROUNDS = {"training": 9, "gpt": 9, "million": 5, "memory": 1, "chains": 5, "imports": 15}
QUICK_ROUNDS = {"training": 2, "gpt": 2, "million": 1, "memory": 1, "chains": 1, "imports": 3}


def figures(rounds: dict[str, list[Round]]) -> list[Figure]:
    """Return the results in the order they are shown."""

    def column(measurement: str, name: str, scale: float = 1.0) -> list[float]:
        return [scale * measured[name] for measured in rounds[measurement]]

    def times_faster(name: str, than: str, measurement: str = "training") -> list[float]:
        return [measured[than] / measured[name] for measured in rounds[measurement]]

    engines = {
        "ours": "autograd_tiny",
        "ours, nn": "autograd_tiny.nn",
        "micrograd": "micrograd",
        "baseline": "baseline",
    }
    results = [Figure(f"moons step, {name}", column("training", key, 1e3), "ms") for name, key in engines.items()]
    results += [
        Figure("micrograd / ours", times_faster("autograd_tiny", "micrograd"), "x", at_least=6.0),
        Figure("baseline / ours", times_faster("autograd_tiny", "baseline"), "x", at_least=1.0),
        Figure("micrograd / ours, nn", times_faster("autograd_tiny.nn", "micrograd"), "x", at_least=25.0),
        Figure("GPT step, ours, nn", column("gpt", "autograd_tiny.nn", 1e3), "ms"),
        Figure("GPT step, baseline", column("gpt", "baseline", 1e3), "ms"),
        Figure("baseline / ours, nn, GPT", times_faster("autograd_tiny.nn", "baseline", "gpt"), "x", at_least=5.0),
        *[Figure(f"{name}, a parameter", column("million", name, 1e9), "ns") for name in rounds["million"][0]],
        Figure("bytes a node, ours", column("memory", "autograd_tiny"), "B", at_most=240.0),
        Figure("bytes a node, micrograd", column("memory", "micrograd"), "B"),
        Figure("bytes a node, baseline", column("memory", "baseline"), "B"),
    ]
    parts = ("record", "backward", "drop")
    for part in parts:
        results.append(Figure(f"1e5 nodes, {part}", column("chains", f"{part} 100000"), "s"))
    for part in parts:
        limit = 0.5 if part == "drop" else None
        results.append(Figure(f"1e6 nodes, {part}", column("chains", f"{part} 1000000"), "s", at_most=limit))
    for part in ("record", "backward"):
        results.append(Figure(f"a node of 1e5, {part}", column("chains", f"{part} 100000", 1e4), "ns"))
    growth = [
        sum(measured[f"{part} 1000000"] for part in parts) / sum(measured[f"{part} 100000"] for part in parts)
        for measured in rounds["chains"]
    ]
    results.append(Figure("1e6 / 1e5 nodes", growth, "x", at_most=20.0))  # linear is 10, and caches are finite
    results.append(Figure("import", column("imports", "autograd_tiny", 1e3), "ms"))
    return results


def run(measurement: str, rounds: int) -> Iterator[Round]:
    """Yield the rounds of a measurement as its process prints them."""
    command = [sys.executable, "-m", "tests.benchmarks.worker", measurement, str(rounds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None  # asked for above
        yield from map(json.loads, process.stdout)
    if process.returncode:
        raise SystemExit(f"the measurement {measurement!r} failed")


def main() -> None:
    """Measure, show progress, print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few repetitions: a first impression in half a minute")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write machine, figures and all samples to FILE")
    options = parser.parse_args()
    if find_spec("micrograd") is None:
        raise SystemExit("the comparison needs micrograd: run  make bench  or  pip install micrograd")

    console = Console()
    facts = machine()
    console.print(", ".join(f"{name} {fact}" for name, fact in facts.items()), highlight=False, soft_wrap=True)
    repetitions = QUICK_ROUNDS if options.quick else ROUNDS
    rounds: dict[str, list[Round]] = {name: [] for name in repetitions}
    with Progress(console=console, transient=True) as progress:
        tasks = {name: progress.add_task(name, total=count) for name, count in repetitions.items()}
        for name, count in repetitions.items():
            for measured in run(name, count):
                rounds[name].append(measured)
                progress.advance(tasks[name])

    results = figures(rounds)
    console.print(results_table([results]))
    if options.json:
        report = {"machine": facts, "figures": [figure.record() for figure in results]}
        options.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
