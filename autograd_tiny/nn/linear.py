"""Linear and Embedding: a matrix that multiplies vectors, and one whose rows are looked up."""

from __future__ import annotations

from random import Random
from typing import Any

from .. import ops
from ..errors import ParameterError
from ..primitive import whole
from ..recording import is_traced
from ..seeds import generator
from ..value import Value, record_pairs
from .indices import known_index, row
from .module import Module
from .shapes import is_list, per_vector, place


class Linear(Module):
    """y = W x + b for a vector x, or for each vector in (nested) lists of them, such as a sequence.

    W and b start uniform between -1/sqrt(in_features) and 1/sqrt(in_features), as PyTorch's do.

    Args:
        in_features: the length of x, at least 1.
        out_features: the length of y, at least 1.
        bias: whether to add b.
        rng: a ``random.Random`` to draw from, an int seed, or None for seed 0. Modules of one size made with one seed
            start equal: hand one ``random.Random`` to all parts of a model.

    Attributes:
        weight: W, ``out_features`` rows of ``in_features`` Values.
        bias: b, ``out_features`` Values, or None.

    Returns:
        A list of ``out_features`` Values, or nested lists of such lists.

    Raises:
        ParameterError: for a size below 1.
        ShapeError: when called with a vector of another length.

    >>> layer = Linear(3, 2, rng=0)
    >>> layer
    Linear(in_features=3, out_features=2): 8 parameters
    >>> len(layer([1.0, 2.0, 3.0])), len(layer([[1.0, 2.0, 3.0]] * 5))
    (2, 5)
    """

    def __init__(self, in_features: int, out_features: int, bias: bool = True, rng: Random | int | None = None) -> None:
        self.in_features = whole(in_features, "in_features")
        self.out_features = whole(out_features, "out_features")
        rng, bound = generator(rng, "rng"), self.in_features**-0.5
        self.weight = uniform_matrix(self.out_features, self.in_features, bound, rng)
        self.bias = uniform_vector(self.out_features, bound, rng) if bias else None

    def forward(self, x: Any) -> Any:
        """Return W x + b."""
        return per_vector(x, self.in_features, self._of_vector)

    def _of_vector(self, x: list[Value]) -> list[Value]:
        return affine(self.weight, x, self.bias)

    def extra_repr(self) -> str:
        """Return the sizes and a missing bias."""
        sizes = f"in_features={self.in_features}, out_features={self.out_features}"
        return sizes + ("" if self.bias is not None else ", bias=False")


class Embedding(Module):
    """A table of vectors, one for each index: words, letters or positions as points that are learned.

    The rows start with standard normal numbers, as PyTorch's do. Looking up a row records no operation, except under
    ``jit``: there the index is not known yet, and each number of the row is a ``dot`` of its column with 1 at the index
    and 0 elsewhere. An index without a row then gives nan.

    Args:
        num_embeddings: how many rows, at least 1.
        embedding_dim: the length of each, at least 1.
        rng: as for :class:`Linear`.

    Attributes:
        weight: ``num_embeddings`` rows of ``embedding_dim`` Values.

    Returns:
        The row as a list of Values for an index; nested lists of rows for nested lists of indices.

    Raises:
        ParameterError: for a size below 1, or an index without a row.

    >>> table = Embedding(10, 3, rng=0)
    >>> len(table(4)), len(table([1, 2]))
    (3, 2)
    """

    def __init__(self, num_embeddings: int, embedding_dim: int, rng: Random | int | None = None) -> None:
        self.num_embeddings = whole(num_embeddings, "num_embeddings")
        self.embedding_dim = whole(embedding_dim, "embedding_dim")
        rng = generator(rng, "rng")
        self.weight = [[Value(rng.gauss(0.0, 1.0)) for _ in range(self.embedding_dim)] for _ in range(num_embeddings)]

    def forward(self, index: Any) -> Any:
        """Return the row of an index, or rows for nested lists of indices."""
        if is_list(index):
            return [self.forward(item) for item in index]
        return row(self.weight, index if is_traced(index) else index_of(index, self.num_embeddings))

    def extra_repr(self) -> str:
        """Return the sizes."""
        return f"{self.num_embeddings}, {self.embedding_dim}"


def affine(weight: list[list[Value]], x: list[Value], bias: list[Value] | None) -> list[Value]:
    """Return W x + b for a vector of Values: one ``dot`` node for each row, and a sum where there is a bias.

    >>> [y.data for y in affine([[Value(2.0), Value(3.0)]], [Value(1.0), Value(10.0)], None)]
    [32.0]
    """
    products = [record_pairs(ops.dot, x, row) for row in weight]
    return products if bias is None else [product + b for product, b in zip(products, bias, strict=True)]


def uniform_matrix(rows: int, columns: int, bound: float, rng: Random) -> list[list[Value]]:
    """Return rows of new parameters, uniform between -bound and bound.

    >>> len(uniform_matrix(2, 3, 1.0, Random(0))[1])
    3
    """
    return [uniform_vector(columns, bound, rng) for _ in range(rows)]


def uniform_vector(size: int, bound: float, rng: Random) -> list[Value]:
    """Return new parameters, uniform between -bound and bound.

    >>> len(uniform_vector(3, 1.0, Random(0)))
    3
    """
    return [Value(rng.uniform(-bound, bound)) for _ in range(size)]


def index_of(index: Any, count: int) -> int:
    """Return a whole number from 0 to count - 1, also where ``fit`` has made a Value of it.

    Raises:
        ParameterError: for anything else.

    >>> index_of(2, 3), index_of(Value(2), 3)
    (2, 2)
    """
    known = known_index(index, count)
    if known is None:
        raise ParameterError(f"{place()} needs an index, a whole number from 0 to {count - 1}, got {index!r:.60}")
    return known
