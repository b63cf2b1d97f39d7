"""Engines to be checked: one small adapter each, and a table that says how Python writes an operation."""

from __future__ import annotations

import contextlib
import importlib
import inspect
import io
import itertools
import operator
import sys
import traceback
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType
from typing import Any

from ..errors import AutogradTinyError, MissingPackageError, ParameterError, printable
from ..primitive import Primitive, registry
from ..value import Value

Node = Any
"""A node of the engine that is checked, whatever its class."""


class NotOfferedError(AutogradTinyError, NotImplementedError):
    """An engine does not have this operation or ability: nothing to fix, the checks leave it out."""


class Engine(ABC):
    """What the conformance kit needs to know about an engine; subclass it for one of your own.

    An operand of :meth:`apply` is a node or a plain float: ``2 - x`` arrives as ``(2.0, x)``.

    Attributes:
        name: what the report card calls the engine.
    """

    name: str

    @abstractmethod
    def leaf(self, number: float) -> Node:
        """Return a new leaf with this number."""

    @abstractmethod
    def data(self, node: Node) -> float:
        """Return the node's number."""

    @abstractmethod
    def grad(self, leaf: Node) -> float:
        """Return the gradient that a leaf has now; 0.0 before any ``backward``."""

    @abstractmethod
    def backward(self, root: Node) -> None:
        """Compute the gradients of ``root``; leaves add them to what they have."""

    @abstractmethod
    def apply(self, op: Primitive, operands: Sequence[Node | float]) -> Node:
        """Return the result of an operation, recorded for ``backward``.

        Raises:
            NotOfferedError: when the engine lacks the operation, or does not take these operands.
        """

    def set_data(self, leaf: Node, number: float) -> None:
        """Change the number of a leaf in place, after the operations on it were recorded.

        Raises:
            NotOfferedError: unless an adapter says how.
        """
        raise NotOfferedError(f"{self.name} does not let a leaf change")

    def leaf_text(self, number: float) -> str:
        """Return the code that makes a leaf, for the examples of the report card."""
        return f"Value({number!r})"

    def call_text(self, op: Primitive, operands: Sequence[str]) -> str:
        """Return the code that applies an operation to operands that are written so."""
        return op.write(operands)


class OwnEngine(Engine):
    """This package's own engine, the one that all others are compared with.

    >>> engine = OwnEngine()
    >>> x = engine.leaf(3.0)
    >>> engine.backward(x * x)
    >>> engine.grad(x)
    6.0
    """

    name = "autograd_tiny"

    def leaf(self, number: float) -> Node:
        """Return a Value."""
        return Value(number)

    def data(self, node: Node) -> float:
        """Return ``node.data``."""
        return float(node.data)

    def grad(self, leaf: Node) -> float:
        """Return ``leaf.grad``."""
        return float(leaf.grad)

    def backward(self, root: Node) -> None:
        """Call ``root.backward()``."""
        root.backward()

    def apply(self, op: Primitive, operands: Sequence[Node | float]) -> Node:
        """Record the operation."""
        return op.apply(*operands)

    def set_data(self, leaf: Node, number: float) -> None:
        """Assign ``leaf.data``."""
        leaf.data = number


# ---------------------------------------------------------------- how Python writes an operation


def _power(x: Any, *, n: float) -> Any:
    return x ** (int(n) if n.is_integer() else n)  # as people write it: many engines take x ** 2 but not x ** 2.0


OPERATORS: Mapping[str, tuple[str, Callable[..., Any]]] = {
    "add": ("__add__", operator.add),
    "sub": ("__sub__", operator.sub),
    "mul": ("__mul__", operator.mul),
    "div": ("__truediv__", operator.truediv),
    "neg": ("__neg__", operator.neg),
    "power": ("__pow__", _power),
    "pow": ("__pow__", operator.pow),
    "remainder": ("__mod__", operator.mod),
    "floordiv": ("__floordiv__", operator.floordiv),
    "abs": ("__abs__", operator.abs),
}
"""Operation -> (the method of the class that stands for it, how to call it); all others are called by name."""

