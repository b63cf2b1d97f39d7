"""Run mutants against the tests that reach them, each in a process forked from one that has everything loaded.

One recorded run of the suite tells which lines each test runs and how long it takes. A mutant then gets only the tests
that run its lines, the quickest first, until one fails.

Most mutants change code that runs for the first time in a test: they are forked from a session that has collected the
whole suite, and only the code objects of the changed functions are exchanged. What already runs while the package is
imported or the tests are collected gets a fresh import in a fork without the package.
"""

from __future__ import annotations

import ast
import contextlib
import faulthandler
import gc
import hashlib
import importlib.util
import json
import math
import os
import resource
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cache, partial
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from itertools import pairwise
from pathlib import Path
from types import CodeType, FrameType, FunctionType
from typing import Any

import numpy  # noqa: F401 - loaded once here instead of in every fork
import pytest
from hypothesis import Phase, settings

from .mutants import Function, Mutant, mutants_of

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "autograd_tiny"
KILLED, TIMEOUT, SURVIVED, NO_TEST = "killed", "timeout", "survived", "no test"

_MEMORY = 8 << 30
_FAILED, _PASSED, _NOT_EXCHANGED = 10, 11, 12  # how a fork ends; anything else is a crash or the time limit
_QUIET = ("-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--rootdir", str(ROOT), "--assert=plain")


@cache
def tree_of(module: str) -> ast.Module:
    """Return the syntax tree of a module, the same one every time: mutants change it in place."""
    return ast.parse(path_of(module).read_text(encoding="utf-8"))


@cache
def all_mutants(module: str) -> tuple[Mutant, ...]:
    """Return every mutant of a module of the package."""
    return tuple(mutants_of(tree_of(module), module))


def path_of(module: str) -> Path:
    """Return the file of a module given as ``value`` or ``explanation/table``."""
    return PACKAGE / f"{module}.py"


