"""The parts together, on the networks that trials prune."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

from models.cost import count_parameters
from models.networks.registry import build, resolve_spec
from models.units.base import UnitGroup, dense_structure
from models.units.compaction import positions_of, remove
from models.units.describe import describe
from pruning.allocation import Drop, budget_counts, select
from pruning.catalogue import RsstConfig
from pruning.imp_mask import global_masks, imp_widths, weight_totals
from pruning.importance import CRITERIA, score
from pruning.methods import get_method
from pruning.penalty import apply_decoupled, penalised
from pruning.schedules import kept_fraction
from tests.models.networks import BASIC, BOTTLENECK

ARGS = {"vit_micro": {}, "timm:resnet18": BASIC, "timm:resnet50": BOTTLENECK}
ARCHITECTURES = pytest.mark.parametrize("arch", ARGS)


def network(arch: str) -> tuple[nn.Module, tuple[UnitGroup, ...]]:
    """With every weight at random, since norms that start at 0 hide what lies before them."""
    torch.manual_seed(0)
    model = build(resolve_spec(arch, 10, 16, 3, args=ARGS[arch])).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() == 1:
                parameter.normal_(0.5, 0.2)
    return model, describe(model)


def half(model: nn.Module, groups: tuple[UnitGroup, ...], criterion: str = "magnitude") -> Drop:
    structure = dense_structure(groups)
    kinds = list(dict.fromkeys(group.kind for group in groups))
    counts = budget_counts(structure, dict.fromkeys(kinds, 0.5), "global")
    data = [(torch.randn(4, 3, 16, 16), torch.randint(10, (4,)))]
    totals = weight_totals(model, groups)
    masks = global_masks(model, groups, dict.fromkeys(kinds, 0.5), totals) if criterion == "remain" else None
    scores = score(
        criterion,
        model,
        groups,
        batches=data,
        loss=functional.cross_entropy,
        generator=torch.Generator().manual_seed(0),
        masks=masks,
    )
    return select(scores, groups, structure, kinds=kinds, counts=counts, scope="global").drop


def test_vit_small_at_seventy_percent_has_6_397_million_parameters() -> None:
    model = build(resolve_spec("vit_small", 10, 32, 3))
    groups = describe(model)
    structure = dense_structure(groups)
    kept = kept_fraction("geometric", 5, 5, 0.7)
    counts = budget_counts(structure, {"head": kept, "neuron": kept}, "global")
    assert counts == {"head": 21, "neuron": 5529}
    scores = score("random", model, groups, generator=torch.Generator().manual_seed(0))
    drop = select(scores, groups, structure, kinds=["head", "neuron"], counts=counts, scope="global").drop
    remove(model, structure, drop)
    assert count_parameters(model) == pytest.approx(6.397e6, abs=0.5e3)


@pytest.mark.parametrize("criterion", CRITERIA)
@ARCHITECTURES
def test_every_criterion_scores_dense_and_compact_networks(arch: str, criterion: str) -> None:
    model, groups = network(arch)
    drop = half(model, groups, criterion)
    structure = remove(model, dense_structure(groups), drop)
    compact = describe(model)
    assert [group.count for group in compact] == list(structure.counts().values())
    half(model, compact, criterion)


@ARCHITECTURES
def test_removing_what_rsst_has_shrunk_leaves_the_outputs_where_they_were(arch: str) -> None:
    model, groups = network(arch)
    structure, drop = dense_structure(groups), half(model, groups)
    rates = [1e-3] * 50
    plan = get_method("rsst").plan(drop, rates, RsstConfig(shrink=1e-4, ramp=0.8, hold=0.2))
    targets = penalised(model, groups, positions_of(structure, plan.shrink))
    images = torch.randn(4, 3, 16, 16)
    with torch.no_grad():
        untouched = model(images)
        for rate, strength in zip(rates, plan.strengths, strict=True):
            apply_decoupled(targets, rate * strength)
        before = model(images)
        remove(model, structure, plan.shrink)
        after = model(images)
    assert float((untouched - after).abs().max()) > 1e-2
    torch.testing.assert_close(after, before, rtol=1e-3, atol=1e-4)


def test_imp_widths_of_a_vit_follow_the_budget_of_weights_state_after_state() -> None:
    model, groups = network("vit_micro")
    structure, totals = dense_structure(groups), weight_totals(model, groups)
    for kept in (0.8, 0.6, 0.4):
        groups = describe(model)
        masks = global_masks(model, groups, {"neuron": kept}, totals)
        neurons = [group for group in groups if group.kind == "neuron"]
        widths = imp_widths(model, neurons, structure, masks, 0.0)
        scores = score("remain", model, neurons, masks=masks)
        drop = select(scores, neurons, structure, kinds=["neuron"], counts=widths, scope="layerwise").drop
        structure = remove(model, structure, drop)
        assert kept * 1024 - len(neurons) <= structure.kept_of_kind()["neuron"] <= kept * 1024
