"""grad and its relatives against closed forms, mpmath and each other."""

import gc
import math
from collections import namedtuple
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from number_systems import bits, mp

from autograd_tiny import (
    Value,
    atan2,
    dot,
    exp,
    grad,
    hessian,
    hvp,
    hypot,
    jacobian,
    jvp,
    log,
    logsumexp,
    no_grad,
    sigmoid,
    sin,
    softmax,
    sqrt,
    tanh,
    value_and_grad,
    vjp,
)
from autograd_tiny.errors import GraphError, NotARealNumberError
from autograd_tiny.functional import flatten, rebuild

Point = namedtuple("Point", "x y")
near = pytest.approx
small = st.floats(-2.0, 2.0)


# ---------------------------------------------------------------- containers


@pytest.mark.parametrize(
    "tree",
    [1.0, [1.0, 2.0], (1.0, [2.0, (3.0,)]), {"a": 1.0, "b": [2.0, {"c": 3.0}]}, Point(1.0, [2.0]), [], {"a": ()}],
)
def test_rebuild_undoes_flatten(tree):
    leaves = flatten(tree)
    assert rebuild(tree, leaves) == tree
    assert type(rebuild(tree, leaves)) is type(tree)
    assert flatten(rebuild(tree, [2 * leaf for leaf in leaves])) == [2 * leaf for leaf in leaves]


def test_only_numbers_in_containers():
    for wrong in ("1", [1.0, None], {"a": {1.0}}, [object()]):
        with pytest.raises(NotARealNumberError, match=r"a derivative needs one real number.*lists, tuples and dicts"):
            flatten(wrong)


# ---------------------------------------------------------------- grad


def test_closed_forms():
    assert grad(lambda x: x**3)(2.0) == 12.0
    assert grad(sin)(0.5) == math.cos(0.5)
    assert grad(lambda x: 7.0)(2.0) == 0.0
    assert grad(lambda x: x)(2.0) == 1.0
    assert grad(lambda x: exp(-x * x / 2))(1.5) == near(-1.5 * math.exp(-1.125))
    assert grad(logsumexp)([1.0, 1.0]) == near([0.5, 0.5])


def test_results_are_floats_for_floats_and_values_for_values():
    assert type(grad(sin)(0.5)) is float
    assert type(grad(sin)(1)) is float
    assert type(value_and_grad(sin)(1)[0]) is float
    x = Value(0.5)
    slope = grad(sin)(x)
    assert isinstance(slope, Value)
    slope.backward()
    assert x.grad == -math.sin(0.5)


def f(x, y, z):
    return x * x * y + sin(z) * y


@pytest.mark.parametrize(
    ("argnums", "expected"),
    [
        (0, 12.0),
        (1, 4.0 + math.sin(0.5)),
        (-1, 3.0 * math.cos(0.5)),
        ((0,), (12.0,)),
        ([2, 0], (3.0 * math.cos(0.5), 12.0)),
        ((0, -1), (12.0, 3.0 * math.cos(0.5))),
        (range(3), (12.0, 4.0 + math.sin(0.5), 3.0 * math.cos(0.5))),
        ((), ()),
    ],
)
def test_argnums(argnums, expected):
    assert grad(f, argnums)(2.0, 3.0, 0.5) == expected
    value, gradient = value_and_grad(f, argnums)(2.0, 3.0, 0.5)
    assert value == 12.0 + math.sin(0.5) * 3.0
    assert gradient == expected


def test_structures_come_back():
    def loss(p):
        return p["w"][0] * p["w"][1] + p["b"].x * p["b"].y[0] + 2 * p["t"][0]

    gradient = grad(loss)({"w": [2.0, 3.0], "b": Point(4.0, [5.0]), "t": (1.0, 9.0)})
    assert gradient == {"w": [3.0, 2.0], "b": Point(5.0, [4.0]), "t": (2.0, 0.0)}
    assert isinstance(gradient["b"], Point)
    assert list(gradient) == ["w", "b", "t"]


