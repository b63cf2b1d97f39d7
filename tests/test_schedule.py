"""The tape's arrangement: what lies side by side, runs and grids; and that none of it changes a number."""

import random

import pytest

from autograd_tiny import Value, dot, ops, relu, tanh
from autograd_tiny.compilation import Program
from autograd_tiny.compilation.encoding import record_tape
from autograd_tiny.compilation.tape import GRIDS, MOST_VECTORS, RECORD, cases, runs

pytest.importorskip("llvmlite")

from autograd_tiny.compilation.native_program import Compiled, NativeBatch, Settings, aligned, split


def values(count, rng):
    return [Value(rng.uniform(-1.5, 1.5)) for _ in range(count)]


def names(integers):
    known = {number: name for name, number in cases().items()}
    return [known[case] for case in integers[::RECORD]]


def computed(program, fast=False, lanes=1):
    """Return (outputs, gradients) by the tape."""
    import numpy as np

    batch = NativeBatch(program, True, Settings(lanes, fast, straight=False), aligned(program.parameters))
    batch.shared[:] = program.example[: program.parameters]
    batch.seeds[:] = 1.0
    batch.bind(np.zeros((1, 1)), np.zeros(1, np.int32))
    batch.run()
    return batch.results[0].tolist(), batch.totals.tolist()


def assert_same_numbers(roots, leaves):
    """The tape gives the bits of the recorded graph; with fast, the same up to rounding; with lanes too."""
    program = Program.of(roots, leaves)
    for leaf in leaves:
        leaf.grad = 0.0
    total = roots[0] if len(roots) == 1 else ops.sum(roots)
    total.backward()
    expected = [root.data for root in roots], [leaf.grad for leaf in leaves]
    assert computed(program) == expected
    outputs, gradients = computed(program, fast=True)
    assert outputs == pytest.approx(expected[0], rel=1e-12, abs=1e-12)
    assert gradients == pytest.approx(expected[1], rel=1e-11, abs=1e-11)
    outputs, _ = computed(program, lanes=2)
    assert outputs == expected[0]
    return program


