"""The curves of training, the course of the search, accuracy by class and by latency."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from safetensors.numpy import save_file

from search.report.charts.drawing import png, standalone_svg
from search.report.plots.classes import MOST_CLASSES, class_names, classes_plot
from search.report.plots.history import history_plot
from search.report.plots.training import removals, removed_after, training_plot
from search.run.results import RunResults, load_results
from tests.search.made_runs import MadeRun, falling, write_predictions


def lines(removed: list[float], states: list[int]) -> list[dict[str, float]]:
    pairs = zip(removed, states, strict=True)
    return [
        {"state": state, "epochs_total": epoch + 1, "removed_percent": gone}
        for epoch, (gone, state) in enumerate(pairs)
    ]


def test_units_go_before_a_states_first_epoch_or_in_the_course_of_a_later_one() -> None:
    assert removals(lines([0, 0, 20, 20, 40], [0, 0, 1, 1, 2])) == [2.0, 4.0]
    assert removals(lines([0, 0, 0, 20, 20], [0, 0, 1, 1, 1])) == [3.5]
    assert removals(lines([0, 0], [0, 0])) == []


def test_a_method_that_shrinks_removes_within_the_epochs_of_a_state(tmp_path: Path) -> None:
    assert removals(lines([0, 0, 20, 40], [0, 0, 1, 2]), 0.6, (2, 1, 1)) == pytest.approx([2.6, 3.6])
    assert removals(lines([0, 0, 0, 20, 20], [0, 1, 1, 1, 1]), 0.6, (1, 4)) == pytest.approx([3.4])
    assert removals(lines([0, 20], [0, 1]), 1.0, (1, 1)) == [2.0]
    made = MadeRun(tmp_path / "run")
    for arm in ("refill", "rsst"):
        made.add(arm, falling(0.9))
    assert [removed_after(trial) for trial in load_results(made.path).trials] == [None, pytest.approx(0.6)]


def epoch_line(**values: float) -> dict[str, Any]:
    return {"kind": "epoch", "epoch": 1, **values}


def test_each_arms_chosen_network_is_drawn_by_epoch_with_its_removals(tmp_path: Path) -> None:
    made = MadeRun(tmp_path / "run")
    folder = made.add("rsst", falling(0.9))
    record = folder / "record.jsonl"
    header, *rest = record.read_text(encoding="utf-8").splitlines()
    told = [
        epoch_line(state=0, epochs_total=1, train_loss=2.0, val_loss=1.5, val_accuracy=0.5, removed_percent=0.0),
        epoch_line(state=1, epochs_total=2, train_loss=1.0, val_loss=0.5, val_accuracy=0.8, removed_percent=20.0),
    ]
    record.write_text("\n".join([header, *map(json.dumps, told), *rest, ""]), encoding="utf-8")
    plot = training_plot(load_results(made.path))
    assert plot is not None
    assert plot.chart is not None
    accuracy, loss = plot.chart.panels
    assert [(one.x, one.y) for one in accuracy.series] == [((1, 2), (50, 80)), ((), ())]
    assert [one.y for one in loss.series] == [(1.5, 0.5), (2.0, 1.0)]
    # After ramp and hold, 0.6 of the state's two epochs, though never outside the epoch that tells of it.
    assert [mark.at for mark in accuracy.marks] == [2.0]
    assert accuracy.series[0].entry == "rsst (rsst-000)"


def test_the_best_so_far_never_falls_and_counts_no_trial_that_breaks_a_constraint(tmp_path: Path) -> None:
    search = {"trials_per_arm": 4, "constraints": ["removed_percent >= 50"]}
    made = MadeRun(tmp_path / "run", study={"search": search})
    for number, (accuracy, removed) in enumerate([(0.8, 60), (0.95, 20), (0.7, 60), (0.9, 60)]):
        made.add("refill", falling(accuracy), number=number, removed=(0, 5, 10, removed))
    plot = history_plot(load_results(made.path))
    assert plot is not None
    assert plot.chart is not None
    dots, best = plot.chart.panels[0].series
    assert dots.y == pytest.approx((80, 95, 70, 90))
    assert (best.x, best.y) == ((1, 2, 3, 4), pytest.approx((80, 80, 80, 90)))


def test_an_objective_that_falls_has_a_lowest_so_far_and_a_stopped_trial_keeps_its_number(tmp_path: Path) -> None:
    made = MadeRun(tmp_path / "run", study={"search": {"trials_per_arm": 3, "objective": {"val_loss": "min"}}})
    for number, (accuracy, status) in enumerate([(0.8, "finished"), (0.9, "stopped"), (0.85, "finished")]):
        made.add("refill", falling(accuracy), number=number, status=status)
    plot = history_plot(load_results(made.path))
    assert plot is not None
    assert plot.chart is not None
    dots, best = plot.chart.panels[0].series
    assert dots.x == (1, 3)
    assert best.y == pytest.approx((0.2, 0.2, 0.15))
    assert plot.chart.panels[0].y.label == "validation loss"


def by_class(tmp_path: Path, labels: np.ndarray, right: np.ndarray) -> RunResults:
    made = MadeRun(tmp_path / "run")
    folder = made.add("rsst", falling(0.9))
    write_predictions(folder, 3, [True])
    tensors = {"predictions": np.where(right, labels, labels + 1), "labels": labels}
    save_file(tensors, str(folder / "states" / "03.predictions.safetensors"))
    return load_results(made.path)


def name_classes(results: RunResults, names: list[str]) -> Path:
    """The names in the file of the chosen network, which is returned."""
    network = results.trials[0].folder / "states" / "03.safetensors"
    header = json.dumps({"metadata": {"class_names": names}})
    save_file({"a": np.zeros(1)}, str(network), metadata={"prunetune": header})
    return network


@pytest.mark.parametrize(
    "name", ["$x^{$", "$y$ $", "\\$", 'it\'s "q"', "<!--<script>", "</svg>", "two\nlines", "&amp;"]
)
def test_whatever_a_class_is_named_its_figure_is_drawn_with_that_name(tmp_path: Path, name: str) -> None:
    results = by_class(tmp_path, np.array([0, 1, 1]), np.array([True, True, False]))
    name_classes(results, [name, "bee"])
    plot = classes_plot(results)
    assert plot is not None
    assert png(plot).startswith(b"\x89PNG")
    texts = ElementTree.fromstring(standalone_svg(plot)).iter("{http://www.w3.org/2000/svg}text")
    written = ["".join(one.itertext()) for one in texts]
    assert set(name.split("\n")) <= set(written)


def test_each_class_has_its_accuracy_and_the_name_that_the_data_gave_it(tmp_path: Path) -> None:
    labels = np.array([0] * 4 + [1] * 4, dtype=np.int64)
    results = by_class(tmp_path, labels, np.array([True] * 3 + [False] + [True] * 4))
    network = name_classes(results, ["<b>ant</b>", "bee"])
    plot = classes_plot(results)
    assert plot is not None
    assert plot.chart is not None
    assert plot.chart.panels[0].y.names == ("<b>ant</b>", "bee")
    assert plot.chart.panels[0].series[-1].x == (75.0, 100.0)
    network.write_bytes(b"torn")
    assert class_names(results.trials[0]) == []


def test_of_very_many_classes_the_worst_are_shown(tmp_path: Path) -> None:
    labels = np.repeat(np.arange(2 * MOST_CLASSES, dtype=np.int64), 2)
    plot = classes_plot(by_class(tmp_path, labels, labels >= MOST_CLASSES))
    assert plot is not None
    assert plot.chart is not None
    names = plot.chart.panels[0].y.names
    assert len(names) == MOST_CLASSES
    assert names[0] == "class 0"
    assert f"{MOST_CLASSES} of {2 * MOST_CLASSES} classes" in plot.caption
