"""Misconceptions: the classic mistakes about backpropagation, each run beside the right way on its smallest example."""

from __future__ import annotations

import string
import textwrap
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from itertools import zip_longest

from . import ops
from .errors import ParameterError, did_you_mean
from .graph import number_text
from .primitive import Primitive
from .testing.cases import Case
from .testing.diagnoses import BUGS, Tape, TapeNode
from .testing.engines import OwnEngine
from .testing.strategies import Instruction

WIDTH = 84
RIGHT = "the right way"
FORGOTTEN = "zero_grad() forgotten"


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a right and a mistaken engine do on one example, line by line.

    Attributes:
        source: the example.
        title: the mistake in a few words.
        right, wrong: what happens in each.
        why: what goes wrong, and the remedy.
    """

    source: str
    title: str
    right: tuple[str, ...]
    wrong: tuple[str, ...]
    why: str

    @property
    def first(self) -> int:
        """Where the two part: the index of the first line that differs."""
        pairs = zip_longest(self.right, self.wrong)
        return next(i for i, (right, wrong) in enumerate(pairs) if right != wrong)

    def __str__(self) -> str:
        width = max(map(len, (RIGHT, *self.right)))
        rows = [f"  {RIGHT:{width}} | {self.title}"]
        for i, (right, wrong) in enumerate(zip_longest(self.right, self.wrong, fillvalue="")):
            mark = ">" if i == self.first else " "
            rows.append(f"{mark} {right:{width}} | {wrong}".rstrip())
        parting = f"They part at the line marked with >. {self.why}"
        return "\n".join([textwrap.indent(self.source, "    "), "", *rows, "", textwrap.fill(parting, WIDTH)])

    __repr__ = __str__


@dataclass(frozen=True, slots=True)
class Story:
    """A question answered by comparisons, with words in between.

    Attributes:
        title: the question.
        parts: paragraphs and comparisons in their order.
    """

    title: str
    parts: tuple[str | Comparison, ...]

    def __str__(self) -> str:
        told = [textwrap.fill(part, WIDTH) if isinstance(part, str) else str(part) for part in self.parts]
        return "\n\n".join([self.title, *told])

    __repr__ = __str__


def show(name: str) -> Comparison | Story:
    """Return one misconception, run beside the right engine.

    Args:
        name: one of :data:`NAMES`.

    Raises:
        ParameterError: for another name.

    >>> print(show("assign"))
        a = Value(3.0)
        b = a + a
        b.backward()
    <BLANKLINE>
      the right way                      | = where += is needed
      start: b.grad = 1                  | start: b.grad = 1
      b hands 1 to a: a.grad = 0 + 1 = 1 | b hands 1 to a: a.grad = 0 + 1 = 1
    > b hands 1 to a: a.grad = 1 + 1 = 2 | b hands 1 to a: a.grad = 1
      in the end a.grad = 2              | in the end a.grad = 1
    <BLANKLINE>
    They part at the line marked with >. A node that is used twice gets a gradient along
    each use, and they must add up; here the last one replaces the others. Look for
    parent.grad = ...  in the backward rules, and write  parent.grad += ...
    """
    shown = _SHOWS.get(name)
    if shown is None:
        hint = did_you_mean(name, _SHOWS) or f"there are {', '.join(_SHOWS)}"
        raise ParameterError(f"unknown misconception {name!r}; {hint}")
    return shown()


# ---------------------------------------------------------------- watching an engine at work


class _Notebook:
    """Writes down what a tape does."""

    def __init__(self, tape: Tape) -> None:
        self.lines: list[str] = []
        self._names: dict[int, str] = {}
        self._inner = tape
        self.tape = replace(tape, start=self._start, receive=self._receive)

    def name(self, node: TapeNode, name: str) -> TapeNode:
        """Remember what a node is called."""
        self._names[id(node)] = name
        return node

    def set_data(self, node: TapeNode, number: float, how: str) -> None:
        self.lines.append(f"{self._names[id(node)]}.data = {how}{number_text(number)}")
        self.tape.set_data(node, number)

    def outcome(self, node: TapeNode) -> None:
        self.lines.append(f"in the end {self._names[id(node)]}.grad = {number_text(node.grad)}")

    def _start(self, nodes: list[TapeNode], root: TapeNode) -> None:
        self._inner.start(nodes, root)
        self.lines.append(f"start: {self._names[id(root)]}.grad = {number_text(root.grad)}")

    def _receive(self, parent: TapeNode, amount: float, node: TapeNode) -> None:
        before = parent.grad
        self._inner.receive(parent, amount, node)
        if id(parent) not in self._names:
            return  # a plain number: nobody asks for its gradient
        name, after = self._names[id(parent)], number_text(parent.grad)
        added = f"{number_text(before)} + {number_text(amount)} = " if parent.grad == before + amount else ""
        self.lines.append(
            f"{self._names[id(node)]} hands {number_text(amount)} to {name}: {name}.grad = {added}{after}"
        )


def _run(case: Case, tape: Tape) -> tuple[str, ...]:
    """Return what a tape does with a case."""
    notebook = _Notebook(tape)
    nodes = [notebook.tape.leaf(number) for number in case.leaves]
    for each in case.instructions:
        nodes.append(notebook.tape.apply(each.op, [nodes[x] if isinstance(x, int) else x for x in each.operands]))
    for node, name in zip(nodes, string.ascii_lowercase, strict=False):
        notebook.name(node, name)
    for step in case.script:
        if isinstance(step, int):
            notebook.tape.backward(nodes[step])
        else:
            notebook.set_data(nodes[step[0]], step[1], "")
    for leaf in nodes[: len(case.leaves)]:
        notebook.outcome(leaf)
    return tuple(notebook.lines)


def _mistaken_engine(bug: str, case: Case, form: int = 0) -> Comparison:
    """Run a case on the right tape and on one with a bug; ``form`` picks one of the ways in which the bug shows."""
    known = next(each for each in BUGS if each.name == bug)
    bent = list(known.change(Tape(), case))[form]
    return Comparison(case.source(OwnEngine()), bug, _run(case, Tape()), _run(case, bent), known.words)


# ---------------------------------------------------------------- the examples

Step = tuple[Primitive, tuple[int | float, ...]]


def _case(leaves: tuple[float, ...], *steps: Step, script: tuple[int | tuple[int, float], ...] = ()) -> Case:
    """Return a program of leaves a, b, ... and operations, which get the next letters; it ends with one backward."""
    instructions = tuple([Instruction(op, operands) for op, operands in steps])
    return Case(leaves, instructions, script or (len(leaves) + len(steps) - 1,))


TWICE = _case((3.0,), (ops.add, (0, 0)))
DIAMOND = _case((3.0,), (ops.add, (0, 0)), (ops.add, (1, 1)))
LONG_WAY = _case((3.0,), (ops.add, (0, 0)), (ops.add, (1, 1)), (ops.add, (1, 2)))
NAIVE = "naive depth-first backward, no topological order"
TOO_EARLY = "a node hands on before its gradient is complete, no topological order"


def _descent(forgotten: bool) -> tuple[str, ...]:
    """Return two steps of gradient descent on x * x."""
    notebook = _Notebook(Tape())
    x = notebook.name(notebook.tape.leaf(4.0), "x")
    for _ in range(2):
        if not forgotten:
            x.grad = 0.0
        loss = notebook.name(notebook.tape.apply(ops.mul, (x, x)), "loss")
        notebook.tape.backward(loss)
        how = f"{number_text(x.data)} - 0.25 * {number_text(x.grad)} = "
        notebook.set_data(x, x.data - 0.25 * x.grad, how)
    return tuple(notebook.lines)


def _zero_grad() -> Comparison:
    source = (
        "x = Value(4.0)\n"
        "for step in range(2):\n"
        "    x.grad = 0.0  # forgotten on the right\n"
        "    loss = x * x\n"
        "    loss.backward()\n"
        "    x.data = x.data - 0.25 * x.grad"
    )
    why = (
        "backward() adds to the gradient of a leaf, so that losses can be summed. Whoever does not set it to 0 before "
        "the next step descends along the sum of all gradients so far, here beyond the minimum at 0. Call "
        "optimizer.zero_grad() or model.zero_grad() in every step."
    )
    return Comparison(source, FORGOTTEN, _descent(forgotten=False), _descent(forgotten=True), why)


def _topological_sort() -> Story:
    return Story(
        "Why a topological sort?",
        (
            "A node may hand its gradient on only when it has all of it, that is, after every node that uses it has "
            "handed on. Take b = a + a, c = b + b, so that c = 4 a and d c / d a = 4. The obvious way is recursion: "
            "hand on to a parent, then let the parent do the same at once.",
            _mistaken_engine(NAIVE, DIAMOND, form=1),
            "b was used twice, so it was visited twice, and handed on the first 1 again with the second: 1 + 1 + 2 + 2 "
            "= 6. So visit every node once only? Then the moment of the visit decides. Take another use of b, "
            "d = b + c. Going down from d, b comes before c:",
            _mistaken_engine(TOO_EARLY, LONG_WAY),
            "b handed on what d gave it, and what c gave it later never arrived. What is needed is an order in which "
            "every node comes after all the nodes that use it. That is a topological order, walked from its end: "
            "append a node to a list after all of its parents (a, b, c, d), then go through the list in reverse (d, c, "
            "b, a). Any such order gives the same gradient, each node hands on exactly once, and the work is one "
            "multiplication and one addition per edge.",
        ),
    )


_SHOWS: dict[str, Callable[[], Comparison | Story]] = {
    "topological-sort": _topological_sort,
    "assign": partial(_mistaken_engine, "= where += is needed", TWICE),
    "no-order": partial(_mistaken_engine, NAIVE, DIAMOND),
    "too-early": partial(_mistaken_engine, TOO_EARLY, LONG_WAY),
    "wrong-end": partial(_mistaken_engine, "the topological order is walked from the wrong end", DIAMOND),
    "no-seed": partial(_mistaken_engine, "the root's gradient is not set to 1", TWICE),
    "stale-interior": partial(_mistaken_engine, "interior gradients are not reset", replace(DIAMOND, script=(2, 2))),
    "zero-grad": _zero_grad,
    "reset-leaves": partial(
        _mistaken_engine,
        "backward() resets the leaves",
        _case((3.0,), (ops.mul, (0, 2.0)), (ops.mul, (0, 5.0)), script=(1, 2)),
    ),
    "set-of-parents": partial(_mistaken_engine, "parents kept in a set", _case((3.0,), (ops.mul, (0, 0)))),
    "equal-numbers": partial(
        _mistaken_engine,
        "nodes with equal numbers are taken for one node",
        _case((2.0,), (ops.add, (0, 2.0)), (ops.mul, (0, 2.0)), (ops.mul, (1, 2))),
    ),
    "stale-closure": partial(
        _mistaken_engine,
        "stale closure: the backward rule reads the data of now",
        _case((3.0,), (ops.mul, (0, 0)), script=((0, 10.0), 1)),
    ),
    "late-binding": partial(
        _mistaken_engine,
        "late-binding closure: every contribution goes to the last operand",
        _case((3.0, 2.0), (ops.mul, (0, 1))),
    ),
}

NAMES: tuple[str, ...] = tuple(_SHOWS)
"""The misconceptions, the most common first."""
