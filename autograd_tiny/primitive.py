"""What an operation is: the Primitive record, ``@primitive``, the registry and the float namespaces.

An operation is declared in one block: a value rule and a slope rule, both written in ordinary
arithmetic over a *number namespace* ``m``. The same rule then runs on floats, on Values (for
derivatives of derivatives), on NumPy arrays or on symbols: one rule, many interpretations.
"""

from __future__ import annotations

import functools
import inspect
import math
import operator
from collections.abc import Callable, Iterable, Mapping
from numbers import Real
from types import FunctionType, MappingProxyType
from typing import Any, TypeAlias

from .errors import NotARealNumberError, OperandError, ParameterError, RegistrationError, printable

M: TypeAlias = Any
"""A number namespace: gives rules their elementary functions (``m.exp``, ``m.where``, ...)."""
N: TypeAlias = Any
"""One number of whatever kind the namespace works on."""
Slopes: TypeAlias = tuple[Any, ...]
"""One slope per operand, in operand order."""


def real(number: Any, subject: str = "a Value") -> float:
    """Return ``number`` as a Python float, or refuse it with the remedy.

    Args:
        number: an int, bool, float, Fraction or NumPy scalar.
        subject: what needs the number, the subject of the error message.

    Raises:
        NotARealNumberError: for text, None, complex numbers, arrays and everything else.

    >>> real(3), real(True)
    (3.0, 1.0)
    """
    if isinstance(number, Real):
        try:
            return float(number)
        except OverflowError:
            raise NotARealNumberError(
                f"{subject} holds a float, at most 1.8e308, and this {type(number).__name__} is larger; "
                "scale it down first"
            ) from None
    if type(number).__module__ == "numpy" and type(number).__name__ in ("bool", "bool_"):
        return float(number)
    raise NotARealNumberError(f"{subject} needs one real number, got {_shown(number)}; {_remedy(number)}")


def whole(number: Any, name: str, least: int = 1) -> int:
    """Return ``number`` as an int of at least ``least``, or refuse it.

    Raises:
        ParameterError: for anything else.

    >>> whole(3, "epochs")
    3
    """
    try:
        checked = operator.index(number)
    except TypeError:
        checked = least - 1
    if checked < least:
        raise ParameterError(f"{name} is a whole number of at least {least}, got {number!r}")
    return checked


def latex_number(number: float, digits: int = 6) -> str:
    r"""Return a number as LaTeX, with at most so many significant digits.

    >>> latex_number(-2.5), latex_number(1.5e-7), latex_number(1e20), latex_number(-math.inf)
    ('-2.5', '1.5 \\times 10^{-7}', '10^{20}', '-\\infty')
    """
    if number != number:
        return r"\text{nan}"
    if math.isinf(number):
        return r"\infty" if number > 0 else r"-\infty"
    mantissa, e, exponent = f"{number:.{digits}g}".partition("e")
    if not e:
        return mantissa
    power = f"10^{{{int(exponent)}}}"
    return mantissa.replace("1", power) if mantissa in ("1", "-1") else rf"{mantissa} \times {power}"


def _shown(thing: Any) -> str:
    text = repr(thing)
    return f"{text if len(text) <= 40 else text[:37] + '...'} ({type(thing).__name__})"


def _remedy(thing: Any) -> str:
    if isinstance(thing, str):
        return "convert it first: float(text)"
    if thing is None:
        return "did a function forget to return its result?"
    if isinstance(thing, complex):
        return "use its .real and .imag parts as two numbers"
    if hasattr(thing, "_record_operation"):
        return "it is a Value already: take its .data, or .detach() for a fresh leaf"
    if isinstance(thing, (list, tuple)) or hasattr(thing, "tolist"):
        return "use one Value per element: [Value(x) for x in items]"
    return "pass a float, an int or a Value"


# ---------------------------------------------------------------- domains and kinks


