"""Value: a number that remembers how it was made, and backward(), which applies the chain rule.

The words used here::

    node      a Value; the result of an operation, or a leaf
    leaf      a node without parents: an input, a parameter or a constant
    parent    a node that an operation took as an operand; x * x has the parent x twice
    slope     a local derivative: how fast the node changes with one parent, the others held still
    upstream  the gradient that has arrived at a node: how fast the root changes with it
    root      the node that backward() starts from, usually the loss

The whole method: record the graph while computing, walk it once from the root to the leaves so that
every node comes after all the nodes that use it, and at each one hand upstream * slope to each parent.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache, partial
from typing import Any, TypeAlias

from . import ops
from .errors import GraphError, OperandError
from .higher_order import NOTHING, slopes_as_values
from .primitive import Primitive, Slopes, floats, real
from .recording import Note, check_gradients_finite, mode

Number: TypeAlias = "float | Value"

NO_GRAD_YET = float("0.0")  # a 0.0 of its own: pictures tell "no backward yet" from a gradient of zero by identity


# ---------------------------------------------------------------- recording

_current_mode = mode.get
_new: Callable[[type[Value]], Value] = object.__new__


def lift(number: Any) -> Value:
    """Return a Value as it is and a plain number as a Constant."""
    if isinstance(number, Value):
        return number
    node = _new(Constant)
    node._data = number if type(number) is float else real(number, "an operation with a Value")
    node._x = node._dx = ()
    node._y = node.op = node._note = None
    node.grad, node._dy = NO_GRAD_YET, 0.0
    return node


def _operators(op: Primitive) -> tuple[Callable[[Any, Any], Value], Callable[[Any, Any], Value]]:
    """Return the methods of an infix operator, ``a + b`` and the reflected ``b + a``."""
    value, slopes, constant = op.value, op.slopes, op.constant_slopes

    def record(self: Any, other: Any) -> Value:
        # record_operation written out: most nodes of most graphs are made here
        if type(other) is not Value:
            other = lift(other)
        x, y = self._data, other._data
        node = _new(Value)
        try:
            node._data = result = value(floats, x, y)
            node._dx, node._dy = constant or slopes(floats, result, x, y)
        except (ArithmeticError, ValueError):
            node._data, (node._dx, node._dy) = op.evaluate_ieee(x, y)
        node._x = self
        node._y = other
        node.grad = NO_GRAD_YET
        node.op = op
        current = _current_mode()
        node._note = current.note
        return node if current.ordinary else current.finish(node)

    return record, lambda self, other: record(lift(other), self)


def method_of(op: Primitive) -> Callable[[Any], Value]:
    """Return the method of an operation with one operand, ``a.tanh()``."""
    value, slopes = op.value, op.slopes

    def record(self: Any) -> Value:
        x = self._data
        try:
            result = value(floats, x)
            return _node(op, (self,), result, slopes(floats, result, x))
        except (ArithmeticError, ValueError):
            return _node(op, (self,), *op.evaluate_ieee(x))

    record.__name__, record.__doc__ = op.name, op.doc.partition("\n")[0]
    return record


def record_operation(op: Primitive, operands: Sequence[Any]) -> Value:
    """Return the node of an operation on Values and plain numbers."""
    parents = tuple([x if type(x) is Value else lift(x) for x in operands])
    return _node(op, parents, *op.evaluate(*[parent._data for parent in parents]))


def record_pairs(op: Primitive, xs: Sequence[Value], ws: Sequence[Value]) -> Value:
    """Return the node of an operation on two lists of Values, such as ``dot``: the way of every neuron."""
    x, w = [parent._data for parent in xs], [parent._data for parent in ws]
    try:
        result = op.value(floats, x, w)
        slopes = op.slopes(floats, result, x, w)
    except (ArithmeticError, ValueError):
        result, slopes = op.evaluate_ieee(*x, *w)
    return _node(op, (*xs, *ws), result, slopes)


def _node(op: Primitive, parents: tuple[Value, ...], result: float, slopes: Slopes) -> Value:
    node = _new(Value)
    node._link(op, parents, slopes)
    current = _current_mode()
    node._data, node.grad, node._note = result, NO_GRAD_YET, current.note
    return node if current.ordinary else current.finish(node)


class Value:
    """A real number in a computation graph.

    Args:
        data: an int, float or NumPy scalar; kept as a Python float.
        label: a name for pictures and explanations.

    Attributes:
        data: the number.
        grad: d root / d node of the latest ``backward()``; leaves accumulate over calls. 0.0 before any.
        parents: the operands, in order; empty for a leaf.
        slopes: d node / d parent for each parent, from the forward pass.
        op: the operation that made the node; None for a leaf.

    Raises:
        NotARealNumberError: for anything that is not one real number.

    >>> a, b = Value(2.0), Value(-3.0)
    >>> loss = (a * b + 10) ** 2
    >>> loss.backward()
    >>> loss.data, a.grad, b.grad
    (16.0, -24.0, 16.0)
    """

    # One or two operands, x and y, and the slopes dx and dy have slots of their own: with tuples a node would be three
    # objects for the garbage collector to visit, which costs more than all the arithmetic. Other numbers of operands,
    # also none, are tuples in _x and _dx.
    __slots__ = ("_data", "_dx", "_dy", "_note", "_x", "_y", "grad", "op")
    __array_ufunc__ = None  # NumPy scalars on the left leave the operation to us

    grad: Any
    op: Primitive | None
    _x: Any
    _dx: Any
    _y: Value | None
    _dy: float
    _note: Note | None

    def __init__(self, data: Any, label: str = "") -> None:
        self._data: float = real(data)
        self._x = self._dx = ()
        self._y = self.op = self._note = None
        self.grad, self._dy = NO_GRAD_YET, 0.0
        if label:
            self.label = label

    # ------------------------------------------------------------ what a node knows

    @property
    def data(self) -> float:
        """The number; assigning another one affects later operations and pictures, not the slopes already recorded."""
        return self._data

    @data.setter
    def data(self, number: Any) -> None:
        self._data = real(number)

    @property
    def parents(self) -> tuple[Value, ...]:
        """The operands, in order; empty for a leaf."""
        if self._y is not None:
            return self._x, self._y
        return self._x if type(self._x) is tuple else (self._x,)

    @property
    def slopes(self) -> Slopes:
        """d node / d parent for each parent, from the forward pass."""
        if self._y is not None:
            return self._dx, self._dy
        return self._dx if type(self._x) is tuple else (self._dx,)

    def _link(self, op: Primitive | None, parents: tuple[Value, ...], slopes: Slopes) -> None:
        self.op, self._y, self._dy = op, None, 0.0
        if len(parents) == 2:
            (self._x, self._y), (self._dx, self._dy) = parents, slopes
        elif len(parents) == 1:
            (self._x,), (self._dx,) = parents, slopes
        else:
            self._x, self._dx = parents, slopes

    @property
    def local_derivatives(self) -> tuple[Callable[[float], float], ...]:
        """The closures that map an upstream gradient to a contribution, one per parent.

        The slopes are those of the forward pass, whatever has happened to the parents' data since.

        >>> a, b = Value(2.0), Value(-3.0)
        >>> [derivative(1.0) for derivative in (a * b).local_derivatives]
        [-3.0, 2.0]
        """
        return tuple(partial(operator.mul, slope) for slope in self.slopes)

    @property
    def label(self) -> str:
        """The name given to the node, or ``""``."""
        return self._note.label if self._note else ""

    @label.setter
    def label(self, text: str) -> None:
        self._annotate(label=str(text))

    @property
    def scope(self) -> str:
        """The part of the model that made the node, for example ``MLP/layers[0]/neurons[3]``."""
        return self._note.scope if self._note else ""

    @property
    def line(self) -> str:
        """``file:line`` that made the node, when recorded under ``record_lines()``."""
        return self._note.line if self._note else ""

    def _annotate(self, **changes: Any) -> None:
        old = self._note or Note()
        current = {"label": old.label, "scope": old.scope, "line": old.line, "hooks": old.hooks}
        self._note = Note(**(current | changes))

    def item(self) -> float:
        """Return the number as a float."""
        return self._data

    def detach(self) -> Value:
        """Return a new leaf with the same number and label, cut off from the graph."""
        return Value(self._data, self.label)

    def register_hook(self, hook: Callable[[Any], Any]) -> Callable[[], None]:
        """Call ``hook(gradient)`` in every ``backward()`` when this node's gradient is complete.

        A returned number replaces the gradient before it flows on. Returns a function that removes the hook.

        >>> x = Value(3.0)
        >>> remove = x.register_hook(lambda gradient: min(gradient, 1.0))
        >>> (x * x).backward()
        >>> x.grad
        1.0
        """
        if not callable(hook):
            raise OperandError(f"a gradient hook is a function of one number, got {hook!r}")
        self._annotate(hooks=(*(self._note.hooks if self._note else ()), hook))

        def remove() -> None:
            hooks = list(self._note.hooks if self._note else ())
            if hook in hooks:
                hooks.remove(hook)
                self._annotate(hooks=tuple(hooks))

        return remove

    def backward(self, seed: Number = 1.0, create_graph: bool = False) -> None:
        """Compute d self / d node for every node of the graph; see the function :func:`backward`."""
        backward([self], [seed], create_graph)

    # ------------------------------------------------------------ arithmetic

    __add__, __radd__ = _operators(ops.add)
    __sub__, __rsub__ = _operators(ops.sub)
    __mul__, __rmul__ = _operators(ops.mul)
    __truediv__, __rtruediv__ = _operators(ops.div)
    __floordiv__, __rfloordiv__ = _operators(ops.floordiv)
    __mod__, __rmod__ = _operators(ops.remainder)

    def __pow__(self, exponent: Any) -> Value:
        if isinstance(exponent, Value):
            return record_operation(ops.pow, (self, exponent))
        return record_operation(_power(real(exponent, "an exponent")), (self,))

    def __rpow__(self, base: Any) -> Value:
        return record_operation(ops.pow, (base, self))

    __neg__ = method_of(ops.neg)
    __abs__ = method_of(ops.abs)

    def __round__(self, digits: None = None) -> Value:
        if digits is not None:
            raise OperandError("round of a Value gives a whole number; for printing use round(value.data, digits)")
        return record_operation(ops.round, (self,))

    def __pos__(self) -> Value:
        return self

    def __divmod__(self, other: Any) -> tuple[Value, Value]:
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> tuple[Value, Value]:
        return other // self, other % self

    def pow(self, exponent: Any) -> Value:
        """Return self ** exponent."""
        return self.__pow__(exponent)

    relu = method_of(ops.relu)
    tanh = method_of(ops.tanh)
    sigmoid = method_of(ops.sigmoid)
    exp = method_of(ops.exp)
    log = method_of(ops.log)
    sqrt = method_of(ops.sqrt)
    sin = method_of(ops.sin)
    cos = method_of(ops.cos)
    abs = method_of(ops.abs)

    # ------------------------------------------------------------ plain numbers out

    def __float__(self) -> float:
        return self._data

    def __format__(self, spec: str) -> str:
        return format(self._data, spec) if spec else repr(self)

    def __bool__(self) -> bool:
        return self._data != 0.0

    @property
    def _compared(self) -> Any:
        return self._data  # a traced value takes part itself, and records the comparison

    def __eq__(self, other: object) -> bool:
        same: bool = _plain(self._data == _comparable(other))
        return same

    def __ne__(self, other: object) -> bool:
        different: bool = _plain(self._data != _comparable(other))
        return different

    def __lt__(self, other: Any) -> bool:
        return self._data < _ordered(other)

    def __le__(self, other: Any) -> bool:
        return self._data <= _ordered(other)

    def __gt__(self, other: Any) -> bool:
        return self._data > _ordered(other)

    def __ge__(self, other: Any) -> bool:
        return self._data >= _ordered(other)

    __hash__ = object.__hash__  # by identity, although == compares numbers: a set never merges two equal leaves

    def __repr__(self) -> str:
        label = f", label={self.label!r}" if self.label else ""
        return f"{type(self).__name__}(data={self._data}, grad={float(self.grad)}{label})"

    # ------------------------------------------------------------ copies

    def __copy__(self) -> Value:
        twin = _new(type(self))
        for slot in Value.__slots__:
            setattr(twin, slot, getattr(self, slot))
        return twin

    def __deepcopy__(self, memo: dict[int, Any]) -> Value:
        for node in topological_order([self]):
            if id(node) not in memo:
                twin = memo[id(node)] = node.__copy__()
                twin._link(node.op, tuple([memo[id(parent)] for parent in node.parents]), node.slopes)
        copied: Value = memo[id(self)]
        return copied

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise GraphError(
            "a Value cannot be pickled: its graph can be of any depth and pickle runs code when loading; "
            "save the numbers instead, for example [p.data for p in model.parameters()]"
        )


class Constant(Value):
    """A plain number that took part in an operation with a Value: a leaf nobody asks the gradient of."""

    __slots__ = ()


Value._record_operation = staticmethod(record_operation)  # type: ignore[attr-defined]  # how a Primitive finds us


@lru_cache(maxsize=1024)
def _power(n: float) -> Primitive:
    return ops.power.bind(n=n)


def _ordered(other: Any) -> float:
    if isinstance(other, int):  # of any size: Python compares it exactly
        return other
    return other._compared if isinstance(other, Value) else real(other, "a comparison with a Value")


def _plain(outcome: Any) -> Any:
    return outcome if isinstance(outcome, Value) else bool(outcome)


def _comparable(other: Any) -> Any:
    if isinstance(other, Value):
        return other._compared
    return real(other, "a comparison") if type(other).__module__ == "numpy" else other  # its scalars give no plain bool


# ---------------------------------------------------------------- backward


def topological_order(roots: Iterable[Value], stop: Iterable[Value] = ()) -> list[Value]:
    """Return every node that the roots depend on, each after all of its parents.

    Args:
        roots: the nodes to start from.
        stop: nodes to treat as absent, with everything that is reached only through them.

    >>> a = Value(1.0)
    >>> b = a + a
    >>> c = b + b
    >>> [node is known for node, known in zip(topological_order([c]), (a, b, c))]
    [True, True, True]
    """
    order: list[Value] = []
    seen: set[Value | None] = {None, *stop}  # None is what a node with one operand has as its second
    stack: list[Value | None] = [*roots]
    stack.reverse()
    push, known = stack.append, seen.issuperset
    while stack:
        node = stack.pop()
        if node is None:  # all parents of the node below are in the order now
            order.append(stack.pop())  # type: ignore[arg-type]  # a node lies below every None
        elif node not in seen:
            seen.add(node)
            x = node._x
            parents = x if type(x) is tuple else (x, node._y)
            if known(parents):
                order.append(node)
            else:
                push(node)
                push(None)
                for parent in reversed(parents):
                    if parent not in seen:
                        push(parent)
    return order


def backward(roots: Iterable[Value], seeds: Iterable[Number] | None = None, create_graph: bool = False) -> None:
    """Compute the gradient of sum(seed * root) with respect to every node, by the chain rule.

    Interior nodes get the gradient of this call. Leaves add it to what they have, so call ``zero_grad``
    between training steps. After an error or Ctrl-C in the middle every leaf has the gradient it had before.

    Args:
        roots: the nodes to differentiate; one node reached from several roots gets the total.
        seeds: d objective / d root for each root; 1.0 each if not given.
        create_graph: make the gradients Values, so that they can be differentiated again.

    Raises:
        GraphError: when a root is not a Value or the numbers of roots and seeds differ.
        StaleValueError: with ``create_graph``, when a leaf's data changed since the forward pass.

    >>> a = Value(3.0)
    >>> backward([a * a, 2 * a], seeds=[1.0, 10.0])
    >>> a.grad
    26.0
    """
    roots, seeds = _checked(roots, seeds)
    order = topological_order(roots)
    leaves = [node for node in order if node.op is None]
    before = [leaf.grad for leaf in leaves]
    if None in before:
        raise GraphError("the .grad of a leaf is None; forget a gradient with zero_grad() or x.grad = 0.0")
    try:
        _sweep(order, roots, seeds, create_graph)
        after = [leaf.grad if old is NO_GRAD_YET else old + leaf.grad for old, leaf in zip(before, leaves, strict=True)]
        _set_gradients(leaves, after)
    except BaseException:
        _set_gradients(leaves, before)
        raise


def gradients(
    roots: Iterable[Value], inputs: Sequence[Value], seeds: Iterable[Number] | None = None, create_graph: bool = False
) -> list[Any]:
    """Return d sum(seed * root) / d input for each input, and leave every ``.grad`` as it is.

    The inputs count as independent of each other. Arguments and errors as for :func:`backward`.

    >>> a = Value(3.0)
    >>> b = a * a
    >>> gradients([b * a], [a, b])
    [9.0, 3.0]
    """
    roots, seeds = _checked(roots, seeds)
    order = topological_order(roots, stop=inputs)
    touched = [*inputs, *order]
    before = [node.grad for node in touched]
    try:
        _sweep(order, roots, seeds, create_graph, inputs)
        found = [node.grad for node in inputs]
        _set_gradients(touched, before)
        return found
    except BaseException:
        _set_gradients(touched, before)
        raise


def _checked(roots: Iterable[Value], seeds: Iterable[Number] | None) -> tuple[list[Value], list[Number]]:
    if not isinstance(roots, Iterable):
        raise GraphError(f"backward takes a list of Values, got {roots!r}; write backward([root]) or root.backward()")
    roots = list(roots)
    if not roots:
        raise GraphError("backward needs at least one root, got an empty list")
    if seeds is not None and not isinstance(seeds, Iterable):
        raise GraphError(f"backward takes one seed per root, got {seeds!r}; write seeds=[{seeds!r}]")
    for root in roots:
        if not isinstance(root, Value):
            raise GraphError(
                f"backward starts from Values, got {root!r} ({type(root).__name__}); was it computed from a Value?"
            )
    seeds = [1.0] * len(roots) if seeds is None else [s if isinstance(s, Value) else real(s, "a seed") for s in seeds]
    if len(seeds) != len(roots):
        raise GraphError(f"backward needs one seed per root, got {len(roots)} roots and {len(seeds)} seeds")
    return roots, seeds


def _sweep(
    order: list[Value],
    roots: list[Value],
    seeds: list[Number],
    create_graph: bool,
    inputs: Sequence[Value] = (),
) -> None:
    zero = NOTHING if create_graph else 0.0
    for node in (*inputs, *order):
        node.grad = zero
    for root, seed in zip(roots, seeds, strict=True):
        root.grad += seed
    for node in reversed(order):
        if node._note is not None and node._note.hooks:
            _run_hooks(node, node._note.hooks)
        upstream, x, y = node.grad, node._x, node._y
        if create_graph:
            for parent, slope in zip(node.parents, slopes_as_values(node), strict=True):
                parent.grad += slope * upstream  # the chain rule
        elif type(x) is tuple:
            for parent, slope in zip(x, node._dx, strict=True):
                parent.grad += slope * upstream  # the chain rule for any number of operands
        else:
            x.grad += node._dx * upstream  # the chain rule for one operand, and for two
            if y is not None:
                y.grad += node._dy * upstream
    if create_graph:
        for node in (*order, *inputs):
            node.grad = lift(0.0 if node.grad is NOTHING else node.grad)
    if mode.get().watching:
        check_gradients_finite([*inputs, *order])


# Assigning through the slot from C, without Python code in between: Ctrl-C cannot stop halfway.
_assign_gradient = Value.grad.__set__  # type: ignore[misc]  # grad is a slot descriptor on the class


def _set_gradients(nodes: Iterable[Value], numbers: Iterable[Any]) -> None:
    any(map(_assign_gradient, nodes, numbers))


def _run_hooks(node: Value, hooks: Iterable[Callable[[Any], Any]]) -> None:
    for hook in hooks:
        replacement = hook(node.grad)
        if replacement is not None:
            node.grad = replacement if isinstance(replacement, Value) else real(replacement, "a gradient hook's result")
