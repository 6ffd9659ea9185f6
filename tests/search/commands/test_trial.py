"""`prunetune trial`: one trial without Ray, the same again, another in its place, and an interrupt."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from search import cli
from tests.search.run.driving.others import hold_lock, lease_of_another_machine
from tests.search.small_study import small_study
from tests.trainables.full_memory import TOLD, memory_for
from trainables.files.generation import next_generation
from trainables.files.record import read_record
from trainables.trial import Trial

ARMS = {
    "refill": {"prune.method": "refill"},
    "again": {"prune.method": "scratch", "prune.scratch.arm": "refill"},
}


@pytest.fixture
def command(tmp_path: Path) -> list[str]:
    file = small_study(tmp_path, arms=ARMS)
    return ["trial", str(file), "--storage", str(tmp_path / "runs"), "--json"]


def json_of(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    assert cli.main(arguments) == 0, capsys.readouterr().err
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_a_trial_prints_its_result_and_the_same_again(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([*command, "--arm", "refill"]) == 0
    printed = capsys.readouterr()
    first = json.loads(printed.out)
    assert "chosen by its test accuracy is chosen on the test images" in printed.err
    assert first["warnings"] == []
    assert (first["status"], first["run"]) == ("finished", str(tmp_path / "runs" / "small"))
    assert [state["state"] for state in first["states"]] == [0, 1]
    assert first["states"][1]["macs"] < first["states"][0]["macs"]
    shown = {"state", "val_accuracy", "params", "macs", "removed_percent", "removed_of_all_percent", "kept"}
    assert set(first["states"][0]) == shown
    dense, small = (state["params"] for state in first["states"])
    assert first["states"][1]["removed_of_all_percent"] == pytest.approx(100 * (1 - small / dense))
    assert 0 <= first["test_accuracy"] <= 1
    assert json_of([*command, "--arm", "refill"], capsys) == first


def test_the_scratch_control_takes_the_structure_of_the_named_arm(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([*command, "--arm", "again"]) == 2
    assert "arm refill, which has no finished trial" in capsys.readouterr().err
    source = json_of([*command, "--arm", "refill"], capsys)
    assert json_of([*command, "--arm", "again"], capsys)["states"][-1]["macs"] == source["states"][-1]["macs"]


def test_only_the_networks_that_the_policy_names_stay(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    last = [*command, "--set", "retention.states=last"]
    first = json_of([*last, "--arm", "refill"], capsys)
    states = tmp_path / "runs" / "small" / "trials" / "refill" / "states"
    kept = ["00.predictions.safetensors", "01.predictions.safetensors", "01.safetensors"]
    assert sorted(path.name for path in states.iterdir()) == kept
    assert json_of([*last, "--arm", "refill"], capsys) == first
    assert json_of([*last, "--arm", "again"], capsys)["status"] == "finished"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--arm", "refill", "--set", "trial.train.lr=0.01"], "trial.train.lr was absent, is now 0.01"),
        (["--arm", "refill", "--seed", "5"], "seed was 0, is now 5"),
        ([], "--arm: study small has several arms; choose one of refill, again"),
        (["--arm", "refil"], "; the nearest is refill"),
        (["--arm", "refill", "--seed", "-1"], "'--seed': -1 is not in the range x>=0"),
    ],
)
def test_another_request_in_the_same_place_is_refused(
    command: list[str], options: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    json_of([*command, "--arm", "refill"], capsys)
    assert cli.main([*command, *options]) == 2
    assert told in capsys.readouterr().err


def test_an_interrupted_trial_goes_on_to_the_same_numbers(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = json_of([*command, "--arm", "refill", "--name", "whole"], capsys)
    step = Trial.step

    def once(trial: Trial) -> dict[str, Any]:
        if trial.procedure.position.epochs_total:
            raise KeyboardInterrupt
        return step(trial)

    with monkeypatch.context() as patched:
        patched.setattr(Trial, "step", once)
        assert cli.main([*command, "--arm", "refill"]) == 130
    assert "the same command goes on" in capsys.readouterr().err
    record = read_record(tmp_path / "runs" / "small" / "trials" / "refill")
    assert record is not None
    assert (record.status, len(record.states)) == ("running", 1)
    resumed = json_of([*command, "--arm", "refill"], capsys)
    assert (resumed["states"], resumed["test_accuracy"]) == (whole["states"], whole["test_accuracy"])


def test_a_diverged_trial_is_no_success(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([*command, "--arm", "refill", "--set", "trial.train.diverged_loss=0.001"]) == 1
    assert json.loads(capsys.readouterr().out)["status"] == "diverged"


def test_a_trial_of_an_earlier_version_prints_its_result_though_a_default_has_changed(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = json_of([*command, "--arm", "refill"], capsys)
    folder = tmp_path / "runs" / "small" / "trials" / "refill"
    for name in ("trial.json", "record.jsonl"):
        text = (folder / name).read_text(encoding="utf-8").replace('"normalize": ', '"normalize":')
        (folder / name).write_text(text.replace('"normalize":"auto"', '"normalize":"none"'), encoding="utf-8")
    assert cli.main([*command, "--arm", "refill"]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["states"] == first["states"]
    assert json.loads(said.out)["config"]["prune"]["normalize"] == "none"
    assert "prune.normalize none" in said.err


def test_a_trial_whose_gpu_is_full_goes_on_with_fewer_images_at_a_time(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with memory_for(training=20):
        assert cli.main([*command, "--arm", "refill"]) == 0
    told = capsys.readouterr().err
    assert told.count("it goes on from its last checkpoint with") == 2
    assert (
        "does not do for 64 of a batch's images at a time; it goes on from its last checkpoint with 32 at a time"
        in told
    )
    record = read_record(tmp_path / "runs/small/trials/refill")
    assert record is not None
    assert [line["micro_batches"] for line in record.epochs] == [4, 4]
    with memory_for(training=20):
        assert json_of([*command, "--arm", "refill"], capsys)["status"] == "finished"


def test_a_trial_that_cannot_train_on_one_image_fails_in_a_line_that_names_its_batch(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with memory_for(training=0):
        assert cli.main([*command, "--arm", "refill"]) == 2
    told = capsys.readouterr().err
    assert "train.batch_size: the GPU's memory does not do for 1 of a batch's images at a time" in told
    assert "Traceback" not in told
    record = read_record(tmp_path / "runs/small/trials/refill")
    assert record is not None
    assert record.end is not None
    assert (record.status, record.end["failure"]) == ("failed", "gpu_memory")


def test_a_gpu_that_is_full_while_a_trial_is_opened_is_answered_like_one_that_is_while_it_trains(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    opened = Trial.open

    def full_for(most: int) -> Callable[..., Trial]:
        def opens(*arguments: Any, micro_batches: int = 1, **others: Any) -> Trial:
            asked.append(micro_batches)
            if len(asked) <= most:
                raise torch.OutOfMemoryError(TOLD)
            return opened(*arguments, micro_batches=micro_batches, **others)

        return opens

    monkeypatch.setattr(Trial, "open", full_for(99))
    assert cli.main([*command, "--arm", "refill"]) == 2
    assert asked == [1, 2, 4, 8, 16, 32, 64]
    told = capsys.readouterr().err
    assert "train.batch_size: the GPU's memory does not do for 1 of a batch's images at a time" in told
    record = read_record(tmp_path / "runs/small/trials/refill")
    assert record is not None
    assert record.end is not None
    assert (record.status, record.end["failure"]) == ("failed", "gpu_memory")

    asked.clear()
    monkeypatch.setattr(Trial, "open", full_for(2))
    assert json_of([*command, "--arm", "refill"], capsys)["status"] == "finished"
    assert asked == [1, 2, 4]
    record = read_record(tmp_path / "runs/small/trials/refill")
    assert record is not None
    assert [line["micro_batches"] for line in record.epochs] == [4, 4]


def test_a_trial_that_another_process_goes_on_with_is_left_to_it(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, step = tmp_path / "runs" / "small" / "trials" / "refill", Trial.step

    def taken_over(trial: Trial) -> dict[str, Any]:
        line = step(trial)
        next_generation(folder)
        return line

    monkeypatch.setattr(Trial, "step", taken_over)
    assert cli.main([*command, "--arm", "refill"]) == 1
    said = capsys.readouterr().err
    assert f"error: {folder}: launch 1 is over, launch 2 drives the run now; this one has left it" in said
    assert "Traceback" not in said
    record = read_record(folder)
    assert record is not None
    assert record.status == "running"


def test_a_trial_of_a_machine_that_is_gone_is_taken_over(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(trial: Trial) -> dict[str, Any]:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Trial, "step", interrupted)
        assert cli.main([*command, "--arm", "refill"]) == 130
    folder = tmp_path / "runs" / "small" / "trials" / "refill"
    held = hold_lock(folder)
    lease_of_another_machine(folder, age=3600)
    assert cli.main([*command, "--arm", "refill"]) == 2
    assert "--take-over takes the run over" in capsys.readouterr().err
    assert json_of([*command, "--arm", "refill", "--take-over"], capsys)["status"] == "finished"
    os.close(held)
