"""What `--dry-run` foretells: trials, epochs, what is shared, and what the study cannot show whatever it costs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks.support.simulation import BASE, make_study
from search.commands.sweep import estimate_text
from search.tuning.estimate import estimate

TRAIN = {"epochs_per_state": 2, "state0": {"lr": 1.0e-3}}
SEARCH = {"algorithm": "tpe", "trials_per_arm": 3, "confirm": {"seeds": [101, 102]}}


def sections(**resources: Any) -> dict[str, Any]:
    data = {**BASE["trial"]["data"], "train_limit": 100}
    trial = {**BASE["trial"], "data": data, "train": {**TRAIN, "device": "cpu"}}
    return {"trial": trial, "search": SEARCH, "resources": {"max_concurrent": 1, **resources}}


@pytest.mark.parametrize(("share", "spared"), [(True, 22.0), (False, 0.0)])
def test_one_dense_start_is_counted_once_for_each_seed(tmp_path: Path, share: bool, spared: float) -> None:
    cost = estimate(make_study(tmp_path, **sections(share=share)))
    # Two arms: 3 search trials each on one seed, and 2 recipes each on 2 confirm seeds; 5 states of 2 epochs.
    assert (cost.trials, cost.epochs) == (14, 140)
    assert cost.spared_epochs == spared
    assert ("22 epochs (16 %) are a state 0" in estimate_text(cost)) is share
    assert cost.to_json()["spared_epochs"] == spared


def test_what_cannot_be_settled_is_said_with_the_cost(tmp_path: Path) -> None:
    text = estimate_text(estimate(make_study(tmp_path, **sections())))
    assert "warning: search.confirm.seeds: 2 seeds cannot settle a difference at alpha 0.05" in text
