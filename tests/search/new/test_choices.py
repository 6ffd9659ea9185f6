"""Which network, size and weights are proposed for which images and machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.networks.registry import resolve_spec
from models.spec import ModelSpec
from models.weights.hub import HubFile
from search.new import network
from search.new.network import choose_arch, image_size_for, is_at_hand, target_of, weights_of
from search.new.writing import comment, flow, number, quoted


@pytest.mark.parametrize(
    ("arch", "shorter", "has_gpu", "size"),
    [
        ("vit_micro", 8, False, 8),
        ("vit_micro", 28, False, 28),
        ("vit_micro", 30, True, 28),
        ("vit_micro", 500, True, 64),
        ("vit_micro", 50, True, 48),
        ("vit_small", 32, True, 32),
        ("vit_small", 100, True, 96),
        ("vit_small", 150, True, 128),
        ("vit_small", 500, True, 224),
        ("vit_small", 500, False, 96),
        ("resnet18", 28, True, 64),
        ("resnet18", 100, True, 96),
        ("timm:mobilenetv3_small_050", 500, True, 224),
    ],
)
def test_small_images_stay_small_and_large_ones_are_what_the_network_can_use(
    arch: str, shorter: int, has_gpu: bool, size: int
) -> None:
    assert image_size_for(arch, shorter, has_gpu) == size
    assert resolve_spec(arch, 5, size, 3).img_size == size, "its patches divide it"


@pytest.mark.parametrize(
    ("there", "shorter", "has_gpu", "arch"),
    [
        ({"vit_small", "resnet18"}, 300, True, "vit_small"),
        ({"resnet18"}, 300, True, "resnet18"),
        ({"vit_small", "resnet18"}, 300, False, "resnet18"),
        ({"vit_small"}, 300, False, "vit_micro"),
        ({"vit_small", "resnet18"}, 32, True, "vit_micro"),
        (set(), 300, True, "vit_micro"),
    ],
)
def test_the_strongest_network_whose_weights_are_here_is_chosen(
    there: set[str], shorter: int, has_gpu: bool, arch: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network, "is_at_hand", lambda name: name in there)
    assert choose_arch(shorter, has_gpu) == arch


def spec_of(arch: str) -> ModelSpec:
    return resolve_spec(arch, 5, 64, 3)


def test_weights_in_the_hubs_cache_are_at_hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cached: list[HubFile] = []
    monkeypatch.setattr("models.weights.hub.cached_file", lambda _: next(iter(cached), None))
    assert not is_at_hand("vit_small")
    missing = weights_of(spec_of("vit_small"), "vit_small", "image_folder")
    assert missing.init == {"source": "pretrained"}
    assert missing.fetch == "prunetune init fetch vit_small --num-classes 5 --img-size 64 --patch-size 8"
    cached.append(HubFile(tmp_path / "model.safetensors", None))
    assert is_at_hand("vit_small")
    assert weights_of(spec_of("vit_small"), "vit_small", "image_folder").fetch is None


def test_random_weights_only_where_nobody_has_others_or_these_saw_the_images() -> None:
    assert is_at_hand("vit_micro")
    assert weights_of(spec_of("vit_micro"), "vit_micro", "image_folder").init == {"source": "pretrained"}
    assert weights_of(spec_of("vit_micro"), "vit_micro", "fashion_mnist").init == {"source": "random"}
    nobodys = weights_of(spec_of("vit_tiny"), "vit_tiny", "image_folder")
    assert (nobodys.init, nobodys.fetch) == ({"source": "random"}, None)
    assert "nobody publishes weights of vit_tiny" in nobodys.told


@pytest.mark.parametrize(("arch", "target"), [("vit_micro", "both"), ("twistnet18", "channel")])
def test_the_target_is_what_the_network_has(arch: str, target: str) -> None:
    assert target_of(spec_of(arch)) == target


def test_values_are_written_as_yaml_reads_them() -> None:
    assert [quoted(text) for text in ("flowers", "/data/my-set", "2024", "a b", "no", "x: y")] == [
        "flowers", "/data/my-set", '"2024"', '"a b"', '"no"', '"x: y"',
    ]  # fmt: skip
    assert (
        flow({"flip": True, "mixup": 0.2, "small": 5e-5, "size": 4})
        == "{flip: true, mixup: 0.2, small: 5.0e-05, size: 4}"
    )
    assert (number(0.001), number(3e-4)) == ("0.001", "3.0e-04")
    assert comment("word " * 30).count("\n# ") == 1
