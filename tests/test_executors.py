"""Executors: every operation, every batch and random programs on each of them, against recorded Values.

What is asserted here, for one example:

    python, straight, tape   the bits of recorded Values, values and gradients, for every operation
    numpy                    the same bits for the operations that use arithmetic and roots only; for the others NumPy's
                             own exp, tanh, pow ... are up to 4 units in the last place away, which a rule such as
                             1 - tanh(x)^2 amplifies
"""

import itertools
import math
import random

import numpy as np
import pytest
from executing import EXECUTORS, NATIVE, SIZES, OneOfEach, executor_for, points_of_operations, recorded, run, ulps
from hypothesis import HealthCheck, Phase, given, settings
from number_systems import bits

from autograd_tiny import Value, dot, hypot, ops, primitive, where
from autograd_tiny.compilation import Program, executors
from autograd_tiny.errors import ParameterError
from autograd_tiny.primitive import forget
from autograd_tiny.testing import expressions

ONE_BY_ONE = ("python", "numpy", "tape")  # straight-line code of all operations is compiled once, see below
ARITHMETIC = (
    "add sub mul div neg abs sqrt relu leaky_relu maximum minimum clip dot sum mean max min where hypot".split()
)
ARITHMETIC += "sign floor ceil round greater greater_equal equal not_equal identity sin cos".split()
NUMPY_VALUES = 4  # units in the last place, of values and slopes
NUMPY_AMPLIFIES = {  # operations whose rules subtract numbers that are nearly equal
    "tanh": 1e-12,
    "gelu_tanh": 1e-10,
    "mish": 1e-14,
    "softmax": 1e-12,
    "log_softmax": 1e-13,
}
PYTHONS_OWN = ("hypot", "atan2")  # math.hypot is no function of the C library, and the slopes of atan2 use it
PYTHONS_OWN_ULPS = 4
EVERY = list(points_of_operations())


def mismatches(name, op, points, found):
    """Return what differs from the recorded operation, as text."""
    wrong = []
    for point, (value, slopes) in zip(points, found, strict=True):
        right_value, right_slopes = recorded(op, point)
        for what, x, y in [
            ("value", value, right_value),
            *[("slope", *pair) for pair in zip(slopes, right_slopes, strict=True)],
        ]:
            if not agree(name, op, x, y):
                wrong.append(f"{op!r} at {point}: {what} {x!r}, recorded {y!r}")
    return wrong


def agree(name, op, x, y):
    if name not in ("numpy", "python") and op.name in PYTHONS_OWN:
        return bits(x) == bits(y) or ulps(x, y) <= PYTHONS_OWN_ULPS
    if name != "numpy" or op.name in ARITHMETIC:
        return bits(x) == bits(y)
    if op.name in NUMPY_AMPLIFIES and math.isclose(x, y, rel_tol=NUMPY_AMPLIFIES[op.name], abs_tol=1e-300):
        return True
    return ulps(x, y) <= NUMPY_VALUES


# ---------------------------------------------------------------- every operation


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", ONE_BY_ONE)
@pytest.mark.parametrize(("op", "count"), EVERY, ids=repr)
def test_every_operation(op, count, name, size):
    one, points = OneOfEach([(op, count)]), points_of_operations()[op, count]
    executor = one.executor(name, size)
    found = [one.results(executor, size, i % size, [point])[0] for i, point in enumerate(points)]
    assert mismatches(name, op, points, found)[:5] == []


@pytest.mark.slow
@pytest.mark.parametrize("size", SIZES)
def test_every_operation_in_straight_line_code(size):
    one = OneOfEach(EVERY)
    executor = one.executor("straight", size)
    most = max(map(len, points_of_operations().values()))
    found = []
    for i in range(most):
        chosen = [points[i % len(points)] for points in points_of_operations().values()]
        found.append(one.results(executor, size, i % size, chosen))
    wrong = []
    for k, ((op, _), points) in enumerate(points_of_operations().items()):
        wrong += mismatches("straight", op, points, [results[k] for results in found[: len(points)]])
    assert wrong[:5] == []


# ---------------------------------------------------------------- random programs


