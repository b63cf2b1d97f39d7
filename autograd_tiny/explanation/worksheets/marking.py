"""Marking a worksheet: right, right from one's own earlier numbers, or which factor is missing."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextvars import Context
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from ...errors import ExpressionError, ParameterError, printable
from ...expression import parse
from ...graph import number_text
from .mistakes import LAST_RESORT, RULES, Case, name_of
from .sheet import FORMAT, Blank, Place, Worksheet, numbers_of, question

Answers: TypeAlias = "Mapping[str, Any] | str | os.PathLike[str]"
"""Numbers or texts by the names of the blanks, or a text or file with them."""

RIGHT, FOLLOWS, WRONG, LEFT_OUT, UNREADABLE = "right", "follows", "wrong", "left out", "not a number"
"""The verdicts. An answer that is wrong, but follows from one's own earlier numbers, counts as right."""

LONGEST_ANSWER = 200
SHOWN = 24  # characters of an answer in the table
MOST_REMARKS = 2
NOISE = 1e-12  # what rounding may leave of a number that is 0
LIKE_ZERO = 1e-9  # for which 0 may be written, and which for 0


@dataclass(frozen=True, slots=True)
class Mark:
    """How one blank was filled in.

    Attributes:
        blank: what was asked.
        given: the answer as it was written, ``""`` for none.
        number: the answer as a number, None where there is none.
        verdict: one of ``"right"``, ``"follows"``, ``"wrong"``, ``"left out"``, ``"not a number"``.
        remark: what there is to say about it.
        mistakes: the names of the mistakes that lead to this answer.
    """

    blank: Blank
    given: str
    number: float | None
    verdict: str
    remark: str
    mistakes: tuple[str, ...]

    @property
    def counts(self) -> bool:
        """Whether the answer earns its point."""
        return self.verdict in (RIGHT, FOLLOWS)


@dataclass(frozen=True, slots=True)
class Marks:
    """A marked worksheet; :func:`mark` makes it.

    Attributes:
        sheet: the worksheet.
        name: who filled it in, ``""`` where it is not said.
        marks: one per blank.
    """

    sheet: Worksheet
    name: str
    marks: tuple[Mark, ...]

    @property
    def points(self) -> int:
        """How many answers are right, or follow from one's own numbers."""
        return sum(mark.counts for mark in self.marks)

    @property
    def score(self) -> float:
        """The points as a part of all, 0 to 1."""
        return self.points / len(self.marks)

    def __getitem__(self, id: str) -> Mark:
        for mark in self.marks:
            if mark.blank.id == id:
                return mark
        raise KeyError(id)

    def __str__(self) -> str:
        follow = sum(mark.verdict == FOLLOWS for mark in self.marks)
        also = f", {follow} of them from own earlier numbers" if follow else ""
        total = len(self.marks)
        who = f"{self.name}: " if self.name else ""
        percent = 100 if self.points == total else min(99, round(100 * self.score))
        lines = [f"{who}{self.points} of {total} right ({percent} %){also}; sheet {self.sheet.code}", ""]
        rows = [(mark.blank.id, mark.blank.question, _shown(mark.given), _says(mark)) for mark in self.marks]
        widths = [max(len(row[i]) for row in rows) for i in range(3)]
        for row in rows:
            id, asked, given = (cell.ljust(width) for cell, width in zip(row, widths, strict=False))
            lines.append(f"{id}  {asked} = {given}  {row[3]}".rstrip())
        return "\n".join(lines)

    __repr__ = __str__


def _says(mark: Mark) -> str:
    if mark.verdict == RIGHT:
        return RIGHT
    if mark.verdict == FOLLOWS:
        return mark.remark
    remark = f"; {mark.remark}" if mark.remark else ""
    return f"{mark.verdict}: {number_text(mark.blank.answer)} is right{remark}"


def mark(worksheet: Worksheet, answers: Answers) -> Marks:
    """Mark the answers to a worksheet.

    An answer is right when it is the number to the significant digits that the sheet asks for. One that follows
    from the student's own earlier answers counts as right, too. Any other is compared with what known mistakes
    lead to.

    Args:
        worksheet: the sheet.
        answers: numbers or texts such as ``"-3"`` or ``"1/3"`` by the names of the blanks; or JSON text, or lines
            such as ``B1 = -6``, or a filled-in text form; or the path of a file with one of these.

    Raises:
        ParameterError: when the answers cannot be read, belong to another sheet or name a blank that does not exist.
        OSError: when there is no such file.

    >>> from autograd_tiny import Value, worksheet
    >>> a, b = Value(2.0, "a"), Value(-3.0, "b")
    >>> sheet = worksheet((a * b) ** 2, hide="contributions")
    >>> marks = mark(sheet, {"B1": "-12", "B2": -3, "B3": "2 * (-12)"})
    >>> for row in marks.marks:
    ...     print(row.blank.question, row.verdict, row.mistakes)
    contribution of v2 to v1 right ()
    contribution of v1 to a wrong ('forgot the upstream',)
    contribution of v1 to b right ()
    >>> marks["B2"].remark
    'this is the slope alone: the factor upstream, -12, is missing'
    """
    if not isinstance(worksheet, Worksheet):
        raise ParameterError(f"mark takes a Worksheet, got {_shown(repr(worksheet))}; Worksheet.from_json reads one")
    code, name, given = _read(answers)
    if code and code != worksheet.code:
        raise ParameterError(f"these answers belong to sheet {_shown(code)}, and this is sheet {worksheet.code}")
    unknown = sorted(given.keys() - {blank.id for blank in worksheet.blanks})
    if unknown:
        last = worksheet.blanks[-1].id
        known = "its only blank is B1" if last == "B1" else f"its blanks are B1 to {last}"
        raise ParameterError(f"the sheet has no blank {_shown(unknown[0])}; {known}")
    return Marks(worksheet, name, tuple(_marked(worksheet, given)))


