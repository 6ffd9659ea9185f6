from __future__ import annotations

from pathlib import Path

import pytest

from search.report.plots.importances import importances, spread
from search.run.results import load_results
from tests.search.made_runs import MadeRun, falling


@pytest.mark.slow
def test_importances_name_the_setting_that_acts(tmp_path: Path) -> None:
    space = {"train.lr": {"log_uniform": [1e-4, 1e-2]}, "train.batch_size": {"int": [16, 64]}}
    made = MadeRun(tmp_path / "run", study={"space": space})
    for number in range(12):
        values = {"train.lr": 1e-4 * 1.5**number, "train.batch_size": 16 + (number * 7) % 12}
        made.add("refill", falling(0.7 + 0.02 * number), number=number, values=values)
    trials = load_results(tmp_path / "run").of_arm("refill")
    found = importances(trials)
    assert next(iter(found)) == "train.lr"
    assert sum(found.values()) == pytest.approx(1.0)
    assert importances(trials[:5]) == {}


def test_of_very_many_trials_some_are_taken_from_the_whole_search(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("search.report.plots.importances.MOST_TRIALS", 4)
    made = MadeRun(tmp_path / "run")
    for number in range(9):
        made.add("refill", falling(0.7), number=number)
    trials = load_results(tmp_path / "run").of_arm("refill")
    assert [one.identity.number for one in spread(trials)] == [0, 2, 4, 6]
    assert spread(trials[:3]) == list(trials[:3])
    assert spread([]) == []
