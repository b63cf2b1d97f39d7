"""Examples as rows of numbers, sorted by their shape: those of one shape share a compiled program."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from typing import Any

from ..errors import NotARealNumberError, ParameterError
from ..functional import flatten
from ..nn.shapes import listed_numbers, mapped, shape_of
from ..primitive import real
from ..value import Value
from .learner import Example


class Shaped:
    """Examples sorted by the shapes of input and target.

    Args:
        data: the examples.
        parameters: Values that none of the examples may be computed from, since their numbers are copied.

    Attributes:
        data: the examples.
        first: an example of each shape, in nested lists of numbers, in the order the shapes were met.
        rows: for each shape, the numbers of its examples, input and target one after the other.

    Raises:
        NotARealNumberError: for an input or a target that is not made of numbers.
        ParameterError: for one that is a parameter, or computed from Values.

    >>> shaped = Shaped([([1.0], 5.0), ([2.0, 3.0], 6.0), ([4.0], 7.0)])
    >>> shaped.rows, shaped.parts([2, 1])
    ([[[1.0, 5.0], [4.0, 7.0]], [[2.0, 3.0, 6.0]]], [(0, [1]), (1, [0])])
    """

    def __init__(self, data: Sequence[Example], parameters: Container[Value] = ()) -> None:
        self.data = data
        self.first: list[Example] = []
        self.rows: list[list[list[float]]] = []
        self._places: list[tuple[int, int]] = []
        self._targets: list[str] = []
        known: dict[str, int] = {}
        for example in data:
            x, target = [_numbers(side, parameters) for side in example]
            shape = known.setdefault(f"{_shape(x)} {_shape(target)}", len(known))
            if shape == len(self.rows):
                self.first.append((x, target))
                self.rows.append([])
            self._places.append((shape, len(self.rows[shape])))
            self._targets.append(repr(target))
            self.rows[shape].append(flatten([x, target], check=False))

    def __len__(self) -> int:
        return len(self.data)

    def parts(self, positions: Iterable[int]) -> list[tuple[int, list[int]]]:
        """Return (shape, which of its rows) for the shapes that the examples at these positions have."""
        found: dict[int, list[int]] = {}
        for position in positions:
            shape, row = self._places[position]
            found.setdefault(shape, []).append(row)
        return list(found.items())

    def in_order(self, positions: Sequence[int], results: Sequence[Sequence[Any]]) -> list[Any]:
        """Return what was computed for each of the :meth:`parts`, in the order of the positions.

        >>> Shaped([([1.0], 5.0), ([2.0, 3.0], 6.0), ([4.0], 7.0)]).in_order([2, 1, 0], [["c", "a"], ["b"]])
        ['c', 'b', 'a']
        """
        left = {shape: iter(part) for (shape, _), part in zip(self.parts(positions), results, strict=True)}
        return [next(left[self._places[position][0]]) for position in positions]

    def varied(self, count: int) -> list[int]:
        """Return positions of at most so many examples, as different in shape and target as can be.

        >>> Shaped([(float(i), float(i > 8)) for i in range(10)]).varied(4)
        [0, 1, 5, 9]
        """
        firsts: dict[Any, int] = {}
        for position, (place, target) in enumerate(zip(self._places, self._targets, strict=True)):
            firsts.setdefault((place[0], target), position)
        chosen = _spread(list(firsts.values()), count)
        others = [position for position in range(len(self)) if position not in set(chosen)]
        return sorted([*chosen, *_spread(others, count - len(chosen))])


def _spread(positions: list[int], count: int) -> list[int]:
    if len(positions) <= count:
        return positions
    return [positions[i * len(positions) // count] for i in range(count)]


def _numbers(side: Any, parameters: Container[Value]) -> Any:
    """Return an input or a target as numbers in nested lists."""

    def number(leaf: Any) -> float:
        if isinstance(leaf, Value):
            if leaf.op is not None or leaf in parameters:
                raise ParameterError(
                    "jit=True copies the numbers of the examples, and one of them is "
                    f"{'a parameter' if leaf.op is None else f'the result of {leaf.op.name}'}, so it would not be "
                    "learned; compute it in the model, or use jit=False"
                )
            return leaf._data
        try:
            return real(leaf, "an example")
        except NotARealNumberError as error:
            raise NotARealNumberError(f"{error}; with jit=True inputs and targets are numbers in lists") from None

    return mapped(listed_numbers(side), number)


def _shape(numbers: Any) -> str:
    shape = shape_of(numbers)
    return repr(mapped(numbers, lambda _: 0) if shape is None else shape)
