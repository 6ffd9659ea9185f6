"""`score`, which applies a criterion. What each of them needs stands in `pruning/catalogue.py`; here is what they do."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn

from models.errors import UserError
from models.names import look_up
from models.units.base import UnitGroup
from pruning.catalogue import CRITERIA, CriterionTraits
from pruning.importance.base import Batches, Evidence, Loss, Scores
from pruning.importance.own import checked_scores

__all__ = ["CRITERIA", "CriterionTraits", "Evidence", "Scores", "score"]


def score(
    criterion: str,
    model: nn.Module,
    groups: Sequence[UnitGroup],
    *,
    batches: Batches | None = None,
    loss: Loss | None = None,
    generator: torch.Generator | None = None,
    masks: Mapping[str, Tensor] | None = None,
) -> Scores:
    """Group name → (count,) float64 on the CPU, by position in the present network; larger = more important, >= 0.

    `batches` gives (images, labels) for calibration, `loss` the mean loss of a batch; a criterion that does not need
    them leaves them alone. The model comes back as it was: weights, gradients, buffers, modes and flags.
    Raises UserError for an unknown criterion, or where it needs what was not given or empty batches.
    """
    chosen = look_up("prune.criterion", criterion, CRITERIA)
    given = {"batches": batches, "loss": loss, "generator": generator, "masks": masks}
    for what, value in given.items():
        if getattr(chosen, f"needs_{what}") and value is None:
            raise UserError(f"{criterion!r} needs {what}, which this trial does not provide", key="prune.criterion")
    if chosen.needs_batches:
        batches = list(batches or ())
        if not batches:
            raise UserError(
                f"{criterion!r} needs calibration batches, found none; raise their number", key="prune.criterion"
            )
    evidence = Evidence(model, groups, batches, loss, generator, masks)
    if isinstance(chosen.scorer, str):
        scorer: Callable[[Evidence], Scores] = pkgutil.resolve_name(chosen.scorer)
        return scorer(evidence)
    return checked_scores(criterion, chosen.scorer, evidence)
