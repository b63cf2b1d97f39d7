"""Indices: whole numbers that pick from a list, or traced Values that pick for each example by itself."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, TypeAlias

from .. import ops
from ..value import Value

Index: TypeAlias = "int | Value"
"""A whole number in range, or a traced Value."""


def known_index(index: Any, count: int) -> int | None:
    """Return an index as an int, a Value counting as its number; None unless it is whole and from 0 to count - 1.

    >>> known_index(Value(2.0), 3), known_index(3, 3), known_index(0.5, 3)
    (2, None, None)
    """
    number: Any = index.data if isinstance(index, Value) else index
    checked = int(number) if isinstance(number, float) and number.is_integer() else -1
    with suppress(TypeError):
        checked = operator.index(number)
    return checked if 0 <= checked < count else None


def one_hot(index: Index, count: int) -> list[Any]:
    """Return 1 at the place of the index and 0 at the others; nan everywhere where a traced index has no place.

    >>> one_hot(1, 3), [hit.data for hit in one_hot(Value(0.5), 2)]
    ([0.0, 1.0, 0.0], [nan, nan])
    """
    hits, found = _hits(index, count)
    return hits if isinstance(index, int) else [hit / found for hit in hits]


def entry(numbers: Sequence[Any], index: Index) -> Any:
    """Return numbers[index], for a traced index by a choice from all; nan where it has no place.

    >>> entry([5.0, 7.0], 1), entry([5.0, 7.0], Value(1.0)).data, entry([5.0, 7.0], Value(2.0)).data
    (7.0, 7.0, nan)
    """
    if isinstance(index, int):
        return numbers[index]
    hits, found = _hits(index, len(numbers))
    return ops.sum([ops.where(hit, number, 0.0) for hit, number in zip(hits, numbers, strict=True)]) / found


def row(matrix: Sequence[Sequence[Any]], index: Index) -> list[Any]:
    """Return matrix[index], for a traced index by one ``dot`` for each column; nan where it has no place.

    >>> [number.data for number in row([[1.0, 2.0], [3.0, 4.0]], Value(1.0))]
    [3.0, 4.0]
    """
    if isinstance(index, int):
        return list(matrix[index])
    hits, found = _hits(index, len(matrix))
    return [ops.dot(hits, column) / found for column in zip(*matrix, strict=True)]


def _hits(index: Index, count: int) -> tuple[list[Any], Any]:
    """Return 1 for the place of the index and 0 for the others, and how many 1s there are: none makes 0 / 0, nan."""
    hits = [ops.equal(index, i) for i in range(count)]
    return hits, ops.sum(hits)
