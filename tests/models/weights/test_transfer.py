from dataclasses import replace
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file
from timm.layers import resample_abs_pos_embed, resample_patch_embed

from models.errors import WeightsRefused
from models.networks.native import filtered, head_names, infer_native, native_model, random_state, timm_native_spec
from models.networks.registry import build, resolve_spec
from models.spec import ModelSpec
from models.weights.proof.strict_load import load_strictly, mismatch_evidence
from models.weights.transfer import transfer
from tests.models.networks import NETWORKS, spec_of
from tests.models.weights.cases import HUB_TAG, small_spec, trained_state


@pytest.mark.usefixtures("narrow_twistnet")
@pytest.mark.parametrize("network", sorted(NETWORKS))
def test_a_new_class_count_copies_everything_but_the_head(network: str) -> None:
    native = spec_of(network)
    target = replace(native, num_classes=native.num_classes + 2)
    source = trained_state(native)
    moved = transfer(source, native, target, seed=4)
    head = head_names(native_model(native))
    assert set(moved.hows) == set(head)
    fresh = random_state(target, 4)
    for name, tensor in moved.state.items():
        assert torch.equal(tensor, fresh[name] if name in head else source[name]), name
    build(target).load_state_dict(moved.state, strict=True)


def test_size_and_patch_are_resampled_by_timms_functions() -> None:
    native, target = small_spec(28), small_spec(8)
    source = trained_state(native)
    moved = transfer(source, native, target, seed=0)
    positions = resample_abs_pos_embed(source["pos_embed"], new_size=[4, 4], old_size=[7, 7], num_prefix_tokens=1)
    patches = resample_patch_embed(source["patch_embed.proj.weight"], [2, 2])
    assert torch.equal(moved.state["pos_embed"], positions)
    assert torch.equal(moved.state["patch_embed.proj.weight"], patches)
    changed = {name for name, (how, _) in moved.hows.items() if how == "resampled"}
    assert changed == {"pos_embed", "patch_embed.proj.weight"}


def test_one_channel_sums_the_three() -> None:
    native, target = small_spec(8, in_chans=3), small_spec(8, in_chans=1)
    source = trained_state(native)
    moved = transfer(source, native, target, seed=0)
    wanted = source["patch_embed.proj.weight"].sum(dim=1, keepdim=True)
    assert torch.equal(moved.state["patch_embed.proj.weight"], wanted)
    assert moved.hows["patch_embed.proj.weight"] == ("resampled", "input channels 3 → 1")


def test_a_resnets_first_convolution_takes_other_channels() -> None:
    native = resolve_spec("timm:resnet18", 5, 32, 3)
    source = trained_state(native)
    moved = transfer(source, native, replace(native, in_chans=1), seed=0)
    assert torch.equal(moved.state["conv1.weight"], source["conv1.weight"].sum(dim=1, keepdim=True))
    assert set(moved.hows) == {"conv1.weight", "fc.weight", "fc.bias"}


@pytest.mark.parametrize("in_chans", [1, 3])
def test_a_timm_tag_comes_over_as_timm_itself_would_load_it(tmp_path: Path, in_chans: int) -> None:
    """Against an independent way: timm's own loose loading, from an intact file."""
    native, mean, _ = timm_native_spec(HUB_TAG)
    assert mean == (0.5, 0.5, 0.5)
    source = trained_state(native)
    save_file(source, str(tmp_path / "source.safetensors"))
    reference = timm.create_model(
        "test_vit",
        pretrained=True,
        pretrained_cfg_overlay={"file": str(tmp_path / "source.safetensors"), "custom_load": False},
        num_classes=10,
        in_chans=in_chans,
        img_size=32,
        patch_size=4,
    ).state_dict()
    target = resolve_spec(HUB_TAG, 10, 32, in_chans)
    moved = transfer(filtered(source, native, native_model(native)), native, target, seed=0)
    assert reference.keys() == moved.state.keys()
    for name in reference.keys() - {"head.weight", "head.bias"}:
        torch.testing.assert_close(moved.state[name], reference[name], msg=name)


