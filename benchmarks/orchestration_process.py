"""The processes that `orchestration` times: `bare RUN` runs a run's trials one after another, `drive RUN` as a study.

With SIMULATED set the trials sleep instead of training.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from search.run.folder import RunFolder
from search.study.load import load_study

RAY_NICENESS = 15


def bare(run: RunFolder) -> None:
    """No Ray, no search: each trial that was asked for, by name."""
    # As Ray runs its trials: otherwise a busy machine would slow one of the two more than the other.
    os.nice(RAY_NICENESS)
    from trainables.files.request import read_request
    from trainables.tune_trainable import open_trial

    opener = open_trial
    if os.environ.get("SIMULATED"):
        from benchmarks.support.simulated_trainable import open_slow_trial

        opener = open_slow_trial
    for trial_id in run.trial_ids():
        folder = run.trial_folder(trial_id)
        request = read_request(folder)
        if request is None:
            raise SystemExit(f"{folder}: nothing was asked for")
        trial = opener(folder, request, lambda: None, False, None, 0.0)
        while not trial.done:
            trial.step()


def drive(run: RunFolder) -> None:
    study = load_study(run.study_file)
    if os.environ.get("SIMULATED"):
        from benchmarks.support.simulated_trainable import run_simulated

        run_simulated(study, run)
    else:
        from search.tuning.drive import run_study

        run_study(study, run)


if __name__ == "__main__":
    {"bare": bare, "drive": drive}[sys.argv[1]](RunFolder(Path(sys.argv[2])))
