from __future__ import annotations

import pytest
import timm
import torch
from torch import nn

from models.cost import count_macs, count_parameters, measure_latency, prunable_parameters
from models.networks.registry import build, resolve_spec
from models.save_load import build_compact
from models.spec import ModelSpec
from models.units.base import dense_structure
from models.units.compaction import compact
from models.units.describe import describe
from models.units.structure import GroupStructure, Structure
from tests.models.networks import NETWORKS, random_structure, spec_of


def dense(spec: ModelSpec) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        return build(spec)


def macs_of_vision_transformer(spec: ModelSpec, dim: int, shapes: list[tuple[int, int]], head_dim: int) -> int:
    """Written out from the architecture: `shapes` holds (heads, neurons) of each block; class token; no biases."""
    assert spec.patch_size is not None
    patches = (spec.img_size // spec.patch_size) ** 2
    tokens = patches + 1
    total = patches * dim * spec.in_chans * spec.patch_size**2
    for heads, neurons in shapes:
        inner = heads * head_dim
        projections = tokens * dim * inner * 4
        attention = 2 * tokens * tokens * inner
        total += projections + attention + 2 * tokens * dim * neurons
    return total + dim * spec.num_classes


def test_vit_small_at_32_pixels_costs_what_the_formula_says() -> None:
    spec = resolve_spec("vit_small", num_classes=10, img_size=32, in_chans=3)
    macs = count_macs(dense(spec), spec.input_shape)
    assert macs == macs_of_vision_transformer(spec, 384, [(6, 1536)] * 12, 64)
    assert macs == pytest.approx(1.42e9, rel=0.005)


def test_compact_vision_transformer_costs_what_the_formula_says() -> None:
    spec = spec_of("vit_micro")
    groups = describe(dense(spec))
    structure = random_structure(groups, seed=21, empty=True)
    counts = structure.counts()
    shapes = [(counts[f"blocks.{i}.attn"], counts[f"blocks.{i}.mlp"]) for i in range(4)]
    assert count_macs(build_compact(spec, structure), spec.input_shape) == macs_of_vision_transformer(
        spec, 64, shapes, 16
    )


@pytest.mark.parametrize("fused", [True, False])
def test_attention_is_counted_on_either_path(fused: bool) -> None:
    spec = spec_of("vit_micro")
    model = dense(spec)
    for block in model.blocks:
        block.attn.fused_attn = fused
    assert count_macs(model, spec.input_shape) == macs_of_vision_transformer(spec, 64, [(4, 256)] * 4, 16)


@pytest.mark.parametrize("name", ["resnet18", "resnet50", "twistnet18"])
def test_convolutions_are_counted_from_their_output_maps(name: str) -> None:
    spec = spec_of(name)
    model = dense(spec)
    compact(model, random_structure(describe(model), seed=23))
    total = 0

    def add(module: nn.Module, _: object, output: torch.Tensor) -> None:
        nonlocal total
        total += output.numel() * module.weight[0].numel()

    hooks = [m.register_forward_hook(add) for m in model.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    model.eval()(torch.zeros(1, *spec.input_shape))
    for hook in hooks:
        hook.remove()
    assert count_macs(model, spec.input_shape) == total


@pytest.mark.parametrize(("name", "published"), [("pit_ti_224", 0.7), ("cait_xxs24_224", 2.5)])
def test_a_class_token_handed_from_module_to_module_is_no_obstacle(name: str, published: float) -> None:
    """The counts are those of the papers' tables (arXiv 2103.16302, 2103.17239), in units of 1e9."""
    with torch.device("meta"):
        model = timm.create_model(name, pretrained=False)
    model.head.requires_grad_(False)
    asked = [parameter.requires_grad for parameter in model.parameters()]
    assert round(count_macs(model, (3, 224, 224)) / 1e9, 1) == published
    assert [parameter.requires_grad for parameter in model.parameters()] == asked


def test_counting_restores_every_modules_own_mode() -> None:
    spec = spec_of("resnet18")
    model = dense(spec).train()
    model.bn1.eval()
    mean = model.layer1[0].bn1.running_mean.clone()
    count_macs(model, spec.input_shape)
    measure_latency(model, spec.input_shape, "cpu", batch=2)
    assert model.training
    assert not model.bn1.training
    assert model.layer1[0].bn1.training
    assert torch.equal(mean, model.layer1[0].bn1.running_mean)


@pytest.mark.parametrize("name", NETWORKS)
def test_costs_fall_with_every_removal(name: str) -> None:
    spec = spec_of(name)
    model = dense(spec)
    groups = describe(model)
    whole = (count_parameters(model), prunable_parameters(model), count_macs(model, spec.input_shape))
    compact(model, random_structure(groups, seed=25))
    part = (count_parameters(model), prunable_parameters(model), count_macs(model, spec.input_shape))
    assert all(less < more for less, more in zip(part, whole, strict=True))
    assert whole[0] - part[0] == whole[1] - part[1], "only tied parameters may go"


def test_prunable_parameters_of_a_vision_transformer() -> None:
    model = dense(spec_of("vit_micro"))
    heads = [group for group in describe(model) if group.kind == "head"]
    one_attention = 64 * 192 + 192 + 64 * 64
    one_mlp = 64 * 256 + 256 + 256 * 64
    assert prunable_parameters(model, heads) == 4 * one_attention
    assert prunable_parameters(model) == 4 * (one_attention + one_mlp)


def test_a_weight_between_two_groups_counts_once() -> None:
    model = dense(spec_of("resnet50"))
    block = model.layer1[0]
    inner = [block.conv1, block.bn1, block.conv2, block.bn2, block.conv3]
    expected = sum(parameter.numel() for layer in inner for parameter in layer.parameters())
    groups = [group for group in describe(model) if group.name.startswith("layer1.0.")]
    assert prunable_parameters(model, groups) == expected


@pytest.mark.parametrize("spread", ["even", "uneven"])
def test_vit_small_without_70_percent_of_heads_and_neurons_has_6_397_million_parameters(spread: str) -> None:
    """21 of 72 heads and 5529 of 18432 neurons: floor(total * 0.3), wherever they lie."""
    spec = resolve_spec("vit_small", num_classes=10, img_size=32, in_chans=3)
    heads = [2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1] if spread == "even" else [6, 6, 6, 3, 0, 0, 0, 0, 0, 0, 0, 0]
    neurons = [461] * 9 + [460] * 3 if spread == "even" else [1536] * 3 + [921] + [0] * 8
    assert (sum(heads), sum(neurons)) == (21, 5529)
    groups: dict[str, GroupStructure] = {}
    for block in range(12):
        groups[f"blocks.{block}.attn"] = GroupStructure("head", 6, tuple(range(heads[block])))
        groups[f"blocks.{block}.mlp"] = GroupStructure("neuron", 1536, tuple(range(neurons[block])))
    with torch.device("meta"):
        model = build(spec)
    assert list(dense_structure(describe(model)).groups) == list(groups)
    small = build_compact(spec, Structure(groups))
    per_head, per_neuron = 64 * (3 * 384 + 3 + 384), 384 + 1 + 384
    assert count_parameters(small) == count_parameters(model) - 51 * per_head - 12903 * per_neuron
    assert round(count_parameters(small) / 1e6, 3) == 6.397


def test_latency_is_a_median_of_milliseconds(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = iter([0.0, 0.010, 1.0, 1.002, 2.0, 2.030] + [value for k in range(12) for value in (3.0 + k, 3.004 + k)])
    monkeypatch.setattr("models.cost.time.perf_counter", lambda: next(ticks))
    assert measure_latency(dense(spec_of("vit_micro")), (3, 8, 8), "cpu", batch=3) == pytest.approx(4.0)


def test_latency_times_batches_of_the_size_asked_for() -> None:
    model = dense(spec_of("vit_micro"))
    shapes: list[torch.Size] = []
    model.register_forward_pre_hook(lambda _, args: shapes.append(args[0].shape))
    assert measure_latency(model, (3, 8, 8), torch.device("cpu"), batch=3) > 0.0
    assert set(shapes) == {torch.Size([3, 3, 8, 8])}
    assert len(shapes) > 10


def test_latency_is_measured_on_one_thread_and_the_number_of_threads_comes_back() -> None:
    before, seen = torch.get_num_threads(), set()
    model = dense(spec_of("vit_micro"))
    model.register_forward_pre_hook(lambda *_: seen.add(torch.get_num_threads()))
    torch.set_num_threads(2)
    try:
        measure_latency(model, (3, 8, 8), "cpu", batch=1)
        assert (seen, torch.get_num_threads()) == ({1}, 2)
    finally:
        torch.set_num_threads(before)
