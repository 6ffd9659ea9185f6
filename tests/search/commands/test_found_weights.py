"""Weights found by themselves and a partial start, through the commands: what is taken, and that every page says so."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from models.networks.registry import resolve_spec
from models.weights.registered import register_pretrained
from search import cli
from search.run.possible.found_weights import with_found_weights
from search.study.load import load_study
from tests.models.networks import narrow_twistnet
from tests.models.weights.cases import trained_state, weights_file
from tests.search.commands.weights_here import ARMS, CHANNELS, PRETRAINED, here, in_weights, pretrained, record_of, said
from tests.search.small_study import small_study

__all__ = ["here", "narrow_twistnet"]

pytestmark = pytest.mark.usefixtures("narrow_twistnet")


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