OTHER_NAMES: Mapping[str, Mapping[str, str]] = {
    "torch": {"mod": "fmod"},
    "np": {"mod": "fmod", "asin": "arcsin", "acos": "arccos", "atan": "arctan", "atan2": "arctan2"}
    | {"identity": ""},  # NumPy's makes a matrix
}
"""Package -> operation -> the name it has there, where that is another one."""


# ---------------------------------------------------------------- a class of nodes, such as a student's


class ClassEngine(Engine):
    """An engine that is one class: ``Value(number)``, operators and methods, ``.data``, ``.grad``, ``.backward()``.

    The number may also be called ``value`` and the gradient ``gradient``. An operation that is neither an
    operator nor a method of the class is looked for among ``functions``.

    Args:
        cls: the class of the nodes.
        name: what the report card calls the engine; the name of the class if not given.
        functions: more operations by name; those on a list, such as ``softmax``, take one list.

    >>> from autograd_tiny.ops import tanh
    >>> engine = ClassEngine(Value)
    >>> engine.data(engine.apply(tanh, [engine.leaf(0.0)]))
    0.0
    >>> engine.call_text(tanh, ["a"])
    'a.tanh()'
    """

    def __init__(self, cls: type, name: str = "", functions: Mapping[str, Callable[..., Any]] | None = None) -> None:
        self.cls, self.name = cls, printable(name or cls.__name__)
        self.functions = functions or {}

    def leaf(self, number: float) -> Node:
        """Call the class."""
        return self.cls(number)

    def data(self, node: Node) -> float:
        """Return ``node.data`` or ``node.value``."""
        return float(node.data if hasattr(node, "data") else node.value)

    def grad(self, leaf: Node) -> float:
        """Return ``leaf.grad`` or ``leaf.gradient``; None counts as 0.0."""
        gradient = leaf.grad if hasattr(leaf, "grad") else leaf.gradient
        return 0.0 if gradient is None else self.data(gradient) if isinstance(gradient, self.cls) else float(gradient)

    def backward(self, root: Node) -> None:
        """Call ``root.backward()``."""
        root.backward()

    def set_data(self, leaf: Node, number: float) -> None:
        """Assign ``leaf.data`` or ``leaf.value``."""
        try:
            setattr(leaf, "data" if hasattr(leaf, "data") else "value", number)
        except AttributeError as error:
            raise NotOfferedError(f"{self.name} does not let a leaf change: {error}") from None

    def apply(self, op: Primitive, operands: Sequence[Node | float]) -> Node:
        """Use the operator, the method or the function."""
        function, arguments = self._call(op, operands)
        mixed = not all(isinstance(operand, self.cls) for operand in operands)
        try:
            result = function(*arguments)
            return result[int(op.params["index"] or 0)] if op.per_operand else result
        except (NotImplementedError, AssertionError) as error:  # how small engines refuse an operand
            raise NotOfferedError(_told(error)) from None
        except (TypeError, AttributeError) as error:
            # A class that knows no plain numbers stumbles over the missing .data; between two nodes it is a mistake.
            if mixed or "unsupported operand" in str(error):
                raise NotOfferedError(_told(error)) from None
            raise

    def _is_operator(self, op: Primitive) -> bool:
        return op.name in OPERATORS and hasattr(self.cls, OPERATORS[op.name][0])

    def _call(self, op: Primitive, operands: Sequence[Any]) -> tuple[Callable[..., Any], list[Any]]:
        if self._is_operator(op):
            return partial(OPERATORS[op.name][1], **op.params), [*operands]
        settings = [number for name, number in op.params.items() if number != _usual(op, name) and name != "index"]
        if op.arity is not None and hasattr(self.cls, op.name):
            function, arguments = getattr(self.cls, op.name), [*operands, *settings]
        elif op.name in self.functions:
            lists = [list(group) for group in op.grouped(tuple(operands))] if op.pairs else [list(operands)]
            function, arguments = self.functions[op.name], [*(operands if op.arity else lists), *settings]
        else:
            raise NotOfferedError(f"{self.name} has no {op.name}")
        with contextlib.suppress(ValueError):  # some built-in functions have no signature
            try:
                inspect.signature(function).bind(*arguments)
            except TypeError as error:
                raise NotOfferedError(f"{op.name}: {error}") from None
        return function, arguments

    def leaf_text(self, number: float) -> str:
        """Return ``Value(2.0)``, with the name of the class."""
        return f"{printable(self.cls.__name__)}({number!r})"

    def call_text(self, op: Primitive, operands: Sequence[str]) -> str:
        """Return ``a + b``, ``a.tanh()`` or ``tanh(a)``."""
        if self._is_operator(op) or op.arity is None or not hasattr(self.cls, op.name):
            return op.write(operands)
        settings = [f"{number:g}" for name, number in op.params.items() if number != _usual(op, name)]
        return f"{operands[0]}.{op.name}({', '.join([*operands[1:], *settings])})"


