"""Mistakes that scalar engines are known for, one test each, named after what a user would see.

Most of them are recorded in the issue tracker of micrograd, whose readers fell into them.
"""

import copy
import math

import pytest

from autograd_tiny import (
    Value,
    acos,
    asin,
    backward,
    exp,
    forget,
    grad,
    hessian,
    log,
    log1p,
    no_grad,
    ops,
    primitive,
    registry,
    scope,
    sqrt,
    tanh,
)
from autograd_tiny.errors import GraphError, NotARealNumberError, OperandError, RegistrationError
from autograd_tiny.recording import MOST_SCOPES, PLAIN


def test_recursion_depth():
    """A loss summed over a few thousand examples must not hit Python's recursion limit."""
    w = Value(0.5)
    loss = Value(0.0)
    for i in range(20_000):
        loss = loss + w * (i % 2)
    loss.backward()
    assert w.grad == 10_000.0
    assert len(repr(loss)) < 60
    assert copy.deepcopy(loss).data == loss.data


def test_square_by_multiplication():
    x = Value(3.0)
    (x * x).backward()
    assert x.grad == 6.0


def test_a_value_added_to_itself():
    x = Value(3.0)
    (x + x).backward()
    assert x.grad == 2.0


def test_parents_as_a_set_would_lose_the_second_operand():
    x = Value(3.0)
    assert (x * x).parents == (x, x)
    assert (x - x).slopes == (1.0, -1.0)
    (x - x).backward()
    assert x.grad == 0.0
    (x / x).backward()
    assert x.grad == 0.0
    (x**x).backward()
    assert math.isclose(x.grad, 27.0 * (math.log(3.0) + 1.0))


def test_backward_twice_does_not_compound():
    """Interior gradients of the first call must not flow again in the second."""
    x = Value(2.0)
    y = (x * 3) ** 2
    y.backward()
    y.backward()
    assert x.grad == 2 * 36.0


def test_two_losses_that_share_a_node():
    x = Value(2.0)
    shared = x * 3
    first, second = shared * 5, shared * 7
    first.backward()
    second.backward()
    assert x.grad == 15.0 + 21.0
    x.grad = 0.0
    backward([first, second])
    assert x.grad == 36.0


def test_topological_order_of_a_diamond():
    """b = a + a; c = b + b: a visit before all users are done gives 2 instead of 4."""
    a = Value(1.0)
    b = a + a
    c = b + b
    c.backward()
    assert (a.grad, b.grad, c.grad) == (4.0, 2.0, 1.0)


def test_topological_order_of_a_long_and_a_short_way():
    x = Value(1.0)
    y = x * 2
    long = ((y * 3) + 1) * 5
    (y + long).backward()
    assert (y.grad, x.grad) == (16.0, 32.0)


def test_value_to_the_power_of_a_value():
    x, y = Value(2.0), Value(3.0)
    (x**y).backward()
    assert (x.grad, y.grad) == (12.0, 8.0 * math.log(2.0))


def test_number_to_the_power_of_a_value():
    x = Value(3.0)
    (2**x).backward()
    assert x.grad == 8.0 * math.log(2.0)


def test_power_zero_of_zero():
    x = Value(0.0)
    y = x**0
    y.backward()
    assert (y.data, x.grad) == (1.0, 0.0)


def test_power_of_a_float_number():
    x = Value(4.0)
    (x**0.5 + x**-1 + x**2.0).backward()
    assert x.grad == 0.25 - 0.0625 + 8.0


def test_root_of_a_negative_number_is_not_complex():
    x = Value(-4.0)
    y = x**0.5
    y.backward()
    assert type(y.data) is float
    assert math.isnan(y.data)
    assert math.isnan(x.grad)


def test_division_by_zero_is_no_exception():
    x = Value(0.0)
    y = 1 / x
    y.backward()
    assert (y.data, x.grad) == (math.inf, -math.inf)


def test_reflected_operators():
    x = Value(4.0)
    for result, expected in ((10 - x, 6.0), (10 / x, 2.5), (10 + x, 14.0), (10 * x, 40.0), (2**x, 16.0), (10 % x, 2.0)):
        assert result.data == expected


def test_data_changed_between_forward_and_backward():
    """An optimiser that steps before backward must not change the gradient of the loss already computed."""
    x, w = Value(3.0), Value(2.0)
    loss = (w * x) ** 2
    w.data = 100.0
    x.data = 100.0
    loss.backward()
    assert (w.grad, x.grad) == (2 * 6.0 * 3.0, 2 * 6.0 * 2.0)


def test_zeroed_gradients_start_afresh():
    w = Value(2.0)
    for _ in range(3):
        w.grad = 0.0
        (w * w).backward()
    assert w.grad == 4.0


def test_forgotten_zero_grad_adds_up():
    w = Value(2.0)
    for _ in range(3):
        (w * w).backward()
    assert w.grad == 12.0


