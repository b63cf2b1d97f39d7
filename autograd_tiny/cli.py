"""The command line: argparse over the package's public functions."""

from __future__ import annotations

import _thread
import argparse
import inspect
import io
import math
import os
import re
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from . import __version__
from .errors import AutogradTinyError, did_you_mean, printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from .explanation import Explanation, Worksheet
    from .expression import Expression
    from .primitive import Primitive

OK, FAILED, MISTAKE, INTERRUPTED = 0, 1, 2, 130
"""Exit codes: done; a check did not hold; a mistake in the command; Ctrl-C."""

PIPED_WIDTH = 120
LONGEST_MESSAGE = 1_000
MOST_SECONDS = 120.0  # that somebody's engine may take
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
        lost = isinstance(error, FileNotFoundError) and not Path(str(error.filename)).parent.exists()
        remedy = "; make its folder first" if lost else ""
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

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        try:
            super()._check_value(action, value)
        except argparse.ArgumentError as error:
            question = did_you_mean(str(value), map(str, action.choices or ()))
            error.message += f"; {question}" if question else ""
            raise


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
        '"tanh(w*x)" --at w=0.5 x=pi/2 --html page.html',
        '"x*y + x" --at x=2 y=3 --paths x --cost',
        '"x*y + x" --at x=2 y=3 --latex derivation.tex --markdown notes.md --json trace.json',
    )
    explain.add_argument("--step", action="store_true", help="walk through the backward pass, one step at a time")
    explain.add_argument(
        "--paths", metavar="NODE", help="show the paths from a variable (or node) to the result instead of the steps"
    )
    explain.add_argument("--cost", action="store_true", help="count the operations instead of showing the steps")
    explain.add_argument("--html", type=_path, metavar="FILE", help="write a page for the browser that plays the steps")
    for option, what in {
        "--latex": "the derivation as LaTeX (FILE becomes a complete document)",
        "--markdown": "the derivation as Markdown",
        "--json": "all numbers as JSON, for the command compare",
    }.items():
        explain.add_argument(
            option, nargs="?", const="-", type=_path, metavar="FILE", help=f"write {what}; without FILE print it"
        )
    draw = command(
        "draw",
        "draw the computation graph",
        '"(a*b + 10)**2" --at a=2 b=-3',
        '"dot([x, y], [2, 3])" --at x=1 y=2 --unfold --out graph.svg',
        '"tanh(w*x) * w" --at w=0.5 x=2 --color gradient --theme dark --highlight w --out graph.png',
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
    for option, choices, help in (
        ("--direction", ("LR", "TB"), "from left to right or from top to bottom"),
        ("--color", ("kind", "gradient"), "tell kinds of nodes apart, or show the size of the gradient"),
        ("--thickness", ("even", "contribution"), "of edges: all alike, or by the size of the contribution"),
        ("--theme", ("light", "dark", "print"), "colours; print is black and white"),
        ("--collapse", ("auto", "never"), "fold a large graph into boxes, or draw all of it"),
    ):
        draw.add_argument(option, choices=choices, default=choices[0], help=f"{help} (default: {choices[0]})")
    draw.add_argument("--highlight", metavar="NODE", help="dim all but the ways from a variable, or to a node")
    draw.add_argument("--max-nodes", type=int, default=500, metavar="N", help="fold larger graphs (default: 500)")
    draw.add_argument("--reproducible", action="store_true", help="the same file on every machine (graphviz-pure)")

    sheets = command(
        "worksheet",
        "make exercise sheets with their answer keys, or mark one",
        '"(a*b + 10)**2" --at a=2 b=-3',
        '"(a*b + c)**2" --variants 3 --out class',
        '"tanh(w*x + b)" --hide slopes gradients --form tex --out lesson',
        "--mark class/sheet-1.json answers.json",
    )
    sheets.add_argument("expression", nargs="?", metavar="EXPR", help='a formula such as "x**2 + sin(y)"')
    sheets.add_argument(
        "--at", nargs="+", action="extend", default=[], metavar="NAME=NUMBER", help="numbers for one sheet"
    )
    sheets.add_argument("--variants", type=int, metavar="N", help="make N sheets, each with other numbers (default: 1)")
    sheets.add_argument(
        "--hide",
        nargs="+",
        metavar="WHAT",
        help="what to ask for: values, slopes, contributions, gradients (default: all four), or a part such as 0.5",
    )
    sheets.add_argument("--seed", type=int, default=0, metavar="N", help="decides numbers and blanks (default: 0)")
    sheets.add_argument(
        "--form", choices=("html", "tex", "pdf", "md", "txt"), default="html", help="of the files (default: html)"
    )
    sheets.add_argument("--out", type=_path, metavar="DIR", help="write sheets and keys there instead of showing them")
    sheets.add_argument(
        "--mark",
        nargs="+",
        type=_path,
        metavar="FILE",
        help="mark answers: the sheet's .json file, or the folder of all sheets, then the files of the answers",
    )

    compared = command(
        "compare",
        "show the first difference between two computations; exit code 1 if there is one",
        "mine.json student.json",
        "mine.json engine.json --tolerance 1e-5",
    )
    for name in ("here", "there"):
        compared.add_argument(name, type=_path, metavar=f"{name.upper()}.json", help="from explain --json, or by hand")
    compared.add_argument(
        "--tolerance", type=float, default=1e-9, metavar="SIZE", help="how far numbers may differ (default: 1e-9)"
    )

    operations = command("ops", "list the operations, or tell everything about one", "", "leaky_relu")
    operations.add_argument("name", nargs="?", metavar="NAME", help="an operation")

    misconceptions = command(
        "misconceptions",
        "run the classic mistakes about backpropagation beside the right way, all of them or one",
        "",
        "topological-sort",
        "zero-grad",
    )
    misconceptions.add_argument("name", nargs="?", metavar="NAME", help="one of them")

    train = command(
        "train",
        "train one of the example networks, or list them",
        "",
        "moons --animate",
        "iris --epochs 100 --lr 0.1 --seed 1",
        "digits --jit",
        "gpt --data names.txt --checkpoint gpt.json --resume",
    )
    train.add_argument("name", nargs="?", metavar="NAME", help="an example; without it they are listed")
    train.add_argument("--epochs", type=int, metavar="N", help="how often to go through the data")
    train.add_argument("--lr", type=float, metavar="RATE", help="learning rate")
    train.add_argument("--seed", type=int, default=0, metavar="N", help="decides the first weights (default: 0)")
    train.add_argument("--data", type=_path, metavar="FILE", help="a file of your own, for the examples that take one")
    train.add_argument("--animate", action="store_true", help="draw the training as an animation, too")
    train.add_argument("--checkpoint", type=_path, metavar="FILE", help="keep the state of the training in this file")
    train.add_argument("--resume", action="store_true", help="go on from the checkpoint")
    train.add_argument(
        "--jit", action=argparse.BooleanOptionalAction, help="train in compiled code (default: only gpt, if it can)"
    )
    train.add_argument("--out", type=_path, default=".", metavar="DIR", help="where the pictures go (default: here)")

    bench = command(
        "bench",
        "measure this package side by side with the other engines that are installed",
        "--out pictures",
        "--quick --only moons gpt",
    )
    bench.add_argument("--quick", action="store_true", help="few repetitions, for a first impression")
    bench.add_argument("--only", nargs="+", metavar="NAME", help="some of the works, such as moons and gpt")
    bench.add_argument(
        "--out", type=_path, default=".", metavar="DIR", help="where ladder.png and bench.json go (default: here)"
    )

    demo = command("demo", "explain, check, draw and train, in half a minute", "", "--out pictures")
    demo.add_argument(
        "--out", type=_path, metavar="DIR", help="where the pictures go (default: a fresh autograd-tiny-demo)"
    )
    return parser


# ---------------------------------------------------------------- expressions and where to evaluate them


def _expression_and_point(arguments: argparse.Namespace) -> tuple[Expression, dict[str, float]]:
    """Return the expression and one number per variable, in order of appearance."""
    from .expression import CONSTANTS, parse

    expression = parse(arguments.expression.strip())
    given: dict[str, float] = {}
    for pair in arguments.at:
        name, equals, text = pair.partition("=")
        if not equals or not text:
            raise CommandError(f"--at needs NAME=NUMBER, got {pair!r}; write for example --at x=2 y=3")
        if name in CONSTANTS:
            raise CommandError(
                f"--at {pair}: {name} is the constant {CONSTANTS[name]:.12g}; name the variable otherwise"
            )
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
        number = parse(text).evaluate({}).data
    except ExpressionError:
        try:
            number = float(text)  # nan, inf and 1e999 are no numbers of a formula
        except ValueError:
            number = 0.0
        if math.isfinite(number):
            raise CommandError(f"--at {pair}: {text!r} is not a number; write for example --at x=2 y=3") from None
    if not math.isfinite(number):
        raise CommandError(f"--at {pair}: only finite numbers are taken; write for example --at x=2 y=3")
    return number


def _explain(arguments: argparse.Namespace) -> int:
    from . import autopsy, explain, paths
    from .explanation.player import Player
    from .explanation.table import graph_tree
    from .explanation.walk import walk

    expression, point = _expression_and_point(arguments)
    root = expression.evaluate(point)
    explanation = explain(root)
    views: list[object] = _written(arguments, explanation)
    if arguments.paths is not None:
        views.append(paths(root, arguments.paths))
    if arguments.cost:
        views.append(explanation.cost())
    if arguments.html is not None:
        page = Player(explanation, expression.text).to_html(arguments.html)
        views.append(f"wrote {printable(str(page))}")
    alone = "-" in (arguments.latex, arguments.markdown, arguments.json)  # printed, a form stands alone: for a pipe
    if not alone:
        print(f"{printable(expression.text)} = {root.data:.12g}")
    for view in views:
        print(view)
    if arguments.step:
        walk(explanation, _console())
    elif not views and not point and explanation.graph.root.is_leaf:
        print("nothing to explain: numbers alone are computed at once, without a graph; use a variable, with --at")
    elif not views:
        explanation.print(_console())
        if explanation.steps:
            _console().print(graph_tree(explanation))
    found = autopsy(root)
    if not found.ok and not alone:
        print(f"\n{found}")
    return OK


def _written(arguments: argparse.Namespace, explanation: Explanation) -> list[object]:
    """Write the explanation in the forms asked for and return what there is to print."""
    from .explanation.latex import document

    forms = {"latex": explanation.to_latex, "markdown": explanation.to_markdown, "json": explanation.to_json}
    printed = [f"--{name}" for name in forms if getattr(arguments, name) == "-"]
    if len(printed) > 1:
        raise CommandError(f"{' and '.join(printed)} would be printed into one another; give all but one a FILE")
    shown: list[object] = []
    for name, form in forms.items():
        path = getattr(arguments, name)
        if path == "-":
            shown.append(form().rstrip("\n"))
        elif path is not None:
            Path(path).write_text(document(explanation) if name == "latex" else form(), encoding="utf-8")
            shown.append(f"wrote {printable(path)}")
    return shown


def _compare(arguments: argparse.Namespace) -> int:
    from . import compare

    difference = compare(Path(arguments.here), Path(arguments.there), arguments.tolerance)
    print(difference or "no difference")
    return FAILED if difference else OK


def _draw(arguments: argparse.Namespace) -> int:
    from . import draw
    from .primitive import whole

    expression, point = _expression_and_point(arguments)
    root = expression.evaluate(point)
    if not arguments.no_backward:
        root.backward()
    drawing = draw(
        root,
        unfold=arguments.unfold,
        direction=arguments.direction,
        color=arguments.color,
        thickness=arguments.thickness,
        highlight=arguments.highlight,
        theme=arguments.theme,
        max_nodes=whole(arguments.max_nodes, "--max-nodes"),
        collapse=None if arguments.collapse == "auto" else False,
        reproducible=arguments.reproducible,
    )
    if arguments.out is None:
        print(drawing.text())
    else:
        print(f"wrote {printable(str(drawing.save_as(arguments.out)))}")
        for line in drawing.shown.note:
            print(printable(line))
    return OK


def _check(arguments: argparse.Namespace) -> int:
    if (arguments.engine is None) == (arguments.expression is None):
        raise CommandError("check takes a formula with --at, or --engine FILE; see  autograd-tiny check --help")
    return _check_expression(arguments) if arguments.engine is None else _check_engine(arguments)


def _check_engine(arguments: argparse.Namespace) -> int:
    from .testing.engines import student_engine
    from .testing.report_card import conformance

    if arguments.at:
        raise CommandError("--at gives the variables of a formula their numbers; --engine FILE has none")
    with _at_most(MOST_SECONDS, arguments.engine):
        report = conformance(student_engine(arguments.engine))
    print(report)
    return OK if report.ok else FAILED


@contextmanager
def _at_most(seconds: float, file: str) -> Iterator[None]:
    """Stop what runs longer, by the same interrupt as Ctrl-C."""
    late = threading.Event()

    def stop() -> None:
        late.set()
        _thread.interrupt_main()

    timer = threading.Timer(seconds, stop)
    timer.daemon = True
    timer.start()
    try:
        yield
    except KeyboardInterrupt:
        if not late.is_set():
            raise
        raise CommandError(
            f"{file} was still running after {seconds:g} seconds; is there an endless loop in it, or in its backward()?"
        ) from None
    finally:
        timer.cancel()


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


# ---------------------------------------------------------------- worksheets


def _worksheet(arguments: argparse.Namespace) -> int:
    if (arguments.mark is None) == (arguments.expression is None):
        raise CommandError("worksheet takes a formula, or --mark SHEET ANSWERS; see  autograd-tiny worksheet --help")
    if arguments.mark is not None:
        return _mark(arguments.mark)
    sheets = _worksheets(arguments)
    if arguments.out is None:
        print("\n\n".join(sheet.text() for sheet in sheets), end="")
        return OK
    folder = Path(arguments.out)
    width = len(str(len(sheets)))
    files = {}
    for k, sheet in enumerate(sheets, start=1):
        for name, filled, form in (("sheet", sheet, arguments.form), ("key", sheet.key(), arguments.form)):
            files[folder / f"{name}-{k:0{width}}.{form}"] = filled
        files[folder / f"sheet-{k:0{width}}.json"] = sheet
    there = [path for path in files if path.exists()]
    if there:
        raise CommandError(f"{there[0]} exists, and nothing was written; choose another --out or remove it")
    folder.mkdir(parents=True, exist_ok=True)
    for path, sheet in files.items():
        sheet.save_as(path)
    count = f"{len(sheets)} sheet{'s' if len(sheets) > 1 else ''}"
    print(f"wrote {count} with keys to {printable(str(folder))}; the .json files are for  worksheet --mark")
    return OK


def _worksheets(arguments: argparse.Namespace) -> list[Worksheet]:
    from .explanation import variants, worksheet
    from .explanation.worksheets.sheet import KINDS, TITLE
    from .primitive import whole

    hide: float | list[str] = arguments.hide or list(KINDS)
    with suppress(ValueError):  # names of kinds, which worksheet() checks
        hide = float(" ".join(arguments.hide or ()))
    if not arguments.at:
        from .expression import parse

        number = 1 if arguments.variants is None else whole(arguments.variants, "--variants")
        return variants(parse(arguments.expression.strip()), number, arguments.seed, hide=hide)
    if arguments.variants is not None:
        raise CommandError("--at gives the numbers of one sheet and --variants chooses them; use one of the two")
    expression, point = _expression_and_point(arguments)
    title = f"{TITLE}: {printable(expression.text)}"
    return [worksheet(expression.evaluate(point), hide, arguments.seed, title=title[:200])]


def _mark(paths: list[str]) -> int:
    from .explanation import Worksheet, mark
    from .explanation.worksheets.marking import sheet_of

    place, *answers = map(Path, paths)
    if not answers:
        raise CommandError("--mark needs the sheet and then the answers: --mark SHEET.json ANSWERS.json")
    files = sorted(place.glob("sheet-*.json")) if place.is_dir() else [place]
    sheets = [Worksheet.from_json(path.read_text(encoding="utf-8", errors="replace")) for path in files]
    if not sheets:
        raise CommandError(f"there is no sheet-*.json in {place}; name the folder that  worksheet --out  wrote")
    by_code = {sheet.code: sheet for sheet in sheets}
    results, mistakes = [], []
    for path in answers:
        try:
            code = sheet_of(path)
            sheet = sheets[0] if len(sheets) == 1 else by_code.get(code)
            if sheet is None:
                known = f"no sheet {code} in {place}" if code else "the file does not say which sheet it answers"
                raise CommandError(f"{known}; name the sheet's .json file instead of a folder")
            results.append((path, mark(sheet, path)))
        except AutogradTinyError as error:  # one bad file must not keep the class waiting
            mistakes.append(f"cannot mark {path}: {error}")
    for path, marks in results:
        print(f"{printable(str(path))}\n{marks}\n")
    if len(results) > 1:
        for path, marks in results:
            print(f"{marks.points} of {len(marks.marks)}  {marks.name or printable(str(path))}")
    for mistake in mistakes:
        _mistake(mistake)
    return MISTAKE if mistakes else OK


# ---------------------------------------------------------------- operations


def _ops(arguments: argparse.Namespace) -> int:
    from .primitive import registry

    name = arguments.name
    if name is not None and name not in registry:
        remedy = did_you_mean(name, registry) or "autograd-tiny ops  lists them"
        raise CommandError(f"unknown operation {name!r}; {remedy}")
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


def _misconceptions(arguments: argparse.Namespace) -> int:
    from .misconceptions import NAMES, show

    names = NAMES if arguments.name is None else (arguments.name,)
    print("\n\n".join(f"{name}\n{'-' * len(name)}\n{show(name)}" for name in names))
    return OK


# ---------------------------------------------------------------- networks


def _train(arguments: argparse.Namespace) -> int:
    from .examples import EXAMPLES, Options, Stage, run

    stage = Stage(Path(arguments.out), _console())
    if arguments.name is None:
        given = (arguments.epochs, arguments.lr, arguments.data, arguments.jit, arguments.animate or None)
        if given != (None,) * len(given):
            raise CommandError("name the example that the options are for: autograd-tiny train moons")
        rows = [(name, example.about, example.takes) for name, example in EXAMPLES.items()]
        stage.table(("example", "what it shows", "options, beside seed and out"), rows)
        return OK
    options = Options(
        epochs=arguments.epochs,
        lr=arguments.lr,
        seed=arguments.seed,
        data=None if arguments.data is None else Path(arguments.data),
        animate=arguments.animate,
        checkpoint=None if arguments.checkpoint is None else Path(arguments.checkpoint),
        resume=arguments.resume,
        jit=arguments.jit,
    )
    try:
        run(arguments.name, stage, options)
    except KeyboardInterrupt:
        if options.checkpoint and options.checkpoint.exists():
            print(f"stopped; --resume goes on from {printable(str(options.checkpoint))}", file=sys.stderr)
        raise
    return OK


def _bench(arguments: argparse.Namespace) -> int:
    from .benchmarks.bench import bench
    from .examples import Stage

    bench(arguments.only, Stage(Path(arguments.out), _console()), quick=arguments.quick)
    return OK


def _demo(arguments: argparse.Namespace) -> int:
    from .demo import run

    return OK if run(arguments.out and Path(arguments.out), _console()) else FAILED
