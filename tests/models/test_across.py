"""Units that lie across blocks are removed exactly too: the width of the network, that of queries and keys, its depth."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager

import pytest
import timm
import torch
from torch import Tensor, nn

from models.cost import count_macs, prunable_parameters
from models.save_load import load, save
from models.units.across.registry import BY_KIND, why_not_across
from models.units.base import UnitGroup, dense_structure
from models.units.compaction import compact, kept_positions, remove, slice_optimizer_state, slice_state
from models.units.describe import describe
from models.units.norms import NORMS
from models.units.structure import Kind, Structure
from tests.models.networks import NETWORKS, images_for, spec_of, trained_looking

EXACT = {"rtol": 1e-9, "atol": 1e-9}
WHOLE = [name for name in NETWORKS if why_not_across(trained_looking(spec_of(name)), "embed") is None]
WITH_QUERIES = [name for name in WHOLE if why_not_across(trained_looking(spec_of(name)), "qk") is None]
OF_ALL_KINDS: tuple[Kind, ...] = ("embed", "qk", "branch")
"""All that a vision transformer has; TwistNet's are in `test_interaction_heads.py`."""
Gone = Mapping[str, Sequence[int]]


@contextmanager
def norms_over(model: nn.Module, kept: Tensor) -> Iterator[None]:
    """While open every norm over the stream takes its statistics from these channels and leaves the others at zero."""

    def over_kept(norm: nn.LayerNorm, args: tuple[Tensor, ...], output: Tensor) -> Tensor:
        left = args[0][..., kept]
        centred = left - left.mean(dim=-1, keepdim=True)
        scaled = centred / (left.var(dim=-1, keepdim=True, unbiased=False) + norm.eps).sqrt()
        return torch.zeros_like(output).index_copy(-1, kept, scaled * norm.weight[kept] + norm.bias[kept])

    with ExitStack() as stack:
        for name, module in model.named_modules():
            if type(module) in NORMS and ".attn." not in name and ".mlp." not in name:
                stack.callback(module.register_forward_hook(over_kept).remove)
        yield


@torch.no_grad()
def without(model: nn.Module, groups: Sequence[UnitGroup], gone: Gone) -> nn.Module:
    """A copy of the dense network in which all weights of these units are zero."""
    zeroed = copy.deepcopy(model)
    parameters = dict(zeroed.named_parameters())
    for group in groups:
        for tied in filter(lambda one: one.is_parameter, group.slices):
            parameters[tied.tensor].index_fill_(tied.dim, tied.of(gone.get(group.name, ())), 0.0)
    return zeroed


def some_of(groups: Sequence[UnitGroup], kinds: Sequence[str], every: int = 3) -> dict[str, tuple[int, ...]]:
    return {group.name: tuple(range(0, group.count, every)) for group in groups if group.kind in kinds}


def cut(dense: nn.Module, groups: Sequence[UnitGroup], gone: Gone) -> tuple[nn.Module, Structure]:
    small = copy.deepcopy(dense)
    return small, remove(small, dense_structure(groups), gone)


@pytest.mark.parametrize("training", [False, True], ids=["eval", "train"])
@pytest.mark.parametrize("name", WHOLE)
def test_without_channels_it_is_the_dense_network_with_zeros_there_and_norms_over_the_others(
    name: str, training: bool
) -> None:
    dense = trained_looking(spec_of(name))
    groups = describe(dense, ("embed",))
    gone = some_of(groups, ("embed",))
    (width,) = (group.count for group in groups if group.kind == "embed")
    kept = torch.tensor([unit for unit in range(width) if unit % 3])
    small, _ = cut(dense, groups, gone)
    zeroed, images = without(dense, groups, gone), images_for(spec_of(name))
    for model in (small, zeroed):
        model.train(training)
    with norms_over(zeroed, kept):
        torch.testing.assert_close(small(images), zeroed(images), **EXACT)
    assert len(small.get_parameter("patch_embed.proj.weight")) == len(kept)


