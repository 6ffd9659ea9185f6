"""An installed prunetune has what it reads at run time, templates and weights, not only a checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest
from setuptools import find_namespace_packages

from search.export.export import FILES
from tests.search.small_study import small_study

ROOT = Path(__file__).resolve().parents[3]
PACKAGES = ("models", "pruning", "trainables", "search", "prunetune", "weights")
LOADS = """\
from models.networks.registry import resolve_spec
from models.versions import ROOT
from models.weights.initial_weights import InitRequest, initial_weights
weights = initial_weights(resolve_spec("vit_micro", 10, 8, 1), InitRequest("pretrained", None, None), seed=0)
print(ROOT, weights.verdict)
"""


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


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy and unpacked away from the checkout."""
    source, installed = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("installed")
    for package in PACKAGES:
        shutil.copytree(ROOT / package, source / package, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / file, source / file)
    build = "from setuptools import build_meta; build_meta.build_wheel('dist')"
    subprocess.run([sys.executable, "-c", build], cwd=source, check=True, capture_output=True)
    (wheel,) = (source / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(installed)
    return installed


def run_there(installed: Path, folder: Path, *arguments: str) -> str:
    """Standard output of a Python that has the wheel and no checkout, run in `folder`."""
    environment = {**os.environ, "PYTHONPATH": str(installed), "HOME": str(folder)}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout


@pytest.mark.slow
def test_the_wheel_has_proven_weights_in_it(installed: Path, tmp_path: Path) -> None:
    assert run_there(installed, tmp_path, "-c", LOADS).split() == [str(installed), "proven"]


@pytest.mark.slow
def test_the_wheel_trains_a_trial_and_exports_its_network(installed: Path, tmp_path: Path) -> None:
    """Templates, the example and the ONNX and torch.export files too; the example then runs beside them."""
    pretrained = {"model": {"init": {"source": "pretrained"}}}
    small_study(tmp_path, trial=pretrained, arms={"refill": {"prune.method": "refill"}})
    command = ("-c", "from search.cli import run; run()")
    run_there(installed, tmp_path, *command, "trial", "small.yaml")
    run_there(installed, tmp_path, *command, "export", "runs/small", "--out", "small")
    assert {path.name for path in (tmp_path / "small").iterdir()} >= set(FILES)
    assert "prunetune" in (tmp_path / "small" / "MODEL_CARD.md").read_text()
    assert run_there(installed, tmp_path, str(tmp_path / "small" / "load_example.py"))
