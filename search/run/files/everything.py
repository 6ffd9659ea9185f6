"""All that a launch reads of a run, read before it changes anything."""

from __future__ import annotations

from itertools import count, takewhile

from search.run.files.manifest_file import read_manifest
from search.run.folder import RunFolder
from search.run.trials import RecordedTrial, read_trial
from trainables.files.generation import read_generation


def check_launch_files(run: RunFolder) -> None:
    """UserError, in one line, for a damaged manifest or generation of a run, or of its searches of the dense recipe."""
    dense = takewhile(lambda one: one.study_file.exists(), (run.dense_run(index) for index in count()))
    for one in (run, *dense):
        read_manifest(one)
        read_generation(one.path)


def read_everything(run: RunFolder) -> tuple[RecordedTrial, ...]:
    """The run's trials, after all its other files. UserError, in one line, for the first that is damaged or foreign."""
    check_launch_files(run)
    return tuple(read_trial(run.trial_folder(trial_id), "interrupted") for trial_id in run.trial_ids())
