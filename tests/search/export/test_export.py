"""Export, from trials that really ran: every file is opened as its receiver would."""

from __future__ import annotations

import contextlib
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch

import models
from models.cost import count_macs, count_parameters
from models.preprocessing import Preprocessing
from models.save_load import load_parts
from search import cli
from search.config_file import yaml_file
from search.export.best_study import found_anywhere
from search.run.results import load_results
from search.study.load import load_study
from tests.search.made_runs import TRIAL, MadeRun
from trainables.config.trial import TrialConfig
from trainables.files.record import Identity, StateEnd, read_record
from trainables.files.request import TrialRequest, write_request
from trainables.trial import Trial

SMALL: dict[str, Any] = {
    **TRIAL,
    "model": {**TRIAL["model"], "args": {"depth": 2}},
    "data": {"name": "digits", "train_limit": 128},
    "train": {"lr": 0.003, "epochs_per_state": 1},
    "prune": {"schedule": {"states": 2, "head_ratio": 0.5, "neuron_ratio": 0.7}},
}


def run_trial(folder: Path, identity: Identity, config: TrialConfig) -> list[StateEnd]:
    trial = Trial.open(folder, identity, config)
    while not trial.done:
        trial.step()
    trial.close()
    record = read_record(folder)
    assert record is not None
    return record.states


def run_export(run: Path, out: Path, *words: str) -> dict[str, Any]:
    """What `prunetune export --json` prints."""
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown):
        assert cli.main(["export", str(run), "--out", str(out), "--json", *words]) == 0
    return dict(json.loads(shown.getvalue()))


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert cli.main(["export", *words]) == 2
    return capsys.readouterr().err


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("export") / "run"
    MadeRun(path, study={"trial": SMALL, "search": {"algorithm": "random", "trials_per_arm": 1}})
    study = load_study(path / "study.yaml")
    for arm in study.arms:
        identity = Identity(f"{arm}-000", arm, "search", 0, 0)
        config = study.arm(arm).config({"train.lr": 0.002})
        folder = path / "trials" / identity.id
        write_request(folder, TrialRequest(identity, config.model_dump(mode="json"), {"train.lr": 0.002}))
        run_trial(folder, identity, config)
    return path


@pytest.fixture(scope="module")
def exported(run: Path) -> tuple[dict[str, Any], Path]:
    return run_export(run, run / "small", "--max-macs", "0.5"), run / "small"


pytestmark = pytest.mark.slow


def test_the_network_is_the_one_measured(exported: tuple[dict[str, Any], Path]) -> None:
    outcome, out = exported
    chosen = outcome["chosen"]
    network = models.load(out / "model.safetensors")
    assert chosen["macs_share"] <= 0.5
    assert count_parameters(network) == chosen["params"]
    assert count_macs(network, (1, 8, 8)) == chosen["macs"]
    header = load_parts(out / "model.safetensors").metadata["provenance"]
    assert header["trial"] == chosen["id"]
    assert header["weights"]["verdict"] == "random"
    assert re.fullmatch(r"[0-9a-f]{64}", header["data"]["digest"])


def test_open_formats_give_the_same_logits_at_any_batch_size(exported: tuple[dict[str, Any], Path]) -> None:
    import onnxruntime

    outcome, out = exported
    network = models.load(out / "model.safetensors")
    program = torch.export.load(out / "model.pt2").module()
    session = onnxruntime.InferenceSession(out / "model.onnx", providers=["CPUExecutionProvider"])
    for batch in (1, 7):
        images = torch.randn(batch, 1, 8, 8)
        with torch.inference_mode():
            expected = network(images)
            torch.testing.assert_close(program(images), expected, atol=1e-4, rtol=1e-4)
        found = torch.from_numpy(session.run(["logits"], {"images": images.numpy()})[0])
        torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)
    notes = json.loads(session.get_modelmeta().custom_metadata_map["prunetune"])
    assert notes["normalisation"]["mean"]
    assert outcome["checks"]["onnx_versions"]["opset"] >= 17


