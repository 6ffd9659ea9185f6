"""Bringing weights to another geometry in the order that leaves no hole.

Load strictly at the source's own sizes and classes; verify every tensor against the source; change the input channels;
resample to the new image and patch size; put in a new head. timm on its own loads loosely as soon as the class count
differs, and then lets a half or mis-prefixed checkpoint pass.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from timm.models import adapt_input_conv
from torch import Tensor, nn

from models.errors import UserError, WeightsRefused
from models.networks.native import head_names, native_model, seeded
from models.networks.variants import name_of
from models.spec import ModelSpec
from models.weights.proof.strict_load import Hows, load_strictly, some


@dataclass(frozen=True)
class Transferred:
    """A complete state for the target, and for each tensor that was not simply copied how it came over."""

    state: dict[str, Tensor]
    hows: Hows


def transfer(source: Mapping[str, Tensor], native: ModelSpec, target: ModelSpec, seed: int) -> Transferred:
    """The state of `target` from filtered weights of `native`, with a new head drawn from `seed`.

    The head equals that of `random_state(target, seed)`, so that pretrained and random networks start alike in it.

    Raises:
        WeightsRefused: the source network's tensors cannot be resampled to those that the target needs.
        UserError: timm cannot bring the network to the image or patch size.
    """
    model = native_model(native)
    hows = load_strictly(source, model)
    model, hows_channels = _with_channels(model, native, target)
    random_target = native_model(target, seed)
    fresh = random_target.state_dict()
    head = head_names(random_target)
    # timm makes, and draws, a new patch convolution before it fills it.
    with seeded(seed):
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


def _no_way(native: ModelSpec, target: ModelSpec, problems: list[str]) -> WeightsRefused:
    hint = "; with global_pool: avg say fc_norm: false too" if any("fc_norm" in name for name in problems) else ""
    return WeightsRefused(
        f"refused: weights of {_called(native)} cannot become {_called(target)} at {target.img_size} px, "
        f"patch {target.patch_size}, args {target.args}: {some(problems)}; choose the weights' own architecture, size "
        f"and arguments{hint}, or source: random",
        tuple(problems),
        key="model.init",
    )


def _called(spec: ModelSpec) -> str:
    return name_of(spec) or spec.arch


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
    set_input_size = getattr(model, "set_input_size", None)
    if not callable(set_input_size):
        return {}
    before = {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}
    # A timm network at its own size names no patch size: its tensors tell.
    patches = fresh.get("patch_embed.proj.weight")
    patch = target.patch_size if patches is None else patches.shape[-1]
    sizes = {"img_size": (target.img_size, target.img_size)}
    if patch is not None:
        sizes["patch_size"] = (patch, patch)
    try:
        set_input_size(**sizes)
    except (AssertionError, RuntimeError, TypeError, ValueError) as error:
        raise UserError(f"model: cannot be brought to {target.img_size} px, patch {patch}: {error}") from error
    hows: Hows = {}
    for name, tensor in model.state_dict().items():
        old = before.get(name)
        if old is None or old.shape != tensor.shape or not torch.equal(old, tensor):
            was = None if old is None else tuple(old.shape)
            hows[name] = ("resampled", f"{was} → {tuple(tensor.shape)}")
    return hows
