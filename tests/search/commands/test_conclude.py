"""The end of a study: its report and its export are written once, and again where they are not those of its last launch."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from models.errors import UserError
from search.commands import launch
from search.export import export
from search.report import write
from search.run.results import load_results
from tests.search.made_runs import two_arm_run

AGE = {"older": -10.0, "younger": 10.0}
"""Seconds after the manifest."""


@pytest.mark.parametrize(
    ("report", "exported", "written"),
    [
        ("younger", "younger", []),
        ("older", "younger", ["report"]),
        ("younger", "older", ["export"]),
        ("younger", None, ["export"]),
        (None, None, ["report", "export"]),
    ],
)
def test_what_a_kill_left_older_than_the_last_launch_is_written_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, report: str | None, exported: str | None, written: list[str]
) -> None:
    run, seen = two_arm_run(tmp_path / "run", seeds=1).path, list[str]()
    monkeypatch.setattr(write, "write_report", lambda *arguments: seen.append("report"))
    monkeypatch.setattr(export, "export", lambda *arguments: seen.append("export"))
    manifest = run / "manifest.json"
    manifest.write_text('{"schema_version": 1, "foundations": {}, "launches": []}')
    for file, age in ((run / "report" / "index.html", report), (run / "export" / export.FILES[-1], exported)):
        if age is not None:
            file.parent.mkdir()
            file.touch()
            os.utime(file, (manifest.stat().st_mtime + AGE[age],) * 2)
    results = load_results(run)
    launch.conclude(results, again=True)
    assert seen == written
    manifest.unlink()
    launch.conclude(results, again=True)
    assert seen == written + [name for name, there in (("report", report), ("export", exported)) if there is None]
    launch.conclude(results)
    assert seen[-2:] == ["report", "export"]


@pytest.mark.parametrize("error", [ValueError("no formula"), UserError("report: no Plotly")])
def test_a_report_that_fails_costs_no_export_and_is_told_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception
) -> None:
    seen = list[str]()

    def fails(*arguments: object) -> None:
        raise error

    monkeypatch.setattr(write, "write_report", fails)
    monkeypatch.setattr(export, "export", lambda *arguments: seen.append("export"))
    run = two_arm_run(tmp_path / "run", seeds=1).path
    with pytest.raises(type(error)) as raised:
        launch.conclude(load_results(run))
    assert raised.value is error
    assert seen == ["export"]
    assert f"best configuration and network: {run / 'export'}" in capsys.readouterr().err
