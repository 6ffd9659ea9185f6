"""Every random choice of a trial draws from a seed derived from what it is for, never from what ran before."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor

SEED_BITS = 63
NUMPY_SEEDS = 2**32


def derive(seed: int, *parts: str | int) -> int:
    """A seed in [0, 2^63) for the purpose that `parts` name: the same on every machine and version.

    Different parts give unrelated seeds; `derive(s, "a", "b")` differs from `derive(s, "ab")`.
    """
    text = "\x1f".join([str(int(seed)), *(f"{type(part).__name__}:{part}" for part in parts)])
    return int.from_bytes(hashlib.sha256(text.encode("utf-8")).digest()[:8], "big") >> (64 - SEED_BITS)


def seed_everything(seed: int) -> None:
    """Seed Python's, NumPy's and torch's global generators, those of all GPUs included."""
    random.seed(seed)
    np.random.seed(seed % NUMPY_SEEDS)
    torch.manual_seed(seed)


def random_state(device: torch.device) -> dict[str, Tensor]:
    """Where Python's, NumPy's and torch's global generators stand, that of a GPU included, as tensors on the CPU."""
    _, python, python_normal = random.getstate()
    _, words, place, has_normal, normal = np.random.get_state(legacy=True)
    state = {
        "python": torch.tensor(python, dtype=torch.int64),
        "python_normal": torch.tensor([] if python_normal is None else [python_normal], dtype=torch.float64),
        "numpy": torch.tensor([*words, place, has_normal], dtype=torch.int64),
        "numpy_normal": torch.tensor([normal], dtype=torch.float64),
        "torch": torch.get_rng_state(),
    }
    return state if device.type != "cuda" else {**state, "cuda": torch.cuda.get_rng_state(device)}


def restore_random_state(state: Mapping[str, Tensor], device: torch.device) -> None:
    """Put them where they stood; a GPU's stays where it is if `state` was taken without one."""
    python_normal: list[float] = state["python_normal"].tolist()
    random.setstate((random.Random.VERSION, tuple(state["python"].tolist()), next(iter(python_normal), None)))
    *words, place, has_normal = state["numpy"].tolist()
    np.random.set_state(("MT19937", np.array(words, dtype=np.uint32), place, has_normal, state["numpy_normal"].item()))
    torch.set_rng_state(state["torch"])
    if device.type == "cuda" and "cuda" in state:
        torch.cuda.set_rng_state(state["cuda"], device)


def generator(seed: int) -> torch.Generator:
    """A generator on the CPU, so that what it draws does not depend on the training device."""
    return torch.Generator().manual_seed(seed)


@contextmanager
def isolated(seed: int) -> Iterator[None]:
    """Within the block the CPU's global generators are seeded with `seed`; after it they stand as before."""
    python, numpy_state, torch_state = random.getstate(), np.random.get_state(), torch.get_rng_state()
    random.seed(seed)
    np.random.seed(seed % NUMPY_SEEDS)
    torch.default_generator.manual_seed(seed)
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy_state)
        torch.set_rng_state(torch_state)
