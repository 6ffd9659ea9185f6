"""Making scores of different groups comparable before a global ranking."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from models.names import look_up
from models.units.base import UnitGroup
from models.units.structure import Kind
from pruning.catalogue import CriterionTraits


def by_mean(scores: Tensor) -> Tensor:
    """Divided by the mean score."""
    return _divide(scores, scores.mean())


def by_max(scores: Tensor) -> Tensor:
    """Divided by the largest score."""
    return _divide(scores, scores.max())


def by_lamp(scores: Tensor) -> Tensor:
    """score^2 over the sum of the squares of the units that score at least as much.

    LAMP (Lee et al., ICLR 2021, arXiv 2010.07611, eq. 4) on units instead of weights: the best unit of each group gets
    1 (1/n among n equal bests) and is dropped last.
    """
    squares = scores.square()
    ordered, order = torch.sort(scores)
    above = squares[order].flip(0).cumsum(0).flip(0)
    first_equal = torch.searchsorted(ordered, scores, side="left")
    return _divide(squares, above[first_equal])


def by_rank(scores: Tensor) -> Tensor:
    """The share of units that score no more; a score of 0 stays 0.

    Over the groups of one shape: isomorphic pruning (Fang et al., ECCV 2024, arXiv 2407.04616), each shape keeping the
    same share.
    """
    ordered = torch.sort(scores).values
    below = torch.searchsorted(ordered, scores, side="right").to(scores.dtype)
    return torch.where(scores > 0, below / len(scores), torch.zeros_like(scores))


def unchanged(scores: Tensor) -> Tensor:
    return scores


@dataclass(frozen=True)
class Normalizer:
    """`change` is applied to each group's scores; with `across`, to those of all groups of one shape together."""

    change: Callable[[Tensor], Tensor]
    across: bool = False


AUTO = "auto"
"""`mean`, or `none` for a criterion whose scores can be ranked together as they are."""

NORMALIZERS: dict[str, Normalizer] = {
    "none": Normalizer(unchanged),
    "mean": Normalizer(by_mean),
    "max": Normalizer(by_max),
    "lamp": Normalizer(by_lamp),
    "shape": Normalizer(by_rank, across=True),
}


def in_force(how: str, criterion: CriterionTraits) -> str:
    """The normaliser that a configuration asks for, AUTO settled by the criterion."""
    if how != AUTO:
        return how
    return "none" if criterion.comparable else "mean"


def normalize(
    scores: Mapping[str, Tensor], groups: Sequence[UnitGroup], how: str, sizes: Mapping[str, int]
) -> dict[str, Tensor]:
    """The scores (count,) of each group, non-negative, made comparable; the order within a group stays.

    `how` is one of NORMALIZERS, else UserError. `sizes` are the weights of one unit of each group: groups of one kind and
    one size have the same shape. A group of zeros stays zero.
    """
    normalizer = look_up("prune.normalize", how, NORMALIZERS)
    changed: dict[str, Tensor] = {}
    for together in _of_one_shape(groups, sizes) if normalizer.across else [[group] for group in groups]:
        parts = [scores[group.name] for group in together]
        whole = torch.cat(parts)
        after = normalizer.change(whole) if whole.numel() else whole
        split = torch.split(after, [len(part) for part in parts])
        changed |= zip((group.name for group in together), split, strict=True)
    return {group.name: changed[group.name] for group in groups}


def _of_one_shape(groups: Sequence[UnitGroup], sizes: Mapping[str, int]) -> list[list[UnitGroup]]:
    found: dict[tuple[Kind, int], list[UnitGroup]] = {}
    for group in groups:
        found.setdefault((group.kind, sizes[group.name]), []).append(group)
    return list(found.values())


def _divide(values: Tensor, by: Tensor) -> Tensor:
    return torch.where(by > 0, values / by, torch.zeros_like(values))