def drawn(strategy, count):
    """Return so many examples of a strategy, the same ones in every run."""
    found = []

    @settings(
        max_examples=count,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def draw(example):
        found.append(example)

    draw()
    return found


def program_of(f):
    """Return a random expression as a Program and the result and gradients of backward()."""
    leaves = [Value(x) for x in f.point]
    root = f(*leaves)
    root.backward()
    return Program.of([root], leaves), root.data, [leaf.grad for leaf in leaves]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["python", "tape"])
def test_random_programs_to_the_bit(name):
    for f in drawn(expressions(size=(1, 30)), 300):
        program, value, gradients = program_of(f)
        ((found,),), totals = run(program, name)
        if name != "python" and {instruction.op.name for instruction in program.instructions} & {*PYTHONS_OWN}:
            assert [found, *totals] == pytest.approx([value, *gradients], rel=1e-9, abs=1e-12), f
        else:
            assert list(map(bits, [found, *totals])) == list(map(bits, [value, *gradients])), f


def test_machine_code_takes_the_hypot_of_the_c_library():
    """The point at which it is another number than Python's, or was when this was written: an ulp at most."""
    x, y = 1.200223427757402, -0.7678432598162798
    for name in ("straight", "tape"):
        a, b = Value(x), Value(y)
        program = Program.of([hypot(a, b)], [a, b])
        ((found,),), _ = run(program, name)
        assert ulps(found, math.hypot(x, y)) <= 1


def test_random_programs_on_arrays():
    for f in drawn(expressions(size=(1, 30)), 200):
        program, value, gradients = program_of(f)
        ((found,),), totals = run(program, "numpy")
        assert [found, *totals] == pytest.approx([value, *gradients], rel=1e-10, abs=1e-12), f


@pytest.mark.parametrize("name", ["numpy", "straight"])
def test_random_arithmetic_to_the_bit(name):
    """Many expressions are one program with many results, compiled once."""
    arithmetic = "add sub mul div neg dot sum maximum relu abs clip".split()
    roots, parameters, expected, gradients = [], [], [], []
    for f in drawn(expressions(ops=arithmetic, size=(1, 25)), 60):
        leaves = [Value(x) for x in f.point]
        root = f(*leaves)
        root.backward()
        roots.append(root)
        parameters += leaves
        expected.append(root.data)
        gradients += [leaf.grad for leaf in leaves]
    (found,), totals = run(Program.of(roots, parameters), name)
    assert list(map(bits, found)) == list(map(bits, expected))
    assert list(map(bits, totals)) == list(map(bits, gradients))


@pytest.mark.slow
@pytest.mark.parametrize("size", SIZES)
def test_random_programs_in_straight_line_code(size):
    programs = [program_of(f) for f in drawn(expressions(size=(1, 30)), 25)]
    for program, value, gradients in programs:
        rows, totals = run(program, "straight", [[]] * size)
        if {instruction.op.name for instruction in program.instructions} & {*PYTHONS_OWN}:
            assert [*rows[0], *totals] == pytest.approx([value, *[size * g for g in gradients]], rel=1e-9)
            continue
        assert {bits(found) for (found,) in rows} == {bits(value)}
        if size == 1:
            assert list(map(bits, totals)) == list(map(bits, gradients))
        else:
            assert totals == pytest.approx([size * gradient for gradient in gradients], rel=1e-13)


# ---------------------------------------------------------------- sums and dot products


def tangle(seed):
    """Return leaves and a sum over random dots and sums: of neighbours, of the same node twice, of 1 to 40 operands."""
    rng = random.Random(seed)
    leaves = [Value(rng.uniform(-2, 2)) for _ in range(rng.randint(1, 40))]
    pool = list(leaves)
    for _ in range(rng.randint(1, 10)):
        n = rng.randint(1, min(len(pool), 30))
        i, j = (rng.randint(0, len(pool) - n) for _ in range(2))
        mixed, others = [rng.choice(pool) for _ in range(n)], [rng.choice(pool) for _ in range(n)]
        kinds = [
            [dot(mixed, others)],
            [dot(pool[i : i + n], pool[j : j + n])],
            [dot(pool[i : i + n], pool[i : i + n])],
            [ops.sum(mixed)],
            [ops.sum(pool[i : i + n])],
            [x * y for x, y in zip(mixed, others, strict=True)],
        ]
        pool += rng.choice(kinds)
        pool[-1] = pool[-1] * 0.125
    return leaves, ops.sum(pool[len(leaves) :])


