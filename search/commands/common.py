"""What the sub-commands share: their outcome, and the options that name a study."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from search.study.load import load_study
from search.study.study import Study


@dataclass(frozen=True)
class Outcome:
    """`text` is what a person reads on standard output; `json` the same facts as one object for `--json`."""

    json: dict[str, Any]
    text: str
    exit_status: int = 0


def add_study(parser: argparse.ArgumentParser) -> None:
    """STUDY, --name and --set."""
    parser.add_argument("study", type=Path, metavar="STUDY", help="a study file, such as configs/quickstart.yaml")
    parser.add_argument("--name", help="name of the run, in place of the file's `name`")
    parser.add_argument(
        "--set",
        dest="sets",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="replace any value of the file, such as trial.train.lr=0.001; fixes a searched key (may be repeated)",
    )


def add_storage(parser: argparse.ArgumentParser) -> None:
    """--storage: where runs are kept."""
    parser.add_argument(
        "--storage", type=Path, default=Path("runs"), metavar="DIR", help="folder that holds the runs (default: runs)"
    )


def study_of(args: argparse.Namespace) -> Study:
    """The study that the options ask for."""
    return load_study(args.study, args.sets, name=args.name)
