"""What is told of a driver is what a trial cost since the row before; a command's memory is its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.many_trials import lines
from benchmarks.support.processes import used_by


def seen(trials: int, seconds: float, processor: float) -> dict[str, Any]:
    held = {"memory": 800.0, "highest": 810.0, "ray": 100.0, "threads": 30, "handles": 33}
    return {"trials": trials, "seconds": seconds, "processor": processor, **held}


def test_a_row_tells_what_a_trial_took_since_the_row_before() -> None:
    found = {
        "seen": [seen(100, 20.0, 5.0), seen(300, 30.0, 6.0)],
        "kept": {"files": 601, "MB": 3.0},
        "driver.log MB": 0.1,
        "commands": {"status": {"seconds": 0.5, "memory": 40.0}},
    }
    _, first, second, run, status = lines(found)
    assert first.split()[:3] == ["100", "200.0", "50.0"]
    assert second.split()[:3] == ["300", "50.0", "5.0"]
    assert "601 files" in run
    assert status == "status: 0.5 s, 40 MB"


def test_memory_of_a_command_is_without_what_its_caller_holds() -> None:
    ballast = bytearray(300_000_000)
    found = used_by([sys.executable, "-S", "-c", "bytearray(50_000_000)"], Path.cwd())
    assert 50 < found["memory"] < len(ballast) / 2e6
    with pytest.raises(subprocess.CalledProcessError):
        used_by([sys.executable, "-S", "-c", "raise SystemExit(3)"], Path.cwd())
