"""A cluster as a person makes one: `ray start` for its head and for each node, here all on one machine."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

RAY = Path(sys.executable).with_name("ray")
NOTICES_SOON = {"RAY_health_check_period_ms": "500", "RAY_health_check_failure_threshold": "2"}
"""A head otherwise takes fifteen seconds to notice that a node is gone."""
STARTS_WITHIN = 120.0
"""Seconds after which a test gives up on a node; nothing is judged by how long it took."""


@dataclass
class StartedNode:
    """The processes of one `ray start`, in a session of their own."""

    process: subprocess.Popen[bytes]

    def runs(self, pid: int) -> bool:
        """Whether a process, such as a trial's, is one of this node's."""
        try:
            return os.getsid(pid) == self.process.pid
        except ProcessLookupError:
            return False

    def kill(self) -> None:
        """As when a machine is lost: nothing of it says goodbye."""
        for folder in Path("/proc").glob("[0-9]*"):
            if self.runs(int(folder.name)):
                os.kill(int(folder.name), signal.SIGKILL)
        self.process.wait()


class StartedCluster:
    """A head that takes no trials; joining it needs the token that the environment holds."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._environment = environment | NOTICES_SOON
        self._folder = Path(tempfile.mkdtemp(prefix="ray-", dir="/tmp"))  # its sockets' paths must be short
        self.address = f"127.0.0.1:{_free_port()}"
        self._nodes: list[StartedNode] = []
        port = self.address.rpartition(":")[2]
        folder = str(self._folder)
        self._start("--head", f"--port={port}", "--num-cpus=0", "--include-dashboard=false", f"--temp-dir={folder}")

    def add_node(self, cpus: int, gpus: int = 0, **environment: str) -> StartedNode:
        """Ray believes what it is told of GPUs."""
        arguments = f"--address={self.address}", f"--num-cpus={cpus}", f"--num-gpus={gpus}"
        return self._start(*arguments, **environment)

    def close(self) -> None:
        for node in reversed(self._nodes):
            node.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _start(self, *arguments: str, **environment: str) -> StartedNode:
        said = (self._folder / f"said-{len(self._nodes)}").open("w")
        ports = ["--node-ip-address=127.0.0.1", "--min-worker-port=0", "--max-worker-port=0"]
        memory = [f"--object-store-memory={80 * 1024 * 1024}", "--disable-usage-stats", "--block"]
        command = [str(RAY), "start", *arguments, *ports, *memory]
        process = subprocess.Popen(
            command, env=self._environment | environment, stdout=said, stderr=said, start_new_session=True
        )
        self._nodes.append(StartedNode(process))
        end = time.monotonic() + STARTS_WITHIN
        while "Ray runtime started" not in Path(said.name).read_text():
            assert process.poll() is None, Path(said.name).read_text()
            assert time.monotonic() < end, Path(said.name).read_text()
            time.sleep(0.2)
        return self._nodes[-1]


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
