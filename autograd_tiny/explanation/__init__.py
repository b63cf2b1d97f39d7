"""Explaining a gradient: step records, and everything that is drawn from them."""

from .first_nonfinite import Autopsy, autopsy
from .path_sums import Path, Paths, paths
from .steps import Contribution, Explanation, Step, explain
from .symbols import slope_formulas
from .trace import Difference, Trace, TracedOperation, TracedStep, compare
from .worksheets import Blank, Mark, Marks, Worksheet, mark, variants, worksheet

__all__ = [
    "Autopsy",
    "Blank",
    "Contribution",
    "Difference",
    "Explanation",
    "Mark",
    "Marks",
    "Path",
    "Paths",
    "Step",
    "Trace",
    "TracedOperation",
    "TracedStep",
    "Worksheet",
    "autopsy",
    "compare",
    "explain",
    "mark",
    "paths",
    "slope_formulas",
    "variants",
    "worksheet",
]
