"""The adapters of the conformance kit, one by one: what they call, what they give back, what they refuse."""

import math
import sys
import warnings

import pytest

from autograd_tiny import Value, ops
from autograd_tiny.errors import MissingPackageError, ParameterError
from autograd_tiny.primitive import forget, primitive
from autograd_tiny.testing.engines import (
    OPERATORS,
    ClassEngine,
    Engine,
    HipsEngine,
    MicrogradEngine,
    NotOfferedError,
    OwnEngine,
    TorchEngine,
    student_engine,
)


def gradients(engine, op, *numbers):
    """Return the value of an operation at a point, and the gradients there."""
    leaves = [engine.leaf(number) for number in numbers]
    root = engine.apply(op, leaves)
    engine.backward(root)
    return engine.data(root), [engine.grad(leaf) for leaf in leaves]


def refusal(engine, op, *operands):
    with pytest.raises(NotOfferedError) as raised:
        engine.apply(op, operands)
    return str(raised.value)


# ---------------------------------------------------------------- our own engine


def test_an_adapter_says_nothing_about_changes_and_writes_the_usual_way():
    class Bare(Engine):
        name = "bare"
        leaf = data = grad = backward = apply = lambda *_: None

    engine = Bare()
    assert engine.leaf_text(2.0) == "Value(2.0)"
    assert engine.call_text(ops.hypot, ["a", "b"]) == "hypot(a, b)"
    with pytest.raises(NotOfferedError, match=r"^bare does not let a leaf change$"):
        engine.set_data(None, 1.0)


def test_our_own_engine_uses_values():
    engine = OwnEngine()
    assert gradients(engine, ops.mul, 3.0, 4.0) == (12.0, [4.0, 3.0])
    leaf = engine.leaf(3.0)
    assert type(leaf) is Value
    assert engine.grad(leaf) == 0.0
    engine.set_data(leaf, 5.0)
    assert engine.data(leaf) == leaf.data == 5.0
    assert engine.data(engine.apply(ops.sub, [2.0, leaf])) == -3.0


# ---------------------------------------------------------------- a class of nodes


class Node:
    """What was called on it, as text."""

    def __init__(self, data, grad=None):
        self.data, self.grad, self.called = data, grad, 0

    def backward(self):
        self.called += 1

    def __add__(self, other):
        return ("add", self, other)

    def __pow__(self, n):
        return ("pow", self, n)

    def atan2(self, other):
        return ("atan2", self, other)

    def clip(self, low=-1.0, high=1.0):
        return ("clip", self, low, high)

    def softmax(self):
        raise AssertionError("a list needs a function")

    def sqrt(self):
        raise NotImplementedError

    def exp(self):
        raise NotImplementedError("no\x1b exp")

    def log(self):
        raise AssertionError("positive only")

    def sin(self):
        raise TypeError("a mistake")

    def cos(self):
        return self - 1

    def tan(self):
        return self.missing

    def hypot(self, other):
        return other.data

    def maximum(self, other):
        raise ValueError("a mistake")


ENGINE = ClassEngine(Node)


def test_the_name_of_a_class_engine():
    assert ClassEngine(Node).name == "Node"
    assert ClassEngine(Node, "mine\x1b").name == "mine\\x1b"


def test_numbers_and_gradients_of_a_class_are_read():
    leaf = ENGINE.leaf(2)
    assert (type(leaf), leaf.data) == (Node, 2)
    assert repr(ENGINE.data(leaf)) == "2.0"
    for gradient, expected in ((None, "0.0"), (3, "3.0"), (Node(4), "4.0")):
        leaf.grad = gradient
        assert repr(ENGINE.grad(leaf)) == expected
    ENGINE.backward(leaf)
    assert leaf.called == 1
    ENGINE.set_data(leaf, 7.0)
    assert leaf.data == 7.0


def test_other_names_of_number_and_gradient():
    class Other:
        def __init__(self, value):
            self.value, self.gradient = value, 0.5

    engine = ClassEngine(Other)
    leaf = engine.leaf(2.0)
    assert (engine.data(leaf), engine.grad(leaf)) == (2.0, 0.5)
    engine.set_data(leaf, 3.0)
    assert vars(leaf) == {"value": 3.0, "gradient": 0.5}


def test_a_number_that_is_read_only_is_not_offered():
    class Fixed:
        data = property(lambda self: 1.0)

    with pytest.raises(NotOfferedError, match=r"^Fixed does not let a leaf change: "):
        ClassEngine(Fixed).set_data(Fixed(), 2.0)


