"""The simulated trial of a large network: its states' ends name every unit that ViT-S still has, as a real record does."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

from benchmarks.support.simulated_trial import SimulatedTrial
from trainables.files.record import StateEnd

BLOCKS, HEADS, NEURONS = 12, 6, 1536
"""Of ViT-S."""
SECTIONS: dict[str, Any] = {
    "trial": {
        "model": {"arch": "vit_small", "init": {"source": "random"}},
        "data": {"name": "digits"},
        "train": {"epochs_per_state": 4},
        "prune": {"schedule": {"kind": "geometric", "states": 15, "head_ratio": 0.7, "neuron_ratio": 0.7}},
    }
}
"""Of the study: sixteen states of four epochs."""


class StructuredTrial(SimulatedTrial):
    """`vit_small`, whose units go evenly from all blocks, which of them by lot."""

    def _line(self, state: int, epoch: int) -> dict[str, Any]:
        line = super()._line(state, epoch)
        kept = {kind: BLOCKS * self._left(total, state) for kind, total in (("head", HEADS), ("neuron", NEURONS))}
        return {
            **line,
            "train_accuracy": line["val_accuracy"],
            "lr": 1 / 3000,
            "kept": kept,
            "images_per_second": 1e4 / 3,
        }

    def _state_end(self, line: dict[str, Any]) -> StateEnd:
        return replace(super()._state_end(line), kept=line["kept"], structure=self.structure(line["state"]))

    def structure(self, state: int) -> dict[str, Any]:
        """Of each block, which heads and neurons are left after a state."""
        drawn = random.Random(f"{self.request.identity.id}-{state}")

        def group(kind: str, total: int) -> dict[str, Any]:
            kept = sorted(drawn.sample(range(total), self._left(total, state)))
            return {"kind": kind, "total": total, "kept": kept}

        groups: dict[str, Any] = {}
        for block in range(BLOCKS):
            groups[f"blocks.{block}.attn"] = group("head", HEADS)
            groups[f"blocks.{block}.mlp"] = group("neuron", NEURONS)
        return groups

    def _left(self, total: int, state: int) -> int:
        return max(1, int(total * 0.3 ** (state / max(1, len(self.epochs) - 1))))
