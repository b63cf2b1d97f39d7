"""What every registered operation promises, checked over the registry: a new operation needs no edit here."""

import doctest
import functools
import inspect
import math
import re
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from number_systems import arrays, derivative, high_precision, mp, precise, same, second_derivative

from autograd_tiny import Value, ops, primitive
from autograd_tiny.errors import NotARealNumberError, OperandError, ParameterError, RegistrationError
from autograd_tiny.primitive import (
    ELEMENTARY,
    Domain,
    IEEEFloat,
    Kink,
    Namespace,
    Primitive,
    floats,
    forget,
    ieee_floats,
    registry,
)
from autograd_tiny.value import gradients

OPERATIONS = [op for _, op in sorted(registry.items()) if op.__module__.startswith("autograd_tiny")]
SPECIAL = (0.0, -0.0, 1.0, -1.0, 0.5, -2.0, 3.0, 5e-324, 1e200, -1e200, 800.0, -800.0, math.inf, -math.inf, math.nan)
every_op = pytest.mark.parametrize("op", OPERATIONS, ids=lambda op: op.name)


# ---------------------------------------------------------------- points where an operation is smooth


MARGIN = 1e-3  # how far points keep from ends of domains and from kinks


@functools.cache
def numbers_in(domain):
    """Draw members of a domain: mostly of ordinary size, some as large as the domain lets us."""
    ranges = []
    for size in (3.0, 30.0):
        low, high = max(domain.low + MARGIN, -size), min(domain.high - MARGIN, size)
        ranges.append(st.floats(low, high, allow_subnormal=False))
    return st.one_of(ranges).filter(
        lambda x: domain.contains(x) and all(abs(x - point) >= MARGIN for point in domain.excluding)
    )


@functools.cache
def parameters_of(op, count):
    """Draw the numbers that belong to the operation, near their defaults."""
    settings = {}
    for name, default in op.params.items():
        if op.per_operand and name == "index":
            settings[name] = st.integers(0, count - 1)
        elif default is None:
            settings[name] = st.integers(-4, 4) | st.floats(-3.0, 3.0, allow_subnormal=False)
        elif default == 0:
            settings[name] = st.floats(-1.0, 1.0, allow_subnormal=False)
        else:
            settings[name] = st.floats(0.5, 1.5).map(lambda factor, default=default: default * factor)
    return st.fixed_dictionaries(settings)


def gap_at(kink, operands, params):
    accepted = inspect.signature(kink.gap).parameters
    return kink.gap(*operands, **{name: number for name, number in params.items() if name in accepted})


@functools.cache
def count_of(op):
    if op.pairs:
        return st.integers(1, 3).map(lambda half: 2 * half)
    return st.integers(max(op.at_least, 1), 6) if op.arity is None else st.just(op.arity)


@st.composite
def applications(draw, op, points=1):
    """Draw ``points`` tuples of operands and one setting of the parameters, away from kinks."""
    count = draw(count_of(op))
    params = draw(parameters_of(op, count))
    batch = [tuple(draw(numbers_in(op.domain_of(i))) for i in range(count)) for _ in range(points)]
    for operands in batch:
        assume(all(abs(gap_at(kink, operands, params)) > MARGIN for kink in op.kinks))
    return batch, params


def fixed(op, params):
    return op.bind(**params) if params else op


def record(op, operands, params):
    """Return fresh leaves and the node that the operation makes of them."""
    leaves = [Value(x) for x in operands]
    return leaves, fixed(op, params).apply(*leaves)


# ---------------------------------------------------------------- numbers


@every_op
@given(data=st.data())
def test_slopes_are_the_derivatives(op, data):
    """Against central differences of the value rule at 60 digits.

    The slopes are a handful of rounded operations and library calls, 1e-10 leaves room for the worst
    conditioned of them (erfc in its tail loses 2 x^2 units); 1e-14 is for slopes near a zero of theirs.
    """
    (operands,), params = data.draw(applications(op))
    result, slopes = fixed(op, params).evaluate(*operands)
    assert math.isclose(result, precise(op, operands, **params), rel_tol=1e-11, abs_tol=1e-13)
    assert len(slopes) == len(operands)
    for i, slope in enumerate(slopes):
        exact = float(derivative(lambda *xs: precise(op, xs, **params), operands, i))
        assert math.isclose(slope, exact, rel_tol=1e-10, abs_tol=1e-14), f"operand {i}"


@every_op
@given(data=st.data())
def test_second_derivatives_through_create_graph(op, data):
    """The slope rules run on Values: their gradients against second differences at 60 digits."""
    (operands,), params = data.draw(applications(op))
    leaves, node = record(op, operands, params)
    slopes = gradients([node], leaves, create_graph=True)
    exact = [
        [float(second_derivative(lambda *xs: precise(op, xs, **params), operands, i, j)) for j in range(len(operands))]
        for i in range(len(operands))
    ]
    scale = max(1.0, *(abs(number) for row in exact for number in row))
    for slope, first, row in zip(slopes, node.slopes, exact, strict=True):
        assert slope.data == first
        for found, number in zip(gradients([slope], leaves), row, strict=True):
            assert math.isclose(found, number, rel_tol=1e-9, abs_tol=1e-12 * scale)


