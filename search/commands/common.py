"""What the sub-commands share: their outcome, `--json` and the example in their help, and the parameters that several take."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any

import click

from models.errors import UserError
from models.local_path import is_url, no_url
from search.commands.tools import offered
from search.console import OUTPUT_SCHEMA_VERSION
from trainables.files.json_lines import finite_json

DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
TOLD = "search.commands.told"
"""Key in `click.Context.meta`; there once the outcome has been printed."""
WANTS_JSON = "search.commands.json"
"""Key in `click.Context.meta`; there where `--json` was given, before or after an action such as `init list`."""


@dataclass(frozen=True)
class Outcome:
    """`text` is what a person reads on standard output; `json` the same facts as one object for `--json`."""

    json: dict[str, Any]
    text: str
    exit_status: int = 0


def tell(outcome: Outcome, context: click.Context) -> None:
    """Print it, once: what a command told while it ran is not printed again at its end."""
    if context.meta.get(TOLD):
        return
    context.meta[TOLD] = True
    said = {"schema_version": OUTPUT_SCHEMA_VERSION, **outcome.json}
    print(finite_json(said) if WANTS_JSON in context.meta else outcome.text, flush=True)


class Subcommand(click.Command):
    """A command whose function gives an Outcome. All take `--json`, and their help ends with an example."""

    def __init__(self, *args: Any, example: str, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.example = example
        told = "print the result as one JSON object"
        self.params.append(click.Option(["--json"], is_flag=True, expose_value=False, callback=_note_json, help=told))

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            # click's parser does not say of which command an option lacks its value.
            error.ctx = error.ctx or ctx
            raise

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        write_example(formatter, self.example)


def _note_json(ctx: click.Context, _option: click.Parameter, given: bool) -> None:
    if given:
        ctx.meta[WANTS_JSON] = True


def write_example(formatter: click.HelpFormatter, example: str) -> None:
    """In one line however long, so that it can be copied."""
    with formatter.section("Example"):
        formatter.write(f"  {example}\n")


class Whole(click.IntRange):
    """A whole number within a range."""

    name = "whole number"


class Duration(click.ParamType[float]):
    """`45m`, `2h30m` or a number of seconds → seconds above 0."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        from search.study.sections import read_duration

        try:
            seconds = float(value if str(value).replace(".", "", 1).isdigit() else read_duration(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)
        if seconds <= 0:
            self.fail(f"a time above 0 is expected, found {value!r}", param, ctx)
        return seconds


class LocalPath(click.Path):
    """A path on this machine; a URL is a mistake."""

    def convert(
        self, value: str | os.PathLike[str], param: click.Parameter | None, ctx: click.Context | None
    ) -> str | bytes | os.PathLike[str]:
        if is_url(os.fspath(value)):
            self.fail(no_url(os.fspath(value)), param, ctx)
        return super().convert(value, param, ctx)


class InBucket(click.Path):
    """A folder, or a URL: then the folder of its working copy on this machine. `runs`: how many of the URL's last parts name
    a run, 1 or 0."""

    def __init__(self, runs: int) -> None:
        super().__init__(path_type=Path)
        self._runs = runs

    def convert(
        self, value: str | os.PathLike[str], param: click.Parameter | None, ctx: click.Context | None
    ) -> str | bytes | os.PathLike[str]:
        if is_url(os.fspath(value)):
            return working_copy(os.fspath(value), self._runs)
        return super().convert(value, param, ctx)


def working_copy(place: str, runs: int) -> Path:
    """The folder of a URL's working copy on this machine, `runs` as of `InBucket`; a folder is its own."""
    if not is_url(place):
        return Path(place)
    from trainables.files.remote.address import opened_copies, runs_url

    bucket, *run = runs_url(place.rstrip("/"), runs)
    return opened_copies(bucket).joinpath(*run)


PATH = LocalPath(path_type=Path)
"""Whether it is there is asked by whoever reads it, and says what belongs there."""

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def together(*decorators: Decorator) -> Decorator:
    """As if each stood in a line of its own above the function, in this order."""
    return lambda function: reduce(lambda inner, decorate: decorate(inner), reversed(decorators), function)


def check_writable(folder: Path, option: str = "") -> None:
    """UserError, naming the option that gives another one, if there is one, where nothing could be written into `folder`.

    Neither it nor what is missing above it is made: a request may yet turn out wrong.
    """
    there = folder.absolute()
    try:
        while not os.path.lexists(there) and there != there.parent:
            there = there.parent
        with tempfile.TemporaryFile(dir=there):
            return
    except OSError as error:
        if error.errno in DISK_FULL:
            raise
        instead = (
            f"name another folder with {option}" if option else "see who may write there, or go on with a copy of it"
        )
        raise UserError(
            f"{folder}: cannot be written to ({there}: {os.strerror(error.errno or 0)}); {instead}"
        ) from None


RUN = InBucket(runs=1)
run_argument = click.argument(
    "run", type=RUN, shell_complete=offered.runs, help="the run's folder, such as runs/quickstart, or its URL"
)

storage_option = click.option(
    "--storage",
    type=InBucket(runs=0),
    default=Path("runs"),
    metavar="DIR",
    help="folder, or URL such as s3://bucket/runs, that holds the runs (default: runs)",
)

SET_HELP = "replace any value of the file, such as trial.train.lr=0.001; fixes a searched key (may be repeated)"
study_parameters = together(
    click.argument(
        "study",
        type=PATH,
        shell_complete=offered.studies,
        help="a study file, such as mine.yaml; `quickstart` and the like name prunetune's own",
    ),
    click.option("--name", metavar="NAME", help="name of the run, in place of the file's `name`"),
    click.option("--set", "sets", multiple=True, metavar="KEY=VALUE", shell_complete=offered.keys, help=SET_HELP),
)
"""STUDY, --name and --set, as `load_study` takes them."""

STAGES_HELP = "folder of states that trials share, for several runs to use (default: stages/ in the run's folder)"
SHARE_HELP = "take over states that another trial with the same beginning has trained (default), or train every state"
sharing_options = together(
    click.option("--stages", type=PATH, metavar="DIR", help=STAGES_HELP),
    click.option("--share/--no-share", default=None, help=SHARE_HELP),
)
"""Of `sweep`, `resume` and `trial`: they replace keys of the study's `resources`."""

BUDGET_HELP = "start no further epoch after this long, such as 45m or 2h30m; resume goes on"
ADDRESS_HELP = (
    "of a running Ray cluster to use: HOST:PORT, `auto`, or `local` for none (default: RAY_ADDRESS, else none)"
)
TAKE_OVER_HELP = (
    "drive the run although a process on another machine does, which has given no sign of life for a minute: that machine "
    "is gone for good"
)
take_over_option = click.option("--take-over", is_flag=True, help=TAKE_OVER_HELP)

launch_options = together(
    click.option("--time-budget", type=Duration(), help=BUDGET_HELP),
    click.option("--max-concurrent", type=Whole(min=1), metavar="N", help="run at most N trials at once"),
    click.option("--address", metavar="ADDRESS", help=ADDRESS_HELP),
    sharing_options,
    take_over_option,
)
"""Options of a launch, which change nothing about the trials; `drive_command` takes them by name."""
