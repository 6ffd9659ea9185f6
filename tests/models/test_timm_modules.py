"""Every module of timm that has models, by the examples of the page on networks: pruned exactly, or it is said why not.

Networks are built without weights, at few pixels and, where they are large, with few blocks. `every_network.py` beside this
file goes through all of timm's names.
"""

from __future__ import annotations

import copy
import runpy
from types import SimpleNamespace
from typing import Any

import pytest
import timm
import torch
from timm.models import model_entrypoint
from torch import nn

from models.cost import count_macs
from models.errors import UserError
from models.networks.shapes_only import shapes_only
from models.targets import reach_of
from models.units.base import UnitGroup
from models.units.compaction import compact
from models.units.describe import describe
from models.units.structure import GroupStructure, Structure
from tests.configs.files import DOCS
from tests.models.networks import dropped, randomised, zero_units

EXAMPLES = SimpleNamespace(**runpy.run_path(str(DOCS / "networks_reference.py"))).EXAMPLES
NAMES = [name for names in EXAMPLES.values() for name in names]
LARGE = 5_000_000
FEW_BLOCKS: tuple[dict[str, Any], ...] = ({"depth": 2}, {"depths": (1, 2, 1, 1)}, {"layers": (1, 2, 1, 1)})
"""As families call them; in a stage of two the second has the shortcut that changes nothing."""
SIDES = (64, 56)
"""The second is for patches of 14 pixels."""


def groups_of(model: nn.Module) -> tuple[UnitGroup, ...]:
    """None where nothing can be pruned, which is said in one line."""
    try:
        return describe(model)
    except UserError as error:
        told = str(error)
    assert "nothing in it can be pruned (found: " in told
    assert "\n" not in told
    return ()


def cut_variously(groups: tuple[UnitGroup, ...]) -> Structure:
    """In turn some units stay, none, one, all."""
    generator = torch.Generator().manual_seed(1)
    chosen = {}
    for number, group in enumerate(groups):
        size = (max(1, group.count // 2), 0, min(1, group.count), group.count)[number % 4]
        kept = sorted(torch.randperm(group.count, generator=generator)[:size].tolist())
        chosen[group.name] = GroupStructure(group.kind, group.count, tuple(kept))
    return Structure(chosen)


def small(name: str) -> tuple[nn.Module, int]:
    """A network of this name on as few pixels as it takes, in double precision, and how many those are."""
    with shapes_only():
        outline = timm.create_model(name)
    native = outline.pretrained_cfg["input_size"][-1]
    shallow = FEW_BLOCKS if sum(parameter.numel() for parameter in outline.parameters()) > LARGE else ()
    choices: list[tuple[int, dict[str, Any]]] = [
        (side, {**size, **depth})
        for depth in (*shallow, {})
        for side, size in (*((side, {"img_size": side}) for side in SIDES), *((side, {}) for side in (*SIDES, native)))
    ]
    for side, args in choices:
        try:
            model = timm.create_model(name, num_classes=5, **args).eval()
            with torch.inference_mode():
                model(torch.zeros(1, 3, side, side))
        except Exception:  # each family refuses a size or an argument in its own way
            continue
        return model, side
    raise AssertionError(f"{name} runs at none of {choices}")


def test_every_module_of_timm_has_an_example() -> None:
    modules = {model_entrypoint(name).__module__ for name in timm.list_models()}
    assert {model_entrypoint(name).__module__ for name in NAMES} == modules


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_it_is_cut_exactly_or_says_why_not(name: str) -> None:
    with shapes_only():
        outline = timm.create_model(name)
    assert all(one.reason for one in reach_of(outline, groups_of(outline)).left_whole)
    if not groups_of(outline):
        return
    del outline
    model, side = small(name)
    model = randomised(model, seed=0)
    groups = describe(model)
    structure = cut_variously(groups)
    images = torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    cut = copy.deepcopy(model)
    compact(cut, structure)
    assert count_macs(cut, (3, side, side)) < count_macs(model, (3, side, side))
    cut, model = cut.double(), model.double()
    with torch.inference_mode():
        found, dense = cut(images), model(images)
        zero_units(model, groups, dropped(structure))
        torch.testing.assert_close(found, model(images), rtol=1e-9, atol=1e-9)
    assert (found - dense).abs().max() > 1e-6
    assert {group.name: group.count for group in describe(cut)} == structure.counts()
