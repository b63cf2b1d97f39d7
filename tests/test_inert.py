"""Text from users comes out as text: in pictures, tables, formulas, messages, plots and on the terminal."""

import io
import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

from autograd_tiny import Value, detect_anomaly, draw, explain, forget, log, primitive, scope
from autograd_tiny.cli import main
from autograd_tiny.collapse import enclosing
from autograd_tiny.errors import AnomalyError, GradientMismatchError, printable
from autograd_tiny.explanation import slope_formulas
from autograd_tiny.graph import Graph, latex_name
from autograd_tiny.graphviz_engine import find_engine
from autograd_tiny.recording import describe
from autograd_tiny.testing import check_gradients

HOSTILE = {
    "double quote": 'a"b',
    "quote": "a'b",
    "script": "</script><script>alert(1)</script>",
    "image": "<img src=x onerror=alert(1)>",
    "bold": "<b>x</b><br/>y",
    "comment": "<!-- x --> ]]> -->",
    "entity": "&lt;b&gt; &amp; &#0; &#x1b; &bogus;",
    "LaTeX file": r"\input{/etc/passwd}",
    "LaTeX end": r"}\end{cases}\right) $x$ $$ % # & _ ^ ~ \\",
    "LaTeX braces": r"\text{ {a} }{",
    "terminal colour": "\x1b[31mred\x1b[0m",
    "terminal title": "\x1b]0;owned\x07",
    "C1 control": "\x9b31m\x90\x85",
    "line ends": "a\nb\rc\r\nd\x0b\u2028e",
    "tabs": "a\tb\x08\x7f",
    "NUL": "a\0b",
    "surrogate": "a\ud800b\udcff",
    "right to left": "a\u202egnp.exe\u2066\u200b",
    "Markdown": "[x](javascript:alert(1)) `code` **b** ![i](u) | --- |",
    "rich markup": "[red]x[/red] [link=file:///etc]y[/] [/]",
    "Graphviz escapes": r"\N \G \L \l \r \n \E \T \H",
    "Graphviz record": "{a|<p> b} -> n0 [shape=none]; }",
    "Mermaid": 'x"]; click n0 href "javascript:alert(1)" %% end subgraph #quot;',
    "format": "{} {0} {0.__class__} %s %(x)s",
}
hostile = pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)

SVG = "{http://www.w3.org/2000/svg}"
TITLE = "{http://www.w3.org/1999/xlink}title"


def root_of(label, data=2.0):
    """Return a root whose leaf, scope and root are named by the user."""
    with scope(label):
        root = Value(data, label) * Value(3.0, "other")
    root.label = f"{label}!"
    root.backward()
    return root


def harmless(text):
    """Return whether a terminal or an editor shows the text and does nothing else."""
    return text.replace("\n", "").isprintable()


# ---------------------------------------------------------------- pictures


