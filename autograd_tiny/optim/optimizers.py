"""Optimisers: how a step of training moves the parameters once their gradients are known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import accumulate
from math import sqrt
from typing import Any, ClassVar, TypeAlias

from ..errors import ParameterError
from ..parameters import gradients_of, items_of, leaves_of
from ..primitive import real
from ..ranges import Rule, above_zero, at_least_zero, decay_rate, number
from ..value import NO_GRAD_YET, Value
from .settings import anything, check_names, checked, count, each, loading, switch

Params: TypeAlias = Iterable[Value] | Iterable[Mapping[str, Any]]
"""The Values to train; or groups of them, dicts of "params" and the settings in which the group differs."""
Group: TypeAlias = dict[str, Any]
State: TypeAlias = dict[str, list[float]]

# Assigning through the slot from C, without Python code in between: Ctrl-C cannot stop halfway.
_assign_data = Value._data.__set__  # type: ignore[attr-defined,misc]  # _data is a slot descriptor on the class

_ALWAYS_SHOWN = ("lr", "momentum")  # in the printed form; other settings when they are not 0 or False

_sum_of_squares = number(lambda x: not x < 0.0, "a number of at least 0, being a sum of squares")


def _betas(given: Any, name: str) -> tuple[float, ...]:
    return tuple(each(decay_rate, length=2)(given, name))


class Optimizer:
    """Base of the optimisers: a step moves each parameter p to p - lr * direction.

    A class of your own needs :meth:`directions`; besides, it lists in ``rules`` its settings and in
    ``quantities`` the lists of numbers it remembers from step to step.

    Args:
        params: the leaf Values to train, for example ``model.parameters()``; each counts once. Or parameter groups
            such as ``[{"params": encoder}, {"params": head, "lr": 0.01}]``, with settings of their own.
        lr: learning rate, at least 0.
        weight_decay: strength of the pull towards 0 in proportion to the parameter, at least 0.
        l1_decay: strength of the pull towards 0 that is equal for all parameters, at least 0.
        settings: those listed in ``rules``.

    Attributes:
        params: all parameters.
        param_groups: one dict per group, with its "params" and settings; the settings may be changed between steps.
        state: one dict per group: quantity -> list of one float per parameter of the group.
        steps: how many steps were taken.

    Raises:
        ParameterError: for no parameters, something that is not a leaf Value, a Value in two groups, or a setting
            that is unknown or out of range.

    >>> from math import copysign
    >>> class SignSGD(Optimizer):
    ...     def directions(self, group, state, gradients, step):
    ...         return [copysign(1.0, g) for g in gradients]
    >>> p = Value(1.0)
    >>> optimizer = SignSGD([p], lr=0.25)
    >>> (p * 100).backward()
    >>> optimizer.step()
    >>> p.data
    0.75
    """

    rules: ClassVar[dict[str, Rule]] = {
        "lr": at_least_zero,
        "weight_decay": at_least_zero,
        "l1_decay": at_least_zero,
    }
    quantities: ClassVar[dict[str, Rule]] = {}

    def __init__(
        self, params: Params, lr: float, weight_decay: float = 0.0, l1_decay: float = 0.0, **settings: Any
    ) -> None:
        settings |= {"lr": lr, "weight_decay": weight_decay, "l1_decay": l1_decay}
        self.param_groups: list[Group] = []
        for group in _groups(params):
            self.param_groups.append(
                {"params": tuple(leaves_of(group["params"])), **self._checked({**settings, **group})}
            )
        self._members = [group["params"] for group in self.param_groups]
        self.params: list[Value] = [parameter for members in self._members for parameter in members]
        self._check_no_parameter_twice()
        self.state: list[State] = [{name: [0.0] * len(group) for name in self.quantities} for group in self._members]
        self.steps = 0

    def _check_no_parameter_twice(self) -> None:
        seen: set[Value] = set()
        for i, members in enumerate(self._members):
            for parameter in members:
                if parameter in seen:
                    raise ParameterError(f"{parameter!r} of group {i} is in an earlier group too; each has one place")
            seen.update(members)

    def _checked(self, group: Mapping[str, Any]) -> dict[str, Any]:
        """Return the settings of a group in plain form; initial_lr is a note that schedules make."""
        noted = {"initial_lr": at_least_zero} if "initial_lr" in group else {}
        settings = {name: setting for name, setting in group.items() if name != "params"}
        return checked(settings, self.rules | noted, type(self).__name__)

    # ------------------------------------------------------------ training

    def directions(self, group: Group, state: State, gradients: list[float], step: int) -> list[float]:
        """Return, for each parameter of a group, the direction to move against; every optimiser has its own.

        Args:
            group: the settings.
            state: quantity -> one float per parameter, as the last step left it; put the new lists here.
            gradients: one per parameter.
            step: the number of this step, counted from 1.
        """
        raise NotImplementedError(f"{type(self).__name__} has no directions: define them in the class")

    def step(self) -> None:
        """Move every parameter by its present gradient, which counts as 0.0 before any ``backward()``.

        Raises:
            ParameterError: for a setting changed to one out of range, or a gradient that is no number; nothing has
                moved then.
        """
        if [id(group.get("params")) for group in self.param_groups] != list(map(id, self._members)):
            raise ParameterError('the "params" of the groups are fixed; make another optimizer for other parameters')
        settings = [self._checked(group) for group in self.param_groups]
        gradients = [gradients_of(members) for members in self._members]
        states, moved = [dict(state) for state in self.state], []
        for group, plain, state, slopes in zip(self.param_groups, settings, states, gradients, strict=True):
            group.update(plain)
            moved.append(self._moved(group, state, slopes, self.steps + 1))
        self.steps, self.state = self.steps + 1, states
        for members, numbers in zip(self._members, moved, strict=True):
            any(map(_assign_data, members, numbers))

    def _moved(self, group: Group, state: State, gradients: list[float], step: int) -> list[float]:
        lr, data = group["lr"], [parameter._data for parameter in group["params"]]
        data, gradients = self._decayed(group, data, gradients)
        return [p - lr * d for p, d in zip(data, self.directions(group, state, gradients, step), strict=True)]

    def _decayed(self, group: Group, data: list[float], gradients: list[float]) -> tuple[list[float], list[float]]:
        """Return the numbers and gradients to go on with: decay is a part of the gradient."""
        return data, _plus_decay(gradients, data, group["weight_decay"], group["l1_decay"])

    def zero_grad(self) -> None:
        """Forget the gradients of the parameters; call it before each ``backward()``."""
        for parameter in self.params:
            parameter.grad = NO_GRAD_YET

    @property
    def lr(self) -> float:
        """The learning rate; setting it sets that of all groups.

        Raises:
            ParameterError: when asked for one and the groups have several; or for one out of range.
        """
        rates: list[float] = [group["lr"] for group in self.param_groups]
        if len(set(rates)) > 1:
            raise ParameterError(
                f"the groups have different learning rates, {', '.join(map(str, rates))}; "
                'use optimizer.param_groups[i]["lr"]'
            )
        return rates[0]

    @lr.setter
    def lr(self, rate: float) -> None:
        plain = at_least_zero(rate, "lr")
        for group in self.param_groups:
            group["lr"] = plain

    # ------------------------------------------------------------ state

    def state_dict(self) -> dict[str, Any]:
        """Return what a later run needs to go on, in plain lists and dicts that can be written as JSON.

        The parameters themselves are not part of it: save them with ``model.state_dict()``.

        >>> SGD([Value(1.0)], lr=0.5, momentum=0.9).state_dict()["state"]
        [{'momentum_buffer': [0.0]}]
        """
        groups = [
            {"params": indices} | {k: list(x) if isinstance(x, tuple) else x for k, x in self._checked(group).items()}
            for indices, group in zip(self._indices(), self.param_groups, strict=True)
        ]
        state = [{name: list(numbers) for name, numbers in state.items()} for state in self.state]
        return {"kind": type(self).__name__, "steps": self.steps, "param_groups": groups, "state": state}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from where :meth:`state_dict` was taken, with its settings; the next steps are the same to the bit.

        Raises:
            StateError: for the state of an optimiser of another kind, with other groups or numbers of parameters, or
                a damaged one; nothing was changed.
        """
        kind, number_of_groups = type(self).__name__, len(self._members)
        with loading(kind):
            check_names(state, ("kind", "steps", "param_groups", "state"), "the state")
            if state["kind"] != kind:
                raise ParameterError(f"it is of {state['kind']!r:.60}")
            steps = count(state["steps"], "steps")
            groups = each(self._group_read, number_of_groups)(state["param_groups"], "param_groups")
            for i, (group, indices) in enumerate(zip(groups, self._indices(), strict=True)):
                if group.pop("params") != indices:
                    raise ParameterError(f"group {i} has other parameters, here it has {len(indices)}")
            saved = each(anything, number_of_groups)(state["state"], "state")
            states = [
                checked(numbers, {name: each(rule, len(members)) for name, rule in self.quantities.items()}, "state")
                for numbers, members in zip(saved, self._members, strict=True)
            ]
        for group, settings in zip(self.param_groups, groups, strict=True):
            group.update(settings)
        self.steps, self.state = steps, states

    def _group_read(self, group: Any, name: str) -> Group:
        if not isinstance(group, Mapping) or "params" not in group:
            raise ParameterError(f'{name} holds dicts with "params", got {group!r:.60}')
        return {"params": group["params"], **self._checked(group)}

    def _indices(self) -> list[list[int]]:
        """Return the positions of each group's parameters in ``params``: how a state refers to them."""
        ends = list(accumulate(map(len, self._members)))
        return [list(range(end - len(members), end)) for end, members in zip(ends, self._members, strict=True)]

    def __repr__(self) -> str:
        groups = [
            ", ".join(
                f"{name}={group[name]:g}" if isinstance(group[name], float) else f"{name}={group[name]}"
                for name in self.rules
                if group[name] or name in _ALWAYS_SHOWN
            )
            for group in self.param_groups
        ]
        return f"{type(self).__name__}({len(self.params)} parameters, {' | '.join(groups)})"


