"""Ray's own processes apart from the driver: a SIGTERM to its group, or to all processes, is the driver's to answer."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any


@dataclass
class Apart:
    """A process group, by the process that leads it; 0 while there is none."""

    leader: int = 0

    def end(self) -> None:
        """Kill what is left of it once Ray has shut down: an agent whose raylet is gone would look for it for a minute."""
        if self.leader:
            with suppress(ProcessLookupError):
                os.killpg(self.leader, signal.SIGKILL)
        self.leader = 0


@contextmanager
def starts_apart(apart: Apart) -> Iterator[None]:
    """What Ray starts within the block is one process group, `apart`, led by the first of it, and does not hear SIGTERM; nor do
    the trials' processes, which inherit that.

    `timeout` sends SIGTERM to the driver's group, systemd and `scancel` to every process there is, and a driver whose Ray is
    gone can neither finish an epoch nor leave. Ray's processes still end with the driver however that ends: Ray has Linux
    kill them then.
    """
    from ray._private import services as ray_services

    services: Any = ray_services
    usual = services.ConsolePopen

    def start(*arguments: Any, **options: Any) -> Any:
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        try:
            process = usual(*arguments, process_group=apart.leader, **options)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        # Ray would send each SIGTERM as a session ends, and wait a second before it kills it.
        process.terminate = process.kill
        apart.leader = apart.leader or process.pid
        return process

    services.ConsolePopen = start
    try:
        yield
    finally:
        services.ConsolePopen = usual
