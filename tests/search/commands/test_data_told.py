"""What a person is told of the data: by `validate` before a study, and of a study without a test split after it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from models.networks.registry import resolve_spec
from models.save_load import LoadedModel
from models.units.structure import Structure
from search import cli
from search.export.best_study import provenance_of
from search.export.deployed import deployed
from search.export.model_card import model_card
from search.run.candidates import Candidate
from search.run.results import load_results
from tests.search.made_runs import MadeRun, falling
from tests.search.small_study import small_study
from tests.trainables.data.made_data import write_images


@pytest.fixture
def study(tmp_path: Path) -> Path:
    for part, count in (("train", 12), ("val", 3)):
        write_images(tmp_path / "flowers" / part, ["daisy", "rose"], count, seed=count)
    data = {"name": "image_folder", "root": "flowers", "image_size": 16, "workers": 0, "train_limit": None}
    return small_study(tmp_path, trial={"data": data, "train": {"batch_size": 8}})


def test_validate_says_which_split_comes_from_where(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["validate", str(study)]) == 0
    told = capsys.readouterr()
    assert (
        "  data: image_folder: train 22 images (the rest of train/), validation 2 (held out of train/ by "
        "data.val_fraction: 0.1), test 6 (val/, there being no test/)\n"
    ) in told.out
    assert told.err.count("small validation set") == 1
    assert "refill, rsst: small validation set: 2 of 2 classes have under 10 images" in told.err


def test_validate_says_it_of_each_data_set(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    option = "--set=arms.rsst.data.test_fraction=0.25"
    assert cli.main(["validate", str(study), option, "--json"]) == 0
    first, second = json.loads(capsys.readouterr().out)["data"]
    assert (first["arms"], first["splits"]["test"]) == (["refill"], "val/, there being no test/")
    assert (second["arms"], second["splits"]["val"]) == (["rsst"], "val/")
    assert first["sizes"] == {"train": 22, "val": 2, "test": 6}
    assert cli.main(["validate", str(study), option]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(": ")[0] for line in lines[2:4]] == ["  data of refill", "  data of rsst"]


def test_without_a_test_split_another_metric_is_asked_for(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    option = "--set=trial.data.test_fraction=0"
    assert cli.main(["validate", str(study), option]) == 2
    assert (
        "trial.data.test_fraction: without a test split, but compare.metric is test_accuracy" in capsys.readouterr().err
    )
    assert cli.main(["validate", str(study), option, "--set=compare.metric=val_accuracy"]) == 0
    assert "test 0 (none, by data.test_fraction: 0)" in capsys.readouterr().out


@pytest.fixture
def untested(tmp_path: Path) -> Path:
    """A finished run on data without a test split."""
    search = {"algorithm": "random", "trials_per_arm": 1, "confirm": {"seeds": [1, 2]}}
    made = MadeRun(tmp_path / "untested", study={"compare": {"metric": "val_accuracy"}, "search": search})
    for arm, last in (("refill", 0.7), ("rsst", 0.8)):
        folders = [made.add(arm, falling(last))]
        folders += [made.add(arm, falling(last), seed=seed, confirm=True) for seed in (1, 2)]
        for folder in folders:
            record = folder / "record.jsonl"
            lines = [json.loads(line) for line in record.read_text().splitlines()]
            for line in (line for line in lines if line["kind"] == "state"):
                line.update(test_accuracy=None, test_loss=None)
            record.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return made.path


def test_a_run_without_a_test_split_is_compared_on_validation_and_says_so(
    untested: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["compare", str(untested)]) == 0
    assert "No test split (data.test_fraction: 0): rsst-confirm-s" in capsys.readouterr().out
    assert cli.main(["compare", str(untested), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["test"]["accuracy"] is None


def test_the_card_of_a_network_without_a_test_split_says_so(untested: Path) -> None:
    results = load_results(untested)
    trial = results.trials[0]
    candidate = Candidate(trial, trial.last)
    parts = LoadedModel(resolve_spec("vit_micro", 10, 8, 1), Structure.from_json(trial.last.structure), {}, {})
    measured = ("pt2_difference", "onnx_difference", "threads", "processor")
    card = model_card(
        results,
        candidate,
        parts,
        deployed(parts, candidate.name),
        provenance_of(candidate, untested, 4),
        {**dict.fromkeys(measured, 1), "latency": {}, "onnx_versions": {"opset": 20, "ir": 10}},
        "so",
    )
    assert "it was chosen so; there were no test images." in card
    assert "| test accuracy | – | – |" in card
