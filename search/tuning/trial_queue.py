"""Which trial runs next: a function of the run's trials and the study, with no Ray in it.

Unfinished trials come first, under their ids; then the search, arm after arm in turn so that all progress alike; then, once an
arm's search is over, its chosen configuration on the confirm seeds. Among these a trial that would only wait for a state that
another is training comes later.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import chain, islice, product
from typing import Literal

from optuna.trial import FrozenTrial

from models.errors import UserError
from search.run.plan import ArmPlan, plan_of
from search.run.retention import Retention
from search.run.store import TrialStore
from search.run.trials import RecordedTrial
from search.study.claims import seed_of_recipe
from search.study.replicates import replicate_of
from search.study.study import Study
from search.tuning.beginnings import NOTHING, Beginnings, Standing
from search.tuning.callbacks.telling import CallbackTeller
from search.tuning.configurations import (
    configurations_of_arm,
    search_is_over,
    structure_source,
    takes_a_structure,
)
from search.tuning.confirm_phase import ConfirmPhase, fail_unstarted
from search.tuning.early_stopping import stop_reason
from search.tuning.losses.after import AfterLoss
from search.tuning.losses.loss import Loss
from search.tuning.losses.same_failure import SameFailure
from search.tuning.own.failing import OwnPartFailed
from search.tuning.proposals.optuna_studies import propose
from search.tuning.proposals.told import Told
from trainables.files.failure import Failure
from trainables.files.record import Identity
from trainables.files.request import TrialRequest

Waiting = Literal["wait", "done"]
LOOKED_AT = 64
"""Trials that may come next, of which one is sought that need not wait."""


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
    leave: str | None = None
    """Why the launch cannot go on, where that is no trial's fault."""
    log: Callable[[str], None] = lambda text: None
    """Takes what only the driver's log keeps."""

    def __post_init__(self) -> None:
        self.callbacks = CallbackTeller(self.study, self.store, self._note, self.log)
        self._plans = plan_of(self.study)
        self._studies = [replicate_of(self.study, index) for index in range(self.study.search.replicates)]
        self._confirm = ConfirmPhase(self.study, self.store, self._note)
        self._beginnings, self._told = Beginnings(), Told()
        self._retention = Retention(self.study)
        self.live: set[str] = set()
        """Trials handed out in this launch and not yet given back."""
        self.after_loss, self._same_failure = AfterLoss(), SameFailure()
        self._noted: set[str] = set()
        for trial in self.store:
            if self.retry_failed and trial.status == "failed":
                self.store.forget_end(trial.id)
        # A trial of `prunetune trial` is that command's own, and may be under way beside this run.
        own = [trial for trial in self.store if not trial.ended and trial.identity.phase != "trial"]
        own.sort(key=lambda trial: (trial.identity.phase == "confirm", trial.identity.number, trial.id))
        self._unfinished = [trial.id for trial in own]

    def next(self) -> RecordedTrial | Waiting:
        """The next trial to run; `wait` while that depends on trials under way, `done` when nothing is left."""
        self.store.guard()
        if self.fatal is not None or self.leave is not None:
            return "done"
        trial = None
        try:
            trial = self._next()
        except OwnPartFailed as error:
            self._leaves(error)
        if trial is None:
            return "wait" if self.live else "done"
        self.live.add(trial.id)
        self.callbacks.tell_of([trial])
        return trial

    def _next(self) -> RecordedTrial | None:
        standing = NOTHING
        if self.live and self.study.resources.share:
            standing = self._beginnings.standing(self.store, self.live)
        trial = self._resumed(standing)
        if trial is None and (request := self._chosen(standing)) is not None:
            trial = self.store.add(request)
        return trial or self._resumed(NOTHING)

    def _leaves(self, error: OwnPartFailed) -> None:
        """Nothing can be proposed, or judged, without the user's part."""
        self.leave = self.leave or str(error)
        self.log("".join(traceback.format_exception(error)).rstrip())

    def _chosen(self, standing: Standing) -> TrialRequest | None:
        """The first that need not wait for a state that a trial under way is training; where all of them would, the first, but
        none while there are unfinished trials, which would wait as well."""
        offers = self._searched()  # lazily: what is not looked at is not proposed
        first = next(offers, None)
        if first is None or standing is NOTHING:
            return first
        offered = islice(chain([first], offers), LOOKED_AT)
        otherwise = None if self._unfinished else first
        return next((request for request in offered if not standing.would_wait(request.config)), otherwise)

    def give_back(self, trial_id: str, loss: Loss | None = None) -> RecordedTrial:
        """A trial has left its process: it ended, it stands at an epoch's end, or it was lost."""
        self.store.guard()
        self.live.discard(trial_id)
        trial = self.store.refresh(trial_id)
        if not trial.ended and loss is not None:
            trial = self._lost(trial, loss)
        self.callbacks.tell_of([trial])
        if trial.ended:
            self._retain()
            self.fatal = self.fatal or self._same_failure.after(trial)
        return trial

    def withdraw(self, trial_id: str) -> RecordedTrial:
        """A trial has not begun since it was handed out, and is handed out again."""
        self.live.discard(trial_id)
        self._unfinished.append(trial_id)
        trial = self.store.get(trial_id)
        assert trial is not None, "it was handed out from the store"
        return trial

    def judge(self, trial_id: str) -> str | None:
        """At the end of a state: stop the trial if it is to be stopped, and say why."""
        trial = self.store.refresh(trial_id)
        self.callbacks.tell_of([trial])
        reason = None
        try:
            reason = None if trial.ended else stop_reason(self.study, self.store, trial)
        except OwnPartFailed as error:
            self._leaves(error)
        if reason is not None:
            self.store.stop(trial_id, reason)
        return reason

    def _resumed(self, standing: Standing) -> RecordedTrial | None:
        """The first unfinished trial that need not wait, and is not to be stopped where it stands."""
        for trial_id in list(self._unfinished):
            trial = self.store.get(trial_id)
            if trial is not None and standing.makes_wait(trial):
                continue
            self._unfinished.remove(trial_id)
            if trial is not None and not self._judged_again(trial):
                return trial
        return None

    def _judged_again(self, trial: RecordedTrial) -> bool:
        """Whether the trial is to be stopped at the state end it stands at: the last launch may have died deciding."""
        if trial.record is None or not trial.states or len(trial.record.epochs) != trial.last.epochs:
            return False
        return self.judge(trial.id) is not None

    def _searched(self) -> Iterator[TrialRequest]:
        """What may come next, best first; of each arm's search only the next configuration, which hangs on those before."""
        offered: set[ArmPlan] = set()
        numbers = range(min(map(self._first_lacking, self._plans)), max(plan.configurations for plan in self._plans))
        for number, plan in product(numbers, self._plans):
            if plan in offered or number >= plan.configurations:
                continue
            for seed in plan.seeds:
                if plan.search_id(number, seed) in self.store:
                    continue
                for request in self._configuration(plan, number, seed):
                    yield request
                    offered.add(plan)
                if plan.search_id(number, seed) not in self.store:
                    offered.add(plan)  # it waits for what it starts from, and so does what comes after it
        for replicate in range(len(self._studies)):
            plans = [plan for plan in self._plans if plan.replicate in (0, replicate)]
            over = [
                plan.arm
                for plan in plans
                if all(search_is_over(self.store, one) for one in plans if one.arm == plan.arm)
            ]
            if len(over) == len(plans):
                yield from self._confirm.all_of(replicate, self.live)
            else:
                yield from self._confirm.early(replicate, over)
        if all(search_is_over(self.store, plan) for plan in self._plans):
            yield from self._confirm.next_looks(self.live)

    def _first_lacking(self, plan: ArmPlan) -> int:
        """The number of the arm's first configuration that lacks a trial; where none does, what no plan goes beyond."""
        lacking = (place for place, trial_id in enumerate(plan.search_ids) if trial_id not in self.store)
        place = next(lacking, None)
        return max(one.configurations for one in self._plans) if place is None else place // len(plan.seeds)

    def _configuration(self, plan: ArmPlan, number: int, seed: int | None) -> Iterator[TrialRequest]:
        """The trial of configuration `number` on `seed`, unless what it starts from is not there yet."""
        source = structure_source(self.study, self.store, self._plans, plan)
        if source == "wait":
            return
        lacking = source is None and takes_a_structure(self.study.arms[plan.arm])
        study = self._studies[plan.replicate]
        past = configurations_of_arm(self.store, plan.arm, len(plan.seeds), plan.replicate)
        begun = next((one for one in past if one.number == number), None)
        earlier = [one for one in past if one.number < number]
        chosen = begun or propose(study, plan.arm, number, earlier, self.warm.get(plan.arm, ()), self._told)
        given = chosen.values if source is None else {**chosen.values, "prune.scratch.file": source}
        config = study.arms[plan.arm].config(given, seed_of_recipe(study, number) if seed is None else seed)
        trial_id = plan.search_id(number, seed)
        identity = Identity(trial_id, plan.arm, "search", number, config.seed, plan.replicate)
        request = TrialRequest(identity, config.model_dump(mode="json"), chosen.values, chosen.drawn)
        if lacking:
            self._note(fail_unstarted(self.store, request, "the arm whose structure it takes chose no network"))
        else:
            yield request

    def _lost(self, trial: RecordedTrial, loss: Loss) -> RecordedTrial:
        if loss.kind in ("disk", "bucket", "fenced"):
            self.leave = loss.told
            return trial
        found = self.after_loss.decide(trial, loss)
        if isinstance(found, Failure):
            request = TrialRequest(trial.identity, trial.config, trial.values, trial.drawn, trial.source)
            return self.store.fail(request, found)
        self.notes.append(f"{trial.id}: {found}")
        self._unfinished.append(trial.id)
        return trial

    def _retain(self) -> None:
        """A file that cannot be removed is told; it is no reason to end a study."""
        try:
            self._retention.apply(self.store)
        except UserError as error:
            self._note(str(error))

    def _note(self, text: str) -> None:
        if text not in self._noted:
            self._noted.add(text)
            self.notes.append(text)
