"""A real S3 server on this machine (moto's, by itself), and a proxy before it that fails as servers and networks do."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal

Fault = Literal["none", "503", "slow", "cut", "lost"]
"""`cut`: the connection is reset in the middle of the request's body; `lost`: the request is done, its answer never comes."""
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_DEFAULT_REGION": "us-east-1"}
SLOW_SECONDS = 1.5


@contextmanager
def s3_server() -> Iterator[str]:
    """The server's address; it holds nothing."""
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, **CREDENTIALS}
    )
    try:
        _wait_for(port, process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=30)


def make_bucket(address: str, name: str) -> None:
    connection = HTTPConnection(address.removeprefix("http://"), timeout=30)
    connection.request("PUT", f"/{name}")
    assert connection.getresponse().status == 200


def environment_of(address: str) -> Mapping[str, str]:
    return {**CREDENTIALS, "AWS_ENDPOINT_URL": address, "AWS_EC2_METADATA_DISABLED": "true"}


@dataclass
class Proxy:
    """Passes requests on to the server, unless `fault` says something else of one: of its method and path."""

    server: str
    fault: Callable[[str, str], Fault] = lambda method, path: "none"
    requests: list[tuple[str, str]] = field(default_factory=list)
    address: str = ""

    @contextmanager
    def running(self) -> Iterator[Proxy]:
        proxy = self

        class Handler(_Handler):
            of = proxy

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        self.address = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()


class _Handler(BaseHTTPRequestHandler):
    of: Proxy
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._pass_on()

    do_PUT = do_POST = do_DELETE = do_HEAD = do_GET

    def _pass_on(self) -> None:
        fault = self.of.fault(self.command, self.path)
        self.of.requests.append((self.command, self.path))
        length = int(self.headers.get("Content-Length") or 0)
        if fault == "cut":
            self.rfile.read(length // 2)
            self._hang_up()
            return
        body = self.rfile.read(length)
        if fault == "503":
            self._answer(503, [], b"<Error><Code>SlowDown</Code><Message>Reduce your request rate.</Message></Error>")
            return
        if fault == "slow":
            time.sleep(SLOW_SECONDS)
        connection = HTTPConnection(self.of.server.removeprefix("http://"), timeout=60)
        headers = {name: value for name, value in self.headers.items() if name.lower() != "expect"}
        connection.request(self.command, self.path, body, headers)
        answer = connection.getresponse()
        content = answer.read()
        if fault == "lost":
            self._hang_up()
            return
        self._answer(answer.status, answer.getheaders(), content)

    def _answer(self, status: int, headers: list[tuple[str, str]], content: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in ("transfer-encoding", "content-length", "connection"):
                self.send_header(name, value)
        length = next((value for name, value in headers if name.lower() == "content-length"), str(len(content)))
        self.send_header("Content-Length", length if self.command == "HEAD" else str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def _hang_up(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"moto's server did not start (status {process.poll()})")
