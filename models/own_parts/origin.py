"""Where a user's own part came from: its file and that file's SHA-256, and the installed distribution, if it is of one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any

from models.own_parts.sources import files_of, is_users, sha256_of


@dataclass(frozen=True)
class Origin:
    """What a record keeps of an own part.

    `file` is where it was found on this machine, and `sha256` is of that file; `beside` has the SHA-256 of each of the user's
    files that it imports, by module. `distribution` and `version` are of the installed package that it is of, if any.
    """

    reference: str
    file: str | None
    sha256: str | None
    beside: Mapping[str, str] = field(default_factory=dict)
    distribution: str | None = None
    version: str | None = None

    @property
    def digest(self) -> str:
        """SHA-256 of what it is: the same on every machine that has the same files, wherever they lie there."""
        # By their contents alone: the name of a module that was loaded by its path differs by machine.
        parts = [self.reference, self.sha256, sorted(self.beside.values()), self.distribution, self.version]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "digest": self.digest}


def origin_of(reference: str, module: ModuleType, distribution: metadata.Distribution | None = None) -> Origin:
    """The origin of what was found in a module."""
    file = None if getattr(module, "__file__", None) is None else Path(str(module.__file__)).resolve()
    users = file is not None and is_users(file) and file.suffix == ".py"
    if distribution is None and not users:
        distribution = _distribution_of(module.__name__.partition(".")[0])
    beside = {}
    if users and file is not None:
        files = files_of(file, module.__name__)
        beside = {name: sha256_of(where) for name, where in sorted(files.items()) if where.resolve() != file}
    return Origin(
        reference,
        None if file is None else str(file),
        None if file is None else sha256_of(file),
        beside,
        None if distribution is None else distribution.metadata["Name"],
        None if distribution is None else distribution.version,
    )


@lru_cache
def _distribution_of(package: str) -> metadata.Distribution | None:
    names = metadata.packages_distributions().get(package, ())
    return metadata.distribution(names[0]) if names else None
