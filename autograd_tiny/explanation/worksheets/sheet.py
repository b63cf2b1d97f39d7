"""Worksheets: backpropagation by hand, with blanks to fill in and the answer key; in variants for a class."""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextvars import Context
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, overload

from ...errors import ExpressionError, GraphError, ParameterError, printable
from ...expression import Expression, parse
from ...graph import Graph, Node, number_text
from ...primitive import Primitive, registry, whole
from ...seeds import generator
from ...value import Constant, Value
from ..steps import Explanation, explain

KINDS = ("values", "slopes", "contributions", "gradients")
"""What a sheet can ask for."""

TITLE = "Backpropagation by hand"
FORMAT = "autograd_tiny worksheet 1"
MOST_OPERANDS = 200  # twice as many blanks: more than anybody fills in
LONGEST_TITLE = 200

# ---------------------------------------------------------------- the numbers of a sheet


class Place(NamedTuple):
    """Where a number stands in the computation.

    Args:
        kind: one of ``"value"``, ``"slope"``, ``"contribution"`` and ``"gradient"``.
        node: the index of the node in the graph.
        operand: for a slope and a contribution which operand of the node, counted from 0; else 0.
    """

    kind: str
    node: int
    operand: int = 0


def numbers_of(explanation: Explanation) -> dict[Place, float]:
    """Return every number of the forward and the backward pass, in the order in which they are computed.

    >>> x = Value(3.0, "x")
    >>> for place, number in numbers_of(explain(x * x)).items():
    ...     print(*place, number)
    value 0 0 3.0
    value 1 0 9.0
    gradient 1 0 1.0
    slope 1 0 3.0
    contribution 1 0 3.0
    slope 1 1 3.0
    contribution 1 1 3.0
    gradient 0 0 6.0
    """
    nodes = explanation.graph.nodes
    numbers = {Place("value", node.index): node.data for node in nodes}
    for step in explanation.steps:
        numbers[Place("gradient", step.node.index)] = step.upstream
        for k, c in enumerate(step.contributions):
            numbers[Place("slope", step.node.index, k)] = c.slope
            numbers[Place("contribution", step.node.index, k)] = c.contribution
    for node in nodes:
        numbers.setdefault(Place("gradient", node.index), explanation.gradients[node.index])
    return {place: number + 0.0 for place, number in numbers.items()}  # -0.0 is written 0


@dataclass(frozen=True, slots=True)
class Blank:
    """A number to be found.

    Attributes:
        id: ``B1``, ``B2``, ... in the order of computation.
        place: which number of the computation it is.
        question: what is asked, in words and symbols.
        answer: the number.
    """

    id: str
    place: Place
    question: str
    answer: float

    @property
    def kind(self) -> str:
        """One of ``value``, ``slope``, ``contribution``, ``gradient``."""
        return self.place.kind


def question(explanation: Explanation, place: Place) -> str:
    """Return what a place asks for, in words and symbols.

    >>> a, b = Value(2.0, "a"), Value(3.0, "b")
    >>> explanation = explain(a * b)
    >>> [question(explanation, place) for place in (Place("value", 2), Place("slope", 2, 1), Place("gradient", 0))]
    ['v1 = a * b', 'slope d v1 / d b', 'gradient d v1 / d a']
    """
    graph = explanation.graph
    node = graph.nodes[place.node]
    if place.kind == "value":
        return node.name if node.is_leaf else f"{node.name} = {graph.formula(node)}"
    if place.kind == "gradient":
        return f"gradient d {graph.root.name} / d {node.name}"
    parent = graph.nodes[node.parents[place.operand]]
    which = f" (operand {place.operand + 1})" if node.parents.count(parent.index) > 1 else ""
    if place.kind == "slope":
        return f"slope d {node.name} / d {parent.name}{which}"
    return f"contribution of {node.name} to {parent.name}{which}"


# ---------------------------------------------------------------- the sheet


