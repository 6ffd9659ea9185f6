"""What the code reads at run time, templates, weights and studies, is named in pyproject.toml, so that a wheel has it.

That an installed one then works: tests/prunetune/test_wheel.py.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from setuptools import find_namespace_packages

ROOT = Path(__file__).resolve().parents[3]
PACKAGES = ("models", "pruning", "trainables", "search", "prunetune", "weights", "configs")


@pytest.fixture(scope="module")
def asked() -> dict[str, Any]:
    with (ROOT / "pyproject.toml").open("rb") as file:
        found: dict[str, Any] = tomllib.load(file)["tool"]["setuptools"]
    return found


def test_every_file_beside_the_code_is_package_data(asked: dict[str, Any]) -> None:
    shipped = {
        path
        for package, globs in asked["package-data"].items()
        for pattern in globs
        for path in ROOT.joinpath(*package.split(".")).glob(pattern)
    }
    beside = {
        path
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and path.suffix not in (".py", ".pyc")
    }
    assert len(beside) >= 8
    assert beside <= shipped


def test_every_folder_with_package_data_is_a_package(asked: dict[str, Any]) -> None:
    packages = find_namespace_packages(str(ROOT), include=asked["packages"]["find"]["include"])
    assert asked["package-data"].keys() <= set(packages)
    assert {package.partition(".")[0] for package in packages} == set(PACKAGES)
