"""The examples of the conformance kit: small programs that run on any engine, and what each one found there."""

from __future__ import annotations

import math
import string
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial, reduce
from typing import Any

from .. import ops
from ..errors import printable
from ..primitive import Primitive
from ..value import Value, gradients
from .engines import Engine, NotOfferedError, OwnEngine
from .rounding import EPS, path_sums, rounding_error
from .strategies import Instruction, RandomExpression

RELATIVE = 1e-9
MARGIN = 4096.0  # over the bound on rounding errors: 1e-12 of the terms that cancel
RUNS = 8  # of an example that failed, to see whether it always fails in the same way

Step = int | tuple[int, float]


@dataclass(frozen=True, slots=True)
class Case:
    """One small program: make leaves, apply operations, then call ``backward`` or change a leaf.

    Attributes:
        leaves: their numbers.
        instructions: the operations; operands are indices (leaves first, then results) or plain numbers.
        script: an index is a call of ``backward`` on that node, a pair (leaf, number) an assignment to its data.
    """

    leaves: tuple[float, ...]
    instructions: tuple[Instruction, ...]
    script: tuple[Step, ...]

    @property
    def roots(self) -> list[int]:
        """The nodes that ``backward`` is called on."""
        return [step for step in self.script if isinstance(step, int)]

    def paths(self) -> int:
        """Return how many paths lead from the last result to a leaf.

        >>> STRUCTURE["a node used twice (diamond)"][0].paths()
        4
        """
        counts = [1] * len(self.leaves)
        for instruction in self.instructions:
            counts.append(sum(counts[x] for x in instruction.operands if isinstance(x, int)))
        return counts[-1]

    def replaced(self, node: int, other: int) -> Case:
        """Return the program with an earlier node in the place of one, and without what the roots no longer need.

        An assignment to a leaf goes with the leaf.

        >>> case = STRUCTURE["a node used twice (diamond)"][0]
        >>> case.replaced(1, 0) == STRUCTURE["a + a"][0]
        True
        """
        steps = [
            (step.op, [other if isinstance(x, int) and x == node else x for x in step.operands])
            for step in self.instructions
        ]
        script = [other if step == node else step for step in self.script]
        needed = {step for step in script if isinstance(step, int)}
        for k in reversed(range(len(steps))):
            if k + len(self.leaves) in needed:
                needed.update(x for x in steps[k][1] if isinstance(x, int))
        place = {old: new for new, old in enumerate(sorted(needed))}
        return Case(
            tuple([number for k, number in enumerate(self.leaves) if k in needed]),
            tuple(
                [
                    Instruction(op, tuple([place[x] if isinstance(x, int) else x for x in operands]))
                    for k, (op, operands) in enumerate(steps)
                    if k + len(self.leaves) in needed
                ]
            ),
            tuple(
                [
                    place[step] if isinstance(step, int) else (place[step[0]], step[1])
                    for step in script
                    if isinstance(step, int) or step[0] in needed
                ]
            ),
        )

    def simpler(self, keep: int) -> Iterator[Case]:
        """Yield simpler programs: an operand stands in for a result, a leaf for another one, a number is simpler.

        Args:
            keep: how many operations at the end stay.
        """
        for node in reversed(range(len(self.leaves) + len(self.instructions) - keep)):
            step = self.instructions[node - len(self.leaves)] if node >= len(self.leaves) else None
            for other in dict.fromkeys(step.operands if step else range(node)):
                if isinstance(other, int):
                    yield self.replaced(node, other)
        for k, number in enumerate(self.leaves):
            simple = [1.0, 2.0, round(number, 0), round(number, 1)]
            for better in simple[: simple.index(number)] if number in simple else simple:
                yield replace(self, leaves=(*self.leaves[:k], better, *self.leaves[k + 1 :]))

    def source(self, engine: Engine, lines: Sequence[str] = ()) -> str:
        """Return the program as Python in the engine's own terms, with further lines below it."""
        names = _names(len(self.leaves) + len(self.instructions))
        text = [f"{name} = {engine.leaf_text(number)}" for name, number in zip(names, self.leaves, strict=False)]
        for name, each in zip(names[len(self.leaves) :], self.instructions, strict=True):
            written = [names[x] if isinstance(x, int) else repr(x) for x in each.operands]
            text.append(f"{name} = {engine.call_text(each.op, written)}")
        actions = [
            f"{names[step]}.backward()" if isinstance(step, int) else f"{names[step[0]]}.data = {step[1]}"
            for step in self.script
        ]
        return "\n".join([*text, *actions, *lines])


