"""Shares of processors and GPUs, and what a control group allows."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from models.errors import UserError
from search.cluster import Share, available_cpus, remove_dead_sessions, share_of, worker_environment
from search.study_config import ResourcesConfig


@pytest.mark.parametrize(
    ("resources", "cpus", "gpus", "share"),
    [
        ({}, 2, 0, Share(1, 0.0, 2)),
        ({"cpus_per_trial": 2}, 5, 0, Share(2, 0.0, 2)),
        ({"max_concurrent": 3}, 16, 0, Share(1, 0.0, 3)),
        ({}, 16, 1, Share(1, 0.25, 4)),
        ({}, 2, 1, Share(1, 0.5, 2)),
        ({"max_concurrent": 1}, 16, 1, Share(1, 1.0, 1)),
        ({"gpus_per_trial": 0.1}, 16, 1, Share(1, 0.1, 10)),
        ({"gpus_per_trial": 2.0}, 16, 5, Share(1, 2.0, 2)),
        ({"gpus_per_trial": 0}, 16, 8, Share(1, 0.0, 16)),
    ],
)
def test_shares(resources: dict[str, float], cpus: int, gpus: int, share: Share) -> None:
    assert share_of(ResourcesConfig.model_validate(resources), cpus, gpus) == share


@pytest.mark.parametrize(
    ("resources", "key"), [({"cpus_per_trial": 3}, "cpus_per_trial"), ({"gpus_per_trial": 1.0}, "gpus_per_trial")]
)
def test_a_request_that_can_never_be_met_is_an_error_naming_its_key(resources: dict[str, float], key: str) -> None:
    with pytest.raises(UserError, match=f"^resources.{key}: .* there are"):
        share_of(ResourcesConfig.model_validate(resources), 2, 0)


def test_processors_are_counted_by_affinity_and_quota(tmp_path: Path) -> None:
    allowed = len(os.sched_getaffinity(0))
    assert available_cpus(tmp_path) == allowed
    (tmp_path / "cpu.max").write_text("max 100000\n")
    assert available_cpus(tmp_path) == allowed
    (tmp_path / "cpu.max").write_text("150000 100000\n")
    assert available_cpus(tmp_path) == 1
    (tmp_path / "cpu.max").write_text("20000 100000\n")
    assert available_cpus(tmp_path) == 1


def test_older_control_groups_are_read_too(tmp_path: Path) -> None:
    folder = tmp_path / "cpu"
    folder.mkdir()
    (folder / "cpu.cfs_period_us").write_text("100000\n")
    (folder / "cpu.cfs_quota_us").write_text("100000\n")
    assert available_cpus(tmp_path) == 1
    (folder / "cpu.cfs_quota_us").write_text("-1\n")
    assert available_cpus(tmp_path) == len(os.sched_getaffinity(0))


def test_trials_find_this_code_and_no_more_threads_than_theirs(monkeypatch: pytest.MonkeyPatch) -> None:
    root = str(Path(__file__).resolve().parents[2])
    monkeypatch.setenv("PYTHONPATH", f"{root}{os.pathsep}/elsewhere")
    assert worker_environment(3) == {"PYTHONPATH": f"{root}{os.pathsep}/elsewhere", "OMP_NUM_THREADS": "3"}


def test_only_dead_drivers_sessions_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("search.cluster._short_temporary_folder", lambda: str(tmp_path))
    folders = {name: tmp_path / f"prunetune-{name}" for name in (f"{os.getpid()}-a", "4194305-b", "tune-c")}
    for folder in folders.values():
        folder.mkdir()
    remove_dead_sessions()
    assert [folder.exists() for folder in folders.values()] == [True, False, True]
