"""A worksheet as one self-contained page to fill in; nothing is fetched, and the answers are not in it."""

from __future__ import annotations

import base64
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING

from . import picture
from .forms import heading, instructions, parts, which

if TYPE_CHECKING:
    from .forms import Cell, Part, Row
    from .sheet import Worksheet


def page(sheet: Worksheet) -> str:
    """Return the whole document: the sheet with fields and buttons, or the key with the answers."""
    policy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"
    title = escape(heading(sheet))
    lines = [
        "<!DOCTYPE html>",
        '<html lang="en">',
        '<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">',
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
        f"<title>{title}</title>",
        f"<style>\n{_asset('worksheet.css')}</style></head>",
        f'<body><main data-sheet="{sheet.code}">',
        f"<h1>{escape(sheet.title)}</h1>",
        f'<p class="sheet">{which(sheet).capitalize()}</p>',
    ]
    if not sheet.solved:
        lines += [
            '<p><label class="name">Name <input data-name autocomplete="name"></label></p>',
            f"<p>{escape(instructions(sheet))}</p>",
        ]
    lines += [_picture(sheet), *(_part(sheet, part) for part in parts(sheet))]
    if not sheet.solved:
        lines += [
            '<footer><p data-status role="status"></p>',
            '<button type="button" data-save>Save answers</button>',
            '<button type="button" data-copy>Copy answers</button>',
            '<textarea hidden readonly aria-label="Your answers as text"></textarea></footer>',
        ]
    lines.append("</main>")
    if not sheet.solved:
        lines.append(f"<script>\n{_asset('worksheet.js')}</script>")
    return "\n".join([*lines, "</body></html>", ""])


def _asset(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def _picture(sheet: Worksheet) -> str:
    drawn = picture.svg(sheet)
    if drawn is None:
        return ""
    data = base64.b64encode(drawn.encode()).decode()
    words = "The computation graph: the nodes and formulas of the forward pass below, with an arrow from each parent."
    return f'<div class="picture" tabindex="0"><img alt="{words}" src="data:image/svg+xml;base64,{data}"></div>'


def _part(sheet: Worksheet, part: Part) -> str:
    rows = [_row(sheet, row) for row in part.rows]
    advice = f'<p class="advice">{escape(part.advice)}</p>'
    return "\n".join(["<section>", f"<h2>{part.heading}</h2>", advice, "<ul>", *rows, "</ul>", "</section>"])


def _row(sheet: Worksheet, row: Row) -> str:
    lead = f'<span class="lead">{escape(row.words)}</span>' if row.words else ""
    kind = "leads" if row.leads else "to" if row.words else "plain"
    return f'<li class="{kind}">{lead}{"".join(_cell(sheet, row, cell) for cell in row.cells)}</li>'


def _cell(sheet: Worksheet, row: Row, cell: Cell) -> str:
    words = f"<span>{escape(cell.words)} =</span>"
    if not cell.id:
        return f'<span class="cell">{words} <span>{cell.number}</span></span>'
    name = f'<span class="id">{cell.id}</span>'
    if sheet.solved:
        return f'<span class="cell">{words} <span class="answer">{cell.number}</span> {name}</span>'
    asked = f"{cell.id}: {row.words} {cell.words}" if row.words else f"{cell.id}: {cell.words}"
    field = f'<input data-blank="{cell.id}" aria-label="{escape(asked)}" autocomplete="off" spellcheck="false">'
    return f'<span class="cell">{words} {field} {name}</span>'