@dataclass(frozen=True)
class Worksheet:
    """An exercise sheet; :func:`worksheet` and :func:`variants` make them.

    Attributes:
        explanation: the step records that it is drawn from.
        blanks: what is asked, in the order of computation.
        title: its heading.
        digits: to how many significant digits answers are to be rounded.
        solved: whether the answers are shown, as in a key.
    """

    explanation: Explanation
    blanks: tuple[Blank, ...]
    title: str = TITLE
    digits: int = 3
    solved: bool = False

    @cached_property
    def code(self) -> str:
        """Six characters that name the sheet, to tell which one an answer belongs to."""
        return hashlib.sha256(json.dumps(self._content(), sort_keys=True).encode()).hexdigest()[:6]

    def key(self) -> Worksheet:
        """Return the sheet with its answers filled in; it has the same forms."""
        return replace(self, solved=True)

    # ------------------------------------------------------------ forms

    def text(self) -> str:
        """Return the sheet as plain text."""
        from .forms import text

        return text(self)

    def to_markdown(self) -> str:
        """Return the sheet as Markdown."""
        from .forms import markdown

        return markdown(self)

    def to_latex(self) -> str:
        """Return the sheet as a complete LaTeX document."""
        from .forms import latex

        return latex(self)

    @overload
    def to_html(self) -> str: ...
    @overload
    def to_html(self, path: str | os.PathLike[str]) -> Path: ...
    def to_html(self, path: str | os.PathLike[str] | None = None) -> str | Path:
        """Return the sheet as one self-contained page to fill in, or write it and return the path.

        The page holds no answers. What is filled in can be copied, or saved as a file that :func:`mark` reads.
        """
        from .page import page

        return page(self) if path is None else _write(path, page(self))

    def to_pdf(self, path: str | os.PathLike[str]) -> Path:
        """Write the sheet as PDF, through pdflatex, and return the path.

        Raises:
            MissingProgramError: when there is no pdflatex.
            GraphError: when pdflatex cannot set the sheet.
        """
        from .pdf import pdf

        return _write(path, pdf(self.to_latex()))

    def save_as(self, path: str | os.PathLike[str]) -> Path:
        """Write the sheet in the form that the suffix names and return the path.

        Args:
            path: ends in ``.html``, ``.tex``, ``.pdf``, ``.md``, ``.txt`` or ``.json``.

        Raises:
            ParameterError: for another suffix.
        """
        forms = {
            ".html": self.to_html,
            ".tex": self.to_latex,
            ".md": self.to_markdown,
            ".txt": self.text,
            ".json": self.to_json,
        }
        suffix = Path(path).suffix.lower()
        if suffix == ".pdf":
            return self.to_pdf(path)
        if suffix not in forms:
            raise ParameterError(
                f"cannot write a worksheet into {Path(path).name!r}: the suffix is one of .pdf, {', '.join(forms)}"
            )
        return _write(path, forms[suffix]())

    def __str__(self) -> str:
        return self.text()

    __repr__ = __str__

    # ------------------------------------------------------------ JSON

    def to_json(self) -> str:
        """Return the sheet as JSON, from which it can be marked later; the answers follow from it."""
        return json.dumps({"format": FORMAT, "sheet": self.code, **self._content()}, indent=1)

    def _content(self) -> dict[str, Any]:
        return {
            "title": self.title,
            "digits": self.digits,
            "nodes": [_saved(node) for node in self.explanation.graph.nodes],
            "blanks": [list(blank.place) for blank in self.blanks],
        }

    @classmethod
    def from_json(cls, text: str) -> Worksheet:
        """Read what :meth:`to_json` wrote; operations are looked up by name, nothing in the text is run.

        Raises:
            ParameterError: when the text is no such JSON, or names an operation or a node that does not exist.

        >>> sheet = worksheet(Value(3.0, "x") ** 2)
        >>> Worksheet.from_json(sheet.to_json()).text() == sheet.text()
        True
        """
        try:
            content = json.loads(text)
        except (TypeError, ValueError, RecursionError):
            raise _bad("it is not JSON") from None
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            raise _bad(f"it does not say  format: {FORMAT}")
        records = content.get("nodes")
        if not isinstance(records, list) or not records:
            raise _bad("its nodes are missing")
        explanation = _replayed([_loaded(record, k) for k, record in enumerate(records)])
        if len(explanation.graph.nodes) != len(records):
            raise _bad("the last node does not depend on all others")
        asked = content.get("blanks")
        places = set(_askable(explanation))
        if not isinstance(asked, list) or not asked:
            raise _bad("its blanks are missing")
        for place in asked:
            if not isinstance(place, list) or tuple(map(_plain, place)) not in places:
                raise _bad("it has a blank for a number that the graph does not have")
        return _sheet(explanation, {Place(*place) for place in asked}, content.get("title"), content.get("digits"))


