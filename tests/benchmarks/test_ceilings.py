"""Measured ceilings: rates that a machine can have, and in the right order of magnitude."""

from __future__ import annotations

import time

import pytest
import torch

from benchmarks.support.ceilings import Product, bandwidth, median_seconds, product_rate

CPU = torch.device("cpu")


def test_a_rate_is_operations_over_the_seconds_of_one_product() -> None:
    product = Product(160, 192, 224)
    assert product.macs == 160 * 192 * 224
    left, right = torch.randn(160, 192), torch.randn(192, 224)
    began, times = time.process_time(), 200
    for _ in range(times):
        left @ right
    expected = times * 2 * product.macs / (time.process_time() - began)
    assert expected / 5 < product_rate(product, "float32", CPU) < expected * 5


def test_seconds_are_those_of_one_call_and_of_the_processor() -> None:
    def work() -> None:
        until = time.process_time() + 0.004
        while time.process_time() < until:
            pass
        time.sleep(0.002)

    assert median_seconds(work, CPU) == pytest.approx(0.004, rel=0.2)


def test_memory_is_faster_than_a_disk_and_slower_than_light() -> None:
    assert 2e8 < bandwidth(CPU, 2**22) < 2e12


@pytest.mark.parametrize("precision", ["float32", "tf32"])
def test_how_products_are_rounded_is_as_before(precision: str) -> None:
    before = torch.backends.cuda.matmul.allow_tf32
    product_rate(Product(8, 8, 8), precision, CPU)  # type: ignore[arg-type]  # a parametrised literal
    assert torch.backends.cuda.matmul.allow_tf32 is before
