"""What is damaged, changed or cannot be written costs the sharing, and never a trial or one of its numbers."""

from __future__ import annotations

import errno
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from tests.trainables.small_trials import run
from tests.trainables.stages.test_sharing import opened, outcome, record_of, taken
from trainables.config.trial import DataConfig
from trainables.data import load_data
from trainables.stages import sharing


def test_a_damaged_stage_is_trained_anew(tmp_path: Path) -> None:
    trials, stages = tmp_path / "run/trials", tmp_path / "stages"
    run(opened(trials / "first", stages))
    for file in stages.glob("??/*/network.safetensors"):
        content = bytearray(file.read_bytes())
        content[-1] ^= 1
        file.unlink()
        file.write_bytes(content)
    run(opened(trials / "second", stages))
    assert taken(trials / "second") == [False] * 3
    run(opened(trials / "third", stages))
    assert taken(trials / "third") == [True] * 3
    assert outcome(trials / "first") == outcome(trials / "third")


def test_a_full_disk_costs_the_sharing_and_not_the_trial(tmp_path: Path, monkeypatch: Any) -> None:
    def full(*arguments: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(sharing, "write_stage", full)
    trial = opened(tmp_path / "run/trials/first", tmp_path / "stages")
    trial.step()
    (warning,) = trial.step()["warnings"]
    assert "states are not shared with other trials any more" in warning
    assert "No space left" in warning
    assert run(trial)["status"] == "finished"
    assert not list((tmp_path / "stages").glob("??/*")), "nothing half written stays"


@pytest.mark.parametrize("name", ["predictions.safetensors", "rewind-1.safetensors", "masks.safetensors"])
@pytest.mark.parametrize("damage", ["lost", "changed"])
def test_no_file_of_a_stage_may_be_lost_or_changed(tmp_path: Path, name: str, damage: str) -> None:
    trials, stages = tmp_path / "run/trials", tmp_path / "stages"
    changes: dict[str, Any] = {"prune": {"method": "imp", "rewind": {"epoch": 1}}}
    run(opened(trials / "first", stages, **changes))
    files = list(stages.glob(f"??/*/{name}"))
    assert files
    for file in files:
        content = file.read_bytes()
        file.unlink()
        if damage == "changed":
            file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    run(opened(trials / "second", stages, **changes))
    assert not all(taken(trials / "second"))
    assert outcome(trials / "first") == outcome(trials / "second")


def test_figures_that_are_not_finite_are_shared_as_the_record_has_them(tmp_path: Path) -> None:
    trials, stages = tmp_path / "run/trials", tmp_path / "stages"
    first = opened(trials / "first", stages)
    first.step()
    first.procedure.position = replace(first.procedure.position, removal={"magnitude_ratio": float("inf")})
    first.step()
    run(first)
    run(opened(trials / "second", stages))
    assert record_of(trials / "second").states[0].removal == {"magnitude_ratio": None}
    assert outcome(trials / "first") == outcome(trials / "second")


def test_what_other_code_went_on_with_is_shared_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trials, stages = tmp_path / "run/trials", tmp_path / "stages"
    trial = opened(trials / "first", stages)
    trial.step(), trial.step(), trial.close()
    with monkeypatch.context() as patch:
        patch.setattr("trainables.stages.key._code", lambda: "another version")
        again = opened(trials / "first", stages)
        again.step(), again.step(), again.close()
    assert len(list(stages.glob("??/*"))) == 1, "the state that the first version trained whole"
    run(opened(trials / "first", stages))
    assert len(list(stages.glob("??/*"))) == 1, "and none after the mixed one, whoever goes on"


def test_other_instructions_of_the_processor_are_another_stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trials, stages = tmp_path / "run/trials", tmp_path / "stages"
    run(opened(trials / "first", stages))
    monkeypatch.setattr("torch.backends.cpu.get_cpu_capability", lambda: "DEFAULT")
    run(opened(trials / "second", stages))
    monkeypatch.setenv("MKL_CBWR", "COMPATIBLE")
    run(opened(trials / "third", stages))
    assert not any(taken(trials / "second") + taken(trials / "third"))


def test_images_that_were_changed_in_place_are_other_images(tmp_path: Path) -> None:
    for number in range(24):
        for label in ("cat", "dog"):
            (tmp_path / "train" / label).mkdir(parents=True, exist_ok=True)
            shade = np.full((8, 8, 3), 5 * number + (90 if label == "dog" else 0), dtype=np.uint8)
            Image.fromarray(shade).save(tmp_path / "train" / label / f"{number}.bmp")
    config = DataConfig(name="image_folder", root=tmp_path, image_size=8)
    before = load_data(config, torch.device("cpu"))
    file = tmp_path / "train/cat/0.bmp"
    content = bytearray(file.read_bytes())
    content[-1] ^= 255
    file.write_bytes(content)
    os.utime(file, (1, 1))
    after = load_data(config, torch.device("cpu"))
    assert before.digest == after.digest, "names and sizes are the same"
    assert before.version != after.version


def test_a_place_that_cannot_be_written_costs_the_sharing_and_not_the_trial(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    trial = opened(tmp_path / "run/trials/first", tmp_path / "file" / "stages")
    trial.step()
    (warning,) = trial.step()["warnings"]
    assert "states are not shared with other trials any more" in warning
    assert run(trial)["status"] == "finished"


def test_what_breaks_lets_others_train(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trainables.trial.PAUSE", 0.0)
    trials, stages = tmp_path / "run/trials", tmp_path / "stages"
    first, second = opened(trials / "first", stages), opened(trials / "second", stages)
    first.step()
    assert second.step()["waiting"]
    monkeypatch.setattr(first, "_keep_rewind_point", lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        first.step()
    assert "waiting" not in second.step()


def test_who_waits_for_a_stopped_process_says_so_and_then_trains_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trials, stages, now = tmp_path / "run/trials", tmp_path / "stages", [100.0]
    monkeypatch.setattr("trainables.trial.PAUSE", 0.0)
    monkeypatch.setattr("trainables.stages.claims.BEAT", 3600.0)
    monkeypatch.setattr("trainables.stages.claims.monotonic", lambda: now[0])
    first, second, third = (opened(trials / name, stages) for name in ("first", "second", "third"))
    first.step()
    assert second.step()["warnings"] == []
    now[0] += 11
    (told,) = second.step()["warnings"]
    assert told.startswith(f"waits for run/first (process {os.getpid()} on ")
    assert told.endswith("which trains it; 11 s so far")
    assert second.step()["warnings"] == []
    third.step()
    now[0] += 31
    (told,) = second.step()["warnings"]
    assert "has given no sign of life for 30 s: trained here instead" in told
    assert "waiting" not in second.step()
    third.step()
    assert third.step()["waiting"], "it waits for the second one now"
    second.step()
    assert third.step()["taken_from"] == "run/second"
    run(second), run(first), run(third)
    assert taken(trials / "second") == [False] * 3
    assert outcome(trials / "first") == outcome(trials / "second") == outcome(trials / "third")


def test_a_trial_that_its_study_lets_wait_between_two_epochs_gives_no_sign_of_life(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trainables.stages.claims.BEAT", 0.01)
    trial = opened(tmp_path / "run/trials/first", tmp_path / "stages")
    trial.step()
    (sign,) = (tmp_path / "stages/locks").glob("*.holder")

    def moves() -> bool:
        before, until = sign.stat().st_mtime_ns, time.monotonic() + 0.3
        while time.monotonic() < until:
            if sign.stat().st_mtime_ns != before:
                return True
            time.sleep(0.01)
        return False

    time.sleep(0.05)  # a sign that was under way
    assert not moves()
    with trial._sharing.at_work():
        assert moves()
    trial.close()
