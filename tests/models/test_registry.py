from __future__ import annotations

from typing import Any

import pytest
import timm
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from models.cost import count_parameters
from models.errors import UserError
from models.networks.native import outline
from models.networks.registry import (
    ARCHITECTURES,
    accepted_sizes,
    accepted_sizes_of_ours,
    build,
    default_patch_size,
    default_pretrained,
    resolve_spec,
)
from models.spec import ModelSpec


@pytest.mark.parametrize(
    ("arch", "dim", "depth", "heads", "hidden", "parameters"),
    [
        ("vit_micro", 64, 4, 4, 256, 0.208e6),
        ("vit_tiny", 192, 9, 3, 384, 2.70e6),
        ("vit_small", 384, 12, 6, 1536, 21.342e6),
        ("vit_base", 768, 12, 12, 3072, 85.2e6),
    ],
)
def test_our_vision_transformers_have_the_promised_sizes(
    arch: str, dim: int, depth: int, heads: int, hidden: int, parameters: float
) -> None:
    with torch.device("meta"):
        model = build(resolve_spec(arch, num_classes=10, img_size=32, in_chans=3))
    assert model.embed_dim == dim
    assert len(model.blocks) == depth
    assert {block.attn.num_heads for block in model.blocks} == {heads}
    assert {block.mlp.fc1.out_features for block in model.blocks} == {hidden}
    assert model.pos_embed.shape == (1, 65, dim)
    assert count_parameters(model) == pytest.approx(parameters, rel=0.005)


@pytest.mark.parametrize("arch", ["vit_small", "vit_base"])
def test_timms_pretrained_tensors_fit_ours_name_by_name(arch: str) -> None:
    with torch.device("meta"):
        ours = build(resolve_spec(arch, num_classes=1000, img_size=224, in_chans=3, patch_size=16))
        theirs = timm.create_model(f"{arch}_patch16_224", pretrained=False)
    shapes = {name: tuple(tensor.shape) for name, tensor in ours.state_dict().items()}
    assert shapes == {name: tuple(tensor.shape) for name, tensor in theirs.state_dict().items()}


@pytest.mark.parametrize(("side", "patch"), [(8, 2), (16, 2), (28, 4), (32, 4), (30, 3), (64, 8), (96, 8), (224, 16)])
def test_default_patch_divides_the_image(side: int, patch: int) -> None:
    assert default_patch_size(side) == patch


@pytest.mark.parametrize(
    ("arch", "img_size", "patch"),
    [
        ("vit_micro", 8, 2),
        ("timm:vit_tiny_patch16_224", 32, 4),
        ("timm:vit_tiny_patch16_224.augreg_in21k", 224, None),
        ("timm:resnet18", 32, None),
        ("twistnet18", 32, None),
    ],
)
def test_resolved_patch_sizes(arch: str, img_size: int, patch: int | None) -> None:
    assert resolve_spec(arch, 10, img_size, 3).patch_size == patch


def test_patch_size_is_passed_only_to_networks_that_take_it() -> None:
    assert accepted_sizes("timm:vit_tiny_patch16_224") == ("img_size", "patch_size")
    assert accepted_sizes("timm:mixer_s16_224") == ("img_size",)
    assert accepted_sizes("timm:resnet18") == ()


@pytest.mark.parametrize(
    ("arch", "img_size", "in_chans"),
    [("vit_micro", 8, 1), ("timm:vit_tiny_patch16_224", 16, 1), ("timm:resnet18", 33, 1), ("twistnet18", 28, 3)],
)
def test_networks_take_the_images_of_their_spec(arch: str, img_size: int, in_chans: int) -> None:
    spec = resolve_spec(arch, num_classes=7, img_size=img_size, in_chans=in_chans)
    assert build(spec).eval()(torch.zeros(2, *spec.input_shape)).shape == (2, 7)


def test_building_draws_from_torchs_global_generator() -> None:
    spec = resolve_spec("vit_micro", 10, 8, 1)
    torch.manual_seed(5)
    first = build(spec).state_dict()
    torch.manual_seed(5)
    second = build(spec).state_dict()
    other = build(spec).state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not torch.equal(first["blocks.0.attn.qkv.weight"], other["blocks.0.attn.qkv.weight"])


def test_spec_travels_as_json() -> None:
    spec = resolve_spec("vit_micro", 10, 8, 1, args={"qk_norm": True})
    assert ModelSpec.from_json(spec.to_json()) == spec


