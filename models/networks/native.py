"""A source's own network: at which geometry it was saved, under which names, and its random state."""

from __future__ import annotations

import inspect
import math
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import timm
import torch
from timm.models import model_entrypoint, vision_transformer
from torch import Tensor, nn

from models.errors import UserError
from models.networks.registry import TIMM_PREFIX, accepted_sizes, build, timm_name
from models.networks.shapes_only import shapes_only
from models.spec import ModelSpec


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
    get_classifier = getattr(model, "get_classifier", None)
    found = get_classifier() if callable(get_classifier) else _last_linear(model)
    heads = found if isinstance(found, tuple | list) else [found]
    modules = [name for name, module in model.named_modules() if name and any(module is head for head in heads)]
    return tuple(name for name in model.state_dict() if any(name.startswith(f"{module}.") for module in modules))


def _last_linear(model: nn.Module) -> nn.Module | None:
    linear = [module for module in model.modules() if isinstance(module, nn.Linear)]
    return linear[-1] if linear else None


def native_model(native: ModelSpec, seed: int = 0) -> nn.Module:
    """`build(native)` under `seed`, without disturbing the global generator."""
    with seeded(seed):
        return build(native)


def outline(spec: ModelSpec) -> nn.Module:
    """The network of `spec` with names and shapes but neither memory nor values: a tenth of the time to build."""
    with seeded(0), shapes_only():
        return build(spec)


def filtered(state: Mapping[str, Tensor], native: ModelSpec, model: nn.Module) -> dict[str, Tensor]:
    """`state` under the names that the network uses, by timm's own key filter of its family, in single precision."""
    key_filter = _key_filter(native)
    renamed: Mapping[str, Tensor] = dict(state)
    if key_filter is not None:
        # deit's checkpoints call their LayerScale by other names.
        extra = {"adapt_layer_scale": True} if "adapt_layer_scale" in inspect.signature(key_filter).parameters else {}
        renamed = key_filter(dict(state), model, **extra)
    return as_float(renamed)


def as_float(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Floating-point tensors in single precision; counters as they are."""
    return {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in state.items()}


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
            model = outline(native_sized(native))
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


def timm_native_spec(tag: str) -> tuple[ModelSpec, tuple[float, ...], tuple[float, ...]]:
    """Spec at the size and class count of a timm tag's own weights, with its normalisation mean and std."""
    config = timm.get_pretrained_cfg(timm_name(tag))
    if config is None:
        raise UserError(f"timm knows no weights under {tag}; give a full tag, timm:NAME.TAG", key="model.init.tag")
    channels, side, _ = config.input_size
    spec = ModelSpec(tag, config.num_classes, side, channels)
    return spec, tuple(config.mean), tuple(config.std)


def _key_filter(native: ModelSpec) -> Callable[..., Any] | None:
    if native.arch.startswith(TIMM_PREFIX):
        entry = model_entrypoint(timm_name(native.arch).partition(".")[0])
        found: Callable[..., Any] | None = getattr(sys.modules[entry.__module__], "checkpoint_filter_fn", None)
        return found
    return vision_transformer.checkpoint_filter_fn if native.arch.startswith("vit_") else None
