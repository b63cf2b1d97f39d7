"""The learner that ``fit(..., jit=True)`` uses: it traces the loss of one example and trains in native memory."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from ..compilation.executors import Executor, chosen, executor_for
from ..compilation.program import Program
from ..compilation.tracing import inputs, trace
from ..errors import AnomalyError, GraphError, NotARealNumberError, ParameterError
from ..functional import flatten, rebuild
from ..nn import Module
from ..nn.shapes import listed_numbers, mapped, shape_of
from ..optim import clip_grad_norm_
from ..primitive import real
from ..recording import no_grad
from ..value import Value, lift
from .learner import Example, Learner, set_mode

SECONDS_IN_NATIVE_CODE = 0.05  # at a time: Ctrl-C and the progress bar have to wait for it
MOST_AT_ONCE = 1000  # steps
EXAMPLES_TRIED = 32
CLOSE = 1e-9


class CompiledLearner(Learner):
    """Makes the steps in compiled code.

    Examples of one shape share a program. Where the optimiser has a compiled form, parameters and state stay in native
    memory until :meth:`hand_back`; other optimisers, and clipping, run in Python on compiled gradients.
    """

    def __init__(self, *settings: Any, batch_size: int, fast: bool = False) -> None:
        super().__init__(*settings)
        self.batch_size, self.fast = batch_size, fast
        if self.batched:
            raise ParameterError("jit=True traces the model on one example, so batched=True cannot be had: use jit=False")
        self.leaves = list(dict.fromkeys([*self.optimizer.params, *_parameters(self.model)]))
        self.wanted = len(self.optimizer.params)
        self.executor = chosen("auto")
        self.trained = _Shaped(self.data)
        self.programs = [self._traced(example, training=True) for example in self.trained.first]
        self._check_dependence()
        self.mean = self._is_mean()
        self.native = self._native()
        self._gradients: dict[int, Executor] = {}
        self._evaluators: dict[Any, tuple[Executor, Any]] = {}
        self.seconds_per_step = SECONDS_IN_NATIVE_CODE

    def _native(self) -> Any:
        from ..compilation.updates import rule_of

        rule = rule_of(self.optimizer)
        if self.executor != "llvm" or rule is None or self.max_grad_norm is not None:
            return None
        from ..compilation.training import NativeTraining

        return NativeTraining(
            self.programs, self.trained.rows, self.batch_size, self.leaves, self.optimizer, rule, self.mean, self.fast
        )

    # ------------------------------------------------------------ tracing

    def _traced(self, example: Example, training: bool) -> Program:
        """Return the program of the loss of one example."""
        given = inputs([listed(example[0]), listed(example[1])])

        def one(x: Any, target: Any) -> Value:
            return self.loss_of([self.model(x)], [target])

        with set_mode(self.model, training):
            root = trace(one, given, self.leaves)
        return Program.of([root], self.leaves, flatten(given), self.wanted)

    def _check_dependence(self) -> None:
        if not any(program.needs_gradient()[program.outputs[0]] for program in self.programs):
            raise GraphError(self.no_dependence)

    def _is_mean(self) -> bool:
        """Return whether the loss of a batch is the mean over its examples; False when it is their sum.

        Raises:
            ParameterError: when it is neither, so that it cannot be computed example by example.
        """
        with no_grad(), set_mode(self.model, training=True):
            for i in range(min(len(self.data), EXAMPLES_TRIED)):
                pair = [self.data[i], self.data[(i + 1) % len(self.data)]]
                single = [float(self.forward([example])[0]) for example in pair]
                both, total = float(self.forward(pair)[0]), math.fsum(single)
                scale = max(map(abs, [*single, both]))
                if not math.isfinite(scale) or scale == 0.0:
                    continue
                if abs(both - total / 2) <= CLOSE * scale:
                    if abs(total) > CLOSE * scale:
                        return True
                elif abs(both - total) <= CLOSE * scale:
                    return False
                else:
                    raise ParameterError(
                        "jit=True computes the loss example by example, so the loss of a batch has to be the mean or "
                        f"the sum of those of its examples; of two examples with {single[0]:g} and {single[1]:g} it is "
                        f"{both:g}. Use jit=False, or a loss without parts that mix examples or draw at random"
                    )
        return True

    # ------------------------------------------------------------ steps

    def steps(self, order: Sequence[int], size: int, epoch: int, one_by_one: bool) -> Iterator[tuple[Any, float, Any]]:
        """Yield (positions, loss, outputs) for each step of an epoch."""
        batches = [order[start : start + size] for start in range(0, len(order), size)]
        if self.native is None or one_by_one or self.metrics or len(self.trained.rows) > 1:
            for positions in batches:
                outputs = self._outputs(positions, training=True) if self.metrics else []
                yield positions, self._step(positions, epoch), outputs
            return
        done = 0
        while done < len(batches):
            count = min(self._steps_at_once(), len(batches) - done)
            part = order[done * size : (done + count) * size]
            losses = self._timed(self.trained.row_numbers(part), size, count)
            for positions, loss in zip(batches[done : done + count], losses, strict=False):
                self._check(loss, positions, epoch, len(losses) > len(self.native.latest) and loss is losses[-1])
                yield positions, loss, []
            done += count

    def epochs(self, count: int, first: int) -> Iterator[list[float]]:
        """Yield the losses of many epochs of one batch that holds all examples, some at a time."""
        order = self.trained.row_numbers(range(len(self.data)))
        while count > 0:
            losses = self._timed(order, len(order), min(self._steps_at_once(), count))
            taken = len(self.native.latest)
            if taken < len(losses):
                yield losses[:taken]
                self._fail(losses[-1], range(len(self.data)), first + taken)
            first += taken
            count -= taken
            yield losses

    def can_run_epochs(self) -> bool:
        """Whether :meth:`epochs` is there."""
        return self.native is not None and len(self.trained.rows) == 1 and not self.metrics

    def _steps_at_once(self) -> int:
        return max(1, min(MOST_AT_ONCE, int(SECONDS_IN_NATIVE_CODE / self.seconds_per_step)))

    def _timed(self, order: Any, size: int, count: int) -> list[float]:
        from time import perf_counter

        start = perf_counter()
        losses: list[float] = self.native.run(0, order, size, count)
        self.seconds_per_step = max(1e-7, (perf_counter() - start) / count)
        return losses

    def _step(self, positions: Sequence[int], epoch: int) -> float:
        if self.native is None:
            return self._python_step(positions, epoch)
        parts = self.trained.parts(positions)
        if len(parts) == 1:
            ((shape, order),) = parts
            losses = self.native.run(shape, order, len(order), 1)
            loss, taken = losses[0], bool(self.native.latest)
        else:
            loss, taken = self.native.run_mixed(parts)
        self._check(loss, positions, epoch, not taken)
        return loss

    def _python_step(self, positions: Sequence[int], epoch: int) -> float:
        """Take a step with compiled gradients and the optimiser as it is."""
        self.optimizer.zero_grad()
        numbers, seed = [leaf._data for leaf in self.leaves], 1.0 / len(positions) if self.mean else 1.0
        loss, totals = 0.0, [0.0] * self.wanted
        for shape, order in self.trained.parts(positions):
            if shape not in self._gradients:
                count = min(self.batch_size, len(self.trained.rows[shape]))
                self._gradients[shape] = executor_for(self.programs[shape], True, count, fast=self.fast)
            rows = [self.trained.rows[shape][i] for i in order]
            results, gradients = self._gradients[shape].run(numbers, rows, [seed])
            for (result,) in results:
                loss += float(result)
            totals = [total + float(gradient) for total, gradient in zip(totals, gradients, strict=True)]
        loss = loss / len(positions) if self.mean else loss
        self._check(loss, positions, epoch, not all(map(math.isfinite, totals)))
        for parameter, total in zip(self.optimizer.params, totals, strict=True):
            parameter.grad = total
        if self.max_grad_norm is not None:
            clip_grad_norm_(self.optimizer.params, self.max_grad_norm)
        self.optimizer.step()
        return loss

    def _check(self, loss: float, positions: Sequence[int], epoch: int, stopped: bool) -> None:
        if stopped or not math.isfinite(loss):
            self._fail(loss, positions, epoch)

    def _fail(self, loss: float, positions: Sequence[int], epoch: int) -> None:
        self.hand_back()
        what = "a gradient is not finite" if math.isfinite(loss) else f"the loss is {float(loss)}"
        with set_mode(self.model, training=True):
            raise AnomalyError(f"epoch {epoch}: {what}; {self.first_anomaly([self.data[i] for i in positions])}")

    # ------------------------------------------------------------ outputs and tests

    def test(self, data: Sequence[Example]) -> tuple[float, dict[str, float]]:
        """Return the loss and the metrics of examples that are not trained on."""
        losses, outputs = self._evaluated(data, training=False)
        loss = 0.0
        for one in losses:
            loss += one
        measured = self.measured(outputs, [target for _, target in data])
        return loss / len(data) if self.mean else loss, measured

    def _outputs(self, positions: Sequence[int], training: bool) -> list[Any]:
        return self._evaluated([self.data[i] for i in positions], training)[1]

    def _evaluated(self, data: Sequence[Example], training: bool) -> tuple[list[float], list[Any]]:
        numbers = self.numbers()
        losses, outputs = [0.0] * len(data), [None] * len(data)
        shaped = _Shaped(data)
        for shape, order in shaped.parts(range(len(data))):
            executor, structure = self._evaluator(shaped.shapes[shape], shaped.first[shape], training, len(order))
            results, _ = executor.run(numbers, [shaped.rows[shape][i] for i in order], [0.0])
            for position, row in zip(shaped.members[shape], results, strict=True):
                loss, *flat = [float(number) for number in row]
                losses[position], outputs[position] = loss, rebuild(structure, flat)
        return losses, outputs

    def _evaluator(self, shape: Any, example: Example, training: bool, count: int) -> tuple[Executor, Any]:
        key = shape, training, count == 1
        if key not in self._evaluators:
            given = inputs([listed(example[0]), listed(example[1])])
            found: list[Any] = []

            def one(x: Any, target: Any) -> list[Value]:
                output = self.model(x)
                found.append(output)
                return [self.loss_of([output], [target]), *[lift(number) for number in flatten(output)]]

            with set_mode(self.model, training):
                roots = trace(one, given, self.leaves)
            program = Program.of(roots, self.leaves, flatten(given), 0)
            structure = rebuild(found[0], [0.0] * (len(roots) - 1))
            self._evaluators[key] = executor_for(program, False, count, fast=self.fast), structure
        return self._evaluators[key]

    # ------------------------------------------------------------ native memory and Python

    def numbers(self) -> Any:
        """Return the present numbers of all parameters."""
        return [leaf._data for leaf in self.leaves] if self.native is None else self.native.shared[: len(self.leaves)]

    def take(self) -> None:
        """Go on from the numbers that Python has."""
        if self.native is not None:
            self.native.take()

    def hand_back(self) -> None:
        """Give Python the numbers."""
        if self.native is not None:
            self.native.hand_back()


class _Shaped:
    """Examples sorted by their shape.

    Attributes:
        shapes: the shapes, in the order they were met.
        first: an example of each.
        members: the positions of the examples of each.
        rows: their numbers, input and target one after the other.
    """

    def __init__(self, data: Sequence[Example]) -> None:
        self.shapes: list[Any] = []
        self.first: list[Example] = []
        self.members: list[list[int]] = []
        self.rows: list[list[list[float]]] = []
        known: dict[Any, int] = {}
        self._place: list[tuple[int, int]] = []
        for position, example in enumerate(data):
            sides = [listed(side) for side in example]
            key = tuple([_key(side) for side in sides])
            shape = known.setdefault(key, len(self.rows))
            if shape == len(self.rows):
                self.shapes.append(key)
                self.first.append(example)
                self.members.append([])
                self.rows.append([])
            self._place.append((shape, len(self.rows[shape])))
            self.members[shape].append(position)
            self.rows[shape].append([_number(number) for side in sides for number in flatten(side, check=False)])

    def parts(self, positions: Iterable[int]) -> list[tuple[int, Any]]:
        """Return (shape, rows of its examples) for the shapes that some of the positions have."""
        found: dict[int, list[int]] = {}
        for position in positions:
            shape, row = self._place[position]
            found.setdefault(shape, []).append(row)
        return [(shape, _integers(rows)) for shape, rows in found.items()]

    def row_numbers(self, positions: Iterable[int]) -> Any:
        """Return the rows of examples that all have the one shape there is."""
        return _integers([self._place[position][1] for position in positions])


def _integers(numbers: list[int]) -> Any:
    try:
        import numpy as np
    except ImportError:
        return numbers
    return np.array(numbers, np.int32)


def listed(side: Any) -> Any:
    """Return an input or a target as numbers in nested lists."""
    return mapped(listed_numbers(side), _number)


def _number(number: Any) -> float:
    if isinstance(number, Value):
        return number._data
    try:
        return real(number, "an example")
    except NotARealNumberError as error:
        raise NotARealNumberError(f"{error}; jit=True needs inputs and targets that are numbers") from None


def _key(side: Any) -> Any:
    shape = shape_of(side)
    return shape if shape is not None else repr(mapped(side, lambda number: 0))


def _parameters(model: Any) -> list[Value]:
    return model.parameters() if isinstance(model, Module) else []


