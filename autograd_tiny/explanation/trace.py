"""Traces: a whole computation as JSON, forward and backward, and the first difference between two of them.

A trace is one JSON object; every part may be left out, so that a computation by hand is a trace as well::

    format      "autograd_tiny trace"
    version     1
    root        the name of the node that is differentiated
    constants   names of the leaves that are plain numbers
    values      {name: value} of every node, in the order of computation
    operations  one record per operation, in the same order:
                node, op, params (its fixed numbers, where it has any), parents (names, in operand order)
    steps       one record per contribution, in backward order:
                step, node, parent, operand (counted from 1), formula (of the slope, as text),
                upstream, slope, contribution, running_sum; of the numbers any may be left out
    gradients   {name: gradient} of every node but constants, from the root to the leaves

Numbers are JSON numbers that read back exactly, or one of the texts "nan", "inf" and "-inf". Keys come in this order
and each record stands on one line, so that two traces can be compared line by line.
"""

from __future__ import annotations

import json
import math
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from ..errors import NotARealNumberError, ParameterError, listed, printable
from ..primitive import real
from .steps import Explanation

FORMAT, VERSION = "autograd_tiny trace", 1
TOLERANCE = 1e-9
NUMBERS = ("upstream", "slope", "contribution", "running_sum")
STEP = ("step", "node", "parent", "operand", "formula", *NUMBERS)


@dataclass(frozen=True, slots=True)
class TracedOperation:
    """One operation of a trace.

    Attributes:
        node: the name of the result.
        op: the name of the operation.
        params: its fixed numbers, such as the exponent ``n`` of ``power``.
        parents: names of the operands, in order.
    """

    node: str
    op: str
    params: dict[str, float]
    parents: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TracedStep:
    """What a node hands to one parent, as far as the trace tells.

    Attributes:
        step: the position of the node in the backward order, counted from 1.
        node, parent: names.
        operand: which operand of the node the parent is, counted from 1.
        formula: the slope as text.
        upstream, slope, contribution, running_sum: the numbers of a Contribution; None where left out.
    """

    node: str
    parent: str
    step: int | None = None
    operand: int | None = None
    formula: str | None = None
    upstream: float | None = None
    slope: float | None = None
    contribution: float | None = None
    running_sum: float | None = None


@dataclass(frozen=True, slots=True)
class Trace:
    """A computation and its gradients as data; see this module's docstring for the JSON form.

    >>> trace = Trace.from_json('{"values": {"a": 2, "b": -3, "ab": -6}, "gradients": {"a": -3}}')
    >>> trace.values["ab"], trace.steps
    (-6.0, ())
    """

    root: str | None = None
    constants: tuple[str, ...] = ()
    values: dict[str, float] = field(default_factory=dict)
    operations: tuple[TracedOperation, ...] = ()
    steps: tuple[TracedStep, ...] = ()
    gradients: dict[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, explanation: Explanation) -> Trace:
        """Return the trace of an explanation.

        >>> from autograd_tiny import Value, explain
        >>> Trace.of(explain(Value(3.0, "x") ** 2)).gradients
        {'v1': 1.0, 'x': 6.0}
        """
        nodes = explanation.graph.nodes
        names = _unique([node.name for node in nodes])
        return cls(
            root=names[explanation.graph.root.index],
            constants=tuple([names[node.index] for node in nodes if node.constant]),
            values={names[node.index]: node.data for node in nodes},
            operations=tuple(
                [
                    TracedOperation(
                        names[node.index],
                        node.op.name,
                        {name: number for name, number in node.op.params.items() if number is not None},
                        tuple([names[parent] for parent in node.parents]),
                    )
                    for node in nodes
                    if node.op is not None
                ]
            ),
            steps=tuple(
                [
                    TracedStep(
                        step=step.number,
                        node=names[step.node.index],
                        parent=names[c.parent.index],
                        operand=operand,
                        formula=c.formula,
                        upstream=step.upstream,
                        slope=c.slope,
                        contribution=c.contribution,
                        running_sum=c.running_sum,
                    )
                    for step in explanation.steps
                    for operand, c in enumerate(step.contributions, start=1)
                ]
            ),
            gradients={
                names[node.index]: explanation.gradients[node.index] for node in reversed(nodes) if not node.constant
            },
        )

    def to_json(self) -> str:
        """Return the JSON form, equal for equal traces; every number reads back exactly."""
        operations = [
            {"node": operation.node, "op": operation.op}
            | ({"params": _plain(operation.params)} if operation.params else {})
            | {"parents": list(operation.parents)}
            for operation in self.operations
        ]
        steps = [
            {name: fact for name in STEP if (fact := _plain(getattr(step, name))) is not None} for step in self.steps
        ]
        parts = {
            "format": _text(FORMAT),
            "version": _text(VERSION),
            "root": _text(self.root) if self.root is not None else "",
            "constants": _text(list(self.constants)) if self.constants else "",
            "values": _lines("{}", [f"{_text(name)}: {_text(_plain(x))}" for name, x in self.values.items()]),
            "operations": _lines("[]", map(_text, operations)),
            "steps": _lines("[]", map(_text, steps)),
            "gradients": _lines("{}", [f"{_text(name)}: {_text(_plain(x))}" for name, x in self.gradients.items()]),
        }
        return "{\n" + ",\n".join([f"{_text(name)}: {part}" for name, part in parts.items() if part]) + "\n}\n"

    @classmethod
    def from_json(cls, text: str) -> Trace:
        """Read a trace; nothing in the text is run.

        Raises:
            ParameterError: when the text is not JSON, or not a trace; the message says what and where.
        """
        return _read(text)


