"""Shares of processors and GPUs."""

from __future__ import annotations

import os
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from benchmarks.support.simulated_trainable import run_simulated
from benchmarks.support.simulation import make_study
from models.errors import UserError
from search.run.manifest import open_run
from search.run.possible.cluster_address import ClusterAddress, cluster_address
from search.study.sections import ResourcesConfig
from search.tuning.cluster.process_group import Apart, starts_apart
from search.tuning.cluster.resources import Node, Share, share_of, this_machine
from search.tuning.cluster.session import (
    PRELOADED,
    _check_reachable,
    ray_session,
    remove_dead_sessions,
    set_environment,
    worker_environment,
)


@pytest.mark.parametrize(
    ("resources", "cpus", "gpus", "share"),
    [
        ({}, 2, 0, Share(1, 0.0, 2)),
        ({"cpus_per_trial": 2}, 5, 0, Share(2, 0.0, 2)),
        ({"max_concurrent": 3}, 16, 0, Share(1, 0.0, 3)),
        ({}, 16, 1, Share(1, 0.25, 4)),
        ({}, 2, 1, Share(1, 0.5, 2)),
        ({"max_concurrent": 1}, 16, 1, Share(1, 1.0, 1)),
        ({"gpus_per_trial": 0.1}, 16, 1, Share(1, 0.1, 10)),
        ({"gpus_per_trial": 2.0}, 16, 5, Share(1, 2.0, 2)),
        ({"gpus_per_trial": 0}, 16, 8, Share(1, 0.0, 16)),
    ],
)
def test_shares(resources: dict[str, float], cpus: int, gpus: int, share: Share) -> None:
    assert share_of(ResourcesConfig.model_validate(resources), [Node(cpus, gpus)]) == share


@pytest.mark.parametrize(
    ("resources", "key"), [({"cpus_per_trial": 3}, "cpus_per_trial"), ({"gpus_per_trial": 1.0}, "gpus_per_trial")]
)
def test_a_request_that_can_never_be_met_is_an_error_naming_its_key(resources: dict[str, float], key: str) -> None:
    with pytest.raises(UserError, match=f"^resources.{key}: .* there are"):
        share_of(ResourcesConfig.model_validate(resources), [Node(2)])


TWO_WORKERS = [Node(0, 0, "h", "head"), Node(8, 1, "a", "one"), Node(8, 1, "b", "two")]


@pytest.mark.parametrize(
    ("resources", "nodes", "share"),
    [
        ({}, TWO_WORKERS, Share(1, 0.25, 8)),
        ({"cpus_per_trial": 3}, TWO_WORKERS, Share(3, 0.5, 4)),
        ({"cpus_per_trial": 3, "gpus_per_trial": 0}, [Node(4), Node(5), Node(2)], Share(3, 0.0, 2)),
        ({"gpus_per_trial": 0.5}, [Node(8), Node(1, 4), Node(8, 1)], Share(1, 0.5, 3)),
        ({}, [Node(16), Node(16, 1)], Share(1, 0.25, 4)),
    ],
)
def test_a_share_is_of_one_machine_never_of_their_sum(
    resources: dict[str, float], nodes: list[Node], share: Share
) -> None:
    assert share_of(ResourcesConfig.model_validate(resources), nodes) == share


