"""The player, as far as Python makes it: the page, its data and its picture. Browsers are in tests/browser."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given

from autograd_tiny import Value, dot, exp, explain, forget, primitive, registry, tanh
from autograd_tiny.cli import main
from autograd_tiny.errors import GraphError, MissingPackageError
from autograd_tiny.explanation.player import Player, layout, mathml
from autograd_tiny.explanation.player import page as player
from autograd_tiny.graph import Graph
from autograd_tiny.testing.strategies import expressions

HOSTILE = [
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "\"'`&amp;{}\\",
    "\x1b[31m\u202e\u2028",
]
SVG = "{http://www.w3.org/2000/svg}"


def example(name: str = "a") -> Value:
    a, b = Value(2.0, name), Value(-3.0, "b")
    loss = (a * b + 10) ** 2 * a
    loss.label = "loss"
    return loss


class Page(HTMLParser):
    """What a browser reads: tags with their attributes' names, and the text of each script."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, tuple[str, ...]]] = []
        self.links: list[str] = []
        self.scripts: list[str] = []
        self.within = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, tuple(name for name, _ in attrs)))
        self.links += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "action")]
        self.within = tag
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, data: str) -> None:
        if self.within == "script":
            self.scripts[-1] += data

    def handle_endtag(self, tag: str) -> None:
        self.within = ""


def data_of(page: str) -> dict[str, object]:
    data: dict[str, object] = json.loads(Page(page).scripts[0])
    return data


