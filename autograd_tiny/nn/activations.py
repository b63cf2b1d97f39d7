"""Activations: by name, as functions and as modules that work on every number of a vector or matrix."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from .. import ops
from ..errors import ParameterError, ShapeError, did_you_mean
from ..primitive import Primitive, registry
from ..ranges import finite
from ..recording import is_traced
from ..value import Value, lift, method_of
from .module import Module
from .shapes import is_list, listed_numbers, mapped, place, vector

Activation: TypeAlias = str | Primitive | Callable[[Any], Any] | None
"""The name of an operation with one operand, the operation, any function of one Value, or None for linear."""


def activation_function(activation: Activation) -> Callable[[Any], Any] | None:
    """Return the activation as a function of one Value, None for linear.

    Raises:
        ParameterError: for an unknown name or an operation of several operands; when called, for a function that
            gives no Value, which would cut the graph.

    >>> activation_function("relu")(Value(-2.0)).data, activation_function(None)
    (0.0, None)
    """
    if isinstance(activation, str):
        known = [name for name, op in registry.items() if op.arity == 1]
        if activation not in known:
            question = did_you_mean(activation.lower(), known) or "others are relu, tanh and sigmoid"
            raise ParameterError(
                f"activation {activation!r} is no operation with one operand; {question} (None for linear)"
            )
        activation = registry[activation]
    if isinstance(activation, Primitive):
        if activation.arity != 1:
            raise ParameterError(f"an activation takes one operand, got {activation.signature()}")
        op = activation.bind() if activation.params else activation
        return method_of(op) if op.__module__ == ops.__name__ else op  # the fast way trusts the rule to give a float
    if activation is None:
        return None
    if callable(activation):
        return _Recorded(activation)
    raise ParameterError(
        f"activation is an operation's name, an operation, a function or None for linear, got {activation!r}"
    )


class _Recorded:
    """A function of the user's that must give a Value; an object, so that copies of a model copy what it holds."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self.function = function

    def __call__(self, x: Value) -> Value:
        y = self.function(x)
        if not isinstance(y, Value):
            name = getattr(self.function, "__name__", type(self.function).__name__)
            remedy = f'use autograd_tiny.{name} or "{name}"' if name in registry else "compute with Values throughout"
            raise ParameterError(
                f"an activation gives a Value, got {y!r:.60} ({type(y).__name__}) from {name}, which no gradient "
                f"passes; {remedy}"
            )
        return y


def activation_text(activation: Activation) -> str:
    """Return an activation as the printed form of a module shows it.

    >>> activation_text(ops.tanh), activation_text(None)
    ("'tanh'", 'None')
    """
    if isinstance(activation, Primitive):
        activation = activation.name
    elif callable(activation):
        activation = getattr(activation, "__name__", type(activation).__name__)
    return repr(activation)


class Elementwise(Module):
    """Base of the activations that treat every number alike, whatever lists it lies in; a class names its ``op``."""

    op: Primitive

    def __init__(self) -> None:
        self._record = method_of(self.op)

    def forward(self, x: Any) -> Any:
        """Return the activation of a number, or of every number in (nested) lists."""
        record = self._record
        return mapped(x, lambda number: record(lift(number)))


class ReLU(Elementwise):
    """Rectified linear unit, max(x, 0), of every number (Nair and Hinton 2010, ICML).

    >>> [y.data for y in ReLU()([-2.0, 3.0])]
    [0.0, 3.0]
    """

    op = ops.relu


class LeakyReLU(Elementwise):
    """x above 0 and negative_slope x below, of every number (Maas et al. 2013, ICML).

    Args:
        negative_slope: the slope below 0, finite.

    Raises:
        ParameterError: for a slope that is not finite.

    >>> [y.data for y in LeakyReLU(0.1)([-2.0, 3.0])]
    [-0.2, 3.0]
    """

    def __init__(self, negative_slope: float = 0.01) -> None:
        self.negative_slope = finite(negative_slope, "negative_slope")
        self.op = ops.leaky_relu.bind(alpha=self.negative_slope)
        super().__init__()

    def extra_repr(self) -> str:
        """Return the slope."""
        return f"negative_slope={self.negative_slope:g}"


class ELU(Elementwise):
    """Exponential linear unit, x above 0 and alpha (e^x - 1) below (Clevert et al. 2016, arXiv:1511.07289).

    Args:
        alpha: minus the limit far below 0, finite.

    Raises:
        ParameterError: for an alpha that is not finite.

    >>> [y.data for y in ELU()([-1000.0, 3.0])]
    [-1.0, 3.0]
    """

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = finite(alpha, "alpha")
        self.op = ops.elu.bind(alpha=self.alpha)
        super().__init__()

    def extra_repr(self) -> str:
        """Return alpha."""
        return f"alpha={self.alpha:g}"


