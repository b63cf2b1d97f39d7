"""The graph of a worksheet as a picture without the numbers that are asked for."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from ...graph import latex_name, number_text
from ...graphviz_engine import find_engine, place

if TYPE_CHECKING:
    from ...graph import Graph, Node
    from .sheet import Worksheet

LONGEST = 32  # of a formula in a box, in characters
WIDEST_INCHES = 6.3  # the text of a page of A4


def svg(sheet: Worksheet) -> str | None:
    """Return the graph as SVG: names, formulas and the leaves' numbers; None without a Graphviz engine."""
    engine = find_engine()
    return None if engine is None else engine(_dot(sheet.explanation.graph), "svg", "dot").decode()


def latex_picture(sheet: Worksheet) -> str:
    """Return the graph as a LaTeX picture, set out by Graphviz; empty without an engine."""
    engine = find_engine()
    if engine is None:
        return ""
    graph = sheet.explanation.graph
    placement = place(engine, _dot(graph, arrows=False))
    boxes: list[str] = []
    lines: list[str] = []
    for name, (x, y, w, h) in placement.nodes.items():
        content = rf"\makebox({w:.3f},{h:.3f}){{\scriptsize ${_latex_title(graph, graph.nodes[int(name[1:])])}$}}"
        boxes.append(rf"\put({x - w / 2:.3f},{y - h / 2:.3f}){{\framebox({w:.3f},{h:.3f}){{{content}}}}}")
    for _, _, points in placement.edges:
        (x1, y1), (x2, y2) = points[0], points[-1]
        bend_x, bend_y = _bend(points[0], points[len(points) // 2], points[-1])
        lines.append(rf"\qbezier({x1:.3f},{y1:.3f})({bend_x:.3f},{bend_y:.3f})({x2:.3f},{y2:.3f})")
        lines.append(rf"\put({x2:.3f},{y2:.3f}){{\circle*{{0.04}}}}")
    width, height, scale = placement.width, placement.height, min(1.0, WIDEST_INCHES / placement.width)
    picture = "\n".join([rf"\begin{{picture}}({width:.3f},{height:.3f})", *lines, *boxes, r"\end{picture}"])
    return rf"\begin{{center}}\setlength{{\unitlength}}{{{scale:.4f}in}}{picture}\end{{center}}"


def _bend(start: tuple[float, float], through: tuple[float, float], end: tuple[float, float]) -> tuple[float, float]:
    """Return the control point of the parabola through three points."""
    return 2 * through[0] - (start[0] + end[0]) / 2, 2 * through[1] - (start[1] + end[1]) / 2


def _title(graph: Graph, node: Node) -> str:
    if node.constant:
        return node.name
    if node.op is None:
        return f"{node.name} = {number_text(node.data)}"
    formula = graph.formula(node)
    return f"{node.name} = {formula if len(formula) <= LONGEST else f'{node.op.name}({len(node.parents)} operands)'}"


def _latex_title(graph: Graph, node: Node) -> str:
    name = latex_name(node.name)
    if node.constant:
        return name
    if node.op is None:
        return f"{name} = {number_text(node.data)}"
    formula = graph.formula(node, latex=True)
    if len(graph.formula(node)) <= LONGEST and "cases" not in formula:  # those are two lines high
        return f"{name} = {formula}"
    return rf"{name} = {latex_name(node.op.name)}(\dots)"


def _dot(graph: Graph, *, arrows: bool = True) -> str:
    lines = [
        'digraph { rankdir=LR; ordering=in; ranksep=0.35; nodesep=0.2; bgcolor="transparent";',
        'node [fontname=Helvetica, fontsize=11, shape=box, margin="0.08,0.05", height=0.3, width=0.4,',
        'style=filled, fillcolor="#ffffff"]; edge [arrowsize=0.6, color="#555555"];',
    ]
    for node in graph.nodes:
        label = html.escape(_title(graph, node)).replace("\\", "\\\\")  # to Graphviz \N is the name of the node
        fill = "#eeeeee" if node.constant else "#d6ebf8" if node.is_leaf else "#ffffff"
        lines.append(f'n{node.index} [label=<{label}>, tooltip=" ", fillcolor="{fill}"];')
    if not arrows:  # LaTeX draws none, and lines then reach the boxes
        lines.append("edge [arrowhead=none];")
    lines += [f"n{parent} -> n{node.index};" for node in graph.nodes for parent in node.parents]
    return "\n".join([*lines, "}"])
