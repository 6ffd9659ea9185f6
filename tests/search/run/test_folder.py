"""The lock, the launches and their fence."""

from __future__ import annotations

import errno
import fcntl
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


def test_whether_a_run_is_driven_is_seen_from_outside(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    assert not run.is_driven()
    with run.driven():
        assert run.is_driven()
        assert run.driver() == str(os.getpid())
    assert not run.is_driven()
    assert run.driver() is None


def test_where_there_are_no_locks_a_driver_is_known_by_what_it_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = RunFolder(tmp_path)

    def without_locks(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    with run.driven():
        monkeypatch.setattr(fcntl, "flock", without_locks)
        assert run.is_driven()
        (tmp_path / ".driver").write_bytes(b"")
        assert run.driver() is None
        monkeypatch.undo()
    monkeypatch.setattr(fcntl, "flock", without_locks)
    assert not run.is_driven()


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
