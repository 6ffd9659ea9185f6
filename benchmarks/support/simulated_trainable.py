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
from search.tuning.drive import Launch, run_study
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


def simulated_launch(**options: Any) -> Launch:
    return Launch(
        trainable=lambda: SimulatedTrainable, check=lambda study: Checked({}, ()), command=["test"], **options
    )


def checked_with_other_data(study: Study) -> Checked:
    """As if the driver had other data than the nodes."""
    checked = check_study(study)
    networks = {arm: replace(found, data={**found.data, "digest": "0" * 64}) for arm, found in checked.networks.items()}
    return replace(checked, networks=networks)


CHECKS: dict[str, Callable[[Study], Checked]] = {"real": check_study, "other-data": checked_with_other_data}


def drive(run: Path, address: str | None = None, check: str | None = None) -> int:
    """With an address, on that cluster; with a name of CHECKS, after that check."""
    folder = RunFolder.existing(run)
    budget = os.environ.get("SIMULATED_BUDGET")
    launch = replace(simulated_launch(), address=address, time_budget=None if budget is None else float(budget))
    launch = replace(launch, check=CHECKS[check]) if check else launch
    try:
        result = run_study(load_study(folder.study_file), folder, launch)
    except KeyboardInterrupt:
        return 130
    return 130 if result.interrupted else 0


if __name__ == "__main__":
    sys.exit(drive(Path(sys.argv[1]), *sys.argv[2:]))
