"""The command line: every command through main(), mistakes as one line on stderr, exit codes."""

from __future__ import annotations

import dataclasses
import os
import re
import shlex
import shutil
import subprocess
import sys
from argparse import Namespace
from pathlib import Path
from types import SimpleNamespace

import pytest

from autograd_tiny import __version__, cli, demo
from autograd_tiny.cli import main
from autograd_tiny.primitive import registry
from autograd_tiny.train import History

Captured = pytest.CaptureFixture[str]
ENGINES = Path(__file__).parent / "student_engines"


def run(*words: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run the program in a process of its own, as a user does."""
    return subprocess.run(
        [sys.executable, "-m", "autograd_tiny", *words],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        cwd=cwd,
        env=os.environ | {"PYTHONIOENCODING": "utf-8"},
    )


# ---------------------------------------------------------------- explain, draw, check


def test_explain_prints_value_steps_and_gradients(capsys: Captured) -> None:
    assert main(["explain", "(a*b + 10)**2", "--at", "a=2", "b=-3"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("(a*b + 10)**2 = 16\n")
    assert "2 * v2" in out  # the slope of the square, as a formula
    assert re.search(r"d v3 / d a = -24\b", out)
    assert re.search(r"d v3 / d b = 16\b", out)


@pytest.mark.parametrize(
    ("words", "value"),
    [
        (["-x**2", "--at", "x=-3"], "-9"),
        (["-hypot(x, y)", "--at", "x=3", "y=4"], "-5"),
        (["x + y", "--at", "x=1", "--at", "y=2"], "3"),
        (["x*1", "--at", "x=-pi/4"], "-0.785398163397"),
        (["x", "--at", "x=1e-3"], "0.001"),
        (["2 * 3"], "6"),
        (["  x ", "--at", "x=1"], "1"),
    ],
)
def test_expressions_and_numbers_may_be_negative_or_computed(words: list[str], value: str, capsys: Captured) -> None:
    assert main(["explain", *words]) == 0
    assert capsys.readouterr().out.splitlines()[0] == f"{words[0].strip()} = {value}"


def test_draw_prints_a_tree_with_gradients(capsys: Captured) -> None:
    assert main(["draw", "x * y", "--at", "x=2", "y=3"]) == 0
    out = capsys.readouterr().out
    assert "x * y" in out
    assert re.search(r"\bx\b.*data 2.*grad 3", out)


def test_draw_without_backward_leaves_the_gradients_out(capsys: Captured) -> None:
    assert main(["draw", "x * y", "--at", "x=2", "y=3", "--no-backward"]) == 0
    assert "grad 3" not in capsys.readouterr().out


def test_draw_unfolds_dot(capsys: Captured) -> None:
    words = ["draw", "dot([x, y], [2, 3])", "--at", "x=1", "y=2"]
    main(words)
    folded = capsys.readouterr().out
    main([*words, "--unfold"])
    unfolded = capsys.readouterr().out
    assert "dot(" in folded
    assert "dot(" not in unfolded
    assert "x * 2" in unfolded


@pytest.mark.parametrize(
    ("suffix", "start"),
    [(".svg", b"<?xml"), (".png", b"\x89PNG"), (".dot", b"digraph"), (".mmd", b"flowchart"), (".txt", b"v1 = x * y")],
)
def test_draw_writes_the_form_of_the_suffix(suffix: str, start: bytes, tmp_path: Path, capsys: Captured) -> None:
    path = tmp_path / f"graph{suffix}"
    assert main(["draw", "x * y", "--at", "x=2", "y=3", "--out", str(path)]) == 0
    assert path.read_bytes().startswith(start)
    assert capsys.readouterr().out == f"wrote {path}\n"


def test_check_passes_on_a_smooth_expression(capsys: Captured) -> None:
    assert main(["check", "x**3 * sin(y)", "--at", "y=0.5", "x=2"]) == 0
    out = capsys.readouterr().out
    assert re.search(r"\bx +5\.7531.*ok", out)  # 3 x^2 sin(y)
    assert re.search(r"\bx\b.*\by +10\.53.*ok", out)  # 3 x^2 cos(y)


def test_check_fails_with_exit_code_1_on_a_wrong_slope(capsys: Captured) -> None:
    from autograd_tiny import primitive
    from autograd_tiny.primitive import forget

    @primitive(slopes=(2.0,))
    def crooked(m: object, x: float) -> float:
        """X itself, with a wrong slope."""
        return x

    try:
        assert main(["check", "crooked(x)", "--at", "x=2"]) == 1
    finally:
        forget(crooked)
    assert re.search(r"\bx +2 +1\b", capsys.readouterr().out)


# ---------------------------------------------------------------- ops


def test_ops_lists_the_whole_registry(capsys: Captured) -> None:
    assert main(["ops"]) == 0
    out = capsys.readouterr().out
    for op in registry.values():
        assert f"{op.name}(" in out
        assert op.doc.split()[0] in out
    assert "x = 0: slope alpha" in out
    assert "-1 <= x <= 1" in out


@pytest.mark.parametrize("name", sorted(registry))
def test_ops_shows_every_operation_in_full(name: str, capsys: Captured) -> None:
    assert main(["ops", name]) == 0
    out = capsys.readouterr().out
    assert registry[name].signature() in out
    assert ">>>" in out
    assert "d result / d " in out


def test_ops_shows_slopes_domain_and_kinks(capsys: Captured) -> None:
    main(["ops", "leaky_relu"])
    out = capsys.readouterr().out
    assert "d result / d x = 1 if x > 0 else 0.01" in out
    assert "x = 0: slope alpha" in out
    assert "all real numbers" in out
    main(["ops", "div"])
    assert "d result / d y = -result / y" in capsys.readouterr().out


# ---------------------------------------------------------------- train, demo


@pytest.mark.parametrize(("task", "pictures"), [("iris", ["loss"]), ("moons", ["boundary", "loss"])])
def test_train_tells_loss_and_accuracy_and_draws(
    task: str, pictures: list[str], tmp_path: Path, capsys: Captured
) -> None:
    folder = tmp_path / "new" / "folder"
    assert main(["train", task, "--epochs", "2", "--lr", "0.1", "--seed", "3", "--out", str(folder)]) == 0
    out = capsys.readouterr().out
    assert re.search(r"After 2 epochs: loss \S+ -> \S+, accuracy \d+\.\d%\.", out)
    written = [folder / f"{task}-{picture}.png" for picture in pictures]
    assert sorted(folder.iterdir()) == written
    assert all(path.read_bytes().startswith(b"\x89PNG") and f"wrote {path}\n" in out for path in written)


def test_the_seed_decides_the_outcome(tmp_path: Path, capsys: Captured) -> None:
    def outcome(seed: str) -> str:
        main(["train", "iris", "--epochs", "1", "--seed", seed, "--out", str(tmp_path)])
        return capsys.readouterr().out

    assert outcome("1") == outcome("1") != outcome("2")


def test_train_without_matplotlib_names_the_remedy_and_goes_on(
    tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert main(["train", "iris", "--epochs", "1", "--out", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "accuracy" in out
    assert 'No iris-loss.png: plotting needs the package matplotlib: run  pip install "autograd_tiny[plot]"' in out


def test_ctrl_c_during_training_exits_130(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("autograd_tiny.train.fit", lambda *_, **__: History(interrupted=True))
    assert main(["train", "iris", "--out", str(tmp_path)]) == 130


@pytest.mark.slow
def test_demo_reaches_its_goals_and_names_its_files(tmp_path: Path) -> None:
    done = run("demo", cwd=tmp_path)
    folder = tmp_path.resolve() / "autograd-tiny-demo"
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == f"The pictures are in {folder}"
    assert [path.name for path in sorted(folder.iterdir())] == [
        "graph.png", "graph.svg", "iris-loss.png", "moons-boundary.png", "moons-loss.png"
    ]  # fmt: skip
    assert "The goal was 95%: reached." in done.stdout
    assert "The goal was 100%: reached." in done.stdout
    assert "MISSED" not in done.stdout


def test_demo_fails_when_a_goal_is_missed(tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "TASKS", {"iris": dataclasses.replace(demo.TASKS["iris"], epochs=1)})
    assert main(["demo", "--out", str(tmp_path)]) == 1
    assert "The goal was 95%: MISSED." in capsys.readouterr().out


def test_demo_fails_when_the_gradients_are_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "TASKS", {})
    assert main(["demo", "--out", str(tmp_path)]) == 0
    monkeypatch.setattr(demo, "check_gradients", lambda *_, **__: SimpleNamespace(ok=False))
    assert main(["demo", "--out", str(tmp_path)]) == 1


def test_demo_takes_a_fresh_folder(tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(demo, "TASKS", {})
    for _ in range(2):
        assert main(["demo"]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["autograd-tiny-demo", "autograd-tiny-demo-2"]
    last = tmp_path.resolve() / "autograd-tiny-demo-2"
    assert capsys.readouterr().out.splitlines()[-1] == f"The pictures are in {last}"


# ---------------------------------------------------------------- mistakes

MISTAKES = [
    ([], "required: COMMAND"),
    (["frobnicate"], "invalid choice: 'frobnicate'"),
    (["explain"], "required: EXPR"),
    (["explain", "x", "--at"], "argument --at: expected at least one argument"),
    (["explain", "x", "--att", "x=2"], "unrecognized arguments: --att"),
    (["explain", "x +", "--at", "x=2"], "the expression ends (at character 4)"),
    (["explain", "sinn(x)", "--at", "x=2"], "unknown operation 'sinn'; did you mean sin? (at character 1)"),
    (["explain", "x + y * z", "--at", "y=2"], "no number for x, z; add for example --at x=1 z=1"),
    (["explain", "x", "--at", "x"], "--at needs NAME=NUMBER, got 'x'; write for example --at x=2 y=3"),
    (["explain", "x", "--at", "x="], "--at needs NAME=NUMBER, got 'x='"),
    (["explain", "x", "--at", "x=two"], "--at x=two: 'two' is not a number"),
    (["explain", "x + y", "--at", "x=1,y=2"], "'1,y=2' is not a number; write for example --at x=2 y=3"),
    (["explain", "x", "--at", "x=1", "y=2"], "the expression has no variable 'y' (it has: x)"),
    (["explain", "x", "--at", "x=1", "x=2"], "x has a number already, 1"),
    (["check", "2 + 3"], "nothing to check: the expression has no variable"),
    (["check"], "check takes a formula with --at, or --engine FILE"),
    (["check", "x", "--engine", "student.py"], "check takes a formula with --at, or --engine FILE"),
    (["check", "--engine", "student.py", "--at", "x=2"], "--at gives the variables of a formula their numbers"),
    (["check", "--engine", "no.py"], "an engine is a Python file, and there is none at no.py"),
    (["draw", "x", "--at", "x=1", "--out", "graph.bmp"], "the suffix is one of .svg, .png"),
    (["draw", "x", "--at", "x=1", "--out", "no/such/folder/graph.svg"], "graph.svg: No such file or directory"),
    (["train", "mars"], "invalid choice: 'mars'"),
    (["train", "iris", "--epochs", "many"], "argument --epochs: invalid int value: 'many'"),
    (["train", "iris", "--lr", "-1"], "lr is a finite number of at least 0, got -1.0"),
    (["ops", "sinn"], "unknown operation 'sinn'; did you mean sin?"),
    (["ops", "frobnicate"], "unknown operation 'frobnicate'; autograd-tiny ops  lists them"),
]


def test_check_engine_prints_a_report_card(capsys: Captured) -> None:
    assert main(["check", "--engine", str(ENGINES / "student.py")]) == 1
    out, err = capsys.readouterr()
    assert out.startswith("student.py: 8 of 20 checks passed; likely cause: = where += is needed and stale closure")
    assert "    a = Value(1.5)\n    b = a + a\n    b.backward()\n    a.grad  # 1, expected 2\n" in out
    assert "it works" not in out  # what the file itself prints
    assert err == ""
    assert main(["check", "--engine", str(ENGINES / "sound.py")]) == 0
    assert re.match(r"sound\.py: (\d+) of \1 checks passed\n", capsys.readouterr().out)


def test_check_engine_needs_a_class_with_backward(tmp_path: Path, capsys: Captured) -> None:
    (tmp_path / "empty.py").write_text("class Value: ...\n")
    assert main(["check", "--engine", str(tmp_path / "empty.py")]) == 2
    assert "an engine is a class with a method backward()" in capsys.readouterr().err


@pytest.mark.parametrize(("words", "message"), MISTAKES, ids=[" ".join(words) for words, _ in MISTAKES])
def test_a_mistake_is_one_line_on_stderr(
    words: list[str], message: str, capsys: Captured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("autograd-tiny: ")
    assert message in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("text", ["[red]x[/red]", "x\x1b[31m", "x\ny(", "[link=http://example.com]x"])
def test_text_of_the_user_is_shown_inert(text: str, capsys: Captured) -> None:
    assert main(["explain", text, "--at", "x=2"]) == 2
    assert main(["ops", text]) == 2
    assert main(["explain", "x", "y", text]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 3
    assert "\x1b" not in err


def test_markup_in_an_operation_is_shown_as_written(capsys: Captured) -> None:
    from autograd_tiny import primitive
    from autograd_tiny.primitive import forget

    @primitive(slopes=(1.0,), symbol="[red]")
    def marked(m: object, x: float) -> float:
        """X itself, [bold]not bold[/bold]."""
        return x

    try:
        main(["ops", "marked"])
        main(["explain", "marked(x)", "--at", "x=2"])
    finally:
        forget(marked)
    out = capsys.readouterr().out
    assert "[red]" in out
    assert "[bold]not bold[/bold]" in out


def test_ctrl_c_exits_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(arguments: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "_explain", interrupted)
    assert main(["explain", "x", "--at", "x=2"]) == 130


# ---------------------------------------------------------------- help


def examples(command: str, capsys: Captured) -> list[list[str]]:
    """Return the command lines that the help of a command shows, without the program's name."""
    with pytest.raises(SystemExit) as exited:
        main([command, "--help"])
    assert exited.value.code == 0
    _, _, lines = capsys.readouterr().out.partition("examples:\n")
    return [shlex.split(line)[1:] for line in lines.splitlines()]


@pytest.mark.parametrize("command", ["explain", "draw", "check", "ops"])
def test_examples_in_the_help_work(
    command: str, capsys: Captured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(ENGINES / "sound.py", "my_engine.py")
    shown = examples(command, capsys)
    assert shown
    for words in shown:
        assert words[0] == command
        assert main(words) == 0


def test_examples_of_train_and_demo_can_be_read(capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Namespace] = []

    def keep(arguments: Namespace) -> int:
        read.append(arguments)
        return 0

    for command in ("train", "demo"):
        monkeypatch.setattr(cli, f"_{command}", keep)
        for words in examples(command, capsys):
            assert main(words) == 0
    assert [vars(arguments).get("task") for arguments in read] == ["moons", "iris", None, None]
    assert (read[1].epochs, read[1].lr, read[1].seed) == (100, 0.1, 1)
    assert read[3].out == "pictures"


def test_version(capsys: Captured) -> None:
    with pytest.raises(SystemExit) as exited:
        main(["--version"])
    assert exited.value.code == 0
    assert capsys.readouterr().out == f"autograd-tiny {__version__}\n"


# ---------------------------------------------------------------- as a program


def test_as_a_module() -> None:
    done = run("explain", "x**2", "--at", "x=3")
    assert (done.returncode, done.stderr) == (0, "")
    assert "d v1 / d x = 6" in done.stdout
    done = run("explain", "x**2")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "autograd-tiny: no number for x; add for example --at x=1\n"


@pytest.mark.parametrize("words", [["ops"], ["draw", "x", "--at", "x=1"]])
def test_a_reader_that_leaves_early_is_no_error(words: list[str]) -> None:
    command = [sys.executable, "-m", "autograd_tiny", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""


def test_help_loads_nothing_heavy() -> None:
    program = (
        "import sys, autograd_tiny.cli as cli\n"
        "try: cli.main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'rich', 'graphviz', 'matplotlib', 'numpy', 'autograd_tiny.nn'} & set(sys.modules)\n"
        "sys.exit(sorted(heavy) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
