"""The engine under its own kit: random graphs against 60 digits, hostile numbers, interrupts, threads, anomalies."""

import inspect
import math
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st
from number_systems import bits, same
from test_backward import interrupted

from autograd_tiny import Value, detect_anomaly, hessian, ops, registry
from autograd_tiny.errors import AnomalyError
from autograd_tiny.graph import Graph
from autograd_tiny.testing.exact import mpmath_gradient, mpmath_hessian
from autograd_tiny.testing.number_systems import mpmath_context, mpmath_numbers, replay
from autograd_tiny.testing.rounding import EPS, path_sums, rounding_error
from autograd_tiny.testing.strategies import expressions, hostile_floats
from autograd_tiny.value import gradients, topological_order

# ---------------------------------------------------------------- 2,000 random graphs

CHUNKS, GRAPHS = 20, 100  # a chunk is one test, so that they spread over processes
LEAST = {"graphs": GRAPHS, "results": 2 * GRAPHS, "sharing": GRAPHS // 2, "over 100 nodes": 15, "over 150 nodes": 5}
DRAWN = [((5, 20), 60), ((40, 80), 40), ((130, 150), 45)]  # graphs by instructions; some become too small or too large
MORE = [((130, 150), 20)] * 10  # as long as there are too few of a kind: what is drawn depends on the modules loaded
DIGITS = 40
FAINT = 1e-30  # what differences with so many digits make of a derivative that is 0
DIGITS_60 = mpmath_numbers(mpmath_context(60))


def vector_function(expression):
    return lambda numbers: expression(*numbers)


def rest_after(expression, place):
    """The root as a function of one result, every other way from the leaves left as it is."""

    def rest(x):
        results = iter(range(len(expression.instructions)))
        return expression.run(
            list(map(Value, expression.point)),
            lambda op, operands: x if next(results) == place else op.apply(*operands),
        )[-1]

    return rest


@pytest.mark.slow
@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_random_graphs_are_right(chunk):
    """Value and gradients to 1e-9, second derivatives to 1e-8, or 1e-12 of the terms that add up to them.

    The graphs have 5 to 200 nodes with sharing. Of the results inside each a few are checked.
    """
    seen = Counter()

    def check(expression):
        leaves = [Value(x) for x in expression.point]
        nodes = expression.run(leaves)
        root = nodes[-1]
        order = topological_order([root])
        if not 5 <= len(order) <= 200:
            return
        root.backward()
        number = replay(Graph.of(root), {}, DIGITS_60)[len(order) - 1]
        assert math.isclose(root.data, number, rel_tol=1e-9, abs_tol=1e-12 * rounding_error(root) / EPS)
        f, point = vector_function(expression), list(expression.point)
        places = {len(expression.instructions) * quarter // 4 for quarter in (1, 2, 3)}
        results = [nodes[len(leaves) + place] for place in places]
        exact = mpmath_gradient(f, point, digits=DIGITS)
        exact += [
            mpmath_gradient(rest_after(expression, place), result.data, digits=DIGITS)
            for place, result in zip(places, results, strict=True)
        ]
        checked = leaves + results
        paths_of = path_sums(root, leaves) + [path_sums(root, [result])[0] for result in results]
        for node, number, paths in zip(checked, exact, paths_of, strict=True):
            assert math.isclose(node.grad, number, rel_tol=1e-9, abs_tol=1e-12 * paths + FAINT)
        seen["graphs"] += 1
        seen["results"] += len(results)
        seen["over 100 nodes"] += len(order) > 100
        seen["over 150 nodes"] += len(order) > 150
        seen["sharing"] += sum(len(node.parents) for node in order) > len(order) - 1  # more edges than a tree
        check_hessian(f, point)

    def check_hessian(f, point):
        found, exact = hessian(f)(point), mpmath_hessian(f, point, digits=DIGITS)
        leaves = [Value(x) for x in point]
        for i, slope in enumerate(gradients([f(leaves)], leaves, create_graph=True)):
            for j, second in enumerate(gradients([slope], leaves, create_graph=True)):
                allowed = 1e-12 * rounding_error(second) / EPS + FAINT
                assert math.isclose(found[i][j], exact[i][j], rel_tol=1e-8, abs_tol=allowed)
                assert math.isclose(found[i][j], found[j][i], rel_tol=1e-8, abs_tol=allowed)

    def enough():
        return all(seen[kind] >= least for kind, least in LEAST.items())

    for turn, (size, count) in enumerate(DRAWN + MORE):
        if turn < len(DRAWN) or not enough():
            drawn = given(expressions(leaves=(1, 3), size=size))
            seed(chunk + CHUNKS * turn)(settings(max_examples=count)(drawn(check)))()
    assert enough(), seen


# ---------------------------------------------------------------- hostile numbers

every_op = pytest.mark.parametrize("op", registry.values(), ids=registry)
hostile = hostile_floats()


def ready(op):
    """Return the operation with a number for each parameter that has no usual one."""
    return op.bind(**{name: 1.0 if number is None else number for name, number in op.params.items()})


def operands_of(op, least=1):
    """Operands for a call on flat numbers."""
    if op.arity is not None:
        return st.tuples(*[hostile] * op.arity)
    size = {"min_size": max(2, op.at_least), "max_size": 4}
    if op.pairs:
        return (
            st.lists(st.tuples(hostile, hostile), **size)
            .map(lambda pairs: (*zip(*pairs, strict=True),))
            .map(lambda halves: (*halves[0], *halves[1]))
        )
    return st.lists(hostile, **size).map(tuple)


# What gives a number although an operand is nan, each by IEEE 754 or because the operand is not looked at.
IGNORES_NAN = {
    "pow": lambda x, y: x == 1.0 or y == 0.0,
    "hypot": lambda x, y: math.isinf(x) or math.isinf(y),
    "where": lambda c, x, y: not math.isnan(x if c != 0 else y),
}


@every_op
@given(data=st.data())
def test_hostile_numbers(op, data):
    """Nothing raises, a recorded node is op.evaluate, nan comes out where it went in, backward runs through."""
    op = ready(op)
    numbers = data.draw(operands_of(op))
    result, slopes = op.evaluate(*numbers)
    assert {type(x) for x in (result, *slopes)} == {float}
    leaves = [Value(x) for x in numbers]
    node = op.apply(*leaves)
    assert bits(node.data) == bits(result)
    assert [bits(x) for x in node.slopes] == [bits(x) for x in slopes]
    node.backward()
    assert [bits(leaf.grad) for leaf in leaves] == [bits(0.0 + slope) for slope in slopes]
    if any(map(math.isnan, numbers)) and not IGNORES_NAN.get(op.name, lambda *_: False)(*numbers):
        assert math.isnan(result)


NUMPY = {
    "identity": lambda x: x,
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": np.divide,
    "neg": np.negative,
    "abs": np.abs,
    "exp": np.exp,
    "expm1": np.expm1,
    "log": np.log,
    "log1p": np.log1p,
    "sqrt": np.sqrt,
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "asin": np.arcsin,
    "acos": np.arccos,
    "atan": np.arctan,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "tanh": np.tanh,
    "hypot": np.hypot,
    "atan2": np.arctan2,
    "pow": np.power,
    "floor": np.floor,
    "ceil": np.ceil,
    "round": np.rint,
    "sign": np.sign,
    "mod": np.fmod,
    "maximum": np.maximum,
    "minimum": np.minimum,
    "relu": lambda x: np.maximum(x, 0.0),
    "softplus": lambda x: np.logaddexp(0.0, x),
    "clip": lambda x: np.clip(x, -1.0, 1.0),
    "where": lambda c, x, y: np.where(c != 0, x, y),
    "sum": lambda *xs: np.cumsum(xs)[-1],
    "prod": lambda *xs: np.prod(xs),
    "max": lambda *xs: np.max(xs),
    "min": lambda *xs: np.min(xs),
    "logsumexp": lambda *xs: np.logaddexp.reduce(xs),
}


@pytest.mark.parametrize("name", NUMPY)
@given(data=st.data())
def test_hostile_numbers_as_in_numpy(name, data):
    numbers = data.draw(operands_of(registry[name]))
    with np.errstate(all="ignore"):
        expected = float(NUMPY[name](*map(np.float64, numbers)))
    result = ready(registry[name]).evaluate(*numbers)[0]
    assert same(result, expected) or math.isclose(result, expected, rel_tol=1e-14)


@given(x=hostile, y=hostile)
def test_symmetries_hold_for_hostile_numbers(x, y):
    """Bit for bit, signs of zero aside where two zeros tie."""
    assert bits(ops.neg(ops.neg(x))) == bits(x)
    assert bits(ops.abs(x)) == bits(ops.abs(ops.neg(x)))
    assert math.copysign(1.0, ops.abs(x)) == 1.0 or math.isnan(x)
    for larger, smaller in ((ops.maximum, ops.minimum), (lambda *xs: ops.max(xs), lambda *xs: ops.min(xs))):
        assert same(larger(x, y), larger(y, x))
        assert same(smaller(x, y), smaller(y, x))
        assert same(larger(x, y), ops.neg(smaller(ops.neg(x), ops.neg(y))))
    forward, backward_ = ops.maximum.evaluate(x, y)[1], ops.maximum.evaluate(y, x)[1]
    assert forward == backward_[::-1]
    for odd in (ops.sin, ops.tan, ops.asin, ops.atan, ops.sinh, ops.tanh, ops.erf, ops.sign, ops.round):
        assert same(odd(-x), -odd(x)), odd
    for even in (ops.cos, ops.cosh):
        assert same(even(-x), even(x)), even
    for commutative in (ops.add, ops.mul, ops.hypot):
        assert same(commutative(x, y), commutative(y, x)), commutative


# ---------------------------------------------------------------- stopped in the middle

small = expressions(size=(3, 12))


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError, MemoryError, SystemExit])
@pytest.mark.parametrize("create_graph", [False, True])
@given(expression=small)
def test_an_exception_at_any_node_is_all_or_nothing(error, create_graph, expression):
    leaves = [Value(x) for x in expression.point]
    root = expression(*leaves)
    root.backward()
    before = [bits(leaf.grad) for leaf in leaves]

    def fail(gradient):
        raise error

    nodes = topological_order([root])
    for node in nodes:
        remove = node.register_hook(fail)
        with pytest.raises(error):
            root.backward(create_graph=create_graph)
        remove()
        assert [bits(leaf.grad) for leaf in leaves] == before
    root.backward()
    assert [bits(leaf.grad) for leaf in leaves] == [bits(2 * float.fromhex(gradient)) for gradient in before]


