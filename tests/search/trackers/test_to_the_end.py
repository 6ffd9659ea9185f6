"""How long a tracker's process is waited for: a launch's half minute, or with `prunetune log` to the end."""

from __future__ import annotations

import subprocess
import threading
from pathlib import Path

import pytest

from search.run.folder import RunFolder
from search.study.load import load_study
from search.trackers import process
from search.trackers.process import Say, Telling, told_to_trackers
from tests.search.trackers.records import made_run


@pytest.fixture
def slow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """A tracker's process needs 0.6 s after its driver's end; a launch waits 0.2 s. Gives what each was started with."""
    begun: list[list[str]] = []

    def begin(run: Path, arguments: list[str], say: Say) -> Telling:
        begun.append(arguments)
        sending = subprocess.Popen(
            ["sh", "-c", "cat >/dev/null; exec sleep 0.6"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        relay = threading.Thread(target=process._relay, args=(sending, say), daemon=True)
        relay.start()
        return Telling(arguments[0], sending, relay)

    monkeypatch.setattr(process, "_begun", begin)
    monkeypatch.setattr(process, "LAST_SECONDS", 0.2)
    monkeypatch.setattr(process, "PROGRESS_SECONDS", 0.1)
    return begun


def test_log_waits_to_the_end_and_says_how_far_it_is(tmp_path: Path, slow: list[list[str]]) -> None:
    run, said, waited = made_run(tmp_path, logging=["mlflow"]), list[str](), list[str]()
    study = load_study(run / "study.yaml", recorded=True)
    with told_to_trackers(study.logging, RunFolder(run), said.append, waited.append) as (told,):
        pass
    assert told.complete
    assert len(waited) >= 3
    assert slow[-1][2:] == [process.TO_THE_END]
    with told_to_trackers(study.logging, RunFolder(run), said.append) as (told,):
        pass
    assert not told.complete
    assert slow[-1][2:] == []
    assert len(said) == 1


def test_an_interrupt_leaves_no_process_behind(tmp_path: Path, slow: list[list[str]]) -> None:
    run = made_run(tmp_path, logging=["mlflow"])
    study, begun = load_study(run / "study.yaml", recorded=True), list[Telling]()

    def interrupted(name: str) -> None:
        raise KeyboardInterrupt

    with (
        pytest.raises(KeyboardInterrupt),
        told_to_trackers(study.logging, RunFolder(run), print, interrupted) as told,
    ):
        begun += told
    assert [one.process.returncode for one in begun] == [-9]
