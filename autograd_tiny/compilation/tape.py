"""Programs of any size as a tape: records of five integers that one compiled loop walks through.

A record names a case of the kernel and the slots it works on. Operations of a fixed number of operands have a case for
their value and one for their share of the reverse pass; ``dot`` and ``sum`` have loops over their operands, which lie
side by side in memory where that is possible. All other operations are lowered to elementary records first.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from ..primitive import Primitive, registry
from .lowering import ARITHMETIC, COMPARISONS, FUNCTIONS, LOGIC, Code, Term
from .program import Program

RECORD = 5  # integers: the case, the slot it is about, and three operands
LOOPS = (
    *[f"dot {xs} {ws}" for xs in ("side by side", "listed") for ws in ("side by side", "listed")],
    *[f"axpy {to} {by}" for to in ("side by side", "listed") for by in ("side by side", "listed")],
    *[f"{name} {xs}" for name in ("sum", "spread") for xs in ("side by side", "listed")],
)
"""Cases with a loop. axpy adds upstream * number to adjoints, spread adds the upstream itself."""
CHAIN, PASS = "chain", "pass"
"""Cases of the chain rule for lowered operations: add slope * upstream, or the upstream where the slope is 1."""
ELEMENTARY_CASES = (*ARITHMETIC, *COMPARISONS, *LOGIC, "where", *FUNCTIONS)


@cache
def whole_operations() -> dict[str, Primitive]:
    """Return the built-in operations that have cases of their own: those of few operands, without parameters."""
    return {name: op for name, op in registry.items() if _is_whole(op)}


def _is_whole(op: Primitive) -> bool:
    return op.__module__.endswith(".ops") and op.arity is not None and not op.params


@cache
def cases() -> dict[str, int]:
    """Return case -> its number."""
    whole = whole_operations()
    values = dict.fromkeys([*ELEMENTARY_CASES, *whole])
    names = [*values, *[f"{name}'" for name in whole], *LOOPS, CHAIN, PASS]
    return {name: number for number, name in enumerate(names)}


@dataclass(frozen=True)
class Tape:
    """A Program for the kernel.

    Attributes:
        forward, backward: the records, flat; the second is empty unless gradients were asked for.
        lists: slots that do not lie side by side, which records refer to by position.
        slots: how many numbers there are; those from ``adjoints`` on have no gradient.
        adjoints: how many gradients there are.
        constants: slot -> number, to be set once.
        outputs: the slots of the results.
    """

    forward: list[int]
    backward: list[int]
    lists: list[int]
    slots: int
    adjoints: int
    constants: dict[int, float]
    outputs: list[int]


def record_tape(program: Program, gradients: bool = True) -> Tape:
    """Return a Program, and on request its reverse pass, as a tape."""
    return _Recorder(program).tape(gradients)


class _Recorder:
    def __init__(self, program: Program) -> None:
        self.program, self.numbers = program, cases()
        self.place = places(program)
        self.records: list[int] = []
        self.lists: list[int] = []
        self.known_lists: dict[tuple[int, ...], int] = {}
        self.slots = program.slots
        self.constants = dict(enumerate(program.constants, program.first_constant))

    def tape(self, gradients: bool) -> Tape:
        for slot, (op, operands, same_as) in enumerate(self.program.instructions, self.program.first_instruction):
            to = self.place[slot]
            if same_as is not None:
                self.write("identity", to, self.place[same_as])
            else:
                self.value(op, to, [self.place[operand] for operand in operands])
        forward, self.records = self.records, []
        if gradients:
            needs = self.program.needs_gradient()
            slot = self.program.slots
            for op, operands, _ in reversed(self.program.instructions):
                slot -= 1
                if needs[slot]:
                    places = [self.place[operand] for operand in operands]
                    self.gradient(op, self.place[slot], places, [needs[operand] for operand in operands])
        return Tape(
            forward=forward,
            backward=self.records,
            lists=self.lists,
            slots=self.slots,
            adjoints=self.program.slots,
            constants=self.constants,
            outputs=[self.place[slot] for slot in self.program.outputs],
        )

    def write(self, case: str, *integers: int) -> None:
        self.records += [self.numbers[case], *integers, *[0] * (RECORD - 1 - len(integers))]

    def value(self, op: Primitive, to: int, operands: list[int]) -> None:
        if op.name in whole_operations() and whole_operations()[op.name] is op:
            self.write(op.name, to, *operands)
        elif op is registry["dot"]:
            half = len(operands) // 2
            (xs, x), (ws, w) = self.loop_operand(operands[:half]), self.loop_operand(operands[half:])
            self.write(f"dot {xs} {ws}", to, x, w, half)
        elif op is registry["sum"]:
            xs, x = self.loop_operand(operands)
            self.write(f"sum {xs}", to, x, 0, len(operands))
        else:
            code = _Records(self, to)
            code.finish(op.value(code.m, *op.grouped(tuple([code.at(slot) for slot in operands]))))

    def gradient(self, op: Primitive, slot: int, operands: list[int], needed: list[bool]) -> None:
        if op.name in whole_operations() and whole_operations()[op.name] is op:
            self.write(f"{op.name}'", slot, *operands)
        elif op is registry["dot"]:
            half = len(operands) // 2
            left, right = operands[:half], operands[half:]
            for to, by, wanted in ((left, right, needed[:half]), (right, left, needed[half:])):
                self.axpy(slot, to, by, wanted)
        elif op is registry["sum"]:
            targets, target = self.loop_operand([x for x, wanted in zip(operands, needed, strict=True) if wanted])
            self.write(f"spread {targets}", slot, target, 0, sum(needed))
        else:
            code = _Records(self, slot)
            slopes = op.slopes(code.m, code.at(slot), *op.grouped(tuple([code.at(x) for x in operands])))
            for operand, slope, wanted in zip(operands, slopes, needed, strict=True):
                if wanted and isinstance(slope, Term):
                    self.write(CHAIN, slot, operand, code.slot(slope))
                elif wanted and slope == 1.0:
                    self.write(PASS, slot, operand)
                elif wanted:
                    self.write(CHAIN, slot, operand, code.slot(code.term(slope)))

    def axpy(self, slot: int, to: list[int], by: list[int], wanted: list[bool]) -> None:
        if not all(wanted):
            pairs = [(a, b) for a, b, want in zip(to, by, wanted, strict=True) if want]
            to, by = [a for a, _ in pairs], [b for _, b in pairs]
        if to:
            (targets, target), (factors, factor) = self.loop_operand(to), self.loop_operand(by)
            self.write(f"axpy {targets} {factors}", slot, target, factor, len(to))

    def loop_operand(self, slots: list[int]) -> tuple[str, int]:
        """Return how the operands of a loop lie in memory, and the first slot or the place of their list."""
        if not slots or slots == list(range(slots[0], slots[0] + len(slots))):
            return "side by side", slots[0] if slots else 0
        key = tuple(slots)
        if key not in self.known_lists:
            self.known_lists[key] = len(self.lists)
            self.lists += slots
        return "listed", self.known_lists[key]

    def scratch(self) -> int:
        """Return a new slot."""
        self.slots += 1
        return self.slots - 1

    def constant(self, number: float) -> int:
        slot = self.scratch()
        self.constants[slot] = number
        return slot


class _Records(Code):
    """Elementary instructions that become records at once.

    Args:
        recorder: takes the records.
        result: the slot of the operation.
    """

    def __init__(self, recorder: _Recorder, result: int) -> None:
        super().__init__()
        self.recorder, self.result = recorder, result
        self.places: dict[int, int] = {}

    def at(self, slot: int) -> Term:
        """Return the number of a slot as a term."""
        term = self.leaf("slot", slot)
        self.places[term.position] = slot
        return term

    def slot(self, term: Term) -> int:
        """Return where the number of a term is."""
        place = self.places.get(term.position)
        if place is None:  # a constant that is used now
            number = self.constant_of(term)
            place = self.places[term.position] = self.recorder.constant(0.0 if number is None else number)
        return place

    def _append(self, name: str, operands: tuple[Any, ...]) -> Term:
        term = super()._append(name, operands)
        if name not in ("slot", "constant"):
            places = [self.slot(Term(self, i)) for i in operands]
            self.places[term.position] = self.recorder.scratch()
            self.recorder.write(name, self.places[term.position], *places)
        return term

    def finish(self, value: Any) -> None:
        """Put the outcome into the slot of the operation."""
        self.recorder.write("identity", self.result, self.slot(self.term(value)))


def places(program: Program) -> list[int]:
    """Return slot -> place in memory: the results that a loop reads together lie side by side where that is possible.

    Leaves keep their places. Long lists choose first, so that lists that are parts of them fit too.
    """
    first = program.first_instruction
    groups: dict[tuple[int, ...], None] = {}
    for op, operands, _ in program.instructions:
        if op.pairs:
            groups[operands[: len(operands) // 2]] = groups[operands[len(operands) // 2 :]] = None
        elif op.arity is None:
            groups[operands] = None
    place: dict[int, int] = {}
    for group in sorted(groups, key=len, reverse=True):
        if all([slot >= first and slot not in place for slot in group]) and len(set(group)) == len(group):
            place.update(zip(group, range(first + len(place), first + len(place) + len(group)), strict=True))
    places = list(range(first))
    free = first + len(place)
    for slot in range(first, program.slots):
        at = place.get(slot)
        if at is None:
            at, free = free, free + 1
        places.append(at)
    return places

