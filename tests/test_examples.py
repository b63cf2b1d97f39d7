"""The list of examples, and the stage they play on."""

import inspect
from dataclasses import fields, replace
from importlib import import_module

import pytest
from rich.console import Console

from autograd_tiny import examples
from autograd_tiny.errors import ParameterError
from autograd_tiny.examples import EXAMPLES, Options, Stage


def stage(folder, **settings):
    return Stage(folder, Console(width=100, **settings))


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_line_of_the_list_has_its_function(name):
    example = EXAMPLES[name]
    module = import_module(f"autograd_tiny.examples.{example.module}")
    function = getattr(module, name.replace("-", "_"))
    assert list(inspect.signature(function).parameters) == ["stage", "options"]
    assert inspect.getdoc(function)
    assert set(example.takes.split()) <= {field.name for field in fields(Options)}
    assert example.about[0].islower() or example.about[0].isdigit() or example.about.split()[0].isupper()


def test_mistakes_come_before_any_story(tmp_path, capsys):
    folder = tmp_path / "new"
    cases = [
        ("moon", Options(), "there is no example 'moon'; did you mean moons?"),
        ("qqq", Options(), "there is no example 'qqq'; autograd-tiny train  lists them"),
        ("moons", Options(data=tmp_path), "moons takes no --data; it takes --seed --epochs --lr --checkpoint"),
        ("iris", Options(animate=True), "iris takes no --animate"),
        ("iris", Options(epochs=0), "--epochs is a whole number of at least 1, got 0"),
        ("iris", Options(resume=True), "--resume goes on from a checkpoint"),
    ]
    for name, options, message in cases:
        with pytest.raises(ParameterError, match=message.replace("?", r"\?")):
            examples.run(name, stage(folder), options)
    assert capsys.readouterr().out == ""
    assert not folder.exists()


@pytest.mark.parametrize("name", [name for name, example in EXAMPLES.items() if "jit" in example.takes.split()])
def test_what_takes_jit_trains_in_compiled_code(name, tmp_path, monkeypatch):
    from autograd_tiny import train

    class SeenError(Exception):
        pass

    def fit(*given, jit, **settings):
        raise SeenError(jit)

    monkeypatch.setattr(train, "fit", fit)
    for jit in (True, False):
        with pytest.raises(SeenError, match=str(jit)):
            examples.run(name, stage(tmp_path, quiet=True), Options(jit=jit))


def test_what_takes_no_jit_says_so(tmp_path):
    with pytest.raises(ParameterError, match="overfitting takes no --jit; it takes --seed --epochs --lr"):
        examples.run("overfitting", stage(tmp_path), Options(jit=True))


@pytest.mark.parametrize("name", ["xor", "tanh-xor", "house-prices", "moons", "iris"])
@pytest.mark.filterwarnings("ignore:llvmlite is not installed")
def test_compiled_examples_reach_the_same_figures(name, tmp_path, capsys, monkeypatch):
    from autograd_tiny.compilation import executors

    monkeypatch.setattr(executors, "has_llvm", lambda: False)  # NumPy's, which needs no compilation
    eager = examples.run(name, stage(tmp_path), Options(epochs=3, jit=False))
    told = capsys.readouterr().out
    assert examples.run(name, stage(tmp_path), Options(epochs=3, jit=True)) == pytest.approx(eager, rel=1e-9, abs=1e-12)
    assert capsys.readouterr().out == told


def test_the_same_numbers_are_the_usual_settings(tmp_path, capsys, monkeypatch):
    module = import_module("autograd_tiny.examples.classic")
    monkeypatch.setattr(module, "xor", lambda stage, options: {})
    told = "The explanations are written for the usual settings"
    for options, is_told in ((Options(), False), (Options(jit=True), False), (Options(lr=0.5), True)):
        examples.run("xor", stage(tmp_path), options)
        assert (told in capsys.readouterr().out) is is_told


def test_a_table_puts_numbers_to_the_right(tmp_path, capsys):
    stage(tmp_path).table(("name", "loss"), [("[bold]", 0.5), ("b", 12.25)])
    lines = [line.strip() for line in capsys.readouterr().out.splitlines() if line.strip()]
    assert lines == ["name      loss", "─" * 14, "[bold]     0.5", "b        12.25"]


def test_text_is_shown_as_it_is(tmp_path, capsys):
    stage(tmp_path).say("[red]10[/red]")
    stage(tmp_path).show("x" * 150)
    assert capsys.readouterr().out == "[red]10[/red]\n" + "x" * 150 + "\n"


def test_a_picture_that_cannot_be_made_is_told(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.figure", None)
    stage(tmp_path).figure("a.png", lambda figure: None)
    assert capsys.readouterr().out.startswith("No a.png: plotting needs the package matplotlib: run  pip install")


def test_a_figure_is_a_file_of_the_size_asked_for(tmp_path, capsys):
    stage(tmp_path).figure("a.png", lambda figure: figure.subplots().plot([1, 2]), 4.0, 2.0)
    assert capsys.readouterr().out == f"wrote {tmp_path / 'a.png'}\n"
    header = (tmp_path / "a.png").read_bytes()[:24]
    assert [int.from_bytes(header[i : i + 4], "big") for i in (16, 20)] == [600, 300]


def test_a_resumed_run_has_its_own_learning_rate_and_seed(tmp_path, capsys):
    checkpoint = tmp_path / "run.json"
    examples.run("moons", stage(tmp_path), Options(epochs=1, lr=0.3, checkpoint=checkpoint))
    for options in (Options(lr=0.9), Options(seed=5)):
        with pytest.raises(ParameterError, match="leave out --lr and --seed"):
            examples.run("moons", stage(tmp_path), replace(options, checkpoint=checkpoint, resume=True, epochs=2))
    capsys.readouterr()
    examples.run("moons", stage(tmp_path), Options(epochs=2, checkpoint=checkpoint, resume=True))
    assert "the lr of the checkpoint" in capsys.readouterr().out
    with pytest.raises(ParameterError, match=r"epochs counts those of the checkpoint, too: .* has 2 done, got 1"):
        examples.run("moons", stage(tmp_path), Options(epochs=1, checkpoint=checkpoint, resume=True))


def test_a_folder_that_cannot_be_written_to_shows_before_the_work(tmp_path, monkeypatch):
    monkeypatch.setattr("os.access", lambda *_: False)
    with pytest.raises(PermissionError, match=str(tmp_path)):
        stage(tmp_path).open()


@pytest.mark.slow
def test_iris_is_learned_to_96_percent_of_flowers_kept_aside(tmp_path):
    assert examples.run("iris", stage(tmp_path))["test accuracy"] >= 0.96


def test_other_settings_than_the_usual_are_told_beside_the_explanations(tmp_path, capsys):
    remark = "The explanations are written for the usual settings"
    examples.run("one-update", stage(tmp_path))
    assert remark not in capsys.readouterr().out
    examples.run("one-update", stage(tmp_path), Options(lr=0.2))
    assert remark in capsys.readouterr().out
    examples.run("moons", stage(tmp_path), Options(epochs=1))
    assert remark not in capsys.readouterr().out
