"""A user's own criterion: what it gives is checked each time, for nobody else has; and that it changed nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from models.errors import UserError
from models.own_parts import users_error
from models.weights.digest import tensor_digest
from pruning.importance.base import Evidence, Scores

EXPECTED = "a tensor of one finite score, at least 0, for each unit of each group, by the group's name"
MOST_NAMED = 2
"""Of the tensors that it changed."""


def checked_scores(criterion: str, scorer: Callable[[Evidence], Any], evidence: Evidence) -> Scores:
    """What the user's `scorer` gives, as float64 on the CPU.

    UserError where it fails, gives anything but scores, or leaves the network with other weights or buffers.
    """
    before = _digests(evidence.model)
    try:
        found = scorer(evidence)
    except UserError:
        raise
    except Exception as error:
        raise UserError(f"{criterion}: {users_error(error)}; correct it there", key="prune.criterion") from error
    changed = [name for name, digest in _digests(evidence.model).items() if before.get(name) != digest]
    if changed:
        named = [*changed[:MOST_NAMED], *(["…"] if len(changed) > MOST_NAMED else [])]
        raise UserError(
            f"{criterion}: changed the network that it was to score ({', '.join(named)}); work on copies: "
            "`parameter.detach().clone()`",
            key="prune.criterion",
        )
    wanted = {group.name: group.count for group in evidence.groups}
    if not isinstance(found, dict) or found.keys() != wanted.keys():
        told = f"groups {', '.join(map(str, found)) or 'none'}" if isinstance(found, dict) else type(found).__name__
        raise _wrong(criterion, f"{told} where there are {', '.join(wanted)}")
    return {name: _scores(criterion, name, count, found[name]) for name, count in wanted.items()}


def _digests(model: nn.Module) -> dict[str, str]:
    # By content: writing through `.data` raises no tensor's version.
    return {name: tensor_digest(tensor) for name, tensor in model.state_dict().items()}


def _scores(criterion: str, name: str, count: int, found: Any) -> Tensor:
    if not isinstance(found, Tensor) or tuple(found.shape) != (count,):
        told = f"a tensor of shape {tuple(found.shape)}" if isinstance(found, Tensor) else type(found).__name__
        raise _wrong(criterion, f"{told} for the {count} units of {name}")
    scores = found.detach().to("cpu", torch.float64)
    wrong = scores[~(torch.isfinite(scores) & (scores >= 0))]
    if len(wrong):
        raise _wrong(criterion, f"{wrong[0].item():g} among the scores of {name}")
    return scores


def _wrong(criterion: str, found: str) -> UserError:
    return UserError(f"{criterion}: found {found}, expected {EXPECTED}", key="prune.criterion")