def worksheet(
    root: Value,
    hide: str | float | Iterable[str] = KINDS,
    seed: int = 0,
    *,
    title: str = TITLE,
    digits: int = 3,
) -> Worksheet:
    """Make an exercise sheet on the gradient of ``root``.

    Args:
        root: the node to differentiate.
        hide: which numbers become blanks: any of ``"values"``, ``"slopes"``, ``"contributions"`` and
            ``"gradients"``, or which part of them all, such as 0.5, chosen by ``seed``.
        seed: an int, chooses the blanks when a part is asked for.
        title: the heading.
        digits: the significant digits that answers are to be rounded to, 2 to 5.

    Raises:
        GraphError: when ``root`` is not a Value, is a leaf, has too large a graph or a number in it is not finite.
        ParameterError: when an argument does not fit.

    >>> a, b = Value(2.0, "a"), Value(-3.0, "b")
    >>> sheet = worksheet(a * b, hide=("slopes", "gradients"))
    >>> for blank in sheet.blanks:
    ...     print(blank.id, blank.question, blank.answer)
    B1 slope d v1 / d a -3.0
    B2 slope d v1 / d b 2.0
    B3 gradient d v1 / d a -3.0
    B4 gradient d v1 / d b 2.0
    """
    if isinstance(root, (str, Expression)):
        text = root if isinstance(root, str) else root.text
        raise GraphError(
            f"worksheet takes a computed Value, got the formula {_short(text)}; variants(formula, 1) chooses numbers "
            'for it, and parse(formula).evaluate({"x": 2.0}) computes it at yours'
        )
    graph = Graph.of(root)
    if root.op is None:
        raise GraphError(f"{graph.root.name} is a leaf: no operation, so there is nothing to ask; use a result")
    explanation = _replayed([(n.op, n.parents, n.data, n.label, n.constant) for n in graph.nodes])
    return _sheet(explanation, _hidden(explanation, hide, seed), title, digits)


def _sheet(explanation: Explanation, places: set[Place], title: Any, digits: Any) -> Worksheet:
    if not isinstance(title, str) or not title.strip() or len(title) > LONGEST_TITLE:
        raise ParameterError(f"title is a text of 1 to {LONGEST_TITLE} characters, got {_short(title)}")
    if whole(digits, "digits", 2) > 5:
        raise ParameterError(f"digits is at most 5, as many as a sheet shows of a number, got {digits!r}")
    blanks: list[Blank] = []
    for place, number in numbers_of(explanation).items():
        if place in places:
            blanks.append(Blank(f"B{len(blanks) + 1}", place, question(explanation, place), number))
    return Worksheet(explanation, tuple(blanks), printable(title), digits)


def _askable(explanation: Explanation) -> Iterator[Place]:
    """Yield what can be a blank: not what is given, nor the constants' part, nor the 1 that the root starts with."""
    graph = explanation.graph
    for place in numbers_of(explanation):
        node = graph.nodes[place.node]
        if place.kind == "value":
            wanted = not node.is_leaf
        elif place.kind == "gradient":
            wanted = not node.constant and node.index != graph.root.index
        else:
            wanted = not graph.nodes[node.parents[place.operand]].constant
        if wanted:
            yield place


def _hidden(explanation: Explanation, hide: Any, seed: Any) -> set[Place]:
    everything = list(_askable(explanation))
    if isinstance(hide, (int, float)):
        if not 0.0 < hide <= 1.0 or isinstance(hide, bool):
            raise ParameterError(f"hide as a part of all numbers is above 0 and at most 1, got {hide!r}")
        return set(generator(seed, "seed").sample(everything, max(1, round(hide * len(everything)))))
    kinds = [hide] if isinstance(hide, str) else list(hide) if isinstance(hide, Iterable) else [hide]
    wrong = [kind for kind in kinds if kind not in KINDS]
    if wrong or not kinds:
        got = _short(wrong[0]) if wrong else "none"
        raise ParameterError(f"hide is one or more of {', '.join(KINDS)}, or a part such as 0.5, got {got}")
    return {place for place in everything if f"{place.kind}s" in kinds}


# ---------------------------------------------------------------- graphs again

