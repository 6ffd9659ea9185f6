"""Copies of everything that a training step moves: to take a step back, and to see how far two steps from one place part."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from trainables.training.optimizers import state_by_name
from trainables.training.precision import loss_scaler
from trainables.training.step import Engine

Kinds = dict[str, list[Tensor]]
"""Weights, and each kind of buffer and of moment by itself: a counter of steps is of another size than a mean gradient."""


@dataclass(frozen=True)
class Held:
    """Copies of weights, buffers and the optimiser's moments, of the loss scaler, and of where random numbers stand."""

    kinds: Kinds
    scaler: dict[str, Any]
    random: tuple[Tensor, ...]

    @classmethod
    def of(cls, engine: Engine) -> Held:
        kinds = {kind: [tensor.detach().clone() for tensor in tensors] for kind, tensors in _moved(engine).items()}
        return cls(kinds, dict(engine.scaler.state_dict()), _random(engine.device))

    @torch.no_grad()
    def give_back(self, engine: Engine) -> None:
        """Into the tensors themselves: whoever knows them by address finds what was there."""
        for kind, tensors in _moved(engine).items():
            for tensor, copy in zip(tensors, self.kinds[kind], strict=True):
                tensor.copy_(copy)
        if engine.scaler.is_enabled():
            engine.scaler.load_state_dict(self.scaler)
        torch.set_rng_state(self.random[0])
        if len(self.random) > 1:
            torch.cuda.set_rng_state(self.random[1], engine.device)


def fresh_scaler(engine: Engine) -> None:
    """In place of a loss scaler that was left in the middle of a step."""
    engine.scaler = loss_scaler(engine.precision, engine.device, engine.scaler.state_dict())


def parted(start: Held, expected: Held, engine: Engine) -> float | None:
    """How far from where a step from `start` was expected to end the engine stands, as a share of how far that step went: the
    worst of all kinds, by their Euclidean norms. None where it did not move the weights, or nowhere finite."""
    found = _moved(engine)
    pairs = [
        torch.stack([_distance(tensors, found[kind]), _distance(start.kinds[kind], tensors)])
        for kind, tensors in expected.kinds.items()
    ]
    figures = dict(zip(expected.kinds, torch.stack(pairs).tolist(), strict=True))
    moved = figures["weights"][1]
    if moved == 0 or not math.isfinite(moved):
        return None
    shares = [_share(apart, went) for apart, went in figures.values()]
    return math.inf if any(math.isnan(share) for share in shares) else max(shares)


def _share(apart: float, went: float) -> float:
    if went > 0:
        return apart / went
    return 0.0 if apart == 0 else math.inf


def _distance(ones: Sequence[Tensor], others: Sequence[Tensor]) -> Tensor:
    apart = (one.detach().double() - other.detach().double() for one, other in zip(ones, others, strict=True))
    return torch.stack([difference.square().sum() for difference in apart]).sum().sqrt()


def _moved(engine: Engine) -> Kinds:
    kinds: Kinds = {"weights": list(engine.model.parameters())}
    for name, buffer in engine.model.named_buffers():
        kinds.setdefault(f"buffer {name.rpartition('.')[2]}", []).append(buffer)
    for entry in state_by_name(engine.model, engine.optimizer).values():
        for name, moment in entry.items():
            kinds.setdefault(f"moment {name}", []).append(moment)
    return kinds


def _random(device: torch.device) -> tuple[Tensor, ...]:
    on_cpu = torch.get_rng_state()
    return (on_cpu, torch.cuda.get_rng_state(device)) if device.type == "cuda" else (on_cpu,)
