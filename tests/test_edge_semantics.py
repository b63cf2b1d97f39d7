"""The hard points of every operation: value and slopes, row by row.

Where PyTorch and JAX differ, the row says what this package chose. Every row is checked four ways: the
operation's rules on floats, a recorded Value after ``backward()``, a second ``create_graph`` pass, and NumPy.
"""

import math
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from number_systems import arrays, same

import autograd_tiny
from autograd_tiny import Value, detect_anomaly, forget, ops, primitive
from autograd_tiny.errors import AnomalyError, StaleValueError
from autograd_tiny.higher_order import VALUES

inf, nan, pi = math.inf, math.nan, math.pi
LN2 = math.log(2.0)


@dataclass
class Row:
    """One line of the table; ``slopes`` may hold a tuple of alternatives where either is right."""

    name: str
    op: object
    at: tuple
    value: float
    slopes: tuple
    params: dict = field(default_factory=dict)
    relative: float = 4e-16  # two units in the last place
    absolute: float = 0.0
    signed: bool = False  # the sign of a zero result matters, too

    @property
    def rule(self):
        return self.op.bind(**self.params) if self.params else self.op

    def expect(self, value, slopes):
        assert self.near(value, self.value), f"{self.name}: value {value}, expected {self.value}"
        if self.signed:
            assert math.copysign(1.0, value) == math.copysign(1.0, self.value)
        assert len(slopes) == len(self.slopes)
        for slope, right in zip(slopes, self.slopes, strict=True):
            choices = right if isinstance(right, tuple) else (right,)
            assert any(self.near(slope, choice) for choice in choices), f"{self.name}: slopes {slopes}"

    def near(self, x, y):
        return same(x, y) or math.isclose(x, y, rel_tol=self.relative, abs_tol=self.absolute)


def power(name, x, n, value, slope, **more):
    return Row(f"x**c: {name}", ops.power, (x,), value, (slope,), {"n": n}, **more)


