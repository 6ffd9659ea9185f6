"""Trials run in the processes that Ray started with its session, which have loaded what a trial needs, and touched no GPU."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.ray, pytest.mark.timeout(600)]
ROOT = Path(__file__).resolve().parents[3]
PROGRAM = """
import json, os, subprocess, sys, time
from search.study.sections import ResourcesConfig
from search.tuning.cluster.background import BackgroundRay

def ready():
    shown = subprocess.run(["ps", "-eo", "pid,ppid,args"], capture_output=True, text=True, check=True).stdout
    rows = [line.split(None, 2) for line in shown.splitlines()[1:]]
    raylets = {row[0] for row in rows if "raylet/raylet" in row[2] and f"prunetune-{os.getpid()}-" in row[2]}
    return [int(row[0]) for row in rows if row[1] in raylets and row[2].startswith("ray::IDLE")]

with BackgroundRay(ResourcesConfig(gpus_per_trial=0), trials=1) as session:
    session.nodes()
    end = time.monotonic() + 300
    while not (pids := ready()) and time.monotonic() < end:
        time.sleep(0.1)
    from ray import tune
    from search.tuning.ray_tune import take_processes_that_are_ready

    class Tells(tune.Trainable):
        def step(self):
            import torch
            loaded = [name for name in ("trainables.trial", "timm", "torch._inductor") if name in sys.modules]
            return {"pid": os.getpid(), "loaded": loaded, "gpu": torch.cuda.is_initialized(), "done": True}

    take_processes_that_are_ready()
    tuner = tune.Tuner(
        tune.with_resources(Tells, {"cpu": 1}), run_config=tune.RunConfig(storage_path=sys.argv[1], verbose=0)
    )
    (told,) = [result.metrics for result in tuner.fit()]
    print(json.dumps({"ready": pids, **{key: told[key] for key in ("pid", "loaded", "gpu")}}))
"""


ATTEMPTS = 3
"""On a machine that does other work Ray may start one more process, before the first says that it is ready."""


def test_a_trial_takes_a_process_that_is_ready(tmp_path: Path) -> None:
    for attempt in range(ATTEMPTS):
        told = trial_of_a_session(tmp_path / str(attempt))
        assert told["loaded"] == ["trainables.trial", "timm"]
        assert told["gpu"] is False
        if told["ready"] == [told["pid"]]:
            return
    raise AssertionError(f"no trial ran in the process that was started before it was known: {told}")


def trial_of_a_session(folder: Path) -> dict[str, Any]:
    folder.mkdir()
    variables = {**os.environ, "HOME": str(folder), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(folder / "tune")], cwd=ROOT, env=variables, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told
