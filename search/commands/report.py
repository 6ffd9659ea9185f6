"""`prunetune report`: the page of one run, or of several side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from search.commands.common import PATH, RUN, Outcome, Subcommand, check_writable
from search.run.folder import RunFolder
from search.run.results import RunResults, load_results


@click.command("report", cls=Subcommand, example="prunetune report runs/quickstart")
@click.argument(
    "run", type=RUN, nargs=-1, required=True, help="the run's folder, such as runs/quickstart, or its URL; or several"
)
@click.option(
    "--out",
    type=PATH,
    metavar="DIR",
    help="folder to write to (default: RUN/report, for several runs side-by-side/ in the first one's folder)",
)
@click.option(
    "--static", is_flag=True, help="a page without scripts: the drawings for paper, and every trial in the table"
)
def command(run: tuple[Path, ...], out: Path | None, static: bool) -> Outcome:
    """A page that shows a run, its verdict and what it rests on."""
    runs = [load_results(path) for path in run]
    names: str | list[str] = [str(one.run) for one in runs] if len(runs) > 1 else str(runs[0].run)
    out = out or runs[0].run / ("report" if len(runs) == 1 else "side-by-side")
    files = write_pages(runs, out, static=static)
    return Outcome(
        json={"run": names, "out": str(out), "files": files},
        text=f"{out / 'index.html'} and {len(files) - 1} files beside it",
    )


def write_pages(runs: Sequence[RunResults], out: Path, *, static: bool = False) -> list[str]:
    """The report of one run or of several side by side, in `out`; returns the names of its files, the page first."""
    from search.report.write import write_report, write_side_by_side

    check_writable(out, "--out")
    one = len(runs) == 1
    files = write_report(runs[0], out, static=static) if one else write_side_by_side(runs, out, static=static)
    RunFolder(runs[0].run).publish()
    return files
