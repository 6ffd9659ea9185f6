"""A study under Ray whose run is in a bucket of a real S3 server that fails now and then: a worker is killed, another driver is
refused, the driver is killed, and another machine goes on."""

from __future__ import annotations

import os
import secrets
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.support.simulation import Simulation, make_study
from search.run.folder import RunFolder
from search.run.manifest import open_run
from search.run.results import RunResults, load_results
from search.study.study import Study
from tests.s3_server import CREDENTIALS, Fault, Proxy, environment_of, make_bucket, s3_server
from tests.search.tuning.driver import ROOT, Driver
from tests.search.tuning.gate import Gate
from tests.search.tuning.started_cluster import StartedCluster
from trainables.files.record import record_path
from trainables.files.remote.address import opened_copies

pytestmark = [pytest.mark.slow, pytest.mark.ray, pytest.mark.timeout(1800)]
URL = "s3://bucket/runs"
FAULTS: tuple[Fault, ...] = ("503", "cut", "lost", "slow")


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """Every eleventh request fails, each time in another way."""
    asked = [0]

    def now_and_then(method: str, path: str) -> Fault:
        asked[0] += 1
        return FAULTS[asked[0] // 11 % len(FAULTS)] if asked[0] % 11 == 0 else "none"

    with s3_server() as address, Proxy(address, now_and_then).running() as proxy:
        make_bucket(address, "bucket")
        for name, value in environment_of(proxy.address).items():
            monkeypatch.setenv(name, value)
        yield proxy


@pytest.fixture
def drivers() -> Iterator[list[Driver]]:
    started: list[Driver] = []
    yield started
    for driver in started:
        driver.close()


def study(folder: Path) -> Study:
    search = {"algorithm": "random", "trials_per_arm": 3, "confirm": {"seeds": [101]}}
    resources = {"max_concurrent": 2, "gpus_per_trial": 0}
    return make_study(folder, search=search, resources=resources, compare={"claim": "configurations"})


def numbers(results: RunResults) -> dict[str, list[tuple[int, float]]]:
    """Trial → its epochs, with their accuracies."""
    return {
        trial.id: [(line["epochs_total"], line["val_accuracy"]) for line in trial.record.epochs]
        for trial in results.trials
        if trial.record is not None
    }


def test_workers_and_drivers_are_killed_and_the_server_fails(
    tmp_path: Path, proxy: Proxy, drivers: list[Driver], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, gate = study(tmp_path), Gate(tmp_path / "gate")

    def machine(name: str) -> RunFolder:
        monkeypatch.setenv("PRUNETUNE_CACHE", str(tmp_path / name))
        return RunFolder(opened_copies(URL) / asked.name)

    def drive(run: RunFolder, name: str, **environment: Any) -> Driver:
        drivers.append(Driver(run, tmp_path / f"home-{len(drivers)}", GATE=str(gate.folder), **environment))
        return drivers[-1]

    here = machine("here")
    open_run(opened_copies(URL), asked)
    first = drive(here, "here")
    gate.admit(6)
    first.until_epochs(6)
    gate.kill_one()
    first.until_said("its process died")
    gate.admit(6)
    first.until_epochs(11)

    there = machine("there")
    second = drive(there, "there")
    assert second.wait() != 0
    assert f"{URL}/{asked.name}: this run is being driven by process {first.process.pid}" in second.said()

    os.kill(first.process.pid, signal.SIGKILL)
    first.wait()
    before = {trial.id: trial.record for trial in load_results(there.path).trials if trial.ended}
    third = drive(there, "there")
    gate.open()
    assert third.wait() == 0, third.said()

    results = load_results(machine("elsewhere").path)
    assert {trial.status for trial in results.trials} == {"finished"}
    assert results.complete
    after = {trial.id: trial.record for trial in results.trials}
    assert [one.epochs[:] for one in before.values() if one] == [
        after[name].epochs[:] for name in before if after[name]
    ]  # type: ignore[union-attr]
    plain = Simulation(asked, tmp_path / "runs").go()
    assert numbers(results) == numbers(load_results(plain.run.path))
    assert len(proxy.requests) > 300
    for file in (path for path in tmp_path.rglob("*") if path.is_file() and record_path(path.parent).exists()):
        assert CREDENTIALS["AWS_SECRET_ACCESS_KEY"].encode() not in file.read_bytes().split(), file


def test_nodes_work_in_folders_of_their_own_and_one_of_them_dies(
    tmp_path: Path, proxy: Proxy, drivers: list[Driver], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, gate = study(tmp_path), Gate(tmp_path / "gate")
    token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(16)}
    cluster = StartedCluster({**os.environ, **token, "PYTHONPATH": str(ROOT)})
    try:
        kept, doomed = (cluster.add_node(1, PRUNETUNE_CACHE=str(tmp_path / name)) for name in ("kept", "doomed"))
        monkeypatch.setenv("PRUNETUNE_CACHE", str(tmp_path / "driver"))
        run = RunFolder(opened_copies(URL) / asked.name)
        open_run(opened_copies(URL), asked)
        drivers.append(Driver(run, tmp_path / "home", cluster.address, "real", GATE=str(gate.folder), **token))
        gate.admit(6)
        drivers[0].until(lambda: not list(gate.folder.glob("pass-*")))
        drivers[0].until(lambda: any(doomed.runs(one.pid) for one in gate.waiting().values()))
        doomed.kill()
        drivers[0].until_said("its machine was lost, or cannot be reached, after epoch")
        gate.open()
        assert drivers[0].wait() == 0, drivers[0].said()
        assert kept.process.poll() is None
    finally:
        cluster.close()
    assert {trial.status for trial in load_results(run.path).trials} == {"finished"}
    assert numbers(load_results(run.path)) == numbers(load_results(Simulation(asked, tmp_path / "runs").go().run.path))
    for name in ("kept", "doomed"):
        assert list((tmp_path / name).rglob("record.jsonl")), "trials worked in the folder of their node"
