"""What a result depends on besides its configuration: versions, commit, machine. Written into every record."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.versions import ROOT, library_versions

if TYPE_CHECKING:
    import torch

LIBRARIES = ("torch", "torchvision", "timm", "numpy", "pillow", "safetensors", "ray", "optuna")
"""A trial runs without Ray and Optuna, so they may be missing."""


def environment(device: torch.device, precision: str, threads: int) -> dict[str, Any]:
    """Versions, commit, processor, GPU, threads and number format, as plain JSON."""
    return {
        "python": platform.python_version(),
        "libraries": library_versions(LIBRARIES),
        "commit": commit(),
        "processor": processor(),
        "device": str(device),
        "gpu": _gpu(device),
        "precision": precision,
        "threads": threads,
    }


def _gpu(device: torch.device) -> str | None:
    if device.type != "cuda":
        return None
    import torch  # not at the top: whoever asks for the processor's name alone does without

    return torch.cuda.get_device_name(device)


def changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[str, ...]:
    """A warning for each thing besides the commit that the numbers may depend on and that is no longer what it was."""
    if not before:
        return ()
    old, new = {**before, **before.get("libraries", {})}, {**now, **now.get("libraries", {})}
    return tuple(
        f"{key} was {old.get(key)}, is now {new.get(key)}: the trial goes on, but not with an uninterrupted run's numbers"
        for key in (
            "device",
            "gpu",
            "precision",
            "threads",
            "processor",
            "python",
            "torch",
            "torchvision",
            "timm",
            "numpy",
            "pillow",
        )
        if old.get(key, new.get(key)) != new.get(key)  # an older record does not know all of them
    )


@cache
def commit() -> str | None:
    """The commit of the checkout this code runs from, with `-dirty` where it was changed; None outside a checkout."""
    if not (ROOT / ".git").exists():
        return None
    try:
        found = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
            timeout=20,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return found.stdout.strip() or None


@cache
def processor() -> str:
    """The processor's name, as Linux gives it, else what Python knows."""
    path = Path("/proc/cpuinfo")
    if path.exists():
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return f"{line.split(':', 1)[1].strip()} ({os.cpu_count()} logical cores)"
    return platform.processor() or platform.machine()
