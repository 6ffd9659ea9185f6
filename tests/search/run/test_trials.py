"""Which of a run's trials compete for the best place."""

from __future__ import annotations

from pathlib import Path

from search.run.best import competing
from search.run.trials import RecordedTrial
from trainables.files.record import Identity


def a_trial(identity: Identity) -> RecordedTrial:
    return RecordedTrial(identity, {}, folder=Path("nowhere"), status="finished", record=None)


def test_a_single_trial_competes_only_where_nothing_was_searched() -> None:
    single = [a_trial(Identity("rsst", "rsst", "trial")), a_trial(Identity("refill", "refill", "trial"))]
    searched = a_trial(Identity("rsst-000", "rsst", "search"))
    confirming = a_trial(Identity("rsst-confirm-s1", "rsst", "confirm", 0, 1))
    assert [one.id for one in competing([*single, searched, confirming])] == ["refill", "rsst-000"]
    assert [one.id for one in competing([*single, confirming])] == ["rsst", "refill"]
