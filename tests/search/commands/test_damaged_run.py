"""A damaged file of a run is one line, in every command that reads it, and nothing is changed before all has been read."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from search import cli
from search.run.folder import RunFolder
from search.run.manifest import close_launch, write_launch
from search.study.load import load_study
from search.tuning import drive
from tests.search.made_runs import MadeRun, falling

FILES = {
    "record": "trials/refill-000/record.jsonl",
    "request": "trials/refill-000/trial.json",
    "manifest": "manifest.json",
    "generation": "generation",
    "study": "study.yaml",
}
DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda content: b"",
    "truncated": lambda content: content[: min(len(content) - 1, 200)],
    "no JSON": lambda content: b"no JSON, no YAML: [\n",
    "another version": lambda content: content.replace(b'schema_version":', b'schema_version":7', 1),
    "binary": lambda content: bytes(range(256)) + b"\n",
}
VERSIONED = ("record", "manifest")
READERS = ("status", "compare", "report", "export")
LAUNCHES = {
    "resume": ["resume", "RUN"],
    "resume --set": ["resume", "RUN", "--set", "retention.states=last"],
    "resume --trials-per-arm": ["resume", "RUN", "--trials-per-arm", "3"],
    "resume --confirm-seeds": ["resume", "RUN", "--confirm-seeds", "3"],
    "sweep": ["sweep", "STUDY", "--storage", "STORAGE"],
    "sweep --set": ["sweep", "STUDY", "--storage", "STORAGE", "--set", "retention.states=last"],
    "trial": ["trial", "STUDY", "--storage", "STORAGE", "--arm", "rsst", "--set", "retention.states=last"],
}


def unread(command: str, file: str) -> bool:
    """What a run holds does not hang on the number of its launches, and a single trial's run has no manifest."""
    return (file, command) == ("manifest", "trial") or (file == "generation" and command in READERS)


CASES = [
    (command, file, damage)
    for command in (*READERS, *LAUNCHES)
    for file in FILES
    for damage in DAMAGE
    if not unread(command, file) and (damage != "another version" or file in VERSIONED)
]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with a finished trial of each arm, whose one launch has ended before the study was complete."""
    run = MadeRun(tmp_path_factory.mktemp("damaged") / "made", study={"compare": {"claim": "configurations"}})
    for arm in ("refill", "rsst"):
        run.add(arm, falling(0.9))
    folder = RunFolder(run.path)
    with folder.driven() as generation:
        write_launch(folder, generation, {}, {}, [], load_study(folder.study_file, recorded=True))
        close_launch(folder, generation, "time budget")
    return run.path


@pytest.fixture
def run(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, beside the study's own file; no command may get as far as Ray."""
    monkeypatch.setattr(drive, "BackgroundRay", _never)
    shutil.copy(made / "study.yaml", tmp_path / "study.yaml")
    return Path(shutil.copytree(made, tmp_path / "runs" / "made"))


class Reached(BaseException):
    """A launch has read the run and would begin."""


def _never(*_: object, **__: object) -> None:
    raise Reached


