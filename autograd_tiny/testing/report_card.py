"""The report card of an engine: every operation, how graphs hang together, random expressions, hard points."""

from __future__ import annotations

import contextlib
import io
import textwrap
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from .. import ops
from ..errors import GradientMismatchError, MissingPackageError, ParameterError
from ..primitive import Primitive, registry, whole
from . import cases
from .cases import Case, Trial, close, simplest, trial
from .diagnoses import UNSTABLE, Bug, diagnose
from .engines import ClassEngine, Engine, NotOfferedError
from .strategies import expressions

PASSED, FAILED, NOT_OFFERED, DIFFERS = "passed", "failed", "not offered", "differs"
KEPT = 10  # examples that passed, for the diagnosis to agree with
MOST_PATHS = 10_000  # a recursion without a visited set goes along every path: no exponential ones


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the report card.

    Attributes:
        group: what kind of check it is.
        name: what was checked.
        outcome: ``passed``, ``failed``, ``not offered`` or ``differs`` (a choice, not a mistake).
        detail: why it was not offered, or what differs.
        example: for a failed one, the smallest example as Python, with the numbers.
    """

    group: str
    name: str
    outcome: str
    detail: str = ""
    example: str = ""


@dataclass(frozen=True, slots=True)
class ConformanceReport:
    """The report card: true if nothing failed, and a table when printed.

    Attributes:
        engine: the name of the engine.
        checks: every check.
        diagnoses: the classic mistakes that explain what failed, the one that explains most first.
    """

    engine: str
    checks: tuple[Check, ...]
    diagnoses: tuple[Bug, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing failed."""
        return not self.failed

    def __bool__(self) -> bool:
        return self.ok

    @property
    def failed(self) -> tuple[Check, ...]:
        """The checks that failed."""
        return tuple(check for check in self.checks if check.outcome == FAILED)

    @property
    def summary(self) -> str:
        """The outcome in one line."""
        counts = Counter(check.outcome for check in self.checks)
        total = counts[PASSED] + counts[FAILED]
        causes = f"; likely cause: {' and '.join(map(str, self.diagnoses))}" if self.diagnoses else ""
        return f"{self.engine}: {counts[PASSED]} of {total} checks passed{causes}"

    def assert_ok(self) -> None:
        """Do nothing if nothing failed.

        Raises:
            GradientMismatchError: with the whole report card, if something did.
        """
        if not self.ok:
            raise GradientMismatchError(str(self))

    def __str__(self) -> str:
        lines = [self.summary, ""]
        for group in dict.fromkeys(check.group for check in self.checks):
            lines += [group, *_table([check for check in self.checks if check.group == group])]
        for check in self.failed:
            lines += ["", f"failed: {check.name}", *textwrap.indent(check.example, "    ").splitlines()]
        for bug in self.diagnoses:
            lines += ["", f"likely cause: {bug}", *textwrap.wrap(bug.words, 100, **_INDENTED)]
        if self.failed and not self.diagnoses:
            lines += ["", "None of the classic mistakes gives these numbers; start with the first failed check."]
        return "\n".join(lines)

    __repr__ = __str__


_INDENTED: Any = {"initial_indent": "    ", "subsequent_indent": "    ", "break_on_hyphens": False}


def _table(checks: Sequence[Check]) -> list[str]:
    """Return failed checks and those with something to say one by one, the names of all others together."""
    rows = [(check.outcome, check.name) for check in checks if check.outcome == FAILED]
    rows += [(check.outcome, f"{check.name}: {check.detail}") for check in checks if check.detail]
    for outcome in (PASSED, NOT_OFFERED):
        names = [check.name for check in checks if check.outcome == outcome and not check.detail]
        rows.append((outcome, ", ".join(names)))
    return [line for outcome, text in rows for line in _row(outcome, text)]


def _row(outcome: str, text: str) -> list[str]:
    indents = {"initial_indent": f"  {outcome:<11}  ", "subsequent_indent": " " * 15}
    return textwrap.wrap(text, 100, break_on_hyphens=False, **indents)  # type: ignore[arg-type]  # texts, not numbers


def conformance(engine: Engine | type, *, examples: int = 100) -> ConformanceReport:
    """Check an engine: operations, numbers as operands, the structure of graphs, random expressions, hard points.

    Values and gradients are compared with our own to 1e-9, or to about 1e-12 of the terms that cancel in them. What
    the engine prints is dropped. An engine that runs forever is not stopped.

    Args:
        engine: an adapter, see :class:`Engine`, or a class of nodes such as micrograd's ``Value``.
        examples: how many random expressions to draw for each law.

    Raises:
        ParameterError: when it is neither, or ``examples`` is not a whole number of at least 1.

    >>> from autograd_tiny import Value
    >>> report = conformance(Value)
    >>> report.ok
    True
    """
    whole(examples, "examples")
    adapter = ClassEngine(engine) if isinstance(engine, type) else engine
    if not isinstance(adapter, Engine):
        raise ParameterError(f"an engine is a class such as Value or an Engine, got {engine!r}; see testing.Engine")
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        run = _Run(adapter)
        run.operations()
        run.number_operands()
        run.structure()
        run.random_expressions(examples)
        run.limits()
        return ConformanceReport(adapter.name, tuple(run.checks), tuple(run.diagnoses()))


