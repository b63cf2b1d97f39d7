"""Expression: a formula read from text, with a parser of its own that runs no code.

A formula is turned into a flat program for a stack machine, operands first: ``x**2 + 1`` becomes
``x 2 ** 1 +``. Only brackets recurse, so chains of any length are read and evaluated in loops.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from contextvars import Context
from inspect import Parameter, Signature
from keyword import iskeyword
from typing import Any, NamedTuple, TypeAlias

from . import ops
from .errors import ExpressionError, NotARealNumberError, OperandError, ParameterError, did_you_mean
from .primitive import Primitive, registry
from .value import Number, Value

MAX_LENGTH = 10_000
MAX_DEPTH = 100
MAX_OPERATIONS = 5_000
MAX_NUMBER_LENGTH = 40

CONSTANTS: Mapping[str, float] = {"pi": math.pi, "e": math.e}
"""Names that stand for a number and never for a variable."""


def parse(text: str) -> Expression:
    """Read a formula written as in Python.

    Numbers, names, ``+ - * / // % **``, comparisons (1 where true, else 0), ``pi``, ``e`` and calls of
    every registered operation. Operations on lists take ``dot([a, b], [c, d])``, those of any number of
    operands also ``max(a, b, c)``; fixed numbers are written as in Python, ``leaky_relu(x, alpha=0.1)``.

    Args:
        text: the formula, of at most 10,000 characters and 5,000 operations.

    Raises:
        ExpressionError: with the position of the first thing that cannot be read.

    >>> expression = parse("-x**2 + max(x, y)")
    >>> expression.variables
    ('x', 'y')
    >>> expression(3.0, 4.0)
    -5.0
    >>> parse("sinn(x)")
    Traceback (most recent call last):
    autograd_tiny.errors.ExpressionError: unknown operation 'sinn'; did you mean sin? (at character 1)
    """
    reader = _Reader(text)
    try:
        reader.whole()
    except RecursionError:  # only when the caller has used up most of the stack
        raise ExpressionError("brackets are nested too deep for the call stack here", reader.token.position) from None
    expression = Expression(text, reader.program, reader.first_seen)
    # One rehearsal finds operands and parameters that do not fit, outside of detect_anomaly() and the like.
    Context().run(expression.evaluate, dict.fromkeys(expression.variables, 1.0))
    return expression


class _Apply(NamedTuple):
    """One step of a program: replace the last operands, and after them the parameters, by the result."""

    function: Callable[..., Any]
    operands: int
    params: tuple[str, ...]
    position: int


_Step: TypeAlias = "float | str | _Apply"  # a number, a variable or an operation


class Expression:
    """A formula that can be evaluated; :func:`parse` makes one.

    Attributes:
        text: the formula as written.
        variables: the names without a value of their own, in order of appearance.
    """

    def __init__(self, text: str, program: Sequence[_Step], first_seen: Mapping[str, int]) -> None:
        self.text = text
        self.variables = tuple(first_seen)
        self._program = program
        self._first_seen = first_seen
        self.__signature__ = Signature([Parameter(name, Parameter.POSITIONAL_ONLY) for name in first_seen])

    def __repr__(self) -> str:
        return f"Expression({self.text!r})"

    def evaluate(self, values: Mapping[str, Number]) -> Value:
        """Compute the formula, recording the graph.

        Numbers combine with numbers outside of the graph, as in Python: ``x + 2 * 3`` records one addition.

        Args:
            values: a number or Value for every variable; a number becomes a leaf labelled with the name.

        Raises:
            ExpressionError: when a variable has no value.

        >>> x = Value(3.0, "x")
        >>> y = parse("x**2 * w").evaluate({"x": x, "w": 10.0})
        >>> y.backward()
        >>> y.data, x.grad
        (90.0, 60.0)
        """
        for name, position in self._first_seen.items():
            if name not in values:
                raise ExpressionError(f"the variable {_shown(name)} has no value", position)
        leaves = {name: _leaf(values[name], name) for name in self.variables}
        result = self._run(leaves)
        return result if isinstance(result, Value) else Value(result)

    def __call__(self, *numbers: Number) -> Any:
        """Compute the formula at one number per variable, in order of appearance; floats give a float.

        Raises:
            ExpressionError: when the number of arguments is wrong.

        >>> parse("x / y")(1.0, 4.0)
        0.25
        """
        if len(numbers) != len(self.variables):
            names = ", ".join(self.variables) or "none"
            raise ExpressionError(f"the formula has {len(self.variables)} variables ({names}), got {len(numbers)}", 0)
        result = self.evaluate(dict(zip(self.variables, numbers, strict=True)))
        return result if any(isinstance(number, Value) for number in numbers) else result.data

    def _run(self, values: Mapping[str, Value]) -> Any:
        stack: list[Any] = []
        for step in self._program:
            if isinstance(step, float):
                stack.append(step)
            elif isinstance(step, str):
                stack.append(values[step])
            else:
                start = len(stack) - step.operands - len(step.params)
                operands = stack[start : start + step.operands]
                params = dict(zip(step.params, stack[start + step.operands :], strict=True))
                del stack[start:]
                try:
                    stack.append(step.function(*operands, **params))
                except (OperandError, ParameterError, NotARealNumberError) as error:
                    raise ExpressionError(str(error), step.position) from None
        return stack.pop()


def _leaf(number: Number, name: str) -> Value:
    return number if isinstance(number, Value) else Value(number, name)


# ---------------------------------------------------------------- operators


def _pow(*operands: Any, **params: Any) -> Any:
    """The power; by Value's operator, which fixes an exponent that is a plain number."""
    if len(operands) == 2 and isinstance(operands[0], Value) and not params:
        return operands[0] ** operands[1]
    return ops.pow(*operands, **params)


