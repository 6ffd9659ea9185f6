"""Where this code lies, and which versions of which libraries are installed; imports none of them."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
"""Where the four packages lie: the checkout, or the folder that they are installed in."""


def library_versions(names: Iterable[str]) -> dict[str, str]:
    """Name → version, as its distribution says; what is not installed is left out."""
    versions: dict[str, str] = {}
    for name in names:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions
