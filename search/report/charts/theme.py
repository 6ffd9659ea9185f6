"""Colours, markers and dashes of the report's figures: those of an arm are the same in every one of them."""

from __future__ import annotations

from typing import Any

# Figures are described in the light theme's colours; in the page each becomes the variable of its role in style.css.
INK, FAINT, PAPER = "#1c2126", "#8a929b", "#fdfdfc"
SERIES = ("#2467a8", "#c4511d", "#17836c", "#8450ad", "#a87900", "#bb3a75", "#4b7f27", "#5c6875")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
DASHES: tuple[Any, ...] = (
    "-", "--", "-.", (0, (5, 1, 1, 1, 1, 1)), ":", (0, (7, 2)), (0, (3, 1, 1, 1)), (0, (1, 2)),
)  # fmt: skip
ROLES = {INK: "--ink", FAINT: "--faint", PAPER: "--paper", **{c: f"--series-{n}" for n, c in enumerate(SERIES)}}

# The same for Plotly.
SYMBOLS = dict(
    zip(MARKERS, ("circle", "square", "triangle-up", "diamond", "triangle-down", "cross", "x", "star"), strict=True)
)
PLOTLY_DASHES = (
    "solid", "dash", "dashdot", "7px,2px,2px,2px,2px,2px", "dot", "longdash", "4px,2px,1px,2px", "1px,3px",
)  # fmt: skip


def colour(index: int) -> str:
    """Of the arm with this index, the same in every figure."""
    return SERIES[index % len(SERIES)]


def variable(shade: str) -> str:
    """A colour as the page's style has it: `var(--series-0)`; one without a role as it is."""
    return f"var({ROLES[shade]})" if shade in ROLES else shade
