"""Training in native memory: parameters, the optimiser's quantities and the data stay there from step to step."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..value import Value
from .driver import Batch, Training
from .native_program import Compiled, aligned, context, shared_size, training_loop, update
from .program import Program
from .updates import Rule

STEPS, BATCH_SIZE, LEFT, DONE = map(int, (Training.STEPS, Training.BATCH_SIZE, Training.LEFT, Training.DONE))
SETTINGS, LOSSES, ORDER = int(Training.SETTINGS), int(Training.LOSSES), int(Batch.ORDER)

_assign_data = Value._data.__set__  # type: ignore[attr-defined,misc]  # _data is a slot descriptor on the class


class NativeTraining:
    """The steps of an optimiser on examples of one or more shapes, each with a program of its own.

    Args:
        programs: for each shape, the loss of one example; their first parameters are the optimiser's.
        rows: for each shape, the inputs of its examples, a row for each.
        batch_size: about how many examples a step has.
        leaves: the parameters of all programs.
        optimizer: an optimiser that has a rule.
        rule: how one parameter moves.
        mean: whether the loss of a batch is the mean of those of its examples, not their sum.
        fast: whether products and sums may be contracted and sums reordered.
    """

    def __init__(
        self,
        programs: Sequence[Program],
        rows: Sequence[Any],
        batch_size: int,
        leaves: Sequence[Value],
        optimizer: Any,
        rule: Rule,
        mean: bool,
        fast: bool = False,
    ) -> None:
        self.leaves, self.optimizer, self.rule, self.mean = leaves, optimizer, rule, mean
        self.shared = aligned(max(map(shared_size, programs)))
        self.wanted = len(optimizer.params)
        self.rows = [np.ascontiguousarray(given, float) for given in rows]
        self.compiled = [
            Compiled(program, True, min(batch_size, len(given)), fast=fast, shared=self.shared)
            for program, given in zip(programs, rows, strict=True)
        ]
        self.quantities = [aligned(self.wanted) for _ in range(3)]
        self.ends = np.cumsum([0, *[len(group["params"]) for group in optimizer.param_groups]], dtype=np.int64)
        self.setting_count = len(rule.settings(optimizer.param_groups[0], 1))
        self._update = update(rule.name, rule, self.setting_count)
        self._contexts = [self._context(compiled) for compiled in self.compiled]
        self._loops = [training_loop(compiled.examples.settings.lanes) for compiled in self.compiled]
        self.latest: list[float] = []
        self.totals, self._taken = np.zeros(self.wanted), 0
        self._make_room(1, 1)
        self.take()

    def _context(self, compiled: Compiled) -> Any:
        entries = {
            "BATCH": compiled.examples.address,
            "EXAMPLES": ctypes.addressof(compiled.examples.context),
            "MEAN": int(self.mean),
            "UPDATE": self._update.address,
            "QUANTITY_0": self.quantities[0].ctypes.data,
            "QUANTITY_1": self.quantities[1].ctypes.data,
            "QUANTITY_2": self.quantities[2].ctypes.data,
            "PARAMETER_COUNT": self.wanted,
            "GROUPS": self.ends.ctypes.data,
            "GROUP_COUNT": len(self.ends) - 1,
            "SETTING_COUNT": self.setting_count * (len(self.ends) - 1),
        }
        if compiled.before is not None and compiled.after is not None:
            entries["SHARED_BATCH"] = compiled.before.address
            entries["BEFORE"] = ctypes.addressof(compiled.before.context)
            entries["AFTER"] = ctypes.addressof(compiled.after.context)
        made = context(Training)
        for name, number in entries.items():
            made[Training[name]] = number
        return made

    # ------------------------------------------------------------ to and from Values

    def take(self) -> None:
        """Read the parameters and the optimiser's quantities from where Python keeps them."""
        self.shared[: len(self.leaves)] = [leaf._data for leaf in self.leaves]
        for i, name in enumerate(self.rule.quantities):
            self.quantities[i][:] = [number for state in self.optimizer.state for number in state[name]]
        self._first_step = self.optimizer.steps - self._taken

    def hand_back(self) -> None:
        """Write parameters, gradients, quantities and the number of steps to where Python keeps them."""
        any(map(_assign_data, self.leaves, self.shared[: len(self.leaves)].tolist()))
        for parameter, gradient in zip(self.optimizer.params, self.totals[: self.wanted].tolist(), strict=True):
            parameter.grad = gradient
        for i, name in enumerate(self.rule.quantities):
            numbers = self.quantities[i].tolist()
            for k, state in enumerate(self.optimizer.state):
                state[name] = numbers[self.ends[k] : self.ends[k + 1]]
        self.optimizer.steps = self._first_step + self._taken

    # ------------------------------------------------------------ steps

    def _make_room(self, examples: int, steps: int) -> None:
        """Allocate what the loops read and write, for batches and numbers of steps up to these."""
        self._examples, self._steps = examples, steps
        self._order: Any = np.zeros(examples, np.int32)
        self._losses = (ctypes.c_double * steps)()
        self._settings: Any = (ctypes.c_double * (steps * self.setting_count * (len(self.ends) - 1)))()
        for compiled, made, rows in zip(self.compiled, self._contexts, self.rows, strict=True):
            compiled.examples.bind(rows, self._order)
            made[SETTINGS], made[LOSSES] = map(ctypes.addressof, (self._settings, self._losses))
        self._order_at = self._order.ctypes.data

    def run(self, shape: int, order: Any, batch_size: int, steps: int) -> list[float]:
        """Take steps on examples of one shape.

        Args:
            shape: which program.
            order: rows of its examples, 32-bit integers; begun again when all were taken.
            batch_size: how many a step takes.
            steps: how many steps.

        Returns:
            The loss of every step taken, as ``latest`` has them also after Ctrl-C; and one more, the last, for a step
            that was not taken: it is not finite, or a gradient is not.
        """
        count = len(order)
        if count > self._examples or steps > self._steps:
            self._make_room(max(count, self._examples), max(steps, self._steps))
        examples, made = self.compiled[shape].examples, self._contexts[shape]
        self._order[:count] = order
        self._write_settings(steps)
        examples.context[ORDER] = self._order_at
        made[STEPS], made[BATCH_SIZE], made[LEFT], made[DONE] = steps, batch_size, count, 0
        try:
            self._loops[shape](made)
        finally:
            taken = made[DONE]
            self._taken += taken
            self.totals = examples.totals
            self.latest = self._losses[:taken]
        return self.latest if taken == steps else self._losses[: taken + 1]

    def run_mixed(self, parts: Sequence[tuple[int, Any]]) -> tuple[float, bool]:
        """Take one step on examples of several shapes; return the loss, and whether it was taken.

        Args:
            parts: (shape, rows of its examples).
        """
        count = sum(len(order) for _, order in parts)
        seed = 1.0 / count if self.mean else 1.0
        numbers, loss, totals = self.shared[: len(self.leaves)].copy(), 0.0, np.zeros(self.wanted)
        for shape, order in parts:
            results, gradients = self.compiled[shape].run(numbers, self.rows[shape], order, [seed])
            for result in results[:, 0].tolist():
                loss += result
            totals += gradients
        self.totals = totals
        loss = loss / count if self.mean else loss
        if not (np.isfinite(loss) and np.isfinite(totals).all()):
            return loss, False
        arrays = [array.ctypes.data for array in (self.shared, totals, *self.quantities, self.ends)]
        self._write_settings(1)
        self._update(*arrays, len(self.ends) - 1, ctypes.addressof(self._settings))
        self._taken += 1
        return loss, True

    def _write_settings(self, steps: int) -> None:
        """Write the settings of the next steps, a row for each, as the optimiser's groups have them now."""
        groups, first = self.optimizer.param_groups, self._first_step + self._taken + 1

        def row(step: int) -> list[float]:
            return [setting for group in groups for setting in self.rule.settings(group, step)]

        numbers = row(first)
        if steps > 1:
            same = row(first + steps - 1) == numbers  # what changes with the steps does so in one direction
            numbers = numbers * steps if same else [x for k in range(steps) for x in row(first + k)]
        self._settings[: len(numbers)] = numbers
