"""The objects under one URL: whole ones are read and written, each with the version by which a change is known.

A write takes effect whole or not at all. One that names a version takes effect only where the object still is of it: S3 decides
that itself; elsewhere it is looked up just before.
"""

from __future__ import annotations

import errno
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Final, TypeVar

from models.errors import UserError
from trainables.files.remote.address import check_scheme
from trainables.files.remote.errors import Changed
from trainables.files.remote.retrying import PATIENCE, retried

Value = TypeVar("Value")
CONNECT_SECONDS, READ_SECONDS = 5, 20
WHOLE_BYTES = 100_000_000
"""Above it a file is sent in parts, and its version compared just before."""
VERSION_KEYS = ("ETag", "etag", "generation", "md5Hash")


class Anything:
    """In place of a version: write whatever is there."""


ANYTHING: Final = Anything()
Expected = str | None | Anything
"""The version that an object must have to be written; None: there must be none."""


@dataclass(frozen=True)
class Entry:
    """An object as it is listed; `modified` in seconds by the server's clock."""

    version: str
    size: int
    modified: float


class Bucket:
    """Names are relative to `url`, with `/` between their parts. All raise UserError and Unreachable, in one line."""

    def __init__(self, url: str, patience: float = PATIENCE) -> None:
        check_scheme(url)
        self.url, self.patience = url.rstrip("/"), patience

    def __str__(self) -> str:
        return self.url

    def read(self, name: str, version: str | None = None) -> tuple[bytes, str] | None:
        """An object's content and a version that is its own, or older where it has just changed; None where there is none.

        `version` where it is known from a list.
        """
        if version is None:
            if (entry := self.look(name)) is None:
                return None
            version = entry.version
        content = self.content(name)
        return None if content is None else (content, version)

    def content(self, name: str) -> bytes | None:
        """None where there is no such object."""
        try:
            content: bytes = self._asked(name, partial(self._files.cat_file, self._path(name)))
        except FileNotFoundError:
            return None
        return content

    def look(self, name: str) -> Entry | None:
        """An object as it is now; None where there is none."""
        try:
            told = self._asked(name, partial(self._files.info, self._path(name), refresh=True))
        except FileNotFoundError:
            return None
        return _entry(told) if told["type"] == "file" else None

    def list(self, prefix: str = "") -> dict[str, Entry]:
        """Name → entry of all objects under a prefix, which is a folder's name. UserError where there is no such bucket."""
        top = self._path(prefix)
        try:
            found: Mapping[str, Any] = self._asked(prefix, partial(self._files.find, top, detail=True))
        except FileNotFoundError as error:
            raise UserError(f"{self.url}: {error}; make the bucket first") from None
        root = f"{self._root}/"
        return {path.removeprefix(root): _entry(told) for path, told in found.items() if path.startswith(root)}

    def write(self, name: str, content: bytes, expected: Expected = ANYTHING) -> str:
        """Write an object whole; returns its version. Changed where it is not of the version that is expected.

        A request whose answer was lost is made again, and then finds its own work there.
        """
        try:
            return self._asked(name, partial(self._put, name, content, expected))
        except Changed:
            there = self.read(name)
            if there is None or there[0] != content:
                raise
            return there[1]

    def upload(self, path: Path, name: str, expected: Expected = ANYTHING) -> str:
        """Write a file's content; as `write`."""
        if path.stat().st_size <= WHOLE_BYTES:
            return self.write(name, path.read_bytes(), expected)
        self._check(name, expected)
        self._asked(name, partial(self._files.put_file, str(path), self._path(name)))
        return self._version_of(name)

    def delete(self, *names: str) -> None:
        """Those that are not there are no mistake."""
        for name in names:
            try:
                self._asked(name, partial(self._files.rm_file, self._path(name)))
            except FileNotFoundError:
                continue

    def now(self) -> float:
        """The server's clock, in seconds; whoever compares it with `Entry.modified` need not trust this machine's."""
        probe = f".clock-{time.time_ns():x}"
        self.write(probe, b"")
        entry = self.look(probe)
        self.delete(probe)
        return time.time() if entry is None else entry.modified

    @cached_property
    def _opened(self) -> tuple[Any, str]:
        from fsspec.core import url_to_fs

        options: dict[str, Any] = {"skip_instance_cache": True, "use_listings_cache": False}
        if self.url.startswith(("s3:", "s3a:")):
            waits = {"connect_timeout": CONNECT_SECONDS, "read_timeout": READ_SECONDS, "retries": {"max_attempts": 1}}
            options["config_kwargs"] = waits
        elif self.url.startswith("memory:"):
            options = {}
        files, root = url_to_fs(self.url, **options)
        files.retries = 1  # of s3fs itself, which would make a request that is not answered last for minutes
        return files, str(root).rstrip("/")

    @property
    def _files(self) -> Any:
        return self._opened[0]

    @property
    def _root(self) -> str:
        return self._opened[1]

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}" if name else self._root

    def _asked(self, name: str, request: Callable[[], Value]) -> Value:
        return retried(f"{self.url}/{name}" if name else self.url, request, self.patience)

    def _put(self, name: str, content: bytes, expected: Expected) -> str:
        path, files = self._path(name), self._files
        conditional = "s3" in files.protocol
        condition: dict[str, Any] = {}
        if expected is None:
            condition = {"mode": "create"}
        elif isinstance(expected, str):
            if conditional:
                condition = {"IfMatch": expected}
            else:
                self._check(name, expected)
        if not conditional and "file" in files.protocol:
            files.makedirs(path.rpartition("/")[0], exist_ok=True)
        try:
            told = files.pipe_file(path, content, **condition)
        except FileExistsError:
            raise Changed(name) from None
        except FileNotFoundError:
            if isinstance(expected, str):
                raise Changed(name) from None
            raise UserError(f"{self.url}: there is no such bucket; make it first") from None
        except OSError as error:
            if condition and error.errno == errno.EINVAL and not self._is(name, expected):
                raise Changed(name) from None
            raise
        return str(told["ETag"]) if isinstance(told, dict) and "ETag" in told else self._version_of(name)

    def _check(self, name: str, expected: Expected) -> None:
        if not self._is(name, expected):
            raise Changed(name)

    def _is(self, name: str, expected: Expected) -> bool:
        if isinstance(expected, Anything):
            return True
        entry = self.look(name)
        return expected == (None if entry is None else entry.version)

    def _version_of(self, name: str) -> str:
        entry = self.look(name)
        if entry is None:
            raise Changed(name)
        return entry.version


def _entry(told: Mapping[str, Any]) -> Entry:
    modified = next((told[key] for key in ("LastModified", "last_modified", "mtime", "created") if key in told), 0.0)
    seconds = modified.timestamp() if isinstance(modified, datetime) else _number(modified)
    version = next((str(told[key]) for key in VERSION_KEYS if told.get(key)), None)
    size = int(told.get("size") or 0)
    return Entry(version or f"{seconds!r}-{size}-{told.get('ino', '')}", size, seconds)


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return datetime.fromisoformat(str(value)).timestamp()
