"""Schedules: how the learning rate of an optimiser changes in the course of a training."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from itertools import pairwise
from typing import Any, ClassVar

from ..errors import ParameterError
from ..primitive import real, whole
from ..ranges import Rule, above_zero, at_least_zero, decay_rate, fraction, number
from ..value import Value
from .optimizers import Optimizer
from .settings import anything, check_names, checked, count, each, loading, one_of, switch


class LRScheduler:
    """Base of the schedules: after n calls of ``step()`` the learning rate of each group is base rate * factor(n).

    The base rate of a group is the one it had when its first schedule was made, noted in the group as "initial_lr".
    Call ``step()`` after ``optimizer.step()``, once an epoch or once a batch, as the numbers given to the schedule
    are meant. Each rate is computed anew from the base rate: one set by hand lasts until the next ``step()``.

    A schedule of your own needs :meth:`factor`; besides, it lists in ``rules`` its settings and in ``progress`` the
    attributes that change from step to step.

    Args:
        optimizer: whose learning rates to set; the rates for n = 0 are set at once.
        settings: those listed in ``rules``.

    Attributes:
        last_epoch: n, the number of calls of ``step()`` (PyTorch's name, also where a step is a batch).
        settings: name -> number, as given.

    Raises:
        ParameterError: for something that is no optimiser, or a setting that is unknown or out of range.

    >>> class InverseRoot(LRScheduler):
    ...     def factor(self, step):
    ...         return (1 + step) ** -0.5
    >>> from autograd_tiny.optim import SGD
    >>> optimizer = SGD([Value(0.0)], lr=0.5)
    >>> schedule = InverseRoot(optimizer)
    >>> for _ in range(3):
    ...     optimizer.step()
    ...     schedule.step()
    >>> optimizer.lr
    0.25
    """

    rules: ClassVar[Mapping[str, Rule]] = {}
    progress: ClassVar[dict[str, Rule]] = {"last_epoch": count}

    def __init__(self, optimizer: Optimizer, **settings: Any) -> None:
        self.optimizer = _optimizer(optimizer)
        self.settings = checked(settings, self.rules, type(self).__name__)
        for group in optimizer.param_groups:
            group.setdefault("initial_lr", at_least_zero(group["lr"], "lr"))
        self._move_to(0)

    @property
    def base_lrs(self) -> list[float]:
        """The base rate of each group."""
        return [group["initial_lr"] for group in self.optimizer.param_groups]

    def factor(self, step: int) -> float:
        """Return what the base rates are multiplied with after so many steps; every schedule has its own."""
        raise NotImplementedError(f"{type(self).__name__} has no factor: define factor(self, step) in the class")

    def lrs(self, step: int) -> list[float]:
        """Return the learning rate of each group after so many steps, without setting it.

        >>> from autograd_tiny.optim import SGD
        >>> schedule = ExponentialLR(SGD([Value(0.0)], lr=1.0), gamma=0.5)
        >>> [schedule.lrs(step) for step in range(4)]
        [[1.0], [0.5], [0.25], [0.125]]
        """
        factor = real(self.factor(step), f"a factor of {type(self).__name__}")
        return [base * factor for base in self.base_lrs]

    def step(self) -> None:
        """Set the next learning rates."""
        self._move_to(self.last_epoch + 1)

    def _move_to(self, step: int) -> None:
        name = f"a learning rate of {type(self).__name__} after {step} steps"
        lrs = [at_least_zero(lr, name) for lr in self.lrs(step)]
        for group, lr in zip(self.optimizer.param_groups, lrs, strict=True):
            group["lr"] = lr
        self.last_epoch = step

    def get_last_lr(self) -> list[float]:
        """Return the learning rate of each group as this schedule has set it last."""
        return self.lrs(self.last_epoch)

    def state_dict(self) -> dict[str, Any]:
        """Return where the schedule stands, in plain lists and dicts that can be written as JSON.

        The rates themselves and the base rates are in the state of the optimiser: save that, too.

        >>> from autograd_tiny.optim import SGD
        >>> StepLR(SGD([Value(0.0)], lr=1.0), step_size=10).state_dict()
        {'kind': 'StepLR', 'settings': {'step_size': 10, 'gamma': 0.1}, 'last_epoch': 0}
        """
        state = {"kind": type(self).__name__, "settings": deepcopy(self.settings)}
        return state | {name: getattr(self, name) for name in self.progress}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from where :meth:`state_dict` was taken, in a schedule made with the same settings.

        Raises:
            StateError: for the state of another kind of schedule or of other settings, or a damaged one; nothing
                was changed.
        """
        kind = type(self).__name__
        with loading(kind):
            check_names(state, ("kind", "settings", *self.progress), "the state")
            if state["kind"] != kind:
                raise ParameterError(f"it is of {state['kind']!r:.60}")
            if state["settings"] != self.settings:
                raise ParameterError(f"its settings are {state['settings']}, here they are {self.settings}")
            progress = {name: rule(state[name], name) for name, rule in self.progress.items()}
            self._move_to(progress["last_epoch"])
        vars(self).update(progress)

    def __repr__(self) -> str:
        settings = "".join(f"{name}={setting!r}, " for name, setting in self.settings.items())
        return f"{type(self).__name__}({settings}last_epoch={self.last_epoch})"


def _optimizer(optimizer: Any) -> Optimizer:
    if not isinstance(optimizer, Optimizer):
        raise ParameterError(
            f"a schedule sets the rates of an optimizer, got {optimizer!r:.60}; make the optimizer first"
        )
    return optimizer


def _per_group(optimizer: Any, given: Any, name: str) -> list[Any]:
    """Return one thing for each group: a list as it is, anything else as often as there are groups."""
    groups = len(_optimizer(optimizer).param_groups)
    if not isinstance(given, (list, tuple)):
        return [given] * groups
    if len(given) != groups:
        raise ParameterError(f"{name} is one for all groups or a list of one per group, {groups}, got {len(given)}")
    return list(given)


def _power(gamma: float, n: int) -> float:
    try:
        return gamma**n
    except OverflowError:
        return math.inf


class StepLR(LRScheduler):
    """Multiply the learning rate by gamma every so many steps: factor(n) = gamma^(n // step_size).

    Args:
        optimizer: whose learning rates to set.
        step_size: steps between two changes, at least 1.
        gamma: at least 0, mostly below 1.

    Raises:
        ParameterError: for something that is no optimiser, or a number out of range.

    >>> from autograd_tiny.optim import SGD
    >>> schedule = StepLR(SGD([Value(0.0)], lr=1.0), step_size=2, gamma=0.5)
    >>> [schedule.factor(n) for n in range(5)]
    [1.0, 1.0, 0.5, 0.5, 0.25]
    """

    rules: ClassVar = {"step_size": whole, "gamma": at_least_zero}

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1) -> None:
        super().__init__(optimizer, step_size=step_size, gamma=gamma)

    def factor(self, step: int) -> float:
        """Return gamma^(step // step_size)."""
        return _power(self.settings["gamma"], step // self.settings["step_size"])


class MultiStepLR(LRScheduler):
    """Multiply the learning rate by gamma at each milestone: factor(n) = gamma^(number of milestones up to n).

    Args:
        optimizer: whose learning rates to set.
        milestones: numbers of steps, each at least 0, in any order; one given twice counts twice.
        gamma: at least 0, mostly below 1.

    Raises:
        ParameterError: for something that is no optimiser, or a number out of range.

    >>> from autograd_tiny.optim import SGD
    >>> schedule = MultiStepLR(SGD([Value(0.0)], lr=1.0), milestones=[1, 3], gamma=0.5)
    >>> [schedule.factor(n) for n in range(5)]
    [1.0, 0.5, 0.5, 0.25, 0.25]
    """

    rules: ClassVar = {"milestones": lambda given, name: sorted(each(count)(given, name)), "gamma": at_least_zero}

    def __init__(self, optimizer: Optimizer, milestones: Iterable[int], gamma: float = 0.1) -> None:
        super().__init__(optimizer, milestones=milestones, gamma=gamma)

    def factor(self, step: int) -> float:
        """Return gamma^(number of milestones up to step)."""
        return _power(self.settings["gamma"], bisect_right(self.settings["milestones"], step))


class ExponentialLR(LRScheduler):
    """Multiply the learning rate by gamma at every step: factor(n) = gamma^n.

    Args:
        optimizer: whose learning rates to set.
        gamma: at least 0, mostly a little below 1.

    Raises:
        ParameterError: for something that is no optimiser, or a number out of range.

    >>> from autograd_tiny.optim import SGD
    >>> schedule = ExponentialLR(SGD([Value(0.0)], lr=1.0), gamma=0.5)
    >>> [schedule.factor(n) for n in range(4)]
    [1.0, 0.5, 0.25, 0.125]
    """

    rules: ClassVar = {"gamma": at_least_zero}

    def __init__(self, optimizer: Optimizer, gamma: float) -> None:
        super().__init__(optimizer, gamma=gamma)

    def factor(self, step: int) -> float:
        """Return gamma^step."""
        return _power(self.settings["gamma"], step)


class LinearLR(LRScheduler):
    """The warm-up: raise the learning rate in equal steps from a part of the base rate to the whole.

    factor(n) = start_factor + (end_factor - start_factor) * min(n, total_iters) / total_iters. A large rate at the
    very start, where gradients are wild, can ruin a training (Goyal et al. 2017, "Accurate, large minibatch SGD").
    :class:`SequentialLR` lets another schedule follow.

    Args:
        optimizer: whose learning rates to set.
        start_factor: above 0, at most 1.
        end_factor: from 0 to 1; below start_factor the rate falls.
        total_iters: steps from start to end, at least 1; the rate stays at its end from then on.

    Raises:
        ParameterError: for something that is no optimiser, or a number out of range.

    >>> from autograd_tiny.optim import SGD
    >>> schedule = LinearLR(SGD([Value(0.0)], lr=1.0), start_factor=0.5, total_iters=2)
    >>> [schedule.factor(n) for n in range(4)]
    [0.5, 0.75, 1.0, 1.0]
    """

    rules: ClassVar = {
        "start_factor": number(lambda x: 0.0 < x <= 1.0, "a number above 0 and at most 1"),
        "end_factor": fraction,
        "total_iters": whole,
    }

    def __init__(
        self, optimizer: Optimizer, start_factor: float = 1.0 / 3, end_factor: float = 1.0, total_iters: int = 5
    ) -> None:
        super().__init__(optimizer, start_factor=start_factor, end_factor=end_factor, total_iters=total_iters)

    def factor(self, step: int) -> float:
        """Return the factor on the straight line."""
        start, end, steps = (self.settings[name] for name in self.rules)
        return float(start + (end - start) * min(step, steps) / steps)


class CosineAnnealingLR(LRScheduler):
    """Lower the learning rate along half a cosine wave, slowly at both ends.

    After n steps it is eta_min + (base rate - eta_min) * (1 + cos(pi * n / T_max)) / 2; beyond T_max it rises again
    the same way. Loshchilov and Hutter 2017, "SGDR: Stochastic gradient descent with warm restarts".

    Args:
        optimizer: whose learning rates to set.
        T_max: steps from the base rate to eta_min, at least 1.
        eta_min: the lowest rate, at least 0.

    Raises:
        ParameterError: for something that is no optimiser, or a number out of range.

    >>> from autograd_tiny.optim import SGD
    >>> schedule = CosineAnnealingLR(SGD([Value(0.0)], lr=1.0), T_max=2)
    >>> [round(schedule.lrs(n)[0], 9) for n in range(5)]
    [1.0, 0.5, 0.0, 0.5, 1.0]
    """

    rules: ClassVar = {"T_max": whole, "eta_min": at_least_zero}

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0) -> None:
        super().__init__(optimizer, T_max=T_max, eta_min=eta_min)

    def lrs(self, step: int) -> list[float]:
        """Return the rates after so many steps."""
        share, lowest = step / self.settings["T_max"], self.settings["eta_min"]
        return [_along_cosine(base, lowest, share) for base in self.base_lrs]