def test_the_head_and_nothing_else_depends_on_the_seed() -> None:
    spec = small_spec()
    source = trained_state(spec)
    first, second, third = (transfer(source, spec, spec, seed).state for seed in (1, 2, 1))
    differing = {name for name in first if not torch.equal(first[name], second[name])}
    assert differing == {"head.weight"}, "timm starts the head's bias at zero"
    assert all(torch.equal(first[name], third[name]) for name in first)


def test_the_global_generator_is_left_alone() -> None:
    spec = small_spec()
    source = trained_state(spec)
    torch.manual_seed(5)
    wanted = torch.rand(3)
    torch.manual_seed(5)
    transfer(source, spec, small_spec(8), seed=0)
    random_state(spec, 3)
    assert torch.equal(torch.rand(3), wanted)


def test_the_source_is_left_alone() -> None:
    spec = small_spec()
    source = trained_state(spec)
    before = {name: tensor.clone() for name, tensor in source.items()}
    moved = transfer(source, spec, spec, seed=0).state
    for tensor in moved.values():
        tensor.zero_()
    assert all(torch.equal(source[name], before[name]) for name in source)


def test_a_network_of_other_parts_is_refused() -> None:
    native = small_spec()
    target = replace(native, args={**native.args, "qk_norm": True})
    with pytest.raises(WeightsRefused, match=r"q_norm"):
        transfer(trained_state(native), native, target, seed=0)


def test_average_pooling_without_its_norm_gets_a_hint() -> None:
    native = small_spec()
    target = replace(native, args={**native.args, "global_pool": "avg"})
    with pytest.raises(WeightsRefused, match="fc_norm: false"):
        transfer(trained_state(native), native, target, seed=0)


@pytest.mark.parametrize("prefix", ["backbone.", "module.", "encoder.model."])
def test_a_prefix_is_named(prefix: str) -> None:
    spec = small_spec()
    state = {prefix + name: tensor for name, tensor in trained_state(spec).items()}
    evidence = mismatch_evidence(state, native_model(spec))
    assert len(evidence) == 1
    assert repr(prefix) in evidence[0]


def test_a_half_checkpoint_names_what_is_missing() -> None:
    spec = small_spec()
    state = {name: tensor for name, tensor in trained_state(spec).items() if not name.startswith("blocks.1.")}
    evidence = mismatch_evidence(state, native_model(spec))
    assert "12 of 32 tensors are missing" in evidence[0]
    assert "(in blocks.1)" in evidence[0]


@pytest.mark.parametrize("name", sorted(set(random_state(small_spec(), 0)) - {"head.weight", "head.bias"}))
def test_any_single_missing_tensor_is_found(name: str) -> None:
    spec = small_spec()
    state = trained_state(spec)
    del state[name]
    assert name in mismatch_evidence(state, native_model(spec))[0]


def test_other_architectures_differ_in_shapes_and_names() -> None:
    model = native_model(small_spec())
    wider = replace(small_spec(), args={"depth": 3, "embed_dim": 48, "num_heads": 2})
    evidence = mismatch_evidence(trained_state(wider), model)
    assert any("belong to another architecture: blocks.2" in line for line in evidence)
    assert any("has shape" in line and "expected" in line for line in evidence)


def test_counters_and_heads_may_be_absent() -> None:
    spec = resolve_spec("timm:resnet18", 5, 32, 3)
    state = {name: t for name, t in trained_state(spec).items() if "num_batches" not in name and "fc." not in name}
    model = native_model(spec)
    assert mismatch_evidence(state, model) == ()
    left = load_strictly(state, model)
    assert all(name.startswith("fc.") or name.endswith("num_batches_tracked") for name in left)
    assert all(torch.equal(model.state_dict()[name], tensor) for name, tensor in state.items())


@pytest.mark.parametrize("saved", [small_spec(28, 1, 10), small_spec(8, 3, 7), small_spec(32, 3, 100, patch_size=8)])
def test_the_geometry_of_a_headerless_file_is_read_off_its_shapes(saved: ModelSpec) -> None:
    wanted = small_spec(16, 3, 4)
    assert infer_native(trained_state(saved), wanted) == saved
