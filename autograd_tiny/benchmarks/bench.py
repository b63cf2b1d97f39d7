"""The bench: every work in a process of its own, then a table, a picture and all samples as JSON."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from statistics import median
from typing import Any

from ..examples import Stage
from ..files import write_atomically
from .figures import Figure, results_table, time_figure
from .ladder import draw_ladder
from .machine import machine, versions
from .worker import BenchmarkError
from .works import Work, chosen

ROUNDS, SECONDS = 9, 0.2
QUICK_ROUNDS, QUICK_SECONDS = 3, 0.02

# Read when the libraries are loaded, so they must be there before the process of the work begins.
ONE_THREAD = {
    **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"), "1"),
    "NPROC": "1",  # of the thread pools of XLA
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false",
    "JAX_PLATFORMS": "cpu",
}

Round = dict[str, float]


def bench(names: list[str] | None, stage: Stage, quick: bool = False) -> list[Figure]:
    """Measure side by side what is installed; print a table, and write ``ladder.png`` and ``bench.json``.

    Args:
        names: of the works, None for all.
        stage: the console and the folder.
        quick: few repetitions, for a first impression.

    Returns:
        The lines of the table.

    Raises:
        ParameterError: for a name that no work has.
        BenchmarkError: when engines disagree about the losses, or a process ends early.
    """
    works = chosen(names)
    stage.open()
    facts = machine() | versions()
    stage.show(", ".join(f"{name} {fact}" for name, fact in facts.items()) + ", one thread")
    measured, missing = _measured(list(works), stage, quick)
    parts = [figures_of(name, work, measured[name]) for name, work in works.items()]
    stage.console.print(results_table(parts))
    for name, reasons in missing.items():
        for engine, reason in reasons.items():
            stage.show(f"{name}, not measured: {engine}: {reason}")
    times = {works[name].title: medians(rounds) for name, rounds in measured.items() if rounds}
    if times:
        height = sum(0.9 + 0.3 * len(bars) for bars in times.values())
        stage.figure("ladder.png", lambda figure: draw_ladder(figure, times), 8.0, height)
    figures = [figure for part in parts for figure in part]
    report = {"machine": facts, "not measured": missing, "figures": [figure.record() for figure in figures]}
    path = stage.folder / "bench.json"
    write_atomically(path, (json.dumps(report, indent=1) + "\n").encode())
    stage.show(f"wrote {path}")
    return figures


def _measured(names: list[str], stage: Stage, quick: bool) -> tuple[dict[str, list[Round]], dict[str, dict[str, str]]]:
    """Return the rounds of each work, and who could not take part in it and why."""
    from rich.progress import Progress

    rounds, seconds = (QUICK_ROUNDS, QUICK_SECONDS) if quick else (ROUNDS, SECONDS)
    measured: dict[str, list[Round]] = {name: [] for name in names}
    missing: dict[str, dict[str, str]] = {}
    with Progress(console=stage.console, transient=True) as progress:
        tasks = {name: progress.add_task(name, total=rounds) for name in names}
        for name in names:
            for told in _told_by_worker(name, rounds, seconds):
                if "missing" in told:
                    missing[name] = told["missing"]
                else:
                    measured[name].append(told["seconds"])
                    progress.advance(tasks[name])
    return measured, missing


def figures_of(name: str, work: Work, rounds: list[Round]) -> list[Figure]:
    """Return the lines of a work: the time of each engine that took part, then the ratios between them.

    A ratio is the median of the ratios of runs that belong together, those of one round.
    """
    if not rounds:
        return []
    lines = [
        time_figure(f"{name}: {engine.name}", [measured[engine.name] for measured in rounds], engine.at_most)
        for engine in work.engines
        if engine.name in rounds[0]
    ]
    for ratio in work.ratios:
        if ratio.slow in rounds[0] and ratio.fast in rounds[0]:
            samples = [measured[ratio.slow] / measured[ratio.fast] for measured in rounds]
            lines.append(Figure(f"{name}: {ratio.slow} / {ratio.fast}", samples, "x", ratio.at_least, ratio.at_most))
    return lines


def medians(rounds: list[Round]) -> dict[str, float]:
    """Return the median of each engine.

    >>> medians([{"a": 1.0}, {"a": 3.0}])
    {'a': 2.0}
    """
    return {name: median(measured[name] for measured in rounds) for name in rounds[0]}


def _told_by_worker(name: str, rounds: int, seconds: float) -> Iterator[dict[str, Any]]:
    """Yield what the process of a work prints."""
    command = [sys.executable, "-m", f"{__package__}.worker", name, str(rounds), str(seconds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | ONE_THREAD) as process:
        try:
            for line in process.stdout or ():
                told = json.loads(line)
                if "error" in told:
                    raise BenchmarkError(told["error"])
                yield told
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        raise BenchmarkError(f"{name}: its process ended with exit code {process.returncode}; see what it said above")