@given(expression=small, start=st.integers(1, 100))
def test_ctrl_c_in_random_graphs_is_all_or_nothing(expression, start):
    leaves = [Value(x) for x in expression.point]
    root = expression(*leaves)
    root.backward()
    untouched = [leaf.grad for leaf in leaves]
    complete = [gradient + gradient for gradient in untouched]
    after, torn = start, []
    while interrupted(root.backward, after):
        outcome = [leaf.grad for leaf in leaves]
        torn += [after] * (outcome not in (untouched, complete))
        for leaf, gradient in zip(leaves, untouched, strict=True):
            leaf.grad = gradient
        after += 37
    assert torn == []
    assert [leaf.grad for leaf in leaves] == complete
    assert after > start


# ---------------------------------------------------------------- threads


@settings(max_examples=5)
@given(st.lists(expressions(size=(20, 100)), min_size=8, max_size=8))
def test_independent_graphs_in_threads(drawn):
    """Eight threads, each with a graph of its own, give the bits that one after the other gives."""

    def work(expression):
        outcomes = set()
        for _ in range(10):
            leaves = [Value(x) for x in expression.point]
            root = expression(*leaves)
            root.backward()
            outcomes.add(" ".join(bits(x) for x in (root.data, *[leaf.grad for leaf in leaves])))
        return outcomes

    alone = list(map(work, drawn))
    assert {len(outcomes) for outcomes in alone} == {1}
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, drawn)) == alone


