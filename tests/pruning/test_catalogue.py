"""What is known of the methods without torch, and the defaults of RSST's settings."""

from __future__ import annotations

import math
from typing import Annotated, Literal

import pytest
import torch
from pydantic import TypeAdapter, ValidationError

from models.section import OneOf
from pruning.catalogue import (
    CRITERIA,
    METHODS,
    CriterionTraits,
    MethodTraits,
    RsstConfig,
    register_criterion,
    register_method,
    traits_of,
)
from pruning.importance import score
from pruning.importance.base import Evidence, Scores
from pruning.methods import get_method
from tests.fresh_process import loaded
from tests.pruning.nets import token_net
from trainables.config.prune import PruneConfig


def names_where(trait: str) -> set[str]:
    return {name for name, traits in METHODS.items() if getattr(traits, trait)}


def test_controls_and_what_becomes_of_their_networks() -> None:
    assert names_where("is_control") == {"dense", "random", "one_shot", "scratch", "imp"}
    assert names_where("makes_smaller") == {"refill", "rsst", "random", "one_shot"}
    assert names_where("ends_small") == {"refill", "rsst", "random", "one_shot", "scratch"}
    assert names_where("needs_units") == set(METHODS) - {"dense"}
    assert names_where("masks") == {"imp"}
    assert names_where("from_scratch") == {"scratch"}


def test_controls_say_what_they_change() -> None:
    assert {name: traits.criterion for name, traits in METHODS.items() if traits.criterion} == {"random": "random"}
    assert {name: traits.schedule for name, traits in METHODS.items() if traits.schedule} == {"one_shot": "one_shot"}


def test_a_name_that_is_taken_is_refused() -> None:
    with pytest.raises(ValueError, match="'refill' already"):
        register_method(MethodTraits("refill", is_control=True))
    with pytest.raises(ValueError, match="'l2' already"):
        register_criterion(CriterionTraits("l2", "of:mine"))
    assert not METHODS["refill"].is_control


def later_first(evidence: Evidence) -> Scores:
    return {group.name: torch.arange(group.count, dtype=torch.float64) for group in evidence.groups}


def test_a_criterion_added_by_one_line_can_be_named_and_scores() -> None:
    with pytest.raises(ValidationError, match="'random'"):
        PruneConfig(criterion="later_first")
    register_criterion(CriterionTraits("later_first", f"{__name__}:later_first"))
    try:
        assert PruneConfig(criterion="later_first").criterion == "later_first"
        found = score("later_first", *token_net())
        assert all(scores.tolist() == list(range(len(scores))) for scores in found.values())
    finally:
        del CRITERIA.built_in["later_first"]


@pytest.mark.parametrize("name", [None, "of_another_installation"])
def test_an_unknown_or_searched_method_counts_as_one_that_removes_units(name: str | None) -> None:
    assert name not in METHODS
    assert traits_of(name) == MethodTraits(name or "")
    assert traits_of(name).makes_smaller
    assert not traits_of(name).is_control


def test_methods_are_known_without_torch() -> None:
    assert loaded("import trainables.config.prune", "torch") == []


@pytest.mark.parametrize("given", ["refil", "", 3, None, True, ["refill"], {"refill": 1}])
def test_a_wrong_name_is_refused_in_the_words_of_a_literal(given: object) -> None:
    errors = []
    for annotation in (Annotated[str, OneOf(METHODS)], Literal[tuple(METHODS)]):
        with pytest.raises(ValidationError) as caught:
            TypeAdapter(annotation).validate_python(given)
        errors.append(caught.value.errors(include_url=False))
    assert errors[0] == errors[1]


def test_a_trial_without_rsst_settings_has_the_defaults_that_the_method_has() -> None:
    settings, rates = PruneConfig().rsst, [0.1] * 20
    assert settings == RsstConfig()
    plan = get_method("rsst").plan({"blocks.0.mlp": (1,)}, rates, settings)
    assert math.prod(1 - 0.1 * strength for strength in plan.strengths[:10]) == pytest.approx(1e-3, rel=1e-9)
    steps = [later - earlier for earlier, later in zip(plan.strengths, plan.strengths[1:10], strict=False)]
    assert steps == pytest.approx([plan.strengths[0]] * 9)  # the curve x
    assert plan.remove_after_step == 12
    assert plan.coupling == "decoupled"
