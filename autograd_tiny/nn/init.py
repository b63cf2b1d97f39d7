"""Initialisers: where parameters start. Each writes new numbers into Values, in place, and returns what it was given.

A tensor here is a leaf Value or nested lists of them: a list, a matrix as rows (outputs, inputs), or kernels as
(outputs, inputs, height, width) or of any other depth. Random numbers are drawn in reading order.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from random import Random
from typing import TypeVar

from ..errors import ParameterError, ShapeError, did_you_mean
from ..ranges import at_least_zero, finite
from ..seeds import generator
from ..value import Value
from .shapes import numbers_in, shape_of, shape_text

Tensor = TypeVar("Tensor")

GAINS: dict[str, Callable[[float], float]] = {
    "linear": lambda _: 1.0,
    "conv1d": lambda _: 1.0,
    "conv2d": lambda _: 1.0,
    "sigmoid": lambda _: 1.0,
    "tanh": lambda _: 5.0 / 3.0,
    "relu": lambda _: math.sqrt(2.0),
    "leaky_relu": lambda slope: math.sqrt(2.0 / (1.0 + slope * slope)),
}


# ---------------------------------------------------------------- sizes from the layer


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, rng: Random | int | None = None) -> Tensor:
    """Fill with uniform numbers between -b and b, b = gain sqrt(6 / (fan_in + fan_out)).

    Their variance, gain^2 2 / (fan_in + fan_out), keeps the sizes of outputs and of gradients alike from layer to
    layer (Glorot & Bengio 2010, "Understanding the difficulty of training deep feedforward neural networks").
    fan_in is how many inputs one output sees, fan_out how many outputs one input reaches: inputs and outputs of a
    layer, each times the size of a kernel.

    Args:
        tensor: nested lists of leaf Values, of 2 dimensions or more: (outputs, inputs, kernel...).
        gain: a factor for the activation that follows, at least 0; see :func:`calculate_gain`.
        rng: a ``random.Random`` to draw from, an int seed, or None for seed 0. Tensors of one shape filled from one
            seed get equal numbers: hand one ``random.Random`` to all calls.

    Returns:
        The tensor.

    Raises:
        ShapeError: for fewer than 2 dimensions, or lists of unequal lengths.
        ParameterError: for anything but leaf Values in the tensor, or a gain out of range.

    >>> weight = [[Value(0.0) for _ in range(2)] for _ in range(4)]
    >>> all(-1.0 <= w.data <= 1.0 for row in xavier_uniform_(weight, rng=0) for w in row)
    True
    """
    fan_in, fan_out = _fans("xavier_uniform_", tensor)
    bound = at_least_zero(gain, "gain") * math.sqrt(6.0 / (fan_in + fan_out))
    return uniform_(tensor, -bound, bound, rng)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, rng: Random | int | None = None) -> Tensor:
    """Fill with Gaussian numbers of mean 0 and standard deviation gain sqrt(2 / (fan_in + fan_out)).

    The variance is that of :func:`xavier_uniform_`, where the reasons are.

    Args:
        tensor, gain, rng: as for :func:`xavier_uniform_`.

    Returns:
        The tensor.

    Raises:
        ShapeError, ParameterError: as :func:`xavier_uniform_`.

    >>> weight = [[Value(0.0), Value(0.0)]]
    >>> xavier_normal_(weight, rng=0) is weight
    True
    """
    fan_in, fan_out = _fans("xavier_normal_", tensor)
    return normal_(tensor, 0.0, at_least_zero(gain, "gain") * math.sqrt(2.0 / (fan_in + fan_out)), rng)


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    rng: Random | int | None = None,
) -> Tensor:
    """Fill with uniform numbers between -b and b, b = gain sqrt(3 / fan).

    Their variance, gain^2 / fan, keeps the size of the outputs (fan_in) or of the gradients (fan_out) from layer to
    layer where the activation sets negative numbers to 0 (He et al. 2015, "Delving deep into rectifiers",
    arXiv:1502.01852). The gain is :func:`calculate_gain` of the nonlinearity.

    Args:
        tensor: as for :func:`xavier_uniform_`.
        a: the slope below 0 of a ``"leaky_relu"``; 0 makes it a relu.
        mode: ``"fan_in"`` or ``"fan_out"``, as :func:`xavier_uniform_` explains them.
        nonlinearity: the activation that follows, see :func:`calculate_gain`.
        rng: as for :func:`xavier_uniform_`.

    Returns:
        The tensor.

    Raises:
        ShapeError: as :func:`xavier_uniform_`.
        ParameterError: for anything but leaf Values in the tensor, an unknown mode or nonlinearity.

    >>> weight = [[Value(0.0) for _ in range(6)] for _ in range(2)]
    >>> all(-1.0 <= w.data <= 1.0 for row in kaiming_uniform_(weight, nonlinearity="relu", rng=0) for w in row)
    True
    """
    bound = math.sqrt(3.0) * _kaiming_spread("kaiming_uniform_", tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, rng)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    rng: Random | int | None = None,
) -> Tensor:
    """Fill with Gaussian numbers of mean 0 and standard deviation gain / sqrt(fan).

    The variance is that of :func:`kaiming_uniform_`, where the reasons are.

    Args:
        tensor, a, mode, nonlinearity, rng: as for :func:`kaiming_uniform_`.

    Returns:
        The tensor.

    Raises:
        ShapeError, ParameterError: as :func:`kaiming_uniform_`.

    >>> weight = [[Value(0.0), Value(0.0)]]
    >>> kaiming_normal_(weight, nonlinearity="relu", rng=0) is weight
    True
    """
    return normal_(tensor, 0.0, _kaiming_spread("kaiming_normal_", tensor, a, mode, nonlinearity), rng)


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """Return the factor by which weights grow to make up for what an activation shrinks.

    1 for ``"linear"``, ``"conv1d"``, ``"conv2d"`` and ``"sigmoid"``, 5/3 for ``"tanh"``, sqrt(2) for ``"relu"`` and
    sqrt(2 / (1 + param^2)) for ``"leaky_relu"``: PyTorch's table. The last two are exact for Gaussian inputs (He et
    al. 2015, arXiv:1502.01852, section 2.2); 5/3 is by rule of thumb.

    Args:
        nonlinearity: one of these names.
        param: the slope below 0 of a ``"leaky_relu"``, 0.01 if not given; no other has one.

    Returns:
        The gain.

    Raises:
        ParameterError: for another name, or a slope that is not finite.

    >>> round(calculate_gain("relu"), 6), calculate_gain("leaky_relu", 1.0)
    (1.414214, 1.0)
    """
    if not isinstance(nonlinearity, str) or nonlinearity not in GAINS:
        remedy = did_you_mean(str(nonlinearity), GAINS) or 'for others take "linear" or "relu", whichever is closer'
        raise ParameterError(f"nonlinearity is one of {', '.join(GAINS)}, got {nonlinearity!r}; {remedy}")
    return GAINS[nonlinearity](finite(0.01 if param is None else param, "the slope of leaky_relu"))


# ---------------------------------------------------------------- numbers as given


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, rng: Random | int | None = None) -> Tensor:
    """Fill with uniform numbers between a and b.

    Args:
        tensor: a leaf Value or nested lists of them.
        a, b: the bounds, finite, a <= b.
        rng: as for :func:`xavier_uniform_`.

    Returns:
        The tensor.

    Raises:
        ShapeError: for a tensor without any Value.
        ParameterError: for anything but leaf Values in the tensor, or bounds out of range.

    >>> 2.0 <= uniform_(Value(0.0), 2.0, 3.0, rng=0).data <= 3.0
    True
    """
    low, high = finite(a, "a"), finite(b, "b")
    if not 0.0 <= high - low < math.inf:
        raise ParameterError(f"uniform_ needs a <= b and a finite b - a, got a={a!r} and b={b!r}")
    draw = generator(rng, "rng")
    return _filled(tensor, lambda: draw.uniform(low, high))


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, rng: Random | int | None = None) -> Tensor:
    """Fill with Gaussian numbers.

    Args:
        tensor: a leaf Value or nested lists of them.
        mean: their mean, finite.
        std: their standard deviation, finite and at least 0.
        rng: as for :func:`xavier_uniform_`.

    Returns:
        The tensor.

    Raises:
        ShapeError: for a tensor without any Value.
        ParameterError: for anything but leaf Values in the tensor, or a number out of range.

    >>> normal_(Value(0.0), mean=5.0, std=0.0).data
    5.0
    """
    centre, spread = finite(mean, "mean"), at_least_zero(std, "std")
    draw = generator(rng, "rng")
    return _filled(tensor, lambda: draw.gauss(centre, spread))


def constant_(tensor: Tensor, val: float, rng: Random | int | None = None) -> Tensor:
    """Fill with one number.

    Args:
        tensor: a leaf Value or nested lists of them.
        val: the number, finite.
        rng: taken so that all initialisers can be called alike; nothing is drawn.

    Returns:
        The tensor.

    Raises:
        ShapeError: for a tensor without any Value.
        ParameterError: for anything but leaf Values in the tensor, or a number that is not finite.

    >>> [value.data for value in constant_([Value(1.0), Value(2.0)], 0.5)]
    [0.5, 0.5]
    """
    number = finite(val, "val")
    return _filled(tensor, lambda: number)


def zeros_(tensor: Tensor, rng: Random | int | None = None) -> Tensor:
    """Fill with 0: right for biases, and wrong for weights, which would all learn the same.

    Args:
        tensor: a leaf Value or nested lists of them.
        rng: as for :func:`constant_`.

    Returns:
        The tensor.

    Raises:
        ShapeError, ParameterError: as :func:`constant_`.

    >>> zeros_(Value(3.0)).data
    0.0
    """
    return constant_(tensor, 0.0)


def ones_(tensor: Tensor, rng: Random | int | None = None) -> Tensor:
    """Fill with 1, as for the factors of a normalisation.

    Args:
        tensor: a leaf Value or nested lists of them.
        rng: as for :func:`constant_`.

    Returns:
        The tensor.

    Raises:
        ShapeError, ParameterError: as :func:`constant_`.

    >>> ones_(Value(3.0)).data
    1.0
    """
    return constant_(tensor, 1.0)


# ---------------------------------------------------------------- what all share


def _filled(tensor: Tensor, draw: Callable[[], float]) -> Tensor:
    leaves = numbers_in(tensor)
    if not leaves:
        raise ShapeError("the tensor to fill needs at least one Value, got an empty list")
    for leaf in leaves:
        if not isinstance(leaf, Value):
            shown, remedy = f"{leaf!r:.60} ({type(leaf).__name__})", "wrap it: Value(x)"
            if hasattr(leaf, "parameters"):
                shown, remedy = f"one {type(leaf).__name__}", "pass its weight or bias"
            raise ParameterError(f"only Values can be filled, got {shown}; {remedy}")
        if leaf.op is not None:
            raise ParameterError(
                f"only leaves can be filled, got {leaf!r}, the result of {leaf.op.name}; pass the Values it came from"
            )
    for leaf in leaves:
        leaf.data = draw()
    return tensor


def _fans(name: str, tensor: object) -> tuple[int, int]:
    """Return how many inputs an output sees and how many outputs an input reaches."""
    shape = shape_of(tensor)
    if shape is None or len(shape) < 2 or 0 in shape:
        raise ShapeError(
            f"{name} needs 2 dimensions or more, (outputs, inputs, kernel...), got {shape_text(shape)}; "
            "for a bias use zeros_ or uniform_"
        )
    outputs, inputs, *kernel = shape
    return inputs * math.prod(kernel), outputs * math.prod(kernel)


def _kaiming_spread(name: str, tensor: object, a: float, mode: str, nonlinearity: str) -> float:
    if mode not in ("fan_in", "fan_out"):
        raise ParameterError(f"mode is 'fan_in' or 'fan_out', got {mode!r}")
    fan_in, fan_out = _fans(name, tensor)
    return calculate_gain(nonlinearity, a) / math.sqrt(fan_in if mode == "fan_in" else fan_out)
