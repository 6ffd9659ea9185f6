"""Where this code lies, and which versions of which libraries are installed; imports none of them."""

from __future__ import annotations

import hashlib
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


def source_digest(packages: tuple[str, ...], root: Path = ROOT) -> str:
    """SHA-256 over the names and contents of the source files of these packages."""
    digest = hashlib.sha256()
    for package in packages:
        for file in sorted((root / package).rglob("*.py")):
            digest.update(f"{file.relative_to(root)}\n".encode())
            digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()
