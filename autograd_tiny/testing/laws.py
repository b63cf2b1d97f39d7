"""Laws that every correct gradient obeys, as properties to test: no reference values are needed.

The laws test how gradients are put together. Whether a slope rule is the derivative of its value rule is what
``check_gradients`` tests; here only the symmetry of the Hessian, and Euler's theorem for a function that is
homogeneous as it stands, depend on it.

Each law computes two sides that calculus says are equal. Where they go through different arithmetic, the gap allowed
is what rounding explains: the gradients are recorded as graphs themselves, and :func:`rounding.rounding_error` of
each is a first-order bound on its error. Where the arithmetic is the same, every bit has to be.

One line in a test module gives one hypothesis test per law::

    from autograd_tiny.testing.laws import ready_properties
    from autograd_tiny.testing.strategies import expressions

    globals().update(ready_properties(expressions(ops=["add", "mul", "my_operation"])))
"""

from __future__ import annotations

import math
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias

from .. import ops
from ..errors import GradientMismatchError, MissingPackageError, ParameterError, printable
from ..functional import jvp
from ..value import Value, gradients, lift
from .rounding import EPS, rounding_error
from .strategies import RandomExpression

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

Function: TypeAlias = Callable[..., Any]
"""A function of numbers, one argument each, that also takes Values."""
Point: TypeAlias = Sequence[float]
"""One number per argument."""

SAFETY = 4.0  # the bound is of first order, and some operations round more than once inside
SMALLEST = sys.float_info.min  # below it numbers lose digits


# ---------------------------------------------------------------- laws of calculus, up to rounding


def linearity(f: Function, g: Function, point: Point, a: float = 2.5, b: float = -1.5) -> None:
    """Check grad(a f + b g) = a grad f + b grad g.

    Args:
        f, g: functions of ``len(point)`` numbers; see :func:`brought_to` for expressions drawn at different points.
        point: where.
        a, b: the two factors.

    Raises:
        GradientMismatchError: when the sides differ by more than rounding explains.

    >>> linearity(lambda x, y: x * y, lambda x, y: x / y, (3.0, 2.0))
    """
    both = _measure(lambda *xs: a * f(*xs) + b * g(*xs), point)
    one, other = _measure(f, point), _measure(g, point)
    for i, left in enumerate(both.gradient):
        terms = [a * one.gradient[i], b * other.gradient[i]]
        errors = [both.errors[i], abs(a) * one.errors[i], abs(b) * other.errors[i]]
        _require("grad(a f + b g) = a grad f + b grad g", left, terms, errors, i, point, f, g)


def product_rule(f: Function, g: Function, point: Point) -> None:
    """Check grad(f g) = f grad g + g grad f; arguments and errors as for :func:`linearity`.

    >>> product_rule(lambda x, y: x * y, lambda x, y: x / y, (3.0, 2.0))
    """
    both, one, other = _measure(lambda *xs: f(*xs) * g(*xs), point), _measure(f, point), _measure(g, point)
    for i, left in enumerate(both.gradient):
        terms = [one.value * other.gradient[i], other.value * one.gradient[i]]
        errors = [both.errors[i], abs(one.value) * other.errors[i], abs(other.value) * one.errors[i]]
        _require("grad(f g) = f grad g + g grad f", left, terms, errors, i, point, f, g)


def chain_rule(f: Function, outer: Function, point: Point) -> None:
    """Check grad(outer(f)) = outer'(f) grad f.

    Args:
        f: function of ``len(point)`` numbers.
        outer: function of one number.
        point: where.

    Raises:
        GradientMismatchError: when the sides differ by more than rounding explains.

    >>> chain_rule(lambda x, y: x * y, ops.tanh, (0.5, 2.0))
    """
    whole, inner = _measure(lambda *xs: outer(f(*xs)), point), _measure(f, point)
    slope = _measure(outer, [inner.value])
    for i, left in enumerate(whole.gradient):
        terms = [slope.gradient[0] * inner.gradient[i]]
        errors = [
            whole.errors[i],
            abs(slope.gradient[0]) * inner.errors[i],
            abs(inner.gradient[i]) * slope.errors[0],
        ]
        _require("grad(outer(f)) = outer'(f) grad f", left, terms, errors, i, point, f, outer)


def difference(f: Function, point: Point) -> None:
    """Check that f - f has gradient 0: exactly for one node, up to rounding for two evaluations.

    Args:
        f: function of ``len(point)`` numbers.
        point: where.

    Raises:
        GradientMismatchError: when it has not.

    >>> difference(lambda x, y: x * y, (3.0, 2.0))
    """

    def same_node(*xs: Any) -> Any:
        result = f(*xs)
        return result - result

    twice = _measure(lambda *xs: f(*xs) - f(*xs), point)
    for i, (once, again) in enumerate(zip(_measure(same_node, point).gradient, twice.gradient, strict=True)):
        _require("grad(f - f) = 0 exactly", once, [0.0], [-SMALLEST], i, point, f)
        _require("grad(f - f) = 0", again, [0.0], [twice.errors[i]], i, point, f)


