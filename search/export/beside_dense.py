"""The small network beside a dense one: that of its own trial's state 0, and one that was trained for as long."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from search.evidence.formats import counted, percent, points
from search.evidence.paired.scope import fold_of
from search.evidence.paired.units import pairs_of
from search.run.candidates import Candidate
from search.run.curves import mean_or_none
from search.run.results import RunResults
from search.run.trials import RecordedTrial
from trainables.files.record import StateEnd

HOW_TO_GET_ONE = (
    "`dense: {prune.method: dense}` under `arms:` of the study file, with this arm's own network, swept under another name, "
    "trains one"
)


@dataclass(frozen=True)
class EquallyLong:
    """Trials of an arm that removes nothing, of the candidate's network and data, each at the state where it had trained for
    so many epochs; means over them."""

    arm: str
    trials: tuple[RecordedTrial, ...]
    ends: tuple[StateEnd, ...]

    @property
    def val_accuracy(self) -> float:
        return fmean(end.val_accuracy for end in self.ends)

    @property
    def test_accuracy(self) -> float | None:
        return mean_or_none([end.test_accuracy for end in self.ends])

    @property
    def basis(self) -> str:
        if len(self.trials) == 1:
            return f"trial {self.trials[0].id}"
        seeds = sorted({trial.identity.seed for trial in self.trials})
        of_seeds = f", seeds {', '.join(map(str, seeds))}" if len(seeds) == len(self.trials) else ""
        return f"mean of {len(self.trials)} trials{of_seeds}"


def equally_long(results: RunResults, candidate: Candidate) -> EquallyLong | None:
    """Of the first arm with nothing removed the trial that the candidate's own is paired with, or where it has no pair, all
    that stand for the arm on the same data; None where no arm has any whose network is the same and trained for as long."""
    for arm in results.arm_names:
        trials = _beside(results, candidate.trial, arm)
        ends = tuple(end for trial in trials for end in trial.states if end.epochs == candidate.state.epochs)
        if ends and len(ends) == len(trials):
            return EquallyLong(arm, tuple(trials), ends)
    return None


def _beside(results: RunResults, trial: RecordedTrial, arm: str) -> Sequence[RecordedTrial]:
    alike = [one for one in results.representatives(arm) if not one.traits.needs_units and _same(one, trial)]
    pairs = pairs_of(results, trial.identity.arm, arm) if alike else ()
    paired = {pair.theirs.id for pair in pairs if pair.ours.id == trial.id}
    return [one for one in alike if one.id in paired] or alike


def _same(one: RecordedTrial, other: RecordedTrial) -> bool:
    """Whether both begin as one network, and train and are judged on the same images."""
    return _network(one) == _network(other) and _digest(one) == _digest(other) and fold_of(one) == fold_of(other)


def _network(trial: RecordedTrial) -> Any:
    """Its dense network; where the record is too old to tell, what the study says of it."""
    spec = trial.record.header.get("spec") if trial.record else None
    return spec or {key: value for key, value in trial.config.get("model", {}).items() if key != "init"}


def _digest(trial: RecordedTrial) -> Any:
    return trial.record.header.get("data", {}).get("digest") if trial.record else None


def beside_dense_text(candidate: Candidate, dense: EquallyLong | None) -> str:
    """How long the dense network was trained that stands beside it, and what one that was trained for as long has; empty of
    state 0, which is a dense network.

    State 0 is where a trial's pruning begins. A small network that was trained on for several times as long and comes near it
    has not been shown to have kept what the dense one can.
    """
    trial, state = candidate.trial, candidate.state
    first, said = trial.states[0], []
    if not trial.traits.from_scratch and state.epochs <= first.epochs:
        return ""
    if not trial.traits.from_scratch:
        said.append(
            f"The dense network is this trial's own state 0, trained for {counted(first.epochs, 'epoch')} where this network "
            f"was trained for {state.epochs}: part of the difference between them is training and not pruning."
        )
    if dense is not None:
        said.append(
            f"Trained for as long with nothing removed, arm `{dense.arm}` has {percent(dense.val_accuracy)} validation "
            f"({dense.basis}); this network is {_apart(state, dense)}. Whether such a difference is more than chance is for "
            "`prunetune compare` to say."
        )
    else:
        said.append(
            f"No arm of the run trained this network on these images for as long with nothing removed; {HOW_TO_GET_ONE}."
        )
    return " ".join(said)


def _apart(state: StateEnd, dense: EquallyLong) -> str:
    """Validation alone is not enough: the network may have been chosen by it."""
    on_test = (
        None
        if state.test_accuracy is None or dense.test_accuracy is None
        else state.test_accuracy - dense.test_accuracy
    )
    told = f"{points(state.val_accuracy - dense.val_accuracy)} points from it"
    return told if on_test is None else f"{told}, and {points(on_test)} on the test images"
