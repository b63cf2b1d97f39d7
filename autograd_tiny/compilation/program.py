"""Program: a recorded graph as flat instructions, ready to be run again on other numbers."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import GraphError, ShapeError, StateError
from ..files import write_atomically
from ..primitive import Primitive, real
from ..value import Value, lift, record_operation, topological_order

FORMAT, VERSION = "autograd_tiny program", 1
MOST_BYTES = 1 << 30


class Instruction(NamedTuple):
    """One operation of a Program; it writes the slot of its own position.

    Attributes:
        op: the operation.
        operands: the slots it reads, all of them earlier ones.
        same_as: an earlier slot known to hold the same number, which then need not be computed again; the gradient
            still flows through the instruction itself, so that it is added up as it was recorded.
    """

    op: Primitive
    operands: tuple[int, ...]
    same_as: int | None = None


@dataclass(frozen=True)
class Program:
    """Flat instructions in topological order, each writing one slot that never changes again (SSA form).

    The slots are, in this order: the parameters, which all examples share, the inputs of one example, the constants,
    and one for each instruction. Constants are folded, a number computed twice is computed once, and what no
    output needs is not there. The reverse pass is not stored: it follows from the slope rules of the operations.

    Attributes:
        parameters: how many parameters.
        inputs: how many inputs.
        constants: their numbers.
        instructions: the operations.
        outputs: the slots of the results.
        wanted: of how many parameters, the first ones, the gradient is wanted.
        example: the parameters and inputs that the graph was recorded on.
        labels, scopes: slot -> the label, and the scope, of the node it was recorded from.

    >>> w, x = Value(2.0, "w"), Value(3.0, "x")
    >>> program = Program.of([w * x + w * x], parameters=[w], inputs=[x])
    >>> [instruction.op.name for instruction in program.instructions], program.run()
    (['mul', 'mul', 'add'], [12.0])
    """

    parameters: int
    inputs: int
    constants: tuple[float, ...]
    instructions: tuple[Instruction, ...]
    outputs: tuple[int, ...]
    wanted: int
    example: tuple[float, ...]
    labels: Mapping[int, str] = field(default_factory=dict)
    scopes: Mapping[int, str] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        roots: Sequence[Value],
        parameters: Sequence[Value],
        inputs: Sequence[Value] = (),
        wanted: int | None = None,
    ) -> Program:
        """Flatten what the roots depend on.

        Args:
            roots: the outputs.
            parameters: leaves that all examples share.
            inputs: leaves that each example has its own numbers for. All other leaves are constants.
            wanted: of how many parameters, the first ones, the gradient is wanted; of all if not given.

        Raises:
            GraphError: when a leaf is given twice, or one is the result of an operation.
        """
        leaves = [*parameters, *inputs]
        slot_of = {leaf: slot for slot, leaf in enumerate(leaves)}
        if len(slot_of) < len(leaves):
            raise GraphError("a program needs each of its parameters and inputs once; one of them is given twice")
        for leaf in leaves:
            if leaf.op is not None:
                raise GraphError(f"the parameters and inputs of a program are leaves, got the result of {leaf.op.name}")
        wanted = len(parameters) if wanted is None else wanted
        flat = _Flattening(slot_of, set(range(wanted)))
        for node in topological_order(roots):
            flat.add(node)
        return flat.program(roots, len(parameters), wanted, leaves)

    @property
    def first_constant(self) -> int:
        """The slot of the first constant."""
        return self.parameters + self.inputs

    @property
    def first_instruction(self) -> int:
        """The slot of the first instruction."""
        return self.first_constant + len(self.constants)

    @property
    def slots(self) -> int:
        """How many numbers the program has in all."""
        return self.first_instruction + len(self.instructions)

    def needs_gradient(self, through_steps: bool = True) -> list[bool]:
        """Return, for each slot, whether the way from a wanted parameter to a result leads through it.

        Args:
            through_steps: whether that may be a way through operations whose slope is 0 everywhere, such as floor.
        """
        needs = [slot < self.wanted for slot in range(self.first_instruction)]
        for op, operands, _ in self.instructions:
            passes = through_steps or any(op.constant_slopes) or not op.constant_slopes
            needs.append(passes and any(needs[operand] for operand in operands))
        return needs

    # ------------------------------------------------------------ as a graph again

    def record(self, numbers: Sequence[float] | None = None) -> list[Value]:
        """Return the outputs as Values, recorded again operation by operation: how draw and explain see a Program.

        Args:
            numbers: the parameters and inputs; those of the example if not given.
        """
        values = [Value(number) for number in self._given(numbers)]
        values += [lift(constant) for constant in self.constants]
        for op, operands, _ in self.instructions:
            values.append(record_operation(op, [values[slot] for slot in operands]))
        for slot, label in self.labels.items():
            values[slot].label = label
        for slot, scope in self.scopes.items():
            values[slot]._annotate(scope=scope)
        return [values[slot] for slot in self.outputs]

    def run(self, numbers: Sequence[float] | None = None) -> list[float]:
        """Return the outputs for one example, operation by operation on floats.

        Args:
            numbers: the parameters and inputs; those of the example if not given.
        """
        values = [*map(real, self._given(numbers)), *self.constants]
        for op, operands, _ in self.instructions:
            values.append(op.evaluate(*[values[slot] for slot in operands])[0])
        return [values[slot] for slot in self.outputs]

    def _given(self, numbers: Sequence[float] | None) -> Sequence[float]:
        if numbers is None:
            return self.example
        if len(numbers) != self.first_constant:
            raise ShapeError(
                f"the program needs {_counted(self.parameters, 'parameter')} and {_counted(self.inputs, 'input')}, "
                f"got {len(numbers)} numbers"
            )
        return numbers

    # ------------------------------------------------------------ in words

    @property
    def source(self) -> str:
        """Readable Python of the forward and the backward pass, the code that the executor ``python`` runs."""
        from .python_code import source_of

        return source_of(self)

    def depth(self) -> int:
        """Return the length of the longest way from a leaf to a result, in instructions."""
        depths = [0] * self.first_instruction
        for _, operands, _ in self.instructions:
            depths.append(1 + max([depths[slot] for slot in operands], default=0))
        return max([depths[slot] for slot in self.outputs], default=0)

    def summary(self) -> str:
        """Return what the program consists of, in a few lines.

        >>> w, x = Value(2.0, "w"), Value(3.0, "x")
        >>> print(Program.of([(w * x).tanh()], [w], [x]).summary())
        1 parameter, 1 input, 0 constants, 1 output
        2 instructions, depth 2: 1 mul, 1 tanh
        64 bytes an example for numbers and gradients
        """
        counts = Counter(instruction.op.name for instruction in self.instructions)
        repeated = sum(instruction.same_as is not None for instruction in self.instructions)
        operations = ", ".join(f"{count:,} {name}" for name, count in counts.most_common()) or "none"
        leaves = [
            (self.parameters, "parameter"),
            (self.inputs, "input"),
            (len(self.constants), "constant"),
            (len(self.outputs), "output"),
        ]
        lines = [
            ", ".join(_counted(count, name) for count, name in leaves),
            f"{_counted(len(self.instructions), 'instruction')}, depth {self.depth():,}: {operations}",
            f"{2 * 8 * self.slots:,} bytes an example for numbers and gradients",
        ]
        if repeated:
            verb = "repeats" if repeated == 1 else "repeat"
            lines.insert(2, f"{_counted(repeated, 'instruction')} {verb} an earlier one, whose number is used again")
        return "\n".join(lines)

    def __repr__(self) -> str:
        sizes = _counted(len(self.instructions), "instruction"), _counted(self.parameters, "parameter")
        return f"<Program of {', '.join(sizes)}>"

    # ------------------------------------------------------------ files

    def to_json(self) -> str:
        """Return the program as JSON; :meth:`from_json` reads it back, every number exactly."""
        record = {
            "format": FORMAT,
            "version": VERSION,
            "parameters": self.parameters,
            "inputs": self.inputs,
            "constants": [_written(number) for number in self.constants],
            "instructions": [
                [op.name, list(operands), same_as, {name: _written(number) for name, number in op.params.items()}]
                for op, operands, same_as in self.instructions
            ],
            "outputs": list(self.outputs),
            "wanted": self.wanted,
            "example": [_written(number) for number in self.example],
            "labels": {str(slot): label for slot, label in self.labels.items()},
            "scopes": {str(slot): scope for slot, scope in self.scopes.items()},
        }
        return json.dumps(record, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Program:
        """Return the program of a JSON text, checked before anything is built; no code of the text is run.

        Raises:
            StateError: for text that is damaged, of another format or version, or names an unknown operation.

        >>> x = Value(3.0)
        >>> Program.from_json(Program.of([x * x], [x]).to_json()).run()
        [9.0]
        """
        from .program_file import program_from

        return program_from(text)

    def save(self, path: Any) -> None:
        """Write the program to a JSON file, atomically."""
        write_atomically(path, self.to_json().encode())

    @classmethod
    def load(cls, path: Any) -> Program:
        """Read what :meth:`save` wrote.

        Raises:
            StateError: as :meth:`from_json`, or for a file of over a gigabyte.
            OSError: when the file cannot be read.
        """
        path = Path(path)
        if path.stat().st_size > MOST_BYTES:
            raise StateError(f"{path} is larger than a program file may be, {MOST_BYTES:,} bytes")
        try:
            return cls.from_json(path.read_text(encoding="utf-8"))
        except UnicodeDecodeError:
            raise StateError(f"{path} is not UTF-8 text, so it is no program; program.save(path) writes one") from None


class _Flattening:
    """The instructions so far. While constants are not counted yet, constant k has the number ~k."""

    def __init__(self, slot_of: dict[Value, int], wanted: set[int]) -> None:
        self.slot_of = slot_of
        self.leaves = len(slot_of)
        self.needing = wanted
        self.constants: dict[Any, int] = {}
        self.numbers: list[float] = []
        self.instructions: list[Instruction] = []
        self.first_with: dict[tuple[Primitive, tuple[int, ...]], int] = {}
        self.first_of: dict[int, int] = {}
        self.labels: dict[int, str] = {}
        self.scopes: dict[int, str] = {}

    def add(self, node: Value) -> None:
        if node in self.slot_of:
            slot = self.slot_of[node]
        elif node.op is None:
            slot = self.constant(node._data)
        else:
            slot = self.operation(node, node.op, tuple([self.slot_of[parent] for parent in node.parents]))
        self.slot_of[node] = slot
        if node._note is not None and slot >= 0:
            if node._note.label:
                self.labels[slot] = node._note.label
            if node._note.scope:
                self.scopes[slot] = node._note.scope

    def constant(self, number: float) -> int:
        key = (number, math.copysign(1.0, number))
        slot = self.constants.setdefault(key, ~len(self.numbers))
        if slot == ~len(self.numbers):
            self.numbers.append(number)
        return slot

    def operation(self, node: Value, op: Primitive, operands: tuple[int, ...]) -> int:
        if all(slot < 0 for slot in operands):
            return self.constant(node._data)
        slot = self.leaves + len(self.instructions)
        # Operands that hold the same number count as the same one.
        same = tuple([self.first_of.get(operand, operand) for operand in operands])
        earlier = self.first_with.setdefault((op, same), slot)
        if not self.needing.isdisjoint(operands):
            self.needing.add(slot)
        elif earlier != slot:
            return earlier
        if earlier != slot:
            self.first_of[slot] = earlier
        self.instructions.append(Instruction(op, operands, earlier if earlier != slot else None))
        return slot

    def program(self, roots: Sequence[Value], parameters: int, wanted: int, leaves: Sequence[Value]) -> Program:
        outputs = [self.slot_of[root] for root in roots]
        used = {slot for _, operands, _ in self.instructions for slot in operands if slot < 0}
        used.update(slot for slot in outputs if slot < 0)
        kept = sorted(used, reverse=True)
        place = {slot: self.leaves + i for i, slot in enumerate(kept)}
        shift = len(kept)

        def final(slot: int) -> int:
            return slot + shift if slot >= self.leaves else slot if slot >= 0 else place[slot]

        return Program(
            parameters=parameters,
            inputs=self.leaves - parameters,
            constants=tuple([self.numbers[~slot] for slot in kept]),
            instructions=tuple(
                [
                    Instruction(op, tuple(map(final, operands)), None if same is None else final(same))
                    for op, operands, same in self.instructions
                ]
            ),
            outputs=tuple(map(final, outputs)),
            wanted=wanted,
            example=tuple([leaf._data for leaf in leaves]),
            labels={final(slot): label for slot, label in self.labels.items()},
            scopes={final(slot): scope for slot, scope in self.scopes.items()},
        )


def _counted(count: int, name: str) -> str:
    return f"{count:,} {name}{'s' if count != 1 else ''}"


def _written(number: Any) -> Any:
    """Return a number as JSON has it; inf and nan, which it has not, as text."""
    return number if number is None or math.isfinite(number) else str(number)