def _list(*items: Any) -> list[Any]:
    return list(items)


def _comparison(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], float]:
    return lambda x, y: float(compare(x, y))


class _Operator(NamedTuple):
    function: Callable[..., Any]
    precedence: int
    operands: int = 2


_COMPARISON, _SUM, _PRODUCT, _SIGN, _POWER = range(5)

_BINARY = {
    "+": _Operator(ops.add, _SUM),
    "-": _Operator(ops.sub, _SUM),
    "*": _Operator(ops.mul, _PRODUCT),
    "/": _Operator(ops.div, _PRODUCT),
    "//": _Operator(ops.floordiv, _PRODUCT),
    "%": _Operator(ops.remainder, _PRODUCT),
    "**": _Operator(_pow, _POWER),
    "<": _Operator(_comparison(operator.lt), _COMPARISON),
    "<=": _Operator(_comparison(operator.le), _COMPARISON),
    ">": _Operator(_comparison(operator.gt), _COMPARISON),
    ">=": _Operator(_comparison(operator.ge), _COMPARISON),
    "==": _Operator(_comparison(operator.eq), _COMPARISON),
    "!=": _Operator(_comparison(operator.ne), _COMPARISON),
}
_MINUS = _Operator(ops.neg, _SIGN, operands=1)

# ---------------------------------------------------------------- reading

_DIGITS = r"[0-9](?:_?[0-9])*"
_TOKEN = re.compile(
    rf"""\s*(?:
      (?P<number>(?:{_DIGITS}\.?(?:{_DIGITS})?|\.{_DIGITS})(?:[eE][+-]?{_DIGITS})?)
    | (?P<name>[^\W\d]\w*)
    | (?P<sign>\*\*|//|[<>=!]=|[-+*/%<>=(),\[\]])
    | (?P<end>\Z)
    | (?P<other>.)
    )""",
    re.VERBOSE | re.DOTALL,
)
_HINTS = {
    "^": "a power is written **",
    "=": "compare with ==",
    "[": "a list is an operand of an operation such as sum([x, y])",
    "]": "no [ is open here",
    ")": "no ( is open here",
    ",": "commas stand between the operands of a call",
    "if": "write where(condition, x, y)",
    "and": "multiply two conditions, (x > 0) * (y > 0)",
    "or": "write max(x > 0, y > 0)",
    "\N{MINUS SIGN}": "write -",
    "\N{MULTIPLICATION SIGN}": "write *",
    "\N{MIDDLE DOT}": "write *",
    "\N{DIVISION SIGN}": "write /",
}
_OTHER_NAMES = {"ln": "log", "avg": "mean", "logistic": "sigmoid", "swish": "silu"}


