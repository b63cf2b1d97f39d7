"""Random graphs with shared nodes against a second implementation: dual numbers at 50 digits.

The reference below knows nothing of the package: forward mode, its own derivative rules, mpmath numbers.
"""

import math
import operator

import mpmath
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from number_systems import bits

from autograd_tiny import Value, ops
from autograd_tiny.functional import grad, hvp, jvp, vjp
from autograd_tiny.value import backward, gradients

mp = mpmath.mp.clone()
mp.dps = 50


class Dual:
    """A number and its derivatives with respect to every input."""

    def __init__(self, number, moves):
        self.number, self.moves = number, moves

    @staticmethod
    def inputs(numbers):
        return [Dual(mp.mpf(x), [mp.mpf(i == k) for k in range(len(numbers))]) for i, x in enumerate(numbers)]

    def chain(self, number, *slopes_and_operands):
        """Return the result whose derivative is the sum of slope * operand's derivative."""
        moves = [
            mp.fsum(slope * operand.moves[k] for slope, operand in slopes_and_operands) for k in range(len(self.moves))
        ]
        return Dual(number, moves)


def d_add(a, b):
    return a.chain(a.number + b.number, (1, a), (1, b))


def d_sub(a, b):
    return a.chain(a.number - b.number, (1, a), (-1, b))


def d_mul(a, b):
    return a.chain(a.number * b.number, (b.number, a), (a.number, b))


def d_quotient(a, b):
    d = 1 + b.number**2
    return a.chain(a.number / d, (1 / d, a), (-2 * a.number * b.number / d**2, b))


def d_power(a, b):
    base = 1 + a.number**2
    result = base**b.number
    return a.chain(result, (b.number * base ** (b.number - 1) * 2 * a.number, a), (result * mp.log(base), b))


def d_root(a):
    root = mp.sqrt(a.number**2 + mp.mpf(0.5))
    return a.chain(root, (a.number / root, a))


def d_log(a):
    return a.chain(mp.log(1 + a.number**2), (2 * a.number / (1 + a.number**2), a))


def d_tanh(a):
    return a.chain(mp.tanh(a.number), (mp.sech(a.number) ** 2, a))


def d_sigmoid(a):
    s = 1 / (1 + mp.exp(-a.number))
    return a.chain(s, (s * (1 - s), a))


def d_bump(a):
    e = mp.exp(-(a.number**2))
    return a.chain(e, (-2 * a.number * e, a))


def d_gelu(a):
    x = a.number
    return a.chain(x * mp.ncdf(x), (mp.ncdf(x) + x * mp.npdf(x), a))


def d_softplus(a):
    return a.chain(mp.log(1 + mp.exp(a.number)), (1 / (1 + mp.exp(-a.number)), a))


def d_maximum(a, b):
    return a if a.number > b.number else b


def d_minimum(a, b):
    return a if a.number < b.number else b


def d_abs(a):
    return a if a.number > 0 else a.chain(-a.number, (-1, a))


def d_relu(a):
    return a if a.number > 0 else a.chain(mp.mpf(0))


def d_atan2(a, b):
    x, y = b.number + 40, a.number
    return a.chain(mp.atan2(y, x), (x / (x * x + y * y), a), (-y / (x * x + y * y), b))


def d_hypot(a, b):
    r = mp.sqrt(a.number**2 + b.number**2 + 1)
    return a.chain(r, (a.number / r, a), (b.number / r, b))


def d_logsumexp(a, b, c):
    weights = [mp.exp(x.number) for x in (a, b, c)]
    total = mp.fsum(weights)
    return a.chain(mp.log(total), *[(w / total, x) for w, x in zip(weights, (a, b, c), strict=True)])


def d_softmax(a, b, c):
    weights = [mp.exp(x.number) for x in (a, b, c)]
    p = [w / mp.fsum(weights) for w in weights]
    return a.chain(p[1], (-p[1] * p[0], a), (p[1] * (1 - p[1]), b), (-p[1] * p[2], c))


