"""A run under way goes on with the proposals that it would have been given by the version that began it.

`recorded_proposals.json` was written before proposals were made from trials that are kept between them. To add a case, run
this file: python -m tests.search.tuning.test_recorded_proposals > tests/search/tuning/recorded_proposals.json
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest

from benchmarks.support.simulation import Simulation, make_study
from trainables.files.request import TrialRequest

RECORDED = Path(__file__).with_name("recorded_proposals.json")
SPACE = {
    "train.lr": {"log_uniform": [1.0e-4, 1.0e-2]},
    "train.optimizer": {"choice": ["adamw", "sgd"]},
    "train.momentum": {"uniform": [0.5, 0.99], "when": {"train.optimizer": "sgd"}},
    "train.epochs_per_state": {"int": [1, 2]},
    "prune.rsst.shrink": {"log_uniform": [1.0e-4, 0.5], "arms": ["rsst"]},
}
TWO = {"objective": ["val_accuracy", "macs"], "constraints": "macs <= 0.5"}
CASES: dict[str, dict[str, Any]] = {
    "tpe": {"search": {"algorithm": "tpe", "trials_per_arm": 24}},
    "tpe on two seeds": {"search": {"algorithm": "tpe", "trials_per_arm": 12, "seeds": [1, 2]}},
    "tpe in two searches": {
        "search": {"algorithm": "tpe", "trials_per_arm": 10, "replicates": 2, "confirm": {"seeds": [101]}}
    },
    "tpe of two objectives": {"search": {"algorithm": "tpe", "trials_per_arm": 16, **TWO}},
    "tpe with what was enqueued": {
        "search": {"algorithm": "tpe", "trials_per_arm": 12, "enqueue": [{"train.lr": 0.5, "train.optimizer": "sgd"}]}
    },
    "nsga2": {"search": {"algorithm": "nsga2", "trials_per_arm": 24, **TWO}},
    "cmaes": {
        "search": {
            "algorithm": "cmaes",
            "trials_per_arm": 24,
            "enqueue": [{"train.lr": 0.5}],
            "constraints": "macs <= 0.5",
        }
    },
    "gp": {"search": {"algorithm": "gp", "trials_per_arm": 8}},
}
"""Each with early stopping, trials that fail and diverge, and three trials under way at a time."""


def mishaps(request: TrialRequest, epochs: int) -> str | None:
    one = request.identity
    if one.number == 1 and epochs == 3:
        return "diverged"
    return "out of luck" if (one.number, one.arm) == (2, "refill") and one.seed != 2 and epochs == 1 else None


def proposals(case: str, folder: Path) -> dict[str, Any]:
    """Trial → what was searched, by id."""
    scheduler = {} if "objective" in CASES[case]["search"] else {"scheduler": {"kind": "asha", "min_trials": 2}}
    compare = {"compare": {"claim": "configurations"}} if "replicates" not in CASES[case]["search"] else {}
    study = make_study(folder, space=SPACE, **CASES[case], **scheduler, **compare)
    simulation = Simulation(study, folder / "runs", workers=3, outcome=mishaps).go()
    return {trial.id: trial.values for trial in sorted(simulation.store, key=lambda one: one.id)}


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_proposals_are_what_they_were(case: str, tmp_path: Path) -> None:
    found, recorded = proposals(case, tmp_path), json.loads(RECORDED.read_text(encoding="utf-8"))[case]
    assert found.keys() == recorded.keys()
    for trial, values in recorded.items():
        # Another processor may have other last bits.
        about = {key: pytest.approx(one, rel=1e-6) if isinstance(one, float) else one for key, one in values.items()}
        assert found[trial] == about, trial


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        found = {case: proposals(case, Path(tempfile.mkdtemp(dir=made))) for case in CASES}
    print("{\n" + ",\n".join(f"{json.dumps(case)}: {json.dumps(one)}" for case, one in found.items()) + "\n}")
