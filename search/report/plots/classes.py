"""Accuracy of the chosen network on each class of the test split."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open

from search.evidence.paired.images import predictions
from search.evidence.selection import final_trial
from search.evidence.statistics import wilson_interval
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
    found = predictions(trial, trial.last.state) if trial is not None else None
    if trial is None or found is None or not len(found[1]):
        return None
    predicted, truth = found
    names = class_names(trial)
    rows = []
    for label in np.unique(truth):
        right = (predicted == truth)[truth == label]
        name = names[label] if label < len(names) else f"class {label}"
        rows.append((name, int(right.sum()), len(right)))
    classes = len(rows)
    if classes > MOST_CLASSES:
        rows = sorted(rows, key=lambda row: row[1] / row[2])[:MOST_CLASSES]
    mean = 100 * float((predicted == truth).mean())
    index = results.arm_names.index(trial.identity.arm)
    panel = Panel(
        x=Axis(label="test accuracy, %"),
        y=Axis(names=tuple(name for name, _, _ in rows)),
        series=tuple(_series(index, rows, trial)),
        marks=(Mark(axis="x", at=mean),),
    )
    worst = sorted(rows, key=lambda row: row[1] / row[2])[:3]
    words = f"Test accuracy of {trial.id} by class. Least: {', '.join(map(_told, worst))}; {mean:.1f} % over all."
    which = f"the {MOST_CLASSES} of {classes} classes that it knows worst" if classes > MOST_CLASSES else "each class"
    caption = (
        f"{trial.id}, the network that was chosen on validation: {which} of the test split, with Wilson's 95 % interval of "
        "each by itself; the line is its accuracy over all images. A description: nothing was chosen by it."
    )
    return plot_of("classes", words, Chart(panels=(panel,), height=1.1 + 0.24 * len(rows)), caption=caption)


def _series(index: int, rows: list[tuple[str, int, int]], trial: RecordedTrial) -> list[Series]:
    bars = []
    for place, (_, right, images) in enumerate(rows):
        low, high = wilson_interval(right, images)
        ends = (100 * low, 100 * high)
        bars.append(
            Series(shape="line", x=ends, y=(float(place),) * 2, colour=FAINT, width=2, group=trial.identity.arm)
        )
    dots = arm_dots(
        index, [100 * right / images for _, right, images in rows], range(len(rows)), group=trial.identity.arm,
        texts=[f"{right} of {images} images right" for _, right, images in rows], size=6.5, opacity=1.0,
    )  # fmt: skip
    return [*bars, dots]


def _told(row: tuple[str, int, int]) -> str:
    name, right, images = row
    return f"{name} {100 * right / images:.1f} %"


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
