"""Collapse: an Outline is a Graph with parts of it folded into boxes, so that a large one can be looked at.

Parts with a scope (a module, a layer, a neuron) become one box each. What is still too much is folded by
its distance from the root. Every renderer of pictures draws from the Outline, and shows its note.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TypeAlias

from .errors import ParameterError, printable
from .graph import Graph, Node

Collapse: TypeAlias = "bool | int | str | Iterable[str] | None"

READABLE = 60  # items of a picture that was collapsed because it was too large
CROWDED = 200  # edges; Graphviz needs long for more, and nobody can follow them
NEAREST = 30  # nodes that stay when folding by distance from the root
WIDEST = 4  # parents of one of them that are followed
MOST_LEAVES = 12  # named leaves that stay, too
MOST_BOXES = 12  # boxes for the rest


@dataclass(frozen=True, slots=True)
class Box:
    """Some nodes of a graph, shown as one.

    Attributes:
        index: position among the items of the outline, counted from 0.
        scope: the part of the model that it stands for, ``""`` for nodes folded because there were many.
        members: indices of its nodes in the graph.
    """

    index: int
    scope: str
    members: tuple[int, ...]

    @property
    def name(self) -> str:
        """The scope, or how many nodes there are."""
        return printable(self.scope) or count(len(self.members), "more node")


@dataclass(frozen=True, slots=True)
class Edge:
    """An edge between two items of an outline; at a box it stands for several of the graph.

    Attributes:
        source, target: indices of the items.
        uses: the (node, position of the operand) pairs that it stands for.
    """

    source: int
    target: int
    uses: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Outline:
    """What a picture shows of a graph.

    Attributes:
        graph: the whole graph.
        items: what is shown, in topological order of the last node of each.
        edges: those between the items; those within a box are left out.
        place: for every node of the graph the index of the item that shows it.
        note: sentences that say what was collapsed and how to see it, empty when nothing was.
    """

    graph: Graph
    items: tuple[Node | Box, ...]
    edges: tuple[Edge, ...]
    place: tuple[int, ...]
    note: tuple[str, ...]

    @property
    def root(self) -> int:
        """The index of the item with the first root."""
        return self.place[self.graph.roots[0]]

    def scopes(self) -> dict[str, list[int]]:
        """Return the items directly inside the frame of each scope, every scope after the one around it."""
        inside: dict[str, list[int]] = {"": []}
        for i, item in enumerate(self.items):
            for scope in enclosing(frame_of(item)):
                inside.setdefault(scope, [])
            inside[frame_of(item)].append(i)
        return inside


def outline(graph: Graph, collapse: Collapse = None, expand: str | Iterable[str] = (), max_nodes: int = 500) -> Outline:
    """Fold parts of a graph into boxes.

    Args:
        graph: the graph.
        collapse: None folds graphs of more than ``max_nodes`` nodes until they are readable. False folds nothing.
            A depth: 1, or True, makes each outermost module one box, 2 each of their parts, and so on. A scope such as
            ``"MLP/layers[0]"``, or a list of scopes: one box for each.
        expand: a scope, or several, to open by one level.
        max_nodes: fold by distance from the root, too, when more items than this are left.

    Raises:
        ParameterError: for a scope that the graph does not have, or another kind of ``collapse``.

    >>> from autograd_tiny import Value, nn
    >>> y = nn.MLP(2, [3, 1])([Value(1.0, "a"), Value(2.0, "b")])
    >>> [item.name for item in outline(Graph.of(y), collapse=2).items]
    ['a', 'b', 'MLP/layers[0]', 'MLP/layers[1]']
    """
    opened = {scope for name in _names(graph, expand, "expand") for scope in enclosing(name)}
    size, automatic = len(graph.nodes), collapse is None
    if collapse is False or (automatic and size <= max_nodes):
        return _outline(graph, {}, ())
    homes = _homes(graph)
    if automatic:
        boxes = _boxes_that_fit(graph, homes, opened, min(READABLE, max_nodes))
    elif isinstance(collapse, int):
        if collapse < 1:
            raise ParameterError(f"collapse is a depth of at least 1, a scope, True, False or None, got {collapse!r}")
        boxes = _boxes(graph, homes, collapse, (), opened)
    else:
        boxes = _boxes(graph, homes, size, _names(graph, collapse, "collapse"), opened)
    found = _outline(graph, boxes, ())
    small_enough = len(found.items) <= (min(READABLE, max_nodes) if automatic else max_nodes)
    groups = boxes if small_enough else {**boxes, **_far_from_the_root(found, min(NEAREST, max_nodes))}
    return _outline(graph, groups, _note(graph, set(groups.values())))


def frame_of(item: Node | Box) -> str:
    """Return the scope whose frame an item stands in; a box stands in that around its own."""
    return item.scope.rpartition("/")[0] if isinstance(item, Box) else item.scope


def enclosing(scope: str) -> list[str]:
    """Return the scopes around and including one, from the outermost.

    >>> enclosing("MLP/layers[0]/neurons[3]")
    ['MLP', 'MLP/layers[0]', 'MLP/layers[0]/neurons[3]']
    """
    parts = scope.split("/")
    return [around for k in range(len(parts)) if (around := "/".join(parts[: k + 1]))]


def operations(graph: Graph, box: Box, most: int = 3) -> str:
    """Return which operations a box holds, the most frequent first: ``16 dot, 16 add, 16 tanh``."""
    counts = Counter(op.name for i in box.members if (op := graph.nodes[i].op) is not None)
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    texts = [f"{number:,} {name}" for name, number in ranked[:most]]
    others = sum(number for _, number in ranked[most:])
    return ", ".join(texts + ([f"{others:,} other"] if others else [])) or "leaves only"


def count(number: int, noun: str) -> str:
    """Return a number with its noun: ``1 node``, ``12,345 nodes``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}{'es' if noun.endswith('x') else 's'}"


