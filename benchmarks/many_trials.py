"""What a study of very many trials costs its driver: simulated trials of five epochs through Ray, watched as they come.

Run: python -m benchmarks.many_trials [--trials 10000] [--algorithm random] [--seconds 0] [--at-once 2] [--folder DIR] [--json]
A row for each tenth of the trials: milliseconds a trial by the clock and of the driver's processor, and what the driver then
holds. Memory of the driver, and of Ray's own processes beside it, is what is resident; handles are open files and sockets.
A run in `--folder` goes on; its first row then says nothing of a trial.
Afterwards `status`, `compare` and `report` of the run. Ten thousand take about half an hour on two cores.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.support.machine import machine_text, options_of, show
from benchmarks.support.processes import PROCESSES, processor_seconds, used_by, variables
from benchmarks.support.simulation import make_study
from search.run.folder import RunFolder
from search.run.manifest import open_run

ROOT = Path(__file__).resolve().parents[1]
SHARE = 10
"""Rows."""
RAY = ("gcs_server", "raylet")
COMMANDS = ("status", "compare", "report")


@dataclass(frozen=True)
class Seen:
    """A driver while it drives. Memory in MB; seconds since its start, by the clock and of its processor."""

    trials: int
    seconds: float
    processor: float
    memory: float
    highest: float
    ray: float
    threads: int
    handles: int


def study_run(options: argparse.Namespace, folder: Path) -> RunFolder:
    """A run of two arms that asks for so many trials."""
    search = {"algorithm": options.algorithm, "trials_per_arm": options.trials // 2}
    resources = {"max_concurrent": options.at_once, "gpus_per_trial": 0}
    return open_run(folder, make_study(folder, name="many", search=search, resources=resources))


def watched(run: RunFolder, options: argparse.Namespace) -> Iterator[Seen]:
    """The driver as each tenth of the trials has begun, and shortly before its end."""
    command = [sys.executable, "-m", "benchmarks.orchestration_process", "drive", str(run.path)]
    pace = {"SIMULATED": "1", "SIMULATED_SECONDS": str(options.seconds / 5)}
    began, share, wanted = time.monotonic(), max(1, options.trials // SHARE), 0
    with (run.path / "driven.log").open("w") as log:
        driver = subprocess.Popen(command, cwd=ROOT, env={**variables(ROOT), **pace}, stdout=log, stderr=log)
        while driver.poll() is None:
            time.sleep(0.5)
            trials = sum(1 for _ in os.scandir(run.trials_folder)) if run.trials_folder.exists() else 0
            if (
                trials >= (wanted or share)
                and (seen := _seen(driver.pid, trials, time.monotonic() - began)) is not None
            ):
                wanted = (trials // share + 1) * share
                yield seen
    if driver.returncode != 0:
        raise SystemExit(f"the driver failed:\n{(run.path / 'driven.log').read_text()[-2000:]}")


def _seen(driver: int, trials: int, seconds: float) -> Seen | None:
    """None where it has just ended."""
    try:
        status = _status(driver)
        handles = sum(1 for _ in os.scandir(PROCESSES / str(driver) / "fd"))
        used = processor_seconds(driver)
        ray = sum(one["VmRSS"] for process in used if (one := _status(process))["Name"] in RAY)
    except OSError:
        return None
    threads = int(status["Threads"])
    return Seen(trials, seconds, used[driver], status["VmRSS"], status["VmHWM"], ray, threads, handles)


def _status(process: int) -> dict[str, Any]:
    """What the kernel says of a process, memory in MB."""
    lines = (PROCESSES / str(process) / "status").read_text().splitlines()
    found = {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
    memory = {name: int(value.split()[0]) / 1000 for name, value in found.items() if value.endswith(" kB")}
    return {**found, **memory}


def commands_of(run: RunFolder) -> dict[str, dict[str, float]]:
    """Command → its seconds of the processor and its highest memory in MB."""
    return {name: used_by([sys.executable, "-m", "search.cli", name, str(run.path)], ROOT) for name in COMMANDS}


def measure(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    run = study_run(options, folder)
    seen = []
    for one in watched(run, options):
        seen.append(asdict(one))
        print(_line(seen), file=sys.stderr, flush=True)
    files = [file for file in run.path.rglob("*") if file.is_file()]
    kept = {"files": len(files), "MB": sum(file.stat().st_size for file in files) / 1e6}
    log = (run.path / "driver.log").stat().st_size / 1e6
    return {"machine": machine_text(), "seen": seen, "kept": kept, "driver.log MB": log, "commands": commands_of(run)}


HEADING = (
    f"{'trials':>8}{'ms a trial':>12}{'of driver':>11}{'MB':>8}{'highest':>9}{'Ray MB':>8}{'threads':>9}{'handles':>9}"
)


def _line(seen: list[dict[str, Any]]) -> str:
    """The last one, and what it took since the one before."""
    now = seen[-1]
    before = seen[-2] if len(seen) > 1 else {"trials": 0, "seconds": 0.0, "processor": 0.0}
    new = max(1, now["trials"] - before["trials"])
    each, own = (1000 * (now[name] - before[name]) / new for name in ("seconds", "processor"))
    return (
        f"{now['trials']:>8,}{each:>12.1f}{own:>11.1f}{now['memory']:>8.0f}{now['highest']:>9.0f}{now['ray']:>8.0f}"
        f"{now['threads']:>9}{now['handles']:>9}"
    )


def lines(found: dict[str, Any]) -> list[str]:
    seen, kept = found["seen"], found["kept"]
    told = [_line(seen[: count + 1]) for count in range(len(seen))]
    run = f"the run: {kept['files']:,} files, {kept['MB']:.0f} MB; driver.log {found['driver.log MB']:.1f} MB"
    commands = [f"{name}: {one['seconds']:.1f} s, {one['memory']:.0f} MB" for name, one in found["commands"].items()]
    return [HEADING, *told, run, *commands]


def main() -> None:
    """Print a row for each tenth of the trials."""
    parser = options_of(__doc__)
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--algorithm", default="random")
    parser.add_argument("--seconds", type=float, default=0.0, help="how long a trial sleeps")
    parser.add_argument("--at-once", type=int, default=2)
    parser.add_argument("--folder", type=Path, help="where to keep the run (default: a temporary folder)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        show(options, measure(options, folder), lines)


if __name__ == "__main__":
    main()
