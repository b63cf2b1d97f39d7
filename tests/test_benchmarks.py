"""The bench: every peer computes what ours computes, and the machinery tells times, ratios and who is missing."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from autograd_tiny import Value
from autograd_tiny.benchmarks import (
    baseline,
    bench,
    ladder,
    machine,
    problems,
    with_c,
    with_jax,
    with_modules,
    with_numpy,
    with_torch,
    with_values,
    worker,
)
from autograd_tiny.benchmarks.figures import Figure, results_table, time_figure
from autograd_tiny.benchmarks.problems import Step
from autograd_tiny.benchmarks.worker import BenchmarkError
from autograd_tiny.benchmarks.works import WORKS, Engine, Ratio, Work, chosen
from autograd_tiny.errors import MissingPackageError, MissingProgramError, ParameterError
from autograd_tiny.examples import Stage
from autograd_tiny.value import topological_order

slow = pytest.mark.slow


@pytest.fixture(autouse=True)
def recursion_limit() -> Iterator[None]:
    """The baseline raises Python's limit; in other tests it has to stop what would run out of stack."""
    before = sys.getrecursionlimit()
    yield
    sys.setrecursionlimit(before)


needs_compiler = pytest.mark.skipif(machine.c_compiler() is None, reason="no C compiler")

# ---------------------------------------------------------------- the peers agree with ours


def first_losses(make: Callable[[], Step]) -> list[float]:
    step = make()
    return [step() for _ in range(3)]


@pytest.fixture(scope="module")
def moons_losses() -> list[float]:
    return first_losses(with_modules.moons_step)


@pytest.fixture(scope="module")
def gpt_losses() -> list[float]:
    return first_losses(with_modules.gpt_step)


