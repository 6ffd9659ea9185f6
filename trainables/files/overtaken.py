"""Which lines of a record count: those that no later launch has overtaken.

Each line says the generation of the launch that wrote it; without one it is 0, as in records of before. A trial that goes on
says in a `launch` line where: what stands before it counts up to there. After that, a line of an earlier launch counts for
nothing: its process had passed its guard, was held up, and wrote late. So nothing is ever cut off, and nobody can cut off what
another has written. A process of the same launch that could not be reached, and whose trial was started again elsewhere, may
write late as well: of two that train the same epoch the first line counts, where it is the one that comes now.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

GENERATION = "generation"
BEGINS = ("config", "launch")
"""Kinds of the lines from which on other lines before them may not count any more."""


@dataclass(frozen=True)
class GoneOn:
    """A launch took the trial up after so many epochs in all its states; 0 where it began."""

    generation: int
    epochs: int


class Reached(NamedTuple):
    """How far the lines that count go: the newest launch that wrote, epochs in all, the state that the last one is of and its
    number there, and the last state that has ended."""

    generation: int = 0
    epochs: int = 0
    state: int = -1
    epoch: int = 0
    ended: int = -1

    def is_next(self, line: Mapping[str, Any]) -> bool:
        """Whether an epoch's or state's line is the one that comes now: what a second process of one launch writes is not."""
        state = line["state"]
        if line["kind"] == "state":
            return bool(state == self.ended + 1 and line["epochs"] == self.epochs)
        after = (self.state, self.epoch + 1) if self.state > self.ended else (self.ended + 1, 1)
        return (state, line["epoch"]) == after

    def after(self, line: Mapping[str, Any]) -> Reached:
        if line["kind"] == "epoch":
            return Reached(self.generation, self.epochs + 1, line["state"], line["epoch"], self.ended)
        return self._replace(ended=line["state"]) if line["kind"] == "state" else self

    def gone_on(self, launch: Mapping[str, Any]) -> Reached:
        state = launch["state"]
        return self._replace(epochs=launch["epochs_total"], state=state, epoch=launch["epoch"], ended=state - 1)


BEGINNING = Reached()


@dataclass(frozen=True)
class Counted:
    """`places` are those of the lines that count, without `launch` lines."""

    places: list[int]
    reached: Reached
    launches: tuple[GoneOn, ...]


def counted(lines: Sequence[Mapping[str, Any]], reached: Reached = BEGINNING) -> Counted:
    """Which of a record's lines count. `reached` is how far those before the first of them go."""
    places: list[int] = []
    launches: list[GoneOn] = []
    for place, line in enumerate(lines):
        by, kind = line.get(GENERATION, 0), line["kind"]
        if by < reached.generation:
            continue
        if by > reached.generation:
            reached = reached._replace(generation=by)
        if kind == "config":
            # The trial begins, or begins anew where nothing is left to go on from.
            places, launches, reached = [place], [GoneOn(by, 0)], Reached(by)
        elif kind == "launch":
            places = _up_to(line, places, lines)
            launches.append(GoneOn(by, line["epochs_total"]))
            reached = reached.gone_on(line)
        elif by == 0 or kind not in ("epoch", "state") or reached.is_next(line):
            places.append(place)
            reached = reached.after(line)
    return Counted(places, reached, tuple(launches))


def _up_to(launch: Mapping[str, Any], places: list[int], lines: Sequence[Mapping[str, Any]]) -> list[int]:
    """What is left where a launch goes on: the epochs and states before its place, and no end."""
    left, epochs = [], 0
    for place in places:
        line = lines[place]
        epochs += line["kind"] == "epoch"
        later = {"epoch": epochs > launch["epochs_total"], "end": True}
        if line["kind"] == "state":
            later["state"] = line["state"] >= launch["state"]
        if not later.get(line["kind"], False):
            left.append(place)
    return left


def holds(launches: Sequence[GoneOn], epochs: int, generation: int) -> bool:
    """Whether the first so many epochs are as this launch knew them: none of a later one has begun before their last."""
    return all(one.generation <= generation for one in launches if one.epochs < epochs)


def without_generation(line: dict[str, Any]) -> dict[str, Any]:
    """What a line says of the trial."""
    line.pop(GENERATION, None)
    return line
