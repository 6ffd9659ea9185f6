"""Graded signs of training in a state: they warn, with figures, and never decide.

The limits rest on three trained networks. A single threshold errs both ways: an untrained ViT-Ti under timm's `moco`
initialisation has a qkv standard deviation of 0.072, a really trained small ViT one of 0.021.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from statistics import median

import torch
from torch import Tensor

NORM_SPREAD = "norm_weight_spread"
BIAS_RMS = "linear_bias_rms"
SPECTRAL = "spectral_ratio"
QKV_STD = "qkv_std"
OLD_RULE = "blocks.0.attn.qkv.weight"
# Enough layers for a median, and within a second for the largest networks.
LAYERS_LOOKED_AT = 12


def figures_of(state: Mapping[str, Tensor], head: Collection[str] = ()) -> dict[str, float | None]:
    """Mean spread (std) of norm weights, rms of linear biases, median top singular value of the linear layers over
    the edge sigma*(sqrt(m)+sqrt(n)) of a random matrix, and the standard deviation of the first block's qkv weight.

    None where the network has nothing to measure.
    """
    body = {name: tensor.detach().float() for name, tensor in state.items() if name not in head}
    norms = [tensor for name, tensor in body.items() if name.endswith(".weight") and tensor.ndim == 1]
    spreads = [float(tensor.std()) for tensor in norms if tensor.numel() > 1]
    linear = [name for name, tensor in body.items() if name.endswith(".weight") and tensor.ndim == 2]
    biases = [
        body[name.removesuffix("weight") + "bias"] for name in linear if name.removesuffix("weight") + "bias" in body
    ]
    ratios = [ratio for name in _spaced(linear) if (ratio := spectral_ratio(body[name])) is not None]
    qkv = body.get(OLD_RULE)
    return {
        NORM_SPREAD: sum(spreads) / len(spreads) if spreads else None,
        BIAS_RMS: float(torch.cat([bias.reshape(-1) for bias in biases]).pow(2).mean().sqrt()) if biases else None,
        SPECTRAL: median(ratios) if ratios else None,
        QKV_STD: None if qkv is None or qkv.numel() < 2 else float(qkv.std()),
    }


def warnings_of(figures: Mapping[str, float | None]) -> tuple[str, ...]:
    """One line for each figure on the side where briefly trained networks lie."""
    limits = (
        (NORM_SPREAD, 0.03, "norm weights spread"),
        (BIAS_RMS, 0.02, "linear biases have rms"),
        (SPECTRAL, 1.1, "top singular value over the random-matrix edge has median"),
    )
    found = [(text, figures.get(key), limit) for key, limit, text in limits]
    lines = [
        f"{text} {value:.4f}, under {limit}: trained only briefly?"
        for text, value, limit in found
        if value is not None and value < limit
    ]
    qkv = figures.get(QKV_STD)
    if qkv is not None and qkv < 0.05:
        lines.append(f"{OLD_RULE} has std {qkv:.4f}, under 0.05: the old rule, which alone proves nothing either way")
    return tuple(lines)


def spectral_ratio(weight: Tensor) -> float | None:
    """Largest singular value over std*(sqrt(rows)+sqrt(columns)): about 1 for a random matrix, more with structure."""
    if min(weight.shape) < 2:
        return None
    sigma = float(weight.std())
    if sigma == 0.0 or not math.isfinite(sigma):
        return None
    small = weight if weight.shape[0] <= weight.shape[1] else weight.T
    top = float(torch.linalg.eigvalsh((small @ small.T).double())[-1])
    return math.sqrt(max(top, 0.0)) / (sigma * (math.sqrt(weight.shape[0]) + math.sqrt(weight.shape[1])))


def _spaced(names: list[str]) -> list[str]:
    if len(names) <= LAYERS_LOOKED_AT:
        return names
    step = len(names) / LAYERS_LOOKED_AT
    return [names[int(index * step)] for index in range(LAYERS_LOOKED_AT)]