# ---------------------------------------------------------------- by scope


def _names(graph: Graph, names: object, what: str) -> list[str]:
    """Return the scopes named, each of which the graph has."""
    known = {scope for found in {node.scope for node in graph.nodes} for scope in enclosing(found)}
    listed: list[str] = []
    for name in [names] if isinstance(names, str) or not isinstance(names, Iterable) else names:
        if not isinstance(name, str):
            raise ParameterError(f"{what} takes scopes such as 'MLP/layers[0]', got {name!r}")
        if name not in known:
            close = get_close_matches(name, known) or sorted(known, key=lambda scope: (scope.count("/"), scope))[:5]
            remedy = f"it has {', '.join(map(repr, close))}" if close else "no node has one; see autograd_tiny.scope"
            raise ParameterError(f"{what}={name!r}: the graph has no module or other scope of that name; {remedy}")
        listed.append(name)
    return listed


def _homes(graph: Graph) -> list[str]:
    """Return the scope that each node is folded with.

    A parameter that is used elsewhere as well, by a penalty on the weights, say, stays with its module.
    """
    homes = [node.scope for node in graph.nodes]
    users: dict[int, set[str]] = defaultdict(set)
    for node in graph.nodes:
        if node.scope:
            for parent in node.parents:
                if not homes[parent] and graph.nodes[parent].is_leaf:
                    users[parent].add(node.scope)
    for leaf, around in users.items():
        if len(around) == 1 and not graph.nodes[leaf].constant:
            homes[leaf] = around.pop()
    return homes


def _box_of(scope: str, depth: int, named: Iterable[str], opened: set[str]) -> str:
    """Return the scope of the box that nodes of a scope go into, ``""`` for none."""
    inside = False
    for k, around in enumerate(enclosing(scope), start=1):
        inside = inside or k >= depth or around in named
        if inside and around not in opened:
            return around
    return ""


def _boxes(graph: Graph, homes: list[str], depth: int, named: Iterable[str], opened: set[str]) -> dict[int, str | int]:
    """Return the box of each node that goes into one."""
    of_scope = {scope: _box_of(scope, depth, named, opened) for scope in set(homes)}
    boxes: dict[int, str | int] = {i: box for i, scope in enumerate(homes) if (box := of_scope[scope])}
    users: dict[int, set[str | int]] = defaultdict(set)
    for node in graph.nodes:
        for parent in node.parents:
            if graph.nodes[parent].constant and parent not in boxes:
                users[parent].add(boxes.get(node.index, ""))
    for constant, found in users.items():
        inside, *others = found
        if inside and not others:  # a plain number that only one box uses is a detail of it
            boxes[constant] = inside
    return boxes


def _boxes_that_fit(graph: Graph, homes: list[str], opened: set[str], room: int) -> dict[int, str | int]:
    """Return the boxes of the greatest depth with which a picture is readable, else those of depth 1."""
    boxes: dict[int, str | int] = {}
    for depth in range(max(len(enclosing(scope)) for scope in set(homes)), 0, -1):
        boxes = _boxes(graph, homes, depth, (), opened)
        size = len(graph.nodes) - len(boxes) + len(set(boxes.values()))
        if size <= room and len(_outline(graph, boxes, ()).edges) <= CROWDED:
            break
    return boxes


# ---------------------------------------------------------------- by distance from the root