class GELU(Elementwise):
    """Gaussian error linear unit, x Phi(x), of every number (Hendrycks and Gimpel 2016, arXiv:1606.08415).

    Args:
        approximate: ``"none"``, or ``"tanh"`` for the approximation of the paper's section 2.

    Raises:
        ParameterError: for another ``approximate``.

    >>> [round(y.data, 6) for y in GELU()([-1.0, 0.0, 1.0])]
    [-0.158655, 0.0, 0.841345]
    """

    def __init__(self, approximate: str = "none") -> None:
        if approximate not in ("none", "tanh"):
            raise ParameterError(f"approximate is 'none' or 'tanh', got {approximate!r}")
        self.approximate, self.op = approximate, ops.gelu if approximate == "none" else ops.gelu_tanh
        super().__init__()

    def extra_repr(self) -> str:
        """Return the approximation, where there is one."""
        return "" if self.approximate == "none" else f"approximate={self.approximate!r}"


class SiLU(Elementwise):
    """Sigmoid linear unit (swish), x sigmoid(x), of every number (Elfwing et al. 2018, arXiv:1702.03118).

    >>> [y.data for y in SiLU()([0.0])]
    [0.0]
    """

    op = ops.silu


class Mish(Elementwise):
    """Mish, x tanh(softplus(x)), of every number (Misra 2019, arXiv:1908.08681).

    >>> [y.data for y in Mish()([0.0])]
    [0.0]
    """

    op = ops.mish


class Softplus(Elementwise):
    """Smooth rectifier, ln(1 + e^x), of every number; without threshold or overflow (Glorot et al. 2011, AISTATS).

    >>> [y.data for y in Softplus()([1e4, -1e4])]
    [10000.0, 0.0]
    """

    op = ops.softplus


class Sigmoid(Elementwise):
    """Logistic function, 1 / (1 + e^-x), of every number.

    >>> [y.data for y in Sigmoid()([0.0])]
    [0.5]
    """

    op = ops.sigmoid


class Tanh(Elementwise):
    """Hyperbolic tangent of every number.

    >>> [y.data for y in Tanh()([0.0])]
    [0.0]
    """

    op = ops.tanh


class Softmax(Module):
    """Softmax of a vector, e^xi / (e^x1 + ... + e^xn), or of each vector in lists of them.

    A model that is trained with ``cross_entropy`` ends in logits, without a Softmax.

    Raises:
        ShapeError: when called with one number.

    >>> [y.data for y in Softmax()([0.0, 0.0])]
    [0.5, 0.5]
    """

    def forward(self, x: Any) -> Any:
        """Return the probabilities."""
        return _over_vectors(x, softmax)


class LogSoftmax(Module):
    """Logarithm of the softmax of a vector, xi - logsumexp(x), or of each vector in lists of them.

    Raises:
        ShapeError: when called with one number.

    >>> [round(y.data, 6) for y in LogSoftmax()([0.0, 0.0])]
    [-0.693147, -0.693147]
    """

    def forward(self, x: Any) -> Any:
        """Return the log-probabilities."""
        return _over_vectors(x, log_softmax)


def softmax(x: list[Value]) -> list[Value]:
    """Return e^xi / (e^x1 + ... + e^xn) for each i, from n exponentials: the operation ``softmax`` takes n for each i.

    >>> [y.data for y in softmax([Value(1000.0), Value(1000.0)])]
    [0.5, 0.5]
    """
    # Against overflow a number is subtracted; any gives the same result. The slope of floor is 0, also when recorded.
    traced = any(map(is_traced, x))
    top = ops.floor(ops.max(x)) if traced else lift(ops.floor(max([value.data for value in x])))
    powers = [(value - top).exp() for value in x]
    total = ops.sum(powers)
    return [power / total for power in powers]


def log_softmax(x: list[Value]) -> list[Value]:
    """Return xi - logsumexp(x) for each i, the logarithm taken once.

    >>> [y.data for y in log_softmax([Value(1000.0), Value(0.0)])]
    [0.0, -1000.0]
    """
    total = ops.logsumexp(x)
    return [value - total for value in x]


def _over_vectors(x: Any, f: Callable[[list[Value]], list[Value]]) -> Any:
    items = listed_numbers(x)
    if not is_list(items) or not items:
        raise ShapeError(f"{place()} needs a vector: a list of one or more numbers, got {x!r:.60}")
    if is_list(items[0]):
        return [_over_vectors(item, f) for item in items]
    return f(vector(items, len(items)))
