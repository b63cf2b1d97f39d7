"""Outlines: graphs with parts folded into boxes. What is shown is the whole graph, and the note says what was done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import FrozenInstanceError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_tiny import Value, backward, data, exp, nn, ops, scope
from autograd_tiny.collapse import MOST_BOXES, READABLE, Box, Outline, enclosing, operations, outline
from autograd_tiny.errors import ParameterError
from autograd_tiny.graph import Graph, Node
from autograd_tiny.value import lift


def boxes(shown: Outline) -> list[Box]:
    return [item for item in shown.items if isinstance(item, Box)]


def names(shown: Outline) -> list[str]:
    return [item.name for item in shown.items]


def network(*sizes: int) -> Graph:
    inputs = [Value(float(i), f"x{i}") for i in range(sizes[0])]
    outputs = nn.MLP(sizes[0], sizes[1:], rng=1)(inputs)
    return Graph.of(*(outputs if isinstance(outputs, list) else [outputs]))


def moons_loss(examples: int) -> Value:
    X, y = data.make_moons(examples, noise=0.1)
    model = nn.MLP(2, [16, 16, 1], "relu")
    losses = [(1 + -target * model(x)).relu() for x, target in zip(X, y, strict=True)]
    return ops.sum(losses) + 1e-4 * ops.sum([p * p for p in model.parameters()])


def is_whole(shown: Outline) -> None:
    """Every node is shown once, and every edge of the graph is inside a box or stands for itself."""
    held = [i for item in shown.items for i in (item.members if isinstance(item, Box) else (item.index,))]
    assert sorted(held) == list(range(len(shown.graph.nodes)))
    for k, item in enumerate(shown.items):
        assert {shown.place[i] for i in (item.members if isinstance(item, Box) else (item.index,))} == {k}
    uses = [use for edge in shown.edges for use in edge.uses]
    assert len(uses) == len(set(uses))
    for edge in shown.edges:
        for i, operand in edge.uses:
            assert (shown.place[shown.graph.nodes[i].parents[operand]], shown.place[i]) == (edge.source, edge.target)
    inside = Counter(
        shown.place[node.index] == shown.place[parent] for node in shown.graph.nodes for parent in node.parents
    )
    assert inside[False] == len(uses)


# ---------------------------------------------------------------- by scope


def test_a_graph_that_fits_is_shown_as_it_is() -> None:
    x = Value(3.0, "x")
    graph = Graph.of(x * x + 1)
    shown = outline(graph)
    assert shown.items == graph.nodes
    assert [(edge.source, edge.target) for edge in shown.edges] == [(0, 1), (0, 1), (1, 3), (2, 3)]
    assert shown.note == ()
    assert outline(graph, max_nodes=len(graph.nodes)) == shown


@pytest.mark.parametrize(
    ("depth", "parts"),
    [
        (1, ["MLP"]),
        (True, ["MLP"]),
        (2, ["MLP/layers[0]", "MLP/layers[1]"]),
        (3, ["MLP/layers[0]/neurons[0]", "MLP/layers[0]/neurons[1]", "MLP/layers[1]/neurons[0]"]),
        (4, []),
    ],
)
def test_a_depth_makes_each_part_one_box(depth: int, parts: list[str]) -> None:
    shown = outline(network(2, 2, 1), collapse=depth)
    is_whole(shown)
    assert [box.name for box in boxes(shown)] == parts
    assert "x0" in names(shown), "inputs belong to no layer"


def test_boxes_say_how_many_nodes_and_operations_they_hold() -> None:
    graph = network(2, 3, 1)
    first, last = boxes(outline(graph, collapse=2))
    assert len(first.members) == 3 * (2 + 1 + 3), "each neuron: two weights, a bias, and dot, add and tanh"
    assert operations(graph, first) == "3 add, 3 dot, 3 tanh"
    assert operations(graph, last) == "1 add, 1 dot"
    assert operations(graph, Box(0, "", (0, 1))) == "leaves only"


def test_rare_operations_are_counted_together() -> None:
    x = Value(1.0)
    graph = Graph.of(exp(-(x * x) / 2 - 3) + 1 + 2)
    assert operations(graph, Box(0, "", tuple(range(len(graph.nodes))))) == "2 add, 1 div, 1 exp, 3 other"
    graph = Graph.of(exp(x * x * x))
    assert operations(graph, Box(0, "", tuple(range(len(graph.nodes))))) == "2 mul, 1 exp"


def test_edges_between_boxes_are_merged_and_counted() -> None:
    shown = outline(network(2, 3, 1), collapse=2)
    assert [len(edge.uses) for edge in shown.edges] == [3, 3, 3]
    outside = Value(1.0, "x") * 2
    with scope("part"):
        y = outside * outside
    assert [edge.uses for edge in outline(Graph.of(y), collapse=1).edges][-1] == ((3, 0), (3, 1))


def test_named_parts_are_folded_and_nothing_else() -> None:
    shown = outline(network(2, 2, 1), collapse="MLP/layers[0]/neurons[1]")
    is_whole(shown)
    assert [box.scope for box in boxes(shown)] == ["MLP/layers[0]/neurons[1]"]
    several = outline(network(2, 2, 1), collapse=["MLP/layers[1]", "MLP/layers[0]/neurons[0]"])
    assert [box.scope for box in boxes(several)] == ["MLP/layers[0]/neurons[0]", "MLP/layers[1]"]


def test_expand_opens_one_level() -> None:
    graph = network(2, 2, 1)
    opened = outline(graph, collapse=1, expand="MLP")
    assert [box.scope for box in boxes(opened)] == ["MLP/layers[0]", "MLP/layers[1]"]
    deeper = outline(graph, collapse=1, expand="MLP/layers[0]")
    assert [box.scope for box in boxes(deeper)] == [
        "MLP/layers[0]/neurons[0]",
        "MLP/layers[0]/neurons[1]",
        "MLP/layers[1]",
    ]
    neuron = outline(graph, collapse="MLP/layers[0]", expand=["MLP/layers[0]/neurons[1]"])
    assert [box.scope for box in boxes(neuron)] == ["MLP/layers[0]/neurons[0]"]


def test_a_part_with_a_name_that_only_begins_alike_stays() -> None:
    with scope("part"):
        y = Value(1.0, "a") * 2
    with scope("part2"):
        z = y * Value(3.0, "b")
    assert [box.scope for box in boxes(outline(Graph.of(z), collapse="part"))] == ["part"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"collapse": "MLP/layer[0]"},
            r"collapse='MLP/layer\[0\]': the graph has no module or other scope of that name; it has 'MLP/layers",
        ),
        ({"expand": "nothing"}, "expand='nothing': the graph has no module or other scope of that name; it has 'MLP'"),
        ({"collapse": [1]}, "collapse takes scopes such as 'MLP/layers.0.', got 1"),
        ({"collapse": 0}, "collapse is a depth of at least 1, .* got 0"),
        ({"collapse": 1.5}, "collapse takes scopes .* got 1.5"),
        ({"expand": 2}, "expand takes scopes .* got 2"),
    ],
)
def test_wrong_settings_say_what_is_possible(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        outline(network(2, 1, 1), **settings)  # type: ignore[arg-type]


def test_without_scopes_the_remedy_is_how_to_make_them() -> None:
    with pytest.raises(ParameterError, match=r"no node has one; see autograd_tiny\.scope"):
        outline(Graph.of(Value(1.0) * 2), collapse="MLP")


def test_nothing_to_collapse_is_said() -> None:
    shown = outline(Graph.of(Value(1.0) * 2), collapse=True)
    assert shown.note == ("All 3 nodes are shown: there is nothing to collapse.",)
    shown = outline(Graph.of(Value(1.0)), collapse=True)
    assert shown.note == ("The only node is shown: there is nothing to collapse.",)


def test_the_outermost_scopes_are_named_first_and_five_of_them() -> None:
    with scope("z"):
        y = Value(1.0, "x") * 2
        for name in "abcdef":
            with scope(name):
                y = y * 3
    with scope("zz"):
        y = y * 4
    with pytest.raises(ParameterError, match=r"it has 'z', 'zz', 'z/a', 'z/b', 'z/c'$"):
        outline(Graph.of(y), collapse="quite another")


def in_parts(*parts: str) -> Value:
    y = Value(1.0, "x")
    for name in parts:
        with scope(name):
            y = y * 2
    return y


@pytest.mark.parametrize(
    ("parts", "done"),
    [
        (("a",), "1 part of the model into one box (a)"),
        (("b", "a"), "2 parts of the model into boxes (a, b)"),
        (("part", "b", "a"), "3 parts of the model into boxes (a, b, ...)"),
    ],
)
def test_the_note_names_two_parts(parts: tuple[str, ...], done: str) -> None:
    y = in_parts(*parts)
    graph = Graph.of(y)
    note = outline(graph, collapse=1).note
    assert note == (
        f"The graph has {len(graph.nodes)} nodes. Collapsed: {done}.",
        f"Open a part with expand={min(parts)!r}; collapse=False draws everything.",
    )


def test_the_note_names_outer_and_short_parts_first() -> None:
    y = in_parts("long", "it", "a/b")
    assert "(it, long, ...)" in outline(Graph.of(y), collapse=["a/b", "long", "it"]).note[0]


def test_parts_and_what_is_far_are_both_in_the_note() -> None:
    y = in_parts("part")
    for _ in range(100):
        y = exp(y)
    for most in (500, 101):  # what was asked for is shown as long as there is room
        assert names(outline(Graph.of(y), collapse=1, max_nodes=most)) == ["part", *(f"v{k}" for k in range(2, 102))]
    shown = outline(Graph.of(y), collapse=1, max_nodes=50)
    assert shown.note[0] == (
        "The graph has 103 nodes. "
        "Collapsed: 1 part of the model into one box (part), and what is far from the root into 1 box."
    )
    assert names(shown) == ["part", "70 more nodes", *(f"v{k}" for k in range(72, 102))]


def test_a_result_stays_where_it_was_computed_whoever_uses_it() -> None:
    y = Value(1.0, "x") * 2
    with scope("part"):
        z = y * 3
    assert names(outline(Graph.of(z), collapse=1)) == ["x", "2", "v1", "part"]


def test_a_weight_with_a_penalty_stays_with_its_module() -> None:
    model = nn.MLP(1, [1, 1])
    loss = model([1.0]) + ops.sum([p * p for p in model.parameters()])
    shown = outline(Graph.of(loss), collapse=1)
    is_whole(shown)
    (box,) = boxes(shown)
    held = {shown.graph.nodes[i].label for i in box.members}
    assert {"w0", "b"} <= held
    assert not {item.label for item in shown.items if isinstance(item, Node)} & {"w0", "b"}


def test_constants_go_with_the_only_box_that_uses_them() -> None:
    model, seen = nn.MLP(2, [2, 1]), Value(4.0, "seen")
    shown = outline(Graph.of(model([3.5, seen]) * 2.5), collapse=1)
    assert names(shown) == ["seen", "MLP", "2.5", "v9"]


def test_a_constant_that_others_use_too_stays_outside() -> None:
    shared = lift(2.0)
    with scope("part"):
        y = Value(1.0, "x") * shared
    assert names(outline(Graph.of(y + shared), collapse=1)) == ["2", "part", "v2"]
    with scope("other"):
        z = y * shared
    assert names(outline(Graph.of(z), collapse=1)) == ["2", "part", "other"]


def test_scopes_nest_and_boxes_lie_inside_the_scope_around_them() -> None:
    shown = outline(network(2, 2, 1), collapse=2)
    inside = {scope: [shown.items[i].name for i in items] for scope, items in shown.scopes().items()}
    assert inside == {"": ["x0", "x1"], "MLP": ["MLP/layers[0]", "MLP/layers[1]"]}


def test_nodes_lie_inside_their_own_scope() -> None:
    with scope("a/b"):
        y = Value(1.0, "x") * 2
    shown = outline(Graph.of(y + 1))
    inside = {scope: [shown.items[i].name for i in items] for scope, items in shown.scopes().items()}
    assert inside["a/b"][-1] == "v1"
    assert inside["a"] == []


def test_odd_scopes_are_parts_like_others() -> None:
    assert enclosing("") == []
    assert enclosing("/a//b/") == ["/a", "/a/", "/a//b", "/a//b/"]


# ---------------------------------------------------------------- large graphs


def test_a_large_loss_shows_the_model_as_one_box_and_says_so() -> None:
    shown = outline(Graph.of(moons_loss(30)))
    is_whole(shown)
    assert len(shown.items) <= READABLE
    assert "MLP" in names(shown)
    first, second = shown.note
    assert first.startswith(
        f"The graph has {len(shown.graph.nodes):,} nodes. Collapsed: 1 part of the model into one box"
    )
    assert second == "Open a part with expand='MLP'; collapse=False draws everything."


def test_the_greatest_depth_that_is_readable_is_taken() -> None:
    model = nn.MLP(2, [6, 6, 1])
    inputs = [Value(1.0, "x0"), Value(2.0, "x1")]
    loss = ops.sum([model(inputs) for _ in range(12)])
    shown = outline(Graph.of(loss))
    assert sum(box.scope.count("/") == 2 for box in boxes(shown)) == 13, "a box for each neuron"
    wide = nn.MLP(2, [16, 16, 1])
    layers = outline(Graph.of(wide([1.0, 2.0]) + wide([3.0, 4.0])))
    assert [box.scope for box in boxes(layers)] == [f"MLP/layers[{k}]" for k in range(3)], "256 edges are too many"


def test_a_long_chain_shows_both_ends() -> None:
    y = Value(1.0, "x")
    for _ in range(5000):
        y = y * 1.0001
    shown = outline(Graph.of(y))
    is_whole(shown)
    assert names(shown)[0] == "x"
    assert shown.items[shown.root] is shown.graph.root
    (box,) = boxes(shown)
    assert box.name == f"{len(box.members):,} more nodes"
    assert len(shown.items) <= READABLE
    assert shown.note[1] == "Draw a smaller part with draw(node); collapse=False draws everything."


def test_of_a_large_graph_the_thirty_nodes_nearest_to_the_root_stay() -> None:
    y = Value(1.0, "x")
    for _ in range(500):
        y = exp(y)
    graph = Graph.of(y)
    assert len(outline(graph, max_nodes=501).items) == 501
    assert names(outline(graph)) == ["x", "470 more nodes", *(f"v{k}" for k in range(471, 501))]
    assert outline(graph).note[0] == ("The graph has 501 nodes. Collapsed: what is far from the root into 1 box.")
    assert names(outline(graph, max_nodes=3)) == ["x", "497 more nodes", "v498", "v499", "v500"]


def test_a_node_used_twice_is_near_once() -> None:
    y = Value(1.0, "x")
    for _ in range(100):
        y = y * exp(y)
    assert names(outline(Graph.of(y), max_nodes=9)) == ["x", "191 more nodes", *(f"v{k}" for k in range(192, 201))]


def test_of_a_wide_sum_four_terms_are_followed() -> None:
    x = Value(1.0, "x")
    y = ops.sum([exp(exp(x)) for _ in range(300)])
    shown = outline(Graph.of(y))
    assert names(shown) == ["x", *(f"v{k}" for k in range(1, 9)), "592 more nodes", "v601"]
    three = outline(Graph.of(y), max_nodes=3)
    assert names(three) == ["x", "v1", "v2", "v3", "v4", "596 more nodes", "v601"], "but three nodes only"


def test_up_to_twelve_named_leaves_stay() -> None:
    for many in (12, 13):
        leaves = [Value(1.0, f"x{i}") for i in range(many)]
        y = ops.sum(leaves)
        for _ in range(500):
            y = exp(y)
        shown = outline(Graph.of(y))
        assert sum(name.startswith("x") for name in names(shown)) == (12 if many == 12 else 0)


def test_the_smallest_groups_share_the_last_box() -> None:
    """Of 30 chains of 2 to 31 nodes the first four are near the root; then there are 11 boxes for the longest."""
    x, terms = Value(1.0, "x"), []
    for i in range(30):
        with scope(f"m{i}"):
            y = x * 2
        for _ in range(i + 2):
            y = exp(y)
        terms.append(y)
    shown = outline(Graph.of(ops.sum(terms)), collapse=1, max_nodes=50)
    far = [len(box.members) for box in boxes(shown) if not box.scope]
    assert sorted(far) == [*range(21, 32), sum(range(6, 21))]
    assert shown.note[0].endswith("and what is far from the root into 12 boxes.")


def test_boxes_edges_and_outlines_are_frozen() -> None:
    shown = outline(network(2, 2, 1), collapse=1)
    for record, name in ((shown, "note"), (shown.items[-1], "members"), (shown.edges[0], "uses")):
        assert not hasattr(record, "__dict__")
        with pytest.raises(FrozenInstanceError):
            setattr(record, name, ())


def test_many_alike_terms_are_one_box() -> None:
    x = Value(1.0, "x")
    shown = outline(Graph.of(ops.sum([x * float(i) for i in range(1000)])))
    is_whole(shown)
    (box,) = boxes(shown)
    assert len(shown.items) < 20
    root = shown.root
    assert {(edge.source, edge.target) for edge in shown.edges if box.index in (edge.source, edge.target)} == {
        (0, box.index),
        (box.index, root),
    }


def test_very_many_modules_are_folded_too() -> None:
    y = Value(1.0, "x")
    for i in range(1000):
        with scope(f"step {i}"):
            y = y * 1.5 + 1
    shown = outline(Graph.of(y))
    is_whole(shown)
    assert len(shown.items) <= READABLE


def test_there_are_never_many_boxes_for_what_is_far() -> None:
    x, terms = Value(1.0, "x"), []
    for i in range(30):
        with scope(f"m{i}"):
            y = x * 2
        terms.append(exp(exp(exp(y))))
    shown = outline(Graph.of(ops.sum(terms)), collapse=1, max_nodes=50)
    is_whole(shown)
    far = [box for box in boxes(shown) if not box.scope]
    assert len(far) == MOST_BOXES
    assert len(far[-1].members) > len(far[0].members), "the last one has all that is left"


def test_several_roots_are_all_near() -> None:
    x = Value(1.0, "x")
    chain = x
    for _ in range(400):
        chain = chain + 1
    other = x * 3
    shown = outline(Graph.of(chain, other))
    is_whole(shown)
    assert shown.graph.nodes[shown.graph.roots[1]] in shown.items


def test_false_shows_everything_whatever_the_size() -> None:
    graph = Graph.of(moons_loss(5))
    assert outline(graph, collapse=False, max_nodes=1).items == graph.nodes


@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 5)), min_size=1, max_size=150))
def test_random_graphs_are_whole_however_they_are_folded(steps: Iterable[tuple[int, int, int]]) -> None:
    values = [Value(1.0, "x"), Value(2.0)]
    parts = ["", "a", "a/b", "a/b/c", "d", "d/e"]
    for left, right, part in steps:
        with scope(parts[part]):
            values.append(values[left % len(values)] + values[right % len(values)] * 0.5)
    backward([values[-1]])
    graph = Graph.of(values[-1])
    for settings in ({"max_nodes": 10}, {"collapse": 1}, {"collapse": 2}, {"collapse": True, "max_nodes": 5}):
        shown = outline(graph, **settings)  # type: ignore[arg-type]
        is_whole(shown)
        assert sum(not box.scope for box in boxes(shown)) <= MOST_BOXES
        assert outline(graph, **settings) == shown  # type: ignore[arg-type]
