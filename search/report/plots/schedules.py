"""Every schedule that a search tried: what is left of the network against the training done, and where that ended."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from search.config_file import key_tree
from search.evidence.formats import percent
from search.report.charts.chart import Axis, Chart, ColourScale, Panel, Series
from search.report.charts.drawing import Plot
from search.report.charts.static import plot_of, shade_of
from search.report.charts.theme import INK
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
    scale = ColourScale("validation accuracy, %", min(accuracies), max(accuracies), SHADES)
    described, panels = [], []
    for arm, found in tried.items():
        best = _chosen(results, arm, found)
        name = "" if best is None else schedule_name(best.trial.values)
        panels.append(
            Panel(
                title="\n".join([arm, *_lines(name)]),
                y=Axis(label="MACs left, % of dense", span=(0, 104)),
                series=tuple(_series(found, best, scale)),
            )
        )
        described.append(_described(arm, name, best, found))
    chart = Chart(
        panels=tuple(panels), columns=COLUMNS, height=0.6 + 3.2 * -(-len(tried) // COLUMNS), shared_x=True, shared_y=True,
        x_label="training done, % of all epochs", scale=scale,
    )  # fmt: skip
    words = f"MACs left against training done, for every schedule that was tried. {'; '.join(described)}."
    return plot_of("schedules", words, chart)


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


def _series(found: Sequence[Tried], best: Tried | None, scale: ColourScale) -> list[Series]:
    def line(one: Tried, shade: str, width: float, opacity: float) -> Series:
        refs = ((one.trial.id, None),) * len(one.done)
        said = (f"{schedule_name(one.trial.values)}: {percent(one.accuracy)}",) * len(one.done)
        return Series(
            shape="line", x=one.done, y=one.left, colour=shade, width=width, opacity=opacity, refs=refs, texts=said
        )

    drawn = [line(one, shade_of(scale, 100 * one.accuracy), 1.2, 0.75) for one in found]
    if best is None:
        return drawn
    return [*drawn, line(best, INK, 5, 1.0), line(best, shade_of(scale, 100 * best.accuracy), 3, 1.0)]


def _described(arm: str, name: str, best: Tried | None, found: Sequence[Tried]) -> str:
    low, high = percent(found[0].accuracy), percent(found[-1].accuracy)
    text = f"{arm}: {len(found)} schedules, {low} to {high}"
    return text if best is None else f"{text}, chosen {name} at {percent(best.accuracy)}"
