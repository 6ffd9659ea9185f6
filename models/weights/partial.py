"""A partial start: what another network has under the same names and shapes, and the rest as in the random network."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from models.errors import UserError
from models.networks.native import as_float, head_names, native_model, outline, timm_native_spec
from models.networks.own_file import check_agreed
from models.networks.registry import TIMM_PREFIX
from models.spec import ModelSpec
from models.weights.proof.strict_load import OTHER_HEADS, Hows
from models.weights.proof.verify import Verdict, judge
from models.weights.provenance import Provenance, record_state
from models.weights.repository import PREFIX, repository_file
from models.weights.sources import Source, channel_values, open_file, open_tag, pretrained_tag
from models.weights.weights_file import read_weights_file, refuse

KEY = "model.init.from"
PARTS_SHOWN = 12


@dataclass(frozen=True)
class PartialStart:
    """A complete state, where each tensor comes from, and what was taken; `evidence` is for people."""

    state: dict[str, Tensor]
    provenance: Provenance
    evidence: tuple[str, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class _Source:
    state: Mapping[str, Tensor]
    head: Collection[str]
    origin: str
    sha256: str
    verdict: Verdict
    scale: tuple[tuple[float, ...] | None, tuple[float, ...] | None]
    extra: Mapping[str, Any]
    """What is known of how it was made, which a partial start carries on."""


def partial_start(spec: ModelSpec, start: str, seed: int) -> PartialStart:
    """The state of `spec` at random weights from `seed`, with every tensor that the network `start` has under the same name
    and in the same shape; never a classifier, and no BatchNorm behind a layer that is not taken.

    Raises:
        UserError: `start` names nothing.
        WeightsRefused: the source is not what it claims to be, or not one whole layer of it fits.
    """
    source = _open(start, spec.arch)
    model = native_model(spec, seed)
    state = {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}
    excluded = {*head_names(model), *source.head}
    fitting = {
        name
        for name, own in state.items()
        if name not in excluded and name in source.state and source.state[name].shape == own.shape
    }
    layers = _layers(state)
    astray = _norms_astray(layers, state, fitting)
    taken = [name for name in state if name in fitting and name not in astray]
    if not any(set(names) <= set(taken) and _transforms(names, state) for names in layers.values()):
        raise refuse(
            f"{start} as a partial start of {spec.arch}",
            (f"not one whole layer of {spec.arch} is in it under the same names and in the same shapes",),
        )
    hows: Hows = {
        name: ("reinitialised", astray.get(name) or _why_not(name, own, source, excluded))
        for name, own in state.items()
        if name not in taken
    }
    state.update({name: source.state[name].to(state[name].dtype).clone() for name in taken})
    counts = _counts(model, taken, parts_of(taken, state))
    mean, std = source.scale
    provenance = record_state(
        state,
        spec,
        origin=source.origin,
        source_sha256=source.sha256,
        hows=hows,
        mean=channel_values(mean, spec.in_chans),
        std=channel_values(std, spec.in_chans),
        extra={**source.extra, "partial": counts},
    )
    taken_over = told_of(counts, source.origin)
    of_source = f"{source.origin} is {source.verdict.word}: {source.verdict.evidence[0]}"
    # Among the warnings too, because every page repeats these.
    return PartialStart(state, provenance, (taken_over, of_source), (taken_over, *source.verdict.warnings))


def told_of(counts: Mapping[str, Any], origin: str) -> str:
    """What was taken, in one line for people."""
    rest = len(counts["taken"]) - PARTS_SHOWN
    shown = ", ".join(counts["taken"][:PARTS_SHOWN]) + (f" and {rest} more" if rest > 0 else "")
    return (
        f"partial start: {counts['tensors']} of {counts['of_tensors']} tensors, {counts['parameters']:,} of "
        f"{counts['of_parameters']:,} parameters are those of {origin} ({shown}); all others are drawn from the seed, as in "
        "the random network"
    )


def parts_of(taken: Iterable[str], state: Mapping[str, Tensor]) -> list[str]:
    """The taken tensors' names, whole modules by their own name: `layer1`, `layer3.0.conv1`."""
    chosen = set(taken)
    parts: dict[str, None] = {}
    for name in (one for one in state if one in chosen):
        pieces = name.split(".")
        prefixes = (".".join(pieces[:length]) for length in range(1, len(pieces)))
        whole = (prefix for prefix in prefixes if _below(prefix, state) <= chosen)
        parts[next(whole, name)] = None
    return list(parts)


