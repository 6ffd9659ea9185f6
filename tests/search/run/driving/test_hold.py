"""One process drives a run: with locks, without them, from two machines, and where one of them has died."""

from __future__ import annotations

import fcntl
import os
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from models.errors import UserError
from search.run.driving import hold as holding
from search.run.driving import lease as leases
from search.run.driving.hold import Hold, TakenOver
from search.run.driving.lease import Lease, read_sign
from search.run.folder import RunFolder
from tests.search.run.driving.others import HOST, OtherDriver, hold_lock, lease_of_another_machine, no_locks
from trainables.files.generation import read_generation

OLD = 3600.0
"""Seconds without a sign of life."""


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return RunFolder(tmp_path / "run")


@pytest.fixture(params=["locks", "none"])
def locks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    if request.param == "none":
        monkeypatch.setattr(fcntl, "flock", no_locks)
    return request.param == "locks"


class Clock:
    """Of `holding`: its time passes as it sleeps."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def drive(run: RunFolder, *, take_over: bool = False) -> int:
    with run.driven(take_over=take_over) as generation:
        return generation


def refused(run: RunFolder, *, take_over: bool = False) -> str:
    with pytest.raises(UserError) as caught:
        drive(run, take_over=take_over)
    return str(caught.value)


def test_a_living_process_of_this_machine_is_never_put_out(run: RunFolder, locks: bool) -> None:
    with OtherDriver(run.path, locks=locks) as other:
        os.utime(run.path / ".driver", (1, 1))  # as one that was stopped long ago
        for take_over in (False, True):
            assert f"is being driven by process {other.process.pid}; wait for it" in refused(run, take_over=take_over)
        assert run.is_driven()
        assert read_generation(run.path) == 1
        other.leave()
    assert not run.is_driven()
    assert drive(run) == 2


def test_a_killed_process_of_this_machine_is_followed_at_once(
    run: RunFolder, locks: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holding, "FREE_AND_SILENT", 1e6)
    with OtherDriver(run.path, locks=locks) as other:
        other.kill()
        assert (run.path / ".driver").exists()
        assert not run.is_driven()
        assert drive(run) == 2
    assert not (run.path / ".driver").exists()


def test_another_process_of_the_same_number_is_not_the_one_that_died(run: RunFolder, locks: bool) -> None:
    lease = Lease(os.getpid(), os.uname().nodename, "", 1, "of a process long ago")
    run.path.mkdir()
    (run.path / ".driver").write_bytes(lease.to_bytes())
    assert not run.is_driven()
    assert drive(run) == 1


def test_another_machine_that_gives_signs_of_life_is_not_put_out(run: RunFolder, locks: bool) -> None:
    with ExitStack() as stack:
        if locks:
            stack.callback(os.close, hold_lock(run.path))
        lease_of_another_machine(run.path, age=20)
        for take_over in (False, True):
            said = refused(run, take_over=take_over)
            assert f"driven by process 77 on {HOST} (last sign of life 2" in said
            assert said.startswith("--take-over: ") == take_over
        assert run.is_driven()


def test_another_machine_that_gives_none_is_put_out_only_where_a_person_says_so(run: RunFolder, locks: bool) -> None:
    with ExitStack() as stack:
        if locks:
            stack.callback(os.close, hold_lock(run.path))
        lease_of_another_machine(run.path, age=OLD)
        said = refused(run)
        assert f"process 77 on {HOST} drives this run, and has given no sign of life for 36" in said
        assert "if that machine is really gone, --take-over takes the run over" in said
        assert not run.is_driven()
        before = (run.path / ".lock").stat().st_ino if locks else 0
        with run.driven(take_over=True) as generation:
            assert generation == 1
            assert run.is_driven()
            assert not locks or (run.path / ".lock").stat().st_ino != before
            assert "driven by process" in refused(run)
            assert "driven by process" in refused(run, take_over=True)
    assert drive(run) == 2


def test_taking_over_what_nobody_drives_is_driving_it(run: RunFolder, locks: bool) -> None:
    assert drive(run, take_over=True) == 1


def test_a_lock_that_nobody_says_to_hold_is_respected(run: RunFolder) -> None:
    descriptor = hold_lock(run.path)
    for take_over in (False, True):
        assert "driven by process unknown" in refused(run, take_over=take_over)
    os.close(descriptor)
    assert drive(run) == 1


def test_a_free_lock_and_an_old_lease_of_another_machine_are_nobodys(run: RunFolder) -> None:
    lease_of_another_machine(run.path, age=OLD)
    assert not run.is_driven()
    assert drive(run) == 1


def test_whose_lock_is_free_is_given_time_for_a_sign_of_life(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = Clock()
    monkeypatch.setattr(holding, "time", clock)
    touched = lease_of_another_machine(run.path).stat().st_mtime
    monkeypatch.setattr(leases, "_now", lambda _: touched + 10)
    assert run.is_driven()
    assert drive(run) == 1
    assert clock.now == pytest.approx(20, abs=2 * holding.PAUSE)
    assert f"process 77 on {HOST} drove this run 10 s ago; waiting 20 s for a sign of life" in capsys.readouterr().err


def test_a_sign_of_life_beside_a_free_lock_is_a_driver_whose_locks_are_not_seen_here(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holding, "FREE_AND_SILENT", 60.0)
    file = lease_of_another_machine(run.path, age=1)
    beats = threading.Timer(0.3, os.utime, [file])
    beats.start()
    assert f"driven by process 77 on {HOST}, which has just given a sign of life" in refused(run)
    beats.join()
    assert file.read_text().startswith('{"process": 77')


def test_of_many_who_come_at_once_one_drives(run: RunFolder, locks: bool) -> None:
    file = lease_of_another_machine(run.path, age=OLD)
    came, drives, told = threading.Barrier(8), [], []
    leave = threading.Event()

    def come() -> None:
        came.wait()
        try:
            with run.held(take_over=True):
                drives.append(file.read_bytes())
                leave.wait(60)
        except UserError as error:
            told.append(str(error))

    threads = [threading.Thread(target=come) for _ in range(8)]
    for thread in threads:
        thread.start()
    for _ in range(1200):
        if len(told) == 7:
            break
        time.sleep(0.05)
    assert (len(drives), len(told)) == (1, 7)
    assert drives == [file.read_bytes()]
    leave.set()
    for thread in threads:
        thread.join()
    assert not file.exists()


def test_who_was_put_out_notices_tells_why_and_leaves_the_others_files_alone(run: RunFolder, locks: bool) -> None:
    told: list[str] = []
    with run.held() as hold:
        hold.when_lost(told.append)
        assert not hold.lost()
        file = lease_of_another_machine(run.path)
        content = file.read_bytes()
        assert hold.lost()
        assert told == [f"process 77 on {HOST} has taken this run over"]
        with pytest.raises(TakenOver, match=f"process 77 on {HOST} has taken this run over; this one has left it"):
            hold.check()
        hold.when_lost(told.append)
    assert len(told) == 2
    assert file.read_bytes() == content


def test_signs_of_life_are_given_and_what_has_disappeared_is_said_again(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holding, "BEAT", 0.05)
    run.path.mkdir()
    hold, file, told = Hold.take(run.path), run.path / ".driver", threading.Event()
    hold.when_lost(lambda _: told.set())
    os.utime(file, (1, 1))
    wait_until(lambda: (sign := read_sign(run.path)) is not None and sign.age < 30)
    file.unlink()
    wait_until(file.exists)
    lease_of_another_machine(run.path)
    assert told.wait(60)
    hold.release()
    assert file.exists()


def wait_until(condition: object) -> None:
    end = time.monotonic() + 60
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end
        time.sleep(0.02)


def test_nobody_waits_for_the_next_sign_of_life_at_the_end(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holding, "BEAT", 1e6)
    drive(run)
    assert not (run.path / ".driver").exists()
