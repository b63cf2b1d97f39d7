"""Measure the package beside micrograd and a minimal baseline: ``python -m tests.benchmarks``.

"ours" is the same elementwise code on every engine's Value, "ours, nn" this package's own network with one ``dot`` node
a neuron. Every measurement has a process of its own. A ratio is the median of the ratios of runs that belong together;
the range beside a median is that of the middle half of the runs.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

Round = dict[str, float]

ROUNDS = {"training": 9, "gpt": 9, "million": 5, "memory": 1, "chains": 5, "imports": 15}
QUICK_ROUNDS = {"training": 2, "gpt": 2, "million": 1, "memory": 1, "chains": 1, "imports": 3}


@dataclass(frozen=True)
class Figure:
    """One line of the results.

    Attributes:
        name: what was measured.
        samples: one number per round.
        unit: unit of the samples.
        at_least, at_most: the target, None where there is none.
    """

    name: str
    samples: list[float]
    unit: str
    at_least: float | None = None
    at_most: float | None = None

    @property
    def value(self) -> float:
        """The median."""
        return median(self.samples)

    @property
    def met(self) -> bool | None:
        """Whether the target is met, None without a target."""
        if self.at_least is None and self.at_most is None:
            return None
        low = -float("inf") if self.at_least is None else self.at_least
        high = float("inf") if self.at_most is None else self.at_most
        return low <= self.value <= high

    def cells(self) -> tuple[str, str, str, str, str]:
        """The line as text: name, median, middle half, target, met."""
        spread = ""
        if len(self.samples) > 2:
            low, _, high = quantiles(self.samples, n=4, method="inclusive")
            spread = f"{_digits(low)} to {_digits(high)}"
        target = ""
        if self.at_least is not None:
            target = f"at least {self.at_least:g}"
        if self.at_most is not None:
            target = f"at most {self.at_most:g}"
        met = {None: "", True: "yes", False: "NO"}[self.met]
        return self.name, f"{_digits(self.value)} {self.unit}", spread, target, met

    def record(self) -> dict[str, Any]:
        """The line as data."""
        return {**vars(self), "value": self.value, "met": self.met}


def _digits(number: float) -> str:
    return f"{number:.3g}" if number < 1000 else f"{number:.0f}"


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


def machine() -> dict[str, Any]:
    """Return what the figures depend on: processor, cores, load, Python."""
    processor = platform.processor()
    cpu_facts = Path("/proc/cpuinfo")
    if cpu_facts.exists():
        models = [line for line in cpu_facts.read_text().splitlines() if line.startswith("model name")]
        processor = models[0].partition(":")[2].strip() if models else processor
    return {
        "processor": processor or platform.machine(),
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "system": f"{platform.system()} {platform.machine()}",
    }


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
    table = Table("measurement", "median", "middle half", "target", "met")
    for figure in results:
        table.add_row(*figure.cells())
    console.print(table)
    if options.json:
        report = {"machine": facts, "figures": [figure.record() for figure in results]}
        options.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