def _usual(op: Primitive, name: str) -> float | None:
    return registry[op.name].params[name] if op.name in registry else None


def _told(error: BaseException) -> str:
    return printable(f"{type(error).__name__}: {error}" if str(error) else type(error).__name__)


class MicrogradEngine(ClassEngine):
    """micrograd's ``Value``.

    Raises:
        MissingPackageError: when micrograd is not installed.
    """

    def __init__(self) -> None:
        super().__init__(_package("micrograd.engine", "checking micrograd").Value, "micrograd")


def student_engine(path: str | Path) -> ClassEngine:
    """Return the engine in a Python file: its class ``Value``, or its only class with a method ``backward``.

    Functions of the file count as operations too. What the file prints while it loads is dropped, and its
    part under ``if __name__ == "__main__"`` does not run.

    Args:
        path: the file.

    Raises:
        ParameterError: when there is no such file, it does not run, or has no such class; the message says where.
    """
    path = Path(path)
    shown = printable(str(path))
    if not path.is_file():
        raise ParameterError(f"an engine is a Python file, and there is none at {shown}; check the path")
    module = _load(path, shown)
    named = vars(module)
    own = {name: thing for name, thing in named.items() if getattr(thing, "__module__", None) == module.__name__}
    candidates = {"Value": named["Value"]} if "Value" in named else own
    classes = [thing for thing in candidates.values() if inspect.isclass(thing) and hasattr(thing, "backward")]
    if len(classes) != 1:
        found = printable(", ".join(cls.__name__ for cls in classes)) or "none"
        raise ParameterError(
            f"an engine is a class with a method backward(), and {shown} has {found}; call the one to check Value"
        )
    functions = {name: thing for name, thing in own.items() if inspect.isfunction(thing)}
    return ClassEngine(classes[0], path.name, functions)


def _load(path: Path, shown: str) -> ModuleType:
    name = f"_engine_{path.stem}"
    spec = spec_from_loader(name, SourceFileLoader(name, str(path)))
    module = module_from_spec(spec)  # type: ignore[arg-type]  # a loader with a file always gives a spec
    before = sys.dont_write_bytecode
    sys.dont_write_bytecode = True  # a file that is edited twice a second must not be read from a cache
    sys.modules[name] = module  # @dataclass looks its module up there
    sys.path.insert(0, str(path.parent))  # as for a script: its neighbours can be imported
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            module.__loader__.exec_module(module)  # type: ignore[union-attr]  # it is the SourceFileLoader
    except SyntaxError as error:
        where = f"line {error.lineno}" if error.lineno else "somewhere"
        raise ParameterError(f"{shown}, {where}: SyntaxError: {printable(error.msg)}; fix it first") from None
    except (Exception, SystemExit) as error:
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
        raise ParameterError(
            f"{shown}, line {lines[-1] if lines else 1}: {_told(error)}; a file that is checked must load by itself"
        ) from None
    finally:
        sys.path.remove(str(path.parent))
        del sys.modules[name]
        sys.dont_write_bytecode = before
    return module


