"""How the arms' chosen networks trained: accuracy and loss by epoch over all states, and where units went."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

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
        marks += [
            Mark(axis="x", at=place, colour=colour(index), dash=1, group=arm, opacity=0.45) for place in removals(lines)
        ]
    return Panel(y=Axis(label=label), x=Axis(whole=True), series=tuple(series), marks=tuple(marks))


def _refs(trial: RecordedTrial, lines: Sequence[Line]) -> list[tuple[str, int | None]]:
    return [(trial.id, line.get("state")) for line in lines]


def removals(lines: Sequence[Line]) -> list[float]:
    """Where units went, in epochs trained until then: before a state's first epoch, or in the course of a later one, which is
    put in its middle."""
    places = []
    for before, line in pairwise(lines):
        if line.get("removed_percent", 0.0) > before.get("removed_percent", 0.0):
            first = line.get("state") != before.get("state")
            places.append(float(line["epochs_total"]) - (1.0 if first else 0.5))
    return places
