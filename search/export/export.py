"""Export: the chosen network in open formats, its study file, a card and an example, into one folder."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from models import atomic, preprocessing
from models.cost import measure_latency
from models.errors import UserError
from models.export import export_onnx, export_program, onnx_versions
from models.networks.own_file import check_own
from models.networks.registry import build
from models.save_load import LoadedModel, build_compact, load, load_parts, save
from models.turns import turns_in_onnxruntime, turns_in_torch
from search.console import announce
from search.export.best_study import SCRATCH_SOURCE, provenance_of, write_best_study
from search.export.deployed import Deployed, deployed
from search.export.model_card import is_whole, model_card
from search.export.place import placed
from search.run.candidates import Candidate
from search.run.results import RunResults
from trainables.files.environment import processor
from trainables.files.remote.at_need import fetched

FILES = (
    "best.yaml",
    "model.safetensors",
    "model.onnx",
    "model.pt2",
    "preprocessing.py",
    "load_example.py",
    "MODEL_CARD.md",
)
"""In the order in which they get their places: where the last is there, all are."""
AT_TIMES = (SCRATCH_SOURCE,)
EXAMPLE = Path(__file__).with_name("load_example.py")
LATENCY_DEVICE, LATENCY_BATCH = "cpu", 1


@dataclass(frozen=True)
class Exported:
    """What was written. `checks` are figures measured on the way: differences to torch, and latencies."""

    candidate: Candidate
    folder: Path
    files: tuple[str, ...]
    checks: dict[str, Any]

    def __repr__(self) -> str:
        """Short: the candidate holds a trial's whole record."""
        return f"<Exported {self.candidate.name} in {self.folder}: {', '.join(self.files)}>"


def export(results: RunResults, candidate: Candidate, out: Path, chosen: str | None) -> Exported:
    """Write the candidate to `out`, replacing an earlier export there: whether that may be is for `check_free` to say.

    `chosen` is by what it was chosen (`selection.how_chosen`), None where it was named by hand.

    Raises UserError where its network was not kept or its file is damaged, WorkFailed where a format's output differs.
    """
    parts = parts_of(candidate)
    announce(f"exporting {candidate.name}: weights, ONNX and pt2, each checked and timed")
    provenance = provenance_of(candidate, results.run, chosen)
    told = deployed(parts, candidate.name)
    with placed(out, FILES, AT_TIMES) as folder:
        needed = write_best_study(folder / "best.yaml", f"best-{results.study.name}", candidate, provenance)
        checks = _write_network(folder, parts, told, provenance)
        for script in (Path(preprocessing.__file__), EXAMPLE):
            atomic.write_text(folder / script.name, script.read_text(encoding="utf-8"))
        card = model_card(results, candidate, parts, told, provenance, checks, chosen)
        atomic.write_text(folder / "MODEL_CARD.md", card)
    return Exported(candidate, out, (*FILES, *needed), checks)


def _write_network(folder: Path, parts: LoadedModel, told: Deployed, provenance: dict[str, Any]) -> dict[str, Any]:
    """The network in its three formats, each with what is told of it; returns what was measured on the way."""
    shape = parts.spec.input_shape
    recorded = {name: value for name, value in told.to_json().items() if value is not None}
    metadata = {**parts.metadata, **recorded, "provenance": provenance}
    save(folder / "model.safetensors", parts.state, parts.spec, parts.structure, metadata)
    # What is measured and exported from here on is what the file gives back.
    model = load(folder / "model.safetensors", own_code=parts.spec.arch)
    notes = {name: json.dumps(value) for name, value in {**told.to_json(), "input_shape": shape}.items()}
    notes["prunetune"] = json.dumps({"normalisation": parts.metadata.get("normalisation"), "provenance": provenance})
    checks: dict[str, Any] = {
        "onnx_difference": export_onnx(model, shape, folder / "model.onnx", notes),
        "pt2_difference": export_program(model, shape, folder / "model.pt2", notes),
        "onnx_versions": onnx_versions(folder / "model.onnx"),
        "processor": processor(),
        "threads": 1,
    }
    dense = dense_network(parts)
    turns = {
        "torch": turns_in_torch(model, dense, shape),
        "onnxruntime": turns_in_onnxruntime(folder / "model.onnx", dense, shape),
    }
    # Where nothing was removed the two are one network, and a ratio of them is noise.
    checks["latency"] = {
        name: {"ms": one.ms, "text": f"{one.ms:.3f} ms"} if is_whole(parts) else {**one.to_json(), "text": one.text()}
        for name, one in turns.items()
    }
    return checks


def parts_of(candidate: Candidate) -> LoadedModel:
    if candidate.file is None:
        raise UserError(not_kept(candidate))
    file = fetched(candidate.file)
    parts = load_parts(file)
    check_own(parts.spec, parts.architecture, file, named_arch(candidate), "its run's study names another network")
    return parts


def named_arch(candidate: Candidate) -> str:
    """The architecture that the candidate's trial was asked for: of a user's own networks the one whose code may be run."""
    record = candidate.trial.record
    return "" if record is None else str(record.header["config"]["model"]["arch"])


def not_kept(candidate: Candidate) -> str:
    """That a state's network is gone, what is left of its trial, and how to make it again."""
    trial = candidate.trial
    others = [Candidate(trial, state) for state in trial.states]
    left = [one for one in others if one.file]
    text = f"{candidate.name}: its network was not kept (see retention.states in the run's study.yaml)"
    if not left:
        return f"{text}, nor any other of this trial; choose another trial's state (`prunetune pareto` lists some)"
    return (
        f"{text}; of this trial there {'is' if len(left) == 1 else 'are'} {', '.join(one.name for one in left)}; "
        f"export one of them, and `prunetune trial` on its best.yaml makes every state again"
    )


def dense_network(parts: LoadedModel) -> nn.Module:
    """The network before anything was removed, at random weights: what is measured of it does not hang on them."""
    with torch.random.fork_rng(devices=[]):
        return build(parts.spec)


def candidate_latency(candidate: Candidate) -> float:
    """Milliseconds per image of the candidate's network on this machine's processor, one image at a time."""
    parts = parts_of(candidate)
    model = build_compact(parts.spec, parts.structure)
    return measure_latency(model, parts.spec.input_shape, LATENCY_DEVICE, LATENCY_BATCH)