def to_json(explanation: Explanation) -> str:
    """Return an explanation as JSON that is the same in every run and reads back exactly; see :class:`Trace`.

    >>> from autograd_tiny import Value, explain
    >>> print(to_json(explain(Value(3.0, "x") ** 2)), end="")
    {
    "format": "autograd_tiny trace",
    "version": 1,
    "root": "v1",
    "values": {
      "x": 3.0,
      "v1": 9.0
    },
    "operations": [
      {"node": "v1", "op": "power", "params": {"n": 2.0}, "parents": ["x"]}
    ],
    "steps": [
      {"step": 1, "node": "v1", "parent": "x", "operand": 1, "formula": "2 * x", "upstream": 1.0, "slope": 6.0, \
"contribution": 6.0, "running_sum": 6.0}
    ],
    "gradients": {
      "v1": 1.0,
      "x": 6.0
    }
    }
    """
    return Trace.of(explanation).to_json()


def _unique(names: list[str]) -> list[str]:
    """Return the names, with a count behind those that were there before: constants are called by their number."""
    taken, counts, unique = set(names), Counter[str](), []
    for name in names:
        counts[name] += 1
        candidate = name
        while counts[name] > 1 and (candidate := f"{name} ({counts[name]})") in taken:
            counts[name] += 1
        unique.append(candidate)
    return unique


def _text(thing: Any) -> str:
    return json.dumps(thing, ensure_ascii=False, allow_nan=False)


def _plain(thing: Any) -> Any:
    """Return numbers as JSON has them: those it lacks as text."""
    if isinstance(thing, dict):
        return {name: _plain(number) for name, number in thing.items()}
    return repr(thing) if isinstance(thing, float) and not math.isfinite(thing) else thing


def _lines(brackets: str, items: Iterable[str]) -> str:
    """Return a list or an object with one item a line; nothing when it is empty."""
    written = ",\n".join([f"  {item}" for item in items])
    return f"{brackets[0]}\n{written}\n{brackets[1]}" if written else ""


# ---------------------------------------------------------------- reading


