"""Number namespaces that only the tests have: fifty digits (mpmath) and NumPy arrays."""

import functools
import math
import operator

import mpmath
import numpy as np

from autograd_tiny.primitive import Namespace

mp = mpmath.mp.clone()  # a context of our own: the precision of mpmath itself stays as it is
mp.dps = 60
STEP = mp.mpf(10) ** -18  # central differences lose 36 of the 60 digits to the second derivative and keep 24


def _mp_pow(x, y):
    return x ** int(y) if y == int(y) else mp.power(x, y)


def _mp_fmod(x, y):
    quotient = x / y
    return x - y * (mp.floor(quotient) if quotient >= 0 else mp.ceil(quotient))


high_precision = Namespace(
    abs=abs,
    where=lambda condition, a, b: a if condition else b,
    sum=lambda xs: functools.reduce(operator.add, xs, mp.mpf(0)),
    dot=lambda xs, ws: functools.reduce(operator.add, map(operator.mul, xs, ws), mp.mpf(0)),
    pow=_mp_pow,
    fmod=_mp_fmod,
    round=mp.nint,
    **{
        name: getattr(mp, name)
        for name in "acos asin atan atan2 ceil cos cosh erf erfc exp expm1 floor".split()
        + "hypot log log1p sin sinh sqrt tan tanh".split()
    },
)


def precise(op, operands, **params):
    """Return the operation's own value rule at 60 digits."""
    return mp.mpf(op.value(high_precision, *op.grouped(tuple(map(mp.mpf, operands))), **params))


def derivative(f, operands, i, step=STEP):
    """Return d f / d operand i by a central difference at 60 digits."""
    return (f(*_moved(operands, {i: step})) - f(*_moved(operands, {i: -step}))) / (2 * step)


def second_derivative(f, operands, i, j, step=STEP):
    """Return d^2 f / d operand i d operand j by central differences at 60 digits."""
    if i == j:
        middle = f(*map(mp.mpf, operands))
        return (f(*_moved(operands, {i: step})) - 2 * middle + f(*_moved(operands, {i: -step}))) / step**2
    corners = [(a, b, f(*_moved(operands, {i: a * step, j: b * step}))) for a in (1, -1) for b in (1, -1)]
    return sum(a * b * corner for a, b, corner in corners) / (4 * step**2)


def _moved(operands, moves):
    return [mp.mpf(x) + moves.get(k, 0) for k, x in enumerate(operands)]


def _elementwise(function):
    return lambda x: np.array([function(number) for number in np.ravel(x)])


# The IEEE sum and product run from left to right; np.sum adds in pairs.
arrays = Namespace(
    abs=np.abs,
    where=np.where,
    sum=lambda xs: functools.reduce(operator.add, xs, 0.0),
    dot=lambda xs, ws: functools.reduce(operator.add, map(operator.mul, xs, ws), 0.0),
    pow=lambda x, y: np.power(*map(np.array, np.broadcast_arrays(x, y))),  # a scalar 0.5 would mean sqrt
    round=np.round,
    erf=_elementwise(math.erf),
    erfc=_elementwise(math.erfc),
    acos=np.arccos,
    asin=np.arcsin,
    atan=np.arctan,
    atan2=np.arctan2,
    **{
        name: getattr(np, name)
        for name in "ceil cos cosh exp expm1 floor fmod hypot log log1p sin sinh sqrt tan tanh".split()
    },
)


def same(x, y):
    """Return whether two floats are equal, nan counting as equal to nan."""
    return x == y or (x != x and y != y)


def bits(x):
    """Return the exact number as text, so that 0.0 and -0.0 differ and nan equals nan."""
    return float(x).hex()
