"""Which networks of ended trials stay on the disk. Records, checkpoints and predictions always stay.

A trial that may go on keeps all of its own. A last state is never removed: the scratch control takes its structure from it,
and an export without a budget is one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from models.errors import UserError
from pruning.catalogue import traits_of
from search import key_tree
from search.arms import dense_macs, method_of, states_of
from search.selection import Candidate, macs_of, params_of, pareto
from search.study import Study
from search.study_config import RetentionConfig
from search.views import TrialView

LASTING = ("finished", "stopped", "diverged")
"""Ended for good; a failed trial may be taken up again."""


def apply_retention(study: Study, trials: Iterable[TrialView]) -> list[Path]:
    """Remove the state files that the study's policy gives up; returns what was removed.

    Only files of trials whose record, on the disk already, says that they ended for good. Asking twice changes nothing.
    """
    if study.retention.states == "all":
        return []
    trials = list(trials)
    removed = given_up(trials, study.retention, sources_named(study, trials))
    for path in removed:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise UserError(
                f"{path}: cannot be removed ({error.strerror}), as retention.states: {study.retention.states} asks; "
                "make the run's folder writable, then resume the run"
            ) from error
    return removed


def given_up(trials: Sequence[TrialView], retention: RetentionConfig, needed: frozenset[Path]) -> list[Path]:
    """The files to remove. `needed` are files that other trials take their structure from."""
    if retention.states == "all":
        return []
    ended = [view for view in trials if view.status in LASTING and states_of(view)]
    there = [candidate for view in ended for candidate in _candidates(view) if candidate.file is not None]
    kept = {(view.id, states_of(view)[-1].state) for view in ended}
    if retention.states == "front":
        kept |= {(one.view.id, one.state.state) for one in fronts(there)}
    files = [one.file for one in there if (one.view.id, one.state.state) not in kept]
    return [file for file in files if file is not None and file.resolve() not in needed]


def fronts(candidates: Sequence[Candidate]) -> list[Candidate]:
    """What an export under any budget of MACs and parameters could choose, of one arm or of all.

    An arm's search trials have a front of their own: its confirm trials may be superseded when the study is grown.
    """
    chosen: list[Candidate] = []
    cut = [one for one in candidates if not traits_of(method_of(one.view)).masks]
    for arm in {one.view.identity.arm for one in cut}:
        of_arm = [one for one in cut if one.view.identity.arm == arm]
        lasting = [one for one in of_arm if one.view.identity.phase != "confirm"]
        for group in (of_arm, lasting):
            chosen += [*pareto(group, macs_of), *pareto(group, params_of), *undominated(group)]
    return chosen


def undominated(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Those that no other equals or beats in MACs, parameters and validation accuracy together; the first of equals."""
    front: list[Candidate] = []
    for one in sorted(candidates, key=lambda one: (macs_of(one), params_of(one), -one.state.val_accuracy, one.name)):
        if not any(_covers(other, one) for other in front):
            front.append(one)
    return front


def _covers(other: Candidate, one: Candidate) -> bool:
    """For an `other` with at most as many MACs."""
    return other.state.params <= one.state.params and other.state.val_accuracy >= one.state.val_accuracy


def sources_named(study: Study, trials: Iterable[TrialView]) -> frozenset[Path]:
    """The state files that the study's arms and its trials take their structure from."""
    trees = [study.tree(arm) for arm in study.arms] + [view.config for view in trials]
    named = [key_tree.get(tree, "prune.scratch.file") for tree in trees]
    return frozenset(Path(file).resolve() for file in named if isinstance(file, str))


def _candidates(view: TrialView) -> list[Candidate]:
    return [Candidate(view, state, dense_macs(view)) for state in states_of(view)]
