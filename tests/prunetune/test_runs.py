"""A run, its trials and its frames from Python say what the commands say, of the same files."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

import prunetune
from search import cli
from search.report.csv_files import states_csv
from tests.search.made_runs import MadeRun, falling, two_arm_run
from trainables.files.json_lines import finite_json


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> prunetune.Run:
    return prunetune.Run(two_arm_run(tmp_path_factory.mktemp("runs") / "made", seeds=4).path)


def shown(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, Any]:
    assert cli.main([*map(str, arguments), "--json"]) == 0
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    del told["schema_version"]
    return told


def test_status_is_that_of_the_command(run: prunetune.Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert json.loads(json.dumps(run.status)) == shown(capsys, "status", run.folder)
    assert cli.main(["status", str(run.folder)]) == 0
    assert f"{run}\n" == capsys.readouterr().out
    assert run.best is not None
    assert run.best.id == run.status["best"]["id"]
    assert run.complete == run.status["complete"]


def test_comparison_is_that_of_the_command(run: prunetune.Run, capsys: pytest.CaptureFixture[str]) -> None:
    compared = prunetune.compare(run)
    assert json.loads(finite_json(compared.to_json())) == shown(capsys, "compare", run.folder)
    assert compared.verdict in str(compared)
    assert {one.arm for one in compared.comparison.primary} == {"rsst"}
    assert str(prunetune.compare(str(run.folder))) == str(compared)


def test_states_are_those_of_the_report_but_for_the_test_split(run: prunetune.Run) -> None:
    heading, *rows = csv.reader(states_csv(run.results).splitlines())
    frame = run.states()
    assert list(frame.columns) == [name for name in heading if not name.startswith("test_")]
    assert len(frame) == len(rows) == 12 * 4
    for name in ("id", "state", "val_accuracy", "macs_share", "kept_head"):
        told = [row[heading.index(name)] for row in rows]
        assert [str(value) for value in frame[name]] == told


def test_trials_have_a_row_each_with_what_was_searched(run: prunetune.Run) -> None:
    frame = run.trials().set_index("id")
    assert len(frame) == 12
    assert frame.loc["refill-001", "train.lr"] == 0.002
    assert frame["train.lr"].dtype == "float64"
    assert frame.loc["rsst-confirm-s101", "source"] == "rsst-000"
    last = run.trial("rsst-000").states[-1]
    assert frame.loc["rsst-000", ["state", "params", "val_accuracy"]].tolist() == [3, last.params, last.val_accuracy]


def test_nothing_tells_the_test_accuracy_by_the_way(run: prunetune.Run) -> None:
    columns = [*run.trials(), *run.states(), *run.epochs()]
    assert "val_accuracy" in columns
    assert [name for name in columns if "test" in name] == []
    trial = run.trial("rsst-000")
    assert "test" not in f"{trial!r} {trial.states}"


@pytest.mark.parametrize("name", ["trials", "states", "epochs"])
def test_a_run_without_trials_has_frames_of_the_same_types(name: str, run: prunetune.Run, tmp_path: Path) -> None:
    empty = getattr(prunetune.Run(MadeRun(tmp_path / "run").path), name)()
    full = getattr(run, name)()
    known = [column for column in full if column in empty]
    assert len(empty) == 0
    assert {"id", "seed", "val_accuracy", "removed_percent"} <= set(known)
    assert empty[known].dtypes.tolist() == full[known].dtypes.tolist()


def test_a_trial_before_its_first_state_has_gaps(tmp_path: Path) -> None:
    made = MadeRun(tmp_path / "run")
    made.add("rsst", [], status=None)
    run = prunetune.Run(made.path)
    frame = run.trials()
    assert frame[["id", "status"]].to_numpy().tolist() == [["rsst-000", "interrupted"]]
    assert frame[["state", "params", "val_accuracy"]].isna().all(axis=None)
    assert run.trial("rsst-000").val_accuracy is None
    assert repr(run.trial("rsst-000")) == "Trial('rsst-000', interrupted)"
    with pytest.raises(prunetune.UserError, match="has completed none yet"):
        run.trial("rsst-000").network()


def test_mistakes_are_told_as_the_commands_tell_them(run: prunetune.Run, tmp_path: Path) -> None:
    with pytest.raises(prunetune.UserError, match="no trial 'rsst-00'; the nearest is rsst-000; it has refill-000"):
        run.trial("rsst-00")
    with pytest.raises(prunetune.UserError, match="no arm 'rst' \\(refill, rsst\\); the nearest is rsst"):
        run.best_of("rst")
    with pytest.raises(prunetune.UserError, match=str(tmp_path)):
        prunetune.Run(tmp_path)
    with pytest.raises(prunetune.UserError, match="its network was not kept"):
        run.trial("rsst-000").network()
    with pytest.raises(prunetune.UserError, match="it has the states 0 to 3"):
        run.trial("rsst-000").network(4)
    with pytest.raises(prunetune.UserError, match="names one network"):
        prunetune.export(run, tmp_path / "out", state="rsst-000:3", max_macs=0.5)


def test_best_of_an_arm(run: prunetune.Run) -> None:
    best = run.best_of("refill")
    assert best is not None
    assert (best.id, best.arm, best.phase, best.values) == ("refill-000", "refill", "search", {"train.lr": 0.001})
    assert best.val_accuracy == pytest.approx(falling(0.9)[-1])
