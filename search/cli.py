"""The command `prunetune`: finds the sub-command, runs it, prints its outcome, and turns errors into exit statuses.

Results go to standard output, everything else to standard error. 0 done, 1 the work failed or weights were refused, 2 the
request was wrong, 130 interrupted. A sub-command's module is imported only when it was asked for.
"""

from __future__ import annotations

import errno
import importlib
import json
import os
import sys
from collections.abc import Sequence
from types import ModuleType

from models.errors import WORK_FAILED, UserError
from models.names import nearest, suggestion
from search.commands.common import Outcome
from search.parser import Parser
from trainables.files.record import finite

SCHEMA_VERSION = 1
INTERRUPTED = 130
DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

COMMANDS = {
    "sweep": ("search.commands.sweep", "run a study: search, then confirm, under Ray Tune"),
    "resume": ("search.commands.resume", "go on with a run that was interrupted, or grow a finished one"),
    "trial": ("search.commands.trial", "run one trial of a study, without Ray"),
    "status": ("search.commands.status", "show how far a run is, from another shell or after its end"),
    "report": ("search.commands.report", "write a run's report: one page, tables and figures"),
    "compare": ("search.commands.compare", "compare a run's arms and give the verdict"),
    "pareto": ("search.commands.pareto", "list the networks that no other beats in both accuracy and cost"),
    "export": ("search.commands.export", "write the best network within a budget, and the study that repeats it"),
    "board": ("search.commands.board", "show a run's trials in TensorBoard"),
    "init": ("search.commands.init", "fetch, verify and list initial weights"),
    "pretrain": ("search.commands.pretrain", "train weights of our own to start from"),
    "validate": ("search.commands.validate", "check a study file, its data, networks and weights without running it"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        status = _run(arguments)
        sys.stdout.flush()
        return status
    except UserError as error:
        print(f"prunetune: error: {' '.join(str(error).split())}", file=sys.stderr)
        return error.exit_status
    except KeyboardInterrupt as interrupt:
        hint = f": {interrupt}" if str(interrupt) else ""
        print(f"prunetune: interrupted{hint}", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has seen enough; Python would complain again when it closes the stream.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        if error.errno not in DISK_FULL:
            raise
        place = f" ({error.filename})" if error.filename else ""
        print(
            f"prunetune: error: no space left on the disk{place}; what is recorded stays: free some space, then give the "
            "same command again",
            file=sys.stderr,
        )
        return WORK_FAILED
    except SystemExit as done:
        # argparse leaves this way after --help and --version.
        return int(done.code or 0)


def _run(arguments: list[str]) -> int:
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(overview())
        return 0
    if arguments[0] in ("-V", "--version"):
        from importlib.metadata import version

        print(f"prunetune {version('prunetune')}")
        return 0
    name, *rest = arguments
    command = _command(name)
    parser = parser_of(name, command)
    options = parser.parse_args(rest)
    outcome: Outcome = command.run(options)
    print(_as_json(outcome) if options.json else outcome.text)
    return outcome.exit_status


def parser_of(name: str, command: ModuleType) -> Parser:
    """The complete parser of one sub-command; `--json` is the same for all."""
    example = f"example:\n  {command.EXAMPLE}"
    parser = Parser(prog=f"prunetune {name}", description=(command.__doc__ or "").strip(), epilog=example)
    parser.add_argument("--json", action="store_true", help="print the result as one JSON object")
    command.configure(parser)
    return parser


def overview() -> str:
    """What `prunetune --help` shows."""
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {help_line}" for name, (_, help_line) in COMMANDS.items()]
    return "\n".join(
        [
            "usage: prunetune COMMAND ...",
            "",
            "Which pruning method, schedule and recipe gives the best small network, and is the difference real?",
            "",
            "commands:",
            *lines,
            "",
            "`prunetune COMMAND --help` explains one and shows an example.",
            "",
            "example:",
            "  prunetune sweep configs/quickstart.yaml",
        ]
    )


def _command(name: str) -> ModuleType:
    if name not in COMMANDS:
        known = ", ".join(COMMANDS)
        raise UserError(f"{name!r} is not a command ({known}){suggestion(nearest(name, COMMANDS))}")
    return importlib.import_module(COMMANDS[name][0])


def _as_json(outcome: Outcome) -> str:
    return json.dumps(finite({"schema_version": SCHEMA_VERSION, **outcome.json}), allow_nan=False)


if __name__ == "__main__":
    sys.exit(main())