@dataclass(frozen=True, slots=True)
class Observation:
    """What an engine gave: the values of the roots, then the gradients of the leaves, or the error it raised."""

    values: tuple[float, ...] = ()
    grads: tuple[float, ...] = ()
    error: str = ""


@dataclass(frozen=True, slots=True)
class Trial:
    """A case, what is right, how far rounding may move it, and what the engine gave."""

    case: Case
    expected: Observation
    tolerance: Observation
    got: Observation

    @property
    def ok(self) -> bool:
        """Whether the engine was right."""
        return self.agrees(self.got, self.expected)

    def agrees(self, one: Observation, other: Observation) -> bool:
        """Return whether two outcomes of this case are the same up to rounding; errors never are."""
        if one.error or other.error:
            return False
        return all(map(close, *[each.values + each.grads for each in (one, other, self.tolerance)]))

    def source(self, engine: Engine) -> str:
        """Return the case as Python, with the numbers that are wrong beside the right ones."""
        if self.got.error:
            return self.case.source(engine, [f"# raises {self.got.error}"])
        names = _names(len(self.case.leaves) + len(self.case.instructions))
        rows = [(f"{names[i]}.data", "values", k) for k, i in enumerate(self.case.roots)]
        rows += [(f"{name}.grad", "grads", k) for k, name in enumerate(names[: len(self.case.leaves)])]
        lines = []
        for text, part, k in rows:
            got, right, allowed = (getattr(each, part)[k] for each in (self.got, self.expected, self.tolerance))
            if not close(got, right, allowed):
                lines.append(f"{text}  # {_number(got)}, expected {_number(right)}")
        return self.case.source(engine, lines)


def close(x: float, y: float, allowed: float) -> bool:
    """Return whether two numbers agree to 1e-9, or within what is allowed; nan agrees with nan.

    >>> close(1.0, 1.0 + 1e-10, 0.0), close(0.0, 1e-10, 0.0)
    (True, False)
    """
    if x == y or (x != x and y != y):
        return True
    return math.isfinite(x) and math.isfinite(y) and abs(x - y) <= RELATIVE * max(abs(x), abs(y)) + allowed


def trial(engine: Engine, case: Case) -> Trial:
    """Run a case on an engine and on our own.

    Raises:
        NotOfferedError: when the engine cannot run it.
    """
    got = observe(engine, case)
    own = OwnEngine()
    nodes = _forward(own, case)
    roots = [nodes[i] for i in case.roots]
    leaves = nodes[: len(case.leaves)]
    errors = [_errors(root, leaves) for root in roots]
    tolerance = Observation(
        tuple(_allowed(rounding_error(root)) for root in roots),
        tuple(_allowed(sum(column)) for column in zip(*errors, strict=True)),
    )
    return Trial(case, observe(own, case), tolerance, got)


def _errors(root: Value, leaves: Sequence[Value]) -> list[float]:
    """Return a bound on the rounding error of each gradient: of its terms, and of what the slopes in them cancel.

    Of two factors that are 0 but for rounding nothing is left to first order: eps^2 is for those.
    """
    slopes = map(rounding_error, gradients([root], leaves, create_graph=True))
    return [EPS * terms + error + EPS**2 for terms, error in zip(path_sums(root, leaves), slopes, strict=True)]


def _allowed(error: float) -> float:
    return MARGIN * error if math.isfinite(error) else 0.0


def repeats(engine: Engine, each: Trial) -> bool:
    """Return whether an example that gave numbers gives them again, with its nodes elsewhere in memory.

    Sets order nodes by their addresses, so that what depends on the order of a set does not repeat.
    """
    held: list[Any] = []
    try:
        for count in range(RUNS):
            held += [engine.leaf(0.0) for _ in range(count)]  # takes the place of the nodes of the run before
            if not each.agrees(observe(engine, each.case), each.got):
                return False
    except (Exception, SystemExit):  # a leaf that could be made, an operation that was offered: no more
        return False
    return True


