"""Trials that prune the width, the queries' and keys' width and the depth too: end to end, after a kill, on a shared start."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from models.save_load import load, load_parts
from tests.trainables.small_trials import killed_after_each, numbers, open_trial, run, small_config
from tests.trainables.stages.test_sharing import opened, outcome, record_of, taken

RATIOS = {"head_ratio": 0.25, "neuron_ratio": 0.5, "embed_ratio": 0.4, "qk_ratio": 0.5, "branch_ratio": 0.5}
ALL_KINDS: dict[str, Any] = {
    "target": ["head", "neuron", "embed", "qk", "branch"],
    "schedule": {"kind": "geometric", "states": 2, **RATIOS},
}
WIDTH_ALONE: dict[str, Any] = {"target": "embed", "schedule": {"kind": "linear", "states": 2, "embed_ratio": 0.5}}


@pytest.mark.parametrize("method", ["refill", "rsst", "random", "one_shot"])
def test_every_method_removes_every_kind_and_what_it_writes_is_the_network_it_judged(
    tmp_path: Path, method: str
) -> None:
    run(open_trial(tmp_path, prune={"method": method, **ALL_KINDS}))
    end = record_of(tmp_path).states[-1]
    assert end.kept["embed"] == 38
    assert end.kept["branch"] == 2
    assert end.kept["neuron"] == 256, "an MLP that is gone leaves the others the budget"
    parts, model = load_parts(tmp_path / "states" / "02.safetensors"), load(tmp_path / "states" / "02.safetensors")
    assert parts.structure.kept_of_kind() == end.kept
    assert sum(parameter.numel() for parameter in model.parameters()) == end.params
    assert model(torch.zeros(1, *parts.spec.input_shape)).isfinite().all()


@pytest.mark.parametrize("method", ["refill", "rsst"])
@pytest.mark.parametrize(
    "prune",
    [ALL_KINDS | {"rewind": {"epoch": 1}}, ALL_KINDS | {"compensate": "least_squares"}, WIDTH_ALONE],
    ids=["rewound", "repaired", "width"],
)
def test_killed_at_any_epoch_it_ends_with_the_same_numbers(tmp_path: Path, method: str, prune: dict[str, Any]) -> None:
    for folder in killed_after_each(tmp_path, 5, prune={"method": method, **prune}):
        assert numbers(folder) == numbers(tmp_path / "straight"), folder.name


@pytest.mark.parametrize("first", [ALL_KINDS, {}], ids=["many kinds first", "heads and neurons first"])
def test_arms_of_different_kinds_share_the_dense_start(tmp_path: Path, first: dict[str, Any]) -> None:
    second = {} if first else ALL_KINDS
    trials, stages = tmp_path / "run/trials", tmp_path / "stages"
    run(opened(trials / "first", stages, prune=first))
    run(opened(trials / "second", stages, prune=second))
    run(opened(trials / "alone", None, prune=second))
    assert taken(trials / "second") == [True, False, False]
    assert outcome(trials / "second") == outcome(trials / "alone")


@pytest.mark.parametrize("own", [{}, ALL_KINDS | {"schedule": {"states": 2}}], ids=["heads and neurons", "many kinds"])
def test_another_arms_structure_is_trained_from_scratch_whatever_its_kinds(tmp_path: Path, own: dict[str, Any]) -> None:
    run(open_trial(tmp_path / "source", prune=ALL_KINDS if not own else {}))
    source = {"file": str(tmp_path / "source/states/02.safetensors"), "match": "epochs"}
    run(open_trial(tmp_path / "scratch", prune={**own, "method": "scratch", "scratch": source}))
    assert record_of(tmp_path / "scratch").states[-1].params == record_of(tmp_path / "source").states[-1].params


def test_repair_makes_up_for_a_narrower_stream(tmp_path: Path) -> None:
    run(open_trial(tmp_path, prune={**WIDTH_ALONE, "method": "rsst", "compensate": "least_squares"}))
    for end in record_of(tmp_path).states[1:]:
        assert end.repair is not None
        assert {name.rpartition(".")[2] for name in end.repair} == {"qkv", "fc1", "head"}


@pytest.mark.parametrize(
    ("prune", "problem"),
    [
        ({"target": ["head", "embed"], "widths": "imp"}, "widths: budget"),
        ({"target": ["qk"], "criterion": "wanda"}, "cannot score qk"),
        ({"target": ["branch"], "criterion": "fpgm"}, "cannot score branch"),
        ({"target": "branch", "compensate": "mean"}, "nothing reads branch"),
    ],
)
def test_what_has_no_meaning_for_a_kind_is_refused(prune: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        small_config(prune=prune)
