"""Sum over calibration samples of the squared gradient at the unit's gate.

The gate is a factor 1 on the unit's activation a; its gradient for one sample is the sum of a * dL/da over positions
and features (the empirical Fisher information of structured masks, as in Theis et al. 2018, arXiv 1801.05787).
"""

from __future__ import annotations

import torch
from torch import Tensor

from pruning.calibration import caught, on_device_of, undisturbed
from pruning.importance.activations import by_unit, carriers_of
from pruning.importance.base import Evidence, Scores


def fisher(evidence: Evidence) -> Scores:
    if evidence.loss is None:
        raise ValueError("fisher needs a loss")
    carriers = carriers_of(evidence)
    counts = {group.name: group.count for group in evidence.groups}
    scores = {name: torch.zeros(count, dtype=torch.float64) for name, count in counts.items()}
    activations: dict[str, Tensor] = {}

    def catch(name: str, values: Tensor) -> Tensor:
        activations[name] = values if values.requires_grad else values.detach().requires_grad_(True)
        return activations[name]

    with undisturbed(evidence.model), torch.enable_grad(), caught(carriers, catch):
        for images, labels in evidence.batches or ():
            activations.clear()
            images, labels = on_device_of(evidence.model, images, labels)
            # The loss is the batch's mean; its sum has each sample's own loss as the only term that depends on it.
            total = evidence.loss(evidence.model(images), labels) * len(images)
            gradients = torch.autograd.grad(total, list(activations.values()))
            for (name, values), gradient in zip(activations.items(), gradients, strict=True):
                products = (values.detach() * gradient).double()
                gates = by_unit(products, carriers[name], counts[name]).sum(dim=2)
                scores[name] += gates.square().sum(dim=0).cpu()
    return scores
