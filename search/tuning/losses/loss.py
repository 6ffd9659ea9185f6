"""Why a trial has left its process without saying so itself, read from what Ray says of it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from trainables.files.failure import NO_SPACE, describe, is_of_the_disk
from trainables.files.generation import Fenced
from trainables.files.remote.errors import Unreachable

Kind = Literal["node", "process", "gpu_memory", "disk", "bucket", "fenced", "error"]
NODE_DIED = "because its node has died"
"""Ray's words; it has no class and no attribute for it. Where they change, a test that removes a node fails."""
TOLD: Mapping[Kind, str] = {
    "node": "its machine was lost, or cannot be reached",
    "process": "its process died",
    "gpu_memory": "its GPU's memory was full",
    "disk": "no space left on the disk",
    "bucket": "the bucket could not be reached",
    "fenced": "another launch drives the run now",
}


@dataclass(frozen=True)
class Loss:
    """`told` is one clause for people, `said` everything that is known of it."""

    kind: Kind
    told: str
    said: str = ""


def loss_of(tune_trial: Any) -> Loss:
    """Of one of Tune's trials, of which Tune has just said that it failed. What Tune knows is in two files of this launch's
    temporary folder; its own methods look for them where it would copy them at the end."""
    said, pickled = tune_trial.error_file, tune_trial.pickled_error_file
    return loss_by(
        None if pickled is None else _read_back(Path(pickled)), "" if said is None else Path(said).read_text("utf-8")
    )


def _read_back(pickled: Path) -> Exception | None:
    """None for an exception that the driver has no class for. Tune has just written the file: it is an exception that this
    very process had from Ray, in a folder that no other user can write to."""
    from ray import cloudpickle

    try:
        error = cloudpickle.loads(pickled.read_bytes())
    except Exception:
        return None
    return error if isinstance(error, Exception) else None


def loss_by(error: Exception | None, said: str) -> Loss:
    """`error` is Ray's exception, if it is known; `said` is Ray's account in words."""
    from ray.exceptions import ActorUnavailableError, OutOfMemoryError, RayActorError, RayTaskError

    if isinstance(error, RayTaskError):
        return _raised(error.cause, said)
    if isinstance(error, OutOfMemoryError):
        return Loss("process", f"{TOLD['process']}: Ray stopped it, as its machine's memory was nearly full", said)
    if isinstance(error, RayActorError) and error.preempted:
        return Loss("node", f"{TOLD['node']}: it was taken back", said)
    # A process that dies by itself is dead at once, for its machine says so. Of a machine that is lost Ray at first knows
    # only that nothing answers there.
    if NODE_DIED in said or isinstance(error, ActorUnavailableError):
        return Loss("node", TOLD["node"], said)
    return Loss("process", TOLD["process"], said)


def _raised(cause: Exception, said: str) -> Loss:
    if isinstance(cause, Fenced):
        return Loss("fenced", TOLD["fenced"], said)
    if isinstance(cause, Unreachable):
        return Loss("bucket", f"{TOLD['bucket']} ({cause})", said)
    if is_of_the_disk(cause):
        return Loss("disk", _of_the_disk(cause), said)
    return Loss("error", describe(cause), said)


def _of_the_disk(cause: Exception) -> str:
    assert isinstance(cause, OSError)
    if cause.errno in NO_SPACE:
        place = f" ({cause.filename})" if cause.filename else ""
        return f"{TOLD['disk']}{place}: free some space"
    return f"{cause.filename or 'a file'}: {os.strerror(cause.errno or 0)}: see that the disk or mount works"
