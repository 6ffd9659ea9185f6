"""A record read on from where it grew says what the whole record says, and leaves in the file what takes room."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.support.machine import kept
from models import atomic
from models.errors import UserError
from models.units.structure import Structure
from tests.configs.files import REPOSITORY
from trainables.files.growing import outline, read_on
from trainables.files.json_lines import encode
from trainables.files.record import RecordWriter, StateEnd, TrialRecord, end_line, read_record, record_path
from trainables.files.unread import UnreadStructure

HEADER = {"identity": {"id": "a-000", "arm": "a", "phase": "search", "number": 0, "seed": 3}, "config": {"seed": 3}}
EPOCHS = 2
"""Of each state here."""


def structure(neurons: int, left: float = 1.0) -> dict[str, Any]:
    """Of twelve blocks, the first units of each."""
    groups: dict[str, Any] = {}
    for block in range(12):
        groups[f"blocks.{block}.attn"] = {"kind": "head", "total": 6, "kept": list(range(round(6 * left)))}
        groups[f"blocks.{block}.mlp"] = {"kind": "neuron", "total": neurons, "kept": list(range(round(neurons * left)))}
    return groups


def state_end(state: int, units: Mapping[str, Any]) -> StateEnd:
    return StateEnd(
        state=state, epochs=EPOCHS * (state + 1), val_accuracy=0.9, val_loss=0.3, test_accuracy=0.8, test_loss=0.4, params=10,
        macs=20, removed_percent=5.0, kept={"head": 3}, training_macs=1e6, seconds=2.0 / 3, structure=units, warnings=["one"],
    )  # fmt: skip


def epoch(state: int, number: int) -> dict[str, Any]:
    line = {
        "kind": "epoch",
        "state": state,
        "epoch": number,
        "train_loss": 1 / 3,
        "kept": {"head": 3},
        "seconds": number / 7,
    }
    return {**line, "taken_from": "run/b-000"} if state == 0 else line


def lines(states: int, neurons: int = 16) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [{"kind": "config", "schema_version": 1, **HEADER}]
    for state in range(states):
        found += [epoch(state, number) for number in range(1, EPOCHS + 1)]
        found.append(state_end(state, structure(neurons, 1 - state / 20)).to_json())
    return [*found, end_line("finished")]


def written(folder: Path, *parts: Mapping[str, Any]) -> Path:
    path = record_path(folder)
    folder.mkdir(exist_ok=True)
    path.write_bytes(b"".join(encode(part) for part in parts))
    return path


def look(path: Path, known: TrialRecord | None = None) -> TrialRecord | None:
    return outline(path, read_on(path, known.read_to if known else None), known)


def seen(record: TrialRecord | None) -> Any:
    """All that a record says, what is left in its file too."""
    assert record is not None
    ends = [end.to_json() for end in record.states]
    return record.header, list(record.epochs), ends, record.end, len(record.epochs), record.epochs_taken_over


def test_what_is_left_in_the_file_is_what_the_whole_record_holds(tmp_path: Path) -> None:
    path = written(tmp_path, *lines(states=3))
    assert seen(look(path)) == seen(read_record(tmp_path))
    found = look(path)
    assert found is not None
    assert found.states == read_record(tmp_path).states  # type: ignore[union-attr]  # just written
    assert Structure.from_json(found.states[2].structure) == Structure.from_json(structure(16, 0.9))
    assert (found.epochs[-1], found.epochs_taken_over) == (epoch(2, EPOCHS), EPOCHS)


@settings(max_examples=40, deadline=None)
@given(cuts=st.lists(st.integers(0, 6500), max_size=6))
def test_however_a_record_grew_it_is_the_same(tmp_path_factory: pytest.TempPathFactory, cuts: list[int]) -> None:
    path = written(tmp_path_factory.mktemp("grew"), *lines(states=3))
    content, known = path.read_bytes(), None
    assert len(content) > 6500, "cuts reach its last lines"
    path.write_bytes(b"")
    for cut in [*sorted(cuts), len(content)]:
        with path.open("ab") as handle:
            handle.write(content[handle.tell() : cut])
        known = look(path, known)
        whole = read_record(path.parent)
        assert (known is None) == (whole is None)
        assert known is None or seen(known) == seen(whole)


def test_only_what_was_added_is_read_and_a_torn_line_is_left_for_the_next_look(tmp_path: Path) -> None:
    first, *rest = (encode(line) for line in lines(states=1))
    path = record_path(tmp_path)
    path.write_bytes(first + rest[0] + rest[1][:30])
    grown = read_on(path, None)
    assert (grown.first, [line["kind"] for line in grown.lines]) == (1, ["config", "epoch"])
    assert read_on(path, grown.read_to).lines == []
    with path.open("ab") as handle:
        handle.write(rest[1][30:])
    again = read_on(path, grown.read_to)
    assert (again.first, again.lines) == (3, [epoch(0, 2)])


def test_a_writer_that_drops_a_torn_line_is_followed(tmp_path: Path) -> None:
    path = written(tmp_path, *lines(states=1)[:2])
    path.open("ab").write(b'{"kind":"epo')
    known = look(path)
    RecordWriter(tmp_path).append(epoch(0, 2))
    assert seen(look(path, known)) == seen(read_record(tmp_path))


@pytest.mark.parametrize("how", ["gone on", "begun anew", "replaced", "in place", "longer, in place", "shorter"])
def test_another_file_in_its_stead_is_read_anew(tmp_path: Path, how: str) -> None:
    path = written(tmp_path, *lines(states=2)[:-1])
    known, writer = look(path), RecordWriter(tmp_path)
    before = seen(known)
    other = [replace(state_end(0, structure(16)), val_accuracy=0.1).to_json()]
    if how == "gone on":
        writer.go_on(0, EPOCHS, EPOCHS)
        writer.append(*other)
    elif how == "begun anew":
        writer.start({**HEADER, "config": {"seed": 4}})
        writer.append(epoch(0, 1), *other)
    elif how == "replaced":
        atomic.write_bytes(path, b"".join(map(encode, [*lines(states=2)[:3], *other, *other, *other])))
    else:
        inode = path.stat().st_ino
        content = (
            path.read_bytes().replace(b'"val_accuracy":0.9', b'"val_accuracy":0.4').replace(b'["one"]', b'["two"]')
        )
        more = b"".join(map(encode, other))
        path.write_bytes({"in place": content, "longer, in place": content + more}.get(how, content[:2000]))
        assert path.stat().st_ino == inode
    whole = read_record(tmp_path)
    assert seen(look(path, known)) == seen(whole) != before


def test_a_file_of_the_same_number_and_length_is_known_by_its_last_bytes(tmp_path: Path) -> None:
    path = written(tmp_path, *lines(states=1)[:3])
    known, size = look(path), path.stat().st_size
    path.write_bytes(path.read_bytes().replace(encode(epoch(0, 2)), encode({**epoch(0, 2), "seconds": 5 / 7})))
    assert path.stat().st_size == size
    found = look(path, known)
    assert seen(found) == seen(read_record(tmp_path))
    assert found is not None
    assert found.epochs[-1]["seconds"] == 5 / 7


def kept_bytes(path: Path) -> int:
    look(path)
    record, size = kept(lambda: look(path))
    assert record is not None
    assert len(record.states) == 16
    return size


def test_what_stays_in_memory_does_not_grow_with_the_network_or_with_epochs(tmp_path: Path) -> None:
    small = kept_bytes(written(tmp_path / "small", *lines(states=16)))
    large = kept_bytes(written(tmp_path / "large", *lines(states=16, neurons=400)))
    long = lines(states=16)
    long[1:1] = [epoch(0, number) for number in range(1, 200)]
    assert record_path(tmp_path / "large").stat().st_size > 5 * record_path(tmp_path / "small").stat().st_size
    assert small < 50_000
    assert abs(large - small) < 2_000
    assert abs(kept_bytes(written(tmp_path / "long", *long)) - small) < 2_000


def plain(line: Mapping[str, Any]) -> str:
    """As JSON is written by others: with spaces."""
    return json.dumps(line) + "\n"


@pytest.mark.parametrize(
    "group", ["odd}name", '}},"taken_from":', "]}}", "structure", ',"structure":{"', "blocks.0.attn"], ids=range(6)
)
def test_whatever_a_group_is_called_the_record_is_the_same(tmp_path: Path, group: str) -> None:
    units = {group: {"kind": "head", "total": 6, "kept": [0, 2]}, "other": {"kind": "head", "total": 6, "kept": []}}
    told = {"error_removed": 0.5, "error_repaired": 0.25, "strength": 0.1}
    end = replace(state_end(0, units), repair={"first": told, group: told}, warnings=['a "structure":{"', "]}}"])
    path = written(tmp_path, *lines(states=1)[:3], end.to_json())
    assert seen(look(path)) == seen(read_record(tmp_path))


@pytest.mark.parametrize("without", ["structure", "taken_from"])
def test_a_state_of_another_form_is_read_whole(tmp_path: Path, without: str) -> None:
    end = {**state_end(0, structure(16)).to_json(), **({"structure": {}} if without == "structure" else {})}
    if without == "taken_from":
        del end["taken_from"]
    path = written(tmp_path, *lines(states=1)[:3], end, end_line("finished"))
    found = look(path)
    assert found is not None
    assert isinstance(found.states[0].structure, dict)
    assert seen(found) == seen(read_record(tmp_path))


def test_structures_of_the_first_version_are_left_in_the_file_too() -> None:
    folder = REPOSITORY / "tests" / "data" / "old_run" / "trials" / "rsst-000"
    found = look(record_path(folder))
    assert found is not None
    assert all(isinstance(end.structure, UnreadStructure) for end in found.states)
    assert seen(found) == seen(read_record(folder))


def test_a_record_written_with_spaces_is_read_whole(tmp_path: Path) -> None:
    path = record_path(tmp_path)
    path.write_text("".join(plain(line) for line in lines(states=2)), encoding="utf-8")
    assert seen(look(path)) == seen(read_record(tmp_path))


def test_a_structure_that_is_not_there_any_more_or_damaged_is_told(tmp_path: Path) -> None:
    path = written(tmp_path, *lines(states=2))
    found, content = look(path), path.read_bytes()
    assert found is not None
    last = found.states[1].structure
    path.write_bytes(content.replace(b'"kept":[0,1', b'"kept":[0,,1'))
    with pytest.raises(UserError, match="state 1 is damaged"):
        last.items()
    path.write_bytes(b"".join(encode(line) for line in lines(states=1)))
    with pytest.raises(UserError, match="state 1 is not in it any more"):
        len(last)
    path.unlink()
    with pytest.raises(UserError, match="not there any more"):
        last["blocks.0.attn"]


def test_a_damaged_line_is_an_error_where_its_trial_may_go_on(tmp_path: Path) -> None:
    path = written(tmp_path, *lines(states=1)[:3])
    path.write_bytes(path.read_bytes().replace(b'"train_loss":0.3', b'"train_loss":,0.3'))
    with pytest.raises(json.JSONDecodeError):
        read_on(path, None)
    path.write_bytes(path.read_bytes() + encode(end_line("finished")))
    assert len(look(path).epochs) == EPOCHS  # type: ignore[union-attr,arg-type]  # an ended trial's epochs are counted
