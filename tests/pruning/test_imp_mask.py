from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.units.structure import GroupStructure, Structure
from pruning.imp_mask import apply_masks, global_masks, imp_widths, surviving, unit_weights, weight_totals
from tests.pruning.nets import conv_net, structure_of, token_net

HEADS = ["attn.0.qkv.weight", "attn.0.proj.weight", "attn.1.qkv.weight", "attn.1.proj.weight"]


def test_totals_count_weights_and_no_biases() -> None:
    model, groups = token_net()
    assert weight_totals(model, groups) == {"head": 2 * (18 * 8 + 8 * 6), "neuron": 2 * 2 * 80}
    model, groups = conv_net()
    assert weight_totals(model, groups) == {"channel": 6 * 3 + 6 * 6 * 9 + 8 * 6}


@pytest.mark.parametrize("kept", [1.0, 0.5, 0.123, 0.0])
def test_the_largest_of_each_kind_survive_in_the_exact_number(kept: float) -> None:
    model, groups = token_net()
    totals = weight_totals(model, groups)
    masks = global_masks(model, groups, {"head": kept}, totals)
    assert set(masks) == set(HEADS)
    sizes = torch.cat([model.get_parameter(name).detach().abs().flatten() for name in HEADS])
    alive = torch.cat([masks[name].flatten() for name in HEADS])
    wanted = int(totals["head"] * kept)
    assert int(alive.sum()) == wanted
    if 0 < wanted < totals["head"]:
        assert float(sizes[alive].min()) >= float(sizes[~alive].max())


def test_equal_magnitudes_keep_the_exact_number_and_the_earlier_ones() -> None:
    model, groups = token_net()
    with torch.no_grad():
        for name in HEADS:
            model.get_parameter(name).fill_(0.5)
    masks = global_masks(model, groups, {"head": 0.5}, weight_totals(model, groups))
    alive = torch.cat([masks[name].flatten() for name in HEADS])
    assert bool(alive[: len(alive) // 2].all())
    assert not bool(alive[len(alive) // 2 :].any())


@settings(max_examples=20, deadline=None)
@given(fractions=st.lists(st.floats(0.01, 1.0), min_size=2, max_size=5), seed=st.integers(0, 100))
def test_what_was_masked_stays_masked_whatever_the_weights_do(fractions: list[float], seed: int) -> None:
    model, groups = token_net(seed)
    totals = weight_totals(model, groups)
    masks = None
    for kept in sorted(fractions, reverse=True):
        before, masks = masks, global_masks(model, groups, {"head": kept, "neuron": kept}, totals, masks)
        for kind, prefix in (("head", "attn"), ("neuron", "mlp")):
            alive = sum(int(mask.sum()) for name, mask in masks.items() if name.startswith(prefix))
            assert alive == int(totals[kind] * kept + 1e-9)
        assert before is None or not any(bool((mask & ~before[name]).any()) for name, mask in masks.items())
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.copy_(torch.randn_like(parameter))


def test_applied_masks_zero_exactly_the_masked_weights() -> None:
    model, groups = token_net()
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    masks = global_masks(model, groups, {"head": 0.3}, weight_totals(model, groups))
    apply_masks(model, masks)
    for name, parameter in model.named_parameters():
        expected = before[name] * masks[name] if name in masks else before[name]
        assert torch.equal(parameter, expected)


def test_a_mask_from_before_a_cut_is_refused() -> None:
    model, groups = token_net()
    with pytest.raises(ValueError, match="before the network was cut"):
        global_masks(model, groups, {"head": 0.5}, {"head": 384}, {"attn.0.qkv.weight": torch.ones(3, 8)})


@pytest.mark.parametrize("fillback", [0.0, 0.3, 1.0])
def test_widths_are_the_full_units_that_the_survivors_would_fill(fillback: float) -> None:
    model, groups = token_net()
    structure = structure_of(groups)
    masks = global_masks(model, groups, {"head": 0.6, "neuron": 0.4}, weight_totals(model, groups))
    widths = imp_widths(model, groups, structure, masks, fillback)
    sizes = unit_weights(model, groups)
    assert sizes == {"attn.0": 64, "mlp.0": 16, "attn.1": 64, "mlp.1": 16}
    for group in groups:
        parts = [masks[t.tensor] for t in group.slices if t.tensor in masks]
        filled = sum(int(part.sum()) for part in parts) / sizes[group.name]
        assert widths[group.name] == max(1, int(filled + (group.count - filled) * fillback + 1e-9))


def test_widths_without_fillback_never_exceed_the_budget_by_more_than_the_floor() -> None:
    model, groups = token_net()
    masks = global_masks(model, groups, {"head": 0.5, "neuron": 0.5}, weight_totals(model, groups))
    widths = imp_widths(model, groups, structure_of(groups), masks, 0.0)
    assert widths["attn.0"] + widths["attn.1"] <= 3
    assert 8 <= widths["mlp.0"] + widths["mlp.1"] <= 10


def test_an_emptied_group_keeps_the_floor_and_no_group_grows() -> None:
    model, groups = token_net()
    masks = {name: torch.zeros_like(p, dtype=torch.bool) for name, p in model.named_parameters()}
    structure = structure_of(groups)
    assert set(imp_widths(model, groups, structure, masks, 0.0, min_kept=2).values()) == {2}
    wider = Structure({n: GroupStructure(g.kind, 10 * g.total, g.kept) for n, g in structure.groups.items()})
    assert imp_widths(model, groups, wider, masks, 1.0) == structure.counts()


def test_both_ends_of_a_convolution_share_one_mask() -> None:
    model, groups = conv_net()
    masks = global_masks(model, groups, {"channel": 0.5}, weight_totals(model, groups))
    assert set(masks) == {"conv1.weight", "conv2.weight", "conv3.weight"}
    alive = surviving(model, groups, masks)
    first = masks["conv1.weight"].sum(dim=(1, 2, 3)) + masks["conv2.weight"].sum(dim=(0, 2, 3))
    assert alive["conv1"].tolist() == first.tolist()
