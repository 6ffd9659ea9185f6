"""Bringing weights to another geometry in the order that leaves no hole.

Load strictly at the source's own sizes and classes; verify every tensor against the source; change the input channels;
resample to the new image and patch size; put in a new head. timm on its own loads loosely as soon as the class count
differs, and then lets a half or mis-prefixed checkpoint pass.
"""

from __future__ import annotations

import inspect
import math
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import timm
import torch
from timm.models import adapt_input_conv, model_entrypoint, vision_transformer
from torch import Tensor, nn

from models.errors import UserError
from models.fingerprints import part_of
from models.provenance import How
from models.registry import TIMM_PREFIX, accepted_sizes, build, timm_name
from models.spec import ModelSpec

COUNTER = ".num_batches_tracked"
# Heads of other checkpoints of the same families, for files whose class count or head differs from ours.
OTHER_HEADS = ("head.", "fc.", "head_dist.", "classifier.")
SHOWN = 4

Hows = dict[str, tuple[How, str]]


@dataclass(frozen=True)
class Transferred:
    """A complete state for the target, and for each tensor that was not simply copied how it came over."""

    state: dict[str, Tensor]
    hows: Hows


def random_state(spec: ModelSpec, seed: int) -> dict[str, Tensor]:
    """The state of `build(spec)` under `torch.manual_seed(seed)`; the global generator is left as it was."""
    return {name: tensor.detach().clone() for name, tensor in native_model(spec, seed).state_dict().items()}


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def head_names(model: nn.Module) -> tuple[str, ...]:
    """Names of the classifier's tensors in the state dict; empty for a network without one."""
    found = model.get_classifier() if hasattr(model, "get_classifier") else None
    heads = found if isinstance(found, tuple | list) else [found]
    modules = [name for name, module in model.named_modules() if name and any(module is head for head in heads)]
    return tuple(name for name in model.state_dict() if any(name.startswith(f"{module}.") for module in modules))


def native_model(native: ModelSpec, seed: int = 0) -> nn.Module:
    """`build(native)` under `seed`, without disturbing the global generator."""
    with seeded(seed):
        return build(native)


def filtered(state: Mapping[str, Tensor], native: ModelSpec, model: nn.Module) -> dict[str, Tensor]:
    """`state` under the names that the network uses, by timm's own key filter of its family, in single precision."""
    key_filter = _key_filter(native)
    renamed: Mapping[str, Tensor] = dict(state)
    if key_filter is not None:
        # deit's checkpoints call their LayerScale by other names.
        extra = {"adapt_layer_scale": True} if "adapt_layer_scale" in inspect.signature(key_filter).parameters else {}
        renamed = key_filter(dict(state), model, **extra)
    return {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in renamed.items()}


def mismatch_evidence(source: Mapping[str, Tensor], model: nn.Module) -> tuple[str, ...]:
    """What keeps `source` from being, strictly, the weights of `model`; empty if nothing does.

    The classifier may differ or be absent, since it is replaced, and counters of BatchNorm may be absent.
    """
    target = model.state_dict()
    head = head_names(model)
    missing = [name for name in target if name not in source and name not in head and not name.endswith(COUNTER)]
    extra = [name for name in source if name not in target and not name.startswith(OTHER_HEADS)]
    prefix = _common_prefix(missing, extra)
    if prefix:
        return (f"every tensor name starts with {prefix!r}, which this network's names do not; save it without that",)
    findings = []
    if missing:
        parts = _in_parts(missing)
        findings.append(f"{len(missing)} of {len(target)} tensors are missing: {_some(missing)} (in {parts})")
    if extra:
        findings.append(f"{len(extra)} tensors belong to another architecture: {_some(extra)}")
    for name, tensor in target.items():
        if name in source and name not in head and source[name].shape != tensor.shape:
            found = tuple(source[name].shape)
            findings.append(f"{name} has shape {found}, expected {tuple(tensor.shape)}")
    return tuple(findings)


