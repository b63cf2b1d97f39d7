"""Steps on compiled gradients: by the optimiser in Python, or by its rule in native memory."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from time import perf_counter
from typing import Any, NamedTuple

from ..compilation.executors import Executor, chosen, executor_for
from ..compilation.program import Program
from ..compilation.updates import Rule, rule_of
from ..nn.shapes import listed_numbers
from ..optim import clip_grad_norm_
from ..value import Value
from .shaped import Shaped

SECONDS_IN_NATIVE_CODE = 0.05  # at a time: Ctrl-C and the progress bar have to wait for it
MOST_AT_ONCE = 1000  # steps


class Work(NamedTuple):
    """What there is to do.

    Attributes:
        programs: the loss of one example, for each shape.
        examples: the examples.
        leaves: the parameters of the programs, first those that the optimiser holds.
        optimizer: what moves them.
        batch_size: about how many examples a step has.
        mean: whether the loss of a batch is the mean of those of its examples, not their sum.
        fast: whether sums may be reordered.
    """

    programs: Sequence[Program]
    examples: Shaped
    leaves: Sequence[Value]
    optimizer: Any
    batch_size: int
    mean: bool
    fast: bool


class PythonSteps:
    """Takes steps with compiled gradients and the optimiser as it is.

    Args:
        work: what there is to do.
        max_grad_norm: what the gradients are clipped to, or None.
    """

    def __init__(self, work: Work, max_grad_norm: float | None) -> None:
        self.examples, self.leaves, self.optimizer = work.examples, work.leaves, work.optimizer
        self.mean, self.max_grad_norm = work.mean, max_grad_norm
        self._executors: list[Executor] = [
            executor_for(program, True, min(work.batch_size, len(rows)), fast=work.fast)
            for program, rows in zip(work.programs, work.examples.rows, strict=True)
        ]

    def numbers(self) -> Sequence[float]:
        """Return the present numbers of the leaves."""
        return [leaf._data for leaf in self.leaves]

    def losses(self, positions: Sequence[int]) -> list[float]:
        """Return the loss of each example; nothing moves."""
        results = [self._run(shape, order, 1.0)[0] for shape, order in self.examples.parts(positions)]
        return self.examples.in_order(positions, results)

    def step(self, positions: Sequence[int]) -> tuple[float, bool]:
        """Take a step; return the loss before it, and whether it was taken: not if a number was not finite."""
        seed = 1.0 / len(positions) if self.mean else 1.0
        loss, totals = 0.0, [0.0] * len(self.optimizer.params)
        for shape, order in self.examples.parts(positions):
            losses, gradients = self._run(shape, order, seed)
            for one in losses:
                loss += one
            totals = [total + gradient for total, gradient in zip(totals, gradients, strict=True)]
        loss = loss / len(positions) if self.mean else loss
        if not math.isfinite(loss):
            return loss, False
        for parameter, total in zip(self.optimizer.params, totals, strict=True):
            parameter.grad = total
        if not all(map(math.isfinite, totals)):
            return loss, False
        if self.max_grad_norm is not None:
            clip_grad_norm_(self.optimizer.params, self.max_grad_norm)
        self.optimizer.step()
        return loss, True

    def _run(self, shape: int, order: Sequence[int], seed: float) -> tuple[list[float], list[float]]:
        rows = [self.examples.rows[shape][i] for i in order]
        results, gradients = self._executors[shape].run(self.numbers(), rows, [seed])
        return [loss for (loss,) in listed_numbers(results)], listed_numbers(gradients)

    def take(self) -> None:
        """Go on from the numbers that Python has, as every step does."""

    def hand_back(self) -> None:
        """Give Python the numbers, which it has."""


class NativeSteps:
    """Takes steps in native memory, many at a time.

    Args:
        work: what there is to do.
        rule: of the optimiser.
    """

    def __init__(self, work: Work, rule: Rule) -> None:
        from ..compilation.training import NativeTraining

        self.examples, self.leaves = work.examples, work.leaves
        programs, examples, leaves, optimizer, batch_size, mean, fast = work
        self.native = NativeTraining(programs, examples.rows, batch_size, leaves, optimizer, rule, mean, fast)
        self.is_ahead = False  # of Python's numbers
        self._seconds_per_step = SECONDS_IN_NATIVE_CODE

    def numbers(self) -> Sequence[float]:
        """Return the present numbers of the leaves."""
        numbers: Sequence[float] = self.native.shared[: len(self.leaves)]
        return numbers

    def losses(self, positions: Sequence[int]) -> list[float]:
        """Return the loss of each example; nothing moves."""
        numbers, results = self.numbers().copy(), []  # type: ignore[attr-defined]  # an array
        for shape, order in self.examples.parts(positions):
            outputs, _ = self.native.compiled[shape].run(numbers, self.native.rows[shape], _integers(order), [1.0])
            results.append(outputs[:, 0].tolist())
        return self.examples.in_order(positions, results)

    def step(self, positions: Sequence[int]) -> tuple[float, bool]:
        """Take a step; return the loss before it, and whether it was taken: not if a number was not finite."""
        self.is_ahead = True
        parts = [(shape, _integers(order)) for shape, order in self.examples.parts(positions)]
        if len(parts) > 1:
            return self.native.run_mixed(parts)
        ((shape, order),) = parts
        (loss,) = self.native.run(shape, order, len(order), 1)
        return loss, bool(self.native.latest)

    def epoch(self, order: Sequence[int], size: int) -> Iterator[tuple[list[float], bool]]:
        """Take the steps of an epoch on examples of one shape; yield (losses, whether the last step was taken too)."""
        done = 0
        while done < len(order):
            count = min(self._at_once(), math.ceil((len(order) - done) / size))
            yield self._timed(order[done : done + count * size], size, count)
            done += count * size

    def epochs(self, count: int) -> Iterator[tuple[list[float], bool]]:
        """Take so many steps on all examples, which have one shape; yield as :meth:`epoch`, also what Ctrl-C left."""
        order = range(len(self.examples))
        while count > 0:
            self.native.latest = []
            try:
                losses, taken = self._timed(order, len(order), min(self._at_once(), count))
            except KeyboardInterrupt:
                yield self.native.latest, True
                raise
            yield losses, taken
            count -= len(losses)

    def _at_once(self) -> int:
        return max(1, min(MOST_AT_ONCE, int(SECONDS_IN_NATIVE_CODE / self._seconds_per_step)))

    def _timed(self, order: Sequence[int], size: int, count: int) -> tuple[list[float], bool]:
        start = perf_counter()
        self.is_ahead = True
        losses = self.native.run(0, _integers(order), size, count)
        self._seconds_per_step = max(1e-7, (perf_counter() - start) / count)
        return losses, len(losses) == len(self.native.latest)

    def take(self) -> None:
        """Go on from the numbers that Python has."""
        self.native.take()

    def hand_back(self) -> None:
        """Give Python the numbers, if there are newer ones."""
        if self.is_ahead:
            self.native.hand_back()
            self.is_ahead = False


def native_rule(optimizer: Any, max_grad_norm: float | None) -> Rule | None:
    """Return the rule by which the steps can be taken in native memory, None where they cannot."""
    return rule_of(optimizer) if max_grad_norm is None and chosen("auto") == "llvm" else None


def _integers(order: Sequence[int]) -> Any:
    import numpy as np

    return np.array(order, np.int32)
