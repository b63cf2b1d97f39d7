r"""The whole derivation as LaTeX: the numbers forward, then the chain rule backward, as one would write it by hand.

In ``\frac{\partial L}{\partial v}`` of the root L everything that depends on v moves with it; any other
``\frac{\partial v}{\partial a}`` is the slope of one operation, its other operands held still.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from ..errors import GraphError
from ..graph import Node, is_atom, latex_name, number_text, write_operation
from ..primitive import Primitive, latex_number
from .symbols import FORMULA_DIGITS, PRODUCT, Symbol, is_rounded, slope_symbols

if TYPE_CHECKING:
    from .steps import Contribution, Explanation, Step

T = TypeVar("T")

MOST_OPERATIONS = 500  # some 20 pages
MOST_TERMS = 8  # of a list of operands or of a sum; the middle of a longer one is left out
WIDTH = 64  # of a line, right of the =, in characters
LONGEST_NAME = 30
SOURCE_WIDTH = 100  # of a line of the LaTeX itself
WIDEST_SLOPE = 40  # a longer formula is not written out
DIGITS = 5
LATIN = "ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØÙÚÛÜÝßàáâãäåæçèéêëìíîïñòóôõöøùúûüýÿ"  # the letters that pdflatex knows in any font


def derivation(explanation: Explanation) -> str:
    r"""Return the derivation as an ``aligned`` block, to be put between ``\[`` and ``\]`` or ``$$`` and ``$$``.

    It needs the package amsmath, or MathJax or KaTeX. Numbers are rounded to five digits, those that belong to an
    operation to six, after ``\approx`` where that changes them.

    Raises:
        GraphError: for a graph of more than 500 operations, which nobody would write by hand.

    >>> from autograd_tiny import Value, explain
    >>> L = (Value(2.0, "x") + 1) ** 2
    >>> L.label = "L"
    >>> print(derivation(explain(L)))
    \begin{aligned}
    &\textbf{Forward} \\
    x &= 2 \\
    v_{1} &= x + 1 = 2 + 1 = 3 \\
    L &= {v_{1}}^{2} = {3}^{2} = 9 \\[1ex]
    &\textbf{Backward} \\
    \frac{\partial L}{\partial L} &= 1 \\[4pt]
    \frac{\partial L}{\partial v_{1}} &= 2 \cdot v_{1} = 6 \\[4pt]
    \frac{\partial L}{\partial x} &= \frac{\partial L}{\partial v_{1}} \, \frac{\partial v_{1}}{\partial x}
      = \frac{\partial L}{\partial v_{1}} \cdot 1 = 6 \cdot 1 = 6
    \end{aligned}
    """
    rows = _Rows(explanation)
    forward, backward = _END.join(rows.forward()), _APART.join(rows.backward())
    return (
        "\\begin{aligned}\n&\\textbf{Forward} \\\\\n"
        f"{forward} \\\\[1ex]\n&\\textbf{{Backward}} \\\\\n{backward}\n"
        "\\end{aligned}"
    )


_END, _APART = " \\\\\n", " \\\\[4pt]\n"


def document(explanation: Explanation) -> str:
    r"""Return the derivation as a complete file for LaTeX.

    Letters that pdflatex does not know are printed there as their code, such as U+4E2D; xelatex and lualatex know them.

    Raises:
        GraphError: for a graph of more than 500 operations.

    >>> from autograd_tiny import Value, explain
    >>> print(document(explain(Value(2.0, "x") ** 2)).splitlines()[0])
    \documentclass{article}
    """
    rows = _Rows(explanation)
    root = latex_name(rows.names[explanation.graph.root.index])
    forward, backward = _END.join(rows.forward()), _APART.join(rows.backward())
    foreign = sorted({ord(c) for c in root + forward + backward if not c.isascii() and c not in LATIN})
    letters = "".join([f"  \\DeclareUnicodeCharacter{{{c:04X}}}{{[U+{c:04X}]}}\n" for c in foreign])
    declared = f"\\ifdefined\\DeclareUnicodeCharacter\n{letters}\\fi\n" if foreign else ""
    return rf"""\documentclass{{article}}
\usepackage[margin=2cm]{{geometry}}
\usepackage{{amsmath}}
\allowdisplaybreaks
\setlength{{\parindent}}{{0pt}}
{declared}\begin{{document}}
\section*{{The gradient of ${root}$}}

\subsection*{{Forward: the numbers}}
\begin{{align*}}
{forward}
\end{{align*}}

