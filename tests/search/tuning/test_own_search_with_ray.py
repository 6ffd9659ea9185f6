"""A real study under Ray from a user's folder, with a sampler, a stopping rule and a callback of the user's own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from models.own_parts.places import ENVIRONMENT_KEY
from search.run.results import load_results
from tests.configs.files import REPOSITORY
from tests.search.small_study import small_study
from tests.search.tuning.own_parts import users

__all__ = ["users"]

pytestmark = [pytest.mark.slow, pytest.mark.ray, pytest.mark.timeout(1800)]


def prunetune(users: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    variables = {**os.environ, "PYTHONPATH": str(REPOSITORY), ENVIRONMENT_KEY: ""}
    return subprocess.run(
        [sys.executable, "-m", "search.cli", *arguments], cwd=users, env=variables, capture_output=True, text=True
    )


def test_all_three_in_a_sweep_whose_sampler_fails_at_first(users: Path) -> None:
    study = small_study(
        users,
        trial={"prune": {"schedule": {"states": 2}}},
        space={"train.lr": {"log_uniform": [1e-4, 1e-2]}},
        search={"algorithm": "samplers.py:FailsLater", "trials_per_arm": 4},
        scheduler={"kind": "rules.py:low", "args": {"floor": 1.1}, "min_trials": 3},
        callbacks=[{"diary.py:Diary": {"path": "diary.txt", "fail_at": 1}}],
        resources={"max_concurrent": 1, "gpus_per_trial": 0},
    )
    failed = prunetune(users, "sweep", study.name)
    assert failed.returncode == 1
    assert f"left: search.algorithm: samplers.py:FailsLater: {users}/samplers.py:" in failed.stderr
    assert "ZeroDivisionError: no more ideas; correct it there" in failed.stderr
    assert "Traceback" not in failed.stderr
    assert failed.stderr.count("the diary is full; the study goes on") == 1
    samplers = users / "samplers.py"
    samplers.write_text(samplers.read_text().replace('raise ZeroDivisionError("no more ideas")', "pass"))
    done = prunetune(users, "resume", "runs/small")
    assert done.returncode == 0, done.stderr
    assert "samplers.py:FailsLater has changed since the last launch" in done.stderr
    log = (users / "runs" / "small" / "driver.log").read_text()
    assert log.count("RuntimeError: the diary is full") > 2
    results = load_results(users / "runs" / "small")
    statuses = {trial.id: trial.status for trial in results.trials}
    assert sorted(statuses.values()) == ["finished"] * 4 + ["stopped"] * 4, "from the third of each arm on"
    told = [json.loads(line) for line in (users / "diary.txt").read_text().splitlines()]
    assert [line[1] for line in told if line[0] == "study_start"] == [1, 2]
    ended = [tuple(line[1:3]) for line in told if line[0] == "trial_end"]
    assert sorted(ended) == sorted(statuses.items())
    assert told[-1][:2] == ["study_end", 8]
    (first, second) = json.loads((users / "runs" / "small" / "manifest.json").read_text())["launches"]
    parts = [launch["search_parts"] for launch in (first, second)]
    assert set(parts[0]) == {"samplers.py:FailsLater", "rules.py:low", "diary.py:Diary"}
    assert [name for name in parts[0] if parts[0][name] != parts[1][name]] == ["samplers.py:FailsLater"]
