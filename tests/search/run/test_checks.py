"""What is found wrong with a study before it runs, beyond the file itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.errors import UserError, WeightsRefused
from search.run.preflight import check_request, check_study
from search.study.compared.arms import arm_warnings
from search.study.load import load_study
from search.study.objective_rules import check_objective, objective_warnings
from search.study.study import Study
from tests.search.small_study import small_study


@pytest.fixture
def path(tmp_path: Path) -> Path:
    trial = {
        "data": {"train_limit": None},
        "train": {"device": "auto", "epochs_per_state": 2},
        "prune": {"schedule": {"states": 2}},
    }
    search = {"confirm": {"seeds": list(range(11, 19))}}
    return small_study(tmp_path, trial=trial, space={"train.lr": {"log_uniform": [3e-4, 3e-3]}}, search=search)


def study_of(path: Path, *sets: str) -> Study:
    return load_study(path, sets)


def test_a_sound_study_passes_without_warnings(path: Path) -> None:
    checked = check_study(study_of(path))
    assert set(checked.starting_points) == {"refill", "rsst"}
    assert checked.warnings == ()


@pytest.mark.parametrize(
    ("option", "told"),
    [
        ("trial.model.arch=vit_mcro", "trial.model.arch: unknown architecture 'vit_mcro'"),
        ("trial.model.arch=timm:vit_tny_patch16_224", "vit_tiny_patch16_224"),
        ("space.model.arch={choice: [vit_micro, vit_mcro]}", "space.model.arch: unknown architecture 'vit_mcro'"),
        (
            "trial.prune.target=channel",
            "trial.prune.target: channel needs channels, but vit_micro has none that can be cut",
        ),
        ("trial.data={name: image_folder, root: /nowhere}", "trial.data.root: "),
    ],
)
def test_what_cannot_run_is_found_with_its_place(path: Path, option: str, told: str) -> None:
    with pytest.raises(UserError) as caught:
        check_request(study_of(path, option))
    assert str(caught.value).startswith(f"--set {option}: ")
    assert told in str(caught.value)


def test_weights_that_are_no_weights_are_refused(path: Path, tmp_path: Path) -> None:
    (tmp_path / "false.safetensors").write_bytes(b"not weights at all")
    study = study_of(path, f"trial.model.init={{source: path, path: {tmp_path}/false.safetensors}}")
    with pytest.raises(WeightsRefused) as caught:
        check_study(study)
    assert caught.value.exit_status == 1


@pytest.mark.parametrize(
    "space",
    [
        "prune.schedule.head_ratio={uniform: [0.1, 0.9]}",
        "prune.schedule={choice: [{kind: linear, neuron_ratio: 0.3}, {kind: cubic, neuron_ratio: 0.8}]}",
        "prune.target={choice: [head, both]}",
        "prune.target={choice: [both, [neuron, head, embed]]}",
    ],
)
class TestSearchOverRatios:
    def test_plain_accuracy_is_refused(self, path: Path, space: str) -> None:
        with pytest.raises(UserError, match="would only choose the least pruning"):
            check_objective(study_of(path, f"space.{space}"))

    @pytest.mark.parametrize(
        "remedy",
        [
            "search.constraints=macs <= 0.3",
            "search.objective={metric: val_accuracy, at: 40}",
            "search.objective={val_accuracy: max, macs: min}",
            "trial.prune.schedule.macs_target=0.4",
        ],
    )
    def test_a_remedy_is_accepted(self, path: Path, space: str, remedy: str) -> None:
        check_objective(study_of(path, f"space.{space}", remedy))


def test_a_choice_of_schedules_to_the_same_end_is_no_search_over_ratios(path: Path) -> None:
    check_objective(study_of(path, "space.prune.schedule={choice: [{kind: linear}, {kind: cubic}]}"))


def test_a_choice_of_ways_to_write_one_target_is_no_search_over_ratios(path: Path) -> None:
    check_objective(study_of(path, "space.prune.target={choice: [both, [neuron, head]]}"))


def test_latency_is_searched_by_only_where_it_is_measured(path: Path) -> None:
    objective = "search.objective={val_accuracy: max, latency_ms: min}"
    with pytest.raises(UserError, match=r"does not measure it; set trial\.measure\.latency"):
        check_objective(study_of(path, objective))
    check_objective(study_of(path, objective, "trial.measure.latency=true"))


@pytest.mark.parametrize(
    ("sets", "told"),
    [
        (["search.confirm={seeds: [1, 2, 3]}"], "3 seeds cannot settle a difference at alpha 0.05"),
        (["search.confirm={seeds: [0, 1, 2, 3, 4, 5]}"], "[0] were searched with"),
        (
            ["search.algorithm=gp", "space.train.optimizer={choice: [adamw, sgd]}",
             "space.train.momentum={uniform: [0.5, 0.9], when: {train.optimizer: sgd}}"],
            "gp cannot model conditional keys",
        ),
        (
            ["space.prune.schedule.head_ratio={uniform: [0.2, 0.8]}", "search.objective={val_accuracy: max, macs: min}"],
            "of the front the point with the best val_accuracy is confirmed and exported",
        ),
        (
            ["space.prune.schedule.head_ratio={uniform: [0.2, 0.8]}", "search.objective={val_accuracy: max, macs: min}",
             "search.choose=macs"],
            "that of the most pruning; give a constraint, such as search.constraints: 'val_accuracy >= 0.9'",
        ),
    ],
)  # fmt: skip
def test_what_cannot_show_what_is_hoped_for_is_warned_of(path: Path, sets: list[str], told: str) -> None:
    warnings = objective_warnings(study_of(path, *sets))
    assert any(told in warning for warning in warnings)


@pytest.mark.parametrize(
    ("arms", "told"),
    [
        (
            "{a: {prune.method: rsst}, b: {prune.method: rsst}}",
            ["arms: a and b ask for the same trials, which is an A/A"],
        ),
        ("{refill: {prune.method: refill}, two: {train.lr: 0.002}}", ["arms.two: has no method of its own"]),
        ("{refill: {}, rsst: }", ["arms: refill and rsst ask for", "arms.refill: has no method", "arms.rsst: has no"]),
        ("{rsst: {prune.method: random}, dense: {prune.method: dense}}", ["arms.rsst: runs random, although its name"]),
        ("{a: {prune.method: rsst}, b: {prune.method: rsst, prune.rsst.shrink: 0.2}}", []),
        ("{only: {}}", []),
    ],
)
def test_odd_arms_are_named(arms: str, told: list[str], path: Path) -> None:
    warnings = arm_warnings(study_of(path, f"arms={arms}", "space=null"))
    assert [warning[: len(start)] for warning, start in zip(warnings, told, strict=True)] == told


def test_arms_that_search_other_things_are_not_the_same(path: Path) -> None:
    arms = "arms={a: {prune.method: rsst}, b: {prune.method: rsst}}"
    of_one = "space.prune.rsst.shrink={uniform: [0.1, 0.2], arms: [a]}"
    assert len(arm_warnings(study_of(path, arms))) == 1
    assert arm_warnings(study_of(path, arms, of_one)) == []


@pytest.mark.parametrize(
    ("own", "unlike"),
    [
        ("prune.method: refill, prune.rsst.shrink: 0.01", "prune.rsst.shrink"),
        ("prune.method: refill, prune.scratch.match: macs, data.workers: 0", "data.workers, prune.scratch.match"),
        ("prune.method: refill, train.epochs_state0: 1", None),
        ("prune.method: rsst, prune.rsst.shrink: 0.01", None),
        ("prune.method: refill, prune.criterion: l2", None),
        ("prune.method: refill, seed: 1", None),
    ],
)
def test_arms_that_differ_only_in_what_acts_in_neither_are_the_same(own: str, unlike: str | None, path: Path) -> None:
    warnings = arm_warnings(study_of(path, f"arms={{a: {{prune.method: refill}}, b: {{{own}}}}}", "space=null"))
    told = [line for line in warnings if "the same trials" in line]
    assert [f"A/A study (they differ in {unlike}, without effect there): any" in line for line in told] == [
        True
    ] * bool(unlike)


def test_a_searched_key_that_acts_in_neither_makes_no_difference(path: Path) -> None:
    arms = "arms={a: {prune.method: refill}, b: {prune.method: refill}}"
    inert = "space.prune.rsst.shrink={uniform: [0.1, 0.2], arms: [b]}"
    (warning,) = arm_warnings(study_of(path, arms, inert))
    assert "a and b ask for the same trials, which is an A/A study (they differ in prune.rsst.shrink, " in warning
    acting = "space.prune.schedule.neuron_ratio={uniform: [0.1, 0.2], arms: [b]}"
    assert arm_warnings(study_of(path, arms, acting)) == []


def test_a_searched_key_that_acts_only_beside_another_makes_a_difference(path: Path) -> None:
    arms = "arms={a: {prune.method: refill}, b: {prune.method: refill}}"
    widths = "space.prune.widths={choice: [budget, imp]}"
    fillback = "space.prune.fillback_rate={uniform: [0.1, 0.5], arms: [b]}"
    assert arm_warnings(study_of(path, arms, fillback, widths)) == []
    (warning,) = arm_warnings(study_of(path, arms, fillback))
    assert "they differ in prune.fillback_rate, without effect there" in warning


def test_the_methods_may_stand_in_the_trial(path: Path) -> None:
    arms = "arms={fast: {train.optimizer: sgd}, slow: {train.optimizer: adamw}}"
    assert arm_warnings(study_of(path, arms, "trial.prune.method=rsst")) == []