def test_sum_of_a_hundred_thousand():
    xs = [Value(1.0) for _ in range(100_000)]
    total = sum(xs)
    total.backward()
    assert total.data == 100_000.0
    assert {x.grad for x in xs} == {1.0}


def test_sum_starts_with_the_number_zero():
    assert type(sum([Value(1.0), Value(2.0)])) is Value


def test_tanh_of_large_numbers():
    """(exp(2x) - 1) / (exp(2x) + 1) overflows at 355."""
    for x, y in ((400.0, 1.0), (-400.0, -1.0), (1e308, 1.0)):
        leaf = Value(x)
        node = tanh(leaf)
        node.backward()
        assert (node.data, leaf.grad) == (y, 0.0)


def test_sigmoid_of_large_negative_numbers():
    """1 / (1 + exp(800)) overflows."""
    x = Value(-800.0)
    y = x.sigmoid()
    y.backward()
    assert (y.data, x.grad) == (0.0, 0.0)


def test_exp_of_large_numbers():
    x = Value(1000.0)
    y = x.exp()
    y.backward()
    assert (y.data, x.grad) == (math.inf, math.inf)


def test_nan_is_not_hidden():
    x = Value(math.nan)
    for y in (x + 1, x * 0, ops.maximum(x, 1.0), ops.max([1.0, x]), x.relu(), x.tanh(), abs(x), ops.clip(x)):
        assert math.isnan(y.data)


def test_relu_at_zero():
    x = Value(0.0)
    x.relu().backward()
    assert x.grad == 0.0


def test_dead_relu_passes_nothing():
    x = Value(-1.0)
    (x.relu() * 5).backward()
    assert x.grad == 0.0


def test_in_place_operators_rebind():
    """``a += 1`` makes a new node; whoever holds the old one keeps it."""
    a = b = Value(2.0)
    a += 1
    a *= b
    a -= 1
    a /= 2
    a **= 2
    assert b.data == 2.0
    assert a is not b
    a.backward()
    assert b.grad == 2 * 2.5 * (2 * 2.0 + 1) / 2


def test_updating_a_parameter_by_an_operator_makes_a_node():
    """``w -= lr * w.grad`` grows a graph; ``w.data -= lr * w.grad`` is the update."""
    w = Value(1.0)
    (w * w).backward()
    updated = w
    updated -= 0.1 * w.grad
    assert updated.parents
    w.data -= 0.1 * w.grad
    assert (w.data, w.parents) == (0.8, ())


def test_equal_values_in_lists_are_found_by_number():
    """``in``, ``index`` and ``remove`` compare numbers; identity needs a set, a dict or ``is``."""
    a, b = Value(1.0), Value(1.0)
    assert b in [a]
    assert [a, b].index(b) == 0
    assert b not in {a}
    assert len({a, b}) == 2


def test_if_value_asks_for_not_zero():
    assert not Value(0.0)
    assert Value(-1.0)
    assert [x.data for x in (Value(0.0), Value(2.0)) if x] == [2.0]


def test_math_functions_sever_the_graph():
    """math.exp takes float(value): the result is a plain number. autograd_tiny.exp records."""
    x = Value(1.0)
    severed = math.exp(x)
    assert type(severed) is float
    recorded = exp(x)
    recorded.backward()
    assert recorded.data == severed
    assert x.grad == math.e


def test_formatting_and_comparing_do_not_record():
    x = Value(2.0)
    y = x * 3
    f"{float(y):.2f} {y}"
    assert y > x
    y.backward()
    assert x.grad == 3.0


def test_python_max_compares_numbers_and_keeps_the_node():
    x, y = Value(2.0), Value(3.0)
    assert max(x, y) is y
    assert min([x, y]) is x
    assert sorted([y, x]) == [x, y]
    max(x, y).backward()
    assert (x.grad, y.grad) == (0.0, 1.0)


def test_text_is_refused_at_once():
    with pytest.raises(NotARealNumberError):
        Value("3")
    with pytest.raises(NotARealNumberError):
        Value(3.0) + "3"


def test_gradient_of_a_constant_function():
    x = Value(2.0)
    (x * 0 + 5).backward()
    assert x.grad == 0.0


def test_labels_do_not_change_numbers():
    a = Value(2.0, "a")
    b = a * a
    b.label = "a"
    b.backward()
    assert a.grad == 4.0


def test_values_as_default_accumulators():
    total = 0.0
    for x in (Value(1.0), Value(2.0)):
        total += x * x
    total.backward()
    assert total.data == 5.0


def test_loop_variable_captured_by_a_closure():
    """Rules see their operands, not the variables of the loop that made them."""
    nodes = [Value(2.0) ** n for n in range(4)]
    for n, node in enumerate(nodes):
        node.backward()
        assert node.parents[0].grad == n * 2.0 ** (n - 1)


def test_log_of_zero_keeps_going():
    x = Value(0.0)
    y = log(x)
    assert y.data == -math.inf


