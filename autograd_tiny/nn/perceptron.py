"""Neuron, Layer and MLP: the multilayer perceptron, each neuron one dot product."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from random import Random
from typing import Any, TypeAlias

from .. import ops
from ..errors import ParameterError, did_you_mean, listed
from ..primitive import whole
from ..seeds import generator
from ..value import Number, Value, record_pairs
from . import init as initialisers
from .activations import Activation, activation_function, activation_text
from .module import Module
from .shapes import is_list, vector

Init: TypeAlias = str | Callable[..., Any] | None
"""How weights start: the name of a function of ``nn.init`` such as ``"kaiming_normal_"``; a function called with the
(out, in) matrix of weights, and with ``rng=`` if it takes that; or None for the usual rule of the module."""


class Neuron(Module):
    """One neuron, activation(x1 w1 + ... + xn wn + b): a ``dot`` node, a sum and an activation.

    Weights and bias start uniform between -1/sqrt(nin) and 1/sqrt(nin), the rule of PyTorch's ``nn.Linear``
    (LeCun et al. 1998, "Efficient BackProp", section 4.6, asks for this scale).

    Args:
        nin: how many inputs, at least 1.
        activation: see ``Activation``; ``"tanh"``, ``"relu"``, ``"sigmoid"``, None for linear.
        bias: whether to add b.
        init: how the weights start, see ``Init``; other than None it lets the bias start at 0.
        rng: a ``random.Random`` to draw from, an int seed, or None for seed 0. Neurons made with one seed start
            equal and then learn the same: to build a layer of your own, hand one ``random.Random`` to them all.

    Returns:
        A Value; called with one list, tuple or array of ``nin`` numbers or Values.

    Raises:
        ParameterError: for a size below 1 or an unknown activation; when called, for an activation that gives no Value.
        ShapeError: when called with another number of inputs.

    >>> neuron = Neuron(2, "relu", rng=0)
    >>> neuron
    Neuron(2, activation='relu'): 3 parameters
    >>> [p.label for p in neuron.parameters()], neuron([1.0, -2.0]).op.name
    (['w0', 'w1', 'b'], 'relu')
    """

    def __init__(
        self,
        nin: int,
        activation: Activation = "tanh",
        bias: bool = True,
        init: Init = None,
        rng: Random | int | None = None,
    ) -> None:
        self.nin = whole(nin, "nin")
        rng = generator(rng, "rng")
        bound = self.nin**-0.5
        self.weights = [Value(rng.uniform(-bound, bound), f"w{i}") for i in range(self.nin)]
        self.bias = Value(rng.uniform(-bound, bound), "b") if bias else None
        self.activation = activation
        self._activate = activation_function(activation)
        _initialise([self], init, rng)

    def forward(self, x: Sequence[Number]) -> Any:
        """Return the neuron's output for one example."""
        if type(x) is not list or len(x) != self.nin:
            x = vector(x, self.nin)
        try:
            total = record_pairs(ops.dot, x, self.weights)
        except AttributeError:
            total = record_pairs(ops.dot, vector(x, self.nin), self.weights)
        if self.bias is not None:
            total = total + self.bias
        return total if self._activate is None else self._activate(total)

    def extra_repr(self) -> str:
        """Return the size, the activation and a missing bias."""
        return f"{self.nin}, {_settings(self.activation, self.bias is not None)}"


class Layer(Module):
    """Neurons side by side, all seeing the same inputs.

    Args:
        nin: how many inputs.
        nout: how many neurons, at least 1.
        activation, bias, init, rng: as for :class:`Neuron`; ``init`` sees the weights of all neurons as one matrix.

    Returns:
        A list of ``nout`` Values, also when ``nout`` is 1; called with one list, tuple or array of ``nin``
        numbers or Values.

    Raises:
        ParameterError, ShapeError: as :class:`Neuron`.

    >>> layer = Layer(2, 3, "tanh", rng=0)
    >>> [y.scope for y in layer([0.5, -0.5])]
    ['Layer/neurons[0]', 'Layer/neurons[1]', 'Layer/neurons[2]']
    """

    is_layer = True

    def __init__(
        self,
        nin: int,
        nout: int,
        activation: Activation = "tanh",
        bias: bool = True,
        init: Init = None,
        rng: Random | int | None = None,
    ) -> None:
        self.nin = whole(nin, "nin")
        self.activation, self.bias = activation, bias
        rng = generator(rng, "rng")
        self.neurons = [Neuron(nin, activation, bias, rng=rng) for _ in range(whole(nout, "nout"))]
        _initialise(self.neurons, init, rng)

    def forward(self, x: Sequence[Number]) -> list[Any]:
        """Return the outputs of all neurons for one example."""
        x = vector(x, self.nin)  # lifts plain numbers once, not once per neuron
        return [neuron(x) for neuron in self.neurons]

    def extra_repr(self) -> str:
        """Return the sizes, the activation and a missing bias."""
        return f"{self.nin}, {len(self.neurons)}, {_settings(self.activation, self.bias)}"


