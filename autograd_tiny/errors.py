"""The exceptions: one class per mistake, each docstring says what happened and what to do; texts for their messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MOST_NAMES = 12  # in a message


class AutogradTinyError(Exception):
    """Base of every error this package raises; catch it to catch them all."""


class NotARealNumberError(AutogradTinyError, TypeError):
    """Something that is not one real number was used as one: pass a float, an int or a Value."""


class OperandError(AutogradTinyError, TypeError):
    """An operation was called with the wrong operands: its message states the signature."""


class ParameterError(AutogradTinyError, ValueError):
    """A fixed number of an operation or a setting is missing, unknown or out of range: the message says what fits."""


class RegistrationError(AutogradTinyError, ValueError):
    """``@primitive`` cannot register this block: the message says which part to change."""


class GraphError(AutogradTinyError, ValueError):
    """A graph cannot be walked as asked: for example a root that is not a Value."""


class StaleValueError(AutogradTinyError, RuntimeError):
    """A leaf changed between forward and backward where its old number is needed: run forward again."""


class AnomalyError(AutogradTinyError, ArithmeticError):
    """Under ``detect_anomaly()`` a value or gradient became inf or nan: the message names the node."""


class TracingError(AutogradTinyError, RuntimeError):
    """A function under ``jit`` asked for the number of a traced value: the message says where, and what to do."""


class GradientMismatchError(AutogradTinyError, AssertionError):
    """Gradients differ from finite differences: the message is the report, one row per derivative."""


class ShapeError(AutogradTinyError, ValueError):
    """Lengths do not fit together: the message names what was expected and what came."""


class StateError(AutogradTinyError, ValueError):
    """Saved numbers cannot be loaded: damaged, of another version, or of another model; nothing was changed."""


class ExpressionError(AutogradTinyError, ValueError):
    """A written expression cannot be read: the message gives the position.

    Attributes:
        position: offset of the offending character, counted from 0.
    """

    def __init__(self, message: str, position: int) -> None:
        super().__init__(f"{message} (at character {position + 1})")
        self.position = position


class MissingPackageError(AutogradTinyError, ImportError):
    """An optional package is not installed: the message is the line that installs it."""

    def __init__(self, package: str, purpose: str, extra: str = "") -> None:
        target = f'"autograd_tiny[{extra}]"' if extra else package
        super().__init__(f"{purpose} needs the package {package}: run  pip install {target}")


class MissingProgramError(AutogradTinyError, RuntimeError):
    """A program outside of Python is not on this machine: the message says how to get it or do without."""

    def __init__(self, program: str, purpose: str, remedy: str) -> None:
        super().__init__(f"{purpose} needs the program {program}, which is not on the PATH: {remedy}")


def printable(text: str) -> str:
    r"""Return text with control and invisible characters as escapes, harmless in any terminal or file.

    >>> printable("a\x1b[31m")
    'a\\x1b[31m'
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return the question whether the closest of the known names was meant, nothing where none is close.

    >>> did_you_mean("thanh", ["sin", "tanh"]), did_you_mean("q", ["sin", "tanh"])
    ('did you mean tanh?', '')
    """
    from difflib import get_close_matches

    close = get_close_matches(name, list(known), n=1)
    return f"did you mean {close[0]}?" if close else ""


def listed(names: Sequence[str]) -> str:
    """Return names with commas between them for a message, the first twelve where there are more.

    >>> listed([f"x{k}" for k in range(20)])
    'x0, x1, x2, x3, x4, x5, x6, x7, x8, x9, x10, x11, ...'
    """
    return ", ".join([*names[:MOST_NAMES], *["..."] * (len(names) > MOST_NAMES)])
