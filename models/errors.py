"""The one class of errors that a user can cause, and its exit statuses.

Everything else that goes wrong is an internal error and keeps its traceback.
"""

from __future__ import annotations

REQUEST_WRONG = 2
WORK_FAILED = 1
INTERRUPTED = 130
"""What a shell says of a program that Ctrl-C ended."""


class UserError(Exception):
    """A mistake a user can mend.

    The message is one line: it names the key or file, what was found, what was expected and what to do.
    `exit_status` is what the command line leaves with: 2 where the request was wrong, 1 where the work failed.
    """

    exit_status = REQUEST_WRONG


class WeightsRefused(UserError):
    """Initial weights that cannot be what they claim to be, or that could not be had (exit status 1).

    `evidence` holds one line per finding, for people and for `--json`.
    """

    exit_status = WORK_FAILED

    def __init__(self, message: str, evidence: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.evidence = evidence


class WorkFailed(UserError):
    """The request was right but could not be carried out, for a reason the user can see (exit status 1)."""

    exit_status = WORK_FAILED
