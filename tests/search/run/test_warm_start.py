"""An earlier run that a study learns from is told where it ran something else, and looked for before anything starts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks.support.simulation import BASE, Simulation, make_study
from models.errors import UserError
from search.config_file import yaml_file
from search.run.possible.warm_start import warm_start_warnings
from search.study.dense_recipe import with_dense_recipes
from search.study.study import Study
from search.tuning.proposals.optuna_studies import warm_trials
from tests.search.made_runs import MadeRun, falling


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


def test_another_way_to_write_the_target_is_nothing_to_tell(tmp_path: Path, earlier: Path) -> None:
    prune = {**BASE["trial"]["prune"], "target": ["neuron", "head"]}
    (missing,) = warm_start_warnings(learning(tmp_path, earlier, prune=prune))
    assert "arm rsst" in missing
    told, _ = warm_start_warnings(learning(tmp_path, earlier, prune={**prune, "target": ["head", "embed"]}))
    assert "prune.target was 'both', is now ['head', 'embed']" in told


def test_a_dense_recipe_that_was_found_is_nothing_to_tell(tmp_path: Path) -> None:
    sections: dict[str, Any] = {
        "arms": {"refill": BASE["arms"]["refill"]},
        "space": {"train.lr": BASE["space"]["train.lr"], "train.state0.lr": {"log_uniform": [1e-4, 1e-2]}},
    }
    search = {"trials_per_arm": 2, "state0": {"trials": 1}}
    began = with_dense_recipes(make_study(tmp_path, **sections, search=search), [{"train.state0.lr": 0.002}])
    run = Simulation(began, tmp_path / "runs").go().run.path
    assert warm_start_warnings(make_study(tmp_path, **sections, search={**search, "warm_start": str(run)})) == []
    sections["space"] = {"train.lr": BASE["space"]["train.lr"]}
    alone = make_study(tmp_path, **sections, search={"trials_per_arm": 2, "warm_start": str(run)})
    (told,) = warm_start_warnings(alone)
    assert "train.state0.lr was 0.002" in told


@pytest.mark.parametrize(
    ("sections", "reason"),
    [
        ({"space": {"train.lr": {"log_uniform": [0.1, 1.0]}}}, "2 with searched values that this study's space does not hold"),
        ({"space": {"train.lr": BASE["space"]["train.lr"], "train.batch_size": {"choice": [32, 64]}}}, "2 with"),
        ({"search": {"objective": {"metric": "val_accuracy", "at": 85}}}, "2 with no value of this study's objective"),
    ],
)  # fmt: skip
def test_an_earlier_run_that_nothing_can_be_learnt_from_is_told(
    tmp_path: Path, earlier: Path, sections: dict[str, Any], reason: str
) -> None:
    search = {"warm_start": str(earlier), "trials_per_arm": 2, **sections.get("search", {})}
    alone = {"arms": {"refill": BASE["arms"]["refill"]}, "space": {"train.lr": BASE["space"]["train.lr"]}}
    study = make_study(tmp_path, **{**alone, **sections, "search": search})
    (warning,) = warm_start_warnings(study)
    assert f"no configuration of arm refill in {earlier} can be learnt from: {reason}" in warning
    assert warm_trials(study) == {"refill": []}


def test_what_failed_teaches_nothing(tmp_path: Path) -> None:
    made = MadeRun(tmp_path / "earlier")
    made.add("refill", falling(0.9), number=0, status="failed")
    made.add("refill", falling(0.9), number=1, status="diverged")
    made.add("rsst", falling(0.9), number=0, status="diverged")
    made.add("rsst", falling(0.9), number=1)
    document = yaml_file.read(made.path / "study.yaml").content
    search = {"algorithm": "tpe", "trials_per_arm": 2, "warm_start": str(made.path)}
    study = make_study(tmp_path, **{**document, "search": search})
    (warning,) = warm_start_warnings(study)
    assert "no configuration of arm refill in " in warning
    assert warning.endswith("2 with no result (failed, diverged or not ended)")
    assert {arm: len(found) for arm, found in warm_trials(study).items()} == {"refill": 0, "rsst": 1}


def test_a_run_that_is_not_there_is_found_by_validate(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no run is here"):
        warm_start_warnings(learning(tmp_path, tmp_path / "nowhere"))
