"""The classic mistakes in backpropagation engines, each simulated, so that numbers tell which one it is.

A :class:`Tape` is a correct engine made of exchangeable parts. A bug exchanges one part; what the bent tape gives on an
example is what an engine with that mistake gives. The diagnosis is the bug, or the few of them together, that
reproduce what the engine under test gave where it was wrong, and change nothing where it was right.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from ..primitive import Primitive, Slopes
from .cases import Case, Observation, Trial, observe
from .engines import Engine


class TapeNode:
    """A recorded number.

    Attributes:
        data: the number.
        op, parents: how it was made; None and empty for a leaf.
        slopes: d node / d parent at the time of the forward pass.
        grad: the gradient so far.
    """

    __slots__ = ("data", "grad", "op", "parents", "slopes")

    def __init__(
        self, data: float, op: Primitive | None = None, parents: tuple[TapeNode, ...] = (), slopes: Slopes = ()
    ) -> None:
        self.data, self.op, self.parents, self.slopes = data, op, parents, slopes
        self.grad = 0.0

    def evaluated(self) -> tuple[float, Slopes]:
        """Return value and slopes from the parents' numbers of now."""
        return self.op.evaluate(*[parent.data for parent in self.parents]) if self.op else (self.data, ())


Operands = Sequence["TapeNode | float"]
Flow = list[tuple[TapeNode, float]]


# The parts of a correct engine.


def _as_given(op: Primitive, operands: Operands) -> Operands:
    return operands


def _recorded(node: TapeNode) -> Slopes:
    return node.slopes


def _chain_rule(node: TapeNode, slopes: Slopes) -> Flow:
    return [(parent, slope * node.grad) for parent, slope in zip(node.parents, slopes, strict=True)]


def _add(parent: TapeNode, amount: float, node: TapeNode) -> None:
    parent.grad += amount


def _reset_results(nodes: list[TapeNode], root: TapeNode) -> None:
    for node in nodes:
        if node.parents:
            node.grad = 0.0
    root.grad += 1.0


def _in_topological_order(tape: Tape, root: TapeNode) -> None:
    for node in reversed(_parents_first(root)):
        tape.hand_on(node)


def _parents_first(root: TapeNode, known: Callable[[TapeNode], object] = id) -> list[TapeNode]:
    """Return the nodes below the root, parents first; ``known`` is what tells two nodes apart."""
    order: list[TapeNode] = []
    seen = set()
    stack = [(root, False)]
    while stack:
        node, complete = stack.pop()
        if complete:
            order.append(node)
        elif known(node) not in seen:
            seen.add(known(node))
            stack.append((node, True))
            stack.extend((parent, False) for parent in reversed(node.parents))
    return order


@dataclass(frozen=True)
class Tape(Engine):
    """A reverse-mode engine in parts.

    Attributes:
        arrange: which operands an operation works on, given those it was called with.
        slopes: the slopes that a node uses in ``backward``.
        flow: what a node hands to its parents.
        receive: what a parent does with it, given the node it comes from.
        start: how ``backward`` prepares the nodes.
        sweep: in which order it goes through them.
        name: what it is called.

    >>> tape = Tape()
    >>> x = tape.leaf(3.0)
    >>> from autograd_tiny.ops import mul
    >>> tape.backward(tape.apply(mul, (x, x)))
    >>> tape.grad(x)
    6.0
    """

    arrange: Callable[[Primitive, Operands], Operands] = _as_given
    slopes: Callable[[TapeNode], Slopes] = _recorded
    flow: Callable[[TapeNode, Slopes], Flow] = _chain_rule
    receive: Callable[[TapeNode, float, TapeNode], None] = _add
    start: Callable[[list[TapeNode], TapeNode], None] = _reset_results
    sweep: Callable[[Tape, TapeNode], None] = _in_topological_order
    name: str = "tape"

    def leaf(self, number: float) -> TapeNode:
        """Return a leaf."""
        return TapeNode(number)

    def data(self, node: TapeNode) -> float:
        """Return the number."""
        return node.data

    def grad(self, leaf: TapeNode) -> float:
        """Return the gradient."""
        return leaf.grad

    def set_data(self, leaf: TapeNode, number: float) -> None:
        """Change the number."""
        leaf.data = number

    def apply(self, op: Primitive, operands: Operands) -> TapeNode:
        """Record the operation with its slopes."""
        parents = tuple([x if isinstance(x, TapeNode) else TapeNode(x) for x in self.arrange(op, operands)])
        number, slopes = op.evaluate(*[parent.data for parent in parents])
        return TapeNode(number, op, parents, slopes)

    def backward(self, root: TapeNode) -> None:
        """Prepare the nodes, then go through them."""
        self.start(_parents_first(root), root)
        self.sweep(self, root)

    def hand_on(self, node: TapeNode, then: Callable[[TapeNode], None] | None = None) -> None:
        """Hand the gradient of a node to its parents; after each, do something with the parent."""
        for parent, amount in self.flow(node, self.slopes(node)):
            self.receive(parent, amount, node)
            if then:
                then(parent)


