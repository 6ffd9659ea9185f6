"""One server for all of these tests, a bucket of its own for each."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.s3_server import Proxy, environment_of, make_bucket, s3_server
from trainables.files.remote.bucket import Bucket


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    with s3_server() as address:
        yield address


@pytest.fixture
def proxy(server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """In front of the server, for everybody who asks the environment."""
    with Proxy(server).running() as proxy:
        for name, value in environment_of(proxy.address).items():
            monkeypatch.setenv(name, value)
        yield proxy


@pytest.fixture
def s3(server: str, proxy: Proxy) -> str:
    """The URL of an empty bucket behind the proxy."""
    name = f"b{uuid.uuid4().hex[:12]}"
    make_bucket(server, name)
    return f"s3://{name}"


@pytest.fixture(params=["memory", "file", "s3"])
def bucket(request: pytest.FixtureRequest, tmp_path: Path) -> Bucket:
    if request.param == "s3":
        return Bucket(f"{request.getfixturevalue('s3')}/runs", patience=20)
    return Bucket(f"memory://{uuid.uuid4().hex}" if request.param == "memory" else f"file://{tmp_path}/place")
