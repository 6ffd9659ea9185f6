"""A folder that cannot be written to is told in one line before any work is done, and a wrong request leaves none behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.errors import UserError
from search import cli
from search.commands.common import check_writable
from tests.search.made_runs import MadeRun, falling
from tests.search.small_study import small_study

PRETRAINING = """\
name: tiny
model: {arch: vit_micro}
data: {name: digits}
epochs: 1
output: OUTPUT
"""


@pytest.fixture
def in_the_way(tmp_path: Path) -> Path:
    """A file where a folder is wanted: what even root may not write into."""
    file = tmp_path / "file"
    file.write_text("a file")
    return file


def refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert cli.main(arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    return line


@pytest.mark.parametrize("command", ["sweep", "trial"])
def test_of_a_study(command: str, in_the_way: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study = small_study(in_the_way.parent, arms=None)
    line = refused([command, str(study), "--storage", str(in_the_way)], capsys)
    assert line.startswith(
        f"prunetune: error: {in_the_way}/small: cannot be written to ({in_the_way}: Not a directory)"
    )
    assert line.endswith("name another folder with --storage")


@pytest.mark.parametrize("below", ["", "/deeper"])
def test_of_a_weights_file_before_the_hours_of_training(
    below: str, in_the_way: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = in_the_way.with_name("pretrain.yaml")
    file.write_text(PRETRAINING.replace("OUTPUT", f"{in_the_way}{below}/tiny.safetensors"))
    line = refused(["pretrain", str(file), "--storage", str(file.parent / "runs")], capsys)
    assert "Not a directory" in line
    assert "`output`" in line
    assert not (file.parent / "runs").exists()


@pytest.mark.parametrize("command", ["report", "export"])
def test_of_a_run_s_pages(command: str, in_the_way: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = MadeRun(in_the_way.with_name("run"))
    made.add("rsst", falling(0.9))
    line = refused([command, str(made.path), "--out", str(in_the_way)], capsys)
    assert line.startswith(f"prunetune: error: {in_the_way}: cannot be written to")
    assert line.endswith("with --out")


def test_what_can_be_made_is_not_made_yet(tmp_path: Path) -> None:
    check_writable(tmp_path / "not" / "there" / "yet", "--storage")
    assert list(tmp_path.iterdir()) == []


def test_a_link_to_nowhere_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "gone")
    with pytest.raises(UserError, match="link: cannot be written to"):
        check_writable(tmp_path / "link", "--out")
