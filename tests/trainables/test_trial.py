"""One whole trial: every method keeps the same promises, and a trial that was killed ends with the same numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from models.errors import UserError
from models.save_load import load, load_parts
from models.units.compaction import slice_state
from pruning.catalogue import CRITERIA
from tests.trainables.small_trials import numbers, open_trial, run, small_config
from trainables.files.record import read_record

REMOVING = ("refill", "rsst", "random", "one_shot")


@pytest.mark.parametrize("method", [*REMOVING, "dense", "imp"])
def test_every_method_trains_every_state_and_reports_it(tmp_path: Path, method: str) -> None:
    result = run(open_trial(tmp_path, prune={"method": method}))
    record = read_record(tmp_path)
    assert record is not None
    assert result["status"] == "finished"
    assert [state["state"] for state in result["states"]] == [0, 1, 2]
    assert [line["epochs_total"] for line in record.epochs] == [1, 2, 3, 4, 5, 6]
    for end in record.states:
        last = [line for line in record.epochs if line["state"] == end.state][-1]
        assert end.val_accuracy == last["val_accuracy"]
        assert 0 <= end.test_accuracy <= 1
        network = load(tmp_path / f"states/{end.state:02d}.safetensors")
        assert sum(parameter.numel() for parameter in network.parameters()) == end.params


@pytest.mark.parametrize("method", REMOVING)
def test_removal_compounds_to_the_asked_fraction_of_the_original(tmp_path: Path, method: str) -> None:
    result = run(open_trial(tmp_path, prune={"method": method}))
    kept = [state["kept"] for state in result["states"]]
    assert kept[0] == {"head": 8, "neuron": 512}
    assert kept[2] == {"head": 4, "neuron": 204}
    expected_middle = kept[2] if method == "one_shot" else {"head": 5, "neuron": 323}
    assert kept[1] == expected_middle
    removed = [state["removed_percent"] for state in result["states"]]
    assert removed[0] == 0 < removed[1] <= removed[2]
    assert result["states"][2]["macs"] < result["states"][0]["macs"]
    first, last = (load_parts(tmp_path / f"states/0{state}.safetensors").structure for state in (1, 2))
    assert all(set(last.kept(name)) <= set(first.kept(name)) for name in first.groups)


def test_dense_removes_nothing_and_imp_only_masks(tmp_path: Path) -> None:
    dense = run(open_trial(tmp_path / "dense", prune={"method": "dense"}))
    masked = run(open_trial(tmp_path / "imp", prune={"method": "imp"}))
    assert [state["removed_percent"] for state in dense["states"]] == [0, 0, 0]
    assert len({state["macs"] for state in masked["states"]}) == 1
    assert masked["states"][2]["removed_percent"] > 50
    weights = load_file(tmp_path / "imp/states/02.safetensors")["blocks.0.mlp.fc1.weight"]
    assert (weights == 0).float().mean() > 0.2


def test_rsst_shrinks_its_units_before_they_go_and_refill_does_not(tmp_path: Path) -> None:
    run(open_trial(tmp_path / "rsst", prune={"method": "rsst", "rsst": {"shrink": 1e-3}}))
    run(open_trial(tmp_path / "refill"))
    shrunk, cut = read_record(tmp_path / "rsst"), read_record(tmp_path / "refill")
    assert shrunk is not None
    assert cut is not None
    for end, other in zip(shrunk.states[1:], cut.states[1:], strict=True):
        assert end.removal is not None
        assert other.removal is not None
        assert end.removal["magnitude_ratio"] > 50 > other.removal["magnitude_ratio"]
        assert abs(end.removal["val_accuracy_after"] - end.removal["val_accuracy_before"]) <= 0.1
    phases = [line["phase"] for line in shrunk.epochs if line["state"] == 1]
    assert phases[-1] == "recover"
    assert max(line["lambda"] for line in shrunk.epochs if line["state"] == 0) == 0


@pytest.mark.parametrize("method", ["refill", "rsst"])
@pytest.mark.parametrize("rewind", ["init", {"epoch": 1}])
def test_rewinding_returns_every_surviving_tensor_exactly(tmp_path: Path, method: str, rewind: Any) -> None:
    trial = open_trial(tmp_path, prune={"method": method, "rewind": rewind})
    procedure = trial.procedure
    initial = {name: tensor.clone() for name, tensor in procedure.initial.items()}
    wanted = initial
    while procedure.position.state == 0:
        trial.step()
        if rewind != "init" and procedure.position.state == 0 and procedure.position.epoch == 1:
            wanted = procedure.network.snapshot()
    assert not torch.equal(procedure.network.model.head.weight, wanted["head.weight"])
    procedure.start_state()
    network = procedure.network
    expected = slice_state(wanted, network.dense_groups, network.structure)
    found = network.model.state_dict()
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in expected)
    assert all(torch.equal(procedure.initial[name], initial[name]) for name in initial), "the stored weights moved"


def test_an_exploding_loss_is_diverged_with_its_step(tmp_path: Path) -> None:
    trial = open_trial(
        tmp_path, train={"optimizer": "sgd", "lr": 1e6, "clip_grad_norm": None, "schedule": {"warmup": 0}}
    )
    result = run(trial)
    record = read_record(tmp_path)
    assert record is not None
    assert record.end is not None
    assert result["status"] == "diverged"
    assert record.end["step"] >= 0
    assert "loss" in record.end["error"]


def test_a_last_step_that_breaks_the_network_is_diverged_and_not_a_success(tmp_path: Path) -> None:
    changes: dict[str, Any] = {
        "train": {"optimizer": "sgd", "lr": 1e30, "clip_grad_norm": None, "batch_size": 96, "epochs_per_state": 1},
        "prune": {"schedule": {"states": 0}},
    }
    result = run(open_trial(tmp_path, **changes))
    record = read_record(tmp_path)
    assert record is not None
    assert record.end is not None
    assert result["status"] == "diverged", "the only training loss, taken before the only step, is finite"
    assert (record.end["state"], record.end["step"]) == (0, 0)
    assert "validation loss" in record.end["error"]
    assert not record.states


def test_scratch_takes_another_trials_structure_and_random_weights(tmp_path: Path, straight: Path) -> None:
    file = straight / "states/02.safetensors"
    result = run(open_trial(tmp_path / "scratch", prune={"method": "scratch", "scratch": {"file": str(file)}}))
    source = load_parts(file)
    assert [state["state"] for state in result["states"]] == [0]
    assert load_parts(tmp_path / "scratch/states/00.safetensors").structure == source.structure
    record = read_record(tmp_path / "scratch")
    assert record is not None
    assert len(record.epochs) == 6
    assert record.header["weights"]["verdict"] == "random"


def test_equal_training_macs_give_the_small_network_more_epochs(tmp_path: Path, straight: Path) -> None:
    file = str(straight / "states/02.safetensors")
    changes = {"prune": {"method": "scratch", "scratch": {"file": file, "match": "macs"}}}
    run(open_trial(tmp_path / "scratch", **changes))
    source, scratch = read_record(straight), read_record(tmp_path / "scratch")
    assert source is not None
    assert scratch is not None
    assert len(scratch.epochs) > len(source.epochs)
    assert scratch.states[-1].training_macs == pytest.approx(source.states[-1].training_macs, rel=0.1)


@pytest.mark.parametrize("target", ["head", "mlp"])
def test_only_the_target_is_pruned(tmp_path: Path, target: str) -> None:
    kept = run(open_trial(tmp_path, prune={"target": target}))["states"][2]["kept"]
    assert kept == ({"head": 4, "neuron": 512} if target == "head" else {"head": 8, "neuron": 204})


@pytest.mark.parametrize("macs_target", [0.45, 0.7])
def test_a_macs_target_is_met_by_the_largest_network_within_it(tmp_path: Path, macs_target: float) -> None:
    result = run(open_trial(tmp_path, prune={"schedule": {"macs_target": macs_target}}))
    dense, last = result["states"][0]["macs"], result["states"][2]["macs"]
    assert 0.99 * macs_target < last / dense <= macs_target


@pytest.mark.parametrize("scope", ["global", "layerwise"])
def test_layers_at_multiples_still_meet_a_macs_target(tmp_path: Path, scope: str) -> None:
    prune = {"round_to": 8, "scope": scope, "schedule": {"macs_target": 0.5}}
    result = run(open_trial(tmp_path, train={"epochs_per_state": 1}, prune=prune))
    dense, last = result["states"][0]["macs"], result["states"][2]["macs"]
    assert 0.95 * 0.5 < last / dense <= 0.5
    for state in ("01", "02"):
        groups = load_parts(tmp_path / f"states/{state}.safetensors").structure.groups.values()
        widths = [len(group.kept) for group in groups if group.kind == "neuron"]
        assert all(width % 8 == 0 for width in widths)
    assert max(widths) < 256


def test_distillation_uses_the_trials_own_dense_network(tmp_path: Path, straight: Path) -> None:
    run(open_trial(tmp_path, train={"distill": {"weight": 0.9, "temperature": 2.0}}))
    lines, others = numbers(straight), numbers(tmp_path)
    assert lines[:2] == others[:2], "state 0 has no teacher"
    assert lines[2]["train_loss"] != others[2]["train_loss"]


@pytest.mark.parametrize("criterion", sorted({*CRITERIA} - {"magnitude"}))
def test_every_criterion_works_in_a_trial(tmp_path: Path, criterion: str) -> None:
    result = run(open_trial(tmp_path, train={"epochs_per_state": 1}, prune={"criterion": criterion}))
    assert result["states"][2]["kept"] == {"head": 4, "neuron": 204}


def test_imp_widths_come_from_magnitudes_and_fillback_keeps_more(tmp_path: Path) -> None:
    narrow = run(open_trial(tmp_path / "narrow", prune={"widths": "imp"}))["states"][2]["kept"]
    filled = run(open_trial(tmp_path / "filled", prune={"widths": "imp", "fillback_rate": 0.5}))["states"][2]["kept"]
    assert narrow["neuron"] < filled["neuron"] < 512


def test_the_seed_decides_everything(tmp_path: Path, straight: Path) -> None:
    for name, seed in (("same", 5), ("other", 6)):
        run(open_trial(tmp_path / name, seed=seed))
    assert numbers(straight) == numbers(tmp_path / "same")
    assert numbers(straight) != numbers(tmp_path / "other")
    assert small_config(seed=6).seed == 6


def test_a_target_the_network_does_not_have_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match=r"prune\.target: channel needs channels, but vit_micro has none that can be cut"
    ):
        open_trial(tmp_path, prune={"target": "channel"})


def test_latency_is_measured_where_it_is_asked_for(tmp_path: Path) -> None:
    run(open_trial(tmp_path / "timed", measure={"latency": True}, train={"epochs_per_state": 1}))
    run(open_trial(tmp_path / "plain", train={"epochs_per_state": 1}))
    timed, plain = read_record(tmp_path / "timed"), read_record(tmp_path / "plain")
    assert timed is not None
    assert plain is not None
    assert all(end.latency_ms is not None and end.latency_ms > 0 for end in timed.states)
    assert all(end.latency_ms is None for end in plain.states)
    assert [end.val_accuracy for end in timed.states] == [end.val_accuracy for end in plain.states]


def test_a_penalty_that_cannot_be_met_is_found_before_any_training(tmp_path: Path) -> None:
    strong = {"method": "rsst", "rsst": {"lambda_max": 1e4}}
    with pytest.raises(UserError, match=r"prune\.rsst\.lambda_max"):
        open_trial(tmp_path, prune=strong)
    assert read_record(tmp_path) is None


def test_without_a_test_split_nothing_is_measured_on_one(tmp_path: Path) -> None:
    folder = tmp_path / "t"
    result = run(open_trial(folder, data={"test_fraction": 0}))
    assert result["test_accuracy"] is None
    record = read_record(folder)
    assert record is not None
    assert [(end.test_accuracy, end.test_loss) for end in record.states] == [(None, None)] * 3
    assert record.header["data"]["sizes"]["test"] == 0
    assert not list((folder / "states").glob("*predictions*"))