class Domain:
    """The numbers an operand may take for a finite, real result.

    Args:
        low, high: the ends of the interval.
        closed: whether finite ends belong to the interval.
        excluding: single points inside the interval that do not belong.

    >>> POSITIVE.contains(0.0), str(POSITIVE.named("x"))
    (False, 'x > 0')
    """

    __slots__ = ("closed", "excluding", "high", "low")

    def __init__(
        self, low: float = -math.inf, high: float = math.inf, *, closed: bool = False, excluding: tuple[float, ...] = ()
    ) -> None:
        self.low, self.high, self.closed, self.excluding = low, high, closed, excluding

    def contains(self, x: float) -> bool:
        """Return whether ``x`` is a finite member."""
        inside = self.low <= x <= self.high if self.closed else self.low < x < self.high
        return inside and math.isfinite(x) and x not in self.excluding

    def named(self, name: str) -> str:
        """Return the rule as text about ``name``, for example ``x > 0``."""
        less = "<=" if self.closed else "<"
        more = ">=" if self.closed else ">"
        if math.isfinite(self.low) and math.isfinite(self.high):
            rule = f"{self.low:g} {less} {name} {less} {self.high:g}"
        elif math.isfinite(self.low):
            rule = f"{name} {more} {self.low:g}"
        elif math.isfinite(self.high):
            rule = f"{name} {less} {self.high:g}"
        else:
            rule = ""
        return ", ".join([rule] * bool(rule) + [f"{name} != {point:g}" for point in self.excluding]) or f"any {name}"

    def __repr__(self) -> str:
        return f"Domain({self.named('x')})"


REAL = Domain()
POSITIVE = Domain(0.0)
NON_ZERO = Domain(excluding=(0.0,))
UNIT = Domain(-1.0, 1.0, closed=True)
ABOVE_MINUS_ONE = Domain(-1.0)


class Kink:
    """Where an operation has no derivative, and the slope chosen there.

    Args:
        where: the place in words, for example ``"x = 0"``.
        gap: distance-like function of the operands, and of parameters by name; 0 exactly at the kink.
        slope: the choice in words, for example ``"0"``.
    """

    __slots__ = ("gap", "settings", "slope", "where")

    def __init__(self, where: str, gap: Callable[..., float], slope: str) -> None:
        self.where, self.gap, self.slope = where, gap, slope
        self.settings = frozenset(inspect.signature(gap).parameters)

    def __repr__(self) -> str:
        return f"Kink(where={self.where!r}, slope={self.slope!r})"


# ---------------------------------------------------------------- the record


