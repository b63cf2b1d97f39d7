"""Untrusted formulas: whatever is typed, an answer or one clear error, in seconds and without much memory.

``HYPOTHESIS_PROFILE=search`` looks for new counterexamples, for minutes.
"""

import contextlib
import io
import subprocess
import sys
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd_tiny import Value, draw, explain
from autograd_tiny.cli import LONGEST_MESSAGE, main
from autograd_tiny.errors import ExpressionError
from autograd_tiny.explanation import slope_formulas
from autograd_tiny.expression import MAX_LENGTH, parse
from autograd_tiny.primitive import registry

thorough = settings(max_examples=max(150, settings().max_examples))
few = settings(max_examples=max(40, settings().max_examples // 4))

# ---------------------------------------------------------------- inputs

NAMES = ["x", "y", "pi", "e", "x1", "größe", "x" * 50]
OPERATORS = "+ - * / // % ** < <= > >= == !=".split()
TOKENS = [
    *NAMES,
    *OPERATORS,
    *registry,
    *"( ) [ ] , = ^ . 2 0 .5 1e308 1e-308 1_0 if lambda".split(),
    "softmax([",
    "n=",
]
# Control characters, line ends Python knows, half a surrogate pair, text running backwards, no character at all.
NOISE = "\0\x07\b\t\n\x0b\r\x1b\x1c\x7f\x85\x9b\xa0\xad\u200b\u2028\u202e\ufeff\ud800\udfff\U000e0041\u0660²\u0301𝑥"
HOSTILE = [
    0.0,
    -0.0,
    1.0,
    -1.5,
    5e-324,
    1e-200,
    1e200,
    1.7976931348623157e308,
    float("inf"),
    float("-inf"),
    float("nan"),
]


def calls(smaller):
    """Calls of every operation with operands that fit, and now and then a parameter."""

    @st.composite
    def call(choose):
        op = choose(st.sampled_from(sorted(registry.values(), key=lambda op: op.name)))
        if op.pairs:
            pairs = choose(st.lists(st.tuples(smaller, smaller), max_size=3))
            operands = [f"[{', '.join(side)}]" for side in (zip(*pairs, strict=True) if pairs else ((), ()))]
        else:
            count = op.arity or choose(st.integers(1, 4))
            operands = [choose(smaller) for _ in range(count)]
        needed = [name for name, number in op.params.items() if number is None]
        settings = [f"{name}={choose(st.sampled_from(['0', '2', '-1/2', '1e308']))}" for name in needed]
        return f"{op.name}({', '.join([*operands, *settings])})"

    return call()


def formulas():
    """Formulas that are right, or nearly."""
    atoms = st.sampled_from([*NAMES, "2", "0", ".5", "1e308", "1e-308", "1_000"])

    def larger(smaller):
        infix = st.builds("{} {} {}".format, smaller, st.sampled_from(OPERATORS), smaller)
        return infix | st.builds("-{}".format, smaller) | st.builds("({})".format, smaller) | calls(smaller)

    return st.recursive(atoms, larger, max_leaves=15)


@st.composite
def mutated(choose):
    """A formula with pieces deleted, doubled, swapped, nested or replaced."""
    text = choose(formulas())
    for _ in range(choose(st.integers(1, 4))):
        i, j, k = sorted(choose(st.tuples(*[st.integers(0, len(text))] * 3)))
        text = choose(
            st.sampled_from(
                [
                    text[:i] + text[j:],
                    text[:j] + text[i:j] + text[j:],
                    text[:i] + text[j:k] + text[i:j] + text[k:],
                    f"{text[:i]}({text}){text[j:]}",
                    text[:i] + choose(st.sampled_from(TOKENS)) + text[j:],
                    text[:i] + choose(st.text(NOISE, min_size=1, max_size=3)) + text[i:],
                ]
            )
        )[:5_000]
    return text


noise = st.one_of(
    st.binary(max_size=60).map(lambda data: data.decode("latin-1")),
    st.binary(max_size=60).map(lambda data: data.decode("utf-8", "replace")),
    st.text(NOISE + "x+*(),1", max_size=30),
    st.lists(st.sampled_from(TOKENS), max_size=30).map(" ".join),
    st.lists(st.sampled_from(TOKENS), max_size=30).map("".join),
    st.builds(
        lambda token, count: token * (count // len(token)),
        st.sampled_from([*TOKENS, *NOISE]),
        st.integers(0, 100_000),
    ),
)
numbers = st.sampled_from(HOSTILE) | st.floats()

# ---------------------------------------------------------------- one input, all the ways


def use(text, choose):
    """Do everything with a formula that the package offers; return whether it is one."""
    refusal = None
    try:
        expression = parse(text)
    except ExpressionError as error:
        refusal = error
    if refusal:
        assert 0 <= refusal.position <= len(text)
        assert len(str(refusal)) < 400
        assert str(refusal).isprintable()
        return False
    root = expression.evaluate({name: choose() for name in expression.variables})
    root.backward()
    assert type(root.data) is float
    for show in (lambda: str(explain(root)), lambda: draw(root).text(), lambda: draw(root).mermaid()):
        shown = show()
        assert shown.replace("\n", "").isprintable()
    assert repr(expression).isprintable()
    return True


def run(*words):
    """Run a command and return its exit code, after a look at what it printed."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(words)
    assert code in (0, 1, 2)
    assert out.getvalue().replace("\n", "").isprintable()
    assert err.getvalue().replace("\n", "").isprintable()
    assert len(err.getvalue()) < LONGEST_MESSAGE + 40
    assert (code == 2) == (err.getvalue() != "")
    return code


@pytest.mark.slow
@thorough
@given(formulas() | mutated(), st.data())
def test_formulas_and_nearly_formulas(text, data):
    use(text, lambda: data.draw(numbers))


@thorough
@given(noise)
def test_noise(text):
    use(text, lambda: 1.5)


def test_the_grammar_makes_formulas():
    """So that the tests above test more than error messages."""
    accepted = []

    @thorough
    @given(formulas())
    def count(text):
        accepted.append(use(text, lambda: 0.5))

    count()
    assert sum(accepted) > 0.5 * len(accepted)


@few
@given(st.sampled_from(["explain", "draw", "check"]), formulas() | mutated() | noise, numbers)
def test_the_command_line(command, text, number):
    try:
        names = parse(text.strip()).variables
    except ExpressionError:
        names = ()
    run(command, text, *(["--at", *(f"{name}={number!r}".replace("inf", "1/0") for name in names)] if names else []))


@few
@given(st.sampled_from(["explain", "draw", "check", "ops", ""]), noise, noise)
def test_words_on_the_command_line(command, word, pair):
    if command in ("draw", "check") and word.strip().startswith("-"):
        word = "x"  # no wild --out or --engine
    if word.strip() in ("-h", "--help", "--version"):  # argparse answers these by leaving
        word = "x"
    run(*filter(None, [command]), word, "--at", pair)


# ---------------------------------------------------------------- the worst inputs, in a process with limits

choice = Random(0).choice
WORST = {
    "sum of one": "x" + "+x" * 4_999,
    "powers of powers": "x" + "**x" * 3_300,
    "signs": "x" + "-" * 4_998 + "x",
    "prod": f"prod({','.join(['x'] * 4_990)})",
    "prod of many": f"prod({','.join(f'a{i}' for i in range(1_700))})",
    "max": f"max({','.join(['x'] * 4_990)})",
    "softmax": f"softmax({','.join(['x'] * 4_980)},index=0)",
    "softmaxes": "+".join(["softmax(" + ",".join(["x", "y"] * 40) + ",index=7)"] * 55),
    "logsumexp": f"logsumexp({','.join(f'a{i}' for i in range(1_700))})",
    "dot": f"dot([{','.join(['x'] * 2_490)}],[{','.join(['y'] * 2_490)}])",
    "many variables": "+".join(f"a{i}" for i in range(1_600)),
    "long names": "+".join(["a" * 3_000] * 3),
    "nested": "tanh(" * 100 + "x" + ")" * 100,
    "nested choices": "where(x," * 100 + "x" + ",x)" * 100,
    "crowded picture": "+".join(
        f"sum({','.join(choice('abcdfghijk') + choice('01234') for _ in range(13))})" for _ in range(190)
    ),
    "38 variables checked": f"max({','.join(f'a{i}' for i in range(38))})",
    "all too long": "x+" * 50_000,
    "brackets": "(" * 100_000,
    "open calls": "tanh(" * 2_000,
    "brackets, then none": "(" * 5_000 + ")" * 5_000,
    "an unknown name": "s" * 9_990 + "(x)",
    "digits": "1" * 10_000,
    "points": "1." * 5_000,
    "underscores": "1_" * 5_000,
    "white space": "x" + " " * 9_999,
    "line ends": "\r\x85\u2028" * 3_000,
    "commas": f"sum([{',' * 9_000}])",
}
# Those that take longest in one of the forms that explain writes, or as a worksheet.
ALL_FORMS = ["powers of powers", "max", "softmaxes", "nested choices", "38 variables checked"]
LIMITED = """
import math, resource, sys, tempfile
from pathlib import Path
from test_fuzz import ALL_FORMS, WORST, parse, run
from autograd_tiny.errors import AutogradTinyError
resource.setrlimit(resource.RLIMIT_AS, (2 * 2**30, 2 * 2**30))

def limited(way):
    used = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
    resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(used) + 5, resource.RLIM_INFINITY))
    try:
        return way()
    except AutogradTinyError as error:
        assert len(str(error)) < 400

text = WORST[sys.argv[1]]
expression = limited(lambda: parse(text))
point = dict.fromkeys(expression.variables, 1.5) if expression else {}
words = ["--at", *(f"{name}={number}" for name, number in point.items())] if point else []
if expression:
    for number in (1.5, 0.0, math.inf, math.nan, 1e308):
        root = limited(lambda: expression.evaluate(dict.fromkeys(point, number)))
        limited(root.backward)
picture = Path(tempfile.mkdtemp()) / "graph.svg"
codes = [  # they print explain() and draw()
    limited(lambda: run(command, text, *words, *options))
    for command, options in (("explain", []), ("draw", []), ("draw", ["--out", str(picture)]), ("check", []))
]
assert codes[1] == codes[2], "what is drawn as text is drawn as a picture"
if sys.argv[1] in ALL_FORMS:
    folder = picture.parent
    forms = [["--html", str(folder / "page.html")], ["--paths", *list(point)[:1]], ["--cost"]]
    forms += [[option, str(folder / option)] for option in ("--latex", "--markdown", "--json")]
    for options in forms:
        limited(lambda: run("explain", text, *words, *options))
    limited(lambda: run("worksheet", text, *words))
run("ops", text)
run("explain", "x", "--at", "x=" + text)
run("explain", "x", "--at", text)
print("answered")
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", WORST)
def test_the_worst_inputs_take_less_than_five_seconds_and_two_gigabytes(name):
    """Each step by itself; the kernel stops the process at the limit."""
    pytest.importorskip("resource", reason="limits on a process are a matter of Unix")
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, name],
        capture_output=True,
        text=True,
        cwd=__file__.rpartition("/")[0],
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "answered\n", "")


def test_the_limits_are_the_documented_ones():
    assert max(map(len, WORST.values())) == 100_000
    with pytest.raises(ExpressionError, match="at most 10,000 characters, got 100,000"):
        parse("x" * 100_000)
    assert MAX_LENGTH == 10_000


@pytest.mark.slow
def test_long_explanations_are_cut_short():
    steps = str(explain(parse(WORST["sum of one"])(Value(1.0, "x"))))
    assert len(steps.splitlines()) < 1_500
    assert "more steps; see explain(root).steps" in steps
    operands = str(explain(parse(WORST["dot"])(Value(1.0, "x"), Value(1.0, "y"))))
    assert len(operands.splitlines()) < 1_500
    assert "and 3980 more operands" in operands


@pytest.mark.parametrize("name", ["max", "prod", "logsumexp", "mean"])
def test_long_formulas_are_cut_short(name):
    names = [f"x{i}" for i in range(3_000)]
    formulas = slope_formulas(registry[name], names)
    assert max(map(len, formulas)) <= 2_000
    assert formulas[7] == {"logsumexp": "exp(x7 - y)", "mean": "1 / 3000"}.get(name, "d y / d x7")
