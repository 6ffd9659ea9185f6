"""The cells of the report's tables, from records with known figures."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from search.evidence.comparison import compare
from search.report.removals import removal_table
from search.report.tables import arm_table, difference_table, equal_cost_table, state_tables
from search.run.results import load_results
from tests.search.made_runs import MadeRun, falling


@pytest.fixture
def made(tmp_path: Path) -> MadeRun:
    """Two confirm trials of RSST, and of Refill a search in which one trial of each kind ended."""
    made = MadeRun(tmp_path / "run")
    for number, status in enumerate(("finished", "stopped", "diverged")):
        made.add("refill", falling(0.9), number=number, status=status)
    for seed, last in ((101, 0.80), (102, 0.90)):
        made.add("rsst", [0.95, last], seed=seed, confirm=True, removed=(0, 50), cost=seed)
    return made


def with_removals(folder: Path, repair: dict[str, dict[str, float]] | None = None, **figures: float) -> None:
    """The record as RSST writes it: what each removal did."""
    record = folder / "record.jsonl"
    lines = [json.loads(line) for line in record.read_text().splitlines()]
    for line in lines:
        if line["kind"] == "state" and line["state"] > 0:
            line |= {"removal": figures, "repair": repair}
    record.write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_every_search_trial_is_counted_whatever_became_of_it(made: MadeRun) -> None:
    table = arm_table(compare(load_results(made.path)))
    cells = {row[0]: dict(zip(table.heading, row, strict=True)) for row in table.rows}
    assert cells["refill"]["trials"] == "3 (1 diverged, 1 stopped)"
    assert cells["refill"]["confirmed test"] == "–"
    assert cells["rsst"]["confirmed test"].startswith("85.00 % [")
    assert cells["rsst"]["seeds"] == "2"
    assert table.caption.startswith("Sizes and costs are means over: refill: best search trial; rsst: confirm trials. ")


def test_a_state_is_the_mean_over_the_trials_that_stand_for_the_arm(made: MadeRun) -> None:
    refill, rsst = state_tables(load_results(made.path))
    assert refill.caption == "refill: refill-000"
    assert rsst.caption == "rsst: mean of 2 confirm trials"
    assert rsst.rows[1] == [
        "1", "85.00 %", "50.0", "50.0", "100,000", "5 M", "50.0 %", "8 heads, 512 neurons", "203 G", "6.0",
    ]  # fmt: skip


def test_what_a_removal_did_is_told_per_arm_and_state(made: MadeRun) -> None:
    assert removal_table(load_results(made.path)) is None
    for seed, after in ((101, 0.7), (102, 0.8)):
        folder = made.path / "trials" / f"rsst-confirm-s{seed}"
        with_removals(folder, val_accuracy_before=0.9, val_accuracy_after=after, magnitude_ratio=123.456)
    table = removal_table(load_results(made.path))
    assert table is not None
    assert table.rows == [["rsst", "1", "90.00 %", "75.00 %", "15.00", "123"]]


def test_what_a_repair_did_stands_beside_it(made: MadeRun) -> None:
    layer = {"blocks.0.mlp.fc2": {"error_removed": 0.9, "error_repaired": 0.125, "strength": 1e-4}}
    folder = made.path / "trials" / "rsst-confirm-s101"
    with_removals(folder, repair=layer, val_accuracy_before=0.9, val_accuracy_after=0.4, val_accuracy_repaired=0.85)
    table = removal_table(load_results(made.path))
    assert table is not None
    assert table.heading[-3:] == ["repaired", "lost then, points", "layers' error, %"]
    assert [row[:5] + row[6:] for row in table.rows] == [
        ["rsst", "1", "90.00 %", "40.00 %", "50.00", "85.00 %", "5.00", "12.5"]
    ]


def test_without_pairs_of_seeds_or_a_common_cost_there_is_no_table(made: MadeRun) -> None:
    comparison = compare(load_results(made.path))
    assert difference_table(comparison) is None
    assert equal_cost_table(comparison) is None
    assert [row.reason for row in comparison.equal_cost] == [
        "no training cost lies within the curves of both rsst and refill"
    ]
