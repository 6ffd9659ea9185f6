"""Listed kept fractions under a MACs target: their course stays, the target says where they end."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from models.errors import UserError
from tests.trainables.small_trials import open_trial, run


def states_of(folder: Path, **schedule: Any) -> list[dict[str, Any]]:
    changes = {"model": {"patch_size": 2}, "train": {"epochs_per_state": 1}}
    states = run(open_trial(folder, **changes, prune={"schedule": schedule}))["states"]
    assert isinstance(states, list)
    return states


@pytest.mark.parametrize("macs_target", [0.4, 0.75])
def test_the_last_state_meets_the_target_and_the_first_event_lies_where_the_list_says(
    tmp_path: Path, macs_target: float
) -> None:
    dense, first, last = states_of(tmp_path, kind="custom", states=2, kept=[0.8, 0.5], macs_target=macs_target)
    assert 0.985 * macs_target < last["macs"] / dense["macs"] <= macs_target
    neurons = dense["kept"]["neuron"]
    shares = [math.log(state["kept"]["neuron"] / neurons) for state in (first, last)]
    assert shares[0] / shares[1] == pytest.approx(math.log(0.8) / math.log(0.5), abs=0.05)


def test_a_list_that_falls_at_once_ends_where_one_shot_does(tmp_path: Path) -> None:
    ratios = {"states": 2, "head_ratio": 0.5, "neuron_ratio": 0.5, "macs_target": 0.5}
    listed = states_of(tmp_path / "custom", kind="custom", kept=[0.5, 0.5], **ratios)
    at_once = states_of(tmp_path / "one_shot", kind="one_shot", **ratios)
    assert [state["kept"] for state in listed] == [state["kept"] for state in at_once]
    assert [state["val_accuracy"] for state in listed] == [state["val_accuracy"] for state in at_once]


def test_a_list_that_never_falls_cannot_meet_a_target(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"macs_target: found 0\.5, but the smallest network .* has 1\.0000"):
        open_trial(tmp_path, prune={"schedule": {"kind": "custom", "states": 1, "kept": [1.0], "macs_target": 0.5}})
