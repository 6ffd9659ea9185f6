"""The Ray adapter: one trial in one actor; a step is an epoch, or of a long one what lies between two of its checkpoints.

It holds no algorithm; the trial keeps its own record.
"""

from __future__ import annotations

import atexit
import gc
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from ray import tune

from models.own_parts.loading import keep_what_is_imported
from trainables.config.own import config_to_run
from trainables.files.begun_parts import hold_to
from trainables.files.failure import (
    Failure,
    describe,
    is_of_the_disk,
    is_out_of_gpu_memory,
    keep_details,
    record_failure,
    traceback_of,
)
from trainables.files.generation import Fence, Fenced, Guard
from trainables.files.remote.address import on_this_machine, opened_copies
from trainables.files.remote.errors import Unreachable
from trainables.files.remote.trial_mirror import TrialMirror
from trainables.files.request import TrialRequest, read_request
from trainables.files.turn import begin_turn
from trainables.files.worker_log import into_worker_log, remove_if_empty
from trainables.training.device_memory import release_memory

RESULT_KEYS = (
    "state", "epoch", "epochs_total", "phase", "val_accuracy", "val_loss", "train_loss", "removed_percent",
    "removed_of_all_percent", "params", "macs", "seconds", "images_per_second", "waiting", "taken_from",
    "steps_done", "steps",
)  # fmt: skip
"""What the driver is shown of an epoch. Test accuracy is not, and never may be."""


class OpenTrial(Protocol):
    """What the adapter needs of a trial."""

    @property
    def done(self) -> bool: ...
    @property
    def status(self) -> str: ...
    @property
    def warnings(self) -> tuple[str, ...]: ...
    def step(self) -> dict[str, Any]: ...
    def close(self) -> None: ...


Stages = tuple[str, float, tuple[int, ...]]
"""Folder of the states that trials share, the gigabytes that they may take, and the epochs of state 0 that some return to."""


def open_trial(
    folder: Path,
    request: TrialRequest,
    guard: Guard,
    retry_failed: bool,
    stages: Stages | None,
    checkpoint_seconds: float,
    checkpoint_steps: int | None = None,
    micro_batches: int = 1,
    events: bool = True,
) -> OpenTrial:
    """Start or go on with the trial that a folder's request asks for."""
    from trainables.files.pace import Pace
    from trainables.stages.store import StageStore
    from trainables.trial import Trial

    config = config_to_run(request.config)
    hold_to(request.parts, config, folder.parents[1], request.identity.arm)
    return Trial.open(
        folder,
        request.identity,
        config,
        guard=guard,
        searched=request.values,
        retry_failed=retry_failed,
        stages=None if stages is None else StageStore(on_this_machine(Path(stages[0])), *stages[1:]),
        pace=Pace(checkpoint_seconds, checkpoint_steps),
        micro_batches=micro_batches,
        events=events,
    )


