"""`prunetune board`: a TensorBoard of the run, served from this process."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import click

from models.errors import UserError
from search.commands.common import RUN, Outcome, Subcommand, Whole, tell
from search.commands.tools import offered
from search.commands.tools.storage import as_storage, runs_in
from search.run.folder import RunFolder
from trainables.files.epoch_log import has_log
from trainables.files.remote.errors import Unreachable

DEFAULT_PORT = 6006
REFRESH_SECONDS = 30.0
"""Between two looks at the bucket of a run that is in one."""


@click.command("board", cls=Subcommand, example="prunetune board runs/quickstart --port 6006")
@click.argument("run", type=RUN, shell_complete=offered.runs, help="the run's folder or URL, or one that holds runs")
@click.option(
    "--port", type=Whole(0, 65535), metavar="PORT", help=f"port (default: {DEFAULT_PORT}, or the next free one)"
)
@click.option("--host", default="127.0.0.1", metavar="HOST", help="address to listen on (default: this machine only)")
@click.pass_context
def command(context: click.Context, run: Path, host: str, port: int | None) -> Outcome:
    """Show a run's trials in TensorBoard, on this machine, until Ctrl-C: scalars, the kept structure and the HParams table.

    Of a folder or bucket that holds runs it shows them all.
    """
    storage = as_storage(run)
    url = launch(run, host, port) if storage is None else launch_all(storage, host, port)
    print(f"TensorBoard shows {run} at {url} (Ctrl-C ends it)", file=sys.stderr, flush=True)
    tell(outcome := Outcome(json={"run": str(run), "url": url}, text=url), context)
    folder = RunFolder(run.resolve())
    try:
        while not threading.Event().wait(REFRESH_SECONDS):
            _refresh(partial(runs_in, storage, events=True) if storage else partial(folder.update, events=True))
    except KeyboardInterrupt:
        print("", file=sys.stderr)
    return outcome


def _refresh(update: Callable[[], object]) -> None:
    """A bucket that does not answer for a while changes nothing about what is shown."""
    try:
        update()
    except Unreachable as error:
        print(f"prunetune: {error}", file=sys.stderr)


def launch_all(storage: Path, host: str, port: int | None) -> str:
    """As `launch`, of all runs in a storage."""
    runs_in(storage, events=True)
    return _served(storage, host, port)


def launch(run: Path, host: str, port: int | None) -> str:
    """Start TensorBoard in a thread of this process; returns its address. UserError for no run or no free port."""
    folder, trials = RunFolder(run.resolve()), run / "trials"
    folder.update(events=True)
    shown = run if has_log(run) else trials
    if not shown.is_dir():
        raise UserError(
            f"{run}: no run is here (there is no folder `trials` in it), and no folder of runs; give one such as "
            "runs/quickstart or runs"
        )
    return _served(shown, host, port)


def _served(shown: Path, host: str, port: int | None) -> str:
    from tensorboard import program

    board = program.TensorBoard()
    where = ["--port", str(port)] if port is not None else ["--port", "default"]
    board.configure(argv=["tensorboard", "--logdir", str(shown), "--host", host, "--reload_interval", "5", *where])
    try:
        return str(board.launch())
    except program.TensorBoardServerException as error:
        raise UserError(f"--host {host} --port {port or DEFAULT_PORT}: {error}; choose another --port") from None
