"""Which trial runs next: a function of the run's trials and the study, with no Ray in it.

Unfinished trials come first, under their ids; then the search, arm after arm in turn so that all progress alike; then, once
every search trial has ended, each arm's chosen configuration on the confirm seeds.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain, product
from typing import Literal

from optuna.trial import FrozenTrial

from models.errors import UserError
from search.run.best import no_winner
from search.run.confirming import Confirming, chosen_trials, config_of, confirming_trials
from search.run.plan import ArmPlan, plan_of
from search.run.retention import apply_retention
from search.run.store import TrialStore
from search.run.trials import RecordedTrial
from search.study.claims import seed_of_recipe
from search.study.replicates import replicate_of
from search.study.study import Study
from search.tuning.configurations import configurations_of_arm
from search.tuning.confirm_looks import ConfirmLooks
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
        self._studies = [replicate_of(self.study, index) for index in range(self.study.search.replicates)]
        self._looks = ConfirmLooks(self.study, self.store)
        self.live: set[str] = set()
        """Trials handed out in this launch and not yet given back."""
        self._crashes: Counter[str] = Counter()
        self._failures: deque[str] = deque(maxlen=SAME_FAILURES)
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
        if self.fatal is not None:
            return "done"
        # Lazily: a search trial is proposed only when it is handed out.
        trial = next(chain(self._resumed(), self._searched()), None)
        if trial is None:
            return "wait" if self.live else "done"
        self.live.add(trial.id)
        return trial

    def give_back(self, trial_id: str, *, crashed: bool) -> RecordedTrial:
        """A trial has left its process: it ended, it stands at an epoch's end, or (`crashed`) its process died."""
        self.live.discard(trial_id)
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
            if trial is not None and not self._judged_again(trial):
                yield trial

    def _judged_again(self, trial: RecordedTrial) -> bool:
        """Whether the trial is to be stopped at the state end it stands at: the last launch may have died deciding."""
        if trial.record is None or not trial.states or len(trial.record.epochs) != trial.last.epochs:
            return False
        return self.judge(trial.id) is not None

    def _searched(self) -> Iterator[RecordedTrial]:
        most = max(plan.configurations for plan in self._plans)
        for number, plan in product(range(most), self._plans):
            for seed in plan.seeds:
                if number < plan.configurations and plan.search_id(number, seed) not in self.store:
                    yield from self._configuration(plan, number, seed)
        for replicate in range(len(self._studies)):
            if all(self._search_is_over(plan) for plan in self._plans if plan.replicate in (0, replicate)):
                yield from self._confirming(replicate)
        if all(map(self._search_is_over, self._plans)):
            while found := self._looks.look():
                self._note(found)
                yield from self._confirming(0)

    def _configuration(self, plan: ArmPlan, number: int, seed: int | None) -> Iterator[RecordedTrial]:
        """The trial of configuration `number` on `seed`, unless what it starts from is not there yet."""
        source = self._scratch_source(plan)
        if source == "wait":
            return
        lacking = source is None and self._takes_a_structure(plan.arm)
        study = self._studies[plan.replicate]
        past = configurations_of_arm(self.store, plan.arm, len(plan.seeds), plan.replicate)
        begun = next((one for one in past if one.number == number), None)
        earlier = [one for one in past if one.number < number]
        chosen = begun or propose(study, plan.arm, number, earlier, self.warm.get(plan.arm, ()))
        given = chosen.values if source is None else {**chosen.values, "prune.scratch.file": source}
        config = study.arms[plan.arm].config(given, seed_of_recipe(study, number) if seed is None else seed)
        trial_id = plan.search_id(number, seed)
        identity = Identity(trial_id, plan.arm, "search", number, config.seed, plan.replicate)
        request = TrialRequest(identity, config.model_dump(mode="json"), chosen.values, chosen.drawn)
        if lacking:
            self._fail_unstarted(request, "the arm whose structure it takes chose no network")
        else:
            yield self.store.add(request)

    def _search_is_over(self, plan: ArmPlan) -> bool:
        found = [self.store.get(trial_id) for trial_id in plan.search_ids]
        return all(trial is not None and trial.ended for trial in found)

    def _scratch_source(self, plan: ArmPlan) -> str | None:
        """The file that the `scratch` control takes its structure from; `wait` while its arm is still being searched.

        None for every other method, and where the configuration names a file itself.
        """
        if not self._takes_a_structure(plan.arm):
            return None
        named = self.study.arms[plan.arm].value("prune.scratch.arm")
        searches = [one for one in self._plans if one.arm == named and one.replicate in (0, plan.replicate)]
        if not all(map(self._search_is_over, searches)):
            return "wait"
        best = chosen_trials(self.study, self.store, plan.replicate).get(str(named))
        return None if best is None else str(best.folder / str(best.last.file))

    def _takes_a_structure(self, arm: str) -> bool:
        """Whether an arm's trials start from the network that another arm chose."""
        scratch = self.study.arms[arm]
        return scratch.traits.from_scratch and scratch.value("prune.scratch.file") is None

    def _fail_unstarted(self, request: TrialRequest, error: str) -> None:
        """Record a trial that cannot be run as failed, so that the rest of the study goes on without it."""
        trial = self.store.add(request)
        record_failure(trial.folder, request, error)
        self.store.refresh(trial.id)
        self._note(f"{trial.id}: {error}")

    def _confirming(self, replicate: int) -> Iterator[RecordedTrial]:
        wanted = confirming_trials(self.study, self.store, replicate)
        if self.study.search.confirm is not None:
            for arm in self.study.arms.keys() - {one.arm for one in wanted}:
                searched = [one for one in self.store if (one.identity.arm, one.identity.replicate) == (arm, replicate)]
                in_search = f" in search {replicate}" if len(self._studies) > 1 else ""
                self._note(
                    f"{arm}: {no_winner(searched, self.study.search)}{in_search}, so there is nothing to confirm"
                )
        self._set_aside_all_but({one.id for one in wanted}, replicate)
        seeds = list(dict.fromkeys(one.seed for one in wanted))[: self._looks.seeds]
        for one in wanted:
            if one.seed in seeds:
                yield from self._confirm(one)

    def _confirm(self, wanted: Confirming) -> Iterator[RecordedTrial]:
        existing = self.store.get(wanted.id)
        if existing is not None and existing.source == wanted.source:
            return
        if existing is not None:
            self._note(
                f"{wanted.id}: repeated {existing.source}, but {wanted.source} was chosen now; moved to superseded/"
            )
            self.store.set_aside(existing)
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
            config = config_of(self.study, wanted)
        except UserError as error:
            # Another arm's recipe may be none for this one: its number of states against the epochs, for instance.
            own = {**wanted.chosen.config, "seed": wanted.seed}
            self._fail_unstarted(TrialRequest(identity, own, wanted.values, {}, source=wanted.source), str(error))
            return
        yield self.store.add(TrialRequest(identity, config, wanted.values, {}, source=wanted.source))

    def _set_aside_all_but(self, wanted: set[str], replicate: int) -> None:
        """Confirm trials at a recipe that no arm chooses any more belong to the run no longer."""
        for trial in list(self.store):
            one = trial.identity
            if (one.phase, one.replicate) == ("confirm", replicate) and not {trial.id} & (wanted | self.live):
                self._note(f"{trial.id}: its recipe is no arm's choice any more; moved to superseded/")
                self.store.set_aside(trial)

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
        if trial.status != "failed" or trial.record is None:
            self._failures.clear()
            return
        self._failures.append(str(trial.record.error))
        if len(self._failures) == SAME_FAILURES and len(set(self._failures)) == 1:
            self.fatal = self._failures[0]

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
