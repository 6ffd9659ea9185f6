"""Exact fingerprints of initialisation, part by part.

Training moves every affine norm from weight 1 and bias 0 at its first step, whatever initialised the linear layers; so
a part whose norms all stand there exactly was never trained. Linear biases, LayerScale, zero-gamma norms and counters
are left alone: honest weights freeze or lack them.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Mapping

import torch
from torch import Tensor

# Prefixes that name one block of a network, first match wins; anything else is a part by its first component.
BLOCK_NAMES = (
    re.compile(r"^(blocks\.\d+\.\d+)\."),
    re.compile(r"^((?:[a-z_]+\.\d+\.)?blocks\.\d+)\."),
    re.compile(r"^(layers?\d*\.\d+)\."),
    re.compile(r"^([a-z_]+\.\d+)\."),
)
STEM = ("conv1", "bn1", "stem")
TOKENS = ("cls_token", "reg_token", "dist_token")
# timm draws class and register tokens with standard deviation 1e-6; one optimiser step takes them well beyond.
TOKEN_RMS = 3e-6


def part_of(name: str) -> str:
    """The part of a network that a tensor belongs to: "blocks.3", "layer1.0", "stem", "norm", "patch_embed"…"""
    for pattern in BLOCK_NAMES:
        match = pattern.match(name)
        if match:
            return match.group(1)
    first = name.partition(".")[0]
    return "stem" if first in STEM else first


def initialisation_evidence(
    state: Mapping[str, Tensor],
    *,
    head: Collection[str] = (),
    declared_new: Collection[str] = (),
) -> tuple[str, ...]:
    """One line per part of `state` that is exactly as an initialiser leaves it; empty for trained weights.

    `head` names tensors of the classifier, which say nothing; `declared_new` those that the provenance calls
    re-initialised, which excuses class and register tokens.
    """
    parts: dict[str, list[str]] = defaultdict(list)
    for name in state:
        if name not in head:
            parts[part_of(name)].append(name)
    findings = [finding for part, names in parts.items() for finding in _part_findings(part, names, state)]
    for token in TOKENS:
        if token in state and token not in declared_new:
            findings += _token_finding(token, state[token])
    return tuple(findings)


def not_finite(state: Mapping[str, Tensor]) -> tuple[str, ...]:
    """Tensors that hold NaN or infinities, one line each."""
    return tuple(
        f"{name} holds values that are not finite"
        for name, tensor in state.items()
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all())
    )


def _part_findings(part: str, names: list[str], state: Mapping[str, Tensor]) -> list[str]:
    # Affine norms are the only modules with a one-dimensional `weight`.
    norms = [name for name in names if name.endswith(".weight") and state[name].ndim == 1]
    findings = []
    if norms and all(_untouched(name, state) for name in norms):
        shown = ", ".join(norm.removesuffix(".weight") for norm in norms[:3])
        findings.append(f"{part} is at initialisation: weight exactly 1 and bias exactly 0 in every norm ({shown})")
    still = [name.removesuffix(".running_var") for name in names if name.endswith(".running_var")]
    still = [norm for norm in still if _never_ran(norm, state)]
    if still:
        shown = ", ".join(still[:3])
        findings.append(f"{part} never saw data: running mean exactly 0 and variance exactly 1 ({shown})")
    return findings


def _untouched(weight_name: str, state: Mapping[str, Tensor]) -> bool:
    if not bool((state[weight_name] == 1).all()):
        return False
    bias = state.get(weight_name.removesuffix("weight") + "bias")
    return bias is None or bool((bias == 0).all())


def _never_ran(norm: str, state: Mapping[str, Tensor]) -> bool:
    mean = state.get(f"{norm}.running_mean")
    if mean is None or not bool((mean == 0).all()):
        return False
    return bool((state[f"{norm}.running_var"] == 1).all())


def _token_finding(token: str, value: Tensor) -> list[str]:
    rms = float(value.double().pow(2).mean().sqrt())
    # Exactly zero is a token that the network was built without, as some converted checkpoints carry it.
    if not 0.0 < rms <= TOKEN_RMS:
        return []
    return [f"{token} is at initialisation: rms {rms:.1e}, as drawn with standard deviation 1e-06"]
