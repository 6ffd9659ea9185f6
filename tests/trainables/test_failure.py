"""Which failures are alike: by class and place, whatever numbers they name."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from models.cost import count_macs
from models.errors import UserError
from trainables.files.failure import KEPT_CHARACTERS, Failure, keep_details


def raised(error: Exception) -> Failure:
    try:
        raise error
    except Exception as caught:
        return Failure.by(caught)


def within_ours(value: object) -> Failure:
    """An error from within this project's own code, whose text depends on what was given."""
    try:
        count_macs(value, ())  # type: ignore[arg-type]
    except Exception as caught:
        return Failure.by(caught)
    raise AssertionError


def test_lack_of_gpu_memory_is_one_failure_whatever_was_asked_for() -> None:
    first, second = (raised(torch.OutOfMemoryError(f"CUDA out of memory. Tried to allocate {n} MiB")) for n in (2, 6))
    assert first.of == "gpu_memory"
    assert first.told != second.told
    assert first.sameness == second.sameness


def test_an_error_is_known_by_its_class_and_its_place_in_our_code() -> None:
    first, second = within_ours(3), within_ours("text")
    assert first.told != second.told
    assert first.place is not None
    assert first.place.startswith("models/")
    assert first.sameness == second.sameness
    assert first.sameness != raised(ValueError("elsewhere")).sameness


def test_a_users_mistake_is_known_by_what_it_says() -> None:
    assert raised(UserError("data.root: a")).sameness == raised(UserError("data.root: a")).sameness
    assert raised(UserError("data.root: a")).sameness != raised(UserError("data.root: b")).sameness


@pytest.mark.parametrize("failure", [within_ours(3), raised(UserError("no such file")), Failure("process", "died")])
def test_what_is_recorded_is_read_back(failure: Failure) -> None:
    assert Failure.of_end({"kind": "end", "status": "failed", **failure.to_json()}).sameness == failure.sameness


def test_an_old_record_says_what_was_told_and_no_more() -> None:
    old = Failure.of_end({"kind": "end", "status": "failed", "error": "ValueError: 3"})
    assert old == Failure("error", "ValueError: 3")


def test_details_are_added_and_the_first_go_when_there_are_too_many(tmp_path: Path) -> None:
    keep_details(tmp_path, "first")
    keep_details(tmp_path, "second")
    text = (tmp_path / "error.txt").read_text()
    assert text.index("first") < text.index("second")
    keep_details(tmp_path, "x" * KEPT_CHARACTERS)
    text = (tmp_path / "error.txt").read_text()
    assert "first" not in text
    assert len(text) == KEPT_CHARACTERS
