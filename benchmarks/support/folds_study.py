"""A study over folds and seeds of two arms, with trials whose accuracy is drawn and not trained.

Everything else is the product's own path: the grid, the records, the pairs, the comparison.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.support.null_study import drawn
from benchmarks.support.simulated_trial import SimulatedTrial
from benchmarks.support.simulation import Simulation, make_study
from search.run.results import RunResults, load_results

FOLD_DEVIATION = 0.020
"""Of accuracy, between folds, for all arms alike: some folds are harder."""
ARM_DEVIATION = 0.010
"""And for each arm apart: what a fold's images do to one network more than to another."""
SEED_DEVIATION = 0.010
"""Between the seeds of one arm on one fold."""
STUDIES_APART = 1000
"""Between the first seeds of two studies."""


class FoldTrial(SimulatedTrial):
    """Accuracy by study, fold, arm and seed."""

    effect = 0.0
    """What the second arm is better by, in accuracy."""

    def val_accuracy(self, removed_percent: float) -> float:
        return self._accuracy("val")

    def test_accuracy(self, removed_percent: float) -> float:
        return self._accuracy("test")

    def _accuracy(self, part: str) -> float:
        arm, fold, seed = self.request.identity.arm, self.config.data.fold, self.config.seed
        study = seed // STUDIES_APART
        better = self.effect if arm == "second" else 0.0
        return (
            0.6
            + better
            + FOLD_DEVIATION * drawn("fold", study, fold)
            + ARM_DEVIATION * drawn("arm", study, fold, arm)
            + SEED_DEVIATION * drawn(part, fold, arm, seed)
        )


def run_folds_study(folder: Path, number: int, folds: int, seeds: int, *, effect: float = 0.0) -> RunResults:
    """Study `number`, run to its end: two whole networks on each fold and seed; `effect` is in accuracy."""
    first = STUDIES_APART * number
    sections: dict[str, Any] = {
        "trial": {
            "model": {"arch": "vit_micro", "init": {"source": "random"}},
            "data": {"name": "dtd"},
            "train": {"epochs_per_state": 1},
            "prune": {"method": "dense", "schedule": {"states": 0}},
        },
        "arms": {"first": {}, "second": {"train.lr": 0.002}},
        "space": {"data.fold": {"grid": list(range(1, folds + 1))}},
        "search": {"algorithm": "grid", "pairing": "shared", "seeds": [first + seed for seed in range(seeds)]},
        "compare": {"claim": "folds", "baseline": "first"},
    }
    trial = type("PlantedTrial", (FoldTrial,), {"effect": effect})
    simulation = Simulation(make_study(folder, **sections), folder / "runs", trial_class=trial).go()
    return load_results(simulation.run.path)
