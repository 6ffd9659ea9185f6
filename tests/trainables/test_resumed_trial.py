"""A trial that was left, killed or asked for again: it goes on with the numbers of an unbroken one, or says why not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from models.errors import UserError
from models.versions import library_versions
from tests.trainables.small_trials import killed_after_each, numbers, open_trial, run, small_config
from trainables.files.checkpoint import folder_of
from trainables.files.failure import Failure, record_failure
from trainables.files.record import Identity, read_record
from trainables.files.request import TrialRequest
from trainables.files.state_files import REWIND_FILE
from trainables.trial import Trial

OWN_STATE0 = {"optimizer": "sgd", "lr": 0.01, "batch_size": 20, "augment": {"flip": True, "cutmix": 0.3}}


@pytest.mark.slow
@pytest.mark.parametrize("method", ["refill", "rsst", "imp"])
@pytest.mark.parametrize(
    ("optimizer", "state0"), [("adamw", {}), ("sgd", {}), ("adamw", OWN_STATE0)], ids=["adamw", "sgd", "own_state0"]
)
def test_a_trial_killed_at_any_epoch_ends_with_the_same_numbers(
    tmp_path: Path, method: str, optimizer: str, state0: dict[str, Any]
) -> None:
    changes: dict[str, Any] = {
        "train": {"optimizer": optimizer, "lr": 0.01 if optimizer == "sgd" else 2e-3, "state0": state0},
        "data": {"augment": {"crop_padding": 1, "mixup": 0.2, "rand_augment": "rand-m9-mstd0.5-inc1"}},
        "prune": {"method": method, "rewind": {"epoch": 1}, "criterion": "taylor"},
    }
    for folder in killed_after_each(tmp_path, 5, **changes):
        assert numbers(folder) == numbers(tmp_path / "straight"), folder.name
        for state in (0, 1, 2):
            ours, theirs = (load_file(at / f"states/0{state}.safetensors") for at in (folder, tmp_path / "straight"))
            assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_a_kill_between_record_and_checkpoint_repeats_the_epoch_once(
    tmp_path: Path, straight: Path, monkeypatch: Any
) -> None:
    trial = open_trial(tmp_path / "killed")
    trial.step()
    monkeypatch.setattr(trial, "_save_checkpoint", _power_cut)
    with pytest.raises(KeyboardInterrupt):
        trial.step()
    run(open_trial(tmp_path / "killed"))
    assert numbers(tmp_path / "killed") == numbers(straight)


@pytest.mark.parametrize("left", [b"", None], ids=["emptied", "gone"])
def test_a_trial_that_lost_what_it_returns_to_begins_anew(tmp_path: Path, left: bytes | None) -> None:
    changes: dict[str, Any] = {"train": {"epochs_per_state": 1}, "prune": {"rewind": {"epoch": 1}}}
    run(open_trial(tmp_path / "straight", **changes))
    open_trial(tmp_path / "left", **changes).step()
    point = tmp_path / "left" / REWIND_FILE
    point.unlink() if left is None else point.write_bytes(left)
    again = open_trial(tmp_path / "left", **changes)
    assert any(f"{point} is gone or cannot be read" in warning for warning in again.warnings)
    run(again)
    assert numbers(tmp_path / "left") == numbers(tmp_path / "straight")


def test_a_trial_begun_before_a_key_was_known_goes_on(tmp_path: Path, straight: Path) -> None:
    trial = open_trial(tmp_path / "begun")
    trial.step()
    record = tmp_path / "begun" / "record.jsonl"
    written = record.read_text()
    assert '"token_ratio":0.5,' in written
    record.write_text(written.replace('"token_ratio":0.5,', ""))
    run(open_trial(tmp_path / "begun"))
    assert numbers(tmp_path / "begun") == numbers(straight)


def _power_cut() -> None:
    raise KeyboardInterrupt


def test_a_truncated_checkpoint_costs_one_epoch_and_is_named(tmp_path: Path, straight: Path) -> None:
    trial = open_trial(tmp_path / "damaged")
    for _ in range(3):
        trial.step()
    latest = folder_of(tmp_path / "damaged") / "latest.safetensors"
    latest.write_bytes(latest.read_bytes()[:1000])
    again = open_trial(tmp_path / "damaged")
    assert any("latest.safetensors" in warning for warning in again.warnings)
    assert again.procedure.position.epochs_total == 2
    run(again)
    assert numbers(tmp_path / "damaged") == numbers(straight)


def test_a_trial_goes_on_from_a_record_that_lacks_a_later_versions_key(tmp_path: Path, straight: Path) -> None:
    trial = open_trial(tmp_path / "old")
    trial.step()
    path = tmp_path / "old" / "record.jsonl"
    header, *rest = path.read_text(encoding="utf-8").splitlines()
    changed = json.loads(header)
    del changed["config"]["measure"], changed["config"]["train"]["state0"]
    path.write_text("\n".join([json.dumps(changed), *rest]) + "\n", encoding="utf-8")
    open_trial(tmp_path / "old")
    changed["config"]["train"]["lr"] = 5.0
    path.write_text("\n".join([json.dumps(changed), *rest]) + "\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"another config: train\.lr was 5\.0"):
        open_trial(tmp_path / "old")


def test_a_finished_trial_is_not_trained_again(tmp_path: Path) -> None:
    first = run(open_trial(tmp_path))
    again = open_trial(tmp_path)
    assert again.done
    assert again.result() == first


def test_another_request_in_the_same_folder_is_refused_by_key(tmp_path: Path) -> None:
    open_trial(tmp_path).step()
    with pytest.raises(UserError, match=r"train\.lr was 0\.002, is now 0\.003"):
        open_trial(tmp_path, train={"lr": 3e-3})


def test_a_trial_that_failed_before_it_had_weights_can_be_tried_again(tmp_path: Path) -> None:
    config = small_config()
    identity = Identity("t-000", "t")
    record_failure(
        tmp_path,
        TrialRequest(identity, config.model_dump(mode="json")),
        Failure("error", "the data were not there"),
        generation=0,
    )
    assert open_trial(tmp_path).status == "failed"
    again = Trial.open(tmp_path, identity, config, retry_failed=True)
    assert not again.warnings
    assert run(again)["status"] == "finished"
    record = read_record(tmp_path)
    assert record is not None
    assert record.header["weights"]["verdict"] == "random"


def test_going_on_under_other_versions_is_said(tmp_path: Path) -> None:
    open_trial(tmp_path).step()
    installed = library_versions(("torch",))["torch"]
    path = tmp_path / "record.jsonl"
    path.write_text(path.read_text().replace(f'"torch":"{installed}"', '"torch":"1.0"'))
    warnings = open_trial(tmp_path).warnings
    assert [line.split(":")[0] for line in warnings] == [f"torch was 1.0, is now {installed}"]
