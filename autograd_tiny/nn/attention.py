"""Attention: how much each position of a sequence takes from each other one."""

from __future__ import annotations

from random import Random
from typing import Any

from .. import ops
from ..errors import ParameterError, ShapeError
from ..primitive import whole
from ..seeds import generator
from ..value import Value, lift, record_pairs
from .activations import softmax
from .linear import Linear
from .module import Module
from .shapes import place, sequence


class MultiheadAttention(Module):
    """Multi-head scaled dot-product attention (Vaswani et al. 2017, "Attention is all you need", arXiv:1706.03762).

    Query, key and value vectors q, k, v come from linear maps and are cut into heads. In each head position t takes
    the mean of the values weighted by softmax over s of q_t . k_s / sqrt(head size); a last linear map mixes the heads.

    Args:
        embed_dim: the length of the vectors, a multiple of num_heads.
        num_heads: how many heads, at least 1.
        bias: whether the four linear maps add biases.
        causal: whether a position sees only itself and earlier ones, as in language models.
        rng: as for :class:`~autograd_tiny.nn.Linear`.

    Attributes:
        query, key, value, out: the linear maps, :class:`Linear` modules.

    Returns:
        One vector for each position; with ``need_weights=True`` also the weights, as [head][t][s]. Called with a
        sequence of vectors, or with three sequences (query, key, value), the last two equally long.

    Raises:
        ParameterError: for sizes that do not fit.
        ShapeError: for what is no sequence of such vectors, or a causal call with sequences of different lengths.

    >>> attention = MultiheadAttention(4, num_heads=2, causal=True, rng=0)
    >>> y, weights = attention([[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0]], need_weights=True)
    >>> len(y), len(weights), [len(row) for row in weights[0]]
    (2, 2, [1, 2])
    """

    def __init__(
        self, embed_dim: int, num_heads: int, bias: bool = True, causal: bool = False, rng: Random | int | None = None
    ) -> None:
        self.embed_dim, self.num_heads = whole(embed_dim, "embed_dim"), whole(num_heads, "num_heads")
        self.causal = causal
        if self.embed_dim % self.num_heads:
            raise ParameterError(
                f"embed_dim is cut into num_heads equal parts, got {embed_dim} and {num_heads}; "
                f"use embed_dim={num_heads * (embed_dim // num_heads + 1)}"
            )
        rng = generator(rng, "rng")
        self.query, self.key, self.value, self.out = (Linear(embed_dim, embed_dim, bias, rng) for _ in range(4))

    def forward(self, query: Any, key: Any = None, value: Any = None, need_weights: bool = False) -> Any:
        """Return the vectors, with the weights on request."""
        queries = sequence(query, self.embed_dim)
        keys = queries if key is None else sequence(key, self.embed_dim)
        values = keys if value is None else sequence(value, self.embed_dim)
        if len(keys) != len(values) or (self.causal and len(queries) != len(keys)):
            raise ShapeError(
                f"{place()} needs a value for each key{' and, being causal, for each query' * self.causal}, "
                f"got {len(queries)} queries, {len(keys)} keys and {len(values)} values"
            )
        scale = lift((self.embed_dim // self.num_heads) ** -0.5)
        scaled = [[number * scale for number in q] for q in self.query(queries)]
        parts = (self._cut(vectors) for vectors in (scaled, self.key(keys), self.value(values)))
        heads = [self._head(*part) for part in zip(*parts, strict=True)]
        mixed = self.out([[number for head, _ in heads for number in head[t]] for t in range(len(queries))])
        return (mixed, [weights for _, weights in heads]) if need_weights else mixed

    def _cut(self, vectors: list[list[Value]]) -> list[list[list[Value]]]:
        """Return for each head its part of every vector."""
        size = self.embed_dim // self.num_heads
        return [[v[start : start + size] for v in vectors] for start in range(0, self.embed_dim, size)]

    def _head(
        self, query: list[list[Value]], key: list[list[Value]], value: list[list[Value]]
    ) -> tuple[list[list[Value]], list[list[Value]]]:
        outputs, weights = [], []
        columns = [list(column) for column in zip(*value, strict=True)]
        for t, q in enumerate(query):
            seen = t + 1 if self.causal else len(key)
            weights.append(softmax([record_pairs(ops.dot, q, k) for k in key[:seen]]))
            outputs.append([record_pairs(ops.dot, weights[-1], column[:seen]) for column in columns])
        return outputs, weights

    def extra_repr(self) -> str:
        """Return the sizes and the causal mask."""
        return f"{self.embed_dim}, num_heads={self.num_heads}" + (", causal=True" if self.causal else "")