def d_dot(a, b, c):
    return a.chain(a.number * b.number + b.number * c.number, (b.number, a), (a.number + c.number, b), (b.number, c))


def d_prod(a, b, c):
    return a.chain(
        a.number * b.number * c.number,
        (b.number * c.number, a),
        (a.number * c.number, b),
        (a.number * b.number, c),
    )


def d_mean(a, b, c):
    third = 1 / mp.mpf(3)
    return a.chain((a.number + b.number + c.number) * third, (third, a), (third, b), (third, c))


def d_sine(a):
    return a.chain(mp.sin(a.number), (mp.cos(a.number), a))


def d_halve(a):
    return a.chain(a.number / 2, (mp.mpf(0.5), a))


def d_square(a):
    return a.chain(a.number**2, (2 * a.number, a))


# name: (how many operands, the package's way, the reference's way); every operand is in the domain by construction.
MOVES = {
    "add": (2, operator.add, d_add),
    "sub": (2, operator.sub, d_sub),
    "mul": (2, operator.mul, d_mul),
    "quotient": (2, lambda a, b: a / (1 + b * b), d_quotient),
    "power": (2, lambda a, b: (1 + a * a) ** b, d_power),
    "root": (1, lambda a: ops.sqrt(a * a + 0.5), d_root),
    "log": (1, lambda a: ops.log(1 + a**2), d_log),
    "tanh": (1, ops.tanh, d_tanh),
    "sigmoid": (1, ops.sigmoid, d_sigmoid),
    "bump": (1, lambda a: ops.exp(-a * a), d_bump),
    "gelu": (1, ops.gelu, d_gelu),
    "softplus": (1, ops.softplus, d_softplus),
    "maximum": (2, ops.maximum, d_maximum),
    "minimum": (2, lambda a, b: ops.min([a, b]), d_minimum),
    "abs": (1, abs, d_abs),
    "relu": (1, ops.relu, d_relu),
    "atan2": (2, lambda a, b: ops.atan2(a, b + 40), d_atan2),
    "hypot": (2, lambda a, b: ops.hypot(ops.hypot(a, b), 1), d_hypot),
    "logsumexp": (3, lambda *xs: ops.logsumexp(xs), d_logsumexp),
    "softmax": (3, lambda *xs: ops.softmax(xs, index=1), d_softmax),
    "dot": (3, lambda a, b, c: ops.dot([a, b], [b, c]), d_dot),
    "prod": (3, lambda *xs: ops.prod(xs), d_prod),
    "mean": (3, lambda *xs: ops.mean(xs), d_mean),
    "sine": (1, ops.sin, d_sine),
    "halve": (1, lambda a: a / 2, d_halve),
    "square": (1, lambda a: a**2, d_square),
}
KINKED = {"maximum", "minimum", "abs", "relu"}

instructions = st.lists(st.tuples(st.sampled_from(sorted(MOVES)), *[st.integers(0, 11)] * 3), min_size=1, max_size=14)
inputs = st.lists(st.floats(-2.0, 2.0, allow_subnormal=False), min_size=1, max_size=4)


def run(program, nodes, way):
    """Run the instructions; an operand is counted back from the newest node, so most nodes are used."""
    nodes = list(nodes)
    for name, *choices in program:
        count = MOVES[name][0]
        operands = [nodes[-1 - choice % len(nodes)] for choice in choices[:count]]
        nodes.append(MOVES[name][way](*operands))
    return nodes


def reference(program, point):
    """Return the reference's nodes, leaving out programs that blow up or come near a kink."""
    nodes = Dual.inputs(point)
    for name, *choices in program:
        count = MOVES[name][0]
        operands = [nodes[-1 - choice % len(nodes)] for choice in choices[:count]]
        if name in KINKED:
            a, b = (*operands, Dual(mp.mpf(0), []))[:2]
            assume(a is b or abs(a.number - b.number) > 1e-6)
        assume(all(abs(operand.number) < 40 for operand in operands))
        nodes.append(MOVES[name][2](*operands))
    assume(abs(nodes[-1].number) < 1e6)
    return nodes


