"""What a run holds, read from its trials' records: imports neither Ray, Optuna nor torch, and works on a dead run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from search.run.best import best_trial, competing
from search.run.confirming import Confirming, chosen_trials, confirming_trials, recipes_of
from search.run.files.manifest_file import read_manifest, write_manifest
from search.run.folder import RunFolder
from search.run.plan import outstanding_trials, plan_of
from search.run.trials import RecordedTrial, TrialGone, order_trials, read_trial
from search.study.claims import OF_SEARCH
from search.study.dense_recipe import DENSE_ARM, dense_study, with_dense_recipes
from search.study.load import load_study
from search.study.study import Study


@dataclass(frozen=True)
class TrainingDone:
    """What a run's trials have trained themselves, and what they took over from other trials, in epochs and in
    multiply-accumulates of their completed states."""

    epochs: int
    epochs_taken_over: int
    macs: float
    macs_taken_over: float

    def text(self) -> str:
        """`trained 200 epochs; 56 more (22 %) were taken over from trials with the same beginning`."""
        if self.epochs_taken_over == 0:
            return f"trained {self.epochs:,} epochs"
        share = 100 * self.epochs_taken_over / (self.epochs + self.epochs_taken_over)
        return (
            f"trained {self.epochs:,} epochs; {self.epochs_taken_over:,} more ({share:.0f} %) were taken over from trials "
            "with the same beginning"
        )


@dataclass(frozen=True)
class RunResults:
    """A run as it stands. `trials` are in the order of arm, then phase, number and seed."""

    run: Path
    study: Study
    trials: tuple[RecordedTrial, ...]
    driver: str | None = None
    """The process that drives the run now, `PID`, or `PID on HOST` with its last sign of life; None where nobody does."""
    dense: tuple[RunResults, ...] = ()
    """Of `search.state0`: the run of its trials for each of the study's searches, of those that have begun."""
    lost_driver: str | None = None
    """What is to be said of a driver that may be gone with its machine; `driver` is None then."""

    def of_arm(self, arm: str, phase: str | None = None) -> tuple[RecordedTrial, ...]:
        """An arm's trials, of one phase or of all."""
        return tuple(t for t in self.trials if t.identity.arm == arm and phase in (None, t.identity.phase))

    @property
    def complete(self) -> bool:
        """Whether every trial that the study asks for has ended."""
        return self.outstanding == 0

    @property
    def outstanding(self) -> int:
        """Trials that the study asks for, as far as its looks have left it unsettled, and that have not ended; those that
        search its dense recipe too."""
        outstanding = still_outstanding(RunFolder(self.run), self.study, self.trials)
        if self.study.search.state0 is None or self.study.dense_recipes:
            return outstanding
        searches = [(index, self.dense_search(index)) for index in range(self.study.search.replicates)]
        return outstanding + sum(
            outstanding_trials(dense_study(self.study, index), ()) if one is None else one.outstanding
            for index, one in searches
        )

    def dense_search(self, index: int) -> RunResults | None:
        """What `search.state0` did for one of the study's searches; None where it has not begun, or is not there any more."""
        folder = RunFolder(self.run).dense_run(index).path
        return next((one for one in self.dense if one.run == folder), None)

    @cached_property
    def training(self) -> TrainingDone:
        """What the run really cost, with the search of its dense recipe; a trial's own `training_macs` are as if it had
        trained every state itself."""
        trials = [*self.trials, *(trial for one in self.dense for trial in one.trials)]
        records = [trial.record for trial in trials if trial.record]
        epochs, taken = sum(len(one.epochs) for one in records), sum(one.epochs_taken_over for one in records)
        macs = sum(trial.last.training_macs for trial in trials if trial.states)
        spared = sum(trial.macs_of(end) for trial in trials for end in trial.taken_over)
        return TrainingDone(epochs - taken, taken, macs - spared, spared)

    @property
    def arm_names(self) -> list[str]:
        """Arms in the study's order, then any that only the trials name."""
        return [*self.study.arms, *sorted({trial.identity.arm for trial in self.trials} - self.study.arms.keys())]

    def trial(self, trial_id: str) -> RecordedTrial | None:
        return next((trial for trial in self.trials if trial.id == trial_id), None)

    def searched(self, arm: str) -> list[RecordedTrial]:
        """An arm's search trials; single trials where it has none."""
        return list(competing(self.of_arm(arm)))

    def evidence(self, arm: str) -> tuple[RecordedTrial, ...]:
        """The trials that a claim about an arm rests on, whatever became of them: its confirm trials, or all that was
        searched where nothing is chosen."""
        if self.study.compare.claim in OF_SEARCH:
            return self.of_arm(arm, "search")
        confirming = self.of_arm(arm, "confirm")
        if self.study.compare.claim == "configurations":
            return confirming
        # What is at a recipe that no arm chooses any more is no part of it.
        wanted = {one.id: one.source for one in self.confirming}
        return tuple(trial for trial in confirming if wanted.get(trial.id) == trial.source)

    @cached_property
    def confirming(self) -> tuple[Confirming, ...]:
        """The confirm trials that the searches' choices ask for."""
        searches = range(self.study.search.replicates)
        return tuple(one for index in searches for one in confirming_trials(self.study, self.trials, index))

    @cached_property
    def chosen(self) -> tuple[dict[str, RecordedTrial], ...]:
        """For each search: arm → the trial that it chose."""
        return tuple(chosen_trials(self.study, self.trials, index) for index in range(self.study.search.replicates))

    @cached_property
    def recipes(self) -> dict[str, dict[str, Any]]:
        """Arm → the recipe that it chose, where no arm before it chose the same."""
        return recipes_of(self.study, self.chosen[0])

    def unconfirmed_searches(self, arm: str) -> list[int]:
        """The searches, from 0, that have ended and chose nothing for an arm: a loss of the arm, and no replicate of it."""
        plans = [plan for plan in plan_of(self.study) if plan.arm == arm]
        ended = {trial.id for trial in self.trials if trial.ended}
        over = [plan.replicate for plan in plans if plan.search_ids and ended.issuperset(plan.search_ids)]
        return [index for index in over if arm not in self.chosen[index]]

    def confirmed(self, arm: str) -> list[RecordedTrial]:
        """Those of them that finished."""
        return [trial for trial in self.evidence(arm) if trial.finished]

    def representatives(self, arm: str) -> list[RecordedTrial]:
        """What stands for an arm in a plot or at equal cost: what a claim rests on, else its best search trial."""
        best = self.best_of_arm(arm)
        return self.confirmed(arm) or ([best] if best else [])

    def by_recipe(self, arm: str) -> dict[str, list[RecordedTrial]]:
        """`representatives` under the names that they are shown by: the arm's, or where its recipes differ in their
        schedules, so that their states cannot be averaged one by one, a name for each recipe."""
        trials = self.representatives(arm)
        if len({trial.schedule for trial in trials}) < 2:
            return {arm: trials} if trials else {}
        found: dict[str, list[RecordedTrial]] = {}
        for trial in trials:
            recipe = trial.identity.recipe
            found.setdefault(f"{arm} at {recipe}'s recipe" if recipe else arm, []).append(trial)
        return dict(sorted(found.items()))

    def best_of_arm(self, arm: str) -> RecordedTrial | None:
        """The best of an arm's searched configurations (see `best.py`); None while none of them can be chosen."""
        return best_trial(self.of_arm(arm), self.study.search)

    def best_of_run(self) -> RecordedTrial | None:
        """The best over the arms that compete."""
        return best_trial(self.of_competing(), self.study.search)

    def of_competing(self, arm: str | None = None) -> tuple[RecordedTrial, ...]:
        """The trials among which a network is chosen: those of `arm`, or of all arms that are no controls.

        Controls compete only in a run that has no trial of another arm.
        """
        if arm is not None:
            return self.of_arm(arm)
        controls = set(self.study.control_arms())
        return tuple(trial for trial in self.trials if trial.identity.arm not in controls) or self.trials