# ---------------------------------------------------------------- the bugs


Change = Callable[[Tape, Case], Iterator[Tape]]
"""Yields the tapes with one bug more; several where the bug leaves open what happens, or has several forms."""


@dataclass(frozen=True, slots=True)
class Bug:
    """A classic mistake.

    Attributes:
        name: the mistake in a few words.
        words: what goes wrong, what to look for, and the remedy.
        change: how it bends a tape.
        operations: the operations it is about; empty where it is about all of them.
    """

    name: str
    words: str
    change: Change
    operations: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.name} (in {', '.join(self.operations)})" if self.operations else self.name


def _part(*forms: Mapping[str, Callable[..., object]]) -> Change:
    """Return the change that exchanges a part, in one form or several."""

    def change(tape: Tape, case: Case) -> Iterator[Tape]:
        for form in forms:
            yield replace(tape, **form)  # type: ignore[arg-type]  # the keys are names of parts

    return change


def _assign(parent: TapeNode, amount: float, node: TapeNode) -> None:
    parent.grad = amount


def _revisit(tape: Tape, root: TapeNode) -> None:
    tape.hand_on(root)
    for parent in root.parents:
        _revisit(tape, parent)


def _revisit_at_once(tape: Tape, root: TapeNode) -> None:
    tape.hand_on(root, lambda parent: _revisit_at_once(tape, parent))


def _root_first(depth_first: bool, last_parent_first: bool) -> Callable[[Tape, TapeNode], None]:
    """Return the sweep that visits each node once, when it is met."""

    def sweep(tape: Tape, root: TapeNode) -> None:
        seen: set[int] = set()
        waiting = deque([root])
        while waiting:
            node = waiting.pop() if depth_first else waiting.popleft()
            if id(node) not in seen:
                seen.add(id(node))
                tape.hand_on(node)
                waiting.extend(node.parents if last_parent_first == depth_first else reversed(node.parents))

    return sweep


def _leaves_first(tape: Tape, root: TapeNode) -> None:
    for node in _parents_first(root):
        tape.hand_on(node)


def _equal_is_same(tape: Tape, root: TapeNode) -> None:
    for node in reversed(_parents_first(root, lambda node: node.data)):
        tape.hand_on(node)


def _keep_and_seed(nodes: list[TapeNode], root: TapeNode) -> None:
    root.grad = 1.0


def _keep_and_add(nodes: list[TapeNode], root: TapeNode) -> None:
    root.grad += 1.0


def _reset_all(nodes: list[TapeNode], root: TapeNode) -> None:
    for node in nodes:
        node.grad = 0.0
    root.grad = 1.0


def _no_seed(nodes: list[TapeNode], root: TapeNode) -> None:
    pass


def _slopes_of_now(node: TapeNode) -> Slopes:
    return node.evaluated()[1]


def _all_to_the_last(node: TapeNode, slopes: Slopes) -> Flow:
    return _chain_rule(node, slopes)[-1:] * len(node.parents)


def _set_of_parents(tape: Tape, case: Case) -> Iterator[Tape]:
    """A set has each parent once, in any order: which, only the machine knows, so try them all for few nodes."""
    for mask in range(2 ** min(len(case.instructions), 6)):
        seen: dict[TapeNode, int] = {}

        def flow(node: TapeNode, slopes: Slopes, mask: int = mask, seen: dict[TapeNode, int] = seen) -> Flow:
            parents = list(dict.fromkeys(node.parents))
            if len(parents) > 1 and mask >> seen.setdefault(node, len(seen)) & 1:
                parents.reverse()
            return [(parent, slope * node.grad) for parent, slope in zip(parents, slopes, strict=False)]

        yield replace(tape, flow=flow)


