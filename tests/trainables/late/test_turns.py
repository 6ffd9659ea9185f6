"""A trial that was started again in the same launch, while its first process lives on where it cannot be reached."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.trainables.small_trials import small_config
from trainables.files.generation import Fence, Fenced, next_generation
from trainables.files.record import Identity, read_record
from trainables.files.request import TrialRequest, write_request
from trainables.files.turn import TURNS, begin_turn, launch_of, next_turn
from trainables.tune_trainable import TuneTrainable


@pytest.fixture
def asked(tmp_path: Path) -> dict[str, Any]:
    """Ray's configuration of a trial of two states, in a run's first launch."""
    config = small_config(prune={"schedule": {"states": 1}}).model_dump(mode="json")
    write_request(tmp_path / "t-000", TrialRequest(Identity("t-000", "t", "search", 0, 5), config))
    return {
        "run": str(tmp_path),
        "folder": str(tmp_path / "t-000"),
        "generation": next_generation(tmp_path),
        "retry_failed": False,
        "stages": (str(tmp_path / "stages"), 1.0, ()),
        "checkpoint_seconds": 0,
        "checkpoint_steps": None,
    }


def seen(folder: Path) -> tuple[str, list[tuple[int, int]], list[int]]:
    record = read_record(folder)
    assert record is not None
    return (
        record.status,
        [(line["state"], line["epoch"]) for line in record.epochs],
        [end.state for end in record.states],
    )


WHOLE = ("finished", [(0, 1), (0, 2), (1, 1), (1, 2)], [0, 1])


@pytest.mark.parametrize("before", [0, 1, 2, 3])
def test_the_first_process_stops_at_its_next_write_and_the_second_ends_the_trial(
    asked: dict[str, Any], before: int
) -> None:
    folder = Path(asked["folder"])
    first, second = TuneTrainable(asked), TuneTrainable(asked)
    for _ in range(before):
        first.step()
    second.step()
    ours = [file for file in folder.rglob("*") if file.is_file() and file.suffix in (".jsonl", ".safetensors", "")]
    kept = {file: file.read_bytes() for file in ours}
    if before:  # otherwise it has not begun, and would be the newest
        with pytest.raises(Fenced, match="started again elsewhere"):
            first.step()
        first.cleanup()
        assert {file: content for file, content in kept.items() if file.read_bytes() != content} == {}
    while not second.step()["done"]:
        pass
    second.cleanup()
    assert seen(folder) == WHOLE


def test_what_the_first_writes_although_it_may_not_counts_for_nothing(
    asked: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It had passed its guard, and was held up."""
    folder = Path(asked["folder"])
    first, second = TuneTrainable(asked), TuneTrainable(asked)
    first.step()
    second.step()
    with monkeypatch.context() as late:
        late.setattr("trainables.files.turn.Turn.__call__", lambda turn: None)
        while not first.step()["done"]:
            pass
        first.cleanup()
    status, epochs, _ = seen(folder)
    assert status == "running", "its end is none"
    assert epochs == WHOLE[1][: len(epochs)]
    while not second.step()["done"]:
        pass
    second.cleanup()
    assert seen(folder) == WHOLE
    other = {**asked, "folder": str(folder.with_name("t-001"))}
    config = small_config(prune={"schedule": {"states": 1}}).model_dump(mode="json")
    write_request(folder.with_name("t-001"), TrialRequest(Identity("t-001", "t", "search", 1, 5), config))
    third = TuneTrainable(other)
    while not third.step()["done"]:
        pass
    third.cleanup()
    assert seen(folder.with_name("t-001")) == WHOLE, "what it shared is whole"


def test_a_later_launch_comes_after_every_turn_of_an_earlier_one(tmp_path: Path) -> None:
    numbers = []
    for launch in (1, 2):
        fence = Fence(tmp_path, next_generation(tmp_path))
        numbers += [begin_turn(tmp_path / "t", fence).generation for _ in range(3)]
        assert {launch_of(number) for number in numbers[-3:]} == {launch}
    assert numbers == sorted(set(numbers))
    assert next_turn(1, 7) == TURNS + 1
    assert launch_of(7) == 7, "a launch's own number, as where a trial has no turns"
