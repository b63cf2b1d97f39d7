"""A Program as readable straight-line Python, and the executor that runs it, to the bit as it was recorded.

Where Python raises and IEEE 754 has an answer (1 / 0, exp of 1000), an example is computed again with careful floats,
as recorded operations do.
"""

from __future__ import annotations

import keyword
import linecache
import math
from collections import Counter
from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Any, NamedTuple

from ..primitive import IEEEFloat, floats, ieee_floats
from .lowering import FUNCTIONS, LEAVES, straighten
from .program import Program

LONGEST = 88  # letters of an expression that goes into another one
LINE = 110
_INFIX = {"add": ("+", 4), "sub": ("-", 4), "mul": ("*", 5), "div": ("/", 5)}
_INFIX |= dict(lt=("<", 3), le=("<=", 3), gt=(">", 3), ge=(">=", 3), eq=("==", 3), ne=("!=", 3))  # noqa: C408 - reads as a table
_INFIX |= {"and": ("and", 2), "or": ("or", 1)}
_NEGATIVE, _ATOM, _CHOICE = 6, 7, 0


class _Text(NamedTuple):
    """An expression, and how tightly its outermost operator binds."""

    text: str
    binds: int

    def inside(self, at_least: int) -> str:
        return self.text if self.binds >= at_least else f"({self.text})"


def source_of(program: Program, gradients: bool = True, careful: bool = False) -> str:
    """Return Python for one example: a function of parameters, inputs and seeds that returns outputs and gradients.

    Args:
        program: the program.
        gradients: whether to add the backward pass.
        careful: write numbers as IEEE floats.

    >>> from autograd_tiny import Value
    >>> w, x = Value(2.0, "w"), Value(3.0, "x")
    >>> print(source_of(Program.of([(w * x).tanh()], [w], [x])))
    def program(parameters, inputs, seeds):
        (w,) = parameters
        (x,) = inputs
        # forward
        v1 = tanh(w * x)
        # backward: d_v is the gradient of v
        (d_v1,) = seeds
        d_w = x * ((1.0 - v1) * (1.0 + v1) * d_v1)
        return [v1], [d_w]
    """
    return _Writer(program, gradients, careful).source()


