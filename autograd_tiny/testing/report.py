"""What a gradient check found, for people: one line that sums it up, a table, the guilty operation, a reproducer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from ..errors import GradientMismatchError, printable

Verdict: TypeAlias = Literal["ok", "subgradient", "wrong", "inconclusive"]


@dataclass(frozen=True, slots=True)
class GradientRow:
    """One derivative, computed in two ways.

    Attributes:
        name: the argument: ``x``, ``p['w'][2]``; two of them for a second derivative.
        order: 1 or 2.
        analytic: the derivative by reverse mode.
        numeric: the same by the other method; at a kink the mean of the slopes on both sides.
        below, above: the numeric slopes on either side; equal to ``numeric`` but at a kink.
        gap: |analytic - numeric|, or at a kink the distance of analytic from the slopes between both sides.
        tolerance: the largest gap that counts as agreement: what the estimated errors of both numbers allow.
        verdict: ``ok``; ``subgradient``, at a kink and between the slopes on both sides; ``wrong``; or
            ``inconclusive``, when the numbers can tell neither.
        reason: what is behind the verdict, ``""`` for a plain ok.
    """

    name: str
    order: int
    analytic: float
    numeric: float
    below: float
    above: float
    gap: float
    tolerance: float
    verdict: Verdict
    reason: str = ""

    @property
    def ok(self) -> bool:
        """Whether the derivative is right, or at a kink as right as one can be."""
        return self.verdict in ("ok", "subgradient")


@dataclass(frozen=True, slots=True)
class GradientReport:
    """The outcome of a gradient check: true if every derivative is right, and a table when printed.

    Attributes:
        rows: one per derivative, first order before second.
        blame: which operation is guilty and how that shows; ``""`` when nothing is wrong.
        reproducer: Python that runs the check again, for an expression drawn by ``expressions()``; else ``""``.
    """

    rows: tuple[GradientRow, ...]
    blame: str = ""
    reproducer: str = ""

    @property
    def ok(self) -> bool:
        """Whether every row is ok or a subgradient: nothing wrong and nothing in doubt."""
        return all(row.ok for row in self.rows)

    def __bool__(self) -> bool:
        return self.ok

    def having(self, verdict: Verdict) -> tuple[GradientRow, ...]:
        """Return the rows with a verdict.

        >>> from autograd_tiny import relu
        >>> from autograd_tiny.testing import check_gradients
        >>> [row.name for row in check_gradients(lambda x, y: relu(x) * y, 0.0, 1.0).having("subgradient")]
        ['x']
        """
        return tuple(row for row in self.rows if row.verdict == verdict)

    @property
    def summary(self) -> str:
        """The outcome in one line."""
        total = f"{len(self.rows)} derivative{'s' if len(self.rows) > 1 else ''}"
        wrong, doubtful = self.having("wrong"), self.having("inconclusive")
        if wrong:
            first = wrong[0]
            outcome = (
                f"gradients differ: {len(wrong)} of {total}; {first.name} is {first.analytic:.10g} analytically and "
                f"{between(first, '.10g')} numerically"
            )
        elif doubtful:
            first = doubtful[0]
            outcome = f"gradients in doubt: {len(doubtful)} of {total}; {first.name}: {first.reason}"
        else:
            at_kinks = len(self.having("subgradient"))
            kinks = f", {at_kinks} of them at a kink" if at_kinks else ""
            outcome = f"gradients agree: {total}{kinks}, largest gap {max(row.gap for row in self.rows):.1e}"
        return printable(outcome)

    def assert_ok(self) -> None:
        """Do nothing if every row is ok or a subgradient.

        Raises:
            GradientMismatchError: with the whole report, if one is not.
        """
        if not self.ok:
            raise GradientMismatchError(str(self))

    def __str__(self) -> str:
        lines = [("argument", "analytic", "numeric", "gap", "tolerance", "verdict")]
        for row in self.rows:
            numbers = f"{row.analytic:.10g}", between(row, ".6g"), f"{row.gap:.1e}", f"{row.tolerance:.1e}"
            verdict = f"{row.verdict}: {row.reason}" if row.reason else row.verdict
            lines.append((printable(row.name), *numbers, printable(verdict)))
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        form = "{:<%d}  {:>%d}  {:>%d}  {:>%d}  {:>%d}  {:<%d}" % tuple(widths)  # noqa: UP031 - braces are for the cells
        table = [form.format(*line).rstrip() for line in lines]
        return "\n".join([self.summary, *table, *filter(None, [self.blame, self.reproducer])])

    def __repr__(self) -> str:
        return f"<GradientReport: {self.summary}>"


def between(row: GradientRow, form: str) -> str:
    """Return the numeric side as text: one slope, or at a kink those on both sides."""
    if row.below == row.above or row.below != row.below:
        return format(row.numeric, ".10g")
    low, high = sorted((row.below, row.above))
    return f"{low:{form}} to {high:{form}}"
