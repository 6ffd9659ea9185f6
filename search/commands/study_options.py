"""The options that every sub-command with a study file takes."""

from __future__ import annotations

import argparse
from pathlib import Path

from search.study import Study, load_study


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
