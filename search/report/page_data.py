"""What the page's script draws from: each run's trials, charts and kept structures, as JSON that is safe in a page."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from markupsafe import Markup

from models.errors import UserError
from models.units.structure import KINDS, WORDS, Structure
from search.evidence.selection import final_trial
from search.report.charts.interactive import chart_json
from search.report.charts.theme import colour, variable
from search.report.page import RunReport
from search.report.trial_table import COLUMN_KINDS, trial_rows
from search.run.candidates import Candidate, all_candidates, pareto
from search.run.results import RunResults
from trainables.files.json_lines import finite_json

MOST_STRUCTURES = 400
"""States whose kept units are in the page; of more those on the front and those that stand for an arm."""
UNSAFE = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


def page_data(runs: Sequence[RunReport]) -> Markup:
    """For a `script` element: no text of a run can end it, or be read as anything but JSON."""
    text = finite_json({"kinds": COLUMN_KINDS, "runs": [_run_json(run) for run in runs]}, separators=(",", ":"))
    for letter, escaped in UNSAFE.items():
        text = text.replace(letter, escaped)
    return Markup(text)


def _run_json(run: RunReport) -> dict[str, Any]:
    trials = [row.to_json() for row in trial_rows(run.results)]
    rows = {trial[0]: index for index, trial in enumerate(trials)}
    names = run.results.arm_names
    return {
        "trials": trials,
        "colours": {arm: variable(colour(index)) for index, arm in enumerate(names)},
        "charts": {plot.name: chart_json(plot.chart, rows) for plot in run.plots if plot.chart is not None},
        **_structures(run.results, rows),
    }


def _structures(results: RunResults, rows: dict[str, int]) -> dict[str, Any]:
    """`of`: `ROW:STATE` → a layout's index and the percentage kept of each of its groups; `shown` is the chosen network's."""
    layouts: list[list[list[str]]] = []
    of: dict[str, Any] = {}
    for one in _shown(results):
        if not one.state.structure:
            continue
        groups = Structure.from_json(one.state.structure).groups
        layout = [[name, WORDS[group.kind]] for kind in KINDS for name, group in groups.items() if group.kind == kind]
        if layout not in layouts:
            layouts.append(layout)
        shares = [round(100 * len(groups[name].kept) / groups[name].total, 1) for name, _ in layout]
        of[f"{rows[one.trial.id]}:{one.state.state}"] = [layouts.index(layout), shares]
    chosen = final_trial(results)
    shown = f"{rows[chosen.id]}:{chosen.last.state}" if chosen else None
    return {"layouts": layouts, "of": of, "shown": shown if shown in of else None}


def _shown(results: RunResults) -> Iterable[Candidate]:
    candidates = all_candidates(results)
    if len(candidates) <= MOST_STRUCTURES:
        return candidates
    stand_for = [trials[0] for arm in results.arm_names for trials in results.by_recipe(arm).values()]
    of_arms = [Candidate(trial, state) for trial in stand_for if not trial.traits.masks for state in trial.states]
    return {one.name: one for one in [*pareto(candidates, "macs"), *of_arms]}.values()


@cache
def plotly_packed() -> Markup:
    """Plotly's script, gzipped and in base64: two megabytes in the page instead of five, unpacked by the browser."""
    spec = find_spec("plotly")
    place = Path(spec.origin).parent / "package_data" / "plotly.min.js" if spec and spec.origin else None
    if place is None or not place.exists():
        raise UserError("report: Plotly's plotly.min.js is not installed; install plotly, or use --static")
    return Markup(base64.b64encode(gzip.compress(place.read_bytes(), mtime=0)).decode())


def script(*names: str) -> Markup:
    """The page's own scripts, in one function."""
    folder = Path(__file__).with_name("templates")
    return Markup("\n".join(folder.joinpath(name).read_text(encoding="utf-8") for name in names))
