"""One trial on the disk: starts or resumes the procedure, writes a record line after every epoch, and checkpoints.

The record's lines are written first, then the checkpoint. A trial that goes on says in the record from which epoch, so each
epoch counts once, with the numbers of an uninterrupted run.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from trainables.config.trial import TrialConfig
from trainables.files.checkpoint import Checkpoint, Found, load_checkpoint, save_checkpoint
from trainables.files.environment import changes as changed_environment
from trainables.files.failure import Failure
from trainables.files.generation import UNFENCED, Fenced, Guard
from trainables.files.pace import Pace
from trainables.files.record import ENDED, Identity, RecordWriter, StateEnd, TrialRecord, end_line, read_record
from trainables.files.same_trial import check_same_trial
from trainables.files.shown import shown_result
from trainables.files.state_files import REWIND_FILE, load_network_file, load_rewind_point, save_state, save_tensors
from trainables.prepare import Prepared, prepare
from trainables.stages.sharing import Sharing
from trainables.stages.stage import Stage
from trainables.stages.store import StageStore
from trainables.states.procedure import Procedure
from trainables.states.running_state import RunningState
from trainables.tensorboard.board import NoBoard, TrialBoard, shown_in_table
from trainables.training.epoch import Diverged
from trainables.training.micro_batches import recorded_micro_batches

PAUSE = 0.25
"""Seconds between two looks at a state that another trial trains."""
RETRYABLE = frozenset({"failed"})


class Trial:
    """Use `Trial.open`. `guard` is called before every write and raises where the trial may not write any more."""

    def __init__(
        self,
        folder: Path,
        prepared: Prepared,
        guard: Guard,
        searched: Mapping[str, Any],
        store: StageStore | None,
        pace: Pace,
        board: type[TrialBoard],
    ) -> None:
        self.folder = folder
        self.procedure: Procedure = prepared.procedure
        self.warnings: tuple[str, ...] = prepared.warnings
        self._guard, self._writer = guard, RecordWriter(folder, guard.generation)
        self._searched = dict(searched)
        self._board_class = board
        self._board: TrialBoard | None = None
        self._sharing = Sharing.of(store, folder, prepared.procedure, prepared.header)
        self._header = {**prepared.header, "begun_as": self._sharing.begun_as}
        self._status, self._pace = "running", pace
        self._unsaved = False
        """Whether the trial stands at an epoch's end of which there is no checkpoint."""

    @classmethod
    def open(
        cls,
        folder: Path,
        identity: Identity,
        config: TrialConfig,
        *,
        guard: Guard = UNFENCED,
        searched: Mapping[str, Any] | None = None,
        retry_failed: bool = False,
        store: Path | None = None,
        stages: StageStore | None = None,
        pace: Pace | None = None,
        micro_batches: int = 1,
        events: bool = True,
    ) -> Trial:
        """Start the trial in `folder`, or go on with it where it stands.

        `searched` are the keys that a study searches, for TensorBoard's table; without `events` that is shown nothing. From
        `stages` come states that another trial of the same prefix has trained, and into it go those trained here. Within a
        state checkpoints are written by `pace`, by default at every epoch's end. With `retry_failed` a trial that crashed goes
        on from its checkpoint; one that finished, stopped or diverged never does. Each training batch is cut into
        `micro_batches` pieces, or as many as the trial's record names, where these are more; such a trial shares no state.
        Raises UserError where the folder holds another trial, or one from other weights or data, and WeightsRefused.
        """
        prepared = prepare(identity, config, store=store)
        board = TrialBoard if events else NoBoard
        trial = cls(folder, prepared, guard, searched or {}, stages, pace or Pace(), board)
        existing = read_record(folder)
        trial.procedure.micro_batches = max(micro_batches, recorded_micro_batches(existing.epochs if existing else ()))
        if existing is None:
            guard()
            trial._writer.start(trial._header)
            return trial
        check_same_trial(existing, prepared.header)
        if existing.status in ENDED and not (retry_failed and existing.status in RETRYABLE):
            trial._status = existing.status
            return trial
        trial.warnings += changed_environment(existing.header.get("environment", {}), prepared.header["environment"])
        trial._sharing.go_on(existing.header.get("begun_as"))
        trial._go_on(existing)
        return trial

    @property
    def status(self) -> str:
        return self._status

    @property
    def done(self) -> bool:
        return self._status in ENDED

    def step(self) -> dict[str, Any]:
        """Train one epoch, with the state's beginning or end where due, and return its record line. A state that another
        trial has trained is taken over whole; while another trains it, the line has `waiting` and little is done. Where a
        checkpoint is due within the epoch, it stops there: the line, of the kind `within`, is none of the record's.

        The line has `state_ended`, and where that is so `val_accuracy` and `warnings` are the state's. A diverged trial
        returns its end line.
        """
        if self.done:
            raise RuntimeError(f"{self.folder}: the trial has ended ({self._status})")
        self._guard()
        try:
            with self._sharing.at_work():
                return self._step()
        except Diverged as error:
            return self._end("diverged", state=self.procedure.position.state, step=error.step, error=str(error))
        except BaseException:
            self._sharing.release()  # whoever waits for this state may train it
            raise

    def fail(self, failure: Failure) -> None:
        """Record that the trial crashed; its checkpoint stays."""
        self._end("failed", **failure.to_json())

    def close(self) -> None:
        """Leave the trial where it stands: to go on later, or because its study stopped it, which its record then says."""
        self._sharing.release()
        try:
            if self._unsaved and not self.done:
                with suppress(Fenced):  # another launch has taken over
                    self._save_checkpoint()
        finally:
            self.procedure.data.close()
            if self._board is not None:
                record = read_record(self.folder)
                self._board.close(self._status if record is None else record.status)
                self._board = None

    def result(self) -> dict[str, Any]:
        """The trial as `prunetune trial --json` prints it."""
        return shown_result(self.folder)

    def _step(self) -> dict[str, Any]:
        procedure = self.procedure
        if procedure.running is None:
            self._open_board()  # which hides what an earlier launch wrote from here on
            begun = self._sharing.begin(procedure)
            if begun == "wait":
                time.sleep(PAUSE)
                told = self._sharing.told()
                return {"kind": "waiting", "waiting": True, "state": procedure.position.state, "warnings": told}
            if begun != "train":
                # A stage that turns out damaged is removed, and looked for again: somebody may be training it by now.
                return self._taken_over(begun) if self._sharing.take(begun, procedure) else self._step()
        running = procedure.running or self._start_state()
        self._unsaved = False
        line = running.epoch(self._pace.after_step)
        self._guard()
        if line["kind"] == "within":
            self._save_checkpoint()
            return line
        self._writer.append(line)
        self._keep_rewind_point()
        board = self._open_board()
        board.epoch(line)
        if not procedure.state_ended:
            self._unsaved = True
            if self._pace.at_epochs_end():
                self._save_checkpoint()
            return {**line, "state_ended": False}
        end = self._end_state(line)
        warnings = [*end.warnings, *self._sharing.publish(procedure, end)]
        self._writer.append(end.to_json())
        return self._state_ended(line, end, warnings)

    def _taken_over(self, stage: Stage) -> dict[str, Any]:
        """Write a state's lines as this trial's own, with whose they are; returns the last one."""
        self._guard()
        board = self._open_board()
        lines, end = stage.taken(self.procedure.network.structure)
        self._writer.append(*lines, end.to_json())
        for line in lines:
            board.epoch(line)
        return self._state_ended(lines[-1], end, end.warnings)

    def _state_ended(self, line: dict[str, Any], end: StateEnd, warnings: Sequence[str]) -> dict[str, Any]:
        self._open_board().state(end)
        self.procedure.end_state()
        self._save_checkpoint()
        if self.procedure.finished:
            self._end("finished")
        return {**line, "state_ended": True, "warnings": warnings}

    def _start_state(self) -> RunningState:
        if self.procedure.lacks_teacher:
            self.procedure.teach(load_network_file(self.folder, 0, self.procedure.network.spec.arch))
        return self.procedure.start_state()

    def _end_state(self, line: Mapping[str, Any]) -> StateEnd:
        test = self.procedure.evaluate_as_exported("test") if self.procedure.data.sizes["test"] else None
        self._guard()
        return save_state(self.folder, self.procedure, line, test)

    def _keep_rewind_point(self) -> None:
        point = self.procedure.take_rewind_point()
        if point is not None:
            save_tensors(self.folder / REWIND_FILE, point)
        self._sharing.keep_for_others(self.procedure)

    def _save_checkpoint(self) -> None:
        began = time.monotonic()
        checkpoint = Checkpoint.of_trial(self.procedure.checkpoint(), self._guard.generation)
        self._guard()
        save_checkpoint(self.folder, checkpoint)
        self._pace.written(time.monotonic() - began)
        self._unsaved = False

    def _go_on(self, record: TrialRecord) -> None:
        found: Found = load_checkpoint(self.folder, record)
        self.warnings += found.warnings
        self._guard()
        checkpoint = found.checkpoint
        if checkpoint is None:
            self._writer.start(self._header)
            return
        point = load_rewind_point(self.folder)
        if point is None and self.procedure.has_passed_rewind_point(checkpoint.snapshot.position):
            self.warnings += (f"{self.folder / REWIND_FILE} is gone or cannot be read; the trial begins anew",)
            self._writer.start(self._header)
            return
        self.procedure.restore(checkpoint.snapshot, point)
        position = self.procedure.position
        self._writer.go_on(position.state, position.epoch, position.epochs_total)
        if self.procedure.finished:
            self._end("finished")

    def _open_board(self) -> TrialBoard:
        if self._board is None:
            shown = shown_in_table(self._header, self._searched)
            self._board = self._board_class(self.folder, shown, self.procedure.position.epochs_total)
        return self._board

    def _end(self, status: str, **details: Any) -> dict[str, Any]:
        line = end_line(status, **details)
        self._guard()
        self._writer.append(line)
        self._status = status
        self.close()
        return line
