"""draw(): the forms of a picture, with and without a Graphviz engine."""

from __future__ import annotations

import math
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from dataclasses import FrozenInstanceError, dataclass
from pathlib import Path
from typing import Any

import pytest

from autograd_tiny import Value, draw, graphviz_engine, log, nn, no_grad, paths, scope, tanh
from autograd_tiny.drawing import Drawing, picture
from autograd_tiny.drawing.themes import THEMES, LogScale, blend, ink
from autograd_tiny.errors import GraphError, MissingPackageError, ParameterError
from autograd_tiny.graph import Graph
from autograd_tiny.ops import dot
from autograd_tiny.ops import sum as ops_sum

HOSTILE = "</script><b>&\"'\\n{a|b} [red] \x1b[31m \u202e"


def example() -> Value:
    a, b = Value(2.0, "a"), Value(-3.0, "b")
    loss = a * b + 10
    loss.label = "loss"
    return loss


SVG = "{http://www.w3.org/2000/svg}"


def texts(svg: str) -> list[str]:
    root = ElementTree.fromstring(svg)
    return [element.text or "" for element in root.iter(f"{SVG}text")]


@dataclass
class Shape:
    """A node, an edge or a frame, as the SVG shows it."""

    texts: list[str]
    fill: str
    stroke: str
    width: float
    text_color: str
    dashes: str


def shapes(drawn: Drawing, kind: str) -> dict[str, Shape]:
    """Return the nodes by their first text, the edges by the first texts of their ends, the frames by their text."""
    found: dict[str, Shape] = {}
    name_of: dict[str, str] = {}
    groups = [g for g in ElementTree.fromstring(drawn.svg()).iter(f"{SVG}g") if g.get("class") in ("node", kind)]
    for group in sorted(groups, key=lambda g: g.get("class") == "edge"):
        title = group.findtext(f"{SVG}title") or ""
        written = list(group.iter(f"{SVG}text"))
        lines = [(element.text or "").replace("\xa0", " ") for element in written]
        drawn_lines = [e for tag in ("path", "polygon") for e in group.iter(f"{SVG}{tag}")]
        outline = next(e for e in drawn_lines if e.get("stroke") != "none")
        name = " -> ".join(name_of[end] for end in title.split("->")) if group.get("class") == "edge" else lines[0]
        if group.get("class") == "node":
            name = name_of[title] = lines[0].partition(" = ")[0]
        if group.get("class") == kind:
            color = written[0].get("fill", "black") if written else ""
            width, dashes = float(outline.get("stroke-width", 1)), outline.get("stroke-dasharray", "")
            fill = next((e.get("fill", "") for e in group.iter() if e.get("fill") not in (None, "none")), "none")
            found[name] = Shape(lines, fill, outline.get("stroke", ""), width, color, dashes)
    return found


def network(*, backward: bool = True) -> tuple[list[Value], Value]:
    """Return the inputs and the output of a network of two layers."""
    inputs = [Value(1.0, "x0"), Value(-2.0, "x1")]
    output = nn.MLP(2, [2, 1], rng=1)(inputs)
    if backward:
        output.backward()
    return inputs, output


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

    def test_a_long_formula_is_the_operation_and_how_many_operands(self) -> None:
        for length, shown in ((24, f"v1 = sum({'a' * 24}, b)"), (25, "v1 = sum(2 operands)")):
            y = ops_sum([Value(1.0, "a" * length), Value(2.0, "b")])
            assert draw(y).text().splitlines()[0] == f"{shown}   data 3   grad –"

    def test_a_constant_says_its_number_only(self) -> None:
        assert draw(Value(2.0, "a") * 3).text().splitlines()[-1] == "└─ 3"

    def test_mermaid_has_rounded_leaves_square_results_and_indented_frames(self) -> None:
        with scope("b"):
            y = Value(2.0, "x") * 3
        with scope("a"), scope("c"):
            y = y * 5
        y = y * 7
        assert draw(y).mermaid().splitlines() == [
            "flowchart LR",
            '    n5(["7"])',
            '    n6["v3 = v2 #42; 7<br/>data 210<br/>grad #8211;"]',
            '    subgraph s1["b"]',
            '        n0(["x<br/>data 2<br/>grad #8211;"])',
            '        n1(["3"])',
            '        n2["v1 = x #42; 3<br/>data 6<br/>grad #8211;"]',
            "    end",
            '    subgraph s2["a"]',
            '        subgraph s3["c"]',
            '            n3(["5"])',
            '            n4["v2 = v1 #42; 5<br/>data 30<br/>grad #8211;"]',
            "        end",
            "    end",
            "    n0 --> n2",
            "    n1 --> n2",
            "    n2 --> n4",
            "    n3 --> n4",
            "    n4 --> n6",
            "    n5 --> n6",
        ]

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


