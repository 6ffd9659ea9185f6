"""How long the arms' networks take for an image: as recorded, else measured once, in turns, and kept beside the report."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
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
"""For all of them; whatever would not come to FEWEST rounds in it is left out, but for the two that are asked for first."""
FEWEST = 6
"""Rounds; of fewer the median has no interval."""
LETTERS = 200
"""Of an error that is told below a figure."""
NO_TIME = f"no time was left in the {SECONDS:g} seconds that a report measures for"
Run = Callable[[], object]


@dataclass(frozen=True)
class Timing:
    """Median milliseconds and the ends of its 95 % interval; of a recorded one both are the median."""

    ms: float
    low: float
    high: float


@dataclass(frozen=True)
class Latencies:
    """Of each candidate, on what they were measured, and why which are not there, a sentence each."""

    of: tuple[tuple[Candidate, Timing], ...]
    place: str
    left_out: tuple[str, ...] = ()
    measured: bool = False
    """By the report, in turns, and not by the trials."""


@dataclass(frozen=True)
class Network:
    """One structure of one network, and all states that have it: they differ in weights, which no time depends on."""

    key: str
    of: tuple[Candidate, ...]

    @property
    def macs(self) -> int:
        return self.of[0].state.macs


def latencies(results: RunResults, out: Path | None) -> Latencies | None:
    """As the trials recorded them (`measure.latency`); else of some networks of a complete run, measured on this processor with
    one thread. None where there is neither: while a run goes on, its trials would be in the way."""
    candidates = all_candidates(results)
    recorded = [(one, one.state.latency_ms) for one in candidates]
    known = tuple((one, Timing(ms, ms, ms)) for one, ms in recorded if ms is not None)
    if known:
        return Latencies(known, _devices([one for one, _ in known]))
    if out is None or not results.complete:
        return None
    shown = [one for arm in results.arm_names for one in spread(to_measure(results, arm))]
    return _measured(networks_of(shown), out / FILE) if shown else None


def to_measure(results: RunResults, arm: str) -> list[Candidate]:
    """An arm's front and the states of the network that `export --arm` takes, the smallest first; of equally large ones the
    most accurate."""
    chosen = final_trial(results, arm)
    of_arm = [one for one in all_candidates(results, arm) if _spec(one) and one.state.structure]
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
        told = json.dumps([_spec(one), dict(one.state.structure)], sort_keys=True)
        found.setdefault(hashlib.sha256(told.encode()).hexdigest()[:16], []).append(one)
    sizes = sorted((Network(key, tuple(of)) for key, of in found.items()), key=lambda one: one.macs)
    return [*sizes[:1], *sizes[:0:-1]]


def _measured(networks: Sequence[Network], file: Path) -> Latencies:
    """What was measured here before, as it was; all anew, in turns with each other, where a network has come that can be."""
    known = _kept(file)
    missing = [one for one in networks if one.key not in known]
    reasons: dict[str, str] = {}
    if missing:
        announce(f"measuring how long {counted(len(missing), 'network')} take for an image")
        found, reasons = measured_in_turns(missing, [one for one in networks if one.key in known])
        if found:
            known = {**found, **{key: None for key, reason in reasons.items() if reason == NO_TIME}}
            _keep(known, networks, file)
    reasons |= {key: NO_TIME for key, timing in known.items() if timing is None}
    of = [(one, timing) for network in networks if (timing := known.get(network.key)) for one in network.of]
    return Latencies(
        tuple(of), f"{processor()}, one image at a time, one thread", _told(networks, reasons), measured=True
    )


def measured_in_turns(missing: Sequence[Network], known: Sequence[Network]) -> tuple[dict[str, Timing], dict[str, str]]:
    """Key → what it takes, and key → why it is not there. Nothing is measured where none of the missing ones can be built.

    A network may be of a user's own code, which may be gone, or end in any error: that costs its dot and no report.
    """
    from models.cost import one_thread
    from models.turns import all_in_turns

    until, ready, reasons = time.monotonic() + SECONDS, dict[str, tuple[Run, float]](), dict[str, str]()
    with one_thread():
        _prepare(missing, until, ready, reasons)
        if not ready:
            return {}, reasons
        _prepare(known, until, ready, reasons)
        try:
            medians = all_in_turns([run for run, _ in ready.values()], until=until, fewest=FEWEST)
        except (Exception, SystemExit) as error:
            return {}, reasons | dict.fromkeys(ready, _shortened(error))
    return {key: Timing(*median) for key, median in zip(ready, medians, strict=True)}, reasons


def _prepare(
    networks: Sequence[Network], until: float, ready: dict[str, tuple[Run, float]], reasons: dict[str, str]
) -> None:
    """Adds each to `ready`, with the seconds of a pass, or says in `reasons` why not."""
    for one in networks:
        if len(ready) > 1 and time.monotonic() + FEWEST * sum(seconds for _, seconds in ready.values()) > until:
            reasons[one.key] = NO_TIME
            continue
        try:
            run = forward_pass(one.of[0])
            run()
            begun = time.monotonic()
            run()
            ready[one.key] = run, time.monotonic() - begun
        except (Exception, SystemExit) as error:
            reasons[one.key] = _shortened(error)


def forward_pass(candidate: Candidate) -> Run:
    """Of one image through the candidate's network, whose weights need not have been kept."""
    import torch

    from models.save_load import build_compact
    from models.spec import ModelSpec

    spec = ModelSpec.from_json(_spec(candidate))
    model = build_compact(spec, Structure.from_json(candidate.state.structure)).eval()
    image = torch.zeros(1, *spec.input_shape)

    def run() -> object:
        with torch.inference_mode():
            return model(image)

    return run


