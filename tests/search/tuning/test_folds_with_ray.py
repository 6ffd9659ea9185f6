"""A comparison over folds as a user runs it, on textures in DTD's layout: sweep, compare, report."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from search.cli import main
from search.config_file import yaml_file
from tests.configs.files import CONFIGS
from tests.trainables.data.made_textures import write_textures

pytestmark = pytest.mark.slow
STUDY = {
    "name": "folds",
    "trial": {
        "model": {"arch": "twistnet18", "init": {"source": "random"}},
        "data": {"name": "dtd", "image_size": 32, "workers": 0},
        "train": {"optimizer": "sgd", "lr": 0.05, "batch_size": 32, "epochs_per_state": 1, "device": "cpu"},
        "prune": {"method": "dense", "target": "channel", "schedule": {"states": 0}},
    },
    "arms": {"twistnet18": {}, "resnet18": {"model.arch": "resnet18"}},
    "space": {"data.fold": {"grid": [1, 2, 3, 4]}},
    "search": {"algorithm": "grid", "pairing": "shared", "seeds": [42, 43]},
    "resources": {"gpus_per_trial": 0},
    "compare": {"baseline": "resnet18"},
}
TEXTURES = sorted(CONFIGS.glob("dtd_*.yaml"))


Run = Callable[..., str]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """The command line: what it says on its standard output, once it has ended well."""

    def ran(*words: str) -> str:
        status = main(list(words))
        found = capsys.readouterr()
        assert status == 0, found.err
        return found.out

    return ran


@pytest.fixture(scope="module")
def textures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_textures(tmp_path_factory.mktemp("data") / "dtd").parent


@pytest.mark.ray
@pytest.mark.timeout(900)
def test_two_networks_over_four_folds_and_two_seeds(tmp_path: Path, textures: Path, run: Run) -> None:
    file = tmp_path / "folds.yaml"
    file.write_text(yaml_file.dump(STUDY), encoding="utf-8")
    run("sweep", str(file), "--storage", str(tmp_path), "--set", f"trial.data.root={textures}")
    found = json.loads(run("compare", str(tmp_path / "folds"), "--json"))
    (contrast,) = found["primary"]
    assert list(contrast["differences"]) == ["1", "2", "3", "4"]
    assert contrast["images"] is not None
    assert found["verdict"].startswith("Over these 4 folds of dtd, 2 seeds averaged in each: ")
    assert not found["exploratory"]
    assert {row["confirmed"]["runs"] for row in found["arms"].values()} == {8}
    run("report", str(tmp_path / "folds"))
    page = (tmp_path / "folds" / "report" / "index.html").read_text(encoding="utf-8")
    assert "mean ± s.d. of folds" in page
    assert "Over these 4 folds of dtd" in page
    assert "Which of twistnet18 and resnet18 is better on dtd?" in page


@pytest.mark.timeout(300)
@pytest.mark.parametrize("path", TEXTURES, ids=lambda path: path.stem)
def test_studies_of_textures_can_be_run(path: Path, tmp_path: Path, textures: Path, run: Run) -> None:
    """Their weights are nobody's to have here, so they begin at random ones."""
    sets = [f"trial.data.root={textures}", "trial.model.init={source: random}"]
    sets += ["resources.cpus_per_trial=1", "trial.data.workers=0", "trial.data.image_size=32"]
    options = [word for one in sets for word in ("--set", one)]
    assert "claim: folds, every arm on every fold, 3 seeds averaged in each; folds: 10" in run(
        "validate", str(path), *options
    )
    said = run("sweep", str(path), "--storage", str(tmp_path), "--dry-run", *options)
    assert "nothing was started" in said
    assert "cannot settle" not in said
