"""Where the cards of a Graph and the curves between them go: asked from a Graphviz engine, in pixels."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from ...errors import MissingPackageError
from ...graph import Graph
from ...graphviz_engine import Placement, find_engine, place

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
    engine = find_engine()
    if engine is None:
        raise MissingPackageError("graphviz-pure", "the picture of the graph")
    edges = [(parent, node.index, slot) for node in graph.nodes for slot, parent in enumerate(node.parents)]
    lines = [
        "digraph { rankdir=TB; ordering=in; nodesep=0.28; ranksep=0.56;",
        QUICK if len(edges) > CROWDED else "",
        'node [shape=box, fixedsize=true, label=""]; edge [arrowhead=none];',
    ]
    lines += [f"{i} [width={w / POINTS:.4f}, height={h / POINTS:.4f}];" for i, (w, h) in enumerate(sizes)]
    lines += [f"{parent} -> {child};" for parent, child, _ in edges]
    return _in_pixels(place(engine, "\n".join([*lines, "}"])), edges)


def _in_pixels(placement: Placement, edges: Sequence[tuple[int, int, int]]) -> Layout:
    """Turn inches into pixels and the y axis downwards."""
    width, height = placement.width * POINTS, placement.height * POINTS

    def point(x: float, y: float) -> Point:
        return round(x * POINTS + MARGIN, 1), round(height - y * POINTS + MARGIN, 1)

    drawn: defaultdict[tuple[int, int], list[tuple[Point, ...]]] = defaultdict(list)
    for tail, head, points in placement.edges:
        drawn[int(tail), int(head)].append(tuple(point(*each) for each in points))
    for curves in drawn.values():
        curves.sort(key=middle)  # x * x: the first operand on the left
    curves_of = {(child, slot): drawn[parent, child].pop(0) for parent, child, slot in edges}
    return Layout(
        round(width + 2 * MARGIN, 1),
        round(height + 2 * MARGIN, 1),
        tuple([point(*placement.nodes[str(i)][:2]) for i in range(len(placement.nodes))]),
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
