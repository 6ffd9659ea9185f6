"""A GPU's memory, given back by a process that goes on without what it held."""

from __future__ import annotations

import gc
import sys


def release_memory() -> None:
    """Collect what nobody refers to any more and give the GPU's memory back. To be called where no exception is being handled:
    its traceback refers to all that the failed step held."""
    gc.collect()
    torch = sys.modules.get("torch")
    # Who has not loaded it holds nothing on a GPU.
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()
