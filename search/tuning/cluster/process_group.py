"""Ray's own processes apart from the driver: a SIGTERM to its group, or to all processes, is the driver's to answer."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def starts_apart() -> Iterator[None]:
    """What Ray starts within the block is one process group, led by the first of it, and does not hear SIGTERM; nor do the
    trials' processes, which inherit that.

    `timeout` sends SIGTERM to the driver's group, systemd and `scancel` to every process there is, and a driver whose Ray is
    gone can neither finish an epoch nor leave. Ray's processes still end with the driver however that ends: Ray has Linux
    kill them then.
    """
    from ray._private import services as ray_services

    services: Any = ray_services
    usual = services.ConsolePopen
    leader = 0
    """0: whoever starts leads a new group."""

    def start(*arguments: Any, **options: Any) -> Any:
        nonlocal leader
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        try:
            process = usual(*arguments, process_group=leader, **options)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        # Ray would send each SIGTERM as a session ends, and wait a second before it kills it.
        process.terminate = process.kill
        leader = leader or process.pid
        return process

    services.ConsolePopen = start
    try:
        yield
    finally:
        services.ConsolePopen = usual
