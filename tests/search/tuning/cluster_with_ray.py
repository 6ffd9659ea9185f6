"""A study on Ray's in-process cluster of several nodes: nodes are checked first, and one of them dies on the way."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.support.simulation import make_study
from search.run.folder import RunFolder
from search.run.manifest import open_run
from search.run.results import load_results

pytestmark = [pytest.mark.slow, pytest.mark.ray, pytest.mark.timeout(900)]
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A head that takes no trials; joining it needs its token."""
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.setenv("RAY_AUTH_TOKEN", secrets.token_hex(16))
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    from ray.cluster_utils import Cluster

    memory = {"object_store_memory": 80 * 1024 * 1024, "include_dashboard": False}
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, **memory})
    try:
        yield made
    finally:
        made.shutdown()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start a driver of a simulated study on a cluster, in a process of its own."""
    started: list[subprocess.Popen[str]] = []

    def begin(run: RunFolder, address: str, check: str, **environment: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "benchmarks.support.simulated_trainable", str(run.path), address, check]
        process = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, **environment}, stderr=subprocess.PIPE, text=True
        )  # fmt: skip
        started.append(process)
        return process

    yield begin
    for process in started:
        if process.poll() is None:
            process.kill()
            process.wait()


def epochs_of(run: RunFolder) -> int:
    return sum(file.read_bytes().count(b'"kind":"epoch"') for file in run.trials_folder.glob("*/record.jsonl"))


def until(condition: Callable[[], bool], process: subprocess.Popen[str], seconds: float = 300) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < end
        time.sleep(0.1)


def test_nodes_are_checked_and_the_death_of_one_is_survived(
    tmp_path: Path, cluster: Any, start: Callable[..., subprocess.Popen[str]]
) -> None:
    kept, doomed = (cluster.add_node(num_cpus=1, object_store_memory=80 * 1024 * 1024) for _ in range(2))
    resources = {"gpus_per_trial": 0}
    run = open_run(tmp_path / "runs", make_study(tmp_path, resources=resources, search={"trials_per_arm": 3}))

    wrong = start(run, cluster.address, "other-data")
    said = wrong.communicate(timeout=300)[1]
    assert wrong.returncode != 0
    assert "has other data for arm refill" in said
    assert f"node {os.uname().nodename}" in said
    assert run.trial_ids() == ()

    study = make_study(tmp_path, name="right", resources=resources, search={"trials_per_arm": 3})
    run = open_run(tmp_path / "runs", study)
    driver = start(run, cluster.address, "real", SIMULATED_SECONDS="0.5")
    until(lambda: epochs_of(run) >= 6, driver)
    cluster.remove_node(doomed, allow_graceful=False)
    said = driver.communicate(timeout=300)[1]
    assert driver.returncode == 0, said
    assert "its process died; it goes on" in said
    assert kept.any_processes_alive()
    results = load_results(run.path)
    assert results.complete
    assert [trial.status for trial in results.trials] == ["finished"] * 6
    for trial in results.trials:
        assert trial.record is not None
        assert [line["epochs_total"] for line in trial.record.epochs] == [1, 2, 3, 4, 5]
        assert (trial.folder / "sees_gpus").read_text() == "", "a trial that asks for no GPU sees one"
    assert not list(run.path.glob(".nodes-*"))