def test_keyword_arguments_are_passed_on():
    assert grad(lambda x, *, n, scale=1.0: scale * x**n)(2.0, n=3, scale=10.0) == 120.0


def test_arguments_that_are_not_chosen_may_be_anything():
    assert grad(lambda x, mode: x * 2 if mode == "double" else x)(1.0, "double") == 2.0


def test_wrapped_function_keeps_its_name():
    for made in (grad(f), value_and_grad(f), jacobian(f), hessian(f)):
        assert made.__name__ == "f"


def test_errors():
    with pytest.raises(GraphError, match=r"one number as its result, got \[.*use jacobian"):
        grad(lambda x: [x, x])(1.0)
    for argnums in (1, -2, (0, 5)):
        with pytest.raises(GraphError, match="does not exist: the function was called with 1 arguments"):
            grad(sin, argnums)(1.0)
    for argnums in ((0, 0), (1, -1)):
        with pytest.raises(GraphError, match="names an argument twice"):
            grad(lambda x, y: x * y, argnums)(1.0, 2.0)
    with pytest.raises(NotARealNumberError, match=r"got None .*forget to return"):
        grad(lambda x: None)(1.0)
    with pytest.raises(NotARealNumberError, match="got 'a'"):
        grad(sin)("a")


# ---------------------------------------------------------------- higher orders


def test_grad_of_grad_of_grad():
    derivatives = [sin]
    for _ in range(6):
        derivatives.append(grad(derivatives[-1]))
    for order, derivative in enumerate(derivatives[1:], start=1):
        assert derivative(0.7) == near(math.sin(0.7 + order * math.pi / 2), rel=1e-12)


@pytest.mark.parametrize(
    ("g", "precise"),
    [
        (lambda x: tanh(x) * x, lambda x: mp.tanh(x) * x),
        (lambda x: exp(sin(x * x)), lambda x: mp.exp(mp.sin(x * x))),
        (lambda x: log(1 + x**4) / sqrt(x * x + 2), lambda x: mp.log(1 + x**4) / mp.sqrt(x * x + 2)),
        (lambda x: sigmoid(x) ** 3, lambda x: 1 / (1 + mp.exp(-x)) ** 3),
        (lambda x: 2**x * atan2(x, 1 + x * x), lambda x: 2**x * mp.atan2(x, 1 + x * x)),
    ],
)
def test_fourth_derivatives_against_mpmath(g, precise):
    for order in range(1, 5):
        g = grad(g)
        assert g(0.6) == near(float(mp.diff(precise, mp.mpf(0.6), order)), rel=1e-11)


def test_grad_of_a_function_that_uses_grad():
    def speed(t):
        return grad(lambda s: s**3 + t * s)(t)

    # d/ds (s^3 + t s) at s = t is 3 t^2 + t
    assert speed(2.0) == 14.0
    assert grad(speed)(2.0) == 13.0
    assert grad(grad(speed))(2.0) == 6.0


# ---------------------------------------------------------------- captured Values, perturbation confusion


def test_perturbation_confusion():
    assert grad(lambda x: x * grad(lambda y: x + y)(1.0))(1.0) == 1.0
    assert grad(lambda x: x * grad(lambda y: x + y)(x))(1.0) == 1.0


def test_inner_derivative_depends_on_the_outer_variable():
    """d/dx [x * d/dy (x y)] = d/dx x^2, wherever the inner function is evaluated."""
    assert grad(lambda x: x * grad(lambda y: x * y)(2.0))(3.0) == 6.0
    assert grad(lambda x: x * grad(lambda y: x * y)(x))(3.0) == 6.0
    assert grad(lambda x: grad(lambda y: x * x * y * y)(5.0))(3.0) == 60.0
    assert grad(lambda x: grad(lambda y, *, w: w * y * y)(2.0, w=x))(3.0) == 4.0
    assert grad(lambda x: grad(lambda y: grad(lambda z: x * y * z * z)(2.0))(1.0))(1.0) == 4.0
    assert grad(lambda x: grad(lambda y: grad(lambda z: x**3 * z)(2.0) * y)(1.0))(2.0) == 12.0


