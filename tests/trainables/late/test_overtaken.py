"""Of lines of several launches, however they lie, those count that the truth has, read whole or as they came."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.trainables.test_growing_record import EPOCHS, HEADER, epoch, look, seen, state_end, structure
from trainables.files.json_lines import encode
from trainables.files.overtaken import GoneOn, holds
from trainables.files.record import StateEnd, TrialRecord, end_line, read_record, record_path

STATES = 2
Line = dict[str, Any]


def lines_of(launch: int) -> list[Line]:
    """A whole trial as one launch writes it, each figure of which tells the launch."""
    found: list[Line] = []
    for state in range(STATES):
        found += [{**epoch(state, number), "seconds": launch} for number in range(1, EPOCHS + 1)]
        found.append(replace(state_end(state, structure(4)), seconds=launch).to_json())
    return [*found, end_line("failed", error=f"as launch {launch} saw it")]


PLACES = [place for place in range(STATES * (EPOCHS + 1) + 1) if place % (EPOCHS + 1) != EPOCHS]
"""How many of these lines stand before a place where a trial goes on: never between a state's last epoch and its end."""


@dataclass
class Written:
    """A record's file, line by line, and what is true of it."""

    file: list[Line] = field(default_factory=list)
    truth: list[Line] = field(default_factory=list)
    header: Line = field(default_factory=dict)
    latest: int = 0

    def begin(self, launch: int, place: int) -> None:
        """Go on before the line at a place, or where the record does not have that many, begin anew."""
        self.latest = launch
        place = max(one for one in PLACES if one <= min(place, len(self.truth)))
        if place == 0:
            self.header, self.truth = {**HEADER, "kind": "config", "schema_version": 1, "warnings": [str(launch)]}, []
            self.file.append({**self.header, "generation": launch})
            return
        state, number = divmod(place, EPOCHS + 1)
        total = state * EPOCHS + number
        self.truth = self.truth[:place]
        line = {"kind": "launch", "state": state, "epoch": number, "epochs_total": total}
        self.file.append({**line, "generation": launch})

    def add(self, line: Line, launch: int) -> None:
        """A line of a launch, which counts if none has begun since."""
        self.file.append({**line, "generation": launch})
        if launch == self.latest:
            self.truth.append(line)

    def expected(self) -> Any:
        epochs = [line for line in self.truth if line["kind"] == "epoch"]
        states = [StateEnd.from_json(line).to_json() for line in self.truth if line["kind"] == "state"]
        ends = [line for line in self.truth if line["kind"] == "end"]
        taken = sum("taken_from" in line for line in epochs)
        return self.header, epochs, states, ends[-1] if ends else None, len(epochs), taken


@st.composite
def interleaved(draw: st.DrawFn) -> Written:
    """Up to three launches, any of which that is over writes up to two lines more wherever it likes."""
    written, left = Written(), {}
    for launch in range(1, draw(st.integers(1, 3)) + 1):
        written.begin(launch, draw(st.sampled_from(PLACES)))
        mine = lines_of(launch)[len(written.truth) :]
        late = [one for one in left for _ in range(2)]
        own = draw(st.integers(0, len(mine)))
        for who in draw(st.permutations([launch] * own + late)):
            rest = mine if who == launch else left[who]
            if rest and not (written.truth and written.truth[-1]["kind"] == "end" and who == launch):
                written.add(rest.pop(0), who)
        left[launch] = mine
    return written


