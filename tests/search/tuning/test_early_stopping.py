"""Early stopping: pure, per arm, at equal removal, controls exempt, partners together."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.support.simulation import Simulation, make_study
from search.run.trials import RecordedTrial
from search.run.views import trial_view
from search.study.searching.scheduler import SchedulerConfig
from search.tuning.early_stopping import stop_reason
from search.tuning.stopping.halving import crossed_rung, default_rungs, rungs_of, survives_halving
from search.tuning.stopping.median import survives_median
from trainables.files.record import Identity, StateEnd, TrialRecord

ASHA = SchedulerConfig(kind="asha")
accuracies = st.lists(st.floats(0, 1), min_size=1, max_size=40)


def states_of(*points: tuple[float, float]) -> list[StateEnd]:
    """(removed percent, validation accuracy) of each state in turn."""
    return [
        StateEnd(
            state=number, epochs=number + 1, val_accuracy=accuracy, val_loss=1.0, test_accuracy=0.5, test_loss=1.0,
            params=100, macs=100, removed_percent=removed, kept={}, training_macs=1.0, seconds=1.0,
        )
        for number, (removed, accuracy) in enumerate(points)
    ]  # fmt: skip


def a_trial(
    name: str, number: int, *points: tuple[float, float], arm: str = "rsst", status: str = "running"
) -> RecordedTrial:
    record = TrialRecord(Path("nowhere"), {}, [], states_of(*points), None)
    identity, config = Identity(name, arm, "search", number), {"prune": {"method": arm}}
    return RecordedTrial(identity, config, folder=Path("nowhere"), status=status, record=record)


def test_default_rungs_are_spaced_by_the_reduction_factor() -> None:
    assert default_rungs(3) == pytest.approx((100 / 9, 100 / 3))
    assert default_rungs(2) == pytest.approx((12.5, 25, 50))


def test_hyperbands_brackets_begin_one_rung_later_each_and_are_never_empty() -> None:
    config = SchedulerConfig(kind="hyperband", rungs=(10, 30), brackets=3)
    assert [rungs_of(config, number) for number in range(4)] == [(10, 30), (30,), (10, 30), (30,)]


def test_values_are_interpolated_between_state_ends() -> None:
    view = trial_view(a_trial("t", 0, (0, 0.9), (20, 0.8), (60, 0.4)))
    assert view.val_accuracy_at(10) == pytest.approx(0.85)
    assert view.val_accuracy_at(40) == pytest.approx(0.6)
    assert view.val_accuracy_at(61) is None


def test_a_rung_is_crossed_once_and_those_within_the_grace_at_its_end() -> None:
    states = trial_view(a_trial("t", 0, (0, 0.9), (20, 0.8), (30, 0.7), (60, 0.4))).states
    rungs = (15.0, 25.0, 50.0)
    assert [crossed_rung(states[:count], rungs, 1) for count in (1, 2, 3, 4)] == [None, 15, 25, 50]
    assert [crossed_rung(states[:count], rungs, 2) for count in (2, 3, 4)] == [None, 25, 50]


@given(accuracies, st.sampled_from([2.0, 3.0, 4.0]))
def test_halving_keeps_at_least_its_share_and_always_the_best(values: list[float], factor: float) -> None:
    config = SchedulerConfig(kind="asha", reduction_factor=factor, min_trials=1)
    kept = [value for value in values if survives_halving(value, values, config)]
    assert len(kept) >= len(values) / factor
    assert max(values) in kept
    assert min(kept) >= max([value for value in values if value not in kept], default=-1)
    if len(set(values)) == len(values):
        assert len(kept) < len(values) / factor + 1


@given(accuracies)
def test_the_median_rule_keeps_the_upper_half(values: list[float]) -> None:
    config = SchedulerConfig(kind="median", min_trials=2)
    survivors = [
        survives_median(value, values[:place] + values[place + 1 :], config) for place, value in enumerate(values)
    ]
    assert survivors[values.index(max(values))]
    assert sum(survivors) >= len(values) // 2


def test_nobody_is_stopped_before_enough_trials_have_been_there() -> None:
    assert survives_halving(0.1, [0.1, 0.9], ASHA)
    assert not survives_halving(0.1, [0.1, 0.9, 0.8], ASHA)


def test_trials_of_different_schedules_are_compared_at_equal_removal(tmp_path: Path) -> None:
    """A trial that has removed little looks better than it is when states are compared instead."""
    study = make_study(tmp_path, scheduler={"kind": "asha", "rungs": [20], "min_trials": 2, "reduction_factor": 2})
    slow = a_trial("slow", 0, (0, 0.9), (10, 0.86), (20, 0.80))
    fast = a_trial("fast", 1, (0, 0.9), (40, 0.82))
    assert stop_reason(study, [slow, fast], fast) is None
    assert stop_reason(study, [fast, slow], slow) is not None


def test_arms_are_judged_apart_and_controls_never(tmp_path: Path) -> None:
    arms = {
        "rsst": {"prune.method": "rsst"},
        "refill": {"prune.method": "refill"},
        "random": {"prune.method": "random"},
    }
    study = make_study(
        tmp_path, arms=arms, scheduler={"kind": "asha", "rungs": [20], "min_trials": 2, "reduction_factor": 2}
    )
    strong = [a_trial(f"s{number}", number, (0, 0.9), (20, 0.9), arm="refill") for number in range(4)]
    weak = a_trial("weak", 0, (0, 0.5), (20, 0.1))
    control = a_trial("control", 0, (0, 0.5), (20, 0.1), arm="random")
    rival = a_trial("rival", 1, (0, 0.5), (20, 0.9), arm="random")
    assert stop_reason(study, [*strong, weak], weak) is None
    assert stop_reason(study, [*strong, control, rival], control) is None


def test_confirming_trials_are_never_stopped_nor_compared(tmp_path: Path) -> None:
    study = make_study(tmp_path, scheduler={"kind": "asha", "rungs": [20], "min_trials": 2, "reduction_factor": 2})
    good, bad = a_trial("good", 0, (0, 0.9), (20, 0.9)), a_trial("bad", 1, (0, 0.9), (20, 0.1))
    assert stop_reason(study, [good, bad], bad) is not None
    confirming = replace(bad, identity=replace(bad.identity, phase="confirm"))
    assert stop_reason(study, [good, confirming], confirming) is None
    assert stop_reason(study, [confirming, bad], bad) is None


def test_partners_stop_together_or_not_at_all(tmp_path: Path) -> None:
    study = make_study(
        tmp_path,
        search={"algorithm": "random", "trials_per_arm": 3, "seeds": [1, 2]},
        scheduler={"kind": "asha", "rungs": [20], "min_trials": 3, "reduction_factor": 2},
    )
    rivals = [a_trial(f"r{number}", number, (0, 0.9), (20, 0.9)) for number in (1, 2)]
    poor, partner_away = a_trial("a", 0, (0, 0.9), (20, 0.1)), a_trial("b", 0, (0, 0.9))
    assert stop_reason(study, [*rivals, poor, partner_away], poor) is None
    good_partner = a_trial("b", 0, (0, 0.9), (20, 0.95))
    assert stop_reason(study, [*rivals, poor, good_partner], poor) is None
    poor_partner = a_trial("b", 0, (0, 0.9), (20, 0.2))
    later = a_trial("a", 0, (0, 0.9), (20, 0.1), (40, 0.1))
    assert stop_reason(study, [*rivals, later, poor_partner], later) is not None
    assert stop_reason(study, [*rivals, later, poor_partner], poor_partner) is not None


@pytest.mark.parametrize("kind", ["asha", "hyperband", "median", "none"])
def test_a_resumed_study_stops_the_same_trials(tmp_path: Path, kind: str) -> None:
    search = {"algorithm": "random", "trials_per_arm": 9}
    study = make_study(tmp_path, search=search, scheduler={"kind": kind})
    whole = Simulation(study, tmp_path / "whole", workers=1).go()
    broken = Simulation(study, tmp_path / "broken", workers=1)
    for _ in range(40):
        broken.go(2)
        broken.relaunch()
    broken.go()
    assert broken.statuses() == whole.statuses()
    stopped = sum(status == "stopped" for status in whole.statuses().values())
    assert (stopped == 0) == (kind == "none")


@pytest.mark.parametrize("kind", ["asha", "hyperband", "median"])
def test_a_rule_that_sees_parallel_curves_never_stops_the_winner(tmp_path: Path, kind: str) -> None:
    study = make_study(tmp_path, search={"algorithm": "random", "trials_per_arm": 12}, scheduler={"kind": kind})
    free = Simulation(replace(study, scheduler=SchedulerConfig(kind="none")), tmp_path / "free").go()
    ruled = Simulation(study, tmp_path / "ruled").go()
    for arm in study.arms:
        of_arm = [trial for trial in free.store if trial.identity.arm == arm]
        winner = max(of_arm, key=lambda trial: trial.val_accuracy or 0)
        assert ruled.statuses()[winner.id] == "finished"


def test_a_kill_between_the_last_line_and_the_decision_changes_nothing(tmp_path: Path) -> None:
    """The driver died after a trial wrote its state and before it was stopped: the next driver stops it first thing."""
    study = make_study(tmp_path, search={"algorithm": "random", "trials_per_arm": 9}, scheduler={"kind": "asha"})
    whole = Simulation(study, tmp_path / "runs", workers=1).go()
    stopped = [trial for trial in whole.store if trial.status == "stopped"]
    last = max(stopped, key=lambda trial: (trial.identity.number, trial.identity.arm))
    file = last.folder / "record.jsonl"
    file.write_bytes(b"".join(line for line in file.read_bytes().splitlines(True) if b'"kind":"end"' not in line))
    whole.order.clear()
    whole.relaunch()
    whole.go()
    assert whole.order == []
    assert whole.statuses()[last.id] == "stopped"
