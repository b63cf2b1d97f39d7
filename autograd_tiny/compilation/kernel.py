"""The tape kernel: one loop with a switch whose cases are the rules of ops.py, run on LLVM registers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir

from .driver import KERNEL
from .lowering import Code, Step
from .registers import ANY_ALIGNMENT, DOUBLE, INT32, INT64, Registers, address, loop, spread
from .tape import (
    ALONG,
    CHAIN,
    ELEMENTARY_CASES,
    GRIDS,
    LOOPS,
    MOST_VECTORS,
    PASS,
    RECORD,
    SAME,
    WIDE,
    cases,
    runs,
    whole_operations,
)

ARITY = {"neg": 1, "where": 3} | dict.fromkeys("pow hypot atan2 fmod and or".split(), 2)
ARITY |= dict.fromkeys("add sub mul div lt le gt ge eq ne".split(), 2)


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
        self.wide = 1  # how many slots side by side a case works on
        self.broadcast: list[int] = []  # the operands that are the same for all of them
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
            if name in runs() or name in GRIDS:
                self.apart(name)
            else:
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
        kind = name.split()[0]
        if self.lanes > 1 and (name in runs() or name in GRIDS):
            return  # schedules for several examples have none
        if name in whole_operations():
            op = whole_operations()[name]
            self.run(lambda code, *xs: [op.value(code.m, *xs)], op.arity or 0, self.put)
        elif name in ELEMENTARY_CASES:
            self.run(lambda code, *xs: [code.write(name, *xs)], ARITY.get(name, 1), self.put)
        elif name in LOOPS:
            getattr(self, kind)(*[side == "side" for side in name.replace("side by side", "side").split()[1:]])
        elif name in runs():
            self.along(kind, name.split()[1])
        elif name == GRIDS[0]:
            self.grid()
        elif name == GRIDS[1]:
            self.reverse_grid()
        elif name in (CHAIN, PASS):
            self.chain(name)
        else:
            self.reverse(whole_operations()[name[:-1]])

    def apart(self, name: str) -> None:
        """Write a case as a function of its own: LLVM's time grows faster than a function does."""
        before = self.builder, self.function, self.numbers, self.adjoints, self.lists, self.slot, self.fields
        arrays = [self.numbers, self.adjoints, self.lists]
        kind = ir.FunctionType(INT64, [INT64] * (RECORD - 1) + [array.type for array in arrays])
        function = ir.Function(self.module, kind, name)
        function.linkage = "internal"
        function.attributes.add("noinline")
        for argument in function.args[-len(arrays) :]:
            argument.add_attribute("noalias")
        self.function, self.builder = function, ir.IRBuilder(function.append_basic_block("entry"))
        self.slot, *self.fields = function.args[: RECORD - 1]
        self.numbers, self.adjoints, self.lists = function.args[RECORD - 1 :]
        self.case(name)
        self.builder.ret(ir.Constant(INT64, 0))
        self.builder, self.function, self.numbers, self.adjoints, self.lists, self.slot, self.fields = before
        self.builder.call(function, [self.slot, *self.fields, *arrays])

    def chain(self, name: str) -> None:
        upstream = self.load(self.adjoints, self.slot, self.wide)
        if name == CHAIN:
            slope = self.load(self.numbers, self.fields[1], self.wide)
            upstream = self.registers(self.lanes * self.wide).apply("mul", slope, upstream)
        self.accumulate(self.fields[0], upstream, self.wide)

    def along(self, kind: str, how: str) -> None:
        """Repeat an elementwise case for slots side by side, many at a time."""
        b, start, count = self.builder, self.slot, self.fields[2]
        fields, zero = self.fields, ir.Constant(INT64, 0)

        def once(j: ir.Value) -> None:
            self.slot = b.add(start, j)
            self.fields = [b.add(at, j) if how[k : k + 1] == ALONG else at for k, at in enumerate(fields)]
            self.broadcast = [k for k, step in enumerate(how) if step == SAME]
            self.case(kind)

        self.wide = WIDE
        with loop(b, zero, count, WIDE) as j:
            once(j)
        self.wide = 1
        with loop(b, j, count) as k:
            once(k)
        self.slot, self.fields, self.broadcast = start, fields, []

    def put(self, results: list[ir.Value]) -> None:
        self.store(results[0], self.numbers, self.slot, self.wide)

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
            self.accumulate(self.fields[k], written[i], self.wide)

    def steps(self, steps: Sequence[Step]) -> list[ir.Value]:
        return self.registers(self.lanes * self.wide).run(steps, self.leaf)

    def leaf(self, name: str, k: int) -> ir.Value:
        if name == "operand":
            return self.operand(k)
        return self.load(self.numbers if name == "result" else self.adjoints, self.slot, self.wide)

    def operand(self, k: int) -> ir.Value:
        if k in self.broadcast:
            return spread(self.builder, self.load(self.numbers, self.fields[k]), self.wide)
        return self.load(self.numbers, self.fields[k], self.wide)

    # ------------------------------------------------------------ loops over operands

    def operand_slot(self, base: ir.Value, j: ir.Value, together: bool) -> ir.Value:
        b = self.builder
        at = b.add(base, j)
        return at if together else b.sext(b.load(b.gep(self.lists, [at])), INT64)

    def dot(self, left: bool, right: bool) -> None:
        x, w, count = self.fields
        self.total(count, [(x, left), (w, right)], self.slot)

    def sum(self, together: bool) -> None:
        x, _, count = self.fields
        self.total(count, [(x, together)], self.slot)

    def max(self, together: bool) -> None:
        self.extreme("ge", together)

    def min(self, together: bool) -> None:
        self.extreme("le", together)

    def extreme(self, comparison: str, together: bool) -> None:
        """Put the largest or smallest operand into the slot, as the rules of max and min choose it."""
        b, registers, (x, _, count) = self.builder, self.registers(), self.fields
        with b.goto_entry_block():
            best = b.alloca(registers.type)
        one = ir.Constant(INT64, 1)
        b.store(self.load(self.numbers, self.operand_slot(x, ir.Constant(INT64, 0), together)), best)
        with loop(b, one, count) as j:
            so_far, new = b.load(best), self.load(self.numbers, self.operand_slot(x, j, together))
            keep = registers.apply(
                "or", registers.apply(comparison, so_far, new), registers.apply("ne", so_far, so_far)
            )
            b.store(registers.apply("where", keep, so_far, new), best)
        self.store(b.load(best), self.numbers, self.slot)

    def total(self, count: ir.Value, factors: list[tuple[ir.Value, bool]], slot: ir.Value) -> None:
        """Add up products of operands from left to right and put the sum into a slot."""
        b, registers = self.builder, self.registers()
        with b.goto_entry_block():
            total = b.alloca(registers.type)
        b.store(registers.constant(0.0), total)

        def term(j: ir.Value, wide: int) -> ir.Value:
            loaded = [self.load(self.numbers, self.operand_slot(base, j, side), wide) for base, side in factors]
            return loaded[0] if len(loaded) == 1 else self.registers(self.lanes * wide).apply("mul", *loaded)

        start: ir.Value = ir.Constant(INT64, 0)
        if self.lanes == 1 and all(side for _, side in factors):
            with loop(b, start, count, WIDE) as j:
                products, so_far = term(j, WIDE), b.load(total)
                for k in range(WIDE):
                    so_far = registers.apply("add", so_far, b.extract_element(products, ir.Constant(INT32, k)))
                b.store(so_far, total)
            start = j
        with loop(b, start, count) as j:
            b.store(registers.apply("add", b.load(total), term(j, 1)), total)
        self.store(b.load(total), self.numbers, slot)

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
        self,
        to: ir.Value,
        to_side: bool,
        by: ir.Value | None,
        by_side: bool,
        j: ir.Value,
        upstream: ir.Value,
        wide: int,
    ) -> None:
        contribution = upstream
        if by is not None:
            slope = self.load(self.numbers, self.operand_slot(by, j, by_side), wide)
            contribution = self.registers(self.lanes * wide).apply("mul", slope, upstream)
        self.accumulate(self.operand_slot(to, j, to_side), contribution, wide)

    # ------------------------------------------------------------ grids

    def listed(self, at: ir.Value) -> ir.Value:
        b = self.builder
        return b.sext(b.load(b.gep(self.lists, [at])), INT64)

    def grid(self) -> None:
        """Compute the dots of some lists with some others, so many of these at a time, each from left to right."""
        b, registers = self.builder, self.registers(WIDE)
        at, (vectors, rows, count) = self.slot, self.fields
        self.sums = b.alloca(DOUBLE, MOST_VECTORS * WIDE)
        first_row, zero = b.add(at, vectors), ir.Constant(INT64, 0)
        first_result = b.add(first_row, rows)
        with loop(b, zero, rows, WIDE) as r:
            starts = [self.listed(b.add(first_row, b.add(r, ir.Constant(INT64, k)))) for k in range(WIDE)]
            with loop(b, zero, vectors) as t:
                b.store(registers.constant(0.0), address(b, self.sums, t, WIDE, WIDE), align=ANY_ALIGNMENT)
            with loop(b, zero, count, WIDE) as j:
                columns = self.transposed([self.load(self.numbers, b.add(start, j), WIDE) for start in starts])
                with loop(b, zero, vectors) as t:
                    place, x = address(b, self.sums, t, WIDE, WIDE), b.add(self.listed(b.add(at, t)), j)
                    self.add_products(place, x, columns, registers)
            with loop(b, j, count) as i:
                column: ir.Value = ir.Constant(registers.type, ir.Undefined)
                for k, start in enumerate(starts):
                    number = self.load(self.numbers, b.add(start, i))
                    column = b.insert_element(column, number, ir.Constant(INT32, k))
                with loop(b, zero, vectors) as t:
                    place, x = address(b, self.sums, t, WIDE, WIDE), b.add(self.listed(b.add(at, t)), i)
                    self.add_products(place, x, [column], registers)
            with loop(b, zero, vectors) as t:
                found = b.load(address(b, self.sums, t, WIDE, WIDE), align=ANY_ALIGNMENT)
                base = b.add(first_result, b.add(b.mul(t, rows), r))
                for k in range(WIDE):
                    slot = self.listed(b.add(base, ir.Constant(INT64, k)))
                    self.store(b.extract_element(found, ir.Constant(INT32, k)), self.numbers, slot)
        with loop(b, r, rows) as one, loop(b, zero, vectors) as t:
            w, x = self.listed(b.add(first_row, one)), self.listed(b.add(at, t))
            result = self.listed(b.add(first_result, b.add(b.mul(t, rows), one)))
            self.total(count, [(x, True), (w, True)], result)

    def add_products(self, place: ir.Value, x: ir.Value, columns: list[ir.Value], registers: Registers) -> None:
        b = self.builder
        total = b.load(place, align=ANY_ALIGNMENT)
        for k, column in enumerate(columns):
            number = spread(b, self.load(self.numbers, b.add(x, ir.Constant(INT64, k))), WIDE)
            total = registers.apply("add", total, registers.apply("mul", number, column))
        b.store(total, place, align=ANY_ALIGNMENT)

    def transposed(self, rows: list[ir.Value]) -> list[ir.Value]:
        """Return the columns of a square of registers."""
        distance = 1
        while distance < WIDE:
            for k in range(WIDE):
                if not k & distance:
                    low, high = rows[k], rows[k + distance]
                    kept = [i + (WIDE - distance if i & distance else 0) for i in range(WIDE)]
                    moved = [i + (WIDE if i & distance else distance) for i in range(WIDE)]
                    rows[k], rows[k + distance] = self.shuffled(low, high, kept), self.shuffled(low, high, moved)
            distance *= 2
        return rows

    def shuffled(self, a: ir.Value, b: ir.Value, order: list[int]) -> ir.Value:
        return self.builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(INT32, WIDE), order))

    def reverse_grid(self) -> None:
        """Add to the adjoints of some lists the numbers of some others, each times an upstream of its own."""
        b, zero = self.builder, ir.Constant(INT64, 0)
        at, (targets, others, count) = self.slot, self.fields
        first_other = b.add(at, targets)
        first_upstream = b.add(first_other, others)
        with loop(b, zero, targets) as a:
            target, row = self.listed(b.add(at, a)), b.add(first_upstream, b.mul(a, others))
            with loop(b, zero, count, 2 * WIDE) as j:
                self.add_all(b.add(target, j), j, 2, row, first_other, others)
            with loop(b, j, count, WIDE) as j:
                self.add_all(b.add(target, j), j, 1, row, first_other, others)
            with loop(b, j, count) as j:
                self.add_all(b.add(target, j), j, 0, row, first_other, others)

    def add_all(
        self, target: ir.Value, j: ir.Value, blocks: int, row: ir.Value, first_other: ir.Value, others: ir.Value
    ) -> None:
        b, wide = self.builder, WIDE if blocks else 1
        registers = self.registers(wide)
        offsets = [ir.Constant(INT64, k * wide) for k in range(blocks or 1)]
        with b.goto_entry_block():
            totals = [b.alloca(registers.type) for _ in offsets]
        for total, offset in zip(totals, offsets, strict=True):
            b.store(self.load(self.adjoints, b.add(target, offset), wide), total)
        with loop(b, ir.Constant(INT64, 0), others) as k:
            upstream = spread(b, self.load(self.adjoints, self.listed(b.add(row, k))), wide)
            source = b.add(self.listed(b.add(first_other, k)), j)
            for total, offset in zip(totals, offsets, strict=True):
                product = registers.apply("mul", self.load(self.numbers, b.add(source, offset), wide), upstream)
                b.store(registers.apply("add", b.load(total), product), total)
        for total, offset in zip(totals, offsets, strict=True):
            self.store(b.load(total), self.adjoints, b.add(target, offset), wide)
