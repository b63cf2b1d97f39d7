"""autograd_tiny: scalar reverse-mode automatic differentiation to learn, teach and trust.

>>> from autograd_tiny import Value, tanh
>>> x = Value(0.5)
>>> y = tanh(x) * x
>>> y.backward()
>>> round(x.grad, 6)
0.855341
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from . import errors, ops
from .errors import AutogradTinyError
from .functional import grad, hessian, hvp, jacobian, jvp, value_and_grad, vjp
from .ops import (
    abs,
    acos,
    asin,
    atan,
    atan2,
    ceil,
    clip,
    cos,
    cosh,
    dot,
    elu,
    equal,
    erf,
    erfc,
    exp,
    expm1,
    floor,
    gelu,
    gelu_tanh,
    greater,
    greater_equal,
    hypot,
    leaky_relu,
    log,
    log1p,
    log_softmax,
    logsumexp,
    max,
    maximum,
    mean,
    min,
    minimum,
    mish,
    mod,
    not_equal,
    prod,
    relu,
    round,
    sigmoid,
    sign,
    silu,
    sin,
    sinh,
    softmax,
    softplus,
    sqrt,
    sum,
    tan,
    tanh,
    where,
)
from .primitive import Domain, Kink, Primitive, forget, primitive, registry
from .recording import detect_anomaly, enable_grad, no_grad, record_lines, scope
from .value import Value, backward

if TYPE_CHECKING:
    from . import animation, data, expression, misconceptions, nn, optim, plot, testing, train
    from .compilation import Program, jit, replay
    from .drawing import Drawing, draw, draw_network
    from .explanation import Explanation, autopsy, compare, explain, mark, paths, worksheet
    from .graph import Graph

__version__ = "0.1.0"

# Everything but the names that shadow built-ins (abs max min pow round sum): import those by name.
__all__ = [
    "AutogradTinyError",
    "Domain",
    "Drawing",
    "Explanation",
    "Graph",
    "Kink",
    "Primitive",
    "Program",
    "Value",
    "acos",
    "animation",
    "asin",
    "atan",
    "atan2",
    "autopsy",
    "backward",
    "ceil",
    "clip",
    "compare",
    "cos",
    "cosh",
    "data",
    "detect_anomaly",
    "dot",
    "draw",
    "draw_network",
    "elu",
    "enable_grad",
    "equal",
    "erf",
    "erfc",
    "errors",
    "exp",
    "explain",
    "expm1",
    "expression",
    "floor",
    "forget",
    "gelu",
    "gelu_tanh",
    "grad",
    "greater",
    "greater_equal",
    "hessian",
    "hvp",
    "hypot",
    "jacobian",
    "jit",
    "jvp",
    "leaky_relu",
    "log",
    "log1p",
    "log_softmax",
    "logsumexp",
    "mark",
    "maximum",
    "mean",
    "minimum",
    "misconceptions",
    "mish",
    "mod",
    "nn",
    "no_grad",
    "not_equal",
    "ops",
    "optim",
    "paths",
    "plot",
    "primitive",
    "prod",
    "record_lines",
    "registry",
    "relu",
    "replay",
    "scope",
    "sigmoid",
    "sign",
    "silu",
    "sin",
    "sinh",
    "softmax",
    "softplus",
    "sqrt",
    "tan",
    "tanh",
    "testing",
    "train",
    "value_and_grad",
    "vjp",
    "where",
    "worksheet",
]

# Imported on first use: these need packages outside the standard library or take time to load.
_LAZY = {
    "Drawing": "drawing",
    "draw": "drawing",
    "draw_network": "drawing",
    "Explanation": "explanation",
    "autopsy": "explanation",
    "compare": "explanation",
    "explain": "explanation",
    "mark": "explanation",
    "paths": "explanation",
    "worksheet": "explanation",
    "Graph": "graph",
    "Program": "compilation",
    "jit": "compilation",
    "replay": "compilation",
}
_LAZY_MODULES = ("animation", "data", "expression", "misconceptions", "nn", "optim", "plot", "testing", "train")


def pow(x: Any, y: Any) -> Any:
    """x ** y for numbers and Values, with the IEEE 754 answer everywhere.

    >>> pow(2.0, 3), pow(-4.0, 0.5)
    (8.0, nan)
    """
    return x**y if isinstance(x, Value) or isinstance(y, Value) else ops.pow(x, y)


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(f".{_LAZY[name]}", __name__), name)
    if name in _LAZY_MODULES:
        return import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
