"""Picture: a graphviz.Digraph that needs no system Graphviz, and its files."""

from __future__ import annotations

import copy
import html
import os
import webbrowser
from abc import abstractmethod
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import graphviz

from ..errors import MissingPackageError, ParameterError, printable
from ..graphviz_engine import find_engine
from .themes import Theme

FONT = "Helvetica"


class Picture(graphviz.Digraph):  # type: ignore[misc]  # graphviz is untyped
    """What all pictures can do: show themselves in a notebook and become SVG, PNG, DOT, Mermaid and text.

    Args:
        layout: the Graphviz layout, ``"dot"`` or ``"neato"``.
        theme: the colours.
        reproducible: draw with the engine of the graphviz-pure wheel, whatever else is installed.
        graph_attr: further attributes of the graph.
    """

    def __init__(self, layout: str, theme: Theme, reproducible: bool, graph_attr: dict[str, str]) -> None:
        super().__init__(
            "autograd_tiny",
            format="svg",
            engine=layout,
            graph_attr={
                "bgcolor": theme.background,
                "fontname": FONT,
                "fontsize": "11",
                "fontcolor": theme.text,
                "labelloc": "b",
                "labeljust": "l",
                **graph_attr,
            },
            node_attr={"fontname": FONT, "fontsize": "11", "fontcolor": theme.text, "color": theme.line},
            edge_attr={
                "fontname": FONT, "fontsize": "9", "fontcolor": theme.text, "color": theme.line, "arrowsize": "0.6"
            },
        )  # fmt: skip
        self.reproducible = reproducible

    def __repr__(self) -> str:
        return self.text()

    def copy(self) -> Any:
        """Return an equal picture that can be changed on its own."""
        twin = copy.copy(self)
        twin.body = list(self.body)
        for name in ("graph_attr", "node_attr", "edge_attr"):
            setattr(twin, name, dict(getattr(self, name)))
        return twin

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

    @abstractmethod
    def mermaid(self) -> str:
        """Return the picture as a Mermaid flowchart, which many Markdown viewers draw."""

    @abstractmethod
    def text(self) -> str:
        """Return the picture as text."""

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
        run = find_engine(bundled=self.reproducible)
        if run is None:
            what = "reproducible pictures" if self.reproducible else "drawing SVG or PNG"
            raise MissingPackageError("graphviz-pure", f"{what} (text() and mermaid() work without)")
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
        if find_engine(bundled=self.reproducible) is None:
            return {
                "text/plain": f"{self.text()}\n(no Graphviz engine found, so this is text: pip install graphviz-pure)"
            }
        return {"image/svg+xml": self.svg(), "text/plain": self.text()}


# ---------------------------------------------------------------- text that any of the forms shows as it is


def html_text(text: str) -> str:
    r"""Return text for a Graphviz label between < and >; to Graphviz ``\N`` would be the name of the node."""
    return html.escape(printable(text)).replace("\\", "\\\\")


def html_label(rows: Iterable[str]) -> str:
    """Return a Graphviz label of several rows of HTML; an empty one would be a syntax error."""
    return f"<{'<br/>'.join(rows) or ' '}>"


def tooltip(text: str) -> str:
    """Return text for a tooltip: Graphviz reads its escapes twice, and passes ``&#27;`` on into the SVG."""
    return str(graphviz.escape(html.escape(printable(text), quote=False).replace("\\", "\\\\")))


def mermaid_text(text: str) -> str:
    """Return text for a Mermaid label in quotes."""
    return "".join(c if c.isalnum() or c in " =.+-_()[],/" else f"#{ord(c)};" for c in printable(text))
