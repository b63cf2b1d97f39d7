"""Neuron, Layer and MLP: the multilayer perceptron, each neuron one dot product."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches
from random import Random
from typing import Any, TypeAlias

from .. import ops
from ..errors import NotARealNumberError, ParameterError, ShapeError
from ..primitive import Primitive, registry, whole
from ..recording import mode
from ..seeds import generator
from ..value import Number, Value, lift, method_of, record_pairs
from .module import Module

Activation: TypeAlias = str | Primitive | Callable[[Any], Any] | None
"""The name of an operation with one operand, the operation, any function of one Value, or None for linear."""


class Neuron(Module):
    """One neuron, activation(x1 w1 + ... + xn wn + b): a ``dot`` node, a sum and an activation.

    Weights and bias start uniform between -1/sqrt(nin) and 1/sqrt(nin), the rule of PyTorch's ``nn.Linear``
    (LeCun et al. 1998, "Efficient BackProp", section 4.6, asks for this scale).

    Args:
        nin: how many inputs, at least 1.
        activation: see ``Activation``; ``"tanh"``, ``"relu"``, ``"sigmoid"``, None for linear.
        rng: a ``random.Random`` to draw from, an int seed, or None for seed 0. Neurons made with one seed start
            equal and then learn the same: to build a layer of your own, hand one ``random.Random`` to them all.
        bias: whether to add b.

    Returns:
        A Value; called with one list, tuple or array of ``nin`` numbers or Values.

    Raises:
        ParameterError: for a size below 1 or an unknown activation.
        ShapeError: when called with another number of inputs.

    >>> neuron = Neuron(2, "relu", rng=0)
    >>> neuron
    Neuron(2, activation='relu'): 3 parameters
    >>> [p.label for p in neuron.parameters()], neuron([1.0, -2.0]).op.name
    (['w0', 'w1', 'b'], 'relu')
    """

    def __init__(
        self, nin: int, activation: Activation = "tanh", rng: Random | int | None = None, bias: bool = True
    ) -> None:
        self.nin = whole(nin, "nin")
        rng = generator(rng, "rng")
        bound = self.nin**-0.5
        self.weights = [Value(rng.uniform(-bound, bound), f"w{i}") for i in range(self.nin)]
        self.bias = Value(rng.uniform(-bound, bound), "b") if bias else None
        self.activation = activation
        self._activate = _function(activation)

    def forward(self, x: Sequence[Number]) -> Any:
        """Return the neuron's output for one example."""
        if type(x) is not list or len(x) != self.nin:
            x = _checked(x, self.nin)
        try:
            total = record_pairs(ops.dot, x, self.weights)
        except AttributeError:
            total = record_pairs(ops.dot, _checked(x, self.nin), self.weights)
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
        activation, rng, bias: as for :class:`Neuron`.

    Returns:
        A list of ``nout`` Values, also when ``nout`` is 1; called with one list, tuple or array of ``nin``
        numbers or Values.

    Raises:
        ParameterError, ShapeError: as :class:`Neuron`.

    >>> layer = Layer(2, 3, "tanh", rng=0)
    >>> [y.scope for y in layer([0.5, -0.5])]
    ['Layer/neurons[0]', 'Layer/neurons[1]', 'Layer/neurons[2]']
    """

    def __init__(
        self, nin: int, nout: int, activation: Activation = "tanh", rng: Random | int | None = None, bias: bool = True
    ) -> None:
        self.nin = whole(nin, "nin")
        self.activation, self.bias = activation, bias
        rng = generator(rng, "rng")
        self.neurons = [Neuron(nin, activation, rng, bias) for _ in range(whole(nout, "nout"))]

    def forward(self, x: Sequence[Number]) -> list[Any]:
        """Return the outputs of all neurons for one example."""
        x = _checked(x, self.nin)  # lifts plain numbers once, not once per neuron
        return [neuron(x) for neuron in self.neurons]

    def extra_repr(self) -> str:
        """Return the sizes, the activation and a missing bias."""
        return f"{self.nin}, {len(self.neurons)}, {_settings(self.activation, self.bias)}"


class MLP(Module):
    """Multilayer perceptron: layers one after the other, the last one linear.

    Args:
        nin: how many inputs.
        nouts: how many neurons in each layer, the last number being the outputs.
        activation: of every layer but the last; as for :class:`Neuron`.
        rng: as for :class:`Neuron`; all layers draw from one generator.

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
        self, nin: int, nouts: Sequence[int], activation: Activation = "tanh", rng: Random | int | None = None
    ) -> None:
        sizes = [nin, *nouts] if isinstance(nouts, Iterable) else []
        if len(sizes) < 2:
            raise ParameterError(f"nouts is a list of one or more layer sizes, got {nouts!r}; use [16, 1]")
        self.nin = whole(nin, "nin")
        self.activation = activation
        _function(activation)  # refuses an unknown one, also where no hidden layer would ask
        rng = generator(rng, "rng")
        activations = [activation] * (len(sizes) - 2) + [None]
        self.layers = [
            Layer(size, next_size, function, rng)
            for size, next_size, function in zip(sizes[:-1], sizes[1:], activations, strict=True)
        ]

    def forward(self, x: Sequence[Number]) -> Any:
        """Return the output of the last layer for one example."""
        outputs = _checked(x, self.nin)
        for layer in self.layers:
            outputs = layer(outputs)
        return outputs[0] if len(outputs) == 1 else outputs

    def extra_repr(self) -> str:
        """Return the sizes and the activation."""
        sizes = [len(layer.neurons) for layer in self.layers]
        return f"{self.nin}, {sizes}, {_settings(self.activation)}"


