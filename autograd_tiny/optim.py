"""Optimisers: how a step of training moves the parameters once their gradients are known."""

from __future__ import annotations

import math
from collections.abc import Iterable

from .errors import ParameterError
from .primitive import real
from .value import NO_GRAD_YET, Value


class SGD:
    """Gradient descent with momentum, in PyTorch's convention (stochastic when fed one batch at a time).

    With gradient g, parameter p and velocity v (0 at the start)::

        g = g + weight_decay * p
        v = momentum * v + g
        p = p - lr * v          with nesterov: p - lr * (g + momentum * v)

    The learning rate stands outside the velocity, so changing ``lr`` acts at once (the convention of Sutskever
    et al. 2013, "On the importance of initialization and momentum", has it inside).

    Args:
        params: the leaf Values to train, for example ``model.parameters()``; each counts once.
        lr: learning rate, at least 0; the attribute may be changed between steps.
        momentum: share of the velocity that is kept, at least 0.
        nesterov: look ahead along the new velocity; needs momentum.
        weight_decay: strength of the pull towards 0, at least 0.

    Raises:
        ParameterError: for no parameters, something that is not a leaf Value, or a number out of range.

    >>> p = Value(1.0)
    >>> optimizer = SGD([p], lr=0.1, momentum=0.5)
    >>> for _ in range(2):
    ...     optimizer.zero_grad()
    ...     (p * 2).backward()
    ...     optimizer.step()
    >>> round(p.data, 12)
    0.5
    """

    def __init__(
        self,
        params: Iterable[Value],
        lr: float,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
    ) -> None:
        self.params = _leaves(params)
        self.lr = lr
        self.momentum = _at_least_zero("momentum", momentum)
        self.weight_decay = _at_least_zero("weight_decay", weight_decay)
        if nesterov and self.momentum == 0.0:
            raise ParameterError("nesterov looks ahead along the velocity and needs momentum > 0, got momentum=0.0")
        self.nesterov = nesterov
        self.velocities = [0.0] * len(self.params)

    @property
    def lr(self) -> float:
        """The learning rate."""
        return self._lr

    @lr.setter
    def lr(self, number: float) -> None:
        self._lr = _at_least_zero("lr", number)

    def step(self) -> None:
        """Move every parameter along its present gradient."""
        for i, parameter in enumerate(self.params):
            gradient = float(parameter.grad) + self.weight_decay * parameter.data
            velocity = self.velocities[i] = self.momentum * self.velocities[i] + gradient
            direction = gradient + self.momentum * velocity if self.nesterov else velocity
            parameter.data -= self.lr * direction

    def zero_grad(self) -> None:
        """Forget the gradients of the parameters; call it before each ``backward()``."""
        for parameter in self.params:
            parameter.grad = NO_GRAD_YET

    def __repr__(self) -> str:
        settings = f"lr={self.lr:g}, momentum={self.momentum:g}"
        settings += ", nesterov=True" if self.nesterov else ""
        settings += f", weight_decay={self.weight_decay:g}" if self.weight_decay else ""
        return f"SGD({len(self.params)} parameters, {settings})"


def _leaves(params: Iterable[Value]) -> list[Value]:
    if isinstance(params, Value) or not isinstance(params, Iterable):
        remedy = "model.parameters()" if hasattr(params, "parameters") else "a list: [p]"
        raise ParameterError(f"params is an iterable of Values, got one {type(params).__name__}; pass {remedy}")
    leaves = list(params)
    for leaf in leaves:
        if not isinstance(leaf, Value):
            raise ParameterError(f"params holds Values, got {leaf!r:.60} ({type(leaf).__name__}); wrap it: Value(x)")
        if leaf.op is not None:
            raise ParameterError(
                f"only leaves can be trained, got {leaf!r}, the result of {leaf.op.name}; pass the Values it came from"
            )
    if not leaves:
        raise ParameterError("params is empty; does the model keep its Values as attributes?")
    return list(dict.fromkeys(leaves))


def _at_least_zero(name: str, number: float) -> float:
    checked = real(number, name)
    if not 0.0 <= checked < math.inf:
        raise ParameterError(f"{name} is a finite number of at least 0, got {number!r}")
    return checked