def contents(run: Path) -> dict[str, str]:
    """The digest of every file of the run, its lock aside."""
    files = (path for path in run.rglob("*") if path.is_file() and path.name != ".lock")
    return {str(path.relative_to(run)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def arguments(command: str, run: Path) -> list[str]:
    """The command on this run; `trial` on one that holds single trials."""
    if command == "trial":
        (run / FILES["manifest"]).unlink()
    if command not in LAUNCHES:
        return [command, str(run), *(["--out", str(run.parent / "out")] if command in ("report", "export") else [])]
    places = {"RUN": str(run), "STUDY": str(run.parent.parent / "study.yaml"), "STORAGE": str(run.parent)}
    return [places.get(word, word) for word in LAUNCHES[command]]


def errors(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """What was said, apart from what `trial` says of every study with a space."""
    lines = capsys.readouterr().err.splitlines()
    return [line for line in lines if "the trial section's own value" not in line]


@pytest.mark.parametrize(("command", "file", "damage"), CASES)
def test_a_damaged_file_is_one_line_and_the_run_is_left_as_it_is(
    command: str, file: str, damage: str, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked, path = arguments(command, run), run / FILES[file]
    path.write_bytes(DAMAGE[damage](path.read_bytes()))
    before = contents(run)
    assert cli.main(asked) == 2
    (line,) = errors(capsys)
    assert line.startswith(f"prunetune: error: {path}")
    assert len(line) < len(str(path)) + 400, "what was found is told in a few words"
    assert contents(run) == before
    assert not (run.parent / "out").exists()


@pytest.mark.parametrize("command", [*READERS, *sorted(LAUNCHES.keys() - {"trial"})])
def test_what_a_killed_writer_leaves_of_a_last_line_is_no_damage(command: str, run: Path) -> None:
    record = run / FILES["record"]
    record.write_bytes(record.read_bytes()[:-20])
    if command in LAUNCHES:
        with pytest.raises(Reached):
            cli.main(arguments(command, run))
        return
    status = cli.main(arguments(command, run))
    assert status == (2 if command == "export" else 0), "these trials have no networks to export"


@pytest.mark.parametrize("file", ["manifest.json", "generation", "study.yaml", "trials/state0-000/record.jsonl"])
def test_so_is_one_of_the_search_of_the_dense_recipe(
    file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(drive, "BackgroundRay", _never)
    sought = {"search": {"algorithm": "random", "trials_per_arm": 2, "state0": {"trials": 2}}}
    space = {"space": {"train.state0.lr": {"log_uniform": [1e-4, 1e-2]}}}
    whole = MadeRun(tmp_path / "whole", study={**sought, **space})
    dense = MadeRun(whole.path / "state0", arms={"state0": {"prune.method": "dense"}})
    dense.add("state0", [0.9])
    folder = RunFolder(dense.path)
    with folder.driven() as generation:
        write_launch(folder, generation, {}, {}, [])
    (dense.path / file).write_bytes(b"nothing of use\n")
    before = contents(whole.path)
    assert cli.main(["resume", str(whole.path), "--set", "retention.states=last"]) == 2
    assert f"prunetune: error: {dense.path / file}" in capsys.readouterr().err
    assert contents(whole.path) == before


@pytest.fixture
def read_only(made: Path, tmp_path: Path) -> Iterator[tuple[Path, list[str]]]:
    """A run that nothing can be written into, and what to put before a command that sees it so."""
    run = Path(shutil.copytree(made, tmp_path / "made"))
    if os.geteuid() == 0:  # whom no permission stops
        mounted = ["unshare", "--mount", "sh", "-c", 'mount --bind -o ro "$0" "$0" && exec "$@"', str(run)]
        if shutil.which("unshare") is None or subprocess.run([*mounted, "true"], capture_output=True).returncode:
            pytest.skip("this machine's root may not mount")
        yield run, mounted
        return
    folders = [run, *(path for path in run.rglob("*") if path.is_dir())]
    for path in run.rglob("*"):
        path.chmod(0o444 if path.is_file() else 0o555)
    run.chmod(0o555)
    yield run, []
    for path in folders:
        path.chmod(0o755)


@pytest.mark.slow
def test_a_read_only_run_is_read_and_what_would_write_says_one_line(read_only: tuple[Path, list[str]]) -> None:
    run, before = read_only
    elsewhere = run.parent / "elsewhere"
    asked = {
        f"status {run}": 0,
        f"compare {run}": 0,
        f"pareto {run}": 0,
        f"report {run} --out {elsewhere}": 0,
        f"report {run}": 2,
        f"resume {run}": 2,
        f"resume {run} --set retention.states=last": 2,
        f"resume {run} --trials-per-arm 3": 2,
    }
    script = f"from search import cli\nfor one in {list(asked)!r}:\n    print('=', cli.main(one.split()))"
    done = subprocess.run([*before, sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert [int(line[2:]) for line in done.stdout.splitlines() if line.startswith("= ")] == list(asked.values())
    said = done.stderr.splitlines()
    assert len(said) == list(asked.values()).count(2)
    assert all(line.startswith(f"prunetune: error: {run}") for line in said)
    assert (elsewhere / "index.html").exists()


@pytest.mark.parametrize("command", [*READERS, *LAUNCHES])
@pytest.mark.parametrize("file", FILES)
def test_a_folder_in_place_of_a_file_is_one_line(
    command: str, file: str, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if unread(command, file):
        return
    asked = arguments(command, run)
    (run / FILES[file]).unlink()
    (run / FILES[file]).mkdir()
    before = contents(run)
    assert cli.main(asked) == 2
    (line,) = errors(capsys)
    assert line.startswith("prunetune: error: ")
    assert FILES[file] in line
    assert contents(run) == before


@pytest.mark.parametrize(("number", "status"), [(errno.EIO, 1), (errno.EACCES, 2), (errno.ESTALE, 1)])
@pytest.mark.parametrize("command", [*READERS, *LAUNCHES])
def test_a_record_that_the_disk_does_not_give_is_one_line(
    command: str,
    number: int,
    status: int,
    run: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    opened = io.open

    def fails(file: Any, *given: Any, **more: Any) -> Any:
        if str(file).endswith("refill-000/record.jsonl"):
            raise OSError(number, os.strerror(number), str(file))
        return opened(file, *given, **more)

    monkeypatch.setattr(io, "open", fails)
    monkeypatch.setattr("builtins.open", fails)
    assert cli.main(arguments(command, run)) == status
    (line,) = errors(capsys)
    assert f"refill-000/record.jsonl: {os.strerror(number)}; see " in line
