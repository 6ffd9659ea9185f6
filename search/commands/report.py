"""`prunetune report`: a page that shows a run, its verdict and what it rests on."""

from __future__ import annotations

import argparse
from pathlib import Path

from search.commands.common import Outcome
from search.run.readable import readable
from search.run.results import RunResults, load_results

EXAMPLE = "prunetune report runs/quickstart"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", type=Path, nargs="+", help="the run's folder, such as runs/quickstart; or several")
    parser.add_argument(
        "--out", type=Path, metavar="DIR",
        help="folder to write to (default: RUN/report, for several runs side-by-side/ in the first one's folder)",
    )  # fmt: skip


def run(args: argparse.Namespace) -> Outcome:
    from search.report.write import write_report, write_side_by_side

    runs = [read(path) for path in args.run]
    if len(runs) == 1:
        out = args.out or runs[0].run / "report"
        files = write_report(runs[0], out)
    else:
        out = args.out or runs[0].run / "side-by-side"
        files = write_side_by_side(runs, out)
    json = {
        "run": [str(one.run) for one in runs] if len(runs) > 1 else str(runs[0].run),
        "out": str(out),
        "files": files,
    }
    return Outcome(json=json, text=f"{out / 'index.html'} and {len(files) - 1} files beside it")


def read(path: Path) -> RunResults:
    with readable(path):
        return load_results(path)
