"""The command line: every command through main(), mistakes as one line on stderr, exit codes."""

from __future__ import annotations

import io
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console

from autograd_tiny import Value, __version__, cli, demo, explain, worksheet
from autograd_tiny.cli import main
from autograd_tiny.drawing.themes import THEMES
from autograd_tiny.examples import EXAMPLES
from autograd_tiny.explanation import Worksheet
from autograd_tiny.explanation.walk import show_page, walk
from autograd_tiny.expression import parse
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


def test_explain_shows_the_graph_as_a_tree(capsys: Captured) -> None:
    assert main(["explain", "(a*b + 10)**2", "--at", "a=2", "b=-3"]) == 0
    assert capsys.readouterr().out.endswith(
        "v3 = v2 ** 2   data 16   grad 1\n"
        "└── v2 = v1 + 10   data 4   grad 8\n"
        "    ├── v1 = a * b   data -6   grad 8\n"
        "    │   ├── a   data 2   grad -24\n"
        "    │   └── b   data -3   grad 16\n"
        "    └── 10\n"
    )


def test_the_tree_of_a_large_graph_is_short(capsys: Captured) -> None:
    assert main(["explain", " + ".join(["x"] * 500), "--at", "x=1"]) == 0
    tree = capsys.readouterr().out.partition("d v499 / d x = 500\n")[2].splitlines()
    assert len(tree) < 60
    assert sum(line.endswith("── ...") for line in tree) > 0


def test_explain_paths(capsys: Captured) -> None:
    assert main(["explain", "x*y + x", "--at", "x=2", "y=3", "--paths", "x"]) == 0
    assert capsys.readouterr().out == (
        "x*y + x = 8\n"
        "2 paths lead from x to v2:\n"
        "  x -> v1 -> v2: 3 × 1 = 3\n"
        "  x -> v2: 1\n"
        "the sum of the products is d v2 / d x = 4\n"
    )


def test_explain_cost(capsys: Captured) -> None:
    assert main(["explain", "x*y + x", "--at", "x=2", "y=3", "--cost"]) == 0
    out = capsys.readouterr().out
    assert re.search(r"^together: reverse mode +5 +5 +0 +0 +10$", out, re.MULTILINE)
    assert "step" not in out


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("log(a - 3) * 2", "the first nan is v2 = log(v1) = nan"),
        ("sqrt(a - 2)", "the backward pass goes wrong at v2 ="),
    ],
)
def test_explain_tells_where_inf_and_nan_arose(expression: str, message: str, capsys: Captured) -> None:
    assert main(["explain", expression, "--at", "a=2"]) == 0
    assert f"\n\n{message}" in capsys.readouterr().out
    assert main(["explain", expression, "--at", "a=4"]) == 0
    assert message not in capsys.readouterr().out


