"""Recurrent networks: RNN, LSTM and GRU, as cells that take one step and as layers that read a sequence."""

from __future__ import annotations

import inspect
from random import Random
from typing import Any, ClassVar, TypeAlias

from .. import ops
from ..errors import ParameterError, ShapeError, listed
from ..primitive import whole
from ..seeds import generator
from ..value import Value, record_pairs
from .activations import activation_function, activation_text
from .linear import affine, uniform_matrix, uniform_vector
from .module import Module
from .shapes import is_list, place, sequence, vector

State: TypeAlias = "list[Value] | tuple[list[Value], list[Value]]"
"""What a cell remembers: h, or (h, c) for an LSTM."""


class Cell(Module):
    """Base of the cells: stacked weights for x and h, ``gates`` blocks of hidden_size rows, as PyTorch stacks them.

    Args:
        input_size: the length of x, at least 1.
        hidden_size: the length of the state, at least 1.
        bias: whether to add biases.
        rng: as for :class:`~autograd_tiny.nn.Linear`.

    Attributes:
        weight_ih, weight_hh: gates * hidden_size rows, for x and for h; uniform between -1/sqrt(hidden_size) and
            1/sqrt(hidden_size) at the start.
        bias_ih, bias_hh: as many Values from the same range, or None.

    Raises:
        ParameterError: for a size below 1.
        ShapeError: when called with vectors of other lengths.
    """

    gates: ClassVar[int] = 1

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True, rng: Random | int | None = None) -> None:
        self.input_size, self.hidden_size = whole(input_size, "input_size"), whole(hidden_size, "hidden_size")
        rng, bound, rows = generator(rng, "rng"), self.hidden_size**-0.5, self.gates * self.hidden_size
        self.weight_ih = uniform_matrix(rows, self.input_size, bound, rng)
        self.weight_hh = uniform_matrix(rows, self.hidden_size, bound, rng)
        self.bias_ih = uniform_vector(rows, bound, rng) if bias else None
        self.bias_hh = uniform_vector(rows, bound, rng) if bias else None

    def start(self) -> Any:
        """Return the state before the first step, zeros."""
        return [0.0] * self.hidden_size

    def output(self, state: Any) -> list[Value]:
        """Return the part of the state that the next layer sees, h."""
        h: list[Value] = state
        return h

    def _sums(self, x: list[Value], h: list[Value], first: int = 0, last: int | None = None) -> list[Value]:
        """Return W_ih x + b_ih + W_hh h + b_hh for a range of gates, each number by one ``dot`` over x and h."""
        rows = slice(first * self.hidden_size, None if last is None else last * self.hidden_size)
        both = x + h
        weights = zip(self.weight_ih[rows], self.weight_hh[rows], strict=True)
        sums = [record_pairs(ops.dot, both, w + u) for w, u in weights]
        if self.bias_ih is None or self.bias_hh is None:
            return sums
        return [s + b + d for s, b, d in zip(sums, self.bias_ih[rows], self.bias_hh[rows], strict=True)]

    def extra_repr(self) -> str:
        """Return the sizes and missing biases."""
        return f"{self.input_size}, {self.hidden_size}" + ("" if self.bias_ih is not None else ", bias=False")