BUGS: tuple[Bug, ...] = (
    Bug(
        "= where += is needed",
        "A node that is used twice gets a gradient along each use, and they must add up; here the last one replaces "
        "the others. Look for  parent.grad = ...  in the backward rules, and write  parent.grad += ...",
        _part({"receive": _assign}),
    ),
    Bug(
        "parents kept in a set",
        "A set has no order and holds each parent once: x * x loses one use, and zip(parents, slopes) may pair a "
        "parent with the slope of another. Look for set(...) or {...} around the parents, and use a tuple.",
        _set_of_parents,
    ),
    Bug(
        "naive depth-first backward, no topological order",
        "A node hands its gradient on at every visit, so what had arrived before is handed on again. Look for "
        "backward() calling itself on the parents. Remedy: list the nodes in topological order first, "
        "then let each one hand on once, in reverse.",
        _part({"sweep": _revisit}, {"sweep": _revisit_at_once}),
    ),
    Bug(
        "a node hands on before its gradient is complete, no topological order",
        "Each node is visited once, but in an order (depth first from the root, or breadth first) in which some of "
        "its uses come later and are lost. Append a node to the order only after all its parents, then "
        "walk the order in reverse.",
        _part(*[{"sweep": _root_first(deep, last)} for deep in (True, False) for last in (False, True)]),
    ),
    Bug(
        "the topological order is walked from the wrong end",
        "The leaves hand on first, when they have nothing yet, and only the root's own parents get a gradient. Look "
        "for the loop over the order in backward(), and write  reversed(order).",
        _part({"sweep": _leaves_first}),
    ),
    Bug(
        "nodes with equal numbers are taken for one node",
        "The visited set compares nodes by their number, as __eq__ (of a dataclass, too) says, so a second node "
        "with the same number is skipped. Compare by identity: keep id(node), or leave __eq__ and __hash__ alone.",
        _part({"sweep": _equal_is_same}),
    ),
    Bug(
        "interior gradients are not reset",
        "A second backward() hands on what the first one left in the nodes between leaves and root. Set the gradient "
        "of every node that has parents to 0 at the start of backward(); only leaves add up over calls.",
        _part({"start": _keep_and_seed}, {"start": _keep_and_add}),
    ),
    Bug(
        "backward() resets the leaves",
        "Gradients of several losses must add up in the leaves until they are zeroed from outside. At the start of "
        "backward() set the gradient of nodes that have parents to 0, not that of leaves.",
        _part({"start": _reset_all}),
    ),
    Bug(
        "the root's gradient is not set to 1",
        "All gradients are products that start with d root / d root = 1; without it everything is 0. At the start of "
        "backward() write  self.grad = 1.0.",
        _part({"start": _no_seed}),
    ),
    Bug(
        "stale closure: the backward rule reads the data of now",
        "A slope belongs to the numbers of the forward pass; if a leaf changes before backward(), the rule must not "
        "see it. Look for .data inside the backward rules, and keep the number in a local variable of the operation.",
        _part({"slopes": _slopes_of_now}),
    ),
    Bug(
        "late-binding closure: every contribution goes to the last operand",
        "Functions made in a loop share the loop's variables and see their last values. Look for a lambda or def "
        "inside a for loop over the parents, and bind the values: lambda g, p=parent, s=slope: ...",
        _part({"flow": _all_to_the_last}),
    ),
)
"""Mistakes in how gradients flow, the most common first."""

UNSTABLE = Bug(
    "results depend on memory addresses",
    "The same example, run again, gave other numbers. Parents or visited nodes are kept in a set, whose order varies; "
    "use a list. If there is no set, look for random numbers, or for something that all graphs share.",
    _part(),
)
"""What is said instead of a diagnosis when an example gives other numbers each time."""


Bend = Callable[[Tape, frozenset[str]], Tape]


def _slopes_in(rule: Callable[[Slopes], Slopes]) -> Bend:
    """Return the change that replaces the slopes of some operations."""

    def bend(tape: Tape, operations: frozenset[str]) -> Tape:
        def slopes(node: TapeNode) -> Slopes:
            right = tape.slopes(node)
            return rule(right) if node.op and node.op.name in operations else right

        return replace(tape, slopes=slopes)

    return bend


def _without_upstream(tape: Tape, operations: frozenset[str]) -> Tape:
    def flow(node: TapeNode, slopes: Slopes) -> Flow:
        if node.op and node.op.name in operations:
            return list(zip(node.parents, slopes, strict=True))
        return tape.flow(node, slopes)

    return replace(tape, flow=flow)


def _assigns(tape: Tape, operations: frozenset[str]) -> Tape:
    def receive(parent: TapeNode, amount: float, node: TapeNode) -> None:
        assigns = node.op and node.op.name in operations
        (_assign if assigns else tape.receive)(parent, amount, node)

    return replace(tape, receive=receive)


def _numbers_last(tape: Tape, operations: frozenset[str]) -> Tape:
    def arrange(op: Primitive, operands: Operands) -> Operands:
        reflected = op.name in operations - {"add", "mul"} and not isinstance(operands[0], TapeNode)
        return tuple(reversed(operands)) if reflected else operands

    return replace(tape, arrange=arrange)


