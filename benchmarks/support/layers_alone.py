"""A network's linear and convolutional layers alone, forwards and backwards at their own sizes: what a step would take if it
did nothing else, in the kernels that it has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

LAYERS = (nn.Linear, nn.Conv2d)
Layer = nn.Linear | nn.Conv2d


@dataclass(frozen=True)
class Alone:
    """One layer, what it was given, and a gradient of what it gives."""

    layer: Layer
    given: Tensor
    gradient: Tensor

    def step(self) -> None:
        """Forwards, and backwards to weights and, but for a network's first layer, to what it was given."""
        wanted = [*self.layer.parameters(), *([self.given] if self.given.requires_grad else [])]
        torch.autograd.grad(self.layer(self.given), wanted, self.gradient)


def layers_alone(model: nn.Module, images: Tensor) -> list[Alone]:
    """Each layer that `model` puts `images` through, as often as it does. Attention's own two products are not among them."""
    found: list[Alone] = []

    def note(layer: nn.Module, given: tuple[Tensor, ...], out: Tensor) -> None:
        assert isinstance(layer, LAYERS), "no others are watched"
        taken = given[0].detach().clone().requires_grad_(given[0].requires_grad)
        found.append(Alone(layer, taken, torch.randn_like(out)))

    watched = [layer for layer in model.modules() if isinstance(layer, LAYERS)]
    hooks = [layer.register_forward_hook(note) for layer in watched]
    try:
        model(images)
    finally:
        for hook in hooks:
            hook.remove()
    return found


def steps_of(alone: list[Alone], steps: int) -> Callable[[int], None]:
    """So many steps of all of them; the number that it is given plays no part."""

    def run(number: int) -> None:
        for _ in range(steps):
            for one in alone:
                one.step()

    return run
