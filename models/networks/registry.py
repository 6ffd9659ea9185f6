"""The names of architectures, and the dense networks built from them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import Any

import timm
from timm.models.vision_transformer import VisionTransformer
from torch import nn

from models.errors import UserError
from models.names import most_like, suggestion
from models.networks.own import build_own, is_own, own_sizes
from models.networks.shapes_only import shapes_only
from models.networks.twistnet import TwistNet
from models.networks.variants import VARIANTS, resolve_name
from models.spec import ModelSpec

TIMM_PREFIX = "timm:"
# Below this side, timm's own patch size would leave a handful of tokens.
NATIVE_PATCHES_FROM = 112

# Sizes have their own fields, and weights come in through `models.initial_weights` alone, where they are proven.
NOT_IN_ARGS = frozenset(
    {"num_classes", "in_chans", "img_size", "patch_size", "pretrained", "pretrained_cfg", "pretrained_cfg_overlay"}
    | {"checkpoint_path", "cache_dir", "features_only"}
)
NOT_IN_ARGS_BECAUSE = "sizes and classes follow from model and data, weights from model.init"
# What the builders of timm raise when they cannot use an argument.
BUILDER_REFUSES = (TypeError, ValueError, AssertionError, RuntimeError, ArithmeticError, LookupError, AttributeError)

VISION_TRANSFORMERS: dict[str, dict[str, Any]] = {
    "vit_micro": {"embed_dim": 64, "depth": 4, "num_heads": 4, "mlp_ratio": 4.0},
    "vit_tiny": {"embed_dim": 192, "depth": 9, "num_heads": 3, "mlp_ratio": 2.0},
    "vit_small": {"embed_dim": 384, "depth": 12, "num_heads": 6, "mlp_ratio": 4.0},
    "vit_base": {"embed_dim": 768, "depth": 12, "num_heads": 12, "mlp_ratio": 4.0},
}
ARCHITECTURES: tuple[str, ...] = (*VISION_TRANSFORMERS, "twistnet18", *VARIANTS)

# vit_tiny (9 blocks, MLP ratio 2) and twistnet18 have no published weights of their geometry.
PRETRAINED: dict[str, str] = {
    "vit_micro": "weights:vit_micro",
    "vit_small": "timm:vit_small_patch16_224.augreg_in21k_ft_in1k",
    "vit_base": "timm:vit_base_patch16_224.augreg2_in21k_ft_in1k",
}


def build(spec: ModelSpec) -> nn.Module:
    """The dense network of `spec`, initialised at random from torch's global generator, in train mode.

    Raises:
        UserError: unknown architecture (with the nearest names), or arguments that its builder does not take.
    """
    arch, args = resolve_name(spec.arch, spec.args)
    spec = replace(spec, arch=arch, args=args)
    builder = _builder(arch)
    for key in sorted(NOT_IN_ARGS & spec.args.keys()):
        raise UserError(f"not to be given here; {NOT_IN_ARGS_BECAUSE}", key=f"model.args.{key}")
    patch_size = spec.patch_size
    if patch_size is not None and spec.img_size % patch_size != 0:
        raise UserError(
            f"{patch_size} does not divide the image size {spec.img_size}; choose one of {_divisors(spec.img_size)}",
            key="model.patch_size",
        )
    try:
        return builder(spec)
    except BUILDER_REFUSES as error:
        arguments = f"img_size={spec.img_size}, patch_size={patch_size}, args={spec.args}"
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UserError(
            f"model {spec.arch}: cannot be built with {arguments}: {reason}; correct model.args or the sizes"
        ) from error


def resolve_spec(
    arch: str,
    num_classes: int,
    img_size: int,
    in_chans: int,
    patch_size: int | None = None,
    args: dict[str, Any] | None = None,
) -> ModelSpec:
    """A ModelSpec with the patch size filled in where the architecture has one, and names such as
    `twistnet18_no_spiral` resolved to architecture and arguments.

    Default patch: 2 up to 16 px, 4 up to 48 px, 8 up to 111 px, above that 16 for ours and timm's own for `timm:`
    names, lowered to the next divisor of the image size. A patch size given for a network without patches is a
    UserError.
    """
    arch, args = resolve_name(arch, args)
    takes_patches = "patch_size" in accepted_sizes(arch)
    if patch_size is not None and not takes_patches:
        raise UserError(f"{arch} takes no patch size, found {patch_size}; leave the key out", key="model.patch_size")
    if patch_size is None and takes_patches and not (_is_timm(arch) and img_size >= NATIVE_PATCHES_FROM):
        patch_size = default_patch_size(img_size)
    return ModelSpec(arch, num_classes, img_size, in_chans, patch_size, args)


def default_patch_size(img_size: int) -> int:
    """The patch side in pixels for a square image of side `img_size`: about 64 tokens on small images."""
    wanted = 2 if img_size <= 16 else 4 if img_size <= 48 else 8 if img_size < NATIVE_PATCHES_FROM else 16
    return max(divisor for divisor in _divisors(img_size) if divisor <= wanted)


def default_pretrained(arch: str) -> str | None:
    """Where `source: pretrained` takes this architecture's weights from.

    A full timm hub tag ("timm:NAME.TAG"), "weights:NAME" for a file that the repository carries, or None where no
    pretrained weights of this geometry exist.
    """
    arch, _ = resolve_name(arch)
    if not _is_timm(arch):
        _builder(arch)
        return PRETRAINED.get(arch)
    name, _, tag = timm_name(arch).partition(".")
    config = timm.get_pretrained_cfg(f"{name}.{tag}" if tag else name, allow_unregistered=True)
    if config is None or not config.has_weights:
        return None
    full_tag = tag or config.tag
    return f"{TIMM_PREFIX}{name}.{full_tag}" if full_tag else f"{TIMM_PREFIX}{name}"


def timm_name(arch: str) -> str:
    """timm's own name, tag included, of a `timm:NAME[.TAG]` architecture; UserError with the nearest if unknown."""
    full = arch.removeprefix(TIMM_PREFIX)
    name, _, tag = full.partition(".")
    if not timm.is_model(name):
        raise UserError(
            f"timm has no model {name!r}{suggestion(*most_like(name, timm.list_models()))}", key="model.arch"
        )
    if tag and full not in timm.list_pretrained(f"{name}.*"):
        tags = [known.partition(".")[2] for known in timm.list_pretrained(f"{name}.*")]
        known_tags = f"; its tags are {', '.join(tags)}" if tags else "; it has no pretrained tags"
        raise UserError(f"timm's {name} has no pretrained tag {tag!r}{known_tags}", key="model.arch")
    return full