class Primitive:
    """One operation: callable on numbers and Values, readable by every interpreter.

    Attributes:
        name: the public name.
        operands: their names in the rules; ``("xs",)`` for any number of them, two such names for ``pairs``.
        arity: how many operands, or None for any number of them.
        pairs: whether the operands are two lists of one length (``dot``).
        per_operand: whether a call gives one result per operand (``softmax``).
        at_least: the smallest number of operands.
        value: rule ``(m, *operands) -> number``; with ``pairs`` the operands are two sequences.
        slopes: rule ``(m, result, *operands) -> one slope per operand``.
        constant_slopes: the slopes when they depend on nothing, else an empty tuple.
        symbol: the sign drawn in a graph node.
        text, latex: templates; ``{0}``, ``{1}`` are the operands (joined lists for n-ary operations).
        domain: one Domain per operand (the last one repeats).
        kinks: the points without a derivative and the slopes chosen there.
        params: numbers that belong to the operation and are not differentiated; None while not given.
        doc: the docstring.
    """

    arity: int | None
    at_least: int
    constant_slopes: Slopes
    domain: tuple[Domain, ...]
    kinks: tuple[Kink, ...]
    latex: str
    name: str
    operands: tuple[str, ...]
    pairs: bool
    params: dict[str, float | None]
    per_operand: bool
    slopes: Callable[..., Slopes]
    symbol: str
    text: str
    value: Callable[..., Any]

    __slots__ = ("__dict__", "slopes", "value")  # the two rules in slots: every recorded node looks them up

    def __init__(self, *, value: Callable[..., Any], slopes: Callable[..., Slopes], **facts: Any) -> None:
        self.value, self.slopes = value, slopes
        self.__dict__.update(facts)

    @property
    def doc(self) -> str:
        """The docstring of the block; its first line is the one-sentence description."""
        return self.__doc__ or ""

    @property
    def is_built_in(self) -> bool:
        """Whether the package itself declares the operation; those of users may be declared anew."""
        return self.__module__ == _BUILT_IN

    def __repr__(self) -> str:
        settings = "".join(f", {name}={number:g}" for name, number in self.params.items() if number is not None)
        return f"<primitive {self.name}{settings}>"

    def __call__(self, *operands: Any, **params: Any) -> Any:
        """Apply to numbers (gives a float) or to at least one Value (gives a Value)."""
        op = self
        if self.params:
            count = len(operands) if self.arity is None else self.arity
            names = [name for name in self.params if name not in params]
            if len(operands) - count > len(names):
                raise OperandError(f"{self.signature()} takes {count + len(names)} arguments, got {len(operands)}")
            params.update(zip(names, operands[count:], strict=False))
            operands = operands[:count]
        operands = self.flatten(operands)
        if self.per_operand and "index" not in params and self.params["index"] is None:
            return [self.bind(**params, index=i).apply(*operands) for i in range(len(operands))]
        if params or None in self.params.values():
            op = self.bind(**params)
        if self.per_operand and op.params["index"] not in range(len(operands)):
            raise ParameterError(
                f"{self.name} of {len(operands)} operands has no result index={op.params['index']:g}; "
                f"use 0 to {len(operands) - 1}"
            )
        return op.apply(*operands)

    def apply(self, *operands: Any) -> Any:
        """Record on the first operand that can record, else evaluate on floats."""
        for operand in operands:
            record = getattr(operand, "_record_operation", None)
            if record is not None:
                return record(self, operands)
        return self.evaluate(*[real(x, self.name) for x in operands])[0]

    def evaluate(self, *numbers: float) -> tuple[float, Slopes]:
        """Return value and slopes on floats, with IEEE 754 answers where Python's floats would raise.

        >>> from autograd_tiny.ops import div
        >>> div.evaluate(1.0, 0.0)
        (inf, (inf, -inf))
        """
        try:
            operands = self.grouped(numbers)
            result = self.value(floats, *operands)
            if type(result) is float:
                return result, self._one_per_operand(self.slopes(floats, result, *operands), numbers)
        except (ArithmeticError, ValueError):
            pass
        return self.evaluate_ieee(*numbers)

    def evaluate_ieee(self, *numbers: float) -> tuple[float, Slopes]:
        """Run the rules on careful floats: the slow way, taken only where the fast one cannot go."""
        careful = self.grouped(tuple(map(IEEEFloat, numbers)))
        result = self.value(ieee_floats, *careful)
        if isinstance(result, complex) or not isinstance(result, Real):
            raise OperandError(f"the value rule of {self.name} must give a real number, got {_shown(result)}")
        slopes = self._one_per_operand(self.slopes(ieee_floats, IEEEFloat(result), *careful), numbers)
        try:
            return float(result), tuple(map(float, slopes))
        except (TypeError, ValueError):
            raise OperandError(f"the rules of {self.name} must give numbers, got {result!r} and {slopes!r}") from None

    def _one_per_operand(self, slopes: Any, numbers: tuple[float, ...]) -> Slopes:
        if type(slopes) is not tuple or len(slopes) != len(numbers):
            count = f"{len(numbers)} slope{'s' if len(numbers) != 1 else ''}, one per operand"
            raise OperandError(f"the slope rule of {self.name} must return a tuple of {count}, got {_shown(slopes)}")
        return slopes

    def flatten(self, operands: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return the operands as one flat tuple, after checking their number.

        Raises:
            OperandError: with the signature, when they do not fit.
        """
        if self.pairs:
            if len(operands) != 2 or not all(map(_is_collection, operands)):
                raise OperandError(f"{self.signature()} takes two lists, got {len(operands)} arguments")
            left, right = (tuple(side) for side in operands)
            if len(left) != len(right):
                raise OperandError(
                    f"{self.name} needs two lists of one length, got {len(left)} and {len(right)} numbers"
                )
            return left + right
        if self.arity is None:
            if len(operands) == 1 and _is_collection(operands[0]):
                operands = tuple(operands[0])
            if len(operands) < self.at_least:
                raise OperandError(f"{self.name} needs at least {self.at_least} number, got an empty list")
        elif len(operands) != self.arity:
            raise OperandError(f"{self.signature()} takes {self.arity} operand(s), got {len(operands)}")
        return operands

    def grouped(self, operands: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return flat operands as the rules take them: two halves for ``pairs``, else as they are."""
        half = len(operands) // 2
        return (operands[:half], operands[half:]) if self.pairs else operands

    def bind(self, **params: Any) -> Primitive:
        """Return this operation with its parameters set.

        Raises:
            ParameterError: for an unknown name, a missing one, or something that is not a number.

        >>> from autograd_tiny.ops import power
        >>> power.bind(n=3).evaluate(2.0)
        (8.0, (12.0,))
        """
        settings = dict(self.params)
        for name, number in params.items():
            if name not in settings:
                known = ", ".join(settings) or "none"
                raise ParameterError(f"{self.name} has no parameter {name!r} (it has: {known})")
            if hasattr(number, "_record_operation"):
                raise ParameterError(
                    f"{name} is part of the operation {self.name} and gets no gradient, so it must be a number, "
                    f"got {_shown(number)}; pass {name}=float(...) or build the formula from other operations"
                )
            settings[name] = real(number, f"{self.name}'s parameter {name}")
        missing = [name for name, number in settings.items() if number is None]
        if missing:
            raise ParameterError(f"{self.signature()} needs its parameter {missing[0]}")
        if settings == self.params:
            return self
        return _bound(self, tuple(settings.items()))

    def signature(self) -> str:
        """Return the call as text, for example ``leaky_relu(x, alpha=0.01)``."""
        settings = [name if number is None else f"{name}={number:g}" for name, number in self.params.items()]
        return f"{self.name}({', '.join([*self.operands, *settings])})"

    def domain_of(self, index: int) -> Domain:
        """Return the domain of operand ``index``."""
        return self.domain[min(index, len(self.domain) - 1)]

    def broken_domain(self, *numbers: float) -> tuple[int, Domain] | None:
        """Return (position, domain) of the first finite operand whose domain explains an inf or nan, if there is one.

        An operand outside its domain explains nothing where 1 or -1 is outside as well and has a finite result: the
        domain of a power is that of all exponents, and (-1e200)^2 is only too large.

        >>> from autograd_tiny.ops import log, power
        >>> log.broken_domain(-2.0), power.bind(n=2).broken_domain(-1e200), power.bind(n=0.5).broken_domain(-4.0)
        ((0, Domain(x > 0)), None, (0, Domain(x > 0)))
        """
        for i, x in enumerate(numbers):
            domain, one = self.domain_of(i), math.copysign(1.0, x)
            if math.isfinite(x) and not domain.contains(x):
                tame = self.evaluate(*numbers[:i], one, *numbers[i + 1 :])[0]
                if domain.contains(one) or not math.isfinite(tame):
                    return i, domain
        return None

    def gaps(self, *numbers: float) -> list[float]:
        """Return for each kink how far the operands are from it: 0 exactly at it, else of either sign.

        >>> from autograd_tiny.ops import clip, maximum
        >>> maximum.gaps(5.0, 3.0), clip.bind(low=0.0, high=2.0).gaps(2.0)
        ([2.0], [0.0])
        """
        return [
            kink.gap(*self.grouped(numbers), **{k: v for k, v in self.params.items() if k in kink.settings})
            for kink in self.kinks
        ]

    def write(self, operands: Iterable[str], *, latex: bool = False) -> str:
        """Return the formula with the operands' names filled in.

        >>> from autograd_tiny.ops import hypot, mul
        >>> mul.write(["a", "b"]), hypot.write(["a", "b"])
        ('a * b', 'hypot(a, b)')
        """
        names = list(operands)
        groups = self.grouped(tuple(names)) if self.pairs else [names]
        slots = names if self.arity is not None else [", ".join(group) for group in groups]
        number_text = latex_number if latex else "{:g}".format
        settings = {name: number_text(number) for name, number in self.params.items() if number is not None}
        if latex:
            written = self.latex.format(*slots, **settings)
            return "".join([c if c.isprintable() else " " for c in written])  # an escape would be a LaTeX command
        return printable(self.text.format(*slots, **settings))


def _is_collection(thing: Any) -> bool:
    return hasattr(thing, "__iter__") and not isinstance(thing, (str, bytes, Mapping))


@functools.lru_cache(maxsize=4096)
def _bound(op: Primitive, settings: tuple[tuple[str, float], ...]) -> Primitive:
    params = dict(settings)
    rules = {"value": functools.partial(op.value, **params), "slopes": functools.partial(op.slopes, **params)}
    return Primitive(**rules, **vars(op) | {"params": params})


# ---------------------------------------------------------------- the registry

_registry: dict[str, Primitive] = {}
registry: Mapping[str, Primitive] = MappingProxyType(_registry)
"""Every operation by name; read-only, filled by ``@primitive``."""


def primitive(
    *misplaced: Any,
    slopes: Callable[..., Slopes] | Slopes = (),
    symbol: str = "",
    text: str = "",
    latex: str = "",
    domain: Domain | tuple[Domain, ...] = REAL,
    kinks: tuple[Kink, ...] = (),
    pairs: bool = False,
    per_operand: bool = False,
    at_least: int = 0,
) -> Callable[[Callable[..., Any]], Primitive]:
    """Declare an operation from its value rule; use as a decorator.

    The decorated function is the value rule ``(m, *operands, *, parameters)``. Rules use only
    ``+ - * /``, comparisons and names from ``m`` (any registered operation and ``m.where``), so that
    they run on every kind of number. Re-running a notebook cell replaces an operation of your own.

    Args:
        slopes: rule ``(m, result, *operands, *, parameters)`` giving a tuple, one slope per operand;
            or that tuple itself when the slopes are constant.
        symbol: sign drawn in graphs (default: the name).
        text, latex: templates of the formula (default: a function call).
        domain: where each operand gives a finite result; drives random tests.
        kinks: points without a derivative.
        pairs: the operands, and the arguments of both rules, are two sequences of one length.
        per_operand: a call gives one result per operand; the rule has a parameter ``index``.
        at_least: the smallest number of operands of an n-ary operation.

    Raises:
        RegistrationError: when the docstring or a name is missing, or a built-in operation has the name.

    >>> @primitive(slopes=lambda m, y, x: (3 * x * x,))
    ... def cube(m, x):
    ...     '''The cube of x, x * x * x.'''
    ...     return x * x * x
    >>> cube(2.0)
    8.0
    >>> forget(cube)
    """
    if misplaced or not (callable(slopes) or (isinstance(slopes, tuple) and slopes)):
        raise RegistrationError(
            "an operation needs its slopes: write @primitive(slopes=lambda m, y, x: (...,)), "
            f"got {_shown(misplaced[0] if misplaced else slopes)}"
        )
    domains = domain if isinstance(domain, tuple) else (domain,)
    if not all(isinstance(each, Domain) for each in domains):
        raise RegistrationError(f"domain is a Domain or a tuple of them, got {_shown(domain)}; use Domain(low, high)")

    def register(rule: Callable[..., Any]) -> Primitive:
        if not isinstance(rule, FunctionType):
            raise RegistrationError(f"@primitive decorates a function, the value rule, got {_shown(rule)}")
        name, code = rule.__name__, rule.__code__
        if not name.isidentifier():
            raise RegistrationError(f"an operation needs a plain name, got {name!r}; use def instead of lambda")
        if not rule.__doc__:
            raise RegistrationError(f"operation {name} needs a docstring: one sentence with the formula")
        if code.co_argcount < 1:
            raise RegistrationError(f"the value rule of {name} needs the namespace m as its first argument")
        taken = _registry.get(name)
        if taken is not None and taken.is_built_in:
            raise RegistrationError(f"{name} is a built-in operation; choose another name")
        variadic = bool(code.co_flags & 0x04)
        arity = None if variadic or pairs else code.co_argcount - 1
        if arity == 0:
            raise RegistrationError(f"operation {name} has no operand; give its rule one after m")
        if isinstance(slopes, tuple) and arity is not None and len(slopes) != arity:
            raise RegistrationError(f"operation {name} has {arity} operand(s) and {len(slopes)} constant slopes")
        names = code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]
        defaults = rule.__kwdefaults__ or {}
        params = {param: defaults.get(param) for param in names}
        default_text, default_latex = _default_templates(name, arity, pairs, names)
        op = Primitive(
            __doc__=rule.__doc__,
            __module__=rule.__module__,
            name=name,
            operands=code.co_varnames[1 : code.co_argcount] if not variadic else ("xs",),
            arity=arity,
            pairs=pairs,
            per_operand=per_operand,
            at_least=at_least,
            value=rule,
            slopes=(lambda *_, **__: slopes) if isinstance(slopes, tuple) else _with_defaults(slopes, defaults),
            constant_slopes=slopes if isinstance(slopes, tuple) else (),
            symbol=symbol or name,
            text=text or default_text,
            latex=latex or default_latex,
            domain=domains,
            kinks=kinks,
            params=params,
        )
        _registry[name] = op
        return op

    return register


