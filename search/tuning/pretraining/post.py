"""What each process of a pretraining through Ray Train runs, and how the first of them and the driver hear each other."""

from __future__ import annotations

import os
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from models.errors import UserError
from trainables.config.pretrain import PretrainConfig
from trainables.pretraining.listener import Listener
from trainables.pretraining.processes import EndedElsewhere
from trainables.pretraining.run import pretrain

LOOKS_EVERY = 0.5
"""Seconds between two looks of driver and first process at what the other has to say."""


class Post:
    """Between the driver and the first process, in a process of its own: what that one says, and whether it is to leave."""

    def __init__(self) -> None:
        self._told: list[tuple[str, Any]] = []
        self._leaves = False

    def tell(self, kind: str, content: Any) -> None:
        self._told.append((kind, content))

    def taken(self) -> list[tuple[str, Any]]:
        told, self._told = self._told, []
        return told

    def ask_to_leave(self) -> None:
        self._leaves = True

    def leaves(self) -> bool:
        return self._leaves


class ByPost:
    """The first process's side: a Listener's functions that write to the driver, steps no more often than one can read."""

    def __init__(self, post: Any) -> None:
        self._post, self._shown, self._asked, self._leaves = post, 0.0, 0.0, False

    def listener(self) -> Listener:
        return Listener(
            epoch=lambda line: self.tell("epoch", line),
            tell=lambda text: self.tell("tell", text),
            start=lambda *numbers: self.tell("start", numbers),
            step=self._step,
            leaves=self._asked_to_leave,
        )

    def tell(self, kind: str, content: Any) -> None:
        import ray

        ray.get(self._post.tell.remote(kind, content))

    def _step(self, *numbers: int) -> None:
        if time.monotonic() - self._shown >= LOOKS_EVERY:
            self._shown = time.monotonic()
            self.tell("step", numbers)

    def _asked_to_leave(self) -> bool:
        import ray

        if not self._leaves and time.monotonic() - self._asked >= LOOKS_EVERY:
            self._asked = time.monotonic()
            self._leaves = ray.get(self._post.leaves.remote())
        return self._leaves


def in_one_process(asked: dict[str, Any]) -> None:
    """What Ray Train runs in each. How it ends is told by post: of an error Ray would make a traceback."""
    first = ByPost(asked["post"])
    is_first = os.environ.get("RANK", "0") == "0"
    config = PretrainConfig.model_validate(asked["config"])
    if is_first:
        first.tell("begun", True)
    try:
        if is_first and not Path(asked["folder"]).is_dir():
            raise UserError(
                f"--storage: {asked['folder']} is not seen by the machine of the first process, which writes it; give a folder "
                "that all machines see, or leave a processor of this one to Ray"
            )
        result = pretrain(config, Path(asked["folder"]), first.listener() if is_first else None)
    except KeyboardInterrupt as left:
        if is_first:
            first.tell("left", str(left))
    except EndedElsewhere as error:
        if is_first:
            first.tell("lost", str(error))
        raise
    except UserError as error:
        first.tell("failed", (str(error), error.exit_status))
        raise
    else:
        if result is not None:
            first.tell("result", {**asdict(result), "path": str(result.path)})