IN_OPERATIONS: tuple[tuple[str, str, Bend], ...] = (
    (
        "= where += is needed",
        "A node that is used twice gets a gradient along each use, and they must add up; the backward rule of this "
        "operation replaces what came before. Look for  parent.grad = ...  in it, or in the operations it is made of, "
        "and write  parent.grad += ...",
        _assigns,
    ),
    (
        "upstream gradient forgotten",
        "The rule hands on its slope alone. It works as long as the operation comes last; the chain rule needs the "
        "product: write  parent.grad += slope * out.grad.",
        _without_upstream,
    ),
    (
        "slopes swapped: each operand gets the derivative of the other",
        "The slope for an operand is the derivative with respect to that operand (for x / y: 1 / y for x, and "
        "-x / y**2 for y). Look at the backward rule and exchange the two.",
        _slopes_in(lambda slopes: slopes[::-1]),
    ),
    (
        "wrong sign for the second operand",
        "The second operand's slope has the opposite sign (for x - y it is -1). Look for the missing or "
        "surplus minus in the backward rule.",
        _slopes_in(lambda slopes: (slopes[0], *[-slope for slope in slopes[1:]])),
    ),
    (
        "wrong sign of the slope",
        "The gradient has the right size and the opposite sign. Look for the missing or surplus minus in the backward "
        "rule (the slope of cos is -sin).",
        _slopes_in(lambda slopes: tuple([-slope for slope in slopes])),
    ),
    (
        "slope forgotten",
        "The rule hands the upstream gradient on as it is. Multiply by the derivative of the operation: "
        "parent.grad += slope * out.grad.",
        _slopes_in(lambda slopes: (1.0,) * len(slopes)),
    ),
    (
        "wrong reflected operator: 2 - x computed as x - 2",
        "In __rsub__, __rtruediv__ and __rpow__ the plain number is the first operand: return  Value(other) - self,  "
        "not  self - other. Only __radd__ and __rmul__ may exchange the two.",
        _numbers_last,
    ),
)
"""Mistakes in the rule of an operation: name, words, and how they bend a tape."""


# ---------------------------------------------------------------- from numbers to the bug


def diagnose(trials: Iterable[Trial]) -> list[Bug]:
    """Return the bugs that together reproduce what an engine gave, the one that explains most first.

    Starting from a correct tape, add the bug that reproduces the most of what is still unexplained, as long as
    everything that was right stays right; stop when no bug explains more. What remains unexplained is no classic.

    Args:
        trials: cases with what the engine gave.

    >>> from autograd_tiny.testing.cases import STRUCTURE, trial
    >>> sloppy = replace(Tape(), receive=_assign)
    >>> [bug.name for bug in diagnose(trial(sloppy, case) for cases in STRUCTURE.values() for case in cases)]
    ['= where += is needed']
    """
    trials = list(trials)
    passed = [each for each in trials if each.ok]
    failed = [each for each in trials if not each.ok]
    found: list[Bug] = []
    while failed:
        best: Bug | None = None
        explained: list[Trial] = []
        # The commonest mistake, in all operations, goes before that in some; those before the rarer ones.
        for bug in [*BUGS[:1], *_about_operations(failed, passed, found), *BUGS[1:]]:
            matches = [each for each in failed if _reproduces([*found, bug], each)]
            if len(matches) > len(explained) and all(_reproduces([*found, bug], each) for each in passed):
                best, explained = bug, matches
        if best is None:
            break
        found.append(best)
        passed += explained
        failed = [each for each in failed if each not in explained]
    return found


def _about_operations(failed: list[Trial], passed: list[Trial], found: list[Bug]) -> Iterator[Bug]:
    """Yield each mistake in a rule, about those operations that show it when nothing else can go wrong."""
    names = dict.fromkeys(name for each in failed for name in [_operation(each.case)] if name)
    for title, words, bend in IN_OPERATIONS:

        def bug(operations: Iterable[str], title: str = title, words: str = words, bend: Bend = bend) -> Bug:
            chosen = tuple(operations)

            def change(tape: Tape, case: Case) -> Iterator[Tape]:
                yield bend(tape, frozenset(chosen))

            return Bug(title, words, change, chosen)

        guilty = []
        for name in names:
            alone = [*found, bug([name])]
            own = [each for each in failed if _operation(each.case) == name]
            if any(_reproduces(alone, each) for each in own) and all(_reproduces(alone, each) for each in passed):
                guilty.append(name)
        if guilty:
            yield bug(guilty)


def _operation(case: Case) -> str:
    """Return the operation that a case is about: that of its first instruction, if at most one more follows."""
    return case.instructions[0].op.name if 1 <= len(case.instructions) <= 2 else ""


def _reproduces(bugs: Sequence[Bug], each: Trial) -> bool:
    return any(each.agrees(outcome, each.got) for outcome in _outcomes(bugs, each.case))


def _outcomes(bugs: Sequence[Bug], case: Case) -> Iterator[Observation]:
    tapes = [Tape()]
    for bug in bugs:
        tapes = [bent for tape in tapes for bent in bug.change(tape, case)]
    for tape in tapes:
        yield observe(tape, case)
