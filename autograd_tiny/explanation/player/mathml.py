"""Formulas as MathML trees in which the operands are left open, for a page to fill with names or with numbers."""

from __future__ import annotations

from typing import Any, TypeAlias
from xml.etree import ElementTree

from ...graph import Graph, Node
from ..symbols import slope_formulas

Tree: TypeAlias = "list[Any] | int | str"
"""An element as [tag, *children], an operand as its position (the result as -1), or text."""

RESULT = -1
_FIRST = 0x20001  # letters of a rare script stand in for the operands: a letter needs no brackets and no escape
_SPACES = {"mspace", "mpadded", "mphantom"}


def value_tree(graph: Graph, node: Node) -> Tree:
    r"""Return the formula of a node's value.

    >>> from autograd_tiny import Value
    >>> graph = Graph.of(Value(2.0, "a") * Value(3.0, "b"))
    >>> value_tree(graph, graph.root)
    ['mrow', 0, ['mo', '·'], 1]
    """
    if node.op is None:
        return ["mi", node.name]
    stand_ins = [rf"\text{{{_stand_in(slot)}}}" for slot in range(len(node.parents))]
    return tree(node.op.write(stand_ins, latex=True), graph.formula(node))


def slope_trees(graph: Graph, node: Node) -> list[Tree]:
    """Return the formulas of a node's slopes, one per operand."""
    if node.op is None:
        return []
    parents = graph.parents(node)
    # A constant is written as its number, so that products with 1 and the like are carried out as in the text.
    names = [parent.name if parent.constant else _stand_in(slot) for slot, parent in enumerate(parents)]
    texts = slope_formulas(node.op, [parent.name for parent in parents], node.name)
    formulas = slope_formulas(node.op, names, _stand_in(RESULT), latex=True)
    return [tree(latex, text) for latex, text in zip(formulas, texts, strict=True)]


def tree(latex: str, text: str) -> Tree:
    """Return LaTeX as a MathML tree, or the text where it cannot be converted."""
    from latex2mathml.converter import convert

    try:
        root = ElementTree.fromstring(convert(latex))
    except Exception:  # the template of a user's operation may hold any LaTeX, also wrong LaTeX
        return ["mtext", text]
    return _compact(root[0]) if len(root) == 1 else ["mrow", *map(_compact, root)]


def _compact(element: ElementTree.Element) -> Tree:
    tag, text = element.tag.rpartition("}")[2], element.text or ""
    if len(text) == 1 and _FIRST + RESULT <= ord(text) < _FIRST + 0xA000:
        return ord(text) - _FIRST
    children = [_compact(child) for child in element if child.tag.rpartition("}")[2] not in _SPACES]
    if tag in ("mrow", "mstyle"):
        return children[0] if len(children) == 1 else ["mrow", *children]
    if tag == "mo" and len(text) > 1 and text.isalpha():
        tag = "mi"  # the name of a function
    return [tag, *children] if children else [tag, text]


def _stand_in(slot: int) -> str:
    return chr(_FIRST + slot)
