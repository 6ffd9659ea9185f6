"""A study without training: learning curves from a formula, written as real records, driven by the real queue."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.support.simulated_trial import Outcome, SimulatedTrial, nothing_happens
from search.config_file import yaml_file
from search.run.manifest import open_run
from search.run.store import TrialStore
from search.study.load import load_study
from search.study.study import Study
from search.tuning.trial_queue import TrialQueue
from trainables.files.failure import Failure, record_failure

BASE: dict[str, Any] = {
    "name": "simulated",
    "trial": {
        "model": {"arch": "vit_micro", "init": {"source": "random"}},
        "data": {"name": "digits"},
        "train": {"epochs_per_state": 1},
        "prune": {"schedule": {"kind": "linear", "states": 4, "head_ratio": 0.8, "neuron_ratio": 0.8}},
    },
    "arms": {"refill": {"prune.method": "refill"}, "rsst": {"prune.method": "rsst"}},
    "space": {
        "train.lr": {"log_uniform": [1.0e-4, 1.0e-2]},
        "prune.rsst.shrink": {"log_uniform": [1.0e-4, 0.5], "arms": ["rsst"]},
    },
    "search": {"algorithm": "tpe", "trials_per_arm": 6},
}


def make_study(folder: Path, **sections: Any) -> Study:
    """The study above with whole sections replaced; None leaves one out."""
    content = {key: value for key, value in {**BASE, **sections}.items() if value is not None}
    file = folder / "study-file.yaml"
    file.write_text(yaml_file.dump(content), encoding="utf-8")
    return load_study(file)


@dataclass
class Simulation:
    """Runs a study in this process with `workers` trials at a time, each stepped in turn. `order` is who was handed out."""

    study: Study
    storage: Path
    workers: int = 2
    outcome: Outcome = nothing_happens
    order: list[str] = field(default_factory=list)
    retry_failed: bool = False
    trial_class: type[SimulatedTrial] = SimulatedTrial

    def __post_init__(self) -> None:
        self.run = open_run(self.storage, self.study)
        self.relaunch()

    def relaunch(self) -> None:
        """Forget everything but the files, as a new driver does."""
        self.queue = TrialQueue(self.study, TrialStore(self.run), retry_failed=self.retry_failed)
        self.live: dict[str, SimulatedTrial] = {}

    @property
    def store(self) -> TrialStore:
        return self.queue.store

    def go(self, epochs: int | None = None) -> Simulation:
        """Until nothing is left, or for so many epochs of all trials together."""
        left = math.inf if epochs is None else epochs
        while left > 0:
            while len(self.live) < self.workers:
                trial = self.queue.next()
                if trial in ("wait", "done"):
                    break
                self.order.append(trial.id)
                self.live[trial.id] = self.trial_class(trial.folder, outcome=self.outcome)
            if not self.live:
                return self
            for trial_id in list(self.live):
                self._step(trial_id)
                left -= 1
                if left <= 0:
                    return self
        return self

    def _step(self, trial_id: str) -> None:
        trial = self.live[trial_id]
        try:
            result = {} if trial.done else trial.step()
        except RuntimeError as error:
            record_failure(trial.folder, trial.request, Failure("error", str(error)), generation=0)
            trial.status = "failed"
            result = {}
        if not trial.done and result.get("state_ended") and self.queue.judge(trial_id) is not None:
            trial.status = "stopped"
        if trial.done:
            del self.live[trial_id]
            self.queue.give_back(trial_id)

    def statuses(self) -> dict[str, str]:
        return {trial.id: trial.status for trial in self.store}
