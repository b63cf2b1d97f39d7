"""Other numbers for the rules: complex numbers, exact fractions, degrees of polynomials and mpmath.

A rule is written once, over a namespace ``m``. Here are namespaces that turn the value rules of a recorded
graph into an independent check of its slope rules, and :func:`replay` and :func:`reverse`, which run them.
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import wraps
from typing import Any, NoReturn

from ..errors import GraphError, MissingPackageError
from ..graph import Graph, Node
from ..primitive import ELEMENTARY, IEEEFloat, N, Namespace, floats
from ..primitive import ieee_floats as ieee


class NumberSystem(Namespace):
    """A namespace that also tells how a float becomes one of its numbers.

    Args:
        title: what it is called in errors.
        number: function that makes one of its numbers of a float, and leaves its own as they are.
        refusal: why an elementary function that is not given is missing, and what to do.
        functions: the elementary functions; choosing and adding up work on all numbers and are there already.
    """

    def __init__(self, title: str, number: Callable[[Any], Any], refusal: str, **functions: Callable[..., Any]) -> None:
        self.title, self.number = title, number
        given = {"where": floats.where, "sum": floats.sum, "dot": floats.dot} | functions
        # A function left out would be looked up in the registry, where its rule asks for itself again.
        super().__init__(**{name: _refusing(name, refusal) for name in ELEMENTARY} | given)


def _refusing(name: str, refusal: str) -> Callable[..., NoReturn]:
    def refuse(*operands: N) -> NoReturn:
        raise GraphError(f"{name} {refusal}")

    return refuse


def replay(graph: Graph, numbers: Mapping[int, N], m: NumberSystem) -> list[N]:
    """Return the number of every node, computed by the value rules alone.

    Args:
        graph: the graph, of any depth.
        numbers: other numbers for some leaves, by index; the others keep theirs, taken exactly.
        m: the kind of numbers.

    Raises:
        GraphError: with the node and the reason, when ``m`` has no such operation or the rule divides by zero.

    >>> from autograd_tiny import Value
    >>> x = Value(0.5, "x")
    >>> replay(Graph.of(x * x + 1), {}, fractions)[-1]
    ExactFraction(5, 4)
    """
    values: list[N] = []
    for node in graph.nodes:
        if node.op is None:
            values.append(m.number(numbers.get(node.index, node.data)))
            continue
        operands = node.op.grouped(tuple([values[i] for i in node.parents]))
        try:
            values.append(m.number(node.op.value(m, *operands)))
        except (GraphError, ZeroDivisionError) as error:
            raise _refusal(graph, node, m, error) from None
    return values


def _refusal(graph: Graph, node: Node, m: NumberSystem, error: GraphError | ZeroDivisionError) -> GraphError:
    reason = error if isinstance(error, GraphError) else "it divides by zero; move the point"
    return GraphError(f"{m.title} cannot follow {node.name} = {graph.formula(node)}: {reason}")


def reverse(graph: Graph, numbers: Mapping[int, N], m: NumberSystem) -> list[N]:
    """Return d root / d node for every node, by the slope rules and the chain rule.

    Arguments and errors as for :func:`replay`.

    >>> from autograd_tiny import Value
    >>> x = Value(0.5, "x")
    >>> reverse(Graph.of(x * x + 1), {}, fractions)[0]
    ExactFraction(1, 1)
    """
    values = replay(graph, numbers, m)
    adjoints = [m.number(0.0)] * len(values)
    adjoints[graph.root.index] = m.number(1.0)
    for node in reversed(graph.nodes):
        if node.op is not None:
            operands = node.op.grouped(tuple([values[i] for i in node.parents]))
            try:
                slopes = node.op.slopes(m, values[node.index], *operands)
            except (GraphError, ZeroDivisionError) as error:
                raise _refusal(graph, node, m, error) from None
            for i, slope in zip(node.parents, slopes, strict=True):
                adjoints[i] = adjoints[i] + slope * adjoints[node.index]
    return adjoints


# ---------------------------------------------------------------- complex numbers


class Complex:
    """A complex number with a small imaginary part, which carries a derivative.

    x + ih is compared as x + h is when h is all but 0: by the real parts, and by the imaginary ones if those are
    equal. So abs, relu and all other choices take the side of a kink that h points to. Where a function is not
    analytic, on a branch point or a pole, the imaginary part is nan. An imaginary part of exactly 0 marks a number
    that does not depend on the input, and stays 0 beside inf.

    Args:
        real, imag: the two parts.

    >>> z = Complex(3.0, 1e-100)
    >>> z * z, z > 2
    (Complex(9.0, 6e-100), True)
    """

    __slots__ = ("imag", "real")

    def __init__(self, real: float, imag: float = 0.0) -> None:
        self.real, self.imag = IEEEFloat(real), IEEEFloat(imag)

    def __add__(self, other: Any) -> Complex:
        other = _complex(other)
        return Complex(self.real + other.real, self.imag + other.imag)

    def __neg__(self) -> Complex:
        return Complex(-self.real, -self.imag)

    def __sub__(self, other: Any) -> Complex:
        return self + -_complex(other)

    def __rsub__(self, other: Any) -> Complex:
        return _complex(other) + -self

    def __mul__(self, other: Any) -> Complex:
        other = _complex(other)
        return Complex(
            self.real * other.real - _times(self.imag, other.imag),
            _times(self.imag, other.real) + _times(other.imag, self.real),
        )

    def __truediv__(self, other: Any) -> Complex:
        other = _complex(other)
        a, b, c, d = self.real, self.imag, other.real, other.imag
        if d == 0.0:
            return Complex(a / c, b / c if b != 0.0 else 0.0)
        if c == 0.0:
            return Complex(a / c, math.nan)
        # Divided by c above and below (R. L. Smith 1962, Algorithm 116, the case |c| >= |d|): no c * c to overflow.
        ratio = d / c
        size = c + d * ratio
        return Complex((a + b * ratio) / size, (b - a * ratio) / size)

    def __rtruediv__(self, other: Any) -> Complex:
        return _complex(other) / self

    __radd__, __rmul__ = __add__, __mul__

    def __lt__(self, other: Any) -> bool:
        other = _complex(other)
        return bool(self.real < other.real or (self.real == other.real and self.imag < other.imag))

    def __gt__(self, other: Any) -> bool:
        return _complex(other) < self

    def __eq__(self, other: object) -> bool:
        other = _complex(other)
        return bool(self.real == other.real and self.imag == other.imag)

    def __le__(self, other: Any) -> bool:
        return bool(self < other or self == other)

    def __ge__(self, other: Any) -> bool:
        return bool(self > other or self == other)

    __hash__ = None  # type: ignore[assignment]  # nobody looks one up

    def __repr__(self) -> str:
        return f"Complex({self.real!r}, {self.imag!r})"


def _complex(number: Any) -> Complex:
    return number if isinstance(number, Complex) else Complex(number)


def _times(imag: IEEEFloat, factor: IEEEFloat) -> float:
    return imag * factor if imag != 0.0 else 0.0


_formulas: dict[str, Callable[..., Complex]] = {}


def _analytic(
    inside: Callable[..., bool] = lambda *reals: True,
) -> Callable[[Callable[..., Complex]], Callable[..., Complex]]:
    """Let a formula apply where the function is analytic, and the IEEE value alone elsewhere."""

    def register(formula: Callable[..., Complex]) -> Callable[..., Complex]:
        name = formula.__name__.removeprefix("_")
        on_reals = getattr(ieee, name)

        @wraps(formula)
        def function(*operands: Any) -> Complex:
            numbers = [_complex(z) for z in operands]
            reals = [z.real for z in numbers]
            if not any(z.imag for z in numbers):
                return Complex(on_reals(*reals))
            return formula(*numbers) if inside(*reals) else Complex(on_reals(*reals), math.nan)

        _formulas[name] = function
        return function

    return register


# The formulas are those of Abramowitz & Stegun, Handbook of Mathematical Functions, 4.2 to 4.5, for z = a + ib, each
# in the form that keeps every digit of both parts when b is tiny.


@_analytic()
def _exp(z: Complex) -> Complex:
    return Complex(ieee.exp(z.real) * ieee.cos(z.imag), ieee.exp(z.real) * ieee.sin(z.imag))


@_analytic()
def _expm1(z: Complex) -> Complex:
    half = ieee.sin(z.imag / 2)  # cos b - 1 is -2 sin^2(b / 2)
    return Complex(ieee.expm1(z.real) * ieee.cos(z.imag) - 2 * half * half, ieee.exp(z.real) * ieee.sin(z.imag))


@_analytic(lambda a: a > 0.0)
def _log(z: Complex) -> Complex:
    ratio = z.imag / z.real
    return Complex(ieee.log(z.real) + ieee.log1p(ratio * ratio) / 2, ieee.atan2(z.imag, z.real))


@_analytic(lambda a: a > -1.0)
def _log1p(z: Complex) -> Complex:
    ratio = z.imag / (1 + z.real)
    return Complex(ieee.log1p(z.real) + ieee.log1p(ratio * ratio) / 2, ieee.atan2(z.imag, 1 + z.real))


@_analytic(lambda a: a > 0.0)
def _sqrt(z: Complex) -> Complex:
    root = ieee.sqrt(z.real) * ieee.sqrt(0.5 + 0.5 * ieee.hypot(1.0, z.imag / z.real))
    return Complex(root, z.imag / (2 * root))


@_analytic()
def _sin(z: Complex) -> Complex:
    return Complex(ieee.sin(z.real) * ieee.cosh(z.imag), ieee.cos(z.real) * ieee.sinh(z.imag))


@_analytic()
def _cos(z: Complex) -> Complex:
    return Complex(ieee.cos(z.real) * ieee.cosh(z.imag), -ieee.sin(z.real) * ieee.sinh(z.imag))


@_analytic()
def _tan(z: Complex) -> Complex:
    t, u = ieee.tan(z.real), ieee.tanh(z.imag)
    size = 1 + t * t * u * u
    return Complex(t * (1 - u) * (1 + u) / size, u * (1 + t * t) / size)


@_analytic(lambda a: -1.0 < a < 1.0)
def _asin(z: Complex) -> Complex:
    w = cmath.asin(complex(z.real, z.imag))
    return Complex(w.real, w.imag)


@_analytic(lambda a: -1.0 < a < 1.0)
def _acos(z: Complex) -> Complex:
    w = cmath.acos(complex(z.real, z.imag))
    return Complex(w.real, w.imag)


@_analytic()
def _atan(z: Complex) -> Complex:
    a, b = z.real, z.imag
    return Complex(
        ieee.atan2(2 * a, (1 - b) * (1 + b) - a * a) / 2, ieee.log1p(4 * b / (a * a + (1 - b) * (1 - b))) / 4
    )


@_analytic()
def _sinh(z: Complex) -> Complex:
    return Complex(ieee.sinh(z.real) * ieee.cos(z.imag), ieee.cosh(z.real) * ieee.sin(z.imag))


@_analytic()
def _cosh(z: Complex) -> Complex:
    return Complex(ieee.cosh(z.real) * ieee.cos(z.imag), ieee.sinh(z.real) * ieee.sin(z.imag))


@_analytic()
def _tanh(z: Complex) -> Complex:
    t, u = ieee.tanh(z.real), ieee.tan(z.imag)
    sech = 1 / ieee.cosh(z.real)  # its square keeps the digits that 1 - t * t loses
    size = 1 + t * t * u * u
    return Complex(t * (1 + u * u) / size, u * sech * sech / size)


@_analytic(lambda a, c: a != 0.0 or c != 0.0)
def _hypot(x: Complex, y: Complex) -> Complex:
    size = max(abs(x.real), abs(y.real))
    x, y = x / size, y / size
    return _sqrt(x * x + y * y) * size


@_analytic(lambda a, c: a != 0.0 or c != 0.0)
def _atan2(y: Complex, x: Complex) -> Complex:
    if abs(y.real) > abs(x.real):
        return math.copysign(math.pi / 2, y.real) - _atan(x / y)
    return _atan(y / x) + (math.copysign(math.pi, y.real) if x.real < 0.0 else 0.0)


@_analytic()
def _pow(x: Complex, y: Complex) -> Complex:
    a, n = x.real, y.real
    if a <= 0.0 and not (y.imag == 0.0 and n == ieee.floor(n) and (a < 0.0 or n >= 0.0)):
        return Complex(ieee.pow(a, n), math.nan)
    if a < 0.0:
        flipped = _pow(-x, y)
        return flipped if n % 2.0 == 0.0 else -flipped
    # x = r e^(it), so x^y is e^(y (ln r + it)); ln r matters only if the exponent has an imaginary part.
    r, t = ieee.hypot(a, x.imag), ieee.atan2(x.imag, a)
    size = ieee.pow(r, n) * ieee.exp(-y.imag * t)
    angle = n * t + (y.imag * ieee.log(r) if y.imag != 0.0 else 0.0)
    return Complex(size * ieee.cos(angle), size * ieee.sin(angle))


@_analytic()
def _fmod(x: Complex, y: Complex) -> Complex:
    rest = ieee.fmod(x.real, y.real)
    return Complex(rest, x.imag - _times(y.imag, ieee.round((x.real - rest) / y.real)))


def _abs(z: Any) -> Complex:
    z = _complex(z)
    return z if z > 0 else -z if z < 0 else Complex(abs(z.real))


def _step(name: str) -> Callable[[Any], Complex]:
    return lambda z: Complex(getattr(ieee, name)(_complex(z).real))


complex_numbers = NumberSystem(
    "complex step",
    _complex,
    "has no elementary complex form; use method='mpmath'",
    abs=_abs,
    **{name: _step(name) for name in ("floor", "ceil", "round")},
    **_formulas,
)
"""Complex numbers with a tiny imaginary part; every elementary function but erf and erfc."""


# ---------------------------------------------------------------- fractions

MOST_BITS = 2**20  # of a power; 2 ** 1e300 would take all memory


class ExactFraction(Fraction):
    """A Fraction that takes the floats in a rule, all of which are fractions, exactly, too.

    >>> ExactFraction(1, 3) * 0.5
    ExactFraction(1, 6)
    """

    __slots__ = ()


def _keep_exact(name: str) -> None:
    method = getattr(Fraction, name)

    def kept(self: ExactFraction, *other: Any) -> ExactFraction:
        return ExactFraction(method(self, *map(_exact, other)))

    setattr(ExactFraction, name, kept)


for _name in "add radd sub rsub mul rmul truediv rtruediv neg abs".split():
    _keep_exact(f"__{_name}__")


def _exact(number: Any) -> ExactFraction:
    if isinstance(number, ExactFraction):
        return number
    if not math.isfinite(number):
        raise GraphError(f"a fraction is finite, got {number}; move the point")
    return ExactFraction(number)


def _exact_pow(x: Any, n: Any) -> ExactFraction:
    base, exponent = Fraction(_exact(x)), _exact(n)
    if exponent.denominator != 1:
        raise GraphError(f"a fraction ** {float(n):g} need not be a fraction; use method='mpmath'")
    bits = max(abs(base.numerator), base.denominator).bit_length() - 1
    if bits * abs(exponent) > MOST_BITS:
        raise GraphError(f"a fraction ** {float(n):g} has too many digits; use method='mpmath'")
    return ExactFraction(base ** int(n))


fractions = NumberSystem(
    "exact arithmetic",
    _exact,
    "of a fraction need not be a fraction; use method='mpmath'",
    abs=abs,
    pow=_exact_pow,
    div=lambda x, y: _exact(x) / y,
)
"""Exact fractions: + - * /, whole powers, choosing."""


# ---------------------------------------------------------------- degrees


class Degree:
    """The degree, or a bound on it, of a polynomial in one input; a plain number has degree 0.

    Args:
        degree: the bound.

    >>> x = Degree(1)
    >>> x * x * 3.0 + x
    Degree(2)
    """

    __slots__ = ("degree",)

    def __init__(self, degree: int) -> None:
        self.degree = degree

    def __add__(self, other: Any) -> Degree:
        return Degree(max(self.degree, degree_of(other)))

    __radd__ = __sub__ = __rsub__ = __add__

    def __neg__(self) -> Degree:
        return self

    def __mul__(self, other: Any) -> Degree:
        return Degree(self.degree + degree_of(other))

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Degree:
        if degree_of(other) > 0:
            raise GraphError("it divides by what depends on the input, so it is no polynomial; use method='mpmath'")
        return self

    def __rtruediv__(self, other: Any) -> Degree:
        return Degree(0) / self

    def _no_comparison(self, other: object) -> NoReturn:
        raise GraphError("it compares what depends on the input, so it is no polynomial; use method='mpmath'")

    __lt__ = __le__ = __gt__ = __ge__ = _no_comparison
    __eq__ = __ne__ = _no_comparison
    __hash__ = None  # type: ignore[assignment]  # without an == there is nothing to look up by

    def __repr__(self) -> str:
        return f"Degree({self.degree})"


def degree_of(number: Any) -> int:
    """Return the degree of a Degree, and 0 for a plain number.

    >>> degree_of(Degree(2)), degree_of(0.5)
    (2, 0)
    """
    return number.degree if isinstance(number, Degree) else 0


def _on_constants(name: str) -> Callable[..., float]:
    def function(*operands: Any) -> float:
        if any(isinstance(number, Degree) for number in operands):
            raise GraphError(f"{name} is no polynomial; use method='mpmath'")
        return float(getattr(ieee, name)(*operands))

    return function


def _degree_pow(x: Any, n: Any) -> Any:
    if not isinstance(x, Degree) and not isinstance(n, Degree):
        return float(ieee.pow(x, n))
    if isinstance(n, Degree) or not (0 <= n < math.inf and n == ieee.floor(n)):
        exponent = "what depends on the input" if isinstance(n, Degree) else f"{n:g}"
        raise GraphError(f"a power is a polynomial for a whole exponent >= 0, got {exponent}; use method='mpmath'")
    return Degree(x.degree * int(n))


degrees = NumberSystem(
    "a polynomial",
    lambda number: number if isinstance(number, Degree) else float(number),
    "is missing",
    pow=_degree_pow,
    where=lambda condition, a, b: Degree(max(degree_of(a), degree_of(b))),
    **{name: _on_constants(name) for name in ELEMENTARY if name not in ("pow", "where", "sum", "dot")},
)
"""Degrees of polynomials: the same rules tell how often to evaluate one for its exact derivative."""


# ---------------------------------------------------------------- mpmath


def mpmath_context(digits: int) -> Any:
    """Return an mpmath context of our own; the precision of ``mpmath.mp`` stays as it is.

    Args:
        digits: how many decimal digits its numbers have.

    Raises:
        MissingPackageError: when mpmath is not installed.

    >>> mpmath_context(30).pi + 0
    mpf('3.14159265358979323846264338327933')
    """
    try:
        import mpmath
    except ImportError:
        raise MissingPackageError("mpmath", "arithmetic with any number of digits") from None
    mp = mpmath.mp.clone()
    mp.dps = digits
    return mp


def mpmath_numbers(mp: Any) -> NumberSystem:
    """Return the number system of an mpmath context; nan where a function leaves the real line.

    >>> m = mpmath_numbers(mpmath_context(30))
    >>> m.sqrt(m.number(4.0)), m.log(m.number(-1.0))
    (mpf('2.0'), mpf('nan'))
    """

    def on_reals(function: Callable[..., Any]) -> Callable[..., Any]:
        def real_only(*xs: Any) -> Any:
            result = function(*xs)
            return mp.nan if isinstance(result, mp.mpc) else result

        return real_only

    def fmod(x: Any, y: Any) -> Any:
        quotient = x / y
        return x - y * (mp.floor(quotient) if quotient >= 0 else mp.ceil(quotient))

    named = "acos asin atan atan2 ceil cos cosh erf erfc exp expm1 floor hypot log log1p sin sinh sqrt tan tanh"
    return NumberSystem(
        "mpmath",
        mp.mpf,
        "is missing",
        abs=abs,
        fmod=fmod,
        round=mp.nint,
        pow=on_reals(mp.power),
        **{name: on_reals(getattr(mp, name)) for name in named.split()},
    )
