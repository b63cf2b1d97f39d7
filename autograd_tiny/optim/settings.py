"""Settings: the rules that numbers given to optimisers, schedules and clipping, or read from a state, have to obey."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeAlias

from ..errors import NotARealNumberError, ParameterError, StateError, did_you_mean, listed
from ..primitive import real, whole

Rule: TypeAlias = Callable[[Any, str], Any]
"""(what was given, the name of the setting) -> it in plain form; raises ParameterError."""


def number(accepts: Callable[[float], bool], range_in_words: str) -> Rule:
    """Return the rule of a number in a range.

    >>> number(lambda x: 0.0 <= x <= 9.0, "a number from 0 to 9")(3, "digit")
    3.0
    """

    def rule(given: Any, name: str) -> float:
        plain = real(given, name)
        if not accepts(plain):
            raise ParameterError(f"{name} is {range_in_words}, got {given!r}")
        return plain

    return rule


at_least_zero = number(lambda x: 0.0 <= x < math.inf, "a finite number of at least 0")
above_zero = number(lambda x: 0.0 < x < math.inf, "a finite number above 0")
fraction = number(lambda x: 0.0 <= x <= 1.0, "a number from 0 to 1")
decay_rate = number(lambda x: 0.0 <= x < 1.0, "a number of at least 0 and less than 1")


def anything(given: Any, name: str) -> Any:
    """Accept what was given; its rule is applied elsewhere."""
    return given


def count(given: Any, name: str) -> int:
    """Check a whole number of at least 0."""
    return whole(given, name, least=0)


def switch(given: Any, name: str) -> bool:
    """Check a bool."""
    if not isinstance(given, bool):
        raise ParameterError(f"{name} is True or False, got {given!r:.60}")
    return given


def one_of(*choices: str) -> Rule:
    """Return the rule of a name out of a few."""

    def rule(given: Any, name: str) -> Any:
        if given not in choices:
            raise ParameterError(f"{name} is {' or '.join(map(repr, choices))}, got {given!r:.60}")
        return given

    return rule


def each(rule: Rule, length: int | None = None) -> Rule:
    """Return the rule of a list, of a given length if any, whose items all obey a rule.

    >>> each(count)((1, 2), "milestones")
    [1, 2]
    """

    def rule_of_list(given: Any, name: str) -> list[Any]:
        if not isinstance(given, Iterable) or isinstance(given, (str, bytes, Mapping)):
            raise ParameterError(f"{name} is a list, got {given!r:.60}")
        items = list(given)
        if length is not None and len(items) != length:
            raise ParameterError(f"{name} is a list of {length}, got one of {len(items)}")
        return [rule(item, name) for item in items]

    return rule_of_list


def check_names(given: Any, known: Iterable[str], owner: str) -> None:
    """Check that a mapping has the known names, all of them and no others.

    Raises:
        ParameterError: names the missing or unknown ones.
    """
    if not isinstance(given, Mapping):
        raise ParameterError(f"{owner} is a dict, got {given!r:.60}")
    known = list(known)
    if unknown := [str(name) for name in given if name not in known]:
        hint = did_you_mean(unknown[0], known) or f"it has {listed(known)}"
        raise ParameterError(f"{owner} has no {listed(unknown)}; {hint}")
    if missing := [name for name in known if name not in given]:
        raise ParameterError(f"{owner} lacks {listed(missing)}")


def checked(settings: Any, rules: Mapping[str, Rule], owner: str) -> dict[str, Any]:
    """Return the settings in plain form, in the order of their rules.

    Raises:
        ParameterError: for a missing or unknown setting, or one that its rule refuses.
    """
    check_names(settings, rules, owner)
    return {name: rule(settings[name], name) for name, rule in rules.items()}


@contextmanager
def loading(kind: str) -> Iterator[None]:
    """Turn complaints about what a state holds into a StateError."""
    try:
        yield
    except (ParameterError, NotARealNumberError) as error:
        raise StateError(f"this is no state of the {kind} at hand: {error}; nothing was changed") from None
