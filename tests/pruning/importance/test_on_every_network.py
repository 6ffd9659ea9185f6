"""Each criterion that is new to a family scores it."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from models.units.describe import describe
from pruning.importance import score
from tests.models.networks import NETWORKS, images_for, spec_of, trained_looking


@pytest.mark.parametrize("arch", NETWORKS)
@pytest.mark.parametrize("name", ["wanda", "fpgm", "taylor_group", "obs", "reconstruction"])
@pytest.mark.usefixtures("narrow_twistnet")
def test_every_family_is_scored(arch: str, name: str) -> None:
    spec = spec_of(arch)
    model = trained_looking(spec)
    groups = describe(model)
    batches = [(images_for(spec), torch.arange(4))]
    found = score(name, model, groups, batches=batches, loss=nn.functional.cross_entropy)
    for group in groups:
        values = found[group.name]
        assert values.shape == (group.count,)
        assert bool(values.isfinite().all())
        assert bool((values >= 0).all())
        assert group.count == 1 or float(values.max()) > 0
