"""A penalty that cannot act is warned of before the trial, and one that did not act after the removal that shows it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from pruning.catalogue import Coupling
from pruning.methods import Drop, Method, MethodTraits, RsstConfig, StatePlan, get_method
from tests.trainables.small_trials import open_trial, run, small_config
from trainables.files.record import TrialRecord, read_record
from trainables.states.penalty_effect import Doubt, penalty_doubts, removal_warnings, strength_settings

SGD = {"train": {"optimizer": "sgd", "momentum": 0.9}}


def doubts(steps: int = 30, epochs: tuple[int, ...] = (1, 1), train: Any = None, **rsst: Any) -> tuple[Doubt, ...]:
    config = small_config(train={"lr": 1e-3, **(train or {})}, prune={"method": "rsst", "rsst": rsst})
    return penalty_doubts(config, get_method("rsst"), epochs, steps)


def test_the_void_comparison_is_warned_of_with_figure_and_remedy() -> None:
    """AdamW at 1e-3, 30 steps, lambda_max 1: the dropped weights stayed, and their removal cost half of the accuracy."""
    (doubt,) = doubts(lambda_max=1)
    assert doubt.line().startswith(
        "the penalty hardly acts: it alone leaves 0.99 of the dropped weights by their removal, "
    )
    assert "set prune.rsst.shrink: 0.001 in place of prune.rsst.lambda_max: 1" in doubt.text
    named = float(doubt.text.split("lambda_max: ")[2].rstrip(")"))
    assert doubts(lambda_max=named) == (), "the remedy is one"


class Fading(Method):
    """A method of a user's own, which reads none of RSST's settings."""

    def plan(self, drop: Drop, learning_rates: Sequence[float], settings: RsstConfig) -> StatePlan:
        steps = len(learning_rates)
        coupling: Coupling = "gradient" if "gradient" in self.traits.name else "decoupled"
        return StatePlan(shrink=dict(drop), strengths=(0.1,) * steps, coupling=coupling, remove_after_step=steps - 1)


@pytest.mark.parametrize("coupling", ["decoupled", "gradient"])
def test_a_method_that_reads_no_setting_of_rssts_is_told_of_none(coupling: Coupling) -> None:
    config, method = small_config(prune={"method": "rsst"}), Fading(MethodTraits(f"fading {coupling}", shrinks=True))
    (doubt,) = penalty_doubts(config, method, (1, 1), 30)
    assert doubt.subject == "the penalty hardly acts"
    assert "in the method" in doubt.text or "plan the coupling decoupled" in doubt.text
    assert strength_settings(config, method) is None
    (told,) = removal_warnings({"val_accuracy_before": 0.9, "val_accuracy_after": 0.5}, None)
    assert "rsst" not in doubt.line() + told


@pytest.mark.parametrize(("rsst", "expected"), [({}, 0), ({"shrink": 0.3}, 0), ({"shrink": 0.3, "hold": 0}, 0),
                                                ({"shrink": 0.31, "hold": 0}, 1), ({"shrink": 0.5}, 1)])  # fmt: skip
def test_above_three_tenths_the_share_left_is_warned_of(rsst: dict[str, float], expected: int) -> None:
    assert len(doubts(**rsst)) == expected


def test_the_shortest_state_decides() -> None:
    settings = {"lambda_max": 40, "curve": "x"}
    assert doubts(epochs=(1, 20, 20), **settings) == ()
    (doubt,) = doubts(epochs=(1, 1, 20), **settings)
    assert "over 18 steps" in doubt.text


def test_an_adaptive_optimiser_takes_the_strength_away_from_a_gradient() -> None:
    (doubt,) = doubts(coupling="gradient", lambda_max=100)
    assert doubt.line().startswith("prune.rsst.coupling: gradient goes through adamw, ")
    assert "use coupling: decoupled with prune.rsst.shrink" in doubt.text


def test_with_sgd_the_share_left_is_that_of_its_momentum() -> None:
    assert doubts(train=SGD["train"], coupling="gradient", lambda_max=100) == ()
    without = {**SGD["train"], "momentum": 0}
    (doubt,) = doubts(train=without, coupling="gradient", lambda_max=100)
    assert 0.3 < doubt.figure < 1
    assert "raise prune.rsst.lambda_max" in doubt.text


def test_a_gradient_that_overshoots_is_no_shrinking() -> None:
    (doubt,) = doubts(train={**SGD["train"], "lr": 1.0}, coupling="gradient", lambda_max=1e30, steps=3000)
    assert doubt.subject == "the penalty overshoots"
    assert doubt.figure == math.inf
    assert "lower prune.rsst.lambda_max" in doubt.text


def test_other_methods_have_no_penalty() -> None:
    config = small_config(prune={"method": "refill", "rsst": {"lambda_max": 1e-6}})
    assert penalty_doubts(config, get_method("refill"), (1, 1), 30) == ()


def record_of(folder: Path, **rsst: float) -> TrialRecord:
    """A trial that loses most of its units at once, after learning a little."""
    schedule = {"states": 1, "head_ratio": 0.7, "neuron_ratio": 0.9}
    train = {"epochs_per_state": 1, "epochs_state0": 5, "lr": 3e-3}
    prune = {"method": "rsst", "schedule": schedule, "rsst": rsst}
    run(open_trial(folder, data={"train_limit": 320}, train=train, prune=prune))
    record = read_record(folder)
    assert record is not None
    return record


def test_a_weak_penalty_is_in_the_record_before_and_after(tmp_path: Path) -> None:
    record = record_of(tmp_path, lambda_max=0.1)
    assert [line.split(":")[0] for line in record.header["warnings"]] == ["the penalty hardly acts"]
    removal = record.states[1].removal
    assert removal is not None
    lost = 100 * (removal["val_accuracy_before"] - removal["val_accuracy_after"])
    assert lost > 1, "or the trial shows nothing"
    (told,) = record.states[1].warnings
    assert told.startswith(f"the penalty did not act: the removal cost {lost:.1f} points of validation accuracy (")


@pytest.mark.slow
def test_a_strong_penalty_leaves_nothing_to_say(tmp_path: Path) -> None:
    record = record_of(tmp_path, shrink=1e-3)
    assert record.header["warnings"] == record.states[1].warnings == []


def test_a_removal_may_cost_a_point() -> None:
    settings = small_config().prune.rsst
    assert removal_warnings({"val_accuracy_before": 0.93, "val_accuracy_after": 0.92}, settings) == ()
    assert removal_warnings({"val_accuracy_before": 0.93, "val_accuracy_after": 0.9199}, settings) != ()
    assert removal_warnings(None, settings) == ()


def test_where_the_stream_was_narrowed_after_shrinking_the_norms_are_to_blame_and_a_repair_is_counted() -> None:
    settings = small_config().prune.rsst
    cost = {"val_accuracy_before": 0.93, "val_accuracy_after": 0.89, "magnitude_ratio": 400.0}
    (told,) = removal_warnings(cost, settings, gone={"embed"})
    assert "compensate" in told
    assert "did not act" not in told
    assert "did not act" in removal_warnings(cost | {"magnitude_ratio": 2.0}, settings, gone={"embed"})[0]
    assert "did not act" in removal_warnings(cost, settings)[0]
    assert removal_warnings(cost | {"val_accuracy_repaired": 0.93}, settings, gone={"embed"}) == ()
    assert "with the heads go features" in removal_warnings(cost, settings, gone={"channel", "interaction"})[0]
