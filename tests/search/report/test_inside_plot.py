"""The figures of what TwistNet's blocks do inside."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from search.evidence.selection import final_trial
from search.report.page import run_report
from search.report.plots.inside import inside_plots
from search.report.rendering import render
from search.run.results import RunResults, load_results
from tests.search.made_runs import MadeRun

TABLE = [[0.01 * (8 * row + column) if column >= row else None for column in range(8)] for row in range(8)]
BELOW_ZERO = [[None if one is None else -one for one in row] for row in TABLE]


def told(strength: float, gone: int | None, products: bool, gate: bool = True) -> dict[str, Any]:
    value: dict[str, Any] = {"strength": strength}
    if gate:
        value["gate"] = [None if head == gone else 0.4 + head / 10 for head in range(4)]
    if products:
        value["products"] = [None if head == gone else TABLE if head else BELOW_ZERO for head in range(4)]
    return value


def results_with(path: Path, gate: bool = True, products: bool = True, confirm: bool = False) -> RunResults:
    made = MadeRun(path)
    made.add("refill", [0.9, 0.8])
    made.add("rsst", [0.9, 0.8])
    for arm, seed, last in (("refill", 101, 0.7), ("refill", 102, 0.75), ("rsst", 101, 0.6)) if confirm else ():
        made.add(arm, [0.9, last], seed=seed, confirm=True)
    results = load_results(made.path)
    trials = []
    for trial in results.trials:
        assert trial.record is not None
        lines = [
            {
                "kind": "epoch",
                "epochs_total": epoch,
                "inside": {
                    "layer3.0": told(0.1 + epoch / 100, 2 if epoch > 2 else None, products and epoch % 2 == 0, gate),
                    "layer4.1": told(0.2, None, products and epoch % 2 == 0, gate),
                },
            }
            for epoch in range(1, 5)
        ]
        trials.append(dataclasses.replace(trial, record=dataclasses.replace(trial.record, epochs=lines)))
    return dataclasses.replace(results, trials=tuple(trials))


def test_strength_and_gates_over_epochs_and_the_last_states_products(tmp_path: Path) -> None:
    results = results_with(tmp_path / "run")
    curves, products = inside_plots(results, "refill")
    strength, first, second, *_ = curves.figure.axes
    drawn = [list(line.get_ydata()) for line in strength.lines]
    assert drawn == [pytest.approx([0.11, 0.12, 0.13, 0.14]), [0.2] * 4]
    assert [len(line.get_xdata()) for line in first.lines] == [4, 4, 2, 4], "a curve ends where its head goes"
    assert [len(line.get_xdata()) for line in second.lines] == [4, 4, 4, 4]
    assert "layer3.0 0.14, layer4.1 0.2" in curves.alternative

    dots = [sum(len(drawn.get_offsets()) for drawn in axes.collections) for axes in products.figure.axes]
    assert dots == [*(35, 35, 0, 35), *(35, 35, 35, 35), 8], "36 products, of which one is nothing, and the scale"
    first, *_, scale = products.figure.axes
    assert [label.get_text() for label in first.get_xticklabels()] == [str(number) for number in range(1, 9)]
    assert [label.get_text() for label in scale.get_xticklabels()] == ["−1", "−0.5", "0", "0.5", "1"]
    assert first.get_ylabel() == "largest 0.63"
    assert "layer3.0 0.63 at 135° (8, 8)" in products.alternative


def test_a_factors_whole_range_is_shown_and_blocks_and_heads_have_colours_of_their_own(tmp_path: Path) -> None:
    curves, _ = inside_plots(results_with(tmp_path / "run"), "refill")
    strength, *gates = [axes for axes in curves.figure.axes if axes.get_visible()]
    assert all(axes.get_ylim() == (0, 1) for axes in (strength, *gates))
    assert strength.get_legend() is None, "a legend would lie on the curves"
    of_blocks, of_heads = ({line.get_color() for line in axes.lines} for axes in (strength, gates[0]))
    assert not of_blocks & of_heads
    assert "A gate at 0.5 is sigmoid(0)" in curves.caption
    ungated, _ = inside_plots(results_with(tmp_path / "other", gate=False), "refill")
    assert "sigmoid(0)" not in ungated.caption


def test_the_trial_is_the_one_that_export_takes(tmp_path: Path) -> None:
    searched = inside_plots(results_with(tmp_path / "searched"), "refill")
    assert searched[0].caption.startswith("refill, refill-000 (one trial, the one that `prunetune export` takes): ")
    results = results_with(tmp_path / "confirmed", confirm=True)
    taken = final_trial(results, "refill")
    assert taken is not None
    assert taken.identity.seed == 102
    for plot in inside_plots(results, "refill"):
        assert plot.caption.startswith(f"refill, {taken.id} (a confirm trial, the one that `prunetune export` takes)")
    assert "(a confirm trial, the one that `prunetune export --arm` takes)" in inside_plots(results, "rsst")[0].caption


def test_the_page_has_them_below_a_heading_of_their_own(tmp_path: Path) -> None:
    page = render(
        "page.html.j2",
        {"title": "t", "runs": [run_report(results_with(tmp_path / "run"), "t")], "static": True},
    )
    assert "<h2>Inside the network</h2>" in page
    assert page.count("on validation images after each epoch") == 2
    assert page.count("mean products of a pixel's feature") + page.count("mean products of a pixel&#39;s feature") == 2


def test_without_gate_or_products_there_is_only_what_there_is(tmp_path: Path) -> None:
    (plot,) = inside_plots(results_with(tmp_path / "run", gate=False, products=False), "rsst")
    assert len([axes for axes in plot.figure.axes if axes.get_visible()]) == 1


def test_other_networks_have_no_such_section(tmp_path: Path) -> None:
    made = MadeRun(tmp_path / "run")
    made.add("refill", [0.9, 0.5])
    made.add("rsst", [0.9, 0.5])
    results = load_results(made.path)
    assert inside_plots(results, "refill") == []
    assert "Inside the network" not in render(
        "page.html.j2", {"title": "t", "runs": [run_report(results, "t")], "static": True}
    )
