"""The README's first screen is true: its code, its comments, its picture and its table."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

from autograd_tiny import draw, explain, registry

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def run(block: str) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(block, names)  # noqa: S102 - the README is ours
    return names


def test_the_first_screen() -> None:
    first = BLOCKS[0]
    assert len(first.strip().splitlines()) == 8
    names = run(first)
    for line in first.splitlines():
        expression, comment, given = line.partition("  # ")
        if comment:
            expected = eval(given.partition(":")[0])  # noqa: S307 - the README is ours
            assert eval(expression, names) == expected, line  # noqa: S307
    loss = names["loss"]
    table = README.partition("`explain(loss)`:\n\n```text\n")[2].partition("```")[0].rstrip()
    assert table == str(explain(loss))
    picture = re.search(r"!\[[^]]*\]\((docs/images/[^)]*\.svg)\)", README)
    assert picture is not None
    shown = [element.text for element in ElementTree.parse(ROOT / picture[1]).iter("{http://www.w3.org/2000/svg}text")]
    drawn = ElementTree.fromstring(draw(loss).svg()).iter("{http://www.w3.org/2000/svg}text")
    assert shown == [element.text for element in drawn]


def test_the_other_blocks_run() -> None:
    names = run(BLOCKS[1])
    assert names["softsign"](3.0) == 0.75
    from autograd_tiny import forget

    forget(names["softsign"])
    names = run(BLOCKS[2].replace("epochs=100", "epochs=1, progress=False"))
    assert names["history"].epochs == 1


def test_numbers_that_the_text_states() -> None:
    assert "@@" not in README
    stated = re.search(r"\*\*(\d+) operations\*\*", README)
    assert stated is not None
    assert int(stated[1]) == sum(op.__module__ == "autograd_tiny.ops" for op in registry.values())
