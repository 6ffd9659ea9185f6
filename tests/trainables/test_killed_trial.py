"""A trial whose process is really killed, at any moment and again and again, ends with an undisturbed run's numbers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from tests.trainables.killed_trials import Killer
from tests.trainables.small_trials import run, small_config
from tests.trainables.test_trial import numbers
from trainables.files.pace import Pace
from trainables.files.record import Identity, read_record
from trainables.trial import Trial

RSST = {
    "train": {"distill": {"weight": 0.5}},
    "data": {"augment": {"crop_padding": 1, "mixup": 0.2, "cutmix": 0.5}},
    "prune": {"method": "rsst", "rewind": {"epoch": 1}, "rsst": {"ramp": 0.5, "hold": 0.3}},
}
CASES: dict[str, tuple[int, dict[str, Any]]] = {
    "rsst with rewinding, mixing and a teacher": (6, RSST),
    "rsst in float16": (4, {"train": {"precision": "float16"}, "prune": {"method": "rsst", "criterion": "fisher"}}),
    "imp with momentum": (6, {"train": {"optimizer": "sgd", "lr": 0.01}, "prune": {"method": "imp", "rewind": "init"}}),
    "random to a macs target": (6, {"prune": {"method": "random", "schedule": {"macs_target": 0.5}}}),
}


@pytest.fixture(scope="module")
def killer() -> Iterator[Killer]:
    started = Killer()
    yield started
    started.close()


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_a_killed_process_changes_no_number(tmp_path: Path, killer: Killer, name: str) -> None:
    kills, changes = CASES[name]
    folders = killer.kill_again_and_again(tmp_path, changes, seed=len(name), kills=kills)
    assert folders
    straight = tmp_path / "straight"
    files = sorted(path.name for path in (straight / "states").glob("*.safetensors"))
    assert len(files) == 6, "three networks and their predictions"
    for killed in folders:
        record = read_record(killed)
        assert record is not None
        assert record.status == "finished"
        assert len(record.epochs) == 6
        assert numbers(killed) == numbers(straight)
        assert files == sorted(path.name for path in (killed / "states").glob("*.safetensors"))
        for file in files:
            ours, theirs = load_file(killed / "states" / file), load_file(straight / "states" / file)
            assert ours.keys() == theirs.keys()
            assert all(torch.equal(ours[key], theirs[key]) for key in theirs), file


def opened(folder: Path, checkpoint_seconds: float, **changes: Any) -> Trial:
    return Trial.open(folder, Identity("t-000", "t"), small_config(**changes), pace=Pace(checkpoint_seconds))


def _broken(*arguments: Any) -> None:
    raise RuntimeError("in the middle of an epoch")


def test_checkpoints_at_intervals_cost_a_kill_some_epochs_and_no_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes: dict[str, Any] = {"train": {"epochs_per_state": 4, "batch_size": 96}, "prune": {"schedule": {"states": 1}}}
    run(opened(tmp_path / "whole", 0.0, **changes))
    clock = [0.0]
    monkeypatch.setattr("trainables.files.pace.time.monotonic", lambda: clock[0])
    trial = opened(tmp_path / "killed", 30.0, **changes)
    latest = tmp_path / "killed" / "checkpoint" / "latest.safetensors"
    trial.step()
    assert not latest.exists()
    clock[0] += 31
    trial.step()
    assert latest.exists(), "the first epoch's end after so many seconds, where an epoch is one step"
    trial.step()
    del trial  # as a kill leaves it: the third epoch is in the record and in no checkpoint
    again = opened(tmp_path / "killed", 30.0, **changes)
    assert again.step()["epochs_total"] == 3
    again.close()
    left = opened(tmp_path / "killed", 30.0, **changes)
    assert left.step()["epochs_total"] == 4, "who leaves in good order leaves a checkpoint"
    run(left)
    assert numbers(tmp_path / "whole") == numbers(tmp_path / "killed")


def test_what_breaks_within_an_epoch_leaves_no_checkpoint_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(opened(tmp_path / "whole", 0.0))
    trial = opened(tmp_path / "broken", 30.0)
    trial.step()
    with monkeypatch.context() as patch:
        patch.setattr("trainables.states.running_state.train_steps", _broken)
        with pytest.raises(RuntimeError, match="in the middle"):
            trial.step()
    trial.close()
    assert not (tmp_path / "broken" / "checkpoint").exists()
    run(opened(tmp_path / "broken", 30.0))
    assert numbers(tmp_path / "whole") == numbers(tmp_path / "broken")
