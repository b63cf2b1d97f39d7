"""Elementary instructions on LLVM registers: one number, or one for each of several examples, in each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from llvmlite import ir

from .lowering import LEAVES, Step
from .native import FOREIGN, PREFIX

DOUBLE, INT32, INT64, BOOL = ir.DoubleType(), ir.IntType(32), ir.IntType(64), ir.IntType(1)
NUMBERS, INTEGERS = ir.PointerType(DOUBLE), ir.PointerType(INT32)
ANY_ALIGNMENT = 8  # of bytes: registers may lie anywhere among doubles
FAST = ("contract", "reassoc")
_PREDICATES = {"lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "=="}
_INTRINSICS = {"abs": "fabs", "floor": "floor", "ceil": "ceil", "round": "roundeven", "sqrt": "sqrt"}
_ARITHMETIC = {"add": "fadd", "sub": "fsub", "mul": "fmul", "div": "fdiv"}


class Registers:
    """Writes elementary instructions into a function.

    Args:
        builder: where the next instruction goes.
        lanes: how many numbers are in a register.
        fast: whether products and sums may be contracted and sums reordered.
    """

    def __init__(self, builder: ir.IRBuilder, lanes: int, fast: bool = False) -> None:
        self.builder, self.lanes, self.flags = builder, lanes, FAST if fast else ()
        self.type = ir.VectorType(DOUBLE, lanes) if lanes > 1 else DOUBLE
        self.bits = ir.VectorType(BOOL, lanes) if lanes > 1 else BOOL

    def constant(self, number: float) -> ir.Constant:
        """Return the same number in all lanes."""
        one = ir.Constant(DOUBLE, number)
        return ir.Constant(self.type, [one] * self.lanes) if self.lanes > 1 else one

    def apply(self, name: str, *operands: ir.Value) -> ir.Value:
        """Write one elementary instruction and return its register."""
        b = self.builder
        if name in ("and", "or"):
            return getattr(b, f"{name}_")(*map(self.condition, operands))
        if name == "where":
            return b.select(self.condition(operands[0]), *map(self.number, operands[1:]))
        numbers = [self.number(operand) for operand in operands]
        if name in _ARITHMETIC:
            return getattr(b, _ARITHMETIC[name])(*numbers, flags=self.flags)
        if name == "neg":
            return b.fneg(*numbers, flags=self.flags)
        if name in _PREDICATES:
            return b.fcmp_ordered(_PREDICATES[name], *numbers)
        if name == "ne":
            return b.fcmp_unordered("!=", *numbers)
        if name in _INTRINSICS:
            suffix = f"v{self.lanes}f64" if self.lanes > 1 else "f64"
            kind = ir.FunctionType(self.type, [self.type])
            result = b.call(_declared(b.module, f"llvm.{_INTRINSICS[name]}.{suffix}", kind), numbers)
            # Python makes ints of these, so that there is no -0.0.
            return b.fadd(result, self.constant(0.0)) if name in ("floor", "ceil", "round") else result
        return b.call(self._foreign(name), numbers)

    def run(self, steps: Sequence[Step], leaf: Callable[[str, int], ir.Value]) -> list[ir.Value]:
        """Write elementary steps and return the register of each; leaves are asked for by name and number."""
        written: list[ir.Value] = []
        for name, operands in steps:
            if name == "constant":
                written.append(self.constant(operands[0]))
            elif name in LEAVES:
                written.append(leaf(name, operands[0]))
            else:
                written.append(self.apply(name, *[written[i] for i in operands]))
        return written

    def condition(self, register: ir.Value) -> ir.Value:
        """Return a register as true or false: a number counts as true unless it is 0."""
        if register.type == self.bits:
            return register
        return self.builder.fcmp_unordered("!=", register, self.constant(0.0))

    def number(self, register: ir.Value) -> ir.Value:
        """Return a register as numbers, true as 1 and false as 0."""
        return register if register.type == self.type else self.builder.uitofp(register, self.type)

    def total(self, register: ir.Value) -> ir.Value:
        """Return the sum of all lanes, added up in pairs."""
        b, lanes = self.builder, self.lanes
        while lanes > 1:
            lanes //= 2
            halves = [ir.Constant(ir.VectorType(INT32, lanes), list(range(k, k + lanes))) for k in (0, lanes)]
            register = b.fadd(*[b.shuffle_vector(register, register, half) for half in halves])
        return register if self.lanes == 1 else b.extract_element(register, ir.Constant(INT32, 0))

    def _foreign(self, name: str) -> ir.Function:
        """Return a function of the C library, applied to every lane in turn."""
        module, count = self.builder.module, FOREIGN[name]
        scalar = _declared(module, PREFIX + name, ir.FunctionType(DOUBLE, [DOUBLE] * count))
        if self.lanes == 1:
            return scalar
        vector = _declared(module, f"{name}_{self.lanes}", ir.FunctionType(self.type, [self.type] * count))
        if vector.is_declaration:
            vector.linkage = "internal"
            b = ir.IRBuilder(vector.append_basic_block())
            result: Any = ir.Constant(self.type, ir.Undefined)
            for lane in range(self.lanes):
                place = ir.Constant(INT32, lane)
                one = b.call(scalar, [b.extract_element(argument, place) for argument in vector.args])
                result = b.insert_element(result, one, place)
            b.ret(result)
        return vector


def _declared(module: ir.Module, name: str, kind: ir.FunctionType) -> ir.Function:
    return module.globals.get(name) or ir.Function(module, kind, name)


def spread(builder: ir.IRBuilder, number: ir.Value, lanes: int) -> ir.Value:
    """Return a number in all lanes of a register."""
    if lanes == 1:
        return number
    kind = ir.VectorType(number.type, lanes)
    one = builder.insert_element(ir.Constant(kind, ir.Undefined), number, ir.Constant(INT32, 0))
    everywhere = ir.Constant(ir.VectorType(INT32, lanes), [0] * lanes)
    return builder.shuffle_vector(one, ir.Constant(kind, ir.Undefined), everywhere)


def address(
    builder: ir.IRBuilder, array: ir.Value, k: ir.Value | int, stride: int = 1, lanes: int | None = None
) -> ir.Value:
    """Return where entry k of an array is, each of so many elements; with ``lanes``, as the place of a register."""
    at = ir.Constant(INT64, k * stride) if isinstance(k, int) else builder.mul(k, ir.Constant(INT64, stride))
    pointer = builder.gep(array, [at])
    if lanes is None or lanes == 1:
        return pointer
    return builder.bitcast(pointer, ir.PointerType(ir.VectorType(DOUBLE, lanes)))


@contextmanager
def loop(builder: ir.IRBuilder, start: ir.Value | int, stop: ir.Value, step: int = 1) -> Iterator[ir.Value]:
    """Repeat a block for j = start, start + step, ... while j + step <= stop; then j is the first one not taken."""
    function, before = builder.function, builder.block
    head, body, after = (function.append_basic_block(name) for name in ("loop", "body", "after"))
    builder.branch(head)
    builder.position_at_end(head)
    j = builder.phi(INT64)
    j.add_incoming(ir.Constant(INT64, start) if isinstance(start, int) else start, before)
    following = builder.add(j, ir.Constant(INT64, step))
    builder.cbranch(builder.icmp_signed("<=", following, stop), body, after)
    builder.position_at_end(body)
    yield j
    j.add_incoming(following, builder.block)
    builder.branch(head)
    builder.position_at_end(after)
