"""A run goes on from the weights that it has found, and its best.yaml from the same ones elsewhere: never from others."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from models.errors import UserError
from models.networks.registry import resolve_spec
from models.weights.digest import file_digest
from models.weights.provenance import record_state, write_weights_file
from models.weights.registered import register_pretrained
from search import cli
from search.config_file import yaml_file
from search.run.folder import RunFolder
from search.run.manifest import open_run
from search.run.possible.found_weights import found_lines, note, noted, with_found_weights, with_weights_of
from search.run.preflight import Checked, preflight
from search.run.store import TrialStore
from search.study.load import load_study
from search.study.study import Study
from search.tuning import drive
from tests.models.networks import narrow_twistnet
from tests.models.weights.cases import trained_state
from tests.search.commands.weights_here import CHANNELS, PRETRAINED, here, in_weights, pretrained, record_of, said
from tests.search.small_study import small_study
from trainables.config.found import found_in
from trainables.config.trial import TrialConfig
from trainables.prepare import load_weights

__all__ = ["here", "narrow_twistnet"]

pytestmark = pytest.mark.usefixtures("narrow_twistnet")


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


def replaced_by_another(path: Path) -> tuple[str, str]:
    """The SHA-256 of a file before and after other weights of the network have taken its place."""
    before = file_digest(path)
    shutil.move(pretrained(path.parent.parent / "again", seed=7), path)
    return before, file_digest(path)


def test_arms_that_are_tried_one_by_one_start_from_the_same_file_or_not_at_all(
    here: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = in_weights(here, "twistnet18")
    study = str(small_study(tmp_path, trial=PRETRAINED))
    said(capsys, "trial", study, "--storage", str(tmp_path / "runs"), "--arm", "refill")
    digests = replaced_by_another(path)
    command = ["trial", study, "--storage", str(tmp_path / "runs"), "--arm"]
    for arm in ("rsst", "refill"):
        assert cli.main([*command, arm]) == 2
        told = capsys.readouterr().err
        assert all(digest in told for digest in digests)
        assert "put that file back" in told
        assert "another run with --name" in told
    _, told = said(capsys, *command, "rsst", "--name", "another")
    assert f"found by itself in the working folder's weights/: {path}" in told


def test_a_sweep_goes_on_from_the_file_that_it_began_with_or_not_at_all(here: Path, tmp_path: Path) -> None:
    path = in_weights(here, "twistnet18")
    study, run = load_study(small_study(tmp_path, trial=PRETRAINED)), RunFolder(tmp_path / "run")
    note(run, with_weights_of(run, study, TrialStore(run)))
    assert noted(run)["twistnet18"]["sha256"] == file_digest(path)
    digests = replaced_by_another(path)
    with pytest.raises(UserError) as caught:
        preflight(with_weights_of(run, study, TrialStore(run)))
    assert all(digest in str(caught.value) for digest in digests)


@pytest.mark.slow
def test_best_yaml_finds_the_same_weights_elsewhere_and_takes_no_others(
    here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stored = register_pretrained(pretrained(tmp_path / "made"))
    study = str(small_study(tmp_path, trial=PRETRAINED))
    first, _ = said(capsys, "trial", study, "--storage", str(tmp_path / "runs"), "--arm", "refill")
    run = tmp_path / "runs" / "small"
    said(capsys, "export", str(run), "--out", str(tmp_path / "out"), "--state", "refill:1")
    best = tmp_path / "out" / "best.yaml"
    trial = yaml_file.read(best).content["trial"]
    assert {key: value for key, value in trial["model"]["init"].items() if value is not None} == {
        "source": "pretrained",
        "sha256": file_digest(stored),
    }
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "weights").mkdir(parents=True)
    monkeypatch.chdir(elsewhere)
    monkeypatch.setenv("PRUNETUNE_STORE", str(tmp_path / "another store"))
    other = register_pretrained(pretrained(tmp_path / "made", seed=5))
    assert cli.main(["trial", str(best), "--storage", str(elsewhere)]) == 2
    told = capsys.readouterr().err
    assert file_digest(stored) in told
    assert f"{other} ({file_digest(other)[:12]}…)" in told
    shutil.move(stored, elsewhere / "weights" / "twistnet18_imagenet.safetensors")
    again, told = said(capsys, "trial", str(best), "--storage", str(elsewhere))
    assert str(elsewhere / "weights") in told
    assert again["test_accuracy"] == first["test_accuracy"]
    assert again["states"] == first["states"]


def test_weights_that_saw_next_to_nothing_are_warned_of_beside_published_ones(here: Path, tmp_path: Path) -> None:
    spec = resolve_spec("resnet18", 10, 32, 3)
    state = trained_state(spec)
    made = {"data": {"name": "x", "sizes": {"train": 100}}, "config": {"epochs": 3}}
    provenance = record_state(
        state,
        spec,
        origin="pretrain:toy",
        default_how="trained",
        extra={"pretrain": made},
        mean=[0.3] * 3,
        std=[0.2] * 3,
    )
    path = write_weights_file(here / "weights" / "resnet18_imagenet.safetensors", state, provenance)
    init: dict[str, Any] = {"source": "pretrained"}
    for told, asked in ((1, init), (0, {**init, "path": str(path)})):
        trial = {"model": {"arch": "resnet18", "init": asked}, "data": {"name": "digits"}, "prune": CHANNELS}
        warnings = load_weights(TrialConfig.model_validate(trial), spec).warnings
        assert sum("saw 300 images" in line for line in warnings) == told


def test_arms_may_ask_for_two_files_of_one_network(here: Path, tmp_path: Path) -> None:
    files = [in_weights(here, "twistnet18"), register_pretrained(pretrained(tmp_path / "made", seed=4))]
    arms = {f"of_{number}": {"model.init.sha256": file_digest(path)} for number, path in enumerate(files)}
    study = with_found_weights(load_study(small_study(tmp_path, trial=PRETRAINED, arms=arms)))
    assert [study.arm(name).config().model.init.path for name in arms] == files
    recorded = [study.arm(name).config().model_dump(mode="json") for name in arms]
    known = {network: one for config in recorded for network, one in found_in(config).items()}
    assert {network: known[network] for network in study.found_weights} == study.found_weights


def test_a_launch_that_begins_no_trial_binds_its_run_to_no_weights(
    here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = register_pretrained(pretrained(tmp_path / "made"))
    study = load_study(small_study(tmp_path, trial=PRETRAINED))
    run = open_run(tmp_path / "runs", study)

    def refuses(asked: Study) -> Checked:
        assert asked.found_weights["twistnet18"]["path"] == str(stored)
        raise UserError("no room for it")

    monkeypatch.setattr(drive.BackgroundRay, "begin", lambda ray: None)
    with pytest.raises(UserError, match="no room"):
        drive.run_study(study, run, check=refuses)
    assert noted(run) == {}
    own = in_weights(here, "twistnet18")
    monkeypatch.setattr(drive, "_drive", lambda *given: None)
    drive.run_study(study, run, check=lambda _: Checked({}, ()))
    assert noted(run)["twistnet18"]["path"] == str(own)


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