@settings(max_examples=150, deadline=None)
@given(written=interleaved(), data=st.data())
def test_what_counts_is_the_truth_read_whole_and_as_it_came(
    tmp_path_factory: pytest.TempPathFactory, written: Written, data: st.DataObject
) -> None:
    path = record_path(tmp_path_factory.mktemp("late"))
    content = b"".join(map(encode, written.file))
    looks = [look for look in data.draw(st.lists(st.integers(0, len(content)), max_size=4)) if look]
    known: TrialRecord | None = None
    path.write_bytes(b"")
    for cut in [*sorted(looks), len(content)]:
        with path.open("ab") as handle:
            handle.write(content[handle.tell() : cut])
        known, whole = look(path, known), read_record(path.parent)
        assert (known is None) == (whole is None)
        assert known is None or seen(known) == seen(whole)
        assert known is None or (known.reached, known.launches) == (whole.reached, whole.launches)  # type: ignore[union-attr]
    assert seen(known) == written.expected()
    assert seen(look(path)) == written.expected()


def test_a_record_without_generations_counts_as_it_stands_until_a_launch_goes_on(tmp_path: Path) -> None:
    header = {**HEADER, "kind": "config", "schema_version": 1}
    old = [header, *lines_of(0)[:-1]]
    path = record_path(tmp_path)
    path.write_bytes(b"".join(map(encode, old)))
    before = seen(read_record(tmp_path))
    assert before[4] == STATES * EPOCHS
    with path.open("ab") as handle:
        handle.write(encode({"kind": "launch", "state": 1, "epoch": 1, "epochs_total": 3, "generation": 4}))
        handle.write(encode(lines_of(0)[EPOCHS + 2]))  # by the prunetune of before, late
    after = read_record(tmp_path)
    assert after is not None
    assert (len(after.epochs), len(after.states), after.launches) == (3, 1, (GoneOn(0, 0), GoneOn(4, 3)))


def in_turns(one: list[Line], other: list[Line], turns: list[bool]) -> list[Line]:
    """What two processes wrote, each in its own order; one of them at a time."""
    queues = {True: list(one), False: list(other)}
    written = [queues[turn].pop(0) for turn in turns if queues[turn]]
    return [*written, *queues[True], *queues[False]]


@settings(max_examples=100, deadline=None)
@given(
    place=st.sampled_from(PLACES), written=st.integers(0, len(lines_of(1))), turns=st.lists(st.booleans(), max_size=30)
)
def test_of_two_processes_of_one_launch_that_train_the_same_each_line_counts_once(
    tmp_path_factory: pytest.TempPathFactory, place: int, written: int, turns: list[bool]
) -> None:
    """The first could not be reached any more, and the trial was started again elsewhere, where it went on at a place."""
    truth, path = [{**line, "generation": 1} for line in lines_of(1)[:-1]], record_path(tmp_path_factory.mktemp("twin"))
    place = max(one for one in PLACES if one <= min(place, written))
    state, number = divmod(place, EPOCHS + 1)
    header = {**HEADER, "kind": "config", "schema_version": 1, "generation": 1}
    line = {"kind": "launch", "state": state, "epoch": number, "epochs_total": state * EPOCHS + number, "generation": 1}
    again = [header if place == 0 else line, *truth[place:]]
    before = [header, *truth[:written]]
    path.write_bytes(b"".join(map(encode, before)))
    known = look(path)
    path.write_bytes(b"".join(map(encode, [*before, *in_turns(truth[written:], again, turns)])))
    record = read_record(path.parent)
    assert record is not None
    assert [(one["state"], one["epoch"]) for one in record.epochs] == [
        (state, epoch) for state in range(STATES) for epoch in range(1, EPOCHS + 1)
    ]
    assert [one.state for one in record.states] == list(range(STATES))
    assert seen(look(path, known)) == seen(record)


@pytest.mark.parametrize(
    ("epochs", "generation", "known"),
    [(2, 1, True), (3, 1, False), (3, 2, True), (5, 2, False), (5, 3, True), (0, 0, True)],
)
def test_a_checkpoint_is_of_the_record_where_no_later_launch_wrote_what_it_stands_on(
    epochs: int, generation: int, known: bool
) -> None:
    assert holds((GoneOn(1, 0), GoneOn(2, 2), GoneOn(3, 4)), epochs, generation) is known
