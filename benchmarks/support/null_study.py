"""A study of two arms between which there is no difference, with trials whose accuracy is drawn and not trained.

Everything else is the product's own path: proposals, the choice by validation, the confirm phase, the comparison.
"""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path
from typing import Any, Literal

import numpy as np

from benchmarks.support.simulated_trial import SimulatedTrial
from benchmarks.support.simulation import Simulation, make_study
from search.evidence.comparison import Comparison, compare
from search.run.results import load_results
from search.study.sections import Claim

Keys = Literal["shared", "own", "none"]
"""What the arms search: the learning rate in common, besides it a key of each arm's own, or nothing."""
Arms = Literal["identical", "alike"]
"""One method under two names, or two methods whose accuracies have one law and are drawn apart."""
SEED_DEVIATION, IMAGES_DEVIATION = 0.010, 0.005
"""Of accuracy: between the seeds of one configuration, and between splits for one network (about 4,000 test images)."""
METHOD_DEVIATION = 0.005
"""Of accuracy: what a seed does to a method at every one of its configurations, as an unlucky batch order may."""
RATE_COST, OWN_COST = 0.04, 0.02
"""Accuracy lost for each factor of ten that the learning rate, or the arm's own key, is off its best."""
BEST_RATE, BEST_SHRINK = 1e-3, 1e-2


class DrawnTrial(SimulatedTrial):
    """Accuracy by learning rate, own key and seed; equal configurations of both arms have equal numbers."""

    effect = 0.0
    """What the second arm is better by, in accuracy."""

    def val_accuracy(self, removed_percent: float) -> float:
        return self._accuracy() + IMAGES_DEVIATION * self._normal("val", removed_percent)

    def test_accuracy(self, removed_percent: float) -> float:
        return self._accuracy() + IMAGES_DEVIATION * self._normal("test", removed_percent)

    def _accuracy(self) -> float:
        rate = abs(math.log10(self.config.train.lr / BEST_RATE))
        shrink = abs(math.log10((self.config.prune.rsst.shrink or BEST_SHRINK) / BEST_SHRINK))
        better = self.effect if self.request.identity.arm == "second" else 0.0
        of_seed = SEED_DEVIATION * self._normal("seed") + METHOD_DEVIATION * drawn(
            self.config.prune.criterion, self.config.seed
        )
        return 0.9 + better - RATE_COST * rate - OWN_COST * shrink + of_seed

    def _normal(self, *parts: Any) -> float:
        return drawn(self.request.config, *parts)


def drawn(*parts: Any) -> float:
    """A standard normal draw that depends on these parts and on nothing else."""
    seed = int.from_bytes(hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).digest()[:8], "big")
    return float(np.random.default_rng(seed).standard_normal())


def run_null_study(
    folder: Path,
    number: int,
    claim: Claim,
    keys: Keys,
    arms: Arms = "identical",
    *,
    effect: float = 0.0,
    units: int = 8,
) -> Comparison:
    """Study `number`, compared; a null study where `effect` (in accuracy) is 0. `units` are seeds, searches or recipes."""
    simulation = _simulation(folder, arms, effect, _sections(number, claim, keys, units)).go()
    return compare(load_results(simulation.run.path))


def confirmed_study(
    folder: Path, number: int, seeds: int, looks: list[int] | None, arms: Arms, *, effect: float = 0.0
) -> Simulation:
    """Study `number` with nothing to search, to be run on so many confirm seeds, with or without stated looks."""
    sections = _sections(number, "pooled", "none", seeds)
    return _simulation(folder, arms, effect, {**sections, "compare": {**sections["compare"], "looks": looks}})


def _simulation(folder: Path, arms: Arms, effect: float, sections: dict[str, Any]) -> Simulation:
    second = {"prune.criterion": "l2"} if arms == "alike" else {}
    study = make_study(folder, arms={"first": {}, "second": second}, **sections)
    trial = type("PlantedTrial", (DrawnTrial,), {"effect": effect})
    return Simulation(study, folder / "runs", trial_class=trial)


def _sections(number: int, claim: Claim, keys: Keys, units: int) -> dict[str, Any]:
    first = 1000 * number
    search: dict[str, Any] = {"algorithm": "tpe", "trials_per_arm": 6, "seed": number}
    if claim == "average":
        search |= {"algorithm": "random", "pairing": "shared", "trials_per_arm": units}
    elif claim == "tuned":
        search |= {"replicates": units, "confirm": {"seeds": [first + 101]}}
    else:
        search["confirm"] = {"seeds": [first + 101 + seed for seed in range(units)]}
    schedule = {"kind": "one_shot", "states": 1, "head_ratio": 0.8, "neuron_ratio": 0.8}
    trial = {
        "model": {"arch": "vit_micro", "init": {"source": "random"}},
        "data": {"name": "digits"},
        "train": {"epochs_per_state": 1},
        "prune": {"method": "rsst", "schedule": schedule},
        "seed": first,
    }
    rate = {"train.lr": {"log_uniform": [1e-4, 1e-2]}} if keys != "none" else {}
    shrink = [{"log_uniform": [1e-4, 0.5], "arms": [arm]} for arm in ("first", "second")]
    own = {"prune.rsst.shrink": shrink} if keys == "own" else {}
    compared = {"claim": claim, "baseline": "first", "at": [80]}
    return {"trial": trial, "space": rate | own, "search": search, "compare": compared}