def test_operators_are_used_as_operators():
    a, b = Node(1.0), Node(2.0)
    assert ENGINE.apply(ops.add, [a, b]) == ("add", a, b)
    assert ENGINE.apply(ops.add, [a, 2.0]) == ("add", a, 2.0)
    assert ENGINE.apply(ops.pow, [a, b]) == ("pow", a, b)
    for n, text in ((3.0, "3"), (-1.0, "-1"), (0.5, "0.5")):
        assert repr(ENGINE.apply(ops.power.bind(n=n), [a])[2]) == text


def test_an_operator_stands_for_each_of_these_operations():
    assert list(OPERATORS) == "add sub mul div neg power pow remainder floordiv abs".split()
    x, y = 7.5, -2.0
    by_hand = [5.5, 9.5, -15.0, -3.75, -7.5, 56.25, 7.5**-2, -0.5, -4.0, 7.5]
    settings = [{}] * 5 + [{"n": 2.0}] + [{}] * 4
    one = ("neg", "power", "abs")
    found = [
        OPERATORS[name][1](*((x,) if name in one else (x, y)), **each)
        for name, each in zip(OPERATORS, settings, strict=True)
    ]
    assert found == by_hand


def test_methods_take_the_settings_that_are_not_usual():
    a, b = Node(1.0), Node(2.0)
    assert ENGINE.apply(ops.atan2, [a, b]) == ("atan2", a, b)
    assert ENGINE.apply(ops.clip.bind(), [a]) == ("clip", a, -1.0, 1.0)
    assert ENGINE.apply(ops.clip.bind(low=-3.0, high=4.0), [a]) == ("clip", a, -3.0, 4.0)


def test_functions_take_operands_or_lists():
    functions = {
        "add": lambda x, y: "not an operator",
        "neg": lambda x: ("neg", x),
        "atan2": lambda x, y: "not a method",
        "softmax": lambda xs: [("softmax", x) for x in xs],
        "dot": lambda xs, ws: ("dot", xs, ws),
        "max": lambda xs: ("max", xs),
        "min": max,
        "leaky_relu": lambda x, alpha=0.01: ("leaky", x, alpha),
        "elu": lambda x: ("elu", x),
    }
    engine = ClassEngine(Node, functions=functions)
    a, b, c = Node(1.0), Node(2.0), Node(3.0)
    assert engine.apply(ops.add, [a, b]) == ("add", a, b)
    assert engine.apply(ops.atan2, [a, b]) == ("atan2", a, b)
    assert engine.apply(ops.neg, [a]) == ("neg", a)  # the class has no such operator
    assert engine.apply(ops.max, [a, b, c]) == ("max", [a, b, c])
    assert engine.apply(ops.dot, [a, b, b, c]) == ("dot", [a, b], [b, c])
    for index, x in ((0, a), (1, b), (2, c)):
        assert engine.apply(ops.softmax.bind(index=index), [a, b, c]) == ("softmax", x)
    assert engine.apply(ops.leaky_relu.bind(), [a]) == ("leaky", a, 0.01)
    assert engine.apply(ops.leaky_relu.bind(alpha=0.5), [a]) == ("leaky", a, 0.5)
    assert engine.apply(ops.elu.bind(), [a]) == ("elu", a)
    assert refusal(engine, ops.elu.bind(alpha=2.0), a) == "elu: too many positional arguments"


def test_a_built_in_function_without_a_signature_is_called():
    engine = ClassEngine(float, functions={"max": max})
    assert engine.apply(ops.max, [1.0, 3.0]) == 3.0


def test_what_a_class_does_not_have_is_not_offered():
    a, b = Node(1.0), Node(2.0)
    assert refusal(ENGINE, ops.tanh, a) == "Node has no tanh"
    assert refusal(ENGINE, ops.sub, a, b) == "Node has no sub"
    assert refusal(ENGINE, ops.softmax.bind(index=0), a, b) == "Node has no softmax"


def test_how_small_engines_refuse_an_operand():
    a = Node(1.0)
    assert refusal(ENGINE, ops.sqrt, a) == "NotImplementedError"
    assert refusal(ENGINE, ops.exp, a) == "NotImplementedError: no\\x1b exp"
    assert refusal(ENGINE, ops.log, a) == "AssertionError: positive only"
    assert refusal(ENGINE, ops.hypot, a, 2.0) == "AttributeError: 'float' object has no attribute 'data'"
    assert refusal(ENGINE, ops.add, 2.0, a).startswith("TypeError: unsupported operand type(s) for +")
    assert refusal(ENGINE, ops.cos, a).startswith("TypeError: unsupported operand type(s) for -")


