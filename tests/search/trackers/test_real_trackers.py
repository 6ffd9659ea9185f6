"""A killed and resumed trial in a real MLflow server, and in W&B's offline files."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from search import cli
from search.study.beside.logging_section import MlflowConfig
from search.trackers.base import Introduction, Place
from search.trackers.mlflow_tracker import MlflowTracker
from tests.search.trackers.records import GrowingTrial, made_run, resumed, send

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


@contextmanager
def mlflow_server(folder: Path, port: int) -> Iterator[str]:
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{folder / 'server.db'}", "--artifacts-destination", str(folder)]
    with (folder / "server.log").open("a") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    try:
        for _ in range(600):
            with suppress(OSError), urllib.request.urlopen(f"{url}/health", timeout=2):
                break
            time.sleep(0.1)
        yield url
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def asked(url: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{url}/api/2.0/mlflow/{path}", data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=20) as answer:
        found: dict[str, Any] = json.loads(answer.read())
    return found


def mlflow_runs(url: str, experiment: str) -> list[dict[str, Any]]:
    found = asked(url, f"experiments/get-by-name?experiment_name={experiment}")["experiment"]["experiment_id"]
    return list(asked(url, "runs/search", {"experiment_ids": [found]}).get("runs", []))


def history(url: str, run: dict[str, Any], metric: str) -> list[tuple[int, float]]:
    path = f"metrics/get-history?run_id={run['info']['run_id']}&metric_key={metric}"
    return [(one["step"], one["value"]) for one in asked(url, path)["metrics"]]


def test_a_server_that_was_down_has_each_epoch_of_a_resumed_trial_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    port, said = free_port(), list[str]()
    run = made_run(tmp_path, logging={"mlflow": {"tracking_uri": f"http://127.0.0.1:{port}"}})
    trial = GrowingTrial(run)
    trial.epochs(1, 1)
    assert not send(run, said)
    assert len(said) == 1
    assert "mlflow cannot be reached" in said[0]
    with mlflow_server(tmp_path, port) as url:
        trial.epochs(2, 3)
        assert send(run, said)
        (first,) = mlflow_runs(url, "made")
        assert (first["info"]["run_name"], first["info"]["status"]) == ("rsst-000", "KILLED")
        trial.go_on(2, generation=2)
        trial.epochs(3, 4)
        trial.end("finished")
        written = (run / "trials" / trial.id / "record.jsonl").stat().st_mtime
        forget_what_was_told(run)  # as a kill between sending and noting it does: the server says what it has
        assert send(run, said)
        (last,) = mlflow_runs(url, "made")
        assert last["info"]["run_id"] == first["info"]["run_id"]
        assert last["info"]["status"] == "FINISHED"
        assert last["info"]["end_time"] == int(1000 * written)
        assert last["info"]["start_time"] < 1000 * written
        assert history(url, last, "accuracy/val") == [(number, number / 100) for number in (1, 2, 3, 4)]
        assert history(url, last, "state/val_accuracy") == [(0, 0.02), (1, 0.04)]
        assert history(url, last, "final/val_accuracy") == [(4, 0.04)]
        tags = {one["key"]: one["value"] for one in last["data"]["tags"]}
        assert [tags[f"prunetune.{name}"] for name in ("arm", "phase", "seed", "status")] == [
            "rsst",
            "search",
            "7",
            "finished",
        ]
        parameters = {one["key"]: one["value"] for one in last["data"]["params"]}
        assert parameters["train.lr"] == "0.003"
        assert "test" not in " ".join(one["key"] for one in last["data"]["metrics"])
        assert cli.main(["log", str(run), "--json"]) == 0
        printed = json.loads(capsys.readouterr().out)
        assert printed["trackers"] == {"mlflow": {"complete": True, "epochs_sent": 0, "epochs": 4}}
    assert len(said) == 1


def test_parameters_that_a_failure_kept_from_mlflow_are_sent_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow import MlflowClient

    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    tracker = MlflowTracker(MlflowConfig(), Place("made", tmp_path))
    trial = Introduction("key", "rsst-000", "rsst", "search", {}, {"train.lr": 0.003}, 1000.0)
    with monkeypatch.context() as failing:
        failing.setattr(MlflowClient, "log_batch", raise_refused)
        with pytest.raises(ConnectionError):
            tracker.introduce(trial, None)
    run = tracker.introduce(trial, None).id
    found = MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}").get_run(run)
    assert found.data.params == {"train.lr": "0.003"}
    assert found.info.start_time == 1_000_000


def raise_refused(*arguments: Any, **others: Any) -> None:
    raise ConnectionError("connection refused")


def test_a_server_that_never_answers_does_not_keep_a_launch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("search.trackers.process.LAST_SECONDS", 3.0)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        uri = f"http://127.0.0.1:{silent.getsockname()[1]}"
        run, said = made_run(tmp_path, logging={"mlflow": {"tracking_uri": uri}}), list[str]()
        GrowingTrial(run).epochs(1, 2)
        began = time.monotonic()
        assert not send(run, said)
        assert time.monotonic() - began < 8
    assert said[-1].startswith("mlflow has not taken all within 3 seconds; later: prunetune log")


def forget_what_was_told(run: Path) -> None:
    path = run / "logging" / "mlflow.json"
    path.write_text(json.dumps({**json.loads(path.read_text(encoding="utf-8")), "told": {}}), encoding="utf-8")


def leveldb_records(log: bytes) -> Iterator[bytes]:
    """Of a log in blocks of 32 KiB, each piece behind checksum (4 bytes), length (2) and type (1: whole, 2 to 4: parts)."""
    block, place, parts = 32768, 0, b""
    first = 7  # of the file's own header, which the first block counts
    while place + 7 <= len(log):
        left = block - (place + first) % block
        if left < 7:
            place += left
            continue
        length, kind = int.from_bytes(log[place + 4 : place + 6], "little"), log[place + 6]
        parts += log[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):
            yield parts
            parts = b""


def test_offline_files_of_wandb_hold_each_epoch_once(tmp_path: Path) -> None:
    from wandb.proto import wandb_internal_pb2

    run = resumed(tmp_path, wandb={"mode": "offline", "project": "pruning"})
    files = sorted((run / "logging" / "wandb").glob("offline-run-*/run-*.wandb"))
    assert len(files) == 2, "one for each launch"
    found, begun = list[dict[str, Any]](), list[Any]()
    for file in files:
        for data in leveldb_records(file.read_bytes()[7:]):
            record = wandb_internal_pb2.Record.FromString(data)
            if record.HasField("history"):
                items = record.history.item
                found.append({one.key or "/".join(one.nested_key): json.loads(one.value_json) for one in items})
            if record.HasField("run"):
                begun.append(record.run)
    assert len({one.run_id for one in begun}) == 1
    assert {(one.project, one.run_group, one.job_type, one.display_name) for one in begun} == {
        ("pruning", "rsst", "search", "rsst-000")
    }
    assert [(row["_step"], row["accuracy/val"]) for row in found] == [(step, step / 100) for step in (1, 2, 3, 4)]
    assert [row.get("state/val_accuracy") for row in found] == [None, 0.02, None, 0.04]
    assert [key for row in found for key in row if "test" in key] == []


def test_without_a_server_mlflow_writes_into_the_runs_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    run = resumed(tmp_path, mlflow=True)
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{run / 'logging' / 'mlflow.db'}")
    (found,) = client.search_runs([client.get_experiment_by_name("made").experiment_id])
    assert [one.step for one in client.get_metric_history(found.info.run_id, "accuracy/val")] == [1, 2, 3, 4]