@pytest.mark.parametrize("form", ["dot", "svg", "mermaid", "text"])
def test_drawings_are_the_same_in_every_process(form: str) -> None:
    if graphviz_engine._graphviz_pure() is None:
        pytest.skip("graphviz-pure has no wheel for this machine")
    program = (
        "import random; from autograd_tiny import Value, draw, scope\n"
        "r = random.Random(0); nodes = [Value(r.random(), f'x{i}') for i in range(4)]\n"
        "for i in range(300):\n"
        "    with scope(r.choice('abc') + '/' + r.choice('de')): nodes.append(r.choice(nodes) * r.choice(nodes) + 1)\n"
        "root = sum(nodes); root.backward()\n"
        "look = dict(color='gradient', thickness='contribution', highlight=nodes[40], reproducible=True)\n"
        f"print(draw(root, **look).{form}(), draw(nodes[5], **dict(look, highlight=None)).{form}())"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", program], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("0", "1")
    }
    assert len(outputs) == 1
    assert " at 0x" not in min(outputs)


def test_only_values_are_drawn() -> None:
    with pytest.raises(GraphError, match="taken from a Value"):
        draw(1.0)  # type: ignore[arg-type]


def test_a_node_made_without_recording_is_a_leaf() -> None:
    with no_grad():
        y = Value(2.0) * 3
    assert draw(y).text() == "x1   data 6   grad –"


