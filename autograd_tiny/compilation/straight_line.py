"""Small programs as straight-line machine code that handles several examples at a time, one in each lane.

Such a block has the signature of all blocks, see :data:`BLOCK`: a pointer each to the shared numbers (twice), the
inputs, the seeds, the outputs, the gradients, and one that it does not need. But for the shared numbers all are
arrays of registers.
"""

from __future__ import annotations

from llvmlite import ir

from .lowering import StraightLine
from .registers import ANY_ALIGNMENT, INT64, NUMBERS, Registers, address, spread

BLOCK = ir.FunctionType(INT64, [NUMBERS] * 7)
"""(shared, shared, inputs, seeds, outputs, gradients, tape): what computes the results of one register of examples."""


def block(code: StraightLine, lanes: int, fast: bool = False) -> ir.Module:
    """Return the module of a block for a program.

    Args:
        code: the program; the gradient of parameter k is added to the number k in memory.
        lanes: how many examples at a time.
        fast: whether products and sums may be contracted and sums reordered.
    """
    module = ir.Module("block")
    function = ir.Function(module, BLOCK, "block")
    for argument in function.args:
        argument.add_attribute("noalias")
    builder = ir.IRBuilder(function.append_basic_block())
    registers = Registers(builder, lanes, fast)
    forward, backward, inputs, seeds, outputs, gradients, _ = function.args
    arrays = {"input": inputs, "seed": seeds, "output": outputs, "gradient": gradients}

    def place(name: str, k: int) -> ir.Value:
        return address(builder, arrays[name], k, lanes, lanes)

    def shared(pointer: ir.Value, k: int) -> ir.Value:
        return spread(builder, builder.load(address(builder, pointer, k)), lanes)

    written: list[ir.Value | None] = []
    again: dict[int, ir.Value] = {}

    def operand(i: int) -> ir.Value:
        # Shared numbers are read where they are used, in the reverse pass once more and through a pointer of its own:
        # kept in registers from the one to the other, they would all have to be spilled.
        register = written[i]
        if register is None:
            k = code.steps[i].operands[0]
            register = again.get(i)
            if register is None:
                register = again[i] = shared(forward if len(written) < code.forward else backward, k)
        return register

    gradient_at: dict[int, list[int]] = {}
    for k, position in code.gradients.items():
        gradient_at.setdefault(position, []).append(k)
    for i, (name, operands) in enumerate(code.steps):
        if i == code.forward:
            again.clear()
        if name == "parameter":
            written.append(None)
        elif name in ("input", "seed"):
            written.append(builder.load(place(name, operands[0]), align=ANY_ALIGNMENT))
        elif name == "constant":
            written.append(registers.constant(operands[0]))
        else:
            written.append(registers.apply(name, *[operand(k) for k in operands]))
        for k in gradient_at.get(i, ()):
            total = place("gradient", k)
            so_far = builder.load(total, align=ANY_ALIGNMENT)
            builder.store(registers.apply("add", so_far, registers.number(operand(i))), total, align=ANY_ALIGNMENT)
    for k, i in enumerate(code.outputs):
        builder.store(registers.number(operand(i)), place("output", k), align=ANY_ALIGNMENT)
    builder.ret(ir.Constant(INT64, 0))
    return module
