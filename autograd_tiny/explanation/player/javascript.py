"""JavaScript: the number namespace on which rules give the program that computes them in a page.

Running ``lambda m, z, x, y: (y, x)`` on two names gives a JavaScript function with the slopes of a product. Each
operation of a rule becomes a line of its own, so that a number used often is computed once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

from ...primitive import Primitive, registry

RUNTIME = """
const roundEven = x => { const r = Math.round(x); return Math.abs(x % 1) === 0.5 && r % 2 !== 0 ? r - 1 : r; };
const pow = (x, y) => x === 1 || (x === -1 && Math.abs(y) === Infinity) ? 1 : Math.pow(x, y);
const where = (c, x, y) => c ? x : y;
const erf = x => {
  if (!(Math.abs(x) <= 2)) return Math.sign(x) * (1 - erfc(Math.abs(x)));
  let term = 2 * x / Math.sqrt(Math.PI) * Math.exp(-x * x), total = 0;
  for (let n = 1; total + term !== total; n++) { total += term; term *= 2 * x * x / (2 * n + 1); }
  return total;
};
const erfc = x => {
  if (x <= 2) return x < -2 ? 2 - erfc(-x) : 1 - erf(x);
  if (x > 27) return 0;
  let fraction = x;
  for (let k = 120; k > 0; k--) fraction = x + k / 2 / fraction;
  return Math.exp(-x * x) / Math.sqrt(Math.PI) / fraction;
};
"""
"""What the Math object lacks: IEEE powers, halves to even, and erf by its series (Abramowitz & Stegun 7.1.6) and erfc
by its continued fraction (7.1.14)."""

_MATH = "abs exp expm1 log log1p sqrt sin cos tan asin acos atan atan2 sinh cosh tanh hypot floor ceil".split()
_RUNTIME = {"pow": "pow", "erf": "erf", "erfc": "erfc", "round": "roundEven"}


class _Number:
    """A number of the program: the name of a constant, an operand or a literal."""

    __slots__ = ("code", "script")
    __hash__ = None  # type: ignore[assignment]  # == is a comparison of the program

    def __init__(self, script: _Script, code: str) -> None:
        self.script, self.code = script, code

    def __neg__(self) -> _Number:
        return self.script.line(f"-{self.code}")

    def __and__(self, other: Any) -> _Number:
        return self.script.line(f"{self.code} && {self.script.code(other)}")

    def __or__(self, other: Any) -> _Number:
        return self.script.line(f"{self.code} || {self.script.code(other)}")


def _infix(sign: str, *, reflected: bool = False) -> Callable[[_Number, Any], _Number]:
    def write(self: _Number, other: Any) -> _Number:
        left, right = self.code, self.script.code(other)
        return self.script.line(f"{right} {sign} {left}" if reflected else f"{left} {sign} {right}")

    return write


for _name, _sign in {"add": "+", "sub": "-", "mul": "*", "truediv": "/"}.items():
    setattr(_Number, f"__{_name}__", _infix(_sign))
    setattr(_Number, f"__r{_name}__", _infix(_sign, reflected=True))
for _name, _sign in {"gt": ">", "ge": ">=", "lt": "<", "le": "<=", "eq": "===", "ne": "!=="}.items():
    setattr(_Number, f"__{_name}__", _infix(_sign))


class _Script:
    """The namespace ``m`` of one function: collects its lines."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def line(self, code: str) -> _Number:
        name = f"t{len(self._lines) + 1}"
        self._lines.append(f"const {name} = {code};")
        return _Number(self, name)

    def code(self, number: Any) -> str:
        """Return a number of the program or of Python as JavaScript."""
        return number.code if isinstance(number, _Number) else literal(float(number))

    def function(self, operands: Iterable[str], result: str) -> str:
        return f"({', '.join(operands)}) => {{ {' '.join([*self._lines, f'return {result};'])} }}"

    def where(self, condition: Any, if_true: Any, if_false: Any) -> _Number:
        return self.line(f"where({self.code(condition)}, {self.code(if_true)}, {self.code(if_false)})")

    def fmod(self, x: Any, y: Any) -> _Number:
        return self.line(f"{self.code(x)} % {self.code(y)}")

    def sum(self, xs: Iterable[Any]) -> _Number:
        return self.line(" + ".join(["0", *map(self.code, xs)]))

    def dot(self, xs: Iterable[Any], ws: Iterable[Any]) -> _Number:
        products = [f"{self.code(x)} * {self.code(w)}" for x, w in zip(xs, ws, strict=True)]
        return self.line(" + ".join(["0", *products]))

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name in _MATH or name in _RUNTIME:
            function = _RUNTIME.get(name, f"Math.{name}")
            return lambda *xs: self.line(f"{function}({', '.join(map(self.code, xs))})")
        op = registry.get(name)
        if op is None:
            raise AttributeError(name)
        return lambda *operands, **params: op.value(self, *op.grouped(op.flatten(operands)), **params)


def literal(number: float) -> str:
    """Return a float as JavaScript, exactly.

    >>> literal(0.1), literal(math.inf), literal(-2.0)
    ('0.1', 'Infinity', '(-2.0)')
    """
    if math.isfinite(number):
        return f"({number!r})" if math.copysign(1.0, number) < 0 else repr(number)
    return "NaN" if number != number else "Infinity" if number > 0 else "(-Infinity)"


def javascript(op: Primitive, count: int) -> tuple[str, str] | None:
    """Return an operation on ``count`` operands as two JavaScript functions, value and slopes, over ``RUNTIME``.

    The first takes the operands, the second the result and the operands and gives a list. None for an operation whose
    rules do what only numbers can.

    >>> from autograd_tiny.ops import mul, tanh
    >>> javascript(mul, 2)
    ('(x0, x1) => { const t1 = x0 * x1; return t1; }', '(y, x0, x1) => { return [x1, x0]; }')
    >>> javascript(tanh, 1)[1]
    '(y, x0) => { const t1 = 1.0 - y; const t2 = 1.0 + y; const t3 = t1 * t2; return [t3]; }'
    """
    names = [f"x{i}" for i in range(count)]
    try:
        value, slopes = _Script(), _Script()
        result = op.value(value, *op.grouped(tuple(_Number(value, name) for name in names)))
        operands = op.grouped(tuple(_Number(slopes, name) for name in names))
        found = op.slopes(slopes, _Number(slopes, "y"), *operands)
        return (
            value.function(names, value.code(result)),
            slopes.function(["y", *names], f"[{', '.join(map(slopes.code, found))}]"),
        )
    except Exception:  # whatever a user's rule does with a number that is none
        return None
