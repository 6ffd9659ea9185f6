"""SHA-256 of tensors, of whole states and of files."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

CHUNK = 1 << 20


def tensor_digest(tensor: Tensor) -> str:
    """Hex SHA-256 over dtype, shape and the bytes in row-major order; the device does not enter."""
    plain = tensor.detach().cpu().contiguous()
    digest = hashlib.sha256(f"{plain.dtype}{tuple(plain.shape)}".encode())
    if plain.numel():
        # A view as bytes, because numpy knows no bfloat16.
        digest.update(plain.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def state_digest(state: Mapping[str, Tensor]) -> str:
    """Hex SHA-256 over the names, sorted, and the tensors' digests."""
    return names_digest({name: tensor_digest(tensor) for name, tensor in state.items()})


def names_digest(digests: Mapping[str, str]) -> str:
    """`state_digest` from tensor digests that are known already."""
    text = "\n".join(f"{name} {digests[name]}" for name in sorted(digests))
    return hashlib.sha256(text.encode()).hexdigest()


def file_digest(path: Path) -> str:
    """Hex SHA-256 of a file's bytes."""
    digest = hashlib.sha256()
    with path.open("rb") as handle:
        while chunk := handle.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