class TestEngines:
    def test_the_wheel_draws_without_a_system_dot(self, monkeypatch: pytest.MonkeyPatch) -> None:
        if graphviz_engine._graphviz_pure() is None:
            pytest.skip("graphviz-pure has no wheel for this machine")
        which = graphviz_engine.shutil.which
        monkeypatch.setattr(
            graphviz_engine.shutil, "which", lambda name, path=None: None if name == "dot" else which(name, path=path)
        )
        assert "graphviz-pure" in draw(example()).svg()

    def test_the_wheel_is_found_although_its_folder_is_not_on_the_path(self, monkeypatch: pytest.MonkeyPatch) -> None:
        if graphviz_engine._graphviz_pure() is None:
            pytest.skip("graphviz-pure has no wheel for this machine")
        monkeypatch.setenv("PATH", "")
        assert graphviz_engine.find_engine() is not None

    def test_without_any_engine_text_and_mermaid_remain(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setattr(picture, "find_engine", lambda bundled: None)
        shown = draw(example())
        with pytest.raises(MissingPackageError, match="pip install graphviz-pure"):
            shown.save_as(tmp_path / "graph.svg")
        assert not list(tmp_path.iterdir())
        bundle = shown._repr_mimebundle_()
        assert set(bundle) == {"text/plain"}
        assert "pip install graphviz-pure" in bundle["text/plain"]
        assert shown.mermaid().startswith("flowchart")

    def test_reproducible_pictures_take_the_wheel_or_nothing(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        other = tmp_path / "dot"
        other.write_text("#!/bin/sh\necho another engine\n")
        other.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
        assert draw(example()).svg() == "another engine\n"
        if graphviz_engine._graphviz_pure() is not None:
            assert "graphviz-pure" in draw(example(), reproducible=True).svg()
        monkeypatch.setattr(graphviz_engine, "_graphviz_pure", lambda: None)
        with pytest.raises(MissingPackageError, match=r"reproducible pictures .* pip install graphviz-pure"):
            draw(example(), reproducible=True).svg()
        assert draw(example()).svg() == "another engine\n"

    def test_an_engine_that_fails_says_why(self, monkeypatch: pytest.MonkeyPatch) -> None:
        shown = draw(example())
        with pytest.raises(GraphError, match="could not draw the graph as nonsense"):
            shown.pipe(format="nonsense")


# ---------------------------------------------------------------- modules as frames, and collapsed


class TestModules:
    def test_frames_nest_as_the_modules_do(self) -> None:
        _, y = network()
        drawn = draw(y)
        frames = re.findall(r'<g id="clust\d+" class="cluster">', drawn.svg())
        assert len(frames) == 1 + 2 + 3
        assert {"MLP", "layers[0]", "layers[1]", "neurons[0]", "neurons[1]"} <= set(texts(drawn.svg()))
        source = drawn.dot()
        inner = source[source.index("<layers[1]>") :]
        assert inner.index("<neurons[0]>") < inner.index("}"), "the neuron's frame is inside its layer's"

    def test_the_first_neuron_stands_first(self) -> None:
        y = nn.MLP(2, [4, 1])([Value(1.0), Value(2.0)])
        for direction, axis in (("LR", "y"), ("TB", "x")):
            svg = ElementTree.fromstring(draw(y, direction=direction).svg())
            places = {e.text: float(e.get(axis, 0)) for e in svg.iter(f"{SVG}text")}
            order = [places[f"neurons[{k}]"] for k in (1, 2, 3)]
            assert order == sorted(order), direction

    def test_inputs_stand_before_the_frame(self) -> None:
        _, y = network()
        svg = draw(y).svg()
        places = {e.text: float(e.get("x", 0)) for e in ElementTree.fromstring(svg).iter(f"{SVG}text")}
        assert max(places["x0"], places["x1"]) < places["MLP"]

    def test_a_part_without_a_name_has_a_frame(self) -> None:
        with scope("a//b"):
            y = Value(1.0) * 2
        assert {"a", "b"} <= set(texts(draw(y).svg()))
        assert "label=<>" not in draw(y).dot(), "Graphviz takes no empty HTML"

    def test_a_collapsed_part_is_one_box_with_its_size_and_operations(self) -> None:
        _, y = network()
        drawn = draw(y, collapse=2)
        assert shapes(drawn, "node")["layers[0]"].texts == ["layers[0]", "12 nodes", "2 add, 2 dot, 2 tanh"]
        edges = shapes(drawn, "edge")
        assert edges["x0 -> layers[0]"].texts[0] == "×2"
        assert edges["x0 -> layers[0]"].width > 1
        assert set(edges) == {"x0 -> layers[0]", "x1 -> layers[0]", "layers[0] -> layers[1]"}

    def test_the_note_is_in_every_form(self) -> None:
        _, y = network()
        drawn = draw(y, collapse=1)
        sentence = "The graph has 19 nodes. Collapsed: 1 part of the model into one box (MLP)."
        assert sentence in texts(drawn.svg())
        assert sentence in drawn.text().splitlines()
        assert f"    %% {sentence}" in drawn.mermaid().splitlines()

    def test_text_of_a_collapsed_graph(self) -> None:
        _, y = network(backward=False)
        assert draw(y, collapse=2).text().splitlines() == [
            "MLP/layers[1]   5 nodes   1 add, 1 dot",
            "└─ MLP/layers[0]   12 nodes   2 add, 2 dot, 2 tanh",
            "   ├─ x0   data 1   grad –",
            "   └─ x1   data -2   grad –",
            "The graph has 19 nodes. Collapsed: 2 parts of the model into boxes (MLP/layers[0], MLP/layers[1]).",
            "Open a part with expand='MLP/layers[0]'; collapse=False draws everything.",
        ]

    def test_text_of_parts_that_depend_on_each_other_ends(self) -> None:
        x = Value(2.0, "x")
        with scope("a"):
            y = x * 2
        with scope("b"):
            y = y * 3
        with scope("a"):
            y = y * 5
        lines = draw(y, collapse=1).text().splitlines()
        assert lines[2] == "   └─ a   5 nodes   2 mul   (see above)"

    def test_mermaid_of_a_collapsed_graph(self) -> None:
        _, y = network(backward=False)
        lines = draw(y, collapse=2, expand="MLP/layers[1]").mermaid().splitlines()
        assert '    subgraph s1["MLP"]' in lines
        assert '        n2[["MLP/layers[0]<br/>12 nodes<br/>2 add, 2 dot, 2 tanh"]]' in lines
        assert '        subgraph s2["layers[1]"]' in lines
        assert lines.count("        end") == lines.count("    end") == 1
        assert '    n0 --> |"×2"| n2' in lines

    def test_mermaid_frames_nest_as_the_modules_do(self) -> None:
        _, y = network()
        around: list[str] = []
        found = []
        for line in draw(y).mermaid().splitlines():
            if line.strip().startswith("subgraph"):
                around.append(line.partition('"')[2].rstrip('"]') + ("]" if "[" in line.partition('"')[2] else ""))
                found.append("/".join(around))
            elif line.strip() == "end":
                around.pop()
        layers = {"MLP/layers[0]": 2, "MLP/layers[1]": 1}
        assert not around
        assert sorted(found) == sorted(
            ["MLP", *layers, *(f"{layer}/neurons[{k}]" for layer, size in layers.items() for k in range(size))]
        )

    def test_hostile_scopes_are_inert_where_they_are_collapsed(self) -> None:
        with scope(HOSTILE.replace("/", "")):
            y = Value(1.0, "a") * 2
        drawn = draw(y, collapse=1)
        assert "<script" not in drawn.svg()
        assert "\x1b" not in drawn.text() + drawn.svg() + drawn.mermaid() + drawn.dot()
        assert any("<script><b>&\"'\\n{a|b} [red]" in text for text in texts(drawn.svg()))

    def test_ten_thousand_nodes_are_drawn_collapsed(self) -> None:
        y = Value(0.0, "x")
        for _ in range(5000):
            y = y + 1.5
        drawn = draw(y)
        shown = texts(drawn.svg())
        assert "The graph has 10,001 nodes. Collapsed: what is far from the root into 1 box." in shown
        assert {"x", "v5000 = v4999 + 1.5", "4,984 add"} <= set(shown)
        assert "4,984 add" in drawn.text()


# ---------------------------------------------------------------- colour, thickness, highlight, themes


def luminance(color: str) -> float:
    linear = [(c / 255 / 12.92) if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in bytes.fromhex(color[1:])]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted([luminance(one), luminance(other)])
    return (high + 0.05) / (low + 0.05)


class TestColors:
    @pytest.mark.parametrize("theme", THEMES)
    def test_text_is_legible_on_every_fill(self, theme: str) -> None:
        colors = THEMES[theme]
        for fill in (colors.leaf, colors.result, colors.root, colors.constant, colors.box, colors.background):
            assert contrast(colors.text, fill) > 7
        for k in range(101):
            fill = blend(colors.ramp, k / 100)
            assert contrast(ink(fill), fill) > 4.5
        assert contrast(ink(colors.bad), colors.bad) > 4.5

    def test_the_ramp_is_told_apart_by_lightness_alone(self) -> None:
        for theme in ("light", "dark"):
            light = [luminance(blend(THEMES[theme].ramp, k / 50)) for k in range(51)]
            assert light == sorted(light)
            assert len(set(light)) == 51

    @pytest.mark.parametrize("theme", ["light", "dark"])
    def test_color_shows_the_size_of_the_gradient(self, theme: str) -> None:
        a, b, c = Value(1000.0, "a"), Value(0.001, "b"), Value(1.0, "c")
        y = a * b * c
        y.backward()
        nodes = shapes(draw(y, color="gradient", theme=theme), "node")
        by_size = sorted((a, b, c), key=lambda leaf: abs(leaf.grad))
        light = [luminance(nodes[leaf.label].fill) for leaf in by_size]
        assert light == sorted(light)
        assert len(set(light)) == 3
        assert nodes["b"].text_color == ink(nodes["b"].fill)

    def test_the_legend_has_the_numbers_of_the_ends(self) -> None:
        loss = example()
        loss.backward()
        shown = texts(draw(loss, color="gradient").svg())
        assert {"1", "3", "|gradient|", "log scale"} <= set(shown)

    def test_without_zero_and_infinity_the_legend_has_neither(self) -> None:
        x = Value(2.0, "x")
        y = x * 3.0 * 5.0
        y.backward()
        legend = draw(y, color="gradient").dot().partition("|gradient|")[2].partition("log scale")[0]
        assert re.findall(r">([^<>]+)</font>", legend) == ["1", "2", "3.9", "7.6", "15"]
        zero = Value(-1.0, "x").relu()
        zero.backward()
        legend = draw(zero, color="gradient").dot().partition("|gradient|")[2].partition("log scale")[0]
        assert re.findall(r">([^<>]+)</font>", legend) == ["0", "1"]

    def test_kinds_have_colours_and_borders_of_their_own(self) -> None:
        with scope("part"):
            p = Value(5.0, "p") * 2
        y = (Value(2.0, "a") * 3.0) * p
        light, nodes = THEMES["light"], shapes(draw(y, collapse=1), "node")
        fills = {name: shape.fill for name, shape in nodes.items()}
        assert fills == {"a": light.leaf, "3": light.constant, "v1": light.result, "part": light.box, "v3": light.root}
        assert nodes["3"].dashes
        assert [name for name, shape in nodes.items() if shape.width > 1] == ["v3"]
        assert {shape.text_color for shape in nodes.values()} == {light.text}
        assert 'tooltip="part; open with expand=' in draw(y, collapse=1).dot()
        assert "thin" not in draw(y).dot() + draw(y, color="gradient").dot()
        assert "|gradient|" not in draw(y, thickness="contribution").dot()

    def test_zero_and_not_finite_gradients_have_places_of_their_own(self) -> None:
        x, z = Value(0.0, "x"), Value(-1.0, "z")
        y = log(x) * 1.0 + z.relu()
        y.backward()
        drawn = draw(y, color="gradient")
        nodes = shapes(drawn, "node")
        assert nodes["x"].fill == THEMES["light"].bad
        assert nodes["z"].fill == THEMES["light"].background
        assert {"0", "not finite"} <= set(texts(drawn.svg()))

    def test_one_size_needs_one_swatch(self) -> None:
        y = Value(2.0, "x") + Value(3.0, "y")
        y.backward()
        drawn = draw(y, color="gradient", thickness="contribution")
        assert texts(drawn.svg()).count("1") == 1
        assert f'bgcolor="{THEMES["light"].ramp[-1]}"' in drawn.dot()
        assert any("from 1 (thin) to 1 (thick)" in text for text in texts(drawn.svg()))

    def test_before_backward_the_legend_says_what_to_do(self) -> None:
        drawn = draw(example(), color="gradient", thickness="contribution")
        assert "colour: no gradients yet; call backward() first" in texts(drawn.svg())
        assert "edges: no contributions yet; call backward() first" in texts(drawn.svg())

    def test_a_box_has_the_colour_of_its_largest_gradient(self) -> None:
        with scope("part"):
            y = Value(2.0, "x") * 100 * 0.5
        z = y * 3
        z.backward()
        drawn = draw(z, color="gradient", collapse=1)
        assert shapes(drawn, "node")["part"].fill == blend(THEMES["light"].ramp, 1.0)
        assert "log scale; a box has the colour of its largest" in texts(drawn.svg())

    def test_a_box_with_nan_in_it_says_so(self) -> None:
        for numbers in ((1.0, math.nan), (math.nan, 1.0)):
            leaves = [Value(1.0, "a"), Value(2.0, "b")]
            with scope("part"):
                y = leaves[0] * leaves[1]
            y.backward()
            for leaf, number in zip(leaves, numbers, strict=True):
                leaf.grad = number
            drawn = draw(y * 2, color="gradient", collapse=1)
            assert shapes(drawn, "node")["part"].fill == THEMES["light"].bad

    @pytest.mark.parametrize("collapse", [None, 1])
    def test_print_is_black_and_white(self, collapse: int | None) -> None:
        x, y = network()
        look: dict[str, Any] = {"color": "gradient", "thickness": "contribution", "highlight": x[0]}
        colors = re.findall(r"#([0-9a-f]{6})", draw(y, theme="print", collapse=collapse, **look).dot())
        assert colors
        assert all(color[:2] == color[2:4] == color[4:] for color in colors)

    def test_dark_is_dark(self) -> None:
        assert f'bgcolor="{THEMES["dark"].background}"' in draw(example(), theme="dark").dot()


class TestThickness:
    def test_an_edge_is_as_thick_as_its_contribution_is_large(self) -> None:
        a, b, c = Value(10.0, "a"), Value(0.1, "b"), Value(1.0, "c")
        y = (a * b) * (c * 3.0)
        y.backward()
        edges = shapes(draw(y, thickness="contribution"), "edge")
        contributions = {"v1 -> v3": 3.0, "v2 -> v3": 1.0, "a -> v1": 0.3, "b -> v1": 30.0, "c -> v2": 3.0}
        order = sorted(contributions, key=contributions.__getitem__)
        widths = [edges[name].width for name in order]
        assert widths == sorted(widths)
        assert (widths[0], widths[-1]) == (0.6, 5.0)
        assert edges["v1 -> v3"].width == edges["c -> v2"].width
        assert edges["3 -> v2"].width == 1.0, "a plain number gets no gradient"

    def test_at_a_box_contributions_add_up(self) -> None:
        x, other = Value(1.0, "x"), Value(1.0, "other")
        with scope("part"):
            left, right = x * 2.0, x * -3.0
        y = left * right + other
        y.backward()
        drawn = draw(y, thickness="contribution", collapse=1)
        assert shapes(drawn, "edge")["part -> v3"].width == 5.0
        assert "edges: |contribution| from 1 (thin) to 5 (thick), log scale; dotted is 0" in texts(drawn.svg())

    def test_nothing_flows_along_a_dotted_edge(self) -> None:
        x = Value(-1.0, "x")
        y = x.relu()
        y.backward()
        assert shapes(draw(y, thickness="contribution"), "edge")["x -> v1"].dashes

    def test_the_legend_has_the_numbers(self) -> None:
        loss = example()
        loss.backward()
        shown = texts(draw(loss, thickness="contribution").svg())
        assert "edges: |contribution| from 1 (thin) to 3 (thick), log scale; dotted is 0" in shown

    @pytest.mark.parametrize("make", [lambda: Value(-1.0, "x").relu(), lambda: log(Value(0.0, "x"))])
    def test_after_backward_nobody_is_told_to_call_it(self, make: Any) -> None:
        y = make()
        assert "edges: no contributions yet; call backward() first" in draw(y, thickness="contribution").dot()
        y.backward()
        row = "edges: dotted where the contribution is 0, thick where it is not finite"
        assert row in draw(y, thickness="contribution").dot()

    def test_many_uses_make_an_edge_thicker(self) -> None:
        x = Value(1.0, "x") * 2
        with scope("part"):
            y = ops_sum([x] * 10)
        drawn = draw(y, collapse=1)
        assert shapes(drawn, "edge")["v1 -> part"].width == 2.0
        assert "×10" in drawn.dot()

    def test_a_contribution_is_slope_times_upstream(self) -> None:
        x = Value(1.0, "x")
        y = (x * 0.1) * 10.0
        y.backward()
        assert "from 1 (thin) to 10 (thick)" in draw(y, thickness="contribution").dot()

    def test_infinite_contributions_are_drawn_thick(self) -> None:
        y = log(Value(0.0, "x")) * Value(2.0, "w")
        y.backward()
        assert shapes(draw(y, thickness="contribution"), "edge")["x -> v1"].width == 5.0
        assert LogScale([1.0, 2.0]).position(math.nan) == 1.0


def test_log_scale_is_bounded() -> None:
    scale = LogScale([1e-300, 1.0, math.inf, math.nan, 0.0])
    assert scale.ticks(2) == [(0.0, "1e-06"), (1.0, "1")]
    assert (scale.position(1e-300), scale.position(1e-3), scale.position(math.inf)) == (0.0, 0.5, 1.0)
    assert LogScale([]).empty
    assert LogScale([2.0]).position(2.0) == 1.0


class TestHighlight:
    def diamond(self) -> tuple[Value, Value, Value, Value, Value]:
        a, b = Value(2.0, "a"), Value(3.0, "b")
        left, right = a * b, a + 1
        left.label, right.label = "left", "right"
        top = left * right
        top.label = "top"
        return a, b, left, right, top

    def bright(self, drawn: Drawing) -> tuple[set[str], set[str]]:
        faint = THEMES["light"].faint_line
        nodes, edges = shapes(drawn, "node"), shapes(drawn, "edge")
        for shape in nodes.values():
            assert (shape.stroke == faint) == (shape.text_color == THEMES["light"].faint_text)
        return (
            {name for name, shape in nodes.items() if shape.stroke != faint},
            {name for name, shape in edges.items() if shape.stroke != faint},
        )

    def test_a_node_means_all_it_depends_on(self) -> None:
        _, _, left, _, top = self.diamond()
        for given in (left, "left"):
            assert self.bright(draw(top, highlight=given)) == ({"a", "b", "left"}, {"a -> left", "b -> left"})

    def test_a_leaf_means_all_its_ways_to_the_root(self) -> None:
        _, b, _, _, top = self.diamond()
        assert self.bright(draw(top, highlight=b)) == ({"b", "left", "top"}, {"b -> left", "left -> top"})

    def test_a_list_is_one_way_in_either_direction(self) -> None:
        a, _, _, right, top = self.diamond()
        way = ({"a", "right", "top"}, {"a -> right", "right -> top"})
        assert self.bright(draw(top, highlight=[a, right, top])) == way
        assert self.bright(draw(top, highlight=(top, "right", a))) == way
        assert self.bright(draw(top, highlight=[a, top])) == ({"a", "top"}, set()), "they are no neighbours"

    def test_what_is_highlighted_is_drawn_strongly(self) -> None:
        a, _, _, right, top = self.diamond()
        drawn = draw(top, highlight=[a, right])
        assert shapes(drawn, "edge")["a -> right"].width == shapes(drawn, "node")["right"].width == 2
        assert shapes(drawn, "edge")["b -> left"].width == 1

    def test_paths_are_highlighted(self) -> None:
        a, _, _, _, top = self.diamond()
        nodes, edges = self.bright(draw(top, highlight=paths(top, a)))
        assert nodes == {"a", "left", "right", "top"}
        assert edges == {"a -> left", "a -> right", "left -> top", "right -> top"}

    def test_a_way_through_an_unfolded_dot_goes_through_its_product(self) -> None:
        x, w = [Value(1.0, "x0"), Value(2.0, "x1")], [Value(3.0, "w0"), Value(4.0, "w1")]
        y = tanh(dot(x, w))
        nodes, edges = self.bright(draw(y, unfold=True, highlight=paths(y, w[1])))
        assert nodes == {"w1", "v1.2", "v1", "v2"}
        assert edges == {"w1 -> v1.2", "v1.2 -> v1", "v1 -> v2"}
        assert self.bright(draw(y, unfold=True, highlight=w[1])) == (nodes, edges)

    def test_a_box_is_highlighted_when_a_node_in_it_is(self) -> None:
        (x0, _), y = network()
        drawn = draw(y, collapse=2, highlight=x0)
        nodes, edges = self.bright(drawn)
        assert nodes == {"x0", "layers[0]", "layers[1]"}
        assert edges == {"x0 -> layers[0]", "layers[0] -> layers[1]"}

    def test_a_node_of_a_graph_is_found_in_it_unfolded_or_not(self) -> None:
        x, w = [Value(1.0, "x0"), Value(2.0, "x1")], [Value(3.0, "w0"), Value(4.0, "w1")]
        y = tanh(dot(x, w))
        everything = {"x0", "x1", "w0", "w1", "v1.1", "v1.2", "v1", "v2"}
        for graph in (Graph.of(y), Graph.of(y).unfolded()):
            assert self.bright(draw(y, unfold=True, highlight=graph.root))[0] == everything
            assert self.bright(draw(y, unfold=True, highlight=graph.nodes[3]))[0] == {"w1", "v1.2", "v1", "v2"}
        product = Graph.of(y).unfolded().nodes[4]
        assert self.bright(draw(y, unfold=True, highlight=product))[0] == {"x0", "w0", "v1.1"}
        for drawn in (draw(y, highlight=Graph.of(y).nodes[4]), draw(y, unfold=True, highlight="v1")):
            assert self.bright(drawn)[0] == everything & {*(node.name for node in drawn.graph.nodes)} - {"v2"}
        with pytest.raises(GraphError, match="which is not in the graph"):
            draw(y, highlight=product)

    def test_what_is_not_in_the_graph_is_refused(self) -> None:
        *_, top = self.diamond()
        for stranger in (Value(2.0, "a"), [top, 3], Graph.of(Value(2.0, "z") * 3).nodes[0]):
            with pytest.raises(
                GraphError, match=r"highlight takes nodes of the graph or their names.*not in the graph"
            ):
                draw(top, highlight=stranger)  # type: ignore[arg-type]  # the mistake
        with pytest.raises(GraphError, match=r"the graph has no node 'nobody'; it has a, b, left, right, top$"):
            draw(top, highlight="nobody")
        with pytest.raises(ParameterError, match=r"highlight is a node, a list of nodes or paths\(root, leaf\), got 3"):
            draw(top, highlight=3)  # type: ignore[arg-type]  # the mistake


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"color": "red"}, "color is 'kind' or 'gradient', got 'red'"),
        ({"thickness": 3}, "thickness is 'even' or 'contribution', got 3"),
        ({"theme": "pink"}, "theme is 'light', 'dark' or 'print', got 'pink'"),
        ({"max_nodes": 0}, "max_nodes is a whole number of at least 1, got 0"),
        ({"expand": "MLP"}, "expand='MLP': the graph has no module or other scope of that name"),
    ],
)
def test_wrong_settings_are_refused_with_the_right_ones(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError, match=re.escape(message)):
        draw(example(), **settings)


