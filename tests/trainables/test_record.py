"""The record: what is appended can be read, torn ends are dropped, and it is cut back to a checkpoint."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainables.files.json_lines import complete_lines, finite
from trainables.files.overtaken import GoneOn
from trainables.files.record import RecordWriter, StateEnd, end_line, read_record, record_path

HEADER = {"identity": {"id": "a-000", "arm": "a", "phase": "search", "number": 0, "seed": 3}, "config": {"seed": 3}}
EPOCH = {"kind": "epoch", "state": 0, "epoch": 1, "train_loss": 0.5}


def state_end(state: int) -> StateEnd:
    return StateEnd(
        state=state,
        epochs=4,
        val_accuracy=0.9,
        val_loss=0.3,
        test_accuracy=0.8,
        test_loss=0.4,
        params=10,
        macs=20,
        removed_percent=5.0,
        kept={"head": 3},
        training_macs=1e6,
        seconds=2.0,
    )


def test_what_is_written_is_read(tmp_path: Path) -> None:
    writer = RecordWriter(tmp_path)
    writer.start(HEADER)
    writer.append(EPOCH)
    writer.append(state_end(0).to_json())
    record = read_record(tmp_path)
    assert record is not None
    assert record.status == "running"
    assert record.identity.id == "a-000"
    assert record.epochs == [EPOCH]
    assert record.states == [state_end(0)]
    writer.append(end_line("diverged", step=7))
    ended = read_record(tmp_path)
    assert ended is not None
    assert ended.status == "diverged"
    assert ended.end == {"kind": "end", "status": "diverged", "step": 7}


def test_no_record_is_none(tmp_path: Path) -> None:
    assert read_record(tmp_path) is None


@settings(max_examples=40)
@given(torn=st.integers(0, 60))
def test_a_torn_last_line_is_dropped_wherever_it_tore(tmp_path_factory, torn: int) -> None:
    folder = tmp_path_factory.mktemp("torn")
    writer = RecordWriter(folder)
    writer.start(HEADER)
    whole = writer.path.stat().st_size
    writer.append(EPOCH)
    path = record_path(folder)
    content = path.read_bytes()
    kept = min(len(content) - 1, whole + torn)
    path.write_bytes(content[:kept])
    assert len(complete_lines(path)) == 1


@settings(max_examples=60)
@given(kept=st.integers(0, 200))
def test_a_kill_leaves_the_first_of_many_lines_whole(tmp_path_factory: pytest.TempPathFactory, kept: int) -> None:
    writer = RecordWriter(tmp_path_factory.mktemp("killed"))
    writer.start(HEADER)
    before = writer.path.stat().st_size
    lines = [{**EPOCH, "epoch": epoch} for epoch in range(1, 4)]
    writer.append(*lines)
    written = writer.path.read_bytes()[before:]
    whole = written[:kept].count(b"\n")
    writer.path.write_bytes(writer.path.read_bytes()[: before + kept])
    assert complete_lines(writer.path)[1:] == lines[:whole]
    writer.append(*lines[whole:])
    assert writer.path.read_bytes()[before:] == written


def test_many_lines_are_those_written_one_by_one_and_reach_the_disk_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    together, singly = RecordWriter(tmp_path / "together"), RecordWriter(tmp_path / "singly")
    lines = [EPOCH, {**EPOCH, "train_loss": float("nan")}, state_end(0).to_json()]
    for line in lines:
        singly.append(line)
    flushed: list[int] = []
    monkeypatch.setattr("os.fsync", flushed.append)
    together.append(*lines)
    assert len(flushed) == 1
    assert together.path.read_bytes() == singly.path.read_bytes()


def test_a_launch_goes_on_from_its_place_and_cuts_nothing_off(tmp_path: Path) -> None:
    writer = RecordWriter(tmp_path)
    writer.start(HEADER)
    writer.append(EPOCH, {**EPOCH, "epoch": 2}, state_end(0).to_json(), {**EPOCH, "state": 1}, end_line("failed"))
    before = writer.path.read_bytes()
    for place, epochs, states in (((1, 0, 2), 2, 1), ((0, 1, 1), 1, 0), ((0, 0, 0), 0, 0)):
        RecordWriter(tmp_path, 3).go_on(*place)
        record = read_record(tmp_path)
        assert record is not None
        assert (len(record.epochs), len(record.states), record.status) == (epochs, states, "running")
        assert (record.reached.generation, record.launches[-1]) == (3, GoneOn(3, place[2]))
    assert writer.path.read_bytes().startswith(before)


def test_a_record_begun_anew_has_its_new_first_line(tmp_path: Path) -> None:
    RecordWriter(tmp_path, 1).start(HEADER)
    RecordWriter(tmp_path, 1).append(EPOCH)
    RecordWriter(tmp_path, 2).start({**HEADER, "config": {"seed": 4}})
    record = read_record(tmp_path)
    assert record is not None
    assert (record.config, list(record.epochs), record.launches) == ({"seed": 4}, [], (GoneOn(2, 0),))


def test_who_begins_a_record_late_replaces_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    late, newer = RecordWriter(tmp_path, 1), RecordWriter(tmp_path, 2)
    link = os.link

    def held_up(*paths: Path) -> None:
        monkeypatch.undo()
        newer.start(HEADER)
        newer.append(EPOCH)
        link(*paths)

    monkeypatch.setattr(os, "link", held_up)
    late.start({**HEADER, "config": {"seed": 4}})
    record = read_record(tmp_path)
    assert record is not None
    assert (record.config, list(record.epochs)) == (HEADER["config"], [EPOCH])


def test_a_line_after_a_torn_one_stands_on_its_own(tmp_path: Path) -> None:
    writer = RecordWriter(tmp_path)
    writer.start({"identity": {}, "config": {}})
    with writer.path.open("ab") as handle:
        handle.write(b'{"kind":"epo')
    writer.append(end_line("failed", error="the process died"))
    record = read_record(tmp_path)
    assert record is not None
    assert record.status == "failed"
    assert record.epochs == []


def test_numbers_that_are_not_finite_become_null() -> None:
    assert finite({"a": float("nan"), "b": [float("inf"), 1.0], "c": {"d": (2, float("-inf"))}}) == {
        "a": None,
        "b": [None, 1.0],
        "c": {"d": [2, None]},
    }


@pytest.mark.parametrize(
    "damaged",
    [
        b'{"kind": "epoch"\n"state": 0}\n',
        b'{"kind": [1\n2]}\n{"kind": "epoch"}\n',
        b'{"kind": "epoch"}, {"kind": "epoch"}\n',
        b"\x00\x00\x00\n",
        b"{}\n\n{\n",
    ],
)
def test_lines_that_are_no_values_by_themselves_are_damaged_even_where_together_they_are(
    tmp_path: Path, damaged: bytes
) -> None:
    path = record_path(tmp_path)
    path.write_bytes(damaged)
    with pytest.raises(json.JSONDecodeError):
        complete_lines(path)


def test_an_empty_record_and_empty_lines_hold_nothing(tmp_path: Path) -> None:
    path = record_path(tmp_path)
    path.write_bytes(b"")
    assert complete_lines(path) == []
    path.write_bytes(b'\n{"a": 1}\n \n{"b": 2}\n')
    assert complete_lines(path) == [{"a": 1}, {"b": 2}]