@pytest.mark.parametrize("name", ["python", "numpy", "tape"])
def test_sums_are_added_in_the_order_of_the_graph(name):
    for seed in range(150):
        leaves, root = tangle(seed)
        wanted = random.Random(seed).randint(0, len(leaves))
        root.backward()
        program = Program.of([root], leaves, wanted=wanted)
        ((found,),), totals = run(program, name)
        assert bits(found) == bits(root.data), seed
        assert list(map(bits, totals)) == [bits(leaf.grad) for leaf in leaves[:wanted]], seed


@pytest.mark.parametrize("name", ["python", "numpy", "tape"])
def test_sums_with_inputs_that_differ_by_example(name):
    rng = random.Random(1)
    for seed in range(60):
        leaves, root = tangle(seed)
        split = rng.randint(0, len(leaves))
        parameters, inputs = leaves[:split], leaves[split:]
        wanted = rng.randint(0, split)
        program = Program.of([root], parameters, inputs, wanted=wanted)
        rows = [[rng.uniform(-2, 2) for _ in inputs] for _ in range(5)]
        results, totals = run(program, name, rows)
        expected, gradients = by_recording(program, rows)
        assert np.array(results) == pytest.approx(np.array(expected), rel=1e-12)
        assert totals == pytest.approx(gradients, rel=1e-11, abs=1e-12)


def by_recording(program, rows):
    """Return (outputs, gradients summed over the rows) of a program of one output, recorded anew for every row."""
    outputs, totals = [], [0.0] * program.wanted
    numbers = list(program.example[: program.parameters])
    for row in rows:
        values = [Value(number) for number in [*numbers, *row]]
        nodes = [*values, *[Value(constant) for constant in program.constants]]
        for op, operands, _ in program.instructions:
            nodes.append(op.apply(*op.flatten(op.grouped(tuple([nodes[slot] for slot in operands])))))
        root = nodes[program.outputs[0]]
        root.backward()
        outputs.append([root.data])
        totals = [total + value.grad for total, value in zip(totals, values[: program.wanted], strict=True)]
    return outputs, totals


def layers(seed):
    """Return (parameters, inputs, loss) of a network whose layers apply one matrix to one vector or to several."""
    rng = random.Random(seed)
    sizes = [rng.randint(1, 12) for _ in range(rng.randint(2, 4))]
    count = rng.choice([1, 1, 2, 5, 9])
    inputs = [[Value(rng.uniform(-1, 1)) for _ in range(sizes[0])] for _ in range(count)]
    vectors, parameters = inputs, []
    for fan_in, fan_out in itertools.pairwise(sizes):
        matrix = [[Value(rng.uniform(-1, 1)) for _ in range(fan_in)] for _ in range(fan_out)]
        parameters += [weight for row in matrix for weight in row]
        sums = [[dot(row, vector) for row in matrix] for vector in vectors]
        if rng.random() < 0.5:
            bias = [Value(rng.uniform(-1, 1)) for _ in range(fan_out)]
            parameters += bias
            sums = [[x + b for x, b in zip(row, bias, strict=True)] for row in sums]
        kind = rng.choice([ops.relu, ops.tanh, ops.sigmoid, lambda x: x * x, lambda x: x])
        vectors = [[kind(x) for x in row] for row in sums]
    if rng.random() < 0.5:
        vectors = [[dot(a, b) for b in vectors] for a in vectors]  # as attention does
    return parameters, [x for row in inputs for x in row], ops.sum([x for row in vectors for x in row])


@pytest.mark.parametrize("name", ["python", "tape"])
def test_layers_to_the_bit(name):
    """Matrices and vectors of all sizes, whose dots may run side by side, in the order of the graph for each sum."""
    for seed in range(40):
        parameters, inputs, root = layers(seed)
        leaves = parameters + inputs if seed % 2 else inputs + parameters
        root.backward()
        program = Program.of([root], leaves)
        ((found,),), totals = run(program, name)
        assert bits(found) == bits(root.data), seed
        assert list(map(bits, totals)) == [bits(leaf.grad) for leaf in leaves], seed


