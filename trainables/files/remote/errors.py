"""What can go wrong with a bucket: it cannot be reached, it does not allow it, or another was faster."""

from __future__ import annotations

from models.errors import WorkFailed


class Unreachable(WorkFailed):
    """The bucket has not answered, or has answered with errors, for as long as it was given."""


class Changed(Exception):
    """The object is not what it was taken for: another process has written or removed it."""
