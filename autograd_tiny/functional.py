"""Derivatives of functions: grad, value_and_grad, jacobian, hessian, jvp, vjp, hvp.

Arguments and results may be numbers, Values, or lists, tuples and dicts of them, nested at will. A
gradient has the shape of the argument it belongs to. Called with Values, every function here gives
Values that can be differentiated again, so ``grad(grad(f))`` works to any order. A Value that ``f`` captures
instead of taking it as an argument counts as a constant, unless it is a variable of an enclosing derivative.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Sequence
from contextvars import ContextVar
from functools import reduce, wraps
from typing import Any

from . import ops
from .errors import GraphError, NotARealNumberError
from .higher_order import slopes_as_values
from .primitive import real
from .recording import enable_grad
from .value import Value, gradients, topological_order

Tree = Any
"""A number, a Value, or a list, tuple or dict of Trees."""

_enclosing: ContextVar[tuple[Value, ...]] = ContextVar("autograd_tiny_enclosing", default=())
"""The variables of the calls in progress, which a function differentiated inside another one may capture."""


def are_variables(values: Iterable[Value]) -> bool:
    """Return whether one of the Values is a variable of a derivative that is being taken now.

    >>> are_variables([Value(1.0)]), grad(lambda x: x * are_variables([x]))(2.0)
    (False, 1.0)
    """
    return not set(_enclosing.get()).isdisjoint(values)


def grad(f: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    """Return the function that computes the gradient of ``f``.

    Args:
        f: function of numbers or nested containers, with one number as its result.
        argnums: which positional argument(s) to differentiate, counted from 0; a sequence gives a tuple.

    Raises:
        GraphError: when the result of ``f`` is not one number, or an argument does not exist.

    >>> grad(lambda x, y: x * x * y)(3.0, 2.0)
    12.0
    >>> grad(lambda p: p["w"] * p["x"] + p["b"])({"w": 2.0, "x": 5.0, "b": 1.0})
    {'w': 5.0, 'x': 2.0, 'b': 1.0}
    >>> grad(grad(grad(lambda x: x**4)))(2.0)
    48.0
    """
    both = value_and_grad(f, argnums)

    @wraps(f, updated=())
    def gradient(*args: Any, **kwargs: Any) -> Any:
        return both(*args, **kwargs)[1]

    gradient.derivative_of = f, argnums, "grad"  # type: ignore[attr-defined]  # what jit compiles instead
    return gradient


def value_and_grad(f: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., tuple[Any, Any]]:
    """Return the function that computes ``(f(...), gradient)`` in one go; arguments as for :func:`grad`.

    >>> value_and_grad(lambda x: x * x)(3.0)
    (9.0, 6.0)
    """

    @wraps(f, updated=())
    def both(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
        call = _Call(f, args, kwargs, argnums)
        if not _is_number(call.result):
            raise GraphError(f"grad needs a function with one number as its result, got {call.result!r}; use jacobian")
        return call.out(call.result), call.gradient_of(call.result)

    both.derivative_of = f, argnums, "value_and_grad"  # type: ignore[attr-defined]  # what jit compiles instead
    return both


def vjp(f: Callable[..., Any], *args: Any) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
    """Return ``(f(*args), pull)``; ``pull(upstream)`` is the vector-Jacobian product, one entry per argument.

    Args:
        f: function of nested containers with a nested result.
        args: the point.

    >>> y, pull = vjp(lambda x, y: [x * y, x + y], 3.0, 2.0)
    >>> y, pull([1.0, 10.0])
    ([6.0, 5.0], (12.0, 13.0))
    """
    call = _Call(f, args, {}, range(len(args)))
    results = flatten(call.result)

    def pull(upstream: Any) -> tuple[Any, ...]:
        seeds = _alike(upstream, call.result, "the upstream gradient", "the result")
        product: tuple[Any, ...] = call.gradient(results, seeds)
        return product

    return call.out(call.result), pull


def jvp(f: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """Return ``(f(*primals), Jacobian-vector product)`` by forward mode.

    The tangent of every node is the sum of slope * tangent over its parents, from the leaves to the result.

    Args:
        primals: the arguments of ``f``.
        tangents: the direction, of the same structure.

    >>> jvp(lambda x, y: x * y, (3.0, 2.0), (1.0, 10.0))
    (6.0, 32.0)
    """
    directions = _alike(tangents, primals, "the tangents", "the primals")
    call = _Call(f, tuple(primals), {}, range(len(primals)))
    higher = call.differentiable or any(isinstance(d, Value) for d in directions)
    tangent: dict[Value, Any] = dict(zip(call.variables, directions, strict=True))
    results = [_lifted(r) for r in flatten(call.result)]
    for node in topological_order(results, stop=call.variables):
        slopes = slopes_as_values(node) if higher else node.slopes
        moves = [slope * tangent[p] for p, slope in zip(node.parents, slopes, strict=True) if p in tangent]
        if moves:
            tangent[node] = reduce(operator.add, moves)
    outputs = [tangent.get(r, 0.0) for r in results]
    return call.out(call.result), rebuild(call.result, outputs)


def jacobian(f: Callable[..., Any], argnums: int = 0) -> Callable[..., Any]:
    """Return the function that computes every d result / d argument, by one reverse sweep per result.

    The structure is that of the result, with each number replaced by a gradient of the argument's structure.

    >>> jacobian(lambda v: [v[0] * v[1], v[0] + v[1]])([3.0, 2.0])
    [[2.0, 3.0], [1.0, 1.0]]
    """

    @wraps(f, updated=())
    def rows(*args: Any, **kwargs: Any) -> Any:
        call = _Call(f, args, kwargs, argnums)
        return rebuild(call.result, [call.gradient_of(result) for result in flatten(call.result)])

    return rows


def hessian(f: Callable[..., Any], argnums: int = 0) -> Callable[..., Any]:
    """Return the function that computes all second derivatives, the Jacobian of the gradient.

    >>> hessian(lambda v: v[0] ** 2 * v[1])([3.0, 2.0])
    [[4.0, 6.0], [6.0, 0.0]]
    """
    return jacobian(grad(f, argnums), argnums)


def hvp(f: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
    """Return Hessian times vector, one entry per argument, by forward mode over reverse mode.

    The cost is a few evaluations of ``f``, whatever the number of arguments (Pearlmutter 1994,
    "Fast exact multiplication by the Hessian").

    >>> hvp(lambda x, y: x * x * y, (3.0, 2.0), (1.0, 0.0))
    (4.0, 6.0)
    """
    return jvp(grad(f, argnums=range(len(primals))), primals, tangents)[1]


# ---------------------------------------------------------------- one call of f on fresh variables


class _Call:
    """``f`` applied to fresh variables in place of the chosen arguments."""

    def __init__(
        self, f: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], argnums: int | Sequence[int]
    ) -> None:
        if not callable(f):
            raise GraphError(f"a derivative is taken of a function, got {f!r}; write lambda x: ...")
        if not isinstance(argnums, int) and not (
            isinstance(argnums, Sequence) and all(isinstance(i, int) for i in argnums)
        ):
            raise GraphError(f"argnums is the number of an argument, or a list of numbers, got {argnums!r}")
        self.single = isinstance(argnums, int)
        chosen = [argnums] if isinstance(argnums, int) else list(argnums)
        for i in chosen:
            if not -len(args) <= i < len(args):
                raise GraphError(f"argnums={i} does not exist: the function was called with {len(args)} arguments")
        if len({i % len(args) for i in chosen}) < len(chosen):
            raise GraphError(f"argnums={chosen} names an argument twice; each one has one gradient")
        self.arguments = [args[i] for i in chosen]
        numbers = flatten(self.arguments)
        # Values given by the caller stay tied to their own graph, so that the outcome can be differentiated again.
        given = flatten([*args, *kwargs.values()], check=False)
        self.differentiable = any(isinstance(leaf, Value) for leaf in given)
        self.variables = [ops.identity(x) if isinstance(x, Value) else Value(x) for x in numbers]
        fresh = rebuild(self.arguments, self.variables)
        replaced = list(args)
        for i, argument in zip(chosen, fresh, strict=True):
            replaced[i] = argument
        outer = _enclosing.get()
        token = _enclosing.set((*outer, *self.variables))
        try:
            with enable_grad():
                self.result = f(*replaced, **kwargs)
        finally:
            _enclosing.reset(token)
        if outer and not self.differentiable:  # so do variables of an enclosing call that f captured
            results = [leaf for leaf in flatten(self.result, check=False) if isinstance(leaf, Value)]
            order = topological_order(results, stop=self.variables)
            self.differentiable = not set(outer).isdisjoint(order)

    def gradient(self, results: Sequence[Any], seeds: Sequence[Any]) -> Any:
        """Return the gradient of sum(seed * result) in the structure of the chosen arguments."""
        higher = self.differentiable or any(isinstance(seed, Value) for seed in seeds)
        leaves = gradients([_lifted(r) for r in results], self.variables, seeds, create_graph=higher)
        structure = self.arguments[0] if self.single else tuple(self.arguments)
        return rebuild(structure, leaves)

    def gradient_of(self, result: Any) -> Any:
        return self.gradient([result], [1.0])

    def out(self, result: Tree) -> Tree:
        """Return the result as floats, or as Values when the caller works with Values."""
        if self.differentiable:
            return result
        return rebuild(result, [float(leaf) for leaf in flatten(result)])


def _lifted(number: Any) -> Value:
    return number if isinstance(number, Value) else Value(number)


def _is_number(thing: Any) -> bool:
    return isinstance(thing, Value) or not isinstance(thing, (list, tuple, dict))


# ---------------------------------------------------------------- nested containers


def flatten(tree: Tree, *, check: bool = True) -> list[Any]:
    """Return the numbers of nested lists, tuples and dicts, from left to right.

    Args:
        check: refuse leaves that are not numbers.

    Raises:
        NotARealNumberError: for a leaf that is neither a number nor a Value.

    >>> flatten({"a": [1.0, 2.0], "b": (3.0,)})
    [1.0, 2.0, 3.0]
    """
    if isinstance(tree, dict):
        tree = list(tree.values())
    if isinstance(tree, (list, tuple)):
        return [leaf for branch in tree for leaf in flatten(branch, check=check)]
    if isinstance(tree, Value) or not check:
        return [tree]
    try:
        return [real(tree, "a derivative")]
    except NotARealNumberError as error:
        raise NotARealNumberError(f"{error} (containers may be lists, tuples and dicts)") from None


def _alike(tree: Tree, model: Tree, subject: str, like: str) -> list[Any]:
    """Return the numbers of ``tree`` in the order of ``model``, after checking that the structures agree."""
    if isinstance(model, dict) and isinstance(tree, dict) and tree.keys() == model.keys():
        pairs = [(tree[key], branch) for key, branch in model.items()]
    elif isinstance(model, (list, tuple)) and isinstance(tree, (list, tuple)) and len(tree) == len(model):
        pairs = list(zip(tree, model, strict=True))
    elif _is_number(model) and _is_number(tree):
        return flatten(tree)
    else:
        raise GraphError(f"{subject} must have the structure of {like}, {model!r}, got {tree!r}")
    return [leaf for branch, part in pairs for leaf in _alike(branch, part, subject, like)]


def rebuild(tree: Tree, leaves: Sequence[Any]) -> Tree:
    """Return ``leaves`` in the structure of ``tree``.

    >>> rebuild({"a": [0, 0], "b": 0}, [1.0, 2.0, 3.0])
    {'a': [1.0, 2.0], 'b': 3.0}
    """
    source = iter(leaves)
    return tree_map(lambda leaf: next(source), tree)


def tree_map(f: Callable[[Any], Any], tree: Tree) -> Tree:
    """Return f of every leaf of nested lists, tuples and dicts, in the same structure.

    >>> tree_map(lambda x: 10 * x, {"a": [1, 2], "b": (3,)})
    {'a': [10, 20], 'b': (30,)}
    """
    if isinstance(tree, dict):
        return {key: tree_map(f, branch) for key, branch in tree.items()}
    if isinstance(tree, (list, tuple)):
        branches = [tree_map(f, branch) for branch in tree]
        if isinstance(tree, list):
            return branches
        return type(tree)(*branches) if hasattr(tree, "_fields") else tuple(branches)
    return f(tree)
