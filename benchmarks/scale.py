"""How what the program itself does grows with a study: reading, showing, reporting and resuming a run of so many recorded
trials, handing out the next one, and sharing stages beside as many others.

Run: python -m benchmarks.scale [--sizes 30 300 3000] [--big] [--vit-small] [--repeats 3] [--only GROUP ...] [--json]
Two minutes on one core; `--big` adds 30,000 trials and takes a quarter of an hour. The trials are simulated, of five states
each, with `--vit-small` of sixteen states of four epochs whose ends name each unit left of that network, and no process is
started: `benchmarks.startup` is about that. A row is milliseconds of the processor, or kB of memory that a driver or a
command's trials keep: for `each` trial
(or stage) that is there, where all have to be looked at; for what happens `once` to a single one, elsewhere. Behind it stands
how many times that of the smallest size it is. At 1 a row `each` grows as the run does, and one `once` does not grow at all;
where that grows with the run, a whole study's sum grows with its square. At the end of a line stands with which power of the
number of trials its figure grows (0: not at all, 1: with a run). Medians of the repeats, the sizes taken in turns.
"""

from __future__ import annotations

import argparse
import gc
import math
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import linear_regression, median
from typing import Any

from rich.console import Console

from benchmarks.support.machine import kept, machine_text, milliseconds, options_of, show
from benchmarks.support.recorded_runs import HandingOut, bytes_of, filled_store, keys_of, publish, recorded_run
from benchmarks.support.simulated_trial import SimulatedTrial
from benchmarks.support.structured_trial import StructuredTrial
from search.evidence.comparison import compare
from search.evidence.final_test import final_test
from search.report.status import status_json, status_text
from search.report.terminal import comparison_text
from search.report.write import write_report
from search.run.changing.begun import as_begun
from search.run.folder import RunFolder
from search.run.results import RunResults, load_results, still_outstanding
from search.run.retention import apply_retention
from search.run.store import TrialStore
from search.study.study import Study
from search.tuning.progress import Progress
from search.tuning.proposals.optuna_log import write_optuna_log
from search.tuning.trial_queue import TrialQueue
from trainables.stages.store import GIGABYTE, LOOKED_THROUGH, StageStore

SIZES, BIG = (30, 300, 3000), 30_000
GROUPS = ("run", "memory", "report", "queue", "stages")
AT_ONCE = 30
"""Stages looked up, or published, in one measurement."""
Measure = Callable[[], dict[str, float]]
"""Row → milliseconds or kB of it, measured once."""


def measures_of(folder: Path, size: int, options: argparse.Namespace) -> Iterator[tuple[str, Measure]]:
    """Group → how it is measured at one size, in folders made for that."""
    repeats, structured = options.repeats, options.vit_small
    trial_class = StructuredTrial if structured else SimulatedTrial
    study, run = recorded_run(folder / "random", size, repeats, "random", structured=structured)
    copy = RunFolder(Path(shutil.copytree(run.path, folder / "reading" / run.path.name)))
    yield "run", lambda: reading(study, copy, size)
    yield "memory", lambda: keeping(copy, size)
    yield "report", lambda: reporting(load_results(copy.path), folder / "report", size)
    if wanted("queue", options):
        yield "queue", HandingOut(study, run, trial_class).measure
        by_tpe = recorded_run(folder / "tpe", size, repeats, "tpe", structured=structured)
        yield "queue", HandingOut(*by_tpe, trial_class).measure
    if not wanted("stages", options):
        return
    filled = filled_store(folder / "stages", size)
    yield "stages", lambda: sharing(filled, folder / "stages", size)


def wanted(group: str, options: argparse.Namespace) -> bool:
    """Whether a group is asked for."""
    return not options.only or group in options.only


def reading(study: Study, run: RunFolder, size: int) -> dict[str, float]:
    results = load_results(run.path)
    handed_out: list[Path] = []
    found = {
        "each: read its results": milliseconds(lambda: load_results(run.path)) / size,
        "each: status": milliseconds(lambda: (status_text(results), status_json(results))) / size,
        "each: compare": milliseconds(lambda: comparison_text(compare(results), final_test(results))) / size,
        "each: draw the live table": milliseconds(Progress(study, TrialStore(run), Console(quiet=True)).table) / size,
        "each: resume": milliseconds(lambda: handed_out.append(resume(study, run))) / size,
    }
    for trial in handed_out:
        shutil.rmtree(trial)
    return found


def keeping(run: RunFolder, size: int) -> dict[str, float]:
    """What stays in memory while a driver, or a command, holds its trials."""
    return {
        "each: kB in the driver": kept_kilobytes(lambda: TrialStore(run)) / size,
        "each: kB in `status`": kept_kilobytes(lambda: load_results(run.path)) / size,
    }