_BUILT_IN = f"{__package__}.ops"


def _with_defaults(rule: Callable[..., Any], defaults: dict[str, Any]) -> Callable[..., Any]:
    return functools.partial(rule, **defaults) if defaults else rule


def _default_templates(name: str, arity: int | None, pairs: bool, params: tuple[str, ...]) -> tuple[str, str]:
    slots = ["[{0}]", "[{1}]"] if pairs else ["{" + str(i) + "}" for i in range(arity or 1)]
    settings = [f"{param}={{{param}}}" for param in params]
    text = f"{name}({', '.join(slots + settings)})"
    label = name.replace("_", r"\_")
    latex = rf"\operatorname{{{{{label}}}}}\left({', '.join(slots + settings)}\right)"
    return text, latex


def forget(op: Primitive) -> None:
    """Take an operation of your own out of the registry (built-in ones stay)."""
    if op.is_built_in:
        raise RegistrationError(f"{op.name} is a built-in operation and stays registered")
    if _registry.get(op.name) is op:
        del _registry[op.name]


# ---------------------------------------------------------------- the float namespaces


class Namespace:
    """Numbers of one kind: elementary functions as attributes, other operations by their value rules."""

    def __init__(self, **elementary: Callable[..., Any]) -> None:
        self.__dict__.update(elementary)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        op = _registry.get(name)
        if op is None:
            raise AttributeError(f"rules may use + - * /, comparisons and registered operations; {name!r} is none")
        return lambda *operands, **params: op.value(self, *op.grouped(op.flatten(operands)), **params)


