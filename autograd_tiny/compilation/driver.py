"""The loops around a block, in native code: over the examples of a batch, and over the steps of training.

What a loop works on is listed in a context, an array of 64-bit integers, most of them addresses; the names of its
entries are the members of :class:`Batch`, :class:`Tape` and :class:`Training`.
"""

from __future__ import annotations

from enum import IntEnum, auto

from llvmlite import ir

from .lowering import Code
from .registers import ANY_ALIGNMENT, DOUBLE, INT64, INTEGERS, NUMBERS, Registers, address, loop, spread
from .straight_line import BLOCK
from .updates import Rule

CONTEXT = ir.PointerType(INT64)
WALK = ir.FunctionType(INT64, [CONTEXT])
"""(context): the kind of function a loop is."""
KERNEL = ir.FunctionType(INT64, [INTEGERS, INT64, NUMBERS, NUMBERS, INTEGERS])
"""(records, how many, numbers, adjoints, lists): the tape kernel."""
UPDATE = ir.FunctionType(INT64, [NUMBERS] * 5 + [CONTEXT, INT64, NUMBERS])
"""(parameters, gradients, three quantities, ends of the groups, how many groups, settings): an optimiser's step."""


class _Entry(IntEnum):
    @staticmethod
    def _generate_next_value_(name: str, start: int, count: int, last: list[int]) -> int:
        return count


class Batch(_Entry):
    """Entries of the context of a batch."""

    BLOCK = auto()  # the function that computes one register of examples
    TAPE = auto()  # the context it is given
    DATA = auto()  # the inputs of all examples, a row for each
    WIDTH = auto()  # how many inputs an example has
    ORDER = auto()  # which rows make the batch
    COUNT = auto()  # how many
    SHARED = auto()  # the numbers that all examples share
    EVERYWHERE = auto()  # where to write them to every lane, or 0
    SHARED_COUNT = auto()
    INPUTS = auto()
    SEEDS = auto()
    OUTPUTS = auto()
    OUTPUT_COUNT = auto()
    RESULTS = auto()  # the outputs of all examples, a row for each
    GRADIENTS = auto()  # lane by lane
    TOTALS = auto()  # summed over the examples
    GRADIENT_COUNT = auto()


class Tape(_Entry):
    """Entries of the context of a tape."""

    KERNEL = auto()
    FORWARD = auto()
    FORWARD_COUNT = auto()
    BACKWARD = auto()
    BACKWARD_COUNT = auto()
    NUMBERS = auto()
    ADJOINTS = auto()
    ADJOINT_COUNT = auto()  # 0 when no gradients are wanted
    KEPT_COUNT = auto()  # of the adjoints: those of the parameters, which add up over the batch
    LISTS = auto()
    OUTPUT_SLOTS = auto()
    OUTPUT_COUNT = auto()


class Training(_Entry):
    """Entries of the context of a training."""

    STEPS = auto()
    BATCH = auto()  # the function of a batch
    EXAMPLES = auto()  # the context of the batch of examples
    BATCH_SIZE = auto()
    LEFT = auto()  # how many positions are left in ORDER
    MEAN = auto()  # whether the loss is the mean over the examples, not their sum
    SHARED_BATCH = auto()  # the function of what all examples share, or 0
    BEFORE = auto()  # its contexts before the examples and after them
    AFTER = auto()
    UPDATE = auto()  # the function of the optimiser
    QUANTITY_0 = auto()
    QUANTITY_1 = auto()
    QUANTITY_2 = auto()
    PARAMETER_COUNT = auto()
    GROUPS = auto()
    GROUP_COUNT = auto()
    SETTINGS = auto()  # a row for each step
    SETTING_COUNT = auto()
    LOSSES = auto()  # one for each step
    DONE = auto()  # how many steps were taken; to be set to 0 before


class _Fields:
    """Reads the entries of a context."""

    def __init__(self, builder: ir.IRBuilder, context: ir.Value) -> None:
        self.builder, self.context = builder, context

    def place(self, entry: IntEnum) -> ir.Value:
        return self.builder.gep(self.context, [ir.Constant(INT64, int(entry))])

    def integer(self, entry: IntEnum) -> ir.Value:
        return self.builder.load(self.place(entry))

    def pointer(self, entry: IntEnum, kind: ir.Type = NUMBERS) -> ir.Value:
        return self.builder.inttoptr(self.integer(entry), kind)

    def set(self, entry: IntEnum, number: ir.Value) -> None:
        self.builder.store(number, self.place(entry))


