"""Runs commands of prunetune, each in a process forked from one that has imported everything; a program, asked line by line.

A command's processes are a group of their own, which has gone when the answer comes.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

import search.commands.export
import search.commands.launch
import search.commands.report
import search.commands.resume
import search.commands.status
import search.commands.sweep
import search.export.export
import search.report.charts.drawing
import search.report.latency.latencies
import search.report.latency.measuring
import search.report.write
import search.tuning.cluster.background
import search.tuning.drive
import search.tuning.proposals.optuna_log
import search.tuning.ray_tune
import trainables.stages.store
import trainables.trial  # noqa: F401
from models import atomic
from search import cli
from tests.faults.points import Fault, Watcher
from tests.faults.without_ray import NoRay, fit_in

FORMAT_FILES = b"as a format's file"


@dataclass(frozen=True)
class Ended:
    """How a command ended; minus the signal where one ended it. `seconds` of processor time."""

    status: int
    out: str
    err: str
    seconds: float


def stand_ins() -> None:
    """For what takes seconds and writes as everything else does: Ray, the files of other formats, latencies."""
    torch.set_num_threads(1)
    drive, export = search.tuning.drive, search.export.export
    search.tuning.cluster.background.BackgroundRay = NoRay  # type: ignore[misc,assignment]
    drive.BackgroundRay = NoRay  # type: ignore[misc,assignment]
    search.tuning.proposals.optuna_log.REST = 0.0  # so that how often it is written does not depend on the clock
    export.export_onnx = _format_file
    export.export_program = _format_file
    export.onnx_versions = lambda path: {"opset": 18, "ir": 10}
    export.turns_in_torch = export.turns_in_onnxruntime = lambda *arguments: _NoTurns()  # type: ignore[assignment,return-value]
    search.report.write.png = lambda plot: FORMAT_FILES
    search.report.charts.drawing.Plot.svg = "<svg></svg>"  # type: ignore[assignment]
    search.report.latency.latencies.measured_in_turns = _no_latencies  # type: ignore[assignment]


def _format_file(model: Any, shape: Any, path: Path, notes: Any) -> float:
    atomic.write_bytes(path, FORMAT_FILES)
    return 0.0


def _no_latencies(missing: Any, known: Any) -> Any:
    timing = search.report.latency.measuring.Timing(1.0, 1.0, 1.0)
    return {one.key: timing for one in (*missing, *known)}, {}


class _NoTurns:
    def to_json(self) -> dict[str, Any]:
        return {"ms": 1.0, "dense_ms": 1.0, "ratio": 1.0, "low": 1.0, "high": 1.0, "differs": False}

    def text(self) -> str:
        return "not measured"


def run_command(folder: Path, run: Path, arguments: list[str], fault: Fault | None) -> Ended:
    """One command in a process of its own, with what it says and the points it came by in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    out, err, points = folder / "out", folder / "err", folder / "points"
    points.unlink(missing_ok=True)
    child = os.fork()
    if child == 0:
        _become(out, err)
        _command(run, points, arguments, fault)
    _, status, used = os.wait4(child, 0)
    while _is_there(child):
        time.sleep(0.002)
    seconds = used.ru_utime + used.ru_stime
    return Ended(os.waitstatus_to_exitcode(status), out.read_text(), err.read_text(errors="replace"), seconds)


def _become(out: Path, err: Path) -> None:
    os.setsid()
    for path, stream in ((out, 1), (err, 2)):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(descriptor, stream)


def _command(run: Path, points: Path, arguments: list[str], fault: Fault | None) -> None:
    status = 99
    try:
        watcher = Watcher(run, points, fault)
        watcher.install()
        search.tuning.ray_tune.fit = fit_in(watcher)
        status = cli.main(arguments)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _is_there(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def main() -> None:
    stand_ins()
    gc.freeze()  # looking through all that was imported would take a forked process longer than its trials
    for line in sys.stdin:
        asked = json.loads(line)
        fault = None if asked["fault"] is None else Fault(**asked["fault"])
        ended = run_command(Path(asked["folder"]), Path(asked["run"]), asked["arguments"], fault)
        print(json.dumps(ended.__dict__), flush=True)


if __name__ == "__main__":
    main()
