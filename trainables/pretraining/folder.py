"""The folder of a pretraining: what it goes on from, the best weights so far, and a line of figures for each epoch.

Only the first process reads and writes it; the others are told.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from pydantic import ValidationError

from models import atomic
from models.errors import UserError
from trainables.config.pretrain import NOT_FOR_PRETRAINING, PretrainConfig
from trainables.files.changed_keys import at_most, changed_keys
from trainables.files.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from trainables.files.epoch_log import write_log
from trainables.pretraining.processes import Processes
from trainables.pretraining.trained import Trained, state_of
from trainables.states.begun_epoch import BegunEpoch
from trainables.training.optimizers import load_state_by_name, state_by_name

BEST, FINISHED, LOCK, HOLDER = "best.safetensors", "finished.safetensors", ".lock", ".held_by"
WITHOUT_EFFECT = ("output", "checkpoint_every", "expected", "finish_with")
"""Keys that a launch may change: they change no number of any epoch."""
WITHOUT_EFFECT_OF_DATA = ("root", "workers")


@dataclass
class Standing:
    """How far a pretraining is. Every process has the same.

    `history` has the figures of each epoch that is done, `times` of each how long it took and in how many processes; the epochs
    of earlier versions have none. `begun` is the epoch that has begun.
    """

    history: list[dict[str, Any]] = field(default_factory=list)
    times: list[dict[str, Any]] = field(default_factory=list)
    begun: BegunEpoch | None = None

    @property
    def best(self) -> int | None:
        """The epoch, counted from 0, with the best validation accuracy; of equal ones the first."""
        accuracies = [line["val_accuracy"] for line in self.history]
        return accuracies.index(max(accuracies)) if accuracies else None

    @property
    def best_epoch(self) -> int | None:
        """The same, counted from 1, as it is told and written."""
        return None if self.best is None else self.best + 1

    def lines(self) -> list[dict[str, Any]]:
        """Of the log."""
        untimed: list[dict[str, Any]] = [{} for _ in range(len(self.history) - len(self.times))]
        return [{**line, **times} for line, times in zip(self.history, [*untimed, *self.times], strict=True)]


def _holder(folder: Path) -> str:
    try:
        return f" ({(folder / HOLDER).read_text(encoding='utf-8').strip()})"
    except (OSError, UnicodeError):
        return ""


@contextmanager
def locked(folder: Path, processes: Processes) -> Iterator[None]:
    """The first process holds the folder for all of them."""
    lock = FileLock(folder / LOCK, timeout=0)

    def take() -> None:
        if not processes.is_first:
            return
        folder.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire()
        except Timeout:
            raise UserError(
                f"{folder}: another pretraining is at work there{_holder(folder)}; wait for it, end it, or choose another "
                "--storage"
            ) from None
        atomic.write_text(folder / HOLDER, f"process {os.getpid()} on {socket.gethostname()}\n")

    processes.together(take)
    try:
        yield
    finally:
        lock.release()


def identity(config: PretrainConfig, data_digest: str) -> dict[str, Any]:
    """What stays the same as long as a pretraining goes on."""
    return {"config": config.model_dump(mode="json"), "data": data_digest}


def go_on(trained: Trained, folder: Path, same: Mapping[str, Any], processes: Processes) -> tuple[Standing, list[str]]:
    """Load the folder's checkpoint, if there is one, into the network and its optimiser; and what there is to say of it.

    UserError where it is of another pretraining.
    """
    found, warnings = processes.together(lambda: _found(folder, same) if processes.is_first else (None, ()))
    told = processes.from_first({"meta": None if found is None else found.meta, "warnings": list(warnings)})
    if told["meta"] is None:
        return Standing(), told["warnings"]
    # Of a process that is told, `found` is None.
    tensors = processes.tensors_from_first({} if found is None else found.tensors())
    meta, checkpoint = told["meta"], Checkpoint.of_tensors(told["meta"], tensors)
    trained.network.load_state_dict(checkpoint.model, strict=True)
    if trained.ema is not None:
        trained.ema.module.load_state_dict(checkpoint.average, strict=True)
    load_state_by_name(trained.network, trained.engine.optimizer, checkpoint.optimizer)
    if trained.engine.scaler.is_enabled() and meta.get("scaler"):
        trained.engine.scaler.load_state_dict(meta["scaler"])
    begun = BegunEpoch.of(meta["begun"], checkpoint.begun) if "begun" in meta else None
    return Standing(list(meta["history"]), list(meta.get("times", ())), begun), told["warnings"]


def save(folder: Path, trained: Trained, same: Mapping[str, Any], standing: Standing) -> None:
    """`latest`, the one before it kept as `previous`; and the log, which repeats what it holds."""
    meta = {
        **same,
        "history": standing.history,
        "times": standing.times,
        "scaler": trained.engine.scaler.state_dict(),
        **({} if standing.begun is None else {"begun": standing.begun.figures()}),
    }
    checkpoint = Checkpoint(
        meta,
        state_of(trained.network),
        state_by_name(trained.network, trained.engine.optimizer),
        {},
        {} if standing.begun is None else standing.begun.tensors(),
        {} if trained.ema is None else state_of(trained.ema.module),
    )
    save_checkpoint(folder, checkpoint)
    if standing.begun is None:
        write_log(folder, standing.lines())


def _found(folder: Path, same: Mapping[str, Any]) -> tuple[Checkpoint | None, tuple[str, ...]]:
    found = load_checkpoint(folder)
    if found.checkpoint is not None:
        _check_same(found.checkpoint.meta, same, folder)
    return found.checkpoint, found.warnings


def _check_same(meta: Mapping[str, Any], same: Mapping[str, Any], folder: Path) -> None:
    before = {key: meta[key] for key in same}
    with suppress(ValidationError):
        # A key that came later is not there: its default is what the version of that time did.
        before["config"] = _as_now(before["config"]).model_dump(mode="json")
    changes = changed_keys(_with_effect(before), _with_effect(same))
    if changes:
        raise UserError(
            f"{folder}: holds another pretraining: {' '.join(at_most(changes, 1))}; choose another name or --storage, "
            "or remove it"
        )


def _as_now(config: Mapping[str, Any]) -> PretrainConfig:
    """What was written is every key, with those of states, which a file may not say."""
    train = {key: value for key, value in config["train"].items() if key not in NOT_FOR_PRETRAINING}
    return PretrainConfig.model_validate({**config, "train": train})


def _with_effect(same: Mapping[str, Any]) -> dict[str, Any]:
    config = {key: value for key, value in same["config"].items() if key not in WITHOUT_EFFECT}
    config["data"] = {key: value for key, value in config["data"].items() if key not in WITHOUT_EFFECT_OF_DATA}
    return {**same, "config": config}
