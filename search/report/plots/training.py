"""How the arms' chosen networks trained: accuracy and loss by epoch over all states, and where units went."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from pruning.catalogue import RsstConfig
from search.evidence.selection import final_trial
from search.report.charts.chart import Axis, Chart, Mark, Panel, Series, arm_line
from search.report.charts.drawing import Plot
from search.report.charts.static import plot_of
from search.report.charts.theme import colour
from search.run.results import RunResults
from search.run.trials import RecordedTrial

Line = Mapping[str, Any]


def training_plot(results: RunResults) -> Plot | None:
    """Of each arm the trial that `export --arm` takes; None where no epochs were recorded."""
    chosen = [(index, final_trial(results, arm)) for index, arm in enumerate(results.arm_names)]
    told = [(index, trial, _epochs(trial)) for index, trial in chosen if trial is not None]
    told = [(index, trial, lines) for index, trial, lines in told if lines]
    if not told:
        return None
    panels = (
        _panel(told, "accuracy", "accuracy, %", 100.0),
        _panel(told, "loss", "loss", 1.0),
    )
    described = [
        f"{trial.id}: {len(lines)} epochs, to a validation accuracy of {100 * trial.last.val_accuracy:.1f} %"
        for _, trial, lines in told
    ]
    words = f"Accuracy and loss by epoch of each arm's chosen network. {'; '.join(described)}."
    return plot_of("training", words, Chart(panels=panels, columns=1, height=6.0, shared_x=True, x_label="epochs"))


def _epochs(trial: RecordedTrial) -> list[Line]:
    return [line for line in trial.record.epochs if "epochs_total" in line] if trial.record else []


def _panel(told: Sequence[tuple[int, RecordedTrial, list[Line]]], quantity: str, label: str, unit: float) -> Panel:
    series: list[Series] = []
    marks: list[Mark] = []
    for index, trial, lines in told:
        arm = trial.identity.arm
        for split, dash in (("val", 0), ("train", 4)):
            there = [line for line in lines if line.get(f"{split}_{quantity}") is not None]
            series.append(
                arm_line(
                    index, [line["epochs_total"] for line in there], [unit * line[f"{split}_{quantity}"] for line in there],
                    group=arm, entry=f"{arm} ({trial.id})" if split == "val" else "", refs=_refs(trial, there),
                    texts=["validation" if split == "val" else "training images"] * len(there), marker=False, dash=dash,
                    width=1.8 if split == "val" else 1.0,
                )
            )  # fmt: skip
        places = removals(lines, removed_after(trial), trial.epochs_of_states)
        marks += [Mark(axis="x", at=place, colour=colour(index), dash=1, group=arm, opacity=0.45) for place in places]
    return Panel(y=Axis(label=label), x=Axis(whole=True), series=tuple(series), marks=tuple(marks))


def _refs(trial: RecordedTrial, lines: Sequence[Line]) -> list[tuple[str, int | None]]:
    return [(trial.id, line.get("state")) for line in lines]


def removed_after(trial: RecordedTrial) -> float | None:
    """The share of a state's training after which a method that shrinks its units removes them; None of any other, which
    does so before."""
    if not trial.traits.shrinks:
        return None
    settings = {**RsstConfig().model_dump(), **trial.config.get("prune", {}).get("rsst", {})}
    return min(1.0, float(settings["ramp"]) + float(settings["hold"]))


def removals(lines: Sequence[Line], share: float | None = None, epochs: Sequence[int] = ()) -> list[float]:
    """Where units went, in epochs trained until then.

    With `share`, after that share of the state's `epochs`, never outside the epoch whose record first tells of it. Without,
    before the state's first epoch; in the middle of a later one if its record is the first to tell.
    """
    places = []
    begun: dict[Any, float] = {}
    for line in lines:
        begun.setdefault(line.get("state"), float(line["epochs_total"]) - 1.0)
    for before, line in pairwise(lines):
        if line.get("removed_percent", 0.0) <= before.get("removed_percent", 0.0):
            continue
        end, state = float(line["epochs_total"]), line.get("state")
        if share is not None and isinstance(state, int) and state < len(epochs):
            places.append(min(max(begun[state] + share * epochs[state], end - 1.0), end))
        else:
            places.append(end - (1.0 if state != before.get("state") else 0.5))
    return places
