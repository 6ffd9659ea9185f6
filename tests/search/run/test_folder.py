"""The lock, the launches and their fence."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from models.errors import UserError
from search.run.folder import RunFolder
from trainables.files.generation import Fence, Fenced, read_generation


def test_a_second_driver_is_refused_by_the_first_ones_process(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    with run.driven(), pytest.raises(UserError, match=f"driven by process {os.getpid()}"), run.driven():
        pass
    with run.driven() as generation:
        assert generation == 2


def test_a_trial_of_an_earlier_launch_may_not_write(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    with run.driven() as generation:
        guard = Fence(tmp_path, generation)
        guard()
    guard()
    with run.driven(), pytest.raises(Fenced):
        guard()
    assert read_generation(tmp_path) == 2


def test_a_folder_without_a_study_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no run is here"):
        RunFolder.existing(tmp_path)


def test_only_folders_with_a_request_or_a_record_are_trials(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    assert run.trial_ids() == ()
    (run.trial_folder("empty")).mkdir(parents=True)
    (run.trial_folder("asked")).mkdir()
    (run.trial_folder("asked") / "trial.json").write_text("{}")
    assert run.trial_ids() == ("asked",)


def test_a_launch_whose_number_was_removed_goes_on(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    with run.driven() as generation:
        guard = Fence(tmp_path, generation)
        (tmp_path / "generation").unlink()
        guard()
