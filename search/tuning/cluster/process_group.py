"""Ray's own processes in a group of their own: a signal to the driver's group is for the driver to answer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def starts_in_a_group_of_its_own() -> Iterator[None]:
    """What Ray starts within the block is one process group, led by the first of it.

    In the driver's group they would get its SIGTERM too (`timeout` sends it to all), and a driver whose Ray is gone can
    neither finish an epoch nor leave. They still end with the driver however that ends: Ray has Linux kill them then.
    """
    from ray._private import services as ray_services

    services: Any = ray_services
    usual = services.ConsolePopen
    leader = 0
    """0: whoever starts leads a new group."""

    def start(*arguments: Any, **options: Any) -> Any:
        nonlocal leader
        process = usual(*arguments, process_group=leader, **options)
        leader = leader or process.pid
        return process

    services.ConsolePopen = start
    try:
        yield
    finally:
        services.ConsolePopen = usual
