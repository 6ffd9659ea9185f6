"""What a pretraining writes: weights that say what they are, a log, TensorBoard's events."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from models.errors import WorkFailed
from models.networks.registry import resolve_spec
from models.weights import repository
from models.weights.initial_weights import InitRequest, initial_weights
from models.weights.proof.verify import verify_file
from models.weights.provenance import write_weights_file
from models.weights.weights_file import read_weights_file
from tests.trainables.pretraining.cases import Killed, killed_after, pretrain, small
from trainables.files.json_lines import complete_lines
from trainables.pretraining.listener import Listener


def test_the_file_proves_itself_and_is_listed_where_the_repository_keeps_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repository, "repository_folder", lambda: tmp_path / "weights")
    monkeypatch.setattr("trainables.pretraining.finish.repository_folder", lambda: tmp_path / "weights")
    result = pretrain(small(tmp_path / "elsewhere", epochs=1), tmp_path / "run")
    assert repository.committed_digests() == {}
    assert verify_file(result.path).word == "proven"
    listed = pretrain(small(tmp_path / "weights", epochs=1), tmp_path / "other run")
    assert repository.committed_digests() == {"small.safetensors": listed.sha256}
    assert verify_file(listed.path).word == "proven"
    spec = resolve_spec("vit_micro", 10, 8, 1)
    weights = initial_weights(spec, InitRequest("pretrained", tag="weights:small.safetensors"), seed=0)
    assert weights.verdict == "proven"
    assert weights.provenance.mean is not None


def test_the_header_says_how_the_weights_were_made(tmp_path: Path) -> None:
    result = pretrain(small(tmp_path, epochs=1), tmp_path)
    provenance = read_weights_file(result.path).provenance
    assert provenance is not None
    assert provenance.origin == "pretrain:small"
    assert {record.how for record in provenance.tensors.values()} == {"trained"}
    made = provenance.extra["pretrain"]
    assert made["val_accuracy"] == result.val_accuracy
    assert made["data"]["name"] == "digits"
    assert len(made["data"]["digest"]) == 64
    assert made["config"]["train"]["lr"] == 3e-3
    assert str(tmp_path) not in str(made)


def test_the_folder_holds_the_log_the_best_and_the_finished_weights(tmp_path: Path) -> None:
    config = small(tmp_path / "made", epochs=4, train={"lr": 0.02, "batch_size": 50}, finish_with="best")
    result = pretrain(config, tmp_path)
    lines = complete_lines(tmp_path / "log.jsonl")
    assert [{key: line[key] for key in history} for line, history in zip(lines, result.history, strict=True)] == list(
        result.history
    )
    assert all(line["images_per_second"] > 0 and line["processes"] == 1 for line in lines)
    accuracies = [line["val_accuracy"] for line in lines]
    best = read_weights_file(tmp_path / "best.safetensors")
    assert best.provenance is not None
    assert best.provenance.extra["pretrain"]["epoch"] == accuracies.index(max(accuracies)) + 1
    assert result.val_accuracy == max(accuracies) == best.provenance.extra["pretrain"]["val_accuracy"]
    finished, there = read_weights_file(tmp_path / "finished.safetensors").state, read_weights_file(result.path).state
    assert all(torch.equal(finished[name], there[name]) for name in best.state)
    assert all(torch.equal(finished[name], best.state[name]) for name in best.state)
    assert not list(tmp_path.rglob("*.pt"))
    assert not list(tmp_path.rglob("*.pkl"))
    assert list(tmp_path.glob("events.out.tfevents*"))


def test_what_is_expected_is_told_as_a_prediction(tmp_path: Path) -> None:
    expected = {"accuracy": [0.2, 0.9], "says": "nobody, of digits"}
    provenance = read_weights_file(pretrain(small(tmp_path, epochs=1, expected=expected), tmp_path).path).provenance
    assert provenance is not None
    assert provenance.extra["pretrain"]["expected"] == {"prediction": True, "part": "test", **expected}
    with pytest.raises(ValidationError, match="the lower first"):
        small(tmp_path, expected={**expected, "accuracy": [0.9, 0.2]})


def test_a_finished_pretrainings_command_given_again_leaves_its_file_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRUNETUNE_STORE", str(tmp_path / "store"))
    first = pretrain(small(tmp_path, epochs=1), tmp_path)
    finished = tmp_path / "finished.safetensors"
    assert finished.read_bytes() == first.path.read_bytes()
    monkeypatch.setattr("models.weights.provenance.datetime", Later)
    before = {path: path.read_bytes() for path in (first.path, finished, *(tmp_path / "store").iterdir())}
    assert pretrain(small(tmp_path, epochs=1), tmp_path).sha256 == first.sha256
    assert {path: path.read_bytes() for path in before} == before
    elsewhere = pretrain(small(tmp_path / "elsewhere", epochs=1), tmp_path)
    assert elsewhere.sha256 == first.sha256
    # Damaged, or to be told something else of, it is written anew.
    damaged = bytearray(first.path.read_bytes())
    damaged[-1] ^= 1
    first.path.write_bytes(damaged)
    assert pretrain(small(tmp_path, epochs=1), tmp_path).sha256 == first.sha256
    expected = {"accuracy": [0.2, 0.9], "says": "nobody, of digits"}
    assert pretrain(small(tmp_path, epochs=1, expected=expected), tmp_path).sha256 != first.sha256


class Later(datetime):
    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Later:
        return cls(2199, 1, 1, tzinfo=tz)


@pytest.mark.parametrize("lost", ["gone", "damaged", "of another epoch"])
def test_who_would_finish_with_the_best_weights_and_has_lost_them_is_told_what_to_do(lost: str, tmp_path: Path) -> None:
    config = small(tmp_path, epochs=2, finish_with="best")
    best = tmp_path / "best.safetensors"

    def lose(line: dict[str, Any]) -> None:
        if line["epoch"] < 2:
            return
        if lost == "of another epoch":
            file = read_weights_file(best)
            assert file.provenance is not None
            write_weights_file(best, file.state, replace(file.provenance, extra={"pretrain": {"epoch": 7}}))
            return
        content = best.read_bytes()
        best.unlink()
        if lost == "damaged":
            best.write_bytes(content[:-1])

    with pytest.raises(WorkFailed, match=r"finish_with: found best, but .* say last") as caught:
        pretrain(config, tmp_path, Listener(epoch=lose))
    assert "init fetch" not in str(caught.value)
    assert pretrain(config.model_copy(update={"finish_with": "last"}), tmp_path).history[-1]["epoch"] == 2


def test_the_board_shows_each_epoch_once(tmp_path: Path) -> None:
    with pytest.raises(Killed):
        pretrain(small(tmp_path, epochs=3), tmp_path, killed_after(2))
    result = pretrain(small(tmp_path, epochs=3), tmp_path)
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    shown = events.Scalars("accuracy/val")
    assert [one.step for one in shown] == [1, 2, 3]
    assert [one.value for one in shown] == pytest.approx([line["val_accuracy"] for line in result.history])
    assert not [tag for tag in events.Tags()["scalars"] if "test" in tag]


@pytest.mark.slow
def test_twistnet_tells_what_is_inside(tmp_path: Path) -> None:
    data = {"name": "digits", "image_size": 32, "train_limit": 20}
    config = small(tmp_path, model={"arch": "twistnet18"}, data=data, train={"lr": 0.01, "batch_size": 20}, epochs=2)
    lines = pretrain(config, tmp_path).history
    assert [line["inside"].keys() for line in lines] == [{"layer3.0", "layer3.1", "layer4.0", "layer4.1"}] * 2
    assert all(len(one["gate"]) == len(one["products"]) == 4 for line in lines for one in line["inside"].values())
    shown = EventAccumulator(str(tmp_path))
    shown.Reload()
    assert [event.step for event in shown.Scalars("inside/strength/layer3.0")] == [1, 2]
    assert [event.step for event in shown.Images("inside/products/layer4.1")] == [1, 2]


def test_a_finished_pretraining_registers_itself_in_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRUNETUNE_STORE", str(tmp_path / "store"))
    told: list[str] = []
    finished = pretrain(small(tmp_path), tmp_path, Listener(tell=told.append))
    (stored,) = (tmp_path / "store").iterdir()
    assert stored.read_bytes() == finished.path.read_bytes()
    assert told[-1].startswith(
        f"kept in the store: {stored}; weights of vit_micro are not looked for, so name the file: "
    )