def _below(prefix: str, state: Mapping[str, Tensor]) -> set[str]:
    return {name for name in state if name.startswith(prefix + ".")}


def _layers(state: Mapping[str, Tensor]) -> dict[str, list[str]]:
    """Module → its own tensors; a parameter outside any module is a layer by itself."""
    layers: dict[str, list[str]] = {}
    for name in state:
        layers.setdefault(name.rpartition(".")[0] or name, []).append(name)
    return layers


def _transforms(names: Collection[str], state: Mapping[str, Tensor]) -> bool:
    """Whether tensors of a module are a layer's that turns features into others: no norm's, no scale's, no position's."""
    return any("." in name and state[name].ndim > 1 for name in names)


def _norms_astray(
    layers: Mapping[str, list[str]], state: Mapping[str, Tensor], fitting: Collection[str]
) -> dict[str, str]:
    """Tensors of BatchNorms behind a layer that does not fit, with the reason not to take them: their running statistics are
    of what the source's layer gives. The layer is the last one before it in the network's order."""
    before: str | None = None
    astray: dict[str, str] = {}
    for layer, names in layers.items():
        if _transforms(names, state):
            before = layer
        elif before is not None and f"{layer}.running_mean" in names and not set(layers[before]) <= set(fitting):
            astray |= dict.fromkeys(names, f"normalises what {before} gives, which is not the source's")
    return astray


def _why_not(name: str, own: Tensor, source: _Source, excluded: Collection[str]) -> str:
    if name in excluded:
        return "new head"
    if name not in source.state:
        return "not in the source"
    return f"{tuple(source.state[name].shape)} in the source, {tuple(own.shape)} here"


def _counts(model: nn.Module, taken: Collection[str], parts: list[str]) -> dict[str, Any]:
    parameters = {name: parameter.numel() for name, parameter in model.named_parameters()}
    return {
        "tensors": len(taken),
        "of_tensors": len(model.state_dict()),
        "parameters": sum(count for name, count in parameters.items() if name in taken),
        "of_parameters": sum(parameters.values()),
        "taken": parts,
    }


def _open(start: str, arch: str) -> _Source:
    """The source at its own geometry, judged; what is refused is raised. Of a user's own networks `arch` alone is one."""
    if start.startswith(TIMM_PREFIX):
        tag = pretrained_tag(start, start)
        native, _, _ = timm_native_spec(tag)
        return _of_ours(open_tag(tag, native))
    path = repository_file(start) if start.startswith(PREFIX) else Path(start).expanduser()
    if not path.is_file():
        raise UserError(
            f"{start} is not a file; give timm:NAME.TAG, weights:NAME, or a safetensors or PyTorch file", key=KEY
        )
    origin = start if start.startswith(PREFIX) else f"file:{path.name}"
    content = read_weights_file(path)
    if content.provenance is not None:
        check_agreed(content.provenance.spec.arch, path, arch, "only a start of the trial's own model.arch is taken")
        return _of_ours(open_file(path, content.provenance.spec, origin=origin))
    # A file that does not say its network is judged by its own names.
    state = as_float(content.state)
    verdict = judge(state)
    if verdict.word == "refused":
        raise refuse(str(path), verdict.evidence)
    head = [name for name in state if name.startswith(OTHER_HEADS)]
    return _Source(state, head, origin, content.sha256, verdict, (None, None), {})


def _of_ours(source: Source) -> _Source:
    head = head_names(outline(source.native))
    return _Source(
        source.state, head, source.origin, source.sha256, source.verdict, (source.mean, source.std), source.extra
    )
