"""One trial's part in sharing: at the beginning of a state take it over, wait for whoever trains it, or train it oneself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock

from trainables.files.record import StateEnd, read_record
from trainables.files.state_files import REWIND_FILE, predictions_file, save_state_file, save_tensors
from trainables.stages.key import stage_keys
from trainables.stages.stage import DamagedStage, Stage, rewind_file, second_name, write_stage
from trainables.stages.store import StageStore
from trainables.states.procedure import Procedure

Begin = Stage | Literal["train", "wait"]


@dataclass
class Sharing:
    """`keys` name the stages of the trial's states. Without a store every state is trained and none published."""

    store: StageStore | None
    folder: Path
    """The trial's."""
    keys: tuple[str, ...] = ()
    _claim: FileLock | None = field(default=None, init=False)

    @classmethod
    def of(cls, store: StageStore | None, folder: Path, procedure: Procedure, header: Mapping[str, Any]) -> Sharing:
        """For a trial that has not begun, whose record's first line is `header`."""
        return cls(store, folder, stage_keys(procedure, header) if store else ())

    def begin(self, procedure: Procedure) -> Begin:
        """What to do at the beginning of the present state. `train` goes with the claim to it."""
        if self.store is None or self._claim is not None:
            return "train"
        key = self.keys[procedure.position.state]
        if (stage := self._usable(key, procedure)) is not None:
            return stage
        claim = self.store.claim(key)
        if claim is None:
            return "wait"
        # Its trainer may have published and let go between the two looks.
        if (stage := self._usable(key, procedure)) is not None:
            claim.release()
            return stage
        self._claim = claim
        return "train"

    def take(self, stage: Stage, procedure: Procedure) -> bool:
        """Put `procedure` at the state's end and write the state's files as the trial's own.

        False where the stage turned out damaged, or was removed meanwhile: it is discarded, and nothing has changed.
        """
        assert self.store is not None, "a stage comes from a store"
        epoch = procedure.rewind_epoch
        try:
            snapshot = stage.snapshot()
            point = None if epoch is None or stage.end.state > 0 else stage.rewind_point(epoch)
            if stage.predictions is not None:
                second_name(stage.predictions, self.folder / predictions_file(stage.end.state))
        except (DamagedStage, FileNotFoundError):
            self.store.discard(self.keys[procedure.position.state])
            return False
        procedure.adopt(snapshot, point)
        if point is not None:
            save_tensors(self.folder / REWIND_FILE, point)
        save_state_file(self.folder, procedure, val_accuracy=stage.end.val_accuracy)
        return True

    def publish(self, procedure: Procedure, end: StateEnd) -> list[str]:
        """Share the state that has just ended, whose files are written, and let go of the claim to it.

        Returns what is to be told where that is not possible; the trial itself is none the worse.
        """
        if self.store is None:
            return []
        key, epoch, record = self.keys[end.state], procedure.rewind_epoch, read_record(self.folder)
        lines = [line for line in record.epochs if line["state"] == end.state] if record else []
        masks = procedure.network.masks if procedure.network.masked else {}
        try:
            self.store.publish(
                key, lambda target: write_stage(target, self.folder, procedure.position, masks, lines, end)
            )
            if end.state == 0 and epoch is not None:
                self.store.add(key, rewind_file(epoch), self.folder / REWIND_FILE)
        except OSError as error:
            return [f"state {end.state} is not shared with other trials: {self.store.folder}: {error.strerror}"]
        finally:
            self.release()
        return []

    def release(self) -> None:
        """Let go of what is claimed: whoever waits for it may train it."""
        if self._claim is not None:
            self._claim.release()
            self._claim = None

    def _usable(self, key: str, procedure: Procedure) -> Stage | None:
        """The stage, where it has all that this trial needs of it."""
        assert self.store is not None, "asked only of a store"
        stage, epoch = self.store.find(key), procedure.rewind_epoch
        if stage is None:
            return None
        lacking = stage.end.state == 0 and epoch is not None and not stage.has_rewind_point(epoch)
        return None if lacking else stage
