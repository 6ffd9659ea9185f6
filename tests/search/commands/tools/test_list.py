"""`prunetune list`, and `board` of a folder that holds runs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from models.versions import ROOT
from search.cli import main
from search.commands.board import launch_all
from search.commands.tools.storage import as_storage, size_on_disk
from tests.search.made_runs import MadeRun, two_arm_run


def listed(capsys: pytest.CaptureFixture[str], storage: str | Path) -> dict[str, dict[str, Any]]:
    capsys.readouterr()
    assert main(["list", str(storage), "--json"]) == 0
    return {run["name"]: run for run in json.loads(capsys.readouterr().out)["runs"]}


def judged_by(metric: str, run: Path) -> None:
    study = run / "study.yaml"
    kept = study.read_text(encoding="utf-8").partition("compare:")[0]
    study.write_text(f"{kept}compare: {{metric: {metric}}}\n", encoding="utf-8")


@pytest.fixture
def storage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """A complete run with a report, one that has just begun, a damaged one, and a folder that is none."""
    report = two_arm_run(tmp_path / "runs" / "complete").path / "report"
    judged_by("val_accuracy", tmp_path / "runs" / "complete")
    report.mkdir()
    contrast = {"arm": "rsst", "baseline": "refill", "kind": "better", "mean": 0.0123}
    (report / "comparison.json").write_text(json.dumps({"primary": [contrast], "exploratory": False}), encoding="utf-8")
    MadeRun(tmp_path / "runs" / "begun").add("rsst", [0.9], status=None)
    damaged = MadeRun(tmp_path / "runs" / "damaged").path
    (damaged / "manifest.json").write_text("{", encoding="utf-8")
    (tmp_path / "runs" / "other").mkdir()
    return tmp_path / "runs"


def test_each_run_has_a_line_and_a_damaged_one_is_no_end(storage: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = listed(capsys, storage)
    assert list(runs) == ["begun", "complete", "damaged"]
    begun, damaged = runs["begun"], runs["damaged"]
    assert (begun["complete"], begun["trials_ended"], begun["driver"]) == (False, 0, None)
    assert begun["trials"] > 1
    assert begun["arms"] == ["refill", "rsst"]
    assert "manifest.json: damaged" in damaged["problem"]
    assert main(["list", str(storage)]) == 0
    heading, *lines = capsys.readouterr().out.splitlines()
    assert heading.split() == ["run", "state", "last", "driven", "size", "arms", "verdict"]
    assert f"left, 0 of {begun['trials']} trials" in lines[0]
    assert "cannot be read" in lines[2]


def test_a_complete_run_has_its_verdict(storage: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = listed(capsys, storage)["complete"]
    assert run["complete"]
    assert run["verdict"] == "rsst better than refill by 1.23 points"


def test_a_verdict_from_before_the_last_launch_is_none(storage: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = storage / "complete" / "report" / "comparison.json"
    (storage / "complete" / "manifest.json").write_text(
        json.dumps({"schema_version": 1, "foundations": {}, "launches": []}), encoding="utf-8"
    )
    os.utime(report, (1.0, 1.0))
    assert listed(capsys, storage)["complete"]["verdict"] is None
    os.utime(report)
    assert listed(capsys, storage)["complete"]["verdict"] == "rsst better than refill by 1.23 points"


def test_of_a_verdict_on_test_images_the_kind_alone_is_told(storage: Path, capsys: pytest.CaptureFixture[str]) -> None:
    judged_by("test_accuracy", storage / "complete")
    assert listed(capsys, storage)["complete"]["verdict"] == "rsst better than refill"


def test_a_file_with_two_names_takes_its_room_once(tmp_path: Path) -> None:
    (tmp_path / "stages").mkdir()
    (tmp_path / "one").write_bytes(b"x" * 1000)
    os.link(tmp_path / "one", tmp_path / "stages" / "two")
    assert size_on_disk(tmp_path) == 1000


def test_a_place_in_a_bucket_is_listed_as_it_is_there(
    storage: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRUNETUNE_CACHE", str(tmp_path / "cache"))
    shutil.rmtree(storage / "damaged")
    url = f"file://{storage}"
    assert list(listed(capsys, url)) == ["begun", "complete"]
    assert listed(capsys, url)["begun"]["run"] == f"{url}/begun"


def test_where_there_is_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", str(tmp_path / "nowhere")]) == 2
    assert "nowhere: no folder is here" in capsys.readouterr().err
    assert main(["list", str(tmp_path)]) == 0
    assert "no run is here" in capsys.readouterr().out


def test_board_of_a_folder_of_runs_serves_them_all(storage: Path) -> None:
    shutil.rmtree(storage / "damaged")
    assert as_storage(storage) == storage
    assert as_storage(storage / "begun") is None
    assert as_storage(storage / "other") is None
    url = launch_all(storage, "127.0.0.1", 0)
    with urllib.request.urlopen(f"{url}data/environment", timeout=20) as answer:
        assert json.loads(answer.read())["data_location"] == str(storage)


def test_listing_loads_neither_torch_nor_ray(storage: Path) -> None:
    run = f"from search.cli import main; main(['list', {str(storage)!r}])"
    code = f"import sys; {run}; print('torch' in sys.modules, 'ray' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.splitlines()[-1] == "False False"


def test_a_board_prints_its_object_when_it_serves(tmp_path: Path) -> None:
    run = MadeRun(tmp_path / "run").path
    command = [sys.executable, "-m", "search.cli", "board", str(run), "--json", "--port", "0"]
    (run / "trials").mkdir(exist_ok=True)
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT) as board:
        assert board.stdout is not None
        told = json.loads(board.stdout.readline())
        board.terminate()  # as Ctrl-C does, which a test in the background of a shell may not hear
        rest = board.stdout.read()
    assert told["url"].startswith("http://")
    assert rest == "", "once"


@pytest.mark.parametrize(
    ("sets", "told"),
    [
        ("trial.train.lr=1", "log changes logging alone: another study is another run"),
        ("resources.max_concurrent=1", "log changes logging alone; prunetune resume changes resources, retention"),
    ],
)
def test_log_says_what_it_changes(sets: str, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["log", str(MadeRun(tmp_path / "made").path), "--set", sets]) == 2
    assert told in capsys.readouterr().err


def test_a_run_is_shown_itself_and_one_without_its_study_is_told_of(
    storage: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert list(listed(capsys, storage / "complete")) == ["complete"]
    (storage / "begun" / "study.yaml").unlink()
    assert "no run is here (there is no study.yaml in it)" in listed(capsys, storage)["begun"]["problem"]
    for nowhere in (storage / "nowhere", f"file://{storage}/nowhere"):
        assert main(["list", str(nowhere)]) == 2
        assert "nowhere: no folder is here" in capsys.readouterr().err