@pytest.mark.parametrize(
    ("arch", "words"),
    [
        ("vit_smal", ["model.arch", "'vit_smal'", "the nearest are vit_small, ", "timm:NAME"]),
        ("vit_tiny_patch16_224", ["model.arch", "timm:vit_tiny_patch16_224"]),
        ("timm:vit_tny_patch16_224", ["model.arch", "the nearest are vit_tiny_patch16_224, "]),
        ("timm:resnt18", ["model.arch", "resnet18"]),
        ("timm:vit_tiny_patch16_224.nosuch", ["'nosuch'", "augreg_in21k_ft_in1k"]),
    ],
)
def test_an_unknown_architecture_names_the_nearest(arch: str, words: list[str]) -> None:
    for ask in (
        lambda: resolve_spec(arch, 10, 32, 3),
        lambda: build(ModelSpec(arch, 10, 32, 3)),
        lambda: default_pretrained(arch),
    ):
        with pytest.raises(UserError) as caught:
            ask()
        assert all(word in str(caught.value) for word in words), str(caught.value)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (ModelSpec("vit_micro", 10, 32, 3, 5), ["patch_size", "5", "32", "[1, 2, 4, 8, 16, 32]"]),
        (ModelSpec("vit_micro", 10, 32, 3, 4, {"drop_pth": 0.1}), ["vit_micro", "drop_pth"]),
        (ModelSpec("vit_micro", 10, 32, 3, 4, {"num_heads": 0}), ["vit_micro", "num_heads"]),
        (ModelSpec("vit_micro", 10, 32, 3, 4, {"num_heads": 5}), ["vit_micro", "divisible"]),
        (ModelSpec("vit_micro", 10, 32, 3, 4, {"img_size": 64}), ["model.args.img_size"]),
        (ModelSpec("timm:resnet18", 10, 32, 3, None, {"pretrained": True}), ["model.args.pretrained", "model.init"]),
        (ModelSpec("timm:resnet18", 10, 32, 3, None, {"checkpoint_path": "x"}), ["model.args.checkpoint_path"]),
        (ModelSpec("twistnet18", 10, 32, 3, None, {"pairs": "half"}), ["twistnet18", "upper, full", "'half'"]),
        (ModelSpec("twistnet18", 10, 32, 3, None, {"spiral": True}), ["twistnet18", "spiral"]),
    ],
)
def test_arguments_that_cannot_be_used_are_one_clear_line(spec: ModelSpec, words: list[str]) -> None:
    with pytest.raises(UserError) as caught:
        build(spec)
    assert all(word in str(caught.value) for word in words), str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_patch_size_for_a_network_without_patches_is_refused() -> None:
    with pytest.raises(UserError, match="resnet18 takes no patch size, found 4"):
        resolve_spec("timm:resnet18", 10, 32, 3, patch_size=4)


def test_default_pretrained_sources_are_full_tags_that_exist() -> None:
    sources = {arch: default_pretrained(arch) for arch in ARCHITECTURES}
    assert sources["vit_micro"] == "weights:vit_micro"
    assert sources["vit_tiny"] is None
    for source in sources.values():
        if source is not None and source.startswith("timm:"):
            name = source.removeprefix("timm:")
            assert name in timm.list_pretrained(name.partition(".")[0] + ".*")
    assert default_pretrained("timm:deit_tiny_patch16_224") == "timm:deit_tiny_patch16_224.fb_in1k"
    assert default_pretrained("timm:vit_tiny_patch16_224.augreg_in21k") == "timm:vit_tiny_patch16_224.augreg_in21k"


class Largest(TorchDispatchMode):
    """How many numbers the largest tensor has that any operation gives, where it takes memory."""

    numbers = 0

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = function(*args, **(kwargs or {}))
        if isinstance(result, torch.Tensor) and result.device.type != "meta":
            self.numbers = max(self.numbers, result.numel())
        return result


def test_asking_which_sizes_are_taken_neither_costs_memory_nor_random_numbers() -> None:
    accepted_sizes_of_ours.cache_clear()
    state = torch.get_rng_state()
    with Largest() as largest:
        assert accepted_sizes("timm:vit_huge_patch14_224") == ("img_size", "patch_size")
    assert largest.numbers < 1e6, "632 million parameters are not to be filled"
    assert torch.equal(state, torch.get_rng_state())


def test_further_arguments_reach_the_builder() -> None:
    args: dict[str, Any] = {"depth": 2, "drop_path_rate": 0.2, "qk_norm": True}
    model = build(resolve_spec("vit_micro", 10, 8, 1, args=args))
    assert len(model.blocks) == 2
    assert model.blocks[1].drop_path1.drop_prob == pytest.approx(0.2)
    assert isinstance(model.blocks[0].attn.q_norm, torch.nn.LayerNorm)


@pytest.mark.parametrize("arch", [*ARCHITECTURES, "timm:resnet18", "timm:swin_tiny_patch4_window7_224"])
def test_an_outline_has_names_shapes_and_types_of_the_network_and_no_memory(arch: str) -> None:
    spec = resolve_spec(arch, num_classes=10, img_size=224 if "swin" in arch else 32, in_chans=3)
    sketched, built = outline(spec).state_dict(), build(spec).state_dict()
    assert {name: (t.shape, t.dtype) for name, t in sketched.items()} == {
        name: (t.shape, t.dtype) for name, t in built.items()
    }
    assert {tensor.device.type for tensor in sketched.values()} == {"meta"}


def test_an_outline_leaves_the_random_generator_as_it_was() -> None:
    before = torch.get_rng_state()
    outline(resolve_spec("vit_micro", num_classes=10, img_size=8, in_chans=1))
    assert torch.equal(torch.get_rng_state(), before)
