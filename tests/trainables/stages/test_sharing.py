"""A state that another trial trained is taken over with the very numbers that training it would give."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from models.weights.digest import tensor_digest
from tests.trainables.small_trials import numbers, run, small_config
from tests.trainables.test_channel_trial import CHANNELS, RESNET18
from trainables.files.record import Identity, TrialRecord, read_record
from trainables.stages.store import StageStore
from trainables.trial import Trial

METHODS = ("refill", "rsst", "random", "one_shot", "dense", "imp")


def opened(folder: Path, stages: Path | None, **changes: Any) -> Trial:
    store = None if stages is None else StageStore(stages, 1.0)
    return Trial.open(folder, Identity(folder.name, "t"), small_config(**changes), stages=store)


def record_of(folder: Path) -> TrialRecord:
    record = read_record(folder)
    assert record is not None
    return record


def taken(folder: Path) -> list[bool]:
    """For each state, whether it was taken over."""
    return [end.taken_from is not None for end in record_of(folder).states]


def outcome(folder: Path) -> list[Any]:
    """All numbers of a trial: its record without times and origins, and every tensor of every state."""
    lines = [
        {key: value for key, value in line.items() if key not in ("taken_from", "identity")} for line in numbers(folder)
    ]
    files = sorted((folder / "states").glob("*.safetensors"))
    tensors = [{name: tensor_digest(tensor) for name, tensor in load_file(file).items()} for file in files]
    return [lines, [file.name for file in files], tensors]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("rewind", ["continue", {"epoch": 1}])
def test_a_trial_taken_over_whole_has_the_numbers_of_one_that_trained(tmp_path: Path, method: str, rewind: Any) -> None:
    changes: dict[str, Any] = {"prune": {"method": method, "rewind": rewind}, "train": {"epochs_per_state": 2}}
    for name, stages in (("alone", None), ("first", tmp_path / "stages"), ("second", tmp_path / "stages")):
        run(opened(tmp_path / "run/trials" / name, stages, **changes))
    alone, first, second = (tmp_path / "run/trials" / name for name in ("alone", "first", "second"))
    assert taken(first) == [False] * 3
    assert taken(second) == [True] * 3
    assert {end.taken_from for end in record_of(second).states} == {"run/first"}
    assert outcome(alone) == outcome(first) == outcome(second)


@pytest.mark.parametrize(
    ("changes", "shared"),
    [
        ({"prune": {"method": "rsst"}}, 1),
        ({"prune": {"method": "random"}}, 1),
        ({"prune": {"rewind": "init"}}, 1),
        ({"prune": {"rewind": {"epoch": 1}}}, 0),
        ({"prune": {"schedule": {"kind": "custom", "kept": [0.7, 0.2], "states": 2}}}, 1),
        ({"train": {"epochs_total": 5, "epochs_rule": "first_heavy"}}, 2),
        ({"train": {"distill": {"weight": 0.5}}}, 1),
        ({"data": {"workers": 0}}, 3),
        ({"train": {"lr": 1e-3}}, 0),
        ({"seed": 6}, 0),
        ({"data": {"train_limit": 95}}, 0),
    ],
)
def test_what_is_shared_is_the_common_beginning_and_the_rest_is_as_if_alone(
    tmp_path: Path, changes: dict[str, Any], shared: int
) -> None:
    trials, stages = tmp_path / "run/trials", tmp_path / "stages"
    run(opened(trials / "first", stages))
    for name, store in (("alone", None), ("second", stages)):
        run(opened(trials / name, store, **changes))
    assert sum(taken(trials / "second")) == shared
    assert outcome(trials / "alone") == outcome(trials / "second")


@pytest.mark.slow
def test_state_0_is_trained_once_for_all_that_return_to_different_epochs_of_it(tmp_path: Path) -> None:
    trials, stages = tmp_path / "run/trials", tmp_path / "stages"
    store = StageStore(stages, 1.0, (1, 2))
    for epoch in (2, 1):
        changes = {"prune": {"rewind": {"epoch": epoch}}, "train": {"epochs_per_state": 3}}
        config = small_config(**changes)
        trial = Trial.open(trials / f"epoch-{epoch}", Identity(f"epoch-{epoch}", "t"), config, stages=store)
        if epoch == 2:
            trial.step(), trial.close()  # it goes on in the middle of state 0, with epoch 1 behind it
            trial = Trial.open(trials / "epoch-2", Identity("epoch-2", "t"), config, stages=store)
        run(trial)
        run(opened(trials / f"alone-{epoch}", None, **changes))
        assert taken(trials / f"epoch-{epoch}") == [epoch != 2, False, False]
        assert outcome(trials / f"epoch-{epoch}") == outcome(trials / f"alone-{epoch}")
    assert not list(trials.glob("*/checkpoint/for-others"))


def test_a_wait_for_the_first_event_is_trained_once_for_all_methods(tmp_path: Path) -> None:
    waits = {"epochs_total": 4, "first_event": 0.5, "state0": {"epochs": 1}}
    trials, stages = tmp_path / "run/trials", tmp_path / "stages"
    for name, method, store in (("first", "refill", stages), ("second", "rsst", stages), ("alone", "rsst", None)):
        run(opened(trials / name, store, train=waits, prune={"method": method}))
    assert taken(trials / "second") == [True, True, False, False]
    assert outcome(trials / "alone") == outcome(trials / "second")


def test_a_deeper_schedule_goes_on_where_a_shallower_one_ended(tmp_path: Path) -> None:
    trials, stages = tmp_path / "run/trials", tmp_path / "stages"
    for states in (1, 2, 3):
        changes = {"prune": {"schedule": {"kind": "geometric", "states": states, "rate_per_state": 0.2}}}
        run(opened(trials / f"deep-{states}", stages, **changes))
        assert taken(trials / f"deep-{states}") == [True] * states + [False] if states > 1 else [False] * 2


def test_left_in_the_middle_it_goes_on_and_takes_the_rest(tmp_path: Path) -> None:
    trials, stages = tmp_path / "run/trials", tmp_path / "stages"
    run(opened(trials / "first", stages, prune={"rewind": {"epoch": 1}}))
    trial = opened(trials / "second", stages, prune={"rewind": {"epoch": 1}})
    line = trial.step()
    assert line["state_ended"]
    assert line["taken_from"] == "run/first"
    trial.close()
    run(opened(trials / "second", stages, prune={"rewind": {"epoch": 1}}))
    assert outcome(trials / "first") == outcome(trials / "second")


def test_while_another_trains_a_state_one_waits_and_then_takes_it(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("trainables.trial.PAUSE", 0.0)
    trials, stages = tmp_path / "run/trials", tmp_path / "stages"
    first, second = opened(trials / "first", stages), opened(trials / "second", stages)
    first.step()
    assert second.step() == {"kind": "waiting", "waiting": True, "state": 0, "warnings": []}
    first.step()
    assert second.step()["taken_from"] == "run/first"
    second.step()
    assert first.step()["waiting"], "the other is ahead now"
    second.close()
    assert "waiting" not in first.step(), "who leaves lets go"
    run(first)
    assert taken(trials / "first") == [False] * 3


def test_what_a_trial_keeps_under_its_own_name_takes_no_second_room(tmp_path: Path) -> None:
    run(opened(tmp_path / "run/trials/first", tmp_path / "stages"))
    for end in record_of(tmp_path / "run/trials/first").states:
        file = tmp_path / "run/trials/first" / str(end.file)
        assert file.stat().st_nlink == 2
        file.unlink()  # as retention does
    run(opened(tmp_path / "run/trials/second", tmp_path / "stages"))
    assert taken(tmp_path / "run/trials/second") == [True] * 3


def test_a_later_state_is_never_taken_on_another_start(tmp_path: Path) -> None:
    """The key of a state holds those before it: an equal event on another network is another state."""
    trials, stages = tmp_path / "run/trials", tmp_path / "stages"
    torch.manual_seed(0)
    run(opened(trials / "first", stages))
    run(opened(trials / "second", stages, seed=6))
    keys = {folder.name for folder in stages.glob("??/*")}
    assert len(keys) == 6


def test_what_a_taken_state_says_is_on_the_page_of_files(tmp_path: Path) -> None:
    for name in ("first", "second"):
        run(opened(tmp_path / "run/trials" / name, tmp_path / "stages"))
    page = (Path(__file__).parents[3] / "docs/files.md").read_text(encoding="utf-8")
    line = record_of(tmp_path / "run/trials/second").epochs[0]
    assert line["taken_from"] == "run/first"
    assert page.count("`taken_from`") >= 2


@pytest.mark.slow
@pytest.mark.usefixtures("narrow_twistnet")
@pytest.mark.parametrize("arch", ["timm:resnet18", "twistnet18"])
def test_convolutional_networks_go_on_from_a_taken_state_as_if_alone(tmp_path: Path, arch: str) -> None:
    args = RESNET18 if arch == "timm:resnet18" else {}
    for name, stages, last in (("first", "stages", 0.3), ("alone", None, 0.4), ("second", "stages", 0.4)):
        schedule = {"kind": "custom", "states": 2, "kept": [0.7, last]}
        prune = {**CHANNELS["prune"], "method": "rsst", "schedule": schedule}
        changes = {**CHANNELS, "model": {"arch": arch, "args": args}, "prune": prune}
        run(opened(tmp_path / "run/trials" / name, stages and tmp_path / stages, **changes))
    assert taken(tmp_path / "run/trials/second") == [True, True, False]
    assert outcome(tmp_path / "run/trials/alone") == outcome(tmp_path / "run/trials/second")


def test_who_goes_on_in_the_middle_of_a_state_claims_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trainables.trial.PAUSE", 0.0)
    trials, stages = tmp_path / "run/trials", tmp_path / "stages"
    first = opened(trials / "first", stages)
    first.step(), first.close()
    again, other = opened(trials / "first", stages), opened(trials / "second", stages)
    again.step()
    assert other.step()["taken_from"] == "run/first"