class _Writer:
    def __init__(self, program: Program, gradients: bool, careful: bool) -> None:
        self.program, self.careful, self.gradients = program, careful, gradients
        self.code = straighten(program, gradients)
        inside = [operands for name, operands in self.code.steps if name not in (*LEAVES, "constant")]
        uses = Counter(i for operands in inside for i in operands)
        kept = Counter([*self.code.outputs, *self.code.gradients.values()])
        self.single = [uses[i] == 1 and not kept[i] for i in range(len(self.code.steps))]
        self.names = _names(program)
        self.texts: list[_Text] = []
        self.lines: list[str] = []
        self.taken = {*self.names, *_RESERVED}
        self.count = 0

    def source(self) -> str:
        program, code = self.program, self.code
        leaves = self.names[: program.parameters], self.names[program.parameters : program.first_constant]
        self.lines = ["def program(parameters, inputs, seeds):"]
        for names, array in zip(leaves, ("parameters", "inputs"), strict=True):
            self.unpack(names, array)
        self.comment("forward")
        marks: dict[int, list[int]] = {}
        for position, slot in code.marks:
            marks.setdefault(position, []).append(slot)
        scope = ""
        backward = False
        for i, (name, operands) in enumerate(code.steps):
            if i == code.forward and self.gradients:
                backward = True
                self.comment("backward: d_v is the gradient of v")
                self.seeds()
            for slot in marks.get(i, ()):
                here = program.scopes.get(slot, "")
                if here != scope and here:
                    self.comment(_one_line(here))
                scope = here
            self.texts.append(self.step(i, name, operands, backward))
        outputs = ", ".join(self.texts[i].text for i in code.outputs)
        found = [self.texts[code.gradients[k]].text if k in code.gradients else "0.0" for k in range(program.wanted)]
        self.result(outputs, ", ".join(found if self.gradients else []))
        return "\n".join(self.lines)

    def seeds(self) -> None:
        self.seed_names = [self.fresh(f"d_{self.texts[i].text}") for i in self.code.outputs]
        self.unpack(self.seed_names, "seeds")

    def unpack(self, names: Sequence[str], array: str) -> None:
        if names:
            self.lines += _wrapped(f"    ({', '.join(names)}{',' * (len(names) == 1)}) = {array}")

    def comment(self, text: str) -> None:
        self.lines.append(f"    # {text}")

    def result(self, outputs: str, gradients: str) -> None:
        self.lines += _wrapped(f"    return [{outputs}], [{gradients}]")

    def step(self, i: int, name: str, operands: tuple[Any, ...], backward: bool) -> _Text:
        if name == "parameter":
            return _Text(self.names[operands[0]], _ATOM)
        if name == "input":
            return _Text(self.names[self.program.parameters + operands[0]], _ATOM)
        if name == "seed":
            return _Text(self.seed_names[operands[0]], _ATOM)
        if name == "constant":
            return self.number(operands[0])
        text = self.expression(name, [self.texts[k] for k in operands])
        if self.single[i] and len(text.text) <= LONGEST and i != self.code.forward - 1:
            return text
        self.count += 1
        variable = self.fresh(self.gradient_name(i) if backward else f"v{self.count}")
        self.lines += _wrapped(f"    {variable} = {text.text}")
        return _Text(variable, _ATOM)

    def gradient_name(self, i: int) -> str:
        slot = self.code.adjoints.get(i, self.program.slots)
        if slot < self.program.first_constant:
            return f"d_{self.names[slot]}"
        first = self.program.first_instruction
        positions = self.code.values[slot - first : slot - first + 1] if slot >= first else ()
        return f"d_{self.texts[positions[0]].text}" if positions else f"d{self.count}"

    def number(self, number: float) -> _Text:
        if self.careful:
            return _Text(f"exactly({number!r})", _ATOM)
        return _Text(repr(number), _ATOM if math.copysign(1.0, number) > 0 else _NEGATIVE)

    def expression(self, name: str, operands: Sequence[_Text]) -> _Text:
        if name in _INFIX:
            sign, binds = _INFIX[name]
            chained = binds == 3  # a < b < c would mean something else
            left, right = operands[0].inside(binds + chained), operands[1].inside(binds + 1)
            return _Text(f"{left} {sign} {right}", binds)
        if name == "neg":
            return _Text(f"-{operands[0].inside(_NEGATIVE)}", _NEGATIVE)
        if name == "where":
            condition, a, b = operands
            return _Text(f"{a.inside(1)} if {condition.inside(1)} else {b.inside(1)}", _CHOICE)
        return _Text(f"{name}({', '.join(operand.text for operand in operands)})", _ATOM)

    def fresh(self, name: str) -> str:
        if not name.isidentifier():  # the gradient of a number that has no name of its own
            name = f"d{self.count}"
        while name in self.taken:
            name += "_"
        self.taken.add(name)
        return name


_RESERVED = {"program", "parameters", "inputs", "seeds", "exactly", "nan", "inf", *FUNCTIONS, *keyword.kwlist}


def _names(program: Program) -> list[str]:
    """Return the names of parameters and inputs: labels where they are plain names, else p0, p1, ... and x0, x1, ..."""
    names: list[str] = []
    taken = set(_RESERVED)
    labels = [program.labels.get(slot, "") for slot in range(program.first_constant)]
    counts = Counter(labels)
    wanted = {label for label in labels if label.isidentifier() and label.isascii() and counts[label] == 1}
    for slot, label in enumerate(labels):
        parameter = slot < program.parameters
        name = label
        if label not in wanted or label in taken:
            name = f"p{slot}" if parameter else f"x{slot - program.parameters}"
            while name in taken or name in wanted:
                name += "_"
        taken.add(name)
        names.append(name)
    return names


