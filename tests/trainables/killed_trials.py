"""Trials in processes of their own that are killed with SIGKILL; run as a program, since only a fresh process may fork."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.trainables.small_trials import open_trial

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = "from tests.trainables.killed_trials import main; main()"


def kill_again_and_again(folder: Path, changes: dict[str, Any], *, seed: int, kills: int) -> list[Path]:
    """Run one trial whole in `folder`/straight, and others of the same request that are killed, `kills` times in all.

    Half of the kills come after a random time, the others just before a random one of the writes that are made durable.
    Each killed trial goes on until it is finished, and then the next begins; gives the folders of those that were killed.
    """
    asked = json.dumps({"folder": str(folder), "changes": changes, "seed": seed, "kills": kills})
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, asked], env=environment, cwd=ROOT, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr
    return [folder / name for name in json.loads(done.stdout.splitlines()[-1])]


def main() -> None:
    asked = json.loads(sys.argv[1])
    folder, changes, chance = Path(asked["folder"]), asked["changes"], random.Random(asked["seed"])
    began = time.monotonic()
    assert wait_for(in_child(lambda: run_whole(folder / "straight", changes))) == 0
    seconds = time.monotonic() - began
    killed = [0]
    while sum(killed) < asked["kills"]:
        status = run_and_kill(folder / f"killed{len(killed)}", changes, chance, seconds, by_time=sum(killed) % 2 == 0)
        assert status in (0, -signal.SIGKILL), status
        if status:
            killed[-1] += 1
        else:
            killed.append(0)
    folders = [f"killed{place + 1}" for place, count in enumerate(killed) if count]
    for name in folders:
        assert wait_for(in_child(lambda name=name: run_whole(folder / name, changes))) == 0
    print(json.dumps(folders))


def run_and_kill(folder: Path, changes: dict[str, Any], chance: random.Random, seconds: float, by_time: bool) -> int:
    """Exit status of a process that goes on with the trial and is killed, unless it comes to the end before."""
    if not by_time:
        writes = chance.randint(1, 12)
        return wait_for(in_child(lambda: run_whole(folder, changes, writes)))
    child = in_child(lambda: run_whole(folder, changes))
    time.sleep(chance.uniform(0.1, 0.8) * seconds)
    os.kill(child, signal.SIGKILL)
    return wait_for(child)


def run_whole(folder: Path, changes: dict[str, Any], killed_at_write: int | None = None) -> None:
    trial = open_trial(folder, **changes)
    if killed_at_write is not None:
        _die_before_write(killed_at_write)
    while not trial.done:
        trial.step()


def _die_before_write(number: int) -> None:
    fsync, left = os.fsync, [number]

    def counted(descriptor: int) -> None:
        left[0] -= 1
        if left[0] <= 0:
            os.kill(os.getpid(), signal.SIGKILL)
        fsync(descriptor)

    os.fsync = counted


def in_child(work: Callable[[], None]) -> int:
    """Do the work in a forked process, which has everything imported already; gives its id."""
    child = os.fork()
    if child:
        return child
    try:
        work()
    except BaseException:
        sys.excepthook(*sys.exc_info())
        os._exit(1)
    os._exit(0)


def wait_for(child: int) -> int:
    """Exit status, or minus the signal."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
