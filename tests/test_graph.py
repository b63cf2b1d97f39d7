"""Graph: the snapshot that every reader works on."""

import dataclasses
import math

import pytest

from autograd_tiny import Graph, Value, dot, forget, ops, primitive, scope, tanh
from autograd_tiny.errors import GraphError
from autograd_tiny.graph import Node, is_atom, latex_name, number_text, write_operation


def names(graph):
    return [node.name for node in graph.nodes]


def test_nodes_in_topological_order_with_operands_in_order():
    a, b = Value(2.0, "a"), Value(3.0, "b")
    graph = Graph.of((a - b) * (b - a) + a * a)
    assert all(parent < node.index for node in graph.nodes for parent in node.parents)
    assert [node.index for node in graph.nodes] == list(range(len(graph.nodes)))
    assert [graph.formula(node) for node in graph.nodes if node.op] == ["a - b", "b - a", "v1 * v2", "a * a", "v3 + v4"]
    assert graph.root.data == 3.0
    assert graph.root.index == graph.roots[0] == len(graph.nodes) - 1


def test_facts_of_a_node():
    a = Value(2.0, "a")
    with scope("layer"):
        y = a * 5
    y.label = "y"
    leaf, constant, node = Graph.of(y).nodes
    assert (leaf.is_leaf, constant.is_leaf, node.is_leaf) == (True, True, False)
    assert (leaf.constant, constant.constant, node.constant) == (False, True, False)
    assert (node.op, node.parents, node.data, node.slopes) == (ops.mul, (0, 1), 10.0, (5.0, 2.0))
    assert (node.name, node.label, node.scope, node.line) == ("y", "y", "layer", "")
    assert (leaf.name, constant.name) == ("a", "5")


def test_gradients_are_none_before_backward():
    a = Value(2.0)
    y = a * a
    assert [node.grad for node in Graph.of(y).nodes] == [None, None]
    y.backward()
    assert [node.grad for node in Graph.of(y).nodes] == [4.0, 1.0]
    (y * 0.0).backward()
    assert Graph.of(y).root.grad == 0.0, "a gradient of zero is not the same as none"
    b = Value(0.0)
    (b * 0).backward()
    assert Graph.of(b).root.grad == 0.0


def test_gradients_that_are_values_become_numbers():
    a = Value(2.0)
    y = a**3
    y.backward(create_graph=True)
    assert [(node.grad, type(node.grad)) for node in Graph.of(y).nodes] == [(12.0, float), (1.0, float)]


def test_snapshot_does_not_change():
    a = Value(2.0, "a")
    y = a * a
    graph = Graph.of(y)
    a.data, a.label = 9.0, "renamed"
    y.backward()
    assert (graph.nodes[0].data, graph.nodes[0].name, graph.nodes[0].grad) == (2.0, "a", None)
    with pytest.raises(dataclasses.FrozenInstanceError):
        graph.nodes[0].data = 1.0
    with pytest.raises(dataclasses.FrozenInstanceError):
        graph.roots = ()
    assert isinstance(graph.nodes, tuple)
    assert isinstance(graph.nodes[0], Node)


def test_several_roots():
    a = Value(2.0)
    b, c = a * 2, a * 3
    graph = Graph.of(b, c, b)
    assert [graph.nodes[i].data for i in graph.roots] == [4.0, 6.0, 4.0]
    assert graph.root.data == 4.0
    assert len(graph.nodes) == 5


def test_roots_are_checked():
    with pytest.raises(GraphError, match="at least one root, got none"):
        Graph.of()
    with pytest.raises(GraphError, match=r"taken from a Value, got 3.0 \(float\)"):
        Graph.of(3.0)


def test_uses_and_parents():
    a = Value(2.0)
    y = a * a + a
    graph = Graph.of(y)
    assert graph.uses() == [3, 1, 0]
    assert [node.name for node in graph.parents(graph.nodes[1])] == ["x1", "x1"]
    assert graph.parents(graph.nodes[0]) == ()


def test_names_are_unique_for_everything_but_constants():
    first, second, third = Value(1.0, "a"), Value(2.0, "a"), Value(3.0, "a_2")
    y = (first * second + third) * Value(4.0) + 2 + 2
    y.label = "v1"
    graph = Graph.of(y)
    named = [node.name for node in graph.nodes if not node.constant]
    assert len(set(named)) == len(named)
    assert names(graph).count("2") == 2
    assert names(graph)[:2] == ["a", "a_3"], "the first keeps its label; a_2 belongs to somebody else"
    assert {node.name for node in graph.nodes if node.label == "a_2"} == {"a_2"}
    assert graph.root.name == "v1"


