"""Module: a part of a model that holds parameters and names itself in the graph."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Any

from ..recording import mode
from ..value import NO_GRAD_YET, Constant, Value


class Module:
    """Base of every model and layer: write ``forward``, keep Values and modules as attributes.

    A parameter is every leaf Value found in the attributes and, through lists, tuples and dicts, in the
    modules they hold. Calling a module runs ``forward`` inside a scope, so that each node knows the part of
    the model that made it: ``MLP/layers[0]/neurons[3]``.

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

    def named_parameters(self) -> list[tuple[str, Value]]:
        """Return (dotted name, parameter) pairs in the order the attributes were made.

        A parameter or module held in several places counts once, under its first name.

        >>> from autograd_tiny.nn import MLP
        >>> [name for name, _ in MLP(1, [1, 1]).named_parameters()][:2]
        ['layers.0.neurons.0.weights.0', 'layers.0.neurons.0.bias']
        """
        names: dict[Value, str] = {}
        _collect(vars(self), "", names, {id(self)})
        return [(name, parameter) for parameter, name in names.items()]

    def parameters(self) -> list[Value]:
        """Return the parameters in the order of :meth:`named_parameters`."""
        return [parameter for _, parameter in self.named_parameters()]

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters; call it before each ``backward()`` of a training loop."""
        for parameter in self.parameters():
            parameter.grad = NO_GRAD_YET

    def extra_repr(self) -> str:
        """Return the settings that the printed form shows between the brackets."""
        return ""

    def __repr__(self) -> str:
        count = len(self.parameters())
        lines = [f"{type(self).__name__}({self.extra_repr()}): {count} parameter{'s' if count != 1 else ''}"]
        children = [(name, repr(child)) for attribute in vars(self).items() for name, child in _modules(*attribute)]
        for text, alike in groupby(children, key=lambda child: child[1]):
            names = [name for name, _ in alike]
            name = names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}, each"
            lines.append(f"{name}: {text}".replace("\n", "\n  "))
        return "\n  ".join(lines)


def _modules(name: str, held: Any) -> Iterator[tuple[str, Module]]:
    """Yield (scope name, module) for the modules in an attribute: ``layers[0]``, ``heads[left]``."""
    if isinstance(held, Module):
        yield name, held
    elif isinstance(held, (list, tuple)):
        for i, item in enumerate(held):
            yield from _modules(f"{name}[{i}]", item)
    elif isinstance(held, dict):
        for key, item in held.items():
            yield from _modules(f"{name}[{key}]", item)


def _name_modules(name: str, held: Any) -> None:
    for scope_name, module in _modules(name, held):
        if not module._scope_name:  # the first holder names a shared module
            module.__dict__["_scope_name"] = scope_name


def _collect(held: Any, name: str, names: dict[Value, str], visited: set[int]) -> None:
    if isinstance(held, Value):
        if held.op is None and type(held) is not Constant:
            names.setdefault(held, name)
    elif isinstance(held, Module):
        if id(held) not in visited:  # modules may refer to each other
            visited.add(id(held))
            _collect(vars(held), name, names, visited)
    elif isinstance(held, dict):
        for key, item in held.items():
            _collect(item, f"{name}.{key}" if name else str(key), names, visited)
    elif isinstance(held, (list, tuple)):
        for i, item in enumerate(held):
            _collect(item, f"{name}.{i}", names, visited)
