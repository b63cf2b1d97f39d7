"""replay: a graph that is recorded already, of any size, computed again on changed leaves."""

from __future__ import annotations

from collections.abc import Iterable

from ..errors import GraphError
from ..value import NO_GRAD_YET, Constant, Value, topological_order
from .executors import Executor, chosen, executor_for
from .program import Program


def replay(root: Value, *, executor: str = "auto", fast: bool = False) -> Replay:
    """Return what computes a recorded graph again when the numbers of its leaves have changed.

    The graph is flattened once. The numbers and gradients are those of recording it anew; a graph that would look
    different for other numbers, because Python took another branch, is not noticed.

    Args:
        root: the result, for example the loss of a whole batch.
        executor, fast: as for :func:`jit`.

    Raises:
        GraphError: when the root is not a Value, or nothing in its graph can change.

    >>> a, b = Value(2.0), Value(3.0)
    >>> again = replay(a * b + a, executor="python")
    >>> a.data = 10.0
    >>> again(), a.grad, b.grad
    (40.0, 4.0, 10.0)
    """
    return Replay(root, executor, fast)


class Replay:
    """A recorded graph, ready to be computed again; see :func:`replay`.

    Attributes:
        leaves: the leaves whose numbers are read, all but constants.
        program: the graph as flat instructions.
    """

    def __init__(self, root: Value, executor: str, fast: bool) -> None:
        if not isinstance(root, Value):
            raise GraphError(f"replay takes the Value that was computed last, got {root!r:.60}")
        order = topological_order([root])
        self.leaves = [node for node in order if node.op is None and not isinstance(node, Constant)]
        if not self.leaves:
            raise GraphError("replay needs a graph with a leaf that can change; all of its leaves are plain numbers")
        self.program = Program.of([root], self.leaves)
        self._kind = "tape" if chosen(executor) == "llvm" else executor  # straight-line code would be for one use
        self._fast = fast
        self._forward: Executor | None = None
        self._both: Executor | None = None

    def forward(self) -> float:
        """Return the number of the root for the present numbers of the leaves."""
        if self._forward is None:
            self._forward = self._executor(gradients=False)
        ((value,),), _ = self._forward.run(self._numbers(), [[]], [1.0])
        return float(value)

    def __call__(self) -> float:
        """Return the number of the root, and add the gradients to ``.grad`` of the leaves as ``backward()`` does."""
        if self._both is None:
            self._both = self._executor(gradients=True)
        ((value,),), totals = self._both.run(self._numbers(), [[]], [1.0])
        self._accumulate(totals.tolist() if hasattr(totals, "tolist") else totals)
        return float(value)

    def _executor(self, gradients: bool) -> Executor:
        return executor_for(self.program, gradients, 1, self._kind, self._fast)

    def _numbers(self) -> list[float]:
        return [leaf._data for leaf in self.leaves]

    def _accumulate(self, gradients: Iterable[float]) -> None:
        for leaf, gradient in zip(self.leaves, gradients, strict=True):
            leaf.grad = gradient if leaf.grad is NO_GRAD_YET else leaf.grad + gradient