def _groups(params: Any) -> list[Mapping[str, Any]]:
    items = items_of(params)
    if not any(isinstance(item, Mapping) for item in items):
        return [{"params": items}]
    for item in items:
        if not isinstance(item, Mapping) or "params" not in item:
            raise ParameterError(
                f'a parameter group is a dict with "params", got {item!r:.60}; write {{"params": [p]}}'
            )
    return items


def _plus_decay(numbers: list[float], data: list[float], weight_decay: float, l1_decay: float) -> list[float]:
    """Return the numbers plus the slopes of weight_decay / 2 * p^2 + l1_decay * abs(p), where abs'(0) = 0."""
    if weight_decay:
        numbers = [x + weight_decay * p for x, p in zip(numbers, data, strict=True)]
    if l1_decay:
        numbers = [x + l1_decay * ((p > 0.0) - (p < 0.0)) for x, p in zip(numbers, data, strict=True)]
    return numbers


def _averages(share: float, old: list[float], new: list[float]) -> list[float]:
    """Return the exponential moving averages, which keep a share of the old ones."""
    rest = 1.0 - share
    return [share * average + rest * x for average, x in zip(old, new, strict=True)]


def _velocities(momentum: float, velocities: list[float], pushes: list[float]) -> list[float]:
    return [momentum * v + push for v, push in zip(velocities, pushes, strict=True)]


