"""How nodes are recorded in the current context: not at all, with scopes, with source lines, watched, or traced.

Ordinary recording, with or without a scope, costs one look-up a node. The context managers here
set a ``Mode`` for their block; being a context variable it belongs to one thread or task only.
"""

from __future__ import annotations

import functools
import math
import sys
from contextvars import ContextVar, Token
from typing import TYPE_CHECKING, Any

from .errors import AnomalyError, TracingError, printable

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from .value import Value

MOST_OPERANDS = 6  # of an operation told in words
MOST_SCOPES = 10_000  # names made from step numbers must not pile up
_PACKAGE_FOLDER = __file__.removesuffix("recording.py")


class Note:
    """What few nodes carry: a label, the scope and source line they were made in, gradient hooks."""

    __slots__ = ("hooks", "label", "line", "scope")

    def __init__(
        self, label: str = "", scope: str = "", line: str = "", hooks: tuple[Callable[[Any], Any], ...] = ()
    ) -> None:
        self.label, self.scope, self.line, self.hooks = label, scope, line, hooks


class Mode:
    """The settings in force inside a context manager of this module."""

    __slots__ = ("_inner", "lines", "note", "ordinary", "recording", "traced", "watching")

    def __init__(
        self, recording: bool, scope: str, lines: bool, watching: bool, traced: type[Value] | None = None
    ) -> None:
        self.recording, self.lines, self.watching = recording, lines, watching
        self.traced = traced  # while a function is traced: the class of the nodes that depend on its arguments
        self.note = Note(scope=scope) if scope else None
        self.ordinary = recording and not lines and not watching and traced is None
        self._inner: dict[str, Mode] = {}

    def changed(self, **settings: Any) -> Mode:
        """Return a copy with some settings replaced."""
        current: dict[str, Any] = {
            "recording": self.recording,
            "scope": self.scope,
            "lines": self.lines,
            "watching": self.watching,
            "traced": self.traced,
        }
        return Mode(**(current | settings))

    @property
    def scope(self) -> str:
        """Names of the enclosing scopes, outermost first, joined by ``/``."""
        return self.note.scope if self.note else ""

    def inside(self, name: str) -> Mode:
        """Return the mode for a scope nested in this one; kept, as modules are called often."""
        inner = self._inner.get(name)
        if inner is None:
            inner = self.changed(scope=f"{self.scope}/{name}" if self.scope else name)
            if len(self._inner) < MOST_SCOPES:
                self._inner[name] = inner
        return inner

    def finish(self, node: Value) -> Value:
        """Apply the settings other than the scope to a node just recorded."""
        if self.lines:
            node._note = Note(scope=self.scope, line=calling_line())
        if self.watching and not math.isfinite(node._data):
            raise AnomalyError(f"forward: {describe(node)} = {node._data}")
        if self.traced is not None and any(isinstance(parent, self.traced) for parent in node.parents):
            if not self.recording:
                raise tracing_error(
                    "no_grad() around an operation on a traced value",
                    "compile the function without no_grad(): asking for no gradients costs nothing there",
                )
            node.__class__ = self.traced
        if not self.recording:
            node._link(None, (), ())
        return node


PLAIN = Mode(recording=True, scope="", lines=False, watching=False)
mode: ContextVar[Mode] = ContextVar("autograd_tiny_mode", default=PLAIN)


class _Context:
    """A context manager and decorator that sets the mode for its block."""

    def __init__(self) -> None:
        self._tokens: list[Token[Mode]] = []

    def _mode(self, current: Mode) -> Mode:
        raise NotImplementedError

    def __enter__(self) -> None:
        self._tokens.append(mode.set(self._mode(mode.get())))

    def __exit__(self, *error: object) -> None:
        mode.reset(self._tokens.pop())

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with type(self)():
                return function(*args, **kwargs)

        return wrapped


class no_grad(_Context):  # noqa: N801 - reads as a keyword, as in PyTorch
    """Compute without recording: results inside the block have no parents.

    >>> from autograd_tiny import Value
    >>> with no_grad():
    ...     y = Value(3.0) * 2
    >>> y.parents
    ()
    """

    def _mode(self, current: Mode) -> Mode:
        return current.changed(recording=False)


class enable_grad(_Context):  # noqa: N801 - reads as a keyword, as in PyTorch
    """Record again inside a ``no_grad`` block.

    >>> from autograd_tiny import Value
    >>> with no_grad(), enable_grad():
    ...     y = Value(3.0) * 2
    >>> len(y.parents)
    2
    """

    def _mode(self, current: Mode) -> Mode:
        return current.changed(recording=True)