def _one_line(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)


def _wrapped(line: str) -> list[str]:
    """Break a line of code at spaces where it is too long; Python reads on inside brackets."""
    if len(line) <= LINE:
        return [line]
    head, equals, expression = line.partition(" = ")
    if head.lstrip().startswith("return"):
        head, equals, expression = "    return ", "", line.removeprefix("    return ")
    lines, current = [f"{head}{equals}("], ""
    if head.lstrip().startswith("("):  # names that are unpacked
        lines, expression = [], line.strip()
        first, _, rest = expression[1:].partition(") = ")
        lines.append("    (")
        for name in first.split(", "):
            if len(current) + len(name) > LINE - 10:
                lines.append(f"        {current.strip()}")
                current = ""
            current += f"{name.rstrip(',')}, "
        return [*lines, f"        {current.strip()}", f"    ) = {rest}"]
    for word in expression.split(" "):
        if len(current) + len(word) > LINE - 10:
            lines.append(f"        {current.strip()}")
            current = ""
        current += f"{word} "
    return [*lines, f"        {current.strip()}", "    )"]


# ---------------------------------------------------------------- running it

_FLOATS = {name: getattr(floats, name) for name in FUNCTIONS} | {"nan": math.nan, "inf": math.inf}
_CAREFUL = {name: getattr(ieee_floats, name) for name in FUNCTIONS} | {"exactly": IEEEFloat, "nan": math.nan}
_CAREFUL |= {"inf": math.inf}


def function_of(program: Program, gradients: bool, careful: bool = False) -> Callable[..., Any]:
    """Return the function of :func:`source_of`; a debugger steps through its lines."""
    source = source_of(program, gradients, careful)
    name = f"<autograd_tiny program {sha256(source.encode()).hexdigest()[:12]}>"
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    namespace = dict(_CAREFUL if careful else _FLOATS)
    exec(compile(source, name, "exec"), namespace)  # noqa: S102 - source_of wrote it: numbers, operations, plain names
    function: Callable[..., Any] = namespace["program"]
    return function


def _listed(numbers: Any) -> Any:
    return numbers.tolist() if hasattr(numbers, "tolist") else numbers


class PythonExecutor:
    """Runs a Program example by example in plain Python, to the bit as the graph was recorded."""

    def __init__(self, program: Program, gradients: bool) -> None:
        self.program, self.gradients = program, gradients
        self._plain = function_of(program, gradients)
        self._careful: Callable[..., Any] | None = None

    def run(
        self, shared: Sequence[float], rows: Sequence[Sequence[float]], seeds: Sequence[float]
    ) -> tuple[list[list[float]], list[float]]:
        """Return (outputs of each example, gradients summed over the examples from the first to the last).

        Args:
            shared: the parameters.
            rows: the inputs of each example.
            seeds: the upstream gradient of each output.
        """
        # Arrays become lists: NumPy's floats warn where Python's raise.
        shared, rows = _listed(shared), _listed(rows)
        results, totals = [], [0.0] * (self.program.wanted if self.gradients else 0)
        for row in rows:
            outputs, gradients = self._one(shared, row, seeds)
            results.append(outputs)
            totals = [total + gradient for total, gradient in zip(totals, gradients, strict=True)]
        return results, totals

    def _one(self, shared: Sequence[float], row: Sequence[float], seeds: Sequence[float]) -> Any:
        try:
            return self._plain(shared, row, seeds)
        except (ArithmeticError, ValueError):
            if self._careful is None:
                self._careful = function_of(self.program, self.gradients, careful=True)
            exact = [list(map(IEEEFloat, numbers)) for numbers in (shared, row, seeds)]
            outputs, gradients = self._careful(*exact)
            return list(map(float, outputs)), list(map(float, gradients))
