"""A launch whose run was driven by another while it was cut off leaves the other's files alone; with no Ray."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from benchmarks.support.simulation import make_study
from search.run.driving.hold import TakenOver
from search.run.files.manifest_file import read_manifest
from search.run.folder import RunFolder
from search.run.manifest import close_launch, open_run, write_launch
from search.run.preflight import Checked
from search.tuning import drive
from search.tuning.trial_queue import TrialQueue


class NoRay:
    """A session that nothing is run in."""

    def __enter__(self) -> NoRay:
        return self

    def __exit__(self, *_: object) -> None: ...

    def begin(self) -> None: ...


def another_drives_it_to_its_end(run: RunFolder) -> dict[str, bytes]:
    """Gives what it has left."""
    (run.path / ".driver").unlink()
    generation = run.begin_launch()
    write_launch(run, generation, {}, {}, ["prunetune", "resume"])
    run.optuna_log.write_bytes(b"the other's\n")
    close_launch(run, generation, "complete")
    return contents(run)


def contents(run: RunFolder) -> dict[str, bytes]:
    return {str(file): file.read_bytes() for file in run.path.rglob("*") if file.is_file() and file.stat().st_size}


def test_it_writes_nothing_more_and_says_so_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study, left = make_study(tmp_path), {}
    run = open_run(tmp_path / "runs", study)

    def cut_off(queue: TrialQueue, *_: Any) -> None:
        trial = queue.next()
        assert not isinstance(trial, str)
        left.update(another_drives_it_to_its_end(run))
        queue.give_back(trial.id)

    monkeypatch.setattr(drive, "_drive", cut_off)
    launch: Any = SimpleNamespace(**{**vars(drive.Launch()), "ray": NoRay()})
    with pytest.raises(TakenOver, match=r"launch 2 has taken this run over; this one has left it"):
        drive.run_study(study, run, launch, check=lambda _: Checked({}, ()))
    assert contents(run) == left
    assert [(one["generation"], one["left"]) for one in read_manifest(run)["launches"]] == [(1, None), (2, "complete")]
