"""The mutants that ``python -m tests.mutation`` plants are the ones it promises."""

import ast
import json
import subprocess
import sys

import pytest
from mutation.__main__ import explained, modules
from mutation.mutants import mutants_of
from mutation.runner import ROOT, Recording, all_mutants, exchangeable

TOY = '''
"""Text of the module: 1 < 2."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    LIMIT = 3

__all__ = ["clip"]


class Toy:
    """A class with 1 constant."""

    __slots__ = ("x", "")


@decorated(1, symbol="c")
def clip(x: "a < b" = 0, *, name: str = "") -> "a + b":
    """The text, 1 + 1."""
    y: "a - b" = -x[1:]
    if not x and name:
        raise ValueError("1 + " + name + f"{x - 1}")
    self.x = f"{x + y:3}"
    call(x, key=y)
    return [0 for each in y if each]


square = lambda x: x * x
'''


def changes(source):
    """Return (function, before, after) of every mutant."""
    return [(m.function, m.before, m.after) for m in mutants_of(ast.parse(source), "toy")]


def test_mutants_of_a_toy_module():
    body = [(before, after) for function, before, after in changes(TOY) if function == "clip"]
    assert body == [
        ("1", "2"),
        ("symbol='c'", "(deleted)"),
        ("x: 'a < b'=0, *, name: str=''", "x: 'a < b'=1, *, name: str=''"),
        ("x: 'a < b'=0, *, name: str=''", "x: 'a < b'=0, *, name: str='x'"),
        ("y: 'a - b' = -x[1:]", "y: 'a - b' = x[1:]"),
        ("y: 'a - b' = -x[1:]", "y: 'a - b' = -x[:]"),
        ("y: 'a - b' = -x[1:]", "y: 'a - b' = -x[2:]"),
        ("not x and name", "True"),
        ("not x and name", "False"),
        ("not x and name", "not x or name"),
        ("not x and name", "x and name"),
        ("raise ValueError('1 + ' + name + f'{x - 1}')", "(deleted)"),
        ("self.x = f'{x + y:3}'", "(deleted)"),
        ("self.x = f'{x + y:3}'", "self.x = f'{x - y:3}'"),
        ("call(x, key=y)", "(deleted)"),
        ("call(x, key=y)", "call(x)"),
        ("return [0 for each in y if each]", "return None"),
        ("return [0 for each in y if each]", "return [1 for each in y if each]"),
        ("return [0 for each in y if each]", "return [0 for each in y if True]"),
        ("return [0 for each in y if each]", "return [0 for each in y if False]"),
    ]
    assert [change for change in changes(TOY) if change[0] != "clip"] == [
        ("<module>", "square = lambda x: x * x", "square = lambda x: None"),
        ("<module>", "square = lambda x: x * x", "square = lambda x: x / x"),
    ]


def test_docstrings_annotations_and_messages_stay():
    tree = ast.parse(TOY)
    for mutant in mutants_of(tree, "toy"):
        with mutant.applied():
            changed = ast.unparse(tree)
        for kept in ("Text of the module: 1 < 2.", "The text, 1 + 1.", "'a < b'", "LIMIT = 3", "__slots__ = ('x', '')"):
            assert kept in changed


def test_every_mutant_changes_the_module_and_leaves_no_trace():
    tree = ast.parse(TOY)
    original = ast.unparse(tree)
    seen = {original}
    for mutant in mutants_of(tree, "toy"):
        with mutant.applied():
            compile(tree, "toy.py", "exec")
            changed = ast.unparse(tree)
        assert changed not in seen
        seen.add(changed)
        assert ast.unparse(tree) == original


def test_names_stay_when_lines_move_and_tell_equal_changes_apart():
    source = "def f(x):\n    g(x)\n    g(x)\n"
    names = [mutant.name for mutant in mutants_of(ast.parse(source), "toy")]
    assert names == ["toy: f: g(x) -> (deleted)", "toy: f: g(x) -> (deleted) #2"]
    moved = mutants_of(ast.parse("import math\n\n\n" + source), "toy")
    assert [mutant.name for mutant in moved] == names
    assert [mutant.line for mutant in moved] == [5, 6]


def test_a_mutant_gets_the_tests_of_its_lines_quickest_first():
    [mutant] = mutants_of(ast.parse("def f(x):\n    return x\n"), "toy")
    recording = Recording(
        seconds={"slow": 3.0, "quick": 0.1, "medium": 1.0, "other": 0.1},
        failed=[],
        runs={"toy:f:2": ["slow", "medium", "quick"], "toy:f:9": ["other"], "toy:g:2": ["other"]},
        early=["toy:f:1"],
    )
    assert recording.tests_of(mutant, budget=2.0) == ["quick", "medium"]
    assert recording.tests_of(mutant, budget=0.0) == ["quick"]
    assert not recording.runs_early(mutant)
    recording.early.append("toy:f:2")
    assert recording.runs_early(mutant)
    assert recording.tests_of(mutant, budget=9.0) == ["quick", "medium", "slow", "other"], (
        "what it leaves may show anywhere"
    )
    recording.failed.append("quick")
    assert recording.tests_of(mutant, budget=9.0) == ["medium", "slow", "other"]


@pytest.mark.slow
def test_explained_survivors_are_mutants_of_today():
    mutants = {mutant.name for module in modules() for mutant in all_mutants(module)}
    assert len(mutants) > 2000
    assert set(explained()) - mutants == set()


def test_most_mutants_can_be_exchanged_in_a_loaded_package():
    """Else each one would cost a fresh import, and the run hours."""
    mutants = [mutant for mutant in all_mutants("graph") if mutant.enclosing]
    exchanged = sum(bool(exchangeable(mutant)) for mutant in mutants)
    assert exchanged > 0.9 * len(mutants)
    for mutant in mutants:
        for old, new in exchangeable(mutant):
            assert (old.co_name, old.co_firstlineno) == (new.co_name, new.co_firstlineno)


@pytest.mark.slow
def test_a_small_run_writes_verdicts_and_resumes(tmp_path):
    """Of four mistakes in the table the tests of explanations notice some, and each gets a verdict once."""
    command = (
        "-m tests.mutation --module explanation/table --sample 4 --seed 2 --jobs 1 --tests tests/test_explanation.py"
    )
    for _ in range(2):
        subprocess.run(
            [sys.executable, *command.split(), "--results", str(tmp_path)], cwd=ROOT, capture_output=True, check=False
        )
        results = [json.loads(line) for line in (tmp_path / "results.jsonl").read_text().splitlines()]
        assert len({result["mutant"] for result in results}) == len(results) == 4
        assert "killed" in {result["verdict"] for result in results}
