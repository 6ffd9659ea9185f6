"""Which network suits images and machine, where its weights come from, and what of it can be pruned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from models.errors import UserError
from models.spec import ModelSpec

SMALL_SIDE = 48
"""Up to here images stay as they are, and the smallest network of ours is large enough."""
MICRO_SIDE = 64
"""Images are brought to at most this for `vit_micro`, which has little to see more with."""
HALVING_SIDE = 64
"""Below this, networks that halve their input five times end at a pixel or two."""
LARGE_SIDE, MIDDLE_SIDE = 192, 112
NATIVE = 224
WITHOUT_GPU_SIDE = 96
"""At most, where a processor trains: at 224 pixels a study would take weeks."""
OWN_IMAGES = {"vit_micro": "fashion_mnist"}
"""Networks whose weights here were trained on a set's own images: starting from them would only resume that training."""
OWN = {"vit_micro": "those of vit_micro that come with prunetune, of Fashion-MNIST"}
WITH_GPU = ("vit_small", "resnet18")
WITHOUT_GPU = ("resnet18",)
"""What is taken for photographs where its weights are at hand, in this order."""


@dataclass(frozen=True)
class Weights:
    """`init` is what a study says; `told` where they are or what is needed; `fetch` the command that gets what is missing."""

    init: Mapping[str, str]
    told: str
    fetch: str | None = None


def choose_arch(shorter_side: int, has_gpu: bool) -> str:
    """The network for images of this shorter side: of those whose weights are at hand the strongest that the machine can
    train many times over."""
    candidates = WITH_GPU if has_gpu else WITHOUT_GPU
    if shorter_side <= SMALL_SIDE:
        return "vit_micro"
    return next((arch for arch in candidates if is_at_hand(arch)), "vit_micro")


def image_size_for(arch: str, shorter_side: int, has_gpu: bool) -> int:
    """Pixels: what the files have where they are small, never enlarged but for networks that could not look at them."""
    size = _fitting_size(arch, shorter_side)
    return size if has_gpu else min(size, WITHOUT_GPU_SIDE)


def _fitting_size(arch: str, shorter_side: int) -> int:
    patched = takes_patches(arch)
    if shorter_side <= SMALL_SIDE:
        size = max(8, shorter_side - shorter_side % 4)
    elif arch == "vit_micro":
        return min(MICRO_SIDE, shorter_side - shorter_side % 8)
    elif shorter_side >= LARGE_SIDE:
        size = NATIVE
    elif shorter_side >= MIDDLE_SIDE:
        size = shorter_side - shorter_side % 32
    else:
        size = shorter_side - shorter_side % 8
    return size if patched else max(HALVING_SIDE, size)


def takes_patches(arch: str) -> bool:
    from models.networks.registry import accepted_sizes

    return "patch_size" in accepted_sizes(arch)


def weights_of(spec: ModelSpec, arch: str, data: str) -> Weights:
    """Of a network on a data set. Random ones are proposed only where nobody has others, and it is told."""
    if OWN_IMAGES.get(arch) == data:
        return Weights(
            {"source": "random"}, f"the weights at hand were trained on {data} itself, so training starts anew"
        )
    tag = _published(arch)
    if tag is None:
        told = f"nobody publishes weights of {arch}, so it begins with random ones (prunetune pretrain makes weights)"
        return Weights({"source": "random"}, told)
    if tag == "" or _is_cached(tag, spec):
        return Weights({"source": "pretrained"}, f"on this machine: {tag or OWN.get(arch, arch)}")
    size = f" --patch-size {spec.patch_size}" if spec.patch_size is not None else ""
    fetch = f"prunetune init fetch {arch} --num-classes {spec.num_classes} --img-size {spec.img_size}{size}"
    return Weights(
        {"source": "pretrained"}, f"{tag} is not on this machine; fetch it once where there is a network", fetch
    )


def is_at_hand(arch: str) -> bool:
    """Whether pretrained weights of a network are on this machine."""
    tag = _published(arch)
    return tag == "" or (tag is not None and _is_cached(tag, None))


def _published(arch: str) -> str | None:
    """timm's tag of what is published, empty for a file on this machine, None where there is nothing."""
    from models.networks.registry import default_pretrained
    from models.networks.variants import is_looked_up
    from models.weights.finding import find_pretrained
    from models.weights.repository import PREFIX

    if is_looked_up(arch):
        try:
            return find_pretrained(arch).tag or ""
        except UserError:
            return None
    tag = default_pretrained(arch)
    return "" if tag is not None and tag.startswith(PREFIX) else tag


def _is_cached(tag: str, spec: ModelSpec | None) -> bool:
    from models.weights import hub
    from models.weights.store import find_stored, list_store

    if hub.cached_file(tag) is not None:
        return True
    if spec is not None:
        stored = find_stored(spec, tag)
        return stored is not None and stored.provenance is not None
    return any(one.provenance is not None and one.provenance.origin == tag for one in list_store())


def target_of(spec: ModelSpec) -> Any:
    """The word for most kinds of units that the network has. UserError where none can be cut."""
    import torch

    from models.networks.registry import build
    from models.targets import fitting_target, reach_of
    from models.units.describe import describe

    with torch.random.fork_rng(devices=[]):
        model = build(spec)
    there = reach_of(model, describe(model)).prunable
    if not there:
        raise UserError(f"--arch: {spec.arch} has no units that can be cut; see docs/networks.md for what has")
    return fitting_target(there)
