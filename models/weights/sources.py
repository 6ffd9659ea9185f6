"""Sources of pretrained weights, opened and judged: a timm tag, a file of the repository's, any file of a user's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import Tensor

from models.errors import UserError
from models.networks.native import filtered, outline, timm_native_spec
from models.networks.registry import TIMM_PREFIX, default_pretrained
from models.spec import ModelSpec
from models.weights import hub
from models.weights.proof.verify import Verdict, judge, judge_for
from models.weights.repository import PREFIX, repository_file
from models.weights.weights_file import WeightsFile, read_weights_file, refuse


@dataclass(frozen=True)
class Source:
    """Judged weights at their own geometry, under the network's own names, and where they are from."""

    state: dict[str, Tensor]
    native: ModelSpec
    origin: str
    sha256: str
    verdict: Verdict
    mean: tuple[float, ...] | None
    std: tuple[float, ...] | None
    extra: Mapping[str, Any]


def pretrained_tag(arch: str, tag: str | None) -> str:
    """The full tag that a request stands for: the given one, else the architecture's default.

    Raises:
        UserError: no weights of this geometry are published, or the tag is of no known kind.
    """
    if tag is None:
        default = default_pretrained(arch)
        if default is None:
            raise UserError(
                f"no pretrained weights exist for {arch}; name a fitting model.init.tag, point "
                "model.init.path to a weights file (prunetune pretrain makes one), or say model.init.source: random",
                key="model.init",
            )
        return default
    if tag.startswith(TIMM_PREFIX):
        full = default_pretrained(tag)
        if full is None:
            raise UserError(f"timm publishes no weights for {tag}; give another tag", key="model.init.tag")
        return full
    if tag.startswith(PREFIX):
        return tag
    raise UserError(f"{tag!r} is of no known kind; expected timm:NAME.TAG or weights:NAME", key="model.init.tag")


def open_tag(tag: str, spec: ModelSpec, *, refresh: bool = False) -> Source:
    """Open and judge a full tag's weights for use in `spec`; downloads once, and with `refresh` asks for a newer file.

    Raises:
        WeightsRefused: not to be had, damaged, or not what they claim to be.
    """
    if tag.startswith(PREFIX):
        return open_file(repository_file(tag), spec, origin=tag)
    cached = None if refresh else hub.cached_file(tag)
    file = cached or hub.download(tag)
    digest, problem = hub.intact(file)
    if problem:
        raise refuse(f"{tag} ({file.path})", (problem,))
    content = read_weights_file(file.path)
    native, mean, std = timm_native_spec(tag)
    state = filtered(content.state, native, outline(native))
    verdict = judge(state, native)
    if verdict.word == "refused":
        raise refuse(f"{tag} ({file.path})", verdict.evidence)
    hashed = "the hub's own record" if file.recorded else "no record of the hub's to hold it against"
    evidence = (f"sha256 of the source file {digest[:12]}… ({hashed})", f"loaded strictly as {tag}")
    verdict = replace(verdict, word="proven", evidence=evidence)
    return Source(state, native, tag, digest, verdict, mean, std, {"source_spec": native.to_json()})


def open_file(path: Path, spec: ModelSpec, *, origin: str | None = None) -> Source:
    """Open and judge any weights file as a start for the architecture of `spec`.

    Raises:
        WeightsRefused: unreadable, another architecture's, altered, incomplete, or at initialisation.
    """
    content = read_weights_file(path)
    native, state, verdict = judge_for(content, spec)
    if verdict.word == "refused":
        raise refuse(f"{path} as weights for {spec.arch}", verdict.evidence)
    known = content.provenance
    mean, std = (None, None) if known is None else (known.mean, known.std)
    return Source(
        state, native, origin or f"file:{path.name}", content.sha256, verdict, mean, std, _past(content, native)
    )


def _past(content: WeightsFile, native: ModelSpec) -> dict[str, Any]:
    known = content.provenance
    extra: dict[str, Any] = {"source_file": content.path.name, "source_spec": native.to_json()}
    if known is None:
        return extra
    return {**extra, "source_origin": known.origin, "source_date": known.date, **_carried(known.extra)}


def _carried(extra: Mapping[str, Any]) -> dict[str, Any]:
    return {"source_extra": dict(extra)} if extra else {}


def channel_values(values: tuple[float, ...] | None, in_chans: int) -> tuple[float, ...] | None:
    """Normalisation per channel for another channel count: the mean for one channel, repeated in turn for more."""
    if values is None or len(values) == in_chans:
        return values
    if in_chans == 1:
        return (sum(values) / len(values),)
    return tuple(values[channel % len(values)] for channel in range(in_chans))
