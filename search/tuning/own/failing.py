"""Whose error it is where a user's own part of the search fails."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from models.errors import UserError, WorkFailed
from models.own_parts import users_error


class OwnPartFailed(WorkFailed):
    """A user's own sampler or stopping rule raised, or answered what it was not asked. The study cannot go on without it."""


@contextmanager
def blamed_on(reference: str, key: str) -> Iterator[None]:
    """OwnPartFailed, with the user's own line, for whatever is raised while the user's part is asked."""
    try:
        yield
    except OwnPartFailed:
        raise
    except UserError as error:
        raise OwnPartFailed(error.text, key=error.key) from error
    except Exception as error:
        raise OwnPartFailed(f"{reference}: {users_error(error)}; correct it there", key=key) from error
