"""Reading a Program from JSON: every entry is checked before anything is built."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeVar

from ..errors import AutogradTinyError, StateError, did_you_mean
from ..primitive import Primitive, registry
from .program import FORMAT, VERSION, Instruction, Program

T = TypeVar("T")
_NOT_FINITE = {"inf", "-inf", "nan"}
_ENTRIES = "parameters inputs constants instructions outputs wanted example labels scopes".split()


def program_from(text: str) -> Program:
    """Return the program of a JSON text.

    Raises:
        StateError: names the entry that is wrong.
    """
    try:
        record = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise StateError(f"a program is JSON, and this text is not: {error}") from None
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        raise StateError(f'the text is no program; one has "format": "{FORMAT}"')
    if record.get("version") != VERSION:
        raise StateError(f"the program has version {record.get('version')!r:.60}, and this package reads {VERSION}")
    missing = [name for name in _ENTRIES if name not in record]
    if missing:
        raise StateError(f"the program has no entry {missing[0]!r}; is the file cut off?")
    parameters, inputs = _count(record, "parameters"), _count(record, "inputs")
    wanted = _count(record, "wanted")
    if wanted > parameters:
        raise StateError(f"wanted is at most the number of parameters, {parameters}, got {wanted}")
    constants = _each(record, "constants", _number)
    example = _each(record, "example", _number)
    if len(example) != parameters + inputs:
        raise StateError(f"example has one number for each parameter and input, got {len(example)}")
    first = parameters + inputs + len(constants)
    given = _each(record, "instructions", lambda item, where: item)
    instructions = tuple([_instruction(item, f"instructions[{i}]", first + i) for i, item in enumerate(given)])
    _check_repeated(instructions, first)
    slots = first + len(instructions)
    return Program(
        parameters=parameters,
        inputs=inputs,
        constants=constants,
        instructions=instructions,
        outputs=_each(record, "outputs", lambda item, where: _slot(item, where, slots)),
        wanted=wanted,
        example=example,
        labels=_texts(record, "labels", slots),
        scopes=_texts(record, "scopes", slots),
    )


def _instruction(item: Any, where: str, slot: int) -> Instruction:
    if not (isinstance(item, list) and len(item) == 4 and isinstance(item[1], list) and isinstance(item[3], dict)):
        raise StateError(f"{where} is [name, operands, slot or null, parameters], got {item!r:.60}")
    name, operands, same_as, params = item
    op = registry.get(name) if isinstance(name, str) else None
    if op is None:
        question = did_you_mean(str(name), registry)
        raise StateError(f"{where}: {name!r:.60} is no operation ({question or 'is one of your own not registered?'})")
    return Instruction(
        _bound(op, {key: _number(number, f"{where}: {key}") for key, number in params.items()}, len(operands), where),
        tuple([_slot(operand, where, slot) for operand in operands]),
        None if same_as is None else _slot(same_as, where, slot),
    )


def _check_repeated(instructions: tuple[Instruction, ...], first: int) -> None:
    """Raise a StateError when an instruction is said to repeat one that computes something else."""
    same: dict[int, int] = {}
    for i, (op, operands, same_as) in enumerate(instructions):
        if same_as is not None:
            twin = instructions[same_as - first] if same_as >= first else None
            if twin is None or (twin.op, _first(twin.operands, same)) != (op, _first(operands, same)):
                raise StateError(f"instructions[{i}]: slot {same_as} is no earlier {op.name} of the same operands")
            same[first + i] = same.get(same_as, same_as)


def _first(operands: tuple[int, ...], same: dict[int, int]) -> tuple[int, ...]:
    return tuple([same.get(operand, operand) for operand in operands])


def _bound(op: Primitive, params: dict[str, float], operands: int, where: str) -> Primitive:
    try:
        if op.pairs:
            op.flatten(([0.0] * (operands // 2), [0.0] * (operands - operands // 2)))
        else:
            op.flatten((0.0,) * operands)
        bound = op.bind(**params) if op.params or params else op
    except AutogradTinyError as error:
        raise StateError(f"{where}: {error}") from None
    if op.per_operand and bound.params["index"] not in range(operands):
        raise StateError(f"{where}: {op.name} of {operands} operands has no result {bound.params['index']}")
    return bound


def _count(record: dict[str, Any], name: str) -> int:
    count = record[name]
    if type(count) is not int or count < 0:
        raise StateError(f"{name} is a whole number of at least 0, got {count!r:.60}")
    return count


def _each(record: dict[str, Any], name: str, read: Callable[[Any, str], T]) -> tuple[T, ...]:
    items = record[name]
    if not isinstance(items, list):
        raise StateError(f"{name} is a list, got {items!r:.60}")
    return tuple([read(item, f"{name}[{i}]") for i, item in enumerate(items)])


def _number(item: Any, where: str) -> float:
    if isinstance(item, str) and item in _NOT_FINITE:
        return float(item)
    if type(item) not in (int, float):
        raise StateError(f"{where} is a number, got {item!r:.60}")
    try:
        return float(item)
    except OverflowError:
        raise StateError(f"{where} is larger than a float can be") from None


def _slot(item: Any, where: str, below: int) -> int:
    if type(item) is not int or not 0 <= item < below:
        raise StateError(f"{where} reads a slot from 0 to {below - 1}, got {item!r:.60}")
    return item


def _texts(record: dict[str, Any], name: str, slots: int) -> dict[int, str]:
    texts = record[name]
    if not isinstance(texts, dict) or not all(isinstance(text, str) for text in texts.values()):
        raise StateError(f"{name} maps slots to texts, got {texts!r:.60}")
    known = {str(slot): slot for slot in range(slots)} if texts else {}
    for key in texts:
        if key not in known:
            raise StateError(f"{name} has a text for the slot {key!r:.60}, and there are {slots}")
    return {known[key]: text for key, text in texts.items()}
