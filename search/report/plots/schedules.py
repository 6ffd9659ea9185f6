"""Every schedule that a search tried: what is left of the network against the training done, and where that ended."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize

from search.config_file import key_tree
from search.evidence.formats import percent
from search.report.plots.drawing import INK, Plot, new_figure
from search.report.plots.settings import finished_search
from search.run.best import by_configuration
from search.run.results import RunResults
from search.run.trials import RecordedTrial

WORDS = {
    "prune.schedule.kind": "{}",
    "prune.schedule.kept": "kept {}",
    "prune.schedule.states": "{} events",
    "train.epochs_rule": "epochs {}",
    "train.first_event": "first after {:.0%}",
}
"""Keys that decide how much is left when, in the order in which a schedule is named by their values."""
COLUMNS = 2
NAME_WIDTH = 34
"""Letters that a panel has room for above it."""
SHADES = ("#7c3f9e", "#c8466f", "#e0862f")
"""Of the least to the most accurate: as far from the paper of the light theme as from that of the dark one."""
STEPS = 24
"""Shades in all; of many more the scale beside the panels would be an image in the page, and not drawn."""


@dataclass(frozen=True)
class Tried:
    """One configuration of an arm. `done` are shares of all epochs and `left` percentages of the dense MACs, the two ends of
    each state in turn; `accuracy` is the mean over the search's seeds at the last state."""

    trial: RecordedTrial
    accuracy: float
    done: tuple[float, ...]
    left: tuple[float, ...]

    @property
    def configuration(self) -> tuple[int, int]:
        return self.trial.identity.replicate, self.trial.identity.number


def schedule_plot(results: RunResults) -> Plot | None:
    """A panel for each arm that searched its schedule, every finished one a curve; None where no arm did.

    A state has from its beginning the size that it ends with: RSST removes within a state what its event has chosen.
    """
    tried = {arm: found for arm in results.arm_names if (found := tried_schedules(results, arm))}
    if not tried:
        return None
    accuracies = [100 * one.accuracy for found in tried.values() for one in found]
    shades = ScalarMappable(Normalize(min(accuracies), max(accuracies)), _colours())
    columns = min(COLUMNS, len(tried))
    rows = -(-len(tried) // columns)
    described = []
    with new_figure(height=0.6 + 3.2 * rows) as figure:
        panels = np.ravel(figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True))
        for axes, (arm, found) in zip(panels, tried.items(), strict=False):
            best = _chosen(results, arm, found)
            _draw_schedules(axes, found, best, shades)
            name = "" if best is None else schedule_name(best.trial.values)
            axes.set_title("\n".join([arm, *_lines(name)]), fontsize=9)
            described.append(_described(arm, name, best, found))
        for axes in panels[len(tried) :]:
            axes.set_visible(False)
        for axes in panels[::columns]:
            axes.set_ylabel("MACs left, % of dense")
        figure.supxlabel("training done, % of all epochs", fontsize=10)
        figure.colorbar(shades, ax=list(panels[: len(tried)]), label="validation accuracy, %")
    words = f"MACs left against training done, for every schedule that was tried. {'; '.join(described)}."
    return Plot("schedules", words, figure)


def tried_schedules(results: RunResults, arm: str) -> list[Tried]:
    """An arm's finished configurations, the least accurate first; none where it did not search its schedule."""
    trials = [trial for trial in finished_search(results, arm) if trial.traits.makes_smaller]
    if len({str(schedule_values(trial.values)) for trial in trials}) < 2:
        return []
    return sorted(map(_tried, by_configuration(trials).values()), key=lambda one: one.accuracy)


def schedule_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """Of a configuration's searched values those that make its schedule, each by its own key."""
    leaves = dict(leaf for key, value in values.items() for leaf in key_tree.leaves(key_tree.nested(key, value)))
    others = [key for key in leaves if key not in WORDS and key_tree.within(key, "prune.schedule")]
    return {key: leaves[key] for key in (*WORDS, *others) if key in leaves}


def schedule_name(values: Mapping[str, Any]) -> str:
    """`cubic, 4 events, epochs last_heavy, first after 25 %`: the same in words."""
    return ", ".join(_in_words(key, value) for key, value in schedule_values(values).items())


def _in_words(key: str, value: Any) -> str:
    plain = f"({', '.join(f'{one:g}' for one in value)})" if isinstance(value, list | tuple) else value
    text = WORDS.get(key, f"{key.rpartition('.')[2]} {{}}").format(plain)
    return re.sub(r"(?<=\d)%", " %", text)


def _lines(name: str) -> list[str]:
    """A schedule's name in lines that a panel has room for, broken between its values and not within one."""
    tied = name.replace(" ", "\u00a0").replace(",\u00a0", ", ")
    return textwrap.wrap(tied, NAME_WIDTH)


def _tried(trials: Sequence[RecordedTrial]) -> Tried:
    """One configuration's trials, a seed each, as the curve of its first."""
    first = min(trials, key=lambda trial: trial.identity.seed)
    begins = [0, *(end.epochs for end in first.states[:-1])]
    spans = [(begin, end.epochs) for begin, end in zip(begins, first.states, strict=True)]
    return Tried(
        trial=first,
        accuracy=fmean(trial.last.val_accuracy for trial in trials),
        done=tuple(100 * place / first.last.epochs for span in spans for place in span),
        left=tuple(100 * end.macs / first.dense_macs for end in first.states for _ in range(2)),
    )


def _chosen(results: RunResults, arm: str, found: Sequence[Tried]) -> Tried | None:
    """The configuration that the study's objective chooses for the arm."""
    best = results.best_of_arm(arm)
    wanted = best and (best.identity.replicate, best.identity.number)
    return next((one for one in found if one.configuration == wanted), None)


def _draw_schedules(axes: Axes, found: Sequence[Tried], best: Tried | None, shades: ScalarMappable) -> None:
    colours = shades.to_rgba(np.array([100 * one.accuracy for one in found]))
    for one, colour in zip(found, colours, strict=True):
        axes.plot(one.done, one.left, color=colour, linewidth=1.2, alpha=0.75)
    if best is not None:
        axes.plot(best.done, best.left, color=INK, linewidth=5)
        axes.plot(best.done, best.left, color=colours[found.index(best)], linewidth=3)
    axes.set_ylim(0, 104)


def _described(arm: str, name: str, best: Tried | None, found: Sequence[Tried]) -> str:
    low, high = percent(found[0].accuracy), percent(found[-1].accuracy)
    text = f"{arm}: {len(found)} schedules, {low} to {high}"
    return text if best is None else f"{text}, chosen {name} at {percent(best.accuracy)}"


def _colours() -> LinearSegmentedColormap:
    return LinearSegmentedColormap.from_list("accuracy", SHADES, N=STEPS)
