"""One fault at one point: a launch that it befalls, the same command until the run is complete, and what is judged."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests.faults.points import Fault, Point
from tests.faults.reading import differences, ended_records, epochs_trained, outcome
from tests.faults.study import NAME, write_study

ROOT = Path(__file__).resolve().parents[2]
LAUNCHES = 4
"""At most, until a run is complete."""
UNSHARED = "states are not shared with other trials any more"
"""Said where one could not be left for the others, who train it themselves: two epochs more, in this study."""
KINDS = ("machine killed", "driver killed", "worker killed", "disk full", "input/output error")
"""The faults of a point, in the order of the table's columns."""


@dataclass(frozen=True)
class Case:
    point: Point
    kind: str
    fault: Fault


@dataclass(frozen=True)
class Said:
    """What one command said, and how it ended."""

    status: int
    out: str
    err: str


class Commands:
    """Asks the server for one command after another."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.study = folder, write_study(folder)
        self.seconds = 0.0
        self._program = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.server"],
            env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def run(self, name: str) -> Path:
        return self.folder / name / NAME

    def give(self, name: str, arguments: Sequence[str], fault: Fault | None = None) -> Said:
        assert self._program.stdin
        assert self._program.stdout
        asked: dict[str, Any] = {"folder": str(self.folder / "said"), "run": str(self.run(name))}
        asked |= {"arguments": list(arguments), "fault": None if fault is None else asdict(fault)}
        self._program.stdin.write(json.dumps(asked) + "\n")
        self._program.stdin.flush()
        answer = self._program.stdout.readline()
        assert answer, "the server has ended; its standard error says why"
        told = json.loads(answer)
        self.seconds += told.pop("seconds")
        return Said(**told)

    def sweep(self, name: str, fault: Fault | None = None) -> Said:
        return self.give(name, ["sweep", str(self.study), "--storage", str(self.folder / name)], fault)

    def points(self) -> list[Point]:
        """Those of the last command."""
        log = self.folder / "said" / "points"
        return [Point(**json.loads(line)) for line in log.read_text().splitlines()] if log.exists() else []

    def close(self) -> None:
        self._program.kill()
        self._program.communicate()


@dataclass(frozen=True)
class Undisturbed:
    """A whole run, by which others are judged."""

    points: tuple[Point, ...]
    outcome: dict[str, Any]
    epochs: int

    @classmethod
    def of(cls, commands: Commands) -> Undisturbed:
        said = commands.sweep("undisturbed")
        assert said.status == 0, said.err
        run = commands.run("undisturbed")
        return cls(tuple(commands.points()), outcome(run), epochs_trained(run))

    def cases(self) -> Iterator[Case]:
        """Every point with every fault that can befall it there."""
        for point in self.points:
            moment = "within" if point.has_middle else "before"
            yield Case(point, "machine killed", Fault(point.number, "machine", moment))
            yield Case(point, "driver killed", Fault(point.number, "driver", "after"))
            if point.by == "trial":
                yield Case(point, "worker killed", Fault(point.number, "worker", moment))
            if point.operation not in ("unlink", "remove_folder"):
                yield Case(point, "disk full", Fault(point.number, error=errno.ENOSPC))
                yield Case(point, "input/output error", Fault(point.number, error=errno.EIO))


def judge(commands: Commands, undisturbed: Undisturbed, case: Case) -> list[str]:
    """Let the fault happen and the run be completed; what is wrong then, in words."""
    name, wrong = "case", []
    shutil.rmtree(commands.folder / name, ignore_errors=True)
    run = commands.run(name)
    said = commands.sweep(name, case.fault)
    met = commands.points()
    if len(met) <= case.point.number or met[case.point.number] != case.point:
        return [f"the point was not met: {said.err[-500:]}"]
    wrong += about_what_was_said(said, case.fault)
    finished, is_unshared = ended_records(run), UNSHARED in said.err or case.point.file.startswith("stages/")
    for _ in range(LAUNCHES):
        said = commands.sweep(name)
        wrong += about_what_was_said(said, None)
        if wrong or (said.status == 0 and ": complete" in said.out):
            break
    else:
        wrong.append(f"not complete after {LAUNCHES} launches: {said.err[-500:]}")
    if wrong:
        return wrong
    wrong += [f"{file} differs" for file in differences(undisturbed.outcome, outcome(run))]
    now = ended_records(run)
    wrong += [f"{trial} had finished and was changed" for trial in finished if now.get(trial) != finished[trial]]
    repeated = epochs_trained(run) - undisturbed.epochs
    return [*wrong, *([f"{repeated} epochs were trained twice"] if repeated > (3 if is_unshared else 1) else [])]


def about_what_was_said(said: Said, fault: Fault | None) -> list[str]:
    killed = fault is not None and fault.kill in ("driver", "machine")
    wrong = [] if said.status in ((-9,) if killed else (0, 1, 2)) else [f"status {said.status}"]
    errors = [line for line in said.err.splitlines() if line.startswith("prunetune: error:")]
    if "Traceback" in said.err:
        wrong.append(f"a traceback: {said.err[-1500:]}")
    if not killed and len(errors) != (said.status != 0):
        wrong.append(f"status {said.status} with {len(errors)} lines of error: {said.err[-500:]}")
    return wrong
