"""The player: an Explanation as one page that plays both passes, answers "what if" and shows paths.

The picture is SVG made here, the mathematics MathML, the rules of the operations JavaScript from the registry; the page
fetches nothing. Text from users reaches it as JSON or as escaped text, and never as code.
"""

from __future__ import annotations

import html
import json
import math
import os
import unicodedata
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from ...errors import GraphError, printable
from ...graph import Graph, Node, number_text
from .javascript import RUNTIME, javascript
from .layout import Layout, arrange
from .mathml import slope_trees, value_tree

if TYPE_CHECKING:
    from ...primitive import Primitive
    from ..steps import Explanation

MOST_NODES, MOST_EDGES = 150, 500  # each edge has a slope, whose formula can name every operand
LONGEST_TITLE = 34
LONGEST_NAME = 20
CARD_HEIGHT, CONSTANT_HEIGHT = 64.0, 28.0
NARROWEST, PADDING, LETTER = 148.0, 24.0, 7.2
NOTEBOOK_HEIGHT = 820

Programs: TypeAlias = "dict[tuple[Primitive, int], tuple[str, str] | None]"
"""Value and slopes in JavaScript, None where there is none, by operation and count of operands."""


class Player:
    """A page that plays an explanation; shows itself in a notebook.

    Args:
        explanation: the steps to play.
        title: the heading of the page.

    Raises:
        GraphError: when the graph is too large to be watched node by node.
        MissingPackageError: when there is no Graphviz engine.

    >>> from autograd_tiny import Value, explain
    >>> page = Player(explain(Value(2.0, "a") * Value(-3.0, "b")))
    >>> page.html.startswith("<!doctype html>"), "http-equiv" in page.html
    (True, True)
    """

    def __init__(self, explanation: Explanation, title: str = "") -> None:
        graph = explanation.graph
        edges = sum(len(node.parents) for node in graph.nodes)
        for count, most, what in ((len(graph.nodes), MOST_NODES, "nodes"), (edges, MOST_EDGES, "edges")):
            if count > most:
                raise GraphError(
                    f"the player shows at most {most} {what} and this graph has {count}; play a smaller part (one "
                    "example, one neuron), or print(explain(root))"
                )
        self.explanation = explanation
        self.title = title or f"How the gradient of {graph.root.name} is found"
        self._layout = arrange(graph, [_size(graph, node) for node in graph.nodes])

    def __repr__(self) -> str:
        return f"<Player of {self.explanation.graph.root.name}: .to_html(path) writes it, a notebook shows it>"

    @property
    def fragment(self) -> str:
        """The player as an element for a page of your own; any number of them fit on one page."""
        graph = self.explanation.graph
        programs = _programs(graph)
        parts = {
            "css": _file("player.css"),
            "title": html.escape(printable(self.title)),
            "picture": _picture(self.explanation, self._layout, standalone=False),
            "data": _json(_data(self.explanation, programs)),
            "script": f'(() => {{\n"use strict";\n{RUNTIME}\n{_rules(programs)}\n{_file("player.js")}}})();',
        }
        return "".join([parts.get(piece, piece) for piece in _skeleton()])

    @property
    def html(self) -> str:
        """The player as a whole document that needs no other file and no network."""
        return (
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
            "script-src 'unsafe-inline'\">\n"
            f"<title>{html.escape(printable(self.title))}</title>\n"
            "<style>body { margin: 0; } @media (prefers-color-scheme: dark) { body { background: #14191f; } }</style>\n"
            f"</head>\n<body>\n{self.fragment}</body>\n</html>\n"
        )

    def to_html(self, path: str | os.PathLike[str]) -> Path:
        """Write the document to a file and return its path."""
        path = Path(path)
        path.write_text(self.html, encoding="utf-8")
        return path

    def svg(self) -> str:
        """Return the picture after the last frame, every value and gradient in it, for pages without scripts."""
        return _picture(self.explanation, self._layout, standalone=True)

    def _repr_html_(self) -> str:
        document = html.escape(self.html)
        return (
            f'<iframe srcdoc="{document}" title="{html.escape(printable(self.title))}" sandbox="allow-scripts" '
            f'style="width: 100%; height: {NOTEBOOK_HEIGHT}px; border: 0" loading="lazy"></iframe>'
        )

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/html": self._repr_html_(), "image/svg+xml": self.svg(), "text/plain": repr(self)}


