"""Trials that prune TwistNet's interaction heads: end to end, with channels or without, after a kill."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch

from models.looking_inside import inside_of, looked_into
from models.save_load import load, load_parts
from tests.trainables.small_trials import killed_after_each, numbers, open_trial, run
from tests.trainables.stages.test_sharing import opened, outcome, record_of, taken
from trainables.states import running_state

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("narrow_twistnet")]

TWIST: dict[str, Any] = {
    "model": {"arch": "twistnet18"},
    "data": {"image_size": 16, "train_limit": 64},
    "train": {"epochs_per_state": 2, "optimizer": "sgd", "lr": 0.02},
}
SCHEDULE = {"states": 2, "channel_ratio": 0.6, "interaction_ratio": 0.75}
ALONE: dict[str, Any] = {"target": "interaction", "schedule": SCHEDULE}
WITH_CHANNELS: dict[str, Any] = {"target": ["channel", "interaction"], "schedule": SCHEDULE}


@pytest.mark.parametrize("method", ["refill", "rsst", "random", "one_shot"])
@pytest.mark.parametrize("prune", [ALONE, WITH_CHANNELS], ids=["alone", "with channels"])
def test_heads_go_and_what_is_written_is_the_network_that_was_judged(
    tmp_path: Path, method: str, prune: dict[str, Any]
) -> None:
    run(open_trial(tmp_path, **TWIST, prune={"method": method, **prune}))
    ends = record_of(tmp_path).states
    assert [end.kept["interaction"] for end in ends] == ([16, 4, 4] if method == "one_shot" else [16, 8, 4])
    for end in ends:
        file = tmp_path / "states" / f"{end.state:02}.safetensors"
        parts, model = load_parts(file), load(file)
        assert parts.structure.kept_of_kind() == end.kept
        assert sum(parameter.numel() for parameter in model.parameters()) == end.params
        assert model(torch.zeros(2, *parts.spec.input_shape)).isfinite().all()
    assert ends[-1].macs < ends[0].macs
    assert all(end.removal for end in ends[1:] if method == "rsst")


@pytest.mark.parametrize(
    "prune",
    [
        WITH_CHANNELS | {"method": "rsst", "compensate": "least_squares", "rewind": {"epoch": 1}},
        WITH_CHANNELS | {"criterion": "activation_l2", "scope": "layerwise", "min_kept": 0},
    ],
    ids=["repaired", "by activations"],
)
def test_killed_at_any_epoch_it_ends_with_the_same_numbers(tmp_path: Path, prune: dict[str, Any]) -> None:
    for folder in killed_after_each(tmp_path, 5, **TWIST, prune=prune):
        assert numbers(folder) == numbers(tmp_path / "straight"), folder.name


@pytest.mark.parametrize("criterion", ["wanda", "obs", "reconstruction", "fisher", "taylor"])
def test_every_criterion_goes_on_scoring_when_heads_are_gone(tmp_path: Path, criterion: str) -> None:
    run(open_trial(tmp_path, **TWIST, prune={**WITH_CHANNELS, "criterion": criterion}))
    assert record_of(tmp_path).states[-1].kept["interaction"] == 4


def test_a_macs_target_is_met_by_channels_and_heads(tmp_path: Path) -> None:
    schedule = {"states": 2, "macs_target": 0.7, "interaction_ratio": 0.5}
    run(open_trial(tmp_path, **TWIST, prune={**WITH_CHANNELS, "schedule": schedule}))
    ends = record_of(tmp_path).states
    assert 0.65 < ends[-1].macs / ends[0].macs <= 0.7


def test_the_record_tells_the_inside_at_every_epoch_and_products_at_a_states_end(tmp_path: Path) -> None:
    trial = open_trial(tmp_path, **TWIST, prune={"method": "rsst", **ALONE})
    run(trial)
    record = record_of(tmp_path)
    assert [[("products" in told) for told in line["inside"].values()] for line in record.epochs] == [
        [False] * 4,
        [True] * 4,
    ] * 3
    parts = load_parts(tmp_path / "states/02.safetensors").structure
    for block, told in record.epochs[-1]["inside"].items():
        there = [head in parts.kept(f"{block}.interactions") for head in range(4)]
        assert [one is not None for one in told["gate"]] == [one is not None for one in told["products"]] == there
    model = load(tmp_path / "states/02.safetensors")
    with torch.no_grad(), looked_into(model) as looks:
        for images, _ in trial.procedure.eval_batches("val", 32):
            model(images)
    assert inside_of(looks, ended=True)["inside"] == record.epochs[-1]["inside"]


def test_looking_makes_no_trial_another_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(open_trial(tmp_path / "looked", **TWIST, prune={"method": "rsst", **WITH_CHANNELS}))
    monkeypatch.setattr(running_state, "inside_of", lambda looks, ended: {})
    monkeypatch.setattr(running_state, "looked_into", lambda model: nullcontext({}))
    run(open_trial(tmp_path / "blind", **TWIST, prune={"method": "rsst", **WITH_CHANNELS}))
    looked = [{key: value for key, value in line.items() if key != "inside"} for line in numbers(tmp_path / "looked")]
    assert looked == numbers(tmp_path / "blind")
    final = [(tmp_path / folder / "states/02.safetensors") for folder in ("looked", "blind")]
    first, second = (load(file).state_dict() for file in final)
    assert all(torch.equal(value, second[key]) for key, value in first.items())


def test_a_state_that_is_taken_over_brings_its_inside(tmp_path: Path) -> None:
    trials, stages = tmp_path / "run/trials", tmp_path / "stages"
    run(opened(trials / "first", stages, **TWIST, prune=WITH_CHANNELS))
    run(opened(trials / "second", stages, **TWIST, prune={**ALONE, "method": "rsst"}))
    run(opened(trials / "alone", None, **TWIST, prune={**ALONE, "method": "rsst"}))
    assert taken(trials / "second") == [True, False, False]
    assert outcome(trials / "second") == outcome(trials / "alone")
    inside = [[line["inside"] for line in record_of(trials / name).epochs] for name in ("second", "alone")]
    assert inside[0] == inside[1]