TABLE = [
    # ---- add, sub, neg
    Row("add: 2 + 3", ops.add, (2.0, 3.0), 5.0, (1.0, 1.0)),
    Row("add: inf + -inf", ops.add, (inf, -inf), nan, (1.0, 1.0)),
    Row("add: overflow", ops.add, (1.7e308, 1.7e308), inf, (1.0, 1.0)),
    Row("sub: 2 - 3", ops.sub, (2.0, 3.0), -1.0, (1.0, -1.0)),
    Row("sub: inf - inf", ops.sub, (inf, inf), nan, (1.0, -1.0)),
    Row("neg: 0", ops.neg, (0.0,), -0.0, (-1.0,), signed=True),
    Row("neg: nan", ops.neg, (nan,), nan, (-1.0,)),
    # ---- mul: propagate, do not hide nan
    Row("mul: 0 * inf", ops.mul, (0.0, inf), nan, (inf, 0.0)),
    Row("mul: nan * 0", ops.mul, (nan, 0.0), nan, (0.0, nan)),
    Row("mul: overflow", ops.mul, (1e200, 1e200), inf, (1e200, 1e200)),
    # ---- div
    Row("div: 1/0", ops.div, (1.0, 0.0), inf, (inf, -inf)),
    Row("div: 0/0", ops.div, (0.0, 0.0), nan, (inf, nan)),
    Row("div: -1/0", ops.div, (-1.0, 0.0), -inf, (inf, inf)),
    Row("div: 1/-0", ops.div, (1.0, -0.0), -inf, (-inf, -inf)),
    # ---- x**c
    power("0**0", 0.0, 0, 1.0, 0.0),
    power("nan**0", nan, 0, 1.0, 0.0),
    power("0**1", 0.0, 1, 0.0, 1.0),
    power("0**2", 0.0, 2, 0.0, 0.0),
    power("0**1.5", 0.0, 1.5, 0.0, 0.0),
    power("0**0.5 as sqrt(0)", 0.0, 0.5, 0.0, inf),
    power("0**-1 as 1/0", 0.0, -1, inf, -inf),
    power("(-0)**-1 as 1/-0", -0.0, -1, -inf, -inf),
    power("0**-2", 0.0, -2, inf, -inf),
    power("(-2)**3", -2.0, 3, -8.0, 12.0),
    power("(-2)**-1", -2.0, -1, -0.5, -0.25),
    power("(-2)**0", -2.0, 0, 1.0, 0.0),
    power("(-2)**0.5", -2.0, 0.5, nan, nan),
    power("(-8)**(1/3)", -8.0, 1 / 3, nan, nan),
    power("1e200**2", 1e200, 2, inf, 2e200),
    power("(-1e200)**3", -1e200, 3, -inf, inf),
    # ---- c**x: the base is a plain number, only the exponent matters
    Row("c**x: 2**x at 0", ops.pow, (2.0, 0.0), 1.0, (0.0, LN2)),
    Row("c**x: 0**2", ops.pow, (0.0, 2.0), 0.0, (0.0, 0.0)),
    Row("c**x: 0**0", ops.pow, (0.0, 0.0), 1.0, (0.0, 0.0)),
    Row("c**x: (-2)**2", ops.pow, (-2.0, 2.0), 4.0, (-4.0, nan)),
    # ---- x**y
    Row("x**y: 2**3", ops.pow, (2.0, 3.0), 8.0, (12.0, 8 * LN2)),
    Row("x**y: 0**2", ops.pow, (0.0, 2.0), 0.0, (0.0, 0.0)),
    Row("x**y: 0**1", ops.pow, (0.0, 1.0), 0.0, (1.0, 0.0)),
    Row("x**y: 0**0.5", ops.pow, (0.0, 0.5), 0.0, (inf, 0.0)),
    Row("x**y: 0**0", ops.pow, (0.0, 0.0), 1.0, (0.0, 0.0)),
    Row("x**y: tiny**0", ops.pow, (5e-324, 0.0), 1.0, (0.0, math.log(5e-324))),
    Row("x**y: (-2)**3", ops.pow, (-2.0, 3.0), -8.0, (12.0, nan)),
    Row("x**y: (-2)**0.5", ops.pow, (-2.0, 0.5), nan, (nan, nan)),
    Row("x**y: 0**-1", ops.pow, (0.0, -1.0), inf, (-inf, -inf)),
    # ---- exp
    Row("exp: 710", ops.exp, (710.0,), inf, (inf,)),
    Row("exp: -745", ops.exp, (-745.0,), 5e-324, (5e-324,)),
    Row("exp: -800", ops.exp, (-800.0,), 0.0, (0.0,)),
    Row("exp: inf", ops.exp, (inf,), inf, (inf,)),
    Row("exp: -inf", ops.exp, (-inf,), 0.0, (0.0,)),
    # ---- log
    Row("log: 0", ops.log, (0.0,), -inf, (inf,)),
    Row("log: -1", ops.log, (-1.0,), nan, (nan,)),
    Row("log: inf", ops.log, (inf,), inf, (0.0,)),
    # ---- sqrt
    Row("sqrt: 0", ops.sqrt, (0.0,), 0.0, (inf,)),
    Row("sqrt: -1", ops.sqrt, (-1.0,), nan, (nan,)),
    Row("sqrt: inf", ops.sqrt, (inf,), inf, (0.0,)),
    # ---- sin cos tan
    *(Row(f"{op.name}: {x}", op, (x,), nan, (nan,)) for op in (ops.sin, ops.cos, ops.tan) for x in (inf, -inf)),
    # ---- asin acos
    Row("asin: 1", ops.asin, (1.0,), pi / 2, (inf,)),
    Row("asin: -1", ops.asin, (-1.0,), -pi / 2, (inf,)),
    Row("asin: 2", ops.asin, (2.0,), nan, (nan,)),
    Row("acos: 1", ops.acos, (1.0,), 0.0, (-inf,)),
    Row("acos: -1", ops.acos, (-1.0,), pi, (-inf,)),
    Row("acos: 2", ops.acos, (2.0,), nan, (nan,)),
    # ---- atan, tanh, erf at infinity
    Row("atan: inf", ops.atan, (inf,), pi / 2, (0.0,)),
    Row("atan: -inf", ops.atan, (-inf,), -pi / 2, (0.0,)),
    Row("tanh: inf", ops.tanh, (inf,), 1.0, (0.0,)),
    Row("tanh: -inf", ops.tanh, (-inf,), -1.0, (0.0,)),
    Row("erf: inf", ops.erf, (inf,), 1.0, (0.0,)),
    Row("erf: -inf", ops.erf, (-inf,), -1.0, (0.0,)),
    Row("erfc: inf", ops.erfc, (inf,), 0.0, (0.0,)),
    # ---- sinh, cosh
    Row("sinh: 711", ops.sinh, (711.0,), inf, (inf,)),
    Row("sinh: -711", ops.sinh, (-711.0,), -inf, (inf,)),
    Row("cosh: 711", ops.cosh, (711.0,), inf, (inf,)),
    Row("cosh: -711", ops.cosh, (-711.0,), inf, (-inf,)),
    # ---- tanh: the true derivative, to an absolute 1e-14
    Row("tanh: 10", ops.tanh, (10.0,), 0.9999999958776927, (8.244614455767e-9,), absolute=1e-14),
    Row("tanh: 400", ops.tanh, (400.0,), 1.0, (0.0,)),
    Row("tanh: -400", ops.tanh, (-400.0,), -1.0, (0.0,)),
    # ---- sigmoid: never overflows
    Row("sigmoid: 0", ops.sigmoid, (0.0,), 0.5, (0.25,)),
    Row("sigmoid: 700", ops.sigmoid, (700.0,), 1.0, (9.859676543759770e-305,), relative=1e-13),
    Row("sigmoid: -700", ops.sigmoid, (-700.0,), 9.859676543759770e-305, (9.859676543759770e-305,), relative=1e-13),
    Row("sigmoid: -800", ops.sigmoid, (-800.0,), 0.0, (0.0,)),
    Row("sigmoid: 1e4", ops.sigmoid, (1e4,), 1.0, (0.0,)),
    Row("sigmoid: -1e4", ops.sigmoid, (-1e4,), 0.0, (0.0,)),
    Row("sigmoid: inf", ops.sigmoid, (inf,), 1.0, (0.0,)),
    Row("sigmoid: -inf", ops.sigmoid, (-inf,), 0.0, (0.0,)),
    # ---- relu and its relatives
    Row("relu: 0", ops.relu, (0.0,), 0.0, (0.0,)),
    Row("relu: -0.0", ops.relu, (-0.0,), 0.0, (0.0,)),
    Row("relu: nan", ops.relu, (nan,), nan, ((0.0, 1.0),)),
    Row("leaky_relu: 0", ops.leaky_relu, (0.0,), 0.0, (0.1,), {"alpha": 0.1}),
    Row("leaky_relu: 0 by default", ops.leaky_relu, (0.0,), 0.0, (0.01,)),
    Row("elu: 0", ops.elu, (0.0,), 0.0, (1.0,)),
    Row("elu: -1000", ops.elu, (-1000.0,), -1.0, (0.0,)),
    Row("elu: 1000", ops.elu, (1000.0,), 1000.0, (1.0,)),
    Row("elu: -1e-18 by expm1", ops.elu, (-1e-18,), -1e-18, (1.0,)),
    Row("elu: 0, alpha 2", ops.elu, (0.0,), 0.0, (2.0,), {"alpha": 2.0}),
    # ---- gelu: 400 units in the last place, erfc's own condition in the tail
    Row("gelu: -10", ops.gelu, (-10.0,), -7.619853024160526e-23, (-7.618400096464814e-22,), relative=1e-13),
    Row("gelu: 10", ops.gelu, (10.0,), 10.0, (1.0,)),
    *(
        Row(f"gelu_tanh: {x:g}", ops.gelu_tanh, (x,), max(x, 0.0), (float(x > 0),))
        for x in (40.0, -40.0, 1e4, -1e4, 1e200, -1e200)
    ),
    # ---- silu
    Row("silu: -700", ops.silu, (-700.0,), -6.901773580631839e-302, (-6.891913904088079e-302,), relative=1e-13),
    Row("silu: -1e4", ops.silu, (-1e4,), -0.0, (0.0,), signed=True),
    Row("silu: 1e4", ops.silu, (1e4,), 1e4, (1.0,)),
    # ---- softplus: no threshold
    Row("softplus: 20.5", ops.softplus, (20.5,), 20.500000001250153, (0.999999998749847,), relative=1e-15),
    Row("softplus: 710", ops.softplus, (710.0,), 710.0, (1.0,)),
    Row("softplus: 1e4", ops.softplus, (1e4,), 1e4, (1.0,)),
    Row("softplus: -1e4", ops.softplus, (-1e4,), 0.0, (0.0,)),
    Row("softplus: inf", ops.softplus, (inf,), inf, (1.0,)),
    # ---- mish
    Row("mish: 25", ops.mish, (25.0,), 25.0, (1.0,)),
    Row("mish: 1e4", ops.mish, (1e4,), 1e4, (1.0,)),
    Row("mish: -1e4", ops.mish, (-1e4,), 0.0, (0.0,)),
    # ---- abs: the minimum-norm subgradient
    Row("abs: 0", ops.abs, (0.0,), 0.0, (0.0,), signed=True),
    Row("abs: -0.0", ops.abs, (-0.0,), 0.0, (0.0,), signed=True),
    Row("abs: nan", ops.abs, (nan,), nan, (nan,)),
    # ---- sign, floor, ceil, round: derivative 0
    *(Row(f"sign: {x}", ops.sign, (x,), y, (0.0,)) for x, y in ((-2.0, -1.0), (0.0, 0.0), (3.0, 1.0), (nan, nan))),
    *(Row(f"floor: {x}", ops.floor, (x,), y, (0.0,)) for x, y in ((-1.5, -2.0), (2.0, 2.0), (inf, inf), (nan, nan))),
    *(Row(f"ceil: {x}", ops.ceil, (x,), y, (0.0,)) for x, y in ((-1.5, -1.0), (2.0, 2.0), (-inf, -inf), (nan, nan))),
    *(
        Row(f"round: {x}, half to even", ops.round, (x,), y, (0.0,))
        for x, y in ((0.5, 0.0), (1.5, 2.0), (2.5, 2.0), (-0.5, 0.0), (-1.5, -2.0), (2.7, 3.0), (inf, inf), (nan, nan))
    ),
    # ---- comparisons: 1 or 0, nan compares as IEEE 754 says, derivative 0
    *(
        Row(f"{op.name}: {x}, {y}", op, (x, y), float(holds), (0.0, 0.0))
        for op, answers in (
            (ops.greater, (0, 1, 0, 0, 0, 0, 0, 1)),
            (ops.greater_equal, (0, 1, 1, 1, 0, 0, 0, 1)),
            (ops.equal, (0, 0, 1, 1, 0, 0, 0, 0)),
            (ops.not_equal, (1, 1, 0, 0, 1, 1, 1, 1)),
        )
        for (x, y), holds in zip(
            ((1.0, 2.0), (2.0, 1.0), (2.0, 2.0), (0.0, -0.0), (nan, 1.0), (1.0, nan), (nan, nan), (inf, 1.0)),
            answers,
            strict=True,
        )
    ),
    # ---- max, min
    Row("maximum: tie", ops.maximum, (2.0, 2.0), 2.0, (0.5, 0.5)),
    Row("minimum: tie", ops.minimum, (2.0, 2.0), 2.0, (0.5, 0.5)),
    Row("maximum: 0 and -0", ops.maximum, (0.0, -0.0), 0.0, (0.5, 0.5)),
    Row("maximum: inf tie", ops.maximum, (inf, inf), inf, (0.5, 0.5)),
    Row("max: tie of three", ops.max, (2.0, 2.0, 1.0, 2.0), 2.0, (1 / 3, 1 / 3, 0.0, 1 / 3)),
    Row("min: tie of two", ops.min, (2.0, 1.0, 1.0), 1.0, (0.0, 0.5, 0.5)),
    Row("max: inf", ops.max, (1.0, inf), inf, (0.0, 1.0)),
    Row("maximum: nan first", ops.maximum, (nan, 1.0), nan, ((0.0, 1.0, nan), (0.0, 1.0, nan))),
    Row("maximum: nan second", ops.maximum, (1.0, nan), nan, ((0.0, 1.0, nan), (0.0, 1.0, nan))),
    Row("minimum: nan first", ops.minimum, (nan, 1.0), nan, ((0.0, 1.0, nan), (0.0, 1.0, nan))),
    Row("minimum: nan second", ops.minimum, (1.0, nan), nan, ((0.0, 1.0, nan), (0.0, 1.0, nan))),
    Row("max: nan in the middle", ops.max, (1.0, nan, 2.0), nan, (nan, nan, nan)),
    Row("min: nan in the middle", ops.min, (1.0, nan, 2.0), nan, (nan, nan, nan)),
    # ---- log1p, expm1
    Row("log1p: 1e-18", ops.log1p, (1e-18,), 1e-18, (1.0,)),
    Row("log1p: -1", ops.log1p, (-1.0,), -inf, (inf,)),
    Row("log1p: -2", ops.log1p, (-2.0,), nan, (nan,)),
    Row("expm1: 1e-18", ops.expm1, (1e-18,), 1e-18, (1.0,)),
    Row("expm1: -inf", ops.expm1, (-inf,), -1.0, (0.0,)),
    Row("expm1: -50, exp(x) and not the result + 1", ops.expm1, (-50.0,), -1.0, (math.exp(-50.0),)),
    Row("expm1: 710", ops.expm1, (710.0,), inf, (inf,)),
    # ---- hypot, atan2
    Row("hypot: (0, 0)", ops.hypot, (0.0, 0.0), 0.0, (0.0, 0.0)),
    Row("hypot: (1e200, 1e200)", ops.hypot, (1e200, 1e200), 2**0.5 * 1e200, (0.5**0.5, 0.5**0.5), relative=1e-15),
    Row("atan2: (0, 0)", ops.atan2, (0.0, 0.0), 0.0, (0.0, 0.0)),
    Row("atan2: (1e-200, 1e-200)", ops.atan2, (1e-200, 1e-200), pi / 4, (5e199, -5e199), relative=1e-15),
    Row("atan2: (0, -1)", ops.atan2, (0.0, -1.0), pi, (-1.0, 0.0)),
    # ---- clip: bounds closed, nan passes with slope 0
    Row("clip: at low", ops.clip, (-1.0,), -1.0, (1.0,)),
    Row("clip: at high", ops.clip, (1.0,), 1.0, (1.0,)),
    Row("clip: below", ops.clip, (-1.5,), -1.0, (0.0,)),
    Row("clip: above", ops.clip, (7.0,), 2.0, (0.0,), {"low": 0.0, "high": 2.0}),
    Row("clip: nan", ops.clip, (nan,), nan, (0.0,)),
    Row("clip: inf", ops.clip, (inf,), 1.0, (0.0,)),
    # ---- logsumexp, softmax: the maximum is subtracted
    Row("logsumexp: (1000, 1000)", ops.logsumexp, (1000.0, 1000.0), 1000 + LN2, (0.5, 0.5), relative=1e-12),
    Row("logsumexp: (-1000, -1000)", ops.logsumexp, (-1000.0, -1000.0), -1000 + LN2, (0.5, 0.5), relative=1e-12),
    Row("logsumexp: (-inf, 0)", ops.logsumexp, (-inf, 0.0), 0.0, (0.0, 1.0)),
    Row("logsumexp: (-inf, -inf)", ops.logsumexp, (-inf, -inf), -inf, (nan, nan)),
    Row("softmax 0: (1e4, -1e4)", ops.softmax, (1e4, -1e4), 1.0, (0.0, 0.0), {"index": 0}),
    Row("softmax 1: (1e4, -1e4)", ops.softmax, (1e4, -1e4), 0.0, (0.0, 0.0), {"index": 1}),
    Row("softmax 0: (inf, 0)", ops.softmax, (inf, 0.0), nan, (nan, nan), {"index": 0}),
    Row("log_softmax 1: (1e4, -1e4)", ops.log_softmax, (1e4, -1e4), -2e4, (-1.0, 1.0), {"index": 1}),
    # ---- where
    Row("where: true", ops.where, (1.0, 10.0, 20.0), 10.0, (0.0, 1.0, 0.0)),
    Row("where: false", ops.where, (0.0, 10.0, 20.0), 20.0, (0.0, 0.0, 1.0)),
    Row("where: nan in the other branch", ops.where, (1.0, 10.0, nan), 10.0, (0.0, 1.0, 0.0)),
    # ---- remainder and division
    Row("mod: (-7, 3), the sign of x", ops.mod, (-7.0, 3.0), -1.0, (1.0, 2.0)),
    Row("remainder: (-7, 3), the sign of y", ops.remainder, (-7.0, 3.0), 2.0, (1.0, 3.0)),
    Row("remainder: (7, -3)", ops.remainder, (7.0, -3.0), -2.0, (1.0, 3.0)),
    Row("mod: (1, 0)", ops.mod, (1.0, 0.0), nan, (1.0, nan)),
    Row("remainder: (1, 0)", ops.remainder, (1.0, 0.0), nan, (1.0, nan)),
    Row("floordiv: (-7, 2)", ops.floordiv, (-7.0, 2.0), -4.0, (0.0, 0.0)),
    Row("floordiv: (1, 0)", ops.floordiv, (1.0, 0.0), inf, (0.0, 0.0)),
    Row("floordiv: (-5, inf)", ops.floordiv, (-5.0, inf), -1.0, (0.0, 0.0)),
]
every_row = pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)


