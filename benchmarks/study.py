"""What the evidence of a study costs beside plain Ray Tune over masked trials that share nothing: same arms, seeds and states.

Run: python -m benchmarks.study [--kind depths] [--arms 6] [--seeds 8] [--states 16] [--epochs 1] [--images 400] [--json]
`depths` compares Refill at so many depths, the same share removed at each event, up to `--states` events; `methods` compares
Refill by three criteria, RSST, units at random and one-shot, all of `--states` events. Nothing is searched, so that both sides
train the same evidence: every arm on every seed. Both run on all cores, one after the other, each in a process of its own.
Times are of the clock, from the first trial handed out to the last one's end; epochs really trained stand beside them.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.support.machine import machine_text, options_of, show
from benchmarks.support.processes import variables
from search.config_file import yaml_file
from search.run.results import load_results

ROOT = Path(__file__).resolve().parents[1]
RATE = 0.07
"""Removed at each event of what is left: 69 % after sixteen."""
METHODS: dict[str, dict[str, Any]] = {
    "magnitude": {"prune.method": "refill"},
    "l2": {"prune.method": "refill", "prune.criterion": "l2"},
    "taylor": {"prune.method": "refill", "prune.criterion": "taylor"},
    "rsst": {"prune.method": "rsst"},
    "random": {"prune.method": "random"},
    "one_shot": {"prune.method": "one_shot"},
}


def study_of(options: argparse.Namespace) -> dict[str, Any]:
    """The study file: arms on common seeds, and nothing searched."""
    schedule = {"kind": "geometric", "states": options.states, "rate_per_state": RATE}
    if options.kind == "depths":
        depths = [round(options.states * (number + 1) / options.arms) for number in range(options.arms)]
        arms = {f"depth-{depth}": {"prune.schedule.states": depth} for depth in depths}
    else:
        arms = dict(list(METHODS.items())[: options.arms])
    return {
        "name": "evidence",
        "trial": {
            "model": {"arch": options.arch, "init": {"source": "random"}},
            "data": {"name": "digits", "train_limit": options.images},
            "train": {"epochs_per_state": options.epochs, "device": "cpu"},
            "prune": {"method": "refill", "schedule": schedule},
            "seed": 101,
        },
        "arms": arms,
        "search": {"algorithm": "random", "trials_per_arm": 1, "seeds": [101 + seed for seed in range(options.seeds)]},
        "compare": {"claim": "configurations"},
    }


def ours(file: Path, folder: Path) -> dict[str, float]:
    """`prunetune sweep`, from its first trial handed out to the end of its last one."""
    command = [sys.executable, "-m", "search.cli", "sweep", str(file), "--storage", str(folder)]
    subprocess.run(
        command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=variables(ROOT)
    )
    results = load_results(folder / "evidence")
    records = [trial.folder / "record.jsonl" for trial in results.trials]
    began = min(file.stat().st_ctime for file in results.run.glob("trials/*/trial.json"))
    done = results.training
    return {
        "seconds": max(file.stat().st_mtime for file in records) - began,
        "epochs": done.epochs,
        "epochs_taken_over": done.epochs_taken_over,
    }


def plain(file: Path) -> dict[str, float]:
    """Plain Tune, a grid over arms and seeds of masked trials."""
    command = [sys.executable, "-m", "benchmarks.support.plain_tune", str(file)]
    done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True, env=variables(ROOT))
    found: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def measure(options: argparse.Namespace) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "evidence.yaml"
        file.write_text(yaml_file.dump(study_of(options)), encoding="utf-8")
        theirs, began = plain(file), time.time()
        found = ours(file, Path(folder) / "runs")
        whole = time.time() - began
    return {
        "machine": machine_text(),
        "study": f"{options.kind}: {options.arms} arms, {options.seeds} seeds, up to {options.states} events",
        "ours": {**found, "with_start_and_report": whole},
        "plain": theirs,
        "ratio": found["seconds"] / theirs["seconds"],
        "ratio_of_epochs": found["epochs"] / theirs["epochs"],
    }


def lines(found: dict[str, Any]) -> list[str]:
    own, theirs = found["ours"], found["plain"]
    return [
        found["study"],
        f"plain Tune: {theirs['seconds']:.0f} s, {theirs['epochs']:.0f} epochs trained",
        f"prunetune:  {own['seconds']:.0f} s, {own['epochs']:.0f} epochs trained, {own['epochs_taken_over']:.0f} taken over "
        f"({own['with_start_and_report']:.0f} s with start and report)",
        f"ratio of time {found['ratio']:.2f}, of epochs trained {found['ratio_of_epochs']:.2f}",
    ]


def main() -> None:
    """Print both sides and their ratio."""
    parser = options_of(__doc__)
    parser.add_argument("--kind", choices=["depths", "methods"], default="depths")
    for name, default in {"arms": 6, "seeds": 8, "states": 16, "epochs": 1, "images": 400}.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--arch", default="vit_micro")
    options = parser.parse_args()
    show(options, measure(options), lines)


if __name__ == "__main__":
    main()