def _squares(gradients: list[float]) -> list[float]:
    return [g * g for g in gradients]


class SGD(Optimizer):
    """Gradient descent with momentum, in PyTorch's convention (stochastic when fed one batch at a time).

    With gradient g, parameter p and velocity v (0 at the start)::

        g = g + weight_decay * p + l1_decay * sign(p)
        v = momentum * v + g
        p = p - lr * v          with nesterov: p - lr * (g + momentum * v)

    The learning rate stands outside the velocity, so changing ``lr`` acts at once (the convention of Sutskever
    et al. 2013, "On the importance of initialization and momentum", has it inside).

    Decay takes the same steps as a penalty added to the loss, weight_decay / 2 * sum(p^2) + l1_decay * sum(abs(p)),
    but costs no graph and does not show in the loss. L1 draws parameters that the loss hardly needs to about 0.

    Args:
        params: the leaf Values to train, or groups of them; see :class:`Optimizer`.
        lr: learning rate, at least 0; may be changed between steps.
        momentum: share of the velocity that is kept, at least 0.
        nesterov: look ahead along the new velocity; needs momentum.
        weight_decay: strength of the L2 penalty, at least 0.
        l1_decay: strength of the L1 penalty, at least 0.

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

    rules: ClassVar = {"lr": at_least_zero, "momentum": at_least_zero, "nesterov": switch} | Optimizer.rules
    quantities: ClassVar = {"momentum_buffer": real}

    def __init__(
        self,
        params: Params,
        lr: float,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
        l1_decay: float = 0.0,
    ) -> None:
        super().__init__(params, lr, weight_decay, l1_decay, momentum=momentum, nesterov=nesterov)

    def _checked(self, group: Mapping[str, Any]) -> dict[str, Any]:
        settings = super()._checked(group)
        if settings["nesterov"] and settings["momentum"] == 0.0:
            raise ParameterError("nesterov looks ahead along the velocity and needs momentum > 0, got momentum=0.0")
        return settings

    def directions(self, group: Group, state: State, gradients: list[float], step: int) -> list[float]:
        """Return the velocities; the gradients themselves without momentum."""
        momentum = group["momentum"]
        if not momentum:
            return gradients
        velocities = state["momentum_buffer"] = _velocities(momentum, state["momentum_buffer"], gradients)
        return _velocities(momentum, velocities, gradients) if group["nesterov"] else velocities


class Adagrad(Optimizer):
    """Steps that shrink for parameters whose gradients were large or many: lr over the root of their sum of squares.

    With the sum of squares s (``initial_accumulator_value`` at the start) and n the number of the step::

        g = g + weight_decay * p + l1_decay * sign(p)
        s = s + g^2
        p = p - lr / (1 + (n - 1) * lr_decay) * g / (sqrt(s) + eps)

    Duchi, Hazan and Singer 2011, "Adaptive subgradient methods for online learning and stochastic optimization".

    Args:
        params: the leaf Values to train, or groups of them; see :class:`Optimizer`.
        lr: learning rate, at least 0; may be changed between steps.
        lr_decay: how fast the learning rate falls besides, at least 0.
        weight_decay: strength of the L2 penalty, at least 0; see :class:`SGD`.
        initial_accumulator_value: s at the start, at least 0.
        eps: keeps the divisor from being 0, above 0.
        l1_decay: strength of the L1 penalty, at least 0.

    Raises:
        ParameterError: for no parameters, something that is not a leaf Value, or a number out of range.

    >>> p = Value(1.0)
    >>> optimizer = Adagrad([p], lr=0.1)
    >>> (p * 50).backward()
    >>> optimizer.step()
    >>> round(p.data, 9)
    0.9
    """

    rules: ClassVar = Optimizer.rules | {
        "lr_decay": at_least_zero,
        "initial_accumulator_value": at_least_zero,
        "eps": above_zero,
    }
    quantities: ClassVar = {"sum": _sum_of_squares}

    def __init__(
        self,
        params: Params,
        lr: float = 1e-2,
        lr_decay: float = 0.0,
        weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
        l1_decay: float = 0.0,
    ) -> None:
        start = initial_accumulator_value
        super().__init__(
            params, lr, weight_decay, l1_decay, lr_decay=lr_decay, initial_accumulator_value=start, eps=eps
        )
        for group, state in zip(self.param_groups, self.state, strict=True):
            state["sum"] = [group["initial_accumulator_value"]] * len(group["params"])

    def directions(self, group: Group, state: State, gradients: list[float], step: int) -> list[float]:
        """Return the gradients over the roots of their sums of squares."""
        eps, divisor = group["eps"], 1.0 + (step - 1) * group["lr_decay"]
        sums = state["sum"] = [s + g * g for s, g in zip(state["sum"], gradients, strict=True)]
        return [g / (sqrt(s) + eps) / divisor for g, s in zip(gradients, sums, strict=True)]


class RMSprop(Optimizer):
    """Steps of about lr whatever the size of the gradients: each over the root of a moving average of their squares.

    With averages s and m and velocity v (0 at the start)::

        g = g + weight_decay * p + l1_decay * sign(p)
        s = alpha * s + (1 - alpha) * g^2
        d = g / (sqrt(s) + eps)         centered: s - m^2 in place of s, with m = alpha * m + (1 - alpha) * g
        v = momentum * v + d
        p = p - lr * v

    Hinton 2012, lecture 6e of "Neural networks for machine learning"; centered: Graves 2013, "Generating sequences
    with recurrent neural networks". Rounding can bring s - m^2, a variance, below 0; it counts as 0 then.

    Args:
        params: the leaf Values to train, or groups of them; see :class:`Optimizer`.
        lr: learning rate, at least 0; may be changed between steps.
        alpha: share of the averages that is kept, at least 0 and less than 1.
        eps: keeps the divisor from being 0, above 0.
        weight_decay: strength of the L2 penalty, at least 0; see :class:`SGD`.
        momentum: share of the velocity that is kept, at least 0.
        centered: divide by the standard deviation of the gradients instead.
        l1_decay: strength of the L1 penalty, at least 0.

    Raises:
        ParameterError: for no parameters, something that is not a leaf Value, or a number out of range.

    >>> p = Value(1.0)
    >>> optimizer = RMSprop([p], lr=0.01)
    >>> (p * 50).backward()
    >>> optimizer.step()
    >>> round(p.data, 6)
    0.9
    """

    rules: ClassVar = Optimizer.rules | {
        "alpha": decay_rate,
        "eps": above_zero,
        "momentum": at_least_zero,
        "centered": switch,
    }
    quantities: ClassVar = {"square_avg": _sum_of_squares, "grad_avg": real, "momentum_buffer": real}

    def __init__(
        self,
        params: Params,
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
        l1_decay: float = 0.0,
    ) -> None:
        super().__init__(params, lr, weight_decay, l1_decay, alpha=alpha, eps=eps, momentum=momentum, centered=centered)

    def directions(self, group: Group, state: State, gradients: list[float], step: int) -> list[float]:
        """Return the gradients over the roots of their mean squares, gathered to velocities with momentum."""
        alpha, eps, momentum = group["alpha"], group["eps"], group["momentum"]
        spreads = state["square_avg"] = _averages(alpha, state["square_avg"], _squares(gradients))
        if group["centered"]:
            means = state["grad_avg"] = _averages(alpha, state["grad_avg"], gradients)
            spreads = [max(s - m * m, 0.0) for s, m in zip(spreads, means, strict=True)]
        pushes = [g / (sqrt(s) + eps) for g, s in zip(gradients, spreads, strict=True)]
        if not momentum:
            return pushes
        velocities = state["momentum_buffer"] = _velocities(momentum, state["momentum_buffer"], pushes)
        return velocities


class Adam(Optimizer):
    """Momentum and RMSprop in one: the mean gradient over the root of the mean square, both corrected at the start.

    With averages m and v (0 at the start), betas (b1, b2) and n the number of the step::

        g = g + weight_decay * p + l1_decay * sign(p)
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * g^2
        p = p - lr * (m / (1 - b1^n)) / (sqrt(v / (1 - b2^n)) + eps)

    With amsgrad the largest v so far takes the place of v in the last line. Kingma and Ba 2015, "Adam: A method for
    stochastic optimization"; Reddi, Kale and Kumar 2018, "On the convergence of Adam and beyond".

    Args:
        params: the leaf Values to train, or groups of them; see :class:`Optimizer`.
        lr: learning rate, at least 0; may be changed between steps.
        betas: shares of m and v that are kept, each at least 0 and less than 1.
        eps: keeps the divisor from being 0, above 0.
        weight_decay: strength of the L2 penalty, at least 0; it is divided like the gradient, see :class:`AdamW`.
        amsgrad: never let the divisor shrink.
        l1_decay: strength of the L1 penalty, at least 0.

    Raises:
        ParameterError: for no parameters, something that is not a leaf Value, or a number out of range.

    >>> p = Value(1.0)
    >>> optimizer = Adam([p], lr=0.1)
    >>> (p * 50).backward()
    >>> optimizer.step()
    >>> round(p.data, 6)
    0.9
    """

    rules: ClassVar = Optimizer.rules | {"betas": _betas, "eps": above_zero, "amsgrad": switch}
    quantities: ClassVar = {"exp_avg": real, "exp_avg_sq": _sum_of_squares, "max_exp_avg_sq": _sum_of_squares}

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
        l1_decay: float = 0.0,
    ) -> None:
        super().__init__(params, lr, weight_decay, l1_decay, betas=betas, eps=eps, amsgrad=amsgrad)

    def directions(self, group: Group, state: State, gradients: list[float], step: int) -> list[float]:
        """Return the corrected mean gradients over the roots of the corrected mean squares."""
        (beta1, beta2), eps = group["betas"], group["eps"]
        means = state["exp_avg"] = _averages(beta1, state["exp_avg"], gradients)
        squares = state["exp_avg_sq"] = _averages(beta2, state["exp_avg_sq"], _squares(gradients))
        if group["amsgrad"]:
            squares = state["max_exp_avg_sq"] = list(map(max, squares, state["max_exp_avg_sq"]))
        correction, root = 1.0 - beta1**step, sqrt(1.0 - beta2**step)
        return [m / correction / (sqrt(v) / root + eps) for m, v in zip(means, squares, strict=True)]


class AdamW(Adam):
    """Adam whose decay acts on the parameters directly, so that it pulls all of them alike.

    In place of the first line of :class:`Adam`::

        p = p - lr * (weight_decay * p + l1_decay * sign(p))

    In Adam decay is part of the gradient: divided by its usual size it hardly acts where gradients are large.
    Loshchilov and Hutter 2019, "Decoupled weight decay regularization".

    Args:
        params: the leaf Values to train, or groups of them; see :class:`Optimizer`.
        lr: learning rate, at least 0; may be changed between steps.
        betas: shares of m and v that are kept, each at least 0 and less than 1.
        eps: keeps the divisor from being 0, above 0.
        weight_decay: share of p that a step with lr 1 takes away, at least 0.
        amsgrad: never let the divisor shrink.
        l1_decay: amount that a step with lr 1 takes away, at least 0.

    Raises:
        ParameterError: for no parameters, something that is not a leaf Value, or a number out of range.

    >>> p = Value(1.0)
    >>> optimizer = AdamW([p], lr=0.1, weight_decay=0.5)
    >>> optimizer.step()
    >>> p.data
    0.95
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        l1_decay: float = 0.0,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, l1_decay)

    def _decayed(self, group: Group, data: list[float], gradients: list[float]) -> tuple[list[float], list[float]]:
        lr = group["lr"]
        return _plus_decay(data, data, -lr * group["weight_decay"], -lr * group["l1_decay"]), gradients
