"""Export: the chosen network and its study file into a folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.errors import UserError
from models.save_load import LoadedModel, load_parts, save
from search.export.best_study import provenance_of, write_best_study
from search.results import RunResults
from search.selection import Candidate, all_candidates


@dataclass(frozen=True)
class Exported:
    """What was written, in the order of writing; `checks` are figures measured on the way."""

    candidate: Candidate
    folder: Path
    files: tuple[str, ...]
    checks: dict[str, Any]


def export(results: RunResults, candidate: Candidate, out: Path) -> Exported:
    """Write the candidate to `out`. Raises UserError where its network was not kept or its file is damaged."""
    parts = parts_of(candidate)
    provenance = provenance_of(candidate, results.run, len(all_candidates(results)))
    out.mkdir(parents=True, exist_ok=True)
    write_best_study(out / "best.yaml", f"best-{results.study.name}", candidate, provenance)
    metadata = {**parts.metadata, "provenance": provenance}
    save(out / "model.safetensors", parts.state, parts.spec, parts.structure, metadata)
    return Exported(candidate, out, ("best.yaml", "model.safetensors"), {})


def parts_of(candidate: Candidate) -> LoadedModel:
    if candidate.file is None:
        raise UserError(
            f"{candidate.name}: its network was not kept; choose another state, or run "
            f"`prunetune trial` on its configuration to make it again"
        )
    return load_parts(candidate.file)