def test_inner_derivatives_of_every_kind_depend_on_the_outer_variable():
    assert grad(lambda x: jvp(lambda y: x * y * y, (2.0,), (1.0,))[1])(3.0) == 4.0
    assert grad(lambda x: jvp(lambda y: x * y * y, (2.0,), (1.0,))[0])(3.0) == 4.0
    assert grad(lambda x: vjp(lambda y: x * y * y, 2.0)[1](1.0)[0])(3.0) == 4.0
    assert grad(lambda x: vjp(lambda y: y * y, 2.0)[1](x)[0])(3.0) == 4.0
    assert grad(lambda x: jacobian(lambda y: [x * y, y])(2.0)[0])(3.0) == 1.0
    assert grad(lambda x: hessian(lambda y: x * x * y**3)(2.0))(3.0) == 72.0
    assert grad(lambda x: hvp(lambda y: x * x * y**3, (2.0,), (1.0,))[0])(3.0) == 72.0
    assert grad(lambda x: value_and_grad(lambda y: x * y * y)(2.0)[0])(3.0) == 4.0
    assert jvp(lambda x: grad(lambda y: x * y * y)(2.0), (3.0,), (1.0,)) == (12.0, 4.0)
    assert jacobian(lambda x: [grad(lambda y: x * y * y)(2.0)])(3.0) == [4.0]


def test_values_in_keyword_arguments_stay_tied():
    w = Value(3.0)
    slope = grad(lambda x, *, w: w * x * x)(2.0, w=w)
    slope.backward()
    assert (slope.data, w.grad) == (12.0, 4.0)


def test_captured_intermediate_results():
    def outer(x):
        squared = x * x
        return grad(lambda y: squared * y)(10.0)

    assert grad(outer)(3.0) == 6.0


def test_captured_values_are_constants_and_keep_their_gradients():
    w = Value(3.0, "w")
    (w * 2).backward()
    slope = grad(lambda x: w * x * x)(2.0)
    assert slope == 12.0
    assert type(slope) is float
    assert w.grad == 2.0
    assert jvp(lambda x: w * x, (2.0,), (1.0,)) == (6.0, 3.0)
    assert vjp(lambda x: w * x, 2.0)[1](1.0) == (3.0,)
    assert jacobian(lambda x: [w * x, w])(2.0) == [3.0, 0.0]
    assert hessian(lambda x: w * x * x)(2.0) == 6.0
    assert w.grad == 2.0


def test_arguments_keep_their_gradients_and_graphs():
    x = Value(2.0)
    y = x * 3
    y.backward()
    slope = grad(lambda t: t * t)(y)
    assert (x.grad, y.grad) == (3.0, 1.0)
    assert slope.data == 12.0
    x.grad = 0.0
    slope.backward()
    assert x.grad == 6.0


def test_inner_results_under_no_grad_are_constants():
    def outer(x):
        with no_grad():
            frozen = x * 5
        return frozen * x

    assert grad(outer)(2.0) == 10.0


# ---------------------------------------------------------------- jacobian, hessian


def polar(v):
    return {"r": hypot(v[0], v[1]), "angle": atan2(v[1], v[0])}


def test_jacobian_structure_and_numbers():
    x, y = 3.0, 4.0
    rows = jacobian(polar)([x, y])
    assert rows == {"r": [near(x / 5), near(y / 5)], "angle": [near(-y / 25), near(x / 25)]}
    assert jacobian(lambda v: (v["a"] * 2, [v["a"] * v["b"]]))({"a": 3.0, "b": 5.0}) == (
        {"a": 2.0, "b": 0.0},
        [{"a": 5.0, "b": 3.0}],
    )
    assert jacobian(sin)(0.5) == math.cos(0.5)
    assert jacobian(lambda x, y: [x * y, y], argnums=1)(2.0, 3.0) == [2.0, 1.0]
    assert jacobian(lambda x, y: [x * y, y], argnums=(0, 1))(2.0, 3.0) == [(3.0, 2.0), (0.0, 1.0)]
    assert jacobian(lambda x: [x, 5.0])(2.0) == [1.0, 0.0]


