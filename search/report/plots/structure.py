"""Which layers an arm kept: heat maps of the kept share, layer by state."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.units.structure import KINDS, WORDS, Structure
from search.evidence.formats import whole_percent
from search.report.charts.chart import Axis, Chart, Panel, Series
from search.report.charts.drawing import Plot
from search.report.charts.static import plot_of
from search.report.charts.theme import colour
from search.run.results import RunResults
from search.run.trials import RecordedTrial


def kept_structures(results: RunResults, arm: str, index: int) -> list[Plot]:
    """Mean share of units kept in each group after each state, a panel per kind: one plot, or one for each recipe where
    these have different schedules; none where no structure is known, or none of it was removed."""
    known = {
        name: [trial for trial in trials if trial.states and trial.states[0].structure]
        for name, trials in results.by_recipe(arm).items()
    }
    return [_kept_structure(name, trials, index) for name, trials in known.items() if any(map(_gets_smaller, trials))]


def _gets_smaller(trial: RecordedTrial) -> bool:
    structures = [Structure.from_json(end.structure) for end in trial.states]
    return any(one.kept_of_kind() != one.total_of_kind() for one in structures)


def _kept_structure(arm: str, trials: Sequence[RecordedTrial], index: int) -> Plot:
    kinds = Structure.from_json(trials[0].states[0].structure).total_of_kind()
    panels = [(kind, *_shares(trials, kind)) for kind in KINDS if kind in kinds]
    rows = max(len(names) for _, names, _ in panels)
    chart = Chart(
        panels=tuple(_panel(kind, names, shares, index) for kind, names, shares in panels),
        columns=len(panels),
        height=1.3 + 0.26 * rows,
    )
    last = "; ".join(f"{WORDS[kind]} {_described(names, shares)}" for kind, names, shares in panels)
    words = f"Kept share by layer for {arm}. After the last state: {last}."
    file = re.sub(r"[^\w-]+", "-", arm.replace("'s", ""))
    return plot_of(f"kept-structure-{file}", words, chart, arm=arm, trials=len(trials))


def _panel(kind: str, names: Sequence[str], shares: NDArray[np.float64], index: int) -> Panel:
    cells = [(column, row, float(share)) for (row, column), share in np.ndenumerate(shares)]
    series = Series(
        shape="cells",
        x=tuple(float(column) for column, _, _ in cells),
        y=tuple(float(row) for _, row, _ in cells),
        values=tuple(share for _, _, share in cells),
        labels=tuple(whole_percent(share) for _, _, share in cells),
        colour=colour(index),
    )
    return Panel(
        title=f"{WORDS[kind]} kept, %",
        x=Axis(label="state", names=tuple(map(str, range(shares.shape[1])))),
        y=Axis(names=tuple(_short(name) for name in names)),
        series=(series,),
    )


def _shares(trials: Sequence[RecordedTrial], kind: str) -> tuple[list[str], NDArray[np.float64]]:
    count = min(len(trial.states) for trial in trials)
    first = Structure.from_json(trials[0].states[0].structure)
    names = [name for name, group in first.groups.items() if group.kind == kind]
    shares = np.zeros((len(names), count))
    for trial in trials:
        for state in range(count):
            groups = Structure.from_json(trial.states[state].structure).groups
            shares[:, state] += [len(groups[name].kept) / groups[name].total for name in names]
    return names, shares / len(trials)


def _short(name: str) -> str:
    """`blocks.3.attn` → `3`: the panel's title says the kind."""
    match = re.fullmatch(r"blocks\.(\d+)\.\w+", name)
    return f"block {match[1]}" if match else name


def _described(names: Sequence[str], shares: NDArray[np.float64]) -> str:
    return ", ".join(
        f"{_short(name)} {whole_percent(share)} %" for name, share in zip(names, shares[:, -1], strict=True)
    )
