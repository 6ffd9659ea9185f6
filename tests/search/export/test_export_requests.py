"""What `export` cannot do is one clear line, before anything is written."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from models.errors import WorkFailed
from models.export import checked
from search import cli
from search.commands.export import Amount
from tests.search.made_runs import MadeRun, falling


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """The single line on standard error; nothing on standard output."""
    status = cli.main(["export", *words])
    shown = capsys.readouterr()
    assert (status, shown.out) == (2, "")
    (line,) = shown.err.splitlines()
    assert line.startswith("prunetune: error: ")
    return line


@pytest.fixture
def made(tmp_path: Path) -> MadeRun:
    made = MadeRun(tmp_path / "run", arms={"rsst": {"prune.method": "rsst"}})
    folder = made.add("rsst", falling(0.9))
    (folder / "states").mkdir()
    return made


def test_a_run_without_a_finished_trial(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = MadeRun(tmp_path / "run")
    made.add("rsst", [0.9, 0.8], status=None)
    line = refused(capsys, str(made.path))
    assert f"1 trial, none finished; run `prunetune resume {made.path}` to finish some" in line
    assert not (made.path / "export").exists()


def test_a_run_without_any_trial(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = MadeRun(tmp_path / "run")
    assert "0 trials, none finished" in refused(capsys, str(made.path))


def test_an_arm_without_a_finished_trial(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = MadeRun(tmp_path / "run")
    made.add("rsst", falling(0.9))
    made.add("refill", [0.9], status=None)
    assert "no network of arm refill to take: no trial finished yet" in refused(
        capsys, str(made.path), "--arm", "refill"
    )


@pytest.mark.parametrize(
    ("state", "says"),
    [
        ("nobody-000:1", "has no trial 'nobody-000'; it has rsst-000"),
        ("rsst-000:7", "rsst-000 has the states 0 to 3, found 7"),
        ("rsst-000", "expected TRIAL:STATE such as refill-003:4"),
        ("rsst-000:x", "expected TRIAL:STATE such as refill-003:4"),
    ],
)
def test_a_state_that_is_not_there(made: MadeRun, capsys: pytest.CaptureFixture[str], state: str, says: str) -> None:
    assert says in refused(capsys, str(made.path), "--state", state)


def test_a_trial_before_its_first_state(made: MadeRun, capsys: pytest.CaptureFixture[str]) -> None:
    made.add("rsst", [], number=1, status=None)
    assert "rsst-001 has completed no state yet" in refused(capsys, str(made.path), "--state", "rsst-001:0")


def test_a_state_whose_network_is_gone(made: MadeRun, capsys: pytest.CaptureFixture[str]) -> None:
    line = refused(capsys, str(made.path), "--out", str(made.path / "out"))
    assert "rsst-000:3: its network was not kept" in line
    assert not (made.path / "out").exists()


def test_a_damaged_record(made: MadeRun, capsys: pytest.CaptureFixture[str]) -> None:
    record = made.path / "trials" / "rsst-000" / "record.jsonl"
    lines = record.read_bytes().splitlines(keepends=True)
    record.write_bytes(lines[0] + b'{"kind": "sta\n' + b"".join(lines[2:]))
    line = refused(capsys, str(made.path))
    assert f"{record}, line 2: damaged" in line
    assert "remove this trial's folder and resume the run" in line


def test_a_state_line_that_lacks_something(made: MadeRun, capsys: pytest.CaptureFixture[str]) -> None:
    record = made.path / "trials" / "rsst-000" / "record.jsonl"
    lines = record.read_bytes().splitlines(keepends=True)
    record.write_bytes(lines[0] + b'{"kind": "state", "state": 0}\n' + b"".join(lines[2:]))
    assert f"{record}, line 2: damaged" in refused(capsys, str(made.path))


def test_a_record_of_another_version(made: MadeRun, capsys: pytest.CaptureFixture[str]) -> None:
    record = made.path / "trials" / "rsst-000" / "record.jsonl"
    record.write_bytes(record.read_bytes().replace(b'"schema_version":2', b'"schema_version":7', 1))
    assert "written as version 7 of the record, this prunetune reads version 1 and 2" in refused(capsys, str(made.path))


def test_a_folder_that_is_no_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "no run is here" in refused(capsys, str(tmp_path))


def test_a_damaged_state_file(made: MadeRun, capsys: pytest.CaptureFixture[str]) -> None:
    (made.path / "trials" / "rsst-000" / "states" / "03.safetensors").write_bytes(b"not a network")
    assert "03.safetensors: damaged" in refused(capsys, str(made.path))


@pytest.mark.parametrize(("text", "value"), [("0.4", 0.4), ("5M", 5e6), ("1.2g", 1.2e9), ("300", 300.0), ("2e6", 2e6)])
def test_amounts_are_read(text: str, value: float) -> None:
    assert Amount().convert(text, None, None) == pytest.approx(value)


@pytest.mark.parametrize("text", ["", "x", "-1", "0", "5T", "nan"])
def test_what_is_no_amount_is_refused(made: MadeRun, capsys: pytest.CaptureFixture[str], text: str) -> None:
    line = refused(capsys, str(made.path), f"--max-macs={text}")
    assert "expected a number above 0 such as 0.4, 250000 or 5M" in line


def test_a_format_that_computes_something_else_is_refused(tmp_path: Path) -> None:
    layer = torch.nn.Flatten()
    with pytest.raises(WorkFailed, match=r"model\.onnx: its output differs from torch's"):
        checked(tmp_path / "model.onnx", layer, (1, 2, 2), lambda images: layer(images) + 0.1)
