"""Processors as affinity and control groups of both versions allow them, read from made files and from this machine."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from search.processors import available_cpus, group_quota


def write(folder: Path, **files: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)


def own(tmp_path: Path, *lines: str) -> Path:
    file = tmp_path / "own"
    file.write_text("".join(f"{line}\n" for line in lines))
    return file


def test_without_a_quota_affinity_alone_counts(tmp_path: Path) -> None:
    nothing = own(tmp_path, "0::/")
    assert group_quota(tmp_path, nothing) is None
    assert available_cpus(tmp_path, nothing) == len(os.sched_getaffinity(0))
    write(tmp_path, cpu__max="max 100000\n")
    assert group_quota(tmp_path, nothing) is None


def test_affinity_below_the_machine_counts() -> None:
    before = os.sched_getaffinity(0)
    one = {min(before)}
    os.sched_setaffinity(0, one)
    try:
        assert available_cpus() == 1
    finally:
        os.sched_setaffinity(0, before)


@pytest.mark.parametrize(
    ("text", "quota", "cpus"), [("150000 100000\n", 1.5, 1), ("20000 100000\n", 0.2, 1), ("100000 50000\n", 2.0, 2)]
)
def test_a_quota_of_version_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, quota: float, cpus: int
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(64)))
    write(tmp_path, cpu__max=text)
    assert group_quota(tmp_path, own(tmp_path, "0::/")) == pytest.approx(quota)
    assert available_cpus(tmp_path, own(tmp_path, "0::/")) == cpus


def test_the_tightest_of_nested_groups_binds(tmp_path: Path) -> None:
    write(tmp_path / "slurm" / "job", cpu__max="800000 100000\n")
    write(tmp_path / "slurm", cpu__max="400000 100000\n")
    write(tmp_path / "slurm" / "job" / "step", cpu__max="max 100000\n")
    write(tmp_path / "another", cpu__max="100000 100000\n")
    assert group_quota(tmp_path, own(tmp_path, "0::/slurm/job/step")) == pytest.approx(4)


@pytest.mark.parametrize("mounted", ["cpu", "cpu,cpuacct"])
def test_a_quota_of_version_1(tmp_path: Path, mounted: str) -> None:
    membership = own(tmp_path, "5:memory:/elsewhere", f"3:{mounted}:/docker/abc", "0::/")
    write(tmp_path / mounted, cpu__cfs_quota_us="-1\n", cpu__cfs_period_us="100000\n")
    assert group_quota(tmp_path, membership) is None
    write(tmp_path / mounted / "docker" / "abc", cpu__cfs_quota_us="300000\n", cpu__cfs_period_us="100000\n")
    assert group_quota(tmp_path, membership) == pytest.approx(3)


def test_in_a_container_the_root_that_is_mounted_is_its_own_group(tmp_path: Path) -> None:
    write(tmp_path / "cpu", cpu__cfs_quota_us="250000\n", cpu__cfs_period_us="100000\n")
    assert group_quota(tmp_path, own(tmp_path, "3:cpu:/docker/only-the-host-sees-this")) == pytest.approx(2.5)


def test_this_machine_gives_between_one_and_all_of_its_processors() -> None:
    assert 1 <= available_cpus() <= (os.cpu_count() or 1)
