"""Versions of installed libraries, by name, and of this code."""

from __future__ import annotations

from pathlib import Path

import pytest
import timm

from models.versions import library_versions, source_digest
from tests.fresh_process import loaded


def test_each_installed_library_has_its_version_and_the_others_are_left_out() -> None:
    assert library_versions(("timm", "no-such-library")) == {"timm": timm.__version__}


def test_asking_for_versions_imports_no_library() -> None:
    asks = "from models.versions import library_versions; library_versions(('torch', 'ray'))"
    assert loaded(asks, "torch", "ray") == []


@pytest.mark.parametrize("file", ["one.py", "data/sets/one.py"])
def test_what_a_source_file_says_and_where_it_lies_changes_the_digest(file: str, tmp_path: Path) -> None:
    source = tmp_path / "trainables" / file
    source.parent.mkdir(parents=True)
    source.write_text("X = 1\n", encoding="utf-8")
    before = source_digest(("trainables",), tmp_path)
    source.write_text("X = 2\n", encoding="utf-8")
    changed = source_digest(("trainables",), tmp_path)
    source.rename(source.with_name("other.py"))
    assert len({before, changed, source_digest(("trainables",), tmp_path)}) == 3
