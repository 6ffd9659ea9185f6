"""`prunetune report`: a page that shows a run, its verdict and what it rests on."""

from __future__ import annotations

import argparse
from pathlib import Path

from search.commands.base import Outcome
from search.results import load_results
from search.run_files import readable

EXAMPLE = "prunetune report runs/quickstart"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", type=Path, help="the run's folder, such as runs/quickstart")
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder to write to (default: RUN/report)")


def run(args: argparse.Namespace) -> Outcome:
    from search.report.write_report import write_report

    with readable(args.run):
        results = load_results(args.run)
        out = args.out or results.run / "report"
        files = write_report(results, out)
    json = {"run": str(results.run), "out": str(out), "files": files}
    return Outcome(json=json, text=f"{out / 'index.html'} and {len(files) - 1} files beside it")