def _far_from_the_root(found: Outline, nearest: int) -> dict[int, int]:
    """Return the number of a group for each node that is not near the root, a named leaf or in a box already.

    Nodes that hang together are one group, and so are groups between the same nodes that stay.
    """
    parents: list[list[int]] = [[] for _ in found.items]
    children: list[list[int]] = [[] for _ in found.items]
    for edge in found.edges:
        parents[edge.target].append(edge.source)
        children[edge.source].append(edge.target)
    staying = _staying(found, parents, nearest)
    groups: dict[tuple[frozenset[int], ...], list[int]] = defaultdict(list)
    for piece in _pieces(found.items, staying, parents, children):
        below = frozenset(p for i in piece for p in parents[i] if p in staying)
        above = frozenset(c for i in piece for c in children[i] if c in staying)
        groups[below, above] += piece
    alone = [items for items in groups.values() if len(items) == 1 and isinstance(found.items[items[0]], Node)]
    kept = {items[0] for items in alone} if len(alone) <= READABLE else set()  # a box for one node says less than it
    several = [items for items in groups.values() if kept.isdisjoint(items)]
    several.sort(key=lambda items: (-len(items), items))
    group_of = {i: min(k, MOST_BOXES) for k, items in enumerate(several, start=1) for i in items}
    return {node: group_of[i] for node, i in enumerate(found.place) if i in group_of}


def _staying(found: Outline, parents: Sequence[Sequence[int]], nearest: int) -> set[int]:
    leaves = [i for i, item in enumerate(found.items) if isinstance(item, Node) and item.is_leaf and item.label]
    boxes = [i for i, item in enumerate(found.items) if isinstance(item, Box)]
    staying = set(leaves if len(leaves) <= MOST_LEAVES else ()) | set(boxes if len(boxes) <= READABLE else ())
    near = list(dict.fromkeys(found.place[root] for root in found.graph.roots))
    seen = set(near)
    for i in near:  # grows while it is walked: breadth first
        if len(near) >= nearest:
            break
        for parent in list(dict.fromkeys(parents[i]))[:WIDEST]:
            if parent not in seen:
                seen.add(parent)
                near.append(parent)
    return staying | set(near[:nearest])


def _pieces(
    items: Sequence[Node | Box], staying: set[int], parents: Sequence[Sequence[int]], children: Sequence[Sequence[int]]
) -> Iterator[list[int]]:
    """Yield the items that do not stay, in pieces that hang together."""
    seen = set(staying)
    for start in range(len(items)):
        if start in seen:
            continue
        seen.add(start)
        piece = [start]
        for i in piece:  # grows while it is walked
            for neighbour in (*parents[i], *children[i]):
                if neighbour not in seen:
                    seen.add(neighbour)
                    piece.append(neighbour)
        yield piece


# ---------------------------------------------------------------- the outline


def _outline(graph: Graph, groups: Mapping[int, str | int], note: tuple[str, ...]) -> Outline:
    """Fold each group, named by the scope of its box or, without one, by a number."""
    members: dict[str | int, list[int]] = defaultdict(list)
    for i in sorted(groups):
        members[groups[i]].append(i)
    items: list[Node | Box] = []
    place = [0] * len(graph.nodes)
    for node in graph.nodes:
        group = groups.get(node.index)
        if group is None:
            place[node.index] = len(items)
            items.append(node)
        elif node.index == members[group][-1]:
            for i in members[group]:
                place[i] = len(items)
            scope = group if isinstance(group, str) else ""
            items.append(Box(len(items), scope, tuple(members[group])))
    uses: dict[tuple[int, ...], list[tuple[int, int]]] = defaultdict(list)
    for node in graph.nodes:
        target = place[node.index]
        for k, parent in enumerate(node.parents):
            source = place[parent]
            if parent in groups or node.index in groups:
                if source != target:
                    uses[source, target].append((node.index, k))
            else:  # between two nodes every edge is of its own: x * x has two
                uses[source, target, k].append((node.index, k))
    edges = tuple(Edge(key[0], key[1], tuple(found)) for key, found in uses.items())
    return Outline(graph, tuple(items), edges, tuple(place), note)


def _note(graph: Graph, boxes: set[str | int]) -> tuple[str, ...]:
    """Return what was done, and how to see more."""
    size = count(len(graph.nodes), "node")
    scopes = sorted(
        (box for box in boxes if isinstance(box, str)), key=lambda scope: (scope.count("/"), len(scope), scope)
    )
    folded = sum(isinstance(box, int) for box in boxes)
    if not scopes and not folded:
        shown = "The only node is" if len(graph.nodes) == 1 else f"All {size} are"
        return (f"{shown} shown: there is nothing to collapse.",)
    done = []
    if scopes:
        shown = ", ".join(map(printable, scopes[:2])) + (", ..." if len(scopes) > 2 else "")
        done.append(
            f"{count(len(scopes), 'part')} of the model into {'one box' if len(scopes) == 1 else 'boxes'} ({shown})"
        )
    if folded:
        done.append(f"what is far from the root into {count(folded, 'box')}")
    lines = [f"The graph has {size}. Collapsed: {', and '.join(done)}."]
    if scopes:
        lines.append(f"Open a part with expand={printable(scopes[0])!r}; collapse=False draws everything.")
    else:
        lines.append("Draw a smaller part with draw(node); collapse=False draws everything.")
    return tuple(lines)
