"""Explaining a gradient: step records, and the terminal table drawn from them."""

from .steps import Contribution, Explanation, Step, explain
from .symbols import slope_formulas

__all__ = ["Contribution", "Explanation", "Step", "explain", "slope_formulas"]
