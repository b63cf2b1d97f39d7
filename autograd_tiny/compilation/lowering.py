"""From operations to elementary instructions: the rules of ops.py are run once, on terms.

A :class:`Term` stands for a number that is known only later. Arithmetic on terms, and the elementary functions of the
namespace ``m``, write instructions; so the value and slope rules of every operation, also those that users register,
turn into code by being run. :func:`straighten` does this for a whole Program and its reverse pass.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from ..errors import RegistrationError
from ..primitive import ELEMENTARY, IEEEFloat, Namespace, Primitive, ieee_floats
from .program import Program

COMPARISONS = {"lt": operator.lt, "le": operator.le, "gt": operator.gt, "ge": operator.ge, "eq": operator.eq}
COMPARISONS |= {"ne": operator.ne}
LOGIC = {"and": operator.and_, "or": operator.or_}
ARITHMETIC: dict[str, Callable[..., Any]] = {"add": operator.add, "sub": operator.sub, "mul": operator.mul}
ARITHMETIC |= {"div": operator.truediv, "neg": operator.neg}
_WRITTEN_OUT = {"sum", "dot", "where", "max", "maximum", "min", "minimum"}
FUNCTIONS = tuple(name for name in ELEMENTARY if name not in _WRITTEN_OUT)
"""The elementary functions that an executor has to provide, beside arithmetic, comparisons and ``where``."""


LEAVES = ("parameter", "input", "seed", "operand", "result", "upstream", "setting", "slot")
"""Names of the steps that compute nothing; each has the number of what it stands for, such as parameter 0."""


class Step(NamedTuple):
    """One elementary instruction: the name and the positions of its operands, or the number of a leaf."""

    name: str
    operands: tuple[Any, ...]


class Term:
    """A number that is known only when the code runs."""

    __slots__ = ("code", "position")

    def __init__(self, code: Code, position: int) -> None:
        self.code, self.position = code, position

    def __bool__(self) -> bool:
        raise RegistrationError(
            "a rule may not branch on its operands, whose numbers are not known when it is compiled; "
            "use m.where(condition, a, b)"
        )

    def __float__(self) -> float:
        raise RegistrationError(
            "a rule may not ask for the numbers of its operands, which are not known when it is compiled; "
            "use the functions of m, such as m.exp, in the place of those of math"
        )

    __int__ = __index__ = __float__

    __hash__ = None  # type: ignore[assignment]  # == gives a Term


def _operator(name: str, reflected: bool = False) -> Callable[..., Term]:
    def method(self: Term, *other: Any) -> Term:
        operands = (*other, self) if reflected else (self, *other)
        return self.code.write(name, *operands)

    return method


for _name in ARITHMETIC:
    setattr(Term, f"__{'truediv' if _name == 'div' else _name}__", _operator(_name))
    setattr(Term, f"__r{'truediv' if _name == 'div' else _name}__", _operator(_name, reflected=True))
for _name in COMPARISONS:
    setattr(Term, f"__{_name}__", _operator(_name))
for _name in LOGIC:
    setattr(Term, f"__{_name}__", _operator(_name))
for _name, _reflected in (("__pow__", False), ("__rpow__", True)):
    setattr(Term, _name, _operator("pow", _reflected))


class Code:
    """Elementary instructions being written.

    Attributes:
        steps: the instructions so far; each is known by its position.
        m: the number namespace whose functions write them.
    """

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self._known: dict[Any, Term] = {}
        functions = {name: self._function(name) for name in FUNCTIONS}
        self.m = Namespace(**functions, where=self._where, sum=self._sum, dot=self._dot)

    def leaf(self, name: str, number: Any) -> Term:
        """Return the term of a leaf."""
        key = (name, number, str(number))  # 0.0 is not -0.0
        if key not in self._known:
            self._known[key] = self._append(name, (number,))
        return self._known[key]

    def term(self, number: Any) -> Term:
        """Return a number as a term."""
        return number if isinstance(number, Term) else self.leaf("constant", float(number))

    def constant_of(self, term: Term) -> float | None:
        """Return the number of a term that is a constant."""
        name, operands = self.steps[term.position]
        return operands[0] if name == "constant" else None

    def write(self, name: str, *operands: Any) -> Term:
        """Return the term of an elementary operation; constants are computed here, and nothing is written twice."""
        terms = [self.term(operand) for operand in operands]
        numbers = [self.constant_of(term) for term in terms]
        if None not in numbers:
            return self.leaf("constant", _computed(name, numbers))
        if name == "mul" and 1.0 in numbers:
            return terms[1 - numbers.index(1.0)]
        if name == "pow" and numbers[1] == 1.0:
            return terms[0]
        key = (name, *[term.position for term in terms])
        if key not in self._known:
            self._known[key] = self._append(name, key[1:])
        return self._known[key]

    def _append(self, name: str, operands: tuple[Any, ...]) -> Term:
        self.steps.append(Step(name, operands))
        return Term(self, len(self.steps) - 1)

    def _function(self, name: str) -> Callable[..., Term]:
        return lambda *operands: self.write(name, *operands)

    def _where(self, condition: Any, a: Any, b: Any) -> Any:
        if not isinstance(condition, Term):
            return a if condition else b
        name, operands = self.steps[condition.position]
        if name == "constant":
            return a if operands[0] else b
        if name == "ne" and self._is_flag(operands):  # where(c, 1, 0) != 0 is c
            condition = Term(self, self.steps[operands[0]].operands[0])
        return self.write("where", condition, a, b)

    def _is_flag(self, operands: tuple[int, ...]) -> bool:
        choice, zero = self.steps[operands[0]], self.steps[operands[1]]
        if choice.name != "where" or zero != Step("constant", (0.0,)):
            return False
        return [self.steps[i] for i in choice.operands[1:]] == [Step("constant", (1.0,)), Step("constant", (0.0,))]

    def _sum(self, terms: Iterable[Any]) -> Any:
        total: Any = 0.0
        for term in terms:
            total = total + term
        return total

    def _dot(self, xs: Iterable[Any], ws: Iterable[Any]) -> Any:
        return self._sum([x * w for x, w in zip(xs, ws, strict=True)])


class Rules(NamedTuple):
    """The rules of an operation as elementary instructions on ``operand k`` and ``result``.

    Attributes:
        steps: the instructions.
        forward: how many of them, the first ones, compute the value.
        value: the position of the value.
        slopes: the positions of the slopes.
    """

    steps: tuple[Step, ...]
    forward: int
    value: int
    slopes: tuple[int, ...]


def lowered(op: Primitive, operands: int) -> Rules:
    """Return the rules of an operation on so many operands.

    >>> from autograd_tiny.ops import tanh
    >>> [step.name for step in lowered(tanh, 1).steps]
    ['operand', 'tanh', 'result', 'constant', 'sub', 'add', 'mul']
    """
    code = Code()
    given = op.grouped(tuple([code.leaf("operand", k) for k in range(operands)]))
    value = code.term(op.value(code.m, *given))
    forward = len(code.steps)
    slopes = [code.term(slope) for slope in op.slopes(code.m, code.leaf("result", 0), *given)]
    return Rules(tuple(code.steps), forward, value.position, tuple([slope.position for slope in slopes]))


def _computed(name: str, numbers: Sequence[Any]) -> float:
    operation = ARITHMETIC.get(name) or COMPARISONS.get(name) or LOGIC.get(name)
    if operation is None:
        operation = getattr(ieee_floats, name)
    if name in LOGIC:
        return float(operation(bool(numbers[0]), bool(numbers[1])))
    return float(operation(*map(IEEEFloat, numbers)))


@dataclass(frozen=True)
class StraightLine:
    """A Program, and on request its reverse pass, as elementary instructions without a loop or a jump.

    Attributes:
        steps: the instructions.
        outputs: positions of the results.
        values: position of the number of each instruction.
        gradients: slot of a wanted leaf -> position of its gradient; leaves that nothing depends on are not there.
        forward: how many of the steps are the forward pass.
        marks: (position, slot): at which step the code of each instruction begins, forward and then backward.
        adjoints: position -> the slot whose gradient is complete there; a position may be that of several slots.
    """

    steps: tuple[Step, ...]
    outputs: tuple[int, ...]
    values: tuple[int, ...]
    gradients: dict[int, int]
    forward: int
    marks: tuple[tuple[int, int], ...]
    adjoints: dict[int, int]


def straighten(program: Program, gradients: bool = True) -> StraightLine:
    """Return a Program as straight-line code, by running the rules of its operations on terms.

    Args:
        program: the program.
        gradients: whether to add the reverse pass: seed k times d output k / d leaf, summed over the outputs.

    >>> from autograd_tiny import Value
    >>> w, x = Value(2.0), Value(3.0)
    >>> [step.name for step in straighten(Program.of([w * x], [w], [x])).steps]
    ['parameter', 'input', 'mul', 'seed', 'mul']
    """
    code = Code()
    terms: list[Any] = [code.leaf("parameter", k) for k in range(program.parameters)]
    terms += [code.leaf("input", k) for k in range(program.inputs)]
    terms += [code.leaf("constant", number) for number in program.constants]
    marks: list[tuple[int, int]] = []
    for op, operands, same_as in program.instructions:
        marks.append((len(code.steps), len(terms)))
        grouped = op.grouped(tuple([terms[slot] for slot in operands]))
        terms.append(terms[same_as] if same_as is not None else code.term(op.value(code.m, *grouped)))
    forward = len(code.steps)
    adjoints = _reverse(program, code, terms, marks) if gradients else {}
    return StraightLine(
        steps=tuple(code.steps),
        outputs=tuple([terms[slot].position for slot in program.outputs]),
        values=tuple([term.position for term in terms[program.first_instruction :]]),
        gradients={slot: adjoints[slot].position for slot in range(program.wanted) if slot in adjoints},
        forward=forward,
        marks=tuple(marks),
        adjoints={adjoint.position: slot for slot, adjoint in reversed(adjoints.items())},
    )


def _reverse(program: Program, code: Code, terms: Sequence[Any], marks: list[tuple[int, int]]) -> dict[int, Any]:
    """Write the chain rule: every node, from the last to the first, hands slope * upstream to its operands."""
    needs = program.needs_gradient()
    adjoints: dict[int, Any] = {}

    def add(slot: int, contribution: Any) -> None:
        adjoints[slot] = adjoints[slot] + contribution if slot in adjoints else code.term(contribution)

    for k, slot in enumerate(program.outputs):
        if needs[slot]:
            add(slot, code.leaf("seed", k))
    for slot in range(program.slots - 1, program.first_instruction - 1, -1):
        upstream = adjoints.get(slot)
        if upstream is None:
            continue
        marks.append((len(code.steps), slot))
        op, operands, _ = program.instructions[slot - program.first_instruction]
        slopes = op.slopes(code.m, terms[slot], *op.grouped(tuple([terms[i] for i in operands])))
        for operand, slope in zip(operands, slopes, strict=True):
            if needs[operand]:
                add(operand, slope * upstream)
    return adjoints