def _sum(xs: Iterable[float]) -> float:
    # Plain left-to-right addition: the built-in sum compensates since Python 3.12, compiled code does not.
    return functools.reduce(operator.add, xs, 0.0)


def _dot(xs: Iterable[float], ws: Iterable[float]) -> float:
    return functools.reduce(operator.add, map(operator.mul, xs, ws), 0.0)


def _where(condition: bool, a: Any, b: Any) -> Any:
    return a if condition else b


floats = Namespace(
    abs=abs,
    floor=lambda x: float(math.floor(x)),
    ceil=lambda x: float(math.ceil(x)),
    round=lambda x: float(round(x)),
    where=_where,
    sum=_sum,
    dot=_dot,
    **{
        name: getattr(math, name)
        for name in "exp expm1 log log1p sqrt sin cos tan asin acos atan sinh cosh tanh".split()
        + "pow hypot atan2 erf erfc fmod".split()
    },
)
"""Bare floats and the math module's own functions: fast, but Python raises where IEEE 754 has an answer."""


class IEEEFloat(float):
    """A float whose arithmetic gives inf and nan as IEEE 754 does, where Python's would raise.

    >>> IEEEFloat(1.0) / 0.0, IEEEFloat(-8.0) ** 0.5
    (inf, nan)
    """

    __slots__ = ()

    def __truediv__(self, other: float) -> IEEEFloat:
        return IEEEFloat(_divide(self, other))

    def __rtruediv__(self, other: float) -> IEEEFloat:
        return IEEEFloat(_divide(other, self))

    def __pow__(self, other: float, modulus: None = None) -> IEEEFloat:
        return IEEEFloat(_pow(self, other))

    def __rpow__(self, other: float, modulus: None = None) -> IEEEFloat:
        return IEEEFloat(_pow(other, self))