def test_names_of_unlabelled_nodes():
    x, y = Value(1.0), Value(2.0)
    graph = Graph.of(tanh(x * y) + 0.5)
    assert names(graph) == ["x1", "x2", "v1", "v2", "0.5", "v3"]
    assert [graph.formula(node) for node in graph.nodes] == ["x1", "x2", "x1 * x2", "tanh(v1)", "0.5", "v2 + 0.5"]


def test_formula_in_latex():
    a, b = Value(1.0, "a"), Value(2.0, "b")
    graph = Graph.of(a / b)
    assert graph.formula(graph.root, latex=True) == r"\frac{a}{b}"
    assert graph.formula(graph.root) == "a / b"


def test_scopes_of_leaves():
    w, shared = Value(1.0, "w"), Value(2.0, "shared")
    with scope("first"):
        y = w * 2 * shared
    with scope("second"):
        z = y * shared
    by_name = {node.name: node for node in Graph.of(z).nodes}
    assert by_name["w"].scope == "first", "a leaf belongs where all its users are"
    assert by_name["shared"].scope == ""
    assert by_name["2"].scope == "first"
    assert by_name["v3"].scope == "second"


def test_leaf_used_at_the_top_level_belongs_there():
    w = Value(1.0, "w")
    with scope("first"):
        y = w * 2
    graph = Graph.of(y + w)
    assert graph.nodes[0].scope == ""


def test_unfolded_dot():
    xs = [Value(1.0, "x1"), Value(2.0, "x2")]
    w = Value(3.0, "w")
    y = dot(xs, [w, w]) + 1
    y.backward()
    graph = Graph.of(y)
    flat = graph.unfolded()
    assert [node.op.name for node in flat.nodes if node.op] == ["mul", "mul", "sum", "add"]
    assert flat.root.data == graph.root.data == 10.0
    assert all(parent < node.index for node in flat.nodes for parent in node.parents)
    assert [node.index for node in flat.nodes] == list(range(len(flat.nodes)))
    for node in flat.nodes:
        if node.op:
            data, slopes = node.op.evaluate(*[parent.data for parent in flat.parents(node)])
            assert (node.data, node.slopes) == (data, slopes)
    products = [node for node in flat.nodes if node.op is ops.mul]
    assert [[parent.name for parent in flat.parents(node)] for node in products] == [["x1", "w"], ["x2", "w"]]
    assert [node.grad for node in products] == [1.0, 1.0]
    assert len({node.name for node in flat.nodes}) == len(flat.nodes)
    assert {node.name: node.grad for node in flat.nodes if node.is_leaf} == {
        node.name: node.grad for node in graph.nodes if node.is_leaf
    }


def test_unfolding_a_graph_without_dot_changes_nothing():
    a = Value(2.0, "a")
    graph = Graph.of(tanh(a * a + a))
    assert graph.unfolded() == graph


def test_unfolding_keeps_several_roots_and_repeated_operands():
    x = Value(2.0)
    square = dot([x], [x])
    graph = Graph.of(square, dot([square, x], [x, square])).unfolded()
    assert [graph.nodes[i].data for i in graph.roots] == [4.0, 16.0]


def test_deep_graph():
    y = Value(1.0)
    for _ in range(20_000):
        y = y + 1
    graph = Graph.of(y)
    assert len(graph.nodes) == 40_001
    assert graph.root.data == 20_001.0


def test_bound_operations_show_their_numbers():
    x = Value(2.0, "x")
    graph = Graph.of(x**3, ops.clip(x, 0.0, 1.0), ops.softmax([x, x], index=1))
    assert [graph.formula(graph.nodes[i]) for i in graph.roots] == [
        "x ** 3",
        "clip(x, low=0, high=1)",
        "softmax(x, x, index=1)",
    ]
    assert not math.isnan(graph.root.data)


# ---------------------------------------------------------------- details that planted mistakes once survived


def test_the_same_label_three_times():
    a, b, c = (Value(float(i), "a") for i in range(3))
    assert names(Graph.of(a, b, c)) == ["a", "a_2", "a_3"]
    taken = Value(1.0, "x1")
    assert names(Graph.of(taken, Value(2.0))) == ["x1", "x1_2"]


def test_brackets_stand_between_operators_only():
    odd = Value(0.5, "a+b")
    assert [graph.formula(graph.root) for graph in (Graph.of(tanh(odd)), Graph.of(odd * 2))] == [
        "tanh(a+b)",
        "(a+b) * 2",
    ]


