"""A function at a point, as the kit works on it: one flat list of numbers with their names."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

from ..errors import NotARealNumberError, ParameterError
from ..functional import Tree, flatten, rebuild
from ..primitive import Primitive, real
from ..value import Value, lift


class Problem:
    """``f`` at ``args``, nested containers spread out into one list.

    Args:
        f: function of numbers or nested lists, tuples and dicts of them, with one number as its result.
        args: the point.

    Attributes:
        numbers: every number of the arguments, from left to right.
        args: the arguments as given.

    Raises:
        NotARealNumberError: when an argument is not a number.
        ParameterError: when the arguments hold no number, or ``f`` is no function.

    >>> problem = Problem(lambda p, y: p["a"] * y, ({"a": 2.0}, 3.0))
    >>> problem.numbers, problem.names(), problem.value([2.0, 3.0])
    ([2.0, 3.0], ["p['a']", 'y'], 6.0)
    """

    def __init__(self, f: Callable[..., Any], args: tuple[Tree, ...]) -> None:
        if not callable(f):
            raise ParameterError(f"f is a function of the numbers to vary, got {f!r}; write lambda x: ...")
        self.f, self.args = f, args
        self.numbers = [float(leaf) for leaf in flatten(args)]
        if not self.numbers:
            raise ParameterError("there is nothing to vary: f was given no numbers; pass the point after f")

    def __call__(self, leaves: list[Any]) -> Any:
        """Return what ``f`` gives for other leaves in the structure of the arguments: a number or a Value.

        Raises:
            NotARealNumberError: when the result is not one number.
        """
        result = self.f(*rebuild(self.args, leaves))
        if isinstance(result, (list, tuple, dict)):
            raise NotARealNumberError(f"f needs one number as its result, got {result!r}; return their sum")
        return result if isinstance(result, Value) else real(result, "the result of f")

    def value(self, point: list[float]) -> float:
        """Return the value of ``f`` at other numbers; ``f`` is called with Values, as for its gradient."""
        return float(self([Value(x) for x in point]))

    def record(self) -> tuple[list[Value], Value]:
        """Return fresh leaves for the numbers, labelled with their names, and the root that ``f`` makes of them."""
        leaves = [Value(x, name) for x, name in zip(self.numbers, self.names(), strict=True)]
        return leaves, lift(self(leaves))

    def names(self) -> list[str]:
        """Return the names of the numbers, by the parameter names of ``f``; ``args[0]`` where it does not tell them."""
        return [name for argument, tree in self._named() for name in _paths(argument, tree)]

    def _named(self) -> list[tuple[str, Tree]]:
        if isinstance(self.f, Primitive) and self.f.arity == len(self.args):
            return list(zip(self.f.operands, self.args, strict=True))
        try:
            return list(inspect.signature(self.f).bind(*self.args).arguments.items())
        except (TypeError, ValueError):
            return [("args", self.args)]

    def shaped(self, numbers: list[Any]) -> Any:
        """Return one number per argument number in the structure of the argument, or of all of them if several."""
        trees = rebuild(self.args, numbers)
        return trees[0] if len(self.args) == 1 else trees


def _paths(name: str, tree: Tree) -> Iterator[str]:
    """Yield the name of each number in a tree, in the order of ``flatten``: ``p['w'][2]``."""
    if isinstance(tree, dict):
        for key, branch in tree.items():
            yield from _paths(f"{name}[{key!r}]", branch)
    elif isinstance(tree, (list, tuple)):
        for i, branch in enumerate(tree):
            yield from _paths(f"{name}[{i}]", branch)
    else:
        yield name
