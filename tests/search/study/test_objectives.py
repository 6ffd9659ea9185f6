"""Objectives, constraints and levels in each form that a study file may give them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from benchmarks.support.simulation import make_study
from search.study.objective_rules import objective_warnings
from search.study.sections import CompareConfig, SearchConfig


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("macs", [("macs", "min", None)]),
        ({"metric": "val_accuracy", "at": 60}, [("val_accuracy", "max", 60.0)]),
        ({"val_accuracy": "max", "macs": None}, [("val_accuracy", "max", None), ("macs", "min", None)]),
        (["val_loss", {"params": "min"}], [("val_loss", "min", None), ("params", "min", None)]),
    ],
)
def test_objectives(written: Any, read: list[tuple[str, str, float | None]]) -> None:
    search = SearchConfig(objective=written)
    assert [(one.metric, one.direction, one.at) for one in search.objective] == read
    assert SearchConfig(**search.model_dump(mode="json")) == search


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("macs <= 0.3", [("macs", "<=", 0.3, True)]),
        ("macs<=30%", [("macs", "<=", 0.3, True)]),
        ("params <= 5M", [("params", "<=", 5e6, False)]),
        ("val_accuracy >= 0.9", [("val_accuracy", ">=", 0.9, False)]),
        ({"macs": 0.3, "params": "10k"}, [("macs", "<=", 0.3, True), ("params", "<=", 1e4, False)]),
        ([{"metric": "macs", "op": ">=", "bound": 2}], [("macs", ">=", 2.0, False)]),
        ([], []),
    ],
)
def test_constraints(written: Any, read: list[tuple[str, str, float, bool]]) -> None:
    search = SearchConfig(constraints=written)
    assert [(one.metric, one.op, one.bound, one.share) for one in search.constraints] == read
    assert SearchConfig(**search.model_dump(mode="json")) == search


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (60, [("removed_percent", 60.0)]),
        ({"macs": [0.5, 0.75], "removed_percent": 40}, [("macs", 0.5), ("macs", 0.75), ("removed_percent", 40.0)]),
        ([60, {"macs": 0.5}, {"axis": "macs", "value": 1}], [("removed_percent", 60.0), ("macs", 0.5), ("macs", 1.0)]),
        (None, []),
    ],
)
def test_levels(written: Any, read: list[tuple[str, float]]) -> None:
    compare = CompareConfig(at=written)
    assert [(one.axis, one.value) for one in compare.at] == read
    assert CompareConfig(**compare.model_dump(mode="json")) == compare


@pytest.mark.parametrize(
    ("section", "told"),
    [
        ({"objective": "val_acc"}, "'val_acc' is not a metric to search by .*; the nearest is val_accuracy"),
        ({"objective": "test_accuracy"}, "a search never sees the test split"),
        ({"objective": {"macs": "max"}}, "macs is optimised as min, found 'max'"),
        ({"objective": ["macs", "macs"]}, "an objective is given twice"),
        ({"objective": []}, "an objective is missing"),
        ({"objective": 3}, "an objective is a metric's name or"),
        ({"constraints": "macs < 0.3"}, "a constraint is written like"),
        ({"constraints": {"macs": [0.3, 0.4]}}, "a constraint is written like"),
        ({"constraints": "mac <= 0.3"}, "the nearest is macs"),
    ],
)
def test_mistakes(section: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        SearchConfig(**section)


@pytest.mark.parametrize("written", [160, {"macs": 5}, {"mac": 0.5}, "x", [[60]]])
def test_levels_out_of_range_or_of_another_form(written: Any) -> None:
    with pytest.raises(ValidationError):
        CompareConfig(at=written)


TWO = {"refill": {"prune.method": "refill"}, "rsst": {"prune.method": "rsst"}}


@pytest.mark.parametrize(
    ("sections", "where"),
    [
        (
            {
                "compare": {"at": [50]},
                "arms": TWO | {"refill": {**TWO["refill"], "prune.target": ["head", "embed"]}},
            },
            "compare.at",
        ),
        (
            {
                "space": {"prune.target": {"choice": ["head", "branch"]}},
                "search": {"objective": {"metric": "val_accuracy", "at": 40}, "trials_per_arm": 2},
            },
            "search.objective",
        ),
    ],
)
def test_a_share_removed_of_unlike_targets_is_told(tmp_path: Path, sections: dict[str, Any], where: str) -> None:
    told = [line for line in objective_warnings(make_study(tmp_path, **sections)) if "targets differ (" in line]
    assert len(told) == 1
    assert told[0].startswith(where)


def test_ways_to_write_one_target_are_not_unlike(tmp_path: Path) -> None:
    arms = TWO | {"refill": TWO["refill"] | {"prune.target": ["neuron", "head"]}}
    told = objective_warnings(make_study(tmp_path, arms=arms, compare={"at": [50]}))
    assert not [line for line in told if "targets differ" in line]
