"""TwistNet-18 against the published parameter counts and the equations of arXiv 2602.07262."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from models.cost import count_parameters
from models.networks.twistnet import DIRECTIONS, InteractionHead, Twist, TwistBlock, TwistNet


@pytest.mark.parametrize(
    ("classes", "args", "parameters"),
    [
        (47, {}, 11_588_963),
        (1000, {}, 12_077_852),
        (47, {"no_spiral": True}, 11_587_683),
        (47, {"no_ais": True}, 11_526_131),
    ],
)
def test_parameters_are_the_published_ones(classes: int, args: dict[str, Any], parameters: int) -> None:
    with torch.device("meta"):
        assert count_parameters(TwistNet(classes, **args)) == parameters


def twist_blocks(model: TwistNet) -> list[TwistBlock]:
    return [module for module in model.modules() if isinstance(module, TwistBlock)]


def test_twist_blocks_are_the_last_two_stages() -> None:
    names = [name for name, module in TwistNet(5).named_modules() if isinstance(module, TwistBlock)]
    assert names == ["layer3.0", "layer3.1", "layer4.0", "layer4.1"]


def test_the_directional_kernels_survive_initialisation() -> None:
    for block in twist_blocks(TwistNet(5)):
        assert block.gamma.item() == -2.0
        assert block.interactions.project.weight.std().item() == pytest.approx(0.01, rel=0.1)
        for head, (row, column) in zip(block.interactions.heads, DIRECTIONS, strict=True):
            expected = torch.zeros(3, 3)
            expected[1, 1] = 0.5
            expected[1 + row, 1 + column] = 0.5
            assert torch.equal(head.twist.conv.weight, expected.expand(8, 1, 3, 3))
            assert torch.equal(head.twist.scale, torch.ones(1, 8, 1, 1))


def test_the_backbone_is_initialised_by_kaiming() -> None:
    model = TwistNet(5)
    for conv in (model.conv1, model.layer1[0].conv1, model.layer3[0].conv1, model.layer4[0].downsample[0]):
        fan_out = conv.out_channels * conv.kernel_size[0] ** 2
        assert conv.weight.std().item() == pytest.approx((2.0 / fan_out) ** 0.5, rel=0.05)


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_a_twist_averages_a_pixel_with_its_neighbour(direction: tuple[int, int]) -> None:
    row, column = direction
    z = torch.randn(2, 8, 6, 6)
    with torch.no_grad():
        twisted = Twist(direction)(z)
    for y, x in ((1, 1), (2, 4), (4, 2)):
        torch.testing.assert_close(twisted[:, :, y, x], (z[:, :, y, x] + z[:, :, y + row, x + column]) / 2)


@pytest.mark.parametrize(("pairs", "count"), [("upper", 36), ("full", 64)])
def test_a_head_gives_normalised_features_and_their_products(pairs: str, count: int) -> None:
    head = InteractionHead(12, (0, 1), no_spiral=False, first_order=False, pairs=pairs).eval()
    x = torch.randn(2, 12, 5, 5)
    with torch.no_grad():
        z = torch.relu(head.bn(head.reduce(x)))
        twisted = head.twist(z)
        result = head(x)
    own = z / z.norm(dim=1, keepdim=True).clamp_min(1e-6)
    other = twisted / twisted.norm(dim=1, keepdim=True).clamp_min(1e-6)
    table = torch.einsum("bihw,bjhw->bijhw", own, other)
    order = [(i, j) for i in range(8) for j in range(8) if pairs == "full" or i <= j]
    expected = torch.cat([own, torch.stack([table[:, i, j] for i, j in order], dim=1)], dim=1)
    assert result.shape == (2, 8 + count, 5, 5)
    torch.testing.assert_close(result, expected)


def test_the_first_order_control_keeps_the_heads_without_products() -> None:
    model = TwistNet(5, first_order=True)
    assert len(twist_blocks(model)) == 4
    block = twist_blocks(model)[0]
    assert all(head(torch.randn(2, 256, 4, 4)).shape == (2, 8, 4, 4) for head in block.interactions.heads)
    assert block.interactions.project.in_channels == 32
    assert not any(isinstance(module, Twist) for module in model.modules()), "a twist that nothing reads would be dead"


@pytest.mark.parametrize("args", [{}, {"no_spiral": True}, {"no_ais": True}, {"first_order": True}, {"pairs": "full"}])
def test_every_parameter_of_every_variant_learns(args: dict[str, Any]) -> None:
    torch.manual_seed(0)
    model = TwistNet(5, in_chans=1, **args)
    model(torch.randn(4, 1, 64, 64)).square().sum().backward()
    silent = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert silent == []


def test_the_block_adds_the_interactions_weighed_by_the_gate() -> None:
    block = twist_blocks(TwistNet(5))[1].eval()
    x = torch.randn(2, 256, 4, 4)
    with torch.no_grad():
        inner = torch.relu(block.bn1(block.conv1(x)))
        weight = 1 / (1 + torch.exp(torch.tensor(2.0)))
        expected = torch.relu(block.bn2(block.conv2(inner)) + weight * block.interactions(inner) + x)
        torch.testing.assert_close(block(x), expected)
