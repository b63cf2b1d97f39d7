"""The command line: argparse over the package's public functions."""

from __future__ import annotations

import argparse
import inspect
import io
import os
import re
import sys
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from . import __version__
from .errors import AutogradTinyError, printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from .expression import Expression
    from .primitive import Primitive

OK, FAILED, MISTAKE, INTERRUPTED = 0, 1, 2, 130
"""Exit codes: done; a check did not hold; a mistake in the command; Ctrl-C."""

PIPED_WIDTH = 120
LONGEST_MESSAGE = 1_000
MOST_CHECKED = 1_500  # variables times operands: seconds, where second derivatives of softmax are asked for


class CommandError(AutogradTinyError, ValueError):
    """The command line cannot be carried out: the message says what to type instead."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    Args:
        argv: the arguments; those of the process if not given.

    >>> main(["check", "x**2", "--at", "x=two"])
    2
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that cannot show a box is no reason to stop
    try:
        arguments = _parser().parse_args([_positional(word) for word in (sys.argv[1:] if argv is None else argv)])
        code: int = arguments.run(arguments)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except KeyboardInterrupt:
        return INTERRUPTED
    except AutogradTinyError as error:
        return _mistake(str(error))
    except OSError as error:
        remedy = "; make its folder first" if isinstance(error, FileNotFoundError) else ""
        return _mistake(f"cannot use {error.filename}: {error.strerror}{remedy}" if error.filename else str(error))
    return code


def _mistake(message: str) -> int:
    inert = "".join(c if c.isprintable() else " " for c in message)
    if len(inert) > LONGEST_MESSAGE:  # most of it is what was typed
        inert = f"{inert[: LONGEST_MESSAGE // 2]} ... {inert[-LONGEST_MESSAGE // 2 :]}"
    print(f"autograd-tiny: {inert}", file=sys.stderr)
    return MISTAKE


def _console() -> Console:
    """Return a console; what is piped into a file or pager gets lines of a readable length."""
    from rich.console import Console

    console = Console()
    if not console.is_terminal:
        console.width = max(console.width, PIPED_WIDTH)
    return console


# ---------------------------------------------------------------- the arguments


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise CommandError(f"{message}; see  {self.prog} --help")


def _positional(word: str) -> str:
    """Argparse takes ``-x**2`` for an option; a space in front of it makes it the expression that it is."""
    return f" {word}" if re.match("-[^-]", word) and word != "-h" else word


def _path(text: str) -> str:
    """Return the name of a file, or refuse what no file can be called."""
    try:
        usable = b"\0" not in os.fsencode(text)
    except UnicodeEncodeError:
        usable = False
    if not usable:
        raise argparse.ArgumentTypeError(f"{text!r} cannot be the name of a file")
    return text


def _parser() -> _Parser:
    parser = _Parser(
        prog="autograd-tiny",
        description="Scalar automatic differentiation to learn, teach and trust.",
        epilog="Start with:  autograd-tiny demo\nHelp and examples for a command:  autograd-tiny explain --help",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"autograd-tiny {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def command(name: str, help: str, *examples: str) -> argparse.ArgumentParser:
        added = commands.add_parser(
            name,
            help=help,
            description=f"{help[0].upper()}{help[1:]}.",
            epilog="\n".join(["examples:", *(f"  autograd-tiny {name} {example}".rstrip() for example in examples)]),
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        added.set_defaults(run=globals()[f"_{name}"])
        return added

    explain = command(
        "explain",
        "show how backpropagation finds every gradient, step by step",
        '"(a*b + 10)**2" --at a=2 b=-3',
        '"tanh(w*x)" --at w=0.5 x=pi/2',
    )
    draw = command(
        "draw",
        "draw the computation graph",
        '"(a*b + 10)**2" --at a=2 b=-3',
        '"dot([x, y], [2, 3])" --at x=1 y=2 --unfold --out graph.svg',
    )
    check = command(
        "check",
        "compare derivatives with numeric ones, or check an engine of your own; exit code 1 if something is wrong",
        '"x**3 * sin(y)" --at x=2 y=0.5',
        "--engine my_engine.py",
    )
    for added in (explain, draw, check):
        count = "?" if added is check else None  # --engine FILE stands in for it
        added.add_argument("expression", nargs=count, metavar="EXPR", help='a formula such as "x**2 + sin(y)"')
        added.add_argument(
            "--at", nargs="+", action="extend", default=[], metavar="NAME=NUMBER", help="a number for every variable"
        )
    check.add_argument(
        "--engine", type=_path, metavar="FILE", help="a Python file with a class Value that has backward()"
    )
    draw.add_argument("--out", type=_path, metavar="FILE", help="write a .svg, .png, .dot, .mmd or .txt file")
    draw.add_argument("--unfold", action="store_true", help="draw a dot product as its products and their sum")
    draw.add_argument("--no-backward", action="store_true", help="leave the gradients out")

    operations = command("ops", "list the operations, or tell everything about one", "", "leaky_relu")
    operations.add_argument("name", nargs="?", metavar="NAME", help="an operation")

    train = command("train", "train a network on moons or iris", "moons", "iris --epochs 100 --lr 0.1 --seed 1")
    train.add_argument("task", choices=("moons", "iris"), help="the data set")
    train.add_argument("--epochs", type=int, metavar="N", help="how often to go through the data")
    train.add_argument("--lr", type=float, metavar="RATE", help="learning rate")
    train.add_argument("--seed", type=int, default=0, metavar="N", help="decides the first weights (default: 0)")
    train.add_argument("--out", type=_path, default=".", metavar="DIR", help="where the pictures go (default: here)")

    demo = command("demo", "explain, check, draw and train, in half a minute", "", "--out pictures")
    demo.add_argument(
        "--out", type=_path, metavar="DIR", help="where the pictures go (default: a fresh autograd-tiny-demo)"
    )
    return parser


# ---------------------------------------------------------------- expressions and where to evaluate them


def _expression_and_point(arguments: argparse.Namespace) -> tuple[Expression, dict[str, float]]:
    """Return the expression and one number per variable, in order of appearance."""
    from .expression import parse

    expression = parse(arguments.expression.strip())
    given: dict[str, float] = {}
    for pair in arguments.at:
        name, equals, text = pair.partition("=")
        if not equals or not text:
            raise CommandError(f"--at needs NAME=NUMBER, got {pair!r}; write for example --at x=2 y=3")
        if name not in expression.variables:
            known = ", ".join(expression.variables) or "none"
            raise CommandError(f"--at {pair}: the expression has no variable {name!r} (it has: {known})")
        if name in given:
            raise CommandError(f"--at {pair}: {name} has a number already, {given[name]:g}")
        given[name] = _number(pair, text)
    missing = [name for name in expression.variables if name not in given]
    if missing:
        needed = " ".join(f"{name}=1" for name in missing)
        raise CommandError(f"no number for {', '.join(missing)}; add for example --at {needed}")
    return expression, {name: given[name] for name in expression.variables}


def _number(pair: str, text: str) -> float:
    """Read a number; arithmetic without variables, such as pi/2, is one."""
    from .errors import ExpressionError
    from .expression import parse

    try:
        return parse(text).evaluate({}).data
    except ExpressionError:
        raise CommandError(f"--at {pair}: {text!r} is not a number; write for example --at x=2 y=3") from None


def _explain(arguments: argparse.Namespace) -> int:
    from . import explain

    expression, point = _expression_and_point(arguments)
    root = expression.evaluate(point)
    print(f"{printable(expression.text)} = {root.data:.12g}")
    explain(root).print(_console())
    return OK


def _draw(arguments: argparse.Namespace) -> int:
    from . import draw

    expression, point = _expression_and_point(arguments)
    root = expression.evaluate(point)
    if not arguments.no_backward:
        root.backward()
    drawing = draw(root, unfold=arguments.unfold)
    if arguments.out is None:
        print(drawing.text())
    else:
        print(f"wrote {printable(str(drawing.save_as(arguments.out)))}")
    return OK


def _check(arguments: argparse.Namespace) -> int:
    if (arguments.engine is None) == (arguments.expression is None):
        raise CommandError("check takes a formula with --at, or --engine FILE; see  autograd-tiny check --help")
    return _check_expression(arguments) if arguments.engine is None else _check_engine(arguments)


def _check_engine(arguments: argparse.Namespace) -> int:
    from .testing.conformance import conformance
    from .testing.engines import student_engine

    if arguments.at:
        raise CommandError("--at gives the variables of a formula their numbers; --engine FILE has none")
    report = conformance(student_engine(arguments.engine))
    print(report)
    return OK if report.ok else FAILED


def _check_expression(arguments: argparse.Namespace) -> int:
    from .testing import check_gradients
    from .value import topological_order

    expression, point = _expression_and_point(arguments)
    if not point:
        raise CommandError("nothing to check: the expression has no variable")
    operands = sum(len(node.parents) for node in topological_order([expression.evaluate(point)]))
    if len(point) * operands > MOST_CHECKED:
        raise CommandError(
            f"the formula has {len(point)} variables and {operands} operands, and check takes them up to a product of "
            f"{MOST_CHECKED}; check a part of it, or use autograd_tiny.testing.check_gradients"
        )
    report = check_gradients(expression, *point.values(), order=2)
    print(report)
    return OK if report.ok else FAILED


# ---------------------------------------------------------------- operations


def _ops(arguments: argparse.Namespace) -> int:
    from .primitive import registry

    name = arguments.name
    if name is not None and name not in registry:
        close = get_close_matches(name, registry, n=1)
        raise CommandError(
            f"unknown operation {name!r}; {f'did you mean {close[0]}?' if close else 'autograd-tiny ops  lists them'}"
        )
    _console().print(_operations(registry.values()) if name is None else _one_operation(registry[name]))
    return OK


def _operations(ops: Iterable[Primitive]) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("operation", "symbol", "formula", "domain", "kinks", "what it is"):
        table.add_column(heading)
    for op in ops:
        symbol = "" if op.symbol == op.name else op.symbol
        formula = _example(op).write(_operands(op))
        written = "" if formula.startswith(f"{op.name}(") else formula
        sentence = op.doc.partition("\n")[0]
        facts = [op.signature(), symbol, written, ", ".join(_domain(op)), _kinks(op), sentence]
        table.add_row(*[Text(_lines(fact)) for fact in facts])
    return table


def _one_operation(op: Primitive) -> Table:
    from rich.table import Table
    from rich.text import Text

    from .explanation import slope_formulas

    names, example = _operands(op), _example(op)
    slopes = zip(names, slope_formulas(example, names, "result"), strict=True)
    settings = ", ".join(f"{name} = {number:g}" for name, number in example.params.items())
    facts = {
        "operation": op.signature(),
        "about": inspect.getdoc(op),
        "symbol": op.symbol,
        "example": f"with {settings}" if settings else "",
        "formula": example.write(names),
        "LaTeX": example.write(names, latex=True),
        "slopes": "\n".join(f"d result / d {name} = {slope}" for name, slope in slopes),
        "domain": "\n".join(_domain(op)) or "all real numbers",
        "kinks": _kinks(op) or "none",
    }
    table = Table.grid(padding=(0, 3))
    for heading, text in facts.items():
        if text:
            table.add_row(Text(heading, "bold"), Text(_lines(text)))
    return table


def _lines(text: str) -> str:
    """Return text of several lines with everything harmful in it escaped."""
    return "\n".join(map(printable, text.split("\n")))


def _example(op: Primitive) -> Primitive:
    """Return the operation with its parameters set: 2 where there is no usual number."""
    return op.bind(**{name: 2.0 for name, number in op.params.items() if number is None})


def _operands(op: Primitive) -> list[str]:
    """Return names for the operands; of a list, as many as show the pattern."""
    if op.pairs:
        return ["x1", "x2", "w1", "w2"]
    if op.arity is None:
        return ["x1", "x2", "x3"]
    return list(op.operands)


def _domain(op: Primitive) -> list[str]:
    names = ["x"] if op.arity is None else _operands(op)
    rules = [op.domain_of(i).named(name) for i, name in enumerate(names)]
    return [rule for rule in rules if not rule.startswith("any ")]


def _kinks(op: Primitive) -> str:
    return "\n".join(f"{kink.where}: slope {kink.slope}" for kink in op.kinks)


# ---------------------------------------------------------------- networks


def _train(arguments: argparse.Namespace) -> int:
    from .demo import learn
    from .primitive import whole

    if arguments.epochs is not None:
        whole(arguments.epochs, "--epochs")  # before any story is told
    settings = {"epochs": arguments.epochs, "lr": arguments.lr, "seed": arguments.seed}
    learn(arguments.task, Path(arguments.out), _console(), **settings)
    return OK


def _demo(arguments: argparse.Namespace) -> int:
    from .demo import run

    return OK if run(arguments.out and Path(arguments.out), _console()) else FAILED
