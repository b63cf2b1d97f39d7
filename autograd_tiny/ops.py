"""Every operation, one block each: its value, its slopes, its formula, its domain and kinks.

A rule sees a number namespace ``m`` and operands of whatever kind ``m`` works on. ``slopes`` gets the
result too and returns one slope per operand. The answers at the hard points (``0 ** 0``, ``log(-1)``,
ties of ``max``) follow IEEE 754 and the conventions of docs/hard-points.md; a table in the tests holds each.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, nan, pi

from .primitive import ABOVE_MINUS_ONE, NON_ZERO, POSITIVE, REAL, UNIT, Domain, Kink, M, N, Slopes, primitive

AT_ZERO = "x = 0"
SQRT_2 = 2.0**0.5
SMALL_EXPONENT = Domain(-300.0, 300.0)


def _nearest_integer_gap(x: float) -> float:
    return x - float(f"{x:.0f}")


# ---------------------------------------------------------------- arithmetic


@primitive(symbol="=", text="{0}", latex="{0}", slopes=(1.0,))
def identity(m: M, x: N) -> N:
    """x itself, as a node of its own: a fresh variable tied to an older graph.

    >>> identity(2.0)
    2.0
    """
    return x


@primitive(symbol="+", text="{0} + {1}", latex="{0} + {1}", slopes=(1.0, 1.0))
def add(m: M, x: N, y: N) -> N:
    """Sum of two numbers, x + y.

    >>> add(2.0, 3.0)
    5.0
    """
    return x + y


@primitive(symbol="-", text="{0} - {1}", latex="{0} - {1}", slopes=(1.0, -1.0))
def sub(m: M, x: N, y: N) -> N:
    """Difference, x - y.

    >>> sub(2.0, 3.0)
    -1.0
    """
    return x - y


@primitive(symbol="*", text="{0} * {1}", latex=r"{0} \cdot {1}", slopes=lambda m, z, x, y: (y, x))
def mul(m: M, x: N, y: N) -> N:
    """Product, x * y.

    >>> mul(2.0, 3.0)
    6.0
    """
    return x * y


@primitive(
    symbol="/",
    text="{0} / {1}",
    latex=r"\frac{{{0}}}{{{1}}}",
    domain=(REAL, NON_ZERO),
    slopes=lambda m, z, x, y: (1 / y, -z / y),
)
def div(m: M, x: N, y: N) -> N:
    """Quotient, x / y; x / 0 is inf, -inf or nan as IEEE 754 says.

    >>> div(1.0, 4.0), div(1.0, 0.0)
    (0.25, inf)
    """
    return x / y


@primitive(text="-{0}", latex="-{0}", slopes=(-1.0,))
def neg(m: M, x: N) -> N:
    """Negation, -x.

    >>> neg(2.0)
    -2.0
    """
    return -x


@primitive(
    symbol="**",
    text="{0} ** {n}",
    latex="{{{0}}}^{{{n}}}",
    domain=POSITIVE,
    slopes=lambda m, y, x, *, n: (2 * x if n == 2 else n * m.pow(x, n - 1) if n != 0 else 0.0,),
)
def power(m: M, x: N, *, n: float) -> N:
    """Power with a fixed exponent, x ** n, a square being x * x; nan for a negative base and a fractional exponent.

    >>> power(-2.0, n=3), power(-4.0, n=0.5)
    (-8.0, nan)
    """
    return x * x if n == 2 else m.pow(x, n)


@primitive(
    symbol="**",
    text="{0} ** {1}",
    latex="{{{0}}}^{{{1}}}",
    domain=(POSITIVE, REAL),
    slopes=lambda m, z, x, y: (
        # The product is 0 times inf there; elsewhere y = 0 must not cut its derivative off.
        m.where((y == 0) & (m.abs(x) < 1e-300), 0.0, y * m.pow(x, y - 1)),
        m.where((x == 0) & (y >= 0), 0.0, z * m.log(x)),
    ),
)
def pow(m: M, x: N, y: N) -> N:
    """Power with a recorded exponent, x ** y; slopes y x^(y-1) and x^y log x.

    At x = 0 with y >= 0 the exponent's slope is 0; for x < 0 it is nan.

    >>> pow(2.0, 3.0), pow(0.0, 0.0)
    (8.0, 1.0)
    """
    return m.pow(x, y)


@primitive(
    symbol="fmod",
    latex=r"{0} \bmod {1}",
    domain=(REAL, NON_ZERO),
    kinks=(Kink("x / y is an integer", lambda x, y: _nearest_integer_gap(x / y), "1 in x"),),
    slopes=lambda m, z, x, y: (1.0, -m.round((x - z) / y)),
)
def mod(m: M, x: N, y: N) -> N:
    """Remainder with the sign of x (the rule of C's fmod), x - y trunc(x / y).

    >>> mod(-7.0, 3.0)
    -1.0
    """
    return m.fmod(x, y)


@primitive(
    symbol="%",
    text="{0} % {1}",
    latex=r"{0} \bmod {1}",
    domain=(REAL, NON_ZERO),
    kinks=(Kink("x / y is an integer", lambda x, y: _nearest_integer_gap(x / y), "1 in x"),),
    slopes=lambda m, z, x, y: (1.0, -m.round((x - z) / y)),
)
def remainder(m: M, x: N, y: N) -> N:
    """Remainder with the sign of y (the rule of Python's %), x - y floor(x / y).

    >>> remainder(-7.0, 3.0)
    2.0
    """
    r = m.fmod(x, y)
    return m.where(((r < 0) & (y > 0)) | ((r > 0) & (y < 0)), r + y, r)


@primitive(
    symbol="//",
    text="{0} // {1}",
    latex=r"\left\lfloor\frac{{{0}}}{{{1}}}\right\rfloor",
    domain=(REAL, NON_ZERO),
    kinks=(Kink("x / y is an integer", lambda x, y: _nearest_integer_gap(x / y), "0"),),
    slopes=(0.0, 0.0),
)
def floordiv(m: M, x: N, y: N) -> N:
    """Quotient rounded down, floor(x / y); its derivative is 0 everywhere.

    >>> floordiv(-7.0, 2.0)
    -4.0
    """
    r = m.fmod(x, y)
    q = m.round((x - r) / y)
    return m.where(y == 0, x / y, m.where(((r < 0) & (y > 0)) | ((r > 0) & (y < 0)), q - 1, q))


@primitive(
    latex=r"\left|{0}\right|",
    kinks=(Kink(AT_ZERO, lambda x: x, "0"),),
    slopes=lambda m, y, x: (m.sign(x),),
)
def abs(m: M, x: N) -> N:
    """Absolute value, |x|; slope 0 at 0.

    >>> abs(-3.0)
    3.0
    """
    return m.abs(x)


@primitive(kinks=(Kink(AT_ZERO, lambda x: x, "0"),), slopes=(0.0,))
def sign(m: M, x: N) -> N:
    """Sign, -1, 0 or 1; its derivative is 0 everywhere.

    >>> sign(-3.0)
    -1.0
    """
    return m.where(x > 0, 1.0, m.where(x < 0, -1.0, x))


@primitive(
    latex=r"\left\lfloor {0}\right\rfloor",
    kinks=(Kink("x is an integer", _nearest_integer_gap, "0"),),
    slopes=(0.0,),
)
def floor(m: M, x: N) -> N:
    """Largest integer not above x; its derivative is 0 everywhere.

    >>> floor(-1.5)
    -2.0
    """
    return m.floor(x)


@primitive(
    latex=r"\left\lceil {0}\right\rceil",
    kinks=(Kink("x is an integer", _nearest_integer_gap, "0"),),
    slopes=(0.0,),
)
def ceil(m: M, x: N) -> N:
    """Smallest integer not below x; its derivative is 0 everywhere.

    >>> ceil(-1.5)
    -1.0
    """
    return m.ceil(x)


@primitive(
    kinks=(Kink("x is halfway between integers", lambda x: _nearest_integer_gap(x - 0.5), "0"),),
    slopes=(0.0,),
)
def round(m: M, x: N) -> N:
    """Nearest integer, halves to the even one; its derivative is 0 everywhere.

    >>> round(2.5), round(3.5)
    (2.0, 4.0)
    """
    return m.round(x)


# ---------------------------------------------------------------- exponentials, logarithms, roots


@primitive(latex="e^{{{0}}}", domain=Domain(high=700.0), slopes=lambda m, y, x: (y,))
def exp(m: M, x: N) -> N:
    """Exponential, e^x; inf above 709.78.

    >>> exp(0.0)
    1.0
    """
    return m.exp(x)


@primitive(latex="e^{{{0}}} - 1", domain=Domain(high=700.0), slopes=lambda m, y, x: (m.exp(x),))
def expm1(m: M, x: N) -> N:
    """e^x - 1 without cancellation near 0.

    >>> expm1(1e-18)
    1e-18
    """
    return m.expm1(x)


@primitive(
    latex=r"\ln\left({0}\right)",
    domain=POSITIVE,
    slopes=lambda m, y, x: (m.where(x < 0, nan * x, 1 / x),),
)
def log(m: M, x: N) -> N:
    """Natural logarithm, ln x; -inf at 0, nan below.

    >>> log(1.0)
    0.0
    """
    return m.log(x)


@primitive(
    latex=r"\ln\left(1 + {0}\right)",
    domain=ABOVE_MINUS_ONE,
    slopes=lambda m, y, x: (m.where(x < -1, nan * x, 1 / (1 + x)),),
)
def log1p(m: M, x: N) -> N:
    """ln(1 + x) without cancellation near 0.

    >>> log1p(1e-18)
    1e-18
    """
    return m.log1p(x)


@primitive(latex=r"\sqrt{{{0}}}", domain=POSITIVE, slopes=lambda m, y, x: (0.5 / y,))
def sqrt(m: M, x: N) -> N:
    """Square root; slope inf at 0, nan below.

    >>> sqrt(9.0)
    3.0
    """
    return m.sqrt(x)


@primitive(
    latex=r"\sqrt{{{0}^2 + {1}^2}}",
    kinks=(Kink("x = y = 0", lambda x, y: max(x, -x) + max(y, -y), "(0, 0)"),),
    slopes=lambda m, z, x, y: (m.where(z == 0, 0.0, x / z), m.where(z == 0, 0.0, y / z)),
)
def hypot(m: M, x: N, y: N) -> N:
    """Length of the vector (x, y), sqrt(x^2 + y^2), without overflow; slopes 0 at the origin.

    >>> hypot(3.0, 4.0)
    5.0
    """
    return m.hypot(x, y)


# ---------------------------------------------------------------- trigonometry


@primitive(latex=r"\sin\left({0}\right)", slopes=lambda m, y, x: (m.cos(x),))
def sin(m: M, x: N) -> N:
    """Sine of an angle in radians.

    >>> sin(0.0)
    0.0
    """
    return m.sin(x)


@primitive(latex=r"\cos\left({0}\right)", slopes=lambda m, y, x: (-m.sin(x),))
def cos(m: M, x: N) -> N:
    """Cosine of an angle in radians.

    >>> cos(0.0)
    1.0
    """
    return m.cos(x)


@primitive(latex=r"\tan\left({0}\right)", slopes=lambda m, y, x: (1 + y * y,))
def tan(m: M, x: N) -> N:
    """Tangent of an angle in radians.

    >>> tan(0.0)
    0.0
    """
    return m.tan(x)


@primitive(latex=r"\arcsin\left({0}\right)", domain=UNIT, slopes=lambda m, y, x: (1 / m.sqrt((1 - x) * (1 + x)),))
def asin(m: M, x: N) -> N:
    """Arcsine in radians, for -1 <= x <= 1; slope inf at the ends.

    >>> asin(0.0)
    0.0
    """
    return m.asin(x)


@primitive(latex=r"\arccos\left({0}\right)", domain=UNIT, slopes=lambda m, y, x: (-1 / m.sqrt((1 - x) * (1 + x)),))
def acos(m: M, x: N) -> N:
    """Arccosine in radians, for -1 <= x <= 1; slope -inf at the ends.

    >>> acos(1.0)
    0.0
    """
    return m.acos(x)


@primitive(latex=r"\arctan\left({0}\right)", slopes=lambda m, y, x: (1 / (1 + x * x),))
def atan(m: M, x: N) -> N:
    """Arctangent in radians.

    >>> atan(0.0)
    0.0
    """
    return m.atan(x)


@primitive(
    kinks=(
        Kink("y = x = 0", lambda y, x: max(x, -x) + max(y, -y), "(0, 0)"),
        Kink("y = 0 > x", lambda y, x: y if x <= 0 else inf, "that of the limit y -> 0+"),
    ),
    slopes=lambda m, z, y, x: (
        m.where((x == 0) & (y == 0), 0.0, x / m.hypot(x, y) / m.hypot(x, y)),
        m.where((x == 0) & (y == 0), 0.0, -y / m.hypot(x, y) / m.hypot(x, y)),
    ),
)
def atan2(m: M, y: N, x: N) -> N:
    """Angle of the point (x, y) in radians, in (-pi, pi]; slopes x / r^2 and -y / r^2.

    >>> atan2(0.0, 1.0)
    0.0
    """
    return m.atan2(y, x)


@primitive(latex=r"\sinh\left({0}\right)", domain=SMALL_EXPONENT, slopes=lambda m, y, x: (m.cosh(x),))
def sinh(m: M, x: N) -> N:
    """Hyperbolic sine, (e^x - e^-x) / 2.

    >>> sinh(0.0)
    0.0
    """
    return m.sinh(x)


@primitive(latex=r"\cosh\left({0}\right)", domain=SMALL_EXPONENT, slopes=lambda m, y, x: (m.sinh(x),))
def cosh(m: M, x: N) -> N:
    """Hyperbolic cosine, (e^x + e^-x) / 2.

    >>> cosh(0.0)
    1.0
    """
    return m.cosh(x)


# ---------------------------------------------------------------- activations


@primitive(latex=r"\tanh\left({0}\right)", slopes=lambda m, y, x: ((1 - y) * (1 + y),))
def tanh(m: M, x: N) -> N:
    """Hyperbolic tangent, (e^x - e^-x) / (e^x + e^-x).

    >>> tanh(0.0)
    0.0
    """
    return m.tanh(x)


@primitive(latex=r"\sigma\left({0}\right)", slopes=lambda m, y, x: (y * m.sigmoid(-x),))
def sigmoid(m: M, x: N) -> N:
    """Logistic function, 1 / (1 + e^-x); never overflows.

    >>> sigmoid(0.0)
    0.5
    """
    small = m.exp(-m.abs(x))
    return m.where(x >= 0, 1.0, small) / (1 + small)


@primitive(
    latex=r"\operatorname{{ReLU}}\left({0}\right)",
    kinks=(Kink(AT_ZERO, lambda x: x, "0"),),
    slopes=lambda m, y, x: (m.where(x > 0, 1.0, 0.0),),
)
def relu(m: M, x: N) -> N:
    """Rectified linear unit, max(x, 0); slope 0 at 0.

    >>> relu(-2.0), relu(2.0)
    (0.0, 2.0)
    """
    return m.where(x <= 0, 0.0, x)


@primitive(
    latex=r"\operatorname{{LeakyReLU}}_{{{alpha}}}\left({0}\right)",
    kinks=(Kink(AT_ZERO, lambda x: x, "alpha"),),
    slopes=lambda m, y, x, *, alpha: (m.where(x > 0, 1.0, alpha),),
)
def leaky_relu(m: M, x: N, *, alpha: float = 0.01) -> N:
    """Leaky rectifier, x above 0 and alpha x below; slope alpha at 0.

    >>> leaky_relu(-2.0, alpha=0.1)
    -0.2
    """
    return m.where(x > 0, x, alpha * x)


@primitive(
    latex=r"\operatorname{{ELU}}_{{{alpha}}}\left({0}\right)",
    kinks=(Kink(AT_ZERO, lambda x: x, "alpha"),),
    slopes=lambda m, y, x, *, alpha: (m.where(x > 0, 1.0, alpha * m.exp(m.where(x > 0, 0.0, x))),),
)
def elu(m: M, x: N, *, alpha: float = 1.0) -> N:
    """Exponential linear unit, x above 0 and alpha (e^x - 1) below (Clevert et al. 2016, arXiv:1511.07289).

    >>> elu(2.0), elu(-1000.0)
    (2.0, -1.0)
    """
    return m.where(x > 0, x, alpha * m.expm1(m.where(x > 0, 0.0, x)))


@primitive(
    latex=r"\operatorname{{GELU}}\left({0}\right)",
    slopes=lambda m, y, x: (0.5 * m.erfc(-x / SQRT_2) + x * m.exp(-x * x / 2) / (2 * pi) ** 0.5,),
)
def gelu(m: M, x: N) -> N:
    """Gaussian error linear unit, x Phi(x), Phi the normal distribution (Hendrycks & Gimpel 2016, arXiv:1606.08415).

    >>> gelu(0.0)
    0.0
    """
    return x * (0.5 * m.erfc(-x / SQRT_2))


def _gelu_tanh_slopes(m: M, y: N, x: N) -> Slopes:
    # Beyond 20 the tanh is 1 to the last bit; the clip keeps the cubic finite there.
    clipped = m.clip(x, low=-20.0, high=20.0)
    t = m.tanh((2 / pi) ** 0.5 * (clipped + 0.044715 * clipped * clipped * clipped))
    inner_slope = (2 / pi) ** 0.5 * (1 + 3 * 0.044715 * clipped * clipped)
    return (0.5 * (1 + t) + 0.5 * x * (1 - t) * (1 + t) * inner_slope,)


@primitive(latex=r"\operatorname{{GELU}}_{{\tanh}}\left({0}\right)", slopes=_gelu_tanh_slopes)
def gelu_tanh(m: M, x: N) -> N:
    """GELU by its tanh approximation, x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) (arXiv:1606.08415).

    >>> gelu_tanh(40.0)
    40.0
    """
    return 0.5 * x * (1 + m.tanh((2 / pi) ** 0.5 * (x + 0.044715 * x * x * x)))


@primitive(
    latex=r"\operatorname{{SiLU}}\left({0}\right)",
    slopes=lambda m, y, x: (m.sigmoid(x) * (1 + x * m.sigmoid(-x)),),
)
def silu(m: M, x: N) -> N:
    """Sigmoid linear unit (swish), x sigmoid(x).

    >>> silu(0.0)
    0.0
    """
    return x * m.sigmoid(x)


@primitive(slopes=lambda m, y, x: (m.sigmoid(x),))
def softplus(m: M, x: N) -> N:
    """Smooth rectifier, ln(1 + e^x) = max(x, 0) + ln(1 + e^-|x|); no threshold, no overflow.

    >>> softplus(1e4), softplus(-1e4)
    (10000.0, 0.0)
    """
    return m.where(x > 0, x, 0.0) + m.log1p(m.exp(-m.abs(x)))


def _mish_slopes(m: M, y: N, x: N) -> Slopes:
    t = m.tanh(m.softplus(x))
    return (t + x * (1 - t) * (1 + t) * m.sigmoid(x),)


@primitive(latex=r"\operatorname{{Mish}}\left({0}\right)", slopes=_mish_slopes)
def mish(m: M, x: N) -> N:
    """Mish, x tanh(softplus(x)) (Misra 2019, arXiv:1908.08681).

    >>> mish(0.0)
    0.0
    """
    return x * m.tanh(m.softplus(x))


@primitive(slopes=lambda m, y, x: (2 / pi**0.5 * m.exp(-x * x),))
def erf(m: M, x: N) -> N:
    """Error function, 2/sqrt(pi) times the integral of e^(-t^2) from 0 to x.

    >>> erf(0.0)
    0.0
    """
    return m.erf(x)


@primitive(slopes=lambda m, y, x: (-2 / pi**0.5 * m.exp(-x * x),))
def erfc(m: M, x: N) -> N:
    """Complementary error function, 1 - erf(x), exact in the far tail.

    >>> erfc(0.0)
    1.0
    """
    return m.erfc(x)


# ---------------------------------------------------------------- choosing


@primitive(
    kinks=(Kink("x = y", lambda x, y: x - y, "1/2 each"),),
    latex=r"\max\left({0}, {1}\right)",
    slopes=lambda m, z, x, y: (
        m.where(x > y, 1.0, m.where(x == y, 0.5, 0.0)),
        m.where(y > x, 1.0, m.where(x == y, 0.5, 0.0)),
    ),
)
def maximum(m: M, x: N, y: N) -> N:
    """Larger of two numbers; at a tie the slope is shared, 1/2 each; nan if either is nan.

    >>> maximum(2.0, 3.0)
    3.0
    """
    return m.where((x >= y) | (x != x), x, y)


@primitive(
    kinks=(Kink("x = y", lambda x, y: x - y, "1/2 each"),),
    latex=r"\min\left({0}, {1}\right)",
    slopes=lambda m, z, x, y: (
        m.where(x < y, 1.0, m.where(x == y, 0.5, 0.0)),
        m.where(y < x, 1.0, m.where(x == y, 0.5, 0.0)),
    ),
)
def minimum(m: M, x: N, y: N) -> N:
    """Smaller of two numbers; at a tie the slope is shared, 1/2 each; nan if either is nan.

    >>> minimum(2.0, 3.0)
    2.0
    """
    return m.where((x <= y) | (x != x), x, y)


@primitive(
    latex=r"\operatorname{{clip}}\left({0}, {low}, {high}\right)",
    kinks=(Kink("x = low or x = high", lambda x, low=-1.0, high=1.0: (x - low) * (x - high), "1"),),
    slopes=lambda m, y, x, *, low, high: (m.where((x >= low) & (x <= high), 1.0, 0.0),),
)
def clip(m: M, x: N, *, low: float = -1.0, high: float = 1.0) -> N:
    """x limited to low <= x <= high; slope 1 inside and at the bounds, 0 outside; nan stays nan.

    >>> clip(5.0, 0.0, 2.0)
    2.0
    """
    return m.where(x < low, low, m.where(x > high, high, x))


@primitive(
    latex=r"\begin{{cases}}{1} & {0} \ne 0\\{2} & \text{{otherwise}}\end{{cases}}",
    kinks=(Kink("condition = 0", lambda c, x, y: c, "that of y"),),
    slopes=lambda m, z, c, x, y: (0.0, m.where(c != 0, 1.0, 0.0), m.where(c != 0, 0.0, 1.0)),
)
def where(m: M, c: N, x: N, y: N) -> N:
    """x where the condition c is true (not 0), else y.

    Both x and y are computed and recorded, so an inf or nan slope in the one not taken still gives nan
    (0 times inf): give that branch a harmless operand, where(c, sqrt(where(c, x, 1)), 0), or use ``if``.

    >>> where(2 > 1, 10.0, 20.0)
    10.0
    """
    return m.where(c != 0, x, y)


# ---------------------------------------------------------------- comparing


@primitive(
    symbol=">",
    text="{0} > {1}",
    latex="{0} > {1}",
    kinks=(Kink("x = y", lambda x, y: x - y, "0"),),
    slopes=(0.0, 0.0),
)
def greater(m: M, x: N, y: N) -> N:
    """Comparison x > y as a number, 1 where it holds and 0 where not, also for nan; its derivative is 0 everywhere.

    >>> greater(3.0, 2.0), greater(2.0, 2.0)
    (1.0, 0.0)
    """
    return m.where(x > y, 1.0, 0.0)


@primitive(
    symbol=">=",
    text="{0} >= {1}",
    latex=r"{0} \ge {1}",
    kinks=(Kink("x = y", lambda x, y: x - y, "0"),),
    slopes=(0.0, 0.0),
)
def greater_equal(m: M, x: N, y: N) -> N:
    """Comparison x >= y as a number, 1 where it holds and 0 where not, also for nan; its derivative is 0 everywhere.

    >>> greater_equal(2.0, 2.0), greater_equal(1.0, 2.0)
    (1.0, 0.0)
    """
    return m.where(x >= y, 1.0, 0.0)


@primitive(
    symbol="==",
    text="{0} == {1}",
    latex="{0} = {1}",
    kinks=(Kink("x = y", lambda x, y: x - y, "0"),),
    slopes=(0.0, 0.0),
)
def equal(m: M, x: N, y: N) -> N:
    """Comparison x == y as a number, 1 where it holds and 0 where not, also for nan; its derivative is 0 everywhere.

    >>> equal(2.0, 2.0), equal(1.0, 2.0)
    (1.0, 0.0)
    """
    return m.where(x == y, 1.0, 0.0)


@primitive(
    symbol="!=",
    text="{0} != {1}",
    latex=r"{0} \ne {1}",
    kinks=(Kink("x = y", lambda x, y: x - y, "0"),),
    slopes=(0.0, 0.0),
)
def not_equal(m: M, x: N, y: N) -> N:
    """Comparison x != y as a number, 1 where it holds and 0 where not; 1 for nan; its derivative is 0 everywhere.

    >>> not_equal(2.0, 2.0), not_equal(1.0, 2.0)
    (0.0, 1.0)
    """
    return m.where(x != y, 1.0, 0.0)


# ---------------------------------------------------------------- many operands


@primitive(latex=r"\textstyle\sum\left({0}\right)", slopes=lambda m, y, *xs: (1.0,) * len(xs))
def sum(m: M, *xs: N) -> N:
    """Sum of a list, added from left to right.

    >>> sum([1.0, 2.0, 3.0])
    6.0
    """
    return m.sum(xs)


@primitive(
    pairs=True,
    latex=r"\left[{0}\right] \cdot \left[{1}\right]",
    slopes=lambda m, y, xs, ws: (*ws, *xs),
)
def dot(m: M, xs: Sequence[N], ws: Sequence[N]) -> N:
    """Dot product of two lists, x1 w1 + x2 w2 + ..., added from left to right.

    >>> dot([1.0, 2.0], [3.0, 4.0])
    11.0
    """
    return m.dot(xs, ws)


def _prod_slopes(m: M, y: N, *xs: N) -> Slopes:
    # Products of all factors before and after each one: no division, so zeros among the factors are right.
    before, after = [1.0], [1.0]
    for x in xs[:-1]:
        before.append(before[-1] * x)
    for x in xs[:0:-1]:
        after.append(after[-1] * x)
    return tuple(b * a for b, a in zip(before, reversed(after), strict=True)) if xs else ()


@primitive(latex=r"\textstyle\prod\left({0}\right)", slopes=_prod_slopes)
def prod(m: M, *xs: N) -> N:
    """Product of a list; each slope is the product of the other factors.

    >>> prod([2.0, 0.0, 3.0])
    0.0
    """
    result = 1.0
    for x in xs:
        result = result * x
    return result


@primitive(
    at_least=1,
    slopes=lambda m, y, *xs: (m.div(1.0, len(xs)),) * len(xs),  # by m, so that 1/3 is exact where numbers are fractions
)
def mean(m: M, *xs: N) -> N:
    """Arithmetic mean of a list, (x1 + ... + xn) / n.

    >>> mean([1.0, 2.0, 6.0])
    3.0
    """
    return m.sum(xs) / len(xs)


def _extreme_slopes(m: M, y: N, *xs: N) -> Slopes:
    hits = [m.where(x == y, 1.0, 0.0) for x in xs]
    count = m.sum(hits)
    return tuple(m.div(hit, count) for hit in hits)  # 0 / 0, nan, when a nan is among them


def _runner_up_gap(*xs: float) -> float:
    ordered = sorted(xs)
    return ordered[-1] - ordered[-2] if len(xs) > 1 else inf


@primitive(
    latex=r"\max\left({0}\right)",
    at_least=1,
    kinks=(Kink("the largest is tied", _runner_up_gap, "1/k for each of the k largest"),),
    slopes=_extreme_slopes,
)
def max(m: M, *xs: N) -> N:
    """Largest of a list; k tied ones share the slope, 1/k each; nan if any is nan.

    >>> max([1.0, 3.0, 2.0])
    3.0
    """
    result = xs[0]
    for x in xs[1:]:
        result = m.maximum(result, x)
    return result


@primitive(
    latex=r"\min\left({0}\right)",
    at_least=1,
    kinks=(
        Kink("the smallest is tied", lambda *xs: _runner_up_gap(*[-x for x in xs]), "1/k for each of the k smallest"),
    ),
    slopes=_extreme_slopes,
)
def min(m: M, *xs: N) -> N:
    """Smallest of a list; k tied ones share the slope, 1/k each; nan if any is nan.

    >>> min([1.0, 3.0, 2.0])
    1.0
    """
    result = xs[0]
    for x in xs[1:]:
        result = m.minimum(result, x)
    return result


@primitive(
    at_least=1,
    slopes=lambda m, y, *xs: tuple(m.exp(x - y) for x in xs),
)
def logsumexp(m: M, *xs: N) -> N:
    """ln(e^x1 + ... + e^xn), the largest subtracted first so that nothing overflows; slopes are the softmax.

    When every operand is -inf the result is -inf and the slopes are nan.

    >>> logsumexp([1000.0, 1000.0])
    1000.6931471805599
    """
    top = m.max(xs)
    shift = m.where(top - top == 0, top, 0.0)  # an infinite maximum must not turn into inf - inf
    return shift + m.log(m.sum([m.exp(x - shift) for x in xs]))


def _softmax_slopes(m: M, y: N, *xs: N, index: float) -> Slopes:
    total = m.logsumexp(xs)
    return tuple(y * ((1.0 if j == index else 0.0) - m.exp(x - total)) for j, x in enumerate(xs))


@primitive(
    latex=r"\operatorname{{softmax}}_{{{index}}}\left({0}\right)",
    at_least=1,
    per_operand=True,
    slopes=_softmax_slopes,
)
def softmax(m: M, *xs: N, index: float) -> N:
    """Softmax, list to list: e^xi / (e^x1 + ... + e^xn), the largest subtracted first.

    With index=i only the result i is computed, counted from 0.

    >>> softmax([0.0, 0.0])
    [0.5, 0.5]
    """
    top = m.max(xs)
    weights = [m.exp(x - top) for x in xs]
    return weights[int(index)] / m.sum(weights)


def _log_softmax_slopes(m: M, y: N, *xs: N, index: float) -> Slopes:
    total = m.logsumexp(xs)
    return tuple((1.0 if j == index else 0.0) - m.exp(x - total) for j, x in enumerate(xs))


@primitive(
    latex=r"\operatorname{{logsoftmax}}_{{{index}}}\left({0}\right)",
    at_least=1,
    per_operand=True,
    slopes=_log_softmax_slopes,
)
def log_softmax(m: M, *xs: N, index: float) -> N:
    """Logarithm of the softmax, list to list: xi - logsumexp(x).

    With index=i only the result i is computed, counted from 0.

    >>> log_softmax([0.0, 0.0], index=0) == -log(2.0)
    True
    """
    return xs[int(index)] - m.logsumexp(xs)
