"""The token that the processes of a Ray of our own show each other. Ray itself would write one into the home folder, which
may be read-only, or not there at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MODE = "RAY_AUTH_MODE"
TOKEN, TOKEN_PATH = "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"
"""Where Ray looks first, and next; last in `~/.ray/auth_token`."""


@contextmanager
def own_token(folder: Path) -> Iterator[None]:
    """Within the block the processes that start have a token made for them, in a file of `folder` that no other user can read.

    Whatever the environment says of tokens is left as it is, that there be none included.
    """
    if os.environ.get(MODE, "token").lower() != "token" or os.environ.get(TOKEN) or os.environ.get(TOKEN_PATH):
        yield
        return
    file = folder / "auth_token"
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
        opened.write(secrets.token_hex(32))
    os.environ[TOKEN_PATH] = str(file)
    _forget_token()
    try:
        yield
    finally:
        del os.environ[TOKEN_PATH]
        _forget_token()


def _forget_token() -> None:
    """What Ray has read once it keeps."""
    from ray._raylet import AuthenticationTokenLoader  # type: ignore[attr-defined]  # compiled, without annotations

    AuthenticationTokenLoader.instance().reset_cache()
