"""`prunetune pretrain --workers`: the same pretraining in processes that Ray Train starts."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from models.versions import ROOT
from search.cli import main
from tests.search.commands.test_pretrain import FILE, write
from tests.search.tuning.started_cluster import StartedCluster
from trainables.files.json_lines import complete_lines

pytestmark = [pytest.mark.ray, pytest.mark.slow]


def command(path: Path, storage: Path, *more: str) -> list[str]:
    given = ["pretrain", str(path), "--storage", str(storage), "--json", "--workers", "2", *more]
    return [sys.executable, "-m", "search.cli", *given]


def test_two_are_one_to_float_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path, FILE.replace("{batch_size: 30}", "{batch_size: 20, optimizer: sgd, lr: 0.05}"))
    ended = subprocess.run(command(path, tmp_path / "ray"), capture_output=True, text=True, timeout=250)
    assert ended.returncode == 0, ended.stderr
    assert "2 processes on cpu" in ended.stderr
    assert json.loads(ended.stdout)["epochs"] == 1
    assert main(["pretrain", str(path), "--storage", str(tmp_path / "one"), "--json"]) == 0
    capsys.readouterr()
    several, alone = (complete_lines(tmp_path / name / "pretrain-tiny" / "log.jsonl")[0] for name in ("ray", "one"))
    assert (several["processes"], alone["processes"]) == (2, 1)
    for key in ("train_loss", "train_accuracy", "val_loss", "val_accuracy", "val_top5"):
        assert several[key] == pytest.approx(alone[key], rel=1e-6)


def test_interrupted_it_leaves_after_a_checkpoint_and_a_mistake_is_one_line(tmp_path: Path) -> None:
    path = write(tmp_path, FILE.replace("epochs: 1", "epochs: 5000"))
    process = subprocess.Popen(command(path, tmp_path), stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("epoch 3/5000"):
            os.kill(process.pid, signal.SIGINT)
            break
    said = process.stderr.read()
    assert process.wait(timeout=60) == 130, said
    assert "the same command goes on with epoch" in said
    done = len(complete_lines(tmp_path / "pretrain-tiny" / "log.jsonl"))
    assert done >= 3
    wrong = subprocess.run(command(path, tmp_path, "--set", "seed=1"), capture_output=True, text=True, timeout=250)
    assert wrong.returncode == 2
    assert "holds another pretraining: config.seed was 0, is now 1" in wrong.stderr
    assert wrong.stderr.count("prunetune: error: ") == 1, wrong.stderr
    assert "Traceback" not in wrong.stderr
    finished = subprocess.run(
        command(path, tmp_path, "--set", f"output={tmp_path}/other.safetensors", "--set", "epochs=2"),
        capture_output=True,
        text=True,
        timeout=250,
    )
    assert "epochs was 5000, is now 2" in finished.stderr


def test_a_cluster_is_joined_by_its_token(tmp_path: Path) -> None:
    """Its head, where the command is given, takes no processes."""
    authentication = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(16)}
    environment = {**os.environ, **authentication, "PYTHONPATH": str(ROOT)}
    cluster = StartedCluster(environment)
    try:
        cluster.add_node(2)
        path = write(tmp_path)
        given = command(path, tmp_path, "--address", cluster.address)
        ended = subprocess.run(given, capture_output=True, text=True, timeout=250, env=environment)
        assert ended.returncode == 0, ended.stderr
        assert json.loads(ended.stdout)["epochs"] == 1
        many = [*command(path, tmp_path, "--address", cluster.address), "--workers", "3"]
        refused = subprocess.run(many, capture_output=True, text=True, timeout=250, env=environment)
        assert refused.returncode == 2
        assert "--workers 3: the cluster has room for 2 processes of 1 processors" in refused.stderr
    finally:
        cluster.close()
