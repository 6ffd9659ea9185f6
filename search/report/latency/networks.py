"""Of which networks a report measures the time: an arm's front and what is exported, each structure once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from models.own_parts import is_own
from search.evidence.selection import final_trial
from search.run.candidates import Candidate, all_candidates, pareto
from search.run.results import RunResults

MOST = 6
"""Networks of an arm that are measured, evenly by size."""


@dataclass(frozen=True)
class Network:
    """One structure of one network, and all states that have it: they differ in weights, which no time depends on."""

    key: str
    of: tuple[Candidate, ...]

    @property
    def macs(self) -> int:
        return self.of[0].state.macs


def to_measure(results: RunResults, arm: str) -> list[Candidate]:
    """An arm's front and the states of the network that `export --arm` takes, the smallest first; of equally large ones the
    most accurate."""
    chosen = final_trial(results, arm)
    of_arm = [one for one in all_candidates(results, arm) if spec_of(one) and one.state.structure]
    found = [*pareto(of_arm, "macs"), *(one for one in of_arm if chosen and one.trial.id == chosen.id)]
    best: dict[tuple[int, int], Candidate] = {}
    for one in sorted(found, key=lambda one: one.state.val_accuracy):
        best[(one.state.macs, one.state.params)] = one
    return [best[size] for size in sorted(best)]


def spread(sizes: Sequence[Candidate]) -> list[Candidate]:
    """At most MOST of them, the first and the last among these."""
    count = min(len(sizes), MOST)
    return [sizes[round(index * (len(sizes) - 1) / max(1, count - 1))] for index in range(count)]


def networks_of(candidates: Iterable[Candidate]) -> list[Network]:
    """Each structure once: the smallest, the largest, then what lies between; wherever time is over, the axis is spanned."""
    found: dict[str, list[Candidate]] = {}
    for one in candidates:
        told = json.dumps([spec_of(one), dict(one.state.structure)], sort_keys=True)
        found.setdefault(hashlib.sha256(told.encode()).hexdigest()[:16], []).append(one)
    sizes = sorted((Network(key, tuple(of)) for key, of in found.items()), key=lambda one: one.macs)
    return [*sizes[:1], *sizes[:0:-1]]


def spec_of(candidate: Candidate) -> dict[str, Any]:
    """Of its network before anything was removed; empty where an older record does not tell, or where it is a user's own, whose
    code a reader of runs does not run."""
    record = candidate.trial.record
    spec: dict[str, Any] = (record.header.get("spec") if record else None) or {}
    return {} if is_own(str(spec.get("arch")), "architectures") else spec
