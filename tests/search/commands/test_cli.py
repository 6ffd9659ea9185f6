"""The command line: one clear line for every mistake, complete help, a fast start."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace

import pytest

from models.errors import UserError, WeightsRefused
from models.spec import ModelSpec
from search import cli
from search.commands.common import Outcome, Subcommand
from tests.search.commands.completing import completions

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("name", list(cli.COMMANDS))
def test_help_is_complete_and_has_an_example(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([name, "--help"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"Usage: prunetune {name} ")
    assert f"Example:\n  prunetune {name}" in shown
    assert "--json" in shown


@pytest.mark.parametrize("action", ["fetch", "verify", "list"])
def test_help_of_the_init_actions(action: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["init", action, "--help"]) == 0
    assert f"Example:\n  prunetune init {action}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["swep"], "prunetune: no such command 'swep'; the nearest is sweep; see `prunetune --help`"),
        (["--jsn"], "no such option '--jsn'"),
        (["trial", "x.yaml", "--amr", "a"], "prunetune trial: no such option '--amr'; the nearest is --arm; see"),
        (["trial", "x.yaml", "--stor", "a"], "no such option '--stor'; the nearest is --storage"),
        (
            ["trial", "x.yaml", "--arm"],
            "prunetune trial: option '--arm' requires an argument; see `prunetune trial --help`",
        ),
        (["init", "list", "--json=1"], "prunetune init list: option '--json' does not take a value"),
        (["trial", "x.yaml", "y.yaml"], "got unexpected extra argument (y.yaml)"),
        (["trial"], "missing argument 'STUDY'"),
        (["trial", "x.yaml", "--seed", "-1"], "'--seed': -1 is not in the range x>=0"),
        (["trial", "x.yaml", "--seed", "one"], "'--seed': 'one' is not a valid whole number"),
        (["sweep", "x.yaml", "--max-concurrent", "0"], "'--max-concurrent': 0 is not in the range x>=1"),
        (["sweep", "x.yaml", "--time-budget", "soon"], "a duration is written like 2h30m, 45m or 90s, found 'soon'"),
        (["sweep", "x.yaml", "--time-budget", "0"], "'--time-budget': a time above 0 is expected, found '0'"),
        (["resume", "runs/x", "--trials-per-arm", "many"], "'--trials-per-arm': 'many' is not a valid integer"),
        (["export", "runs/x", "--max-macs", "none"], "'--max-macs': expected a number above 0 such as 0.4"),
        (["board", "runs/x", "--port", "70000"], "'--port': 70000 is not in the range 0<=x<=65535"),
        (["report"], "missing argument 'RUN...'"),
        (["init"], "prunetune init: one of fetch, verify or list is needed"),
        (["init", "verfy", "x"], "prunetune init: no such command 'verfy'; the nearest is verify"),
        (["init", "fetch", "vit_small", "--img-size", "0"], "'--img-size': 0 is not in the range x>=1"),
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

    def run() -> Outcome:
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    command = SimpleNamespace(command=Subcommand("made", callback=run, example="prunetune made"))
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


@pytest.mark.parametrize(("arch", "side"), [("resnet18", 224), ("timm:resnet18", 224), ("twistnet18", 32)])
def test_fetch_by_name_is_at_the_size_of_what_the_name_stands_for(
    arch: str, side: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def fetch(spec: ModelSpec, tag: str | None, **_: object) -> None:
        asked.append(spec)
        raise UserError("no network here")

    monkeypatch.setattr("models.weights.fetch.fetch", fetch)
    assert cli.main(["init", "fetch", arch]) == 2
    assert [spec.img_size for spec in asked] == [side]


def test_json_may_stand_before_or_after_the_action_of_init(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    listing = ["--store", str(tmp_path)]
    for arguments in (["init", "--json", "list", *listing], ["init", "list", *listing, "--json"]):
        assert cli.main(arguments) == 0
        assert json.loads(capsys.readouterr().out)["store"] == str(tmp_path)
    assert cli.main(["init", "list", *listing]) == 0
    assert not capsys.readouterr().out.startswith("{")


@pytest.mark.parametrize("arguments", [[], ["help"], ["--help"], ["-h"]])
def test_without_a_command_all_of_them_are_shown(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(arguments) == 0
    shown = capsys.readouterr().out
    assert all(f"\n  {name} " in shown for name in cli.COMMANDS)
    assert "Example:\n  prunetune sweep" in shown


@pytest.mark.parametrize("option", ["--version", "-V"])
def test_the_version_is_the_package_s(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([option]) == 0
    assert capsys.readouterr().out == f"prunetune {version('prunetune')}\n"


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("prunetune sta", ["plain,status"]),
        ("prunetune p", ["plain,pareto", "plain,pretrain"]),
        ("prunetune init v", ["plain,verify"]),
        ("prunetune export runs/x --max-", ["plain,--max-macs", "plain,--max-params", "plain,--max-latency-ms"]),
        ("prunetune init fetch vit_small --im", ["plain,--img-size"]),
        ("prunetune status elsewhere", ["dir,elsewhere"]),
        ("prunetune swep --v", ["plain,--version"]),
    ],
)
def test_the_shell_is_offered_commands_options_and_files(
    line: str, offered: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert completions(monkeypatch, capsys, line) == offered


def test_whoever_stops_reading_gets_no_traceback() -> None:
    reads, writes = os.pipe()
    os.close(reads)
    command = [sys.executable, "-m", "search.cli", "--help"]
    done = subprocess.run(command, stdout=writes, stderr=subprocess.PIPE, text=True, cwd=ROOT)
    os.close(writes)
    assert (done.returncode, done.stderr) == (1, "")


def test_a_full_disk_is_told_and_another_error_of_the_system_is_not_hidden(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made_command(monkeypatch, OSError(errno.ENOSPC, "full", "runs/x"))
    assert cli.main(["made"]) == 1
    assert "no space left on the disk (runs/x); what is recorded stays" in capsys.readouterr().err
    made_command(monkeypatch, OSError(errno.EBADF, "broken", "runs/x"))
    with pytest.raises(OSError, match="broken"):
        cli.main(["made"])


@pytest.mark.parametrize(
    ("number", "status"),
    [(errno.EACCES, 2), (errno.EROFS, 2), (errno.EISDIR, 2), (errno.ENOTDIR, 2), (errno.EIO, 1), (errno.ESTALE, 1)],
)
def test_what_cannot_be_read_or_written_is_one_line(
    number: int, status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made_command(monkeypatch, OSError(number, "no", "runs/x"))
    assert cli.main(["made"]) == status
    assert capsys.readouterr().err.startswith(f"prunetune: error: runs/x: {os.strerror(number)}; ")


def test_what_a_message_quotes_does_not_reach_the_terminal_as_it_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made_command(monkeypatch, UserError("no \x1b[31mkey\x07\n 'é'"))
    assert cli.main(["made"]) == 2
    assert capsys.readouterr().err == "prunetune: error: no \\x1b[31mkey\\x07 'é'\n"


def test_refused_weights_leave_with_1_and_an_interrupt_with_130(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made_command(monkeypatch, WeightsRefused("two\nlines"))
    assert cli.main(["made"]) == 1
    assert capsys.readouterr().err == "prunetune: error: two lines\n"
    made_command(monkeypatch, KeyboardInterrupt("go on so"))
    assert cli.main(["made"]) == 130
    assert capsys.readouterr().err == "prunetune: interrupted: go on so\n"


@pytest.mark.parametrize(
    ("ends", "status", "told"),
    [("return 3", 3, ""), ("raise ValueError('a bug')", 1, "ValueError: a bug\n")],
)
def test_the_program_leaves_with_its_status_after_all_is_written_and_done(ends: str, status: int, told: str) -> None:
    code = (
        "import atexit\nfrom search import cli\n"
        "def main():\n"
        "    atexit.register(print, 'done at the end')\n"
        "    print('x' * 200_000)\n"
        f"    {ends}\n"
        "cli.main = main\ncli.run()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == status
    assert done.stdout == "x" * 200_000 + "\ndone at the end\n"
    assert done.stderr.endswith(told)
