"""A Program in machine code: its blocks, its memory, and the loop over a batch."""

from __future__ import annotations

import ctypes
import hashlib
from dataclasses import dataclass, replace
from enum import IntEnum
from functools import cache
from typing import Any

import numpy as np

from . import driver, native
from .driver import Batch, Tape
from .encoding import record_tape
from .executors import FEW_EXAMPLES
from .lowering import straighten
from .program import Instruction, Program
from .tape import RECORD, cases
from .updates import Rule

LONGEST_STRAIGHT_LINE = 2500  # operations and operands: beyond it LLVM takes over half a second
ALIGNMENT = 64  # bytes: a cache line, and the widest register


def aligned(*shape: int) -> Any:
    """Return an array of zeros that begins at a cache line."""
    count = 1
    for size in shape:
        count *= size
    memory = np.zeros(count + ALIGNMENT // 8)
    start = -(memory.ctypes.data // 8) % (ALIGNMENT // 8)
    return memory[start : start + count].reshape(shape)


def context(entries: type[IntEnum]) -> Any:
    """Return an empty context for native loops."""
    return (ctypes.c_int64 * len(entries))()


def size_of(program: Program) -> int:
    """Return roughly how long a program is as straight-line code."""
    return sum([1 + len(instruction.operands) for instruction in program.instructions])


def split(program: Program) -> tuple[Program | None, Program]:
    """Return (what depends on parameters only, the rest), so that the first is computed once a batch.

    The first program's outputs are further parameters of the second one; it is None when there is nothing to share.
    """
    if not program.inputs:
        return None, program
    alike = [slot < program.parameters for slot in range(program.first_constant)] + [True] * len(program.constants)
    for instruction in program.instructions:
        alike.append(all(alike[operand] for operand in instruction.operands))
    first = program.first_instruction
    border = {
        operand
        for slot, instruction in enumerate(program.instructions, first)
        if not alike[slot]
        for operand in instruction.operands
        if operand >= first and alike[operand]
    }
    border.update(slot for slot in program.outputs if slot >= first and alike[slot])
    if not border:
        return None, program
    shared = _part(program, [alike[slot] for slot in range(program.slots)], (), sorted(border))
    rest = _part(program, [not same for same in alike], sorted(border), program.outputs)
    return shared, rest


def _part(program: Program, kept: list[bool], given: Any, outputs: Any) -> Program:
    """Return the instructions that are kept; those given become parameters after the others."""
    inputs = program.inputs if given else 0
    place = {slot: slot for slot in range(program.parameters)}
    place |= {slot: program.parameters + k for k, slot in enumerate(given)}
    parameters = program.parameters + len(given)
    place |= {program.parameters + k: parameters + k for k in range(inputs)}
    constants = range(program.first_constant, program.first_instruction)
    place |= {slot: parameters + inputs + k for k, slot in enumerate(constants)}
    instructions: list[Instruction] = []
    for slot, (op, operands, same_as) in enumerate(program.instructions, program.first_instruction):
        if kept[slot]:
            place[slot] = parameters + inputs + len(constants) + len(instructions)
            same = place.get(same_as) if same_as is not None else None
            instructions.append(Instruction(op, tuple([place[operand] for operand in operands]), same))
    return replace(
        program,
        parameters=parameters,
        inputs=inputs,
        instructions=tuple(instructions),
        outputs=tuple([place[slot] for slot in outputs]),
        wanted=parameters if given else program.wanted,
        example=(),
        labels={},
        scopes={},
    )


@dataclass(frozen=True)
class Settings:
    """How code is made.

    Attributes:
        lanes: how many examples at a time.
        fast: whether products and sums may be contracted and sums reordered.
        straight: straight-line code instead of the tape; None decides by the size of the program.
    """

    lanes: int
    fast: bool = False
    straight: bool | None = None


class NativeBatch:
    """A Program compiled for batches, with the memory it works in.

    Args:
        program: the program; all its parameters are shared by the examples.
        gradients: whether the gradients are computed too.
        settings: how code is made.
        shared: the parameters' numbers, an array that others may change between batches.

    Attributes:
        totals: the gradients of the first parameters, summed over the examples of the latest batch.
        results: one row of outputs for each example of the latest batch.
        seeds: the upstream gradient of each output, the same in all lanes.
    """

    def __init__(self, program: Program, gradients: bool, settings: Settings, shared: Any) -> None:
        self.program, self.settings, self.shared = program, settings, shared
        lanes = settings.lanes
        straight = settings.straight if settings.straight is not None else size_of(program) <= LONGEST_STRAIGHT_LINE
        wanted = program.wanted if gradients else 0
        self.totals, self.seeds = aligned(wanted), aligned(len(program.outputs), lanes)
        self.outputs = aligned(len(program.outputs), lanes)
        self.results = aligned(0, len(program.outputs))
        self.context = context(Batch)
        self._kept: list[Any] = []  # whose addresses are in contexts
        if straight:
            self.inputs, self.gradients = aligned(program.inputs, lanes), aligned(wanted, lanes)
            block = straight_block(program, gradients, settings)
        else:
            block = self._prepare_tape(gradients, wanted)
        self._kept.append(block)
        self._loop = batch_loop(lanes)
        self.address = self._loop.address
        self._set(
            BLOCK=block.address,
            WIDTH=program.inputs,
            SHARED=shared.ctypes.data,
            SHARED_COUNT=program.parameters,
            INPUTS=self.inputs.ctypes.data,
            SEEDS=self.seeds.ctypes.data,
            OUTPUTS=self.outputs.ctypes.data,
            OUTPUT_COUNT=len(program.outputs),
            GRADIENTS=self.gradients.ctypes.data,
            TOTALS=self.totals.ctypes.data,
            GRADIENT_COUNT=wanted,
        )

    def _set(self, **entries: int) -> None:
        for name, number in entries.items():
            self.context[Batch[name]] = number

    def _prepare_tape(self, gradients: bool, wanted: int) -> Any:
        program, lanes = self.program, self.settings.lanes
        tape = record_tape(program, gradients, lanes, self.settings.fast)
        forward, backward, lists, slots = (
            np.array(integers or [0], np.int32) for integers in (tape.forward, tape.backward, tape.lists, tape.outputs)
        )
        numbers, adjoints = aligned(tape.slots, lanes), aligned(tape.slots, lanes)
        for slot, number in tape.constants.items():
            numbers[slot] = number
        self.inputs, self.gradients = numbers[program.parameters : program.first_constant], adjoints[:wanted]
        self._kept += [forward, backward, lists, slots, numbers, adjoints]
        entries = {
            "KERNEL": kernel(lanes, self.settings.fast).address,
            "FORWARD": forward.ctypes.data,
            "FORWARD_COUNT": len(tape.forward) // RECORD,
            "BACKWARD": backward.ctypes.data,
            "BACKWARD_COUNT": len(tape.backward) // RECORD,
            "NUMBERS": numbers.ctypes.data,
            "ADJOINTS": adjoints.ctypes.data,
            "ADJOINT_COUNT": tape.adjoints if gradients else 0,
            "KEPT_COUNT": wanted,
            "LISTS": lists.ctypes.data,
            "OUTPUT_SLOTS": slots.ctypes.data,
            "OUTPUT_COUNT": len(tape.outputs),
        }
        tape_context = context(Tape)
        for name, number in entries.items():
            tape_context[Tape[name]] = number
        self._kept.append(tape_context)
        self._set(TAPE=ctypes.addressof(tape_context), EVERYWHERE=numbers.ctypes.data)
        return tape_block(lanes)

    def bind(self, data: Any, order: Any) -> None:
        """Set the examples: an array with a row of inputs for each, and the positions, 32-bit integers, to take."""
        if len(self.results) < len(order):
            self.results = aligned(len(order), len(self.program.outputs))
        self._data, self._order = data, order
        self._set(
            DATA=data.ctypes.data,
            ORDER=order.ctypes.data,
            COUNT=len(order),
            RESULTS=self.results.ctypes.data,
        )

    def write_results_to(self, numbers: Any) -> None:
        """Write the outputs of a batch of one example there."""
        self._results = numbers
        self._set(RESULTS=numbers.ctypes.data)

    def take_seeds_from(self, numbers: Any) -> None:
        """Read the upstream gradients there, where there is one lane."""
        self.seeds = numbers
        self._set(SEEDS=numbers.ctypes.data)

    def run(self) -> None:
        """Compute the results and the gradients of all examples."""
        self._loop(self.context)


def shared_size(program: Program) -> int:
    """Return how many numbers all examples of a program share: its parameters, and what is computed from them alone."""
    return split(program)[1].parameters


class Compiled:
    """A Program compiled for batches, what depends on parameters only apart from the rest.

    Args:
        program: the program.
        gradients: whether the gradients are computed too.
        examples: about how many examples a batch has.
        straight: straight-line code instead of the tape; None decides by the size of the program.
        fast: whether products and sums may be contracted and sums reordered.
        shared: the memory for the parameters and what is computed from them, :func:`shared_size` numbers.

    Attributes:
        shared: the numbers of the parameters, followed by those computed from them.
        examples: the batch.
        before, after: what all examples share, computed before them, and its reverse pass after them.
    """

    def __init__(
        self,
        program: Program,
        gradients: bool,
        examples: int,
        straight: bool | None = None,
        fast: bool = False,
        shared: Any = None,
    ) -> None:
        self.program = program
        lanes = native.lanes() if examples >= FEW_EXAMPLES else 1
        common, rest = split(program)
        self.shared = aligned(rest.parameters) if shared is None else shared
        self.examples = NativeBatch(rest, gradients, Settings(lanes, fast, straight), self.shared)
        self.before = self.after = None
        if common is not None:
            alone = Settings(1, fast, straight=False)  # runs once a batch: not worth compiling
            nothing: Any = np.zeros((1, 1)), np.zeros(1, np.int32)
            self.before = NativeBatch(common, False, alone, self.shared)
            self.before.bind(*nothing)
            self.before.write_results_to(self.shared[program.parameters :])
            if gradients:
                self.after = NativeBatch(common, True, alone, self.shared)
                self.after.bind(*nothing)
                self.after.take_seeds_from(self.examples.totals[program.parameters :])

    def run(self, shared: Any, rows: Any, order: Any, seeds: Any) -> tuple[Any, Any]:
        """Return (outputs of each example, gradients summed over the examples), copies that the next run leaves alone.

        Args:
            shared: the numbers of the parameters.
            rows: the inputs, a row for each example.
            order: which rows to take.
            seeds: the upstream gradient of each output.
        """
        self.shared[: self.program.parameters] = shared
        self.examples.bind(rows, order)
        self.examples.seeds[:] = np.reshape(seeds, (-1, 1))
        totals = self.run_again()
        return self.examples.results[: len(order)].copy(), totals

    def run_again(self) -> Any:
        """Compute everything again for what memory holds now, and return the gradients."""
        if self.before is not None:
            self.before.run()
        self.examples.run()
        totals = self.examples.totals[: self.program.wanted].copy()
        if self.after is not None:
            self.after.run()
            totals += self.after.totals
        return totals


# ---------------------------------------------------------------- functions, each compiled or loaded once


@cache
def kernel(lanes: int, fast: bool) -> Any:
    """Return the tape kernel."""

    def build() -> Any:
        from .kernel import kernel

        return kernel(lanes, fast)

    return native.function(f"kernel {lanes} {fast} {sorted(cases())}", f"walk_{lanes}", build, 5)


@cache
def batch_loop(lanes: int) -> Any:
    """Return the loop over the examples of a batch."""
    return native.function(f"batch {lanes}", "batch", lambda: driver.batch_module(lanes))


@cache
def training_loop(lanes: int) -> Any:
    """Return the loop over the steps of a training."""
    return native.function(f"training {lanes}", "train", lambda: driver.training_module(lanes))


@cache
def update(name: str, rule: Rule, settings: int) -> Any:
    """Return an optimiser's step for all parameters."""
    lanes = native.lanes()
    return native.function(f"update {name} {lanes}", "update", lambda: driver.update_module(rule, settings, lanes), 8)


@cache
def tape_block(lanes: int) -> Any:
    """Return the block that walks a tape."""
    return native.function(f"tape block {lanes}", "tape_block", lambda: driver.tape_module(lanes), 7)


def straight_block(program: Program, gradients: bool, settings: Settings) -> Any:
    """Return a program as straight-line code."""

    def build() -> Any:
        from .straight_line import block

        return block(straighten(program, gradients), settings.lanes, settings.fast)

    key = f"block {gradients} {settings.lanes} {settings.fast} {_key(program, gradients)}"
    return native.function(key, "block", build, 7)


def _key(program: Program, gradients: bool) -> str:
    """Return a text that two programs share only if they are the same code."""
    if not all(instruction.op.is_built_in for instruction in program.instructions):
        return repr(straighten(program, gradients).steps)  # the rules of users' operations may change
    written = [(op.name, tuple(op.params.values()), operands, same) for op, operands, same in program.instructions]
    shape = (program.parameters, program.inputs, program.wanted, program.outputs)
    return hashlib.sha256(repr((shape, program.constants, written)).encode()).hexdigest()