def _read(text: str) -> Trace:
    try:
        content = json.loads(text, object_pairs_hook=_object)
    except ParameterError:
        raise
    except (TypeError, ValueError, RecursionError) as error:
        raise ParameterError(f"a trace is JSON text as to_json() writes it: {_short(error)}") from None
    _keys(content, ("format", "version", "root", "constants", "values", "operations", "steps", "gradients"), "a trace")
    if content.get("format", FORMAT) != FORMAT or content.get("version", VERSION) != VERSION:
        form = f"{content.get('format', FORMAT)}, version {content.get('version', VERSION)}"
        raise ParameterError(f"a trace is in the form {FORMAT!r}, version {VERSION}, got {_short(form)}")
    trace = Trace(
        root=_name(content["root"], "root") if "root" in content else None,
        constants=tuple([_name(name, "constants") for name in _items(content, "constants")]),
        values=_numbers(content.get("values", {}), "values"),
        operations=tuple([_operation(*item) for item in enumerate(_items(content, "operations"), start=1)]),
        steps=tuple([_step(*item) for item in enumerate(_items(content, "steps"), start=1)]),
        gradients=_numbers(content.get("gradients", {}), "gradients"),
    )
    made = Counter(operation.node for operation in trace.operations)
    waiting = dict(made)
    for operation in trace.operations:
        for parent in operation.parents:
            if parent in waiting:
                raise ParameterError(
                    f"{operation.node} takes {parent}, which is computed later; operations come in order"
                )
        if made[operation.node] > 1:
            raise ParameterError(f"two operations compute {operation.node}; give each result a name of its own")
        del waiting[operation.node]
    return trace


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        twice = Counter(name for name, _ in pairs).most_common(1)[0][0]
        raise ParameterError(f"{_short(twice)} stands twice in one object of the trace; leave one out")
    return content


def _keys(content: Any, known: tuple[str, ...], where: str) -> None:
    if not isinstance(content, dict):
        raise ParameterError(f"{where} is an object {{...}}, got {_short(content)}")
    for name in content:
        if name not in known:
            raise ParameterError(f"{where} has no part {_short(name)}; it may have {', '.join(known)}")


def _items(content: dict[str, Any], part: str) -> list[Any]:
    found = content.get(part, [])
    if not isinstance(found, list):
        raise ParameterError(f"{part} is a list [...], got {_short(found)}")
    return found


def _operation(position: int, content: Any) -> TracedOperation:
    where = f"operation {position}"
    _keys(content, ("node", "op", "params", "parents"), where)
    return TracedOperation(
        _name(content.get("node"), f"{where}: node"),
        _name(content.get("op"), f"{where}: op"),
        _numbers(content.get("params", {}), f"{where}: params"),
        tuple([_name(parent, f"{where}: parents") for parent in _items(content, "parents")]),
    )


def _step(position: int, content: Any) -> TracedStep:
    where = f"step record {position}"
    _keys(content, STEP, where)
    facts: dict[str, Any] = {"node": None, "parent": None} | content  # these two are needed
    for name, fact in facts.items():
        if name in NUMBERS:
            facts[name] = _number(fact, f"{where}: {name}")
        elif name in ("step", "operand"):
            if type(fact) is not int or fact < 1:
                raise ParameterError(f"{where}: {name} counts from 1, got {_short(fact)}")
        else:
            facts[name] = _name(fact, f"{where}: {name}")
    return TracedStep(**facts)


def _numbers(content: Any, where: str) -> dict[str, float]:
    if not isinstance(content, dict):
        raise ParameterError(f"{where} gives numbers by name, {{...}}, got {_short(content)}")
    return {printable(name): _number(number, f"{where}: {printable(name)}") for name, number in content.items()}


def _number(content: Any, where: str) -> float:
    if content in ("nan", "inf", "-inf"):
        return float(content)
    if type(content) not in (int, float):  # True is an int to Python and no number to us
        raise ParameterError(f'{where} is a number, "nan", "inf" or "-inf", got {_short(content)}')
    try:
        return real(content, where)
    except NotARealNumberError as error:  # a whole number beyond every float
        raise ParameterError(str(error)) from None


def _name(content: Any, where: str) -> str:
    if not isinstance(content, str) or not content:
        raise ParameterError(f"{where} needs text in quotes, got {_short(content)}")
    return printable(content)


def _short(thing: Any) -> str:
    text = printable(str(thing) if isinstance(thing, (str, Exception)) else json.dumps(thing))
    return text if len(text) <= 60 else text[:57] + "..."


# ---------------------------------------------------------------- comparing


