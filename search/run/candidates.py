"""Every state of every trial as a network that could be taken away, and those that no other beats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import le
from pathlib import Path
from typing import Any, Literal

from models.errors import UserError
from search.run.best import competing
from search.run.results import RunResults
from search.run.trials import RecordedTrial
from trainables.files.record import StateEnd
from trainables.files.remote.at_need import is_there

Cost = Literal["macs", "params"]


@dataclass(frozen=True)
class Candidate:
    """One state of one trial."""

    trial: RecordedTrial
    state: StateEnd

    @property
    def name(self) -> str:
        """`TRIAL:STATE`, as `export --state` takes it."""
        return f"{self.trial.id}:{self.state.state}"

    @property
    def macs_share(self) -> float:
        return self.state.macs / self.trial.dense_macs

    @property
    def removed_of_all_percent(self) -> float | None:
        return self.trial.removed_of_all_percent(self.state)

    @property
    def file(self) -> Path | None:
        """The state's network, or None where it was not kept."""
        path = self.trial.folder / self.state.file if self.state.file else None
        return path if path and is_there(path) else None

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "id": self.trial.id,
            "arm": self.trial.identity.arm,
            "state": self.state.state,
            "val_accuracy": self.state.val_accuracy,
            "params": self.state.params,
            "macs": self.state.macs,
            "macs_share": self.macs_share,
            "removed_percent": self.state.removed_percent,
            "removed_of_all_percent": self.removed_of_all_percent,
            "kept": self.state.kept,
            "file_kept": self.file is not None,
        }


def all_candidates(results: RunResults, arm: str | None = None) -> list[Candidate]:
    """Every recorded state of every trial, of one arm or of all; unstructured masks have no place in MACs. Of an arm that was
    searched, not those of single trials, which no search proposed."""
    if arm is not None and arm not in results.arm_names:
        raise UserError(f"--arm: {arm!r} is no arm of {results.run}; its arms are {', '.join(results.arm_names)}")
    proposed = {trial.id for trial in competing(results.trials)}
    return [
        Candidate(trial, state)
        for trial in results.trials
        if arm in (None, trial.identity.arm) and not trial.traits.masks
        if trial.identity.phase == "confirm" or trial.id in proposed
        for state in trial.states
    ]


def pareto(candidates: Sequence[Candidate], *costs: Cost) -> list[Candidate]:
    """Those that no other equals or beats in every cost and validation accuracy together; the cheapest first.

    Of equals the earlier configuration, and of these the first given. Under one cost each dearer one is strictly better.
    """

    def rank(one: Candidate) -> tuple[float, ...]:
        """Less is better in each place."""
        return (*(getattr(one.state, cost) for cost in costs), -one.state.val_accuracy)

    front: list[Candidate] = []
    for one in sorted(candidates, key=lambda one: (rank(one), one.trial.identity.number)):
        if not any(all(map(le, rank(other), rank(one))) for other in front):
            front.append(one)
    return front


def named_state(results: RunResults, name: str) -> Candidate:
    """The candidate `TRIAL:STATE`; a UserError names what there is."""
    trial_id, _, number = name.rpartition(":")
    trial = results.trial(trial_id)
    if not trial_id or not number.isdigit():
        raise UserError(f"--state: expected TRIAL:STATE such as refill-003:4, found {name!r}")
    if trial is None:
        known = ", ".join(one.id for one in results.trials)
        raise UserError(f"--state: {results.run} has no trial {trial_id!r}; it has {known or 'none yet'}")
    if not trial.states:
        raise UserError(f"--state: {trial_id} has completed no state yet ({trial.status}); choose another trial's")
    if int(number) > trial.last.state:
        raise UserError(f"--state: {trial_id} has the states 0 to {trial.last.state}, found {number}")
    return Candidate(trial, trial.states[int(number)])


def fronts(candidates: Sequence[Candidate]) -> list[Candidate]:
    """What an export under any budget of MACs and parameters could choose, of one arm or of all.

    An arm's search trials have a front of their own: its confirm trials may be superseded when the study is grown.
    """
    chosen: list[Candidate] = []
    cut = [one for one in candidates if not one.trial.traits.masks]
    for arm in {one.trial.identity.arm for one in cut}:
        of_arm = [one for one in cut if one.trial.identity.arm == arm]
        for group in (of_arm, [one for one in of_arm if one.trial.identity.phase != "confirm"]):
            chosen += [*pareto(group, "macs"), *pareto(group, "params"), *pareto(group, "macs", "params")]
    return chosen
