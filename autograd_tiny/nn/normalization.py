"""Normalisation and dropout: LayerNorm, RMSNorm, BatchNorm1d, Dropout."""

from __future__ import annotations

from random import Random
from typing import Any, ClassVar

from .. import ops
from ..errors import ParameterError, ShapeError
from ..primitive import whole
from ..ranges import above_zero, fraction
from ..recording import mode, tracing_error
from ..seeds import generator
from ..value import Value, lift, record_pairs
from .module import Module
from .shapes import is_list, mapped, per_vector, place, vector


class VectorNorm(Module):
    """Base of the normalisations of single vectors.

    Args:
        normalized_shape: the length of the vectors, at least 1.
        eps: added under the root, above 0.
        elementwise_affine: whether there are weights, 1 at the start; in a LayerNorm also biases, 0 at the start.

    Returns:
        The normalised vector as a list of Values; nested lists for nested lists of vectors.

    Raises:
        ParameterError: for a number out of range.
        ShapeError: when called with a vector of another length.
    """

    bias: list[Value] | None = None

    def __init__(self, normalized_shape: int, eps: float = 1e-5, elementwise_affine: bool = True) -> None:
        self.normalized_shape, self.eps = whole(normalized_shape, "normalized_shape"), above_zero(eps, "eps")
        self.weight = _ones(self.normalized_shape) if elementwise_affine else None

    def forward(self, x: Any) -> Any:
        """Return the normalised vector or vectors."""
        return per_vector(x, self.normalized_shape, self._of_vector)

    def _of_vector(self, x: list[Value]) -> list[Value]:
        scale = (record_pairs(ops.dot, x, x) / len(x) + self.eps) ** -0.5
        y = [number * scale for number in x]
        if self.weight is not None:
            y = [number * w for number, w in zip(y, self.weight, strict=True)]
        if self.bias is not None:
            y = [number + b for number, b in zip(y, self.bias, strict=True)]
        return y

    def extra_repr(self) -> str:
        """Return the length and what is not usual."""
        return f"{self.normalized_shape}" + ("" if self.weight is not None else ", elementwise_affine=False")


class RMSNorm(VectorNorm):
    """x / sqrt(mean of squares + eps) * weight over each vector (Zhang and Sennrich 2019, arXiv:1910.07467).

    Arguments, result and errors as for :class:`VectorNorm`.

    >>> [round(y.data, 3) for y in RMSNorm(2)([3.0, 4.0])]
    [0.849, 1.131]
    """


class LayerNorm(VectorNorm):
    """(x - mean) / sqrt(variance + eps) * weight + bias over each vector (Ba et al. 2016, arXiv:1607.06450).

    The variance is the mean of the squared deviations. Arguments, result and errors as for :class:`VectorNorm`.

    >>> [round(y.data, 3) for y in LayerNorm(2)([1.0, 3.0])]
    [-1.0, 1.0]
    """

    def __init__(self, normalized_shape: int, eps: float = 1e-5, elementwise_affine: bool = True) -> None:
        super().__init__(normalized_shape, eps, elementwise_affine)
        self.bias = _zeros(self.normalized_shape) if elementwise_affine else None

    def _of_vector(self, x: list[Value]) -> list[Value]:
        mean = ops.mean(x)
        return super()._of_vector([number - mean for number in x])