class _Token(NamedTuple):
    kind: str
    text: str
    position: int


def _token(match: re.Match[str]) -> _Token:
    kind = match.lastgroup or "end"
    return _Token(kind, match[kind], match.start(kind))


class _Reader:
    """Reads the tokens from left to right and appends the steps of the program."""

    def __init__(self, text: str) -> None:
        if not isinstance(text, str):
            raise ExpressionError(f"an expression is text, got {_shown(text)}", 0)
        if len(text) > MAX_LENGTH:
            raise ExpressionError(f"an expression has at most {MAX_LENGTH:,} characters, got {len(text):,}", MAX_LENGTH)
        self.program: list[_Step] = []
        self.first_seen: dict[str, int] = {}
        self._depth = 0
        self._operations = 0
        self._variables = 0
        self._tokens = [_token(match) for match in _TOKEN.finditer(text)]
        self._index = 0

    def whole(self) -> None:
        """Read the text to its end."""
        if self.token.kind == "end":
            raise ExpressionError("the expression is empty; write one such as x * y + 1", 0)
        self._expression()
        if self.token.kind != "end":
            raise self._unexpected("an operator or the end")

    # ------------------------------------------------------------ tokens

    @property
    def token(self) -> _Token:
        """The token to be read next."""
        return self._tokens[self._index]

    def _advance(self) -> _Token:
        """Step to the next token and return the one left behind."""
        self._index += 1
        return self._tokens[self._index - 1]

    def _at(self, *signs: str) -> bool:
        return self.token.kind == "sign" and self.token.text in signs

    def _take(self, sign: str) -> bool:
        """Step over a sign if it comes next."""
        found = self._at(sign)
        if found:
            self._advance()
        return found

    def _expect(self, sign: str, expected: str) -> None:
        if not self._take(sign):
            raise self._unexpected(expected)

    def _unexpected(self, expected: str) -> ExpressionError:
        kind, text, position = self.token
        if kind == "end":
            return ExpressionError(f"expected {expected}, but the expression ends", position)
        hint = _HINTS.get(text)
        if hint is None and "operator" in expected and (kind in ("number", "name") or text == "("):
            hint = f"to multiply, put * before {_shown(text)}"
        return ExpressionError(f"expected {expected}, got {_shown(text)}{f'; {hint}' if hint else ''}", position)

    def _emit(self, function: Callable[..., Any], operands: int, position: int, params: tuple[str, ...] = ()) -> None:
        self._operations += 1
        if self._operations > MAX_OPERATIONS:
            raise ExpressionError(f"an expression has at most {MAX_OPERATIONS:,} operations", position)
        self.program.append(_Apply(function, operands, params, position))

    # ------------------------------------------------------------ grammar

    def _expression(self) -> None:
        """Read operands with operators between them, up to something that is neither."""
        if self._depth > MAX_DEPTH:
            raise ExpressionError(f"brackets are nested more than {MAX_DEPTH} deep", self.token.position)
        self._depth += 1
        waiting: list[tuple[_Operator, int]] = []
        while True:
            while self._at("+", "-"):
                sign = self._advance()
                if sign.text == "-":
                    waiting.append((_MINUS, sign.position))
            self._operand()
            found = _BINARY.get(self.token.text) if self.token.kind == "sign" else None
            while waiting and (found is None or _binds_first(waiting[-1][0], found)):
                earlier, position = waiting.pop()
                if found and earlier.precedence == found.precedence == _COMPARISON:
                    raise ExpressionError("comparisons do not chain; write (x < y) * (y < z)", self.token.position)
                self._emit(earlier.function, earlier.operands, position)
            if found is None:
                break
            waiting.append((found, self._advance().position))
        self._depth -= 1

    def _operand(self) -> None:
        token = self.token
        if token.kind == "number":
            self._advance()
            self.program.append(_number(token))
        elif token.kind == "name":
            self._advance()
            if self._at("("):
                self._call(token)
            else:
                self._variable(token)
        elif self._take("("):
            self._expression()
            self._expect(")", "an operator or )")
        else:
            raise self._unexpected("a number, a name or (")

    def _variable(self, token: _Token) -> None:
        name = token.text
        if name in CONSTANTS:
            self.program.append(CONSTANTS[name])
        elif name in registry:
            raise ExpressionError(f"{name} is an operation; call it as {registry[name].signature()}", token.position)
        elif iskeyword(name):
            hint = _HINTS.get(name, f"choose another name such as {name}_")
            raise ExpressionError(f"{name!r} is a word of Python and no name; {hint}", token.position)
        elif not name.isidentifier():
            raise ExpressionError(f"{_shown(name)} is not a name; use letters, digits and _", token.position)
        else:
            self.program.append(name)
            self.first_seen.setdefault(name, token.position)
            self._variables += 1

    def _call(self, token: _Token) -> None:
        name, position = token.text, token.position
        op = _operation(name, position)
        self._advance()
        operands, lists = 0, 0
        params: list[str] = []
        while not self._at(")"):
            if params or self._at_keyword():
                params.append(self._keyword(op, params))
            elif self._at("["):
                self._list(op)
                operands, lists = operands + 1, lists + 1
            else:
                beyond = op.params and op.arity is not None and operands >= op.arity
                self._fixed_number(op, f"argument {operands + 1}") if beyond else self._expression()
                operands += 1
            if not self._take(","):
                break
        self._expect(")", "an operator, a comma or )")
        if op.per_operand and "index" not in params:
            raise ExpressionError(f"{name} gives a list; choose one result of it, {name}([x, y], index=0)", position)
        if lists and operands > 1 and not op.pairs:
            raise ExpressionError(f"{name} takes one list or plain operands, not both", position)
        self._emit(_pow if op is ops.pow else op, operands, position, tuple(params))

    def _list(self, op: Primitive) -> None:
        if op.arity is not None:
            raise ExpressionError(f"{op.signature()} takes numbers, not a list", self.token.position)
        position = self._advance().position
        items = 0
        while not self._at("]"):
            self._expression()
            items += 1
            if not self._take(","):
                break
        self._expect("]", "an operator, a comma or ]")
        self._emit(_list, items, position)

    def _at_keyword(self) -> bool:
        return self.token.kind == "name" and self._tokens[self._index + 1].text == "="

    def _keyword(self, op: Primitive, earlier: list[str]) -> str:
        if not self._at_keyword():
            raise ExpressionError("expected a parameter such as n=2: operands come first", self.token.position)
        name, position = self.token.text, self.token.position
        if name not in op.params:
            known = ", ".join(op.params) or "none"
            raise ExpressionError(f"{op.name} has no parameter {_shown(name)} (it has: {known})", position)
        if name in earlier:
            raise ExpressionError(f"{name} is given twice", position)
        self._advance()
        self._advance()
        self._fixed_number(op, name)
        return name

    def _fixed_number(self, op: Primitive, name: str) -> None:
        position, variables = self.token.position, self._variables
        self._expression()
        if self._variables > variables:
            raise ExpressionError(f"{name} of {op.signature()} must be a number without variables", position)


def _binds_first(earlier: _Operator, later: _Operator) -> bool:
    """Powers group from the right, everything else from the left."""
    return earlier.precedence > later.precedence or earlier.precedence == later.precedence != _POWER


def _number(token: _Token) -> float:
    if len(token.text) > MAX_NUMBER_LENGTH:
        raise ExpressionError(f"a number has at most {MAX_NUMBER_LENGTH} characters", token.position)
    number = float(token.text)
    if math.isinf(number):
        raise ExpressionError(f"{token.text} is too large for a float; the limit is about 1.8e308", token.position)
    return number


def _operation(name: str, position: int) -> Primitive:
    op = registry.get(name)
    if op is None:
        hint = did_you_mean(_OTHER_NAMES.get(name, name), registry)
        if not hint:
            one_letter = len(name) == 1
            hint = f"to multiply, write {name} * (...)" if one_letter else "the command  autograd-tiny ops  lists them"
        raise ExpressionError(f"unknown operation {_shown(name)}; {hint}", position)
    return op


def _shown(thing: Any) -> str:
    text = repr(thing)
    return text if len(text) <= 40 else f"{text[:36]}...{text[-1]}"
