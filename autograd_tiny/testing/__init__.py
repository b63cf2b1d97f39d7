"""The checking kit: gradients against differences, random expressions, laws, and a report card for any engine."""

from .checker import check_gradients
from .numeric import numeric_gradient, numeric_hessian
from .report import GradientReport, GradientRow

__all__ = ["GradientReport", "GradientRow", "check_gradients", "numeric_gradient", "numeric_hessian"]
