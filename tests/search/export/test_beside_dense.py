"""The dense network that a card compares with is the same network, on the same images, of the same fold and seed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from search.export.beside_dense import beside_dense_text, equally_long
from search.run.candidates import Candidate
from search.run.results import RunResults, load_results
from tests.search.made_runs import MadeRun, falling

ARMS = {
    "twistnet18_refill": {"model.arch": "twistnet18", "prune.method": "refill"},
    "twistnet18_dense": {"model.arch": "twistnet18", "prune.method": "dense"},
    "resnet18_refill": {"model.arch": "resnet18", "prune.method": "refill"},
    "resnet18_dense": {"model.arch": "resnet18", "prune.method": "dense"},
}
CHANNELS = {"target": "channel", "schedule": {"kind": "geometric", "states": 3, "channel_ratio": 0.5}}
TRIAL = {
    "model": {"arch": "resnet18", "init": {"source": "random"}},
    "data": {"name": "dtd"},
    "train": {"lr": 0.01, "epochs_per_state": 2},
    "prune": CHANNELS,
}
FOLDS = (1, 2)


def over_folds(path: Path, *arms: str) -> RunResults:
    """As `configs/dtd_prune.yaml`: two networks, each with a dense arm, over folds; each fold's images are its own."""
    made = MadeRun(
        path,
        arms={arm: ARMS[arm] for arm in arms},
        study={
            "trial": TRIAL,
            "space": {"data.fold": {"grid": list(FOLDS)}},
            "search": {"algorithm": "grid", "pairing": "shared", "seeds": [42, 43]},
            "compare": {"claim": "folds"},
        },
    )
    number = 0
    for arm in arms:
        for fold in FOLDS:
            for seed in (42, 43):
                accuracy = 0.5 + 0.01 * arms.index(arm) + 0.1 * fold + 0.001 * (seed - 42)
                made.add(arm, falling(accuracy), number=number, seed=seed, values={"data.fold": fold})
                number += 1
    found = load_results(path)
    return replace(found, trials=tuple(with_digest(one, f"fold {one.values['data.fold']}") for one in found.trials))


def with_digest(trial: Any, digest: str) -> Any:
    header = {**trial.record.header, "data": {**trial.record.header["data"], "digest": digest}}
    return replace(trial, record=replace(trial.record, header=header))


def last_of(results: RunResults, arm: str, **wanted: int) -> Candidate:
    trial = next(
        one
        for one in results.of_arm(arm)
        if one.identity.seed == wanted["seed"] and one.values["data.fold"] == wanted["fold"]
    )
    return Candidate(trial, trial.last)


@pytest.mark.parametrize("fold", FOLDS)
@pytest.mark.parametrize("seed", [42, 43])
def test_of_two_networks_over_folds_its_own_pair_is_taken(fold: int, seed: int, tmp_path: Path) -> None:
    results = over_folds(tmp_path / "run", *ARMS)
    for network in ("twistnet18", "resnet18"):
        found = equally_long(results, last_of(results, f"{network}_refill", fold=fold, seed=seed))
        assert found is not None
        assert found.arm == f"{network}_dense"
        (trial,) = found.trials
        assert (trial.values["data.fold"], trial.identity.seed) == (fold, seed)


def test_another_network_is_none_to_compare_with(tmp_path: Path) -> None:
    results = over_folds(tmp_path / "run", "twistnet18_dense", "resnet18_refill")
    candidate = last_of(results, "resnet18_refill", fold=1, seed=42)
    assert equally_long(results, candidate) is None
    assert "No arm of the run trained this network on these images for as long" in beside_dense_text(
        candidate, equally_long(results, candidate)
    )


def test_what_a_record_says_of_its_network_counts(tmp_path: Path) -> None:
    results = over_folds(tmp_path / "run", "resnet18_dense", "resnet18_refill")
    candidate = last_of(results, "resnet18_refill", fold=1, seed=42)
    assert candidate.trial.record is not None
    for ours, same in (({"arch": "resnet18"}, True), ({"arch": "resnet18", "args": {"width": 2}}, False)):
        told = [
            replace(one, record=replace(one.record, header={**one.record.header, "spec": spec}))
            for one in results.trials
            if one.record is not None
            for spec in [ours if one.identity.arm == "resnet18_refill" else {"arch": "resnet18"}]
        ]
        with_specs = replace(results, trials=tuple(told))
        found = equally_long(with_specs, last_of(with_specs, "resnet18_refill", fold=1, seed=42))
        assert (found is not None) is same


def test_without_a_pair_those_on_the_same_images_are_taken_and_no_others(tmp_path: Path) -> None:
    made = MadeRun(tmp_path / "run", arms={"rsst": {"prune.method": "rsst"}, "dense": {"prune.method": "dense"}})
    made.add("rsst", falling(0.9))
    for seed, last in ((101, 0.96), (102, 0.98)):
        made.add("dense", falling(last), removed=(0.0,) * 4, seed=seed, confirm=True)
    results = load_results(made.path)
    candidate = Candidate(results.trials[0], results.trials[0].last)
    found = equally_long(results, candidate)
    assert found is not None
    assert (found.val_accuracy, found.basis) == (pytest.approx(0.97), "mean of 2 trials, seeds 101, 102")
    apart = [with_digest(one, "other") if one.identity.seed == 102 else one for one in results.trials]
    found = equally_long(replace(results, trials=tuple(apart)), candidate)
    assert found is not None
    assert found.basis == "trial dense-confirm-s101"
