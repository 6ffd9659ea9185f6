"""One driver for a run in a bucket, whatever machine it is on, against a real S3 server."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from threading import Thread

import pytest

from models.errors import UserError
from search.run.driving.bucket_hold import BucketHold, bucket_sign
from search.run.driving.hold import TakenOver
from search.run.driving.lease import LEASE_FILE, Lease
from search.run.folder import RunFolder
from tests.s3_server import environment_of, make_bucket, s3_server
from trainables.files.generation import GENERATION_FILE
from trainables.files.remote.address import opened_copies


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with s3_server() as address:
        make_bucket(address, "bucket")
        yield address


@pytest.fixture
def run(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunFolder:
    for name, value in (environment_of(server) | {"PRUNETUNE_CACHE": str(tmp_path)}).items():
        monkeypatch.setenv(name, value)
    return RunFolder(opened_copies("s3://bucket/runs") / tmp_path.name)


def put(run: RunFolder, lease: Lease) -> None:
    mirror = run.mirror()
    assert mirror is not None
    mirror.bucket.write(LEASE_FILE, lease.to_bytes())


def is_elsewhere(run: RunFolder, monkeypatch: pytest.MonkeyPatch, age: float) -> None:
    """The lease of a machine that last wrote it so many seconds ago, by the server's clock."""
    put(run, Lease(7, "elsewhere", token="x"))
    from trainables.files.remote.bucket import Bucket

    now = Bucket.now
    monkeypatch.setattr(Bucket, "now", lambda self: now(self) + age)


def test_the_second_driver_is_told_of_the_first(run: RunFolder) -> None:
    assert not run.is_driven()
    with run.held():
        assert run.is_driven()
        with (
            pytest.raises(UserError, match=r"^s3://bucket/runs/.*: this run is being driven by process \d+; wait"),
            run.held(),
        ):
            pass
        assert run.is_driven()
    assert not run.is_driven()
    with run.held():
        pass


def test_of_many_that_begin_at_once_one_drives(run: RunFolder) -> None:
    driving: list[int] = []
    refused: list[str] = []

    def drive(number: int) -> None:
        try:
            with run.held():
                driving.append(number)
                time.sleep(1.5)
        except UserError as error:
            refused.append(str(error))

    threads = [Thread(target=drive, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(driving) == 1
    assert len(refused) == 5


def test_the_lease_of_a_dead_process_of_this_machine_counts_for_nothing(run: RunFolder) -> None:
    dead = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    put(run, replace(Lease.of_this_process(), process=int(dead.stdout), started=1))
    assert not run.is_driven()
    with run.held():
        assert run.is_driven()


def test_another_machine_that_gives_signs_of_life_drives(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    is_elsewhere(run, monkeypatch, age=10)
    assert run.is_driven()
    for take_over in (False, True):
        with pytest.raises(UserError, match="driven by process 7 on elsewhere"), run.held(take_over=take_over):
            pass


def test_a_silent_machine_is_taken_over_on_request_alone(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    is_elsewhere(run, monkeypatch, age=100)
    with pytest.raises(UserError, match="--take-over takes the run over"), run.held():
        pass
    with run.held(take_over=True):
        mirror = run.mirror()
        assert mirror is not None
        sign = bucket_sign(mirror)
        assert sign is not None
        assert sign.lives_here


def test_who_was_taken_over_notices_and_touches_nothing_of_the_others(run: RunFolder) -> None:
    told: list[str] = []
    with run.held() as hold:
        assert isinstance(hold, BucketHold)
        hold.when_lost(told.append)
        assert not hold.lost()
        put(run, Lease(7, "elsewhere", token="x"))
        with pytest.raises(TakenOver, match="process 7 on elsewhere has taken this run over"):
            hold.check()
    assert told == ["process 7 on elsewhere has taken this run over"]
    mirror = run.mirror()
    assert mirror is not None
    assert mirror.bucket.content(LEASE_FILE) == Lease(7, "elsewhere", token="x").to_bytes()


def test_who_was_put_out_does_not_come_back_once_its_successor_has_finished(run: RunFolder) -> None:
    mirror = run.mirror()
    assert mirror is not None
    with run.held() as hold:
        assert hold.launch(run.begin_launch) == 1
        mirror.bucket.delete(LEASE_FILE)
        assert not hold.lost()
        assert bucket_sign(mirror) is not None, "no other launch has begun, and the lease is written again"
        mirror.bucket.delete(LEASE_FILE)
        mirror.bucket.write(GENERATION_FILE, b"2\n")
        with pytest.raises(TakenOver, match="launch 2 has taken this run over; this one has left it"):
            hold.check()
        assert bucket_sign(mirror) is None
    assert bucket_sign(mirror) is None


def test_a_sign_of_life_renews_the_lease(run: RunFolder) -> None:
    mirror = run.mirror()
    assert mirror is not None
    with run.held() as hold:
        first = bucket_sign(mirror)
        time.sleep(1.1)
        assert not hold.lost()
        second = bucket_sign(mirror)
    assert first is not None
    assert second is not None
    assert second.touched > first.touched
    assert second.content == first.content
    assert bucket_sign(mirror) is None


def test_a_launch_has_the_next_number_and_the_one_before_is_fenced(run: RunFolder) -> None:
    from trainables.files.generation import Fenced

    with run.driven() as first:
        fence = run.fence(first)
        fence()
    with run.driven() as second:
        assert second == first + 1
        with pytest.raises(Fenced):
            fence()
        run.fence(second)()