def fingerprint(paths: Iterable[Path]) -> str:
    """Return a short hash of the contents of some files."""
    digest = hashlib.sha256()
    for path in sorted(paths):
        digest.update(str(path.relative_to(ROOT)).encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def suite_fingerprint() -> str:
    """Return the hash of everything that a verdict depends on: the package and its tests."""
    here = Path(__file__).parent
    tests = [path for path in (ROOT / "tests").rglob("*.py") if here not in path.parents]
    return fingerprint([*PACKAGE.rglob("*.py"), *tests])


class _OurSettings:
    """A plugin: no explanations of failing examples, a failure is all we need."""

    def pytest_collection(self) -> None:
        """Run after conftest.py has loaded its profile, and before any test is imported."""
        settings.register_profile("mutation", settings.default, phases=set(Phase) - {Phase.explain})
        settings.load_profile("mutation")


# ---------------------------------------------------------------- which test runs which line


@dataclass
class Recording:
    """What one run of the suite showed.

    Attributes:
        seconds: how long each test takes.
        failed: the tests that do not pass unmutated; they say nothing about mutants.
        runs: for each place, the tests that run it.
        early: the places that run on import or while the tests are collected.
    """

    seconds: dict[str, float]
    failed: list[str]
    runs: dict[str, list[str]]
    early: list[str]

    def tests_of(self, mutant: Mutant, budget: float) -> list[str]:
        """Return the tests that can notice a mutant, the quickest first, up to ``budget`` seconds."""
        near = {test for place in _places(mutant) for test in self.runs.get(place, ())}
        rest: set[str] = set()
        if self.runs_early(mutant):  # what it leaves behind may show anywhere, first of all in tests of that name
            rest = set(self.seconds)
            near |= {test for test in rest if mutant.function.rpartition(".")[2] in test}
        usable = (near | rest).difference(self.failed)
        chosen: list[str] = []
        total = 0.0
        for test in sorted(usable, key=lambda test: (test not in near, self.seconds[test], test)):
            total += self.seconds[test]
            if chosen and total > budget:
                break
            chosen.append(test)
        return chosen

    def runs_early(self, mutant: Mutant) -> bool:
        """Return whether the changed code already runs on import or while the tests are collected."""
        return not mutant.enclosing or not _places(mutant).isdisjoint(self.early)


def _places(mutant: Mutant) -> set[str]:
    name = getattr(mutant.enclosing[-1], "name", "<lambda>") if mutant.enclosing else ""
    return {f"{mutant.module}:{name}:{line}" for line in mutant.lines}


class _Failures:
    """A pytest plugin that collects the tests that do not pass."""

    def __init__(self) -> None:
        self.failed: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if not report.passed and report.nodeid not in self.failed:
            self.failed.append(report.nodeid)


class _Recorder(_Failures):
    """A trace function for the files of the package, and a pytest plugin that reads it after each test."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: dict[CodeType, set[int]] = {}
        self.sizes: dict[CodeType, int] = {}
        self.seconds: dict[str, float] = {}
        self.runs: dict[str, list[str]] = {}
        self.early: list[str] = []

    def trace(self, frame: FrameType, event: str, argument: Any) -> Any:
        code = frame.f_code
        lines = self.seen.get(code)
        if lines is None:
            if not code.co_filename.startswith(str(PACKAGE)):
                return None
            lines = self.seen[code] = set()
            self.sizes.setdefault(code, len({line for *_, line in code.co_lines()} - {None}))
        elif len(lines) == self.sizes[code]:
            return None
        add = lines.add
        add(frame.f_lineno)

        def local(frame: FrameType, event: str, argument: Any) -> Any:
            add(frame.f_lineno)
            return local

        return local

    def take(self) -> set[str]:
        """Return the places seen since the last call."""
        places: set[str] = set()
        for code, lines in self.seen.items():
            module = Path(code.co_filename).relative_to(PACKAGE).with_suffix("").as_posix()
            places.update(f"{module}:{code.co_name}:{line}" for line in lines)
        self.seen = {}
        return places

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self) -> None:
        self.early = sorted(self.take())

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Any:
        self.take()
        sys.settrace(self.trace)  # some tests set trace functions of their own
        start = time.perf_counter()
        try:
            return (yield)
        finally:
            self.seconds[item.nodeid] = round(time.perf_counter() - start, 4)
            for place in self.take():
                self.runs.setdefault(place, []).append(item.nodeid)


def record(tests: Sequence[str], file: Path) -> Recording:
    """Return the recording of the suite, from ``file`` if it was made from the same sources."""
    stamp = [suite_fingerprint(), *tests]

    def known() -> Recording | None:
        if not file.exists():
            return None
        content = json.loads(file.read_text())
        return Recording(**content) if content.pop("stamp") == stamp else None

    def run() -> int:
        recorder = _Recorder()
        threading.settrace(recorder.trace)
        sys.settrace(recorder.trace)
        outcome = pytest.main([*_QUIET, *tests], [_OurSettings(), recorder])
        sys.settrace(None)
        threading.settrace(None)
        again = _Failures()
        if recorder.failed:  # some only fail under a trace function: those that count bytes
            pytest.main([*_QUIET, *recorder.failed], [_OurSettings(), again])
        recording = Recording(recorder.seconds, again.failed, recorder.runs, recorder.early)
        if outcome not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):  # a file that cannot be collected
            return 1
        file.write_text(json.dumps({"stamp": stamp} | asdict(recording)))
        return 0

    log = file.with_suffix(".log")
    recording = known()
    if recording is None and _forked(run, log=log) == 0:
        recording = known()
    if recording is None:
        raise RuntimeError(f"the suite could not be recorded, see {log}")
    return recording


# ---------------------------------------------------------------- one mutant in one fork


def _forked(run: Callable[[], int | None], limit: float = math.inf, log: Path = Path(os.devnull)) -> int:
    """Run a function in a fork that prints to ``log`` and return its result, a negative number if it was killed."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            output = os.open(log, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
            for stream in (0, 1, 2):
                os.dup2(output, stream)
            code = run() or 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    deadline = time.monotonic() + limit
    pause = 0.001
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > deadline:
            os.kill(child, 9)
        time.sleep(pause)
        pause = min(pause * 1.2, 0.05)


class _Judge:
    """A pytest plugin that runs chosen tests in its own order and stops at the first failure."""

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self.failed = False

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.failed = self.failed or report.failed

    def verdict(self, session: pytest.Session, tests: list[str], killer: Path) -> int:
        """Run the tests; a failing one is written to ``killer``."""
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
        items = {item.nodeid: item for item in session.items}
        for test, following in pairwise([*tests, None]):
            killer.write_text(str(test))
            faulthandler.dump_traceback_later(5 + 10 * self.recording.seconds[str(test)], exit=True)
            item, nextitem = items[str(test)], items[following] if following else None
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=nextitem)
            if self.failed:
                return _FAILED
        return _PASSED