def batch_module(lanes: int) -> ir.Module:
    """Return the module of ``batch``: the block for all examples of a batch, so many at a time; sums the gradients.

    The first register may have lanes without an example; they compute copies of another one, whose gradients are
    left out.
    """
    module = ir.Module("batch")
    function = ir.Function(module, WALK, "batch")
    b = ir.IRBuilder(function.append_basic_block("entry"))
    fields, registers = _Fields(b, function.args[0]), Registers(b, lanes)
    block = fields.pointer(Batch.BLOCK, ir.PointerType(BLOCK))
    data, width = fields.pointer(Batch.DATA), fields.integer(Batch.WIDTH)
    order, count = fields.pointer(Batch.ORDER, INTEGERS), fields.integer(Batch.COUNT)
    shared, inputs, seeds = (fields.pointer(entry) for entry in (Batch.SHARED, Batch.INPUTS, Batch.SEEDS))
    outputs, output_count = fields.pointer(Batch.OUTPUTS), fields.integer(Batch.OUTPUT_COUNT)
    results, gradients = fields.pointer(Batch.RESULTS), fields.pointer(Batch.GRADIENTS)
    totals, gradient_count = fields.pointer(Batch.TOTALS), fields.integer(Batch.GRADIENT_COUNT)
    tape = fields.pointer(Batch.TAPE)
    everywhere = fields.pointer(Batch.EVERYWHERE)
    wanted = b.icmp_signed("!=", fields.integer(Batch.EVERYWHERE), ir.Constant(INT64, 0))
    with b.if_then(wanted), loop(b, 0, fields.integer(Batch.SHARED_COUNT)) as k:
        number = spread(b, b.load(address(b, shared, k)), lanes)
        b.store(number, address(b, everywhere, k, lanes, lanes), align=ANY_ALIGNMENT)
    with loop(b, 0, gradient_count) as k:
        b.store(registers.constant(0.0), address(b, gradients, k, lanes, lanes), align=ANY_ALIGNMENT)

    def run(start: ir.Value, filled: ir.Value) -> None:
        last = b.sub(filled, ir.Constant(INT64, 1))
        for lane in range(lanes):
            own = ir.Constant(INT64, lane)
            taken = own if lane == 0 else b.select(b.icmp_signed("<", own, filled), own, last)
            row = b.sext(b.load(address(b, order, b.add(start, taken))), INT64)
            source = b.gep(data, [b.mul(row, width)])
            with loop(b, 0, width) as k:
                b.store(b.load(address(b, source, k)), b.gep(inputs, [b.add(b.mul(k, ir.Constant(INT64, lanes)), own)]))
        b.call(block, [shared, shared, inputs, seeds, outputs, gradients, tape])
        with loop(b, 0, filled) as lane:
            row = b.gep(results, [b.mul(b.add(start, lane), output_count)])
            with loop(b, 0, output_count) as k:
                b.store(b.load(b.gep(outputs, [b.add(b.mul(k, ir.Constant(INT64, lanes)), lane)])), address(b, row, k))

    odd: ir.Value = ir.Constant(INT64, 0)  # how many examples do not fill a register
    if lanes > 1:
        odd = b.srem(count, ir.Constant(INT64, lanes))
        with b.if_then(b.icmp_signed(">", odd, ir.Constant(INT64, 0))):
            run(ir.Constant(INT64, 0), odd)
            counted = ir.Constant(ir.VectorType(INT64, lanes), list(range(lanes)))
            own = b.icmp_signed("<", counted, spread(b, odd, lanes))
            with loop(b, 0, gradient_count) as k:
                place = address(b, gradients, k, lanes, lanes)
                kept = b.select(own, b.load(place, align=ANY_ALIGNMENT), registers.constant(0.0))
                b.store(kept, place, align=ANY_ALIGNMENT)
    with loop(b, odd, count, lanes) as start:
        run(start, ir.Constant(INT64, lanes))
    with loop(b, 0, gradient_count) as k:
        number = b.load(address(b, gradients, k, lanes, lanes), align=ANY_ALIGNMENT)
        b.store(registers.total(number), address(b, totals, k))
    b.ret(ir.Constant(INT64, 0))
    return module