def test_products_drawn_out_of_a_dot_have_no_label():
    y = dot([Value(1.0), Value(2.0)], [Value(3.0), Value(4.0)])
    y.label = "y"
    assert [(node.name, node.label) for node in Graph.of(y).unfolded().nodes if node.op] == [
        ("y.1", ""),
        ("y.2", ""),
        ("y", "y"),
    ]


def test_only_leaves_move_into_the_scope_of_their_users():
    x = Value(2.0, "x")
    outside = x * 2
    with scope("inside"):
        leaf = Value(1.0, "leaf")
        y = outside * leaf
    graph = Graph.of(y)
    assert [node.scope for node in graph.nodes if node.op] == ["", "inside"]


def test_labels_in_formulas():
    graph = Graph.of(Value(0.5, "50%") * Value(2.0, "x_1"))
    assert graph.formula(graph.root) == "(50%) * x_1"
    percent, one = latex_name("50%"), latex_name("x_1")
    assert percent != "50%"
    assert graph.formula(graph.root, latex=True) == rf"({percent}) \cdot {one}"
    assert [graph.formula(leaf, latex=True) for leaf in graph.parents(graph.root)] == [percent, one]


@pytest.mark.parametrize(
    ("name", "latex", "atom"),
    [
        ("x", "x", True),
        ("x1", "x_{1}", True),
        ("x_1", "x_{1}", True),
        ("w0_2", "w_{0,2}", True),
        ("x1.2", "x_{1.2}", True),
        ("w_a", "w_{a}", True),
        ("w_ab", r"w_{\text{ab}}", True),
        ("x_beta", r"x_{\beta}", True),
        ("alpha", r"\alpha", True),
        ("Omega", r"\Omega", True),
        ("β", r"\beta", True),
        ("Ω2", r"\Omega_{2}", True),
        ("x''", "x''", False),
        ("loss'", r"\text{loss}'", False),
        ("a_1_b", r"\text{a}\_\text{1}\_\text{b}", True),
        ("007", r"\text{007}", True),
        ("a b", r"\text{a b}", False),
        ("tax%", r"\text{tax}\%", False),
        ("a^b~<>|\\", r"\text{a}{\wedge}\text{b}{\sim}{<}{>}\vert \backslash ", False),
        ("{}$%#&_", r"\{\}\$\%\#\&\_", False),
        ("2.50", "2.5", True),
        ("-0.5", "-0.5", False),
        ("1e-07", "10^{-7}", False),
        ("0.123456789012345", "0.123456789012", True),
        ("inf", r"\infty", True),
        ("-inf", r"-\infty", False),
        ("nan", r"\text{nan}", True),
    ],
)
def test_every_kind_of_name_in_latex_and_between_operators(name, latex, atom):
    assert latex_name(name) == latex
    assert is_atom(name) is atom


@pytest.mark.parametrize(
    ("op", "text", "latex"),
    [
        (ops.add, "(-1) + (-2)", "(-1) + (-2)"),
        (ops.sub, "(-1) - (-2)", "(-1) - (-2)"),
        (ops.mul, "(-1) * (-2)", r"(-1) \cdot (-2)"),
        (ops.div, "(-1) / (-2)", r"\frac{-1}{-2}"),
        (ops.neg, "-(-1)", "-(-1)"),
        (ops.power.bind(n=2), "(-1) ** 2", "{(-1)}^{2}"),
        (ops.pow, "(-1) ** (-2)", "{(-1)}^{-2}"),
        (ops.mod, "mod(-1, -2)", r"(-1) \bmod (-2)"),
        (ops.remainder, "(-1) % (-2)", r"(-1) \bmod (-2)"),
        (ops.floordiv, "(-1) // (-2)", r"\left\lfloor\frac{-1}{-2}\right\rfloor"),
        (ops.log1p, "log1p(-1)", r"\ln\left(1 + (-1)\right)"),
        (ops.hypot, "hypot(-1, -2)", r"\sqrt{(-1)^2 + (-2)^2}"),
        (ops.exp, "exp(-1)", "e^{-1}"),
        (ops.where, "where(-1, -2, -3)", r"\begin{cases}-2 & -1 \ne 0\\-3 & \text{otherwise}\end{cases}"),
        (ops.sum, "sum(-1, -2, -3)", r"\textstyle\sum\left(-1, -2, -3\right)"),
    ],
    ids=lambda thing: getattr(thing, "name", None),
)
def test_where_operands_need_brackets(op, text, latex):
    terms = [(number, False) for number in ("-1", "-2", "-3")[: 3 if op.arity is None else op.arity]]
    assert write_operation(op, terms) == text
    assert write_operation(op, terms, latex=True) == latex
    names_of = [(name, True) for name in "abc"[: len(terms)]]
    assert write_operation(op, names_of) == op.write([name for name, _ in names_of]), "nothing to keep apart"


