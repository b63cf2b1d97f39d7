"""draw_network(): the textbook picture of a network, neurons in columns and weights as the edges between them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, TypeGuard

from ..collapse import count
from ..errors import GraphError, ShapeError, printable
from ..graph import number_text
from ..value import NO_GRAD_YET, Number, Value
from .picture import Picture, html_label, html_text, mermaid_text, tooltip
from .themes import THEMES, Theme, one_of

MOST_NEURONS = 16  # of a layer with more, the first and the last are shown
FIRST, LAST = 6, 2
MOST_NUMBERS = {"LR": 5, "TB": 3}  # neurons in the smaller of two layers; more numbers between them get too close
NO_NUMBER = "\N{EN DASH}"
BETWEEN_LAYERS, BETWEEN_NEURONS, RADIUS = 190.0, 66.0, 26.0  # points
STRETCH = {"LR": (1.4, 1.0), "TB": (1.0, 1.9)}  # of both distances, to make room for numbers at the edges
THINNEST, THICKEST = 0.4, 4.5


def draw_network(
    model: Any,
    inputs: Iterable[Number] | None = None,
    *,
    numbers: str = "auto",
    direction: str = "LR",
    theme: str = "light",
    reproducible: bool = False,
) -> NetworkDrawing:
    """Draw a network as textbooks do: a column of circles for each layer, and its weights as the edges.

    Positive and negative weights have two colours (in print: solid and dashed), and the larger a weight, the thicker
    its edge. A neuron shows its activation, its bias b, and with ``inputs`` its output.

    Args:
        model: an MLP, a Layer or a Neuron; a Linear or a Sequential of Linear modules and activations; or what has
            ``layers``, ``neurons`` or ``weights`` and ``bias`` like theirs.
        inputs: one example to run through the network, to show the outputs of all neurons.
        numbers: what is written at the edges: ``"weights"``, ``"gradients"`` (of the latest ``backward()``),
            ``"none"``, or ``"auto"`` for the weights of a network with few of them.
        direction: ``"LR"``, inputs on the left, or ``"TB"``, inputs on top.
        theme: ``"light"``, ``"dark"`` or ``"print"``.
        reproducible: draw with the engine of the graphviz-pure wheel, so that the file is the same on every machine.

    Raises:
        GraphError: when the model does not consist of layers of neurons.
        ParameterError: for another setting.
        ShapeError: when the number of inputs is not the network's.

    >>> from autograd_tiny.nn import MLP
    >>> print(draw_network(MLP(2, [3, 1], rng=1)).text())
    inputs: x0, x1
    layers[0]: 3 neurons, tanh, giving h0.0 to h0.2
      tanh(-0.51709 x0 + 0.49135 x1 + 0.37303)
      tanh(-0.34638 x0 - 0.0064558 x1 - 0.07143)
      tanh(0.21438 x0 + 0.40832 x1 - 0.57437)
    layers[1]: 1 neuron, linear, giving h1.0
      -0.54462 h0.0 + 0.38771 h0.1 - 0.077634 h0.2 + 0.30285
    """
    one_of("numbers", numbers, ("auto", "weights", "gradients", "none"))
    one_of("direction", direction, ("LR", "TB"))
    one_of("theme", theme, THEMES)
    layers = _layers(model)
    return NetworkDrawing(layers, _outputs(layers, inputs), numbers, direction, theme, reproducible)


@dataclass(frozen=True, slots=True)
class _Unit:
    """A circle of the picture: an input or a neuron."""

    name: str
    column: int
    row: int
    neuron: Any = None


class NetworkDrawing(Picture):
    """A drawn network; a ``graphviz.Digraph`` that needs no system Graphviz. Made by :func:`draw_network`.

    Args:
        layers: the neurons of each layer.
        outputs: the inputs and then the outputs of each layer, or None.
        numbers, direction, theme, reproducible: as for :func:`draw_network`.
    """

    def __init__(
        self,
        layers: Sequence[Sequence[Any]],
        outputs: Sequence[Sequence[float]] | None,
        numbers: str,
        direction: str,
        theme: str,
        reproducible: bool,
    ) -> None:
        super().__init__("neato", THEMES[theme], reproducible, {"splines": "line", "outputorder": "edgesfirst"})
        self.layers, self.outputs, self.numbers, self.direction, self.theme = layers, outputs, numbers, direction, theme
        self.columns = self._columns()
        edges = self._edges()
        if numbers == "auto":
            few = all(min(map(len, pair)) <= MOST_NUMBERS[direction] for pair in pairwise(self.columns))
            self.numbers = "weights" if few and max(self._sizes()) <= MOST_NEURONS else "none"
        colors = THEMES[theme]
        self.node_attr |= {"shape": "circle", "style": "filled", "fixedsize": "true", "fontsize": "10"}
        self.node_attr["width"] = f"{2 * RADIUS / 72:.3g}"
        self.edge_attr |= {"arrowhead": "none"}
        for column, size in zip(self.columns, self._sizes(), strict=True):
            for unit in column:
                self.node(
                    _id(unit),
                    label=self._label(unit),
                    pos=self._place(unit.column, self._along(unit)),
                    fillcolor=colors.leaf if unit.neuron is None else colors.result,
                )
            if size > len(column):
                self._add_gap(column, size - len(column))
            self._add_heading(column)
        largest = max((abs(weight.data) for *_, weight in edges if math.isfinite(weight.data)), default=0.0)
        for source, target, weight in edges:
            self.edge(_id(source), _id(target), **self._edge_look(weight, largest, colors))
            if self.numbers != "none":
                self._add_number(source, target, weight, colors)
        lines = "".join(f'{html_text(line)}<br align="left"/>' for line in self._legend(largest))
        self.graph_attr["label"] = f"<{lines}>"

    # ------------------------------------------------------------ what is shown

    def _sizes(self) -> list[int]:
        return [len(self.layers[0][0].weights), *map(len, self.layers)]

    def _columns(self) -> list[list[_Unit]]:
        """Return the circles of each column, top to bottom; of a large layer the first and the last."""
        columns = []
        for k, size in enumerate(self._sizes()):
            shown = range(size) if size <= MOST_NEURONS else [*range(FIRST), *range(size - LAST, size)]
            names = [f"x{i}" if k == 0 else f"h{k - 1}.{i}" for i in shown]
            neurons = [None if k == 0 else self.layers[k - 1][i] for i in shown]
            columns.append([_Unit(name, k, i, neuron) for name, i, neuron in zip(names, shown, neurons, strict=True)])
        return columns

    def _edges(self) -> list[tuple[_Unit, _Unit, Value]]:
        return [
            (source, target, target.neuron.weights[source.row])
            for before, column in pairwise(self.columns)
            for target in column
            for source in before
        ]

    def _facts(self, unit: _Unit) -> list[str]:
        """Return what a circle says: its activation and bias, or the name of an input; and its output."""
        if unit.neuron is None:
            facts = [unit.name]
        else:
            bias = unit.neuron.bias
            facts = [_activation(unit.neuron), *([] if bias is None else [f"b {_short(bias.data)}"])]
        if self.outputs is not None:
            facts.append(f"= {_short(self.outputs[unit.column][unit.row])}")
        return facts

    def _legend(self, largest: float) -> list[str]:
        positive, negative = ("solid", "dashed") if self.theme == "print" else ("blue", "orange")
        parameters = sum(len(neuron.weights) + (neuron.bias is not None) for layer in self.layers for neuron in layer)
        other = "" if all(math.isfinite(weight.data) for *_, weight in self._edges()) else " or not finite"
        lines = [
            f"{' → '.join(f'{size:,}' for size in self._sizes())}, {count(parameters, 'parameter')}",
            f"edges: weights, {positive} above 0, {negative} below; "
            f"the thickest is {number_text(largest)} in size{other}",
        ]
        if self.numbers == "gradients":
            lines.append("numbers at the edges: d root / d weight")
        return lines

    # ------------------------------------------------------------ Graphviz

    def _along(self, unit: _Unit) -> float:
        """Return where a circle stands in its column, which is centred; a gap takes the place of one."""
        column = self.columns[unit.column]
        shown, gap = column.index(unit), self._sizes()[unit.column] > len(column)
        return (shown + (gap and shown >= FIRST) - (len(column) + gap - 1) / 2) * BETWEEN_NEURONS

    def _place(self, column: float, along: float) -> str:
        more_across, more_along = (1.0, 1.0) if self.numbers == "none" else STRETCH[self.direction]
        across, along = column * BETWEEN_LAYERS * more_across, along * more_along
        x, y = (across, -along) if self.direction == "LR" else (along, -across)
        return f"{x / 72:.4g},{y / 72:.4g}!"

    def _add_gap(self, column: Sequence[_Unit], hidden: int) -> None:
        along = (FIRST - len(column) / 2) * BETWEEN_NEURONS
        label = html_label(["...", f"{hidden:,} more"])
        self.node(
            f"gap{column[0].column}", label=label, pos=self._place(column[0].column, along), shape="plaintext", style=""
        )

    def _add_heading(self, column: Sequence[_Unit]) -> None:
        k, last = column[0].column, len(self.columns) - 1
        name = "inputs" if k == 0 else "outputs" if k == last else f"layers[{k - 1}]"
        longest = max(FIRST + LAST + 1 if size > MOST_NEURONS else size for size in self._sizes())
        along = -(longest / 2 + 0.25) * BETWEEN_NEURONS
        place = self._place(k, along) if self.direction == "LR" else self._place(k, along - BETWEEN_NEURONS / 3)
        self.node(
            f"heading{k}", label=html_label([f"<b>{name}</b>"]), pos=place, shape="plaintext", style="", fontsize="12"
        )

    def _label(self, unit: _Unit) -> str:
        first, *others = map(html_text, self._facts(unit))
        return html_label([f"<b>{first}</b>", *others])

    def _edge_look(self, weight: Value, largest: float, theme: Theme) -> dict[str, str]:
        share = min(1.0, abs(weight.data) / largest) if largest else 0.0  # 1 for nan, too
        look = {
            "color": theme.line if math.isnan(weight.data) else theme.positive if weight.data >= 0 else theme.negative,
            "penwidth": f"{THINNEST + (THICKEST - THINNEST) * share:.3g}",
            "tooltip": tooltip(f"{weight.label} {number_text(weight.data)}"),
        }
        if self.theme == "print" and weight.data < 0:
            look["style"] = "dashed"
        return look

    def _add_number(self, source: _Unit, target: _Unit, weight: Value, theme: Theme) -> None:
        """Write a number onto an edge, at the one place where all numbers between two layers stay apart.

        The edges from m to n neurons, evenly spaced, are evenly spaced, too, at 1/(n + 1) of the way, or m/(m + 1).
        """
        m, n = len(self.columns[source.column]), len(self.columns[target.column])
        way = 1 / (n + 1) if n <= m else m / (m + 1)
        start, end = self._along(source), self._along(target)
        place = self._place(source.column + way, start + (end - start) * way)
        text = _short(weight.data) if self.numbers == "weights" else _gradient(weight)
        self.node(
            f"{_id(source)}{_id(target)}", label=text, pos=place, shape="box", color=theme.background,
            fillcolor=theme.background, width="0.4", height="0.15", fontsize="9",
        )  # fmt: skip

    # ------------------------------------------------------------ Mermaid and text

    def mermaid(self) -> str:
        """Return the network as a Mermaid flowchart, which many Markdown viewers draw."""
        lines = [f"flowchart {self.direction}"]
        for column, size in zip(self.columns, self._sizes(), strict=True):
            lines += [f'    {_id(unit)}(("{"<br/>".join(map(mermaid_text, self._facts(unit)))}"))' for unit in column]
            if size > len(column):
                lines.append(f'    gap{column[0].column}["{size - len(column):,} more"]')
        for source, target, weight in self._edges():
            label = {"weights": _short(weight.data), "gradients": _gradient(weight), "none": ""}[self.numbers]
            line = "-.-" if weight.data < 0 else "---"
            lines.append(f"    {_id(source)} {line}{f'|{mermaid_text(label)}|' if label else ''} {_id(target)}")
        return "\n".join(lines) + "\n"

    def text(self) -> str:
        """Return every neuron as a formula."""
        names = [unit.name for unit in self.columns[0]]
        hidden = self._sizes()[0] - len(names)
        if hidden:
            names.insert(FIRST, f"... {hidden} more ...")
        lines = [f"inputs: {', '.join(names)}"]
        for k, (column, size) in enumerate(zip(self.columns[1:], self._sizes()[1:], strict=True)):
            activations = ", ".join(dict.fromkeys(_activation(neuron) for neuron in self.layers[k]))
            results = f"h{k}.0 to h{k}.{size - 1}" if size > 1 else f"h{k}.0"
            lines.append(f"layers[{k}]: {count(size, 'neuron')}, {printable(activations)}, giving {results}")
            for i, unit in enumerate(column):
                if i == FIRST and size > len(column):
                    lines.append(f"  ... {size - len(column)} more ...")
                lines.append(f"  {self._formula(unit)}")
        return "\n".join(lines)

    def _formula(self, unit: _Unit) -> str:
        before = self.columns[unit.column - 1]
        terms = [(unit.neuron.weights[source.row].data, f" {source.name}") for source in before]
        if len(before) < len(unit.neuron.weights):
            terms.insert(FIRST, (0.0, "..."))
        if unit.neuron.bias is not None:
            terms.append((unit.neuron.bias.data, ""))
        written = ""
        for number, name in terms:
            sign = (" - " if number < 0 else " + ") if written else ("-" if number < 0 else "")
            written += sign + (name if name == "..." else f"{number_text(abs(number))}{name}")
        name = printable(_activation(unit.neuron))
        formula = written if name == "linear" else f"{name}({written})"
        return formula if self.outputs is None else f"{formula} = {_short(self.outputs[unit.column][unit.row])}"


# ---------------------------------------------------------------- the model


@dataclass(frozen=True, slots=True)
class _Row:
    """A row of a Linear module as the neuron that it is.

    Attributes:
        weights, bias: of the row.
        activation: the operation of the module after the Linear one.
    """

    weights: Sequence[Value]
    bias: Value | None
    activation: Any = None

    def __call__(self, inputs: Sequence[float]) -> Any:
        """Return the output."""
        total = sum(weight.data * x for weight, x in zip(self.weights, inputs, strict=True))
        total += 0.0 if self.bias is None else self.bias.data
        return total if self.activation is None else self.activation(total)


def _layers(model: Any) -> list[list[Any]]:
    """Return the neurons of each layer; rows of a Linear module, with the activation after it, are neurons."""
    layers: list[list[Any]] = []
    for layer in getattr(model, "layers", None) or [model]:
        if layers and hasattr(layer, "op") and all(isinstance(row, _Row) and not row.activation for row in layers[-1]):
            layers[-1] = [replace(row, activation=layer.op) for row in layers[-1]]
        elif hasattr(layer, "weight") and hasattr(layer, "bias"):
            biases = layer.bias or [None] * len(layer.weight)
            layers.append([_Row(row, bias) for row, bias in zip(layer.weight, biases, strict=True)])
        else:
            layers.append(list(getattr(layer, "neurons", None) or [layer]))
    size = None
    for neurons in layers:
        for neuron in neurons:
            weights = getattr(neuron, "weights", None)
            if not _are_values(weights) or not hasattr(neuron, "bias") or size not in (None, len(weights)):
                raise GraphError(
                    "draw_network draws layers of neurons, each with as many weights as the layer before has outputs, "
                    f"got a {type(model).__name__}; for how a Value was computed use draw(root)"
                )
            size = len(weights)
        size = len(neurons)
    return layers


def _are_values(weights: Any) -> TypeGuard[Sequence[Value]]:
    return isinstance(weights, Sequence) and all(isinstance(weight, Value) for weight in weights)


def _outputs(layers: Sequence[Sequence[Any]], inputs: Iterable[Number] | None) -> list[list[float]] | None:
    """Return the inputs and the outputs of each layer as numbers."""
    if inputs is None:
        return None
    outputs = [[float(x) for x in inputs]]
    if len(outputs[0]) != len(layers[0][0].weights):
        raise ShapeError(f"the network has {len(layers[0][0].weights)} inputs, got {len(outputs[0])}: {inputs!r}")
    for layer in layers:
        outputs.append([float(neuron(outputs[-1])) for neuron in layer])
    return outputs


def _activation(neuron: Any) -> str:
    function = getattr(neuron, "activation", None)
    if function is None:
        return "linear"
    if isinstance(function, str):
        return function
    return str(getattr(function, "name", None) or getattr(function, "__name__", "f"))


def _short(number: float) -> str:
    return f"{number:.2g}"


def _gradient(weight: Value) -> str:
    return NO_NUMBER if weight.grad is NO_GRAD_YET else _short(float(weight.grad))


def _id(unit: _Unit) -> str:
    return f"c{unit.column}r{unit.row}"
