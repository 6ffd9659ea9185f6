"""Which lines of a record count: those that no later launch has overtaken.

Each line says the generation of the launch that wrote it; without one it is 0, as in records of before. A trial that goes on
says in a `launch` line where: what stands before it counts up to there. After that, a line of an earlier launch counts for
nothing: its process had passed its guard, was held up, and wrote late. So nothing is ever cut off, and nobody can cut off what
another has written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

GENERATION = "generation"
BEGINS = ("config", "launch")
"""Kinds of the lines from which on other lines before them may not count any more."""


@dataclass(frozen=True)
class GoneOn:
    """A launch took the trial up after so many epochs in all its states; 0 where it began."""

    generation: int
    epochs: int


@dataclass(frozen=True)
class Counted:
    """`places` are those of the lines that count, without `launch` lines; `generation` is the newest that wrote."""

    places: list[int]
    generation: int
    launches: tuple[GoneOn, ...]


def counted(lines: Sequence[Mapping[str, Any]], generation: int = 0) -> Counted:
    """Which of a record's lines count. `generation` is the newest that wrote before the first of them."""
    places: list[int] = []
    launches: list[GoneOn] = []
    for place, line in enumerate(lines):
        by, kind = line.get(GENERATION, 0), line["kind"]
        if by < generation:
            continue
        generation = by
        if kind == "config":
            # The trial begins, or begins anew where nothing is left to go on from.
            places, launches = [place], [GoneOn(by, 0)]
        elif kind == "launch":
            places = _up_to(line, places, lines)
            launches.append(GoneOn(by, line["epochs_total"]))
        else:
            places.append(place)
    return Counted(places, generation, tuple(launches))


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
