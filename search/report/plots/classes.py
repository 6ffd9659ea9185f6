"""Accuracy of the chosen network on each class of the test split."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from safetensors import SafetensorError, safe_open

from search.evidence.by_class import ClassAccuracy, accuracy_by_class
from search.evidence.selection import final_trial
from search.report.charts.chart import Axis, Chart, Mark, Panel, Series, arm_dots
from search.report.charts.drawing import Plot
from search.report.charts.static import plot_of
from search.report.charts.theme import FAINT
from search.run.candidates import Candidate
from search.run.results import RunResults
from search.run.trials import RecordedTrial
from trainables.files.remote.at_need import fetched

MOST_CLASSES = 40
"""Of more, those are shown that the network knows worst."""
HEADER = "prunetune"


def classes_plot(results: RunResults) -> Plot | None:
    """Of the network that the run chose, as the final test looks at it; None where its predictions were not kept."""
    trial = final_trial(results)
    found = accuracy_by_class(Candidate(trial, trial.last)) if trial is not None else []
    if trial is None or not found:
        return None
    names = class_names(trial)
    classes, worst = len(found), sorted(found, key=lambda one: one.accuracy)
    mean = 100 * sum(one.right for one in found) / sum(one.images for one in found)
    rows = [Row(_name(one.label, names), one) for one in (worst[:MOST_CLASSES] if classes > MOST_CLASSES else found)]
    index = results.arm_names.index(trial.identity.arm)
    panel = Panel(
        x=Axis(label="test accuracy, %"),
        y=Axis(names=tuple(row.name for row in rows)),
        series=tuple(_series(index, rows, trial)),
        marks=(Mark(axis="x", at=mean),),
    )
    least = ", ".join(f"{_name(one.label, names)} {100 * one.accuracy:.1f} %" for one in worst[:3])
    words = f"Test accuracy of {trial.id} by class. Least: {least}; {mean:.1f} % over all."
    which = f"the {MOST_CLASSES} of {classes} classes that it knows worst" if classes > MOST_CLASSES else "each class"
    caption = (
        f"{trial.id}, the network that was chosen on validation: {which} of the test split, with Wilson's 95 % interval of "
        "each by itself; the line is its accuracy over all images. A description: nothing was chosen by it."
    )
    return plot_of("classes", words, Chart(panels=(panel,), height=1.1 + 0.24 * len(rows)), caption=caption)


class Row(NamedTuple):
    """Of the figure."""

    name: str
    of: ClassAccuracy


def _name(label: int, names: list[str]) -> str:
    return names[label] if label < len(names) else f"class {label}"


def _series(index: int, rows: list[Row], trial: RecordedTrial) -> list[Series]:
    bars = []
    for place, row in enumerate(rows):
        low, high = row.of.interval
        ends = (100 * low, 100 * high)
        bars.append(
            Series(shape="line", x=ends, y=(float(place),) * 2, colour=FAINT, width=2, group=trial.identity.arm)
        )
    dots = arm_dots(
        index, [100 * row.of.accuracy for row in rows], range(len(rows)), group=trial.identity.arm,
        texts=[f"{row.of.right} of {row.of.images} images right" for row in rows], size=6.5, opacity=1.0,
    )  # fmt: skip
    return [*bars, dots]


def class_names(trial: RecordedTrial) -> list[str]:
    """The data's names of its classes, as the file of the trial's last network has them; empty where it has none."""
    file = Candidate(trial, trial.last).file
    found = _metadata(fetched(file)).get("class_names") if file else None
    return [str(name) for name in found or ()]


def _metadata(path: Path) -> dict[str, Any]:
    """What a network's file says beside its tensors, read without torch; of one that cannot be read `export` tells."""
    try:
        with safe_open(str(path), framework="numpy") as file:
            header = json.loads((file.metadata() or {}).get(HEADER, "{}"))
    except (SafetensorError, OSError, ValueError):
        return {}
    metadata: dict[str, Any] = header.get("metadata", {})
    return metadata