class RNNCell(Cell):
    """One step of the plain recurrent network, h' = tanh(W_ih x + b_ih + W_hh h + b_hh) (Elman 1990).

    Args:
        input_size, hidden_size, bias, rng: as for :class:`Cell`.
        nonlinearity: ``"tanh"``, ``"relu"`` or another operation with one operand.

    Returns:
        h', a list of hidden_size Values; called with x and h, zeros if not given.

    >>> cell = RNNCell(2, 3, rng=0)
    >>> len(cell([1.0, -1.0]))
    3
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        rng: Random | int | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, rng)
        function = activation_function(nonlinearity)
        if function is None:
            raise ParameterError("nonlinearity is an operation with one operand, got None; use 'tanh'")
        self.nonlinearity, self._activate = nonlinearity, function

    def extra_repr(self) -> str:
        """Return the sizes and what is not usual."""
        usual = self.nonlinearity == "tanh"
        return super().extra_repr() + ("" if usual else f", nonlinearity={activation_text(self.nonlinearity)}")

    def forward(self, x: Any, h: Any = None) -> list[Value]:
        """Return the next state."""
        x, h = vector(x, self.input_size), vector(self.start() if h is None else h, self.hidden_size)
        return [self._activate(s) for s in self._sums(x, h)]


class LSTMCell(Cell):
    """One step of long short-term memory (Hochreiter and Schmidhuber 1997; forget gate: Gers et al. 2000).

    With the blocks i, f, g, o of W_ih x + b_ih + W_hh h + b_hh::

        c' = sigmoid(f) c + sigmoid(i) tanh(g)        h' = sigmoid(o) tanh(c')

    Args:
        input_size, hidden_size, bias, rng: as for :class:`Cell`.

    Returns:
        (h', c'), two lists of hidden_size Values; called with x and (h, c), zeros if not given.

    >>> h, c = LSTMCell(2, 3, rng=0)([1.0, -1.0])
    >>> len(h), len(c)
    (3, 3)
    """

    gates = 4

    def start(self) -> Any:
        """Return the state before the first step, zeros for h and c."""
        return super().start(), super().start()

    def output(self, state: Any) -> list[Value]:
        """Return h."""
        h: list[Value] = state[0]
        return h

    def forward(self, x: Any, state: Any = None) -> tuple[list[Value], list[Value]]:
        """Return the next state."""
        state = self.start() if state is None else state
        if not is_list(state) or len(state) != 2 or not all(map(is_list, state)):
            raise ShapeError(f"{place()} needs the state (h, c), two vectors, got {state!r:.60}")
        h, c = (vector(part, self.hidden_size) for part in state)
        sums, n = self._sums(vector(x, self.input_size), h), self.hidden_size
        i, f, o = ([s.sigmoid() for s in sums[k * n : k * n + n]] for k in (0, 1, 3))
        g = [s.tanh() for s in sums[2 * n : 3 * n]]
        c = [record_pairs(ops.dot, [fk, ik], [ck, gk]) for fk, ck, ik, gk in zip(f, c, i, g, strict=True)]
        return [ok * ck.tanh() for ok, ck in zip(o, c, strict=True)], c


class GRUCell(Cell):
    """One step of the gated recurrent unit (Cho et al. 2014, arXiv:1406.1078; the reset as in PyTorch, after W_hh).

    With the blocks r, z of W_ih x + b_ih + W_hh h + b_hh, and the third blocks of both sums kept apart::

        n = tanh(W_in x + b_in + sigmoid(r) (W_hn h + b_hn))        h' = n + sigmoid(z) (h - n)

    Args:
        input_size, hidden_size, bias, rng: as for :class:`Cell`.

    Returns:
        h', a list of hidden_size Values; called with x and h, zeros if not given.

    >>> len(GRUCell(2, 3, rng=0)([1.0, -1.0]))
    3
    """

    gates = 3

    def forward(self, x: Any, h: Any = None) -> list[Value]:
        """Return the next state."""
        x, h = vector(x, self.input_size), vector(self.start() if h is None else h, self.hidden_size)
        n, sums = self.hidden_size, self._sums(x, h, 0, 2)
        r, z = ([s.sigmoid() for s in sums[k * n : k * n + n]] for k in (0, 1))
        here = self._third(self.weight_ih, self.bias_ih, x)
        before = self._third(self.weight_hh, self.bias_hh, h)
        new = [(a + rk * b).tanh() for a, rk, b in zip(here, r, before, strict=True)]
        return [nk + zk * (hk - nk) for nk, zk, hk in zip(new, z, h, strict=True)]

    def _third(self, weight: list[list[Value]], bias: list[Value] | None, x: list[Value]) -> list[Value]:
        rows = slice(2 * self.hidden_size, None)
        return affine(weight[rows], x, None if bias is None else bias[rows])


class RNN(Module):
    r"""Layers of :class:`RNNCell`\ s that read a sequence, the outputs of one being the inputs of the next.

    Args:
        input_size, hidden_size: the lengths of the vectors that come and go, at least 1.
        num_layers: how many cells are stacked, at least 1.
        bias: whether to add biases.
        rng: as for :class:`~autograd_tiny.nn.Linear`.
        settings: further settings of the cells: ``nonlinearity`` in an RNN, none in an LSTM or GRU.

    Attributes:
        cells: one cell for each layer.

    Returns:
        (outputs, states): what the last layer gives at each step, and the state of each layer after the last step;
        called with a list of vectors, and one state for each layer where they are not zeros.

    Raises:
        ParameterError: for a size below 1, or a setting that the cells lack.
        ShapeError: for what is no sequence, or vectors of other lengths.

    >>> outputs, states = RNN(2, 3, rng=0)([[1.0, -1.0], [0.5, 0.5]])
    >>> len(outputs), len(outputs[0]), len(states)
    (2, 3, 1)
    """

    cell: ClassVar[type[Cell]] = RNNCell

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        rng: Random | int | None = None,
        **settings: Any,
    ) -> None:
        rng, signature = generator(rng, "rng"), inspect.signature(self.cell)
        try:
            signature.bind(input_size, hidden_size, bias, rng=rng, **settings)
        except TypeError as error:
            known = listed([*signature.parameters, "num_layers"])
            raise ParameterError(f"{type(self).__name__} {error}; its settings are {known}") from None
        sizes = [input_size] + [hidden_size] * (whole(num_layers, "num_layers") - 1)
        self.cells = [self.cell(size, hidden_size, bias, rng=rng, **settings) for size in sizes]

    def forward(self, x: Any, states: Any = None) -> tuple[list[list[Value]], list[Any]]:
        """Return the outputs of the last layer and the last states."""
        inputs = sequence(x, self.cells[0].input_size)
        if states is None:
            states = [cell.start() for cell in self.cells]
        if not is_list(states) or len(states) != len(self.cells):
            raise ShapeError(f"{place()} needs one state for each of its {len(self.cells)} layers, got {states!r:.60}")
        last = []
        for cell, state in zip(self.cells, states, strict=True):
            outputs = []
            for item in inputs:
                state = cell(item, state)
                outputs.append(cell.output(state))
            inputs = outputs
            last.append(state)
        return inputs, last

    def extra_repr(self) -> str:
        """Return the sizes."""
        layers = f", num_layers={len(self.cells)}" if len(self.cells) > 1 else ""
        return self.cells[0].extra_repr() + layers


class LSTM(RNN):
    r"""Layers of :class:`LSTMCell`\ s that read a sequence; arguments, result and errors as for :class:`RNN`.

    >>> outputs, states = LSTM(2, 3, num_layers=2, rng=0)([[1.0, -1.0], [0.5, 0.5]])
    >>> h, c = states[1]
    >>> len(outputs), h == outputs[-1]
    (2, True)
    """

    cell = LSTMCell


class GRU(RNN):
    r"""Layers of :class:`GRUCell`\ s that read a sequence; arguments, result and errors as for :class:`RNN`.

    >>> outputs, states = GRU(2, 3, rng=0)([[1.0, -1.0], [0.5, 0.5]])
    >>> states[0] == outputs[-1]
    True
    """

    cell = GRUCell
