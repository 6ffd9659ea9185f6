"""The page's templates: where they are, and how values are written into them."""

from __future__ import annotations

import re
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from search.evidence.formats import p_told
from search.report import dense_start, provenance, removals, tables
from search.report.charts.drawing import inline_svg


def render(template: str, context: dict[str, Any]) -> str:
    """The template's text. Every value is escaped; a variable that `context` lacks is an error."""
    environment = Environment(
        loader=PackageLoader("search.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(tied=tied, inline_svg=inline_svg, p_told=p_told)
    environment.globals.update(dense_start=dense_start, removals=removals, tables=tables, provenance=provenance)
    return environment.get_template(template).render(context)


def tied(cell: str) -> str:
    """The cell's text with each number and its unit, and the two ends of an interval, on one line where cells may wrap."""
    return re.sub(r"(?<=\d) (?=%|[kMGTP]\b)|(?<=\d,) (?=[-+\d])|(?<=×) ", "\u00a0", cell)