def _checked(x: Any, count: int) -> list[Any]:
    """Return one example as a list of Values.

    Raises:
        ShapeError: naming the module, what it needs and what came.
    """
    if not isinstance(x, Iterable) or isinstance(x, (str, bytes)):
        raise ShapeError(f"{_place()} needs a list of {_numbers(count)}, got {x!r}; wrap it: [x]")
    items = list(x)
    if len(items) != count:
        raise ShapeError(f"{_place()} needs {_numbers(count)} for one example, got {len(items)}")
    try:
        return [lift(item) for item in items]
    except NotARealNumberError:
        if not any(isinstance(item, Iterable) and not isinstance(item, (str, bytes)) for item in items):
            raise
        raise ShapeError(
            f"{_place()} needs {_numbers(count)} for one example, got a list of lists; "
            "call it once per example: [model(x) for x in X]"
        ) from None


def _place() -> str:
    return mode.get().scope or "the module"


def _numbers(count: int) -> str:
    return f"{count} number{'s' if count != 1 else ''}"


def _settings(activation: Activation, bias: bool = True) -> str:
    if isinstance(activation, Primitive):
        activation = activation.name
    elif callable(activation):
        activation = getattr(activation, "__name__", type(activation).__name__)
    return f"activation={activation!r}" + ("" if bias else ", bias=False")


def _function(activation: Activation) -> Callable[[Any], Any] | None:
    """Return the activation as a function of one Value, None for linear."""
    if isinstance(activation, str):
        known = [name for name, op in registry.items() if op.arity == 1]
        if activation not in known:
            close = get_close_matches(activation, known) or ["relu", "tanh", "sigmoid"]
            raise ParameterError(
                f"activation {activation!r} is no operation with one operand; "
                f"close matches: {', '.join(close)} (None for linear)"
            )
        activation = registry[activation]
    if isinstance(activation, Primitive):
        if activation.arity != 1:
            raise ParameterError(f"an activation takes one operand, got {activation.signature()}")
        op = activation.bind() if activation.params else activation
        return method_of(op) if op.__module__ == ops.__name__ else op  # the fast way trusts the rule to give a float
    if activation is None or callable(activation):
        return activation
    raise ParameterError(
        f"activation is an operation's name, an operation, a function or None for linear, got {activation!r}"
    )
