"""BatchNorm's running statistics against those of images: were they gathered on images like these?"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from trainables.data import Batch

MOST_SHIFT, MOST_FACTOR = 0.5, 2.0
"""Up to here statistics fit. Own images, as training augmented them, were measured at up to 0.30 and 1.21; textures, by a
network of clothes, at 0.53 and 4.2 (docs/weights.md)."""
NO_VARIANCE = 1e-8
"""Below it a channel is constant, and its ratio says nothing."""


@dataclass(frozen=True)
class NormStatistics:
    """`shift`: how far the running means lie from the images', in running standard deviations, root mean square over a
    layer's channels; `factor` ≥ 1: by how much the variances differ, median over its channels. Both the median of the
    layers, of which `untouched` still have mean 0 and variance 1."""

    layers: int
    untouched: int
    shift: float
    factor: float
    images: int

    @property
    def word(self) -> Literal["untouched", "fit", "differ"]:
        if self.untouched:
            return "untouched"
        near = self.shift <= MOST_SHIFT and self.factor <= MOST_FACTOR
        return "fit" if near else "differ"

    def text(self, *, own: bool) -> str:
        """`own`: the network is known to have been trained on these images."""
        if self.untouched:
            return f"{self.untouched} of {self.layers} BatchNorms never saw data (running mean 0, variance 1)"
        found = "fit these images"
        if self.word == "differ":
            found = "have not settled yet on these images, its own" if own else "are those of other images"
        return (
            f"BatchNorm's statistics {found} (running means {self.shift:.2f} standard deviations off, variances by a factor of "
            f"{self.factor:.2f}; medians of {self.layers} layers)"
        )

    def to_json(self) -> dict[str, Any]:
        return {
            "layers": self.layers,
            "untouched": self.untouched,
            "shift": self.shift,
            "factor": self.factor,
            "images": self.images,
            "word": self.word,
        }


@dataclass
class _Sums:
    """Over what a BatchNorm reads, for each channel, in double precision."""

    count: int = 0
    total: Tensor | float = 0.0
    squares: Tensor | float = 0.0

    def add(self, module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        values = inputs[0].detach().double().transpose(0, 1).flatten(1)
        self.count += values.shape[1]
        self.total = self.total + values.sum(1)
        self.squares = self.squares + values.square().sum(1)


@torch.no_grad()
def norm_statistics(model: nn.Module, batches: Iterable[Batch]) -> NormStatistics | None:
    """Of a network in eval mode on images without augmentation; None where it has no BatchNorm with running statistics."""
    norms = [one for one in model.modules() if isinstance(one, _BatchNorm) and one.running_mean is not None]
    if not norms:
        return None
    sums = [_Sums() for _ in norms]
    handles = [norm.register_forward_pre_hook(partial(_Sums.add, one)) for norm, one in zip(norms, sums, strict=True)]
    images, was_training = 0, model.training
    try:
        model.eval()
        for batch, _ in batches:
            model(batch)
            images += len(batch)
    finally:
        model.train(was_training)
        for handle in handles:
            handle.remove()
    differences = [_difference(norm, one) for norm, one in zip(norms, sums, strict=True) if one.count]
    untouched = sum(_is_untouched(norm) for norm in norms)
    shift, factor = (median(values) for values in zip(*differences, strict=True))
    return NormStatistics(len(norms), untouched, shift, factor, images)


def _difference(norm: _BatchNorm, sums: _Sums) -> tuple[float, float]:
    mean = torch.as_tensor(sums.total) / sums.count
    variance = (torch.as_tensor(sums.squares) / sums.count - mean.square()).clamp_min(0)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    own_mean, own_variance = norm.running_mean.double(), norm.running_var.double()
    shift = ((mean - own_mean) / (own_variance + norm.eps).sqrt()).square().mean().sqrt()
    lively = (own_variance > NO_VARIANCE) & (variance > NO_VARIANCE)
    ratios = (variance[lively] / own_variance[lively]).log().abs()
    return float(shift), math.exp(float(ratios.median())) if len(ratios) else 1.0


def _is_untouched(norm: _BatchNorm) -> bool:
    assert norm.running_mean is not None
    assert norm.running_var is not None
    return bool((norm.running_mean == 0).all() and (norm.running_var == 1).all())
