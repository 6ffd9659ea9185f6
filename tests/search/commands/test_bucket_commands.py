"""The command line with URLs, against a real S3 server; each test's machines have working copies of their own."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from search.cli import main
from tests.s3_server import CREDENTIALS, environment_of, make_bucket, s3_server
from tests.search.small_study import small_study
from trainables.files.remote.bucket import Bucket

URL = "s3://bucket/runs"
Command = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with s3_server() as address:
        make_bucket(address, "bucket")
        yield address


@pytest.fixture
def at(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Be at a machine: gives the folder of its working copies."""
    for name, value in environment_of(server).items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)

    def go(machine: str) -> Path:
        monkeypatch.setenv("PRUNETUNE_CACHE", str(tmp_path / machine))
        return tmp_path / machine / "runs"

    return go


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Command:
    def run(*arguments: str) -> dict[str, Any]:
        capsys.readouterr()
        assert main([*arguments, "--json"]) == 0, capsys.readouterr().err
        answer: dict[str, Any] = json.loads(capsys.readouterr().out)
        return answer

    return run


@pytest.mark.slow
def test_a_run_of_one_machine_is_read_and_gone_on_with_on_another(
    at: Callable[[str], Path], command: Command, tmp_path: Path
) -> None:
    study = str(small_study(tmp_path))
    at("here")
    here = command("trial", study, "--arm", "refill", "--storage", URL)
    at("there")
    there = command("trial", study, "--arm", "refill", "--storage", URL)
    assert there["states"] == here["states"]
    assert command("status", f"{URL}/small")["trials"][0]["status"] == "finished"
    command("trial", study, "--arm", "rsst", "--storage", URL)
    at("here")
    assert {one["id"] for one in command("status", f"{URL}/small/")["trials"]} == {"refill", "rsst"}
    compared = command("compare", f"{URL}/small")
    copies = at("third")
    assert command("compare", f"{URL}/small")["test"] == compared["test"]
    assert command("pareto", f"{URL}/small")["states"] == 4
    assert not list(copies.rglob("states/0?.safetensors"))
    exported = command("export", f"{URL}/small")
    assert len(list(copies.rglob("states/0?.safetensors"))) == 1
    command("report", f"{URL}/small")
    names = Bucket(f"{URL}/small").list().keys()
    assert {"report/index.html", "study.yaml", *(f"export/{name}" for name in exported["files"])} <= names
    assert not any(name.startswith(("stages/", ".driver")) or "previous" in name for name in names)
    for name in names:
        assert (
            CREDENTIALS["AWS_SECRET_ACCESS_KEY"].encode() not in (Bucket(f"{URL}/small").content(name) or b"").split()
        )
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("s3")] == []


def test_another_study_of_the_same_name_is_refused(
    at: Callable[[str], Path], command: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    at("here")
    command("trial", str(small_study(tmp_path, name="taken")), "--arm", "refill", "--storage", URL)
    at("there")
    other = small_study(tmp_path, name="taken", trial={"train": {"lr": 0.01}})
    assert main(["trial", str(other), "--arm", "refill", "--storage", URL]) == 2
    assert f"{URL}/taken: holds a run of another study: trial.train.lr" in capsys.readouterr().err


WRONG = {
    f"{URL}/nothing": f"{URL}/nothing: no run is here",
    "s3://there-is-none/runs/x": "bucket",
    "gs://bucket/runs/x": "needs the package gcsfs, which is not installed; pip install 'prunetune[gcs]'",
    "az://bucket/runs/x": "needs the package adlfs, which is not installed; pip install 'prunetune[azure]'",
    "ftp://host/x": "no place for runs; expected a folder or one of s3://",
    "memory://runs/x": "no place for runs",
    "s3://bucket": "no place for runs; expected a folder, or a URL such as s3://bucket/runs/quickstart",
}


@pytest.mark.parametrize("url", WRONG)
def test_a_url_that_will_not_do_is_one_line(
    url: str, at: Callable[[str], Path], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    at("here")
    assert main(["status", url]) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert WRONG[url] in told
    assert {path.name for path in tmp_path.iterdir()} <= {"here"}