_Record = tuple[Primitive | None, Sequence[int], float, str, bool]
"""Of one node: operation, indices of the operands, number, label, whether it is a constant."""


def _replayed(records: Sequence[_Record]) -> Explanation:
    """Compute a graph again, so that sheets made from Values and from JSON are the same."""
    operands = sum(len(parents) for _, parents, *_ in records)
    if operands > MOST_OPERANDS:
        raise GraphError(
            f"the graph has {operands} operands in all and a worksheet takes at most {MOST_OPERANDS}; "
            "use a smaller part of it, one example or one neuron"
        )

    def replay() -> Explanation:
        nodes: list[Value] = []
        for op, parents, number, label, constant in records:
            if op is not None:
                node: Value = op.apply(*[nodes[i] for i in parents])
                node.label = label
            else:
                node = Constant(number, label) if constant else Value(number, label)
            nodes.append(node)
        return explain(nodes[-1])

    explanation = Context().run(replay)  # outside of no_grad() and the like
    for place, number in numbers_of(explanation).items():
        if not math.isfinite(number):
            raise GraphError(
                f"a worksheet needs finite numbers, and {question(explanation, place)} is {number}; "
                "choose other numbers for the leaves"
            )
    return explanation


def _saved(node: Node) -> dict[str, Any]:
    record: dict[str, Any] = {"label": node.label}
    if node.op is None:
        record |= {"number": node.data, "constant": node.constant}
    else:
        record |= {"op": node.op.name, "params": node.op.params, "parents": list(node.parents)}
    return record


def _loaded(record: Any, index: int) -> _Record:
    """Check one node of a saved sheet."""
    where = f"its node {index + 1}"
    if not isinstance(record, dict) or not isinstance(record.get("label"), str):
        raise _bad(f"{where} has no label")
    name, label = record.get("op"), record["label"]
    if name is None:
        number = record.get("number")
        if isinstance(number, bool) or not isinstance(number, (int, float)):
            raise _bad(f"{where} has no number")
        return None, (), _float(number), label, record.get("constant") is True
    if not isinstance(name, str) or name not in registry:
        raise _bad(f"{where} has the operation {_short(name)}, which is not registered here; import what defines it")
    params, parents = record.get("params"), record.get("parents")
    if not isinstance(parents, list) or not all(type(i) is int and 0 <= i < index for i in parents):
        raise _bad(f"the parents of {where} are not earlier nodes")
    op = registry[name]
    fits = len(parents) % 2 == 0 if op.pairs else len(parents) == (op.arity or len(parents)) >= op.at_least
    if not parents or not fits:  # without operands an operation gives a plain number
        raise _bad(f"{where} has {len(parents)} parents, which does not fit {op.signature()}")
    if not isinstance(params, dict) or params.keys() != op.params.keys():
        raise _bad(f"{where} lacks the parameters of {op.signature()}")
    bound = op.bind(**params) if params else op
    if op.per_operand and bound.params["index"] not in range(len(parents)):
        raise _bad(f"{where} has no result index={bound.params['index']:g}")
    return bound, tuple(parents), 0.0, label, False


def _plain(thing: Any) -> Any:
    return thing if type(thing) in (int, str) else None


def _float(number: float) -> float:
    try:
        return float(number)
    except OverflowError:
        return math.inf


def _bad(why: str) -> ParameterError:
    return ParameterError(f"this is no saved worksheet: {why}; use what to_json() gives")


def _short(thing: Any) -> str:
    text = printable(repr(thing))
    return text if len(text) <= 60 else f"{text[:50]}...{text[-5:]}"


def _write(path: str | os.PathLike[str], content: str | bytes) -> Path:
    path = Path(path)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


# ---------------------------------------------------------------- variants for a class

GRIDS = (
    [k / 2 for k in range(-12, 13) if k],
    [k / 2 for k in range(-40, 41) if k] + [k / 10 for k in range(-39, 40) if k % 5],
)
"""Numbers for the leaves, the second list when the first does not give enough variants."""

TRIES = 2_000  # points of each grid
LARGEST, SMALLEST = 1_000.0, 1e-3
FROM_A_KINK = 1 / 64


