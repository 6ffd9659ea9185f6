"""What stands beside the page: tables, the comparison, and every plot as PNG and SVG."""

from __future__ import annotations

import csv
import json
from pathlib import Path


def test_tables_hold_every_trial_and_state(report: Path) -> None:
    trials = list(csv.DictReader((report / "trials.csv").open()))
    states = list(csv.DictReader((report / "states.csv").open()))
    assert len(trials) == 20
    assert len(states) == 80
    assert {row["train.lr"] for row in trials} == {"0.001", "0.002"}
    assert states[3]["macs_share"] == "0.4"


def test_the_comparison_is_there_as_json(report: Path) -> None:
    comparison = json.loads((report / "comparison.json").read_text())
    assert comparison["schema_version"] == 1
    assert comparison["primary"][0]["kind"] == "better"
    assert comparison["test"]["images"] == 360


def test_every_plot_is_there_as_png_and_svg(report: Path) -> None:
    names = {path.stem for path in report.glob("*.svg")}
    assert names == {path.stem for path in report.glob("*.png")}
    wanted = {
        "accuracy-by-removed",
        "accuracy-by-macs",
        "paired-differences",
        "evidence",
        "kept-structure-rsst",
        "search-budget",
    }
    assert wanted <= names
    assert (report / "settings.png").read_bytes().startswith(b"\x89PNG")


def test_equal_training_cost_stands_on_the_page_as_exploratory(report: Path) -> None:
    page = (report / "index.html").read_text()
    assert "Exploratory: validation accuracy at equal training cost" in page
    rows = json.loads((report / "comparison.json").read_text())["equal_training_cost"]
    assert [row["arm"] for row in rows] == ["rsst"] * 3
    assert f"<td>{100 * rows[0]['ours']['val_accuracy']:.2f}\u00a0%</td>" in page
