"""A stand-in for `torch.cuda`'s counters of memory."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class MadeCounters:
    """A GPU of `total` bytes, on which the process has a context and the allocator came to `peak` and kept `kept`."""

    total: int = 80_000
    context: int = 500
    peak: int = 20_000
    kept: int = 6_000
    trained: bool = False

    def mem_get_info(self) -> tuple[int, int]:
        used = self.context + (self.kept if self.trained else 0)
        self.trained = True
        return self.total - used, self.total

    def reset_peak_memory_stats(self) -> None:
        self.trained = False

    def memory_reserved(self) -> int:
        return self.kept

    def max_memory_reserved(self) -> int:
        return self.peak
