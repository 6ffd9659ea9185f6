"""What TensorBoard shows of a trial, written by the trial into its own folder.

Nothing of the test split is ever written here: people choose by what they see.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from torch.utils.tensorboard.writer import SummaryWriter

from models.units.structure import KINDS, Structure
from trainables.files.record import StateEnd, read_record
from trainables.tensorboard.hparams import ENDINGS, session_end, session_start
from trainables.tensorboard.inside import products_images
from trainables.tensorboard.tags import (
    BY_REMOVED,
    Scalar,
    epoch_scalars,
    final_scalars,
    permille,
    plural,
    state_scalars,
)

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
        self._scalars(epoch_scalars(line))
        for tag, image in products_images(line.get("inside", {})):
            self._writer.add_image(tag, image, line["epochs_total"], dataformats="HWC")
        self._writer.flush()

    def state(self, end: StateEnd) -> None:
        """Show a state's end: validation accuracy by state and by what was removed, and which units are left."""
        self._last = end
        self._scalars(state_scalars(end))
        if end.structure:
            for kind, image in structure_images(Structure.from_json(end.structure)).items():
                self._writer.add_image(f"structure/{plural(kind)}", image, end.epochs, dataformats="HWC")
        self._writer.flush()

    def close(self, status: str) -> None:
        """End the event file. A trial that ended says so; one that is left to go on later (`running`) does not."""
        if status == "finished" and self._last is not None:
            self._scalars(final_scalars(self._last))
        if status in ENDINGS:
            self._write(session_end(status))
        self._writer.close()

    def _scalars(self, scalars: Iterable[Scalar]) -> None:
        for tag, value, step in scalars:
            self._writer.add_scalar(tag, value, step)

    def _write(self, summary: Any) -> None:
        self._writer.file_writer.add_summary(summary, 0)

    def _restore_states(self, folder: Path, purge_step: int) -> None:
        """Purging goes by step alone, so it also hides earlier points of the series that is not stepped by epochs."""
        record = read_record(folder)
        for end in record.states if record is not None else []:
            if end.epochs < purge_step <= permille(end):
                self._scalars(one for one in state_scalars(end) if one.tag == BY_REMOVED)


class NoBoard(TrialBoard):
    """In the place of one where a study does not want TensorBoard: writes nothing."""

    def __init__(self, folder: Path, hparams: Mapping[str, Any], purge_step: int | None = None) -> None:
        pass

    def epoch(self, line: Mapping[str, Any]) -> None:
        pass

    def state(self, end: StateEnd) -> None:
        pass

    def close(self, status: str) -> None:
        pass


def shown_in_table(header: Mapping[str, Any], searched: Mapping[str, Any]) -> dict[str, Any]:
    """The values of the HParams tab, of a record's header and its searched keys. Nothing but these: TensorBoard's table shows
    five columns before one has to ask, and the id tells phase and seed."""
    return {"arm": header["identity"]["arm"], "method": header["config"]["prune"]["method"], **searched}


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
