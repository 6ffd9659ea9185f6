"""The least that removing the unit costs the layer which reads it, all other inputs of that layer moving with it.

Optimal brain surgeon (Hassibi & Stork, NeurIPS 1992; w²/[H⁻¹]_jj for one weight) on the inputs of the unit together, H the Gram
matrix of the layer's inputs; on structures: Kwon et al., NeurIPS 2022 (arXiv 2204.09656), and ZipLM (Kurtić et al., NeurIPS
2023, arXiv 2302.04089). A share of how much the layer's output varies (`solved_again.py`).
"""

from __future__ import annotations

import torch

from pruning.importance.base import Evidence, Scores
from pruning.importance.solved_again import layers_of_groups


def obs(evidence: Evidence) -> Scores:
    layers = layers_of_groups(evidence)
    scores = {group.name: torch.zeros(group.count, dtype=torch.float64) for group in evidence.groups}
    for name, reads in layers.items():
        for layer in reads:
            scores[name] += layer.costs().cpu()
    return scores
