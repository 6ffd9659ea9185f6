"""What TensorBoard shows of a pretraining, written into its folder; nothing of the test split."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from trainables.tensorboard.board import opened_events
from trainables.tensorboard.inside import products_images
from trainables.tensorboard.tags import EPOCH_TAGS, inside_scalars

TAGS = {
    **EPOCH_TAGS,
    "val_top5": "accuracy/val_top5",
    "val_accuracy_unaveraged": "accuracy/val_unaveraged",
    "val_loss_unaveraged": "loss/val_unaveraged",
    "processes": "speed/processes",
}


class PretrainingBoard:
    """Its scalars, stepped by epochs from 1. What earlier launches wrote is hidden, and `log` shown in its place."""

    def __init__(self, folder: Path, log: Sequence[Mapping[str, Any]]) -> None:
        self._events = opened_events(folder, 1 if log else None)
        for line in log:
            self.epoch(line)

    def epoch(self, line: Mapping[str, Any]) -> None:
        """Show a line of the log."""
        for key, tag in TAGS.items():
            value = line.get(key)
            if value is not None and math.isfinite(value):
                self._events.add_scalar(tag, value, line["epoch"])
        for tag, value in inside_scalars(line.get("inside", {})):
            self._events.add_scalar(tag, value, line["epoch"])
        for tag, image in products_images(line.get("inside", {})):
            self._events.add_image(tag, image, line["epoch"], dataformats="HWC")
        self._events.flush()

    def close(self) -> None:
        self._events.close()
