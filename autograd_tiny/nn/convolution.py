"""Convolutions and pooling over lists of channels, each a row of numbers or a picture."""

from __future__ import annotations

from random import Random
from typing import Any, TypeAlias

from .. import ops
from ..errors import ParameterError, ShapeError
from ..primitive import Primitive, whole
from ..seeds import generator
from ..value import Value, lift, record_pairs
from .linear import uniform_matrix, uniform_vector
from .module import Module
from .shapes import grid, is_list, numbers_in, place

Pair: TypeAlias = int | tuple[int, int]
"""One number for both directions, or (down, across)."""


class Conv1d(Module):
    """Convolution along a row (cross-correlation, as in all frameworks): one ``dot`` node for each output number.

    y[o][i] = b[o] + sum over c, k of W[o][c][k] x[c][i stride + k - padding], x being 0 outside.

    Args:
        in_channels, out_channels: how many rows come and go, at least 1.
        kernel_size: how many neighbours each output sees, at least 1.
        stride: step from one output to the next, at least 1.
        padding: how many zeros stand on both sides, at least 0.
        bias: whether to add b.
        rng: as for :class:`~autograd_tiny.nn.Linear`.

    Attributes:
        weight: W, out_channels x in_channels x kernel_size, uniform between -1/sqrt(in_channels kernel_size) and
            1/sqrt(in_channels kernel_size) at the start, as in PyTorch.
        bias: b, out_channels Values from the same range, or None.

    Returns:
        out_channels rows of floor((length + 2 padding - kernel_size) / stride) + 1 Values, for in_channels rows.

    Raises:
        ParameterError: for a number out of range.
        ShapeError: for an input of another shape, or shorter than the kernel.

    >>> conv = Conv1d(1, 2, kernel_size=3, padding=1, rng=0)
    >>> [len(row) for row in conv([[1.0, 2.0, 3.0, 4.0]])]
    [4, 4]
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        stride: int = 1,
        padding: int = 0,
        bias: bool = True,
        rng: Random | int | None = None,
    ) -> None:
        self.in_channels = whole(in_channels, "in_channels")
        self.out_channels = whole(out_channels, "out_channels")
        self.kernel_size = whole(kernel_size, "kernel_size")
        self.stride, self.padding = whole(stride, "stride"), whole(padding, "padding", least=0)
        rng, bound = generator(rng, "rng"), (self.in_channels * self.kernel_size) ** -0.5
        self.weight = [uniform_matrix(self.in_channels, self.kernel_size, bound, rng) for _ in range(out_channels)]
        self.bias = uniform_vector(self.out_channels, bound, rng) if bias else None

    def forward(self, x: Any) -> list[list[Value]]:
        """Return the rows of the outputs for one example, a list of rows."""
        rows = [[row] for row in grid(x, (self.in_channels, None), "channels x length")]
        kernels = [[[taps] for taps in channels] for channels in self.weight]
        window = _Window((1, self.kernel_size), (1, self.stride), (0, self.padding))
        return [channel[0] for channel in _convolved(rows, kernels, self.bias, window)]

    def extra_repr(self) -> str:
        """Return the sizes and what is not usual."""
        return _settings(self)


class Conv2d(Module):
    """Convolution over pictures (cross-correlation, as in all frameworks): one ``dot`` node for each output number.

    y[o][i][j] = b[o] + sum over c, k, l of W[o][c][k][l] x[c][i stride + k - padding][j stride + l - padding], x
    being 0 outside (LeCun et al. 1998, "Gradient-based learning applied to document recognition").

    Args:
        in_channels, out_channels: how many pictures come and go, at least 1.
        kernel_size, stride, padding: as for :class:`Conv1d`; one number or (down, across).
        bias, rng: as for :class:`Conv1d`.

    Attributes:
        weight: W, out_channels x in_channels x kernel height x kernel width; started as in :class:`Conv1d`.
        bias: b, out_channels Values, or None.

    Returns:
        out_channels pictures as lists of rows of Values, for in_channels pictures of one size.

    Raises:
        ParameterError, ShapeError: as :class:`Conv1d`.

    >>> conv = Conv2d(1, 2, kernel_size=3, rng=0)
    >>> picture = [[0.0] * 8 for _ in range(8)]
    >>> [(len(channel), len(channel[0])) for channel in conv([picture])]
    [(6, 6), (6, 6)]
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Pair,
        stride: Pair = 1,
        padding: Pair = 0,
        bias: bool = True,
        rng: Random | int | None = None,
    ) -> None:
        self.in_channels = whole(in_channels, "in_channels")
        self.out_channels = whole(out_channels, "out_channels")
        self.kernel_size = _pair(kernel_size, "kernel_size")
        self.stride, self.padding = _pair(stride, "stride"), _pair(padding, "padding", least=0)
        height, width = self.kernel_size
        rng, bound = generator(rng, "rng"), (self.in_channels * height * width) ** -0.5
        self.weight = [
            [uniform_matrix(height, width, bound, rng) for _ in range(self.in_channels)]
            for _ in range(self.out_channels)
        ]
        self.bias = uniform_vector(self.out_channels, bound, rng) if bias else None

    def forward(self, x: Any) -> list[list[list[Value]]]:
        """Return the pictures of the outputs for one example, a list of pictures."""
        channels = grid(x, (self.in_channels, None, None), "channels x height x width")
        window = _Window(self.kernel_size, self.stride, self.padding)
        return _convolved(channels, self.weight, self.bias, window)

    def extra_repr(self) -> str:
        """Return the sizes and what is not usual."""
        return _settings(self)


