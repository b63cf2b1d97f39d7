"""Programs of any size as a tape: records of five integers that one compiled loop walks through.

A record names a case of the kernel and the slots it works on. Operations of a few operands have a case for their value
and one for their share of the reverse pass; ``dot``, ``sum``, ``max`` and ``min`` are loops over operands, which lie
side by side in memory where that is possible. All other operations are lowered to elementary records first.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

from ..primitive import Namespace, Primitive, registry
from .lowering import ARITHMETIC, COMPARISONS, FUNCTIONS, LOGIC, Code, Term
from .program import Program

RECORD = 5  # integers: the case, the slot it is about, and three operands
SIDES = ("side by side", "listed")
"""How the operands of a loop lie in memory."""
REDUCTIONS = ("sum", "max", "min")
LOOPS = (
    *[f"dot {xs} {ws}" for xs in SIDES for ws in SIDES],
    *[f"axpy {to} {by}" for to in SIDES for by in SIDES],
    *[f"{name} {xs}" for name in (*REDUCTIONS, "spread") for xs in SIDES],
)
"""Cases with a loop. axpy adds upstream * number to adjoints, spread adds the upstream itself."""
GRIDS = ("grid", "grid'")
"""All dots of some lists with some others, such as a matrix with several vectors; and all axpys to some lists."""
CHAIN, PASS = "chain", "pass"
"""Cases of the chain rule for lowered operations: add slope * upstream, or the upstream where the slope is 1."""
ELEMENTARY_CASES = (*ARITHMETIC, *COMPARISONS, *LOGIC, "where", *FUNCTIONS)
WIDE = 8  # slots side by side that a loop of the kernel takes at a time
MOST_VECTORS = 64  # in a grid
OFTEN_ALONE = ("identity", "neg", "abs", "exp", "log", "sqrt", "floor", "tanh", "sigmoid", "relu", "gelu", "silu")
OFTEN_IN_PAIRS = ("add", "sub", "mul", "div", "equal", "maximum", "minimum")
"""Operations of one and of two operands that networks apply to many numbers side by side."""
ALONG, SAME = "+", "0"
"""How an operand of a run goes on: to the next slot, or not at all."""


@cache
def whole_operations() -> dict[str, Primitive]:
    """Return the built-in operations that have cases of their own: those of few operands, without parameters."""
    return {name: op for name, op in registry.items() if op.is_built_in and op.arity is not None and not op.params}


@cache
def runs() -> tuple[str, ...]:
    """Return the cases for elementwise operations on slots side by side: the name and how each operand goes on."""
    found = [f"{name} {ALONG}" for name in OFTEN_ALONE]
    found += [f"{name} {how}" for name in OFTEN_IN_PAIRS for how in (ALONG + ALONG, ALONG + SAME, SAME + ALONG)]
    found += [f"{name}' {ALONG}" for name in OFTEN_ALONE] + [f"{name}' {ALONG}{ALONG}" for name in OFTEN_IN_PAIRS]
    return (*found, f"{CHAIN} {ALONG}{ALONG}", f"{PASS} {ALONG}")


@cache
def cases() -> dict[str, int]:
    """Return case -> its number."""
    whole = whole_operations()
    values = dict.fromkeys([*ELEMENTARY_CASES, *whole])
    names = [*values, *[f"{name}'" for name in whole], *LOOPS, CHAIN, PASS, *GRIDS, *runs()]
    return {name: number for number, name in enumerate(names)}


class Record(NamedTuple):
    """One record before its operands have places in memory.

    Attributes:
        case: the case without how its operands lie in memory.
        slot: what it computes; in the reverse pass, whose upstream gradient it hands on.
        operands: the slots of its operands; those of a chain are (target, slope).
        lists: of a loop: the slots of each list.
    """

    case: str
    slot: int
    operands: tuple[int, ...] = ()
    lists: tuple[tuple[int, ...], ...] = ()


class Recorder:
    """Writes the records of a Program.

    Attributes:
        forward, backward: the records so far.
        slots: how many numbers there are: those of the program, and scratch.
        constants: slot -> number.
    """

    def __init__(self, program: Program, gradients: bool, fast: bool) -> None:
        self.program = program
        self.slots = program.slots
        self.constants = dict(enumerate(program.constants, program.first_constant))
        self.records: list[Record] = []
        for slot, (op, operands, same_as) in enumerate(program.instructions, program.first_instruction):
            if same_as is not None:
                self.records.append(Record("identity", slot, (same_as,)))
            else:
                self._value(op, slot, operands)
        self.forward, self.records = self.records, []
        if gradients:
            needs = program.needs_gradient(through_steps=not fast)
            slot = program.slots
            for op, operands, _ in reversed(program.instructions):
                slot -= 1
                if needs[slot]:
                    self._gradient(op, slot, operands, [needs[operand] for operand in operands])
        self.backward = self.records

    def _value(self, op: Primitive, slot: int, operands: tuple[int, ...]) -> None:
        if whole_operations().get(op.name) is op:
            self.records.append(Record(op.name, slot, operands))
        elif op is registry["dot"]:
            half = len(operands) // 2
            self.records.append(Record("dot", slot, lists=(operands[:half], operands[half:])))
        elif op.name in REDUCTIONS and op is registry[op.name]:
            self.records.append(Record(op.name, slot, lists=(operands,)))
        else:
            code = _Records(self)
            value = op.value(code.m, *op.grouped(tuple([code.at(operand) for operand in operands])))
            self.records.append(Record("identity", slot, (code.slot(code.term(value)),)))

    def _gradient(self, op: Primitive, slot: int, operands: tuple[int, ...], needed: list[bool]) -> None:
        if whole_operations().get(op.name) is op:
            self.records.append(Record(f"{op.name}'", slot, operands))
        elif op is registry["dot"]:
            half = len(operands) // 2
            left, right = operands[:half], operands[half:]
            for to, by, wanted in ((left, right, needed[:half]), (right, left, needed[half:])):
                pairs = [pair for pair, want in zip(zip(to, by, strict=True), wanted, strict=True) if want]
                if pairs:
                    self.records.append(Record("axpy", slot, lists=tuple(zip(*pairs, strict=True))))
        elif op is registry["sum"]:
            targets = tuple([operand for operand, want in zip(operands, needed, strict=True) if want])
            self.records.append(Record("spread", slot, lists=(targets,)))
        else:
            code = _Records(self)
            slopes = op.slopes(code.m, code.at(slot), *op.grouped(tuple([code.at(x) for x in operands])))
            for operand, slope, want in zip(operands, slopes, needed, strict=True):
                if want and not isinstance(slope, Term) and slope == 1.0:
                    self.records.append(Record(PASS, slot, (operand,)))
                elif want:
                    self.records.append(Record(CHAIN, slot, (operand, code.slot(code.term(slope)))))

    def scratch(self) -> int:
        """Return a new slot."""
        self.slots += 1
        return self.slots - 1


class _Records(Code):
    """Elementary instructions that become records at once; whole operations are not taken apart."""

    def __init__(self, recorder: Recorder) -> None:
        super().__init__()
        self.recorder = recorder
        self.places: dict[int, int] = {}
        given = vars(self.m)
        whole = {name: self._function(name) for name in whole_operations() if name not in given}
        loops = {name: self._reduction(name) for name in REDUCTIONS}
        self.m = Namespace(**given | whole | loops)

    def at(self, slot: int) -> Term:
        """Return the number of a slot as a term."""
        term = self.leaf("slot", slot)
        self.places[term.position] = slot
        return term

    def slot(self, term: Term) -> int:
        """Return where the number of a term is."""
        place = self.places.get(term.position)
        if place is None:  # a constant that is used now
            place = self.places[term.position] = self.recorder.scratch()
            number = self.constant_of(term)
            self.recorder.constants[place] = 0.0 if number is None else number
        return place

    def _append(self, name: str, operands: tuple[Any, ...]) -> Term:
        term = super()._append(name, operands)
        if name not in ("slot", "constant"):
            slots = tuple([self.slot(Term(self, i)) for i in operands])
            place = self.places[term.position] = self.recorder.scratch()
            loop = name in REDUCTIONS
            self.recorder.records.append(Record(name, place, () if loop else slots, (slots,) if loop else ()))
        return term

    def _reduction(self, name: str) -> Any:
        def reduction(*terms: Any) -> Term:
            (xs,) = terms if len(terms) == 1 else (terms,)
            return self._append(name, tuple([self.term(x).position for x in xs]))

        return reduction
