"""A request to a bucket is made again, ever more slowly, while its server or the way there fails."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TypeVar

from models.errors import UserError
from trainables.files.remote.errors import Changed, Unreachable

Value = TypeVar("Value")
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 10.0
PATIENCE = 60.0
"""Seconds for which one request is made again."""
ANSWERS = (FileNotFoundError, FileExistsError, IsADirectoryError, Changed, UserError)
"""What the server says of the object itself, and would say again."""
NO_CREDENTIALS = frozenset(
    {"NoCredentialsError", "PartialCredentialsError", "DefaultCredentialsError", "ProfileNotFound"}
)


def retried(what: str, request: Callable[[], Value], patience: float = PATIENCE) -> Value:
    """The value of `request`. Unreachable, naming `what`, after so many seconds of failures; UserError where it may not be."""
    end, pause = time.monotonic() + patience, FIRST_PAUSE
    while True:
        try:
            return request()
        except ANSWERS:
            raise
        except PermissionError as error:
            raise UserError(
                f"{what}: not allowed ({_first_line(error)}); see the credentials in the environment"
            ) from error
        except Exception as error:
            if type(error).__name__ in NO_CREDENTIALS:
                raise UserError(f"{what}: no credentials are in the environment ({_first_line(error)})") from error
            if not _passes(error):
                raise
            if time.monotonic() + pause > end:
                raise Unreachable(
                    f"{what}: failed for {patience:.0f} s ({_first_line(error)}); what is on this machine stays"
                ) from error
        time.sleep(pause * random.uniform(0.5, 1.0))
        pause = min(2 * pause, LONGEST_PAUSE)


def _passes(error: Exception) -> bool:
    """Whether it may be otherwise in a moment: an error of the network or of the server, and none of this program."""
    if isinstance(error, OSError | TimeoutError):
        return True
    return type(error).__module__.partition(".")[0] in (
        "botocore",
        "aiobotocore",
        "aiohttp",
        "urllib3",
        "requests",
        "azure",
        "google",
        "gcsfs",
        "fsspec",
    )


def _first_line(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return text[:200] or type(error).__name__