def test_mistakes_between_nodes_are_errors():
    a = Node(1.0)
    for op, error in ((ops.sin, TypeError), (ops.tan, AttributeError)):
        with pytest.raises(error, match=r"a mistake|missing"):
            ENGINE.apply(op, [a])
    with pytest.raises(ValueError, match="a mistake"):
        ENGINE.apply(ops.maximum, [a, 2.0])


def test_calls_are_written_as_the_class_has_them():
    assert ENGINE.leaf_text(2.0) == "Node(2.0)"
    assert ClassEngine(type("a\x1b", (), {})).leaf_text(2.0) == "a\\x1b(2.0)"
    assert ENGINE.call_text(ops.add, ["a", "b"]) == "a + b"
    assert ENGINE.call_text(ops.atan2, ["a", "b"]) == "a.atan2(b)"
    assert ENGINE.call_text(ops.sqrt, ["a"]) == "a.sqrt()"
    assert ENGINE.call_text(ops.clip.bind(), ["a"]) == "a.clip()"
    assert ENGINE.call_text(ops.clip.bind(low=-3.0, high=4.0), ["a"]) == "a.clip(-3, 4)"
    assert ENGINE.call_text(ops.tanh, ["a"]) == "tanh(a)"
    assert ENGINE.call_text(ops.sub, ["a", "b"]) == "a - b"
    assert ENGINE.call_text(ops.softmax.bind(index=1), ["a", "b"]) == ops.softmax.bind(index=1).write(["a", "b"])


def test_an_operation_that_is_no_longer_registered_gives_all_its_settings():
    @primitive(slopes=lambda m, y, x, *, by: (by,))
    def stretch(m, x, *, by=2.0):
        """A number stretched, by * x."""
        return by * x

    class Stretches(Node):
        def stretch(self, by):
            return ("stretch", self, by)

    engine, leaf = ClassEngine(Stretches), Stretches(1.0)
    bound = stretch.bind(by=2.0)
    try:
        assert refusal(engine, bound, leaf) == "stretch: missing a required argument: 'by'"
        assert engine.call_text(bound, ["a"]) == "a.stretch()"
    finally:
        forget(stretch)
    assert engine.apply(bound, [leaf]) == ("stretch", leaf, 2.0)
    assert engine.call_text(bound, ["a"]) == "a.stretch(2)"


def test_micrograd_is_its_class_value():
    pytest.importorskip("micrograd")
    engine = MicrogradEngine()
    assert engine.name == "micrograd"
    assert gradients(engine, ops.mul, 3.0, 4.0) == (12.0, [4.0, 3.0])


# ---------------------------------------------------------------- files

CLASS = """
class {}:
    def __init__(self, data): self.data, self.grad = data, 0.0
    def backward(self): self.grad += 1.0
"""


def write(folder, text, name="engine_in_a_file.py"):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def refused(path):
    with pytest.raises(ParameterError) as raised:
        student_engine(path)
    return str(raised.value)


def test_the_engine_of_a_file_is_called_like_the_file(tmp_path):
    engine = student_engine(str(write(tmp_path, CLASS.format("Scalar"))))
    assert engine.name == "engine_in_a_file.py"
    assert engine.leaf_text(1.0) == "Scalar(1.0)"
    assert engine.functions == {}
    assert "_engine_engine_in_a_file" not in sys.modules


def test_only_what_the_file_defines_counts(tmp_path):
    text = (
        f"from autograd_tiny import Value as Imported\nfrom cmath import sin\nfrom textwrap import dedent\n"
        f"number = 1\n{CLASS.format('Scalar')}\nclass tanh:\n    pass\nclass Other: pass\n"
        "def cos(x): return ('cos', x)\ndef backward(): pass\n"
    )
    engine = student_engine(write(tmp_path, text))
    assert engine.leaf_text(1.0) == "Scalar(1.0)"
    assert list(engine.functions) == ["cos", "backward"]


def test_a_class_value_is_the_engine_wherever_it_comes_from(tmp_path):
    text = f"from autograd_tiny import Value\n{CLASS.format('Scalar')}"
    assert student_engine(write(tmp_path, text)).cls is Value


