"""Sum |w * dL/dw| over all parameters tied to the unit, L the mean loss over the calibration batches.

The first-order estimate of what removing each weight costs (Molchanov et al., CVPR 2019, arXiv 1906.10771).
"""

from __future__ import annotations

import torch
from torch import Tensor

from pruning.calibration import on_device_of, undisturbed
from pruning.importance.base import Evidence, Scores
from pruning.unit_sums import sum_by_unit


def taylor(evidence: Evidence) -> Scores:
    gradients = mean_gradients(evidence)
    parameters = dict(evidence.model.named_parameters())
    return sum_by_unit(evidence.groups, lambda name: (parameters[name].detach() * gradients[name]).abs())


def mean_gradients(evidence: Evidence) -> dict[str, Tensor]:
    """dL/dw of every tied parameter, L the loss averaged over all samples; the parameters' own .grad stays as it is."""
    if evidence.loss is None:
        raise ValueError("taylor needs a loss")
    parameters = dict(evidence.model.named_parameters())
    names = sorted({tied.tensor for group in evidence.groups for tied in group.slices if tied.is_parameter})
    wanted = [parameters[name] for name in names]
    sums = [torch.zeros_like(parameter) for parameter in wanted]
    samples = 0
    with undisturbed(evidence.model), torch.enable_grad():
        for images, labels in evidence.batches or ():
            images, labels = on_device_of(evidence.model, images, labels)
            loss = evidence.loss(evidence.model(images), labels)
            gradients = torch.autograd.grad(loss, wanted, materialize_grads=True)
            for total, gradient in zip(sums, gradients, strict=True):
                total.add_(gradient, alpha=len(images))
            samples += len(images)
    return {name: total / max(1, samples) for name, total in zip(names, sums, strict=True)}
