"""Where data lies, how it is fetched once whoever asks, and the one error that says it is not there."""

from __future__ import annotations

import os
import shutil
import tempfile
from http.client import HTTPException
from pathlib import Path

from filelock import FileLock

from models.errors import UserError
from models.local_path import environment_path
from trainables.config.trial import DataConfig
from trainables.data.base import DatasetKind

ENVIRONMENT_KEY = "PRUNETUNE_DATA"
SYSTEM_FOLDERS = (Path("/usr/share/datasets"), Path("/usr/local/share/datasets"))
"""Where systems' own packages put data sets; looked at when `data.root` is not given."""


def data_root(config: DataConfig) -> Path:
    """The folder that data is looked for in and downloaded to."""
    if config.root is not None:
        return config.root.expanduser()
    return default_root()


def default_root() -> Path:
    """Where data is kept on this machine unless `data.root` says otherwise."""
    return environment_path(ENVIRONMENT_KEY, os.environ.get(ENVIRONMENT_KEY) or "~/.cache/prunetune/data")


def search_folders(config: DataConfig) -> list[Path]:
    """A root that was asked for is the only place looked at; otherwise the default one, then the system's."""
    return [data_root(config)] if config.root is not None else [data_root(config), *SYSTEM_FOLDERS]


def fetch(config: DataConfig, kind: DatasetKind) -> Path:
    """The place of the data, downloaded first where it is nowhere to be found; UserError where it cannot be had."""
    found = kind.find(config)
    if found is not None:
        return found
    if kind.download is None:
        raise missing(config, kind, "it cannot be downloaded")
    root = data_root(config)
    try:
        root.mkdir(parents=True, exist_ok=True)
        with FileLock(root / ".download.lock"):
            if kind.find(config) is None:
                _download(root, kind)
    except (OSError, RuntimeError, HTTPException) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise missing(config, kind, f"downloading it failed ({reason[:200]})") from error
    found = kind.find(config)
    if found is None:
        raise missing(config, kind, "what was downloaded is not whole")
    return found


def _download(root: Path, kind: DatasetKind) -> None:
    """Download beside the final place and move there what is whole, so that a kill leaves nothing half written."""
    assert kind.download is not None
    with tempfile.TemporaryDirectory(prefix=".download-", dir=root) as folder:
        kind.download(Path(folder))
        for entry in sorted(Path(folder).iterdir()):
            target = root / entry.name
            if entry.is_dir() and target.exists():
                shutil.rmtree(target)
            if entry.is_dir():
                os.replace(entry, target)


def missing(config: DataConfig, kind: DatasetKind, why: str) -> UserError:
    """One line: where the data was looked for, what was expected there, and the remedies."""
    if kind.download is None and config.root is None:
        text = f"not given, and {config.name} has no default place; point it to {kind.expected}"
        return UserError(text, key="data.root")
    places = " and ".join(str(folder) for folder in search_folders(config))
    network = "" if kind.download is None else ", or run once where there is a network"
    return UserError(
        f"{config.name} was not found in {places}, and {why}; expected {kind.expected}; "
        f"put it there, or point data.root (or ${ENVIRONMENT_KEY}) to it{network}",
        key="data.root",
    )
