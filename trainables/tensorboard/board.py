"""What TensorBoard shows of a trial, written by the trial into its own folder.

Nothing of the test split is ever written here: people choose by what they see.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from torch.utils.tensorboard.writer import SummaryWriter

from models.units.structure import BASIC, KINDS, WORDS, Structure
from trainables.files.record import StateEnd, read_record
from trainables.tensorboard.hparams import ENDINGS, session_end, session_start
from trainables.tensorboard.inside import inside_scalars, products_images

EPOCH_TAGS = {
    "val_accuracy": "accuracy/val",
    "train_accuracy": "accuracy/train",
    "val_loss": "loss/val",
    "train_loss": "loss/train",
    "lr": "schedule/lr",
    "state": "schedule/state",
    "lambda": "rsst/lambda",
    "removed_percent": "size/removed_percent",
    "removed_of_all_percent": "size/removed_of_all_percent",
    "params": "size/parameters",
    "macs": "size/macs",
    "images_per_second": "speed/images_per_second",
    "seconds": "speed/epoch_seconds",
}
"""Tag of each value of an epoch's record line; its step is the trial's epoch, counted from 1 over all states."""
REMOVAL_TAGS = {
    "magnitude_ratio": "rsst/magnitude_ratio",
    "val_accuracy_before": "removal/val_accuracy_before",
    "val_accuracy_after": "removal/val_accuracy_after",
    "val_accuracy_repaired": "removal/val_accuracy_repaired",
}
BY_STATE = "state/val_accuracy"
BY_REMOVED = "state/val_accuracy_at_removed_permille"
"""Stepped by 10 * removed_percent, so that arms that remove at another pace stand at the same places."""
FINAL_TAGS = {
    "val_accuracy": "final/val_accuracy",
    "val_loss": "final/val_loss",
    "removed_percent": "final/removed_percent",
    "removed_of_all_percent": "final/removed_of_all_percent",
}
UNIT_PIXELS = 8
WIDEST_IMAGE = 1024
WIDEST_TO_HIGHEST = 5
KEPT, REMOVED = (68, 119, 170), (230, 230, 230)


def opened_events(folder: Path, purge_step: int | None) -> Any:
    """A new event file in the folder; what earlier ones there have from `purge_step` on is hidden."""
    return SummaryWriter(str(folder), purge_step=purge_step)


class TrialBoard:
    """Opens an event file in the trial's folder; every epoch is flushed, so a TensorBoard that is open follows.

    `hparams` are the values of the HParams tab: arm, method, seed and every searched key. `purge_step` is the first
    epoch that will be written: whatever an earlier launch wrote from there on is hidden.
    """

    def __init__(self, folder: Path, hparams: Mapping[str, Any], purge_step: int | None = None) -> None:
        self._writer = opened_events(folder, purge_step)
        self._last: StateEnd | None = None
        self._write(session_start(hparams))
        if purge_step is not None:
            self._restore_states(folder, purge_step)
        self._writer.flush()

    def epoch(self, line: Mapping[str, Any]) -> None:
        """Show an epoch's record line."""
        step = line["epochs_total"]
        for key, tag in EPOCH_TAGS.items():
            self._scalar(tag, line.get(key), step)
        for kind, count in line.get("kept", {}).items():
            self._scalar(f"kept/{_plural(kind)}", count, step)
        inside = line.get("inside", {})
        for tag, value in inside_scalars(inside):
            self._scalar(tag, value, step)
        for tag, image in products_images(inside):
            self._writer.add_image(tag, image, step, dataformats="HWC")
        self._writer.flush()

    def state(self, end: StateEnd) -> None:
        """Show a state's end: validation accuracy by state and by what was removed, and which units are left."""
        self._last = end
        self._scalar(BY_STATE, end.val_accuracy, end.state)
        self._scalar(BY_REMOVED, end.val_accuracy, permille(end))
        for key, tag in REMOVAL_TAGS.items():
            self._scalar(tag, (end.removal or {}).get(key), end.epochs)
        for layer, told in (end.repair or {}).items():
            self._scalar(f"repair/{layer}", told["error_repaired"], end.epochs)
        if end.structure:
            for kind, image in structure_images(Structure.from_json(end.structure)).items():
                self._writer.add_image(f"structure/{_plural(kind)}", image, end.epochs, dataformats="HWC")
        self._writer.flush()

    def close(self, status: str) -> None:
        """End the event file. A trial that ended says so; one that is left to go on later (`running`) does not."""
        if status == "finished" and self._last is not None:
            for key, tag in FINAL_TAGS.items():
                self._scalar(tag, getattr(self._last, key), self._last.epochs)
        if status in ENDINGS:
            self._write(session_end(status))
        self._writer.close()

    def _scalar(self, tag: str, value: float | None, step: int) -> None:
        if value is not None and math.isfinite(value):
            self._writer.add_scalar(tag, value, step)

    def _write(self, summary: Any) -> None:
        self._writer.file_writer.add_summary(summary, 0)

    def _restore_states(self, folder: Path, purge_step: int) -> None:
        """Purging goes by step alone, so it also hides earlier points of the series that is not stepped by epochs."""
        record = read_record(folder)
        for end in record.states if record is not None else []:
            if end.epochs < purge_step <= permille(end):
                self._scalar(BY_REMOVED, end.val_accuracy, permille(end))


def _plural(kind: str) -> str:
    # Of the basic kinds as events of earlier versions have it, so that a trial that goes on has one series.
    return f"{kind}s" if kind in BASIC else WORDS[kind].replace(" ", "_")


def permille(end: StateEnd) -> int:
    return round(10 * end.removed_percent)


def structure_images(structure: Structure) -> dict[str, np.ndarray]:
    """By kind of unit, an RGB image (H, W, 3): a row of boxes for each group, one box a unit, blue while it is kept."""
    images: dict[str, np.ndarray] = {}
    for kind in KINDS:
        groups = [group for group in structure.groups.values() if group.kind == kind]
        if not groups:
            continue
        widest = max(group.total for group in groups)
        boxes = np.full((len(groups), widest, 3), 255, dtype=np.uint8)
        for row, group in enumerate(groups):
            boxes[row, : group.total] = REMOVED
            boxes[row, list(group.kept)] = KEPT
        width = max(1, min(UNIT_PIXELS, WIDEST_IMAGE // widest))
        # Thousands of neurons in a few layers would be a line too thin to be read in TensorBoard's cards.
        height = max(UNIT_PIXELS, widest * width // (WIDEST_TO_HIGHEST * len(groups)))
        images[kind] = boxes.repeat(height, axis=0).repeat(width, axis=1)
    return images
