r"""The forms of a worksheet that are text: for the terminal, Markdown and LaTeX; and what all forms show.

A sheet has three parts: the forward pass, the backward pass and the gradients of the leaves. Each part has rows
of numbers, and each number is either shown or a blank.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, NamedTuple

from ...graph import latex_name, number_text
from ...primitive import latex_number
from ..symbols import slope_formulas
from .sheet import Place, numbers_of, question

if TYPE_CHECKING:
    from ..steps import Step
    from .sheet import Worksheet

LONGEST_FORMULA = 40  # of a slope, in a key

# ---------------------------------------------------------------- what a sheet shows


class Cell(NamedTuple):
    """One number of a sheet.

    Args:
        words: what it is, as text.
        latex: the same as LaTeX.
        number: the number, as it is shown.
        id: the name of the blank, ``""`` where the number is given.
    """

    words: str
    latex: str
    number: str
    id: str


class Row(NamedTuple):
    """Numbers that belong together, after a few words; ``leads`` says whether a step begins here."""

    words: str
    latex: str
    cells: tuple[Cell, ...]
    leads: bool


class Part(NamedTuple):
    """A part of the sheet: its heading, how it is done, its rows."""

    heading: str
    advice: str
    rows: tuple[Row, ...]


def instructions(sheet: Worksheet) -> str:
    """Return what is to be done, in two sentences."""
    last = sheet.blanks[-1].id
    return (
        f"Fill in the blanks {'B1' if last == 'B1' else f'B1 to {last}'}. "
        f"Round to {sheet.digits} significant digits, or write a fraction such as 1/3."
    )


def parts(sheet: Worksheet) -> tuple[Part, ...]:
    """Return everything between the heading and the end of a sheet."""
    explanation = sheet.explanation
    graph = explanation.graph
    ids = {blank.place: blank.id for blank in sheet.blanks}
    numbers = numbers_of(explanation)

    def cell(place: Place, words: str, latex: str) -> Cell:
        return Cell(words, latex, number_text(numbers[place]), ids.get(place, ""))

    def value(place: Place) -> Cell:
        node = graph.nodes[place.node]
        name = latex_name(node.name)
        made = name if node.is_leaf else f"{name} = {graph.formula(node, latex=True)}"
        return cell(place, question(explanation, place), made)

    def gradient(index: int, called: str) -> Cell:
        name, root = graph.nodes[index].name, graph.root.name
        words, latex = f"{called} d {root} / d {name}", rf"\text{{{called} }}{_partial(root, name)}"
        return cell(Place("gradient", index), words, latex)

    forward = [Row("", "", (value(Place("value", n.index)),), False) for n in graph.nodes if not n.constant]
    backward: list[Row] = []
    for step in explanation.steps:
        node = step.node
        made = f"{node.name} = {graph.formula(node)}"
        made_latex = f"{latex_name(node.name)} = {graph.formula(node, latex=True)}"
        upstream = gradient(node.index, "upstream")
        backward.append(
            Row(f"Step {step.number}, {made}:", rf"\text{{Step {step.number}, }} {made_latex}:", (upstream,), True)
        )
        formulas = _formulas(step) if sheet.solved else [("", "")] * len(step.contributions)
        for k, (c, (formula, formula_latex)) in enumerate(zip(step.contributions, formulas, strict=True)):
            parent = c.parent.name
            if not c.parent.constant:
                use = f" (use {c.use} of {c.uses})" if c.uses > 1 else ""
                slope = cell(
                    Place("slope", node.index, k),
                    f"slope d {node.name} / d {parent}{formula}",
                    rf"\text{{slope }}{_partial(node.name, parent)}{formula_latex}",
                )
                adds = cell(Place("contribution", node.index, k), "contribution", r"\text{contribution}")
                backward.append(
                    Row(f"to {parent}{use}:", rf"\text{{to }}{latex_name(parent)}\text{{{use}:}}", (slope, adds), False)
                )
    return (
        Part("Forward pass", "Compute each node from its parents.", tuple(forward)),
        Part(
            "Backward pass",
            "Go from the root to the leaves. Each parent gets a contribution, upstream times slope. "
            "The upstream of a node is the sum of all contributions to it.",
            tuple(backward),
        ),
        Part(
            "Gradients of the leaves",
            "Add up the contributions to each leaf.",
            tuple(Row("", "", (gradient(n.index, "gradient"),), False) for n in graph.leaves),
        ),
    )


def _formulas(step: Step) -> list[tuple[str, str]]:
    """Return the slopes of a step as `` = b``, text and LaTeX, for a key; empty where that is long or but a number."""
    node = step.node
    if node.op is None:
        return []
    texts = [c.formula for c in step.contributions]
    latex = slope_formulas(node.op, [c.parent.name for c in step.contributions], node.name, latex=True)
    return [
        (f" = {text}", f" = {formula}") if len(text) <= LONGEST_FORMULA and re.search("[^0-9.-]", text) else ("", "")
        for text, formula in zip(texts, latex, strict=True)
    ]


def _partial(above: str, below: str) -> str:
    return rf"\frac{{\partial {latex_name(above)}}}{{\partial {latex_name(below)}}}"


# ---------------------------------------------------------------- plain text


def text(sheet: Worksheet) -> str:
    """Return the sheet as plain text; a blank is a line with its name behind it."""

    def slot(cell: Cell) -> str:
        if not cell.id:
            return f"{cell.words} = {cell.number}"
        return f"{cell.words} = {cell.number if sheet.solved else '________'} [{cell.id}]"

    lines = [heading(sheet), "", "Name: ______________________", "", instructions(sheet)]
    if sheet.solved:
        lines = [heading(sheet)]
    for part in parts(sheet):
        lines += ["", part.heading.upper(), part.advice, ""]
        for row in part.rows:
            lead = f"{row.words} " if row.words else ""
            if row.leads and row is not part.rows[0]:
                lines.append("")
            inset = "" if row.leads or not row.words else "    "
            lines.append(f"  {inset}{lead}{',   '.join(map(slot, row.cells))}")
    return "\n".join(lines) + "\n"


def heading(sheet: Worksheet) -> str:
    """Return the heading of the sheet or of its key, with the code that names it."""
    return f"{sheet.title} ({which(sheet)})"


def which(sheet: Worksheet) -> str:
    """Return which sheet it is, or to which one it is the key, by the code."""
    return f"{'key to sheet' if sheet.solved else 'sheet'} {sheet.code}"


# ---------------------------------------------------------------- Markdown


def markdown(sheet: Worksheet) -> str:
    """Return the sheet as Markdown; what users wrote is escaped."""

    def slot(cell: Cell) -> str:
        if not cell.id:
            return f"{inert(cell.words)} = {inert(cell.number)}"
        shown = f"**{inert(cell.number)}**" if sheet.solved else r"\_\_\_\_\_\_\_\_"
        return f"{inert(cell.words)} = {shown} \\[{cell.id}\\]"

    lines = [f"# {inert(heading(sheet))}", ""]
    if not sheet.solved:
        lines += [r"Name: \_\_\_\_\_\_\_\_\_\_\_\_", "", instructions(sheet), ""]
    for part in parts(sheet):
        lines += [f"## {part.heading}", "", inert(part.advice), ""]
        for row in part.rows:
            lead = f"{inert(row.words)} " if row.words else ""
            inset = "" if row.leads or not row.words else "    "
            lines.append(f"{inset}- {lead}{', '.join(map(slot, row.cells))}")
        lines.append("")
    return "\n".join(lines)


def inert(text: str) -> str:
    r"""Return text that Markdown shows as it is.

    >>> inert("a_b * <c>")
    'a\\_b \\* &lt;c&gt;'
    """
    escaped = re.sub(r"([\\`*_{}\[\]()#+.!|~$:-])", r"\\\1", text)
    return escaped.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


# ---------------------------------------------------------------- LaTeX

PREAMBLE = r"""\documentclass[11pt,a4paper]{article}
\usepackage[T1]{fontenc}
\usepackage{amsmath}
\usepackage[margin=22mm]{geometry}
\setlength{\parindent}{0pt}
\setlength{\parskip}{6pt}
\raggedright
\pagestyle{plain}
\begin{document}
"""


def latex(sheet: Worksheet) -> str:
    """Return the sheet as a LaTeX document that needs no package beyond amsmath and geometry."""
    from .picture import latex_picture

    def slot(cell: Cell) -> str:
        question = rf"$\displaystyle {cell.latex} = {latex_number(float(cell.number)) if not cell.id else ''}$"
        if not cell.id:
            return question
        blank = rf"\underline{{\makebox[2cm]{{${latex_number(float(cell.number))}$}}}}" if sheet.solved else BLANK
        return rf"\mbox{{{question}\,{blank}\,{{\scriptsize {cell.id}}}}}"

    lines = [rf"{{\Large\bfseries {latex_text(sheet.title)}}}\\{{\small {which(sheet)}}}", ""]
    if not sheet.solved:
        lines += [r"Name: \underline{\hspace{7cm}}", "", latex_text(instructions(sheet)), ""]
    lines += [latex_picture(sheet), ""]
    for part in parts(sheet):
        lines += [rf"\medskip{{\large\bfseries {part.heading}}}\\*", latex_text(part.advice), "", r"\nopagebreak"]
        for row in part.rows:
            inset = "" if row.leads or not row.words else r"\hspace*{8mm}"
            lead = rf"${row.latex}$\quad " if row.words else ""
            lines += [inset + lead + r"\quad ".join(map(slot, row.cells)), ""]
    return PREAMBLE + typeset("\n".join(lines)) + "\\end{document}\n"


BLANK = r"\underline{\hspace{2cm}}"


def latex_text(text: str) -> str:
    r"""Return text for a paragraph, with the characters that LaTeX takes for commands escaped.

    >>> latex_text("50% of a_b")
    '50\\% of a\\_b'
    """
    return re.sub(r"[\\{}$&#%_^~<>|\"*]", lambda c: _IN_TEXT.get(c[0], f"\\{c[0]}"), text)


_IN_TEXT = {
    "\\": r"\textbackslash{}",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "*": r"{*}",
}


def typeset(document: str) -> str:
    r"""Replace the characters that pdflatex has no letter for: Greek by its commands, others by their code point.

    >>> typeset("α, é, 猫")
    '\\ensuremath{\\alpha}, é, [U+732B]'
    """
    return "".join([c if ord(c) < 0x80 or c in _LETTERS else _replaced(c) for c in document])


_LETTERS = frozenset(chr(i) for i in range(0xC0, 0x100) if chr(i).isalpha())
_GREEK = set(
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau upsilon phi chi psi "
    "omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega".split()
)


def _replaced(c: str) -> str:
    words = unicodedata.name(c, "").split()
    if len(words) == 4 and words[0] == "GREEK" and words[2] == "LETTER":
        name = words[3].lower().replace("lamda", "lambda")
        command = name if words[1] == "SMALL" else name.capitalize()
        if command in _GREEK:
            return rf"\ensuremath{{\{command}}}"
    return f"[U+{ord(c):04X}]"