def test_no_row_twice():
    assert len({row.name for row in TABLE}) == len(TABLE)


@every_row
def test_rules(row):
    row.expect(*row.rule.evaluate(*row.at))
    row.expect(*row.rule.evaluate_ieee(*row.at))


@every_row
def test_recorded(row):
    leaves = [Value(x) for x in row.at]
    node = row.rule.apply(*leaves)
    row.expect(node.data, node.slopes)
    node.backward()
    row.expect(node.data, [leaf.grad for leaf in leaves])


@every_row
def test_recorded_twice(row):
    leaves = [Value(x) for x in row.at]
    node = row.rule.apply(*leaves)
    node.backward(create_graph=True)
    row.expect(node.data, [leaf.grad.data for leaf in leaves])


@every_row
def test_on_arrays(row):
    columns = [np.array([x]) for x in row.at]
    with np.errstate(all="ignore"):
        result = row.op.value(arrays, *row.op.grouped(tuple(columns)), **row.params)
        slopes = row.rule.slopes(arrays, result, *row.op.grouped(tuple(columns)))
    row = replace(row, signed=False)  # Python's floor, ceil and round have no -0.0
    row.expect(float(np.ravel(result)[0]), [float(np.ravel(slope)[0]) for slope in slopes])


OPERATORS = {
    ops.add: lambda x, y: x + y,
    ops.sub: lambda x, y: x - y,
    ops.neg: lambda x: -x,
    ops.mul: lambda x, y: x * y,
    ops.div: lambda x, y: x / y,
    ops.pow: lambda x, y: x**y,
    ops.remainder: lambda x, y: x % y,
    ops.floordiv: lambda x, y: x // y,
    ops.abs: abs,
    ops.round: round,
}
METHODS = ("exp", "log", "sqrt", "sin", "cos", "tanh", "sigmoid", "relu", "abs")


