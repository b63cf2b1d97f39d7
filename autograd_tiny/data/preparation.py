"""What to do with a table before training: bring its columns to one size, and keep rows back for testing."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from random import Random
from typing import Any, TypeVar

from ..errors import ParameterError, ShapeError
from ..primitive import real
from ..ranges import above_zero, finite, proper_fraction
from ..seeds import generator

Row = TypeVar("Row")
Label = TypeVar("Label")


def standardize(
    X: Sequence[Sequence[float]], means: Sequence[float] | None = None, spreads: Sequence[float] | None = None
) -> tuple[list[list[float]], list[float], list[float]]:
    """Return a table with every column shifted to mean 0 and scaled to standard deviation 1, or as another table was.

    The standard deviation is that of the rows themselves, divided by their number n and not by n - 1. Rows to test on
    get the numbers of the training rows, never their own.

    Args:
        X: rows of finite numbers, at least one, all of one length.
        means, spreads: those returned for the training rows; None for those of X.

    Returns:
        (Z, means, spreads): the rows (x - mean) / spread, and the mean and standard deviation of each column
        before, or those given. A column of equal numbers becomes 0 and gets the spread 1.

    Raises:
        ShapeError: for no rows, rows of unequal lengths, or another number of means or spreads.
        ParameterError: for a number that is not finite, a spread of 0 or less, or means without spreads.

    >>> Z, means, spreads = standardize([[1.0, 7.0], [3.0, 7.0]])
    >>> Z, means, spreads
    ([[-1.0, 0.0], [1.0, 0.0]], [2.0, 7.0], [1.0, 1.0])
    >>> Z_test, _, _ = standardize([[4.0, 7.0]], means, spreads)
    >>> Z_test
    [[2.0, 0.0]]
    """
    if not isinstance(X, Iterable):
        raise ShapeError(f"standardize needs rows of numbers, got {X!r:.60}; a table is a list of rows")
    rows = [_row(row) for row in X]
    lengths = sorted({len(row) for row in rows})
    if len(lengths) != 1:
        raise ShapeError(f"standardize needs rows of one length, got {f'lengths {lengths}' if lengths else 'no rows'}")
    if means is None and spreads is None:
        columns = [_mean_and_spread(column) for column in zip(*rows, strict=True)]
    else:
        columns = _given(means, spreads, lengths[0])
    Z = [[(x - mean) / spread for x, (mean, spread) in zip(row, columns, strict=True)] for row in rows]
    return Z, [mean for mean, _ in columns], [spread for _, spread in columns]


def split(
    X: Sequence[Row], y: Sequence[Label], test_share: float = 0.25, random_state: Random | int | None = 0
) -> tuple[list[Row], list[Label], list[Row], list[Label]]:
    """Return shuffled examples in two parts: most to train on, the rest to test on.

    Args:
        X: the inputs of at least two examples.
        y: their targets, as many.
        test_share: the share to test on, above 0 and below 1; the number is rounded, and neither part is empty.
        random_state: an int seed or a ``random.Random``, for the order; None is seed 0.

    Returns:
        (X_train, y_train, X_test, y_test).

    Raises:
        ShapeError: when the numbers of inputs and targets differ, or there are fewer than two.
        ParameterError: for a share out of range or an unknown kind of random_state.

    >>> X_train, y_train, X_test, y_test = split([[1.0], [2.0], [3.0], [4.0]], [1, 2, 3, 4])
    >>> len(X_train), len(y_train), len(X_test), len(y_test), [x for x, in X_train + X_test] == y_train + y_test
    (3, 3, 1, 1, True)
    """
    share = proper_fraction(test_share, "test_share")
    for examples in (X, y):
        if not isinstance(examples, Iterable):
            raise ShapeError(f"split needs a list of inputs and a list of targets, got {examples!r:.60}")
    inputs, targets = list(X), list(y)
    if len(inputs) != len(targets):
        raise ShapeError(f"split needs one target per input, got {len(inputs)} inputs and {len(targets)} targets")
    if len(inputs) < 2:
        raise ShapeError(f"split needs at least two examples, one for each part, got {len(inputs)}")
    order = list(range(len(inputs)))
    generator(random_state, "random_state").shuffle(order)
    tested = min(max(1, round(share * len(order))), len(order) - 1)
    test, train = order[:tested], order[tested:]
    X_train, y_train = [inputs[i] for i in train], [targets[i] for i in train]
    return X_train, y_train, [inputs[i] for i in test], [targets[i] for i in test]


def _mean_and_spread(column: Sequence[float]) -> tuple[float, float]:
    if min(column) == max(column):  # rounding in the mean must not give equal numbers a spread
        return column[0], 1.0
    mean = math.fsum(column) / len(column)
    return mean, math.dist(column, [mean] * len(column)) / math.sqrt(len(column))


def _given(means: Any, spreads: Any, columns: int) -> list[tuple[float, float]]:
    """Return the mean and the spread of each column as another table had them."""
    for name, numbers in (("means", means), ("spreads", spreads)):
        if numbers is None:
            raise ParameterError(f"standardize takes means and spreads together, got no {name}; give what it returned")
        if not isinstance(numbers, Iterable):
            raise ShapeError(f"{name} is a list of one number per column, got {numbers!r:.60}")
    centres = [finite(mean, "a mean") for mean in means]
    widths = [above_zero(spread, "a spread") for spread in spreads]
    if not len(centres) == len(widths) == columns:
        raise ShapeError(
            f"standardize needs one mean and one spread per column, got {len(centres)} means and {len(widths)} spreads "
            f"for {columns} columns"
        )
    return list(zip(centres, widths, strict=True))


def _row(row: Any) -> list[float]:
    if not isinstance(row, Iterable):
        raise ShapeError(f"standardize needs rows of numbers, got {row!r} as a row; one column is [[x] for x in X]")
    numbers = [real(number, "standardize") for number in row]
    for number in numbers:
        if not math.isfinite(number):
            raise ParameterError(f"standardize needs finite numbers, got {number!r}")
    return numbers
