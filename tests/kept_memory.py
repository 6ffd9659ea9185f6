"""What Python holds on to of what a call gives, once everything that the call itself loads is there."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable
from typing import TypeVar

Made = TypeVar("Made")


def kept(make: Callable[[], Made]) -> tuple[Made, int]:
    """What `make` gives, and its bytes."""
    gc.collect()
    tracemalloc.start()
    made = make()
    gc.collect()
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return made, size