def test_files_without_one_engine_are_refused(tmp_path):
    def message(text):
        path = write(tmp_path, text)
        found = refused(path)
        assert found.startswith(f"an engine is a class with a method backward(), and {path} has ")
        assert found.endswith("; call the one to check Value")
        return found.partition(" has ")[2].partition(";")[0]

    assert message("x = 1\n") == "none"
    assert message("class Value: pass\n") == "none"
    assert message("Value = 3\n") == "none"
    assert message("class Thing:\n    backward = 1\nValue = Thing()\n") == "none"
    assert message(CLASS.format("A") + CLASS.format("B")) == "A, B"


def test_a_missing_file_is_refused(tmp_path):
    path = tmp_path / "no.py"
    message = f"an engine is a Python file, and there is none at {path}; check the path"
    assert refused(path) == message
    assert refused(tmp_path) == message.replace(str(path), str(tmp_path))


def test_neighbours_of_the_file_come_first(tmp_path, monkeypatch):
    for folder, value in (("first", 1.0), ("second", 2.0)):
        (tmp_path / folder).mkdir()
        write(tmp_path / folder, f"number = {value}\n", "neighbour_of_two.py")
    monkeypatch.syspath_prepend(str(tmp_path / "first"))
    path = write(
        tmp_path / "second", f"from neighbour_of_two import number\n{CLASS.format('Value')}    number = number\n"
    )
    before = [*sys.path]
    try:
        assert student_engine(path).cls.number == 2.0
    finally:
        sys.modules.pop("neighbour_of_two", None)
    assert sys.path == before


def test_while_a_file_loads_no_bytecode_is_written_and_it_is_a_module(tmp_path, monkeypatch):
    text = f"import sys\n{CLASS.format('Value')}    seen = sys.dont_write_bytecode, sys.modules[__name__].__file__\n"
    path = write(tmp_path, text)
    for setting in (False, True):
        monkeypatch.setattr(sys, "dont_write_bytecode", setting)
        assert student_engine(path).cls.seen == (True, str(path))
        assert sys.dont_write_bytecode is setting
    assert list(tmp_path.iterdir()) == [path]


def test_an_error_is_shown_with_its_line_in_the_file(tmp_path):
    path = write(tmp_path, "x = 1\n\ndef f(:\n")
    assert refused(path) == f"{path}, line 3: SyntaxError: invalid syntax; fix it first"
    path = write(tmp_path, "raise SyntaxError('odd\\x1b')\n")
    assert refused(path) == f"{path}, somewhere: SyntaxError: odd\\x1b; fix it first"
    rule = "; a file that is checked must load by itself"
    path = write(tmp_path, "x = 1\ndef f():\n    raise KeyError\n\nf()\n")
    assert refused(path) == f"{path}, line 3: KeyError{rule}"
    path = write(tmp_path, "import sys\nsys.exit('bye')\n")
    assert refused(path) == f"{path}, line 2: SystemExit: bye{rule}"
    path = write(tmp_path, "x = '\0'\n")
    assert refused(path).startswith(f"{path}, ")


def test_an_error_in_a_module_that_the_file_imports_is_shown_at_the_import(tmp_path):
    write(tmp_path, "\n\n\n\n1 / 0\n", "neighbour_that_fails.py")
    path = write(tmp_path, "x = 1\nimport neighbour_that_fails\n")
    assert refused(path) == (
        f"{path}, line 2: ZeroDivisionError: division by zero; a file that is checked must load by itself"
    )


def test_an_error_outside_the_file_is_shown_at_its_first_line(tmp_path, monkeypatch):
    def no_bytes(self, path):
        raise OSError("gone")

    path = write(tmp_path, CLASS.format("Value"))
    monkeypatch.setattr("importlib.machinery.SourceFileLoader.get_data", no_bytes)
    assert refused(path) == f"{path}, line 1: OSError: gone; a file that is checked must load by itself"


# ---------------------------------------------------------------- packages with functions on arrays


@pytest.fixture(scope="module")
def torch_engine():
    pytest.importorskip("torch")
    return TorchEngine()


@pytest.fixture(scope="module")
def hips_engine():
    pytest.importorskip("autograd.numpy")
    return HipsEngine()