@pytest.mark.parametrize("name", ["python", "numpy", "tape"])
def test_layers_in_batches(name):
    for seed in range(15):
        parameters, inputs, root = layers(seed)
        program = Program.of([root], parameters, inputs, wanted=random.Random(seed).choice([len(parameters), 1]))
        rng = random.Random(seed)
        rows = [[rng.uniform(-1, 1) for _ in inputs] for _ in range(11)]
        results, totals = run(program, name, rows)
        expected, gradients = by_recording(program, rows)
        assert np.array(results) == pytest.approx(np.array(expected), rel=1e-12)
        assert totals == pytest.approx(gradients, rel=1e-11, abs=1e-11), seed


# ---------------------------------------------------------------- operations of one's own


@pytest.mark.parametrize("name", EXECUTORS)
@pytest.mark.parametrize("size", SIZES)
def test_operations_of_ones_own_and_new_rules_for_them(name, size):
    """Compiled code follows the rules that an operation has now, not those that its name had before."""

    def program(factor):
        @primitive(slopes=lambda m, y, x, *, c=1.5: (factor * c * m.exp(x),))
        def grown(m, x, *, c=1.5):
            """A multiple of e^x."""
            return factor * c * m.exp(x)

        @primitive(slopes=lambda m, y, *xs: tuple([factor * 2.0 * x for x in xs]))
        def squares(m, *xs):
            """A multiple of the sum of squares."""
            return factor * m.sum([x * x for x in xs])

        w, x = [Value(0.1), Value(0.2), Value(0.3)], Value(0.5)
        root = squares(w[0] * x, w[1], w[2]) + grown(w[0] * x, c=2.5) + grown(w[1])
        made = Program.of([root], w, [x])
        return made, (grown, squares)

    for factor in (1.0, -3.0):
        made, own = program(factor)
        try:
            rows = [[0.5 + 0.1 * k] for k in range(size)]
            results, totals = run(made, name, rows)
            expected = [
                [factor * ((0.1 * x) ** 2 + 0.2**2 + 0.3**2 + 2.5 * math.exp(0.1 * x) + 1.5 * math.exp(0.2))]
                for (x,) in rows
            ]
            assert np.array(results) == pytest.approx(np.array(expected), rel=1e-14)
            gradients = [
                sum(factor * (2 * 0.1 * x * x + 2.5 * math.exp(0.1 * x) * x) for (x,) in rows),
                size * factor * (2 * 0.2 + 1.5 * math.exp(0.2)),
                size * factor * 2 * 0.3,
            ]
            assert totals == pytest.approx(gradients, rel=1e-14)
        finally:
            for op in own:
                forget(op)


COMPARING = {
    "compared with each other": lambda m, x, z: m.where((x > 0) == (z > 0), x * z, 0.0 * x),
    "ordered": lambda m, x, z: m.where((x > 0) < (z > 0), x, z),
    "different": lambda m, x, z: m.where((x > 0) != (z < 1), x, z),
    "joined": lambda m, x, z: m.where(((x > 0) & (z > 0)) | (z > 5), x, z),
    "added": lambda m, x, z: (x > 0) + (z > 0) + 0.0 * x,
    "added to a number": lambda m, x, z: x + (z > x),
    "subtracted": lambda m, x, z: x * ((x > 0) - (z > 0)),
    "multiplied": lambda m, x, z: (x > 0) * (z > 0) * x,
    "negative": lambda m, x, z: 1.0 + x * -(z > 0),  # to Python -False is 0, to others -0.0
    "divided": lambda m, x, z: (z > 0) / (1.0 + x * x),
    "the result": lambda m, x, z: x > z,
    "in a function": lambda m, x, z: m.exp(x > z) + m.abs(z > x),
}


