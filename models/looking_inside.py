"""What TwistNet's blocks do with their interactions, seen while they run: strength, gates, and the mean products.

Looking changes no number and draws none: outputs are only added up. A network without such blocks has nothing to look at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from models.networks.twistnet import REDUCED, ChannelGate, InteractionHead, TwistBlock
from models.units.across.interaction import heads_of, is_there

DIGITS = 4
"""Significant ones of means over images, of which there are many."""
DIGITS_OF_STRENGTH = 7
"""Of one number a block, which moves slowly."""


@dataclass
class Means:
    """Sums over images of values for each of `features`, (features,) float64, and how many images there were."""

    features: int
    total: Tensor | None = None
    images: int = 0

    def add(self, values: Tensor) -> None:
        """(images, features)."""
        summed = values.detach().sum(dim=0, dtype=torch.float64)
        self.total = summed if self.total is None else self.total + summed
        self.images += len(values)

    def read(self) -> list[float]:
        return [] if self.total is None or not self.images else (self.total / self.images).tolist()

    def over(self, summed: Callable[[Tensor], Tensor]) -> None:
        """Make it of all processes' images; `summed` adds up a CPU tensor over them."""
        own = torch.zeros(self.features + 1, dtype=torch.float64)
        own[-1] = self.images
        if self.total is not None:
            own[:-1] = self.total.cpu()
        found = summed(own)
        self.total, self.images = found[:-1], int(found[-1])


@dataclass
class Look:
    """Into one block: what its heads give, by their number, and its gate's factors."""

    block: TwistBlock
    heads: dict[int, Means] = field(default_factory=dict)
    gate: Means | None = None
    """None without a gate."""

    def told(self, products: bool) -> dict[str, Any]:
        """`strength`, sigmoid(gamma); `gate`, the mean factor of each head's features, where there is a gate; with `products`
        and where there are any, the means of z_i z'_j as 8 rows of 8. None for a head that is gone, and for a product that the
        network does not make."""
        told: dict[str, Any] = {"strength": short(torch.sigmoid(self.block.gamma.detach()).item(), DIGITS_OF_STRENGTH)}
        heads = heads_of(self.block.interactions)
        if self.gate is not None:
            told["gate"] = list(_gate_by_head(heads, self.gate.read()))
        if products and any(len(self.heads[number].read()) > REDUCED for number in self.heads):
            told["products"] = [
                _table(head, self.heads[number].read()) if number in self.heads else None
                for number, head in enumerate(heads)
            ]
        return told

    def over(self, summed: Callable[[Tensor], Tensor]) -> None:
        for means in (*self.heads.values(), *(() if self.gate is None else (self.gate,))):
            means.over(summed)


@contextmanager
def looked_into(model: nn.Module) -> Iterator[dict[str, Look]]:
    """While open, what every block of the network does is added up; gives a look for each, by the block's name."""
    looks = {name: Look(block) for name, block in model.named_modules() if isinstance(block, TwistBlock)}
    with ExitStack() as stack:
        for look in looks.values():
            interactions = look.block.interactions
            for number, head in enumerate(heads_of(interactions)):
                if is_there(head):
                    means = look.heads[number] = Means(head.out_channels)
                    stack.callback(head.register_forward_hook(_adding(means, _over_positions)).remove)
            if isinstance(interactions.gate, ChannelGate):
                means = look.gate = Means(interactions.gate.fc2.out_features)
                stack.callback(interactions.gate.fc2.register_forward_hook(_adding(means, _factors)).remove)
        yield looks


def inside_of(looks: dict[str, Look], *, ended: bool) -> dict[str, dict[str, Any]]:
    """`inside` of an epoch's line, block name → `Look.told`, with products where a state `ended`; nothing without blocks."""
    return {"inside": {name: look.told(ended) for name, look in looks.items()}} if looks else {}


def short(value: float, digits: int = DIGITS) -> float:
    return float(f"{value:.{digits}g}")


def _adding(means: Means, of: Callable[[Tensor], Tensor]) -> Callable[[nn.Module, Any, Tensor], None]:
    def hook(module: nn.Module, args: Any, output: Tensor) -> None:
        means.add(of(output.detach().float()))

    return hook


def _over_positions(features: Tensor) -> Tensor:
    """(images, features, h, w) → (images, features)."""
    return features.mean(dim=(2, 3))


def _factors(logits: Tensor) -> Tensor:
    return torch.sigmoid(logits)


def _gate_by_head(heads: list[InteractionHead], factors: list[float]) -> Iterator[float | None]:
    first = 0
    for head in heads:
        own = factors[first : first + head.out_channels] if is_there(head) else []
        yield short(sum(own) / len(own)) if own else None
        first += len(own)


def _table(head: InteractionHead, features: list[float]) -> list[list[float | None]]:
    """8 rows: i is the pixel's feature, j its neighbour's."""
    table: list[list[float | None]] = [[None] * REDUCED for _ in range(REDUCED)]
    pairs = zip(head.get_buffer("rows").tolist(), head.get_buffer("columns").tolist(), strict=True)
    for (row, column), value in zip(pairs, features[REDUCED:], strict=True):
        table[row][column] = short(value)
    return table
