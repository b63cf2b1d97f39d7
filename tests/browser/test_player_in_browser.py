"""The player in a real browser: every control, what if against Python, hostile labels, small and large screens."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings

from autograd_tiny import Value, explain, forget, primitive, tanh
from autograd_tiny.explanation.player.page import Player, _shown
from autograd_tiny.expression import parse
from autograd_tiny.graph import Graph
from autograd_tiny.testing.strategies import expressions

pytestmark = pytest.mark.slow

HOSTILE = "</script><img src=x onerror=\"document.title='broken'\">'&amp;`"


def plain(text):
    """Return text with ordinary spaces."""
    return text.replace("\xa0", " ")


class Tab:
    """A browser tab that shows a document and remembers complaints and requests."""

    def __init__(self, browser, path, **settings):
        self.page = browser.new_page(**settings)
        self.page.set_default_timeout(10_000)
        self.complaints, self.requests = [], []
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.path = path

    def show(self, document):
        self.path.write_text(document, encoding="utf-8")
        self.page.goto(self.path.as_uri())
        return self

    def text(self, selector):
        return plain(self.page.locator(selector).text_content())

    def stop_the_clock(self):
        self.page.clock.install(time=0)
        self.page.reload()
        self.page.clock.pause_at(10)

    def until(self, condition):
        """Wait, without the eval that the page forbids."""
        for _ in range(200):
            if self.page.evaluate(condition):
                return
            self.page.wait_for_timeout(20)
        raise AssertionError(f"never: {condition}")

    def frame(self):
        return int(self.page.input_value(".frames"))

    def go(self, frame):
        self.page.locator(".frames").fill(str(frame))

    def last_frame(self):
        return int(self.page.get_attribute(".frames", "max"))

    def card(self, name):
        return self.page.locator(f".card[aria-label^='{name} '], .card[aria-label^='input {name},']")


@pytest.fixture
def tab(browser, tmp_path):
    tabs = []

    def opened(document, **settings):
        tabs.append(Tab(browser, tmp_path / "page.html", **settings))
        return tabs[-1].show(document)

    yield opened
    for each in tabs:
        each.page.close()
        assert each.complaints == []
        assert all(url.startswith(("file:", "data:")) for url in each.requests)


def example():
    a, b = Value(2.0, "a"), Value(-3.0, "b")
    loss = (a * b + 10) ** 2 * a
    loss.label = "loss"
    return loss


def page(root=None):
    return explain(root or example()).player().html


# ---------------------------------------------------------------- frames


def test_every_frame_says_what_happens(tab):
    shown = tab(page())
    sentences = []
    for frame in range(shown.last_frame() + 1):
        shown.go(frame)
        sentences.append(shown.text(".sentence"))
    assert sentences == [
        "The forward pass starts from the inputs: a = 2 and b = −3.",
        "v1 = a * b = −6.",
        "v2 = v1 + 10 = 4.",
        "v3 = v2 ** 2 = 16.",
        "loss = v3 * a = 32.",
        "The backward pass starts: d loss / d loss = 1.",
        "d loss / d v3 gets 1 × 2 = 2.",
        "d loss / d a gets 1 × 16 = 16; a is used twice (1 of 2), so more will be added.",
        "d loss / d v2 gets 2 × 8 = 16.",
        "d loss / d v1 gets 16 × 1 = 16.",
        "d loss / d a gets 16 × (−3) = −48 more, because a is used twice (2 of 2): now −32.",
        "d loss / d b gets 16 × 2 = 32.",
        "The backward pass is complete: d loss / d a = −32 and d loss / d b = 32.",
    ]


def test_frames_follow_the_step_records(tab):
    """Slopes, contributions and running sums of the page are those of explain(), in its order."""
    explanation = explain(
        parse("log(1 + exp(-y * (w*x + b))) + 0.1 * w**2 + w").evaluate({"y": 1, "w": 0.5, "x": 2, "b": -1})
    )
    shown = tab(explanation.player().html)
    passed = [(s, c) for s in explanation.steps for c in s.contributions if not c.parent.constant]
    first = shown.last_frame() - len(passed)
    for frame, (step, c) in enumerate(passed, start=first):
        shown.go(frame)
        sentence = shown.text(".sentence")
        assert sentence.startswith(
            f"d {explanation.graph.root.name} / d {c.parent.name} gets {_shown(step.upstream)} × "
        )
        assert f" = {_shown(c.contribution)}" in sentence
        if c.uses > 1:
            assert f"({c.use} of {c.uses})" in sentence
        if c.use > 1:
            assert sentence.endswith(f"now {_shown(c.running_sum)}.")
            assert shown.text(".pill.sum").endswith(f"= {_shown(c.running_sum)}")
        assert _shown(c.slope) in shown.text(".pill.slope")
        card = shown.page.locator(f".card[data-node='{c.parent.index}']")
        assert card.locator(".gradient").text_content().removesuffix(" + …") == _shown(c.running_sum)
        assert card.locator(".gradient").text_content().endswith("…") == (c.use < c.uses)
        assert card.locator(".uses").text_content() == (f"{c.use} of {c.uses} uses" if c.uses > 1 else "")
        assert shown.page.locator(".edge.backward").get_attribute("data-edge").split(".")[0] == str(step.node.index)
    shown.go(shown.last_frame())
    for node in explanation.graph.nodes:
        if not node.constant:
            card = shown.page.locator(f".card[data-node='{node.index}']")
            assert card.locator(".value").text_content() == _shown(node.data)
            assert card.locator(".gradient").text_content() == _shown(explanation.gradients[node.index])


def test_the_forward_pass_shows_values_one_by_one_and_no_gradient(tab):
    shown = tab(page())
    assert shown.card("a").locator(".value").text_content() == "2"
    for frame, name in enumerate(["v1", "v2", "v3", "loss"], start=1):
        assert shown.card(name).locator(".value").text_content() == "–"
        assert "waiting" in shown.card(name).get_attribute("class")
        shown.go(frame)
        assert shown.card(name).locator(".value").text_content() != "–"
        assert "now-forward" in shown.card(name).get_attribute("class")
    assert set(shown.page.locator(".gradient").all_text_contents()) == {"–"}
    assert shown.page.locator(".edge.forward").count() == 2


def test_the_mathematics_is_mathml_with_symbols_then_numbers(tab):
    shown = tab(page(tanh(Value(0.5, "x") * Value(-2.0, "w"))))
    assert shown.page.locator("math").count() == 0
    shown.go(2)
    assert shown.page.evaluate("document.querySelector('math').namespaceURI") == "http://www.w3.org/1998/Math/MathML"
    assert flat(shown.text(".mathematics")) == "Valuev2=tanh(v1)=tanh(−1)=−0.76159"
    shown.go(4)
    slope = flat(shown.text(".mathematics")).partition("Slope")[2].partition("Product")[0]
    assert slope == "dv2dv1=(1−v2)·(1+v2)=(1−(−0.76159))·(1+(−0.76159))=0.41997"
    shown.go(5)
    product = flat(shown.text(".mathematics")).partition("Product")[2]
    assert product == "dv2dv1·dv1dx=0.41997·(−2)=−0.83995Gradientdv2dx=−0.83995"


def flat(text):
    return "".join(text.split())


# ---------------------------------------------------------------- controls


def test_buttons(tab):
    shown = tab(page())
    last = shown.last_frame()
    for name, frame in [
        ("Next frame", 1),
        ("Next frame", 2),
        ("Previous frame", 1),
        ("Last frame", last),
        ("Next frame", last),
        ("First frame", 0),
        ("Previous frame", 0),
    ]:
        shown.page.get_by_role("button", name=name).click(force=True)  # also where it leads nowhere
        assert shown.frame() == frame, name
        assert shown.text(".counter") == f"{frame + 1} / {last + 1}"


def test_keyboard(tab):
    shown = tab(page())
    last = shown.last_frame()
    for focus in (None, ".frames", "[data-go='next']", ".card.root"):
        if focus:
            shown.page.focus(focus)
        for key, frame in [("Home", 0), ("ArrowRight", 1), ("ArrowRight", 2), ("ArrowLeft", 1), ("End", last)]:
            shown.page.keyboard.press(key)
            assert shown.frame() == frame, (focus, key)
    shown.page.focus(".typed")
    shown.page.keyboard.press("Home")
    assert shown.frame() == last, "keys in a field belong to the field"


def test_space_plays_and_pauses(tab):
    shown = tab(page())
    shown.page.keyboard.press("Space")
    assert shown.page.get_by_role("button", name="Pause").is_visible()
    assert shown.frame() == 1
    shown.page.keyboard.press("Space")
    assert shown.page.get_by_role("button", name="Play").is_visible()
    frame = shown.frame()
    shown.page.wait_for_timeout(100)
    assert shown.frame() == frame


def test_play_runs_to_the_end_and_starts_again(tab):
    document = page(Value(2.0, "x") * 3)
    shown = tab(document)
    shown.stop_the_clock()
    shown.page.select_option(".speed", "4")
    shown.page.get_by_role("button", name="Play").click()
    for frame in range(1, shown.last_frame() + 1):
        assert shown.frame() == frame
        assert shown.page.get_by_role("button", name="Pause").is_visible() == (frame < shown.last_frame())
        shown.page.clock.run_for(800)
    assert shown.frame() == shown.last_frame()
    shown.page.get_by_role("button", name="Play").click()
    assert shown.frame() == 0


def test_stepping_by_hand_ends_the_playing(tab):
    shown = tab(page())
    steps = [lambda: shown.page.get_by_role("button", name="Next frame").click(), lambda: shown.go(3)]
    steps += [lambda: shown.page.keyboard.press("ArrowRight"), lambda: shown.card("v1").click()]
    for step in steps:
        shown.page.get_by_role("button", name="Play").click()
        assert shown.page.get_by_role("button", name="Pause").is_visible()
        step()
        assert shown.page.get_by_role("button", name="Play").is_visible()


@pytest.mark.parametrize(("speed", "interval"), [("0.5", 3600), ("1", 1800), ("2", 900), ("4", 450)])
def test_speed(tab, speed, interval):
    shown = tab(page())
    shown.stop_the_clock()
    shown.page.select_option(".speed", speed)
    shown.page.get_by_role("button", name="Play").click()
    assert shown.frame() == 1
    shown.page.clock.run_for(interval - 20)
    assert shown.frame() == 1
    shown.page.clock.run_for(40)
    assert shown.frame() == 2


def test_the_slider_marks_both_phases(tab):
    shown = tab(page())
    slider = shown.page.get_by_role("slider", name="Frame")
    assert slider.get_attribute("aria-valuetext") == "frame 1 of 13, forward pass"
    shown.go(5)
    assert slider.get_attribute("aria-valuetext") == "frame 6 of 13, backward pass"
    widths = [shown.page.locator(f".phases .{phase}").bounding_box()["width"] for phase in ("forward", "backward")]
    assert math.isclose(widths[0] / widths[1], 5 / 8, rel_tol=0.05)


def test_a_card_leads_to_where_its_number_is_complete(tab):
    shown = tab(page())
    shown.card("v2").click()
    assert shown.frame() == 2
    shown.page.focus(".card.root")
    shown.page.keyboard.press("Enter")
    assert shown.frame() == 4
    shown.go(6)
    shown.card("a").click()
    assert shown.text(".sentence").endswith("(2 of 2): now −32.")
    shown.card("loss").click()
    assert shown.frame() == 5
    shown.page.focus(".card.result")
    shown.page.keyboard.press("Space")
    assert shown.text(".sentence").startswith("d loss / d v1 gets")
    assert shown.page.get_by_role("button", name="Play").is_visible()


def test_a_screen_reader_hears_it(tab):
    shown = tab(page())
    assert shown.page.locator(".sentence").get_attribute("aria-live") == "polite"
    assert shown.page.get_by_role("button", name="v1 = a * b, value not known yet, gradient not known yet").count() == 1
    shown.go(7)
    assert shown.page.get_by_role("button", name="input a, value 2, gradient 16 so far, 1 of 2 uses").count() == 1
    shown.go(shown.last_frame())
    assert shown.page.get_by_role("button", name="v1 = a * b, value −6, gradient 16", exact=True).count() == 1
    assert shown.page.get_by_role("button", name="constant 10, value 10").count() == 1
    controls = shown.page.locator("button, input, select").all()
    assert len(controls) == 11
    for control in controls:
        name = "e => e.ariaLabel || e.labels[0]?.textContent || e.textContent"
        assert control.evaluate(name).strip()


# ---------------------------------------------------------------- what if


def test_what_if_recomputes_everything(tab):
    shown = tab(page())
    shown.go(shown.last_frame())
    shown.page.select_option(".choice", label="b")
    shown.page.fill(".typed", "-4.5")
    a, b = Value(2.0, "a"), Value(-4.5, "b")
    loss = (a * b + 10) ** 2 * a
    loss.backward()
    assert shown.text(".outcome") == f"loss = {_shown(loss.data)}, d loss / d b = {_shown(b.grad)} (recorded: b = −3)"
    assert shown.card("a").locator(".gradient").text_content() == _shown(a.grad)
    assert shown.text(".sentence") == (
        f"The backward pass is complete: d loss / d a = {_shown(a.grad)} and d loss / d b = {_shown(b.grad)}."
    )
    shown.page.get_by_role("button", name="Reset all").click()
    assert shown.text(".outcome") == "loss = 32, d loss / d b = 32"
    assert shown.page.input_value(".typed") == "-3"
    assert shown.page.get_by_role("button", name="Reset all").is_disabled()


def test_dragging_moves_the_value(tab):
    shown = tab(page())
    shown.page.locator(".drag").fill("750")
    assert float(shown.page.input_value(".typed")) == 4.0  # a = 2, and the drag reaches from -2 to 6
    assert shown.card("a").locator(".value").text_content() == "4"
    shown.page.fill(".typed", "")
    assert shown.card("a").locator(".value").text_content() == "4", "an empty field is no number"


def test_quotients_come_to_the_gradient(tab):
    shown = tab(page())
    rows = [row.locator("td").all_text_contents() for row in shown.page.locator(".quotients tbody tr").all()]
    assert [row[0] for row in rows] == ["1", "0.1", "0.01", "0.001", "0.0001", "1×10⁻⁵", "1×10⁻⁶"]

    def f(a):
        return (a * -3.0 + 10) ** 2 * a

    for row, h in zip(rows, [10.0**-k for k in range(7)], strict=True):
        quotient = (f(2 + h) - f(2.0)) / h
        assert number(row[1]) == pytest.approx(quotient, rel=1e-4)
    errors = [number(row[2]) for row in rows]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 1e-4
    assert shown.page.locator(".curve .tangent").count() == 1
    assert "−32" in shown.page.locator(".curve").get_attribute("aria-label")


def number(text):
    digits, _, power = text.replace("−", "-").partition("×10")
    return float(digits) * 10 ** int(power.translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")) or 0)


def test_non_finite_numbers_are_shown_as_such(tab):
    shown = tab(page(1 / Value(1.0, "x")))
    shown.page.fill(".typed", "0")
    assert shown.text(".outcome") == "v1 = ∞, d v1 / d x = −∞ (recorded: x = 1)"
    shown.go(shown.last_frame())
    assert shown.card("x").locator(".gradient").text_content() == "−∞"


def test_a_rule_that_is_no_javascript_turns_what_if_off_and_nothing_else(tab):
    @primitive(slopes=lambda m, y, x: (3.0 if float(x) > 0 else 2.0,))
    def own(m, x):
        """Three times x, or twice."""
        return 3.0 * x if float(x) > 0 else 2.0 * x

    try:
        shown = tab(page(own(Value(2.0, "x")) * 5))
    finally:
        forget(own)
    assert "the rule of own" in shown.text(".refusal")
    assert not shown.page.locator(".typed").is_visible()
    shown.go(shown.last_frame())
    assert shown.text(".sentence") == "The backward pass is complete: d v2 / d x = 15."
    assert shown.text(".paths .total") == "d v2 / d x = 15"


def test_what_if_agrees_with_python_on_200_random_graphs(tab):
    found = []

    @settings(max_examples=200)
    @given(expressions())
    def collect(expression):
        found.append(expression)

    collect()
    players, cases = [], []
    for k, expression in enumerate(found):
        explanation = explain(expression(*map(Value, expression.point)))
        players.append(explanation.player().fragment)
        leaves = [i for i, node in enumerate(explanation.graph.nodes) if node.is_leaf and not node.constant]
        here = [explanation.graph.nodes[i].data for i in leaves]
        moved = [x + (-1) ** j * (0.01 + 0.001 * (k % 7)) for j, x in enumerate(here)]
        cases.append((explanation, leaves, here, moved))
    shown = tab(f"<!doctype html><meta charset='utf-8'><div hidden>{''.join(players)}</div>")
    answers = shown.page.evaluate(
        """points => [...document.querySelectorAll(".autograd-player")].map(({player}, i) => player.evaluate(points[i])
           ).map(({values, gradients}) => ({values: values.map(String), gradients: gradients.map(String)}))""",
        [moved for *_, moved in cases],
    )
    assert len(answers) == len(found) >= 200
    compared = 0
    for (explanation, leaves, _, moved), answer in zip(cases, answers, strict=True):
        values = list(map(Value, moved))
        nodes = replay(explanation.graph, dict(zip(leaves, values, strict=True)))
        root = nodes[explanation.graph.root.index]
        root.backward()
        sums = path_sums(explanation.graph, nodes)
        for node, total, value, gradient in zip(nodes, sums, answer["values"], answer["gradients"], strict=True):
            assert close(node.data, number_of(value), abs(node.data))
            assert close(node.grad, number_of(gradient), total)
            compared += 1
    assert compared > 1000


def replay(graph, leaves):
    """Return all nodes of a graph, computed again from other leaves."""
    nodes = []
    for node in graph.nodes:
        if node.op is None:
            nodes.append(leaves.get(node.index) or Value(node.data))
        else:
            nodes.append(node.op.apply(*[nodes[i] for i in node.parents]))
    return nodes


def path_sums(graph, nodes):
    """Return, for each node, the sum over all paths to the root of |product of the slopes|."""
    sums = [0.0] * len(nodes)
    sums[graph.root.index] = 1.0
    for node in reversed(graph.nodes):
        for parent, slope in zip(node.parents, nodes[node.index].slopes, strict=True):
            sums[parent] += abs(slope) * sums[node.index]
    return sums


def number_of(text):
    return float(text.replace("Infinity", "inf"))


def close(expected, found, size):
    if not math.isfinite(expected) or not math.isfinite(found):
        return expected == found or (math.isnan(expected) and math.isnan(found))
    return abs(expected - found) <= 1e-12 * size


# ---------------------------------------------------------------- paths


def test_resting_on_an_input_shows_its_paths(tab):
    shown = tab(page())
    shown.card("a").hover()
    assert shown.text(".paths h3") == "Paths from a to loss"
    assert shown.page.locator(".paths li span:first-child").all_text_contents() == ["−3 × 1 × 8 × 2 = −48", "16"]
    assert shown.page.locator(".paths li .quiet").all_text_contents() == ["a → v1 → v2 → v3 → loss", "a → loss"]
    assert shown.text(".paths .total") == "d loss / d a = −48 + 16 = −32"
    assert shown.page.locator(".edge.on-path").count() == 5
    assert sorted(shown.page.locator(".pill.path").all_text_contents()) == sorted(
        ["b = −3", "1", "2 * v2 = 8", "a = 2", "v3 = 16"]
    )
    shown.page.hover("h2")
    assert shown.page.locator(".on-path").count() == 0
    shown.page.locator(".paths li").nth(1).hover()
    assert shown.page.locator(".edge.on-path").count() == 1


def test_focus_shows_paths_as_well(tab):
    shown = tab(page())
    shown.page.focus(".speed")
    for _ in range(10):
        shown.page.keyboard.press("Tab")
        if shown.page.evaluate("document.activeElement.matches('.card.leaf')"):
            break
    assert shown.page.locator(".edge.on-path").count() > 0


def test_many_paths_are_counted_not_listed(tab):
    x = Value(1.0, "x")
    y = x
    for _ in range(70):
        y = y * y
    shown = tab(page(y))
    assert f"There are {2**70} paths; the 6 largest:" in shown.text(".paths p.quiet >> nth=0")
    assert shown.page.locator(".paths li").count() == 6
    assert shown.text(".paths .total") == f"d v70 / d x = {_shown(2.0**70)}, the sum over all of them"


# ---------------------------------------------------------------- inert, several, everywhere


def test_labels_are_inert(tab):
    a = Value(2.0, HOSTILE)
    shown = tab(Player(explain(a * a + 1), title=HOSTILE).html)
    for frame in range(shown.last_frame() + 1):
        shown.go(frame)
    shown.page.locator(".card.leaf").hover()
    assert shown.page.title() == HOSTILE
    assert shown.page.locator("img").count() == 0
    assert shown.page.locator("script").count() == 2
    assert shown.text("h2") == HOSTILE
    assert HOSTILE in shown.text(".sentence")
    assert shown.text(".paths h3") == f"Paths from {HOSTILE} to v2"


def test_two_players_on_one_page_mind_their_own_business(tab):
    first, second = explain(example()).player().fragment, explain(Value(5.0, "p") * Value(7.0, "q")).player().fragment
    shown = tab(f"<!doctype html><meta charset='utf-8'><h1>Two</h1>{first}{second}")
    one, two = shown.page.locator(".autograd-player").nth(0), shown.page.locator(".autograd-player").nth(1)
    two.locator("[data-go='next']").click()
    assert (one.locator(".frames").input_value(), two.locator(".frames").input_value()) == ("0", "1")
    one.locator("[data-go='last']").focus()
    shown.page.keyboard.press("End")
    assert (one.locator(".frames").input_value(), two.locator(".frames").input_value()) == ("12", "1")
    shown.page.click("h1")
    shown.page.keyboard.press("ArrowLeft")
    assert (one.locator(".frames").input_value(), two.locator(".frames").input_value()) == ("12", "1")
    two.locator(".typed").fill("6")
    assert plain(two.locator(".outcome").text_content()) == "v1 = 42, d v1 / d p = 7 (recorded: p = 5)"
    assert plain(one.locator(".outcome").text_content()) == "loss = 32, d loss / d a = −32"
    assert shown.page.evaluate("typeof OPS + typeof nodes + typeof evaluate + typeof player") == 4 * "undefined"


def test_a_notebook_frame_works(tab):
    shown = tab(f"<!doctype html><meta charset='utf-8'>{explain(example()).player()._repr_html_()}")
    frame = shown.page.frame_locator("iframe")
    frame.locator("[data-go='last']").click()
    assert "d loss / d a = −32" in plain(frame.locator(".sentence").text_content())
    assert shown.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


# 1280 pixels at 300 % are 427; a telephone has 375.
@pytest.mark.parametrize(
    ("width", "ratio", "scheme"),
    [(1280, 1, "light"), (1280, 1, "dark"), (740, 1, "light"), (427, 3, "light"), (375, 2, "dark")],
)
def test_every_screen_is_legible(tab, width, ratio, scheme):
    x = 60 * "x"
    root = parse(f"log(1 + exp(-y * (w*{x} + gelu(b)))) + w**2").evaluate({"y": 1, "w": 0.5, x: 2, "b": -1.5})
    settings = {"viewport": {"width": width, "height": 700}, "device_scale_factor": ratio, "color_scheme": scheme}
    shown = tab(Player(explain(root), title="w" * 200).html, **settings)
    for frame in range(0, shown.last_frame() + 1, 3):
        shown.go(frame)
        assert shown.page.evaluate("document.querySelector('.why').clientWidth") >= 220
        assert shown.page.evaluate("document.documentElement.scrollWidth") <= width
        boxes = shown.page.evaluate(BOXES)
        assert len(boxes) > 12
        for i, (left, top, right, bottom) in enumerate(boxes):
            assert left >= 0
            assert right <= width + 1
            for x, y, end, foot in boxes[:i]:
                assert left >= end - 1 or x >= right - 1 or top >= foot - 1 or y >= bottom - 1
    assert shown.page.evaluate(SMALLEST_TEXT_OF_A_CARD) >= 10
    assert shown.page.evaluate(LEAST_CONTRAST) >= 4.5, "WCAG 2.2, 1.4.3"


BOXES = """[...document.querySelectorAll("button, select, input, .sentence, h2, h3")]
  .map(e => e.getBoundingClientRect()).filter(box => box.width)
  .map(({left, top, right, bottom}) => [left, top, right, bottom])"""

SMALLEST_TEXT_OF_A_CARD = """Math.min(...[...document.querySelectorAll(".card text")].map(text => {
  const picture = text.ownerSVGElement, scale = picture.getBoundingClientRect().width / picture.viewBox.baseVal.width;
  return parseFloat(getComputedStyle(text).fontSize) * scale;
}))"""

LEAST_CONTRAST = r"""() => {
  const linear = c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  const luminance = colour => colour.match(/[0-9.]+/g).slice(0, 3)
    .reduce((sum, c, k) => sum + linear(c / 255) * [0.2126, 0.7152, 0.0722][k], 0);
  const contrast = (...colours) => {
    const [dark, light] = colours.map(luminance).sort((a, b) => a - b);
    return (light + 0.05) / (dark + 0.05);
  };
  const ground = element => {
    const colour = getComputedStyle(element).backgroundColor;
    return /, 0\)|transparent/.test(colour) ? ground(element.parentElement) : colour;
  };
  const words = ".sentence, .why, .quiet, h2, h3, dt, td, th, .outcome, .total, .phases span, label";
  const texts = [...document.querySelectorAll(words)].map(e => contrast(getComputedStyle(e).color, ground(e)));
  const cards = [...document.querySelectorAll(".card:not(.waiting) text:not(.uses)")].map(text =>
    contrast(getComputedStyle(text).fill, getComputedStyle(text.parentElement.querySelector("rect")).fill));
  return Math.min(...texts, ...cards);
}"""


def test_the_picture_scrolls_to_what_happens_and_the_page_stays(tab):
    y = Value(1.5, "x")
    for _ in range(12):
        y = tanh(y)
    shown = tab(page(y), viewport={"width": 375, "height": 700}, reduced_motion="reduce")
    for frame in range(1, shown.last_frame()):
        shown.go(frame)
        box = shown.page.locator(".picture").bounding_box()
        card = shown.page.locator(".now-forward, .now-backward").first.bounding_box()
        assert box["y"] <= card["y"]
        assert card["y"] + card["height"] <= box["y"] + box["height"]
        assert shown.page.evaluate("scrollX + scrollY") == 0


def test_motion(tab):
    """The upstream gradient travels along the edge; where motion is unwelcome, nothing moves and nothing is missing."""
    still = tab(page(), reduced_motion="reduce")
    still.go(10)
    assert still.page.locator(".pill.token").count() == 0
    assert still.text(".pill.sum") == "16 + (−48) = −32"
    assert still.page.evaluate("document.getAnimations().length") == 0
    moving = tab(page(), reduced_motion="no-preference")
    moving.page.select_option(".speed", "0.5")
    moving.go(10)
    token = moving.page.locator(".pill.token")
    assert token.text_content() in ("16", "−48")
    before = token.get_attribute("transform")
    moving.until(f"document.querySelector('.pill.token')?.getAttribute('transform') !== '{before}'")
    moving.until("!document.querySelector('.pill.token')")
    assert moving.text(".pill.sum") == "16 + (−48) = −32"


def test_numbers_are_written_as_in_python(tab):
    x = Value(1.0, "x")
    numbers = [1 / 3, -24.0, 99999.4, 123456.0, 999999.0, 1234567.0, 1.5e-4, 1e-9, -1.5e300, 0.0, math.inf, math.nan]
    total = x
    for number_shown in numbers:
        total = total + Value(number_shown, f"n{len(Graph.of(total).nodes)}")
    explanation = explain(total)
    shown = tab(explanation.player().html)
    values = shown.page.locator(".card.leaf .value").all_text_contents()
    assert values == [_shown(node.data) for node in explanation.graph.nodes if node.is_leaf]


def test_the_last_frame_says_what_each_gradient_is_the_sum_of(tab):
    shown = tab(page())
    shown.go(shown.last_frame())
    assert flat(shown.text(".mathematics")) == "adlossda=1·16+16·(−3)=−32bdlossdb=16·2=32"


def test_long_lists_are_cut(tab):
    xs = [Value(float(i), f"x{i}") for i in range(9)]
    shown = tab(page(xs[0] + xs[1] + xs[2] + xs[3] + xs[4] + xs[5] + xs[6] + xs[7] + xs[8]))
    assert shown.text(".sentence").endswith("x4 = 4, x5 = 5 and 3 more.")
    shown.go(shown.last_frame())
    assert shown.page.locator(".mathematics dt").count() == 6
