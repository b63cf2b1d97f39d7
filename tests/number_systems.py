"""Number namespaces as the tests need them: sixty digits (mpmath) and NumPy arrays."""

import functools
import math
import operator

import numpy as np

from autograd_tiny.primitive import Namespace
from autograd_tiny.testing.exact import central_difference, second_difference
from autograd_tiny.testing.number_systems import mpmath_context, mpmath_numbers

mp = mpmath_context(60)
high_precision = mpmath_numbers(mp)
STEP = mp.mpf(10) ** -18  # central differences lose 36 of the 60 digits to the second derivative and keep 24


def precise(op, operands, **params):
    """Return the operation's own value rule at 60 digits."""
    return mp.mpf(op.value(high_precision, *op.grouped(tuple(map(mp.mpf, operands))), **params))


def derivative(f, operands, i):
    """Return d f / d operand i by a central difference at 60 digits."""
    return central_difference(f, list(map(mp.mpf, operands)), i, STEP)


def second_derivative(f, operands, i, j):
    """Return d^2 f / d operand i d operand j by central differences at 60 digits."""
    return second_difference(f, list(map(mp.mpf, operands)), i, j, STEP, STEP)


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