# ---------------------------------------------------------------- files and data of the page


@cache
def _file(name: str) -> str:
    return (resources.files(__package__) / name).read_text(encoding="utf-8")


@cache
def _skeleton() -> tuple[str, ...]:
    """Return the pieces of the page; every second one is the name of what goes there."""
    return tuple(_file("player.html").replace("{", "\0").replace("}", "\0").split("\0"))


def _json(data: Any) -> str:
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.translate({ord(c): f"\\u{ord(c):04x}" for c in "<>&"})


def _number(number: float) -> float | str:
    """Return a float as JSON has it, and as the text of JavaScript what JSON has not."""
    if math.isfinite(number):
        return number
    return "NaN" if number != number else "Infinity" if number > 0 else "-Infinity"


def _programs(graph: Graph) -> Programs:
    kinds = dict.fromkeys((node.op, len(node.parents)) for node in graph.nodes if node.op is not None)
    return {(op, count): javascript(op, count) for op, count in kinds}


def _rules(programs: Programs) -> str:
    pairs = [program or ("null", "null") for program in programs.values()]
    return "const OPS = [\n" + "".join([f"[{value},\n {slopes}],\n" for value, slopes in pairs]) + "];"


def _refusal(programs: Programs) -> str:
    for (op, _), program in programs.items():
        if program is None:
            return f"Not here: the rule of {op.name} does what only Python's numbers can, so a page cannot compute it."
    return ""


def _data(explanation: Explanation, programs: Programs) -> dict[str, Any]:
    graph, operations = explanation.graph, {kind: i for i, kind in enumerate(programs)}
    formulas = {step.node.index: [c.formula for c in step.contributions] for step in explanation.steps}
    nodes = []
    for node in graph.nodes:
        fact: dict[str, Any] = {"name": node.name, "data": _number(node.data), "parents": node.parents, "slopes": []}
        if node.constant:
            fact["constant"] = True
        if node.op is not None:
            fact |= {
                "op": operations[node.op, len(node.parents)],
                "text": graph.formula(node),
                "math": value_tree(graph, node),
                "slopes": [_number(slope) for slope in node.slopes],
                "formulas": formulas[node.index],
                "slopeMath": slope_trees(graph, node),
            }
        nodes.append(fact)
    return {"root": graph.root.index, "refusal": _refusal(programs), "nodes": nodes}


# ---------------------------------------------------------------- the picture


def _wide(text: str) -> float:
    """Return the width of text in pixels, about."""
    return LETTER * sum([2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text])


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _title(graph: Graph, node: Node) -> str:
    if node.op is None:
        return _short(node.name, LONGEST_TITLE)
    name, formula = _short(node.name, LONGEST_NAME), graph.formula(node)
    if len(name) + len(formula) > LONGEST_TITLE:
        formula = f"{node.op.name}({len(node.parents)} operands)" if len(node.parents) > 1 else f"{node.op.name}(…)"
    return f"{name} = {formula}"


def _size(graph: Graph, node: Node) -> tuple[float, float]:
    width = _wide(_title(graph, node)) + PADDING
    return (width, CONSTANT_HEIGHT) if node.constant else (max(width, NARROWEST), CARD_HEIGHT)