def load_results(run: Path) -> RunResults:
    """Read a run's folder; UserError where there is no run, or where one of its files is damaged or foreign.

    A trial without an end is `running` while the run is being driven and `interrupted` otherwise.
    """
    folder = RunFolder.existing(run)
    study = load_study(folder.study_file, recorded=True)
    read_manifest(folder)  # no command shows the trials of a run whose manifest is damaged
    seen = folder.seen()
    unended = "running" if seen.is_driven else "interrupted"
    trials = []
    for trial_id in folder.trial_ids():
        with suppress(TrialGone):  # its driver has set it aside since it was listed
            trials.append(read_trial(folder.trial_folder(trial_id), unended))
    driver = seen.holder if seen.is_driven else None
    lost = seen.refusal(take_over=False) if seen.may_be_taken_over else None
    dense = dense_results(folder, study)
    study = with_dense_recipes(study, _recipes(folder, study, dense))
    return RunResults(folder.path, study, order_trials(trials, list(study.arms)), driver, dense, lost)


def dense_results(run: RunFolder, study: Study) -> tuple[RunResults, ...]:
    """What `search.state0` has in a run's folder, of the searches that have begun."""
    if study.search.state0 is None:
        return ()
    runs = (run.dense_run(index) for index in range(study.search.replicates))
    return tuple(load_results(one.path) for one in runs if one.study_file.exists())


