"""draw(): the forms of a picture, with and without a Graphviz engine."""

from __future__ import annotations

import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from autograd_tiny import Value, draw, drawing, no_grad, tanh
from autograd_tiny.errors import GraphError, MissingPackageError, ParameterError
from autograd_tiny.ops import dot

HOSTILE = "</script><b>&\"'\\n{a|b} [red] \x1b[31m \u202e"


def example() -> Value:
    a, b = Value(2.0, "a"), Value(-3.0, "b")
    loss = a * b + 10
    loss.label = "loss"
    return loss


def texts(svg: str) -> list[str]:
    root = ElementTree.fromstring(svg)
    return [element.text or "" for element in root.iter("{http://www.w3.org/2000/svg}text")]


class TestSVG:
    def test_shows_formula_data_and_gradient(self) -> None:
        loss = example()
        loss.backward()
        shown = texts(draw(loss).svg())
        assert {"v1 = a * b", "data -6", "grad -3", "loss = v1 + 10", "data 4", "10"} <= set(shown)

    def test_gradients_are_a_dash_before_backward_and_zero_when_they_are_zero(self) -> None:
        x = Value(-2.0, "x")
        y = x.relu()
        assert texts(draw(y).svg()).count("grad –") == 2
        y.backward()
        assert "grad 0" in texts(draw(y).svg())

    def test_the_same_parent_twice_has_two_edges(self) -> None:
        x = Value(2.0)
        assert draw(x * x).source.count("n0 -> n1") == 2

    def test_labels_are_inert(self) -> None:
        svg = draw(Value(1.0, HOSTILE) * 2).svg()
        assert "<script" not in svg
        assert "</script>" not in svg
        assert any("</script><b>&\"'\\n{a|b} [red]" in text for text in texts(svg))

    def test_notebooks_show_it(self) -> None:
        bundle = draw(example())._repr_mimebundle_()
        assert bundle["image/svg+xml"].lstrip().startswith("<?xml")
        assert "loss = v1 + 10" in bundle["text/plain"]


class TestOtherForms:
    def test_png(self) -> None:
        assert draw(example()).png().startswith(b"\x89PNG")

    def test_dot_is_the_source(self) -> None:
        assert draw(example()).dot().startswith("digraph")

    def test_mermaid(self) -> None:
        lines = draw(example()).mermaid().splitlines()
        assert lines[0] == "flowchart LR"
        assert '    n0(["a<br/>data 2<br/>grad #8211;"])' in lines
        assert "    n0 --> n2" in lines

    def test_mermaid_labels_are_inert(self) -> None:
        label_line = draw(Value(1.0, HOSTILE)).mermaid().splitlines()[1]
        assert label_line.count('"') == 2
        assert "</" not in label_line

    def test_text_is_a_tree_that_repeats_nothing(self) -> None:
        a = Value(2.0, "a")
        b = a * a
        b.label = "b"
        text = draw(b + b).text()
        assert text.splitlines() == [
            "v1 = b + b   data 8   grad –",
            "├─ b = a * a   data 4   grad –",
            "│  ├─ a   data 2   grad –",
            "│  └─ a   data 2   grad –",
            "└─ b = a * a   data 4   grad –   (see above)",
        ]

    def test_text_of_a_deep_graph_does_not_recurse(self) -> None:
        x = Value(0.0)
        for _ in range(3000):
            x = x + 1
        assert draw(x, max_nodes=10_000).text().count("\n") == 6000

    def test_direction(self) -> None:
        assert "rankdir=TB" in draw(example(), direction="TB").dot()
        with pytest.raises(ParameterError, match="'LR' or 'TB', got 'RL'"):
            draw(example(), direction="RL")

    @pytest.mark.parametrize("suffix", ["svg", "png", "dot", "mmd", "txt"])
    def test_save_as(self, tmp_path: Path, suffix: str) -> None:
        path = draw(example()).save_as(tmp_path / f"graph.{suffix}")
        assert path.stat().st_size > 50

    def test_save_as_refuses_other_suffixes(self, tmp_path: Path) -> None:
        with pytest.raises(ParameterError, match=r"'graph\.pdf': the suffix is one of \.svg, \.png"):
            draw(example()).save_as(tmp_path / "graph.pdf")
        assert not list(tmp_path.iterdir())

    def test_render_as_graphviz_does(self, tmp_path: Path) -> None:
        path = draw(example()).render("graph", directory=tmp_path, format="svg")
        assert Path(path) == tmp_path / "graph.svg"
        assert Path(path).read_text().lstrip().startswith("<?xml")