@pytest.mark.parametrize("name", WITH_QUERIES)
def test_without_dimensions_of_queries_and_keys_it_is_the_dense_network_with_zeros_there(name: str) -> None:
    dense = trained_looking(spec_of(name)).eval()
    groups = describe(dense, ("qk",))
    gone = some_of(groups, ("qk",))
    small, _ = cut(dense, groups, gone)
    images = images_for(spec_of(name))
    torch.testing.assert_close(small(images), without(dense, groups, gone)(images), **EXACT)
    assert (small(images) - dense(images)).abs().max() > 1e-4


@pytest.mark.parametrize("name", WHOLE)
def test_without_branches_it_is_the_dense_network_with_nothing_added_by_them(name: str) -> None:
    dense = trained_looking(spec_of(name)).eval()
    groups = describe(dense, ("branch",))
    gone = {"attention_branches": (1,), "mlp_branches": (0,)}
    small, after = cut(dense, groups, gone)
    silent, images = copy.deepcopy(dense), images_for(spec_of(name))
    for work in ("blocks.1.attn", "blocks.0.mlp"):
        silent.get_submodule(work).register_forward_hook(lambda module, args, output: torch.zeros_like(output))
        inside = [count for held, count in after.counts().items() if held == work]
        assert inside in ([], [0]), "what lies within a branch goes with it"
    torch.testing.assert_close(small(images), silent(images), **EXACT)


@pytest.mark.parametrize("name", WHOLE)
def test_all_kinds_together_in_two_steps_or_in_one_or_from_the_file_are_one_network(name: str) -> None:
    spec = spec_of(name)
    dense = trained_looking(spec).eval()
    groups = describe(dense, OF_ALL_KINDS)
    first = some_of(groups, ("embed", "head", "neuron", "qk"), every=4)
    small, structure = cut(dense, groups, first)
    left = structure.kept("embed")[::5]
    structure = remove(small, structure, {"attention_branches": (0,), "mlp_branches": (1,), "embed": left})
    found = describe(small, OF_ALL_KINDS)
    assert {group.name: group.count for group in found} == structure.counts()

    at_once = copy.deepcopy(dense)
    compact(at_once, Structure.from_json(structure.to_json()))
    images = images_for(spec)
    assert torch.equal(at_once(images), small(images))
    sliced = slice_state(dense.state_dict(), groups, structure)
    assert sliced.keys() == small.state_dict().keys()
    assert all(torch.equal(value, sliced[key]) for key, value in small.state_dict().items())

    moments = {key: {"exp_avg": value, "step": torch.tensor(1.0)} for key, value in dense.named_parameters()}
    cut_moments = slice_optimizer_state(moments, groups, kept_positions(dense_structure(groups), structure))
    assert all(torch.equal(cut_moments[key]["exp_avg"], value) for key, value in small.named_parameters())


def test_the_last_head_and_all_its_queries_may_go(tmp_path) -> None:
    spec = spec_of("vit_micro")
    dense = trained_looking(spec).float().eval()
    groups = describe(dense, OF_ALL_KINDS)
    heads = {group.name: tuple(range(group.count)) for group in groups if group.name == "blocks.0.attn"}
    small, structure = cut(dense, groups, {**heads, "blocks.0.attn.qk": (0, 1), "blocks.1.attn.qk": tuple(range(15))})
    save(tmp_path / "small.safetensors", small.state_dict(), spec, structure, {})
    images = images_for(spec).float()
    assert torch.equal(load(tmp_path / "small.safetensors")(images), small(images))


def test_blocks_with_an_mlp_that_is_never_a_branch_lose_queries_all_the_same() -> None:
    model = timm.create_model("vitamin_small_224", img_size=32, num_classes=5).eval()
    groups = describe(model, OF_ALL_KINDS)
    assert {group.kind for group in groups if group.kind in OF_ALL_KINDS} == {"qk"}
    assert "GeGluMlp" in str(why_not_across(model, "branch"))
    small, _ = cut(model, groups, some_of(groups, ("qk",)))
    assert small(torch.zeros(1, 3, 32, 32)).shape == (1, 5)


