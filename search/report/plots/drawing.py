"""matplotlib figures as SVG that follows the page's light or dark theme, and as SVG and PNG files of their own."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

# Figures are drawn in the light theme's colours; in the page each becomes the variable of its role in style.css.
INK, FAINT, PAPER = "#1c2126", "#8a929b", "#fdfdfc"
SERIES = ("#2467a8", "#c4511d", "#17836c", "#8450ad", "#a87900", "#bb3a75", "#4b7f27", "#5c6875")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
DASHES = ("-", "--", "-.", (0, (5, 1, 1, 1, 1, 1)), ":", (0, (7, 2)), (0, (3, 1, 1, 1)), (0, (1, 2)))

ROLES = {INK: "--ink", FAINT: "--faint", PAPER: "--paper", **{c: f"--series-{n}" for n, c in enumerate(SERIES)}}

STYLE = matplotlib.rc_params_from_file(Path(__file__).with_name("report.mplstyle"), use_default_template=False)


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


@contextmanager
def new_figure(width: float = 7.2, height: float = 4.2) -> Iterator[Figure]:
    """An empty figure, in inches, to be drawn in the report's style inside the `with`."""
    with matplotlib.rc_context(STYLE):
        yield Figure(figsize=(width, height), layout="constrained")


def colour(index: int) -> str:
    """Of the arm with this index, the same in every plot."""
    return SERIES[index % len(SERIES)]


def arm_mark(index: int) -> dict[str, Any]:
    """Colour and marker of an arm's points: told apart without seeing colours."""
    return {"color": colour(index), "marker": MARKERS[index % len(MARKERS)]}


def arm_line(index: int) -> dict[str, Any]:
    """Colour, marker and dashes of an arm's curve."""
    return {**arm_mark(index), "markersize": 5, "linestyle": DASHES[index % len(DASHES)]}


def legend_above(figure: Figure, columns: int = 4, axes: Axes | None = None) -> None:
    """The arms' legend outside the panels: of every panel's labels, or of those of `axes` alone; none where nothing has one."""
    panels = figure.axes if axes is None else [axes]
    if not any(panel.get_legend_handles_labels()[1] for panel in panels):
        return
    entries = () if axes is None else axes.get_legend_handles_labels()
    figure.legend(*entries, loc="outside upper right", ncols=columns)


def name_rows(axes: Axes, names: Sequence[str]) -> None:
    """A row of the vertical axis for each name, without grid lines through the rows."""
    axes.set_yticks(range(len(names)), names)
    axes.grid(axis="y", visible=False)


def log_axis(axes: Axes) -> None:
    """A logarithmic horizontal axis that names its powers of ten only."""
    axes.set_xscale("log")
    axes.xaxis.set_minor_formatter(NullFormatter())


def standalone_svg(plot: Plot) -> str:
    """A light SVG file with the page's paper behind it."""
    plot.figure.set_facecolor(PAPER)
    text = _svg(plot)
    plot.figure.set_facecolor("none")
    return text


def png(plot: Plot) -> bytes:
    buffer = io.BytesIO()
    with matplotlib.rc_context(STYLE):
        plot.figure.savefig(buffer, format="png", dpi=150, facecolor=PAPER, metadata={"Software": None})
    return buffer.getvalue()


def inline_svg(plot: Plot, prefix: str) -> Markup:
    """The plot as an `svg` element for the page: themed, scalable, named for screen readers, its ids unique."""
    text = _svg(plot)
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


def _svg(plot: Plot) -> str:
    buffer = io.StringIO()
    with matplotlib.rc_context({**STYLE, "svg.hashsalt": plot.name}):
        plot.figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return buffer.getvalue()
