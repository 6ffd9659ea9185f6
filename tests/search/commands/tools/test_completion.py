"""What the shell is offered, in a real bash, and how it is switched on."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from models.versions import ROOT
from search import cli
from tests.search.commands.completing import completions
from tests.search.made_runs import MadeRun


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with studies and runs."""
    (tmp_path / "configs").mkdir()
    for name in ("mine.yaml", "configs/quick.yaml", "configs/notes.txt"):
        (tmp_path / name).write_text("", encoding="utf-8")
    (tmp_path / "pretrain_mine.yaml").write_text(
        "model: {arch: vit_micro}\noutput: mine.safetensors\n", encoding="utf-8"
    )
    MadeRun(tmp_path / "runs" / "first")
    MadeRun(tmp_path / "runs" / "second")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("prunetune sweep ", ["plain,mine.yaml", "plain,configs/quick.yaml"]),
        ("prunetune sweep m", ["plain,mine.yaml"]),
        ("prunetune validate configs/", ["plain,configs/quick.yaml"]),
        ("prunetune validate conf", ["plain,configs/quick.yaml"]),
        ("prunetune sweep nothing", ["file,nothing"]),
        ("prunetune status ", ["plain,runs/first", "plain,runs/second"]),
        ("prunetune resume runs/s", ["plain,runs/second"]),
        ("prunetune board elsewhere", ["dir,elsewhere"]),
        ("prunetune resume runs/first --set retention.", ["plain,retention.states="]),
        (
            "prunetune sweep mine.yaml --set trial.train.l",
            ["plain,trial.train.lr=", "plain,trial.train.label_smoothing="],
        ),
        ("prunetune sweep mine.yaml --set trial.train.lr=", []),
        ("prunetune resume runs/first --set trial.train.l", []),
        ("prunetune log runs/first --set retention.", []),
        ("prunetune log runs/first --set logging.comet.m", ["plain,logging.comet.mode="]),
        ("prunetune export runs/first --arm r", ["plain,refill", "plain,rsst"]),
        ("prunetune completion f", ["plain,fish"]),
        ("prunetune new --question re", ["plain,refill-vs-rsst", "plain,recipe"]),
    ],
)
def test_study_files_runs_and_keys(
    line: str, found: list[str], here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert completions(monkeypatch, capsys, line) == found


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_each_shell(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert "_PRUNETUNE_COMPLETE" in script
    if shutil.which(shell):
        assert subprocess.run([shell, "-n"], input=script, text=True).returncode == 0


def test_a_real_bash_completes_as_the_readme_says(here: Path) -> None:
    assert 'eval "$(prunetune completion bash)"' in (ROOT / "README.md").read_text(encoding="utf-8")
    command = here / "prunetune"
    command.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m search.cli "$@"\n', encoding="utf-8")
    command.chmod(0o755)
    typed = (
        'COMP_WORDS=(prunetune status runs/f); COMP_CWORD=2; _prunetune_completion ./prunetune; echo "${COMPREPLY[@]}"'
    )
    done = subprocess.run(
        ["bash", "-c", f'eval "$(./prunetune completion bash)"; {typed}'],
        capture_output=True,
        text=True,
        cwd=here,
        check=True,
    )
    assert done.stdout == "runs/first\n"


def test_nothing_heavy_is_loaded_for_it(here: Path) -> None:
    code = (
        "import sys; from search.cli import main; main([]); "
        "print(sorted({'torch', 'ray', 'optuna', 'numpy'} & sys.modules.keys()))"
    )
    asked = {"_PRUNETUNE_COMPLETE": "bash_complete", "COMP_WORDS": "prunetune sweep m", "COMP_CWORD": "2"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=here,
        env={"PYTHONPATH": str(ROOT), **asked},
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "[]"
