"""A Program on NumPy arrays: every operation is computed for all examples of a batch at once."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Sequence
from functools import cache, reduce
from typing import Any

import numpy as np

from ..primitive import Namespace, Primitive, ieee_floats, registry
from .lowering import ARITHMETIC, COMPARISONS, LOGIC, Step, lowered
from .program import Program
from .schedule import places

MOST_NUMBERS = 1 << 22  # in memory at a time: larger batches are computed in parts


@cache
def namespace() -> Namespace:
    """Return the number namespace on which rules give arrays."""
    names = "abs exp expm1 log log1p sqrt sin cos tan sinh cosh tanh hypot fmod where".split()
    functions = {name: getattr(np, name) for name in names}
    functions |= {name: getattr(np, f"arc{name[1:]}") for name in ("asin", "acos", "atan", "atan2")}
    # Python makes ints of these, so that there is no -0.0.
    functions |= {name: _without_sign(getattr(np, where)) for name, where in _ROUNDING.items()}
    functions["pow"] = lambda x, y: np.power(*map(np.array, np.broadcast_arrays(x, y)))  # 0.5 alone would become sqrt
    functions |= {name: _one_by_one(getattr(ieee_floats, name)) for name in ("erf", "erfc")}
    return Namespace(**functions, sum=_sum, dot=lambda xs, ws: _sum(map(operator.mul, xs, ws)))


_ROUNDING = {"floor": "floor", "ceil": "ceil", "round": "rint"}


def _without_sign(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda x: function(x) + 0.0


def _one_by_one(function: Callable[[float], float]) -> Callable[[Any], Any]:
    each = np.frompyfunc(function, 1, 1)
    return lambda x: np.asarray(each(x), float)


def _sum(xs: Iterable[Any]) -> Any:
    return reduce(operator.add, xs, 0.0)


class ArrayExecutor:
    """Runs a Program on arrays over the batch; ``dot`` and ``sum`` work on whole blocks of memory.

    Sums within an example are added in the order of the graph; NumPy's exp, tanh and others may differ from
    Python's in the last bit.
    """

    def __init__(self, program: Program, gradients: bool) -> None:
        self.program, self.gradients = program, gradients
        place = places(program)
        self._place = place
        self._steps = [
            _Step(op, [place[slot] for slot in operands], place[to], None if same is None else place[same])
            for to, (op, operands, same) in enumerate(program.instructions, program.first_instruction)
        ]
        needs = program.needs_gradient() if gradients else [False] * program.slots
        self._backward = [
            step.reverse([needs[operand] for operand in instruction.operands])
            for step, instruction, needed in zip(
                reversed(self._steps),
                reversed(program.instructions),
                reversed(needs[program.first_instruction :]),
                strict=True,
            )
            if needed
        ]

    def run(self, shared: Any, rows: Any, seeds: Sequence[float]) -> tuple[Any, Any]:
        """Return (outputs of each example, gradients summed over the examples)."""
        program = self.program
        rows = np.asarray(rows, float).reshape(len(rows), program.inputs)
        totals = np.zeros(program.wanted if self.gradients else 0)
        part = max(1, MOST_NUMBERS // program.slots)
        with np.errstate(all="ignore"):
            results = [
                self._part(shared, rows[start : start + part], seeds, totals) for start in range(0, len(rows), part)
            ]
        return np.concatenate(results), totals

    def _part(self, shared: Any, rows: Any, seeds: Sequence[float], totals: Any) -> Any:
        program = self.program
        count = len(rows)
        width = max(2, count)  # NumPy would add up a single column in pairs
        numbers = np.empty((program.slots, width))
        numbers[: program.parameters] = np.asarray(shared, float).reshape(-1, 1)
        numbers[program.parameters : program.first_constant] = rows.T
        numbers[program.first_constant : program.first_instruction] = np.reshape(program.constants, (-1, 1))
        for step in self._steps:
            step.forward(numbers)
        outputs = [self._place[slot] for slot in program.outputs]
        if self.gradients:
            adjoints = np.zeros((program.slots, width))
            for slot, seed in zip(outputs, seeds, strict=True):
                adjoints[slot] += seed
            for backward in self._backward:
                backward(numbers, adjoints)
            totals += adjoints[: program.wanted, :count].sum(axis=1)
        return numbers[outputs, :count].T


class _Step:
    """One instruction on rows of memory."""

    def __init__(self, op: Primitive, operands: list[int], to: int, same_as: int | None) -> None:
        self.op, self.operands, self.to, self.same_as = op, operands, to, same_as
        half = len(operands) // 2
        self.left, self.right = self.rows(operands[:half]), self.rows(operands[half:])
        self.all = self.rows(operands)

    def rows(self, operands: list[int]) -> Any:
        """Return an index of memory: a slice where the rows lie side by side."""
        if operands and operands == list(range(operands[0], operands[0] + len(operands))):
            return slice(operands[0], operands[0] + len(operands))
        return np.array(operands, np.intp)

    def forward(self, numbers: Any) -> None:
        if self.same_as is not None:
            numbers[self.to] = numbers[self.same_as]
        elif self.op is registry["dot"]:
            products = numbers[self.left] * numbers[self.right]
            numbers[self.to] = np.add.reduce(products, axis=0, initial=0.0)
        elif self.op is registry["sum"]:
            numbers[self.to] = np.add.reduce(numbers[self.all], axis=0, initial=0.0)
        else:
            numbers[self.to] = _value(self.op, self.given(numbers))

    def given(self, numbers: Any) -> tuple[Any, ...]:
        return tuple([numbers[operand] for operand in self.operands])

    def reverse(self, needs: list[bool]) -> Callable[[Any, Any], None]:
        """Return the share of the instruction in the reverse pass."""
        half = len(self.operands) // 2
        if self.op is registry["dot"] and all(needs[:half]) and all(needs[half:]):
            return self._both_sides(self.left, self.right)
        if self.op is registry["dot"] and all(needs[:half]) and not any(needs[half:]):
            return self._one_side(self.left, self.right)
        if self.op is registry["dot"] and all(needs[half:]) and not any(needs[:half]):
            return self._one_side(self.right, self.left)

        def by_rule(numbers: Any, adjoints: Any) -> None:
            upstream = adjoints[self.to]
            slopes = _slopes(self.op, numbers[self.to], self.given(numbers))
            for operand, slope, needed in zip(self.operands, slopes, needs, strict=True):
                if needed:
                    adjoints[operand] += slope * upstream

        return by_rule

    def _both_sides(self, left: Any, right: Any) -> Callable[[Any, Any], None]:
        first, second = self._one_side(left, right), self._one_side(right, left)

        def backward(numbers: Any, adjoints: Any) -> None:
            first(numbers, adjoints)
            second(numbers, adjoints)

        return backward

    def _one_side(self, to: Any, by: Any) -> Callable[[Any, Any], None]:
        twice = not isinstance(to, slice) and len(set(to.tolist())) < len(to)

        def backward(numbers: Any, adjoints: Any) -> None:
            contributions = numbers[by] * adjoints[self.to]
            if twice:  # indexed assignment would keep one contribution of several
                np.add.at(adjoints, to, contributions)
            else:
                adjoints[to] += contributions

        return backward


# ---------------------------------------------------------------- rules on arrays


def _value(op: Primitive, operands: tuple[Any, ...]) -> Any:
    if op.is_built_in:
        return op.value(namespace(), *op.grouped(operands))
    rules = lowered(op, len(operands))
    return _walked(rules.steps[: rules.forward], operands, None)[rules.value]


def _slopes(op: Primitive, result: Any, operands: tuple[Any, ...]) -> Sequence[Any]:
    if op.is_built_in:
        slopes: Sequence[Any] = op.slopes(namespace(), result, *op.grouped(operands))
        return slopes
    rules = lowered(op, len(operands))
    written = _walked(rules.steps, operands, result)
    return [written[i] for i in rules.slopes]


def _walked(steps: Sequence[Step], operands: tuple[Any, ...], result: Any) -> list[Any]:
    """Return the outcome of every step. Users' rules may compute with the outcomes of comparisons, as with 1 and 0."""
    m, written = namespace(), list[Any]()
    for name, inputs in steps:
        if name == "operand":
            written.append(operands[inputs[0]])
        elif name == "result":
            written.append(result)
        elif name == "constant":
            written.append(np.float64(inputs[0]))
        else:
            given = [written[i] for i in inputs]
            if name in LOGIC:
                written.append(LOGIC[name](given[0] != 0, given[1] != 0).astype(float))
            elif name in COMPARISONS:
                written.append(np.asarray(COMPARISONS[name](*given), float))
            elif name == "where":
                written.append(np.where(given[0] != 0, given[1], given[2]))
            else:
                written.append(ARITHMETIC[name](*given) if name in ARITHMETIC else getattr(m, name)(*given))
    return written
