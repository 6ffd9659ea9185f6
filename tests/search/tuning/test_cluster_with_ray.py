"""A study on a cluster that `ray start` made: its nodes are checked first, one dies on the way, and another joins."""

from __future__ import annotations

import os
import re
import secrets
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from benchmarks.support.simulation import make_study
from search.run.folder import RunFolder
from search.run.manifest import open_run
from search.run.results import load_results
from search.tuning.cluster.capacity import LOOK_SECONDS
from tests.search.tuning.driver import ROOT, Driver
from tests.search.tuning.gate import Gate, is_running
from tests.search.tuning.started_cluster import StartedCluster

pytestmark = [pytest.mark.slow, pytest.mark.ray, pytest.mark.timeout(1800)]
AUTHENTICATION = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(16)}


@pytest.fixture
def cluster() -> Iterator[StartedCluster]:
    made = StartedCluster({**os.environ, **AUTHENTICATION, "PYTHONPATH": str(ROOT)})
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Driver]]:
    """Start a driver of a simulated study on a cluster, after a check by name."""
    started: list[Driver] = []

    def begin(run: RunFolder, address: str, check: str, home: str = "home", **environment: str) -> Driver:
        started.append(Driver(run, tmp_path / home, address, check, **AUTHENTICATION, **environment))
        return started[-1]

    yield begin
    for driver in started:
        driver.close()


def test_nodes_are_checked_one_dies_and_another_joins(
    tmp_path: Path, cluster: StartedCluster, start: Callable[..., Driver]
) -> None:
    kept, doomed = (cluster.add_node(cpus=1) for _ in range(2))
    resources = {"gpus_per_trial": 0}
    run = open_run(tmp_path / "runs", make_study(tmp_path, resources=resources, search={"trials_per_arm": 3}))

    wrong = start(run, "", "other-data", RAY_ADDRESS=cluster.address)
    assert wrong.wait() != 0
    # Ray may name the same machine by another of its addresses.
    port = cluster.address.rpartition(":")[2]
    assert re.search(rf"joined the Ray cluster at \S+:{port}, which RAY_ADDRESS names", wrong.said())
    assert "has other data for arm refill" in wrong.said()
    assert f"node {os.uname().nodename}" in wrong.said()
    assert run.trial_ids() == ()

    study = make_study(tmp_path, name="right", resources=resources, search={"trials_per_arm": 3})
    run = open_run(tmp_path / "runs", study)
    gate = Gate(tmp_path / "gate")
    driver = start(run, cluster.address, "real", GATE=str(gate.folder), RAY_ADDRESS="127.0.0.1:1")
    gate.admit(6)
    driver.until_epochs(6)
    driver.until(lambda: any(doomed.runs(one.pid) for one in gate.waiting().values()))
    lost = next(one.pid for one in gate.waiting().values() if doomed.runs(one.pid))
    doomed.kill()
    driver.until_said("its machine was lost, or cannot be reached, after epoch")
    driver.until(lambda: not is_running(lost))
    driver.until_said("1 trials at once now, 2 before")
    late = cluster.add_node(cpus=2)
    driver.until_said("has joined the cluster and been checked")
    driver.until_said("3 trials at once now, 1 before")
    driver.until(lambda: sum(late.runs(one.pid) for one in gate.waiting().values()) == 2)
    assert len(gate.waiting()) == 3
    gate.open()
    assert driver.wait() == 0, driver.said()
    assert kept.process.poll() is None
    results = load_results(run.path)
    assert results.complete
    assert [trial.status for trial in results.trials] == ["finished"] * 6
    for trial in results.trials:
        assert trial.record is not None
        assert [line["epochs_total"] for line in trial.record.epochs] == [1, 2, 3, 4, 5]
        assert (trial.folder / "sees_gpus").read_text() == "", "a trial that asks for no GPU sees one"
    assert not list(run.path.glob(".nodes-*"))


def test_a_study_that_only_waits_can_be_left_and_its_trial_goes_to_a_node_that_joins_once_the_only_one_has_died(
    tmp_path: Path, cluster: StartedCluster, start: Callable[..., Driver], capfd: pytest.CaptureFixture[str]
) -> None:
    doomed = cluster.add_node(cpus=1)
    search = {"trials_per_arm": 1}
    busy, waits = (
        open_run(tmp_path / "runs", make_study(tmp_path, name=name, resources={"gpus_per_trial": 0}, search=search))
        for name in ("busy", "waits")
    )
    gate, opened = Gate(tmp_path / "gate"), Gate(tmp_path / "opened")
    opened.open()
    first = start(busy, cluster.address, "", home="first", GATE=str(gate.folder))
    gate.admit(1)
    first.until_epochs(1)  # it holds the node's only CPU

    def begin() -> Driver:
        """A study whose first trial has been handed out, and waits for that CPU."""
        driver = start(waits, cluster.address, "", GATE=str(opened.folder))
        driver.until_said("loading the trials' processes")
        driver.until(waits.trial_ids)
        return driver

    left = begin()
    left.process.send_signal(signal.SIGTERM)
    assert left.wait() == 130
    assert "left: SIGTERM" in (waits.path / "driver.log").read_text()

    second = begin()
    time.sleep(2 * LOOK_SECONDS)
    assert "it is handed out again" not in second.said(), "its node is alive"
    doomed.kill()
    second.until_said("it waited for a machine that has gone; it is handed out again")
    first.until_said("its machine was lost, or cannot be reached")
    cluster.add_node(cpus=1)
    gate.open()
    assert (first.wait(), second.wait()) == (0, 0)
    assert load_results(busy.path).complete
    results = load_results(waits.path)
    assert results.complete
    assert all("error.txt" not in os.listdir(trial.folder) for trial in results.trials), "to wait is no loss"
    assert "completed" not in capfd.readouterr().out, (
        "Tune says so of a trial that is taken back, where results are printed"
    )


def test_trials_that_a_gpu_is_too_small_for_share_it_with_fewer_and_then_cut_their_batches(
    tmp_path: Path, cluster: StartedCluster, start: Callable[..., Driver]
) -> None:
    cluster.add_node(cpus=2, gpus=1)
    study = make_study(tmp_path, resources={"gpus_per_trial": 0.5}, search={"trials_per_arm": 1})
    run = open_run(tmp_path / "runs", study)
    driver = start(run, cluster.address, "", FULL="3")
    assert driver.wait() == 0, driver.said()
    assert "2 trials at once, each with 1 CPU and 0.5 GPU" in driver.said()
    assert driver.said().count("its GPU's memory was full, after epoch 0; it goes on") == 6
    assert driver.said().count("each trial has its GPU to itself") == 1
    results = load_results(run.path)
    assert [trial.status for trial in results.trials] == ["finished"] * 2
    for trial in results.trials:
        assert (trial.folder / "tries").read_text().split() == ["1", "1", "2", "4"]