def with_found_recipes(run: RunFolder, study: Study) -> Study:
    """The study with the dense recipe that its run has found, if it has."""
    return with_dense_recipes(study, _recipes(run, study, dense_results(run, study)))


def _recipes(run: RunFolder, study: Study, dense: Sequence[RunResults]) -> tuple[dict[str, Any], ...]:
    """What the run's arms began with, whatever has become of that search since: it may have been grown or removed. Before
    they begin, what it has found."""
    if study.search.state0 is None:
        return ()
    return tuple(read_manifest(run).get("dense_recipes", ())) or recipes_found(study, dense)


def recipes_found(study: Study, dense: Sequence[RunResults]) -> tuple[dict[str, Any], ...]:
    """The recipe of state 0 for each of the study's searches; empty while one is still sought, and where none was found."""
    if study.search.state0 is None or len(dense) < study.search.replicates:
        return ()
    best = [one.best_of_arm(DENSE_ARM) if one.complete else None for one in dense]
    found = tuple(one.values for one in best if one is not None)
    return found if len(found) == len(best) else ()


def note_settled(run: RunFolder, seeds: int) -> None:
    """Note that every contrast was settled at the look of the first `seeds` confirm seeds. The caller holds the run's lock."""
    write_manifest(run, {**read_manifest(run), "settled": {"seeds": seeds}})


def settled_at(run: RunFolder, study: Study) -> int | None:
    """At how many confirm seeds the study was settled; None where it is not, or states no looks."""
    if not study.compare.looks or not run.manifest_file.exists():
        return None
    found = read_manifest(run).get("settled", {}).get("seeds")
    return None if found is None else int(found)


def still_outstanding(run: RunFolder, study: Study, trials: Iterable[RecordedTrial]) -> int:
    """`outstanding_trials`, but for confirm seeds beyond the look that settled the study."""
    seeds = settled_at(run, study)
    return outstanding_trials(study if seeds is None else with_confirm_seeds(study, seeds), trials)


def with_confirm_seeds(study: Study, count: int) -> Study:
    """The study with the first `count` of its confirm seeds."""
    confirm = study.search.confirm
    if confirm is None or count >= len(confirm.seeds):
        return study
    fewer = confirm.model_copy(update={"seeds": confirm.seeds[:count]})
    return replace(study, search=study.search.model_copy(update={"confirm": fewer}))