def test_tooltips_show_scope_and_line_inert() -> None:
    from autograd_tiny import record_lines, scope

    with record_lines(), scope('"a" <b>'):
        y = Value(2.0) * 3
    titles = [
        element.get("{http://www.w3.org/1999/xlink}title", "")
        for element in ElementTree.fromstring(draw(y).svg()).iter("{http://www.w3.org/2000/svg}a")
    ]
    assert any(title.startswith('"a" <b>, ') and title.rpartition(":")[2].isdigit() for title in titles)


def test_a_plain_session_shows_the_text() -> None:
    drawing_of_loss = draw(example())
    assert repr(drawing_of_loss) == drawing_of_loss.text() == repr(drawing_of_loss.copy())


class TestDot:
    def neuron(self) -> Value:
        inputs, weights = [Value(1.0, "x0"), Value(2.0, "x1")], [Value(0.5, "w0"), Value(-1.0, "w1")]
        return tanh(dot(inputs, weights))

    def test_is_one_node_unless_unfolded(self) -> None:
        assert "v1 = dot([x0, x1], [w0, w1])" in texts(draw(self.neuron()).svg())

    def test_unfolds_into_products_and_a_sum(self) -> None:
        root = self.neuron()
        root.backward()
        shown = draw(root, unfold=True)
        assert {"v1.1 = x0 * w0", "v1.2 = x1 * w1", "v1 = sum(v1.1, v1.2)"} <= set(texts(shown.svg()))
        sums = [node for node in shown.graph.nodes if node.op is not None and node.op.name == "sum"]
        products = [shown.graph.nodes[i] for i in sums[0].parents]
        assert sum(node.data for node in products) == sums[0].data
        assert all(node.grad == sums[0].grad for node in products)
        for product in products:
            for parent, slope in zip(shown.graph.parents(product), product.slopes, strict=True):
                assert parent.grad == slope * product.grad


def test_drawings_are_the_same_in_every_process() -> None:
    program = (
        "import random; from autograd_tiny import Value, draw\n"
        "r = random.Random(0); nodes = [Value(r.random()) for _ in range(4)]\n"
        "for _ in range(20): nodes.append(r.choice(nodes) * r.choice(nodes) + 1)\n"
        "print(draw(nodes[-1]).dot())"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", program], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("0", "1", "2")
    }
    assert len(outputs) == 1


def test_large_graphs_are_refused_with_the_remedy() -> None:
    x = Value(0.0)
    for _ in range(300):
        x = x + 1
    with pytest.raises(GraphError, match="601 nodes and a drawing at most max_nodes=500"):
        draw(x)


def test_only_values_are_drawn() -> None:
    with pytest.raises(GraphError, match="taken from a Value"):
        draw(1.0)  # type: ignore[arg-type]


def test_a_node_made_without_recording_is_a_leaf() -> None:
    with no_grad():
        y = Value(2.0) * 3
    assert draw(y).text() == "x1   data 6   grad –"


class TestEngines:
    def test_the_wheel_draws_without_a_system_dot(self, monkeypatch: pytest.MonkeyPatch) -> None:
        if drawing._graphviz_pure() is None:
            pytest.skip("graphviz-pure has no wheel for this machine")
        which = drawing.shutil.which
        monkeypatch.setattr(
            drawing.shutil, "which", lambda name, path=None: None if name == "dot" else which(name, path=path)
        )
        assert "graphviz-pure" in draw(example()).svg()

    def test_the_wheel_is_found_although_its_folder_is_not_on_the_path(self, monkeypatch: pytest.MonkeyPatch) -> None:
        if drawing._graphviz_pure() is None:
            pytest.skip("graphviz-pure has no wheel for this machine")
        monkeypatch.setenv("PATH", "")
        assert drawing.find_engine() is not None

    def test_without_any_engine_text_and_mermaid_remain(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setattr(drawing, "find_engine", lambda: None)
        shown = draw(example())
        with pytest.raises(MissingPackageError, match="pip install graphviz-pure"):
            shown.save_as(tmp_path / "graph.svg")
        assert not list(tmp_path.iterdir())
        bundle = shown._repr_mimebundle_()
        assert set(bundle) == {"text/plain"}
        assert "pip install graphviz-pure" in bundle["text/plain"]
        assert shown.mermaid().startswith("flowchart")

    def test_an_engine_that_fails_says_why(self, monkeypatch: pytest.MonkeyPatch) -> None:
        shown = draw(example())
        with pytest.raises(GraphError, match="could not draw the graph as nonsense"):
            shown.pipe(format="nonsense")
