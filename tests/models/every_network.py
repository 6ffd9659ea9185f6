"""Every name that timm has, by shapes alone: built without memory, cut, run. Not collected by default; takes about ten minutes:

python -m pytest tests/models/every_network.py
"""

from __future__ import annotations

import pytest
import timm
import torch

from models.networks.shapes_only import shapes_only
from models.targets import reach_of
from models.units.across.registry import why_not_across
from models.units.base import dense_structure
from models.units.compaction import compact, remove
from models.units.describe import describe
from models.units.structure import ACROSS
from tests.models.test_timm_modules import cut_variously, groups_of


@pytest.mark.parametrize("name", timm.list_models())
def test_it_runs_when_it_was_cut_or_says_why_it_is_not(name: str) -> None:
    with shapes_only():
        model = timm.create_model(name).eval()
    groups = groups_of(model)
    assert all(one.reason for one in reach_of(model, groups).left_whole)
    if not groups:
        return
    structure = cut_variously(groups)
    compact(model, structure)
    assert {group.name: group.count for group in describe(model)} == structure.counts()
    with torch.device("meta"), torch.no_grad():
        output = model(torch.zeros(2, *model.pretrained_cfg["input_size"]))
    # Without classes it gives features, as many as it has.
    assert (len(output), output.shape[-1]) == (2, model.num_classes or output.shape[-1])


@pytest.mark.parametrize("name", timm.list_models())
def test_it_runs_when_it_was_cut_across_its_blocks(name: str) -> None:
    with shapes_only():
        model = timm.create_model(name).eval()
    has = [kind for kind in ACROSS if why_not_across(model, kind) is None]
    if not has:
        return
    groups = describe(model, has)
    drop = {group.name: tuple(range(0, group.count, 3)) for group in groups if group.kind in has}
    structure = remove(model, dense_structure(groups), drop)
    assert {group.name: group.count for group in describe(model, has)} == structure.counts()
    with torch.device("meta"), torch.no_grad():
        output = model(torch.zeros(2, *model.pretrained_cfg["input_size"]))
    assert (len(output), output.shape[-1]) == (2, model.num_classes or output.shape[-1])
