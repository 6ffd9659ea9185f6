"""What differs between two nested dictionaries, as an error message names it."""

from __future__ import annotations

from trainables.files.changed_keys import at_most, changed_keys


def test_a_changed_key_is_named_by_its_whole_path() -> None:
    assert changed_keys({"train": {"lr": 0.1}, "seed": 2}, {"train": {"lr": 0.3}, "seed": 2}) == [
        "train.lr was 0.1, is now 0.3"
    ]


def test_what_is_there_only_once_was_or_is_absent() -> None:
    assert changed_keys({"a": 1}, {"b": 2}) == ["a was 1, is now absent", "b was absent, is now 2"]


def test_a_section_that_became_a_value_is_named_on_both_sides() -> None:
    assert changed_keys({"rewind": {"epoch": 1}}, {"rewind": "init"}) == [
        "rewind.epoch was 1, is now absent",
        "rewind was absent, is now 'init'",
    ]


def test_what_a_file_cannot_tell_apart_is_no_change() -> None:
    assert changed_keys({"betas": (0.9, 0.999), "lr": 1}, {"betas": [0.9, 0.999], "lr": 1.0}) == []


def test_the_rest_is_counted() -> None:
    assert at_most(["a", "b", "c", "d"], 3) == ["a", "b", "c", "and 1 more"]
    assert at_most(["a", "b", "c"], 3) == ["a", "b", "c"]