def test_every_file_tells_its_classes_and_its_preprocessing(exported: tuple[dict[str, Any], Path]) -> None:
    import onnxruntime

    _, out = exported
    told = models.preprocessing_of(out / "model.safetensors")
    assert (told.image_size, told.channels, told.fit) == (8, 1, "stretch")
    assert models.class_names_of(out / "model.safetensors") == tuple("0123456789")
    session = onnxruntime.InferenceSession(out / "model.onnx", providers=["CPUExecutionProvider"])
    notes = dict.fromkeys(("preprocessing", "class_names"), "")
    torch.export.load(out / "model.pt2", extra_files=notes)
    for found in (session.get_modelmeta().custom_metadata_map, notes):
        assert Preprocessing.from_json(json.loads(found["preprocessing"])) == told
        assert json.loads(found["class_names"]) == list("0123456789")
    card = (out / "MODEL_CARD.md").read_text()
    assert told.words() in card
    assert "Classes: 0 0, 1 1, 2 2, 3 3, 4 4, 5 5, 6 6, 7 7, 8 8, 9 9." in card


def test_the_card_says_what_was_measured(exported: tuple[dict[str, Any], Path]) -> None:
    outcome, out = exported
    card = (out / "MODEL_CARD.md").read_text()
    chosen = outcome["chosen"]
    assert f"{chosen['params']:,}" in card
    assert f"{100 * chosen['val_accuracy']:.2f} %" in card
    assert "| latency in torch, ms |" in card
    assert "| latency in onnxruntime, ms |" in card
    assert "The dense network is this trial's own state 0, trained for " in card
    assert "No arm of the run trained this network on these images for as long with nothing removed; `dense: " in card
    assert outcome["chosen_by"] == "by highest validation accuracy within --max-macs 0.5 from 6 states"
    assert f"it was chosen {outcome['chosen_by']}; the test images had no part in that.\n\n## What it takes" in card
    assert f"% removed ({chosen['removed_of_all_percent']:.1f} % of all parameters)" in card
    assert "Shares of the dense network: target both: heads and neurons, " in card
    assert f"prunetune export run --state {chosen['name']} " in card
    assert "Verdict: **random**" in card


def test_best_yaml_runs_again_to_the_same_accuracy(exported: tuple[dict[str, Any], Path], tmp_path: Path) -> None:
    _, out = exported
    study = load_study(out / "best.yaml")
    states = run_trial(tmp_path / "again", Identity("trial"), study.arm("trial").config())
    provenance = yaml_file.read(out / "best.yaml").content["provenance"]
    assert states[-1].val_accuracy == provenance["expected"]["val_accuracy"]
    assert states[-1].test_accuracy == provenance["expected"]["test_accuracy"]
    original = load_results(out.parent).trial(provenance["trial"])
    assert original is not None
    assert original.record is not None
    assert [state.val_loss for state in states] == [state.val_loss for state in original.record.states]


def test_best_yaml_names_files_of_weights_by_what_is_in_them_and_found_ones_by_that_alone() -> None:
    named = {"source": "path", "path": "/here/w.safetensors", "sha256": None, "found": None}
    found = {
        "source": "pretrained",
        "path": "/here/t.safetensors",
        "tag": None,
        "sha256": "b" * 64,
        "found": "in the store",
    }
    published = {"source": "pretrained", "tag": "timm:resnet18.a1_in1k", "found": "what timm publishes"}
    config = {"model": {"init": named}, "train": {"distill": {"teacher": {"init": found}}}}
    header = {"weights": {"provenance": {"source_sha256": "a" * 64}}, "teacher": {"source_sha256": "c" * 64}}
    anywhere = found_anywhere(config, header)
    assert anywhere["model"]["init"] == {**named, "sha256": "a" * 64}
    assert anywhere["train"]["distill"]["teacher"]["init"] == {**found, "path": None, "found": None}
    assert found_anywhere({"model": {"init": published}}, header)["model"]["init"] == {**published, "found": None}
    drawn = {"model": {"init": {"source": "random"}}, "train": {"distill": {"teacher": "dense"}}}
    assert found_anywhere(drawn, {}) == drawn


