"""What a study costs beside its trials: time over the bare trials, many short trials, what a run keeps, and resuming.

Run: python -m benchmarks.orchestration [--real 3 --epochs 60] [--short 200 --seconds 0.4] [--folder DIR]

`real`: so many trials of vit_micro on digits, with `--epochs` in each of their 3 states, first bare (one after another in
one process, no Ray), then as a study with one trial at a time. Choose `--epochs` so that a trial takes about a minute; with
shorter trials read the seconds per trial, which do not grow with a trial's length. Start-up, until the first epoch is
recorded, is set apart.

`short`: so many trials that sleep `--seconds` in all over 5 epochs but write real records, bare, then as a study of 2 arms
under `tpe` on 2 CPUs. Then the finished study grows by a trial per arm: the time until it trains again is the time to resume,
beside the time until the first launch trained.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.support.processes import variables
from benchmarks.support.simulation import BASE, make_study
from search.run.folder import RunFolder
from search.run.manifest import grown, open_run
from search.run.plan import plan_of
from search.run.store import TrialStore
from search.study.study import Study

ROOT = Path(__file__).resolve().parents[1]
SHORT_EPOCHS = 5
SMALL = {"trial.json", "record.jsonl"}
"""What a resume reads of each trial."""


@dataclass(frozen=True)
class Timed:
    """Seconds of a process; `begun` until its first epoch was in a record, None where nobody looked."""

    seconds: float
    begun: float

    @property
    def work(self) -> float:
        return self.seconds - self.begun


def timed(mode: str, run: RunFolder, environment: dict[str, str]) -> Timed:
    """Drive or run `run` in a process of its own, and watch for its first new epoch."""
    began, clock = time.monotonic(), time.time()
    command = [sys.executable, "-m", "benchmarks.orchestration_process", mode, str(run.path)]
    with_own = {**variables(ROOT), **environment}
    with (run.path / f"{mode}.log").open("w") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=with_own, stdout=log, stderr=log)
        begun: float | None = None
        while process.poll() is None:
            if begun is None and trains(run, clock):
                begun = time.monotonic() - began
            time.sleep(0.02 if begun is None else 0.1)
    if process.returncode != 0 or begun is None:
        raise SystemExit(f"{mode} failed:\n{(run.path / f'{mode}.log').read_text()}")
    return Timed(time.monotonic() - began, begun)


def trains(run: RunFolder, since: float) -> bool:
    """Whether an epoch was recorded after `since` (seconds of the clock)."""
    records = run.trials_folder.glob("*/record.jsonl")
    return any(file.stat().st_mtime > since and b'"kind":"epoch"' in file.read_bytes() for file in records)


def real(folder: Path, trials: int, epochs: int) -> None:
    trial = {**BASE["trial"], "train": {"epochs_per_state": epochs, "device": "cpu"}}
    trial["prune"] = {"schedule": {"states": 2, "head_ratio": 0.5, "neuron_ratio": 0.5}}
    study = make_study(
        folder,
        name="real",
        trial=trial,
        arms={"refill": {"prune.method": "refill"}},
        search={"algorithm": "random", "trials_per_arm": trials},
        resources={"max_concurrent": 1, "gpus_per_trial": 0},
        space={"train.lr": {"log_uniform": [1.0e-3, 3.0e-3]}},
    )
    bare = timed("bare", requested(open_run(folder / "bare", study), study), {})
    ours = timed("drive", open_run(folder / "study", study), {})
    each = (ours.work - bare.work) / trials
    print(
        f"\n{trials} real trials one at a time: bare {bare.work:.1f} s ({bare.work / trials:.1f} s each), "
        f"study {ours.work:.1f} s"
    )
    print(f"  overhead after start-up: {100 * (ours.work / bare.work - 1):.1f} % here, {each:.2f} s a trial")
    print(f"  which is {100 * each / 60:.1f} % of a trial of a minute (bar: 5 %)")
    print(f"  start-up: bare {bare.begun:.1f} s, study {ours.begun:.1f} s until the first epoch is recorded")


def short(folder: Path, trials: int, seconds: float) -> None:
    sections: dict[str, Any] = {"resources": {"max_concurrent": 2, "gpus_per_trial": 0}}
    study = make_study(folder, search={"algorithm": "tpe", "trials_per_arm": trials // 2}, **sections)
    pace = {"SIMULATED_SECONDS": str(seconds / SHORT_EPOCHS)}
    few = make_study(folder, search={"algorithm": "random", "trials_per_arm": 5}, name="few", **sections)
    bare = timed("bare", requested(open_run(folder / "bare", few), few), {**pace, "SIMULATED": "1"})
    run = open_run(folder / "short", study)
    ours = timed("drive", run, {**pace, "SIMULATED": "1"})
    ideal = bare.work / 10 * trials / 2
    print(
        f"\n{trials} trials of {seconds} s on 2 CPUs: {ours.work:.1f} s after a start-up of {ours.begun:.1f} s (bar: 90 s)"
    )
    print(
        f"  bare trials would take {ideal:.1f} s on 2 CPUs ({bare.work / 10:.2f} s each): {ours.work / ideal:.2f} times that"
    )
    sizes = {name: kept(run, name) for name in (*sorted(SMALL), "optuna.log")}
    text = ", ".join(f"{name} {size / 1e6:.2f} MB" for name, size in sizes.items())
    per_200 = sum(sizes.values()) * 200 / trials / 1e6
    print(f"  what a resume reads, per 200 trials: {per_200:.2f} MB (bar: 2 MB); {text}")
    began = time.monotonic()
    TrialStore(run)
    reading = time.monotonic() - began
    grown(run, study, trials // 2 + 1)
    again = timed("drive", run, {**pace, "SIMULATED": "1"})
    print(
        f"  resuming with {trials} trials known: {again.begun:.1f} s until it trains ({reading:.2f} s of them "
        f"reading records), {again.begun / ours.begun:.2f} times the first start"
    )


def kept(run: RunFolder, name: str) -> int:
    """Bytes of all files of that name in a run."""
    return sum(file.stat().st_size for file in run.path.rglob(name))


def requested(run: RunFolder, study: Study) -> RunFolder:
    """Every search trial of the study asked for at once, as random search draws them."""
    from search.tuning.trial_queue import TrialQueue

    queue = TrialQueue(study, TrialStore(run))
    for _ in range(sum(len(plan.search_ids) for plan in plan_of(study))):
        queue.next()
    return run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--real", type=int, default=3, help="real trials; 0 leaves them out")
    parser.add_argument("--epochs", type=int, default=60, help="epochs of each of a real trial's 3 states")
    parser.add_argument("--short", type=int, default=200, help="short trials; 0 leaves them out")
    parser.add_argument("--seconds", type=float, default=0.4, help="how long a short trial sleeps")
    parser.add_argument("--folder", type=Path, help="where to keep the runs (default: a temporary folder)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        if options.short:
            show_load()
            short(folder, options.short, options.seconds)
        if options.real:
            show_load()
            real(folder, options.real, options.epochs)
        show_load()


def show_load() -> None:
    print(f"load average {os.getloadavg()[0]:.1f} on {len(os.sched_getaffinity(0))} CPUs", flush=True)


if __name__ == "__main__":
    main()