def test_a_model_is_not_a_value_and_the_error_says_how_to_draw_it() -> None:
    with pytest.raises(GraphError, match=r"got a MLP; draw what it returns, draw\(model\(x\)\), or .*draw_network"):
        draw(nn.MLP(2, [1]))  # type: ignore[arg-type]


def test_operands_keep_their_order_and_large_graphs_get_a_quick_layout() -> None:
    x = Value(1.0, "x")
    few = draw(x * 2)
    assert "ordering=in" in few.dot()
    assert "splines" not in few.dot()
    y = x
    for _ in range(100):
        y = y + y
    for root, quick in ((y, False), (tanh(y), True)):
        assert ("splines=line" in draw(root).dot()) is quick
    with scope("part"):
        y = x * 2
    assert "ordering" not in draw(y, collapse=1).dot()


def test_looks_and_marks_are_frozen() -> None:
    drawn = draw(example(), highlight="a")
    for record, name in ((drawn.look, "theme"), (drawn.look.marked, "nodes")):
        assert not hasattr(record, "__dict__")
        with pytest.raises(FrozenInstanceError):
            setattr(record, name, None)


def test_a_copy_changes_on_its_own() -> None:
    drawn = draw(example())
    twin = drawn.copy()
    twin.node("note", "my own")
    twin.graph_attr["bgcolor"] = "pink"
    assert "my own" not in drawn.dot()
    assert "pink" not in drawn.dot()
    assert "my own" in twin.dot()