def sheet_of(answers: Answers) -> str:
    r"""Return the code of the sheet that answers say they belong to, ``""`` where they do not say it.

    >>> sheet_of("sheet = 1a2b3c\nB1 = -6")
    '1a2b3c'
    """
    return _read(answers)[0]


def _marked(sheet: Worksheet, answers: Mapping[str, Any]) -> Iterator[Mark]:
    """Mark the blanks in the order of computation, keeping the numbers that the student works with."""
    truth = numbers_of(sheet.explanation)
    asked = {blank.place for blank in sheet.blanks}
    own = {place: x if place in asked else float(number_text(x)) for place, x in truth.items()}  # as they are shown
    astray: list[Place] = []
    for blank in sheet.blanks:
        given = answers.get(blank.id)
        written = "" if given is None else str(given).strip()
        number = _number(given)
        case = Case(sheet.explanation, own, blank.place)
        remark = ""
        mistakes: tuple[str, ...] = ()
        if not written:
            verdict = LEFT_OUT
        elif number is None:
            verdict, remark = UNREADABLE, _how_to_write(written)
        elif close(number, blank.answer, sheet.digits):
            verdict = RIGHT
        elif any(close(number, x, sheet.digits) for x in case.expected()):
            origins = _origins(sheet, blank.place, own, truth, astray)
            verdict = FOLLOWS if origins else RIGHT
            if origins:
                remark = f"right from your {' and '.join(_origin(sheet, place, own) for place in origins)}"
        else:
            verdict = WRONG
            remark, mistakes = _recognised(sheet, blank, number, (case, Case(sheet.explanation, truth, blank.place)))
        if number is not None:
            own[blank.place] = number
            if verdict in (FOLLOWS, WRONG):
                astray.append(blank.place)
        yield Mark(blank, written, number, verdict, remark, mistakes)


def _how_to_write(written: str) -> str:
    if _DECIMAL_COMMA.fullmatch(written):
        return f"write a decimal point, {written.replace(',', '.')}"
    return "write a number such as -0.5, 1/3 or 2e-3"


def _origins(
    sheet: Worksheet, asked: Place, own: dict[Place, float], truth: Mapping[Place, float], astray: Sequence[Place]
) -> list[Place]:
    """Return the student's own wrong numbers that make the number asked for another one."""
    case = Case(sheet.explanation, own, asked)
    used = [place for place in dict.fromkeys(case.sources) if place in astray]

    def matters(place: Place) -> bool:
        return Case(sheet.explanation, own | {place: truth[place]}, asked).expected() != case.expected()

    return list(filter(matters, used)) or used


def _origin(sheet: Worksheet, place: Place, own: Mapping[Place, float]) -> str:
    node = sheet.explanation.graph.nodes[place.node]
    number = number_text(own[place])
    if place.kind == "value":
        return f"{node.name} = {number}"
    if place.kind == "gradient":
        return f"upstream of {number}"
    return f"{question(sheet.explanation, place)} = {number}"


def _recognised(sheet: Worksheet, blank: Blank, number: float, cases: Sequence[Case]) -> tuple[str, tuple[str, ...]]:
    """Return what mistakes explain the number: first with the student's own numbers, then with the right ones."""
    rounded = [d for d in range(1, sheet.digits) if number == float(f"{blank.answer:.{d}g}")]
    if rounded and number:
        return f"rounded too much: give {sheet.digits} significant digits", ("rounded too much",)
    for rules in (RULES[blank.kind], LAST_RESORT):
        found: dict[str, str] = {}
        for case in cases:
            for rule in rules:
                for wrong, tells in rule(case):
                    if close(number, wrong, sheet.digits):
                        found.setdefault(name_of(rule), tells)
        if found:
            shown = list(found.items())[:MOST_REMARKS]
            return "; or ".join(tells for _, tells in shown), tuple(name for name, _ in shown)
    return "", ()


