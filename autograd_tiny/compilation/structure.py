"""What a compiled function was called with: its parameters, its examples, and what else its code may depend on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from types import FunctionType, ModuleType
from typing import Any

from ..errors import GraphError, NotARealNumberError, ShapeError
from ..functional import tree_map
from ..nn import Module
from ..nn.shapes import is_list, listed_numbers, mapped, numbers_in, shape_of, shape_text
from ..primitive import Primitive, real
from ..value import Constant, Value

NAMES_OF_MODULES = {"_named", "_scope_name"}  # attributes that modules keep about themselves


class Parameters:
    """The parameters of a model: a Module, or numbers, Values and Modules in nested lists, tuples and dicts.

    Args:
        model: the model.

    Attributes:
        leaves: the distinct parameters, Values; a plain number has a new one.
        places: id of each -> its place among them.
        model: the model, with Values in the place of plain numbers.

    Raises:
        GraphError: for a Value that is the result of an operation.
        NotARealNumberError: for something else among them.

    >>> parameters = Parameters({"w": [1.0, 2.0], "b": 0.5})
    >>> len(parameters.leaves), parameters.like([10.0, 20.0, 30.0])
    (3, {'w': [10.0, 20.0], 'b': 30.0})
    """

    def __init__(self, model: Any) -> None:
        self._found: dict[Value, int] = {}
        self.model = tree_map(self._collect, model)
        self.leaves = list(self._found)
        self.places = {id(leaf): place for leaf, place in self._found.items()}

    def _collect(self, part: Any) -> Any:
        if isinstance(part, Module):
            for leaf in part.parameters():
                self._found.setdefault(leaf, len(self._found))
            return part
        if part is None:
            return None
        leaf = part if isinstance(part, Value) else Value(part)
        if leaf.op is not None:
            raise GraphError(f"the parameters of a compiled function are leaves, got the result of {leaf.op.name}")
        self._found.setdefault(leaf, len(self._found))
        return leaf

    def numbers(self) -> list[float]:
        """Return the present numbers of the parameters."""
        return [leaf._data for leaf in self.leaves]

    def like(self, numbers: Sequence[float]) -> Any:
        """Return numbers, one for each parameter, in the structure of the model; a Module becomes a dict."""

        def fill(part: Any) -> Any:
            if isinstance(part, Module):
                tensors = part.named_tensors()
                return {name: mapped(tensor, lambda leaf: numbers[self._found[leaf]]) for name, tensor in tensors}
            return None if part is None else numbers[self._found[part]]

        return tree_map(fill, self.model)


class Examples:
    """The inputs of a batch: for each argument an array or nested list, one example after the other.

    Args:
        arguments: the arguments after the model.

    Attributes:
        rows: the numbers of each example, all arguments one after the other.
        shapes: the shape of one example in each argument.
        values: the Values among the numbers.

    Raises:
        ShapeError: when the arguments differ in length, are empty, or their examples in shape.
        NotARealNumberError: for something that is no number.

    >>> examples = Examples([[[1, 2], [3, 4]], [5, 6]])
    >>> examples.rows, examples.shapes
    ([[1.0, 2.0, 5.0], [3.0, 4.0, 6.0]], ((2,), ()))
    """

    def __init__(self, arguments: Sequence[Any]) -> None:
        if not arguments:
            raise ShapeError("a compiled function needs inputs beside the model, one example after the other, got none")
        parts, shapes = [], []
        self.values: list[Value] = []
        for number, argument in enumerate(arguments, start=1):
            rows, shape = self._rows(argument, f"input {number}")
            parts.append(rows)
            shapes.append(shape)
        lengths = [len(rows) for rows in parts]
        if len(set(lengths)) > 1:
            raise ShapeError(f"all inputs have the same number of examples, got {', '.join(map(str, lengths))}")
        self.shapes = tuple(shapes)
        self.rows = parts[0] if len(parts) == 1 else _beside(parts)

    def __len__(self) -> int:
        return len(self.rows)

    def first(self) -> list[Any]:
        """Return the arguments of the first example, in their shapes."""
        numbers = iter([float(number) for number in self.rows[0]])
        return [_shaped(numbers, shape) for shape in self.shapes]

    def _rows(self, argument: Any, name: str) -> tuple[Any, tuple[int, ...]]:
        if hasattr(argument, "dtype") and not hasattr(argument.dtype, "kind"):  # a tensor of PyTorch
            import numpy as np

            argument = np.asarray(argument)
        if str(getattr(argument, "dtype", "object")) != "object":  # an array of numbers
            size = tuple(argument.shape)
            if not size or not size[0]:
                raise ShapeError(f"{name} holds one example after the other, got an array of shape {size}")
            if argument.dtype.kind not in "biuf":
                raise NotARealNumberError(f"{name} holds real numbers, got an array of {argument.dtype}")
            return argument.reshape(size[0], -1).astype(float), size[1:]
        examples = listed_numbers(argument)
        if not is_list(examples) or not examples:
            raise ShapeError(f"{name} holds one example after the other, at least one, got {argument!r:.60}")
        shapes = [shape_of(example) for example in examples]
        for i, shape in enumerate(shapes):
            if shape is None:
                raise ShapeError(f"the lists of example {i} in {name} differ in length: {examples[i]!r:.60}")
            if shape != shapes[0]:
                raise ShapeError(
                    f"the examples of one call have one shape: in {name} the first has the shape "
                    f"{shape_text(shapes[0])} and example {i} {shape_text(shape)}; call once for each shape"
                )
        rows = [[self._number(number, name) for number in numbers_in(example)] for example in examples]
        return rows, shapes[0] or ()

    def _number(self, number: Any, name: str) -> float:
        if isinstance(number, Value):
            self.values.append(number)
            return number._data
        return real(number, name)


def _beside(parts: list[Any]) -> Any:
    if all(hasattr(rows, "dtype") for rows in parts):
        import numpy as np

        return np.concatenate(parts, axis=1)
    return [[float(x) for row in rows for x in row] for rows in zip(*parts, strict=True)]


def _shaped(numbers: Iterator[float], shape: tuple[int, ...]) -> Any:
    if not shape:
        return next(numbers)
    return [_shaped(numbers, shape[1:]) for _ in range(shape[0])]


# ---------------------------------------------------------------- what a trace depends on


def fingerprint(thing: Any, parameters: Mapping[int, int] | None = None) -> tuple[Any, list[Any]]:
    """Return (a key that changes when what is traced might, objects to keep alive as long as the key is in use).

    Numbers, texts and arrays count by what they are, containers, modules and other objects by what is in them too, and
    functions, classes and what does not show what is in it by identity.

    Args:
        thing: a model, or what a function is given besides.
        parameters: id of a parameter -> its place; all other Values are constants then. Without it every Value in
            the thing is a parameter, and counts by its place. The objects to keep alive begin with these.
    """
    known = {} if parameters is None else dict(parameters)
    seen: dict[int, int] = {}
    values: list[Any] = []
    kept: list[Any] = []

    def key_of(part: Any) -> Any:
        if isinstance(part, Value):
            if parameters is None and part.op is None and not isinstance(part, Constant) and id(part) not in known:
                known[id(part)] = len(known)
                values.append(part)
            return known.get(id(part), ("number", repr(part._data)))
        if part is None or isinstance(part, (bool, int, float, str)):
            return type(part), repr(part)
        if id(part) in seen:
            return "again", seen[id(part)]
        seen[id(part)] = len(seen)
        if isinstance(part, Module):
            return type(part), keys_of({k: item for k, item in vars(part).items() if k not in NAMES_OF_MODULES})
        if isinstance(part, dict):
            return dict, keys_of(part)
        if isinstance(part, (list, tuple)):
            return type(part), tuple([key_of(item) for item in part])
        if isinstance(part, Primitive):
            kept.append(part)
            return part.name, tuple(part.params.items()), id(part)
        if hasattr(part, "tobytes") and hasattr(part, "dtype"):
            if str(part.dtype) == "object":
                return "array", part.shape, tuple([key_of(item) for item in part.ravel()])
            return "array", str(part.dtype), part.shape, sha256(part.tobytes()).hexdigest()
        kept.append(part)
        if isinstance(part, (set, frozenset)):
            return "set", tuple(sorted(map(repr, part)))
        inside = not isinstance(part, (type, FunctionType, ModuleType)) and hasattr(part, "__dict__")
        return "object", id(part), keys_of(vars(part)) if inside else ()

    def keys_of(items: Mapping[Any, Any]) -> tuple[Any, ...]:
        return tuple([(repr(name), key_of(item)) for name, item in items.items()])

    key = key_of(thing)
    return key, [*values, *kept]
