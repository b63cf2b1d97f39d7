"""Settings: the rules that what is given to optimisers and schedules, or read from a state, has to obey."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ..errors import NotARealNumberError, ParameterError, StateError, did_you_mean, listed
from ..primitive import whole
from ..ranges import Rule


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
