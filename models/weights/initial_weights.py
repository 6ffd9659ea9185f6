"""The weights that a trial starts from, with proof of what they are. Nothing here falls back to random weights."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

from torch import Tensor

from models.errors import UserError
from models.networks.native import random_state
from models.spec import ModelSpec
from models.weights import hub
from models.weights.digest import file_digest
from models.weights.fetch import brought_over, fetch, is_stale
from models.weights.partial import partial_start
from models.weights.proof.strict_load import Hows
from models.weights.provenance import RANDOM_ORIGIN, Provenance, record_state
from models.weights.repository import PREFIX
from models.weights.sources import Source, open_file, open_tag, pretrained_tag
from models.weights.store import StoredFile, find_stored
from models.weights.weights_file import read_provenance, refuse

SourceKind = Literal["pretrained", "path", "partial", "random"]


@dataclass(frozen=True)
class InitRequest:
    """Where weights shall come from.

    `pretrained` needs proof, from `tag` ("timm:NAME.TAG", "weights:NAME"), a file or the architecture's default; `path` takes
    a file, proven or not; `partial` what fits of `start`, another network's weights; `random` draws them. The file that the
    first two come to must have `sha256`, where it is given.
    """

    source: SourceKind
    path: str | None = None
    tag: str | None = None
    start: str | None = None
    sha256: str | None = None


@dataclass(frozen=True)
class InitialWeights:
    """A complete state for a spec, the verdict on it, and why.

    `digest` is the SHA-256 over the sorted tensors (`models.digest.state_digest`); `warnings` are graded signs that
    never decide.
    """

    state: dict[str, Tensor]
    verdict: Literal["proven", "unproven", "partial", "random"]
    provenance: Provenance
    digest: str
    evidence: tuple[str, ...]
    warnings: tuple[str, ...] = ()


def initial_weights(spec: ModelSpec, request: InitRequest, *, seed: int, store: Path | None = None) -> InitialWeights:
    """Weights for `spec` as requested; the head is always drawn from `seed`, and equal to the random network's.

    The global random generator is left as it was.

    Raises:
        UserError: the request contradicts itself, or asks for weights that do not exist or do not fit this geometry.
        WeightsRefused: they could not be had, or are not what they claim to be; its `evidence` says why.
    """
    check_request(request)
    weights = _requested(spec, request, seed, store)
    check_sha256(request, weights.provenance.source_sha256)
    return weights


def _requested(spec: ModelSpec, request: InitRequest, seed: int, store: Path | None) -> InitialWeights:
    if request.source == "random":
        return _random(spec, seed)
    if request.source == "partial":
        return _partial(spec, request.start or "", seed)
    if request.path is not None:
        path = Path(request.path).expanduser()
        if not path.is_file():
            raise UserError(
                f"{path} is not a file; give a safetensors or PyTorch file of weights", key="model.init.path"
            )
        weights = _transferred(open_file(path, spec), spec, seed)
        return weights if request.source == "path" else _proven(weights, str(path))
    tag = pretrained_tag(spec.arch, request.tag)
    if tag.startswith(PREFIX):
        return _proven(_transferred(open_tag(tag, spec), spec, seed), tag)
    return _proven(_stored(tag, spec, seed, store), tag)


def check_request(request: InitRequest) -> None:
    """UserError where the request contradicts itself."""
    if request.source not in get_args(SourceKind):
        raise UserError(
            f"{request.source!r}, expected one of {', '.join(get_args(SourceKind))}", key="model.init.source"
        )
    if request.source == "path" and not request.path:
        raise UserError("missing, and model.init.source: path needs it; name a weights file", key="model.init.path")
    if request.source not in ("path", "pretrained") and request.path:
        raise UserError(
            f"{request.path!r} with source: {request.source}; say source: path to use it", key="model.init.path"
        )
    if request.path and request.tag:
        raise UserError(f"{request.path!r} beside the tag {request.tag!r}; leave one out", key="model.init.path")
    if (request.source == "partial") != bool(request.start):
        raise UserError(
            f"{request.start!r} with source: {request.source}; source: partial needs to know from what, and only that",
            key="model.init.from",
        )
    if request.source != "pretrained" and request.tag:
        raise UserError(f"{request.tag!r} with source: {request.source}; say source: pretrained", key="model.init.tag")


def check_sha256(request: InitRequest, found: str | None) -> None:
    """UserError where the weights come from another file than the one that is asked for."""
    if request.sha256 is None or found == request.sha256:
        return
    named = request.path or request.tag or "what is published"
    raise UserError(
        f"{named} has the sha256 {found}, and the file of {request.sha256} is asked for, by the run, which began with it, or "
        "by the study; put that file back, or, where other weights are meant, start another run with --name",
        key="model.init.sha256",
    )


def _random(spec: ModelSpec, seed: int) -> InitialWeights:
    state = random_state(spec, seed)
    provenance = record_state(state, spec, origin=RANDOM_ORIGIN, default_how="reinitialised", extra={"seed": seed})
    return InitialWeights(state, "random", provenance, provenance.digest, (f"drawn at random from seed {seed}",))


def _partial(spec: ModelSpec, start: str, seed: int) -> InitialWeights:
    begun = partial_start(spec, start, seed)
    digest = begun.provenance.digest
    return InitialWeights(begun.state, "partial", begun.provenance, digest, begun.evidence, begun.warnings)


def _stored(tag: str, spec: ModelSpec, seed: int, store: Path | None) -> InitialWeights:
    """From the store, filled or renewed as needed; its records of how each tensor came over are kept."""
    known = find_stored(spec, tag, store)
    if known is not None and known.problem:
        raise refuse(str(known.path), (known.problem,))
    path = known.path if known and not _stale(known, tag) else fetch(spec, tag, store=store, refresh=False).path
    provenance = read_provenance(path)
    if provenance is None:
        raise refuse(str(path), ("no provenance header",))
    source = open_file(path, spec, origin=tag)
    source = replace(source, sha256=provenance.source_sha256 or source.sha256, extra=provenance.extra)
    earlier = {name: (record.how, record.note) for name, record in provenance.tensors.items()}
    return _transferred(source, spec, seed, earlier)


def _stale(known: StoredFile, tag: str) -> bool:
    """Whether the source in the cache is another than the stored file was made from; without one there, it is not."""
    cached = hub.cached_file(tag)
    return cached is not None and is_stale(known, cached.recorded or file_digest(cached.path))


def _transferred(source: Source, spec: ModelSpec, seed: int, earlier: Hows | None = None) -> InitialWeights:
    state, provenance = brought_over(source, spec, seed, earlier)
    verdict = source.verdict
    word: Literal["proven", "unproven"] = "proven" if verdict.word == "proven" else "unproven"
    evidence = (*verdict.evidence, f"transfer of {source.origin}: {provenance.report}")
    return InitialWeights(state, word, provenance, provenance.digest, evidence, verdict.warnings)


def _proven(weights: InitialWeights, tag: str) -> InitialWeights:
    if weights.verdict == "proven":
        return weights
    unproven = f"{tag} is unproven, and model.init.source: pretrained needs proof"
    raise refuse(tag, (unproven, *weights.evidence))
