"""A user's folder, which every test has for itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from models.own_parts.places import ENVIRONMENT_KEY, look_in

Write = Callable[..., Path]


@pytest.fixture
def users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a user's study file; nothing else is looked in but the working folder, which is another one."""
    folder, elsewhere = tmp_path / "users", tmp_path / "elsewhere"
    folder.mkdir()
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    monkeypatch.setenv(ENVIRONMENT_KEY, "")
    look_in(folder)
    return folder


@pytest.fixture
def write(users: Path) -> Write:
    """Writes a file of the user's, by its path within the folder."""

    def written(path: str, text: str) -> Path:
        file = users / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    return written