@pytest.mark.parametrize("name", EXECUTORS)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("rule", COMPARING.values(), ids=COMPARING)
def test_outcomes_of_comparisons_are_the_numbers_one_and_zero(rule, name, size):
    """As they are in Python, whatever a rule does with them."""

    def value(m, x, z):
        """A rule of two operands."""
        return rule(m, x, z)

    compare = primitive(slopes=lambda m, y, x, z: (rule(m, x, z), (x > 0) == (z > 0)))(value)
    try:
        points = list(itertools.product((-2.0, 0.5, 7.0), (-2.0, 0.5, 6.0)))
        one = OneOfEach([(compare, 2)])
        executor = one.executor(name, size)
        found = [one.results(executor, size, i % size, [point])[0] for i, point in enumerate(points)]
        if name == "numpy":  # whose exp is another one
            assert [x for x, _ in found] == pytest.approx([recorded(compare, point)[0] for point in points], rel=1e-15)
        else:
            assert mismatches(name, compare, points, found) == []
    finally:
        forget(compare)


# ---------------------------------------------------------------- batches


def moderate():
    """Return a program of 2 outputs with everything: parameters-only parts, inputs, constants, n-ary operations."""
    w, x = [Value(0.1 * k - 0.2) for k in range(6)], [Value(0.5), Value(-1.5)]
    scale = ops.exp(w[5]) + 1
    hidden = [ops.tanh(dot(w[:2], x) * scale), ops.sigmoid(dot(w[2:4], x)), ops.maximum(w[4] * x[0], x[1])]
    return Program.of([ops.logsumexp(*hidden) * scale, where(ops.greater(x[0], 0.0), hidden[0], hidden[2])], w, x)


def outputs_and_gradients(program, rows, seeds):
    """Return the same as an executor, by recording every row."""
    outputs, totals = [], [0.0] * program.wanted
    for row in rows:
        numbers = [*program.example[: program.parameters], *row]
        roots = program.record(numbers)
        outputs.append([root.data for root in roots])
        step = 1e-6
        for k in range(program.wanted):
            ends = [[*numbers[:k], numbers[k] + move, *numbers[k + 1 :]] for move in (step, -step)]
            above, below = (program.run(end) for end in ends)
            totals[k] += sum(seed * (a - b) / (2 * step) for seed, a, b in zip(seeds, above, below, strict=True))
    return outputs, totals


@pytest.mark.parametrize("name", EXECUTORS)
def test_batches_of_every_size(name):
    program, rng = moderate(), random.Random(0)
    executors = {few: executor_for(program, True, 1 if few else 20, name) for few in (True, False)}
    for size in range(1, 21):
        rows = [[rng.uniform(-1, 1), rng.uniform(-1, 1)] for _ in range(size)]
        seeds = [rng.uniform(-1, 1), rng.uniform(-1, 1)]
        expected, gradients = outputs_and_gradients(program, rows, seeds)
        for executor in executors.values():
            results, totals = executor.run(program.example[:6], rows, seeds)
            assert np.asarray(results).tolist() == pytest.approx(np.array(expected), rel=1e-14), size
            assert list(totals) == pytest.approx(gradients, abs=1e-7), size


@pytest.mark.parametrize("name", EXECUTORS)
def test_no_gradients_and_none_wanted(name):
    w, x = Value(2.0), Value(3.0)
    results, totals = run(Program.of([w * x], [w], [x]), name, [[3.0], [4.0], [5.0], [6.0]], gradients=False)
    assert (results, totals) == ([[6.0], [8.0], [10.0], [12.0]], [])
    results, totals = run(Program.of([w * x], [w], [x], wanted=0), name, [[3.0]])
    assert (results, totals) == ([[6.0]], [])


@pytest.mark.parametrize("name", EXECUTORS)
@pytest.mark.parametrize("size", SIZES)
def test_results_that_are_leaves_or_constants(name, size):
    w, u, x = Value(2.0), Value(-7.0), Value(3.0)
    program = Program.of([w, x, Value(5.0), w], [w, u], [x])
    results, totals = run(program, name, [[float(k)] for k in range(size)], seeds=[1.0, 10.0, 100.0, 1000.0])
    assert results == [[2.0, float(k), 5.0, 2.0] for k in range(size)]
    assert totals == [1001.0 * size, 0.0]


