"""A driver whose run was taken over on another machine, under Ray: it leaves, and writes nothing more to it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from search.run.folder import RunFolder
from search.run.results import load_results
from tests.search.run.driving.others import HOST, lease_of_another_machine
from tests.search.tuning.driver import Driver, in_its_fourth_epoch
from tests.search.tuning.test_sweep_with_ray import check_each_epoch_once, made, of_session
from trainables.files.generation import next_generation

pytestmark = [pytest.mark.slow, pytest.mark.ray, pytest.mark.timeout(1800)]


@pytest.fixture
def drivers() -> Iterator[list[Driver]]:
    started: list[Driver] = []
    yield started
    for driver in started:
        driver.close()


def contents(run: RunFolder) -> dict[Path, str]:
    """Of every file in the run that holds something: a trial's process may have opened its `worker.log`."""
    files = [file for file in run.path.rglob("*") if file.is_file() and file.stat().st_size]
    return {file: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


@pytest.mark.parametrize("notices", ["by its next sign of life", "by its trials", "too late"])
def test_who_was_put_out_leaves_and_writes_nothing_more(tmp_path: Path, drivers: list[Driver], notices: str) -> None:
    run = made(tmp_path)
    gate, first = in_its_fourth_epoch(run, tmp_path, drivers)
    lease, whose = lease_of_another_machine(run.path), f"process 77 on {HOST}"
    next_generation(run.path)
    if notices == "too late":  # the other one has let the run go again
        lease.unlink()
        whose = "launch 2"
    before = contents(run)
    if notices == "by its next sign of life":
        first.until_said(f"leaving: process 77 on {HOST} has taken this run over")
    gate.open()
    assert first.wait() == 1, first.said()
    assert f"{whose} has taken this run over; this one has left it" in first.said()
    assert contents(run) == before
    assert not of_session(first.process.pid)

    (run.path / ".driver").unlink(missing_ok=True)
    second = Driver(run, tmp_path / "home", GATE=str(gate.folder))
    drivers.append(second)
    assert second.wait() == 0, second.said()
    results = load_results(run.path)
    assert results.complete
    check_each_epoch_once(results)
