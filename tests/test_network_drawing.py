"""draw_network(): the textbook picture of a network."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest

from autograd_tiny import Value, draw_network, nn, tanh
from autograd_tiny.drawing import NetworkDrawing
from autograd_tiny.drawing.themes import THEMES
from autograd_tiny.errors import GraphError, ParameterError, ShapeError

SVG = "{http://www.w3.org/2000/svg}"


def model() -> nn.MLP:
    made = nn.MLP(2, [3, 1], rng=1)
    made.layers[0].neurons[0].weights[1].data = 0.0
    return made


def circles(drawn: NetworkDrawing) -> dict[str, tuple[float, float, list[str]]]:
    """Return the place and the texts of each circle."""
    found = {}
    for group in ElementTree.fromstring(drawn.svg()).iter(f"{SVG}g"):
        ellipse = group.find(f".//{SVG}ellipse")
        if group.get("class") == "node" and ellipse is not None:
            lines = [(text.text or "").replace("\xa0", " ") for text in group.iter(f"{SVG}text")]
            place = float(ellipse.get("cx", 0)), float(ellipse.get("cy", 0))
            found[group.findtext(f"{SVG}title") or ""] = (*place, lines)
    return found


def edges(drawn: NetworkDrawing) -> dict[str, tuple[str, float, bool]]:
    """Return colour, width and whether it is dashed for each edge."""
    found = {}
    for group in ElementTree.fromstring(drawn.svg()).iter(f"{SVG}g"):
        if group.get("class") == "edge":
            path = next(group.iter(f"{SVG}path"))
            look = path.get("stroke", ""), float(path.get("stroke-width", 1)), bool(path.get("stroke-dasharray"))
            found[group.findtext(f"{SVG}title") or ""] = look
    return found


def texts(drawn: NetworkDrawing) -> list[str]:
    return [text.text or "" for text in ElementTree.fromstring(drawn.svg()).iter(f"{SVG}text")]


def test_layers_are_columns_in_order() -> None:
    places = circles(draw_network(model()))
    assert len(places) == 2 + 3 + 1
    columns = [{x for name, (x, _, _) in places.items() if name.startswith(f"c{k}")} for k in range(3)]
    assert [len(column) for column in columns] == [1, 1, 1]
    assert min(columns[0]) < min(columns[1]) < min(columns[2])
    rows = [places[f"c1r{i}"][1] for i in range(3)]
    assert rows == sorted(rows), "the first neuron on top"
    assert places["c2r0"][1] == pytest.approx(rows[1]), "every column is centred"


def test_layers_are_rows_from_top_to_bottom() -> None:
    places = circles(draw_network(model(), direction="TB"))
    assert places["c0r0"][1] < places["c1r0"][1] < places["c2r0"][1]
    assert places["c0r0"][0] < places["c0r1"][0]


def test_neurons_say_activation_and_bias_and_with_inputs_their_output() -> None:
    network = model()
    assert circles(draw_network(network))["c1r0"][2] == ["tanh", "b 0.37"]
    output = network([1.0, -2.0])
    before = [p.grad for p in network.parameters()]
    shown = circles(draw_network(network, [1.0, -2.0]))
    assert shown["c0r1"][2] == ["x1", "= -2"]
    assert shown["c2r0"][2] == ["linear", "b 0.3", f"= {output.data:.2g}"]
    assert [p.grad for p in network.parameters()] == before


def test_edges_show_sign_and_size_of_the_weights() -> None:
    network = model()
    shown = edges(draw_network(network))
    assert len(shown) == 2 * 3 + 3
    light = THEMES["light"]
    for i, neuron in enumerate(network.layers[0].neurons):
        for j, weight in enumerate(neuron.weights):
            color, _, dashed = shown[f"c0r{j}->c1r{i}"]
            assert color == (light.positive if weight.data >= 0 else light.negative)
            assert not dashed
    by_size = sorted(
        (abs(weight.data), shown[f"c0r{j}->c1r{i}"][1])
        for i, neuron in enumerate(network.layers[0].neurons)
        for j, weight in enumerate(neuron.weights)
    )
    widths = [width for _, width in by_size]
    assert widths == sorted(widths)
    assert len(set(widths)) == len(widths)


def test_print_shows_the_sign_without_colour() -> None:
    network = model()
    drawn = draw_network(network, theme="print")
    assert all(
        dashed == (network.layers[0].neurons[int(name[-1])].weights[int(name[3])].data < 0)
        for name, (_, _, dashed) in edges(drawn).items()
        if name.startswith("c0")
    )
    assert {color for color, _, _ in edges(drawn).values()} == {"#000000"}


def numbers(drawn: NetworkDrawing) -> list[str]:
    return [text for text in texts(drawn) if re.fullmatch(r"-?[\d.e-]+|–", text)]


def test_numbers_at_the_edges() -> None:
    network = model()
    weights = [w for layer in network.layers for neuron in layer.neurons for w in neuron.weights]
    assert sorted(numbers(draw_network(network))) == sorted(f"{w.data:.2g}" for w in weights)
    assert numbers(draw_network(network, numbers="none")) == []
    assert numbers(draw_network(network, numbers="gradients")) == ["–"] * 9
    network([1.0, 2.0]).backward()
    assert sorted(numbers(draw_network(network, numbers="gradients"))) == sorted(f"{w.grad:.2g}" for w in weights)
    assert numbers(draw_network(nn.MLP(6, [6, 1]))) == [], "too many to read"
    assert numbers(draw_network(nn.MLP(5, [5, 1]), direction="TB")) == [], "numbers are wider than high"


@pytest.mark.parametrize(
    ("direction", "sizes"),
    [
        ("LR", (2, 3, 1)),
        ("LR", (5, 5, 5)),
        ("LR", (1, 16, 2)),
        ("TB", (2, 3, 1)),
        ("TB", (3, 3, 3)),
        ("TB", (1, 16, 2)),
    ],
)
def test_numbers_do_not_lie_on_each_other_or_on_circles(direction: str, sizes: tuple[int, ...]) -> None:
    drawn = draw_network(nn.MLP(sizes[0], sizes[1:]), direction=direction)
    places = []
    for group in ElementTree.fromstring(drawn.svg()).iter(f"{SVG}g"):
        polygon = group.find(f".//{SVG}polygon")
        if group.get("class") == "node" and polygon is not None:
            corners = [tuple(map(float, corner.split(","))) for corner in polygon.get("points", "").split()]
            (left, *_, right), (top, *_, bottom) = (sorted(corner[k] for corner in corners) for k in (0, 1))
            places.append((left, right, top, bottom))
    assert len(places) == sum(a * b for a, b in pairwise(sizes))
    for i, (left, right, top, bottom) in enumerate(places):
        for other in places[:i]:
            assert right <= other[0] or other[1] <= left or bottom <= other[2] or other[3] <= top
        for x, y, _ in circles(drawn).values():
            nearest = min(max(x, left), right), min(max(y, top), bottom)
            assert (nearest[0] - x) ** 2 + (nearest[1] - y) ** 2 > 26**2


def test_large_layers_are_elided_and_say_how_many_are_left_out() -> None:
    drawn = draw_network(nn.MLP(2, [64, 1]))
    assert "56 more" in texts(drawn)
    shown = circles(drawn)
    assert len(shown) == 2 + 8 + 1
    assert {"c1r0", "c1r5", "c1r62", "c1r63"} <= set(shown)
    rows = [shown[f"c1r{row}"][1] for row in (4, 5, 62)]
    assert rows[2] - rows[1] == pytest.approx(2 * (rows[1] - rows[0]), abs=0.1), "room for the words"
    assert "2 → 64 → 1, 257 parameters" in texts(drawn), "of the whole network"
    assert "  ... 56 more ..." in drawn.text().splitlines()
    assert '    gap1["56 more"]' in drawn.mermaid().splitlines()
    assert len(circles(draw_network(nn.MLP(2, [16, 1])))) == 2 + 16 + 1


def test_elided_inputs_are_elided_in_formulas() -> None:
    lines = draw_network(nn.Neuron(20, None, bias=False)).text().splitlines()
    assert lines[0] == "inputs: x0, x1, x2, x3, x4, x5, ... 12 more ..., x18, x19"
    assert " x5 + ... " in lines[2]


def test_a_layer_and_a_neuron_are_small_networks() -> None:
    assert len(circles(draw_network(nn.Layer(2, 3)))) == 5
    drawn = draw_network(nn.Neuron(2, "sigmoid", bias=False), [1, 2])
    assert circles(drawn)["c1r0"][2][0] == "sigmoid"
    assert drawn.text().splitlines()[1] == "layers[0]: 1 neuron, sigmoid, giving h0.0"


def test_headings_name_the_columns() -> None:
    for direction, axis in (("LR", 0), ("TB", 1)):
        drawn = draw_network(nn.MLP(2, [20, 3, 1]), direction=direction)
        headings = dict(re.findall(r"heading(\d) \[label=<<b>(.*?)</b>>", drawn.dot()))
        assert headings == {"0": "inputs", "1": "layers[0]", "2": "layers[1]", "3": "outputs"}
        places = {k: tuple(map(float, p)) for k, *p in re.findall(r'heading(\d) .*?pos="(\S+?),(\S+?)!"', drawn.dot())}
        units = re.findall(r'c(\d)r\d+ \[.*?pos="(\S+?),(\S+?)!"', drawn.dot())
        for k, *place in units:
            assert float(place[axis]) == places[k][axis], "in the row or column of its circles"
        along = 1 - axis
        outermost = [float(place[along]) for _, *place in units]
        edge = max(outermost) if direction == "LR" else min(outermost)
        gaps = {abs(place[along] - edge) for place in places.values()}
        assert len(gaps) == 1
        assert 52 / 72 < 2 * gaps.pop() < 190 / 72, "beside the longest column, and clear of it"


def test_the_words_for_what_is_left_out_stand_in_the_gap() -> None:
    dot = draw_network(nn.MLP(2, [17, 1])).dot()
    rows = {name: float(y) for name, y in re.findall(r'(gap1|c1r\d+) \[.*?pos="\S+?,(\S+?)!"', dot)}
    assert rows["c1r5"] > rows["gap1"] > rows["c1r15"]
    assert rows["gap1"] == pytest.approx((rows["c1r5"] + rows["c1r15"]) / 2, abs=1e-3)
    assert rows["c1r0"] == pytest.approx(-rows["c1r16"]), "centred"


def test_circles_of_inputs_and_of_neurons_differ() -> None:
    dot = draw_network(model()).dot()
    fills = dict(re.findall(r'(c\dr\d) \[.*?fillcolor="(\S+?)"', dot))
    assert {fills["c0r0"], fills["c0r1"]} == {THEMES["light"].leaf}
    assert {fills["c1r0"], fills["c2r0"]} == {THEMES["light"].result}


def test_the_legend_says_what_edges_and_numbers_mean() -> None:
    network = model()
    largest = max(abs(w.data) for layer in network.layers for n in layer.neurons for w in n.weights)
    of_colour = f"edges: weights, blue above 0, orange below; the thickest is {largest:.5g} in size"
    meaning = "numbers at the edges: d root / d weight"
    assert of_colour in texts(draw_network(network))
    assert meaning not in texts(draw_network(network))
    assert meaning in texts(draw_network(network, numbers="gradients"))
    assert of_colour.replace("blue", "solid").replace("orange", "dashed") in texts(draw_network(network, theme="print"))
    assert "1 → 1, 1 parameter" in texts(draw_network(nn.Neuron(1, bias=False)))


def test_the_largest_weight_is_thickest_and_a_zero_thinnest() -> None:
    neuron = nn.Neuron(3)
    for weight, number in zip(neuron.weights, (-0.5, 0.25, 0.0), strict=True):
        weight.data = number
    assert [width for _, width, _ in edges(draw_network(neuron)).values()] == [4.5, 2.45, 0.4]
    for weight in neuron.weights:
        weight.data = 0.0
    assert [width for _, width, _ in edges(draw_network(neuron)).values()] == [0.4] * 3


def test_weights_that_are_not_finite_leave_the_others_their_size() -> None:
    neuron = nn.Neuron(4)
    for weight, number in zip(neuron.weights, (float("nan"), 0.5, float("-inf"), -0.25), strict=True):
        weight.data = number
    drawn, light = draw_network(neuron), THEMES["light"]
    assert [(color, width) for color, width, _ in edges(drawn).values()] == [
        (light.line, 4.5),
        (light.positive, 4.5),
        (light.negative, 4.5),
        (light.negative, 2.45),
    ]
    assert "edges: weights, blue above 0, orange below; the thickest is 0.5 in size or not finite" in texts(drawn)
    assert [line.split()[1][:3] for line in drawn.mermaid().splitlines()[-4:]] == ["---", "---", "-.-", "-.-"]


def test_mermaid_tells_the_sign_by_the_line() -> None:
    lines = draw_network(model()).mermaid().splitlines()
    assert '    c1r0(("tanh<br/>b 0.37"))' in lines
    assert "    c0r0 -.-|-0.52| c1r0" in lines
    assert "    c0r1 ---|0.41| c1r2" in lines


def test_all_of_a_small_network_as_mermaid_and_text() -> None:
    layer = nn.Layer(2, 2, tanh)
    for neuron, numbers in zip(layer.neurons, ((-1.0, 2.0, -3.0), (0.0, -0.5, 4.0)), strict=True):
        for parameter, number in zip((*neuron.weights, neuron.bias), numbers, strict=True):
            parameter.data = number
    drawn = draw_network(layer, numbers="none")
    assert drawn.mermaid().splitlines() == [
        "flowchart LR",
        '    c0r0(("x0"))',
        '    c0r1(("x1"))',
        '    c1r0(("tanh<br/>b -3"))',
        '    c1r1(("tanh<br/>b 4"))',
        "    c0r0 -.- c1r0",
        "    c0r1 --- c1r0",
        "    c0r0 --- c1r1",
        "    c0r1 -.- c1r1",
    ]
    assert drawn.text().splitlines() == [
        "inputs: x0, x1",
        "layers[0]: 2 neurons, tanh, giving h0.0 to h0.1",
        "  tanh(-1 x0 + 2 x1 - 3)",
        "  tanh(0 x0 - 0.5 x1 + 4)",
    ]
    two = nn.MLP(1, [2, 1])
    last = two.layers[1].neurons[0]
    for parameter, number in zip((*last.weights, last.bias), (1.0, -2.0, 3.0), strict=True):
        parameter.data = number
    assert draw_network(two).text().splitlines()[-1] == "  1 h0.0 - 2 h0.1 + 3"


def test_left_out_neurons_are_left_out_once() -> None:
    lines = draw_network(nn.MLP(1, [17, 1])).text().splitlines()
    assert lines[1] == "layers[0]: 17 neurons, tanh, giving h0.0 to h0.16"
    assert [k for k, line in enumerate(lines) if "more" in line] == [8]
    assert "..." not in draw_network(nn.MLP(1, [16, 1])).text()


def test_text_is_a_formula_for_each_neuron() -> None:
    network = model()
    lines = draw_network(network, [1.0, -2.0]).text().splitlines()
    assert lines[2] == f"  tanh(-0.51709 x0 + 0 x1 + 0.37303) = {network.layers[0]([1.0, -2.0])[0].data:.2g}"


def test_a_name_of_an_activation_is_inert() -> None:
    def hostile(x: Value) -> Value:
        return x

    hostile.__name__ = '<script>"\x1b[31m'
    drawn = draw_network(nn.Neuron(1, hostile))
    assert "<script" not in drawn.svg() + drawn.mermaid()
    assert "\x1b" not in drawn.svg() + drawn.mermaid() + drawn.text() + drawn.dot()


def test_the_picture_is_saved_and_shown_like_others(tmp_path: Any) -> None:
    drawn = draw_network(model(), reproducible=True)
    assert drawn.save_as(tmp_path / "net.png").read_bytes().startswith(b"\x89PNG")
    assert set(drawn._repr_mimebundle_()) == {"image/svg+xml", "text/plain"}
    assert drawn.svg() == draw_network(model(), reproducible=True).svg()


@pytest.mark.parametrize(
    "thing",
    [
        Value(1.0),
        [1, 2],
        None,
        SimpleNamespace(layers=[nn.Layer(2, 3), nn.Layer(2, 1)]),
        SimpleNamespace(weights=3, bias=1),
        SimpleNamespace(neurons=[nn.Neuron(2), nn.Neuron(3)]),
    ],
)
def test_only_layers_of_neurons_are_networks(thing: Any) -> None:
    with pytest.raises(GraphError, match=r"draws layers of neurons.*use draw\(root\)"):
        draw_network(thing)


def test_linear_modules_and_their_activations_are_layers() -> None:
    sequential = nn.Sequential(nn.Linear(2, 3, rng=0), nn.LeakyReLU(0.5), nn.Linear(3, 2, bias=False, rng=1))
    drawn = draw_network(sequential, [1.0, -2.0])
    assert drawn.outputs is not None
    assert drawn.outputs[-1] == pytest.approx([out.data for out in sequential([1.0, -2.0])])
    assert "layers[0]: 3 neurons, leaky_relu, giving h0.0 to h0.2" in drawn.text()
    assert "layers[1]: 2 neurons, linear, giving h1.0 to h1.1" in drawn.text()
    assert (
        draw_network(nn.Linear(2, 3, rng=0)).text().splitlines()[2]
        == draw_network(nn.Sequential(nn.Linear(2, 3, rng=0))).text().splitlines()[2]
    )


@pytest.mark.parametrize(
    "modules",
    [
        [nn.Tanh()],
        [nn.Linear(2, 3), nn.Linear(2, 1)],
        [nn.Linear(2, 3), nn.Tanh(), nn.Tanh()],
        [nn.Linear(2, 3), nn.LayerNorm(3)],
        [nn.Conv1d(1, 1, 2)],
    ],
    ids=str,
)
def test_other_modules_are_no_layers(modules: list[nn.Module]) -> None:
    with pytest.raises(GraphError, match=r"got a Sequential.*use draw\(root\)"):
        draw_network(nn.Sequential(*modules))


def test_wrong_settings_are_refused() -> None:
    with pytest.raises(ParameterError, match="numbers is 'auto', 'weights', 'gradients' or 'none', got 'all'"):
        draw_network(model(), numbers="all")
    with pytest.raises(ParameterError, match="direction is 'LR' or 'TB'"):
        draw_network(model(), direction="RL")
    with pytest.raises(ParameterError, match="theme is 'light'"):
        draw_network(model(), theme="")
    with pytest.raises(ShapeError, match="the network has 2 inputs, got 3"):
        draw_network(model(), [1, 2, 3])