class MLP(Module):
    """Multilayer perceptron: layers one after the other, the last one linear unless its activation is given.

    Args:
        nin: how many inputs.
        nouts: how many neurons in each layer, the last number being the outputs.
        activation: of every layer but the last, which is linear, as for :class:`Neuron`; or a list with one for
            each layer, such as ``["tanh", "sigmoid"]``.
        bias, init, rng: as for :class:`Layer`; all layers draw from one generator.

    Returns:
        One Value when the last layer has one neuron, else a list of Values; called with one list, tuple or
        array of ``nin`` numbers or Values.

    Raises:
        ParameterError, ShapeError: as :class:`Neuron`.

    >>> model = MLP(2, [3, 1], "relu", rng=0)
    >>> model
    MLP(2, [3, 1], activation='relu'): 13 parameters
      layers[0]: Layer(2, 3, activation='relu'): 9 parameters
        neurons[0] to neurons[2], each: Neuron(2, activation='relu'): 3 parameters
      layers[1]: Layer(3, 1, activation=None): 4 parameters
        neurons[0]: Neuron(3, activation=None): 4 parameters
    >>> model([1.0, -2.0]).scope
    'MLP/layers[1]/neurons[0]'
    """

    def __init__(
        self,
        nin: int,
        nouts: Sequence[int],
        activation: Activation | Sequence[Activation] = "tanh",
        bias: bool = True,
        init: Init = None,
        rng: Random | int | None = None,
    ) -> None:
        sizes = [nin, *nouts] if is_list(nouts) else []
        if len(sizes) < 2:
            raise ParameterError(f"nouts is a list of one or more layer sizes, got {nouts!r}; use [16, 1]")
        self.nin = whole(nin, "nin")
        self.activation, self.bias = activation, bias
        activations = _one_per_layer(activation, len(sizes) - 1)
        rng = generator(rng, "rng")
        self.layers = [
            Layer(size, next_size, function, bias, init, rng)
            for size, next_size, function in zip(sizes[:-1], sizes[1:], activations, strict=True)
        ]

    def forward(self, x: Sequence[Number]) -> Any:
        """Return the output of the last layer for one example."""
        outputs = vector(x, self.nin)
        for layer in self.layers:
            outputs = layer(outputs)
        return outputs[0] if len(outputs) == 1 else outputs

    def extra_repr(self) -> str:
        """Return the sizes and the activation."""
        sizes = [len(layer.neurons) for layer in self.layers]
        return f"{self.nin}, {sizes}, {_settings(self.activation, self.bias)}"


def _one_per_layer(activation: Activation | Sequence[Activation], count: int) -> list[Activation]:
    if isinstance(activation, str) or not isinstance(activation, Sequence):
        activation_function(activation)  # refuses an unknown one where no hidden layer would ask
        return [*[activation] * (count - 1), None]
    if len(activation) != count:
        raise ParameterError(
            f"a list of activations has one for each of the {count} layers, got {len(activation)}; "
            "None stands for linear"
        )
    return list(activation)


def _initialise(neurons: list[Neuron], init: Init, rng: Random) -> None:
    """Let the weights start as ``init`` says, and the biases at 0; None leaves both as they are."""
    if init is None:
        return
    functions = [name for name in vars(initialisers) if name.endswith("_") and not name.startswith("_")]
    known = [name for name in functions if name != "constant_"]  # which needs its number too
    initialise = getattr(initialisers, init) if isinstance(init, str) and init in known else init
    if not callable(initialise):
        question = did_you_mean(str(init), known)
        raise ParameterError(
            f"init is a function or one of {listed(known)}, got {init!r:.60}{f'; {question}' if question else ''}"
        )
    weights = [neuron.weights for neuron in neurons]
    try:
        signature = inspect.signature(initialise)
        settings = {"rng": rng} if "rng" in signature.parameters else {}
        signature.bind(weights, **settings)
    except (TypeError, ValueError) as error:
        name = getattr(initialise, "__name__", type(initialise).__name__)
        raise ParameterError(
            f"init is called with the matrix of weights, and with rng= if it takes that; {name} needs more, or less "
            f"({error}): use init=lambda weights: {name}(weights, ...)"
        ) from None
    initialise(weights, **settings)
    for neuron in neurons:
        if neuron.bias is not None:
            neuron.bias.data = 0.0


def _settings(activation: Activation | Sequence[Activation], bias: bool) -> str:
    if isinstance(activation, str) or not isinstance(activation, Sequence):
        shown = activation_text(activation)
    else:
        shown = f"[{', '.join(map(activation_text, activation))}]"
    return f"activation={shown}" + ("" if bias else ", bias=False")