@dataclass(frozen=True, slots=True)
class Difference:
    """The first difference between two traces, in the order of computation; printed, it is a sentence.

    Attributes:
        quantity: ``"graph"`` where the computations are not the same, else ``"value"``, ``"upstream"``, ``"slope"``,
            ``"contribution"``, ``"running_sum"`` or ``"gradient"``.
        node: the node concerned.
        parent: the receiving parent, in a step of the backward pass.
        here, there: the number of the first trace and of the second, where there are two.
        sentence: the same in words.
    """

    quantity: str
    node: str
    parent: str | None
    here: float | None
    there: float | None
    sentence: str

    def __str__(self) -> str:
        return self.sentence


def compare(
    here: Explanation | Trace | str | os.PathLike[str],
    there: Explanation | Trace | str | os.PathLike[str],
    tolerance: float = TOLERANCE,
) -> Difference | None:
    """Return the first difference between two computations, or None when all that both tell agrees.

    First the values are compared, in the order of computation; then each step of the backward pass: upstream, slope,
    contribution, running sum; then the gradients. Either one may be a computation by hand that tells some numbers only.
    Interior nodes may have other names, where both list their operations and these are the same.

    Args:
        here, there: an explanation, a trace, its JSON text, or the path of a file with it.
        tolerance: how far numbers may differ, as a part of the larger one, or at all where both are below 1.

    Raises:
        ParameterError: when something is no trace, or the two have nothing in common that could be compared.

    >>> from autograd_tiny import Value, explain
    >>> a, b = Value(2.0, "a"), Value(-3.0, "b")
    >>> print(compare(explain(a * b), '{"values": {"v1": -6}, "gradients": {"a": 3, "b": 2}}'))
    gradient of a is -3 here and 3 there; the sign differs
    >>> compare(explain(a * b), explain(a * b).to_json()) is None
    True
    """
    allowed = real(tolerance, "tolerance")
    if not 0.0 <= allowed < math.inf:
        raise ParameterError(f"tolerance is 0 or more, and finite, got {tolerance!r}")
    return _Comparison(_trace(here), _trace(there), allowed).first_difference()


def _trace(source: Any) -> Trace:
    if isinstance(source, Trace):
        return source
    if isinstance(source, Explanation):
        return Trace.of(source)
    if isinstance(source, str) and source.lstrip().startswith("{"):
        return Trace.from_json(source)
    if not isinstance(source, (str, os.PathLike)):
        raise ParameterError(
            f"compare takes explain(root), a Trace, JSON text or the path of a file, got {type(source).__name__}"
        )
    try:
        return Trace.from_json(Path(source).read_bytes().decode())
    except ValueError as error:  # what the file holds is no trace, or no text
        raise ParameterError(f"{printable(os.fspath(source))}: {error}") from None


Place: TypeAlias = "tuple[str, str, int]"
"""Node, parent, and which of the places that the parent takes in the node, counted from 1."""