class Tags(HTMLParser):
    """What a browser sees that takes the picture for HTML."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.attributes, self.text = set(), set(), ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data):
        self.text += data


@hostile
def test_svg(text):
    shown = draw(root_of(text))
    picture = ElementTree.fromstring(shown.svg())
    lines = ["".join(element.itertext()).replace("\xa0", " ") for element in picture.iter(f"{SVG}text")]
    assert printable(text).strip() in [line.strip() for line in lines]
    titles = [element.get(TITLE).replace("\xa0", " ") for element in picture.iter(f"{SVG}a")]
    assert printable(text) in titles
    plain = Tags(draw(root_of("a")).svg())
    found = Tags(shown.svg())
    assert found.tags == plain.tags
    assert found.attributes == plain.attributes
    assert not any(name.startswith("on") or "href" in name for name in found.attributes)
    assert len(lines) == 9 + len(enclosing(text)), "three nodes of three lines, and the frames of the scope"


@hostile
def test_dot(text):
    """Graphviz itself reads the source back: three nodes, two edges, nothing else."""
    shown = draw(root_of(text))
    assert harmless(shown.dot().replace("\t", ""))
    plain = find_engine()(shown.dot(), "plain", "dot").decode()
    words = [line.partition(" ")[0] for line in plain.splitlines()]
    kinds = [word for word in words if word in ("graph", "node", "edge", "stop")]
    assert kinds == ["graph", "node", "node", "node", "edge", "edge", "stop"]
    names = re.findall(r"^node (\w+) ", plain, re.MULTILINE)
    assert sorted(names) == ["n0", "n1", "n2"]


@hostile
def test_mermaid(text):
    """Every line is a node, an edge or a frame of the scope, and what stands in quotes decodes to the text."""
    head, *lines = draw(root_of(text)).mermaid().splitlines()
    assert head == "flowchart LR"
    *lines, first, second = map(str.strip, lines)
    assert [first, second] == ["n0 --> n2", "n1 --> n2"]
    node, frame = r'n\d(?:\[|\(\[)"([^"`<>]*(?:<br/>[^"`<>]*)*)"(?:\]|\]\))', r'subgraph s\d+\["([^"`<>]*)"\]'
    nodes = [found for line in lines if (found := re.fullmatch(node, line))]
    frames = [found for line in lines if (found := re.fullmatch(frame, line))]
    assert len(nodes) == 3
    assert len(frames) == len(enclosing(text)) == lines.count("end")
    assert len(lines) == 3 + 2 * len(frames)
    shown = [nodes[0][1].partition("<br/>")[0], *(found[1] for found in frames)]
    decoded = [re.sub(r"#(\d+);", lambda code: chr(int(code[1])), written) for written in shown]
    assert decoded[0] == printable(text)
    assert decoded[1:] == [printable(around.rpartition("/")[2]) or " " for around in enclosing(text)]
    assert not set("#;%{}") & set("".join(re.sub(r"#\d+;", "", written) for written in shown))


@hostile
def test_drawn_as_text_and_in_a_notebook(text, tmp_path):
    shown = draw(root_of(text))
    for form in (shown.text(), repr(shown), shown._repr_mimebundle_()["text/plain"]):
        assert harmless(form)
        assert len(form.splitlines()) == 3
        assert printable(text) in form
    for suffix in ("txt", "dot", "mmd", "svg"):
        assert shown.save_as(tmp_path / f"graph.{suffix}").read_text(encoding="utf-8")
    assert shown.save_as(tmp_path / "graph.png").read_bytes().startswith(b"\x89PNG")


# ---------------------------------------------------------------- tables, formulas


@hostile
def test_explained(text):
    explanation = explain(root_of(text))
    forms = [str(explanation), repr(explanation), explanation._repr_mimebundle_()["text/plain"]]
    assert len(set(forms)) == 1
    assert harmless(forms[0])
    folded = "".join(forms[0].split())
    assert f"d{printable(text)}!/d{printable(text)}=3".replace(" ", "") in folded


@hostile
def test_explained_on_a_colour_terminal(text):
    from rich.console import Console
    from rich.text import Text

    file = io.StringIO()
    explain(root_of(text)).print(Console(file=file, force_terminal=True, color_system="truecolor", width=400))
    allowed = re.sub(r"\x1b\[[0-9;]*m", "", file.getvalue())  # the colours of the table itself
    assert harmless(allowed)
    codes = set(re.findall(r"\x1b\[[0-9;]*m", file.getvalue()))
    assert codes <= {"\x1b[0m", "\x1b[1m"}, "bold, and no colour or link that the label asked for"
    assert Text.from_ansi(file.getvalue()).plain.count(printable(text)) > 3


@hostile
def test_latex(text):
    graph = Graph.of(root_of(text))
    written = [graph.formula(node, latex=True) for node in graph.nodes]
    written += slope_formulas(graph.root.op, [node.name for node in graph.nodes[:2]], graph.root.name, latex=True)
    own = {rf"\{name}" for name in "cdot text backslash wedge sim vert left right partial".split()}
    for formula in written:
        assert set(re.findall(r"\\[a-zA-Z]+", formula)) <= own
        bare = re.sub(r"\\.", "", formula)
        assert not set("$%#&_^~") & set(bare)
        depth = 0
        for character in bare:
            depth += (character == "{") - (character == "}")
            assert depth >= 0
        assert depth == 0


def test_names_in_latex():
    names = {
        "x": "x", "x1": "x_{1}", "x_1": "x_{1}", "v1.2": "v_{1.2}", "w0_2": "w_{0,2}", "w_in": r"w_{\text{in}}",
        "y'": "y'", "alpha": r"\alpha", "λ2": r"\lambda_{2}", "d_theta": r"d_{\theta}", "loss": r"\text{loss}",
        "-2.5": "-2.5", "1e-09": "10^{-9}", "2.5e+20": r"2.5 \times 10^{20}", "inf": r"\infty", "nan": r"\text{nan}",
        "007": r"\text{007}", "50%": r"\text{50}\%", "a b": r"\text{a b}", "a<b": r"\text{a}{<}\text{b}",
    }  # fmt: skip
    assert {name: latex_name(name) for name in names} == names
    x = Value(3.0, "a+b")
    assert Graph.of((-2) ** x).formula(Graph.of((-2) ** x).root, latex=True) == r"{(-2)}^{\text{a+b}}"


# ---------------------------------------------------------------- messages


@hostile
def test_reprs_and_descriptions(text):
    root = root_of(text)
    for form in (repr(root), describe(root), describe(root.parents[0]), repr(Graph.of(root).nodes[0].name)):
        assert harmless(form)
        assert "\n" not in form


@hostile
def test_anomalies(text):
    with detect_anomaly(), pytest.raises(AnomalyError) as caught:
        log(Value(-1.0, text))
    assert harmless(str(caught.value))
    assert f"log({printable(text)}) with" in str(caught.value)


@hostile
def test_anomalies_in_files_with_odd_names(text):
    code = compile("log(x)", text.replace("\0", "").replace("\ud800", "").replace("\udcff", ""), "eval")
    with detect_anomaly(), pytest.raises(AnomalyError) as caught:
        eval(code, {"log": log, "x": Value(-1.0)})  # noqa: S307 - the code is the constant above
    assert harmless(str(caught.value))


@hostile
def test_names_of_arguments_in_a_gradient_check(text):
    @primitive(slopes=lambda m, y, x: (0.5,))
    def wrong(m, x):
        """Twice x, with a slope that is wrong."""
        return 2.0 * x

    try:
        report = check_gradients(lambda p: wrong(p[text]["w"]) * p[text]["w"], {text: {"w": 1.5}})
        with pytest.raises(GradientMismatchError) as caught:
            report.assert_ok()
    finally:
        forget(wrong)
    for form in (str(report), repr(report), str(caught.value)):
        assert harmless(form)
    assert not any("\n" in row.name for row in report.rows)


# ---------------------------------------------------------------- operations of the user


@hostile
@pytest.mark.parametrize("width", [80, 200])
def test_facts_of_an_operation(text, width, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(width))

    def odd(m, x):
        return 2.0 * x

    odd.__doc__ = f"Twice x. {text}\n\n{text}"
    template = text.replace("{", "{{").replace("}", "}}") + "({0})"
    op = primitive(slopes=(2.0,), symbol=text, text=template, latex=template)(odd)
    try:
        root = op(Value(1.0, "x"))
        root.backward()
        forms = [str(explain(root)), draw(root).text(), draw(root).mermaid(), describe(root)]
        assert main(["ops"]) == main(["ops", "odd"]) == 0
        assert main(["explain", "odd(x)", "--at", "x=1"]) == 0
        assert main(["draw", "odd(x)", "--at", "x=1"]) == 0
        ElementTree.fromstring(draw(root).svg())
    finally:
        forget(op)
    out, err = capsys.readouterr()
    assert err == ""
    for form in (*forms, out):
        assert harmless(form)
    assert op.write(["x"], latex=True).isprintable()


# ---------------------------------------------------------------- the command line


@hostile
def test_messages_of_the_command_line(text, capsys):
    for words in (
        ["explain", text],
        ["explain", "x", "--at", f"x={text}"],
        ["explain", "x", "--at", f"{text}=1"],
        ["draw", "x", "--at", "x=1", "--out", f"{text}.gif"],
        ["draw", "x", "--at", "x=1", "--out", f"missing folder/{text}.svg"],
        ["ops", text],
        [text],
        ["train", text],
    ):
        assert main(words) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith("autograd-tiny: ")
        assert harmless(err)
        assert err.count("\n") == 1


def test_white_space_in_a_formula_is_not_echoed(capsys):
    assert main(["explain", "x\r+\x0b\x1c1\x85*\u2028x", "--at", "x=2"]) == 0
    assert harmless(capsys.readouterr().out)


def test_the_name_of_a_file_is_printed_inert(capsys, tmp_path):
    assert main(["draw", "x", "--at", "x=2", "--out", str(tmp_path / "a\x1b[31m\n.txt")]) == 0
    assert capsys.readouterr().out.endswith("a\\x1b[31m\\n.txt\n")


# ---------------------------------------------------------------- plots


@pytest.mark.slow
@hostile
def test_plots(text):
    figures = pytest.importorskip("matplotlib.figure")
    from autograd_tiny.plot import plot_history
    from autograd_tiny.train import History

    figure = figures.Figure()
    axes = figure.subplots()
    history = History(loss=[2.0, 1.0], metrics={text: [0.0, 1.0], "_hidden": [1.0, 2.0], "a $ b $": [1.0, 2.0]})
    plot_history(history, axes)
    file = io.StringIO()
    figure.savefig(file, format="svg", metadata={"Date": None})
    names = [label.get_text() for label in axes.get_legend().get_texts()]
    assert names == ["loss", printable(text).replace("$", r"\$"), " _hidden", r"a \$ b \$"]
    assert ElementTree.fromstring(file.getvalue()) is not None
