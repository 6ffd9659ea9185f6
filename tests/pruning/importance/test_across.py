"""Every criterion judges units that lie across blocks, or says that it cannot."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from models.errors import UserError
from models.units.across.registry import BY_KIND
from models.units.describe import describe
from models.units.structure import UNREAD, Kind
from pruning.catalogue import CRITERIA
from pruning.importance import score
from tests.models.networks import images_for, spec_of, trained_looking

BY_WHAT_IS_READ = {"activation_l1", "activation_l2", "fisher", "wanda", "obs", "reconstruction"}
"""Criteria that look at what a unit hands to the layer that reads it: queries, keys and branches hand on nothing so."""
ALIKE = {"fpgm"}
"""And those that compare units weight by weight, which branches and interaction heads are not fit for."""


@pytest.mark.usefixtures("narrow_twistnet")
@pytest.mark.parametrize("kind", BY_KIND)
@pytest.mark.parametrize("criterion", CRITERIA)
def test_it_scores_every_unit_or_says_that_it_cannot(criterion: str, kind: Kind) -> None:
    spec = spec_of("twistnet18" if kind == "interaction" else "vit_micro")
    model = trained_looking(spec).float()
    groups = [group for group in describe(model, (kind,)) if group.kind == kind]
    batches = [(images_for(spec, 8).float(), torch.arange(8) % 5)]
    generator = torch.Generator().manual_seed(0)
    masks = {name: torch.rand(value.shape, generator=generator) > 0.5 for name, value in model.named_parameters()}

    def scores() -> dict[str, torch.Tensor]:
        return score(
            criterion, model, groups, batches=batches, loss=functional.cross_entropy, generator=generator, masks=masks
        )

    if (criterion in BY_WHAT_IS_READ and kind in UNREAD) or (criterion in ALIKE and kind in ("branch", "interaction")):
        with pytest.raises(UserError, match="taylor") as refused:
            scores()
        assert refused.value.key == "prune.criterion"
        return
    found = scores()
    assert {name: len(values) for name, values in found.items()} == {group.name: group.count for group in groups}
    assert all(bool(values.isfinite().all()) and bool((values >= 0).all()) for values in found.values())
    assert all(len(values.unique()) > 1 for values in found.values())
