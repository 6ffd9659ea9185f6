"""Installed as a wheel, without the checkout, it does what the checkout does, in a folder that has a `models/` of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from prunetune.ours_first import ROOT
from search.export.export import FILES
from tests.prunetune.folders import folder_of_a_user
from tests.search.small_study import small_study

pytestmark = pytest.mark.slow

IN_A_WHEEL = ("models", "pruning", "trainables", "search", "prunetune", "weights", "configs")
SCRIPT = """\
import prunetune
from models.weights.initial_weights import InitRequest, initial_weights
from models.networks.registry import resolve_spec

weights = initial_weights(resolve_spec("vit_micro", 10, 8, 1), InitRequest("pretrained", None, None), seed=0)
print(weights.verdict, prunetune.Run("runs/small").states()["state"].tolist(), prunetune.__file__)
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bin` of an environment that has the wheel, and all that this one has but its editable prunetune."""
    source, place = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("installed") / "environment"
    for package in IN_A_WHEEL:
        shutil.copytree(ROOT / package, source / package, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / file, source / file)
    build = "from setuptools import build_meta; build_meta.build_wheel('dist')"
    subprocess.run([sys.executable, "-c", build], cwd=source, check=True, capture_output=True)
    (wheel,) = (source / "dist").glob("*.whl")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", place], check=True)
    pip = [sys.executable, "-m", "pip", "--python", place / "bin" / "python", "install", "--quiet"]
    subprocess.run([*pip, "--no-deps", "--no-index", "--no-compile", wheel], check=True, capture_output=True)
    (packages,) = place.glob("lib/python*/site-packages")
    # A folder named in a .pth file is on the path, but its own .pth files are not read: that of the checkout is one.
    (packages / "what_it_needs.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    return place / "bin"


def run_there(folder: Path, *command: object) -> subprocess.CompletedProcess[str]:
    """In `folder`, which is on the path too, as many a user has it."""
    environment = {**os.environ, "PYTHONPATH": str(folder), "HOME": str(folder)}
    done = subprocess.run(
        list(map(str, command)), cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=200
    )
    assert done.returncode == 0, done.stderr
    return done


def test_from_a_study_to_a_network_that_an_example_loads(installed: Path, tmp_path: Path) -> None:
    """Weights, templates, the example and the ONNX and torch.export files come from the wheel."""
    folder = folder_of_a_user(tmp_path / "of a user")
    pretrained = {"model": {"init": {"source": "pretrained"}}}
    small_study(folder, trial=pretrained, arms={"refill": {"prune.method": "refill"}})
    prunetune = installed / "prunetune"
    assert json.loads(run_there(folder, prunetune, "validate", "small.yaml", "--json").stdout)["valid"]
    trial = json.loads(run_there(folder, prunetune, "trial", "small.yaml", "--json").stdout)
    assert trial["status"] == "finished"
    run_there(folder, prunetune, "report", "runs/small")
    run_there(folder, installed / "python", "-m", "prunetune", "export", "runs/small", "--out", "small")
    assert {path.name for path in (folder / "small").iterdir()} >= set(FILES)
    assert "prunetune" in (folder / "small" / "MODEL_CARD.md").read_text()
    checked = run_there(folder, installed / "python", folder / "small" / "load_example.py", "--check").stdout
    assert "the 3 files agree" in checked
    (folder / "script.py").write_text(SCRIPT)
    told = run_there(folder, installed / "python", "script.py").stdout
    assert told == f"proven [0, 1] {installed.parent / sysconfig_tail()}/prunetune/__init__.py\n"


def sysconfig_tail() -> str:
    """`lib/python3.11/site-packages`."""
    return str(Path(sysconfig.get_path("purelib")).relative_to(sys.prefix))


def test_prunetunes_own_studies_are_in_it(installed: Path, tmp_path: Path) -> None:
    done = run_there(tmp_path, installed / "prunetune", "validate", "quickstart", "--json")
    assert json.loads(done.stdout)["valid"]
    own = installed.parent / sysconfig_tail() / "configs" / "quickstart.yaml"
    assert f"there is no file quickstart here; taking prunetune's own, {own}" in done.stderr