def _shortened(error: BaseException) -> str:
    words = " ".join(f"{type(error).__name__}: {error}".split())
    return words if len(words) <= LETTERS else f"{words[:LETTERS]}…"


def _told(networks: Sequence[Network], reasons: Mapping[str, str]) -> tuple[str, ...]:
    """A sentence for each reason, with the states of the networks that it is of."""
    names: dict[str, list[str]] = {}
    for network in networks:
        if network.key in reasons:
            names.setdefault(reasons[network.key], []).extend(one.name for one in network.of)
    return tuple(f"Not measured: {', '.join(of)} ({reason})." for reason, of in names.items())


def _kept(file: Path) -> dict[str, Timing | None]:
    """What was measured on this processor before; None of what there was no time for."""
    try:
        content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        if content["processor"] != processor():
            return {}
        told = content["networks"].items()
        return {key: Timing(one["ms"], one["low"], one["high"]) if one["ms"] else None for key, one in told}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}  # nothing but time is lost


def _keep(known: Mapping[str, Timing | None], networks: Sequence[Network], file: Path) -> None:
    nothing = dict.fromkeys(("ms", "low", "high"))
    told = {
        one.key: {"of": [state.name for state in one.of], **(asdict(timing) if timing else nothing)}
        for one in networks
        if one.key in known
        for timing in [known[one.key]]
    }
    atomic.write_json(file, {"processor": processor(), "batch": 1, "threads": 1, "networks": told})


def _spec(candidate: Candidate) -> dict[str, Any]:
    """Of its network before anything was removed; empty where an older record does not tell, or where it is a user's own, whose
    code a reader of runs does not run."""
    record = candidate.trial.record
    spec: dict[str, Any] = (record.header.get("spec") if record else None) or {}
    return {} if is_own(str(spec.get("arch")), "architectures") else spec


def _devices(candidates: Sequence[Candidate]) -> str:
    """Devices, batches and threads: on a processor a trial measures with one thread."""
    found = []
    for one in candidates:
        environment = one.trial.record.header.get("environment", {}) if one.trial.record else {}
        batch = one.trial.config.get("measure", {}).get("latency_batch", 1)
        images = "one image at a time" if batch == 1 else f"{batch} images at a time"
        gpu = environment.get("gpu")
        device = gpu or environment.get("processor") or "an unnamed device"
        found.append(f"{device}, {images}" + ("" if gpu else ", one thread"))
    return "; ".join(dict.fromkeys(found)) + ", as the trials recorded it"
