"""The tape kernel: one loop with a switch whose cases are the rules of ops.py, run on LLVM registers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir

from .driver import KERNEL
from .lowering import Code, Step
from .registers import ANY_ALIGNMENT, INT32, INT64, INTEGERS, NUMBERS, Registers, address, loop, spread
from .tape import CHAIN, ELEMENTARY_CASES, LOOPS, RECORD, cases, whole_operations

ARITY = {"neg": 1, "where": 3} | dict.fromkeys("pow hypot atan2 fmod and or".split(), 2)
ARITY |= dict.fromkeys("add sub mul div lt le gt ge eq ne".split(), 2)
WIDE = 8  # numbers side by side that a loop over the operands of one example takes at a time


def kernel(lanes: int, fast: bool = False) -> ir.Module:
    """Return the module of the kernel.

    Args:
        lanes: for how many examples at a time; every slot has so many numbers.
        fast: whether products and sums may be contracted and sums reordered.
    """
    module = ir.Module("kernel")
    function = ir.Function(module, KERNEL, f"walk_{lanes}")
    for argument in function.args:
        if isinstance(argument.type, ir.PointerType):
            argument.add_attribute("noalias")
    return _Kernel(module, function, lanes, fast).module


class _Kernel:
    def __init__(self, module: ir.Module, function: ir.Function, lanes: int, fast: bool) -> None:
        self.module, self.function, self.lanes, self.fast = module, function, lanes, fast
        records, count, self.numbers, self.adjoints, self.lists = function.args
        entry = function.append_basic_block("entry")
        head, done = function.append_basic_block("head"), function.append_basic_block("done")
        last = function.append_basic_block("last")
        self.builder = b = ir.IRBuilder(entry)
        b.branch(head)
        b.position_at_end(head)
        i = b.phi(INT64)
        i.add_incoming(ir.Constant(INT64, 0), entry)
        more = function.append_basic_block("more")
        b.cbranch(b.icmp_signed("<", i, count), more, last)
        b.position_at_end(last)
        b.ret(ir.Constant(INT64, 0))
        b.position_at_end(more)
        record = b.gep(records, [b.mul(i, ir.Constant(INT64, RECORD))])
        fields = [b.load(b.gep(record, [ir.Constant(INT64, k)])) for k in range(RECORD)]
        case, self.slot, *self.fields = [fields[0], *[b.sext(field, INT64) for field in fields[1:]]]
        switch = b.switch(case, done)
        for name, number in cases().items():
            block = function.append_basic_block(name)
            switch.add_case(ir.Constant(INT32, number), block)
            b.position_at_end(block)
            self.case(name)
            b.branch(done)
        b.position_at_end(done)
        i.add_incoming(b.add(i, ir.Constant(INT64, 1)), done)
        b.branch(head)

    # ------------------------------------------------------------ memory

    def registers(self, lanes: int | None = None) -> Registers:
        return Registers(self.builder, self.lanes if lanes is None else lanes, self.fast)

    def address(self, array: ir.Value, slot: ir.Value, wide: int = 1) -> ir.Value:
        return address(self.builder, array, slot, self.lanes, self.lanes * wide)

    def load(self, array: ir.Value, slot: ir.Value, wide: int = 1) -> ir.Value:
        return self.builder.load(self.address(array, slot, wide), align=ANY_ALIGNMENT)

    def store(self, register: ir.Value, array: ir.Value, slot: ir.Value, wide: int = 1) -> None:
        number = self.registers(self.lanes * wide).number(register)
        self.builder.store(number, self.address(array, slot, wide), align=ANY_ALIGNMENT)

    def accumulate(self, slot: ir.Value, contribution: ir.Value, wide: int = 1) -> None:
        total = self.registers(self.lanes * wide).apply("add", self.load(self.adjoints, slot, wide), contribution)
        self.store(total, self.adjoints, slot, wide)

    # ------------------------------------------------------------ the cases

    def case(self, name: str) -> None:
        if name in whole_operations():
            op = whole_operations()[name]
            self.run(lambda code, *xs: [op.value(code.m, *xs)], op.arity or 0, self.put)
        elif name in ELEMENTARY_CASES:
            self.run(lambda code, *xs: [code.write(name, *xs)], ARITY.get(name, 1), self.put)
        elif name.endswith("'"):
            op = whole_operations()[name[:-1]]
            self.reverse(op)
        elif name in LOOPS:
            kind, *layout = name.replace("side by side", "side").split()
            getattr(self, kind)(*[side == "side" for side in layout])
        else:
            upstream = self.load(self.adjoints, self.slot)
            if name == CHAIN:
                upstream = self.registers().apply("mul", self.load(self.numbers, self.fields[1]), upstream)
            self.accumulate(self.fields[0], upstream)

    def put(self, results: list[ir.Value]) -> None:
        self.store(results[0], self.numbers, self.slot)

    def run(self, rule: Callable[..., Sequence[Any]], operands: int, use: Callable[[list[ir.Value]], None]) -> None:
        """Run a rule on terms, write its steps on registers, and hand over the registers of its results."""
        code = Code()
        terms = [code.leaf("operand", k) for k in range(operands)]
        results = [code.term(result).position for result in rule(code, *terms)]
        written = self.steps(code.steps)
        use([written[i] for i in results])

    def reverse(self, op: Any) -> None:
        operands = op.arity
        code = Code()
        xs = [code.leaf("operand", k) for k in range(operands)]
        upstream = code.leaf("upstream", 0)
        slopes = op.slopes(code.m, code.leaf("result", 0), *xs)
        contributions = [code.term(slope * upstream).position for slope in slopes]
        written = self.steps(code.steps)
        for k, i in enumerate(contributions):
            self.accumulate(self.fields[k], written[i])

    def steps(self, steps: Sequence[Step]) -> list[ir.Value]:
        registers, written = self.registers(), list[ir.Value]()
        for name, operands in steps:
            if name == "operand":
                written.append(self.load(self.numbers, self.fields[operands[0]]))
            elif name == "result":
                written.append(self.load(self.numbers, self.slot))
            elif name == "upstream":
                written.append(self.load(self.adjoints, self.slot))
            elif name == "constant":
                written.append(registers.constant(operands[0]))
            else:
                written.append(registers.apply(name, *[written[i] for i in operands]))
        return written

    # ------------------------------------------------------------ loops over operands

    def operand_slot(self, base: ir.Value, j: ir.Value, together: bool) -> ir.Value:
        b = self.builder
        at = b.add(base, j)
        return at if together else b.sext(b.load(b.gep(self.lists, [at])), INT64)

    def dot(self, left: bool, right: bool) -> None:
        x, w, count = self.fields
        self.total(count, lambda j, wide: [(x, left), (w, right)], left and right)

    def sum(self, together: bool) -> None:
        x, _, count = self.fields
        self.total(count, lambda j, wide: [(x, together)], together)

    def total(self, count: ir.Value, factors: Callable[..., list[tuple[ir.Value, bool]]], together: bool) -> None:
        """Add up products of operands from left to right and put the sum into the slot."""
        b, registers = self.builder, self.registers()
        with b.goto_entry_block():
            total = b.alloca(registers.type)
        b.store(registers.constant(0.0), total)
        zero = ir.Constant(INT64, 0)

        def term(j: ir.Value, wide: int) -> ir.Value:
            loaded = [
                self.load(self.numbers, self.operand_slot(base, j, side), wide) for base, side in factors(j, wide)
            ]
            return loaded[0] if len(loaded) == 1 else self.registers(self.lanes * wide).apply("mul", *loaded)

        start = zero
        if together and self.lanes == 1:
            with loop(b, zero, count, WIDE) as j:
                products, so_far = term(j, WIDE), b.load(total)
                for k in range(WIDE):
                    so_far = registers.apply("add", so_far, b.extract_element(products, ir.Constant(INT32, k)))
                b.store(so_far, total)
            start = j
        with loop(b, start, count) as j:
            b.store(registers.apply("add", b.load(total), term(j, 1)), total)
        self.store(b.load(total), self.numbers, self.slot)

    def axpy(self, to_side: bool, by_side: bool) -> None:
        to, by, count = self.fields
        self.each(to, to_side, count, by, by_side)

    def spread(self, to_side: bool) -> None:
        to, _, count = self.fields
        self.each(to, to_side, count, None, True)

    def each(self, to: ir.Value, to_side: bool, count: ir.Value, by: ir.Value | None, by_side: bool) -> None:
        """Add the upstream, times a number of its own if there are such, to the adjoint of every operand."""
        b, upstream = self.builder, self.load(self.adjoints, self.slot)
        start: ir.Value = ir.Constant(INT64, 0)
        if to_side and by_side and self.lanes == 1:
            many = spread(b, upstream, WIDE)
            with loop(b, start, count, WIDE) as j:
                self.one_of_each(to, to_side, by, by_side, j, many, WIDE)
            start = j
        with loop(b, start, count) as j:
            self.one_of_each(to, to_side, by, by_side, j, upstream, 1)

    def one_of_each(
        self, to: ir.Value, to_side: bool, by: ir.Value | None, by_side: bool, j: ir.Value, upstream: ir.Value, wide: int
    ) -> None:
        contribution = upstream
        if by is not None:
            slope = self.load(self.numbers, self.operand_slot(by, j, by_side), wide)
            contribution = self.registers(self.lanes * wide).apply("mul", slope, upstream)
        self.accumulate(self.operand_slot(to, j, to_side), contribution, wide)