class _Exchanging(_Judge):
    """Instead of running the suite: for each mutant a fork with exchanged code objects."""

    def __init__(self, recording: Recording, jobs: Iterable[tuple[Mutant, list[str]]], file: _Results) -> None:
        super().__init__(recording)
        self.jobs, self.file = jobs, file

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        gc.unfreeze()  # else the collector does not list the functions
        live: dict[tuple[str, str], list[FunctionType]] = {}
        for thing in gc.get_objects():
            if type(thing) is FunctionType and thing.__code__.co_filename.startswith(str(PACKAGE)):
                live.setdefault((thing.__code__.co_filename, thing.__code__.co_qualname), []).append(thing)
        gc.freeze()
        for mutant, tests in self.jobs:

            def run(mutant: Mutant = mutant, tests: list[str] = tests) -> int:
                if not _exchange(mutant, live):
                    return _NOT_EXCHANGED
                return self.verdict(session, tests, self.file.killer)

            self.file.judge(mutant, tests, run, self.recording)
        return True


class _Fresh(_Judge):
    """In a fork where the package is imported mutated: run the tests of this one mutant."""

    def __init__(self, recording: Recording, tests: list[str], killer: Path) -> None:
        super().__init__(recording)
        self.tests, self.killer, self.result = tests, killer, _FAILED

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        self.killer.write_text("collection")
        present = {item.nodeid for item in session.items}
        if present.issuperset(self.tests):  # else the parameters of a test have changed: killed
            self.result = self.verdict(session, self.tests, self.killer)
        return True


class _MutatedImport(SourceFileLoader):
    """Finds and loads one module from the code object given, and leaves all others to the usual way."""

    def __init__(self, module: str, code: CodeType) -> None:
        path = path_of(module)
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        super().__init__(name, str(path))
        self.code = code

    def find_spec(self, name: str, path: Sequence[str] | None, target: Any = None) -> ModuleSpec | None:
        if name != self.name:
            return None
        spec = PathFinder.find_spec(name, path)
        return importlib.util.spec_from_file_location(name, spec.origin, loader=self) if spec and spec.origin else None

    def get_code(self, fullname: str) -> CodeType:
        return self.code


def _fresh(mutant: Mutant, tests: list[str], killer: Path, recording: Recording) -> int:
    finder: Any = _MutatedImport(mutant.module, _compiled(mutant.module, mutant))
    sys.meta_path.insert(0, finder)
    files = list(dict.fromkeys(test.partition("::")[0] for test in tests))
    for group in (files[:1], files[1:]):  # most mutants fail in the first file: the others need not be collected
        if group:
            plugin = _Fresh(recording, [test for test in tests if test.partition("::")[0] in group], killer)
            pytest.main([*_QUIET, "--basetemp", f"{killer}.tmp", *group], [_OurSettings(), plugin])
            if plugin.result != _PASSED:
                return plugin.result
    return _PASSED


# ---------------------------------------------------------------- exchanging code objects


def _compiled(module: str, mutant: Mutant | None = None) -> CodeType:
    with mutant.applied() if mutant else contextlib.nullcontext():
        code: CodeType = compile(tree_of(module), str(path_of(module)), "exec", dont_inherit=True)
    return code


_original = cache(_compiled)


