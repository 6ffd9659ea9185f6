"""Which number format a trial computes in, decided by what the device can do and never by hope."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch

from models.errors import UserError

DTYPES = {"bfloat16": torch.bfloat16, "float16": torch.float16}


def resolve_device(name: str) -> torch.device:
    """`auto` is the first GPU this process may see, else the CPU; a GPU that is not there is an error."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise UserError(f"found {name!r}; expected auto, cpu, cuda or cuda:N", key="train.device") from error
    if device.type not in ("cpu", "cuda"):
        raise UserError(f"found {name!r}; expected auto, cpu, cuda or cuda:N", key="train.device")
    if device.type == "cuda" and (not torch.cuda.is_available() or (device.index or 0) >= torch.cuda.device_count()):
        raise UserError(
            f"{name} is not there ({torch.cuda.device_count()} GPUs visible); use auto or cpu", key="train.device"
        )
    return device


def resolve_precision(name: str, device: torch.device) -> str:
    """`auto`: bfloat16 where a GPU computes in it, float16 on other GPUs, float32 on CPUs.

    CPUs stay in float32: without matrix units for bfloat16, autocast was measured four times slower.
    """
    if name != "auto":
        return name
    if device.type != "cuda":
        return "float32"
    return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float16"


def autocast(precision: str, device: torch.device) -> AbstractContextManager[Any]:
    if precision == "float32":
        return nullcontext()
    return torch.autocast(device.type, dtype=DTYPES[precision])


@contextmanager
def without_tf32() -> Iterator[None]:
    """Convolutions and products of float32 in float32; cuDNN would round their inputs to ten bits of mantissa."""
    products, convolutions = torch.backends.cuda.matmul, torch.backends.cudnn
    before = products.allow_tf32, convolutions.allow_tf32
    products.allow_tf32 = convolutions.allow_tf32 = False
    try:
        yield
    finally:
        products.allow_tf32, convolutions.allow_tf32 = before


def loss_scaler(precision: str, device: torch.device, state: Mapping[str, float] | None = None) -> torch.amp.GradScaler:
    """Scales the loss for float16; otherwise it does nothing. `state` is an earlier one's `state_dict`, to go on from."""
    scaler = torch.amp.GradScaler(device.type, enabled=precision == "float16")
    if scaler.is_enabled() and state:
        scaler.load_state_dict(dict(state))
    return scaler