class TuneTrainable(tune.Trainable):
    """Ray's configuration is {run, folder, generation, retry_failed, stages, checkpoint_seconds, checkpoint_steps, events,
    bucket} and, where a batch is to be cut, micro_batches; all else is in the folder. `events`: whether TensorBoard is shown
    the trial (default: it is). `bucket` is the URL of the place that holds the run, None for a run in a folder; then the paths
    are those of the driver's machine.

    A crash of the trial is recorded and reported as its end, so that Ray sees no error and keeps the actor. Where the GPU's
    memory was full, the trial is let go as it stands on the disk, with the status `gpu_memory`: its driver decides. Only an
    actor that dies, a disk that is full, or a trial whose run is driven by a later launch, is an error to Ray.
    """

    open_trial = staticmethod(open_trial)
    _libraries_set_apart = False
    """Once in each process: the garbage collector no longer looks at what importing torch and Ray made."""

    def setup(self, config: dict[str, Any]) -> None:
        self._trial: OpenTrial | None = None
        run, self._folder, generation = Path(config["run"]), Path(config["folder"]), int(config["generation"])
        self._mirror: TrialMirror | None = None
        if (bucket := config.get("bucket")) is not None:
            opened_copies(bucket)
            run, self._folder = on_this_machine(run), on_this_machine(self._folder)
            self._mirror = TrialMirror(run, self._folder, generation)
        self._fence = Fence(run, generation)
        self._turn: Guard | None = None
        """Begun with the trial."""
        self._retry_failed = bool(config["retry_failed"])
        self._stages: Stages | None = config["stages"]
        self._pace = float(config["checkpoint_seconds"]), config["checkpoint_steps"]
        self._micro_batches = int(config.get("micro_batches", 1))
        self._events = bool(config.get("events", True))

    def step(self) -> dict[str, Any]:
        if self._mirror is None:
            return self._stepped()
        if self._trial is None:
            self._mirror.fetch()
        result = self._stepped()
        ended = bool(result["done"])
        told = self._mirror.push(logs=ended or result.get("state_ended", False), insist=ended)
        return {**result, "warnings": [*result.get("warnings", ()), *told]}

    def _stepped(self) -> dict[str, Any]:
        request = read_request(self._folder)
        if request is None:
            raise Fenced(f"{self._folder}: the trial is gone")
        with into_worker_log(self._folder):
            try:
                return self._step(request)
            except (Fenced, Unreachable):
                raise
            except Exception as error:
                if is_of_the_disk(error):
                    raise
                if not is_out_of_gpu_memory(error):
                    return self._failed(request, error)
                told = self._keep_lack_of_memory(error)
            # Not while the error is handled: its traceback refers to all that the step held on the GPU.
            self._drop()
            release_memory()  # which a trial that was not even open has taken, too
            return {"id": request.identity.id, "status": "gpu_memory", "error": told, "done": True}

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self._drop()
        self.setup(new_config)
        return True

    def cleanup(self) -> None:
        self._drop()

    def _step(self, request: TrialRequest) -> dict[str, Any]:
        result: dict[str, Any] = {"id": request.identity.id, "warnings": []}
        if self._trial is None:
            how = (*self._pace, self._micro_batches, self._events)
            self._trial = self.open_trial(self._folder, request, self._guard(), self._retry_failed, self._stages, *how)
            result["warnings"] += self._trial.warnings
        trial = self._trial
        if not trial.done:
            line = trial.step()  # which waits for a moment where another trial trains its state
            result |= {key: line[key] for key in RESULT_KEYS if key in line}
            result["state_ended"] = bool(line.get("state_ended", False))
            result["warnings"] += [f"state {line['state']}: {text}" for text in line.get("warnings", ())]
        return {**result, "status": trial.status, "done": trial.done}

    def _guard(self) -> Guard:
        if self._turn is None:
            self._turn = begin_turn(self._folder, self._fence)
        return self._turn

    def _keep_lack_of_memory(self, error: Exception) -> str:
        """Where it was, beside the record, which stays as it is; gives it in a line."""
        self._guard()()
        keep_details(self._folder, traceback_of(error))
        return describe(error)

    def _failed(self, request: TrialRequest, error: Exception) -> dict[str, Any]:
        guard = self._guard()
        guard()
        # Before its end is written, and not when Ray lets go of this actor: others may wait for the state that it has claimed.
        self._drop()
        failure = Failure.by(error)
        record_failure(self._folder, request, failure, traceback_of(error), generation=guard.generation)
        return {"id": request.identity.id, "status": "failed", "error": failure.told, "done": True}

    def _drop(self) -> None:
        """Let go of the network and its memory: the next trial runs in this same process."""
        trial, self._trial = self._trial, None
        keep_what_is_imported(False)
        if trial is None:
            return
        trial.close()
        remove_if_empty(self._folder)
        if self._mirror is not None:
            # What cannot be sent stays on this machine: the trial goes on from what the bucket has, or here from this.
            with suppress(Fenced, Unreachable):
                self._mirror.push(logs=True, insist=False)
        del trial
        release_memory()
        if not TuneTrainable._libraries_set_apart:
            # Their objects stay for good, and looking through them after every trial would take 0.3 s.
            TuneTrainable._libraries_set_apart = True
            gc.freeze()
            atexit.register(gc.unfreeze)