class TestPage:
    def test_fetches_nothing(self) -> None:
        page = explain(example()).player().html
        assert Page(page).links == []
        assert set(re.findall(r"https?://[^\"' ]*", page)) == {
            "http://www.w3.org/2000/svg",
            "http://www.w3.org/1998/Math/MathML",
        }
        assert "url(" not in page
        assert "import" not in re.findall(r"\w+", page)
        assert "default-src 'none'" in page

    def test_thirty_nodes_take_less_than_100_kilobytes(self) -> None:
        xs = [Value(0.1 * i, f"x{i}") for i in range(15)]
        total = xs[0]
        for x in xs[1:]:
            total = tanh(total * x) if len(Graph.of(total).nodes) % 2 else total * x
        while len(Graph.of(total).nodes) < 30:
            total = exp(total)
        assert len(Graph.of(total).nodes) == 30
        assert len(explain(total).player().html.encode()) < 100_000

    def test_has_no_identifiers_that_two_players_could_share(self) -> None:
        attributes = {name for _, names in Page(explain(example()).player().html).tags for name in names}
        assert "id" not in attributes
        assert not any(name.startswith("on") for name in attributes)

    @pytest.mark.parametrize("text", HOSTILE)
    def test_labels_are_inert(self, text: str) -> None:
        page = Player(explain(example(text)), title=text).html
        assert Page(page).tags == Page(explain(example()).player().html).tags
        assert len(Page(page).scripts) == 2
        assert all(c.isprintable() or c == "\n" for c in page)

    def test_labels_reach_the_page_as_they_are(self) -> None:
        nodes = data_of(explain(example(HOSTILE[0])).player().html)["nodes"]
        assert HOSTILE[0] in [node["name"] for node in nodes]  # type: ignore[attr-defined]

    @pytest.mark.parametrize("text", HOSTILE)
    def test_data_have_no_character_of_markup(self, text: str) -> None:
        assert not set("<>&") & set(Page(explain(example(text)).player().html).scripts[0])

    @given(expressions())
    def test_data_are_those_of_the_graph_and_the_steps(self, expression) -> None:  # type: ignore[no-untyped-def]
        explanation = explain(expression(*map(Value, expression.point)))
        data = data_of(explanation.player().html)
        assert data["refusal"] == ""
        for node, fact in zip(explanation.graph.nodes, data["nodes"], strict=True):  # type: ignore[call-overload]
            assert (fact["name"], fact["data"]) == (node.name, node.data)
            assert tuple(fact["parents"]) == node.parents
            assert tuple(fact["slopes"]) == node.slopes
        formulas = {step.node.index: [c.formula for c in step.contributions] for step in explanation.steps}
        found = {i: fact["formulas"] for i, fact in enumerate(data["nodes"]) if "formulas" in fact}  # type: ignore[arg-type]
        assert found == formulas

    def test_what_json_has_no_number_for(self) -> None:
        x = Value(0.0, "x")
        facts = data_of(explain(1 / x - 1 / x).player().html)["nodes"]
        assert {"Infinity", "NaN"} <= {fact["data"] for fact in facts}  # type: ignore[attr-defined]
        assert "-Infinity" in [slope for fact in facts for slope in fact["slopes"]]  # type: ignore[attr-defined]

    def test_a_rule_that_only_python_can_run_is_refused_by_name(self) -> None:
        @primitive(slopes=lambda m, y, x: (3.0 if float(x) > 0 else 2.0,))
        def own(m, x):  # type: ignore[no-untyped-def]
            """Three times x, or twice."""
            return 3.0 * x if float(x) > 0 else 2.0 * x

        try:
            page = explain(own(Value(2.0, "x"))).player().html
        finally:
            forget(own)
        assert "own" in str(data_of(page)["refusal"])
        assert "[null,\n null]" in page

    def test_a_leaf_alone_has_a_page(self) -> None:
        assert "<h2>How the gradient of x is found</h2>" in explain(Value(1.0, "x")).player().html

    def test_is_too_much_above_150_nodes(self) -> None:
        total = dot([Value(1.0) for _ in range(75)], [Value(2.0) for _ in range(75)])
        with pytest.raises(GraphError, match=r"at most 150 nodes and this graph has 151; play a smaller part"):
            explain(total).player()

    def test_is_too_much_above_500_edges(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def laid_out() -> None:
            raise AssertionError("refused too late")

        a, b = Value(1.0, "a"), Value(2.0, "b")
        most = dot([a] * 250, [b] * 250)
        assert explain(most).player().html.count('data-edge="') == 500
        monkeypatch.setattr(layout, "find_engine", laid_out)
        with pytest.raises(GraphError, match=r"at most 500 edges and this graph has 501; play a smaller part"):
            explain(exp(most)).player()

    def test_is_refused_without_a_graphviz_engine(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(layout, "find_engine", lambda: None)
        with pytest.raises(MissingPackageError, match="pip install graphviz-pure"):
            explain(example()).player()


class TestForms:
    def test_files(self, tmp_path: Path) -> None:
        path = explain(example()).to_html(tmp_path / "page.html")
        assert path == tmp_path / "page.html"
        assert path.read_text(encoding="utf-8") == explain(example()).player().html

    def test_notebooks_get_a_frame_around_the_whole_document(self) -> None:
        shown = explain(example("<b>")).player()
        bundle = shown._repr_mimebundle_()
        frame = Page(bundle["text/html"])
        assert frame.tags == [("iframe", ("srcdoc", "title", "sandbox", "style", "loading"))]
        attributes = dict(re.findall(r'(\w+)="([^"]*)"', bundle["text/html"]))
        assert attributes["sandbox"] == "allow-scripts"
        assert (
            ElementTree.fromstring(f'<p title="{attributes["srcdoc"]}"/>').get("title", "").split()
            == shown.html.split()
        )
        assert bundle["text/plain"] == repr(shown) == "<Player of loss: .to_html(path) writes it, a notebook shows it>"

    def test_the_picture_without_scripts_has_every_value_and_gradient(self) -> None:
        explanation = explain(example())
        picture = ElementTree.fromstring(explanation.player().svg())
        cards = [group for group in picture.iter(f"{SVG}g") if "card" in group.get("class", "").split()]
        assert len(cards) == len(explanation.graph.nodes)
        for node, card in zip(explanation.graph.nodes, cards, strict=True):
            texts = [text.text for text in card.iter(f"{SVG}text") if text.text]
            gradient = player._shown(explanation.gradients[node.index])
            facts = [] if node.constant else ["value", player._shown(node.data), "gradient", gradient]
            assert texts[1:] == facts
        edges = [group.get("data-edge") for group in picture.iter(f"{SVG}g") if group.get("class") == "edge"]
        assert sorted(edges) == ["2.0", "2.1", "4.0", "4.1", "5.0", "6.0", "6.1"]  # type: ignore[type-var]

    def test_an_explanation_shows_its_player_where_that_is_possible(self, monkeypatch: pytest.MonkeyPatch) -> None:
        explanation = explain(example())
        assert set(explanation._repr_mimebundle_()) == {"text/html", "image/svg+xml", "text/plain"}
        assert explanation._repr_mimebundle_()["text/plain"] == str(explanation)
        monkeypatch.setattr(layout, "find_engine", lambda: None)
        assert set(explanation._repr_mimebundle_()) == {"text/plain"}

    def test_the_command_line_writes_the_page(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        path = tmp_path / "page.html"
        assert main(["explain", "tanh(w*x)", "--at", "w=0.5", "x=2", "--html", str(path)]) == 0
        assert f"wrote {path}" in capsys.readouterr().out
        assert "<h2>tanh(w*x)</h2>" in path.read_text(encoding="utf-8")

    def test_numbers(self) -> None:
        numbers = (0.0, -0.0, 1 / 3, -24.0, 123456.0, 1234567.0, 1e-9, -1.5e300, float("nan"), float("-inf"))
        expected = "0 0 0.33333 −24 123460 1.2346×10⁶ 1×10⁻⁹ −1.5×10³⁰⁰ nan −∞".split()
        assert list(map(player._shown, numbers)) == expected


class TestLayout:
    @given(expressions())
    def test_cards_do_not_overlap_and_curves_lead_from_card_to_card(self, expression) -> None:  # type: ignore[no-untyped-def]
        graph = Graph.of(expression(*map(Value, expression.point)))
        sizes = [(150.0 + 10 * (i % 3), 64.0) for i in range(len(graph.nodes))]
        placed = layout.arrange(graph, sizes)
        boxes = [
            (x - w / 2, y - h / 2, x + w / 2, y + h / 2) for (x, y), (w, h) in zip(placed.centres, sizes, strict=True)
        ]
        for i, (left, top, right, bottom) in enumerate(boxes):
            assert left >= 0
            assert top >= 0
            assert right <= placed.width
            assert bottom <= placed.height
            for other in boxes[:i]:
                assert left >= other[2] or other[0] >= right or top >= other[3] or other[1] >= bottom
        assert set(placed.curves) == {(node.index, slot) for node in graph.nodes for slot in range(len(node.parents))}
        for (child, slot), curve in placed.curves.items():
            assert boxes[graph.nodes[child].parents[slot]][3] < boxes[child][1], "parents are above"
            assert len(curve) % 3 == 1
            for (x, y), box in ((curve[0], boxes[graph.nodes[child].parents[slot]]), (curve[-1], boxes[child])):
                assert box[0] - 2 <= x <= box[2] + 2
                assert box[1] - 2 <= y <= box[3] + 2

    def test_both_uses_in_a_square_have_their_own_curve(self) -> None:
        x = Value(3.0, "x")
        placed = layout.arrange(Graph.of(x * x), [(100.0, 60.0)] * 2)
        first, second = placed.curves[1, 0], placed.curves[1, 1]
        assert layout.middle(first)[0] < layout.middle(second)[0]

    def test_the_left_curve_is_that_of_the_first_operand_whatever_the_engine_says_first(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        lines = ["graph 1 2 3", "node 0 1 2.5 1 1", "node 1 1 0.5 1 1"]
        lines += [f"edge 0 1 4 {x} 2 {x} 1.7 {x} 1.3 {x} 1 solid black" for x in (1.5, 0.5)]
        monkeypatch.setattr(layout, "find_engine", lambda: lambda *_: "\n".join([*lines, "stop"]).encode())
        x = Value(3.0, "x")
        placed = layout.arrange(Graph.of(x * x), [(72.0, 72.0)] * 2)
        assert placed.curves[1, 0][0] == (50.0, 86.0)
        assert placed.curves[1, 1][0] == (122.0, 86.0)
        assert placed.centres == ((86.0, 50.0), (86.0, 194.0))


class TestMathematics:
    @pytest.mark.parametrize("name", sorted(registry))
    def test_every_operation_is_written_with_its_operands_left_open(self, name: str) -> None:
        op = registry[name].bind(**{key: 1.0 for key, number in registry[name].params.items() if number is None})
        values = [Value(0.5, "x1"), Value(0.25, "x2"), Value(0.125, "x3")][: op.arity or 3]
        node = op.apply(*values[:2], *values[:2]) if op.pairs else op.apply(*values)
        graph = Graph.of(node)
        formula = mathml.value_tree(graph, graph.root)
        assert places(formula) == set(range(len(graph.root.parents)))
        slopes = mathml.slope_trees(graph, graph.root)
        assert len(slopes) == len(graph.root.parents)
        for tree in [formula, *slopes]:
            assert not any(leaf.startswith("x") and leaf[1:].isdigit() for leaf in texts(tree)), "names are left open"
            assert places(tree) <= set(range(mathml.RESULT, len(graph.root.parents)))

    def test_constants_are_written_out_in_slopes(self) -> None:
        graph = Graph.of(Value(2.0, "a") * -3)
        assert mathml.slope_trees(graph, graph.root) == [["mrow", ["mo", "−"], ["mn", "3"]], 0]

    def test_latex_that_cannot_be_read_becomes_text(self) -> None:
        assert mathml.tree(r"\left( x", "x <b>") == ["mtext", "x <b>"]


def places(tree: mathml.Tree) -> set[int]:
    if isinstance(tree, int):
        return {tree}
    return set() if isinstance(tree, str) else set().union(*map(places, tree[1:]))


def texts(tree: mathml.Tree) -> list[str]:
    if isinstance(tree, int):
        return []
    return [tree] if isinstance(tree, str) else [text for child in tree[1:] for text in texts(child)]