def _keep_ieee(name: str) -> None:
    method = getattr(float, name)

    def kept(self: IEEEFloat, *other: float) -> Any:
        result = method(self, *other)
        return IEEEFloat(result) if isinstance(result, float) else result

    setattr(IEEEFloat, name, kept)


for _name in "add radd sub rsub mul rmul neg pos abs".split():
    _keep_ieee(f"__{_name}__")


def _divide(x: float, y: float) -> float:
    if y != 0.0:
        return float(x) / float(y)
    return math.nan if x == 0.0 or x != x else math.copysign(math.inf, x) * math.copysign(1.0, y)


def _pow(x: float, y: float) -> float:
    x, y = float(x), float(y)
    try:
        return math.pow(x, y)
    except OverflowError:
        return -math.inf if x < 0.0 and y % 2.0 == 1.0 else math.inf
    except ValueError:  # 0 ** negative, or a negative base with a fractional exponent
        if x == 0.0:
            return math.copysign(math.inf, x) if y % 2.0 == 1.0 else math.inf
        return math.nan


def _careful(function: Callable[..., float], instead: Callable[..., float]) -> Callable[..., IEEEFloat]:
    def safe(*xs: float) -> IEEEFloat:
        try:
            return IEEEFloat(function(*xs))
        except (ValueError, OverflowError):
            return IEEEFloat(instead(*xs))

    return safe


