"""`report`, `compare` and `pareto` on the command line: their output, and one clear line where a run cannot be read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

import pytest

from search import cli
from tests.search.made_runs import MadeRun, falling, two_arm_run

READERS = ("report", "compare", "pareto")


def refused(capsys: pytest.CaptureFixture[str], command: str, run: Path) -> str:
    """The single line on standard error."""
    assert cli.main([command, str(run)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    return line


def test_report_names_what_it_wrote(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = MadeRun(tmp_path / "run")
    made.add("rsst", falling(0.9))
    assert cli.main(["report", str(made.path), "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert Path(shown["out"]) == made.path / "report"
    assert {path.name for path in (made.path / "report").iterdir()} == set(shown["files"])


def test_pareto_lists_the_front(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = two_arm_run(tmp_path / "run", seeds=2)
    made.add("refill", falling(0.99), number=2)
    assert cli.main(["pareto", str(made.path), "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["states"] == 36
    assert [one["state"] for one in shown["front"]] == [3]
    assert cli.main(["pareto", str(made.path)]) == 0
    assert capsys.readouterr().out.startswith("1 of 36 states are on the front:\nstate ")


def test_masks_have_no_place_on_the_front(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = MadeRun(tmp_path / "run", arms={"rsst": {"prune.method": "rsst"}, "imp": {"prune.method": "imp"}})
    made.add("rsst", falling(0.9))
    made.add("imp", falling(0.95))
    assert cli.main(["pareto", str(made.path)]) == 0
    assert "imp-" not in capsys.readouterr().out


def test_one_arm_has_no_comparison(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = MadeRun(tmp_path / "run", arms={"rsst": {"prune.method": "rsst"}})
    made.add("rsst", falling(0.9))
    assert "its only arm is 'rsst'; a comparison needs two or more" in refused(capsys, "compare", made.path)


@pytest.mark.parametrize("phases", [("trial", "trial"), ("trial", "search")])
def test_only_what_was_searched_is_called_so(
    tmp_path: Path, phases: tuple[Literal["trial", "search"], ...], capsys: pytest.CaptureFixture[str]
) -> None:
    made = MadeRun(tmp_path / "run")
    for arm, phase, last in zip(("rsst", "refill"), phases, (0.95, 0.9), strict=True):
        made.add(arm, falling(last), phase=phase)
    assert cli.main(["compare", str(made.path)]) == 0
    shown = capsys.readouterr().out
    single = "search" not in phases
    assert ("Exploratory: the best single trial is rsst's (95.00 % validation" in shown) == single
    assert ("search" in shown) != single


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (
            b'{"kind":"config","schema_version":99}\n',
            "written as version 99 of the record, this prunetune reads version 1",
        ),
        (b'{"kind":"config","schema_ver\n{}\n', "damaged"),
        (b"[1]\n", "its first line is no configuration"),
        (b"\xff\xfe\x00\n", "damaged"),
    ],
)
def test_a_damaged_or_foreign_record_is_one_clear_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes, says: str
) -> None:
    record = MadeRun(tmp_path / "run").add("refill", falling(0.9)) / "record.jsonl"
    record.write_bytes(content)
    for command in READERS:
        line = refused(capsys, command, tmp_path / "run")
        assert says in line
        assert str(record) in line


@pytest.mark.parametrize("content", [b"{", b"[]", b"\xff", b'{"identity": 1}'])
def test_a_damaged_request_is_one_clear_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes
) -> None:
    request = MadeRun(tmp_path / "run").add("refill", falling(0.9)) / "trial.json"
    request.write_bytes(content)
    line = refused(capsys, "compare", tmp_path / "run")
    assert f"{request}: damaged" in line or f"{request}: no request" in line


def test_damaged_predictions_are_one_clear_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = two_arm_run(tmp_path / "run", seeds=2)
    for path in made.path.glob("trials/*/states/*.predictions.safetensors"):
        path.write_bytes(b"nothing")
    assert "damaged predictions" in refused(capsys, "compare", made.path)


def test_a_folder_that_is_no_run_is_one_clear_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "no run is here" in refused(capsys, "report", tmp_path)