def test_hessian_of_a_quadratic_form():
    a = [[2.0, -1.0, 0.5], [-1.0, 3.0, 0.25], [0.5, 0.25, 1.0]]
    assert hessian(lambda v: dot(v, [dot(row, v) for row in a]) / 2)([0.3, -0.7, 1.1]) == [near(row) for row in a]


def test_hessian_of_log_sum_exp():
    v = [0.3, -1.0, 2.0]
    p = softmax(v)
    expected = [[p[i] * ((i == j) - p[j]) for j in range(3)] for i in range(3)]
    assert hessian(logsumexp)(v) == [near(row, rel=1e-10, abs=1e-14) for row in expected]


def test_hessian_of_a_dict():
    assert hessian(lambda p: p["a"] ** 2 * p["b"])({"a": 3.0, "b": 2.0}) == {
        "a": {"a": 4.0, "b": 6.0},
        "b": {"a": 6.0, "b": 0.0},
    }
    assert hessian(lambda x: 3.0 * x)(1.0) == 0.0
    assert hessian(lambda x, y: x * y * y, argnums=1)(2.0, 3.0) == 4.0
    assert hessian(lambda x, y: x * y * y, argnums=(0, 1))(2.0, 3.0) == ((0.0, 6.0), (6.0, 4.0))


def rosenbrock(v):
    return sum((100 * (b - a**2) ** 2 + (1 - a) ** 2 for a, b in pairwise(v)), 0.0)


def tangle(v):
    a, b, c = v
    shared = tanh(a * b + c)
    return sin(shared * a) * exp(-shared) + logsumexp([a * c, shared, b]) / (1 + shared * shared)


def tangle_precise(a, b, c):
    shared = mp.tanh(a * b + c)
    return mp.sin(shared * a) * mp.exp(-shared) + mp.log(mp.exp(a * c) + mp.exp(shared) + mp.exp(b)) / (1 + shared**2)


@given(v=st.lists(small, min_size=3, max_size=3))
def test_first_and_second_derivatives_against_mpmath(v):
    gradient, matrix = grad(tangle)(v), hessian(tangle)(v)
    point = tuple(map(mp.mpf, v))
    for i in range(3):
        orders = [0, 0, 0]
        orders[i] += 1
        assert gradient[i] == near(float(mp.diff(tangle_precise, point, tuple(orders))), rel=1e-10, abs=1e-12)
    orders = (1, 0, 1)
    assert matrix[0][2] == near(float(mp.diff(tangle_precise, point, orders)), rel=1e-9, abs=1e-11)


@given(v=st.lists(small, min_size=3, max_size=3), u=st.lists(small, min_size=3, max_size=3))
def test_identities(v, u):
    """The Hessian is symmetric, hvp is Hessian times vector, jvp is vjp transposed."""
    for function in (rosenbrock, tangle):
        matrix = hessian(function)(v)
        scale = max(1.0, *(abs(number) for row in matrix for number in row)) * max(1.0, *map(abs, u))
        for i in range(3):
            for j in range(i):
                assert matrix[i][j] == near(matrix[j][i], rel=1e-10, abs=1e-13 * scale)
        (product,) = hvp(function, (v,), (u,))
        expected = [math.fsum(m * x for m, x in zip(row, u, strict=True)) for row in matrix]
        assert product == near(expected, rel=1e-9, abs=1e-12 * scale)
        gradient = grad(function)(v)
        assert jvp(function, (v,), (u,))[1] == near(
            math.fsum(g * x for g, x in zip(gradient, u, strict=True)), rel=1e-10, abs=1e-12 * scale
        )


