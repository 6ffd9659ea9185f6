"""Which of a run's trials compete for the best place."""

from __future__ import annotations

from pathlib import Path

from search.run.best import competing
from search.run.trials import RecordedTrial
from trainables.files.record import Identity


def view(identity: Identity) -> RecordedTrial:
    return RecordedTrial(identity, {}, folder=Path("nowhere"), status="finished", record=None)


def test_a_single_trial_competes_only_where_nothing_was_searched() -> None:
    single = [view(Identity("rsst", "rsst", "trial")), view(Identity("refill", "refill", "trial"))]
    searched = view(Identity("rsst-000", "rsst", "search"))
    confirming = view(Identity("rsst-confirm-s1", "rsst", "confirm", 0, 1))
    assert [one.id for one in competing([*single, searched, confirming])] == ["refill", "rsst-000"]
    assert [one.id for one in competing([*single, confirming])] == ["rsst", "refill"]
