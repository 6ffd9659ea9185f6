"""Tensors on a disk that is full."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from models.tensor_file import write_tensors

WRITES = """
import resource, signal, sys, torch
from pathlib import Path
from models.tensor_file import write_tensors
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
try:
    write_tensors(Path(sys.argv[1]), {"a": torch.zeros(10_000)})
except OSError as error:
    print(error.errno, error.filename)
"""


def test_a_file_that_the_system_does_not_take_is_the_systems_own_error(tmp_path: Path) -> None:
    path = str(tmp_path / "a.safetensors")
    done = subprocess.run([sys.executable, "-c", WRITES, path], capture_output=True, text=True)
    assert done.stdout.split() == [str(errno.EFBIG), path], done.stderr


def test_a_folder_that_is_not_there_is_told_too(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_tensors(tmp_path / "no" / "a.safetensors", {"a": torch.zeros(1)})


def test_what_is_no_matter_of_the_disk_stays_what_it_is(tmp_path: Path) -> None:
    with pytest.raises((SafetensorError, ValueError)):
        write_tensors(tmp_path / "a", {"a": torch.zeros(4, 4).T[1:]})
    write_tensors(tmp_path / "a", {"a": torch.ones(3)}, {"key": "value"})
    assert torch.equal(load_file(tmp_path / "a")["a"], torch.ones(3))


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o027, 0o640), (0o077, 0o600)])
def test_a_file_is_for_whom_the_umask_says(umask: int, mode: int, tmp_path: Path) -> None:
    before = os.umask(umask)
    try:
        write_tensors(tmp_path / "a", {"a": torch.ones(3)})
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == mode
