"""The simulated trial in Ray's actors, each of its epochs lasting SIMULATED_SECONDS."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from benchmarks.support.simulated_trial import SimulatedTrial
from search.run.folder import RunFolder
from search.run.possible.machine import check_machine
from search.run.preflight import Checked
from search.study.study import Study
from search.tuning.drive import Drive, Launch, run_study
from trainables.files.generation import Guard
from trainables.files.request import TrialRequest
from trainables.tune_trainable import TuneTrainable


class SlowTrial(SimulatedTrial):
    def step(self) -> dict[str, Any]:
        time.sleep(float(os.environ.get("SIMULATED_SECONDS", "0.02")))
        return super().step()


def open_slow_trial(folder: Path, request: TrialRequest, guard: Guard, *others: Any) -> SlowTrial:
    return SlowTrial(folder, guard)


class SimulatedTrainable(TuneTrainable):
    open_trial = staticmethod(open_slow_trial)


def unchecked(study: Study) -> Checked:
    """What is left of `check_study` where there are no data and no weights."""
    check_machine(study)
    return Checked({}, ())


def run_simulated(study: Study, run: RunFolder) -> Drive:
    """`run_study` with trials that train nothing."""
    return run_study(study, run, Launch(command=["test"]), trainable_class=SimulatedTrainable, check=unchecked)
