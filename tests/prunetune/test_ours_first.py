"""Whatever packages lie in the folder that a user works in, ours are the ones that run."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import prunetune
from prunetune import ours_first
from tests.prunetune.folders import folder_of_a_user, python_there
from tests.search.small_study import small_study


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return folder_of_a_user(tmp_path)


def output(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_script_in_that_folder_gets_ours(folder: Path) -> None:
    (folder / "script.py").write_text(
        "import sys, prunetune\n"
        "import models, pruning, trainables, search\n"
        "print(*(module.__file__ for module in (models, pruning, trainables, search)), sep='\\n')\n"
        "print('torch' in sys.modules or 'ray' in sys.modules)\n"
    )
    *files, heavy = output(python_there(folder, "script.py")).split()
    assert files == [str(ours_first.ROOT / name / "__init__.py") for name in ours_first.OURS]
    assert heavy == "False"


def test_what_else_lies_beside_ours_hides_nothing(folder: Path) -> None:
    """`tests` is a package of this checkout."""
    (folder / "tests").mkdir()
    (folder / "tests" / "__init__.py").write_text("NAME = 'of the user'\n")
    assert output(python_there(folder, "-c", "import prunetune, tests; print(tests.NAME)")).strip() == "of the user"


def test_what_only_the_users_folder_of_our_name_has_is_still_found(folder: Path) -> None:
    assert output(python_there(folder, "-c", "import prunetune\nfrom models.mine import NAME\nprint(NAME)")) == "mine\n"


def test_a_models_that_was_imported_before_is_named(folder: Path) -> None:
    (folder / "models" / "__init__.py").write_text("")
    done = python_there(folder, "-c", "import models.mine\nimport prunetune")
    last = done.stderr.strip().splitlines()[-1]
    assert done.returncode == 1
    assert last.startswith("ImportError: prunetune has a package named models")
    assert f"from {folder}/models/__init__.py" in last
    assert "write `import prunetune` above" in last


def test_a_module_of_that_name_is_named_too(tmp_path: Path) -> None:
    (tmp_path / "search.py").write_text("")
    done = python_there(tmp_path, "-c", "import search\nimport prunetune")
    assert f"from {tmp_path}/search.py" in done.stderr


def test_again_is_no_harm() -> None:
    ours_first.install()
    assert sum(isinstance(one, ours_first.OursFirst) for one in sys.meta_path) == 1


def test_names_are_those_that_are_there() -> None:
    for name in prunetune.__all__:
        assert getattr(prunetune, name).__name__ == name
    assert dir(prunetune) == sorted(prunetune.__all__)
    with pytest.raises(AttributeError, match=r"no attribute .laod.; it has .*load"):
        prunetune.laod  # type: ignore[attr-defined]  # noqa: B018


@pytest.mark.slow
def test_the_command_line_as_a_module(folder: Path) -> None:
    small_study(folder, arms={"refill": {"prune.method": "refill"}})
    told = output(python_there(folder, "-m", "prunetune", "trial", "small.yaml", "--json"))
    assert json.loads(told)["status"] == "finished"


@pytest.mark.slow
def test_processes_of_torchrun(folder: Path) -> None:
    (folder / "mine.yaml").write_text(PRETRAINING)
    arguments = ["-m", "torch.distributed.run", "--nproc_per_node=2", "-m", "prunetune", "pretrain", "mine.yaml"]
    assert "mine.safetensors: 1 epoch" in output(python_there(folder, *arguments, environment={"OMP_NUM_THREADS": "1"}))


@pytest.mark.ray
def test_processes_that_ray_starts(folder: Path) -> None:
    """Ray puts the working folder first on their path: for a study's trials, and for the processes of a pretraining."""
    once = {"trials_per_arm": 1, "confirm": None}
    small_study(folder, arms={"refill": {"prune.method": "refill"}}, search=once)
    (folder / "mine.yaml").write_text(PRETRAINING)
    told = output(python_there(folder, "-m", "prunetune", "sweep", "small.yaml", "--json"))
    assert json.loads(told)["complete"]
    assert "mine.safetensors: 1 epoch" in output(
        python_there(folder, "-m", "prunetune", "pretrain", "mine.yaml", "--workers", "2")
    )


PRETRAINING = """\
name: mine
model: {arch: vit_micro}
data: {name: digits, train_limit: 128}
output: mine.safetensors
epochs: 1
train: {batch_size: 64, device: cpu, threads: 1}
"""
