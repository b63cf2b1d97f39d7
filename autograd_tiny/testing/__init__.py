"""The checking kit: gradients against differences, random expressions, laws, and a report card for any engine."""

from .checker import check_gradients
from .engines import (
    ClassEngine,
    Engine,
    HipsEngine,
    MicrogradEngine,
    NotOfferedError,
    OwnEngine,
    TorchEngine,
    student_engine,
)
from .exact import (
    complex_step_gradient,
    forward_gradient,
    fraction_gradient,
    mpmath_gradient,
    mpmath_hessian,
    reverse_fractions,
)
from .laws import LAWS, ready_properties
from .numeric import numeric_gradient, numeric_hessian
from .report import GradientReport, GradientRow
from .report_card import ConformanceReport, conformance
from .strategies import Instruction, RandomExpression, expressions, hostile_floats

__all__ = [
    "LAWS",
    "ClassEngine",
    "ConformanceReport",
    "Engine",
    "GradientReport",
    "GradientRow",
    "HipsEngine",
    "Instruction",
    "MicrogradEngine",
    "NotOfferedError",
    "OwnEngine",
    "RandomExpression",
    "TorchEngine",
    "check_gradients",
    "complex_step_gradient",
    "conformance",
    "expressions",
    "forward_gradient",
    "fraction_gradient",
    "hostile_floats",
    "mpmath_gradient",
    "mpmath_hessian",
    "numeric_gradient",
    "numeric_hessian",
    "ready_properties",
    "reverse_fractions",
    "student_engine",
]