def variants(
    expression: Expression | str,
    n: int,
    seed: int = 0,
    *,
    hide: str | float | Iterable[str] = KINDS,
    title: str | None = None,
    digits: int = 3,
) -> list[Worksheet]:
    """Make worksheets on one expression with other numbers on each: the same blanks, other answers.

    The variables get small numbers, mostly multiples of 1/2, at which every operation is inside its domain and
    away from its kinks, and every number of the computation is finite and neither huge nor tiny. Of many such
    points the ones are taken that hide least (no zeros, no two leaves alike) and have short answers.

    Args:
        expression: the formula, parsed or as text.
        n: how many sheets.
        seed: an int; equal seeds give equal sheets.
        hide, digits: as for :func:`worksheet`.
        title: the heading; the formula and the number of the variant are added.

    Raises:
        ExpressionError: when the text is no formula.
        GraphError: when the formula is a variable alone, or too long.
        ParameterError: when there are not so many variants, or an argument does not fit.

    >>> first, second = variants("a * b + a", 2)
    >>> first.explanation.graph.nodes[0].name, first.code != second.code
    ('a', True)
    """
    if not isinstance(expression, Expression):
        expression = parse(expression)
    whole(n, "n")
    if not expression.variables:
        raise ParameterError(f"variants need a variable to change, and {_short(expression.text)} has none")
    points, refused = _points(expression, n, seed)
    if len(points) < n:
        why = "no more points are tried; ask for fewer"
        if refused:
            why = (
                f"at {refused} more points that were tried a number leaves the domain of an operation, or is at a "
                "kink, above 1000 or below 0.001, or every gradient is 0; ask for fewer, or write the formula otherwise"
            )
        raise ParameterError(f"found {len(points)} of {n} variants of {_short(expression.text)}: {why}")
    text = printable(expression.text.strip())
    heading = f"{TITLE if title is None else title}: {text if len(text) <= 80 else text[:77] + '...'}"
    return [
        worksheet(
            Context().run(expression.evaluate, point),
            hide,
            seed,
            title=heading if n == 1 else f"{heading}, variant {k}",
            digits=digits,
        )
        for k, point in enumerate(points, start=1)
    ]


def _points(expression: Expression, n: int, seed: Any) -> tuple[list[dict[str, float]], int]:
    """Return up to ``n`` points with short answers, in an order that says nothing, and how many were no good."""
    rng = generator(seed, "seed")
    found: dict[tuple[float, ...], tuple[int, int]] = {}
    refused: set[tuple[float, ...]] = set()
    for grid in GRIDS:
        tried = set(found)
        count = min(TRIES, len(grid) ** len(expression.variables))
        for _ in range(4 * count):  # so that nearly all of a small number of points come up
            point = tuple(rng.choice(grid) for _ in expression.variables)
            if point not in tried:
                tried.add(point)
                demerits = _demerits(expression, dict(zip(expression.variables, point, strict=True)))
                if demerits is None:
                    refused.add(point)
                else:
                    found[point] = demerits
            if len(tried) == count or len(found) >= 4 * n + 100:
                break
        if len(found) >= n:
            break
    best = sorted(found, key=lambda point: (found[point], point))[: max(n, len(found) // 3)]
    chosen = rng.sample(best, min(n, len(best)))
    return [dict(zip(expression.variables, point, strict=True)) for point in chosen], len(refused)


def _demerits(expression: Expression, point: Mapping[str, float]) -> tuple[int, int] | None:
    """Return how much a point hides and how many characters its numbers have; None where it is no good.

    A factor 0 or 1, or two leaves of one size, let a wrong way to the answer look right.
    """
    try:
        explanation = explain(Context().run(expression.evaluate, point))
    except ExpressionError:
        return None
    graph = explanation.graph
    for node in graph.nodes:
        if node.op is not None:
            operands = [parent.data for parent in graph.parents(node)]
            inside = all(node.op.domain_of(i).contains(x) for i, x in enumerate(operands))
            if not inside or any(not abs(gap) >= FROM_A_KINK for gap in node.op.gaps(*operands)):
                return None
    numbers = list(numbers_of(explanation).values())
    if not all(x == 0.0 or SMALLEST <= abs(x) <= LARGEST for x in numbers):
        return None
    if not any(explanation.gradients[leaf.index] for leaf in graph.leaves):
        return None
    sizes = [abs(leaf.data) for leaf in graph.leaves]
    hidden = numbers.count(0.0) + sizes.count(1.0) + len(sizes) - len(set(sizes))
    return hidden, sum(len(number_text(x)) for x in numbers)