def _along_cosine(start: float, end: float, share: float) -> float:
    return end + (start - end) * (1.0 + math.cos(math.pi * share)) / 2.0


def _along_line(start: float, end: float, share: float) -> float:
    return start + (end - start) * share


class LambdaLR(LRScheduler):
    """Multiply the base rate with the result of a function of the number of steps.

    Args:
        optimizer: whose learning rates to set.
        lr_lambda: number of steps -> factor, at least 0; or a list of such functions, one per group. Functions are not
            part of the schedule's state.

    Raises:
        ParameterError: for something that is no optimiser or function, or a function that gives a negative rate.
        NotARealNumberError: for a function that gives no number.

    >>> from autograd_tiny.optim import SGD
    >>> schedule = LambdaLR(SGD([Value(0.0)], lr=1.0), lambda n: 1 / (1 + n))
    >>> [schedule.lrs(n) for n in (0, 1, 3)]
    [[1.0], [0.5], [0.25]]
    """

    def __init__(
        self, optimizer: Optimizer, lr_lambda: Callable[[int], float] | Sequence[Callable[[int], float]]
    ) -> None:
        self.lr_lambdas: list[Callable[[int], float]] = _per_group(optimizer, lr_lambda, "lr_lambda")
        for function in self.lr_lambdas:
            if not callable(function):
                raise ParameterError(f"lr_lambda is a function of the number of steps, got {function!r:.60}")
        super().__init__(optimizer)

    def lrs(self, step: int) -> list[float]:
        """Return base rate * lr_lambda(step) for each group."""
        factors = [real(function(step), "the result of lr_lambda") for function in self.lr_lambdas]
        return [base * factor for base, factor in zip(self.base_lrs, factors, strict=True)]


