"""A gate that simulated trials wait at before each epoch: a test lets them through, so that no test depends on the clock."""

from __future__ import annotations

import json
import os
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

EPOCH, DIE = "epoch", "die"
PAUSE = 0.02


@dataclass(frozen=True)
class Waiting:
    """A trial's process that waits at the gate, and the node of Ray's that it is on."""

    pid: int
    node: str


class Gate:
    """A folder. Each file `pass-*` lets one trial through, whichever takes it first; the file `open` lets all through."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def admit(self, epochs: int) -> None:
        """Let the trials do so many epochs more, all together."""
        for _ in range(epochs):
            self._give(EPOCH)

    def kill_one(self) -> None:
        """The next trial that comes by kills its own process."""
        self._give(DIE)

    def open(self) -> None:
        (self.folder / "open").touch()

    def waiting(self) -> dict[str, Waiting]:
        """Trial → its process, of those that wait now."""
        found = {file.name.removeprefix("waits-"): _read(file) for file in self.folder.glob("waits-*")}
        return {trial: one for trial, one in found.items() if one is not None and is_running(one.pid)}

    def wait(self, trial: str, node: str) -> str:
        """The trial's side: wait to be let through, and be told for what."""
        mark = self.folder / f"waits-{trial}"
        mark.write_text(json.dumps({"pid": os.getpid(), "node": node}))
        try:
            while not (self.folder / "open").exists():
                for file in self.folder.glob("pass-*"):
                    if _taken(file):
                        return file.name.split("-")[1]
                time.sleep(PAUSE)
            return EPOCH
        finally:
            mark.unlink(missing_ok=True)

    def _give(self, purpose: str) -> None:
        (self.folder / f"pass-{purpose}-{uuid.uuid4().hex}").touch()


def is_running(pid: int) -> bool:
    """A process that has ended, but that nobody has asked for its exit status, runs no more."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] not in ("Z", "X")


def _taken(file: Path) -> bool:
    try:
        file.unlink()
    except FileNotFoundError:
        return False
    return True


def _read(file: Path) -> Waiting | None:
    """None for one that is being written or has just gone."""
    try:
        return Waiting(**json.loads(file.read_text()))
    except (FileNotFoundError, json.JSONDecodeError):
        return None
