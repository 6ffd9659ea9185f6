"""What a person at a terminal is asked: at most four questions, each with a default."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

from models.errors import UserError

Checked = Callable[[str], Any]


def is_terminal() -> bool:
    """Whether somebody is there to answer, and to see the question."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def ask(question: str, default: str | None, check: Checked, choices: Sequence[tuple[str, str]] = ()) -> Any:
    """What `check` makes of the answer; it is asked again where that is a UserError. `choices` are listed with what they mean;
    the default is what an empty answer stands for.

    KeyboardInterrupt where the answers end.
    """
    from rich.console import Console
    from rich.prompt import Prompt
    from rich.text import Text

    console = Console(stderr=True, highlight=False)
    for number, (name, meaning) in enumerate(choices, 1):
        console.print(Text(f"  {number}  {name}: {meaning}"))
    while True:
        try:
            answer = Prompt.ask(Text(question), console=console, default=default, show_default=default is not None)
        except EOFError:
            raise KeyboardInterrupt("nothing was written") from None
        given = (answer or "").strip()
        picked = choices[int(given) - 1][0] if given.isdecimal() and 0 < int(given) <= len(choices) else given
        try:
            return check(picked)
        except UserError as error:
            console.print(Text(str(error)))
