"""Which networks of ended trials stay on the disk. Records, checkpoints and predictions always stay.

A trial that may go on keeps all of its own. A last state is never removed: the scratch control takes its structure from it,
and an export without a budget is one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from models.errors import UserError
from search.config_file import key_tree
from search.run.candidates import Candidate, fronts
from search.run.folder import RunFolder
from search.run.trials import RecordedTrial, order_trials
from search.study.study import Study

LASTING = ("finished", "stopped", "diverged")
"""Ended for good; a failed trial may be taken up again."""


def apply_retention(study: Study, trials: Iterable[RecordedTrial]) -> list[Path]:
    """Remove the state files that the study's policy gives up; returns what was removed.

    Only files of trials whose record, on the disk already, says that they ended for good. Asking twice changes nothing.
    """
    if study.retention.states == "all":
        return []
    removed = given_up(study, list(trials))
    for path in removed:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise UserError(
                f"{path}: cannot be removed ({error.strerror}), as retention.states: {study.retention.states} asks; "
                "make the run's folder writable, then resume the run"
            ) from error
    return removed


def drop_own_stages(study: Study, run: RunFolder) -> None:
    """Of a complete run remove the states that its trials shared, where its policy gives up networks.

    The dense starts stay: more trials would begin with them. Where the policy keeps all networks, shared states are the same
    files and take no room; a folder that the study names is not the run's.
    """
    if study.retention.states == "all" or study.resources.stages is not None:
        return
    from trainables.stages.store import StageStore

    StageStore(run.own_stages, study.resources.stages_gigabytes).discard_after_dense_starts()


def given_up(study: Study, trials: Sequence[RecordedTrial]) -> list[Path]:
    """The files to remove where `retention.states` is not `all`."""
    ended = [one for one in order_trials(trials, list(study.arms)) if one.status in LASTING and one.states]
    every = [Candidate(trial, state) for trial in ended for state in trial.states]
    there = [candidate for candidate in every if candidate.file is not None]
    kept = {Candidate(trial, trial.last).name for trial in ended}
    if study.retention.states == "front":
        kept |= {one.name for one in fronts(there)}
    needed = sources_named(study, trials)
    files = [one.file for one in there if one.name not in kept]
    return [file for file in files if file is not None and file.resolve() not in needed]


def sources_named(study: Study, trials: Iterable[RecordedTrial]) -> frozenset[Path]:
    """The state files that the study's arms and its trials take their structure from."""
    named = [arm.value("prune.scratch.file") for arm in study.arms.values()]
    named += [key_tree.get(trial.config, "prune.scratch.file") for trial in trials]
    return frozenset(Path(file).resolve() for file in named if isinstance(file, str))