SOME = (
    (ops.add, (2.0, 3.0)),
    (ops.sub, (2.0, 3.0)),
    (ops.mul, (2.0, 3.0)),
    (ops.div, (2.0, 3.0)),
    (ops.power.bind(n=3.0), (2.0,)),
    (ops.sin, (0.5,)),
    (ops.asin, (0.5,)),
    (ops.atan2, (0.5, 2.0)),
    (ops.clip.bind(low=0.0, high=2.0), (3.0,)),
    (ops.clip.bind(low=0.0, high=4.0), (3.0,)),
    (ops.where, (0.0, 2.0, 3.0)),
    (ops.where, (1.0, 2.0, 3.0)),
    (ops.where, (2.0, 1.0, 3.0)),
    (ops.sum, (1.0, 2.0, 4.0)),
    (ops.max, (1.0, 4.0, 2.0)),
    (ops.dot, (1.0, 2.0, 4.0, 8.0)),
)
TORCH_ONLY = (
    (ops.mod, (7.5, 2.0)),
    (ops.logsumexp, (1.0, 2.0, 4.0)),
    *((ops.softmax.bind(index=i), (1.0, 2.0, 4.0)) for i in range(3)),
)


def test_pytorch_computes_what_we_compute(torch_engine):
    for op, numbers in (*SOME, *TORCH_ONLY):
        found, slopes = gradients(torch_engine, op, *numbers)
        value, expected = gradients(OwnEngine(), op, *numbers)
        assert found == pytest.approx(value, rel=1e-14), op
        assert slopes == pytest.approx(expected, rel=1e-13, abs=1e-15), op


def test_hips_autograd_computes_what_we_compute(hips_engine):
    for op, numbers in SOME:
        found, slopes = gradients(hips_engine, op, *numbers)
        value, expected = gradients(OwnEngine(), op, *numbers)
        assert found == pytest.approx(value, rel=1e-14), op
        assert slopes == pytest.approx(expected, rel=1e-13, abs=1e-15), op


def test_the_operators_of_packages_take_plain_numbers(torch_engine, hips_engine):
    for engine in (torch_engine, hips_engine):
        for op, expected in ((ops.sub, (-1.0, -1.0)), (ops.div, (2 / 3, -2 / 9)), (ops.pow, (8.0, 8 * math.log(2)))):
            x = engine.leaf(3.0)
            y = engine.apply(op, [2.0, x])
            engine.backward(y)
            assert (engine.data(y), engine.grad(x)) == pytest.approx(expected, rel=1e-15)
            assert engine.data(engine.apply(op, [x, 2.0])) == op(3.0, 2.0)


def test_functions_of_packages_take_plain_numbers_at_full_precision(torch_engine, hips_engine):
    for engine in (torch_engine, hips_engine):
        x = engine.leaf(0.25)
        for operands, expected in (([x, 0.1], 0.25), ([0.7, x], 0.7)):
            assert engine.data(engine.apply(ops.maximum, operands)) == expected


def test_what_pytorch_records_is_the_operator_that_was_written(torch_engine):
    x = torch_engine.leaf(3.0)
    assert torch_engine.apply(ops.sub, [2.0, x]).grad_fn.name() == (2.0 - x).grad_fn.name()
    assert (2.0 - x).grad_fn.name() != (torch_engine.leaf(2.0) - x).grad_fn.name()


def test_leaves_of_packages(torch_engine, hips_engine):
    assert torch_engine.leaf_text(2.5) == "torch.tensor(2.5, dtype=torch.float64, requires_grad=True)"
    assert hips_engine.leaf_text(2.5) == "2.5"
    for engine in (torch_engine, hips_engine):
        leaf = engine.leaf(0.1)
        assert type(engine.data(leaf)) is type(engine.grad(leaf)) is float
        assert (engine.data(leaf), engine.grad(leaf)) == (0.1, 0.0)
        for count in (1.0, 2.0):  # leaves add
            engine.backward(leaf)
            assert engine.grad(leaf) == count
            assert type(engine.grad(leaf)) is float
        with pytest.raises(NotOfferedError, match=f"^{engine.name} does not let a leaf change$"):
            engine.set_data(leaf, 1.0)


def test_shared_nodes_and_a_second_backward(torch_engine, hips_engine):
    """(a b + b) (a b): at a = 2, b = 3 the slopes are 3 * 6 + 9 * 3 and 3 * 6 + 9 * 2."""
    for engine in (torch_engine, hips_engine):
        a, b, unused = engine.leaf(2.0), engine.leaf(3.0), engine.leaf(5.0)
        product = engine.apply(ops.mul, [a, b])
        root = engine.apply(ops.mul, [engine.apply(ops.add, [product, b]), product])
        for count in (1.0, 2.0):
            engine.backward(root)
            assert [engine.grad(leaf) for leaf in (a, b, unused)] == [45.0 * count, 36.0 * count, 0.0]
        assert engine.data(root) == 54.0