class BatchNorm1d(Module):
    """(x - mean) / sqrt(variance + eps) * weight + bias, each feature over the batch (arXiv:1502.03167).

    Ioffe and Szegedy 2015. In training it is called with a batch, a list of at least two vectors, uses that
    batch's mean and variance, and moves the running ones: running = (1 - momentum) running + momentum batch's, the
    variance there being the unbiased one, as in PyTorch. After ``eval()`` it uses the running ones, also for one
    vector. Train such a model with ``fit(..., batched=True)``.

    Args:
        num_features: the length of the vectors, at least 1.
        eps: added under the root, above 0.
        momentum: how fast the running statistics follow, from 0 to 1.

    Returns:
        The normalised batch, a list of lists of Values; in evaluation also one vector for one vector.

    Raises:
        ParameterError: for a number out of range.
        ShapeError: for vectors of another length, or fewer than two in training.

    >>> norm = BatchNorm1d(1)
    >>> [[round(y.data, 3) for y in row] for row in norm([[1.0], [3.0]])], norm.running_mean
    ([[-1.0], [1.0]], [0.2])
    """

    buffers: ClassVar[tuple[str, ...]] = ("running_mean", "running_var")

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float = 0.1) -> None:
        self.num_features, self.eps = whole(num_features, "num_features"), above_zero(eps, "eps")
        self.momentum = fraction(momentum, "momentum")
        self.weight, self.bias = _ones(self.num_features), _zeros(self.num_features)
        self.running_mean, self.running_var = [0.0] * num_features, [1.0] * num_features

    def forward(self, x: Any) -> Any:
        """Return the normalised batch."""
        if not self.training:
            return per_vector(x, self.num_features, self._by_running)
        if mode.get().traced is not None:
            raise tracing_error(
                f"the mean over a batch in {place()}",
                "call model.eval() first, or train without jit: jit=False",
            )
        if not is_list(x) or len(x) < 2 or not all(map(is_list, x)):
            batch_of_one = is_list(x) and len(x) == 1 and is_list(x[0])
            remedy = "use fit(..., batched=True) and batches above 1"
            if batch_of_one:
                remedy = "the last batch of an epoch holds the rest: choose batch_size so that no batch of one remains"
            raise ShapeError(f"{place()} needs a batch of two or more vectors in training; {remedy}, or model.eval()")
        columns = list(zip(*[vector(row, self.num_features) for row in x], strict=True))
        normalised = [self._over_batch(i, list(column)) for i, column in enumerate(columns)]
        return [list(row) for row in zip(*normalised, strict=True)]

    def _over_batch(self, i: int, column: list[Value]) -> list[Value]:
        mean = ops.mean(column)
        deviations = [number - mean for number in column]
        squares = record_pairs(ops.dot, deviations, deviations)
        variance, keep = squares.data / (len(column) - 1), 1.0 - self.momentum
        self.running_mean[i] = keep * self.running_mean[i] + self.momentum * mean.data
        self.running_var[i] = keep * self.running_var[i] + self.momentum * variance
        scale = (squares / len(column) + self.eps) ** -0.5 * self.weight[i]
        return [number * scale + self.bias[i] for number in deviations]

    def _by_running(self, x: list[Value]) -> list[Value]:
        scales = [(variance + self.eps) ** -0.5 for variance in self.running_var]
        normalised = [(number - mean) * scale for number, mean, scale in zip(x, self.running_mean, scales, strict=True)]
        return [number * w + b for number, w, b in zip(normalised, self.weight, self.bias, strict=True)]

    def extra_repr(self) -> str:
        """Return the length."""
        return f"{self.num_features}"


class Dropout(Module):
    """In training, each number becomes 0 with probability p and is divided by 1 - p otherwise; else x itself.

    Srivastava et al. 2014, "Dropout: a simple way to prevent neural networks from overfitting", JMLR 15. The scale
    keeps the mean as it is, so that nothing changes after ``eval()``.

    Args:
        p: the probability, from 0 to below 1.
        rng: a ``random.Random`` to draw from, an int seed, or None for seed 0. Those made with one seed
            drop the same places: hand one ``random.Random`` to all parts of a model.

    Raises:
        ParameterError: for p out of range.

    >>> drop = Dropout(0.5, rng=0)
    >>> [y.data for y in drop([1.0, 1.0, 1.0, 1.0])]
    [2.0, 2.0, 0.0, 0.0]
    >>> drop.eval()([1.0, 1.0])
    [1.0, 1.0]
    """

    def __init__(self, p: float = 0.5, rng: Random | int | None = None) -> None:
        self.p = fraction(p, "p")
        if self.p == 1.0:
            raise ParameterError("p is a probability below 1, got 1.0; nothing would pass")
        self.rng = generator(rng, "rng")

    def forward(self, x: Any) -> Any:
        """Return x with some numbers dropped."""
        if not self.training or self.p == 0.0:
            return x
        if mode.get().traced is not None:
            raise tracing_error(
                f"the draw of what {place()} drops", "call model.eval() first, or train without jit: jit=False"
            )
        scale = 1.0 / (1.0 - self.p)
        return mapped(x, lambda number: lift(0.0) if self.rng.random() < self.p else lift(number) * scale)

    def extra_repr(self) -> str:
        """Return the probability."""
        return f"p={self.p:g}"


def _ones(size: int) -> list[Value]:
    return [Value(1.0) for _ in range(size)]


def _zeros(size: int) -> list[Value]:
    return [Value(0.0) for _ in range(size)]
