from pathlib import Path

import pytest
from huggingface_hub import constants

from models.weights import repository
from tests.models.networks import narrow_twistnet

__all__ = ["narrow_twistnet"]


@pytest.fixture
def hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty hub cache, offline."""
    cache = tmp_path / "hub"
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    return cache


@pytest.fixture
def repository_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder in the place of the repository's `weights/`."""
    folder = tmp_path / "weights"
    folder.mkdir()
    monkeypatch.setattr(repository, "repository_folder", lambda: folder)
    return folder
