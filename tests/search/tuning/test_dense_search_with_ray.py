"""`search.state0` by the command line, on digits: left within the search of state 0, and gone on with to the end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from search import cli
from search.config_file import yaml_file
from search.run.results import load_results
from tests.trainables.small_trials import BASE

pytestmark = [pytest.mark.slow, pytest.mark.ray, pytest.mark.timeout(1800)]
KEY = "train.state0.lr"
STUDY: dict[str, Any] = {
    "name": "dense-first",
    "trial": {**BASE, "train": {**BASE["train"], "state0": {"epochs": 2}}, "prune": {"schedule": {"states": 1}}},
    "arms": {"refill": {"prune.method": "refill"}, "random": {"prune.method": "random"}},
    "space": {KEY: {"choice": [1.0e-5, 3.0e-3]}, "train.lr": {"log_uniform": [1e-3, 5e-3]}},
    "search": {
        "algorithm": "grid", "trials_per_arm": 1, "state0": {"trials": 2}, "confirm": {"seeds": [101]},
        "enqueue": [{"train.lr": 2.0e-3}],
    },
    "compare": {"claim": "configurations"},
    "resources": {"gpus_per_trial": 0, "max_concurrent": 2},
}  # fmt: skip


def test_a_sweep_finds_the_dense_recipe_and_every_arm_begins_with_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "study.yaml"
    file.write_text(yaml_file.dump({**STUDY, "search": {**STUDY["search"], "algorithm": "random"}}))
    sweep = ["sweep", str(file), "--storage", str(tmp_path / "runs")]
    assert cli.main([*sweep, "--time-budget", "0.01"]) == 0
    assert "driven by" not in capsys.readouterr().out
    assert cli.main(["status", str(tmp_path / "runs" / "dense-first"), "--json"]) == 0
    left = json.loads(capsys.readouterr().out)
    assert (left["complete"], left["trials"], [one["complete"] for one in left["state0"]]) == (False, [], [False])

    assert cli.main([*sweep, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["complete"]
    (found,) = told["state0"]
    results = load_results(tmp_path / "runs" / "dense-first")
    (dense,) = results.dense
    by_rate = {trial.values[KEY]: trial.val_accuracy for trial in dense.trials}
    assert found["found"]["values"][KEY] == max(by_rate, key=lambda rate: by_rate[rate] or 0.0)
    assert {trial.config["train"]["state0"]["lr"] for trial in results.trials} == {found["found"]["values"][KEY]}
    starts = {trial.id: trial.states[0].taken_from for trial in results.trials}
    assert starts["refill-000"] == starts["random-000"] == f"state0/{found['found']['trial']}"
    assert (results.run / "report" / "index.html").read_text().count("all begin with this recipe") == 1