# ---------------------------------------------------------------- packages with functions on arrays


def _package(name: str, purpose: str) -> Any:
    """Return a module of an optional package."""
    try:
        return importlib.import_module(name)
    except ImportError:
        raise MissingPackageError(name.partition(".")[0], purpose) from None


class _FunctionEngine(Engine):
    """An engine whose operations are operators and functions of modules, those on a list functions of one array.

    Args:
        array: the function that makes one array of several numbers.
        modules: where the functions are, by the name that people give the module.
    """

    def __init__(self, array: str, modules: Mapping[str, str]) -> None:
        self._modules = {short: _package(module, f"checking {self.name}") for short, module in modules.items()}
        self._main = next(iter(modules))
        self._array = array

    def _function(self, op: Primitive) -> tuple[str, Callable[..., Any]]:
        """Return the function of an operation, and how it is written."""
        name = OTHER_NAMES[self._main].get(op.name, op.name)
        for short, module in self._modules.items():
            function = getattr(module, name, None)
            if callable(function):
                return f"{short}.{name}", function
        raise NotOfferedError(f"{self.name} has no {op.name}")

    def _arguments(self, op: Primitive, operands: Sequence[Any], array: Callable[[Sequence[Any]], Any]) -> list[Any]:
        """Return what the function takes: numbers and settings, or arrays and the axis."""
        if op.name == "where":
            return [operands[0] != 0, *operands[1:]]
        if op.arity is not None:
            return [*operands, *op.params.values()]
        axis = [0] if op.per_operand or op.name == "logsumexp" else []
        return [*map(array, op.grouped(tuple(operands)) if op.pairs else [operands]), *axis]

    def _compute(self, op: Primitive, operands: Sequence[Any]) -> Any:
        if op.name in OPERATORS:
            return OPERATORS[op.name][1](*operands, **op.params)
        array = getattr(self._modules[self._main], self._array)
        result = self._function(op)[1](*self._arguments(op, operands, lambda group: array(list(group))))
        return result[int(op.params["index"] or 0)] if op.per_operand else result

    def call_text(self, op: Primitive, operands: Sequence[str]) -> str:
        """Return ``a + b`` or ``torch.tanh(a)``."""
        if op.name in OPERATORS:
            return op.write(operands)
        arguments = self._arguments(op, operands, lambda group: f"{self._main}.{self._array}([{', '.join(group)}])")
        if op.name == "where":
            arguments[0] = f"{operands[0]} != 0"
        index = f"[{op.params['index']:g}]" if op.per_operand else ""
        return f"{self._function(op)[0]}({', '.join(map(str, arguments))}){index}"


class TorchEngine(_FunctionEngine):
    """PyTorch on scalars of type float64.

    Raises:
        MissingPackageError: when PyTorch is not installed.
    """

    name = "PyTorch"

    def __init__(self) -> None:
        super().__init__("stack", {"torch": "torch", "F": "torch.nn.functional"})
        self._torch = self._modules["torch"]

    def leaf(self, number: float) -> Node:
        """Return a tensor that requires its gradient."""
        return self._torch.tensor(number, dtype=self._torch.float64, requires_grad=True)

    def leaf_text(self, number: float) -> str:
        """Return the call of ``torch.tensor``."""
        return f"torch.tensor({number!r}, dtype=torch.float64, requires_grad=True)"

    def data(self, node: Node) -> float:
        """Return ``node.item()``."""
        return float(node.item())

    def grad(self, leaf: Node) -> float:
        """Return ``leaf.grad``, 0.0 while there is none."""
        return 0.0 if leaf.grad is None else float(leaf.grad.item())

    def backward(self, root: Node) -> None:
        """Call ``root.backward``, and keep the graph for another call.

        Raises:
            NotOfferedError: when PyTorch has no derivative of an operation.
        """
        try:
            root.backward(retain_graph=True)
        except RuntimeError as error:
            if "is not implemented" in str(error):
                raise NotOfferedError(_told(error)) from None
            raise

    def apply(self, op: Primitive, operands: Sequence[Node | float]) -> Node:
        """Call the operator, or the function of ``torch`` or ``torch.nn.functional``.

        Raises:
            NotOfferedError: when PyTorch has no such operation, or one that gives a boolean.
        """
        if op.name not in OPERATORS:
            tensor = self._torch.is_tensor
            operands = [x if tensor(x) else self._torch.tensor(x, dtype=self._torch.float64) for x in operands]
        node = self._compute(op, operands)
        if isinstance(node, bool) or node.dtype == self._torch.bool:
            raise NotOfferedError(f"PyTorch's {op.name} gives a boolean, which has no derivative")
        return node


