"""What is told of the inside of TwistNet's blocks is what they compute, and looking changes nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch
from torch import nn

from models.looking_inside import inside_of, looked_into
from models.networks.registry import build, resolve_spec
from models.networks.twistnet import TwistBlock
from models.units.base import dense_structure
from models.units.compaction import remove
from models.units.describe import describe
from tests.models.networks import randomised, spec_of, trained_looking
from tests.models.test_interaction_heads import VARIANTS

pytestmark = pytest.mark.usefixtures("narrow_twistnet")


def network(args: dict[str, Any]) -> nn.Module:
    return randomised(build(resolve_spec("twistnet18", 5, 32, 3, args=args)), seed=0).eval()


def images(seed: int) -> torch.Tensor:
    return torch.randn(3, 3, 32, 32, generator=torch.Generator().manual_seed(seed))


@torch.no_grad()
def look(model: nn.Module, *batches: torch.Tensor, ended: bool = True) -> dict[str, Any]:
    with looked_into(model) as looks:
        for batch in batches:
            model(batch)
    return inside_of(looks, ended=ended).get("inside", {})


@pytest.mark.parametrize("name", VARIANTS)
def test_it_is_what_the_block_computes(name: str) -> None:
    model = network(VARIANTS[name])
    inner: list[torch.Tensor] = []
    block = model.get_submodule("layer3.1")
    assert isinstance(block, TwistBlock)
    handle = block.interactions.register_forward_pre_hook(lambda module, args: inner.append(args[0]))
    told = look(model, images(1), images(2))["layer3.1"]
    handle.remove()
    with torch.no_grad():
        x = torch.cat(inner)
        assert told["strength"] == pytest.approx(1 / (1 + float((-block.gamma).exp())), rel=1e-3)
        features = torch.cat([head(x) for head in block.interactions.heads], dim=1)
        if name == "no_ais":
            assert "gate" not in told
        else:
            pooled = features.mean(dim=(2, 3))
            gate = block.interactions.gate
            factors = torch.sigmoid(gate.fc2(torch.relu(gate.fc1(pooled)))).mean(0).reshape(4, -1).mean(1)
            assert told["gate"] == pytest.approx(factors.tolist(), rel=1e-3)
        if name == "first_order":
            assert "products" not in told
            return
        head = block.interactions.heads[1]
        z = torch.relu(head.bn(head.reduce(x)))
        own, other = (each / each.norm(dim=1, keepdim=True).clamp_min(1e-6) for each in (z, head.twist(z)))
        table = torch.einsum("bihw,bjhw->ij", own, other) / (len(x) * x.shape[2] * x.shape[3])
    for row, line in enumerate(told["products"][1]):
        for column, one in enumerate(line):
            if name != "all pairs" and row > column:
                assert one is None, "the triangle that the network does not make is left empty"
            else:
                assert one == pytest.approx(float(table[row, column]), rel=1e-3, abs=1e-5)


def test_looking_changes_no_number_and_leaves_nothing_behind() -> None:
    model, random = network({}), torch.get_rng_state()
    with torch.no_grad():
        expected = model(images(1))
        with looked_into(model):
            assert torch.equal(model(images(1)), expected)
    assert torch.equal(torch.get_rng_state(), random)
    assert not any(module._forward_hooks for module in model.modules())


def test_heads_that_are_gone_are_told_as_none() -> None:
    model = network({})
    gone = {"layer3.0.interactions": (0, 2), "layer4.1.interactions": (0, 1, 2, 3)}
    remove(model, dense_structure(describe(model, ("interaction",))), gone)
    told = look(model, images(1))
    for key in ("gate", "products"):
        assert [one is None for one in told["layer3.0"][key]] == [True, False, True, False]
    assert told["layer4.1"]["gate"] == [None] * 4
    assert "products" not in told["layer4.1"]


def test_only_a_states_end_has_products_and_they_are_small() -> None:
    model = network({"pairs": "full"})
    assert not any("products" in told for told in look(model, images(1), ended=False).values())
    assert len(json.dumps(look(model, images(1)))) < 20_000
    assert len(json.dumps(look(model, images(1), ended=False))) < 500


def test_other_networks_have_no_inside() -> None:
    model = trained_looking(spec_of("resnet18"))
    with looked_into(model) as looks:
        assert not any(module._forward_hooks for module in model.modules())
    assert inside_of(looks, ended=True) == {}