def accepted_sizes(arch: str) -> tuple[str, ...]:
    """Which of `img_size` and `patch_size` the architecture's builder takes, found by building it without memory; a user's
    own says so itself."""
    return own_sizes(arch) if is_own(arch) else accepted_sizes_of_ours(arch)


@lru_cache(maxsize=256)
def accepted_sizes_of_ours(arch: str) -> tuple[str, ...]:
    """The same of our networks and timm's, which do not change while a process lives."""
    arch, _ = resolve_name(arch)
    if arch in VISION_TRANSFORMERS:
        return ("img_size", "patch_size")
    if not _is_timm(arch):
        _builder(arch)
        return ()
    name = timm_name(arch)
    candidates: tuple[dict[str, Any], ...] = ({"img_size": 32, "patch_size": 4}, {"img_size": 224})
    for sizes in candidates:
        try:
            with shapes_only():
                timm.create_model(name, pretrained=False, **sizes)
        except Exception:  # each family refuses in its own way: TypeError, an assertion, even a raised string
            continue
        return tuple(sizes)
    return ()


def _builder(arch: str) -> Callable[[ModelSpec], nn.Module]:
    if _is_timm(arch):
        return _build_timm
    if arch in VISION_TRANSFORMERS:
        return _build_vision_transformer
    if arch == "twistnet18":
        return _build_twistnet
    if is_own(arch):
        return build_own
    if timm.is_model(arch.partition(".")[0]):
        raise UserError(f"{arch!r} is a timm model; write {TIMM_PREFIX}{arch}", key="model.arch")
    raise UserError(
        f"unknown architecture {arch!r}; known are {', '.join(ARCHITECTURES)}, {TIMM_PREFIX}NAME and module:object "
        f"or path/to/file.py:object of one's own{suggestion(*most_like(arch, ARCHITECTURES))}",
        key="model.arch",
    )


def _build_vision_transformer(spec: ModelSpec) -> nn.Module:
    sizes = {"img_size": spec.img_size, "patch_size": spec.patch_size or default_patch_size(spec.img_size)}
    arguments = {**VISION_TRANSFORMERS[spec.arch], **sizes, **spec.args}
    model: nn.Module = VisionTransformer(in_chans=spec.in_chans, num_classes=spec.num_classes, **arguments)
    return model


def _build_timm(spec: ModelSpec) -> nn.Module:
    name = timm_name(spec.arch)
    given = {"img_size": spec.img_size, "patch_size": spec.patch_size}
    taken = accepted_sizes(spec.arch)
    sizes: dict[str, Any] = {key: value for key, value in given.items() if key in taken and value is not None}
    model: nn.Module = timm.create_model(
        name, pretrained=False, num_classes=spec.num_classes, in_chans=spec.in_chans, **sizes, **spec.args
    )
    return model


def _build_twistnet(spec: ModelSpec) -> nn.Module:
    return TwistNet(num_classes=spec.num_classes, in_chans=spec.in_chans, **spec.args)


def _is_timm(arch: str) -> bool:
    return arch.startswith(TIMM_PREFIX)


def _divisors(number: int) -> list[int]:
    return [divisor for divisor in range(1, number + 1) if number % divisor == 0]
