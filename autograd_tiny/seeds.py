"""Where random numbers come from: a generator the caller gives or seeds, never Python's global one."""

from __future__ import annotations

import operator
import random
from typing import Any

from .errors import ParameterError


def generator(seed: Any, name: str) -> random.Random:
    """Return a ``random.Random`` as it is, one seeded with an int, or one seeded with 0 for None.

    Args:
        seed: a ``random.Random``, an int or None.
        name: the argument's name, the subject of the error message.

    Raises:
        ParameterError: for anything else.

    >>> generator(3, "rng").random() == random.Random(3).random()
    True
    """
    if isinstance(seed, random.Random):
        return seed
    try:
        return random.Random(0 if seed is None else operator.index(seed))
    except TypeError:
        raise ParameterError(
            f"{name} is a random.Random or an int seed, got {seed!r} ({type(seed).__name__}); use {name}=0"
        ) from None
