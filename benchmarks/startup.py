"""How long the commands take before they do what they were typed for, each in fresh processes.

Run: python -m benchmarks.startup [--repeats 5] [--trials 100] [--against CHECKOUT] [--only ROW ...] [--json]
A minute. `command line` is `prunetune --help`; `imports` what a trial's process loads; `validate` the quickstart; `status` a
simulated run of so many trials; `first epoch` from `prunetune sweep configs/quickstart.yaml` to its first recorded epoch, with
nothing there before. Seconds are medians, of the clock, which other work on the machine lengthens, and of the processor with
everything that the command started. `--against` measures another checkout in turns; the ratio is the median of the turns', of
the processor's seconds.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.support.machine import machine_text, options_of, show
from benchmarks.support.processes import Took, to_its_end, until

ROOT = Path(__file__).resolve().parents[1]
STUDY = "configs/quickstart.yaml"
PRUNETUNE = [sys.executable, "-m", "search.cli"]
IMPORTS = """
import os
try:
    import trainables.trial_process
except ImportError:  # an older checkout
    import trainables.trial, trainables.tune_trainable
os._exit(0)
"""
ROWS = ("command line", "imports", "validate", "status", "first epoch")
EPOCH = b'"kind":"epoch"'


# Each checkout makes its own run: an older one need not know what a newer one writes.
SIMULATED = """
import sys
from pathlib import Path
from benchmarks.support.simulation import BASE, Simulation, make_study
folder, trials = Path(sys.argv[1]), int(sys.argv[2])
trial = {**BASE["trial"], "train": {"epochs_per_state": 6}}
search = {"algorithm": "random", "trials_per_arm": trials // 2}
Simulation(make_study(folder, trial=trial, search=search), folder / "runs").go()
"""


def measures(folder: Path, checkout: Path, trials: int) -> dict[str, Callable[[], Took]]:
    """Row → what measures it in a checkout."""
    run = simulated_run(folder, checkout, trials)
    return {
        "command line": lambda: to_its_end([*PRUNETUNE, "--help"], checkout),
        "imports": lambda: to_its_end([sys.executable, "-c", IMPORTS], checkout),
        "validate": lambda: to_its_end([*PRUNETUNE, "validate", STUDY], checkout),
        "status": lambda: to_its_end([*PRUNETUNE, "status", str(run)], checkout),
        "first epoch": lambda: first_epoch(folder, checkout),
    }


def simulated_run(folder: Path, checkout: Path, trials: int) -> Path:
    """A run of two arms that share so many trials, of 30 epochs each in 5 states, with real records of made-up numbers."""
    own = Path(tempfile.mkdtemp(dir=folder))
    to_its_end([sys.executable, "-c", SIMULATED, str(own), str(trials)], checkout)
    return own / "runs" / "simulated"


def first_epoch(folder: Path, checkout: Path) -> Took:
    """From typing `sweep` to the first epoch in a record."""
    with tempfile.TemporaryDirectory(dir=folder) as storage:

        def recorded() -> bool:
            return any(EPOCH in file.read_bytes() for file in Path(storage).glob("*/trials/*/record.jsonl"))

        return until(recorded, [*PRUNETUNE, "sweep", STUDY, "--storage", storage], checkout)


def row(took: list[Took], others: list[Took]) -> dict[str, float]:
    """Medians, and where there is another checkout, its medians and how many times its processor seconds this one needs."""
    found = {"seconds": median(one.seconds for one in took), "processor": median(one.processor for one in took)}
    if others:
        found |= {
            "other_seconds": median(one.seconds for one in others),
            "other_processor": median(one.processor for one in others),
            "ratio": median(one.processor / other.processor for one, other in zip(took, others, strict=True)),
        }
    return found


def measure(options: argparse.Namespace) -> dict[str, Any]:
    checkouts = [ROOT, *([options.against.resolve()] if options.against else [])]
    rows: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        all_measures = [measures(Path(folder), checkout, options.trials) for checkout in checkouts]
        for name in options.only or all_measures[0]:
            measured = [one[name] for one in all_measures]
            for once in measured:
                once()  # the first time compiles what is not compiled yet, and fills the disk's cache
            turns = [[once() for once in measured] for _ in range(options.repeats)]
            rows[name] = row([turn[0] for turn in turns], [turn[1] for turn in turns if len(turn) > 1])
    return {"machine": machine_text(), "trials": options.trials, "repeats": options.repeats, "rows": rows}


def lines(found: dict[str, Any]) -> list[str]:
    return [_line(name, values) for name, values in found["rows"].items()]


def _line(name: str, values: dict[str, float]) -> str:
    line = f"{name:<13} {values['seconds']:6.2f} s, processor {values['processor']:6.2f} s"
    if "ratio" not in values:
        return line
    other = f"other {values['other_seconds']:6.2f} s, processor {values['other_processor']:6.2f} s"
    return f"{line}   {other}, ratio {values['ratio']:.2f}"


def main() -> None:
    """Print a row for each command."""
    parser = options_of(__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--trials", type=int, default=100, help="of the run whose status is asked for")
    parser.add_argument("--against", type=Path, metavar="CHECKOUT", help="another checkout, measured in turns")
    parser.add_argument("--only", nargs="+", metavar="ROW", choices=ROWS, help="these rows alone")
    options = parser.parse_args()
    show(options, measure(options), lines)


if __name__ == "__main__":
    main()
