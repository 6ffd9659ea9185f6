"""What is sent to a cluster's nodes of a user's folders, and that it is found there before anything else."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from models.errors import UserError
from models.own_parts import resolve
from models.own_parts.places import ENVIRONMENT_KEY, look_in
from search.tuning.cluster import sent_parts
from search.tuning.cluster.sent_parts import sending_environment


@pytest.fixture
def users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for folder in ("users", "elsewhere", "session"):
        (tmp_path / folder).mkdir()
    monkeypatch.setenv(ENVIRONMENT_KEY, "")
    monkeypatch.chdir(tmp_path / "elsewhere")
    look_in(tmp_path / "users")
    return tmp_path / "users"


def test_nothing_is_sent_where_no_part_is_a_users_own(users: Path, tmp_path: Path) -> None:
    (users / "unused.py").write_text("")
    environment = sending_environment(tmp_path / "session")
    assert environment == {"env_vars": {ENVIRONMENT_KEY: f"{users}:{tmp_path / 'elsewhere'}"}}


def test_what_is_sent_is_found_first_and_by_absolute_paths_too(
    users: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (users / "inner" / ".hidden").mkdir(parents=True)
    (users / "inner" / "deep.py").write_text("value = 2\n")
    (users / "inner" / ".hidden" / "not.py").write_text("")
    (users / "inner" / "data.bin").write_text("x")
    (users / "part.py").write_text("from inner.deep import value\n")
    before = resolve("part:value", key="k", group="criteria")
    environment = sending_environment(tmp_path / "session")
    (package,) = environment["py_modules"]
    copied = sorted(str(file.relative_to(package)) for file in Path(package).rglob("*.*"))
    assert copied == ["__init__.py", "folder_0/inner/deep.py", "folder_0/part.py"]

    for name, text in environment["env_vars"].items():  # a node, whose own folder of that name has something else
        monkeypatch.setenv(name, text)
    monkeypatch.syspath_prepend(str(Path(package).parent))
    (users / "part.py").write_text("value = 'another'\n")
    there = resolve("part:value", key="k", group="criteria")
    assert (there.value, there.origin.digest) == (2, before.origin.digest)
    assert str(there.origin.file).startswith(package)
    assert resolve(f"{users / 'part.py'}:value", key="k", group="criteria").value == 2
    assert "prunetune_sent_parts" not in sys.modules


def test_a_folder_that_holds_a_whole_disk_is_not_sent(
    users: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (users / "part.py").write_text("value = 1\n")
    (users / "other.py").write_text("")
    resolve("part:value", key="k", group="criteria")
    monkeypatch.setattr(sent_parts, "MOST_FILES", 1)
    with pytest.raises(UserError, match="put the study and its parts into a folder of their own"):
        sending_environment(tmp_path / "session")