@pytest.mark.parametrize(
    ("resources", "nodes", "message"),
    [
        ({"cpus_per_trial": 3}, [Node(2), Node(2)], "cpus_per_trial: 3 .* 2 on the largest machine"),
        ({"gpus_per_trial": 2.0}, [Node(8, 1), Node(8, 1)], "gpus_per_trial: 2 .* 1 on the largest machine"),
        ({"cpus_per_trial": 4, "gpus_per_trial": 1.0}, [Node(8), Node(2, 1)], "no machine has both"),
    ],
)
def test_what_only_all_machines_together_could_give_is_an_error(
    resources: dict[str, float], nodes: list[Node], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        share_of(ResourcesConfig.model_validate(resources), nodes)


def test_what_this_machine_can_never_give_is_an_error_before_ray_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[object] = []
    monkeypatch.setattr("ray.init", lambda **options: started.append(options))
    study = make_study(tmp_path, resources={"cpus_per_trial": 4096})
    run = open_run(tmp_path / "runs", study)
    with pytest.raises(UserError, match=r"resources\.cpus_per_trial: 4096 CPUs are asked for a trial, but there are"):
        run_simulated(study, run)
    assert not run.manifest_file.exists()
    assert started == []


@pytest.mark.parametrize("address", ["127.0.0.1:1", "127.0.0.1:99999", "no-such-host.invalid:6379"])
def test_an_address_where_nothing_listens_is_an_error_at_once(address: str) -> None:
    with pytest.raises(UserError, match=r"^resources\.address: nothing answers at "):
        _check_reachable(ClusterAddress(address, "resources.address"))
    _check_reachable(ClusterAddress("auto", "resources.address"))


def test_a_dashboards_address_is_told_apart_from_the_heads() -> None:
    """What RAY_ADDRESS holds where jobs are submitted from."""
    with pytest.raises(UserError, match=r"^RAY_ADDRESS: found http://10\.0\.0\.1:8265; expected HOST:PORT"):
        _check_reachable(ClusterAddress("http://10.0.0.1:8265", "RAY_ADDRESS"))


@pytest.mark.parametrize(
    ("asked", "variable", "found"),
    [
        (None, None, None),
        (None, "", None),
        (None, "10.0.0.1:6379", ClusterAddress("10.0.0.1:6379", "RAY_ADDRESS")),
        ("auto", "10.0.0.1:6379", ClusterAddress("10.0.0.1:6379", "RAY_ADDRESS")),
        ("auto", None, ClusterAddress("auto", "resources.address")),
        ("10.0.0.2:6379", "10.0.0.1:6379", ClusterAddress("10.0.0.2:6379", "resources.address")),
        ("local", "10.0.0.1:6379", None),
        (None, "local", None),
    ],
)
def test_an_address_that_is_asked_for_wins_over_the_environments(
    monkeypatch: pytest.MonkeyPatch, asked: str | None, variable: str | None, found: ClusterAddress | None
) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    if variable is not None:
        monkeypatch.setenv("RAY_ADDRESS", variable)
    assert cluster_address(ResourcesConfig(address=asked)) == found


def test_a_session_where_ray_address_has_nobody_answer_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    monkeypatch.setattr("ray.init", lambda **_: pytest.fail("Ray was asked"))
    with (
        pytest.raises(UserError, match=r"^RAY_ADDRESS: nothing answers at 127\.0\.0\.1:1 "),
        ray_session(ResourcesConfig()),
    ):
        pass


def test_what_ray_starts_is_one_group_of_its_own_and_hears_no_sigterm() -> None:
    from ray._private import services

    usual = services.ConsolePopen
    with starts_apart(Apart()):
        started = [services.ConsolePopen(["sleep", "60"]) for _ in range(2)]
    assert services.ConsolePopen is usual
    try:
        groups = [os.getpgid(process.pid) for process in started]
        assert groups == [started[0].pid] * 2
        assert groups[0] != os.getpgid(0)
        started[0].send_signal(signal.SIGTERM)
        with pytest.raises(subprocess.TimeoutExpired):
            started[0].wait(0.2)
        started[0].terminate()
        assert started[0].wait(10) == -signal.SIGKILL
        assert signal.SIGTERM not in signal.pthread_sigmask(signal.SIG_BLOCK, ())
    finally:
        for process in started:
            process.kill()
            process.wait()


def test_authentication_is_never_turned_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", {})
    set_environment(1)
    assert "RAY_AUTH_MODE" not in os.environ
    assert os.environ["RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO"] == "1"


def test_only_the_processes_of_real_trials_load_what_those_need(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", {})
    set_environment(1, load_trials=True)
    assert os.environ[PRELOADED] == "prunetune,trainables.trial_process"
    set_environment(1)
    assert os.environ[PRELOADED] == "prunetune"


def test_without_a_gpus_device_torch_is_not_asked_for_any(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    monkeypatch.setattr("search.tuning.cluster.resources.GPU_DEVICES", (os.devnull,))
    assert this_machine().gpus == 3
    monkeypatch.setattr("search.tuning.cluster.resources.GPU_DEVICES", ("/dev/no-such-device",))
    assert this_machine().gpus == 0


def test_trials_find_this_code_and_no_more_threads_than_theirs(monkeypatch: pytest.MonkeyPatch) -> None:
    root = str(Path(__file__).resolve().parents[3])
    monkeypatch.setenv("PYTHONPATH", f"{root}{os.pathsep}/elsewhere")
    assert worker_environment(3) == {
        "PYTHONPATH": f"{root}{os.pathsep}/elsewhere",
        "OMP_NUM_THREADS": "3",
        "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "1",
    }


def test_only_dead_drivers_sessions_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("search.tuning.cluster.session._short_temporary_folder", lambda: str(tmp_path))
    folders = {name: tmp_path / f"prunetune-{name}" for name in (f"{os.getpid()}-a", "4194305-b", "tune-c")}
    for folder in folders.values():
        folder.mkdir()
    remove_dead_sessions()
    assert [folder.exists() for folder in folders.values()] == [True, False, True]


def test_a_processor_that_is_not_ours_is_not_counted() -> None:
    def count() -> float:
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
        return this_machine().cpus

    # Affinity belongs to a thread, so this one's ends with it.
    with ThreadPoolExecutor(1) as thread:
        assert thread.submit(count).result() == 1
