"""Reading any file of weights: safetensors, ours or another's, and PyTorch checkpoints, without unpickling objects."""

from __future__ import annotations

import json
import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from models.errors import WeightsRefused
from models.weights.digest import file_digest
from models.weights.provenance import HEADER_KEY, Provenance

# Where training scripts put the tensors, and what else may lie beside them.
NESTED_KEYS = ("state_dict", "model", "model_state_dict", "net")
ZIP_MAGIC = b"PK"
PICKLE_MAGIC = b"\x80"
START_BYTES = 9
REMEDIES = (
    "remedies: fetch the weights again (prunetune init fetch ARCH), point model.init.path to another file, "
    "or say model.init.source: random"
)


@dataclass(frozen=True)
class WeightsFile:
    """A file's tensors on the CPU, its SHA-256, and its provenance if it is one of ours."""

    path: Path
    state: dict[str, Tensor]
    sha256: str
    provenance: Provenance | None


def refuse(subject: str, evidence: tuple[str, ...]) -> WeightsRefused:
    """The one refusal message: what was refused, the first finding and how many more, and the three remedies."""
    more = f" (and {len(evidence) - 1} more findings)" if len(evidence) > 1 else ""
    return WeightsRefused(f"{subject}: refused: {evidence[0]}{more}; {REMEDIES}", evidence)


def read_weights_file(path: Path) -> WeightsFile:
    """Read the tensors of a file.

    Raises:
        WeightsRefused: missing, truncated, unreadable, empty, or holding things that are not tensors.
    """
    try:
        with path.open("rb") as handle:
            start = handle.read(START_BYTES)
    except OSError as error:
        raise refuse(str(path), (f"cannot be read ({error.strerror or error})",)) from error
    if not start:
        raise refuse(str(path), ("the file is empty",))
    if not _is_safetensors(start) and start.startswith((ZIP_MAGIC, PICKLE_MAGIC)):
        return WeightsFile(path, _read_pytorch(path), file_digest(path), None)
    state, metadata = _read_safetensors(path)
    if not state:
        raise refuse(str(path), ("the file holds no tensors",))
    return WeightsFile(path, state, file_digest(path), _provenance_of(path, metadata))


def read_provenance(path: Path) -> Provenance | None:
    """The provenance header alone, None for a file that is not ours; WeightsRefused if it cannot be read."""
    try:
        with safe_open(str(path), framework="pt") as handle:
            metadata = handle.metadata() or {}
    except (OSError, SafetensorError, ValueError) as error:
        raise refuse(str(path), (_damaged(error),)) from error
    return _provenance_of(path, metadata)


def _is_safetensors(start: bytes) -> bool:
    """Eight bytes of a header's length, little-endian, then JSON; the length may begin like another format's mark."""
    return start[4:8] == bytes(4) and start[8:9] == b"{"


def _read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    try:
        with safe_open(str(path), framework="pt") as handle:
            state = {name: handle.get_tensor(name) for name in handle.keys()}  # noqa: SIM118  not a dict
            return state, dict(handle.metadata() or {})
    except (OSError, SafetensorError, ValueError) as error:
        raise refuse(str(path), (_damaged(error),)) from error


def _damaged(error: Exception) -> str:
    reason = " ".join(str(error).split())
    return f"neither a whole safetensors file nor a PyTorch one, truncated or damaged ({reason})"


def _read_pytorch(path: Path) -> dict[str, Tensor]:
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        reason = (
            "holds Python objects beside tensors, which are never loaded, or is damaged; save its state_dict alone, "
            "best as safetensors"
        )
        raise refuse(str(path), (reason,)) from error
    except (OSError, RuntimeError, EOFError, ValueError, KeyError) as error:
        reason = " ".join(str(error).split())[:120]
        raise refuse(str(path), (f"truncated or damaged PyTorch file ({reason})",)) from error
    return _tensors_of(path, content)


def _tensors_of(path: Path, content: Any) -> dict[str, Tensor]:
    for key in NESTED_KEYS:
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
    if not isinstance(content, Mapping):
        raise refuse(str(path), (f"holds a {type(content).__name__}, expected a mapping of names to tensors",))
    others = [str(name) for name, value in content.items() if not isinstance(value, Tensor)]
    if others:
        found = ", ".join(others[:4])
        expected = f"expected a state dict, or one under {', '.join(NESTED_KEYS)}"
        raise refuse(str(path), (f"holds entries that are not tensors ({found}); {expected}",))
    if not content:
        raise refuse(str(path), ("the file holds no tensors",))
    return {str(name): value.detach() for name, value in content.items()}


def _provenance_of(path: Path, metadata: Mapping[str, str]) -> Provenance | None:
    if HEADER_KEY not in metadata:
        return None
    try:
        return Provenance.from_json(json.loads(metadata[HEADER_KEY]))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise refuse(str(path), (f"its provenance header cannot be read ({error})",)) from error
