"""One trial's part in sharing: at the beginning of a state take it over, wait for whoever trains it, or train it oneself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from safetensors import SafetensorError

from models import atomic, writes
from trainables.files.record import StateEnd, read_record
from trainables.files.state_files import REWIND_FILE, predictions_file, save_state_file, save_tensors
from trainables.stages.claims import SILENT, Claim, Waiting
from trainables.stages.key import stage_keys
from trainables.stages.stage import PREDICTIONS_FILE, DamagedStage, Stage, name_of, rewind_file, take_file, write_stage
from trainables.stages.store import StageStore
from trainables.states.procedure import Procedure

Begin = Stage | Literal["train", "wait"]


MIXED_FILE = "checkpoint/mixed"
"""In a trial's folder: it was gone on with by other code, libraries or hardware, so its states are those of no key."""


@dataclass
class Sharing:
    """`keys` name the stages of the trial's states. Without a store every state is trained and none published."""

    store: StageStore | None
    folder: Path
    """The trial's."""
    begun_as: str
    """A digest of all that the trial stands on before its first state."""
    keys: tuple[str, ...]
    _claim: Claim | None = field(default=None, init=False)
    _waiting: dict[tuple[str, int], Waiting] = field(default_factory=dict, init=False)
    """By key and rank of the claim that another holds."""
    _told: list[str] = field(default_factory=list, init=False)

    @classmethod
    def of(cls, store: StageStore | None, folder: Path, procedure: Procedure, header: Mapping[str, Any]) -> Sharing:
        """For a trial that has not begun, whose record's first line is `header`."""
        begun_as, keys = stage_keys(procedure, header)
        return cls(store, folder, begun_as, keys)

    def go_on(self, begun_as: str | None) -> None:
        """Share nothing from here on where the trial began on something else, or was once gone on with so."""
        mixed = self.folder / MIXED_FILE
        if begun_as == self.begun_as and not mixed.exists():
            return
        self.store = None
        atomic.write_text(mixed, "\n")

    def begin(self, procedure: Procedure) -> Begin:
        """What to do where the present state is to be trained on. `train` goes with the claim to it, if that is free."""
        if self.store is None or self._claim is not None:
            return "train"
        try:
            return self._begin(self.store, procedure)
        except OSError as error:
            self._give_up(self.store, error)
            return "train"

    def _begin(self, store: StageStore, procedure: Procedure) -> Begin:
        key, halfway = self.keys[procedure.position.state], procedure.halfway
        if not halfway and (stage := self._usable(store, key, procedure)) is not None:
            return stage
        if procedure.micro_batches > 1:
            return "train"  # for itself alone, so that nobody waits for it
        claim = store.claim(key, name_of(self.folder))
        if claim is None:
            return "train" if halfway else self._wait(store, key)
        # Its trainer may have published and let go between the two looks.
        if not halfway and (stage := self._usable(store, key, procedure)) is not None:
            claim.release()
            return stage
        self._claim = claim
        return "train"

    def _wait(self, store: StageStore, key: str) -> Begin:
        """While whoever trains the state gives signs of life; once it has not for long, train in its place."""
        rank = 0
        while True:
            waiting = self._waiting.setdefault((key, rank), store.waiting(key, rank))
            if not waiting.silent():
                self._told += waiting.told()
                return "wait"
            rank += 1
            self._claim = store.claim(key, name_of(self.folder), rank)
            if self._claim is not None:
                self._told.append(
                    f"{waiting.holder()} has given no sign of life for {SILENT:.0f} s: trained here instead"
                )
                return "wait"  # for this once, so that it is told at once

    def told(self) -> list[str]:
        """What a user should know, once."""
        told, self._told = self._told, []
        return told

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """While a trial trains: outside of it, a claim that it holds shows no life."""
        if self._claim is not None:
            self._claim.at_work(True)
        try:
            yield
        finally:
            if self._claim is not None:
                self._claim.at_work(False)

    def take(self, stage: Stage, procedure: Procedure) -> bool:
        """Put `procedure` at the state's end and write the state's files as the trial's own.

        False where the stage turned out damaged, or was removed meanwhile: it is discarded, and nothing has changed.
        """
        assert self.store is not None, "a stage comes from a store"
        state, epoch = stage.end.state, procedure.rewind_epoch
        try:
            snapshot = stage.snapshot()
            point = {} if epoch is None or state > 0 else stage.tensors(rewind_file(epoch))
            if stage.has_predictions:
                take_file(stage.checked(PREDICTIONS_FILE), self.folder / predictions_file(state))
        except (DamagedStage, FileNotFoundError):
            self.store.discard(self.keys[state])
            return False
        procedure.adopt(snapshot, point or None)
        if point:
            save_tensors(self.folder / REWIND_FILE, point)
        save_state_file(self.folder, procedure, val_accuracy=stage.end.val_accuracy)
        return True

    def publish(self, procedure: Procedure, end: StateEnd) -> list[str]:
        """Share the state that has just ended, whose files are written, and let go of the claim to it.

        Returns what is to be told where something is not shared; the trial itself is none the worse.
        """
        if procedure.micro_batches > 1:
            # Its numbers are not to the last bit those of its key, and those of later states follow from them.
            writes.remove_folder(self._for_others)
        elif self.store is not None:
            try:
                self._publish(self.store, procedure, end)
            except (OSError, SafetensorError) as error:
                self._give_up(self.store, error)
            finally:
                self.release()
        return self.told()

    def _publish(self, store: StageStore, procedure: Procedure, end: StateEnd) -> None:
        key, epoch, record = self.keys[end.state], procedure.rewind_epoch, read_record(self.folder)
        lines = [line for line in record.epochs if line["state"] == end.state] if record else []
        if len(lines) != procedure.epochs[end.state]:
            return  # another process goes on with the trial: what this one has written does not count
        masks = procedure.network.masks if procedure.network.masked else {}
        store.publish(key, lambda target: write_stage(target, self.folder, procedure.position, masks, lines, end))
        if end.state > 0:
            return
        if epoch is not None:
            store.add(key, rewind_file(epoch), self.folder / REWIND_FILE)
        for file in sorted(self._for_others.glob("*")):
            store.add(key, file.name, file)
        writes.remove_folder(self._for_others)

    def keep_for_others(self, procedure: Procedure) -> None:
        """The weights after this epoch of state 0, where other trials return to them and this one does not."""
        epoch = procedure.position.epoch
        wanted = self.store is not None and procedure.position.state == 0 and epoch in self.store.rewind_epochs
        if not wanted or procedure.micro_batches > 1 or epoch == procedure.rewind_epoch:
            return
        try:
            save_tensors(self._for_others / rewind_file(epoch), procedure.network.snapshot())
        except (OSError, SafetensorError) as error:
            assert self.store is not None
            self._give_up(self.store, error)

    @property
    def _for_others(self) -> Path:
        """In the trial's folder while it trains state 0, so that it is there where the trial goes on."""
        return self.folder / "checkpoint" / "for-others"

    def _give_up(self, store: StageStore, error: Exception) -> None:
        """Train every state from here on: a place that cannot be written to is no reason to end a trial."""
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        self._told.append(f"states are not shared with other trials any more: {store.folder}: {reason}")
        self.store = None
        self.release()

    def release(self) -> None:
        """Let go of what is claimed: whoever waits for it may train it."""
        if self._claim is not None:
            self._claim.release()
            self._claim = None

    def _usable(self, store: StageStore, key: str, procedure: Procedure) -> Stage | None:
        """The stage, where it has all that this trial needs of it."""
        stage, epoch = store.find(key), procedure.rewind_epoch
        if stage is None:
            return None
        if len(stage.lines) != procedure.epochs[stage.end.state]:
            store.discard(key)
            return None
        lacking = stage.end.state == 0 and epoch is not None and not stage.has_rewind_point(epoch)
        return None if lacking else stage