def tape_module(lanes: int) -> ir.Module:
    """Return the module of ``tape_block``: a block that walks a tape forward and, if asked to, that of its reverse."""
    module = ir.Module("tape_block")
    function = ir.Function(module, BLOCK, "tape_block")
    b = ir.IRBuilder(function.append_basic_block("entry"))
    *_, seeds, outputs, _, context = function.args
    fields, registers = _Fields(b, b.bitcast(context, CONTEXT)), Registers(b, lanes)
    kernel = fields.pointer(Tape.KERNEL, ir.PointerType(KERNEL))
    numbers, adjoints = fields.pointer(Tape.NUMBERS), fields.pointer(Tape.ADJOINTS)
    lists, slots = fields.pointer(Tape.LISTS, INTEGERS), fields.pointer(Tape.OUTPUT_SLOTS, INTEGERS)
    output_count, backward_count = fields.integer(Tape.OUTPUT_COUNT), fields.integer(Tape.BACKWARD_COUNT)
    forward, backward = fields.pointer(Tape.FORWARD, INTEGERS), fields.pointer(Tape.BACKWARD, INTEGERS)
    b.call(kernel, [forward, fields.integer(Tape.FORWARD_COUNT), numbers, adjoints, lists])
    with loop(b, 0, output_count) as k:
        slot = b.sext(b.load(address(b, slots, k)), INT64)
        number = b.load(address(b, numbers, slot, lanes, lanes), align=ANY_ALIGNMENT)
        b.store(number, address(b, outputs, k, lanes, lanes), align=ANY_ALIGNMENT)
    adjoint_count = fields.integer(Tape.ADJOINT_COUNT)
    with b.if_then(b.icmp_signed(">", adjoint_count, ir.Constant(INT64, 0))):
        with loop(b, fields.integer(Tape.KEPT_COUNT), adjoint_count) as k:
            b.store(registers.constant(0.0), address(b, adjoints, k, lanes, lanes), align=ANY_ALIGNMENT)
        with loop(b, 0, output_count) as k:
            slot = b.sext(b.load(address(b, slots, k)), INT64)
            place = address(b, adjoints, slot, lanes, lanes)
            seed = b.load(address(b, seeds, k, lanes, lanes), align=ANY_ALIGNMENT)
            b.store(b.fadd(b.load(place, align=ANY_ALIGNMENT), seed), place, align=ANY_ALIGNMENT)
        b.call(kernel, [backward, backward_count, numbers, adjoints, lists])
    b.ret(ir.Constant(INT64, 0))
    return module


