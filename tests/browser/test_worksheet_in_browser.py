"""The worksheet page in a real browser: filled in, saved, copied and marked; narrow, zoomed, dark."""

from __future__ import annotations

import pytest

from autograd_tiny import Value, mark, tanh, worksheet

pytestmark = pytest.mark.slow


@pytest.fixture
def sheet():
    a, b = Value(2.0, "a"), Value(-3.0, "b")
    return worksheet(tanh(a * b / 8) * 4 + a, title="Lesson </script><img src=x onerror=document.title='broken'>")


@pytest.fixture
def opened(browser, sheet, tmp_path):
    """The sheet on a narrow screen; complaints and requests fail the test."""
    page = browser.new_page(viewport={"width": 375, "height": 700}, color_scheme="dark")
    complaints, requests = [], []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: requests.append(request.url))
    page.goto(sheet.to_html(tmp_path / "sheet.html").as_uri())
    yield page
    assert complaints == []
    assert [url for url in requests if not url.startswith(("file:", "data:", "blob:"))] == []
    assert "broken" not in page.title().partition("Lesson")[0]
    page.close()


def fill(page, sheet):
    page.get_by_label("Name").fill("Ada")
    for blank in sheet.blanks:
        page.fill(f"[data-blank={blank.id}]", f"{blank.answer:.4g}")


def test_saved_answers_can_be_marked(opened, sheet, tmp_path):
    fill(opened, sheet)
    opened.fill("[data-blank=B1]", "6")
    with opened.expect_download() as download:
        opened.get_by_role("button", name="Save answers").click()
    assert download.value.suggested_filename == f"answers-{sheet.code}.json"
    download.value.save_as(tmp_path / "answers.json")
    marks = mark(sheet, tmp_path / "answers.json")
    assert marks.name == "Ada"
    assert [m.blank.id for m in marks.marks if not m.counts] == ["B1"]
    assert marks["B1"].mistakes == ("wrong sign",)


def test_copied_answers_can_be_marked(opened, sheet):
    fill(opened, sheet)
    assert opened.locator("textarea").is_hidden()
    opened.get_by_role("button", name="Copy answers").click()
    text = opened.input_value("textarea")
    assert opened.evaluate("getSelection().toString() || document.activeElement.value") == text
    marks = mark(sheet, text)
    assert (marks.name, marks.score) == ("Ada", 1.0)


def test_the_page_says_what_is_filled_in_and_what_is_no_number(opened, sheet):
    status = opened.get_by_role("status")
    assert status.text_content() == f"0 of {len(sheet.blanks)} filled in."
    opened.fill("[data-blank=B1]", "-1/3")
    opened.fill("[data-blank=B2]", "0,5")
    assert "1 of" in status.text_content()
    assert "Not a number: B2" in status.text_content()
    invalid = opened.locator("[aria-invalid=true]")
    assert invalid.count() == 1
    opened.fill("[data-blank=B2]", "\N{MINUS SIGN}2 * sqrt(2)")
    assert invalid.count() == 0


def test_enter_goes_to_the_next_blank(opened):
    opened.focus("[data-blank=B1]")
    opened.keyboard.press("Enter")
    opened.keyboard.type("7")
    assert opened.input_value("[data-blank=B2]") == "7"


def test_the_answers_are_nowhere_in_the_page(opened, sheet):
    content = opened.content()
    for blank in sheet.blanks:
        if not float(blank.answer * 8).is_integer():
            assert f"{blank.answer:.4g}" not in content


@pytest.mark.parametrize("zoom", [1, 3])
def test_narrow_and_zoomed_pages_do_not_scroll_sideways(opened, sheet, zoom):
    opened.set_viewport_size({"width": 375 if zoom == 1 else 1280 // zoom, "height": 700})
    assert opened.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    assert opened.locator("img").count() == 1
    for blank in sheet.blanks:
        box = opened.locator(f"[data-blank={blank.id}]").bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= opened.viewport_size["width"]
