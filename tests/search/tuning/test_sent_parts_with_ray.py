"""On a real cluster a trial imports a user's parts from what its driver has sent, wherever the user's own folder lies."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from pathlib import Path

import pytest

from models.versions import ROOT
from tests.search.run.test_own_parts import NET, SCORES, STUDY
from tests.search.tuning.started_cluster import StartedCluster
from trainables.files.record import read_record

pytestmark = [pytest.mark.ray, pytest.mark.slow]


def test_a_trial_on_a_cluster_runs_with_the_parts_that_were_sent(tmp_path: Path) -> None:
    users, elsewhere = tmp_path / "users", tmp_path / "elsewhere"
    (users / "models").mkdir(parents=True)
    elsewhere.mkdir()
    (users / "models" / "own_net.py").write_text(NET)
    (users / "models" / "own_block.py").write_text("WIDTH = 8\n")
    (users / "scores.py").write_text(SCORES)
    (users / "mine.yaml").write_text(STUDY.replace("scores.py:sizes", f"{users / 'scores.py'}:sizes"))
    token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(16)}
    cluster = StartedCluster({**os.environ, **token, "PYTHONPATH": str(ROOT)})
    try:
        cluster.add_node(cpus=1)
        command = ["-m", "search.cli", "sweep", str(users / "mine.yaml"), "--storage", str(tmp_path / "runs")]
        done = subprocess.run(
            [sys.executable, *command, "--address", cluster.address, "--json"],
            cwd=elsewhere,
            env={**os.environ, **token, "PYTHONPATH": str(ROOT), "PRUNETUNE_PARTS": ""},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
    finally:
        cluster.close()
    record = read_record(tmp_path / "runs" / "mine" / "trials" / "trial-000")
    assert record is not None
    assert record.status == "finished"
    for origin in record.header["parts"].values():
        assert "prunetune_sent_parts" in origin["file"], origin["file"]
