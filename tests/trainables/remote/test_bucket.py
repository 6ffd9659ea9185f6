"""What every kind of bucket keeps to; that of S3 against a real server."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from models.errors import UserError
from tests.s3_server import SLOW_SECONDS, Fault, Proxy
from trainables.files.remote.bucket import Bucket
from trainables.files.remote.errors import Changed, Unreachable


def test_what_is_written_is_read_and_listed(bucket: Bucket) -> None:
    version = bucket.write("trials/a/record.jsonl", b"one\n")
    assert bucket.read("trials/a/record.jsonl") == (b"one\n", version)
    bucket.write("study.yaml", b"name: x\n")
    assert {name: entry.size for name, entry in bucket.list().items()} == {"trials/a/record.jsonl": 4, "study.yaml": 8}
    assert bucket.list("trials/a").keys() == {"trials/a/record.jsonl"}
    assert bucket.list()["trials/a/record.jsonl"].version == version


def test_nothing_is_there(bucket: Bucket) -> None:
    assert bucket.read("a") is None
    assert bucket.look("a") is None
    assert bucket.content("a") is None
    assert bucket.list() == {}
    bucket.delete("a")


def test_a_folder_is_no_object_and_a_like_name_not_within_it(bucket: Bucket) -> None:
    bucket.write("trials/a/x", b"1")
    bucket.write("trials/ab/x", b"1")
    assert bucket.look("trials") is None
    assert bucket.list("trials/a").keys() == {"trials/a/x"}


def test_another_content_has_another_version(bucket: Bucket) -> None:
    first = bucket.write("a", b"1")
    time.sleep(0.02)
    assert bucket.write("a", b"2") != first


def test_of_two_that_create_one_object_one_succeeds(bucket: Bucket) -> None:
    bucket.write("lease", b"first", None)
    with pytest.raises(Changed):
        bucket.write("lease", b"second", None)
    assert bucket.content("lease") == b"first"


def test_only_the_version_that_was_seen_is_replaced(bucket: Bucket) -> None:
    seen = bucket.write("lease", b"first")
    time.sleep(0.02)
    now = bucket.write("lease", b"second", seen)
    with pytest.raises(Changed):
        bucket.write("lease", b"third", seen)
    assert bucket.read("lease") == (b"second", now)
    bucket.delete("lease")
    with pytest.raises(Changed):
        bucket.write("lease", b"fourth", now)
    assert bucket.look("lease") is None


def test_a_file_is_sent_whole(bucket: Bucket, tmp_path: Path) -> None:
    content = bytes(range(256)) * 4096
    (tmp_path / "checkpoint").write_bytes(content)
    bucket.upload(tmp_path / "checkpoint", "a/b", None)
    assert bucket.content("a/b") == content


def test_the_servers_clock_leaves_nothing_behind(bucket: Bucket) -> None:
    bucket.write("a", b"")
    assert bucket.now() >= bucket.list()["a"].modified
    assert bucket.list().keys() == {"a"}


FAULTS: tuple[Fault, ...] = ("503", "cut", "lost", "slow")


@pytest.mark.parametrize("fault", FAULTS)
def test_a_request_that_failed_is_made_again(
    fault: Fault, s3: str, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trainables.files.remote.bucket.READ_SECONDS", SLOW_SECONDS / 3)
    bucket, left = Bucket(s3, patience=20), {"PUT": 2, "GET": 1, "HEAD": 1}

    def fail_at_first(method: str, path: str) -> Fault:
        left[method] = left.get(method, 0) - 1
        return fault if left[method] >= 0 else "none"

    proxy.fault = fail_at_first
    version = bucket.write("record", b"0123456789" * 1000, None)
    assert bucket.read("record") == (b"0123456789" * 1000, version)
    replaced = bucket.write("record", b"x" * 10_000, version)
    assert bucket.read("record") == (b"x" * 10_000, replaced)
    assert all(count < 0 for count in left.values())


def test_a_torn_upload_leaves_what_was_there(s3: str, proxy: Proxy) -> None:
    bucket = Bucket(s3, patience=2)
    version = bucket.write("record", b"before")
    proxy.fault = lambda method, path: "cut" if method == "PUT" else "none"
    with pytest.raises(Unreachable, match=r"^s3://b\w+/record: failed for 2 s \(.*\); what is on this machine stays$"):
        bucket.write("record", b"after" * 10_000, version)
    proxy.fault = lambda method, path: "none"
    assert bucket.read("record") == (b"before", version)


def test_a_server_that_is_away_is_told_in_one_line(s3: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(Unreachable, match="failed for 1 s") as told:
        Bucket(s3, patience=1).list()
    assert "\n" not in str(told.value)


def test_no_bucket_of_that_name(s3: str) -> None:
    with pytest.raises(UserError, match="bucket"):
        Bucket("s3://there-is-none/runs", patience=2).list()
    with pytest.raises(UserError, match="bucket"):
        Bucket("s3://there-is-none/runs", patience=2).write("a", b"")


def test_no_credentials(s3: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(UserError, match="no credentials"):
        Bucket(s3, patience=2).list()
