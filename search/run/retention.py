"""Which networks of ended trials stay on the disk. Records, checkpoints and predictions always stay.

A trial that may go on keeps all of its own. A last state is never removed: the scratch control takes its structure from it,
and an export without a budget is one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from models.errors import UserError
from search.config_file import key_tree
from search.run.candidates import Candidate, fronts
from search.run.folder import RunFolder
from search.run.trials import RecordedTrial, order_trials
from search.study.study import Study
from trainables.files.remote.address import on_this_machine
from trainables.files.remote.at_need import remove

LASTING = ("finished", "stopped", "diverged")
"""Ended for good; a failed trial may be taken up again."""


@dataclass
class Retention:
    """A study's policy, applied again and again to a run that grows."""

    study: Study
    _settled: set[tuple[str, str | None]] = field(default_factory=set)
    """Trials none of whose networks a front needs any more, by id and what they repeat (a superseded confirm trial leaves its
    id to another). Others beat them for good, so a front is the same without them, and they are not looked at again."""

    def apply(self, trials: Iterable[RecordedTrial]) -> list[Path]:
        """As `apply_retention`."""
        if self.study.retention.states == "all":
            return []
        known = list(trials)
        ended = [one for one in known if one.status in LASTING and one.states and _key(one) not in self._settled]
        there, wanted = self._wanted(order_trials(ended, list(self.study.arms)))
        needed = sources_named(self.study, known)
        files = [one.file for one in there if one.name not in wanted and one.state is not one.trial.last]
        removed = [file for file in files if file is not None and file.resolve() not in needed]
        _remove(self.study, removed)
        self._settled |= {_key(one) for one in ended} - {_key(one.trial) for one in there if one.name in wanted}
        return removed

    def _wanted(self, ended: Iterable[RecordedTrial]) -> tuple[list[Candidate], set[str]]:
        """The networks that are on the disk, and the names of those on a front, where the policy asks for that."""
        every = [Candidate(trial, state) for trial in ended for state in trial.states]
        there = [candidate for candidate in every if candidate.file is not None]
        return there, {one.name for one in fronts(there)} if self.study.retention.states == "front" else set()


def _key(trial: RecordedTrial) -> tuple[str, str | None]:
    return trial.id, trial.source


def apply_retention(study: Study, trials: Iterable[RecordedTrial]) -> list[Path]:
    """Remove the state files that the study's policy gives up; returns what was removed.

    Only files of trials whose record, on the disk already, says that they ended for good. Asking twice changes nothing.
    """
    return Retention(study).apply(trials)


def _remove(study: Study, files: Iterable[Path]) -> None:
    for path in files:
        try:
            remove(path)
        except OSError as error:
            raise UserError(
                f"{path}: cannot be removed ({error.strerror}), as retention.states: {study.retention.states} asks; "
                "make the run's folder writable, then resume the run"
            ) from error


def drop_own_stages(study: Study, run: RunFolder) -> None:
    """Of a complete run remove the states that its trials shared, where its policy gives up networks.

    The dense starts stay: more trials would begin with them. Where the policy keeps all networks, shared states are the same
    files and take no room; a folder that the study names is not the run's.
    """
    if study.retention.states == "all" or study.resources.stages is not None:
        return
    from trainables.stages.store import StageStore

    StageStore(run.own_stages, study.resources.stages_gigabytes).discard_after_dense_starts()


def sources_named(study: Study, trials: Iterable[RecordedTrial]) -> frozenset[Path]:
    """The state files that the study's arms and its trials take their structure from."""
    named = [arm.value("prune.scratch.file") for arm in study.arms.values()]
    named += [key_tree.get(trial.config, "prune.scratch.file") for trial in trials]
    return frozenset(on_this_machine(Path(file)).resolve() for file in named if isinstance(file, str))