@pytest.mark.parametrize(
    "row",
    [row for row in TABLE if row.op in (*OPERATORS, ops.power) or row.op.name in METHODS],
    ids=lambda row: row.name,
)
def test_operators_and_methods(row):
    """Operators and methods take a path of their own when they record; the answers are the same."""
    ways = []
    if row.op in OPERATORS:
        ways.append(OPERATORS[row.op])
    if row.op is ops.power:
        ways += [lambda x: x ** row.params["n"], lambda x: x.pow(row.params["n"])]
    if row.op.name in METHODS:
        ways.append(lambda x: getattr(x, row.op.name)())
    for way in ways:
        leaves = [Value(x) for x in row.at]
        node = way(*leaves)
        node.backward()
        row.expect(node.data, [leaf.grad for leaf in leaves])
        assert type(node.data) is float


@pytest.mark.parametrize(
    "row", [row for row in TABLE if len(row.at) == 2 and row.op in OPERATORS], ids=lambda row: row.name
)
def test_operators_with_a_plain_number(row):
    way = OPERATORS[row.op]
    x, y = row.at
    right = Value(y)
    way(x, right).backward()
    left = Value(x)
    if row.op is not ops.pow:  # x ** number is the operation power, with rows of its own
        way(left, y).backward()
        row.expect(way(left, y).data, [left.grad, right.grad])
    else:
        row.expect(way(x, right).data, [row.slopes[0], right.grad])


