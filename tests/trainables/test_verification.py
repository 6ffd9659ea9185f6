"""Whether a file of weights works on images: really trained small networks, on their own images and on others."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from models.errors import UserError, WeightsRefused
from models.networks.native import native_model, random_state
from models.networks.registry import resolve_spec
from models.weights.provenance import record_state, write_weights_file
from models.weights.weights_file import read_provenance, read_weights_file
from trainables.config.pretrain import PretrainConfig, PretrainModel
from trainables.config.trial import DataConfig
from trainables.data import load_data
from trainables.pretraining.run import pretrain
from trainables.verification.accuracy import accuracy
from trainables.verification.norm_statistics import norm_statistics
from trainables.verification.prediction import Prediction
from trainables.verification.verification import Verification, verify_on

DIGITS = DataConfig(name="digits")
ARCH = "timm:test_resnet"


def silent(part: str, done: int, total: int) -> None:
    """Nobody watches."""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small network with BatchNorm that an ordinary loop trained on digits' training part."""
    spec = resolve_spec(ARCH, 10, 8, 1)
    data = load_data(DIGITS, torch.device("cpu"))
    model = native_model(spec, 0)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    model.train()
    for epoch in range(4):
        for images, labels in data.train_batches(64, epoch):
            loss = nn.functional.cross_entropy(model(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    state = {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}
    made = {
        "data": {"name": "digits", "digest": data.digest},
        "expected": {"prediction": True, "accuracy": [0.3, 0.4], "says": "a guess", "part": "test"},
    }
    provenance = record_state(
        state,
        spec,
        origin="pretrain:t",
        default_how="trained",
        mean=data.mean,
        std=data.std,
        extra={"pretrain": made},
    )
    return write_weights_file(tmp_path_factory.mktemp("trained") / "trained.safetensors", state, provenance)


def on_digits(path: Path, **network: Any) -> Verification:
    return verify_on(path, DIGITS, PretrainModel(**network) if network else None, silent)


def test_a_trained_network_works_on_its_own_images_and_says_so_in_a_sentence(trained: Path) -> None:
    found = on_digits(trained)
    val, test = found.accuracies
    assert (val.part, test.part) == ("val", "test")
    assert min(val.top1, test.top1) > 0.7
    assert val.top5 is not None
    assert val.top5 > val.top1
    assert found.works
    assert found.probe.wins
    assert found.norms is not None
    assert found.norms.word == "fit"
    told = found.sentence()
    assert told.startswith("on digits these weights work: top-1 ")
    assert "above the 30 to 40 % predicted of test images (a prediction, no measurement: a guess)" in told
    assert "\n" not in told


@pytest.fixture(scope="module")
def barely_pretrained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, DataConfig]:
    """What `prunetune pretrain` itself has written, and its images."""
    folder = tmp_path_factory.mktemp("pretrained")
    config = PretrainConfig.model_validate(
        {
            "name": "short",
            "model": {"arch": ARCH},
            "data": {"name": "digits", "train_limit": 200},
            "train": {"lr": 3e-3, "batch_size": 50},
            "epochs": 1,
            "output": folder / "short.safetensors",
            "expected": {"accuracy": [0.98, 0.99], "says": "an optimist", "part": "val"},
        }
    )
    result = pretrain(config, folder / "run")
    assert result is not None
    return result.path, config.data


def test_what_a_pretraining_file_predicts_is_held_against_the_part_that_it_names(
    barely_pretrained: tuple[Path, DataConfig],
) -> None:
    path, images = barely_pretrained
    found = verify_on(path, images, None, silent)
    assert found.same_data
    assert "below the 98 to 99 % predicted of validation images (a prediction, no measurement: an optimist)" in (
        found.sentence()
    )
    assert found.to_json()["prediction"] == {
        "part": "val",
        "accuracy": [0.98, 0.99],
        "says": "an optimist",
        "place": "below",
    }
    val, test = found.accuracies
    assert val.top1 != test.top1
    between = [(val.top1 + test.top1) / 2, 1.0] if val.top1 < test.top1 else [0.0, (val.top1 + test.top1) / 2]
    for part, place in (("val", "below" if between[0] else "above"), ("test", "within")):
        predicted = Prediction.of({"expected": {"accuracy": between, "says": "x", "part": part}})
        assert replace(found, prediction=predicted).to_json()["prediction"]["place"] == place


def test_a_prediction_of_images_that_are_not_there_is_told_and_not_compared(trained: Path) -> None:
    found = on_digits(trained)
    only_val = replace(found, accuracies=found.accuracies[:1])
    told = (
        "30 to 40 % were predicted of test images, of which there are none here (a prediction, no measurement: a guess)"
    )
    assert told in only_val.sentence()
    assert only_val.to_json()["prediction"]["place"] is None


def test_statistics_that_differ_from_those_of_the_images_trained_on_are_not_yet_settled(
    barely_pretrained: tuple[Path, DataConfig],
) -> None:
    path, images = barely_pretrained
    found = verify_on(path, images, None, silent)
    assert found.norms is not None
    assert found.norms.word == "differ"
    assert "BatchNorm's statistics have not settled yet on these images, its own" in found.sentence()
    assert "other images" not in found.sentence()
    assert "are those of other images" in replace(found, same_data=False).sentence()


def test_accuracy_is_what_an_independent_count_gives(trained: Path) -> None:
    content = read_weights_file(trained)
    assert content.provenance is not None
    model = native_model(content.provenance.spec)
    model.load_state_dict(content.state)
    data = load_data(DIGITS, torch.device("cpu"))
    model.eval()
    with torch.no_grad():
        pairs = [(model(images), labels) for images, labels in data.eval_batches("test", 50)]
    logits, labels = (torch.cat(one) for one in zip(*pairs, strict=True))
    ranks = (logits > logits.gather(1, labels[:, None])).sum(1)
    found = accuracy(model, data, "test", silent)
    assert found.top1 == pytest.approx(float((ranks == 0).double().mean()))
    assert found.top5 == pytest.approx(float((ranks < 5).double().mean()))
    assert found.images == len(labels)


def test_norm_statistics_are_those_that_training_on_the_images_would_gather(trained: Path) -> None:
    """A network in which nothing stands before the norm: its inputs are the images themselves."""
    data = load_data(DIGITS, torch.device("cpu"))
    batches = data.calibration_batches(64, images=256)
    pixels = torch.cat([images for images, _ in batches]).double()
    norm = nn.BatchNorm2d(1)
    norm.running_mean = pixels.mean((0, 2, 3)).float() + 0.3
    norm.running_var = pixels.var((0, 2, 3), unbiased=False).float() * 4
    found = norm_statistics(nn.Sequential(norm), batches)
    assert found is not None
    assert found.factor == pytest.approx(4, rel=1e-4)
    assert found.shift == pytest.approx(0.3 / math.sqrt(4 * float(pixels.var(unbiased=False))), rel=1e-3)
    assert norm_statistics(nn.Sequential(nn.Identity()), batches) is None


def test_statistics_of_other_images_are_told_from_those_of_these(trained: Path, tmp_path: Path) -> None:
    content = read_weights_file(trained)
    known = read_provenance(trained)
    assert known is not None
    state = {name: tensor * 3 if name.endswith("running_var") else tensor for name, tensor in content.state.items()}
    changed = record_state(state, known.spec, origin=known.origin, mean=known.mean, std=known.std)
    found = on_digits(write_weights_file(tmp_path / "other.safetensors", state, changed))
    assert found.norms is not None
    assert found.norms.word == "differ"
    assert "with statistics of other images" in found.sentence()


def test_other_classes_are_no_failure_and_get_no_accuracy(trained: Path, tmp_path: Path) -> None:
    content, known = read_weights_file(trained), read_provenance(trained)
    assert known is not None
    spec = replace(known.spec, num_classes=7)
    state = {name: tensor[:7] if name.startswith("fc.") else tensor for name, tensor in content.state.items()}
    found = on_digits(write_weights_file(tmp_path / "seven.safetensors", state, record_state(state, spec, origin="x")))
    assert found.accuracies == ()
    assert found.no_accuracy == "it tells 7 classes apart, and digits has 10"
    assert found.works


def test_classes_in_another_order_are_chance_only_where_the_data_are_others(trained: Path, tmp_path: Path) -> None:
    content, known = read_weights_file(trained), read_provenance(trained)
    assert known is not None
    rolled = {name: tensor.roll(1, 0) if name.startswith("fc.") else tensor for name, tensor in content.state.items()}
    same = record_state(rolled, known.spec, origin="pretrain:t", mean=known.mean, std=known.std, extra=known.extra)
    found = on_digits(write_weights_file(tmp_path / "same.safetensors", rolled, same))
    assert found.same_data
    assert not found.works
    assert "are not shown to be trained" in found.sentence()
    elsewhere = {"pretrain": {"data": {"name": "letters", "digest": "other"}}}
    other = replace(same, extra=elsewhere)
    found = on_digits(write_weights_file(tmp_path / "other.safetensors", rolled, other))
    assert found.works
    assert "that is chance, and its classes may be others (it was trained on letters)" in found.sentence()


def test_nearly_random_weights_are_not_shown_to_be_trained(tmp_path: Path) -> None:
    spec = resolve_spec(ARCH, 10, 8, 1)
    generator = torch.Generator().manual_seed(0)
    state = {
        name: tensor + 1e-3 * torch.randn(tensor.shape, generator=generator).abs()
        if tensor.is_floating_point()
        else tensor
        for name, tensor in random_state(spec, 1).items()
    }
    provenance = record_state(state, spec, origin="pretrain:nothing", default_how="trained")
    found = on_digits(write_weights_file(tmp_path / "nothing.safetensors", state, provenance))
    assert not found.works


def test_a_file_that_does_not_say_its_network_needs_one_that_does(trained: Path, tmp_path: Path) -> None:
    torch.save(read_weights_file(trained).state, tmp_path / "bare.pt")
    with pytest.raises(UserError, match="does not say which network it holds"):
        on_digits(tmp_path / "bare.pt")
    assert on_digits(tmp_path / "bare.pt", arch=ARCH, args={}).works


def test_images_of_another_kind_and_refused_weights_are_errors(trained: Path, tmp_path: Path) -> None:
    content = bytearray(trained.read_bytes())
    content[-5] ^= 1
    (tmp_path / "altered.safetensors").write_bytes(bytes(content))
    with pytest.raises(WeightsRefused, match="no longer matches"):
        on_digits(tmp_path / "altered.safetensors")
    spec = resolve_spec(ARCH, 10, 8, 3)
    state = {
        name: tensor + 0.1 if tensor.is_floating_point() else tensor for name, tensor in random_state(spec, 0).items()
    }
    coloured = write_weights_file(tmp_path / "c.safetensors", state, record_state(state, spec, origin="pretrain:c"))
    with pytest.raises(UserError, match="1 channels, and the network reads 3"):
        on_digits(coloured)
