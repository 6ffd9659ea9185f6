"""Paths on this machine, told from URLs: `Path("s3://bucket/runs")` would be a local folder named `s3:`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator

from models.errors import UserError

URL = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]+:/")
"""A scheme of two letters or more and a slash: a second one is lost where a URL has been taken for a path."""


def is_url(text: str) -> bool:
    """Whether this names a place by a scheme, such as `s3://bucket/runs`."""
    return URL.match(text) is not None


def no_url(text: str) -> str:
    """What to say of a URL where a path is expected."""
    return f"found {text}, expected a path on this machine; a local folder of such a name is ./{text}"


def environment_path(variable: str, text: str) -> Path:
    """The path that an environment variable names; UserError for a URL."""
    if is_url(text):
        raise UserError(f"{variable}: {no_url(text)}")
    return Path(text).expanduser()


def _checked(value: Any) -> Any:
    if isinstance(value, str | Path) and is_url(str(value)):
        raise ValueError(no_url(str(value)))
    return value


LocalPath = Annotated[Path, BeforeValidator(_checked)]
"""A key that names a file or a folder; a URL is a mistake there."""
