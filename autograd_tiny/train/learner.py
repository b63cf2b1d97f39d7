"""What ``fit`` asks to make the steps: here eagerly, by ``backward()`` on every batch."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol, TypeAlias

from ..errors import AnomalyError, GraphError, ParameterError, ShapeError
from ..nn import Module
from ..nn.shapes import is_list, mapped
from ..optim import clip_grad_norm_
from ..primitive import real
from ..ranges import above_zero
from ..recording import detect_anomaly, no_grad
from ..value import NO_GRAD_YET, Value

Example: TypeAlias = "tuple[Any, Any]"
"""An input and its target."""


Step: TypeAlias = "tuple[Sequence[int], float, list[Any]]"
"""The positions of a batch, the loss before its step, and its outputs as floats where there are metrics."""


class Stepping(Protocol):
    """What ``fit`` needs of an optimiser."""

    params: list[Value]

    def step(self) -> None:
        """Move the parameters along their gradients."""

    def zero_grad(self) -> None:
        """Forget the gradients."""


Loss = Callable[[list[Any], list[Any]], Value]
"""(outputs of a batch, its targets) -> the number to minimise."""
Metric = Callable[[list[Any], list[Any]], float]
"""(outputs of an epoch as floats, its targets) -> a number to watch."""


class Learner:
    """Makes the steps, and tests what was learned.

    Args:
        model, loss, optimizer, metrics, max_grad_norm, batched: as for ``fit``.
        data: the examples to learn from.
        held_out: those to test on, none or more.
    """

    no_dependence = (
        "the loss does not depend on any parameter, so nothing would be learned; "
        "compute it from the outputs themselves, not from their numbers"
    )

    def __init__(
        self,
        model: Callable[[Any], Any],
        loss: Loss,
        optimizer: Stepping,
        metrics: Mapping[str, Metric],
        max_grad_norm: float | None,
        batched: bool,
        data: Sequence[Example],
        held_out: Sequence[Example],
    ) -> None:
        self.model, self.loss, self.optimizer, self.metrics = model, loss, optimizer, metrics
        self.max_grad_norm = None if max_grad_norm is None else above_zero(max_grad_norm, "max_grad_norm")
        self.batched, self.data, self.held_out = batched, data, held_out

    def steps(self, order: Sequence[int], size: int, epoch: int, one_by_one: bool) -> Iterator[Step]:
        """Yield (positions, loss, outputs as floats) for each step of an epoch.

        Args:
            order: the positions of the examples, batch after batch.
            size: how many make a batch.
            epoch: the number of the epoch.
            one_by_one: whether something looks at the model, or sets the learning rate, between the steps.
        """
        for start in range(0, len(order), size):
            positions = order[start : start + size]
            loss, outputs = self._step([self.data[i] for i in positions], epoch)
            yield positions, loss, outputs

    def _step(self, batch: list[Example], epoch: int) -> tuple[float, list[Any]]:
        """Train on one batch; return its loss and its outputs as floats, so that no graph outlives the step."""
        self.optimizer.zero_grad()
        result, outputs = self.forward(batch)
        if not math.isfinite(result):
            raise AnomalyError(f"epoch {epoch}: the loss is {float(result)}; {self.first_anomaly(batch)}")
        result.backward()
        if all(parameter.grad is NO_GRAD_YET for parameter in self.optimizer.params):
            raise GraphError(self.no_dependence)
        if not all(math.isfinite(parameter.grad) for parameter in self.optimizer.params):
            raise AnomalyError(f"epoch {epoch}: a gradient is not finite; {self.first_anomaly(batch)}")
        if self.max_grad_norm is not None:
            clip_grad_norm_(self.optimizer.params, self.max_grad_norm)
        self.optimizer.step()
        return float(result), mapped(outputs, float)

    def test(self) -> tuple[float, dict[str, float]]:
        """Return the loss and the metrics of the examples held out."""
        with no_grad(), set_mode(self.model, training=False):
            result, outputs = self.forward(self.held_out)
        return float(result), self.measured(mapped(outputs, float), [target for _, target in self.held_out])

    def measured(self, outputs: list[Any], targets: list[Any]) -> dict[str, float]:
        """Return the metrics."""
        return {name: real(metric(outputs, targets), f"the metric {name!r}") for name, metric in self.metrics.items()}

    @property
    def lr(self) -> float | None:
        """The learning rate of the first group, where the optimiser has such."""
        groups = getattr(self.optimizer, "param_groups", None)
        return float(groups[0]["lr"]) if groups else None

    def epochs(self, count: int) -> Iterator[list[float]]:
        """Yield the losses of epochs of one step on all examples, some at a time; none where it takes :meth:`steps`."""
        return iter(())

    def take(self) -> None:
        """Go on from the model and the optimiser as they are now."""

    def hand_back(self) -> None:
        """See that the model and the optimiser have the numbers of the latest step."""

    def forward(self, batch: Sequence[Example]) -> tuple[Value, list[Any]]:
        """Return the loss of a batch and its outputs, recorded."""
        examples, targets = [x for x, _ in batch], [target for _, target in batch]
        outputs = self.model(examples) if self.batched else [self.model(x) for x in examples]
        if not is_list(outputs) or len(outputs) != len(batch):
            raise ShapeError(
                f"with batched=True the model returns a list with one output for each of {len(batch)} examples, "
                f"got {outputs!r:.60}"
            )
        return self.loss_of(list(outputs), targets), list(outputs)

    def loss_of(self, outputs: list[Any], targets: list[Any]) -> Value:
        """Return the loss, if it is one Value."""
        result = self.loss(outputs, targets)
        if not isinstance(result, Value):
            raise ParameterError(f"loss returns one Value computed from the outputs, got {result!r:.60}")
        return result

    def first_anomaly(self, batch: Sequence[Example]) -> str:
        """Compute the batch again with every node watched, and return in words which one went wrong first."""
        try:
            with detect_anomaly():
                self.forward(batch)[0].backward()
        except AnomalyError as error:
            return f"{error}; try a smaller learning rate, or inputs scaled to about -1 to 1"
        return "computed again it is finite: does the model or the loss draw random numbers?"


@contextmanager
def set_mode(model: Any, training: bool) -> Iterator[None]:
    """Set a Module to training or evaluation, and back to what each part of it was."""
    modules = model.modules() if isinstance(model, Module) else []
    before = [module.training for module in modules]
    for module in modules:
        module.training = training
    try:
        yield
    finally:
        for module, was in zip(modules, before, strict=True):
            module.training = was