@pytest.mark.parametrize(
    ("vectors", "rows", "count"),
    [(1, 4, 4), (2, 8, 8), (3, 11, 13), (9, 16, 16), (5, 27, 64), (2, 3, 5), (MOST_VECTORS + 6, 9, 6), (66, 68, 4)],
)
def test_a_matrix_times_vectors_is_a_grid(vectors, rows, count):
    rng = random.Random(vectors * 100 + rows)
    matrix, data = [values(count, rng) for _ in range(rows)], [values(count, rng) for _ in range(vectors)]
    outputs = [tanh(dot(row, x)) for x in data for row in matrix]
    leaves = [w for row in matrix for w in row] + [x for row in data for x in row]
    program = assert_same_numbers([ops.sum(outputs)], leaves)
    for fast in (False, True):
        tape = record_tape(program, fast=fast)
        assert names(tape.forward).count(GRIDS[0]) == -(-min(vectors, rows) // MOST_VECTORS)
        assert "dot side by side side by side" not in names(tape.forward)
        assert (GRIDS[1] in names(tape.backward)) == fast, "in the order recorded, gradients are added one by one"


def test_a_network_on_several_vectors():
    """Results of one grid are the vectors of the next one."""
    rng = random.Random(5)
    layers = [[values(6, rng) for _ in range(10)], [values(10, rng) for _ in range(12)], [values(12, rng)]]
    data = [values(6, rng) for _ in range(4)]
    outputs = []
    for x in data:
        for layer in layers:
            x = [relu(dot(x, row)) for row in layer]
        outputs += x
    leaves = [w for layer in layers for row in layer for w in row] + [x for row in data for x in row]
    program = assert_same_numbers([ops.sum(outputs)], leaves)
    assert names(record_tape(program).forward).count(GRIDS[0]) >= 2


@pytest.mark.parametrize("seed", range(40))
def test_dots_of_whatever_lists(seed):
    """Lists side by side, with gaps, backwards, with repetitions, overlapping: of leaves and of results."""
    rng = random.Random(seed)
    leaves = values(40, rng)
    numbers = list(leaves)
    for _ in range(60):
        count = rng.choice([1, 4, 4, 5, 8, 9])
        lists = []
        for _ in range(2):
            kind, start = rng.randrange(4), rng.randrange(len(numbers) - 2 * count)
            if kind == 0:
                lists.append(numbers[start : start + 2 * count : 2])
            elif kind == 1:
                lists.append(numbers[start : start + count][::-1])
            elif kind == 2:
                lists.append([rng.choice(numbers) for _ in range(count)])
            else:
                lists.append(numbers[start : start + count])
        made = rng.choice([dot, dot, dot, dot, lambda a, b: ops.max(a) * b[0], lambda a, b: ops.sum(a) - b[-1]])(*lists)
        numbers.append(rng.choice([tanh, ops.sin, lambda y: y * 0.25, ops.sigmoid])(made))
    assert_same_numbers([ops.mean(numbers[-10:])], leaves)


@pytest.mark.parametrize("seed", range(20))
def test_elementwise_operations_side_by_side(seed):
    """Runs with operands that go along, stay, jump, or are the results of the run before."""
    rng = random.Random(seed)
    a, b = values(19, rng), values(19, rng)
    leaves = [*a, *b]
    for _ in range(4):
        kind = rng.randrange(6)
        if kind == 0:
            a = [x + y for x, y in zip(a, b, strict=True)]
        elif kind == 1:
            a = [x * b[3] for x in a]
        elif kind == 2:
            a = [b[0] - x for x in a]
        elif kind == 3:
            a = [ops.exp(0.1 * x) for x in a]
        elif kind == 4:
            a = [ops.maximum(x, y) for x, y in zip(a, reversed(b), strict=True)]
        else:
            a, b = [relu(x) for x in b], a
    program = assert_same_numbers([dot(a, b) + dot(leaves[:4], leaves[4:8])], leaves)
    assert set(names(record_tape(program).forward)) & set(runs())


def test_elementwise_graphs_keep_the_order_they_were_recorded_in():
    x, y = Value(0.5), Value(0.25)
    program = Program.of([(x * y + x).tanh() * y], [x, y])
    assert names(record_tape(program).forward) == ["mul", "add", "tanh", "mul"]
    assert names(record_tape(program).backward) == ["mul'", "tanh'", "add'", "mul'"]


def test_results_that_a_dot_reads_lie_side_by_side():
    rng = random.Random(1)
    x, rows = values(5, rng), [values(5, rng) for _ in range(7)]
    hidden = [relu(dot(row, x)) for row in rows]
    program = Program.of([dot(hidden, hidden[::-1])], [*x, *[w for row in rows for w in row]])
    assert "dot side by side listed" in names(record_tape(program).forward)


# ---------------------------------------------------------------- what all examples share


def test_what_depends_on_parameters_only_is_computed_once_a_batch():
    w, b, x = Value(2.0), Value(0.5), Value(3.0)
    penalty = w * w + b * b
    program = Program.of([w * x + b + penalty * 0.1], [w, b], [x])
    shared, rest = split(program)
    assert [instruction.op.name for instruction in shared.instructions] == ["mul", "mul", "add", "mul"]
    assert [instruction.op.name for instruction in rest.instructions] == ["mul", "add", "add"]
    assert shared.inputs == 0
    assert rest.parameters == rest.wanted == 3


def test_nothing_is_shared_where_everything_depends_on_the_example():
    w, x = Value(2.0), Value(3.0)
    program = Program.of([w * x], [w], [x])
    assert split(program) == (None, program)


def test_programs_without_inputs_are_not_split():
    w = Value(2.0)
    program = Program.of([w * w], [w])
    assert split(program) == (None, program)


@pytest.mark.parametrize("examples", [1, 13])
def test_shared_parts_and_examples_together(examples):
    import numpy as np

    w, b, x = Value(2.0), Value(0.5), Value(3.0)
    program = Program.of([(w * x + b).tanh() + (w * w + b * b) * 0.1], [w, b], [x])
    rows, order = np.linspace(-1.0, 1.0, examples).reshape(-1, 1), np.arange(examples, dtype=np.int32)
    results, totals = Compiled(program, True, examples).run([2.0, 0.5], rows, order, [1.0])
    w.grad = b.grad = 0.0
    for k, (number,) in enumerate(rows.tolist()):
        y = (w * number + b).tanh() + (w * w + b * b) * 0.1
        y.backward()
        assert results[k, 0] == y.data
    assert totals.tolist() == pytest.approx([w.grad, b.grad], rel=1e-14)
