"""Runs `cluster_with_ray.py` in an interpreter of its own: Ray reads its token as it is imported, and here it already was."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.timeout(1800)
def test_a_study_on_a_cluster_whose_nodes_are_checked_and_one_of_which_dies() -> None:
    file = Path(__file__).with_name("cluster_with_ray.py")
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", str(file)]
    done = subprocess.run(command, cwd=file.parents[3], capture_output=True, text=True)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
