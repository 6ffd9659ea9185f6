"""What is taken for a URL, and is so never made a folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.errors import UserError
from models.local_path import environment_path, is_url


@pytest.mark.parametrize(
    "text", ["s3://bucket/runs", "gs://b", "memory://x", "file:///tmp/x", "abfss://c@a/x", "s3:/b"]
)
def test_a_scheme_makes_a_url(text: str) -> None:
    assert is_url(text)
    assert is_url(str(Path(text)))


@pytest.mark.parametrize("text", ["runs", "./s3:/bucket", "/tmp/a:/b", "C:/runs", "../x", "a:b", "runs/s3://x"])
def test_anything_else_is_a_path(text: str) -> None:
    assert not is_url(text)


def test_an_environment_variable_may_not_name_a_url() -> None:
    with pytest.raises(UserError, match=r"PRUNETUNE_DATA: found s3://b/data, expected a path on this machine"):
        environment_path("PRUNETUNE_DATA", "s3://b/data")
    assert environment_path("PRUNETUNE_DATA", "~/x") == Path.home() / "x"
