"""Small pieces of HTML, escaped."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from html import escape

from search.report.drawing import Plot, inline_svg


def table(rows: Sequence[Sequence[str]], caption: str = "", text_columns: Sequence[int] = ()) -> str:
    """A table whose first row is the heading; columns in `text_columns` are set to the left and may wrap."""
    head, *body = rows
    kind = ["text" if index in text_columns else "" for index in range(len(head))]
    heading = "".join(
        f'<th scope="col"{_class(name)}>{escape(cell)}</th>' for cell, name in zip(head, kind, strict=True)
    )
    lines = "".join(
        "<tr>"
        + "".join(f"<td{_class(name)}>{escape(tied(cell))}</td>" for cell, name in zip(row, kind, strict=True))
        + "</tr>"
        for row in body
    )
    title = f"<caption>{escape(caption)}</caption>" if caption else ""
    return f'<div class="scroll"><table>{title}<thead><tr>{heading}</tr></thead><tbody>{lines}</tbody></table></div>'


def tied(cell: str) -> str:
    """The cell's text with each number and its unit, and the two ends of an interval, on one line where cells may wrap."""
    return re.sub(r"(?<=\d) (?=%|[kMGTP]\b)|(?<=\d,) (?=[-+\d])|(?<=×) ", "\u00a0", cell)


def _class(name: str) -> str:
    return f' class="{name}"' if name else ""


def figure(plot: Plot, prefix: str = "") -> str:
    return f"<figure>{inline_svg(plot, prefix)}<figcaption>{escape(plot.caption)}</figcaption></figure>"


def section(title: str, *parts: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{''.join(parts)}</section>" if any(parts) else ""


def paragraph(text: str, name: str = "") -> str:
    return f"<p{_class(name)}>{escape(text)}</p>"


def facts(values: Mapping[str, str]) -> str:
    return (
        "<dl>" + "".join(f"<dt>{escape(key)}</dt><dd>{escape(value)}</dd>" for key, value in values.items()) + "</dl>"
    )


def preformatted(text: str) -> str:
    return f"<pre><code>{escape(text)}</code></pre>"


def folded(title: str, *parts: str) -> str:
    return f"<details><summary>{escape(title)}</summary>{''.join(parts)}</details>"


def page(title: str, style: str, body: str) -> str:
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{style}</style></head>\n<body>{body}</body></html>\n"
    )
