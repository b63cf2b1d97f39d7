"""Exceptions: one class per mistake, and messages with subject, value, rule and remedy."""

import inspect
import re
from pathlib import Path

import pytest

from autograd_tiny import Graph, Value, backward, detect_anomaly, errors, forget, grad, jvp, log, ops, primitive
from autograd_tiny.errors import (
    AnomalyError,
    AutogradTinyError,
    ExpressionError,
    GraphError,
    MissingPackageError,
    NotARealNumberError,
    OperandError,
    ParameterError,
    RegistrationError,
    StaleValueError,
)

CLASSES = [thing for _, thing in inspect.getmembers(errors, inspect.isclass)]
every_class = pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)


def test_a_message_lists_twelve_names_at_most():
    assert errors.listed(list("abcdefghijkl")) == "a, b, c, d, e, f, g, h, i, j, k, l"
    assert errors.listed(list("abcdefghijklm")) == "a, b, c, d, e, f, g, h, i, j, k, l, ..."
    assert errors.listed([]) == ""


def test_a_question_for_a_mistyped_name():
    assert errors.did_you_mean("sinn", ["sinh", "sin", "cos"]) == "did you mean sin?"
    assert errors.did_you_mean("q", ["sin"]) == ""


@every_class
def test_family(kind):
    assert issubclass(kind, AutogradTinyError)
    assert kind.__name__.endswith("Error")
    assert kind is AutogradTinyError or len(kind.__mro__) > 4, "also one of Python's own kinds of error"


@every_class
def test_docstring_says_what_happened(kind):
    text = inspect.getdoc(kind)
    assert text.partition("\n")[0].endswith(".")
    assert kind is AutogradTinyError or ":" in text


@every_class
def test_some_test_provokes_it(kind):
    """A class that no test provokes is dead or untested."""
    sources = [path.read_text(encoding="utf-8") for path in sorted(Path(__file__).parent.glob("test_*.py"))]
    pattern = rf"raises\([^)]*\b{kind.__name__}\b"
    assert kind is AutogradTinyError or any(re.search(pattern, source) for source in sources)


def stale():
    x = Value(2.0, "x")
    y = x**3
    x.data = 5.0
    y.backward(create_graph=True)


def unfinished():
    @primitive(slopes=(1.0,))
    def nameless(m, x):
        return x


def anomaly():
    with detect_anomaly():
        log(Value(-2.0, "a"))


