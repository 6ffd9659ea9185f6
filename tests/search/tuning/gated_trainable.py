"""Drives a simulated study whose trials wait at a test's gate; run as a program, with RUN [ADDRESS CHECK].

GATE names the gate's folder; without it nothing waits. BUDGET is a time budget in seconds, FAILURE every trial's error, and
FULL how often each trial finds its GPU's memory full.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.support.simulated_trainable import unchecked
from benchmarks.support.simulated_trial import SimulatedTrial
from search.run.folder import RunFolder
from search.run.preflight import Checked, check_study
from search.study.load import load_study
from search.study.study import Study
from search.tuning.drive import Launch, run_study
from tests.search.tuning.gate import DIE, Gate
from trainables.files.generation import Guard
from trainables.files.request import TrialRequest
from trainables.tune_trainable import TuneTrainable

LAST_WORDS = "said before it died"


class GatedTrial(SimulatedTrial):
    def __init__(self, folder: Path, guard: Guard, gate: str | None, failure: str | None) -> None:
        super().__init__(folder, guard)
        self.gate, self.failure = gate, failure

    def step(self) -> dict[str, Any]:
        (self.folder / "sees_gpus").write_text(os.environ.get("CUDA_VISIBLE_DEVICES", "all"))
        if self.failure is not None:
            raise RuntimeError(f"{self.failure} ({self.request.identity.id})")
        if self.gate is not None and self._wait(Path(self.gate)) == DIE:
            print(LAST_WORDS)
            os.kill(os.getpid(), signal.SIGKILL)
        return super().step()

    def _wait(self, gate: Path) -> str:
        import ray

        return Gate(gate).wait(self.request.identity.id, ray.get_runtime_context().get_node_id())


def gated_trainable(gate: str | None, failure: str | None, full: int) -> type[TuneTrainable]:
    """A class that takes all of it along: the processes of a cluster do not have the driver's environment."""

    def open_trial(folder: Path, request: TrialRequest, guard: Guard, *others: Any) -> GatedTrial:
        tries = folder / "tries"
        with tries.open("a") as file:
            *_, micro_batches, _events = others
            file.write(f"{micro_batches}\n")
        if len(tries.read_text().split()) <= full:
            import torch

            raise torch.OutOfMemoryError("a stand-in for a GPU whose memory is full")
        return GatedTrial(folder, guard, gate, failure)

    return type("GatedTrainable", (TuneTrainable,), {"open_trial": staticmethod(open_trial)})


def checked_with_other_data(study: Study) -> Checked:
    """As if the driver had other data than the nodes."""
    checked = check_study(study)
    others = {
        name: replace(one, data={**one.data, "digest": "0" * 64}) for name, one in checked.starting_points.items()
    }
    return replace(checked, starting_points=others)


CHECKS: dict[str, Callable[[Study], Checked]] = {"real": check_study, "other-data": checked_with_other_data}


def drive(run: Path, address: str | None = None, check: str | None = None) -> int:
    """With an address that is not empty, on that cluster; with a name of CHECKS, after that check."""
    folder = RunFolder.existing(run)
    budget = os.environ.get("BUDGET")
    trainable = gated_trainable(os.environ.get("GATE"), os.environ.get("FAILURE"), int(os.environ.get("FULL", "0")))
    launch = Launch(command=["test"], address=address or None, time_budget=None if budget is None else float(budget))
    checks = CHECKS[check] if check else unchecked
    study = load_study(folder.study_file)
    try:
        result = run_study(study, folder, launch, trainable_class=trainable, check=checks)
    except KeyboardInterrupt:
        return 130
    return 130 if result.interrupted else 0


if __name__ == "__main__":
    sys.exit(drive(Path(sys.argv[1]), *sys.argv[2:]))
