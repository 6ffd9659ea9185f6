"""Which settings matter: searched keys against accuracy, parallel coordinates, learning rate by epochs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from search.evidence.winner import setting_text
from search.report.charts.chart import Axis, Chart, ColourScale, Panel, Parallel, ParallelAxis, Series, arm_dots
from search.report.charts.drawing import Plot
from search.report.charts.static import plot_of
from search.report.charts.theme import colour
from search.run.results import RunResults
from search.run.trials import RecordedTrial
from search.space.distributions import Choice

COLUMNS = 3
VIRIDIS = ("#440154", "#3b528b", "#21918c", "#5ec962", "#fde725")
RATE_KEY, EPOCH_KEYS = "train.lr", ("train.epochs_per_state", "train.epochs_total")


@dataclass(frozen=True)
class Scale:
    """How a searched key's values are laid out: numbers as they are or by logarithm, anything else by name."""

    key: str
    names: tuple[str, ...]
    ends: tuple[Any, Any]
    log: bool

    def place(self, value: Any) -> float:
        if self.names:
            return float(self.names.index(str(value)))
        return math.log10(value) if self.log else float(value)

    @property
    def span(self) -> tuple[float, float]:
        low, high = (self.place(end) for end in self.ends)
        return low, high

    @property
    def label(self) -> str:
        return f"{self.key} (log)" if self.log else self.key


def scale_of(trials: Sequence[RecordedTrial], key: str, log: bool | None = None) -> Scale:
    """`log` as the search had it; None where that is to be told by how far the values lie apart."""
    values = [trial.values[key] for trial in trials if key in trial.values]
    if not all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        names = sorted({str(value) for value in values})
        return Scale(key, tuple(names), (names[0], names[-1]), False)
    low, high = min(values), max(values)
    return Scale(key, (), (low, high), low > 0 and (high / low >= 10 if log is None else log))


def searched_by_log(results: RunResults, key: str) -> bool | None:
    """Whether the study searches a key by its logarithm; None where it lists the values, or does not say."""
    found = [
        one.distribution
        for arm in results.study.arms.values()
        for one in arm.parameters
        if one.key == key and not isinstance(one.distribution, Choice)
    ]
    return any(one.log for one in found) if found else None


def finished_search(results: RunResults, arm: str) -> list[RecordedTrial]:
    return [trial for trial in results.searched(arm) if trial.finished and trial.values]


def all_finished(results: RunResults) -> list[RecordedTrial]:
    return [trial for arm in results.arm_names for trial in finished_search(results, arm)]


def varied_keys(trials: Sequence[RecordedTrial]) -> list[str]:
    """Searched keys of which at least two values were tried, by name."""
    keys = sorted({key for trial in trials for key in trial.values})
    return [key for key in keys if len({str(trial.values[key]) for trial in trials if key in trial.values}) > 1]


def settings_against_accuracy(results: RunResults) -> Plot | None:
    """A panel per searched key: its value against the last state's validation accuracy, every arm's search trials."""
    trials = all_finished(results)
    keys = varied_keys(trials)
    if not keys:
        return None
    panels = [_panel(results, scale_of(trials, key, searched_by_log(results, key))) for key in keys]
    rows = math.ceil(len(keys) / COLUMNS)
    words = f"Validation accuracy against {', '.join(keys)}, for {len(trials)} search trials."
    chart = Chart(panels=tuple(panels), columns=COLUMNS, height=0.5 + 2.3 * rows, shared_y=True)
    return plot_of("settings", words, chart)


def _panel(results: RunResults, scale: Scale) -> Panel:
    series = []
    for index, arm in enumerate(results.arm_names):
        shown = [trial for trial in finished_search(results, arm) if scale.key in trial.values]
        values = [trial.values[scale.key] for trial in shown]
        # An arm without the setting keeps its entry in the one legend.
        series.append(
            arm_dots(
                index, [scale.place(value) if scale.names else value for value in values],
                [100 * trial.last.val_accuracy for trial in shown], group=arm, entry=arm,
                refs=[(trial.id, None) for trial in shown],
            )
        )  # fmt: skip
    return Panel(
        x=Axis(label=scale.label, log=scale.log, names=scale.names),
        y=Axis(label="validation accuracy, %"),
        series=tuple(series),
    )