class OneCycleLR(LRScheduler):
    """Raise the learning rate to max_lr, then lower it to almost nothing, and move the momentum the opposite way.

    The phases, of pct_start and 1 - pct_start of all steps, go from max_lr / div_factor to max_lr and on to
    max_lr / div_factor / final_div_factor, and the momentum from max_momentum to base_momentum and back; with
    three_phase the way down takes as long as the way up and a last phase goes to the lowest rate. Call ``step()``
    after each batch. Smith and Topin 2018, "Super-convergence: Very fast training of neural networks using large
    learning rates".

    Args:
        optimizer: whose learning rates to set; its own ones play no part.
        max_lr: the highest rate, at least 0; or a list of one per group.
        total_steps: steps of the whole cycle, at least 1; or give ``epochs`` and ``steps_per_epoch``.
        epochs: at least 1.
        steps_per_epoch: at least 1; the cycle has epochs * steps_per_epoch steps.
        pct_start: share of the way up, from 0 to 1.
        anneal_strategy: ``"cos"``, half a cosine wave, or ``"linear"``.
        cycle_momentum: also set the momentum, or the first of Adam's betas.
        base_momentum: momentum at the highest rate, at least 0 and less than 1; or a list of one per group.
        max_momentum: momentum at the start and the end; or a list of one per group.
        div_factor: highest rate over first rate, above 0.
        final_div_factor: first rate over last rate, above 0.
        three_phase: see above.

    Raises:
        ParameterError: for something that is no optimiser or has no momentum to cycle, or a number out of range; in
            ``step()`` when the cycle is over.

    >>> from autograd_tiny.optim import SGD
    >>> optimizer = SGD([Value(0.0)], lr=1.0, momentum=0.9)
    >>> schedule = OneCycleLR(optimizer, max_lr=1.0, total_steps=9, pct_start=1 / 3, anneal_strategy="linear")
    >>> [round(schedule.lrs(n)[0], 2) for n in range(9)]
    [0.04, 0.52, 1.0, 0.83, 0.67, 0.5, 0.33, 0.17, 0.0]
    """

    rules: ClassVar = {
        "max_lr": each(at_least_zero),
        "total_steps": whole,
        "pct_start": fraction,
        "anneal_strategy": one_of("cos", "linear"),
        "cycle_momentum": switch,
        "base_momentum": each(decay_rate),
        "max_momentum": each(decay_rate),
        "div_factor": above_zero,
        "final_div_factor": above_zero,
        "three_phase": switch,
    }

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | Sequence[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: float | Sequence[float] = 0.85,
        max_momentum: float | Sequence[float] = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
    ) -> None:
        if total_steps is None:
            if epochs is None or steps_per_epoch is None:
                raise ParameterError("OneCycleLR needs total_steps, or both epochs and steps_per_epoch")
            total_steps = whole(epochs, "epochs") * whole(steps_per_epoch, "steps_per_epoch")
        if cycle_momentum and not {"momentum", "betas"} & _optimizer(optimizer).rules.keys():
            raise ParameterError(f"{type(optimizer).__name__} has no momentum to cycle; use cycle_momentum=False")
        super().__init__(
            optimizer,
            max_lr=_per_group(optimizer, max_lr, "max_lr"),
            total_steps=total_steps,
            pct_start=pct_start,
            anneal_strategy=anneal_strategy,
            cycle_momentum=cycle_momentum,
            base_momentum=_per_group(optimizer, base_momentum, "base_momentum"),
            max_momentum=_per_group(optimizer, max_momentum, "max_momentum"),
            div_factor=div_factor,
            final_div_factor=final_div_factor,
            three_phase=three_phase,
        )

    def lrs(self, step: int) -> list[float]:
        """Return the rates after so many steps."""
        rates = []
        for highest in self.settings["max_lr"]:
            first = highest / self.settings["div_factor"]
            last = first / self.settings["final_div_factor"]
            rates.append(self._between(step, [first, highest, *[first] * self.settings["three_phase"], last]))
        return rates

    def _between(self, step: int, levels: list[float]) -> float:
        """Return the number after so many steps on the way from level to level, one phase each."""
        steps, up = self.settings["total_steps"], self.settings["pct_start"] * self.settings["total_steps"]
        if step > steps:
            raise ParameterError(f"the cycle of {steps} steps is over; give OneCycleLR all steps of the training")
        ends = [0.0, up - 1.0, *[2.0 * up - 2.0] * self.settings["three_phase"], steps - 1.0]
        phase = bisect_left(ends, step, 1, len(ends) - 1)
        start, end = ends[phase - 1 : phase + 1]
        share = min((step - start) / (end - start), 1.0) if end > start else 1.0
        along = _along_cosine if self.settings["anneal_strategy"] == "cos" else _along_line
        return along(levels[phase - 1], levels[phase], share)

    def _move_to(self, step: int) -> None:
        super()._move_to(step)
        if self.settings["cycle_momentum"]:
            bounds = zip(self.settings["base_momentum"], self.settings["max_momentum"], strict=True)
            for group, (low, high) in zip(self.optimizer.param_groups, bounds, strict=True):
                momentum = self._between(step, [high, low, high, high])
                if "betas" in group:
                    group["betas"] = (momentum, *group["betas"][1:])
                else:
                    group["momentum"] = momentum


