"""How long the arms' networks take for an image: as recorded, else measured once and kept beside the report."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models import atomic
from models.own_parts import is_own
from models.units.structure import Structure
from search.console import announce
from search.evidence.formats import counted
from search.evidence.selection import final_trial
from search.run.candidates import Candidate, all_candidates, pareto
from search.run.results import RunResults
from trainables.files.environment import processor

FILE = "latency.json"
MOST = 6
"""Networks of an arm that are measured, evenly by size."""
SECONDS = 5.0
"""After which no further one is measured; the next report goes on."""


@dataclass(frozen=True)
class Latencies:
    """Milliseconds of each candidate, and on what they were measured."""

    of: tuple[tuple[Candidate, float], ...]
    place: str


def latencies(results: RunResults, out: Path | None) -> Latencies | None:
    """As the trials recorded them (`measure.latency`); else of some networks of a complete run, measured on this processor with
    one thread. None where there is neither: while a run goes on, its trials would be in the way."""
    candidates = all_candidates(results)
    recorded = [(one, one.state.latency_ms) for one in candidates]
    known = tuple((one, ms) for one, ms in recorded if ms is not None)
    if known:
        return Latencies(known, _devices([one for one, _ in known]))
    if out is None or not results.complete:
        return None
    shown = [one for arm in results.arm_names for one in spread(to_measure(results, arm))]
    if not shown:
        return None
    return Latencies(_measured(shown, out / FILE), f"{processor()}, one image at a time, one thread")


def to_measure(results: RunResults, arm: str) -> list[Candidate]:
    """An arm's front and the states of the network that `export --arm` takes, the smallest first; of equally large ones the
    most accurate."""
    chosen = final_trial(results, arm)
    of_arm = [one for one in all_candidates(results, arm) if _spec(one)]
    found = [*pareto(of_arm, "macs"), *(one for one in of_arm if chosen and one.trial.id == chosen.id)]
    best: dict[tuple[int, int], Candidate] = {}
    for one in sorted(found, key=lambda one: one.state.val_accuracy):
        best[(one.state.macs, one.state.params)] = one
    return [best[size] for size in sorted(best)]


def spread(sizes: Sequence[Candidate]) -> list[Candidate]:
    """At most MOST of them, the first and the last among these."""
    count = min(len(sizes), MOST)
    return [sizes[round(index * (len(sizes) - 1) / max(1, count - 1))] for index in range(count)]


def _measured(shown: Sequence[Candidate], file: Path) -> tuple[tuple[Candidate, float], ...]:
    known = _kept(file)
    missing = [one for one in _ends_first(shown) if _key(one) not in known]
    if missing:
        announce(f"measuring how long {counted(len(missing), 'network')} take for an image")
        begun = time.monotonic()
        for one in missing:
            if time.monotonic() - begun < SECONDS:
                known[_key(one)] = milliseconds(one)
        content = {"processor": processor(), "batch": 1, "threads": 1, "milliseconds": known}
        atomic.write_json(file, content)
    return tuple((one, known[_key(one)]) for one in shown if _key(one) in known)


def _ends_first(shown: Sequence[Candidate]) -> list[Candidate]:
    """The smallest, the largest, and then what lies between: wherever time is over, the axis is spanned."""
    sizes = sorted(shown, key=lambda one: one.state.macs)
    return [*sizes[:1], *sizes[:0:-1]]


def _kept(file: Path) -> dict[str, float]:
    """What was measured on this processor before."""
    try:
        content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        return dict(content["milliseconds"]) if content["processor"] == processor() else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}  # nothing but time is lost


def _key(candidate: Candidate) -> str:
    """A network with its size: a trial that was made anew may have another."""
    return f"{candidate.name} {candidate.state.params} {candidate.state.macs}"


def milliseconds(candidate: Candidate) -> float:
    """Of one image through the candidate's network, whose weights do not matter to that and need not have been kept."""
    from models.cost import measure_latency
    from models.save_load import build_compact
    from models.spec import ModelSpec

    spec = ModelSpec.from_json(_spec(candidate))
    model = build_compact(spec, Structure.from_json(candidate.state.structure))
    return measure_latency(model, spec.input_shape, "cpu", 1)


def _spec(candidate: Candidate) -> dict[str, Any]:
    """Of its network before anything was removed; empty where an older record does not tell, or where it is a user's own, whose
    code a reader of runs does not run."""
    record = candidate.trial.record
    spec: dict[str, Any] = (record.header.get("spec") if record else None) or {}
    return {} if is_own(str(spec.get("arch")), "architectures") else spec


def _devices(candidates: Sequence[Candidate]) -> str:
    found = []
    for one in candidates:
        environment = one.trial.record.header.get("environment", {}) if one.trial.record else {}
        found.append(str(environment.get("gpu") or environment.get("processor") or "an unnamed device"))
    return ", ".join(dict.fromkeys(found)) + ", as the trials recorded it"
