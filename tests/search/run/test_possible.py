"""What a study asks for that can never be had here: a machine's limits, and constraints that no state meets."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

from models.errors import UserError
from search.run.possible.constraints import check_constraints
from search.run.possible.ends import Ends
from search.run.possible.levels import check_levels
from search.run.possible.machine import check_machine
from search.run.preflight import check_request
from tests.search.run.test_checks import path, study_of

__all__ = ["path"]


def refused(path: Path, *sets: str) -> str:
    with pytest.raises(UserError) as caught:
        check_request(study_of(path, *sets))
    assert caught.value.exit_status == 2
    return str(caught.value)


def on_a_machine(monkeypatch: pytest.MonkeyPatch, gpus: int) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)


@pytest.mark.parametrize(
    ("option", "told"),
    [
        ("resources.cpus_per_trial=4096", "resources.cpus_per_trial: 4096 CPUs are asked for a trial, but there are "),
        ("resources.gpus_per_trial=64", "resources.gpus_per_trial: 64 GPUs are asked for a trial, but there are 1"),
    ],
)
def test_more_than_this_machine_has_is_refused_and_left_to_a_cluster_to_judge(
    option: str, told: str, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_a_machine(monkeypatch, 1)
    assert refused(path, option).startswith(f"--set {option}: {told}")
    check_request(study_of(path, option, "resources.address=head:6379"))


@pytest.mark.parametrize(
    ("gpus", "sets", "told"),
    [
        (0, ["trial.train.device=cuda"], "found cuda, but a trial sees no GPU"),
        (0, ["space.train.device={choice: [cpu, cuda]}"], "found cuda, but a trial sees no GPU"),
        (2, ["trial.train.device=cuda", "resources.gpus_per_trial=0"], "found cuda, but a trial sees no GPU"),
        (2, ["trial.train.device=gpu"], "found 'gpu'; expected auto, cpu, cuda or cuda:N"),
        (2, ["trial.train.device=cuda:1"], "found cuda:1, but a trial sees one GPU, cuda:0"),
        (2, ["trial.train.device=cuda:2", "resources.gpus_per_trial=2"], "found cuda:2, but a trial sees 2 GPUs"),
    ],
)
def test_a_device_that_its_trials_will_not_see_is_refused(
    gpus: int, sets: list[str], told: str, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_a_machine(monkeypatch, gpus)
    message = refused(path, *sets)
    assert message.startswith(f"--set {sets[0]}: ")
    assert f"train.device: {told}" in message


@pytest.mark.parametrize(("gpus", "device"), [(0, "auto"), (1, "cpu")])
def test_graphs_are_refused_where_trials_train_on_a_cpu(
    gpus: int, device: str, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_a_machine(monkeypatch, gpus)
    message = refused(path, "trial.train.graph=always", f"trial.train.device={device}")
    assert message.startswith("--set trial.train.graph=always: ")
    assert (
        "train.graph: found always, but its trials train on a CPU, where there are no CUDA graphs; use auto, or "
        in message
    )
    on_a_machine(monkeypatch, 1)
    check_machine(study_of(path, "trial.train.graph=always"))


@pytest.mark.parametrize(
    ("gpus", "sets"),
    [
        (1, ["trial.train.device=cuda"]),
        (2, ["trial.train.device=cuda:1", "resources.gpus_per_trial=2"]),
        (2, ["trial.train.device=cuda", "resources.gpus_per_trial=0.5"]),
        (0, ["trial.train.device=cuda", "resources.address=head:6379"]),
    ],
)
def test_a_device_that_its_trials_see_is_not(
    gpus: int, sets: list[str], path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_a_machine(monkeypatch, gpus)
    check_machine(study_of(path, *sets))


@pytest.mark.parametrize(
    ("sets", "told"),
    [
        (
            ["search.constraints=macs <= 0.05"],
            r"macs <= 0\.05 of dense: no state of arm refill can meet it: .*MACs, 0\.",
        ),
        (["search.constraints=params <= 1k"], r"params <= 1000: no state of arm refill .* parameters, 0\.\d+ of dense"),
        (["search.constraints=removed_percent >= 99"], r"removed_percent >= 99: .* \d\d\.\d % removed; loosen it"),
        (["search.constraints=[macs <= 0.99, macs <= 0.05]"], r"macs <= 0\.05 of dense: no state of arm refill"),
        (["search.constraints=val_accuracy >= 90"], r"accuracies lie between 0 and 1; write 0\.9, or 90%"),
        (
            ["search.constraints=macs <= 0.2", "space.prune.schedule.neuron_ratio={uniform: [0.1, 0.5]}"],
            r"no state of arm refill can meet it",
        ),
    ],
)
def test_a_constraint_that_no_state_can_meet_is_refused(sets: list[str], told: str, path: Path) -> None:
    message = refused(path, *sets)
    assert message.startswith(f"--set {sets[0]}: search.constraints: ")
    assert re.search(told, message), message


@pytest.mark.parametrize(
    "sets",
    [
        ["search.constraints=macs <= 0.9"],
        # Only where both are at their upper ends, which no single corner shows.
        [
            "search.constraints=macs <= 0.2",
            "space.prune.schedule.neuron_ratio={uniform: [0.1, 0.95]}",
            "space.prune.schedule.head_ratio={uniform: [0.1, 0.75]}",
        ],
        ["search.constraints=macs <= 0.2", "trial.prune.schedule.macs_target=0.15"],
        ["search.constraints=val_accuracy >= 0.9"],
    ],
)
def test_a_constraint_that_some_state_may_meet_is_not(sets: list[str], path: Path) -> None:
    study = study_of(path, *sets)
    check_constraints(study, Ends(study))


def test_references_need_not_meet_a_constraint(path: Path) -> None:
    arms = "arms={dense: {prune.method: dense}, imp: {prune.method: imp}}"
    study = study_of(path, "search.constraints=macs <= 0.01", arms)
    check_constraints(study, Ends(study))


def level_warnings(path: Path, *sets: str) -> list[str]:
    study = study_of(path, *sets)
    return check_levels(study, Ends(study))


RATIOS = "space.prune.schedule={choice: [{head_ratio: 0.3, neuron_ratio: 0.3}, {head_ratio: 0.75, neuron_ratio: 0.75}]}"
OWN_RATIO = RATIOS.replace("]}", "], arms: [rsst]}")
WITH_DENSE = "arms={refill: {}, dense: {prune.method: dense}}"
FAR = "prune.schedule.head_ratio: 0.75, prune.schedule.neuron_ratio: 0.75"
ONE_FAR = f"arms={{refill: {{prune.method: refill}}, far: {{prune.method: rsst, {FAR}}}}}"
TWO_FAR = ONE_FAR.replace("arms={", f"arms={{other: {{prune.method: random, {FAR}}}, ")
AT_60 = "search.objective={metric: val_accuracy, at: 60}"


@pytest.mark.parametrize(
    ("sets", "told"),
    [
        (
            ["search.objective={metric: val_accuracy, at: 95}"],
            r"val_accuracy at 95 % removed: no state of arm refill gets there: its smallest last state has 50\.0 % removed",
        ),
        (["search.objective=[macs, {metric: val_loss, at: 50.1}]"], "val_loss at 50.1 % removed: no state of arm refill"),
        ([AT_60, OWN_RATIO], r"no state of arm refill gets there"),
        (["compare.at=[30, 95]"], r"95 % removed: no two arms .*: rsst 50\.0 % removed, refill 50\.0 % removed\)"),
        (["compare.at={macs: 0.1}"], r"10 % of dense MACs: no two arms .*: rsst 50\.\d % of dense MACs, refill 50"),
        # The baseline is in every pair.
        (["compare.at=[60]", ONE_FAR], r"states: refill 50\.0 % removed\)"),
        (["compare.at=[30]", "compare.baseline=dense", WITH_DENSE], r"states: dense 0\.0 % removed\)"),
    ],
)  # fmt: skip
def test_a_place_that_no_network_gets_to_is_refused(sets: list[str], told: str, path: Path) -> None:
    message = refused(path, *sets)
    assert message.startswith(f"--set {sets[0]}: {sets[0].partition('=')[0]}: ")
    assert re.search(told, message), message


@pytest.mark.parametrize(
    ("sets", "told"),
    [
        (["compare.at=[30, 50]"], []),
        ([AT_60, RATIOS, "compare.at=[60]"], []),
        (["search.constraints=removed_percent >= 60", RATIOS, "compare.at=[60]"], []),
        (["search.constraints=macs <= 0.4", RATIOS, "compare.at={macs: 0.4}"], []),
        ([RATIOS, "compare.at=[60]"], ["rsst is compared there only if", "refill is compared there only if"]),
        (["compare.at=[60]", "compare.baseline=far", TWO_FAR], ["refill is not compared there, since its smallest last"]),
    ],
)  # fmt: skip
def test_a_place_that_some_networks_get_to_is_warned_of(sets: list[str], told: list[str], path: Path) -> None:
    found = level_warnings(path, *sets)
    assert len(found) == len(told), found
    assert all(one in line for one, line in zip(told, found, strict=True)), found


def test_a_size_that_another_arm_decides_is_not_judged(path: Path) -> None:
    arms = "arms={refill: {prune.method: refill}, scratch: {prune.method: scratch, prune.scratch.arm: refill}}"
    assert level_warnings(path, arms, "compare.at=[40]") == []


def test_a_run_that_has_begun_is_told_and_goes_on(path: Path) -> None:
    """An earlier version let it begin, and what it compares may not change any more."""
    study = study_of(path, "compare.at=[95]")
    with pytest.raises(UserError, match="no two arms"):
        check_request(study)
    assert any("no two arms can be compared there" in line for line in check_request(study, begun=True))