@pytest.fixture
def few_digits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let an epoch be three batches, of 64, 64 and 5 images."""
    pytest.importorskip("sklearn")
    batches, layers = problems.digit_batches()
    for module in (with_modules, with_numpy, with_torch):
        monkeypatch.setattr(module, "digit_batches", lambda: problems.DigitBatches(batches[-3:], layers))


@pytest.fixture
def jax_as_it_was() -> Iterator[None]:
    jax = pytest.importorskip("jax")
    names = ("jax_enable_x64", "jax_cpu_enable_async_dispatch")
    before = {name: jax.config.read(name) for name in names if hasattr(jax.config, name)}
    yield
    for name, setting in before.items():
        jax.config.update(name, setting)


MOONS = [
    partial(with_values.moons_step, Value),
    partial(with_values.moons_step, baseline.Value),
    with_numpy.moons_step,
    pytest.param(with_c.moons_step, marks=needs_compiler),
    pytest.param(with_values.micrograd_moons_step, marks=slow),
    pytest.param(with_torch.moons_step, marks=slow),
    pytest.param(with_torch.moons_lean_step, marks=slow),
]


@pytest.mark.parametrize("make", MOONS)
def test_moons(make: Callable[[], Step], moons_losses: list[float]) -> None:
    try:
        losses = first_losses(make)
    except MissingPackageError as error:
        pytest.skip(str(error))
    assert losses == pytest.approx(moons_losses, rel=1e-12)


@slow
@pytest.mark.usefixtures("jax_as_it_was")
def test_moons_in_jax(moons_losses: list[float]) -> None:
    assert first_losses(with_jax.moons_step) == pytest.approx(moons_losses, rel=1e-12)


GPTS = [
    partial(with_values.gpt_step, baseline.Value),
    with_numpy.gpt_step,
    pytest.param(with_c.gpt_step, marks=needs_compiler),
    pytest.param(with_torch.gpt_step, marks=slow),
]


@pytest.mark.parametrize("make", GPTS)
def test_gpt(make: Callable[[], Step], gpt_losses: list[float]) -> None:
    try:
        losses = first_losses(make)
    except MissingPackageError as error:
        pytest.skip(str(error))
    assert losses == pytest.approx(gpt_losses, rel=1e-10)


@pytest.mark.usefixtures("few_digits")
@pytest.mark.parametrize("make", [with_numpy.digits_epoch, pytest.param(with_torch.digits_epoch, marks=slow)])
def test_digits(make: Callable[[], Step]) -> None:
    try:
        losses = first_losses(make)
    except MissingPackageError as error:
        pytest.skip(str(error))
    assert losses == pytest.approx(first_losses(with_modules.digits_epoch), rel=1e-10)


def test_training_helps(moons_losses: list[float], gpt_losses: list[float]) -> None:
    for losses in (moons_losses, gpt_losses):
        assert losses[2] < losses[0]


def test_replay_changes_nothing_and_has_as_many_nodes_as_the_table_says(moons_losses: list[float]) -> None:
    assert first_losses(partial(with_values.replay_step, Value)) == pytest.approx([moons_losses[0]] * 3, rel=1e-12)
    loss, _ = with_values.moons_loss(Value)
    assert len(topological_order([loss()])) == WORKS["replay"].parts


def test_an_epoch_has_every_digit_once() -> None:
    pytest.importorskip("sklearn")
    batches, _ = problems.digit_batches()
    assert [len(images) for images, _ in batches] == [64] * 28 + [5]
    images, target = problems.data.load_digits()
    rows = [[pixel for row in image for pixel in row] for image in images]
    seen = [(pixels, digit) for images, digits in batches for pixels, digit in zip(images, digits, strict=True)]
    assert sorted(seen) == sorted(zip(rows, target, strict=True))
    assert seen != list(zip(rows, target, strict=True))


@needs_compiler
def test_compiled_c_leaves_the_smallest_numbers_alone() -> None:
    """Linked with -ffast-math, a library makes its whole process flush them to 0."""
    with_c.moons_step()()
    smallest, one = (float(text) for text in ("5e-324", "1"))
    assert smallest * one > 0.0


# ---------------------------------------------------------------- who is missing


@pytest.mark.parametrize(
    ("make", "package"),
    [
        (with_torch.moons_step, "torch"),
        (with_torch.moons_lean_step, "torch"),
        (with_jax.moons_step, "jax"),
        (with_numpy.moons_step, "numpy"),
        (with_values.micrograd_moons_step, "micrograd"),
    ],
)
def test_a_missing_package_is_named(make: Callable[[], Step], package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in [name for name in sys.modules if name.partition(".")[0] == package]:
        monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingPackageError, match=rf'needs the package {package}: .*"autograd_tiny\[bench\]"'):
        make()


@pytest.mark.parametrize("make", [with_c.moons_step, with_c.gpt_step])
def test_a_missing_compiler_is_named(make: Callable[[], Step], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine.shutil, "which", lambda name: None)
    with pytest.raises(MissingProgramError, match="C needs the program gcc, which is not on the PATH"):
        make()


def absent() -> Step:
    raise MissingPackageError("rival", "Rival", extra="bench")


def broken_compiler() -> Step:
    subprocess.run([sys.executable, "-c", "raise SystemExit(3)"], check=True)
    return lambda: 0.0


def test_an_engine_that_cannot_run_is_left_out_with_its_reason() -> None:
    engines = (Engine("here", lambda: lambda: 1.0), Engine("rival", absent), Engine("C", broken_compiler))
    steps, missing = worker.ready(Work("", engines))
    assert list(steps) == ["here"]
    assert missing["rival"] == 'Rival needs the package rival: run  pip install "autograd_tiny[bench]"'
    assert missing["C"].endswith("returned non-zero exit status 3.")


# ---------------------------------------------------------------- the worker


def counting(calls: list[str], name: str, loss: float = 1.0) -> Step:
    def step() -> float:
        calls.append(name)
        return loss

    return step


def test_engines_take_turns_and_change_places() -> None:
    calls: list[str] = []
    steps = {name: counting(calls, name) for name in "abc"}
    work = Work("", (), fewest=2, parts=1000)
    rounds = list(worker.rounds_of(work, steps, 3, 0.0))
    assert "".join(calls) == "aaabbbccc" + "aabbcc" + "bbccaa" + "ccaabb"
    assert [set(measured) for measured in rounds] == [set("abc")] * 3
    assert all(0.0 < seconds < 1e-3 for measured in rounds for seconds in measured.values())


def test_short_steps_are_taken_often() -> None:
    calls: list[str] = []
    next(worker.rounds_of(Work("", ()), {"a": counting(calls, "a")}, 1, 1e-3))
    assert len(calls) > 100


def test_a_step_is_divided_into_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(1000))
    monkeypatch.setattr(worker, "perf_counter", lambda: float(next(clock)))
    (measured,) = worker.rounds_of(Work("", (), fewest=4, parts=10), {"a": lambda: 1.0}, 1, 3.0)
    assert measured == {"a": pytest.approx(1.0 / 4 / 10)}


@pytest.mark.parametrize("other", [1.0 + 2e-6, float("nan"), float("inf"), -1.0])
def test_engines_that_disagree_are_named(other: float) -> None:
    steps = {"a": lambda: 1.0, "b": lambda: 1.0 + 1e-8, "c": lambda: other}
    with pytest.raises(BenchmarkError, match=r"^c has the losses .*, but a has 1, 1, 1$"):
        worker.warmed_up(steps)


def test_disagreement_in_the_third_step_is_noticed() -> None:
    losses = iter([1.0, 1.0, 2.0])
    with pytest.raises(BenchmarkError, match="b has the losses 1, 1, 2"):
        worker.warmed_up({"a": lambda: 1.0, "b": lambda: next(losses)})


def told(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_the_worker_tells_who_is_missing_then_the_rounds(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    engines = (Engine("a", lambda: lambda: 1.0), Engine("rival", absent))
    monkeypatch.setitem(WORKS, "play", Work("", engines))
    worker.main("play", 2, 0.0)
    first, *rounds = told(capsys)
    assert list(first["missing"]) == ["rival"]
    assert [list(measured["seconds"]) for measured in rounds] == [["a"], ["a"]]


def test_the_worker_tells_of_disagreement(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    engines = (Engine("a", lambda: lambda: 1.0), Engine("b", lambda: lambda: 2.0))
    monkeypatch.setitem(WORKS, "play", Work("", engines))
    worker.main("play", 1, 0.0)
    assert told(capsys)[-1] == {"error": "play: b has the losses 2, 2, 2, but a has 1, 1, 1"}


def test_a_work_that_nobody_can_do_has_no_rounds(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(WORKS, "play", Work("", (Engine("rival", absent),)))
    worker.main("play", 1, 0.0)
    assert [list(line) for line in told(capsys)] == [["missing"]]


# ---------------------------------------------------------------- the bench


PLAY = Work(
    "a game",
    (Engine("rival", absent), Engine("slow", absent), Engine("ours, fast", absent, at_most=1e-3)),
    (
        Ratio("slow", "ours, fast", at_least=10.0),
        Ratio("ours, fast", "slow", at_most=0.01),
        Ratio("rival", "slow", at_least=1.0),
    ),
)
PLAY_ROUNDS = [
    {"slow": 0.030, "ours, fast": 0.002},
    {"slow": 0.020, "ours, fast": 0.001},
    {"slow": 0.040, "ours, fast": 0.001},
]


def test_a_ratio_is_the_median_of_those_within_a_round() -> None:
    lines = {figure.name: figure for figure in bench.figures_of("play", PLAY, PLAY_ROUNDS)}
    assert list(lines) == ["play: slow", "play: ours, fast", "play: slow / ours, fast", "play: ours, fast / slow"]
    assert lines["play: slow / ours, fast"].samples == pytest.approx([15.0, 20.0, 40.0])
    assert lines["play: slow / ours, fast"].met is True
    assert lines["play: ours, fast / slow"].met is False
    assert lines["play: ours, fast"].cells() == ("play: ours, fast", "1 ms", "1 to 1.5", "at most 1", "yes")
    assert bench.figures_of("play", PLAY, []) == []


def play(monkeypatch: pytest.MonkeyPatch, folder: Path, rounds: list[dict[str, float]]) -> tuple[list[Figure], str]:
    """Run the bench on a work whose process tells what is given here."""
    monkeypatch.setitem(WORKS, "play", PLAY)
    lines = [{"missing": {"rival": "Rival needs the package rival"}}, *({"seconds": seconds} for seconds in rounds)]
    monkeypatch.setattr(bench, "_told_by_worker", lambda name, rounds, seconds: iter(lines))
    console = Console(record=True, width=120, file=io.StringIO())
    figures = bench.bench(["play"], Stage(folder, console))
    return figures, console.export_text()


def test_the_bench_prints_a_table_and_writes_picture_and_samples(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("matplotlib")
    figures, text = play(monkeypatch, tmp_path, PLAY_ROUNDS)
    assert "one thread" in text.partition("measurement")[0]
    assert any("slow / ours, fast" in line and "at least 10" in line and "yes" in line for line in text.splitlines())
    assert any("ours, fast / slow" in line and "at most 0.01" in line and "NO" in line for line in text.splitlines())
    assert "play, not measured: rival: Rival needs the package rival\n" in text
    assert (tmp_path / "ladder.png").read_bytes().startswith(b"\x89PNG")
    report = json.loads((tmp_path / "bench.json").read_text())
    assert report["not measured"] == {"play": {"rival": "Rival needs the package rival"}}
    assert [line["name"] for line in report["figures"]] == [figure.name for figure in figures]
    assert report["figures"][0]["samples"] == pytest.approx([30.0, 20.0, 40.0])
    assert {"processor", "python", "autograd_tiny"} <= set(report["machine"])


def test_where_nothing_can_be_measured_there_is_no_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    figures, text = play(monkeypatch, tmp_path, [])
    assert figures == []
    assert "not measured: rival" in text
    assert not (tmp_path / "ladder.png").exists()
    assert (tmp_path / "bench.json").exists()


def instead_of_the_worker(monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    real = subprocess.Popen
    monkeypatch.setattr(bench.subprocess, "Popen", lambda command, **how: real([sys.executable, "-c", program], **how))


def test_an_error_of_the_worker_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    instead_of_the_worker(monkeypatch, """print('{"error": "moons: b has the losses 2"}')""")
    with pytest.raises(BenchmarkError, match="moons: b has the losses 2"):
        list(bench._told_by_worker("moons", 1, 0.0))


def test_a_worker_that_dies_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    instead_of_the_worker(monkeypatch, "raise SystemExit(7)")
    with pytest.raises(BenchmarkError, match="moons: its process ended with exit code 7"):
        list(bench._told_by_worker("moons", 1, 0.0))


def test_the_worker_has_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    program = "import json, os; print(json.dumps({'missing': dict(os.environ)}))"
    instead_of_the_worker(monkeypatch, program)
    (line,) = bench._told_by_worker("moons", 1, 0.0)
    environment = line["missing"]
    assert environment["OMP_NUM_THREADS"] == environment["OPENBLAS_NUM_THREADS"] == environment["NPROC"] == "1"
    assert "multi_thread_eigen=false" in environment["XLA_FLAGS"]
    assert "PATH" in environment


@slow
def test_pytorch_has_one_thread_there(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    instead_of_the_worker(monkeypatch, "import json, torch; print(json.dumps({'threads': torch.get_num_threads()}))")
    assert list(bench._told_by_worker("moons", 1, 0.0)) == [{"threads": 1}]


@slow
def test_the_bench_in_earnest(tmp_path: Path) -> None:
    pytest.importorskip("numpy")
    figures = bench.bench(["gpt"], Stage(tmp_path, Console(quiet=True)), quick=True)
    times = {figure.name: figure for figure in figures}
    assert {"gpt: ours, eager nn", "gpt: plain Python", "gpt: NumPy by hand"} <= set(times)
    assert all(len(figure.samples) == bench.QUICK_ROUNDS for figure in figures)


# ---------------------------------------------------------------- figures, names, pictures


@pytest.mark.parametrize(
    ("seconds", "shown"), [(2.5, "2.5 s"), (0.25, "250 ms"), (2.5e-5, "25 µs"), (2.5e-9, "2.5 ns"), (2e-12, "0.002 ns")]
)
def test_times_are_shown_in_the_unit_that_suits_them(seconds: float, shown: str) -> None:
    assert time_figure("x", [seconds]).cells()[1] == shown


def test_targets_are_scaled_with_the_times() -> None:
    figure = time_figure("x", [4e-9], at_most=5e-9)
    assert (figure.cells()[3:], figure.met) == (("at most 5", "yes"), True)
    assert time_figure("x", [6e-9], at_most=5e-9).met is False
    assert time_figure("x", [6e-9]).met is None


def test_the_parts_of_the_table_are_apart() -> None:
    table = results_table([[Figure("a", [1.0], "x")], [Figure("b", [2.0], "x")]])
    assert [row.end_section for row in table.rows] == [True, True]


@pytest.mark.parametrize(
    ("name", "remedy"),
    [("moon", "did you mean moons?"), ("mars", "there are moons, gpt, digits, replay, compile, large, cost")],
)
def test_an_unknown_name_is_refused(name: str, remedy: str) -> None:
    with pytest.raises(ParameterError) as refused:
        chosen(["gpt", name])
    assert str(refused.value) == f"there is no benchmark {name!r}; {remedy}"


def test_all_works_without_names() -> None:
    assert chosen(None) == WORKS


def test_ratios_are_between_engines_that_there_are() -> None:
    for work in WORKS.values():
        names = [engine.name for engine in work.engines]
        assert len(set(names)) == len(names)
        assert {name for ratio in work.ratios for name in (ratio.slow, ratio.fast)} <= set(names)


def test_versions_name_what_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "PACKAGES", ("autograd_tiny", "no-such-package"))
    monkeypatch.setattr(machine, "c_compiler", lambda: None)
    assert list(machine.versions()) == ["autograd_tiny"]


def test_the_ladder_has_the_slowest_on_top_and_ours_stand_out() -> None:
    pytest.importorskip("matplotlib")
    from matplotlib.colors import to_rgba
    from matplotlib.figure import Figure as Picture

    picture = Picture()
    ladder.draw_ladder(picture, {"one": {"rival": 1.0, "ours": 1e-3, "other": 0.1}, "two": {"ours": 2e-9}})
    first, second = picture.axes
    assert [label.get_text() for label in first.get_yticklabels()] == ["ours", "other", "rival"]
    assert [bar.get_width() for bar in first.patches] == [1e-3, 0.1, 1.0]
    assert [bar.get_facecolor() for bar in first.patches] == [
        to_rgba(color) for color in (ladder.OURS, ladder.OTHERS, ladder.OTHERS)
    ]
    assert first.get_xscale() == "log"
    assert "1 ms" in [text.get_text() for text in first.texts]
    assert second.get_title("left") == "two"
    low, high = first.get_xlim()
    assert low < 1e-3
    assert high > 1.0
