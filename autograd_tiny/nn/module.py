"""Module: a part of a model that holds parameters and names itself in the graph."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any, ClassVar, Self

from ..errors import ParameterError, StateError, did_you_mean, listed
from ..primitive import real
from ..recording import mode
from ..value import NO_GRAD_YET, Constant, Value
from .shapes import listed_numbers, mapped, numbers_in, shape_of, shape_text


class Module:
    """Base of every model and layer: write ``forward``, keep Values and modules as attributes.

    A parameter is every leaf Value found in the attributes, in lists, tuples, dicts and NumPy arrays of objects there,
    and in the modules these hold, however deep. Sets, which have no order, and objects of other classes are not looked
    into; results of operations and constants are no parameters. Calling a module runs ``forward`` inside a scope, so
    that each node knows the part of the model that made it: ``MLP/layers[0]/neurons[3]``.

    Attributes:
        training: whether Dropout drops and BatchNorm1d uses its batch; set by :meth:`train` and :meth:`eval`.
        buffers: names of attributes that are numbers to save with the parameters but not to train; a class
            that has some lists them.
        is_layer: whether the modules inside count as one layer, as the neurons of a Layer do.

    Raises:
        NotImplementedError: when a module without ``forward`` is called.

    >>> class Line(Module):
    ...     def __init__(self):
    ...         self.slope, self.offset = Value(2.0, "slope"), Value(1.0, "offset")
    ...
    ...     def forward(self, x):
    ...         return self.slope * x + self.offset
    >>> line = Line()
    >>> y = line(3.0)
    >>> y.data, y.scope, [name for name, _ in line.named_parameters()]
    (7.0, 'Line', ['slope', 'offset'])
    """

    training = True
    buffers: ClassVar[tuple[str, ...]] = ()
    is_layer: ClassVar[bool] = False
    _scope_name = ""
    _named = False

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the result; every module writes its own."""
        raise NotImplementedError(f"{type(self).__name__} has no forward: define forward(self, x) in the class")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run ``forward`` inside this module's scope."""
        if not self._named:  # modules appended to a list after it was assigned get their names here
            for name, held in vars(self).items():
                _name_modules(name, held)
            self.__dict__["_named"] = True
        # recording.scope written out: a model calls its neurons thousands of times a step
        token = mode.set(mode.get().inside(self._scope_name or type(self).__name__))
        try:
            return self.forward(*args, **kwargs)
        finally:
            mode.reset(token)

    def __setattr__(self, name: str, held: Any) -> None:
        object.__setattr__(self, name, held)
        _name_modules(name, held)

    # ------------------------------------------------------------ parameters

    def named_tensors(self) -> list[tuple[str, Any]]:
        """Return (dotted name, Value or regular nested list of Values) for the parameters, in the order they were made.

        A parameter or module held in several places counts once, under its first name.

        >>> from autograd_tiny.nn import Linear
        >>> [(name, len(tensor)) for name, tensor in Linear(3, 2).named_tensors()]
        [('weight', 2), ('bias', 2)]
        """
        return [(name, tensor) for name, (tensor, _) in self._tensors().items()]

    def named_parameters(self) -> list[tuple[str, Value]]:
        """Return (dotted name, parameter) for every single parameter, in the order they were made.

        >>> from autograd_tiny.nn import MLP
        >>> [name for name, _ in MLP(1, [1, 1]).named_parameters()][:2]
        ['layers.0.neurons.0.weights.0', 'layers.0.neurons.0.bias']
        """
        names: dict[int, tuple[str, Value]] = {}
        for name, tensor in self.named_tensors():
            for place, parameter in _entries(name, tensor):
                names.setdefault(id(parameter), (place, parameter))
        return list(names.values())

    def parameters(self) -> list[Value]:
        """Return the parameters in the order of :meth:`named_parameters`."""
        return _distinct(parameter for _, entries in self._tensors().values() for parameter in entries)

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters; call it before each ``backward()`` of a training loop."""
        for parameter in self.parameters():
            parameter.grad = NO_GRAD_YET

    def _tensors(self) -> dict[str, tuple[Any, list[Value]]]:
        """Return dotted name -> (tensor, its entries in reading order)."""
        found: dict[str, tuple[Any, list[Value]]] = {}
        _collect(vars(self), "", found, {id(self)})
        return found

    # ------------------------------------------------------------ modules inside, and their mode

    def named_modules(self, into_layers: bool = True) -> list[tuple[str, Module]]:
        """Return (name, module) for this module, whose name is "", and all modules inside, each once.

        Args:
            into_layers: whether the modules inside one that ``is_layer``, such as neurons, are listed too.

        >>> from autograd_tiny.nn import MLP
        >>> [name for name, _ in MLP(1, [1]).named_modules()]
        ['', 'layers[0]', 'layers[0].neurons[0]']
        """
        found: dict[int, tuple[str, Module]] = {}
        _visit("", self, found, into_layers)
        return list(found.values())

    def named_layers(self) -> list[tuple[str, list[Value]]]:
        """Return (name, parameters) for every module that holds parameters itself; a Layer of neurons counts as one.

        >>> from autograd_tiny.nn import MLP
        >>> [(name, len(parameters)) for name, parameters in MLP(2, [3, 1]).named_layers()]
        [('layers[0]', 9), ('layers[1]', 4)]
        """
        layers = []
        for name, module in self.named_modules(into_layers=False):
            own: dict[str, tuple[Any, list[Value]]] = {}
            held = vars(module).items()
            _collect({k: item for k, item in held if module.is_layer or not any(_modules(k, item))}, "", own, set())
            if own:
                parameters = _distinct(parameter for _, entries in own.values() for parameter in entries)
                layers.append((name or type(module).__name__, parameters))
        return layers

    def modules(self) -> list[Module]:
        """Return the modules of :meth:`named_modules`."""
        return [module for _, module in self.named_modules()]

    def train(self, mode: bool = True) -> Self:
        """Set ``training`` on this module and all inside; return this module.

        >>> from autograd_tiny.nn import Dropout
        >>> Dropout(0.5).eval().training
        False
        """
        for module in self.modules():
            module.training = bool(mode)
        return self

    def eval(self) -> Self:
        """Turn training off: Dropout lets everything pass, BatchNorm1d uses its running statistics."""
        return self.train(False)

    # ------------------------------------------------------------ state

    def state_dict(self) -> dict[str, Any]:
        """Return every parameter and buffer as floats and nested lists of floats, under its dotted name.

        >>> from autograd_tiny.nn import Linear, init
        >>> layer = Linear(2, 1)
        >>> _ = init.constant_(layer.weight, 0.5), init.zeros_(layer.bias)
        >>> layer.state_dict()
        {'weight': [[0.5, 0.5]], 'bias': [0.0]}
        """
        state = {name: mapped(tensor, float) for name, tensor in self.named_tensors()}
        return state | {name: mapped(getattr(module, buffer), float) for name, module, buffer in self._named_buffers()}

    def load_state_dict(self, state: Mapping[str, Any], strict: bool = True) -> tuple[list[str], list[str]]:
        """Set parameters and buffers from what :meth:`state_dict` returned, all of them or, after an error, none.

        Lists, tuples, arrays and tensors are taken. The states of PyTorch's Linear, Conv1d, Conv2d, Embedding,
        LayerNorm, RMSNorm and recurrent cells fit as they are; that of its BatchNorm1d, which counts batches too, fits
        with ``strict=False``. Its RNN, LSTM, GRU and MultiheadAttention name and arrange parameters in other ways.

        Args:
            state: name -> number or nested list of numbers.
            strict: whether a name on one side only is an error.

        Returns:
            (names that the state lacks, names that this module lacks); both empty when strict.

        Raises:
            StateError: for a missing or unexpected name when strict, or entries of another shape or no numbers.

        >>> from autograd_tiny.nn import Linear
        >>> layer = Linear(2, 1)
        >>> layer.load_state_dict({"weight": [[1.0, 2.0]], "bias": [3.0]})
        ([], [])
        >>> layer([10.0, 1.0])[0].data
        15.0
        """
        if not isinstance(state, Mapping):
            shown = f"one {type(state).__name__}" if isinstance(state, Module) else f"{state!r:.60}"
            raise StateError(f"a state maps names to numbers, got {shown}; use model.state_dict()")
        tensors = dict(self.named_tensors())
        buffers = {name: (module, buffer) for name, module, buffer in self._named_buffers()}
        expected = tensors | {name: getattr(module, buffer) for name, (module, buffer) in buffers.items()}
        missing = [name for name in expected if name not in state]
        unexpected = [str(name) for name in state if name not in expected]
        if strict and (missing or unexpected):
            raise StateError(_other_names(self, missing, unexpected))
        loaded = {name: _fitting(name, state[name], current) for name, current in expected.items() if name in state}
        for name, numbers in loaded.items():
            if name in buffers:
                module, buffer = buffers[name]
                setattr(module, buffer, numbers)
            else:
                _assign(tensors[name], numbers)
        return missing, unexpected

    def _named_buffers(self) -> list[tuple[str, Module, str]]:
        named = [(name, module, buffer) for name, module in self.named_modules() for buffer in module.buffers]
        for _, module, buffer in named:
            if not hasattr(module, buffer):
                raise ParameterError(
                    f"{type(module).__name__} lists the buffer {buffer} but has no such attribute; "
                    f"set self.{buffer} in its __init__"
                )
        return [
            (f"{name}.{buffer}".replace("[", ".").replace("]", "").lstrip("."), module, buffer)
            for name, module, buffer in named
        ]

    def save(self, path: Any, *, allow_nan: bool = False) -> None:
        """Write :meth:`state_dict` to a ``.json`` or ``.safetensors`` file; see :func:`~autograd_tiny.nn.save`."""
        from .files import save

        save(self.state_dict(), path, allow_nan=allow_nan)

    def load(self, path: Any, *, strict: bool = True, allow_nan: bool = False) -> None:
        """Set parameters and buffers from a file; after an error all are as before.

        Raises:
            StateError: when the file is damaged, or holds another model's state; see :func:`~autograd_tiny.nn.load`.
        """
        from .files import load

        self.load_state_dict(load(path, allow_nan=allow_nan), strict)

    # ------------------------------------------------------------ printed forms

    def extra_repr(self) -> str:
        """Return the settings that the printed form shows between the brackets."""
        return ""

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__}({self.extra_repr()}): {_count(len(self.parameters()))}"]
        children = [(name, repr(child)) for name, child in _children(self)]
        for text, alike in groupby(children, key=lambda child: child[1]):
            names = [name for name, _ in alike]
            lines.append(f"{_range(names)}: {text}".replace("\n", "\n  "))
        return "\n  ".join(lines)

    def summary(self, *example: Any) -> str:
        """Return a table of the modules inside, with their parameters and, for an example, the shapes they return.

        Args:
            example: what ``forward`` is called with, once and without recording; without it no shapes are shown.

        >>> from autograd_tiny.nn import Linear, ReLU, Sequential
        >>> print(Sequential(Linear(2, 3), ReLU(), Linear(3, 1)).summary([0.5, -0.5]))
        name        module                                  returns   parameters
        ────────────────────────────────────────────────────────────────────────
                    Sequential()                            1                 13
        layers[0]   Linear(in_features=2, out_features=3)   3                  9
        layers[1]   ReLU()                                  3                  0
        layers[2]   Linear(in_features=3, out_features=1)   1                  4
        """
        from .summary import summary

        return summary(self, example)


def _opened(held: Any) -> Any:
    """Return a NumPy array of objects as nested lists, everything else as it is."""
    return held.tolist() if hasattr(held, "tolist") and str(getattr(held, "dtype", "")) == "object" else held


def _children(module: Module) -> list[tuple[str, Module]]:
    return [child for attribute in vars(module).items() for child in _modules(*attribute)]


def _modules(name: str, held: Any) -> Iterator[tuple[str, Module]]:
    """Yield (scope name, module) for the modules in an attribute: ``layers[0]``, ``heads[left]``."""
    held = _opened(held)
    if isinstance(held, Module):
        yield name, held
    elif isinstance(held, (list, tuple)):
        for i, item in enumerate(held):
            yield from _modules(f"{name}[{i}]", item)
    elif isinstance(held, dict):
        for key, item in held.items():
            yield from _modules(f"{name}[{key}]", item)


def _visit(name: str, module: Module, found: dict[int, tuple[str, Module]], into_layers: bool) -> None:
    if id(module) not in found:  # modules may refer to each other
        found[id(module)] = name, module
        if into_layers or not module.is_layer:
            for child_name, child in _children(module):
                _visit(f"{name}.{child_name}".lstrip("."), child, found, into_layers)


def _name_modules(name: str, held: Any) -> None:
    for scope_name, module in _modules(name, held):
        if not module._scope_name:  # the first holder names a shared module
            module.__dict__["_scope_name"] = scope_name


def _collect(held: Any, name: str, found: dict[str, tuple[Any, list[Value]]], visited: set[int]) -> None:
    """Add the tensors of parameters in ``held`` to ``found``, each parameter under the first name it is met by."""
    held = _opened(held)
    entries = _parameters(held)
    if entries and visited.isdisjoint(map(id, entries)):
        if name in found:
            raise ParameterError(f"two parameters have the name {name}; rename an attribute or key")
        visited.update(map(id, entries))
        found[name] = held, entries
    elif isinstance(held, Module):
        if id(held) not in visited:
            visited.add(id(held))
            _collect(vars(held), name, found, visited)
    elif isinstance(held, dict):
        for key, item in held.items():
            _collect(item, f"{name}.{key}" if name else str(key), found, visited)
    elif isinstance(held, (list, tuple)):
        for i, item in enumerate(held):
            _collect(item, f"{name}.{i}", found, visited)


def _parameters(held: Any) -> list[Value]:
    """Return the entries of a Value or regular nested list if all are parameters, nothing otherwise."""
    if isinstance(held, Value):
        entries = [held]
    elif isinstance(held, (list, tuple)) and shape_of(held) is not None:
        entries = numbers_in(held)
    else:
        return []
    trained = all(issubclass(kind, Value) and kind is not Constant for kind in set(map(type, entries)))
    return entries if trained and {v.op for v in entries} == {None} else []


def _distinct(parameters: Iterable[Value]) -> list[Value]:
    return list({id(parameter): parameter for parameter in parameters}.values())


def _entries(name: str, tensor: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(tensor, (list, tuple)):
        for i, item in enumerate(tensor):
            yield from _entries(f"{name}.{i}", item)
    else:
        yield name, tensor


def _assign(tensor: Any, numbers: Any) -> None:
    if isinstance(tensor, (list, tuple)):
        for item, number in zip(tensor, numbers, strict=True):
            _assign(item, number)
    else:
        tensor.data = numbers


def _fitting(name: str, numbers: Any, current: Any) -> Any:
    """Return the numbers of a state as floats in nested lists, if they have the shape of the current ones."""
    try:
        numbers = mapped(listed_numbers(numbers), lambda number: real(number, name))
    except TypeError as error:
        raise StateError(f"{name} holds something that is not a number: {error}") from None
    wanted, given = shape_of(current), shape_of(numbers)
    if wanted != given:
        raise StateError(
            f"{name} has the shape {shape_text(wanted)}, got {shape_text(given)}; is it the state of another model?"
        )
    return numbers


def _other_names(module: Module, missing: list[str], unexpected: list[str]) -> str:
    kind, facts = type(module).__name__, []
    if missing:
        facts.append(f"lacks {listed(missing)}")
    if unexpected:
        question = did_you_mean(unexpected[0], missing)
        facts.append(f"has the unexpected {listed(unexpected)}{f' ({question})' if question else ''}")
    return f"the state of a {kind} {' and '.join(facts)}; strict=False loads what fits"


def _count(parameters: int) -> str:
    return f"{parameters:,} parameter{'s' if parameters != 1 else ''}"


def _range(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}, each"
