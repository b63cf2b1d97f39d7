"""The misconceptions: each shows its own first divergence, and the right side is what the package does."""

from __future__ import annotations

import re
from dataclasses import FrozenInstanceError

import pytest

from autograd_tiny import Value
from autograd_tiny.errors import ParameterError
from autograd_tiny.misconceptions import NAMES, Comparison, Story, show
from autograd_tiny.testing.diagnoses import BUGS

COMPARISONS = {name: found for name in NAMES if isinstance(found := show(name), Comparison)}


def outcomes(lines: tuple[str, ...]) -> dict[str, float]:
    """Return the last number that a trace gives for each gradient or leaf it ends with."""
    return {found[1]: float(found[2]) for line in lines if (found := re.match(r"in the end (\w)\.grad = (\S+)", line))}


@pytest.mark.parametrize("name", sorted(COMPARISONS))
def test_the_right_side_agrees_with_the_package(name: str) -> None:
    found = COMPARISONS[name]
    names: dict[str, object] = {"Value": Value}
    exec(found.source, names)  # noqa: S102 - our own examples
    if name == "zero-grad":
        assert isinstance(names["x"], Value)
        assert found.right[-1].endswith(f"= {names['x'].data:g}")
        return
    right = outcomes(found.right)
    assert right
    for leaf, gradient in right.items():
        assert names[leaf].grad == gradient  # type: ignore[attr-defined]  # a Value of the example


@pytest.mark.parametrize("name", sorted(COMPARISONS))
def test_the_mark_stands_at_the_first_line_that_differs(name: str) -> None:
    found = COMPARISONS[name]
    assert found.right[: found.first] == found.wrong[: found.first]
    assert found.right[found.first] != found.wrong[found.first]
    marked = [line for line in str(found).splitlines() if line.startswith("> ")]
    assert marked == [line for line in marked if line.startswith(f"> {found.right[found.first]}")]
    assert len(marked) == 1
    assert marked[0].endswith(f"| {found.wrong[found.first]}")


@pytest.mark.parametrize("name", sorted(COMPARISONS))
def test_the_mistake_ends_with_other_numbers(name: str) -> None:
    found = COMPARISONS[name]
    assert found.right[-1] != found.wrong[-1]


def test_all_of_a_comparison() -> None:
    assert str(COMPARISONS["reset-leaves"]).splitlines()[:12] == [
        "    a = Value(3.0)",
        "    b = a * 2.0",
        "    c = a * 5.0",
        "    b.backward()",
        "    c.backward()",
        "",
        "  the right way                      | backward() resets the leaves",
        "  start: b.grad = 1                  | start: b.grad = 1",
        "  b hands 2 to a: a.grad = 0 + 2 = 2 | b hands 2 to a: a.grad = 0 + 2 = 2",
        "  start: c.grad = 1                  | start: c.grad = 1",
        "> c hands 5 to a: a.grad = 2 + 5 = 7 | c hands 5 to a: a.grad = 0 + 5 = 5",
        "  in the end a.grad = 7              | in the end a.grad = 5",
    ]
    assert str(COMPARISONS["reset-leaves"]).splitlines()[12:14] == [
        "",
        f"They part at the line marked with >. {COMPARISONS['reset-leaves'].why}"[:84].rpartition(" ")[0],
    ]


def test_a_side_that_ends_early_leaves_its_column_empty() -> None:
    shown = str(Comparison("x", "title", ("one", "two"), ("one",), "Why."))
    assert shown.splitlines()[-3:] == ["> two           |", "", "They part at the line marked with >. Why."]


@pytest.mark.parametrize("name", NAMES)
def test_a_story_or_comparison_fits_84_columns_and_is_frozen(name: str) -> None:
    shown = show(name)
    assert not hasattr(shown, "__dict__")
    with pytest.raises(FrozenInstanceError):
        shown.title = ""  # type: ignore[misc]  # the mistake
    words = [line for line in str(shown).splitlines() if "|" not in line]
    assert max(map(len, words)) <= 84


def test_data_that_change_are_written_down() -> None:
    assert COMPARISONS["stale-closure"].right[0] == "a.data = 10"


def test_the_programs_of_the_examples() -> None:
    programs = {name: found.source.splitlines() for name, found in COMPARISONS.items() if name != "zero-grad"}
    assert {program[0] for program in programs.values()} == {"a = Value(3.0)", "a = Value(2.0)"}
    assert programs["too-early"][:4] == ["a = Value(3.0)", "b = a + a", "c = b + b", "d = b + c"]
    assert programs["equal-numbers"][:4] == ["a = Value(2.0)", "b = a + 2.0", "c = a * 2.0", "d = b * c"]
    assert programs["late-binding"][:3] == ["a = Value(3.0)", "b = Value(2.0)", "c = a * b"]


def test_every_classic_bug_in_the_flow_is_shown() -> None:
    assert {bug.name for bug in BUGS} <= {found.title for found in COMPARISONS.values()}


def test_a_node_used_twice_in_a_row_is_the_counter_example_to_recursion() -> None:
    found = COMPARISONS["no-order"]
    assert found.source.splitlines()[1:3] == ["b = a + a", "c = b + b"]
    assert outcomes(found.right) == {"a": 4.0}
    assert outcomes(found.wrong) == {"a": 8.0}


def test_assignment_shows_the_sum_on_one_side_only() -> None:
    found = COMPARISONS["assign"]
    assert found.right[2].endswith("a.grad = 1 + 1 = 2")
    assert found.wrong[2].endswith("a.grad = 1")


def test_forgetting_zero_grad_goes_beyond_the_minimum() -> None:
    found = COMPARISONS["zero-grad"]
    assert found.right[-1] == "x.data = 2 - 0.25 * 4 = 1"
    assert found.wrong[-1] == "x.data = 2 - 0.25 * 12 = -1"


def test_why_a_topological_sort_is_a_story_with_both_counter_examples() -> None:
    story = show("topological-sort")
    assert isinstance(story, Story)
    assert story.title == "Why a topological sort?"
    first, second = (part for part in story.parts if isinstance(part, Comparison))
    assert (outcomes(first.right), outcomes(first.wrong)) == ({"a": 4.0}, {"a": 6.0})
    assert (outcomes(second.right), outcomes(second.wrong)) == ({"a": 6.0}, {"a": 2.0})
    assert "1 + 1 + 2 + 2 = 6" in " ".join(str(story).split())


@pytest.mark.parametrize(
    ("name", "hint"), [("zerograd", "did you mean zero-grad?"), ("xyz", "there are topological-sort, assign")]
)
def test_an_unknown_name_is_refused_with_a_hint(name: str, hint: str) -> None:
    with pytest.raises(ParameterError, match=re.escape(hint)):
        show(name)
