"""Saving and loading the numbers of a model: JSON, or safetensors where the package is installed. Never pickle."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import MissingPackageError, ParameterError, StateError
from ..files import write_atomically
from ..primitive import real
from ..value import Value
from .shapes import listed_numbers, mapped, numbers_in, shape_of

FORMAT = "autograd_tiny state"
VERSION = 1
METADATA = "__metadata__"  # the entry of a safetensors file that is no tensor
MOST_BYTES = 1 << 30


def save(state: Mapping[str, Any], path: Any, *, allow_nan: bool = False) -> None:
    """Write a state to a ``.json`` or ``.safetensors`` file, atomically: after a crash the old file is whole.

    JSON keeps every float exactly (Python writes the shortest decimal that reads back as the same float);
    safetensors keeps them as 64-bit floats.

    Args:
        state: name -> number or regular nested list of numbers, as ``model.state_dict()`` returns it.
        path: where to; the ending decides the form.
        allow_nan: whether inf and nan may be written.

    Raises:
        ParameterError: for another ending.
        StateError: for a number that is inf or nan (unless allowed), or entries that are no regular lists.
        MissingPackageError: for ``.safetensors`` without the packages safetensors and numpy.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save({"w": [0.1, 0.2]}, f"{folder}/model.json")
    ...     load(f"{folder}/model.json")
    {'w': [0.1, 0.2]}
    """
    path = Path(path)
    _check_ending(path)
    if not isinstance(state, Mapping):
        shown, remedy = f"{state!r:.60}", "use model.state_dict()"
        if hasattr(state, "state_dict"):
            shown, remedy = f"one {type(state).__name__}", "call model.save(path)"
        raise StateError(f"a state maps names to numbers, got {shown}; {remedy}")
    numbers = {name: mapped(listed_numbers(tensor), _as_float) for name, tensor in state.items()}
    _check(numbers, allow_nan, "cannot be saved")
    write_atomically(path, _to_json(numbers) if path.suffix == ".json" else _to_safetensors(numbers))


def load(path: Any, *, allow_nan: bool = False, most_bytes: int = MOST_BYTES) -> dict[str, Any]:
    """Read what :func:`save` wrote, checked before anything is returned; loading runs no code from the file.

    Args:
        path: a ``.json`` or ``.safetensors`` file, also one that other programs wrote.
        allow_nan: whether inf and nan are taken.
        most_bytes: refuse larger files.

    Returns:
        name -> number or nested list of floats; for ``model.load_state_dict``.

    Raises:
        StateError: for a file that is truncated or damaged, too large, of another format or version, with a name
            twice, or with inf, nan or something that is no number in it.
        ParameterError, MissingPackageError, OSError: as :func:`save`, or when the file cannot be read.

    >>> import tempfile
    >>> from autograd_tiny.nn import Linear
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Linear(1, 1, rng=0).save(f"{folder}/layer.json")
    ...     state = load(f"{folder}/layer.json")
    >>> state == Linear(1, 1, rng=0).state_dict()
    True
    """
    path = Path(path)
    _check_ending(path)
    size = path.stat().st_size
    if size > most_bytes:
        raise StateError(f"{path} has {size:,} bytes, over the {most_bytes:,} allowed; raise most_bytes to load it")
    content = path.read_bytes()
    try:
        numbers = _from_json(content, path) if path.suffix == ".json" else _from_safetensors(content, path)
        _check(numbers, allow_nan, f"in {path} cannot be loaded")
    except RecursionError:
        raise StateError(f"{path} is damaged: its lists are nested too deeply") from None
    return numbers


def _check_ending(path: Path) -> None:
    if path.suffix not in (".json", ".safetensors"):
        raise ParameterError(f"a state is a .json or .safetensors file, got {path}; name it {path.name}.json")


def _check(numbers: Mapping[str, Any], allow_nan: bool, what: str) -> None:
    for name, tensor in numbers.items():
        if not isinstance(name, str) or name == METADATA:
            raise StateError(f"{name!r} {what}: a name is text, and not {METADATA}, which safetensors files reserve")
        if shape_of(tensor) is None:
            raise StateError(f"{name!r} {what}: its lists have different lengths")
        for number in numbers_in(tensor):
            if type(number) is not float:
                raise StateError(f"{name!r} {what}: it holds {number!r:.60}, which is no float")
            if not allow_nan and not math.isfinite(number):
                raise StateError(f"{name!r} {what}: it holds {number}; allow_nan=True takes inf and nan")


# ---------------------------------------------------------------- JSON


def _to_json(numbers: Mapping[str, Any]) -> bytes:
    return json.dumps({"format": FORMAT, "version": VERSION, "state": numbers}).encode()


def _from_json(content: bytes, path: Path) -> dict[str, Any]:
    document = read_json(content, path)
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise StateError(f'{path} is not a saved state: it has no "format": "{FORMAT}"')
    if document.get("version") != VERSION:
        raise StateError(
            f"{path} has the version {document.get('version')!r:.60}; this autograd_tiny reads version {VERSION}"
        )
    state = document.get("state")
    if not isinstance(state, dict):
        raise StateError(f'{path} is damaged: its "state" maps no names to numbers')
    return {name: mapped(tensor, _as_float) for name, tensor in state.items()}


def read_json(content: bytes, path: Any) -> Any:
    """Return a JSON document in which no name stands twice.

    Raises:
        StateError: when it is damaged: truncated, not UTF-8, nested too deeply, a name twice.

    >>> read_json(b'{"a": [1.0]}', "a.json")
    {'a': [1.0]}
    """

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        names = dict(pairs)
        if len(names) < len(pairs):
            twice, _ = Counter(name for name, _ in pairs).most_common(1)[0]
            raise StateError(f"{path} is damaged: the name {twice!r} stands twice")
        return names

    try:
        return json.loads(content.decode(), object_pairs_hook=once)
    except json.JSONDecodeError as error:
        at_end = error.pos >= len(content.decode().rstrip())
        raise StateError(
            f"{path} is damaged{' or truncated' if at_end else ''}: {error.msg} in line {error.lineno}, "
            f"column {error.colno}"
        ) from None
    except UnicodeDecodeError as error:
        raise StateError(f"{path} is damaged: byte {error.start} is not UTF-8 text") from None
    except RecursionError:
        raise StateError(f"{path} is damaged: its lists are nested too deeply") from None
    except ValueError as error:  # a number of more digits than Python converts
        raise StateError(f"{path} is damaged: {error}") from None


def _as_float(number: Any) -> Any:
    """Return a number as a float, and what is none as it is: the check that follows names it."""
    if isinstance(number, bool):
        return number
    try:
        return number.data if isinstance(number, Value) else real(number)
    except TypeError:
        return number


# ---------------------------------------------------------------- safetensors


def _to_safetensors(numbers: Mapping[str, Any]) -> bytes:
    numpy, safetensors = _packages()
    content: bytes = safetensors.save({name: numpy.array(tensor, numpy.float64) for name, tensor in numbers.items()})
    return content


def _from_safetensors(content: bytes, path: Path) -> dict[str, Any]:
    _, safetensors = _packages()
    from safetensors import SafetensorError

    try:
        tensors = safetensors.load(content)
    except KeyError as error:
        raise StateError(f"{path} holds numbers of the type {error}, which NumPy lacks; save them as F64") from None
    except (SafetensorError, ValueError) as error:
        raise StateError(f"{path} is damaged or truncated: {error}") from None
    read_json(content[8 : 8 + int.from_bytes(content[:8], "little")], path)  # the header: refuses a name twice
    for name, tensor in tensors.items():
        if math.prod(size or 1 for size in tensor.shape) > len(content):  # empty lists in lists cost the file nothing
            raise StateError(f"{path} is damaged: {name!r} has no numbers in a shape of {tensor.shape}")
    return {name: mapped(tensor.tolist(), _as_float) for name, tensor in sorted(tensors.items())}


def _packages() -> tuple[Any, Any]:
    try:
        import numpy
        import safetensors.numpy
    except ImportError:
        raise MissingPackageError("safetensors", "a .safetensors file", extra="safetensors") from None
    return numpy, safetensors.numpy