class _Comparison:
    """Two traces, and the name in the second of every node of the first."""

    def __init__(self, here: Trace, there: Trace, tolerance: float) -> None:
        self.here, self.there, self.tolerance = here, there, tolerance
        self.both_whole = bool(here.operations and there.operations)
        self.lead = there if there.operations and not here.operations else here  # what comes first is first there
        self.names: dict[str, str] = {}
        self.compared = False

    def first_difference(self) -> Difference | None:
        found = self._other_graph()
        for differences in (self._values, self._steps, self._gradients):
            found = found or next(differences(), None)
        if not (found or self.compared):
            raise ParameterError(
                "the two traces have no number in common; give values or gradients by name, or steps by node and parent"
            )
        return found

    # ------------------------------------------------------------ the graphs

    def _other_graph(self) -> Difference | None:
        """Find the names that belong together, or what one graph has and the other has not."""
        if not self.both_whole:
            self.names = {name: name for trace in (self.here, self.there) for name in _names(trace)}
            part = self.here if self.lead is self.there else self.there
            known = _names(self.lead)
            strange = [name for name in _names(part) if name not in known] if self.lead.operations else []
            return self._unknown(strange[0], part) if strange else None
        for exact in (True, False):  # constants may stand for each other when nothing better is found
            self.names, here_only, there_only = _matched(self.here, self.there, exact)
            if not here_only and not there_only:
                return None
        if here_only and there_only:
            here, there = _described(self.here, here_only[0]), _described(self.there, there_only[0])
            return _graph_difference(here_only[0], f"not the same graph: {here} here and {there} there")
        name, trace, side = (here_only[0], self.here, "here") if here_only else (there_only[0], self.there, "there")
        return _graph_difference(name, f"not the same graph: {_described(trace, name)} is {side} only")

    def _unknown(self, name: str, trace: Trace) -> Difference:
        side, other = ("here", "there") if trace is self.here else ("there", "here")
        known = [known for known in _names(self.lead) if known not in self.lead.constants]
        return _graph_difference(name, f"{name} is {side} only; the nodes {other} are {listed(known)}")

    # ------------------------------------------------------------ the numbers

    def _values(self) -> Iterator[Difference]:
        for name in self.lead.values:
            x, y = self.here.values.get(name), self.there.values.get(self.names[name])
            yield from self._differing("value", f"value of {_described(self.lead, name)}", name, None, x, y)

    def _gradients(self) -> Iterator[Difference]:
        shares: dict[str, list[float | None]] = {}
        for step in self.lead.steps:
            shares.setdefault(step.parent, []).append(step.contribution)
        for name in self.lead.gradients:
            x, y = self.here.gradients.get(name), self.there.gradients.get(self.names[name])
            contributions = shares.get(name, [])
            right = sum([number for number in contributions if number is not None])
            remark = f"that is one of {len(contributions)} contributions alone, and they add up"
            remarks = [(right, ""), *[(number, remark) for number in contributions]]
            yield from self._differing("gradient", f"gradient of {self._called(name)}", name, None, x, y, remarks)

    def _steps(self) -> Iterator[Difference]:
        ours = {theirs: ours for ours, theirs in self.names.items()}
        here = _places(self.here)
        there = {(ours[node], ours[parent], k): step for (node, parent, k), step in _places(self.there).items()}
        lead, other = (here, there) if self.lead is self.here else (there, here)
        if not (here and there):
            return
        for place in [*lead, *other] if self.both_whole else other if self.lead.operations else ():
            if place not in lead or place not in other:
                node, parent, _ = place
                side = "here" if place in here else "there"
                yield _graph_difference(node, f"the step {node} -> {parent} is {side} only")
        orders = _orders(here), _orders(there)
        sums: dict[str, float | None] = {}
        for place, step in lead.items():
            before = sums.get(step.parent, 0.0)
            sums[step.parent] = step.running_sum
            if place not in other:
                continue
            x, y = here[place], there[place]
            where = self._where(step)
            for quantity in NUMBERS:
                if quantity == "running_sum" and self.both_whole and orders[0][place[1]] != orders[1][place[1]]:
                    continue  # added in another order, it is another sum on the way to the same gradient
                yield from self._differing(
                    quantity,
                    f"{where}: {quantity.replace('_', ' ')}",
                    step.node,
                    step.parent,
                    getattr(x, quantity),
                    getattr(y, quantity),
                    _remarks(quantity, step, before),
                )

    def _where(self, step: TracedStep) -> str:
        number = f"step {step.step}, " if step.step is not None else ""
        operands = [p for operation in self.lead.operations if operation.node == step.node for p in operation.parents]
        operand = f" (operand {step.operand})" if operands.count(step.parent) > 1 and step.operand is not None else ""
        return f"{number}{self._called(step.node)} -> {self._called(step.parent)}{operand}"

    def _called(self, name: str) -> str:
        other = self.names[name]
        return name if other == name else f"{name} ({other} there)"

    def _differing(
        self,
        quantity: str,
        subject: str,
        node: str,
        parent: str | None,
        x: float | None,
        y: float | None,
        remarks: Iterable[tuple[float | None, str]] = (),
    ) -> Iterator[Difference]:
        """Yield the difference between two numbers, if both are there and there is one."""
        if x is None or y is None:
            return
        self.compared = True
        if self._close(x, y):
            return
        told = y if self.lead is self.here else x
        remark = next((text for number, text in remarks if number is not None and self._close(number, told)), "")
        if self._close(x, -y):
            remark = "the sign differs"
        shown = next(pair for digits in (5, 9, 13, 17) if len(set(pair := (f"{x:.{digits}g}", f"{y:.{digits}g}"))) > 1)
        sentence = f"{subject} is {shown[0]} here and {shown[1]} there{'; ' * bool(remark)}{remark}"
        yield Difference(quantity, node, parent, x, y, sentence)

    def _close(self, x: float, y: float) -> bool:
        if x == y or (x != x and y != y):
            return True
        return math.isfinite(x) and math.isfinite(y) and abs(x - y) <= self.tolerance * max(1.0, abs(x), abs(y))


