"""Which trial runs next: a function of the run's trials and the study, with no Ray in it.

Unfinished trials come first, under their ids; then the search, arm after arm in turn so that all progress alike; then, once
every search trial has ended, each arm's chosen configuration on the confirm seeds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Literal

from optuna.trial import FrozenTrial

from models.errors import UserError
from search.run.best import best_trial
from search.run.plan import ArmPlan, confirm_id, plan_of, search_id
from search.run.retention import apply_retention
from search.run.store import TrialStore
from search.run.trials import RecordedTrial
from search.study.study import Study
from search.tuning.configurations import configurations_of_arm
from search.tuning.early_stopping import stop_reason
from search.tuning.optuna_studies import propose
from trainables.files.failure import record_failure
from trainables.files.record import Identity
from trainables.files.request import TrialRequest

Waiting = Literal["wait", "done"]
CRASHES_ALLOWED = 2
"""How often a trial whose process died is started again before it counts as failed."""
SAME_FAILURES = 3
"""So many trials in a row that failed with one error, and the study stops: it is not the trials' fault."""


@dataclass
class TrialQueue:
    """Hands out the run's trials, writing each new one's request first. The caller holds the run's lock.

    `warm` are, by arm, Optuna trials of an earlier run. With `retry_failed` trials that failed before this launch go on.
    """

    study: Study
    store: TrialStore
    warm: dict[str, list[FrozenTrial]] = field(default_factory=dict)
    retry_failed: bool = False
    notes: list[str] = field(default_factory=list)
    """What the user should be told, oldest first; whoever shows them takes them away."""
    fatal: str | None = None
    """The one error that ended the study."""

    def __post_init__(self) -> None:
        self._plans = plan_of(self.study)
        self._live: set[str] = set()
        self._crashes: Counter[str] = Counter()
        self._failures: list[str] = []
        self._noted: set[str] = set()
        for trial in list(self.store):
            if self.retry_failed and trial.status == "failed":
                self.store.forget_end(trial.id)
        # A trial of `prunetune trial` is that command's own, and may be under way beside this run.
        own = (trial for trial in _by_age(self.store) if trial.identity.phase != "trial")
        self._unfinished = [trial.id for trial in own if not trial.ended]

    @property
    def live(self) -> frozenset[str]:
        """Trials handed out in this launch and not yet taken back."""
        return frozenset(self._live)

    def next(self) -> RecordedTrial | Waiting:
        """The next trial to run; `wait` while that depends on trials under way, `done` when nothing is left."""
        if self.fatal is not None:
            return "done"
        # Lazily: a search trial is proposed only when it is handed out.
        trial = next(chain(self._resumed(), self._searched()), None)
        if trial is None:
            return "wait" if self._live else "done"
        self._live.add(trial.id)
        return trial

    def give_back(self, trial_id: str, *, crashed: bool) -> RecordedTrial:
        """A trial has left its process: it ended, it stands at an epoch's end, or (`crashed`) its process died."""
        self._live.discard(trial_id)
        trial = self.store.refresh(trial_id)
        if not trial.ended and crashed:
            trial = self._count_crash(trial)
        if trial.ended:
            self._retain()
        self._watch_failures(trial)
        return trial

    def judge(self, trial_id: str) -> str | None:
        """At the end of a state: stop the trial if it is to be stopped, and say why."""
        trial = self.store.refresh(trial_id)
        reason = None if trial.ended else stop_reason(self.study, self.store, trial)
        if reason is not None:
            self.store.stop(trial_id, reason)
        return reason

    def _resumed(self) -> Iterator[RecordedTrial]:
        while self._unfinished:
            trial_id = self._unfinished.pop(0)
            trial = self.store.get(trial_id)
            if trial is None or self._judged_again(trial):
                continue
            yield trial

    def _judged_again(self, trial: RecordedTrial) -> bool:
        """Whether the trial is to be stopped at the state end it stands at: the last launch may have died deciding."""
        record = trial.record
        if record is None or not record.states or len(record.epochs) != record.states[-1].epochs:
            return False
        return self.judge(trial.id) is not None

    def _searched(self) -> Iterator[RecordedTrial]:
        for number in range(max(plan.configurations for plan in self._plans)):
            for plan in self._plans:
                if number < plan.configurations:
                    yield from self._configuration(plan, number)
        if all(self._search_is_over(plan) for plan in self._plans):
            yield from self._confirming()

    def _configuration(self, plan: ArmPlan, number: int) -> Iterator[RecordedTrial]:
        for seed in plan.seeds:
            if search_id(plan.arm, number, seed) in self.store:
                continue
            source = self._scratch_source(plan.arm)
            if source != "wait":
                yield self._new_search_trial(plan, number, seed, source)

    def _new_search_trial(self, plan: ArmPlan, number: int, seed: int | None, source: str | None) -> RecordedTrial:
        past = configurations_of_arm(self.store, plan.arm, len(plan.seeds))
        begun = next((one for one in past if one.number == number), None)
        earlier = [one for one in past if one.number < number]
        if begun is not None:
            values, drawn = begun.values, begun.drawn
        else:
            proposal = propose(self.study, plan.arm, number, earlier, self.warm.get(plan.arm, ()))
            values, drawn = proposal.values, proposal.drawn
        given = values if source is None else {**values, "prune.scratch.file": source}
        config = self.study.arms[plan.arm].config(given, seed)
        identity = Identity(search_id(plan.arm, number, seed), plan.arm, "search", number, config.seed)
        return self.store.add(TrialRequest(identity, config.model_dump(mode="json"), values, drawn))

    def _search_is_over(self, plan: ArmPlan) -> bool:
        found = [self.store.get(trial_id) for trial_id in plan.search_ids]
        return all(trial is not None and trial.ended for trial in found)

    def _scratch_source(self, arm: str) -> str | None:
        """The file that the `scratch` control takes its structure from; `wait` while its arm is still being searched.

        None for every other method, and where the configuration names a file itself.
        """
        scratch = self.study.arms[arm]
        if not scratch.traits.from_scratch or scratch.value("prune.scratch.file") is not None:
            return None
        named = scratch.value("prune.scratch.arm")
        plan = next(one for one in self._plans if one.arm == named)
        if not self._search_is_over(plan):
            return "wait"
        best = self._best_of(plan.arm)
        if best is None or best.record is None:
            return None
        return str(best.folder / str(best.record.states[-1].file))

    def _best_of(self, arm: str) -> RecordedTrial | None:
        return best_trial((trial for trial in self.store if trial.identity.arm == arm), self.study.search)

    def _confirming(self) -> Iterator[RecordedTrial]:
        for index in range(max(len(plan.confirm_seeds) for plan in self._plans)):
            for plan in self._plans:
                best = self._best_of(plan.arm)
                if best is None:
                    self._note(f"{plan.arm}: no trial of the search finished, so there is nothing to confirm")
                elif index < len(plan.confirm_seeds):
                    yield from self._confirm(best, plan.confirm_seeds[index])

    def _confirm(self, best: RecordedTrial, seed: int) -> Iterator[RecordedTrial]:
        arm = best.identity.arm
        trial_id = confirm_id(arm, seed)
        existing = self.store.get(trial_id)
        if existing is not None and existing.source != best.id:
            self._note(
                f"{trial_id}: repeated {existing.source}, but {best.id} is the arm's best now; moved to superseded/"
            )
            self.store.set_aside(existing)
            existing = None
        if existing is not None:
            return
        identity = Identity(trial_id, arm, "confirm", best.identity.number, seed)
        config = {**best.config, "seed": seed}
        yield self.store.add(TrialRequest(identity, config, best.values, {}, source=best.id))

    def _count_crash(self, trial: RecordedTrial) -> RecordedTrial:
        self._crashes[trial.id] += 1
        if self._crashes[trial.id] <= CRASHES_ALLOWED:
            self._note(f"{trial.id}: its process died; it goes on from its last epoch")
            self._unfinished.append(trial.id)
            return trial
        request = TrialRequest(trial.identity, trial.config, trial.values, trial.drawn, trial.source)
        error = f"its process died {self._crashes[trial.id]} times (out of memory?)"
        record_failure(trial.folder, request, error)
        return self.store.refresh(trial.id)

    def _watch_failures(self, trial: RecordedTrial) -> None:
        if not trial.ended:
            return
        if trial.status != "failed" or trial.record is None:
            self._failures.clear()
            return
        self._failures.append(str(trial.record.error))
        last = self._failures[-SAME_FAILURES:]
        if len(last) == SAME_FAILURES and len(set(last)) == 1:
            self.fatal = last[0]

    def _retain(self) -> None:
        """A file that cannot be removed is told; it is no reason to end a study."""
        try:
            apply_retention(self.study, self.store)
        except UserError as error:
            self._note(str(error))

    def _note(self, text: str) -> None:
        if text not in self._noted:
            self._noted.add(text)
            self.notes.append(text)


def _by_age(trials: TrialStore) -> Sequence[RecordedTrial]:
    """Search before confirm, lower numbers first."""
    return sorted(trials, key=lambda trial: (trial.identity.phase == "confirm", trial.identity.number, trial.id))
