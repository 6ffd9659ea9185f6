"""The lease's file: what is read of it, and how old it is whatever the clocks say."""

from __future__ import annotations

import errno
import fcntl
import os
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from search.run.driving import lease as leases
from search.run.driving.lease import Lease, put_lease, read_sign
from search.run.driving.rules import look
from tests.search.run.driving.others import HOST, hold_lock, lease_of_another_machine, no_locks


def test_what_was_written_is_read(tmp_path: Path) -> None:
    lease = Lease.of_this_process()
    assert put_lease(tmp_path, lease.to_bytes(), None)
    sign = read_sign(tmp_path)
    assert sign is not None
    assert sign.lease == lease
    assert sign.lives_here
    assert (lease.process, lease.host) == (os.getpid(), os.uname().nodename)
    assert Lease.of_this_process().token != lease.token


@pytest.mark.parametrize(
    ("content", "lease", "told"),
    [
        (b"77 node2\n", Lease(77, "node2"), "77 on node2"),
        (b"", None, "unknown"),
        (b"{}", None, "unknown"),
        (b"[1]", None, "unknown"),
        (b"\xff\xfe", None, "unknown"),
        (b"one node2\n", None, "unknown"),
        (b'{"process": "77", "host": "node2"}\n', None, "unknown"),
    ],
)
def test_leases_of_before_and_damaged_ones(tmp_path: Path, content: bytes, lease: Lease | None, told: str) -> None:
    (tmp_path / ".driver").write_bytes(content)
    sign = read_sign(tmp_path)
    assert sign is not None
    assert (sign.lease, str(sign)) == (lease, told)


@pytest.mark.parametrize("of_another", ["boot", "processes"])
def test_another_machine_of_the_same_name_is_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, of_another: str
) -> None:
    monkeypatch.setattr(leases, f"_{of_another}", lambda: "this one's")
    lease = Lease.of_this_process()
    assert lease.lives_here
    monkeypatch.setattr(leases, f"_{of_another}", lambda: "another's")
    monkeypatch.setattr(fcntl, "flock", no_locks)
    put_lease(tmp_path, lease.to_bytes(), None)
    (tmp_path / ".lock").touch()
    seen = look(tmp_path)
    assert seen.is_driven
    assert f"driven by process {os.getpid()} on {lease.host} (last sign of life " in (seen.refusal(False) or "")
    monkeypatch.setattr(leases, f"_{of_another}", lambda: "")
    assert not lease.is_here
    assert replace(lease, **{of_another: ""}).lives_here


def test_a_lease_that_does_not_say_which_system_it_is_of_goes_by_the_machines_name() -> None:
    lease = Lease.of_this_process()
    assert (lease.boot, lease.processes) != ("", "")
    assert replace(lease, boot="", processes="").lives_here
    assert not replace(lease, host=HOST, boot="", processes="").is_here


def test_no_lease_is_none(tmp_path: Path) -> None:
    assert read_sign(tmp_path) is None
    assert not look(tmp_path).is_driven


def test_the_age_is_by_the_file_systems_clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lease_of_another_machine(tmp_path, age=100)
    monkeypatch.setattr(time, "time", lambda: 5e9)
    sign = read_sign(tmp_path)
    assert sign is not None
    assert sign.age == pytest.approx(100, abs=5)
    assert list(tmp_path.iterdir()) == [sign.file]


def test_where_nothing_can_be_written_it_is_by_this_machines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def read_only(**_: Any) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    lease_of_another_machine(tmp_path, age=100)
    monkeypatch.setattr(tempfile, "TemporaryFile", read_only)
    sign = read_sign(tmp_path)
    assert sign is not None
    assert sign.age == pytest.approx(100, abs=5)


def test_only_the_lease_that_was_seen_is_replaced(tmp_path: Path) -> None:
    lease_of_another_machine(tmp_path, process=1)
    seen = read_sign(tmp_path)
    lease_of_another_machine(tmp_path, process=2)
    newer = (tmp_path / ".driver").read_bytes()
    assert not put_lease(tmp_path, b"mine", seen)
    assert not put_lease(tmp_path, b"mine", None)
    assert (tmp_path / ".driver").read_bytes() == newer
    assert put_lease(tmp_path, b"mine", read_sign(tmp_path))
    assert not put_lease(tmp_path, b"mine", seen)
    assert [file.read_bytes() for file in tmp_path.iterdir()] == [b"mine"]


def test_a_turn_that_was_never_ended_is_waited_for_and_then_ended(tmp_path: Path) -> None:
    lease_of_another_machine(tmp_path)
    seen, turn = read_sign(tmp_path), tmp_path / ".driver.next"
    turn.write_bytes(b"a process that died")
    assert not put_lease(tmp_path, b"mine", seen)
    assert turn.exists()
    os.utime(turn, (1, 1))
    assert not put_lease(tmp_path, b"mine", seen)
    assert put_lease(tmp_path, b"mine", seen)
    assert [file.read_bytes() for file in tmp_path.iterdir()] == [b"mine"]


def test_a_look_says_who_and_when(tmp_path: Path) -> None:
    lease_of_another_machine(tmp_path, age=12)
    descriptor = hold_lock(tmp_path)
    assert look(tmp_path).holder == f"77 on {HOST} (last sign of life 12 s ago)"
    assert look(tmp_path).is_driven
    lease_of_another_machine(tmp_path, age=61)
    assert not look(tmp_path).is_driven
    assert look(tmp_path).may_be_taken_over
    os.close(descriptor)
    assert not look(tmp_path).may_be_taken_over
