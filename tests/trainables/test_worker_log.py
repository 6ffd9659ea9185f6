"""What a trial's process says is in the trial's folder, however the process ends."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from trainables.files.worker_log import (
    KEPT_BYTES,
    MOST_BYTES,
    WORKER_LOG,
    into_worker_log,
    last_lines,
    last_words,
    remove_if_empty,
)

DIES = """
import ctypes, faulthandler, os, signal, sys, warnings
from pathlib import Path
from trainables.files.worker_log import into_worker_log
faulthandler.enable()
with into_worker_log(Path(sys.argv[1])):
    warnings.warn("look at this")
    os.system("echo said by a child")
    print("on its standard output", flush=True)
    {death}
"""


def died(folder: Path, death: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", DIES.format(death=death), str(folder)], capture_output=True, text=True)


@pytest.mark.parametrize(
    ("death", "words"), [("ctypes.string_at(0)", "Segmentation fault"), ("os.kill(os.getpid(), signal.SIGKILL)", None)]
)
def test_what_a_process_said_before_it_died_is_kept_and_nowhere_else(
    tmp_path: Path, death: str, words: str | None
) -> None:
    done = died(tmp_path, death)
    assert done.returncode < 0
    assert (done.stdout, done.stderr) == ("", "")
    lines = last_lines(tmp_path, 100)
    assert any("look at this" in line for line in lines)
    assert "said by a child" in lines
    assert "on its standard output" in lines
    assert last_words(lines) == words


def test_after_the_block_the_process_speaks_where_it_did(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with into_worker_log(tmp_path):
        os.write(1, b"within\n")
    os.write(1, b"after\n")
    os.write(2, b"and on the other\n")
    assert tuple(capfd.readouterr()) == ("after\n", "and on the other\n")
    assert last_lines(tmp_path, 5) == ["within"]
    with into_worker_log(tmp_path):
        os.write(1, b"more\n")
    assert last_lines(tmp_path, 1) == ["more"]
    assert last_lines(tmp_path, 5) == ["within", "more"]


def test_a_file_in_which_nothing_was_said_goes(tmp_path: Path) -> None:
    remove_if_empty(tmp_path)
    with into_worker_log(tmp_path):
        pass
    remove_if_empty(tmp_path)
    assert not (tmp_path / WORKER_LOG).exists()
    assert last_lines(tmp_path, 5) == []


def test_of_a_long_one_the_end_is_kept(tmp_path: Path) -> None:
    (tmp_path / WORKER_LOG).write_bytes(b"old\n" * (MOST_BYTES // 4 + 1))
    with into_worker_log(tmp_path):
        os.write(2, b"new\n")
    assert (tmp_path / WORKER_LOG).stat().st_size <= KEPT_BYTES + 4
    assert last_lines(tmp_path, 2) == ["old", "new"]
