"""The benchmark of growth: every row is there at each size, and a ratio says how often that of the smallest size it is."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from benchmarks.scale import lines, measure, row_of, sharing
from benchmarks.support.recorded_runs import HandingOut, filled_store, keys_of, recorded_run
from search.run.results import load_results


def test_ratios_are_of_medians_beside_the_smallest_size() -> None:
    found = row_of({300: [3.0, 9.0, 4.0], 30: [2.0, 1.0, 8.0]})
    assert found["medians"] == {30: 2.0, 300: 4.0}
    assert found["ratio"] == {30: 1.0, 300: 2.0}


def test_the_exponent_is_of_the_power_that_a_figure_follows() -> None:
    cubes = row_of({size: [2e-6 * size**3] for size in (10, 100, 500)})
    assert cubes["exponent"] == pytest.approx(3)
    assert row_of({10: [1.0], 100: [1.0]})["exponent"] == pytest.approx(0)
    assert row_of({10: [1.0]})["exponent"] is None


@pytest.mark.slow
def test_a_row_for_each_size() -> None:
    options = argparse.Namespace(
        sizes=[4, 8], big=False, vit_small=False, repeats=1, only=["run", "memory", "queue", "stages"]
    )
    found = measure(options)
    assert all(set(row["medians"]) == {4, 8} and row["ratio"][4] == 1.0 for row in found["rows"].values())
    assert len(lines(found)) == 1 + len(found["rows"])
    assert all(any(name in line for line in lines(found)) for name in found["rows"])


def test_a_recorded_run_is_one_whose_trials_have_ended_and_to_which_more_come(tmp_path: Path) -> None:
    study, run = recorded_run(tmp_path / "recorded", 4, 2, "tpe")
    results = load_results(run.path)
    assert [trial.status for trial in results.trials] == ["finished"] * 4
    handing_out = HandingOut(study, run)
    assert all(found > 0 for found in handing_out.measure().values())
    statuses = [trial.status for trial in load_results(run.path).trials]
    assert sorted(statuses) == ["finished"] * 6 + ["pending"]


@pytest.mark.slow
def test_a_store_is_as_full_after_it_was_measured_as_before(tmp_path: Path) -> None:
    store = filled_store(tmp_path / "filled", 40)
    sharing(store, tmp_path / "filled", 40)
    assert {folder.name for folder in store.folder.glob("??/*")} == set(keys_of(0, 40))