\subsection*{{Backward: the chain rule}}
\begin{{align*}}
{backward}
\end{{align*}}
\end{{document}}
"""


# ---------------------------------------------------------------- rows


class _Rows:
    """The rows of both passes."""

    def __init__(self, explanation: Explanation) -> None:
        if len(explanation.steps) > MOST_OPERATIONS:
            raise GraphError(
                f"a derivation has at most {MOST_OPERATIONS} operations and this graph has {len(explanation.steps)}; "
                "explain a smaller part, such as one example or one neuron"
            )
        self.explanation, self.graph = explanation, explanation.graph
        self.names = list(_distinct(node.name for node in self.graph.nodes))

    def forward(self) -> list[str]:
        """Return the leaves with their numbers, then one row per operation."""
        given = [(self._name(leaf), f"{_sign(_exact(leaf.data))} {_number(leaf.data)}") for leaf in self.graph.leaves]
        return [*_packed(given), *[self._computed(node, node.op) for node in self.graph.nodes if node.op is not None]]

    def _computed(self, node: Node, op: Primitive) -> str:
        parents = self.graph.parents(node)
        names = [(self._name(parent), is_atom(self.names[parent.index])) for parent in parents]
        data = [parent.data for parent in parents]
        numbers = [(_number(x), is_atom(number_text(x))) for x in data]
        if op.name in ("add", "sub", "mul"):
            numbers[0] = (numbers[0][0], True)  # nobody writes (-2) + 3
        exact = not any(is_rounded(x, FORMULA_DIGITS) for x in op.params.values() if x is not None)
        return _row(
            self._name(node),
            [
                (_sign(exact), [_operation(op, names)]),
                (_sign(exact and _exact(*data)), [_operation(op, numbers)]),
                (_sign(exact and _exact(*data, node.data)), [_number(node.data)]),
            ],
        )

    def backward(self) -> list[str]:
        """Return one row per node from the root to the leaves: all that it receives. Constants need none."""
        received: dict[int, list[_Received]] = {node.index: [] for node in self.graph.nodes}
        for step in self.explanation.steps:
            names = [self.names[i] for i in step.node.parents]
            slopes = slope_symbols(step.node.op, names, self.names[step.node.index]) if step.node.op else []
            for c, slope in zip(step.contributions, slopes, strict=True):
                received[c.parent.index].append((step, c, slope))
        root, *others = reversed(self.graph.nodes)
        rows = [_row(self._gradient(root), [("=", ["1"])])]
        return rows + [self._gathered(node, received[node.index]) for node in others if not node.constant]

    def _gathered(self, node: Node, received: list[_Received]) -> str:
        chain: list[str] = []
        formulas: list[str] = []
        numbers: list[str] = []
        rounded: list[float] = []
        chain_exact = formulas_exact = True
        for _, group in groupby(received, key=lambda each: each[0].number):
            uses = list(group)
            step = uses[0][0]
            slope = _added([symbol for _, _, symbol in uses])
            slopes = [c.slope for _, c, _ in uses]
            rounded += [step.upstream, *slopes]
            added = _sum([_number(slopes[0]), *map(_bracketed, slopes[1:])])
            exact = not slope.rounded if slope else _exact(*slopes)
            if step.node.index == self.graph.root.index:
                chain_exact = formulas_exact = exact
                formulas.append(slope.latex if slope else added)
                chain.append(formulas[-1])
                numbers.append(added)
            else:
                upstream = self._gradient(step.node)
                local = rf"\frac{{\partial {self._name(step.node)}}}{{\partial {self._name(node)}}}"
                chain.append(rf"{upstream} \, {local}")
                formulas.append(rf"{upstream} \cdot {_factor(slope)}" if slope else chain[-1])
                formulas_exact = formulas_exact and (exact or slope is None)
                first = _number(step.upstream) if not numbers else _bracketed(step.upstream)
                numbers.append(rf"{first} \cdot {f'({added})' if len(slopes) > 1 else _bracketed(slopes[0])}")
        gradient = self.explanation.gradients[node.index]
        return _row(
            self._gradient(node),
            [
                (_sign(chain_exact), _shortened(chain, r"\cdots")),
                (_sign(formulas_exact), _shortened(formulas, r"\cdots")),
                (_sign(_exact(*rounded)), _shortened(numbers, r"\cdots")),
                (_sign(_exact(*rounded, gradient)), [_number(gradient)]),
            ],
        )

    def _name(self, node: Node) -> str:
        return latex_name(self.names[node.index])

    def _gradient(self, node: Node) -> str:
        return rf"\frac{{\partial {self._name(self.graph.root)}}}{{\partial {self._name(node)}}}"


_Received: TypeAlias = "tuple[Step, Contribution, Symbol]"


def _distinct(names: Iterable[str]) -> Iterator[str]:
    """Yield names that differ in LaTeX as well, where x1 and x_1 are the same; equal ones are equal constants."""
    owners: dict[str, str] = {}
    for name in names:
        candidate = name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 3]}..."
        while owners.setdefault(latex_name(candidate), name) != name:
            candidate += "'"
        yield candidate


def _operation(op: Primitive, operands: list[tuple[str, bool]]) -> str:
    dots = (r"\ldots", True)
    if op.pairs:
        half = len(operands) // 2
        operands = [*_shortened(operands[:half], dots), *_shortened(operands[half:], dots)]
    elif op.arity is None:
        operands = _shortened(operands, dots)
    return write_operation(op, operands, latex=True)


def _added(slopes: list[Symbol]) -> Symbol | None:
    """Return the slope in a node that is an operand several times: the sum over its places, or None if too long."""
    total = slopes[0]
    for slope in slopes[1:]:
        if _width(total.latex) <= WIDEST_SLOPE:
            total = total + slope
    return total if _width(total.latex) <= WIDEST_SLOPE else None


def _factor(slope: Symbol) -> str:
    latex = slope.within(PRODUCT)[1]
    return rf"\left({latex}\right)" if latex.startswith("-") else latex


# ---------------------------------------------------------------- numbers


def _number(x: float) -> str:
    return latex_number(x, DIGITS)


def _bracketed(x: float) -> str:
    number = _number(x)
    return f"({number})" if number.startswith("-") or r"\times" in number else number


def _exact(*numbers: float) -> bool:
    return not any(is_rounded(x, DIGITS) for x in numbers)


def _sign(exact: bool) -> str:
    return "=" if exact else r"\approx"


# ---------------------------------------------------------------- lines


def _shortened(items: list[T], dots: T) -> list[T]:
    return items if len(items) <= MOST_TERMS else [*items[: MOST_TERMS - 2], dots, items[-1]]


def _sum(terms: list[str]) -> str:
    return " + ".join(_shortened(terms, r"\cdots"))


def _row(left: str, parts: Iterable[tuple[str, list[str]]]) -> str:
    """Return left = part = part ..., each part a sum, on several lines where it is wide.

    A part that is written like the one before it is left out.
    """
    line, used = f"{left} &", 0
    lines, before = [], [""]
    for sign, terms in parts:
        if terms == before:
            continue
        before = terms
        pieces = [f"{sign} {terms[0]}", *[f"+ {term}" for term in terms[1:]]]
        widths = list(map(_width, pieces))
        if used and used + sum(widths) > WIDTH:
            lines.append(line)
            line, used = "&", 0
        for i, (piece, width) in enumerate(zip(pieces, widths, strict=True)):
            if i and used + width > WIDTH:
                lines.append(line)
                line, used = r"&\quad", 2
            if not line.endswith("&"):
                fits = i or len(line.rpartition("\n")[2]) + len(piece) < SOURCE_WIDTH  # "\n+" would be a Markdown list
                line += " " if fits else "\n  "
            line += piece
            used += width
    return _END.join([*lines, line])


def _width(latex: str) -> int:
    r"""Return about how many characters wide a formula is: commands count one, fractions their wider part."""
    latex = re.sub(r"\\(begin|end)\{[a-z]*\}|\\[{}]", "x", latex)
    latex = re.sub(r"\\(?!frac)[A-Za-z]+", lambda m: "" if m[0] in _INVISIBLE else "x", latex).replace(" ", "")
    while latex != (simpler := _GROUP.sub(r"\1", _FRACTION.sub(lambda m: max(m[1], m[2], key=len), latex))):
        latex = simpler
    return len(latex)


_INVISIBLE = {r"\left", r"\right", r"\text", r"\operatorname", r"\partial", r"\textstyle", r"\quad"}
_FRACTION = re.compile(r"\\frac\{([^{}]*)\}\{([^{}]*)\}")
_GROUP = re.compile(r"(?<![c}])[_^]?\{([^{}]*)\}")


def _packed(given: list[tuple[str, str]]) -> list[str]:
    """Return rows of as many equations as fit."""
    rows: list[str] = []
    used = WIDTH
    for name, equation in given:
        width = _width(f"{name} {equation}") + 4
        if used + width > WIDTH:
            rows.append(f"{name} &{equation}")
            used = 0
        else:
            rows[-1] += rf", \quad {name} {equation}"
        used += width
    return rows
