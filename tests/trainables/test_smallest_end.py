"""The smallest end is a bound: no scores lead below it, and the right ones lead to it."""

from __future__ import annotations

import pytest
import torch

from models.networks.registry import build, resolve_spec
from models.spec import ModelSpec
from pruning.allocation import budget_counts, select
from pruning.methods import get_method
from trainables.config.trial import TrialConfig
from trainables.states.network import Cost, Network
from trainables.states.smallest_end import smallest_end
from trainables.states.unit_budget import kept_fractions

VIT = resolve_spec("vit_micro", 10, 8, 1)
RESNET = resolve_spec("timm:resnet10t", 10, 32, 3)


def config_of(arch: str, **prune: object) -> TrialConfig:
    return TrialConfig.model_validate(
        {"model": {"arch": arch, "init": {"source": "random"}}, "data": {"name": "digits"}, "prune": prune}
    )


def end_by_chance(config: TrialConfig, spec: ModelSpec, seed: int) -> Cost:
    """What the last state's counts leave where random scores choose the units."""
    prune = config.prune
    with torch.random.fork_rng(devices=[]):
        network = Network.dense(spec, build(spec).state_dict(), prune, torch.device("cpu"))
    kept = kept_fractions(network, prune, get_method(prune.method), prune.schedule.states)
    generator = torch.Generator().manual_seed(seed)
    groups = network.pruned_groups()
    selection = select(
        {group.name: torch.rand(group.count, generator=generator) for group in groups},
        groups,
        network.structure,
        kinds=network.kinds,
        counts=budget_counts(network.structure, kept, prune.scope, prune.min_kept),
        scope=prune.scope,
        min_kept=prune.min_kept,
        round_to=prune.round_to,
    )
    network.remove(selection.drop)
    return network.cost()


@pytest.mark.parametrize("scope", ["global", "layerwise"])
def test_of_a_transformer_whose_blocks_are_alike_it_is_every_end(scope: str) -> None:
    config = config_of("vit_micro", scope=scope, schedule={"states": 2, "head_ratio": 0.5, "neuron_ratio": 0.7})
    bound, found = smallest_end(config, VIT), end_by_chance(config, VIT, seed=1)
    assert (bound.macs, bound.params) == (found.macs, found.params)
    assert bound.removed_percent == pytest.approx(found.removed_percent)
    assert bound.macs < bound.dense_macs


@pytest.mark.parametrize("scope", ["global", "layerwise"])
@pytest.mark.parametrize(
    "target",
    [["head", "neuron", "embed"], ["head", "qk"], ["head", "neuron", "branch"], ["head", "embed", "qk", "branch"]],
)
def test_of_kinds_across_blocks_no_choice_is_smaller(target: list[str], scope: str) -> None:
    config = config_of("vit_micro", target=target, scope=scope, schedule={"states": 2})
    bound = smallest_end(config, VIT)
    for seed in range(12):
        found = end_by_chance(config, VIT, seed)
        assert bound.macs <= found.macs
        assert bound.params <= found.params
        assert bound.removed_percent >= found.removed_percent - 1e-9


@pytest.mark.usefixtures("narrow_twistnet")
@pytest.mark.parametrize("scope", ["global", "layerwise"])
@pytest.mark.parametrize("target", ["interaction", ["channel", "interaction"]])
def test_of_interaction_heads_no_choice_is_smaller(target: object, scope: str) -> None:
    spec = resolve_spec("twistnet18", 10, 32, 1)
    config = config_of("twistnet18", target=target, scope=scope, schedule={"states": 2, "interaction_ratio": 0.7})
    bound = smallest_end(config, spec)
    for seed in range(6):
        found = end_by_chance(config, spec, seed)
        assert bound.macs <= found.macs
        assert bound.params <= found.params
        assert bound.removed_percent >= found.removed_percent - 1e-9


@pytest.mark.slow
@pytest.mark.parametrize("scope", ["global", "layerwise"])
def test_of_channels_no_choice_is_smaller(scope: str) -> None:
    config = config_of("timm:resnet10t", scope=scope, target="channel", schedule={"states": 2, "channel_ratio": 0.6})
    bound = smallest_end(config, RESNET)
    for seed in range(3):
        found = end_by_chance(config, RESNET, seed)
        assert bound.macs <= found.macs
        assert bound.params <= found.params
        assert bound.removed_percent >= found.removed_percent


@pytest.mark.parametrize("ratio", [0.5, 0.62, 0.7])
@pytest.mark.parametrize("scope", ["global", "layerwise"])
def test_where_layers_are_rounded_no_choice_is_smaller(scope: str, ratio: float) -> None:
    config = config_of("vit_micro", scope=scope, round_to=24, schedule={"states": 1, "neuron_ratio": ratio})
    bound = smallest_end(config, VIT)
    for seed in range(4):
        found = end_by_chance(config, VIT, seed)
        assert bound.macs <= found.macs
        assert bound.params <= found.params
        assert bound.removed_percent >= found.removed_percent
        if scope == "layerwise":
            assert bound.macs == found.macs


@pytest.mark.parametrize("prune", [{"schedule": {"states": 2, "macs_target": 0.5}}, {"widths": "imp"}])
def test_where_the_widths_are_not_known_it_is_that_of_the_floors(prune: dict[str, object]) -> None:
    bound = smallest_end(config_of("vit_micro", **prune), VIT)
    floors = smallest_end(
        config_of("vit_micro", schedule={"states": 2, "head_ratio": 0.99, "neuron_ratio": 0.999}), VIT
    )
    assert bound.macs <= floors.macs


def test_of_a_method_that_removes_nothing_it_is_the_dense_network() -> None:
    bound = smallest_end(config_of("vit_micro", method="dense"), VIT)
    assert (bound.macs, bound.params, bound.removed_percent) == (bound.dense_macs, bound.dense_params, 0.0)
