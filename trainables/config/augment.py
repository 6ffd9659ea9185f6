"""The `augment` sections of a trial: what is done to training images."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from models.section import Section


class AugmentConfig(Section):
    """What is done to training images, in this order.

    0, null or false leaves a step out.
    """

    crop_padding: int = Field(0, ge=0)
    """Random crop after padding by so many pixels."""
    flip: bool = False
    """Mirror left to right with probability one half."""
    rand_augment: str | None = None
    """timm's notation, such as `rand-m9-mstd0.5-inc1`."""
    random_resized_crop: Annotated[float, Field(gt=0, le=1)] | None = None
    """Comes before all others. The smallest share of the image's area that a random crop keeps (large images only)."""
    mixup: float = Field(0.0, ge=0)
    """Alpha of mixup's Beta distribution (Zhang et al. 2018)."""
    cutmix: float = Field(0.0, ge=0)
    """Alpha of cutmix's Beta distribution (Yun et al. 2019)."""