def parallel_coordinates(results: RunResults) -> Plot | None:
    """Every finished search trial as a line over its searched keys to its accuracy; None with fewer than two keys."""
    trials = all_finished(results)
    keys = varied_keys(trials)
    if len(keys) < 2 or len(trials) < 4:
        return None
    names = results.arm_names
    scales = [scale_of(trials, key, searched_by_log(results, key)) for key in keys]
    accuracies = [100 * trial.last.val_accuracy for trial in trials]
    low, high = min(accuracies), max(accuracies)
    reached = ParallelAxis("validation accuracy", low, high, ((low, f"{low:.1f} %"), (high, f"{high:.1f} %")))
    parallel = Parallel(
        axes=(*map(_parallel_axis, scales), reached),
        places=tuple(
            (*(_place(scale, trial) for scale in scales), accuracy)
            for trial, accuracy in zip(trials, accuracies, strict=True)
        ),
        refs=tuple((trial.id, None) for trial in trials),
        groups=tuple(trial.identity.arm for trial in trials),
        strengths=tuple((one - low) / (high - low) if high > low else 0.5 for one in accuracies),
        entries=tuple((arm, colour(index)) for index, arm in enumerate(names)),
    )
    words = (
        f"{len(trials)} search trials over {', '.join(keys)}, to validation accuracies of {low:.1f} to {high:.1f} %."
    )
    return plot_of("parallel-coordinates", words, Chart(parallel=parallel, height=4.0))


def _place(scale: Scale, trial: RecordedTrial) -> float | None:
    """None where the trial's arm does not have the setting."""
    return scale.place(trial.values[scale.key]) if scale.key in trial.values else None


def _parallel_axis(scale: Scale) -> ParallelAxis:
    low, high = scale.span
    if scale.names:
        ticks = tuple((float(place), name) for place, name in enumerate(scale.names))
    else:
        ticks = tuple((place, setting_text(float(end))) for place, end in zip((low, high), scale.ends, strict=True))
    return ParallelAxis(scale.label, low, high, ticks, scale.log)


def rate_by_epochs(results: RunResults) -> Plot | None:
    """Learning rate against epochs, coloured by accuracy, per arm; None unless both were searched."""
    searched_keys = varied_keys(all_finished(results))
    epochs = next((key for key in EPOCH_KEYS if key in searched_keys), None)
    if epochs is None or RATE_KEY not in searched_keys:
        return None
    tried = {
        arm: trials
        for arm in results.arm_names
        if (trials := [trial for trial in finished_search(results, arm) if {epochs, RATE_KEY} <= trial.values.keys()])
    }
    if not tried:
        return None
    accuracies = [100 * trial.last.val_accuracy for trials in tried.values() for trial in trials]
    rate_log = searched_by_log(results, RATE_KEY) is not False
    panels = []
    for arm, trials in tried.items():
        heights = [100 * trial.last.val_accuracy for trial in trials]
        dots = Series(
            shape="dots", x=tuple(float(trial.values[RATE_KEY]) for trial in trials),
            y=tuple(float(trial.values[epochs]) for trial in trials), values=tuple(heights),
            labels=tuple(f"{height:.0f}" for height in heights), refs=tuple((trial.id, None) for trial in trials), group=arm,
            size=8.4,
        )  # fmt: skip
        panels.append(
            Panel(title=arm, x=Axis(label=RATE_KEY, log=rate_log), y=Axis(label=epochs, whole=True), series=(dots,))
        )
    scale = ColourScale("validation accuracy, %", min(accuracies), max(accuracies), VIRIDIS)
    chart = Chart(
        panels=tuple(panels), columns=len(panels), height=3.4, shared_x=True, shared_y=True, scale=scale
    )  # fmt: skip
    return plot_of(
        "rate-by-epochs", f"Validation accuracy over learning rate and {epochs} for {', '.join(tried)}.", chart
    )