def _graph_difference(node: str, sentence: str) -> Difference:
    return Difference("graph", node, None, None, None, sentence)


def _names(trace: Trace) -> list[str]:
    """Return every name in a trace, once."""
    found = [*trace.values, *trace.constants]
    found += [name for operation in trace.operations for name in (*operation.parents, operation.node)]
    found += [name for step in trace.steps for name in (step.parent, step.node)]
    return list(dict.fromkeys([*found, *trace.gradients]))


def _described(trace: Trace, name: str) -> str:
    """Return a name together with how the node was computed, where the trace tells."""
    for operation in trace.operations:
        if operation.node == name:
            numbers = [f"{param}={number:g}" for param, number in operation.params.items()]
            return f"{name} = {operation.op}({', '.join([*operation.parents, *numbers])})"
    return name


def _matched(here: Trace, there: Trace, exact: bool) -> tuple[dict[str, str], list[str], list[str]]:
    """Return the name there of each node here that was computed alike, and the nodes that only one of the two has."""
    table: dict[Any, int] = {}
    ours, theirs = _structure(here, exact, table), _structure(there, exact, table)
    free: dict[int, list[str]] = {}
    for name, key in reversed(theirs.items()):
        free.setdefault(key, []).append(name)
    names = {name: free[key].pop() for name, key in ours.items() if free.get(key)}
    taken = set(names.values())
    return names, [name for name in ours if name not in names], [name for name in theirs if name not in taken]


def _structure(trace: Trace, exact: bool, table: dict[Any, int]) -> dict[str, int]:
    """Return a number for each node that tells how it was computed: equal ones for equal computations.

    Args:
        trace: what was computed.
        exact: tell constants apart by their value.
        table: the numbers given so far.
    """
    constants = set(trace.constants)
    keys: dict[str, int] = {}
    for name in _names(trace):  # results as well, which keeps the order of computation
        constant = ("constant", repr(trace.values.get(name)) if exact else "")
        keys[name] = table.setdefault(constant if name in constants else ("leaf", name), len(table))
    for operation in trace.operations:
        parents = [keys[parent] for parent in operation.parents]
        signature = ("operation", operation.op, repr(sorted(operation.params.items())), *parents)
        keys[operation.node] = table.setdefault(signature, len(table))
    return keys


def _places(trace: Trace) -> dict[Place, TracedStep]:
    seen = Counter[tuple[str, str]]()
    places = {}
    for step in trace.steps:
        seen[step.node, step.parent] += 1
        places[step.node, step.parent, seen[step.node, step.parent]] = step
    return places


def _orders(places: Iterable[Place]) -> dict[str, list[Place]]:
    """Return for each parent the places it gets its contributions from, in order."""
    orders: dict[str, list[Place]] = {}
    for place in places:
        orders.setdefault(place[1], []).append(place)
    return orders


def _remarks(quantity: str, step: TracedStep, before: float | None) -> list[tuple[float | None, str]]:
    """Return numbers that are well known in the place of a quantity, and what each would mean; first the right one.

    Args:
        quantity: one of the numbers of a step.
        step: the step.
        before: the gradient of the parent so far, without this contribution.
    """
    if quantity == "contribution":
        right = None if step.slope is None or step.upstream is None else step.slope * step.upstream
        return [
            (right, ""),
            (step.slope, "that is the slope alone, without the upstream gradient"),
            (step.upstream, "that is the upstream gradient alone, without the slope"),
        ]
    if quantity == "running_sum":
        right = None if before is None or step.contribution is None else before + step.contribution
        return [(right, ""), (step.contribution, "that is the contribution alone, without what was there before")]
    return []
