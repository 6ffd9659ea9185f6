"""TwistNet's interaction heads are removed exactly, alone and with inner channels, in whatever order."""

from __future__ import annotations

import copy
import itertools
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from models.cost import count_macs, prunable_parameters
from models.export import export_onnx, export_program
from models.networks.registry import build, resolve_spec
from models.networks.twistnet import DIRECTIONS, TwistNet
from models.save_load import load, save
from models.spec import ModelSpec
from models.units.across.registry import why_not_across
from models.units.base import UnitGroup, dense_structure
from models.units.compaction import compact, kept_positions, remove, slice_optimizer_state, slice_state
from models.units.describe import describe
from models.units.group_norm import CutGroupNorm
from models.units.structure import Structure
from tests.models.networks import images_for, randomised, spec_of, trained_looking
from tests.models.test_across import EXACT, without

pytestmark = pytest.mark.usefixtures("narrow_twistnet")

VARIANTS: dict[str, dict[str, Any]] = {
    "published": {},
    "no_spiral": {"no_spiral": True},
    "no_ais": {"no_ais": True},
    "first_order": {"first_order": True},
    "all pairs": {"pairs": "full"},
}
BLOCKS = ("layer3.0", "layer3.1", "layer4.0", "layer4.1")
EVERY_HEAD = tuple(range(len(DIRECTIONS)))


def variant(name: str) -> tuple[ModelSpec, nn.Module, tuple[UnitGroup, ...]]:
    spec = resolve_spec("twistnet18", 5, 32, 3, args=VARIANTS[name])
    model = randomised(build(spec), seed=0).double()
    return spec, model, describe(model, ("interaction",))


