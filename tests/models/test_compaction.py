"""Removal is exact: the compact network computes what the dense one computes without the removed units."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from models.units.base import UnitGroup, dense_structure, reader_of
from models.units.compaction import compact, kept_positions, positions_of, remove, slice_state
from models.units.describe import describe
from models.units.structure import GroupStructure, Structure
from tests.models.networks import NETWORKS, dropped, images_for, random_structure, spec_of, trained_looking, zero_units

pytestmark = pytest.mark.usefixtures("narrow_twistnet")

EXACT = {"rtol": 1e-9, "atol": 1e-9}


@contextmanager
def silenced(model: nn.Module, groups: tuple[UnitGroup, ...], positions: dict[str, tuple[int, ...]]) -> Iterator[None]:
    """The definition, apart from any weights: whatever reads a removed unit's activation reads zero."""
    with ExitStack() as stack:
        for group in groups:
            for tied in group.slices:
                reader = reader_of(model, tied)
                if reader is not None:
                    features = tied.index[list(positions[group.name])].flatten()
                    axis = 1 if isinstance(reader, nn.Conv2d) else -1
                    hook = reader.register_forward_pre_hook(_zeroing(axis, features))
                    stack.callback(hook.remove)
        yield


def _zeroing(axis: int, features: Tensor):
    def hook(module: nn.Module, args: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return (args[0].index_fill(axis, features, 0.0),)

    return hook


@pytest.mark.parametrize("training", [False, True], ids=["eval", "train"])
@pytest.mark.parametrize("empty", [False, True], ids=["some", "one_group_empty"])
@pytest.mark.parametrize("name", NETWORKS)
def test_compact_network_equals_the_dense_one_without_the_units(name: str, empty: bool, training: bool) -> None:
    spec = spec_of(name)
    dense = trained_looking(spec)
    groups = describe(dense)
    structure = random_structure(groups, seed=3, empty=empty)
    gone = dropped(structure)
    zeroed, small = copy.deepcopy(dense), copy.deepcopy(dense)
    zero_units(zeroed, groups, gone)
    compact(small, structure)
    images = images_for(spec)
    for model in (dense, zeroed, small):
        model.train(training)

    result = small(images)
    with silenced(dense, groups, gone):
        torch.testing.assert_close(result, dense(images), **EXACT)
    torch.testing.assert_close(result, zeroed(images), **EXACT)
    assert (result - dense(images)).abs().max() > 1e-4, "removing units must have changed something"


@pytest.mark.parametrize("name", NETWORKS)
def test_gradients_of_the_survivors_are_those_of_the_dense_network_without_the_units(name: str) -> None:
    spec = spec_of(name)
    dense = trained_looking(spec).train()
    groups = describe(dense)
    structure = random_structure(groups, seed=5)
    small = copy.deepcopy(dense)
    compact(small, structure)
    with silenced(dense, groups, dropped(structure)):
        dense(images_for(spec)).square().sum().backward()
    small(images_for(spec)).square().sum().backward()
    expected = slice_state(
        {key: value.grad for key, value in dense.named_parameters()} | _buffers(dense), groups, structure
    )
    for key, parameter in small.named_parameters():
        torch.testing.assert_close(parameter.grad, expected[key], rtol=1e-7, atol=1e-7)


def _buffers(model: nn.Module) -> dict[str, Tensor]:
    return {key: value for key, value in model.state_dict().items() if key not in dict(model.named_parameters())}


@pytest.mark.parametrize("name", NETWORKS)
def test_removing_in_steps_compounds_and_equals_cutting_at_once(name: str) -> None:
    dense = trained_looking(spec_of(name))
    groups = describe(dense)
    final = random_structure(groups, seed=7)
    at_once, in_steps = copy.deepcopy(dense), copy.deepcopy(dense)
    compact(at_once, final)
    gone = dropped(final)
    half = {key: units[::2] for key, units in gone.items()}
    rest = {key: units[1::2] for key, units in gone.items()}
    structure = remove(in_steps, remove(in_steps, dense_structure(groups), half), rest)
    assert structure == final
    sliced = slice_state(dense.state_dict(), groups, final)
    for key, value in at_once.state_dict().items():
        assert torch.equal(value, in_steps.state_dict()[key]), key
        assert torch.equal(value, sliced[key]), key


@pytest.mark.parametrize("name", NETWORKS)
def test_describing_the_compact_network_finds_the_units_that_are_left(name: str) -> None:
    model = trained_looking(spec_of(name))
    groups = describe(model)
    structure = random_structure(groups, seed=9, empty=True)
    compact(model, structure)
    now = describe(model)
    assert {group.name: group.count for group in now} == structure.counts()
    assert [group.name for group in now] == [group.name for group in groups]
    state = model.state_dict()
    for group in now:
        for tied in group.slices:
            assert sorted(tied.index.flatten().tolist()) == list(range(state[tied.tensor].shape[tied.dim]))


def test_declared_sizes_follow_the_weights() -> None:
    model = trained_looking(spec_of("vit_micro"))
    kept = {"blocks.0.attn": (1, 3), "blocks.0.mlp": (0, 7, 9)}
    drop = {
        name: [u for u in range({"attn": 4, "mlp": 256}[name[-4:].strip(".")]) if u not in units]
        for name, units in kept.items()
    }
    remove(model, dense_structure(describe(model)), drop)
    attention, mlp = model.blocks[0].attn, model.blocks[0].mlp
    assert (attention.num_heads, attention.head_dim, attention.attn_dim) == (2, 16, 32)
    assert (attention.qkv.in_features, attention.qkv.out_features) == (64, 96)
    assert (attention.proj.in_features, attention.proj.out_features) == (32, 64)
    assert (mlp.fc1.out_features, mlp.fc2.in_features) == (3, 3)
    assert model.blocks[1].attn.num_heads == 4


def test_heads_are_cut_by_hand_the_same_way() -> None:
    model = trained_looking(spec_of("vit_micro"))
    before = {key: value.clone() for key, value in model.state_dict().items()}
    remove(model, dense_structure(describe(model)), {"blocks.2.attn": [0, 2]})
    prefix = "blocks.2.attn"
    after = model.state_dict()
    weight = before[f"{prefix}.qkv.weight"].view(3, 4, 16, 64)[:, [1, 3]].reshape(96, 64)
    bias = before[f"{prefix}.qkv.bias"].view(3, 4, 16)[:, [1, 3]].reshape(96)
    columns = before[f"{prefix}.proj.weight"].view(64, 4, 16)[:, [1, 3]].reshape(64, 32)
    assert torch.equal(after[f"{prefix}.qkv.weight"], weight)
    assert torch.equal(after[f"{prefix}.qkv.bias"], bias)
    assert torch.equal(after[f"{prefix}.proj.weight"], columns)
    assert torch.equal(after[f"{prefix}.proj.bias"], before[f"{prefix}.proj.bias"])


def test_frozen_parameters_stay_frozen_and_nothing_shares_storage() -> None:
    model = trained_looking(spec_of("vit_micro"))
    model.blocks[0].mlp.fc1.weight.requires_grad_(False)
    state = model.state_dict()
    structure = random_structure(describe(model), seed=2)
    sliced = slice_state(state, describe(model), structure)
    pointers = {value.data_ptr() for value in state.values()}
    assert not any(value.data_ptr() in pointers for value in sliced.values())
    compact(model, structure)
    assert not model.blocks[0].mlp.fc1.weight.requires_grad
    assert model.blocks[0].mlp.fc2.weight.requires_grad


def test_a_structure_of_another_network_is_refused() -> None:
    model = trained_looking(spec_of("vit_micro"))
    with pytest.raises(ValueError, match="belongs to another network: group blocks"):
        compact(model, dense_structure(describe(trained_looking(spec_of("vit_tiny")))))


def test_a_structure_of_a_version_that_knew_fewer_blocks_leaves_the_others_whole() -> None:
    model = trained_looking(spec_of("windows"))
    dense = dense_structure(describe(model))
    older = Structure({name: group for name, group in dense.groups.items() if group.kind == "neuron"})
    gone = {"layers.0.blocks.0.mlp": (0, 5)}
    from_file, in_steps = copy.deepcopy(model), copy.deepcopy(model)
    compact(from_file, older.without(gone))
    assert remove(in_steps, older, gone) == older.without(gone)
    for small in (from_file, in_steps):
        counts = {group.name: group.count for group in describe(small)}
        assert counts == dense.without(gone).counts()
    torch.testing.assert_close(
        from_file.state_dict(), slice_state(model.state_dict(), describe(model), older.without(gone))
    )


def test_a_structure_that_the_network_has_not_is_refused() -> None:
    model = trained_looking(spec_of("vit_micro"))
    structure = dense_structure(describe(model))
    remove(model, structure, {"blocks.0.attn": [0]})
    with pytest.raises(ValueError, match="but the structure says"):
        remove(model, structure, {"blocks.0.attn": [1]})


def test_a_unit_that_is_gone_cannot_be_removed_again() -> None:
    model = trained_looking(spec_of("vit_micro"))
    structure = remove(model, dense_structure(describe(model)), {"blocks.0.attn": [0]})
    with pytest.raises(ValueError, match="not there to be removed"):
        remove(model, structure, {"blocks.0.attn": [0]})


def test_positions_count_within_the_present_network() -> None:
    before = Structure({"a": GroupStructure("head", 6, (0, 2, 3, 5))})
    after = Structure({"a": GroupStructure("head", 6, (2, 5))})
    assert positions_of(before, {"a": [5, 2]}) == {"a": (1, 3)}
    assert kept_positions(before, after) == {"a": (1, 3)}
    with pytest.raises(ValueError, match="not in the network"):
        positions_of(before, {"a": [1]})


MICRO_SPEC = spec_of("vit_micro")
MICRO = trained_looking(MICRO_SPEC).eval()
MICRO_GROUPS = describe(MICRO)


@st.composite
def micro_structures(draw: st.DrawFn) -> Structure:
    return Structure(
        {
            group.name: GroupStructure(
                group.kind, group.count, tuple(sorted(draw(st.sets(st.integers(0, group.count - 1), max_size=40))))
            )
            for group in MICRO_GROUPS
        }
    )


@settings(max_examples=30, deadline=None)
@given(micro_structures())
def test_any_structure_of_vit_micro_is_cut_exactly(structure: Structure) -> None:
    small = copy.deepcopy(MICRO)
    compact(small, structure)
    images = images_for(MICRO_SPEC, batch=2)
    with silenced(MICRO, MICRO_GROUPS, dropped(structure)), torch.no_grad():
        torch.testing.assert_close(small(images), MICRO(images), **EXACT)
