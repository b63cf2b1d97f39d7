"""Symbols: the number namespace on which slope rules give formulas instead of numbers.

Running ``lambda m, z, x, y: (y, x)`` on the symbols ``a`` and ``b`` gives the slopes of a product as the
texts ``b`` and ``a``. Products with 1, sums with 0 and arithmetic between plain numbers are carried out.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ..graph import is_atom, latex_name, write_operation
from ..primitive import Primitive, latex_number, registry

FORMULA_DIGITS = 6  # of a number
NOISE = 1e-12  # relative: 0.1 + 0.2 is 0.3
LONGEST = 2_000  # written out, the slopes of one max of 5,000 numbers would be a gigabyte of text

# How strongly a formula holds together; a weaker one is put in parentheses inside a stronger one.
CONDITIONAL, LOGIC, COMPARISON, SUM, PRODUCT, SIGN, POWER, ATOM = range(8)


class Symbol:
    """A formula, as text and as LaTeX.

    Args:
        text, latex: the formula.
        strength: how strongly it binds, one of the constants of this module.
        number: its value, when it is a plain number.
        rounded: whether a number in it has more digits than are written.
    """

    __slots__ = ("latex", "number", "rounded", "strength", "text")
    __hash__ = None  # type: ignore[assignment]  # == builds a formula

    def __init__(
        self, text: str, latex: str, strength: int = ATOM, number: float | None = None, rounded: bool = False
    ) -> None:
        if len(text) > LONGEST:
            raise OverflowError(f"a formula of {len(text)} characters")
        self.text, self.latex, self.strength, self.number, self.rounded = text, latex, strength, number, rounded

    @classmethod
    def of(cls, parts: Iterable[Symbol], text: str, latex: str, strength: int) -> Symbol:
        """Return a formula that is made of others."""
        return cls(text, latex, strength, rounded=any(part.rounded for part in parts))

    def within(self, strength: int) -> tuple[str, str]:
        """Return text and LaTeX for use inside a formula of the given strength."""
        if self.strength >= strength:
            return self.text, self.latex
        return f"({self.text})", rf"\left({self.latex}\right)"

    def __add__(self, other: Any) -> Symbol:
        return _infix("+", "+", self, other, SUM, lambda x, y: x + y, neutral=(0.0, 0.0))

    def __radd__(self, other: Any) -> Symbol:
        return symbol(other).__add__(self)

    def __sub__(self, other: Any) -> Symbol:
        if self.number == 0.0:
            return -symbol(other)
        return _infix("-", "-", self, other, SUM, lambda x, y: x - y, neutral=(None, 0.0))

    def __rsub__(self, other: Any) -> Symbol:
        return symbol(other).__sub__(self)

    def __mul__(self, other: Any) -> Symbol:
        return _infix("*", r"\cdot", self, other, PRODUCT, lambda x, y: x * y, neutral=(1.0, 1.0))

    def __rmul__(self, other: Any) -> Symbol:
        return symbol(other).__mul__(self)

    def __truediv__(self, other: Any) -> Symbol:
        other = symbol(other)
        if other.number == 1.0:
            return self
        (left, _), (right, _) = self.within(PRODUCT), other.within(SIGN)
        return Symbol.of((self, other), f"{left} / {right}", rf"\frac{{{self.latex}}}{{{other.latex}}}", PRODUCT)

    def __rtruediv__(self, other: Any) -> Symbol:
        return symbol(other).__truediv__(self)

    def __neg__(self) -> Symbol:
        if self.number is not None:
            return symbol(-self.number)
        text, latex = self.within(PRODUCT)
        return Symbol.of((self,), f"-{text}", f"-{latex}", SIGN if self.strength != PRODUCT else PRODUCT)

    def __gt__(self, other: Any) -> Symbol:
        return _compare(">", ">", self, other)

    def __ge__(self, other: Any) -> Symbol:
        return _compare(">=", r"\ge", self, other)

    def __lt__(self, other: Any) -> Symbol:
        return _compare("<", "<", self, other)

    def __le__(self, other: Any) -> Symbol:
        return _compare("<=", r"\le", self, other)

    def __eq__(self, other: Any) -> Symbol:  # type: ignore[override]  # builds a formula
        return _compare("==", "=", self, other)

    def __ne__(self, other: Any) -> Symbol:  # type: ignore[override]  # builds a formula
        return _compare("!=", r"\ne", self, other)

    def __and__(self, other: Symbol) -> Symbol:
        return _logic("and", r"\wedge", self, other)

    def __or__(self, other: Symbol) -> Symbol:
        return _logic("or", r"\vee", self, other)


def symbol(thing: Any) -> Symbol:
    """Return a Symbol as it is, and a plain number as the Symbol of its digits."""
    if isinstance(thing, Symbol):
        return thing
    number, text = float(thing), f"{thing:.{FORMULA_DIGITS}g}"
    latex, rounded = latex_number(number, FORMULA_DIGITS), is_rounded(number, FORMULA_DIGITS)
    return Symbol(text, latex, _strength_of(text), number, rounded)


def is_rounded(number: float, digits: int) -> bool:
    """Return whether a number has more significant digits than so many; what arithmetic leaves does not count.

    >>> is_rounded(1 / 3, 6), is_rounded(0.1 + 0.2, 6), is_rounded(float("nan"), 6)
    (True, False, False)
    """
    return number == number and not math.isclose(float(f"{number:.{digits}g}"), number, rel_tol=NOISE)


def _strength_of(digits: str) -> int:
    return PRODUCT if "e" in digits else SIGN if digits.startswith("-") else ATOM  # 1e-07 is 10^{-7}, or 3 times that


def _infix(
    sign: str,
    latex_sign: str,
    left: Symbol,
    other: Any,
    strength: int,
    compute: Callable[[float, float], float],
    neutral: tuple[float | None, float],
) -> Symbol:
    right = symbol(other)
    if left.number is not None and left.number != left.number:
        return left  # nan
    if left.number is not None and right.number is not None:
        return symbol(compute(left.number, right.number))
    if right.number == neutral[1]:
        return left
    if neutral[0] is not None and left.number == neutral[0]:
        return right
    (a, a_latex), (b, b_latex) = left.within(strength), right.within(strength + 1)
    if b_latex.startswith("-"):
        b_latex = rf"\left({b_latex}\right)"
    return Symbol.of((left, right), f"{a} {sign} {b}", f"{a_latex} {latex_sign} {b_latex}", strength)


def _compare(sign: str, latex_sign: str, left: Symbol, other: Any) -> Symbol:
    right = symbol(other)
    (a, a_latex), (b, b_latex) = left.within(SUM), right.within(SUM)
    return Symbol.of((left, right), f"{a} {sign} {b}", f"{a_latex} {latex_sign} {b_latex}", COMPARISON)


def _logic(word: str, latex_sign: str, left: Symbol, right: Symbol) -> Symbol:
    (a, a_latex), (b, b_latex) = left.within(COMPARISON), right.within(COMPARISON)
    return Symbol.of((left, right), f"{a} {word} {b}", f"{a_latex} {latex_sign} {b_latex}", LOGIC)


class _Symbols:
    """The namespace ``m``: every registered operation written by its own template."""

    @staticmethod
    def where(condition: Symbol, if_true: Any, if_false: Any) -> Symbol:
        then, otherwise = symbol(if_true), symbol(if_false)
        if then.number is not None and then.number != then.number:
            return otherwise  # outside the domain, nan: no part of the formula one learns
        (a, _), (b, _), (c, _) = then.within(LOGIC), otherwise.within(CONDITIONAL), condition.within(LOGIC)
        cases = rf"{then.latex} & {condition.latex}\\{otherwise.latex} & \text{{otherwise}}"
        parts = condition, then, otherwise
        return Symbol.of(parts, f"{a} if {c} else {b}", rf"\begin{{cases}}{cases}\end{{cases}}", CONDITIONAL)

    @staticmethod
    def pow(x: Any, y: Any) -> Symbol:
        base, exponent = symbol(x), symbol(y)
        if exponent.number == 1.0:
            return base
        if exponent.number == 0.0:
            return symbol(1.0)
        (a, a_latex), (b, _) = base.within(ATOM), exponent.within(SIGN)
        return Symbol.of((base, exponent), f"{a} ** {b}", f"{{{a_latex}}}^{{{exponent.latex}}}", POWER)

    @staticmethod
    def div(x: Any, y: Any) -> Symbol:
        return symbol(x).__truediv__(y)

    def __getattr__(self, name: str) -> Callable[..., Symbol]:
        op = registry.get(name)
        if op is None:
            raise AttributeError(name)

        def write(*operands: Any, **params: float) -> Symbol:
            symbols = [symbol(x) for x in op.flatten(operands)]
            bound = op.bind(**params) if op.params else op
            atoms = [s.strength == ATOM for s in symbols]
            text = write_operation(bound, zip([s.text for s in symbols], atoms, strict=True))
            latex = write_operation(bound, zip([s.latex for s in symbols], atoms, strict=True), latex=True)
            parts = [*symbols, *map(symbol, params.values())]
            return Symbol.of(parts, text, latex, ATOM if _is_closed(op.text) and _is_closed(op.latex) else CONDITIONAL)

        return write


_BRACKETS_AND_SIGNS = re.compile(r"([({[]|\\left\b)|([)}\]]|\\right\b)|[-+*/%]|\\(?:cdot|times|bmod)\b")


def _is_closed(template: str) -> bool:
    """Return whether the template of an operation has no operator outside brackets, as in f(a, b)."""
    depth = 0
    for found in _BRACKETS_AND_SIGNS.finditer(template):
        opening, closing = found.groups()
        if not (opening or closing or depth):
            return False
        depth += bool(opening) - bool(closing)
    return True


def _operand(name: str) -> Symbol:
    """Return the symbol of an operand: constants are named by their number, labels may hold any text."""
    try:
        return Symbol(name, latex_name(name), _strength_of(name), float(name))
    except ValueError:
        return Symbol(name, latex_name(name), ATOM if is_atom(name) else CONDITIONAL)


def slope_formulas(op: Primitive, operands: Sequence[str], result: str = "y", *, latex: bool = False) -> list[str]:
    """Return the slopes of an operation as formulas, one per operand.

    Args:
        op: the operation.
        operands: the operands' names.
        result: the result's name; slopes such as tanh's are written with it.
        latex: give LaTeX instead of text.

    >>> from autograd_tiny.ops import mul, tanh, div
    >>> slope_formulas(mul, ["a", "b"])
    ['b', 'a']
    >>> slope_formulas(tanh, ["x"]), slope_formulas(div, ["a", "b"])
    (['(1 - y) * (1 + y)'], ['1 / b', '-y / b'])
    """
    return [formula.latex if latex else formula.text for formula in slope_symbols(op, operands, result)]


def slope_symbols(op: Primitive, operands: Sequence[str], result: str) -> list[Symbol]:
    """Return the slopes of an operation as symbols, to be written into larger formulas; see ``slope_formulas``.

    >>> from autograd_tiny.ops import mul
    >>> [(2 * slope).text for slope in slope_symbols(mul, ["a", "b"], "y")]
    ['2 * b', '2 * a']
    """
    try:
        names = tuple(map(_operand, operands))
        y = Symbol(result, latex_name(result), ATOM if is_atom(result) else CONDITIONAL)
        slopes: Iterable[Any] = op.slopes(_Symbols(), y, *op.grouped(names))
        return [symbol(slope) for slope in slopes]
    except Exception:  # a user's rule may do what only numbers can, or be too long; its numbers are still right
        y_latex = latex_name(result)
        return [
            Symbol(f"d {result} / d {name}"[:LONGEST], rf"\partial {y_latex} / \partial {latex_name(name)}", PRODUCT)
            for name in operands
        ]
