"""Whoever may teach: opened whole and judged, or refused with what was found and what to do. Nothing is drawn at random."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from models.errors import UserError, WeightsRefused
from models.networks.native import native_model, timm_native_spec
from models.networks.registry import resolve_spec
from models.save_load import load
from models.spec import ModelSpec
from models.weights.fetch import fetch
from models.weights.provenance import record_state, write_weights_file
from tests.models.conftest import hub_cache, repository_weights
from tests.models.weights.cases import HUB_TAG, put_in_hub_cache, small_spec, trained_state, weights_file
from tests.trainables.teaching.cases import DIGITS, SPEC, from_file, state_file
from trainables.config.distill import TeacherConfig
from trainables.data.base import DataInfo
from trainables.teaching.sources import open_teacher
from trainables.teaching.teacher import Teacher

__all__ = ["hub_cache", "repository_weights"]
FOLDER_1000 = DataInfo("image_folder", 1000, 3, 64)
SMALL = small_spec(8)


def images_of(spec: ModelSpec) -> torch.Tensor:
    return torch.randn(3, *spec.input_shape, generator=torch.Generator().manual_seed(0))


def assert_answers_like(teacher: Teacher, spec: ModelSpec, state: dict[str, torch.Tensor]) -> None:
    expected = native_model(spec).eval()
    expected.load_state_dict(state)
    assert teacher.spec == spec
    assert torch.equal(teacher.model(images_of(spec)), expected(images_of(spec)))
    assert not teacher.model.training
    assert not any(parameter.requires_grad for parameter in teacher.model.parameters())


def test_a_state_file_teaches_by_its_own_header(tmp_path: Path) -> None:
    path = state_file(tmp_path / "00.safetensors")
    teacher = open_teacher(from_file(path), DIGITS)
    assert torch.equal(teacher.model(images_of(SPEC)), load(path)(images_of(SPEC)))
    assert (teacher.verdict, teacher.origin, teacher.spec) == ("unproven", str(path), SPEC)
    assert teacher.scale is not None
    assert (teacher.scale.mean, teacher.scale.std) == ((0.3,), (0.4,))
    assert "state 0, 4 epochs, validation accuracy 0.9" in teacher.evidence[0]


@pytest.mark.parametrize(
    "said",
    [
        {"normalisation": {"mean": [0.5]}},
        {"normalisation": {"mean": [0.5] * 3, "std": [1.0] * 3}},
        {"normalisation": {"mean": [0.5], "std": [0.0]}},
        {"normalisation": {"mean": "half", "std": "one"}},
        {"normalisation": [0.5]},
    ],
)
def test_a_normalisation_that_cannot_be_its_own_is_unknown(tmp_path: Path, said: dict[str, Any]) -> None:
    assert open_teacher(from_file(state_file(tmp_path / "00.safetensors", **said)), DIGITS).scale is None


@pytest.mark.parametrize("said", [{"data": {"name": "digits"}}, {"data": ["digits"]}, {"data": None}])
def test_data_that_a_file_does_not_say_in_full_are_unknown(tmp_path: Path, said: dict[str, Any]) -> None:
    assert open_teacher(from_file(state_file(tmp_path / "00.safetensors", **said)), DIGITS).trained_on is None


def test_a_weights_file_of_this_project_is_held_against_its_hashes(tmp_path: Path) -> None:
    path = weights_file(tmp_path, SMALL)
    teacher = open_teacher(from_file(path), DIGITS)
    assert_answers_like(teacher, SMALL, trained_state(SMALL))
    assert teacher.verdict == "proven"
    assert "tensors equal their recorded hashes" in teacher.evidence[0]
    assert teacher.scale is not None
    assert teacher.scale.mean == (0.3,)


def test_a_bare_file_teaches_at_the_size_its_shapes_tell_and_is_unproven(tmp_path: Path) -> None:
    spec = small_spec(16, patch_size=2)
    path = tmp_path / "bare.safetensors"
    save_file(trained_state(spec), str(path))
    teacher = open_teacher(from_file(path, arch="vit_micro", args=spec.args), DIGITS)
    assert_answers_like(teacher, spec, trained_state(spec))
    assert (teacher.verdict, teacher.scale) == ("unproven", None)


def test_a_published_network_teaches_at_its_own_size(hub_cache: Path) -> None:
    native, mean, std = timm_native_spec(HUB_TAG)
    put_in_hub_cache(hub_cache, trained_state(native))
    for asked in (
        {"arch": HUB_TAG, "init": {"source": "pretrained"}},
        {"init": {"source": "pretrained", "tag": HUB_TAG}},
    ):
        teacher = open_teacher(TeacherConfig.model_validate(asked), FOLDER_1000)
        assert_answers_like(teacher, native, trained_state(native))
        assert (teacher.verdict, teacher.origin) == ("proven", HUB_TAG)
        assert teacher.scale is not None
        assert (teacher.scale.mean, teacher.scale.std) == (mean, std)
        assert teacher.spec.img_size == 160


def test_a_network_of_the_repository_teaches_by_its_name(repository_weights: Path) -> None:
    weights_file(repository_weights, SMALL)
    asked = TeacherConfig.model_validate({"init": {"source": "pretrained", "tag": "weights:vit_micro"}})
    teacher = open_teacher(asked, DIGITS)
    assert_answers_like(teacher, SMALL, trained_state(SMALL))
    assert (teacher.verdict, teacher.origin) == ("proven", "weights:vit_micro")


def test_other_classes_are_refused_before_anything_is_downloaded(hub_cache: Path) -> None:
    asked = TeacherConfig.model_validate({"arch": HUB_TAG, "init": {"source": "pretrained"}})
    with pytest.raises(
        UserError, match=r"1000 classes apart, and digits has 10: .*state file of a dense trial"
    ) as raised:
        open_teacher(asked, DIGITS)
    assert raised.value.key == "train.distill.teacher"
    assert "\n" not in str(raised.value)


def test_what_cannot_be_had_is_told_without_random_weights_as_a_way_out(hub_cache: Path) -> None:
    asked = TeacherConfig.model_validate({"arch": HUB_TAG, "init": {"source": "pretrained"}})
    with pytest.raises(WeightsRefused, match="not in the cache") as raised:
        open_teacher(asked, FOLDER_1000)
    told = str(raised.value)
    assert told.startswith("train.distill.teacher: ")
    assert "random" not in told
    assert "train.distill.teacher.init.path" in told
    assert "train.distill.teacher: dense" in told
    assert raised.value.evidence


def refused(path: Path, match: str, kind: type[UserError] = UserError, info: DataInfo = DIGITS, **rest: object) -> None:
    with pytest.raises(kind, match=match) as raised:
        open_teacher(from_file(path, **rest), info)
    assert raised.value.key is not None
    assert raised.value.key.startswith("train.distill.teacher")
    assert "\n" not in str(raised.value)
    assert "source: random" not in str(raised.value)


def test_files_that_cannot_teach_are_refused(tmp_path: Path) -> None:
    refused(tmp_path / "none.safetensors", "is not a file")
    (tmp_path / "text.safetensors").write_text("no tensors")
    refused(tmp_path / "text.safetensors", "truncated or damaged", WeightsRefused)
    other = state_file(tmp_path / "other.safetensors", data={"name": "fashion_mnist", "digest": "cd"})
    refused(other, r"trained on fashion_mnist, found digits here: as many classes, but others")
    refused(state_file(tmp_path / "12.safetensors", replace(SPEC, num_classes=12)), "tells 12 classes apart")
    refused(state_file(tmp_path / "none", replace(SPEC, num_classes=0)), "has no classifier")
    colours = DataInfo("digits", 10, 3, 8)
    refused(state_file(tmp_path / "grey"), "sees 1 channel, and images of digits have 3", info=colours)
    refused(state_file(tmp_path / "random", random=True), "never saw data|at initialisation", WeightsRefused)


def test_a_changed_weights_file_is_refused(tmp_path: Path) -> None:
    path = weights_file(tmp_path, SMALL)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(bytes(content))
    refused(path, "no longer matches its recorded sha256", WeightsRefused)


def test_a_classifier_that_was_drawn_at_random_teaches_nothing(hub_cache: Path, tmp_path: Path) -> None:
    """Fetched weights have as many outputs as the data has classes, and not one of them was trained."""
    put_in_hub_cache(hub_cache, trained_state(timm_native_spec(HUB_TAG)[0]))
    stored = fetch(resolve_spec(HUB_TAG, 10, 32, 3), store=tmp_path).path
    refused(stored, r"no trained classifier \(its head.* were drawn at random\)")


def test_a_file_without_a_classifier_teaches_nothing(tmp_path: Path) -> None:
    path = tmp_path / "bare.safetensors"
    save_file({name: tensor for name, tensor in trained_state(SMALL).items() if "head" not in name}, str(path))
    refused(path, r"no trained classifier \(it has no head\.weight, head\.bias\)", arch="vit_micro", args=SMALL.args)


def test_what_a_file_says_itself_is_not_to_be_said_otherwise(tmp_path: Path) -> None:
    ours, path = weights_file(tmp_path, SMALL), tmp_path / "bare.safetensors"
    save_file(trained_state(SMALL), str(path))
    refused(path, "does not say which network it holds; give its architecture")
    refused(ours, "found vit_tiny, but .* holds vit_micro", arch="vit_tiny")
    refused(ours, "says its own; leave the key out", args={"depth": 2})
    refused(state_file(tmp_path / "state"), "found vit_tiny, but .* holds timm:test_resnet", arch="vit_tiny")
    assert open_teacher(from_file(ours, arch="vit_micro"), DIGITS).spec == SMALL


def test_an_unproven_file_of_the_repository_is_no_pretrained_teacher(repository_weights: Path) -> None:
    state = trained_state(SMALL)
    provenance = record_state(state, SMALL, origin="random", default_how="trained")
    write_weights_file(repository_weights, state, provenance)
    asked = TeacherConfig.model_validate({"init": {"source": "pretrained", "tag": "weights:vit_micro"}})
    with pytest.raises(WeightsRefused, match="origin: random"):
        open_teacher(asked, DIGITS)