def training_module(lanes: int) -> ir.Module:
    """Return the module of ``train``: so many steps of training; returns how many were taken.

    A step whose loss or gradient is not finite changes nothing and ends the loop; its loss is there.
    """
    module = ir.Module("training")
    function = ir.Function(module, WALK, "train")
    b = ir.IRBuilder(function.append_basic_block("entry"))
    fields = _Fields(b, function.args[0])
    walk = ir.PointerType(WALK)
    examples_at, zero = fields.pointer(Training.EXAMPLES, CONTEXT), ir.Constant(INT64, 0)
    examples = _Fields(b, examples_at)
    has_shared = b.icmp_signed("!=", fields.integer(Training.SHARED_BATCH), zero)
    shared_batch = fields.pointer(Training.SHARED_BATCH, walk)
    after_at = fields.pointer(Training.AFTER, CONTEXT)
    totals, parameters = examples.pointer(Batch.TOTALS), examples.pointer(Batch.SHARED)
    parameter_count = fields.integer(Training.PARAMETER_COUNT)
    seeds, results = examples.pointer(Batch.SEEDS), examples.pointer(Batch.RESULTS)
    losses, settings = fields.pointer(Training.LOSSES), fields.pointer(Training.SETTINGS)
    order = examples.integer(Batch.ORDER)
    with loop(b, 0, fields.integer(Training.STEPS)) as step:
        left, size = fields.integer(Training.LEFT), fields.integer(Training.BATCH_SIZE)
        count = b.select(b.icmp_signed("<", left, size), left, size)
        examples.set(Batch.COUNT, count)
        size_of_batch = b.sitofp(count, DOUBLE)
        one = ir.Constant(DOUBLE, 1.0)
        mean = b.icmp_signed("!=", fields.integer(Training.MEAN), zero)
        seed = b.select(mean, b.fdiv(one, size_of_batch), one)
        b.store(spread(b, seed, lanes), address(b, seeds, 0, lanes, lanes), align=ANY_ALIGNMENT)
        with b.if_then(has_shared):
            b.call(shared_batch, [fields.pointer(Training.BEFORE, CONTEXT)])
        b.call(fields.pointer(Training.BATCH, walk), [examples_at])
        with b.if_then(has_shared):
            b.call(shared_batch, [after_at])
            more = _Fields(b, after_at).pointer(Batch.TOTALS)
            with loop(b, 0, parameter_count) as k:
                place = address(b, totals, k)
                b.store(b.fadd(b.load(place), b.load(address(b, more, k))), place)
        with b.goto_entry_block():
            total, spoiled = b.alloca(DOUBLE), b.alloca(DOUBLE)
        b.store(ir.Constant(DOUBLE, 0.0), total)
        with loop(b, 0, count) as k:
            b.store(b.fadd(b.load(total), b.load(address(b, results, k))), total)
        loss = b.select(mean, b.fdiv(b.load(total), size_of_batch), b.load(total))
        b.store(loss, address(b, losses, step))
        b.store(b.fmul(loss, ir.Constant(DOUBLE, 0.0)), spoiled)  # 0 times inf or nan is nan, and stays in the sum
        with loop(b, 0, parameter_count) as k:
            none = b.fmul(b.load(address(b, totals, k)), ir.Constant(DOUBLE, 0.0), flags=("reassoc",))
            b.store(b.fadd(b.load(spoiled), none, flags=("reassoc",)), spoiled)
        with b.if_then(b.fcmp_unordered("!=", b.load(spoiled), ir.Constant(DOUBLE, 0.0))):
            b.ret(step)
        row = b.gep(settings, [b.mul(step, fields.integer(Training.SETTING_COUNT))])
        names = (Training.QUANTITY_0, Training.QUANTITY_1, Training.QUANTITY_2)
        quantities = [fields.pointer(entry) for entry in names]
        groups, group_count = fields.pointer(Training.GROUPS, CONTEXT), fields.integer(Training.GROUP_COUNT)
        update = fields.pointer(Training.UPDATE, ir.PointerType(UPDATE))
        b.call(update, [parameters, totals, *quantities, groups, group_count, row])
        fields.set(Training.DONE, b.add(fields.integer(Training.DONE), ir.Constant(INT64, 1)))
        fields.set(Training.LEFT, b.sub(left, count))
        at = b.add(examples.integer(Batch.ORDER), b.mul(count, ir.Constant(INT64, 4)))
        examples.set(Batch.ORDER, at)
        with b.if_then(b.icmp_signed("==", b.sub(left, count), zero)):  # the next epoch, in the same order
            taken = b.sdiv(b.sub(at, order), ir.Constant(INT64, 4))
            fields.set(Training.LEFT, taken)
            examples.set(Batch.ORDER, order)
    b.ret(step)
    return module


def update_module(rule: Rule, settings: int, lanes: int) -> ir.Module:
    """Return the module of ``update``: an optimiser's step for all parameters, group by group.

    Args:
        rule: how one parameter moves.
        settings: how many settings it has.
        lanes: how many parameters at a time.
    """
    module = ir.Module("update")
    function = ir.Function(module, UPDATE, "update")
    for argument in function.args[:5]:
        argument.add_attribute("noalias")
    b = ir.IRBuilder(function.append_basic_block("entry"))
    arrays, (groups, group_count, row) = function.args[:5], function.args[5:]
    used = 2 + len(rule.quantities)

    def move(i: ir.Value, lanes: int, numbers: list[ir.Value]) -> None:
        places = [address(b, b.gep(array, [i]), 0, 1, lanes) for array in arrays[:used]]
        code, registers = Code(), Registers(b, lanes)
        terms = [code.leaf("setting", k) for k in range(used + settings)]
        p, quantities = rule.apply(code.m, terms[0], terms[1], terms[2:used], terms[used:])
        given = [b.load(place, align=ANY_ALIGNMENT) for place in places]
        given += [spread(b, number, lanes) for number in numbers]
        written = registers.run(code.steps, lambda name, k: given[k])
        for term, place in zip([p, *quantities], [places[0], *places[2:]], strict=True):
            b.store(written[term.position], place, align=ANY_ALIGNMENT)

    with loop(b, 0, group_count) as group:
        first, last = (b.load(b.gep(groups, [b.add(group, ir.Constant(INT64, k))])) for k in (0, 1))
        own = b.gep(row, [b.mul(group, ir.Constant(INT64, settings))])
        numbers = [b.load(address(b, own, k)) for k in range(settings)]
        with loop(b, first, last, lanes) as i:
            move(i, lanes, numbers)
        with loop(b, i, last) as one:
            move(one, 1, numbers)
    b.ret(ir.Constant(INT64, 0))
    return module
