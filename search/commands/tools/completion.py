"""`prunetune completion`: what makes a shell complete commands, options, study files, runs and keys."""

from __future__ import annotations

from typing import Any

import click
from click.shell_completion import get_completion_class

from search.commands.common import Outcome, Subcommand
from search.commands.tools.offered import SHELLS, VARIABLE

HOW = {
    "bash": 'eval "$(prunetune completion bash)"    # in ~/.bashrc',
    "zsh": 'eval "$(prunetune completion zsh)"    # in ~/.zshrc, after compinit',
    "fish": "prunetune completion fish | source    # in ~/.config/fish/config.fish",
}


@click.command("completion", cls=Subcommand, example="prunetune completion fish | source")
@click.argument("shell", type=click.Choice(SHELLS), help="the shell that is to complete")
@click.pass_context
def command(context: click.Context, shell: str) -> Outcome:
    """Print a script by which a shell completes commands, options, study files, runs and the keys of `--set`.

    bash: eval "$(prunetune completion bash)"; zsh the same with zsh; fish: prunetune completion fish | source
    """
    root = context.find_root()
    found: Any = get_completion_class(shell)
    text: str = found(root.command, {}, root.info_name or "prunetune", VARIABLE).source()
    # A key's value comes right after its equals sign.
    text = text.replace(
        "COMPREPLY+=($value)", "COMPREPLY+=($value)\n            [[ $value == *= ]] && compopt -o nospace"
    )
    return Outcome({"shell": shell, "how": HOW[shell], "script": text}, text.strip("\n"))