def test_numerical_gradient_agrees():
    """The lecture's check: nudge each input and compare."""

    def f(a, b, c):
        return (a * b + c).tanh() * a / (1 + exp(-b)) + c**3

    at, h = [0.7, -1.2, 0.4], 1e-6
    leaves = [Value(x) for x in at]
    f(*leaves).backward()
    for i, leaf in enumerate(leaves):
        up, down = list(at), list(at)
        up[i] += h
        down[i] -= h
        slope = (f(*map(Value, up)).data - f(*map(Value, down)).data) / (2 * h)
        assert math.isclose(leaf.grad, slope, rel_tol=1e-7)


# ---------------------------------------------------------------- what a newcomer tries


def test_a_value_in_an_f_string():
    assert f"{Value(3.14159):.2f}" == "3.14"
    assert f"{Value(1.0)}" == "Value(data=1.0, grad=0.0)"


def test_round_to_digits_says_what_to_do():
    with pytest.raises(OperandError, match=r"round\(value\.data, digits\)"):
        round(Value(3.14159), 2)


def test_ordering_with_text_is_refused_and_equality_is_false():
    with pytest.raises(NotARealNumberError, match="a comparison with a Value needs one real number, got 'x'"):
        _ = Value(1.0) < "x"
    assert Value(1.0) != "x"


def test_derivatives_inside_no_grad_are_not_zero():
    with no_grad():
        assert grad(lambda x: x * x)(3.0) == 6.0
        assert hessian(lambda v: v[0] * v[1])([1.0, 2.0]) == [[0.0, 1.0], [1.0, 0.0]]
        assert (Value(2.0) * 3).parents == ()


@pytest.mark.parametrize(("op", "x"), [(log, -1.0), (log1p, -2.0), (sqrt, -1.0), (asin, 2.0), (acos, -2.0)])
def test_outside_the_domain_no_derivative_is_finite(op, x):
    assert math.isnan(grad(op)(x))
    assert math.isnan(grad(grad(op))(x))


def test_scopes_named_by_step_numbers_do_not_pile_up():
    for i in range(MOST_SCOPES + 100):
        with scope(f"step {i}"):
            pass
    assert len(PLAIN._inner) <= MOST_SCOPES


def test_a_hook_must_be_a_function():
    with pytest.raises(OperandError, match="a gradient hook is a function of one number, got None"):
        Value(1.0).register_hook(None)


def test_forgetting_an_old_version_keeps_the_new_one():
    def declare():
        @primitive(slopes=(2.0,))
        def doubled_here(m, x):
            """Twice x, 2 x."""
            return 2 * x

        return doubled_here

    old, new = declare(), declare()
    forget(old)
    assert registry["doubled_here"] is new
    forget(new)
    assert "doubled_here" not in registry


@pytest.mark.parametrize(
    ("declare", "says"),
    [
        (lambda: primitive(lambda m, x: x), r"write @primitive\(slopes="),
        (lambda: primitive(), r"write @primitive\(slopes="),
        (lambda: primitive(slopes=None), r"write @primitive\(slopes="),
        (lambda: primitive(slopes=(1.0,), domain="positive"), "domain is a Domain"),
        (lambda: primitive(slopes=(1.0,))(Value), "decorates a function"),
    ],
)
def test_mistakes_in_declaring_an_operation_are_explained(declare, says):
    with pytest.raises(RegistrationError, match=says):
        declare()


def test_constant_slopes_are_counted_at_registration():
    with pytest.raises(RegistrationError, match=r"1 operand.* and 2 constant slopes"):

        @primitive(slopes=(1.0, 2.0))
        def once(m, x):
            """x itself."""
            return x


def test_a_rule_that_gives_no_number_says_so():
    @primitive(slopes=(1.0,))
    def forgetful(m, x):
        """Nothing at all."""

    try:
        with pytest.raises(OperandError, match="the value rule of forgetful must give a real number, got None"):
            forgetful(Value(1.0))
    finally:
        forget(forgetful)


def test_a_gradient_set_to_none_is_explained():
    x = Value(1.0)
    x.grad = None
    with pytest.raises(GraphError, match=r"zero_grad\(\) or x\.grad = 0\.0"):
        (x * 2).backward()


def test_powers_of_plain_numbers_in_a_slope_rule_follow_ieee():
    @primitive(slopes=lambda m, y, x, *, k: (m.pow(k, 0.5) * x,))
    def with_root(m, x, *, k=-4.0):
        """sqrt(k) x^2 / 2, nan for negative k."""
        return m.pow(k, 0.5) * x * x / 2

    try:
        assert math.isnan(grad(grad(with_root))(3.0))
        assert grad(grad(lambda x: with_root(x, k=4.0)))(3.0) == 2.0
    finally:
        forget(with_root)


def test_a_changed_leaf_under_constant_slopes_is_no_obstacle():
    x = Value(1.0)
    y = x + 1
    x.data = 2.0
    y.backward(create_graph=True)
    assert x.grad == 1.0
