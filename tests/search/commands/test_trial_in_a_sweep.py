"""`prunetune trial` where a sweep has its run: no trial is made there, and nothing of the run is changed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from search import cli
from search.run.files.manifest_file import MANIFEST_SCHEMA_VERSION, write_manifest
from search.run.folder import RunFolder
from tests.search.made_runs import MadeRun
from tests.search.small_study import small_study

ARMS = {"refill": {"prune.method": "refill"}}


@pytest.fixture
def command(tmp_path: Path) -> list[str]:
    return ["trial", str(small_study(tmp_path, arms=ARMS)), "--storage", str(tmp_path / "runs"), "--json"]


def test_in_a_sweeps_folder_no_trial_is_made_and_nothing_is_changed(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = MadeRun(tmp_path / "runs" / "small")
    run.add("rsst", [0.5, 0.6])
    write_manifest(RunFolder(run.path), {"schema_version": MANIFEST_SCHEMA_VERSION, "launches": [], "foundations": {}})
    before = {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()}
    for settings in ([], ["--set", "logging.mlflow=true", "--set", "retention.states=last"]):
        assert cli.main([*command, *settings]) == 2
        assert "holds the run of a sweep" in (told := capsys.readouterr().err)
        assert "--name small-refill" in told
    assert {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()} == before


def test_a_trial_that_an_earlier_version_made_in_a_sweeps_folder_changes_nothing_of_the_run(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(command) == 0
    first = json.loads(capsys.readouterr().out)
    run = RunFolder(tmp_path / "runs" / "small")
    write_manifest(run, {"schema_version": MANIFEST_SCHEMA_VERSION, "launches": [], "foundations": {}})
    study = run.study_file.read_bytes()
    assert cli.main([*command, "--set", "logging=[]"]) == 0
    assert json.loads(capsys.readouterr().out)["states"] == first["states"]
    assert run.study_file.read_bytes() == study
