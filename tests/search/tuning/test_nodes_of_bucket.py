"""What machines of a cluster show of a run in a bucket, where they have no file system in common."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.support.simulation import make_study
from search.run.folder import RunFolder
from search.run.manifest import open_run
from search.tuning.cluster.nodes import _collect, _unanswered, meeting_place, node_facts
from tests.s3_server import environment_of, make_bucket, s3_server
from trainables.files.remote.address import opened_copies
from trainables.files.remote.bucket import Bucket

URL = "s3://bucket/runs"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunFolder]:
    with s3_server() as address:
        make_bucket(address, "bucket")
        for name, value in (environment_of(address) | {"PRUNETUNE_CACHE": str(tmp_path / "driver")}).items():
            monkeypatch.setenv(name, value)
        made = open_run(opened_copies(URL), make_study(tmp_path))
        made.publish()
        yield made


def test_a_node_answers_through_the_bucket(run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with meeting_place(run) as (meeting, token):
        with monkeypatch.context() as node:
            node.setenv("PRUNETUNE_CACHE", str(tmp_path / "node"))
            facts = node_facts(str(run.path), str(meeting), "node-1", (), URL)
        assert facts["problem"] is None
        assert facts["code"]
        assert _unanswered(meeting / "node-1", token, run.path) is not None
        _collect(run, meeting, ["node-1", "node-2"])
        assert _unanswered(meeting / "node-1", token, run.path) is None
        assert _unanswered(meeting / "node-2", token, run.path) is not None
    assert Bucket(f"{URL}/{run.path.name}").list().keys() == {"study.yaml"}


def test_a_node_that_sees_another_bucket_or_none_says_so(
    run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with meeting_place(run) as (meeting, _token), monkeypatch.context() as node:
        node.setenv("PRUNETUNE_CACHE", str(tmp_path / "node"))
        elsewhere = node_facts(str(run.path), f"{meeting}-of-another-bucket", "node-1", (), URL)
        assert "does not see s3://bucket/runs/" in elsewhere["problem"]
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            node.delenv(name)
        node.setenv("HOME", str(tmp_path))
        assert "no credentials" in node_facts(str(run.path), str(meeting), "node-1", (), URL)["problem"]
