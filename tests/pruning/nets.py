"""Small hand-made networks and their unit groups, built apart from `models.units.describe`."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.units.base import TiedSlice, UnitGroup
from models.units.structure import GroupStructure, Structure


class Attention(nn.Module):
    """Self-attention with fused qkv, `heads` heads of `head_dim` features each on `dim` features."""

    def __init__(self, dim: int, heads: int, head_dim: int) -> None:
        super().__init__()
        self.heads, self.head_dim = heads, head_dim
        self.qkv = nn.Linear(dim, 3 * heads * head_dim)
        self.proj = nn.Linear(heads * head_dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        images, tokens, _ = x.shape
        heads = self.proj.weight.shape[1] // self.head_dim
        q, k, v = self.qkv(x).reshape(images, tokens, 3, heads, self.head_dim).permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(q, k, v)
        return self.proj(mixed.transpose(1, 2).reshape(images, tokens, heads * self.head_dim))


class Mlp(nn.Module):
    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(dim, hidden), nn.Linear(hidden, dim)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(functional.gelu(self.fc1(x)))


class Net(nn.Module):
    """Tokens (images, 5, 3) → two blocks of attention and MLP with dropout → 4 classes."""

    def __init__(self, dim: int = 8, heads: int = 3, head_dim: int = 2, hidden: int = 10) -> None:
        super().__init__()
        self.stem = nn.Linear(3, dim)
        self.attn = nn.ModuleList(Attention(dim, heads, head_dim) for _ in range(2))
        self.mlp = nn.ModuleList(Mlp(dim, hidden) for _ in range(2))
        self.drop = nn.Dropout(0.3)
        self.head = nn.Linear(dim, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for attn, mlp in zip(self.attn, self.mlp, strict=True):
            x = x + self.drop(attn(x))
            x = x + self.drop(mlp(x))
        return self.head(x.mean(dim=1))


class ConvNet(nn.Module):
    """Images (n, 3, 6, 6) → a bottleneck whose middle convolution is tied at both ends → 4 classes."""

    def __init__(self, inner: int = 6) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, inner, 1, bias=False), nn.BatchNorm2d(inner)
        self.conv2, self.bn2 = nn.Conv2d(inner, inner, 3, padding=1, bias=False), nn.BatchNorm2d(inner)
        self.conv3 = nn.Conv2d(inner, 8, 1)
        self.head = nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.bn1(self.conv1(x)))
        x = torch.relu(self.bn2(self.conv2(x)))
        return self.head(self.conv3(x).mean(dim=(2, 3)))


def token_groups(net: Net) -> tuple[UnitGroup, ...]:
    groups = []
    for block in range(2):
        groups += [head_group(net, block), neuron_group(net, block)]
    return tuple(groups)


def head_group(net: Net, block: int) -> UnitGroup:
    attn = net.attn[block]
    assert isinstance(attn, Attention)
    width = attn.heads * attn.head_dim
    columns = torch.arange(width).reshape(attn.heads, attn.head_dim)
    rows = torch.cat([columns, columns + width, columns + 2 * width], dim=1)
    name = f"attn.{block}"
    slices = (
        TiedSlice(f"{name}.qkv.weight", 0, rows),
        TiedSlice(f"{name}.qkv.bias", 0, rows),
        TiedSlice(f"{name}.proj.weight", 1, columns),
    )
    return UnitGroup(name, "head", attn.heads, slices, f"{name}.proj")


def neuron_group(net: Net, block: int) -> UnitGroup:
    mlp = net.mlp[block]
    assert isinstance(mlp, Mlp)
    name, rows = f"mlp.{block}", torch.arange(mlp.fc1.out_features)[:, None]
    slices = (
        TiedSlice(f"{name}.fc1.weight", 0, rows),
        TiedSlice(f"{name}.fc1.bias", 0, rows),
        TiedSlice(f"{name}.fc2.weight", 1, rows),
    )
    return UnitGroup(name, "neuron", mlp.fc1.out_features, slices, f"{name}.fc2")


def channel_groups(net: ConvNet) -> tuple[UnitGroup, ...]:
    return tuple(channel_group(net, number) for number in (1, 2))


def channel_group(net: ConvNet, number: int) -> UnitGroup:
    units = net.conv1.out_channels
    rows = torch.arange(units)[:, None]
    norm = f"bn{number}"
    slices = (
        TiedSlice(f"conv{number}.weight", 0, rows),
        TiedSlice(f"{norm}.weight", 0, rows),
        TiedSlice(f"{norm}.bias", 0, rows),
        TiedSlice(f"{norm}.running_mean", 0, rows, is_parameter=False),
        TiedSlice(f"{norm}.running_var", 0, rows, is_parameter=False),
        TiedSlice(f"conv{number + 1}.weight", 1, rows),
    )
    return UnitGroup(f"conv{number}", "channel", units, slices, f"conv{number + 1}")


def structure_of(groups: tuple[UnitGroup, ...]) -> Structure:
    return Structure({g.name: GroupStructure(g.kind, g.count, tuple(range(g.count))) for g in groups})


def token_net(seed: int = 0) -> tuple[Net, tuple[UnitGroup, ...]]:
    torch.manual_seed(seed)
    net = Net()
    return net, token_groups(net)


def conv_net(seed: int = 0) -> tuple[ConvNet, tuple[UnitGroup, ...]]:
    torch.manual_seed(seed)
    net = ConvNet()
    return net, channel_groups(net)
