"""Ranges: the rules that the numbers of a setting obey, each a function that returns a float or refuses."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

from .errors import ParameterError
from .primitive import real

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


finite = number(math.isfinite, "a finite number")
at_least_zero = number(lambda x: 0.0 <= x < math.inf, "a finite number of at least 0")
above_zero = number(lambda x: 0.0 < x < math.inf, "a finite number above 0")
fraction = number(lambda x: 0.0 <= x <= 1.0, "a number from 0 to 1")
decay_rate = number(lambda x: 0.0 <= x < 1.0, "a number of at least 0 and less than 1")
proper_fraction = number(lambda x: 0.0 < x < 1.0, "a share above 0 and below 1")