def kept_kilobytes(make: Callable[[], object]) -> float:
    """Of the memory that Python allots, what making something leaves in use while it is held."""
    make()  # what is imported and remembered on the way is no part of it
    return kept(make)[1] / 1000


def resume(study: Study, run: RunFolder) -> Path:
    """What a launch does with a run before a trial begins, without the checks of data and weights; gives the trial's folder."""
    store = TrialStore(run)
    study = as_begun(study, store)
    apply_retention(study, store)
    still_outstanding(run, study, store)
    write_optuna_log(study, store)
    trial = TrialQueue(study, store).next()
    assert not isinstance(trial, str), "the study asks for more trials than are recorded"
    return trial.folder


def reporting(results: RunResults, out: Path, size: int) -> dict[str, float]:
    return {"each: report": milliseconds(lambda: write_report(results, out)) / size}


def sharing(store: StageStore, folder: Path, size: int) -> dict[str, float]:
    """Leaves the store as it was."""
    there, new = keys_of(0, size), keys_of(size, AT_ONCE)
    looked_up = there[:AT_ONCE]
    found = {
        "once: look up a stage": milliseconds(lambda: [store.find(key) for key in looked_up]) / len(looked_up),
        "once: publish a stage": milliseconds(lambda: [publish(store, folder, key) for key in new]) / len(new),
    }
    for key in new:
        store.discard(key)
    (store.folder / LOOKED_THROUGH).unlink(missing_ok=True)
    full = StageStore(store.folder, bytes_of(store) / GIGABYTE)
    found["each: evict one stage"] = milliseconds(lambda: publish(full, folder, new[0])) / size
    store.discard(new[0])
    for key in there:
        if store.find(key) is None:
            publish(store, folder, key)
    return found


def measure(options: argparse.Namespace) -> dict[str, Any]:
    sizes = sorted({*options.sizes, *([BIG] if options.big else [])})
    times: dict[str, dict[int, list[float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        prepared = {size: list(measures_of(Path(folder) / str(size), size, options)) for size in sizes}
        # What stands ready for one measurement is no garbage to be looked through in another.
        gc.collect()
        gc.freeze()
        for number in range(options.repeats):
            for size in [*sizes[number % len(sizes) :], *sizes[: number % len(sizes)]]:
                for group, once in prepared[size]:
                    if not wanted(group, options):
                        continue
                    for row, found in once().items():
                        times.setdefault(row, {}).setdefault(size, []).append(found)
                    gc.collect()
        gc.unfreeze()
    return {"machine": machine_text(), "sizes": sizes, "rows": {row: row_of(found) for row, found in times.items()}}


def row_of(times: dict[int, list[float]]) -> dict[str, Any]:
    """Size → median, and how many times that of the smallest size; `exponent`: with which power of the size it grows."""
    medians = {size: median(found) for size, found in sorted(times.items())}
    smallest = medians[min(medians)]
    ratio = {size: found / smallest for size, found in medians.items()}
    return {"medians": medians, "ratio": ratio, "exponent": exponent_of(medians)}


def exponent_of(medians: dict[int, float]) -> float | None:
    """The slope of a straight line through the logarithms; None of one size alone."""
    if len(medians) < 2:
        return None
    return linear_regression([math.log(size) for size in medians], [math.log(one) for one in medians.values()]).slope


def lines(found: dict[str, Any]) -> list[str]:
    sizes = found["sizes"]
    heading = "".join(f"{f'{size:,}':>18}" for size in sizes)
    return [
        f"{'milliseconds or kB (ratio)':<28}{heading}{'exponent':>10}",
        *(_line(row, sizes, one) for row, one in found["rows"].items()),
    ]


def _line(row: str, sizes: list[int], found: dict[str, dict[int, float]]) -> str:
    cells = [f"{found['medians'][size]:.3f} ({found['ratio'][size]:.2f})" for size in sizes]
    exponent = "" if found["exponent"] is None else f"{found['exponent']:.2f}"
    return f"{row:<28}" + "".join(f"{cell:>18}" for cell in cells) + f"{exponent:>10}"


def main() -> None:
    """Print a row for each thing that the program does."""
    parser = options_of(__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[30, 300, 3000], help="recorded trials")
    parser.add_argument("--big", action="store_true", help=f"{BIG:,} as well")
    parser.add_argument("--vit-small", action="store_true", help="sixteen states, with the units left of that network")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=GROUPS, metavar="GROUP", help=f"of {', '.join(GROUPS)}")
    options = parser.parse_args()
    show(options, measure(options), lines)


if __name__ == "__main__":
    main()