def test_functions_are_written_with_their_package(torch_engine, hips_engine):
    def written(engine, op):
        return engine.call_text(op, ["a", "b", "c", "d"][: op.arity or 4])

    softmax = ops.softmax.bind(index=2)
    assert [written(torch_engine, op) for op in (ops.add, ops.tanh, ops.gelu, ops.mod, ops.where, ops.dot)] == [
        "a + b",
        "torch.tanh(a)",
        "F.gelu(a)",
        "torch.fmod(a, b)",
        "torch.where(a != 0, b, c)",
        "torch.dot(torch.stack([a, b]), torch.stack([c, d]))",
    ]
    assert written(torch_engine, ops.sum) == "torch.sum(torch.stack([a, b, c, d]))"
    assert written(torch_engine, ops.logsumexp) == "torch.logsumexp(torch.stack([a, b, c, d]), 0)"
    assert written(torch_engine, softmax) == "torch.softmax(torch.stack([a, b, c, d]), 0)[2]"
    assert written(torch_engine, ops.leaky_relu.bind(alpha=0.5)) == "F.leaky_relu(a, 0.5)"
    assert [written(hips_engine, op) for op in (ops.sub, ops.asin, ops.atan2, ops.mod, ops.max, ops.where)] == [
        "a - b",
        "np.arcsin(a)",
        "np.arctan2(a, b)",
        "np.fmod(a, b)",
        "np.max(np.array([a, b, c, d]))",
        "np.where(a != 0, b, c)",
    ]


def test_what_a_package_lacks_is_not_offered(torch_engine, hips_engine):
    assert refusal(torch_engine, ops.identity, torch_engine.leaf(1.0)) == "PyTorch has no identity"
    assert refusal(hips_engine, ops.identity, hips_engine.leaf(1.0)) == "HIPS autograd has no identity"
    assert refusal(hips_engine, ops.gelu, hips_engine.leaf(1.0)) == "HIPS autograd has no gelu"


def test_a_derivative_that_pytorch_lacks_is_not_offered_and_other_errors_are_errors(torch_engine):
    x = torch_engine.leaf(7.0)
    root = torch_engine.apply(ops.floordiv, [x, torch_engine.leaf(2.0)])
    with pytest.raises(NotOfferedError, match=r"^RuntimeError: .*is not implemented"):
        torch_engine.backward(root)
    with pytest.raises(RuntimeError, match="does not require grad") as raised:
        torch_engine.backward(x.detach())
    assert not isinstance(raised.value, NotOfferedError)


def test_a_derivative_that_hips_autograd_lacks_is_not_offered(hips_engine):
    root = hips_engine.apply(ops.mod, [hips_engine.leaf(7.5), hips_engine.leaf(2.0)])
    assert hips_engine.data(root) == 1.5
    with pytest.raises(NotOfferedError, match=r"^NotImplementedError: VJP of fmod .* not defined"):
        hips_engine.backward(root)


def test_hips_autograd_is_quiet(hips_engine):
    numpy = pytest.importorskip("numpy")
    with numpy.errstate(all="raise"), warnings.catch_warnings():
        warnings.simplefilter("error")
        assert gradients(hips_engine, ops.log, 0.0) == (-math.inf, [math.inf])
        constant = hips_engine.apply(ops.add, [2.0, 3.0])
        hips_engine.backward(constant)  # autograd warns that it depends on nothing
        assert hips_engine.data(constant) == 5.0


@pytest.mark.parametrize(
    ("adapter", "package", "purpose"),
    [
        (TorchEngine, "torch", "checking PyTorch"),
        (HipsEngine, "autograd", "checking HIPS autograd"),
        (MicrogradEngine, "micrograd", "checking micrograd"),
    ],
)
def test_a_missing_package_is_named_with_what_it_is_for(adapter, package, purpose, monkeypatch):
    for module in list(sys.modules):
        if module.partition(".")[0] == package:
            monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingPackageError) as raised:
        adapter()
    assert str(raised.value).startswith(purpose)
    assert str(raised.value).endswith(f"pip install {package}")