# ---------------------------------------------------------------- second derivatives of the table


def second(f, *at):
    """Return the matrix of second derivatives of f by two passes of backward."""
    leaves = [Value(x) for x in at]
    f(*leaves).backward(create_graph=True)
    first = [leaf.grad for leaf in leaves]
    matrix = []
    for slope in first:
        for leaf in leaves:
            leaf.grad = 0.0
        slope.backward()
        matrix.append([leaf.grad for leaf in leaves])
    return matrix


def test_second_derivative_of_a_square_at_zero():
    assert second(lambda x: x**2, 0.0) == [[2.0]]
    assert second(lambda x: x * x, 0.0) == [[2.0]]
    assert second(lambda x: x**1, 0.0) == [[0.0]]
    assert second(lambda x: x**0, 0.0) == [[0.0]]


def test_second_derivative_of_zero_to_the_y():
    assert second(lambda y: 0**y, 2.0) == [[0.0]]
    assert second(lambda x, y: x**y, 0.0, 2.0)[1][1] == 0.0


def test_second_derivatives_of_powers_at_exponent_zero():
    """d/dx d/dy x^y = x^(y-1) (1 + y ln x): the zero exponent must not hide it."""
    (xx, xy), (yx, yy) = second(lambda x, y: x**y, 2.0, 0.0)
    assert (xx, xy, yx) == (0.0, 0.5, 0.5)
    assert math.isclose(yy, LN2**2)


