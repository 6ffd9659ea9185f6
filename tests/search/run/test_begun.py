"""A run that an earlier version began is gone on with as it began, though a default has changed since."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from models.errors import UserError
from search.run.changing.begun import as_begun, former_defaults_lines
from search.run.folder import RunFolder
from search.run.preflight import Checked
from search.run.results import load_results
from search.run.store import TrialStore
from search.study.load import load_study
from search.tuning import drive
from search.tuning.trial_queue import TrialQueue
from tests.search.made_runs import MadeRun
from trainables.config.prune import PruneConfig
from trainables.files.request import read_request

OLD_RUN = Path(__file__).resolve().parents[2] / "data" / "old_run"


@pytest.fixture
def old_run(tmp_path: Path) -> RunFolder:
    """Of version 0.1.0, whose `prune.normalize` was `none` by default; one search trial and the confirm trials are to come."""
    run = RunFolder(Path(shutil.copytree(OLD_RUN, tmp_path / "old_run")))
    for folder in [run.trial_folder("rsst-001"), *run.trials_folder.glob("*-confirm-*")]:
        shutil.rmtree(folder)
    return run


def test_a_trial_handed_out_now_is_like_those_of_the_version_that_began_the_run(old_run: RunFolder) -> None:
    there = load_results(old_run.path)
    study = as_begun(there.study, there.trials)
    assert study.former_defaults == {"prune.normalize": "none", "prune.calibration_batches": 4}
    (line,) = former_defaults_lines(study)
    assert "prune.normalize none" in line
    queue = TrialQueue(study, TrialStore(old_run))
    new = queue.next()
    assert not isinstance(new, str)
    assert new.id == "rsst-001"
    removed = read_request(OLD_RUN / "trials" / "rsst-001")
    assert removed is not None
    given = {key: value for key, value in new.config["prune"].items() if value is not None}
    ratios = dict.fromkeys(("token_ratio", "embed_ratio", "qk_ratio", "branch_ratio", "interaction_ratio"), 0.5)
    schedule = {**removed.config["prune"]["schedule"], **ratios}
    # Keys that came later have the defaults of today.
    today = PruneConfig().model_dump(mode="json")
    later = {key: today[key] for key in given if key not in removed.config["prune"]}
    assert given == {**removed.config["prune"], **later, "rsst": given["rsst"], "schedule": schedule}


def test_driving_an_old_run_asks_for_its_own_defaults(old_run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    driven: list[Any] = []
    monkeypatch.setattr(drive, "_drive", lambda queue, *others: driven.append(queue.study))
    monkeypatch.setattr(drive, "write_optuna_log", lambda *given: None)
    monkeypatch.setattr(drive.BackgroundRay, "begin", lambda ray: None)
    checked: list[Any] = []

    def check(study: Any) -> Checked:
        checked.append(study)
        return Checked({}, ())

    study = load_study(old_run.study_file, recorded=True)
    drive.run_study(study, old_run, check=check)
    for one in (*driven, *checked):
        prune = one.arm("refill").config({"train.lr": 0.001}).prune
        assert prune.normalize == "none"
        assert prune.calibration(batch_size=100) == (400, 100)
    assert study.arm("refill").config({"train.lr": 0.001}).prune.normalize == "auto"
    assert load_study(old_run.study_file, recorded=True) == study
    manifest = json.loads(old_run.manifest_file.read_text(encoding="utf-8"))
    assert "normalize" not in manifest["study"]["trial"]["prune"]


def test_what_the_study_says_or_searches_is_no_default(tmp_path: Path) -> None:
    made = MadeRun(tmp_path / "made", arms={"a": {"prune.normalize": "lamp"}, "b": {}})
    made.add("a", [0.5])
    made.add("b", [0.5], lr=0.002, seed=3)
    results = load_results(made.path)
    assert as_begun(results.study, results.trials) is results.study
    assert former_defaults_lines(results.study) == []


def test_an_arm_without_trials_gets_the_defaults_of_the_others(tmp_path: Path) -> None:
    made = MadeRun(tmp_path / "made", arms={"a": {}, "b": {}, "c": {"prune.normalize": "lamp"}})
    with_normalize(made.add("a", [0.5], status=None), "none")
    results = load_results(made.path)
    study = as_begun(results.study, results.trials)
    assert [study.arm(arm).config({}).prune.normalize for arm in ("a", "b", "c")] == ["none", "none", "lamp"]


@pytest.mark.parametrize("other", ["max", "auto"])
def test_trials_that_were_begun_with_different_defaults_are_refused(tmp_path: Path, other: str) -> None:
    made = MadeRun(tmp_path / "made")
    with_normalize(made.add("refill", [0.5]), "none")
    with_normalize(made.add("rsst", [0.5]), other)
    results = load_results(made.path)
    with pytest.raises(UserError, match=rf"prune\.normalize '{other}' by default, but refill-000 with 'none'"):
        as_begun(results.study, results.trials)


def with_normalize(folder: Path, value: str) -> None:
    """Make the trial one of a version whose default was this one."""
    for name in ("trial.json", "record.jsonl"):
        path = folder / name
        text = path.read_text(encoding="utf-8").replace('"normalize": ', '"normalize":')
        assert '"normalize":"auto"' in text
        path.write_text(text.replace('"normalize":"auto"', f'"normalize":"{value}"'), encoding="utf-8")
