"""A run that version 0.1.0 made, records only: every later version reads it and says the same of it, figure for figure.

`tests/data/old_run_expected/` holds what 0.1.0 itself printed. Neither is ever made anew: what has to change there would
change for everybody who has a run. A later version may say more, and word its verdict differently.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from search import cli
from search.config_file import yaml_file
from search.run.folder import RunFolder
from search.run.manifest import check_same_study, open_run
from search.study.load import load_study

DATA = Path(__file__).resolve().parents[2] / "data"


@pytest.fixture
def old_run(tmp_path: Path) -> Path:
    return Path(shutil.copytree(DATA / "old_run", tmp_path / "old_run"))


@pytest.mark.parametrize("command", ["status", "compare", "pareto"])
def test_an_old_run_says_the_same(command: str, old_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([command, str(old_run), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said.pop("run") == str(old_run)
    assert said.pop("warnings") == [], "0.1.0 wrote none into its records"
    expected = json.loads((DATA / "old_run_expected" / f"{command}.json").read_text(encoding="utf-8"))
    del expected["run"]
    expected.pop("verdict", None)
    for contrast in [*expected.get("primary", []), *expected.get("secondary", [])]:
        contrast["more_seeds"] = None  # two seeds: 0.1.0 foretold 48 from them, which was noise
    assert said_before(said, expected) == expected


def said_before(said: Any, expected: Any) -> Any:
    """What of `said` was said by 0.1.0 too."""
    if isinstance(said, dict) and isinstance(expected, dict):
        return {key: said_before(said[key], expected[key]) for key in said if key in expected}
    if isinstance(said, list) and isinstance(expected, list) and len(said) == len(expected):
        return [said_before(one, other) for one, other in zip(said, expected, strict=True)]
    return said


def test_an_old_run_goes_on_as_the_same_study(old_run: Path) -> None:
    """`resume` takes its study file, and the same request again means this run."""
    study = load_study(old_run / "study.yaml", recorded=True)
    check_same_study(RunFolder(old_run), study)
    assert open_run(old_run.parent, study).path == old_run
    assert study.compare.claim == "configurations", "its verdict was about the chosen configurations"
    kept = yaml_file.read(old_run / "study.yaml").content
    now = study.to_json()
    assert now.pop("logging")["tensorboard"], "the section came later; what it did is the default"
    for section in ("search", "scheduler", "resources", "compare", "retention"):
        now[section] = {key: value for key, value in now[section].items() if key in kept[section]}
    assert json.loads(json.dumps(now)) == kept


@pytest.mark.slow
def test_an_old_run_without_its_networks_is_complete_all_the_same(
    old_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["resume", str(old_run)]) == 0
    said = capsys.readouterr().out
    assert f"{old_run}: complete" in said
    assert "nothing exported: " in said
    assert (old_run / "report" / "index.html").exists()