# ---------------------------------------------------------------- anomalies


def planted(expression, places, bad):
    """Run the expression with ``bad(node, name)`` in the place of the results with these numbers."""
    count = 0

    def apply(op, operands):
        nonlocal count
        count += 1
        node = op.apply(*operands)
        return bad(node, f"planted{count}") if count in places else node

    return expression.run([Value(x, f"leaf{i}") for i, x in enumerate(expression.point)], apply)[-1]


def line_after(function, offset):
    return f"{__file__}:{inspect.getsourcelines(function)[1] + offset}"


@given(expression=small, data=st.data())
def test_the_first_bad_value_is_named(expression, data):
    def bad(node, name):
        wrong = node * 0.0 - 1.0
        wrong.label = name
        return ops.log(wrong)

    last = len(expression.instructions)
    places = data.draw(st.sets(st.integers(1, last), min_size=1))
    with detect_anomaly():
        planted(expression, (), bad)  # nothing bad, nothing found
        with pytest.raises(AnomalyError) as caught:
            planted(expression, places, bad)
    name, line = f"planted{min(places)}", line_after(bad, 3)
    assert str(caught.value) == f"forward: log({name}) with {name} = -1.0 (log needs x > 0; {line}) = nan"


@given(expression=small, data=st.data())
def test_the_first_bad_gradient_is_named(expression, data):
    """On the way back the first is the one nearest to the root."""

    def bad(node, name):
        zero = abs(node) * 0.0
        zero.label = name
        return ops.sqrt(zero) + node

    last = len(expression.instructions)
    places = data.draw(st.sets(st.integers(1, last), min_size=1, max_size=1)) | data.draw(st.sets(st.just(last)))
    with detect_anomaly():
        planted(expression, (), bad).backward()
        root = planted(expression, places, bad)
        with pytest.raises(AnomalyError) as caught:
            root.backward()
    name, line = f"planted{max(places)}", line_after(bad, 3)
    message = str(caught.value)
    assert message.startswith(f"backward: through sqrt({name}) with {name} = ")
    assert f"; {line}), " in message
    assert "operand 1 gets slope inf * upstream" in message