class _Recorded:
    """A node of :class:`HipsEngine`: what was computed, to be replayed as a function."""

    __slots__ = ("data", "grad", "number", "op", "operands")

    def __init__(self, data: float, op: Primitive | None, operands: Sequence[Any], number: int) -> None:
        self.data, self.op, self.operands, self.number = data, op, operands, number
        self.grad = 0.0


class HipsEngine(_FunctionEngine):
    """HIPS autograd, which differentiates functions: operations are recorded, and ``backward`` replays them.

    Raises:
        MissingPackageError: when autograd is not installed.
    """

    name = "HIPS autograd"

    def __init__(self) -> None:
        super().__init__("array", {"np": "autograd.numpy"})
        self._np = self._modules["np"]
        self._numbers = itertools.count()

    def leaf(self, number: float) -> Node:
        """Return a recorded leaf."""
        return self._record(self._np.float64(number), None, ())

    def leaf_text(self, number: float) -> str:
        """Return the number: an argument of the function."""
        return repr(number)

    def data(self, node: Node) -> float:
        """Return the number that was computed when the operation was recorded."""
        return float(node.data)

    def grad(self, leaf: Node) -> float:
        """Return the sum of what every ``backward`` gave."""
        return float(leaf.grad)

    def apply(self, op: Primitive, operands: Sequence[Node | float]) -> Node:
        """Compute with NumPy, and record."""
        numbers = [x.data if isinstance(x, _Recorded) else x for x in operands]
        with self._quietly():
            return self._record(self._compute(op, numbers), op, operands)

    def backward(self, root: Node) -> None:
        """Differentiate the function that the recorded operations are.

        Raises:
            NotOfferedError: when HIPS autograd has no derivative of one of them.
        """
        order = _below(root)
        leaves = [node for node in order if node.op is None]

        def replay(numbers: Any) -> Any:
            known = {leaf: numbers[i] for i, leaf in enumerate(leaves)}
            for node in order:
                if node.op is not None:
                    operands = [known[x] if isinstance(x, _Recorded) else x for x in node.operands]
                    known[node] = self._compute(node.op, operands)
            return known[root]

        with self._quietly():
            try:
                gradients = _package("autograd", "checking HIPS autograd").grad(replay)(
                    self._np.array([leaf.data for leaf in leaves])
                )
            except (NotImplementedError, TypeError) as error:
                raise NotOfferedError(_told(error)) from None
        for leaf, gradient in zip(leaves, gradients, strict=True):
            leaf.grad += gradient

    def _record(self, data: Any, op: Primitive | None, operands: Sequence[Any]) -> _Recorded:
        return _Recorded(data, op, tuple(operands), next(self._numbers))

    @contextlib.contextmanager
    def _quietly(self) -> Iterator[None]:
        with warnings.catch_warnings(), self._np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            yield


def _below(root: _Recorded) -> list[_Recorded]:
    """Return every node that the root depends on, in the order in which they were made."""
    found, stack = {root}, [root]
    while stack:
        for operand in stack.pop().operands:
            if isinstance(operand, _Recorded) and operand not in found:
                found.add(operand)
                stack.append(operand)
    return sorted(found, key=lambda node: node.number)
