"""Ridge least squares for one reader: its kept weights move so that they give what the removed inputs gave.

He, Zhang & Sun, ICCV 2017 (arXiv 1707.06168) reconstruct the next layer's output so; Kwon et al., NeurIPS 2022 (arXiv
2204.09656) the outputs of attention and MLP blocks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from pruning.repair.moments import Moments

STRENGTHS = tuple(10.0**power for power in range(-8, 1))
"""Of the ridge, relative to the mean variance of an input; the held-out part of the images says which."""
AS_GOOD = 1.2
"""A held-out error of so many times the least is as good. A weaker ridge than that needs makes weights that cancel each
other: right on these images, many times as large, and unfit to be trained (a pretrained ViT-S collapsed)."""

PATIENCE = 2
"""So many weaker ridges in a row that are no good end the search: errors fall to the best one and rise behind it."""
ROUNDING = 1e-12
"""Of the energy: differences below it are none."""


@dataclass(frozen=True)
class Solution:
    """`change` (outputs, kept) is added to the weights, `shift` (outputs,) to the bias. `strength` is the ridge's; None where
    only the bias moves."""

    change: Tensor
    shift: Tensor
    strength: float | None


def centred(moments: Moments, has_bias: bool) -> tuple[Tensor, Tensor]:
    """Σaaᵀ and Σayᵀ about the means where a bias takes these, else about zero."""
    if not has_bias or not moments.rows:
        return moments.gram, moments.cross
    inputs, lost = moments.inputs, moments.lost
    return (
        moments.gram - torch.outer(inputs, inputs) / moments.rows,
        moments.cross - torch.outer(inputs, lost) / moments.rows,
    )


def shift_for(moments: Moments, change: Tensor, has_bias: bool) -> Tensor:
    """The bias that makes the mean right, for this change of the weights; zero without one."""
    if not has_bias or not moments.rows:
        return torch.zeros_like(moments.lost)
    return (moments.lost - change @ moments.inputs) / moments.rows


def only_mean(moments: Moments, has_bias: bool) -> Solution:
    """The weights stay; what the removed inputs gave on average goes into the bias."""
    change = torch.zeros_like(moments.cross.T)
    return Solution(change, shift_for(moments, change, has_bias), None)


def solve(moments: Moments, strength: float, has_bias: bool) -> Solution | None:
    """argmin Σ‖y - D a - d‖² + strength · s · ‖D‖², s the inputs' mean variance; None where that is no number."""
    gram, cross = centred(moments, has_bias)
    scale = gram.diagonal().mean()
    if not scale > 0:
        return None
    factor, failed = torch.linalg.cholesky_ex(
        gram + strength * scale * torch.eye(len(gram), dtype=gram.dtype, device=gram.device)
    )
    if failed:
        return None
    change = torch.cholesky_solve(cross, factor).T
    if not change.isfinite().all():
        return None
    return Solution(change, shift_for(moments, change, has_bias), strength)


def best(fitted: Moments, held_out: Moments, has_bias: bool) -> Solution:
    """Solved on the fitted rows with the strongest ridge that is as good as the best on the held-out ones; the mean alone is
    the strongest of all. Weaker ones are tried until PATIENCE of them, one after the other, have been no good."""
    found: list[tuple[Solution, float]] = []
    for candidate in _from_the_strongest(fitted, has_bias):
        found.append((candidate, max(0.0, held_out.error(candidate.change, candidate.shift))))
        enough = AS_GOOD * min(error for _, error in found) + ROUNDING * held_out.energy
        if all(error > enough for _, error in found[-PATIENCE:]):
            break
    return next(candidate for candidate, error in found if error <= enough)


def _from_the_strongest(moments: Moments, has_bias: bool) -> Iterator[Solution]:
    yield only_mean(moments, has_bias)
    for strength in reversed(STRENGTHS):
        solved = solve(moments, strength, has_bias)
        if solved is not None:
            yield solved


def again(solution: Solution, moments: Moments, has_bias: bool) -> Solution:
    """The same on other rows."""
    solved = None if solution.strength is None else solve(moments, solution.strength, has_bias)
    return solved or only_mean(moments, has_bias)