class _Run:
    """The checks made so far, and every trial, for the diagnosis."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.checks: list[Check] = []
        self.trials: list[Trial] = []
        self.sound: list[Primitive] = []

    def operations(self) -> None:
        """Check every registered operation by itself, and with an upstream gradient that is not 1."""
        carrier = next((op for op in (ops.mul, ops.neg) if self._works(op)), None)
        for op in registry.values():
            trials = []
            for bound in cases.settings_of(op):
                points = cases.ordinary_points(bound)
                programs = [cases.plain(bound, point) for point in points]
                if carrier:
                    programs += [cases.carried(bound, point, carrier) for point in points[:1]]
                tried = self._try(programs)
                trials += tried
                self.sound += [bound] if tried and all(each.ok for each in tried) else []
            self._add("operations", op.name, trials)

    def _works(self, op: Primitive) -> bool:
        trials = self._try([cases.plain(op, point) for point in cases.ordinary_points(op)])
        return bool(trials) and all(each.ok for each in trials)

    def number_operands(self) -> None:
        """Check operators between a node and a plain number."""
        for name, case in cases.NUMBER_OPERANDS.items():
            self._add("numbers as operands", name, self._try([case]))

    def structure(self) -> None:
        """Check graphs on which classic engines go wrong."""
        for name, programs in cases.STRUCTURE.items():
            self._add("structure", name, self._try(programs))

    def random_expressions(self, examples: int) -> None:
        """Check random expressions of the operations that are right by themselves, and laws on them."""
        laws: dict[str, tuple[Callable[..., Case], int, int]] = {
            "expressions with shared parts": (cases.itself, 1, 0),
            "f - f has gradient 0": (cases.difference_with_itself, 1, 1),
            "gradient of 2 f + 3 g": (cases.linear_combination, 2, 3),
            "product rule, f g": (cases.product, 2, 1),
            "chain rule, g(f)": (cases.composition, 2, 0),
            "Euler's theorem, f homogeneous": (cases.homogeneous, 1, 0),
        }
        for name, (program, count, keep) in laws.items():
            try:
                trials = self._search(program, count, keep, examples)
            except MissingPackageError as error:
                self.checks.append(Check("random expressions", name, NOT_OFFERED, str(error)))
            else:
                self._add("random expressions", name, trials)

    def limits(self) -> None:
        """Look at hard points and at a deep graph; what differs there is a choice or a limit, not a mistake."""
        for op in {op.name: op for op in self.sound}.values():
            trials = self._try([cases.plain(op, point) for point in cases.hard_points(op)])
            if trials:
                told = _differences(trials)
                self.checks.append(Check("hard points", op.name, DIFFERS if told else PASSED, told))
        if ops.add in self.sound:
            name = f"a chain of {cases.DEEP:,} additions"
            for each in self._try([cases.DEEP_CHAIN]):
                told = each.got.error
                self.checks.append(Check("depth", name, DIFFERS if told else PASSED, told))

    def diagnoses(self) -> list[Bug]:
        """Return the mistakes that explain what failed, if that is the same when it is run again."""
        numbers = [each for each in self.trials if not each.ok and not each.got.error]
        return diagnose(self.trials) if all(cases.repeats(self.engine, each) for each in numbers) else [UNSTABLE]

    def _search(self, program: Callable[..., Case], count: int, keep: int, examples: int) -> list[Trial]:
        """Return a failing case, made as simple as it gets, or some that passed; nothing if the engine can run none.

        Args:
            program: makes a case of expressions.
            count: how many expressions it takes.
            keep: how many operations at its end are its own.
            examples: how many cases to try.

        Raises:
            MissingPackageError: when hypothesis is not installed.
        """
        if not self.sound:
            return []
        drawn = expressions([registry[op.name] if op.per_operand else op for op in self.sound])
        from hypothesis import HealthCheck, Phase, given, settings
        from hypothesis import strategies as st

        passed: list[Trial] = []
        failed: list[Trial] = []

        @settings(
            max_examples=examples,
            derandomize=True,
            deadline=None,
            phases=[Phase.generate],  # what fails is made simpler below: programs, not the choices behind them
            suppress_health_check=list(HealthCheck),
        )
        @given(st.tuples(*[drawn] * count))
        def run(fs: tuple[Any, ...]) -> None:
            case = program(*fs)
            if not failed and case.paths() <= MOST_PATHS:
                for each in self._try([case]):
                    (passed if each.ok else failed).append(each)

        run()
        return [simplest(self.engine, failed[0], keep)] if failed else passed[:KEPT]

    def _try(self, programs: Iterable[Case]) -> list[Trial]:
        """Run what the engine can run."""
        trials = []
        for case in programs:
            with contextlib.suppress(NotOfferedError):
                trials.append(trial(self.engine, case))
        return trials

    def _add(self, group: str, name: str, trials: Sequence[Trial]) -> None:
        self.trials += trials
        failed = [each for each in trials if not each.ok]
        outcome = FAILED if failed else PASSED if trials else NOT_OFFERED
        self.checks.append(Check(group, name, outcome, example=failed[0].source(self.engine) if failed else ""))


def _differences(trials: Iterable[Trial]) -> str:
    """Return in one line what differs, and where."""
    where: dict[str, list[str]] = {}
    for each in trials:
        if not each.ok:
            where.setdefault(_difference(each), []).append(_point(each.case.leaves))
    return "; ".join(f"{what} at {', '.join(points)}" for what, points in where.items())


def _point(numbers: Sequence[float]) -> str:
    texts = [f"{number:g}" for number in numbers]
    return texts[0] if len(texts) == 1 else f"({', '.join(texts)})"


def _difference(each: Trial) -> str:
    if each.got.error:
        return f"raises {each.got.error.partition(':')[0]}"
    if not close(each.got.values[0], each.expected.values[0], each.tolerance.values[0]):
        return f"{each.got.values[0]:.4g} instead of {each.expected.values[0]:.4g}"
    return f"slope {_point(each.got.grads)} instead of {_point(each.expected.grads)}"
