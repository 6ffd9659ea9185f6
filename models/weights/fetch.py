"""Fetching: pretrained weights, transferred once to a geometry, verified, and put into the store."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from models.spec import ModelSpec
from models.weights.proof.strict_load import Hows
from models.weights.proof.verify import Verdict, verify_file
from models.weights.provenance import Provenance, TransferReport, record_state, write_weights_file
from models.weights.sources import Source, channel_values, open_tag, pretrained_tag
from models.weights.store import StoredFile, find_stored, set_aside, store_folder
from models.weights.transfer import transfer
from models.weights.weights_file import refuse

# The stored head is a placeholder: every trial draws its own from its seed.
HEAD_SEED = 0


@dataclass(frozen=True)
class FetchReport:
    """What a fetch did; `already_there` when the store held the same, sound, made from the same source file."""

    path: Path
    origin: str
    spec: ModelSpec
    source_sha256: str
    report: TransferReport
    verdict: Verdict
    moved_aside: Path | None
    already_there: bool

    def to_json(self) -> dict[str, Any]:
        return {
            "path": str(self.path),
            "origin": self.origin,
            "spec": self.spec.to_json(),
            "source_sha256": self.source_sha256,
            "transfer": self.report.to_json(),
            "verdict": self.verdict.to_json(),
            "moved_aside": None if self.moved_aside is None else str(self.moved_aside),
            "already_there": self.already_there,
        }


def fetch(spec: ModelSpec, tag: str | None = None, *, store: Path | None = None, refresh: bool = True) -> FetchReport:
    """Bring pretrained weights to the geometry of `spec` and store them with their provenance.

    `tag` None takes the architecture's default. With `refresh` the hub is asked for a newer file. A stored file made
    from a source that has changed since, or damaged, is moved aside with the date and made anew.

    Raises:
        UserError: no such weights, or they cannot be brought to this geometry.
        WeightsRefused: not to be had, damaged, or not what they claim to be.
    """
    origin = pretrained_tag(spec.arch, tag)
    source = open_tag(origin, spec, refresh=refresh)
    known = find_stored(spec, origin, store)
    if known is not None and (verdict := _sound(known, source)) is not None and known.provenance is not None:
        report = known.provenance.report
        return FetchReport(known.path, origin, known.provenance.spec, source.sha256, report, verdict, None, True)
    moved = None if known is None else set_aside(known.path)
    state, provenance = brought_over(source, spec, HEAD_SEED)
    path = write_weights_file(store_folder(store), state, provenance)
    verdict = verify_file(path)
    if verdict.word != "proven":
        raise refuse(str(path), verdict.evidence)
    return FetchReport(path, origin, spec, source.sha256, provenance.report, verdict, moved, False)


def is_stale(known: StoredFile, source_sha256: str) -> bool:
    """Whether a stored file was made from another source file than the one that is there now."""
    return known.provenance is not None and known.provenance.source_sha256 != source_sha256


def _sound(known: StoredFile, source: Source) -> Verdict | None:
    if known.provenance is None or is_stale(known, source.sha256):
        return None
    verdict = verify_file(known.path)
    return verdict if verdict.word == "proven" else None


def brought_over(
    source: Source, spec: ModelSpec, seed: int, earlier: Hows | None = None
) -> tuple[dict[str, Tensor], Provenance]:
    """The source's state at the geometry of `spec`, with a head drawn from `seed`, and where each tensor comes from.

    `earlier` is how its tensors came over when the source itself was made.
    """
    moved = transfer(source.state, source.native, spec, seed)
    provenance = record_state(
        moved.state,
        spec,
        origin=source.origin,
        source_sha256=source.sha256,
        hows={**(earlier or {}), **moved.hows},
        mean=channel_values(source.mean, spec.in_chans),
        std=channel_values(source.std, spec.in_chans),
        extra=source.extra,
    )
    return moved.state, provenance