class record_lines(_Context):  # noqa: N801 - reads as a keyword
    """Note the source line that makes each node; costs about a microsecond a node.

    >>> from autograd_tiny import Value
    >>> with record_lines():
    ...     y = Value(3.0) * 2
    >>> y.line  # doctest: +SKIP
    'lesson.py:2'
    """

    def _mode(self, current: Mode) -> Mode:
        return current.changed(lines=True)


class detect_anomaly(_Context):  # noqa: N801 - reads as a keyword, as in PyTorch
    """Turn the first inf or nan, in a value or a gradient, into an error that names the node and its source line.

    Raises:
        AnomalyError: from the operation or the ``backward()`` that made the number.

    >>> from autograd_tiny import Value, log
    >>> with detect_anomaly():
    ...     log(Value(-2.0, "a"))
    Traceback (most recent call last):
    autograd_tiny.errors.AnomalyError: forward: log(a) with a = -2.0 (log needs x > 0; lesson.py:2) = nan
    """

    def _mode(self, current: Mode) -> Mode:
        return current.changed(lines=True, watching=True)


class scope:  # noqa: N801 - reads as a keyword
    """Name the part of the model that nodes belong to; modules enter one around every call.

    Args:
        name: the part's name; nested scopes are joined by ``/``.

    >>> from autograd_tiny import Value
    >>> with scope("encoder"), scope("gate"):
    ...     y = Value(3.0) * 2
    >>> y.scope
    'encoder/gate'
    """

    __slots__ = ("_name", "_tokens")

    def __init__(self, name: str) -> None:
        self._name = name
        self._tokens: list[Token[Mode]] = []

    def __enter__(self) -> None:
        self._tokens.append(mode.set(mode.get().inside(self._name)))

    def __exit__(self, *error: object) -> None:
        mode.reset(self._tokens.pop())


def calling_line() -> str:
    """Return ``file:line`` of the innermost frame outside this package."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith(_PACKAGE_FOLDER):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}" if frame is not None else ""


def is_traced(thing: Any) -> bool:
    """Return whether a function is being traced and the thing is a Value that depends on its arguments.

    >>> is_traced(3.0)
    False
    """
    traced = mode.get().traced
    return traced is not None and isinstance(thing, traced)


def tracing_error(what: str, remedy: str) -> TracingError:
    """Return the error for something that cannot be done while a function is traced, with the line that did it.

    >>> print(tracing_error("float(x)", "compute with x itself"))  # doctest: +SKIP
    float(x) at lesson.py:2: tracing runs the function once, on one example, and repeats the recorded operations for all
    others, so what this one example gave would be used for all; compute with x itself
    """
    return TracingError(
        f"{what} at {printable(calling_line())}: tracing runs the function once, on one example, and repeats the "
        f"recorded operations for all others, so what this one example gave would be used for all; {remedy}"
    )


def describe(node: Value) -> str:
    """Return a node in words: its formula, its operands, the rule it breaks, where it was made."""
    if node.op is None:
        name = f"leaf {node.label!r}" if node.label else "a leaf"
        return f"{name} with data {node._data}"
    names = [printable(parent.label) or f"x{i + 1}" for i, parent in enumerate(node.parents)]
    if len(names) == 1 and not node.parents[0].label:
        names = ["x"]
    facts = [f"{name} = {parent._data}" for name, parent in zip(names, node.parents, strict=True)]
    if len(facts) > MOST_OPERANDS:
        facts[MOST_OPERANDS:] = [f"... {len(facts) - MOST_OPERANDS} more"]
    remarks, broken = [], node.op.broken_domain(*[parent._data for parent in node.parents])
    if broken:
        i, domain = broken
        remarks.append(f"{node.op.name} needs {domain.named(node.op.operands[min(i, len(node.op.operands) - 1)])}")
    remarks += [text for text in (f"node {node.label!r}" if node.label else "", printable(node.line)) if text]
    where = f" ({'; '.join(remarks)})" if remarks else ""
    formula = node.op.write(names) if len(names) <= MOST_OPERANDS else f"{node.op.name} of {len(names)} operands"
    return f"{formula} with {', '.join(facts)}{where}"


def check_gradients_finite(order: list[Value]) -> None:
    """Raise an AnomalyError for the first inf or nan that a sweep from the end of ``order`` produced."""
    for node in reversed(order):
        if not math.isfinite(node.grad):
            break
    else:
        return
    for child in reversed(order):
        for i, (parent, slope) in enumerate(zip(child.parents, child.slopes, strict=True)):
            if parent is node and not math.isfinite(float(slope) * float(child.grad)):
                raise AnomalyError(
                    f"backward: through {describe(child)}, operand {i + 1} gets slope {float(slope)} "
                    f"* upstream {float(child.grad)} = {float(slope) * float(child.grad)}"
                )
    raise AnomalyError(f"backward: the gradient of {describe(node)} is {float(node.grad)}")