@every_op
@settings(max_examples=8)
@given(data=st.data())
def test_interpretations_agree(op, data):
    """One rule on bare floats, careful floats, Values and arrays gives the same numbers.

    The first three run the same machine operations; NumPy has its own exp, tanh, ..., some units in the last
    place away, which the condition of a rule amplifies.
    """
    batch, params = data.draw(applications(op, points=3))
    columns = [np.array(column) for column in zip(*batch, strict=True)]
    result = op.value(arrays, *op.grouped(tuple(columns)), **params)
    slopes = op.slopes(arrays, result, *op.grouped(tuple(columns)), **params)
    for k, operands in enumerate(batch):
        number, numeric_slopes = fixed(op, params).evaluate(*operands)
        assert (number, numeric_slopes) == fixed(op, params).evaluate_ieee(*operands)
        _, node = record(op, operands, params)
        assert (node.data, node.slopes) == (number, numeric_slopes)
        assert {type(x) for x in (number, *numeric_slopes)} == {float}
        assert math.isclose(number, np.broadcast_to(result, 3)[k], rel_tol=1e-12, abs_tol=1e-14)
        for slope, column in zip(numeric_slopes, slopes, strict=True):
            assert math.isclose(slope, np.broadcast_to(column, 3)[k], rel_tol=1e-10, abs_tol=1e-13)


