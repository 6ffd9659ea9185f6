"""matplotlib figures as SVG that follows the page's light or dark theme, and as SVG and PNG files of their own."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from html import escape
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

from markupsafe import Markup
from matplotlib.figure import Figure

from search.report.charts.chart import Chart
from search.report.charts.theme import PAPER, ROLES

STYLE = matplotlib.rc_params_from_file(Path(__file__).with_name("report.mplstyle"), use_default_template=False)

# A hundredth of a point is not seen; of thousands of points the further decimals are a third of the file.
_ATTRIBUTES = re.compile(r'\s(?:d|x|y|x1|y1|x2|y2|points)="[^"]*"')
_DECIMALS = re.compile(r"(\.\d\d)\d+")


@dataclass(frozen=True)
class Plot:
    """A figure, its files' name, and its content in words for those who cannot see it. A plot of one arm says of which,
    and of how many trials it is the mean."""

    name: str
    alternative: str
    figure: Figure
    arm: str = ""
    trials: int = 0
    caption: str = ""
    """What stands below it, where that depends on the run."""
    chart: Chart | None = None
    """What the figure was drawn from, for the page to draw again; None of a figure that is drawn for paper alone."""

    @cached_property
    def svg(self) -> str:
        """Without a ground; drawn once for the page and the file beside it."""
        buffer = io.StringIO()
        with matplotlib.rc_context({**STYLE, "svg.hashsalt": self.name}):
            self.figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
        return _ATTRIBUTES.sub(lambda found: _DECIMALS.sub(r"\1", found[0]), buffer.getvalue())


@contextmanager
def new_figure(width: float = 7.2, height: float = 4.2) -> Iterator[Figure]:
    """An empty figure, in inches, to be drawn in the report's style inside the `with`."""
    with matplotlib.rc_context(STYLE):
        yield Figure(figsize=(width, height), layout="constrained")


def standalone_svg(plot: Plot) -> str:
    """A light SVG file with the page's paper behind it."""
    text = plot.svg
    head = text.index(">", text.index("<svg")) + 1
    return f'{text[:head]}\n <rect width="100%" height="100%" fill="{PAPER}"/>{text[head:]}'


def png(plot: Plot) -> bytes:
    buffer = io.BytesIO()
    with matplotlib.rc_context(STYLE):
        plot.figure.savefig(buffer, format="png", dpi=150, facecolor=PAPER, metadata={"Software": None})
    return buffer.getvalue()


def inline_svg(plot: Plot, prefix: str) -> Markup:
    """The plot as an `svg` element for the page: themed, scalable, named for screen readers, its ids unique."""
    text = plot.svg
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    key = f"{prefix}{plot.name}"
    text = re.sub(r'\bid="([^"]+)"', rf'id="{key}-\1"', text)
    text = re.sub(r'(xlink:href|href)="#([^"]+)"', rf'\1="#{key}-\2"', text)
    text = re.sub(r"url\(#([^)]+)\)", rf"url(#{key}-\1)", text)
    for literal, variable in ROLES.items():
        text = text.replace(literal, f"var({variable})")
    # Text without a fill of its own would be black on a dark page.
    text = text.replace("font-family: 'DejaVu Sans'", "font-family: inherit")
    text = text.replace("'DejaVu Sans'", "inherit")
    head, rest = text.split(">", 1)
    head = re.sub(r' (?:width|height)="[^"]*pt"', "", head)
    title = f'<title id="{key}-label">{escape(plot.alternative, quote=False)}</title>'
    return Markup(f'{head} role="img" aria-labelledby="{key}-label" class="plot">{title}{rest}')
