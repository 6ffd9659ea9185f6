"""Which trials confirm what the searches chose; and how far: to the next of the stated looks, and no further once a look has
settled everything."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

from models.errors import UserError
from search.evidence.comparison import compare
from search.evidence.growth.rule import reading_of
from search.run.best import no_winner
from search.run.confirming import Confirming, config_of, confirming_trials
from search.run.files.manifest_file import read_manifest
from search.run.results import RunResults, note_settled, settled_at
from search.run.store import TrialStore
from search.run.trials import order_trials
from search.study.study import Study
from trainables.files.failure import Failure
from trainables.files.record import Identity
from trainables.files.request import TrialRequest


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


@dataclass
class ConfirmPhase:
    """Offers confirm trials, in the order in which they are to run. `note` is told what a user should know."""

    _study: Study
    _store: TrialStore
    _note: Callable[[str], None]

    def __post_init__(self) -> None:
        self._looks = ConfirmLooks(self._study, self._store)

    def early(self, replicate: int, arms: Collection[str]) -> Iterator[TrialRequest]:
        """The choices of arms whose own search is over, each at its own recipe; the others' recipes are still to come."""
        trials = [trial for trial in self._store if trial.identity.arm in arms]
        for one in self._within_looks(confirming_trials(self._study, trials, replicate)):
            if not one.recipe and one.id not in self._store:
                yield from self._confirm(one)

    def all_of(self, replicate: int, live: Collection[str]) -> Iterator[TrialRequest]:
        """Those of a search that is over. What no arm chooses any more is set aside, unless it is under way (`live`)."""
        wanted = confirming_trials(self._study, self._store, replicate)
        if self._study.search.confirm is not None:
            for arm in self._study.arms.keys() - {one.arm for one in wanted}:
                searched = [
                    one for one in self._store if (one.identity.arm, one.identity.replicate) == (arm, replicate)
                ]
                in_search = f" in search {replicate}" if self._study.search.replicates > 1 else ""
                self._note(
                    f"{arm}: {no_winner(searched, self._study.search)}{in_search}, so there is nothing to confirm"
                )
        self._set_aside_all_but({one.id for one in wanted} | set(live), replicate)
        for one in self._within_looks(wanted):
            yield from self._confirm(one)

    def next_looks(self, live: Collection[str]) -> Iterator[TrialRequest]:
        """Once every search is over: look at what is confirmed as often as a stated look is due, and go on from there."""
        while found := self._looks.look():
            self._note(found)
            yield from self.all_of(0, live)

    def _within_looks(self, wanted: Sequence[Confirming]) -> list[Confirming]:
        """Those on the seeds that may be run now."""
        seeds = list(dict.fromkeys(one.seed for one in wanted))[: self._looks.seeds]
        return [one for one in wanted if one.seed in seeds]

    def _confirm(self, wanted: Confirming) -> Iterator[TrialRequest]:
        existing = self._store.get(wanted.id)
        if existing is not None and existing.source == wanted.source:
            return
        if existing is not None:
            self._note(
                f"{wanted.id}: repeated {existing.source}, but {wanted.source} was chosen now; moved to superseded/"
            )
            self._store.set_aside(existing)
        identity = Identity(
            wanted.id,
            wanted.arm,
            "confirm",
            wanted.chosen.identity.number,
            wanted.seed,
            wanted.replicate,
            wanted.recipe,
        )
        try:
            config = config_of(self._study, wanted)
        except UserError as error:
            # Another arm's recipe may be none for this one: its number of states against the epochs, for instance.
            own = {**wanted.chosen.config, "seed": wanted.seed}
            request = TrialRequest(identity, own, wanted.values, {}, source=wanted.source)
            self._note(fail_unstarted(self._store, request, str(error)))
            return
        yield TrialRequest(identity, config, wanted.values, {}, source=wanted.source)

    def _set_aside_all_but(self, kept: set[str], replicate: int) -> None:
        """Confirm trials at a recipe that no arm chooses any more belong to the run no longer."""
        for trial in list(self._store):
            one = trial.identity
            if (one.phase, one.replicate) == ("confirm", replicate) and trial.id not in kept:
                self._note(f"{trial.id}: its recipe is no arm's choice any more; moved to superseded/")
                self._store.set_aside(trial)


def fail_unstarted(store: TrialStore, request: TrialRequest, error: str) -> str:
    """Record a trial that cannot be run as failed, so that the rest of the study goes on without it; returns what to tell."""
    trial = store.add(request)
    store.fail(request, Failure("error", error))
    return f"{trial.id}: {error}"
