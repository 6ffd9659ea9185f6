"""The command `prunetune`: finds the sub-command, runs it, prints its outcome, and turns errors into exit statuses.

Results go to standard output, everything else to standard error. 0 done, 1 the work failed or weights were refused, 2 the
request was wrong, 130 interrupted. A sub-command's module is imported only when it was asked for.
"""

from __future__ import annotations

import atexit
import errno
import gc
import importlib
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import NoReturn

import click
from click.shell_completion import CompletionItem, shell_complete

from models.errors import INTERRUPTED, REQUEST_WRONG, WORK_FAILED, UserError
from models.names import suggestion
from search.commands.common import DISK_FULL, Outcome, tell, write_example
from search.commands.tools.offered import VARIABLE
from search.console import clear_away, one_line
from search.tuning.stop_request import terminated_like_interrupted
from trainables.files.failure import FAILING
from trainables.files.remote.address import with_urls

NAME = "prunetune"
NOT_ALLOWED = (errno.EACCES, errno.EPERM, errno.EROFS)
OF_ANOTHER_KIND = (errno.EISDIR, errno.ENOTDIR, errno.EEXIST, errno.ELOOP, errno.ENAMETOOLONG)

COMMANDS = {
    "new": ("search.new.command", "write a study file for a folder of images"),
    "sweep": ("search.commands.sweep", "run a study: search, then confirm, under Ray Tune"),
    "resume": ("search.commands.resume", "go on with a run that was interrupted, or grow a finished one"),
    "trial": ("search.commands.trial", "run one trial of a study, without Ray"),
    "status": ("search.commands.status", "show how far a run is, from another shell or after its end"),
    "list": ("search.commands.tools.list", "list the runs in a folder or bucket"),
    "report": ("search.commands.report", "write a run's report: one page, tables and figures"),
    "compare": ("search.commands.compare", "compare a run's arms and give the verdict"),
    "pareto": ("search.commands.pareto", "list the networks that no other beats in both accuracy and cost"),
    "export": ("search.commands.export", "write the best network within a budget, and the study that repeats it"),
    "board": ("search.commands.board", "show a run's trials, or all runs in a folder, in TensorBoard"),
    "log": ("search.commands.tools.log", "send to MLflow, Weights & Biases or Comet what they lack of a run"),
    "init": ("search.commands.init", "fetch, verify and list initial weights"),
    "pretrain": ("search.commands.pretrain", "train weights of our own to start from"),
    "schema": ("search.commands.tools.schema", "print the JSON Schema of study files, for editors"),
    "completion": ("search.commands.tools.completion", "make bash, zsh or fish complete what is typed"),
    "validate": ("search.commands.validate", "check a study file, its data, networks and weights without running it"),
}


class Commands(click.Group):
    """The sub-commands by name; listing them imports none."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        found: click.Command = importlib.import_module(COMMANDS[cmd_name][0]).command
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in COMMANDS and not ctx.resilient_parsing:
            raise click.NoSuchCommand(args[0], possibilities=COMMANDS, ctx=ctx)
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        names = [CompletionItem(name, help=told) for name, (_, told) in COMMANDS.items() if name.startswith(incomplete)]
        return [*names, *click.Command.shell_complete(self, ctx, incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, told) for name, (_, told) in COMMANDS.items()])

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        formatter.write(f"\n`{NAME} COMMAND --help` explains one and shows an example.\n")
        write_example(formatter, f"{NAME} sweep configs/quickstart.yaml")


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(None, "-V", "--version", package_name="prunetune", message="%(prog)s %(version)s")
def program() -> None:
    """Which pruning method, schedule and recipe gives the best small network, and is the difference real?"""


def run() -> NoReturn:
    """The program: `main`, whose status it exits with."""
    status = WORK_FAILED

    def leave() -> None:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
        os._exit(status)

    # Registered first, this is done last: what else is to be done at the end is done by then, and the interpreter would only
    # take 0.7 s to free a million objects one by one.
    atexit.register(leave)
    status = main()
    sys.exit(status)


NEW_OBJECTS = 10_000
"""Between two looks of the garbage collector at the youngest; at its own 700 it looks for 0.4 s of a command's first 3."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    gc.set_threshold(NEW_OBJECTS)
    with terminated_like_interrupted():
        try:
            return _ended(list(sys.argv[1:] if argv is None else argv))
        finally:
            with suppress(KeyboardInterrupt):
                clear_away()


def _ended(arguments: list[str]) -> int:
    """The exit status of a command, after it has said how it ended."""
    try:
        status = _run(arguments)
        sys.stdout.flush()
        return status
    except UserError as error:
        return _told(with_urls(str(error)), error.exit_status)
    except click.ClickException as error:
        return _told(_one_line(error), REQUEST_WRONG)
    except KeyboardInterrupt as interrupt:
        hint = f": {interrupt}" if str(interrupt) else ""
        print(f"prunetune: interrupted{hint}", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has seen enough; Python would complain again when it closes the stream.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return WORK_FAILED
    except OSError as error:
        told = _of_the_system(error)
        if told is None:
            raise
        return _told(*told)


def _of_the_system(error: OSError) -> tuple[str, int] | None:
    """What to say of a file that could not be read or written, and the exit status; None where it is no user's to mend."""
    number, place, reason = error.errno, error.filename, os.strerror(error.errno or 0)
    if number in DISK_FULL:
        where = f" ({place})" if place else ""
        told = f"no space left on the disk{where}; what is recorded stays: free some space, then give the same command again"
        return told, WORK_FAILED
    if number in FAILING:
        return (
            f"{place or 'a file'}: {reason}; see that the disk or mount works, then give the same command again",
            WORK_FAILED,
        )
    if not place:
        return None
    if number in NOT_ALLOWED:
        return f"{place}: {reason}; see who may read and write there", REQUEST_WRONG
    if number in OF_ANOTHER_KIND:
        return (
            f"{place}: {reason}; see what stands there in place of what belongs there, and move it away",
            REQUEST_WRONG,
        )
    return None


def _run(arguments: list[str]) -> int:
    """As click's own `main` does, which would print a line of its own when interrupted."""
    if asked := os.environ.get(VARIABLE):
        return shell_complete(program, {}, NAME, VARIABLE, asked)
    if arguments[:1] in ([], ["help"]):
        arguments = ["--help"]
    try:
        with program.make_context(NAME, arguments) as context:
            outcome: Outcome = program.invoke(context)
    except click.exceptions.Exit as done:
        # click leaves this way after --help and --version.
        return done.exit_code
    tell(outcome, context)
    return outcome.exit_status


def _one_line(error: click.ClickException) -> str:
    """click's message, before it the command that was meant, and after it where its parameters stand."""
    told = error.format_message()
    if isinstance(error, click.NoSuchOption | click.NoSuchCommand):
        told = error.message.removesuffix(".") + suggestion(next(iter(error.possibilities or ()), None))
    context = error.ctx if isinstance(error, click.UsageError) else None
    place = context.command_path if context else NAME
    return f"{place}: {told[:1].lower()}{told[1:].removesuffix('.')}; see `{place} --help`"


def _told(message: str, status: int) -> int:
    print(f"prunetune: error: {one_line(message)}", file=sys.stderr)
    return status


if __name__ == "__main__":
    run()