def hessian_symmetry(f: Function, point: Point) -> None:
    """Check that the second derivatives do not depend on their order, d2f/dxi dxj = d2f/dxj dxi.

    A slope rule that is no derivative of its value rule mostly breaks this. Arguments as for :func:`difference`.

    Raises:
        GradientMismatchError: when they do by more than rounding explains.

    >>> hessian_symmetry(lambda x, y: x * x / y, (3.0, 2.0))
    """
    leaves = [Value(x) for x in point]
    slopes = gradients([lift(f(*leaves))], leaves, create_graph=True)
    rows = [gradients([slope], leaves, create_graph=True) for slope in slopes]
    for i, row in enumerate(rows):
        for j in range(i):
            left, right = row[j], rows[j][i]
            errors = [rounding_error(left), rounding_error(right)]
            _require(f"d2f/dx{i + 1} dx{j + 1} = the reverse", left.data, [right.data], errors, i, point, f)


def euler(f: Function, point: Point, degree: float) -> None:
    """Check Euler's theorem for a homogeneous f, x . grad f = degree f.

    Args:
        f: function with f(t x) = t^degree f(x) for t > 0; :func:`homogeneous` makes one of any function.
        point: where.
        degree: its degree.

    Raises:
        GradientMismatchError: when the sides differ by more than rounding explains.

    >>> euler(lambda x, y: x * x / y, (3.0, 2.0), degree=1)
    """
    found = _measure(f, point)
    moves = [x * slope for x, slope in zip(point, found.gradient, strict=True)]
    errors = [abs(x) * error for x, error in zip(point, found.errors, strict=True)]
    errors.append(abs(degree) * found.value_error)
    _require("degree f = x . grad f", degree * found.value, moves, errors, None, point, f)


def homogeneous(f: Function, point: Point, degree: float) -> Function:
    """Return (|x| / r)^degree f(x r / |x|), r = |point|: homogeneous, and at the point what ``f`` is.

    Along x the argument of ``f`` does not move, so in Euler's theorem all slopes inside ``f`` have to cancel.

    Raises:
        ParameterError: at the origin, where a homogeneous function need not have a gradient.

    >>> g = homogeneous(lambda x, y: x + 1, (3.0, 4.0), degree=2)
    >>> g(3.0, 4.0), g(6.0, 8.0)
    (4.0, 16.0)
    """
    radius = math.hypot(*point)
    if not radius:
        raise ParameterError(f"a homogeneous function needs a point other than the origin, got {tuple(point)}")

    def scaled(*xs: Any) -> Any:
        stretch = ops.sqrt(ops.dot(xs, xs)) / radius
        return ops.power(stretch, n=degree) * f(*[x / stretch for x in xs])

    return scaled


def reverse_is_forward(f: Function, point: Point) -> None:
    """Check that reverse mode and forward mode (``jvp`` along each argument) give the same gradient.

    Arguments as for :func:`difference`.

    Raises:
        GradientMismatchError: when they differ by more than rounding explains.

    >>> reverse_is_forward(lambda x, y: x * y, (3.0, 2.0))
    """
    found = _measure(f, point)
    for i, left in enumerate(found.gradient):
        direction = [float(i == j) for j in range(len(point))]
        forward = jvp(f, point, direction)[1]
        _require("reverse mode = forward mode", left, [forward], [2 * found.errors[i]], i, point, f)


# ---------------------------------------------------------------- laws of the engine, to the last bit


def two_backwards(f: Function, point: Point) -> None:
    """Check that a second ``backward()`` adds exactly one more gradient to every leaf.

    Arguments as for :func:`difference`.

    Raises:
        GradientMismatchError: when it does not.

    >>> two_backwards(lambda x, y: x * y, (3.0, 2.0))
    """
    leaves = [Value(x) for x in point]
    root = lift(f(*leaves))
    root.backward()
    once = [leaf.grad for leaf in leaves]
    root.backward()
    _require_same_bits(
        "a second backward() doubles the gradient", [leaf.grad for leaf in leaves], [2 * g for g in once], point, f
    )