class Pool2d(Module):
    """Base of the poolings: one operation on the numbers of each window; a class names its ``op``.

    Args:
        kernel_size: size of the window, one number or (down, across), at least 1.
        stride: step from one window to the next; the window's size if not given.

    Returns:
        As many pictures, of floor((size - kernel_size) / stride) + 1 rows and columns.

    Raises:
        ParameterError: for a number out of range.
        ShapeError: for what is no list of pictures, or smaller than the window.
    """

    op: Primitive

    def __init__(self, kernel_size: Pair, stride: Pair | None = None) -> None:
        self.kernel_size = _pair(kernel_size, "kernel_size")
        self.stride = self.kernel_size if stride is None else _pair(stride, "stride")

    def forward(self, x: Any) -> list[list[list[Value]]]:
        """Return the smaller pictures."""
        pictures = grid(x, (None, None, None), "channels x height x width")
        window = _Window(self.kernel_size, self.stride, (0, 0))
        down, across = window.places(len(pictures[0]), len(pictures[0][0]))
        return [[[self.op(window.contents(p, top, left)) for left in across] for top in down] for p in pictures]

    def extra_repr(self) -> str:
        """Return the window."""
        return _window_settings(self.kernel_size, self.stride, self.kernel_size)


class MaxPool2d(Pool2d):
    """The largest number of each window of each picture; ties share the gradient, as ``max`` does.

    Arguments, result and errors as for :class:`Pool2d`.

    >>> pooled = MaxPool2d(2)([[[1.0, 2.0, 5.0, 0.0], [3.0, 4.0, 0.0, 0.0]]])
    >>> [[y.data for y in row] for row in pooled[0]]
    [[4.0, 5.0]]
    """

    op = ops.max


class AvgPool2d(Pool2d):
    """The mean of each window of each picture; arguments, result and errors as for :class:`Pool2d`.

    >>> AvgPool2d(2)([[[1.0, 2.0], [3.0, 4.0]]])[0][0][0].data
    2.5
    """

    op = ops.mean


class _Window:
    """A window that moves over pictures."""

    def __init__(self, size: tuple[int, int], stride: tuple[int, int], padding: tuple[int, int]) -> None:
        self.size, self.stride, self.padding = size, stride, padding

    def places(self, height: int, width: int) -> tuple[range, range]:
        """Return the rows and columns of a padded picture at which the window starts."""
        sides = [side + 2 * padding for side, padding in zip((height, width), self.padding, strict=True)]
        if sides[0] < self.size[0] or sides[1] < self.size[1]:
            raise ShapeError(
                f"{place()} moves a window of {self.size[0]} x {self.size[1]} over its input, "
                f"which is only {sides[0]} x {sides[1]}{' with its padding' if any(self.padding) else ''}"
            )
        down, across = (
            range(0, side - size + 1, stride) for side, size, stride in zip(sides, self.size, self.stride, strict=True)
        )
        return down, across

    def contents(self, picture: list[list[Value]], top: int, left: int) -> list[Value]:
        """Return the numbers under the window, in reading order."""
        height, width = self.size
        return [number for row in picture[top : top + height] for number in row[left : left + width]]

    def padded(self, picture: list[list[Value]]) -> list[list[Value]]:
        """Return the picture with zeros around it."""
        down, across = self.padding
        if not down and not across:
            return picture
        zero = lift(0.0)
        edge = [[zero] * (len(picture[0]) + 2 * across) for _ in range(down)]
        return [*edge, *([zero] * across + row + [zero] * across for row in picture), *edge]


def _convolved(
    channels: list[list[list[Value]]], weight: list[Any], bias: list[Value] | None, window: _Window
) -> list[list[list[Value]]]:
    down, across = window.places(len(channels[0]), len(channels[0][0]))
    channels = [window.padded(channel) for channel in channels]
    patches = [
        [[number for channel in channels for number in window.contents(channel, top, left)] for left in across]
        for top in down
    ]
    outputs = []
    for o, kernel in enumerate(weight):
        taps = numbers_in(kernel)
        sums = [[record_pairs(ops.dot, patch, taps) for patch in row] for row in patches]
        outputs.append(sums if bias is None else [[number + bias[o] for number in row] for row in sums])
    return outputs


def _pair(number: Any, name: str, least: int = 1) -> tuple[int, int]:
    if is_list(number):
        both = list(number)
        if len(both) != 2:
            raise ParameterError(f"{name} is one whole number or two, (down, across), got {number!r}")
        return whole(both[0], name, least), whole(both[1], name, least)
    return whole(number, name, least), whole(number, name, least)


def _settings(module: Conv1d | Conv2d) -> str:
    text = f"{module.in_channels}, {module.out_channels}, {_window_settings(module.kernel_size, module.stride, 1)}"
    if _shown(module.padding) != "0":
        text += f", padding={_shown(module.padding)}"
    return text + ("" if module.bias is not None else ", bias=False")


def _window_settings(kernel_size: Pair, stride: Pair, usual_stride: Pair) -> str:
    step = "" if _shown(stride) == _shown(usual_stride) else f", stride={_shown(stride)}"
    return f"kernel_size={_shown(kernel_size)}{step}"


def _shown(number: Pair) -> str:
    return str(number[0]) if isinstance(number, tuple) and number[0] == number[1] else str(number)
