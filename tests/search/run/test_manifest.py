"""What a run was made with, launch by launch, and that it refuses other weights or data."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.support.simulation import make_study
from models import atomic
from models.errors import UserError
from search.run.files.manifest_file import read_manifest
from search.run.folder import RunFolder
from search.run.manifest import close_launch, open_run, unclosed, write_launch
from search.run.possible.foundations import check_starting_points
from search.run.preflight import StartingPoint


def starting_point(weights: str = "a" * 64, data: str = "b" * 64) -> StartingPoint:
    return StartingPoint({"digest": weights, "verdict": "proven"}, {"digest": data, "name": "digits"}, {"macs": 7})


def test_splits_that_another_version_made_are_told_apart_from_changed_files(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    began, now = starting_point(), starting_point(data="f" * 64)
    began.data["name"] = now.data["name"] = "image_folder"
    now.data["splits"] = {"test": "val/, there being no test/"}
    launch(run, 1, {"rsst": began})
    with pytest.raises(UserError, match=r"prunetune 0\.1\.0 split folders otherwise: .* data\.test_fraction: 0\.2"):
        check_starting_points(run, {"rsst": now})


def launch(
    run: RunFolder, generation: int, found: dict[str, StartingPoint], machine: dict[str, Any] | None = None
) -> None:
    write_launch(run, generation, found, machine or {"commit": "c0ffee"}, ["prunetune", "sweep", "study.yaml"])


def test_every_launch_is_noted_and_the_first_foundations_stay(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    launch(run, 1, {"rsst": starting_point()})
    close_launch(run, 1, "SIGINT")
    launch(run, 2, {"rsst": starting_point(), "dense": starting_point()})
    manifest = read_manifest(run)
    assert [entry["left"] for entry in manifest["launches"]] == ["SIGINT", None]
    assert manifest["launches"][0]["command"] == ["prunetune", "sweep", "study.yaml"]
    assert manifest["launches"][1]["commit"] == "c0ffee"
    assert set(manifest["foundations"]) == {"rsst", "dense"}
    assert manifest["foundations"]["rsst"]["weights"]["verdict"] == "proven"


def test_a_launch_that_was_put_out_closes_none_but_itself(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    for generation in (1, 3):
        launch(run, generation, {"rsst": starting_point()})
    assert unclosed(run) == 3
    close_launch(run, 1, "an error")
    assert [entry["left"] for entry in read_manifest(run)["launches"]] == ["an error", None]
    close_launch(run, 3, "complete")
    assert unclosed(run) is None


@pytest.mark.parametrize(("part", "changed"), [("weights", {"weights": "f" * 64}), ("data", {"data": "f" * 64})])
def test_changed_weights_or_data_are_refused_by_name(tmp_path: Path, part: str, changed: dict[str, str]) -> None:
    run = RunFolder(tmp_path)
    check_starting_points(run, {"rsst": starting_point()})
    launch(run, 1, {"rsst": starting_point()})
    check_starting_points(run, {"rsst": starting_point(), "new": starting_point("0" * 64)})
    with pytest.raises(UserError, match=f"the {part} of arm rsst have changed"):
        check_starting_points(run, {"rsst": starting_point(**changed)})


def test_a_changed_teacher_is_refused_by_name(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    taught, otherwise = (replace(starting_point(), teacher={"digest": digest * 64}) for digest in "ab")
    launch(run, 1, {"rsst": taught, "dense": starting_point()})
    check_starting_points(run, {"rsst": taught, "dense": starting_point()})
    with pytest.raises(UserError, match="the teacher of arm rsst has changed since the run began"):
        check_starting_points(run, {"rsst": otherwise})


def test_a_run_of_which_only_a_torn_request_is_left_is_begun_again(tmp_path: Path) -> None:
    study = make_study(tmp_path)
    run = tmp_path / "runs" / study.name
    run.mkdir(parents=True)
    (run / ".study.yaml.1234.0a1b2c3d.tmp").write_text("name: simu")
    assert open_run(tmp_path / "runs", study).study_file.exists()


def test_where_the_runs_own_file_has_changed_it_is_named_and_not_the_request(tmp_path: Path) -> None:
    study = make_study(tmp_path)
    run = open_run(tmp_path / "runs", study)
    write_launch(run, 1, {}, {}, ["test"], study)
    atomic.write_text(run.study_file, run.study_file.read_text().replace("trials_per_arm: 6", "trials_per_arm: 7"))
    with pytest.raises(
        UserError, match=r"study\.yaml: has changed since the run began: search\.trials_per_arm was 6, is now 7"
    ):
        open_run(tmp_path / "runs", study)
