"""The importance criteria by name, and `score`, which applies one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from models.errors import UserError
from models.units import UnitGroup
from pruning.importance.activation_l1 import ACTIVATION_L1
from pruning.importance.activation_l2 import ACTIVATION_L2
from pruning.importance.base import Batches, Criterion, Evidence, Loss, Scores
from pruning.importance.fisher import FISHER
from pruning.importance.l2 import L2
from pruning.importance.magnitude import MAGNITUDE
from pruning.importance.random import RANDOM
from pruning.importance.remain import REMAIN
from pruning.importance.taylor import TAYLOR
from pruning.names import look_up

__all__ = ["CRITERIA", "Criterion", "score"]

_ALL = (MAGNITUDE, L2, ACTIVATION_L1, ACTIVATION_L2, TAYLOR, FISHER, REMAIN, RANDOM)
CRITERIA: dict[str, Criterion] = {criterion.name: criterion for criterion in _ALL}


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
            raise UserError(f"prune.criterion: {criterion!r} needs {what}, which this trial does not provide")
    if chosen.needs_batches:
        batches = list(batches or ())
        if not batches:
            raise UserError(f"prune.criterion: {criterion!r} needs calibration batches, found none; raise their number")
    return chosen.compute(Evidence(model, groups, batches, loss, generator, masks))