def simplest(engine: Engine, failing: Trial, keep: int = 0) -> Trial:
    """Return a trial that fails in the same way, with an error or with wrong numbers, and has no simpler one.

    Args:
        engine: the engine that fails.
        failing: a trial of it.
        keep: how many operations at the end of the program stay, as a law is made of them.
    """
    for case in failing.case.simpler(keep):
        try:
            found = trial(engine, case)
        except NotOfferedError:
            continue
        finite = all(map(math.isfinite, found.expected.values + found.expected.grads))
        if not found.ok and finite and bool(found.got.error) == bool(failing.got.error):
            return simplest(engine, found, keep)
    return failing


def observe(engine: Engine, case: Case) -> Observation:
    """Run a case on an engine; an error of the engine is an outcome, too.

    Raises:
        NotOfferedError: when the engine cannot run it.
    """
    try:
        nodes = _forward(engine, case)
        values = tuple(engine.data(nodes[i]) for i in case.roots)
        for step in case.script:
            if isinstance(step, int):
                engine.backward(nodes[step])
            else:
                engine.set_data(nodes[step[0]], step[1])
        return Observation(values, tuple(engine.grad(leaf) for leaf in nodes[: len(case.leaves)]))
    except NotOfferedError:
        raise
    except (Exception, SystemExit) as error:
        return Observation(error=printable(f"{type(error).__name__}: {error}"))


def _forward(engine: Engine, case: Case) -> list[Any]:
    nodes = [engine.leaf(number) for number in case.leaves]
    for each in case.instructions:
        nodes.append(engine.apply(each.op, [nodes[x] if isinstance(x, int) else x for x in each.operands]))
    return nodes


def _names(count: int) -> list[str]:
    letters = string.ascii_lowercase
    return [letters[i] if i < len(letters) else f"v{i}" for i in range(count)]


def _number(number: float) -> str:
    return f"{number:.12g}"


# ---------------------------------------------------------------- one operation


def settings_of(op: Primitive) -> list[Primitive]:
    """Return an operation with its parameters set, in a few ways where there is no usual number."""
    if op.name == "power":
        return [op.bind(n=n) for n in (3.0, 2.0, -1.0, 0.5)]
    if op.per_operand:
        return [op.bind(index=index) for index in (0, 2)]
    return [op.bind(**{name: 2.0 for name, number in op.params.items() if number is None}) if op.params else op]


def ordinary_points(op: Primitive, limit: int = 3) -> list[tuple[float, ...]]:
    """Return a few points inside the operation's domain, away from its kinks, with different operands.

    >>> ordinary_points(ops.log)
    [(0.75,), (0.5,), (2.5,)]
    """
    numbers = (0.75, -1.25, 0.5, 2.5, -0.625, 1.75, 0.25, -3.25)
    found = []
    for start in range(len(numbers)):
        point = tuple(numbers[(start + k) % len(numbers)] for k in range(_count(op)))
        inside = all(op.domain_of(k).contains(x) for k, x in enumerate(point))
        if inside and all(abs(gap) > 1e-3 for gap in op.gaps(*point)):
            value, slopes = op.evaluate(*point)
            if all(map(math.isfinite, (value, *slopes))):
                found.append(point)
    return found[:limit]


def plain(op: Primitive, point: tuple[float, ...]) -> Case:
    """Return the case of an operation by itself."""
    return Case(point, (Instruction(op, tuple(range(len(point)))),), (len(point),))


def carried(op: Primitive, point: tuple[float, ...], carrier: Primitive) -> Case:
    """Return the case of an operation whose result another one uses, so that its upstream gradient is not 1."""
    n = len(point)
    leaves = (*point, 3.0) if carrier.arity == 2 else point
    instruction = Instruction(op, tuple(range(n)))
    last = Instruction(carrier, (len(leaves), n) if carrier.arity == 2 else (len(leaves),))
    return Case(leaves, (instruction, last), (len(leaves) + 1,))


def _count(op: Primitive) -> int:
    return op.arity or (4 if op.pairs else 3)


