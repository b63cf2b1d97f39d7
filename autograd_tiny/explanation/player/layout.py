"""Where the cards of a Graph and the curves between them go: asked from a Graphviz engine, in pixels."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from ...errors import MissingPackageError
from ...graph import Graph
from ...graphviz_engine import find_engine

POINTS = 72.0  # to the inch, Graphviz's unit; one is a pixel here
MARGIN = 14.0
CROWDED = 200  # edges; from here on a look for the best layout takes a minute
QUICK = "splines=line;nslimit=0.1;mclimit=0.1;"

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Layout:
    """A graph laid out from top to bottom.

    Attributes:
        width, height: of the whole picture.
        centres: of each node's card.
        curves: the control points of each edge's cubic spline, by node and operand, from the parent to the node.
    """

    width: float
    height: float
    centres: tuple[Point, ...]
    curves: dict[tuple[int, int], tuple[Point, ...]]


def arrange(graph: Graph, sizes: Sequence[tuple[float, float]]) -> Layout:
    """Lay the graph out, leaves on top, the root at the bottom.

    Args:
        graph: the graph.
        sizes: width and height of each node's card.

    Raises:
        MissingPackageError: when there is no Graphviz engine.
    """
    run = find_engine()
    if run is None:
        raise MissingPackageError("graphviz-pure", "the picture of the graph")
    edges = [(parent, node.index, slot) for node in graph.nodes for slot, parent in enumerate(node.parents)]
    lines = [
        "digraph { rankdir=TB; ordering=in; nodesep=0.28; ranksep=0.56;",
        QUICK if len(edges) > CROWDED else "",
        'node [shape=box, fixedsize=true, label=""]; edge [arrowhead=none];',
    ]
    lines += [f"{i} [width={w / POINTS:.4f}, height={h / POINTS:.4f}];" for i, (w, h) in enumerate(sizes)]
    lines += [f"{parent} -> {child};" for parent, child, _ in edges]
    answer = run("\n".join([*lines, "}"]), "plain", "dot").decode()
    return _read(answer, edges)


def _read(answer: str, edges: Sequence[tuple[int, int, int]]) -> Layout:
    """Read Graphviz's plain format: inches, the y axis upwards."""
    rows = [line.split() for line in answer.splitlines()]
    width, height = (float(number) * POINTS for number in rows[0][2:4])

    def point(x: str, y: str) -> Point:
        return round(float(x) * POINTS + MARGIN, 1), round(height - float(y) * POINTS + MARGIN, 1)

    centres = {int(row[1]): point(row[2], row[3]) for row in rows if row[0] == "node"}
    drawn: defaultdict[tuple[int, int], list[tuple[Point, ...]]] = defaultdict(list)
    for row in rows:
        if row[0] == "edge":
            count = int(row[3])
            numbers = row[4 : 4 + 2 * count]
            drawn[int(row[1]), int(row[2])].append(tuple(map(point, numbers[::2], numbers[1::2])))
    for curves in drawn.values():
        curves.sort(key=middle)  # x * x: the first operand on the left
    curves_of = {(child, slot): drawn[parent, child].pop(0) for parent, child, slot in edges}
    return Layout(
        round(width + 2 * MARGIN, 1),
        round(height + 2 * MARGIN, 1),
        tuple([centres[i] for i in range(len(centres))]),
        curves_of,
    )


def middle(curve: Sequence[Point]) -> Point:
    """Return the point halfway along a spline of cubic pieces, by pieces.

    >>> middle([(0.0, 0.0), (1.0, 0.0), (2.0, 0.0), (3.0, 0.0)])
    (1.5, 0.0)
    """
    pieces = (len(curve) - 1) // 3
    if pieces % 2 == 0:
        return curve[3 * (pieces // 2)]
    a, b, c, d = curve[3 * (pieces // 2) : 3 * (pieces // 2) + 4]
    x, y = ((p + 3 * q + 3 * r + s) / 8 for p, q, r, s in zip(a, b, c, d, strict=True))
    return round(x, 1), round(y, 1)
