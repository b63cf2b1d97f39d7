"""Hypothesis strategies for gradients: random expressions inside every domain, and floats that break things.

An expression is drawn as a list of instructions and then built without further chance. Each operand is looked at
before it is used: a number outside the comfortable part of the operation's domain, on a kink, or too large is
scaled and shifted first, by instructions of its own (``v1 * 0.125``, ``v2 + 0.5``). So nothing is filtered, and
deleting an instruction while shrinking leaves a valid expression.
"""

from __future__ import annotations

import inspect
import json
import math
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from .. import ops as operations
from ..errors import MissingPackageError, NotARealNumberError, OperandError, ParameterError, did_you_mean, printable
from ..primitive import Domain, Primitive, real, registry, whole

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

Operand: TypeAlias = "int | float"
"""Which number an instruction takes: an int counts leaves first, then results; a float is the number itself."""

# ---------------------------------------------------------------- expressions as data


class Instruction(NamedTuple):
    """One operation of a RandomExpression.

    Attributes:
        op: the operation, its parameters set.
        operands: for each operand the index of an earlier number (leaves first, then results in order), or a
            float, which is a constant; flat for operations on two lists.
    """

    op: Primitive
    operands: tuple[Operand, ...]


@dataclass(frozen=True)
class RandomExpression:
    """A function of numbers written as a list of instructions, and a point to try it at.

    Called with floats it gives a float, with Values a Value. Printed, it is Python that one can paste.

    Args:
        instructions: the operations in order; the result of the last one is the result of the function.
        point: one number per leaf.

    Raises:
        ParameterError: when an instruction has no operation or the wrong number of operands, or takes a number that
            does not exist yet, or when a number is not finite.

    >>> from autograd_tiny.ops import mul, sin
    >>> f = RandomExpression((Instruction(mul, (0, 1)), Instruction(sin, (2,))), (0.5, 0.0))
    >>> f(*f.point)
    0.0
    >>> print(f)
    from autograd_tiny.ops import sin
    <BLANKLINE>
    <BLANKLINE>
    def f(x1, x2):
        v1 = x1 * x2
        v2 = sin(v1)
        return v2
    <BLANKLINE>
    <BLANKLINE>
    point = (0.5, 0.0)
    """

    instructions: tuple[Instruction, ...]
    point: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.point:
            raise ParameterError("an expression needs at least one leaf, got an empty point")
        for x in self.point:
            _check_constant(x, "a number of the point")
        for k, instruction in enumerate(self.instructions, start=1):
            _check(instruction, f"instruction {k}", len(self.point) + k - 1)
        # On the instance: reports then name the arguments x1, x2; the class keeps the signature of its constructor.
        parameters = [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in self.variables]
        object.__setattr__(self, "__signature__", inspect.Signature(parameters))

    def __call__(self, *leaves: Any) -> Any:
        """Return the result at other numbers, or on Values.

        Raises:
            OperandError: when there is not one number per leaf.
        """
        return self.run(leaves)[-1]

    def run(
        self, leaves: Sequence[Any], apply: Callable[[Primitive, tuple[Any, ...]], Any] = lambda op, xs: op.apply(*xs)
    ) -> list[Any]:
        """Return every number in order, leaves first.

        Args:
            leaves: one number or node per leaf, of whatever kind ``apply`` takes.
            apply: how one operation is carried out on its operands, some of which may be floats: the constants.

        Raises:
            OperandError: when there is not one number per leaf.
        """
        nodes = list(leaves)
        if len(nodes) != len(self.point):
            raise OperandError(f"the expression takes {', '.join(self.variables)}, got {len(nodes)} numbers")
        for op, operands in self.instructions:
            nodes.append(apply(op, tuple([nodes[x] if isinstance(x, int) else x for x in operands])))
        return nodes

    @property
    def variables(self) -> tuple[str, ...]:
        """The names of the leaves: x1, x2, ..."""
        return tuple([f"x{k}" for k in range(1, len(self.point) + 1)])

    @property
    def source(self) -> str:
        """The function ``f`` as Python, one line per instruction."""
        names = self._names()
        lines, functions, own = [], set(), list[str]()
        for name, (op, operands) in zip(names[len(self.point) :], self.instructions, strict=True):
            texts = [names[x] if isinstance(x, int) else repr(x) for x in operands]
            written = _as_operator(op, operands, texts)
            if not written:
                built_in = op.__module__ == operations.__name__
                if built_in:
                    functions.add(op.name)
                else:
                    own.append(_registering(op))
                written = _as_call(op, texts, op.name if built_in else f"registry[{op.name!r}]")
            lines.append(f"    {name} = {written}\n")
        imports = f"from {operations.__name__} import {', '.join(sorted(functions))}\n" if functions else ""
        imports += f"from {__package__.partition('.')[0]} import registry\n" if own else ""
        imports += "".join(dict.fromkeys(own))
        arguments = ", ".join(self.variables)
        spacing = "\n\n" if imports else ""
        return f"{imports}{spacing}def f({arguments}):\n{''.join(lines)}    return {names[-1]}\n"

    @property
    def reproducer(self) -> str:
        """A script that checks the gradient of the expression at its point."""
        point = ", ".join(map(repr, self.point))
        head = f"from {__package__} import check_gradients\n"
        return f"{head}{self.source}\n\ncheck_gradients(f, {point}).assert_ok()\n"

    def __repr__(self) -> str:
        return f"{self.source}\n\npoint = {self.point!r}"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        # The protocol of hypothesis and IPython: lines of our own, which their indentation leaves alone.
        printer.text(f"\n{self!r}\n")

    def to_json(self) -> str:
        """Return the expression as text that ``from_json`` reads back, every float exact.

        >>> from autograd_tiny.ops import power
        >>> RandomExpression((Instruction(power.bind(n=2), (0,)),), (1.5,)).to_json()
        '{"point": [1.5], "instructions": [{"op": "power", "operands": ["x1"], "params": {"n": 2.0}}]}'
        """
        names = self._names()
        steps = []
        for op, operands in self.instructions:
            step: dict[str, Any] = {
                "op": op.name,
                "operands": [names[x] if isinstance(x, int) else x for x in operands],
            }
            if op.params:
                step["params"] = op.params
            steps.append(step)
        return json.dumps({"point": self.point, "instructions": steps})

    @classmethod
    def from_json(cls, text: str) -> RandomExpression:
        """Read what ``to_json`` wrote; operations are looked up by name, nothing in the text is run.

        Raises:
            ParameterError: when the text is not such JSON, or names an operation or a number that does not exist.

        >>> f = RandomExpression.from_json('{"point": [3], "instructions": [{"op": "mul", "operands": ["x1", "x1"]}]}')
        >>> f(3.0)
        9.0
        """
        try:
            content = json.loads(text)
        except (TypeError, ValueError, RecursionError) as error:
            raise ParameterError(f"a saved expression is JSON text as to_json writes it: {_short(error)}") from None
        point = _field(content, "point", list, "the expression")
        index = {f"x{k}": k - 1 for k in range(1, len(point) + 1)}
        instructions = []
        for k, step in enumerate(_field(content, "instructions", list, "the expression"), start=1):
            where = f"instruction {k}"
            op = _registered(_field(step, "op", str, where))
            operands = _field(step, "operands", list, where)
            params = _field(step, "params", dict, where) if op.params else {}
            try:
                op = op.bind(**params) if params else op
            except NotARealNumberError as error:
                raise ParameterError(f"{where}: {error}") from None
            for x in operands:
                if isinstance(x, str) and x not in index:
                    raise ParameterError(
                        f"{where} takes {_short(x)}, which is no earlier number; use x1, x2, ..., v1, ..."
                    )
            instructions.append(
                Instruction(op, tuple([index[x] if isinstance(x, str) else _constant(x) for x in operands]))
            )
            index[f"v{k}"] = len(index)
        return cls(tuple(instructions), tuple(map(_constant, point)))

    def _names(self) -> list[str]:
        return [*self.variables, *[f"v{k}" for k in range(1, len(self.instructions) + 1)]]


