"""The one class of errors that a user can cause, and its exit statuses.

Everything else that goes wrong is an internal error and keeps its traceback.
"""

from __future__ import annotations

import copy
from typing import Self

REQUEST_WRONG = 2
WORK_FAILED = 1
INTERRUPTED = 130
"""What a shell says of a program that Ctrl-C ended."""


class UserError(Exception):
    """A mistake a user can mend.

    The message is one line: it names the key or file, what was found, what was expected and what to do.
    `key` is the dotted key of a trial that it is about, where it is about one, and stands before `text`.
    `exit_status` is what the command line leaves with: 2 where the request was wrong, 1 where the work failed.
    """

    exit_status = REQUEST_WRONG

    def __init__(self, text: str, *, key: str | None = None) -> None:
        super().__init__(text if key is None else f"{key}: {text}")
        self.text = text
        self.key = key

    def retold(self, message: str) -> Self:
        """The same error, with all that it carries, in another message and about no key any more."""
        again = copy.copy(self)
        again.args, again.text, again.key = (message,), message, None
        return again

    def about(self, key: str, text: str) -> Self:
        """The same error, with all that it carries, about another key and in other words."""
        again = self.retold(f"{key}: {text}")
        again.text, again.key = text, key
        return again


class WeightsRefused(UserError):
    """Initial weights that cannot be what they claim to be, or that could not be had (exit status 1).

    `evidence` holds one line per finding, for people and for `--json`.
    """

    exit_status = WORK_FAILED

    def __init__(self, text: str, evidence: tuple[str, ...] = (), *, key: str | None = None) -> None:
        super().__init__(text, key=key)
        self.evidence = evidence


class WorkFailed(UserError):
    """The request was right but could not be carried out, for a reason the user can see (exit status 1)."""

    exit_status = WORK_FAILED
