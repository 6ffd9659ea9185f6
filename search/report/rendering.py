"""The page's templates: where they are, and how values are written into them."""

from __future__ import annotations

import html
import re
from typing import Any

from markupsafe import Markup

from search.evidence.formats import p_told
from search.report import dense_start, page_data, provenance, removals, tables
from search.report.charts.drawing import inline_svg
from search.report.trial_table import trial_table
from search.templates import environment


def render(template: str, context: dict[str, Any]) -> str:
    """The template's text. Every value is escaped; a variable that `context` lacks is an error."""
    templates = environment("search.report", escaped=True)
    templates.filters.update(tied=tied, inline_svg=inline_svg, p_told=p_told, slug=slug, sections=sections)
    templates.globals.update(
        dense_start=dense_start, page_data=page_data, removals=removals, tables=tables, provenance=provenance,
        trial_table=trial_table,
    )  # fmt: skip
    return templates.get_template(template).render(context)


def tied(cell: str) -> str:
    """The cell's text with each number and its unit, and the two ends of an interval, on one line where cells may wrap."""
    return re.sub(r"(?<=\d) (?=%|[kMGTP]\b)|(?<=\d,) (?=[-+\d])|(?<=×) ", "\u00a0", cell)


def slug(title: str) -> str:
    """A heading as the name of a place: `what-was-kept`."""
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")


def sections(content: str, last: str = "") -> list[tuple[str, Markup]]:
    """(place, heading) of each section that a page came to have, up to the one at `last`, which holds further ones."""
    found = re.findall(r'<section id="([^"]+)">\s*<h2>(.*?)</h2>', content)
    places = [html.unescape(place) for place, _ in found]
    shown = found[: places.index(last) + 1] if last in places else found
    return [(html.unescape(place), Markup(heading)) for place, heading in shown]