def _constant(number: Any) -> float:
    if type(number) not in (int, float):  # True is an int to Python and no number to us
        raise ParameterError(f"a saved expression holds names and numbers, got {_short(number)}")
    try:
        return float(number)
    except OverflowError:
        return math.inf  # refused with the other numbers that are not finite


def _field(content: Any, name: str, kind: type, where: str) -> Any:
    found = content.get(name) if isinstance(content, dict) else None
    if not isinstance(found, kind):
        raise ParameterError(f"{where} needs {name!r}, a {kind.__name__}, got {_short(content)}")
    return found


def _short(thing: Any) -> str:
    text = printable(str(thing) if isinstance(thing, Exception) else repr(thing))
    return text if len(text) <= 60 else text[:57] + "..."


def _check(instruction: Instruction, where: str, known: int) -> None:
    op, operands = instruction
    if not isinstance(op, Primitive):
        raise ParameterError(f"{where} needs an operation such as ops.mul, got {_short(op)}")
    count = len(operands)
    try:
        op.flatten((operands[: (count + 1) // 2], operands[(count + 1) // 2 :]) if op.pairs else operands)
    except OperandError as error:
        raise ParameterError(f"{where}: {error}") from None
    missing = [name for name, number in op.params.items() if number is None]
    if missing:
        raise ParameterError(
            f"{where}: {op.signature()} needs its parameter {missing[0]}; use op.bind({missing[0]}=...)"
        )
    if op.per_operand and op.params["index"] not in range(count):
        raise ParameterError(f"{where}: {op.name} of {count} operands has no result index={op.params['index']:g}")
    for x in operands:
        if not isinstance(x, int):
            _check_constant(x, f"{where}: a constant")
        elif not 0 <= x < known:
            raise ParameterError(f"{where} takes number {x}; only 0 to {known - 1} come before it")
    if not any(isinstance(x, int) for x in operands):
        raise ParameterError(f"{where} has constants only; at least one operand is an earlier number")
    for number in op.params.values():
        _check_constant(number, f"{where}: a parameter")


def _check_constant(x: Any, subject: str) -> None:
    if not math.isfinite(real(x, subject)):
        raise ParameterError(f"{subject} is finite, got {x!r}")


# ---------------------------------------------------------------- expressions as Python

_SIGNS = {
    operations.add: "+",
    operations.sub: "-",
    operations.mul: "*",
    operations.div: "/",
    operations.floordiv: "//",
    operations.remainder: "%",
    operations.pow: "**",
}


def _registering(op: Primitive) -> str:
    """Return the line that makes an operation of the user's own known in another program."""
    if op.__module__ == "__main__":
        return "# first run what registers the operations\n"
    return f"import {op.__module__}  # registers an operation\n"


def _as_operator(op: Primitive, operands: tuple[Operand, ...], texts: list[str]) -> str:
    """Return the instruction written with an operator, or ``""`` where no operator records this operation."""
    texts = [f"({text})" if text.startswith("-") else text for text in texts]
    if op is operations.neg:
        return f"-{texts[0]}"
    if op.name == "power" and op.__module__ == operations.__name__:
        return f"{texts[0]} ** {op.params['n']!r}"
    constant_exponent = op is operations.pow and not isinstance(operands[1], int)  # ** would record power instead
    if op in _SIGNS and not constant_exponent:
        return f"{texts[0]} {_SIGNS[op]} {texts[1]}"
    return ""


def _as_call(op: Primitive, texts: list[str], function: str) -> str:
    if op.pairs:
        half = len(texts) // 2
        arguments = [f"[{', '.join(texts[:half])}]", f"[{', '.join(texts[half:])}]"]
    else:
        arguments = [f"[{', '.join(texts)}]"] if op.arity is None else texts
    settings = [
        f"{name}={int(number) if op.per_operand and name == 'index' and number is not None else number!r}"
        for name, number in op.params.items()
    ]
    return f"{function}({', '.join([*arguments, *settings])})"


# ---------------------------------------------------------------- building inside the domains

LARGE = 8.0  # operands are at most this large,
STEEP = 16.0  # and change at most this fast with the leaves: chains of 200 operations then neither explode nor chaos
FAINT = 2.0**-40  # a result that depends less on the leaves, the 0 of relu say, is not built upon
LARGEST_RESULT = 1024.0
MARGIN = 0.125  # distance from the ends of domains; smaller for narrow ones
KINK_MARGIN = 2.0**-6  # least |gap|; operands are at most LARGE, so it is over 1e-3 of their size
ATTEMPTS = 32  # shifts tried each way

CONSTANTS = (2.0, 0.5, 3.0)
REACH = 12  # an operand choice below it counts back from the newest number; the others are the constants
EXPONENTS = (2.0, 3.0, 0.5, -1.0, 1.5, -0.5)
FACTORS = (1.0, 0.5, 1.5)  # parameters near their defaults


@lru_cache(maxsize=1024)
def _comfortable(domain: Domain) -> tuple[float, float, float]:
    """Return the part (low, high) of a domain to draw from, and the margin kept from its ends."""
    margin = min(MARGIN, (domain.high - domain.low) / 8.0)
    low, high = domain.low + margin, domain.high - margin
    return max(low, min(-LARGE, high - 1.0)), min(high, max(LARGE, low + 1.0)), margin


def _shifts(value: float, low: float, high: float) -> Iterator[float]:
    """Yield short constants whose sum with ``value`` is near the interval: 0 first, then from the nearest outwards."""
    yield 0.0
    grid = 2.0 ** (math.frexp(min(0.5, (high - low) / 4.0))[1] - 1)
    nearest = round((min(max(value, low), high) - value) / grid)
    for between in (0.0, 0.25):  # of numbers on the grid every quotient may be an integer, the kink of remainders
        for k in range(ATTEMPTS):
            yield (nearest + k + between) * grid
            yield (nearest - k + between) * grid


class _Builder:
    """Places instructions one after another, every operand made comfortable first."""

    def __init__(self, point: tuple[float, ...], sharing: bool) -> None:
        self.point, self.sharing = point, sharing
        self.instructions: list[Instruction] = []
        self.numbers = list(point)
        self.spreads = [1.0] * len(point)  # sum of |slope products| over all paths from the leaves
        self.free = list(range(len(point)))  # to be taken first, so that the root depends on most numbers
        self.root = len(point) - 1

    def operands(self, choices: Sequence[int]) -> list[Operand]:
        """Return the operands that the choices mean; the first of them that is no constant is a fresh number."""
        picked: list[Operand] = []
        for choice in choices:
            begun = any(isinstance(x, int) for x in picked)
            if choice >= REACH or (begun and not (self.sharing or self.free)):
                picked.append(CONSTANTS[choice % len(CONSTANTS)])
            elif begun and self.sharing:
                picked.append(len(self.numbers) - 1 - choice % len(self.numbers))
            else:
                picked.append(self._fresh(choice))
        if not any(isinstance(x, int) for x in picked):
            picked[0] = self._fresh(0)
        return picked

    def _fresh(self, choice: int) -> int:
        """Return a number not taken before, one that depends on the leaves if there is any."""
        alive = [i for i in self.free if self.spreads[i] >= FAINT]
        if self.sharing and not alive:
            return choice % len(self.point)
        index = (alive or self.free)[-1 - choice % len(alive or self.free)]
        self.free.remove(index)
        return index

    def number(self, operand: Operand) -> float:
        return self.numbers[operand] if isinstance(operand, int) else operand

    def spread(self, operand: Operand) -> float:
        return self.spreads[operand] if isinstance(operand, int) else 0.0

    def emit(self, op: Primitive, *operands: Operand) -> int:
        value, slopes = op.evaluate(*map(self.number, operands))
        self.instructions.append(Instruction(op, operands))
        self.numbers.append(value)
        spread = math.fsum(abs(slope) * self.spread(x) for slope, x in zip(slopes, operands, strict=True))
        # A slope of nan inside the domain is a mistake in the operation, and what the expression is there to show.
        self.spreads.append(spread if math.isfinite(spread) else 1.0)
        return len(self.numbers) - 1

    def shifted(self, operand: Operand, shift: float) -> Operand:
        if not shift:
            return operand
        return self.emit(operations.add, operand, shift) if isinstance(operand, int) else operand + shift

    def settled(self, operand: Operand, domain: Domain, accept: Callable[[float], bool]) -> Operand | None:
        """Return the operand, scaled and shifted where it has to be to fit the domain and be accepted."""
        low, high, margin = _comfortable(domain)

        def fits(x: float) -> bool:
            apart = all(abs(x - point) >= margin for point in domain.excluding)
            # Tiny numbers are mostly cancellation, and their powers underflow; an exact 0 is neither.
            return low <= x <= high and apart and (x == 0.0 or abs(x) >= margin / 16.0) and accept(x)

        value, spread = self.number(operand), self.spread(operand)
        if spread <= STEEP and fits(value):
            return operand
        excess = max(abs(value) / LARGE, spread / STEEP)
        if excess > 1.0:
            operand = self.emit(operations.mul, operand, 0.5 ** (math.frexp(excess)[1] + 1))
            value = self.number(operand)
        shift = next((shift for shift in _shifts(value, low, high) if fits(value + shift)), None)
        return None if shift is None else self.shifted(operand, shift)

    def place(self, op: Primitive, operands: list[Operand]) -> bool:
        """Add an operation away from its kinks, and say whether that was possible."""
        rest: list[Operand] = []
        for i, x in enumerate(operands[1:], start=1):
            other = self.settled(x, op.domain_of(i), lambda _: True)
            if other is None:
                return False
            rest.append(other)
        numbers = [self.number(x) for x in rest]

        def smooth(x: float, largest: float) -> bool:
            value = op.evaluate(x, *numbers)[0]
            # written so that nan is refused
            return abs(value) <= largest and all(abs(gap) > KINK_MARGIN for gap in op.gaps(x, *numbers))

        for largest in (LARGEST_RESULT, sys.float_info.max):  # some domains leave no choice: x * x for x > 500
            first = self.settled(operands[0], op.domain_of(0), partial(smooth, largest=largest))
            if first is not None:
                return self._done(op, [first, *rest])
        return False

    def aim(self, op: Primitive, operands: list[Operand]) -> bool:
        """Add an operation exactly on one of its kinks, and say whether that was possible.

        The first operand is moved to a number where a gap may be 0; then the others to 0 as well, for the
        kinks at the origin. Jumps do not count: there no slope is a choice.
        """
        for rest in (operands[1:], [self.moved(x, 0.0) for x in operands[1:]]):
            numbers = [self.number(x) for x in rest]
            for goal in dict.fromkeys((0.0, *numbers, *filter(None, op.params.values()))):
                if _is_kink(op, (goal, *numbers)):
                    return self._done(op, [self.moved(operands[0], goal), *rest])
        return False

    def moved(self, operand: Operand, goal: float) -> Operand:
        """Return the operand shifted to exactly ``goal``."""
        value = self.number(operand)
        if value + (goal - value) == goal:
            return self.shifted(operand, goal - value)
        return self.shifted(self.shifted(operand, -value), goal)

    def _done(self, op: Primitive, operands: list[Operand]) -> bool:
        self.root = self.emit(op, *operands)
        self.free.append(self.root)
        return True

    def needed(self) -> set[int]:
        """Return every number the root depends on, itself included."""
        found = {self.root}
        for i in range(self.root, len(self.point) - 1, -1):
            if i in found:
                found.update(x for x in self.instructions[i - len(self.point)].operands if isinstance(x, int))
        return found

    def finished(self) -> RandomExpression:
        """Return the expression without anything the root does not depend on."""
        needed = self.needed()
        moved = {old: new for new, old in enumerate(sorted(needed))}
        instructions = [
            Instruction(step.op, tuple([moved[x] if isinstance(x, int) else x for x in step.operands]))
            for i, step in enumerate(self.instructions, start=len(self.point))
            if i in needed
        ]
        return RandomExpression(tuple(instructions), tuple([x for i, x in enumerate(self.point) if i in needed]))


def _is_kink(op: Primitive, numbers: Sequence[float]) -> bool:
    """Return whether the operation is continuous but has a kink at some operands inside its domain."""
    if not all(op.domain_of(i).contains(x) for i, x in enumerate(numbers)) or 0.0 not in op.gaps(*numbers):
        return False
    first, *rest = numbers
    step = 2.0**-20
    # Also with the others moved apart: where(0, 0, 0) has no jump, its neighbours have.
    for others in (rest, [x + MARGIN * k for k, x in enumerate(rest, start=1)]):
        below, here, above = (op.evaluate(first + move, *others)[0] for move in (-step, 0.0, step))
        if not (abs(here) <= LARGEST_RESULT and abs(above - here) <= KINK_MARGIN and abs(here - below) <= KINK_MARGIN):
            return False
    return True


Drawn: TypeAlias = "tuple[Primitive, Sequence[int], int]"
"""What chance decides about an instruction: the operation, a choice per operand, and one for its parameters."""


def _build(point: list[float], drawn: list[Drawn], sharing: bool, kinked: tuple[Primitive, ...]) -> RandomExpression:
    """Return the expression that the draws mean; one without instructions if none of them could be placed."""
    unplaced = RandomExpression((), tuple([real(x, "a leaf") for x in point]))
    builder = _Builder(unplaced.point, sharing)
    aimed: int | None = None  # the number that sits on a kink
    last = max((k for k, (op, _, _) in enumerate(drawn) if op in kinked), default=None)
    for k, (op, choices, knob) in enumerate(drawn):
        bound = _with_parameters(op, len(choices), knob)
        free = list(builder.free)
        operands = builder.operands(choices)
        if k == last and builder.aim(bound, operands):
            aimed = builder.root
        elif not builder.place(bound, operands):
            builder.free = free
    if kinked and aimed not in builder.needed():
        op = kinked[0]
        count = _fewest(op)
        rest: list[Operand] = [builder.root if sharing else CONSTANTS[0]] * (count - 1)
        if not builder.aim(_with_parameters(op, count, 0), [builder.root, *rest]):
            return unplaced
    return builder.finished()


def _fewest(op: Primitive) -> int:
    """Return the smallest number of operands with which an operation can have a kink."""
    return op.arity or max(op.at_least, 2)


def _with_parameters(op: Primitive, count: int, knob: int) -> Primitive:
    """Return a registered operation with parameters near their defaults; a bound one as it is."""
    if not op.params or op is not registry.get(op.name):
        return op
    factor = FACTORS[knob % len(FACTORS)]
    settings: dict[str, float] = {}
    for name, default in op.params.items():
        if op.per_operand and name == "index":
            settings[name] = knob % count
        elif default is None:
            settings[name] = EXPONENTS[knob % len(EXPONENTS)]
        else:
            settings[name] = default * factor if default else factor - 1.0
    return op.bind(**settings)


# ---------------------------------------------------------------- the strategies


def _hypothesis() -> Any:
    try:
        from hypothesis import strategies
    except ImportError:
        raise MissingPackageError("hypothesis", "drawing random expressions and numbers") from None
    return strategies


def expressions(
    ops: Iterable[Primitive | str] | None = None,
    *,
    leaves: tuple[int, int] = (1, 4),
    size: tuple[int, int] = (1, 12),
    sharing: bool = True,
    kinks: str = "away",
    numbers: SearchStrategy[float] | None = None,
) -> SearchStrategy[RandomExpression]:
    """Return a strategy of random expressions, each with a point at which it is finite and not steep.

    Every operand lies inside its operation's declared domain, by construction; instructions that make it so use
    ``add`` and ``mul`` with short constants, whatever ``ops`` are. Results that the root does not depend on, and
    leaves that nothing uses, are left out in the end.

    Args:
        ops: operations or their names; bound ones (``power.bind(n=2)``) keep their parameters. By default every
            registered operation, your own included, whose slopes are not always 0.
        leaves: the smallest and largest number of leaves drawn.
        size: the smallest and largest number of instructions drawn.
        sharing: whether a number may be used more than once; without, the graph is a tree.
        kinks: ``"away"`` keeps every operation off its kinks and jumps; ``"at"`` puts one operation exactly on a
            kink (not a jump), all others off theirs.
        numbers: strategy of the leaves' numbers, by default floats from -2 to 2.

    Raises:
        ParameterError: when an operation is unknown or a setting does not fit.
        MissingPackageError: when hypothesis is not installed.

    >>> from hypothesis import given, settings
    >>> from autograd_tiny.testing import check_gradients
    >>> @settings(max_examples=5)
    ... @given(expressions(ops=["add", "mul", "tanh"]))
    ... def test_my_gradients(f):
    ...     check_gradients(f, *f.point).assert_ok()
    >>> test_my_gradients()
    """
    st = _hypothesis()
    from hypothesis import reject

    chosen = _chosen(ops)
    fewest_leaves, most_leaves = _bounds(leaves, "leaves")
    shortest, longest = _bounds(size, "size")
    if kinks not in ("away", "at"):
        raise ParameterError(f'kinks is "away" or "at", got {kinks!r}')
    kinked = tuple([op for op in chosen if _can_be_aimed(op)]) if kinks == "at" else ()
    if kinks == "at" and not kinked:
        raise ParameterError(f'kinks="at" needs an operation with a kink, got {", ".join(op.name for op in chosen)}')
    numbers = st.floats(-2.0, 2.0, allow_subnormal=False) if numbers is None else numbers
    instruction = st.one_of([_instructions(st, op) for op in chosen])
    # Hypothesis draws mostly short lists; the later branches see to long ones, and shrink into the first.
    lengths = sorted({shortest, max(shortest, longest // 4), max(shortest, longest // 2)})
    programs = st.one_of([st.lists(instruction, min_size=least, max_size=longest) for least in lengths])
    points = st.lists(numbers, min_size=fewest_leaves, max_size=most_leaves)

    def random_expressions(draw: Callable[[Any], Any]) -> RandomExpression:
        expression = _build(draw(points), draw(programs), sharing, kinked)
        if not expression.instructions:  # rare: not one of them could be placed
            reject()
        return expression

    drawn: SearchStrategy[RandomExpression] = st.composite(random_expressions)()
    return drawn


SIMPLEST = ("add", "mul", "sub", "neg", "div")


def _chosen(ops: Iterable[Primitive | str] | None) -> list[Primitive]:
    """Return the operations, the simplest first, as shrinking goes to the front."""
    if isinstance(ops, str) or not (ops is None or isinstance(ops, Iterable)):
        raise ParameterError(f"ops is a list of operations or their names, got {_short(ops)}; put it in brackets")
    if ops is None:
        chosen = [op for op in registry.values() if not (op.constant_slopes and not any(op.constant_slopes))]
    else:
        chosen = list(dict.fromkeys(_registered(op) if isinstance(op, str) else op for op in ops))
    for op in chosen:
        if not isinstance(op, Primitive):
            raise ParameterError(f"ops holds operations or their names, got {_short(op)}")
    if not chosen:
        raise ParameterError("ops holds at least one operation, got none")
    return sorted(chosen, key=lambda op: SIMPLEST.index(op.name) if op.name in SIMPLEST else len(SIMPLEST))


def _registered(name: str) -> Primitive:
    op = registry.get(name)
    if op is None:
        hint = did_you_mean(name[:60], registry) or "registry lists the names"
        raise ParameterError(f"no operation is called {_short(name)}; {hint}")
    return op


def _bounds(pair: tuple[int, int], name: str) -> tuple[int, int]:
    try:
        low, high = pair
    except (TypeError, ValueError):
        raise ParameterError(f"{name} is the pair (smallest, largest), got {pair!r}") from None
    return whole(low, f"the smallest {name}"), whole(high, f"the largest {name}", least=low)


def _can_be_aimed(op: Primitive) -> bool:
    count = _fewest(op)
    operands: list[Operand] = list(range(count))
    point = tuple([1.0 + i for i in range(count)])
    return bool(op.kinks) and _Builder(point, sharing=True).aim(_with_parameters(op, count, 0), operands)


def _instructions(st: Any, op: Primitive) -> SearchStrategy[Drawn]:
    choice = st.integers(0, REACH + len(CONSTANTS) - 1)
    if op.pairs:
        pairs = st.lists(st.tuples(choice, choice), min_size=max(op.at_least, 1), max_size=3)
        choices = pairs.map(lambda pairs: [*[x for x, _ in pairs], *[w for _, w in pairs]])
    elif op.arity is None:
        choices = st.lists(choice, min_size=max(op.at_least, 1), max_size=max(op.at_least, 4))
    else:
        choices = st.tuples(*[choice] * op.arity)
    knob = st.integers(0, 11) if op.params and op is registry.get(op.name) else st.just(0)
    drawn: SearchStrategy[Drawn] = st.tuples(st.just(op), choices, knob)
    return drawn


def hostile_floats() -> SearchStrategy[float]:
    """Return a strategy of the floats that break things: nan, infinities, -0.0, subnormals, extremes, near-halves.

    Ordinary floats of every size are among them.

    >>> from hypothesis import find
    >>> find(hostile_floats(), lambda x: x != x)
    nan
    """
    st = _hypothesis()
    numbers: SearchStrategy[float] = st.one_of(st.sampled_from(HOSTILE), st.floats(-100.0, 100.0), st.floats())
    return numbers


_halves = (0.5, 1.5, 2.5)
_sizes = (5e-324, sys.float_info.min, 1e-200, sys.float_info.epsilon, 1e200, sys.float_info.max, math.inf)
_near = tuple(math.nextafter(x, to) for x in (sys.float_info.min, 1.0, *_halves) for to in (0.0, math.inf))
HOSTILE: tuple[float, ...] = (
    *(0.0, -0.0, 1.0, -1.0),
    *(sign * x for x in (*_halves, *_near, *_sizes, 2.0**51 + 0.5, 2.0**53) for sign in (1.0, -1.0)),
    math.nan,
)
"""Edges of the number line: signed zeros, the smallest and largest of each kind, halves and their neighbours."""