class SequentialLR(LRScheduler):
    """One schedule after another, each beginning at its own step 0: a warm-up and what follows it.

    Make the schedules first; only this one is stepped then.

    Args:
        optimizer: whose learning rates to set, the same that the schedules have.
        schedulers: at least one, in their order; no :class:`ReduceLROnPlateau`, whose steps need a number.
        milestones: the numbers of steps at which the second and the following ones begin, increasing.

    Raises:
        ParameterError: for schedules of another optimiser, or milestones that do not fit.

    >>> from autograd_tiny.optim import SGD
    >>> optimizer = SGD([Value(0.0)], lr=1.0)
    >>> warmup, decay = LinearLR(optimizer, start_factor=0.5, total_iters=2), ExponentialLR(optimizer, gamma=0.5)
    >>> schedule = SequentialLR(optimizer, [warmup, decay], milestones=[2])
    >>> [schedule.lrs(n)[0] for n in range(5)]
    [0.5, 0.75, 1.0, 0.5, 0.25]
    """

    rules: ClassVar = {"milestones": each(whole), "schedulers": each(anything)}

    def __init__(self, optimizer: Optimizer, schedulers: Sequence[LRScheduler], milestones: Sequence[int]) -> None:
        self.schedulers: list[LRScheduler] = each(_scheduler)(schedulers, "schedulers")
        if not self.schedulers:
            raise ParameterError("schedulers holds at least one schedule, got none")
        for scheduler in self.schedulers:
            if scheduler.optimizer is not optimizer:
                raise ParameterError(f"schedulers belong to one optimizer, got {scheduler!r:.60} of another")
        starts = each(whole, len(self.schedulers) - 1)(milestones, "milestones")
        if any(later <= earlier for earlier, later in pairwise(starts)):
            raise ParameterError(f"milestones increase, got {starts}")
        parts = [{"kind": type(part).__name__, "settings": part.settings} for part in self.schedulers]
        super().__init__(optimizer, milestones=starts, schedulers=parts)

    def _part(self, step: int) -> tuple[LRScheduler, int]:
        """Return the schedule in charge after so many steps, and how many of them were its own."""
        starts = [0, *self.settings["milestones"]]
        i = bisect_right(starts, step) - 1
        return self.schedulers[i], step - starts[i]

    def lrs(self, step: int) -> list[float]:
        """Return the rates after so many steps."""
        scheduler, own_step = self._part(step)
        return scheduler.lrs(own_step)

    def _move_to(self, step: int) -> None:
        scheduler, own_step = self._part(step)
        scheduler._move_to(own_step)
        self.last_epoch = step


