"""Small networks as users write them, of torch's layers, for images of one channel and 8 x 8 px."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SIDE = 8


class Plain(nn.Sequential):
    def __init__(self, num_classes: int) -> None:
        super().__init__(
            nn.Conv2d(1, 6, 3, padding="same"), nn.BatchNorm2d(6), nn.ReLU(inplace=True), nn.MaxPool2d(2),
            nn.Conv2d(6, 8, 3, padding=1, padding_mode="reflect"), nn.PReLU(8), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
            nn.Linear(8, num_classes),
        )  # fmt: skip


class VggLike(nn.Module):
    """Its classifier reads 2 x 2 places of each channel."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(1, 6, 3, padding=1), nn.BatchNorm2d(6), nn.GELU(), nn.AvgPool2d(4))
        self.hidden, self.norm, self.last = nn.Linear(24, 10), nn.BatchNorm1d(10), nn.Linear(10, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        maps = self.features(images)
        hidden = F.relu(self.norm(self.hidden(maps.view(maps.size(0), -1))))
        out: Tensor = self.last(F.dropout(hidden, 0.1, self.training))
        return out


class Block(nn.Module):
    """One activation, without weights, is called twice."""

    def __init__(self, width: int, out: int, shortcut: nn.Module | None) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(width, out, 3, padding=1, bias=False), nn.BatchNorm2d(out)
        self.conv2, self.bn2 = nn.Conv2d(out, out, 3, padding=1, bias=False), nn.BatchNorm2d(out)
        self.shortcut, self.act = shortcut, nn.ReLU(inplace=True)

    def forward(self, maps: Tensor) -> Tensor:
        inner = self.bn2(self.conv2(self.act(self.bn1(self.conv1(maps)))))
        return self.act(inner + (maps if self.shortcut is None else self.shortcut(maps)))


class Residual(nn.Module):
    """One layer makes the shortcuts of two blocks: that it is called twice does not matter to what lies within them."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.stem, shared = nn.Conv2d(1, 6, 3, padding=1), nn.Conv2d(6, 6, 1)
        self.blocks = nn.Sequential(Block(6, 6, None), Block(6, 6, shared), Block(6, 6, shared))
        self.head = nn.Linear(6, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        out: Tensor = self.head(self.blocks(self.stem(images)).mean((2, 3)))
        return out


class Squeeze(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(width, 4), nn.Linear(4, width)

    def forward(self, maps: Tensor) -> Tensor:
        images, width, _, _ = maps.size()
        mean = F.adaptive_avg_pool2d(maps, 1).view(images, width)
        factors = self.second(F.relu(self.first(mean))).sigmoid()
        return maps * factors.view(images, width, 1, 1).expand_as(maps)


class Separable(nn.Module):
    """An inverted residual with squeeze-excitation, and a depthwise convolution that makes two channels of each."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.expand, self.depthwise = nn.Conv2d(1, 6, 1), nn.Conv2d(6, 6, 3, padding=1, groups=6)
        self.squeeze, self.project = Squeeze(6), nn.Conv2d(6, 5, 1)
        self.twice, self.point, self.head = (
            nn.Conv2d(5, 10, 3, groups=5),
            nn.Conv2d(10, 6, 1),
            nn.Linear(6, num_classes),
        )

    def forward(self, images: Tensor) -> Tensor:
        maps = self.project(self.squeeze(F.relu6(self.depthwise(self.expand(images)))))
        out: Tensor = self.head(F.hardswish(self.point(self.twice(maps))).amax((-2, -1)))
        return out


class OwnLinear(nn.Linear):
    """A class that we do not know."""

    def forward(self, values: Tensor) -> Tensor:
        return F.linear(values, self.weight, self.bias)


class WithArguments(nn.Module):
    """Arguments besides the images have defaults, which say what it does."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.one, self.two, self.own = nn.Linear(64, 8), nn.Linear(8, 6), OwnLinear(6, 6)
        self.head = nn.Linear(6, num_classes)

    def forward(self, images: Tensor, mask: Tensor | None = None, features: bool = False, scale: float = 2.0) -> Tensor:
        hidden = self.own(self.two(self.one(images.flatten(1)) * scale))
        if mask is not None:
            hidden = hidden * mask
        out: Tensor = hidden if features else self.head(hidden)
        return out


class Concatenated(nn.Module):
    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 4, 3, padding=1)
        self.narrow, self.wide, self.after = nn.Conv2d(4, 6, 1), nn.Conv2d(6, 4, 3, padding=1), nn.Conv2d(8, 5, 1)
        self.head = nn.Linear(5, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        maps = self.stem(images)
        maps = torch.cat([maps, self.wide(torch.relu(self.narrow(maps)))], dim=1)
        out: Tensor = self.head(self.after(maps).flatten(2).mean(-1))
        return out


class Normed(nn.Module):
    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.one, self.group = nn.Conv2d(1, 6, 3), nn.GroupNorm(2, 6)
        self.two, self.layer = nn.Conv2d(6, 6, 3), nn.LayerNorm(6)
        self.three, self.head = nn.Linear(6, 8), nn.Linear(8, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        maps = self.two(self.group(self.one(images)))
        out: Tensor = self.head(self.three(self.layer(maps.permute(0, 2, 3, 1))).mean((1, 2)))
        return out


class Attention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.num_heads, self.head_dim = heads, width // heads
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        batch, count, _ = tokens.shape
        q, k, v = self.qkv(tokens).reshape(batch, count, 3, self.num_heads, self.head_dim).permute(2, 0, 3, 1, 4)
        found = F.scaled_dot_product_attention(q, k, v)
        out: Tensor = self.proj(found.transpose(1, 2).flatten(2))
        return out


class ByWidth(Attention):
    """As many write it: the width of all heads is taken for that of the tokens."""

    def forward(self, tokens: Tensor) -> Tensor:
        batch, count, width = tokens.shape
        shape = (batch, count, 3, self.num_heads, width // self.num_heads)
        q, k, v = self.qkv(tokens).reshape(shape).permute(2, 0, 3, 1, 4)
        found = F.scaled_dot_product_attention(q, k, v)
        out: Tensor = self.proj(found.transpose(1, 2).reshape(batch, count, width))
        return out


class Gated(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.gate, self.up, self.down = nn.Linear(width, 12), nn.Linear(width, 12), nn.Linear(12, width)

    def forward(self, tokens: Tensor) -> Tensor:
        out: Tensor = self.down(F.silu(self.gate(tokens)) * self.up(tokens))
        return out


class OwnVit(nn.Module):
    attention: type[Attention] = Attention

    def __init__(self, num_classes: int, img_size: int = SIDE) -> None:
        super().__init__()
        self.img_size, self.patches = img_size, nn.Conv2d(1, 8, 2, stride=2)
        self.position = nn.Parameter(torch.zeros(1, (img_size // 2) ** 2, 8))
        self.norm1, self.attn = nn.LayerNorm(8), self.attention(8, 4)
        self.norm2, self.mlp = nn.LayerNorm(8), nn.Sequential(nn.Linear(8, 16), nn.GELU(), nn.Linear(16, 8))
        self.norm3, self.gated = nn.LayerNorm(8), Gated(8)
        self.torchs = nn.TransformerEncoderLayer(8, 2, 12, batch_first=True)
        self.head = nn.Linear(8, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        _, _, height, width = images.shape
        assert height == width == self.img_size
        tokens = self.patches(images).flatten(2).transpose(1, 2) + self.position
        tokens = tokens + self.attn(self.norm1(tokens))
        tokens = tokens + self.mlp(self.norm2(tokens))
        tokens = tokens + self.gated(self.norm3(tokens))
        out: Tensor = self.head(self.torchs(tokens)[:, 0])
        return out


class OwnVitByWidth(OwnVit):
    attention = ByWidth


class Shared(nn.Module):
    """Two layers with one weight, a layer called twice, and one whose weight is taken by itself."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.a, self.b, self.twice, self.taken = nn.Linear(64, 8), nn.Linear(64, 8), nn.Linear(8, 8), nn.Linear(8, 8)
        self.b.weight = self.a.weight
        self.free, self.head = nn.Linear(8, 6), nn.Linear(6, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        flat = images.flatten(1)
        hidden = self.twice(self.twice(F.relu(self.a(flat)) + F.relu(self.b(flat))))
        hidden = self.taken(hidden) + F.linear(hidden, self.taken.weight)
        out: Tensor = self.head(self.free(hidden))
        return out


class DependsOnValues(Plain):
    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images if images.sum() > 0 else -images)


class OtherInTraining(nn.Module):
    """What reads the hidden neurons depends on the mode."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.one, self.two, self.norm = nn.Linear(64, 8), nn.Linear(8, 6), nn.LayerNorm(8)
        self.head = nn.Linear(6, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        hidden = self.one(images.flatten(1))
        out: Tensor = self.head(self.two(self.norm(hidden) if self.training else hidden))
        return out


class HardCodedWidth(nn.Module):
    """It cannot do without any channel: its forward pass has their number in it, twice, once where a trace does not see it."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.one, self.two = nn.Conv2d(1, 4, 3), nn.Conv2d(4, 6, 3)
        self.head = nn.Linear(6 * 16, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        maps = self.one(images)
        maps = self.two(maps / maps.size(1))
        out: Tensor = self.head(maps.view(-1, 96))
        return out