def independence(f: Function, g: Function, point: Point, other: Point) -> None:
    """Check that an unrelated graph, built and differentiated in between, changes no bit.

    Args:
        f: function of ``len(point)`` numbers.
        g: function of ``len(other)`` numbers.
        point, other: where.

    Raises:
        GradientMismatchError: when it does.

    >>> independence(lambda x: x * x, ops.sin, [3.0], [2.0])
    """
    alone = _outcome(f, point)
    before = _outcome(g, other)
    leaves = [Value(x) for x in point]
    root = lift(f(*leaves))
    between = _outcome(g, other)
    root.backward()
    mixed = [root.data, *[leaf.grad for leaf in leaves]]
    _require_same_bits("value and gradient beside another graph = those alone", mixed, alone, point, f, g)
    _require_same_bits("value and gradient inside another graph = those alone", between, before, other, g, f)


def reload(expression: RandomExpression) -> None:
    """Check that an expression saved with ``to_json`` and read back gives the same value and gradient.

    Raises:
        GradientMismatchError: when a bit differs.

    >>> from autograd_tiny.testing.strategies import Instruction
    >>> reload(RandomExpression((Instruction(ops.mul, (0, 1)),), (3.0, 2.0)))
    """
    again = RandomExpression.from_json(expression.to_json())
    _require_same_bits(
        "value and gradient after save and reload = those before",
        _outcome(again, again.point),
        _outcome(expression, expression.point),
        expression.point,
        expression,
    )


def hash_seed(expression: RandomExpression, seeds: Sequence[int] = (0, 1, 2, 3), setup: str = "") -> None:
    """Check that value and gradient have the same bits in new Python processes with different hash seeds.

    A graph walked in the order of a set would differ. Each seed takes a process, so this law is not in ``LAWS``.

    Args:
        expression: the expression to differentiate at its point.
        seeds: the values of PYTHONHASHSEED.
        setup: Python to run first, such as the import that registers your own operations.

    Raises:
        GradientMismatchError: when a bit differs.
        ParameterError: when the script fails in a new process.
    """
    package = __package__.partition(".")[0]
    script = (
        f"{setup}\nfrom {package} import Value\n{expression.source}\n"
        f"leaves = [Value(x) for x in {list(expression.point)!r}]\n"
        "root = f(*leaves)\nroot.backward()\n"
        "print(*[number.hex() for number in (root.data, *[leaf.grad for leaf in leaves])])\n"
    )
    here = _outcome(expression, expression.point)
    for seed in seeds:
        environment = os.environ | {"PYTHONHASHSEED": str(seed), "PYTHONPATH": os.pathsep.join(sys.path)}
        run = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True)
        if run.returncode:
            reason = printable(run.stderr.strip().rpartition("\n")[2])
            raise ParameterError(f"the expression fails in a new process: {reason}; register its operations in setup")
        there = list(map(float.fromhex, run.stdout.split()))
        law = f"value and gradient with PYTHONHASHSEED={seed} = those here"
        _require_same_bits(law, there, here, expression.point, expression)


# ---------------------------------------------------------------- ready for drawn expressions


def brought_to(g: RandomExpression, point: Point) -> Function:
    """Return ``g`` as a function of ``len(point)`` numbers that is at ``point`` what ``g`` is at its own.

    Each argument of ``g`` is one of the numbers plus a constant, the same number again where ``g`` has more.
    So two drawn expressions have a point in common, and neither leaves the domains it was built for.

    >>> from autograd_tiny.testing.strategies import Instruction
    >>> product = RandomExpression((Instruction(ops.mul, (0, 1)),), (3.0, 2.0))
    >>> f = brought_to(product, (10.0,))
    >>> f(10.0), f(11.0)
    (6.0, 12.0)
    """
    count = len(point)
    shifts = [x - point[i % count] for i, x in enumerate(g.point)]
    return lambda *xs: g(*[xs[i % count] + shift for i, shift in enumerate(shifts)])


def _chain_rule_of(f: RandomExpression, g: RandomExpression) -> None:
    first, *rest = g.point
    shift = first - f(*f.point)
    chain_rule(f, lambda y: y * g(y + shift, *rest), f.point)


def _euler_of(f: RandomExpression, g: RandomExpression) -> None:
    point = tuple([1.0 + i for i in range(len(f.point))])  # away from the origin
    euler(homogeneous(brought_to(f, point), point, 2.0), point, 2.0)


Law: TypeAlias = Callable[[RandomExpression, RandomExpression], None]


def _with_reproducer(name: str, law: Law) -> Law:
    def ready(f: RandomExpression, g: RandomExpression) -> None:
        try:
            law(f, g)
        except GradientMismatchError as error:
            lines = [
                f"from {__name__} import LAWS",
                f"from {RandomExpression.__module__} import RandomExpression",
                "",
                f"f = RandomExpression.from_json({f.to_json()!r})",
                f"g = RandomExpression.from_json({g.to_json()!r})",
                f"LAWS[{name!r}](f, g)",
            ]
            raise GradientMismatchError("\n".join([str(error), "", *lines])) from None

    ready.__name__ = ready.__qualname__ = name
    return ready


