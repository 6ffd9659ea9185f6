"""`prunetune status`: how a run stands, also from another shell, and also when nobody drives it."""

from __future__ import annotations

import argparse
from pathlib import Path

from search.commands.common import Outcome
from search.report.status import status_json, status_text
from search.run.readable import readable
from search.run.results import load_results

EXAMPLE = "prunetune status runs/quickstart --json"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", type=Path, help="the run's folder, such as runs/quickstart")


def run(args: argparse.Namespace) -> Outcome:
    with readable(args.run):
        results = load_results(args.run)
    return Outcome(json=status_json(results), text=status_text(results))