# provocation, kind, what the message has to state: subject, value, rule, remedy
MISTAKES = [
    (
        lambda: Value("3"),
        NotARealNumberError,
        ("a Value", "'3' (str)", "one real number", "convert it first: float(text)"),
    ),
    (lambda: Value(None), NotARealNumberError, ("a Value", "None", "one real number", "forget to return")),
    (lambda: Value(1j), NotARealNumberError, ("a Value", "1j (complex)", "one real number", ".real and .imag")),
    (
        lambda: Value([1.0]),
        NotARealNumberError,
        ("a Value", "[1.0] (list)", "one real number", "[Value(x) for x in items]"),
    ),
    (lambda: Value(10**400), NotARealNumberError, ("a Value", "int", "at most 1.8e308", "scale it down")),
    (lambda: ops.exp("x"), NotARealNumberError, ("exp", "'x' (str)", "one real number", "float(text)")),
    (lambda: Value(2.0) ** "x", NotARealNumberError, ("an exponent", "'x' (str)", "one real number", "float(text)")),
    (lambda: ops.hypot(1.0), OperandError, ("hypot(x, y)", "got 1", "takes 2")),
    (lambda: ops.dot([1.0], [1.0, 2.0]), OperandError, ("dot", "got 1 and 2", "of one length")),
    (lambda: ops.max([]), OperandError, ("max", "empty list", "at least 1")),
    (lambda: ops.clip(1.0, bottom=0.0), ParameterError, ("clip", "'bottom'", "it has: low, high")),
    (
        lambda: ops.elu(1.0, alpha=Value(2.0)),
        ParameterError,
        ("alpha", "elu", "must be a number", "pass alpha=float(...)"),
    ),
    (lambda: ops.softmax([1.0, 2.0], index=2), ParameterError, ("softmax", "index=2", "2 operands", "use 0 to 1")),
    (lambda: ops.power(2.0), ParameterError, ("power(x, n)", "needs its parameter n")),
    (unfinished, RegistrationError, ("nameless", "needs a docstring", "one sentence with the formula")),
    (lambda: ops.exp.bind(x=1), ParameterError, ("exp", "'x'", "it has: none")),
    (
        lambda: backward([3.0]),
        GraphError,
        ("backward", "3.0 (float)", "starts from Values", "was it computed from a Value?"),
    ),
    (
        lambda: backward([Value(1.0)], seeds=[1.0, 2.0]),
        GraphError,
        ("backward", "1 roots and 2 seeds", "one seed per root"),
    ),
    (lambda: Graph.of(), GraphError, ("a graph", "got none", "at least one root", "pass the Value")),
    (lambda: grad(lambda x: [x])(1.0), GraphError, ("grad", "one number as its result", "use jacobian")),
    (lambda: grad(log, 3)(1.0), GraphError, ("argnums=3", "called with 1 arguments")),
    (lambda: jvp(log, (1.0,), (1.0, 2.0)), GraphError, ("the tangents", "(1.0, 2.0)", "the structure of the primals")),
    (stale, StaleValueError, ("x ** 3", "x = 5.0", "8.0 then, 125.0 now", "run the forward pass again")),
    (anomaly, AnomalyError, ("log(a)", "a = -2.0", "log needs x > 0", "test_errors.py:", "nan")),
]


@pytest.mark.parametrize(
    ("provoke", "kind", "parts"), MISTAKES, ids=[f"{i}-{kind.__name__}" for i, (_, kind, _) in enumerate(MISTAKES)]
)
def test_messages_state_subject_value_rule_and_remedy(provoke, kind, parts):
    with pytest.raises(kind) as caught:
        provoke()
    message = str(caught.value)
    for part in parts:
        assert part in message
    assert len(message) < 300
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None or caught.value.__suppress_context__, "raised from None"


def test_kinds_of_python_errors():
    """Code that expects Python's own errors keeps working."""
    for kind, python in (
        (NotARealNumberError, TypeError),
        (OperandError, TypeError),
        (ParameterError, ValueError),
        (RegistrationError, ValueError),
        (GraphError, ValueError),
        (StaleValueError, RuntimeError),
        (AnomalyError, ArithmeticError),
        (ExpressionError, ValueError),
        (MissingPackageError, ImportError),
    ):
        assert issubclass(kind, python)


def test_expression_error_tells_the_place():
    error = ExpressionError("unexpected ')'", 4)
    assert str(error) == "unexpected ')' (at character 5)"
    assert error.position == 4
    with pytest.raises(ExpressionError):
        raise error


def test_missing_package_error_is_the_install_line():
    assert str(MissingPackageError("rich", "a table")) == "a table needs the package rich: run  pip install rich"
    error = MissingPackageError("matplotlib", "plot_history", "plot")
    assert str(error).endswith('run  pip install "autograd_tiny[plot]"')
    with pytest.raises(MissingPackageError):
        raise error


def test_one_except_catches_all():
    with pytest.raises(AutogradTinyError):
        Value("3")


@pytest.mark.parametrize(
    ("slopes", "got"),
    [(lambda m, y, x: 2 * x, "6.0"), (lambda m, y, x: (x, x), "(3.0, 3.0)"), (lambda m, y, x: (), "()")],
)
def test_a_slope_rule_that_does_not_fit_says_so(slopes, got):
    @primitive(slopes=slopes)
    def square(m, x):
        """x * x."""
        return x * x

    try:
        with pytest.raises(OperandError) as caught:
            square(Value(3.0))
    finally:
        forget(square)
    rule = "the slope rule of square must return a tuple of 1 slope, one per operand"
    assert str(caught.value).startswith(f"{rule}, got {got}")