@given(
    v=st.lists(small, min_size=2, max_size=2),
    u=st.lists(small, min_size=2, max_size=2),
    w=st.lists(small, min_size=3, max_size=3),
)
def test_jvp_is_vjp_transposed(v, u, w):
    def g(x):
        return [x[0] * x[1], {"a": sin(x[0]), "b": (x[1] ** 3,)}]

    result, forward = jvp(g, (v,), (u,))
    value, pull = vjp(g, v)
    assert result == value
    (reverse,) = pull([w[0], {"a": w[1], "b": (w[2],)}])
    left = math.fsum(a * b for a, b in zip(flatten(forward), w, strict=True))
    right = math.fsum(a * b for a, b in zip(reverse, u, strict=True))
    assert left == near(right, rel=1e-12, abs=1e-13)
    rows = flatten(jacobian(g)(v))
    assert flatten(forward) == near([rows[2 * i] * u[0] + rows[2 * i + 1] * u[1] for i in range(3)])


# ---------------------------------------------------------------- jvp, vjp, hvp


def test_jvp():
    assert jvp(lambda x, y: x * y, (3.0, 2.0), (1.0, 10.0)) == (6.0, 32.0)
    assert jvp(lambda v: [v[0] * 2, v[1]], ([3.0, 2.0],), ([1.0, 10.0],)) == ([6.0, 2.0], [2.0, 10.0])
    assert jvp(lambda x: 5.0, (3.0,), (1.0,)) == (5.0, 0.0)
    assert jvp(lambda x: x, (3.0,), (4.0,)) == (3.0, 4.0)
    assert jvp(lambda x: {"a": x, "b": 7}, (3.0,), (4.0,)) == ({"a": 3.0, "b": 7.0}, {"a": 4.0, "b": 0.0})


def test_jvp_with_values_can_be_differentiated():
    x = Value(2.0)
    value, move = jvp(lambda t: t**3, (x,), (1.0,))
    assert (value.data, move.data) == (8.0, 12.0)
    move.backward()
    assert x.grad == 12.0
    u = Value(5.0)
    move = jvp(lambda t: t**3, (2.0,), (u,))[1]
    move.backward()
    assert (move.data, u.grad) == (60.0, 12.0)


def test_forward_over_forward():
    assert jvp(lambda x: jvp(lambda y: y**4, (x,), (1.0,))[1], (2.0,), (1.0,)) == (32.0, 48.0)


def test_jvp_of_a_deep_function():
    def deep(x):
        for _ in range(20_000):
            x = x + 1e-4
        return x * x

    assert jvp(deep, (1.0,), (1.0,)) == (near(9.0), near(6.0))


def test_vjp():
    result, pull = vjp(lambda x, v: {"p": x * v[0], "q": v[1]}, 3.0, (2.0, 5.0))
    assert result == {"p": 6.0, "q": 5.0}
    assert pull({"p": 1.0, "q": 10.0}) == (2.0, (3.0, 10.0))
    assert pull({"q": 0.0, "p": 2.0}) == (4.0, (6.0, 0.0)), "entries belong to their keys, not to their order"
    assert vjp(sin, 0.5)[1](2.0) == (2.0 * math.cos(0.5),)


def test_tangents_belong_to_their_keys():
    def g(p):
        return 2.0 * p["a"] + p["b"]

    assert jvp(g, ({"a": 1.0, "b": 2.0},), ({"b": 0.0, "a": 1.0},)) == (4.0, 2.0)


@pytest.mark.parametrize(
    ("primals", "tangents"),
    [
        (([1.0, 2.0], [3.0]), ([1.0], [2.0, 3.0])),
        ((1.0,), (1.0, 2.0)),
        ((1.0,), ([1.0],)),
        (([1.0],), (1.0,)),
        (({"a": 1.0},), ({"b": 1.0},)),
        ((1.0,), 1.0),
    ],
)
def test_structures_must_agree(primals, tangents):
    with pytest.raises(GraphError, match="the tangents must have the structure of the primals"):
        jvp(lambda *args: 1.0, primals, tangents)
    with pytest.raises(GraphError, match="the tangents must have the structure of the primals"):
        hvp(lambda *args: sum(map(sin, flatten(list(args))), 0.0), primals, tangents)


