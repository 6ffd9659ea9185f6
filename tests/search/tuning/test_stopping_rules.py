"""The simulator of early stopping: a rule that reads the curves must beat the same rule reading nothing."""

from __future__ import annotations

from pathlib import Path
from statistics import fmean

import numpy as np
import pytest

from benchmarks.stopping_rules import RULES, curves, measure, recorded, replay, rule_study
from benchmarks.support.simulation import Simulation, make_study


@pytest.mark.parametrize("kind", RULES)
def test_a_rule_stops_the_winner_less_often_than_chance_and_saves_training(tmp_path: Path, kind: str) -> None:
    study = rule_study(tmp_path, kind)
    judged = measure(study, lambda chance: curves("steady", 12, chance), 12, 3, blind=False)
    blind = measure(study, lambda chance: curves("steady", 12, chance), 12, 3, blind=True)
    assert sum(one.stopped_winner for one in judged) < sum(one.stopped_winner for one in blind)
    assert fmean(one.lost for one in judged) < fmean(one.lost for one in blind)
    assert fmean(one.saved for one in judged) > 0.1


def test_without_a_rule_nothing_is_stopped_lost_or_saved(tmp_path: Path) -> None:
    table = curves("crossing", 9, np.random.default_rng(1))
    outcome = replay(rule_study(tmp_path, "none"), table, table, 2)
    assert (outcome.stopped_winner, outcome.lost, outcome.saved) == (False, 0.0, 0.0)


def test_a_recorded_run_is_replayed_without_training(tmp_path: Path) -> None:
    study = make_study(tmp_path, search={"algorithm": "random", "trials_per_arm": 9})
    run = Simulation(study, tmp_path / "runs").go().run
    tables = recorded(run.path)
    assert {arm: len(table) for arm, table in tables.items()} == {"refill": 9, "rsst": 9}
    outcome = replay(rule_study(tmp_path, "asha"), tables["rsst"], tables["rsst"], 2)
    assert not outcome.stopped_winner
    assert outcome.saved > 0
