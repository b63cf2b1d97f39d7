"""Programs for the tests of compilation, and executors to run them on."""

import math
import random
from functools import cache
from itertools import product

import pytest
from test_edge_semantics import TABLE
from test_op_contract import OPERATIONS, SPECIAL

from autograd_tiny import Value, compilation
from autograd_tiny.compilation import Program, executors

NATIVE = ("straight", "tape")
EXECUTORS = ("python", "numpy", *NATIVE)
SIZES = (1, 13)
"""Batches: one example in machine code without lanes; full registers and one that is filled in part."""
EXPONENTS = (-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 1 / 3, 2.0, 3.0, 7.0)
BENIGN = 0.5


def needs(name):
    """Skip the test where a package that the executor needs is not installed."""
    if name != "python":
        pytest.importorskip("numpy")
    if name in ("auto", "llvm", *NATIVE):
        pytest.importorskip("llvmlite")


def executor_for(program, gradients, examples, name, **settings):
    """The package's, in a test that is skipped where it cannot run."""
    needs(name)
    return executors.executor_for(program, gradients, examples, name, **settings)


def jit(f, *, executor="auto", **settings):
    """The package's, in a test that is skipped where it cannot run."""
    needs(executor)
    return compilation.jit(f, executor=executor, **settings)


def apply(op, operands):
    """The node of an operation on Values, in flat order."""
    return op.apply(*op.flatten(op.grouped(tuple(operands))))


@cache
def points_of_operations():
    """Return {(operation with its parameters, number of operands): points}: hard ones, special ones, ordinary ones."""
    points = {}
    for row in TABLE:
        points.setdefault((row.rule, len(row.at)), []).append(row.at)
    for op in OPERATIONS:
        settings = {name: 0.0 if number is None else number for name, number in op.params.items()}
        bound = [op.bind(n=n) for n in EXPONENTS] if op.name == "power" else [op.bind(**settings) if settings else op]
        counts = (op.arity,) if op.arity is not None else (2, 4)
        for rule in bound:
            for count in counts:
                points.setdefault((rule, count), []).extend(_points(op, count))
    return points


def _points(op, count):
    rng = random.Random(f"{op.name} {count}")
    special = list(product(SPECIAL, repeat=count))
    if len(special) > 300:
        special = rng.sample(special, 200)
    ends = [(max(domain.low, -4.0), min(domain.high, 4.0)) for domain in map(op.domain_of, range(count))]
    return special + [tuple([rng.uniform(*end) for end in ends]) for _ in range(100)]


class OneOfEach:
    """A program that applies operations, each to inputs of its own; the results count only in chosen examples.

    Operand k of an operation is the input k plus a parameter k that is -0.0, which changes no number, so that the
    gradient of the parameter is the slope. Each result is multiplied by an input that is 1 in the example that is
    looked at and 0 in the others, whose operands are harmless: so one sum of gradients holds the slopes of one example.
    """

    def __init__(self, rules):
        self.rules = list(rules)
        self.parameters, inputs, roots = [], [], []
        for op, count in self.rules:
            chosen, xs, offsets = Value(1.0), _leaves(BENIGN, count), _leaves(-0.0, count)
            roots.append(chosen * apply(op, [x + offset for x, offset in zip(xs, offsets, strict=True)]))
            inputs += [chosen, *xs]
            self.parameters += offsets
        self.program = Program.of(roots, self.parameters, inputs)

    def executor(self, name, size):
        return executor_for(self.program, True, size, name)

    def results(self, executor, size, position, points):
        """Return [(value, slopes)], one for each operation at its point, computed at that position of the batch."""
        rows = [[number for _, count in self.rules for number in (0.0, *[BENIGN] * count)]] * size
        rows[position] = [number for point in points for number in (1.0, *point)]
        values, totals = executor.run([-0.0] * len(self.parameters), rows, [1.0] * len(self.rules))
        slopes = iter([float(total) for total in totals])
        return [
            (float(value), [next(slopes) for _ in range(count)])
            for value, (_, count) in zip(values[position], self.rules, strict=True)
        ]


def _leaves(number, count):
    return [Value(number) for _ in range(count)]


def recorded(op, point):
    """Return (value, slopes) of an operation recorded as OneOfEach does, by an ordinary backward()."""
    offsets = _leaves(-0.0, len(point))
    node = 1.0 * apply(op, [Value(x) + offset for x, offset in zip(point, offsets, strict=True)])
    node.backward()
    return node.data, [offset.grad for offset in offsets]


def ulps(x, y):
    """Return how many units in the last place two floats are apart; inf where only one is finite."""
    if x == y or (x != x and y != y):
        return 0.0
    if not (math.isfinite(x) and math.isfinite(y)):
        return math.inf
    return abs(x - y) / math.ulp(max(abs(x), abs(y)))


def run(program, name, rows=((),), parameters=None, seeds=None, gradients=True):
    """Return (rows of outputs, gradients) of a program as lists of floats, by a fresh executor of that name."""
    numbers = program.example[: program.parameters] if parameters is None else parameters
    executor = executor_for(program, gradients, len(rows), name)
    seeds = [1.0] * len(program.outputs) if seeds is None else seeds
    results, totals = executor.run(list(numbers), [list(row) for row in rows], seeds)
    return [[float(x) for x in row] for row in results], [float(total) for total in totals]