def test_the_zero_exponent_hides_nothing_for_a_small_base_whose_reciprocal_is_finite():
    assert second(lambda x, y: x**y, 1e-300, 0.0)[0][1] == 1e-300**-1.0
    assert second(lambda x, y: x**y, math.nextafter(1e-300, 0.0), 0.0)[0][1] == 0.0


def test_slopes_that_are_constants_cannot_be_stale():
    x, y = Value(2.0), Value(3.0)
    total = x - y
    x.data = 7.0
    total.backward(create_graph=True)
    assert (x.grad, y.grad) == (1.0, -1.0)
    product = x * y
    x.data = 8.0
    with pytest.raises(StaleValueError, match=r"\(21.0 then, 24.0 now\)"):
        product.backward(create_graph=True)


@pytest.mark.parametrize(("base", "exponent", "factor"), [(0.0, -1.0, inf), (-8.0, 1 / 3, nan), (1e200, 2.0, inf)])
def test_powers_of_plain_numbers_in_slopes_are_careful(base, exponent, factor):
    @primitive(slopes=lambda m, y, x: (m.pow(base, exponent) * x,))
    def powered(m, x):
        """Half the square times a factor."""
        return 0.5 * m.pow(base, exponent) * x * x

    try:
        x = Value(1.0)
        powered(x).backward(create_graph=True)
        assert same(x.grad.data, factor)
    finally:
        forget(powered)


