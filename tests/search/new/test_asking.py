"""What a person at a terminal is asked, and what becomes of the answers."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

from search import cli
from search.study.load import load_study
from tests.search.new.photographs import write_photographs

pytestmark = pytest.mark.usefixtures("own_data_folder")
QUESTIONS = ("Which images?", "What shall it answer?", "Which network?", "Where shall it be written?")


@pytest.fixture
def answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What somebody at a terminal says, in order; then the answers end."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("search.new.command.is_terminal", lambda: True)
    given: list[str] = []

    def answer(*_: object) -> str:
        if not given:
            raise EOFError
        return given.pop(0)

    monkeypatch.setattr("builtins.input", answer)
    return given


def test_at_most_four_questions_with_a_default_each(
    answers: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answers += ["", "", "", ""]
    assert cli.main(["new"]) == 0
    told = capsys.readouterr()
    assert [told.err.count(question) for question in QUESTIONS] == [1, 1, 1, 1]
    assert answers == []
    assert load_study(tmp_path / "digits_refill_vs_rsst.yaml").name == "digits_refill_vs_rsst"


def test_a_wrong_answer_is_said_and_asked_again(
    answers: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "there.yaml").write_text("mine", encoding="utf-8")
    answers += ["nowhere", "digits", "5", "3", "vit_mikro", "vit_micro", "there.yaml", "mine.yaml"]
    assert cli.main(["new"]) == 0
    told = " ".join(capsys.readouterr().err.split())
    for message in (
        "found nowhere, expected",
        "--question: found 5, expected one of refill-vs-rsst",
        "unknown architecture 'vit_mikro'",
        "there.yaml is there already",
    ):
        assert message in told
    study = load_study(tmp_path / "mine.yaml")
    assert (study.name, study.trial["model"]["arch"]) == ("mine", "vit_micro")
    assert study.compare.baseline != "refill", "the budget was asked"


def test_the_name_that_is_proposed_is_free(answers: list[str], tmp_path: Path) -> None:
    for name in ("digits_refill_vs_rsst", "digits_refill_vs_rsst_2"):
        (tmp_path / f"{name}.yaml").write_text("mine", encoding="utf-8")
    answers += ["", "", "", ""]
    assert cli.main(["new"]) == 0
    assert load_study(tmp_path / "digits_refill_vs_rsst_3.yaml").name == "digits_refill_vs_rsst_3"


def test_what_is_given_is_not_asked(answers: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    given = ["--data", "digits", "--question", "recipe", "--arch", "vit_micro", "--out", "mine.yaml"]
    assert cli.main(["new", *given]) == 0
    assert not any(question in capsys.readouterr().err for question in QUESTIONS)


def test_who_goes_away_is_interrupted_and_nothing_is_written(
    answers: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answers += ["digits"]
    assert cli.main(["new"]) == 130
    assert "interrupted: nothing was written" in capsys.readouterr().err
    assert list(tmp_path.glob("*.yaml")) == []


@pytest.mark.slow
def test_a_session_at_a_terminal(tmp_path: Path) -> None:
    write_photographs(tmp_path / "flowers", 12)
    ours, theirs = pty.openpty()
    repository = Path(__file__).resolve().parents[3]
    process = subprocess.Popen(
        [sys.executable, "-m", "search.cli", "new"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(repository), "TERM": "dumb"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    seen = ""
    for question, answer in zip(QUESTIONS, ("flowers", "", "", "mine.yaml"), strict=True):
        seen += _read_until(ours, question)
        os.write(ours, f"{answer}\n".encode())
    seen += _read_until(ours, "prunetune sweep mine.yaml")
    assert process.wait(60) == 0
    os.close(ours)
    assert "36 images of 3 classes (CLASS, not in parts): 12 each" in seen
    assert "next:" in seen
    assert load_study(tmp_path / "mine.yaml").trial["data"]["root"] == str(tmp_path / "flowers")


def _read_until(terminal: int, text: str, seconds: float = 120) -> str:
    """What is shown until `text` is; AssertionError where it is not in time."""
    seen, end = "", time.monotonic() + seconds
    while text not in seen:
        ready, _, _ = select.select([terminal], [], [], max(0.0, end - time.monotonic()))
        assert ready, f"{text!r} was not shown: {seen}"
        seen += os.read(terminal, 4096).decode()
    return seen
