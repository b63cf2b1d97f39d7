"""Vectors and matrices as lists of Values: their shapes, and errors that name the module and what it needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from numbers import Real
from typing import Any

from ..errors import NotARealNumberError, ShapeError
from ..recording import mode
from ..value import Value, lift


def is_list(thing: Any) -> bool:
    """Whether a thing is a list, tuple, array or the like: not one number, no text, no set, no generator.

    >>> is_list([1.0]), is_list(1.0), is_list("1.0")
    (True, False, False)
    """
    if isinstance(thing, (list, tuple)):
        return True
    if isinstance(thing, (Value, float, str, bytes, Mapping)):
        return False
    return hasattr(thing, "__getitem__") and hasattr(thing, "__len__") and getattr(thing, "ndim", 1) != 0


def listed_numbers(tensor: Any) -> Any:
    """Return arrays, tensors and tuples, also inside lists, as nested lists.

    >>> listed_numbers(((1.0, 2.0), [3.0, 4.0]))
    [[1.0, 2.0], [3.0, 4.0]]
    """
    if hasattr(tensor, "tolist"):
        return tensor.tolist()
    return [listed_numbers(item) for item in tensor] if is_list(tensor) else tensor


def shape_of(tensor: Any) -> tuple[int, ...] | None:
    """Return the lengths of nested lists, () for one number, None where lists beside each other differ.

    >>> shape_of([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]), shape_of(1.0), shape_of([[1.0], 2.0])
    ((2, 3), (), None)
    """
    if not is_list(tensor):
        return ()
    if _is_flat(tensor):
        return (len(tensor),)
    inner = {shape_of(item) for item in tensor}
    if len(inner) > 1 or None in inner:
        return None
    return (len(tensor), *(inner.pop() if inner else ()))  # type: ignore[misc]  # None was ruled out


def shape_text(shape: tuple[int, ...] | None) -> str:
    """Return a shape in words: ``3 x 2``, ``one number``, ``a ragged list``.

    >>> shape_text((3, 2)), shape_text(()), shape_text(None)
    ('3 x 2', 'one number', 'a ragged list')
    """
    if shape is None:
        return "a ragged list"
    return " x ".join(map(str, shape)) or "one number"


def mapped(tensor: Any, f: Callable[[Any], Any]) -> Any:
    """Return f of every number, in nested lists of the same shape.

    >>> mapped([[1.0, 2.0]], lambda x: 2 * x)
    [[2.0, 4.0]]
    """
    if _is_flat(tensor):
        return [f(number) for number in tensor]
    return [mapped(item, f) for item in _items(tensor)] if is_list(tensor) else f(tensor)


def numbers_in(tensor: Any) -> list[Any]:
    """Return the numbers of nested lists in reading order.

    >>> numbers_in([[1.0, 2.0], [3.0]])
    [1.0, 2.0, 3.0]
    """
    if _is_flat(tensor):
        return list(tensor)
    return [number for item in _items(tensor) for number in numbers_in(item)] if is_list(tensor) else [tensor]


def _is_flat(tensor: Any) -> bool:
    """Whether a thing is a list of plain numbers or Values: the usual case, told without a look at each by itself."""
    return type(tensor) in (list, tuple) and {Value, float}.issuperset(map(type, tensor))


# ---------------------------------------------------------------- what a module was called with


def vector(x: Any, size: int) -> list[Value]:
    """Return one example as a list of Values.

    Raises:
        ShapeError: naming the module, what it needs and what came.

    >>> [value.data for value in vector((1, 2.5), 2)]
    [1.0, 2.5]
    """
    if not is_list(x):
        remedy = "wrap it: [x]" if isinstance(x, (Value, Real)) else "make a list of it"
        raise ShapeError(f"{place()} needs a list of {numbers_text(size)}, got {x!r:.200}; {remedy}")
    items = _items(x)
    if len(items) != size:
        raise ShapeError(f"{place()} needs {numbers_text(size)} for one example, got {len(items)}")
    try:
        return [lift(item) for item in items]
    except NotARealNumberError:
        if not any(map(is_list, items)):
            raise
        raise ShapeError(
            f"{place()} needs {numbers_text(size)} for one example, got a list of lists; "
            "call it once per example: [model(x) for x in X]"
        ) from None


def per_vector(x: Any, size: int, f: Callable[[list[Value]], Any]) -> Any:
    """Return f of a vector of ``size`` numbers, or of each vector in (nested) lists of them.

    Raises:
        ShapeError: where a vector has another length.

    >>> per_vector([[1.0, 2.0], [3.0, 4.0]], 2, lambda v: v[0].data)
    [1.0, 3.0]
    """
    items = _items(x) if is_list(x) else []
    if items and is_list(items[0]):
        return [per_vector(item, size, f) for item in items]
    return f(vector(x, size))


def sequence(x: Any, size: int) -> list[list[Value]]:
    """Return the vectors of a sequence, at least one, each of ``size`` numbers.

    Raises:
        ShapeError: for something else.

    >>> len(sequence([[1.0, 2.0], [3.0, 4.0]], 2))
    2
    """
    items = _items(x) if is_list(x) else []
    if not items or not is_list(items[0]):
        raise ShapeError(
            f"{place()} needs a sequence: a list of vectors of {numbers_text(size)}, got {_described(x)}; "
            "a sequence of one vector is [x]"
        )
    return [vector(item, size) for item in items]


def grid(x: Any, wanted: tuple[int | None, ...], letters: str) -> Any:
    """Return nested lists of Values of a wanted shape, None standing for any length of at least 1.

    Args:
        x: nested lists of numbers.
        wanted: the lengths.
        letters: what the dimensions are, for the error: ``"channels x height x width"``.

    Raises:
        ShapeError: naming the module, the shape it needs and the one it got.

    >>> len(grid([[[1.0, 2.0]]], (1, None, None), "channels x height x width"))
    1
    """
    x = listed_numbers(x)
    shape = shape_of(x)
    fits = shape is not None and len(shape) == len(wanted)
    if not fits or not all(n >= 1 and m in (None, n) for n, m in zip(shape or (), wanted, strict=True)):
        names = letters.split(" x ")
        need = " x ".join(name if n is None else str(n) for n, name in zip(wanted, names, strict=True))
        remedy = "; for one channel wrap it: [x]" if shape and len(shape) == len(wanted) - 1 else ""
        raise ShapeError(f"{place()} needs {need} numbers ({letters}), got {shape_text(shape)}{remedy}")
    return mapped(x, lift)


def place() -> str:
    """Return which module is being called, for errors: ``MLP/layers[0]``."""
    return mode.get().scope or "the module"


def numbers_text(count: int) -> str:
    """Return ``1 number`` or ``3 numbers``."""
    return f"{count} number{'s' if count != 1 else ''}"


def _items(x: Any) -> list[Any]:
    return x.tolist() if hasattr(x, "tolist") else list(x)  # the items of a tensor would be tensors again


def _described(x: Any) -> str:
    return shape_text(shape_of(x)) if is_list(x) else f"{x!r:.60}"
