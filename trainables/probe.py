"""The functional proof of initial weights: do their features tell labelled images apart better than random ones do?

No statistic of weights proves that they were trained for anything. Nearest neighbours need no training of their own,
so what they find is in the features.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.networks.native import head_names, native_model
from models.spec import ModelSpec
from trainables.states.procedure import Procedure

NEIGHBOURS = 5
# Paired difference in standard errors from which one network is called better.
CLEARLY = 2.0
PROBE_BATCH, PROBE_IMAGES, PROBE_SEED = 64, 320, 0


@dataclass(frozen=True)
class ProbeResult:
    """Leave-one-out accuracies in [0, 1] of the same `images` images under two networks.

    `standard_error` is that of the paired difference `accuracy - random_accuracy`.
    """

    accuracy: float
    random_accuracy: float
    standard_error: float
    images: int

    @property
    def wins(self) -> bool:
        """Whether the network beats the random one by more than two standard errors."""
        return self.accuracy - self.random_accuracy > CLEARLY * self.standard_error

    @property
    def loses(self) -> bool:
        """Whether the random network beats it as clearly."""
        return self.random_accuracy - self.accuracy > CLEARLY * self.standard_error

    def to_json(self) -> dict[str, Any]:
        return {
            "accuracy": self.accuracy,
            "random_accuracy": self.random_accuracy,
            "standard_error": self.standard_error,
            "images": self.images,
            "wins": self.wins,
        }


def probe_state(
    spec: ModelSpec,
    state: Mapping[str, Tensor],
    images: Tensor,
    labels: Tensor,
    *,
    seed: int,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    neighbours: int = NEIGHBOURS,
) -> ProbeResult:
    """Compare `state` with the same network at random weights from `seed`.

    `images` (n, channels, side, side) in [0, 1], of the spec's shape; `labels` (n,) integers. `mean` and `std` are those
    that the weights were trained with. A few hundred images are enough.
    """
    if mean is not None and std is not None:
        shape = (1, -1, 1, 1)
        images = (images - torch.tensor(mean).view(shape)) / torch.tensor(std).view(shape)
    model = native_model(spec, seed)
    random_hits = knn_hits(model, images, labels, neighbours)
    model.load_state_dict(dict(state), strict=True)
    hits = knn_hits(model, images, labels, neighbours)
    difference = hits.double() - random_hits.double()
    count = len(labels)
    error = float(difference.std()) / math.sqrt(count) if count > 1 else math.inf
    return ProbeResult(float(hits.double().mean()), float(random_hits.double().mean()), error, count)


def probe_procedure(procedure: Procedure) -> ProbeResult:
    """The probe on a trial's own initial weights and training images, a few hundred, without augmentation."""
    batches = procedure.data.calibration_batches(PROBE_BATCH, images=PROBE_IMAGES)
    images = torch.cat([images for images, _ in batches]).cpu()
    labels = torch.cat([labels for _, labels in batches]).cpu()
    # The images are normalised already, with what the weights were trained with.
    return probe_state(procedure.network.spec, procedure.initial, images, labels, seed=PROBE_SEED)


def knn_hits(model: nn.Module, images: Tensor, labels: Tensor, neighbours: int = NEIGHBOURS) -> Tensor:
    """For each image whether its nearest others, by cosine of pooled features, vote for its label: (n,) bool.

    Votes are weighted by similarity, so that there are no ties to break.
    """
    features = F.normalize(pooled_features(model, images), dim=1)
    similarity = features @ features.T
    similarity.fill_diagonal_(-math.inf)
    values, nearest = similarity.topk(min(neighbours, len(labels) - 1), dim=1)
    votes = torch.zeros(len(labels), int(labels.max()) + 1, dtype=values.dtype)
    # Shifted, because a cosine may be negative and a vote must not.
    votes.scatter_add_(1, labels[nearest], values + 1.0)
    return votes.argmax(dim=1) == labels


@torch.no_grad()
def pooled_features(model: nn.Module, images: Tensor, batch_size: int = 256) -> Tensor:
    """What the classifier reads, (n, features), float64 on the CPU, in eval mode; the model's mode is restored.

    Centred over the images, since untrained networks put nearly the same vector everywhere.
    """
    weights = [name for name in head_names(model) if name.endswith(".weight")]
    classifier = model.get_submodule(weights[0].removesuffix(".weight"))
    seen: list[Tensor] = []
    handle = classifier.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].detach().double().cpu()))
    was_training = model.training
    device = next(model.parameters()).device
    try:
        model.eval()
        for batch in torch.split(images, batch_size):
            model(batch.to(device))
    finally:
        handle.remove()
        model.train(was_training)
    features = torch.cat(seen)
    return features - features.mean(dim=0)
