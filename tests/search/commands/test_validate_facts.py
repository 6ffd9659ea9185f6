"""What `validate` tells of images, networks and cost, for people and with `--json`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from search import cli
from tests.search.small_study import small_study
from tests.trainables.data.made_data import write_images

pytestmark = pytest.mark.usefixtures("own_data_folder")


@pytest.fixture
def study(tmp_path: Path) -> Path:
    write_images(tmp_path / "flowers", ["daisy", "rose"], 20)
    data = {"name": "image_folder", "root": "flowers", "image_size": 16, "workers": 0, "train_limit": None}
    return small_study(tmp_path, trial={"data": data, "train": {"batch_size": 8}})


def test_it_tells_images_network_and_cost(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["validate", str(study)]) == 0
    told = capsys.readouterr()
    assert "    40 images of 2 classes (CLASS, not in parts): 20 each\n" in told.out
    assert "colour; 40 PNG\n" in told.out
    assert "    few images: 14 training images a class on average" in told.out
    assert "  network: vit_micro, 16 x 16 px in patches of 2 px, 3 channels, 2 classes: " in told.out
    assert " GMACs an image\n" in told.out
    assert "  cost: 2 trials, 4 epochs, " in told.out
    assert " MB of disk" in told.out
    assert " as busy as this machine is now (the fastest of a few dense steps counts" in told.out
    assert "timing a training step (--no-time leaves that out)" in told.err


def test_with_json_it_tells_the_same_as_figures(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["validate", str(study), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    facts = told["data"][0]["facts"]
    assert facts["counts"]["train"] == {"daisy": 14, "rose": 15}
    assert facts["files"]["formats"] == {"PNG": 40}
    assert (told["networks"][0]["patch_size"], told["networks"][0]["in_chans"]) == (2, 3)
    assert told["cost"]["trials"] == 2
    assert told["cost"]["seconds"] > 0
    assert set(told["cost"]["arms"]) == {"refill", "rsst"}


def test_nothing_is_timed_where_that_is_not_asked_for(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["validate", str(study), "--no-time", "--json"]) == 0
    told = capsys.readouterr()
    assert json.loads(told.out)["cost"] is None
    assert "timing" not in told.err
