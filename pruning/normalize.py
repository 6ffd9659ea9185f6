"""Making scores of different groups comparable before a global ranking."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from models.names import look_up
from models.units.base import UnitGroup


def by_mean(scores: Tensor) -> Tensor:
    """Divided by the group's mean score."""
    return _divide(scores, scores.mean())


def by_max(scores: Tensor) -> Tensor:
    """Divided by the group's largest score."""
    return _divide(scores, scores.max())


def by_lamp(scores: Tensor) -> Tensor:
    """score^2 over the sum of the squares of the group's units that score at least as much.

    LAMP (Lee et al., ICLR 2021, arXiv 2010.07611, eq. 4) on units instead of weights: the best unit of each group gets
    1 (1/n among n equal bests) and is dropped last.
    """
    squares = scores.square()
    ordered, order = torch.sort(scores)
    above = squares[order].flip(0).cumsum(0).flip(0)
    first_equal = torch.searchsorted(ordered, scores, side="left")
    return _divide(squares, above[first_equal])


def unchanged(scores: Tensor) -> Tensor:
    return scores


NORMALIZERS: dict[str, Callable[[Tensor], Tensor]] = {
    "none": unchanged,
    "mean": by_mean,
    "max": by_max,
    "lamp": by_lamp,
}


def normalize(scores: Mapping[str, Tensor], groups: Sequence[UnitGroup], how: str) -> dict[str, Tensor]:
    """Each group's scores (count,), non-negative, normalised within the group; the order within a group stays.

    `how` is one of NORMALIZERS, else UserError. A group of zeros stays zero.
    """
    change = look_up("prune.normalize", how, NORMALIZERS)
    return {
        group.name: change(scores[group.name]) if scores[group.name].numel() else scores[group.name] for group in groups
    }


def _divide(values: Tensor, by: Tensor) -> Tensor:
    return torch.where(by > 0, values / by, torch.zeros_like(values))
