"""A partial start, tensor by tensor against the two networks that it is made of."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from models.errors import WeightsRefused
from models.networks.native import random_state
from models.networks.registry import build, resolve_spec
from models.spec import ModelSpec
from models.weights.digest import state_digest
from models.weights.initial_weights import InitialWeights, InitRequest, initial_weights
from models.weights.partial import parts_of
from models.weights.provenance import record_state, write_weights_file
from tests.models.weights.cases import put_in_hub_cache, small_spec, trained_state, weights_file

TWISTNET = resolve_spec("twistnet18", 7, 32, 3)
RESNET = resolve_spec("timm:resnet18", 5, 32, 3)
TAG = "timm:resnet18.a1_in1k"


def started(start: object, spec: ModelSpec = TWISTNET, seed: int = 3) -> InitialWeights:
    return initial_weights(spec, InitRequest("partial", start=str(start)), seed=seed)


def check_every_tensor(
    weights: InitialWeights, source: dict[str, Tensor], spec: ModelSpec = TWISTNET, left: tuple[str, ...] = ()
) -> set[str]:
    """Each tensor is the source's where it has one of that name and shape, and else the random network's; so are those in
    modules `left`."""
    random, taken = random_state(spec, 3), set()
    for name, tensor in weights.state.items():
        fits = name in source and source[name].shape == tensor.shape and not name.startswith(("fc.", "head.", *left))
        assert torch.equal(tensor, source[name] if fits else random[name]), name
        assert (weights.provenance.tensors[name].how == "copied") == fits, name
        taken |= {name} if fits else set()
    return taken


def test_resnets_tensors_are_taken_and_all_others_are_the_random_networks(tmp_path: Path) -> None:
    source = trained_state(RESNET)
    weights = started(weights_file(tmp_path, RESNET, source))
    taken = check_every_tensor(weights, source)
    plain = ("conv1.", "bn1.", "layer1.", "layer2.", "layer3.0.downsample.", "layer4.0.downsample.")
    blocks = tuple(f"layer{s}.{b}.{part}." for s in (3, 4) for b in (0, 1) for part in ("conv1", "bn1", "conv2", "bn2"))
    assert taken == {name for name in weights.state if name.startswith((*plain, *blocks))}
    build(TWISTNET).load_state_dict(weights.state, strict=True)
    assert weights.verdict == "partial"
    assert weights.digest == state_digest(weights.state)


def test_what_was_taken_is_counted_and_said(tmp_path: Path) -> None:
    weights = started(weights_file(tmp_path, RESNET))
    counts = weights.provenance.extra["partial"]
    network = build(TWISTNET)
    taken = {name for name, record in weights.provenance.tensors.items() if record.how == "copied"}
    assert counts["tensors"] == len(taken)
    assert counts["parameters"] == sum(p.numel() for name, p in network.named_parameters() if name in taken)
    assert counts["of_parameters"] == sum(p.numel() for p in network.parameters())
    # All of ResNet-18 but its classifier.
    resnet = build(RESNET)
    assert counts["parameters"] == sum(p.numel() for name, p in resnet.named_parameters() if not name.startswith("fc."))
    assert counts["taken"][:4] == ["conv1", "bn1", "layer1", "layer2"]
    assert "layer3.0.conv1" in counts["taken"]
    told = weights.evidence[0]
    assert told.startswith(f"partial start: {counts['tensors']} of {counts['of_tensors']} tensors, ")
    assert f"{counts['parameters']:,} of {counts['of_parameters']:,} parameters" in told
    assert told in weights.warnings
    assert "is proven" in weights.evidence[1]


def test_how_the_source_was_made_is_carried_on(tmp_path: Path) -> None:
    state = trained_state(RESNET)
    made = {"config": {"epochs": 7}, "data": {"name": "cars"}}
    told = record_state(state, RESNET, origin="pretrain:cars", extra={"pretrain": made})
    weights = started(write_weights_file(tmp_path / "cars.safetensors", state, told))
    assert weights.provenance.extra["source_extra"] == {"pretrain": made}
    assert weights.provenance.extra["source_origin"] == "pretrain:cars"


def test_published_weights_are_a_source_and_bring_their_normalisation(hub_cache: Path) -> None:
    native = resolve_spec("timm:resnet18", 1000, 224, 3)
    source = trained_state(native)
    put_in_hub_cache(hub_cache, source, tag=TAG)
    weights = started(TAG)
    assert check_every_tensor(weights, source)
    assert weights.provenance.origin == TAG
    assert weights.provenance.mean is not None


def test_a_foreign_file_is_a_source_that_is_called_unproven(tmp_path: Path) -> None:
    source = trained_state(RESNET)
    save_file(source, str(tmp_path / "foreign.safetensors"))
    weights = started(tmp_path / "foreign.safetensors")
    assert check_every_tensor(weights, source)
    assert weights.verdict == "partial"
    assert "file:foreign.safetensors is unproven" in weights.evidence[1]


def test_a_file_of_the_repository_is_a_source(repository_weights: Path) -> None:
    wide = small_spec(patch_size=7)
    source = trained_state(wide)
    weights_file(repository_weights, wide, source)
    target = small_spec(patch_size=4)
    taken = check_every_tensor(started("weights:vit_micro", target), source, target)
    assert not taken & {"patch_embed.proj.weight", "pos_embed", "head.weight", "head.bias"}
    assert "blocks.0.attn.qkv.weight" in taken


def test_another_channel_count_leaves_the_stem_to_chance(tmp_path: Path) -> None:
    source = trained_state(RESNET)
    grey = resolve_spec("twistnet18", 7, 32, 1)
    weights = started(weights_file(tmp_path, RESNET, source), grey)
    taken = check_every_tensor(weights, source, grey, left=("bn1.",))
    assert "conv1.weight" not in taken
    assert "layer1.0.bn1.running_mean" in taken
    assert weights.provenance.tensors["conv1.weight"].note == "(64, 3, 7, 7) in the source, (64, 1, 7, 7) here"
    # Of what another convolution gives its running statistics would be wrong.
    assert (
        weights.provenance.tensors["bn1.running_mean"].note == "normalises what conv1 gives, which is not the source's"
    )


def test_a_network_with_nothing_in_common_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsRefused, match="not one whole layer of twistnet18 is in it"):
        started(weights_file(tmp_path, small_spec()))


def test_norms_alone_are_no_start(tmp_path: Path) -> None:
    """ResNet-18's norms have names and shapes of TwistNet's; by themselves they are no network."""
    norms = {name: tensor for name, tensor in trained_state(RESNET).items() if tensor.ndim < 2}
    save_file(norms, str(tmp_path / "norms.safetensors"))
    with pytest.raises(WeightsRefused, match="not one whole layer of twistnet18 is in it"):
        started(tmp_path / "norms.safetensors")


def test_a_source_at_initialisation_or_altered_is_refused(tmp_path: Path) -> None:
    save_file(random_state(RESNET, 0), str(tmp_path / "random.safetensors"))
    with pytest.raises(WeightsRefused, match="refused"):
        started(tmp_path / "random.safetensors")
    path = weights_file(tmp_path, RESNET)
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(WeightsRefused, match="no longer matches"):
        started(path)


def test_parts_are_named_by_the_largest_module_that_is_whole() -> None:
    state = {name: torch.zeros(1) for name in ("a.b.w", "a.b.v", "a.c.w", "d.e.w", "d.e.v", "f")}
    assert parts_of(["a.b.w", "a.b.v", "a.c.w", "d.e.w", "f"], state) == ["a", "d.e.w", "f"]
