"""What a mutant is: one small, deliberate mistake in one module, made on the syntax tree.

Not mutated: docstrings, annotations and type aliases, the texts of error messages, ``__slots__`` and ``__all__``,
imports, everything under ``if TYPE_CHECKING``, and the ``strict=`` of ``zip``, a guard against mistakes of our own.
A mutant is named by its module, its function and its statement before and after, so that its name stays the same when
lines move.
"""

from __future__ import annotations

import ast
import copy
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

SWAPS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Div,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


@dataclass(frozen=True)
class Mutant:
    """One mistake: in ``owner``, ``slot`` (at ``position``, if it is a list) becomes ``replacement``.

    Attributes:
        module: the path below the package, without ``.py``: ``value``, ``explanation/table``.
        function: the qualified name of the function, the class, or ``<module>``.
        before, after: the statement, or the argument of a decorator, as one line of source each.
        occurrence: which one of several such mutants in the function, counted from 1.
        line: where, for people.
        lines: the lines to run for the mistake to matter, for the choice of tests.
        enclosing: the functions around it, outermost first; empty for code that runs on import.
    """

    module: str
    function: str
    before: str
    after: str
    occurrence: int
    line: int = field(compare=False)
    lines: range = field(compare=False)
    enclosing: tuple[Function, ...] = field(compare=False, repr=False)
    owner: ast.AST = field(compare=False, repr=False)
    slot: str = field(compare=False, repr=False)
    position: int | None = field(compare=False, repr=False)
    replacement: Any = field(compare=False, repr=False)

    @property
    def name(self) -> str:
        """The name that the results and the list of explained survivors use."""
        number = f" #{self.occurrence}" if self.occurrence > 1 else ""
        return f"{self.module}: {self.function}: {self.before} -> {self.after}{number}"

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Make the mistake in the tree that the mutant was found in, and undo it at the end."""
        with _replaced(self.owner, self.slot, self.position, self.replacement):
            yield


@contextmanager
def _replaced(owner: ast.AST, name: str, position: int | None, replacement: Any) -> Iterator[None]:
    siblings = getattr(owner, name)
    if position is None:
        changed = replacement
    else:
        added = [] if replacement is None else [replacement]
        changed = siblings[:position] + added + siblings[position + 1 :]
    setattr(owner, name, changed)
    try:
        yield
    finally:
        setattr(owner, name, siblings)


def mutants_of(tree: ast.Module, module: str) -> list[Mutant]:
    """Return every mutant of a module, in the order of its source."""
    finder = _Finder(module)
    finder.visit_body(tree)
    return finder.found


class _Finder:
    """One walk over the tree, knowing the function, the statement and the text around each node."""

    def __init__(self, module: str) -> None:
        self.module = module
        self.found: list[Mutant] = []
        self.names: list[str] = []
        self.enclosing: tuple[Function, ...] = ()
        self.shown: ast.AST = ast.Pass()
        self.lines = range(0)
        self.counts: Counter[tuple[str, str, str]] = Counter()
        self.texts: set[tuple[ast.AST, str]] = set()

    # ------------------------------------------------------------ statements

    def visit_body(self, owner: ast.AST) -> None:
        """Visit every statement in the blocks of a module, class, function or compound statement."""
        for name in ("body", "orelse", "finalbody"):
            for position, statement in enumerate(getattr(owner, name, [])):
                self.visit_statement(owner, name, position, statement)
        for handler in getattr(owner, "handlers", []):
            self.visit_body(handler)

    def visit_statement(self, owner: ast.AST, name: str, position: int, statement: ast.stmt) -> None:
        match statement:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                self.visit_definition(statement)
            case ast.Import() | ast.ImportFrom() | ast.Expr(value=ast.Constant()):
                pass
            case ast.If(test=ast.Name(id="TYPE_CHECKING")):
                pass
            case ast.Assign(targets=[ast.Name(id="__slots__" | "__all__")]):
                pass
            case ast.AnnAssign(annotation=ast.Name(id="TypeAlias")) | ast.AnnAssign(value=None):
                pass
            case ast.If() | ast.For() | ast.While() | ast.With() | ast.Try():
                self.visit_header(statement)
                self.visit_body(statement)
            case _:
                self.visit_simple(owner, name, position, statement)

    def visit_definition(self, definition: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> None:
        self.names.append(definition.name)
        first = min([definition.lineno, *(decorator.lineno for decorator in definition.decorator_list)])
        whole = range(first, (definition.end_lineno or first) + 1)
        for decorator in definition.decorator_list:
            if isinstance(decorator, ast.Call):
                for name in ("args", "keywords"):
                    for position, argument in enumerate(getattr(decorator, name)):
                        with self.showing(argument, whole):
                            self.visit_argument(decorator, name, position, argument)
        if isinstance(definition, ast.ClassDef):
            self.visit_body(definition)
        else:
            arguments = definition.args
            for name in ("defaults", "kw_defaults"):
                for position, default in enumerate(getattr(arguments, name)):
                    if default is not None:
                        with self.showing(arguments, whole):
                            self.visit_expression(arguments, name, position, default)
            self.inside(definition, lambda: self.visit_body(definition))
        self.names.pop()

    def visit_header(self, statement: ast.If | ast.For | ast.While | ast.With | ast.Try) -> None:
        match statement:
            case ast.If() | ast.While():
                with self.showing(statement.test):
                    forced = (True, False) if isinstance(statement, ast.If) else (False,)
                    self.force(statement, "test", None, forced)
                    self.visit_expression(statement, "test", None, statement.test)
            case ast.For():
                with self.showing(statement.iter):
                    self.visit_expression(statement, "iter", None, statement.iter)
            case ast.With():
                for item in statement.items:
                    with self.showing(item):
                        self.visit_expression(item, "context_expr", None, item.context_expr)

    def visit_simple(self, owner: ast.AST, name: str, position: int, statement: ast.stmt) -> None:
        with self.showing(statement):
            match statement:
                case ast.Raise():
                    self.replace(owner, name, position, ast.Pass())
                    return
                case ast.Expr() | ast.AugAssign() | ast.Delete() | ast.Continue() | ast.Break():
                    self.replace(owner, name, position, ast.Pass())
                case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]):
                    self.replace(owner, name, position, ast.Pass())
                case ast.Return(value=value) if not (value is None or _is_none(value)):
                    self.replace(statement, "value", None, ast.Constant(None))
            if isinstance(statement, ast.AugAssign):
                self.swap(statement, "op", statement.op)
            for field_name, child in ast.iter_fields(statement):
                if field_name not in ("annotation", "op"):
                    self.visit_field(statement, field_name, child)

    # ------------------------------------------------------------ expressions

    def visit_field(self, owner: ast.AST, name: str, child: Any) -> None:
        if isinstance(child, list):
            for position, each in enumerate(child):
                self.visit_expression(owner, name, position, each)
        else:
            self.visit_expression(owner, name, None, child)

    def visit_expression(self, owner: ast.AST, name: str, position: int | None, node: Any) -> None:
        """Mutate the node that stands in ``owner``, then everything inside it."""
        match node:
            case ast.Constant(value=value):
                if (changed := _other_constant(value)) is not None:
                    self.replace(owner, name, position, ast.Constant(changed))
                return
            case ast.Compare():
                for i, operator in enumerate(node.ops):
                    self.swap(node, "ops", operator, i)
            case ast.BoolOp() | ast.BinOp():
                if not (isinstance(node, ast.BinOp) and (_is_text(node.left) or _is_text(node.right))):
                    self.swap(node, "op", node.op)
            case ast.UnaryOp(op=ast.Not() | ast.USub()):
                self.replace(owner, name, position, node.operand)
            case ast.IfExp():
                self.force(node, "test", None, (True, False))
            case ast.comprehension():
                for i in range(len(node.ifs)):
                    self.force(node, "ifs", i, (True, False))
            case ast.Slice():
                for end in ("lower", "upper", "step"):
                    if getattr(node, end) is not None:
                        self.replace(node, end, None, None)
            case ast.Call():
                self.visit_expression(node, "func", None, node.func)
                for field_name in ("args", "keywords"):
                    for i, argument in enumerate(getattr(node, field_name)):
                        self.visit_argument(node, field_name, i, argument)
                return
            case ast.Lambda():
                self.inside(node, lambda: self.visit_lambda(node))
                return
            case ast.FormattedValue():
                self.visit_expression(node, "value", None, node.value)
                return
            case ast.AST():
                pass
            case _:
                return
        for field_name, child in ast.iter_fields(node):
            self.visit_field(node, field_name, child)

    def visit_argument(self, call: ast.Call, name: str, position: int, argument: ast.AST) -> None:
        if isinstance(argument, ast.keyword):
            if argument.arg == "strict":
                return
            if argument.arg is not None:
                self.replace(call, name, position, None)
            self.visit_expression(argument, "value", None, argument.value)
        else:
            self.visit_expression(call, name, position, argument)

    def visit_lambda(self, function: ast.Lambda) -> None:
        if not _is_none(function.body):
            self.replace(function, "body", None, ast.Constant(None))
        self.visit_expression(function, "body", None, function.body)

    # ------------------------------------------------------------ where the walk is, and what it finds

    @contextmanager
    def showing(self, node: ast.AST, lines: range | None = None) -> Iterator[None]:
        outer = self.shown, self.lines
        self.shown = node
        self.lines = _lines(node) if lines is None else lines
        yield
        self.shown, self.lines = outer

    def inside(self, function: Function, visit: Any) -> None:
        outer = self.enclosing, self.lines
        self.enclosing = (*self.enclosing, function)
        if isinstance(function, ast.Lambda):
            self.lines = _lines(function.body)
        visit()
        self.enclosing, self.lines = outer

    def swap(self, owner: ast.AST, name: str, operator: ast.AST, position: int | None = None) -> None:
        if type(operator) in SWAPS:
            self.replace(owner, name, position, SWAPS[type(operator)]())

    def force(self, owner: ast.AST, name: str, position: int | None, answers: tuple[bool, ...]) -> None:
        for answer in answers:
            self.replace(owner, name, position, ast.Constant(answer))

    def replace(self, owner: ast.AST, name: str, position: int | None, replacement: ast.AST | None) -> None:
        """Note a mutant, unless the same change of the same text is known already."""
        old = getattr(owner, name) if position is None else getattr(owner, name)[position]
        if replacement is not None and "lineno" in getattr(old, "_attributes", ()):
            replacement = ast.copy_location(copy.copy(replacement), old)
        before = _text(self.shown)
        if self.shown is old:
            after = _text(replacement)
        else:
            with _replaced(owner, name, position, replacement):
                after = _text(self.shown)
        if (self.shown, after) in self.texts:
            return
        self.texts.add((self.shown, after))
        function = ".".join(self.names) or "<module>"
        self.counts[function, before, after] += 1
        self.found.append(
            Mutant(
                module=self.module,
                function=function,
                before=before,
                after=after,
                occurrence=self.counts[function, before, after],
                line=getattr(old, "lineno", getattr(owner, "lineno", self.lines.start)),
                lines=self.lines,
                enclosing=self.enclosing,
                owner=owner,
                slot=name,
                position=position,
                replacement=replacement,
            )
        )


def _lines(node: ast.AST) -> range:
    placed: Any = node.context_expr if isinstance(node, ast.withitem) else node
    return range(placed.lineno, placed.end_lineno + 1)


def _text(node: ast.AST | None) -> str:
    if node is None or isinstance(node, ast.Pass):
        return "(deleted)"
    return " ".join(ast.unparse(node).split("\n"))


def _is_none(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


def _other_constant(value: Any) -> Any:
    """Return the constant that takes the place of ``value``, None to leave it alone."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, (int, float)):
        return value + 1 if value + 1 != value else value * 2
    return "x" if value == "" else None