NUMBER_OPERANDS: Mapping[str, Case] = {
    text: Case((1.75,), (Instruction(op, operands),), (1,))
    for text, op, operands in (
        ("x + 2", ops.add, (0, 2.0)),
        ("2 + x", ops.add, (2.0, 0)),
        ("x - 2", ops.sub, (0, 2.0)),
        ("2 - x", ops.sub, (2.0, 0)),
        ("x * 2", ops.mul, (0, 2.0)),
        ("2 * x", ops.mul, (2.0, 0)),
        ("x / 2", ops.div, (0, 2.0)),
        ("2 / x", ops.div, (2.0, 0)),
        ("2 ** x", ops.pow, (2.0, 0)),
    )
}
"""Operators between a node and a plain number, on either side."""

_HARD: Mapping[int, list[tuple[float, ...]]] = {
    1: [(x,) for x in (0.0, -0.0, 1e-300, 1e200, -1e200, 800.0, math.inf, -math.inf, math.nan)],
    2: [
        *((0.0, 0.0), (1.0, 1.0), (1.0, 0.0), (-1.0, 0.0), (0.0, math.inf), (math.inf, math.inf)),
        *((math.inf, -math.inf), (1e200, 1e200), (-8.0, 0.5), (math.nan, 1.0), (1.0, math.nan)),
    ],
    3: [(0.0, 0.0, 0.0), (1.0, 1.0, 1.0), (1000.0, 1000.0, 0.0), (math.inf, 1.0, 1.0), (math.nan, 1.0, 1.0)],
    4: [(1e200, 1.0, 1e200, 1.0), (0.0, 1.0, math.inf, 1.0)],
}


def hard_points(op: Primitive) -> list[tuple[float, ...]]:
    """Return points where engines make choices: zeros, ties, infinities, nan and numbers that overflow."""
    return _HARD.get(_count(op), [])


# ---------------------------------------------------------------- how a graph hangs together


def _case(leaves: tuple[float, ...], *lines: tuple[Primitive, int, int], script: tuple[Step, ...] = ()) -> Case:
    instructions = tuple([Instruction(op, (x, y)) for op, x, y in lines])
    return Case(leaves, instructions, script or (len(leaves) + len(lines) - 1,))


_LONG_WAY = ((ops.mul, 0, 1), (ops.mul, 2, 1), (ops.mul, 3, 1))

# Numbers differ within each program, except where they are meant to be equal.
STRUCTURE: Mapping[str, tuple[Case, ...]] = {
    "a + a": (_case((1.5,), (ops.add, 0, 0)),),
    "x * x": (_case((3.0,), (ops.mul, 0, 0)),),
    "a node used twice (diamond)": (_case((1.5,), (ops.add, 0, 0), (ops.add, 1, 1)),),
    "a long and a short way to a node": (
        _case((1.5, -0.5), *_LONG_WAY, (ops.add, 2, 4)),
        _case((1.5, -0.5), *_LONG_WAY, (ops.add, 4, 2)),
    ),
    "a node used again after deep uses": (
        _case((1.5, -0.25), (ops.add, 0, 1), (ops.mul, 2, 2), (ops.mul, 3, 2), (ops.mul, 4, 3), (ops.mul, 5, 2)),
    ),
    "different nodes with equal numbers": (
        _case((2.0, 2.0), (ops.mul, 0, 1)),
        _case((2.0, 2.0), (ops.add, 0, 1), (ops.mul, 0, 1), (ops.mul, 2, 3)),
    ),
    "a leaf as the root": (_case((1.5,)),),
    "two graphs at a time": (
        _case((1.5, 2.0, 3.0, 4.0), (ops.mul, 0, 1), (ops.mul, 2, 3), script=(4,)),
        _case((1.5, 2.0, 3.0, 4.0), (ops.mul, 0, 1), (ops.mul, 2, 3), script=(4, 5)),
    ),
    "leaves add a second backward": (_case((1.5, 2.0), (ops.mul, 0, 1), script=(2, 2)),),
    "a second backward gives the same again": (_case((1.5, 2.0), (ops.mul, 0, 1), (ops.mul, 2, 2), script=(3, 3)),),
    "two losses that share a node": (
        _case((1.5, 2.0), (ops.mul, 0, 1), (ops.add, 2, 0), (ops.mul, 2, 2), script=(3, 4)),
    ),
    "a leaf changed after the forward pass": (_case((1.5, 2.0), (ops.mul, 0, 1), script=((0, 10.0), 2)),),
}
"""Graphs of add and mul on which classic engines go wrong."""