def load_strictly(source: Mapping[str, Tensor], model: nn.Module) -> Hows:
    """Load a source for which `mismatch_evidence` is empty, and verify that every tensor arrived as it was.

    Returns what stayed as it was built: a classifier or counters that the source does not hold.
    """
    own = model.state_dict()
    fitting = {name: source[name] for name in own if name in source and source[name].shape == own[name].shape}
    left: Hows = {name: ("reinitialised", "not in the source") for name in own if name not in fitting}
    model.load_state_dict({**own, **fitting}, strict=True)
    loaded = model.state_dict()
    for name, tensor in fitting.items():
        if not torch.equal(loaded[name], tensor):
            raise AssertionError(f"{name} differs from its source after loading")
    return left


def transfer(source: Mapping[str, Tensor], native: ModelSpec, target: ModelSpec, seed: int) -> Transferred:
    """The state of `target` from filtered weights of `native`, with a new head drawn from `seed`.

    The head equals that of `random_state(target, seed)`, so that pretrained and random networks start alike in it.

    Raises:
        UserError: the target needs tensors that the source network cannot be resampled to.
    """
    model = native_model(native)
    hows = load_strictly(source, model)
    model, hows_channels = _with_channels(model, native, target)
    random_target = native_model(target, seed)
    fresh = random_target.state_dict()
    head = head_names(random_target)
    hows_sizes = _resize(model, target, fresh)
    state: dict[str, Tensor] = {}
    current = model.state_dict()
    hows = {**hows, **hows_channels, **hows_sizes, **dict.fromkeys(head, ("reinitialised", "new head"))}
    problems = []
    for name, wanted in fresh.items():
        if name in head:
            state[name] = wanted.detach().clone()
            continue
        found = current.get(name)
        if found is None or found.shape != wanted.shape:
            problems.append(name if found is None else f"{name} {tuple(found.shape)} → {tuple(wanted.shape)}")
            continue
        state[name] = found.detach().clone()
    native_head = set(head_names(model))
    problems += [f"{name} (has no place)" for name in current if name not in fresh and name not in native_head]
    if problems:
        raise _no_way(native, target, problems)
    _verify_copies(state, source, hows)
    return Transferred(state, {name: hows[name] for name in state if name in hows})


def _no_way(native: ModelSpec, target: ModelSpec, problems: list[str]) -> UserError:
    hint = "; with global_pool: avg say fc_norm: false too" if any("fc_norm" in name for name in problems) else ""
    return UserError(
        f"model.init: weights of {native.arch} cannot become {target.arch} at {target.img_size} px, "
        f"patch {target.patch_size}, args {target.args}: {_some(problems)}; choose the weights' own architecture, size "
        f"and arguments{hint}, or source: random"
    )


def _verify_copies(state: Mapping[str, Tensor], source: Mapping[str, Tensor], hows: Hows) -> None:
    for name, tensor in state.items():
        if name not in hows and not torch.equal(tensor, source[name]):
            raise AssertionError(f"{name} was to be copied but differs from its source")


def _with_channels(model: nn.Module, native: ModelSpec, target: ModelSpec) -> tuple[nn.Module, Hows]:
    if native.in_chans == target.in_chans:
        return model, {}
    changed = native_model(replace(native, in_chans=target.in_chans))
    state = model.state_dict()
    hows: Hows = {}
    for name, wanted in changed.state_dict().items():
        if name in state and state[name].shape != wanted.shape and wanted.ndim == 4:
            state[name] = adapt_input_conv(target.in_chans, state[name], base_chans=native.in_chans)
            hows[name] = ("resampled", f"input channels {native.in_chans} → {target.in_chans}")
    changed.load_state_dict(state, strict=True)
    return changed, hows


