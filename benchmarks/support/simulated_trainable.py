"""The simulated trial in Ray's actors; run as a program it drives a simulated study, to be killed by a test."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.support.simulation import SimulatedTrial
from search.run.folder import RunFolder
from search.run.preflight import Checked, check_study
from search.study.load import load_study
from search.study.study import Study
from search.tuning.drive import Drive, Launch, run_study
from trainables.files.request import TrialRequest
from trainables.tune_trainable import TuneTrainable


class SlowTrial(SimulatedTrial):
    """Each epoch takes a moment, so that a kill can fall into one. A file `die` in the trial's folder ends its process."""

    def step(self) -> dict[str, Any]:
        (self.folder / "sees_gpus").write_text(os.environ.get("CUDA_VISIBLE_DEVICES", "all"))
        time.sleep(float(os.environ.get("SIMULATED_SECONDS", "0.02")))
        if (self.folder / "die").exists():
            (self.folder / "die").unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        if os.environ.get("SIMULATED_FAILURE"):
            raise RuntimeError(os.environ["SIMULATED_FAILURE"])
        return super().step()


def open_slow_trial(folder: Path, request: TrialRequest, guard: Callable[[], None], retry_failed: bool) -> SlowTrial:
    return SlowTrial(folder, guard)


class SimulatedTrainable(TuneTrainable):
    open_trial = staticmethod(open_slow_trial)


def unchecked(study: Study) -> Checked:
    """In place of `check_study`, where there are no data and no weights."""
    return Checked({}, ())


def run_simulated(
    study: Study, run: RunFolder, launch: Launch | None = None, check: Callable[[Study], Checked] = unchecked
) -> Drive:
    """`run_study` with trials that train nothing."""
    launch = Launch(command=["test"]) if launch is None else launch
    return run_study(study, run, launch, trainable_class=SimulatedTrainable, check=check)


def checked_with_other_data(study: Study) -> Checked:
    """As if the driver had other data than the nodes."""
    checked = check_study(study)
    others = {
        name: replace(one, data={**one.data, "digest": "0" * 64}) for name, one in checked.starting_points.items()
    }
    return replace(checked, starting_points=others)


CHECKS: dict[str, Callable[[Study], Checked]] = {"real": check_study, "other-data": checked_with_other_data}


def drive(run: Path, address: str | None = None, check: str | None = None) -> int:
    """With an address, on that cluster; with a name of CHECKS, after that check."""
    folder = RunFolder.existing(run)
    budget = os.environ.get("SIMULATED_BUDGET")
    launch = Launch(command=["test"], address=address, time_budget=None if budget is None else float(budget))
    checks = CHECKS[check] if check else unchecked
    try:
        result = run_simulated(load_study(folder.study_file), folder, launch, checks)
    except KeyboardInterrupt:
        return 130
    return 130 if result.interrupted else 0


if __name__ == "__main__":
    sys.exit(drive(Path(sys.argv[1]), *sys.argv[2:]))
