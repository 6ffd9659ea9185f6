"""The selection of a pruning event: no layer is emptied by default, and one that is gets told."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch

from models.cost import count_macs, count_parameters
from models.networks.registry import build, resolve_spec
from models.units.compaction import remove
from pruning.methods import get_method
from tests.trainables.small_trials import open_trial, small_config
from trainables.config.prune import PruneConfig
from trainables.files.record import read_record
from trainables.states.network import Network
from trainables.states.pruning_event import Event, choose_drop, floor_warnings
from trainables.states.unit_cost import per_mac, saved_by_a_unit


@pytest.fixture(scope="module")
def resnet() -> Network:
    spec = resolve_spec("timm:resnet18", 10, 32, 1)
    torch.manual_seed(0)
    return Network.dense(spec, build(spec).state_dict(), PruneConfig(target="channel"), torch.device("cpu"))


def event_of(**prune: Any) -> Event:
    schedule = {"states": 1, "channel_ratio": 0.5}
    config = PruneConfig.model_validate({"target": "channel", "schedule": schedule, **prune})
    return Event(config, get_method("refill"), 1, 0, batches=list)


def kept_shares(network: Network, event: Event) -> list[float]:
    after = network.structure.without(choose_drop(network, event))
    return [len(group.kept) / group.total for group in after.groups.values()]


def test_half_of_resnet18_leaves_every_layer_about_half(resnet: Network) -> None:
    shares = kept_shares(resnet, event_of())
    assert min(shares) > 0.4
    assert max(shares) < 0.6


def test_ranked_by_bare_sums_its_first_layers_collapse_and_are_named(resnet: Network) -> None:
    event = event_of(normalize="none")
    drop = choose_drop(resnet, event)
    (warning,) = floor_warnings(resnet, event, drop)
    assert warning.startswith(
        "channels at or near their floor: layer1.0 keeps 1 of 64, layer1.1 1 of 64, layer2.0 1 of 128, layer2.1 1 of 128 "
        "and 2 more, while 50 % of all channels stay; use prune.normalize: mean"
    )
    assert min(kept_shares(resnet, event_of(normalize="none", min_kept=0.1))) >= 0.1


def test_ranked_per_mac_its_dear_first_layers_collapse_and_the_warning_says_what_to_undo(resnet: Network) -> None:
    event = event_of(score="per_mac")
    (warning,) = floor_warnings(resnet, event, choose_drop(resnet, event))
    assert warning.startswith("channels at or near their floor: layer1.0 keeps 1 of 64")
    assert "use prune.score: per_unit or a higher prune.min_kept" in warning


def test_a_default_event_of_resnet18_warns_of_nothing(resnet: Network) -> None:
    event = event_of()
    assert floor_warnings(resnet, event, choose_drop(resnet, event)) == []


def test_the_state_that_empties_a_layer_says_so_in_the_record(tmp_path: Path) -> None:
    trial = open_trial(tmp_path, prune={"normalize": "none", "schedule": {"kind": "one_shot"}})
    for _ in range(2):
        trial.step()
    small = trial.procedure.network.model.get_submodule("blocks.0.mlp")
    with torch.no_grad():
        for parameter in small.parameters():
            parameter.mul_(0.01)
    for _ in range(2):
        trial.step()
    record = read_record(tmp_path)
    assert record is not None
    assert record.states[0].warnings == []
    (warning,) = [line for line in record.states[1].warnings if line.startswith("neurons at or near their floor: ")]
    assert "blocks.0.mlp keeps 1 of 256, while" in warning


def test_min_kept_is_a_count_or_a_share() -> None:
    for given in (0, 1, 4, 0.1):
        found = small_config(prune={"min_kept": given}).prune.min_kept
        assert (found, type(found)) == (given, type(given))
    for wrong in (-1, -0.1, 1.5):
        with pytest.raises(
            ValueError, match=f"a count of units or a share of them between 0 and 1 is expected, found {wrong}"
        ):
            small_config(prune={"min_kept": wrong})


def test_what_a_unit_saves_is_what_the_network_costs_less_without_it(resnet: Network) -> None:
    macs, params = saved_by_a_unit(resnet)
    shape = resnet.spec.input_shape
    for name in ("layer1.0", "layer2.0", "layer4.1"):
        smaller = copy.deepcopy(resnet.model)
        remove(smaller, resnet.structure, {name: (3,)})
        assert macs[name] == count_macs(resnet.model, shape) - count_macs(smaller, shape)
        assert params[name] == count_parameters(resnet.model) - count_parameters(smaller)
    # 3 x 3 kernels that make and read a channel: 64 channels on either side at 8 x 8 places.
    assert macs["layer1.0"] == 2 * 64 * 9 * 8 * 8
    assert next(resnet.model.parameters()).device.type == "cpu"


def test_scores_for_each_mac_rank_layers_by_what_they_save_and_units_of_one_as_before(resnet: Network) -> None:
    macs, _ = saved_by_a_unit(resnet)
    scores = {group.name: torch.arange(1.0, 1 + group.count) for group in resnet.pruned_groups()}
    for name, values in per_mac(resnet, scores).items():
        torch.testing.assert_close(values * macs[name], scores[name])


def test_ranked_per_mac_the_same_number_of_channels_leaves_fewer_macs(resnet: Network) -> None:
    def macs_left(**prune: Any) -> int:
        smaller = copy.deepcopy(resnet)
        smaller.remove(choose_drop(resnet, event_of(**prune)))
        assert smaller.structure.kept_of_kind() == {"channel": resnet.structure.total_of_kind()["channel"] // 2}
        return smaller.macs()

    assert macs_left(score="per_mac") < 0.9 * macs_left()
    assert macs_left(score="per_mac", scope="layerwise") == macs_left(scope="layerwise")
