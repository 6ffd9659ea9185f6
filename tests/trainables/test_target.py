"""`prune.target` as a word or a list: what may be written, what it means, and what does not go with it."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest
import torch
from pydantic import ValidationError

from models.errors import UserError
from models.networks.registry import build, resolve_spec
from models.units.structure import ACROSS, BASIC, KINDS, SHORT_FORMS, UNREAD, Kind, Target, kinds_of
from pruning.catalogue import CRITERIA
from pruning.methods import get_method
from tests.trainables.small_trials import small_config
from trainables.config.prune import RATIO_KEYS, PruneConfig, ScheduleConfig
from trainables.config.target import in_one_form
from trainables.config.trial import TrialConfig
from trainables.files.changed_keys import changed_keys
from trainables.stages.recipe import recipes_of
from trainables.states.feasible import unheeded
from trainables.states.network import Network

FROM_INPUTS = ("activation_l1", "activation_l2", "wanda", "fisher", "obs", "reconstruction")
"""Criteria that judge a unit by what a layer takes in."""


def target_of(**prune: Any) -> Target:
    return PruneConfig.model_validate(prune).target


@pytest.mark.parametrize("given", [*SHORT_FORMS, ["head"], ["neuron", "head"], ["embed", "head", "neuron"]])
def test_what_is_recorded_is_what_was_written_and_reads_back(given: Any) -> None:
    config = PruneConfig.model_validate({"target": given})
    recorded = config.model_dump(mode="json")
    assert recorded["target"] == given
    assert PruneConfig.model_validate(recorded) == config


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("heads", "'heads' is none of head, mlp, both, .*; the nearest is head"),
        ("neuron", r"'neuron' is written as \[neuron\], or mlp"),
        ([], "at least one of head, neuron, .* is expected, found an empty list"),
        (["head", "embed", "head"], "lists head twice"),
        (["head", "neurons"], "'neurons' is none of head, neuron, .*; the nearest is neuron"),
        (["both", "embed"], "'both' is a word of its own; in a list write head, neuron"),
        (["head", True], "True is none of head"),
        (None, "one of head, mlp, .*, or a list of .* is expected, found None"),
        ({"head": 1}, r"is expected, found \{'head': 1\}"),
    ],
)
def test_what_is_no_target_is_told_with_what_may_stand_there(given: Any, message: str) -> None:
    with pytest.raises(ValidationError, match=f"target\n.*{message}"):
        target_of(target=given)


@pytest.mark.parametrize("schedule", [{}, {"macs_target": 0.5}])
def test_one_target_is_one_recipe_however_it_is_written(schedule: dict[str, Any]) -> None:
    def recipes(target: Any) -> Any:
        return recipes_of(small_config(prune={"target": target, "schedule": schedule}))

    assert recipes("both") == recipes(["head", "neuron"]) == recipes(["neuron", "head"])
    lists = [recipes(list(kinds)) for kinds in permutations(("head", "neuron", "embed"))]
    assert all(one == lists[0] for one in lists)
    assert lists[0] != recipes("both")


def test_a_ratio_of_a_kind_that_nothing_asks_for_names_no_stage_anew() -> None:
    """Stages of before there were these kinds are found again."""

    def towards(target: Any, **ratios: float) -> Any:
        config = small_config(prune={"target": target, "schedule": {"macs_target": 0.5, **ratios}})
        return recipes_of(config)[1]["event"]["towards"]

    assert not {RATIO_KEYS[kind] for kind in ACROSS} & towards("both").keys()
    assert towards("both", embed_ratio=0.1) == towards("both")
    assert towards(["head", "embed"], embed_ratio=0.1) != towards(["head", "embed"])
    assert towards(["head", "embed"], qk_ratio=0.1) == towards(["head", "embed"])


def test_every_kind_has_a_ratio_of_its_own() -> None:
    assert set(RATIO_KEYS) == set(KINDS)
    given = {key: 0.1 * (1 + place) for place, key in enumerate(RATIO_KEYS.values())}
    schedule = ScheduleConfig.model_validate({"states": 1, **given})
    assert [schedule.ratio_of(kind) for kind in RATIO_KEYS] == list(given.values())
    assert [1 - schedule.kept_fraction(kind, 1) for kind in RATIO_KEYS] == pytest.approx(list(given.values()))
    assert all(ScheduleConfig().ratio_of(kind) == 0.5 for kind in KINDS)


def test_another_way_to_write_a_target_is_no_change_of_a_trial() -> None:
    def change(before: Any, now: Any) -> list[str]:
        return changed_keys({"trial": {"prune": {"target": before}}}, {"trial": {"prune": {"target": now}}})

    assert change("both", ["neuron", "head"]) == change(("embed", "head"), ["head", "embed"]) == []
    assert change("both", ["head", "embed"]) == ["trial.prune.target was 'both', is now ['head', 'embed']"]
    searched = {"space": {"prune.target": {"choice": ["mlp", ["neuron", "head"]]}}}
    other_way = {"space": {"prune.target": {"choice": [["neuron"], "both"]}}}
    assert changed_keys(searched, other_way) == []
    assert len(changed_keys(searched, {"space": {"prune.target": {"choice": ["mlp", "head"]}}})) == 1
    assert in_one_form([{"choice": ["both"]}]) == [{"choice": ["both"]}]


@pytest.mark.parametrize("kind", ACROSS)
@pytest.mark.parametrize(
    ("prune", "message"),
    [
        ({"widths": "imp"}, "widths: imp counts .* say widths: budget, or take {kind} out of target"),
        ({"method": "imp"}, "method: imp masks single weights .* take {kind} out of target, or choose another method"),
        ({"criterion": "remain"}, "criterion: remain cannot score {kind}; choose one that can"),
    ],
)
def test_what_goes_by_masks_does_not_go_across(kind: Kind, prune: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message.format(kind=kind)):
        target_of(target=["neuron", kind], **prune)
    assert target_of(target=["neuron"], **prune) == ("neuron",)


@pytest.mark.parametrize("name", FROM_INPUTS)
def test_what_goes_by_inputs_goes_for_all_that_a_layer_reads(name: str) -> None:
    assert target_of(target=["neuron", "embed"], criterion=name) == ("neuron", "embed")
    for kind in UNREAD:
        with pytest.raises(ValidationError, match=f"criterion: {name} cannot score {kind}"):
            target_of(target=["neuron", kind], criterion=name)


def test_branches_and_interaction_heads_have_tensors_of_their_own() -> None:
    assert target_of(target=["embed", "qk"], criterion="fpgm") == ("embed", "qk")
    for kind in ("branch", "interaction"):
        with pytest.raises(ValidationError, match=f"criterion: fpgm cannot score {kind}"):
            target_of(target=[kind], criterion="fpgm")


def test_criteria_that_a_mistake_names_can_score_all_of_the_target() -> None:
    with pytest.raises(ValidationError) as caught:
        target_of(target=["head", "qk"], criterion="wanda")
    offered = str(caught.value).partition("choose one that can (")[2].partition(")")[0].split(", ")
    assert set(offered) == set(CRITERIA) - {*FROM_INPUTS, "remain"}
    assert all(target_of(target=["head", "qk"], criterion=name) for name in offered)
    assert all(set(BASIC) <= set(one.judges) for one in CRITERIA.values())


@pytest.mark.parametrize("method", ["dense", "scratch"])
def test_what_a_method_does_not_use_does_not_clash(method: str) -> None:
    for prune in ({"widths": "imp"}, {"criterion": "wanda"}, {"compensate": "mean"}):
        assert kinds_of(target_of(target="qk", method=method, **prune)) == ("qk",)
    assert target_of(target="qk", method="random", criterion="wanda") == "qk"


def test_a_repair_needs_a_kind_that_some_layer_reads() -> None:
    for target in ("qk", "branch", ["branch", "qk"]):
        with pytest.raises(
            ValidationError, match=r"compensate: mean sets the layers that read .* say compensate: none"
        ):
            target_of(target=target, compensate="mean")
    assert target_of(target=["head", "qk"], compensate="mean")
    assert target_of(target="embed", compensate="mean") == "embed"


def test_a_whole_trial_with_a_list_is_hashed_and_copied() -> None:
    config = small_config(prune={"target": ["neuron", "head"]})
    assert TrialConfig.model_validate_json(config.model_dump_json()) == config
    assert hash(config.prune.target) == hash(("neuron", "head"))


def test_what_a_repair_does_nothing_for_is_told() -> None:
    def lines(target: Any, compensate: str, method: str = "refill") -> tuple[str, ...]:
        config = small_config(prune={"target": target, "compensate": compensate, "method": method})
        return unheeded(config, get_method(method))

    (told,) = lines(["head", "branch", "qk"], "least_squares")
    assert told == "prune.compensate: without effect on query-key dimensions and branches, which no layer reads"
    assert lines(["head", "qk"], "none") == lines(["head", "embed"], "mean") == lines("qk", "mean", "dense") == ()


def test_a_list_prunes_what_its_word_does_and_kinds_that_no_word_joins() -> None:
    def network(arch: str, target: Target) -> Network:
        spec = resolve_spec(arch, 10, 32, 3)
        return Network.dense(spec, build(spec).state_dict(), PruneConfig(target=target), torch.device("cpu"))

    word, listed = (network("vit_micro", target) for target in ("both", ("neuron", "head")))
    assert (word.kinds, word.reach, word.original_prunable) == (listed.kinds, listed.reach, listed.original_prunable)
    whole = network("timm:mobilevit_xxs", ("channel", "neuron", "head"))
    assert whole.kinds == ("head", "neuron", "channel")
    assert whole.original_prunable == sum(whole.reach.prunable.values()) == whole.reach.prunable_parameters
    with pytest.raises(UserError, match=r"head \+ channel needs channels, but vit_micro has none"):
        network("vit_micro", ("head", "channel"))
