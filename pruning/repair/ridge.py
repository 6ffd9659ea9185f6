"""Ridge least squares for one reader: its kept weights move so that they give what the removed inputs gave.

He, Zhang & Sun, ICCV 2017 (arXiv 1707.06168) reconstruct the next layer's output so; Kwon et al., NeurIPS 2022 (arXiv
2204.09656) the outputs of attention and MLP blocks.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pruning.repair.moments import Moments

STRENGTHS = tuple(10.0**power for power in range(-8, 1))
"""Of the ridge, relative to the mean variance of an input; the held-out part of the images says which."""
AS_GOOD = 1.2
"""A held-out error of so many times the least is as good. A weaker ridge than that needs makes weights that cancel each
other: right on these images, many times as large, and unfit to be trained (a pretrained ViT-S collapsed)."""


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
    the strongest of all."""
    candidates = [only_mean(fitted, has_bias)]
    candidates += [one for strength in reversed(STRENGTHS) if (one := solve(fitted, strength, has_bias)) is not None]
    errors = [held_out.error(one.change, one.shift) for one in candidates]
    enough = AS_GOOD * max(0.0, min(errors)) + ROUNDING * held_out.energy
    return next(one for one, error in zip(candidates, errors, strict=True) if error <= enough)


def again(solution: Solution, moments: Moments, has_bias: bool) -> Solution:
    """The same on other rows."""
    solved = None if solution.strength is None else solve(moments, solution.strength, has_bias)
    return solved or only_mean(moments, has_bias)
