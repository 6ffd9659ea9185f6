"""A pretraining in several processes of this machine, each a process of its own, without torchrun."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainables.config.pretrain import PretrainConfig
from trainables.files.json_lines import complete_lines

SECONDS = 120
"""After which a process of a test is taken for hung."""
PROGRAM = """\
import json, os, signal, sys
from pathlib import Path
from trainables.config.pretrain import PretrainConfig
from trainables.pretraining.listener import Listener
from trainables.pretraining.processes import Leaving
from trainables.pretraining.run import pretrain

asked = json.loads(sys.argv[1])
exec(asked["before"])
agreed, steps = Leaving.agreed, 0


def after_a_step(leaving):
    # In every process after each step.
    global steps
    steps += 1
    if steps == asked["killed_after"]:
        os.kill(os.getpid(), signal.SIGKILL)
    return agreed(leaving)


def leaves():
    return asked["leaves_after"] is not None and steps >= asked["leaves_after"]


Leaving.agreed = after_a_step
pretrain(PretrainConfig.model_validate(asked["config"]), Path(asked["folder"]), Listener(leaves=leaves))
"""


@dataclass(frozen=True)
class Ended:
    statuses: list[int]
    errors: list[str]
    """What each wrote on standard error."""


def run_in(
    processes: int,
    config: PretrainConfig,
    folder: Path,
    *,
    killed: dict[int, int] | None = None,
    leaves: dict[int, int] | None = None,
    before: str = "",
) -> Ended:
    """`killed` and `leaves`: after so many steps of its own the process of that rank is killed, or asks to leave. `before`:
    Python that each of them does first."""
    port = free_port()
    content = config.model_dump(mode="json", exclude_unset=True)
    started = []
    for rank in range(processes):
        asked = {
            "config": content,
            "folder": str(folder),
            "killed_after": (killed or {}).get(rank),
            "leaves_after": (leaves or {}).get(rank),
            "before": before,
        }
        told = {
            "RANK": rank,
            "LOCAL_RANK": rank,
            "WORLD_SIZE": processes,
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": port,
        }
        environment = {**os.environ, **{name: str(value) for name, value in told.items()}, "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-c", PROGRAM, json.dumps(asked)]
        started.append(subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True))
    errors = [process.communicate(timeout=SECONDS)[1] for process in started]
    return Ended([process.returncode for process in started], errors)


def free_port() -> int:
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        return int(asked.getsockname()[1])


def log_of(folder: Path) -> list[dict[str, Any]]:
    return complete_lines(folder / "log.jsonl")
