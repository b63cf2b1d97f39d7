"""Sequential, Residual and Flatten: how modules are put together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ..errors import ParameterError, ShapeError
from ..value import lift
from .module import Module
from .shapes import is_list, listed_numbers, numbers_in, place, shape_of, shape_text


class Sequential(Module):
    """Modules one after the other, each called with what the one before returned.

    Args:
        modules: modules, or functions of what the one before returns; at least one. After a Linear write ``ReLU()``:
            the operation ``relu`` takes one number, not a list.

    Attributes:
        layers: the list of them.

    Raises:
        ParameterError: for none, or something that cannot be called.

    >>> from autograd_tiny.nn import Linear, ReLU
    >>> model = Sequential(Linear(2, 3, rng=0), ReLU(), Linear(3, 1, rng=1))
    >>> model
    Sequential(): 13 parameters
      layers[0]: Linear(in_features=2, out_features=3): 9 parameters
      layers[1]: ReLU(): 0 parameters
      layers[2]: Linear(in_features=3, out_features=1): 4 parameters
    >>> len(model([1.0, -1.0])), len(model), type(model[1]).__name__
    (1, 3, 'ReLU')
    """

    def __init__(self, *modules: Callable[[Any], Any]) -> None:
        if not modules:
            raise ParameterError("Sequential needs at least one module: Sequential(Linear(2, 1))")
        self.layers = [_callable(module, f"module {i} of Sequential") for i, module in enumerate(modules)]

    def forward(self, x: Any) -> Any:
        """Return what the last module returns."""
        for layer in self.layers:
            x = layer(x)
        return x

    def __len__(self) -> int:
        return len(self.layers)

    def __getitem__(self, index: int) -> Callable[[Any], Any]:
        return self.layers[index]

    def __iter__(self) -> Iterator[Callable[[Any], Any]]:
        return iter(self.layers)


class Residual(Module):
    """x + module(x): a detour around the module, on which gradients pass unchanged (He et al. 2016, arXiv:1512.03385).

    Args:
        module: returns what has the shape of its input.

    Raises:
        ParameterError: for something that cannot be called.
        ShapeError: when the module returns another shape.

    >>> [y.data for y in Residual(lambda x: [2.0 * number for number in x])([1.0, 10.0])]
    [3.0, 30.0]
    """

    def __init__(self, module: Callable[[Any], Any]) -> None:
        self.module = _callable(module, "the module of Residual")

    def forward(self, x: Any) -> Any:
        """Return x + module(x)."""
        x = listed_numbers(x)
        y = self.module(x)
        here, there = shape_of(x), shape_of(y)
        if here != there or here is None:
            raise ShapeError(
                f"{place()} adds what its module returns to its input, so both need one shape, "
                f"got {shape_text(there)} for {shape_text(here)}"
            )
        return _sums(x, y)


class Flatten(Module):
    """All numbers of nested lists in one list, in reading order: channels, then rows, then columns.

    >>> Flatten()([[1.0, 2.0], [3.0, 4.0]])
    [1.0, 2.0, 3.0, 4.0]
    """

    def forward(self, x: Any) -> list[Any]:
        """Return the list."""
        return numbers_in(x)


def added(x: Any, y: Any) -> Any:
    """Return the sums of two numbers, vectors or matrices of one shape, number by number.

    Args:
        x, y: numbers, or nested lists of them of one shape.

    Returns:
        A Value, or nested lists of Values.

    Raises:
        ShapeError: for two shapes.

    >>> [s.data for s in added([1.0, 2.0], [10.0, 20.0])]
    [11.0, 22.0]
    """
    left, right = shape_of(x), shape_of(y)
    if left != right or left is None:
        raise ShapeError(f"added needs two of one shape, got {shape_text(left)} and {shape_text(right)}")
    return _sums(x, y)


def _sums(x: Any, y: Any) -> Any:
    if is_list(x):
        return [_sums(a, b) for a, b in zip(x, y, strict=True)]
    return lift(x) + y


def _callable(module: Any, subject: str) -> Callable[[Any], Any]:
    if isinstance(module, type):
        raise ParameterError(f"{subject} is a module or function, got the class; use {module.__name__}(...)")
    if not callable(module):
        raise ParameterError(f"{subject} is a module or function, got {module!r:.60}; separate modules by commas")
    function: Callable[[Any], Any] = module
    return function
