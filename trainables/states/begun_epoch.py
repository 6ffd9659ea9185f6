"""An epoch of which some steps are done: what they leave behind besides the network and its optimiser."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import torch
from torch import Tensor

from trainables.training.epoch import Tally

RANDOM = "random/"


@dataclass
class BegunEpoch:
    """`seconds` were spent on its steps so far; `replayed` and `notes` are of recorded steps (`StepGraph`)."""

    tally: Tally = field(default_factory=Tally)
    seconds: float = 0.0
    replayed: int = 0
    notes: list[str] = field(default_factory=list)
    random: dict[str, Tensor] = field(default_factory=dict)
    """Where the global generators stood after the last step; empty before the first."""

    def figures(self) -> dict[str, Any]:
        """Plain JSON; the rest of it is in `tensors`."""
        return {"seconds": self.seconds, "replayed": self.replayed, "notes": self.notes}

    def tensors(self) -> dict[str, Tensor]:
        return self.tally.tensors() | {f"{RANDOM}{name}": tensor for name, tensor in self.random.items()}

    @classmethod
    def of(cls, figures: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Self:
        """What was written; its tensors stay on the CPU until `moved`."""
        drawn = {name.removeprefix(RANDOM): tensor for name, tensor in tensors.items() if name.startswith(RANDOM)}
        return cls(Tally.of(tensors, torch.device("cpu")), random=drawn, **figures)

    def moved(self, device: torch.device) -> Self:
        """With its figures of each step on the training device."""
        self.tally = Tally.of(self.tally.tensors(), device)
        return self
