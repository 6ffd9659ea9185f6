"""Processes from nothing to a moment that is watched for: seconds of the clock, and of the processor with all they started."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
PROCESSES = Path("/proc")


@dataclass(frozen=True)
class Took:
    """Seconds of the clock, and of the processor, user and system, of a process and its descendants."""

    seconds: float
    processor: float


def to_its_end(command: Sequence[str], checkout: Path) -> Took:
    """A command that starts no other processes, run in a checkout. CalledProcessError where it fails."""
    began = time.monotonic()
    process = start(command, checkout)
    _, status, usage = os.wait4(process.pid, 0)
    took = Took(time.monotonic() - began, usage.ru_utime + usage.ru_stime)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise subprocess.CalledProcessError(process.returncode, command)
    return took


MEASURED = """import resource, subprocess, sys
status = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(used.ru_utime + used.ru_stime, used.ru_maxrss)
sys.exit(status)"""


def used_by(command: Sequence[str], checkout: Path) -> dict[str, float]:
    """Of a command run to its end: `seconds` of the processor, and `memory`, the most that was resident at a time, in MB.

    CalledProcessError where it fails.
    """
    # The kernel counts what a process held before it became another, so a small one starts it.
    small = [sys.executable, "-S", "-c", MEASURED, *command]
    said = subprocess.run(small, cwd=checkout, env=variables(checkout), stdout=subprocess.PIPE, check=True).stdout
    seconds, kilobytes = map(float, said.split())
    return {"seconds": seconds, "memory": kilobytes / 1000}


def until(happened: Callable[[], bool], command: Sequence[str], checkout: Path) -> Took:
    """A command up to a moment, at which it is interrupted and waited for. CalledProcessError where it ends before."""
    began, used = time.monotonic(), {}
    process = start(command, checkout)
    try:
        while not happened():
            used |= processor_seconds(process.pid)
            if process.poll() is not None:
                raise subprocess.CalledProcessError(process.returncode, command)
            time.sleep(0.05)
        took = time.monotonic() - began
        used |= processor_seconds(process.pid)
        return Took(took, sum(used.values()))
    finally:
        process.send_signal(signal.SIGINT)
        process.wait()


def start(command: Sequence[str], checkout: Path) -> subprocess.Popen[bytes]:
    """With one thread, and what it says is thrown away."""
    return subprocess.Popen(
        command, cwd=checkout, env=variables(checkout), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def variables(checkout: Path) -> dict[str, str]:
    """The environment of a process that runs a checkout's code with one thread."""
    return {**os.environ, "PYTHONPATH": str(checkout), "OMP_NUM_THREADS": "1"}


def processor_seconds(root: int) -> dict[int, float]:
    """Process → its seconds of the processor so far, for `root` and all that descend from it."""
    parents: dict[int, int] = {}
    used: dict[int, float] = {}
    for folder in PROCESSES.glob("[0-9]*"):
        try:
            # The name before may hold anything, and ends with the last parenthesis.
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has ended since it was listed
        process = int(folder.name)
        parents[process] = int(fields[1])
        used[process] = (int(fields[11]) + int(fields[12])) / TICKS
    family = {root}
    while grown := {child for child, parent in parents.items() if parent in family} - family:
        family |= grown
    return {process: used[process] for process in family if process in used}
