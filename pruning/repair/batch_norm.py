"""Running statistics of BatchNorm, taken anew where what it normalises has changed."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from pruning.calibration import undisturbed


def retake_statistics(model: nn.Module, images: Tensor) -> bool:
    """Every BatchNorm's mean and variance over these images, (images, channels, height, width), in place of its running ones;
    whether there was one. Each layer is taken on what those before it, normalised by this batch, hand it. All else is in
    eval mode and stays.
    """
    norms = [one for one in model.modules() if isinstance(one, _BatchNorm) and one.track_running_stats]
    if not norms:
        return False
    momenta = [norm.momentum for norm in norms]
    with undisturbed(model), torch.no_grad():
        try:
            for norm in norms:
                norm.train()
                norm.momentum = 1.0
            model(images.to(next(model.parameters()).device))
        finally:
            for norm, momentum in zip(norms, momenta, strict=True):
                norm.momentum = momentum
    return True
