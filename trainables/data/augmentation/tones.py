"""RandAugment's operations on tones, sharpness and blur: on batches of uint8 images (N, C, H, W), C 1 or 3, each image with its
own argument (N,).

To the bit what Pillow makes of one image at a time, which timm's operations are made of: the same arithmetic in the same order,
truncation included. Grey images come out as colour ones of three equal channels would.
"""

from __future__ import annotations

import torch
from torch import Tensor

from trainables.data.augmentation.per_image import per_image

LEVELS = 256
PASSES = 3
"""Box blurs that stand for a Gaussian one."""
WIDEST_BOX = 2
"""Pixels to either side that a box takes in, its fractional ends included, at the largest radius of timm's, 2."""


def auto_contrast(images: Tensor) -> Tensor:
    """Stretch each channel to the full range; one of a single value stays."""
    darkest = images.amin((2, 3), keepdim=True).double()
    brightest = images.amax((2, 3), keepdim=True).double()
    # By a tensor: a number divided by a tensor is multiplied by its reciprocal, which rounds twice.
    scale = torch.full_like(darkest, 255.0) / (brightest - darkest)
    stretched = (images * scale - darkest * scale).clamp(0, 255).to(torch.uint8)
    return torch.where(brightest > darkest, stretched, images)


def equalize(images: Tensor) -> Tensor:
    """Map each channel so that its histogram becomes about flat."""
    flat = images.flatten(2).long()
    ones = torch.ones((), dtype=torch.long, device=images.device).expand_as(flat)
    counts = torch.zeros((*flat.shape[:2], LEVELS), dtype=torch.long, device=images.device).scatter_add_(2, flat, ones)
    of_brightest = counts.gather(2, flat.amax(2, keepdim=True))
    step = (flat.shape[2] - of_brightest) // (LEVELS - 1)
    below = counts.cumsum(2) - counts
    mapped = ((step // 2 + below) // step.clamp(min=1)).clamp(max=255).gather(2, flat)
    return torch.where(step > 0, mapped, flat).to(torch.uint8).view_as(images)


def invert(images: Tensor) -> Tensor:
    return 255 - images


def solarize(images: Tensor, threshold: Tensor) -> Tensor:
    """Invert what is at or above the threshold."""
    return torch.where(images < per_image(threshold), images, 255 - images)


def solarize_add(images: Tensor, addend: Tensor) -> Tensor:
    """Brighten the darker half by a whole number."""
    brightened = (images.short() + per_image(addend).short()).clamp(max=255).to(torch.uint8)
    return torch.where(images < LEVELS // 2, brightened, images)


def posterize(images: Tensor, bits: Tensor) -> Tensor:
    """Keep so many of each value's highest bits, 8 and more being all."""
    lost = 2 ** (8 - bits.clamp(max=8)).long()
    return images - (images % per_image(lost)).to(torch.uint8)


def brightness(images: Tensor, factor: Tensor) -> Tensor:
    return _blend(torch.zeros_like(images), images, factor)


def contrast(images: Tensor, factor: Tensor) -> Tensor:
    """Away from the mean grey of each image."""
    mean = _grey(images).double().mean((2, 3), keepdim=True)
    return _blend((mean + 0.5).to(torch.uint8), images, factor)


def colour(images: Tensor, factor: Tensor) -> Tensor:
    """Away from the grey picture."""
    return _blend(_grey(images), images, factor)


def desaturate(images: Tensor, factor: Tensor) -> Tensor:
    return colour(images, (1.0 - factor).clamp(0, 1))


def sharpness(images: Tensor, factor: Tensor) -> Tensor:
    """Away from the picture smoothed by a kernel of 3 x 3, which leaves the edge as it is."""
    wide = images.int()
    sums = wide[:, :, :, :-2] + wide[:, :, :, 1:-1] + wide[:, :, :, 2:]
    sums = sums[:, :, :-2] + sums[:, :, 1:-1] + sums[:, :, 2:] + 4 * wide[:, :, 1:-1, 1:-1]
    smooth = images.clone()
    smooth[:, :, 1:-1, 1:-1] = ((2 * sums + 13) // 26).to(torch.uint8)
    return _blend(smooth, images, factor)


def gaussian_blur(images: Tensor, radius: Tensor) -> Tensor:
    """As Pillow approximates it: three box blurs of fractional width along the rows, and three along the columns."""
    inner, outer, reach = _box_weights(radius.float())
    blurred = images
    for _ in range(2):
        for _ in range(PASSES):
            blurred = _box_blur_of_rows(blurred, inner, outer, reach)
        blurred = blurred.transpose(2, 3)
    return blurred


def _box_weights(radius: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Weights (in 2^-24) of a box's whole pixels and of the two beyond them, and how many whole ones lie on either side.

    After Gwosdek et al., SSVM 2011, with Pillow's roundings to float32.
    """
    variance = radius * radius / PASSES
    length = (12.0 * variance.double() + 1.0).sqrt().float()
    whole = ((length.double() - 1.0) / 2.0).floor().float()
    share = ((2 * whole + 1) * (whole * (whole + 1) - 3.0 * variance.double())).float()
    width = whole + share / (6 * (variance - (whole + 1) * (whole + 1)))
    reach = width.long()
    inner = (torch.full_like(width, 2.0**24) / (width * 2 + 1)).long()
    return inner, (2**24 - (2 * reach + 1) * inner) // 2, reach


def _box_blur_of_rows(images: Tensor, inner: Tensor, outer: Tensor, reach: Tensor) -> Tensor:
    width = images.shape[3]
    column = torch.arange(width, device=images.device)
    total = torch.zeros(images.shape, dtype=torch.long, device=images.device)
    for distance in range(-WIDEST_BOX, WIDEST_BOX + 1):
        weight = torch.where(reach >= abs(distance), inner, torch.where(reach + 1 == abs(distance), outer, 0))
        total += per_image(weight) * images[:, :, :, (column + distance).clamp(0, width - 1)]
    return ((total + 2**23) >> 24).to(torch.uint8)


def _grey(images: Tensor) -> Tensor:
    """(N, 1, H, W) by ITU-R 601-2 luma."""
    if images.shape[1] == 1:
        return images
    red, green, blue = images.int().unbind(1)
    return ((red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16).to(torch.uint8).unsqueeze(1)


def _blend(start: Tensor, images: Tensor, factor: Tensor) -> Tensor:
    """From `start` at 0 through the images at 1 and beyond, in float32 and cut off to whole numbers."""
    begin = start.float()
    return (begin + per_image(factor.float()) * (images - begin)).clamp(0, 255).to(torch.uint8)
