"""Plant mistakes in the package one by one and see which ones the tests notice: ``python -m tests.mutation``.

This is a script of ours because mutmut leaves decorated functions alone, which all operations are, and cosmic-ray
starts the whole suite anew for every mutant, which makes hours of these minutes. What is mutated: mutants.py; how it
runs: runner.py. Survivors that no test can or should kill are explained in explained.toml.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tomllib
from collections import Counter
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from .mutants import Mutant
from .runner import KILLED, PACKAGE, TIMEOUT, all_mutants, default_folder, known_verdicts, run_all, verdicts_written

CORE = "primitive ops higher_order recording value functional graph files parameters ranges".split()
PACKAGES = "explanation testing nn optim train data".split()  # in compilation most survivors change speed only
EXPLAINED = Path(__file__).with_name("explained.toml")


def modules() -> list[str]:
    """Return the modules that are mutated by default."""
    files = [path for package in PACKAGES for path in sorted((PACKAGE / package).glob("*.py"))]
    return [*CORE, *(f"{path.parent.name}/{path.stem}" for path in files)]


def explained() -> dict[str, str]:
    """Return the reason for each survivor that was looked at and is fine."""
    groups = tomllib.loads(EXPLAINED.read_text(encoding="utf-8")).get("survivors", [])
    return {mutant: group["reason"] for group in groups for mutant in group["mutants"]}


def main() -> int:
    """Run the mutants asked for; the exit status is 0 if every survivor is explained."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description="Mutation testing of our own suite.")
    parser.add_argument("--module", action="append", metavar="NAME", help="only this module, for example value")
    parser.add_argument("--sample", type=int, metavar="N", help="only N mutants, drawn at random")
    parser.add_argument("--seed", type=int, default=0, help="seed of the sample")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes (default: one per core)")
    parser.add_argument("--budget", type=float, default=20.0, help="seconds of tests per mutant (default: 20)")
    parser.add_argument("--tests", nargs="+", default=["tests"], help="files of tests to use (default: all)")
    parser.add_argument("--slow", action="store_true", help="with the tests marked slow")
    parser.add_argument("--results", type=Path, default=default_folder(), help="folder to resume from")
    options = parser.parse_args()
    options.results.mkdir(parents=True, exist_ok=True)
    tests = options.tests if options.slow else [*options.tests, "-m", "not slow"]

    chosen = [mutant for module in options.module or modules() for mutant in all_mutants(module)]
    if options.sample is not None:
        chosen = random.Random(options.seed).sample(chosen, min(options.sample, len(chosen)))
    known = known_verdicts(options.results)
    left = [mutant for mutant in chosen if mutant.name not in known]

    console = Console()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("mutants", total=len(chosen), completed=len(chosen) - len(left))
        if left:
            before = verdicts_written(options.results)

            def update() -> None:
                progress.update(task, completed=len(chosen) - len(left) + verdicts_written(options.results) - before)

            recording = run_all(left, tests, options.results, options.jobs, options.budget, update)
            for test in recording.failed:
                console.print(f"not used, it does not pass unmutated: {test}", markup=False)
    return report(
        chosen, {name: result["verdict"] for name, result in known_verdicts(options.results).items()}, console
    )


def report(mutants: list[Mutant], verdicts: dict[str, str], console: Console) -> int:
    """Print the table and the unexplained survivors; return how the process should end."""
    reasons = explained()
    counts: dict[str, Counter[str]] = {}
    unexplained = []
    for mutant in mutants:
        count = counts.setdefault(mutant.module, Counter())
        verdict = verdicts.get(mutant.name, "not run")
        if verdict in (KILLED, TIMEOUT):
            count["killed"] += 1
        elif mutant.name in reasons:
            count["explained"] += 1
        else:
            count["unexplained"] += 1
            unexplained.append((mutant, verdict))
    for mutant, verdict in unexplained:
        place = f"{PACKAGE.name}/{mutant.module}.py:{mutant.line}"
        console.print(f"\n{place} {mutant.function} [{verdict}]", markup=False, highlight=False, soft_wrap=True)
        console.print(f"  - {mutant.before}\n  + {mutant.after}", markup=False, highlight=False, soft_wrap=True)
    table = Table("module", title="Mutants")
    for heading in ("mutants", "killed", "explained", "unexplained", "killed, %"):
        table.add_column(heading, justify="right")
    total: Counter[str] = Counter()
    for module, count in counts.items():
        total += count
        table.add_row(escape(module), *_cells(count))
    table.add_section()
    table.add_row("all", *_cells(total))
    console.print(table)
    return 1 if unexplained else 0


def _cells(count: Counter[str]) -> list[str]:
    every = count.total()
    share = f"{100 * count['killed'] / every:.1f}" if every else "-"
    return [str(every), *(str(count[kind]) for kind in ("killed", "explained", "unexplained")), share]


if __name__ == "__main__":
    sys.exit(main())