def _resize(model: nn.Module, target: ModelSpec, fresh: Mapping[str, Tensor]) -> Hows:
    if not hasattr(model, "set_input_size"):
        return {}
    before = {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}
    # A timm network at its own size names no patch size: its tensors tell.
    patches = fresh.get("patch_embed.proj.weight")
    patch = target.patch_size if patches is None else patches.shape[-1]
    size = (target.img_size, target.img_size)
    try:
        model.set_input_size(img_size=size, patch_size=None if patch is None else (patch, patch))
    except (AssertionError, RuntimeError, TypeError, ValueError) as error:
        raise UserError(f"model: cannot be brought to {target.img_size} px, patch {patch}: {error}") from error
    hows: Hows = {}
    for name, tensor in model.state_dict().items():
        old = before.get(name)
        if old is None or old.shape != tensor.shape or not torch.equal(old, tensor):
            was = None if old is None else tuple(old.shape)
            hows[name] = ("resampled", f"{was} → {tuple(tensor.shape)}")
    return hows


def infer_native(state: Mapping[str, Tensor], spec: ModelSpec) -> ModelSpec:
    """The geometry that a headerless file for the architecture of `spec` was saved at, read off its shapes.

    Shapes that say nothing leave `spec` as it is; the strict load that follows finds what does not fit.
    """
    native = spec
    patch = state.get("patch_embed.proj.weight")
    positions = state.get("pos_embed")
    if patch is not None and patch.ndim == 4 and "patch_size" in accepted_sizes(spec.arch):
        native = replace(native, in_chans=patch.shape[1], patch_size=patch.shape[-1])
        if positions is not None and positions.ndim == 3:
            model = native_model(native_sized(native))
            prefix = 0 if getattr(model, "no_embed_class", False) else getattr(model, "num_prefix_tokens", 1)
            side = math.isqrt(max(positions.shape[1] - prefix, 0))
            native = replace(native, img_size=side * patch.shape[-1] if side else native.img_size)
        else:
            native = native_sized(native)
    elif "conv1.weight" in state and state["conv1.weight"].ndim == 4:
        native = replace(native, in_chans=state["conv1.weight"].shape[1])
    for name in ("head.weight", "fc.weight", "head.fc.weight", "classifier.weight"):
        if name in state and state[name].ndim == 2 and state[name].shape[0] > 0:
            return replace(native, num_classes=state[name].shape[0])
    return native


def native_sized(native: ModelSpec) -> ModelSpec:
    """`native` with the nearest image size that its patch size divides."""
    patch = native.patch_size or 1
    return replace(native, img_size=max(patch, native.img_size // patch * patch))


def _key_filter(native: ModelSpec) -> Callable[..., Any] | None:
    if native.arch.startswith(TIMM_PREFIX):
        entry = model_entrypoint(timm_name(native.arch).partition(".")[0])
        found: Callable[..., Any] | None = getattr(sys.modules[entry.__module__], "checkpoint_filter_fn", None)
        return found
    return vision_transformer.checkpoint_filter_fn if native.arch.startswith("vit_") else None


def timm_native_spec(tag: str) -> tuple[ModelSpec, tuple[float, ...], tuple[float, ...]]:
    """Spec at the size and class count of a timm tag's own weights, with its normalisation mean and std."""
    config = timm.get_pretrained_cfg(timm_name(tag))
    channels, side, _ = config.input_size
    spec = ModelSpec(tag, config.num_classes, side, channels)
    return spec, tuple(config.mean), tuple(config.std)


def _common_prefix(missing: list[str], extra: list[str]) -> str | None:
    """What stands before the names that are missing, if nearly all of them are there behind one prefix."""
    if not missing:
        return None
    counts: dict[str, int] = {}
    wanted = set(missing)
    for name in extra:
        pieces = name.split(".")
        for cut in range(1, len(pieces)):
            if ".".join(pieces[cut:]) in wanted:
                prefix = ".".join(pieces[:cut]) + "."
                counts[prefix] = counts.get(prefix, 0) + 1
    if not counts:
        return None
    best = max(counts, key=lambda prefix: counts[prefix])
    return best if counts[best] >= 0.9 * len(missing) else None


def _in_parts(names: list[str]) -> str:
    return _some(list(dict.fromkeys(part_of(name) for name in names)))


def _some(names: list[str]) -> str:
    rest = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {rest} more" if rest > 0 else "")
