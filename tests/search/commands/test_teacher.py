"""A dense network is trained, and its state file teaches a smaller one of another architecture: through the commands alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from search import cli
from search.config_file import yaml_file
from tests.search.small_study import small_study
from trainables.files.record import TrialRecord, read_record

DENSE = {
    "model": {"arch": "vit_micro", "init": {"source": "pretrained"}},
    "data": {"train_limit": 600},
    "train": {"epochs_per_state": 8, "lr": 3.0e-3},
    "prune": {"method": "dense", "schedule": {"states": 0}},
}
SMALLER = {
    "model": {"arch": "timm:test_resnet"},
    "data": {"train_limit": 600},
    "train": {"epochs_per_state": 3, "lr": 5.0e-3, "distill": {"weight": 0.5, "temperature": 2.0}},
    "prune": {"target": "channel", "schedule": {"states": 1}},
}


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert cli.main([*arguments, "--json"]) == 0, capsys.readouterr().err
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def record_of(folder: Path) -> TrialRecord:
    record = read_record(folder)
    assert record is not None
    return record


@pytest.mark.slow
def test_a_state_file_teaches_a_smaller_network_of_another_architecture(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = ["--storage", str(tmp_path / "runs")]
    dense = said(
        capsys, "trial", str(small_study(tmp_path, trial=DENSE, arms={"dense": {}})), *runs, "--name", "teacher"
    )
    assert dense["states"][0]["val_accuracy"] > 0.8

    # A relative path, as a study file has it: from the file's own folder.
    file = "runs/teacher/trials/dense/states/00.safetensors"
    arms: dict[str, Any] = {
        "taught": {"prune.method": "refill", "train.distill.teacher": {"init": {"source": "path", "path": file}}},
        "by_dense": {"prune.method": "refill"},
    }
    study = small_study(tmp_path, trial=SMALLER, arms=arms)
    checked = said(capsys, "validate", str(study))
    teacher = checked["arms"]["taught"]["teacher"]
    assert (teacher["origin"], teacher["verdict"], teacher["probe"]["wins"]) == (str(tmp_path / file), "unproven", True)
    assert "teacher" not in checked["arms"]["by_dense"]

    for arm in arms:
        assert said(capsys, "trial", str(study), *runs, "--arm", arm)["status"] == "finished"
    run = tmp_path / "runs" / "small"
    taught, by_dense = (record_of(run / "trials" / arm) for arm in arms)
    assert taught.header["teacher"]["origin"] == str(tmp_path / file)
    assert taught.header["teacher"]["spec"]["arch"] == "vit_micro"
    assert taught.header["teacher"]["probe"]["accuracy"] > 0.8
    assert "teacher" not in by_dense.header
    assert taught.header["weights"]["digest"] == by_dense.header["weights"]["digest"]
    assert taught.epochs[0]["train_loss"] != by_dense.epochs[0]["train_loss"], "it teaches in state 0"

    said(capsys, "report", str(run))
    page = (run / "report" / "index.html").read_text(encoding="utf-8")
    assert "<h3>Teacher of taught</h3>" in page
    assert taught.header["teacher"]["digest"] in page

    out = tmp_path / "export"
    said(capsys, "export", str(run), "--state", "taught:1", "--out", str(out))
    card = (out / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert "## From which teacher" in card
    assert f"from `{tmp_path / file}`, a `vit_micro` of 202,186 parameters. Verdict: **unproven**; right on " in card
    assert yaml_file.read(out / "best.yaml").content["provenance"]["teacher"] == taught.header["teacher"]


def test_published_weights_for_other_classes_are_refused_without_a_network(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    teacher = {"arch": "timm:resnet18.a1_in1k", "init": {"source": "pretrained"}}
    file = small_study(tmp_path, trial={"train": {"distill": {"weight": 0.5, "teacher": teacher}}})
    assert cli.main(["validate", str(file)]) == 2
    told = capsys.readouterr().err
    assert "trial.train.distill.teacher: timm:resnet18.a1_in1k tells 1000 classes apart, and digits has 10" in told
    assert "line 1" in told