def test_an_operation_of_many_operands_between_signs_brackets_them_all():
    @primitive(slopes=lambda m, y, *xs: (1.0,) * len(xs), latex="{0} + 1")
    def more(m, *xs):
        """One more than the sum, x1 + ... + xn + 1."""
        return m.sum(xs) + 1

    try:
        assert write_operation(more, [("-1", False), ("-2", False)], latex=True) == "(-1), (-2) + 1"
    finally:
        forget(more)


def test_names_count_leaves_and_results_apart_and_round_constants_to_twelve_digits():
    x, y = Value(1.0), Value(2.0)
    graph = Graph.of((x + y) * 0.1234567890123456 - 1e-7)
    assert names(graph) == ["x1", "x2", "v1", "0.123456789012", "v2", "1e-07", "v3"]


def test_labels_that_would_garble_a_terminal_are_escaped_in_names():
    graph = Graph.of(Value(1.0, "a\x1b[31m") * Value(2.0, "b"))
    assert "\x1b" not in graph.nodes[0].name
    assert graph.nodes[0].label == "a\x1b[31m"


@pytest.mark.parametrize(
    ("number", "text"),
    [(-24.0, "-24"), (0.855341, "0.85534"), (123456.0, "1.2346e+05"), (1e-9, "1e-09"), (math.inf, "inf")],
)
def test_numbers_in_tables_have_five_digits(number, text):
    assert number_text(number) == text


def test_messages_about_roots():
    with pytest.raises(GraphError) as caught:
        Graph.of(Value(1.0), 2.0)
    assert str(caught.value) == "a graph is taken from a Value, got 2.0 (float); was it computed from a Value?"
    with pytest.raises(GraphError) as caught:
        Graph.of("a*b")
    assert str(caught.value) == (
        "a graph is taken from a Value, got 'a*b' (str); "
        "a formula in text is computed by expression.parse(text).evaluate(numbers)"
    )
    with pytest.raises(GraphError) as caught:
        Graph.of()
    assert str(caught.value) == ("a graph needs at least one root, got none; pass the Value that was computed last")


def test_snapshots_are_small():
    graph = Graph.of(Value(1.0) * 2)
    assert not hasattr(graph, "__dict__")
    assert not hasattr(graph.root, "__dict__")


def test_a_node_is_found_by_its_name_or_by_its_label_as_given():
    first, second = Value(2.0, "a\x1b"), Value(3.0, "a\x1b")
    graph = Graph.of(first * second + 1)
    assert [graph.named(name).data for name in ("a\x1b", "a\\x1b_2", "v1", "1")] == [2.0, 3.0, 6.0, 1.0]
    assert [leaf.data for leaf in graph.leaves] == [2.0, 3.0]
    with pytest.raises(GraphError, match=r"no node ''; it has a\\x1b, a\\x1b_2, v1, v2$"):
        graph.named("")


def test_an_unknown_name_is_answered_with_the_closest_names_first_and_not_with_all_of_a_large_graph():
    graph = Graph.of(ops.sum([Value(1.0, f"a{i}") for i in range(20)] + [Value(1.0, "width")]))
    with pytest.raises(GraphError, match=r"no node 'with'; it has width, a0, a1, a2, .*, a10, \.\.\.$"):
        graph.named("with")


def test_what_a_node_depends_on_and_what_depends_on_it():
    a, b = Value(2.0, "a"), Value(3.0, "b")
    graph = Graph.of((a * b) * (a + 1) - b)

    def found(indices):
        return {graph.nodes[i].name for i in indices}

    assert found(graph.ancestors(graph.named("v1"))) == {"a", "b", "v1"}
    assert found(graph.ancestors(graph.named("v2"))) == {"a", "1", "v2"}
    assert found(graph.descendants(graph.named("v1"))) == {"v1", "v3", "v4"}
    assert found(graph.ancestors(graph.root)) == set(names(graph))
    assert found(graph.descendants(graph.named("a"))) == {"a", "v1", "v2", "v3", "v4"}
    assert found(graph.descendants(graph.root)) == {"v4"}
    assert Graph.of(-a).descendants(Graph.of(-a).named("a")) == {0, 1}
