"""How long the arms' networks take for an image: as recorded, else measured once, in turns, and kept beside the report."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from models import atomic
from search.console import announce
from search.evidence.formats import counted
from search.report.latency.measuring import NO_TIME, Timing, measured_in_turns
from search.report.latency.networks import Network, networks_of, spread, to_measure
from search.run.candidates import Candidate, all_candidates
from search.run.results import RunResults
from trainables.files.environment import processor

FILE = "latency.json"


@dataclass(frozen=True)
class Latencies:
    """Of each candidate, on what they were measured, and why which are not there, a sentence each."""

    of: tuple[tuple[Candidate, Timing], ...]
    place: str
    left_out: tuple[str, ...] = ()
    measured: bool = False
    """By the report, in turns, and not by the trials."""


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
