"""A URL where a path of this machine is expected is one line and exit status 2, and never a folder named after its scheme."""

from __future__ import annotations

from pathlib import Path

import pytest

from search.cli import main

URL = "s3://bucket/runs"
STUDY = """
name: small
trial:
  model: {arch: vit_micro, init: {source: random}}
  data: {name: digits}
arms: {rsst: {prune.method: rsst}}
"""
COMMANDS = {
    "sweep --stages": ["sweep", "small.yaml", "--stages", URL],
    "report --out": ["report", "run", "--out", URL],
    "export --out": ["export", "run", "--out", URL],
    "verify": ["init", "verify", URL],
    "init list": ["init", "list", "--store", URL],
    "pretrain": ["pretrain", URL],
    "pretrain --storage": ["pretrain", "pretrain.yaml", "--storage", URL],
    "validate": ["validate", URL],
}
KEYS = {
    "resources.stages": URL,
    "search.warm_start": URL,
    "trial.data.root": URL,
    "trial.model.init": f"{{source: path, path: '{URL}'}}",
    "trial.prune.scratch.file": URL,
    "arms.rsst.data.root": URL,
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.yaml").write_text(STUDY, encoding="utf-8")
    return tmp_path


def is_told(folder: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert main(arguments) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert URL in told
    assert [path.name for path in folder.iterdir()] == ["small.yaml"]
    return told


@pytest.mark.parametrize("command", COMMANDS)
def test_commands(command: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "expected a path on this machine" in is_told(folder, COMMANDS[command], capsys)


@pytest.mark.parametrize("key", KEYS)
def test_keys_given_as_options(key: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "expected a path on this machine" in is_told(
        folder, ["sweep", "small.yaml", "--set", f"{key}={KEYS[key]}"], capsys
    )


def test_a_key_in_the_file_is_told_at_its_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "small.yaml").write_text(STUDY.replace("digits}", f"digits, root: '{URL}'}}"), encoding="utf-8")
    told = is_told(folder, ["sweep", "small.yaml"], capsys)
    assert "small.yaml, line 5" in told
    assert "trial.data.root" in told