@pytest.mark.parametrize("name", EXECUTORS)
def test_a_second_run_forgets_the_first(name):
    program = moderate()
    executor = executor_for(program, True, 13, name)
    rows = [[0.1 * k, 0.3] for k in range(13)]
    first = executor.run(program.example[:6], rows, [1.0, 0.5])
    kept = np.array(first[0]), np.array(first[1])
    executor.run([1.0] * 6, [[5.0, 5.0]] * 20, [3.0, 3.0])
    assert (np.array(first[0]) == kept[0]).all(), "results belong to the caller"
    again = executor.run(program.example[:6], rows, [1.0, 0.5])
    assert (np.array(again[0]) == kept[0]).all()
    assert (np.array(again[1]) == kept[1]).all()


@pytest.mark.slow
@pytest.mark.parametrize("name", NATIVE)
def test_threads_and_fast_agree_to_rounding(name):
    program = moderate()
    rows = [[0.05 * k, 0.3 - 0.02 * k] for k in range(29)]
    shared, seeds = list(program.example[:6]), [1.0, 0.5]
    results, totals = executor_for(program, True, 29, name).run(shared, rows, seeds)
    for settings_ in ({"threads": 2}, {"threads": 3}):
        others, sums = executor_for(program, True, 29, name, **settings_).run(shared, rows, seeds)
        assert (others == results).all(), "an example has the same numbers wherever it is computed"
        assert sums == pytest.approx(totals, rel=1e-13)
    others, sums = executor_for(program, True, 29, name, fast=True).run(shared, rows, seeds)
    assert others == pytest.approx(results, rel=1e-9)
    assert sums == pytest.approx(totals, rel=1e-9)


def test_more_threads_than_examples():
    program = moderate()
    rows = [[0.1, 0.2], [0.3, 0.4]]
    results, totals = executor_for(program, True, 2, "tape", threads=4).run(program.example[:6], rows, [1.0, 1.0])
    expected, sums = executor_for(program, True, 2, "tape").run(program.example[:6], rows, [1.0, 1.0])
    assert results == pytest.approx(expected, rel=1e-14)
    assert totals == pytest.approx(sums, rel=1e-13)


def test_arrays_in_parts_that_fit_the_memory(monkeypatch):
    arrays = pytest.importorskip("autograd_tiny.compilation.arrays")
    program = moderate()
    rows = [[0.1 * k, 0.3] for k in range(13)]
    whole = run(program, "numpy", rows)
    monkeypatch.setattr(arrays, "MOST_NUMBERS", 3 * program.slots)
    parts = run(program, "numpy", rows)
    assert parts[0] == whole[0]
    assert parts[1] == pytest.approx(whole[1], rel=1e-14)


def test_rows_may_be_arrays_of_any_layout():
    program = moderate()
    rows = [[0.1 * k, 0.3] for k in range(5)]
    flipped = np.array(np.array(rows).T, np.float64).T
    for name in ("numpy", "tape"):
        for given_ in (np.array(rows), flipped, np.array(rows, np.float32)):
            results, _ = executor_for(program, False, 5, name).run(program.example[:6], given_, [1.0, 1.0])
            assert np.asarray(results) == pytest.approx(np.array(run(program, name, rows)[0]), rel=1e-6)


def test_an_example_that_python_raises_for_is_computed_with_care_and_the_others_stay():
    w, x = Value(1.0), Value(1.0)
    program = Program.of([ops.exp(w * x), 1 / (w * x)], [w], [x])
    results, totals = run(program, "python", [[1.0], [1000.0], [0.0]])
    assert results == [[math.e, 1.0], [math.inf, 0.001], [1.0, math.inf]]
    assert math.isnan(totals[0]), "inf * 0 of the last example"


# ---------------------------------------------------------------- choosing


def test_unknown_executors_are_refused():
    with pytest.raises(ParameterError, match="executor is one of auto, python, numpy, llvm, straight, tape, got 'gpu'"):
        executors.executor_for(moderate(), True, 1, "gpu")
    with pytest.raises(ParameterError, match="threads is a whole number of at least 1, got 0"):
        executor_for(moderate(), True, 1, "tape", threads=0)


def test_programs_beyond_the_tape_are_refused_by_name(monkeypatch):
    monkeypatch.setattr(executors, "MOST_SLOTS", 5)
    with pytest.raises(ParameterError, match=r"at most 5 numbers, this one has \d+; use executor=\"numpy\""):
        executor_for(moderate(), True, 1, "tape")