def special_operands(op):
    """Every combination of hard numbers for one and two operands, a selection for more."""
    count = {None: 2}.get(op.arity, op.arity)
    combinations = list(product(SPECIAL, repeat=count))
    return combinations[:: 1 + len(combinations) // 300]


def special_parameters(op):
    return [
        {name: n for name, d in op.params.items() if d is None}
        for n in ((0, 1) if op.per_operand else (-1, 0, 0.5, 2, 3))
    ]


@every_op
def test_hard_numbers_never_raise(op):
    """inf, nan, zeros and huge numbers give floats in every order of derivative, never an exception."""
    for operands, params in product(special_operands(op), special_parameters(op)):
        result, slopes = fixed(op, params).evaluate(*operands)
        assert {type(x) for x in (result, *slopes)} == {float}
        careful, careful_slopes = fixed(op, params).evaluate_ieee(*operands)
        assert all(map(same, (result, *slopes), (careful, *careful_slopes))), (operands, params)
        leaves, node = record(op, operands, params)
        for slope, number in zip(gradients([node], leaves, create_graph=True), slopes, strict=True):
            assert same(slope.data, number), (operands, params)
            gradients([slope], leaves)


@every_op
def test_hard_numbers_as_in_numpy(op):
    for params in special_parameters(op):
        columns = [np.array(column) for column in zip(*special_operands(op), strict=True)]
        with np.errstate(all="ignore"):
            batch = np.broadcast_to(op.value(arrays, *op.grouped(tuple(columns)), **params), columns[0].shape)
        for k, operands in enumerate(special_operands(op)):
            number = fixed(op, params).evaluate(*operands)[0]
            near = math.isclose(number, batch[k], rel_tol=1e-12)
            assert near or same(number, batch[k]), (operands, params, number, batch[k])


# Written down a second time, from textbooks: a rule that is wrong in the same way as its slopes fails here.
TEXTBOOK = {
    "elu": lambda x, alpha: x if x > 0 else alpha * (mp.exp(x) - 1),
    "equal": lambda x, y: int(x == y),
    "gelu": lambda x: x * mp.ncdf(x),
    "gelu_tanh": lambda x: x / 2 * (1 + mp.tanh(mp.sqrt(2 / mp.pi) * (x + mp.mpf("0.044715") * x**3))),
    "greater": lambda x, y: int(x > y),
    "greater_equal": lambda x, y: int(x >= y),
    "hypot": lambda x, y: mp.sqrt(x**2 + y**2),
    "leaky_relu": lambda x, alpha: max(x, 0) + alpha * min(x, 0),
    "log_softmax": lambda *xs, index: mp.log(mp.exp(xs[index]) / sum(map(mp.exp, xs))),
    "logsumexp": lambda *xs: mp.log(sum(map(mp.exp, xs))),
    "max": lambda *xs: max(xs),
    "maximum": max,
    "mean": lambda *xs: sum(xs) / len(xs),
    "min": lambda *xs: min(xs),
    "minimum": min,
    "mish": lambda x: x * mp.tanh(mp.log(1 + mp.exp(x))),
    "mod": lambda x, y: x - y * int(x / y),
    "not_equal": lambda x, y: int(x != y),
    "prod": lambda *xs: mp.fprod(xs),
    "relu": lambda x: max(x, 0),
    "remainder": lambda x, y: x - y * mp.floor(x / y),
    "floordiv": lambda x, y: mp.floor(x / y),
    "sigmoid": lambda x: 1 / (1 + mp.exp(-x)),
    "sign": mp.sign,
    "silu": lambda x: x / (1 + mp.exp(-x)),
    "softmax": lambda *xs, index: mp.exp(xs[index]) / sum(map(mp.exp, xs)),
    "softplus": lambda x: mp.log(1 + mp.exp(x)),
    "dot": lambda *xw: sum(x * w for x, w in zip(xw[: len(xw) // 2], xw[len(xw) // 2 :], strict=True)),
    "sum": lambda *xs: mp.fsum(xs),
    "power": lambda x, n: mp.power(x, n),
    "pow": lambda x, y: mp.exp(y * mp.log(x)),
    "clip": lambda x, low, high: min(max(x, low), high),
    "where": lambda c, x, y: x if c else y,
    "sub": lambda x, y: x + -y,
    "neg": lambda x: 0 - x,
    "div": lambda x, y: x * y**-1,
}


@pytest.mark.parametrize("name", TEXTBOOK)
@given(data=st.data())
def test_values_as_in_textbooks(name, data):
    op = registry[name]
    (operands,), params = data.draw(applications(op))
    exact = TEXTBOOK[name](*map(mp.mpf, operands), **params)
    assert math.isclose(fixed(op, params).evaluate(*operands)[0], exact, rel_tol=1e-11, abs_tol=1e-13)


@given(base=st.floats(-30.0, -0.1), n=st.integers(-6, 6))
def test_integer_powers_of_negative_bases(base, n):
    result, (slope,) = ops.power.bind(n=n).evaluate(base)
    assert math.isclose(result, mp.mpf(base) ** n, rel_tol=1e-13)
    assert math.isclose(slope, n * mp.mpf(base) ** (n - 1), rel_tol=1e-13)


@given(x=st.floats(), y=st.floats())
def test_division_with_remainder_as_in_python(x, y):
    """``//`` and ``%`` are Python's on every pair of floats; nan or inf where Python raises."""
    assume(y != 0)
    quotient, remainder = ops.floordiv(x, y), ops.remainder(x, y)
    assert same(remainder, x % y)
    assert same(quotient, x // y) or math.isclose(quotient, x // y, rel_tol=1e-15)


@given(x=st.floats())
def test_rounding_as_in_python(x):
    for op, python in ((ops.floor, math.floor), (ops.ceil, math.ceil), (ops.round, round)):
        assert same(op(x), float(python(x)) if math.isfinite(x) else x)


@given(x=st.floats(), y=st.floats(), z=st.floats())
def test_choosing_propagates_nan(x, y, z):
    numbers = [x, y, z]
    missing = any(number != number for number in numbers)
    assert same(ops.max(numbers), math.nan if missing else max(numbers))
    assert same(ops.min(numbers), math.nan if missing else min(numbers))
    missing = x != x or y != y
    assert same(ops.maximum(x, y), math.nan if missing else max(x, y))
    assert same(ops.minimum(x, y), math.nan if missing else min(x, y))


@pytest.mark.parametrize("size", range(1, 7))
@given(data=st.data())
def test_many_operands_of_every_size(size, data):
    xs = data.draw(st.lists(st.floats(-3, 3), min_size=size, max_size=size, unique=True))
    ws = data.draw(st.lists(st.floats(-3, 3), min_size=size, max_size=size))
    assert ops.sum.evaluate(*xs)[1] == (1.0,) * size
    assert ops.mean.evaluate(*xs)[1] == (1.0 / size,) * size
    assert ops.dot.evaluate(*xs, *ws)[1] == (*ws, *xs)
    assert ops.max.evaluate(*xs)[1] == tuple(float(x == max(xs)) for x in xs)
    assert ops.min.evaluate(*xs)[1] == tuple(float(x == min(xs)) for x in xs)
    assert math.isclose(math.fsum(ops.logsumexp.evaluate(*xs)[1]), 1.0)
    assert math.isclose(math.fsum(ops.softmax(xs)), 1.0)
    assert ops.softmax([Value(x) for x in xs]) == ops.softmax(xs)
    for i, (p, log_p) in enumerate(zip(ops.softmax(xs), ops.log_softmax(xs), strict=True)):
        assert p == ops.softmax(xs, index=i)
        assert math.isclose(p, math.exp(log_p))
        assert math.isclose(math.fsum(ops.softmax.bind(index=i).evaluate(*xs)[1]), 0.0, abs_tol=1e-15)


def test_empty_lists():
    assert (ops.sum([]), ops.prod([]), ops.dot([], [])) == (0.0, 1.0, 0.0)
    for op in (ops.mean, ops.max, ops.min, ops.logsumexp, ops.softmax, ops.log_softmax):
        with pytest.raises(OperandError, match=f"{op.name} needs at least 1 number"):
            op([])


@pytest.mark.parametrize("k", range(1, 5))
def test_ties_share_the_slope(k):
    assert ops.max.evaluate(*[2.0] * k, 1.0)[1] == (1 / k,) * k + (0.0,)
    assert ops.min.evaluate(*[2.0] * k, 3.0)[1] == (1 / k,) * k + (0.0,)


def test_sums_run_from_left_to_right():
    xs = [1e16, 1.0, -1e16, 1.0] * 3
    total = 0.0
    for x in xs:
        total += x
    assert ops.sum(xs) == total
    assert ops.dot(xs, [1.0] * len(xs)) == total
    assert Value(0.0) + ops.sum([Value(x) for x in xs]) == total


# ---------------------------------------------------------------- words


@every_op
def test_templates(op):
    params = {name: 2.0 if default is None else default for name, default in op.params.items()}
    names = {False: ["first_", "second_", "third_", "fourth_"], True: [r"\alpha", r"b_{1}", "c^{2}", r"d"]}
    count = (4 if op.pairs else 3) if op.arity is None else op.arity
    for latex in (False, True):
        written = fixed(op, params).write(names[latex][:count], latex=latex)
        bare = written
        for name in names[latex][:count]:
            assert name in bare, written
            bare = bare.replace(name, "")
        for number in params.values():
            assert f"{number:g}" in bare, written
        for opening, closing in ("{}", "()", "[]", (r"\left", r"\right"), (r"\begin", r"\end")):
            assert written.count(opening) == written.count(closing), written
        depth = 0
        for character in written:
            depth += {"{": 1, "}": -1}.get(character, 0)
            assert depth >= 0, written
        assert "None" not in written
    assert op.symbol
    assert op.symbol.isprintable()


@every_op
def test_docstring(op):
    summary = op.doc.partition("\n")[0]
    assert summary.endswith(".")
    assert len(summary) > 10
    assert ". " not in summary.replace("et al.", "et al").replace("...", ""), "one sentence"
    assert ">>>" in op.doc
    test = doctest.DocTestParser().get_doctest(op.doc, vars(ops).copy(), op.name, None, 0)
    assert doctest.DocTestRunner(verbose=False).run(test).failed == 0


@every_op
def test_domain_and_kinks_are_sane(op):
    assert len(op.domain) <= (op.arity or 1) or not op.domain
    for domain in op.domain:
        assert isinstance(domain, Domain)
        assert domain.low < domain.high
        assert not any(map(domain.contains, domain.excluding))
        assert "x" in domain.named("x")
        assert not domain.contains(math.nan)
        assert not domain.contains(math.inf)
    for kink in op.kinks:
        assert isinstance(kink, Kink)
        assert kink.where
        assert kink.slope
        assert not math.isnan(gap_at(kink, [x + 0.25 for x in range(op.arity or 3)], {}))


@every_op
def test_gaps_vanish_at_their_kinks(op):
    """Somewhere among small numbers every kink has its place, and the slopes there are finite."""
    for kink in op.kinks:
        places = [
            operands
            for operands in product((-1.0, 0.0, 0.5, 1.0), repeat=op.arity or 2)
            if all(op.domain_of(i).contains(x) for i, x in enumerate(operands)) and gap_at(kink, operands, {}) == 0
        ]
        assert places, kink
        assert all(math.isfinite(slope) for operands in places for slope in op.evaluate(*operands)[1])


@every_op
def test_signature(op):
    found = re.fullmatch(r"(\w+)\((.*)\)", op.signature())
    assert found
    assert found[1] == op.name
    settings = found[2].split(", ")[2 if op.pairs else op.arity or 1 :]
    assert settings == [name if d is None else f"{name}={d:g}" for name, d in op.params.items()]
    assert repr(op) == f"<primitive {op.name}{''.join(f', {s}' for s in settings if '=' in s)}>"


@every_op
def test_parameters_are_checked(op):
    with pytest.raises(ParameterError, match=f"{op.name} has no parameter 'bogus' \\(it has: "):
        op.bind(bogus=1.0)
    for name, default in op.params.items():
        with pytest.raises(ParameterError, match="gets no gradient, so it must be a number"):
            op.bind(**{name: Value(1.0)})
        with pytest.raises(NotARealNumberError, match=f"{op.name}'s parameter {name} needs one real number"):
            op.bind(**{name: "1"})
        if default is None and not op.per_operand:
            with pytest.raises(ParameterError, match=f"needs its parameter {name}"):
                op(*[1.0] * (op.arity or 3))


@every_op
def test_operands_are_counted(op):
    if op.pairs:
        for wrong in ([1.0],), ([1.0], [2.0], [3.0]), (1.0, 2.0), ():
            with pytest.raises(OperandError, match="takes two lists"):
                op(*wrong)
        with pytest.raises(OperandError, match="two lists of one length, got 1 and 2"):
            op([1.0], [1.0, 2.0])
    elif op.arity is not None:
        params = {name: 1.0 for name, default in op.params.items() if default is None}
        for count in (op.arity - 1, op.arity + len(op.params) + 1):
            with pytest.raises(OperandError, match=re.escape(op.name)):
                op(*[0.5] * count, **params)


def test_domains_in_words():
    assert Domain().named("x") == "any x"
    assert Domain(excluding=(0.0,)).named("y") == "y != 0"
    assert Domain(0.0).named("x") == "x > 0"
    assert Domain(0.0, closed=True).named("x") == "x >= 0"
    assert Domain(high=700.0).named("x") == "x < 700"
    assert Domain(-1.0, 1.0, closed=True, excluding=(0.0,)).named("x") == "-1 <= x <= 1, x != 0"
    assert repr(Domain(-1.0, 2.0)) == "Domain(-1 < x < 2)"
    assert Domain(-1.0, 1.0, closed=True).contains(1.0)
    assert not Domain(-1.0, 1.0).contains(1.0)
    assert not Domain(excluding=(2.0,)).contains(2.0)
    assert not Domain().contains(math.inf)


def test_namespaces_have_the_elementary_functions():
    for namespace in (floats, ieee_floats, arrays, high_precision):
        assert set(ELEMENTARY) <= set(vars(namespace))
        with pytest.raises(AttributeError, match="'bogus' is none"):
            namespace.bogus  # noqa: B018 - the look-up is the test


def test_softmax_index_must_be_one_of_the_operands():
    for index in (-1, 3, 1.5):
        with pytest.raises(ParameterError, match="index"):
            ops.softmax([1.0, 2.0, 3.0], index=index)


def test_a_bound_softmax_gives_its_one_result():
    bound = ops.softmax.bind(index=1)
    assert bound([1.0, 2.0, 3.0]) == ops.softmax([1.0, 2.0, 3.0])[1]
    node = ops.softmax([Value(1.0), Value(2.0)], index=1)
    assert node.op([1.0, 2.0]) == node.data


def test_parameters_by_position_and_by_name():
    assert ops.clip(5.0, 0.0, 2.0) == ops.clip(5.0, high=2.0, low=0.0) == ops.clip(5.0, 0.0, high=2.0) == 2.0
    assert ops.power(2.0, 3) == ops.power(2.0, n=3) == 8.0
    assert ops.leaky_relu(Value(-2.0), 0.5).slopes == (0.5,)


# ---------------------------------------------------------------- an operation of one's own


@pytest.fixture
def own():
    """Register an operation for one test."""

    @primitive(slopes=lambda m, y, x, *, k: (k * m.cos(k * x),), latex=r"\sin\left({k}{0}\right)")
    def wave(m, x, *, k=2.0):
        """Sine of k x, sin(k x)."""
        return m.sin(k * x)

    yield wave
    registry_module = inspect.getmodule(Primitive)
    registry_module.forget(wave)


def test_own_operation_works_everywhere(own):
    x = Value(0.3)
    y = own(x, k=3.0)
    y.backward(create_graph=True)
    slope = x.grad
    x.grad = 0.0
    slope.backward()
    assert (y.data, slope.data) == (math.sin(3.0 * 0.3), 3.0 * math.cos(3.0 * 0.3))
    assert math.isclose(x.grad, -9.0 * math.sin(0.9))
    assert registry["wave"] is own
    assert own.signature() == "wave(x, k=2)"
    assert own.bind(k=3).write(["a"]) == "wave(a, k=3)"
    assert own.bind(k=3).write(["a"], latex=True) == r"\sin\left(3a\right)"


def test_registration_is_checked():
    with pytest.raises(RegistrationError, match="exp is a built-in operation; choose another name"):

        @primitive(slopes=(1.0,))
        def exp(m, x):
            """Not ours."""

    with pytest.raises(RegistrationError, match="needs a docstring"):

        @primitive(slopes=(1.0,))
        def undocumented(m, x):
            return x

    with pytest.raises(RegistrationError, match="no operand"):

        @primitive(slopes=(1.0,))
        def nothing(m):
            """No operand."""

    with pytest.raises(RegistrationError, match="needs the namespace m"):

        @primitive(slopes=(1.0,))
        def less_than_nothing():
            """No namespace."""

    with pytest.raises(RegistrationError, match="use def instead of lambda"):
        primitive(slopes=(1.0,))(lambda m, x: x)
    with pytest.raises(RegistrationError, match="built-in operation and stays"):
        forget(ops.exp)
    with pytest.raises(TypeError):
        registry["exp"] = None
    assert not {"undocumented", "nothing", "less_than_nothing", "<lambda>"} & set(registry)


def test_redefining_an_own_operation_replaces_it(own):
    @primitive(slopes=(2.0,))
    def wave(m, x):
        """Twice x, 2 x."""
        return 2.0 * x

    assert registry["wave"] is wave
    assert wave(3.0) == 6.0


def test_a_rule_that_turns_complex_is_refused():
    @primitive(slopes=lambda m, y, x: (0.5 / y,))
    def naive_root(m, x):
        """Root by Python's own power, x ** 0.5."""
        return x**0.5

    try:
        assert naive_root(4.0) == 2.0
        assert math.isnan(naive_root(-4.0)), "careful floats take over before anything complex is returned"
    finally:
        forget(naive_root)


# ---------------------------------------------------------------- details that planted mistakes once survived


def test_closed_ends_of_a_domain_belong_to_it():
    unit = Domain(-1.0, 1.0, closed=True)
    assert unit.contains(-1.0)
    assert unit.contains(1.0)
    assert not unit.contains(math.nextafter(-1.0, -2.0))
    assert not Domain(-1.0, 1.0).contains(1.0)
    assert not Domain(closed=True).contains(math.inf), "infinite ends never belong"


def test_a_parameter_given_by_name_leaves_the_next_position_free():
    assert ops.clip(5.0, 3.0, low=0.0) == 3.0


@every_op
def test_gaps_do_not_vanish_elsewhere(op):
    """At points that no kink of ours touches, whatever their signs."""
    for operands in product((-1.3, -0.7, 0.6, 1.7), repeat=op.arity or 2):
        ties = len(set(operands)) < len(operands)
        if all(op.domain_of(i).contains(x) for i, x in enumerate(operands)) and not ties:
            assert all(gap_at(kink, operands, {}) != 0 for kink in op.kinks), operands


@pytest.mark.parametrize("op", [ops.hypot, ops.atan2], ids=lambda op: op.name)
@pytest.mark.parametrize(("x", "y"), list(product((-2.0, 2.0), repeat=2)))
def test_the_kink_at_the_origin_is_no_diagonal(op, x, y):
    assert op.kinks[0].gap(x, y) != 0
    assert op.kinks[0].gap(0.0, y) != 0
    assert op.kinks[0].gap(x, 0.0) != 0


def test_kinks_of_clip_are_its_two_ends():
    [kink] = ops.clip.kinks
    assert [kink.gap(x, low=-2.0, high=3.0) == 0 for x in (-3.0, -2.0, 2.0, 3.0)] == [False, True, False, True]


def test_relu_of_minus_zero_is_plus_zero():
    assert math.copysign(1.0, ops.relu(-0.0)) == 1.0


@pytest.mark.parametrize(("numbers", "count"), [((2.0,), "1 slope"), ((2.0, 3.0), "2 slopes")])
def test_slopes_that_are_no_tuple_are_refused(numbers, count):
    @primitive(slopes=lambda m, y, *xs: xs[0])
    def untupled(m, *xs):
        """The first number."""
        return xs[0]

    try:
        with pytest.raises(OperandError, match=rf"must return a tuple of {count}, one per operand, got 2.0 \(float\)"):
            untupled(*numbers)
    finally:
        forget(untupled)


def test_slopes_that_are_no_numbers_are_refused():
    @primitive(slopes=lambda m, y, x: ("steep",))
    def worded(m, x):
        """One, as an int."""
        return 1

    try:
        with pytest.raises(OperandError, match="the rules of worded must give numbers, got 1 and"):
            worded(2.0)
    finally:
        forget(worded)


def test_kinks_and_namespaces_describe_themselves():
    assert repr(ops.relu.kinks[0]) == f"Kink(where={ops.relu.kinks[0].where!r}, slope={ops.relu.kinks[0].slope!r})"
    with pytest.raises(AttributeError, match="registered operations; 'nonsense' is none"):
        _ = floats.nonsense


def test_careful_floats_are_good_company():
    """They keep to themselves among floats, and let other kinds of number answer."""
    for result in (
        2.0 ** IEEEFloat(3.0),
        2.0 + IEEEFloat(6.0),
        8.0 / IEEEFloat(1.0),
        -IEEEFloat(-8.0),
        abs(IEEEFloat(-8.0)),
    ):
        assert (type(result), result) == (IEEEFloat, 8.0)
    assert IEEEFloat(0.5) + Fraction(1, 2) == 1
    with pytest.raises(TypeError, match="unsupported operand"):
        IEEEFloat(1.0) + "x"


def test_a_parameter_not_given_yet_does_not_disturb_a_formula_without_it():
    @primitive(slopes=lambda m, y, x, *, k: (k,), text="scaled {0}")
    def scaled(m, x, *, k):
        """K times x."""
        return k * x

    try:
        assert scaled.write(["a"]) == "scaled a"
    finally:
        forget(scaled)


def test_gaps_leave_out_the_parameters_that_a_kink_does_not_know():
    assert ops.leaky_relu.gaps(2.0) == ops.leaky_relu.bind(alpha=0.5).gaps(2.0) == [2.0]
    assert ops.clip.bind(low=0.0, high=2.0).gaps(0.0) == [0.0]


DOMAINS = {
    "acos": ["-1 <= x <= 1"],
    "asin": ["-1 <= x <= 1"],
    "cosh": ["-300 < x < 300"],
    "div": ["any x", "y != 0"],
    "exp": ["x < 700"],
    "expm1": ["x < 700"],
    "floordiv": ["any x", "y != 0"],
    "log": ["x > 0"],
    "log1p": ["x > -1"],
    "mod": ["any x", "y != 0"],
    "pow": ["x > 0", "any y"],
    "power": ["x > 0"],
    "remainder": ["any x", "y != 0"],
    "sinh": ["-300 < x < 300"],
    "sqrt": ["x > 0"],
}


@pytest.mark.parametrize("name", sorted(DOMAINS))
def test_domains_as_in_textbooks(name):
    op = registry[name]
    assert [op.domain_of(i).named(operand) for i, operand in enumerate(op.operands)] == DOMAINS[name]


FORMULAS = {
    "abs": r"\left|a\right|",
    "acos": r"\arccos\left(a\right)",
    "add": "a + b",
    "asin": r"\arcsin\left(a\right)",
    "atan": r"\arctan\left(a\right)",
    "ceil": r"\left\lceil a\right\rceil",
    "clip": r"\operatorname{clip}\left(a, -1, 1\right)",
    "cos": r"\cos\left(a\right)",
    "cosh": r"\cosh\left(a\right)",
    "div": r"\frac{a}{b}",
    "dot": r"\left[a, b\right] \cdot \left[c, d\right]",
    "elu": r"\operatorname{ELU}_{1}\left(a\right)",
    "equal": "a = b",
    "exp": "e^{a}",
    "expm1": "e^{a} - 1",
    "floor": r"\left\lfloor a\right\rfloor",
    "floordiv": r"\left\lfloor\frac{a}{b}\right\rfloor",
    "gelu": r"\operatorname{GELU}\left(a\right)",
    "gelu_tanh": r"\operatorname{GELU}_{\tanh}\left(a\right)",
    "greater": "a > b",
    "greater_equal": r"a \ge b",
    "hypot": r"\sqrt{a^2 + b^2}",
    "identity": "a",
    "leaky_relu": r"\operatorname{LeakyReLU}_{0.01}\left(a\right)",
    "log": r"\ln\left(a\right)",
    "log1p": r"\ln\left(1 + a\right)",
    "log_softmax": r"\operatorname{logsoftmax}_{2}\left(a, b, c\right)",
    "logsumexp": r"\operatorname{logsumexp}\left(a, b, c\right)",
    "max": r"\max\left(a, b, c\right)",
    "maximum": r"\max\left(a, b\right)",
    "mean": r"\operatorname{mean}\left(a, b, c\right)",
    "min": r"\min\left(a, b, c\right)",
    "minimum": r"\min\left(a, b\right)",
    "mish": r"\operatorname{Mish}\left(a\right)",
    "mod": r"a \bmod b",
    "mul": r"a \cdot b",
    "neg": "-a",
    "not_equal": r"a \ne b",
    "pow": "{a}^{b}",
    "power": "{a}^{2}",
    "prod": r"\textstyle\prod\left(a, b, c\right)",
    "relu": r"\operatorname{ReLU}\left(a\right)",
    "remainder": r"a \bmod b",
    "sigmoid": r"\sigma\left(a\right)",
    "silu": r"\operatorname{SiLU}\left(a\right)",
    "sin": r"\sin\left(a\right)",
    "sinh": r"\sinh\left(a\right)",
    "softmax": r"\operatorname{softmax}_{2}\left(a, b, c\right)",
    "sqrt": r"\sqrt{a}",
    "sub": "a - b",
    "sum": r"\textstyle\sum\left(a, b, c\right)",
    "tan": r"\tan\left(a\right)",
    "tanh": r"\tanh\left(a\right)",
    "where": r"\begin{cases}b & a \ne 0\\c & \text{otherwise}\end{cases}",
}
COMMANDS = (
    "arccos arcsin arctan begin bmod cdot cos cosh end frac ge lceil left lfloor ln max min ne operatorname prod "
    "rceil rfloor right sigma sin sinh sqrt sum tan tanh text textstyle"
)


def latex_of(op):
    params = {name: 2.0 if default is None else default for name, default in op.params.items()}
    count = (4 if op.pairs else 3) if op.arity is None else op.arity
    return fixed(op, params).write(["a", "b", "c", "d"][:count], latex=True)


@pytest.mark.parametrize("name", sorted(FORMULAS))
def test_formulas_as_in_textbooks(name):
    assert latex_of(registry[name]) == FORMULAS[name]


@every_op
def test_latex_commands_do_not_run_into_their_operands(op):
    commands = re.findall(r"\\([A-Za-z]+)", latex_of(op).replace(r"\\", " "))
    assert set(commands) <= set(COMMANDS.split())


def test_signs_in_pictures():
    signs = {name: op.symbol for name, op in registry.items() if op in OPERATIONS and op.symbol != name}
    assert signs == {
        "add": "+",
        "div": "/",
        "equal": "==",
        "floordiv": "//",
        "greater": ">",
        "greater_equal": ">=",
        "identity": "=",
        "mod": "fmod",
        "mul": "*",
        "not_equal": "!=",
        "pow": "**",
        "power": "**",
        "remainder": "%",
        "sub": "-",
    }


def test_what_an_operation_is_given_when_it_says_nothing():
    @primitive(slopes=lambda m, y, *xs: (1.0,) * len(xs))
    def plain_total(m, *xs):
        """Sum of any number of numbers, x_1 + ... + x_n."""
        return m.sum(xs)

    try:
        assert (plain_total.symbol, plain_total.write(["a", "b"])) == ("plain_total", "plain_total(a, b)")
        assert plain_total.write(["a", "b"], latex=True) == r"\operatorname{plain\_total}\left(a, b\right)"
        assert (plain_total.domain_of(0).named("x"), plain_total.kinks) == ("any x", ())
        assert plain_total([]) == plain_total() == 0.0
    finally:
        forget(plain_total)


@pytest.mark.parametrize(
    ("number", "latex"), [(math.inf, r"\infty"), (-math.inf, r"-\infty"), (math.nan, r"\text{nan}"), (0.5, "0.5")]
)
def test_parameters_in_latex(number, latex):
    assert ops.power.bind(n=number).write(["a"], latex=True) == f"{{a}}^{{{latex}}}"


TEXTS = {
    "identity": "a",
    "add": "a + b",
    "sub": "a - b",
    "mul": "a * b",
    "div": "a / b",
    "floordiv": "a // b",
    "remainder": "a % b",
    "neg": "-a",
    "pow": "a ** b",
    "mod": "mod(a, b)",
}


@pytest.mark.parametrize("name", sorted(TEXTS))
def test_texts_read_as_python(name):
    assert registry[name].write(["a", "b"][: registry[name].arity]) == TEXTS[name]


KINKS = {
    "abs": [("x = 0", "0")],
    "atan2": [("y = x = 0", "(0, 0)"), ("y = 0 > x", "that of the limit y -> 0+")],
    "ceil": [("x is an integer", "0")],
    "clip": [("x = low or x = high", "1")],
    "elu": [("x = 0", "alpha")],
    "equal": [("x = y", "0")],
    "floor": [("x is an integer", "0")],
    "floordiv": [("x / y is an integer", "0")],
    "greater": [("x = y", "0")],
    "greater_equal": [("x = y", "0")],
    "hypot": [("x = y = 0", "(0, 0)")],
    "leaky_relu": [("x = 0", "alpha")],
    "max": [("the largest is tied", "1/k for each of the k largest")],
    "maximum": [("x = y", "1/2 each")],
    "min": [("the smallest is tied", "1/k for each of the k smallest")],
    "minimum": [("x = y", "1/2 each")],
    "mod": [("x / y is an integer", "1 in x")],
    "not_equal": [("x = y", "0")],
    "relu": [("x = 0", "0")],
    "remainder": [("x / y is an integer", "1 in x")],
    "round": [("x is halfway between integers", "0")],
    "sign": [("x = 0", "0")],
    "where": [("condition = 0", "that of y")],
}


@pytest.mark.parametrize("name", sorted(KINKS))
def test_kinks_as_in_textbooks(name):
    assert [(kink.where, kink.slope) for kink in registry[name].kinks] == KINKS[name]


@pytest.mark.parametrize(("y", "x", "gap"), [(0.5, -1.0, 0.5), (0.0, -1.0, 0.0), (0.5, 0.0, 0.5), (0.0, 0.5, math.inf)])
def test_the_cut_of_atan2_is_the_negative_half_axis(y, x, gap):
    assert ops.atan2.kinks[1].gap(y, x) == gap


def test_facts_of_an_operation_of_ones_own():
    @primitive(slopes=(1.0, 1.0), pairs=True)
    def paired(m, xs, ys):
        """All of them, x1 + ... + yn."""
        return m.sum([*xs, *ys])

    try:
        assert (paired.doc, paired.__module__) == ("All of them, x1 + ... + yn.", __name__)
        assert paired.constant_slopes == (1.0, 1.0)
        assert paired.write(["a", "b", "c", "d"]) == "paired([a, b], [c, d])"
    finally:
        forget(paired)


def test_numbers_in_formulas():
    large, digits = ops.power.bind(n=1e20), ops.power.bind(n=1.23456789)
    assert (large.write(["a"]), large.write(["a"], latex=True)) == ("a ** 1e+20", "{a}^{10^{20}}")
    assert digits.write(["a"], latex=True) == "{a}^{1.23457}"
    assert ops.power.bind(n=2).write(["a\x1b"], latex=True) == "{a }^{2}"


# ---------------------------------------------------------------- short cuts


def test_short_cuts_are_what_the_rules_give():
    """To the last bit, signs of zeros and nan included."""
    rules = Namespace(**{name: getattr(floats, name) for name in ELEMENTARY})
    assert {"max", "maximum", "minimum"}.isdisjoint(ELEMENTARY)
    for x, y in product(SPECIAL, repeat=2):
        for name in ("maximum", "minimum"):
            assert repr(getattr(floats, name)(x, y)) == repr(getattr(rules, name)(x, y)), (name, x, y)
        for z in SPECIAL:
            assert repr(floats.max([x, y, z])) == repr(rules.max([x, y, z])), (x, y, z)
