"""A run is read without importing anything that its study names, and whether or not that is still there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from models.own_parts.places import ENVIRONMENT_KEY, places
from pruning.catalogue import METHODS, traits_of
from search.cli import main
from search.run.folder import RunFolder
from search.run.manifest import open_run, write_launch
from search.study.load import load_study

STUDY = """\
name: got
trial:
  model: {arch: vit_micro, init: {source: random}}
  data: {name: digits}
  train: {epochs_per_state: 1}
  prune: {schedule: {states: 1}}
arms:
  refill: {prune.method: refill}
  fading: {prune.method: "NAMED"}
search: {trials_per_arm: 1}
"""
METHOD = """\
from pathlib import Path
from pruning.methods import Method, MethodTraits, StatePlan

with open(Path(__file__).parent / "imported", "a") as file:
    file.write("once more\\n")

class Fading(Method):
    traits = MethodTraits("fading", shrinks=True, is_control=True, criterion="l2")

    def plan(self, drop, learning_rates, settings):
        return StatePlan()
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(ENVIRONMENT_KEY, "")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("command", ["status", "list", "report", "compare"])
def test_no_code_of_a_run_is_run_by_a_command_that_reads_it(folder: Path, command: str) -> None:
    run = folder / "runs" / "got"
    (run / "trials").mkdir(parents=True)
    name = f"read_by_{command}"
    (run / f"{name}.py").write_text(METHOD)
    text = STUDY.replace("NAMED", f"{name}:Fading").replace("vit_micro", f'"{name}:Fading"')
    text = text.replace("{schedule: {", f'{{criterion: "{name}:Fading", schedule: {{kind: "{name}:Fading", ')
    (run / "study.yaml").write_text(text.replace("digits", f'"{name}:Fading"'))
    (run / "parts.json").write_text(json.dumps({"folders": [str(run)]}))
    assert main([command, str(run.parent if command == "list" else run)]) == (
        2 if command in ("report", "compare") else 0
    )
    assert not (run / "imported").exists()
    assert run not in places()


def test_what_its_methods_are_stands_in_the_manifest(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "written.py").write_text(METHOD)
    (folder / "study.yaml").write_text(STUDY.replace("NAMED", "written.py:Fading"))
    study = load_study(folder / "study.yaml")
    run = open_run(folder / "runs", study)
    write_launch(run, 1, {}, {}, [], study)
    assert (folder / "imported").read_text() == "once more\n"
    (folder / "written.py").unlink()
    monkeypatch.setattr(METHODS, "_found", {})  # as in another process
    read = load_study(run.study_file, recorded=True).arms["fading"].traits
    assert (read.shrinks, read.is_control, read.criterion, read.masks) == (True, True, "l2", False)


def test_a_resume_asks_the_code(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = RunFolder(folder / "runs" / "got")
    run.path.mkdir(parents=True)
    (run.path / "resumed.py").write_text(METHOD)
    run.study_file.write_text(STUDY.replace("NAMED", "resumed.py:Fading"))
    (run.path / "parts.json").write_text(json.dumps({"folders": [str(run.path)]}))
    assert not load_study(run.study_file, recorded=True).arms["fading"].traits.shrinks
    assert load_study(run.study_file, recorded=True, goes_on=True).arms["fading"].traits.shrinks


@pytest.mark.parametrize("told", [None, [], {"rsst": {"masks": True}, "odd:Odd": 3, "odd:Other": {"masks": "yes"}}])
def test_a_manifest_of_anybody_s_says_nothing_of_ours(folder: Path, told: object) -> None:
    (folder / "study.yaml").write_text(STUDY.replace("NAMED", "odd:Other"))
    (folder / "manifest.json").write_text(json.dumps({"methods": told}))
    load_study(folder / "study.yaml", recorded=True)
    assert not traits_of("rsst").masks
    assert not traits_of("odd:Other").masks


def test_a_run_is_read_whose_package_is_gone(folder: Path) -> None:
    text = STUDY.replace("NAMED", "gone_method").replace("{schedule", "{criterion: gone_scores, schedule")
    (folder / "study.yaml").write_text(
        text.replace("name: digits", "name: gone_data").replace("per_arm: 1", "per_arm: 1, algorithm: gone_sampler")
        + "scheduler: {kind: gone_rule}\ncallbacks: [gone_callback, {gone_class: {to: here}}]\n"
    )
    read = load_study(folder / "study.yaml", recorded=True)
    assert read.arms["fading"].config().prune.criterion == "gone_scores"
    assert [one.use for one in read.callbacks] == ["gone_callback", "gone_class"]
    assert (read.search.algorithm, read.scheduler.kind) == ("gone_sampler", "gone_rule")