def test_a_structure_that_keeps_units_within_a_branch_that_is_gone_is_refused() -> None:
    dense = trained_looking(spec_of("vit_micro"))
    whole = dense_structure(describe(dense, ("branch",)))
    with pytest.raises(ValueError, match=r"blocks\.1\.attn keeps 4 units within others"):
        compact(dense, whole.without({"attention_branches": (1,)}))


def test_a_structure_that_does_not_name_what_ended_with_a_branch_is_cut_to_it_all_the_same() -> None:
    dense = trained_looking(spec_of("vit_micro"))
    whole = dense_structure(describe(dense, ("branch",)))
    after = remove(copy.deepcopy(dense), whole, {"mlp_branches": (2,)})
    short = Structure({name: after.groups[name] for name in ("mlp_branches", "attention_branches")})
    compact(dense, short)
    assert {group.name: group.count for group in describe(dense, ("branch",))} == after.counts()


def test_a_stream_of_two_channels_still_has_all_that_reads_it() -> None:
    dense = trained_looking(spec_of("vit_micro"))
    groups = describe(dense, OF_ALL_KINDS)
    (width,) = (group.count for group in groups if group.kind == "embed")
    small, structure = cut(dense, groups, {"embed": tuple(range(2, width))})
    assert {group.name: group.count for group in describe(small, OF_ALL_KINDS)} == structure.counts()
    assert (
        remove(small, structure, {"blocks.0.mlp": (0,)}).counts()["blocks.0.mlp"]
        == structure.counts()["blocks.0.mlp"] - 1
    )


def test_with_the_last_head_its_queries_and_keys_end() -> None:
    dense = trained_looking(spec_of("vit_micro"))
    groups = describe(dense, ("qk",))
    heads = next(group for group in groups if group.name == "blocks.1.attn")
    _, structure = cut(dense, groups, {heads.name: tuple(range(heads.count))})
    assert structure.counts()["blocks.1.attn.qk"] == 0


@pytest.mark.parametrize("kind", OF_ALL_KINDS)
def test_what_belongs_to_units_is_counted_element_by_element(kind: Kind) -> None:
    dense = trained_looking(spec_of("vit_micro"))
    groups = [group for group in describe(dense, (kind,)) if group.kind in (kind, "head")]
    owned = {name: torch.zeros_like(value, dtype=torch.bool) for name, value in dense.named_parameters()}
    for group in groups:
        for tied in group.slices:
            owned[tied.tensor].index_fill_(tied.dim, tied.index.flatten(), True)
    assert prunable_parameters(dense, groups) == sum(int(mask.sum()) for mask in owned.values())


@pytest.mark.parametrize("kind", OF_ALL_KINDS)
def test_every_kind_makes_the_network_cheaper(kind: Kind) -> None:
    spec = spec_of("vit_micro")
    dense = trained_looking(spec).float()
    groups = describe(dense, (kind,))
    small, _ = cut(dense, groups, {group.name: (0,) for group in groups if group.kind == kind})
    assert count_macs(small, spec.input_shape) < count_macs(dense, spec.input_shape)


@pytest.mark.parametrize(
    ("name", "kind", "reason"),
    [
        ("resnet18", "embed", "ResNet"),
        ("windows", "embed", "SwinTransformer"),
        ("eva02", "embed", "Eva"),
        ("resnet18", "qk", "no attention"),
        ("qk_norm", "qk", "normalised"),
        ("mixer", "branch", "no block"),
        ("resnet18", "interaction", "no TwistNet block"),
        ("vit_micro", "head", None),
    ],
)
def test_a_network_without_such_units_says_why_and_has_no_such_group(name: str, kind: Kind, reason: str | None) -> None:
    model = trained_looking(spec_of(name))
    found = why_not_across(model, kind)
    assert found is None if reason is None else reason in str(found)
    if kind in BY_KIND:
        assert all(group.kind != kind for group in describe(model, (kind,)))