def _answers_where_python_raises() -> dict[str, Callable[..., float]]:
    def nan(*xs: float) -> float:
        return math.nan

    def infinite(x: float) -> float:
        return math.inf

    def same(x: float) -> float:
        return x

    def pole(at: float) -> Callable[[float], float]:
        return lambda x: -math.inf if x == at else math.nan

    answers: dict[str, Callable[..., float]] = dict.fromkeys(
        "sqrt sin cos tan asin acos atan tanh hypot atan2 erf erfc fmod".split(), nan
    )
    answers |= {"exp": infinite, "expm1": infinite, "cosh": infinite, "log": pole(0.0), "log1p": pole(-1.0)}
    answers |= {"floor": same, "ceil": same, "round": same, "sinh": lambda x: math.copysign(math.inf, x)}
    return answers


ieee_floats = Namespace(
    abs=abs,
    where=_where,
    pow=lambda x, y: IEEEFloat(_pow(x, y)),
    sum=lambda xs: IEEEFloat(_sum(xs)),
    dot=lambda xs, ws: IEEEFloat(_dot(xs, ws)),
    **{name: _careful(getattr(floats, name), instead) for name, instead in _answers_where_python_raises().items()},
)
"""The same functions with the IEEE 754 answer everywhere."""

ELEMENTARY: tuple[str, ...] = tuple(sorted(vars(floats)))
"""The functions an interpretation has to provide; all others follow from the rules."""


def _max(xs: Iterable[float]) -> float:
    xs = tuple(xs)
    return math.nan if any(map(operator.ne, xs, xs)) else max(xs)


# Short cuts: on floats the same as what the rules of ops.py give, without calling a rule for each operand.
vars(floats).update(
    maximum=lambda x, y: x if x >= y or x != x else y,
    minimum=lambda x, y: x if x <= y or x != x else y,
    max=_max,
)
