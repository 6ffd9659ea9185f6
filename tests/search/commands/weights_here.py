"""A working folder and a store of weights that are both empty, and what is put there to be found by itself."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from models.networks.registry import resolve_spec
from search import cli
from tests.models.weights.cases import trained_state, weights_file
from trainables.files.record import TrialRecord, read_record

CHANNELS = {"target": "channel", "schedule": {"states": 1}}
PRETRAINED = {"model": {"arch": "twistnet18", "init": {"source": "pretrained"}}, "prune": CHANNELS}
ARMS: dict[str, Any] = {"whole": {}, "gateless": {"model.arch": "twistnet18_no_ais"}}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PRUNETUNE_STORE", str(tmp_path / "store"))
    return folder


def pretrained(folder: Path, arch: str = "twistnet18", seed: int = 0) -> Path:
    spec = resolve_spec(arch, 10, 32, 3)
    return weights_file(folder, spec, trained_state(spec, seed))


def in_weights(here: Path, arch: str) -> Path:
    path = here / "weights" / f"{arch}_imagenet.safetensors"
    path.parent.mkdir(exist_ok=True)
    return Path(shutil.move(pretrained(here.parent / "made", arch), path))


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[dict[str, Any], str]:
    """The JSON and what was told on standard error."""
    assert cli.main([*arguments, "--json"]) == 0, capsys.readouterr().err
    captured = capsys.readouterr()
    found: dict[str, Any] = json.loads(captured.out)
    return found, captured.err


def record_of(folder: Path) -> TrialRecord:
    record = read_record(folder)
    assert record is not None
    return record
