"""draw(): the picture of a computation graph."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, TypeAlias

import graphviz

from ..collapse import CROWDED, Box, Collapse, Edge, Outline, count, enclosing, frame_of, operations, outline
from ..errors import GraphError, ParameterError, printable
from ..graph import Graph, Node, Recordable, number_text, recorded
from ..primitive import whole
from ..value import Value, topological_order
from .picture import Picture, html_label, html_text, mermaid_text, tooltip
from .themes import THEMES, LogScale, Theme, blend, ink, one_of

if TYPE_CHECKING:
    from ..explanation import Paths

Highlight: TypeAlias = "Value | Node | str | Iterable[Value | Node | str] | Paths"

LONGEST_FORMULA = 32
NO_GRADIENT = "\N{EN DASH}"
QUICK_LAYOUT = {"splines": "line", "nslimit": "0.1", "mclimit": "0.1"}
THINNEST, THICKEST = 0.6, 5.0
SWATCHES = 5


def draw(
    root: Value | Recordable,
    *,
    unfold: bool = False,
    direction: str = "LR",
    color: str = "kind",
    thickness: str = "even",
    highlight: Highlight | None = None,
    theme: str = "light",
    max_nodes: int = 500,
    collapse: Collapse = None,
    expand: str | Iterable[str] = (),
    reproducible: bool = False,
) -> Drawing:
    r"""Draw the graph below ``root``: every node with its formula, data and gradient.

    Shows itself in a notebook; ``.save_as("graph.svg")`` writes a file. Gradients are a dash before
    ``backward()``. Modules and scopes are frames. Resting the pointer on a node of the SVG shows its scope and
    source line, where recorded. Graphs too large to look at are collapsed, and a note in the picture says how.

    Args:
        root: the node to draw the history of; or a Program, whose graph is drawn on the numbers of its example.
        unfold: draw a ``dot`` node as its products and their sum.
        direction: ``"LR"`` from left to right or ``"TB"`` from top to bottom.
        color: ``"kind"`` tells leaves, results and the root apart; ``"gradient"`` shows \|gradient\|, on a log scale.
        thickness: ``"even"``, or ``"contribution"`` for edges that show \|slope * upstream\|, on a log scale.
        highlight: what to show while the rest is dimmed: a node or its name, for all that it depends on; a leaf, for
            all its ways to the root; a list of neighbouring nodes, for one way; or what ``paths()`` returns.
        theme: ``"light"``, ``"dark"``, or ``"print"`` for black and white.
        max_nodes: collapse larger graphs.
        collapse: fold modules into one box each: a depth (1 for the outermost modules, as does True), a scope such
            as ``"MLP/layers[0]"`` or a list of them. None collapses what is larger than ``max_nodes``; False nothing.
        expand: a scope, or several, to open by one level.
        reproducible: draw with the engine of the graphviz-pure wheel, so that the file is the same on every machine.

    Raises:
        GraphError: when ``root`` is not a Value, or a highlighted node is not in its graph.
        ParameterError: for another setting, or a scope that the graph does not have.

    >>> a, b = Value(2.0, "a"), Value(-3.0, "b")
    >>> c = a * b
    >>> c.backward()
    >>> print(draw(c).text())
    v1 = a * b   data -6   grad 1
    ├─ a   data 2   grad -3
    └─ b   data -3   grad 2
    """
    one_of("direction", direction, ("LR", "TB"))
    one_of("color", color, ("kind", "gradient"))
    one_of("thickness", thickness, ("even", "contribution"))
    one_of("theme", theme, THEMES)
    if hasattr(root, "layers") or hasattr(root, "neurons"):
        raise GraphError(
            f"draw shows how a Value was computed, got a {type(root).__name__}; "
            "draw what it returns, draw(model(x)), or the network itself, draw_network(model)"
        )
    roots = recorded(root)
    graph = Graph.of(*roots)
    if unfold:
        graph = graph.unfolded()
    marked = None if highlight is None else _marked(roots, highlight, graph)
    shown = outline(graph, collapse, expand, whole(max_nodes, "max_nodes"))
    return Drawing(
        shown, Look(direction, color == "gradient", thickness == "contribution", theme, marked, reproducible)
    )


@dataclass(frozen=True, slots=True)
class Marked:
    """What is highlighted: nodes of the graph, and (parent, node) pairs."""

    nodes: frozenset[int]
    edges: frozenset[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Look:
    """How a graph is drawn; the fields mean what the arguments of :func:`draw` do."""

    direction: str = "LR"
    color_by_gradient: bool = False
    thickness_by_contribution: bool = False
    theme: str = "light"
    marked: Marked | None = None
    reproducible: bool = False


class Drawing(Picture):
    """A drawn graph; a ``graphviz.Digraph`` that needs no system Graphviz. Made by :func:`draw`.

    Args:
        shown: what to draw.
        look: how.
    """

    def __init__(self, shown: Outline, look: Look) -> None:
        theme = THEMES[look.theme]
        collapsed = any(isinstance(item, Box) for item in shown.items)
        graph_attr = {
            "rankdir": look.direction,
            "ranksep": "0.35",
            "nodesep": "0.2",
            **({} if collapsed else {"ordering": "in"}),  # operands in their order
            **(QUICK_LAYOUT if len(shown.edges) > CROWDED else {}),
        }
        super().__init__("dot", theme, look.reproducible, graph_attr)
        self.node_attr |= {"shape": "box", "style": "filled", "margin": "0.08,0.05", "height": "0.3", "width": "0.4"}
        self.graph, self.shown, self.look = shown.graph, shown, look
        self._gradients = LogScale(abs(g) for node in self.graph.nodes if not node.constant and (g := node.grad))
        self._flows = LogScale(filter(None, map(self._flow, shown.edges)))
        self._add_nodes(theme)
        for edge in shown.edges:
            self.edge(f"n{edge.source}", f"n{edge.target}", **self._edge_look(edge, theme))
        rows = [*map(html_text, shown.note), *self._legend(theme)]
        if rows:
            cells = "".join(f'<tr><td align="left">{row}</td></tr>' for row in rows)
            self.graph_attr["label"] = f'<<table border="0" cellspacing="0" cellpadding="2">{cells}</table>>'

    # ------------------------------------------------------------ Graphviz

    def _add_nodes(self, theme: Theme) -> None:
        """Add every item, inside the frames of its scopes."""
        inside = self.shown.scopes()
        frames: dict[str, graphviz.Digraph] = {"": self}
        for k, scope in enumerate(scope for scope in inside if scope):
            look = {"style": "rounded", "color": theme.cluster, "labelloc": "t", "margin": "10"}
            label = html_label([html_text(scope.rpartition("/")[2])])
            frames[scope] = graphviz.Digraph(
                f"cluster_{k}", graph_attr={"label": label, "tooltip": tooltip(scope), **look}
            )
        for scope, items in inside.items():
            for i in items:
                item = self.shown.items[i]
                frames[scope].node(f"n{i}", label=self._label(item, scope), **self._item_look(item, theme))
        parts: dict[str, list[str]] = {scope: [] for scope in inside}
        for scope in inside:
            if scope:
                parts[scope.rpartition("/")[0]].append(scope)
        for scope in reversed(inside):  # a frame is complete before it goes into the one around it
            # From left to right Graphviz puts the first frame at the bottom.
            for part in reversed(parts[scope]) if self.look.direction == "LR" else parts[scope]:
                frames[scope].subgraph(frames[part])

    def _label(self, item: Node | Box, around: str) -> str:
        title = _title(self.graph, item)
        if isinstance(item, Box) and around:
            title = printable(item.scope.removeprefix(f"{around}/"))
        return html_label([f"<b>{html_text(title)}</b>", *map(html_text, _facts(self.graph, item))])

    def _item_look(self, item: Node | Box, theme: Theme) -> dict[str, str]:
        look = {"fillcolor": self._fill(item, theme)}
        look["fontcolor"] = theme.text if self._gradient(item) is None else ink(look["fillcolor"])
        if isinstance(item, Box):
            look["peripheries"] = "2"
            hint = f"{item.scope}; open with expand={item.scope!r}" if item.scope else item.name
            look["tooltip"] = tooltip(hint)
        else:
            look["tooltip"] = tooltip(", ".join(filter(None, (item.scope, item.line))) or item.name)
            if item.constant:
                look["style"] = "filled,dashed"
            elif item.is_leaf:
                look["style"] = "filled,rounded"
            elif item.index in self.graph.roots:
                look["penwidth"] = "1.8"
        if self.look.marked is not None:
            members = item.members if isinstance(item, Box) else (item.index,)
            if self.look.marked.nodes.isdisjoint(members):
                look |= {"fillcolor": theme.background, "fontcolor": theme.faint_text, "color": theme.faint_line}
            else:
                look |= {"color": theme.accent, "penwidth": "2"}
        return look

    def _fill(self, item: Node | Box, theme: Theme) -> str:
        gradient = self._gradient(item)
        if gradient is not None:
            if not math.isfinite(gradient):
                return theme.bad
            return blend(theme.ramp, self._gradients.position(gradient)) if gradient else theme.background
        if isinstance(item, Box):
            return theme.box
        if item.constant:
            return theme.constant
        if item.is_leaf:
            return theme.leaf
        return theme.root if item.index in self.graph.roots else theme.result

    def _gradient(self, item: Node | Box) -> float | None:
        """Return the magnitude that colours an item, for a box its largest; None where there is none to show."""
        if not self.look.color_by_gradient:
            return None
        nodes = [self.graph.nodes[i] for i in item.members] if isinstance(item, Box) else [item]
        found = [abs(node.grad) for node in nodes if node.grad is not None and not node.constant]
        return max(found, key=lambda size: (math.isnan(size), size)) if found else None

    def _flow(self, edge: Edge) -> float | None:
        """Return the sum of the magnitudes of the contributions along an edge, None where there are none."""
        uses = [(self.graph.nodes[i], operand) for i, operand in edge.uses]
        found = [
            abs(node.slopes[operand] * node.grad)
            for node, operand in uses
            if node.grad is not None and not self.graph.nodes[node.parents[operand]].constant
        ]
        return sum(found) if found else None

    def _edge_look(self, edge: Edge, theme: Theme) -> dict[str, str]:
        many = len(edge.uses)
        look: dict[str, str] = {}
        if many > 1:
            look["penwidth"] = f"{min(1 + math.log10(many), THICKEST):.3g}"
            if len(self.shown.edges) <= CROWDED:
                look["label"] = f'<×{many:,}<br/><font point-size="6"> </font>>'  # a little above the edge
        source, target = self.shown.items[edge.source], self.shown.items[edge.target]
        if not frame_of(source) and frame_of(target):
            look["minlen"] = "2"  # what comes into a frame stands before it
        if self.look.thickness_by_contribution:
            flow = self._flow(edge)
            if flow:
                look["penwidth"] = f"{THINNEST + (THICKEST - THINNEST) * self._flows.position(flow):.3g}"
            elif flow == 0.0:
                look |= {"penwidth": f"{THINNEST}", "style": "dotted"}
        if self.look.marked is not None:
            pairs = {(self.graph.nodes[i].parents[operand], i) for i, operand in edge.uses}
            if self.look.marked.edges.isdisjoint(pairs):
                look |= {"color": theme.faint_line, "fontcolor": theme.faint_text}
            else:
                look["color"] = theme.accent
                look.setdefault("penwidth", "2")
        return look

    def _legend(self, theme: Theme) -> list[str]:
        """Return rows of HTML that say what colour and thickness mean."""
        rows = []
        if self.look.color_by_gradient:
            rows.append(self._swatches(theme))
        if self.look.thickness_by_contribution:
            if all(self._flow(edge) is None for edge in self.shown.edges):
                rows.append("edges: no contributions yet; call backward() first")
            elif self._flows.empty:
                rows.append("edges: dotted where the contribution is 0, thick where it is not finite")
            else:
                numbers = [number for _, number in self._flows.ticks(2)]
                rows.append(
                    f"edges: |contribution| from {numbers[0]} (thin) to {numbers[-1]} (thick), log scale; dotted is 0"
                )
        return rows

    def _swatches(self, theme: Theme) -> str:
        items = [(item, self._gradient(item)) for item in self.shown.items]
        sizes = [size for _, size in items if size is not None]
        if not sizes:
            return "colour: no gradients yet; call backward() first"
        ticks = [] if self._gradients.empty else self._gradients.ticks(SWATCHES)
        swatches = [(blend(theme.ramp, place), number) for place, number in ticks]
        if 0.0 in sizes:
            swatches.insert(0, (theme.background, "0"))
        if not all(map(math.isfinite, sizes)):
            swatches.append((theme.bad, "not finite"))
        cells = "".join(
            f'<td bgcolor="{fill}" border="1" color="{theme.line}" width="46">'
            f'<font color="{ink(fill)}">{text}</font></td>'
            for fill, text in swatches
        )
        boxes = any(isinstance(item, Box) for item, _ in items)
        words = "log scale; a box has the colour of its largest" if boxes else "log scale"
        return (
            '<table border="0" cellspacing="0" cellborder="0" cellpadding="3">'
            f'<tr><td align="left">|gradient|</td>{cells}<td align="left">{words}</td></tr></table>'
        )

    # ------------------------------------------------------------ Mermaid and text

    def mermaid(self) -> str:
        """Return the graph as a Mermaid flowchart, which many Markdown viewers draw."""
        shown = self.shown
        lines = [f"flowchart {self.look.direction}", *(f"    %% {printable(line)}" for line in shown.note)]
        inside = shown.scopes()
        open_frames: list[str] = []
        numbers = {scope: k for k, scope in enumerate(inside)}
        for scope in _depth_first(inside):
            while open_frames and not scope.startswith(f"{open_frames[-1]}/"):
                open_frames.pop()
                lines.append("    " * (len(open_frames) + 1) + "end")
            indent = "    " * (len(open_frames) + 1)
            if scope:
                lines.append(f'{indent}subgraph s{numbers[scope]}["{mermaid_text(scope.rpartition("/")[2]) or " "}"]')
                open_frames.append(scope)
                indent += "    "
            for i in inside[scope]:
                item = shown.items[i]
                text = "<br/>".join(map(mermaid_text, (_title(self.graph, item), *_facts(self.graph, item))))
                left, right = _mermaid_shape(item)
                lines.append(f'{indent}n{i}{left}"{text}"{right}')
        while open_frames:
            open_frames.pop()
            lines.append("    " * (len(open_frames) + 1) + "end")
        for edge in shown.edges:
            many = f'|"×{len(edge.uses):,}"| ' if len(edge.uses) > 1 else ""
            lines.append(f"    n{edge.source} --> {many}n{edge.target}")
        return "\n".join(lines) + "\n"

    def text(self) -> str:
        """Return the graph as a tree of text, the root on top; a node used again is not repeated."""
        shown = self.shown
        parents: list[list[int]] = [[] for _ in shown.items]
        for edge in shown.edges:
            parents[edge.target].append(edge.source)
        lines: list[str] = []
        seen: set[int] = set()
        stack = [(shown.root, "", "")]
        while stack:
            i, lead, below = stack.pop()
            line = lead + "   ".join((_title(self.graph, shown.items[i]), *_facts(self.graph, shown.items[i])))
            if i in seen and parents[i]:
                lines.append(f"{line}   (see above)")
                continue
            seen.add(i)
            lines.append(line)
            for k, parent in reversed(list(enumerate(parents[i]))):
                last = k == len(parents[i]) - 1
                stack.append((parent, below + ("└─ " if last else "├─ "), below + ("   " if last else "│  ")))
        return "\n".join([*lines, *map(printable, shown.note)])


# ---------------------------------------------------------------- what a node says


def _title(graph: Graph, item: Node | Box) -> str:
    if isinstance(item, Box) or item.is_leaf:
        return item.name
    formula = graph.formula(item)
    if len(formula) > LONGEST_FORMULA and item.op is not None:
        formula = f"{item.op.name}({len(item.parents)} operands)"
    return f"{item.name} = {formula}"


def _facts(graph: Graph, item: Node | Box) -> tuple[str, ...]:
    if isinstance(item, Box):
        size = (count(len(item.members), "node"),) if item.scope else ()
        return (*size, operations(graph, item))
    if item.constant:
        return ()
    gradient = NO_GRADIENT if item.grad is None else number_text(item.grad)
    return f"data {number_text(item.data)}", f"grad {gradient}"


def _mermaid_shape(item: Node | Box) -> tuple[str, str]:
    if isinstance(item, Box):
        return "[[", "]]"
    return ("([", "])") if item.is_leaf else ("[", "]")


def _depth_first(scopes: Iterable[str]) -> list[str]:
    """Return scopes so that each is followed by those inside it, otherwise in their order."""
    first = {scope: k for k, scope in enumerate(scopes)}
    return sorted(first, key=lambda scope: [first[around] for around in enclosing(scope)])


# ---------------------------------------------------------------- what is highlighted


def _marked(roots: list[Value], highlight: Highlight, graph: Graph) -> Marked:
    """Find the highlighted nodes and edges in the graph of the roots, which may be unfolded."""
    order = topological_order(roots)
    products = accumulate(len(v.parents) // 2 if v.op is not None and v.op.name == "dot" else 0 for v in order)
    unfolded = len(graph.nodes) > len(order)
    places = [i + added if unfolded else i for i, added in enumerate(products)]
    index = {value: places[i] for i, value in enumerate(order)}

    def place(node: object) -> int:
        if isinstance(node, str):
            return graph.named(node).index
        if isinstance(node, Node):  # of the graph as it was recorded, or of the one shown
            recorded = places[node.index] if node.index < len(places) else node.index
            for i in (recorded, node.index):
                if i < len(graph.nodes) and graph.nodes[i].name == node.name:
                    return i
        if isinstance(node, Value) and node in index:
            return index[node]
        raise GraphError(
            f"highlight takes nodes of the graph or their names, a list of them or paths(root, leaf), got {node!r}, "
            "which is not in the graph"
        )

    if isinstance(highlight, (Value, Node, str)):
        start = graph.nodes[place(highlight)]
        shown = graph.descendants(start) if start.is_leaf else graph.ancestors(start)
        between_them = {(parent, i) for i in shown for parent in graph.nodes[i].parents if parent in shown}
        return Marked(frozenset(shown), frozenset(between_them))
    ways = [path.nodes for path in highlight.paths] if hasattr(highlight, "paths") else [highlight]
    nodes: set[int] = set()
    edges: set[tuple[int, int]] = set()
    original = set(places)
    for way in ways:
        if not isinstance(way, Iterable):
            raise ParameterError(f"highlight is a node, a list of nodes or paths(root, leaf), got {way!r}")
        steps = [place(node) for node in way]
        nodes.update(steps)
        for pair in pairwise(steps):
            parent, node = sorted(pair)
            edges.add((parent, node))
            for between in graph.nodes[node].parents:  # the products of an unfolded dot
                if between not in original and parent in graph.nodes[between].parents:
                    nodes.add(between)
                    edges |= {(parent, between), (between, node)}
    return Marked(frozenset(nodes), frozenset(edges))