def test_a_form_for_a_pipe_stands_alone_even_when_something_is_nan(capsys: Captured) -> None:
    assert main(["explain", "log(a)", "--at", "a=-1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)


def walked(typed: str, capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the pages that ``explain --step`` shows when this is typed."""
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    assert main(["explain", "x*y + x", "--at", "x=2", "y=3", "--step"]) == 0
    return re.split(r"^(?=\w[\w ]* ─)", capsys.readouterr().out, flags=re.MULTILINE)[1:]


def test_walking_goes_through_every_step_to_the_outcome(capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    pages = walked("\n\n\n\n", capsys, monkeypatch)
    assert [page.partition(" ─")[0] for page in pages] == ["start", "step 1 of 2", "step 2 of 2", "done"]
    start, first, second, done = pages
    assert "d v2 / d v2 = 1" in start
    assert "x   data 2   grad –" in start
    assert re.search(r"to x \(1 of 2\) +1 +1 +1 +1 ", first)
    assert "v2 = v1 + x   data 8   grad 1   <- this step" in first
    assert "x   data 2   grad 1 so far" in first
    assert re.search(r"to x \(2 of 2\) +y +3 +3 +4 ", second)
    assert "v1 = x * y   data 6   grad 1   <- this step" in second
    assert "x   data 2   grad 4\n" in second
    assert "d v2 / d x = 4\nd v2 / d y = 2\n" in done
    assert "<- this step" not in start + done


@pytest.mark.parametrize(
    ("typed", "titles"),
    [
        ("", ["start"]),
        ("q\n\n", ["start"]),
        ("\nQ\n", ["start", "step 1 of 2"]),
        ("b\n", ["start", "start"]),
        ("\n\nb\n", ["start", "step 1 of 2", "step 2 of 2", "step 1 of 2"]),
        ("what\n", ["start", "start"]),
    ],
)
def test_walking_back_and_ending(
    typed: str, titles: list[str], capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert [page.partition(" ─")[0] for page in walked(typed, capsys, monkeypatch)] == titles


def test_a_page_of_the_walk_shows_the_table_of_its_own_step_alone(
    capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    start, first, second, done = walked("\n\n\n\n", capsys, monkeypatch)
    assert re.findall(r"upstream \d|adds", first) == re.findall(r"upstream \d|adds", second) == ["adds", "upstream 1"]
    assert "v1 = x * y = 6" not in first
    assert "v2 = v1 + x = 8" not in second
    assert "adds" not in start + done


@pytest.mark.parametrize("terminal", [True, False])
def test_where_nobody_presses_enter_the_walk_ends_the_line_of_the_prompt(
    terminal: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def shown(show: Callable[[Console], None]) -> str:
        page = io.StringIO()
        show(Console(file=page, width=80))
        return page.getvalue()

    def read(prompt: str) -> str:
        if answers:
            return answers.pop(0)
        raise EOFError

    stdin = io.StringIO()
    monkeypatch.setattr(stdin, "isatty", lambda: terminal)
    monkeypatch.setattr("sys.stdin", stdin)
    explanation = explain(Value(2.0, "x") * 3.0)
    start, step = [shown(lambda console, page=page: show_page(explanation, page, console)) for page in (0, 1)]
    end = "" if terminal else "\n"
    answers = ["", " Q "]
    assert shown(lambda console: walk(explanation, console, read)) == start + end + step + end
    assert shown(lambda console: walk(explanation, console, read)) == start + "\n"


def test_ctrl_c_ends_the_walk_with_exit_code_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(prompt: str) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr("builtins.input", interrupted)
    assert main(["explain", "x*y", "--at", "x=2", "y=3", "--step"]) == 130


def test_misconceptions_all_and_one(capsys: Captured) -> None:
    assert main(["misconceptions"]) == 0
    everything = capsys.readouterr().out
    assert main(["misconceptions", "zero-grad"]) == 0
    one = capsys.readouterr().out
    assert one.startswith("zero-grad\n---------\n")
    assert one in everything
    assert "Why a topological sort?" in everything


def test_explain_prints_a_form_alone(capsys: Captured) -> None:
    words = ["explain", "x * y", "--at", "x=2", "y=3"]
    root = parse("x * y").evaluate({"x": 2.0, "y": 3.0})
    explanation = explain(root)
    forms = {
        "--latex": explanation.to_latex() + "\n",
        "--markdown": explanation.to_markdown(),
        "--json": explanation.to_json(),
    }
    for option, text in forms.items():
        assert main([*words, option]) == 0
        assert capsys.readouterr().out == text


def test_explain_writes_forms_to_files(capsys: Captured, tmp_path: Path) -> None:
    paths = {option: tmp_path / f"form{option}" for option in ("--latex", "--markdown", "--json")}
    options = [word for option, path in paths.items() for word in (option, str(path))]
    assert main(["explain", "x * y", *options, "--at", "x=2", "y=3"]) == 0
    assert capsys.readouterr().out == "x * y = 6\n" + "".join([f"wrote {path}\n" for path in paths.values()])
    starts = [path.read_text(encoding="utf-8").splitlines()[0] for path in paths.values()]
    assert starts == [r"\documentclass{article}", "# The gradient of `v1`", "{"]


def test_explain_says_that_numbers_alone_have_no_graph(capsys: Captured) -> None:
    assert main(["explain", "3 + 4"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("3 + 4 = 7\nnothing to explain: numbers alone are computed at once")


def test_compare_shows_the_first_difference(capsys: Captured, tmp_path: Path) -> None:
    ours, hand = tmp_path / "ours.json", tmp_path / "hand.json"
    main(["explain", "x * y", "--at", "x=2", "y=3", "--json", str(ours)])
    hand.write_text('{"gradients": {"x": 3.001, "y": 2}}', encoding="utf-8")
    capsys.readouterr()
    assert main(["compare", str(ours), str(ours)]) == 0
    assert capsys.readouterr().out == "no difference\n"
    assert main(["compare", str(ours), str(hand)]) == 1
    assert capsys.readouterr().out == "gradient of x is 3 here and 3.001 there\n"
    assert main(["compare", str(ours), str(hand), "--tolerance", "0.01"]) == 0
    for words in ([str(ours), str(tmp_path / "none.json")], [str(ours), str(hand), "--tolerance", "-1"]):
        assert main(["compare", *words]) == 2
    hand.write_text("[]", encoding="utf-8")
    capsys.readouterr()
    assert main(["compare", str(ours), str(hand)]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "a trace is an object {...}, got []" in err


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


def test_draw_takes_the_look_of_the_picture(tmp_path: Path, capsys: Captured) -> None:
    path = tmp_path / "graph.dot"
    look = ["--color", "gradient", "--thickness", "contribution", "--theme", "dark", "--direction", "TB"]
    assert main(["draw", "x * y + x", "--at", "x=2", "y=3", "--highlight", "y", *look, "--out", str(path)]) == 0
    source = path.read_text()
    dark = THEMES["dark"]
    assert "rankdir=TB" in source
    assert "|gradient|" in source
    assert "|contribution|" in source
    assert all(color in source for color in (dark.background, dark.accent, dark.faint_line))
    assert main(["draw", "x * y", "--at", "x=2", "y=3", "--highlight", "z"]) == 2
    assert "the graph has no node 'z'; it has x, y, v1" in capsys.readouterr().err


def test_draw_says_what_it_collapsed(tmp_path: Path, capsys: Captured) -> None:
    words = ["draw", "+".join(["x*x*y"] * 30), "--at", "x=2", "y=3", "--max-nodes", "40"]
    assert main([*words, "--out", str(tmp_path / "graph.dot")]) == 0
    out = capsys.readouterr().out
    assert "The graph has 91 nodes. Collapsed: what is far from the root into" in out
    assert main([*words, "--collapse", "never"]) == 0
    assert "Collapsed" not in capsys.readouterr().out


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


# ---------------------------------------------------------------- worksheets


def test_worksheet_writes_sheets_keys_and_what_marking_needs(tmp_path: Path, capsys: Captured) -> None:
    folder = tmp_path / "a" / "class"
    words = ["worksheet", "a*b + c", "--variants", "10", "--form", "md", "--out", str(folder)]
    assert main(words) == 0
    assert capsys.readouterr().out.startswith(f"wrote 10 sheets with keys to {folder}; ")
    files = ("sheet-{}.md", "key-{}.md", "sheet-{}.json")
    assert {path.name for path in folder.iterdir()} == {file.format(f"{k:02}") for k in range(1, 11) for file in files}
    sheet = Worksheet.from_json((folder / "sheet-03.json").read_text(encoding="utf-8"))
    assert (folder / "sheet-03.md").read_text(encoding="utf-8") == sheet.to_markdown()
    assert (folder / "key-03.md").read_text(encoding="utf-8") == sheet.key().to_markdown()


def test_worksheet_overwrites_nothing(tmp_path: Path, capsys: Captured) -> None:
    (tmp_path / "key-1.html").write_text("mine")
    assert main(["worksheet", "a*b", "--out", str(tmp_path)]) == 2
    assert "key-1.html exists, and nothing was written" in capsys.readouterr().err
    assert [path.read_text() for path in tmp_path.iterdir()] == ["mine"]


def test_worksheet_shows_sheets_and_options_reach_them(capsys: Captured) -> None:
    def shown(*options: str) -> str:
        assert main(["worksheet", "a*b + a", *options]) == 0
        return capsys.readouterr().out

    root = parse("a*b + a").evaluate({"a": 2.0, "b": 7.0})
    expected = worksheet(root, "gradients", title="Backpropagation by hand: a*b + a").text()
    assert shown("--at", "a=2", "b=7", "--hide", "gradients") == expected
    assert shown("--variants", "2").count("FORWARD PASS") == 2
    assert shown("--seed", "1") == shown("--seed", "1") != shown("--seed", "2")
    assert shown("--hide", "0.2").count(" ________ ") < shown("--hide", "0.9").count(" ________ ")


def test_worksheet_marks_a_class(tmp_path: Path, capsys: Captured) -> None:
    folder = tmp_path / "class"
    assert main(["worksheet", "a*b", "--variants", "2", "--out", str(folder)]) == 0
    answers = []
    for k, name in ((2, "Ada"), (1, "Bob")):
        sheet = Worksheet.from_json((folder / f"sheet-{k}.json").read_text(encoding="utf-8"))
        given = {blank.id: blank.answer for blank in sheet.blanks[k - 1 :]}
        answers.append(tmp_path / f"{name}.json")
        answers[-1].write_text(json.dumps({"sheet": sheet.code, "name": name, "answers": given}))
    capsys.readouterr()
    assert main(["worksheet", "--mark", str(folder), *map(str, answers)]) == 0
    out = capsys.readouterr().out
    total = len(sheet.blanks)
    assert out.endswith(f"\n\n{total - 1} of {total}  Ada\n{total} of {total}  Bob\n")
    assert out.count("left out: ") == 1
    answers[0].write_text('{"B1": 1}')
    assert main(["worksheet", "--mark", str(folder), str(answers[0])]) == 2
    assert "the file does not say which sheet it answers" in capsys.readouterr().err
    answers[0].write_text('{"sheet": "000000", "answers": {"B1": 1}}')
    assert main(["worksheet", "--mark", str(folder), str(answers[0])]) == 2
    assert f"no sheet 000000 in {folder}" in capsys.readouterr().err


def test_the_guide_to_worksheets_shows_what_the_commands_print(
    tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    guide = (Path(__file__).parents[1] / "docs" / "worksheets.md").read_text(encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    Path("ada.txt").write_text(re.findall(r"```text\n(.*?)```", guide, re.DOTALL)[0])
    blocks = re.findall(r"```console\n\$ autograd-tiny ([^\n]*)\n(.*?)```", guide, re.DOTALL)
    assert len(blocks) == 4
    for command, expected in blocks:
        assert main(shlex.split(command)) == 0
        assert capsys.readouterr().out.rstrip() == expected.rstrip()


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
    assert re.search(r"After 2 epochs: loss \S+ -> \S+, accuracy \d+\.\d%", out)
    written = [folder / f"{task}-{picture}.png" for picture in pictures]
    assert sorted(folder.iterdir()) == written
    assert all(path.read_bytes().startswith(b"\x89PNG") and f"wrote {path}\n" in out for path in written)


@pytest.mark.filterwarnings("ignore:llvmlite is not installed")
def test_jit_trains_to_the_same_numbers(tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    from autograd_tiny.compilation import executors

    monkeypatch.setattr(executors, "has_llvm", lambda: False)  # NumPy's, which needs no compilation
    told = []
    for option in ("--jit", "--no-jit"):
        assert main(["train", "iris", "--epochs", "1", option, "--out", str(tmp_path)]) == 0
        told.append(capsys.readouterr().out)
    assert told[0] == told[1]


@pytest.mark.parametrize(("option", "jit"), [(["--jit"], True), (["--no-jit"], False), ([], None)])
def test_train_hands_jit_on(
    option: list[str], jit: bool | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    monkeypatch.setattr("autograd_tiny.examples.run", lambda name, stage, options: seen.append(options.jit))
    assert main(["train", "moons", *option, "--out", str(tmp_path)]) == 0
    assert seen == [jit]


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
        "backprop.html", "graph.png", "graph.svg", "iris-loss.png", "moons-boundary.png", "moons-loss.png"
    ]  # fmt: skip
    assert "The goal was 96%: reached." in done.stdout
    assert "The goal was 100%: reached." in done.stdout
    assert "MISSED" not in done.stdout


def test_demo_fails_when_a_goal_is_missed(tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "GOALS", {"iris": 1.01})
    assert main(["demo", "--out", str(tmp_path)]) == 1
    assert "The goal was 101%: MISSED." in capsys.readouterr().out


def test_demo_fails_when_the_gradients_are_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "GOALS", {})
    assert main(["demo", "--out", str(tmp_path)]) == 0
    monkeypatch.setattr(demo, "check_gradients", lambda *_, **__: SimpleNamespace(ok=False))
    assert main(["demo", "--out", str(tmp_path)]) == 1


def test_demo_takes_a_fresh_folder(tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(demo, "GOALS", {})
    for _ in range(2):
        assert main(["demo"]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["autograd-tiny-demo", "autograd-tiny-demo-2"]
    last = tmp_path.resolve() / "autograd-tiny-demo-2"
    assert capsys.readouterr().out.splitlines()[-1] == f"The pictures are in {last}"


# ---------------------------------------------------------------- mistakes

MISTAKES = [
    ([], "required: COMMAND"),
    (["frobnicate"], "invalid choice: 'frobnicate'"),
    (["expalin", "x"], "did you mean explain?; see  autograd-tiny --help"),
    (["draw", "x", "--at", "x=1", "--theme", "drak"], "did you mean dark?"),
    (["draw", "x", "--at", "x=1", "--max-nodes", "0"], "--max-nodes is a whole number of at least 1, got 0"),
    (["explain", "x", "--at", "x=1", "--json", "--latex"], "--latex and --json would be printed into one another"),
    (["explain", "x", "--at", "x=nan"], "--at x=nan: only finite numbers are taken; write for"),
    (["explain", "x", "--at", "x=-inf"], "--at x=-inf: only finite numbers are taken"),
    (["explain", "x", "--at", "x=1e308*10"], "--at x=1e308*10: only finite numbers are taken"),
    (["explain", "x*e", "--at", "x=1", "e=3"], "--at e=3: e is the constant 2.71828182846; name the variable"),
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
    (["explain", "x", "--at", "x=1", "--paths", "z"], "the graph has no node 'z'; it has x"),
    (["misconceptions", "zerograd"], "unknown misconception 'zerograd'; did you mean zero-grad?"),
    (["check", "2 + 3"], "nothing to check: the expression has no variable"),
    (["check"], "check takes a formula with --at, or --engine FILE"),
    (["check", "x", "--engine", "student.py"], "check takes a formula with --at, or --engine FILE"),
    (["check", "--engine", "student.py", "--at", "x=2"], "--at gives the variables of a formula their numbers"),
    (["check", "--engine", "no.py"], "an engine is a Python file, and there is none at no.py"),
    (["draw", "x", "--at", "x=1", "--out", "graph.bmp"], "the suffix is one of .svg, .png"),
    (["draw", "x", "--at", "x=1", "--out", "no/such/folder/graph.svg"], "graph.svg: No such file or directory"),
    (["train", "mars"], "there is no example 'mars'"),
    (["train", "moon"], "there is no example 'moon'; did you mean moons?"),
    (["train", "iris", "--epochs", "0"], "--epochs is a whole number of at least 1, got 0"),
    (["train", "--jit"], "name the example that the options are for: autograd-tiny train moons"),
    (["train", "million", "--jit"], "million takes no --jit; it takes --seed --epochs --lr"),
    (["train", "--epochs", "5"], "name the example that the options are for: autograd-tiny train moons"),
    (["train", "gpt", "--data", ""], "cannot use ."),
    (["train", "iris", "--resume"], "--resume goes on from a checkpoint; name its file with --checkpoint"),
    (["train", "gpt", "--data", "no.txt"], "cannot use no.txt: No such file or directory"),
    (["train", "iris", "--epochs", "many"], "argument --epochs: invalid int value: 'many'"),
    (["train", "iris", "--lr", "-1"], "lr is a finite number of at least 0, got -1.0"),
    (["bench", "--only", "mars"], "there is no benchmark 'mars'; there are moons, gpt"),
    (["bench", "--only", "moon"], "there is no benchmark 'moon'; did you mean moons?"),
    (["bench", "--only"], "argument --only: expected at least one argument"),
    (["worksheet"], "worksheet takes a formula, or --mark SHEET ANSWERS"),
    (["worksheet", "x**2", "--mark", "a.json"], "worksheet takes a formula, or --mark SHEET ANSWERS"),
    (["worksheet", "--mark", "a.json"], "--mark needs the sheet and then the answers"),
    (["worksheet", "--mark", "a.json", "b.json"], "cannot use a.json: No such file or directory"),
    (["worksheet", "--mark", ".", "b.json"], "there is no sheet-*.json in ."),
    (["worksheet", "x**2", "--at", "x=2", "--variants", "3"], "use one of the two"),
    (["worksheet", "x**2", "--variants", "0"], "--variants is a whole number of at least 1, got 0"),
    (["worksheet", "x**2", "--hide", "everything"], "hide is one or more of values, slopes"),
    (["worksheet", "x**2", "--hide", "2"], "hide as a part of all numbers is above 0 and at most 1, got 2.0"),
    (["worksheet", "x**2", "--form", "docx"], "invalid choice: 'docx'"),
    (["worksheet", "2 + 3"], "variants need a variable to change"),
    (["ops", "sinn"], "unknown operation 'sinn'; did you mean sin?"),
    (["ops", "frobnicate"], "unknown operation 'frobnicate'; autograd-tiny ops  lists them"),
]


@pytest.mark.slow
def test_check_engine_prints_a_report_card(capsys: Captured) -> None:
    assert main(["check", "--engine", str(ENGINES / "student.py")]) == 1
    out, err = capsys.readouterr()
    assert out.startswith("student.py: 8 of 22 checks passed; likely cause: = where += is needed and stale closure")
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


@pytest.mark.parametrize("command", ["explain", "draw", "check", "compare", "worksheet", "ops", "misconceptions"])
def test_examples_in_the_help_work(
    command: str, capsys: Captured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(ENGINES / "sound.py", "my_engine.py")
    Path("answers.json").write_text('{"B1": 1}')
    for name in ("mine", "student", "engine"):
        Path(f"{name}.json").write_text('{"values": {"x": 1}}')
    shown = examples(command, capsys)
    assert shown
    for words in shown:
        assert words[0] == command
        assert main(words) == 0


def test_examples_of_what_takes_long_can_be_read(capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Namespace] = []

    def keep(arguments: Namespace) -> int:
        read.append(arguments)
        return 0

    for command in ("train", "demo", "bench"):
        monkeypatch.setattr(cli, f"_{command}", keep)
        for words in examples(command, capsys):
            assert main(words) == 0
    assert [vars(arguments).get("name") for arguments in read] == [None, "moons", "iris", "digits", "gpt", *[None] * 4]
    assert read[1].animate
    assert (read[2].epochs, read[2].lr, read[2].seed) == (100, 0.1, 1)
    assert [arguments.jit for arguments in read[1:5]] == [None, None, True, None]
    assert (read[4].data, read[4].checkpoint, read[4].resume) == ("names.txt", "gpt.json", True)
    assert read[6].out == "pictures"
    assert (read[7].out, read[7].only, read[7].quick) == ("pictures", None, False)
    assert (read[8].out, read[8].only, read[8].quick) == (".", ["moons", "gpt"], True)


def test_bench_hands_its_options_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[object, ...]] = []
    monkeypatch.setattr(
        "autograd_tiny.benchmarks.bench.bench", lambda names, stage, quick: asked.append((names, stage.folder, quick))
    )
    assert main(["bench"]) == 0
    assert main(["bench", "--only", "moons", "gpt", "--quick", "--out", str(tmp_path)]) == 0
    assert asked == [(None, Path(), False), (["moons", "gpt"], tmp_path, True)]


def test_ctrl_c_names_the_checkpoint(tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint = tmp_path / "run.json"
    words = ["train", "iris", "--epochs", "1", "--checkpoint", str(checkpoint), "--out", str(tmp_path)]
    assert main(words) == 0
    monkeypatch.setattr("autograd_tiny.train.fit", lambda *_, **__: History(interrupted=True))
    capsys.readouterr()
    assert main(words) == 130
    assert capsys.readouterr().err == f"stopped; --resume goes on from {checkpoint}\n"


def test_train_without_a_name_lists_the_examples(capsys: Captured) -> None:
    assert main(["train"]) == 0
    out = capsys.readouterr().out
    assert all(name in out for name in EXAMPLES)


@pytest.mark.slow
def test_train_draws_a_film(tmp_path: Path, capsys: Captured) -> None:
    assert main(["train", "moons", "--epochs", "1", "--animate", "--out", str(tmp_path)]) == 0
    film = tmp_path / "moons.gif"
    assert film.read_bytes().startswith(b"GIF89a")
    assert f"wrote {film}\n" in capsys.readouterr().out


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


def test_a_missing_folder_is_told_from_a_missing_file(tmp_path: Path, capsys: Captured) -> None:
    assert main(["draw", "x", "--at", "x=1", "--out", str(tmp_path / "no" / "graph.txt")]) == 2
    assert capsys.readouterr().err.endswith("make its folder first\n")
    assert main(["compare", str(tmp_path / "a.json"), str(tmp_path / "b.json")]) == 2
    assert capsys.readouterr().err.endswith("No such file or directory\n")


@pytest.mark.parametrize("loop", ["while True: pass", "while True: print('still here')"])
def test_an_engine_that_never_ends_is_stopped(
    loop: str, tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli, "MOST_SECONDS", 0.3)
    engine = tmp_path / "endless.py"
    engine.write_text(f"class Value:\n    def backward(self):\n        pass\n\n{loop}\n")
    assert main(["check", "--engine", str(engine)]) == 2
    assert "was still running after 0.3 seconds; is there an endless loop in it" in capsys.readouterr().err


def test_ctrl_c_during_a_check_is_still_ctrl_c(tmp_path: Path) -> None:
    engine = tmp_path / "interrupted.py"
    engine.write_text("class Value:\n    def backward(self):\n        pass\n\nraise KeyboardInterrupt\n")
    assert main(["check", "--engine", str(engine)]) == 130


def test_one_bad_file_of_answers_does_not_keep_the_others_waiting(tmp_path: Path, capsys: Captured) -> None:
    folder = tmp_path / "quiz"
    assert main(["worksheet", "a * b", "--at", "a=2", "b=3", "--hide", "values", "--out", str(folder)]) == 0
    capsys.readouterr()
    good, bad = tmp_path / "good.txt", tmp_path / "bad.txt"
    good.write_text("b1 = 6\n")
    bad.write_text("B99 = 4\n")
    assert main(["worksheet", "--mark", str(folder / "sheet-1.json"), str(bad), str(good)]) == 2
    out, err = capsys.readouterr()
    assert "1 of 1 right" in out
    assert err == f"autograd-tiny: cannot mark {bad}: the sheet has no blank B99; its only blank is B1\n"
