"""The learner that ``fit(..., jit=True)`` uses: the loss of one example is traced, compiled, and checked."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from ..compilation.executors import Executor, executor_for
from ..compilation.program import Program
from ..compilation.structure import fingerprint
from ..compilation.tracing import inputs, trace
from ..errors import AnomalyError, AutogradTinyError, GraphError, ParameterError
from ..functional import flatten, rebuild
from ..nn import Module
from ..nn.shapes import listed_numbers
from ..value import Value, lift
from .learner import Example, Learner, Step, set_mode
from .shaped import Shaped
from .steps import NativeSteps, PythonSteps, Work, native_rule

EXAMPLES_TRIED = 16  # both compiled and as written, before anything moves
CLOSE, TINY = 1e-9, 1e-12  # relative and absolute: what rounding may do to a loss


class _Tried(NamedTuple):
    """An example, and what comes of it as written."""

    position: int
    output: Any
    target: Any
    loss: float


class CompiledLearner(Learner):
    """Makes the steps in compiled code.

    Where the optimiser has a compiled form, parameters and its state stay in native memory until :meth:`hand_back`;
    other optimisers, and clipping, run in Python on compiled gradients.

    Args:
        settings: as for :class:`Learner`.
        batch_size: examples per step.
        fast: whether sums may be reordered.

    Raises:
        TracingError: when the model or the loss uses the number of a traced value.
        ParameterError: when the loss of a batch is neither the mean nor the sum of those of its examples, or
            compiled is another than as written.
        GraphError: when the loss does not depend on any parameter.
    """

    def __init__(self, *settings: Any, batch_size: int, fast: bool) -> None:
        super().__init__(*settings)
        if self.batched:
            raise ParameterError(
                "batched=True hands the model many examples, and jit=True traces it on one: use jit=False"
            )
        self.batch_size, self.fast = batch_size, fast
        self._compile()

    def _compile(self) -> None:
        model = self.model.parameters() if isinstance(self.model, Module) else []
        self.leaves = list(dict.fromkeys([*self.optimizer.params, *model]))
        self._traced_as = self._fingerprint()
        outside = set(self.leaves)
        self.trained, self.tested = Shaped(self.data, outside), Shaped(self.held_out, outside)
        self.programs = [self._program(example) for example in self.trained.first]
        if not any(program.needs_gradient()[program.outputs[0]] for program in self.programs):
            raise GraphError(self.no_dependence)
        self._evaluators: dict[Any, tuple[Executor, Any]] = {}
        tried, tested = self._as_written(self.trained, training=True), self._as_written(self.tested, training=False)
        self.mean = self.batch_size == 1 or self._is_mean(tried)
        self.mean_of_tested = self._is_mean(tested)
        self._make_steps()
        self._check(tried, self.work.losses)
        self._check(tested, lambda positions: self._evaluated(self.tested, positions, training=False)[0])

    def _fingerprint(self) -> tuple[Any, Any]:
        """Return what the programs depend on, and what must stay alive so that no other thing looks the same."""
        with set_mode(self.model, training=True):
            return fingerprint([self.model, list(self.optimizer.params)])

    def _make_steps(self) -> None:
        work = Work(self.programs, self.trained, self.leaves, self.optimizer, self.batch_size, self.mean, self.fast)
        self.rule = native_rule(self.optimizer, self.max_grad_norm)
        self.work: NativeSteps | PythonSteps = (
            PythonSteps(work, self.max_grad_norm) if self.rule is None else NativeSteps(work, self.rule)
        )

    def _follow_settings(self) -> None:
        """See that what is switched on in the optimiser is what its rule was compiled with."""
        rule = native_rule(self.optimizer, self.max_grad_norm)
        if (rule and rule.name) != (self.rule and self.rule.name):
            self.hand_back()
            self._make_steps()

    def _program(self, example: Example) -> Program:
        """Return the program of the loss of one example."""
        given = inputs(list(example))
        with set_mode(self.model, training=True):
            root = trace(lambda x, target: self.loss_of([self.model(x)], [target]), given, self.leaves)
        return Program.of([root], self.leaves, flatten(given), len(self.optimizer.params))

    # ------------------------------------------------------------ checks before anything moves

    def _as_written(self, examples: Shaped, training: bool) -> list[_Tried]:
        """Return some examples whose losses are finite, computed without tracing."""
        found = []
        with set_mode(self.model, training):
            for position in examples.varied(EXAMPLES_TRIED):
                x, target = examples.data[position]
                output = self.model(x)
                loss = float(self.loss_of([output], [target]))
                if math.isfinite(loss):  # else the step that it belongs to will fail, with an error of its own
                    found.append(_Tried(position, output, target, loss))
        return found

    def _is_mean(self, tried: Sequence[_Tried]) -> bool:
        """Return whether the loss of a batch is the mean of those of its examples; False when it is their sum."""
        if len(tried) < 2:
            return True
        _, outputs, targets, losses = map(list, zip(*tried, strict=True))
        mean = self._looks_like_mean(outputs, targets, losses)
        if mean is None:  # losses of 0 do not tell; those of other outputs do
            outputs = [rebuild(output, [-lift(number) for number in flatten(output)]) for output in outputs]
            with suppress(AutogradTinyError):  # where the loss takes no negative outputs
                losses = [float(self.loss_of([o], [t])) for o, t in zip(outputs, targets, strict=True)]
            mean = self._looks_like_mean(outputs, targets, losses) if any(losses) else None
        if mean is None:
            raise ParameterError(
                "the loss of every example that was tried is 0, so jit=True cannot see whether a batch has the mean or "
                "the sum of them; use jit=False"
            )
        return mean

    def _looks_like_mean(self, outputs: list[Any], targets: list[Any], losses: list[float]) -> bool | None:
        together, total = float(self.loss_of(outputs, targets)), math.fsum(losses)
        slack = CLOSE * max(map(abs, [*losses, together])) + TINY
        is_mean, is_sum = abs(together - total / len(losses)) <= slack, abs(together - total) <= slack
        if not (is_mean or is_sum):
            raise ParameterError(
                "jit=True computes the loss example by example, so the loss of a batch has to be the mean or the sum "
                f"of those of its examples; of {len(losses)} examples with the mean {total / len(losses):g} it is "
                f"{together:g}. Use jit=False, or a loss that does not weigh or mix the examples of a batch"
            )
        return None if is_mean and is_sum else is_mean

    def _check(self, tried: Sequence[_Tried], compiled: Callable[[list[int]], list[float]]) -> None:
        """See that losses are compiled what they are as written."""
        for (position, _, _, loss), again in zip(tried, compiled([one.position for one in tried]), strict=True):
            if not abs(loss - again) <= CLOSE * abs(loss) + TINY:
                raise ParameterError(
                    f"the loss of example {position} is {loss:g} as written and {again:g} compiled: the model or the "
                    "loss does not do the same for all examples, or draws at random, or remembers earlier calls. "
                    "Choose by where(condition, a, b), or use jit=False"
                )

    # ------------------------------------------------------------ steps

    def steps(self, order: Sequence[int], size: int, epoch: int, one_by_one: bool) -> Iterator[Step]:
        """Yield (positions, loss, outputs as floats) for each step of an epoch."""
        batches = [order[start : start + size] for start in range(0, len(order), size)]
        native = self._unwatched()
        if native is None or one_by_one:
            for positions in batches:
                self._follow_settings()
                outputs = self._evaluated(self.trained, positions, training=True)[1] if self.metrics else []
                loss, taken = self.work.step(positions)
                if not taken:
                    self._fail(loss, positions, epoch)
                yield positions, loss, outputs
            return
        rest = iter(batches)
        for losses, taken in native.epoch(order, size):
            for i, loss in enumerate(losses, start=1):
                positions = next(rest)
                if i == len(losses) and not taken:
                    self._fail(loss, positions, epoch)
                yield positions, loss, []

    def epochs(self, count: int) -> Iterator[list[float]]:
        """Yield the losses of epochs of one step on all examples, some at a time; none where it takes :meth:`steps`."""
        native = self._unwatched()
        done = 0
        for losses, taken in native.epochs(count) if native else ():
            done += len(losses)
            if not taken:
                self._fail(losses[-1], range(len(self.data)), done)
            yield losses

    def _unwatched(self) -> NativeSteps | None:
        """Return what takes many steps at a time, if it can and nothing is wanted in between."""
        self._follow_settings()
        alike = len(self.trained.rows) == 1 and not self.metrics
        return self.work if isinstance(self.work, NativeSteps) and alike else None

    def _fail(self, loss: float, positions: Sequence[int], epoch: int) -> None:
        self.hand_back()
        what = "a gradient is not finite" if math.isfinite(loss) else f"the loss is {loss}"
        with set_mode(self.model, training=True):
            raise AnomalyError(f"epoch {epoch}: {what}; {self.first_anomaly([self.data[i] for i in positions])}")

    # ------------------------------------------------------------ outputs and tests

    def test(self) -> tuple[float, dict[str, float]]:
        """Return the loss and the metrics of the examples held out."""
        losses, outputs = self._evaluated(self.tested, range(len(self.tested)), training=False)
        loss = 0.0
        for one in losses:
            loss += one
        measured = self.measured(outputs, [target for _, target in self.held_out])
        return loss / len(losses) if self.mean_of_tested else loss, measured

    def _evaluated(self, examples: Shaped, positions: Sequence[int], training: bool) -> tuple[list[float], list[Any]]:
        """Return the losses and the outputs of examples."""
        results = []
        for shape, order in examples.parts(positions):
            executor, structure = self._evaluator(examples, shape, training)
            rows = [examples.rows[shape][i] for i in order]
            outputs, _ = executor.run(self.work.numbers(), rows, [0.0])
            results.append([(loss, rebuild(structure, output)) for loss, *output in listed_numbers(outputs)])
        pairs = examples.in_order(positions, results)
        return [loss for loss, _ in pairs], [output for _, output in pairs]

    def _evaluator(self, examples: Shaped, shape: int, training: bool) -> tuple[Executor, Any]:
        key = training, shape
        if key not in self._evaluators:
            given = inputs(list(examples.first[shape]))
            found: list[Any] = []

            def loss_and_output(x: Any, target: Any) -> list[Value]:
                found.append(self.model(x))
                return [self.loss_of(found, [target]), *[lift(number) for number in flatten(found[0])]]

            with set_mode(self.model, training):
                roots = trace(loss_and_output, given, self.leaves)
            program = Program.of(roots, self.leaves, flatten(given), wanted=0)
            count = min(self.batch_size, len(examples.rows[shape])) if training else len(examples.rows[shape])
            structure = rebuild(found[0], [0.0] * (len(roots) - 1))
            self._evaluators[key] = executor_for(program, False, count, fast=self.fast), structure
        return self._evaluators[key]

    # ------------------------------------------------------------ native memory and Python

    def take(self) -> None:
        """Go on from the model and the optimiser as they are now."""
        if self._fingerprint()[0] != self._traced_as[0]:
            self._compile()
        self.work.take()

    def hand_back(self) -> None:
        """See that the model and the optimiser have the numbers of the latest step."""
        self.work.hand_back()
