"""`prunetune resume --set`: what changes no trial may change, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks.support.simulation import Simulation, make_study
from search import cli
from search.commands import launch
from search.commands.common import Outcome
from search.run.changing.noted import changes_text
from search.run.files.manifest_file import read_manifest
from search.run.folder import RunFolder
from search.run.manifest import check_same_study, open_run, write_launch
from search.study.load import load_study
from search.study.study import Study


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    study = make_study(tmp_path)
    begun = Simulation(study, tmp_path / "runs").go(4).run
    write_launch(begun, 1, {}, {}, [], study)
    return begun


@pytest.fixture
def driven(monkeypatch: pytest.MonkeyPatch) -> list[Study]:
    """The studies that `resume` goes on to drive."""
    studies: list[Study] = []

    def drive(study: Study, run: RunFolder, **options: Any) -> Outcome:
        studies.append(study)
        return Outcome({}, "")

    monkeypatch.setattr(launch, "drive_command", drive)
    return studies


def test_resources_and_retention_may_change_and_stay_changed(run: RunFolder, driven: list[Study]) -> None:
    sets = ["--set", "resources.max_concurrent=3", "--set", "retention.states=last"]
    assert cli.main(["resume", str(run.path), *sets]) == 0
    (study,) = driven
    assert (study.resources.max_concurrent, study.retention.states) == (3, "last")
    assert load_study(run.study_file) == study
    check_same_study(run, study)


@pytest.mark.parametrize(
    "option",
    ["trial.train.lr=0.1", "train.lr=0.1", "search.trials_per_arm=9", "compare.alpha=0.1", "name=b", "nonsense"],
)
def test_what_makes_the_trials_may_not(
    option: str, run: RunFolder, driven: list[Study], capsys: pytest.CaptureFixture[str]
) -> None:
    before = run.study_file.read_text()
    assert cli.main(["resume", str(run.path), "--set", option]) == 2
    assert f"--set {option}: a run keeps what makes its trials; resume changes resources" in capsys.readouterr().err
    assert (run.study_file.read_text(), driven) == (before, [])


@pytest.mark.parametrize("option", ["resources.max_concurrnt=3", "resources.max_concurrent=0", "retention=3"])
def test_a_wrong_value_leaves_the_run_as_it_is(
    option: str, run: RunFolder, driven: list[Study], capsys: pytest.CaptureFixture[str]
) -> None:
    before = run.study_file.read_text()
    assert cli.main(["resume", str(run.path), "--set", option]) == 2
    assert f"--set {option}: " in capsys.readouterr().err
    assert (run.study_file.read_text(), driven) == (before, [])


@pytest.mark.parametrize("grows", [[], ["--trials-per-arm", "9"]])
def test_what_cannot_run_here_leaves_the_run_as_it_is(
    grows: list[str], run: RunFolder, driven: list[Study], capsys: pytest.CaptureFixture[str]
) -> None:
    """Or the plain `resume` after it would be refused for what this one has written."""
    before = run.study_file.read_text()
    asked = ["resume", str(run.path), "--set", "resources.cpus_per_trial=4096", *grows]
    assert cli.main(asked) == 2
    assert "resources.cpus_per_trial: 4096 CPUs are asked for a trial, but there are" in capsys.readouterr().err
    assert (run.study_file.read_text(), driven) == (before, [])
    assert cli.main([*asked, "--address", "head:6379"]) == 0


def test_nothing_changes_under_whoever_drives_the_run(
    run: RunFolder, driven: list[Study], capsys: pytest.CaptureFixture[str]
) -> None:
    before = run.study_file.read_text()
    with run.driven():
        assert cli.main(["resume", str(run.path), "--set", "retention.states=last"]) == 2
    assert "wait for it or stop it first" in capsys.readouterr().err
    assert (run.study_file.read_text(), driven) == (before, [])


@pytest.mark.parametrize(
    ("option", "told"),
    [
        ("resources.device=cpu", "--set resources.gpus_per_trial=0 keeps what is still to run off the GPUs"),
        ("trial.train.device=cpu", "--set resources.gpus_per_trial=0"),
        ("train.threads=2", "with how many threads a trial trains changes its numbers"),
        ("scheduler.kind=none", "by this rule trials have been stopped already"),
        ("compare.alpha=0.1", "what is claimed was fixed before its trials ran"),
        ("search.trials_per_arm=9", "--trials-per-arm and --confirm-seeds grow it"),
        ("space.train.lr={uniform: [0.1, 0.2]}", "search.warm_start"),
        ("name=b", "prunetune sweep with --name"),
    ],
)
def test_what_may_not_change_says_why_and_what_then(
    option: str, told: str, run: RunFolder, driven: list[Study], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["resume", str(run.path), "--set", option]) == 2
    assert told in capsys.readouterr().err


def test_each_change_is_noted_and_stands_in_the_reports_provenance(run: RunFolder, driven: list[Study]) -> None:
    for option in ("resources.max_concurrent=3", "resources.max_concurrent=3", "logging.tensorboard=false"):
        assert cli.main(["resume", str(run.path), "--set", option]) == 0
    steps = read_manifest(run)["changed"]
    assert [step["keys"] for step in steps] == [
        ["resources.max_concurrent was None, is now 3"],
        ["logging.tensorboard was True, is now False"],
    ]
    assert changes_text(run).count(": resources.max_concurrent was None, is now 3; ") == 1
    assert driven[-1].logging.tensorboard is False


def test_the_same_request_with_another_resource_notes_it_too(run: RunFolder) -> None:
    study = load_study(run.study_file, ("resources.max_concurrent=2",), recorded=True)
    assert open_run(run.path.parent, study).path == run.path
    assert "resources.max_concurrent was None, is now 2" in changes_text(run)
