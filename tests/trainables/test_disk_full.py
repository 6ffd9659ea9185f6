"""A disk that fills up in the middle of a write: the trial fails, and goes on with the same numbers once there is room.

A limit on the size of files stands in for the disk: the kernel writes what fits of a file and refuses the rest.
"""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.trainables.small_trials import open_trial, run
from trainables.files.record import read_record

LASTING = ("val_accuracy", "val_loss", "test_accuracy", "params", "removed_percent")


@contextmanager
def files_no_larger_than(size: int) -> Iterator[None]:
    before, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (before, hard))


def numbers(folder: Path) -> tuple[list[int], list[list[Any]]]:
    record = read_record(folder)
    assert record is not None
    epochs = [line["epochs_total"] for line in record.epochs]
    return epochs, [[getattr(state, name) for name in LASTING] for state in record.states]


@pytest.mark.slow
@pytest.mark.parametrize("torn", ["record", "checkpoint"])
def test_a_write_that_does_not_fit_costs_one_epoch_at_most(tmp_path: Path, straight: Path, torn: str) -> None:
    folder, epochs = tmp_path / "filled", 3
    trial = open_trial(folder)
    for _ in range(epochs):
        trial.step()
    record = (folder / "record.jsonl").stat().st_size
    with files_no_larger_than(record + 30 if torn == "record" else 100_000), pytest.raises(Exception):  # noqa: B017,PT011  (OSError of Python or of safetensors)
        trial.step()
    found = read_record(folder)
    assert found is not None
    assert len(found.epochs) == epochs + (torn == "checkpoint")
    assert not list(folder.rglob("*.tmp"))
    again = open_trial(folder)
    assert again.procedure.position.epochs_total == epochs
    run(again)
    assert numbers(folder) == numbers(straight)