def _scheduler(given: Any, name: str) -> LRScheduler:
    if not isinstance(given, LRScheduler) or isinstance(given, ReduceLROnPlateau):
        raise ParameterError(f"{name} holds schedules that step without a number, got {given!r:.60}")
    return given


class ReduceLROnPlateau(LRScheduler):
    """Multiply the learning rate by a factor when a number, mostly the loss on validation data, stops improving.

    The number is better than the best so far when it is below best * (1 - threshold), with threshold_mode ``"abs"``
    below best - threshold, and in mode ``"max"`` above best * (1 + threshold) or best + threshold; nan is never
    better. Unlike the others this schedule changes the present rates: one set by hand stays, and is reduced later.

    Args:
        optimizer: whose learning rates to reduce.
        mode: ``"min"`` for numbers that shall fall, ``"max"`` for those that shall rise.
        factor: at least 0, less than 1.
        patience: how many steps in a row may bring nothing better before the rate is reduced, at least 0.
        threshold: how much better is better, at least 0.
        threshold_mode: ``"rel"`` or ``"abs"``, see above.
        cooldown: steps after a reduction that do not count, at least 0.
        min_lr: rates are not reduced below it, at least 0; or a list of one per group.
        eps: reductions of at most this are left out, at least 0.

    Raises:
        ParameterError: for something that is no optimiser, or a number out of range.

    >>> from autograd_tiny.optim import SGD
    >>> optimizer = SGD([Value(0.0)], lr=1.0)
    >>> schedule = ReduceLROnPlateau(optimizer, factor=0.5, patience=1)
    >>> for loss in (3.0, 2.0, 2.0, 2.0):
    ...     schedule.step(loss)
    >>> optimizer.lr
    0.5
    """

    rules: ClassVar = {
        "mode": one_of("min", "max"),
        "factor": decay_rate,
        "patience": count,
        "threshold": at_least_zero,
        "threshold_mode": one_of("rel", "abs"),
        "cooldown": count,
        "min_lr": each(at_least_zero),
        "eps": at_least_zero,
    }
    progress: ClassVar = LRScheduler.progress | {"best": real, "num_bad_epochs": count, "cooldown_counter": count}

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: float | Sequence[float] = 0.0,
        eps: float = 1e-8,
    ) -> None:
        super().__init__(
            optimizer,
            mode=mode,
            factor=factor,
            patience=patience,
            threshold=threshold,
            threshold_mode=threshold_mode,
            cooldown=cooldown,
            min_lr=_per_group(optimizer, min_lr, "min_lr"),
            eps=eps,
        )
        self.best = math.inf if mode == "min" else -math.inf
        self.num_bad_epochs = self.cooldown_counter = 0

    def lrs(self, step: int) -> list[float]:
        """Return the present rates, whatever the step: those to come depend on numbers to come."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def step(self, metrics: float | Value) -> None:  # type: ignore[override]  # the other schedules need no number
        """Look at the newest number and reduce the learning rates when it is time.

        Args:
            metrics: the number to watch.
        """
        newest = metrics.item() if isinstance(metrics, Value) else real(metrics, "metrics")
        self.last_epoch += 1
        if self._is_better(newest):
            self.best, self.num_bad_epochs = newest, 0
        else:
            self.num_bad_epochs += 1
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.settings["patience"]:
            self._reduce()
            self.cooldown_counter, self.num_bad_epochs = self.settings["cooldown"], 0

    def _is_better(self, newest: float) -> bool:
        sign = -1.0 if self.settings["mode"] == "min" else 1.0
        margin: float = sign * self.settings["threshold"]
        bound = self.best * (1.0 + margin) if self.settings["threshold_mode"] == "rel" else self.best + margin
        return newest * sign > bound * sign

    def _reduce(self) -> None:
        for group, lowest in zip(self.optimizer.param_groups, self.settings["min_lr"], strict=True):
            reduced = max(group["lr"] * self.settings["factor"], lowest)
            if group["lr"] - reduced > self.settings["eps"]:
                group["lr"] = reduced
