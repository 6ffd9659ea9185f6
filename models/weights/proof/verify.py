"""The verdict on a weights file or state, with its evidence."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from torch import Tensor

from models.errors import UserError, WeightsRefused
from models.networks.native import as_float, filtered, head_names, infer_native, outline
from models.networks.own_file import check_agreed
from models.networks.registry import ARCHITECTURES, TIMM_PREFIX
from models.spec import ModelSpec
from models.weights.digest import tensor_digest
from models.weights.proof.completeness import incompleteness
from models.weights.proof.fingerprints import TOKENS, initialisation_evidence, not_finite
from models.weights.proof.strict_load import COUNTER, OTHER_HEADS, mismatch_evidence
from models.weights.proof.training_signs import figures_of, warnings_of
from models.weights.provenance import RANDOM_ORIGIN, Provenance
from models.weights.repository import committed_digests
from models.weights.weights_file import WeightsFile, read_weights_file

Word = Literal["proven", "unproven", "refused"]


@dataclass(frozen=True)
class Verdict:
    """What weights are worth as a pretrained start.

    `proven`: content equal to a committed digest, or to recorded hashes. `unproven`: no fingerprint of initialisation
    found. `refused`: `evidence` says why. `figures` are statistics that warn and never decide (None: not applicable).
    """

    word: Word
    evidence: tuple[str, ...]
    warnings: tuple[str, ...] = ()
    figures: dict[str, float | None] = field(default_factory=dict)
    path: Path | None = None
    sha256: str | None = None
    provenance: Provenance | None = None

    def to_json(self) -> dict[str, Any]:
        known = self.provenance
        return {
            "path": None if self.path is None else str(self.path),
            "verdict": self.word,
            "evidence": list(self.evidence),
            "warnings": list(self.warnings),
            "figures": dict(self.figures),
            "sha256": self.sha256,
            "origin": None if known is None else known.origin,
            "source_sha256": None if known is None else known.source_sha256,
            "spec": None if known is None else known.spec.to_json(),
            "transfer": None if known is None else known.report.to_json(),
            "date": None if known is None else known.date,
            "versions": None if known is None else dict(known.versions),
        }


def judge(
    state: Mapping[str, Tensor],
    spec: ModelSpec | None = None,
    *,
    provenance: Provenance | None = None,
    committed: bool = False,
    graded: bool = True,
) -> Verdict:
    """Judge a state under a network's own names.

    With `spec` the state must be complete for that network (its classifier apart); without, as far as names tell.
    With `provenance` its hashes must match. `committed` says that the file's digest stands in a committed list.
    `graded: False` leaves out the figures, which take a second for a large network.
    """
    model = None if spec is None else outline(spec)
    head = set(head_names(model)) if model is not None else {name for name in state if name.startswith(OTHER_HEADS)}
    findings = incompleteness(state) if model is None else mismatch_evidence(state, model)
    findings += not_finite(state)
    if provenance is not None:
        findings += _hash_evidence(state, provenance) + _declared_evidence(provenance, head)
    findings += initialisation_evidence(state, head=head, declared_new=_declared_new(provenance))
    if findings:
        return Verdict("refused", findings)
    figures = figures_of(state, head) if graded else {}
    if committed:
        return Verdict("proven", ("the file's sha256 stands in the committed list",), warnings_of(figures), figures)
    if provenance is not None:
        evidence = f"all {len(provenance.tensors)} tensors equal their recorded hashes; origin {provenance.origin}"
        return Verdict("proven", (evidence,), warnings_of(figures), figures)
    unproven = "no fingerprint of initialisation found; nothing proves where the weights come from"
    return Verdict("unproven", (unproven,), warnings_of(figures), figures)


def verify_file(path: Path) -> Verdict:
    """Judge any safetensors or PyTorch file; what is wrong with it is in the verdict, nothing is raised.

    A file of ours is held against the spec in its header, another one against its own names alone.
    """
    try:
        content = read_weights_file(path)
        spec, state = _own_geometry(content)
    except WeightsRefused as error:
        return Verdict("refused", error.evidence or (str(error),), path=path)
    except UserError as error:
        return Verdict("refused", (str(error),), path=path)
    listed, problem = committed_digest(content)
    verdict = judge(state, spec, provenance=content.provenance, committed=listed)
    word, evidence = verdict.word, verdict.evidence
    if problem:
        word, evidence = "refused", (problem, *(evidence if word == "refused" else ()))
    return Verdict(word, evidence, verdict.warnings, verdict.figures, path, content.sha256, content.provenance)


def judge_for(content: WeightsFile, spec: ModelSpec) -> tuple[ModelSpec, dict[str, Tensor], Verdict]:
    """Judge a file as weights for the architecture of `spec`: its own geometry, its state filtered, and the verdict."""
    known = content.provenance
    native = infer_native(content.state, spec) if known is None else known.spec
    check_agreed(native.arch, content.path, spec.arch, f"name {native.arch} as the network")
    state = _filtered(content, native)
    listed, problem = committed_digest(content)
    if problem:
        return native, state, Verdict("refused", (problem,))
    return native, as_float(state), judge(state, native, provenance=known, committed=listed)


def committed_digest(content: WeightsFile) -> tuple[bool, str | None]:
    """Whether the file's digest stands in `DIGESTS.json` beside it, and what is wrong if it is listed with another."""
    listed = committed_digests()
    recorded = listed.get(content.path.name)
    if content.sha256 in listed.values():
        return True, None
    if recorded is None or content.provenance is None:
        return False, None
    return False, f"sha256 {content.sha256[:12]}… differs from the committed {recorded[:12]}… of {content.path.name}"


def _own_geometry(content: WeightsFile) -> tuple[ModelSpec | None, dict[str, Tensor]]:
    known = content.provenance
    if known is None:
        return None, content.state
    if known.spec.arch not in ARCHITECTURES and not known.spec.arch.startswith(TIMM_PREFIX):
        return None, content.state
    return known.spec, _filtered(content, known.spec)


def _filtered(content: WeightsFile, native: ModelSpec) -> dict[str, Tensor]:
    if content.provenance is not None:
        return content.state
    try:
        return filtered(content.state, native, outline(native))
    except (KeyError, RuntimeError, ValueError, AttributeError, TypeError, AssertionError):
        # timm's filter takes known foreign names apart and stumbles over unknown ones: judge them as they are.
        return content.state


def _hash_evidence(state: Mapping[str, Tensor], provenance: Provenance) -> tuple[str, ...]:
    recorded = provenance.tensors
    wrong = [name for name in state if name in recorded and tensor_digest(state[name]) != recorded[name].sha256]
    findings = [f"{name}: content no longer matches its recorded sha256" for name in wrong]
    findings += [f"{name} is recorded but not in the file" for name in recorded if name not in state]
    findings += [f"{name} is in the file but not recorded" for name in state if name not in recorded]
    return tuple(findings)


def _declared_new(provenance: Provenance | None) -> Collection[str]:
    return () if provenance is None else provenance.report.reinitialised


def _declared_evidence(provenance: Provenance, head: Collection[str]) -> tuple[str, ...]:
    """What the file itself says about being random."""
    if provenance.origin == RANDOM_ORIGIN:
        return ("the file's own provenance says origin: random",)
    new = [name for name in provenance.report.reinitialised if name not in head and not name.endswith(COUNTER)]
    new = [name for name in new if name not in TOKENS]
    return tuple(f"{name} is recorded as re-initialised" for name in new)