def amplification(nodes):
    """Return the largest number on the way: rounding errors are of that size times 1e-16."""
    return max(1.0, *(float(max(map(abs, (node.number, *node.moves)))) for node in nodes))


def well_scaled(program, point):
    """Return the reference and its amplification, for programs in which rounding stays small."""
    exact = reference(program, point)
    scale = amplification(exact)
    assume(scale < 1e4)
    return exact, scale


@settings(max_examples=120)
@given(program=instructions, point=inputs)
def test_gradients_of_random_graphs(program, point):
    exact, scale = well_scaled(program, point)
    leaves = [Value(x) for x in point]
    root = run(program, leaves, 1)[-1]
    assert root.data == pytest.approx(float(exact[-1].number), rel=1e-9, abs=1e-12 * scale)
    root.backward()
    for leaf, move in zip(leaves, exact[-1].moves, strict=True):
        assert leaf.grad == pytest.approx(float(move), rel=1e-9, abs=1e-12 * scale)


@settings(max_examples=60)
@given(program=instructions, point=inputs, direction=st.lists(st.floats(-2, 2), min_size=4, max_size=4))
def test_every_road_to_the_derivative(program, point, direction):
    """Reverse mode twice, functional and forward mode agree with each other and with the reference."""
    exact, scale = well_scaled(program, point)
    direction = direction[: len(point)]

    def f(xs):
        return run(program, xs, 1)[-1]

    leaves = [Value(x) for x in point]
    root = f(leaves)
    found = gradients([root], leaves)
    root.backward()
    assert [bits(leaf.grad) for leaf in leaves] == [bits(g) for g in found]
    assert [bits(g) for g in grad(f)(point)] == [bits(g) for g in found]
    assert [bits(g) for g in vjp(f, point)[1](1.0)[0]] == [bits(g) for g in found]
    slopes = gradients([root], leaves, create_graph=True)
    assert [g.data for g in slopes] == found
    move = float(mp.fsum(m * d for m, d in zip(exact[-1].moves, direction, strict=True)))
    assert jvp(f, (point,), (direction,))[1] == pytest.approx(move, rel=1e-9, abs=1e-11 * scale)
    forward = hvp(f, (point,), (direction,))[0]
    inner = ops.dot(slopes, direction)
    reverse = gradients([inner], leaves)
    largest = max(1.0, *map(abs, reverse))
    assert forward == pytest.approx(reverse, rel=1e-8, abs=1e-10 * max(scale, largest))


@given(program=instructions, point=inputs)
def test_several_roots_add_up(program, point):
    exact, scale = well_scaled(program, point)
    leaves = [Value(x) for x in point]
    roots = run(program, leaves, 1)[len(point) :]
    backward(roots, seeds=[float(k + 1) for k in range(len(roots))])
    for i, leaf in enumerate(leaves):
        expected = mp.fsum((k + 1) * dual.moves[i] for k, dual in enumerate(exact[len(point) :]))
        assert leaf.grad == pytest.approx(float(expected), rel=1e-9, abs=1e-11 * scale * len(roots))


def test_the_reference_is_right():
    """The dual numbers against mpmath's own differentiation, so that two wrongs cannot agree."""
    point = [0.7, -1.3, 0.4]
    for name, (count, _, dual) in MOVES.items():
        operands = point[:count]
        result = dual(*Dual.inputs(operands))
        for i in range(count):
            order = tuple(int(i == k) for k in range(count))
            slope = mp.diff(lambda *xs, dual=dual: dual(*Dual.inputs(xs)).number, tuple(operands), order)
            assert math.isclose(slope, result.moves[i], rel_tol=1e-15, abs_tol=1e-15), (name, i)