def close(given: float, exact: float, digits: int) -> bool:
    """Return whether ``given`` is ``exact`` to so many significant digits.

    One unit of the last digit is allowed, for numbers that were cut off or computed from rounded ones; but a whole
    number must be the whole number, or be it rounded.

    >>> close(0.667, 2 / 3, 3), close(0.67, 2 / 3, 3), close(1003.0, 1000.0, 3), close(1230.0, 1234.0, 3)
    (True, False, False, True)
    """
    if not math.isfinite(exact):
        return False
    if abs(given - exact) <= (LIKE_ZERO if 0.0 in (given, exact) else NOISE):
        return True
    if given.is_integer() and exact.is_integer():
        return any(given == float(f"{exact:.{d}g}") for d in range(digits, 17))
    unit: float = 10.0 ** (math.floor(math.log10(abs(exact))) - digits + 1) if exact else 0.0
    return abs(given - exact) <= unit * (1.0 + 1e-9)


# ---------------------------------------------------------------- reading answers

_TRANSLATED = str.maketrans({"\N{MINUS SIGN}": "-", "\N{MULTIPLICATION SIGN}": "*", "\N{MIDDLE DOT}": "*"})
_LINE = re.compile(r"^([^\S\n]*)(B\d+|sheet|name)\s*[=:]([^\n]*)$", re.MULTILINE | re.IGNORECASE)
_FORM = re.compile(r"=\s*([^=\[\]\n]*?)\\?\[(B\d+)\\?\]")  # a filled-in text or Markdown sheet: = -6 [B1]
_HEADING = re.compile(r"\\?\(sheet ([0-9a-f]{6})\\?\)")
_DECIMAL_COMMA = re.compile(r"[-+\N{MINUS SIGN}]?[0-9]{0,20},[0-9]{1,20}")


def _number(given: Any) -> float | None:
    """Return an answer as a finite number; arithmetic is one, anything else is not."""
    if isinstance(given, str):
        if len(given) > LONGEST_ANSWER:
            return None
        try:
            number = Context().run(parse(given.translate(_TRANSLATED)).evaluate, {}).data
        except ExpressionError:
            return None
    elif isinstance(given, bool) or not isinstance(given, (int, float)):
        return None
    else:
        try:
            number = float(given)
        except OverflowError:
            return None
    return number if math.isfinite(number) else None


def _read(answers: Answers) -> tuple[str, str, dict[str, Any]]:
    """Return the code of the sheet and the name, where they are said, and the answers by blank."""
    if isinstance(answers, Mapping):
        content: Mapping[Any, Any] = answers
    else:
        if not isinstance(answers, (str, os.PathLike)):
            raise ParameterError(
                f"answers are a dict such as {{'B1': -6}}, a text or a path, got {_shown(repr(answers))}"
            )
        text = _text(answers)
        if not text.lstrip().startswith("{"):
            return _read_lines(text)
        try:
            content = json.loads(text)
        except (ValueError, RecursionError):
            raise ParameterError("these answers are no JSON; use the file that the page saves") from None
    if content.get("format") == FORMAT:
        raise ParameterError("this is a saved sheet and not answers to it; name the file that the page saves")
    code, name, given = "", "", content
    if "answers" in content:
        code, name, given = content.get("sheet", ""), content.get("name", ""), content["answers"]
        if not (isinstance(code, str) and isinstance(name, str) and isinstance(given, Mapping)):
            raise ParameterError(
                'answers as JSON look like {"sheet": "1a2b3c", "name": "Ada", "answers": {"B1": "-6"}}'
            )
    for id, answer in given.items():
        if not isinstance(id, str) or not (answer is None or isinstance(answer, (str, int, float))):
            raise ParameterError(
                f"an answer is a number or text by the name of a blank, got {_shown(f'{id!r}: {answer!r}')}; "
                "write for example B1: -6"
            )
    return code, printable(name), dict(given)


def _text(answers: str | os.PathLike[str]) -> str:
    """Return the text, read from a file unless it is answers already."""
    if isinstance(answers, str) and (answers.lstrip().startswith("{") or _LINE.search(answers) or "\n" in answers):
        return answers
    try:
        return Path(answers).read_text(encoding="utf-8-sig")  # some editors put a mark at the beginning
    except (UnicodeDecodeError, ValueError):
        raise ParameterError(f"{_shown(os.fspath(answers))} is no file with answers as text or JSON") from None


def _read_lines(text: str) -> tuple[str, str, dict[str, Any]]:
    slots = {found[2]: found[1].replace("\\", "").strip(" _*") for found in _FORM.finditer(text)}
    lines = {
        found[2].lower().replace("b", "B"): found[3].strip()
        for found in _LINE.finditer(text)
        if not (slots and found[1])  # a form insets its rows, and  b1 = 0.5  in one is a leaf
    }
    heading = _HEADING.search(text)
    code = lines.pop("sheet", heading[1] if heading else "")
    name = lines.pop("name", "").strip(" _\\")
    if not lines and not slots:
        raise ParameterError("found no answers; write a line such as  B1 = -6  for each blank")
    return code, printable(name), slots | lines | {id: slot for id, slot in slots.items() if slot}


def _shown(text: str) -> str:
    inert = printable(text)
    return inert if len(inert) <= SHOWN else f"{inert[: SHOWN - 3]}..."
