"""The weights files that the repository itself carries, in `weights/`, and the committed list of their digests."""

from __future__ import annotations

import json
from pathlib import Path

from models.errors import UserError
from models.versions import ROOT
from models.weights.provenance import Provenance
from models.weights.weights_file import read_provenance

DIGESTS = "DIGESTS.json"
PREFIX = "weights:"


def repository_folder() -> Path:
    return ROOT / "weights"


def committed_digests() -> dict[str, str]:
    """File name → SHA-256 of each file in `weights/DIGESTS.json`; empty where there is no such list."""
    path = repository_folder() / DIGESTS
    if not path.is_file():
        return {}
    try:
        listed = json.loads(path.read_text(encoding="utf-8"))
        return {str(name): str(digest) for name, digest in listed.items()}
    except (OSError, ValueError, AttributeError) as error:
        raise UserError(f"{path}: not a JSON object of file names and sha256 ({error}); restore it from git") from error


def repository_files() -> dict[Path, Provenance]:
    """The repository's own weights files with their headers."""
    folder = repository_folder()
    paths = sorted(folder.glob("*.safetensors")) if folder.is_dir() else []
    found = {path: read_provenance(path) for path in paths}
    return {path: provenance for path, provenance in found.items() if provenance is not None}


def repository_file(tag: str) -> Path:
    """The one file that "weights:NAME" stands for: by its file name, or by the architecture in its provenance.

    Raises:
        UserError: none or several.
    """
    name = tag.removeprefix(PREFIX)
    folder = repository_folder()
    if (folder / name).is_file():
        return folder / name
    files = repository_files()
    matching = [path for path, provenance in files.items() if provenance.spec.arch == name]
    if len(matching) == 1:
        return matching[0]
    if matching:
        names = ", ".join(path.name for path in matching)
        raise UserError(
            f"{tag} could be any of {names}; write weights:FILE with one of these names", key="model.init.tag"
        )
    known = ", ".join(sorted({provenance.spec.arch for provenance in files.values()})) or "nothing"
    raise UserError(
        f"{tag} is not in {folder}, which holds {known}; point model.init.path to a weights file, "
        "make one with `prunetune pretrain`, or say model.init.source: random",
        key="model.init.tag",
    )
