"""The command line: one clear line for every mistake, complete help, a fast start."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from models.errors import WeightsRefused
from search import cli
from search.commands.common import Outcome

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("name", list(cli.COMMANDS))
def test_help_is_complete_and_has_an_example(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([name, "--help"]) == 0
    shown = capsys.readouterr().out
    assert f"usage: prunetune {name}" in shown
    assert f"example:\n  prunetune {name}" in shown
    assert "--json" in shown


@pytest.mark.parametrize("action", ["fetch", "verify", "list"])
def test_help_of_the_init_actions(action: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["init", action, "--help"]) == 0
    assert f"example:\n  prunetune init {action}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["swep"], "'swep' is not a command"),
        (["swep"], "; the nearest is sweep"),
        (["trial", "x.yaml", "--amr", "a"], "unrecognized arguments: --amr a; the nearest is --arm"),
        (["trial"], "the following arguments are required: STUDY"),
        (["init", "verfy", "x"], "; the nearest is verify"),
        (["trial", "no.yaml"], "no.yaml: there is no such file"),
        (["board", "no/run"], "no/run: no run is here"),
        (["init", "verify", "no.safetensors"], "there is no such file"),
        (["init", "fetch", "vit_small", "--data", "cifar"], "--data cifar: expected one of"),
    ],
)
def test_a_wrong_request_is_one_line_and_status_2(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(arguments) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("prunetune: error: ")
    assert told in shown.err
    assert shown.err.count("\n") == 1


def made_command(monkeypatch: pytest.MonkeyPatch, outcome: Outcome | BaseException) -> None:
    """A sub-command `made` that ends as given."""

    def run(_options: argparse.Namespace) -> Outcome:
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    command = SimpleNamespace(EXAMPLE="prunetune made", configure=lambda parser: None, run=run)
    monkeypatch.setitem(cli.COMMANDS, "made", ("made", "made for a test"))
    monkeypatch.setitem(sys.modules, "made", command)  # type: ignore[arg-type]  # as good as a module here


def test_json_is_one_object_and_what_is_not_finite_is_null(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made_command(monkeypatch, Outcome({"loss": float("nan"), "n": [1.5, float("inf")]}, "text", exit_status=1))
    assert cli.main(["made", "--json"]) == 1
    assert json.loads(capsys.readouterr().out) == {"schema_version": 1, "loss": None, "n": [1.5, None]}
    assert cli.main(["made"]) == 1
    assert capsys.readouterr().out == "text\n"


def test_refused_weights_leave_with_1_and_an_interrupt_with_130(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made_command(monkeypatch, WeightsRefused("two\nlines"))
    assert cli.main(["made"]) == 1
    assert capsys.readouterr().err == "prunetune: error: two lines\n"
    made_command(monkeypatch, KeyboardInterrupt("go on so"))
    assert cli.main(["made"]) == 130
    assert capsys.readouterr().err == "prunetune: interrupted: go on so\n"


def test_starting_imports_nothing_heavy() -> None:
    code = "import sys, search.cli; print([name for name in ('torch', 'ray', 'optuna', 'timm') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"


def test_reading_a_study_needs_neither_torch_nor_ray() -> None:
    code = (
        "import sys; from pathlib import Path; from search.study.load import load_study\n"
        "load_study(Path('configs/quickstart.yaml'))\n"
        "print([name for name in ('torch', 'ray', 'optuna', 'timm') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"
