"""Networks whose images are normalised by the batch that they are trained in."""

from __future__ import annotations

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


def has_batch_norm(model: nn.Module) -> bool:
    """Those over the images of several processes too."""
    return any(isinstance(module, _BatchNorm) for module in model.modules())
