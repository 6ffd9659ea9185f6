"""One trial of a run as its files show it, and the choice of the best among several."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from pruning.catalogue import traits_of
from search.objective_values import is_feasible, objective_value
from search.objectives import Objective
from search.study_config import SearchConfig
from trainables.record import ENDED, Identity, TrialRecord, read_record
from trainables.request import TrialRequest, read_request


@dataclass(frozen=True)
class TrialView:
    """One trial of a run. `record` is None while it has not begun; `values` are its searched keys, dotted.

    `source` names, for a confirming trial, the search trial whose configuration it repeats.
    """

    identity: Identity
    status: str
    record: TrialRecord | None
    config: dict[str, Any]
    folder: Path
    values: dict[str, Any]
    drawn: dict[str, Any]
    source: str | None = None

    @property
    def id(self) -> str:
        return self.identity.id

    @property
    def ended(self) -> bool:
        return self.status in ENDED

    @property
    def val_accuracy(self) -> float | None:
        """At the last completed state; None before the first."""
        if self.record is None or not self.record.states:
            return None
        return self.record.states[-1].val_accuracy


def view_of(folder: Path, unended: str) -> TrialView:
    """Read one trial's folder; `unended` is the status of a trial that has begun and not ended."""
    request = read_request(folder)
    record = read_record(folder)
    if request is None:
        if record is None:
            raise ValueError(f"{folder}: neither a request nor a record")
        request = TrialRequest(record.identity, record.config)
    return TrialView(
        identity=request.identity,
        status=_status(record, unended),
        record=record,
        config=request.config if record is None else record.config,
        folder=folder,
        values=request.values,
        drawn=request.drawn,
        source=request.source,
    )


def _status(record: TrialRecord | None, unended: str) -> str:
    if record is None:
        return "pending"
    return record.status if record.status in ENDED else unended


def order_trials(views: Iterable[TrialView], arms: list[str]) -> tuple[TrialView, ...]:
    """By arm as the study names them, then phase, number and seed."""
    phases = {"trial": 0, "search": 1, "confirm": 2}

    def key(view: TrialView) -> tuple[Any, ...]:
        identity = view.identity
        arm = arms.index(identity.arm) if identity.arm in arms else len(arms)
        return (arm, phases[identity.phase], identity.number, identity.seed, identity.id)

    return tuple(sorted(views, key=key))


def competing(trials: Iterable[TrialView]) -> tuple[TrialView, ...]:
    """The search's trials; those of `prunetune trial`, which no search proposed, only for an arm without any."""
    found = [trial for trial in trials if trial.identity.phase != "confirm"]
    searched = {trial.identity.arm for trial in found if trial.identity.phase == "search"}
    return tuple(trial for trial in found if trial.identity.phase == "search" or trial.identity.arm not in searched)


def best_trial(trials: Iterable[TrialView], search: SearchConfig | None = None) -> TrialView | None:
    """The finished search trial of the configuration that validation chooses; the earlier one on a tie.

    It has the highest validation accuracy at its last state (or at the removal that the search's objective names, mean
    over the search's seeds, which must all have finished) among those that keep to the search's constraints.
    """
    by_number: dict[tuple[str, int], list[TrialView]] = {}
    for trial in competing(trials):
        by_number.setdefault((trial.identity.arm, trial.identity.number), []).append(trial)
    scored = [(score, group) for group in by_number.values() if (score := _score(group, search)) is not None]
    if not scored:
        return None
    _, group = max(scored, key=lambda entry: (entry[0], -entry[1][0].identity.number))
    return min(group, key=lambda trial: trial.identity.seed)


def _score(group: Sequence[TrialView], search: SearchConfig | None) -> float | None:
    wanted = len(search.seeds) if search is not None and search.seeds else 1
    if len(group) < wanted or any(trial.status != "finished" for trial in group):
        return None
    curves = [trial.record.states for trial in group if trial.record is not None and trial.record.states]
    if len(curves) < len(group):
        return None
    # A constraint on cost is not for references whose network stays as large as it began.
    bound = search is not None and traits_of(group[0].config["prune"]["method"]).makes_smaller
    if search is not None and bound and not all(is_feasible(states, search.constraints) for states in curves):
        return None
    values = [objective_value(states, _accuracy_objective(search)) for states in curves]
    known = [value for value in values if value is not None]
    return fmean(known) if len(known) == len(values) else None


def _accuracy_objective(search: SearchConfig | None) -> Objective:
    plain = Objective(metric="val_accuracy", direction="max")
    objectives = () if search is None else search.objective
    return next((one for one in objectives if one.metric == "val_accuracy"), plain)
