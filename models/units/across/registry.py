"""Every kind of unit that lies across blocks; a new one is a file beside this one and a line here."""

from __future__ import annotations

from collections.abc import Collection

from torch import nn

from models.units.across.base import Across, Counts
from models.units.across.branch import BRANCH
from models.units.across.embed import EMBED
from models.units.across.interaction import INTERACTION
from models.units.across.query_key import QUERY_KEY
from models.units.base import UnitGroup
from models.units.structure import Kind

BY_KIND: dict[Kind, Across] = {"embed": EMBED, "qk": QUERY_KEY, "branch": BRANCH, "interaction": INTERACTION}


def groups_across(model: nn.Module, kinds: Collection[Kind]) -> tuple[UnitGroup, ...]:
    """The groups of those of these kinds that lie across blocks, as `model` stands; none of a kind that it has not."""
    asked = [across for kind, across in BY_KIND.items() if kind in kinds]
    return tuple(group for across in asked if across.why_not(model) is None for group in across.groups_of(model))


def why_not_across(model: nn.Module, kind: Kind) -> str | None:
    """Why the network has no units of this kind that could be cut exactly; None where it has, or the kind is another."""
    across = BY_KIND.get(kind)
    return None if across is None else across.why_not(model)


def after_cut_across(model: nn.Module, counts: Counts) -> None:
    """Bring modules whose tensors were just cut in line with them; `counts` are what is left in every group described."""
    for across in BY_KIND.values():
        across.after_cut(model, counts)