def of_heads(*gone: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
    """So many heads of the first blocks in the network's order."""
    return {f"{block}.interactions": units for block, units in zip(BLOCKS, gone, strict=False) if units}


MIXED = of_heads((0,), (1, 2), EVERY_HEAD, (0, 3))
"""Groups of the norm that lose half of their channels, a block that loses all heads, and one that keeps the middle."""


@pytest.mark.parametrize("training", [False, True], ids=["eval", "train"])
@pytest.mark.parametrize("name", VARIANTS)
def test_without_heads_it_is_the_dense_network_with_zeros_there(name: str, training: bool) -> None:
    spec, dense, groups = variant(name)
    small, zeroed, images = copy.deepcopy(dense), without(dense, groups, MIXED), images_for(spec)
    remove(small, dense_structure(groups), MIXED)
    for model in (small, zeroed, dense):
        model.train(training)
    found = small(images)
    torch.testing.assert_close(found, zeroed(images), **EXACT)
    assert (found - dense(images)).abs().max() > 1e-4


@pytest.mark.parametrize("name", VARIANTS)
def test_gradients_of_what_is_left_are_those_of_the_dense_network_with_zeros_there(name: str) -> None:
    spec, dense, groups = variant(name)
    structure = dense_structure(groups).without(MIXED)
    small, zeroed = copy.deepcopy(dense), without(dense, groups, MIXED)
    compact(small, structure)
    for model in (small.train(), zeroed.train()):
        model(images_for(spec)).square().sum().backward()
    gradients = {key: value.grad for key, value in zeroed.named_parameters()}
    buffers = {key: value for key, value in dense.state_dict().items() if key not in gradients}
    expected = slice_state(gradients | buffers, groups, structure)
    for key, parameter in small.named_parameters():
        found = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
        torch.testing.assert_close(found, expected[key], rtol=1e-7, atol=1e-7, msg=key)


SPEC = spec_of("twistnet18")
STEP = st.dictionaries(
    st.sampled_from([*BLOCKS, *(f"{block}.interactions" for block in BLOCKS)]),
    st.sets(st.integers(0, 39), min_size=1),
    min_size=1,
)


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(steps=st.lists(STEP, min_size=1, max_size=4), data=st.data())
def test_in_any_order_with_channels_it_is_one_network(steps: list[dict[str, set[int]]], data: st.DataObject) -> None:
    dense = trained_looking(SPEC).eval()
    groups = describe(dense, ("interaction",))
    whole = dense_structure(groups)
    small, structure = copy.deepcopy(dense), whole
    for step in steps:
        wanted = {name: units & set(structure.kept(name)) for name, units in step.items()}
        structure = remove(small, structure, {name: tuple(sorted(units)) for name, units in wanted.items()})
    assert {group.name: group.count for group in describe(small, ("interaction",))} == structure.counts()
    assert [group.name for group in describe(small, ("interaction",))] == [group.name for group in groups]

    gone = {name: tuple(set(whole.kept(name)) - set(structure.kept(name))) for name in whole.groups}
    images = images_for(SPEC, batch=2)
    with torch.no_grad():
        found = small(images)
        torch.testing.assert_close(found, without(dense, groups, gone)(images), **EXACT)
    at_once = copy.deepcopy(dense)
    compact(at_once, Structure.from_json(structure.to_json()))
    sliced = slice_state(dense.state_dict(), groups, structure)
    assert list(at_once.state_dict()) == list(dense.state_dict()) == list(small.state_dict())
    for key, value in small.state_dict().items():
        assert torch.equal(value, at_once.state_dict()[key]), key
        assert torch.equal(value, sliced[key]), key
    with torch.no_grad():
        assert torch.equal(at_once(images), found)


def test_moments_are_cut_like_the_parameters() -> None:
    _, dense, groups = variant("published")
    before = dense_structure(groups)
    after = before.without(MIXED | {"layer3.0": (0, 5)})
    moments = {key: {"exp_avg": value, "step": torch.tensor(1.0)} for key, value in dense.named_parameters()}
    cut = slice_optimizer_state(moments, groups, kept_positions(before, after))
    compact(dense, after)
    assert all(torch.equal(cut[key]["exp_avg"], value) for key, value in dense.named_parameters())


def test_channel_studies_know_nothing_of_heads() -> None:
    _, dense, groups = variant("published")
    assert {group.kind for group in describe(dense)} == {"channel"}
    assert [group.name for group in groups if group.kind == "channel"] == [group.name for group in describe(dense)]
    older = dense_structure(describe(dense)).without({"layer3.0": (1, 2)})
    compact(dense, older)
    now = describe(dense, ("interaction",))
    assert [group.count for group in now if group.kind == "interaction"] == [len(DIRECTIONS)] * len(BLOCKS)


@pytest.mark.parametrize("name", VARIANTS)
def test_a_norm_whose_groups_lie_within_heads_stays_a_plain_one(name: str) -> None:
    _, model, groups = variant(name)
    remove(model, dense_structure(groups), of_heads((0,), (0, 1)))
    one, two = (model.get_submodule(f"{block}.interactions.norm") for block in BLOCKS[:2])
    assert isinstance(one, CutGroupNorm)
    assert isinstance(two, CutGroupNorm)
    width = {"first_order": 8, "all pairs": 72}.get(name, 44)
    assert (one.num_channels, two.num_channels) == (3 * width, 2 * width)
    assert two.runs == ((True, 2 * width),)
    assert one.runs == (((False, 4), (True, 132)) if width == 44 else ((True, 3 * width),))


@pytest.mark.parametrize("number_format", [torch.bfloat16, torch.float16])
def test_in_mixed_precision_a_norm_that_lost_channels_gives_what_a_whole_one_gives(number_format: torch.dtype) -> None:
    _, model, groups = variant("published")
    model = model.float()
    whole = copy.deepcopy(model.get_submodule("layer3.0.interactions.norm"))
    remove(model, dense_structure(groups), of_heads((0,)))
    cut = model.get_submodule("layer3.0.interactions.norm")
    features = torch.randn(2, 176, 4, 4, generator=torch.Generator().manual_seed(0)).to(number_format)
    features[:, :44] = 0
    with torch.no_grad(), torch.autocast("cpu", number_format):
        assert torch.equal(cut(features[:, 44:]), whole(features)[:, 44:])


@pytest.mark.parametrize("gone", [MIXED, of_heads(*[EVERY_HEAD] * 4), of_heads((1,), (2,), (0,), (0, 1))])
def test_it_is_read_from_its_file(tmp_path: Path, gone: dict[str, tuple[int, ...]]) -> None:
    spec, model, groups = variant("published")
    model = model.float().eval()
    structure = remove(model, dense_structure(groups), gone | {"layer3.1": (0, 3)})
    save(tmp_path / "small.safetensors", model.state_dict(), spec, structure, {})
    images = images_for(spec).float()
    assert torch.equal(load(tmp_path / "small.safetensors")(images), model(images))


@pytest.mark.slow
@pytest.mark.parametrize("name", VARIANTS)
def test_it_gives_the_same_in_either_format(name: str, tmp_path: Path) -> None:
    spec, model, groups = variant(name)
    model = model.float().eval()
    remove(model, dense_structure(groups), MIXED | {"layer3.1": (0, 3)})
    assert export_program(model, spec.input_shape, tmp_path / "small.pt2", {}) < 1e-5
    assert export_onnx(model, spec.input_shape, tmp_path / "small.onnx", {}) < 1e-5


def test_what_belongs_to_heads_is_counted_element_by_element() -> None:
    _, dense, groups = variant("published")
    owned = {name: torch.zeros_like(value, dtype=torch.bool) for name, value in dense.named_parameters()}
    for group in groups:
        for tied in filter(lambda one: one.is_parameter, group.slices):
            owned[tied.tensor].index_fill_(tied.dim, tied.index.flatten(), True)
    assert prunable_parameters(dense, groups) == sum(int(mask.sum()) for mask in owned.values())


def test_every_head_makes_the_network_cheaper_by_the_same() -> None:
    spec, dense, groups = variant("published")
    costs = []
    for count in range(len(DIRECTIONS) + 1):
        model = copy.deepcopy(dense).float()
        remove(model, dense_structure(groups), of_heads(EVERY_HEAD[:count]))
        costs.append(count_macs(model, spec.input_shape))
    steps = {before - after for before, after in itertools.pairwise(costs)}
    assert len(steps) == 1
    assert min(steps) > 0


def test_the_uncut_network_is_left_as_it_is() -> None:
    _, model, groups = variant("published")
    names = list(model.state_dict())
    remove(model, dense_structure(groups), {"layer3.0": (1,)})
    assert list(model.state_dict()) == names
    assert type(model.get_submodule("layer3.0.interactions.norm")) is nn.GroupNorm


def test_others_have_no_interaction_heads() -> None:
    assert "no TwistNet block" in str(why_not_across(trained_looking(spec_of("resnet18")), "interaction"))
    assert why_not_across(TwistNet(5), "interaction") is None
