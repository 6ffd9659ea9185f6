"""How far a study is confirmed for now: to the next of its stated looks, and no further once a look has settled everything."""

from __future__ import annotations

from search.evidence.comparison import compare
from search.evidence.growth.rule import reading_of
from search.run.manifest import read_manifest
from search.run.results import RunResults, note_settled, settled_at
from search.run.store import TrialStore
from search.run.trials import order_trials
from search.study.study import Study


class ConfirmLooks:
    """`seeds` is how many of the confirm seeds may be run now; all of them without looks, or where the run was grown.

    The caller holds the run's lock.
    """

    def __init__(self, study: Study, store: TrialStore) -> None:
        self._study, self._store = study, store
        confirm, looks = study.search.confirm, study.compare.looks or ()
        self.total = len(confirm.seeds) if confirm else 0
        holds = looks and looks[-1] == self.total and not read_manifest(store.run).get("grown")
        self._coming = list(looks) if holds else [self.total]
        settled = settled_at(store.run, study)
        if settled is not None:
            self._coming = [settled]

    @property
    def seeds(self) -> int:
        return self._coming[0]

    def look(self) -> str | None:
        """What a look at the present seeds came to, in words, once they have all ended and a further look is to come.

        Afterwards `seeds` is that of the next look, or as it was where the study is settled.
        """
        if len(self._coming) == 1:
            return None
        results = RunResults(self._store.run.path, self._study, order_trials(list(self._store), list(self._study.arms)))
        reading = reading_of(results)
        if reading.rule != "looks" or reading.looks[-1] != self.seeds:
            return None
        if compare(results).settled:
            note_settled(self._store.run, self.seeds)
            self._coming = [self.seeds]
            return f"settled {reading.text()}: the others are not run"
        looked = self._coming.pop(0)
        return f"not settled at the look at {looked} of {self.total} seeds: going on to {self.seeds}"
