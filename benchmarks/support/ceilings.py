"""What a machine computes and moves at most, measured: the floor under every time that a benchmark tells.

On a CPU times are of the processor, so rates are those of one core however many threads torch has; on a GPU of the clock.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from statistics import median
from typing import Literal

import torch

Precision = Literal["float32", "tf32", "bfloat16", "float16"]
"""`tf32`: float32 whose products a GPU rounds to ten bits of mantissa; on a CPU it is float32."""
DTYPES = {"float32": torch.float32, "tf32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
COPIED_BYTES = 256 * 2**20
"""More than a processor's caches hold."""
ROUND_SECONDS = 0.05
"""A round repeats what it measures for about so long."""
ROUNDS = 5


@dataclass(frozen=True)
class Product:
    """(rows, inner) @ (inner, columns)."""

    rows: int
    inner: int
    columns: int

    @property
    def macs(self) -> int:
        return self.rows * self.inner * self.columns


CONVOLVED = (8, 256, 32, 32)
"""Images, channels, height and width."""
SQUARES = {"cpu": Product(1024, 1024, 1024), "cuda": Product(8192, 8192, 8192)}
"""Large enough that nothing but arithmetic counts."""


def product_rate(product: Product, precision: Precision, device: torch.device) -> float:
    """Floating-point operations a second, two for each multiply-accumulate, in a matrix product of this shape."""
    dtype = DTYPES[precision]
    left = torch.randn(product.rows, product.inner, device=device).to(dtype)
    right = torch.randn(product.inner, product.columns, device=device).to(dtype)
    out = torch.empty(product.rows, product.columns, device=device, dtype=dtype)
    with _rounded(precision):
        return 2 * product.macs / median_seconds(lambda: torch.mm(left, right, out=out), device)


def peak_rate(precision: Precision, device: torch.device) -> float:
    """The same of a large square product: what no network's step exceeds."""
    return product_rate(SQUARES[device.type], precision, device)


def convolution_rate(precision: Precision, device: torch.device) -> float:
    """The same of a large convolution of 3 × 3, which on a CPU goes to another library and may be faster than any product."""
    images, weight = torch.randn(CONVOLVED, device=device), torch.randn(CONVOLVED[1], CONVOLVED[1], 3, 3, device=device)
    images, weight = images.to(DTYPES[precision]), weight.to(DTYPES[precision])
    operations = 2 * images.numel() * 9 * CONVOLVED[1]
    with torch.no_grad(), _rounded(precision):
        return operations / median_seconds(lambda: torch.conv2d(images, weight, padding=1), device)


def bandwidth(device: torch.device, size: int = COPIED_BYTES) -> float:
    """Bytes a second, read and written together, of a copy of `size` bytes in the device's memory."""
    source = torch.ones(size, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    return 2 * size / median_seconds(lambda: target.copy_(source), device)


def median_seconds(work: Callable[[], object], device: torch.device) -> float:
    """Of one call, over rounds of many, after a warm-up."""
    clock = clock_of(device)
    began = clock()
    work()
    work()
    repeats = max(1, round(ROUND_SECONDS / max(1e-7, (clock() - began) / 2)))
    return median(_round(work, repeats, clock) for _ in range(ROUNDS))


def _round(work: Callable[[], object], repeats: int, clock: Callable[[], float]) -> float:
    began = clock()
    for _ in range(repeats):
        work()
    return (clock() - began) / repeats


def clock_of(device: torch.device) -> Callable[[], float]:
    """Seconds: of the processor on a CPU, of the clock on a GPU once that is done with all that it was given."""
    if device.type != "cuda":
        return time.process_time

    def when_done() -> float:
        torch.cuda.synchronize(device)
        return time.perf_counter()

    return when_done


def _rounded(precision: Precision) -> AbstractContextManager[None]:
    return _with_tf32(precision == "tf32") if precision in ("float32", "tf32") else nullcontext()


@contextmanager
def _with_tf32(allowed: bool) -> Iterator[None]:
    products = torch.backends.cuda.matmul
    before = products.allow_tf32
    products.allow_tf32 = allowed
    try:
        yield
    finally:
        products.allow_tf32 = before
