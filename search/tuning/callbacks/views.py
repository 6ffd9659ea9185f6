"""What callbacks are told of a study as a whole."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from search.run.trials import RecordedTrial
from search.run.views import TrialView, trial_view
from search.study.study import Study


@dataclass(frozen=True)
class StudyView:
    """A study as its records say it is now; nothing of the test split."""

    name: str
    run: str
    """The run's folder, or its address in a bucket."""
    launch: int
    """Larger at each launch, not always by one: whatever takes hold of the run counts."""
    arms: tuple[str, ...]
    trials: tuple[TrialView, ...]


def study_view(study: Study, run: str, launch: int, trials: Iterable[RecordedTrial]) -> StudyView:
    return StudyView(study.name, run, launch, tuple(study.arms), tuple(map(trial_view, trials)))