_READY: dict[str, Law] = {
    "linearity": lambda f, g: linearity(f, brought_to(g, f.point), f.point),
    "product_rule": lambda f, g: product_rule(f, brought_to(g, f.point), f.point),
    "chain_rule": _chain_rule_of,
    "difference": lambda f, g: difference(f, f.point),
    "hessian_symmetry": lambda f, g: hessian_symmetry(f, f.point),
    "euler": _euler_of,
    "reverse_is_forward": lambda f, g: reverse_is_forward(f, f.point),
    "two_backwards": lambda f, g: two_backwards(f, f.point),
    "independence": lambda f, g: independence(f, g, f.point, g.point),
    "reload": lambda f, g: reload(f),
}
LAWS: Mapping[str, Law] = MappingProxyType({name: _with_reproducer(name, law) for name, law in _READY.items()})
"""Every law as a property of two drawn expressions; some look at the first one only.

For functions of your own, call the law itself with a point: ``linearity(f, g, point)``.
"""


def ready_properties(drawn: SearchStrategy[RandomExpression]) -> dict[str, Callable[[], None]]:
    """Return one hypothesis test per law, by name: ``test_linearity``, ``test_product_rule``, ...

    Args:
        drawn: the strategy of the expressions, see :func:`strategies.expressions`.

    Raises:
        MissingPackageError: when hypothesis is not installed.

    >>> from autograd_tiny.testing.strategies import expressions
    >>> tests = ready_properties(expressions(ops=["add", "mul", "sin"], size=(1, 3)))
    >>> tests["test_product_rule"]()
    """
    try:
        from hypothesis import given
    except ImportError:
        raise MissingPackageError("hypothesis", "testing laws on random expressions") from None

    def test_of(name: str, law: Law) -> Callable[[], None]:
        def test(f: RandomExpression, g: RandomExpression) -> None:
            law(f, g)

        test.__name__ = test.__qualname__ = f"test_{name}"
        tested: Callable[[], None] = given(f=drawn, g=drawn)(test)
        return tested

    return {f"test_{name}": test_of(name, law) for name, law in LAWS.items()}


# ---------------------------------------------------------------- measuring and comparing


@dataclass(frozen=True, slots=True)
class _Measured:
    """Value and gradient of a function at a point, and how far rounding can have moved them."""

    value: float
    value_error: float
    gradient: list[float]
    errors: list[float]


def _measure(f: Function, point: Point) -> _Measured:
    leaves = [Value(x) for x in point]
    root = lift(f(*leaves))
    recorded = gradients([root], leaves, create_graph=True)  # a graph whose rounding can be bounded
    return _Measured(root.data, rounding_error(root), gradients([root], leaves), [*map(rounding_error, recorded)])


def _outcome(f: Function, point: Point) -> list[float]:
    """Return the value and the gradient by ``backward()``."""
    leaves = [Value(x) for x in point]
    root = lift(f(*leaves))
    root.backward()
    return [root.data, *[leaf.grad for leaf in leaves]]


def _require(
    law: str, left: float, terms: list[float], errors: list[float], i: int | None, point: Point, *functions: Function
) -> None:
    """Raise unless ``left`` is the sum of ``terms``, up to the errors of both and the rounding of the sum."""
    right = math.fsum(terms)
    allowed = SAFETY * (math.fsum(errors) + EPS * math.fsum(map(abs, terms)) + SMALLEST)
    gap = abs(left - right)
    if not gap <= allowed:  # so that nan counts as violated
        place = "" if i is None else f" for x{i + 1}"
        numbers = f"left {left!r}, right {right!r}; the gap is {gap:.1e}, rounding explains {allowed:.1e}"
        if not math.isfinite(gap):
            numbers += "; is the point inside every domain?"
        raise GradientMismatchError(f"violated{place}: {law}\n{numbers}\n{_described(point, functions)}")


def _require_same_bits(
    law: str, left: Sequence[float], right: Sequence[float], point: Point, *functions: Function
) -> None:
    if list(map(float.hex, left)) != list(map(float.hex, right)):
        raise GradientMismatchError(
            f"violated: {law}\nleft {list(left)!r}, right {list(right)!r}\n{_described(point, functions)}"
        )


def _described(point: Point, functions: tuple[Function, ...]) -> str:
    expressions = [f"\n{f.source}" for f in functions if isinstance(f, RandomExpression)]
    return "\n".join([f"point = {tuple(point)!r}", *expressions])