def test_upstream_must_fit_the_result():
    pull = vjp(lambda x: [x, {"a": x}], 1.0)[1]
    for upstream in (1.0, [1.0], [1.0, 1.0], [1.0, {"b": 1.0}], [[1.0], {"a": 1.0}]):
        with pytest.raises(GraphError, match="the upstream gradient must have the structure of the result"):
            pull(upstream)


def test_hvp():
    assert hvp(lambda x, y: x * x * y, (3.0, 2.0), (1.0, 0.0)) == (4.0, 6.0)
    assert hvp(lambda p: p["a"] ** 3, ({"a": 2.0},), ({"a": 1.0},)) == ({"a": 12.0},)
    x = Value(2.0)
    (product,) = hvp(lambda t: t**4, (x,), (1.0,))
    product.backward()
    assert (product.data, x.grad) == (48.0, 48.0)


def test_calls_leave_nothing_behind():
    """No variable outlives its call, not even when the function fails."""

    def fail(x):
        raise ZeroDivisionError

    def work():
        grad(lambda x: x * grad(lambda y: x * y)(2.0))(3.0)
        hessian(tangle)([0.3, -0.7, 1.1])
        jvp(sin, (1.0,), (1.0,))
        with pytest.raises(ZeroDivisionError):
            grad(fail)(1.0)

    work()
    gc.collect()
    before = sum(type(thing) is Value for thing in gc.get_objects())
    for _ in range(3):
        work()
    gc.collect()
    assert sum(type(thing) is Value for thing in gc.get_objects()) <= before


def test_results_are_the_same_to_the_last_bit_by_every_road():
    v = [0.3, -0.7, 1.1]
    leaves = [Value(x) for x in v]
    tangle(leaves).backward()
    gradient = grad(tangle)(v)
    assert [bits(leaf.grad) for leaf in leaves] == [bits(g) for g in gradient]
    assert [bits(g) for g in vjp(tangle, v)[1](1.0)[0]] == [bits(g) for g in gradient]
    assert [bits(g.data) for g in grad(tangle)([Value(x) for x in v])] == [bits(g) for g in gradient]


# ---------------------------------------------------------------- details that planted mistakes once survived


def test_what_is_no_function_or_no_number_of_an_argument_is_refused():
    for derivative in (grad, value_and_grad, jacobian, hessian):
        with pytest.raises(GraphError, match=r"a derivative is taken of a function, got 3.0; write lambda x: \.\.\."):
            derivative(3.0)(1.0)
    for argnums in ("0", (0.0,), 0.0, {0}):
        with pytest.raises(GraphError, match="argnums is the number of an argument, or a list of numbers, got"):
            grad(sin, argnums)(1.0)


def test_arguments_are_counted_from_the_end_too():
    assert grad(lambda x, y: x * x * y, -2)(3.0, 2.0) == 12.0


@pytest.mark.parametrize("derivative", [grad, value_and_grad, jacobian])
def test_attributes_of_a_function_stay_with_it(derivative):
    def square(x):
        return x * x

    square.weights = [1.0]
    assert not hasattr(derivative(square), "weights")


def test_an_inner_function_may_be_constant():
    assert grad(lambda x: grad(lambda y: 3.0)(1.0) * x + x)(2.0) == 1.0


def test_forward_mode_stays_above_its_arguments():
    x = Value(2.0)
    y = x * x
    x.data = 5.0  # the graph below y is out of date, and no business of ours
    value, slope = jvp(lambda v: v * v, (y,), (1.0,))
    assert (value.data, slope.data) == (16.0, 8.0)
