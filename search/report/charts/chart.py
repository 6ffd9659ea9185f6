"""A figure as its numbers: what matplotlib and Plotly both draw, so that neither can show others.

Colours are those of the light theme; the page makes each the variable of its role.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from search.report.charts.theme import DASHES, FAINT, INK, MARKERS, colour

Shape = Literal["line", "steps", "dots", "band", "bars", "cells"]
Ref = tuple[str, int | None]
"""A trial's id and a state of it, which a point stands for; without a state its whole course."""


@dataclass(frozen=True, kw_only=True)
class Axis:
    """One axis of a panel. Numbers stand where they are, `names` at 0, 1, …"""

    label: str = ""
    log: bool = False
    falling: bool = False
    """From the largest value to the smallest."""
    whole: bool = False
    """Ticks at integers alone."""
    names: tuple[str, ...] = ()
    span: tuple[float, float] | None = None


@dataclass(frozen=True, kw_only=True)
class Series:
    """Points of one shape and colour. `group` is what is shown and hidden together, `entry` its name in the legend.

    A band lies between `y` and `upper`. Bars lie along x, in rows y. Cells are columns x of rows y, filled by `values` in
    [0, 1]; dots with `values` are coloured by them, on the chart's scale.
    """

    shape: Shape
    x: tuple[float, ...]
    y: tuple[float, ...]
    upper: tuple[float, ...] = ()
    values: tuple[float, ...] = ()
    labels: tuple[str, ...] = ()
    """Written at the points."""
    refs: tuple[Ref, ...] = ()
    mean: bool = False
    """Whether its points are means, and `refs` only one of the trials in each."""
    texts: tuple[str, ...] = ()
    """Said of a point beside its place, where more is to be said than its trial."""
    colour: str = INK
    group: str = ""
    entry: str = ""
    marker: str = ""
    hollow: bool = False
    dash: int = 0
    width: float = 1.5
    size: float = 5.0
    """A marker's diameter in points; of bars the height in rows."""
    opacity: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Mark:
    """A line through the panel at `at` of an axis, or with `to` all between the two."""

    axis: Literal["x", "y"]
    at: float
    to: float | None = None
    colour: str = FAINT
    dash: int = 0
    group: str = ""
    opacity: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Panel:
    title: str = ""
    x: Axis = Axis()
    y: Axis = Axis()
    series: tuple[Series, ...] = ()
    marks: tuple[Mark, ...] = ()

    @property
    def empty(self) -> bool:
        return not any(one.x for one in self.series)


@dataclass(frozen=True)
class ColourScale:
    """Of `values`: shades from the low end to the high one, named by `label`."""

    label: str
    low: float
    high: float
    shades: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Parallel:
    """A line for each trial over axes beside each other. `places` are its heights, None where its arm lacks the setting."""

    axes: tuple[ParallelAxis, ...]
    places: tuple[tuple[float | None, ...], ...]
    refs: tuple[Ref, ...]
    groups: tuple[str, ...]
    """Of each line."""
    strengths: tuple[float, ...]
    """Of each line, in [0, 1]."""
    entries: tuple[tuple[str, str], ...]
    """(group, colour) of each entry of the legend."""


@dataclass(frozen=True)
class ParallelAxis:
    """`ticks` are (place, text), the lowest first; `log` says that places are powers of ten."""

    label: str
    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]
    log: bool = False


@dataclass(frozen=True, kw_only=True)
class Chart:
    """Panels beside each other in `columns`. `height` is in inches, of the whole."""

    panels: tuple[Panel, ...] = ()
    columns: int = 1
    height: float = 4.2
    shared_x: bool = False
    shared_y: bool = False
    x_label: str = ""
    """Of all panels together."""
    legend_columns: int = 4
    scale: ColourScale | None = None
    parallel: Parallel | None = None
    structures: bool = False
    """Whether what a network kept is shown beside the point that it stands for."""

    @property
    def empty(self) -> bool:
        return self.parallel is None and all(panel.empty for panel in self.panels)

    def entries(self) -> dict[str, Series]:
        """Entry of the legend → the first series that has it."""
        found: dict[str, Series] = {}
        for one in self.all_series():
            if one.entry:
                found.setdefault(one.entry, one)
        return found

    def all_series(self) -> Iterator[Series]:
        return (one for panel in self.panels for one in panel.series)


def arm_line(
    index: int, x: Sequence[float], y: Sequence[float], *, group: str, entry: str = "", refs: Sequence[Ref] = (),
    texts: Sequence[str] = (), hollow: bool = False, marker: bool = True, shape: Shape = "line", dash: int | None = None,
    width: float = 1.5, mean: bool = False,
) -> Series:  # fmt: skip
    """A curve of the arm with this index, told apart without seeing colours."""
    return Series(
        shape=shape, x=tuple(map(float, x)), y=tuple(map(float, y)), refs=tuple(refs), texts=tuple(texts),
        colour=colour(index), group=group, entry=entry, marker=MARKERS[index % len(MARKERS)] if marker else "",
        hollow=hollow, mean=mean, dash=(index if dash is None else dash) % len(DASHES), width=width,
    )  # fmt: skip


def arm_dots(
    index: int, x: Sequence[float], y: Sequence[float], *, group: str, entry: str = "", refs: Sequence[Ref] = (),
    texts: Sequence[str] = (), size: float = 5.0, opacity: float = 0.8,
) -> Series:  # fmt: skip
    """Marks of the arm with this index."""
    return Series(
        shape="dots", x=tuple(map(float, x)), y=tuple(map(float, y)), refs=tuple(refs), texts=tuple(texts),
        colour=colour(index), group=group, entry=entry, marker=MARKERS[index % len(MARKERS)], size=size, opacity=opacity,
    )  # fmt: skip
