"""From a folder of photographs, PNG and JPEG of differing sizes, to a verdict, by the commands that a person would type."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.search.new.photographs import CLASSES, write_photographs

pytestmark = [pytest.mark.slow, pytest.mark.ray, pytest.mark.timeout(900)]
ROOT = Path(__file__).resolve().parents[3]
TINY = (
    "trial.data.image_size=16",
    "trial.model.patch_size=4",
    "trial.train.state0.epochs=1",
    "trial.train.epochs_per_state=1",
    "trial.prune.schedule.states=1",
    "search.trials_per_arm=2",
    "search.confirm.seeds=[101]",
    "resources.gpus_per_trial=0",
)


def prunetune(folder: Path, *arguments: str) -> dict[str, Any]:
    """What a command says with `--json`, in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PRUNETUNE_DATA": str(folder / "data")}
    command = [sys.executable, "-m", "search.cli", *arguments, "--json"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def test_three_commands_and_a_verdict(tmp_path: Path) -> None:
    write_photographs(tmp_path / "flowers", 24, sides=(40, 160))
    said = prunetune(tmp_path, "new", "--data", "flowers", "--out", "mine.yaml", "--yes")
    assert said["next"] == ["prunetune validate mine.yaml", "prunetune sweep mine.yaml"]
    sets = [f"--set={one}" for one in TINY]
    valid = prunetune(tmp_path, "validate", "mine.yaml", *sets)
    assert valid["data"][0]["facts"]["files"]["formats"] == {"PNG": 36, "JPEG": 36}
    swept = prunetune(tmp_path, "sweep", "mine.yaml", *sets)
    assert swept["complete"]
    assert set(swept["arms"]) == {"refill", "rsst", "random", "dense"}
    assert len(swept["trials"]) == valid["cost"]["trials"]
    compared = prunetune(tmp_path, "compare", "runs/mine")
    assert "Whether rsst or refill is better" in compared["verdict"]
    run = tmp_path / "runs" / "mine"
    assert (run / "report" / "index.html").is_file()
    assert f"{len(CLASSES)} classes" in (run / "export" / "MODEL_CARD.md").read_text(encoding="utf-8")
