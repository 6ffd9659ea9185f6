"""Stages are there whole or not at all, are trained by one process at a time, and stay within their bound."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.trainables.small_trials import run
from tests.trainables.stages.test_sharing import opened, outcome, record_of
from trainables.files.record import StateEnd
from trainables.stages.stage import NETWORK_FILE, write_stage
from trainables.stages.store import LOOKED_THROUGH, StageStore
from trainables.states.position import Position

END = StateEnd(0, 1, 0.5, 0.5, 0.5, 0.5, 10, 10, 0.0, {}, 1.0, 1.0)
HOLDER = """
import sys, time
from pathlib import Path
from trainables.stages.store import StageStore
from trainables.stages import claims
claims.BEAT = 0.05
claim = StageStore(Path(sys.argv[1]), 1.0).claim("ab12", "run/holder")
assert claim is not None
print("holds it", flush=True)
time.sleep(60)
"""
RACER = """
import sys
from pathlib import Path
from tests.trainables.small_trials import run
from tests.trainables.stages.test_sharing import opened
Path(sys.argv[3]).touch()
while not Path(sys.argv[4]).exists(): pass
run(opened(Path(sys.argv[1]), Path(sys.argv[2])))
"""


def publish(store: StageStore, key: str, trial: Path, size: int = 1000) -> None:
    (trial / "states").mkdir(parents=True, exist_ok=True)
    (trial / "states/00.safetensors").unlink(missing_ok=True)
    (trial / "states/00.safetensors").write_bytes(os.urandom(size))
    store.publish(key, lambda folder: write_stage(folder, trial, Position(0, 1), {}, [{"epoch": 1}], END))


@pytest.fixture
def trial(tmp_path: Path) -> Path:
    return tmp_path / "run/trials/t-000"


def test_what_was_published_is_found_and_nothing_else(tmp_path: Path, trial: Path) -> None:
    store = StageStore(tmp_path / "stages", 1.0)
    assert store.find("ab12") is None
    publish(store, "ab12", trial)
    stage = store.find("ab12")
    assert stage is not None
    assert (stage.trained_by, stage.lines, stage.end) == ("run/t-000", ({"epoch": 1},), END)
    assert store.find("ab13") is None


def test_a_second_publisher_changes_nothing(tmp_path: Path, trial: Path) -> None:
    store = StageStore(tmp_path / "stages", 1.0)
    publish(store, "ab12", trial)
    before = (tmp_path / "stages/ab/ab12" / NETWORK_FILE).read_bytes()
    publish(store, "ab12", trial)
    assert (tmp_path / "stages/ab/ab12" / NETWORK_FILE).read_bytes() == before
    assert [folder.name for folder in (tmp_path / "stages/ab").iterdir()] == ["ab12"]


def test_what_was_not_used_for_longest_goes_first(tmp_path: Path, trial: Path) -> None:
    store = StageStore(tmp_path / "stages", 25e3 / 1e9)
    for number, key in enumerate(("aa01", "aa02", "aa03")):
        publish(store, key, trial, 9_000)
        file = tmp_path / "stages/aa" / key / "stage.json"
        if file.exists():
            os.utime(file, (1000 + number, 1000 + number))
    assert [store.find(key) is not None for key in ("aa01", "aa02", "aa03")] == [False, True, True]
    os.utime(tmp_path / "stages/aa/aa03/stage.json", (2000, 2000))
    publish(store, "aa04", trial, 9_000)
    assert [store.find(key) is not None for key in ("aa02", "aa03", "aa04")] == [True, False, True]
    publish(store, "aa05", trial, 90_000)
    assert store.find("aa05") is not None, "the newest stays, however large: somebody waits for it"


def test_many_stages_are_not_looked_through_for_each_new_one(
    tmp_path: Path, trial: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trainables.stages.store.FEW", 2)
    store = StageStore(tmp_path / "stages", 25e3 / 1e9)
    for key in ("aa01", "aa02", "aa03"):
        publish(store, key, trial, 9_000)
    marker = tmp_path / "stages" / LOOKED_THROUGH
    marker.write_text("5.0\n")  # seconds that it took
    publish(store, "aa04", trial, 9_000)
    publish(store, "aa05", trial, 9_000)
    there = [store.find(key) is not None for key in ("aa02", "aa03", "aa04", "aa05")]
    assert all(there), "beyond the bound, as the last look is so recent"
    os.utime(marker, (time.time() - 101, time.time() - 101))
    publish(store, "aa06", trial, 9_000)
    assert len(list((tmp_path / "stages/aa").iterdir())) == 2
    assert float(marker.read_text()) < 5.0


@pytest.mark.slow
def test_a_claim_ends_with_the_process_that_holds_it(tmp_path: Path) -> None:
    store = StageStore(tmp_path / "stages", 1.0)
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(store.folder)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "holds it\n"
    assert store.claim("ab12", "run/t") is None
    other = store.claim("cd34", "run/t")
    assert other is not None
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    claim = store.claim("ab12", "run/t")
    assert claim is not None
    claim.release(), other.release()


@pytest.mark.slow
def test_a_holder_lives_while_it_is_not_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trainables.stages.claims.SILENT", 1.0)
    store = StageStore(tmp_path / "stages", 1.0)
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(store.folder)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "holds it\n"
    try:
        waiting = store.waiting("ab12")

        def silent_within(seconds: float) -> bool:
            until = time.monotonic() + seconds
            while time.monotonic() < until:
                if waiting.silent():
                    return True
                time.sleep(0.02)
            return False

        assert not silent_within(2.0)
        assert waiting.holder() == f"run/holder (process {holder.pid} on {socket.gethostname()})"
        holder.send_signal(signal.SIGSTOP)
        assert silent_within(5.0)
        assert store.claim("ab12", "run/t") is None, "it has the lock still"
        instead = store.claim("ab12", "run/t", rank=1)
        assert instead is not None
        instead.release()
    finally:
        holder.send_signal(signal.SIGKILL)
        holder.wait()


@pytest.mark.slow
def test_two_processes_train_no_state_twice(tmp_path: Path) -> None:
    stages, go = tmp_path / "stages", tmp_path / "go"
    folders = [tmp_path / "run/trials" / name for name in ("first", "second")]
    command = [sys.executable, "-c", RACER]
    racers = [
        subprocess.Popen([*command, str(folder), str(stages), str(tmp_path / folder.name), str(go)])
        for folder in folders
    ]
    while not all((tmp_path / folder.name).exists() for folder in folders):
        assert all(racer.poll() is None for racer in racers)
        time.sleep(0.05)
    go.touch()
    assert [racer.wait() for racer in racers] == [0, 0]
    run(opened(tmp_path / "run/trials/alone", None))
    assert outcome(folders[0]) == outcome(folders[1]) == outcome(tmp_path / "run/trials/alone")
    by_state = zip(*(record_of(folder).states for folder in folders), strict=True)
    assert all((one.taken_from is None) != (other.taken_from is None) for one, other in by_state)


def test_what_a_dead_process_left_blocks_nothing_and_goes(tmp_path: Path, trial: Path) -> None:
    store = StageStore(tmp_path / "stages", 1.0)
    half_removed = tmp_path / "stages/ab/ab12"
    half_removed.mkdir(parents=True)
    (half_removed / NETWORK_FILE).write_bytes(b"left over")
    unfinished = tmp_path / "stages/ab/.passing-ab99-0"
    unfinished.mkdir()
    os.utime(unfinished, (1000, 1000))
    assert store.find("ab12") is None
    publish(store, "ab12", trial)
    assert store.find("ab12") is not None
    assert not unfinished.exists()