def test_root_of_a_square_at_zero_is_nan():
    x = Value(0.0)
    (x * x).sqrt().backward()
    assert math.isnan(x.grad), "inf * 0, documented; hypot and abs are the functions to use"


def test_slopes_of_max_and_min_sum_to_one():
    for op in (ops.max, ops.min):
        for operands in ((1.0, 1.0, 1.0), (0.1, 0.1), (3.0, 2.0, 3.0, 3.0, 3.0)):
            assert math.isclose(math.fsum(op.evaluate(*operands)[1]), 1.0)


# ---------------------------------------------------------------- further rules


def test_nothing_becomes_complex():
    for node in (Value(-8.0) ** (1 / 3), (-8.0) ** Value(1 / 3), ops.pow(-8.0, 1 / 3), autograd_tiny.pow(-8.0, 1 / 3)):
        number = float(node)
        assert math.isnan(number)


def test_integer_exponents_of_negative_bases():
    for exponent in (3, 3.0, np.int64(3), np.float32(3.0), True + 2):
        x = Value(-2.0)
        (x**exponent).backward()
        assert x.grad == 12.0
    x, y = Value(-2.0), Value(3.0)
    (x**y).backward()
    assert x.grad == 12.0
    assert math.isnan(y.grad)


def test_a_plain_base_works():
    x = Value(0.0)
    (2**x).backward()
    assert x.grad == LN2


