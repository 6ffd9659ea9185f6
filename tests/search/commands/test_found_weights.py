"""Weights found by themselves and a partial start, through the commands: what is taken and said, and that a run keeps it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from models.networks.registry import resolve_spec
from models.weights.registered import register_pretrained
from search import cli
from search.run.folder import RunFolder
from search.run.possible.found_weights import found_lines, note, noted, with_found_weights, with_weights_of
from search.run.store import TrialStore
from search.study.load import load_study
from tests.models.networks import narrow_twistnet
from tests.models.weights.cases import trained_state, weights_file
from tests.search.small_study import small_study
from trainables.files.record import TrialRecord, read_record

__all__ = ["narrow_twistnet"]

pytestmark = pytest.mark.usefixtures("narrow_twistnet")

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


def test_validate_names_what_was_found_for_each_network(
    here: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = in_weights(here, "twistnet18")
    stored = register_pretrained(pretrained(tmp_path / "made", "twistnet18_no_ais"))
    checked, told = said(capsys, "validate", str(small_study(tmp_path, trial=PRETRAINED, arms=ARMS)))
    assert checked["found_weights"]["twistnet18"]["path"] == str(own)
    assert checked["found_weights"]["twistnet18_no_ais"]["path"] == str(stored)
    assert {arm: checked["arms"][arm]["weights"]["verdict"] for arm in ARMS} == dict.fromkeys(ARMS, "proven")
    assert f"twistnet18: found by itself in the working folder's weights/: {own}" in told
    assert str(own) in checked["arms"]["whole"]["weights"]["evidence"][0]


def test_nothing_found_is_an_error_at_its_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study = small_study(tmp_path, trial=PRETRAINED)
    assert cli.main(["validate", str(study)]) == 2
    told = capsys.readouterr().err
    assert f"{study}, line" in told
    assert "trial.model.init" in told
    assert "there are no weights for twistnet18" in told


def test_a_found_file_that_is_refused_is_named_with_where_it_was_found(
    here: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = in_weights(here, "twistnet18_no_ais")
    path.rename(path.with_name("twistnet18_imagenet.safetensors"))
    assert cli.main(["validate", str(small_study(tmp_path, trial=PRETRAINED))]) == 1
    told = capsys.readouterr().err
    assert "weights of twistnet18_no_ais cannot become twistnet18 at" in told
    assert "(found by itself in the working folder's weights/: " in told


def test_a_trial_keeps_what_it_began_with_and_its_record_says_it(
    here: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stored = register_pretrained(pretrained(tmp_path / "made"))
    study = str(small_study(tmp_path, trial=PRETRAINED, arms=None))
    command = ["trial", study, "--storage", str(tmp_path / "runs")]
    first, told = said(capsys, *command)
    assert f"found by itself in the store: {stored}" in told
    record = record_of(tmp_path / "runs" / "small" / "trials" / "trial")
    assert record.header["config"]["model"]["init"]["path"] == str(stored)
    assert record.header["weights"]["verdict"] == "proven"
    assert record.header["weights"]["evidence"][0].startswith(f"found by itself in the store: {stored}")
    # What lies in an earlier place by now is not what this trial began with.
    in_weights(here, "twistnet18")
    again, told = said(capsys, *command)
    assert again["test_accuracy"] == first["test_accuracy"]
    assert str(stored) in told


def test_a_run_keeps_what_it_began_with_for_every_launch_and_machine(here: Path, tmp_path: Path) -> None:
    stored = register_pretrained(pretrained(tmp_path / "made"))
    study = load_study(small_study(tmp_path, trial=PRETRAINED))
    run = RunFolder(tmp_path / "run")
    begun = with_weights_of(run, study, TrialStore(run))
    note(run, begun)
    own = in_weights(here, "twistnet18")
    assert with_found_weights(study).found_weights["twistnet18"]["path"] == str(own)
    gone_on = with_weights_of(run, study, TrialStore(run))
    assert gone_on.found_weights == noted(run) == begun.found_weights
    assert gone_on.arm("refill").config().model.init.path == stored
    assert gone_on.to_json() == study.to_json(), "the request stays what it was"
    assert [line.partition(": ")[0] for line in found_lines(gone_on)] == ["twistnet18"]


def test_a_searched_network_has_its_weights_found_too(here: Path, tmp_path: Path) -> None:
    networks = ["twistnet18", "twistnet18_no_spiral"]
    paths = {arch: in_weights(here, arch) for arch in networks}
    trial = {"model": {"arch": "twistnet18", "init": {"source": "pretrained"}}, "prune": CHANNELS}
    study = with_found_weights(
        load_study(small_study(tmp_path, trial=trial, space={"model.arch": {"choice": networks}}))
    )
    for arch, path in paths.items():
        assert study.arm("rsst").config({"model.arch": arch}).model.init.path == path


def test_studies_of_other_networks_are_left_as_they_are(tmp_path: Path) -> None:
    trial = {"model": {"arch": "vit_micro", "init": {"source": "pretrained"}}}
    study = load_study(small_study(tmp_path, trial=trial))
    assert with_found_weights(study) is study
    assert study.arm("rsst").config().model.init.path is None


def test_found_weights_teach(here: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = resolve_spec("twistnet18", 10, 8, 1)
    path = here / "weights" / "twistnet18_imagenet.safetensors"
    path.parent.mkdir()
    shutil.move(weights_file(tmp_path / "made", spec, trained_state(spec)), path)
    teacher = {"arch": "twistnet18", "init": {"source": "pretrained"}}
    trial = {"train": {"distill": {"weight": 0.5, "teacher": teacher}}}
    checked, _ = said(capsys, "validate", str(small_study(tmp_path, trial=trial)))
    told = checked["arms"]["rsst"]["teacher"]
    assert (told["origin"], told["verdict"]) == (str(path), "proven")


@pytest.mark.slow
def test_a_partial_start_is_called_one_on_every_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = weights_file(tmp_path / "made", resolve_spec("timm:resnet18", 10, 32, 1))
    relative = source.relative_to(tmp_path)
    trial = {
        "model": {"arch": "twistnet18", "init": {"source": "partial", "from": str(relative)}},
        "prune": {**CHANNELS, "min_kept": 1},
    }
    study = str(small_study(tmp_path, trial=trial))
    checked, told = said(capsys, "validate", study)
    weights = checked["arms"]["rsst"]["weights"]
    assert weights["verdict"] == "partial"
    assert "warning: refill, rsst: partial start: " in told
    cli.main(["validate", study])
    assert "weights partial" in capsys.readouterr().out
    for arm in ("refill", "rsst"):
        result, told = said(capsys, "trial", study, "--storage", str(tmp_path / "runs"), "--arm", arm)
        assert any(line.startswith("partial start: ") for line in result["warnings"])
    run = tmp_path / "runs" / "small"
    record = record_of(run / "trials" / "rsst")
    assert record.header["weights"]["verdict"] == "partial"
    taken = record.header["weights"]["provenance"]["extra"]["partial"]
    line = f"partial start: {taken['tensors']} of {taken['of_tensors']} tensors, {taken['parameters']:,} of "
    assert line in record.header["weights"]["evidence"][0]

    compared, _ = said(capsys, "compare", str(run))
    assert any(line in warning["text"] for warning in compared["warnings"])
    status, _ = said(capsys, "status", str(run))
    assert any(line in warning["text"] for warning in status["warnings"])
    said(capsys, "report", str(run))
    page = (run / "report" / "index.html").read_text(encoding="utf-8")
    assert ">partial<" in page
    assert line in page
    said(capsys, "export", str(run), "--out", str(tmp_path / "export"), "--state", "rsst:1")
    card = (tmp_path / "export" / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert "Verdict: **partial**" in card
    assert line in card