def _shown(number: float) -> str:
    """Return a number as the page writes it.

    >>> _shown(-0.5), _shown(1e-9), _shown(float("inf"))
    ('−0.5', '1×10⁻⁹', '∞')
    """
    text = number_text(number + 0.0).replace("inf", "∞")
    digits, _, exponent = text.partition("e")
    if exponent == "+05":  # short enough to be written out
        digits, exponent = f"{float(text):.0f}", ""
    power = f"×10{str(int(exponent)).translate(_RAISED)}" if exponent else ""
    return (digits + power).replace("-", "−")


_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def _picture(explanation: Explanation, layout: Layout, *, standalone: bool) -> str:
    """Return the graph as SVG, values and gradients as after the last step."""
    graph = explanation.graph
    edges = [_edge(child, slot, curve) for (child, slot), curve in layout.curves.items()]
    cards = [_card(explanation, node, *layout.centres[node.index]) for node in graph.nodes]
    label = html.escape(f"the computation graph of {graph.root.name}")
    alone = f' xmlns="http://www.w3.org/2000/svg" class="autograd-player"><style>{_file("player.css")}</style>'
    return (
        f'<svg viewBox="0 0 {layout.width:g} {layout.height:g}" width="{layout.width:g}" height="{layout.height:g}" '
        f'style="--width: {layout.width:g}px" role="group" aria-label="{label}"{alone if standalone else ">"}'
        f'<g class="edges">{"".join(edges)}</g><g class="cards">{"".join(cards)}</g>'
        '<g class="overlay"></g><g class="marks"></g></svg>'
    )


def _edge(child: int, slot: int, curve: tuple[tuple[float, float], ...]) -> str:
    points = [f"{x:g},{y:g}" for x, y in curve]
    (x, y), (end_x, end_y) = curve[-2:]
    length = math.hypot(end_x - x, end_y - y) or 1.0
    dx, dy = 8 * (end_x - x) / length, 8 * (end_y - y) / length
    tip = f"M{end_x:g},{end_y:g} {end_x - dx - dy / 2:.1f},{end_y - dy + dx / 2:.1f} "
    tip += f"{end_x - dx + dy / 2:.1f},{end_y - dy - dx / 2:.1f}z"
    wire = f"M{points[0]}C{' '.join(points[1:])}"
    return (
        f'<g class="edge" data-edge="{child}.{slot}"><path class="wire" d="{wire}"/><path class="tip" d="{tip}"/></g>'
    )


def _card(explanation: Explanation, node: Node, x: float, y: float) -> str:
    graph = explanation.graph
    title = _title(graph, node)
    width, height = _size(graph, node)
    kind = "constant" if node.constant else "leaf" if node.is_leaf else "result"
    if node.index in graph.roots:
        kind += " root"
    tooltip = graph.formula(node) if node.is_leaf else f"{node.name} = {graph.formula(node)}"
    tooltip = ", ".join(filter(None, (tooltip, node.scope, node.line)))
    left, right = 10 - width / 2, width / 2 - 10
    down = 4.5 if node.constant else -13.0
    rows = f'<text class="name" y="{down:g}" data-room="{width - 14:g}">{html.escape(title)}</text>'
    if not node.constant:
        gradient = _shown(explanation.gradients[node.index])
        for name, number, down in (("value", _shown(node.data), 6), ("gradient", gradient, 24)):
            rows += f'<text class="key" x="{left:g}" y="{down}">{name}</text>'
            long = " long" if len(number) > 9 else ""
            rows += f'<text class="{name}{long}" x="{right:g}" y="{down}">{number}</text>'
        rows += f'<text class="uses" x="{width / 2:g}" y="{-height / 2 - 4:g}"></text>'
    return (
        f'<g class="card {kind}" data-node="{node.index}" data-x="{x:g}" data-y="{y:g}" tabindex="0" role="button" '
        f'transform="translate({x:g},{y:g})"><title>{html.escape(printable(tooltip))}</title>'
        f'<rect x="{-width / 2:g}" y="{-height / 2:g}" width="{width:g}" height="{height:g}" rx="9"/>{rows}</g>'
    )
