"""An earlier run that a study learns from is told where it ran something else, and looked for before anything starts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks.support.simulation import BASE, Simulation, make_study
from models.errors import UserError
from search.run.possible.warm_start import warm_start_warnings
from search.study.study import Study


def learning(tmp_path: Path, run: Path, **trial: Any) -> Study:
    return make_study(tmp_path, trial={**BASE["trial"], **trial}, search={"warm_start": str(run), "trials_per_arm": 2})


@pytest.fixture
def earlier(tmp_path: Path) -> Path:
    arms = {"refill": BASE["arms"]["refill"]}
    study = make_study(tmp_path, arms=arms, space={"train.lr": BASE["space"]["train.lr"]}, search={"trials_per_arm": 2})
    return Simulation(study, tmp_path / "runs").go().run.path


def test_what_ran_otherwise_is_named_arm_by_arm(tmp_path: Path, earlier: Path) -> None:
    prune = {**BASE["trial"]["prune"], "normalize": "none", "criterion": "l2"}
    told, missing = warm_start_warnings(learning(tmp_path, earlier, prune=prune))
    assert "arm refill learns from trials of another procedure" in told
    assert "prune.normalize was 'auto', is now 'none'" in told
    assert "no ended search trial of arm rsst" in missing


def test_the_same_procedure_with_other_seeds_and_ranges_is_nothing_to_tell(tmp_path: Path, earlier: Path) -> None:
    (missing,) = warm_start_warnings(learning(tmp_path, earlier, seed=9))
    assert "arm rsst" in missing
    assert warm_start_warnings(make_study(tmp_path)) == []


def test_a_run_that_is_not_there_is_found_by_validate(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no run is here"):
        warm_start_warnings(learning(tmp_path, tmp_path / "nowhere"))