def test_comparisons_are_plain_and_sets_keep_equal_leaves():
    a, b = Value(1.0), Value(1.0)
    assert (a == b) is True
    assert (a < b) is False
    assert len({a, b}) == 2


def test_an_untaken_branch_records_nothing():
    x = Value(0.0)
    y = x.sqrt() if x > 0 else x * 2
    y.backward()
    assert x.grad == 2.0


def test_where_needs_a_harmless_operand_in_the_other_branch():
    x = Value(0.0)
    ops.where(x > 0, ops.sqrt(x), x * 2).backward()
    assert math.isnan(x.grad), "both branches are recorded: 0 * inf"
    x = Value(0.0)
    ops.where(x > 0, ops.sqrt(ops.where(x > 0, x, 1.0)), x * 2).backward()
    assert x.grad == 2.0


def test_anomalies_name_what_happened():
    with detect_anomaly(), pytest.raises(AnomalyError, match=r"forward: log\(a\) with a = -2.0 .*log needs x > 0"):
        ops.log(Value(-2.0, "a"))
    with detect_anomaly(), pytest.raises(AnomalyError, match=r"backward: .*sqrt\(a\).*slope inf"):
        ops.sqrt(Value(0.0, "a")).backward()


@pytest.mark.parametrize("x", [1.0 / 3.0, 1e-5, 2.5, 9.0])
def test_formulas_named_in_the_rules(x):
    """tanh by (1 - t)(1 + t), sigmoid by s(x) s(-x), hypot by x / r, expm1 and log1p from the math library."""
    t = math.tanh(x)
    assert ops.tanh.evaluate(x) == (t, ((1 - t) * (1 + t),))
    assert ops.sigmoid.evaluate(x)[1] == (ops.sigmoid(x) * ops.sigmoid(-x),)
    assert ops.hypot.evaluate(x, 2.0) == (math.hypot(x, 2.0), (x / math.hypot(x, 2.0), 2.0 / math.hypot(x, 2.0)))
    assert ops.expm1.evaluate(x) == (math.expm1(x), (math.exp(x),))
    assert ops.log1p(x) == math.log1p(x)
    assert ops.softplus(x) == x + math.log1p(math.exp(-x))


@pytest.mark.parametrize(
    ("f", "recorded"),
    [
        (lambda x, y: x + y, []),
        (lambda x, y: (x + y) * y, ["mul"]),
        (lambda x, y: x * y + x, ["mul", "add"]),
        (lambda x, y: ops.relu(x * y), ["mul"]),
        (lambda x, y: ops.relu(x) * y, ["mul"]),
        (lambda x, y: ops.sum([x * y, x]), ["mul", "add"]),
        (lambda x, y: x**3, ["power", "mul", "mul"]),
    ],
)
def test_gradients_as_graphs_record_no_product_with_one_and_no_sum_with_nothing(f, recorded):
    x = Value(2.0)
    f(x, Value(3.0)).backward(create_graph=True)
    graph = autograd_tiny.Graph.of(x.grad)
    assert [node.op.name for node in graph.nodes if node.op] == recorded


@pytest.mark.parametrize(("then", "now"), [(2.0, -2.0), (-2.0, 2.0)])
def test_data_that_changes_to_nan_or_from_nan_is_stale(then, now):
    x = Value(then)
    y = ops.log(x)
    x.data = now
    with pytest.raises(StaleValueError, match="nan"):
        y.backward(create_graph=True)


def test_rules_on_values_may_use_registered_operations_only():
    assert VALUES.sin is ops.sin
    with pytest.raises(AttributeError, match="slope rules may use registered operations; 'bogus' is none"):
        VALUES.bogus  # noqa: B018 - the look-up is the test
