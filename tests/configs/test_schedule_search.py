"""The study that searches the schedule: every one of its schedules costs the same epochs and ends at the same size."""

from __future__ import annotations

from search.study.load import load_study
from tests.configs.files import CONFIGS


def test_schedules_that_are_searched_cost_the_same_epochs_and_end_at_the_same_macs() -> None:
    study = load_study(CONFIGS / "schedule_search.yaml")
    seen = set()
    for arm in ("refill", "rsst"):
        for values in study.space.grid_points(arm):
            config = study.arm(arm).config(values)
            epochs, schedule = config.epochs_of_states(), config.prune.schedule
            assert (sum(epochs), epochs[0], schedule.macs_target) == (24, 8, 0.2)
            seen.add((schedule, epochs))
    assert len(seen) > 100, "the space is of schedules, not of one schedule under many names"