def _inside(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _inside(constant)


def _code_of(function: Function, module: CodeType) -> CodeType | None:
    """Return the code object of a function of the syntax tree, None if that is not clear."""
    if isinstance(function, ast.Lambda):
        body = function.body
        place = (body.lineno, body.end_lineno, body.col_offset, body.end_col_offset)
        found = [c for c in _inside(module) if c.co_name == "<lambda>" and place in set(c.co_positions())]
    else:
        first = min([function.lineno, *(decorator.lineno for decorator in function.decorator_list)])
        found = [c for c in _inside(module) if c.co_name == function.name and c.co_firstlineno == first]
    return found[0] if len(found) == 1 else None


def exchangeable(mutant: Mutant) -> list[tuple[CodeType, CodeType]]:
    """Return (present code, mutated code) of the functions around a mutant; empty if they cannot be exchanged."""
    original, mutated = _original(mutant.module), _compiled(mutant.module, mutant)
    pairs = []
    for function in mutant.enclosing:
        old, new = _code_of(function, original), _code_of(function, mutated)
        if old is None or new is None or old.co_freevars != new.co_freevars:
            return []
        pairs.append((old, new))
    return pairs


def _exchange(mutant: Mutant, live: dict[tuple[str, str], list[FunctionType]]) -> bool:
    """Give the live functions the mutated code; return whether there were any."""
    changed = False
    for old, new in exchangeable(mutant):
        for function in live.get((old.co_filename, old.co_qualname), ()):
            if function.__code__ == old and list(function.__code__.co_positions()) == list(old.co_positions()):
                function.__code__ = new
                changed = True
    return changed


# ---------------------------------------------------------------- many mutants


class _Results:
    """The file of verdicts that one process writes, and the name of the test that is running."""

    def __init__(self, folder: Path, worker: int, stamp: str) -> None:
        self.path, self.killer, self.stamp = folder / "results.jsonl", folder / f"running-{worker}", stamp
        self.done: set[str] = set()

    def write(self, mutant: Mutant, verdict: str, test: str = "", seconds: float = 0.0) -> None:
        self.done.add(mutant.name)
        line = {
            "mutant": mutant.name,
            "verdict": verdict,
            "test": test,
            "seconds": round(seconds, 3),
            "module": fingerprint([path_of(mutant.module)]),
            "suite": self.stamp,
        }
        with self.path.open("a") as file:
            file.write(json.dumps(line) + "\n")

    def judge(self, mutant: Mutant, tests: list[str], run: Callable[[], int], recording: Recording) -> None:
        """Run one mutant in a fork and write the verdict."""
        start = time.monotonic()
        code = _forked(run, 60 + 10 * sum(recording.seconds[test] for test in tests))
        seconds = time.monotonic() - start
        if code == _PASSED:
            self.write(mutant, SURVIVED, f"{len(tests)} tests", seconds)
        elif code != _NOT_EXCHANGED:
            self.write(mutant, KILLED if code == _FAILED else TIMEOUT, self.killer.read_text(), seconds)


def known_verdicts(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the latest verdicts that still hold.

    A killed mutant stays killed while its module is unchanged, a survivor is tried again when anything changed.
    """
    path = folder / "results.jsonl"
    verdicts: dict[str, dict[str, Any]] = {}
    if not path.exists():
        return verdicts
    suite = suite_fingerprint()
    modules: dict[str, str] = {}
    for text in path.read_text().splitlines():
        result = json.loads(text)
        module = result["mutant"].partition(":")[0]
        if module not in modules:
            modules[module] = fingerprint([path_of(module)]) if path_of(module).exists() else ""
        if result["verdict"] in (KILLED, TIMEOUT):
            holds = result["module"] == modules[module]
        else:
            holds = result["suite"] == suite
        if holds:
            verdicts[result["mutant"]] = result
        else:
            verdicts.pop(result["mutant"], None)
    return verdicts


def verdicts_written(folder: Path) -> int:
    """Return how many verdicts there are, those included that no longer hold."""
    path = folder / "results.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else 0


def run_all(
    mutants: Sequence[Mutant],
    tests: Sequence[str],
    folder: Path,
    jobs: int,
    budget: float,
    progress: Callable[[], None],
) -> Recording:
    """Judge all mutants in ``jobs`` processes; the verdicts go to ``folder``."""
    recording = record(tests, folder / "recording.json")
    workers = []
    for worker in range(jobs):
        process = os.fork()
        if process == 0:
            code = 1
            try:
                _work(mutants[worker::jobs], recording, _Results(folder, worker, suite_fingerprint()), tests, budget)
                code = 0
            finally:
                os._exit(code)
        workers.append(process)
    while workers:
        progress()
        time.sleep(0.5)
        workers = [worker for worker in workers if os.waitpid(worker, os.WNOHANG)[0] == 0]
    progress()
    return recording


def _work(mutants: Sequence[Mutant], recording: Recording, file: _Results, tests: Sequence[str], budget: float) -> None:
    jobs = []
    for mutant in mutants:
        chosen = recording.tests_of(mutant, budget)
        if chosen:
            jobs.append((mutant, chosen))
        else:
            file.write(mutant, NO_TEST)
    quick = [(mutant, chosen) for mutant, chosen in jobs if not recording.runs_early(mutant) and exchangeable(mutant)]

    def exchange() -> None:
        basetemp = ("--basetemp", f"{file.killer}.tmp")
        pytest.main([*_QUIET, *basetemp, *tests], [_OurSettings(), _Exchanging(recording, quick, file)])

    if quick:
        _forked(exchange, log=file.killer.with_suffix(".log"))
    done = known_verdicts(file.path.parent)
    for mutant, chosen in jobs:
        if mutant.name not in done:
            file.judge(mutant, chosen, partial(_fresh, mutant, chosen, file.killer, recording), recording)


def default_folder() -> Path:
    """Return where the results go unless told otherwise."""
    return Path(tempfile.gettempdir()) / "mutation"