DEEP = 5000
DEEP_CHAIN = _case((0.5,), *[(ops.add, k, 0) for k in range(DEEP)])


# ---------------------------------------------------------------- random expressions


class _Program:
    """Expressions put together; while their number is open, leaf k is k and result k is -1 - k."""

    def __init__(self) -> None:
        self.leaves: list[float] = []
        self.steps: list[Instruction] = []

    def leaf(self, number: float) -> int:
        self.leaves.append(number)
        return len(self.leaves) - 1

    def apply(self, op: Primitive, *operands: int) -> int:
        self.steps.append(Instruction(op, operands))
        return -len(self.steps)

    def include(self, f: RandomExpression, *given: int) -> int:
        """Add an expression and return its root; constants become leaves, as not every engine takes numbers.

        Args:
            f: the expression.
            given: nodes for its first variables; the others become leaves.
        """
        nodes = [*given, *[self.leaf(number) for number in f.point[len(given) :]]]
        for each in f.instructions:
            operands = [nodes[x] if isinstance(x, int) else self.leaf(x) for x in each.operands]
            nodes.append(self.apply(each.op, *operands))
        return nodes[-1]

    def case(self) -> Case:
        """Return the case, its root the last result."""
        count = len(self.leaves)
        steps = [
            Instruction(step.op, tuple([x if x >= 0 else count - 1 - x for x in step.operands])) for step in self.steps
        ]
        return Case(tuple(self.leaves), tuple(steps), (count + len(steps) - 1,))


def itself(f: RandomExpression) -> Case:
    """Return f."""
    program = _Program()
    program.include(f)
    return program.case()


def difference_with_itself(f: RandomExpression) -> Case:
    """Return f - f, whose gradient is zero."""
    program = _Program()
    root = program.include(f)
    program.apply(ops.sub, root, root)
    return program.case()


def linear_combination(f: RandomExpression, g: RandomExpression) -> Case:
    """Return 2 f + 3 g over the leaves of both, whose gradient is made of theirs."""
    program = _Program()
    factors = [program.leaf(2.0), program.leaf(3.0)]
    roots = [program.include(f), program.include(g)]
    left, right = (program.apply(ops.mul, factor, root) for factor, root in zip(factors, roots, strict=True))
    program.apply(ops.add, left, right)
    return program.case()


def product(f: RandomExpression, g: RandomExpression) -> Case:
    """Return f g over the leaves of both, to which the product rule applies."""
    program = _Program()
    program.apply(ops.mul, program.include(f), program.include(g))
    return program.case()


def composition(f: RandomExpression, g: RandomExpression) -> Case:
    """Return g(f + c, ...), to which the chain rule applies; c brings f to where g was drawn."""
    program = _Program()
    root = program.include(f)
    shift = program.leaf(g.point[0] - f(*f.point))
    program.include(g, program.apply(ops.add, root, shift))
    return program.case()


def homogeneous(f: RandomExpression) -> Case:
    """Return s^2 f(x / s + c) with s = |x| / r: of degree 2 in x, so that x . gradient is twice the value.

    At x = (1, 2, ...) s is 1, and c brings x to where f was drawn.
    """
    program = _Program()
    numbers = [1.0 + i for i in range(len(f.point))]
    xs = [program.leaf(number) for number in numbers]
    squares = [program.apply(ops.mul, x, x) for x in xs]
    length = program.apply(ops.power.bind(n=0.5), reduce(partial(program.apply, ops.add), squares))
    scale = program.apply(ops.div, length, program.leaf(math.hypot(*numbers)))
    scaled = [program.apply(ops.div, x, scale) for x in xs]
    shifts = [program.leaf(there - here) for there, here in zip(f.point, numbers, strict=True)]
    root = program.include(f, *map(partial(program.apply, ops.add), scaled, shifts))
    program.apply(ops.mul, program.apply(ops.mul, scale, scale), root)
    return program.case()
