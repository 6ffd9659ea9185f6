"""Trials in processes of their own that are killed where they stand; run as a program, since only a fresh process may fork."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.trainables.small_trials import open_trial

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = "from tests.trainables.killed_trials import main; main()"


class Killer:
    """The program, which is asked for one trial after another: importing what a trial needs takes longer than some of them."""

    def __init__(self) -> None:
        self._program = subprocess.Popen(
            [sys.executable, "-c", PROGRAM],
            env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def kill_again_and_again(self, folder: Path, changes: dict[str, Any], *, seed: int, kills: int) -> list[Path]:
        """Run one trial whole in `folder`/straight, and others of the same request that are killed, `kills` times in all.

        Half of the kills come after a random share of the processor time that the whole trial takes, so that a busy
        machine changes nothing; the others just before a random one of the writes that are made durable. Each killed
        trial goes on until it is finished, and then the next begins; gives the folders of those that were killed.
        """
        assert self._program.stdin
        assert self._program.stdout
        asked = {"folder": str(folder), "changes": changes, "seed": seed, "kills": kills}
        self._program.stdin.write(json.dumps(asked) + "\n")
        self._program.stdin.flush()
        answer = self._program.stdout.readline()
        assert answer, "the program has ended; its standard error says why"
        return [folder / name for name in json.loads(answer)]

    def close(self) -> None:
        self._program.kill()
        self._program.communicate()


def main() -> None:
    for line in sys.stdin:
        asked = json.loads(line)
        folders = kill(Path(asked["folder"]), asked["changes"], random.Random(asked["seed"]), asked["kills"])
        print(json.dumps(folders), flush=True)


def kill(folder: Path, changes: dict[str, Any], chance: random.Random, kills: int) -> list[str]:
    status, seconds = wait_for(in_child(lambda: run_whole(folder / "straight", changes)))
    assert status == 0
    killed = [0]
    while sum(killed) < kills:
        by_time = sum(killed) % 2 == 0
        status = run_and_kill(folder / f"killed{len(killed)}", changes, chance, seconds, by_time)
        assert status in (0, -signal.SIGKILL, -signal.SIGPROF), status
        if status:
            killed[-1] += 1
        else:
            killed.append(0)
    names = [f"killed{place + 1}" for place, count in enumerate(killed) if count]
    for name in names:
        assert wait_for(in_child(lambda name=name: run_whole(folder / name, changes)))[0] == 0
    return names


def run_and_kill(folder: Path, changes: dict[str, Any], chance: random.Random, seconds: float, by_time: bool) -> int:
    """Exit status of a process that goes on with the trial and is killed, unless it comes to the end before."""
    if by_time:
        share = chance.uniform(0.1, 0.8)
        return wait_for(in_child(lambda: run_whole(folder, changes, killed_after=share * seconds)))[0]
    writes = chance.randint(1, 12)
    return wait_for(in_child(lambda: run_whole(folder, changes, killed_at_write=writes)))[0]


def run_whole(
    folder: Path, changes: dict[str, Any], killed_at_write: int | None = None, killed_after: float = 0.0
) -> None:
    if killed_after:
        # Nobody handles SIGPROF here, so the kernel ends the process wherever it is, as it does for SIGKILL.
        signal.setitimer(signal.ITIMER_PROF, killed_after)
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


def wait_for(child: int) -> tuple[int, float]:
    """Exit status, or minus the signal; and the processor seconds that the child took."""
    _, status, used = os.wait4(child, 0)
    return os.waitstatus_to_exitcode(status), used.ru_utime + used.ru_stime
