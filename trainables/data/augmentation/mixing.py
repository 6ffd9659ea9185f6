"""Mixup and CutMix of a training batch: images of a batch mixed with its mirror order, and the labels made soft."""

from __future__ import annotations

from collections.abc import Callable

from timm.data.mixup import Mixup
from torch import Tensor

Mix = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


def make_mix(mixup: float, cutmix: float, num_classes: int) -> Mix | None:
    """A function of (images (B, C, H, W), labels (B,)) → (mixed images, targets (B, classes), rows summing to 1).

    `mixup` and `cutmix` are the alphas of their Beta distributions, 0 for off; with both on, each batch takes one of
    them at even odds. None where both are off. Draws come from NumPy's global generator, which timm uses. An odd batch
    loses its last image. Label smoothing is left to the loss, which smooths soft targets by the same formula as timm.
    """
    if mixup == 0 and cutmix == 0:
        return None
    mixer = Mixup(mixup_alpha=mixup, cutmix_alpha=cutmix, label_smoothing=0.0, num_classes=num_classes)  # type: ignore[no-untyped-call]  # timm's

    def mix(images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        even = len(images) - len(images) % 2
        if even == 0:
            raise ValueError("mixing needs at least two images in a batch")
        mixed, targets = mixer(images[:even].clone(), labels[:even])
        return mixed, targets

    return mix