def test_best_yaml_of_a_scratch_trial_needs_nothing_of_the_run(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Copied elsewhere with the run gone, it still runs to the same number."""
    source = run / "trials" / "rsst-000" / "states" / "02.safetensors"
    arms = {"scratch": {"prune.method": "scratch", "prune.scratch.file": str(source)}}
    path = tmp_path / "run"
    MadeRun(path, arms=arms, study={"trial": SMALL, "search": {"algorithm": "random", "trials_per_arm": 1}})
    study = load_study(path / "study.yaml")
    identity, config = Identity("scratch-000", "scratch", "search", 0, 0), study.arm("scratch").config()
    folder = path / "trials" / identity.id
    write_request(folder, TrialRequest(identity, config.model_dump(mode="json"), {}))
    first = run_trial(folder, identity, config)
    outcome = run_export(path, tmp_path / "out")
    assert "scratch-source.safetensors" in outcome["files"]
    assert str(source) not in (tmp_path / "out" / "best.yaml").read_text()
    moved = (tmp_path / "out").rename(tmp_path / "elsewhere")
    again = load_study(moved / "best.yaml").arm("trial").config()
    assert again.prune.scratch.file == moved / "scratch-source.safetensors"
    assert run_trial(tmp_path / "again", Identity("trial"), again)[-1].val_loss == first[-1].val_loss
    content = source.read_bytes()
    source.unlink()
    try:
        line = refused(capsys, str(path), "--out", str(tmp_path / "other"))
        assert "02.safetensors, which it takes its structure from, is not there" in line
    finally:
        source.write_bytes(content)


def test_a_named_state_is_exported(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outcome = run_export(run, tmp_path, "--state", "rsst-000:1")
    assert outcome["chosen"]["name"] == "rsst-000:1"
    card = (tmp_path / "MODEL_CARD.md").read_text()
    assert outcome["chosen_by"] == "named by hand"
    assert "It was named by hand (`export --state`)" in card
    assert "it was chosen by" not in card
    assert "leave out --arm" in refused(capsys, str(run), "--state", "rsst-000:1", "--arm", "rsst")


def test_a_folder_in_use_is_written_into_with_force_alone(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "photos"
    out.mkdir()
    (out / "cat.jpg").write_text("a user's")
    line = refused(capsys, str(run), "--state", "rsst-000:2", "--out", str(out))
    assert f"--out: {out} is in use: cat.jpg; name another folder, or give --force, which writes beside" in line
    assert [path.name for path in out.iterdir()] == ["cat.jpg"]
    run_export(run, out, "--state", "rsst-000:2", "--force")
    assert (out / "cat.jpg").read_text() == "a user's"
    line = refused(capsys, str(run), "--state", "refill-000:2", "--out", str(out))
    assert "(an export of rsst-000 of the run run); name another folder, or give --force, which replaces" in line
    assert run_export(run, out, "--state", "rsst-000:1")["chosen"]["name"] == "rsst-000:1"  # of the same trial


def test_the_command_says_what_lies_there_and_what_to_do_with_it(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "my small"
    assert cli.main(["export", str(run), "--state", "rsst-000:2", "--out", str(out)]) == 0
    lines = capsys.readouterr().out.splitlines()
    kilobytes = (out / "model.onnx").stat().st_size / 1000
    assert f"  {out / 'model.onnx'}, {kilobytes:.1f} kB" in lines
    assert f"what it says of an image: python '{out / 'load_example.py'}' photo.jpg" in lines


def test_a_damaged_state_file_is_one_clear_line(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = run / "trials" / "rsst-000" / "states" / "00.safetensors"
    content = file.read_bytes()
    file.write_bytes(content[:100])
    try:
        line = refused(capsys, str(run), "--state", "rsst-000:0", "--out", str(tmp_path))
        assert "00.safetensors: damaged" in line
    finally:
        file.write_bytes(content)
